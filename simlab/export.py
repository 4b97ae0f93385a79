"""Results on disk: result.nc (xarray), motion.mot (OpenSim), metrics.json; and back again."""

from __future__ import annotations

import errno
import hashlib
import importlib.metadata
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import simlab
from simlab import compare, loads, metrics, mocap, tasks
from simlab.control import Controller
from simlab.errors import InputError
from simlab.model import build, landmarks, load_barbell, motion
from simlab.motion import SIDES, GroundReaction, readonly
from simlab.simulate import Result, Run, cued
from simlab.subject import Subject

UNITS = {
    "q": "m (base position), 1 (base quaternion x y z w), rad (hinge angles)",
    "v": "m/s (base, world), rad/s (base, world; hinges)",
    "activation": "1",
    "force": "N",
    "drive": "1",
    "lumbar": "N m",
    "ground": "N",
}
DIMENSIONS = {
    "q": ("time", "position"),
    "v": ("time", "rate"),
    "activation": ("time", "side", "muscle"),
    "force": ("time", "side", "muscle"),
    "drive": ("time", "side", "muscle"),
    "lumbar": ("time", "lumbar_axis"),
    "ground": ("time", "side", "axis"),
}


LOADS = (
    "knee_extension_moment_peak_nm_kg",
    "knee_abduction_moment_peak_nm_kg",
    "hip_abduction_moment_peak_nm_kg",
    "tibiofemoral_force_peak_bw",
    "tibiofemoral_medial_peak_bw",
    "tibiofemoral_lateral_peak_bw",
    "patellofemoral_force_peak_bw",
    "ligament_abduction_moment_peak_nm",
)
"""What a simulated leg carries (simlab.loads), of which a captured one knows nothing."""
LEG = metrics.LEG + LOADS
"""Everything that is measured of a simulated leg."""
SEPARATION = "knee_ankle_separation_ratio_at_peak_flexion"


def measure(result: Result) -> metrics.Metrics:
    """The metrics of a simulation, by the functions that measure captured motion: means over the repetitions of a
    squat on two legs, one window over the whole run otherwise."""
    run, model = result.run, result.model
    points = landmarks(model, run.time, run.q)
    coordinates = motion(model, run.time, run.q)
    ground = GroundReaction(time=run.time, force=run.ground, source="simulation")
    stance = result.task.standing[0] if len(result.task.standing) == 1 else None
    windows = [r.window for r in metrics.repetitions(points)] if result.success and stance is None else []
    windows = windows or [(float(run.time[0]), float(run.time[-1]))]
    each = [
        metrics.measure(points, coordinates, ground, model.weight, window, stance, level=_level(result))
        for window in windows
    ]
    carried = _loads(result, windows)
    for one, peaks in zip(each, carried, strict=True):
        for side in SIDES:
            one[side] |= {name: peaks[side][name] for name in LOADS}
    found = {
        part: {name: _mean([one[part][name] for one in each]) for name in each[0][part]}
        for part in ("left", "right", "both")
    }
    for side in set(SIDES) - set(result.task.standing):  # what hangs in the air has no frontal plane to be judged in
        found[side] = dict.fromkeys(found[side]) | {"grf_peak_bw": found[side]["grf_peak_bw"]}
        found["both"] |= dict.fromkeys(("knee_ankle_separation_ratio_min", SEPARATION))
    return found


def _loads(result: Result, windows: list[metrics.Window]) -> list[dict[str, dict[str, float | None]]]:
    """The peaks of the loads in each window; of a run that ended at once nothing is known."""
    if len(result.run.time) < 2:
        return [{side: dict.fromkeys(LOADS) for side in SIDES} for _ in windows]
    found = loads.loads(result)
    return [{side: dict(peaks) for side, peaks in loads.peaks(found, window).items()} for window in windows]


