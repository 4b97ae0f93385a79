"""pybullet must do the dynamics that our kernels do, and each of its traps must be caught by that check."""

import numpy as np
import pytest

from simlab import world as world_module
from simlab.kernels import kinematics
from simlab.model import GRAVITY, Model, build, motion, state
from simlab.subject import Subject
from simlab.world import World, urdf


@pytest.fixture(scope="module")
def model() -> Model:
    return build(Subject())


def random_state(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A free-flying body 3 m above the ground."""
    quaternion = rng.normal(size=4)
    q = np.concatenate(
        [rng.normal(0, 0.3, 3) + [0, 3, 0], quaternion / np.linalg.norm(quaternion), rng.normal(0, 0.4, 21)]
    )
    return q, rng.normal(0, 1, 27)


def expected(model: Model, q: np.ndarray, v: np.ndarray, torque: np.ndarray) -> np.ndarray:
    s = model.skeleton
    M, h = np.empty((27, 27)), np.empty(27)
    gravity = np.array([0, -GRAVITY, 0])
    kinematics.mass_bias(s.parent, s.pos, s.axis, s.mass, s.com, s.inertia, q, v, gravity, M, h)
    return np.linalg.solve(M, np.concatenate([np.zeros(6), torque]) - h)


def error(world: World, rng: np.random.Generator) -> float:
    """Relative error of the acceleration that one step produces."""
    q, v = random_state(rng)
    torque = rng.normal(0, 20, 21)
    world.reset(q, v)
    before = world.state()
    world.step(torque)
    wanted = expected(world.model, before.q, before.v, torque)
    return float(np.linalg.norm((world.state().v - before.v) / world.dt - wanted) / np.linalg.norm(wanted))


def test_forward_dynamics_equal_ours(model: Model) -> None:
    rng = np.random.default_rng(0)
    with World(model, dt=1e-5) as world:
        errors = [error(world, rng) for _ in range(20)]
    assert max(errors) < 1e-7
    assert len(set(errors)) > 10


def _damp(world: World) -> None:
    for j in range(-1, 21):
        world._p.changeDynamics(world._body, j, linearDamping=0.04, angularDamping=0.04)


def _damp_joints(world: World) -> None:
    for j in range(21):
        world._p.changeDynamics(world._body, j, jointDamping=0.1)


def _motors(world: World) -> None:
    p = world._p
    p.setJointMotorControlArray(world._body, world._joints, p.VELOCITY_CONTROL, forces=[10.0] * 21)


def _inertia(world: World) -> None:
    p = world._p
    p.removeBody(world._body)
    p.setPhysicsEngineParameter(fixedTimeStep=world.dt)
    load = p.loadURDF
    p.loadURDF = lambda path, flags: load(path)
    world._body = world._load()
    p.loadURDF = load
    p.setJointMotorControlArray(world._body, world._joints, p.VELOCITY_CONTROL, forces=[0.0] * 21)


@pytest.mark.parametrize("trap", [_damp, _damp_joints, _motors, _inertia])
def test_each_trap_would_be_noticed(model: Model, trap) -> None:
    """Bullet's defaults: damped links, damped joints, motors that hold, inertias from shapes. (Motors hold only in a
    world with a ground: in the other one Bullet takes the shapes to sleep, and joint motors with them.)"""
    with World(model, dt=1e-5, ground=True) as world:
        trap(world)
        assert error(world, np.random.default_rng(1)) > 1e-5


def test_state_is_what_was_set(model: Model) -> None:
    """The base pose is that of the pelvis (not of rotated principal axes); velocities are in world axes."""
    rng = np.random.default_rng(2)
    with World(model) as world:
        for _ in range(5):
            q, v = random_state(rng)
            world.reset(q, v)
            found = world.state()
            sign = np.sign(found.q[3:7] @ q[3:7])
            np.testing.assert_allclose(np.concatenate([found.q[:3], sign * found.q[3:7], found.q[7:]]), q, atol=1e-12)
            np.testing.assert_allclose(found.v, v, atol=1e-12)


def test_link_frames_are_ours(model: Model) -> None:
    q, _ = random_state(np.random.default_rng(3))
    rotation, origin = model.frames(q)
    with World(model) as world:
        world.reset(q)
        for name, joint in zip(model.skeleton.names[1:], world._joints, strict=True):
            state = world._p.getLinkState(world._body, joint, computeForwardKinematics=True)
            np.testing.assert_allclose(state[4], origin[model.link(name)], atol=1e-6)
            matrix = np.reshape(world._p.getMatrixFromQuaternion(state[5]), (3, 3))
            np.testing.assert_allclose(matrix, rotation[model.link(name)], atol=1e-6)


def test_hinges_turn_without_end(model: Model) -> None:
    """Limits are tissue: no joint of the multibody stops by itself."""
    assert urdf(model).count('type="continuous"') == 21 and 'type="revolute"' not in urdf(model)


def test_a_dropped_body_falls_freely_and_keeps_its_energy(model: Model) -> None:
    rng = np.random.default_rng(4)
    q, v = random_state(rng)
    s = model.skeleton

    def energy(q: np.ndarray, v: np.ndarray) -> float:
        M, h, c = np.empty((27, 27)), np.empty(27), np.empty(3)
        kinematics.mass_bias(s.parent, s.pos, s.axis, s.mass, s.com, s.inertia, q, v, np.zeros(3), M, h)
        kinematics.com_jacobian(s.parent, s.pos, s.axis, s.mass, s.com, q, v, c, np.empty((3, 27)), np.empty(3))
        return 0.5 * v @ M @ v + model.mass * GRAVITY * c[1]

    with World(model, dt=1e-5) as world:
        world.reset(q, v)
        first = energy(world.state().q, world.state().v)
        for _ in range(500):
            world.step(np.zeros(21))
        last = energy(world.state().q, world.state().v)
    assert last == pytest.approx(first, rel=1e-4)


def test_shapes_that_are_too_large_change_nothing(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """They only save Bullet's time: with small ones, which it sorts in every step, the body moves the same."""
    states = []
    for edge in (world_module.TOO_LARGE, 1e-3):
        monkeypatch.setattr(world_module, "TOO_LARGE", edge)
        rng = np.random.default_rng(2)
        with World(model) as world:
            world.reset(*random_state(rng))
            for _ in range(200):
                world.step(rng.normal(0, 20, 21))
            now = world.state()
        states.append((now.q.tobytes(), now.v.tobytes()))
    assert states[0] == states[1]


