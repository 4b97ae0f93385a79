"""A subject's simulated squat and the healthy twin's, beside a captured one; two captured ones beside each other."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from simlab import capture, compare, export, metrics, report
from simlab import recording as recordings
from simlab.control import Controller
from simlab.model import build
from simlab.motion import SIDES
from simlab.scene import Figure, captured_figure
from simlab.simulate import Progress, Result, simulate
from simlab.subject import Subject
from simlab.tasks import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Real:
    """What was captured: its curves, its metrics as {"mean", "sd", "values"} or plain numbers, and the repetitions that
    are not like the others (`unusual.Verdict.report`; None where the repetitions are not known)."""

    captured: compare.Captured
    metrics: dict[str, Any]
    unusual: dict[str, Any] | None = None

    @property
    def depth_deg(self) -> float:
        """Peak knee flexion, mean of both legs and all repetitions, to a whole degree."""
        return float(round(sum(_mean(self.metrics[side]["knee_flexion_peak_deg"]) for side in SIDES) / 2))

    def figure(self) -> Figure:
        """The joint centres of the mean repetition, to draw."""
        points = self.captured.landmarks
        flexion, projection = metrics.knee_flexion(points), metrics.fppa(points)
        return captured_figure(
            points,
            fppa={side: projection[:, i] for i, side in enumerate(SIDES)},
            knee_flexion={side: flexion[:, i] for i, side in enumerate(SIDES)},
        )


def _mean(value: Any) -> float:
    return float(value["mean"] if isinstance(value, dict) else value)


def from_recording(recording: recordings.Recording, found: capture.Capture | None = None) -> Real:
    """The mean repetition of a recording; found: its coordinates, for the three-dimensional angles."""
    motion = None if found is None else found.motion
    measured = recordings.measure(recording, motion)
    captured = compare.summarise(recording, Path(recording.path).stem, motion=motion)
    return Real(captured=captured, metrics=measured["metrics"], unusual=measured["unusual"])


def bundled(joint_centres: str) -> Real:
    """The captured squats that travel with simlab."""
    captured = compare.captured(joint_centres=joint_centres)
    return Real(captured=captured, metrics=dict(metrics.measure(captured.landmarks)))


def simulate_pair(
    subject: Subject,
    task: Task,
    strategy: Literal["habitual", "compensating"],
    cue: float,
    seed: int,
    tell: Progress,
) -> dict[str, Result]:
    """The squat of the healthy twin and of the subject, by label; the twin alone where the subject has no deficit."""
    people = {"healthy": subject.healthy()}
    if subject != subject.healthy().model_copy(update={"name": subject.name}):
        taken = subject.name in ("healthy", "captured")  # the labels of the other two
        people[f"{subject.name} (deficit)" if taken else subject.name] = subject
    controller = Controller(strategy=strategy, cue=cue)

    def told(label: str) -> Progress:
        return lambda stage, share: tell(f"{stage} ({label})", share)

    return {
        label: simulate(build(person), task, controller, seed=seed, progress=told(label))
        for label, person in people.items()
    }


curves = export.curves


def party(real: Real, label: str) -> report.Party:
    """A captured motion as one side of a comparison."""
    one = real.captured
    facts = [
        ("source", one.source),
        ("joint centres", one.joint_centres),
        ("repetitions", str(one.repetitions)),
        ("mean duration", f"{one.duration:.2f} s"),
        *([("body weight", f"{one.body_weight:.0f} N")] if one.body_weight is not None else []),
        *([("licence", one.licence)] if one.licence else []),
    ]
    return report.Party(
        label=label,
        kind="captured",
        sample=one.sample,
        metrics=real.metrics,
        facts=tuple(facts),
        unusual=real.unusual,
    )


def simulated_party(result: Result, label: str, found: Mapping[str, Any]) -> report.Party:
    """A simulation as one side of a comparison; found: its report (`export.report`)."""
    subject = result.model.subject
    plain = subject.healthy().model_dump()
    assumed = found["assumptions"]
    facts = [
        ("subject", f"{subject.name}: {subject.sex}, {subject.height_m:g} m, {subject.mass_kg:g} kg"),
        ("deficits, supports", "; ".join(_changes(plain, subject.model_dump())) or "none"),
        ("task", f"squat to {getattr(result.task, 'depth_deg', float('nan')):g} deg of knee flexion"),
        ("joint centres", "those of the model, exactly"),
        ("repetitions", "1: a simulation is deterministic"),
        ("control", assumed["control_strategy"]),
        ("muscle paths", assumed["muscle_paths"]),
        *([] if result.success else [("failed", result.run.message)]),
    ]
    return report.Party(
        label=label,
        kind="simulated",
        sample=compare.Sample.of([export.curves(result)]),
        metrics=found["metrics"],
        facts=tuple(facts),
    )


def _changes(plain: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[str]:
    """The dials of a subject that are not as in a healthy one of the same size, what both legs share said once."""
    legs = {side: list(_dials(plain[side], found[side])) for side in SIDES}
    shared = [one for one in legs["right"] if one in legs["left"]]
    told = {"both legs": shared} | {side: [one for one in legs[side] if one not in shared] for side in SIDES}
    yield from (f"{where}: {', '.join(dials)}" for where, dials in told.items() if dials)
    yield from _dials(plain["supports"], found["supports"])


def _dials(plain: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[str]:
    for key, value in found.items():
        name = key.replace("_", " ")
        if isinstance(value, dict):
            yield from (f"{name} {one}" for one in _dials(plain.get(key) or {}, value))
        elif value != plain.get(key):
            yield f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"


def _about(real: Real) -> dict[str, Any]:
    return {
        "name": real.captured.name,
        "source": real.captured.source,
        "joint_centres": real.captured.joint_centres,
        "repetitions": real.captured.repetitions,
        "metrics": real.metrics,
        "unusual": real.unusual,
    }


def save(pair: Mapping[str, Result], real: Real, out: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """Write a folder a simulation, comparison.json, curves.png and the page with its tables (`report.write`).

    Returns the report and the paths by name.
    """
    files: dict[str, str] = {}
    for label, result in pair.items():
        files |= {f"{label}/{name}": path for name, path in export.save(result, out / label).items()}
    drawn = {label: export.curves(result) for label, result in pair.items()}
    each = {label: export.report(result) for label, result in pair.items()}
    label = "captured" if "captured" not in pair else "captured (recording)"
    page = report.comparison(
        party(real, label), [simulated_party(result, name, each[name]) for name, result in pair.items()]
    )
    found = {
        "captured": _about(real) | {"repeatability": page.repeatability.get(label)},
        "simulated": {
            label: one | {"compared": compare.compare(drawn[label], real.captured)["curves"]}
            for label, one in each.items()
        },
    }
    return found, files | _written(found, drawn, real, page, out)


def save_two(first: Real, second: Real, paired: bool, out: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """Write comparison.json, curves.png and the page of two captured motions, the differences first - second.

    paired: both have measured the same repetitions, in the same order. Errors: InputError for unequal numbers then.
    """
    labels = _labels(first.captured, second.captured)
    page = report.comparison(party(second, labels[1]), [party(first, labels[0])], paired=paired)
    found = {
        "captured": _about(first) | {"repeatability": page.repeatability.get(labels[0])},
        "against": _about(second) | {"repeatability": page.repeatability.get(labels[1])},
        "paired": paired,
        "compared": page.compared[labels[0]],
        "methods": page.methods,
    }
    return found, _written(found, {labels[0]: first.captured.mean}, second, page, out)


def _labels(first: compare.Captured, second: compare.Captured) -> tuple[str, str]:
    """Names that tell them apart: of the recordings, else of how the joint centres were found, else by number."""
    if first.name != second.name:
        return first.name, second.name
    ways = [one.joint_centres.partition(";")[0].partition(":")[0].strip() for one in (first, second)]
    return (ways[0], ways[1]) if ways[0] != ways[1] else (f"{first.name} (A)", f"{second.name} (B)")


def _written(
    found: Mapping[str, Any], drawn: Mapping[str, compare.Curves], real: Real, page: report.Comparison, out: Path
) -> dict[str, str]:
    names = ("comparison.json", "curves.png", *report.FILES)
    with export.whole(out) as draft:
        (draft / "comparison.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
        compare.plot(draft / "curves.png", drawn, real.captured, page.reference.label)
        report.write(page, draft)
    return {name: str(out / name) for name in names}
