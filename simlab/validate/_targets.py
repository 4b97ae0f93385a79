"""The targets: what experiments say, what the model is asked to show, and how close it came.

A target is a function of the outcomes of cases; every case that one asks for is in `cases`. A tolerance was set before
the model was run, and no number was fitted to it; the PFP-like person of T1 and T2 was defined after weakness alone had
failed them, which stays beside it. `Part.open`: the ends of the range do not pass.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from simlab import population, tables, tasks, training
from simlab.model import build, state
from simlab.motion import COORDINATES, LEG_COORDINATES
from simlab.population import Association, Correlation
from simlab.subject import Subject, change, load_subject
from simlab.tasks import Task
from simlab.tasks._plan import Sole
from simlab.validate._cases import SIDE, Case, Outcome

IRELAND = 0.74, 0.64
"""Strength of patients with patellofemoral pain against healthy: abduction, external rotation (Ireland 2003)."""
PFP_LIKE = (
    "patients differ in more than strength, so hip abductors at 0.74 and external rotators at 0.64 of their healthy "
    "force (Ireland 2003), adductors tight at 0.4 and feet pronated by 4 deg."
)
ENOUGH = 0.95
"""Muscles that give less than this share of what they could have something left."""
FATIGUED = 0.5
"""Strength of fatigued abductors: half, where fatigue protocols end; the abstract does not say how far this went."""
WEDGE_DEG = 12.0
DEPTHS_DEG = 110, 100, 90, 75, 60
"""As deep as one can is the deepest of these squats from which the person comes up again, with an ankle that nowhere
dorsiflexes beyond what the lengths of the calf are known for."""
PRONATED_DEG, ARCH_MM, POST_DEG = 6.0, 4.0, 5.0
WEEKS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One number of a target. low, high: the range that is accepted, None where there is no such end; a part without
    either is shown and not judged. published: what the experiment found."""

    quantity: str
    unit: str
    value: float | None
    low: float | None = None
    high: float | None = None
    open: bool = False
    published: str = ""

    @property
    def judged(self) -> bool:
        """Whether it can pass or fail."""
        return self.low is not None or self.high is not None

    @property
    def passed(self) -> bool:
        """Whether the number is there and in its range."""
        if self.value is None or not math.isfinite(self.value):
            return False
        low = -math.inf if self.low is None else self.low
        high = math.inf if self.high is None else self.high
        return low < self.value < high if self.open else low <= self.value <= high

    def as_dict(self) -> dict[str, Any]:
        """For JSON: numbers to four significant places."""
        numbers = {name: _rounded(value) for name, value in asdict(self).items() if name != "open"}
        return numbers | {"passed": self.passed if self.judged else None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One row of the table: it passes when every judged part of it does."""

    id: str
    target: str
    source: str
    tolerance: str
    definition: str
    measured: tuple[Part, ...]
    explanation: str

    @property
    def passed(self) -> bool:
        """Whether every judged part lies in its range."""
        judged = [part for part in self.measured if part.judged]
        return bool(judged) and all(part.passed for part in judged)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "id": self.id,
            "target": self.target,
            "source": self.source,
            "tolerance": self.tolerance,
            "measured": [part.as_dict() for part in self.measured],
            "passed": self.passed,
            "explanation": self.explanation,
        }


def _rounded(value: Any) -> Any:
    """A number as JSON can have it: to four significant places, null where there is none."""
    if not isinstance(value, float):
        return value
    return float(f"{value:.4g}") if math.isfinite(value) else None


def _plain(number: float | None, form: str) -> str:
    """A number in a text: a real minus, and none before nothing."""
    if number is None:
        return "none"
    text = format(number, form)
    return (text if float(text) else text.lstrip("+-")).replace("-", "\u2212")


def _signed(number: float | None, form: str) -> str:
    return _plain(number, f"+{form}")


class Found:
    """Outcomes by the name of the case, and which of those that were asked for failed."""

    def __init__(self, outcomes: Mapping[str, Outcome]) -> None:
        self._outcomes = outcomes
        self.failed: dict[str, str] = {}

    def done(self, case: str) -> bool:
        """Whether a case succeeded; asking is no failure."""
        return self._outcomes[case].success

    def value(self, case: str, name: str) -> float | None:
        """A number of a case; None if the case failed or does not define it."""
        outcome = self._outcomes[case]
        if not outcome.success:
            self.failed[case] = outcome.message
        return outcome.values.get(name)

    def change(self, case: str, against: str, name: str) -> float | None:
        """How far a number of a case is from that of another."""
        a, b = self.value(case, name), self.value(against, name)
        return None if a is None or b is None else a - b

    def holds(self, case: str, name: str, test: Callable[[float], bool], *, against: str | None = None) -> bool:
        """Whether a number of a case (or its change) is there and passes a test: what a sentence may then say."""
        number = self.value(case, name) if against is None else self.change(case, against, name)
        return number is not None and test(number)

    def share(self, case: str) -> float:
        """Share of the abduction that the hip could give which it gives, at the deepest point."""
        give, could = (self.value(case, f"abductors_{name}_nm") for name in ("give", "could_give"))
        return math.nan if give is None or not could else give / could

    def words(self, template: str) -> str:
        """The template with `{case|number}` and `{case~other|number}` (a change, with its sign) filled in, each with
        its format, such as `{pfp|hip_adduction_peak_deg|.1f}`; only the failures, where a case of it failed."""

        def fill(match: re.Match[str]) -> str:
            cases, name, form = match.groups()
            case, _, against = cases.partition("~")
            number = self.change(case, against, name) if against else self.value(case, name)
            return _signed(number, form) if against else _plain(number, form)

        text = re.sub(r"\{([^|{}]+)\|([^|{}]+)\|([^|{}]+)\}", fill, template)
        if self.failed:
            return " ".join(f"The simulation \u201c{case}\u201d failed: {why}." for case, why in self.failed.items())
        return text


# --- the cases --------------------------------------------------------------------------------------------------------


def person(name: str) -> Subject:
    """A subject of models/subjects."""
    return load_subject(str(tables.models().joinpath("subjects", f"{name}.toml")))


def wedge_mm(subject: Subject) -> float:
    """Height of the block under the forefoot that tilts this foot by the wedge's 12 deg."""
    model = build(subject)
    length = float(np.linalg.norm(Sole(model, state(model, np.zeros(len(COORDINATES)))).axis("_r")))
    return round(1e3 * math.tan(math.radians(WEDGE_DEG)) * length, 1)


def strengthened(subject: Subject) -> Subject:
    """The subject after five weeks of the program for the hip that comes with the package."""
    program = training.load_program(str(tables.models().joinpath("programs", "valgus_8_weeks.toml")))
    return training.after(subject, program, WEEKS).subject


DYNAMIC = ("single_leg_squat", "step_down")
"""Tasks on one leg in which fatigue is evaluated."""


def single(**settings: Any) -> Task:
    """The single-leg squat of the targets: 60 deg of knee flexion unless it says otherwise."""
    return tasks.load("single_leg_squat", **{"side": SIDE, "depth_deg": 60.0} | settings)


def stance() -> Task:
    """Standing on one leg, where the nerve block is evaluated."""
    return tasks.load("single_leg_stance", side=SIDE)


def cases() -> dict[str, Case]:
    """Every simulation of the targets, by the name that the targets call it by."""
    woman, man, mixture = person("female"), person("male"), person("mixture")
    squat = tasks.load("squat")
    abductors, rotators = IRELAND
    weak_hips = f"both.hip_abductor_strength={abductors}", f"both.external_rotator_strength={rotators}"
    patient = change(woman, [*weak_hips, "both.adductor_tightness=0.4", "both.foot_pronation_deg=4"])
    blocked, weak = "both.hip_abductor_strength=0.48", "both.hip_abductor_strength=0.82"
    pronated, tired = f"both.foot_pronation_deg={PRONATED_DEG}", f"both.hip_abductor_strength={FATIGUED}"
    stronger = strengthened(mixture)
    posted = change(woman, [f"supports.both.medial_post_deg={POST_DEG}"])
    arch = change(woman, [pronated, f"supports.both.arch_support_mm={ARCH_MM}"])
    found = {
        "woman": Case(subject=woman, task=single()),
        "man": Case(subject=man, task=single()),
        "PFP-like": Case(subject=patient, task=single()),
        "PFP-like, cued": Case(subject=patient, cue=1.0, task=single()),
        "PFP-like, stronger": Case(subject=strengthened(patient), task=single()),
        "weak hips alone": Case(subject=change(woman, list(weak_hips)), task=single()),
        "abductors 0.82": Case(subject=change(woman, [weak]), task=single()),
        "standing": Case(subject=man, task=stance()),
        "standing, nerve block": Case(subject=change(man, [blocked]), task=stance()),
        "mixture": Case(subject=mixture, task=squat),
        "mixture, cued": Case(subject=mixture, cue=1.0, task=squat),
        "mixture, stronger": Case(subject=stronger, task=squat),
        "squat": Case(subject=woman, task=squat),
        "pronated": Case(subject=change(woman, [pronated]), task=squat),
        "pronated, arch support": Case(subject=arch, task=squat),
        "medial post": Case(subject=posted, task=squat),
    }
    wedged = change(woman, [f"supports.both.forefoot_lift_mm={wedge_mm(woman)}"])
    for depth in DEPTHS_DEG:
        task = tasks.load("squat", depth_deg=depth)
        found |= {f"flat, {depth} deg": Case(subject=woman, task=task)}
        found |= {f"wedge, {depth} deg": Case(subject=wedged, task=task)}
    for name in DYNAMIC:
        task = single() if name == "single_leg_squat" else tasks.load(name, side=SIDE)
        found[f"{name}, rested"] = Case(subject=woman, task=task)
        found[f"{name}, fatigued"] = Case(subject=change(woman, [tired]), task=task)
    return found


# --- the targets ------------------------------------------------------------------------------------------------------

RESERVE = (
    "{%s|abductors_give_nm|.0f} of {%s|abductors_could_give_nm|.0f} Nm (gluteus medius activation "
    "{%s|gluteus_medius_activation|.2f})"
)


def reserve(case: str) -> str:
    """What the hip abductors give at the deepest point, of what they could at full activation, as a template."""
    return RESERVE % (case, case, case)


def trade(found: Found, case: str) -> str:
    """Why muscles that could give more do not, as a template; nothing where they give all."""
    if not found.share(case) < ENOUGH:
        return ""
    return (
        " What is left would do, but to leave the habitual drive costs the controller as well "
        f"(weight {{{case}|drive_weight|.0f}}; list of the pelvis {{{case}|pelvis_list_weight|.0f}})."
    )


def t1(found: Found) -> Target:
    """Projection angle of women, and of patients against them."""
    healthy = found.value("woman", "fppa_peak_deg")
    parts = (
        Part(
            quantity="FPPA, healthy woman",
            unit="deg",
            value=healthy,
            low=4.4,
            high=12.4,
            published="8.4 \u00b1 5.1",
        ),
        Part(
            quantity="FPPA, PFP-like minus healthy",
            unit="deg",
            value=found.change("PFP-like", "woman", "fppa_peak_deg"),
            low=4.0,
            high=12.0,
            published="+8.4",
        ),
        Part(
            quantity="FPPA, weak hips alone minus healthy",
            unit="deg",
            value=found.change("weak hips alone", "woman", "fppa_peak_deg"),
        ),
    )
    return Target(
        id="T1",
        target="Single-leg squat of women: FPPA of healthy women and of women with patellofemoral pain",
        source="Herrington 2014, doi 10.1016/j.knee.2013.11.011; strengths of patients: Ireland 2003",
        tolerance="mean within 4 deg of 8.4; a PFP-like subject 4 to 12 deg above a healthy one",
        definition=(
            f"FPPA at peak knee flexion of a single-leg squat to 60 deg. PFP-like: {PFP_LIKE} Weak hips alone are "
            "shown and not judged."
        ),
        measured=parts,
        explanation=found.words(
            "At the deepest point the hip abductors of the healthy woman give "
            + reserve("woman")
            + ", those of the PFP-like one "
            + reserve("PFP-like")
            + "."
            + trade(found, "PFP-like")
            + " Against the healthy squat: hip adduction {PFP-like~woman|hip_adduction_at_peak_flexion_deg|.1f}, "
            "hip rotation {PFP-like~woman|hip_internal_rotation_at_peak_flexion_deg|.1f}, pelvic drop "
            "{PFP-like~woman|pelvic_drop_deg|.1f} deg. The external rotators give "
            "{PFP-like|external_rotators_give_nm|.0f} of {PFP-like|external_rotators_could_give_nm|.0f} Nm. At "
            "{woman|hip_flexion_deg|.0f} deg of hip flexion the gluteus medius has an abduction arm of "
            "{woman|gluteus_medius_abduction_arm_mm|.0f} mm and an arm of internal rotation of "
            "{woman|gluteus_medius_rotation_arm_mm|.0f} mm"
            + (
                ", so that with its strength an inward pull is lost as well."
                if found.holds("woman", "gluteus_medius_rotation_arm_mm", lambda arm: arm > 0.0)
                else "."
            )
        ),
    )


def t2(found: Found) -> Target:
    """Patients against controls, as an upper bound of what weakness does."""
    sizes = {
        "hip adduction": ("hip_adduction_peak_deg", 4.0),
        "knee abduction": ("knee_abduction_peak_deg", 3.4),
        "pelvic drop": ("pelvic_drop_deg", 2.9),
        "trunk lean": ("trunk_lean_deg", 2.6),
    }
    parts = tuple(
        Part(
            quantity=f"{words}, PFP-like minus healthy",
            unit="deg",
            value=found.change("PFP-like", "woman", name),
            low=0.0,
            high=1.5 * size,
            open=True,
            published=f"{size:+.1f}",
        )
        for words, (name, size) in sizes.items()
    )
    parts += tuple(
        Part(
            quantity=f"{words}, abductors at 0.82 alone minus healthy",
            unit="deg",
            value=found.change("abductors 0.82", "woman", name),
        )
        for words, (name, _) in sizes.items()
    )
    return Target(
        id="T2",
        target="Single-leg squat: patients with patellofemoral pain minus controls",
        source="Nakagawa 2012, doi 10.2519/jospt.2012.3987",
        tolerance="right sign; at most 1.5 times the published size (cross-sectional, so an upper bound)",
        definition=(
            f"Largest value during a single-leg squat to 60 deg, minus healthy. Pelvic drop: of the free side; trunk "
            f"lean: towards the standing side. PFP-like: {PFP_LIKE} Abductors that are 18 % weaker and nothing else "
            "are shown and not judged."
        ),
        measured=parts,
        explanation=found.words(
            "At the deepest point the abductors that are 18 % weaker give "
            + reserve("abductors 0.82")
            + ", the healthy ones "
            + reserve("woman")
            + ". The pelvis drops by "
            "{abductors 0.82~woman|pelvic_drop_deg|.2f} and the trunk leans by "
            "{abductors 0.82~woman|trunk_lean_deg|.2f} deg. The muscles across the knee exert an abduction moment of "
            "{abductors 0.82|knee_muscles_abduct_nm|.1f} Nm instead of {woman|knee_muscles_abduct_nm|.1f}; knee "
            "abduction there is {woman|knee_abduction_at_peak_flexion_deg|.1f} deg and changes by "
            "{abductors 0.82~woman|knee_abduction_at_peak_flexion_deg|.2f}, hip rotation by "
            "{abductors 0.82~woman|hip_internal_rotation_at_peak_flexion_deg|.2f} deg. Its largest value, "
            "{woman|knee_abduction_peak_deg|.1f} deg, changes by {abductors 0.82~woman|knee_abduction_peak_deg|.2f}."
        ),
    )


def t3(found: Found) -> Target:
    """Hip and knee of healthy men and women."""
    rows = {
        "hip adduction": ("hip_adduction_peak_deg", "deg", {"man": (12.7, 9.7), "woman": (14.4, 9.8)}),
        "hip internal rotation": ("hip_internal_rotation_peak_deg", "deg", {"man": (-1.8, 5.7), "woman": (3.0, 7.3)}),
        "medio-lateral displacement of the knee": (
            "knee_lateral_range_mm",
            "mm",
            {"man": (66.0, 26.0), "woman": (89.0, 28.0)},
        ),
    }
    parts = tuple(
        Part(
            quantity=f"{words}, {who}",
            unit=unit,
            value=found.value(who, name),
            low=mean - sd / 2,
            high=mean + sd / 2,
            published=f"{mean:g} \u00b1 {sd:g}".replace("-", "\u2212"),
        )
        for words, (name, unit, people) in rows.items()
        for who, (mean, sd) in people.items()
    )
    return Target(
        id="T3",
        target=(
            "Single-leg squat of healthy men and women: hip adduction, hip internal rotation, sideways travel of the "
            "knee"
        ),
        source="Weeks 2015, doi 10.1186/s12891-015-0739-3, table 1",
        tolerance="within 0.5 SD of the mean",
        definition=(
            "Largest hip adduction and internal rotation during a single-leg squat to 60 deg; displacement: range of "
            "the knee centre along the medio-lateral axis of the laboratory (the table does not define it). The people "
            "of the study went as deep as they could."
        ),
        measured=parts,
        explanation=found.words(
            "What a healthy person wants is the planned posture (knee over a foot that is turned out by 5 deg, pelvis "
            "level, centre of mass over the sole): at the deepest point it has {woman|planned_hip_adduction_deg|.1f} "
            "deg of hip adduction and {woman|planned_hip_internal_rotation_deg|.1f} deg of internal rotation, and its "
            "knee travels {woman|planned_knee_lateral_range_mm|.0f} mm sideways. The simulated woman makes "
            "{woman|hip_adduction_peak_deg|.1f} deg, {woman|hip_internal_rotation_peak_deg|.1f} deg and "
            "{woman|knee_lateral_range_mm|.0f} mm of it, the man {man|hip_adduction_peak_deg|.1f} deg, "
            "{man|hip_internal_rotation_peak_deg|.1f} deg and {man|knee_lateral_range_mm|.0f} mm: one generic strategy "
            "for both, where people wobble and differ by 6 to 10 deg."
        ),
    )


def t4(found: Found) -> Target:
    """Fatigue of the hip abductors in dynamic tasks."""
    quantities = {
        "knee abduction excursion": ("knee_abduction_excursion_deg", "deg", 0.5, 3.0, "+1.4"),
        "internal knee adductor moment": ("knee_internal_adductor_moment_peak_nm", "Nm", 3.0, 12.0, "+7.3"),
    }
    parts: list[Part] = []
    for words, (key, unit, low, high, published) in quantities.items():
        each = {name: found.change(f"{name}, fatigued", f"{name}, rested", key) for name in DYNAMIC}
        there = [value for value in each.values() if value is not None]
        parts.append(
            Part(
                quantity=f"{words}, mean of the tasks, fatigued minus rested",
                unit=unit,
                value=sum(there) / len(there) if len(there) == len(each) else None,
                low=low,
                high=high,
                published=published,
            )
        )
        parts += [
            Part(quantity=f"{words}, {name.replace('_', ' ')}, fatigued minus rested", unit=unit, value=value)
            for name, value in each.items()
        ]
    return Target(
        id="T4",
        target="Fatigue of the hip abductors alone: knee abduction excursion and internal adductor moment",
        source="Geiser 2010, doi 10.1249/MSS.0b013e3181b7b227 (cut, jump and run off a platform)",
        tolerance="+0.5 to +3 deg; +3 to +12 Nm",
        definition=(
            "Hip abductors at half of their force. Excursion: largest knee abduction minus that at the start of the "
            "movement. Moment: largest internal adductor moment of the knee. Judged is the mean of the tasks, as the "
            "study pools its own (\u201cregardless of task\u201d), which are faster than those of the model."
        ),
        measured=tuple(parts),
        explanation=found.words(
            " ".join(_tired(found, name) for name in DYNAMIC) + " The body stands in balance before it moves and never "
            "lands, so there is no weight acceptance in which the knee could give."
        ),
    )


def _tired(found: Found, task: str) -> str:
    """What fatigue does in a task, as a template."""
    weak, rested = f"{task}, fatigued", f"{task}, rested"
    both = f"{weak}~{rested}"
    return (
        f"{task.replace('_', ' ').capitalize()}: at the deepest point the rested abductors give {reserve(rested)}, the "
        f"fatigued ones {reserve(weak)}.{trade(found, weak)} The pelvis drops by {{{both}|pelvic_drop_deg|.1f}} deg, "
        f"the hip rotates by {{{both}|hip_internal_rotation_at_peak_flexion_deg|.1f}} deg and the trunk leans by "
        f"{{{both}|trunk_lean_deg|.1f}} deg. Knee abduction changes by {{{both}|knee_abduction_start_deg|.1f}} deg "
        f"where the movement starts, by {{{both}|knee_abduction_peak_deg|.1f}} deg at its largest and by "
        f"{{{both}|knee_abduction_at_peak_flexion_deg|.1f}} deg at the deepest point, where the muscles across the "
        f"knee exert an abduction moment of {{{weak}|knee_muscles_abduct_nm|.1f}} Nm instead of "
        f"{{{rested}|knee_muscles_abduct_nm|.1f}}; FPPA changes by {{{both}|fppa_peak_deg|.1f}} deg."
    )


def t5(found: Found) -> Target:
    """The negative control: half of the abductors gone, and nothing happens."""
    weak, whole = "standing, nerve block", "standing"
    parts = tuple(
        Part(
            quantity=f"{words}, blocked minus whole",
            unit="deg",
            value=found.change(weak, whole, name),
            low=-2.0,
            high=2.0,
            open=True,
            published="no change",
        )
        for words, name in (("pelvic drop", "pelvic_drop_deg"), ("hip adduction", "hip_adduction_peak_deg"))
    )
    return Target(
        id="T5",
        target="Negative control: superior gluteal nerve block (hip abductors \u221252 %) on one leg",
        source="Kendall 2013, PMID 22797529; Pohl 2015, doi 10.4085/1062-6050-49.5.07",
        tolerance="mean change below 2 deg",
        definition=(
            "A man, standing on one leg; hip abductors of both legs at 0.48. Largest pelvic drop and hip adduction."
        ),
        measured=parts,
        explanation=found.words(
            "At the deepest point the whole abductors give "
            + reserve(whole)
            + ", the blocked ones "
            + reserve(weak)
            + "."
            + trade(found, weak)
            + " The hip needs "
            "{standing|hip_abduction_net_nm|.0f} Nm of net abduction whole and "
            "{standing, nerve block|hip_abduction_net_nm|.0f} Nm blocked, and the trunk leans by "
            "{standing, nerve block~standing|trunk_lean_deg|.1f} deg."
        ),
    )


def t6(association: Association, weaker: Mapping[str, float | None]) -> Target:
    """Across a virtual population (`population.strength_against_valgus`). weaker: what a weak muscle alone does to
    knee abduction on one leg [deg], by name: the sign that a correlation of strength has in the model."""
    first, *others = association.correlations or (None,)
    judged = Part(
        quantity="r" if first is None else _pair(first),
        unit="",
        value=None if first is None else first.r,
        low=-0.55,
        high=-0.2,
        published="\u22120.37",
    )
    return Target(
        id="T6",
        target="Across people: hip abduction strength against valgus in a single-leg squat",
        source="Claiborne 2006, doi 10.1123/jab.22.1.41",
        tolerance="r from \u22120.55 to \u22120.2",
        definition=(
            f"Pearson correlation over the {association.succeeded} of {association.people} people of a virtual "
            f"population (seed {association.seed}) who can do the single-leg squat to {population.DEPTH_DEG:.0f} deg. "
            "The first pair is judged: torque per kg against motion towards valgus, taken as knee abduction at the "
            "bottom minus that of standing, so that the bones drop out. The abstract says motion, and does not say how "
            "torque was normalised."
        ),
        measured=(judged, *(Part(quantity=_pair(one), unit="", value=one.r) for one in others if one)),
        explanation="With nothing else changed, on one leg knee abduction at peak flexion changes by "
        + ", ".join(f"{_signed(change, '.1f')} deg with {name}" for name, change in weaker.items())
        + f". {len(association.failed)} people could not do the squat and are not in the correlation."
        + (f" Its 95 % interval is {_plain(first.low, '.2f')} to {_plain(first.high, '.2f')}." if first else ""),
    )


def _pair(one: Correlation) -> str:
    strength = {"torque_nm_per_kg": "abduction torque per kg", "torque_nm": "abduction torque"}
    valgus = {
        "knee_abduction_change_deg": "motion towards valgus",
        "knee_abduction_peak_deg": "largest knee abduction",
        "fppa_peak_deg": "FPPA",
        "medial_knee_travel_mm": "medial travel",
    }
    return f"r of {strength.get(one.strength, one.strength)} and {valgus.get(one.valgus, one.valgus)}"


def t7(found: Found) -> Target:
    """A cue against strengthening."""
    name = "fppa_peak_deg"
    parts: list[Part] = []
    for where, base, judged in (("single-leg squat", "PFP-like", True), ("squat", "mixture", False)):
        cue = found.change(f"{base}, cued", base, name)
        strong = found.change(f"{base}, stronger", base, name)
        larger = None if cue is None or strong is None else min(strong, 0.0) - cue
        parts += [
            Part(
                quantity=f"FPPA, {where}, cued minus not",
                unit="deg",
                value=cue,
                low=-20.0 if judged else None,
                high=-8.0 if judged else None,
                published="\u221216.1" if judged else "",
            ),
            Part(
                quantity=f"FPPA, {where}, after strengthening minus before",
                unit="deg",
                value=strong,
                published="\u22125" if judged else "",
            ),
            Part(
                quantity=f"how much more the cue takes away, {where}",
                unit="deg",
                value=larger,
                low=0.0 if judged else None,
                open=True,
                published="+11" if judged else "",
            ),
        ]
    no_valgus = found.holds("PFP-like", name, lambda change: change < 1.0, against="woman")
    return Target(
        id="T7",
        target="Movement cue (knee over the second toe) against five weeks of strengthening",
        source=(
            "PMC7274868 (movement training, women with patellofemoral pain); Palmer 2015, doi 10.1186/s12891-015-0563-9"
        ),
        tolerance="cue \u22128 to \u221220 deg, larger than strengthening",
        definition=(
            "FPPA at peak knee flexion of the PFP-like woman of T1 with the cue at 1 and without; strengthening: "
            f"{WEEKS} weeks of models/programs/valgus_8_weeks.toml. Judged in the single-leg squat, where it was "
            "measured; the squat of the clinical mixture (models/subjects/mixture.toml) is shown beside it."
        ),
        measured=tuple(parts),
        explanation=found.words(
            "On one leg the PFP-like woman has an FPPA of {PFP-like|fppa_peak_deg|.1f} deg against "
            "{woman|fppa_peak_deg|.1f} deg healthy and its pelvis drops by {PFP-like|pelvic_drop_deg|.1f} deg"
            + (", so there is no valgus that a cue could take away" if no_valgus else "")
            + ". With the cue the drop is {PFP-like, cued|pelvic_drop_deg|.1f} deg, hip rotation changes by "
            "{PFP-like, cued~PFP-like|hip_internal_rotation_at_peak_flexion_deg|.1f} and FPPA by "
            "{PFP-like, cued~PFP-like|fppa_peak_deg|.1f} deg. The cue holds hip adduction and rotation to the healthy "
            "plan ({woman|planned_hip_adduction_deg|.1f} and {woman|planned_hip_internal_rotation_deg|.1f} deg) and "
            "never beyond it, where the women of the study ended in varus (\u22128.9 deg). On two legs, where the "
            "mixture is {mixture~squat|fppa_peak_deg|.1f} deg from healthy, the cue changes "
            "{mixture, cued~mixture|fppa_peak_deg|.1f} and strengthening {mixture, stronger~mixture|fppa_peak_deg|.1f} "
            "deg."
        ),
    )


def t8(found: Found) -> Target:
    """A wedge that takes dorsiflexion away."""
    known = math.degrees(build(person("female")).muscles.paths.hi[0, LEG_COORDINATES.index("ankle_angle")])

    def manages(case: str) -> bool:
        return found.done(case) and found.holds(case, "ankle_dorsiflexion_deg", lambda angle: angle < known)

    deepest = {
        ground: max((d for d in DEPTHS_DEG if manages(f"{ground}, {d} deg")), default=DEPTHS_DEG[-1])
        for ground in ("flat", "wedge")
    }
    depth = min(deepest.values())
    wedge, flat = f"wedge, {depth} deg", f"flat, {depth} deg"
    lowest = {ground: f"{ground}, {angle} deg" for ground, angle in deepest.items()}
    both = f"{wedge}~{flat}"
    fppa = found.change(wedge, flat, "fppa_peak_deg")
    parts = (
        Part(
            quantity="medial knee displacement, wedge minus flat",
            unit="mm",
            value=found.change(wedge, flat, "medial_knee_displacement_mm"),
            low=0.0,
            open=True,
            published="up, effect size 2.92",
        ),
        Part(
            quantity="3D knee abduction, wedge minus flat",
            unit="deg",
            value=found.change(wedge, flat, "knee_abduction_at_peak_flexion_deg"),
            low=0.0,
            high=fppa if fppa is not None else -math.inf,
            published="barely up, effect size 0.21",
        ),
        Part(
            quantity="knee flexion as deep as possible, wedge minus flat",
            unit="deg",
            value=found.change(lowest["wedge"], lowest["flat"], "knee_flexion_peak_deg"),
            high=0.0,
            open=True,
            published="down, effect size 0.81",
        ),
        Part(quantity="FPPA, wedge minus flat", unit="deg", value=fppa),
    )
    return Target(
        id="T8",
        target="12 deg forefoot wedge in a squat on two legs",
        source="Macrum 2012, doi 10.1123/jsr.21.2.144",
        tolerance=(
            "medial displacement up; 3D valgus up by less than that (than FPPA, in the same unit); knee flexion down"
        ),
        definition=(
            f"A block of {wedge_mm(person('female')):.1f} mm under the forefoot is 12 deg of this foot. Knee flexion: "
            f"in the deepest squat of {', '.join(map(str, DEPTHS_DEG))} deg from which the woman comes up again with "
            f"at most {known:.0f} deg of dorsiflexion, beyond which no calf is known; the others at peak flexion of "
            f"the deepest that she manages on both, {depth} deg. Who stands on the wedge plans and learns the squat on "
            "it."
        ),
        measured=parts,
        explanation=found.words(
            f"She manages {deepest['flat']} deg without and {deepest['wedge']} deg with the wedge. At "
            f"{depth} deg the ankle is at {{{flat}|ankle_dorsiflexion_deg|.1f}} deg of dorsiflexion without and at "
            f"{{{wedge}|ankle_dorsiflexion_deg|.1f}} deg with it; the passive calf plantarflexes with "
            f"{{{flat}|calf_passive_plantarflexion_nm|.1f}} and {{{wedge}|calf_passive_plantarflexion_nm|.1f}} Nm, and "
            f"what is not tracked yields: rearfoot eversion {{{both}|rearfoot_eversion_at_peak_flexion_deg|.1f}}, hip "
            f"rotation {{{both}|hip_internal_rotation_at_peak_flexion_deg|.1f}} deg."
        ),
    )


def t9(found: Found) -> Target:
    """The foot and what stands under it."""
    parts = (
        Part(
            quantity="tibial rotation per calcaneal eversion over the healthy squat",
            unit="",
            value=found.value("squat", "coupling_tibia"),
            low=0.5,
            high=0.85,
            published="0.68 \u00b1 0.15",
        ),
        Part(
            quantity="FPPA, pronated feet, arch support minus none",
            unit="deg",
            value=found.change("pronated, arch support", "pronated", "fppa_peak_deg"),
            low=-10.0,
            high=-3.0,
            published="\u22128.3",
        ),
        Part(
            quantity="rearfoot eversion, 5 deg medial post minus none",
            unit="deg",
            value=found.change("medial post", "squat", "rearfoot_eversion_at_peak_flexion_deg"),
            low=-4.0,
            high=-1.0,
            published="\u22121.6",
        ),
        Part(
            quantity="rearfoot eversion at its largest, which is standing, 5 deg medial post minus none",
            unit="deg",
            value=found.change("medial post", "squat", "rearfoot_eversion_peak_deg"),
        ),
        Part(
            quantity="talus rotation per calcaneal eversion (the subtalar hinge alone)",
            unit="",
            value=found.value("squat", "coupling_talus"),
        ),
        Part(
            quantity="tibial rotation range, 5 deg medial post minus none",
            unit="deg",
            value=found.change("medial post", "squat", "rotation_range_tibia_deg"),
            published="\u22122.5",
        ),
    )
    return Target(
        id="T9",
        target="Foot: coupling of tibia and calcaneus, arch support under pronated feet, medial post",
        source=(
            "Fischer 2018, doi 10.1111/joa.12813 (cadavers); Yoo 2022, doi 10.12674/ptk.2022.29.3.208 (stair descent); "
            "Sinclair 2017, doi 10.3827/faoj.2017.1004.0001 (running)"
        ),
        tolerance=(
            "coupling 0.5 to 0.85; arch support \u22123 to \u221210 deg FPPA; post \u22121 to \u22124 deg eversion"
        ),
        definition=(
            "Coupling: slope of the least-squares line of tibial internal rotation over calcaneal eversion (Cardan "
            "angles of the tibia in the calcaneus: flexion, eversion, rotation) from the start of a 75 deg squat on. "
            f"Pronated: {PRONATED_DEG:g} deg; arch support {ARCH_MM:g} mm. FPPA and eversion at peak flexion, where "
            "the running foot has its largest; a squat has its largest while the person still stands."
        ),
        measured=parts,
        explanation=found.words(
            "Over the squat the calcaneus everts by {squat|eversion_range_tibia_deg|.1f} deg and the tibia rotates by "
            "{squat|rotation_range_tibia_deg|.1f} deg, so the slope rests on a small range; in the pronated squat the "
            "same line has a slope of {pronated|coupling_tibia|.2f} over {pronated|eversion_range_tibia_deg|.1f} deg. "
            "The subtalar hinge alone gives {squat|coupling_talus|.2f}. Under pronated feet the arch support changes "
            "eversion by {pronated, arch support~pronated|rearfoot_eversion_at_peak_flexion_deg|.1f} deg, hip rotation "
            "by {pronated, arch support~pronated|hip_internal_rotation_at_peak_flexion_deg|.1f} deg and the knee by "
            "{pronated, arch support~pronated|medial_knee_displacement_mm|.0f} mm; the pronation itself moves it by "
            "{pronated~squat|medial_knee_displacement_mm|.0f} mm. Of the 5 deg of the post the rearfoot follows "
            "{medial post~squat|rearfoot_eversion_peak_deg|.1f} deg standing and "
            "{medial post~squat|rearfoot_eversion_at_peak_flexion_deg|.1f} deg at the bottom: sole and post are rigid."
        ),
    )


def t10(found: Found) -> Target:
    """Tibiofemoral force against instrumented implants."""
    parts = (
        Part(
            quantity="peak tibiofemoral force, squat to 75 deg",
            unit="% body weight",
            value=found.value("squat", "tibiofemoral_peak_percent_bw"),
            low=0.75 * 253,
            high=1.25 * 253,
            published="253",
        ),
        Part(
            quantity="peak tibiofemoral force, single-leg squat to 60 deg",
            unit="% body weight",
            value=found.value("woman", "tibiofemoral_peak_percent_bw"),
        ),
    )
    return Target(
        id="T10",
        target="Peak tibiofemoral contact force of a squat",
        source="Kutzner 2010, doi 10.1016/j.jbiomech.2010.03.046 (knee bend, instrumented implants)",
        tolerance="within 25 % of 253 % body weight",
        definition=(
            "Largest resultant of the contact force between femur and tibia in a squat to 75 deg of a healthy woman."
        ),
        measured=parts,
        explanation=found.words(
            "At the deepest point the quadriceps pull with {squat|quadriceps_force_bw|.2f} body weights in the leg, "
            "and the patellofemoral force peaks at {squat|patellofemoral_peak_percent_bw|.0f} % of body weight."
        ),
    )


def evaluated() -> tuple[Callable[[Found], Target], ...]:
    """The targets that cases decide, in the order of the page; T6 comes from the virtual population."""
    return t1, t2, t3, t4, t5, t7, t8, t9, t10


UNVALIDATED = (
    "T10 in walking, stairs, sitting down and standing up: those tasks are not simulated.",
    (
        "T11, order of gluteus medius activity over exercises (Distefano 2009): of these only the single-leg squat is "
        "simulated."
    ),
    "T12, error of inertial sensors (Sagasser 2024): no sensors are simulated.",
    "Any one person: the body is generic, scaled to height and mass; nothing here was fitted to a patient.",
    "Pain, tissue damage and risk of injury: the model has motion and force, and no claim about what they do to "
    "tissue.",
    "Landing, cutting and running: the squats are slow, and dynamic tasks load the knee otherwise.",
    "How people adapt over weeks: the habit is that of the healthy twin, or none; nobody learns in between.",
    "Group differences of patients as an effect of strength: studies compare people who differ in more than that.",
    "Muscle activations against electromyography: shown in explanations, compared with no recording.",
)
