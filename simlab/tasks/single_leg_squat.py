"""The single-leg squat: one foot on the ground, the free leg held behind or in front. The gluteus medius has its say
here."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from simlab.model import Model
from simlab.tasks._one_leg import PERIOD, STANDING_DEG, Side, one_leg
from simlab.tasks._plan import Plan, cycles
from simlab.tasks._task import Task


class SingleLegSquat(Task):
    """Settings of a single-leg squat. Times in seconds."""

    period: ClassVar[float] = PERIOD

    name: str = "single_leg_squat"
    side: Side = "right"
    depth_deg: float = Field(default=50.0, ge=20.0, le=70.0)
    """Peak knee flexion of the standing leg."""
    free_leg: Literal["behind", "front"] = "behind"
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
        time, depth = cycles(
            (depths[0], depths[-1]),
            (self.stand_before_s, self.descent_s, self.ascent_s, self.stand_after_s),
            self.repetitions,
            period or self.period,
        )
        free = behind if self.free_leg == "behind" else in_front
        return one_leg(model, self.side, depths, time, depth, self.toe_out_deg, free)


def behind(depth: float) -> dict[str, float]:
    """The free leg with its knee bent, the foot behind [rad]."""
    return {
        "hip_flexion": 0.5 + 0.4 * depth,
        "hip_adduction": -0.02,
        "knee_angle": 1.4 + 0.3 * depth,
        "ankle_angle": 0.2,
        "subtalar_angle": 0.1,
    }


def in_front(depth: float) -> dict[str, float]:
    """The free leg with its knee a little bent, the foot in front; as the body comes down the thigh rises [rad]."""
    return {"hip_flexion": 0.6 + 0.7 * depth, "hip_adduction": -0.02, "knee_angle": 0.6}
