"""A recording, from its files to the numbers: read, locate, smooth, find the repetitions, measure."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simlab import landmarks as lm
from simlab import marker_sets, metrics, mocap, repair, unusual
from simlab.errors import InputError
from simlab.mocap.plates import LOADED
from simlab.motion import GroundReaction, Landmarks, Markers, Motion

STILL = math.radians(10)
"""Standing still: the knees turn slower than this [rad/s] ..."""
SETTLED = 0.3
"""... for at least this long in all [s]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """A captured motion, ready to be measured. Landmarks are smoothed, markers mended; standing: the standing trial
    that belongs to it; body_weight [N]; each None where unknown."""

    path: str
    markers: Markers
    standing: Markers | None
    joint_centres: str
    landmarks: Landmarks
    repetitions: tuple[metrics.Repetition, ...]
    ground_reaction: GroundReaction | None
    body_weight: float | None
    repairs: tuple[str, ...] = ()
    marker_set: marker_sets.MarkerSet | None = None
    """What was mended or seen in the markers, in words."""


def read(
    path: str | Path,
    static: str | Path | None = None,
    grf: str | Path | None = None,
    static_grf: str | Path | None = None,
    joint_centres: str = "lateral-markers",
    body_weight: float | None = None,
    cutoff_hz: float = 6.0,
    units: str | None = None,
    up: str | None = None,
    marker_set: str | Path | None = None,
    **ways: Any,
) -> Recording:
    """Read a recording with what belongs to it.

    static: a standing trial with medial markers, for `clusters`; grf, static_grf: its force plates and those of the
    standing trial; marker_set: a file that says what the labels mean, or the name of a bundled set, where they are not
    to be recognised; ways: hip, knee_width_m and ankle_width_m of `landmarks.locate`. Body weight [N] is what is given,
    else the mean of static_grf, else the mean while standing still. Gaps, exchanged labels and jumps are mended first.
    Errors: InputError; also when there is no whole repetition.
    """
    labels = None if marker_set is None else marker_sets.load(marker_set)
    markers, repairs = repaired(mocap.read(path, units, up), labels)
    standing = None
    if static is not None:
        standing, of_standing = repaired(mocap.read(static, units, up), labels)
        repairs += of_standing
    points = located(markers, standing, joint_centres, cutoff_hz, marker_set=labels, **ways)
    reaction = None if grf is None else mocap.read_ground_reaction(grf, points, units, up)
    if body_weight is None and static_grf is not None:
        body_weight = _static_weight(mocap.read_plates(static_grf, units, up))
    found = assemble(markers, standing, points, reaction, joint_centres, body_weight)
    return replace(found, repairs=repairs, marker_set=labels)


def located(
    markers: Markers,
    standing: Markers | None = None,
    joint_centres: str = "lateral-markers",
    cutoff_hz: float = 6.0,
    **ways: Any,
) -> Landmarks:
    """The smooth landmarks of a recording; ways: the rest of `landmarks.locate`."""
    return lm.smooth(lm.locate(markers, standing, joint_centres, **ways), cutoff_hz)


def assemble(
    markers: Markers,
    standing: Markers | None,
    points: Landmarks,
    reaction: GroundReaction | None,
    joint_centres: str,
    body_weight: float | None = None,
) -> Recording:
    """A recording from its parts. Errors: InputError when there is no whole repetition, or when forces do not fit."""
    path = markers.source
    repetitions = metrics.repetitions(points)
    if not repetitions:
        bend = np.degrees(np.ptp(metrics.knee_flexion(points), axis=0).max())
        raise InputError(f"{path}: expected a whole repetition, found knees that flex through {bend:.0f} deg and none")
    if reaction is not None and (reaction.time[0] > points.time[-1] or reaction.time[-1] < points.time[0]):
        spans = [f"{x.time[0]:g} to {x.time[-1]:g} s" for x in (points, reaction)]
        raise InputError(f"{reaction.source}: expected forces during the recording ({spans[0]}), found {spans[1]}")
    if body_weight is None and reaction is not None:
        body_weight = standing_weight(points, reaction)
        if body_weight is not None and not body_weight > LOADED:
            raise InputError(f"{reaction.source}: expected a person standing on the plates, found {body_weight:.0f} N")
    return Recording(
        path=path,
        markers=markers,
        standing=standing,
        joint_centres=joint_centres,
        landmarks=points,
        repetitions=repetitions,
        ground_reaction=reaction,
        body_weight=body_weight,
    )


def repaired(markers: Markers, marker_set: marker_sets.MarkerSet | None = None) -> tuple[Markers, tuple[str, ...]]:
    """Markers with what could be mended, and what was done, in words (`simlab.repair`). Errors: RecordingError."""
    mended, repairs = repair.repair(markers, marker_sets.recognise(markers.names, marker_set, markers.source))
    return mended, tuple(f"{Path(markers.source).name}: {each}" for each in repairs)


def _load_on_right(recording: Recording) -> float | None:
    """What the right foot carries of the vertical force [%], the mean over the repetitions."""
    reaction = recording.ground_reaction
    if reaction is None:
        return None
    shares = []
    for one in recording.repetitions:
        force = reaction.force[(reaction.time >= one.start) & (reaction.time <= one.end), :, 1].sum(axis=0)
        shares.append(100.0 * force[0] / force.sum() if force.sum() > 0 else np.nan)
    mean = float(np.mean(shares))
    return mean if math.isfinite(mean) else None


def _static_weight(plates: mocap.Plates) -> float:
    total = plates.force[:, :, 1].sum(axis=1)
    if total.mean() < LOADED:
        raise InputError(f"{plates.source}: expected a person standing on the plates, found {total.mean():.0f} N")
    return float(total.mean())


def standing_weight(landmarks: Landmarks, reaction: GroundReaction) -> float | None:
    """The mean total vertical force while standing still with straight knees [N]; None when nobody stood still."""
    at_rest = standing_still(landmarks).astype(float)
    still = np.interp(reaction.time, landmarks.time, at_rest, left=0, right=0) == 1
    step = float(np.median(np.diff(reaction.time)))
    return float(reaction.force[still, :, 1].sum(axis=1).mean()) if still.sum() * step >= SETTLED else None


def standing_still(landmarks: Landmarks) -> NDArray[np.bool_]:
    """The frames with straight knees that hardly turn, shape (n,)."""
    flexion = metrics.knee_flexion(landmarks).mean(axis=1)
    straight = flexion <= flexion.min() + metrics.BOUND * np.ptp(flexion)
    return np.asarray(straight & (np.abs(np.gradient(flexion, landmarks.time)) < STILL))


def measure(recording: Recording, motion: Motion | None = None) -> dict[str, Any]:
    """The report of a recording: mean, SD and values of every metric over the repetitions, JSON-able.

    motion: its coordinates, for the three-dimensional angles."""
    each = [
        metrics.measure(
            recording.landmarks,
            motion,
            ground_reaction=recording.ground_reaction,
            body_weight=recording.body_weight,
            window=repetition.window,
        )
        for repetition in recording.repetitions
    ]
    return {
        "recording": recording.path,
        "joint_centres": recording.joint_centres,
        "joint_centre_definition": recording.landmarks.definition,
        "repetitions": len(each),
        "repetition_peaks_s": [round(repetition.peak, 4) for repetition in recording.repetitions],
        "body_weight_n": recording.body_weight,
        "load_on_right_percent": _load_on_right(recording),
        "repairs": list(recording.repairs),
        "unusual": unusual.find(recording.landmarks, recording.repetitions).report(),
        "metrics": metrics.summarise(each),
    }
