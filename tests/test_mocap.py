"""Readers: what is written is read, and what is wrong is named with its place."""

from __future__ import annotations

import re
from pathlib import Path

import ezc3d
import numpy as np
import pytest
from figures import OPENCAP, SQUAT2, needs_recordings
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from simlab import mocap
from simlab.errors import RecordingError
from simlab.mocap import opensim, text
from simlab.motion import COORDINATES, Markers, Motion

FEW = settings(max_examples=40, deadline=None)
NAMES = st.lists(st.from_regex(r"[A-Za-z][A-Za-z0-9_.:]{0,9}", fullmatch=True), min_size=1, max_size=5, unique=True)
COORDINATE = st.floats(-5, 5).filter(lambda x: abs(x) > 1e-6)  # 0 0 0 is a gap


@st.composite
def recordings(draw) -> Markers:
    names, n = tuple(draw(NAMES)), draw(st.integers(1, 6))
    positions = draw(hnp.arrays(np.float64, (n, len(names), 3), elements=COORDINATE))
    positions[draw(hnp.arrays(np.bool_, (n, len(names))))] = np.nan
    time = draw(st.floats(-2, 20)) + 0.01 * np.arange(n)
    return Markers(names=names, time=time, positions=positions, source="drawn")


@FEW
@given(markers=recordings())
def test_trc_round_trip(markers, tmp_path_factory):
    path = tmp_path_factory.mktemp("trc") / "a.trc"
    opensim.write_trc(path, markers)
    read = mocap.read(path, units="m", up="y")
    assert read.names == markers.names
    np.testing.assert_array_equal(read.time, markers.time)
    np.testing.assert_array_equal(
        read.positions, np.where(np.isnan(markers.positions).any(axis=2, keepdims=True), np.nan, markers.positions)
    )


@FEW
@given(
    values=hnp.arrays(np.float64, st.tuples(st.integers(1, 5), st.just(27)), elements=st.floats(-3, 3)),
    start=st.floats(-2, 20),
)
def test_mot_round_trip(values, start, tmp_path_factory):
    path = tmp_path_factory.mktemp("mot") / "a.mot"
    motion = Motion(time=start + 0.01 * np.arange(len(values)), values=values)
    opensim.write_mot(path, motion)
    read = opensim.read_mot(path)
    np.testing.assert_array_equal(read.time, motion.time)
    np.testing.assert_allclose(read.values, values, rtol=1e-15)
    assert "inDegrees=yes" in path.read_text()
    opensim.write_mot(path, motion, in_degrees=False)
    np.testing.assert_array_equal(opensim.read_mot(path).values, values)


@FEW
@given(markers=recordings(), keep=st.floats(0.0, 0.999))
def test_a_truncated_trc_never_reads_as_whole(markers, keep, tmp_path_factory):
    """Cut anywhere before its last line begins, a file is an error that names it."""
    path = tmp_path_factory.mktemp("cut") / "a.trc"
    opensim.write_trc(path, markers)
    text = path.read_bytes()
    path.write_bytes(text[: int(keep * text[:-1].rfind(b"\n"))])
    with pytest.raises(RecordingError, match=r"a\.trc"):
        mocap.read(path)


def trc(tmp_path: Path, *, labels="A\t\t\tB\t\t", units="mm", frames="2", rows=None, ends="\n") -> Path:
    """A small TRC file, with one thing about it changed."""
    rows = rows or ["7\t0.5\t1000\t2000\t3000\t10\t20\t30", "8\t0.6\t0\t0\t0\t\t\t"]
    lines = [
        "PathFileType\t4\t(X/Y/Z)\ta.trc",
        "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate",
        f"10\t10\t{frames}\t2\t{units}\t10",
        f"Frame#\tTime\t{labels}",
        "\t\tX1\tY1\tZ1\tX2\tY2\tZ2",
        "",
        *rows,
    ]
    path = tmp_path / "a.trc"
    path.write_bytes(ends.join([*lines, ""]).encode())
    return path


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("labels", ["A\t\t\tB\t\t", "A\t\t\tB", "\tA\t\tB\t", "A\t\t\tB\t\t\t\t\t"])
def test_trc_dialects(tmp_path, labels, ends):
    markers = mocap.read(trc(tmp_path, labels=labels, ends=ends))
    assert markers.names == ("A", "B")
    np.testing.assert_allclose(markers.time, [0.5, 0.6])  # frames that start at 7
    np.testing.assert_allclose(markers.positions[0], [[1, 2, 3], [0.01, 0.02, 0.03]])  # millimetres
    assert np.isnan(markers.positions[1]).all()  # 0 0 0 and empty fields are gaps


