"""Damaged recordings: data or RecordingError, whatever happened to the file, and never more memory than it is worth."""

from __future__ import annotations

import os
import tracemalloc
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

import numpy as np
import pytest
from figures import OPENCAP, SQUAT2
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_mocap_formats import BVH, EVENTS, METADATA, kinect, old_c3d, recording, session
from test_mocap_plates import write_plate

from simlab import mocap
from simlab.errors import RecordingError
from simlab.mocap import opensim
from simlab.motion import Motion

MANY = settings(
    max_examples=int(os.environ.get("SIMLAB_FUZZ", "60")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
GIANT = [b"4294967295", b"99999999999999999999", b"-1", b"1e400", b"nan", b"2147483648", b"0", b"1e-400", b"1_0", b""]


@cache
def originals() -> dict[str, list[bytes]]:
    """Whole files of every kind, generated and, where they are at hand, real (their first frames)."""
    import struct
    import tempfile

    folder = Path(tempfile.mkdtemp())
    found: dict[str, list[bytes]] = {".trc": [], ".mot": [], ".grf": [], ".c3d": [], ".bvh": [BVH.encode()], ".txt": []}
    opensim.write_trc(folder / "a.trc", recording(6, 3))
    opensim.write_mot(folder / "a.mot", Motion(time=np.arange(4.0), values=np.ones((4, 27))))
    columns = {f"ground_force_{kind}{axis}": np.arange(3.0) + 30 for kind in "vpm" for axis in "xyz"}
    opensim.write_storage(folder / "a.grf", "forces", np.arange(3.0), columns, in_degrees=False)
    mocap.write_c3d(folder / "a.c3d", recording(6, 3), events=EVENTS)
    for kind in (1, 2, 3, 4):
        write_plate(folder / f"{kind}.c3d", kind, 1.0)
    values = np.random.default_rng(0).uniform(1, 50, (3, 39, 3))
    np.savetxt(folder / "a.txt", values.reshape(3, -1), "%.4f", ",")
    for path in folder.iterdir():
        found[path.suffix].append(path.read_bytes())
    found[".c3d"].append(old_c3d("<", 84, lambda value: struct.pack("<f", value)))
    found[".c3d"].append(old_c3d(">", 86, lambda value: struct.pack(">f", value)))
    for suffix, path in (
        (".trc", OPENCAP / "static1.trc"),
        (".grf", OPENCAP / "static1_grf.mot"),
        (".trc", SQUAT2 / "markers_Squat2.trc"),
        (".grf", SQUAT2 / "grf_Squat2.mot"),
    ):
        if path.exists():
            head = b"".join(path.read_bytes().splitlines(keepends=True)[:14])
            for many, few in (
                (b"\t517\t", b"\t8\t"),
                (b"\t460\t", b"\t8\t"),
                (b"nRows=517", b"nRows=7"),
                (b"4600", b"7"),
            ):
                head = head.replace(many, few)  # the header's count is that of the whole file
            found[suffix].append(head)
    return found


@st.composite
def damaged(draw, suffix: str) -> bytes:
    """A file with a few things wrong with it."""
    raw = bytearray(draw(st.sampled_from(originals()[suffix])))
    for _ in range(draw(st.integers(1, 4))):
        if not raw:
            break
        at = draw(st.integers(0, len(raw) - 1)) if draw(st.booleans()) else draw(st.integers(0, min(len(raw) - 1, 700)))
        how = draw(st.sampled_from(["bit", "byte", "cut", "drop", "insert", "giant", "swap", "twice", "lose", "word"]))
        lines = bytes(raw).split(b"\n")
        line, other = (draw(st.integers(0, len(lines) - 1)) for _ in range(2))
        if how == "bit":
            raw[at] ^= 1 << draw(st.integers(0, 7))
        elif how == "byte":
            raw[at] = draw(st.integers(0, 255))
        elif how == "cut":
            del raw[at:]
        elif how == "drop":
            del raw[at : at + draw(st.integers(1, 40))]
        elif how == "insert":
            raw[at:at] = draw(st.binary(min_size=1, max_size=6))
        elif how == "word":
            raw[at : at + 2] = draw(st.sampled_from([b"\xff\xff", b"\xff\x7f", b"\0\0", b"\0\x80", b"\1\0"]))
        elif how == "giant":
            words = lines[line].replace(b"\t", b" \t ").split(b" ")
            words[draw(st.integers(0, len(words) - 1))] = draw(st.sampled_from(GIANT))
            lines[line] = b"".join(words)
            raw = bytearray(b"\n".join(lines))
        else:
            if how == "swap":
                lines[line], lines[other] = lines[other], lines[line]
            elif how == "twice":
                lines.insert(other, lines[line])
            else:
                del lines[line]
            raw = bytearray(b"\n".join(lines))
    return bytes(raw)


def plausible(found: object) -> None:
    """What a reader returns is whole: times that increase, places in a laboratory, forces everywhere."""
    if isinstance(found, tuple):
        assert all(np.isfinite(event.time) for event in found)
        return
    assert len(found.time) and np.isfinite(found.time).all() and (np.diff(found.time) > 0).all()
    if hasattr(found, "positions"):
        assert found.positions.shape == (len(found.time), len(found.names), 3) and len(set(found.names)) == len(
            found.names
        )
        assert not np.isinf(found.positions).any() and np.nanmax(np.abs(np.nan_to_num(found.positions))) <= 1000
    if hasattr(found, "force"):
        assert np.isfinite(found.force).all() and np.isfinite(found.centre[found.loaded]).all()


READERS = {
    ".trc": [partial(mocap.read), partial(mocap.read, units="mm", up="z")],
    ".mot": [mocap.read_motion, mocap.read_plates],
    ".grf": [mocap.read_plates],
    ".c3d": [partial(mocap.read, up="z"), partial(mocap.read, units="mm"), mocap.read_plates, mocap.read_events],
    ".bvh": [partial(mocap.read, units="cm", up="y")],
    ".txt": [partial(mocap.read, units="mm", up="z")],
}


def survives(path: Path, raw: bytes, readers: list[Callable]) -> int:
    """Read a file in every way there is; how many of them answered."""
    path.write_bytes(raw)
    answered = 0
    for reader in readers:
        tracemalloc.start()
        try:
            plausible(reader(path))
            answered += 1
        except RecordingError as error:
            assert str(path) in str(error) and len(str(error)) < 5000
        finally:
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        assert peak < 60 * len(raw) + 2_000_000, f"{peak} bytes for a file of {len(raw)}"
    return answered


@pytest.mark.parametrize("suffix", list(READERS))
def test_whole_files_are_read(tmp_path, suffix):
    """So that the damage below is damage to something that works."""
    for i, raw in enumerate(originals()[suffix]):
        assert survives(tmp_path / f"{i}{suffix.replace('grf', 'mot')}", raw, READERS[suffix])


@pytest.mark.parametrize("suffix", list(READERS))
@MANY
@given(data=st.data())
def test_damaged_files_are_data_or_an_error(tmp_path, suffix, data):
    survives(tmp_path / f"a{suffix.replace('grf', 'mot')}", data.draw(damaged(suffix)), READERS[suffix])


@MANY
@given(
    raw=st.binary(max_size=3000),
    start=st.sampled_from([b"", b"\2\x50", b"PathFileType\t4\n", b"HIERARCHY\n", b"endheader\n"]),
)
def test_noise_is_an_error(tmp_path, raw, start):
    for suffix, readers in READERS.items():
        survives(tmp_path / f"a{suffix.replace('grf', 'mot')}", start + raw, readers)


@MANY
@given(cut=st.floats(0, 1), flips=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 7)), max_size=4))
def test_a_damaged_session_is_a_session_or_an_error(tmp_path_factory, cut, flips):
    raw = bytearray(METADATA.encode())
    for where, bit in flips:
        raw[min(int(where * len(raw)), len(raw) - 1)] ^= 1 << bit
    folder = session(tmp_path_factory.mktemp("session"), "")
    (folder / "sessionMetadata.yaml").write_bytes(raw[: int(cut * len(raw)) + 1])
    try:
        found = mocap.read_session(folder)
        assert found.mass is None or 1 <= found.mass <= 500
    except RecordingError as error:
        assert "sessionMetadata.yaml" in str(error)


