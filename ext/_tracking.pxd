# Inverse kinematics: the posture of a tree that lies nearest to measured markers.
#
#     minimise  sum_m w_m |x_m(q) - y_m|^2 + sum_j r_j (q_j - p_j(q_k))^2 + s_j (q_j - c_j)^2,   low <= q <= high
#
# over the pose of the base and the hinge angles. p_j: what angle j is expected to be, a polynomial in the angle of another
# hinge k nearer the root (a knee rotates as it bends), or zero; c_j: the angle before and after in time. A hinge of infinite r_j
# follows its p_j exactly.
#
# Gauss-Newton steps, damped where they would not descend (Levenberg-Marquardt). Its matrix J^T w J is the mass matrix of
# the tree with a point mass w_m at each marker: the composite algorithm of _kinematics.pxd makes it, and its factor keeps
# the zeros of the tree. Angles at a limit that push outward are left out of a step (projected Newton: Bertsekas 1982,
# doi 10.1137/0320018).
from libc.math cimport cos, fabs, sin, sqrt

from _kinematics cimport Pose, Tree, factor_mass, frames, mass_bias, solve_mass
from _math cimport cross, dot, quaternion_rotation, rotate

DEF LINKS = 64
DEF COLUMNS = LINKS + 5
DEF MARKERS = 512
DEF MOST = 60               # steps a frame
DEF ENOUGH = 1e-7           # a step of this size, in metres and radians, is the last

cdef struct Problem:
    int markers
    const int* link             # of each marker
    const double* local         # its place there (markers, 3)
    const double* weight        # (markers,), 0: not used
    const double* low           # of each hinge, (n - 1,)
    const double* high
    const int* follows          # the hinge whose angle it is expected to go with, or -1
    const double* polynomial    # (n - 1, 4): coefficients of x .. x^4
    const double* pull          # r_j; below zero: infinite
    const double* smooth        # s_j


cdef struct Work:
    Pose at
    double mass[LINKS]
    double com[LINKS * 3]
    double inertia[LINKS * 9]
    double M[COLUMNS * COLUMNS]
    double h[COLUMNS]
    double slope[COLUMNS]       # minus half the gradient
    double step[COLUMNS]
    double q[LINKS + 6]
    int seen[MARKERS]


cdef inline double expected(const Problem* p, const double* q, int j, double* slope) noexcept nogil:
    # What hinge angle j is expected to be, and its derivative by the angle that it follows.
    cdef int k = p.follows[j]
    cdef const double* c = p.polynomial + 4 * j
    cdef double x
    if k < 0:
        slope[0] = 0.0
        return 0.0
    x = q[7 + k]
    slope[0] = c[0] + x * (2.0 * c[1] + x * (3.0 * c[2] + x * 4.0 * c[3]))
    return x * (c[0] + x * (c[1] + x * (c[2] + x * c[3])))


cdef inline void follow(const Problem* p, int hinges, double* q) noexcept nogil:
    cdef int j
    cdef double slope
    for j in range(hinges):
        if p.pull[j] < 0.0:
            q[7 + j] = expected(p, q, j, &slope)


cdef inline double cost(
    const Tree* tree, const Problem* p, const double* y, const double* q, const double* centre, Work* w
) noexcept nogil:
    # Leaves the frames at q in w.at.
    cdef int m, k, j
    cdef double total = 0.0, d, slope
    cdef double r[3]
    frames(tree, q, &w.at)
    for m in range(p.markers):
        if w.seen[m]:
            rotate(w.at.R + 9 * p.link[m], p.local + 3 * m, r)
            d = 0.0
            for k in range(3):
                r[k] += w.at.p[3 * p.link[m] + k] - y[3 * m + k]
                d += r[k] * r[k]
            total += p.weight[m] * d
    for j in range(tree.n - 1):
        if p.pull[j] > 0.0:
            d = q[7 + j] - expected(p, q, j, &slope)
            total += p.pull[j] * d * d
        if p.smooth[j] > 0.0:
            d = q[7 + j] - centre[j]
            total += p.smooth[j] * d * d
    return total


