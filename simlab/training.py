"""Training: what a person is after week N of a program, with the spread to expect and the source of every gain.

    trained = after(subject, load_program("models/programs/valgus_8_weeks.toml"), week=8)
    trained.subject, trained.low, trained.high, trained.gains

The law of a dial, from models/training.toml: a gain approaches what its exercises can give,

    dg/dt = (target - g) / time constant,   target = A r W / (W + h r) (R + h) / R

for strengths (fractions of the strength now), with W the sum over the exercises of weekly sets times activation, r the
activation of the most demanding one (both relative to the exercise that the trials used), h the weekly sets of half
effect, R the trials' weekly sets. So more sets give less and less, and no number of easy sets replaces a hard exercise.
For tightness (degrees of passive range) the target is A (1 - (1 - m)^2), m the weekly minutes of stretch over those
that are enough, at most 1. A is the mean over the trials of their gains, each carried to its plateau.
Nothing is lost after an exercise ends: detraining is not modelled.
"""

from __future__ import annotations

import difflib
import itertools
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from simlab import tables
from simlab.errors import InputError
from simlab.subject import Leg, Subject

SIDES = ("right", "left")

ASSUMPTIONS = (
    "Gains are means of trials of 3 to 10 weeks in untrained or little trained people who kept to the program.",
    "A gain of strength counts as muscle force, although a part of it in the first weeks is learning to use a muscle.",
    "An exercise strengthens a muscle in proportion to how much it activates it in surface EMG.",
    "The other leg gains nothing, movement is not relearned, and nothing is lost when training stops.",
    "low and high: the spread between people and between trials, all dials together. One person in six gains less than "
    "low, and one in six more than high.",
)
"""What every result rests on, for the reader."""

Calibration = Mapping[str, tuple[Sequence[float], Sequence[float]]]
"""Of each tightness: values of the dial, rising, and the degrees of passive range that they take away, rising."""


# --- the laws ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Law:
    """What training can do to a dial.

    plateau: fraction of the strength, or degrees, with the trials' exercise for good. between_trials: standard
    deviation of the plateau over its mean. time_constant [weeks]. reference: activation in the trials [% MVIC].
    """

    plateau: float
    between_trials: float
    between_people: float
    time_constant: float
    reference: float
    sources: tuple[str, ...]

    @property
    def spread(self) -> float:
        """Standard deviation of one person's gain over the mean gain."""
        return math.hypot(self.between_people, self.between_trials)

    @property
    def band(self) -> tuple[float, float]:
        """The gain, over the mean gain, that five people in six reach, and that one in six exceeds.

        The 16th and 84th percentile of a lognormal distribution with that spread: gains are skewed, and as large as
        their spread, so that a symmetrical band would reach below nothing.
        """
        sigma = math.sqrt(math.log1p(self.spread**2))
        return math.exp(-(sigma**2) / 2 - sigma), math.exp(-(sigma**2) / 2 + sigma)


def kind(dial: str) -> str:
    """strength or tightness."""
    return dial.rpartition("_")[2]


@cache
def _table() -> dict[str, Any]:
    return tables.read_toml("training.toml")


@cache
def laws() -> dict[str, Law]:
    """The law of each dial that training acts on, fitted to its trials."""
    plateaus = {dial: [_plateau(dial, trial) for trial in row["trials"]] for dial, row in _table()["laws"].items()}
    spreads = {
        dial: statistics.stdev(values) / statistics.mean(values) for dial, values in plateaus.items() if values[1:]
    }
    found = {}
    for dial, values in plateaus.items():
        row, common = _table()["laws"][dial], _table()[kind(dial)]
        # one trial says nothing of the others: the mean spread of its kind stands in
        alike = [spread for other, spread in spreads.items() if kind(other) == kind(dial)]
        found[dial] = Law(
            plateau=statistics.mean(values),
            between_trials=spreads.get(dial, statistics.mean(alike)),
            between_people=common["between_people"],
            time_constant=common["time_constant_weeks"],
            reference=row.get("reference_activation", 100.0),
            sources=tuple(trial["source"] for trial in row["trials"]),
        )
    return found


