# Musculotendon lengths and moment arms of one leg from length polynomials in the leg's eight angles.
#
# The arm is the exact derivative of the length, so the torque of a muscle and its shortening always agree in power.

def lengths(
    const double[::1] q8, const double[::1] lo, const double[::1] hi, const int[::1] start,
    const signed char[:, ::1] exponent, const double[::1] weight, double[::1] L, double[:, ::1] dL
):
    """Lengths L [m] (m,) and their derivatives dL [m/rad] (m, 8) at the leg angles q8 [rad] (8,).

    Muscle k owns the monomials start[k]..start[k + 1]. Angles are mapped to -1..1 over lo..hi and clipped there; a
    clipped angle has a zero derivative. The moment arm is -dL.
    """
    cdef double power[8][16]
    cdef double slope[8]
    cdef double x, term, part, value
    cdef double total[8]
    cdef int used[8]
    cdef int count, m, i, j, k, d
    with nogil:
        for j in range(8):
            x = 2.0 * (q8[j] - lo[j]) / (hi[j] - lo[j]) - 1.0
            slope[j] = 2.0 / (hi[j] - lo[j])
            if x > 1.0:
                x = 1.0
                slope[j] = 0.0
            elif x < -1.0:
                x = -1.0
                slope[j] = 0.0
            power[j][0] = 1.0
            for k in range(1, 16):
                power[j][k] = power[j][k - 1] * x
        for m in range(start.shape[0] - 1):
            value = 0.0
            for j in range(8):
                total[j] = 0.0
            for i in range(start[m], start[m + 1]):
                count = 0
                term = weight[i]
                for j in range(8):
                    if exponent[i, j]:
                        used[count] = j
                        count += 1
                        term *= power[j][exponent[i, j]]
                value += term
                for k in range(count):
                    j = used[k]
                    part = weight[i] * exponent[i, j] * power[j][exponent[i, j] - 1]
                    for d in range(count):
                        if d != k:
                            part *= power[used[d]][exponent[i, used[d]]]
                    total[j] += part
            L[m] = value
            for j in range(8):
                dL[m, j] = total[j] * slope[j]
