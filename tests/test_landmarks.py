"""Markers -> landmarks: definitions, rigid fits, gaps, and what is missing."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
import pytest
from figures import OPENCAP, SQUAT2, figure, needs_recordings
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from simlab import anatomy, landmarks, marker_sets, metrics, mocap
from simlab.errors import InputError
from simlab.mocap import uiprmd
from simlab.motion import SIDES, Markers

N = 200
TIME = np.arange(N) / 100
PREFIX = {"right": "R", "left": "L"}
POSE = figure(TIME, np.repeat(0.1 + 0.7 * (1 - np.cos(np.pi * TIME))[:, None], 2, axis=1))


def named(points: dict[str, np.ndarray]) -> Markers:
    return Markers(names=tuple(points), time=TIME, positions=np.stack(list(points.values()), axis=1), source="lab.trc")


def plug_in_gait(**extra: np.ndarray) -> Markers:
    """The figure in Plug-in Gait's names, with the sacrum 0.2 m behind the iliac spines."""
    points = {"SACR": POSE.asis.mean(axis=1) - [0.2, 0.0, 0.0]}
    for i, side in enumerate(SIDES):
        for role, name in {"asis": "ASI", "knee": "KNE", "ankle": "ANK", "heel": "HEE", "toe": "TOE"}.items():
            points[PREFIX[side] + name] = getattr(POSE, role)[:, i]
    return named(points | extra)


def without(markers: Markers, *names: str) -> Markers:
    keep = [i for i, name in enumerate(markers.names) if name not in names]
    return replace(markers, names=tuple(markers.names[i] for i in keep), positions=markers.positions[:, keep])


def hidden(markers: Markers, name: str, frames: slice) -> Markers:
    positions = markers.positions.copy()
    positions[frames, markers.names.index(name)] = np.nan
    return replace(markers, positions=positions)


def test_lateral_markers_are_the_markers():
    found = landmarks.locate(plug_in_gait())
    for place in ("knee", "ankle", "heel", "toe", "asis"):
        np.testing.assert_array_equal(getattr(found, place), getattr(POSE, place))
    assert found.definition == "lateral-markers; hip: Harrington 2007 from the iliac spines and the sacrum"


def test_a_hip_centre_of_the_file_comes_first():
    found = landmarks.locate(plug_in_gait(RHJC=POSE.hip[:, 0], LHJC=POSE.hip[:, 1]))
    np.testing.assert_array_equal(found.hip, POSE.hip)
    assert found.definition == "lateral-markers; hip: RHJC and LHJC of the file"


def test_harrington_by_hand():
    """Width 240 mm, depth 200 mm: 57.9 behind, 82.9 below and 86.5 mm beside the middle of the iliac spines."""
    asis = np.array([[[0.0, 1.0, 0.12], [0.0, 1.0, -0.12]]])
    hips = landmarks.harrington(asis, np.array([[-0.2, 1.0, 0.0]]))
    np.testing.assert_allclose(hips[0], [[-0.0579, 0.9171, 0.0865], [-0.0579, 0.9171, -0.0865]], atol=1e-12)
    turn = Rotation.from_euler("ZXY", [0.3, -0.2, 2.0]).as_matrix()
    np.testing.assert_allclose(
        landmarks.harrington(asis @ turn.T, np.array([[-0.2, 1.0, 0.0]]) @ turn.T), hips @ turn.T, atol=1e-12
    )


def test_second_metatarsal_head_between_first_and_fifth():
    heads = {
        f"{letter}MT{number}": POSE.toe[:, i] + [0, 0, outward * z]
        for i, (letter, outward) in enumerate((("R", 1), ("L", -1)))
        for number, z in ((1, -0.021), (5, 0.049))
    }
    np.testing.assert_allclose(landmarks.locate(plug_in_gait(**heads)).toe, POSE.toe, atol=1e-12)


