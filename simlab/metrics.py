"""The numbers of a squat, defined once for simulated and captured motion.

Every function takes `Landmarks` (and, for the three-dimensional angles, a `Motion`) and works in the heading of the
pelvis: m is the horizontal component of (right ASIS - left ASIS), forward is up x m. lat() is positive outward for
each leg. Inside: radians and metres; the dictionaries of `measure` hold degrees, millimetres and body weights, as
their names say, and None for what is undefined.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simlab import rotations
from simlab.motion import SIDES, SUFFIX, Array, GroundReaction, Landmarks, Motion

LEG = (
    "knee_flexion_peak_deg",
    "fppa_30_deg",
    "fppa_45_deg",
    "fppa_60_deg",
    "fppa_peak_deg",
    "knee_abduction_peak_deg",
    "knee_abduction_at_peak_flexion_deg",
    "knee_abduction_change_deg",
    "hip_adduction_at_peak_flexion_deg",
    "hip_internal_rotation_at_peak_flexion_deg",
    "medial_knee_displacement_mm",
    "medial_knee_travel_mm",
    "knee_over_toe_mm",
    "rearfoot_eversion_at_peak_flexion_deg",
    "foot_progression_deg",
    "grf_peak_bw",
)
"""What is measured of each leg. All but the peaks and the crossings are values at that leg's peak knee flexion."""
BOTH = (
    "knee_ankle_separation_ratio_min",
    "knee_ankle_separation_ratio_at_peak_flexion",
    "pelvic_drop_deg",
    "trunk_lean_deg",
    "grf_peak_bw",
)
"""What is measured of both legs together."""

BOUND = 0.1
"""A repetition begins and ends at this share of the range of knee flexion."""
OUTWARD = np.array([1.0, -1.0])
"""Outward along m, right then left."""
UP = np.array([0.0, 1.0, 0.0])

Metrics = dict[str, dict[str, float | None]]
Window = tuple[float, float]


# --- geometry, one value an instant -----------------------------------------------------------------------------------


def sideways(landmarks: Landmarks) -> Array:
    """The medio-lateral axis m: unit, horizontal, to the right, shape (n, 3)."""
    m = (landmarks.asis[:, 0] - landmarks.asis[:, 1]) * (1.0 - UP)
    return m / np.linalg.norm(m, axis=1, keepdims=True)


def lateral(landmarks: Landmarks, vectors: Array) -> Array:
    """lat(): the outward component of vectors of each leg, shape (n, 2, 3) -> (n, 2)."""
    return np.einsum("nsi,ni->ns", vectors, sideways(landmarks)) * OUTWARD


def knee_flexion(landmarks: Landmarks) -> Array:
    """The angle between thigh and shank [rad], 0 straight, shape (n, 2)."""
    thigh, shank = landmarks.hip - landmarks.knee, landmarks.knee - landmarks.ankle
    return np.arctan2(np.linalg.norm(np.cross(thigh, shank), axis=2), np.sum(thigh * shank, axis=2))


def fppa(landmarks: Landmarks) -> Array:
    """Frontal plane projection angle [rad], valgus +, shape (n, 2). Degenerates as the thigh nears the horizontal."""
    thigh, shank = landmarks.hip - landmarks.knee, landmarks.knee - landmarks.ankle
    angle = [np.arctan2(lateral(landmarks, v), v[..., 1]) for v in (thigh, shank)]
    return (angle[0] - angle[1] + np.pi) % (2 * np.pi) - np.pi


def medial_knee_displacement(landmarks: Landmarks) -> Array:
    """How far the knee lies medial of the line from hip to ankle, at knee height [m], shape (n, 2)."""
    hip, knee, ankle = landmarks.hip, landmarks.knee, landmarks.ankle
    share = (knee - ankle)[..., 1] / (hip - ankle)[..., 1]
    return lateral(landmarks, ankle + share[..., None] * (hip - ankle) - knee)


def separation_ratio(landmarks: Landmarks) -> Array:
    """Distance of the knees over distance of the ankles, medio-lateral, shape (n,)."""
    m = sideways(landmarks)
    knees, ankles = (np.einsum("ni,ni->n", p[:, 0] - p[:, 1], m) for p in (landmarks.knee, landmarks.ankle))
    return np.abs(knees) / np.abs(ankles)


