"""Captured motion: read a recording, whatever its format, into the types of `simlab.motion`, Y up, SI."""

from __future__ import annotations

from pathlib import Path

from simlab.errors import RecordingError
from simlab.mocap import bvh, c3d, opencap, opensim, uiprmd
from simlab.mocap.c3d import Event, read_events, write_c3d
from simlab.mocap.opencap import Session, Trial, read_session
from simlab.mocap.opensim import write_mot, write_trc
from simlab.mocap.plates import Plates, assign
from simlab.motion import GroundReaction, Landmarks, Markers, Motion

__all__ = [
    "Event",
    "Plates",
    "Session",
    "Trial",
    "read",
    "read_events",
    "read_ground_reaction",
    "read_motion",
    "read_plates",
    "read_session",
    "write_c3d",
    "write_mot",
    "write_trc",
]


def read(path: str | Path, units: str | None = None, up: str | None = None) -> Markers:
    """Markers of a TRC or C3D file, joints of a BVH or UI-PRMD (.txt) file [m], Y up; NaN where not seen.

    The heading stays as recorded. units (m, cm, mm) and up (y, z) are needed only where the file is silent, and must
    not contradict it. A TRC file has Y up unless `up` says otherwise (OpenSim's convention).
    Errors: RecordingError with file, line or marker, expected and found; for a folder, with what is in it.
    """
    if Path(path).is_dir():
        raise _folder(Path(path))
    suffix = _suffix(path, (".trc", ".c3d", ".bvh", ".txt"))
    if suffix == ".trc":
        return opensim.read_trc(path, units, up or "y")
    return {".c3d": c3d.read_markers, ".bvh": bvh.read_bvh, ".txt": uiprmd.read_positions}[suffix](path, units, up)


def _folder(path: Path) -> RecordingError:
    """What to do with a folder."""
    try:
        session = opencap.read_session(path)
    except RecordingError as error:
        files = sorted(file.name for file in path.iterdir() if file.suffix.lower() in (".trc", ".c3d", ".bvh"))
        if not files:
            return error
        return RecordingError(f"{path}: expected a file, found a folder; read one of {', '.join(files[:20])}")
    files = [str(trial.markers.relative_to(path)) for trial in session.trials if trial.markers]
    return RecordingError(
        f"{path}: expected a file, found an OpenCap session; read one of its trials: {', '.join(files) or 'none'}"
    )


def read_motion(path: str | Path, in_degrees: bool | None = None) -> Motion:
    """A motion of joint angles from a MOT or STO file [rad, m].

    in_degrees: needed only where the header is silent. Errors: RecordingError.
    """
    _suffix(path, (".mot", ".sto"))
    return opensim.read_mot(path, in_degrees)


def read_plates(path: str | Path, units: str | None = None, up: str | None = None) -> Plates:
    """Force plates of a MOT, STO or C3D file, before anyone knows which foot is on which.

    MOT and STO are in newtons and metres, Y up unless `up` says otherwise. Errors: RecordingError.
    """
    suffix = _suffix(path, (".mot", ".sto", ".c3d"))
    return c3d.read_plates(path, units, up) if suffix == ".c3d" else opensim.read_plates(path, up or "y")


def read_ground_reaction(
    path: str | Path, landmarks: Landmarks, units: str | None = None, up: str | None = None
) -> GroundReaction:
    """The ground reaction of each foot: force, centre of pressure and free moment.

    The feet of `landmarks` tell which plate is whose. Errors: RecordingError.
    """
    return assign(read_plates(path, units, up), landmarks)


def _suffix(path: str | Path, known: tuple[str, ...]) -> str:
    suffix = Path(path).suffix.lower()
    if suffix not in known:
        raise RecordingError(f"{path}: expected a file of type {' '.join(known)}, found {suffix or 'none'!r}")
    return suffix
