"""Motions beside one another, captured or simulated: time-normalised curves, how they agree, and the picture of them.

A curve is 101 points from the start to the end of a repetition (`metrics.repetitions`), so that motions of different
tempo lie on one another. Curves are dictionaries: name -> side -> shape (101,), or None where undefined; a name that is
missing is undefined too, and one that `LABELS` does not have is compared like the others.
Registered curves have their deepest point at 50 %, so that who lingers at the bottom is not counted as an error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from simlab import metrics, tables, waveform
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
    "hip_internal_rotation_deg": "Hip internal\nrotation [deg]",
    "knee_abduction_deg": "3D knee\nabduction [deg]",
    "grf_bw": "Vertical ground\nreaction [BW]",
}
"""The curves that are compared, with their labels in the figure."""
ANGLES = {
    "hip_adduction_deg": ("hip_adduction", 1.0),
    "hip_internal_rotation_deg": ("hip_rotation", 1.0),
    "knee_abduction_deg": ("knee_adduction", -1.0),
}
"""Curves that need coordinates -> which, and with which sign."""

Curves = dict[str, dict[str, Array | None]]


def names(*found: Curves) -> list[str]:
    """The curves that any of these has, for either leg: those of `LABELS` first, in their order."""
    every = [*LABELS, *(name for one in found for name in one if name not in LABELS)]
    known = [name for name in every if any(curve(one, name, side) is not None for one in found for side in SIDES)]
    return list(dict.fromkeys(known))


def curve(curves: Curves, name: str, side: str) -> Array | None:
    """One curve of one leg, or None where there is none."""
    return curves.get(name, {}).get(side)


def curves(
    landmarks: Landmarks,
    window: metrics.Window,
    ground_reaction: GroundReaction | None = None,
    body_weight: float | None = None,
    motion: Motion | None = None,
) -> Curves:
    """The time-normalised curves of one repetition; `ANGLES` need a motion, force a reaction and a weight [N]."""
    over = {
        "knee_flexion_deg": np.degrees(metrics.knee_flexion(landmarks)),
        "fppa_deg": np.degrees(metrics.fppa(landmarks)),
        "medial_knee_displacement_mm": 1e3 * metrics.medial_knee_displacement(landmarks),
    }
    result: Curves = {name: normalise(landmarks.time, values, window) for name, values in over.items()}
    for name, (coordinate, sign) in ANGLES.items():
        angle = None
        if motion is not None:
            both = [motion.coordinate(f"{coordinate}{SUFFIX[side]}") for side in SIDES]
            angle = sign * np.degrees(np.column_stack(both))
        result[name] = normalise(motion.time if motion else None, angle, window)
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
    mean: Curves = {name: dict.fromkeys(SIDES) for name in LABELS}
    spread: Curves = {name: dict.fromkeys(SIDES) for name in LABELS}
    for name in names(*repetitions):
        stacks = {side: _stack(repetitions, name, side) for side in SIDES}
        bands = {side: (None, None) if stack is None else waveform.band(stack) for side, stack in stacks.items()}
        mean[name] = {side: found[0] for side, found in bands.items()}
        spread[name] = {side: found[1] for side, found in bands.items()}
    return mean, spread


def _stack(repetitions: Sequence[Curves], name: str, side: str) -> Array | None:
    """A curve of all repetitions, shape (n, 101); None unless every one of them has it."""
    found = [curve(one, name, side) for one in repetitions]
    known = [one for one in found if one is not None]
    return np.array(known) if known and len(known) == len(found) else None


def deepest(curves: Curves) -> float | None:
    """Where the knees are bent most, as a share of the repetition, in the mean of both legs; None without flexion."""
    flexion = [one for side in SIDES if (one := curve(curves, "knee_flexion_deg", side)) is not None]
    return float(np.argmax(np.mean(flexion, axis=0)) / (POINTS - 1)) if flexion else None


def registered(curves: Curves, landmark: float | None = None) -> Curves | None:
    """The curves of a repetition with its deepest point (or `landmark`, a share of it) at 50 %.

    None where there is no such point inside, as in a motion that never comes up again.
    """
    at = deepest(curves) if landmark is None else landmark
    if at is None or not 0.0 < at < 1.0:
        return None
    return {
        name: {side: None if one is None else waveform.register(one, at) for side, one in legs.items()}
        for name, legs in curves.items()
    }


# --- one side of a comparison -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Repetitions of one person or one simulation: their mean and SD, and each of them where they are known.

    A simulation is deterministic: a sample of one. Where only mean and SD are known, `each` is empty.
    """

    repetitions: int
    mean: Curves
    sd: Curves
    each: tuple[Curves, ...] = ()

    @classmethod
    def of(cls, each: Sequence[Curves]) -> Sample:
        mean, spread = average(each)
        return cls(repetitions=len(each), mean=mean, sd=spread, each=tuple(each))

    def registered(self) -> Sample | None:
        """With the deepest point of every repetition at 50 %; None where a repetition has none."""
        if self.each:
            each = [one for curves in self.each if (one := registered(curves)) is not None]
            return Sample.of(each) if len(each) == len(self.each) else None
        at = deepest(self.mean)
        mean, spread = registered(self.mean, at), registered(self.sd, at)
        return None if mean is None or spread is None else Sample(repetitions=self.repetitions, mean=mean, sd=spread)

    def stack(self, name: str, side: str) -> Array | None:
        """A curve of every repetition, shape (n, 101); None where not every one is known."""
        return _stack(self.each, name, side)


