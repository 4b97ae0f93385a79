"""The muscle kernel against its twin, the published curves and properties that hold for every muscle."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from numpy.typing import NDArray
from reference import muscle as twin

from simlab.kernels import muscle

VMAX = 10.0
TAU_ACT, TAU_DEACT = 0.015, 0.050
PLAIN = {
    "L": 0.3,
    "V": 0.0,
    "F0": 1000.0,
    "lopt": 0.1,
    "lts": 0.2,
    "penn": 0.0,
    "onset": 0.0,
    "one": 0.6,
    "slack": 1.0,
    "gain": 1.0,
}
"""A muscle without pennation at its optimal length and at rest."""

unit = st.floats(0, 1)
quick = settings(max_examples=200, deadline=None, derandomize=True, database=None)


def contraction(**muscle_values: float | NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """(active, passive, lnorm) of PLAIN with some values changed."""
    values = [np.array(a, dtype=float) for a in np.broadcast_arrays(*(PLAIN | muscle_values).values())]
    values = [np.atleast_1d(a) for a in values]
    out = tuple(np.full(values[0].shape, np.nan) for _ in range(3))
    L, V, F0, lopt, lts, penn, *passive = values
    muscle.contraction(L, V, F0, lopt, lts, lopt * np.sin(penn), *passive, VMAX, *out)
    return out


def activation(a: float | NDArray, u: float | NDArray, dt: float) -> NDArray:
    out, excitation = (np.array(x, dtype=float) for x in np.broadcast_arrays(np.atleast_1d(a), u))
    muscle.activation(out, excitation, dt, TAU_ACT, TAU_DEACT)
    return out


def random_muscles(rng: np.random.Generator, number: int) -> dict[str, NDArray]:
    lopt, onset = rng.uniform(0.02, 0.4, number), rng.uniform(-0.1, 0.3, number)
    lts = rng.uniform(0.02, 0.4, number)
    return {
        "L": lts + lopt * rng.uniform(-0.3, 2.5, number),
        "V": VMAX * lopt * rng.uniform(-1.5, 1.5, number),
        "F0": rng.uniform(50, 5000, number),
        "lopt": lopt,
        "lts": lts,
        "penn": rng.uniform(0, 0.6, number),
        "onset": onset,
        "one": onset + rng.uniform(0.2, 0.8, number),
        "slack": rng.uniform(0.8, 1.0, number),
        "gain": rng.uniform(0.2, 0.9, number),
    }


# Contraction


def test_twin_agrees_on_every_branch(rng: np.random.Generator) -> None:
    m = random_muscles(rng, 2000)
    expected = twin.contraction(*m.values(), VMAX)
    for actual, wanted in zip(contraction(**m), expected, strict=True):
        np.testing.assert_allclose(actual, wanted, rtol=1e-13, atol=1e-13 * np.abs(wanted).max())
    x = (expected[2] / m["slack"] - 1 - m["onset"]) / (m["one"] - m["onset"])
    vn = m["V"] / (VMAX * m["lopt"])
    short = m["L"] - m["lts"] < 0.05 * m["lopt"]
    cases = (x < 0, (x > 0) & (x < 1.5), x > 1.5, vn < -1.1, abs(vn) < 0.9, vn > 1.1, short)
    assert all(case.sum() > 50 for case in cases), "the random muscles miss a branch"
    assert all(np.ptp(a) > 0.1 for a in (*m.values(), *expected))


def test_isometric_force_at_optimal_length_is_the_maximum_force() -> None:
    """The rounded constants of the paper give fl(1) = 0.9993 and fv(0) = 1.0023."""
    active, passive, lnorm = contraction()
    assert lnorm == pytest.approx(1) and passive == 0
    assert active == pytest.approx(1000 * 0.99933, rel=1e-5)


def test_opensim_has_the_same_curves() -> None:
    """OpenSim's DeGrooteFregly2016Muscle; its force-length constants have more digits than the paper prints."""
    import opensim

    other = opensim.DeGrooteFregly2016Muscle()
    for ln in np.linspace(0.4, 1.7, 14):
        fl = contraction(L=0.2 + 0.1 * ln)[0][0] / 1000
        assert fl == pytest.approx(other.calcActiveForceLengthMultiplier(ln), abs=0.003)
    for vn in np.linspace(-1, 1, 21):
        fv = contraction(V=vn * VMAX * 0.1)[0][0] / contraction()[0][0]
        assert fv == pytest.approx(other.calcForceVelocityMultiplier(vn), abs=1e-9)


