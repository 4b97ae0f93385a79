"""The subject: what a clinician would say of a person, validated at the border."""

from __future__ import annotations

import csv
import difflib
import io
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from simlab import tables
from simlab.errors import InputError

Strength = Field(default=1.0, ge=0.1, le=2.0)
Part = Field(default=None, ge=0.1, le=2.0)
Tightness = Field(default=0.0, ge=0.0, le=1.0)
Insert = Field(default=0.0, ge=0.0, le=40.0)
SIDES = ("right", "left")
PARTS = ("supports", "proportions")
"""What a subject has beside two legs."""


class _Config(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=True)


@cache
def muscle_names() -> tuple[str, ...]:
    """The muscles of a leg that can be addressed by name."""
    text = tables.models().joinpath("muscles.csv").read_text(encoding="utf-8")
    return tuple(row["muscle"] for row in csv.DictReader(text.splitlines()))


def _known(muscles: dict[str, Muscle]) -> dict[str, Muscle]:
    for name in muscles:
        if name not in muscle_names():
            near = difflib.get_close_matches(name, muscle_names(), n=1, cutoff=0.0)[0]
            raise ValueError(f"expected the name of a muscle, of which '{near}' is nearest, found '{name}'")
    return muscles


class Muscle(_Config):
    """One muscle, on top of what the dials of its group say: factors, 1 changes nothing."""

    strength: float = Strength
    """Maximum isometric force."""
    passive_stiffness: float = Field(default=1.0, ge=0.0, le=5.0)
    """Force of the passive fibre at the same length."""
    tendon_slack: float = Field(default=1.0, ge=0.8, le=1.2)
    """Tendon slack length: below 1 the fibre works, and becomes taut, at greater lengths."""


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
    hip_abductor_strength: float = Strength
    """All that a clinical test of abduction loads: medius, minimus and tensor fasciae latae; on top of their own."""
    external_rotator_strength: float = Strength
    """All that a clinical test of external rotation loads: gluteus maximus, piriformis, obturator internus with the
    gemelli, quadratus femoris; on top of their own."""
    quadriceps_strength: float = Strength
    adductor_tightness: float = Tightness
    """1: passive slack length 15 % shorter and passive force doubled; linear between. So are the hip flexors; the calf
    takes 0.68 of both. 0.4 is where a clinician begins to say tight (simlab.clinical)."""
    hip_flexor_tightness: float = Tightness
    """Iliacus, psoas, rectus femoris, sartorius."""
    calf_tightness: float = Tightness
    """Gastrocnemius and soleus: restricts dorsiflexion."""
    foot_pronation_deg: float = Field(default=0.0, ge=-5.0, le=10.0)
    """Structural varus of the sole [deg]: how far the foot must roll medially to lie flat; negative: supinated."""
    arch_stiffness: float = Field(default=1.0, ge=0.1, le=5.0)
    """Passive stiffness of subtalar and midtarsal joint, relative to normal: below 1 the loaded arch sinks farther."""
    ligament_laxity: float = Field(default=0.0, ge=0.0, le=1.0)
    """Of the knee: how much farther the same torque abducts and rotates it; 1: twice as far."""
    genu_valgum_deg: float = Field(default=0.0, ge=-20.0, le=20.0)
    """Bone: the tibia is set outward at the knee by this angle, the sole stays level; negative: genu varum."""
    femoral_anteversion_deg: float = Field(default=0.0, ge=-20.0, le=30.0)
    """Bone: how much farther than normal the knee is twisted inward on the femoral neck."""
    tibial_torsion_deg: float = Field(default=0.0, ge=-20.0, le=30.0)
    """Bone: how much farther than normal the foot is twisted outward on the knee."""
    muscles: Annotated[dict[str, Muscle], AfterValidator(_known)] = Field(default_factory=dict)
    """Muscles by name (models/muscles.csv)."""

    def bones(self) -> Leg:
        """A leg of these bones without any other change."""
        return Leg(**{name: getattr(self, name) for name in BONES})


BONES = ("genu_valgum_deg", "femoral_anteversion_deg", "tibial_torsion_deg")
"""The dials that are structure: nobody can unlearn them, and no exercise changes them."""


