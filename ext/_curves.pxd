# Muscle and soft-tissue curves: maths at a point.
from libc.math cimport exp, log, sqrt

cdef inline double gaussian(double x, double height, double centre, double width, double slope) noexcept nogil:
    cdef double z = (x - centre) / (width + slope * x)
    return height * exp(-0.5 * z * z)

cdef inline double force_length(double fibre) noexcept nogil:
    # De Groote et al. 2016, doi 10.1007/s10439-016-1591-9, active force against normalised fibre length
    return (
        gaussian(fibre, 0.815, 1.055, 0.162, 0.063)
        + gaussian(fibre, 0.433, 0.717, -0.030, 0.200)
        + gaussian(fibre, 0.1, 1.0, 0.354, 0.0)
    )

cdef inline double force_velocity(double velocity) noexcept nogil:
    # De Groote et al. 2016; velocity over the maximum shortening velocity, lengthening positive
    cdef double x = -8.149 * velocity - 0.374
    # the paper's -0.318 and 0.886 to more digits: exactly 1 at rest and 0 at the fastest shortening, as OpenSim has it
    cdef double f = -0.3211346127989808 * log(x + sqrt(x * x + 1.0)) + 0.8825327733249912
    return f if f > 0.0 else 0.0

cdef inline double passive_force(double fibre, double onset, double one) noexcept nogil:
    # Exponential passive fibre force: 0 at strain `onset`, 1 at strain `one`. The shape factor 2 gives the stiffness
    # at one maximum force that Millard et al. 2013 (doi 10.1115/1.4023390) use, 2 / (one - onset), within 16 %.
    # Linear beyond 1.5, so that an unreachable pose cannot overflow.
    cdef double x = (fibre - 1.0 - onset) / (one - onset)
    cdef double scale = 1.0 / (exp(2.0) - 1.0)
    if x <= 0.0:
        return 0.0
    if x <= 1.5:
        return scale * (exp(2.0 * x) - 1.0)
    return scale * (exp(3.0) * (1.0 + 2.0 * (x - 1.5)) - 1.0)

cdef inline double end_stop(double z) noexcept nogil:
    # exp(z), continued by its tangent beyond 3
    return exp(z) if z <= 3.0 else exp(3.0) * (z - 2.0)
