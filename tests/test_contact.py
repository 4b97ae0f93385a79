"""The ground: blocks that one can do by hand, the law itself, and Bullet's own solver on the same law."""

import numpy as np
import pytest
from simulations import MIXTURE, settings

from simlab import simulate, tasks
from simlab.kernels import contact, kinematics
from simlab.model import GRAVITY, Model, build, state
from simlab.muscles import Muscles
from simlab.plant import plant
from simlab.simulate import _planted
from simlab.subject import Subject, change
from simlab.world import ERP, World

DT = 1e-3
SLOP, COMPLIANCE = 1e-5, 1e-6


@pytest.fixture(scope="module")
def model() -> Model:
    return build(Subject())


def ground(model: Model, friction: float = 0.9, dt: float = DT) -> contact.Contact:
    gravity = (0.0, -GRAVITY, 0.0)
    return contact.Contact(model.skeleton.arguments(), model.spheres.arguments(), friction, ERP, dt, gravity)


def standing(model: Model, depth: int = 0) -> np.ndarray:
    plan = tasks.load("squat").plan(build(model.subject.healthy()))
    return _planted(model, state(model, plan.values[depth]))


class Step:
    """One step: points, forces, and the velocities of the points before and after."""

    def __init__(self, model: Model, q: np.ndarray, v: np.ndarray, torque: np.ndarray, friction: float = 0.9) -> None:
        s, spheres = model.skeleton, model.spheres
        self.point, self.force = np.full((12, 3), np.nan), np.full((12, 3), np.nan)
        self.iterations = ground(model, friction).forces(q, v, torque, self.point, self.force)
        rotation, _ = model.frames(q)
        local = spheres.centre - spheres.radius[:, None] * rotation[spheres.link][:, 1]
        x, J, drift = np.empty((12, 3)), np.empty((12, 3, 27)), np.empty((12, 3))
        kinematics.point_jacobian(s.parent, s.pos, s.axis, q, v, spheres.link, np.ascontiguousarray(local), x, J, drift)
        assert self.point == pytest.approx(x, abs=1e-12)
        M, h = np.empty((27, 27)), np.empty(27)
        kinematics.mass_bias(*s.arguments(), q, v, np.array([0, -GRAVITY, 0]), M, h)
        pull = np.concatenate([np.zeros(6), torque]) - h + np.einsum("kij,ki->j", J, self.force)
        self.v = v + DT * np.linalg.solve(M, pull)
        self.before, self.after = J @ v, J @ self.v


def random_steps(model: Model, number: int):
    """Feet near the ground, some spheres off it, on the move and pushed about."""
    rng = np.random.default_rng(7)
    for _ in range(number):
        q = standing(model, 100)
        q[1] += rng.uniform(-2e-4, 3e-4)
        q[7:] += rng.normal(0, 2e-3, 21)
        yield q, rng.normal(0, 0.1, 27), rng.normal(0, 20, 21)


def test_every_step_obeys_the_law(model: Model) -> None:
    """No force pulls, none leaves its pyramid, no sphere goes deeper than it may; who does not press is not pushed, and
    who sticks does not slide."""
    pressed = lifted = slid = stuck = 0
    for q, v, torque in random_steps(model, 60):
        step = Step(model, q, v, torque)
        assert step.iterations >= 0
        f, gap = step.force, step.point[:, 1] + SLOP
        least = -np.where(gap > 0, gap, ERP * gap) / DT
        assert (f[:, 1] >= 0).all()
        assert (np.abs(f[:, [0, 2]]).max(axis=1) <= 0.9 * f[:, 1] + 1e-6).all()
        on = f[:, 1] > 1e-3
        inside = on & (np.abs(f[:, [0, 2]]).max(axis=1) < 0.9 * f[:, 1] * (1 - 1e-6))
        loose = COMPLIANCE * DT * np.abs(f).max() + 1e-9
        assert (step.after[:, 1] >= least - loose).all()
        assert np.abs(step.after[inside][:, [0, 2]]).max(initial=0) < loose
        assert step.after[inside, 1] == pytest.approx(least[inside], abs=loose)
        pressed, lifted = pressed + on.sum(), lifted + (~on).sum()
        stuck, slid = stuck + inside.sum(), slid + (on & ~inside).sum()
    assert min(pressed, lifted, slid, stuck) > 20


def test_contact_never_makes_energy(model: Model) -> None:
    """A sphere that presses is stopped or slowed: the ground takes energy from a body without muscles, or none."""
    s = model.skeleton
    for q, v, _ in random_steps(model, 40):
        q[1] += SLOP - min(0.0, Step(model, q, v, np.zeros(21)).point[:, 1].min() + SLOP)  # nobody starts too deep
        step = Step(model, q, v, np.zeros(21))
        M, h = np.empty((27, 27)), np.empty(27)
        kinematics.mass_bias(*s.arguments(), q, v, np.array([0, -GRAVITY, 0]), M, h)
        free = v + DT * np.linalg.solve(M, -h)
        assert step.v @ M @ step.v <= free @ M @ free + 1e-9


