# Muscle recruitment: the activations of one leg that make given joint moments with the least effort.
#
#     minimise  sum_i c_i a_i^2 / 2 + sum_j (m_j - sum_i A_ji a_i)^2 / (2 s_j),   0 <= low <= a <= 1
#
# A_ji: moment of muscle i about coordinate j at full activation; s_j: how dear a moment is that no muscle makes, small: the
# moments are met wherever the muscles can. On its dual (Newton's method: the unknowns are the moments' multipliers, as
# many as coordinates, whatever the number of muscles): a_i(t) = clip(A_i . t / c_i), and t is the root of
# F(t) = m - A a(t) - s t, minus the gradient of a convex, piecewise quadratic function phi; each step solves with the
# muscles that are free now (Hintermueller, Ito and Kunisch 2002, doi 10.1137/S1052623401383558), and is shortened until
# phi descends.
from libc.math cimport fabs, sqrt

DEF MOST = 64
DEF JOINTS = 9
DEF STEPS = 200
DEF SEARCHES = 40

cdef struct Leg:
    int muscles, joints
    double A[JOINTS * MOST]
    double c[MOST]
    double low
    double s[JOINTS]
    double m[JOINTS]


cdef inline double dual(const Leg* p, const double* t, double* a, double* F) noexcept nogil:
    # phi at t; a(t) and F(t)
    cdef int i, j
    cdef double x, phi = 0.0
    for j in range(p.joints):
        F[j] = p.m[j] - p.s[j] * t[j]
        phi += 0.5 * p.s[j] * t[j] * t[j] - p.m[j] * t[j]
    for i in range(p.muscles):
        x = 0.0
        for j in range(p.joints):
            x += p.A[MOST * j + i] * t[j]
        a[i] = min(max(x / p.c[i], p.low), 1.0)
        phi += a[i] * (x - 0.5 * p.c[i] * a[i])
        for j in range(p.joints):
            F[j] -= p.A[MOST * j + i] * a[i]
    return phi


cdef inline int recruit_leg(const Leg* p, double* t, double* a) noexcept nogil:
    # From the multipliers t, which take the result. Returns the steps taken, negative where they did not suffice.
    cdef int i, j, k, l, count, search
    cdef double F[JOINTS]
    cdef double S[JOINTS * JOINTS]
    cdef double step[JOINTS]
    cdef double trial[JOINTS]
    cdef double x, now, after, share, slope, left, size = 1e-30
    for j in range(p.joints):
        size += p.m[j] * p.m[j]
    now = dual(p, t, a, F)
    for count in range(1, STEPS + 1):
        left = 0.0
        for j in range(p.joints):
            left += F[j] * F[j]
        if left <= 1e-20 * size:
            return count
        for j in range(p.joints):
            for k in range(p.joints):
                S[JOINTS * j + k] = p.s[j] if j == k else 0.0
            step[j] = F[j]
        for i in range(p.muscles):
            if a[i] > p.low and a[i] < 1.0:
                for j in range(p.joints):
                    x = p.A[MOST * j + i] / p.c[i]
                    if x != 0.0:
                        for k in range(j + 1):
                            S[JOINTS * j + k] += x * p.A[MOST * k + i]
        for j in range(p.joints):           # Cholesky, and the solution
            for k in range(j):
                x = S[JOINTS * j + k]
                for l in range(k):
                    x -= S[JOINTS * j + l] * S[JOINTS * k + l]
                S[JOINTS * j + k] = x / S[JOINTS * k + k]
            x = S[JOINTS * j + j]
            for l in range(j):
                x -= S[JOINTS * j + l] * S[JOINTS * j + l]
            S[JOINTS * j + j] = sqrt(max(x, 1e-300))
            for l in range(j):
                step[j] -= S[JOINTS * j + l] * step[l]
            step[j] /= S[JOINTS * j + j]
        for j in range(p.joints - 1, -1, -1):
            for l in range(j + 1, p.joints):
                step[j] -= S[JOINTS * l + j] * step[l]
            step[j] /= S[JOINTS * j + j]
        share, slope = 1.0, 0.0
        for j in range(p.joints):
            slope += F[j] * step[j]
        for search in range(SEARCHES):
            for j in range(p.joints):
                trial[j] = t[j] + share * step[j]
            after = dual(p, trial, a, F)
            if after <= now - 1e-4 * share * slope:
                break
            share *= 0.5
        else:       # no descent is left above rounding
            dual(p, t, a, F)
            return count if left <= 1e-10 * size else -count
        for j in range(p.joints):
            t[j] = trial[j]
        now = after
    return -STEPS


def recruit(
    const double[:, ::1] active, const double[:, :, ::1] arm, const int[::1] joints, const double[::1] cost,
    const double[::1] slack, double low, const double[:, ::1] moment, double[:, ::1] multiplier,
    double[:, ::1] activation, int[::1] steps
):
    """Activations (2, m) of both legs for the moments [Nm] (2, k) about the coordinates with the indices joints (k,).

    active (2, m): force at full activation [N]; arm (2, m, 8): moment arms [m]; cost (m,): of squared activation; slack
    (k,) [1/(Nm)^2 inverted]: s_j; low: the least activation; multiplier (2, k): start and result; steps (2,).
    """
    cdef Leg p
    cdef int leg, i, j
    if active.shape[1] > MOST or joints.shape[0] > JOINTS:
        raise ValueError(f"at most {MOST} muscles and {JOINTS} coordinates a leg")
    with nogil:
        p.muscles, p.joints, p.low = active.shape[1], joints.shape[0], low
        for leg in range(2):
            for j in range(p.joints):
                p.s[j], p.m[j] = slack[j], moment[leg, j]
                for i in range(p.muscles):
                    p.A[MOST * j + i] = active[leg, i] * arm[leg, i, joints[j]]
            for i in range(p.muscles):
                p.c[i] = cost[i]
            steps[leg] = recruit_leg(&p, &multiplier[leg, 0], &activation[leg, 0])