cdef inline void normal_equations(
    Tree* tree, const Problem* p, const double* y, const double* centre, Work* w
) noexcept nogil:
    # M and the slope at the frames in w.at, which are those of w.q. The slope is what forces w_m (y_m - x_m) at the
    # markers do to the coordinates: summed from the leaves to the root.
    cdef int n = tree.n, columns = tree.n + 5, m, i, j, k, u
    cdef double force[LINKS * 3]
    cdef double moment[LINKS * 3]       # about the base origin
    cdef double axis[3]
    cdef double arm[3]
    cdef double r[3]
    cdef double t[3]
    cdef double zero[3]
    cdef double gravity[3]
    cdef double weight, slope, d
    cdef const double* x
    tree.mass, tree.com, tree.inertia = w.mass, w.com, w.inertia
    for i in range(3 * n):
        w.com[i] = force[i] = moment[i] = 0.0
    for i in range(9 * n):
        w.inertia[i] = 0.0
    for i in range(n):
        w.mass[i] = 0.0
    for k in range(3):
        gravity[k] = 0.0
    for m in range(p.markers):
        if not w.seen[m]:
            continue
        u, weight, x = p.link[m], p.weight[m], p.local + 3 * m
        w.mass[u] += weight
        for k in range(3):
            w.com[3 * u + k] += weight * x[k]
            w.inertia[9 * u + 4 * k] += weight * dot(x, x)
            for j in range(3):
                w.inertia[9 * u + 3 * k + j] -= weight * x[k] * x[j]
        rotate(w.at.R + 9 * u, x, r)
        for k in range(3):
            t[k] = weight * (y[3 * m + k] - w.at.p[3 * u + k] - r[k])
            r[k] += w.at.p[3 * u + k] - w.at.p[k]
            force[3 * u + k] += t[k]
        cross(r, t, axis)
        for k in range(3):
            moment[3 * u + k] += axis[k]
    for i in range(n):
        if w.mass[i] > 0.0:     # about the centre of mass, as the composite algorithm wants it
            for k in range(3):
                w.com[3 * i + k] /= w.mass[i]
            d = w.mass[i] * dot(w.com + 3 * i, w.com + 3 * i)
            for k in range(3):
                w.inertia[9 * i + 4 * k] -= d
                for j in range(3):
                    w.inertia[9 * i + 3 * k + j] += w.mass[i] * w.com[3 * i + k] * w.com[3 * i + j]
    for i in range(n):          # at rest: what the mass matrix needs beside the frames
        for k in range(3):
            w.at.w[3 * i + k] = w.at.alpha[3 * i + k] = w.at.a[3 * i + k] = 0.0
        if i:
            rotate(w.at.R + 9 * i, tree.axis + 3 * i, w.at.z + 3 * i)
    mass_bias(tree, &w.at, gravity, w.M, w.h)
    for i in range(n - 1, 0, -1):
        u = tree.parent[i]
        for k in range(3):
            force[3 * u + k] += force[3 * i + k]
            moment[3 * u + k] += moment[3 * i + k]
            arm[k] = w.at.p[3 * i + k] - w.at.p[k]
        cross(arm, force + 3 * i, t)
        w.slope[5 + i] = dot(w.at.z + 3 * i, moment + 3 * i) - dot(w.at.z + 3 * i, t)
    for k in range(3):
        w.slope[k] = force[k]
        w.slope[3 + k] = moment[k]
    for j in range(n - 1):
        i = 6 + j
        if p.pull[j] > 0.0:
            d = expected(p, w.q, j, &slope) - w.q[7 + j]
            w.slope[i] += p.pull[j] * d
            w.M[columns * i + i] += p.pull[j]
            if p.follows[j] >= 0:
                k = 6 + p.follows[j]
                w.slope[k] -= p.pull[j] * d * slope
                w.M[columns * k + k] += p.pull[j] * slope * slope
                w.M[columns * i + k] -= p.pull[j] * slope
                w.M[columns * k + i] -= p.pull[j] * slope
        if p.smooth[j] > 0.0:
            w.slope[i] += p.smooth[j] * (centre[j] - w.q[7 + j])
            w.M[columns * i + i] += p.smooth[j]
    for j in range(n - 1):      # a hinge that follows another moves with it
        if p.pull[j] < 0.0:
            i = 6 + j
            if p.follows[j] >= 0:
                k = 6 + p.follows[j]
                expected(p, w.q, j, &slope)
                w.slope[k] += slope * w.slope[i]
                w.M[columns * k + k] += slope * (2.0 * w.M[columns * i + k] + slope * w.M[columns * i + i])
                for m in range(columns):
                    if m != k:
                        w.M[columns * k + m] += slope * w.M[columns * i + m]
                        w.M[columns * m + k] = w.M[columns * k + m]
            clear(columns, i, w)


