"""Simulations that several tests look at, run once in a session."""

from functools import cache

from simlab import export, tasks
from simlab.control import Controller
from simlab.model import build
from simlab.simulate import Result, simulate
from simlab.subject import Subject, change

MIXTURE = (
    "gluteus_medius_strength=0.6",
    "external_rotator_strength=0.6",
    "adductor_tightness=0.4",
    "foot_pronation_deg=4",
)


def settings(side: str, *dials: str) -> tuple[str, ...]:
    return tuple(f"{side}.{dial}" for dial in dials)


@cache
def run(
    changes: tuple[str, ...] = (),
    task: str = "squat",
    asked: tuple[tuple[str, float | str], ...] = (),
    strategy: str = "habitual",
    cue: float = 0.0,
    dt: float | None = None,
) -> Result:
    model = build(change(Subject(), list(changes)))
    return simulate(model, tasks.load(task, **dict(asked)), Controller(strategy=strategy, cue=cue), dt=dt)


@cache
def measured(*arguments, **keywords) -> dict:
    return export.measure(run(*arguments, **keywords))
