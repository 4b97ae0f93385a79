"""Statistics of curves: error, agreement, repeatability, alignment, and tests that know that a curve is one thing.

A curve is a row of an array, shape (t,); repetitions are rows, shape (n, t). Units are those of the curves. Everything
is deterministic: what is drawn at random has a seed.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simlab.motion import Array, readonly

ALPHA = 0.05
DEEPEST = 0.5
"""Where the deepest point of a repetition lies once it is registered."""
PERMUTATIONS = 10_000
"""As many permutations are drawn where there are more than these; all are taken otherwise."""


# --- error ------------------------------------------------------------------------------------------------------------


def rmse(first: Array, second: Array) -> float:
    """Root mean square difference of two curves."""
    return float(np.sqrt(np.mean((np.asarray(first) - second) ** 2)))


def correlation(first: Array, second: Array) -> float | None:
    """Pearson's r of two curves; None where one is constant."""
    if min(np.ptp(first), np.ptp(second)) < 1e-9:
        return None
    return float(np.corrcoef(first, second)[0, 1])


def band(curves: Array) -> tuple[Array, Array]:
    """Mean and SD (n - 1; zero for a single curve) of curves, shape (n, t) -> (t,), (t,)."""
    return curves.mean(axis=0), curves.std(axis=0, ddof=min(1, len(curves) - 1))


# --- alignment --------------------------------------------------------------------------------------------------------


def register(curves: Array, landmark: float, to: float = DEEPEST) -> Array:
    """Curves with an event at `landmark` moved to `to`, both shares of their length: piecewise linear in time.

    curves: shape (..., t). Before and after the event time is stretched evenly; the ends stay. Errors: ValueError for a
    landmark that is not inside. Source: landmark registration, Ramsay and Silverman 2005, Functional Data Analysis,
    doi 10.1007/b98888, in its simplest form.
    """
    if not (0.0 < landmark < 1.0 and 0.0 < to < 1.0):
        raise ValueError(f"expected a landmark between 0 and 1, found {landmark:g} to be moved to {to:g}")
    share = np.linspace(0, 1, curves.shape[-1])
    taken = np.interp(share, (0.0, to, 1.0), (0.0, landmark, 1.0))
    flat = curves.reshape(-1, curves.shape[-1])
    return np.array([np.interp(taken, share, curve) for curve in flat]).reshape(curves.shape)


def lag(curve: Array, reference: Array, limit: int = 20) -> int | None:
    """By how many samples a curve is late against a reference: where they correlate best over what overlaps.

    limit: the largest shift either way; of equal ones the smallest is taken. None where nothing correlates.
    """
    found = {shift: correlation(*shifted(curve, reference, shift)) for shift in range(-limit, limit + 1)}
    known = {shift: round(value, 12) for shift, value in found.items() if value is not None}
    return min(known, key=lambda shift: (-known[shift], abs(shift), shift)) if known else None


def shifted(curve: Array, reference: Array, shift: int) -> tuple[Array, Array]:
    """What overlaps of a curve and a reference when the curve, late by `shift` samples, is moved earlier by them."""
    n = len(curve)
    return curve[max(shift, 0) : n + min(shift, 0)], reference[max(-shift, 0) : n + min(-shift, 0)]


# --- agreement --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Icc:
    """An intraclass correlation with its confidence interval; None where it cannot be told."""

    value: float
    low: float | None
    high: float | None
    targets: int
    raters: int


