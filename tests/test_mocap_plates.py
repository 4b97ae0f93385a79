"""Force plates: whose they are, and that no moment is lost on the way to the feet."""

from __future__ import annotations

from pathlib import Path

import ezc3d
import numpy as np
import pytest
from figures import OPENCAP, SQUAT2, figure, needs_recordings
from hypothesis import given, settings
from hypothesis import strategies as st

from simlab import landmarks as lm
from simlab import mocap
from simlab.errors import RecordingError
from simlab.mocap.opensim import write_storage
from simlab.mocap.plates import Plates, assign

STANDING = figure(np.linspace(0, 1, 11), np.full((11, 2), 0.2))
"""Its feet stand at (0.05, 0.1) and (0.05, -0.1), more or less."""


def plates(*centres: tuple[float, float], newtons=(300.0, 280.0, 0.0)) -> Plates:
    time = np.linspace(0, 1, 50)
    force, centre = np.zeros((50, len(centres), 3)), np.zeros((50, len(centres), 3))
    for i, (x, z) in enumerate(centres):
        force[:, i, 1], centre[:, i] = newtons[i], [x, 0, z]
    return Plates(names=tuple("abc"[: len(centres)]), time=time, force=force, centre=centre, source="plates.mot")


# --- whose plate ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_plates_find_their_feet_in_any_order(order):
    feet = [(0.05, 0.1), (0.05, -0.1)]
    weights = [300.0, 280.0]
    found = assign(plates(*(feet[i] for i in order), (9, 9), newtons=[*(weights[i] for i in order), 0.0]), STANDING)
    np.testing.assert_allclose(found.force[:, :, 1], [[300, 280]] * 50)
    np.testing.assert_allclose(found.centre[0], [[0.05, 0, 0.1], [0.05, 0, -0.1]])
    assert found.moment is None  # these plates measured none


def test_a_plate_under_both_feet_or_neither_is_an_error():
    with pytest.raises(RecordingError, match=r"plates\.mot: plate 'a': expected one foot on a plate.*between"):
        assign(plates((0.05, 0.0)), STANDING)
    with pytest.raises(RecordingError, match=r"plates\.mot: plate 'b': expected its centre of pressure under a foot"):
        assign(plates((0.05, 0.1), (1.0, 1.0)), STANDING)


# --- wrenches ---------------------------------------------------------------------------------------------------------

SIDEWAYS = st.floats(-80, 80)


@settings(max_examples=50, deadline=None)
@given(
    vertical=st.lists(st.floats(25, 800), min_size=3, max_size=3),
    sideways=st.lists(SIDEWAYS, min_size=6, max_size=6),
    moments=st.lists(st.floats(-5, 5), min_size=9, max_size=9),
    height=st.floats(-0.3, 0.5),
    step=st.sampled_from([0.0, 0.15]),
)
def test_what_the_plates_do_together_is_what_the_feet_feel(vertical, sideways, moments, height, step):
    """Two plates under the right foot, one under the left; a moment in any direction. About any point, the wrench on
    a foot is the sum of those of its plates; what is left about the centre of pressure is vertical."""
    force = np.zeros((1, 3, 3))
    force[0, :, 1], force[0, :, ::2] = vertical, np.reshape(sideways, (3, 2))
    centre = np.array([[[0.1, height, 0.1], [0.0, height + step, 0.12], [0.05, height, -0.1]]])
    moment = np.reshape(moments, (1, 3, 3)) * 0.2
    measured = Plates(
        names=("a", "b", "c"), time=np.array([0.5]), force=force, centre=centre, moment=moment, source="t"
    )
    found = assign(measured, STANDING)
    pivot = np.array([0.3, -0.2, 0.7])
    for foot, under in ((0, [0, 1]), (1, [2])):
        np.testing.assert_allclose(found.force[0, foot], force[0, under].sum(axis=0))
        expected = sum(np.cross(centre[0, i] - pivot, force[0, i]) + moment[0, i] for i in under)
        felt = np.cross(found.centre[0, foot] - pivot, found.force[0, foot]) + found.moment[0, foot]
        np.testing.assert_allclose(felt, expected, rtol=1e-9, atol=1e-9)
        assert found.moment[0, foot, 0] == found.moment[0, foot, 2] == 0
        low, high = centre[0, under, 1].min(), centre[0, under, 1].max()
        assert low - 1e-12 <= found.centre[0, foot, 1] <= high + 1e-12