def test_force_length_has_one_peak_near_optimal_length() -> None:
    ln = np.linspace(0.3, 1.8, 3001)
    active, _, lnorm = contraction(L=0.2 + 0.1 * ln)
    peak = active.argmax()
    assert lnorm == pytest.approx(ln)
    assert 0.95 < ln[peak] < 1.05 and active[peak] == pytest.approx(1000, rel=0.02)
    rising = np.diff(active) > 0
    assert rising[ln[1:] < 1].mean() > 0.95 and not rising[ln[:-1] > ln[peak]].any()
    assert active[-1] < 50 and active[0] < 100


def test_force_velocity_is_one_at_rest_and_monotonic() -> None:
    vn = np.linspace(-1, 1, 401)
    force = contraction(V=vn * VMAX * 0.1)[0]
    at_rest = contraction()[0]
    fv = force / at_rest
    assert twin.force_velocity(np.zeros(1)) == pytest.approx(1, rel=0.01)
    assert (np.diff(fv) > 0).all()
    assert 0 <= fv[0] < 0.02 and 1.3 < fv[-1] < 1.9
    for beyond in (-3, 3):
        assert contraction(V=beyond * VMAX * 0.1)[0] == pytest.approx(force[0 if beyond < 0 else -1])


@pytest.mark.parametrize("penn", [0.0, 0.2, 0.5])
def test_pennate_fibre_at_optimum_pulls_with_its_cosine(penn: float) -> None:
    active, _, lnorm = contraction(L=0.2 + 0.1 * np.cos(penn), penn=penn)
    assert lnorm == pytest.approx(1)
    assert active == pytest.approx(contraction()[0] * np.cos(penn))


@pytest.mark.parametrize(("onset", "slack"), [(0.0, 1.0), (0.1, 1.0), (0.0, 0.85), (-0.05, 0.9)])
def test_passive_fibre_is_slack_then_one_maximum_force(onset: float, slack: float) -> None:
    def passive(strain: NDArray | float) -> NDArray:
        return contraction(L=0.2 + 0.1 * slack * (1 + strain), onset=onset, slack=slack)[1]

    assert (passive(np.linspace(-0.9, onset - 1e-9, 50)) == 0).all()
    assert passive(0.6) == pytest.approx(1000)
    curve = passive(np.linspace(onset, 2.5, 400))
    assert (np.diff(curve) > 0).all() and (np.diff(curve, 2) > -1e-9).all()


def test_passive_tangent_continues_value_and_slope() -> None:
    """The join is at 1.5 of the way from `onset` to `one`, strain 0.9 here. The onset itself is a corner by
    definition: the slope rises from 0 to 2 / (exp(2) - 1) / (one - onset) there."""
    d = 1e-6
    f = contraction(L=0.2 + 0.1 * (1.9 + d * np.array([-1, 0, 1])))[1] / 1000
    before, after = np.diff(f) / d
    slope = 2 * np.exp(3) / np.expm1(2) / 0.6
    assert before == pytest.approx(slope, rel=1e-5) and after == pytest.approx(slope, rel=1e-5)


def test_tight_muscle_pulls_earlier_and_harder() -> None:
    length = np.linspace(0.3, 0.37, 30)
    free, tight = contraction(L=length, gain=0.35)[1], contraction(L=length, gain=0.7, slack=0.85)[1]
    assert (tight > free).all()
    assert (contraction(L=length, slack=0.85)[0] == contraction(L=length)[0]).all(), "tightness is passive only"


reasonable = st.fixed_dictionaries(
    {
        "L": st.floats(-1, 2),
        "V": st.floats(-50, 50),
        "F0": st.floats(0, 1e4),
        "lopt": st.floats(0.01, 0.6),
        "lts": st.floats(0, 0.6),
        "penn": st.floats(0, 1.2),
        "onset": st.floats(-0.3, 0.5),
        "one": st.floats(0.6, 1.5),
        "slack": st.floats(0.7, 1.1),
        "gain": st.floats(0, 2),
    }
)


@quick
@given(reasonable)
def test_any_muscle_pulls_with_a_finite_force(values: dict[str, float]) -> None:
    active, passive, lnorm = contraction(**values)
    assert np.isfinite([active, passive, lnorm]).all()
    assert 0 <= active <= 2 * values["F0"] and passive >= 0 and lnorm >= 0.05


