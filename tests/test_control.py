"""The controller's programme: physics as equalities, activation dynamics as bounds, strategies as costs."""

from dataclasses import replace

import numpy as np
import pytest
from reference import control as twin
from simulations import MIXTURE, run, settings

from simlab import control, tasks
from simlab.control import MIN_ACTIVATION, WholeBody, standing_drive
from simlab.kernels import muscle
from simlab.model import build, state
from simlab.muscles import ACTIVATION_S, DEACTIVATION_S, Muscles
from simlab.simulate import _planted
from simlab.subject import Subject
from simlab.world import State


@pytest.fixture(scope="module")
def standing():
    model = build(Subject())
    plan = tasks.load("squat").plan(model)
    drive = np.tile(standing_drive(model.muscles.names), (len(plan.time), 1, 1))
    now = State(_planted(model, state(model, plan.values[0])), np.zeros(27))
    return model, plan, drive, now


def optimum(brain: WholeBody) -> np.ndarray:
    return np.concatenate([brain.acceleration, brain.command.ravel(), brain.lumbar, brain.contact.ravel()])


def assert_optimal(full: twin.Programme, x: np.ndarray) -> None:
    """Karush-Kuhn-Tucker, without any solver's word. The accelerations are free, so their rows give the multipliers of
    the equations of motion, and every other unknown's gradient must point out of what it may do."""
    assert full.A @ x == pytest.approx(full.b, abs=1e-7)
    assert (full.C @ x <= 1e-6).all()
    gradient = full.H @ x + full.g
    moving = full.acceleration
    multipliers = np.linalg.solve(full.A[:, moving].T, -gradient[moving])
    slope = gradient + full.A.T @ multipliers
    tiny = 1e-6 * np.abs(full.H[full.activation, full.activation]).max() + 1e-5 * np.abs(gradient).max()
    a, pull = x[full.activation], slope[full.activation]
    low, high = full.lower[full.activation], full.upper[full.activation]
    assert (a >= low - 1e-9).all() and (a <= high + 1e-9).all()
    assert (pull[a > low + 1e-8] <= tiny).all() and (pull[a < high - 1e-8] >= -tiny).all()
    assert np.abs(slope[full.lumbar]).max() <= tiny
    mu = control.FRICTION * control.FRICTION_MARGIN
    edges = np.array([[sx * mu, 1.0, sz * mu] for sx in (1, -1) for sz in (1, -1)])
    for k in range(full.contact.start, len(x), 3):
        if full.upper[k] > 0:  # it may touch
            assert (edges @ slope[k : k + 3] >= -tiny).all()
            assert abs(x[k : k + 3] @ slope[k : k + 3]) <= tiny * max(1.0, np.abs(x[k : k + 3]).max())


RECORDED = {
    "healthy": ((), "squat"),
    "mixture": (settings("both", *MIXTURE), "squat"),
    "one leg": ((), "single_leg_squat"),
    "one leg, weak": (("both.gluteus_medius_strength=0.6",), "single_leg_squat"),
}


