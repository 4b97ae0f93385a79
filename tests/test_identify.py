"""What a fit can know, against closed forms and against draws."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.linalg import toeplitz

from simlab import fit, identify
from simlab.subject import Subject, change


def drawn(rng: np.random.Generator, covariance: np.ndarray, m: int) -> np.ndarray:
    return rng.multivariate_normal(np.zeros(len(covariance)), covariance, m)


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.9])
def test_effective_samples_of_noise_that_is_correlated(rng, rho):
    """tr(C)^2 / tr(C^2) of a first-order autoregression, from few copies and without bias."""
    n, covariance = 60, toeplitz(rho ** np.arange(60))
    exact = n**2 / (covariance**2).sum()
    found = [identify.effective(drawn(rng, covariance, 24)) for _ in range(40)]
    assert np.mean(found) == pytest.approx(exact, rel=0.08)


def test_effective_samples_at_the_ends(rng):
    assert identify.effective(np.outer(rng.normal(size=24), np.ones(50))) == pytest.approx(1.0, abs=0.2)
    twice = np.repeat(rng.normal(size=(200, 30)), 2, axis=1)
    assert identify.effective(twice) == pytest.approx(30, rel=0.1)


@pytest.mark.parametrize("rho", [0.0, 0.6, 0.8])
def test_effective_samples_of_residuals(rng, rho):
    """The variance of a mean of an autoregression is larger by n / n_eff (Bayley and Hammersley 1946)."""
    length, curves = 60, 400
    covariance = toeplitz(rho ** np.arange(length))
    found = identify.autocorrelated(drawn(rng, covariance, curves)) / curves
    assert found == pytest.approx(length**2 / covariance.sum(), rel=0.2)


def test_residuals_that_do_not_change_are_one_sample_a_curve():
    assert identify.autocorrelated(np.ones((7, 12))) == pytest.approx(7.0)
    assert identify.autocorrelated(np.zeros((7, 12))) == 84.0


COVARIANCE = np.array([[0.050, -0.049, 0.0], [-0.049, 0.050, 0.0], [0.0, 0.0, 0.0004]])


def walked(scale: float, best: np.ndarray) -> tuple[identify.Profile, list[np.ndarray]]:
    information, seen = np.linalg.inv(COVARIANCE), []

    def rise(points):
        seen.extend(points)
        return [scale * (p - best) @ information @ (p - best) for p in points]

    return identify.profile(best, COVARIANCE, information, rise), seen


@pytest.mark.parametrize(("scale", "widening"), [(1.0, 1.0), (0.5, 2.0), (3.0, 1.0), (0.0, 10.0)])
def test_a_flatter_valley_makes_the_estimate_less_sure(scale, widening):
    found, points = walked(scale, np.array([0.5, 0.5, 0.5]))
    assert found.sd == pytest.approx(math.sqrt(0.099))
    np.testing.assert_allclose(np.abs(found.direction), [math.sqrt(0.5), math.sqrt(0.5), 0.0], atol=1e-9)
    assert len(points) == 2 and found.expected == pytest.approx(2.0)  # one standard deviation to either side
    assert found.found == pytest.approx(2.0 * scale)
    assert found.widening == pytest.approx(widening)
    variance = np.linalg.eigvalsh(found.widened(COVARIANCE))
    np.testing.assert_allclose(variance, [0.0004, 0.001, 0.099 * widening], rtol=1e-6)


def test_the_walk_stays_within_the_bounds():
    for best in (np.array([0.0, 1.0, 0.5]), np.array([0.05, 0.9, 0.5])):
        _, points = walked(1.0, best)
        assert len(points) == 1 and 0.0 <= min(points[0]) <= max(points[0]) <= 1.0
    found, points = walked(1.0, np.array([0.0, 0.0, 0.5]))
    assert points == [] and found.widening == 1.0


def test_what_two_dials_tell_together():
    """x + y known to 0.01, x - y to 1: the sum is what the recording tells."""
    turn = np.array([[1.0, 1.0], [1.0, -1.0]]) / math.sqrt(2)
    covariance = turn @ np.diag([0.01**2, 1.0]) @ turn.T
    factor, sd = identify.combination(covariance, 0, 1)
    assert factor == pytest.approx(1.0, abs=1e-3) and sd == pytest.approx(0.01 * math.sqrt(2), rel=1e-3)
    factor, _ = identify.combination(covariance * [[1, -1], [-1, 1]], 0, 1)
    assert factor == pytest.approx(-1.0, abs=1e-3)
    for c in np.linspace(-3.0, 3.0, 13):
        assert np.array([1.0, c]) @ covariance @ [1.0, c] > (0.99 * sd) ** 2


def test_how_often_each_contributes_most():
    """Two estimates well inside their range: P(x > y) is the normal distribution's."""
    covariance = np.diag([0.05, 0.05]) ** 2
    found = identify.leads(np.array([0.55, 0.50]), covariance, np.zeros(2), np.ones(2), 1)
    exact = 0.5 * (1 + math.erf(0.05 / 0.05 / math.sqrt(2) / math.sqrt(2)))
    assert found[0] == pytest.approx(exact, abs=0.02) and found.sum() == pytest.approx(1.0)
    sure = identify.leads(np.array([0.9, 0.1]), covariance, np.array([1.0, 0.0]), np.array([100.0, 1.0]), 1)
    assert sure[0] > 0.9
    assert identify.leads(np.zeros(2), 1e-12 * np.eye(2), np.zeros(2), np.zeros(2), 1).sum() == 0.0


