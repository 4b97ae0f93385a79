import numpy as np
from numpy.typing import NDArray

def activation(a: NDArray[np.float64], u: NDArray[np.float64], dt: float, tau_act: float, tau_deact: float) -> None: ...
def contraction(
    L: NDArray[np.float64],
    V: NDArray[np.float64],
    F0: NDArray[np.float64],
    lopt: NDArray[np.float64],
    lts: NDArray[np.float64],
    penn: NDArray[np.float64],
    onset: NDArray[np.float64],
    one: NDArray[np.float64],
    slack: NDArray[np.float64],
    gain: NDArray[np.float64],
    vmax: float,
    active: NDArray[np.float64],
    passive: NDArray[np.float64],
    lnorm: NDArray[np.float64],
) -> None: ...