def knee_over_toe(landmarks: Landmarks) -> Array:
    """Offset of the knee from the vertical plane through heel and second metatarsal head [m], medial +, (n, 2)."""
    foot = (landmarks.toe - landmarks.heel) * (1.0 - UP)
    rightward = np.cross(foot, UP) / np.linalg.norm(foot, axis=2, keepdims=True)
    return -OUTWARD * np.sum((landmarks.knee - landmarks.heel) * rightward, axis=2)


def foot_progression(landmarks: Landmarks) -> Array:
    """Direction of the foot axis (heel to second metatarsal head) against forward [rad], toe-out +, shape (n, 2)."""
    foot = landmarks.toe - landmarks.heel
    forward = np.cross(UP, sideways(landmarks))
    return np.arctan2(lateral(landmarks, foot), np.einsum("nsi,ni->ns", foot, forward))


def pelvic_obliquity(landmarks: Landmarks) -> Array:
    """Tilt of the line through both ASIS in the frontal plane [rad], right side high +, shape (n,)."""
    line = landmarks.asis[:, 0] - landmarks.asis[:, 1]
    return np.arctan2(line[:, 1], np.einsum("ni,ni->n", line, sideways(landmarks)))


def trunk_lean(landmarks: Landmarks, motion: Motion) -> Array:
    """Tilt of the trunk's long axis in the frontal plane [rad], to the right +, shape (n,), at the landmarks' times."""
    pelvis = _rotations(landmarks, motion, "pelvis_tilt", "pelvis_list", "pelvis_rotation")
    trunk = pelvis @ _rotations(landmarks, motion, "lumbar_extension", "lumbar_bending", "lumbar_rotation")
    axis = trunk @ UP
    return np.arctan2(np.einsum("ni,ni->n", axis, sideways(landmarks)), axis[:, 1])


def _rotations(landmarks: Landmarks, motion: Motion, *names: str) -> Array:
    return rotations.matrix(np.column_stack([_at(landmarks.time, motion, name) for name in names]))


def _at(time: Array, motion: Motion, coordinate: str) -> Array:
    """A coordinate at other instants [m or rad]."""
    return np.interp(time, motion.time, motion.coordinate(coordinate))


# --- repetitions ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Repetition:
    """One repetition: start, deepest point and end [s]."""

    start: float
    peak: float
    end: float

    @property
    def window(self) -> Window:
        return self.start, self.end


def repetitions(landmarks: Landmarks) -> tuple[Repetition, ...]:
    """Every whole repetition, found in the mean knee flexion of both legs.

    A repetition is a peak that stands out by half the range of flexion; it is bounded where flexion is 10 % of the
    range, or at the valley to its neighbour where flexion never gets that low. A peak cut off by the recording is none.
    """
    flexion = knee_flexion(landmarks).mean(axis=1)
    floor, span = float(flexion.min()), float(np.ptp(flexion))
    if span < math.radians(5):
        return ()
    time, low = landmarks.time, flexion <= floor + BOUND * span
    peaks = prominent_peaks(flexion, 0.5 * span)
    edges = [0, *(a + int(np.argmin(flexion[a:b])) for a, b in itertools.pairwise(peaks)), len(time) - 1]
    found = []
    for peak, (left, right) in zip(peaks, itertools.pairwise(edges), strict=False):
        before, after = np.flatnonzero(low[left:peak]), np.flatnonzero(low[peak : right + 1])
        start = left + int(before[-1]) if len(before) else left
        end = peak + int(after[0]) if len(after) else right
        found.append(Repetition(start=float(time[start]), peak=float(time[peak]), end=float(time[end])))
    return tuple(found)


def prominent_peaks(curve: Array, prominence: float) -> list[int]:
    """Indices of the peaks of a curve (n,) that rise by `prominence` from, and fall by it to, the valleys beside them.

    As scipy.signal.find_peaks, whose import takes longer than a squat.
    """
    found, top, valley, rising = [], 0, 0, False
    for i, value in enumerate(curve):
        if rising:
            if value > curve[top]:
                top = i
            elif curve[top] - value >= prominence:
                found.append(top)
                valley, rising = i, False
        elif value < curve[valley]:
            valley = i
        elif value - curve[valley] >= prominence:
            top, rising = i, True
    return found


# --- one repetition ---------------------------------------------------------------------------------------------------


