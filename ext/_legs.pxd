# The muscles and passive tissue of both legs: from a state and activations to hinge torques.
from _band cimport Band, band_torque
from _kinematics cimport tree
from _muscle cimport muscle_contraction
from _passive cimport passive_torque
from _path cimport path_lengths, path_rates, path_torque

DEF LEG = 9
DEF MUSCLES = 64                # a leg, at most
DEF MONOMIALS = 2048

# Arrays (2, m) are right then left. Whoever holds one keeps the arrays alive that it points into.
cdef struct Legs:
    int m, monomials, rows
    const double* lo
    const double* hi
    const int* parent
    const int* variable
    const int* row
    const int* target
    const int* column
    const double* weight
    const double* F0
    const double* lopt
    const double* lts
    const double* height
    const double* onset
    const double* one
    const double* slack
    const double* gain
    const double* tissue
    double vmax, lumbar_damping
    Band band


cdef inline Band band_of(skeleton, band) except *:
    """skeleton: parent .. inertia; band: `Model.band.arguments()`. The holder keeps them alive."""
    cdef const int[::1] link = band[2]
    cdef const double[:, ::1] point = band[3]
    cdef Band out
    cdef int i, k
    out.stiffness, out.rest, out.tree = band[0], band[1], tree(skeleton)
    for i in range(2):
        out.link[i] = link[i]
        for k in range(3):
            out.point[3 * i + k] = point[i, k]
    return out


cdef inline Legs legs(paths, muscles, tissue, skeleton, band, double vmax, double lumbar_damping) except *:
    """paths: `Paths.arguments()`; muscles: F0 .. gain, each (2, m); tissue (2, 9, 9): `Model.passive`;
    skeleton: parent .. inertia; band: `Model.band.arguments()`."""
    cdef const double[:, ::1] lo = paths[0], hi = paths[1]
    cdef const double[::1] weight = paths[7]
    cdef const int[::1] parent = paths[2], variable = paths[3], row = paths[4], target = paths[5]
    cdef const int[::1] column = paths[6]
    cdef const double[:, ::1] F0 = muscles[0], lopt = muscles[1], lts = muscles[2], height = muscles[3]
    cdef const double[:, ::1] onset = muscles[4], one = muscles[5], slack = muscles[6], gain = muscles[7]
    cdef const double[:, :, ::1] coefficients = tissue
    cdef Legs out
    out.m, out.monomials, out.rows = F0.shape[1], parent.shape[0], target.shape[0]
    if out.m > MUSCLES or out.monomials > MONOMIALS:
        raise ValueError(f"at most {MUSCLES} muscles a leg and {MONOMIALS} monomials")
    out.lo, out.hi, out.weight = &lo[0, 0], &hi[0, 0], &weight[0]
    out.parent, out.variable, out.row = &parent[0], &variable[0], &row[0]
    out.target, out.column = &target[0], &column[0]
    out.F0, out.lopt, out.lts, out.height = &F0[0, 0], &lopt[0, 0], &lts[0, 0], &height[0, 0]
    out.onset, out.one, out.slack, out.gain = &onset[0, 0], &one[0, 0], &slack[0, 0], &gain[0, 0]
    out.band = band_of(skeleton, band)
    out.tissue, out.vmax, out.lumbar_damping = &coefficients[0, 0, 0], vmax, lumbar_damping
    return out


cdef inline void leg_forces(
    const Legs* l, const double* q, const double* v, double* active, double* passive, double* dL
) noexcept nogil:
    # Force at full activation and without any [N] (2, m), derivatives of the lengths [m/rad] (2, m, 8).
    cdef double L[2 * MUSCLES]
    cdef double V[2 * MUSCLES]
    cdef double fibre[2 * MUSCLES]
    path_lengths(
        l.m, l.monomials, q + 10, LEG, l.lo, l.hi, l.parent, l.variable, l.rows, l.row, l.target, l.column, l.weight, L, dL
    )
    path_rates(l.m, dL, v + 9, LEG, V)
    muscle_contraction(
        2 * l.m, L, V, l.F0, l.lopt, l.lts, l.height, l.onset, l.one, l.slack, l.gain, l.vmax, active, passive, fibre
    )


cdef inline void leg_torque(
    const Legs* l, const double* q, const double* v, const double* force, const double* dL, double* torque
) noexcept nogil:
    # Hinge torques [Nm] (21,) under the tendon forces [N] (2, m).
    cdef int k
    for k in range(3):
        torque[k] = -l.lumbar_damping * v[6 + k]
    for k in range(2):
        passive_torque(q + 10 + LEG * k, v + 9 + LEG * k, l.tissue + LEG * LEG * k, torque + 3 + LEG * k)
    path_torque(l.m, dL, force, LEG, torque + 3)
    if l.band.stiffness > 0.0:
        band_torque(&l.band, q, torque)
