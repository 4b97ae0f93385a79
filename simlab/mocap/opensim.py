"""OpenSim's text formats: markers (TRC), motions and force plates (MOT, STO).

A reader names the file, the line or the marker, what it expected and what it found. It never guesses a unit.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simlab.errors import InputError
from simlab.mocap.plates import Plates
from simlab.motion import COORDINATES, TRANSLATIONS, Array, Markers, Motion

METRES = {"m": 1.0, "meters": 1.0, "metres": 1.0, "cm": 0.01, "mm": 0.001, "millimeters": 0.001, "millimetres": 0.001}
"""Metres in one unit of length, by the names that TRC and C3D files use."""


def scale(unit: str | None, where: str) -> float:
    """Metres in one `unit`. `where` names the file and line in the error. Errors: InputError for an unknown unit."""
    if unit is None or unit.lower() not in METRES:
        raise InputError(f"{where}: expected the units m, cm or mm, found {unit!r}; say units=m, cm or mm")
    return METRES[unit.lower()]


def lines(path: Path) -> list[str]:
    """The lines of a text file, whatever their ends. Errors: InputError when it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").rstrip("\n").split("\n")
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None


# --- markers ---------------------------------------------------------------------------------------------------------


def read_trc(path: str | Path, units: str | None = None) -> Markers:
    """Markers of a TRC file [m], in the axes of the file; a gap (empty fields, or 0 0 0) is NaN.

    units: m, cm or mm where the header does not say. Errors: InputError.
    """
    path = Path(path)
    text = lines(path)
    if len(text) < 5 or not text[0].startswith("PathFileType"):
        raise InputError(f"{path}, line 1: expected a TRC header (PathFileType ...), found {text[0][:40]!r}")
    header = dict(zip(_fields(text[1]), _fields(text[2]), strict=False))
    factor = scale(units or header.get("Units") or None, f"{path}, line 3")
    names = tuple(name for name in _fields(text[3])[2:] if name)
    _expect(f"{path}, line 4", "marker names (NumMarkers)", _count(header, "NumMarkers", path), len(names))
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"{path}, line 4: expected each marker once, found {twice!r} {names.count(twice)} times")
    rows = [(number, line) for number, line in enumerate(text[5:], start=6) if line.strip()]
    data = np.array([_trc_row(line, names, f"{path}, line {number}") for number, line in rows])
    last = rows[-1][0] if rows else len(text)
    _expect(f"{path}, line {last}", "frames (NumFrames) up to here", _count(header, "NumFrames", path), len(rows))
    if not rows:
        raise InputError(f"{path}: expected frames, found none after the header")
    _check_time(data[:, 1], [number for number, _ in rows], path)
    positions = data[:, 2:].reshape(len(data), len(names), 3)
    positions[(positions == 0).all(axis=2) | np.isnan(positions).any(axis=2)] = np.nan
    return Markers(names=names, time=data[:, 1], positions=positions * factor, source=str(path))


def write_trc(path: str | Path, markers: Markers) -> None:
    """Write markers as a TRC file in metres; a gap is written as empty fields."""
    path, n, m = Path(path), len(markers.time), len(markers.names)
    rate = f"{(n - 1) / (markers.time[-1] - markers.time[0]) if n > 1 else 100.0:.6g}"
    head = [
        ["PathFileType", "4", "(X/Y/Z)", path.name],
        ["DataRate", "CameraRate", "NumFrames", "NumMarkers", "Units"],
        [rate, rate, str(n), str(m), "m"],
        ["Frame#", "Time", *(field for name in markers.names for field in (name, "", ""))],
        ["", "", *(f"{axis}{i + 1}" for i in range(m) for axis in "XYZ")],
        [],
    ]
    values = markers.positions.reshape(n, 3 * m)
    body = (
        [str(i + 1), _number(time), *("" if np.isnan(value) else _number(value) for value in row)]
        for i, (time, row) in enumerate(zip(markers.time, values, strict=True))
    )
    path.write_text("".join("\t".join(row) + "\n" for row in (*head, *body)), encoding="utf-8")


