"""Repetitions that are not like the others: a knee that falls in once, on the way up, in five good squats.

Each repetition, leg and phase (descending, ascending) gives the frontal plane projection angle and the medial knee
displacement where the knee bends through 60 deg. A value is unusual when both of these hold:

- it lies further from the mean of the other repetitions, same leg and phase, than one measurement errs: 5.5 deg, which
  is 1.96 times the standard error of measurement of a projection angle within a day, 2.8 deg (Munro, Herrington and
  Carolan 2012, doi 10.1123/jsr.21.1.7, give 2.7 to 3.0); for the displacement 18 mm, what 5.5 deg move a knee with
  0.38 m of thigh and shank above and below it;
- and further than ordinary scatter explains: the difference over its standard error without the repetition in question
  (leave one out; the externally studentised residual of Cook and Weisberg 1982, Residuals and Influence in Regression)
  exceeds Student's t so far that among all values of an ordinary recording one does in 1 of 20 (Bonferroni). The
  standard deviation is that of the other repetitions of all legs and phases, each about its own mean, since a few
  repetitions of one leg alone tell it badly; or that of the leg and phase itself where it is larger.

What was found is set aside and the rest judged again, so that one repetition cannot hide another.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from simlab import metrics
from simlab.motion import SIDES, Array, Landmarks

LEVEL = 60
"""The knee flexion at which repetitions are compared [deg]."""
PHASES: tuple[Literal["descending", "ascending"], ...] = ("descending", "ascending")
FLOORS = {"fppa_60_deg": 5.5, "medial_knee_displacement_60_mm": 18.0}
"""What is compared, and the least difference that counts, in the unit of the name."""
WORDS = {"fppa_60_deg": ("FPPA", "deg", 1), "medial_knee_displacement_60_mm": ("medial knee displacement", "mm", 0)}
FEWEST = 3
FALSE_ALARMS = 0.05
"""The share of ordinary recordings in which anything exceeds the second bound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unusual:
    """One value that is not like the others. repetition counts from 1; time [s]; the rest in the unit of `measure`.

    low, high: the range of the other repetitions; difference: from their mean; t: the same over its standard error.
    """

    repetition: int
    side: str
    phase: str
    time: float
    measure: str
    value: float
    low: float
    high: float
    difference: float
    t: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What was found among so many repetitions; bound of t, None where there were too few to judge."""

    found: tuple[Unusual, ...]
    repetitions: int
    bound: float | None

    def report(self) -> dict[str, Any]:
        """JSON-able."""
        found = [{name: _short(getattr(one, name)) for name in Unusual.__slots__} for one in self.found]
        return {"judged": self.bound is not None, "criterion": self.criterion, "found": found}

    @property
    def criterion(self) -> str:
        """In words."""
        if self.bound is None:
            return (
                f"needs {FEWEST} repetitions in which the knee bends through {LEVEL} deg, found {self.repetitions}: "
                "nothing was judged"
            )
        return (
            f"FPPA (medial knee displacement) at {LEVEL} deg of knee flexion more than {FLOORS['fppa_60_deg']:g} deg "
            f"({FLOORS['medial_knee_displacement_60_mm']:g} mm) and {self.bound:.1f} standard errors from the mean of "
            f"the others of {self.repetitions} repetitions, same leg and phase"
        )


def _short(value: Any) -> Any:
    return round(value, 3) if isinstance(value, float) else value


def sentences(found: Sequence[Mapping[str, Any]]) -> list[str]:
    """The `found` of a report in words: one sentence for each repetition, leg and phase."""
    said: dict[str, list[str]] = {}
    for one in sorted(found, key=lambda one: (one["time"], list(FLOORS).index(one["measure"]))):
        where = f"repetition {one['repetition']}, {one['side']} leg, {one['phase']}, {one['time']:.2f} s"
        name, unit, digits = WORDS[one["measure"]]
        value, low, high = (f"{one[x]:+.{digits}f}" for x in ("value", "low", "high"))
        said.setdefault(where, []).append(f"{name} {value} {unit}, in the others {low} to {high}")
    return [f"{where}: at {LEVEL} deg of flexion {'; '.join(values)}" for where, values in said.items()]


def find(landmarks: Landmarks, repetitions: Sequence[metrics.Repetition]) -> Verdict:
    """Every unusual value of the repetitions of a recording, in the order of time."""
    values, times = _values(landmarks, repetitions)
    n = int(np.isfinite(values[..., 0]).sum(axis=0).max(initial=0))
    if n < FEWEST:
        return Verdict(found=(), repetitions=n, bound=None)
    cells, bound = judge(values)
    found = []
    for (i, leg, phase, k), difference, t in cells:
        others = np.delete(values[:, leg, phase, k], i)
        one = Unusual(
            repetition=i + 1,
            side=SIDES[leg],
            phase=PHASES[phase],
            time=float(times[i, leg, phase]),
            measure=list(FLOORS)[k],
            value=float(values[i, leg, phase, k]),
            low=float(np.nanmin(others)),
            high=float(np.nanmax(others)),
            difference=difference,
            t=t,
        )
        found.append(one)
    return Verdict(found=tuple(sorted(found, key=lambda one: one.time)), repetitions=n, bound=bound)


Cell = tuple[int, int, int, int]


def judge(values: Array) -> tuple[list[tuple[Cell, float, float]], float]:
    """Unusual values by their place, with difference and t, and the bound of t for all of them.

    values: shape (n, legs, phases, measures), in the order of `SIDES`, `PHASES` and `FLOORS`; NaN where there is none.
    """
    from scipy.stats import t as student

    floors = np.array(list(FLOORS.values()))
    found: list[tuple[Cell, float, float]] = []
    left, first = values.copy(), math.nan
    while True:
        difference, t, freedom = residuals(left)
        count = int(np.isfinite(t).sum())
        bound = student.ppf(1 - FALSE_ALARMS / (2 * max(count, 1)), np.maximum(freedom, 1))
        first = float(bound.max()) if math.isnan(first) else first
        over = np.where(np.isfinite(t) & (np.abs(difference) > floors), np.abs(t) / bound[:, None, None, :], 0.0)
        place = np.unravel_index(int(np.argmax(over)), over.shape)
        if over[place] <= 1.0:
            return found, first
        i, leg, phase, k = (int(x) for x in place)
        found.append(((i, leg, phase, k), float(difference[place]), float(t[place])))
        left[place] = np.nan


def residuals(values: Array) -> tuple[Array, Array, Array]:
    """Difference of each value from the mean of the others, the same over its standard error (NaN where fewer than two
    others are left), and the degrees of freedom of that, shape (n, measures).
    """
    n = len(values)
    difference, t = np.full_like(values, np.nan), np.full_like(values, np.nan)
    freedom = np.zeros((n, values.shape[-1]))
    for i in range(n):
        others = np.delete(values, i, axis=0)
        known = np.isfinite(others)
        count = known.sum(axis=0)
        enough = count >= FEWEST - 1
        mean = np.where(known, others, 0.0).sum(axis=0) / np.maximum(count, 1)
        squares = np.where(known & enough, (others - mean) ** 2, 0.0).sum(axis=0)
        freedom[i] = np.where(enough, count - 1, 0).sum(axis=(0, 1))
        pooled = squares.sum(axis=(0, 1)) / np.maximum(freedom[i], 1)
        variance = np.maximum(pooled, squares / np.maximum(count - 1, 1))
        difference[i] = np.where(enough, values[i] - mean, np.nan)
        t[i] = difference[i] / np.sqrt(np.maximum(variance, 1e-18) * (1 + 1 / np.maximum(count, 1)))
    return difference, t, freedom


def _values(landmarks: Landmarks, repetitions: Sequence[metrics.Repetition]) -> tuple[Array, Array]:
    """The values, shape (n, legs, phases, measures), and when [s], (n, legs, phases); NaN where there is none."""
    flexion = metrics.knee_flexion(landmarks)
    curves = np.degrees(metrics.fppa(landmarks)), 1e3 * metrics.medial_knee_displacement(landmarks)
    values = np.full((len(repetitions), len(SIDES), len(PHASES), len(FLOORS)), np.nan)
    times = np.full(values.shape[:3], np.nan)
    level = math.radians(LEVEL)
    for i, repetition in enumerate(repetitions):
        inside = np.flatnonzero((landmarks.time >= repetition.start) & (landmarks.time <= repetition.end))
        for leg in range(len(SIDES)):
            bend = flexion[inside, leg]
            up = np.flatnonzero((bend[:-1] < level) & (bend[1:] >= level))
            down = np.flatnonzero((bend[:-1] >= level) & (bend[1:] < level))
            for phase, crossing in enumerate((up[:1], down[-1:])):
                if len(crossing):
                    before, after = bend[crossing[0] : crossing[0] + 2]
                    share = (level - before) / (after - before)
                    at = inside[crossing[0]]
                    between = [series[at : at + 2, leg] for series in curves] + [landmarks.time[at : at + 2]]
                    *values[i, leg, phase], times[i, leg, phase] = (a + share * (b - a) for a, b in between)
    return values, times
