"""BVH, UI-PRMD, OpenCap sessions, C3D inside out: each against another implementation or a closed form."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path

import bvhio
import ezc3d
import numpy as np
import pytest
from figures import OPENCAP, needs_recordings
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from simlab import mocap
from simlab.errors import InputError, RecordingError
from simlab.mocap import bvh, c3d_file, opensim, uiprmd
from simlab.mocap.plates import Plates
from simlab.motion import Markers, Motion

# --- BVH --------------------------------------------------------------------------------------------------------------

ORDERS = st.permutations(["Xrotation", "Yrotation", "Zrotation"])


@st.composite
def skeletons(draw, frames: int = 3) -> tuple[str, int]:
    """A random skeleton with a random motion: the text of its file, and how many joints it has without the ends."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    count = draw(st.integers(1, 7))
    children: dict[int, list[int]] = {i: [] for i in range(count)}
    for i in range(1, count):
        children[draw(st.integers(0, i - 1))].append(i)
    orders, moving = [draw(ORDERS) for _ in range(count)], draw(st.sets(st.integers(0, count - 1)))
    lines, channels = ["HIERARCHY"], 0

    def joint(i: int, depth: int) -> None:
        nonlocal channels
        names = (["Xposition", "Yposition", "Zposition"] if i == 0 or i in moving else []) + orders[i]
        channels += len(names)
        pad = "\t" * depth
        lines.append(f"{pad}{'JOINT' if i else 'ROOT'} J{i}")
        lines.append(pad + "{")
        lines.append(pad + "\tOFFSET " + " ".join(f"{x:.4f}" for x in rng.uniform(-20, 20, 3)))
        lines.append(f"{pad}\tCHANNELS {len(names)} {' '.join(names)}")
        for child in children[i]:
            joint(child, depth + 1)
        if not children[i]:
            lines.extend([pad + "\tEnd Site", pad + "\t{", pad + "\t\tOFFSET 1.0 2.0 3.0", pad + "\t}"])
        lines.append(pad + "}")

    joint(0, 0)
    lines += ["MOTION", f"Frames: {frames}", "Frame Time: 0.02"]
    lines += [" ".join(f"{x:.4f}" for x in row) for row in rng.uniform(-170, 170, (frames, channels))]
    return "\n".join(lines) + "\n", count


@settings(max_examples=25, deadline=None)
@given(skeleton=skeletons())
def test_bvhio_puts_the_joints_in_the_same_places(skeleton, tmp_path_factory):
    path = tmp_path_factory.mktemp("bvh") / "a.bvh"
    path.write_text(skeleton[0])
    found = mocap.read(path, units="cm", up="y")
    theirs = bvhio.readAsHierarchy(str(path))
    np.testing.assert_allclose(found.time, [0.0, 0.02, 0.04])
    seen = 0
    for frame in range(3):
        theirs.loadPose(frame)
        for joint, _, _ in theirs.layout():
            mine = found.positions[frame, found.names.index(joint.Name)]
            np.testing.assert_allclose(mine, 0.01 * np.array(joint.PositionWorld), atol=2e-4)  # theirs has 32 bits
            seen += 1
    assert seen == 3 * skeleton[1] and np.ptp(found.positions, axis=0).max() > 0.1


