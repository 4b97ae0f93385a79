"""A captured motion, all the way: who moved, how, under which moments, with which muscles. One call from the files.

`analyse` scales the person, solves the kinematics and, where there is a ground reaction, dynamics and recruitment;
`save` writes what other tools of the field open.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from simlab import dynamics, export, ik, metrics, mocap, recruitment, scale
from simlab import recording as recordings
from simlab.errors import RecordingError
from simlab.model import GRAVITY
from simlab.motion import SIDES, SUFFIX, Array, Markers, Motion
from simlab.recording import Recording
from simlab.subject import Subject, toml
from simlab.tasks.squat import Squat

Tell = Callable[[str, float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """A recording and everything found in it. dynamics and recruited are None where they were not asked for."""

    recording: Recording
    markers: Markers
    person: scale.Person
    tracked: ik.Tracked
    dynamics: dynamics.Dynamics | None
    recruited: recruitment.Recruited | None

    @property
    def motion(self) -> Motion:
        """The 27 coordinates, low-passed like the landmarks [m, rad]."""
        moving = dynamics.smooth(self.tracked)
        return ik.motion(moving.body, moving.time, moving.q)


def analyse(
    recording: Recording,
    base: Subject | None = None,
    *,
    mass_kg: float | None = None,
    height_m: float | None = None,
    knee: str = "free",
    estimate_forces: bool = False,
    tell: Tell = lambda stage, share: None,
) -> Capture:
    """Scale the person, and find coordinates, moments and muscle forces.

    base: what else is known of the person. mass_kg: by default what the plates weigh, else the base's. knee: as in
    `ik.solve`. estimate_forces: compute the ground reaction where no plates measured it.
    Errors: RecordingError.
    """
    markers = recording.markers
    standing = recording.standing or _standing(recording)
    if mass_kg is None and recording.body_weight is not None:
        mass_kg = round(recording.body_weight / GRAVITY, 2)
    tell("scaling", 0.0)
    person = scale.scale(standing, base, mass_kg=mass_kg, height_m=height_m, marker_set=recording.marker_set)
    tell("scaling", 1.0)
    tell("inverse kinematics", 0.0)
    tracked = ik.solve(person.body, markers, knee=knee)
    tell("inverse kinematics", 1.0)
    found = recruited = None
    reaction = recording.ground_reaction
    if (reaction is not None and reaction.centre is not None) or estimate_forces:
        if mass_kg is None and base is None:
            raise RecordingError(
                f"{recording.path}: expected a body mass for moments and forces (--mass-kg), found none"
            )
        tell("dynamics and muscles", 0.0)
        measured = reaction if reaction is not None and reaction.centre is not None else None
        found = dynamics.inverse(dynamics.smooth(tracked), measured or person.model.spheres)
        recruited = recruitment.solve(person.model, found)
        tell("dynamics and muscles", 1.0)
    return Capture(
        recording=recording, markers=markers, person=person, tracked=tracked, dynamics=found, recruited=recruited
    )


def _standing(recording: Recording) -> Markers:
    """The frames of the recording in which the person stands still."""
    still = recordings.standing_still(recording.landmarks)
    if not still.any():
        return replace(recording.markers, time=recording.markers.time[:1], positions=recording.markers.positions[:1])
    return replace(recording.markers, time=recording.markers.time[still], positions=recording.markers.positions[still])


# --- the same in simulation -------------------------------------------------------------------------------------------


def embody(subject: Subject, captured: Subject) -> Subject:
    """A subject's deficits and supports in the body of the person captured."""
    size = {name: getattr(captured, name) for name in ("mass_kg", "height_m", "proportions")}
    return subject.model_copy(update=size)


REST = 0.2048
"""Share of a raised cosine until a tenth of its height, where a repetition begins: arccos(1 - 2 / 10) / pi."""


