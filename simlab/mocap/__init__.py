"""Captured motion: read a recording, whatever its format, into the types of `simlab.motion`, Y up, SI."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from simlab.errors import InputError
from simlab.mocap import c3d, opensim
from simlab.mocap.plates import Plates, assign
from simlab.motion import GroundReaction, Landmarks, Markers

__all__ = ["Plates", "read", "read_ground_reaction", "read_plates"]


def read(path: str | Path, units: str | None = None, up: str | None = None) -> Markers:
    """Markers of a TRC or C3D file [m], laboratory frame, Y up, heading as recorded; NaN where not seen.

    units (m, cm, mm) and up (y, z) are needed only where the file is silent. A TRC file has Y up unless `up` says
    otherwise (OpenSim's convention). Errors: InputError with file, line or marker, expected and found.
    """
    suffix = _suffix(path, (".trc", ".c3d"))
    if suffix == ".c3d":
        return c3d.read_markers(path, units, up)
    markers = opensim.read_trc(path, units)
    return replace(markers, positions=markers.positions @ c3d.turn(up or "y", str(path)).T)


def read_plates(path: str | Path, units: str | None = None, up: str | None = None) -> Plates:
    """Force plates of a MOT, STO (Y up, N, m) or C3D file, before anyone knows which foot is on which."""
    suffix = _suffix(path, (".mot", ".sto", ".c3d"))
    return c3d.read_plates(path, units, up) if suffix == ".c3d" else opensim.read_plates(path)


def read_ground_reaction(
    path: str | Path, landmarks: Landmarks, units: str | None = None, up: str | None = None
) -> GroundReaction:
    """The ground reaction of each foot; the feet of `landmarks` tell which plate is whose. Errors: InputError."""
    return assign(read_plates(path, units, up), landmarks)


def _suffix(path: str | Path, known: tuple[str, ...]) -> str:
    suffix = Path(path).suffix.lower()
    if suffix not in known:
        raise InputError(f"{path}: expected a file of type {' '.join(known)}, found {suffix or 'none'!r}")
    return suffix
