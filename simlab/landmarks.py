"""Markers -> landmarks: joint centres, heel, second metatarsal head and iliac spines of both legs.

The definition of the joint centres decides every frontal-plane number (one trial: FPPA -33 or -56 deg), so it is
named, chosen by the user and carried along. Names of markers are data: `simlab.marker_sets`.

- `lateral-markers`: knee and ankle are the markers on the lateral epicondyle and the lateral malleolus; where nothing
  better is at hand, half the width of the joint inward of them.
- `clusters`: midpoints between the medial and lateral markers of a static trial, carried by rigid fits of the thigh
  and shank markers (with the lateral marker of their distal end).
- `functional`: the point of the knee's axis of motion (`simlab.functional`) beside the lateral epicondyle, moved to the
  middle of the condyles where a static trial with a medial marker or a width tells how far; the ankle as in `clusters`,
  else as in `lateral-markers`.
- `joint-centres`: hip, knee and ankle are joints of the file (BVH, Kinect); where it marks no heel or iliac spines,
  they are estimated from the joints, which the definition says.

Else the hip is the file's own hip joint centre where there is one, else the regression of Harrington et al. 2007,
unless one of these or the functional centre is asked for. The definition that goes with every result names both.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import numpy as np

from simlab import functional, marker_sets, signals
from simlab.clusters import carry
from simlab.errors import InputError
from simlab.marker_sets import MarkerSet
from simlab.motion import SIDES, Array, Landmarks, Markers
from simlab.repair import Repair, fill

JOINT_CENTRES = ("lateral-markers", "clusters", "functional", "joint-centres")
HIPS = ("auto", "file", "functional", "harrington")
"""How the hip centres are found; auto: those of the file, else Harrington's regression."""
PLACES = ("hip", "knee", "ankle", "heel", "toe", "asis")
"""The points of `Landmarks`."""
SKIN = 0.012
"""How far the centre of a marker lies off the bone [m]: its radius of 7 mm, and skin."""
SECOND_HEAD = 0.3
"""Where the second metatarsal head lies on the line from the first to the fifth (five heads, the first the widest)."""

WIDEST = 0.25
"""A knee or an ankle is narrower than this [m]: what is wider is in another unit."""
SPINES = (0.3643, 0.5080, 0.2818)
"""Iliac spines from the hip joints, forward, upward and outward (each), as shares of the distance of the hip joints:
models/landmarks.csv (asis) less models/joints.csv (hip), over twice 0.07726 m. Of a pelvis without tilt."""
CLUSTERS = {"knee": "thigh", "ankle": "shank"}
"""The skin markers that carry a joint centre."""
OUTWARD = np.array([1.0, -1.0])
"""Right and left along an axis that points right."""

log = logging.getLogger(__name__)


def locate(
    markers: Markers,
    static: Markers | None = None,
    joint_centres: str = "lateral-markers",
    *,
    marker_set: MarkerSet | None = None,
    knee_width_m: float | None = None,
    ankle_width_m: float | None = None,
    hip: str = "auto",
) -> Landmarks:
    """The landmarks of a recording [m]; short gaps are filled and reported through logging.

    static: a standing trial with medial knee and ankle markers, for `clusters` and, if there is one, for `functional`.
    marker_set: what the labels mean, where they are not to be recognised. hip: one of `HIPS`. Widths, for
    `lateral-markers` and `functional`: from the centre of the lateral marker to that of a medial one (calliper width
    plus the diameter of a marker) [m]; the joint is half of it inward, along the horizontal left-right axis of the
    pelvis, or the functional axis of the knee.
    Errors: InputError for an unknown definition, a missing marker, a long gap, a width that is none, a vertical that is
    not Y; RecordingError for markers of no set (`marker_sets.recognise`).
    """
    if joint_centres not in JOINT_CENTRES:
        raise InputError(f"joint centres: expected one of {', '.join(JOINT_CENTRES)}, found {joint_centres!r}")
    if joint_centres == "clusters" and static is None:
        raise InputError("joint centres 'clusters': expected a static trial with medial markers, found none (--static)")
    widths = {"knee": knee_width_m, "ankle": ankle_width_m}
    given = {joint: width for joint, width in widths.items() if width is not None}
    if given and joint_centres not in ("lateral-markers", "functional"):
        raise InputError(
            f"{', '.join(given)} width: expected with lateral-markers or functional, found {joint_centres}"
        )
    if hip not in HIPS:
        raise InputError(f"hip: expected one of {', '.join(HIPS)}, found {hip!r}")
    if joint_centres == "joint-centres" and hip not in ("auto", "file"):
        raise InputError(f"hip: expected that of the file with joint-centres, found {hip!r}")
    for joint, width in given.items():
        if not 0 < width < WIDEST:
            raise InputError(f"{joint} width: expected more than 0 and less than {WIDEST} m, found {width:g}")
    recording = Named(markers, marker_set)
    if joint_centres == "joint-centres":
        points, definition = _joints(recording)
    else:
        centres, hip_definition = _hip(recording, hip)
        points = {
            "hip": centres,
            "asis": recording.both("asis"),
            "heel": recording.both("heel"),
            "toe": _toe(recording),
        }
        standing = None if static is None else Named(static, marker_set)
        definition = joint_centres
        if joint_centres == "functional":
            points["knee"], points["ankle"], definition = _functional(recording, standing, points["asis"], widths)
        elif joint_centres == "clusters" and standing is not None:
            points["knee"], points["ankle"] = (_carried(recording, standing, joint) for joint in CLUSTERS)
        else:
            points["knee"], points["ankle"] = _lateral(recording, points["asis"], widths)
            if given:
                definition += f" half a width inward ({', '.join(f'{j} {1e3 * w:g} mm' for j, w in given.items())})"
        definition += f"; hip: {hip_definition}"
    landmarks = Landmarks(time=markers.time, definition=definition, source=markers.source, **points)
    for gap in recording.filled:
        log.warning("%s: %s", markers.source, gap)
    if not (landmarks.hip[..., 1].mean() > landmarks.knee[..., 1].mean() > landmarks.heel[..., 1].mean()):
        raise InputError(f"{markers.source}: expected Y up (hip above knee above heel), found another vertical; say up")
    return landmarks


