"""What a sweep is asked to do: the file, validated at the border."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from simlab import tables, tasks
from simlab.errors import InputError
from simlab.subject import SIDES
from simlab.subject import dial_keys as dials_of_subject

Number = int | float | str
LIMIT = 1_000_000
"""Points that a design may have."""


class _Config(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=True)


class Values(_Config):
    """A dial of a grid: these values, in this order."""

    values: list[Number] = Field(min_length=1)


class Range(_Config):
    """A dial that is spread evenly from low to high."""

    low: float
    high: float

    @model_validator(mode="after")
    def _ordered(self) -> Range:
        if not self.low < self.high:
            raise ValueError(f"expected low below high, found low {self.low:g} and high {self.high:g}")
        return self


class Levels(Range):
    """A dial of a grid: so many values from low to high, evenly spaced, both included."""

    levels: int = Field(ge=2, le=LIMIT)


class Normal(Range):
    """A dial of a population: normal with this mean and sd, cut off below low and above high."""

    mean: float
    sd: float = Field(gt=0)

    @model_validator(mode="after")
    def _inside(self) -> Normal:
        if not self.low <= self.mean <= self.high:
            raise ValueError(f"expected a mean between low and high, found {self.mean:g}")
        return self


Dial = Values | Range | Levels | Normal


class Correlation(_Config):
    """Correlation of two dials of a population, before their distributions are cut off (Gaussian copula)."""

    between: list[str] = Field(min_length=2, max_length=2)
    r: float = Field(gt=-1.0, lt=1.0)


class Spec(_Config):
    """A sweep. Everything but `path` and `dials` as it stands in the file; dials by their whole key."""

    path: str
    """Where it was read from: for messages, and the folder that `subject` is relative to."""
    name: str = Field(default="sweep", min_length=1, max_length=80)
    task: str = "squat"
    task_settings: dict[str, Any] = {}
    subject: str | None = None
    set: list[str] = []
    strategy: Literal["habitual", "compensating"] = "habitual"
    cue: float = Field(default=0.0, ge=0.0, le=1.0)
    seed: int = Field(default=0, ge=0, lt=2**32)
    """Of the design, and recorded with every simulation."""
    design: Literal["grid", "sobol", "latin-hypercube", "population"]
    samples: int | None = Field(default=None, ge=1, le=LIMIT)
    recycle_after: int = Field(default=200, ge=1)
    """Simulations after which a worker process is replaced by a new one."""
    curves: bool = False
    """Whether to keep the time-normalised curves."""
    changes: bool = True
    """Whether to simulate each point's healthy twin too, and to say how far every metric is from it."""
    dials: dict[str, Dial] = Field(min_length=1)
    correlations: list[Correlation] = []


def load(path: str | Path) -> Spec:
    """Read a sweep from a TOML file. Errors: InputError naming file, key, expected and found."""
    return parse(tables.load_toml(path), str(path))


def parse(data: dict[str, Any], path: str) -> Spec:
    """A sweep from the content of its file; `path` names it in messages. Errors: InputError."""
    if "path" in data:
        raise InputError(f"{path}: unknown key 'path'")
    dials = data.get("dials")
    if not isinstance(dials, dict) or not dials:
        raise InputError(f"{path}: dials: expected a table of at least one dial, found {dials or 'none'!r}")
    # The dials are read after the rest, whose design says what they must look like.
    spec = _validated(Spec, data | {"path": path, "dials": {"-": Values(values=[0])}}, path)
    _known_task(spec)
    flat = _flat(dials, dial_keys(spec.task), path)
    read = {key: _dial(value, spec, key) for key, value in flat.items()}
    spec = spec.model_copy(update={"dials": read})
    _consistent(spec)
    return spec


Model = TypeVar("Model", bound=BaseModel)


def _validated(kind: type[Model], data: Any, where: str) -> Model:
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        raise InputError("\n".join(_explain(kind, item, where) for item in error.errors())) from None