class Insole(_Config):
    """What lies under one foot."""

    medial_post_deg: float = Field(default=0.0, ge=-15.0, le=15.0)
    """Wedge under the whole sole, the medial side higher; negative: the lateral side."""
    heel_post_deg: float = Field(default=0.0, ge=-15.0, le=15.0)
    """Wedge under the heel alone, on top of the other."""
    arch_support_mm: float = Insert
    """How far a pad under the medial arch reaches below the plane of the sole."""
    heel_lift_mm: float = Insert
    forefoot_lift_mm: float = Insert
    """Height of a block under the forefoot: a wedge that takes away dorsiflexion."""

    def ground(self) -> Insole:
        """What of it tilts the ground forward or back: nobody plans to stand on a slope as on the flat."""
        return Insole(heel_lift_mm=self.heel_lift_mm, forefoot_lift_mm=self.forefoot_lift_mm)


class Supports(_Config):
    """What helps from outside. The elastic band runs around both thighs, above the knees."""

    right: Insole = Insole()
    left: Insole = Insole()
    band_above_knees_n: float = Field(default=0.0, ge=0.0, le=400.0)
    """With how much it pulls each knee inward when the feet are under the hips and the knees straight."""
    band_stiffness_n_per_m: float = Field(default=300.0, gt=0.0, le=5000.0)
    """How much more it pulls when the thighs are a metre farther apart."""
    band_rest_length_m: float | None = Field(default=None, gt=0.0, le=1.0)
    """Distance of the thighs at which it is slack; if not given, it follows from the pull."""
    knee_over_second_toe: float = Field(default=0.0, ge=0.0, le=1.0)
    """The cue: attention to the frontal plane, 0 none to 1 full."""

    @model_validator(mode="after")
    def _consistent(self) -> Supports:
        if self.band_above_knees_n and self.band_rest_length_m is not None:
            raise ValueError(
                "expected band_above_knees_n or band_rest_length_m (each follows from the other and the stiffness), "
                f"found both: {self.band_above_knees_n:g} N and {self.band_rest_length_m:g} m"
            )
        return self


Proportion = Field(default=1.0, ge=0.7, le=1.4)


class Proportions(_Config):
    """Lengths of segments relative to the reference skeleton of the same stature. Muscles keep their paths: a longer
    bone means a tendon that is as much longer."""

    pelvis_width: float = Proportion
    pelvis_depth: float = Proportion
    """And its height."""
    trunk_length: float = Proportion
    thigh_length: float = Proportion
    shank_length: float = Proportion
    foot_length: float = Proportion
    upper_arm_length: float = Proportion
    forearm_length: float = Proportion


class Subject(_Config):
    """A person. Masses in kilograms, lengths in metres."""

    name: str = Field(default="subject", pattern=r"^\w[\w .,()+-]{0,79}$")
    """Names the person in titles and folders: letters, digits and .,()+- only."""
    sex: Literal["female", "male"] = "female"
    mass_kg: float = Field(default=62.0, ge=35.0, le=160.0)
    height_m: float = Field(default=1.68, ge=1.35, le=2.15)
    proportions: Proportions = Proportions()
    muscle_paths: Literal["anatomical", "torque_balanced"] = "anatomical"
    """An assumption. torque_balanced: hip rotation arms that keep the strength of rotation even over flexion
    (simlab.paths.balanced); no anatomy, but the bound of what that uncertainty can do."""
    right: Leg = Leg()
    left: Leg = Leg()
    supports: Supports = Supports()

    def healthy(self) -> Subject:
        """A straight-boned, healthy person of the same size: what effects are measured against."""
        return self._with(Leg(), Leg(), Supports())

    def twin(self) -> Subject:
        """The same bones without any deficit or support: the twin whose habits a deficit meets. A slope under both feet
        alike is where it has learned to stand; one under a single foot is not."""
        slope = self.supports.right.ground()
        alike = slope == self.supports.left.ground()
        ground = Supports(right=slope, left=slope) if alike else Supports()
        return self._with(self.right.bones(), self.left.bones(), ground)

    def _with(self, right: Leg, left: Leg, supports: Supports) -> Subject:
        changed = {"name": f"{self.name} (healthy twin)", "right": right, "left": left, "supports": supports}
        return self.model_copy(update=changed)

    def legs(self) -> tuple[Leg, Leg]:
        """Right, left."""
        return self.right, self.left


def load_subject(path: str | Path) -> Subject:
    """Read a subject from a TOML file. Errors: InputError naming file, key, expected and found."""
    return _validate(tables.load_toml(path), str(path))


def toml(subject: Subject) -> str:
    """A subject as the text of its file: the body, and what differs from healthy."""
    out = io.StringIO()
    body = {name: getattr(subject, name) for name in ("name", "sex", "mass_kg", "height_m")}
    _table(out, body | subject.model_dump(exclude_defaults=True), ())
    return out.getvalue()