def test_a_subject_prefix_is_ignored():
    markers = plug_in_gait()
    prefixed = replace(markers, names=tuple(f"Anna:{name}" for name in markers.names))
    np.testing.assert_array_equal(landmarks.locate(prefixed).knee, POSE.knee)
    two = named({f"{who}:{name}": markers.positions[:, i] for who in "AB" for i, name in enumerate(markers.names)})
    with pytest.raises(InputError, match=r"expected one subject, found markers of the same name for A, B"):
        landmarks.locate(two)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), markers=st.integers(3, 6))
def test_carry_finds_any_rigid_motion(seed, markers):
    rng = np.random.default_rng(seed)
    reference, point = rng.normal(size=(markers, 3)), rng.normal(size=3)
    turn, shift = Rotation.random(5, random_state=rng).as_matrix(), rng.normal(size=(5, 1, 3))
    moving = reference @ turn.transpose(0, 2, 1) + shift
    np.testing.assert_allclose(landmarks.carry(reference, moving, point), turn @ point + shift[:, 0], atol=1e-9)


def test_carry_bridges_a_hidden_marker_and_gives_up_below_three():
    rng = np.random.default_rng(1)
    reference, point = rng.normal(size=(4, 3)), rng.normal(size=3)
    turn = Rotation.from_euler("y", 0.7).as_matrix()
    moving = np.repeat((reference @ turn.T)[None], 3, axis=0)
    moving[1, 0] = np.nan
    moving[2, :2] = np.nan
    carried = landmarks.carry(reference, moving, point)
    np.testing.assert_allclose(carried[:2], [turn @ point] * 2, atol=1e-12)
    assert np.isnan(carried[2]).all()


def cluster_markers(pose) -> Markers:
    """Thigh and shank clusters, lateral and medial markers that move rigidly with the segments of the figure."""
    points = {"SACR": pose.asis.mean(axis=1) - [0.2, 0.0, 0.0]}
    rng = np.random.default_rng(2)
    for i, side in enumerate(SIDES):
        p = PREFIX[side]
        for role, name in {"asis": "ASI", "heel": "HEE", "toe": "TOE"}.items():
            points[p + name] = getattr(pose, role)[:, i]
        for lower, upper, name, joint, medial in (
            ("knee", "hip", "THI", "KNE", "KNM"),
            ("ankle", "knee", "TIB", "ANK", "MED"),
        ):
            origin = getattr(pose, lower)[:, i]
            y = getattr(pose, upper)[:, i] - origin
            y /= np.linalg.norm(y, axis=1, keepdims=True)
            z = np.broadcast_to([0.0, 0.0, 1.0], y.shape)  # legs of the figure stay in planes parallel to X-Y
            axes = np.stack([np.cross(y, z), y, z], axis=2)
            offsets = {f"{name}{number}": rng.normal(0, 0.1, 3) for number in ("", 2, 3)}
            out = 0.05 if side == "right" else -0.05
            offsets |= {joint: np.array([0, 0, out]), medial: np.array([0, 0, -out])}
            points |= {p + key: origin + axes @ offset for key, offset in offsets.items()}
    return named(points)


MEDIAL = tuple(p + name for p in "RL" for name in ("KNM", "MED"))


def test_clusters_recover_the_centres():
    whole = cluster_markers(POSE)
    standing = replace(whole, positions=np.repeat(whole.positions[:1], N, axis=0), source="static.trc")
    found = landmarks.locate(without(whole, *MEDIAL), standing, "clusters")
    np.testing.assert_allclose(found.knee, POSE.knee, atol=1e-9)
    np.testing.assert_allclose(found.ankle, POSE.ankle, atol=1e-9)
    assert found.definition.startswith("clusters; ")
    with pytest.raises(InputError, match=r"static\.trc: expected a marker for the right knee_medial \(.*RKNM.*found"):
        landmarks.locate(whole, without(standing, *MEDIAL), "clusters")
    with pytest.raises(InputError, match=r"expected at least 3 markers of the right thigh in both, found RTHI, RKNE"):
        landmarks.locate(without(whole, "RTHI2", "RTHI3"), standing, "clusters")