def icc(ratings: ArrayLike, form: Literal["2,1", "3,1"] = "2,1", confidence: float = 0.95) -> Icc | None:
    """Intraclass correlation of single ratings, shape (targets, raters).

    "2,1": absolute agreement, an offset between the raters counts; "3,1": consistency, an offset does not. The interval
    takes the targets to be independent: for the points of one curve, which are not, do not use it. None for fewer than
    two targets or raters, and where nothing varies.
    Source: Shrout and Fleiss 1979, doi 10.1037/0033-2909.86.2.420; the intervals of McGraw and Wong 1996,
    doi 10.1037/1082-989X.1.1.30, cases 2A and 3A.
    """
    from scipy.stats import f

    x = np.asarray(ratings, dtype=float)
    n, k = x.shape
    if n < 2 or k < 2:
        return None
    grand, freedom = x.mean(), (n - 1) * (k - 1)
    rows, columns = x.mean(axis=1), x.mean(axis=0)
    between = k * np.sum((rows - grand) ** 2) / (n - 1)
    raters = n * np.sum((columns - grand) ** 2) / (k - 1)
    error = np.sum((x - rows[:, None] - columns + grand) ** 2) / freedom
    tiny = 1e-12 * max(np.max(np.abs(x)) ** 2, 1e-300)  # what rounding leaves of a variance that is none
    below = between + (k - 1) * error + (k * (raters - error) / n if form == "2,1" else 0.0)
    if max(between, error) <= tiny or below <= tiny:
        return None
    value = (between - error) / below
    low: float | None
    high: float | None
    if error <= tiny:  # the raters differ by an offset at most: the ratio of variances has no bounds
        low = high = 1.0 if form == "3,1" or raters <= tiny else None
        return Icc(value=float(value), low=low, high=high, targets=n, raters=k)
    level = 1 - (1 - confidence) / 2
    if form == "3,1":
        ratio = between / error
        lower, upper = ratio / f.ppf(level, n - 1, freedom), ratio * f.ppf(level, freedom, n - 1)
        low, high = ((one - 1) / (one + k - 1) for one in (lower, upper))
    else:
        a = k * value / (n * (1 - value)) if value < 1 else np.inf
        b = 1 + k * value * (n - 1) / (n * (1 - value)) if value < 1 else np.inf
        v = (a * raters + b * error) ** 2 / ((a * raters) ** 2 / (k - 1) + (b * error) ** 2 / freedom)
        lower, upper = f.ppf(level, n - 1, v), f.ppf(level, v, n - 1)
        low = n * (between - lower * error) / (lower * (k * raters + (k * n - k - n) * error) + n * between)
        high = n * (upper * between - error) / (k * raters + (k * n - k - n) * error + n * upper * between)
    return Icc(value=float(value), low=float(low), high=float(high), targets=n, raters=k)


def cmc(curves: Array) -> float | None:
    """Coefficient of multiple correlation of repeated curves, shape (n, t), within a session.

    1 for equal curves; None for fewer than two curves, constant ones, and where they differ more between than along
    themselves (the square would be negative). It grows with the range of motion: compare like with like.
    Source: Kadaba et al. 1989, doi 10.1002/jor.1100070611, within-day.
    """
    return cmc_protocols(curves[None])


def cmc_between(sessions: Sequence[Array]) -> float | None:
    """Coefficient of multiple correlation of the curves of several sessions, each of shape (n, t); n may differ.

    What differs between the sessions counts like what differs within them. None as in `cmc`.
    Source: Kadaba et al. 1989, doi 10.1002/jor.1100070611, between-day.
    """
    return cmc(np.concatenate(sessions))


def cmc_protocols(curves: Array) -> float | None:
    """Coefficient of multiple correlation of the same repetitions by several protocols, shape (n, protocols, t).

    Only what differs between the protocols counts, not what differs between the repetitions. None as in `cmc`.
    Source: Ferrari et al. 2010, doi 10.1016/j.gaitpost.2010.02.009 (the inter-protocol form).
    """
    groups, k, t = curves.shape
    if k < 2:
        return None
    within = np.sum((curves - curves.mean(axis=1, keepdims=True)) ** 2) / (groups * t * (k - 1))
    total = np.sum((curves - curves.mean(axis=(1, 2), keepdims=True)) ** 2) / (groups * (k * t - 1))
    if total <= 1e-18 * max(1.0, float(np.max(np.abs(curves))) ** 2) or within > total:
        return None
    return math.sqrt(1 - within / total)


@dataclass(frozen=True, slots=True, kw_only=True)
class BlandAltman:
    """Agreement of two methods: bias (first - second), its SD, and 95 % limits, each with a confidence interval.

    sd: of single differences; None intervals where there are too few.
    """

    n: int
    bias: float
    sd: float
    lower: float
    upper: float
    bias_interval: tuple[float, float] | None
    lower_interval: tuple[float, float] | None
    upper_interval: tuple[float, float] | None