BVH = """HIERARCHY
ROOT Hips
{
  OFFSET 0 0 0
  CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
  JOINT Knee
  {
    OFFSET 0 -40 0
    CHANNELS 3 Zrotation Xrotation Yrotation
    End Site
    {
      OFFSET 0 -38 0
    }
  }
}
MOTION
Frames: 2
Frame Time: .01
1 90 2 0 0 0 0 0 0
1 90 2 90 0 0 -90 0 0
"""


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_bvh_by_hand(tmp_path, ends):
    path = tmp_path / "a.bvh"
    path.write_bytes(b"\xef\xbb\xbf" + BVH.replace("\n", ends).encode())
    found = mocap.read(path, units="cm", up="y")
    assert found.names == ("Hips", "Knee", "Knee_end")
    np.testing.assert_allclose(found.positions[0], [[0.01, 0.9, 0.02], [0.01, 0.5, 0.02], [0.01, 0.12, 0.02]])
    # the thigh swings forward by 90 deg about Z, the shank back down
    np.testing.assert_allclose(found.positions[1, 1:], [[0.41, 0.9, 0.02], [0.41, 0.52, 0.02]])
    np.testing.assert_allclose(mocap.read(path, "m", "z").positions[0, 0], [1, 2, -90])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("HIERARCHY", "HELLO", r"line 1: expected HIERARCHY, found 'HELLO'"),
        ("MOTION", "}", r"line 16: expected a line of the HIERARCHY, found '}'"),
        ("Frames: 2", "Frames: 3", r"line 20: expected 3 frames .* found 2"),
        ("Frames: 2", "Frames: 99999999999", r"line 20: expected 99999999999 frames .* found 2"),
        ("Frames: 2", "Frames: many", r"line 17: expected a whole number of frames, found 'many'"),
        ("Frame Time: .01", "Frame Time: 0", r"line 18: expected a frame time in seconds, found 0"),
        ("-90 0 0", "-90 0", r"line 20: expected 9 numbers, found 8"),
        ("-90 0 0", "-90 0 x", r"line 20, joint Knee Yrotation: expected a number, found 'x'"),
        ("-90 0 0", "-90 0 nan", r"line 20, joint Knee Yrotation: expected a number, found nan"),
        ("CHANNELS 3", "CHANNELS 300", r"line 9: expected 300 channels, found 3"),
        ("JOINT Knee", "JOINT Hips", r"line 6: expected each joint once, found 'Hips' twice"),
        ("Zrotation Xrotation Yrotation\n  J", "Zrotation Wrotation Yrotation\n  J", r"line 5: expected channels such"),
        ("OFFSET 0 -40 0", "OFFSET 0 -40", r"line 8: expected a line of the HIERARCHY"),
        (BVH[BVH.index("    End") :], "", r"line 9: expected MOTION, found the end of the file"),
        (BVH[BVH.index("Frames") :], "", r"expected Frames:, found 'the end of the file'"),
    ],
)
def test_bvh_errors_name_the_place(tmp_path, old, new, message):
    path = tmp_path / "a.bvh"
    path.write_text(BVH.replace(old, new, 1))
    with pytest.raises(RecordingError, match=r"a\.bvh.*" + message):
        mocap.read(path, units="cm", up="y")


def test_bvh_asks_for_units_and_the_vertical(tmp_path):
    path = tmp_path / "a.bvh"
    path.write_text(BVH)
    with pytest.raises(RecordingError, match=r"a\.bvh: expected the units .* say units"):
        mocap.read(path, up="y")
    with pytest.raises(RecordingError, match=r"a\.bvh: expected the vertical axis.* say up"):
        mocap.read(path, units="cm")


def test_a_skeleton_of_a_thousand_joints_in_one_chain(tmp_path):
    """No recursion: a file cannot be too deep."""
    n = 3000
    head = "".join(f"{'JOINT' if i else 'ROOT'} J{i}\n{{\nOFFSET 0 0.1 0\nCHANNELS 1 Zrotation\n" for i in range(n))
    path = tmp_path / "a.bvh"
    path.write_text(
        "HIERARCHY\n" + head + "}\n" * n + "MOTION\nFrames: 1\nFrame Time: 1\n" + " ".join(["0"] * n) + "\n"
    )
    np.testing.assert_allclose(mocap.read(path, "m", "y").positions[0, -1], [0, 0.1 * n, 0])


# --- UI-PRMD ----------------------------------------------------------------------------------------------------------


def kinect(folder: Path, local: np.ndarray, angles_deg: np.ndarray) -> Path:
    for kind, values in (("Positions", local), ("Angles", angles_deg)):
        (folder / kind).mkdir(exist_ok=True)
        np.savetxt(folder / kind / f"m01_s01_{kind.lower()}.txt", values.reshape(len(values), -1), "%.10g", ",")
    return folder / "Positions" / "m01_s01_positions.txt"


