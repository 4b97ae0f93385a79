"""What a task asks of the body: a smooth reference over time, and how firmly each part of it is held."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from simlab.model import Model, state
from simlab.motion import COORDINATES, Array, readonly

SETTLE_S = 0.06
"""Time constant that rounds the corners of the depth curve: no step in the wanted acceleration [s]."""

BALANCE = (943.9 + 40.5 - 75.0 * 9.81 * 0.83) / 66.0, (313.5 + 68.8) / 66.0
"""Feedback on the horizontal position of the centre of mass [1/s2, 1/s]: neural and intrinsic stiffness less gravity's,
and damping, over the moment of inertia about the ankles, from the default values of a model of standing balance (Pasma
et al. 2017, doi 10.3389/fncom.2017.00099, table 1), without its delay and activation dynamics: muscles here have their
own. 0.4 Hz, about a twentieth of the stiffness that tracked coordinates have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """How firmly the controller holds each part of a task (dimensionless, on squared accelerations).

    centre_of_mass: X, Y, Z of the laboratory; pelvis: list, turn, tilt; balance: stiffness and damping [1/s2, 1/s] of
    the horizontal position of the centre of mass, which its large weight makes the body obey; coordinates: by name
    without side; contact_damping: velocity feedback at the sole [1/s]; drive: on deviations from the habitual drive;
    frontal: hip adduction and rotation, free on two legs.
    """

    centre_of_mass: tuple[float, float, float] = (3000.0, 90.0, 3000.0)
    balance: tuple[float, float] = BALANCE
    pelvis: tuple[float, float, float] = (1.0, 1.0, 5.0)
    """List and turn are held lightly: captured squats of healthy people list by 3 to 6 deg and turn by as much. A
    pelvis held firmly would carry a deficit of one leg over to the other."""
    trunk: float = 10.0
    coordinates: dict[str, float] = field(
        default_factory=lambda: {"hip_flexion": 1.0, "knee_angle": 1.0, "ankle_angle": 0.5, "subtalar_angle": 0.1}
    )
    frontal: float = 0.0
    contact_damping: float = 30.0
    drive: float = 1000.0
    lean: float = 0.0
    """On one leg: of the trunk, upright in the frontal plane; it takes the place of its bend against the pelvis."""
    exertion: float = 0.0
    """On one leg: of what the abductors of the hip have to hold beyond what the habitual drive gives, over their
    strength. Where it weighs, pelvis and trunk move over the hip: a lean that nobody has scripted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The reference of a task at the control ticks.

    time [s] (n,); values, rates, accelerations of the 27 coordinates (n, 27); com and its derivatives [m, m/s, m/s2]
    (n, 3); feet: which feet stand (0 right, 1 left); edge: the other foot hangs over the edge of a step, where no floor
    stops it; period: control period [s]; quiet: time before the first sample, in which the subject stands in the first
    posture and finds its balance [s]; weights: to do the task with; learning: for the healthy twin to learn it with.
    """

    time: Array
    values: Array
    rates: Array
    accelerations: Array
    com: Array
    com_rates: Array
    com_accelerations: Array
    feet: tuple[int, ...]
    symmetric: bool
    edge: bool
    period: float
    quiet: float
    weights: Weights
    learning: Weights


def profile(depths: list[tuple[float, float]], period: float) -> tuple[Array, Array]:
    """A smooth curve through (time [s], value) knots: raised cosines between, corners rounded. Returns time, curve."""
    from scipy.ndimage import gaussian_filter1d

    knots = np.array(depths)
    time = np.arange(round(knots[-1, 0] / period) + 1) * period
    curve = np.full_like(time, knots[0, 1])
    for (t0, x0), (t1, x1) in pairwise(knots):
        inside = (time >= t0) & (time <= t1)
        curve[inside] = x0 + (x1 - x0) * 0.5 * (1.0 - np.cos(np.pi * (time[inside] - t0) / (t1 - t0)))
    rounded = gaussian_filter1d(curve, SETTLE_S / period, mode="nearest")
    reach = (rounded - knots[0, 1]).max()
    gain = (curve - knots[0, 1]).max() / reach if reach > 0 else 1.0  # rounding must not make it shallower
    return time, knots[0, 1] + (rounded - knots[0, 1]) * gain