def curves(result: Result) -> compare.Curves:
    """The time-normalised curves of a simulation: its first repetition, or all of it where it has none."""
    run, model = result.run, result.model
    points = landmarks(model, run.time, run.q)
    ground = GroundReaction(time=run.time, force=run.ground, source="simulation")
    coordinates = motion(model, run.time, run.q)
    return compare.curves(points, window(result), ground, model.weight, coordinates)


def window(result: Result) -> metrics.Window:
    """Start and end of the first repetition of a simulation, or of all of it where it has none [s]."""
    time = result.run.time
    found = metrics.repetitions(landmarks(result.model, time, result.run.q))
    return found[0].window if found else (float(time[0]), float(time[-1]))


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _level(result: Result) -> float:
    """Pelvic obliquity of healthy upright stance [rad, right side high +]: that of the healthy twin's first posture."""
    from simlab.model import state

    twin = build(result.model.subject.twin())
    q = state(twin, result.plan.values[0])
    return float(metrics.pelvic_obliquity(landmarks(twin, np.zeros(1), q[None]))[0])


def report(result: Result) -> dict[str, Any]:
    """What --json prints of a simulation, but for timing and files: reproducible to the byte."""
    measured = measure(result)
    measured["both"]["qp_failures"] = result.run.failures
    return {
        "success": result.success,
        "message": result.run.message,
        "task": result.task.model_dump(),
        "subject": result.model.subject.model_dump(),
        "controller": {"strategy": result.controller.strategy, "cue": result.controller.cue},
        "assumptions": assumptions(result.model.subject, result.controller, result.plan.period),
        "seed": result.seed,
        "simulated_s": float(result.run.time[-1]),
        "metrics": measured,
    }


def assumptions(subject: Subject, controller: Controller, period: float) -> dict[str, str]:
    """What a result takes for granted about muscles and mind, by name, in words; period: of control [s]."""
    habits = {
        "habitual": "the drive that the healthy twin with the same bones has learned the task with, recorded every "
        f"{1000 * period:g} ms",
        "compensating": "none: the drive of standing, hardly held to",
    }
    attention = f", attention to the frontal plane {controller.cue:g}" if controller.cue else ""
    return {
        "muscle_paths": subject.muscle_paths,
        "control_strategy": controller.strategy + attention,
        "habit": habits[controller.strategy],
    }


def versions() -> dict[str, str]:
    """What a result depends on."""
    return {"simlab": simlab.__version__} | _installed()


@cache
def _installed() -> dict[str, str]:
    return {name: importlib.metadata.version(name) for name in ("pybullet", "numpy", "scipy")}


def configuration(result: Result) -> dict[str, Any]:
    """Everything that determines a result."""
    found = determined(result.model.subject, result.task, result.controller, result.seed, result.dt)
    return found if result.period is None else found | {"period": result.period}


def determined(
    subject: Subject, task: tasks.Task, controller: Controller, seed: int = 0, dt: float | None = None
) -> dict[str, Any]:
    """Everything that will determine the result of a simulation, before it has run; dt: physics step [s], by default
    the task's own."""
    controller = cued(controller, subject)
    return {
        "task": task.model_dump(),
        "subject": subject.model_dump(),
        "controller": {"strategy": controller.strategy, "cue": controller.cue},
        "seed": seed,
        "dt": dt or task.step,
        "versions": versions(),
    }


def digest(configuration: dict[str, Any]) -> str:
    """The SHA-256 of a configuration as canonical JSON: equal for equal results."""
    return hashlib.sha256(json.dumps(configuration, sort_keys=True).encode()).hexdigest()


def save(result: Result, folder: str | Path) -> dict[str, str]:
    """Write result.nc, motion.mot and metrics.json; all appear or none. Returns their paths by name."""
    with whole(folder) as draft:
        _write_nc(draft / "result.nc", result)
        mocap.opensim.write_mot(draft / "motion.mot", motion(result.model, result.run.time, result.run.q))
        text = json.dumps(report(result) | {"versions": versions()}, indent=2)
        (draft / "metrics.json").write_text(text + "\n", encoding="utf-8")
        names = sorted(path.name for path in draft.iterdir())
    return {name: str(Path(folder) / name) for name in names}


