"""The C3D file format: header, parameters and data, every count checked against the file before it is believed.

Source: The C3D File Format, User Guide, Motion Lab Systems 2008. Read here rather than by ezc3d, which the tests
compare it with: ezc3d trusts the counts of a damaged file, and stops at 65,535 frames.
"""

from __future__ import annotations

import logging
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from simlab.errors import RecordingError
from simlab.motion import Array

BLOCK = 512
"""Bytes of a block; everything starts on one."""
PROCESSORS = {84: "<", 85: "<", 86: ">"}
"""Byte order by the processor that wrote the file: Intel, DEC (with floats of its own), MIPS."""
DEC = 85
SATURATED = 65535
"""A count that 16 bits cannot hold is written as this."""

Group = Mapping[str, Any]
"""A parameter is a list of strings, or an array whose first dimension runs fastest in the file."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A C3D file as it stands.

    points, shape (n, points, 4): x, y, z in the file's unit, and the residual, below 0 where it was not seen.
    analogs, shape (n * subframes, channels), in the units of ANALOG:UNITS. first: number of the first frame, from 1.
    """

    source: str
    groups: Mapping[str, Group]
    first: int
    rate: float
    points: np.ndarray
    analogs: Array
    analog_rate: float
    header_events: tuple[tuple[str, float], ...]

    def get(self, group: str, name: str) -> Any:
        """A parameter; an empty list where there is none."""
        return self.groups.get(group, {}).get(name, [])

    def strings(self, group: str, name: str) -> list[str]:
        """A parameter of text; empty where there is none. Errors: RecordingError for numbers."""
        found = self.get(group, name)
        if not isinstance(found, list):
            raise RecordingError(f"{self.source}, {group}:{name}: expected text, found numbers")
        return found

    def numbers(self, group: str, name: str) -> Array:
        """A parameter of numbers; empty where there is none. Errors: RecordingError for text."""
        found = self.get(group, name)
        if isinstance(found, list):
            if found:
                raise RecordingError(f"{self.source}, {group}:{name}: expected numbers, found text")
            return np.zeros(0)
        return np.asarray(found, dtype=np.float64)

    def counts(self, group: str, name: str) -> list[int]:
        """A parameter of whole numbers; empty where there is none. Errors: RecordingError for anything else."""
        found = self.numbers(group, name).ravel()
        if not (np.isfinite(found).all() and (np.abs(found) < 1e12).all()):
            raise RecordingError(f"{self.source}, {group}:{name}: expected whole numbers, found {found[:10]}")
        return [int(value) for value in found]


@np.errstate(invalid="ignore", over="ignore")  # what is not a number is found where it matters
def load(path: str | Path) -> File:
    """Read a C3D file. Errors: RecordingError that says what was expected and what was found."""
    try:
        raw = Path(path).read_bytes()
    except OSError as error:
        raise RecordingError(f"{path}: cannot be read: {error.strerror}") from None
    source = str(path)
    if len(raw) < 2 * BLOCK or raw[1] != 0x50:
        found = f"{len(raw)} bytes that start with {raw[:2].hex() or 'nothing'}"
        raise RecordingError(
            f"{source}: expected a C3D file (two blocks or more, the second byte 50 hex), found {found}"
        )
    start = (raw[0] - 1) * BLOCK
    if not 0 < start <= len(raw) - BLOCK:
        raise RecordingError(f"{source}, header: expected the parameters inside the file, found block {raw[0]}")
    processor = raw[start + 3]
    if processor not in PROCESSORS:
        raise RecordingError(f"{source}, parameters: expected processor 84, 85 or 86, found {processor}")
    reader = _Reader(raw, source, PROCESSORS[processor], processor == DEC)
    return reader.file(start)


