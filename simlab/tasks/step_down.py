"""The step-down: standing on the edge of a step, one foot reaches down in front towards the floor and comes back up."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from simlab.errors import InputError
from simlab.model import Model, state
from simlab.tasks._one_leg import UpAndDown, one_leg
from simlab.tasks._plan import Plan, Sole


class StepDown(UpAndDown):
    """Settings of a step-down. Lengths in metres, heights counted from the top of the step."""

    name: str = "step_down"
    depth_deg: float = Field(default=60.0, ge=20.0, le=70.0)
    step_m: float = Field(default=0.2, ge=0.05, le=0.4)
    """Height of the step; the other foot must not reach the floor."""
    descent_s: float = Field(default=1.2, ge=0.6, le=5.0)
    ascent_s: float = Field(default=1.2, ge=0.6, le=5.0)

    def plan(self, model: Model, period: float | None = None) -> Plan:
        """The reference of the subject's healthy twin. Errors: InputError if the foot would reach the floor."""
        depths, time, depth = self.course(period)
        plan = one_leg(model, self.side, depths, time, depth, self.toe_out_deg, reaching, edge=True)
        lowest = Sole(model, state(model, plan.values[int(np.argmax(depth))])).points.values()
        reach = -min(point[1] for point in lowest)
        if reach > self.step_m:
            raise InputError(
                f"task step_down: step_m: with a knee flexion of {self.depth_deg:g} deg the foot reaches"
                f" {reach:.2f} m down; expected a step of at least that, found {self.step_m:g}"
            )
        return plan


def reaching(depth: float) -> dict[str, float]:
    """The free leg almost straight, the toes in front of the step's edge and pointing down [rad]: as the pelvis tilts
    forward with the depth, the hip flexes by as much."""
    return {"hip_flexion": 0.3 + 0.3 * depth, "hip_adduction": -0.02, "knee_angle": 0.1, "ankle_angle": -0.5}
