from numpy import float64, int32
from numpy.typing import NDArray

Array = NDArray[float64]
Integers = NDArray[int32]

def track(
    parent: Integers,
    pos: Array,
    axis: Array,
    link: Integers,
    local: Array,
    weight: Array,
    low: Array,
    high: Array,
    follows: Integers,
    polynomial: Array,
    pull: Array,
    smooth: Array,
    targets: Array,
    first: int,
    last: int,
    stride: int,
    neighbours: int,
    q: Array,
    error: Array,
    steps: Integers,
) -> None: ...