def test_a_kinect_joint_is_where_the_turned_chain_above_puts_it(tmp_path):
    """Against homogeneous matrices by scipy, joint by joint up the chain."""
    rng = np.random.default_rng(1)
    local, angles = rng.uniform(-40, 40, (4, 22, 3)), rng.uniform(-170, 170, (4, 22, 3))
    found = mocap.read(kinect(tmp_path, local, angles), units="cm", up="y")
    assert len(found.names) == 22 and np.diff(found.time) == pytest.approx(1 / 30)
    names = list(uiprmd.KINECT)
    for frame in range(4):
        for i, name in enumerate(names):
            point, parent = local[frame, i], uiprmd.KINECT[name]
            while parent is not None:
                j = names.index(parent)
                point = Rotation.from_euler("ZYX", angles[frame, j, ::-1], degrees=True).apply(point) + local[frame, j]
                parent = uiprmd.KINECT[parent]
            np.testing.assert_allclose(found.positions[frame, i], 0.01 * point, atol=1e-9)


def test_a_kinect_leg_by_hand(tmp_path):
    """A squatting leg: the thigh turned forward about the hip, the shank turned back at the knee; bones keep length."""
    local, angles = np.zeros((1, 22, 3)), np.zeros((1, 22, 3))
    names = list(uiprmd.KINECT)
    for name, place in (("Waist", (0, 90, 0)), ("LeftUpperLeg", (10, 0, 0)), ("LeftLowerLeg", (0, -40, 0))):
        local[0, names.index(name)] = place
    local[0, names.index("LeftFoot")] = (0, -38, 0)
    angles[0, names.index("LeftUpperLeg")] = (-90, 0, 0)
    angles[0, names.index("LeftLowerLeg")] = (90, 0, 0)
    found = mocap.read(kinect(tmp_path, local, angles), units="cm", up="y")
    leg = [found.positions[0, names.index(name)] for name in ("LeftUpperLeg", "LeftLowerLeg", "LeftFoot")]
    np.testing.assert_allclose(leg, [[0.1, 0.9, 0], [0.1, 0.9, 0.4], [0.1, 0.52, 0.4]], atol=1e-12)


def test_vicon_positions_are_absolute(tmp_path):
    values = np.random.default_rng(0).uniform(1, 1000, (3, 117))
    path = tmp_path / "m01_s01_positions.txt"
    np.savetxt(path, values, delimiter=",", fmt="%.6f")
    found = mocap.read(path, units="mm", up="z")
    assert found.names[27:31] == ("LTHI", "LKNE", "LTIB", "LANK") and len(set(found.names)) == 39
    x, y, z = values[0, 84:87] / 1000
    np.testing.assert_allclose(found.positions[0, 28], [x, z, -y], atol=1e-9)
    assert np.diff(found.time) == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"expected frames, found an empty file"),
        ("1,2,3\n", r"line 1: expected 66 \(Kinect\) or 117 \(Vicon\) numbers .* found 3"),
        ("1," * 65 + "1\n" + "1," * 64 + "1\n", r"line 2: expected 66 numbers, found 65"),
        ("1," * 65 + "x\n", r"line 1, joint RightToes: expected a number, found 'x'"),
        ("1," * 65 + "1\n", r"expected the angles of these Kinect positions.*Angles.*found no such file"),
    ],
)
def test_uiprmd_errors_name_the_place(tmp_path, text, message):
    (tmp_path / "Positions").mkdir()
    path = tmp_path / "Positions" / "a_positions.txt"
    path.write_text(text)
    with pytest.raises(RecordingError, match=r"a_positions\.txt.*" + message):
        mocap.read(path, units="cm", up="y")


# --- OpenCap ----------------------------------------------------------------------------------------------------------

METADATA = "gender_mf: f\nheight_m: 1.7\nmass_kg: 60.5\nopenSimModel: LaiUhlrich2022\nsubjectID: s4\nposemodel: hrnet\n"


