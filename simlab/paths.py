"""Length polynomials, factored for the kernel: monomials shared by all muscles, then one sparse matrix.

A monomial is an earlier one times one angle. The matrix has nine rows a muscle: its length, and the length's
derivatives with respect to the eight mapped angles, which are polynomials in the same monomials.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from simlab.motion import Array, readonly

ANGLES = 8
HIP_FLEXION, HIP_ROTATION = 0, 2
"""Where they are among the angles."""
BALANCED_SHARE, BALANCED_AT = 0.3, np.radians(40.0)
"""Of `balanced`: the share of the change with hip flexion that stays, and where nothing changes [rad]."""

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


def balanced(paths: Paths) -> Paths:
    """The `torque_balanced` paths: hip rotation arms are 0.3 of their own plus 0.7 of those at 40 deg of hip flexion.

    A named assumption that bounds what the uncertain balance of internal and external rotation torque can do; it is no
    anatomy: cadavers agree with the paths it changes (Delp et al. 1999, doi 10.1016/S0021-9290(99)00032-9). Any Paths
    made by `factor`, scaled or not, will do.

    The lengths change, and the arms are their derivatives, so that a muscle still makes no energy: from each monomial
    goes 0.7 of (its flexion factor - that at 40 deg) (its rotation factor - that at zero rotation). At zero hip
    rotation lengths and all other arms are unchanged; away from it a muscle's arms about other axes change with
    rotation as much as its rotation arm changes with their angles.
    """
    own = 0, [HIP_FLEXION, HIP_ROTATION]  # the legs' ranges differ below the hip alone
    lo, hi = paths.lo[own], paths.hi[own]
    flexion, straight = 2.0 * (np.array([BALANCED_AT, 0.0]) - lo) / (hi - lo) - 1.0
    powers = [(0,) * ANGLES]
    for before, angle in zip(paths.parent[1:], paths.variable[1:], strict=True):
        powers.append(_with(powers[before], angle, powers[before][angle] + 1))
    lengths = {int(target) // (ANGLES + 1): i for i, target in enumerate(paths.target) if target % (ANGLES + 1) == 0}
    start = [0]
    exponent: list[Exponents] = []
    weight: list[float] = []
    for muscle in range(int(paths.target.max()) // (ANGLES + 1) + 1):
        row = slice(*paths.row[lengths[muscle] :][:2]) if muscle in lengths else slice(0)
        terms: dict[Exponents, float] = {}
        for k, w in zip(paths.column[row], paths.weight[row], strict=True):
            full = powers[k]
            p, r = full[HIP_FLEXION], full[HIP_ROTATION]
            terms[full] = terms.get(full, 0.0) + w
            if p and r:
                for power, f in ((p, 1.0), (0, -(flexion**p))):
                    for other, g in ((r, 1.0), (0, -(straight**r))):
                        of = _with(_with(full, HIP_FLEXION, power), HIP_ROTATION, other)
                        terms[of] = terms.get(of, 0.0) - (1.0 - BALANCED_SHARE) * w * f * g
        kept = {of: w for of, w in terms.items() if w}
        exponent += kept
        weight += kept.values()
        start.append(len(exponent))
    found = factor(paths.lo[0], paths.hi[0], np.array(start), np.array(exponent), np.array(weight))
    return replace(found, lo=paths.lo, hi=paths.hi)


def _with(powers: Exponents, j: int, power: int) -> Exponents:
    return (*powers[:j], power, *powers[j + 1 :])


def _lowered(powers: Exponents, j: int) -> Exponents:
    return powers[:j] + (powers[j] - 1,) + powers[j + 1 :]
