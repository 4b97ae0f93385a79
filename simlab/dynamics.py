"""Inverse dynamics of a captured motion: the net joint moments, and what is left over.

Coordinates are low-passed and differentiated, the ground reaction is measured or estimated, and the equations of motion
give the generalised force of every coordinate. What acts on the pelvis from nowhere is the residual: it says how far
body, motion and forces contradict one another.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from simlab.body import Body
from simlab.errors import RecordingError
from simlab.ik import Tracked
from simlab.kernels import kinematics
from simlab.model import GRAVITY, Spheres
from simlab.motion import Array, GroundReaction, readonly
from simlab.signals import low_pass

STANDING = ("calcn_r", "calcn_l")
"""The links that the ground acts on."""
FRICTION = 0.8
"""Of the estimated ground reaction."""
EVEN = 1e-3
"""Weight of evenly spread forces in the estimated ground reaction, against its sum being right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moving:
    """A smooth motion with its derivatives. time [s] (f,); q (f, n + 6); v, a (f, n + 5): rates in world axes [m/s,
    rad/s], and their derivatives."""

    body: Body
    time: Array
    q: Array
    v: Array
    a: Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "time", readonly(self.time, None))
        for name in ("q", "v", "a"):
            object.__setattr__(self, name, readonly(getattr(self, name), len(self.time), None))


@dataclass(frozen=True, slots=True, kw_only=True)
class Dynamics:
    """Net joint moments. time [s] (f,); moment [Nm] (f, n - 1): of each coordinate of the body, in its sense.

    residual_force [N], residual_moment [Nm] (f, 3): on the pelvis, about its centre of mass, world axes. reaction: of
    the ground on each foot, at the same times; estimated: whether it was computed instead of measured.
    """

    moving: Moving
    moment: Array
    residual_force: Array
    residual_moment: Array
    reaction: GroundReaction
    estimated: bool

    @property
    def time(self) -> Array:
        return self.moving.time

    def of(self, coordinate: str) -> Array:
        """The moment of one coordinate over time [Nm] (f,)."""
        return self.moment[:, self.moving.body.coordinates.index(coordinate)]


def smooth(tracked: Tracked, cutoff_hz: float = 6.0) -> Moving:
    """Low-passed coordinates and their derivatives (cubic splines through the samples).

    Zero-lag 4th-order Butterworth. The pelvis turns as a rotation: its quaternion is filtered, kept at unit length.
    Errors: RecordingError for a recording too short or too slow.
    """
    from scipy.interpolate import CubicSpline

    time, q = tracked.time, tracked.q.copy()
    flips = np.cumprod(np.concatenate([[1.0], np.where((q[1:, 3:7] * q[:-1, 3:7]).sum(axis=1) < 0, -1.0, 1.0)]))
    q[:, 3:7] *= flips[:, None]
    q = low_pass(time, q, cutoff_hz, tracked.source)
    q[:, 3:7] /= np.linalg.norm(q[:, 3:7], axis=1, keepdims=True)
    curves = CubicSpline(time, q)
    rate = curves(time, 1)
    turning = 2.0 * _quaternion_product(rate[:, 3:7], q[:, 3:7] * [-1.0, -1.0, -1.0, 1.0])[:, :3]
    v = np.column_stack([rate[:, :3], turning, rate[:, 7:]])
    a = CubicSpline(time, v)(time, 1)
    return Moving(body=tracked.body, time=time, q=q, v=v, a=a)


def _quaternion_product(a: Array, b: Array) -> Array:
    """Products of quaternions x y z w (f, 4)."""
    vector = a[:, 3:] * b[:, :3] + b[:, 3:] * a[:, :3] + np.cross(a[:, :3], b[:, :3])
    return np.column_stack([vector, a[:, 3] * b[:, 3] - np.sum(a[:, :3] * b[:, :3], axis=1)])


def inverse(moving: Moving, reaction: GroundReaction | Spheres) -> Dynamics:
    """The net joint moments of a motion with the measured ground reaction or, given soles, an estimated one.

    The times are those that both cover. Errors: RecordingError for a reaction without its place, or at other times.
    """
    if isinstance(reaction, Spheres):
        return _inverse(moving, estimate(moving, reaction), estimated=True)
    if reaction.centre is None or reaction.moment is None:
        raise RecordingError(f"{reaction.source}: expected centres of pressure and free moments, found forces alone")
    inside = (moving.time >= reaction.time[0] - 1e-9) & (moving.time <= reaction.time[-1] + 1e-9)
    if inside.sum() < 2:
        spans = [f"{x[0]:g} to {x[-1]:g} s" for x in (moving.time, reaction.time)]
        raise RecordingError(f"{reaction.source}: expected forces during the motion ({spans[0]}), found {spans[1]}")
    part = replace(moving, **{name: getattr(moving, name)[inside] for name in ("time", "q", "v", "a")})
    return _inverse(part, _resampled(reaction, part.time), estimated=False)