def test_what_is_missing_is_named_with_what_there_is():
    message = r"lab\.trc: expected a marker for the left knee \(LKNE, LLFE\), found SACR"
    with pytest.raises(InputError, match=message):
        landmarks.locate(without(plug_in_gait(), "LKNE"))
    with pytest.raises(InputError, match=r"expected a marker for the right psis"):
        landmarks.locate(without(plug_in_gait(), "SACR"))
    with pytest.raises(
        InputError, match=r"expected one of lateral-markers, clusters, functional, joint-centres, found 'magic'"
    ):
        landmarks.locate(plug_in_gait(), joint_centres="magic")
    with pytest.raises(InputError, match=r"'clusters': expected a static trial"):
        landmarks.locate(plug_in_gait(), joint_centres="clusters")


def test_a_short_gap_is_filled_and_reported(caplog):
    with caplog.at_level(logging.WARNING):
        found = landmarks.locate(hidden(plug_in_gait(), "RKNE", slice(50, 65)))
    np.testing.assert_allclose(found.knee, POSE.knee, atol=1e-4)
    assert "lab.trc: filled a gap of RKNE from 0.49 to 0.65 s with a spline" in caplog.text


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        (slice(50, 90), r"lab\.trc, marker RKNE: expected gaps of at most 0.2 s, found one from 0.49 to 0.90 s"),
        (slice(0, 5), r"lab\.trc, marker RKNE: expected it in the first and the last frame"),
        (slice(0, N), r"lab\.trc, marker RKNE: expected gaps of at most 0.2 s"),
    ],
)
def test_a_long_gap_of_a_needed_marker_is_an_error(frames, message):
    with pytest.raises(InputError, match=message):
        landmarks.locate(hidden(plug_in_gait(), "RKNE", frames))


def test_a_long_gap_of_another_marker_does_not_matter():
    landmarks.locate(hidden(plug_in_gait(C7=POSE.asis[:, 0] + [0, 0.5, 0]), "C7", slice(0, 150)))


def test_another_vertical_is_noticed():
    markers = plug_in_gait()
    with pytest.raises(InputError, match=r"expected Y up"):
        landmarks.locate(replace(markers, positions=markers.positions[:, :, [0, 2, 1]]))


def test_smoothing_keeps_the_slow_and_stops_the_fast_without_delay():
    time = np.arange(400) / 100
    base = figure(time, np.full((400, 2), 0.2))
    for hertz, gain in ((0.5, 1.0), (6.0, 0.5**0.5), (20.0, 0.0)):
        wave = np.sin(2 * np.pi * hertz * time)[:, None, None]
        smoothed = landmarks.smooth(replace(base, knee=base.knee + 0.01 * wave)).knee - base.knee
        expected = np.broadcast_to(gain * 0.01 * wave, smoothed.shape)
        np.testing.assert_allclose(smoothed[100:300], expected[100:300], atol=3e-4)
    with pytest.raises(InputError, match=r"expected 13 frames or more, faster than 12 Hz, found 100 at 10 Hz"):
        landmarks.smooth(figure(np.arange(100) / 10, np.full((100, 2), 0.2)))


# --- joints instead of markers, and widths ---------------------------------------------------------------------------

BONES = {"hip": "UpLeg", "knee": "Leg", "ankle": "Foot", "toe": "ToeBase"}


def skeleton(pose=POSE, prefix: str = "mixamorig:", **extra: np.ndarray) -> Markers:
    """The figure as a BVH file has it."""
    points = {prefix + "Hips": pose.hip.mean(axis=1), prefix + "Neck": pose.hip.mean(axis=1) + [0.0, 0.5, 0.0]}
    for i, side in enumerate(("Right", "Left")):
        points |= {f"{prefix}{side}{name}": getattr(pose, role)[:, i] for role, name in BONES.items()}
    return named(points | extra)