def test_an_empty_plate_has_no_centre_and_a_broken_one_is_an_error():
    whole = plates((0.05, 0.1), (0.05, -0.1))
    force, centre = np.array(whole.force), np.array(whole.centre)
    force[10:20, 1] = 3.0  # noise
    centre[10:20, 1] = np.nan
    rest = {"names": whole.names, "time": whole.time, "source": "a.mot"}
    found = assign(Plates(force=force, centre=centre, **rest), STANDING)
    assert (found.force[10:20, 1] == 0).all() and (found.centre[10:20, 1] == 0).all()
    assert not np.isnan(found.centre).any()
    force[12, 1, 0] = np.nan
    with pytest.raises(RecordingError, match=r"a\.mot: plate 'b': expected a force .* found none at 1 \(.* at 0.24"):
        Plates(force=force, centre=centre, **rest)
    centre[30:, 0] = np.nan
    with pytest.raises(RecordingError, match=r"plate 'a': expected a centre of pressure .* found none at 20"):
        Plates(force=whole.force, centre=centre, **rest)
    with pytest.raises(RecordingError, match=r"plate 'a': expected a moment .* found none at 50"):
        Plates(force=whole.force, centre=whole.centre, moment=np.full_like(force, np.nan), **rest)


# --- MOT and STO ------------------------------------------------------------------------------------------------------


def mot(path: Path, names: tuple[str, ...], moments: tuple[str, ...]) -> Path:
    columns = {"time": [0.0, 0.1]}
    for i, name in enumerate(names):
        for j, axis in enumerate("xyz"):
            columns[f"{name}_v{axis}"] = [100.0 * (i + 1) + j] * 2
            columns[f"{name}_p{axis}"] = [0.1 * (i + 1) + 0.01 * j] * 2
    for i, name in enumerate(moments):
        for j, axis in enumerate("xyz"):
            columns[f"{name}{axis}"] = [i + 1 + 0.1 * j] * 2
    head = f"nRows=2\nnColumns={len(columns)}\nendheader\n"
    rows = ["\t".join(columns), *("\t".join(map(str, row)) for row in zip(*columns.values(), strict=True))]
    path.write_text(head + "\n".join(rows) + "\n")
    return path


@pytest.mark.parametrize(
    ("names", "moments"),
    [
        (("ground_force", "1_ground_force"), ("ground_torque_", "1_ground_torque_")),
        (("ground_force_1", "ground_force_2"), ("ground_force_1_m", "ground_force_2_m")),
        (("ground_force_1", "ground_force_2"), ("ground_force_1_t", "ground_force_2_t")),
        (("ground_force_r", "ground_force_l"), ("ground_torque_r_", "ground_torque_l_")),
        (("R_ground_force", "L_ground_force"), ("R_ground_torque_", "L_ground_torque_")),
        (("ground_force_1", "ground_force_2"), ("ground_moment_1_m", "ground_moment_2_m")),
    ],
)
def test_the_moment_is_found_by_any_of_its_names(tmp_path, names, moments):
    found = mocap.read_plates(mot(tmp_path / "a.mot", names, moments))
    assert found.names == names
    np.testing.assert_allclose(found.force[0], [[100, 101, 102], [200, 201, 202]])
    np.testing.assert_allclose(found.centre[0], [[0.1, 0.11, 0.12], [0.2, 0.21, 0.22]])
    np.testing.assert_allclose(found.moment[0], [[1, 1.1, 1.2], [2, 2.1, 2.2]])