def test_a_body_at_rest_is_carried(model: Model) -> None:
    """Torques that hold it still are met by its weight, at the place of its centre of mass."""
    s, q = model.skeleton, standing(model)
    q[1] -= SLOP
    M, h = np.empty((27, 27)), np.empty(27)
    kinematics.mass_bias(*s.arguments(), q, np.zeros(27), np.array([0, -GRAVITY, 0]), M, h)
    first = Step(model, q, np.zeros(27), h[6:])
    # statics: torques for a given ground reaction, which is the one that the ground then gives
    spheres = model.spheres
    rotation, _ = model.frames(q)
    local = np.ascontiguousarray(spheres.centre - spheres.radius[:, None] * rotation[spheres.link][:, 1])
    x, J, drift = np.empty((12, 3)), np.empty((12, 3, 27)), np.empty((12, 3))
    kinematics.point_jacobian(s.parent, s.pos, s.axis, q, np.zeros(27), spheres.link, local, x, J, drift)
    com = model.centre_of_mass(q)
    rows = np.vstack([J[:, 1, :6].T])
    share = np.linalg.lstsq(rows, h[:6], rcond=None)[0]
    assert rows @ share == pytest.approx(h[:6], abs=1e-6)
    step = Step(model, q, np.zeros(27), h[6:] - np.einsum("kj,k->j", J[:, 1, 6:], share))
    total = step.force.sum(axis=0)
    assert total == pytest.approx([0, model.weight, 0], abs=1e-2)
    moment = np.cross(step.point, step.force).sum(axis=0)
    assert moment == pytest.approx(np.cross(com, [0, model.weight, 0]), abs=1e-2)
    assert np.abs(step.v).max() < 1e-4
    assert first.iterations >= 0


def test_in_the_air_there_is_no_force(model: Model) -> None:
    q = standing(model)
    q[1] += 0.05
    step = Step(model, q, np.zeros(27), np.zeros(21))
    assert step.iterations == 0 and not step.force.any()


@pytest.mark.parametrize("friction", [0.3, 0.6])
def test_a_sliding_body_is_slowed_by_friction(model: Model, friction: float) -> None:
    q = standing(model)
    q[1] -= SLOP
    drag = []
    floor = ground(model, friction)
    with World(model) as world:
        world.reset(q, np.concatenate([[1.0, 0.0, 0.0], np.zeros(24)]))
        for _ in range(20):
            now = world.state()
            point, force = np.empty((12, 3)), np.empty((12, 3))
            floor.forces(now.q, now.v, np.zeros(21), point, force)
            for link, x, f in zip(model.spheres.link, point, force, strict=True):
                world.push(link, x, f)
            world.step(np.zeros(21))
            total = force.sum(axis=0)
            drag.append(-total[0] / total[1] if total[1] > 1 else 0.0)
    assert max(drag) == pytest.approx(friction, rel=0.05)


def test_bullet_takes_the_step_that_was_foreseen(model: Model) -> None:
    """The forces are for the very step that Bullet then makes."""
    for q, v, torque in random_steps(model, 10):
        step = Step(model, q, v, torque)
        with World(model) as world:
            world.reset(q, v)
            for link, x, f in zip(model.spheres.link, step.point, step.force, strict=True):
                world.push(link, x, f)
            world.step(torque)
            assert world.state().v == pytest.approx(step.v, abs=1e-10)


def test_bullet_agrees_where_it_has_iterated_to_the_end(model: Model) -> None:
    """The same law by sequential impulses, in the steps of a squat."""
    twin = simulate._learn(model, tasks.load("squat"), DT, lambda stage, share: None)[2]
    muscles = Muscles(model)
    with World(model, ground=True) as world:
        p = world._p
        p.setPhysicsEngineParameter(numSolverIterations=100_000, solverResidualThreshold=1e-22, enableConeFriction=0)
        for tick in range(60, 280, 40):
            q, v = twin.q[tick], twin.v[tick]
            muscles.update(q, v)
            torque = muscles.torque(twin.activation[tick], v)
            torque[:3] += twin.lumbar[tick]
            step = Step(model, q, v, torque)
            world.reset(q, v)
            world.step(torque)
            foot = [step.force[model.spheres.foot == side].sum(axis=0) for side in (0, 1)]
            assert world.ground_reaction() == pytest.approx(np.array(foot), abs=0.5)
            assert world.state().v == pytest.approx(step.v, abs=2e-3)


@pytest.mark.slow
def test_a_squat_on_bullets_own_ground_is_the_same_squat() -> None:
    """Both legs alike: Bullet's thousand iterations are then enough."""
    weak = build(change(Subject(), [*settings("both", *MIXTURE)]))
    plan, drive, _ = simulate._learn(build(Subject()), tasks.load("squat"), DT, lambda stage, share: None)
    ours, bullets = (
        simulate.loop(weak, plan, plan.weights, drive, DT, lambda share: None, path) for path in (None, "bullet")
    )
    assert bullets.message == ours.message == ""
    hip_adduction = np.degrees(np.array([run.q[150, [11, 20]] for run in (ours, bullets)]))
    assert hip_adduction[0] == pytest.approx(hip_adduction[1], abs=0.2)
    assert ours.ground[150] == pytest.approx(bullets.ground[150], abs=8)


def test_a_plant_counts_steps_without_an_answer(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    with World(model) as world:
        world.reset(standing(model), np.full(27, np.nan))
        body = plant(world)
        body.advance(3, np.full((2, 42), 0.1), np.full((2, 42), 0.1), np.zeros(3))
        assert body.failures == 3
