"""C3D files: markers, force plates and events in, and out again. Units and the vertical are taken from the file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simlab.errors import InputError, RecordingError
from simlab.mocap import platforms, text
from simlab.mocap.c3d_file import File, load
from simlab.mocap.plates import Plates
from simlab.motion import Array, Markers

NOT_PLACES = ("ANGLES", "FORCES", "MOMENTS", "POWERS", "SCALARS")
"""Parameters of POINT that list the points which are results of a model and no places (Vicon)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened: a label (Foot Strike), whose (Right, Left, General, or nothing) and when [s]."""

    label: str
    context: str
    time: float


@np.errstate(invalid="ignore", over="ignore")
def read_markers(path: str | Path, units: str | None = None, up: str | None = None) -> Markers:
    """Markers [m], turned so that Y is up; a point without a valid residual is NaN.

    units: m, cm or mm where POINT:UNITS is missing; up: "y" or "z" where POINT:X_SCREEN and Y_SCREEN are.
    A point without a name is called *1, *2, ... by its place. Errors: RecordingError.
    """
    file = load(path)
    names = _names(file)
    results = {name for key in NOT_PLACES for name in file.strings("POINT", key)}
    kept = [i for i, name in enumerate(names) if name not in results]
    if not kept:
        raise RecordingError(f"{path}: expected markers (POINT), found none")
    names = tuple(names[i] for i in kept)
    for name in names:
        if names.count(name) > 1:
            raise RecordingError(f"{path}, POINT:LABELS: expected each marker once, found {name!r} twice")
    factor = text.scale(next(iter(file.strings("POINT", "UNITS")), None), units, f"{path}, POINT:UNITS")
    raw = file.points if len(kept) == file.points.shape[1] else file.points[:, kept]
    positions = raw[:, :, :3].astype(np.float64)
    positions[raw[:, :, 3] < 0] = np.nan
    text.blank_gaps(positions)
    positions *= factor
    text.check_places(positions, names, str(path))
    positions = text.turned(positions, _axes(file, up))
    return Markers(names=names, time=_time(file, len(positions), 1), positions=positions, source=str(path))


@np.errstate(invalid="ignore", over="ignore", divide="ignore")  # 0 / 0 where nothing stands on a plate
def read_plates(path: str | Path, units: str | None = None, up: str | None = None) -> Plates:
    """Force plates of types 1 to 4, turned so that Y is up and the ground pushes up. Errors: RecordingError."""
    file = load(path)
    axes = _axes(file, up)
    force, centre, moment = (values @ axes.T for values in platforms.wrenches(file, units))
    # A plate may record the action or the reaction; the ground can only push.
    sign = np.where(np.nansum(force[:, :, 1], axis=0) < 0, -1.0, 1.0)[None, :, None]
    return Plates(
        names=tuple(str(i + 1) for i in range(force.shape[1])),
        time=_time(file, len(force), round(file.analog_rate / file.rate)),
        force=force * sign,
        centre=np.where(np.isfinite(centre), centre, np.nan),
        moment=np.where(np.isfinite(moment), moment * sign, np.nan),
        source=str(path),
    )


def read_events(path: str | Path) -> tuple[Event, ...]:
    """The events of a file in the order of time; EVENT where there is that group, else those of the header.

    Errors: RecordingError.
    """
    file = load(path)
    labels = file.strings("EVENT", "LABELS")
    if labels:
        times, contexts = file.numbers("EVENT", "TIMES"), file.strings("EVENT", "CONTEXTS")
        if times.ndim == 1:
            times = times.reshape(-1, 1)
        if times.ndim != 2 or times.shape[0] != 2 or times.shape[1] < len(labels):
            shape = " x ".join(map(str, times.shape))
            raise RecordingError(
                f"{path}, EVENT:TIMES: expected 2 x {len(labels)} numbers (minutes, seconds), found {shape}"
            )
        seconds = 60 * times[0] + times[1]
        found = [
            Event(label=label, context=contexts[i] if i < len(contexts) else "", time=float(seconds[i]))
            for i, label in enumerate(labels)
        ]
    else:
        found = [Event(label=label, context="", time=time) for label, time in file.header_events]
    for event in found:
        if not abs(event.time) < 1e6:
            raise RecordingError(f"{path}, event {event.label!r}: expected a time in seconds, found {event.time:g}")
    return tuple(sorted(found, key=lambda event: event.time))


def write_c3d(
    path: str | Path,
    markers: Markers,
    plates: Plates | None = None,
    events: Sequence[Event] = (),
    units: str = "mm",
) -> None:
    """Write markers, force plates (as type 2) and events, Y up; C3D holds 32-bit floats, and a gap as residual -1.

    units: of the positions in the file, m or mm. The time must start on a whole frame, and the plates with the
    markers, at a whole multiple of their rate; the centre of pressure of a plate must keep its height while loaded.
    Errors: InputError.
    """
    import ezc3d

    if units not in ("m", "mm"):
        raise InputError(f"units: expected m or mm, found {units!r}")
    per_metre = 1000.0 if units == "mm" else 1.0
    n, m = len(markers.time), len(markers.names)
    rate, first = _frames(markers)
    file = ezc3d.c3d()
    point = file["parameters"]["POINT"]
    point["RATE"]["value"] = [rate]
    point["LABELS"]["value"] = list(markers.names[:255])
    for i in range(1, -(-m // 255)):
        file.add_parameter("POINT", f"LABELS{i + 1}", list(markers.names[255 * i : 255 * (i + 1)]))
    for name, value in (("UNITS", units), ("X_SCREEN", "+X"), ("Y_SCREEN", "+Y")):
        file.add_parameter("POINT", name, [value])
    points = np.ones((4, m, n))
    points[:3] = markers.positions.transpose(2, 1, 0) * per_metre
    gap = np.isnan(points).any(axis=0)
    points[:3, gap] = 0.0
    file["data"]["points"] = points
    file["data"]["meta_points"] = {
        "residuals": np.where(gap, -1.0, 0.0)[None],
        "camera_masks": np.zeros((7, m, n), bool),
    }
    file["header"]["points"]["first_frame"] = first - 1
    last = first + n - 1
    for name, frame in (("ACTUAL_START_FIELD", first), ("ACTUAL_END_FIELD", last)):
        file.add_parameter("TRIAL", name, [_signed(frame % 65536), _signed(frame // 65536)])
    if plates is not None:
        _add_plates(file, plates, markers, rate, units, per_metre)
    if events:
        file.add_parameter("EVENT", "USED", [len(events)])
        file.add_parameter("EVENT", "LABELS", [event.label for event in events])
        file.add_parameter("EVENT", "CONTEXTS", [event.context for event in events])
        file.add_parameter("EVENT", "TIMES", np.array([[event.time // 60, event.time % 60] for event in events]).T)
    file.write(str(path))


def _names(file: File) -> tuple[str, ...]:
    """A name for every point: POINT:LABELS, LABELS2, ... hold 255 each."""
    keys = ("LABELS", *(f"LABELS{i}" for i in range(2, 100)))
    labels = [label for key in keys for label in file.strings("POINT", key)]
    count = file.points.shape[1]
    return tuple(labels[i] if i < len(labels) and labels[i] else f"*{i + 1}" for i in range(count))


def _time(file: File, samples: int, subframes: int) -> Array:
    """The time of each sample [s]: frame 1 is at 0."""
    return ((file.first - 1) + np.arange(samples) / subframes) / file.rate


def _axes(file: File, up: str | None) -> Array:
    """The rotation from the file's axes to Y up: right and up on the screen become X and Y, or `up` decides."""
    where = f"{file.source}, POINT:X_SCREEN, Y_SCREEN"
    stated = ["".join(file.strings("POINT", name)).strip() for name in ("X_SCREEN", "Y_SCREEN")]
    x, y = map(_unit, stated)
    if x is None or y is None or x @ y != 0:
        return text.turn(up, where)
    if up is not None and stated[1].lstrip("+").lower() != up.lower():
        raise RecordingError(f"{where}: expected the vertical {up} as asked for, found {stated[1]} in the file")
    return np.array([x, y, np.cross(x, y)])


