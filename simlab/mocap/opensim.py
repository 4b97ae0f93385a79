"""OpenSim's text formats: markers (TRC), motions and force plates (MOT, STO).

What is written is read back to the bit: numbers are written in the shortest form that keeps them.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simlab.errors import RecordingError
from simlab.mocap import text
from simlab.mocap.plates import LOADED, Plates
from simlab.motion import COORDINATES, TRANSLATIONS, Array, Markers, Motion

# --- markers ---------------------------------------------------------------------------------------------------------


def read_trc(path: str | Path, units: str | None = None, up: str = "y") -> Markers:
    """Markers of a TRC file [m], Y up; a gap (empty fields, or 0 0 0) is NaN.

    units: m, cm or mm where the header does not say; up: z where the file's vertical is Z (OpenSim's is Y).
    Errors: RecordingError.
    """
    path = Path(path)
    rows = text.lines(path)
    head = [line for _, line in itertools.islice(rows, 5)]
    if len(head) < 5 or not head[0].startswith("PathFileType"):
        start = head[0][:40] if head else ""
        raise RecordingError(f"{path}, line 1: expected a TRC header (PathFileType ...), found {start!r}")
    header = dict(zip(text.fields(head[1]), text.fields(head[2]), strict=False))
    factor = text.scale(header.get("Units"), units, f"{path}, line 3")
    names = tuple(name for name in text.fields(head[3])[2:] if name)
    markers = text.whole(header.get("NumMarkers"), "for NumMarkers", f"{path}, line 3")
    frames = text.whole(header.get("NumFrames"), "for NumFrames", f"{path}, line 3")
    text.expect(f"{path}, line 4", "marker names (NumMarkers)", markers, len(names))
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise RecordingError(f"{path}, line 4: expected each marker once, found {twice!r} {names.count(twice)} times")
    if not names:
        raise RecordingError(f"{path}, line 4: expected markers, found none")
    columns = ["frame", "time", *(f"marker {name}" for name in names for _ in "xyz")]
    what = f"fields (frame, time and 3 for each of {len(names)} markers)"
    found = text.table(path, rows, columns, separator="\t", gaps=True, what=what)
    last = found.line[-1] if len(found.line) else 5
    text.expect(f"{path}, line {last}", "frames (NumFrames) up to here", frames, len(found.line))
    if not frames:
        raise RecordingError(f"{path}: expected frames, found none after the header")
    time = text.check_time(found, 1, path).copy()
    positions = found.data[:, 2:].reshape(frames, len(names), 3)
    del found
    text.blank_gaps(positions)
    positions *= factor
    text.check_places(positions, names, str(path))
    positions = text.turned(positions, text.turn(up, str(path)))
    return Markers(names=names, time=time, positions=positions, source=str(path))


def write_trc(path: str | Path, markers: Markers) -> None:
    """Write markers as a TRC file in metres, Y up; a gap is written as empty fields. Read back, it is the same."""
    path, n, m = Path(path), len(markers.time), len(markers.names)
    rate = f"{(n - 1) / (markers.time[-1] - markers.time[0]) if n > 1 else 100.0:.6g}"
    head = [
        ["PathFileType", "4", "(X/Y/Z)", path.name],
        ["DataRate", "CameraRate", "NumFrames", "NumMarkers", "Units", "OrigDataRate", "OrigDataStartFrame"]
        + ["OrigNumFrames"],
        [rate, rate, str(n), str(m), "m", rate, "1", str(n)],
        ["Frame#", "Time", *(field for name in markers.names for field in (name, "", ""))],
        ["", "", *(f"{axis}{i + 1}" for i in range(m) for axis in "XYZ")],
        [],
    ]
    values = markers.positions.reshape(n, 3 * m)
    body = (
        [str(i + 1), repr(float(time)), *("" if value != value else repr(value) for value in row.tolist())]
        for i, (time, row) in enumerate(zip(markers.time, values, strict=True))
    )
    _write(path, itertools.chain(head, body))


def _write(path: Path, rows: Iterable[Sequence[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines("\t".join(row) + "\n" for row in rows)


# --- tables over time ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """A MOT or STO file as it stands. data: shape (rows, len(columns)); in_degrees: None where the header is silent."""

    columns: tuple[str, ...]
    data: Array
    in_degrees: bool | None
    source: str

    def column(self, name: str) -> Array:
        """One column, shape (rows,). Errors: RecordingError with the columns that there are."""
        if self.columns.count(name) > 1:
            raise RecordingError(f"{self.source}: expected one column {name!r}, found {self.columns.count(name)}")
        if name not in self.columns:
            raise RecordingError(f"{self.source}: expected a column {name!r}, found {', '.join(self.columns)}")
        return self.data[:, self.columns.index(name)]


def read_storage(path: str | Path, uniform: bool = False) -> Storage:
    """A MOT or STO file with a modern (`nColumns=`) or legacy (`datacolumns`) header.

    uniform: refuse rows that are missing. Errors: RecordingError.
    """
    path = Path(path)
    rows = text.lines(path)
    header: dict[str, str] = {}
    number = 0
    for i, line in rows:
        number = i
        if line.strip().lower() == "endheader":
            break
        key, value = _header_item(line)
        header[key.lower()] = value
    else:
        raise RecordingError(f"{path}, line {number}: expected 'endheader', found the end of the file")
    label_line, labels = next(((i, line.split()) for i, line in rows if line.strip()), (number + 1, []))
    if not labels or labels[0].lower() != "time":
        raise RecordingError(f"{path}, line {label_line}: expected a line of column names that starts with 'time'")
    width = header.get("ncolumns", header.get("datacolumns", str(len(labels))))
    where = f"{path}, line {label_line}"
    text.expect(
        where, "column names (as the header says)", text.whole(width, "of columns", f"{path}, header"), len(labels)
    )
    found = text.table(path, rows, [f"column {label!r}" for label in labels])
    length = header.get("nrows", header.get("datarows", str(len(found.line))))
    last = found.line[-1] if len(found.line) else label_line
    expected = text.whole(length, "of rows", f"{path}, header")
    text.expect(f"{path}, line {last}", "rows (as the header says) up to here", expected, len(found.line))
    if not len(found.line):
        raise RecordingError(f"{path}, line {last}: expected rows of numbers, found none")
    text.check_time(found, 0, path, uniform)
    degrees = {"yes": True, "no": False}.get(header.get("indegrees", "").lower())
    return Storage(columns=tuple(labels), data=found.data, in_degrees=degrees, source=str(path))


def write_storage(path: str | Path, name: str, time: Array, columns: Mapping[str, Array], in_degrees: bool) -> None:
    """Write a MOT or STO file. name: the title OpenSim shows; columns: shape (n,) each. Read back, it is the same."""
    table = np.column_stack([time, *columns.values()])
    degrees = "yes" if in_degrees else "no"
    head = [name, "version=1", f"nRows={len(table)}", f"nColumns={table.shape[1]}", f"inDegrees={degrees}", "endheader"]
    body = (list(map(repr, row.tolist())) for row in table)
    _write(Path(path), itertools.chain(([line] for line in head), [["time", *columns]], body))


def read_mot(path: str | Path, in_degrees: bool | None = None) -> Motion:
    """A motion of OpenSim coordinates [rad, m]. A coordinate that the file does not have is NaN.

    in_degrees: where the header does not say. Errors: RecordingError, also where it says otherwise.
    """
    storage = read_storage(path)
    stated = storage.in_degrees
    if stated is not None and in_degrees not in (None, stated):
        yes, no = ("yes", "no") if in_degrees else ("no", "yes")
        raise RecordingError(f"{path}: expected inDegrees={yes} as asked for, found inDegrees={no} in the header")
    degrees = in_degrees if stated is None else stated
    if degrees is None:
        raise RecordingError(f"{path}: expected inDegrees=yes or no in the header, found neither; say in_degrees")
    if not set(storage.columns) & set(COORDINATES):
        raise RecordingError(f"{path}: expected coordinates such as knee_angle_r, found {', '.join(storage.columns)}")
    values = np.full((len(storage.data), len(COORDINATES)), np.nan)
    for i, name in enumerate(COORDINATES):
        if name in storage.columns:
            values[:, i] = storage.column(name)
            if degrees and name not in TRANSLATIONS:
                values[:, i] = np.radians(values[:, i])
    return Motion(time=storage.data[:, 0], values=values)


def write_mot(path: str | Path, motion: Motion, in_degrees: bool = True) -> None:
    """Write a motion as OpenSim opens it: angles in degrees, or in radians (then to the bit), translations in metres.

    A coordinate that is not known anywhere is left out.
    """
    columns = {name: motion.coordinate(name) for name in COORDINATES}
    known = {name: value for name, value in columns.items() if not np.isnan(value).all()} or columns
    if in_degrees:
        known = {name: value if name in TRANSLATIONS else np.degrees(value) for name, value in known.items()}
    write_storage(path, "Coordinates", motion.time, known, in_degrees=in_degrees)


def read_plates(path: str | Path, up: str = "y") -> Plates:
    """Force plates of a MOT or STO file, Y up, as OpenSim has them.

    Columns: `NAME_vx` (force [N]), `NAME_px` (where it acts [m]) and, where there are any, its moment [Nm] by one of
    the names of `_moments`. NAME contains `force`: ground_force, 1_ground_force, ground_force_2. up: z where the
    file's vertical is Z. Errors: RecordingError, also where the ground does not push up.
    """
    storage = read_storage(path, uniform=True)
    names = [m[1] for column in storage.columns if (m := re.fullmatch(r"(.*force.*)_vx", column))]
    if not names:
        raise RecordingError(
            f"{path}: expected force columns such as ground_force_vx, found {', '.join(storage.columns)}"
        )

    def vectors(prefixes: Sequence[str]) -> Array:
        columns = [[storage.column(f"{prefix}{axis}") for axis in "xyz"] for prefix in prefixes]
        return text.turned(np.array(columns).transpose(2, 0, 1), text.turn(up, str(path)))

    moments = [_moments(name, storage.columns) for name in names]
    known = [prefix for prefix in moments if prefix is not None]
    if known and len(known) < len(names):
        without = names[moments.index(None)]
        raise RecordingError(f"{path}: expected the moment of every plate or of none, found none of {without!r}")
    force = vectors([f"{name}_v" for name in names])
    plates = Plates(
        names=tuple(names),
        time=storage.data[:, 0],
        force=force,
        centre=vectors([f"{name}_p" for name in names]),
        moment=vectors(known) if known else None,
        source=storage.source,
    )
    _check_push(plates)
    return plates


def _moments(name: str, columns: tuple[str, ...]) -> str | None:
    """What the columns of a plate's moment are called before their axis; None where there are none."""
    torque, moment = name.replace("force", "torque"), name.replace("force", "moment")
    forms = (f"{name}_m", f"{name}_t", f"{torque}_", f"{moment}_", f"{torque}_m", f"{torque}_t", f"{moment}_m")
    return next((form for form in forms if f"{form}x" in columns), None)


def _check_push(plates: Plates) -> None:
    """Errors: RecordingError where the mean force of all plates is large and points anywhere but up."""
    total = plates.force.sum(axis=1).mean(axis=0)
    if np.linalg.norm(total) > LOADED and total[1] < 0.5 * np.linalg.norm(total):
        found = ", ".join(f"{axis} {newtons:.0f}" for axis, newtons in zip("XYZ", total, strict=True))
        raise RecordingError(
            f"{plates.source}: expected the ground to push up along Y, found a mean force of {found} N; say up"
        )


def _header_item(line: str) -> tuple[str, str]:
    key, _, value = line.strip().partition("=") if "=" in line else line.strip().partition(" ")
    return key.strip(), value.strip()