def test_no_moment_is_not_a_moment_of_zero(tmp_path):
    names = ("ground_force_1", "ground_force_2")
    assert mocap.read_plates(mot(tmp_path / "a.mot", names, ())).moment is None
    with pytest.raises(RecordingError, match=r"a\.mot: expected the moment of every plate .* none of 'ground_force_2'"):
        mocap.read_plates(mot(tmp_path / "a.mot", names, ("ground_force_1_m",)))


def test_a_file_whose_ground_pushes_sideways_is_asked_about(tmp_path):
    time = np.arange(3.0)
    columns = {f"ground_force_{kind}{axis}": np.zeros(3) for kind in "vpm" for axis in "xyz"}
    columns["ground_force_vz"], columns["ground_force_py"] = np.full(3, 600.0), np.full(3, 0.3)
    write_storage(tmp_path / "a.mot", "z up", time, columns, in_degrees=False)
    with pytest.raises(RecordingError, match=r"a\.mot: expected the ground to push up along Y, .* Z 600 N; say up"):
        mocap.read_plates(tmp_path / "a.mot")
    found = mocap.read_plates(tmp_path / "a.mot", up="z")
    np.testing.assert_allclose(found.force[0, 0], [0, 600, 0])
    np.testing.assert_allclose(found.centre[0, 0], [0, 0, -0.3])
    columns["ground_force_vy"] = np.full(3, 1e9)
    write_storage(tmp_path / "a.mot", "damage", time, columns, in_degrees=False)
    with pytest.raises(RecordingError, match=r"a\.mot: expected forces up to 100000 N, found 1e\+09 N"):
        mocap.read_plates(tmp_path / "a.mot")


@needs_recordings
@pytest.mark.parametrize(
    ("markers", "forces", "order"),
    [
        (OPENCAP / "squats1.trc", OPENCAP / "squats1_grf.mot", [0, 1]),
        (SQUAT2 / "markers_Squat2.trc", SQUAT2 / "grf_Squat2.mot", [1, 0]),
    ],
)
def test_real_plates_keep_their_centre_and_their_moment(markers, forces, order):
    """One plate a foot: what OpenSim would apply is what the foot gets, whichever plate comes first in the file."""
    found = mocap.read_ground_reaction(forces, lm.locate(mocap.read(markers), None, "lateral-markers"))
    measured = mocap.read_plates(forces)
    np.testing.assert_allclose(found.force, measured.force[:, order])
    np.testing.assert_allclose(found.centre, measured.centre[:, order], atol=1e-12)
    np.testing.assert_allclose(found.moment, measured.moment[:, order], atol=1e-9)
    assert np.ptp(found.moment[:, :, 1], axis=0).min() > 2  # Nm: something was measured


# --- C3D --------------------------------------------------------------------------------------------------------------

FORCE, TWIST = np.array([30.0, -20.0, 600.0]), 3.5
"""What the ground does to the foot, laboratory frame, Z up [N, Nm about the vertical] ..."""
PLACE = np.array([0.25, 0.26, 0.12])
"""... and where [m]: the plate is the top of a step."""
MIDDLE = np.array([0.2, 0.3, 0.12])
AXES = np.array([[0.0, 1, 0], [1, 0, 0], [0, 0, -1]])
"""Rows: the axes of the plate in the laboratory. Its Z points down, as force plates have it."""
SENSOR = {1: (0.0, 0.0, 0.0), 2: (3.0, -2.0, -40.0), 3: (120.0, 200.0, -40.0), 4: (0.0, 0.0, -38.0)}
"""FORCE_PLATFORM:ORIGIN [mm] as the C3D manual has it for each type (The C3D File Format, 2008, FORCE_PLATFORM)."""


