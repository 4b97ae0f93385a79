"""The kinematics kernel against its twin, Pinocchio, finite differences and mechanics one can do by hand."""

import numpy as np
import pytest
from numpy.typing import NDArray
from reference import kinematics as twin
from reference.kinematics import Tree

from simlab.kernels import kinematics

GRAVITY = np.array([0.0, -9.81, 0.0])
TILTED = np.array([1.3, -9.2, 2.1])
LINKS, N = 22, 27
STATES = 12


def forward(tree: Tree, q: NDArray) -> tuple[NDArray, NDArray]:
    out = np.full((LINKS, 3, 3), np.nan), np.full((LINKS, 3), np.nan)
    kinematics.forward(*tree[:3], q, *out)
    return out


def mass_bias(tree: Tree, q: NDArray, v: NDArray, gravity: NDArray) -> tuple[NDArray, NDArray]:
    out = np.full((N, N), np.nan), np.full(N, np.nan)
    kinematics.mass_bias(*tree, q, v, gravity, *out)
    return out


def point_jacobian(
    tree: Tree, q: NDArray, v: NDArray, link: NDArray, local: NDArray
) -> tuple[NDArray, NDArray, NDArray]:
    k = len(link)
    out = np.full((k, 3), np.nan), np.full((k, 3, N), np.nan), np.full((k, 3), np.nan)
    kinematics.point_jacobian(*tree[:3], q, v, link, local, *out)
    return out