def session(folder: Path, metadata: str = METADATA, trials: tuple[str, ...] = ("neutral", "squats1", "walk")) -> Path:
    folder = folder / "OpenCapData_0123"
    (folder / "MarkerData").mkdir(parents=True)
    (folder / "OpenSimData" / "Kinematics").mkdir(parents=True)
    (folder / "OpenSimData" / "Model").mkdir()
    (folder / "OpenSimData" / "Model" / "scaled.osim").write_text("<OpenSimDocument/>")
    markers = Markers(names=("a",), time=np.arange(2.0), positions=np.ones((2, 1, 3)), source="t")
    for trial in trials:
        opensim.write_trc(folder / "MarkerData" / f"{trial}.trc", markers)
    motion = Motion(time=np.arange(2.0), values=np.ones((2, 27)))
    opensim.write_mot(folder / "OpenSimData" / "Kinematics" / "squats1.mot", motion)
    (folder / "sessionMetadata.yaml").write_text(metadata)
    return folder


@pytest.mark.parametrize("inside", [True, False])
def test_an_opencap_session(tmp_path, inside):
    folder = session(tmp_path)
    found = mocap.read_session(folder if inside else tmp_path)
    assert [trial.name for trial in found.trials] == ["neutral", "squats1", "walk"]
    assert (found.mass, found.height, found.sex, found.subject) == (60.5, 1.7, "female", "s4")
    assert found.static is not None and found.static.name == "neutral" and found.model.name == "scaled.osim"
    assert mocap.read(found.trial("squats1").markers).names == ("a",)
    assert mocap.read_motion(found.trial("squats1").motion).values[0, 4] == 1
    assert found.trial("walk").motion is None
    with pytest.raises(RecordingError, match=r"expected a trial 'run', found neutral, squats1, walk"):
        found.trial("run")
    with pytest.raises(RecordingError, match=r"expected a file, found an OpenCap session; read one of .*squats1\.trc"):
        mocap.read(tmp_path)


def test_a_session_that_does_not_say_is_not_guessed(tmp_path):
    found = mocap.read_session(session(tmp_path, "posemodel: hrnet\ngender_mf: n\n", trials=("squats1",)))
    assert (found.mass, found.height, found.sex, found.static) == (None, None, None, None)


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ("mass_kg: heavy\n", r"mass_kg: expected a number from 1 to 500, found 'heavy'"),
        ("height_m: 170\n", r"height_m: expected a number from 0.3 to 2.8, found '170'"),
        ("mass_kg: [1\n", r"line \d+: expected YAML"),
        ("[" * 1000, r"expected YAML"),
        ("just words", r"expected keys such as mass_kg, found 'just words'"),
        ("a: !!python/object/apply:os.system ['echo hi']\nmass_kg: nan", r"mass_kg: expected a number"),
    ],
)
def test_a_broken_description_is_named(tmp_path, metadata, message):
    with pytest.raises(RecordingError, match=r"sessionMetadata\.yaml.*" + message):
        mocap.read_session(session(tmp_path, metadata))


def test_a_folder_is_not_a_recording(tmp_path):
    with pytest.raises(RecordingError, match=r"expected MarkerData and sessionMetadata.yaml of one OpenCap session"):
        mocap.read(tmp_path)
    (tmp_path / "a.trc").write_text("x")
    with pytest.raises(RecordingError, match=r"expected a file, found a folder; read one of a\.trc"):
        mocap.read(tmp_path)


# --- C3D --------------------------------------------------------------------------------------------------------------