# --- markers by what they mean ---------------------------------------------------------------------------------------


class Named:
    """The markers of a file by role (`knee`, `heel`, ...), gaps filled. `filled` collects the gaps.

    marker_set: what the labels mean, where they are not to be recognised. Errors: RecordingError.
    """

    def __init__(self, markers: Markers, marker_set: MarkerSet | None = None) -> None:
        self.markers = markers
        self.filled: list[Repair] = []
        self.recognised = marker_sets.recognise(markers.names, marker_set, markers.source)
        self.find = self.recognised.find
        self.has = self.recognised.has

    def raw(self, name: str) -> Array:
        """A marker as recorded [m], shape (n, 3)."""
        return self.markers.positions[:, self.markers.names.index(name)]

    def point(self, role: str, side: str | None = None) -> Array:
        """A marker without gaps [m], shape (n, 3). Errors: InputError when it is missing or its gap is long."""
        found = self.find(role, side)
        if not found:
            known = self.recognised.marker_set
            names = ", ".join(known.names(role, side)) or f"the marker set {known.name} has none"
            where = f"{self.markers.source}: expected a marker for the {f'{side} ' if side else ''}{role} ({names})"
            hint = "; it has joints: choose joint-centres" if self.has("knee_centre") else ""
            raise InputError(f"{where}, found {', '.join(self.markers.names)}{hint}")
        points, gaps = fill(self.markers.time, self.raw(found[0]), found[0], self.markers.source)
        self.filled += [gap for gap in gaps if gap not in self.filled]
        return points

    def both(self, role: str) -> Array:
        """A role on both sides [m], shape (n, 2, 3), right then left."""
        return np.stack([self.point(role, side) for side in SIDES], axis=1)


# --- landmarks -------------------------------------------------------------------------------------------------------


def _lateral(recording: Named, asis: Array, widths: dict[str, float | None]) -> list[Array]:
    """Knee and ankle: the lateral markers, each half a width inward where there is one."""
    joints = [recording.both(joint) for joint in widths]
    if not any(widths.values()):
        return joints
    across = _unit((asis[:, 0] - asis[:, 1]) * [1.0, 0.0, 1.0])[:, None] * OUTWARD[:, None]
    return [joint - (width or 0.0) / 2 * across for joint, width in zip(joints, widths.values(), strict=True)]


def _joints(recording: Named) -> tuple[dict[str, Array], str]:
    """Landmarks of a file that has the joint centres themselves, and how what it lacks was estimated."""
    points = {joint: recording.both(f"{joint}_centre") for joint in ("hip", "knee", "ankle")}
    points["toe"] = _toe(recording)
    said = [f"joint-centres of the file ({recording.recognised.marker_set.name})"]
    if recording.has("heel"):
        points["heel"] = recording.both("heel")
    else:
        points["heel"] = points["ankle"]
        said.append("heel: the ankle joint")
    if recording.has("asis"):
        points["asis"] = recording.both("asis")
    else:
        points["asis"] = iliac_spines(points["hip"])
        if not np.isfinite(points["asis"]).all():
            raise InputError(f"{recording.markers.source}: expected hip joints side by side, found them on a vertical")
        said.append("iliac spines: parallel to the hip joints, of a pelvis without tilt")
    return points, "; ".join(said)


