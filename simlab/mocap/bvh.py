"""BVH files: a skeleton and its joint angles over time, read as the positions of its joints.

Source: Meredith and Maddock (2001) Motion Capture File Formats Explained, University of Sheffield. The library bvhio,
which the tests compare this with, waits forever at the end of a file that was cut off.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from simlab.errors import RecordingError
from simlab.mocap import text
from simlab.motion import Array, Markers

CHANNELS = {f"{axis}{kind}": (kind, i) for i, axis in enumerate("XYZ") for kind in ("position", "rotation")}
FRAMES_AT_ONCE = 4096
"""So that the rotations of a long recording never stand in memory together."""


@dataclass(slots=True)
class _Joint:
    name: str
    parent: int
    offset: Array = field(default_factory=lambda: np.zeros(3))
    channels: tuple[str, ...] = ()
    first: int = 0
    """The column of its first channel."""


def read_bvh(path: str | Path, units: str | None = None, up: str | None = None) -> Markers:
    """The joints of a BVH file as markers [m], Y up. A joint without channels at the end of a limb is NAME_end.

    units (m, cm, mm) and up (y, z): a BVH file states neither, though most have Y up. Errors: RecordingError.
    """
    path = Path(path)
    rows = text.lines(path)
    joints = _hierarchy(path, rows)
    count, step = _motion_header(path, rows)
    factor, axes = text.scale(None, units, str(path)), text.turn(up, str(path))
    columns = [f"joint {joint.name} {channel}" for joint in joints for channel in joint.channels]
    if not columns:
        raise RecordingError(f"{path}: expected CHANNELS of at least one joint, found none")
    found = text.table(path, rows, columns)
    last = f", line {found.line[-1]}" if len(found.line) else ""
    text.expect(f"{path}{last}", "frames (Frames:) up to here", count, len(found.line))
    if not count:
        raise RecordingError(f"{path}: expected frames, found none")
    if np.isnan(found.data).any():
        i, j = np.argwhere(np.isnan(found.data))[0]
        raise RecordingError(f"{path}, line {found.line[i]}, {columns[j]}: expected a number, found nan")
    positions = np.empty((count, len(joints), 3))
    for start in range(0, count, FRAMES_AT_ONCE):
        part = slice(start, start + FRAMES_AT_ONCE)
        _place(joints, found.data[part], positions[part])
    del found
    positions *= factor
    names = tuple(joint.name for joint in joints)
    text.check_places(positions, names, str(path))
    time = np.arange(count, dtype=np.float64) * step
    return Markers(names=names, time=time, positions=text.turned(positions, axes), source=str(path))


def _hierarchy(path: Path, rows: Iterator[tuple[int, str]]) -> list[_Joint]:
    """The joints, parents first, from everything up to the line MOTION."""
    words = ((number, line.split()) for number, line in rows if line.strip())
    joints: list[_Joint] = []
    open_: list[int] = []
    columns, waiting, number = 0, False, 0
    _keyword(path, next(words, (1, [])), ["HIERARCHY"])
    for number, parts in words:
        where, key = f"{path}, line {number}", parts[0]
        if waiting:
            _keyword(path, (number, parts), ["{"])
            waiting = False
        elif key in ("ROOT", "JOINT", "End"):
            if (key == "ROOT") != (not joints) or (joints and not open_) or len(parts) < 2:
                raise RecordingError(f"{where}: expected one ROOT and its JOINTs, found {' '.join(parts)[:40]!r}")
            parent = open_[-1] if open_ else -1
            name = f"{joints[parent].name}_end" if key == "End" else " ".join(parts[1:])
            if any(joint.name == name for joint in joints):
                raise RecordingError(f"{where}: expected each joint once, found {name!r} twice")
            open_.append(len(joints))
            joints.append(_Joint(name, parent))
            waiting = True
        elif key == "OFFSET" and open_ and len(parts) == 4:
            joints[open_[-1]].offset = text.table(path, [(number, " ".join(parts[1:]))], ["offset"] * 3).data[0]
            if np.isnan(joints[open_[-1]].offset).any():
                raise RecordingError(f"{where}, offset: expected a number, found nan")
        elif key == "CHANNELS" and open_ and len(parts) > 1:
            joint, names = joints[open_[-1]], tuple(parts[2:])
            text.expect(where, "channels", text.whole(parts[1], "of channels", where), len(names))
            if joint.channels or any(name not in CHANNELS for name in names) or len(set(names)) < len(names):
                raise RecordingError(f"{where}: expected channels such as Xposition and Zrotation once, found {names}")
            joint.channels, joint.first = names, columns
            columns += len(names)
        elif key == "}" and open_:
            open_.pop()
        elif key == "MOTION" and joints and not open_:
            return joints
        else:
            raise RecordingError(f"{where}: expected a line of the HIERARCHY, found {' '.join(parts)[:40]!r}")
    raise RecordingError(f"{path}, line {number}: expected MOTION, found the end of the file")


def _motion_header(path: Path, rows: Iterator[tuple[int, str]]) -> tuple[int, float]:
    """The number of frames and the time from one to the next [s]."""
    words = ((number, line.split()) for number, line in rows if line.strip())
    number, parts = _keyword(path, next(words, (0, [])), ["Frames:"])
    count = text.whole(parts[1] if len(parts) == 2 else None, "of frames", f"{path}, line {number}")
    number, parts = _keyword(path, next(words, (0, [])), ["Frame", "Time:"])
    if len(parts) != 3:
        raise RecordingError(f"{path}, line {number}: expected a frame time in seconds, found {parts[2:]}")
    step = float(text.table(path, [(number, parts[2])], ["frame time"]).data[0, 0])
    if not 0 < step < 10:
        raise RecordingError(f"{path}, line {number}: expected a frame time in seconds, found {step:g}")
    return count, step


def _keyword(path: Path, line: tuple[int, list[str]], words: list[str]) -> tuple[int, list[str]]:
    number, parts = line
    if parts[: len(words)] != words:
        where = f"{path}, line {number}" if number else str(path)
        found = " ".join(parts)[:40] if parts else "the end of the file"
        raise RecordingError(f"{where}: expected {' '.join(words)}, found {found!r}")
    return line


def _place(joints: list[_Joint], values: Array, out: Array) -> None:
    """The positions of all joints in a run of frames, in the file's unit and axes, into `out` (n, joints, 3).

    A joint stands at its offset in the frame of its parent, or where its position channels say (instead, not as well:
    as bvhio, Blender and MotionBuilder have it), then turns by its rotation channels in the order of their listing.
    """
    n = len(values)
    turns: list[Array] = []
    for i, joint in enumerate(joints):
        move = np.tile(joint.offset, (n, 1))
        turn = np.tile(np.eye(3), (n, 1, 1))
        for column, name in enumerate(joint.channels, start=joint.first):
            kind, axis = CHANNELS[name]
            if kind == "position":
                move[:, axis] = values[:, column]
            else:
                turn = turn @ about(axis, np.radians(values[:, column]))
        if joint.parent < 0:
            out[:, i], full = move, turn
        else:
            out[:, i] = out[:, joint.parent] + np.einsum("nij,nj->ni", turns[joint.parent], move)
            full = turns[joint.parent] @ turn
        turns.append(full)


def about(axis: int, angle: Array) -> Array:
    """Rotations about X, Y or Z (0, 1, 2) by angles [rad], shape (n, 3, 3)."""
    out = np.zeros((len(angle), 3, 3))
    i, j = (axis + 1) % 3, (axis + 2) % 3
    out[:, axis, axis] = 1
    out[:, i, i] = out[:, j, j] = np.cos(angle)
    out[:, j, i] = np.sin(angle)
    out[:, i, j] = -out[:, j, i]
    return out