def task_of(recording: Recording) -> tuple[Squat, tuple[str, ...]]:
    """The squat that was captured, as a task: stance, depth and tempo, means of its repetitions; and in words, what had
    to be left at the limit of the task's settings."""
    points, said = recording.landmarks, []
    flexion = np.degrees(metrics.knee_flexion(points))
    ankles = np.einsum("ni,ni->n", points.ankle[:, 0] - points.ankle[:, 1], metrics.sideways(points))
    toe_out = np.degrees(metrics.foot_progression(points)).mean(axis=1)
    each = []
    for one in recording.repetitions:
        inside = (points.time >= one.start) & (points.time <= one.end)
        first = int(np.argmax(inside))
        down, up = (span / (1.0 - REST) for span in (one.peak - one.start, one.end - one.peak))
        each.append((flexion[inside].max(axis=0).mean(), down, up, ankles[first], toe_out[first]))
    names = ("depth_deg", "descent_s", "ascent_s", "stance_width_m", "toe_out_deg")
    wanted = dict(zip(names, np.mean(each, axis=0), strict=True))
    settings: dict[str, Any] = {}
    for name, value in wanted.items():
        low, high = limits(name)
        settings[name] = round(float(np.clip(value, low, high)), 1 if name.endswith("_deg") else 3)
        if not low <= value <= high:
            said.append(f"{name}: captured {value:.3g}, simulated {settings[name]:g} (range {low:g} to {high:g})")
    return Squat(**settings), tuple(said)


def limits(setting: str) -> tuple[float, float]:
    """The range of a setting of the squat."""
    found = {type(m).__name__: m for m in Squat.model_fields[setting].metadata}
    return float(found["Ge"].ge), float(found["Le"].le)


# --- what was found ---------------------------------------------------------------------------------------------------


def report(capture: Capture) -> dict[str, Any]:
    """Everything in one dictionary, JSON-able: the metrics with the three-dimensional angles, person, errors, loads."""
    measured = recordings.measure(capture.recording, capture.motion)
    worst = capture.tracked.rms_of_markers()
    out = measured | {
        "person": capture.person.report(),
        "marker_error_mm": {
            "rms": 1e3 * capture.tracked.rms,
            "by_marker": {name: round(1e3 * value, 2) for name, value in worst.items()},
            "frames_not_converged": len(capture.tracked.unsolved),
        },
    }
    if capture.dynamics is not None:
        out["dynamics"] = _dynamics(capture)
    return out


def _dynamics(capture: Capture) -> dict[str, Any]:
    found, recruited = capture.dynamics, capture.recruited
    assert found is not None and recruited is not None
    weight = capture.person.model.weight
    carried = recruited.loads()
    force = np.linalg.norm(carried.tibiofemoral, axis=2) / weight
    patella = np.linalg.norm(carried.patellofemoral, axis=2) / weight
    windows = [repetition.window for repetition in capture.recording.repetitions]

    def peaks(values: Array) -> dict[str, Any]:
        each = []
        for start, end in windows:
            inside = (found.time >= start) & (found.time <= end)
            each.append(values[inside].max(axis=0) if inside.any() else np.full(2, np.nan))
        return {
            side: {"mean": float(np.mean(column)), "sd": float(np.std(column, ddof=1)) if len(column) > 1 else None}
            for side, column in zip(SIDES, np.transpose(each), strict=True)
        }

    mass = capture.person.subject.mass_kg

    def moment(name: str, sign: float) -> Array:
        return sign * np.column_stack([found.of(name + s) for s in SUFFIX.values()]) / mass

    share = np.sqrt((recruited.missing**2).mean()) / max(float(np.sqrt((recruited.wanted**2).mean())), 1e-12)
    return {
        "ground_reaction": "estimated from the motion" if found.estimated else found.reaction.source,
        "residual_force_rms_bw": float(np.sqrt((found.residual_force**2).sum(axis=1).mean()) / weight),
        "residual_moment_rms_nm_kg": float(np.sqrt((found.residual_moment**2).sum(axis=1).mean()) / mass),
        "moments_that_muscles_cannot_make": float(share),
        "hip_extension_moment_peak_nm_kg": peaks(moment("hip_flexion", -1.0)),
        "hip_abduction_moment_peak_nm_kg": peaks(moment("hip_adduction", -1.0)),
        "knee_extension_moment_peak_nm_kg": peaks(moment("knee_angle", -1.0)),
        "knee_abduction_moment_peak_nm_kg": peaks(moment("knee_adduction", 1.0)),
        "ankle_plantarflexion_moment_peak_nm_kg": peaks(moment("ankle_angle", -1.0)),
        "tibiofemoral_force_peak_bw": peaks(force),
        "patellofemoral_force_peak_bw": peaks(patella),
    }