class _Reader:
    """The bytes of a file with the byte order in which they were written."""

    def __init__(self, raw: bytes, source: str, order: str, dec: bool) -> None:
        self.raw, self.source, self.order, self.dec = raw, source, order, dec

    def word(self, at: int) -> int:
        return int(struct.unpack_from(self.order + "H", self.raw, at)[0])

    def floats(self, at: int, count: int) -> np.ndarray:
        """float32, shape (count,); DEC floats have their halves swapped and an exponent 2 larger."""
        if self.dec:
            halves = np.frombuffer(self.raw, "<u2", 2 * count, at).reshape(-1, 2)
            return np.ascontiguousarray(halves[:, ::-1]).view("<f4")[:, 0] / np.float32(4)
        return np.frombuffer(self.raw, self.order + "f4", count, at)

    def integers(self, at: int, count: int, kind: str = "i2") -> np.ndarray:
        return np.frombuffer(self.raw, self.order + kind, count, at)

    # --- parameters ---

    def groups(self, start: int, data: int) -> dict[str, dict[str, Any]]:
        """All parameters by group. Every step goes forward and stays in the section, so the walk ends."""
        end = min(max(start + BLOCK * self.raw[start + 2], data), len(self.raw))
        names: dict[int, str] = {}
        found: list[tuple[int, str, Any]] = []
        at = start + 4
        while at + 2 <= end and self.raw[at]:
            length, group = (value - 256 if value > 127 else value for value in self.raw[at : at + 2])
            head = at + 2 + abs(length)
            if head + 4 > end:
                raise self._outside(f"parameter at byte {at}", head + 4, end)
            name = self.raw[at + 2 : head].decode("utf-8", "replace").strip().upper()
            offset = self.word(head)
            if group < 0:
                names[-group] = name
            else:
                found.append((group, name, self._value(name, head + 2, end)))
            if offset == 0:
                break
            if offset < 2:
                raise RecordingError(f"{self.source}, parameter {name}: expected the next one after it, found overlap")
            at = head + offset
        groups: dict[str, dict[str, Any]] = {name: {} for name in names.values()}
        for group, name, value in found:
            groups.setdefault(names.get(group, f"GROUP {group}"), {})[name] = value
        return groups

    def _value(self, name: str, at: int, end: int) -> Any:
        kind = self.raw[at] - 256 if self.raw[at] > 127 else self.raw[at]
        count = self.raw[at + 1]
        dims = tuple(self.raw[at + 2 : at + 2 + count])
        at += 2 + count
        if kind not in (-1, 1, 2, 4) or count > 7:
            raise RecordingError(
                f"{self.source}, parameter {name}: expected characters, bytes, integers or floats in up to 7 "
                f"dimensions, found type {kind} in {count}"
            )
        items = math.prod(dims)
        if at + items * abs(kind) > end:
            raise self._outside(f"parameter {name}", at + items * abs(kind), end)
        if kind == -1:
            width = dims[0] if dims else 1
            strings = math.prod(dims[1:]) if items else 0
            return [
                self.raw[at + i * width : at + (i + 1) * width].decode("utf-8", "replace").strip(" \0")
                for i in range(strings)
            ]
        values = self.floats(at, items) if kind == 4 else self.integers(at, items, "i1" if kind == 1 else "i2")
        return values.reshape(dims or (1,), order="F")

    def _outside(self, what: str, expected: int, found: int) -> RecordingError:
        return RecordingError(
            f"{self.source}, {what}: expected {expected} bytes of header and parameters, found {found}"
        )

    # --- everything ---

    def file(self, start: int) -> File:
        raw, source = self.raw, self.source
        data = (self.word(16) - 1) * BLOCK
        groups = self.groups(start, data if data > start else start)
        partial = File(
            source=source,
            groups=groups,
            first=0,
            rate=0.0,
            points=np.zeros((0, 0, 4)),
            analogs=np.zeros((0, 0)),
            analog_rate=0.0,
            header_events=(),
        )
        markers, analog, subframes = self.word(2), self.word(4), self.word(18)
        rate, scale = (float(value) for value in (self.floats(20, 1)[0], self.floats(12, 1)[0]))
        rate = self._agree(partial, "POINT", "RATE", rate, "Hz")
        scale = self._agree(partial, "POINT", "SCALE", scale, "of scale")
        self._agree(partial, "POINT", "USED", markers, "points")
        if not (math.isfinite(rate) and rate > 0):
            raise RecordingError(f"{source}: expected a frame rate above 0 Hz, found {rate:g}")
        if not math.isfinite(scale) or scale == 0:
            raise RecordingError(f"{source}, POINT:SCALE: expected a number that is not 0, found {scale:g}")
        if analog and (not subframes or analog % subframes):
            raise RecordingError(
                f"{source}, header: expected whole analog channels, found {analog} samples a frame in {subframes} steps"
            )
        channels = analog // subframes if analog else 0
        if channels:
            self._agree(partial, "ANALOG", "USED", channels, "channels")
            self._agree(partial, "ANALOG", "RATE", rate * subframes, "Hz of analog channels")
        if not start < data <= len(raw):
            raise RecordingError(
                f"{source}, header: expected the data after the parameters, found them at byte {data} of {len(raw)}"
            )
        words, size = 4 * markers + analog, 4 if scale < 0 else 2
        first, frames = self._frames(partial, (len(raw) - data), words * size)
        if scale < 0:
            block = self.floats(data, frames * words).reshape(frames, words)
        else:
            block = self.integers(data, frames * words).reshape(frames, words)
        points = block[:, : 4 * markers].reshape(frames, markers, 4)
        if scale > 0:
            points = points * np.array([scale, scale, scale, 1.0])
        return File(
            source=source,
            groups=groups,
            first=first,
            rate=rate,
            points=points,
            analogs=self._analogs(partial, block[:, 4 * markers :].reshape(frames * subframes, channels))
            if channels
            else np.zeros((0, 0)),
            analog_rate=rate * subframes,
            header_events=self._events(),
        )

    def _agree(self, file: File, group: str, name: str, header: float, unit: str) -> float:
        """A number that the header and a parameter both have. Errors: RecordingError where they differ."""
        stated = file.numbers(group, name).ravel()
        if not len(stated):
            return header
        value = float(stated[0])
        if name == "USED" and value < 0:
            value += SATURATED + 1  # 16 bits without a sign
        if not math.isclose(value, header, rel_tol=1e-3) and not (name == "RATE" and header == 0):
            raise RecordingError(
                f"{self.source}, {group}:{name}: expected the {header:g} {unit} of the header, found {value:g}"
            )
        return value

    def _frames(self, file: File, available: int, size: int) -> tuple[int, int]:
        """The number of the first frame, and how many there are. Errors: RecordingError where the file is shorter."""
        first, last = self.word(6), self.word(8)
        count = last - first + 1
        start, end = (file.counts("TRIAL", name) for name in ("ACTUAL_START_FIELD", "ACTUAL_END_FIELD"))
        long, stated = (file.counts("POINT", name) for name in ("LONG_FRAMES", "FRAMES"))
        if len(start) == 2 and len(end) == 2:
            first, last = (pair[0] % 65536 + 65536 * (pair[1] % 65536) for pair in (start, end))
            count = last - first + 1
        elif last == SATURATED and long:
            count = long[0]
        elif last != SATURATED and stated and stated[0] % 65536 not in (count, 0):
            raise RecordingError(
                f"{self.source}, POINT:FRAMES: expected the {count} frames of the header, found {stated[0] % 65536}"
            )
        if count < 1 or not size:
            raise RecordingError(
                f"{self.source}: expected frames of points, found frames {first} to {last} of {size} bytes"
            )
        if count * size > available:
            raise RecordingError(
                f"{self.source}: expected {count} frames of {size} bytes after the header and the parameters, "
                f"found {available / size:.1f}"
            )
        if available - count * size >= 2 * BLOCK:
            found = f"room for {available // size} frames, the header says {count}"
            if count == SATURATED or last == SATURATED:
                raise RecordingError(
                    f"{self.source}: expected TRIAL:ACTUAL_START_FIELD and ACTUAL_END_FIELD or POINT:LONG_FRAMES "
                    f"beyond {SATURATED} frames, found {found}"
                )
            log.warning("%s: %s; the rest is left out", self.source, found)
        return max(first, 1), count

    def _analogs(self, file: File, raw: np.ndarray) -> Array:
        """Channels in their units: (value - offset) * scale * general scale."""
        channels = raw.shape[1]
        scales, offsets = (self._each(file, name, channels) for name in ("SCALE", "OFFSET"))
        general = file.numbers("ANALOG", "GEN_SCALE").ravel()
        if any("UNSIGNED" in text.upper() for text in file.strings("ANALOG", "FORMAT")):
            offsets = offsets % 65536
            if raw.dtype.kind == "i":
                raw = raw.view(raw.dtype.str.replace("i", "u"))
        factor = (1.0 if scales is None else scales) * (float(general[0]) if len(general) else 1.0)
        return (raw.astype(np.float64) - offsets) * factor

    def _each(self, file: File, name: str, channels: int) -> Array:
        """A number for each channel, by ANALOG:NAME and NAME2 ...; 0 (OFFSET) or 1 (SCALE) where none are given."""
        found = np.concatenate(
            [file.numbers("ANALOG", key).ravel() for key in (name, *(f"{name}{i}" for i in range(2, 10)))]
        )
        if not len(found):
            return np.zeros(channels) if name == "OFFSET" else np.ones(channels)
        if len(found) < channels:
            raise RecordingError(f"{self.source}, ANALOG:{name}: expected {channels} numbers, found {len(found)}")
        return found[:channels]

    def _events(self) -> tuple[tuple[str, float], ...]:
        """The events in the header: label and time [s]."""
        if self.word(2 * 149) != 12345:
            return ()
        count = min(self.word(2 * 150), 18)
        labels = [
            self.raw[2 * 198 + 4 * i : 2 * 198 + 4 * i + 4].decode("utf-8", "replace").strip(" \0") for i in range(18)
        ]
        return tuple(zip(labels[:count], (float(t) for t in self.floats(2 * 152, 18)[:count]), strict=True))
