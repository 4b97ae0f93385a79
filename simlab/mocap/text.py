"""Tables of numbers in text files: read line by line into one array, whatever their ends, and never longer than that.

A reader names the file, the line or the marker, what it expected and what it found.
"""

from __future__ import annotations

import math
import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simlab.errors import RecordingError
from simlab.motion import Array

METRES = {
    "m": 1.0,
    "meter": 1.0,
    "meters": 1.0,
    "metre": 1.0,
    "metres": 1.0,
    "cm": 0.01,
    "centimeters": 0.01,
    "centimetres": 0.01,
    "mm": 0.001,
    "millimeters": 0.001,
    "millimetres": 0.001,
}
"""Metres in one unit of length, by the names that motion files use."""

FARTHEST = 1000.0
"""No marker is farther than this from the origin of a laboratory [m]: a number beyond it is damage or a wrong unit."""

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?nan(\(ind\))?", re.IGNORECASE | re.ASCII)
_COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?", re.ASCII)


def scale(stated: str | None, asked: str | None, where: str) -> float:
    """Metres in one unit: the one that the file states, else the one that was asked for.

    where: the file and line in the error. Errors: RecordingError for a unit that is unknown, missing, or contradicts
    the file.
    """
    if stated is not None and stated.lower() in METRES:
        factor = METRES[stated.lower()]
        if asked is not None and METRES.get(asked.lower()) != factor:
            raise RecordingError(f"{where}: expected the units {asked} as asked for, found {stated} in the file")
        return factor
    unit = asked if stated in (None, "") or asked is not None else stated
    if unit is None or unit.lower() not in METRES:
        raise RecordingError(f"{where}: expected the units m, cm or mm, found {unit!r}; say units=m, cm or mm")
    return METRES[unit.lower()]


def turn(up: str | None, where: str) -> Array:
    """The rotation that turns the file's vertical `up` into Y. Errors: RecordingError for anything but "y" or "z"."""
    if up not in ("y", "z"):
        raise RecordingError(f"{where}: expected the vertical axis, found {up!r}; say up=y or up=z")
    return np.eye(3) if up == "y" else np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])


def turned(positions: Array, rotation: Array) -> Array:
    """Vectors in other axes, to the bit where nothing turns; shape (..., 3)."""
    return positions if (rotation == np.eye(3)).all() else positions @ rotation.T


def lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a text file with their numbers, whatever their ends (LF, CRLF, CR), without a byte order mark.

    Errors: RecordingError when it cannot be read.
    """
    try:
        with path.open("rb") as start:
            mark = start.read(2)
        if mark in (b"\xff\xfe", b"\xfe\xff"):
            raise RecordingError(f"{path}: expected text in UTF-8, found UTF-16")
        with path.open(encoding="utf-8-sig", errors="replace", newline=None) as file:
            for number, line in enumerate(file, start=1):
                yield number, line.rstrip("\n")
    except OSError as error:
        raise RecordingError(f"{path}: cannot be read: {error.strerror}") from None


def fields(line: str) -> list[str]:
    """What stands between the tabs."""
    return [field.strip() for field in line.split("\t")]


def whole(text: str | None, what: str, where: str) -> int:
    """A count. Errors: RecordingError for anything but digits."""
    if text is None or not re.fullmatch(r"\d{1,12}", text, re.ASCII):
        shown = text if text is None or len(text) <= 40 else text[:40] + "..."
        raise RecordingError(f"{where}: expected a whole number {what}, found {shown!r}")
    return int(text)


def expect(where: str, what: str, expected: int, found: int) -> None:
    """Errors: RecordingError where two counts differ."""
    if expected != found:
        raise RecordingError(f"{where}: expected {expected} {what}, found {found}")


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of numbers, shape (rows, columns), and the line each came from, shape (rows,)."""

    data: Array
    line: np.ndarray


