"""The single-leg squat: one foot on the ground, the free leg held behind or in front. The gluteus medius has its say
here."""

from __future__ import annotations

from typing import Literal

from simlab.model import Model
from simlab.tasks._one_leg import UpAndDown, one_leg
from simlab.tasks._plan import Plan


class SingleLegSquat(UpAndDown):
    """Settings of a single-leg squat."""

    name: str = "single_leg_squat"
    free_leg: Literal["behind", "front"] = "behind"

    def plan(self, model: Model, period: float | None = None) -> Plan:
        """The reference of the subject's healthy twin."""
        depths, time, depth = self.course(period)
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
