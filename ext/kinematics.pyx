# Rigid-body kinematics and dynamics of the leg tree; the maths and the conventions are in _kinematics.pxd.
from _math cimport cross, dot
from _kinematics cimport Pose, Tree, com_jacobian as centre, frames, mass_bias as dynamics, motion, point_jacobian as point

DEF LINKS = 64


cdef Tree _tree(const int[::1] parent, const double[:, ::1] pos, const double[:, ::1] axis) except *:
    cdef Tree tree
    tree.n = parent.shape[0]
    if tree.n > LINKS:
        raise ValueError(f"at most {LINKS} links, got {tree.n}")
    tree.parent, tree.pos, tree.axis = &parent[0], &pos[0, 0], &axis[0, 0]
    tree.mass = NULL
    tree.com = NULL
    tree.inertia = NULL
    return tree


def forward(
    const int[::1] parent, const double[:, ::1] pos, const double[:, ::1] axis, const double[::1] q,
    double[:, :, ::1] R, double[:, ::1] p
):
    """World rotation R (n, 3, 3) and origin p [m] (n, 3) of every link at q (n + 6,)."""
    cdef Tree tree = _tree(parent, pos, axis)
    cdef Pose at
    cdef int i, k
    with nogil:
        frames(&tree, &q[0], &at)
        for i in range(tree.n):
            for k in range(3):
                p[i, k] = at.p[3 * i + k]
            for k in range(9):
                (&R[i, 0, 0])[k] = at.R[9 * i + k]


def mass_bias(
    const int[::1] parent, const double[:, ::1] pos, const double[:, ::1] axis, const double[::1] mass,
    const double[:, ::1] com, const double[:, :, ::1] inertia, const double[::1] q, const double[::1] v,
    const double[::1] gravity, double[:, ::1] M, double[::1] h
):
    """Mass matrix M (n + 5, n + 5) and bias force h (n + 5,) with M vdot + h = tau.

    h holds gravity [m/s2], centrifugal and Coriolis forces. inertia [kg m2] is about the centre of mass, link axes.
    """
    cdef Tree tree = _tree(parent, pos, axis)
    cdef Pose at
    tree.mass, tree.com, tree.inertia = &mass[0], &com[0, 0], &inertia[0, 0, 0]
    with nogil:
        motion(&tree, &q[0], &v[0], &at)
        dynamics(&tree, &at, &gravity[0], &M[0, 0], &h[0])


def point_jacobian(
    const int[::1] parent, const double[:, ::1] pos, const double[:, ::1] axis, const double[::1] q,
    const double[::1] v, const int[::1] link, const double[:, ::1] local, double[:, ::1] x, double[:, :, ::1] J,
    double[:, ::1] jdv
):
    """Points fixed in links: position x [m] (k, 3), Jacobian J (k, 3, n + 5) and Jdot v [m/s2] (k, 3)."""
    cdef Tree tree = _tree(parent, pos, axis)
    cdef Pose at
    cdef int k
    with nogil:
        motion(&tree, &q[0], &v[0], &at)
        for k in range(link.shape[0]):
            point(&tree, &at, link[k], &local[k, 0], &x[k, 0], &J[k, 0, 0], &jdv[k, 0])


def com_jacobian(
    const int[::1] parent, const double[:, ::1] pos, const double[:, ::1] axis, const double[::1] mass,
    const double[:, ::1] com, const double[::1] q, const double[::1] v, double[::1] c, double[:, ::1] J,
    double[::1] jdv
):
    """Whole-body centre of mass: position c [m] (3,), Jacobian J (3, n + 5), Jdot v [m/s2] (3,)."""
    cdef Tree tree = _tree(parent, pos, axis)
    cdef Pose at
    tree.mass, tree.com = &mass[0], &com[0, 0]
    with nogil:
        motion(&tree, &q[0], &v[0], &at)
        centre(&tree, &at, &c[0], &J[0, 0], &jdv[0])


def inverse_dynamics(
    const int[::1] parent, const double[:, ::1] pos, const double[:, ::1] axis, const double[::1] mass,
    const double[:, ::1] com, const double[:, :, ::1] inertia, const double[:, ::1] q, const double[:, ::1] v,
    const double[:, ::1] a, const double[::1] gravity, const int[::1] link, const double[:, :, ::1] force,
    const double[:, :, ::1] point, const double[:, :, ::1] moment, double[:, ::1] tau
):
    """Generalised forces tau (f, n + 5) that make the tree move as it does: M a + h less what acts from outside.

    q (f, n + 6), v, a (f, n + 5): states, rates and their derivatives; on each of the links (k,) act a force [N] at a
    point [m] and a moment [Nm], world axes (f, k, 3). tau[:, :6]: force and moment about the origin of link 0 that
    nothing accounts for (the residual), then the hinge torques.
    """
    cdef Tree tree = _tree(parent, pos, axis)
    cdef Pose at
    cdef int f, i, j, k, u, columns = tree.n + 5
    cdef double M[(LINKS + 5) * (LINKS + 5)]
    cdef double h[LINKS + 5]
    cdef double r[3]
    cdef double t[3]
    tree.mass, tree.com, tree.inertia = &mass[0], &com[0, 0], &inertia[0, 0, 0]
    with nogil:
        for f in range(q.shape[0]):
            motion(&tree, &q[f, 0], &v[f, 0], &at)
            dynamics(&tree, &at, &gravity[0], M, h)
            for i in range(columns):
                tau[f, i] = h[i]
                for j in range(columns):
                    tau[f, i] += M[columns * i + j] * a[f, j]
            for k in range(link.shape[0]):
                for j in range(3):
                    tau[f, j] -= force[f, k, j]
                    r[j] = point[f, k, j] - at.p[j]
                cross(r, &force[f, k, 0], t)
                for j in range(3):
                    tau[f, 3 + j] -= moment[f, k, j] + t[j]
                u = link[k]
                while u > 0:
                    for j in range(3):
                        r[j] = point[f, k, j] - at.p[3 * u + j]
                    cross(r, &force[f, k, 0], t)
                    tau[f, 5 + u] -= dot(at.z + 3 * u, t) + dot(at.z + 3 * u, &moment[f, k, 0])
                    u = tree.parent[u]
