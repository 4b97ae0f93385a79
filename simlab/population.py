"""A virtual population: subjects drawn from published distributions, with one seed.

    people = population.sample(100, seed=1)
    population.save(people, "out/people")

models/population.csv has a row a dial (and sex): the published mean and SD of what is measured, the value at which the
dial is 0, how much of it is one unit of the dial, the range of the dial, how alike the two sides are, and the sources.
models/population_correlations.csv has the correlations of one side; between different dials of different sides they
are smaller by the (geometric) mean likeness of their sides. They are those of the normal scores (Gaussian copula).

`clipped`: who is beyond the healthy end of a one-sided dial has it at that end. `range`: so has who is more flexible
than the average; what a passive range lacks to it becomes tightness by the clinical tests of `simlab.training`.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from simlab import copula, sweep, tables, tasks, training
from simlab.control import Controller
from simlab.errors import InputError
from simlab.export import whole
from simlab.motion import SIDES, Array
from simlab.subject import Subject, toml
from simlab.sweep import Job, Progress, simulate_one

SEXES = ("female", "male")
BODY = ("height_m", "mass_kg")
ABDUCTORS = "hip_abductor_strength"
DECIMALS = 4
"""Of a drawn dial, so that files can be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Margin:
    """The distribution of a dial: mean and sd of the quantity that is measured; the dial is (quantity - zero) / per,
    from low to high; clipped: what is beyond counts as the end (otherwise it does not occur); lost: instead of `per`,
    values of the dial and what the quantity lacks to zero there, both rising; sides: correlation of right and left."""

    mean: float
    sd: float
    zero: float
    per: float
    low: float
    high: float
    clipped: bool
    lost: tuple[Sequence[float], Sequence[float]] | None
    sides: float

    def dial(self, unit: Array) -> Array:
        """Values of the dial at quantiles."""
        from scipy.stats import norm

        if self.lost is not None:
            tightness, degrees = self.lost
            return np.clip(
                np.interp(self.zero - norm.ppf(unit, self.mean, self.sd), degrees, tightness), 0.0, self.high
            )
        mean, sd = (self.mean - self.zero) / self.per, self.sd / self.per
        if self.clipped:
            return np.clip(norm.ppf(unit, mean, sd), self.low, self.high)
        return copula.truncated_normal(unit, mean, sd, self.low, self.high)


@cache
def margins() -> dict[str, dict[str, Margin]]:
    """Dial -> sex -> its distribution."""
    found: dict[str, dict[str, Margin]] = {}
    for row in _rows("population.csv"):
        margin = Margin(
            **{name: float(row[name] or "nan") for name in ("mean", "sd", "zero", "per", "low", "high", "sides")},
            clipped=row["margin"] == "clipped",
            lost=training.calibration()[row["dial"]] if row["margin"] == "range" else None,
        )
        for sex in SEXES if row["sex"] == "both" else (row["sex"],):
            found.setdefault(row["dial"], {})[sex] = margin
    return found


@cache
def correlations() -> Array:
    """Of the normal scores of height, mass, and of each dial of a leg, right then left; shape (k, k)."""
    dials = list(margins())
    r = np.eye(len(dials))
    for row in _rows("population_correlations.csv"):
        i, j = dials.index(row["first"]), dials.index(row["second"])
        r[i, j] = r[j, i] = float(row["r"])
    alike = np.array([margins()[name]["female"].sides for name in dials[len(BODY) :]])
    legs = r[len(BODY) :, len(BODY) :]
    across = legs * np.sqrt(np.outer(alike, alike))
    body, leg = r[: len(BODY), : len(BODY)], r[: len(BODY), len(BODY) :]
    return np.block([[body, leg, leg], [leg.T, legs, across], [leg.T, across, legs]])


def _rows(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(tables.models().joinpath(name).read_text(encoding="utf-8").splitlines()))


def sample(n: int, seed: int = 0) -> tuple[Subject, ...]:
    """Draw n people, half of them women on average; the first are the same whatever n is. Errors: InputError."""
    if n < 1:
        raise InputError(f"population: expected at least 1 person, found {n}")
    r = correlations()
    joint = np.eye(len(r) + 1)  # the sex is drawn beside the rest, not correlated: each sex has its own distributions
    joint[1:, 1:] = r
    unit = copula.quantiles(joint, n, seed, "population_correlations.csv")
    sex = np.where(unit[:, 0] < 0.5, *SEXES)
    dials = list(margins())
    legs = dials[len(BODY) :]
    columns = [*BODY, *legs, *legs]
    values = np.empty((n, len(columns)))
    for k, name in enumerate(columns):
        for one in SEXES:
            values[sex == one, k] = margins()[name][one].dial(unit[sex == one, k + 1])
    values = np.round(values, DECIMALS)
    return tuple(_person(i, str(sex[i]), columns, values[i].tolist()) for i in range(n))