@quick
@given(reasonable, st.floats(0, 0.2))
def test_stretching_never_lowers_the_passive_force(values: dict[str, float], stretch: float) -> None:
    before = contraction(**values)[1]
    after = contraction(**values | {"L": values["L"] + stretch})[1]
    assert after >= before * (1 - 1e-12)


@quick
@given(reasonable, st.floats(0, 20))
def test_faster_shortening_never_raises_the_active_force(values: dict[str, float], faster: float) -> None:
    before = contraction(**values)[0]
    after = contraction(**values | {"V": values["V"] - faster})[0]
    assert after <= before * (1 + 1e-12)


@quick
@given(st.floats(0.3, 4), st.floats(-0.3, 0.5), st.floats(0.6, 1.5), st.floats(0.7, 1.1))
def test_curves_are_smooth_in_length(ln: float, onset: float, one: float, slack: float) -> None:
    """C1: second differences are no larger than the curvature allows. Only the passive onset is a corner."""
    d = 1e-4
    length = 0.2 + 0.1 * (ln + d * np.array([-1, 0, 1]))
    active, passive, lnorm = contraction(L=length, onset=onset, one=one, slack=slack)
    assert abs(np.diff(active, 2)[0]) <= 1000 * 60 * d**2
    curvature = 4 * np.exp(3) / np.expm1(2) / ((one - onset) * slack) ** 2
    taut = lnorm > slack * (1 + onset)
    assert taut.any() != taut.all() or abs(np.diff(passive, 2)[0]) <= 1000 * 1.01 * curvature * d**2 + 1e-8


def test_neighbours_do_not_matter(rng: np.random.Generator) -> None:
    """Muscles are computed several at once; each has the bits that it has alone."""
    m = random_muscles(rng, 23)
    together = contraction(**m)
    for i in range(23):
        alone = contraction(**{name: values[i : i + 1] for name, values in m.items()})
        assert all(np.array_equal(one, many[i : i + 1]) for one, many in zip(alone, together, strict=True))
    a, u = rng.random((2, 23))
    assert np.array_equal(activation(a, u, 1e-3), [activation(x, y, 1e-3)[0] for x, y in zip(a, u, strict=True)])


# Activation


def test_activation_twin_agrees(rng: np.random.Generator) -> None:
    a, u = rng.random((2, 500))
    assert (u > a).sum() > 100 and (u < a).sum() > 100
    for dt in (1e-4, 1e-3, 1e-2):
        expected = twin.activation(a, u, dt, TAU_ACT, TAU_DEACT)
        np.testing.assert_allclose(activation(a, u, dt), expected, rtol=1e-14)


@pytest.mark.parametrize("a", [0.01, 0.2, 0.5, 0.9])
def test_rise_and_decay_times_are_thelens(a: float) -> None:
    """Thelen 2003: the time constant is 15 ms (0.5 + 1.5 a) rising, 50 ms / (0.5 + 1.5 a) falling."""
    dt = 1e-8
    rise = (1 - a) * dt / (activation(a, 1.0, dt) - a)
    decay = a * dt / (a - activation(a, 0.0, dt))
    assert rise == pytest.approx(0.015 * (0.5 + 1.5 * a), rel=1e-5)
    assert decay == pytest.approx(0.050 / (0.5 + 1.5 * a), rel=1e-5)


def test_small_steps_converge_to_the_differential_equation() -> None:
    """Rise from 0 to u = 1 solved by separation: tau_act (-1.5 a - 2 ln(1 - a)) = t."""
    steps, target = 4000, 0.8
    t = TAU_ACT * (-1.5 * target - 2 * np.log(1 - target))
    a = np.zeros(1)
    for _ in range(steps):
        muscle.activation(a, np.ones(1), t / steps, TAU_ACT, TAU_DEACT)
    assert a == pytest.approx(target, abs=1e-3)


@quick
@given(unit, unit, st.floats(1e-6, 1.0))
def test_activation_approaches_excitation_and_stays_in_range(a: float, u: float, dt: float) -> None:
    after = activation(a, u, dt)[0]
    assert 0 <= after <= 1
    assert min(a, u) <= after <= max(a, u)
    assert abs(after - u) < abs(a - u) or abs(a - u) < 1e-12


@quick
@given(unit, unit, unit, st.floats(1e-5, 0.05))
def test_more_excitation_never_gives_less_activation(a: float, u: float, w: float, dt: float) -> None:
    assert activation(a, min(u, w), dt)[0] <= activation(a, max(u, w), dt)[0] + 1e-15
