"""Statistics of curves against published worked examples, closed forms, scipy, and coverage on simulated data."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage, stats

from simlab import waveform

# --- published worked examples ----------------------------------------------------------------------------------------

RATINGS = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]])
"""Shrout and Fleiss 1979, table 2: four raters, six targets."""


def test_icc_of_shrout_and_fleiss() -> None:
    """Table 4 of the paper gives .29 and .71; the intervals are those of R's psych::ICC for the same table."""
    agreement, consistency = waveform.icc(RATINGS, "2,1"), waveform.icc(RATINGS, "3,1")
    assert agreement and consistency
    assert (agreement.targets, agreement.raters) == (6, 4)
    assert (agreement.value, agreement.low, agreement.high) == pytest.approx((0.290, 0.019, 0.761), abs=5e-4)
    assert (consistency.value, consistency.low, consistency.high) == pytest.approx((0.715, 0.342, 0.946), abs=5e-4)


PEFR = np.array([494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427.0])
MINI = np.array([512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451.0])
"""Bland and Altman 1986 (doi 10.1016/S0140-6736(86)90837-8), table 1: peak expiratory flow by two meters [l/min]."""


def test_bland_altman_of_the_peak_flow_meters() -> None:
    """The paper: mean -2.1, SD 38.8 l/min; bias -22.0 to 17.8 with 95 %."""
    found = waveform.bland_altman(PEFR, MINI)
    assert found and found.n == 17
    assert (found.bias, found.sd) == pytest.approx((-2.1, 38.8), abs=0.05)
    assert found.bias_interval == pytest.approx((-22.0, 17.8), abs=0.1)
    assert (found.lower, found.upper) == pytest.approx((-78.1, 73.9), abs=0.1)  # the paper takes 2 for 1.96
    # 1999: the standard error of a limit is s sqrt(1/n + 1.96^2 / (2 (n - 1))).
    half = stats.t.ppf(0.975, 16) * found.sd * math.sqrt(1 / 17 + 1.96**2 / 32)
    assert found.upper_interval == pytest.approx((found.upper - half, found.upper + half), rel=1e-4)


# --- error and alignment ----------------------------------------------------------------------------------------------

SHARE = np.linspace(0, 1, 101)


def squat(deepest: float) -> np.ndarray:
    """Half a sine down and half up, deepest at a share of the repetition."""
    return np.sin(np.pi / 2 * np.where(deepest > SHARE, SHARE / deepest, (1 - SHARE) / (1 - deepest)))


def test_registration_takes_tempo_out_of_the_error() -> None:
    early, middle = squat(0.35), squat(0.5)
    assert waveform.rmse(early, middle) > 0.1
    assert waveform.rmse(waveform.register(early, 0.35), middle) < 1e-3
    np.testing.assert_allclose(waveform.register(np.array([early, early]), 0.35)[1], waveform.register(early, 0.35))
    assert waveform.register(early, 0.35)[[0, -1]] == pytest.approx(early[[0, -1]])
    for bad in (0.0, 1.0):
        with pytest.raises(ValueError, match="between 0 and 1"):
            waveform.register(early, bad)


@given(st.floats(0.2, 0.8), st.floats(0.2, 0.8))
def test_registration_there_and_back(a: float, b: float) -> None:
    curve = np.interp(SHARE, (0, a, 1), (0.0, 3.0, 1.0))
    there = waveform.register(curve, a, b)
    assert np.interp(b, SHARE, there) == pytest.approx(3.0, abs=0.2)  # between two samples the corner is cut
    np.testing.assert_allclose(waveform.register(there, b, a), curve, atol=0.3)


@given(st.integers(-15, 15))
def test_lag_is_found_and_says_who_is_late(late: int) -> None:
    time = np.arange(101) - 50
    bump = np.exp(-((time / 12) ** 2))
    moved = np.exp(-(((time - late) / 12) ** 2))
    assert waveform.lag(moved, bump) == late
    assert waveform.rmse(*waveform.shifted(moved, bump, late)) < 1e-12
    assert waveform.lag(np.ones(101), bump) is None


def test_correlation_and_band() -> None:
    curves = np.random.default_rng(0).normal(size=(4, 50))
    assert waveform.correlation(curves[0], curves[1]) == pytest.approx(stats.pearsonr(curves[0], curves[1])[0])
    assert waveform.correlation(curves[0], np.ones(50)) is None
    mean, sd = waveform.band(curves)
    np.testing.assert_allclose(mean, stats.tmean(curves, axis=0))
    np.testing.assert_allclose(sd, stats.tstd(curves, axis=0))
    assert not waveform.band(curves[:1])[1].any()


# --- agreement --------------------------------------------------------------------------------------------------------


