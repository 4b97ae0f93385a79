"""From a spec to simulations: every point validated against the real ranges before any of them starts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simlab import export, tasks
from simlab.control import Controller
from simlab.errors import InputError
from simlab.subject import Subject, change, load_subject
from simlab.sweep import _design
from simlab.sweep._spec import Number, Spec


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """What determines a simulation (`export.configuration`), and the hash of it."""

    hash: str
    configuration: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A point of the design: its place in it, the values of its dials, its simulation and its healthy twin's."""

    index: int
    dials: dict[str, Number]
    simulation: Simulation
    healthy: Simulation | None


def points(spec: Spec) -> tuple[Point, ...]:
    """Every point of the design, in its order. Errors: InputError naming the file and the dial."""
    base = change(_subject(spec), spec.set, f"{spec.path}: set:")
    return tuple(_point(spec, base, index, dials) for index, dials in enumerate(_design.values(spec)))


def simulations(points: tuple[Point, ...]) -> Iterator[Simulation]:
    """What has to be simulated, each once: a healthy twin right before the first point that is measured by it."""
    seen = set()
    for point in points:
        for one in (point.healthy, point.simulation):
            if one is not None and one.hash not in seen:
                seen.add(one.hash)
                yield one


def _subject(spec: Spec) -> Subject:
    if spec.subject is None:
        return Subject()
    try:
        return load_subject(Path(spec.path).parent / spec.subject)
    except InputError as error:
        raise InputError(f"{spec.path}: subject: {error}") from None


def _point(spec: Spec, base: Subject, index: int, dials: dict[str, Number]) -> Point:
    body, asked = [], dict(spec.task_settings)
    mind: dict[str, Any] = {"strategy": spec.strategy, "cue": spec.cue}
    for key, value in dials.items():
        group, _, name = key.rpartition(".")
        if group == "task":
            asked[name] = value
        elif group == "controller":
            mind[name] = float(value) if isinstance(value, int) else value  # 1 and 1.0 are the same cue
        else:
            body.append(f"{key}={value}")
    where = f"{spec.path}: dials:"
    subject = change(base, body, where)
    try:
        task = tasks.load(spec.task, **asked)
        controller = Controller(**mind)
    except (InputError, TypeError) as error:
        raise InputError(f"{where} {', '.join(f'{k}={v}' for k, v in dials.items())}: {error}") from None
    twin = subject.healthy().model_copy(update={"name": subject.name})
    return Point(
        index=index,
        dials=dials,
        simulation=simulation(subject, task, controller, spec.seed),
        healthy=simulation(twin, task, controller, spec.seed) if spec.changes else None,
    )


def simulation(subject: Subject, task: tasks.Task, controller: Controller, seed: int = 0) -> Simulation:
    """The simulation of a subject that does a task."""
    configuration = export.determined(subject, task, controller, seed)
    return Simulation(hash=export.digest(configuration), configuration=configuration)