def recording(n: int = 20, m: int = 4, start: float = 0.5, rate: float = 100.0) -> Markers:
    positions = np.random.default_rng(n).uniform(-2, 2, (n, m, 3))
    positions[n // 2 :, 1:2] = np.nan
    return Markers(
        names=tuple(f"S:M{i}" for i in range(m)), time=start + np.arange(n) / rate, positions=positions, source="t"
    )


EVENTS = (
    mocap.Event(label="Foot Off", context="Left", time=62.5),
    mocap.Event(label="Foot Strike", context="Right", time=0.55),
)


@pytest.mark.parametrize("units", ["m", "mm"])
def test_c3d_round_trip(tmp_path, units):
    """Markers, gaps, plates and events come back to the precision of 32 bits, and ezc3d opens the file."""
    markers = recording()
    time = 0.5 + np.arange(200) / 1000
    force = np.zeros((200, 2, 3))
    force[:, 0] = np.stack([10 * np.sin(time), 400 + 50 * np.cos(9 * time), -20 * np.ones(200)], axis=1)
    force[100:, 1, 1] = 300
    centre = np.full((200, 2, 3), np.nan)
    centre[:, 0], centre[100:, 1] = [0.1, 0.15, 0.2], [-0.1, 0.0, -0.2]
    moment = np.zeros((200, 2, 3))
    moment[:, 0, 1] = 3 * np.sin(5 * time)
    plates = Plates(names=("1", "2"), time=time, force=force, centre=centre, moment=moment, source="t")
    path = tmp_path / "a.c3d"
    mocap.write_c3d(path, markers, plates, EVENTS, units)
    found = mocap.read(path)
    assert found.names == markers.names
    np.testing.assert_allclose(found.time, markers.time, atol=1e-12)
    np.testing.assert_allclose(found.positions, markers.positions, rtol=2e-7)
    on = mocap.read_plates(path)
    np.testing.assert_allclose(on.time, time, atol=1e-12)
    np.testing.assert_allclose(on.force, force, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(on.centre, centre, atol=1e-6)
    np.testing.assert_allclose(on.moment[:, 0], moment[:, 0], atol=1e-4)
    assert [event.label for event in mocap.read_events(path)] == ["Foot Strike", "Foot Off"]
    for mine, theirs in zip(mocap.read_events(path), reversed(EVENTS), strict=True):
        assert mine.context == theirs.context and mine.time == pytest.approx(theirs.time, rel=1e-6)
    theirs = ezc3d.c3d(str(path), extract_forceplat_data=True)
    x = theirs["data"]["points"][:3, 0].T * (0.001 if units == "mm" else 1)
    np.testing.assert_allclose(x, markers.positions[:, 0], rtol=2e-7)
    np.testing.assert_allclose(theirs["data"]["platform"][0]["force"].T, force[:, 0], rtol=1e-5, atol=1e-5)
    assert theirs["header"]["points"]["first_frame"] == 50


def test_more_frames_than_sixteen_bits_count(tmp_path):
    """ezc3d stops at 65,535 frames; whoever writes on must say so, or it is an error."""
    markers = recording(66000, 1, start=0.0)
    mocap.write_c3d(tmp_path / "a.c3d", markers)
    assert len(mocap.read(tmp_path / "a.c3d").time) == 66000
    assert ezc3d.c3d(str(tmp_path / "a.c3d"))["data"]["points"].shape[2] == 65535
    raw = (tmp_path / "a.c3d").read_bytes().replace(b"ACTUAL_END_FIELD", b"ACTUAL_END_FIELX")
    (tmp_path / "b.c3d").write_bytes(raw)
    with pytest.raises(RecordingError, match=r"expected TRIAL:ACTUAL_START_FIELD .* beyond 65535 frames, found room"):
        mocap.read(tmp_path / "b.c3d")


def test_three_hundred_markers(tmp_path):
    markers = recording(3, 300)
    mocap.write_c3d(tmp_path / "a.c3d", markers)
    assert mocap.read(tmp_path / "a.c3d").names == markers.names


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"time": np.array([0.0, 0.01, 0.035])}, r"expected times on the frames of a C3D file"),
        ({"time": np.array([-0.5, -0.49, -0.48])}, r"expected times on the frames"),
    ],
)
def test_c3d_cannot_hold_every_time(tmp_path, change, message):
    with pytest.raises(InputError, match=message):
        mocap.write_c3d(tmp_path / "a.c3d", replace(recording(3), **change))


