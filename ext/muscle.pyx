# Activation dynamics and rigid-tendon contraction, all muscles in one call.
from libc.math cimport exp, sin, sqrt

from _curves cimport force_length, force_velocity, passive_force


def activation(double[::1] a, const double[::1] u, double dt, double tau_act, double tau_deact):
    """Advance the activations a (m,) in place by dt [s] towards the excitations u (m,).

    Thelen 2003, doi 10.1115/1.1531112: da/dt = (u - a) / tau, tau = tau_act (0.5 + 1.5 a) on the way up and
    tau_deact / (0.5 + 1.5 a) on the way down. tau is frozen over the step and the step is exact, so a stays in 0..1.
    """
    cdef int i
    cdef double tau, shape
    with nogil:
        for i in range(a.shape[0]):
            shape = 0.5 + 1.5 * a[i]
            tau = tau_act * shape if u[i] > a[i] else tau_deact / shape
            a[i] = u[i] + (a[i] - u[i]) * exp(-dt / tau)


def contraction(
    const double[::1] L, const double[::1] V, const double[::1] F0, const double[::1] lopt, const double[::1] lts,
    const double[::1] penn, const double[::1] onset, const double[::1] one, const double[::1] slack,
    const double[::1] gain, double vmax, double[::1] active, double[::1] passive, double[::1] lnorm
):
    """Force along the tendon at full activation `active` [N] and of the passive fibre `passive` [N], all (m,).

    L, V: musculotendon length [m] and its rate [m/s], lengthening positive. F0 [N], lopt, lts [m], penn [rad] at
    optimal length; onset, one: strains at zero and at one maximum isometric passive force; slack scales the length at
    which the passive fibre becomes taut (below 1: a tight muscle), gain its force; vmax [lopt/s]. lnorm receives the
    normalised fibre length. The tendon is rigid (De Groote et al. 2016, doi 10.1007/s10439-016-1591-9).
    """
    cdef int i
    cdef double height, along, fibre, cosine, velocity
    with nogil:
        for i in range(L.shape[0]):
            height = lopt[i] * sin(penn[i])
            along = L[i] - lts[i]
            if along < 0.05 * lopt[i]:
                along = 0.05 * lopt[i]
            fibre = sqrt(along * along + height * height)
            cosine = along / fibre
            lnorm[i] = fibre / lopt[i]
            velocity = V[i] * cosine / (lopt[i] * vmax)
            velocity = min(max(velocity, -1.0), 1.0)
            active[i] = F0[i] * force_length(lnorm[i]) * force_velocity(velocity) * cosine
            passive[i] = F0[i] * gain[i] * passive_force(lnorm[i] / slack[i], onset[i], one[i]) * cosine
