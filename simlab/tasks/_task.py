"""What every task has: validated settings, a name, and a plan."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from simlab.model import Model
from simlab.motion import SIDES
from simlab.tasks._plan import Plan


class Task(BaseModel):
    """Settings of a movement; unknown or out-of-range settings are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    period: ClassVar[float]
    """Of control [s]. The result depends on it, so it is no setting."""
    step: ClassVar[float] = 1e-3
    """Of the physics [s]."""

    name: str
    barbell_kg: float = Field(default=0.0, ge=0.0, le=200.0)

    def plan(self, model: Model, period: float | None = None) -> Plan:
        """The reference motion for the subject's healthy twin. period: of control [s], by default the task's own."""
        raise TypeError(f"{type(self).__name__} does not say what it asks of the body")

    @property
    def standing(self) -> tuple[str, ...]:
        """The sides that stand, and are judged."""
        return SIDES
