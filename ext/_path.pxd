# Musculotendon lengths from length polynomials that share their monomials: maths at a point, both legs at once.
#
# Each monomial is an earlier one times one angle, so it costs one product. A row of the sparse matrix gives a length or
# one of its eight derivatives; rows come by their number of weights, so that a processor
# foresees where they end, and have an even number of them, for two sums that need not wait for each other. The legs go
# side by side (x[..][2]): one weight serves both, in one vector instruction.

from libc.string cimport memset

DEF CROSSED = 8
DEF MUSCLES = 64                # a leg, at most
DEF MONOMIALS = 2048

cdef inline void path_lengths(
    int muscles, int monomials, const double* q, int width, const double* lo, const double* hi, const int* parent,
    const int* variable, int rows, const int* row, const int* target, const int* column, const double* weight,
    double* L, double* dL
) noexcept nogil:
    cdef double x[CROSSED][2]
    cdef double slope[CROSSED][2]
    cdef double value[MONOMIALS][2]
    cdef double sums[MUSCLES * (CROSSED + 1)][2]
    cdef double right, left, right_, left_, angle
    cdef int i, j, k, m, leg
    for j in range(CROSSED):
        for leg in range(2):
            k = CROSSED * leg + j
            angle = 2.0 * (q[leg * width + j] - lo[k]) / (hi[k] - lo[k]) - 1.0
            slope[j][leg] = 2.0 / (hi[k] - lo[k])
            if angle > 1.0:
                angle = 1.0
                slope[j][leg] = 0.0
            elif angle < -1.0:
                angle = -1.0
                slope[j][leg] = 0.0
            x[j][leg] = angle
    value[0][0] = 1.0
    value[0][1] = 1.0
    for k in range(1, monomials):
        value[k][0] = value[parent[k]][0] * x[variable[k]][0]
        value[k][1] = value[parent[k]][1] * x[variable[k]][1]
    memset(sums, 0, muscles * sizeof(sums[0]) * (CROSSED + 1))
    for i in range(rows):
        right = left = right_ = left_ = 0.0
        for k in range(row[i], row[i + 1], 2):
            right += weight[k] * value[column[k]][0]
            left += weight[k] * value[column[k]][1]
            right_ += weight[k + 1] * value[column[k + 1]][0]
            left_ += weight[k + 1] * value[column[k + 1]][1]
        sums[target[i]][0] = right + right_
        sums[target[i]][1] = left + left_
    for leg in range(2):
        for m in range(muscles):
            L[leg * muscles + m] = sums[(CROSSED + 1) * m][leg]
            for j in range(CROSSED):
                dL[CROSSED * (leg * muscles + m) + j] = sums[(CROSSED + 1) * m + 1 + j][leg] * slope[j][leg]

cdef inline void path_rates(int muscles, const double* dL, const double* qd, int width, double* V) noexcept nogil:
    cdef double total
    cdef int leg, m, j
    for leg in range(2):
        for m in range(muscles):
            total = 0.0
            for j in range(CROSSED):
                total += dL[CROSSED * (leg * muscles + m) + j] * qd[leg * width + j]
            V[leg * muscles + m] = total

cdef inline void path_torque(int muscles, const double* dL, const double* force, int width, double* tau) noexcept nogil:
    # tau -= dL^T force
    cdef int leg, m, j
    for leg in range(2):
        for m in range(muscles):
            for j in range(CROSSED):
                tau[leg * width + j] -= dL[CROSSED * (leg * muscles + m) + j] * force[leg * muscles + m]