def channels(kind: int, sign: float, cal: np.ndarray) -> np.ndarray:
    """What a plate of this type writes [N, Nmm or mm], from the physics."""
    force = AXES @ FORCE * sign
    moment = AXES @ (np.cross(PLACE - MIDDLE, FORCE) + [0, 0, TWIST]) * sign * 1000  # about the middle of its surface
    a, b, depth = SENSOR[kind]
    if kind == 1:
        place = AXES @ (PLACE - MIDDLE) * 1000
        return np.array([*force, place[0], place[1], -TWIST * sign * 1000])
    if kind == 3:
        moment = moment + np.cross([0, 0, depth], force)
        # Fx12 Fx34 Fy14 Fy23 Fz1..4; any eight sensors that sum to these forces and moments will do
        sums = np.array(
            [
                [1, 1, 0, 0, 0, 0, 0, 0],
                [0, 0, 1, 1, 0, 0, 0, 0],
                [0, 0, 0, 0, 1, 1, 1, 1],
                [0, 0, 0, 0, b, b, -b, -b],
                [0, 0, 0, 0, -a, a, a, -a],
                [-b, b, a, -a, 0, 0, 0, 0],
            ]
        )
        return np.linalg.pinv(sums) @ np.concatenate([force, moment])
    wrench = np.concatenate([force, moment + np.cross(SENSOR[kind], force)])
    return np.linalg.solve(cal, wrench) if kind == 4 else wrench


UNITS = {1: ["mm"] * 2 + ["Nmm"], 2: ["Nmm"] * 3, 3: ["N"] * 5, 4: ["V"] * 3}
"""ANALOG:UNITS after the first three, which are forces."""


def write_plate(path: Path, kind: int, sign: float, units: tuple[str, str] | None = None) -> Path:
    cal = np.eye(6) + 0.05 * np.random.default_rng(0).normal(size=(6, 6))
    values, frames = channels(kind, sign, cal), 5
    file = ezc3d.c3d()
    file["parameters"]["POINT"]["RATE"]["value"] = [100.0]
    file["parameters"]["POINT"]["LABELS"]["value"] = ["M0"]
    file["data"]["points"] = np.ones((4, 1, frames))
    for name, value in (("UNITS", "mm"), ("X_SCREEN", "+X"), ("Y_SCREEN", "+Z")):
        file.add_parameter("POINT", name, [value])
    file["parameters"]["ANALOG"]["RATE"]["value"] = [1000.0]
    file["parameters"]["ANALOG"]["LABELS"]["value"] = [f"C{i}" for i in range(len(values))]
    named = ["N"] * 3 + UNITS[kind] if units is None else [units[0]] * 3 + [units[1]] * (len(values) - 3)
    values = values * [{"Nm": 1e-3, "kN": 1e-3}.get(unit, 1.0) for unit in named]
    file.add_parameter("ANALOG", "UNITS", named)
    file["data"]["analogs"] = np.tile(values[None, :, None], (1, 1, 10 * frames))
    corner = 1000 * (MIDDLE + np.array([[0.2, 0.3], [-0.2, 0.3], [-0.2, -0.3], [0.2, -0.3]]) @ AXES[:2])
    plate = {
        "USED": np.array([1]),
        "TYPE": np.array([kind]),
        "ZERO": np.array([0, 0]),
        "CHANNEL": np.arange(1, len(values) + 1).reshape(-1, 1),
        "CORNERS": corner.T[:, :, None],
        "ORIGIN": np.reshape(SENSOR[kind], (3, 1)),
    }
    for name, value in plate.items():
        file["parameters"]["FORCE_PLATFORM"][name]["value"] = value
    if kind == 4:
        file.add_parameter("FORCE_PLATFORM", "CAL_MATRIX", cal[:, :, None])
    file.write(str(path))
    return path


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("kind", [1, 2, 3, 4])
def test_a_c3d_plate_of_each_type(tmp_path, kind, sign):
    """Action or reaction, a plate says the same: force, place on the step, free moment; Y is up afterwards."""
    found = mocap.read_plates(write_plate(tmp_path / "a.c3d", kind, sign))
    np.testing.assert_allclose(found.force, np.broadcast_to([30.0, 600.0, 20.0], (50, 1, 3)), rtol=1e-4)
    np.testing.assert_allclose(found.centre, np.broadcast_to([0.25, 0.12, -0.26], (50, 1, 3)), atol=1e-6)
    np.testing.assert_allclose(found.moment, np.broadcast_to([0.0, TWIST, 0.0], (50, 1, 3)), atol=1e-4)
    assert np.diff(found.time) == pytest.approx(0.001)


