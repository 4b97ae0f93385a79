# The nervous system's programme of one tick: task, contact and the body's equations in, muscle excitations out.
#
# The full programme (written out in tests/reference/control.py) has accelerations, activations, lumbar torques and
# contact forces as unknowns and the equations of motion as constraints. Here the accelerations are eliminated,
#     qdd = c + B y,   B = M^-1 [muscle torques, lumbar, J^T],   y = activations, lumbar torques, contact forces,
# so their cost qdd^T H qdd / 2 + g . qdd, with H = L L^T, becomes |K^T y + r|^2 / 2 with K^T = L^T B and
# r = L^T c + L^-1 g. Bounds and pyramids are all that is left of the constraints, and the rank is 27 (_qp.pxd).
from libc.math cimport atan2, cos, exp, sin, sqrt
from libc.stdlib cimport free, malloc
from libc.string cimport memset

from _kinematics cimport (
    Pose, Tree, com_jacobian, factor_mass, mass_bias, motion, point_jacobian, solve_mass, tree
)
from _legs cimport Legs, leg_forces, leg_torque, legs
from _math cimport cross, dot, rotate
from _qp cimport Problem, cholesky, minimise

DEF NV = 27
DEF HINGES = 21
DEF ROW = 28
DEF LEG = 9
DEF CROSSED = 8
DEF SPHERES = 16
DEF MUSCLES = 64
DEF VARIABLES = 184
DEF RIDGE = 1e-5                # on accelerations and lumbar torques; makes the optimum unique
DEF FORCE_RIDGE = 1e-6
DEF EFFORT_RIDGE = 1e-4
DEF SCALE = 100.0               # of torques and forces, so that all unknowns are near one

cdef struct Tick:
    Pose at
    Problem problem
    double M[NV * NV]
    double h[NV]
    double H[NV * ROW]
    double g[NV]
    double W[NV * ROW]          # M^-1 L
    double still[HINGES]        # hinge torques without activation
    double free[NV]             # generalised force without y
    double dL[2 * MUSCLES * CROSSED]
    double J[SPHERES * 3 * NV]
    double centre[3]            # of mass
    double J_centre[3 * NV]
    double y[VARIABLES]
    int touching[SPHERES]
    int held[SPHERES]           # active sets of the contact forces at the last tick, by sphere

# A row of the plan.
cdef struct Wanted:
    const double* values
    const double* rates
    const double* accelerations
    const double* com
    const double* com_rates
    const double* com_accelerations


