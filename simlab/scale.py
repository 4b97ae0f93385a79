"""A person from a standing trial: lengths of the segments, masses, and where each marker sits.

Joint centres give the lengths. The scaled skeleton is posed on them and on the bony landmarks that have a marker, and
every marker of the recording is fixed to its segment where it is then. Feet stand flat on the floor.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from simlab import anatomy, ik, landmarks, marker_sets
from simlab.body import HINGES, Body, expectation, with_arms
from simlab.errors import RecordingError
from simlab.model import Model, build, points
from simlab.motion import SUFFIX, Array, Markers, readonly
from simlab.subject import Proportions, Subject

ROLES = {
    "asis": "asis",
    "psis": "psis",
    "knee": "lateral_epicondyle",
    "knee_medial": "medial_epicondyle",
    "ankle": "lateral_malleolus",
    "ankle_medial": "medial_malleolus",
    "heel": "heel",
    "toe": "second_metatarsal_head",
    "metatarsal_1": "first_metatarsal_head",
    "metatarsal_5": "fifth_metatarsal_head",
    "shoulder": "acromion",
}
"""What a marker is -> the landmark of the skeleton that lies below it."""
CENTRES = ("hip", "knee", "ankle")
LATERAL = ("hip", "lateral_epicondyle", "lateral_malleolus")
"""Where the knee and the ankle have no marker but the lateral one, it is compared with the bone below it."""
UPRIGHT = ("thigh_length", "shank_length", "trunk_length")
"""What a stature is estimated from."""
FLAT = ("heel", "toe", "metatarsal_1", "metatarsal_5")
"""Markers of the foot: they say where it points; that it lies flat says how it is tilted, better than the thickness of
skin and shoe."""
SURE = 10.0
"""Weight of a joint centre against a bony landmark, over which skin lies."""
ARMS = {"elbow": ("ulna", (0.0, 0.0, 0.0)), "wrist": ("radius", (-0.008797, -0.235841, 0.01361))}
"""Joint centres of the arm -> link, place in it at the reference stature [m] (joints.csv)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A scaled person. subject: size, mass, proportions and the dials that were given; model: for muscles and
    simulation; body: with arms and markers, for inverse kinematics and dynamics.

    lengths: segment -> measured and reference length at this stature [m]; standing: coordinate -> angle of the standing
    posture [rad]; misfit: landmark -> how far it lay from the posed skeleton [m]; definition: how joint centres, height
    and mass were found; loose: markers without a segment.
    """

    subject: Subject
    model: Model
    body: Body
    lengths: Mapping[str, tuple[float, float]]
    standing: Mapping[str, float]
    misfit: Mapping[str, float]
    definition: str
    loose: tuple[str, ...]

    def report(self) -> dict[str, Any]:
        """What was found, JSON-able, in units that the names say."""
        return {
            "mass_kg": self.subject.mass_kg,
            "height_m": self.subject.height_m,
            "proportions": self.subject.proportions.model_dump(),
            "lengths_mm": {name: {"measured": 1e3 * a, "reference": 1e3 * b} for name, (a, b) in self.lengths.items()},
            "standing_deg": {name: float(np.degrees(value)) for name, value in self.standing.items()},
            "landmark_misfit_mm": {name: 1e3 * value for name, value in self.misfit.items()},
            "definition": self.definition,
            "markers": len(self.body.markers),
            "markers_without_segment": list(self.loose),
        }


def scale(
    standing: Markers,
    base: Subject | None = None,
    *,
    mass_kg: float | None = None,
    height_m: float | None = None,
    joint_centres: str | None = None,
    marker_set: marker_sets.MarkerSet | None = None,
) -> Person:
    """The person who stands in these frames.

    base: what else is known (sex, deficits; its mass and height count where none is given here). height_m: where
    neither is given, it is estimated from the length of the legs. joint_centres: as in `landmarks.locate`, by default
    the best that the markers allow. marker_set: by default recognised from the labels.
    Errors: RecordingError for missing markers, or lengths that no person has.
    """
    named = landmarks.Named(standing, marker_set)
    chosen = named.recognised
    kind = joint_centres or best_centres(named)
    medial = kind == "clusters"
    located = landmarks.locate(standing, standing if medial else None, kind, marker_set=marker_set)
    mean = {name: getattr(located, name).mean(axis=0) for name in landmarks.PLACES}
    seen = _seen(named, mean)
    subject = base or Subject()
    said = [f"joint centres: {located.definition}"]
    if mass_kg is not None:
        subject = _with(subject, standing.source, "mass_kg", mass_kg)
    elif base is None:
        said.append(f"mass {subject.mass_kg:g} kg assumed: nobody measured it")
    ends = LATERAL if kind == "lateral-markers" else CENTRES
    measured = _measured(mean, seen, ends)
    if height_m is None and base is None:
        reference = _reference(subject, ends)
        parts = [name for name in UPRIGHT if name in measured]
        whole = (
            {"trunk_length": reference["trunk_length"]} if _by_c7(seen) else {"trunk_length": reference["shoulders"]}
        )
        total = sum((reference | whole)[name] for name in parts)
        height_m = subject.height_m * sum(measured[name] for name in parts) / total
        named_parts = ", ".join(name.removesuffix("_length") for name in parts)
        said.append(f"height {height_m:.2f} m from the lengths of {named_parts}")
    if height_m is not None:
        subject = _with(subject, standing.source, "height_m", round(height_m, 3))
    subject = subject.model_copy(update={"proportions": Proportions()})
    reference = _reference(subject, ends)
    lengths = {name: (value, reference[name]) for name, value in measured.items()}
    factors = {name: round(_factor(name, *pair, seen, reference), 4) for name, pair in lengths.items()}
    limits = 0.7, 1.4
    for name, factor in factors.items():
        if not limits[0] <= factor <= limits[1]:
            expected = f"{limits[0] * lengths[name][1]:.3f} to {limits[1] * lengths[name][1]:.3f} m"
            found = f"found {lengths[name][0]:.3f} m"
            raise RecordingError(f"{standing.source}: expected a {name.replace('_', ' ')} of {expected}, {found}")
    subject = subject.model_copy(update={"proportions": Proportions(**factors)})
    model = build(subject)
    bare = with_arms(subject)
    posed = _pose(bare, subject, mean, seen, kind)
    body, loose = _attach(bare, posed, standing, chosen)
    return Person(
        subject=subject,
        model=model,
        body=body,
        lengths=lengths,
        standing={name: float(posed.angle(name)[0]) for name in HINGES},
        misfit={name: float(posed.error[0, i]) for i, name in enumerate(posed.body.markers)},
        definition="; ".join([*said, f"marker set: {chosen.title}"]),
        loose=loose,
    )


def best_centres(named: landmarks.Named) -> str:
    """The best definition of joint centres that the markers of a standing trial allow."""
    if named.has("knee_medial", "ankle_medial", "knee", "ankle"):
        return "clusters"
    return "joint-centres" if named.has("knee_centre", "ankle_centre") else "lateral-markers"


def _with(subject: Subject, source: str, key: str, value: float) -> Subject:
    from simlab.subject import change

    return change(subject, [f"{key}={value!r}"], source)


# --- what is measured ------------------------------------------------------------------------------------------------


def _seen(named: landmarks.Named, mean: Mapping[str, Array]) -> dict[str, Array]:
    """The bony landmarks and the joint centres that have a marker: name of the point -> place [m] (3,)."""
    out: dict[str, Array] = {}

    def at(role: str, side: str | None) -> Array | None:
        labels = named.find(role, side)
        if not labels:
            return None
        place = np.nanmean(named.raw(labels[0]), axis=0)
        return place if np.isfinite(place).all() else None

    def middle(roles: tuple[str, ...], side: str) -> Array | None:
        places = [place for role in roles if (place := at(role, side)) is not None]
        return np.mean(places, axis=0) if places else None

    for i, (side, suffix) in enumerate(SUFFIX.items()):
        for role, name in ROLES.items():
            place = at(role, side)
            if place is not None:
                out[name + suffix] = place
        for centre, roles in (("elbow", ("elbow", "elbow_medial")), ("wrist", ("wrist_radius", "wrist_ulna"))):
            place = at(f"{centre}_centre", side)
            place = middle(roles, side) if place is None else place
            if place is not None:
                out[centre + suffix] = place
        for centre in CENTRES:
            out[centre + suffix] = mean[centre][i]
    c7 = at("c7", None)
    if c7 is not None:
        out["c7"] = c7
    return out


def _measured(mean: Mapping[str, Array], seen: Mapping[str, Array], ends: Sequence[str]) -> dict[str, float]:
    """Lengths of the segments [m], by the name of the proportion; ends: the points that thigh and shank lie between."""

    def apart(a: str, b: str) -> float | None:
        pairs = [(a + s, b + s) for s in SUFFIX.values() if a + s in seen and b + s in seen]
        return float(np.mean([np.linalg.norm(seen[p] - seen[q]) for p, q in pairs])) if pairs else None

    top, foot, depth = _top(seen), None, None
    if "heel_r" in seen:
        along = (mean["toe"] - mean["heel"]) * [1.0, 0.0, 1.0]
        foot = float(np.linalg.norm(along, axis=1).mean()) - 2 * landmarks.SKIN
    if "asis_r" in seen:
        depth = float(np.linalg.norm((mean["asis"] - mean["hip"]).mean(axis=0))) - landmarks.SKIN
    found = {
        "pelvis_width": float(np.linalg.norm(mean["hip"][0] - mean["hip"][1])),
        "thigh_length": apart(ends[0], ends[1]),
        "shank_length": apart(ends[1], ends[2]),
        "foot_length": foot,
        "pelvis_depth": depth,
        "trunk_length": None if top is None else float(np.linalg.norm(top - mean["hip"].mean(axis=0))),
        "upper_arm_length": apart("acromion", "elbow"),
        "forearm_length": apart("elbow", "wrist"),
    }
    return {name: value for name, value in found.items() if value is not None}


def _by_c7(seen: Mapping[str, Array]) -> bool:
    return "c7" in seen


def _top(seen: Mapping[str, Array]) -> Array | None:
    """The upper end of the trunk: the seventh cervical vertebra, or the middle of the shoulders."""
    if _by_c7(seen):
        return seen["c7"]
    if "acromion_r" in seen and "acromion_l" in seen:
        return np.asarray((seen["acromion_r"] + seen["acromion_l"]) / 2)
    return None


def _reference(subject: Subject, ends: Sequence[str]) -> dict[str, float]:
    """The same lengths of the reference skeleton of the subject's stature, upright."""
    plain = subject.model_copy(update={"proportions": Proportions()})
    places = {name: place for name, (_, place) in _upright(plain).items()}

    def apart(a: str, b: str) -> float:
        return float(np.linalg.norm(places[a] - places[b]))

    middle = (places["hip_r"] + places["hip_l"]) / 2
    foot = (places["second_metatarsal_head_r"] - places["heel_r"]) * [1, 0, 1]
    shoulders = (places["acromion_r"] + places["acromion_l"]) / 2
    return {
        "pelvis_width": apart("hip_r", "hip_l"),
        "thigh_length": apart(f"{ends[0]}_r", f"{ends[1]}_r"),
        "shank_length": apart(f"{ends[1]}_r", f"{ends[2]}_r"),
        "foot_length": float(np.linalg.norm(foot)),
        "pelvis_depth": float(np.linalg.norm((places["asis_r"] + places["asis_l"]) / 2 - middle)),
        "trunk_length": float(np.linalg.norm(places["c7"] - middle)),
        "shoulders": float(np.linalg.norm(shoulders - middle)),
        "lumbar_height": float((places["lumbar"] - middle)[1]),
        "upper_arm_length": apart("acromion_r", "elbow_r"),
        "forearm_length": apart("elbow_r", "wrist_r"),
    }


