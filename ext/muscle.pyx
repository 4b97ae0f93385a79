# Activation dynamics and rigid-tendon contraction, all muscles in one call.
from _muscle cimport muscle_activation, muscle_contraction


def activation(double[::1] a, const double[::1] u, double dt, double tau_act, double tau_deact):
    """Advance the activations a (m,) in place by dt [s] towards the excitations u (m,).

    Thelen 2003, doi 10.1115/1.1531112: da/dt = (u - a) / tau, tau = tau_act (0.5 + 1.5 a) on the way up and
    tau_deact / (0.5 + 1.5 a) on the way down. tau is frozen over the step and the step is exact, so a stays in 0..1.
    """
    with nogil:
        muscle_activation(a.shape[0], &a[0], &u[0], dt, tau_act, tau_deact)


def contraction(
    const double[::1] L, const double[::1] V, const double[::1] F0, const double[::1] lopt, const double[::1] lts,
    const double[::1] height, const double[::1] onset, const double[::1] one, const double[::1] slack,
    const double[::1] gain, double vmax, double[::1] active, double[::1] passive, double[::1] lnorm
):
    """Force along the tendon at full activation `active` [N] and of the passive fibre `passive` [N], all (m,).

    L, V: musculotendon length [m] and its rate [m/s], lengthening positive. F0 [N], lopt, lts [m]; height [m]: of the
    fibre across the tendon, lopt sin(pennation at lopt), which is kept; onset, one: strains at zero and at one maximum
    isometric passive force; slack scales the length at which the passive fibre becomes taut (below 1: a tight muscle),
    gain its force; vmax [lopt/s]. lnorm receives the normalised fibre length. The tendon is rigid (De Groote et al. 2016, doi 10.1007/s10439-016-1591-9).
    """
    with nogil:
        muscle_contraction(
            L.shape[0], &L[0], &V[0], &F0[0], &lopt[0], &lts[0], &height[0], &onset[0], &one[0], &slack[0], &gain[0],
            vmax, &active[0], &passive[0], &lnorm[0],
        )
