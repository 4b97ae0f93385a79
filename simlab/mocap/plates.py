"""Force plates, and which foot stands on which."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simlab.errors import RecordingError
from simlab.motion import SIDES, Array, GroundReaction, Landmarks, readonly

LOADED = 20.0
"""A plate carries something when its vertical force exceeds this [N]: above the noise of an empty plate."""
REACH = 0.25
"""The centre of pressure of a foot is never farther than this from its middle [m]: a foot is shorter than 0.35 m."""


STRONGEST = 1e5
"""No person pushes harder than this on a plate [N]: a number beyond it is damage or another unit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plates:
    """What the force plates recorded, laboratory frame, Y up.

    time [s], shape (n,). Shape (n, plates, 3): force of the ground on the body [N]; centre, where it acts [m], NaN
    where a plate carries nothing; moment about that point [Nm], None where the file has none.
    Errors: RecordingError for a force that is not known everywhere or is no person's, and for a plate that is loaded at
    no known place.
    """

    names: tuple[str, ...]
    time: Array
    force: Array
    centre: Array
    source: str
    moment: Array | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "time", readonly(self.time, None))
        for name in ("force", "centre", "moment"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, readonly(getattr(self, name), len(self.time), len(self.names), 3))
        self._known("force", self.force, np.ones(self.force.shape[:2], dtype=bool))
        self._known("centre of pressure", self.centre, self.loaded)
        if self.moment is not None:
            self._known("moment", self.moment, self.loaded)
        if np.abs(self.force).max(initial=0.0) > STRONGEST:
            found = np.abs(self.force).max()
            raise RecordingError(f"{self.source}: expected forces up to {STRONGEST:g} N, found {found:g} N")

    @property
    def loaded(self) -> np.ndarray:
        """Where a plate carries something, shape (n, plates)."""
        return self.force[:, :, 1] > LOADED

    def _known(self, what: str, values: Array, needed: np.ndarray) -> None:
        broken = needed & ~np.isfinite(values).all(axis=2)
        for i in np.flatnonzero(broken.any(axis=0)):
            times = self.time[broken[:, i]]
            raise RecordingError(
                f"{self.source}: plate {self.names[i]!r}: expected a {what} at every instant at which it is needed, "
                f"found none at {len(times)} (the first at {times[0]:g} s)"
            )


def assign(plates: Plates, landmarks: Landmarks) -> GroundReaction:
    """The ground reaction of each foot: every loaded plate goes to the foot its centre of pressure lies under.

    Plates may come in any order and lie at any height; what a plate says while it carries less than `LOADED` is noise
    and left out. Several plates under one foot add up as wrenches; the centre of pressure of the sum lies at their
    height (the mean by load where they differ), and the free moment about it is vertical.
    Errors: RecordingError when a loaded plate lies under neither foot, or under both.
    """
    n = len(plates.time)
    force, twist, lifted = np.zeros((n, 2, 3)), np.zeros((n, 2, 3)), np.zeros((n, 2))
    feet = _feet(landmarks, plates.time)
    moment = np.zeros_like(plates.force) if plates.moment is None else plates.moment
    for i, name in enumerate(plates.names):
        on = plates.loaded[:, i]
        if not on.any():
            continue
        push, point = plates.force[on, i], plates.centre[on, i]
        about_origin = moment[on, i] + np.cross(point, push)
        centre, _ = _centre(push, about_origin, point[:, 1])
        foot = _foot(feet[on], centre, f"{plates.source}: plate {name!r}")
        force[on, foot] += push
        twist[on, foot] += about_origin
        lifted[on, foot] += point[:, 1] * push[:, 1]
    centre, free = np.zeros((n, 2, 3)), np.zeros((n, 2, 3))
    on = force[:, :, 1] > 0
    centre[on], free[on] = _centre(force[on], twist[on], lifted[on] / force[on][:, 1])
    return GroundReaction(
        time=plates.time,
        force=force,
        centre=centre,
        moment=None if plates.moment is None else free,
        source=plates.source,
    )


def _centre(force: Array, moment: Array, height: Array) -> tuple[Array, Array]:
    """Centre of pressure [m] at a height and the free moment about it [Nm], from a moment about the origin; (n, 3).

    The point about which the moment has no horizontal part. Source: Zatsiorsky (2002) Kinetics of Human Motion, ch. 1.
    """
    (fx, fy, fz), (mx, my, mz) = force.T, moment.T
    x, z = (mz + height * fx) / fy, (height * fz - mx) / fy
    free = np.zeros_like(moment)
    free[:, 1] = my - (z * fx - x * fz)
    return np.column_stack([x, height, z]), free


def _feet(landmarks: Landmarks, time: Array) -> Array:
    """The middle of each foot on the ground at other instants [m], shape (n, 2, 2): X and Z, right then left."""
    middle = (landmarks.heel + landmarks.toe)[:, :, ::2].reshape(len(landmarks.time), 4) / 2
    return np.stack([np.interp(time, landmarks.time, column) for column in middle.T], axis=1).reshape(-1, 2, 2)


def _foot(feet: Array, centre: Array, plate: str) -> int:
    """Which foot (0 right, 1 left) stands on a plate, from its loaded samples."""
    right, left = np.median(np.linalg.norm(centre[:, None, ::2] - feet, axis=2), axis=0)
    stance = float(np.median(np.linalg.norm(feet[:, 0] - feet[:, 1], axis=1)))
    found = f"{right:.2f} m from the {SIDES[0]} foot and {left:.2f} m from the {SIDES[1]}"
    if min(right, left) > REACH:
        raise RecordingError(f"{plate}: expected its centre of pressure under a foot, found it {found}")
    if abs(right - left) < 0.3 * stance:
        raise RecordingError(
            f"{plate}: expected one foot on a plate, found its centre of pressure between them, {found}"
        )
    return int(left < right)
