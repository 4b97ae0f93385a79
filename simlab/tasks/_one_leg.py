"""What the tasks on one leg share: the postures asked for, and how firmly each part of them is held."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from simlab.model import Model
from simlab.motion import LEG_COORDINATES, SUFFIX, Array
from simlab.tasks._plan import Plan, Sole, Weights, cycles, plan, postures
from simlab.tasks._task import Task

Side = Literal["right", "left"]

STANDING_DEG = 8.0
"""Knee flexion of standing on one leg [deg]."""
PERIOD = 0.005
"""Control period [s]: one foot leaves less time than two."""
STEP = 5e-4
"""Physics step [s]. The foot in the air weighs so little that its muscles, hard at work, brake it within 0.5 ms: with
steps of 1 ms it shook, and healthy people with a twisted tibia fell."""
BALANCE = 100.0, 20.0
"""Feedback on the horizontal position of the centre of mass [1/s2, 1/s]. One foot is 3 cm wide to either side of it:
with the balance of quiet standing on two feet a pronated foot loses it."""

PELVIS = 0.3, 0.3, 5.0
FRONTAL = 0.1
"""Weights go as 1 / variation^2. Healthy people differ by 9.8 deg (SD) in hip adduction on one leg (BMC Musculoskelet
Disord 2015, 16:291): weight 0.1. Their pelvis lists and turns by up to 5.8 and 5.6 deg in captured squats: 0.3."""
LEAN, EXERTION = 1.0, 0.3
"""Of the trunk's lean no recording was at hand: it is held like 3 deg. Exertion, of 0.1, 0.3, 1 and 3: the most with
which a weak hip still drops and adducts as well as leans, as that of patients does (Nakagawa 2012)."""
QUIET = 4.0
"""Time before the first sample [s]. A weak hip leans and sways from the planned posture to its own: after 2 s the knee
still abducts and adducts by 0.3 deg, after 4 s by 0.02."""
DRIVE = 100.0
"""The firmest hold on the habit, of 30, 100 and 300, with which patients (weak posterolateral hip, tight adductors,
pronated feet) come up from 60 deg."""
# What a gluteus medius of 0.6 adds in a squat of 60 deg, pelvic drop / hip adduction / lean [deg], with a third of a
# weight and with three times it. As is +0.5 / +0.3 / +0.5. PELVIS (list and turn) +0.5 / +0.9 / +0.8 and
# +0.2 / -0.1 / +0.3. FRONTAL +0.5 / +0.4 / +0.5 and +0.4 / +0.2 / +0.5. LEAN +0.5 / +0.4 / +1.3 and +0.4 / +0.3 / +0.1.
# EXERTION +0.6 / +0.5 / -0.3 and +0.1 / -0.1 / +2.2. DRIVE 0.0 / -0.1 / +0.8 and +1.3 / +1.8 / -0.1 (at 0.4 a fall).
# The projection angle of patients, +4.5 deg: 6.2 and 3.7, 6.8 and 2.2, 4.2 and 4.6, 4.0 and 6.0, 4.1 and a fall. So the
# sign of the drop is certain and its size is not; whether hip and trunk follow depends on how far one takes back what
# the other adds.


class OneLeg(Task):
    """Settings of any task on one leg."""

    period: ClassVar[float] = PERIOD
    step: ClassVar[float] = STEP

    side: Side = "right"
    """The side that stands."""
    toe_out_deg: float = Field(default=5.0, ge=-10.0, le=30.0)

    @property
    def standing(self) -> tuple[str, ...]:
        return (self.side,)


class UpAndDown(OneLeg):
    """Settings of a task on one leg whose knee bends and straightens again. Times in seconds."""

    depth_deg: float = Field(default=50.0, ge=20.0, le=70.0)
    """Peak knee flexion of the standing leg."""
    descent_s: float = Field(default=1.0, ge=0.6, le=5.0)
    ascent_s: float = Field(default=1.0, ge=0.6, le=5.0)
    repetitions: int = Field(default=1, ge=1, le=20)
    stand_before_s: float = Field(default=0.6, ge=0.3, le=10.0)
    stand_after_s: float = Field(default=0.4, ge=0.2, le=10.0)

    def course(self, period: float | None) -> tuple[Array, Array, Array]:
        """Depths to find postures at [rad] (9,); time [s] and depth [rad] at the control ticks (n,)."""
        depths = np.radians(np.linspace(STANDING_DEG, self.depth_deg, 9))
        seconds = self.stand_before_s, self.descent_s, self.ascent_s, self.stand_after_s
        time, depth = cycles((depths[0], depths[-1]), seconds, self.repetitions, period or self.period)
        return depths, time, depth


def one_leg(
    model: Model,
    side: Side,
    depths: Array,
    time: Array,
    depth: Array,
    toe_out_deg: float,
    free_leg: Callable[[float], dict[str, float]],
    edge: bool = False,
) -> Plan:
    """The plan of standing on one leg while its knee flexes: postures at `depths` [rad], `depth` (n,) at `time` [s].

    free_leg: coordinates of the other leg, without side, at a depth [rad]; edge: it hangs over the edge of a step.
    """
    return plan(
        model,
        depths,
        _postures(model, side, depths, np.radians(toe_out_deg), free_leg),
        time,
        depth,
        feet=(0 if side == "right" else 1,),
        symmetric=False,
        edge=edge,
        quiet=QUIET,
        weights=Weights(
            balance=BALANCE,
            pelvis=PELVIS,
            frontal=FRONTAL,
            lean=LEAN,
            exertion=EXERTION,
            contact_damping=0.0,
            drive=DRIVE,
        ),
        learning=Weights(balance=BALANCE, frontal=1.0, lean=LEAN, contact_damping=0.0, drive=10.0),
    )


def _postures(
    model: Model, side: Side, depths: Array, yaw: float, free_leg: Callable[[float], dict[str, float]]
) -> Array:
    """Standing on one leg with the knee over the foot, the centre of mass over the sole and the trunk upright."""
    stance, sign = SUFFIX[side], 1.0 if side == "right" else -1.0
    free, size = {"_r": "_l", "_l": "_r"}[stance], model.subject.height_m / 1.68
    trunk = (
        "pelvis_tx",
        "pelvis_ty",
        "pelvis_tz",
        "pelvis_tilt",
        "pelvis_list",
        "lumbar_extension",
        "lumbar_bending",
    )
    solve_for = trunk + tuple(name + stance for name in LEG_COORDINATES[:8])

    def expand(x: dict[str, float], depth: float) -> dict[str, float]:
        return x | {name + free: value for name, value in free_leg(depth).items()}

    def residual(x: dict[str, float], q: Array, depth: float) -> list[float]:
        sole = Sole(model, q)
        u = depth / np.radians(60.0)
        heel, foot = sole.heel(stance), sole.axis(stance)
        knee, ankle = sole.link("tibia" + stance), sole.link("talus" + stance)
        com = model.centre_of_mass(q)
        contact = [sole.points[n + stance][1] for n in ("heel_medial", "heel_lateral", "metatarsal_1", "metatarsal_5")]
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
            200.0 * (com[2] - sole.middle(stance)[2]),
            10.0 * over_toe,
            20.0 * x["knee_adduction" + stance],
            3.0 * x["knee_rotation" + stance],
            3.0 * (x["subtalar_angle" + stance] - 0.08),
            20.0 * x["pelvis_list"],
            20.0 * (x["pelvis_list"] + x["lumbar_bending"]),  # the trunk upright
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