def bland_altman(
    first: ArrayLike, second: ArrayLike, subject: Sequence[object] | None = None, confidence: float = 0.95
) -> BlandAltman | None:
    """Bias and limits of agreement of paired measurements, shape (n,) each; None for fewer than two pairs.

    subject: whom (or which leg) each pair belongs to, where one gives several pairs and what is measured changes
    between them: then the variance between subjects is told from that within, by analysis of variance.
    Source: Bland and Altman 1999, doi 10.1177/096228029900800204, sections 2 and 5.3; the intervals of repeated
    measures after Zou 2013, doi 10.1177/0962280211402548.
    """
    from scipy.stats import norm
    from scipy.stats import t as student

    difference = np.asarray(first, dtype=float) - np.asarray(second, dtype=float)
    n = len(difference)
    if n < 2:
        return None
    wide = float(norm.ppf(0.975))  # 1.96: the limits hold 95 % of the differences, whatever the confidence
    labels = list(range(n)) if subject is None else list(subject)
    groups = [difference[[label == one for label in labels]] for one in dict.fromkeys(labels)]
    if max(len(one) for one in groups) == 1:
        bias, sd = float(difference.mean()), float(difference.std(ddof=1))
        t = float(student.ppf(1 - (1 - confidence) / 2, n - 1))
        half, far = t * sd / math.sqrt(n), t * sd * math.sqrt(1 / n + wide**2 / (2 * (n - 1)))
        ends = (far, far), (far, far)
    else:
        bias, sd, half, ends = _repeated(groups, wide, confidence)
    lower, upper = bias - wide * sd, bias + wide * sd
    known = math.isfinite(half) and all(map(math.isfinite, ends[0]))
    return BlandAltman(
        n=n,
        bias=bias,
        sd=sd,
        lower=lower,
        upper=upper,
        bias_interval=(bias - half, bias + half) if known else None,
        lower_interval=(lower - ends[0][0], lower + ends[0][1]) if known else None,
        upper_interval=(upper - ends[1][0], upper + ends[1][1]) if known else None,
    )


Ends = tuple[tuple[float, float], tuple[float, float]]


def _repeated(groups: Sequence[Array], wide: float, confidence: float) -> tuple[float, float, float, Ends]:
    """Bias, SD, half the interval of the bias, and how far the intervals of the limits reach down and up."""
    from scipy.stats import chi2, norm, t

    counts = np.array([len(one) for one in groups])
    m, total = len(groups), int(counts.sum())
    means = np.array([one.mean() for one in groups])
    within = sum(float(np.sum((one - one.mean()) ** 2)) for one in groups) / (total - m)
    if m == 1:  # repetitions of one subject: nothing tells how subjects differ
        return float(means[0]), math.sqrt(within), math.nan, ((math.nan,) * 2, (math.nan,) * 2)
    bias = float(means.mean())
    between = float(means.var(ddof=1))
    share = 1 - float(np.mean(1 / counts))  # 1 - 1 / harmonic mean
    variance = between + share * within
    tail = (1 - confidence) / 2

    def reach(level: float) -> float:
        """How far the interval of the variance reaches: each part's, combined (MOVER)."""
        parts = (between, m - 1), (share * within, total - m)
        return math.sqrt(sum((part * (1 - free / float(chi2.ppf(level, free)))) ** 2 for part, free in parts))

    least, most = max(variance - reach(1 - tail), 0.0), variance + reach(tail)
    sd, z = math.sqrt(variance), float(norm.ppf(1 - tail))
    about = z**2 * between / m
    outward = math.sqrt(about + wide**2 * (math.sqrt(most) - sd) ** 2)
    inward = math.sqrt(about + wide**2 * (sd - math.sqrt(least)) ** 2)
    half = float(t.ppf(1 - tail, m - 1)) * math.sqrt(between / m)
    return bias, sd, half, ((outward, inward), (inward, outward))


# --- statistical parametric mapping -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """A stretch where |t| is above the threshold: first and last sample, sign of the difference, p of its size."""

    start: int
    end: int
    sign: int
    p: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Spm:
    """A test of whole curves: p of the largest |t|, and what is above the threshold.

    method: `permutation`, or `random field` where so few repetitions cannot reach alpha by any permutation:
    `smallest_p` is the least that permutations could show. permutations: how many, and whether they are all (`every`).
    """

    kind: Literal["one-sample", "paired", "two-sample"]
    method: Literal["permutation", "random field"]
    t: Array
    threshold: float
    p: float
    clusters: tuple[Cluster, ...]
    alpha: float
    n: tuple[int, ...]
    permutations: int
    every: bool
    smallest_p: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "t", readonly(self.t, None))