def writable(folder: str | Path) -> None:
    """Make sure that files can be written to `folder` before any work is done. Errors: InputError."""
    with whole(folder):
        pass


@contextmanager
def whole(folder: str | Path) -> Iterator[Path]:
    """A draft folder whose files move into `folder` when all are written. Errors: InputError if that cannot be."""
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=folder))
        try:
            yield draft
            written = sorted(draft.iterdir())
            for path in written:
                if (folder / path.name).is_dir():
                    raise IsADirectoryError(errno.EISDIR, f"{path.name} is a folder")
            for path in written:
                os.replace(path, folder / path.name)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except OSError as error:
        found = error.strerror or str(error)
        raise InputError(f"--out {folder}: expected a folder that can be written, found: {found}") from error


def _write_nc(path: Path, result: Result) -> None:
    """netCDF as xarray would write it, whose import takes longer than the squat."""
    import h5netcdf
    import h5py

    run, settings = result.run, configuration(result)
    labels = {"side": SIDES, "muscle": result.model.muscles.names, "axis": ("x", "y", "z")}
    with h5netcdf.File(path, "w") as file:
        file.dimensions = {"time": len(run.time), "position": 28, "rate": 27, "lumbar_axis": 3} | {
            name: len(values) for name, values in labels.items()
        }
        for name, values in labels.items():
            file.create_variable(name, (name,), dtype=h5py.string_dtype(), data=np.array(values, dtype=object))
        file.create_variable("time", ("time",), data=run.time).attrs["units"] = "s"
        for name, units in UNITS.items():
            file.create_variable(name, DIMENSIONS[name], data=getattr(run, name)).attrs["units"] = units
        file.attrs["title"] = f"simlab {result.task.name}: {result.model.subject.name}"
        file.attrs["conventions"] = "OpenSim frame: X forward, Y up, Z right; legs right, left"
        file.attrs["configuration"] = json.dumps(settings, sort_keys=True)
        file.attrs["configuration_sha256"] = digest(settings)
        file.attrs["message"] = run.message
        file.attrs["qp_failures"] = run.failures


def load(path: str | Path) -> Result:
    """Read a result.nc, or the folder that holds it. Errors: InputError."""
    import xarray as xr

    path = Path(path)
    path = path / "result.nc" if path.is_dir() else path
    if not path.is_file():
        raise InputError(f"{path}: expected a result.nc or the folder of one, found nothing")
    try:
        with xr.open_dataset(path, engine="h5netcdf") as data:
            data.load()
        settings = json.loads(data.attrs["configuration"])
        task = tasks.load(settings["task"]["name"], **{k: v for k, v in settings["task"].items() if k != "name"})
        model, period = build(Subject.model_validate(settings["subject"])), settings.get("period")
        legs, muscles = len(SIDES), len(model.muscles.names)
        shapes = {"q": (28,), "v": (27,), "lumbar": (3,), "ground": (legs, 3), "time": ()}
        arrays = {
            name: readonly(data[name].to_numpy(), data.sizes["time"], *shapes.get(name, (legs, muscles)))
            for name in ("time", *UNITS)
        }
        return Result(
            model=load_barbell(model, task.barbell_kg),
            task=task,
            controller=Controller(**settings["controller"]),
            plan=task.plan(load_barbell(build(model.subject.twin()), task.barbell_kg), period),
            run=Run(**arrays, failures=int(data.attrs["qp_failures"]), message=str(data.attrs["message"])),
            seed=settings["seed"],
            dt=settings["dt"],
            wall_s=0.0,
            period=period,
        )
    except (OSError, KeyError, ValueError, TypeError) as error:  # InputError and pydantic's are ValueErrors
        raise InputError(f"{path}: not a result of this version of simlab: {error}") from None