def cycles(
    depth: tuple[float, float], seconds: tuple[float, float, float, float], repetitions: int, period: float
) -> tuple[Array, Array]:
    """Stand, go down, come up, ..., stand: time [s] and depth [rad] at the control ticks.

    depth: standing and deepest; seconds: standing before, descent, ascent, standing after.
    """
    (low, high), (before, down, up, after) = depth, seconds
    knots = [(0.0, low), (before, low)]
    for _ in range(repetitions):
        bottom = knots[-1][0] + down
        knots += [(bottom, high), (bottom + up, low)]
    return profile([*knots, (knots[-1][0] + after, low)], period)


def postures(
    solve_for: tuple[str, ...],
    guess: dict[str, float],
    depths: Array,
    expand: Callable[[dict[str, float], float], dict[str, float]],
    residual: Callable[[dict[str, float], Array, float], list[float]],
    model: Model,
) -> Array:
    """Inverse kinematics: the 27 coordinates at each depth [rad] that minimise `residual`, shape (len(depths), 27).

    expand completes the solved coordinates to all that differ from zero; residual gets them, the state and the depth.
    """
    from scipy.optimize import least_squares

    x = np.array([guess.get(name, 0.0) for name in solve_for])
    rows = []
    for depth in depths:

        def pose(x: Array, depth: float = depth) -> tuple[dict[str, float], Array]:
            named = expand(dict(zip(solve_for, x, strict=True)), depth)
            return named, np.array([named.get(name, 0.0) for name in COORDINATES])

        def error(x: Array, depth: float = depth, pose: Callable = pose) -> Array:
            named, values = pose(x)
            return np.array(residual(named, state(model, values), depth))

        x = least_squares(error, x, xtol=1e-10).x
        rows.append(pose(x)[1])
    return np.array(rows)


def plan(
    model: Model,
    depths: Array,
    poses: Array,
    time: Array,
    depth: Array,
    *,
    feet: tuple[int, ...],
    symmetric: bool,
    weights: Weights,
    learning: Weights,
    edge: bool = False,
    quiet: float = 0.0,
) -> Plan:
    """Poses along the depth and the depth over time make the reference and its derivatives."""
    from scipy.interpolate import CubicSpline

    period = time[1] - time[0]
    com = np.array([model.centre_of_mass(state(model, pose)) for pose in poses])
    curves = CubicSpline(depths, np.hstack([poses, com]))
    rate = np.gradient(depth, period)
    acceleration = np.gradient(rate, period)
    value, first, second = curves(depth), curves(depth, 1), curves(depth, 2)
    rates = first * rate[:, None]
    accelerations = second * rate[:, None] ** 2 + first * acceleration[:, None]
    n = len(COORDINATES)
    return Plan(
        time=readonly(time, None),
        values=readonly(value[:, :n], None, n),
        rates=readonly(rates[:, :n], None, n),
        accelerations=readonly(accelerations[:, :n], None, n),
        com=readonly(value[:, n:], None, 3),
        com_rates=readonly(rates[:, n:], None, 3),
        com_accelerations=readonly(accelerations[:, n:], None, 3),
        feet=feet,
        symmetric=symmetric,
        edge=edge,
        period=period,
        quiet=quiet,
        weights=weights,
        learning=learning,
    )


class Sole:
    """Where the soles are in a state: the lowest points of the contact spheres by name, and foot axes [m]."""

    def __init__(self, model: Model, q: Array) -> None:
        self._rotation, self._origin = model.frames(q)
        self._model = model
        spheres = model.spheres
        centre = self._origin[spheres.link] + np.einsum("kij,kj->ki", self._rotation[spheres.link], spheres.centre)
        self.points = dict(zip(spheres.names, centre - spheres.radius[:, None] * [0.0, 1.0, 0.0], strict=True))

    def link(self, name: str) -> Array:
        """Origin of a link [m]."""
        return self._origin[self._model.link(name)]

    def heel(self, suffix: str) -> Array:
        """Middle of the heel on the ground side [m]."""
        return (self.points["heel_medial" + suffix] + self.points["heel_lateral" + suffix]) / 2

    def axis(self, suffix: str) -> Array:
        """From the heel to the middle of the metatarsal heads [m]."""
        middle = (self.points["metatarsal_1" + suffix] + self.points["metatarsal_5" + suffix]) / 2
        return middle - self.heel(suffix)

    def middle(self, suffix: str) -> Array:
        """Where someone who stands on one foot has the centre of mass above it [m]."""
        return self.heel(suffix) + 0.4 * self.axis(suffix)
