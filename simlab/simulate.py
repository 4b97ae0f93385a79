"""The loop. It reads as the physics: sense, excite, activate, pull, step."""

from __future__ import annotations

import json
import time as clock
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np

from simlab import habit
from simlab.control import Controller, WholeBody, standing_drive
from simlab.model import Model, build, load_barbell, state
from simlab.motion import SIDES, SUFFIX, Array, readonly
from simlab.plant import Path, plant
from simlab.subject import Subject
from simlab.tasks._plan import Plan, Sole, Weights
from simlab.tasks._task import Task
from simlab.world import World

FALLEN = 0.35
"""A pelvis below this share of its planned lowest height has fallen."""
OVERTURNED = 0.2
"""So has one that is turned by more than 78 deg: the deepest squat tilts it by 35."""
LISTED = 0.5
"""So has one that lists by 30 deg: of those who come up again the mixture drops it farthest, by 6."""
CLEAR = 0.03
"""A foot whose lowest point is this far above the other's does not stand [m]."""

FLATTENINGS = 6
"""Steps that turn a foot flat: each squares what is left."""

Progress = Callable[[str, float], None]
"""Told the stage and the share of it that is done, 0..1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What one run of the loop recorded, at the control ticks.

    time [s] (n,); q (n, 28), v (n, 27): states; activation, force [N] (n, 2, m); drive (n, 2, m): activations wanted
    at the next tick; lumbar [Nm] (n, 3); ground [N] (n, 2, 3), mean until the next tick; failures: ticks without an
    exact optimum.
    """

    time: Array
    q: Array
    v: Array
    activation: Array
    force: Array
    drive: Array
    lumbar: Array
    ground: Array
    failures: int
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A finished simulation: the model, what was asked, what happened; dt: physics step [s]; period: of control
    [s], if not the task's own."""

    model: Model
    task: Task
    controller: Controller
    plan: Plan
    run: Run
    seed: int
    dt: float
    wall_s: float
    period: float | None = None

    @property
    def success(self) -> bool:
        """The subject did the task and stands."""
        return not self.run.message


def simulate(
    model: Model,
    task: Task,
    controller: Controller | None = None,
    *,
    seed: int = 0,
    dt: float | None = None,
    period: float | None = None,
    progress: Progress | None = None,
) -> Result:
    """Simulate a task. seed is recorded; the simulation itself draws no random numbers. dt: physics step [s], period:
    of control [s], by default the task's own: for questions about the numerics.

    The habitual strategy first lets the healthy twin learn the task; the twin's drive is kept for the next simulation
    of the same body and task in this process.
    """
    controller, dt = cued(controller or Controller(), model.subject), dt or task.step
    began = clock.perf_counter()
    tell = progress or (lambda stage, share: None)
    twin = load_barbell(build(model.subject.twin()), task.barbell_kg)
    model = load_barbell(model, task.barbell_kg)
    if controller.strategy == "habitual":
        plan, drive, run = _learn(twin, task, dt, tell, period)
    else:
        plan = task.plan(twin, period)
        drive, run = _untrained(twin, plan), None
    if run is not None and run.message:  # the twin's own run is what there is to look at
        return Result(
            model=model,
            task=task,
            controller=controller,
            plan=plan,
            run=replace(run, message=f"the healthy twin could not learn the task: {run.message}"),
            seed=seed,
            dt=dt,
            wall_s=clock.perf_counter() - began,
            period=period,
        )
    weights = plan.weights if controller.strategy == "habitual" else plan.learning
    weights = attend(weights, controller.cue)
    run = loop(model, plan, weights, drive, dt, lambda share: tell(task.name, share))
    return Result(
        model=model,
        task=task,
        controller=controller,
        plan=plan,
        run=run,
        seed=seed,
        dt=dt,
        wall_s=clock.perf_counter() - began,
        period=period,
    )


def cued(controller: Controller, subject: Subject) -> Controller:
    """The controller with the cue that the subject's supports give, where that is the stronger one."""
    return replace(controller, cue=max(controller.cue, subject.supports.knee_over_second_toe))


def attend(weights: Weights, cue: float) -> Weights:
    """The cue: attention holds hip adduction and rotation to the plan."""
    return replace(weights, frontal=max(weights.frontal, cue))


_learned: dict[str, tuple[Plan, Array, Run]] = {}
REMEMBERED = 8
"""Habits kept in a process: bodies come and go in a long sweep, and its memory must not grow."""


def _learn(twin: Model, task: Task, dt: float, tell: Progress, period: float | None = None) -> tuple[Plan, Array, Run]:
    """The plan, the drive (ticks, 2, m) that activations are pulled towards, and the healthy run it was learned in.

    What was learned once is known: in this process, and on disk (simlab.habit)."""
    key = json.dumps([twin.subject.model_dump_json(exclude={"name"}), task.model_dump_json(), dt, period])
    if key not in _learned:
        while len(_learned) >= REMEMBERED:
            del _learned[next(iter(_learned))]
        kept = habit.recall(key)
        _learned[key] = _study(twin, task, dt, tell, period) if kept is None else _restored(*kept)
        if kept is None and not _learned[key][2].message:
            habit.keep(key, *_storable(*_learned[key]))
    return _learned[key]


