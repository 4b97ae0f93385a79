import numpy as np
from numpy.typing import NDArray

def lengths(
    q8: NDArray[np.float64],
    lo: NDArray[np.float64],
    hi: NDArray[np.float64],
    start: NDArray[np.int32],
    exponent: NDArray[np.int8],
    weight: NDArray[np.float64],
    L: NDArray[np.float64],
    dL: NDArray[np.float64],
) -> None: ...