def test_icc_counts_an_offset_only_where_it_should() -> None:
    truth = np.random.default_rng(1).normal(size=40)
    both = np.column_stack([truth, truth + 2.0])
    assert waveform.icc(both, "3,1").value == pytest.approx(1)
    # The variance of an offset d between two raters is d^2 / 2.
    assert waveform.icc(both, "2,1").value == pytest.approx(truth.var(ddof=1) / (truth.var(ddof=1) + 2.0))
    same = waveform.icc(np.column_stack([truth, truth]), "2,1")
    assert (same.value, same.low, same.high) == (1, 1, 1)
    assert (
        waveform.icc(np.ones((5, 2))) is None
        and waveform.icc([[1.0, 2.0]]) is None
        and waveform.icc([[1], [2]]) is None
    )


@pytest.mark.parametrize("form", ["2,1", "3,1"])
def test_the_interval_of_icc_covers(form: str) -> None:
    """Two raters with errors as large as the offsets they are drawn with; the true coefficients are known."""
    rng = np.random.default_rng(2)
    true = {"2,1": 4 / (4 + 1 + 1), "3,1": 4 / (4 + 1)}[form]
    inside = 0
    for _ in range(400):
        ratings = 2 * rng.normal(size=(15, 1)) + rng.normal(size=(1, 8)) + rng.normal(size=(15, 8))
        found = waveform.icc(ratings, form)
        inside += found.low <= true <= found.high
    assert 0.92 <= inside / 400 <= 0.98


def test_cmc_in_closed_form() -> None:
    """Two sines that are d apart: 1 - (d^2 / 2) / ((A^2 / 2 + d^2 / 4) 2T / (2T - 1)), over whole periods."""
    t, amplitude, d = 100, 3.0, 1.2
    sine = amplitude * np.sin(2 * np.pi * np.arange(t) / t)
    true = math.sqrt(1 - d**2 / 2 / ((amplitude**2 / 2 + d**2 / 4) * 2 * t / (2 * t - 1)))
    pair = np.array([sine, sine + d])
    assert waveform.cmc(pair) == pytest.approx(true)
    # Repetitions that differ much but on which the protocols agree: only the protocols count.
    shifts = np.array([0.0, 5.0, -7.0])
    assert waveform.cmc_protocols(pair + shifts[:, None, None]) == pytest.approx(true)
    assert waveform.cmc(np.concatenate(pair + shifts[:, None, None])) is None
    assert waveform.cmc(np.array([sine, sine])) == pytest.approx(1)
    assert waveform.cmc_between([pair[:1], pair[1:]]) == pytest.approx(true)
    assert waveform.cmc(sine[None]) is None and waveform.cmc(np.ones((3, 10))) is None


def test_cmc_by_naive_sums() -> None:
    """Ferrari et al. 2010 and Kadaba et al. 1989, written out term by term."""
    y = np.random.default_rng(3).normal(size=(4, 3, 21)) * 0.3 + np.cos(np.linspace(0, 5, 21))
    g, p, f = y.shape
    above = sum((y[i, j, k] - y[i, :, k].mean()) ** 2 for i in range(g) for j in range(p) for k in range(f))
    below = sum((y[i, j, k] - y[i].mean()) ** 2 for i in range(g) for j in range(p) for k in range(f))
    true = math.sqrt(1 - (above / (g * f * (p - 1))) / (below / (g * (p * f - 1))))
    assert waveform.cmc_protocols(y) == pytest.approx(true)


def test_limits_of_agreement_of_repeated_measures() -> None:
    """The variances by hand (Bland and Altman 1999, section 5.3), and what each of them does alone."""
    rng = np.random.default_rng(4)
    counts = (3, 5, 2, 4)
    subject = list(itertools.chain.from_iterable([i] * m for i, m in enumerate(counts)))
    shift = np.array([2.0, -1.0, 0.5, 3.0])[subject]
    found = waveform.bland_altman(shift, np.zeros(14), subject)
    # Without scatter within the subjects the limits are those of their means.
    assert found.sd == pytest.approx(np.std([2.0, -1.0, 0.5, 3.0], ddof=1)) and found.bias == pytest.approx(1.125)
    error = rng.normal(size=14)
    groups = [error[[s == i for s in subject]] for i in range(4)]
    within = sum(((x - x.mean()) ** 2).sum() for x in groups) / 10
    between = np.var([x.mean() for x in groups], ddof=1)
    found = waveform.bland_altman(error, np.zeros(14), subject)
    assert found.sd == pytest.approx(math.sqrt(between + (1 - np.mean(1 / np.array(counts))) * within))
    alone = waveform.bland_altman(error, np.zeros(14), [0] * 14)
    assert alone.sd == pytest.approx(error.std(ddof=1)) and alone.bias_interval is None
    assert waveform.bland_altman([1.0], [2.0]) is None


