"""Force plates of types 1 to 4 in a C3D file: from analog channels to a force, a centre of pressure and a free moment.

Source: The C3D File Format, User Guide, Motion Lab Systems 2008, FORCE_PLATFORM. The units of each channel come from
ANALOG:UNITS (ezc3d takes N and the unit of the points for granted, whatever the file says).
"""

from __future__ import annotations

import numpy as np

from simlab.errors import RecordingError
from simlab.mocap import text
from simlab.mocap.c3d_file import File
from simlab.motion import Array

NEWTONS = {"n": 1.0, "newton": 1.0, "newtons": 1.0, "kn": 1000.0}
NEWTON_METRES = {
    unit.replace("*", dot): factor
    for dot in ("", "*", ".", "-", " ", "·")
    for unit, factor in {"n*m": 1.0, "n*mm": 0.001, "n*cm": 0.01, "newton*meters": 1.0, "kn*m": 1000.0}.items()
}
CHANNELS = {1: 6, 2: 6, 3: 8, 4: 6}
"""How many channels a plate of each type has."""


def wrenches(file: File, units: str | None) -> tuple[Array, Array, Array]:
    """Force [N], centre of pressure [m] and free moment [Nm] of each plate in the axes of the file.

    Shape (samples, plates, 3), as recorded: what the foot does to the plate, or what the plate does to the foot.
    units: m, cm or mm where POINT:UNITS is missing. Errors: RecordingError.
    """
    group = "FORCE_PLATFORM"
    count = next(iter(file.counts(group, "USED")), 0)
    if count < 1 or not len(file.analogs):
        raise RecordingError(f"{file.source}: expected force plates (FORCE_PLATFORM), found none")
    metres = text.scale(next(iter(file.strings("POINT", "UNITS")), None), units, f"{file.source}, POINT:UNITS")
    kinds = _parameter(file, "TYPE", (count,)).astype(int)
    corners = _parameter(file, "CORNERS", (3, 4, count)) * metres
    origins = _parameter(file, "ORIGIN", (3, count)) * metres
    plates = [_plate(file, i, int(kinds[i]), corners[:, :, i].T, origins[:, i], metres) for i in range(count)]
    force, centre, moment = (np.stack(each, axis=1) for each in zip(*plates, strict=True))
    return force, centre, moment


def _parameter(file: File, name: str, shape: tuple[int, ...]) -> Array:
    """A parameter of all plates, the last dimension counts them. Errors: RecordingError for another shape."""
    found = file.numbers("FORCE_PLATFORM", name)
    if found.ndim == len(shape) - 1:
        found = found[..., None]
    if found.ndim != len(shape) or any(have < want for have, want in zip(found.shape, shape, strict=True)):
        raise RecordingError(
            f"{file.source}, FORCE_PLATFORM:{name}: expected {' x '.join(map(str, shape))} numbers, "
            f"found {' x '.join(map(str, found.shape))}"
        )
    found = found[tuple(slice(n) for n in shape)]
    if not np.isfinite(found).all():
        raise RecordingError(f"{file.source}, FORCE_PLATFORM:{name}: expected numbers, found {found.ravel()}")
    return found


def _plate(file: File, i: int, kind: int, corners: Array, origin: Array, metres: float) -> tuple[Array, Array, Array]:
    """One plate: force [N], centre of pressure [m], free moment [Nm], shape (samples, 3)."""
    where = f"{file.source}, plate {i + 1}"
    if kind not in CHANNELS:
        raise RecordingError(f"{where}, FORCE_PLATFORM:TYPE: expected 1, 2, 3 or 4, found {kind}")
    axes, middle = _axes(corners, where), corners.mean(axis=0)
    signal, units = _signals(file, i, CHANNELS[kind], where)
    if kind == 1:
        force = signal[:, :3] * _factor(units[:3], NEWTONS, 1.0, where)
        place = np.zeros_like(force)
        place[:, :2] = signal[:, 3:5] * _factor(units[3:5], text.METRES, metres, where)
        twist = signal[:, 5] * _factor(units[5:], NEWTON_METRES, metres, where)
        free = np.zeros_like(force)
        free[:, 2] = twist
        return force @ axes, place @ axes + middle, free @ axes
    if kind == 3:
        signal = signal * _factor(units, NEWTONS, 1.0, where)
        a, b = origin[:2]
        x12, x34, y14, y23, z1, z2, z3, z4 = signal.T
        force = np.stack([x12 + x34, y14 + y23, z1 + z2 + z3 + z4], axis=1)
        moment = np.stack([b * (z1 + z2 - z3 - z4), a * (z2 + z3 - z1 - z4), b * (x34 - x12) + a * (y14 - y23)], axis=1)
        origin = np.array([0.0, 0.0, -abs(origin[2])])
    else:
        if kind == 4:
            # Volts in, newtons and newtons times the unit of the points out: the manual's definition of the matrix.
            signal, units = signal @ _parameter(file, "CAL_MATRIX", (6, 6, i + 1))[:, :, i].T, [""] * 6
        force = signal[:, :3] * _factor(units[:3], NEWTONS, 1.0, where)
        moment = signal[:, 3:] * _factor(units[3:], NEWTON_METRES, metres, where)
        if origin[2] > 0:  # from the surface to the sensor, as some write it; the manual has it from the sensor
            origin = -origin
    moment = moment - np.cross(origin, force)  # about the middle of the surface
    fx, fy, fz = force.T
    x, y = -moment[:, 1] / fz, moment[:, 0] / fz
    free = np.zeros_like(force)
    free[:, 2] = moment[:, 2] - (x * fy - y * fx)
    place = np.stack([x, y, np.zeros_like(x)], axis=1)
    return force @ axes, place @ axes + middle, free @ axes


def _axes(corners: Array, where: str) -> Array:
    """The axes of a plate, one a row: X from the second corner to the first, Y from the fourth, Z down into it."""
    x, y = corners[0] - corners[1], corners[0] - corners[3]
    z = np.cross(x, y)
    if not np.linalg.norm(z) > 1e-3:  # m2: half a hand
        raise RecordingError(f"{where}, FORCE_PLATFORM:CORNERS: expected the corners of a plate, found {corners} m")
    y = np.cross(z, x)
    return np.stack([axis / np.linalg.norm(axis) for axis in (x, y, z)])


def _signals(file: File, i: int, count: int, where: str) -> tuple[Array, list[str]]:
    """The channels of a plate, shape (samples, count), and the unit of each ("" where the file is silent)."""
    numbers = _parameter(file, "CHANNEL", (count, i + 1))[:, i].astype(int) - 1
    if (numbers < 0).any() or (numbers >= file.analogs.shape[1]).any():
        raise RecordingError(
            f"{where}, FORCE_PLATFORM:CHANNEL: expected channels 1 to {file.analogs.shape[1]}, found {numbers + 1}"
        )
    stated = [unit for key in ("UNITS", *(f"UNITS{n}" for n in range(2, 10))) for unit in file.strings("ANALOG", key)]
    return file.analogs[:, numbers], [stated[n].strip() if n < len(stated) else "" for n in numbers]


def _factor(units: list[str], known: dict[str, float], silent: float, where: str) -> Array:
    """SI in one unit of each channel; `silent` is what the format means where the file does not say."""
    for unit in units:
        if unit and unit.lower() not in known:
            quantity = {id(NEWTONS): "N or kN", id(NEWTON_METRES): "Nm or Nmm"}.get(id(known), "m, cm or mm")
            raise RecordingError(f"{where}, ANALOG:UNITS: expected {quantity}, found {unit!r}")
    return np.array([known[unit.lower()] if unit else silent for unit in units])
