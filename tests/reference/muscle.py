"""Muscle activation (Thelen 2003, doi 10.1115/1.1531112) and rigid-tendon contraction dynamics
(De Groote et al. 2016, doi 10.1007/s10439-016-1591-9, supplementary material)."""

import numpy as np
from numpy.typing import NDArray

GAUSSIANS = ((0.815, 1.055, 0.162, 0.063), (0.433, 0.717, -0.030, 0.200), (0.100, 1.000, 0.354, 0.000))
"""Rows b1..b4 of the three Gaussians of the active force-length curve. The width is squared too, which a misprint
in the supplement omits (OpenSim, DeGrooteFregly2016Muscle)."""


def time_constant(a: NDArray, u: NDArray, tau_act: float, tau_deact: float) -> NDArray:
    """Thelen's time constant [s]."""
    return np.where(u > a, tau_act * (0.5 + 1.5 * a), tau_deact / (0.5 + 1.5 * a))


def activation(a: NDArray, u: NDArray, dt: float, tau_act: float, tau_deact: float) -> NDArray:
    """The activation after dt, the time constant frozen at the start of the step."""
    return u - (u - a) * np.exp(-dt / time_constant(a, u, tau_act, tau_deact))


def force_length(ln: NDArray) -> NDArray:
    """Active isometric force over F0 at normalised fibre length."""
    return sum(b1 * np.exp(-((ln - b2) ** 2) / (2 * (b3 + b4 * ln) ** 2)) for b1, b2, b3, b4 in GAUSSIANS)


def force_velocity(vn: NDArray) -> NDArray:
    """Force multiplier at velocity / vmax, lengthening positive (asinh is the paper's logarithm)."""
    # d1 and d4 (-0.318, 0.886 in the paper) follow from f(0) = 1 and f(-1) = 0
    d1 = 1 / (np.arcsinh(-0.374) - np.arcsinh(8.149 - 0.374))
    return np.maximum(d1 * (np.arcsinh(-8.149 * vn - 0.374) - np.arcsinh(8.149 - 0.374)), 0)


def passive_force(ls: NDArray, onset: NDArray, one: NDArray) -> NDArray:
    """Passive fibre force over F0: 0 up to strain `onset`, 1 at strain `one`, its tangent beyond 1.5."""
    x = (ls - 1 - onset) / (one - onset)
    taut = np.clip(x, 0, 1.5)
    return (np.expm1(2 * taut) + 2 * np.exp(2 * taut) * np.maximum(x - 1.5, 0)) / np.expm1(2)


def contraction(
    L: NDArray,
    V: NDArray,
    F0: NDArray,
    lopt: NDArray,
    lts: NDArray,
    penn: NDArray,
    onset: NDArray,
    one: NDArray,
    slack: NDArray,
    gain: NDArray,
    vmax: float,
) -> tuple[NDArray, NDArray, NDArray]:
    """Force along the tendon at full activation [N], passive force along it [N], normalised fibre length."""
    along = np.maximum(L - lts, 0.05 * lopt)
    fibre = np.hypot(along, lopt * np.sin(penn))
    cos, ln = along / fibre, fibre / lopt
    vn = np.clip(V * cos / (lopt * vmax), -1, 1)
    return (
        F0 * force_length(ln) * force_velocity(vn) * cos,
        F0 * gain * passive_force(ln / slack, onset, one) * cos,
        ln,
    )
