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
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from reference import kinematics as twin_kinematics
from reference import muscle as twin_muscle
from reference import passive as twin_passive
from reference import path as twin_path
from rivals import MuJoCo, Pinocchio

from simlab import anatomy, tasks
from simlab.control import WholeBody
from simlab.kernels import kinematics, muscle, passive, path
from simlab.model import GRAVITY, MAX_VELOCITY, Model, build, state
from simlab.muscles import ACTIVATION_S, DEACTIVATION_S, Muscles
from simlab.simulate import Result, simulate
from simlab.subject import Subject, change
from simlab.world import World

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
    polynomials = (s.paths.lo, s.paths.hi, table.start, table.exponent, table.weight * (s.lopt[0] / table.lopt)[0])
    L, dL, V = np.empty((2, m)), np.empty((2, m, 8)), np.empty((2, m))

    def lengths() -> None:
        path.lengths(angles, *s.paths.arguments(), L, dL)

    def twin_lengths() -> tuple[np.ndarray, np.ndarray]:
        legs = [twin_path.lengths(leg[:8], *polynomials) for leg in angles]
        return np.array([leg[0] for leg in legs]), np.array([leg[1] for leg in legs])

    lengths()
    yield f"lengths and arms of {2 * m} muscles", lengths, "twin", twin_lengths, apart((L, dL), twin_lengths())
    path.rates(dL, rates, V)
    inputs = tuple(a.ravel() for a in (L, V, s.F0, s.lopt, s.lts, s.penn, s.onset, s.one, s.slack, s.gain))
    out = tuple(np.empty(2 * m) for _ in range(3))

    def contraction() -> None:
        muscle.contraction(*inputs, MAX_VELOCITY, *out)

    contraction()
    yield (
        f"forces of {2 * m} muscles",
        contraction,
        "twin",
        lambda: twin_muscle.contraction(*inputs, MAX_VELOCITY),
        apart(out, twin_muscle.contraction(*inputs, MAX_VELOCITY)),
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


def loop_rows(result: Result) -> Iterator[tuple[str, float, str]]:
    """What a simulation is made of: name, time [us], note."""
    model, run = result.model, result.run
    body, middle = Muscles(model), len(run.time) // 2
    with World(model) as world:
        world.reset(run.q[0])
        now = world.state()
        body.update(now.q, now.v)
        torque = body.torque(run.activation[0], now.v)
        resetting = median_us(lambda: world.reset(run.q[0]))
        yield (
            "physics step (pybullet)",
            median_us(lambda: (world.reset(run.q[0]), world.step(torque))) - resetting,
            "1 ms",
        )
        yield "state and ground reaction read", median_us(lambda: (world.state(), world.ground_reaction())), ""
    q, v, activation = run.q[middle], run.v[middle], run.activation[middle]
    yield "muscles and tissue of both legs", median_us(lambda: (body.update(q, v), body.torque(activation, v))), ""


@contextmanager
def timed_ticks() -> Iterator[list[float]]:
    """Times of every controller tick [us] of the simulations inside."""
    excite, spans = WholeBody.excite, []

    def timed(self: WholeBody, *arguments: Any, **keywords: Any) -> np.ndarray:
        began = time.perf_counter()
        try:
            return excite(self, *arguments, **keywords)
        finally:
            spans.append(1e6 * (time.perf_counter() - began))

    WholeBody.excite = timed
    try:
        yield spans
    finally:
        WholeBody.excite = excite


def closed_loop(name: str, repeats: int = 3) -> tuple[Result, float, list[tuple[str, float, float]]]:
    """A simulation, the median controller tick [us] of those after it, and rows of name, simulated [s], wall [s]."""
    task = tasks.load(name)
    first = simulate(build(Subject()), task)
    weak = build(change(Subject(), ["right.gluteus_medius_strength=0.6"]))
    with timed_ticks() as ticks:
        next_s = statistics.median(simulate(weak, task).wall_s for _ in range(repeats))
    lasted = float(first.run.time[-1])
    rows = [(f"{name}, first (planned, learned)", lasted, first.wall_s), (f"{name}, next", lasted, next_s)]
    return first, statistics.median(ticks), rows


def machine() -> str:
    """What the times depend on."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.is_file() else []
    models = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    versions = " ".join(
        f"{n} {importlib.metadata.version(n)}" for n in ("numpy", "pybullet", "proxsuite", "pin", "mujoco")
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
    finished = [closed_loop(name) for name in ("squat", "single_leg_squat")]
    print(f"\n{'a part of the loop':42}{'us':>9}")
    ticks = [(f"controller tick, {r.task.name}", us, f"every {1e3 * r.plan.period:.0f} ms") for r, us, _ in finished]
    for name, spent, note in (*loop_rows(finished[0][0]), *ticks):
        print(f"{name:42}{spent:9.0f}  {note}")
    print(f"\n{'a simulation':42}{'simulated s':>12}{'wall s':>9}{'real-time factor':>18}")
    for name, simulated, wall in (row for _, _, rows in finished for row in rows):
        print(f"{name:42}{simulated:12.2f}{wall:9.2f}{simulated / wall:18.2f}")


if __name__ == "__main__":
    main()
