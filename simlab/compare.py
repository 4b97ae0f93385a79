"""A simulated repetition beside a captured one: time-normalised curves, their differences, and the picture of both.

A curve is 101 points from the start to the end of a repetition (`metrics.repetitions`), so that motions of different
tempo lie on one another. Curves are dictionaries: name -> side -> shape (101,), or None where undefined.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from simlab import metrics, tables
from simlab.errors import InputError
from simlab.landmarks import PLACES
from simlab.motion import SIDES, SUFFIX, Array, GroundReaction, Landmarks, Motion, readonly
from simlab.recording import Recording

POINTS = 101
LABELS = {
    "knee_flexion_deg": "Knee flexion [deg]",
    "fppa_deg": "FPPA [deg]\nvalgus +",
    "medial_knee_displacement_mm": "Medial knee\ndisplacement [mm]",
    "hip_adduction_deg": "Hip adduction [deg]",
    "grf_bw": "Vertical ground\nreaction [BW]",
}
"""The curves that are compared, with their labels in the figure."""

Curves = dict[str, dict[str, Array | None]]


def curves(
    landmarks: Landmarks,
    window: metrics.Window,
    ground_reaction: GroundReaction | None = None,
    body_weight: float | None = None,
    motion: Motion | None = None,
) -> Curves:
    """The time-normalised curves of one repetition; hip adduction needs a motion, force a reaction and a weight [N]."""
    over = {
        "knee_flexion_deg": np.degrees(metrics.knee_flexion(landmarks)),
        "fppa_deg": np.degrees(metrics.fppa(landmarks)),
        "medial_knee_displacement_mm": 1e3 * metrics.medial_knee_displacement(landmarks),
    }
    result: Curves = {name: normalise(landmarks.time, values, window) for name, values in over.items()}
    adduction = None
    if motion is not None:
        adduction = np.degrees(np.column_stack([motion.coordinate(f"hip_adduction{SUFFIX[side]}") for side in SIDES]))
    result["hip_adduction_deg"] = normalise(motion.time if motion else None, adduction, window)
    force = None
    if ground_reaction is not None and body_weight is not None:
        force = ground_reaction.force[:, :, 1] / body_weight
    result["grf_bw"] = normalise(ground_reaction.time if ground_reaction else None, force, window)
    return result


def normalise(time: Array | None, values: Array | None, window: metrics.Window) -> dict[str, Array | None]:
    """Both legs, shape (n, 2), at 101 instants of the window; None where the values do not cover it."""
    if time is None or values is None or time[0] > window[0] or time[-1] < window[1]:
        return dict.fromkeys(SIDES)
    instants = np.linspace(*window, POINTS)
    sampled = {side: np.interp(instants, time, values[:, leg]) for leg, side in enumerate(SIDES)}
    return {side: curve if np.isfinite(curve).all() else None for side, curve in sampled.items()}


def average(repetitions: Sequence[Curves]) -> tuple[Curves, Curves]:
    """Mean and SD (n - 1; zero for a single repetition) of the curves of several repetitions."""
    mean: Curves = {}
    spread: Curves = {}
    for name in LABELS:
        mean[name], spread[name] = {}, {}
        for side in SIDES:
            stack = [one[name][side] for one in repetitions]
            known = np.array([curve for curve in stack if curve is not None])
            whole = len(known) == len(stack)
            mean[name][side] = known.mean(axis=0) if whole else None
            spread[name][side] = known.std(axis=0, ddof=min(1, len(known) - 1)) if whole else None
    return mean, spread


# --- captured ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Captured:
    """The mean of captured repetitions: curves with SD, and where every landmark was.

    duration [s] of a repetition, the mean; body_weight [N]. Landmarks [m], shape (101, 2, 3), right then left, in the
    repetition's own frame: origin on the ground below the middle of the ankles, X forward, Y up, Z right.
    """

    name: str
    source: str
    licence: str
    joint_centres: str
    repetitions: int
    duration: float
    body_weight: float | None
    mean: Curves
    sd: Curves
    hip: Array
    knee: Array
    ankle: Array
    heel: Array
    toe: Array
    asis: Array

    def __post_init__(self) -> None:
        for place in PLACES:
            object.__setattr__(self, place, readonly(getattr(self, place), POINTS, 2, 3))

    @property
    def landmarks(self) -> Landmarks:
        """The mean repetition as landmarks over time, to be drawn or measured like any other."""
        points = {place: getattr(self, place) for place in PLACES}
        time = np.linspace(0, self.duration, POINTS)
        return Landmarks(time=time, definition=self.joint_centres, source=self.source, **points)


def summarise(recording: Recording, name: str, source: str = "", licence: str = "") -> Captured:
    """The mean and SD of a recording's repetitions."""
    windows = [repetition.window for repetition in recording.repetitions]
    each = [curves(recording.landmarks, w, recording.ground_reaction, recording.body_weight) for w in windows]
    mean, spread = average(each)
    places = [_places(recording.landmarks, window) for window in windows]
    return Captured(
        name=name,
        source=source or recording.path,
        licence=licence,
        joint_centres=recording.landmarks.definition,
        repetitions=len(windows),
        duration=float(np.mean([end - start for start, end in windows])),
        body_weight=recording.body_weight,
        mean=mean,
        sd=spread,
        **{place: np.mean([one[place] for one in places], axis=0) for place in PLACES},
    )


