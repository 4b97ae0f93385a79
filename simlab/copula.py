"""Random numbers of known distributions that go together: a Gaussian copula and normal margins."""

from __future__ import annotations

import numpy as np

from simlab.errors import InputError
from simlab.motion import Array


def quantiles(r: Array, samples: int, seed: int, where: str) -> Array:
    """Quantiles in 0..1 with the correlations r (k, k) of their normal scores, shape (samples, k).

    More samples of the same seed begin with the fewer. Errors: InputError, naming `where`, when r is not positive
    definite.
    """
    from scipy.stats import norm

    smallest = float(np.linalg.eigvalsh(r)[0])
    if smallest < 1e-9:
        raise InputError(
            f"{where}: expected a positive definite matrix, found one with the eigenvalue "
            f"{smallest:.3g}: no population has these correlations at once; lower some of them"
        )
    draws = np.random.default_rng(seed).standard_normal((samples, len(r)))
    return np.asarray(norm.cdf(draws @ np.linalg.cholesky(r).T))


def truncated_normal(unit: Array, mean: float, sd: float, low: float, high: float) -> Array:
    """Quantiles to values of a normal distribution whose tails below low and above high are left out."""
    from scipy.stats import truncnorm

    out = truncnorm.ppf(unit, (low - mean) / sd, (high - mean) / sd, loc=mean, scale=sd)
    return np.clip(out, low, high)  # rounding may step over an end