def test_joints_of_a_file_are_the_joint_centres():
    found = landmarks.locate(skeleton(), joint_centres="joint-centres")
    for place in BONES:
        np.testing.assert_array_equal(getattr(found, place), getattr(POSE, place))
    np.testing.assert_array_equal(found.heel, POSE.ankle)
    assert found.definition == (
        "joint-centres of the file (joint_centres); heel: the ankle joint; "
        "iliac spines: parallel to the hip joints, of a pelvis without tilt"
    )
    heels = {f"mixamorig:{side}Heel": POSE.heel[:, i] for i, side in enumerate(("Right", "Left"))}
    np.testing.assert_array_equal(landmarks.locate(skeleton(**heels), None, "joint-centres").heel, POSE.heel)


def test_metrics_of_joints_are_those_of_the_figure():
    """Of a figure that turns, drops its hip and bends its knees inward: what needs no heel is exact."""
    rest = figure(TIME, np.repeat(0.1 + 0.7 * (1 - np.cos(np.pi * TIME))[:, None], 2, axis=1), thigh_out=-0.1)
    turn = Rotation.from_euler("YX", [0.7, 0.05]).as_matrix()
    pose = replace(rest, **{place: getattr(rest, place) @ turn.T for place in landmarks.PLACES})
    found = landmarks.locate(skeleton(pose), joint_centres="joint-centres")
    exact = (metrics.knee_flexion, metrics.fppa, metrics.medial_knee_displacement, metrics.separation_ratio)
    for measure in (*exact, metrics.pelvic_obliquity):
        np.testing.assert_allclose(measure(found), measure(pose), atol=1e-9)


def test_iliac_spines_are_where_the_reference_skeleton_has_them():
    joints = {row["link"]: row for row in anatomy.table("joints.csv")}
    spine = next(row for row in anatomy.table("landmarks.csv") if row["landmark"] == "asis")
    hip, asis = (np.array([float(row[axis]) for axis in "xyz"]) for row in (joints["hip_1"], spine))
    hips, spines = (np.array([[point, point * [1, 1, -1]]]) for point in (hip, asis))
    np.testing.assert_allclose(landmarks.iliac_spines(hips), spines, atol=2e-5)
    turn = Rotation.from_euler("YX", [1.0, 0.2]).as_matrix()  # turned and dropped to a side, not tilted
    np.testing.assert_allclose(landmarks.iliac_spines(hips @ turn.T), spines @ turn.T, atol=2e-5)


def test_joints_and_markers_are_not_taken_for_each_other():
    with pytest.raises(InputError, match=r"right asis \(the marker set joint_centres has none\).*choose joint-centres"):
        landmarks.locate(skeleton())
    with pytest.raises(InputError, match=r"right hip_centre \(RHJC\), found SACR"):
        landmarks.locate(plug_in_gait(), joint_centres="joint-centres")
    upright = replace(POSE, hip=np.repeat(POSE.hip[:, :1], 2, axis=1))
    with pytest.raises(InputError, match=r"lab\.trc: expected hip joints side by side"):
        landmarks.locate(skeleton(upright), joint_centres="joint-centres")


def test_kinect_joints_of_uiprmd():
    points = {name: POSE.hip.mean(axis=1) for name in uiprmd.KINECT}
    for i, side in enumerate(("Right", "Left")):
        for role, name in {"hip": "UpperLeg", "knee": "LowerLeg", "ankle": "Foot", "toe": "Toes"}.items():
            points[side + name] = getattr(POSE, role)[:, i]
    found = landmarks.locate(named(points), joint_centres="joint-centres")
    for place in BONES:
        np.testing.assert_array_equal(getattr(found, place), getattr(POSE, place))


