"""The single-leg squat: one foot on the ground, the free leg held behind. The gluteus medius has its say here."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from simlab.model import Model
from simlab.motion import LEG_COORDINATES, Array
from simlab.tasks._plan import Plan, Sole, Weights, cycles, plan, postures
from simlab.tasks._task import Task

STANDING_DEG = 8.0
PERIOD = 0.005
"""Control period [s]: one foot leaves less time than two."""
BALANCE = 100.0, 20.0
"""Feedback on the horizontal position of the centre of mass [1/s2, 1/s]. One foot is 3 cm wide to either side of it:
with the balance of quiet standing on two feet a pronated foot loses it."""


class SingleLegSquat(Task):
    """Settings of a single-leg squat. Times in seconds."""

    period: ClassVar[float] = PERIOD

    name: str = "single_leg_squat"
    side: Literal["right", "left"] = "right"
    depth_deg: float = Field(default=50.0, ge=20.0, le=60.0)
    """Peak knee flexion of the standing leg; the controller was stable up to 60."""
    descent_s: float = Field(default=1.0, ge=0.6, le=5.0)
    ascent_s: float = Field(default=1.0, ge=0.6, le=5.0)
    repetitions: int = Field(default=1, ge=1, le=20)
    toe_out_deg: float = Field(default=5.0, ge=-10.0, le=30.0)
    stand_before_s: float = Field(default=0.6, ge=0.3, le=10.0)
    stand_after_s: float = Field(default=0.4, ge=0.2, le=10.0)

    @property
    def standing(self) -> tuple[str, ...]:
        return (self.side,)

    def plan(self, model: Model, period: float | None = None) -> Plan:
        """The reference of the subject's healthy twin."""
        depths = np.radians(np.linspace(STANDING_DEG, self.depth_deg, 9))
        poses = self._postures(model, depths)
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
            feet=(0 if self.side == "right" else 1,),
            symmetric=False,
            weights=Weights(balance=BALANCE, frontal=0.1, contact_damping=0.0, drive=100.0, counter_lean=1.0),
            learning=Weights(balance=BALANCE, frontal=1.0, contact_damping=0.0, drive=1.0),
        )

    def _postures(self, model: Model, depths: Array) -> Array:
        """Standing on one leg with the knee over the foot and the centre of mass over the sole."""
        stance, free, sign = ("_r", "_l", 1.0) if self.side == "right" else ("_l", "_r", -1.0)
        yaw, size = np.radians(self.toe_out_deg), model.subject.height_m / 1.68
        legs = LEG_COORDINATES[:8]
        trunk = (
            "pelvis_tx",
            "pelvis_ty",
            "pelvis_tz",
            "pelvis_tilt",
            "pelvis_list",
            "lumbar_extension",
            "lumbar_bending",
        )
        solve_for = trunk + tuple(name + stance for name in legs)

        def expand(x: dict[str, float], depth: float) -> dict[str, float]:
            behind = {
                "hip_flexion": 0.5 + 0.4 * depth,
                "hip_adduction": -0.02,
                "knee_angle": 1.4 + 0.3 * depth,
                "ankle_angle": 0.2,
                "subtalar_angle": 0.1,
            }
            return x | {name + free: value for name, value in behind.items()}

        def residual(x: dict[str, float], q: Array, depth: float) -> list[float]:
            sole = Sole(model, q)
            u = depth / np.radians(60.0)
            heel, foot = sole.heel(stance), sole.axis(stance)
            knee, ankle = sole.link("tibia" + stance), sole.link("talus" + stance)
            com = model.centre_of_mass(q)
            contact = [
                sole.points[n + stance][1] for n in ("heel_medial", "heel_lateral", "metatarsal_1", "metatarsal_5")
            ]
            over_toe = sign * (knee[2] - ankle[2]) - np.tan(yaw) * (knee[0] - ankle[0])
            return [
                *(300.0 * y for y in contact),
                300.0 * heel[0],
                300.0 * heel[2],
                100.0 * (np.arctan2(sign * foot[2], foot[0]) - yaw),
                100.0 * (x["knee_angle" + stance] - depth),
                5.0 * (x["pelvis_tilt"] + np.radians(4.0 + 18.0 * u)),
                5.0 * (x["lumbar_extension"] + np.radians(2.0 + 12.0 * u)),
                200.0 * (com[0] - 0.09 * size),
                200.0 * (com[2] - (heel[2] + 0.4 * foot[2])),
                10.0 * over_toe,
                20.0 * x["knee_adduction" + stance],
                3.0 * x["knee_rotation" + stance],
                3.0 * (x["subtalar_angle" + stance] - 0.08),
                20.0 * x["pelvis_list"],
                3.0 * x["lumbar_bending"],
            ]

        guess = {
            "pelvis_ty": 0.95 * size,
            "pelvis_tz": -0.09 * sign,
            "hip_flexion" + stance: 0.1,
            "knee_angle" + stance: 0.1,
            "ankle_angle" + stance: 0.1,
            "subtalar_angle" + stance: 0.1,
        }
        return postures(solve_for, guess, depths, expand, residual, model)