@pytest.mark.parametrize("units", [("N", "Nm"), ("kN", "Nmm"), ("", "")])
def test_a_c3d_plate_in_the_units_of_its_channels(tmp_path, units):
    """Newton metres beside points in mm, and a file that is silent: newtons, and newtons times the points' unit."""
    found = mocap.read_plates(write_plate(tmp_path / "a.c3d", 2, 1.0, units))
    np.testing.assert_allclose(found.force[0, 0], [30.0, 600.0, 20.0], rtol=1e-4)
    np.testing.assert_allclose(found.centre[0, 0], [0.25, 0.12, -0.26], atol=1e-6)
    np.testing.assert_allclose(found.moment[0, 0], [0.0, TWIST, 0.0], atol=1e-4)


@pytest.mark.parametrize("kind", [1, 2, 3, 4])
def test_ezc3d_reads_the_same_plate(tmp_path, kind):
    path = write_plate(tmp_path / "a.c3d", kind, 1.0)
    theirs = ezc3d.c3d(str(path), extract_forceplat_data=True)["data"]["platform"][0]
    ours = mocap.read_plates(path)
    for key, mine, unit in (
        ("force", ours.force, 1),
        ("center_of_pressure", ours.centre, 1e-3),
        ("Tz", ours.moment, 1e-3),
    ):
        x, y, z = theirs[key] * unit
        np.testing.assert_allclose(mine[:, 0], np.stack([x, z, -y], axis=1), atol=1e-4)


@pytest.mark.parametrize(
    ("units", "message"),
    [
        (("lbf", "Nmm"), r"a\.c3d, plate 1, ANALOG:UNITS: expected N or kN, found 'lbf'"),
        (("N", "ftlb"), r"a\.c3d, plate 1, ANALOG:UNITS: expected Nm or Nmm, found 'ftlb'"),
    ],
)
def test_a_c3d_plate_in_other_units(tmp_path, units, message):
    with pytest.raises(RecordingError, match=message):
        mocap.read_plates(write_plate(tmp_path / "a.c3d", 2, 1.0, units))


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("TYPE", np.array([5]), r"plate 1, FORCE_PLATFORM:TYPE: expected 1, 2, 3 or 4, found 5"),
        ("CHANNEL", np.arange(2, 8).reshape(6, 1), r"FORCE_PLATFORM:CHANNEL: expected channels 1 to 6, found .* 7"),
        ("CHANNEL", np.arange(1, 6).reshape(5, 1), r"FORCE_PLATFORM:CHANNEL: expected 6 x 1 numbers, found 5 x 1"),
        ("CORNERS", np.zeros((3, 4, 1)), r"plate 1, FORCE_PLATFORM:CORNERS: expected the corners of a plate"),
        ("USED", np.array([2]), r"FORCE_PLATFORM:TYPE: expected 2 numbers, found 1"),
        ("USED", np.array([0]), r"expected force plates \(FORCE_PLATFORM\), found none"),
    ],
)
def test_a_broken_platform_is_named(tmp_path, name, value, message):
    file = ezc3d.c3d(str(write_plate(tmp_path / "a.c3d", 2, 1.0)))
    file["parameters"]["FORCE_PLATFORM"][name]["value"] = value
    file.write(str(tmp_path / "b.c3d"))
    with pytest.raises(RecordingError, match=r"b\.c3d.*" + message):
        mocap.read_plates(tmp_path / "b.c3d")
