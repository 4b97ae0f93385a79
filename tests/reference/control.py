"""The controller's programme of a tick written out in full, and solved by ProxQP (Bambade et al. 2022,
doi 10.15607/RSS.2022.XVIII.040): accelerations (27), activations (2 m), lumbar torques (3) and contact forces (3 k) are
unknowns, the equations of motion are equalities."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from reference import kinematics
from reference.kinematics import Tree
from simlab import control
from simlab.model import GRAVITY, Model
from simlab.muscles import ACTIVATION_S, DEACTIVATION_S, Muscles
from simlab.tasks._plan import Plan, Weights

NV = 27
RIDGE, EFFORT_RIDGE, FORCE_RIDGE = 1e-5, 1e-4, 1e-6
"""On accelerations and lumbar torques, on activations, on contact forces: the optimum is unique."""


@dataclass
class Programme:
    """minimise x H x / 2 + g x, A x = b, C x <= 0, lower <= x <= upper."""

    H: NDArray
    g: NDArray
    A: NDArray
    b: NDArray
    C: NDArray
    lower: NDArray
    upper: NDArray
    exceeds: float = 0.0
    """On one leg: what the abductors of the hip must hold beyond what the drive gives [Nm]."""

    def __post_init__(self) -> None:
        muscles = len(self.g) - NV - 3 - 3 * (len(self.C) // 4)
        self.acceleration = slice(0, NV)
        self.activation = slice(NV, NV + muscles)
        self.lumbar = slice(NV + muscles, NV + muscles + 3)
        self.contact = slice(NV + muscles + 3, None)

    def solve(self, tolerance: float = 1e-10) -> NDArray | None:
        """The optimum, if it is found; tolerance: absolute, of the equations and the gradient."""
        import proxsuite

        n, rows = len(self.g), len(self.C)
        qp = proxsuite.proxqp.dense.QP(n, NV, rows, True)
        qp.settings.eps_abs, qp.settings.eps_rel, qp.settings.max_iter = tolerance, 0.0, 10000
        qp.init(
            self.H, self.g, self.A, self.b, self.C, np.full(rows, -1e5), np.zeros(rows), self.lower, self.upper
        )  # fmt: skip
        qp.solve()
        solved = qp.results.info.status == proxsuite.proxqp.QPSolverOutput.PROXQP_SOLVED
        return np.array(qp.results.x) if solved else None


def fraction(activation: NDArray, rising: NDArray | bool, period: float) -> NDArray:
    """Part of the way to a constant excitation that an activation covers in one tick."""
    shape = 0.5 + 1.5 * activation
    return 1 - np.exp(-period / np.where(rising, ACTIVATION_S * shape, DEACTIVATION_S / shape))


def reach(activation: NDArray, period: float, hurried: bool) -> tuple[NDArray, NDArray]:
    """The activations that can be had at the next tick, from and to."""
    least, most = control.MIN_ACTIVATION, control.MAX_CHANGE
    if hurried:
        return np.full_like(activation, least), np.ones_like(activation)
    up = np.minimum((1 - activation) * fraction(activation, True, period), most)
    down = np.minimum(np.maximum(activation - least, 0) * fraction(activation, False, period), most)
    return activation - down, activation + up


def muscle_gain(muscles: Muscles) -> NDArray:
    """Generalised force per unit of activation (27, 2 m), after `Muscles.update`."""
    m = muscles.active.shape[1]
    gain = np.zeros((NV, 2 * m))
    for leg in (0, 1):
        rows = slice(9 + 9 * leg, 17 + 9 * leg)
        gain[rows, m * leg : m * (leg + 1)] = (muscles.arm[leg] * muscles.active[leg][:, None]).T
    return gain


def programme(
    model: Model, plan: Plan, weights: Weights, drive: NDArray, tick: int, q: NDArray, v: NDArray,
    activation: NDArray, hurried: bool = False,
) -> Programme:  # fmt: skip
    """The programme at the state q (28,), v (27,) with the activations (2, m); drive (2, m)."""
    s, spheres = model.skeleton, model.spheres
    tree = Tree(s.parent, s.pos, s.axis, s.mass, s.com, s.inertia)
    M, h = kinematics.mass_bias(tree, q, v, np.array([0, -GRAVITY, 0]))
    muscles = Muscles(model)
    muscles.update(q, v)
    still = np.zeros(NV)
    still[6:] = muscles.torque(np.zeros_like(activation), v)

    na, k = activation.size, len(spheres.link)
    n = NV + na + 3 + 3 * k
    H, g = np.zeros((n, n)), np.zeros(n)

    def task(jacobian: NDArray, wanted: NDArray, weight: NDArray) -> None:
        H[:NV, :NV] += jacobian.T @ weight @ jacobian
        g[:NV] -= jacobian.T @ weight @ wanted

    # tracked coordinates
    kp, kd = control.STIFFNESS, control.DAMPING
    wanted, rates = plan.values[tick], plan.rates[tick]
    rotation = Rotation.from_quat(q[3:7])
    tilt, bank, _ = plan.values[tick, :3]
    desired = plan.accelerations[tick] + kp * (wanted - q[1:]) + kd * (rates - v)
    task(np.eye(NV)[6:], desired[6:], np.diag(control.tracking(plan, weights)[6:]))

    # the pelvis
    x, z = np.array([1, 0, 0]), np.array([0, 0, 1])
    axes = np.column_stack([z, Rotation.from_euler("Z", tilt).apply(x),
                            Rotation.from_euler("ZX", [tilt, bank]).apply([0, 1, 0])])  # fmt: skip
    error = (Rotation.from_euler("ZXY", plan.values[tick, :3]) * rotation.inv()).as_rotvec()
    turning = axes @ plan.accelerations[tick, :3] + kp * error + kd * (axes @ plan.rates[tick, :3] - v[3:6])
    R = rotation.as_matrix()
    task(np.eye(NV)[3:6], turning, R @ np.diag(weights.pelvis) @ R.T)

    # the centre of mass
    com, J, drift = kinematics.com_jacobian(tree, q, v)
    stiffness, damping = np.array([weights.balance, (kp, kd), weights.balance]).T
    wanted = (
        plan.com_accelerations[tick] + stiffness * (plan.com[tick] - com) + damping * (plan.com_rates[tick] - J @ v)
    )
    task(J, wanted - drift, np.diag(weights.centre_of_mass))

    exceeds = 0.0
    # on one leg: the trunk's lean, and what the abductors must hold beyond what the drive gives
    if len(plan.feet) == 1:
        stance = plan.feet[0]
        x, links, J, Jdot = kinematics.twists(tree, q, v, np.arange(len(s.parent)), s.com)
        right = R[:, 2] * [1, 0, 1] / np.hypot(R[0, 2], R[2, 2])
        up = links[3][:, 1]  # of the trunk
        slope = (up[1] * right - (up @ right) * np.array([0, 1, 0])) / (up[1] ** 2 + (up @ right) ** 2)
        axis = np.cross(up, slope)
        lean, rate = np.arctan2(up @ right, up[1]), axis @ J[3, 3:]
        sought = -kp * lean - kd * rate @ v - axis @ Jdot[3, 3:] @ v
        task(rate[None], np.array([sought]), np.array([[weights.lean]]))

        leg = np.arange(4 + 9 * stance, 13 + 9 * stance)
        above = np.setdiff1d(np.arange(len(s.parent)), leg)
        hip, _, hip_J, _ = kinematics.twists(tree, q, v, leg[:1], np.zeros((1, 3)))
        hinge = links[leg[1]] @ s.axis[leg[1]]
        moment = np.cross(hinge, [0, -GRAVITY, 0])
        at_rest = Muscles(model)
        at_rest.update(q, np.zeros(NV))
        holds = at_rest.torque(drive, np.zeros(NV))[leg[1] - 1]
        exceeds = moment @ (s.mass[above] @ (x[above] - hip)) + holds
        strength = np.maximum(-at_rest.arm[stance, :, 1] * at_rest.active[stance], 0).sum()
        if exceeds > 0:
            row = moment @ np.tensordot(s.mass[above], J[above, :3] - hip_J[0, :3], 1) / strength
            row[:3] = row[9:] = 0  # by turning the pelvis and bending the trunk
            sought = -kp * exceeds / strength - kd * row @ v
            task(row[None], np.array([sought]), np.array([[weights.exertion]]))

    # contact of the lowest points of the spheres
    link_rotation, _ = kinematics.forward(tree, q)
    local = spheres.centre - spheres.radius[:, None] * link_rotation[spheres.link][:, 1, :]
    x, J, drift = kinematics.point_jacobian(tree, q, v, spheres.link, local)
    touching = (x[:, 1] < control.CONTACT_HEIGHT) & np.isin(spheres.foot, plan.feet)
    for c in np.flatnonzero(touching):
        task(J[c], -drift[c] - weights.contact_damping * J[c] @ v, control.CONTACT_WEIGHT * np.eye(3))

    effort = control.effort(model, weights)
    acts, lumbar, forces = slice(NV, NV + na), slice(NV + na, NV + na + 3), slice(NV + na + 3, n)
    H[acts, acts] = np.diag(effort + EFFORT_RIDGE)
    g[acts] = -effort * drive.ravel()
    H[:NV, :NV] += RIDGE * np.eye(NV)
    H[lumbar, lumbar] = RIDGE * np.eye(3)
    H[forces, forces] = FORCE_RIDGE * np.eye(3 * k)

    A = np.zeros((NV, n))
    A[:, :NV] = M
    A[:, acts] = -muscle_gain(muscles)
    A[6:9, lumbar] = -np.eye(3)
    A[:, forces] = -J.reshape(3 * k, NV).T

    C = np.zeros((4 * k, n))
    mu = control.FRICTION * control.FRICTION_MARGIN
    for row in range(4 * k):
        first = forces.start + 3 * (row // 4)
        C[row, first + (0, 0, 2, 2)[row % 4]] = (1, -1, 1, -1)[row % 4]
        C[row, first + 1] = -mu

    lower, upper = np.full(n, -1e5), np.full(n, 1e5)
    low, high = reach(activation, plan.period, hurried)
    lower[acts], upper[acts] = low.ravel(), high.ravel()
    lower[lumbar], upper[lumbar] = -control.LUMBAR_LIMIT, control.LUMBAR_LIMIT
    limit = np.repeat(np.where(touching, 1e5, 0), 3)
    lower[forces], upper[forces] = -limit, limit
    return Programme(H, g, A, still - h, C, lower, upper, exceeds)
