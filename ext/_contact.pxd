# Rigid contact of spheres with flat ground: the forces of one step, exactly.
#
# The step that Bullet takes without a ground ends at the velocity v* = v + dt M^-1 (tau - h). Impulses l at the lowest
# points of the spheres change it to v* + M^-1 J^T l, and are those of least  |L v* + L^-T J^T l|^2 / 2 + g . l  in the
# friction pyramids (M = L^T L): no sphere goes deeper than it is (g: it may close its gap, and ERP of a depth is taken
# back), none slides that need not (Anitescu 2006, Optimization-based simulation of nonsmooth rigid multibody dynamics,
# doi 10.1007/s10107-005-0590-7). With K^T = L^-T J^T and r = L v* this is the programme of _qp.pxd, whose t is L v. A tiny COMPLIANCE makes the impulses of redundant points unique.
from libc.string cimport memset

from _kinematics cimport (
    Pose, Tree, factor_mass, mass_bias, motion, point_jacobian, solve_mass, solve_transposed, tree
)
from _qp cimport Problem, minimise

DEF NV = 27
DEF ROW = 28
DEF SPHERES = 16
DEF NEAR = 0.01                 # a sphere farther from the ground than this cannot reach it in a step [m]
DEF SLOP = 1e-5               # Bullet's: a sphere rests this deep in the ground [m]
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
    double J[SPHERES * 3 * NV]
    double y[3 * SPHERES + 136]


cdef inline int stand_on(
    Ground* w, skeleton, spheres, double friction, double erp, double dt, gravity
) except -1:
    """skeleton: parent, pos, axis, mass, com, inertia; spheres: link, centre, radius. The holder keeps them alive."""
    cdef const int[::1] link = spheres[0]
    cdef const double[:, ::1] centre = spheres[1]
    cdef const double[::1] radius = spheres[2]
    memset(w, 0, sizeof(Ground))
    w.tree = tree(skeleton)
    w.spheres, w.link, w.centre, w.radius = link.shape[0], &link[0], &centre[0, 0], &radius[0]
    w.problem.mu, w.erp, w.dt, w.gravity = friction, erp, dt, gravity
    if w.tree.n + 5 != NV or w.spheres > SPHERES:
        raise ValueError("a body of another size than the ground was made for")
    return 0


cdef inline int ground_forces(
    Ground* w, const double* q, const double* v, const double* torque, double* point, double* force
) noexcept nogil:
    # point, force (k, 3) [m, N] of every sphere in a step under the hinge torques (21,); force zero where there is none.
    # Returns the iterations, -1 if the forces are not the solution.
    cdef Problem* p = &w.problem
    cdef int touching[SPHERES]
    cdef double local[3]
    cdef double drift[3]
    cdef double speed[NV]       # M v*, then v*
    cdef double gap, x
    cdef double* J
    cdef int s, i, k, row, found, count = 0
    motion(&w.tree, q, v, &w.at)
    mass_bias(&w.tree, &w.at, w.gravity, w.M, w.h)
    if not factor_mass(NV, w.M):
        return -1
    for i in range(NV):
        speed[i] = (torque[i - 6] if i >= 6 else 0.0) - w.h[i]
    solve_mass(NV, w.M, speed)
    for i in range(NV):
        speed[i] = v[i] + w.dt * speed[i]
    p.scalars = 0
    for s in range(w.spheres):
        for k in range(3):
            local[k] = w.centre[3 * s + k] - w.radius[s] * w.at.R[9 * w.link[s] + 3 + k]
            force[3 * s + k] = 0.0
        J = w.J + 3 * NV * count
        point_jacobian(&w.tree, &w.at, w.link[s], local, point + 3 * s, J, drift)
        gap = point[3 * s + 1] + SLOP
        if gap > NEAR:
            w.held[s] = 0
            continue
        for k in range(3):
            row = 3 * count + k
            p.D[row] = COMPLIANCE
            p.g[row] = 0.0
            for i in range(ROW):
                p.K[ROW * row + i] = J[NV * k + i] if i < NV else 0.0
        p.g[3 * count + 1] = gap / w.dt if gap > 0.0 else w.erp * gap / w.dt
        p.force_set[count] = w.held[s]
        touching[count] = s
        count += 1
    if count == 0:
        return 0
    p.forces = count
    for row in range(3 * count):
        solve_transposed(NV, w.M, p.K + ROW * row)
    for i in range(NV):
        x = 0.0
        for k in range(i + 1):
            x += w.M[NV * i + k] * speed[k]
        p.r[i] = x
    p.r[NV] = 0.0
    found = minimise(p, w.y)
    for i in range(count):
        s = touching[i]
        w.held[s] = p.force_set[i]
        for k in range(3):
            force[3 * s + k] = w.y[3 * i + k] / w.dt
    return found
