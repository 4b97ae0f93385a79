from numpy import float64, int32
from numpy.typing import NDArray

Array = NDArray[float64]
Integers = NDArray[int32]

class Contact:
    def __init__(
        self,
        skeleton: tuple[Integers, Array, Array, Array, Array, Array],
        spheres: tuple[Integers, Array, Array],
        friction: float,
        erp: float,
        dt: float,
        gravity: tuple[float, float, float],
    ) -> None: ...
    def forces(self, q: Array, v: Array, torque: Array, point: Array, force: Array) -> int: ...
