# Activation dynamics and rigid-tendon contraction of many muscles.
from libc.math cimport exp, sqrt

from _curves cimport force_length, force_velocity, passive_force

cdef inline void muscle_activation(
    int n, double* a, const double* u, double dt, double tau_act, double tau_deact
) noexcept nogil:
    cdef int i
    cdef double tau, shape
    for i in range(n):
        shape = 0.5 + 1.5 * a[i]
        tau = tau_act * shape if u[i] > a[i] else tau_deact / shape
        a[i] = u[i] + (a[i] - u[i]) * exp(-dt / tau)

cdef inline void muscle_contraction(
    int n, const double* L, const double* V, const double* F0, const double* lopt, const double* lts,
    const double* height, const double* onset, const double* one, const double* slack, const double* gain, double vmax,
    double* active, double* passive, double* lnorm
) noexcept nogil:
    cdef int i
    cdef double along, fibre, cosine, velocity
    for i in range(n):
        along = L[i] - lts[i]
        if along < 0.05 * lopt[i]:
            along = 0.05 * lopt[i]
        fibre = sqrt(along * along + height[i] * height[i])
        cosine = along / fibre
        lnorm[i] = fibre / lopt[i]
        velocity = V[i] * cosine / (lopt[i] * vmax)
        velocity = min(max(velocity, -1.0), 1.0)
        active[i] = F0[i] * force_length(lnorm[i]) * force_velocity(velocity) * cosine
        passive[i] = F0[i] * gain[i] * passive_force(lnorm[i] / slack[i], onset[i], one[i]) * cosine