def test_a_width_moves_the_lateral_marker_inward_along_the_pelvis():
    turn = Rotation.from_euler("Y", 0.6).as_matrix()
    whole = plug_in_gait()
    markers = replace(whole, positions=whole.positions @ turn.T)
    found = landmarks.locate(markers, knee_width_m=0.11, ankle_width_m=0.07)
    outward = np.array([[0.0, 0.0, 1.0], [0.0, 0.0, -1.0]])
    for place, half in (("knee", 0.055), ("ankle", 0.035), ("heel", 0.0), ("asis", 0.0)):
        np.testing.assert_allclose(getattr(found, place), (getattr(POSE, place) - half * outward) @ turn.T, atol=1e-12)
    expected = "lateral-markers half a width inward (knee 110 mm, ankle 70 mm); hip: Harrington"
    assert found.definition.startswith(expected)
    only = landmarks.locate(markers, knee_width_m=0.11)
    np.testing.assert_array_equal(only.knee, found.knee)
    np.testing.assert_array_equal(only.ankle, landmarks.locate(markers).ankle)


@pytest.mark.parametrize("width", [0.0, -0.1, 110.0, float("nan"), float("inf")])
def test_a_width_that_is_none(width):
    with pytest.raises(InputError, match=r"knee width: expected more than 0 and less than 0\.25 m, found"):
        landmarks.locate(plug_in_gait(), knee_width_m=width)


def test_a_width_belongs_to_lateral_markers():
    with pytest.raises(
        InputError, match=r"ankle width: expected with lateral-markers or functional, found joint-centres"
    ):
        landmarks.locate(skeleton(), joint_centres="joint-centres", ankle_width_m=0.07)


def test_a_marker_set_of_one_s_own(tmp_path):
    text = (marker_sets.tables.models() / "marker_sets" / "plug_in_gait.toml").read_text(encoding="utf-8")
    (tmp_path / "mine.toml").write_text(text.replace("KNE", "_knee_out"), encoding="utf-8")
    mine = marker_sets.load(tmp_path / "mine.toml")
    whole = plug_in_gait()
    renamed = replace(whole, names=tuple(name.replace("KNE", "_knee_out") for name in whole.names))
    np.testing.assert_array_equal(landmarks.locate(renamed, marker_set=mine).knee, POSE.knee)
    with pytest.raises(InputError, match=r"expected a marker for the right knee \(RKNE, RLFE\)"):
        landmarks.locate(renamed)


def test_clusters_match_a_static_trial_with_other_prefix_and_case():
    whole = cluster_markers(POSE)
    standing = replace(
        whole,
        positions=np.repeat(whole.positions[:1], N, axis=0),
        names=tuple(f"static:{name.lower()}" for name in whole.names),
    )
    found = landmarks.locate(without(whole, *MEDIAL), standing, "clusters")
    np.testing.assert_allclose(found.knee, POSE.knee, atol=1e-9)


@needs_recordings
@pytest.mark.parametrize(
    ("joint_centres", "knee"),
    [
        ("lateral-markers", (-0.15348015254439185, 0.4800020871088756, -0.3832042387240422)),
        ("clusters", (-0.1406990348855587, 0.4638234883241029, -0.4429266864473641)),
    ],
)
def test_the_landmarks_of_the_recording_have_not_moved(joint_centres, knee):
    markers, standing = (mocap.read(OPENCAP / name) for name in ("squats1.trc", "static1.trc"))
    found = landmarks.locate(markers, standing if joint_centres == "clusters" else None, joint_centres)
    np.testing.assert_allclose(landmarks.smooth(found).knee[600, 0], knee, rtol=0, atol=1e-12)


@needs_recordings
def test_harrington_lands_near_the_laboratory_s_own_hip():
    """squats1 also holds hip centres of two other methods; the regression lies within its published error of them."""
    markers = mocap.read(OPENCAP / "squats1.trc")
    theirs = landmarks.locate(markers).hip
    ours = landmarks.locate(without(markers, "R_HJC", "L_HJC")).hip
    assert np.linalg.norm(ours - theirs, axis=2).mean() < 0.03


