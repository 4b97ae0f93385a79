"""C3D files, read by ezc3d. Units and the vertical are taken from the file, or asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from simlab.errors import InputError
from simlab.mocap.opensim import scale
from simlab.mocap.plates import Plates
from simlab.motion import Array, Markers

NEWTONS = {"N": 1.0, "kN": 1000.0}


def read_markers(path: str | Path, units: str | None = None, up: str | None = None) -> Markers:
    """Markers [m], turned so that Y is up; a point without a valid residual is NaN.

    units: m, cm or mm where POINT:UNITS is missing; up: "y" or "z" where POINT:X_SCREEN and Y_SCREEN are.
    Errors: InputError.
    """
    c3d = _open(path)
    parameters = c3d["parameters"]["POINT"]
    labels = ("LABELS", *(f"LABELS{i}" for i in range(2, 10)))  # 255 markers a parameter
    names = tuple(str(name).strip() for label in labels for name in _values(parameters, label))
    points = np.asarray(c3d["data"]["points"][:3], dtype=np.float64)[:, : len(names)].transpose(2, 1, 0)
    residual = c3d["data"]["meta_points"]["residuals"][0, : len(names)].T
    points[(residual < 0) | (points == 0).all(axis=2) | np.isnan(points).any(axis=2)] = np.nan
    unit = units or next(iter(_values(parameters, "UNITS")), None)
    positions = points * scale(unit, f"{path}, POINT:UNITS") @ _axes(parameters, up, path).T
    header = c3d["header"]["points"]
    if not header["frame_rate"] > 0:
        raise InputError(f"{path}: expected a frame rate above 0 Hz, found {header['frame_rate']:g}")
    time = (header["first_frame"] + np.arange(len(points))) / header["frame_rate"]
    return Markers(names=names, time=time, positions=positions, source=str(path))


def read_plates(path: str | Path, units: str | None = None, up: str | None = None) -> Plates:
    """Force plates by ezc3d's platform tool, turned so that Y is up and the ground pushes up. Errors: InputError."""
    c3d = _open(path, extract_forceplat_data=True)
    platforms = c3d["data"]["platform"]
    if not platforms:
        raise InputError(f"{path}: expected force plates (FORCE_PLATFORM), found none")
    axes = _axes(c3d["parameters"]["POINT"], up, path).T
    force = np.stack([_newtons(plate, path) * plate["force"].T for plate in platforms], axis=1) @ axes
    metres = [scale(units or plate["unit_position"], f"{path}, FORCE_PLATFORM") for plate in platforms]
    centres = [m * plate["center_of_pressure"].T for m, plate in zip(metres, platforms, strict=True)]
    centre = np.stack(centres, axis=1) @ axes
    # A plate may record the action or the reaction; the ground can only push.
    force *= np.where(force[:, :, 1].sum(axis=0) < 0, -1.0, 1.0)[None, :, None]
    header, points = c3d["header"]["analogs"], c3d["header"]["points"]
    time = points["first_frame"] / points["frame_rate"] + np.arange(len(force)) / header["frame_rate"]
    names = tuple(str(i + 1) for i in range(len(platforms)))
    return Plates(names=names, time=time, force=np.nan_to_num(force), centre=np.nan_to_num(centre), source=str(path))


def _open(path: str | Path, **options: bool) -> Any:
    import ezc3d

    if not Path(path).is_file():
        raise InputError(f"{path}: no such file")
    try:
        return ezc3d.c3d(str(path), **options)
    except (OSError, RuntimeError, ValueError) as error:
        raise InputError(f"{path}: expected a C3D file, ezc3d says: {error}") from None


def _values(parameters: Any, name: str) -> list[Any]:
    return list(parameters[name]["value"]) if name in parameters else []


def _newtons(plate: Any, path: str | Path) -> float:
    if plate["unit_force"] not in NEWTONS:
        raise InputError(f"{path}, FORCE_PLATFORM: expected forces in N or kN, found {plate['unit_force']!r}")
    return NEWTONS[plate["unit_force"]]


def _axes(parameters: Any, up: str | None, path: str | Path) -> Array:
    """The rotation from the file's axes to Y up: right and up on the screen become X and Y, or `up` decides."""
    x, y = (_unit("".join(map(str, _values(parameters, name))).strip()) for name in ("X_SCREEN", "Y_SCREEN"))
    if up is None and x is not None and y is not None and x @ y == 0:
        return np.array([x, y, np.cross(x, y)])
    return turn(up, f"{path}, POINT:X_SCREEN, Y_SCREEN")


def _unit(name: str) -> Array | None:
    """The unit vector of an axis written as +X, -Z or Y."""
    letter, sign = name.lstrip("+-").upper(), -1.0 if name.startswith("-") else 1.0
    return sign * np.eye(3)["XYZ".index(letter)] if letter in ("X", "Y", "Z") else None


def turn(up: str | None, where: str) -> Array:
    """The rotation that turns the file's vertical `up` into Y. Errors: InputError for anything but "y" or "z"."""
    if up not in ("y", "z"):
        raise InputError(f"{where}: expected the vertical axis, found {up!r}; say up=y or up=z")
    return np.eye(3) if up == "y" else np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
