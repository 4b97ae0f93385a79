"""Single-leg stance: the knee gives a little, then the subject stands still on one leg. With weak abductors the
negative control: a nerve block changes nothing here (Kendall 2013, Pohl 2015)."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from simlab.model import Model
from simlab.tasks._one_leg import STANDING_DEG, OneLeg, one_leg
from simlab.tasks._plan import Plan, profile
from simlab.tasks.single_leg_squat import behind


class SingleLegStance(OneLeg):
    """Settings of single-leg stance. Times in seconds."""

    name: str = "single_leg_stance"
    knee_deg: float = Field(default=15.0, ge=9.0, le=40.0)
    """Knee flexion that is held."""
    shift_s: float = Field(default=0.8, ge=0.4, le=5.0)
    """Time from the first posture to the one that is held."""
    hold_s: float = Field(default=4.0, ge=1.0, le=30.0)

    def plan(self, model: Model, period: float | None = None) -> Plan:
        """The reference of the subject's healthy twin."""
        low, high = np.radians([STANDING_DEG, self.knee_deg])
        knots = [(0.0, low), (0.3, low), (0.3 + self.shift_s, high), (0.3 + self.shift_s + self.hold_s, high)]
        time, depth = profile(knots, period or self.period)
        return one_leg(model, self.side, np.linspace(low, high, 5), time, depth, self.toe_out_deg, behind)