def _fields(line: str) -> list[str]:
    return [field.strip() for field in line.split("\t")]


def _count(header: Mapping[str, str], key: str, path: Path) -> int:
    try:
        return int(header[key])
    except (KeyError, ValueError):
        raise InputError(f"{path}, line 3: expected a whole number for {key}, found {header.get(key)!r}") from None


def _expect(where: str, what: str, expected: int, found: int) -> None:
    if expected != found:
        raise InputError(f"{where}: expected {expected} {what}, found {found}")


def _trc_row(line: str, names: tuple[str, ...], where: str) -> list[float]:
    """One frame: number, time and three coordinates a marker; empty fields are NaN."""
    fields = _fields(line)
    expected = 2 + 3 * len(names)
    while len(fields) > expected and not fields[-1]:
        fields.pop()
    _expect(where, f"fields (frame, time and 3 for each of {len(names)} markers)", expected, len(fields))
    try:
        return [_float(field) if field else np.nan for field in fields]
    except ValueError:
        bad = next(i for i, field in enumerate(fields) if field and not _is_number(field))
        column = "frame" if bad == 0 else "time" if bad == 1 else f"marker {names[(bad - 2) // 3]}"
        raise InputError(f"{where}, {column}: expected a number, found {fields[bad]!r}") from None


def _float(field: str) -> float:
    """A number, or NaN. Errors: ValueError, for infinity too: no marker is there."""
    if math.isinf(value := float(field)):
        raise ValueError(field)
    return value


def _is_number(field: str) -> bool:
    try:
        _float(field)
    except ValueError:
        return False
    return True


def _check_time(time: Array, numbers: list[int], path: Path) -> None:
    """Errors: InputError where time does not increase."""
    for i in np.flatnonzero(~(np.diff(time) > 0)):
        raise InputError(f"{path}, line {numbers[i + 1]}: expected a time after {time[i]:g} s, found {time[i + 1]:g}")


def _number(value: float) -> str:
    return f"{value:.9g}"


# --- tables over time ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """A MOT or STO file as it stands. data: shape (rows, len(columns)); in_degrees: None where the header is silent."""

    columns: tuple[str, ...]
    data: Array
    in_degrees: bool | None
    source: str

    def column(self, name: str) -> Array:
        """One column, shape (rows,). Errors: InputError with the columns that there are."""
        if name not in self.columns:
            raise InputError(f"{self.source}: expected a column {name!r}, found {', '.join(self.columns)}")
        return self.data[:, self.columns.index(name)]


def read_storage(path: str | Path) -> Storage:
    """A MOT or STO file with a modern (`nColumns=`) or legacy (`datacolumns`) header. Errors: InputError."""
    path = Path(path)
    text = lines(path)
    end = next((i for i, line in enumerate(text) if line.strip().lower() == "endheader"), None)
    if end is None:
        raise InputError(f"{path}, line {len(text)}: expected 'endheader', found the end of the file")
    header = {key.lower(): value for key, value in map(_header_item, text[:end])}
    filled = [(number, line.split()) for number, line in enumerate(text[end + 1 :], start=end + 2) if line.strip()]
    if not filled or filled[0][1][0].lower() != "time":
        raise InputError(f"{path}, line {end + 2}: expected a line of column names that starts with 'time'")
    (label_line, columns), rows = filled[0], filled[1:]
    width = header.get("ncolumns", header.get("datacolumns", str(len(columns))))
    _expect(f"{path}, line {label_line}", "column names (as the header says)", _whole(width, path), len(columns))
    data = np.array([_storage_row(fields, columns, f"{path}, line {number}") for number, fields in rows])
    length = header.get("nrows", header.get("datarows", str(len(rows))))
    last = rows[-1][0] if rows else label_line
    _expect(f"{path}, line {last}", "rows (as the header says) up to here", _whole(length, path), len(rows))
    if not rows:
        raise InputError(f"{path}, line {last}: expected rows of numbers, found none")
    _check_time(data[:, 0], [number for number, _ in rows], path)
    degrees = {"yes": True, "no": False}.get(header.get("indegrees", "").lower())
    return Storage(columns=tuple(columns), data=data, in_degrees=degrees, source=str(path))