def _places(landmarks: Landmarks, window: metrics.Window) -> dict[str, Array]:
    """Every landmark at 101 instants of a repetition in its own frame [m], shape (101, 2, 3).

    Origin and heading are means over the repetition, so the body moves in the frame as it did in the laboratory.
    """
    instants = np.linspace(*window, POINTS)

    def at_instants(points: Array) -> Array:
        flat = points.reshape(len(points), -1)
        return np.column_stack([np.interp(instants, landmarks.time, column) for column in flat.T])

    z = at_instants(metrics.sideways(landmarks)).mean(axis=0)
    z /= np.linalg.norm(z)
    axes = np.array([np.cross(metrics.UP, z), metrics.UP, z])
    places = {place: at_instants(getattr(landmarks, place)).reshape(POINTS, 2, 3) for place in PLACES}
    origin = places["ankle"].mean(axis=(0, 1)) * (1.0 - metrics.UP)
    return {place: (points - origin) @ axes.T for place, points in places.items()}


def captured(name: str = "opencap_subject4_squats", joint_centres: str = "clusters") -> Captured:
    """A captured motion that travels with simlab: `models/captured/NAME.toml`. Errors: InputError.

    joint_centres: `clusters` (mid-epicondyle and mid-malleolus centres: what a simulated joint centre is) or
    `lateral-markers`.
    """
    table = tables.read_toml("captured", f"{name}.toml")
    if joint_centres not in table["joint_centres"]:
        expected = ", ".join(table["joint_centres"])
        raise InputError(f"models/captured/{name}.toml: expected joint centres {expected}, found {joint_centres!r}")
    analysis = table["joint_centres"][joint_centres]
    mean, spread = (_read_curves(analysis["curves"], kind) for kind in ("mean", "sd"))
    # Stored as [x, y, z] lists per side in millimetres.
    points = {
        place: 1e-3 * np.stack([np.reshape(analysis["points_mm"][place][side], (POINTS, 3)) for side in SIDES], axis=1)
        for place in PLACES
    }
    return Captured(
        name=name,
        source=table["source"],
        licence=table["licence"],
        joint_centres=analysis["definition"],
        repetitions=analysis["repetitions"],
        duration=analysis["duration_s"],
        body_weight=table["body_weight_n"],
        mean=mean,
        sd=spread,
        **points,
    )


def _read_curves(table: Mapping[str, Any], kind: str) -> Curves:
    """Curves that the table does not have are undefined."""
    return {
        name: {side: readonly(table[name][side][kind], POINTS) if name in table else None for side in SIDES}
        for name in LABELS
    }


# --- comparison -------------------------------------------------------------------------------------------------------


