"""The body that markers are carried by: the links of one person, arms included, and where each marker sits on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simlab import anatomy
from simlab.kernels import kinematics
from simlab.motion import COORDINATES, Array, readonly
from simlab.subject import Subject

Integers = NDArray[np.int32]

ARM_COORDINATES = ("arm_flex", "arm_add", "arm_rot", "elbow_flex", "pro_sup")
HINGES = (*COORDINATES[6:], *(name + suffix for suffix in ("_r", "_l") for name in ARM_COORDINATES))
"""The coordinates of the links after the pelvis, in their order: 21 of trunk and legs, 10 of the arms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """One person as inverse kinematics and dynamics see them. SI; arrays read-only.

    skeleton: n links; coordinates: of links 1 to n - 1; lower, upper [rad] (n - 1,): their limits. What an angle is
    expected to be: the polynomial (n - 1, 4; coefficients of x to x^4) of the angle with the index follows (n - 1,),
    zero where that is -1; spread [rad] (n - 1,): how far people are from it, infinite where nothing is expected.
    link (m,), local [m] (m, 3): where each marker sits.
    """

    skeleton: anatomy.Skeleton
    coordinates: tuple[str, ...]
    lower: Array
    upper: Array
    follows: Integers
    polynomial: Array
    spread: Array
    markers: tuple[str, ...]
    link: Integers
    local: Array

    def __post_init__(self) -> None:
        n, m = len(self.coordinates), len(self.markers)
        for name, shape in (
            ("lower", (n,)),
            ("upper", (n,)),
            ("polynomial", (n, 4)),
            ("spread", (n,)),
            ("local", (m, 3)),
        ):
            object.__setattr__(self, name, readonly(getattr(self, name), *shape))
        for name in ("follows", "link"):
            values = np.array(getattr(self, name), dtype=np.int32)
            values.flags.writeable = False
            object.__setattr__(self, name, values)
        if len(self.skeleton.names) != n + 1 or len(self.link) != m or len(self.follows) != n:
            raise ValueError(f"expected {len(self.skeleton.names) - 1} coordinates, found {n}")

    def frames(self, q: Array) -> tuple[Array, Array]:
        """World rotation (n, 3, 3) and origin [m] (n, 3) of every link at the state q (n + 6,)."""
        s, n = self.skeleton, len(self.skeleton.names)
        rotation, origin = np.empty((n, 3, 3)), np.empty((n, 3))
        kinematics.forward(s.parent, s.pos, s.axis, np.ascontiguousarray(q), rotation, origin)
        return rotation, origin


def expectation(coordinates: tuple[str, ...]) -> dict[str, Any]:
    """Limits and expectations of hinges by their names: the fields lower to spread of a Body (models/tracking.csv)."""
    table = {row["coordinate"]: row for row in anatomy.table("tracking.csv")}
    out: dict[str, list] = {"lower": [], "upper": [], "follows": [], "polynomial": [], "spread": []}
    for name in coordinates:
        side = name[-2:] if name[-2:] in ("_r", "_l") else ""
        row = table[name.removesuffix(side)]
        polynomial = [float(row[f"c{i}"]) for i in range(1, 5)]
        out["lower"].append(np.radians(float(row["lower_deg"])))
        out["upper"].append(np.radians(float(row["upper_deg"])))
        out["polynomial"].append(polynomial)
        out["follows"].append(coordinates.index("knee_angle" + side) if any(polynomial) else -1)
        out["spread"].append(np.radians(float(row["spread_deg"] or np.inf)))
    return {name: np.array(values) for name, values in out.items()}


def with_arms(subject: Subject) -> anatomy.Skeleton:
    """The tree of 32 links of a subject, bones straight."""
    whole = anatomy.skeleton(subject.sex, subject.mass_kg, subject.height_m, arms=True)
    return anatomy.stretched(whole, anatomy.stretch(whole.names, subject.proportions.model_dump()))
