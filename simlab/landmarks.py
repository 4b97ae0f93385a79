"""Markers -> landmarks: joint centres, heel, second metatarsal head and iliac spines of both legs.

The definition of the joint centres decides every frontal-plane number (one trial: FPPA -33 or -56 deg), so it is
named, chosen by the user and carried along. Names of markers are data: `simlab.marker_sets`.

- `lateral-markers`: knee and ankle are the markers on the lateral epicondyle and the lateral malleolus; where nothing
  better is at hand, half the width of the joint inward of them.
- `clusters`: midpoints between the medial and lateral markers of a static trial, carried by rigid fits of the thigh
  and shank markers (with the lateral marker of their distal end).
- `joint-centres`: hip, knee and ankle are joints of the file (BVH, Kinect); where it marks no heel or iliac spines,
  they are estimated from the joints, which the definition says.

Else the hip is the file's own hip joint centre where there is one, else the regression of Harrington et al. 2007.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simlab import marker_sets, signals
from simlab.errors import InputError
from simlab.marker_sets import MarkerSet
from simlab.motion import SIDES, Array, Landmarks, Markers

JOINT_CENTRES = ("lateral-markers", "clusters", "joint-centres")
PLACES = ("hip", "knee", "ankle", "heel", "toe", "asis")
"""The points of `Landmarks`."""
LONGEST_GAP = 0.2
"""Gaps up to this long [s] are filled: a fifth of a second is a tenth of a squat."""
SECOND_HEAD = 0.3
"""Where the second metatarsal head lies on the line from the first to the fifth (five heads, the first the widest)."""

WIDEST = 0.25
"""A knee or an ankle is narrower than this [m]: what is wider is in another unit."""
SPINES = (0.3643, 0.5080, 0.2818)
"""Iliac spines from the hip joints, forward, upward and outward (each), as shares of the distance of the hip joints:
models/landmarks.csv (asis) less models/joints.csv (hip), over twice 0.07726 m. Of a pelvis without tilt."""
OUTWARD = np.array([1.0, -1.0])
"""Right and left along an axis that points right."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A gap of one marker that was filled: from the last sample before it to the first after it [s]."""

    marker: str
    start: float
    end: float


def locate(
    markers: Markers,
    static: Markers | None = None,
    joint_centres: str = "lateral-markers",
    *,
    marker_set: MarkerSet | None = None,
    knee_width_m: float | None = None,
    ankle_width_m: float | None = None,
) -> Landmarks:
    """The landmarks of a recording [m]; short gaps are filled and reported through logging.

    static: a standing trial with medial knee and ankle markers, for `clusters`. marker_set: what the labels mean, where
    they are not to be recognised. Widths, for `lateral-markers` only: from the centre of the lateral marker to that of
    a medial one (calliper width plus the diameter of a marker) [m]; the joint is half of it inward, along the
    horizontal left-right axis of the pelvis.
    Errors: InputError for an unknown definition, a missing marker, a long gap, a width that is none, a vertical that is
    not Y; RecordingError for markers of no set (`marker_sets.recognise`).
    """
    if joint_centres not in JOINT_CENTRES:
        raise InputError(f"joint centres: expected one of {', '.join(JOINT_CENTRES)}, found {joint_centres!r}")
    if joint_centres == "clusters" and static is None:
        raise InputError("joint centres 'clusters': expected a static trial with medial markers, found none (--static)")
    widths = {"knee": knee_width_m, "ankle": ankle_width_m}
    given = {joint: width for joint, width in widths.items() if width is not None}
    if given and joint_centres != "lateral-markers":
        raise InputError(f"{', '.join(given)} width: expected with lateral-markers only, found {joint_centres}")
    for joint, width in given.items():
        if not 0 < width < WIDEST:
            raise InputError(f"{joint} width: expected more than 0 and less than {WIDEST} m, found {width:g}")
    recording = Named(markers, marker_set)
    if joint_centres == "joint-centres":
        points, definition = _joints(recording)
    else:
        hip, hip_definition = _hip(recording)
        points = {"hip": hip, "asis": recording.both("asis"), "heel": recording.both("heel"), "toe": _toe(recording)}
        if joint_centres == "clusters" and static is not None:
            points["knee"], points["ankle"] = _carried(recording, Named(static, marker_set))
        else:
            points["knee"], points["ankle"] = _lateral(recording, points["asis"], widths)
        inward = ", ".join(f"{joint} {1e3 * width:g} mm" for joint, width in given.items())
        shifted = f" half a width inward ({inward})" if inward else ""
        definition = f"{joint_centres}{shifted}; hip: {hip_definition}"
    landmarks = Landmarks(time=markers.time, definition=definition, source=markers.source, **points)
    for gap in recording.filled:
        log.warning("%s: filled a gap of %s from %.2f to %.2f s", markers.source, gap.marker, gap.start, gap.end)
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
        self.filled: list[Gap] = []
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


