"""The path kernel against its twin and against differences of its own lengths."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from reference import path as twin

from simlab import anatomy, paths
from simlab.kernels import path
from simlab.paths import factor

MUSCLES = 12


def lengths(q: NDArray, *table: NDArray) -> tuple[NDArray, NDArray]:
    """Of the right leg at q; the left leg is elsewhere, and must not matter."""
    (right, left), (right_slope, _) = both(np.array([q, -0.5 * q]), *table)
    assert not np.array_equal(right, left) or not q.any() or not np.ptp(right)
    return right, right_slope


def both(q: NDArray, *table: NDArray) -> tuple[NDArray, NDArray]:
    """Lengths (2, m) and derivatives (2, m, 8) of the legs at q (2, 8)."""
    m = len(table[2]) - 1
    out = np.full((2, m), np.nan), np.full((2, m, 8), np.nan)
    path.lengths(q, *factor(*table).arguments(), *out)
    return out


@pytest.fixture
def table(rng: np.random.Generator) -> tuple[NDArray, ...]:
    """lo, hi, start, exponent, weight: sparse monomials up to the fifth power, one muscle without any."""
    count = rng.integers(4, 18, MUSCLES)
    count[5] = 0
    start = np.append(0, np.cumsum(count)).astype(np.int32)
    exponent = (rng.integers(0, 6, (start[-1], 8)) * (rng.random((start[-1], 8)) < 0.3)).astype(np.int8)
    exponent[0] = 0
    exponent[range(1, 9), range(8)] = 5  # every angle goes up to the fifth power
    assert set(range(6)) == set(np.unique(exponent)) and np.ptp(exponent, axis=0).min() == 5
    return -rng.uniform(0.5, 2, 8), rng.uniform(0.5, 2, 8), start, exponent, rng.normal(size=start[-1])


def poses(rng: np.random.Generator, lo: NDArray, hi: NDArray, number: int) -> NDArray:
    """Random poses, a third of the angles beyond their range, on both sides."""
    q = lo + (hi - lo) * rng.uniform(-0.25, 1.25, (number, 8))
    assert ((q < lo).any(0) & (q > hi).any(0) & ((q > lo) & (q < hi)).any(0)).all()
    return q


def test_twin_agrees_in_range_and_beyond(rng: np.random.Generator, table: tuple[NDArray, ...]) -> None:
    for q in poses(rng, *table[:2], 100):
        for actual, expected in zip(lengths(q, *table), twin.lengths(q, *table), strict=True):
            np.testing.assert_allclose(actual, expected, rtol=1e-10, atol=1e-10 * np.abs(expected).max())


def test_moment_arm_is_minus_the_derivative_of_length(rng: np.random.Generator, table: tuple[NDArray, ...]) -> None:
    step = 1e-6
    for q in poses(rng, *table[:2], 40):
        assert np.minimum(np.abs(q - table[0]), np.abs(q - table[1])).min() > step, "a pose sits on the kink"
        _, dL = lengths(q, *table)
        numerical = [(lengths(q + d, *table)[0] - lengths(q - d, *table)[0]) / (2 * step) for d in step * np.eye(8)]
        np.testing.assert_allclose(dL, np.transpose(numerical), atol=1e-8 * max(1, np.abs(dL).max()))


def test_length_is_constant_beyond_the_range(table: tuple[NDArray, ...]) -> None:
    lo, hi = table[:2]
    for near, far in ((hi + 0.1, hi + 5.0), (lo - 0.1, lo - 5.0)):
        L, dL = lengths(near, *table)
        np.testing.assert_array_equal(L, lengths(far, *table)[0])
        assert not dL.any()


def test_muscle_without_monomials_has_no_length(rng: np.random.Generator, table: tuple[NDArray, ...]) -> None:
    L, dL = lengths(poses(rng, *table[:2], 40)[0], *table)
    assert L[5] == 0 and (dL[5] == 0).all()


def test_pulley_of_constant_radius() -> None:
    """L = L0 - r q: a moment arm of r at every angle, about that joint only."""
    lo, hi = np.full(8, -1.0), np.full(8, 1.0)
    exponent = np.zeros((2, 8), dtype=np.int8)
    exponent[1, 3] = 1
    for angle in (-0.8, 0.0, 0.5):
        q = np.array([np.eye(8)[3] * angle, np.zeros(8)])
        L, dL = both(q, lo, hi, np.array([0, 2], dtype=np.int32), exponent, np.array([0.3, -0.04]))
        np.testing.assert_allclose(L[:, 0], [0.3 - 0.04 * angle, 0.3])
        np.testing.assert_allclose(-dL[:, 0], np.tile(0.04 * np.eye(8)[3], (2, 1)), atol=1e-15)


def test_the_left_leg_is_the_right_one_elsewhere(rng: np.random.Generator, table: tuple[NDArray, ...]) -> None:
    q = poses(rng, *table[:2], 40)[:2]
    for forward, swapped in zip(both(q, *table), both(q[::-1].copy(), *table), strict=True):
        np.testing.assert_array_equal(forward, swapped[::-1])


def test_rates_and_torques_are_power(rng: np.random.Generator, table: tuple[NDArray, ...]) -> None:
    """Force times shortening is torque times angular rate; a ninth angle has no muscle."""
    _, dL = both(poses(rng, *table[:2], 40)[:2], *table)
    rate, force = rng.normal(size=(2, 9)), rng.uniform(0, 1000, (2, MUSCLES))
    speed, torque = np.full((2, MUSCLES), np.nan), np.zeros((2, 9))
    path.rates(dL, rate, speed)
    path.torque(dL, force, torque)
    np.testing.assert_allclose(speed, np.einsum("smj,sj->sm", dL, rate[:, :8]), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose((torque * rate).sum(axis=1), -(force * speed).sum(axis=1), rtol=1e-10)
    assert not torque[:, 8].any()


def test_shared_monomials_are_few() -> None:
    """What makes it fast: a product a monomial, and every monomial once."""
    table = anatomy.muscles()
    found = factor(table.lo, table.hi, table.start, table.exponent, table.weight)
    assert 4 * len(found.parent) < len(table.weight) + len(found.weight)
    assert (found.parent[1:] < np.arange(1, len(found.parent))).all()


def test_too_many_monomials_are_refused() -> None:
    long = np.zeros(path.MONOMIALS + 1, dtype=np.int32)
    one, rows = np.ones((2, 8)), np.zeros(10, dtype=np.int32)
    outputs = np.zeros((2, 1)), np.zeros((2, 1, 8))
    with pytest.raises(ValueError, match="at most"):
        path.lengths(np.zeros((2, 8)), -one, one, long, long, rows, rows[1:], rows, np.zeros(10), *outputs)


# The torque-balanced paths


def at(q: NDArray, found: paths.Paths) -> tuple[NDArray, NDArray]:
    """Lengths (m,) and derivatives (m, 8) of the right leg at q (8,)."""
    m = int(found.target.max()) // 9 + 1
    out = np.full((2, m), np.nan), np.full((2, m, 8), np.nan)
    path.lengths(np.array([q, q]), *found.arguments(), *out)
    return out[0][0], out[1][0]


@pytest.fixture(params=["random", "anatomical"])
def polynomials(request: pytest.FixtureRequest, table: tuple[NDArray, ...]) -> tuple[NDArray, ...]:
    """Random ones whose range of rotation is not symmetric, and those of the anatomy; 40 deg of flexion within both."""
    if request.param == "anatomical":
        own = anatomy.muscles()
        return own.lo, own.hi, own.start, own.exponent, own.weight
    lo, hi, *rest = table
    return (lo, hi + 0.7, *rest)


def inside(rng: np.random.Generator, lo: NDArray, hi: NDArray) -> NDArray:
    return lo + (hi - lo) * rng.uniform(0.05, 0.95, (20, 8))


def test_balanced_rotation_arm_is_a_mixture_of_two(rng: np.random.Generator, polynomials: tuple[NDArray, ...]) -> None:
    """0.3 of the raw one and 0.7 of the raw one at 40 deg of hip flexion, by differences of the raw lengths."""
    turn, found = 1e-6 * np.eye(8)[2], paths.balanced(factor(*polynomials))
    changed = []
    for q in inside(rng, *polynomials[:2]):
        at_40 = np.where(np.arange(8) == 0, np.radians(40), q)
        raw, fixed = (
            (twin.lengths(x + turn, *polynomials)[0] - twin.lengths(x - turn, *polynomials)[0]) / 2e-6
            for x in (q, at_40)
        )
        _, dL = at(q, found)
        np.testing.assert_allclose(dL[:, 2], 0.3 * raw + 0.7 * fixed, atol=1e-8 * max(1, np.abs(raw).max()))
        changed.append(np.abs(dL[:, 2] - raw).max())
    assert np.median(changed) > 1e-3


def test_balanced_arms_are_derivatives_of_balanced_lengths(
    rng: np.random.Generator, polynomials: tuple[NDArray, ...]
) -> None:
    """Or a muscle would make energy out of nothing in a cycle."""
    found = paths.balanced(factor(*polynomials))
    for q in inside(rng, *polynomials[:2]):
        _, dL = at(q, found)
        numerical = [(at(q + d, found)[0] - at(q - d, found)[0]) / 2e-6 for d in 1e-6 * np.eye(8)]
        np.testing.assert_allclose(dL, np.transpose(numerical), atol=1e-8 * max(1, np.abs(dL).max()))


def test_balanced_leaves_all_but_the_rotation_arm_where_nothing_is_rotated(
    rng: np.random.Generator, polynomials: tuple[NDArray, ...]
) -> None:
    others, found = [j for j in range(8) if j != 2], paths.balanced(factor(*polynomials))
    for q in inside(rng, *polynomials[:2]):
        q[2] = 0.0
        raw = twin.lengths(q, *polynomials)
        L, dL = at(q, found)
        np.testing.assert_allclose(L, raw[0], atol=1e-10 * max(1, np.abs(raw[0]).max()))
        np.testing.assert_allclose(dL[:, others], raw[1][:, others], atol=1e-10 * max(1, np.abs(raw[1]).max()))


def test_balanced_keeps_each_legs_range_and_scales_as_the_lengths_do() -> None:
    own = anatomy.muscles()
    raw = factor(own.lo, own.hi, own.start, own.exponent, own.weight)
    bent = replace(raw, lo=raw.lo + [[0.0], [0.1]] * (np.arange(8) == 4), weight=1.1 * raw.weight)
    found = paths.balanced(bent)
    np.testing.assert_array_equal(found.lo, bent.lo)
    np.testing.assert_allclose(found.weight, 1.1 * paths.balanced(raw).weight, rtol=1e-12, atol=1e-15)
    assert len(found.parent) <= path.MONOMIALS and not found.weight.flags.writeable
