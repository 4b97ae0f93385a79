"""The nervous system, as one quadratic programme a tick: task and contact in, muscle excitations out.

Unknowns: 27 accelerations, 84 activations, 3 lumbar torques, contact forces. The equations of motion are equalities;
friction, unilateral contact and what activation dynamics can reach in a tick are bounds. The programme is made and
solved in ext/control.pyx; written out in full it is in tests/reference/control.py. What distinguishes the strategies is
the drive that activations are pulled towards:

habitual       the drive recorded while the healthy twin did the task. On two legs hip adduction and rotation are not
               tracked (on one leg lightly): the knee goes where muscles and tissue let it. The programme knows the
               forces that the body has; what has not adapted is the drive that it is pulled to.
compensating   standing drive, hardly held to, with the frontal plane tracked: the deficit is corrected.
The cue ("knee over the second toe") is attention to the frontal plane: its tracking weight, 0 to 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from simlab.errors import InputError
from simlab.kernels import control
from simlab.model import GRAVITY, MAX_VELOCITY, Model
from simlab.motion import COORDINATES, LEG_COORDINATES, Array
from simlab.muscles import ACTIVATION_S, DEACTIVATION_S, LUMBAR_DAMPING
from simlab.tasks._plan import Plan, Weights
from simlab.world import FRICTION, State

MIN_ACTIVATION = 0.01
MAX_CHANGE = 0.12
"""Largest change of an activation in a tick: faster drive chatters against the rigid ground."""
STIFFNESS, DAMPING = 100.0, 20.0
"""Feedback on tracked coordinates, the pelvis and the height of the centre of mass [1/s2, 1/s]: critical, 1.6 Hz."""
CONTACT_WEIGHT = 300.0
CONTACT_HEIGHT = 0.02
FRICTION_MARGIN = 0.5**0.5
"""The pyramid lies inside the friction cone."""
LUMBAR_LIMIT = 300.0

RELAXED = 0.02
STANDING_DRIVE = {
    "glmed": 0.2, "glmin": 0.15, "glmax": 0.15, "addmag": 0.15, "addlong": 0.1, "addbrev": 0.1, "tfl": 0.15,
    "bflh": 0.08, "semi": 0.08, "piri": 0.15, "quadfem": 0.15, "obtint": 0.15, "gas": 0.08, "soleus": 0.1,
    "tibpost": 0.1, "perlong": 0.08, "sart": 0.05, "grac": 0.08,
}  # fmt: skip
"""Co-contraction that the healthy twin learns the task with, by the start of a muscle's name: an assumption, where
an effort-minimal solution would leave these muscles almost silent (models/SOURCES.md, drive)."""

LEG = len(LEG_COORDINATES)
FRONTAL = ("hip_adduction", "hip_rotation")


@dataclass(frozen=True, slots=True, kw_only=True)
class Controller:
    """The named neural assumption of a simulation. cue: 0 none .. 1 full attention to knee over second toe."""

    strategy: Literal["habitual", "compensating"] = "habitual"
    cue: float = 0.0

    def __post_init__(self) -> None:
        if self.strategy not in ("habitual", "compensating"):
            raise InputError(f"strategy: expected 'habitual' or 'compensating', found {self.strategy!r}")
        if not 0.0 <= self.cue <= 1.0:
            raise InputError(f"cue: expected 0 to 1, found {self.cue}")
        if self.cue and self.strategy == "compensating":
            raise InputError(
                "cue: a compensating mind attends to the frontal plane already; expected strategy habitual"
            )


def standing_drive(names: tuple[str, ...]) -> Array:
    """The drive that the healthy twin starts from, shape (2, m)."""
    drive = np.full(len(names), RELAXED)
    for k, name in enumerate(names):
        for start, value in STANDING_DRIVE.items():
            if name.startswith(start):
                drive[k] = value
    return np.tile(drive, (2, 1))


class WholeBody:
    """The programme of one simulation. `drive` (ticks, 2, m) is what activations are pulled towards.

    After `excite`: command (2, m): the activations aimed at; active, passive [N] (2, m): muscle force at full
    activation and without any; lumbar [Nm] (3,), acceleration (27,), contact [N] (k, 3): the rest of the optimum;
    failures: ticks without an optimum.
    """

    def __init__(self, model: Model, plan: Plan, weights: Weights, drive: Array) -> None:
        self.plan, self.drive = plan, drive
        self.failures = 0
        s, m, spheres = model.skeleton, model.muscles, model.spheres
        self.lumbar, self.acceleration, self.contact = np.zeros(3), np.zeros(27), np.zeros((len(spheres.link), 3))
        self.active, self.passive, self.command = (np.zeros(m.F0.shape) for _ in range(3))
        self._programme = control.Programme(
            s.arguments(), spheres.arguments(), np.isin(spheres.foot, plan.feet).astype(np.int32), m.paths.arguments(),
            m.arguments(), model.passive, model.band.arguments(), tracking(plan, weights), effort(model, weights),
            self.active.ravel(), self.passive.ravel(), self.acceleration, self.lumbar, self.contact,
            settings(plan, weights),
        )  # fmt: skip

    def excite(self, tick: int, state: State, activation: Array, hurried: bool = False) -> Array:
        """Excitations (2, m) to hold until the next tick, from the state and the activations (2, m) at this one.

        hurried: the first solve of a simulation, free of the rate limit: the activations take the optimum at once.
        """
        plan, excitation = self.plan, np.empty_like(activation)
        found = self._programme.excite(
            state.q, state.v, plan.values[tick], plan.rates[tick], plan.accelerations[tick], plan.com[tick],
            plan.com_rates[tick], plan.com_accelerations[tick], self.drive[tick], hurried, activation, self.command,
            excitation,
        )  # fmt: skip
        self.failures += found < 0
        return excitation


def tracking(plan: Plan, weights: Weights) -> Array:
    """Weight of each coordinate's tracked acceleration (27,); the first six are of the pelvis, which has its own."""
    out = np.zeros(27)
    for name, weight in (weights.coordinates | dict.fromkeys(FRONTAL, weights.frontal)).items():
        for side in (0, 1):
            if side in plan.feet or name not in FRONTAL:
                out[COORDINATES.index(name + ("_r", "_l")[side])] = weight
    out[6:9] = weights.trunk
    if weights.lean:  # of the trunk, in place of its bend against the pelvis
        out[7] = 0.0
    if len(plan.feet) == 1:  # the free leg is held as planned, or it would swing
        free = 9 + LEG * (1 - plan.feet[0])
        out[free : free + 8] = np.maximum(out[free : free + 8], [1, 1, 0.5, 1, 0, 0, 0.5, 0.1])
    return out