def iliac_spines(hip: Array) -> Array:
    """Both ASIS from the hip joint centres, (n, 2, 3), for files that have joints only [m].

    Assumes that the line of the spines is parallel to that of the hip joints, so that heading and obliquity are those
    of the hip joints, and that the pelvis of the reference skeleton, in proportion, leans neither forward nor back.
    """
    right = hip[:, 0] - hip[:, 1]
    apart = np.linalg.norm(right, axis=1)[:, None]
    z = _unit(right)
    x = _unit(np.cross(np.array([0.0, 1.0, 0.0]), z))
    forward, upward, outward = SPINES
    middle = forward * x + upward * np.cross(z, x)
    return hip + apart[:, None] * (middle[:, None] + outward * z[:, None] * OUTWARD[:, None])


def _unit(vectors: Array) -> Array:
    """NaN for a vector without length."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.where(length > 0, length, np.nan))


def _carried(recording: Named, static: Named, joint: str) -> Array:
    """Knee or ankle centres of the static trial, carried by the thigh or shank clusters [m], shape (n, 2, 3)."""
    cluster, sides = CLUSTERS[joint], []
    for side in SIDES:
        medial, lateral = (static.point(role, side).mean(axis=0) for role in (f"{joint}_medial", joint))
        names = _cluster(recording, static, cluster, joint, side)
        reference = np.array([np.nanmean(static.raw(name), axis=0) for name in names.values()])
        moving = np.stack([recording.raw(name) for name in names], axis=1)
        moved = carry(reference, moving, (medial + lateral) / 2)
        sides.append(_without_gaps(recording, moved, f"the {side} {cluster} cluster ({', '.join(names)})"))
    return np.stack(sides, axis=1)


def _functional(
    recording: Named, static: Named | None, asis: Array, widths: dict[str, float | None]
) -> tuple[Array, Array, str]:
    """Knee on its axis of motion, ankle as well as the files allow; and how, in words."""
    across = _unit((asis[:, 0] - asis[:, 1]) * [1.0, 0.0, 1.0])
    knees, residuals, moved = [], [], ""
    for side, sign in zip(SIDES, OUTWARD, strict=True):
        thigh, shank = (_segment(recording, role, joint, side) for joint, role in CLUSTERS.items())
        joint = functional.hinge(thigh, shank, recording.markers.source)
        residuals.append(joint.residual)
        lateral = np.nanmean(thigh.within(recording.raw(recording.find("knee", side)[0])), axis=0)
        axis = np.asarray(joint.axis)
        # Towards the person's right, then outward for this leg.
        axis = axis * sign * np.sign(np.nanmean(np.einsum("nij,j,ni->n", thigh.rotation, axis, across)))
        half, moved = 0.0, "beside the lateral epicondyle"
        if static is not None and static.has("knee", "knee_medial"):
            apart = static.point("knee", side).mean(axis=0) - static.point("knee_medial", side).mean(axis=0)
            half, moved = float(np.linalg.norm(apart)) / 2, "half the epicondyles of the static trial inward"
        elif (width := widths["knee"]) is not None:
            half, moved = width / 2, f"half of {1e3 * width:g} mm inward"
        centre = joint.centre + ((lateral - joint.centre) @ axis - half) * axis
        knees.append(_without_gaps(recording, thigh.place(centre), f"the {side} thigh cluster"))
    if static is not None and static.has("ankle", "ankle_medial"):
        ankle, how = _carried(recording, static, "ankle"), "clusters"
    else:
        ankle, how = _lateral(recording, asis, widths)[1], "lateral markers"
        if (width := widths["ankle"]) is not None:
            how += f" less half of {1e3 * width:g} mm"
    off = " and ".join(f"{1e3 * residual:.1f}" for residual in residuals)
    return np.stack(knees, axis=1), ankle, f"functional (knee: SARA, residual {off} mm, {moved}; ankle: {how})"


def _segment(recording: Named, role: str, joint: str, side: str) -> functional.Segment:
    """A segment of the leg from its skin markers and the lateral marker of its distal end."""
    names = recording.find(role, side) + recording.find(joint, side)[:1]
    points = np.stack([recording.raw(name) for name in names], axis=1) if names else np.empty((0, 0, 3))
    return functional.segment(points, f"{side} {role}", recording.markers.source)


def _without_gaps(recording: Named, points: Array, what: str) -> Array:
    filled, gaps = fill(recording.markers.time, points, what, recording.markers.source)
    recording.filled += gaps
    return filled


def _cluster(recording: Named, static: Named, cluster: str, joint: str, side: str) -> dict[str, str]:
    """The labels on a segment that both trials have, here and in the static trial, at least 3. Errors: InputError."""
    known = {static.recognised.marker[label]: label for role in (cluster, joint) for label in static.find(role, side)}
    names = {
        label: known[recording.recognised.marker[label]]
        for label in recording.find(cluster, side) + recording.find(joint, side)[:1]
        if recording.recognised.marker[label] in known
    }
    if len(names) < 3:
        files = f"{recording.markers.source} and {static.markers.source}"
        expected = f"at least 3 markers of the {side} {cluster} in both"
        raise InputError(f"{files}: expected {expected}, found {', '.join(names) or 'none'}")
    return names


def _hip(recording: Named, how: str) -> tuple[Array, str]:
    """Hip joint centres and how they were found."""
    if how == "functional":
        return _functional_hip(recording)
    if how == "file" or (how == "auto" and recording.has("hip_centre")):
        centres = recording.both("hip_centre")
        names = [recording.find("hip_centre", side)[0] for side in SIDES]
        return centres, f"{' and '.join(names)} of the file"
    asis = recording.both("asis")
    if recording.has("psis") or not recording.find("sacrum"):
        return harrington(asis, recording.both("psis").mean(axis=1)), "Harrington 2007 from the iliac spines"
    return harrington(asis, recording.point("sacrum")), "Harrington 2007 from the iliac spines and the sacrum"


def _functional_hip(recording: Named) -> tuple[Array, str]:
    """Hip centres that move with pelvis and thigh alike, in the middle of where both put them."""
    source = recording.markers.source
    spines = [name for role in ("asis", "psis") for side in SIDES for name in recording.find(role, side)[:1]]
    points = np.stack([recording.raw(name) for name in spines + recording.find("sacrum")[:1]], axis=1)
    pelvis = functional.segment(points, "pelvis", source)
    centres, residuals = [], []
    for side in SIDES:
        thigh = _segment(recording, "thigh", "knee", side)
        joint = functional.ball(pelvis, thigh, source)
        residuals.append(f"{1e3 * joint.residual:.1f}")
        both = (pelvis.place(joint.centre) + thigh.place(joint.distal_centre)) / 2
        centres.append(_without_gaps(recording, both, f"the {side} hip between pelvis and thigh"))
    return np.stack(centres, axis=1), f"SCoRE, residual {' and '.join(residuals)} mm"


def harrington(asis: Array, back: Array) -> Array:
    """Hip joint centres [m], shape (n, 2, 3), from both ASIS, shape (n, 2, 3), and the middle of the PSIS, (n, 3).

    Regression on pelvic width and depth, which are measured over the whole recording.
    Source: Harrington et al. 2007, doi 10.1016/j.jbiomech.2006.02.003 (the single-variable equations).
    """
    front = asis.mean(axis=1)
    right = asis[:, 0] - asis[:, 1]
    width, depth = (float(np.median(np.linalg.norm(v, axis=1))) for v in (right, front - back))
    z = right / np.linalg.norm(right, axis=1, keepdims=True)
    x = front - back
    x = x - np.einsum("ni,ni->n", x, z)[:, None] * z
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    y = np.cross(z, x)
    forward, upward, outward = -0.24 * depth - 0.0099, -0.30 * width - 0.0109, 0.33 * width + 0.0073
    middle = front + forward * x + upward * y
    return np.stack([middle + outward * z, middle - outward * z], axis=1)


def _toe(recording: Named) -> Array:
    """The second metatarsal head: from the first and fifth heads where both are marked, else the toe marker."""
    if recording.has("metatarsal_1", "metatarsal_5"):
        first, fifth = recording.both("metatarsal_1"), recording.both("metatarsal_5")
        return first + SECOND_HEAD * (fifth - first)
    return recording.both("toe")


def smooth(landmarks: Landmarks, cutoff_hz: float = 6.0) -> Landmarks:
    """Low-pass every point: zero-lag 4th-order Butterworth (2nd order, forward and back). For captured motion only.

    Errors: RecordingError when the sampling rate is too low for the cutoff or the recording too short.
    """
    points: dict[str, Any] = {
        place: signals.low_pass(landmarks.time, getattr(landmarks, place), cutoff_hz, landmarks.source)
        for place in PLACES
    }
    return replace(landmarks, **points)
