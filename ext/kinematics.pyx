# Rigid-body kinematics and dynamics of the leg tree: frames, Jacobians, mass matrix (CRBA), bias force (RNEA).
#
# Link 0 is free, links 1..n-1 turn about one hinge each; every link frame is parallel to its parent's at zero angle.
# State: q = base position (3), base quaternion x y z w (4), hinge angles; v = base linear velocity of the origin of
# link 0 and base angular velocity, both in world axes, then hinge rates. All vectors are kept in world axes, and
# spatial quantities are taken about the base origin: composite inertias then simply add up towards the root
# (Featherstone 2008, Rigid Body Dynamics Algorithms, doi 10.1007/978-1-4899-7560-7).
cimport cython
from _math cimport axis_rotation, cross, dot, matmul, quaternion_rotation, rotate

DEF LINKS = 64


cdef void _frames(
    int n, const int* parent, const double* pos, const double* axis, const double* q, double* R, double* p
) noexcept nogil:
    cdef int i, k, u
    cdef double T[9]
    cdef double r[3]
    for k in range(3):
        p[k] = q[k]
    quaternion_rotation(q + 3, R)
    for i in range(1, n):
        u = parent[i]
        rotate(R + 9 * u, pos + 3 * i, r)
        for k in range(3):
            p[3 * i + k] = p[3 * u + k] + r[k]
        axis_rotation(axis + 3 * i, q[6 + i], T)
        matmul(R + 9 * u, T, R + 9 * i)


cdef void _motion(
    int n, const int* parent, const double* axis, const double* v, const double* R, const double* p,
    double* z, double* w, double* alpha, double* a
) noexcept nogil:
    # Hinge axes, angular velocities, and the accelerations that remain when every vdot is zero, at each link origin.
    cdef int i, k, u
    cdef double r[3]
    cdef double t[3]
    cdef double s[3]
    for k in range(3):
        z[k] = 0.0
        w[k] = v[3 + k]
        alpha[k] = 0.0
        a[k] = 0.0
    for i in range(1, n):
        u = parent[i]
        rotate(R + 9 * i, axis + 3 * i, z + 3 * i)
        for k in range(3):
            r[k] = p[3 * i + k] - p[3 * u + k]
            w[3 * i + k] = w[3 * u + k] + z[3 * i + k] * v[5 + i]
        cross(w + 3 * u, z + 3 * i, t)
        for k in range(3):
            alpha[3 * i + k] = alpha[3 * u + k] + t[k] * v[5 + i]
        _rigid_acceleration(w + 3 * u, alpha + 3 * u, a + 3 * u, r, a + 3 * i)


