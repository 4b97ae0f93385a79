# Passive joint torque of one leg: ligaments, capsule, end stops, damping.
from libc.math cimport exp

DEF KNEE = 3

cdef inline double end_stop(double z) noexcept nogil:
    # exp(z), continued by its tangent beyond 3
    return exp(z) if z <= 3.0 else exp(3.0) * (z - 2.0)

cdef inline void passive_torque(const double* q, const double* qd, const double* coef, double* tau) noexcept nogil:
    cdef int j
    cdef const double* c
    cdef double y, stiffening, straight, stored = 0.0
    straight = exp(-q[KNEE] / 0.35)
    for j in range(9):
        c = coef + 9 * j
        y = q[j] - c[0]
        stiffening = 1.0 + c[3] * straight
        stored += c[3] * straight * y * y * (0.5 * c[1] + 0.25 * c[2] * y * y)
        tau[j] = (
            -stiffening * (c[1] * y + c[2] * y * y * y)
            - c[4] * qd[j]
            - c[7] * end_stop(c[8] * (q[j] - c[6]))
            + c[7] * end_stop(c[8] * (c[5] - q[j]))
        )
    tau[KNEE] += stored / 0.35