@pytest.mark.parametrize("repeats", [1, 3])
def test_the_intervals_of_bland_altman_cover(repeats: int) -> None:
    rng = np.random.default_rng(5)
    subjects, of_subject, of_repeat = 20, 2.0, 1.5
    true = 1.96 * math.hypot(of_subject, of_repeat)
    labels = np.repeat(np.arange(subjects), repeats)
    inside = np.zeros(3)
    for _ in range(300):
        d = of_subject * rng.normal(size=subjects)[labels] + of_repeat * rng.normal(size=len(labels))
        found = waveform.bland_altman(d, np.zeros_like(d), labels)
        ends = (found.bias_interval, found.lower_interval, found.upper_interval)
        inside += [low <= x <= high for (low, high), x in zip(ends, (0.0, -true, true), strict=True)]
    assert ((inside / 300 > 0.91) & (inside / 300 < 0.99)).all(), inside / 300


# --- statistical parametric mapping -----------------------------------------------------------------------------------


def noise(rng: np.random.Generator, n: int, wide: float = 8.0) -> np.ndarray:
    """Smooth Gaussian noise of unit variance, (n, 101)."""
    rough = ndimage.gaussian_filter1d(rng.normal(size=(n, 161)), wide, axis=1)[:, 30:131]
    return rough * math.sqrt(2 * wide * math.sqrt(math.pi))


def test_the_t_curves_are_those_of_scipy() -> None:
    rng = np.random.default_rng(6)
    a, b = noise(rng, 7) + 40, noise(rng, 9) + 41
    np.testing.assert_allclose(waveform.two_sample(a, b).t, stats.ttest_ind(a, b).statistic)
    np.testing.assert_allclose(waveform.paired(a, b[:7]).t, stats.ttest_rel(a, b[:7]).statistic)
    np.testing.assert_allclose(waveform.one_sample(a, b[0]).t, stats.ttest_1samp(a - b[0], 0).statistic)


def tallest(kind: str):
    """The largest |t| of curves, as scipy.stats.permutation_test wants it."""

    def statistic(*samples: np.ndarray, axis: int) -> np.ndarray:
        t = (
            stats.ttest_ind(*samples, axis=axis)
            if kind == "two-sample"
            else stats.ttest_1samp(samples[0], 0, axis=axis)
        )
        return np.abs(t.statistic)

    return statistic


def test_p_at_a_point_is_that_of_scipy() -> None:
    """For curves of one point the largest |t| is |t|: scipy's exact permutation tests."""
    rng = np.random.default_rng(7)
    a, b = rng.normal(size=(7, 1)) + 0.8, rng.normal(size=(6, 1))
    ours = waveform.two_sample(a, b)
    theirs = stats.permutation_test(
        (a[:, 0], b[:, 0]), tallest("two-sample"), alternative="greater", n_resamples=np.inf, vectorized=True
    )
    assert ours.every and ours.permutations == math.comb(13, 7) and ours.p == pytest.approx(theirs.pvalue)
    ours = waveform.one_sample(a, np.zeros(1))
    theirs = stats.permutation_test(
        (a[:, 0],),
        tallest("one"),
        permutation_type="samples",
        alternative="greater",
        n_resamples=np.inf,
        vectorized=True,
    )
    assert ours.permutations == 2**7 and ours.p == pytest.approx(theirs.pvalue)


def test_the_largest_t_of_every_permutation_by_hand() -> None:
    """Threshold, p and cluster p from nothing but scipy's t and loops."""
    rng = np.random.default_rng(8)
    a, b = noise(rng, 5), noise(rng, 5)
    a[:, 40:70] += 8.0
    found = waveform.two_sample(a, b)
    both = np.concatenate([a, b])
    every = []
    for chosen in itertools.combinations(range(10), 5):
        rest = [i for i in range(10) if i not in chosen]
        every.append(stats.ttest_ind(both[list(chosen)], both[rest]).statistic)
    largest = np.abs(every).max(axis=1)
    assert found.p == pytest.approx(np.mean(largest >= largest[0] - 1e-9)) and found.p <= 0.05
    assert np.mean(largest > found.threshold + 1e-9) <= 0.05 < np.mean(largest >= found.threshold - 1e-9)

    def mass(t: np.ndarray) -> float:
        above = [np.where(sign * t > found.threshold + 1e-9, sign * t - found.threshold, 0.0) for sign in (1, -1)]
        return max(sum(run) for x in above for _, run in itertools.groupby(x, key=lambda v: v > 0))

    (cluster,) = [one for one in found.clusters if one.sign > 0]
    assert 35 <= cluster.start < cluster.end <= 75
    masses = [mass(t) for t in every]
    assert cluster.p == pytest.approx(np.mean(np.array(masses) >= masses[0] - 1e-9))