def compare(simulated: Curves, real: Captured) -> dict[str, Any]:
    """How far simulated curves lie from captured ones, per curve and leg, JSON-able; None where either is undefined.

    rmse; mean_difference (simulated - captured) with sd_difference over the 101 points; captured_sd, the mean SD
    between the captured repetitions, to judge them by; correlation (None for a constant curve). Units as in the name.
    """
    return {
        "captured": real.name,
        "source": real.source,
        "joint_centres": real.joint_centres,
        "repetitions": real.repetitions,
        "curves": {
            name: {side: _difference(simulated[name][side], real, name, side) for side in reversed(SIDES)}
            for name in LABELS
        },
    }


def _difference(simulated: Array | None, real: Captured, name: str, side: str) -> dict[str, float | None] | None:
    mean, spread = real.mean[name][side], real.sd[name][side]
    if simulated is None or mean is None or spread is None:
        return None
    difference = simulated - mean
    constant = min(np.ptp(simulated), np.ptp(mean)) < 1e-9
    return {
        "rmse": float(np.sqrt(np.mean(difference**2))),
        "mean_difference": float(difference.mean()),
        "sd_difference": float(difference.std(ddof=1)),
        "captured_sd": float(spread.mean()),
        "correlation": None if constant else float(np.corrcoef(simulated, mean)[0, 1]),
    }


# --- figure -----------------------------------------------------------------------------------------------------------

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
"""Told apart by colour-blind people too (Okabe and Ito 2008)."""


def plot(path: str | Path, simulated: Mapping[str, Curves], real: Captured) -> None:
    """Draw simulated curves over the captured mean and its SD band, both legs, as PNG, PDF or SVG by the suffix.

    simulated: label (for example "healthy", "deficit") -> curves. A row without any curve is left out.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    every = [*simulated.values(), real.mean]
    rows = [name for name in LABELS if any(one[name][side] is not None for one in every for side in SIDES)]
    figure = Figure(figsize=(7.2, 1.05 + 1.55 * len(rows)), dpi=200, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(rows), 2, sharex=True, sharey="row", squeeze=False)
    for row, name in enumerate(rows):
        for axis, side in zip(axes[row], reversed(SIDES), strict=True):
            _draw(axis, {label: one[name][side] for label, one in simulated.items()}, real, name, side)
        axes[row, 0].set_ylabel(LABELS[name], fontsize=9)
    for axis, side in zip(axes[0], reversed(SIDES), strict=True):
        axis.set_title(f"{side.capitalize()} leg", fontsize=10, fontweight="bold")
    for axis in axes[-1]:
        axis.set_xlabel("Repetition [%]", fontsize=9)
    figure.align_ylabels(axes[:, 0])
    drawn = [axis.get_legend_handles_labels() for axis in axes.flat]
    handles = {label: handle for found in drawn for handle, label in zip(*found, strict=True)}
    figure.legend(
        handles.values(), handles.keys(), loc="outside upper center", ncols=len(handles), frameon=False, fontsize=9
    )
    figure.savefig(path)


def _draw(axis: Any, simulated: Mapping[str, Array | None], real: Captured, name: str, side: str) -> None:
    percent = np.linspace(0, 100, POINTS)
    mean, spread = real.mean[name][side], real.sd[name][side]
    if mean is not None and spread is not None:
        axis.fill_between(percent, mean - spread, mean + spread, color="0.82", linewidth=0)
        axis.plot(percent, mean, color="0.25", linewidth=1.4, label=f"captured, mean ± SD of {real.repetitions}")
    for (label, curve), colour in zip(simulated.items(), COLOURS, strict=False):
        if curve is not None:
            axis.plot(percent, curve, color=colour, linewidth=1.7, label=label)
    if name in ("fppa_deg", "medial_knee_displacement_mm", "hip_adduction_deg"):
        axis.axhline(0, color="0.6", linewidth=0.6, zorder=0)
    axis.set_xlim(0, 100)
    axis.margins(y=0.08)
    axis.grid(color="0.93", linewidth=0.6)
    axis.set_axisbelow(True)
    axis.spines[["top", "right"]].set_visible(False)
    axis.tick_params(labelsize=8)