def test_widths_and_hips_are_as_asked_for():
    markers = plug_in_gait(RHJC=POSE.hip[:, 0], LHJC=POSE.hip[:, 1])
    found = landmarks.locate(markers, knee_width_m=0.1, ankle_width_m=0.07)
    np.testing.assert_allclose(found.knee, POSE.knee - [[[0, 0, 0.05], [0, 0, -0.05]]], atol=1e-12)
    np.testing.assert_allclose(found.ankle, POSE.ankle - [[[0, 0, 0.035], [0, 0, -0.035]]], atol=1e-12)
    assert found.definition.startswith("lateral-markers half a width inward (knee 100 mm, ankle 70 mm); hip: ")
    assert landmarks.locate(markers, hip="file").definition.endswith("RHJC and LHJC of the file")
    regressed = landmarks.locate(markers, hip="harrington")
    assert "Harrington" in regressed.definition
    np.testing.assert_array_equal(regressed.hip, landmarks.locate(plug_in_gait()).hip)
    for wrong, message in (
        ({"hip": "guess"}, r"hip: expected one of auto, file, functional, harrington, found 'guess'"),
        ({"knee_width_m": 100.0}, r"knee width: expected more than 0 and less than 0.25 m, found 100"),
    ):
        with pytest.raises(InputError, match=message):
            landmarks.locate(markers, **wrong)
    with pytest.raises(InputError, match=r"expected a marker for the right hip_centre \(RHJC"):
        landmarks.locate(plug_in_gait(), hip="file")


def test_a_functional_knee_of_the_figure():
    """Its knees bend about Z through the centres; half of the 100 mm between the epicondyles moves it to the middle."""
    whole = cluster_markers(POSE)
    standing = replace(whole, positions=np.repeat(whole.positions[:1], N, axis=0), source="static.trc")
    found = landmarks.locate(without(whole, *MEDIAL), standing, "functional")
    np.testing.assert_allclose(found.knee, POSE.knee, atol=1e-6)
    np.testing.assert_allclose(found.ankle, POSE.ankle, atol=1e-9)
    assert found.definition.startswith(
        "functional (knee: SARA, residual 0.0 and 0.0 mm, half the epicondyles of the static trial inward; "
        "ankle: clusters); hip: Harrington"
    )
    wide = landmarks.locate(without(whole, *MEDIAL), None, "functional", knee_width_m=0.1)
    np.testing.assert_allclose(wide.knee, POSE.knee, atol=1e-6)
    assert "half of 100 mm inward; ankle: lateral markers)" in wide.definition
    lateral = landmarks.locate(without(whole, *MEDIAL), None, "functional")
    np.testing.assert_allclose(lateral.knee, POSE.knee + [[[0, 0, 0.05], [0, 0, -0.05]]], atol=1e-6)


@needs_recordings
def test_a_squat_tells_the_knee_s_axis_but_not_the_hip_s_centre():
    """Squats turn the hip by 106 and 9 deg about its two main axes: SCoRE would land 36 and 62 mm from R_HJC, L_HJC."""
    markers, static = mocap.read(OPENCAP / "squats1.trc"), mocap.read(OPENCAP / "static1.trc")
    with pytest.raises(
        InputError, match=r"at least 20 deg about each of two axes of the pelvis .*, found 106 and 9 deg"
    ):
        landmarks.locate(markers, hip="functional")
    clusters = landmarks.locate(markers, static, "clusters").knee
    found = landmarks.locate(markers, static, "functional")
    assert np.linalg.norm(found.knee - clusters, axis=2).mean() < 0.025
    assert "residual 3.5 and 5.0 mm" in found.definition


@needs_recordings
def test_a_marker_lost_elsewhere_is_no_obstacle():
    assert np.isfinite(landmarks.locate(mocap.read(SQUAT2 / "markers_Squat2.trc")).knee).all()