def _study(twin: Model, task: Task, dt: float, tell: Progress, period: float | None = None) -> tuple[Plan, Array, Run]:
    tell("planning", 0.0)
    plan = task.plan(twin, period)
    tell("planning", 1.0)
    run = loop(twin, plan, plan.learning, _untrained(twin, plan), dt, lambda share: tell("healthy twin learns", share))
    drive = run.drive.copy()
    if plan.symmetric:
        drive[:] = drive.mean(axis=1, keepdims=True)
    drive.flags.writeable = False
    return plan, drive, run


def _storable(plan: Plan, drive: Array, run: Run) -> tuple[dict[str, Array], dict[str, Any]]:
    arrays, settings = {"drive": drive}, {}
    for name, owner in (("plan", plan), ("run", run)):
        for field in fields(owner):
            value = getattr(owner, field.name)
            if isinstance(value, np.ndarray):
                arrays[f"{name}.{field.name}"] = value
            else:
                settings[f"{name}.{field.name}"] = asdict(value) if isinstance(value, Weights) else value
    return arrays, settings


def _restored(arrays: dict[str, Array], settings: dict[str, Any]) -> tuple[Plan, Array, Run]:
    found: dict[str, dict[str, Any]] = {"plan": {}, "run": {}}
    for name, value in (arrays | settings).items():
        owner, _, field = name.partition(".")
        if field:
            found[owner][field] = tuple(value) if isinstance(value, list) else value
    for name in ("weights", "learning"):
        weights: Any = {k: tuple(v) if isinstance(v, list) else v for k, v in found["plan"][name].items()}
        found["plan"][name] = Weights(**weights)
    return Plan(**found["plan"]), arrays["drive"], Run(**found["run"])


def _untrained(twin: Model, plan: Plan) -> Array:
    """Standing drive throughout: what the healthy twin starts from, and a compensating mind's prior."""
    drive = standing_drive(twin.muscles.names)
    return np.broadcast_to(drive, (len(plan.time), *drive.shape))


def loop(
    model: Model,
    plan: Plan,
    weights: Weights,
    drive: Array,
    dt: float,
    tell: Callable[[float], None],
    path: Path | None = None,
) -> Run:
    """Run the plan: control at its period, physics at dt [s]. Stops at a fall or a NaN, and says so."""
    if plan.edge:
        model = _over_the_edge(model, plan.feet)
    start = _planted(model, state(model, plan.values[0]))
    if len(plan.feet) == 1:
        plan = _over_the_foot(model, plan, start)
    brain = WholeBody(model, plan, weights, drive)
    steps = max(1, round(plan.period / dt))
    lowest = FALLEN * plan.values[:, 4].min()
    log = _Log()
    with World(model, plan.period / steps, ground=path == "bullet") as world:
        world.reset(start)
        body = plant(world, path)
        activation = drive[0].copy()
        message = ""
        quiet = round(plan.quiet / plan.period)
        for tick in range(-quiet, len(plan.time)):
            now, row = body.state(), max(tick, 0)
            standing = f", standing for {(tick + quiet) * plan.period:.2f} s, before it moved"
            message = _trouble(now.q, lowest, standing if tick < 0 else f" at {plan.time[tick]:.2f} s")
            if message:
                break
            excitation = brain.excite(row, now, activation, hurried=tick == -quiet)
            felt = activation.copy()
            force = brain.active * felt + brain.passive
            ground = body.advance(steps, activation, excitation, brain.lumbar)
            log.add(tick * plan.period, now.q, now.v, felt, force, brain.command, brain.lumbar, ground)
            if tick % 10 == 0:
                tell((tick + quiet + 1) / (quiet + len(plan.time)))
    tell(1.0)
    columns = log.columns()
    heights = np.concatenate([np.full(quiet, plan.values[0, 4]), plan.values[:, 4]])[: len(columns["time"])]
    if len(heights) > quiet:  # nobody asks how it stood before
        columns, heights = {name: column[quiet:] for name, column in columns.items()}, heights[quiet:]
        message = message or _rose(model, columns["q"], plan)
    else:
        columns["time"] = readonly(columns["time"] + plan.quiet, None)
    if message:
        message += _saturated(model, plan.feet, heights, columns["q"], columns["activation"])
    return Run(**columns, failures=brain.failures + body.failures, message=message)


def _over_the_edge(model: Model, feet: tuple[int, ...]) -> Model:
    """The model with no floor under the foot that does not stand."""
    s, kept = model.spheres, np.flatnonzero(np.isin(model.spheres.foot, feet))
    return replace(
        model,
        spheres=replace(
            s,
            names=tuple(s.names[k] for k in kept),
            link=s.link[kept],
            centre=readonly(s.centre[kept], None, 3),
            radius=readonly(s.radius[kept], None),
            foot=s.foot[kept],
        ),
    )


