from numpy import float64
from numpy.typing import NDArray

Array = NDArray[float64]

def torque(q9: Array, qd9: Array, coef: Array, tau9: Array) -> None: ...