cdef inline void clear(int columns, int i, Work* w) noexcept nogil:
    cdef int m
    for m in range(columns):
        w.M[columns * i + m] = w.M[columns * m + i] = 0.0
    w.M[columns * i + i] = 1.0
    w.slope[i] = 0.0


cdef inline void move(const Tree* tree, const Problem* p, const double* q, const double* step, double* out) noexcept nogil:
    # The base turns by the vector step[3:6] in world axes; hinges stay within their limits.
    cdef int j
    cdef double angle = sqrt(dot(step + 3, step + 3)), s, c
    cdef double t[4]
    for j in range(3):
        out[j] = q[j] + step[j]
    s, c = (sin(0.5 * angle) / angle, cos(0.5 * angle)) if angle > 1e-12 else (0.5, 1.0)
    for j in range(3):
        t[j] = s * step[3 + j]
    out[3] = c * q[3] + t[0] * q[6] + t[1] * q[5] - t[2] * q[4]
    out[4] = c * q[4] - t[0] * q[5] + t[1] * q[6] + t[2] * q[3]
    out[5] = c * q[5] + t[0] * q[4] - t[1] * q[3] + t[2] * q[6]
    out[6] = c * q[6] - t[0] * q[3] - t[1] * q[4] - t[2] * q[5]
    angle = 1.0 / sqrt(out[3] * out[3] + out[4] * out[4] + out[5] * out[5] + out[6] * out[6])
    for j in range(3, 7):
        out[j] *= angle
    for j in range(tree.n - 1):
        out[7 + j] = min(max(q[7 + j] + step[6 + j], p.low[j]), p.high[j])
    follow(p, tree.n - 1, out)


cdef inline int posture(
    Tree* tree, const Problem* p, const double* y, const double* centre, double* q, Work* w
) noexcept nogil:
    # From q to the posture nearest to the markers y (markers, 3), in place. Returns the steps taken, negative where they
    # did not suffice.
    cdef int columns = tree.n + 5, i, j, m, k, count
    cdef double now, after, damping = 0.0, size
    for m in range(p.markers):
        w.seen[m] = p.weight[m] > 0.0 and y[3 * m] == y[3 * m]
    for i in range(7):
        w.q[i] = q[i]
    for j in range(tree.n - 1):
        w.q[7 + j] = min(max(q[7 + j], p.low[j]), p.high[j])
    follow(p, tree.n - 1, w.q)
    now = cost(tree, p, y, w.q, centre, w)
    for count in range(1, MOST + 1):
        frames(tree, w.q, &w.at)
        normal_equations(tree, p, y, centre, w)
        for j in range(tree.n - 1):
            if p.pull[j] >= 0.0 and (
                (w.q[7 + j] <= p.low[j] and w.slope[6 + j] < 0.0) or (w.q[7 + j] >= p.high[j] and w.slope[6 + j] > 0.0)
            ):
                clear(columns, 6 + j, w)
        for i in range(columns):
            # what no marker sees stays where it is
            w.M[columns * i + i] += 1e-9 + damping * (w.M[columns * i + i] + 1e-6)
            w.step[i] = w.slope[i]
        if not factor_mass(columns, w.M):
            damping = max(10.0 * damping, 1e-3)
            continue
        solve_mass(columns, w.M, w.step)
        size = 0.0
        for i in range(columns):
            size = max(size, fabs(w.step[i]))
        move(tree, p, w.q, w.step, q)
        after = cost(tree, p, y, q, centre, w)
        if after <= now:
            for i in range(tree.n + 6):
                w.q[i] = q[i]
            now, damping = after, 0.1 * damping if damping > 1e-6 else 0.0
            if size < ENOUGH:
                return count
        else:
            for i in range(tree.n + 6):
                q[i] = w.q[i]
            if size < 1e2 * ENOUGH:     # no descent is left above rounding
                return count
            damping = max(10.0 * damping, 1e-4)
    return -MOST