def _over_the_foot(model: Model, plan: Plan, start: Array) -> Plan:
    """The plan with its centre of mass over the foot as it stands: a foot turned flat lies a little beside its plan."""
    suffix = SUFFIX[SIDES[plan.feet[0]]]
    planned, real = (Sole(model, q).middle(suffix) for q in (state(model, plan.values[0]), start))
    return replace(plan, com=readonly(plan.com + (real - planned) * [1.0, 0.0, 1.0], None, 3))


def _planted(model: Model, q: Array) -> Array:
    """The state with each foot turned flat at its ankle and subtalar joint, the lower one just touching the ground; the
    other, where the soles differ, is up to 2.2 mm above it (10 deg of pronation).

    A sole that starts inside the ground is thrown out at a speed that grows as the time step shrinks.
    """

    def heights(q: Array) -> Array:
        rotation, origin = model.frames(q)
        s = model.spheres
        return origin[s.link][:, 1] + np.einsum("kj,kj->k", rotation[s.link][:, 1], s.centre) - s.radius

    q, level = q.copy(), heights(q)
    low = level.min()
    for foot, suffix in enumerate(("_r", "_l")):
        mine = model.spheres.foot == foot
        if not mine.any() or level[mine].min() > low + CLEAR:
            continue  # a foot in the air stays as it is
        angles = [6 + model.link(name + suffix) for name in ("talus", "calcn")]

        for _ in range(FLATTENINGS):  # Gauss and Newton, with slopes by differences
            height = heights(q)[mine]
            slopes = []
            for angle in angles:
                turned = q.copy()
                turned[angle] += 1e-6
                slopes.append((heights(turned)[mine] - height) * 1e6)
            system = np.transpose(slopes)
            q[angles] -= np.linalg.lstsq(system - system.mean(axis=0), height - height.mean(), rcond=None)[0]
    q[1] -= heights(q).min()
    return q


class _Log:
    """Rows of a run, collected tick by tick."""

    names = ("time", "q", "v", "activation", "force", "drive", "lumbar", "ground")

    def __init__(self) -> None:
        self._rows: list[tuple] = []

    def add(self, *row: float | Array) -> None:
        self._rows.append(tuple(np.array(value) for value in row))

    def columns(self) -> dict[str, Array]:
        out = {}
        for name, values in zip(self.names, zip(*self._rows, strict=True), strict=True):
            out[name] = np.array(values)
            out[name].flags.writeable = False
        return out


def _trouble(q: Array, lowest: float, when: str) -> str:
    """Why the movement is over, or nothing; when: what the sentence ends with."""
    if not np.isfinite(q).all():
        return f"a state that is not a number{when}"
    upright = 1.0 - 2.0 * (q[3] ** 2 + q[5] ** 2)  # of the pelvis's long axis, the share that points up
    if upright < OVERTURNED:
        turned = np.degrees(np.arccos(upright))
        return f"could not stand up: the pelvis was turned {turned:.0f} deg from upright{when}"
    side = 2.0 * (q[4] * q[5] - q[3] * q[6])  # of its axis from left to right, the share that points up
    if abs(side) > LISTED:
        return f"could not stand up: the pelvis listed by {np.degrees(np.arcsin(abs(side))):.0f} deg{when}"
    if q[1] < lowest:
        return f"could not stand up: the pelvis fell below {lowest:.2f} m{when}"
    return ""


def _rose(model: Model, q: Array, plan: Plan) -> str:
    """Why the last posture is not the planned one, or nothing."""
    height, wanted = q[-1, 1], plan.values[-1, 4] + (q[0, 1] - plan.values[0, 4])
    if height < 0.95 * wanted:
        return f"could not stand up: the pelvis was {1000 * (wanted - height):.0f} mm too low at {plan.time[-1]:.2f} s"
    return ""


SATURATED = 0.95
"""An activation from here on has nothing left to give."""
MOST_NAMED = 8
"""Saturated muscles that a message names."""
SUNK = 0.05
"""A pelvis that is this far from its planned height [m] is lost: what muscles do after that explains nothing."""


def _saturated(model: Model, feet: tuple[int, ...], heights: Array, q: Array, activation: Array) -> str:
    """Which muscles of the standing legs gave all they had before the body was lost, the longest first."""
    off = np.abs((q[:, 1] - q[0, 1]) - (heights - heights[0])) > SUNK
    spent = activation[: int(off.argmax()) if off.any() else None] >= SATURATED
    found = [
        (-int(spent[:, leg, k].sum()), leg, f"{SIDES[leg]} {name}")
        for leg in feet
        for k, name in enumerate(model.muscles.names)
        if spent[:, leg, k].any()
    ]
    names = [name for _, _, name in sorted(found)]
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return "; saturated: " + (", ".join(names[:MOST_NAMED]) + more if names else "no muscle")
