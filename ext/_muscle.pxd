# Activation dynamics and rigid-tendon contraction of many muscles, from C.

cdef extern from "_muscle.h" nogil:
    void muscle_activation(int n, double* a, const double* u, double dt, double tau_act, double tau_deact)
    void muscle_contraction(
        int n, const double* L, const double* V, const double* F0, const double* lopt, const double* lts,
        const double* height, const double* onset, const double* one, const double* slack, const double* gain,
        double vmax, double* active, double* passive, double* lnorm
    )