def effort(model: Model, weights: Weights) -> Array:
    """Weight of each activation's deviation from the drive (2 m,): large muscles are dearer."""
    volume = model.muscles.F0 * model.muscles.lopt
    return np.asarray(weights.drive * (volume / volume.mean() + 0.1).ravel())


def settings(plan: Plan, weights: Weights) -> dict[str, float | tuple[float, ...]]:
    """The numbers of the programme, by name."""
    (stiffness, damping) = weights.balance
    return {
        "com_weight": weights.centre_of_mass,
        "com_stiffness": (stiffness, STIFFNESS, stiffness),
        "com_damping": (damping, DAMPING, damping),
        "pelvis_weight": weights.pelvis,
        "lean_weight": weights.lean,
        "exertion_weight": weights.exertion,
        "stance": plan.feet[0] if len(plan.feet) == 1 else -1,
        "stiffness": STIFFNESS,
        "damping": DAMPING,
        "contact_weight": CONTACT_WEIGHT,
        "contact_damping": weights.contact_damping,
        "contact_height": CONTACT_HEIGHT,
        "friction": FRICTION * FRICTION_MARGIN,
        "lumbar_limit": LUMBAR_LIMIT,
        "min_activation": MIN_ACTIVATION,
        "max_change": MAX_CHANGE,
        "period": plan.period,
        "tau_act": ACTIVATION_S,
        "tau_deact": DEACTIVATION_S,
        "gravity": (0.0, -GRAVITY, 0.0),
        "vmax": MAX_VELOCITY,
        "lumbar_damping": LUMBAR_DAMPING,
    }
