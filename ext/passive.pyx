# Passive torques: ligaments, capsule, end stops and damping of one leg; a band around both.
from _band cimport Band, band_torque
from _legs cimport band_of
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


def pull(const double[::1] q, skeleton, band, double[::1] tau):
    """Add the torque of the band to the hinge torques tau [Nm] (21,) at the state q (28,).

    skeleton: parent, pos, axis, mass, com, inertia; band: stiffness [N/m], rest length [m], the two links (2,) and the
    points in them [m] (2, 3) that it pulls together.
    """
    cdef Band elastic = band_of(skeleton, band)
    with nogil:
        band_torque(&elastic, &q[0], &tau[0])