def test_nothing_is_printed(model: Model, capfd: pytest.CaptureFixture[str]) -> None:
    """Standard output belongs to --json, and pybullet greets on it."""
    with World(model):
        pass
    assert capfd.readouterr().out == ""


def test_coordinates_and_states_are_one(model: Model) -> None:
    rng = np.random.default_rng(5)
    coordinates = rng.uniform(-0.5, 0.5, 27)
    back = motion(model, np.zeros(1), state(model, coordinates)[None])
    np.testing.assert_allclose(back.values[0], coordinates, atol=1e-12)


def test_a_pushed_sole_slides_at_the_friction_coefficient(model: Model) -> None:
    """Bullet multiplies the coefficients of both bodies, and forgets a link's when it is set among other settings."""
    with World(model, ground=True, friction=0.6) as world:
        p = world._p
        ground = p.getDynamicsInfo(world._ground, -1)[1]
        for name in ("calcn_r", "forefoot_r", "calcn_l", "forefoot_l"):
            link = world._joints[model.link(name) - 1]
            assert p.getDynamicsInfo(world._body, link)[1] * ground == pytest.approx(0.6)
        q = state(model, np.zeros(27))
        rotation, origin = model.frames(q)
        s = model.spheres
        bottom = origin[s.link][:, 1] + np.einsum("kj,kj->k", rotation[s.link][:, 1], s.centre) - s.radius
        q[1] -= bottom.min()
        world.reset(q, np.concatenate([[1.0, 0.0, 0.0], np.zeros(24)]))
        drag = []
        for _ in range(20):
            world.step(np.zeros(21))
            force = world.ground_reaction().sum(axis=0)
            drag.append(-force[0] / force[1] if force[1] > 1 else 0.0)
    assert max(drag) == pytest.approx(0.6, rel=0.05)  # it slides forward, the ground pulls it back