def old_c3d(order: str, processor: int, floats) -> bytes:
    """A C3D file as other machines wrote it: 2 points as integers (scale 0.1 mm), 1 analog channel at twice the rate.

    floats: how the machine writes a number in four bytes.
    """

    def word(*values: int) -> bytes:
        return struct.pack(f"{order}{len(values)}h", *values)

    def parameter(name: str, kind: int, dims: tuple[int, ...], data: bytes, group: int = 1) -> bytes:
        body = struct.pack("bB", kind, len(dims)) + bytes(dims) + data + b"\0"
        return struct.pack("bb", len(name), group) + name.encode() + word(len(body) + 2) + body

    def group(name: str, number: int) -> bytes:
        return struct.pack("bb", len(name), -number) + name.encode() + word(3) + b"\0"

    section = b"\1\x50" + bytes([2, processor])
    section += group("POINT", 1) + parameter("LABELS", -1, (4, 2), b"LASIRASI") + parameter("UNITS", -1, (2,), b"mm")
    section += parameter("X_SCREEN", -1, (2,), b"+X") + parameter("Y_SCREEN", -1, (2,), b"+Z")
    section += parameter("USED", 2, (), word(2)) + parameter("SCALE", 4, (), floats(0.1))
    section += group("ANALOG", 2) + parameter("USED", 2, (), word(1), 2)
    section += parameter("SCALE", 4, (1,), floats(0.5), 2) + parameter("OFFSET", 2, (1,), word(100), 2)
    section = section.ljust(1024, b"\0")
    header = b"\2\x50" + word(2, 2, 11, 12, 10) + floats(0.1) + word(4, 2) + floats(50.0)
    frames = [[[1000, 2000, 3000, 0], [1, 2, 3, -1]], [[-1000, 2000, 3000, 5], [10, 20, 30, 0]]]
    data = b"".join(word(*np.ravel(frame), 300, 100) for frame in frames)
    return header.ljust(512, b"\0") + section + data.ljust(512, b"\0")


def dec(value: float) -> bytes:
    """A float of a VAX: four times the IEEE number, its halves swapped."""
    low, high = struct.unpack("<2H", struct.pack("<f", 4 * value))
    return struct.pack("<2H", high, low)


@pytest.mark.parametrize(
    ("order", "processor", "floats"),
    [
        ("<", 84, lambda value: struct.pack("<f", value)),
        (">", 86, lambda value: struct.pack(">f", value)),
        ("<", 85, dec),
    ],
)
def test_c3d_of_intel_mips_and_dec(tmp_path, order, processor, floats):
    path = tmp_path / "a.c3d"
    path.write_bytes(old_c3d(order, processor, floats))
    found = mocap.read(path)
    assert found.names == ("LASI", "RASI")
    np.testing.assert_allclose(found.time, [0.2, 0.22])  # frames that start at 11, 50 Hz
    np.testing.assert_allclose(found.positions[:, 0], [[0.1, 0.3, -0.2], [-0.1, 0.3, -0.2]], rtol=1e-6)
    assert np.isnan(found.positions[0, 1]).all()
    np.testing.assert_allclose(found.positions[1, 1], [0.001, 0.003, -0.002], rtol=1e-6)
    np.testing.assert_allclose(c3d_file.load(path).analogs[:, 0], [100, 0, 100, 0])


def test_events_of_the_header(tmp_path):
    """Two events in the header of a file without an EVENT group: a key, a count, times, labels of four letters."""
    raw = bytearray(old_c3d("<", 84, lambda value: struct.pack("<f", value)))
    raw[298:302] = struct.pack("<2H", 12345, 2)
    raw[304:312] = struct.pack("<2f", 0.5, 0.25)
    raw[396:404] = b"RTO LHS "
    (tmp_path / "a.c3d").write_bytes(raw)
    found = mocap.read_events(tmp_path / "a.c3d")
    assert [(event.label, event.context, event.time) for event in found] == [("LHS", "", 0.25), ("RTO", "", 0.5)]
    (tmp_path / "b.c3d").write_bytes(old_c3d("<", 84, lambda value: struct.pack("<f", value)))
    assert mocap.read_events(tmp_path / "b.c3d") == ()