def _explain(kind: type[BaseModel], item: Any, where: str) -> str:
    location = [str(part) for part in item["loc"]]
    key = ".".join(location)
    if item["type"] == "extra_forbidden":
        fields = kind.model_fields if len(location) == 1 else Correlation.model_fields
        return (
            f"{where}: unknown key '{key}'; the nearest valid key is '{nearest(location[-1], set(fields) - {'path'})}'"
        )
    start = f"{where}: {key}: " if key else f"{where}: "
    if item["type"] == "value_error":
        return start + str(item["ctx"]["error"])
    if item["type"] == "missing":
        return start + "expected a value, found none"
    return f"{start}{item['msg'].lower()}, found {item['input']!r}"


def nearest(word: str, valid: Any) -> str:
    """The valid word that is most like this one."""
    return difflib.get_close_matches(word, sorted(valid), n=1, cutoff=0.0)[0]


def _known_task(spec: Spec) -> None:
    try:
        tasks.load(spec.task, **spec.task_settings)
    except (InputError, TypeError) as error:
        raise InputError(f"{spec.path}: {error}") from None


def _flat(dials: dict[str, Any], valid: set[str], path: str) -> dict[str, Any]:
    """TOML reads right.adductor_tightness as a table in a table: back to whole keys."""
    flat: dict[str, Any] = {}
    for group, value in dials.items():
        inner = {group: value}
        if isinstance(value, dict) and any(key.startswith(f"{group}.") for key in valid):
            inner = _flat({f"{group}.{key}": one for key, one in value.items()}, valid, path)
        for key, one in inner.items():
            if key in flat:
                raise InputError(f"{path}: dials: {key}: expected a dial once, found it twice")
            flat[key] = one
    return flat


def _dial(value: Any, spec: Spec, key: str) -> Dial:
    where = f"{spec.path}: dials: {key}"
    valid = dial_keys(spec.task)
    if key not in valid:
        raise InputError(f"{spec.path}: dials: unknown dial '{key}'; the nearest valid one is '{nearest(key, valid)}'")
    if spec.design == "grid" and isinstance(value, list):
        return _validated(Values, {"values": value}, where)
    kind, wanted = _KINDS[spec.design]
    if not isinstance(value, dict):
        raise InputError(f"{where}: expected {wanted} for design {spec.design}, found {value!r}")
    spread = spec.design == "population" and {"mean", "sd"} & set(value)
    return _validated(Normal if spread else kind, value, where)


_KINDS: dict[str, tuple[type[Range], str]] = {
    "grid": (Levels, "a list of values or {low, high, levels}"),
    "sobol": (Range, "{low, high}"),
    "latin-hypercube": (Range, "{low, high}"),
    "population": (Range, "{mean, sd, low, high} or {low, high}"),
}
"""What a dial of each design is, but for a list of values and a normal distribution; and how to say so."""


def dial_keys(task: str) -> set[str]:
    """Every key that a dial may have."""
    asked = {f"task.{name}" for name in type(tasks.load(task)).model_fields if name != "name"}
    return dials_of_subject() | asked | {"controller.cue", "controller.strategy"}


def _consistent(spec: Spec) -> None:
    """What one key alone cannot say."""
    if spec.design == "grid" and spec.samples is not None:
        raise InputError(f"{spec.path}: samples: expected none for a grid (its dials give their values), found it")
    if spec.design != "grid" and spec.samples is None:
        raise InputError(f"{spec.path}: samples: expected a number for design {spec.design}, found none")
    if spec.correlations and spec.design != "population":
        raise InputError(f"{spec.path}: correlations: expected design population, found {spec.design}")
    pairs = set()
    for correlation in spec.correlations:
        a, b = correlation.between
        for key in (a, b):
            if key not in spec.dials:
                near = nearest(key, spec.dials)
                raise InputError(f"{spec.path}: correlations: '{key}' is not a dial of this sweep; nearest is '{near}'")
        if a == b or frozenset((a, b)) in pairs:
            raise InputError(f"{spec.path}: correlations: expected each pair of two dials once, found {a}, {b}")
        pairs.add(frozenset((a, b)))
    for key in spec.dials:
        both = ".".join("both" if part in SIDES else part for part in key.split("."))
        if both != key and both in spec.dials:
            raise InputError(f"{spec.path}: dials: {key} and {both} turn the same dial; expected one of them")