def one_sample(
    curves: Array, reference: Array, alpha: float = ALPHA, permutations: int = PERMUTATIONS, seed: int = 0
) -> Spm | None:
    """Do repetitions, shape (n, t), differ from one given curve (t,)? None for fewer than two.

    The test turns the sign of whole difference curves, which is fair if they scatter evenly about the truth, and takes
    the largest |t| of every turn: so the chance of any false point anywhere on the curve is alpha. The clusters above
    that threshold get a p from the largest sum of (|t| - threshold) of every turn. All turns where there are no more
    than `permutations`, as many at random (and the true one) otherwise. Fewer than six repetitions have too few turns
    to reach 0.05: then the threshold, and the p of every peak above it, are those of a smooth random field, which takes
    the scatter to be normal.
    Source: Nichols and Holmes 2002, doi 10.1002/hbm.1058; for biomechanical curves Pataky et al. 2015,
    doi 10.1016/j.jbiomech.2015.02.051; the random field Worsley et al. 1996,
    doi 10.1002/(SICI)1097-0193(1996)4:1<58::AID-HBM4>3.0.CO;2-O, its smoothness Kiebel et al. 1999,
    doi 10.1006/nimg.1999.0508.
    """
    return _signs("one-sample", curves, reference, alpha, permutations, seed)


def paired(
    first: Array, second: Array, alpha: float = ALPHA, permutations: int = PERMUTATIONS, seed: int = 0
) -> Spm | None:
    """Do two methods differ on the same repetitions, shape (n, t) each? As `one_sample` of the differences."""
    return _signs("paired", first, second, alpha, permutations, seed)


def two_sample(
    first: Array, second: Array, alpha: float = ALPHA, permutations: int = PERMUTATIONS, seed: int = 0
) -> Spm | None:
    """Do two sets of repetitions differ, shapes (n, t) and (m, t)? None for fewer than two each.

    t has the pooled variance; the test deals the curves to the two sets anew. Otherwise as `one_sample`.
    """
    n, m = len(first), len(second)
    if min(n, m) < 2:
        return None
    both = np.concatenate([first, second])
    every = math.comb(n + m, n) <= permutations
    if every:
        dealt = np.zeros((math.comb(n + m, n), n + m))
        for row, chosen in zip(dealt, itertools.combinations(range(n + m), n), strict=True):
            row[list(chosen)] = 1.0
    else:
        rng = np.random.default_rng(seed)
        dealt = (np.argsort(rng.random((permutations, n + m)), axis=1) < n).astype(float)
        dealt[0] = np.arange(n + m) < n
    tiny = _rounding(first, second)
    both = both - both.mean(axis=0)  # so that sums of squares keep their digits
    squares, sums = np.sum(both**2, axis=0), dealt @ both
    means = sums / n, -sums / m
    inside = np.maximum(squares - n * means[0] ** 2 - m * means[1] ** 2, 0.0) / (n + m - 2)
    t = (means[0] - means[1]) / np.sqrt(np.maximum(inside, tiny + 1e-20 * squares) * (1 / n + 1 / m))
    t[:, squares <= (n + m) * tiny] = 0.0
    # Where both sets are of one size, exchanging them turns the sign only.
    smallest = (2 if n == m else 1) / math.comb(n + m, n)
    residuals = np.concatenate([one - one.mean(axis=0) for one in (first, second)])
    return _judge("two-sample", t, alpha, (n, m), every, smallest, residuals)


def _signs(
    kind: Literal["one-sample", "paired"], first: Array, second: Array, alpha: float, count: int, seed: int
) -> Spm | None:
    n, difference, tiny = len(first), first - second, _rounding(first, second)
    if n < 2:
        return None
    every = 2**n <= count
    if every:
        signs = np.array(list(itertools.product((1.0, -1.0), repeat=n)))
    else:
        signs = np.random.default_rng(seed).choice((1.0, -1.0), size=(count, n))
        signs[0] = 1.0
    squares, means = np.sum(difference**2, axis=0), signs @ difference / n
    variance = np.maximum(squares - n * means**2, 0.0) / (n - 1)
    t = means / np.sqrt(np.maximum(variance, tiny + 1e-20 * squares) / n)
    t[:, squares <= n * tiny] = 0.0
    return _judge(kind, t, alpha, (n,), every, 2.0 / 2**n, difference - difference.mean(axis=0))


