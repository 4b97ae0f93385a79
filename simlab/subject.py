"""The subject: what a clinician would say of a person, validated at the border."""

from __future__ import annotations

import difflib
import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from simlab.errors import InputError

Strength = Field(default=1.0, ge=0.1, le=2.0)
Part = Field(default=None, ge=0.1, le=2.0)


class _Config(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=True)


class Leg(_Config):
    """The dials of one leg. Strengths are fractions of the healthy maximum isometric force."""

    gluteus_medius_strength: float = Strength
    """Gluteus medius and minimus together, as a clinical test of abduction loads them."""
    gluteus_minimus_strength: float | None = Part
    """Sets the minimus apart; by default it follows the medius."""
    gluteus_medius_anterior_strength: float | None = Part
    gluteus_medius_middle_strength: float | None = Part
    gluteus_medius_posterior_strength: float | None = Part
    gluteus_maximus_strength: float = Strength
    external_rotator_strength: float = Strength
    """Piriformis, obturator internus with the gemelli, quadratus femoris."""
    adductor_tightness: float = Field(default=0.0, ge=0.0, le=1.0)
    """1: passive slack length 15 % shorter and passive force doubled; linear between."""
    foot_pronation_deg: float = Field(default=0.0, ge=-5.0, le=10.0)
    """Structural varus of the sole [deg]: how far the foot must roll medially to lie flat; negative: supinated."""


class Subject(_Config):
    """A person. Masses in kilograms, lengths in metres."""

    name: str = Field(default="subject", pattern=r"^\w[\w .,()+-]{0,79}$")
    """Names the person in titles and folders: letters, digits and .,()+- only."""
    sex: Literal["female", "male"] = "female"
    mass_kg: float = Field(default=62.0, ge=35.0, le=160.0)
    height_m: float = Field(default=1.68, ge=1.35, le=2.15)
    right: Leg = Leg()
    left: Leg = Leg()

    def healthy(self) -> Subject:
        """The same body without any deficit: the twin whose habits a deficit meets."""
        return self.model_copy(update={"name": f"{self.name} (healthy twin)", "right": Leg(), "left": Leg()})

    def legs(self) -> tuple[Leg, Leg]:
        """Right, left."""
        return self.right, self.left


def load_subject(path: str | Path) -> Subject:
    """Read a subject from a TOML file. Errors: InputError naming file, key, expected and found."""
    path = Path(path)
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not valid TOML: {error}") from None
    return _validate(data, str(path))


def change(subject: Subject, settings: list[str], source: str = "--set") -> Subject:
    """Apply `right.KEY=VALUE`, `left.KEY=VALUE`, `both.KEY=VALUE` or `KEY=VALUE` in order.

    Errors: InputError naming the source, the key, what was expected and what was found.
    """
    data = subject.model_dump()
    for setting in settings:
        key, separator, text = setting.partition("=")
        if not separator or not text.strip():
            raise InputError(f"{source} {setting}: expected KEY=VALUE, such as right.gluteus_medius_strength=0.5")
        side, dot, name = key.strip().rpartition(".")
        if dot and side not in ("right", "left", "both"):
            raise InputError(f"{source} {setting}: unknown side '{side}', expected right, left or both")
        if not dot and name in ("right", "left", "both"):
            raise InputError(f"{source} {setting}: expected a dial of the leg, such as {name}.adductor_tightness=0.4")
        for target in ("right", "left") if side == "both" else (side,):
            (data[target] if target else data)[name] = text.strip() if name == "name" else _value(text.strip())
    return _validate(data, f"{source} " + " ".join(settings)) if settings else subject


def _value(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _validate(data: dict[str, Any], source: str) -> Subject:
    try:
        return Subject.model_validate(data)
    except ValidationError as error:
        raise InputError("\n".join(_explain(item, source) for item in error.errors())) from None


def _explain(item: Any, source: str) -> str:
    key = ".".join(str(part) for part in item["loc"])
    if item["type"] == "extra_forbidden":
        fields = Leg.model_fields if item["loc"][0] in ("right", "left") else Subject.model_fields
        near = difflib.get_close_matches(str(item["loc"][-1]), fields, n=1, cutoff=0.0)
        return f"{source}: unknown key '{key}'; the nearest valid key is '{near[0]}'"
    bounds = _range(item["loc"])
    return f"{source}: {key}: {item['msg'].lower()}{bounds}, found {item['input']!r}"


def _range(location: tuple[str | int, ...]) -> str:
    """The allowed range of a dial, for the message about a value outside it."""
    fields = Leg.model_fields if location[0] in ("right", "left") and len(location) > 1 else Subject.model_fields
    field = fields.get(str(location[-1]))
    limits = {type(m).__name__: m for m in field.metadata} if field else {}
    if "Ge" in limits and "Le" in limits:
        return f" (range {limits['Ge'].ge:g} to {limits['Le'].le:g})"
    return ""