def _inverse(moving: Moving, reaction: GroundReaction, estimated: bool) -> Dynamics:
    body, s = moving.body, moving.body.skeleton
    links = np.array([s.names.index(name) for name in STANDING], dtype=np.int32)
    tau = np.empty(moving.v.shape)
    assert reaction.centre is not None and reaction.moment is not None
    kinematics.inverse_dynamics(
        *s.arguments(), moving.q, moving.v, moving.a, np.array([0.0, -GRAVITY, 0.0]), links, reaction.force,
        reaction.centre, reaction.moment, tau,
    )  # fmt: skip
    return Dynamics(
        moving=moving,
        moment=readonly(tau[:, 6:], None, len(body.coordinates)),
        residual_force=readonly(tau[:, :3], None, 3),
        residual_moment=readonly(tau[:, 3:6], None, 3),
        reaction=reaction,
        estimated=estimated,
    )


def _resampled(reaction: GroundReaction, time: Array) -> GroundReaction:
    """The reaction at other times: between samples, force and moment about the laboratory's origin are what adds up."""
    assert reaction.centre is not None and reaction.moment is not None
    about = reaction.moment + np.cross(reaction.centre, reaction.force)

    def at(values: Array) -> Array:
        flat = values.reshape(len(values), -1)
        return np.column_stack([np.interp(time, reaction.time, column) for column in flat.T]).reshape(-1, 2, 3)

    force, centre, about = at(reaction.force), at(reaction.centre), at(about)
    return GroundReaction(
        time=time, force=force, centre=centre, moment=about - np.cross(centre, force), source=reaction.source
    )


# --- without plates --------------------------------------------------------------------------------------------------


def estimate(moving: Moving, soles: Spheres) -> GroundReaction:
    """The ground reaction that a motion needs, where nobody measured it.

    Newton's law gives the sum over both feet. It is shared as pushes at the corners of the soles, inside friction
    pyramids and as even as they can be: the sum is certain, the share of each foot an assumption that holds for
    standing on both, and the horizontal forces with which the feet push against each other are not seen.
    Errors: RecordingError where the ground would have to pull, as in a jump.
    """
    from scipy.optimize import nnls

    body, s = moving.body, moving.body.skeleton
    none = np.zeros((len(moving.time), 2, 3))
    free = _inverse(moving, GroundReaction(time=moving.time, force=none, centre=none, moment=none, source=""), True)
    sides = FRICTION * np.array([[1, 0, 1], [1, 0, -1], [-1, 0, 1], [-1, 0, -1]]) / 2**0.5 + [0.0, 1.0, 0.0]
    force, centre, moment = (np.zeros((len(moving.time), 2, 3)) for _ in range(3))
    weight = float(s.mass.sum()) * GRAVITY
    for f, q in enumerate(moving.q):
        rotation, origin = body.frames(q)
        places = origin[soles.link] + np.einsum("kij,kj->ki", rotation[soles.link], soles.centre)
        floor = float((places[:, 1] - soles.radius).min())
        points = places * [1.0, 0.0, 1.0] + [0.0, floor, 0.0]
        pushes = np.repeat(points, len(sides), axis=0)
        along = np.tile(sides, (len(points), 1))
        wrench = np.vstack([along.T, np.cross(pushes - q[:3], along).T])
        wanted = np.concatenate([free.residual_force[f], free.residual_moment[f]])
        if wanted[1] <= 0.0:
            when = f"at {moving.time[f]:.2f} s"
            raise RecordingError(f"ground reaction: expected a body that stands, found one that flies {when}")
        system = np.vstack([wrench, EVEN * np.eye(len(along))])
        share = nnls(system, np.concatenate([wanted, np.zeros(len(along))]) / weight)[0] * weight
        each = along * share[:, None]
        for foot in (0, 1):
            half = np.repeat(soles.foot == foot, len(sides))
            total = each[half].sum(axis=0)
            about = np.cross(pushes[half], each[half]).sum(axis=0)
            force[f, foot] = total
            if total[1] > 0.0:
                # where the moment about the ground has no horizontal part
                across = [floor * total[0] + about[2], floor * total[2] - about[0]]
                centre[f, foot] = across[0] / total[1], floor, across[1] / total[1]
                moment[f, foot, 1] = (about - np.cross(centre[f, foot], total))[1]
    return GroundReaction(
        time=moving.time, force=force, centre=centre, moment=moment, source="estimated from the motion"
    )
