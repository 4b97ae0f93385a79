"""What the model says beside what experiments say: the page that a sceptical researcher reads first.

    report = validate.run(quick=True, progress=print)
    validate.write(report, "out/validation")

Every simulation that a target or the table of robustness needs is collected first and run once (`_cases`); the targets
judge the outcomes (`_targets`); `_page` draws. No number of the model was fitted to a target; one that fails
stays, with an explanation from the model's own quantities.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from simlab import export, metrics, population, tasks
from simlab.simulate import Progress
from simlab.subject import Subject, change
from simlab.validate import _page, _targets
from simlab.validate._cases import SIDE, Case, Halved, Outcome, Simulations, outcomes
from simlab.validate._targets import IRELAND, Found, Part, Target, person

__all__ = ["Across", "Case", "Found", "Outcome", "Part", "Report", "Robustness", "Target", "cases", "run", "write"]

STEP_LIMIT, PERIOD_LIMIT = (0.5, 0.05), (1.0, 0.10)
"""How far a headline may move with a halved physics step, a halved control period: degrees, or a share of it."""
PEOPLE, QUICK_PEOPLE = 400, 100
"""Size of the virtual population of T6, which comes after five others on the page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Robustness:
    """A headline difference against the healthy squat, and how far halving moves it [deg]; None: not finished.

    balanced: the same difference with torque-balanced muscle paths, the bound of what their uncertainty can do.
    """

    case: str
    quantity: str
    difference: float | None
    step_moves: float | None
    period_moves: float | None
    balanced: float | None
    words: str

    @property
    def step_passed(self) -> bool:
        """Half the physics step moves it by less than 0.5 deg or 5 %."""
        return _within(self.step_moves, self.difference, STEP_LIMIT)

    @property
    def period_passed(self) -> bool:
        """Half the control period moves it by less than 1 deg or 10 %."""
        return _within(self.period_moves, self.difference, PERIOD_LIMIT)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        numbers = {name: _targets._rounded(value) for name, value in asdict(self).items()}
        return numbers | {"step_passed": self.step_passed, "period_passed": self.period_passed}


