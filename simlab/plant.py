"""The body that the controller drives: muscles, tissue and world, advanced from tick to tick.

Two paths give the same bits. The compiled one (ext/stepper.pyx) makes the steps of a tick in one call, through
pybullet's exported C interface; the Python one reads as the physics and runs everywhere. A third leaves contact to
Bullet, to compare with.
"""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any, Literal, Protocol

import numpy as np

from simlab.kernels import contact, muscle
from simlab.model import GRAVITY, MAX_VELOCITY
from simlab.motion import Array
from simlab.muscles import ACTIVATION_S, DEACTIVATION_S, LUMBAR_DAMPING, Muscles
from simlab.world import ERP, FRICTION, State, World

Path = Literal["compiled", "python", "bullet"]


class Plant(Protocol):
    """Muscles, tissue, ground and world of one simulation; failures: steps without an exact ground reaction."""

    failures: int

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
    if path == "bullet":
        return Bullet(world)
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
        self._world, self._muscles, self._ground = world, Muscles(world.model), _ground(world)
        self.failures = 0

    def state(self) -> State:
        return self._world.state()

    def advance(self, steps: int, activation: Array, excitation: Array, lumbar: Array) -> Array:
        world, body, mean = self._world, self._muscles, np.zeros((2, 3))
        for _ in range(steps):
            s = world.state()
            muscle.activation(activation.ravel(), excitation.ravel(), world.dt, ACTIVATION_S, DEACTIVATION_S)
            body.update(s.q, s.v)
            torque = body.torque(activation, s.v)
            torque[:3] += lumbar
            reaction = self._stand(s, torque)
            world.step(torque)
            mean += reaction / steps
        return mean

    def _stand(self, s: State, torque: Array) -> Array:
        """Push the feet with the ground reaction of the step to come, and return it for each foot [N] (2, 3)."""
        spheres = self._world.model.spheres
        point, force, on_foot = np.empty_like(spheres.centre), np.empty_like(spheres.centre), np.zeros((2, 3))
        self.failures += self._ground.forces(s.q, s.v, torque, point, force) < 0
        for k, link in enumerate(spheres.link):
            on_foot[spheres.foot[k]] += force[k]
            if force[k, 1] != 0.0:
                self._world.push(link, point[k], force[k])
        return on_foot


class Bullet(Python):
    """For comparison: contact found and solved by Bullet, in a world that has its ground."""

    def advance(self, steps: int, activation: Array, excitation: Array, lumbar: Array) -> Array:
        mean = np.zeros((2, 3))
        for _ in range(steps):
            super().advance(1, activation, excitation, lumbar)
            mean += self._world.ground_reaction() / steps
        return mean

    def _stand(self, s: State, torque: Array) -> Array:
        return np.zeros((2, 3))


class Compiled:
    """The same steps without Python between them. Errors: ImportError, RuntimeError where it cannot be."""

    def __init__(self, world: World) -> None:
        self._stepper = _stepper(world)
        self.failures = 0

    def state(self) -> State:
        q, v = np.empty(28), np.empty(27)
        self._stepper.state(q, v)
        return State(q, v)

    def advance(self, steps: int, activation: Array, excitation: Array, lumbar: Array) -> Array:
        reaction = np.empty((2, 3))
        self.failures += self._stepper.advance(steps, activation, excitation, lumbar, reaction)
        return reaction


def _ground(world: World) -> contact.Contact:
    s, spheres = world.model.skeleton, world.model.spheres
    return contact.Contact(s.arguments(), spheres.arguments(), FRICTION, ERP, world.dt, (0.0, -GRAVITY, 0.0))


def _stepper(world: World) -> Any:
    from simlab.kernels import stepper

    client, library = world.plug(stepper)
    if not client:
        raise RuntimeError("this build of pybullet refuses the plugin")
    missing = stepper.link(library)
    if missing:
        raise RuntimeError(f"{library} does not export {', '.join(missing)}")
    model, n = world.model, world.numbers
    return stepper.Stepper(
        client, n.body, n.hinges, n.angles, n.links, model.muscles.paths.arguments(), model.muscles.arguments(),
        model.passive, model.band.arguments(), model.skeleton.arguments(), model.spheres.arguments(),
        model.spheres.foot,
        {
            "dt": world.dt, "vmax": MAX_VELOCITY, "tau_act": ACTIVATION_S, "tau_deact": DEACTIVATION_S,
            "lumbar_damping": LUMBAR_DAMPING, "friction": FRICTION, "erp": ERP, "gravity": (0.0, -GRAVITY, 0.0),
        },
    )  # fmt: skip
