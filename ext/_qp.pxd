# A bounded quadratic programme of low rank, by Newton's method on its dual.
#
#     minimise  |K^T y + r|^2 / 2 + sum_j D_j y_j^2 / 2 + g . y
#
# over scalars y_j in low_j..high_j and, after them, forces (x, y, z) in the pyramids |x|, |z| <= mu y; the three D of a
# force are equal. With t = K^T y + r the optimum is y(t) = the point of the bounds nearest to
# -(g + K t) / D, so t is the root of
#     F(t) = t - r - K^T y(t),
# the gradient of a strongly convex, piecewise quadratic function: as many unknowns as the rank, whatever the number of
# muscles. A Newton step solves S t = r - sum_free K g / D + sum_fixed K y with S = 1 + sum_free K K^T / D; it is the
# primal-dual active set method (Hintermueller, Ito and Kunisch 2002, doi 10.1137/S1052623401383558), which starts from
# the active set of the last tick and is mostly done after two or three. Where it should cycle, an exact line search
# makes it descend, so it always arrives.
from libc.math cimport fabs, sqrt
from libc.string cimport memcpy

DEF RANK = 27
DEF ROW = 28                # a row of K, padded to whole vectors
DEF SCALARS = 136
DEF FORCES = 16
DEF VARIABLES = SCALARS + 3 * FORCES
DEF FULL_STEPS = 12
DEF MOST = 100
DEF BISECTIONS = 40
DEF REFINEMENTS = 1
DEF STAGES = 10
DEF EASE = 4.0
DEF SLACK = 1e-10           # a bound that is met this well is kept: rounding must not make the set flicker
DEF FORCE_SLACK = 1e-7      # forces are the least certain: their D is small

DEF FREE = 0
DEF LOW = 1
DEF HIGH = 2
# Of a force: bit 1 the x face, bit 2 the z face, bits 4 and 8 their signs; APEX no force.
DEF X = 1
DEF Z = 2
DEF X_MINUS = 4
DEF Z_MINUS = 8
DEF APEX = 16

cdef struct Problem:
    int scalars, forces
    double K[VARIABLES * ROW]
    double r[ROW]
    double D[VARIABLES]
    double g[VARIABLES]
    double low[SCALARS]
    double high[SCALARS]
    double mu
    # the active set: in and out
    int scalar_set[SCALARS]
    int force_set[FORCES]
    # scratch: what may move, column by column: (x, y, z) or scalar = direction times its coordinate
    int columns
    int member[VARIABLES]
    double direction[VARIABLES * 3]
    double Q[VARIABLES * ROW]   # K times the direction
    double factor[RANK * ROW]


cdef inline int cholesky(int n, int row, double* S) noexcept nogil:
    # In place, lower triangle. Returns whether S is positive definite.
    cdef int i, j, k
    cdef double x
    cdef double column[ROW]
    for j in range(n):
        if not S[row * j + j] > 0.0:
            return 0
        x = sqrt(S[row * j + j])
        S[row * j + j] = x
        x = 1.0 / x
        for i in range(j + 1, n):
            S[row * i + j] *= x
            column[i] = S[row * i + j]
        for i in range(j + 1, n):
            x = column[i]
            if x != 0.0:
                for k in range(j + 1, i + 1):
                    S[row * i + k] -= x * column[k]
    return 1


cdef inline void cholesky_solve(int n, int row, const double* L, double* x) noexcept nogil:
    cdef int i, k
    for i in range(n):
        for k in range(i):
            x[i] -= L[row * i + k] * x[k]
        x[i] /= L[row * i + i]
    for i in range(n - 1, -1, -1):
        x[i] /= L[row * i + i]
        for k in range(i):
            x[k] -= L[row * i + k] * x[i]


cdef inline double _dot(const double* a, const double* b) noexcept nogil:
    # four sums side by side, so that additions need not wait for one another
    cdef double s0 = 0.0, s1 = 0.0, s2 = 0.0, s3 = 0.0
    cdef int k
    for k in range(0, ROW, 4):
        s0 += a[k] * b[k]
        s1 += a[k + 1] * b[k + 1]
        s2 += a[k + 2] * b[k + 2]
        s3 += a[k + 3] * b[k + 3]
    return (s0 + s1) + (s2 + s3)


