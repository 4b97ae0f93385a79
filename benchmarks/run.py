"""How long things take on this machine: one table from one run. `make bench`, or python benchmarks/run.py.

Each kernel beside its plain-Python twin and beside others who do the same work on the same body (Pinocchio, MuJoCo);
their answers are compared first. Times are medians over repeats, calls from Python included, as the simulation makes
them. See README.md here.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

import whole_models
from reference import kinematics as twin_kinematics
from reference import muscle as twin_muscle
from reference import passive as twin_passive
from reference import path as twin_path
from rivals import MuJoCo, Pinocchio

from simlab import anatomy, tasks
from simlab.control import WholeBody
from simlab.kernels import contact, kinematics, muscle, passive, path
from simlab.model import GRAVITY, MAX_VELOCITY, Model, build, state
from simlab.muscles import ACTIVATION_S, DEACTIVATION_S, Muscles
from simlab.plant import Compiled
from simlab.simulate import Result, simulate
from simlab.subject import Subject, change
from simlab.world import ERP, FRICTION

REPEATS, SPAN_S = 15, 0.02
"""Repeats of each measurement, and how long one of them lasts at least."""


def median_us(call: Callable[[], object], repeats: int = REPEATS) -> float:
    """Median time of a call [us]."""
    began = time.perf_counter()
    call()
    count = max(1, round(SPAN_S / max(time.perf_counter() - began, 1e-7)))
    spans = []
    for _ in range(repeats):
        began = time.perf_counter()
        for _ in range(count):
            call()
        spans.append((time.perf_counter() - began) / count)
    return 1e6 * statistics.median(spans)


def apart(ours: tuple[np.ndarray, ...], theirs: tuple[np.ndarray, ...]) -> float:
    """Largest difference, relative to the largest entry."""
    return max(float(np.abs(a - b).max() / np.abs(b).max()) for a, b in zip(ours, theirs, strict=True))


def bent(model: Model) -> tuple[np.ndarray, np.ndarray]:
    """A squatting posture in motion: q (28,), v (27,)."""
    plan = tasks.load("squat").plan(model)
    return state(model, plan.values[len(plan.time) // 2]), 0.5 * np.random.default_rng(1).normal(size=27)


def tree_rows(model: Model, q: np.ndarray, v: np.ndarray) -> Iterator[tuple]:
    s = model.skeleton
    tree = twin_kinematics.Tree(s.parent, s.pos, s.axis, s.mass, s.com, s.inertia)
    gravity = np.array([0.0, -GRAVITY, 0.0])
    M, h = np.empty((27, 27)), np.empty(27)

    def mass_bias() -> None:
        kinematics.mass_bias(*tree, q, v, gravity, M, h)

    mass_bias()
    yield (
        "mass matrix and bias",
        mass_bias,
        "twin",
        lambda: twin_kinematics.mass_bias(tree, q, v, gravity),
        apart((M, h), twin_kinematics.mass_bias(tree, q, v, gravity)),
    )
    for rival in (Pinocchio(tree, gravity), MuJoCo(tree, gravity)):
        rival.set(q, v)
        yield "mass matrix and bias", mass_bias, rival.name, rival.mass_bias, apart((M, h), rival.answer())

    R, p = np.empty((22, 3, 3)), np.empty((22, 3))

    def forward() -> None:
        kinematics.forward(*tree[:3], q, R, p)

    forward()
    yield (
        "link frames",
        forward,
        "twin",
        lambda: twin_kinematics.forward(tree, q),
        apart((R, p), twin_kinematics.forward(tree, q)),
    )
    link, local = model.spheres.link, model.spheres.centre
    x, J, drift = np.empty((len(link), 3)), np.empty((len(link), 3, 27)), np.empty((len(link), 3))

    def jacobian() -> None:
        kinematics.point_jacobian(*tree[:3], q, v, link, local, x, J, drift)

    jacobian()
    yield (
        f"Jacobians of {len(link)} points",
        jacobian,
        "twin",
        lambda: twin_kinematics.point_jacobian(tree, q, v, link, local),
        apart((x, J, drift), twin_kinematics.point_jacobian(tree, q, v, link, local)),
    )


def muscle_rows(model: Model, q: np.ndarray, v: np.ndarray) -> Iterator[tuple]:
    s, m = model.muscles, len(model.muscles.names)
    angles, rates = q[10:].reshape(2, 9), v[9:].reshape(2, 9)
    table = anatomy.muscles()
    polynomials = (table.lo, table.hi, table.start, table.exponent, table.weight * (s.lopt[0] / table.lopt)[0])
    L, dL, V = np.empty((2, m)), np.empty((2, m, 8)), np.empty((2, m))

    def lengths() -> None:
        path.lengths(angles, *s.paths.arguments(), L, dL)

    def twin_lengths() -> tuple[np.ndarray, np.ndarray]:
        legs = [twin_path.lengths(leg[:8], *polynomials) for leg in angles]
        return np.array([leg[0] for leg in legs]), np.array([leg[1] for leg in legs])

    lengths()
    yield f"lengths and arms of {2 * m} muscles", lengths, "twin", twin_lengths, apart((L, dL), twin_lengths())
    path.rates(dL, rates, V)
    inputs = tuple(a.ravel() for a in (L, V, *s.arguments()))
    by_angle = (*inputs[:5], s.penn.ravel(), *inputs[6:])
    out = tuple(np.empty(2 * m) for _ in range(3))

    def contraction() -> None:
        muscle.contraction(*inputs, MAX_VELOCITY, *out)

    contraction()
    yield (
        f"forces of {2 * m} muscles",
        contraction,
        "twin",
        lambda: twin_muscle.contraction(*by_angle, MAX_VELOCITY),
        apart(out, twin_muscle.contraction(*by_angle, MAX_VELOCITY)),
    )
    a, u = np.full(m, 0.3), np.linspace(0, 1, m)
    times = (1e-3, ACTIVATION_S, DEACTIVATION_S)
    now = a.copy()
    muscle.activation(now, u, *times)
    yield (
        f"activation of {m} muscles",
        lambda: muscle.activation(a, u, *times),
        "twin",
        lambda: twin_muscle.activation(a, u, *times),
        apart((now,), (twin_muscle.activation(np.full(m, 0.3), u, *times),)),
    )
    nine, nine_rates, coef, tau = q[10:19].copy(), v[9:18].copy(), model.passive[0], np.empty(9)

    def tissue() -> None:
        passive.torque(nine, nine_rates, coef, tau)

    tissue()
    yield (
        "passive tissue of a leg",
        tissue,
        "twin",
        lambda: twin_passive.torque(nine, nine_rates, coef),
        apart((tau,), (twin_passive.torque(nine, nine_rates, coef),)),
    )


def step_rows(result: Result, tick_us: float, step_us: float) -> Iterator[tuple[str, float, str]]:
    """What a millisecond of the squat is made of: name, time [us], note. Our parts are timed alone, on warm caches,
    less what it takes to hand arrays over from Python; tick_us, step_us: medians of a controller tick and of a step
    inside the simulation."""
    model, run, middle = result.model, result.run, len(result.run.time) // 2
    q, v, activation = run.q[middle], run.v[middle], run.activation[middle].copy()
    body = Muscles(model)
    body.update(q, v)
    torque = body.torque(activation, v)
    torque[:3] += run.lumbar[middle]
    s, m, spheres = model.skeleton, model.muscles, model.spheres
    angles = q[10:].reshape(2, 9)
    floor = contact.Contact(s.arguments(), spheres.arguments(), FRICTION, ERP, 1e-3, (0.0, -GRAVITY, 0.0))
    point, force = np.empty((2, len(spheres.link), 3))
    out = [np.empty(activation.size) for _ in range(3)]
    length, dL, rate = np.empty(activation.shape), np.empty((*activation.shape, 8)), np.empty(activation.shape)
    path.lengths(angles, *m.paths.arguments(), length, dL)
    path.rates(dL, v[9:].reshape(2, 9), rate)
    tissue, nothing = np.empty((2, 9)), np.empty(0)
    flat = [a.ravel() for a in (length, rate, *m.arguments())]
    now, tables = activation.ravel(), m.paths.arguments()
    an_array = median_us(lambda: muscle.contraction(*[nothing] * 10, MAX_VELOCITY, *[nothing] * 3)) / 13

    def bare_us(arrays: int, call: Callable[[], object]) -> float:
        return median_us(call) - arrays * an_array

    parts = {
        "muscle paths and arms": bare_us(11, lambda: path.lengths(angles, *tables, length, dL)),
        "muscle forces": bare_us(13, lambda: muscle.contraction(*flat, MAX_VELOCITY, *out)),
        "activation": bare_us(2, lambda: muscle.activation(now, now, 1e-3, ACTIVATION_S, DEACTIVATION_S)),
        "passive tissue": 2 * bare_us(4, lambda: passive.torque(angles[0], v[9:18], model.passive[0], tissue[0])),
        "contact": bare_us(5, lambda: floor.forces(q, v, torque, point, force)),
    }
    yield "physics step, state, commands (pybullet)", step_us - sum(parts.values()), "the rest of the plant's time"
    for name, us in parts.items():
        yield name, us, ""
    yield "control", tick_us / 10, "a tenth of a tick"
    whole = 1e6 * result.wall_s / (10 * len(result.run.time))
    yield "Python, recording, making the world", whole - step_us - tick_us / 10, "the rest"
    yield "all", whole, f"real-time factor {1000 / whole:.1f}"


def core_rows(repeats: int = 12) -> Iterator[tuple[str, float]]:
    """Squats a minute with as many processes as given."""
    from concurrent.futures import ProcessPoolExecutor

    for workers in (1, 2):
        if workers > (os.cpu_count() or 1):
            continue
        with ProcessPoolExecutor(workers) as pool:
            list(pool.map(one_squat, range(2 * workers)))  # everyone has learned
            began = time.perf_counter()
            list(pool.map(one_squat, range(repeats * workers)))
            yield f"{workers} process" + "es" * (workers > 1), 60 * repeats * workers / (time.perf_counter() - began)


def one_squat(k: int) -> bool:
    weak = change(Subject(), [f"both.gluteus_medius_strength={0.6 + 0.01 * k:.2f}"])
    return simulate(build(weak), tasks.load("squat")).success


@contextmanager
def timed(owner: type, name: str) -> Iterator[list[float]]:
    """Times of every call of a method [us] of the simulations inside."""
    method, spans = getattr(owner, name), []

    def stopwatch(*arguments: Any, **keywords: Any) -> Any:
        began = time.perf_counter()
        try:
            return method(*arguments, **keywords)
        finally:
            spans.append(1e6 * (time.perf_counter() - began))

    setattr(owner, name, stopwatch)
    try:
        yield spans
    finally:
        setattr(owner, name, method)


def closed_loop(name: str, repeats: int = 5) -> tuple[Result, float, float, list[tuple[str, float, float]]]:
    """A simulation, the median controller tick and tick of physics [us] of it and its like, and rows of name, simulated
    [s], wall [s]."""
    task = tasks.load(name)
    first = simulate(build(Subject()), task)
    weak = build(change(Subject(), ["right.gluteus_medius_strength=0.6"]))
    with timed(WholeBody, "excite") as ticks, timed(Compiled, "advance") as steps:
        again = [simulate(weak, task) for _ in range(repeats)]
    again.sort(key=lambda result: result.wall_s)
    lasted, middle = float(first.run.time[-1]) + first.plan.quiet, again[repeats // 2]
    rows = [(f"{name}, first (planned, learned)", lasted, first.wall_s), (f"{name}, next", lasted, middle.wall_s)]
    return middle, statistics.median(ticks), statistics.median(steps), rows


def shell_rows(repeats: int = 5) -> Iterator[str]:
    """Wall times of the command line, processes and imports included."""
    yield f"{'from the shell':42}{'s':>9}"
    with tempfile.TemporaryDirectory() as folder:
        cases = {
            "import simlab": [sys.executable, "-c", "import simlab"],
            "simlab squat --no-render (3 s), warm": [
                *(sys.executable, "-m", "simlab.cli", "squat", "--no-render", "--json", "--out", folder)
            ],
        }
        environment = os.environ | {"SIMLAB_CACHE": str(Path(folder) / "habits")}
        for name, command in cases.items():
            spans = []
            for _ in range(repeats + 1):
                began = time.perf_counter()
                subprocess.run(command, check=True, capture_output=True, env=environment)
                spans.append(time.perf_counter() - began)
            yield f"{name:42}{statistics.median(spans[1:]):9.2f}"


def machine() -> str:
    """What the times depend on."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.is_file() else []
    models = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    versions = " ".join(
        f"{n} {importlib.metadata.version(n)}" for n in ("numpy", "pybullet", "pin", "mujoco", "opensim")
    )
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    processor = models[0] if models else platform.processor()
    return f"{processor}, {os.cpu_count()} cores{load}; Python {platform.python_version()}; {versions}"