def _factor(
    name: str, measured: float, reference: float, seen: Mapping[str, Array], all_: Mapping[str, float]
) -> float:
    """How much longer a segment is; of the trunk only what lies above the lumbar joint grows."""
    if name != "trunk_length":
        return measured / reference
    whole = all_["trunk_length"] if _by_c7(seen) else all_["shoulders"]
    return (measured - all_["lumbar_height"]) / (whole - all_["lumbar_height"])


def _upright(subject: Subject) -> dict[str, tuple[int, Array]]:
    """Landmarks and joint centres of the skeleton at zero angles: name -> link, place [m]."""
    body = with_arms(subject)
    frames = _Frames(body)
    out = {name: (link, frames.place(link, local)) for name, (link, local) in attachments(subject, body).items()}
    lumbar = body.names.index("lumbar_1")
    return out | {"lumbar": (lumbar, frames.place(lumbar, np.zeros(3)))}


class _Frames:
    """Origins of the links at zero angles, where all axes are parallel."""

    def __init__(self, skeleton: anatomy.Skeleton) -> None:
        self.origin = np.zeros((len(skeleton.names), 3))
        for i, parent in enumerate(skeleton.parent):
            if parent >= 0:
                self.origin[i] = self.origin[parent] + skeleton.pos[i]

    def place(self, link: int, local: Array) -> Array:
        return np.asarray(self.origin[link] + local)


