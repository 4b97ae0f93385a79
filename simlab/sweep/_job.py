"""What a worker does: one simulation, from its configuration to its numbers. The same on every backend."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from simlab import compare, export, metrics, tasks
from simlab.control import Controller
from simlab.model import build, landmarks, motion
from simlab.motion import SIDES, SUFFIX, Array
from simlab.simulate import Result, simulate
from simlab.subject import Subject

Request = dict[str, Any]
"""{"configuration": as `export.configuration`, "curves": whether to return them}."""
Outcome = dict[str, Any]
"""{"hash", "success", "message", "simulated_s", "qp_failures", "metrics", "curves"}."""
Job = Callable[[Request], Outcome]


def simulate_one(request: Request) -> Outcome:
    """Simulate a configuration. The hash is that of what was really simulated, with the versions of this process.

    curves: None, or name -> shape (2, 101), right then left, NaN where undefined.
    """
    asked = request["configuration"]
    task = tasks.load(asked["task"]["name"], **{k: v for k, v in asked["task"].items() if k != "name"})
    model = build(Subject.model_validate(asked["subject"]))
    result = simulate(model, task, Controller(**asked["controller"]), seed=asked["seed"], dt=asked["dt"])
    report = export.report(result)
    failures = report["metrics"]["both"].pop("qp_failures")
    return {
        "hash": export.digest(export.configuration(result)),
        "success": report["success"],
        "message": report["message"],
        "simulated_s": report["simulated_s"],
        "qp_failures": failures,
        "metrics": report["metrics"],
        "curves": curves(result) if request["curves"] and result.success else None,
    }


def failed(hash: str, message: str) -> Outcome:
    """The outcome of a simulation that gave no numbers."""
    none = {
        "left": dict.fromkeys(export.LEG),
        "right": dict.fromkeys(export.LEG),
        "both": dict.fromkeys(metrics.BOTH),
    }
    return {
        "hash": hash,
        "success": False,
        "message": message,
        "simulated_s": None,
        "qp_failures": None,
        "metrics": none,
        "curves": None,
    }


def attempt(job: Job, request: Request) -> tuple[bool, Any]:
    """Do a job: True and its outcome, or False and what went wrong. A mistake in one simulation ends no sweep."""
    try:
        return True, job(request)
    except Exception as error:
        return False, f"{type(error).__name__}: {error}"


# --- curves -----------------------------------------------------------------------------------------------------------

CURVES = {
    "knee_flexion_deg": ("knee flexion", "degree"),
    "fppa_deg": ("frontal plane projection angle, valgus +", "degree"),
    "hip_adduction_deg": ("hip adduction", "degree"),
    "hip_rotation_deg": ("hip rotation, internal +", "degree"),
    "pelvic_obliquity_deg": ("pelvic obliquity, this side high +", "degree"),
    "grf_bw": ("vertical ground reaction force", "body weight"),
}
"""The curves that are kept: name -> description, unit."""


def curves(result: Result) -> dict[str, Array]:
    """The curves of the first repetition, name -> shape (2, 101), right then left.

    What hangs in the air has a ground reaction alone, as in `export.measure`.
    """
    run, model, window = result.run, result.model, export.window(result)
    tilt = metrics.pelvic_obliquity(landmarks(model, run.time, run.q))
    coordinates = motion(model, run.time, run.q)
    rotation = np.column_stack([coordinates.coordinate(f"hip_rotation{SUFFIX[side]}") for side in SIDES])
    found = export.curves(result) | {
        "hip_rotation_deg": compare.normalise(run.time, np.degrees(rotation), window),
        "pelvic_obliquity_deg": compare.normalise(run.time, np.degrees(tilt[:, None] * metrics.OUTWARD), window),
    }
    out = {}
    for name in CURVES:
        judged = SIDES if name == "grf_bw" else result.task.standing
        rows = [found[name][side] if side in judged else None for side in SIDES]
        out[name] = np.array([np.full(compare.POINTS, np.nan) if row is None else row for row in rows])
    return out