@pytest.mark.parametrize("case", RECORDED)
def test_recorded_programmes_have_the_answers_of_proxqp(case: str) -> None:
    changes, task = RECORDED[case]
    result = run(changes, task)
    model, plan, recorded = result.model, result.plan, result.run
    drive = recorded.drive  # any drive will do, as long as both are pulled to the same
    paid = set()  # the price of exertion
    for weights in (plan.weights, plan.learning, replace(plan.weights, frontal=0.3, lean=3.0, exertion=10.0)):
        brain = WholeBody(model, plan, weights, drive)
        held = compared = 0
        for tick in range(1, len(recorded.time), len(recorded.time) // 12):
            q, v, activation = recorded.q[tick], recorded.v[tick], recorded.activation[tick]
            full = twin.programme(model, plan, weights, drive[tick], tick, q, v, activation)
            excitation = brain.excite(tick, State(q, v), activation.copy())
            paid.add(full.exceeds > 0)
            assert_optimal(full, optimum(brain))
            x = full.solve()
            if x is None:  # ProxQP does not arrive everywhere
                continue
            compared += 1
            assert brain.command.ravel() == pytest.approx(x[full.activation], abs=1e-6)
            assert brain.lumbar == pytest.approx(x[full.lumbar], abs=1e-4)  # of up to 300 Nm
            assert brain.contact.ravel() == pytest.approx(x[full.contact], abs=1e-2)  # N; 1e-10 of the cost
            assert brain.acceleration == pytest.approx(x[full.acceleration], abs=1e-4)
            part = twin.fraction(activation, brain.command > activation, plan.period)
            wanted = np.clip(activation + (brain.command - activation) / part, MIN_ACTIVATION, 1)
            assert excitation == pytest.approx(wanted, abs=1e-12)
            held += (x[full.activation] - full.lower[full.activation] < 1e-9).sum()
        assert brain.failures == 0
        assert held and compared >= 10, "no bound was ever active, or too little to compare with"
    assert task == "squat" or paid == {True, False}, "the price of exertion was always paid, or never"


def test_a_cold_start_gets_there_too() -> None:
    """The first programme of a simulation has no last active set; neither has one after a jump of the state."""
    result = run((), "single_leg_squat")
    model, plan, recorded = result.model, result.plan, result.run
    rng = np.random.default_rng(5)
    for tick in range(0, len(recorded.time), 40):
        q, v = recorded.q[tick], recorded.v[tick] + 0.01 * rng.normal(size=27)
        drive, activation = rng.uniform(0.02, 0.5, (2, 42)), rng.uniform(0.01, 0.6, (2, 42))
        for weights in (plan.weights, plan.learning):
            brain = WholeBody(model, plan, weights, np.tile(drive, (len(plan.time), 1, 1)))
            full = twin.programme(model, plan, weights, drive, tick, q, v, activation, hurried=tick == 0)
            brain.excite(tick, State(q, v), activation.copy(), hurried=tick == 0)
            assert brain.failures == 0
            assert_optimal(full, optimum(brain))


def test_the_optimum_obeys_the_equations_of_motion(standing) -> None:
    model, plan, drive, now = standing
    brain = WholeBody(model, plan, plan.weights, drive)
    activation = drive[0].copy()
    brain.excite(0, now, activation, hurried=True)
    assert activation == pytest.approx(brain.command)  # hurried: taken at once
    full = twin.programme(model, plan, plan.weights, drive[0], 0, now.q, now.v, drive[0], hurried=True)
    assert full.A @ optimum(brain) == pytest.approx(full.b, abs=1e-9)
    assert (full.C @ optimum(brain) <= 1e-9).all()
    assert brain.contact[:, 1].sum() == pytest.approx(model.weight, rel=0.05)


def test_the_optimum_is_one_by_its_conditions(standing) -> None:
    model, plan, drive, now = standing
    brain = WholeBody(model, plan, plan.weights, drive)
    brain.excite(0, now, drive[0].copy(), hurried=True)
    full = twin.programme(model, plan, plan.weights, drive[0], 0, now.q, now.v, drive[0], hurried=True)
    assert_optimal(full, optimum(brain))
    for wrong in (1e-4, -1e-4):  # the conditions notice
        with pytest.raises(AssertionError):
            x = optimum(brain)
            x[full.activation.start + 3] += wrong
            assert_optimal(full, x)


def test_a_body_without_a_ground_to_stand_on_has_no_contact(standing) -> None:
    model, plan, drive, now = standing
    q = now.q.copy()
    q[1] += control.CONTACT_HEIGHT + 0.01
    brain = WholeBody(model, plan, plan.weights, drive)
    brain.excite(0, State(q, now.v), drive[0].copy())
    assert brain.failures == 0 and not brain.contact.any()


def test_nonsense_is_a_failure_and_the_drive_is_kept(standing) -> None:
    model, plan, drive, now = standing
    brain = WholeBody(model, plan, plan.weights, drive)
    activation = drive[0].copy()
    brain.excite(1, State(now.q, np.full(27, np.nan)), activation)
    assert brain.failures == 1
    assert brain.command == pytest.approx(drive[1])


def test_excitation_reaches_the_wanted_activation(standing) -> None:
    """One tick of the kernel's activation dynamics under the excitation lands where the programme wanted."""
    model, plan, drive, now = standing
    brain = WholeBody(model, plan, plan.weights, drive)
    activation = drive[0].copy()
    excitation = brain.excite(1, now, activation)
    for _ in range(10):
        muscle.activation(activation.ravel(), excitation.ravel(), 1e-3, ACTIVATION_S, DEACTIVATION_S)
    assert activation == pytest.approx(brain.command, abs=0.02)
    assert (excitation >= MIN_ACTIVATION).all() and (excitation <= 1).all()


def test_muscle_torque_is_force_times_arm(standing) -> None:
    """The gain of the programme is what the plant does: torque is affine in activation."""
    model, _, drive, now = standing
    muscles = Muscles(model)
    muscles.update(now.q, now.v)
    gain, still = twin.muscle_gain(muscles), muscles.torque(np.zeros_like(drive[0]), now.v)
    torque = muscles.torque(drive[0], now.v)
    assert still + (gain @ drive[0].ravel())[6:] == pytest.approx(torque, abs=1e-9)
    assert np.abs(gain[:9]).max() == 0  # muscles of the legs act on the legs
    by_hand = ((muscles.active * drive[0] + muscles.passive)[..., None] * muscles.arm).sum(axis=1)
    assert muscles.torque(drive[0], now.v)[3:11] - muscles._tissue[0, :8] == pytest.approx(by_hand[0], abs=1e-9)


def test_mirrored_legs_pull_alike(standing) -> None:
    model, _, drive, now = standing
    muscles = Muscles(model)
    muscles.update(now.q, now.v)
    torque = muscles.torque(drive[0], now.v)
    assert torque[3:12] == pytest.approx(torque[12:21], abs=1e-9)