@MANY
@given(data=st.data())
def test_damaged_kinect_angles_are_an_error(tmp_path_factory, data):
    values = np.ones((2, 22, 3))
    path = kinect(tmp_path_factory.mktemp("kinect"), values, values)
    angles = path.parent.parent / "Angles" / "m01_s01_angles.txt"
    raw = bytearray(angles.read_bytes())
    del raw[data.draw(st.integers(0, len(raw) - 2)) : data.draw(st.integers(0, len(raw)))]
    angles.write_bytes(raw)
    try:
        plausible(mocap.read(path, "cm", "y"))
    except RecordingError as error:
        assert "angles" in str(error)


# --- long recordings --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".trc", ".c3d"])
def test_a_long_recording_takes_the_memory_of_its_numbers(tmp_path, suffix):
    """Peak below four times the array and 50 MB, whatever the text around the numbers."""
    markers, path = recording(5_000, 12, start=0.0), tmp_path / f"a{suffix}"
    (opensim.write_trc if suffix == ".trc" else mocap.write_c3d)(path, markers)
    tracemalloc.start()
    found = mocap.read(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.positions.shape == (5_000, 12, 3)
    assert peak < 4 * found.positions.nbytes


@pytest.mark.parametrize(
    ("suffix", "text"),
    [
        (
            ".trc",
            "PathFileType\t4\nNumFrames\tNumMarkers\tUnits\n999999999999\t1\tm\nFrame#\tTime\ta\n\n1\t0\t1\t1\t1\n",
        ),
        (".mot", "nRows=999999999999\nnColumns=2\ninDegrees=no\nendheader\ntime\tknee_angle_r\n0\t1\n"),
        (".bvh", BVH.replace("Frames: 2", "Frames: 999999999999")),
    ],
)
def test_a_count_is_never_believed(tmp_path, suffix, text):
    path = tmp_path / f"a{suffix}"
    path.write_text(text)
    tracemalloc.start()
    with pytest.raises(RecordingError, match=r"expected 999999999999 (frames|rows).* found [12]"):
        mocap.read_motion(path) if suffix == ".mot" else mocap.read(path, *(["m", "y"] if suffix == ".bvh" else []))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


@MANY
@given(which=st.integers(0, 6), keep=st.floats(0, 1))
def test_a_truncated_c3d_never_reads_as_whole(tmp_path_factory, which, keep):
    """Cut before its last number, a file is an error."""
    raw = originals()[".c3d"][which]
    path = tmp_path_factory.mktemp("cut") / "a.c3d"
    path.write_bytes(raw[: int(keep * (len(raw.rstrip(b"\0")) - 1))])
    with pytest.raises(RecordingError, match=r"a\.c3d.*expected .*, found "):
        mocap.read_events(path)
