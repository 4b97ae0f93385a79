from numpy import float64, int32
from numpy.typing import NDArray

Array = NDArray[float64]
Integers = NDArray[int32]

def recruit(
    active: Array,
    arm: Array,
    joints: Integers,
    cost: Array,
    slack: Array,
    low: float,
    moment: Array,
    multiplier: Array,
    activation: Array,
    steps: Integers,
) -> None: ...
