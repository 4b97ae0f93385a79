# Passive joint torque of one leg: ligaments, capsule, end stops, damping.
from libc.math cimport exp

from _curves cimport end_stop

DEF KNEE = 3


def torque(const double[::1] q9, const double[::1] qd9, const double[:, ::1] coef, double[::1] tau9):
    """Torque tau9 [Nm] (9,) at the nine leg angles q9 [rad] and rates qd9 [rad/s].

    coef (9, 9), a row an angle, columns: neutral [rad], k1 [Nm/rad], k3 [Nm/rad3], extension_gain, damping [Nms/rad],
    stop_lower, stop_upper [rad], stop_torque [Nm], stop_rate [1/rad]. The extension gain stiffens the straight knee:
    1 + gain exp(-flexion / 0.35 rad) (sources in models/SOURCES.md). What stiffens the knee as it straightens also
    resists straightening: the knee takes the torque that makes the tissue conservative.
    """
    cdef int j
    cdef double y, stiffening, straight, stored = 0.0
    with nogil:
        straight = exp(-q9[KNEE] / 0.35)
        for j in range(9):
            y = q9[j] - coef[j, 0]
            stiffening = 1.0 + coef[j, 3] * straight
            stored += coef[j, 3] * straight * y * y * (0.5 * coef[j, 1] + 0.25 * coef[j, 2] * y * y)
            tau9[j] = (
                -stiffening * (coef[j, 1] * y + coef[j, 2] * y * y * y)
                - coef[j, 4] * qd9[j]
                - coef[j, 7] * end_stop(coef[j, 8] * (q9[j] - coef[j, 6]))
                + coef[j, 7] * end_stop(coef[j, 8] * (coef[j, 5] - q9[j]))
            )
        tau9[KNEE] += stored / 0.35
