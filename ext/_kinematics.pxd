# Rigid-body kinematics and dynamics of the leg tree: frames, Jacobians, mass matrix (CRBA), bias force (RNEA).
#
# Link 0 is free, links 1..n-1 turn about one hinge each; every link frame is parallel to its parent's at zero angle.
# State: q = base position (3), base quaternion x y z w (4), hinge angles; v = base linear velocity of the origin of
# link 0 and base angular velocity, both in world axes, then hinge rates. All vectors are kept in world axes, and
# spatial quantities are taken about the base origin: composite inertias then simply add up towards the root
# (Featherstone 2008, Rigid Body Dynamics Algorithms, doi 10.1007/978-1-4899-7560-7).
from libc.math cimport sqrt

from _math cimport axis_rotation, cross, dot, matmul, quaternion_rotation, rotate

DEF LINKS = 64

# A tree of n links; arrays by link, row-major.
cdef struct Tree:
    int n
    const int* parent
    const double* pos
    const double* axis
    const double* mass
    const double* com
    const double* inertia

# Where its links are and how they move: rotations, origins, hinge axes, angular velocities, and the angular and linear
# accelerations of the link origins that remain when every vdot is zero.
cdef struct Pose:
    double R[LINKS * 9]
    double p[LINKS * 3]
    double z[LINKS * 3]
    double w[LINKS * 3]
    double alpha[LINKS * 3]
    double a[LINKS * 3]


cdef inline Tree tree(skeleton) except *:
    """skeleton: parent, pos, axis, mass, com, inertia; whoever holds a tree keeps them alive."""
    cdef const int[::1] parent = skeleton[0]
    cdef const double[:, ::1] pos = skeleton[1], axis = skeleton[2], com = skeleton[4]
    cdef const double[::1] mass = skeleton[3]
    cdef const double[:, :, ::1] inertia = skeleton[5]
    cdef Tree out
    out.n = parent.shape[0]
    if out.n > LINKS:
        raise ValueError(f"at most {LINKS} links, got {out.n}")
    out.parent, out.pos, out.axis = &parent[0], &pos[0, 0], &axis[0, 0]
    out.mass, out.com, out.inertia = &mass[0], &com[0, 0], &inertia[0, 0, 0]
    return out


cdef inline void frames(const Tree* tree, const double* q, Pose* at) noexcept nogil:
    cdef int i, k, u
    cdef double T[9]
    cdef double r[3]
    for k in range(3):
        at.p[k] = q[k]
    quaternion_rotation(q + 3, at.R)
    for i in range(1, tree.n):
        u = tree.parent[i]
        rotate(at.R + 9 * u, tree.pos + 3 * i, r)
        for k in range(3):
            at.p[3 * i + k] = at.p[3 * u + k] + r[k]
        axis_rotation(tree.axis + 3 * i, q[6 + i], T)
        matmul(at.R + 9 * u, T, at.R + 9 * i)


cdef inline void motion(const Tree* tree, const double* q, const double* v, Pose* at) noexcept nogil:
    cdef int i, k, u
    cdef double r[3]
    cdef double t[3]
    frames(tree, q, at)
    for k in range(3):
        at.z[k] = 0.0
        at.w[k] = v[3 + k]
        at.alpha[k] = 0.0
        at.a[k] = 0.0
    for i in range(1, tree.n):
        u = tree.parent[i]
        rotate(at.R + 9 * i, tree.axis + 3 * i, at.z + 3 * i)
        for k in range(3):
            r[k] = at.p[3 * i + k] - at.p[3 * u + k]
            at.w[3 * i + k] = at.w[3 * u + k] + at.z[3 * i + k] * v[5 + i]
        cross(at.w + 3 * u, at.z + 3 * i, t)
        for k in range(3):
            at.alpha[3 * i + k] = at.alpha[3 * u + k] + t[k] * v[5 + i]
        rigid_acceleration(at.w + 3 * u, at.alpha + 3 * u, at.a + 3 * u, r, at.a + 3 * i)


cdef inline void rigid_acceleration(
    const double* w, const double* alpha, const double* a, const double* r, double* out
) noexcept nogil:
    cdef double t[3]
    cdef double s[3]
    cdef double b[3]
    cdef int k
    cross(w, r, t)
    cross(w, t, s)
    cross(alpha, r, b)
    for k in range(3):
        out[k] = a[k] + b[k] + s[k]


cdef inline void world_inertia(const double* R, const double* local, double* out) noexcept nogil:
    # R I R^T
    cdef double T[9]
    cdef int i, j
    matmul(R, local, T)
    for i in range(3):
        for j in range(3):
            out[3 * i + j] = T[3 * i] * R[3 * j] + T[3 * i + 1] * R[3 * j + 1] + T[3 * i + 2] * R[3 * j + 2]