cdef inline double _scalar(const Problem* p, int j, double y, double slack, int* state) noexcept nogil:
    # The value nearest to y, and its state, which with some slack changes only where it must.
    cdef double room = slack * (p.high[j] - p.low[j])
    if y < p.low[j] - (room if state[0] == FREE else -room):
        state[0] = LOW
        return p.low[j]
    if y > p.high[j] + (room if state[0] == FREE else -room):
        state[0] = HIGH
        return p.high[j]
    state[0] = FREE
    return y


cdef inline int _force(double mu, const double* u, double slack, int before, double* f) noexcept nogil:
    # The point of the pyramid nearest to u, into f, and its set, which with some slack changes only where it must.
    cdef int found = 0, signs
    cdef double x = u[0], y = u[1], z = u[2], ax = fabs(u[0]), az = fabs(u[2]), height
    cdef double room = slack * (1.0 + 1e-5 * fabs(y))  # y is large where a force is pressed against its pyramid
    signs = (X_MINUS if x < 0.0 else 0) | (Z_MINUS if z < 0.0 else 0)
    if ax > mu * y + (-room if before & X else room):
        found |= X
    if az > mu * y + (-room if before & Z else room):
        found |= Z
    if found:  # the farther face holds; does the other one, with that one?
        height = (y + mu * max(ax, az)) / (1.0 + mu * mu)
        found = X if ax > az else Z
        if min(ax, az) > mu * height + (-room if before & X and before & Z else room):
            found = X | Z
    if not found:
        height = y
    elif found == (X | Z):
        height = (y + mu * (ax + az)) / (1.0 + 2.0 * mu * mu)
    if found and height <= (room if before == APEX else -room):
        f[0] = f[1] = f[2] = 0.0
        return APEX
    f[1] = height
    f[0] = x if not found & X else (-mu * height if x < 0.0 else mu * height)
    f[2] = z if not found & Z else (-mu * height if z < 0.0 else mu * height)
    if not found & X:
        signs &= ~X_MINUS
    if not found & Z:
        signs &= ~Z_MINUS
    return found | signs


cdef inline void _column(Problem* p, int member, double x, double y, double z) noexcept nogil:
    # A direction (of a scalar: x) that may move, scaled so that it has unit D.
    cdef int k, n = p.columns
    cdef double w = 1.0 / sqrt(p.D[member] * (x * x + y * y + z * z))
    cdef const double* K = p.K + ROW * member
    cdef double* q = p.Q + ROW * n
    p.member[n] = member
    p.direction[3 * n], p.direction[3 * n + 1], p.direction[3 * n + 2] = w * x, w * y, w * z
    if member < p.scalars:
        for k in range(ROW):
            q[k] = w * K[k]
    else:
        for k in range(ROW):
            q[k] = w * (x * K[k] + y * K[ROW + k] + z * K[2 * ROW + k])
    p.columns += 1


cdef inline void _columns(Problem* p) noexcept nogil:
    cdef int j, c, k, held
    cdef double sx, sz
    p.columns = 0
    for j in range(p.scalars):
        if p.scalar_set[j] == FREE:
            _column(p, j, 1.0, 0.0, 0.0)
    for c in range(p.forces):
        held = p.force_set[c]
        if held == APEX:
            continue
        j = p.scalars + 3 * c
        sx = (-p.mu if held & X_MINUS else p.mu) if held & X else 0.0
        sz = (-p.mu if held & Z_MINUS else p.mu) if held & Z else 0.0
        _column(p, j, sx, 1.0, sz)
        if not held & X:
            _column(p, j, 1.0, 0.0, 0.0)
        if not held & Z:
            _column(p, j, 0.0, 0.0, 1.0)
    for j in range(p.columns, p.columns + 3):  # up to a multiple of four
        for k in range(ROW):
            p.Q[ROW * j + k] = 0.0


