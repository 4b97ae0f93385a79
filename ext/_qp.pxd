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
# the active set of the last tick and is mostly done after one or two. Where it might cycle, a line search makes it descend.
from libc.math cimport fabs, sqrt
from libc.string cimport memcpy

cdef extern from "_qp.h" nogil:
    double simlab_dot(int first, int last, int shared, int row, const double* a, const double* b)
    void simlab_add(int first, int last, int shared, int row, double factor, const double* a, double* total)
    void simlab_gram(
        int fours, const int* first, const int* last, int shared, int rank, int row, const double* Q, double* S
    )

DEF RANK = 27
DEF ROW = 28                # a row of K, padded to whole vectors
DEF SCALARS = 136
DEF FORCES = 16
DEF VARIABLES = SCALARS + 3 * FORCES
DEF FULL_STEPS = 6          # steps before the line search
DEF PATIENCE = 30           # steps before the long way is taken
DEF MOST = 100              # steps of one problem on that way
DEF SEARCHES = 20           # of one line search, at most
DEF ENOUGH = 0.1            # of the slope at its start: near enough to the lowest point
DEF REFINEMENTS = 1
DEF STAGES = 10
DEF EASE = 4.0
DEF SLACK = 1e-10           # a bound that is met this well is kept: rounding must not make the set flicker
DEF STILL = 1e-13           # a step this short, relative to t, is rounding
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
    # Columns of K from `shared` on may differ from zero in every row, the others in the rows of one branch only: those
    # of a leg, say. Row j of K: first_j..last_j, whole vectors of four, and those. Column k: branch_k..branch_end_k.
    int shared
    int first[VARIABLES]
    int last[VARIABLES]
    int branch[ROW]
    int branch_end[ROW]
    # the active set: in and out
    int scalar_set[SCALARS]
    int force_set[FORCES]
    # scratch: what may move, column by column: (x, y, z) or scalar = direction times its coordinate
    int columns
    int member[VARIABLES]
    double direction[VARIABLES * 3]
    double Q[VARIABLES * ROW]   # K times the direction
    double factor[RANK * ROW]
    double inverse[RANK]        # of its diagonal


cdef inline int cholesky(const Problem* p, double* S, double* inverse) noexcept nogil:
    # Of S with rows as K's columns: its lower triangle, in place, and 1 over its diagonal. Returns whether S is positive
    # definite.
    cdef int i, j, k, end, shared
    cdef double x
    cdef double column[ROW]
    cdef double* row
    for j in range(RANK):
        if not S[ROW * j + j] > 0.0:
            return 0
        S[ROW * j + j] = sqrt(S[ROW * j + j])
        x = inverse[j] = 1.0 / S[ROW * j + j]
        end, shared = p.branch_end[j], max(j + 1, p.shared)
        for i in range(j + 1, end):
            S[ROW * i + j] *= x
            column[i] = S[ROW * i + j]
        for i in range(shared, RANK):
            S[ROW * i + j] *= x
            column[i] = S[ROW * i + j]
        for i in range(j + 1, end):
            x, row = column[i], S + ROW * i
            for k in range(j + 1, i + 1):
                row[k] -= x * column[k]
        for i in range(shared, RANK):
            x, row = column[i], S + ROW * i
            if x != 0.0:
                for k in range(j + 1, end):
                    row[k] -= x * column[k]
                for k in range(shared, i + 1):
                    row[k] -= x * column[k]
    return 1


cdef inline void _solve(const Problem* p, double* x) noexcept nogil:
    # By the factor, in place.
    cdef int i, k, whole
    cdef double s0, s1, s2, s3, y
    cdef const double* L
    for i in range(RANK):
        L = p.factor + ROW * i
        s0 = s1 = s2 = s3 = 0.0
        whole = i & ~3
        for k in range(p.branch[i], whole, 4):
            s0 += L[k] * x[k]
            s1 += L[k + 1] * x[k + 1]
            s2 += L[k + 2] * x[k + 2]
            s3 += L[k + 3] * x[k + 3]
        for k in range(whole, i):
            s0 += L[k] * x[k]
        x[i] = (x[i] - ((s0 + s1) + (s2 + s3))) * p.inverse[i]
    for i in range(RANK - 1, -1, -1):
        L = p.factor + ROW * i
        y = x[i] * p.inverse[i]
        for k in range(p.branch[i], i):
            x[k] -= L[k] * y
        x[i] = y