def main() -> None:
    print(machine())
    model = build(Subject())
    q, v = bent(model)
    print(f"\n{'work':32}{'kernel us':>11}{'other':>12}{'other us':>11}{'ratio':>8}{'differ by':>11}")
    for name, ours, other, theirs, difference in (*tree_rows(model, q, v), *muscle_rows(model, q, v)):
        mine, its = median_us(ours), median_us(theirs)
        print(f"{name:32}{mine:11.1f}{other:>12}{its:11.1f}{its / mine:8.1f}{difference:11.0e}")
    os.environ["SIMLAB_CACHE"] = ""  # the first simulation learns
    finished = [closed_loop(name) for name in ("squat", "single_leg_squat")]
    print(f"\n{'a physics step of the squat':42}{'us':>9}")
    for name, spent, note in step_rows(finished[0][0], finished[0][1], finished[0][2] / 10):
        print(f"{name:42}{spent:9.1f}  {note}")
    for result, us, *_ in finished:
        print(f"{f'controller tick, {result.task.name}':42}{us:9.1f}  every {1e3 * result.plan.period:.0f} ms")
    print(f"\n{'a simulation':42}{'simulated s':>12}{'wall s':>9}{'real-time factor':>18}")
    for name, simulated, wall in (row for *_, rows in finished for row in rows):
        print(f"{name:42}{simulated:12.2f}{wall:9.2f}{simulated / wall:18.2f}")
    print()
    print(*whole_models.lines(), sep="\n")
    print(f"\n{'cores':42}{'squats/min':>12}{'x one':>9}")
    alone = 0.0
    for name, rate in core_rows():
        alone = alone or rate
        print(f"{name:42}{rate:12.0f}{rate / alone:9.2f}")
    print()
    print(*shell_rows(), sep="\n")


if __name__ == "__main__":
    main()