cdef inline int _newton(Problem* p, double* t, double* y) noexcept nogil:
    # t and y for the present active set. Returns whether S could be factored.
    #
    # S spans eight orders of magnitude, and a force is a small difference of large products with t. So y is an unknown
    # of its own, and both are refined by what remains of their equations t = K^T y + r and y = -(g + K t) / D.
    cdef int j, i, k, m, pass_
    cdef double rest[ROW]
    cdef double left[VARIABLES]
    cdef double x0, x1, x2, x3
    cdef const double* a
    cdef double* b
    _columns(p)
    for i in range(RANK * ROW):
        p.factor[i] = 0.0
    for i in range(RANK):
        p.factor[ROW * i + i] = 1.0
    for j in range(0, p.columns, 4):  # four at once: S is read and written a quarter as often
        a = p.Q + ROW * j
        for i in range(RANK):
            x0, x1, x2, x3 = a[i], a[ROW + i], a[2 * ROW + i], a[3 * ROW + i]
            if x0 == 0.0 and x1 == 0.0 and x2 == 0.0 and x3 == 0.0:  # a force has no lever on the other leg
                continue
            b = p.factor + ROW * i
            for k in range(i + 1):
                b[k] += x0 * a[k] + x1 * a[ROW + k] + x2 * a[2 * ROW + k] + x3 * a[3 * ROW + k]
    if not cholesky(RANK, ROW, p.factor):
        return 0
    for j in range(p.scalars):
        y[j] = 0.0 if p.scalar_set[j] == FREE else (p.low[j] if p.scalar_set[j] == LOW else p.high[j])
    for j in range(p.scalars, p.scalars + 3 * p.forces):
        y[j] = 0.0
    for k in range(ROW):
        t[k] = 0.0
    for pass_ in range(REFINEMENTS + 1):
        for k in range(ROW):
            rest[k] = p.r[k] - t[k]
        for j in range(p.scalars + 3 * p.forces):
            if y[j] != 0.0:
                for k in range(ROW):
                    rest[k] += y[j] * p.K[ROW * j + k]
        for j in range(p.columns):
            m = p.member[j]
            if m < p.scalars:
                left[j] = p.direction[3 * j] * (p.D[m] * y[m] + p.g[m])
            else:
                left[j] = 0.0
                for i in range(3):
                    left[j] += p.direction[3 * j + i] * (p.D[m] * y[m + i] + p.g[m + i])
            left[j] += _dot(p.Q + ROW * j, t)
            for k in range(ROW):
                rest[k] -= left[j] * p.Q[ROW * j + k]
        cholesky_solve(RANK, ROW, p.factor, rest)
        for k in range(RANK):
            t[k] += rest[k]
            if not t[k] - t[k] == 0.0:  # not a number, or without end
                return 0
        for j in range(p.columns):
            m = p.member[j]
            x0 = -left[j] - _dot(p.Q + ROW * j, rest)
            y[m] += p.direction[3 * j] * x0
            if m >= p.scalars:
                y[m + 1] += p.direction[3 * j + 1] * x0
                y[m + 2] += p.direction[3 * j + 2] * x0
    return 1


cdef inline void _project(Problem* p, const double* t, double* y) noexcept nogil:
    # y(t) and its active set.
    cdef int j, c, i
    cdef double u[3]
    for j in range(p.scalars):
        y[j] = _scalar(p, j, -(p.g[j] + _dot(p.K + ROW * j, t)) / p.D[j], 0.0, &p.scalar_set[j])
    for c in range(p.forces):
        j = p.scalars + 3 * c
        for i in range(3):
            u[i] = -(p.g[j + i] + _dot(p.K + ROW * (j + i), t)) / p.D[j]
        p.force_set[c] = _force(p.mu, u, 0.0, p.force_set[c], y + j)


cdef inline int _revise(Problem* p, const double* t, double* y) noexcept nogil:
    # The active set of a Newton step's t and y: like `_project`, but what moved freely is taken from y, which is more
    # exact than t. Returns whether the set changed.
    cdef int j, c, i, before, changed = 0
    cdef double u[3]
    for j in range(p.scalars):
        before = p.scalar_set[j]
        u[0] = y[j] if before == FREE else -(p.g[j] + _dot(p.K + ROW * j, t)) / p.D[j]
        y[j] = _scalar(p, j, u[0], SLACK, &p.scalar_set[j])
        changed |= p.scalar_set[j] != before
    for c in range(p.forces):
        j = p.scalars + 3 * c
        before = p.force_set[c]
        for i in range(3):
            u[i] = y[j + i]
        if before:
            _pressed(p, j, before, t, u)
        p.force_set[c] = _force(p.mu, u, FORCE_SLACK, before, y + j)
        changed |= p.force_set[c] != before
    return changed


