"""The controller's programme: physics as equalities, activation dynamics as bounds, strategies as costs."""

import numpy as np
import pytest

from simlab import tasks
from simlab.control import MIN_ACTIVATION, WholeBody, standing_drive
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


def test_the_optimum_obeys_the_equations_of_motion(standing) -> None:
    model, plan, drive, now = standing
    brain = WholeBody(model, plan, plan.weights, drive)
    H, g, A, b = brain._programme(0, now)
    lower, upper = np.full(len(g), -1e5), np.full(len(g), 1e5)
    lower[brain._act], upper[brain._act] = MIN_ACTIVATION, 1
    x = brain._solve(H, g, A, b, lower, upper)
    assert x is not None and brain.failures == 0
    assert A @ x == pytest.approx(b, abs=1e-2)
    force = x[brain._con].reshape(-1, 3)
    assert force[:, 1].sum() == pytest.approx(model.weight, rel=0.05)
    sideways = np.abs(force[:, [0, 2]]).max(axis=1)
    assert (sideways <= 0.9 * force[:, 1] + 1e-3).all()


def test_the_optimum_is_stationary(standing) -> None:
    """Karush-Kuhn-Tucker, by least squares instead of the solver's own word: where no bound is active, the gradient
    of the cost lies in the span of the equations of motion."""
    model, plan, drive, now = standing
    brain = WholeBody(model, plan, plan.weights, drive)
    H, g, A, b = brain._programme(0, now)
    lower, upper = np.full(len(g), -1e5), np.full(len(g), 1e5)
    lower[brain._act], upper[brain._act] = MIN_ACTIVATION, 1
    lower[brain._con.start + 1 :: 3] = 0
    x = brain._solve(H, g, A, b, lower, upper)
    inside = (x[brain._act] > MIN_ACTIVATION + 1e-3) & (x[brain._act] < 1 - 1e-3)
    assert inside.sum() > 40
    residual = H @ x + g
    free = np.concatenate([np.arange(27), np.flatnonzero(inside) + brain._act.start])
    multipliers = np.linalg.lstsq(A[:, free].T, -residual[free], rcond=None)[0]
    assert residual[free] + A[:, free].T @ multipliers == pytest.approx(0, abs=2e-2 * np.abs(g).max())


def test_excitation_reaches_the_wanted_activation(standing) -> None:
    """One tick of the kernel's activation dynamics under the excitation lands where the programme wanted."""
    from simlab.kernels import muscle

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
    gain, still = muscles.torques(now.q, now.v)
    torque = muscles.torque(drive[0], now.v)
    assert still[6:] + (gain @ drive[0].ravel())[6:] == pytest.approx(torque, abs=1e-9)
    assert np.abs(gain[:9]).max() == 0  # muscles of the legs act on the legs
    by_hand = ((muscles.active * drive[0] + muscles.passive)[..., None] * muscles.arm).sum(axis=1)
    assert muscles.torque(drive[0], now.v)[3:11] - muscles._tissue[0, :8] == pytest.approx(by_hand[0], abs=1e-9)


def test_mirrored_legs_pull_alike(standing) -> None:
    model, _, drive, now = standing
    muscles = Muscles(model)
    muscles.update(now.q, now.v)
    torque = muscles.torque(drive[0], now.v)
    assert torque[3:12] == pytest.approx(torque[12:21], abs=1e-9)