def _within(moved: float | None, difference: float | None, limit: tuple[float, float]) -> bool:
    return moved is not None and difference is not None and abs(moved) < max(limit[0], limit[1] * abs(difference))


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The page as data. robustness: one row a headline and quantity; changes: headline -> what it does to the leg,
    against the healthy person; simulations: how many different ones."""

    quick: bool
    targets: tuple[Target, ...]
    unvalidated: tuple[str, ...]
    robustness: tuple[Robustness, ...]
    changes: dict[str, dict[str, float | None]]
    simulations: int
    versions: dict[str, str]

    def as_dict(self) -> dict[str, Any]:
        """What --json prints."""
        return {
            "targets": [target.as_dict() for target in self.targets],
            "unvalidated": list(self.unvalidated),
            "robustness": [row.as_dict() for row in self.robustness],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """What the README says of a person: the subject, the healthy one it is compared with, and which numbers."""

    subject: Subject
    healthy: Subject
    task: tasks.Task
    cue: float = 0.0
    quantities: tuple[str, ...] = ("fppa_peak_deg", "knee_abduction_at_peak_flexion_deg")


SINGLE = ("pelvic_drop_deg", "hip_adduction_at_peak_flexion_deg")
ONE_LEG = "one leg: "
BALANCED = ", torque-balanced"
VARIANTS: dict[Halved, str] = {"": "", "step": ", half the step", "period": ", half the control period"}


def headlines() -> dict[str, Headline]:
    """The differences whose robustness is asked for, by name."""
    woman, mixture = person("female"), person("mixture")
    squat, single = tasks.load("squat"), tasks.load("single_leg_squat", side=SIDE)

    def dial(setting: str, **options: Any) -> Headline:
        return Headline(**{"subject": change(woman, [setting]), "healthy": woman, "task": squat} | options)

    return {
        "gluteus medius 0.6": dial("both.gluteus_medius_strength=0.6"),
        "adductor tightness 0.4": dial("both.adductor_tightness=0.4"),
        "foot pronation 4 deg": dial("both.foot_pronation_deg=4"),
        f"external rotators {IRELAND[1]}": dial(f"both.external_rotator_strength={IRELAND[1]}"),
        "genu valgum 6 deg": dial("both.genu_valgum_deg=6"),
        "mixture": Headline(subject=mixture, healthy=mixture.healthy(), task=squat),
        "mixture with the cue": Headline(subject=mixture, healthy=mixture.healthy(), task=squat, cue=1.0),
        **{
            f"{ONE_LEG}gluteus medius {strength}": dial(
                f"both.gluteus_medius_strength={strength}", task=single, quantities=SINGLE
            )
            for strength in (0.8, 0.6, 0.5, 0.4)
        },
    }


def cases() -> dict[str, Case]:
    """Every simulation but those of the virtual population, by name; equal ones are simulated once."""
    found = _targets.cases()
    for name, headline in headlines().items():
        for halved, suffix in VARIANTS.items():
            for who, subject, cue in (("", headline.subject, headline.cue), ("healthy of ", headline.healthy, 0.0)):
                found[f"{who}{name}{suffix}"] = Case(subject=subject, task=headline.task, cue=cue, halved=halved)
                if not halved:
                    bound = subject.model_copy(update={"muscle_paths": "torque_balanced"})
                    found[f"{who}{name}{BALANCED}"] = Case(subject=bound, task=headline.task, cue=cue)
    return found


Across = Callable[[int, Progress], population.Association]


def across_people(people: int, progress: Progress) -> population.Association:
    """The association of strength and valgus in a virtual population."""

    def tell(done: int, total: int, failed: int) -> None:
        progress("virtual population", done / total)

    return population.strength_against_valgus(people, side=SIDE, progress=tell)


def run(
    quick: bool, progress: Progress, *, simulations: Simulations = outcomes, across: Across = across_people
) -> Report:
    """Simulate, judge, and say what is not validated. quick: with a quarter of the virtual population.

    progress is told the stage and the share of it that is done. simulations: who runs the cases; across: who correlates
    strength and valgus across so many people.
    """
    asked = cases()
    found = simulations(asked, progress)
    judged = [judge(Found(found)) for judge in _targets.evaluated()]
    association = across(QUICK_PEOPLE if quick else PEOPLE, progress)
    weaker = {name: one["knee_abduction_deg"] for name, one in _changes(found).items() if name.startswith(ONE_LEG)}
    judged.insert(5, _targets.t6(association, {name.removeprefix(ONE_LEG): one for name, one in weaker.items()}))
    return Report(
        quick=quick,
        targets=tuple(judged),
        unvalidated=_targets.UNVALIDATED,
        robustness=tuple(_robustness(found)),
        changes=_changes(found),
        simulations=len({case.key for case in asked.values()}),
        versions=export.versions(),
    )


def _robustness(found: Mapping[str, Outcome]) -> list[Robustness]:
    rows = []
    for name, headline in headlines().items():
        for quantity in headline.quantities:
            plain, step, period = (
                Found(found).change(f"{name}{suffix}", f"healthy of {name}{suffix}", quantity)
                for suffix in VARIANTS.values()
            )
            rows.append(
                Robustness(
                    case=name,
                    quantity=quantity,
                    difference=plain,
                    step_moves=None if plain is None or step is None else step - plain,
                    # Both with the halved step, which divides the halved period.
                    period_moves=None if step is None or period is None else period - step,
                    balanced=Found(found).change(f"{name}{BALANCED}", f"healthy of {name}{BALANCED}", quantity),
                    words=_words(_change(found, name)),
                )
            )
    return rows


CHANGES = {
    "fppa_deg": "fppa_peak_deg",
    "medial_displacement_mm": "medial_knee_displacement_mm",
    "knee_abduction_deg": "knee_abduction_at_peak_flexion_deg",
    "hip_internal_rotation_deg": "hip_internal_rotation_at_peak_flexion_deg",
    "hip_adduction_deg": "hip_adduction_at_peak_flexion_deg",
    "pelvic_drop_deg": "pelvic_drop_deg",
    "trunk_lean_deg": "trunk_lean_deg",
}
"""What the page shows of a headline -> the metric it is the change of."""


def _change(found: Mapping[str, Outcome], name: str) -> dict[str, float | None]:
    return {key: Found(found).change(name, f"healthy of {name}", metric) for key, metric in CHANGES.items()}


def _changes(found: Mapping[str, Outcome]) -> dict[str, dict[str, float | None]]:
    return {name: _change(found, name) for name in headlines()}


def _words(change: Mapping[str, float | None]) -> str:
    known = {name: value for name, value in change.items() if value is not None}
    return metrics.describe_valgus(known) if len(known) == len(change) else "a simulation did not finish"


def write(report: Report, folder: str | Path) -> dict[str, str]:
    """Write validation.html and validation.json, both or none. Returns their paths by name. Errors: InputError."""
    with export.whole(folder) as draft:
        text = json.dumps(report.as_dict(), indent=2, ensure_ascii=False)
        (draft / "validation.json").write_text(text + "\n", encoding="utf-8")
        (draft / "validation.html").write_text(_page.html(report), encoding="utf-8")
        names = sorted(path.name for path in draft.iterdir())
    return {name: str(Path(folder) / name) for name in names}
