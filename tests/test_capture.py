"""From markers to muscles: a simulated squat, recorded with synthetic markers, gives back what is known of it; and real
recordings of two laboratories go all the way."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from figures import OPENCAP, SQUAT2, needs_recordings

from simlab import capture, loads, mocap, recording, scale, simulate, tasks
from simlab.errors import RecordingError
from simlab.model import build, motion
from simlab.motion import SUFFIX, Markers
from simlab.sensors import markers as optical
from simlab.subject import Proportions, Subject, load_subject

TALL = Subject(
    name="tall",
    sex="male",
    mass_kg=80.0,
    height_m=1.80,
    proportions=Proportions(thigh_length=1.05, shank_length=0.95, pelvis_width=1.1),
)


@cache
def squat() -> simulate.Result:
    return simulate.simulate(build(TALL), tasks.load("squat", depth_deg=80.0, stance_width_m=0.3, descent_s=1.2))


def recorded(noise_mm: float = 0.0) -> recording.Recording:
    result = squat()
    model, run = result.model, result.run
    worn = optical.markers(model, run.time, run.q, noise_mm=noise_mm, seed=1)
    still = optical.standing(model, result.plan.values[0], noise_mm=noise_mm, seed=1)
    points = recording.located(worn, still, "clusters")
    return recording.assemble(worn, still, points, None, "clusters", body_weight=80.0 * 9.80665)


@cache
def found() -> capture.Capture:
    return capture.analyse(recorded(1.0), Subject(sex="male"), height_m=1.80, estimate_forces=True)


def test_the_person_comes_back():
    person = found().person
    assert person.subject.mass_kg == 80.0 and person.subject.sex == "male"
    for name in ("thigh_length", "shank_length", "pelvis_width"):
        wanted = getattr(TALL.proportions, name)
        assert getattr(person.subject.proportions, name) == pytest.approx(wanted, rel=0.03), name
    assert max(person.misfit.values()) < 0.03
    assert "clusters" in person.definition and "OpenCap" in person.definition


def test_stature_is_estimated_where_nobody_says_it():
    plain = Subject(sex="male", mass_kg=70.0, height_m=1.84)
    model = build(plain)
    still = optical.standing(model, squat().plan.values[0])
    person = scale.scale(still, mass_kg=70.0)
    assert person.subject.height_m == pytest.approx(1.84, abs=0.03)
    assert "height 1.8" in person.definition


def test_the_motion_comes_back():
    """Angles of the model that was simulated, from markers: the joints that markers see to two degrees."""
    result, got = squat(), found().motion
    truth = motion(result.model, result.run.time, result.run.q)
    for name, within in (
        ("hip_flexion", 3.0),
        ("hip_adduction", 2.0),
        ("knee_angle", 3.0),
        ("knee_adduction", 3.0),
        ("ankle_angle", 3.0),
    ):
        for suffix in SUFFIX.values():
            apart = np.degrees(got.coordinate(name + suffix) - truth.coordinate(name + suffix))
            assert np.abs(apart).max() < within + 1.0 and np.sqrt((apart**2).mean()) < within, name
    assert 1e3 * found().tracked.rms < 8


def test_net_moments_are_those_of_the_simulation():
    """Inverse dynamics of the recorded squat, without plates, against what muscles and tissue made in simulation."""
    result, dynamics = squat(), found().dynamics
    truth = loads.loads(result)
    assert dynamics is not None and dynamics.estimated
    inside = (truth.time > 0.7) & (truth.time < 2.6)
    for name, index in (("hip_flexion", 0), ("knee_angle", 3)):
        for leg, suffix in enumerate(SUFFIX.values()):
            wanted = truth.moment[inside, leg, index]
            got = np.interp(truth.time[inside], dynamics.time, dynamics.of(name + suffix))
            assert np.ptp(wanted) > 25
            assert np.sqrt(((got - wanted) ** 2).mean()) < 0.2 * np.ptp(wanted), name


def test_the_same_squat_is_planned_again():
    task, said = capture.task_of(recorded())
    assert said == ()
    assert task.depth_deg == pytest.approx(80.0, abs=2)
    assert task.stance_width_m == pytest.approx(0.30, abs=0.015)
    assert task.descent_s == pytest.approx(1.2, abs=0.15)
    assert task.ascent_s == pytest.approx(1.0, abs=0.15)
    deep = replace(recorded(), landmarks=replace(recorded().landmarks, time=recorded().landmarks.time * 20))
    slow = replace(
        deep,
        repetitions=tuple(replace(r, start=20 * r.start, peak=20 * r.peak, end=20 * r.end) for r in deep.repetitions),
    )
    task, said = capture.task_of(slow)
    assert task.descent_s == 5.0
    assert any("descent_s: captured" in line and "range 0.4 to 5" in line for line in said)


def test_a_deficit_moves_into_the_captured_body():
    weak = Subject(right=Subject().right.model_copy(update={"gluteus_medius_strength": 0.5}))
    person = capture.embody(weak, found().person.subject)
    assert person.right.gluteus_medius_strength == 0.5
    assert person.mass_kg == 80.0 and person.proportions == found().person.subject.proportions


def test_everything_is_written_and_opens(tmp_path):
    import opensim

    opensim.Logger.setLevelString("Error")
    files = capture.save(found(), tmp_path / "out")
    assert load_subject(files["person.toml"]) == found().person.subject
    again = mocap.read(files["markers.trc"])
    np.testing.assert_allclose(again.positions, found().markers.positions, atol=1e-9)
    for name in ("motion.mot", "moments.sto", "activations.sto", "joint_forces.sto", "muscle_forces.sto"):
        assert opensim.TimeSeriesTable(files[name]).getNumRows() == len(found().tracked.time), name
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["dynamics"]["ground_reaction"] == "estimated from the motion"
    assert report["metrics"]["right"]["knee_abduction_at_peak_flexion_deg"]["mean"] is not None
    assert (tmp_path / "out" / "marker_errors.csv").read_text().startswith("marker,link,rms_mm")


def test_joint_centres_alone_make_a_skeleton():
    """What a Kinect or a BVH file has: no marker on skin, no rotation about the long axes but what bends show."""
    result = squat()
    model, run = result.model, result.run
    names = {"hip": "UpperLeg", "knee": "LowerLeg", "ankle": "Foot", "second_metatarsal_head": "Toes"}
    columns, labels = [], []
    for side, suffix in (("Right", "_r"), ("Left", "_l")):
        for point, name in names.items():
            link, local = model.points[point + suffix]
            frames = [model.frames(q) for q in run.q[::3]]
            columns.append([p[link] + R[link] @ local for R, p in frames])
            labels.append(side + name)
    points = Markers(names=tuple(labels), time=run.time[::3], positions=np.stack(columns, axis=1), source="kinect.txt")
    located = recording.located(points, None, "joint-centres")
    whole = capture.analyse(recording.assemble(points, None, located, None, "joint-centres"), Subject(), mass_kg=80.0)
    truth = motion(model, run.time, run.q)
    bend = np.interp(whole.tracked.time, run.time, truth.coordinate("knee_angle_r"))
    assert np.degrees(np.abs(whole.motion.coordinate("knee_angle_r") - bend).max()) < 6
    assert whole.tracked.rms < 0.02


def test_lengths_that_nobody_has_are_refused():
    still = optical.standing(build(Subject()), squat().plan.values[0])
    doubled = replace(still, positions=still.positions * [1.0, 1.0, 2.0])
    with pytest.raises(
        RecordingError, match=r"synthetic standing trial: expected a pelvis width of .* m, found 0\.\d+ m"
    ):
        scale.scale(doubled, Subject())


# --- real recordings --------------------------------------------------------------------------------------------------


@needs_recordings
def test_the_opencap_squats_go_all_the_way():
    names = {"static": "static1.trc", "grf": "squats1_grf.mot", "static_grf": "static1_grf.mot"}
    files = {name: OPENCAP / file for name, file in names.items()}
    whole = capture.analyse(recording.read(OPENCAP / "squats1.trc", joint_centres="clusters", **files))
    report = capture.report(whole)
    assert whole.person.subject.mass_kg == pytest.approx(60.05, abs=0.01)
    assert 1e3 * whole.tracked.rms < 12.4  # OpenSim with its manually scaled model: 12.43
    moved = report["dynamics"]
    for name, right, left in (("hip", 0.736, 0.709), ("knee", 1.060, 1.081)):  # OpenSim
        peak = moved[f"{name}_extension_moment_peak_nm_kg"]
        assert peak["right"]["mean"] == pytest.approx(right, abs=0.08)
        assert peak["left"]["mean"] == pytest.approx(left, abs=0.08)
    assert moved["residual_force_rms_bw"] < 0.05
    assert moved["moments_that_muscles_cannot_make"] < 0.01
    angles = report["metrics"]["right"]
    assert angles["hip_adduction_at_peak_flexion_deg"]["mean"] == pytest.approx(-12.4, abs=2.5)


@needs_recordings
def test_another_laboratory_facing_backwards_without_a_standing_trial():
    whole = capture.analyse(recording.read(SQUAT2 / "markers_Squat2.trc", grf=SQUAT2 / "grf_Squat2.mot"))
    assert 1e3 * whole.tracked.rms < 10
    assert whole.recording.repairs  # RWRB
    report = capture.report(whole)
    flexion = report["metrics"]["right"]["knee_flexion_peak_deg"]["mean"]
    assert flexion == pytest.approx(np.degrees(whole.motion.coordinate("knee_angle_r").max()), abs=8)
    assert report["dynamics"]["residual_force_rms_bw"] < 0.05
