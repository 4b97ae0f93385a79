/* The sums of _qp.pxd, in vectors of four. A row of numbers may differ from zero in the columns first..last and from
   `shared` on. All three are multiples of four, so is `row`, the length of a row; what lies between is left alone. */
#ifndef SIMLAB_QP_H
#define SIMLAB_QP_H

#include "_vector.h"

typedef double simlab_four __attribute__((vector_size(32), aligned(8), may_alias));
typedef double simlab_two __attribute__((vector_size(16), aligned(8), may_alias));
#define TWO(p) (*(simlab_two *)(p))
#define FOUR(p) (*(simlab_four *)(p))

static inline double simlab_dot(int first, int last, int shared, int row, const double *a, const double *b) {
    simlab_two s = {0.0, 0.0}, t = {0.0, 0.0};
    for (int k = first; k < last; k += 4) s += TWO(a + k) * TWO(b + k), t += TWO(a + k + 2) * TWO(b + k + 2);
    for (int k = shared; k < row; k += 4) s += TWO(a + k) * TWO(b + k), t += TWO(a + k + 2) * TWO(b + k + 2);
    s += t;
    return s[0] + s[1];
}

/* total += factor a */
static inline void simlab_add(int first, int last, int shared, int row, double factor, const double *a, double *total) {
    for (int k = first; k < last; k += 2) TWO(total + k) += factor * TWO(a + k);
    for (int k = shared; k < row; k += 2) TWO(total + k) += factor * TWO(a + k);
}

/* S += Q^T Q, lower triangle in whole vectors, for Q of 4 `fours` rows, those of g being 4 g to 4 g + 3. */
SIMLAB_WIDE static void simlab_gram(
    int fours, const int *first, const int *last, int shared, int rank, int row, const double *restrict Q,
    double *restrict S
) {
    for (int g = 0; g < fours; g++) {
        const double *a = Q + 4 * row * g, *b = a + row, *c = b + row, *d = c + row;
        for (int i = first[g]; i < rank; i++) {
            if (i == last[g] && i < shared) i = shared;
            for (int k = first[g]; k <= i && k < last[g]; k += 4)
                FOUR(S + row * i + k) += a[i] * FOUR(a + k) + b[i] * FOUR(b + k) + c[i] * FOUR(c + k) + d[i] * FOUR(d + k);
            for (int k = shared; k <= i; k += 4)
                FOUR(S + row * i + k) += a[i] * FOUR(a + k) + b[i] * FOUR(b + k) + c[i] * FOUR(c + k) + d[i] * FOUR(d + k);
        }
    }
}

#undef TWO
#undef FOUR
#endif