def _person(index: int, sex: str, columns: Sequence[str], row: Sequence[float]) -> Subject:
    body, legs = len(BODY), (len(columns) - len(BODY)) // 2
    data: dict[str, Any] = {"name": f"person {index + 1}", "sex": sex} | dict(zip(BODY, row, strict=False))
    for start, side in zip((body, body + legs), SIDES, strict=True):
        data[side] = dict(zip(columns[start : start + legs], row[start : start + legs], strict=True))
    return Subject.model_validate(data)


# --- files ------------------------------------------------------------------------------------------------------------


def save(subjects: Sequence[Subject], folder: str | Path) -> list[str]:
    """Write each subject as a TOML file that `load_subject` reads back the same; all appear or none. Returns the paths.

    Errors: InputError when the folder cannot be written.
    """
    digits = max(4, len(str(len(subjects))))
    with whole(folder) as draft:
        for index, subject in enumerate(subjects, start=1):
            (draft / f"person_{index:0{digits}}.toml").write_text(toml(subject), encoding="utf-8")
        names = sorted(path.name for path in draft.iterdir())
    return [str(Path(folder) / name) for name in names]


# --- strength against valgus ------------------------------------------------------------------------------------------

VALGUS = ("knee_abduction_change_deg", "knee_abduction_peak_deg", "fppa_peak_deg", "medial_knee_travel_mm")
"""Frontal-plane motion of the knee: how far it abducts from standing to the bottom, for the motion towards valgus of
Claiborne et al. 2006; then measures that the bones of a person are in."""
STRENGTH = ("torque_nm_per_kg", "torque_nm")
"""Hip abduction strength of the standing leg: normalised to body mass, and as it is."""
DEPTH_DEG = 60.0
"""As deep as they went."""
NORMAL_95 = 1.959964


@dataclass(frozen=True, slots=True, kw_only=True)
class Correlation:
    """A correlation r with its 95 % interval (Fisher's z)."""

    strength: str
    valgus: str
    r: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Association:
    """Strength against valgus across people: of so many, those who could do the task; failed: person -> why not."""

    task: str
    people: int
    succeeded: int
    seed: int
    correlations: tuple[Correlation, ...]
    failed: dict[str, str]

    def as_dict(self) -> dict[str, Any]:
        """The association as JSON-able data."""
        return asdict(self) | {"correlations": [asdict(one) for one in self.correlations]}


def strength_against_valgus(
    n: int = 40,
    seed: int = 0,
    *,
    side: str = "right",
    task: tasks.Task | None = None,
    folder: str | Path | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
    job: Job = simulate_one,
) -> Association:
    """Correlate hip abduction strength with what the knee does in a single-leg squat, across a virtual population.

    The first correlation is the one that Claiborne et al. 2006 (doi 10.1123/jab.22.1.41) found to be -0.37. folder:
    where simulations are kept and found again. Errors: InputError; those of `sweep.outcomes`.
    """
    asked = task or tasks.load("single_leg_squat", side=side, depth_deg=DEPTH_DEG)
    people = sample(n, seed)
    wanted = [sweep.simulation(person, asked, Controller()) for person in people]
    found = sweep.outcomes(wanted, folder, workers=workers, progress=progress, job=job)
    good = [(person, one["metrics"][side]) for person, one in zip(people, found, strict=True) if one["success"]]
    torque = [getattr(getattr(person, side), ABDUCTORS) * margins()[ABDUCTORS][person.sex].per for person, _ in good]
    strengths = {
        "torque_nm_per_kg": np.array(torque),
        "torque_nm": np.array([t * person.mass_kg for t, (person, _) in zip(torque, good, strict=True)]),
    }
    pairs = [(a, b) for b in VALGUS for a in STRENGTH] if len(good) > 3 else []
    return Association(
        task=asked.name,
        people=n,
        succeeded=len(good),
        seed=seed,
        correlations=tuple(_correlate(a, b, strengths[a], np.array([leg[b] for _, leg in good])) for a, b in pairs),
        failed={
            person.name: str(one["message"]) for person, one in zip(people, found, strict=True) if not one["success"]
        },
    )


def _correlate(strength: str, valgus: str, x: Array, y: Array) -> Correlation:
    r = float(np.corrcoef(x, y)[0, 1])
    z, half = math.atanh(r), NORMAL_95 / math.sqrt(len(x) - 3)
    return Correlation(strength=strength, valgus=valgus, r=r, low=math.tanh(z - half), high=math.tanh(z + half))
