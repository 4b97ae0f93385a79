"""Curves, their differences, the captured squats that travel with simlab, and the figure."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from figures import OPENCAP, figure, needs_recordings, squat_angle, turned

from simlab import compare, metrics, recording
from simlab.errors import InputError
from simlab.motion import COORDINATES, SIDES, GroundReaction, Motion

TIME = np.linspace(0, 10, 1001)
SQUATS = figure(TIME, squat_angle(TIME, 3, 1.5), thigh_out=-0.1)
WINDOWS = [repetition.window for repetition in metrics.repetitions(SQUATS)]


def recorded() -> recording.Recording:
    return recording.Recording(
        path="squats.trc",
        joint_centres="lateral-markers",
        landmarks=SQUATS,
        repetitions=metrics.repetitions(SQUATS),
        ground_reaction=None,
        body_weight=None,
    )


def test_curves_are_the_metrics_over_normalised_time():
    reaction = GroundReaction(time=TIME, force=np.full((len(TIME), 2, 3), 300.0), source="test")
    values = np.full((len(TIME), len(COORDINATES)), 0.1)
    motion = Motion(time=TIME, values=values)
    found = compare.curves(SQUATS, WINDOWS[0], reaction, 600.0, motion)
    assert tuple(found) == tuple(compare.LABELS)
    for side in SIDES:
        assert found["knee_flexion_deg"][side].shape == (101,)
        assert found["knee_flexion_deg"][side].max() == pytest.approx(np.degrees(1.5), abs=0.5)
        np.testing.assert_allclose(found["grf_bw"][side], 0.5)
        np.testing.assert_allclose(found["hip_adduction_deg"][side], np.degrees(0.1))
    bare = compare.curves(SQUATS, WINDOWS[0])
    assert bare["grf_bw"] == bare["hip_adduction_deg"] == {"right": None, "left": None}


def test_force_that_ends_before_the_repetition_is_undefined():
    short = GroundReaction(time=TIME[:150], force=np.ones((150, 2, 3)), source="test")
    assert compare.curves(SQUATS, WINDOWS[0], short, 600.0)["grf_bw"]["right"] is None


def test_equal_repetitions_have_no_spread_and_compare_as_equal():
    real = compare.summarise(recorded(), "three")
    assert real.repetitions == 3 and real.sd["fppa_deg"]["right"].max() < 0.5
    report = compare.compare(compare.curves(SQUATS, WINDOWS[1]), real)
    assert report["curves"]["fppa_deg"]["left"]["rmse"] < 0.2
    assert report["curves"]["grf_bw"]["left"] is None
    json.dumps(report, allow_nan=False)


def test_differences_by_hand():
    real = compare.summarise(recorded(), "three")
    shifted = {
        name: {side: None if curve is None else curve + 3.0 for side, curve in legs.items()}
        for name, legs in real.mean.items()
    }
    shifted["fppa_deg"]["right"] = real.mean["fppa_deg"]["right"] + np.where(np.arange(101) % 2, 1.0, -1.0)
    found = compare.compare(shifted, real)["curves"]
    flexion, projection = found["knee_flexion_deg"]["left"], found["fppa_deg"]["right"]
    assert (flexion["rmse"], flexion["mean_difference"]) == pytest.approx((3, 3))
    assert flexion["sd_difference"] == pytest.approx(0, abs=1e-9) and flexion["correlation"] == pytest.approx(1)
    assert projection["rmse"] == pytest.approx(1) and projection["mean_difference"] == pytest.approx(-1 / 101)


def test_mean_landmarks_stand_in_their_own_frame_whatever_the_heading():
    here = compare.summarise(recorded(), "three")
    there = compare.summarise(replace(recorded(), landmarks=turned(SQUATS, 2.0, (5.0, -3.0))), "three")
    for place in compare.PLACES:
        np.testing.assert_allclose(getattr(there, place), getattr(here, place), atol=1e-9)
    np.testing.assert_allclose(here.ankle.mean(axis=(0, 1)), [0, 0.08, 0], atol=1e-9)
    assert (here.knee[:, 0, 2] > 0).all() and (here.toe[..., 0] > here.heel[..., 0]).all()


@pytest.mark.parametrize("joint_centres", ["clusters", "lateral-markers"])
def test_captured_squats_travel_with_simlab(joint_centres):
    real = compare.captured(joint_centres=joint_centres)
    assert real.repetitions == 5 and "Uhlrich" in real.source and "BSD-2-Clause" in real.licence
    assert real.joint_centres.startswith(joint_centres) and real.body_weight == pytest.approx(588.9)
    assert real.mean["hip_adduction_deg"]["right"] is None  # a joint angle needs a model
    # The mean positions tell nearly the same story as the mean curves.
    leg = metrics.measure(real.landmarks)["right"]
    for name, curve in (("knee_flexion_peak_deg", "knee_flexion_deg"), ("fppa_peak_deg", "fppa_deg")):
        extreme = max(real.mean[curve]["right"], key=abs)
        assert leg[name] == pytest.approx(extreme, abs=1.5)


def test_unknown_captured_motion():
    with pytest.raises(InputError, match=r"models/captured/nobody\.toml: no such table"):
        compare.captured("nobody")
    with pytest.raises(InputError, match=r"expected joint centres lateral-markers, clusters, found 'skin'"):
        compare.captured(joint_centres="skin")


@needs_recordings
def test_the_table_is_what_our_analysis_computes():
    real = compare.captured()
    now = compare.summarise(
        recording.read(
            OPENCAP / "squats1.trc",
            static=OPENCAP / "static1.trc",
            grf=OPENCAP / "squats1_grf.mot",
            static_grf=OPENCAP / "static1_grf.mot",
            joint_centres="clusters",
        ),
        real.name,
    )
    for name in compare.LABELS:
        for side in SIDES:
            for stored, computed in ((real.mean, now.mean), (real.sd, now.sd)):
                if computed[name][side] is not None:
                    np.testing.assert_allclose(stored[name][side], computed[name][side], atol=0.006)
    for place in compare.PLACES:
        np.testing.assert_allclose(getattr(real, place), getattr(now, place), atol=6e-5)


def test_the_figure(tmp_path):
    real = compare.captured()
    healthy = compare.curves(SQUATS, WINDOWS[0])
    compare.plot(tmp_path / "a.png", {"healthy": healthy, "deficit": compare.curves(SQUATS, WINDOWS[1])}, real)
    data = (tmp_path / "a.png").read_bytes()
    assert data.startswith(b"\x89PNG") and len(data) > 30_000


def test_simulated_and_captured_motion_take_the_same_code():
    """Neither metrics nor compare imports the simulation, nor anything heavy until it is used."""
    unwanted = {"simlab.simulate", "matplotlib", "ezc3d", "pybullet", "pyvista"}
    code = f"import sys, simlab.compare; print(sorted(set(sys.modules) & {unwanted}))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
