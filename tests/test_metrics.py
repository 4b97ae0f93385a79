"""Metrics against closed forms, symmetries and real recordings."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import hypothesis.strategies as st
import numpy as np
import pytest
from figures import OPENCAP, SQUAT2, WIDTH, figure, mirrored, needs_recordings, squat_angle, turned
from hypothesis import given

from simlab import metrics, recording
from simlab.motion import COORDINATES, GroundReaction, Motion

TIME = np.linspace(0, 10, 1001)


def squats(repetitions: int = 3, depth: float = 1.5, **options):
    return figure(TIME, squat_angle(TIME, repetitions, depth), **options)


def bent(angle: float, **options):
    return figure(np.arange(3.0), np.full((3, 2), angle), **options)


def test_knee_flexion_is_the_angle_between_thigh_and_shank():
    for angle in (0.0, 0.5, 1.5):
        np.testing.assert_allclose(metrics.knee_flexion(bent(angle)), angle, atol=1e-7)


def test_fppa_is_thigh_against_shank_in_the_frontal_plane_valgus_positive():
    pose = bent(1.0, thigh_out=0.2, shank_out=-0.1)  # hip lateral of knee, knee medial of ankle: valgus
    np.testing.assert_allclose(metrics.fppa(pose), 0.3, atol=1e-12)
    np.testing.assert_allclose(metrics.fppa(bent(1.0, thigh_out=-0.2, shank_out=0.1)), -0.3, atol=1e-12)


def test_medial_displacement_and_separation_by_hand():
    shift = 0.02  # knees 20 mm medial of the ankles, hips above the ankles
    pose = bent(0.0)
    pose = replace(pose, knee=pose.knee - shift * np.array([[0, 0, 1], [0, 0, -1]]))
    np.testing.assert_allclose(metrics.medial_knee_displacement(pose), shift, atol=1e-12)
    np.testing.assert_allclose(metrics.separation_ratio(pose), (WIDTH - shift) / WIDTH, atol=1e-12)


def test_knee_over_toe_and_foot_progression_by_hand():
    pose = bent(1.0, toe_out=0.3)  # the knee is straight ahead, so inside a foot turned out
    np.testing.assert_allclose(metrics.foot_progression(pose), 0.3, atol=1e-12)
    ahead = (pose.knee - pose.heel)[..., 0]
    np.testing.assert_allclose(metrics.knee_over_toe(pose), ahead * math.sin(0.3), atol=1e-12)


def test_pelvic_drop_is_of_the_free_side_in_a_single_leg_task():
    pose = squats(1)
    tilt = np.radians(np.linspace(0, 5, len(TIME)))  # the right side rises: the left, free, drops
    asis = pose.asis.copy()
    asis[..., 1] += 0.12 * np.tan(tilt)[:, None] * [1, -1]
    pose = replace(pose, asis=asis)
    drop = {s: metrics.measure(pose, stance=s)["both"]["pelvic_drop_deg"] for s in ("right", "left", None)}
    assert drop["right"] == pytest.approx(5) and drop["left"] == pytest.approx(0) and drop[None] == pytest.approx(5)
    above = metrics.measure(pose, stance="right", level=math.radians(2))["both"]["pelvic_drop_deg"]
    assert above == pytest.approx(3)


def test_trunk_lean_follows_pelvis_and_lumbar_joint():
    pose = squats(1)
    values = np.zeros((len(TIME), len(COORDINATES)))
    values[:, COORDINATES.index("pelvis_list")] = 0.03
    values[:, COORDINATES.index("lumbar_bending")] = 0.04
    motion = Motion(time=TIME, values=values)
    np.testing.assert_allclose(metrics.trunk_lean(pose, motion), 0.07, atol=1e-12)
    values[:, COORDINATES.index("pelvis_list")] = 0
    values[:, COORDINATES.index("pelvis_rotation")] = 0.7  # the lean is seen in the heading of the pelvis
    rotated = Motion(time=TIME, values=values)
    np.testing.assert_allclose(metrics.trunk_lean(turned(pose, 0.7), rotated), 0.04, atol=1e-12)
    assert metrics.measure(pose, motion)["both"]["trunk_lean_deg"] == pytest.approx(math.degrees(0.07))
    assert metrics.measure(pose)["both"]["trunk_lean_deg"] is None


@pytest.mark.parametrize("angle", [0.4, 1.9, math.pi, -2.5])
def test_heading_changes_nothing(angle):
    pose = squats(2, thigh_out=-0.2, shank_out=0.3)
    there = turned(pose, angle, (3.0, -2.0))
    assert metrics.repetitions(there) == metrics.repetitions(pose)
    here, other = metrics.measure(pose), metrics.measure(there)
    for part in here:
        for name, value in here[part].items():
            assert other[part][name] == (None if value is None else pytest.approx(value, abs=1e-6)), name


def test_mirror_image_swaps_the_legs():
    out = np.column_stack([np.full(len(TIME), -0.1), np.full(len(TIME), 0.15)])
    pose = squats(2, thigh_out=out, shank_out=-out)
    real, image = metrics.measure(pose), metrics.measure(mirrored(pose))
    assert abs(real["right"]["fppa_peak_deg"] - real["left"]["fppa_peak_deg"]) > 20  # not trivially symmetric
    for name, value in real["right"].items():
        assert image["left"][name] == (None if value is None else pytest.approx(value, abs=1e-9)), name


@pytest.mark.parametrize("count", [1, 2, 3])
def test_repetitions_are_found_with_their_bounds(count):
    found = metrics.repetitions(squats(count))
    # 10 % of the range of sin^2(pi t / 2) lies asin(sqrt(0.1)) * 2 / pi from its ends.
    edge = math.asin(math.sqrt(0.1)) * 2 / math.pi
    assert [r.peak for r in found] == pytest.approx([2 + 3 * i for i in range(count)], abs=0.011)
    assert [r.start for r in found] == pytest.approx([1 + edge + 3 * i for i in range(count)], abs=0.011)
    assert [r.end for r in found] == pytest.approx([3 - edge + 3 * i for i in range(count)], abs=0.011)


def test_repetitions_that_never_stand_up_are_split_at_the_valley():
    flexion = 0.9 - 0.6 * np.cos(2 * np.pi * TIME / 2.5)
    flexion[TIME < 1.25] = np.minimum(flexion[TIME < 1.25], 0.3 + TIME[TIME < 1.25] * 0)
    raised = np.maximum(flexion, np.where((TIME > 2) & (TIME < 8), 0.6, 0))
    found = metrics.repetitions(figure(TIME, np.repeat(raised[:, None], 2, axis=1)))
    assert all(a.end <= b.start for a, b in itertools.pairwise(found))
    assert all(r.start < r.peak < r.end for r in found) and len(found) >= 2


def test_a_cut_or_absent_repetition_is_none():
    whole = squats(1)
    deepest = int(np.argmax(metrics.knee_flexion(whole)[:, 0]))
    names = ("time", "hip", "knee", "ankle", "heel", "toe", "asis")
    cut = replace(whole, **{name: getattr(whole, name)[deepest + 20 :] for name in names})
    assert metrics.repetitions(cut) == ()
    assert metrics.repetitions(figure(TIME, np.full((len(TIME), 2), 0.2))) == ()


def test_fppa_at_a_flexion_is_taken_on_the_way_down_and_null_when_never_reached():
    flexion = squat_angle(TIME, 1, math.radians(50))
    down = TIME < 2
    thigh = np.where(down[:, None], -flexion / 4, -flexion / 2)  # another path up
    pose = figure(TIME, flexion, thigh_out=thigh)
    leg = metrics.measure(pose)["right"]
    bend, projection = (np.degrees(f(pose)[:, 0]) for f in (metrics.knee_flexion, metrics.fppa))
    for angle in (30, 45):
        assert leg[f"fppa_{angle}_deg"] == pytest.approx(np.interp(angle, bend[down], projection[down]), abs=0.02)
        assert leg[f"fppa_{angle}_deg"] > np.interp(-angle, -bend[~down], projection[~down]) + 5
    assert leg["fppa_60_deg"] is None


def test_travel_is_the_change_since_the_start_of_the_window():
    flexion = squat_angle(TIME, 1, 1.5)
    pose = figure(TIME, flexion, shank_out=-0.05 - 0.1 * flexion)
    displacement = 1e3 * metrics.medial_knee_displacement(pose)[:, 0]
    leg = metrics.measure(pose)["right"]
    assert leg["medial_knee_travel_mm"] == pytest.approx(displacement[200] - displacement[0])
    assert leg["medial_knee_displacement_mm"] == pytest.approx(displacement[200])


def test_three_dimensional_angles_come_from_the_coordinates_valgus_positive():
    values = np.zeros((len(TIME), len(COORDINATES)))
    poses = {"knee_adduction_r": -6, "hip_adduction_r": 7, "hip_rotation_r": 8, "subtalar_angle_r": -9}
    for name, degrees in poses.items():
        values[:, COORDINATES.index(name)] = np.radians(degrees) * np.linspace(0, 1, len(TIME))
    leg = metrics.measure(squats(1), Motion(time=TIME, values=values))["right"]
    assert leg["knee_abduction_at_peak_flexion_deg"] == pytest.approx(6 * 0.2)
    assert leg["knee_abduction_peak_deg"] == pytest.approx(6)
    later = metrics.measure(squats(1), Motion(time=TIME, values=values), window=(TIME[50], TIME[-1]))["right"]
    assert later["knee_abduction_change_deg"] == pytest.approx(6 * (0.2 - 50 / (len(TIME) - 1)))
    assert leg["hip_adduction_at_peak_flexion_deg"] == pytest.approx(7 * 0.2)
    assert leg["hip_internal_rotation_at_peak_flexion_deg"] == pytest.approx(8 * 0.2)
    assert leg["rearfoot_eversion_at_peak_flexion_deg"] == pytest.approx(9 * 0.2)
    assert metrics.measure(squats(1))["right"]["knee_abduction_peak_deg"] is None


def test_ground_reaction_in_body_weights_inside_the_window_only():
    time = np.linspace(0, 10, 5001)
    force = np.zeros((len(time), 2, 3))
    force[:, 0, 1], force[:, 1, 1] = 300, 200
    force[time > 8, 0, 1] = 5000
    reaction = GroundReaction(time=time, force=force, source="test")
    found = metrics.measure(squats(1), ground_reaction=reaction, body_weight=500, window=(0.0, 5.0))
    assert (found["right"]["grf_peak_bw"], found["left"]["grf_peak_bw"]) == pytest.approx((0.6, 0.4))
    assert found["both"]["grf_peak_bw"] == pytest.approx(1.0)
    assert metrics.measure(squats(1), ground_reaction=reaction)["both"]["grf_peak_bw"] is None


def test_an_empty_window_is_an_error():
    with pytest.raises(ValueError, match=r"expected a window within 0 to 10 s, found \(20, 30\)"):
        metrics.measure(squats(1), window=(20, 30))


def test_names_are_exactly_those_promised():
    found = metrics.measure(squats(1))
    assert tuple(found["right"]) == tuple(found["left"]) == metrics.LEG and tuple(found["both"]) == metrics.BOTH


def test_summary_has_mean_sd_and_values():
    one = metrics.measure(squats(1))
    two = metrics.measure(squats(1, depth=1.7))
    peak = metrics.summarise([one, two])["right"]["knee_flexion_peak_deg"]
    a, b = math.degrees(1.5), math.degrees(1.7)
    assert peak["values"] == pytest.approx([a, b]) and peak["mean"] == pytest.approx((a + b) / 2)
    assert peak["sd"] == pytest.approx((b - a) / math.sqrt(2))
    assert metrics.summarise([one])["right"]["knee_abduction_peak_deg"] == {"mean": None, "sd": None, "values": [None]}


def mean(report, side, name):
    return report["metrics"][side][name]["mean"]


@needs_recordings
def test_opencap_squats_with_lateral_markers():
    """An independent analysis of the recording (README of the recordings)."""
    report = recording.measure(
        recording.read(OPENCAP / "squats1.trc", grf=OPENCAP / "squats1_grf.mot", static_grf=OPENCAP / "static1_grf.mot")
    )
    assert report["repetitions"] == 5 and report["joint_centres"] == "lateral-markers"
    assert report["repetition_peaks_s"] == pytest.approx([1.36, 3.94, 6.72, 9.43, 12.27], abs=0.0101)
    expected = {
        "knee_flexion_peak_deg": (94.3, 91.7, 0.5),
        "fppa_peak_deg": (-56.4, -51.3, 1.0),
        "fppa_60_deg": (-23.2, -25.8, 0.5),
        "medial_knee_displacement_mm": (-111.6, -99.4, 2.0),
        "foot_progression_deg": (15.2, 10.4, 0.5),
        "grf_peak_bw": (0.62, 0.64, 0.01),
    }
    for name, (right, left, within) in expected.items():
        assert mean(report, "right", name) == pytest.approx(right, abs=within), name
        assert mean(report, "left", name) == pytest.approx(left, abs=within), name
    ratio = mean(report, "both", "knee_ankle_separation_ratio_at_peak_flexion")
    assert ratio == pytest.approx(1.047, abs=0.01)
    assert mean(report, "both", "grf_peak_bw") == pytest.approx(1.23, abs=0.01)
    assert report["body_weight_n"] == pytest.approx(588.9, abs=0.1)


@needs_recordings
def test_opencap_squats_with_clusters():
    found = recording.read(
        OPENCAP / "squats1.trc",
        static=OPENCAP / "static1.trc",
        grf=OPENCAP / "squats1_grf.mot",
        joint_centres="clusters",
    )
    report = recording.measure(found)
    expected = {
        "knee_flexion_peak_deg": (93.7, 90.8, 0.2),
        "fppa_peak_deg": (-32.5, -27.6, 0.3),
        "fppa_60_deg": (-8.9, -12.5, 0.3),
        "medial_knee_displacement_mm": (-57, -49, 1.0),
        "foot_progression_deg": (15.1, 10.4, 0.1),
    }
    for name, (right, left, within) in expected.items():
        assert mean(report, "right", name) == pytest.approx(right, abs=within), name
        assert mean(report, "left", name) == pytest.approx(left, abs=within), name
    assert mean(report, "both", "knee_ankle_separation_ratio_at_peak_flexion") == pytest.approx(0.95, abs=0.01)
    assert report["body_weight_n"] == pytest.approx(588.9, rel=0.01)  # from standing still between the squats


@needs_recordings
def test_another_laboratory_facing_backwards():
    found = recording.read(SQUAT2 / "markers_Squat2.trc", grf=SQUAT2 / "grf_Squat2.mot")
    forward = np.cross(metrics.UP, metrics.sideways(found.landmarks))
    assert (forward[:, 0] < -0.5).all()  # it does face -X
    report = recording.measure(found)
    assert report["repetitions"] == 1
    for side in ("right", "left"):
        assert 60 < mean(report, side, "knee_flexion_peak_deg") < 100
        assert 0 < mean(report, side, "foot_progression_deg") < 45
        assert 0.45 < mean(report, side, "grf_peak_bw") < 0.75
    assert found.ground_reaction is not None and found.body_weight == pytest.approx(613, abs=5)
    # The first plate of the file is under the left foot.
    assert found.ground_reaction.force[0, :, 1] == pytest.approx([279.6, 330.8], abs=0.1)


@given(st.lists(st.floats(-2, 2), min_size=3, max_size=60, unique=True), st.floats(0.05, 1.5))
def test_prominent_peaks_are_scipys(curve: list[float], prominence: float) -> None:
    from scipy.signal import find_peaks

    values = np.array(curve)
    assert metrics.prominent_peaks(values, prominence) == find_peaks(values, prominence=prominence)[0].tolist()


@pytest.mark.parametrize(
    ("fppa", "medial", "abduction", "rotation", "words"),
    [
        (0.4, 1.0, 0.4, 0.0, "no noticeable change"),
        (3.0, 8.0, 2.0, 1.0, "knee falls in, and the joint abducts"),
        (3.0, 8.0, 0.2, 1.0, "knee falls in"),
        (3.0, 8.0, -2.0, 1.0, "knee falls in, with less abduction of the joint"),
        (-2.0, -5.0, -1.0, 0.0, "knee goes out"),
        (-2.0, -5.0, 3.0, -4.0, "knee goes out; the rise of 3D abduction is the flexed femur rolling outward"),
        (0.0, 0.0, 3.0, -4.0, "knee stays over the foot; the rise of 3D abduction is the flexed femur rolling outward"),
        (0.0, 0.0, 3.0, 4.0, "an axis effect, not a knee falling in"),
        (3.0, 1.0, 3.0, -4.0, "rolling outward"),  # the projection alone is not a knee that travels
    ],
)
def test_a_knee_that_falls_in_is_told_from_an_axis_that_turned(fppa, medial, abduction, rotation, words):
    change = {
        "fppa_deg": fppa,
        "medial_displacement_mm": medial,
        "knee_abduction_deg": abduction,
        "hip_internal_rotation_deg": rotation,
    }
    found = metrics.describe_valgus(change)
    assert found.startswith(words) or words in found
    assert ("falls in" in found.split(";")[0]) == words.startswith("knee falls in")
    with pytest.raises(KeyError, match="fppa_deg"):
        metrics.describe_valgus({name: value for name, value in change.items() if name != "fppa_deg"})
