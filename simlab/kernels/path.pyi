from numpy import float64, int32
from numpy.typing import NDArray

Array = NDArray[float64]
Integers = NDArray[int32]

MONOMIALS: int
MUSCLES: int

def lengths(
    q: Array,
    lo: Array,
    hi: Array,
    parent: Integers,
    variable: Integers,
    row: Integers,
    target: Integers,
    column: Integers,
    weight: Array,
    L: Array,
    dL: Array,
) -> None: ...
def rates(dL: Array, qd: Array, V: Array) -> None: ...
def torque(dL: Array, force: Array, tau: Array) -> None: ...