def _plateau(dial: str, trial: Mapping[str, Any]) -> float:
    """Where a trial's gain was heading: a fraction of the strength, or degrees."""
    gain = trial["gain"] / 100 if kind(dial) == "strength" else trial["gain"]
    if "weeks" not in trial:
        return gain
    return gain / -math.expm1(-trial["weeks"] / _table()[kind(dial)]["time_constant_weeks"])


@cache
def calibration() -> Calibration:
    """That of models/training.toml: the model's own passive torque in three clinical tests."""
    table = _table()["calibration"]
    return {dial: (table["tightness"], degrees) for dial, degrees in table.items() if dial != "tightness"}


def exercises() -> tuple[str, ...]:
    """The exercises that a program may name."""
    return tuple(_table()["exercises"])


def cite(source: str) -> str:
    """A source in words."""
    return _table()["sources"][source]


# --- the program ------------------------------------------------------------------------------------------------------


class _Config(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=True)


class Exercise(_Config):
    """One exercise of a program, from its first week on."""

    exercise: str
    """Of models/training.toml."""
    side: Literal["right", "left", "both"] = "both"
    sets: int = Field(ge=1, le=20)
    """In one session, each leg."""
    sessions_per_week: int = Field(ge=1, le=21)
    weeks: int = Field(ge=1, le=104)
    hold_s: float | None = Field(default=None, ge=5.0, le=600.0)
    """How long one set of a stretch is held [s], 30 if not given; strengthening exercises have none."""

    @model_validator(mode="after")
    def _known(self) -> Exercise:
        if self.exercise not in exercises():
            near = difflib.get_close_matches(self.exercise, exercises(), n=1, cutoff=0.0)[0]
            raise ValueError(f"expected a known exercise, of which '{near}' is nearest, found '{self.exercise}'")
        if self.hold_s is not None and self.stretches is None:
            raise ValueError(f"expected hold_s with a stretch only, found it with '{self.exercise}'")
        return self

    @property
    def stretches(self) -> str | None:
        """The tightness that a stretch acts on."""
        return _table()["exercises"][self.exercise].get("stretches")

    @property
    def loads(self) -> dict[str, float]:
        """The strengths that it acts on, with the activation there [% MVIC]."""
        return _table()["exercises"][self.exercise].get("loads", {})

    @property
    def weekly_sets(self) -> int:
        return self.sets * self.sessions_per_week

    @property
    def weekly_minutes(self) -> float:
        """Of stretch."""
        return self.weekly_sets * (30.0 if self.hold_s is None else self.hold_s) / 60

    def acts_on(self, dial: str, side: str) -> bool:
        return self.side in (side, "both") and (dial in self.loads or dial == self.stretches)


class Program(_Config):
    """Exercises over weeks."""

    name: str = Field(default="program", min_length=1, max_length=80)
    exercises: tuple[Exercise, ...] = Field(min_length=1)

    @property
    def weeks(self) -> int:
        """The week in which the last exercise ends."""
        return max(exercise.weeks for exercise in self.exercises)


def load_program(path: str | Path) -> Program:
    """Read a program from a TOML file. Errors: InputError naming file, key, expected and found."""
    data = tables.load_toml(path)
    if isinstance(data.get("exercises"), list):
        data["exercises"] = tuple(data["exercises"])  # TOML has lists only, and a program is not to be changed
    try:
        return Program.model_validate(data)
    except ValidationError as error:
        found = error.errors()
        told = [item for item in found if item["type"] != "too_short"] or found  # one that is wrong leaves none over
        raise InputError("\n".join(_explain(item, Path(path)) for item in told)) from None