cdef inline void mass_bias(
    const Tree* tree, const Pose* at, const double* gravity, double* M, double* h
) noexcept nogil:
    # M (n + 5, n + 5) and h (n + 5,) with M vdot + h = tau.
    cdef int n = tree.n, columns = tree.n + 5, i, j, k, u, row
    cdef double force[LINKS * 3]      # net force that the subtree needs
    cdef double moment[LINKS * 3]     # its moment about the base origin
    cdef double cm[LINKS]             # composite mass, first moment, inertia about the base origin
    cdef double cf[LINKS * 3]
    cdef double ci[LINKS * 9]
    cdef double c[3]
    cdef double acc[3]
    cdef double t[3]
    cdef double s[3]
    cdef double I[9]
    cdef double axis_w[3]
    cdef double arm[3]
    cdef double linear[3]
    cdef double F[3]
    cdef double N[3]
    cdef double cc
    for i in range(n):
        rotate(at.R + 9 * i, tree.com + 3 * i, c)
        rigid_acceleration(at.w + 3 * i, at.alpha + 3 * i, at.a + 3 * i, c, acc)
        world_inertia(at.R + 9 * i, tree.inertia + 9 * i, I)
        for k in range(3):
            force[3 * i + k] = tree.mass[i] * (acc[k] - gravity[k])
            c[k] += at.p[3 * i + k] - at.p[k]
        rotate(I, at.w + 3 * i, t)
        cross(at.w + 3 * i, t, s)
        rotate(I, at.alpha + 3 * i, t)
        cross(c, force + 3 * i, N)
        for k in range(3):
            moment[3 * i + k] = t[k] + s[k] + N[k]
        cm[i] = tree.mass[i]
        cc = dot(c, c)
        for j in range(3):
            cf[3 * i + j] = tree.mass[i] * c[j]
            for k in range(3):
                ci[9 * i + 3 * j + k] = I[3 * j + k] - tree.mass[i] * c[j] * c[k]
            ci[9 * i + 4 * j] += tree.mass[i] * cc
    for i in range(n - 1, 0, -1):
        u = tree.parent[i]
        cm[u] += cm[i]
        for k in range(3):
            force[3 * u + k] += force[3 * i + k]
            moment[3 * u + k] += moment[3 * i + k]
            cf[3 * u + k] += cf[3 * i + k]
        for k in range(9):
            ci[9 * u + k] += ci[9 * i + k]
    for row in range(n + 5):
        for k in range(n + 5):
            M[row * columns + k] = 0.0
    for k in range(3):
        h[k] = force[k]
        h[3 + k] = moment[k]
        M[k * columns + k] = cm[0]
        for j in range(k, 3):
            M[(3 + k) * columns + 3 + j] = ci[3 * k + j]
            M[(3 + j) * columns + 3 + k] = ci[3 * k + j]
    # base linear against base angular: momentum of a turn about e_j is e_j x (m c)
    M[0 * columns + 4] = cf[2]
    M[0 * columns + 5] = -cf[1]
    M[1 * columns + 3] = -cf[2]
    M[1 * columns + 5] = cf[0]
    M[2 * columns + 3] = cf[1]
    M[2 * columns + 4] = -cf[0]
    for i in range(3):
        for j in range(3, 6):
            M[j * columns + i] = M[i * columns + j]
    for i in range(1, n):
        for k in range(3):
            axis_w[k] = at.z[3 * i + k]
            arm[k] = at.p[3 * i + k] - at.p[k]
        # velocity, at the base origin, of the composite body turning about this hinge
        cross(arm, axis_w, linear)
        cross(axis_w, cf + 3 * i, t)
        rotate(ci + 9 * i, axis_w, N)
        cross(cf + 3 * i, linear, s)
        for k in range(3):
            F[k] = cm[i] * linear[k] + t[k]
            N[k] += s[k]
        row = 5 + i
        for k in range(3):
            M[row * columns + k] = F[k]
            M[k * columns + row] = F[k]
            M[row * columns + 3 + k] = N[k]
            M[(3 + k) * columns + row] = N[k]
        u = i
        while u > 0:
            for k in range(3):
                arm[k] = at.p[3 * u + k] - at.p[k]
            cross(arm, at.z + 3 * u, linear)
            M[row * columns + 5 + u] = dot(linear, F) + dot(at.z + 3 * u, N)
            M[(5 + u) * columns + row] = M[row * columns + 5 + u]
            u = tree.parent[u]
        for k in range(3):
            arm[k] = at.p[3 * i + k] - at.p[k]
        cross(arm, force + 3 * i, t)
        h[row] = dot(axis_w, moment + 3 * i) - dot(axis_w, t)