def fill(time: Array, points: Array, marker: str, source: str) -> tuple[Array, list[Gap]]:
    """Fill short gaps of one marker, shape (n, 3), with a cubic spline through what was seen.

    Errors: InputError for a gap longer than `LONGEST_GAP` or one at either end (nothing to interpolate towards).
    """
    seen = np.isfinite(points.sum(axis=1))
    if seen.all():
        return points, []
    gaps = [Gap(marker=marker, start=start, end=end) for start, end in _gaps(time, seen)]
    for gap in gaps:
        if gap.end - gap.start > LONGEST_GAP:
            span = f"from {gap.start:.2f} to {gap.end:.2f} s"
            raise InputError(f"{source}, marker {marker}: expected gaps of at most {LONGEST_GAP} s, found one {span}")
    if not (seen[0] and seen[-1]):
        raise InputError(f"{source}, marker {marker}: expected it in the first and the last frame, found a gap there")
    from scipy.interpolate import CubicSpline

    return np.where(seen[:, None], points, CubicSpline(time[seen], points[seen])(time)), gaps


def _gaps(time: Array, seen: NDArray[np.bool_]) -> list[tuple[float, float]]:
    """From the last sample before each gap to the first after it [s]; the ends of the recording bound it too."""
    edges = np.flatnonzero(np.diff(np.concatenate([[True], seen, [True]]).astype(int)))
    bounds = np.clip([(first - 1, last) for first, last in edges.reshape(-1, 2)], 0, len(time) - 1)
    return [(float(time[first]), float(time[last])) for first, last in bounds]


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


def _carried(recording: Named, static: Named) -> tuple[Array, Array]:
    """Knee and ankle centres of the static trial, carried by the thigh and the shank clusters."""
    joints = []
    for joint, cluster in (("knee", "thigh"), ("ankle", "shank")):
        sides = []
        for side in SIDES:
            medial, lateral = (static.point(role, side).mean(axis=0) for role in (f"{joint}_medial", joint))
            names = _cluster(recording, static, cluster, joint, side)
            reference = np.array([np.nanmean(static.raw(name), axis=0) for name in names.values()])
            moving = np.stack([recording.raw(name) for name in names], axis=1)
            moved = carry(reference, moving, (medial + lateral) / 2)
            sides.append(_without_gaps(recording, moved, f"the {side} {cluster} cluster ({', '.join(names)})"))
        joints.append(np.stack(sides, axis=1))
    return joints[0], joints[1]


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


def carry(reference: Array, moving: Array, point: Array) -> Array:
    """A point fixed to a rigid cluster, at every instant [m], shape (n, 3); NaN where fewer than 3 markers are seen.

    reference: markers and `point` in the static trial, shapes (k, 3) and (3,); moving: shape (n, k, 3), NaN for a gap.
    Least-squares rigid fit (Kabsch 1976, doi 10.1107/S0567739476001873; proper rotations: Umeyama 1991,
    doi 10.1109/34.88573).
    """
    seen = np.isfinite(moving.sum(axis=2))
    weight = seen / np.maximum(seen.sum(axis=1), 1)[:, None]
    there = np.where(seen[:, :, None], moving, 0.0)
    here = weight @ reference
    middle = np.einsum("nk,nki->ni", weight, there)
    covariance = np.einsum("nk,nki,nkj->nij", weight, there - middle[:, None], reference - here[:, None])
    left, _, right = np.linalg.svd(covariance)
    left[:, :, 2] *= np.linalg.det(left @ right)[:, None]  # never a reflection
    moved = middle + np.einsum("nij,nj->ni", left @ right, point - here)
    return np.where((seen.sum(axis=1) >= 3)[:, None], moved, np.nan)


def _hip(recording: Named) -> tuple[Array, str]:
    """Hip joint centres and how they were found."""
    if recording.has("hip_centre"):
        names = [recording.find("hip_centre", side)[0] for side in SIDES]
        return recording.both("hip_centre"), f"{' and '.join(names)} of the file"
    asis = recording.both("asis")
    if recording.has("psis") or not recording.find("sacrum"):
        return harrington(asis, recording.both("psis").mean(axis=1)), "Harrington 2007 from the iliac spines"
    return harrington(asis, recording.point("sacrum")), "Harrington 2007 from the iliac spines and the sacrum"


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
