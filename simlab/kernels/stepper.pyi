from numpy import float64, int32
from numpy.typing import NDArray

Array = NDArray[float64]
Integers = NDArray[int32]

def client() -> int: ...
def link(library: str) -> list[str]: ...

class Stepper:
    def __init__(
        self,
        client: int,
        body: int,
        hinges: Integers,
        angles: Integers,
        links: Integers,
        paths: tuple[Array, Array, Integers, Integers, Integers, Integers, Integers, Array],
        muscles: tuple[Array, ...],
        tissue: Array,
        band: tuple[float, float, Integers, Array],
        skeleton: tuple[Integers, Array, Array, Array, Array, Array],
        spheres: tuple[Integers, Array, Array],
        foot: Integers,
        settings: dict[str, float | tuple[float, float, float]],
    ) -> None: ...
    def state(self, q: Array, v: Array) -> None: ...
    def advance(self, steps: int, activation: Array, excitation: Array, lumbar: Array, reaction: Array) -> int: ...