def test_trc_units_are_read_or_asked_for(tmp_path):
    np.testing.assert_allclose(mocap.read(trc(tmp_path, units="cm")).positions[0, 0], [10, 20, 30])
    with pytest.raises(
        RecordingError, match=r"a\.trc: marker A, frame 1 of 2: expected it within 1000 m, found .*3000"
    ):
        mocap.read(trc(tmp_path, units="m"))
    for units in ("", "furlong"):
        path = trc(tmp_path, units=units)
        with pytest.raises(RecordingError, match=r"a\.trc, line 3: expected the units m, cm or mm.*say units"):
            mocap.read(path)
        np.testing.assert_allclose(mocap.read(path, units="cm").positions[0, 0], [10, 20, 30])


@pytest.mark.parametrize("units", ["mm", "millimeters", "MM"])
def test_trc_units_must_not_contradict_the_file(tmp_path, units):
    path = trc(tmp_path, units=units)
    np.testing.assert_array_equal(mocap.read(path, units="mm").positions, mocap.read(path).positions)
    with pytest.raises(RecordingError, match=rf"line 3: expected the units m as asked for, found {units} in the file"):
        mocap.read(path, units="m")


def test_trc_with_a_byte_order_mark_and_trailing_tabs(tmp_path):
    path = trc(tmp_path, rows=["7\t0.5\t1000\t2000\t3000\t10\t20\t30\t\t\t", "", "8\t0.6\t0\t0\t0\tnan\t\t\t", ""])
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert mocap.read(path).positions.shape == (2, 2, 3) and np.isnan(mocap.read(path).positions[1]).all()
    path.write_bytes(path.read_text("utf-8-sig").encode("utf-16"))
    with pytest.raises(RecordingError, match=r"a\.trc: expected text in UTF-8, found UTF-16"):
        mocap.read(path)


def test_trc_with_z_up_is_turned(tmp_path):
    np.testing.assert_allclose(mocap.read(trc(tmp_path), up="z").positions[0, 0], [1, 3, -2])


ONE = "7\t0.5\t1\t2\t3\t1\t2\t3"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rows": [ONE, "8\t0.6\tinf\t2\t3\t1\t2\t3"]}, r"line 8, marker A: expected a number, found 'inf'"),
        (
            {"rows": [ONE, "8\t0.6\t1,5\t2\t3\t1\t2\t3"]},
            r"line 8, marker A: expected .* point, found '1,5' with a decimal comma",
        ),
        ({"rows": [ONE, "8\t0.6\t1_0\t2\t3\t1\t2\t3"]}, r"line 8, marker A: expected a number, found '1_0'"),
        ({"rows": [ONE, "8\t0.6\t\u0661\t2\t3\t1\t2\t3"]}, r"line 8, marker A: expected a number, found"),
        (
            {
                "rows": [ONE, ONE.replace("0.5", "0.6"), ONE.replace("0.5", "0.7"), ONE.replace("0.5", "0.9")],
                "frames": "4",
            },
            r"line 10: expected the next frame 0.1 s after the last \(0.7 s\), found it 0.2 s after",
        ),
        ({"rows": [ONE, "8\t0.6\t1\t2"]}, r"line 8: expected 8 fields \(frame, time and 3 for each of 2 .*found 4"),
        ({"rows": [ONE]}, r"line 7: expected 2 frames .* found 1"),
        ({"rows": [ONE, "8\t0.6\t1\t2\t3\t1\tx\t3"]}, r"line 8, marker B: expected a number, found 'x'"),
        ({"rows": [ONE, ONE]}, r"line 8: expected a time after 0.5 s, found 0.5"),
        ({"rows": [ONE, "8\t\t1\t2\t3\t1\t2\t3"]}, r"line 8: expected a time after 0.5 s, found nan"),
        ({"labels": "A\t\t\t"}, r"line 4: expected 2 marker names \(NumMarkers\), found 1"),
        ({"labels": "A\t\t\tA"}, r"line 4: expected each marker once, found 'A' 2 times"),
        ({"frames": "many"}, r"line 3: expected a whole number for NumFrames, found 'many'"),
    ],
)
def test_trc_errors_name_the_place(tmp_path, change, message):
    with pytest.raises(RecordingError, match=r"a\.trc, " + message):
        mocap.read(trc(tmp_path, **change))


