"""What a least-squares fit can know: how many samples count, how sure each estimate is, and what trades off.

Everything is about a fit that was linearised at its optimum: residuals and slopes in units of the noise, dials in
shares of their range. Nothing here knows what the dials are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from simlab.motion import Array

DRAWS = 4000
"""Draws in which it is counted how often each dial contributes most."""
FLATTEST = 0.1
"""A valley is never taken to be flatter than this share of the linear model's: two simulations cannot say more."""


def effective(copies: Array) -> float:
    """How many independent samples noise is worth, from copies (m, n) of it alone, m > 1: tr(C)^2 / tr(C^2) of its
    covariance C; n where every sample has its own noise of the same size, 1 where all move together.

    tr(C^2) comes from products of different copies, so that it is not too large where copies are few.
    Source: Bretherton et al. 1999, doi 10.1175/1520-0442(1999)012<1990:TENOSD>2.0.CO;2.
    """
    gram, m = copies @ copies.T, len(copies)
    trace = float(np.trace(gram)) / m
    square = float((gram**2).sum() - (np.diag(gram) ** 2).sum()) / (m * (m - 1))
    return float(np.clip(trace**2 / max(square, 1e-300), 1.0, copies.shape[1]))


def autocorrelated(curves: Array) -> float:
    """How many independent samples residuals (curves, samples) are worth: n / (1 + 2 sum (1 - l / L) r_l).

    r_l: autocorrelation about zero at lag l of L samples, pooled over the curves; the sum ends before the first that is
    not positive. Sources: Bayley and Hammersley 1946, doi 10.2307/2983560; Geyer 1992, doi 10.1214/ss/1177011137.
    """
    length, power, total = curves.shape[1], float((curves**2).mean()), 0.0
    for lag in range(1, length):
        r = float((curves[:, lag:] * curves[:, :-lag]).mean()) / power if power > 0.0 else 0.0
        if r <= 0.0:
            break
        total += (1.0 - lag / length) * r
    return float(max(curves.size / (1.0 + 2.0 * total), 1.0))


def correlation(covariance: Array) -> Array:
    """Of a covariance (k, k)."""
    sd = np.sqrt(np.diag(covariance))
    return np.asarray(covariance / np.outer(sd, sd))


# --- along the weakest direction --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """The weakest direction, checked. direction (k,): unit, in shares; sd: along it, by the linear model; expected,
    found: rise of chi-square over the points tried, by the linear model and simulated; both 0 where none was tried."""

    direction: Array
    sd: float
    expected: float
    found: float

    @property
    def widening(self) -> float:
        """By how much the variance along the direction grows; never below 1: a steep side is no reason to be surer."""
        if self.expected <= 0.0:
            return 1.0
        return max(1.0, 1.0 / max(self.found / self.expected, FLATTEST))

    def widened(self, covariance: Array) -> Array:
        more = (self.widening - 1.0) * self.sd**2
        return np.asarray(covariance + more * np.outer(self.direction, self.direction))


def profile(
    best: Array, covariance: Array, information: Array, rise: Callable[[Sequence[Array]], Sequence[float]]
) -> Profile:
    """Walk along the valley: chi-square one standard deviation to either side of the optimum in the direction in which
    the estimate is least sure, as far as the bounds 0 and 1 let it. Along an eigenvector the other directions are at
    their best already, so to first order this is the profile of the likelihood.

    covariance, information (k, k): of the estimate, and of the data alone; rise: simulates points, answers with the
    rise of chi-square at each.
    """
    variance, vectors = np.linalg.eigh(covariance)
    direction, sd = vectors[:, -1], float(np.sqrt(variance[-1]))
    direction = direction * np.sign(direction[np.argmax(np.abs(direction))])
    steps = [way * min(sd, _room(best, way * direction)) for way in (1.0, -1.0)]
    steps = [step for step in steps if abs(step) > 0.25 * sd]
    found = list(rise([np.clip(best + step * direction, 0.0, 1.0) for step in steps])) if steps else []
    curvature = float(direction @ information @ direction)
    return Profile(
        direction=direction,
        sd=sd,
        expected=curvature * sum(step**2 for step in steps),
        found=max(float(sum(found)), 0.0),
    )


def _room(best: Array, direction: Array) -> float:
    """How far a point may go until a share leaves 0 to 1; one that hardly moves does not stop it."""
    moving = np.abs(direction) > 0.05
    bound = np.where(direction > 0.0, 1.0 - best, best)
    return float(np.min(bound[moving] / np.abs(direction[moving])))


# --- what trades off --------------------------------------------------------------------------------------------------


def combination(covariance: Array, i: int, j: int) -> tuple[float, float]:
    """What is known best of two dials: the factor c that makes i + c j surest, and the standard deviation of that."""
    both, second = float(covariance[i, j]), float(covariance[j, j])
    return -both / second, float(np.sqrt(max(float(covariance[i, i]) - both**2 / second, 0.0)))


def leads(best: Array, covariance: Array, neutral: Array, gain: Array, seed: int) -> Array:
    """Probability that each dial contributes most (k,): how often gain * (share - neutral)^2 is the largest in draws
    from the estimate, within the bounds. It sums to less than 1 where draws have no contribution at all."""
    draws = np.random.default_rng(seed).multivariate_normal(best, covariance, DRAWS, method="eigh")
    contribution = gain * (np.clip(draws, 0.0, 1.0) - neutral) ** 2
    moved = contribution.max(axis=1) > 0.0
    first = np.argmax(contribution[moved], axis=1)
    return np.asarray(np.bincount(first, minlength=len(best)) / DRAWS)