def _rounding(*curves: Array) -> float:
    """The square of a difference that is none: of what rounding leaves of numbers this large."""
    return max((1e-12 * float(np.max(np.abs(one)))) ** 2 for one in curves) + 1e-300


def _judge(
    kind: Literal["one-sample", "paired", "two-sample"],
    t: Array,
    alpha: float,
    n: tuple[int, ...],
    every: bool,
    smallest: float,
    residuals: Array,
) -> Spm:
    """t: of every permutation, shape (permutations, t), the true one first; smallest: the least p of all of them."""
    count = len(t)
    smallest = max(smallest, 1 / count)
    enough = smallest <= alpha * (1 + 1e-12)
    if enough:
        tallest = np.max(np.abs(t), axis=1)
        # Permutations that only turn the sign give the same |t|, but for rounding.
        p = float(np.mean(tallest >= tallest[0] * (1 - 1e-9)))
        # The least threshold that no more than a share alpha of the permutations exceed.
        threshold = float(np.sort(tallest)[::-1][math.floor(alpha * count * (1 + 1e-12))])
        largest = _masses(t, threshold)
    else:
        field = _Field(residuals, freedom=sum(n) - len(n))
        p, threshold = field.p(float(np.max(np.abs(t[0])))), field.threshold(alpha)
    clusters: list[Cluster] = []
    for start, end, sign in _stretches(t[0], threshold):
        above = np.abs(t[0, start : end + 1]) - threshold
        size = (
            float(np.mean(largest >= above.sum() * (1 - 1e-9))) if enough else field.p(threshold + float(above.max()))
        )
        clusters.append(Cluster(start=start, end=end, sign=sign, p=size))
    return Spm(
        kind=kind,
        method="permutation" if enough else "random field",
        t=t[0],
        threshold=threshold,
        p=p,
        clusters=tuple(clusters),
        alpha=alpha,
        n=n,
        permutations=count,
        every=every,
        smallest_p=smallest,
    )


class _Field:
    """A random field of t along a line: how likely it is that |t| exceeds a height anywhere."""

    def __init__(self, residuals: Array, freedom: int) -> None:
        """residuals: what the model leaves of the curves, shape (n, t); their roughness is that of the field."""
        squares = np.sum(residuals**2, axis=0)
        slopes = np.sum(np.gradient(residuals, axis=1) ** 2, axis=0) if residuals.shape[1] > 1 else 0.0 * squares
        known = squares > 1e-20 * max(float(squares.max()), 1e-300)
        rough = np.sqrt(slopes[known] / squares[known] / (4 * math.log(2)))  # resolution elements a sample
        self.freedom = freedom
        self.length = (residuals.shape[1] - 1) * float(rough.mean()) if known.any() else 0.0

    def p(self, height: float) -> float:
        """Twice what one sign has: the expected number of ends and upcrossings, clustered as in a Poisson process."""
        from scipy.stats import t

        crossings = math.sqrt(4 * math.log(2)) / (2 * math.pi)
        crossings *= (1 + height**2 / self.freedom) ** (-(self.freedom - 1) / 2)
        return min(1.0, -2 * math.expm1(-float(t.sf(height, self.freedom)) - self.length * crossings))

    def threshold(self, alpha: float) -> float:
        from scipy.optimize import brentq

        return float(brentq(lambda height: self.p(height) - alpha, 0.0, 1e9, xtol=1e-9))


def _stretches(t: Array, threshold: float) -> list[tuple[int, int, int]]:
    """First and last sample and sign of every stretch with |t| above the threshold."""
    sign: NDArray[np.int64] = (np.sign(t) * (np.abs(t) > threshold * (1 + 1e-9))).astype(int)
    edges = [0, *(np.flatnonzero(np.diff(sign)) + 1), len(sign)]
    return [(int(a), int(b) - 1, int(sign[a])) for a, b in itertools.pairwise(edges) if sign[a]]


def _masses(t: Array, threshold: float) -> Array:
    """The largest sum of (|t| - threshold) over a stretch, of every permutation; zero where none is above."""
    largest = np.zeros(len(t))
    for row in np.flatnonzero(np.max(np.abs(t), axis=1) > threshold):
        sums = [np.sum(np.abs(t[row, a : b + 1]) - threshold) for a, b, _ in _stretches(t[row], threshold)]
        largest[row] = max(sums, default=0.0)
    return largest
