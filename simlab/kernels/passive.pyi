from numpy import float64, int32
from numpy.typing import NDArray

Array = NDArray[float64]
Integers = NDArray[int32]

def torque(q9: Array, qd9: Array, coef: Array, tau9: Array) -> None: ...
def pull(
    q: Array,
    skeleton: tuple[Integers, Array, Array, Array, Array, Array],
    band: tuple[float, float, Integers, Array],
    tau: Array,
) -> None: ...
