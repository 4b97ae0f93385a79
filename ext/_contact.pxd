# Rigid contact of spheres with flat ground: the forces of one step, exactly.
#
# The step that Bullet takes without a ground ends at the velocity v* = v + dt M^-1 (tau - h). Impulses l at the lowest
# points of the spheres change it to v* + M^-1 J^T l, and are those of least  |L v* + L^-T J^T l|^2 / 2 + g . l  in the
# friction pyramids (M = L^T L): no sphere goes deeper than it is (g: it may close its gap, and ERP of a depth is taken
# back), none slides that need not (Anitescu 2006, Optimization-based simulation of nonsmooth rigid multibody dynamics,
# doi 10.1007/s10107-005-0590-7). With K^T = L^-T J^T and r = L v* this is the programme of _qp.pxd, whose t is L v.
# A tiny COMPLIANCE makes the impulses of redundant points unique.
from libc.string cimport memset

from _kinematics cimport Pose, Tree, factor_mass, mass_bias, motion, solve_transposed, tree
from _math cimport cross, rotate
from _qp cimport Problem, minimise

DEF NV = 27
DEF ROW = 28
DEF SPHERES = 16
DEF NEAR = 0.01                 # a sphere farther from the ground than this cannot reach it in a step [m]
DEF SLOP = 1e-5                 # Bullet's: a sphere rests this deep in the ground [m]
DEF COMPLIANCE = 1e-6           # [1/kg]; times an impulse of 0.05 Ns: 5e-8 m/s

cdef struct Ground:
    Tree tree
    int spheres
    const int* link
    const double* centre
    const double* radius
    double dt, erp
    double gravity[3]
    Problem problem             # its mu is the friction
    int held[SPHERES]           # active set of the last step, by sphere
    Pose at
    double M[NV * NV]
    double h[NV]
    double twist[6 * ROW]
    double y[3 * SPHERES + 136]


cdef inline int stand_on(
    Ground* w, skeleton, spheres, double friction, double erp, double dt, gravity
) except -1:
    """skeleton: parent, pos, axis, mass, com, inertia; spheres: link, centre, radius. The holder keeps them alive."""
    cdef const int[::1] link = spheres[0]
    cdef const double[:, ::1] centre = spheres[1]
    cdef const double[::1] radius = spheres[2]
    cdef int root[NV]
    cdef int tip[NV]
    cdef int u
    memset(w, 0, sizeof(Ground))
    w.tree = tree(skeleton)
    w.spheres, w.link, w.centre, w.radius = link.shape[0], &link[0], &centre[0, 0], &radius[0]
    w.problem.mu, w.erp, w.dt, w.gravity = friction, erp, dt, gravity
    if w.tree.n + 5 != NV or w.spheres > SPHERES:
        raise ValueError("a body of another size than the ground was made for")
    # unknowns of the programme: leaves first, the base last; what hangs on the base by itself is a branch
    w.problem.shared = NV - 6 & ~3
    for u in range(1, w.tree.n):
        root[u] = u if w.tree.parent[u] == 0 else root[w.tree.parent[u]]
        tip[root[u]] = u
    for u in range(1, w.tree.n):
        w.problem.branch[NV - 6 - u] = NV - 6 - tip[root[u]] & ~3
        w.problem.branch_end[NV - 6 - u] = min(NV - 5 - root[u], w.problem.shared)
    return 0