def estimate(name: str, value: float, sd: float, verdict: str, explains: float = 1.0, leads: float = 0.5):
    (dial,) = fit.dials({name: (0.4, 1.0)}, Subject())
    return fit.Estimate(
        dial=dial, value=value, sd=sd, verdict=verdict, explains=explains, fppa_deg=1.0, medial_mm=1.0, leads=leads
    )


def test_a_trade_off_is_told_in_the_units_of_the_dials():
    pair = [
        estimate("both.gluteus_medius_strength", 0.7, 0.2, "not identifiable"),
        estimate("both.hip_abductor_strength", 0.9, 0.2, "not identifiable"),
    ]
    covariance = np.array([[1.0, -0.99], [-0.99, 1.0]]) * (0.2 / 0.6) ** 2
    (found,) = fit._trade_offs(pair, covariance)
    assert found.r == pytest.approx(-0.99) and found.factor == pytest.approx(0.99)
    assert found.value == pytest.approx(1.591) and found.sd == pytest.approx(math.sqrt(1 - 0.99**2) * 0.2)
    said = " ".join(fit._sentences(pair, [found], 1.0, 5.0, 50.0))
    assert "gluteus medius strength + 0.99 x hip abductor strength = 1.59 ± 0.028, not each of them" in said
    assert "odds 1.0 to 1, too close to call" in said


def test_where_nothing_explains_anything_nothing_is_named():
    weak = [estimate("both.gluteus_medius_strength", 0.99, 0.2, "estimated", explains=0.01)]
    assert fit._sentences(weak, [], 1.0, 1.0, 50.0) == ("No dial explains more than noise does.",)


def test_each_leg_by_itself():
    assert list(fit.sided({"both.adductor_tightness": (0.0, 0.8), "left.genu_valgum_deg": (0, 5)})) == [
        "right.adductor_tightness",
        "left.adductor_tightness",
        "left.genu_valgum_deg",
    ]
    fit.dials(fit.sided(fit.DIALS), change(Subject(), []))


def test_the_laboratory_does_not_matter():
    """The same person turned by 130 deg, somewhere else: all that is compared is the same."""
    from simlab import recording as recordings
    from simlab.model import build
    from simlab.sensors import markers as optical
    from simlab.simulate import simulate
    from simlab.tasks.squat import Squat

    result = simulate(build(Subject()), Squat(depth_deg=60.0))
    run, model = result.run, result.model
    here = optical.markers(model, run.time, run.q, medial=True)
    there = optical.markers(model, run.time, run.q, medial=True, heading_deg=130.0, origin=(1.0, 0.2, -3.0))
    assert np.linalg.norm(there.positions - here.positions, axis=2).min() > 0.1
    found = [
        fit.features(recordings.assemble(worn, worn, recordings.located(worn, worn, "clusters"), None, "clusters"))[1]
        for worn in (here, there)
    ]
    np.testing.assert_allclose(found[1], found[0], atol=1e-6)
    ahead = here.positions[0, here.names.index("r_toe")] - here.positions[0, here.names.index("r_calc")]
    turned = there.positions[0, here.names.index("r_toe")] - there.positions[0, here.names.index("r_calc")]
    angle = np.degrees(np.arctan2(-turned[2], turned[0]) - np.arctan2(-ahead[2], ahead[0]))
    assert angle % 360 == pytest.approx(130.0)


def test_odds_are_those_of_a_model_that_explains():
    pair = [
        estimate("both.gluteus_medius_strength", 0.6, 0.05, "estimated", explains=9.0, leads=0.9),
        estimate("both.external_rotator_strength", 0.8, 0.05, "estimated", explains=1.0, leads=0.1),
    ]
    assert "odds 9.0 to 1." in fit._sentences(pair, [], 1.0, 11.0, 50.0)[0]
    beyond = fit._sentences(pair, [], 9.0, 19.0, 50.0)
    assert "does not explain" in beyond[0] and "odds" not in " ".join(beyond)
