"""UI-PRMD: ten rehabilitation exercises by ten people, positions by Vicon or Kinect in text files.

Source: Vakanski, Jun, Paul and Baker (2018) A Data Set of Human Body Movements for Physical Rehabilitation Exercises,
Data 3(1):2, doi 10.3390/data3010002. A line is a frame, three numbers a joint, commas between them; no header.
Vicon positions are absolute; a Kinect position is that of a joint in the axes of its parent, so that it takes the file
of angles beside it (degrees, Euler angles of Z Y X) to say where anything is.
"""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np

from simlab.errors import RecordingError
from simlab.mocap import text
from simlab.mocap.bvh import about
from simlab.motion import Array, Markers

KINECT = {
    "Waist": None,
    "Spine": "Waist",
    "Chest": "Spine",
    "Neck": "Chest",
    "Head": "Neck",
    "HeadTip": "Head",
    "LeftCollar": "Chest",
    "LeftUpperArm": "LeftCollar",
    "LeftForearm": "LeftUpperArm",
    "LeftHand": "LeftForearm",
    "RightCollar": "Chest",
    "RightUpperArm": "RightCollar",
    "RightForearm": "RightUpperArm",
    "RightHand": "RightForearm",
    "LeftUpperLeg": "Waist",
    "LeftLowerLeg": "LeftUpperLeg",
    "LeftFoot": "LeftLowerLeg",
    "LeftToes": "LeftFoot",
    "RightUpperLeg": "Waist",
    "RightLowerLeg": "RightUpperLeg",
    "RightFoot": "RightLowerLeg",
    "RightToes": "RightFoot",
}
"""The joints of the Kinect files in their order, as public readers of the set have it, each with its parent. The
position of a segment is its upper end: UpperLeg is the hip, LowerLeg the knee, Foot the ankle."""
VICON = (
    *("LFHD", "RFHD", "LBHD", "RBHD", "C7", "T10", "CLAV", "STRN", "RBAK"),
    *("LSHO", "LUPA", "LELB", "LFRM", "LWRA", "LWRB", "LFIN"),
    *("RSHO", "RUPA", "RELB", "RFRM", "RWRA", "RWRB", "RFIN"),
    *("LASI", "RASI", "LPSI", "RPSI"),
    *("LTHI", "LKNE", "LTIB", "LANK", "LHEE", "LTOE"),
    *("RTHI", "RKNE", "RTIB", "RANK", "RHEE", "RTOE"),
)
"""The 39 markers of the Vicon files in their order: Vicon's full-body plug-in-gait set. The article names segments;
the heights of the points show that they are these markers (heads 1.3 m, then pelvis, thigh, knee, shank, 0.09 m)."""
RATE = {"kinect": 30.0, "vicon": 100.0}
"""Frames a second, by the sensors: the files have no time to check them against."""


def read_positions(
    path: str | Path, units: str | None = None, up: str | None = None, angles: str | Path | None = None
) -> Markers:
    """Positions of a UI-PRMD file [m], Y up: 39 Vicon markers or 22 Kinect joints, by the width of the file.

    units (m, cm, mm) and up (y, z): the files state neither. angles: the file of angles that belongs to Kinect
    positions; where it is not given, the one beside it (Positions/..._positions.txt, Angles/..._angles.txt).
    Errors: RecordingError.
    """
    path = Path(path)
    found = _numbers(path)
    factor, axes = text.scale(None, units, str(path)), text.turn(up, str(path))
    positions = found.reshape(len(found), -1, 3).copy()
    kinect = positions.shape[1] == len(KINECT)
    names = tuple(KINECT) if kinect else VICON
    if kinect:
        beside = path.parent.parent / "Angles" / path.name.replace("positions", "angles")
        positions = _absolute(positions, _angles(Path(angles) if angles is not None else beside, path, len(found)))
    else:
        text.blank_gaps(positions)
    positions *= factor
    text.check_places(positions, names, str(path))
    time = np.arange(len(found)) / RATE["kinect" if kinect else "vicon"]
    return Markers(names=names, time=time, positions=text.turned(positions, axes), source=str(path))


def _numbers(path: Path) -> Array:
    """All numbers of a file, one row a frame. Errors: RecordingError for any other number of columns."""
    rows = ((number, line) for number, line in text.lines(path) if line.strip())
    first = next(rows, None)
    if first is None:
        raise RecordingError(f"{path}: expected frames, found an empty file")
    separator = "," if "," in first[1] else None
    width = len(first[1].rstrip().rstrip(",").split(separator))
    if width not in (3 * len(KINECT), 3 * len(VICON)):
        raise RecordingError(
            f"{path}, line {first[0]}: expected {3 * len(KINECT)} (Kinect) or {3 * len(VICON)} (Vicon) numbers of a "
            f"UI-PRMD file, found {width}"
        )
    names = tuple(KINECT) if width == 3 * len(KINECT) else VICON
    columns = [f"joint {name}" for name in names for _ in "xyz"]
    found = text.table(path, itertools.chain([first], rows), columns, separator)
    for i, j in np.argwhere(np.isnan(found.data))[:1]:
        raise RecordingError(f"{path}, line {found.line[i]}, {columns[j]}: expected a number, found nan")
    return found.data


def _angles(path: Path, positions: Path, frames: int) -> Array:
    """The angles of a Kinect file [rad], shape (frames, joints, 3)."""
    if not path.is_file():
        raise RecordingError(
            f"{positions}: expected the angles of these Kinect positions, which are relative to the parent joint, "
            f"in {path}, found no such file"
        )
    found = _numbers(path)
    if found.shape[1] != 3 * len(KINECT):
        raise RecordingError(f"{path}: expected the angles of {len(KINECT)} joints, found {found.shape[1]} numbers")
    text.expect(str(path), f"frames (as in {positions.name})", frames, len(found))
    return np.radians(found.reshape(frames, -1, 3))


def _absolute(local: Array, angles: Array) -> Array:
    """Where each joint is, from where it is in the axes of its parent and how that one is turned; (frames, joints, 3).

    Each joint turns its children by Rz Ry Rx of its angles, after its own parent.
    """
    order = {name: i for i, name in enumerate(KINECT)}
    out = np.empty_like(local)
    turns: list[Array] = []
    for i, parent in enumerate(KINECT.values()):
        turn = about(2, angles[:, i, 2]) @ about(1, angles[:, i, 1]) @ about(0, angles[:, i, 0])
        if parent is None:
            out[:, i] = local[:, i]
        else:
            above = order[parent]
            out[:, i] = out[:, above] + np.einsum("nij,nj->ni", turns[above], local[:, i])
            turn = turns[above] @ turn
        turns.append(turn)
    return out