def measure(
    landmarks: Landmarks,
    motion: Motion | None = None,
    ground_reaction: GroundReaction | None = None,
    body_weight: float | None = None,
    window: Window | None = None,
    stance: str | None = None,
    level: float | None = None,
) -> Metrics:
    """Every metric of one repetition: {"right": LEG, "left": LEG, "both": BOTH}; None where undefined.

    motion: the coordinates, for the three-dimensional angles and the trunk. ground_reaction and body_weight [N]: for
    the forces. window: start and end [s], the whole recording by default. stance: the standing side of a single-leg
    task; then pelvic drop is the drop of the free side and trunk lean is towards the standing side, at their largest;
    otherwise both are the largest tilt to either side. level: the pelvic obliquity that counts as no drop [rad,
    right side high +], by default that at the start of the window.
    Errors: ValueError for an empty window.
    Source: the definitions of this module; FPPA after Willson and Davis 2008, doi 10.2519/jospt.2008.2706.
    """
    inside = _inside(landmarks.time, window)
    if not len(inside):
        raise ValueError(f"expected a window within {landmarks.time[0]:g} to {landmarks.time[-1]:g} s, found {window}")
    flexion = knee_flexion(landmarks)
    series = _leg_series(landmarks, motion)
    forces = _body_weights(ground_reaction, body_weight, window)
    result: Metrics = {}
    for leg, side in enumerate(SIDES):
        peak = inside[int(np.argmax(flexion[inside, leg]))]
        at_peak = {name: None if value is None else _finite(value[peak, leg]) for name, value in series.items()}
        displacement = series["medial_knee_displacement_mm"]
        abduction = series["knee_abduction_at_peak_flexion_deg"]
        assert displacement is not None
        values = at_peak | {
            "knee_flexion_peak_deg": math.degrees(flexion[peak, leg]),
            "medial_knee_travel_mm": float(displacement[peak, leg] - displacement[inside[0], leg]),
            "knee_abduction_change_deg": None
            if abduction is None
            else _finite(abduction[peak, leg] - abduction[inside[0], leg]),
            "knee_abduction_peak_deg": None if abduction is None else _finite(abduction[inside, leg].max()),
            "grf_peak_bw": None if forces is None else float(forces[:, leg].max()),
        }
        for angle in (30, 45, 60):
            values[f"fppa_{angle}_deg"] = _at_first(flexion[inside, leg], math.radians(angle), series, leg, inside)
        result[side] = {name: values[name] for name in LEG}
    result["both"] = _both(landmarks, motion, forces, inside, flexion, stance, level)
    return result


def _leg_series(landmarks: Landmarks, motion: Motion | None) -> dict[str, Array | None]:
    """The quantities of a leg over time, shape (n, 2), by their name in the result; None where undefined."""
    series: dict[str, Array | None] = {
        "fppa_peak_deg": np.degrees(fppa(landmarks)),
        "medial_knee_displacement_mm": 1e3 * medial_knee_displacement(landmarks),
        "knee_over_toe_mm": 1e3 * knee_over_toe(landmarks),
        "foot_progression_deg": np.degrees(foot_progression(landmarks)),
    }
    angles = {
        "knee_abduction_at_peak_flexion_deg": ("knee_adduction", -1.0),
        "hip_adduction_at_peak_flexion_deg": ("hip_adduction", 1.0),
        "hip_internal_rotation_at_peak_flexion_deg": ("hip_rotation", 1.0),
        "rearfoot_eversion_at_peak_flexion_deg": ("subtalar_angle", -1.0),
    }
    for name, (coordinate, sign) in angles.items():
        series[name] = None if motion is None else sign * np.degrees(_both_legs(landmarks.time, motion, coordinate))
    return series


def _both_legs(time: Array, motion: Motion, coordinate: str) -> Array:
    return np.column_stack([_at(time, motion, coordinate + SUFFIX[side]) for side in SIDES])


def _at_first(
    flexion: Array, angle: float, series: dict[str, Array | None], leg: int, inside: NDArray[np.intp]
) -> float | None:
    """FPPA [deg] where knee flexion first rises through `angle`, interpolated; None when it never does."""
    projection = series["fppa_peak_deg"]
    assert projection is not None
    crossing = np.flatnonzero((flexion[:-1] < angle) & (flexion[1:] >= angle))
    if not len(crossing):
        return None
    pair = slice(crossing[0], crossing[0] + 2)
    return float(np.interp(angle, flexion[pair], projection[inside, leg][pair]))