cdef inline void _rigid_acceleration(
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


cdef inline void _world_inertia(const double* R, const double* local, double* out) noexcept nogil:
    # R I R^T
    cdef double T[9]
    cdef int i, j
    matmul(R, local, T)
    for i in range(3):
        for j in range(3):
            out[3 * i + j] = T[3 * i] * R[3 * j] + T[3 * i + 1] * R[3 * j + 1] + T[3 * i + 2] * R[3 * j + 2]


def forward(
    const int[::1] parent, const double[:, ::1] pos, const double[:, ::1] axis, const double[::1] q,
    double[:, :, ::1] R, double[:, ::1] p
):
    """World rotation R (n, 3, 3) and origin p [m] (n, 3) of every link at q (n + 6,)."""
    with nogil:
        _frames(parent.shape[0], &parent[0], &pos[0, 0], &axis[0, 0], &q[0], &R[0, 0, 0], &p[0, 0])


def mass_bias(
    const int[::1] parent, const double[:, ::1] pos, const double[:, ::1] axis, const double[::1] mass,
    const double[:, ::1] com, const double[:, :, ::1] inertia, const double[::1] q, const double[::1] v,
    const double[::1] gravity, double[:, ::1] M, double[::1] h
):
    """Mass matrix M (n + 5, n + 5) and bias force h (n + 5,) with M vdot + h = tau.

    h holds gravity [m/s2], centrifugal and Coriolis forces. inertia [kg m2] is about the centre of mass, link axes.
    """
    cdef int n = parent.shape[0], i, j, k, l, u, row
    cdef double R[LINKS * 9]
    cdef double p[LINKS * 3]
    cdef double z[LINKS * 3]
    cdef double w[LINKS * 3]
    cdef double alpha[LINKS * 3]
    cdef double a[LINKS * 3]
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
    if n > LINKS:
        raise ValueError(f"at most {LINKS} links, got {n}")
    with nogil:
        _frames(n, &parent[0], &pos[0, 0], &axis[0, 0], &q[0], R, p)
        _motion(n, &parent[0], &axis[0, 0], &v[0], R, p, z, w, alpha, a)
        for i in range(n):
            rotate(R + 9 * i, &com[i, 0], c)
            _rigid_acceleration(w + 3 * i, alpha + 3 * i, a + 3 * i, c, acc)
            _world_inertia(R + 9 * i, &inertia[i, 0, 0], I)
            for k in range(3):
                force[3 * i + k] = mass[i] * (acc[k] - gravity[k])
                c[k] += p[3 * i + k] - p[k]
            rotate(I, w + 3 * i, t)
            cross(w + 3 * i, t, s)
            rotate(I, alpha + 3 * i, t)
            cross(c, force + 3 * i, N)
            for k in range(3):
                moment[3 * i + k] = t[k] + s[k] + N[k]
            cm[i] = mass[i]
            cc = dot(c, c)
            for j in range(3):
                cf[3 * i + j] = mass[i] * c[j]
                for k in range(3):
                    ci[9 * i + 3 * j + k] = I[3 * j + k] - mass[i] * c[j] * c[k]
                ci[9 * i + 4 * j] += mass[i] * cc
        for i in range(n - 1, 0, -1):
            u = parent[i]
            cm[u] += cm[i]
            for k in range(3):
                force[3 * u + k] += force[3 * i + k]
                moment[3 * u + k] += moment[3 * i + k]
                cf[3 * u + k] += cf[3 * i + k]
            for k in range(9):
                ci[9 * u + k] += ci[9 * i + k]
        for row in range(n + 5):
            for k in range(n + 5):
                M[row, k] = 0.0
        for k in range(3):
            h[k] = force[k]
            h[3 + k] = moment[k]
            M[k, k] = cm[0]
            for j in range(k, 3):
                M[3 + k, 3 + j] = ci[3 * k + j]
                M[3 + j, 3 + k] = ci[3 * k + j]
        # base linear against base angular: momentum of a turn about e_j is e_j x (m c)
        M[0, 4] = cf[2]
        M[0, 5] = -cf[1]
        M[1, 3] = -cf[2]
        M[1, 5] = cf[0]
        M[2, 3] = cf[1]
        M[2, 4] = -cf[0]
        for i in range(3):
            for j in range(3, 6):
                M[j, i] = M[i, j]
        for i in range(1, n):
            for k in range(3):
                axis_w[k] = z[3 * i + k]
                arm[k] = p[3 * i + k] - p[k]
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
                M[row, k] = F[k]
                M[k, row] = F[k]
                M[row, 3 + k] = N[k]
                M[3 + k, row] = N[k]
            u = i
            while u > 0:
                for k in range(3):
                    arm[k] = p[3 * u + k] - p[k]
                cross(arm, z + 3 * u, linear)
                M[row, 5 + u] = dot(linear, F) + dot(z + 3 * u, N)
                M[5 + u, row] = M[row, 5 + u]
                u = parent[u]
            for k in range(3):
                arm[k] = p[3 * i + k] - p[k]
            cross(arm, force + 3 * i, t)
            h[row] = dot(axis_w, moment + 3 * i) - dot(axis_w, t)


def point_jacobian(
    const int[::1] parent, const double[:, ::1] pos, const double[:, ::1] axis, const double[::1] q,
    const double[::1] v, const int[::1] link, const double[:, ::1] local, double[:, ::1] x, double[:, :, ::1] J,
    double[:, ::1] jdv
):
    """Points fixed in links: position x [m] (k, 3), Jacobian J (k, 3, n + 5) and Jdot v [m/s2] (k, 3)."""
    cdef int n = parent.shape[0], m, k, j, u
    cdef double R[LINKS * 9]
    cdef double p[LINKS * 3]
    cdef double z[LINKS * 3]
    cdef double w[LINKS * 3]
    cdef double alpha[LINKS * 3]
    cdef double a[LINKS * 3]
    cdef double r[3]
    cdef double t[3]
    if n > LINKS:
        raise ValueError(f"at most {LINKS} links, got {n}")
    with nogil:
        _frames(n, &parent[0], &pos[0, 0], &axis[0, 0], &q[0], R, p)
        _motion(n, &parent[0], &axis[0, 0], &v[0], R, p, z, w, alpha, a)
        for m in range(link.shape[0]):
            u = link[m]
            rotate(R + 9 * u, &local[m, 0], r)
            _rigid_acceleration(w + 3 * u, alpha + 3 * u, a + 3 * u, r, &jdv[m, 0])
            for k in range(3):
                x[m, k] = p[3 * u + k] + r[k]
                for j in range(n + 5):
                    J[m, k, j] = 0.0
                J[m, k, k] = 1.0
                r[k] = x[m, k] - p[k]
            _turning(r, &J[m, 0, 0], n + 5)
            while u > 0:
                for k in range(3):
                    r[k] = x[m, k] - p[3 * u + k]
                cross(z + 3 * u, r, t)
                for k in range(3):
                    J[m, k, 5 + u] = t[k]
                u = parent[u]


cdef inline void _turning(const double* r, double* J, int columns) noexcept nogil:
    # the columns of a turn of the base: e_k x r
    J[4] = r[2]
    J[5] = -r[1]
    J[columns + 3] = -r[2]
    J[columns + 5] = r[0]
    J[2 * columns + 3] = r[1]
    J[2 * columns + 4] = -r[0]


def com_jacobian(
    const int[::1] parent, const double[:, ::1] pos, const double[:, ::1] axis, const double[::1] mass,
    const double[:, ::1] com, const double[::1] q, const double[::1] v, double[::1] c, double[:, ::1] J,
    double[::1] jdv
):
    """Whole-body centre of mass: position c [m] (3,), Jacobian J (3, n + 5), Jdot v [m/s2] (3,)."""
    cdef int n = parent.shape[0], i, k, j, u
    cdef double R[LINKS * 9]
    cdef double p[LINKS * 3]
    cdef double z[LINKS * 3]
    cdef double w[LINKS * 3]
    cdef double alpha[LINKS * 3]
    cdef double a[LINKS * 3]
    cdef double first[LINKS * 3]      # first moment of the subtree about the world origin
    cdef double total[LINKS]
    cdef double r[3]
    cdef double acc[3]
    cdef double t[3]
    if n > LINKS:
        raise ValueError(f"at most {LINKS} links, got {n}")
    with nogil:
        _frames(n, &parent[0], &pos[0, 0], &axis[0, 0], &q[0], R, p)
        _motion(n, &parent[0], &axis[0, 0], &v[0], R, p, z, w, alpha, a)
        for k in range(3):
            jdv[k] = 0.0
            for j in range(n + 5):
                J[k, j] = 0.0
        for i in range(n):
            rotate(R + 9 * i, &com[i, 0], r)
            _rigid_acceleration(w + 3 * i, alpha + 3 * i, a + 3 * i, r, acc)
            total[i] = mass[i]
            for k in range(3):
                first[3 * i + k] = mass[i] * (p[3 * i + k] + r[k])
                jdv[k] += mass[i] * acc[k]
        for i in range(n - 1, 0, -1):
            u = parent[i]
            total[u] += total[i]
            for k in range(3):
                first[3 * u + k] += first[3 * i + k]
        for k in range(3):
            c[k] = first[k] / total[0]
            jdv[k] /= total[0]
            J[k, k] = 1.0
            r[k] = c[k] - p[k]
        _turning(r, &J[0, 0], n + 5)
        for i in range(1, n):
            for k in range(3):
                r[k] = (first[3 * i + k] - total[i] * p[3 * i + k]) / total[0]
            cross(z + 3 * i, r, t)
            for k in range(3):
                J[k, 5 + i] = t[k]