def save(capture: Capture, folder: str | Path) -> dict[str, str]:
    """Write the folder of a captured motion; all files appear or none. Returns their paths by name.

    person.toml (a subject that `--subject` takes), motion.mot, markers.trc (as used), marker_errors.csv, and with
    dynamics moments.sto [Nm], activations.sto, muscle_forces.sto [N], joint_forces.sto [N]; report.json.
    """
    opensim = mocap.opensim
    with export.whole(folder) as draft:
        (draft / "person.toml").write_text(toml(capture.person.subject), encoding="utf-8")
        opensim.write_mot(draft / "motion.mot", capture.motion)
        opensim.write_trc(draft / "markers.trc", capture.markers)
        _write_errors(draft / "marker_errors.csv", capture.tracked)
        if capture.dynamics is not None and capture.recruited is not None:
            _write_forces(draft, capture.dynamics, capture.recruited)
        text = json.dumps(report(capture), indent=2)
        (draft / "report.json").write_text(text + "\n", encoding="utf-8")
        names = sorted(path.name for path in draft.iterdir())
    return {name: str(Path(folder) / name) for name in names}


def _write_forces(draft: Path, found: dynamics.Dynamics, recruited: recruitment.Recruited) -> None:
    write = mocap.opensim.write_storage
    moments = {f"{name}_moment": found.of(name) for name in found.moving.body.coordinates}
    residual = {f"residual_f{axis}": found.residual_force[:, i] for i, axis in enumerate("xyz")}
    residual |= {f"residual_m{axis}": found.residual_moment[:, i] for i, axis in enumerate("xyz")}
    write(draft / "moments.sto", "Inverse dynamics", found.time, moments | residual, in_degrees=False)
    for file, title, values in (
        ("activations.sto", "Activations", recruited.activation),
        ("muscle_forces.sto", "Muscle forces", recruited.force),
    ):
        columns = {
            name + suffix: values[:, leg, i]
            for leg, suffix in enumerate(SUFFIX.values())
            for i, name in enumerate(recruited.muscles)
        }
        write(draft / file, title, recruited.time, columns, in_degrees=False)
    carried = recruited.loads()
    columns = {}
    for leg, suffix in enumerate(SUFFIX.values()):
        for name, vectors in (("tibiofemoral", carried.tibiofemoral), ("patellofemoral", carried.patellofemoral)):
            columns |= {f"{name}{suffix}_{axis}": vectors[:, leg, i] for i, axis in enumerate("xyz")}
        columns |= {f"medial{suffix}": carried.medial[:, leg], f"lateral{suffix}": carried.lateral[:, leg]}
    write(draft / "joint_forces.sto", "Joint forces", recruited.time, columns, in_degrees=False)


def _write_errors(path: Path, tracked: ik.Tracked) -> None:
    rows = ["marker,link,rms_mm,largest_mm,seen_frames"]
    links = tracked.body.skeleton.names
    for name, rms in tracked.rms_of_markers().items():
        i = tracked.body.markers.index(name)
        error = tracked.error[:, i]
        seen = int(np.isfinite(error).sum())
        rows.append(f"{name},{links[tracked.body.link[i]]},{1e3 * rms:.2f},{1e3 * np.nanmax(error):.2f},{seen}")
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
