"""Musculotendon length as a polynomial of the leg angles, moment arms by its derivative.

Menegaldo et al. 2004, doi 10.1016/j.jbiomech.2003.12.017; the moment arm is -dL/dq by virtual work
(Sherman et al. 2013, doi 10.1115/DETC2013-13633).
"""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray


def lengths(
    q: NDArray, lo: NDArray, hi: NDArray, start: NDArray, exponent: NDArray, weight: NDArray
) -> tuple[NDArray, NDArray]:
    """L (m,) and dL/dq (m, 8) at the angles q (8,); muscle k owns the monomials start[k]..start[k + 1]."""
    free = 2 * (q - lo) / (hi - lo) - 1
    x = np.clip(free, -1, 1)
    dx = np.where(free == x, 2 / (hi - lo), 0)
    monomial = np.prod(x**exponent, axis=1)
    lowered = [np.maximum(exponent - unit, 0) for unit in np.eye(8, dtype=int)]
    gradient = dx * exponent * np.transpose([np.prod(x**e, axis=1) for e in lowered])
    rows = [slice(a, b) for a, b in pairwise(start)]
    return np.array([weight[r] @ monomial[r] for r in rows]), np.array([weight[r] @ gradient[r] for r in rows])