def write_storage(path: str | Path, name: str, time: Array, columns: Mapping[str, Array], in_degrees: bool) -> None:
    """Write a MOT or STO file. name: the title OpenSim shows; columns: shape (n,) each."""
    table = np.column_stack([time, *columns.values()])
    degrees = "yes" if in_degrees else "no"
    head = [name, "version=1", f"nRows={len(table)}", f"nColumns={table.shape[1]}", f"inDegrees={degrees}", "endheader"]
    body = ["\t".join(["time", *columns]), *("\t".join(map(_number, row)) for row in table)]
    Path(path).write_text("\n".join([*head, *body]) + "\n", encoding="utf-8")


def read_mot(path: str | Path, in_degrees: bool | None = None) -> Motion:
    """A motion of OpenSim coordinates [rad, m]. A coordinate that the file does not have is NaN.

    in_degrees: where the header does not say. Errors: InputError.
    """
    storage = read_storage(path)
    degrees = storage.in_degrees if in_degrees is None else in_degrees
    if degrees is None:
        raise InputError(f"{path}: expected inDegrees=yes or no in the header, found neither; say in_degrees")
    if not set(storage.columns) & set(COORDINATES):
        raise InputError(f"{path}: expected coordinates such as knee_angle_r, found {', '.join(storage.columns)}")
    values = np.full((len(storage.data), len(COORDINATES)), np.nan)
    for i, name in enumerate(COORDINATES):
        if name in storage.columns:
            values[:, i] = storage.column(name)
            if degrees and name not in TRANSLATIONS:
                values[:, i] = np.radians(values[:, i])
    return Motion(time=storage.data[:, 0], values=values)


def write_mot(path: str | Path, motion: Motion) -> None:
    """Write a motion as OpenSim opens it: angles in degrees, translations in metres."""
    columns = {name: motion.coordinate(name) for name in COORDINATES}
    degrees = {name: value if name in TRANSLATIONS else np.degrees(value) for name, value in columns.items()}
    write_storage(path, "Coordinates", motion.time, degrees, in_degrees=True)


def read_plates(path: str | Path) -> Plates:
    """Force plates of a MOT or STO file: columns `..._vx` (force [N]) and `..._px` (centre of pressure [m]), Y up."""
    storage = read_storage(path)
    names = [m[1] for column in storage.columns if (m := re.fullmatch(r"(.*force.*)_vx", column))]
    if not names:
        raise InputError(f"{path}: expected force columns such as ground_force_vx, found {', '.join(storage.columns)}")

    def vectors(kind: str) -> Array:
        columns = [[storage.column(f"{name}_{kind}{axis}") for axis in "xyz"] for name in names]
        return np.nan_to_num(np.array(columns).transpose(2, 0, 1))

    return Plates(
        names=tuple(names), time=storage.data[:, 0], force=vectors("v"), centre=vectors("p"), source=storage.source
    )


def _header_item(line: str) -> tuple[str, str]:
    key, _, value = line.strip().partition("=") if "=" in line else line.strip().partition(" ")
    return key.strip(), value.strip()


def _whole(value: str, path: Path) -> int:
    try:
        return int(value)
    except ValueError:
        raise InputError(f"{path}: expected a whole number of rows and columns, found {value!r}") from None


def _storage_row(fields: list[str], columns: list[str], where: str) -> list[float]:
    _expect(where, "numbers", len(columns), len(fields))
    try:
        return [_float(field) for field in fields]
    except ValueError:
        bad = next(i for i, field in enumerate(fields) if not _is_number(field))
        raise InputError(f"{where}, column {columns[bad]!r}: expected a number, found {fields[bad]!r}") from None
