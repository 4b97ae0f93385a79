"""The simulations behind the validation page, each run once, and the numbers that are read from one."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from simlab import anatomy, export
from simlab.control import Controller
from simlab.model import Model, build, landmarks, motion
from simlab.model import state as posture
from simlab.motion import LEG_COORDINATES, Array
from simlab.muscles import Muscles
from simlab.simulate import Progress, Result, simulate
from simlab.subject import Subject
from simlab.sweep import processors, work
from simlab.tasks import Task

SIDE, LEG = "right", 0
"""The judged leg: the standing one of a single-leg task; on two legs both have the same deficit."""
MEMBERS = ("gluteus_medius", "gastrocnemius", "soleus", "quadriceps")
"""Groups of muscles that explanations speak of."""

Values = dict[str, float | None]
Halved = Literal["", "step", "period"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One simulation. halved: what of the numerics is halved against the ordinary run (a halved control period comes
    with a halved physics step, and is compared with the halved step alone)."""

    subject: Subject
    task: Task
    cue: float = 0.0
    halved: Halved = ""

    @property
    def key(self) -> str:
        """Equal for equal simulations, whatever the subject is called."""
        subject = self.subject.model_dump_json(exclude={"name"})
        return json.dumps([subject, self.task.model_dump_json(), self.cue, self.halved])


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a case: values by name (None where undefined), of the judged leg; or why there are none."""

    success: bool
    message: str
    values: Values


Simulations = Callable[[Mapping[str, Case], Progress], dict[str, Outcome]]
"""Runs cases by name."""


def outcomes(cases: Mapping[str, Case], progress: Progress, workers: int | None = None) -> dict[str, Outcome]:
    """Run every different case once, in worker processes (by default one a processor)."""
    different = {case.key: case for case in cases.values()}
    found: dict[str, Outcome] = {}
    number = workers or processors()
    progress("simulations", 0.0)
    for key, done, answer in work(run, list(different.items()), workers=number, recycle_after=len(different)):
        found[key] = answer if done else Outcome(success=False, message=str(answer), values={})
        progress("simulations", len(found) / len(different))
    return {name: found[case.key] for name, case in cases.items()}


def run(case: Any) -> Any:
    """Simulate a `Case` and read its `Outcome`: the job of a worker."""
    dt = case.task.step / 2 if case.halved else case.task.step
    period = case.task.period / 2 if case.halved == "period" else None
    result = simulate(build(case.subject), case.task, Controller(cue=case.cue), dt=dt, period=period)
    values = read(result) if result.success else {}
    return Outcome(success=result.success, message=result.run.message, values=values)


def read(result: Result) -> Values:
    """Every number that a target or its explanation asks for."""
    measured = export.measure(result)
    values: Values = {**measured[SIDE], **measured["both"]}
    values |= _movement(result)
    values |= _causes(result)
    values |= _loads(result.model, measured[SIDE])
    return {name: None if value is None or not math.isfinite(value) else float(value) for name, value in values.items()}


# --- what the leg does ------------------------------------------------------------------------------------------------


def _movement(result: Result) -> dict[str, float]:
    """Extremes and ranges from the start of the movement on, and the coupling of foot and tibia."""
    model, run = result.model, result.run
    moving = run.time >= getattr(result.task, "stand_before_s", 0.0)
    q = run.q[moving]
    coordinates = motion(model, run.time[moving], q)
    degrees = {name: np.degrees(coordinates.coordinate(f"{name}_r")) for name in LEG_COORDINATES[:8]}
    abduction = -degrees["knee_adduction"]
    knee = landmarks(model, run.time[moving], q).knee[:, LEG]
    planned = np.array([posture(model, row) for row in result.plan.values])
    plan = motion(model, result.plan.time, planned)
    deepest = int(np.argmax(plan.coordinate("knee_angle_r")))
    wanted = landmarks(model, result.plan.time, planned).knee[:, LEG]
    found = {
        "hip_adduction_peak_deg": degrees["hip_adduction"].max(),
        "hip_internal_rotation_peak_deg": degrees["hip_rotation"].max(),
        "knee_lateral_range_mm": 1e3 * np.ptp(knee[:, 2]),
        "knee_abduction_start_deg": abduction[0],
        "knee_abduction_excursion_deg": abduction.max() - abduction[0],
        "rearfoot_eversion_peak_deg": (-degrees["subtalar_angle"]).max(),
        "planned_hip_adduction_deg": math.degrees(plan.coordinate("hip_adduction_r")[deepest]),
        "planned_hip_internal_rotation_deg": math.degrees(plan.coordinate("hip_rotation_r")[deepest]),
        "planned_knee_lateral_range_mm": 1e3 * np.ptp(wanted[:, 2]),
    }
    for name, link in (("tibia", "tibia_r"), ("talus", "talus_r")):
        eversion, rotation = rearfoot(model, q, link)
        found[f"coupling_{name}"] = float(np.polyfit(eversion, rotation, 1)[0])
        found[f"rotation_range_{name}_deg"] = math.degrees(np.ptp(rotation))
        found[f"eversion_range_{name}_deg"] = math.degrees(np.ptp(eversion))
    return {name: float(value) for name, value in found.items()}


def rearfoot(model: Model, q: Array, link: str) -> tuple[Array, Array]:
    """Eversion of the right calcaneus against a bone above it, and that bone's internal rotation [rad], (n,) each.

    Cardan angles of the bone in the calcaneus: flexion about the medio-lateral axis first, then eversion about the
    anterior one, then rotation about the long one.
    """
    heel, bone = model.link("calcn_r"), model.link(link)
    relative = []
    for row in q:
        rotation, _ = model.frames(row)
        relative.append(rotation[heel].T @ rotation[bone])
    r = np.array(relative)
    return np.arcsin(r[:, 2, 1]), np.arctan2(-r[:, 2, 0], r[:, 2, 2])


# --- why it does ------------------------------------------------------------------------------------------------------


def _causes(result: Result) -> dict[str, float]:
    """Moments, reserves and arms at the leg's deepest point: what explanations are made of.

    Reserve: the moment that a group gives and the one that it would give at full activation, in the same posture.
    """
    model, run = result.model, result.run
    tick = int(np.argmax(run.q[:, 10 + LEG_COORDINATES.index("knee_angle")]))
    muscles = Muscles(model)
    muscles.update(run.q[tick], run.v[tick])
    coordinates = motion(model, run.time[tick : tick + 1], run.q[tick : tick + 1])
    arm, full, activation = muscles.arm[LEG], muscles.active[LEG], run.activation[tick, LEG]
    force, F0 = run.force[tick, LEG], model.muscles.F0[LEG]
    groups = anatomy.muscles().groups
    member = {name: np.array([name in one for one in groups]) for name in MEMBERS}
    hip_add, hip_rot, knee_add, ankle = (
        arm[:, LEG_COORDINATES.index(name)]
        for name in ("hip_adduction", "hip_rotation", "knee_adduction", "ankle_angle")
    )
    medius = member["gluteus_medius"]
    calf = member["gastrocnemius"] | member["soleus"]
    abducts, turns_out = hip_add < 0.0, hip_rot < 0.0
    share = F0[medius] / F0[medius].sum()
    return {
        "hip_flexion_deg": math.degrees(coordinates.coordinate("hip_flexion_r")[0]),
        "ankle_dorsiflexion_deg": math.degrees(coordinates.coordinate("ankle_angle_r")[0]),
        "abductors_give_nm": float(-(hip_add * full * activation)[abducts].sum()),
        "abductors_could_give_nm": float(-(hip_add * full)[abducts].sum()),
        "hip_abduction_net_nm": float(-(hip_add * force).sum()),
        "external_rotators_give_nm": float(-(hip_rot * full * activation)[turns_out].sum()),
        "external_rotators_could_give_nm": float(-(hip_rot * full)[turns_out].sum()),
        "gluteus_medius_activation": float(share @ activation[medius]),
        "gluteus_medius_rotation_arm_mm": 1e3 * float(share @ hip_rot[medius]),
        "gluteus_medius_abduction_arm_mm": -1e3 * float(share @ hip_add[medius]),
        "knee_muscles_abduct_nm": float(-(knee_add * force).sum()),
        "calf_passive_plantarflexion_nm": float(-(ankle * muscles.passive[LEG])[calf].sum()),
        "quadriceps_force_bw": float(force[member["quadriceps"]].sum()) / model.weight,
        "pelvis_list_weight": result.plan.weights.pelvis[0],
        "drive_weight": result.plan.weights.drive,
    }


def _loads(model: Model, leg: Mapping[str, float | None]) -> Values:
    """The loads of the leg in the units of the experiments."""
    scales = {
        "tibiofemoral_peak_percent_bw": ("tibiofemoral_force_peak_bw", 100.0),
        "patellofemoral_peak_percent_bw": ("patellofemoral_force_peak_bw", 100.0),
        # The external abduction moment is the internal adductor moment that resists it.
        "knee_internal_adductor_moment_peak_nm": ("knee_abduction_moment_peak_nm_kg", model.subject.mass_kg),
    }
    peaks = {name: (leg[metric], scale) for name, (metric, scale) in scales.items()}
    return {name: None if value is None else scale * value for name, (value, scale) in peaks.items()}