def table(
    path: Path,
    rows: Iterable[tuple[int, str]],
    columns: Sequence[str],
    separator: str | None = None,
    gaps: bool = False,
    what: str = "numbers",
) -> Table:
    """Lines of numbers, one row a line; empty lines are left out.

    columns: what to call each column in an error; separator: None for white space; gaps: an empty field is NaN, and so
    is the text nan; what: how an error calls the fields of a line. Memory follows the numbers, never a promise in a
    header. Errors: RecordingError for a line with more or fewer fields, for text, for infinity.
    """
    values, numbers, width = array("d"), array("q"), len(columns)
    for number, line in rows:
        if not line or line.isspace():
            continue
        parts = line.split(separator)
        if len(parts) != width and separator is not None:
            while len(parts) > width and not parts[-1].strip():
                parts.pop()
        if len(parts) != width:
            _refuse_commas(parts, f"{path}, line {number}")
            expect(f"{path}, line {number}", what, width, len(parts))
        have = len(values)
        try:
            if "_" in line or not line.isascii():  # float() would read 1_0 as ten
                raise ValueError
            values.extend(map(float, parts))
        except ValueError:
            del values[have:]
            values.extend(_explained(parts, columns, gaps, f"{path}, line {number}"))
        numbers.append(number)
    data = np.frombuffer(values, dtype=np.float64).reshape(-1, width)
    line_numbers = np.frombuffer(numbers, dtype=np.int64)
    for i, j in np.argwhere(np.isinf(data)) if np.isinf(data).any() else ():
        raise RecordingError(f"{path}, line {line_numbers[i]}, {columns[j]}: expected a number, found 'inf'")
    return Table(data, line_numbers)


def _explained(parts: Sequence[str], columns: Sequence[str], gaps: bool, where: str) -> list[float]:
    """The numbers of a line that is not all numbers. Errors: RecordingError with the column."""
    out = []
    for part, column in zip(parts, columns, strict=True):
        text = part.strip()
        if gaps and not text:
            out.append(math.nan)
        elif _NUMBER.fullmatch(text):
            out.append(math.nan if "n" in text.lower() else float(text))
        else:
            _refuse_commas([text], f"{where}, {column}")
            shown = text if len(text) <= 40 else text[:40] + "..."
            raise RecordingError(f"{where}, {column}: expected a number, found {shown!r}")
    return out


def _refuse_commas(parts: Sequence[str], where: str) -> None:
    for part in parts:
        if _COMMA.fullmatch(part.strip()):
            raise RecordingError(
                f"{where}: expected numbers with a decimal point, found {part.strip()!r} with a decimal comma"
            )


def check_time(found: Table, column: int, path: Path, uniform: bool = True) -> Array:
    """The time column [s], shape (rows,); uniform: all steps are the same within half (many round to 1 ms).

    Errors: RecordingError where it does not increase, or misses frames.
    """
    time = found.data[:, column]
    steps = np.diff(time)
    if not len(steps):
        if np.isnan(time).any():
            raise RecordingError(f"{path}, line {found.line[0]}: expected a time, found nan")
        return time
    for i in np.flatnonzero(~(steps > 0))[:1]:
        raise RecordingError(
            f"{path}, line {found.line[i + 1]}: expected a time after {time[i]:g} s, found {time[i + 1]:g}"
        )
    step = float(np.median(steps))
    if uniform:
        for i in np.flatnonzero(np.abs(steps - step) > 0.5 * step + 1e-9)[:1]:
            raise RecordingError(
                f"{path}, line {found.line[i + 1]}: expected the next frame {step:g} s after the last ({time[i]:g} s), "
                f"found it {steps[i]:g} s after"
            )
    return time


def check_places(positions: Array, names: Sequence[str], where: str) -> None:
    """Errors: RecordingError for a marker [m] that is nowhere near a laboratory; shape (n, len(names), 3)."""
    with np.errstate(invalid="ignore"):
        far = (np.abs(positions) > FARTHEST).any(axis=(0, 2))
    for i in np.flatnonzero(far)[:1]:
        frame = int(np.flatnonzero((np.abs(positions[:, i]) > FARTHEST).any(axis=1))[0])
        found = np.nanmax(np.abs(positions[frame, i]))
        raise RecordingError(
            f"{where}: marker {names[i]}, frame {frame + 1} of {len(positions)}: expected it within {FARTHEST:g} m, "
            f"found it at {found:g} m (damage, or other units)"
        )


def blank_gaps(positions: Array) -> None:
    """A marker at 0 0 0, or with a missing coordinate, was not seen: NaN, in place."""
    gap = np.isnan(positions).any(axis=2) | ~positions.any(axis=2)
    positions[gap] = np.nan
