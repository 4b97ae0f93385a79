"""The passive-torque kernel against its twin and against what every passive tissue must do."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from reference import passive as twin

from simlab.kernels import passive

KNEE_ANGLE, KNEE_ADDUCTION = 3, 4
NEUTRAL, K1, K3, EXTENSION_GAIN, DAMPING, LOWER, UPPER, STOP_TORQUE, STOP_RATE = range(9)

quick = settings(max_examples=60, deadline=None, derandomize=True, database=None)
angles = arrays(np.float64, 9, elements=st.floats(-3, 3))
rates = arrays(np.float64, 9, elements=st.floats(-30, 30))


@st.composite
def coefficients(draw: st.DrawFn) -> NDArray:
    """Any nine angles with non-negative stiffness, damping and stops; only the other angles feel knee extension."""
    limits = [(-0.5, 0.5), (0, 300), (0, 3e4), (0, 3), (0, 5), (-2.5, -0.1), (0.1, 2.5), (0, 50), (0, 40)]
    columns = [draw(arrays(np.float64, 9, elements=st.floats(*limit))) for limit in limits]
    coef = np.stack(columns, axis=1)
    coef[KNEE_ANGLE, EXTENSION_GAIN] = 0
    return coef


def torque(q: NDArray, qd: NDArray, coef: NDArray) -> NDArray:
    out = np.full(9, np.nan)
    passive.torque(q, qd, np.ascontiguousarray(coef), out)
    return out


def random_coefficients(rng: np.random.Generator) -> NDArray:
    low = [-0.3, 0, 0, 0, 0, -1.0, 0.2, 0.5, 5]
    high = [0.3, 200, 3000, 3, 4, -0.2, 1.0, 5, 25]
    return rng.uniform(low, high, (9, 9))


def single(joint: int, **values: float) -> NDArray:
    """Coefficients that are zero but for one angle; stops far away."""
    coef = np.zeros((9, 9))
    coef[:, LOWER], coef[:, UPPER] = -10, 10
    for name, value in values.items():
        coef[joint, globals()[name.upper()]] = value
    return coef


def test_twin_agrees_on_every_branch(rng: np.random.Generator) -> None:
    reached = np.zeros((3, 9), dtype=int)
    straight = 0
    for _ in range(300):
        coef, q, qd = random_coefficients(rng), rng.uniform(-1.5, 1.5, 9), rng.normal(size=9) * 5
        expected = twin.torque(q, qd, coef)
        np.testing.assert_allclose(torque(q, qd, coef), expected, rtol=1e-10, atol=1e-10 * np.abs(expected).max())
        upper, lower = coef[:, STOP_RATE] * (q - coef[:, UPPER]), coef[:, STOP_RATE] * (coef[:, LOWER] - q)
        reached += np.array([upper > 3, lower > 3, np.maximum(upper, lower) < 0])
        straight += q[KNEE_ANGLE] < 0
    assert reached.min() > 20 and 50 < straight < 250, "the random poses miss a branch"


def test_spring_is_linear_plus_cubic_about_the_neutral_angle() -> None:
    coef = single(KNEE_ADDUCTION, neutral=0.05, k1=180, k3=26700)
    q = np.zeros(9)
    q[KNEE_ADDUCTION] = 0.15
    expected = np.zeros(9)
    expected[KNEE_ADDUCTION] = -(180 * 0.1 + 26700 * 0.1**3)
    np.testing.assert_allclose(torque(q, np.zeros(9), coef), expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("flexion", "factor"), [(-0.2, 1 + 2 * np.exp(0.2 / 0.35)), (0.0, 3.0), (0.35, 1 + 2 / np.e), (2.0, 1.0066)]
)
def test_straight_knee_is_stiffer(flexion: float, factor: float) -> None:
    q = np.zeros(9)
    q[KNEE_ANGLE], q[KNEE_ADDUCTION] = flexion, 0.1
    free = torque(q, np.zeros(9), single(KNEE_ADDUCTION, k1=180, k3=26700))
    gained = torque(q, np.zeros(9), single(KNEE_ADDUCTION, k1=180, k3=26700, extension_gain=2))
    assert gained[KNEE_ADDUCTION] / free[KNEE_ADDUCTION] == pytest.approx(factor, rel=1e-4)


@pytest.mark.parametrize("joint", range(9))
def test_stop_pushes_back_into_the_range(joint: int) -> None:
    coef = single(joint, stop_torque=2, stop_rate=20)
    coef[joint, [LOWER, UPPER]] = -0.5, 0.5
    q = np.zeros(9)
    q[joint] = 0.5
    assert torque(q, np.zeros(9), coef)[joint] == pytest.approx(-2, abs=1e-6)
    assert torque(-q, np.zeros(9), coef)[joint] == pytest.approx(2, abs=1e-6)
    assert np.count_nonzero(np.delete(torque(q, np.zeros(9), coef), joint)) == 0
    assert torque(np.zeros(9), np.zeros(9), coef)[joint] == 0, "the two stops balance at the middle"


@pytest.mark.parametrize("side", [1, -1])
def test_stop_continues_by_its_tangent(side: int) -> None:
    """Beyond rate * (q - stop) = 3 the stop is linear: value exp(3), slope rate exp(3), from both sides."""
    coef = single(0, stop_torque=2, stop_rate=20)
    coef[0, [LOWER, UPPER]] = -0.5, 0.5
    d = 1e-6
    join = 0.5 + 3 / 20

    def at(angle: float) -> float:
        return -side * torque(np.eye(9)[0] * side * angle, np.zeros(9), coef)[0]

    assert at(join) == pytest.approx(2 * np.exp(3), rel=1e-9)
    before, after = (at(join) - at(join - d)) / d, (at(join + d) - at(join)) / d
    assert before == pytest.approx(40 * np.exp(3), rel=1e-4) and after == pytest.approx(before, rel=1e-4)
    assert at(join + 1.0) == pytest.approx(2 * np.exp(3) * 21, rel=1e-9)


@quick
@given(angles, rates, coefficients())
def test_torque_is_finite_and_agrees_with_the_twin(q: NDArray, qd: NDArray, coef: NDArray) -> None:
    tau = torque(q, qd, coef)
    assert np.isfinite(tau).all()
    np.testing.assert_allclose(tau, twin.torque(q, qd, coef), rtol=1e-9, atol=1e-9)


@quick
@given(angles, rates, coefficients())
def test_damping_never_gives_power(q: NDArray, qd: NDArray, coef: NDArray) -> None:
    damping = torque(q, qd, coef) - torque(q, np.zeros(9), coef)
    power = damping * qd
    rounding = 1e-12 * np.abs(torque(q, qd, coef)) * np.abs(qd)
    assert (power <= rounding).all()
    assert (np.abs(power + coef[:, DAMPING] * qd**2) <= 1e-6 * (1 + np.abs(power)) + rounding).all()


@quick
@given(angles, coefficients(), st.integers(0, 8), st.floats(1e-4, 1.0))
def test_elastic_torque_is_restoring(q: NDArray, coef: NDArray, joint: int, turn: float) -> None:
    """A further turn of a joint other than the knee never lowers the torque against it and moves only the knee's:
    what stiffens the straight knee also resists straightening."""
    further = q + turn * np.eye(9)[joint]
    before, after = torque(q, np.zeros(9), coef), torque(further, np.zeros(9), coef)
    if joint != KNEE_ANGLE:
        assert after[joint] <= before[joint] + 1e-12 * abs(before[joint])
        others = (np.arange(9) != joint) & (np.arange(9) != KNEE_ANGLE)
        assert (after[others] == before[others]).all()


@quick
@given(angles, coefficients())
def test_tissue_stores_energy_and_gives_it_back(q: NDArray, coef: NDArray) -> None:
    """The elastic torque is the gradient of an energy: its Jacobian is symmetric, so no cycle of poses gains work."""
    d = 1e-5
    rows = [(torque(q + d * e, np.zeros(9), coef) - torque(q - d * e, np.zeros(9), coef)) / (2 * d) for e in np.eye(9)]
    jacobian = np.array(rows)
    assert jacobian == pytest.approx(jacobian.T, rel=1e-6, abs=1e-6 * max(1.0, np.abs(jacobian).max()))


@quick
@given(angles, coefficients())
def test_torque_is_continuously_differentiable(q: NDArray, coef: NDArray) -> None:
    """Slopes a short way before and after any pose differ by no more than the curvature allows."""
    d = 1e-5
    y = np.abs(q - coef[:, NEUTRAL]) + 2 * d
    straight = np.exp(-(q[KNEE_ANGLE] - 2 * d) / 0.35)
    curvature = 6 * (1 + coef[:, EXTENSION_GAIN] * straight) * coef[:, K3] * y
    curvature += 2 * coef[:, STOP_TORQUE] * coef[:, STOP_RATE] ** 2 * np.exp(3)
    for joint in set(range(9)) - {KNEE_ANGLE}:
        step = d * np.eye(9)[joint]
        low, mid, high = (torque(q + k * step, np.zeros(9), coef)[joint] for k in (-1, 0, 1))
        rounding = 1e-14 * (abs(low) + abs(mid) + abs(high) + curvature[joint]) + 1e-13
        assert abs(high - 2 * mid + low) <= 1.01 * curvature[joint] * d**2 + rounding
