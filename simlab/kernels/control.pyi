from numpy import float64, int32
from numpy.typing import NDArray

Array = NDArray[float64]
Integers = NDArray[int32]

class Programme:
    def __init__(
        self,
        skeleton: tuple[Integers, Array, Array, Array, Array, Array],
        spheres: tuple[Integers, Array, Array],
        stands: Integers,
        paths: tuple[Array, Array, Integers, Integers, Integers, Integers, Integers, Array],
        muscles: tuple[Array, ...],
        tissue: Array,
        band: tuple[float, float, Integers, Array],
        tracking: Array,
        effort: Array,
        active: Array,
        passive: Array,
        acceleration: Array,
        lumbar: Array,
        contact: Array,
        settings: dict[str, float | tuple[float, ...]],
    ) -> None: ...
    def excite(
        self,
        q: Array,
        v: Array,
        values: Array,
        rates: Array,
        accelerations: Array,
        com: Array,
        com_rates: Array,
        com_accelerations: Array,
        drive: Array,
        hurried: bool,
        activation: Array,
        command: Array,
        excitation: Array,
    ) -> int: ...
