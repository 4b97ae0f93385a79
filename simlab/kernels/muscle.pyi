from numpy import float64
from numpy.typing import NDArray

Array = NDArray[float64]

def activation(a: Array, u: Array, dt: float, tau_act: float, tau_deact: float) -> None: ...
def contraction(
    L: Array,
    V: Array,
    F0: Array,
    lopt: Array,
    lts: Array,
    height: Array,
    onset: Array,
    one: Array,
    slack: Array,
    gain: Array,
    vmax: float,
    active: Array,
    passive: Array,
    lnorm: Array,
) -> None: ...
