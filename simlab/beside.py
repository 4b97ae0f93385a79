"""A subject's simulated squat and the healthy twin's, beside a captured one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from simlab import compare, export, metrics, tasks
from simlab import recording as recordings
from simlab.control import Controller
from simlab.model import build
from simlab.motion import SIDES
from simlab.scene import Figure, captured_figure
from simlab.simulate import Progress, Result, simulate
from simlab.subject import Subject


@dataclass(frozen=True, slots=True, kw_only=True)
class Real:
    """What was captured: its curves, and its metrics as {"mean", "sd", "values"} or plain numbers."""

    captured: compare.Captured
    metrics: dict[str, Any]

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


def from_recording(recording: recordings.Recording) -> Real:
    """The mean repetition of a recording."""
    measured = recordings.measure(recording)["metrics"]
    return Real(captured=compare.summarise(recording, Path(recording.path).stem), metrics=measured)


def bundled(joint_centres: str) -> Real:
    """The captured squats that travel with simlab."""
    captured = compare.captured(joint_centres=joint_centres)
    return Real(captured=captured, metrics=dict(metrics.measure(captured.landmarks)))


def simulate_pair(
    subject: Subject,
    depth_deg: float,
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
    task = tasks.load("squat", depth_deg=depth_deg)
    controller = Controller(strategy=strategy, cue=cue)

    def told(label: str) -> Progress:
        return lambda stage, share: tell(f"{stage} ({label})", share)

    return {
        label: simulate(build(person), task, controller, seed=seed, progress=told(label))
        for label, person in people.items()
    }


curves = export.curves


def save(pair: Mapping[str, Result], real: Real, out: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """Write a folder a simulation, comparison.json and curves.png; returns the report and the paths by name."""
    files: dict[str, str] = {}
    for label, result in pair.items():
        files |= {f"{label}/{name}": path for name, path in export.save(result, out / label).items()}
    drawn = {label: export.curves(result) for label, result in pair.items()}
    report = {
        "captured": {
            "name": real.captured.name,
            "source": real.captured.source,
            "joint_centres": real.captured.joint_centres,
            "repetitions": real.captured.repetitions,
            "metrics": real.metrics,
        },
        "simulated": {
            label: export.report(result) | {"compared": compare.compare(drawn[label], real.captured)["curves"]}
            for label, result in pair.items()
        },
    }
    with export.whole(out) as draft:
        (draft / "comparison.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
        compare.plot(draft / "curves.png", drawn, real.captured)
    return report, files | {name: str(out / name) for name in ("comparison.json", "curves.png")}
