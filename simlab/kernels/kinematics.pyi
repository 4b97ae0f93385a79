import numpy as np
from numpy.typing import NDArray

def forward(
    parent: NDArray[np.int32],
    pos: NDArray[np.float64],
    axis: NDArray[np.float64],
    q: NDArray[np.float64],
    R: NDArray[np.float64],
    p: NDArray[np.float64],
) -> None: ...
def mass_bias(
    parent: NDArray[np.int32],
    pos: NDArray[np.float64],
    axis: NDArray[np.float64],
    mass: NDArray[np.float64],
    com: NDArray[np.float64],
    inertia: NDArray[np.float64],
    q: NDArray[np.float64],
    v: NDArray[np.float64],
    gravity: NDArray[np.float64],
    M: NDArray[np.float64],
    h: NDArray[np.float64],
) -> None: ...
def point_jacobian(
    parent: NDArray[np.int32],
    pos: NDArray[np.float64],
    axis: NDArray[np.float64],
    q: NDArray[np.float64],
    v: NDArray[np.float64],
    link: NDArray[np.int32],
    local: NDArray[np.float64],
    x: NDArray[np.float64],
    J: NDArray[np.float64],
    jdv: NDArray[np.float64],
) -> None: ...
def com_jacobian(
    parent: NDArray[np.int32],
    pos: NDArray[np.float64],
    axis: NDArray[np.float64],
    mass: NDArray[np.float64],
    com: NDArray[np.float64],
    q: NDArray[np.float64],
    v: NDArray[np.float64],
    c: NDArray[np.float64],
    J: NDArray[np.float64],
    jdv: NDArray[np.float64],
) -> None: ...
