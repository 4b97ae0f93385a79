"""Passive torques of one leg: cubic ligaments, exponential end stops (form: Riener and Edrich 1999,
doi 10.1016/S0021-9290(99)00009-3), linear damping."""

import numpy as np
from numpy.typing import NDArray

KNEE_ANGLE = 3


def end_stop(z: NDArray) -> NDArray:
    """exp(z), its tangent beyond z = 3."""
    return np.exp(np.minimum(z, 3)) * (1 + np.maximum(z - 3, 0))


def torque(q: NDArray, qd: NDArray, coef: NDArray) -> NDArray:
    """Torque (9,) [Nm] at angles q (9,) and rates qd (9,); coef (9, 9) as the kernel's."""
    neutral, k1, k3, extension_gain, damping, lower, upper, stop_torque, stop_rate = coef.T
    y = q - neutral
    gain = 1 + extension_gain * np.exp(-q[KNEE_ANGLE] / 0.35)
    stops = stop_torque * (end_stop(stop_rate * (lower - q)) - end_stop(stop_rate * (q - upper)))
    tau = -gain * (k1 * y + k3 * y**3) - damping * qd + stops
    # -d(energy)/d(flexion) of the tissue that the straight knee stiffens
    tau[KNEE_ANGLE] += ((gain - 1) * (k1 * y**2 / 2 + k3 * y**4 / 4)).sum() / 0.35
    return tau