@pytest.mark.parametrize("units", ["mm", "cm"])
def test_c3d_units_and_vertical_must_not_contradict_the_file(tmp_path, units):
    path = tmp_path / "a.c3d"
    path.write_bytes(old_c3d("<", 84, lambda value: struct.pack("<f", value)))
    if units == "mm":
        np.testing.assert_array_equal(mocap.read(path, "mm", "z").positions, mocap.read(path).positions)
    else:
        with pytest.raises(RecordingError, match=r"POINT:UNITS: expected the units cm as asked for, found mm in the"):
            mocap.read(path, units=units)
        with pytest.raises(RecordingError, match=r"Y_SCREEN: expected the vertical y as asked for, found \+Z in the"):
            mocap.read(path, up="y")


@pytest.mark.parametrize(
    ("at", "new", "message"),
    [
        (1, b"\x51", r"expected a C3D file .* found 2048 bytes that start with 0251"),
        (0, b"\xff", r"header: expected the parameters inside the file, found block 255"),
        (515, b"\x10", r"parameters: expected processor 84, 85 or 86, found 16"),
        (2, b"\xff\xff", r"POINT:USED: expected the 65535 points of the header, found 2"),
        (4, b"\x03\0", r"header: expected whole analog channels, found 3 samples a frame in 2 steps"),
        (8, b"\xff\x7f", r"expected 32757 frames of 20 bytes after the header and the parameters, found 25.6"),
        (8, b"\x01\0", r"expected frames of points, found frames 11 to 1"),
        (16, b"\xff\x7f", r"expected the data after the parameters, found them at byte"),
        (20, struct.pack("<f", float("nan")), r"expected a frame rate above 0 Hz, found nan"),
        (12, struct.pack("<f", 9.0), r"POINT:SCALE: expected the 9 of scale of the header, found 0.1"),
        (b"LABELS", b"LABELS\x0b\0\xff\2\xff\xff", r"parameter LABELS: expected 6\d{4} bytes of header .*, found 1536"),
        (b"LABELS", b"LABELS\1\0", r"parameter LABELS: expected the next one after it, found overlap"),
        (b"UNITS", b"UNITS\xff\xff", r"POINT:X_SCREEN, Y_SCREEN: expected the vertical axis"),
        (b"SCALE", b"SCALE\x0b\0\5", r"parameter SCALE: expected characters, bytes, integers .*, found type 5 in 0"),
    ],
)
def test_c3d_errors_say_what_was_found(tmp_path, at, new, message):
    raw = bytearray(old_c3d("<", 84, lambda value: struct.pack("<f", value)))
    if isinstance(at, bytes):
        at = raw.index(at)
    raw[at : at + len(new)] = new
    (tmp_path / "a.c3d").write_bytes(raw)
    with pytest.raises(RecordingError, match=r"a\.c3d.*(" + message + ")"):
        mocap.read(tmp_path / "a.c3d")


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 6), m=st.integers(1, 5), units=st.sampled_from(["mm", "m"]))
def test_ezc3d_reads_the_same_points(seed, n, m, units, tmp_path_factory):
    rng = np.random.default_rng(seed)
    path = tmp_path_factory.mktemp("c3d") / "a.c3d"
    file = ezc3d.c3d()
    file["parameters"]["POINT"]["RATE"]["value"] = [50.0]
    file["parameters"]["POINT"]["LABELS"]["value"] = [f"M{i}" for i in range(m)]
    for name, value in (("UNITS", units), ("X_SCREEN", "+Z"), ("Y_SCREEN", "+Y")):
        file.add_parameter("POINT", name, [value])
    points = rng.uniform(-5, 5, (4, m, n))
    points[3] = 1
    file["data"]["points"] = points
    file["parameters"]["ANALOG"]["RATE"]["value"] = [150.0]
    file["parameters"]["ANALOG"]["LABELS"]["value"] = ["a", "b"]
    file["data"]["analogs"] = rng.normal(size=(1, 2, 3 * n))
    file.write(str(path))
    theirs, mine = ezc3d.c3d(str(path)), c3d_file.load(path)
    np.testing.assert_array_equal(mine.points[:, :, :3], theirs["data"]["points"][:3].transpose(2, 1, 0))
    np.testing.assert_allclose(mine.analogs, theirs["data"]["analogs"][0].T, rtol=1e-6)
    found = mocap.read(path)
    x, y, z = points[:3] * (0.001 if units == "mm" else 1)
    np.testing.assert_allclose(found.positions, np.stack([z, y, -x]).transpose(2, 1, 0), rtol=1e-6)