@pytest.mark.parametrize("kind", ["one-sample", "two-sample"])
def test_false_positives_stay_near_alpha(kind: str) -> None:
    """Smooth noise without any difference: some point is significant in about one test of twenty."""
    rng = np.random.default_rng(9)
    false, count = 0, 400
    for i in range(count):
        a, b = noise(rng, 8), noise(rng, 8)
        test = (
            waveform.two_sample(a, b, permutations=400, seed=i)
            if kind == "two-sample"
            else waveform.one_sample(a, np.zeros(101))
        )
        false += bool(test.clusters)
        assert bool(test.clusters) == (test.p <= 0.05)
    assert 0.025 <= false / count <= 0.08  # +- 2.5 standard errors, and that signs come in pairs


def test_a_real_difference_is_found_where_it_is() -> None:
    rng = np.random.default_rng(10)
    curves = noise(rng, 12) + 2.5 * np.exp(-(((SHARE - 0.6) / 0.1) ** 2))
    found = waveform.one_sample(curves, np.zeros(101))
    assert found.every and found.permutations == 4096
    (cluster,) = found.clusters
    assert cluster.sign == 1 and cluster.start < 60 < cluster.end and cluster.end - cluster.start < 45
    assert cluster.p <= 0.05
    opposite = waveform.one_sample(-curves, np.zeros(101))
    assert [(c.start, c.end, c.sign) for c in opposite.clusters] == [(cluster.start, cluster.end, -1)]


def test_few_repetitions_are_judged_as_a_random_field() -> None:
    """Five repetitions have 32 turns of sign, two of which give the largest |t|: p is never below 1/16."""
    rng = np.random.default_rng(11)
    five = waveform.one_sample(noise(rng, 5) + 100, np.zeros(101))
    assert five.method == "random field" and five.smallest_p == pytest.approx(1 / 16) and five.p < 0.001
    (cluster,) = five.clusters
    assert (cluster.start, cluster.end, cluster.sign) == (0, 100, 1)
    six = waveform.one_sample(noise(rng, 6) + 100, np.zeros(101))
    assert six.method == "permutation" and six.smallest_p == six.p == pytest.approx(1 / 32) and len(six.clusters) == 1
    assert waveform.two_sample(noise(rng, 3), noise(rng, 3)).method == "random field"  # 20 deals, two alike
    assert waveform.two_sample(noise(rng, 4), noise(rng, 4)).method == "permutation"
    assert waveform.one_sample(noise(rng, 1), np.zeros(101)) is None
    assert waveform.two_sample(noise(rng, 1), noise(rng, 4)) is None
    # A curve of one point is no field: Student's t, whose p is small.
    point = 10 + rng.normal(size=(4, 1))
    assert waveform.one_sample(point, np.zeros(1)).p == pytest.approx(stats.ttest_1samp(point, 0).pvalue[0], rel=0.01)


@pytest.mark.parametrize(("n", "least"), [(3, 0.0), (5, 0.02)])
def test_false_positives_of_the_random_field(n: int, least: float) -> None:
    """Of three repetitions the field is rather strict."""
    rng = np.random.default_rng(13)
    tests = [waveform.one_sample(noise(rng, n), np.zeros(101)) for _ in range(250)]
    false = np.mean([bool(one.clusters) for one in tests])
    assert least <= false <= 0.08
    assert all(bool(one.clusters) == (one.p < 0.05) for one in tests)


def test_a_seed_decides_and_equal_curves_differ_nowhere() -> None:
    rng = np.random.default_rng(12)
    a, b = noise(rng, 14), noise(rng, 14) + 0.5
    one, again, other = (waveform.two_sample(a, b, permutations=500, seed=s) for s in (1, 1, 2))
    assert not one.every and one.permutations == 500
    assert (one.threshold, one.p, one.clusters) == (again.threshold, again.p, again.clusters)
    assert one.threshold != other.threshold
    assert one.smallest_p == 1 / 500  # the true deal is one of them: p is never zero
    same = np.repeat(noise(rng, 1), 6, axis=0)
    found = waveform.two_sample(same, same)
    assert not found.t.any() and found.p == 1 and found.clusters == ()


@settings(max_examples=40, deadline=None)
@given(arrays(int, (6, 12), elements=st.integers(-1000, 1000)), st.floats(0.1, 10), st.floats(-100, 100))
def test_units_and_offsets_change_nothing(curves: np.ndarray, scale: float, offset: float) -> None:
    """p and the largest |t| do not care for units; any numbers give finite answers."""
    found = waveform.one_sample(curves, np.zeros(12))
    assert np.isfinite(found.t).all() and 0 < found.p <= 1
    if np.abs(found.t).max() < 1e6:
        scaled = waveform.one_sample(scale * curves + offset, np.full(12, offset))
        np.testing.assert_allclose(scaled.t, found.t, rtol=1e-3, atol=1e-3)
