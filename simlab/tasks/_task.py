"""What every task has: validated settings, a name, and a plan."""

from __future__ import annotations

import numpy as np
from pydantic import BaseModel, ConfigDict

from simlab.kernels import kinematics
from simlab.model import Model
from simlab.motion import Array
from simlab.tasks._plan import Plan


class Task(BaseModel):
    """Settings of a movement; unknown or out-of-range settings are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str
    barbell_kg: float = 0.0

    def plan(self, model: Model) -> Plan:
        """The reference motion for the subject's healthy twin."""
        raise TypeError(f"{type(self).__name__} does not say what it asks of the body")

    @staticmethod
    def _centre_of_mass(model: Model, q: Array) -> Array:
        s = model.skeleton
        com, jacobian, drift = np.empty(3), np.empty((3, 27)), np.empty(3)
        kinematics.com_jacobian(s.parent, s.pos, s.axis, s.mass, s.com, q, np.zeros(27), com, jacobian, drift)
        return com
