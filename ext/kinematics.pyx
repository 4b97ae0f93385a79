# Rigid-body kinematics and dynamics of the leg tree; the maths and the conventions are in _kinematics.pxd.
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
