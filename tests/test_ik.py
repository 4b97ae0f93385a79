"""Inverse kinematics: known postures come back, the optimum is one, and OpenSim finds the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from bodies import carried, generic, of_opensim, squatting
from figures import OPENCAP, needs_recordings
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

from simlab import ik, metrics, mocap
from simlab.body import Body
from simlab.errors import InputError, RecordingError
from simlab.motion import Markers


def loose(body: Body) -> Body:
    """A body of which nothing is expected: markers alone decide."""
    return replace(body, spread=np.full(len(body.coordinates), np.inf))


def test_known_postures_come_back():
    body = loose(generic())
    time, q = squatting(body)
    found = ik.solve(body, carried(body, time, q))
    assert found.rms < 1e-8
    assert not len(found.unsolved)
    np.testing.assert_allclose(found.q[:, 7:], q[:, 7:], atol=1e-6)
    np.testing.assert_allclose(found.q[:, :3], q[:, :3], atol=1e-7)
    motion = found.motion
    np.testing.assert_allclose(motion.coordinate("knee_angle_l"), found.angle("knee_angle_l"))
    assert np.ptp(found.angle("knee_angle_r")) > 1.4  # it moved


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), turn=st.floats(-np.pi, np.pi))
def test_the_laboratory_does_not_matter(seed, turn):
    body = loose(generic(seed))
    time, q = squatting(body, n=6, seed=seed)
    rng = np.random.default_rng(seed)
    recorded = carried(body, time, q)
    noisy = replace(recorded, positions=recorded.positions + rng.normal(0, 0.005, recorded.positions.shape))
    about = Rotation.from_rotvec([0, turn, 0]).as_matrix()
    moved = replace(noisy, positions=noisy.positions @ about.T + [3.0, 0.0, -7.0])
    here, there = (ik.solve(body, m, smooth=False) for m in (noisy, moved))
    np.testing.assert_allclose(there.q[:, 7:], here.q[:, 7:], atol=2e-5)
    np.testing.assert_allclose(there.error, here.error, atol=1e-6)
    assert here.rms > 0.001


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10**6), knee=st.sampled_from(["free", "hinge"]))
def test_it_is_the_optimum_that_scipy_finds(seed, knee):
    """The whole cost, expectations and limits included, written out here and minimised by another method."""
    body = generic(seed, each=2)
    _, q = squatting(body, n=30, seed=seed)
    rng = np.random.default_rng(seed)
    at = carried(body, np.zeros(1), q[14:15])
    at = replace(at, positions=at.positions + rng.normal(0, 0.01, at.positions.shape))
    found = ik.solve(body, at, knee=knee, smooth=False).q[0]
    follows, free = body.follows, np.ones(len(body.coordinates), dtype=bool)
    if knee == "hinge":
        free[follows >= 0] = False

    def full(x):
        state = np.concatenate([x[:3], Rotation.from_rotvec(x[3:6]).as_quat(), np.zeros(len(free))])
        state[7:][free] = x[6:]
        for j in np.flatnonzero(~free):
            state[7 + j] = np.polyval([*body.polynomial[j][::-1], 0], state[7 + follows[j]])
        return state

    def misses(x):
        state = full(x)
        expected = [
            np.polyval([*p[::-1], 0], state[7 + k]) if k >= 0 else 0
            for p, k in zip(body.polynomial, follows, strict=True)
        ]
        drawn = ik.MARKER_ERROR / body.spread * (state[7:] - expected)
        return np.concatenate([(carried(body, np.zeros(1), state[None]).positions - at.positions).ravel(), drawn[free]])

    base = np.concatenate([found[:3], Rotation.from_quat(found[3:7]).as_rotvec()])
    x = np.concatenate([base, found[7:][free]])
    inf = np.full(6, np.inf)
    low, high = np.concatenate([-inf, body.lower[free]]), np.concatenate([inf, body.upper[free]])
    start = np.clip(x + rng.normal(0, 0.02, x.shape), low + 1e-9, high - 1e-9)
    theirs = least_squares(misses, start, bounds=(low, high), xtol=1e-14, ftol=1e-14, gtol=1e-14)
    assert (misses(x) ** 2).sum() <= 2 * theirs.cost * (1 + 1e-7)


def test_a_hidden_marker_does_not_move_the_others():
    body = loose(generic())
    time, q = squatting(body)
    recorded = carried(body, time, q)
    positions = recorded.positions.copy()
    positions[10:40, ::4] = np.nan
    found = ik.solve(body, replace(recorded, positions=positions))
    np.testing.assert_allclose(found.q[:, 7:], q[:, 7:], atol=1e-5)
    assert np.isnan(found.error[20, 0]) and np.isfinite(found.error[20, 1])


def test_weights_and_limits():
    body = loose(generic())
    time, q = squatting(body)
    recorded = carried(body, time, q)
    positions = recorded.positions.copy()
    wrong = body.markers.index("femur_r.0")
    positions[:, wrong] += 0.1
    pulled = ik.solve(body, replace(recorded, positions=positions))
    without = ik.solve(body, replace(recorded, positions=positions), weights={"femur_r.0": 0.0})
    assert np.abs(pulled.q - q).max() > 0.01
    np.testing.assert_allclose(without.q[:, 7:], q[:, 7:], atol=1e-6)
    assert next(iter(without.rms_of_markers())) == "femur_r.0"
    upper = body.upper.copy()
    upper[body.coordinates.index("knee_angle_r")] = 1.0
    stopped = ik.solve(replace(body, upper=upper), recorded)
    assert stopped.angle("knee_angle_r").max() == 1.0
    assert stopped.rms > 0.005


def test_smoothing_takes_noise_off_what_markers_hardly_see():
    body = generic(each=2)
    time, q = squatting(body, n=100)
    recorded = carried(body, time, q)
    noisy = replace(
        recorded, positions=recorded.positions + np.random.default_rng(1).normal(0, 0.003, recorded.positions.shape)
    )
    rough, even = (ik.solve(body, noisy, smooth=smooth) for smooth in (False, True))
    for name in ("knee_rotation_r", "subtalar_angle_l", "midtarsal_angle_r"):
        jitter = [np.std(np.diff(found.angle(name), 2)) for found in (rough, even)]
        assert jitter[1] < 0.8 * jitter[0], name
    # and lags behind nothing: forward and backward in time are alike
    back = ik.solve(body, replace(noisy, positions=noisy.positions[::-1]))
    np.testing.assert_allclose(back.q[::-1, 7:], even.q[:, 7:], atol=np.radians(0.5))


def test_errors_say_what_is_missing():
    body = generic()
    time, q = squatting(body, n=5)
    recorded = carried(body, time, q)
    other = Markers(names=("A", "B"), time=time, positions=np.zeros((5, 2, 3)), source="lab.trc")
    with pytest.raises(RecordingError, match=r"lab.trc: expected at least 3 markers of the body .*, found none"):
        ik.solve(body, other)
    positions = recorded.positions.copy()
    positions[3] = np.nan
    with pytest.raises(RecordingError, match=r"synthetic, frame 4 at 0.030 s: expected at least 3 markers .* found 0"):
        ik.solve(body, replace(recorded, positions=positions))
    with pytest.raises(InputError, match=r"knee: expected 'free' or 'hinge', found 'locked'"):
        ik.solve(body, recorded, knee="locked")
    with pytest.raises(InputError, match=r"weight of marker nobody: expected one of pelvis.0"):
        ik.solve(body, recorded, weights={"nobody": 1.0})


# --- OpenSim ----------------------------------------------------------------------------------------------------------

OPENSIM = {
    "knee_angle": (99.6, 96.5, 1.0),
    "hip_adduction": (-12.4, -13.9, 2.0),
    "hip_rotation": (6.6, 0.6, 2.0),
}
"""Right and left at peak flexion, mean of five repetitions, and how far we may be from it [deg]: OpenSim 4.6 with the
same scaled geometry, 45 markers of equal weight, accuracy 1e-5 (tests/reference/opensim_runs.py makes them)."""


@needs_recordings
def test_opensim_finds_the_same_postures():
    recorded = mocap.read(OPENCAP / "squats1.trc")
    locked = ik.solve(of_opensim(), recorded, knee="hinge")
    assert len(locked.body.markers) == 45
    assert 1e3 * locked.rms < 12.4  # OpenSim 12.43, converged 12.314
    freed = ik.solve(loose(of_opensim()), recorded)
    assert freed.rms < locked.rms - 1e-4
    angles = np.degrees(np.column_stack([locked.angle(f"knee_angle_{side}") for side in "rl"]))
    peaks = [metrics.prominent_peaks(angles[:, leg], 40.0) for leg in (0, 1)]
    assert [len(p) for p in peaks] == [5, 5]
    for name, (right, left, within) in OPENSIM.items():
        found = [np.degrees(locked.angle(f"{name}_{side}"))[peaks[leg]].mean() for leg, side in enumerate("rl")]
        np.testing.assert_allclose(found, [right, left], atol=within)


@needs_recordings
def test_opensim_frame_by_frame():
    """Sixty frames of a descent, every leg angle; OpenSim at 1e-7, which is converged to a tenth of a degree."""
    from bodies import PERSON
    from reference import opensim_runs

    recorded = mocap.read(OPENCAP / "squats1.trc")
    frames = slice(300, 360)
    theirs = opensim_runs.inverse_kinematics(PERSON, OPENCAP / "squats1.trc", 1e-7, frames)
    part = replace(recorded, time=recorded.time[300:360], positions=recorded.positions[300:360])
    ours = ik.solve(of_opensim(), part, knee="hinge")
    for name in ("hip_flexion", "hip_adduction", "hip_rotation", "knee_angle", "ankle_angle"):
        for side in "rl":
            values = theirs.values[:, theirs.names.index(f"{name}_{side}")]
            np.testing.assert_allclose(ours.angle(f"{name}_{side}"), values, atol=np.radians(0.5), err_msg=name)