def com_jacobian(tree: Tree, q: NDArray, v: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    out = np.full(3, np.nan), np.full((3, N), np.nan), np.full(3, np.nan)
    kinematics.com_jacobian(*tree[:5], q, v, *out)
    return out


def random_state(rng: np.random.Generator) -> tuple[NDArray, NDArray]:
    quaternion = rng.normal(size=4)
    q = np.concatenate([rng.uniform(-2, 2, 3), quaternion / np.linalg.norm(quaternion), rng.uniform(-2.5, 2.5, 21)])
    return q, rng.normal(size=N) * 3


def random_states(rng: np.random.Generator) -> list[tuple[NDArray, NDArray]]:
    states = [random_state(rng) for _ in range(STATES)]
    for values in zip(*states, strict=True):
        assert np.ptp(values, axis=0).min() > 0.3, "the random states hardly vary"
    return states


def random_points(rng: np.random.Generator) -> tuple[NDArray, NDArray]:
    """One point in every link, in a random order, and two more in the same link."""
    link = np.append(rng.permutation(LINKS), [12, 12]).astype(np.int32)
    return link, rng.uniform(-0.3, 0.3, (len(link), 3))


def moved(q: NDArray, v: NDArray, dt: float) -> NDArray:
    """The configuration after dt at constant v, to second order in dt exactly symmetric in +-dt."""
    w = v[3:6] * dt
    turn = np.append(0.5 * np.sinc(np.linalg.norm(w) / (2 * np.pi)) * w, np.cos(np.linalg.norm(w) / 2))
    u, s = q[3:6], q[6]
    vector = turn[3] * u + s * turn[:3] + np.cross(turn[:3], u)
    return np.concatenate([q[:3] + dt * v[:3], vector, [turn[3] * s - turn[:3] @ u], q[7:] + dt * v[6:]])


def assert_close(actual: NDArray, expected: NDArray, rtol: float) -> None:
    """Relative to the largest expected entry: small entries are differences of large ones."""
    assert np.isfinite(actual).all()
    np.testing.assert_allclose(actual, expected, rtol=0, atol=rtol * np.abs(expected).max())


def assert_dynamics_close(actual: tuple[NDArray, NDArray], expected: tuple[NDArray, NDArray], rtol: float) -> None:
    """Each coordinate scaled by the root of its inertia, so that a toe counts as much as the trunk."""
    scale = 1 / np.sqrt(np.diag(expected[0]))
    assert_close(actual[0] * np.outer(scale, scale), expected[0] * np.outer(scale, scale), rtol)
    assert_close(actual[1] * scale, expected[1] * scale, rtol)


# Against the twin


def test_twin_agrees_on_random_states(tree: Tree, rng: np.random.Generator) -> None:
    for q, v in random_states(rng):
        for actual, expected in zip(forward(tree, q), twin.forward(tree, q), strict=True):
            assert_close(actual, expected, 1e-10)
        assert_dynamics_close(mass_bias(tree, q, v, TILTED), twin.mass_bias(tree, q, v, TILTED), 1e-10)
        points = random_points(rng)
        for actual, expected in zip(
            point_jacobian(tree, q, v, *points), twin.point_jacobian(tree, q, v, *points), strict=True
        ):
            assert_close(actual, expected, 1e-10)
        for actual, expected in zip(com_jacobian(tree, q, v), twin.com_jacobian(tree, q, v), strict=True):
            assert_close(actual, expected, 1e-10)


def test_inputs_stay_untouched_and_may_be_read_only(tree: Tree, rng: np.random.Generator) -> None:
    q, v = random_state(rng)
    inputs = (*tree, q, v)
    before = [a.copy() for a in inputs]
    for a in inputs:
        a.flags.writeable = False
    forward(tree, q), mass_bias(tree, q, v, GRAVITY), com_jacobian(tree, q, v)
    point_jacobian(tree, q, v, *random_points(rng))
    assert all((a == b).all() for a, b in zip(inputs, before, strict=True))


def test_quaternion_norm_and_sign_do_not_matter(tree: Tree, rng: np.random.Generator) -> None:
    q, v = random_state(rng)
    scaled = q.copy()
    scaled[3:7] *= -1.7
    assert_dynamics_close(mass_bias(tree, scaled, v, GRAVITY), mass_bias(tree, q, v, GRAVITY), 1e-12)


# Against Pinocchio


class Pinocchio:
    """The same tree in Pinocchio (Carpentier et al. 2019, doi 10.1109/SII.2019.8700380).

    Its free flyer has both velocities in the axes of link 0: v_pin = B v with B = diag(R', R', 1), and
    dv_pin/dt = B dv/dt + Bdot v, whose only non-zero part is -R' (w x velocity).
    """

    def __init__(self, tree: Tree) -> None:
        import pinocchio

        self.pin = pinocchio
        self.model = self.pin.Model()
        for i in range(LINKS):
            joint = self.pin.JointModelRevoluteUnaligned(tree.axis[i]) if i else self.pin.JointModelFreeFlyer()
            placement = self.pin.SE3(np.eye(3), tree.pos[i] if i else np.zeros(3))
            index = self.model.addJoint(int(tree.parent[i]) + 1, joint, placement, f"link_{i}")
            body = self.pin.Inertia(tree.mass[i], tree.com[i], tree.inertia[i])
            self.model.appendBodyToJoint(index, body, self.pin.SE3.Identity())

    def base_change(self, q: NDArray, v: NDArray) -> tuple[NDArray, NDArray]:
        """B (27, 27) and Bdot v (27,)."""
        R = self.pin.Quaternion(*q[[6, 3, 4, 5]]).matrix()
        B, Bdot_v = np.eye(N), np.zeros(N)
        B[:3, :3] = B[3:6, 3:6] = R.T
        Bdot_v[:3] = -R.T @ np.cross(v[3:6], v[:3])
        return B, Bdot_v

    def mass_bias(self, q: NDArray, v: NDArray, gravity: NDArray) -> tuple[NDArray, NDArray]:
        B, Bdot_v = self.base_change(q, v)
        self.model.gravity.linear = gravity
        data = self.model.createData()
        M = self.pin.crba(self.model, data, q)
        M = np.triu(M) + np.triu(M, 1).T
        return B.T @ M @ B, B.T @ self.pin.rnea(self.model, data, q, B @ v, Bdot_v)

    def point_jacobian(self, q: NDArray, v: NDArray, link: NDArray, local: NDArray) -> tuple[NDArray, NDArray, NDArray]:
        B, Bdot_v = self.base_change(q, v)
        model = self.model.copy()
        frames = [
            model.addFrame(
                self.pin.Frame(f"point_{k}", int(i) + 1, self.pin.SE3(np.eye(3), r), self.pin.FrameType.OP_FRAME)
            )
            for k, (i, r) in enumerate(zip(link, local, strict=True))
        ]
        data = model.createData()
        self.pin.forwardKinematics(model, data, q, B @ v, Bdot_v)
        self.pin.computeJointJacobians(model, data, q)
        self.pin.updateFramePlacements(model, data)
        axes = self.pin.ReferenceFrame.LOCAL_WORLD_ALIGNED
        return (
            np.array([data.oMf[f].translation for f in frames]),
            np.array([self.pin.getFrameJacobian(model, data, f, axes)[:3] @ B for f in frames]),
            np.array([self.pin.getFrameClassicalAcceleration(model, data, f, axes).linear for f in frames]),
        )

    def com_jacobian(self, q: NDArray, v: NDArray) -> tuple[NDArray, NDArray, NDArray]:
        B, Bdot_v = self.base_change(q, v)
        data = self.model.createData()
        J = self.pin.jacobianCenterOfMass(self.model, data, q) @ B
        self.pin.centerOfMass(self.model, data, q, B @ v, Bdot_v)
        return data.com[0].copy(), J, data.acom[0].copy()


def test_pinocchio_agrees_on_random_states(tree: Tree, rng: np.random.Generator) -> None:
    other = Pinocchio(tree)
    for q, v in random_states(rng):
        assert_dynamics_close(mass_bias(tree, q, v, TILTED), other.mass_bias(q, v, TILTED), 1e-9)
        points = random_points(rng)
        for actual, expected in zip(
            point_jacobian(tree, q, v, *points), other.point_jacobian(q, v, *points), strict=True
        ):
            assert_close(actual, expected, 1e-9)
        for actual, expected in zip(com_jacobian(tree, q, v), other.com_jacobian(q, v), strict=True):
            assert_close(actual, expected, 1e-9)


# Against finite differences


def test_jacobians_are_derivatives_of_positions(tree: Tree, rng: np.random.Generator) -> None:
    q, v = random_state(rng)
    points, step = random_points(rng), 1e-6
    _, J, _ = point_jacobian(tree, q, v, *points)
    _, J_com, _ = com_jacobian(tree, q, v)
    for k, direction in enumerate(np.eye(N)):
        ahead, behind = moved(q, direction, step), moved(q, direction, -step)
        dx = point_jacobian(tree, ahead, v, *points)[0] - point_jacobian(tree, behind, v, *points)[0]
        dc = com_jacobian(tree, ahead, v)[0] - com_jacobian(tree, behind, v)[0]
        np.testing.assert_allclose(J[:, :, k], dx / (2 * step), atol=2e-9)
        np.testing.assert_allclose(J_com[:, k], dc / (2 * step), atol=2e-9)


def test_jdot_v_is_the_acceleration_at_constant_velocity(tree: Tree, rng: np.random.Generator) -> None:
    points, step = random_points(rng), 1e-6
    for _ in range(3):
        q, v = random_state(rng)
        ahead, behind = moved(q, v, step), moved(q, v, -step)
        dJ = point_jacobian(tree, ahead, v, *points)[1] - point_jacobian(tree, behind, v, *points)[1]
        assert_close(point_jacobian(tree, q, v, *points)[2], dJ @ v / (2 * step), 1e-7)
        dJ = com_jacobian(tree, ahead, v)[1] - com_jacobian(tree, behind, v)[1]
        assert_close(com_jacobian(tree, q, v)[2], dJ @ v / (2 * step), 1e-7)


# Against mechanics


def test_mass_matrix_is_symmetric_and_positive_definite(tree: Tree, rng: np.random.Generator) -> None:
    for q, v in random_states(rng):
        M, _ = mass_bias(tree, q, v, GRAVITY)
        scale = np.sqrt(np.diag(M))
        assert (np.abs(M - M.T) <= 1e-15 * np.outer(scale, scale)).all()
        assert np.linalg.eigvalsh(M).min() > 0
        assert v @ M @ v > 0


def test_linear_momentum_is_mass_times_velocity_of_the_centre_of_mass(tree: Tree, rng: np.random.Generator) -> None:
    q, v = random_state(rng)
    M, _ = mass_bias(tree, q, v, GRAVITY)
    assert_close(M[:3], tree.mass.sum() * com_jacobian(tree, q, v)[1], 1e-12)


def test_a_tree_at_rest_falls_as_a_rigid_body(tree: Tree, rng: np.random.Generator) -> None:
    q, _ = random_state(rng)
    M, h = mass_bias(tree, q, np.zeros(N), GRAVITY)
    assert_close(h, -M[:, :3] @ GRAVITY, 1e-12)
    _, J, _ = point_jacobian(tree, q, np.zeros(N), *random_points(rng))
    np.testing.assert_allclose(J @ np.linalg.solve(M, -h), np.tile(GRAVITY, (len(J), 1)), atol=1e-6)


def test_the_centre_of_mass_of_a_tumbling_tree_falls_freely(tree: Tree, rng: np.random.Generator) -> None:
    q, v = random_state(rng)
    M, h = mass_bias(tree, q, v, GRAVITY)
    _, J, jdv = com_jacobian(tree, q, v)
    np.testing.assert_allclose(J @ np.linalg.solve(M, -h) + jdv, GRAVITY, atol=1e-7)


@pytest.mark.parametrize("angle", [-2.0, -0.3, 0.0, 0.7, np.pi / 2])
def test_static_pendulum_weighs_m_g_l(tree: Tree, angle: float) -> None:
    """A thigh hanging from a hip hinge with a horizontal axis: the torque that holds it is m g l sin(angle)."""
    mass, length, hip, femur = 7.0, 0.4, 4, 6
    thigh = tree._replace(mass=np.zeros(LINKS), com=np.zeros((LINKS, 3)), inertia=np.zeros((LINKS, 3, 3)))
    thigh.mass[femur] = mass
    thigh.axis[hip] = 0, 0, 1
    thigh.pos[[5, 6]] = 0
    thigh.com[femur] = 0, -length, 0
    q = np.zeros(28)
    q[6], q[6 + hip] = 1, angle
    _, h = mass_bias(thigh, q, np.zeros(N), GRAVITY)
    assert h[5 + hip] == pytest.approx(mass * 9.81 * length * np.sin(angle), abs=1e-12)
    np.testing.assert_allclose(h[:3], -mass * GRAVITY, atol=1e-12)


def test_spinning_thigh_pulls_with_its_centrifugal_force(tree: Tree) -> None:
    """At rate w the hip must hold m w^2 l; a rigid pendulum needs no torque."""
    mass, length, hip, femur = 7.0, 0.4, 4, 6
    thigh = tree._replace(mass=np.zeros(LINKS), com=np.zeros((LINKS, 3)), inertia=np.zeros((LINKS, 3, 3)))
    thigh.mass[femur] = mass
    thigh.axis[hip] = 0, 0, 1
    thigh.pos[[5, 6]] = 0
    thigh.com[femur] = 0, -length, 0
    q, v = np.zeros(28), np.zeros(N)
    q[6], v[5 + hip] = 1, 3.0
    M, h = mass_bias(thigh, q, v, np.zeros(3))
    np.testing.assert_allclose(h[:3], [0, mass * 3.0**2 * length, 0], atol=1e-12)
    assert h[5 + hip] == pytest.approx(0, abs=1e-12)
    assert M[5 + hip, 5 + hip] == pytest.approx(mass * length**2)


def flown(tree: Tree, q: NDArray, v: NDArray, gravity: NDArray, dt: float, steps: int) -> tuple[NDArray, NDArray]:
    """Unforced motion by the classical Runge-Kutta method."""

    def slope(state: NDArray) -> NDArray:
        M, h = mass_bias(tree, state[:28], state[28:], gravity)
        return np.concatenate([twin.rate(state[:28], state[28:]), np.linalg.solve(M, -h)])

    state = np.concatenate([q, v])
    for _ in range(steps):
        a = slope(state)
        b = slope(state + dt / 2 * a)
        c = slope(state + dt / 2 * b)
        d = slope(state + dt * c)
        state = state + dt / 6 * (a + 2 * b + 2 * c + d)
    return state[:28], state[28:]


def energy(tree: Tree, q: NDArray, v: NDArray, gravity: NDArray) -> float:
    M, _ = mass_bias(tree, q, v, gravity)
    return float(0.5 * v @ M @ v - tree.mass.sum() * gravity @ com_jacobian(tree, q, v)[0])


def momentum(tree: Tree, q: NDArray, v: NDArray) -> tuple[NDArray, NDArray]:
    """Linear momentum and the angular momentum about the centre of mass."""
    base = mass_bias(tree, q, v, GRAVITY)[0][:6] @ v
    return base[:3], base[3:] - np.cross(com_jacobian(tree, q, v)[0] - q[:3], base[:3])


@pytest.mark.parametrize("gravity", [np.zeros(3), GRAVITY], ids=["weightless", "gravity"])
def test_unforced_motion_conserves_energy_and_momentum(tree: Tree, rng: np.random.Generator, gravity: NDArray) -> None:
    q0, v0 = random_state(rng)
    v0 /= 3
    dt, steps = 2e-4, 1000
    q, v = flown(tree, q0, v0, gravity, dt, steps)
    kinetic = energy(tree, q0, v0, np.zeros(3))
    assert np.abs(q - q0).max() > 0.1
    assert energy(tree, q, v, gravity) == pytest.approx(energy(tree, q0, v0, gravity), abs=1e-8 * kinetic)
    (linear0, angular0), (linear, angular) = momentum(tree, q0, v0), momentum(tree, q, v)
    np.testing.assert_allclose(linear, linear0 + tree.mass.sum() * gravity * dt * steps, atol=1e-7)
    np.testing.assert_allclose(angular, angular0, atol=1e-7)


# Symmetry


def mirrored_state(q: NDArray, v: NDArray) -> tuple[NDArray, NDArray]:
    """The state seen in a mirror (z -> -z): legs change places, lumbar bending and rotation change sign."""
    flip_q = np.array([1, 1, -1, -1, -1, 1, 1, 1, -1, -1])
    flip_v = np.array([1, 1, -1, -1, -1, 1, 1, -1, -1])
    return (
        np.concatenate([q[:10] * flip_q, q[19:28], q[10:19]]),
        np.concatenate([v[:9] * flip_v, v[18:27], v[9:18]]),
    )


def test_mirrored_state_gives_mirrored_points_and_forces(symmetric_tree: Tree, rng: np.random.Generator) -> None:
    q, v = random_state(rng)
    swap = np.r_[0:4, 13:22, 4:13].astype(np.int32)
    link, local = random_points(rng)
    mirror = np.array([1.0, 1.0, -1.0])
    x, _, jdv = point_jacobian(symmetric_tree, q, v, link, local)
    x_m, _, jdv_m = point_jacobian(symmetric_tree, *mirrored_state(q, v), swap[link], local * mirror)
    np.testing.assert_allclose(x_m, x * mirror, atol=1e-12)
    assert_close(jdv_m, jdv * mirror, 1e-12)
    _, h = mass_bias(symmetric_tree, q, v, GRAVITY)
    _, h_m = mass_bias(symmetric_tree, *mirrored_state(q, v), GRAVITY)
    assert_close(h_m, mirrored_state(q, h)[1], 1e-12)