cdef inline void turning(const double* r, double* J, int columns) noexcept nogil:
    # the columns of a turn of the base: e_k x r
    J[4] = r[2]
    J[5] = -r[1]
    J[columns + 3] = -r[2]
    J[columns + 5] = r[0]
    J[2 * columns + 3] = r[1]
    J[2 * columns + 4] = -r[0]


cdef inline void point_jacobian(
    const Tree* tree, const Pose* at, int link, const double* local, double* x, double* J, double* jdv
) noexcept nogil:
    # A point fixed in a link: position x (3,), Jacobian J (3, n + 5), Jdot v (3,).
    cdef int columns = tree.n + 5, k, j, u = link
    cdef double r[3]
    cdef double t[3]
    rotate(at.R + 9 * u, local, r)
    rigid_acceleration(at.w + 3 * u, at.alpha + 3 * u, at.a + 3 * u, r, jdv)
    for k in range(3):
        x[k] = at.p[3 * u + k] + r[k]
        for j in range(columns):
            J[k * columns + j] = 0.0
        J[k * columns + k] = 1.0
        r[k] = x[k] - at.p[k]
    turning(r, J, columns)
    while u > 0:
        for k in range(3):
            r[k] = x[k] - at.p[3 * u + k]
        cross(at.z + 3 * u, r, t)
        for k in range(3):
            J[k * columns + 5 + u] = t[k]
        u = tree.parent[u]


cdef inline void com_jacobian(const Tree* tree, const Pose* at, double* c, double* J, double* jdv) noexcept nogil:
    # The whole body's centre of mass: position c (3,), Jacobian J (3, n + 5), Jdot v (3,).
    cdef int n = tree.n, columns = tree.n + 5, i, k, j, u
    cdef double first[LINKS * 3]      # first moment of the subtree about the world origin
    cdef double total[LINKS]
    cdef double r[3]
    cdef double acc[3]
    cdef double t[3]
    for k in range(3):
        jdv[k] = 0.0
        for j in range(columns):
            J[k * columns + j] = 0.0
    for i in range(n):
        rotate(at.R + 9 * i, tree.com + 3 * i, r)
        rigid_acceleration(at.w + 3 * i, at.alpha + 3 * i, at.a + 3 * i, r, acc)
        total[i] = tree.mass[i]
        for k in range(3):
            first[3 * i + k] = tree.mass[i] * (at.p[3 * i + k] + r[k])
            jdv[k] += tree.mass[i] * acc[k]
    for i in range(n - 1, 0, -1):
        u = tree.parent[i]
        total[u] += total[i]
        for k in range(3):
            first[3 * u + k] += first[3 * i + k]
    for k in range(3):
        c[k] = first[k] / total[0]
        jdv[k] /= total[0]
        J[k * columns + k] = 1.0
        r[k] = c[k] - at.p[k]
    turning(r, J, columns)
    for i in range(1, n):
        for k in range(3):
            r[k] = (first[3 * i + k] - total[i] * at.p[3 * i + k]) / total[0]
        cross(at.z + 3 * i, r, t)
        for k in range(3):
            J[k * columns + 5 + i] = t[k]


# M = L^T L with L lower triangular: leaves first, so that L has the zeros of M (Featherstone 2008, chapter 6.5).

cdef inline int factor_mass(int n, double* M) noexcept nogil:
    # In place. Returns whether M is positive definite.
    cdef int i, j, k
    cdef double x
    for k in range(n - 1, -1, -1):
        if not M[n * k + k] > 0.0:
            return 0
        x = sqrt(M[n * k + k])
        M[n * k + k] = x
        x = 1.0 / x
        for i in range(k):
            M[n * k + i] *= x
        for i in range(k):
            x = M[n * k + i]
            if x != 0.0:
                for j in range(i + 1):
                    M[n * i + j] -= x * M[n * k + j]
    return 1


cdef inline void solve_transposed(int n, const double* L, double* x) noexcept nogil:
    # L^T y = x, in place
    cdef int i, k
    for i in range(n - 1, -1, -1):
        if x[i] != 0.0:
            x[i] /= L[n * i + i]
            for k in range(i):
                x[k] -= L[n * i + k] * x[i]


cdef inline void solve_mass(int n, const double* L, double* x) noexcept nogil:
    # M y = x, in place
    cdef int i, k
    solve_transposed(n, L, x)
    for i in range(n):
        for k in range(i):
            x[i] -= L[n * i + k] * x[k]
        x[i] /= L[n * i + i]
