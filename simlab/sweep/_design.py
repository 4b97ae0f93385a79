"""The values of the dials at every point of a design. The same spec gives the same points, in the same order.

A longer Sobol sequence or population begins with the shorter one of the same seed, so a sweep can be made larger and
keeps what it has; a Latin hypercube of another size is another one.
"""

from __future__ import annotations

import itertools
import math

import numpy as np

from simlab import copula
from simlab.errors import InputError
from simlab.motion import Array
from simlab.sweep._spec import LIMIT, Levels, Normal, Number, Range, Spec, Values


def values(spec: Spec) -> list[dict[str, Number]]:
    """One dictionary a point, dial -> value. A grid's last dial varies fastest. Errors: InputError."""
    if spec.design == "grid":
        return _grid(spec)
    unit = _population(spec) if spec.design == "population" else _filling(spec)
    columns = [_stretch(unit[:, k], dial).tolist() for k, dial in enumerate(spec.dials.values())]
    return [dict(zip(spec.dials, row, strict=True)) for row in zip(*columns, strict=True)]


def notes(spec: Spec) -> list[str]:
    """What a person should know of the design they asked for."""
    n = spec.samples or 1
    if spec.design == "sobol" and n & (n - 1):
        near = 2 ** round(math.log2(n))
        return [f"samples: {n} is not a power of two: a Sobol sequence loses its balance; {near} would keep it"]
    return []


def _grid(spec: Spec) -> list[dict[str, Number]]:
    levels = [_levels(dial) for dial in spec.dials.values()]
    size = math.prod(len(one) for one in levels)
    if size > LIMIT:
        raise InputError(f"{spec.path}: dials: expected a grid of at most {LIMIT} points, found {size}")
    return [dict(zip(spec.dials, row, strict=True)) for row in itertools.product(*levels)]


def _levels(dial: object) -> list[Number]:
    if isinstance(dial, Levels):
        return list(np.linspace(dial.low, dial.high, dial.levels).tolist())
    assert isinstance(dial, Values)
    return dial.values


def _filling(spec: Spec) -> Array:
    """Points that fill the unit cube, shape (samples, dials)."""
    import warnings

    from scipy.stats import qmc

    kind = {"sobol": qmc.Sobol, "latin-hypercube": qmc.LatinHypercube}[spec.design]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a count that is no power of two: see notes
        return np.asarray(
            kind(len(spec.dials), scramble=True, rng=np.random.default_rng(spec.seed)).random(spec.samples)
        )


def _population(spec: Spec) -> Array:
    """Quantiles of a Gaussian copula, shape (samples, dials)."""
    r, keys = np.eye(len(spec.dials)), list(spec.dials)
    for correlation in spec.correlations:
        i, j = (keys.index(key) for key in correlation.between)
        r[i, j] = r[j, i] = correlation.r
    return copula.quantiles(r, spec.samples or 0, spec.seed, f"{spec.path}: correlations")


def _stretch(unit: Array, dial: object) -> Array:
    """Quantiles to values of a dial."""
    assert isinstance(dial, Range)
    if isinstance(dial, Normal):
        return copula.truncated_normal(unit, dial.mean, dial.sd, dial.low, dial.high)
    out = dial.low + unit * (dial.high - dial.low)
    return np.clip(out, dial.low, dial.high)  # rounding may step over an end