cdef inline void _twist(Ground* w, int link) noexcept nogil:
    # The Jacobian of a link's velocity (linear at its origin, angular) times L^-1, to w.twist: six rows, as those of K.
    cdef double moved[6 * NV]   # a row for each degree of freedom that moves the link
    cdef int chain[NV]          # their numbers, leaves first
    cdef double arm[3]
    cdef double x
    cdef double* row
    cdef double* below
    cdef int u = link, count = 0, i, k, n
    while u > 0:
        chain[count] = 5 + u
        row = moved + 6 * count
        for k in range(3):
            arm[k] = w.at.p[3 * link + k] - w.at.p[3 * u + k]
            row[3 + k] = w.at.z[3 * u + k]
        cross(row + 3, arm, row)
        count += 1
        u = w.tree.parent[u]
    for k in range(3):
        arm[k] = w.at.p[3 * link + k] - w.at.p[k]
    for i in range(5, -1, -1):
        chain[count] = i
        row = moved + 6 * count
        for k in range(6):
            row[k] = 1.0 if k == i else 0.0
        if i >= 3:
            cross(row + 3, arm, row)
        count += 1
    memset(w.twist, 0, sizeof(w.twist))
    for n in range(count):
        row = moved + 6 * n
        x = 1.0 / w.M[(NV + 1) * chain[n]]
        for k in range(6):
            row[k] *= x
            w.twist[ROW * k + NV - 1 - chain[n]] = row[k]
        for i in range(n + 1, count):
            below, x = moved + 6 * i, w.M[NV * chain[n] + chain[i]]
            for k in range(6):
                below[k] -= x * row[k]


cdef inline int ground_forces(
    Ground* w, const double* q, const double* v, const double* torque, double* point, double* force
) noexcept nogil:
    # point, force (k, 3) [m, N] of every sphere in a step under the hinge torques (21,); force zero where there is none.
    # Returns the iterations, -1 if the forces are not the solution.
    cdef Problem* p = &w.problem
    cdef int touching[SPHERES]
    cdef double local[3]
    cdef double arm[3]
    cdef double rest[NV]        # tau - h, then L^-T (tau - h)
    cdef double gap
    cdef double* K
    cdef const double* J
    cdef int s, i, k, row, found, count = 0, link = -1
    memset(force, 0, 3 * w.spheres * sizeof(double))
    motion(&w.tree, q, v, &w.at)
    mass_bias(&w.tree, &w.at, w.gravity, w.M, w.h)
    if not factor_mass(NV, w.M):
        return -1
    for i in range(NV):
        p.r[NV - 1 - i] = 0.0
        for k in range(i + 1):
            p.r[NV - 1 - i] += w.M[NV * i + k] * v[k]
        rest[i] = (torque[i - 6] if i >= 6 else 0.0) - w.h[i]
    solve_transposed(NV, w.M, rest)
    for i in range(NV):
        p.r[NV - 1 - i] += w.dt * rest[i]
    p.r[NV] = 0.0
    p.scalars = 0
    for s in range(w.spheres):
        for k in range(3):
            local[k] = w.centre[3 * s + k] - w.radius[s] * w.at.R[9 * w.link[s] + 3 + k]
        rotate(w.at.R + 9 * w.link[s], local, arm)
        for k in range(3):
            point[3 * s + k] = w.at.p[3 * w.link[s] + k] + arm[k]
        gap = point[3 * s + 1] + SLOP
        if gap > NEAR:
            w.held[s] = 0
            continue
        if w.link[s] != link:
            link = w.link[s]
            _twist(w, link)
        row = 3 * count
        for k in range(3):
            p.D[row + k] = COMPLIANCE
            p.g[row + k] = 0.0
            p.first[row + k], p.last[row + k] = p.branch[NV - 6 - link], p.branch_end[NV - 6 - link] + 3 & ~3
        p.g[row + 1] = gap / w.dt if gap > 0.0 else w.erp * gap / w.dt
        K, J = p.K + ROW * row, w.twist
        for i in range(ROW):  # velocity of the point: that of the origin + w x arm
            K[i] = J[i] + (arm[2] * J[4 * ROW + i] - arm[1] * J[5 * ROW + i])
            K[ROW + i] = J[ROW + i] + (arm[0] * J[5 * ROW + i] - arm[2] * J[3 * ROW + i])
            K[2 * ROW + i] = J[2 * ROW + i] + (arm[1] * J[3 * ROW + i] - arm[0] * J[4 * ROW + i])
        p.force_set[count] = w.held[s]
        touching[count] = s
        count += 1
    if count == 0:
        return 0
    p.forces = count
    found = minimise(p, w.y)
    for i in range(count):
        s = touching[i]
        w.held[s] = p.force_set[i]
        for k in range(3):
            force[3 * s + k] = w.y[3 * i + k] / w.dt
    return found
