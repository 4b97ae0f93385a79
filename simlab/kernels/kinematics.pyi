from numpy import float64, int32
from numpy.typing import NDArray

Array = NDArray[float64]
Links = NDArray[int32]

def forward(parent: Links, pos: Array, axis: Array, q: Array, R: Array, p: Array) -> None: ...
def mass_bias(
    parent: Links,
    pos: Array,
    axis: Array,
    mass: Array,
    com: Array,
    inertia: Array,
    q: Array,
    v: Array,
    gravity: Array,
    M: Array,
    h: Array,
) -> None: ...
def point_jacobian(
    parent: Links,
    pos: Array,
    axis: Array,
    q: Array,
    v: Array,
    link: Links,
    local: Array,
    x: Array,
    J: Array,
    jdv: Array,
) -> None: ...
def com_jacobian(
    parent: Links,
    pos: Array,
    axis: Array,
    mass: Array,
    com: Array,
    q: Array,
    v: Array,
    c: Array,
    J: Array,
    jdv: Array,
) -> None: ...
def inverse_dynamics(
    parent: Links,
    pos: Array,
    axis: Array,
    mass: Array,
    com: Array,
    inertia: Array,
    q: Array,
    v: Array,
    a: Array,
    gravity: Array,
    link: Links,
    force: Array,
    point: Array,
    moment: Array,
    tau: Array,
) -> None: ...