cdef inline double _dot(const Problem* p, int j, const double* a, const double* b) noexcept nogil:
    # Over the columns of row j.
    return simlab_dot(p.first[j], p.last[j], p.shared, ROW, a, b)


cdef inline void _add(const Problem* p, int j, double factor, const double* a, double* total) noexcept nogil:
    # Over the columns of row j.
    simlab_add(p.first[j], p.last[j], p.shared, ROW, factor, a, total)


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
    cdef int j, i, k, m, pass_, fours
    cdef int first[VARIABLES]
    cdef int last[VARIABLES]
    cdef double rest[ROW]
    cdef double left[VARIABLES]
    cdef double x0
    _columns(p)
    for i in range(RANK * ROW):
        p.factor[i] = 0.0
    for i in range(RANK):
        p.factor[ROW * i + i] = 1.0
    fours = (p.columns + 3) // 4
    for i in range(fours):
        first[i], last[i] = ROW, 0
        for j in range(4 * i, min(4 * i + 4, p.columns)):
            first[i], last[i] = min(first[i], p.first[p.member[j]]), max(last[i], p.last[p.member[j]])
    simlab_gram(fours, first, last, p.shared, RANK, ROW, p.Q, p.factor)
    if not cholesky(p, p.factor, p.inverse):
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
                _add(p, j, y[j], p.K + ROW * j, rest)
        for j in range(p.columns):
            m = p.member[j]
            if m < p.scalars:
                left[j] = p.direction[3 * j] * (p.D[m] * y[m] + p.g[m])
            else:
                left[j] = 0.0
                for i in range(3):
                    left[j] += p.direction[3 * j + i] * (p.D[m] * y[m + i] + p.g[m + i])
            if pass_:  # t was zero before
                left[j] += _dot(p, m, p.Q + ROW * j, t)
            _add(p, m, -left[j], p.Q + ROW * j, rest)
        _solve(p, rest)
        for k in range(RANK):
            t[k] += rest[k]
            if not t[k] - t[k] == 0.0:  # not a number, or without end
                return 0
        for j in range(p.columns):
            m = p.member[j]
            x0 = -left[j] - _dot(p, m, p.Q + ROW * j, rest)
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
        y[j] = _scalar(p, j, -(p.g[j] + _dot(p, j, p.K + ROW * j, t)) / p.D[j], 0.0, &p.scalar_set[j])
    for c in range(p.forces):
        j = p.scalars + 3 * c
        for i in range(3):
            u[i] = -(p.g[j + i] + _dot(p, j + i, p.K + ROW * (j + i), t)) / p.D[j]
        p.force_set[c] = _force(p.mu, u, 0.0, p.force_set[c], y + j)


cdef inline int _revise(Problem* p, const double* t, double* y) noexcept nogil:
    # The active set of a Newton step's t and y: like `_project`, but what moved freely is taken from y, which is more
    # exact than t. Returns whether the set changed.
    cdef int j, c, i, before, changed = 0
    cdef double u[3]
    for j in range(p.scalars):
        before = p.scalar_set[j]
        u[0] = y[j] if before == FREE else -(p.g[j] + _dot(p, j, p.K + ROW * j, t)) / p.D[j]
        y[j] = _scalar(p, j, u[0], SLACK, &p.scalar_set[j])
        changed |= p.scalar_set[j] != before
    for c in range(p.forces):
        j = p.scalars + 3 * c
        before = p.force_set[c]
        for i in range(3):
            u[i] = y[j + i]
        if before:
            _pressed(p, j, before, t, u)
        p.force_set[c] = _let_go(before, _force(p.mu, u, FORCE_SLACK, before, y + j))
        changed |= p.force_set[c] != before
    return changed


cdef inline int _let_go(int before, int after) noexcept nogil:
    # Never from one face to the opposite one: D is so small that what pulls a force off a face overshoots.
    if before & X and after & X and (before ^ after) & X_MINUS:
        after &= ~(X | X_MINUS)
    if before & Z and after & Z and (before ^ after) & Z_MINUS:
        after &= ~(Z | Z_MINUS)
    return after


cdef inline void _pressed(const Problem* p, int j, int held, const double* t, double* u) noexcept nogil:
    # Adds to a force on its faces how hard it is pressed against them: -gradient / D, across the directions left free.
    cdef double g[3]
    cdef double sx = 0.0, sz = 0.0, along
    cdef int i
    for i in range(3):
        g[i] = -(p.g[j + i] + _dot(p, j + i, p.K + ROW * (j + i), t)) / p.D[j] - u[i]
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


