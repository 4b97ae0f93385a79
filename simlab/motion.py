"""What moves: coordinates over time, markers over time, and the joint centres that every metric is computed from.

All arrays are SI (metres, radians, newtons, seconds), read-only, in the OpenSim frame: X forward, Y up, Z right.
The legs come in the order right, left (`SIDES`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

SIDES = ("right", "left")
SUFFIX = {"right": "_r", "left": "_l"}

LEG_COORDINATES = (
    "hip_flexion",
    "hip_adduction",
    "hip_rotation",
    "knee_angle",
    "knee_adduction",
    "knee_rotation",
    "ankle_angle",
    "subtalar_angle",
    "midtarsal_angle",
)
COORDINATES = (
    "pelvis_tilt",
    "pelvis_list",
    "pelvis_rotation",
    "pelvis_tx",
    "pelvis_ty",
    "pelvis_tz",
    "lumbar_extension",
    "lumbar_bending",
    "lumbar_rotation",
    *(name + "_r" for name in LEG_COORDINATES),
    *(name + "_l" for name in LEG_COORDINATES),
)
"""The 27 coordinates in OpenSim's names. The pelvis rotates as in OpenSim: tilt (Z), list (X), rotation (Y)."""

TRANSLATIONS = frozenset(("pelvis_tx", "pelvis_ty", "pelvis_tz"))


def readonly(array: object, *shape: int | None) -> Array:
    """A read-only float64 copy of `array`, its shape checked (None: any length). Errors: ValueError."""
    out = np.array(array, dtype=np.float64, order="C")
    if out.ndim != len(shape) or any(want not in (None, have) for want, have in zip(shape, out.shape, strict=True)):
        raise ValueError(f"expected an array of shape {shape}, got {out.shape}")
    out.flags.writeable = False
    return out


@dataclass(frozen=True, slots=True, kw_only=True)
class Markers:
    """A marker recording in the laboratory frame, Y up.

    time [s], shape (n,); positions [m], shape (n, len(names), 3), NaN where a marker was not seen.
    """

    names: tuple[str, ...]
    time: Array
    positions: Array
    source: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "time", readonly(self.time, None))
        object.__setattr__(self, "positions", readonly(self.positions, len(self.time), len(self.names), 3))


@dataclass(frozen=True, slots=True, kw_only=True)
class GroundReaction:
    """What the ground does to each foot, right then left.

    time [s], shape (n,); force [N], shape (n, 2, 3). centre: point of application [m], moment: free moment about it
    [Nm], shape (n, 2, 3); both None where only forces are known, and zero where a foot carries nothing.
    """

    time: Array
    force: Array
    source: str
    centre: Array | None = None
    moment: Array | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "time", readonly(self.time, None))
        for name in ("force", "centre", "moment"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, readonly(getattr(self, name), len(self.time), 2, 3))


@dataclass(frozen=True, slots=True, kw_only=True)
class Landmarks:
    """The points that metrics are computed from, simulated and captured alike.

    time [s], shape (n,). Every point [m], shape (n, 2, 3), right then left: joint centres of hip, knee and ankle,
    heel, second metatarsal head (`toe`) and anterior superior iliac spine. `definition` says how the joint centres
    were found: it decides the value of every frontal-plane number, so it is printed with each result.
    """

    time: Array
    hip: Array
    knee: Array
    ankle: Array
    heel: Array
    toe: Array
    asis: Array
    definition: str
    source: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "time", readonly(self.time, None))
        for name in ("hip", "knee", "ankle", "heel", "toe", "asis"):
            object.__setattr__(self, name, readonly(getattr(self, name), len(self.time), 2, 3))


@dataclass(frozen=True, slots=True, kw_only=True)
class Motion:
    """Generalised coordinates over time.

    time [s], shape (n,); values [m or rad], shape (n, 27), columns as `COORDINATES`.
    """

    time: Array
    values: Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "time", readonly(self.time, None))
        object.__setattr__(self, "values", readonly(self.values, len(self.time), len(COORDINATES)))

    def coordinate(self, name: str) -> Array:
        """One coordinate over time [m or rad], shape (n,)."""
        return self.values[:, COORDINATES.index(name)]
