"""Curves, their differences, the captured squats that travel with simlab, and the figure."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from figures import OPENCAP, figure, needs_recordings, squat_angle, turned

from simlab import compare, metrics, recording, waveform
from simlab.errors import InputError
from simlab.motion import COORDINATES, SIDES, GroundReaction, Markers, Motion

TIME = np.linspace(0, 10, 1001)
SQUATS = figure(TIME, squat_angle(TIME, 3, 1.5), thigh_out=-0.1)
WINDOWS = [repetition.window for repetition in metrics.repetitions(SQUATS)]


def recorded() -> recording.Recording:
    markers = Markers(names=(), time=TIME, positions=np.empty((len(TIME), 0, 3)), source="squats.trc")
    return recording.assemble(markers, None, SQUATS, None, "lateral-markers")


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


def test_tempo_is_not_counted_as_error():
    """A squat that lingers at the bottom differs in time; registered it is the same."""
    share = np.linspace(0, 1, 101)
    early = np.where(share < 0.3, share / 0.3, (1 - share) / 0.7) * 90
    late = np.where(share < 0.6, share / 0.6, (1 - share) / 0.4) * 90
    quick, slow = ({"knee_flexion_deg": dict.fromkeys(SIDES, one)} for one in (early, late))
    a, b = compare.Sample.of([quick]), compare.Sample.of([slow] * 4)
    found = compare.agreements(a, b)["knee_flexion_deg"]["left"]
    assert found["rmse"] > 20 and found["rmse_aligned"] < 0.5 and found["alignment"] == "deepest"
    assert found["lag_percent"] < -10 and found["rmse_lagged"] < found["rmse"]
    assert found["icc_2_1"] == pytest.approx(1, abs=1e-3) and found["cmc"] == pytest.approx(1, abs=1e-3)
    assert compare.deepest(quick) == pytest.approx(0.3)


def test_what_never_comes_up_again_is_compared_in_time():
    falling = {"knee_flexion_deg": dict.fromkeys(SIDES, np.linspace(0, 90, 101))}
    assert compare.registered(falling) is None and compare.Sample.of([falling]).registered() is None
    found = compare.compare(falling, compare.summarise(recorded(), "three"))["curves"]["knee_flexion_deg"]["right"]
    assert found["alignment"] == "time" and found["rmse_aligned"] is None and found["spm"]["kind"] == "one-sample"
    json.dumps(found, allow_nan=False)


def scattered(n: int, seed: int, shift: float = 0.0) -> compare.Sample:
    """Repetitions about the same squat: one scatter a repetition, and a curve that simlab has no label for."""
    rng = np.random.default_rng(seed)
    bump = np.sin(np.pi * np.linspace(0, 1, 101))
    each = []
    for _ in range(n):
        offset = rng.normal(size=2)
        each.append(
            {
                "knee_flexion_deg": dict.fromkeys(SIDES, 90 * bump),
                "fppa_deg": {side: -10 * bump + offset[i] + shift for i, side in enumerate(SIDES)},
                "knee_moment_nm_kg": dict.fromkeys(SIDES, bump + 0.1 * offset[0]),
            }
        )
    return compare.Sample.of(each)


def test_two_sets_of_repetitions_and_the_same_ones_twice():
    a, b = scattered(6, 0, shift=3.0), scattered(6, 1)
    sessions = compare.agreements(a, b)["fppa_deg"]["left"]
    assert sessions["spm"]["kind"] == "two-sample" and sessions["spm"]["n"] == [6, 6]
    assert sessions["cmc"] == pytest.approx(
        waveform.cmc_between([a.stack("fppa_deg", "left"), b.stack("fppa_deg", "left")])
    )
    paired = compare.agreements(a, b, paired=True)["fppa_deg"]["left"]
    assert paired["spm"]["kind"] == "paired" and paired["spm"]["clusters"][0]["sign"] == 1
    # The sign of a difference is that of first - second, in every kind of test.
    one = compare.agreements(scattered(1, 2, shift=-30.0), b)["fppa_deg"]["left"]["spm"]
    assert one["kind"] == "one-sample" and {c["sign"] for c in one["clusters"]} == {-1} and max(one["t"]) < 0
    with pytest.raises(InputError, match=r"paired: expected as many repetitions in both recordings, found 6 and 5"):
        compare.agreements(a, scattered(5, 1), paired=True)


def test_new_curves_and_missing_ones():
    a, b = scattered(3, 0), scattered(3, 1)
    found = compare.agreements(a, b)
    assert found["knee_moment_nm_kg"]["left"]["rmse"] > 0 and found["grf_bw"]["left"] is None
    assert compare.names(a.mean) == ["knee_flexion_deg", "fppa_deg", "knee_moment_nm_kg"]
    assert compare.repeatability(a)["fppa_deg"]["left"]["cmc"] > 0.9
    assert compare.repeatability(scattered(1, 0))["fppa_deg"]["left"] is None
    known = compare.captured().sample  # mean and SD only: what needs repetitions is not there
    one = compare.agreements(scattered(1, 0), known)["fppa_deg"]["left"]
    assert one["spm"] is None and one["cmc"] is None and one["rmse_aligned"] > 0


def test_agreement_of_two_methods_by_hand():
    def measured(left: list[float | None], right: list[float | None]):
        values = {"right": right, "left": left}
        nothing = {"values": [None] * 3}
        return {
            side: {name: {"values": values[side]} if name == "fppa_60_deg" else nothing for name in metrics.LEG}
            for side in SIDES
        } | {"both": dict.fromkeys(metrics.BOTH, nothing)}

    first = measured([1.0, 2.0, 4.0], [5.0, None, 7.0])
    second = measured([0.0, 2.0, 2.0], [5.0, 1.0, 6.0])
    found = compare.methods(first, second)
    assert set(found) == {"fppa_60_deg"}
    left, right, both = (found["fppa_60_deg"][side] for side in ("left", "right", "both"))
    assert (left["n"], left["bias"], left["sd"]) == pytest.approx((3, 1, 1))
    assert left["upper"] == pytest.approx(1 + 1.96, abs=1e-3) and right["pairs"] == [(5.0, 5.0), (7.0, 6.0)]
    assert both["n"] == 5 and both["bias"] == pytest.approx((1 + 0.5) / 2)  # legs count alike
    json.dumps(found, allow_nan=False)


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