def _unit(name: str) -> Array | None:
    """The unit vector of an axis written as +X, -Z or Y."""
    letter, sign = name.lstrip("+-").upper(), -1.0 if name.startswith("-") else 1.0
    return sign * np.eye(3)["XYZ".index(letter)] if letter in ("X", "Y", "Z") else None


# --- writing ----------------------------------------------------------------------------------------------------------


def _frames(markers: Markers) -> tuple[float, int]:
    """The rate [Hz] and the number of the first frame, from 1. Errors: InputError where C3D cannot hold the times."""
    time, n = markers.time, len(markers.time)
    if n < 2:
        raise InputError(f"{markers.source}: expected two frames or more for a C3D file, found {n}")
    rate = (n - 1) / (time[-1] - time[0])
    rate = round(rate, 3) if abs(rate - round(rate, 3)) < 1e-5 * rate else rate
    first = round(float(time[0]) * rate) + 1
    off = np.abs(time - (first - 1 + np.arange(n)) / rate).max() * rate
    if first < 1 or off > 0.05:
        raise InputError(
            f"{markers.source}: expected times on the frames of a C3D file (0, 1, 2 ... at {rate:g} Hz), found them to "
            f"start at {time[0]:g} s, {off:.2f} frames off"
        )
    return float(rate), first