def _table(out: io.StringIO, data: dict[str, Any], path: tuple[str, ...]) -> None:
    """The values of a table, then the tables in it."""
    flat = {key: value for key, value in data.items() if not isinstance(value, dict)}
    if path and flat:
        out.write(f"\n[{'.'.join(path)}]\n")
    for key, value in flat.items():
        out.write(f'{key} = "{value}"\n' if isinstance(value, str) else f"{key} = {value!r}\n")
    for key, value in data.items():
        if isinstance(value, dict):
            _table(out, value, (*path, key))


def change(subject: Subject, settings: list[str], source: str = "--set") -> Subject:
    """Apply `right.KEY=VALUE`, `left.KEY=VALUE`, `both.KEY=VALUE`, `supports.KEY=VALUE` or `KEY=VALUE` in order.

    A muscle is `right.muscles.NAME.strength=VALUE`, an insole `supports.both.medial_post_deg=VALUE`.
    Errors: InputError naming the source, the key, what was expected and what was found.
    """
    data = subject.model_dump()
    for setting in settings:
        key, separator, text = setting.partition("=")
        if not separator or not text.strip():
            raise InputError(f"{source} {setting}: expected KEY=VALUE, such as right.gluteus_medius_strength=0.5")
        *path, name = key.strip().split(".")
        if path and path[0] not in (*SIDES, "both", *PARTS):
            expected = f"right, left, both, {' or '.join(PARTS)}"
            raise InputError(f"{source} {setting}: unknown part '{path[0]}', expected {expected}")
        if name in (*SIDES, "both", *PARTS, "muscles"):
            raise InputError(f"{source} {setting}: expected a dial, such as right.adductor_tightness=0.4")
        for side in SIDES if "both" in path else ("",):
            place = data
            for step in (side if part == "both" else part for part in path):
                place = place.setdefault(step, {})
                if not isinstance(place, dict):
                    raise InputError(f"{source} {setting}: '{step}' is a value, expected nothing below it")
            place[name] = text.strip() if name == "name" else _value(text.strip())
    return _validate(data, f"{source} " + " ".join(settings)) if settings else subject


def dial_keys() -> set[str]:
    """Every key that `change` takes, but for the name."""
    sides = (*SIDES, "both")
    body = set(Subject.model_fields) - {"name", *PARTS, *SIDES}
    body |= {f"proportions.{name}" for name in Proportions.model_fields}
    legs = {f"{side}.{name}" for side in sides for name in Leg.model_fields if name != "muscles"}
    muscles = {
        f"{side}.muscles.{name}.{quality}"
        for side in sides
        for name in muscle_names()
        for quality in Muscle.model_fields
    }
    insoles = {f"supports.{side}.{name}" for side in sides for name in Insole.model_fields}
    return body | legs | muscles | insoles | {f"supports.{name}" for name in set(Supports.model_fields) - {*SIDES}}


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
        near = difflib.get_close_matches(str(item["loc"][-1]), _fields(item["loc"][:-1]), n=1, cutoff=0.0)
        return f"{source}: unknown key '{key}'; the nearest valid key is '{near[0]}'"
    if item["type"] == "value_error":  # ours, complete
        return f"{source}: {key}: {item['ctx']['error']}"
    if item["type"] == "model_type":
        some = next(iter(_fields(item["loc"])))
        return f"{source}: {key}: expected keys below it, such as {key}.{some}, found {item['input']!r}"
    return f"{source}: {key}: {item['msg'].lower()}{_range(item['loc'])}, found {item['input']!r}"


def _fields(path: tuple[str | int, ...]) -> dict[str, Any]:
    """The keys at a place in a subject."""
    config: Any = Subject
    for part in path:
        annotation = config.model_fields[str(part)].annotation if str(part) in config.model_fields else Muscle
        inner = [kind for kind in (annotation, *get_args(annotation)) if isinstance(kind, type)]
        config = next((kind for kind in inner if issubclass(kind, BaseModel)), config)
    return dict(config.model_fields)


def _range(location: tuple[str | int, ...]) -> str:
    """The allowed range of a dial, for the message about a value outside it."""
    field = _fields(location[:-1]).get(str(location[-1])) if location else None
    limits = {type(m).__name__: m for m in field.metadata} if field else {}
    low = f"{limits['Ge'].ge:g}" if "Ge" in limits else f"above {limits['Gt'].gt:g}" if "Gt" in limits else None
    return f" (range {low} to {limits['Le'].le:g})" if low is not None and "Le" in limits else ""