def test_other_files_are_refused(tmp_path):
    with pytest.raises(RecordingError, match=r"expected a file of type .trc .c3d .bvh .txt, found '.csv'"):
        mocap.read(tmp_path / "a.csv")
    with pytest.raises(RecordingError, match=r"none.trc: cannot be read: No such file"):
        mocap.read(tmp_path / "none.trc")
    (tmp_path / "b.trc").write_text("hello\n")
    with pytest.raises(RecordingError, match=r"line 1: expected a TRC header .* found 'hello'"):
        mocap.read(tmp_path / "b.trc")
    (tmp_path / "c.c3d").write_bytes(b"not a c3d file at all")
    with pytest.raises(RecordingError, match=r"c\.c3d: expected a C3D file"):
        mocap.read(tmp_path / "c.c3d")


# --- MOT and STO ------------------------------------------------------------------------------------------------------

MODERN = "nColumns=3\nnRows=2\nversion=3\n{extra}endheader\ntime\tknee_angle_r\tpelvis_tx\n0\t90\t1\n0.1\t45\t2\n"
LEGACY = (
    "name a.mot\ndatacolumns 3\ndatarows 2\nrange 0 0.1\n{extra}endheader\n\n"
    " time\t knee_angle_r\t pelvis_tx\n 0\t 90\t 1\n 0.1\t 45\t 2\n"
)


@pytest.mark.parametrize("text", [MODERN, LEGACY])
def test_motion_headers_modern_and_legacy(tmp_path, text):
    path = tmp_path / "a.mot"
    path.write_text(text.format(extra="inDegrees=yes\n"))
    motion = opensim.read_mot(path)
    np.testing.assert_allclose(motion.coordinate("knee_angle_r"), np.radians([90, 45]))
    np.testing.assert_allclose(motion.coordinate("pelvis_tx"), [1, 2])
    assert np.isnan(motion.coordinate("knee_angle_l")).all()
    path.write_text(text.format(extra=""))
    with pytest.raises(RecordingError, match=r"expected inDegrees=yes or no"):
        opensim.read_mot(path)
    np.testing.assert_allclose(opensim.read_mot(path, in_degrees=False).coordinate("knee_angle_r"), [90, 45])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("endheader\n", "", r"line \d+: expected 'endheader', found the end of the file"),
        ("0.1\t45\t2\n", "0.1\t45\n", r"line 7: expected 3 numbers, found 2"),
        ("0.1\t45\t2\n", "", r"line 6: expected 2 rows .* found 1"),
        ("45", "4,5", r"line 7, column 'knee_angle_r': expected .* found '4,5' with a decimal comma"),
        ("nRows=2", "nRows=" + "9" * 5000, r"header: expected a whole number of rows, found '9{40}\.\.\.'"),
        ("45", "forty", r"line 7, column 'knee_angle_r': expected a number, found 'forty'"),
        ("nColumns=3", "nColumns=4", r"line 5: expected 4 column names .* found 3"),
        ("0.1\t", "0\t", r"line 7: expected a time after 0 s, found 0"),
        ("time", "t", r"expected a line of column names that starts with 'time'"),
    ],
)
def test_storage_errors_name_the_place(tmp_path, old, new, message):
    path = tmp_path / "a.mot"
    path.write_text(MODERN.format(extra="").replace(old, new))
    with pytest.raises(RecordingError, match=message):
        opensim.read_storage(path)


def test_a_storage_without_what_is_asked_lists_what_it_has(tmp_path):
    path = tmp_path / "a.sto"
    opensim.write_storage(path, "activations", np.arange(2.0), {"soleus_r": np.ones(2)}, in_degrees=False)
    for read in (mocap.read_plates, opensim.read_mot):
        with pytest.raises(RecordingError, match=r"expected .* found time, soleus_r"):
            read(path)


def test_opensim_opens_what_we_write(tmp_path):
    import opensim as osim

    values = np.random.default_rng(0).uniform(-1, 1, (5, 27))
    opensim.write_mot(tmp_path / "a.mot", Motion(time=0.1 * np.arange(5), values=values))
    table = osim.TimeSeriesTable(str(tmp_path / "a.mot"))
    assert tuple(table.getColumnLabels()) == COORDINATES
    assert table.getTableMetaDataAsString("inDegrees") == "yes"
    knee = table.getDependentColumn("knee_angle_r").to_numpy()
    np.testing.assert_allclose(knee, np.degrees(values[:, COORDINATES.index("knee_angle_r")]), rtol=1e-8)


# --- C3D --------------------------------------------------------------------------------------------------------------


