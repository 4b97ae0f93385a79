from numpy import float64, int8, int32
from numpy.typing import NDArray

Array = NDArray[float64]

def lengths(
    q8: Array,
    lo: Array,
    hi: Array,
    start: NDArray[int32],
    exponent: NDArray[int8],
    weight: Array,
    L: Array,
    dL: Array,
) -> None: ...