def attachments(subject: Subject, skeleton: anatomy.Skeleton) -> dict[str, tuple[int, Array]]:
    """Landmarks and joint centres, arms included: name -> link, place in it [m]."""
    stretch = anatomy.stretch(skeleton.names, subject.proportions.model_dump())
    turned = np.tile(np.eye(3), (len(skeleton.names), 1, 1))
    out = points(subject, skeleton.names, stretch, turned)
    size = subject.height_m / anatomy.REFERENCE_HEIGHT
    for name, (link, local) in ARMS.items():
        for suffix, mirror in (("_r", 1.0), ("_l", -1.0)):
            i = skeleton.names.index(link + suffix)
            out[name + suffix] = (i, np.array(local) * size * [1, 1, mirror] * stretch[i])
    return out


# --- the posture, and what it carries --------------------------------------------------------------------------------


def _pose(
    skeleton: anatomy.Skeleton,
    subject: Subject,
    mean: Mapping[str, Array],
    seen: Mapping[str, Array],
    kind: str,
) -> ik.Tracked:
    """The skeleton on the joint centres and landmarks of the standing person."""
    places, frames = attachments(subject, skeleton), _Frames(skeleton)
    lateral = kind == "lateral-markers"
    targets = {name: place for name, place in seen.items() if name in places}
    if lateral:
        targets = {name: place for name, place in targets.items() if not name.startswith(("knee_", "ankle_"))}
    if kind != "joint-centres":
        for suffix, leg in zip(SUFFIX.values(), (0, 1), strict=True):
            joint = ("lateral_malleolus" if lateral else "ankle") + suffix
            ankle = frames.place(*places[joint])[1]
            for role in FLAT:
                name = ROLES[role] + suffix
                if name in targets:
                    height = mean["ankle"][leg, 1] + frames.place(*places[name])[1] - ankle
                    targets[name] = np.array([targets[name][0], height, targets[name][2]])
    names = tuple(targets)
    body = Body(
        skeleton=skeleton,
        coordinates=HINGES,
        **expectation(HINGES),
        markers=names,
        link=np.array([places[name][0] for name in names], dtype=np.int32),
        local=np.array([places[name][1] for name in names]),
    )
    once = Markers(names=names, time=np.zeros(1), positions=np.array([[targets[n] for n in names]]), source="standing")
    weights = {name: SURE for name in names if name.rpartition("_")[0] in (LATERAL if lateral else CENTRES)}
    return ik.solve(body, once, weights=weights, smooth=False)


def _attach(
    skeleton: anatomy.Skeleton, posed: ik.Tracked, standing: Markers, chosen: marker_sets.Recognised
) -> tuple[Body, tuple[str, ...]]:
    """The body with every marker that has a segment, where it is in the standing posture; and the others' names."""
    rotation, origin = posed.body.frames(posed.q[0])
    names, links, local, loose = [], [], [], []
    for i, label in enumerate(standing.names):
        segment, place = chosen.segment(label), np.nanmean(standing.positions[:, i], axis=0)
        if segment is None or not np.isfinite(place).all():
            loose.append(label)
            continue
        link = skeleton.names.index(segment)
        names.append(label)
        links.append(link)
        local.append(rotation[link].T @ (place - origin[link]))
    if len(names) < ik.FEWEST:
        raise RecordingError(f"{standing.source}: expected markers on segments, found {', '.join(names) or 'none'}")
    body = replace(
        posed.body, markers=tuple(names), link=np.array(links, dtype=np.int32), local=readonly(local, None, 3)
    )
    return body, tuple(loose)