# --- captured ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Captured:
    """The mean of captured repetitions: curves with SD, and where every landmark was.

    duration [s] of a repetition, the mean; body_weight [N]. Landmarks [m], shape (101, 2, 3), right then left, in the
    repetition's own frame: origin on the ground below the middle of the ankles, X forward, Y up, Z right. each: the
    curves of every repetition, where they are known.
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
    each: tuple[Curves, ...] = ()

    def __post_init__(self) -> None:
        for place in PLACES:
            object.__setattr__(self, place, readonly(getattr(self, place), POINTS, 2, 3))

    @property
    def sample(self) -> Sample:
        """Its curves, to be compared."""
        return Sample(repetitions=self.repetitions, mean=self.mean, sd=self.sd, each=self.each)

    @property
    def landmarks(self) -> Landmarks:
        """The mean repetition as landmarks over time, to be drawn or measured like any other."""
        points = {place: getattr(self, place) for place in PLACES}
        time = np.linspace(0, self.duration, POINTS)
        return Landmarks(time=time, definition=self.joint_centres, source=self.source, **points)


def summarise(
    recording: Recording, name: str, source: str = "", licence: str = "", motion: Motion | None = None
) -> Captured:
    """The mean and SD of a recording's repetitions; motion: its coordinates, for `ANGLES`."""
    windows = [repetition.window for repetition in recording.repetitions]
    forces = recording.ground_reaction, recording.body_weight
    each = [curves(recording.landmarks, window, *forces, motion) for window in windows]
    mean, spread = average(each)
    places = [_places(recording.landmarks, window) for window in windows]
    middle: dict[str, Any] = {place: np.mean([one[place] for one in places], axis=0) for place in PLACES}
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
        each=tuple(each),
        **middle,
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
    points: dict[str, Any] = {
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

    Each as `agreement`, the differences simulated - captured; captured_sd: the mean SD between the captured
    repetitions, to judge them by.
    """
    found = agreements(Sample.of([simulated]), real.sample)
    for legs in found.values():
        for one in legs.values():
            if one is not None:
                one["captured_sd"] = one["reference_sd"]
    return {
        "captured": real.name,
        "source": real.source,
        "joint_centres": real.joint_centres,
        "repetitions": real.repetitions,
        "curves": found,
    }


Agreement = dict[str, Any]


def agreements(
    sample: Sample, reference: Sample, paired: bool = False, seed: int = 0
) -> dict[str, dict[str, Agreement | None]]:
    """`agreement` of every curve and leg: name -> side -> what was found, or None where either is undefined.

    paired: both have measured the same repetitions, in the same order. Errors: InputError for unequal numbers then.
    """
    if paired and sample.repetitions != reference.repetitions:
        raise InputError(
            "paired: expected as many repetitions in both recordings, found "
            f"{sample.repetitions} and {reference.repetitions}"
        )
    both = sample.registered(), reference.registered()
    found = list(dict.fromkeys([*LABELS, *names(sample.mean, reference.mean)]))
    return {
        name: {side: agreement(sample, reference, both, name, side, paired, seed) for side in reversed(SIDES)}
        for name in found
    }


def agreement(
    sample: Sample,
    reference: Sample,
    aligned: tuple[Sample | None, Sample | None],
    name: str,
    side: str,
    paired: bool = False,
    seed: int = 0,
) -> Agreement | None:
    """How a sample agrees with a reference in one curve of one leg, JSON-able; None where either lacks it.

    aligned: both, registered. Units as in the name of the curve, differences sample - reference of the mean curves:
    rmse; mean_difference with sd_difference over the 101 points; reference_sd, the mean SD between the repetitions of
    the reference; correlation (None for a constant curve); rmse_aligned, both with the deepest point at 50 %;
    lag_percent, by how much the sample is late by cross-correlation, and rmse_lagged without that. Of the aligned
    curves (alignment: deepest; else time) icc_2_1 and icc_3_1, points as targets; cmc: of the same repetitions by two
    methods (also of repetitions and the one curve of a simulation) between protocols, of two sets of repetitions
    between sessions; spm: the test of the whole curve (`waveform.Spm`). Those that need repetitions are None without.
    """
    first, second, spread = (curve(one, name, side) for one in (sample.mean, reference.mean, reference.sd))
    if first is None or second is None or spread is None:
        return None
    difference = first - second
    late = waveform.lag(first, second)
    whole = None not in aligned
    a, b = (one if one and whole else other for one, other in zip(aligned, (sample, reference), strict=True))
    pair = [one for one in (curve(a.mean, name, side), curve(b.mean, name, side)) if one is not None]
    columns = np.column_stack(pair)
    agreeing = {form: waveform.icc(columns, form) for form in ("2,1", "3,1")}
    sets = a.stack(name, side), b.stack(name, side)
    return {
        "rmse": waveform.rmse(first, second),
        "mean_difference": float(difference.mean()),
        "sd_difference": float(difference.std(ddof=1)),
        "reference_sd": float(spread.mean()),
        "correlation": waveform.correlation(first, second),
        "alignment": "deepest" if whole else "time",
        "rmse_aligned": waveform.rmse(*pair) if whole else None,
        "lag_percent": late,
        "rmse_lagged": None if late is None else waveform.rmse(*waveform.shifted(first, second, late)),
        "icc_2_1": None if agreeing["2,1"] is None else agreeing["2,1"].value,
        "icc_3_1": None if agreeing["3,1"] is None else agreeing["3,1"].value,
        "cmc": _cmc(*sets, paired),
        "spm": _spm(*sets, paired, seed),
    }


def _cmc(first: Array | None, second: Array | None, paired: bool) -> float | None:
    if first is None or second is None:
        return None
    if paired or len(first) == 1:
        return waveform.cmc_protocols(np.stack([np.broadcast_to(first, second.shape), second], axis=1))
    return waveform.cmc_between([first, second])


def _spm(first: Array | None, second: Array | None, paired: bool, seed: int) -> dict[str, Any] | None:
    """The test of first - second, its clusters in percent of the repetition."""
    if first is None or second is None:
        return None
    if paired:
        found = waveform.paired(first, second, seed=seed)
    elif len(first) == 1:  # one deterministic curve against repetitions; signs turned: curve - repetitions
        found = waveform.one_sample(-second, -first[0], seed=seed)
    else:
        found = waveform.two_sample(first, second, seed=seed)
    if found is None:
        return None
    clusters = [
        {"start_percent": one.start, "end_percent": one.end, "sign": one.sign, "p": one.p} for one in found.clusters
    ]
    return {
        "kind": found.kind,
        "method": found.method,
        "n": list(found.n),
        "alpha": found.alpha,
        "threshold": found.threshold,
        "p": found.p,
        "clusters": clusters,
        "permutations": found.permutations,
        "every_permutation": found.every,
        "smallest_p": found.smallest_p,
        "t": [round(float(t), 3) for t in found.t],
    }


def repeatability(sample: Sample) -> dict[str, dict[str, dict[str, Any] | None]]:
    """How alike the repetitions of a sample are, per curve and leg: mean SD over the curve, and the coefficient of
    multiple correlation within the session, registered where they can be. None for fewer than two known repetitions.
    """
    aligned = sample.registered() or sample
    found: dict[str, dict[str, dict[str, Any] | None]] = {}
    for name in names(sample.mean):
        found[name] = {}
        for side in reversed(SIDES):
            stack = aligned.stack(name, side)
            several = None if stack is None or len(stack) < 2 else stack
            found[name][side] = (
                None
                if several is None
                else {"sd": float(waveform.band(several)[1].mean()), "cmc": waveform.cmc(several)}
            )
    return found


def methods(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, dict[str, dict[str, Any] | None]]:
    """Agreement of two methods in every metric of the same repetitions: Bland-Altman and ICC, first - second.

    first, second: the metrics of two reports (`recording.measure`), in the same order of repetitions. Per metric:
    left, right, and `both`, in which the legs count as two subjects; None where fewer than two pairs are known.
    """
    found: dict[str, dict[str, dict[str, Any] | None]] = {}
    for name in metrics.LEG:
        pairs = {side: _pairs(first[side][name], second[side][name]) for side in reversed(SIDES)}
        legs = [side for side in pairs for _ in pairs[side]]
        every = [pair for side in pairs for pair in pairs[side]]
        if every:
            found[name] = {side: _method(pairs[side], None) for side in pairs} | {"both": _method(every, legs)}
    for name in metrics.BOTH:
        every = _pairs(first["both"][name], second["both"][name])
        if every:
            found[f"{name}_total" if name in found else name] = {"both": _method(every, None)}
    return found


def _pairs(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[tuple[float, float]]:
    both = zip(first["values"], second["values"], strict=True)
    return [(a, b) for a, b in both if a is not None and b is not None]


def _method(pairs: list[tuple[float, float]], subject: list[str] | None) -> dict[str, Any] | None:
    if len(pairs) < 2:
        return None
    first, second = np.array(pairs).T
    limits = waveform.bland_altman(first, second, subject)
    assert limits is not None
    agreeing = {form: waveform.icc(np.array(pairs), form) for form in ("2,1", "3,1")}
    return {
        "n": limits.n,
        "bias": limits.bias,
        "sd": limits.sd,
        "lower": limits.lower,
        "upper": limits.upper,
        "bias_interval": limits.bias_interval,
        "lower_interval": limits.lower_interval,
        "upper_interval": limits.upper_interval,
        "pairs": pairs,
    } | {
        f"icc_{form.replace(',', '_')}": None if one is None else {"value": one.value, "low": one.low, "high": one.high}
        for form, one in agreeing.items()
    }


# --- figure -----------------------------------------------------------------------------------------------------------

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
"""Told apart by colour-blind people too (Okabe and Ito 2008)."""


def plot(path: str | Path, simulated: Mapping[str, Curves], real: Captured, of: str = "captured") -> None:
    """Draw simulated curves over the captured mean and its SD band, both legs, as PNG, PDF or SVG by the suffix.

    simulated: label (for example "healthy", "deficit") -> curves; of: what the captured mean is called. A row without
    any curve is left out.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    every = [*simulated.values(), real.mean]
    rows = names(*every)
    figure = Figure(figsize=(7.2, 1.05 + 1.55 * len(rows)), dpi=200, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(rows), 2, sharex=True, sharey="row", squeeze=False)
    for row, name in enumerate(rows):
        for axis, side in zip(axes[row], reversed(SIDES), strict=True):
            _draw(axis, {label: curve(one, name, side) for label, one in simulated.items()}, real, name, side, of)
        axes[row, 0].set_ylabel(LABELS.get(name, name), fontsize=9)
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


def _draw(axis: Any, simulated: Mapping[str, Array | None], real: Captured, name: str, side: str, of: str) -> None:
    percent = np.linspace(0, 100, POINTS)
    mean, spread = curve(real.mean, name, side), curve(real.sd, name, side)
    if mean is not None and spread is not None:
        axis.fill_between(percent, mean - spread, mean + spread, color="0.82", linewidth=0)
        axis.plot(percent, mean, color="0.25", linewidth=1.4, label=f"{of}, mean ± SD of {real.repetitions}")
    for (label, one), colour in zip(simulated.items(), COLOURS, strict=False):
        if one is not None:
            axis.plot(percent, one, color=colour, linewidth=1.7, label=label)
    if name in ("fppa_deg", "medial_knee_displacement_mm", *ANGLES):
        axis.axhline(0, color="0.6", linewidth=0.6, zorder=0)
    axis.set_xlim(0, 100)
    axis.margins(y=0.08)
    axis.grid(color="0.93", linewidth=0.6)
    axis.set_axisbelow(True)
    axis.spines[["top", "right"]].set_visible(False)
    axis.tick_params(labelsize=8)