cdef class Programme:
    """The programme of one simulation.

    skeleton, spheres, paths, muscles, tissue, band: as `simlab.kernels.stepper` takes them; stands (k,): whether a
    sphere's foot does; tracking (27,) and effort (2 m,): weights of tracked accelerations and of activations; settings:
    numbers by name, see `simlab.control.settings`. `excite` writes the muscles' active and passive force [N] (2 m,) and
    the rest of the answer: acceleration (27,), lumbar [Nm] (3,), contact [N] (k, 3).
    """

    cdef Tree tree
    cdef Legs legs
    cdef const int[::1] link, stands
    cdef const double[:, ::1] centre
    cdef const double[::1] radius, tracking, effort
    cdef double com_weight[3]
    cdef double com_stiffness[3]
    cdef double com_damping[3]
    cdef double pelvis_weight[3]
    cdef double gravity[3]
    cdef double contact_weight, contact_damping, contact_height, stiffness, damping, friction
    cdef double lean_weight, exertion_weight
    cdef int stance                 # the leg that carries the body alone, or -1
    cdef double period, tau_act, tau_deact, min_activation, max_change, lumbar_limit
    cdef Tick* tick
    cdef double[::1] active, passive, acceleration, lumbar
    cdef double[:, ::1] contact
    cdef object kept

    def __cinit__(self):
        self.tick = <Tick*>malloc(sizeof(Tick))
        if self.tick == NULL:
            raise MemoryError
        memset(self.tick, 0, sizeof(Tick))

    def __dealloc__(self):
        free(self.tick)

    def __init__(
        self, skeleton, spheres, stands, paths, muscles, tissue, band, tracking, effort, active, passive, acceleration,
        lumbar, contact, settings,
    ):
        self.kept = skeleton, paths, muscles, tissue
        self.tree = tree(skeleton)
        self.legs = legs(paths, muscles, tissue, skeleton, band, settings["vmax"], settings["lumbar_damping"])
        self.link, self.centre, self.radius = spheres
        self.stands, self.tracking, self.effort = stands, tracking, effort
        self.active, self.passive = active, passive
        if self.tree.n + 5 != NV or self.link.shape[0] > SPHERES or self.effort.shape[0] != 2 * self.legs.m:
            raise ValueError("a body of another size than the programme was made for")
        self.com_weight, self.com_stiffness = settings["com_weight"], settings["com_stiffness"]
        self.com_damping, self.pelvis_weight = settings["com_damping"], settings["pelvis_weight"]
        self.gravity = settings["gravity"]
        self.contact_weight, self.contact_damping = settings["contact_weight"], settings["contact_damping"]
        self.contact_height, self.stance = settings["contact_height"], settings["stance"]
        self.lean_weight, self.exertion_weight = settings["lean_weight"], settings["exertion_weight"]
        self.stiffness, self.damping = settings["stiffness"], settings["damping"]
        self.friction, self.lumbar_limit = settings["friction"], settings["lumbar_limit"]
        self.period, self.tau_act, self.tau_deact = settings["period"], settings["tau_act"], settings["tau_deact"]
        self.min_activation, self.max_change = settings["min_activation"], settings["max_change"]
        self.acceleration, self.lumbar, self.contact = acceleration, lumbar, contact

    def excite(
        self, const double[::1] q, const double[::1] v, const double[::1] values, const double[::1] rates,
        const double[::1] accelerations, const double[::1] com, const double[::1] com_rates,
        const double[::1] com_accelerations, const double[:, ::1] drive, bint hurried, double[:, ::1] activation,
        double[:, ::1] command, double[:, ::1] excitation,
    ):
        """Write the excitations (2, m) to hold until the next tick and the activations `command` that they aim at.

        q, v: the state; values .. com_accelerations: the plan's row of this tick; drive (2, m). hurried: free of the
        rate limit, and the activation takes the command at once. Returns the solver's iterations, -1 if it failed: the
        command is then the drive, as far as it can be reached.
        """
        cdef Wanted wanted
        cdef int found
        wanted.values, wanted.rates, wanted.accelerations = &values[0], &rates[0], &accelerations[0]
        wanted.com, wanted.com_rates = &com[0], &com_rates[0]
        wanted.com_accelerations = &com_accelerations[0]
        with nogil:
            motion(&self.tree, &q[0], &v[0], &self.tick.at)
            mass_bias(&self.tree, &self.tick.at, self.gravity, self.tick.M, self.tick.h)
            leg_forces(&self.legs, &q[0], &v[0], &self.active[0], &self.passive[0], self.tick.dL)
            leg_torque(&self.legs, &q[0], &v[0], &self.passive[0], self.tick.dL, self.tick.still)
            self._track(&q[0], &v[0], &wanted)
            self._balance(&v[0], &wanted)
            if self.stance >= 0:
                self._sway(&q[0], &v[0], &drive[0, 0])
            self._stand(&v[0])
            found = self._reduce()
            self._reach(&activation[0, 0], &drive[0, 0], hurried)
            if found == 0:
                found = minimise(&self.tick.problem, self.tick.y)
            self._command(found, &drive[0, 0], hurried, &activation[0, 0], &command[0, 0], &excitation[0, 0])
            if found >= 0:
                self._rest()
        return found

    # --- the cost of the accelerations: H, g ---

    cdef void _track(self, const double* q, const double* v, const Wanted* to) noexcept nogil:
        # Coordinates, and the turning of the pelvis in world axes.
        cdef Tick* t = self.tick
        cdef const double* R = t.at.R
        cdef double axes[9]
        cdef double error[3]
        cdef double desired[3]
        cdef double weight, wanted, rate, tilt = to.values[0], bank = to.values[1], turn = to.values[2]
        cdef int i, j, k
        for i in range(NV * ROW):
            t.H[i] = 0.0
        for i in range(NV):
            t.H[ROW * i + i] = RIDGE
            t.g[i] = 0.0
        for i in range(6, NV):
            wanted, rate = to.values[i], to.rates[i]
            t.H[ROW * i + i] += self.tracking[i]
            t.g[i] = -self.tracking[i] * (
                to.accelerations[i] + self.stiffness * (wanted - q[1 + i]) + self.damping * (rate - v[i])
            )
        # the axes that tilt, list and turn go about, in columns
        axes[0] = axes[3] = 0.0
        axes[6] = 1.0
        axes[1], axes[4], axes[7] = cos(tilt), sin(tilt), 0.0
        axes[2], axes[5], axes[8] = -sin(tilt) * cos(bank), cos(tilt) * cos(bank), sin(bank)
        _turn_from_to(q + 3, tilt, bank, turn, error)
        for i in range(3):
            desired[i] = self.stiffness * error[i] - self.damping * v[3 + i]
            for k in range(3):
                desired[i] += axes[3 * i + k] * (to.accelerations[k] + self.damping * to.rates[k])
        for i in range(3):
            for j in range(3):
                weight = 0.0
                for k in range(3):
                    weight += R[3 * i + k] * self.pelvis_weight[k] * R[3 * j + k]
                t.H[ROW * (3 + i) + 3 + j] += weight
                t.g[3 + i] -= weight * desired[j]

    cdef void _balance(self, const double* v, const Wanted* to) noexcept nogil:
        # The centre of mass.
        cdef Tick* t = self.tick
        cdef const double* J = t.J_centre
        cdef double drift[3]
        cdef double desired, speed, weighted
        cdef int i, j, k
        com_jacobian(&self.tree, &t.at, t.centre, t.J_centre, drift)
        for k in range(3):
            speed = 0.0
            for i in range(NV):
                speed += J[NV * k + i] * v[i]
            desired = (
                to.com_accelerations[k]
                + self.com_stiffness[k] * (to.com[k] - t.centre[k])
                + self.com_damping[k] * (to.com_rates[k] - speed)
                - drift[k]
            )
            for i in range(NV):
                weighted = self.com_weight[k] * J[NV * k + i]
                t.g[i] -= weighted * desired
                for j in range(i + 1):
                    t.H[ROW * i + j] += weighted * J[NV * k + j]

    cdef void _sway(self, const double* q, const double* v, const double* drive) noexcept nogil:
        # On one leg: the trunk upright in the frontal plane, and a price on what the abductors of the hip must hold.
        #
        # The price is the effort that they make beyond the habitual drive, their mean by moment; what it is put on is
        # gravity's moment about the adduction hinge of all but the standing leg, as a share of their own largest one.
        # So nothing is paid where the drive is enough, and where it is not, pelvis and trunk move over the hip.
        cdef Tick* t = self.tick
        cdef const Tree* tree = &self.tree
        cdef const double* R = t.at.R
        cdef double J[NV]
        cdef double axis[3]
        cdef double above[3]            # from the hip to the centre of mass of all but the standing leg, times its mass
        cdef double up[3]               # of the trunk
        cdef double x[3]
        cdef double resting[NV]
        cdef double isometric[2 * MUSCLES]
        cdef double passive[2 * MUSCLES]
        cdef double arms[2 * MUSCLES * CROSSED]
        cdef double still[HINGES]
        cdef double lateral, size, desired, drift, torque, capacity = 0.0, excess, total = 0.0, weight
        cdef int hip = 4 + LEG * self.stance, m = self.effort.shape[0] // 2, i, j, k
        # lean, towards the pelvis's horizontal right, as metrics.trunk_lean has it
        size = sqrt(R[2] * R[2] + R[8] * R[8])
        for k in range(3):
            up[k] = t.at.R[27 + 3 * k + 1]
        lateral = (up[0] * R[2] + up[2] * R[8]) / size
        x[0], x[1], x[2] = up[1] * R[2] / size, -lateral, up[1] * R[8] / size
        cross(up, x, axis)
        size = lateral * lateral + up[1] * up[1]
        for i in range(NV):
            J[i] = 0.0
        for k in range(3):
            axis[k] /= size
            J[3 + k] = axis[k]
        for k in range(3):
            J[6 + k] = dot(axis, t.at.z + 3 * (1 + k))
        drift = dot(axis, t.at.alpha + 9)
        desired = -self.stiffness * atan2(lateral, up[1]) - drift
        for i in range(3, 9):
            desired -= self.damping * J[i] * v[i]
        for i in range(3, 9):
            t.g[i] -= self.lean_weight * J[i] * desired
            for j in range(3, i + 1):
                t.H[ROW * i + j] += self.lean_weight * J[i] * J[j]
        # what the abductors must hold, less what the habitual drive holds now
        for i in range(tree.n):
            total += tree.mass[i]
        for k in range(3):
            above[k] = total * (t.centre[k] - t.at.p[3 * hip + k])
        for i in range(hip, hip + LEG):
            rotate(t.at.R + 9 * i, tree.com + 3 * i, x)
            for k in range(3):
                above[k] -= tree.mass[i] * (t.at.p[3 * i + k] + x[k] - t.at.p[3 * hip + k])
        cross(t.at.z + 3 * (hip + 1), self.gravity, axis)
        # at rest: a price on how fast muscles shorten would push the body the way it already moves
        memset(resting, 0, sizeof(resting))
        leg_forces(&self.legs, q, resting, isometric, passive, arms)
        leg_torque(&self.legs, q, resting, passive, arms, still)
        excess = dot(axis, above) + still[hip]
        for i in range(m * self.stance, m * (self.stance + 1)):
            torque = arms[CROSSED * i + 1] * isometric[i]
            excess -= torque * drive[i]
            if torque > 0.0:
                capacity += torque
        if excess <= 0.0:
            return
        cross(above, axis, J + 3)
        for i in range(6, 9):  # the free leg is held as planned
            J[i] = 0.0
            for k in range(3):
                J[i] += total * axis[k] * t.J_centre[NV * k + i]
        for i in range(3, 9):
            J[i] /= capacity
        desired = -self.stiffness * excess / capacity
        for i in range(3, 9):
            desired -= self.damping * J[i] * v[i]
        for i in range(3, 9):
            t.g[i] -= self.exertion_weight * J[i] * desired
            for j in range(3, i + 1):
                t.H[ROW * i + j] += self.exertion_weight * J[i] * J[j]

    cdef void _stand(self, const double* v) noexcept nogil:
        # Spheres of standing feet near the ground, which their lowest points should not leave or slide on.
        cdef Tick* t = self.tick
        cdef int column[NV]
        cdef double local[3]
        cdef double x[3]
        cdef double drift[3]
        cdef double desired, weighted
        cdef double* J
        cdef int s, i, j, k, u, count
        for s in range(self.link.shape[0]):
            u = self.link[s]
            for k in range(3):
                local[k] = self.centre[s, k] - self.radius[s] * t.at.R[9 * u + 3 + k]
            J = t.J + 3 * NV * s
            point_jacobian(&self.tree, &t.at, u, local, x, J, drift)
            t.touching[s] = self.stands[s] and x[1] < self.contact_height
            if not t.touching[s]:
                continue
            count = 0
            for i in range(6):
                column[count] = i
                count += 1
            for i in range(6, NV):  # in ascending order, as the lower triangle wants it
                if J[i] != 0.0 or J[NV + i] != 0.0 or J[2 * NV + i] != 0.0:
                    column[count] = i
                    count += 1
            for k in range(3):
                desired = -drift[k]
                for i in range(count):
                    desired -= self.contact_damping * J[NV * k + column[i]] * v[column[i]]
                for i in range(count):
                    weighted = self.contact_weight * J[NV * k + column[i]]
                    t.g[column[i]] -= weighted * desired
                    for j in range(i + 1):
                        t.H[ROW * column[i] + column[j]] += weighted * J[NV * k + column[j]]

    # --- accelerations eliminated ---

    cdef int _reduce(self) noexcept nogil:
        # K, r and D. Returns 0, or -1 if H or M is not positive definite.
        cdef Tick* t = self.tick
        cdef Problem* p = &t.problem
        cdef double c[NV]
        cdef double inverse[NV]
        cdef double x
        cdef int n = self.effort.shape[0], m = n // 2, i, j, k, s, leg, row, forces = 0
        if not cholesky(p, t.H, inverse) or not factor_mass(NV, t.M):
            return -1
        for i in range(NV):
            for k in range(ROW):
                t.W[ROW * i + k] = t.H[ROW * i + k] if k <= i else 0.0
        for i in range(NV - 1, -1, -1):  # M^-1 of all columns of L at once
            x = 1.0 / t.M[NV * i + i]
            for k in range(ROW):
                t.W[ROW * i + k] *= x
            for j in range(i):
                x = t.M[NV * i + j]
                if x != 0.0:
                    for k in range(ROW):
                        t.W[ROW * j + k] -= x * t.W[ROW * i + k]
        for i in range(NV):
            for j in range(i):
                x = t.M[NV * i + j]
                if x != 0.0:
                    for k in range(ROW):
                        t.W[ROW * i + k] -= x * t.W[ROW * j + k]
            x = 1.0 / t.M[NV * i + i]
            for k in range(ROW):
                t.W[ROW * i + k] *= x
        for i in range(NV):
            t.free[i] = (t.still[i - 6] if i >= 6 else 0.0) - t.h[i]
            c[i] = t.free[i]
        solve_mass(NV, t.M, c)
        for i in range(NV):  # L^-1 g
            x = t.g[i]
            for k in range(i):
                x -= t.H[ROW * i + k] * p.r[k]
            p.r[i] = x * inverse[i]
        p.r[NV] = 0.0
        for i in range(NV):
            for k in range(i + 1):
                p.r[k] += t.H[ROW * i + k] * c[i]
        p.scalars = n + 3
        for j in range(VARIABLES * ROW):
            p.K[j] = 0.0
        for leg in range(2):
            for j in range(m * leg, m * (leg + 1)):
                for i in range(CROSSED):
                    x = -t.dL[CROSSED * j + i] * self.active[j]
                    if x != 0.0:
                        _add(x, t.W + ROW * (9 + LEG * leg + i), p.K + ROW * j)
        for j in range(n):
            p.D[j] = self.effort[j] + EFFORT_RIDGE
        for i in range(3):
            _add(SCALE, t.W + ROW * (6 + i), p.K + ROW * (n + i))
            p.D[n + i] = RIDGE * SCALE * SCALE
        for s in range(self.link.shape[0]):
            if not t.touching[s]:
                continue
            for k in range(3):
                row = n + 3 + 3 * forces + k
                p.D[row] = FORCE_RIDGE * SCALE * SCALE
                p.g[row] = 0.0
                for i in range(NV):
                    x = SCALE * t.J[3 * NV * s + NV * k + i]
                    if x != 0.0:
                        _add(x, t.W + ROW * i, p.K + ROW * row)
            p.force_set[forces] = t.held[s]
            forces += 1
        p.forces = forces
        p.mu = self.friction
        return 0

    # --- what activation dynamics can do in one tick ---

    cdef double _fraction(self, double a, bint rising) noexcept nogil:
        # Part of the way to a constant excitation that an activation covers in one tick.
        cdef double shape = 0.5 + 1.5 * a
        return 1.0 - exp(-self.period / (self.tau_act * shape if rising else self.tau_deact / shape))

    cdef void _reach(self, const double* activation, const double* drive, bint hurried) noexcept nogil:
        # Bounds, and the drive's part of the cost.
        cdef Problem* p = &self.tick.problem
        cdef int n = self.effort.shape[0], j
        cdef double a
        for j in range(n):
            a = activation[j]
            if hurried:
                p.low[j], p.high[j] = self.min_activation, 1.0
            else:
                p.high[j] = a + min((1.0 - a) * self._fraction(a, True), self.max_change)
                p.low[j] = a - min(max(a - self.min_activation, 0.0) * self._fraction(a, False), self.max_change)
            p.g[j] = -self.effort[j] * drive[j]
        for j in range(n, n + 3):
            p.low[j], p.high[j] = -self.lumbar_limit / SCALE, self.lumbar_limit / SCALE
            p.g[j] = 0.0

    cdef void _command(
        self, int found, const double* drive, bint hurried, double* activation, double* command, double* excitation
    ) noexcept nogil:
        cdef Problem* p = &self.tick.problem
        cdef int j
        cdef double wanted, a
        for j in range(self.effort.shape[0]):
            wanted = self.tick.y[j] if found >= 0 else drive[j]
            wanted = min(max(wanted, p.low[j]), p.high[j])
            command[j] = wanted
            if hurried:
                activation[j] = wanted
            a = activation[j]
            excitation[j] = min(max(a + (wanted - a) / self._fraction(a, wanted > a), self.min_activation), 1.0)

    cdef void _rest(self) noexcept nogil:
        # Lumbar torques, contact forces and accelerations of the optimum.
        cdef Tick* t = self.tick
        cdef double* acceleration = &self.acceleration[0]
        cdef double force
        cdef int n = self.effort.shape[0], m = n // 2, i, j, k, s, c = 0
        for k in range(3):
            self.lumbar[k] = SCALE * t.y[n + k]
        for i in range(NV):
            acceleration[i] = t.free[i]
        for k in range(3):
            acceleration[6 + k] += self.lumbar[k]
        for j in range(n):
            for i in range(CROSSED):
                acceleration[9 + LEG * (j // m) + i] -= t.dL[CROSSED * j + i] * self.active[j] * t.y[j]
        for s in range(self.link.shape[0]):
            for k in range(3):
                force = SCALE * t.y[n + 3 + 3 * c + k] if t.touching[s] else 0.0
                self.contact[s, k] = force
                for i in range(NV):
                    acceleration[i] += t.J[3 * NV * s + NV * k + i] * force
            t.held[s] = t.problem.force_set[c] if t.touching[s] else 0
            c += t.touching[s]
        solve_mass(NV, t.M, acceleration)


cdef inline void _add(double factor, const double* row, double* total) noexcept nogil:
    cdef int k
    for k in range(ROW):
        total[k] += factor * row[k]


cdef void _turn_from_to(const double* q, double tilt, double bank, double turn, double* out) noexcept nogil:
    # The rotation vector (world) from the attitude q (x y z w) to tilt about Z, list about X, turn about Y, in turn.
    cdef double a = 0.5 * tilt, b = 0.5 * bank, c = 0.5 * turn
    cdef double zx[4]
    cdef double to[4]
    cdef double e[4]
    cdef double back[4]
    cdef double size, factor
    cdef int k
    zx[0], zx[1], zx[2], zx[3] = cos(a) * sin(b), sin(a) * sin(b), sin(a) * cos(b), cos(a) * cos(b)
    to[0] = zx[0] * cos(c) - zx[2] * sin(c)
    to[1] = zx[1] * cos(c) + zx[3] * sin(c)
    to[2] = zx[2] * cos(c) + zx[0] * sin(c)
    to[3] = zx[3] * cos(c) - zx[1] * sin(c)
    size = sqrt(q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3])
    for k in range(3):
        back[k] = -q[k] / size
    back[3] = q[3] / size
    e[0] = to[3] * back[0] + to[0] * back[3] + to[1] * back[2] - to[2] * back[1]
    e[1] = to[3] * back[1] - to[0] * back[2] + to[1] * back[3] + to[2] * back[0]
    e[2] = to[3] * back[2] + to[0] * back[1] - to[1] * back[0] + to[2] * back[3]
    e[3] = to[3] * back[3] - to[0] * back[0] - to[1] * back[1] - to[2] * back[2]
    if e[3] < 0.0:
        for k in range(4):
            e[k] = -e[k]
    size = sqrt(dot(e, e))
    factor = 2.0 if size < 1e-9 else 2.0 * atan2(size, e[3]) / size
    for k in range(3):
        out[k] = factor * e[k]