def _signed(word: int) -> int:
    """16 bits as C3D's signed integers hold them."""
    return word - 65536 if word > 32767 else word


def _add_plates(file, plates: Plates, markers: Markers, rate: float, units: str, per_metre: float) -> None:  # type: ignore[no-untyped-def]
    """Each plate as one of type 2 that covers the laboratory: its axes are X, -Z and Y, its middle at X = Z = 0."""
    count, n = len(plates.names), len(markers.time)
    subframes = len(plates.time) / n
    if subframes != int(subframes) or abs(plates.time[0] - markers.time[0]) * rate > 0.05:
        raise InputError(
            f"{plates.source}: expected plates that start with the markers ({markers.time[0]:g} s, {n} frames), at a "
            f"whole multiple of their rate, found {plates.time[0]:g} s, {len(plates.time)} samples"
        )
    axes = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    channels, corners = [], []
    for i, name in enumerate(plates.names):
        on = plates.loaded[:, i]
        height = float(plates.centre[on, i, 1].mean()) if on.any() else 0.0
        if on.any() and np.ptp(plates.centre[on, i, 1]) > 1e-3:
            raise InputError(
                f"{plates.source}: plate {name!r}: expected its centre of pressure at one height, found more"
            )
        force, middle = plates.force[:, i], np.array([0.0, height, 0.0])
        arm = np.where(on[:, None], plates.centre[:, i] - middle, 0.0)
        moment = np.cross(arm, force) + (0.0 if plates.moment is None else np.nan_to_num(plates.moment[:, i]))
        channels += [force @ axes.T, moment @ axes.T * per_metre]
        square = np.array([[1.0, 1], [-1, 1], [-1, -1], [1, -1]])
        corners.append((middle + square @ axes[:2]) * per_metre)
    parameters = file["parameters"]
    parameters["ANALOG"]["RATE"]["value"] = [rate * int(subframes)]
    axis_names = [f"{kind}{axis}{i + 1}" for i in range(count) for kind in "FM" for axis in "xyz"]
    parameters["ANALOG"]["LABELS"]["value"] = axis_names
    file.add_parameter("ANALOG", "UNITS", [u for _ in range(count) for u in ["N"] * 3 + [f"N{units}"] * 3])
    file["data"]["analogs"] = np.concatenate(channels, axis=1).T[None]
    values = {
        "USED": np.array([count]),
        "TYPE": np.full(count, 2),
        "ZERO": np.array([0, 0]),
        "CHANNEL": np.arange(1, 6 * count + 1).reshape(count, 6).T,
        "CORNERS": np.stack(corners).transpose(2, 1, 0),
        "ORIGIN": np.zeros((3, count)),
    }
    for name, value in values.items():
        parameters["FORCE_PLATFORM"][name]["value"] = value