def _explain(item: Any, path: Path) -> str:
    location = item["loc"]
    key = ".".join(str(part) for part in location)
    fields = (Exercise if len(location) > 1 else Program).model_fields
    if item["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(location[-1]), fields, n=1, cutoff=0.0)[0]
        return f"{path}: unknown key '{key}'; the nearest valid key is '{near}'"
    if item["type"] == "value_error":  # ours, complete
        return f"{path}: {key}: {item['ctx']['error']}"
    if item["type"] == "missing":
        return f"{path}: {key}: expected a value, found none"
    limits = {type(m).__name__: m for m in fields[str(location[-1])].metadata} if str(location[-1]) in fields else {}
    bounds = f" (range {limits['Ge'].ge:g} to {limits['Le'].le:g})" if {"Ge", "Le"} <= limits.keys() else ""
    return f"{path}: {key}: {item['msg'].lower()}{bounds}, found {item['input']!r}"


# --- the gains --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """What a program does to one dial of one leg.

    gain, low, high: the mean of people and the ends of the band (`Law.band`), as a fraction of the strength before or
    as degrees of passive range. before, after, after_low, after_high: the dial. limited: it has reached the end of its
    range and shows less than the gain (a muscle that is not tight has nothing to lose). sources: keys for `cite`.
    """

    side: str
    dial: str
    exercises: tuple[str, ...]
    gain: float
    low: float
    high: float
    before: float
    after: float
    after_low: float
    after_high: float
    limited: bool
    sources: tuple[str, ...]
    shared: bool = False
    """The dial shows only what the gain is more than that of a group which the muscle belongs to."""

    @property
    def words(self) -> str:
        """A line for the reader."""
        if kind(self.dial) == "strength":
            numbers = f"{100 * self.gain:+.0f} % ({100 * self.low:.0f} to {100 * self.high:.0f})"
        else:
            numbers = f"{self.gain:+.1f} deg of range ({self.low:.1f} to {self.high:.1f})"
        end = ", the end of its range" if self.limited else ", beside the external rotators" if self.shared else ""
        return f"{self.side} {self.dial} {self.before:.2f} -> {self.after:.2f}{end}: {numbers}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """The subject after a week of a program; low and high: every dial at that end of its band."""

    week: float
    subject: Subject
    low: Subject
    high: Subject
    gains: tuple[Gain, ...]


def after(subject: Subject, program: Program, week: float, ranges: Calibration | None = None) -> Trained:
    """The subject after `week` weeks of a program (0: before it; a part of a week counts).

    ranges: how many degrees of passive range each value of a tightness takes away, to turn degrees gained into the
    dial; `calibration()` if not given. Strengths are multiplied, at most to 2; a tightness is reduced, at least to 0;
    nothing else changes.
    Errors: InputError for a week outside the program.
    Source: models/training.toml.
    """
    if not 0 <= week <= program.weeks:
        expected = f"0 to {program.weeks}, the weeks of the program '{program.name}'"
        raise InputError(f"week: expected {expected}, found {week:g}")
    gains = tuple(
        _gain(leg, side, dial, mine, week, calibration() if ranges is None else ranges)
        for side, leg in zip(SIDES, subject.legs(), strict=True)
        for dial in laws()
        if (mine := [exercise for exercise in program.exercises if exercise.acts_on(dial, side)])
    )
    gains = tuple(_once(one, [other for other in gains if other.side == one.side]) for one in gains)
    return Trained(
        week=week,
        subject=_person(subject, {(one.side, one.dial): one.after for one in gains}),
        low=_person(subject, {(one.side, one.dial): one.after_low for one in gains}),
        high=_person(subject, {(one.side, one.dial): one.after_high for one in gains}),
        gains=gains,
    )


def _once(one: Gain, gains: Sequence[Gain]) -> Gain:
    """The gluteus maximus is one of the external rotators: what it gains as one of them is not given it again."""
    group = next((other for other in gains if other.dial == "external_rotator_strength"), None)
    if one.dial != "gluteus_maximus_strength" or group is None:
        return one

    def net(gain: float, with_it: float) -> float:
        return min(one.before * max(1.0, (1 + gain) / (1 + with_it)), _most(one.dial))

    value = net(one.gain, group.gain)
    return replace(
        one,
        after=value,
        after_low=net(one.low, group.low),
        after_high=net(one.high, group.high),
        limited=value == _most(one.dial),
        shared=True,
    )


def _person(subject: Subject, dials: Mapping[tuple[str, str], float]) -> Subject:
    legs = {
        side: leg.model_copy(update={dial: value for (where, dial), value in dials.items() if where == side})
        for side, leg in zip(SIDES, subject.legs(), strict=True)
    }
    return subject.model_copy(update=legs)


def _gain(leg: Leg, side: str, dial: str, exercises: Sequence[Exercise], week: float, ranges: Calibration) -> Gain:
    law, names = laws()[dial], tuple(dict.fromkeys(exercise.exercise for exercise in exercises))
    before, mean = getattr(leg, dial), _mean_gain(dial, exercises, week)
    low, high = (mean * factor for factor in law.band)
    (value, limited), (value_low, _), (value_high, _) = (
        _turned(dial, before, gain, ranges) for gain in (mean, low, high)
    )
    rows = [_table()["exercises"][name] for name in names]
    sources = (*law.sources, *(source for row in (*rows, _table()[kind(dial)]) for source in row["sources"]))
    return Gain(
        side=side,
        dial=dial,
        exercises=names,
        gain=mean,
        low=low,
        high=high,
        before=before,
        after=value,
        after_low=value_low,
        after_high=value_high,
        limited=limited,
        sources=tuple(dict.fromkeys(sources)),
    )


def _mean_gain(dial: str, exercises: Sequence[Exercise], week: float) -> float:
    """The mean gain after so many weeks: a fraction of the strength, or degrees."""
    constant = laws()[dial].time_constant
    ends = {float(exercise.weeks) for exercise in exercises}
    gain = 0.0
    for start, end in itertools.pairwise(sorted({0.0, week, *(e for e in ends if e < week)})):
        going = [exercise for exercise in exercises if exercise.weeks > start]
        gain += max(0.0, _target(dial, going) - gain) * -math.expm1(-(end - start) / constant)
    return gain


def _target(dial: str, exercises: Sequence[Exercise]) -> float:
    """What these exercises can give in the end."""
    law, common = laws()[dial], _table()[kind(dial)]
    if not exercises:
        return 0.0
    if kind(dial) == "tightness":
        enough = min(1.0, sum(exercise.weekly_minutes for exercise in exercises) / common["enough_minutes"])
        return law.plateau * (1 - (1 - enough) ** 2)
    activations = [exercise.loads[dial] / law.reference for exercise in exercises]
    hardest, half, usual = max(activations), common["half_dose_sets"], common["reference_sets"]
    work = sum(a * exercise.weekly_sets for a, exercise in zip(activations, exercises, strict=True))
    return law.plateau * hardest * work / (work + half * hardest) * (usual + half) / usual


def _most(dial: str) -> float:
    """The end of a dial's range."""
    return next(bound.le for bound in Leg.model_fields[dial].metadata if hasattr(bound, "le"))


def _turned(dial: str, before: float, gain: float, ranges: Calibration) -> tuple[float, bool]:
    """The dial after a gain, and whether it has reached the end of its range."""
    if kind(dial) == "strength":
        most = _most(dial)
        return min(before * (1 + gain), most), before * (1 + gain) > most
    values, degrees = ranges[dial]
    if gain == 0 or before == 0:
        return before, before == 0 and gain > 0
    left = float(np.interp(before, values, degrees)) - gain
    # never above what it was: the table read there and back may differ in the last digit
    return min(before, float(np.interp(left, degrees, values))), left < degrees[0]