cdef inline void _pressed(const Problem* p, int j, int held, const double* t, double* u) noexcept nogil:
    # Adds to a force on its faces how hard it is pressed against them: -gradient / D, across the directions left free.
    cdef double g[3]
    cdef double sx = 0.0, sz = 0.0, along
    cdef int i
    for i in range(3):
        g[i] = -(p.g[j + i] + _dot(p.K + ROW * (j + i), t)) / p.D[j] - u[i]
    if held != APEX:
        if held & X:
            sx = -p.mu if held & X_MINUS else p.mu
        else:
            g[0] = 0.0
        if held & Z:
            sz = -p.mu if held & Z_MINUS else p.mu
        else:
            g[2] = 0.0
        along = (sx * g[0] + g[1] + sz * g[2]) / (1.0 + sx * sx + sz * sz)
        g[0] -= sx * along
        g[1] -= along
        g[2] -= sz * along
    for i in range(3):
        u[i] += g[i]


cdef inline double _slope(Problem* p, const double* t, const double* d, double share, double* y) noexcept nogil:
    # F(t + share d) . d
    cdef int j, k
    cdef double at[ROW]
    cdef double F[ROW]
    for k in range(ROW):
        at[k] = t[k] + share * d[k]
        F[k] = at[k] - p.r[k]
    _project(p, at, y)
    for j in range(p.scalars + 3 * p.forces):
        for k in range(ROW):
            F[k] -= y[j] * p.K[ROW * j + k]
    return _dot(F, d)


cdef inline int minimise(Problem* p, double* y) noexcept nogil:
    # The optimum, from the active set in p. Returns the number of Newton steps, or -1 if it did not arrive.
    #
    # The forces' D is so small that the dual is almost kinked. Far from the answer a Newton step is then of little use:
    # the way there goes over problems with larger D, each from the active set of the one before.
    cdef int found, steps, stage, j, forces = 3 * p.forces
    steps = _descend(p, y)
    if steps >= 0:
        return steps
    steps = MOST
    for j in range(p.scalars):
        p.scalar_set[j] = FREE
    for j in range(p.forces):
        p.force_set[j] = FREE
    for j in range(forces):
        p.D[p.scalars + j] *= EASE ** STAGES
    for stage in range(STAGES + 1):
        found = _descend(p, y)
        steps += found if found >= 0 else MOST
        if stage < STAGES:
            for j in range(forces):
                p.D[p.scalars + j] /= EASE
    return steps if found >= 0 else -1


cdef inline int _descend(Problem* p, double* y) noexcept nogil:
    cdef double t[ROW]
    cdef double new[ROW]
    cdef double d[ROW]
    cdef double least, most, share
    cdef int scalar_set[SCALARS]
    cdef int force_set[FORCES]
    cdef int iteration, k, i
    for iteration in range(1, MOST):
        if not _newton(p, new, y):
            return -1
        memcpy(scalar_set, p.scalar_set, sizeof(scalar_set))
        memcpy(force_set, p.force_set, sizeof(force_set))
        if iteration > FULL_STEPS:  # it cycles: go no further than the lowest point on the way
            for k in range(ROW):
                d[k] = new[k] - t[k]
            least, most = 0.0, 1.0
            if _slope(p, t, d, 1.0, y) > 0.0:
                for i in range(BISECTIONS):
                    share = 0.5 * (least + most)
                    if _slope(p, t, d, share, y) > 0.0:
                        most = share
                    else:
                        least = share
                for k in range(ROW):
                    t[k] += most * d[k]
                _project(p, t, y)
                continue
            # the search has asked at other places: back to the step's own set and y
            memcpy(p.scalar_set, scalar_set, sizeof(scalar_set))
            memcpy(p.force_set, force_set, sizeof(force_set))
            _newton(p, new, y)
        for k in range(ROW):
            t[k] = new[k]
        if not _revise(p, t, y):
            return iteration
    return -1
