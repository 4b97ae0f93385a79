"""Length polynomials, factored for the kernel: monomials shared by all muscles, then one sparse matrix.

A monomial is an earlier one times one angle. The matrix has nine rows a muscle: its length, and the length's
derivatives with respect to the eight mapped angles, which are polynomials in the same monomials.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from simlab.motion import Array, readonly

ANGLES = 8

Exponents = tuple[int, ...]
Integers = NDArray[np.int32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """What simlab.kernels.path takes.

    lo, hi [rad] (2, 8): the range that each leg's angles are mapped from and clipped to; parent, variable (k,):
    monomial i is monomial parent[i] times angle variable[i], monomial 0 is 1; row (r + 1,), column, weight [m]: the
    matrix in compressed rows, short ones first, empty ones left out; target (r,): 9 times the muscle plus 0 for a row
    that gives its length, 1 to 8 for a derivative.
    """

    lo: Array
    hi: Array
    parent: Integers
    variable: Integers
    row: Integers
    target: Integers
    column: Integers
    weight: Array

    def arguments(self) -> tuple[Array, Array, Integers, Integers, Integers, Integers, Integers, Array]:
        """All arrays in the kernel's order."""
        return self.lo, self.hi, self.parent, self.variable, self.row, self.target, self.column, self.weight


def factor(lo: Array, hi: Array, start: NDArray, exponent: NDArray, weight: Array) -> Paths:
    """Factor the polynomials of `anatomy.Muscles`: muscle i owns the monomials start[i]..start[i + 1]."""
    index: dict[Exponents, int] = {(0,) * ANGLES: 0}
    parent, variable = [0], [0]

    def monomial(powers: Exponents) -> int:
        if powers not in index:
            last = max(j for j in range(ANGLES) if powers[j])
            before = monomial(_lowered(powers, last))
            index[powers] = len(parent)
            parent.append(before)
            variable.append(last)
        return index[powers]

    rows: list[list[tuple[int, float]]] = []
    for first, end in pairwise(start):
        terms = [(tuple(int(e) for e in exponent[k]), float(weight[k])) for k in range(first, end)]
        rows.append([(monomial(powers), w) for powers, w in terms])
        for j in range(ANGLES):
            rows.append([(monomial(_lowered(powers, j)), w * powers[j]) for powers, w in terms if powers[j]])
    rows = [row + [(0, 0.0)] * (len(row) % 2) for row in rows]
    target = sorted((i for i, row in enumerate(rows) if row), key=lambda i: len(rows[i]))
    row = np.cumsum([0, *(len(rows[i]) for i in target)])
    column = [k for i in target for k, _ in rows[i]]
    integers = [np.array(values, dtype=np.int32) for values in (parent, variable, row, target, column)]
    scale = np.array([w for i in target for _, w in rows[i]])
    for array in (*integers, scale):
        array.flags.writeable = False
    return Paths(
        lo=readonly(np.tile(lo, (2, 1)), 2, ANGLES),
        hi=readonly(np.tile(hi, (2, 1)), 2, ANGLES),
        parent=integers[0],
        variable=integers[1],
        row=integers[2],
        target=integers[3],
        column=integers[4],
        weight=scale,
    )


def _lowered(powers: Exponents, j: int) -> Exponents:
    return powers[:j] + (powers[j] - 1,) + powers[j + 1 :]