cdef inline double _slope(Problem* p, const double* u, const double* du, double share) noexcept nogil:
    # -sum D du . y(u + share du): what the bounds add to the slope of the dual along a step.
    cdef int j, c, i, state = FREE
    cdef double at[3]
    cdef double y[3]
    cdef double total = 0.0
    for j in range(p.scalars):
        total += p.D[j] * du[j] * _scalar(p, j, u[j] + share * du[j], 0.0, &state)
    for c in range(p.forces):
        j = p.scalars + 3 * c
        for i in range(3):
            at[i] = u[j + i] + share * du[j + i]
        _force(p.mu, at, 0.0, FREE, y)
        for i in range(3):
            total += p.D[j + i] * du[j + i] * y[i]
    return total


cdef inline double _share(Problem* p, const double* t, const double* d) noexcept nogil:
    # How far to go along a Newton step d so that the dual falls: all of it, or to near the lowest point on the way.
    cdef double u[VARIABLES]
    cdef double du[VARIABLES]
    cdef double dd = 0.0, start = 0.0
    cdef double low = 0.0, high = 1.0, share = 1.0, at_low, at_high, at, enough
    cdef int j, side = 0, k
    for k in range(RANK):
        dd += d[k] * d[k]
        start += (t[k] - p.r[k]) * d[k]
    for j in range(p.scalars + 3 * p.forces):
        u[j] = -(p.g[j] + _dot(p, j, p.K + ROW * j, t)) / p.D[j]
        du[j] = -_dot(p, j, p.K + ROW * j, d) / p.D[j]
    at_low = start + _slope(p, u, du, 0.0)
    at_high = start + dd + _slope(p, u, du, 1.0)
    if at_high <= 0.0 or at_low >= 0.0:  # it falls all the way, or not at all but for rounding
        return 1.0
    enough = -ENOUGH * at_low
    for k in range(SEARCHES):  # regula falsi that does not stick to one side (Illinois)
        share = (low * at_high - high * at_low) / (at_high - at_low)
        at = start + share * dd + _slope(p, u, du, share)
        if fabs(at) <= enough:
            break
        if at > 0.0:
            high, at_high = share, at
            if side > 0:
                at_low *= 0.5
            side = 1
        else:
            low, at_low = share, at
            if side < 0:
                at_high *= 0.5
            side = -1
    return share


cdef inline int minimise(Problem* p, double* y) noexcept nogil:
    # The optimum, from the active set in p. Returns the number of Newton steps, or -1 if it did not arrive.
    #
    # The forces' D is so small that the dual is almost kinked. Far from the answer a Newton step is then of little use:
    # the way there goes over problems with larger D, each from the active set of the one before.
    cdef int found, steps, stage, j, forces = 3 * p.forces
    steps = _descend(p, y, PATIENCE)
    if steps >= 0:
        return steps
    steps = PATIENCE
    for j in range(p.scalars):
        p.scalar_set[j] = FREE
    for j in range(p.forces):
        p.force_set[j] = FREE
    for j in range(forces):
        p.D[p.scalars + j] *= EASE ** STAGES
    for stage in range(STAGES + 1):
        found = _descend(p, y, MOST)
        steps += found if found >= 0 else MOST
        if stage < STAGES:
            for j in range(forces):
                p.D[p.scalars + j] /= EASE
    return steps if found >= 0 else -1


cdef inline int _descend(Problem* p, double* y, int most) noexcept nogil:
    cdef double t[ROW]
    cdef double new[ROW]
    cdef double d[ROW]
    cdef double share
    cdef int iteration, k, still
    for iteration in range(1, most + 1):
        if not _newton(p, new, y):
            return -1
        if iteration > FULL_STEPS:  # it may cycle: go no further than the lowest point on the way
            still = True
            for k in range(ROW):
                d[k] = new[k] - t[k]
                still &= fabs(d[k]) <= STILL * (1.0 + fabs(new[k]))
            if still:  # there; rounding alone makes the set flicker
                _revise(p, new, y)
                return iteration
            share = _share(p, t, d)
            if share < 1.0:
                for k in range(ROW):
                    t[k] += share * d[k]
                _project(p, t, y)
                continue
        for k in range(ROW):
            t[k] = new[k]
        if not _revise(p, t, y):
            return iteration
    return -1
