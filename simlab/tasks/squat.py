"""The double-leg squat: stand, go down, come up, stand."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field

from simlab.model import Model
from simlab.motion import LEG_COORDINATES, Array
from simlab.tasks._plan import Plan, Sole, Weights, cycles, plan, postures
from simlab.tasks._task import Task

STANDING_DEG = 5.0
"""Knee flexion of relaxed standing [deg]."""
PERIOD = 0.01
"""Control period [s]."""


class Squat(Task):
    """Settings of a squat. Times in seconds, lengths in metres at the subject's own size."""

    period: ClassVar[float] = PERIOD

    name: str = "squat"
    depth_deg: float = Field(default=75.0, ge=20.0, le=110.0)
    """Peak knee flexion."""
    descent_s: float = Field(default=1.0, ge=0.4, le=5.0)
    ascent_s: float = Field(default=1.0, ge=0.4, le=5.0)
    repetitions: int = Field(default=1, ge=1, le=50)
    stance_width_m: float = Field(default=0.26, ge=0.1, le=0.8)
    """Distance between the ankle centres."""
    toe_out_deg: float = Field(default=12.0, ge=-10.0, le=45.0)
    stand_before_s: float = Field(default=0.5, ge=0.3, le=10.0)
    stand_after_s: float = Field(default=0.5, ge=0.2, le=10.0)

    def plan(self, model: Model, period: float | None = None) -> Plan:
        """The reference of the subject's healthy twin, so no deficit shapes what is wanted."""
        depths = np.radians(np.linspace(STANDING_DEG, self.depth_deg, 13))
        alike = model.subject.right.bones() == model.subject.left.bones()
        poses = self._postures(model, depths, alike)
        time, depth = cycles(
            (depths[0], depths[-1]),
            (self.stand_before_s, self.descent_s, self.ascent_s, self.stand_after_s),
            self.repetitions,
            period or self.period,
        )
        return plan(
            model,
            depths,
            poses,
            time,
            depth,
            feet=(0, 1),
            symmetric=alike,
            weights=Weights(),
            learning=Weights(frontal=1.0, drive=1.0),
        )

    def _postures(self, model: Model, depths: Array, alike: bool) -> Array:
        """Legs of the same bones do the same; otherwise each finds its own way, and the pelvis may list."""
        yaw = np.radians(self.toe_out_deg)
        size = model.subject.height_m / 1.68
        legs = LEG_COORDINATES[:8]
        central: tuple[str, ...] = ("pelvis_tx", "pelvis_ty", "pelvis_tilt", "lumbar_extension")
        solved: dict[str, tuple[str, ...]]
        if alike:
            solved = {name: (name + "_r", name + "_l") for name in legs}
        else:
            central = (*central, "pelvis_tz", "pelvis_list", "lumbar_bending")
            solved = {name + suffix: (name + suffix,) for suffix in ("_r", "_l") for name in legs}

        def expand(x: dict[str, float], _: float) -> dict[str, float]:
            sides = {full: x[name] for name, names in solved.items() for full in names}
            return {name: x[name] for name in central} | sides

        def leg(x: dict[str, float], sole: Sole, depth: float, suffix: str, sign: float) -> tuple[list, list]:
            """Where the foot and how bent the knee has to be; what is merely good."""
            heel, foot = sole.heel(suffix), sole.axis(suffix)
            knee, ankle = sole.link("tibia" + suffix), sole.link("talus" + suffix)
            contact = [
                sole.points[n + suffix][1] for n in ("heel_medial", "heel_lateral", "metatarsal_1", "metatarsal_5")
            ]
            over_toe = sign * (knee[2] - ankle[2]) - np.tan(yaw) * (knee[0] - ankle[0])
            firm = [
                *(300.0 * y for y in contact),
                300.0 * heel[0],
                100.0 * (sign * ankle[2] - self.stance_width_m / 2),
                100.0 * (np.arctan2(sign * foot[2], foot[0]) - yaw),
                100.0 * (x["knee_angle" + suffix] - depth),
            ]
            return firm, [
                15.0 * over_toe,
                20.0 * x["knee_adduction" + suffix],
                3.0 * x["knee_rotation" + suffix],
                2.0 * x["subtalar_angle" + suffix],
            ]

        def residual(x: dict[str, float], q: Array, depth: float) -> list[float]:
            sole = Sole(model, q)
            u = depth / np.radians(95.0)
            com = model.centre_of_mass(q)
            body = [
                5.0 * (x["pelvis_tilt"] + np.radians(2.0 + 28.0 * u)),
                5.0 * (x["lumbar_extension"] + np.radians(2.0 + 16.0 * u)),
                200.0 * (com[0] - 0.085 * size),
            ]
            firm, good = leg(x, sole, depth, "_r", 1.0)
            if not alike:
                body += [200.0 * com[2], 20.0 * x["pelvis_list"], 20.0 * (x["pelvis_list"] + x["lumbar_bending"])]
                firm, good = (a + b for a, b in zip((firm, good), leg(x, sole, depth, "_l", -1.0), strict=True))
            return firm + body + good

        start = {"hip_flexion": 0.1, "hip_adduction": -0.1, "knee_angle": 0.1, "ankle_angle": 0.1}
        guess = {name: start.get(name[:-2] if name not in start else name, 0.0) for name in solved}
        return postures((*central, *solved), guess | {"pelvis_ty": 0.95 * size}, depths, expand, residual, model)
