"""The body that the controller drives: muscles, tissue and world, advanced from tick to tick.

Two paths give the same bits. The compiled one (ext/stepper.pyx) makes the steps of a tick in one call, through
pybullet's exported C interface; the Python one reads as the physics and runs everywhere.
"""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any, Literal, Protocol

import numpy as np

from simlab.kernels import muscle
from simlab.model import MAX_VELOCITY, Model
from simlab.motion import Array
from simlab.muscles import ACTIVATION_S, DEACTIVATION_S, LUMBAR_DAMPING, Muscles
from simlab.world import State, World

Path = Literal["compiled", "python"]


class Plant(Protocol):
    """Muscles, tissue and world of one simulation."""

    def state(self) -> State:
        """Where the body is and how fast it moves."""

    def advance(self, steps: int, activation: Array, excitation: Array, lumbar: Array) -> Array:
        """Make physics steps under constant excitation (2, m) and lumbar torque [Nm] (3,).

        Advances activation (2, m) in place. Returns the mean ground reaction of each foot [N] (2, 3).
        """


def plant(world: World, path: Path | None = None) -> Plant:
    """The body in a world; path: compiled where this machine can, if not said.

    Errors: RuntimeError if the compiled path is asked for and cannot be had.
    """
    if path == "python":
        return Python(world)
    try:
        return Compiled(world)
    except (ImportError, RuntimeError) as error:
        if path == "compiled":
            raise RuntimeError(f"the compiled stepper cannot run: {error}") from error
        _notice(str(error))
        return Python(world)


@cache
def _notice(reason: str) -> None:
    """Said once."""
    warnings.warn(f"simlab steps in Python, several times slower: {reason}", RuntimeWarning, stacklevel=4)


class Python:
    """The reference: one named call a line."""

    def __init__(self, world: World) -> None:
        self._world, self._muscles = world, Muscles(world.model)

    def state(self) -> State:
        return self._world.state()

    def advance(self, steps: int, activation: Array, excitation: Array, lumbar: Array) -> Array:
        world, body, ground = self._world, self._muscles, np.zeros((2, 3))
        for _ in range(steps):
            s = world.state()
            muscle.activation(activation.ravel(), excitation.ravel(), world.dt, ACTIVATION_S, DEACTIVATION_S)
            body.update(s.q, s.v)
            torque = body.torque(activation, s.v)
            torque[:3] += lumbar
            world.step(torque)
            ground += world.ground_reaction() / steps
        return ground


class Compiled:
    """The same steps without Python between them. Errors: ImportError, RuntimeError where it cannot be."""

    def __init__(self, world: World) -> None:
        self._stepper = _stepper(world)

    def state(self) -> State:
        q, v = np.empty(28), np.empty(27)
        self._stepper.state(q, v)
        return State(q, v)

    def advance(self, steps: int, activation: Array, excitation: Array, lumbar: Array) -> Array:
        ground = np.empty((2, 3))
        self._stepper.advance(steps, activation, excitation, lumbar, ground)
        return ground


def _stepper(world: World) -> Any:
    from simlab.kernels import stepper

    library = world.plug(stepper.__file__)
    if not library:
        raise RuntimeError("this build of pybullet refuses the plugin")
    missing = stepper.link(library)
    if missing:
        raise RuntimeError(f"{library} does not export {', '.join(missing)}")
    model: Model = world.model
    s, n = model.muscles, world.numbers
    return stepper.Stepper(
        n.body, n.ground, n.hinges, n.angles, n.feet, s.paths.arguments(),
        (s.F0, s.lopt, s.lts, s.penn, s.onset, s.one, s.slack, s.gain), model.passive,
        world.dt, MAX_VELOCITY, ACTIVATION_S, DEACTIVATION_S, LUMBAR_DAMPING,
    )  # fmt: skip