def _both(
    landmarks: Landmarks,
    motion: Motion | None,
    forces: Array | None,
    inside: NDArray[np.intp],
    flexion: Array,
    stance: str | None,
    level: float | None,
) -> dict[str, float | None]:
    ratio, tilt = separation_ratio(landmarks), pelvic_obliquity(landmarks)
    deepest = inside[int(np.argmax(flexion[inside].mean(axis=1)))]
    drop = tilt[inside] - (tilt[inside[0]] if level is None else level)
    lean = None if motion is None else trunk_lean(landmarks, motion)[inside]
    values = {
        "knee_ankle_separation_ratio_min": float(ratio[inside].min()),
        "knee_ankle_separation_ratio_at_peak_flexion": float(ratio[deepest]),
        "pelvic_drop_deg": _largest(drop, stance),
        "trunk_lean_deg": None if lean is None else _largest(lean, stance),
        "grf_peak_bw": None if forces is None else float(forces.sum(axis=1).max()),
    }
    return {name: values[name] for name in BOTH}


def _largest(tilt: Array, stance: str | None) -> float | None:
    """The largest tilt towards the standing side, or to either side [deg]. tilt: positive to the right [rad]."""
    towards = np.abs(tilt) if stance is None else tilt * OUTWARD[SIDES.index(stance)]
    return _finite(math.degrees(towards.max()))


def _inside(time: Array, window: Window | None) -> NDArray[np.intp]:
    start, end = window or (time[0], time[-1])
    return np.flatnonzero((time >= start) & (time <= end))


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _body_weights(reaction: GroundReaction | None, body_weight: float | None, window: Window | None) -> Array | None:
    """Vertical force of each foot in body weights, shape (k, 2); None without forces, weight or an overlap in time."""
    if reaction is None or body_weight is None:
        return None
    inside = _inside(reaction.time, window)
    return reaction.force[inside, :, 1] / body_weight if len(inside) else None


def summarise(repetitions: Sequence[Metrics]) -> dict[str, dict[str, dict[str, Any]]]:
    """Mean, SD (n - 1) and values over repetitions, in the shape of `measure`; None where nothing is defined."""
    return {
        part: {name: _statistics([one[part][name] for one in repetitions]) for name in names}
        for part, names in (("left", LEG), ("right", LEG), ("both", BOTH))
    }


def _statistics(values: list[float | None]) -> dict[str, Any]:
    known = [value for value in values if value is not None]
    mean = float(np.mean(known)) if known else None
    return {"mean": mean, "sd": float(np.std(known, ddof=1)) if len(known) > 1 else None, "values": values}


# --- in words ---------------------------------------------------------------------------------------------------------

NOTICEABLE_DEG, NOTICEABLE_MM = 0.5, 1.5
"""Changes below these have no name: half a degree, and what that moves a knee 0.4 m above the ankle, halved by the line
to the hip."""


def describe_valgus(change: Mapping[str, float]) -> str:
    """What a change of four numbers of a leg is in words: a knee that falls in, or only another reading of an axis.

    change: `fppa_deg`, `medial_displacement_mm`, `knee_abduction_deg`, `hip_internal_rotation_deg`, each against the
    healthy squat. A knee falls in when it travels medially and the projection angle says so too. Abduction of the joint
    without that travel is an axis effect: the knee bends about an axis that turned outward with the femur, and part of
    the flexion is read as abduction.
    """
    fppa, medial, abduction, rotation = (
        float(change[name])
        for name in ("fppa_deg", "medial_displacement_mm", "knee_abduction_deg", "hip_internal_rotation_deg")
    )
    falls_in = fppa >= NOTICEABLE_DEG and medial >= NOTICEABLE_MM
    goes_out = fppa <= -NOTICEABLE_DEG and medial <= -NOTICEABLE_MM
    where = "knee falls in" if falls_in else "knee goes out" if goes_out else "knee stays over the foot"
    if abs(abduction) < NOTICEABLE_DEG:
        return where if falls_in or goes_out else "no noticeable change"
    if abduction < 0.0:
        return f"{where}, with less abduction of the joint" if falls_in else where
    if falls_in:
        return f"{where}, and the joint abducts"
    if rotation <= -NOTICEABLE_DEG:
        return f"{where}; the rise of 3D abduction is the flexed femur rolling outward, not a knee falling in"
    return f"{where}; the rise of 3D abduction comes without medial travel: an axis effect, not a knee falling in"
