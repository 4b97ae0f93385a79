/* Activation dynamics and rigid-tendon contraction of many muscles: loops that the compiler turns into vectors.

   In C, because Cython can neither promise that arrays do not overlap nor compile a function for several processors. exp
   and log are our own: those of libm take one number at a time, and their last bit depends on the processor. */
#ifndef SIMLAB_MUSCLE_H
#define SIMLAB_MUSCLE_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "_vector.h"

static inline double simlab_exp(double x) {
    /* 2^k exp(r) with |r| <= log(2) / 2 and exp(r) by its series: within 1 ulp, between exp(-700) and exp(700) */
    const double round = 6755399441055744.0; /* 1.5 2^52: adding it leaves an integer in the low bits */
    double k, r, p;
    uint64_t bits;
    x = x > -700.0 ? x : -700.0;
    x = x < 700.0 ? x : 700.0;
    k = x * 1.4426950408889634 + round;
    memcpy(&bits, &k, 8);
    k -= round;
    r = x - k * 6.93147180369123816490e-01 - k * 1.90821492927058770002e-10;
    p = 1.0 / 6227020800.0;
    p = p * r + 1.0 / 479001600.0;
    p = p * r + 1.0 / 39916800.0;
    p = p * r + 1.0 / 3628800.0;
    p = p * r + 1.0 / 362880.0;
    p = p * r + 1.0 / 40320.0;
    p = p * r + 1.0 / 5040.0;
    p = p * r + 1.0 / 720.0;
    p = p * r + 1.0 / 120.0;
    p = p * r + 1.0 / 24.0;
    p = p * r + 1.0 / 6.0;
    p = p * r + 0.5;
    bits = (bits + 1023) << 52;
    memcpy(&k, &bits, 8);
    return (1.0 + (r + r * r * p)) * k;
}

static inline double simlab_log(double x) {
    /* k log(2) + log(m) with m in sqrt(1/2)..sqrt(2) and log(m) = 2 artanh((m - 1) / (m + 1)); x positive and normal */
    double k, m, s, z, p;
    uint64_t bits, exponent;
    memcpy(&bits, &x, 8);
    exponent = (bits + 0x00095f619980c433u) >> 52;
    bits += ((uint64_t)1023 << 52) - (exponent << 52);
    memcpy(&m, &bits, 8);
    exponent += 0x4330000000000000u;
    memcpy(&k, &exponent, 8);
    k -= 4503599627371519.0; /* 2^52 + 1023 */
    s = (m - 1.0) / (m + 1.0);
    z = s * s;
    p = 1.0 / 21.0;
    p = p * z + 1.0 / 19.0;
    p = p * z + 1.0 / 17.0;
    p = p * z + 1.0 / 15.0;
    p = p * z + 1.0 / 13.0;
    p = p * z + 1.0 / 11.0;
    p = p * z + 1.0 / 9.0;
    p = p * z + 1.0 / 7.0;
    p = p * z + 1.0 / 5.0;
    p = p * z + 1.0 / 3.0;
    return k * 0.6931471805599453 + 2.0 * (s + s * z * p);
}

static inline double simlab_gaussian(double x, double height, double centre, double width, double slope) {
    double z = (x - centre) / (width + slope * x);
    return height * simlab_exp(-0.5 * z * z);
}

/* De Groote et al. 2016, doi 10.1007/s10439-016-1591-9: active force against normalised fibre length */
static inline double simlab_force_length(double fibre) {
    return simlab_gaussian(fibre, 0.815, 1.055, 0.162, 0.063) + simlab_gaussian(fibre, 0.433, 0.717, -0.030, 0.200)
           + simlab_gaussian(fibre, 0.1, 1.0, 0.354, 0.0);
}

/* De Groote et al. 2016: against velocity over the maximum shortening velocity, lengthening positive. The paper's -0.318
   and 0.886 to more digits: exactly 1 at rest and 0 at the fastest shortening, as OpenSim has it. */
static inline double simlab_force_velocity(double velocity) {
    double x = -8.149 * velocity - 0.374;
    double f = -0.3211346127989808 * simlab_log(x + sqrt(x * x + 1.0)) + 0.8825327733249912;
    return f > 0.0 ? f : 0.0;
}

/* Exponential passive fibre force: 0 at strain `onset`, 1 at strain `one`. The shape factor 2 gives the stiffness at one
   maximum force that Millard et al. 2013 (doi 10.1115/1.4023390) use, 2 / (one - onset), within 16 %. Continued by its
   tangent beyond 1.5, so that an unreachable pose cannot overflow. */
static inline double simlab_passive_force(double fibre, double onset, double one) {
    double x = (fibre - 1.0 - onset) / (one - onset), taut;
    x = x > 0.0 ? x : 0.0;
    taut = x < 1.5 ? x : 1.5;
    return (simlab_exp(2.0 * taut) * (1.0 + 2.0 * (x - taut)) - 1.0) / 6.38905609893065;
}

SIMLAB_WIDE static void muscle_activation(
    int n, double *restrict a, const double *restrict u, double dt, double tau_act, double tau_deact
) {
    for (int i = 0; i < n; i++) {
        double shape = 0.5 + 1.5 * a[i];
        double tau = u[i] > a[i] ? tau_act * shape : tau_deact / shape;
        a[i] = u[i] + (a[i] - u[i]) * simlab_exp(-dt / tau);
    }
}

SIMLAB_WIDE static void muscle_contraction(
    int n, const double *restrict L, const double *restrict V, const double *restrict F0, const double *restrict lopt,
    const double *restrict lts, const double *restrict height, const double *restrict onset, const double *restrict one,
    const double *restrict slack, const double *restrict gain, double vmax, double *restrict active,
    double *restrict passive, double *restrict lnorm
) {
    for (int i = 0; i < n; i++) {
        double along = L[i] - lts[i], least = 0.05 * lopt[i], fibre, cosine, velocity;
        along = along > least ? along : least;
        fibre = sqrt(along * along + height[i] * height[i]);
        cosine = along / fibre;
        fibre = fibre / lopt[i];
        velocity = V[i] * cosine / (lopt[i] * vmax);
        velocity = velocity > -1.0 ? velocity : -1.0;
        velocity = velocity < 1.0 ? velocity : 1.0;
        lnorm[i] = fibre;
        active[i] = F0[i] * simlab_force_length(fibre) * simlab_force_velocity(velocity) * cosine;
        passive[i] = F0[i] * gain[i] * simlab_passive_force(fibre / slack[i], onset[i], one[i]) * cosine;
    }
}

#endif
