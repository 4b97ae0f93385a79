"""Joint loads against Pinocchio, OpenSim's path engine, closed forms, mirror images and instrumented knees."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from simulations import MIXTURE, run, settings
from test_kinematics import Pinocchio, mirrored_state

from simlab import anatomy, loads
from simlab.kernels import contact, kinematics
from simlab.model import GRAVITY, Model, build
from simlab.motion import Array
from simlab.muscles import Muscles
from simlab.simulate import Result
from simlab.subject import Subject, change
from simlab.world import ERP, FRICTION

MIXED = settings("right", *MIXTURE)


@cache
def squat(*changes: str) -> tuple[Result, loads.Loads]:
    result = run(changes)
    return result, loads.loads(result)


def size(vectors: Array) -> Array:
    return np.linalg.norm(vectors, axis=-1)


# --- lines of action -------------------------------------------------------------------------------------------------


def test_a_line_beside_the_cylinder_is_straight() -> None:
    a, b = np.array([[-3.0, 1.1, 0.0]]), np.array([[3.0, 1.1, 1.0]])
    meets, leaves = loads.tangents(a, b, 1.0)
    np.testing.assert_array_equal(meets, b)
    np.testing.assert_array_equal(leaves, a)


def test_round_a_cylinder_by_hand() -> None:
    """Over the top from 150 to 30 deg, with two radii of straight path before and after; axial travel is even over the
    unrolled length."""
    (s, c), arc = np.array([0.5, 0.5 * np.sqrt(3)]), 2 * np.pi / 3
    a, b = np.array([[-c - 2 * s, s - 2 * c, 0.0]]), np.array([[c + 2 * s, s - 2 * c, 4.0 + arc]])
    meets, leaves = loads.tangents(a, b, 1.0, "y")
    np.testing.assert_allclose(meets, [[-c, s, 2.0]], atol=1e-12)
    np.testing.assert_allclose(leaves, [[c, s, 2.0 + arc]], atol=1e-12)


def test_the_shorter_way_unless_a_side_is_asked_for() -> None:
    a, b = np.array([[-3.0, 0.2, 0.0]]), np.array([[3.0, 0.2, 0.0]])
    assert loads.tangents(a, b, 1.0)[0][0, 1] > 0.9
    assert loads.tangents(a, b, 1.0, "y")[0][0, 1] > 0.9
    assert loads.tangents(a, b, 1.0, "-y")[0][0, 1] < -0.9
    beside = np.array([[-3.0, 1.5, 0.0]]), np.array([[3.0, 1.5, 0.0]])
    assert loads.tangents(*beside, 1.0, "-y")[0][0, 1] < 0, "a path on the wrong side is pulled to the right one"


def test_tangents_meet_the_surface_at_right_angles_to_the_radius(rng: np.random.Generator) -> None:
    a, b = rng.normal(size=(2, 400, 3)) * [2, 2, 1]
    outside = (np.hypot(*a.T[:2]) > 1) & (np.hypot(*b.T[:2]) > 1)
    a, b = a[outside], b[outside]
    meets, leaves = loads.tangents(a, b, 1.0)
    touching = (meets != b).any(axis=1)
    assert 20 < touching.sum() < len(a) - 20
    for end, on in ((a, meets), (b, leaves)):
        straight, radial = (on - end)[touching], on[touching] * [1, 1, 0]
        np.testing.assert_allclose(np.sum(straight * radial, axis=1), 0, atol=1e-12)
        np.testing.assert_allclose(size(radial), 1)
    slope = [np.abs((y - x)[touching, 2]) / size((y - x)[touching]) for x, y in ((a, meets), (leaves, b))]
    np.testing.assert_allclose(*slope, atol=1e-9)


@cache
def regenerate() -> ModuleType:
    """models/regenerate.py, whose path engine is OpenSim's."""
    path = Path(__file__).parent.parent / "models" / "regenerate.py"
    spec = importlib.util.spec_from_file_location("regenerate", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SHIFT = 1e-4


@cache
def displaced() -> tuple:
    """OpenSim's engine with the knee shifted in the femur by +-SHIFT [m] along each axis."""
    module, read = regenerate(), regenerate().read

    def engine(shift: Array):
        def shifted(name: str) -> list[dict[str, str]]:
            rows = [dict(row) for row in read(name)]
            for row in rows:
                if name == "joints.csv" and row["link"] == "knee_1":
                    row |= {axis: str(float(row[axis]) + d) for axis, d in zip("xyz", shift, strict=True)}
            return rows

        module.read = shifted
        try:
            return module.PathEngine()
        finally:
            module.read = read

    return tuple((engine(SHIFT * e), engine(-SHIFT * e)) for e in np.eye(3))


def pulls(pose: Array) -> dict[str, Array]:
    """Muscle -> what a unit of tension pulls the shank with, in the femur, by OpenSim: minus the slope of its length
    along displacements of the shank. Of unit length where its path is truly the shortest."""
    slope = [(a.lengths(pose) - b.lengths(pose)) / (2 * SHIFT) for a, b in displaced()]
    return dict(zip(displaced()[0][0].muscles, -np.transpose(slope), strict=True))


def seen(model: Model, q: Array) -> SimpleNamespace:
    """What the lines of action need to know of states q (n, 28)."""
    rotation, origin = (np.array(parts) for parts in zip(*(model.frames(row) for row in q), strict=True))
    return SimpleNamespace(rotation=rotation, origin=origin, angle=q[:, 10:].reshape(-1, 2, 9))


def directions(model: Model, q: Array) -> dict[str, Array]:
    """Muscle -> our direction of its pull on the right shank, in the femur, at states q (n, 28), shape (n, 3)."""
    scale = model.subject.height_m / anatomy.REFERENCE_HEIGHT
    place = loads._places(model, seen(model, q), scale)
    out = {}
    for line in loads._lines():
        above, below = loads._straight(place, line.above, line.below, line.cylinders, scale)
        along = loads._unit(above - below)[:, 0]
        out[line.muscle] = np.einsum("nji,nj->ni", place["femur"][0][:, 0], along)
    return out


def states(poses: Array) -> Array:
    q = np.zeros((len(poses), 28))
    q[:, 6], q[:, 10:18], q[:, 19:27] = 1, poses, poses
    return q


def test_lines_of_action_are_opensims(rng: np.random.Generator) -> None:
    """Where two cylinders are wrapped OpenSim's path of a gastrocnemius is not the shortest (its slope is up to 1.2
    long): it is judged where OpenSim's is."""
    poses = regenerate().draw(rng, 60, 1.0)
    ours = directions(build(Subject(height_m=1.70)), states(poses))
    theirs = [pulls(pose) for pose in poses]
    assert set(ours) == {
        "bflh", "bfsh", "gaslat", "gasmed", "grac", "recfem", "sart", "semimem", "semiten", "tfl", "vasint", "vaslat",
        "vasmed",
    }  # fmt: skip
    for muscle, along in ours.items():
        other = np.array([found[muscle] for found in theirs])
        shortest = np.abs(size(other) - 1) < 1e-3
        assert shortest.mean() > (0.3 if muscle.startswith("gas") else 0.99), muscle
        angle = np.degrees(size(np.cross(along, loads._unit(other))))[shortest]
        assert np.median(angle) < 0.02 and angle.max() < (1.5 if muscle.startswith("gas") else 0.2), muscle


def test_the_two_cylinders_of_a_gastrocnemius_agree(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    q = states(regenerate().draw(rng, 100, 1.0))
    model = build(Subject())
    found = directions(model, q)
    monkeypatch.setattr(loads, "TURNS", 30)
    for muscle, along in directions(model, q).items():
        np.testing.assert_allclose(found[muscle], along, atol=2e-3, err_msg=muscle)


@pytest.mark.parametrize("bones", [(), ("both.femoral_anteversion_deg=10",), ("both.genu_valgum_deg=6",)])
def test_lines_of_action_have_the_moment_arms_of_the_length_polynomials(
    rng: np.random.Generator, bones: tuple[str, ...]
) -> None:
    """In adduction and rotation for all, in flexion for all without a patella; for a gastrocnemius off its condyle,
    because the polynomials follow OpenSim, see above."""
    model = build(change(Subject(height_m=1.70), list(bones)))
    body = Muscles(model)
    q = states(regenerate().draw(rng, 120, 1.0))
    place, hinges = loads._places(model, seen(model, q), 1.0), loads._hinges(model, seen(model, q))
    arms = []
    for row in q:
        body.update(row, np.zeros(27))
        arms.append(body.arm[0, :, 3:6])
    for line in loads._lines():
        above, below = loads._straight(place, line.above, line.below, line.cylinders, 1.0)
        moment = np.cross(below - place["tibia"][1], loads._unit(above - below))[:, 0]
        found = np.einsum("nhi,ni->nh", hinges[:, 0], moment)
        error = found - np.array(arms)[:, model.muscles.names.index(line.muscle)]
        if line.muscle.startswith("gas"):
            error = error[q[:, 13] > 1.0]
        error = np.sqrt(np.mean(error[:, int(line.above[0] == "patella") :] ** 2, axis=0))
        assert error.max() < 2e-3, (line.muscle, error)


# --- dynamics --------------------------------------------------------------------------------------------------------


class Instant:
    """The equations of motion at a tick of a run, solved here: ground on the spheres [N] (k, 3), acceleration (27,)."""

    def __init__(self, result: Result, tick: int) -> None:
        model, run = result.model, result.run
        s, spheres, gravity = model.skeleton, model.spheres, (0.0, -GRAVITY, 0.0)
        self.model, self.q, self.v = model, run.q[tick], run.v[tick]
        body = Muscles(model)
        body.update(self.q, self.v)
        torque = body.torque(run.activation[tick], self.v)
        torque[:3] += run.lumbar[tick]
        self.points, self.force = np.empty(spheres.centre.shape), np.empty(spheres.centre.shape)
        ground = contact.Contact(s.arguments(), spheres.arguments(), FRICTION, ERP, result.dt, gravity)
        assert ground.forces(self.q, self.v, torque, self.points, self.force) >= 0
        self.rotation, self.origin = model.frames(self.q)
        M, h = np.empty((27, 27)), np.empty(27)
        kinematics.mass_bias(*s.arguments(), self.q, self.v, np.array(gravity), M, h)
        local = np.einsum("kji,kj->ki", self.rotation[spheres.link], self.points - self.origin[spheres.link])
        at, J, drift = np.empty(local.shape), np.empty((*local.shape, 27)), np.empty(local.shape)
        kinematics.point_jacobian(
            s.parent, s.pos, s.axis, self.q, self.v, spheres.link, np.ascontiguousarray(local), at, J, drift
        )
        total = np.einsum("kij,ki->j", J, self.force) - h
        total[6:] += torque
        self.acceleration = np.linalg.solve(M, total)

    def pinocchio(self, acceleration: Array | None = None) -> tuple[Array, Array, Array]:
        """By inverse dynamics of Pinocchio: torques of the leg hinges (18,) [Nm], force on each tibia [N] (2, 3), and
        what is missing to the balance of the whole body, a force [N] and a moment [Nm] (6,), world axes."""
        import pinocchio as pin

        names = ("parent", "pos", "axis", "mass", "com", "inertia")
        other = Pinocchio(SimpleNamespace(**dict(zip(names, self.model.skeleton.arguments(), strict=True))))
        other.model.gravity.linear = np.array([0, -GRAVITY, 0])
        outside = pin.StdVec_Force()
        outside.extend([pin.Force.Zero() for _ in range(other.model.njoints)])
        for link, point, force in zip(self.model.spheres.link, self.points, self.force, strict=True):
            R, p = self.rotation[link], self.origin[link]
            outside[int(link) + 1] += pin.Force(R.T @ force, R.T @ np.cross(point - p, force))
        data = other.model.createData()
        B, drift = other.base_change(self.q, self.v)
        if acceleration is None:
            acceleration = self.acceleration
        tau = pin.rnea(other.model, data, self.q, B @ self.v, B @ acceleration + drift, outside)
        tibiae = [self.model.link("tibia" + suffix) for suffix in ("_r", "_l")]
        on_tibia = np.array([self.rotation[link] @ data.f[link + 1].linear for link in tibiae])
        return tau[9:], on_tibia, B[:6, :6].T @ tau[:6]


@pytest.mark.parametrize("tick", [40, 110, 150, 190])
def test_the_force_through_the_knee_is_pinocchios(tick: int) -> None:
    """Within what the ground's force changes in a tick."""
    result, _ = squat(*MIXED)
    _, on_tibia, missing = Instant(result, tick).pinocchio()
    np.testing.assert_allclose(missing, 0, atol=1e-6)  # nothing but ground and gravity acts from outside
    crossing = loads._Ticks(result.model, result.run).crossing[tick]
    np.testing.assert_allclose(crossing, on_tibia, atol=3)
    assert (-crossing[:, 1] > 200).all()


@pytest.mark.parametrize("tick", [40, 80, 110, 130, 150, 170, 190])
def test_net_moments_are_those_of_inverse_dynamics(tick: int) -> None:
    """From motion and ground alone, muscles unheard: Pinocchio, with the accelerations by central differences."""
    result, found = squat(*MIXED)
    run = result.run
    acceleration = (run.v[tick + 1] - run.v[tick - 1]) / (run.time[tick + 1] - run.time[tick - 1])
    tau, _, _ = Instant(result, tick).pinocchio(acceleration)
    np.testing.assert_allclose(found.moment[tick].ravel(), tau, atol=1.5)
    assert np.abs(tau).max() > 5


def test_standing_still_a_knee_carries_the_body_above_it() -> None:
    """Statics: what crosses the knee is the ground's force less the weight of shank and foot."""
    result, _ = squat()
    model = result.model
    below = [model.link(name + "_r") for name in loads.SHANK]
    crossing = loads._Ticks(model, result.run).crossing[-1, 0]
    ground = result.run.ground[-1, 0]
    expected = [-ground[0], model.skeleton.mass[below].sum() * GRAVITY - ground[1]]
    np.testing.assert_allclose(crossing[:2], expected, atol=2)
    half = model.weight / 2 - model.skeleton.mass[below].sum() * GRAVITY
    assert -crossing[1] == pytest.approx(half, abs=5) and half > 250


def test_the_knees_of_a_falling_body_carry_nothing() -> None:
    """Free fall from rest, 0.1 s, no ground; held up by the trunk instead, a knee carries the weight below it."""
    result, _ = squat()
    model, time = result.model, 0.01 * np.arange(11)
    q, v, still = np.tile(result.run.q[120], (11, 1)), np.zeros((11, 27)), np.zeros((11, 27))
    q[:, 1] -= GRAVITY * time**2 / 2
    v[:, 1] = -GRAVITY * time
    run = SimpleNamespace(time=time, q=q, v=v, ground=np.zeros((11, 2, 3)))
    np.testing.assert_allclose(loads._Ticks(model, run).crossing, 0, atol=1e-9)
    run.v = still
    below = sum(model.skeleton.mass[model.link(name + "_r")] for name in loads.SHANK) * GRAVITY
    np.testing.assert_allclose(loads._Ticks(model, run).crossing, np.tile([0, below, 0], (11, 2, 1)), atol=1e-9)
    assert below > 25


def test_a_run_of_one_tick_is_an_error() -> None:
    result, _ = squat()
    with pytest.raises(ValueError, match="expected a run of two control ticks or more, found 1"):
        loads.loads(replace(result, run=SimpleNamespace(time=np.zeros(1))))


def test_tibiofemoral_force_by_pinocchio_and_opensim() -> None:
    """An independent free body: the force through the knee by Pinocchio, tendons along OpenSim's lines, the patellar
    tendon from the virtual work of OpenSim's lengths with a patella that moves and one that stays. Bent knees only, for
    the sake of OpenSim's gastrocnemius (see above)."""
    result, found = squat(*MIXED)
    model, engine = result.model, regenerate().PathEngine()

    def length(pose: Array, patella: float) -> Array:
        kept, engine.spline = engine.spline, lambda _: spline(patella)
        try:
            return engine.lengths(pose)
        finally:
            engine.spline = kept

    spline, h = engine.spline, 1e-4
    for tick in (110, 130, 150, 170, 190):
        pose = result.run.q[tick, 10:18]
        bend, step = pose[3], h * np.eye(8)[3]
        whole = (engine.lengths(pose + step) - engine.lengths(pose - step)) / (2 * h)
        stays = (length(pose + step, bend) - length(pose - step, bend)) / (2 * h)
        _, on_tibia, _ = Instant(result, tick).pinocchio()
        rotation, _ = model.frames(result.run.q[tick])
        femur, tibia = (rotation[model.link(name + "_r")] for name in ("femur", "tibia"))
        force = on_tibia[0].copy()
        along = pulls(pose)
        for line in loads._lines():
            k = model.muscles.names.index(line.muscle)
            tension = result.run.force[tick, 0, k]
            if line.above[0] == "patella":
                tension *= whole[k] / stays[k]
            force -= tension * femur @ along[line.muscle]
        expected, error = tibia.T @ force, found.tibiofemoral[tick, 0] - tibia.T @ force
        assert size(error) < 0.03 * size(expected), (tick, expected, error)


# --- the patella -----------------------------------------------------------------------------------------------------


def test_patella_moves_as_scipys_spline_of_its_table() -> None:
    from scipy.interpolate import CubicSpline
    from scipy.spatial.transform import Rotation

    rows = anatomy.table("patella.csv")
    table = np.array([[float(row[c]) for c in ("rotation", "x", "y", "z")] for row in rows])
    bend = np.linspace(-0.1, 2.3, 97)
    expected = CubicSpline([float(row["knee_angle"]) for row in rows], table)(bend)
    rotation, position = anatomy.patella(bend)
    np.testing.assert_allclose(position, expected[:, 1:], atol=1e-10)
    turned = Rotation.from_rotvec(np.outer(expected[:, 0], [0, 0, 1])).as_matrix()
    np.testing.assert_allclose(rotation, turned, atol=1e-9)


def test_cylinders_lie_as_opensims() -> None:
    from scipy.spatial.transform import Rotation

    row = next(row for row in anatomy.table("wraps.csv") if row["wrap"] == "GasLat_at_shank")
    angles = [float(row[f"rotation_{i}"]) for i in "xyz"]
    np.testing.assert_allclose(
        anatomy.wraps()["gaslat"][0].axes, Rotation.from_euler("XYZ", angles).as_matrix(), atol=1e-12
    )


def test_extensor_mechanism_against_cadavers() -> None:
    """Tension of the quadriceps over that of the patellar tendon at 70 deg: 1.55 in eight knees (Buff et al. 1988,
    doi 10.1016/0021-9290(88)90187-x), 1.55 here within 10 %; and the patella is pressed on the femur."""
    result, found = squat()
    bend = np.degrees(result.run.q[:, 13])
    at = int(np.argmin(np.abs(bend - 70)))
    ratio = found.quadriceps[at, 0] / found.patellar_tendon[at, 0]
    assert ratio == pytest.approx(1.55, rel=0.1)
    pressed = found.patellofemoral[at, 0]  # on the patella, axes of the tibia: forward, up
    assert pressed[0] > 0 and pressed[1] > 0


def test_patella_is_in_balance_along_its_path() -> None:
    """What is pressed without friction takes no power: the tendons' powers on a patella that follows the bending knee
    cancel, as far as the patellar tendon of the table keeps its length (5 %)."""
    result, _ = squat()
    model, q = result.model, result.run.q[60:150:10]
    scale = model.subject.height_m / anatomy.REFERENCE_HEIGHT
    place, ticks = loads._places(model, seen(model, q), scale), seen(model, q)
    R, _, _ = place["femur"]

    def velocity(point: Array) -> Array:
        """Of a point of the patella in the femur, a radian of knee flexion [m]."""
        (turn, shift), (before, start) = (anatomy.patella(ticks.angle[:, 0, 3] + d) for d in (1e-5, -1e-5))
        return scale * ((turn - before) @ point + shift - start) / 2e-5

    above, below = np.zeros(len(q)), np.zeros(len(q))
    axis = loads._hinges(model, ticks)[:, 0, 0]
    body = Muscles(model)
    for line in loads._lines():
        if line.above[0] != "patella":
            continue
        k = model.muscles.names.index(line.muscle)
        force, arm = result.run.force[60:150:10, 0, k], []
        for row in q:
            body.update(row, np.zeros(27))
            arm.append(body.arm[0, k, 3])
        upper, here = loads._straight(place, line.origin, line.patella, line.groove, scale)
        there, lower = loads._straight(place, line.above, line.below, (), scale)
        up, down = (loads._unit(v)[:, 0] for v in (upper - here, lower - there))
        lever = np.sum(axis * np.cross(lower[:, 0] - place["tibia"][1][:, 0], -down), axis=1)
        above += force * np.einsum("nj,nji,ni->n", up, R[:, 0], velocity(line.patella[1]))
        below += force * arm / lever * np.einsum("nj,nji,ni->n", down, R[:, 0], velocity(line.above[1]))
    assert (below > 0).all()
    np.testing.assert_allclose(-above, below, rtol=0.05)


def test_patellofemoral_force_is_the_resultant_of_both_tendons() -> None:
    """By the law of cosines, from the angle between the tendons: all heads nearly in one plane."""
    result, found = squat()
    force = size(found.patellofemoral)[:, 0]
    up, down = found.quadriceps[:, 0], found.patellar_tendon[:, 0]
    assert (force < up + down).all() and (force > np.abs(up - down) - 1e-9).all()
    bend = result.run.q[:, 13]
    assert np.corrcoef(bend, force / up)[0, 1] > 0.9


# --- compartments and signs ------------------------------------------------------------------------------------------


def test_compartments_balance_force_and_moment() -> None:
    load, tilt = np.array([1000.0, 1000.0, 1000.0]), np.array([0.0, 8.0, -8.0])
    medial, lateral, left = loads.compartments(load, tilt, 0.04)
    np.testing.assert_allclose(medial + lateral, load)
    np.testing.assert_allclose((lateral - medial) * 0.02, tilt)
    np.testing.assert_allclose(medial, [500, 300, 700])
    assert not left.any()


def test_a_compartment_lifts_off_and_the_ligament_carries_the_rest() -> None:
    medial, lateral, left = loads.compartments(np.array([500.0, 500.0]), np.array([25.0, -25.0]), 0.04)
    np.testing.assert_allclose(medial, [0, 500])
    np.testing.assert_allclose(lateral, [500, 0])
    np.testing.assert_allclose(left, [15, -15])
    medial, lateral, left = loads.compartments(np.array([-50.0]), np.array([3.0]), 0.04)
    assert (medial[0], lateral[0], left[0]) == (0, 0, 3), "a knee that is pulled apart has no contact"


def test_abduction_moment_is_positive_where_the_ground_pushes_from_the_outside() -> None:
    """The static external moment: the ground's force times its distance lateral of the knee, in the frontal plane."""
    result, found = squat(*MIXED)
    model = result.model
    external = found.net("knee_abduction_moment")
    seen = 0
    for tick in range(20, 300, 20):
        now = Instant(result, tick)
        for leg, suffix in enumerate(("_r", "_l")):
            mine = model.spheres.foot == leg
            knee = now.origin[model.link("tibia" + suffix)]
            moment = np.cross(now.points[mine] - knee, now.force[mine]).sum(axis=0)
            # Turning the shank outward is turning it about -x for a right leg, about +x for a left one.
            outward = -(now.rotation[model.link("knee_2" + suffix)][:, 0] @ moment) * (1 - 2 * leg)
            assert external[tick, leg] == pytest.approx(outward, abs=4)
            seen += abs(outward) > 6
    assert seen > 4


def test_varus_loads_the_medial_side() -> None:
    result, found = squat()
    bottom = int(np.argmax(result.run.q[:, 13]))
    assert result.run.q[bottom, 14] > 0.02  # the knee is in varus
    assert found.ligament[bottom, 0, 0] < 0 and found.medial[bottom, 0] > 1.5 * found.lateral[bottom, 0]
    np.testing.assert_allclose(found.medial + found.lateral, -found.tibiofemoral[..., 1], rtol=1e-12)


def test_mirror_image_swaps_the_legs() -> None:
    result, found = squat(*MIXED)
    r = result.run
    image = [mirrored_state(q, v) for q, v in zip(r.q, r.v, strict=True)]
    swapped = {name: getattr(r, name)[:, ::-1].copy() for name in ("activation", "force", "drive")}
    mirrored = replace(
        r,
        q=np.array([q for q, _ in image]),
        v=np.array([v for _, v in image]),
        lumbar=r.lumbar * [1, -1, -1],
        ground=r.ground[:, ::-1] * [1, 1, -1],
        **swapped,
    )
    model = build(change(Subject(), list(settings("left", *MIXTURE))))
    other = loads.loads(replace(result, model=model, run=mirrored))
    for name in ("moment", "ligament", "tibiofemoral", "medial", "lateral", "patellofemoral", "patellar_tendon"):
        there, here = getattr(other, name)[:, ::-1], getattr(found, name)
        np.testing.assert_allclose(there, here, atol=1e-5 * np.abs(here).max(), err_msg=name)
    right, left = loads.peaks(found)["right"], loads.peaks(found)["left"]
    assert abs(right["tibiofemoral_force_peak_bw"] - left["tibiofemoral_force_peak_bw"]) > 0.02


# --- what it says ----------------------------------------------------------------------------------------------------


def test_peaks_have_names_units_and_a_window() -> None:
    result, found = squat()
    whole = loads.peaks(found)
    assert set(whole) == {"right", "left"} and set(whole["right"]) == set(whole["left"])
    right = whole["right"]
    assert right["tibiofemoral_force_peak_bw"] == size(found.tibiofemoral[:, 0]).max() / result.model.weight
    knee = -found.moment[:, 0, 3].min() / result.model.subject.mass_kg
    assert right["knee_extension_moment_peak_nm_kg"] == pytest.approx(knee)
    assert right["ligament_abduction_moment_peak_nm"] == found.ligament[:, 0, 0].max()
    early = loads.peaks(found, (0.0, 0.9))["right"]
    assert early["tibiofemoral_force_peak_bw"] < right["tibiofemoral_force_peak_bw"]
    with pytest.raises(ValueError, match=r"expected a window within 0 to 3 s, found \(4, 5\)"):
        loads.peaks(found, (4, 5))
    for name in ("moment", "tibiofemoral", "medial"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(found, name)[:] = 0


def test_tibiofemoral_force_of_a_squat_is_that_of_instrumented_knees() -> None:
    """Knee bend: 253 % of body weight (Kutzner et al. 2010, doi 10.1016/j.jbiomech.2010.03.046), within 25 %."""
    _, found = squat()
    for leg in loads.peaks(found).values():
        assert leg["tibiofemoral_force_peak_bw"] == pytest.approx(2.53, rel=0.25)