def test_results_of_a_model_are_no_markers_and_a_point_without_a_name_gets_one(tmp_path):
    file = ezc3d.c3d()
    file["parameters"]["POINT"]["RATE"]["value"] = [100.0]
    file["parameters"]["POINT"]["LABELS"]["value"] = ["LASI", "LKneeAngles", ""]
    for name, value in (("UNITS", "mm"), ("X_SCREEN", "+X"), ("Y_SCREEN", "+Z"), ("ANGLES", "LKneeAngles")):
        file.add_parameter("POINT", name, [value])
    file["data"]["points"] = np.ones((4, 3, 2))
    file.write(str(tmp_path / "a.c3d"))
    assert mocap.read(tmp_path / "a.c3d").names == ("LASI", "*3")


# --- writers of text --------------------------------------------------------------------------------------------------


def test_opensim_opens_our_trc(tmp_path):
    import opensim as osim

    markers = recording(6, 3)
    opensim.write_trc(tmp_path / "a.trc", markers)
    theirs = osim.MarkerData(str(tmp_path / "a.trc"))
    assert theirs.getNumMarkers() == 3 and theirs.getNumFrames() == 6 and theirs.getUnits().getLabel() == "meters"
    table = osim.TimeSeriesTableVec3(str(tmp_path / "a.trc"))
    assert tuple(table.getColumnLabels()) == markers.names
    np.testing.assert_allclose(np.array(table.getIndependentColumn()), markers.time, rtol=1e-12)
    flat = table.flatten()
    theirs = np.stack([flat.getDependentColumnAtIndex(i).to_numpy() for i in range(9)], axis=1)
    np.testing.assert_allclose(theirs, markers.positions.reshape(6, 9), rtol=1e-12)


@needs_recordings
def test_a_real_recording_comes_back_to_the_bit(tmp_path):
    markers = mocap.read(OPENCAP / "squats1.trc")
    opensim.write_trc(tmp_path / "a.trc", markers)
    again = mocap.read(tmp_path / "a.trc")
    np.testing.assert_array_equal(again.positions, markers.positions)
    np.testing.assert_array_equal(again.time, markers.time)
    mocap.write_c3d(tmp_path / "a.c3d", markers, mocap.read_plates(OPENCAP / "squats1_grf.mot"))
    np.testing.assert_allclose(mocap.read(tmp_path / "a.c3d").positions, markers.positions, atol=2e-7)
    plates, written = mocap.read_plates(OPENCAP / "squats1_grf.mot"), mocap.read_plates(tmp_path / "a.c3d")
    np.testing.assert_allclose(written.force, plates.force, rtol=1e-6, atol=1e-5)
    on = plates.loaded
    np.testing.assert_allclose(written.centre[on], plates.centre[on], atol=1e-6)
    np.testing.assert_allclose(written.moment[on], plates.moment[on], atol=1e-4)


def test_angles_in_degrees_or_radians_must_not_contradict_the_file(tmp_path):
    motion = Motion(time=np.arange(3.0), values=np.random.default_rng(0).uniform(-1, 1, (3, 27)))
    for degrees in (True, False):
        opensim.write_mot(tmp_path / "a.mot", motion, in_degrees=degrees)
        np.testing.assert_allclose(mocap.read_motion(tmp_path / "a.mot", degrees).values, motion.values, rtol=1e-14)
        with pytest.raises(RecordingError, match=r"a\.mot: expected inDegrees=.* as asked for, found inDegrees="):
            mocap.read_motion(tmp_path / "a.mot", not degrees)
    np.testing.assert_array_equal(mocap.read_motion(tmp_path / "a.mot").values, motion.values)  # radians: to the bit


def test_rotations_about_an_axis():
    for axis, name in enumerate("xyz"):
        angle = np.array([0.3, -2.0])
        np.testing.assert_allclose(
            bvh.about(axis, angle), Rotation.from_euler(name, angle[:, None]).as_matrix(), atol=1e-15
        )
