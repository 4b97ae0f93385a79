from numpy import float64, int32
from numpy.typing import NDArray

Array = NDArray[float64]
Integers = NDArray[int32]

def link(library: str) -> list[str]: ...

class Stepper:
    def __init__(
        self,
        body: int,
        ground: int,
        hinges: Integers,
        angles: Integers,
        feet: Integers,
        paths: tuple[NDArray, ...],
        muscles: tuple[Array, ...],
        tissue: Array,
        dt: float,
        vmax: float,
        tau_act: float,
        tau_deact: float,
        lumbar_damping: float,
    ) -> None: ...
    def state(self, q: Array, v: Array) -> None: ...
    def advance(self, steps: int, activation: Array, excitation: Array, lumbar: Array, ground: Array) -> None: ...
