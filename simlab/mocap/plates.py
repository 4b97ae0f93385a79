"""Force plates, and which foot stands on which."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simlab.errors import InputError
from simlab.motion import SIDES, Array, GroundReaction, Landmarks, readonly

LOADED = 20.0
"""A plate carries something when its vertical force exceeds this [N]: above the noise of an empty plate."""
REACH = 0.25
"""The centre of pressure of a foot is never farther than this from its middle [m]: a foot is shorter than 0.35 m."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plates:
    """What the force plates recorded, laboratory frame, Y up.

    time [s], shape (n,); force of the ground on the body [N] and centre of pressure [m], shape (n, plates, 3).
    """

    names: tuple[str, ...]
    time: Array
    force: Array
    centre: Array
    source: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "time", readonly(self.time, None))
        for name in ("force", "centre"):
            object.__setattr__(self, name, readonly(getattr(self, name), len(self.time), len(self.names), 3))


def assign(plates: Plates, landmarks: Landmarks) -> GroundReaction:
    """The ground reaction of each foot: every loaded plate goes to the foot its centre of pressure lies under.

    Plates may come in any order; empty ones are ignored; several plates under one foot add up.
    Errors: InputError when a loaded plate lies under neither foot, or under both.
    """
    force = np.zeros((len(plates.time), 2, 3))
    feet = _feet(landmarks, plates.time)
    for i, name in enumerate(plates.names):
        loaded = plates.force[:, i, 1] > LOADED
        if loaded.any():
            foot = _foot(feet[loaded], plates.centre[loaded, i], f"{plates.source}: plate {name!r}")
            force[:, foot] += plates.force[:, i]
    return GroundReaction(time=plates.time, force=force, source=plates.source)


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
        raise InputError(f"{plate}: expected its centre of pressure under a foot, found it {found}")
    if abs(right - left) < 0.3 * stance:
        raise InputError(f"{plate}: expected one foot on a plate, found its centre of pressure between them, {found}")
    return int(left < right)
