"""Static optimisation: a leg by hand, bounded least squares, OpenSim's own problem, and the real squat's moments."""

from __future__ import annotations

from functools import cache

import numpy as np
from bodies import of_opensim
from figures import OPENCAP, needs_recordings
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import lsq_linear

from simlab import dynamics, ik, landmarks, mocap, recruitment
from simlab.kernels import recruitment as kernel
from simlab.model import build
from simlab.motion import Array
from simlab.subject import Subject, change

TINY = 1e-6


def recruit(A: Array, moment: Array, low: float = 0.0, slack: float = TINY) -> tuple[Array, Array]:
    """Activations of one leg whose muscles make the moments A (k, m) at full activation; steps."""
    k, m = A.shape
    arm = np.zeros((2, m, 8))
    arm[:, :, :k] = A.T
    activation, steps = np.empty((2, m)), np.zeros(2, dtype=np.int32)
    kernel.recruit(
        np.ones((2, m)), arm, np.arange(k, dtype=np.int32), np.ones(m), np.full(k, slack), low, np.tile(moment, (2, 1)),
        np.zeros((2, k)), activation, steps,
    )  # fmt: skip
    np.testing.assert_array_equal(activation[0], activation[1])
    return activation[0], steps


def test_two_muscles_by_hand():
    """One joint, 10 and 20 Nm at full activation, for 10 Nm: a = 10 / (100 + 400) times each. For 27 Nm the stronger
    one saturates and the weaker makes the other 7."""
    A = np.array([[10.0, 20.0]])
    np.testing.assert_allclose(recruit(A, np.array([10.0]))[0], [0.2, 0.4], rtol=1e-6)
    np.testing.assert_allclose(recruit(A, np.array([27.0]))[0], [0.7, 1.0], rtol=1e-5)
    np.testing.assert_allclose(recruit(A, np.array([-5.0]))[0], [0.0, 0.0], atol=1e-9)  # nobody pulls that way
    np.testing.assert_allclose(recruit(A, np.array([90.0]))[0], [1.0, 1.0])


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), size=st.floats(0.1, 2.0))
def test_it_is_bounded_least_squares(seed, size):
    rng = np.random.default_rng(seed)
    A = rng.normal(0, 20, (6, 42)) * (rng.uniform(size=(6, 42)) < 0.4)
    moment = size * A @ rng.uniform(0, 0.6, 42)
    found, steps = recruit(A, moment, low=0.01)
    theirs = lsq_linear(
        np.vstack([A / np.sqrt(TINY), np.eye(42)]), np.concatenate([moment / np.sqrt(TINY), np.zeros(42)]),
        bounds=(0.01, 1.0), method="bvls", tol=1e-14,
    ).x  # fmt: skip

    def cost(a: Array) -> float:
        return float(((A @ a - moment) ** 2).sum() / TINY + (a**2).sum())

    assert (found >= 0.01).all() and (found <= 1).all()
    assert cost(found) <= cost(theirs) * (1 + 1e-6) + 1e-9
    assert (steps > 0).all()


# --- the real squat ---------------------------------------------------------------------------------------------------


@cache
def squats() -> dynamics.Dynamics:
    recorded = mocap.read(OPENCAP / "squats1.trc")
    points = landmarks.locate(recorded, mocap.read(OPENCAP / "static1.trc"), "clusters")
    reaction = mocap.read_ground_reaction(OPENCAP / "squats1_grf.mot", points)
    return dynamics.inverse(dynamics.smooth(ik.solve(of_opensim(), recorded, knee="hinge")), reaction)


PERSON = Subject(mass_kg=60.05, height_m=1.64)


@needs_recordings
def test_the_moments_of_the_squat_are_made_to_one_percent():
    found = recruitment.solve(build(PERSON), squats())
    assert np.ptp(found.wanted[..., 3]) > 60  # knee extension [Nm]
    share = np.sqrt((found.missing**2).mean(axis=(0, 1))) / np.sqrt((found.wanted**2).mean(axis=(0, 1)))
    assert share.max() < 0.01
    # made of: activation times the muscles' own forces and arms, written out again for one instant
    from simlab.muscles import Muscles

    f, muscles = 390, Muscles(build(PERSON))
    muscles.update(found.q[f], found.v[f])
    torque = muscles.torque(found.activation[f], found.v[f])[3:].reshape(2, 9)
    index = [0, 1, 2, 3, 6, 7]
    np.testing.assert_allclose(torque[:, index], found.wanted[f] - found.missing[f], atol=1e-6)


@needs_recordings
def test_a_weak_muscle_leaves_the_work_to_others():
    found, weak = (
        recruitment.solve(build(change(PERSON, dials)), squats())
        for dials in ([], ["both.gluteus_maximus_strength=0.5"])
    )
    maximus = [i for i, name in enumerate(found.muscles) if name.startswith("glmax")]
    hamstrings = [i for i, name in enumerate(found.muscles) if name in ("semimem", "semiten", "bflh", "addmagIsch")]
    deep = slice(370, 400)
    assert found.force[deep][:, :, maximus].mean() > 20
    assert weak.force[deep][:, :, maximus].mean() < found.force[deep][:, :, maximus].mean()
    assert weak.force[deep][:, :, hamstrings].mean() > found.force[deep][:, :, hamstrings].mean()
    np.testing.assert_allclose(weak.missing, 0, atol=0.02 * np.abs(found.wanted).max())


@needs_recordings
def test_the_knee_carries_body_weights():
    """Instrumented implants carry 2.5 body weights in a knee bend (Kutzner 2010); models 2 to 5 in a deep squat."""
    found = recruitment.solve(build(PERSON), squats())
    carried = found.loads()
    force = np.linalg.norm(carried.tibiofemoral, axis=2) / carried.weight
    still = slice(0, 50)
    assert 0.3 < force[still].mean() < 1.5
    assert 2.0 < np.median(force[370:400]) < 5.5


@needs_recordings
def test_opensim_recruits_the_same_with_its_own_arms_and_forces():
    """The problem of OpenSim's static optimisation, its moments, arms and forces, given to our solver."""
    from bodies import PERSON as model
    from reference import opensim_runs

    theirs = opensim_runs.inverse_kinematics(model, OPENCAP / "squats1.trc", 1e-5, slice(360, 400))
    grf = OPENCAP / "squats1_grf.mot"
    solved = opensim_runs.static_optimisation(model, theirs.time, theirs.names, theirs.values, grf, 3.75, 3.79)
    ours = recruitment.solve(build(PERSON), squats(), passive_share=0.0)
    shared = [name for name in ours.muscles if f"{name}_r" in solved.names]
    assert len(shared) == 40
    at = np.argmin(np.abs(ours.time - solved.time[1]))
    for leg, side in enumerate("rl"):
        a = np.array([ours.activation[at, leg, ours.muscles.index(name)] for name in shared])
        b = np.array([solved.control[1, solved.names.index(f"{name}_{side}")] for name in shared])
        assert np.corrcoef(a, b)[0, 1] > 0.6, side