def write_c3d(path: Path, points: np.ndarray, units: str | None = "mm", screen: tuple[str, str] | None = None) -> None:
    """points: shape (n, markers, 3)."""
    file = ezc3d.c3d()
    file["parameters"]["POINT"]["RATE"]["value"] = [100.0]
    file["parameters"]["POINT"]["LABELS"]["value"] = [f"M{i}" for i in range(points.shape[1])]
    if units is not None:
        file.add_parameter("POINT", "UNITS", [units])
    for name, value in zip(("X_SCREEN", "Y_SCREEN"), screen or (), strict=False):
        file.add_parameter("POINT", name, [value])
    file["data"]["points"] = np.concatenate([points, np.ones((*points.shape[:2], 1))], axis=2).transpose(2, 1, 0)
    file.write(str(path))


POINTS = np.array([[[100.0, 200.0, 300.0], [1.0, 2.0, 3.0]], [[110.0, 210.0, 310.0], [np.nan] * 3]])


@pytest.mark.parametrize(
    ("screen", "up", "first"),
    [
        (("+X", "+Z"), None, [0.1, 0.3, -0.2]),
        (("+Y", "+Z"), None, [0.2, 0.3, 0.1]),
        (("-X", "+Z"), None, [-0.1, 0.3, 0.2]),
        (("+X", "+Y"), None, [0.1, 0.2, 0.3]),
        (None, "z", [0.1, 0.3, -0.2]),
        (None, "y", [0.1, 0.2, 0.3]),
    ],
)
def test_c3d_vertical_and_units(tmp_path, screen, up, first):
    write_c3d(tmp_path / "a.c3d", POINTS, screen=screen)
    markers = mocap.read(tmp_path / "a.c3d", up=up)
    assert markers.names == ("M0", "M1")
    np.testing.assert_allclose(markers.positions[0, 0], first, atol=1e-7)
    assert np.isnan(markers.positions[1, 1]).all()
    assert np.diff(markers.time) == pytest.approx([0.01])


def test_c3d_asks_for_what_it_does_not_know(tmp_path):
    write_c3d(tmp_path / "a.c3d", POINTS)
    with pytest.raises(RecordingError, match=r"a\.c3d, POINT:X_SCREEN, Y_SCREEN: expected the vertical axis.*say up=y"):
        mocap.read(tmp_path / "a.c3d")
    write_c3d(tmp_path / "b.c3d", POINTS, units="inch")
    with pytest.raises(RecordingError, match=r"b\.c3d, POINT:UNITS: expected the units m, cm or mm, found 'inch'"):
        mocap.read(tmp_path / "b.c3d", up="z")


def test_turns_are_proper_rotations():
    for up in ("y", "z"):
        rotation = text.turn(up, "test")
        np.testing.assert_allclose(rotation @ rotation.T, np.eye(3))
        assert np.linalg.det(rotation) == pytest.approx(1)


# --- real recordings --------------------------------------------------------------------------------------------------


@needs_recordings
def test_opencap_recording():
    markers = mocap.read(OPENCAP / "squats1.trc")
    assert markers.positions.shape == (1346, 51, 3) and markers.time[-1] == 13.45
    assert not np.isnan(markers.positions).any()
    found = mocap.read_plates(OPENCAP / "static1_grf.mot")
    assert found.force[:, :, 1].sum(axis=1).mean() == pytest.approx(588.9, abs=0.1)


@needs_recordings
def test_another_laboratory():
    """CRLF, label columns that do not line up, frames from 1, a marker at 0 0 0, a legacy force header."""
    markers = mocap.read(SQUAT2 / "markers_Squat2.trc")
    assert markers.positions.shape == (460, 61, 3) and markers.names[0] == "LFHD" and markers.names[-1] == "RWRB"
    gaps = np.isnan(markers.positions[:, :, 0]).sum(axis=0)
    assert {name: int(n) for name, n in zip(markers.names, gaps, strict=True) if n} == {"RWRB": 138}
    found = mocap.read_plates(SQUAT2 / "grf_Squat2.mot")
    assert found.force.shape == (4600, 2, 3) and found.time[0] == pytest.approx(0.001)


@needs_recordings
@pytest.mark.parametrize("size", [0.31, 0.8])
def test_a_truncated_recording(tmp_path, size):
    text = (OPENCAP / "squats1.trc").read_bytes()
    path = tmp_path / "cut.trc"
    path.write_bytes(text[: int(size * len(text))])
    with pytest.raises(RecordingError) as error:
        mocap.read(path)
    assert re.search(r"cut\.trc, line \d+.*: expected \d+ .*, found ", str(error.value))
