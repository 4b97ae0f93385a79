# Passive joint torque of one leg: ligaments, capsule, end stops, damping.
from _passive cimport passive_torque


def torque(const double[::1] q9, const double[::1] qd9, const double[:, ::1] coef, double[::1] tau9):
    """Torque tau9 [Nm] (9,) at the nine leg angles q9 [rad] and rates qd9 [rad/s].

    coef (9, 9), a row an angle, columns: neutral [rad], k1 [Nm/rad], k3 [Nm/rad3], extension_gain, damping [Nms/rad],
    stop_lower, stop_upper [rad], stop_torque [Nm], stop_rate [1/rad]. The extension gain stiffens the straight knee:
    1 + gain exp(-flexion / 0.35 rad) (sources in models/SOURCES.md). What stiffens the knee as it straightens also
    resists straightening: the knee takes the torque that makes the tissue conservative.
    """
    with nogil:
        passive_torque(&q9[0], &qd9[0], &coef[0, 0], &tau9[0])
