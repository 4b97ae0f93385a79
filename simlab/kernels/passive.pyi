import numpy as np
from numpy.typing import NDArray

def torque(
    q9: NDArray[np.float64], qd9: NDArray[np.float64], coef: NDArray[np.float64], tau9: NDArray[np.float64]
) -> None: ...
