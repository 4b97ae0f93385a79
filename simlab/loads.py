"""The loads of the joints of a finished simulation: net moments, and what bone, tendon and ligament of the knee carry.

Moments are internal unless a name says otherwise: what muscles and passive tissue exert, which is the net moment that
inverse dynamics finds (but for a band, whose moment at the hip it would add), about the hinges of the model (at the
knee the axes of a joint coordinate system: flexion in the femur, a floating axis of adduction, rotation in the
tibia). The external knee abduction moment of the literature is the
opposite of the internal abduction moment: positive where the load pushes the knee into valgus, and equal to the
internal adductor moment that resists.

Tibiofemoral force: the change of momentum of shank and foot from tick to tick and the ground's mean force on the foot
meanwhile give the force that crosses the knee (at a tick the mean of before and after; the impact of a single physics
step is no load). What the tendons across the knee pull is taken off, each along its line from the last point on the
thigh, or its cylinder, to the first one on the shank.

Extensors: the patella is a frictionless body on a prescribed path, so a head of the quadriceps that pulls F through
an effective arm r pulls F r / a in the patellar tendon, whose own arm is a. (In the model's equations of motion the
tendon's frontal and axial moments are those of F itself: they differ by the same ratio.)

Compartments: two frictionless condyles, CONDYLES apart, whose contact forces pass through the model's knee centre at
its height. The model's passive abduction moment stands for everything that resists tilting, ligament and contact alike
(models/SOURCES.md). Here the condyles carry it by sharing the compression unequally as far as they can; where one of
them would have to pull it lifts off, and `lift_off` is what is left to the ligaments. (Were all of it ligament, both
compartments would carry half: what is reported is the far end.) Compression by the ligaments themselves is not counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from simlab import anatomy
from simlab.kernels import kinematics, passive
from simlab.model import GRAVITY, Model
from simlab.motion import LEG_COORDINATES, SIDES, SUFFIX, Array, readonly
from simlab.muscles import Muscles
from simlab.simulate import Result

CONDYLES = 0.040
"""Distance of the contact points of both compartments at the reference stature [m] (Lerner et al. 2015,
doi 10.1016/j.jbiomech.2014.12.049, generic value; the difference between the compartments goes with its inverse)."""

MOMENTS = {
    "hip_extension_moment": ("hip_flexion", -1.0),
    "hip_abduction_moment": ("hip_adduction", -1.0),
    "hip_external_rotation_moment": ("hip_rotation", -1.0),
    "knee_extension_moment": ("knee_angle", -1.0),
    "knee_abduction_moment": ("knee_adduction", 1.0),
    "knee_internal_rotation_moment": ("knee_rotation", 1.0),
    "ankle_plantarflexion_moment": ("ankle_angle", -1.0),
    "subtalar_inversion_moment": ("subtalar_angle", 1.0),
}
"""Net moment -> coordinate and sign of its internal moment. All are internal but `knee_abduction_moment`, which is
external: the load pushes into abduction (valgus), and the internal moment that resists adducts."""

THIGH = ("pelvis", "femur", "patella")
SHANK = ("tibia", "talus", "calcn", "forefoot")
SEEN = np.array([[1.0, 1.0, 1.0], [1.0, 1.0, -1.0]])
"""Signs of a vector of the right and of the left leg, the left one seen in a mirror."""
KNEE = slice(3, 6)
HINGES = ("knee_1", "knee_2", "tibia")
ADDUCTION, ROTATION = 4, 5
TURNS = 4
"""Passes between the two cylinders of a gastrocnemius, each of which moves where the path leaves the other."""

Peaks = dict[str, dict[str, float]]
Point = tuple[str, Array]


@dataclass(frozen=True, slots=True, kw_only=True)
class Loads:
    """Loads over time, legs right then left; arrays read-only. Vectors at the knee are in the axes of the tibia,
    anterior, proximal, lateral for both legs.

    time [s] (n,); mass [kg], weight [N]: of the person. moment [Nm] (n, 2, 9): internal net moment about each leg
    coordinate, in its sense; ligament [Nm] (n, 2, 2): the part of passive tissue in knee adduction and rotation.
    tibiofemoral [N] (n, 2, 3): of the femur on the tibia; medial, lateral [N] (n, 2): compression of a compartment;
    lift_off [Nm] (n, 2): adduction moment that the ligaments carry beside one loaded compartment.
    patellofemoral [N] (n, 2, 3): of the femur on the patella; quadriceps, patellar_tendon [N] (n, 2): tension.
    muscles: who crosses the knee; compression [N] (n, 2, k): what each of them adds to the compression.
    """

    time: Array
    mass: float
    weight: float
    moment: Array
    ligament: Array
    tibiofemoral: Array
    medial: Array
    lateral: Array
    lift_off: Array
    patellofemoral: Array
    quadriceps: Array
    patellar_tendon: Array
    muscles: tuple[str, ...]
    compression: Array

    def net(self, name: str) -> Array:
        """One of `MOMENTS` over time [Nm], shape (n, 2)."""
        coordinate, sign = MOMENTS[name]
        return sign * self.moment[:, :, LEG_COORDINATES.index(coordinate)]


def loads(result: Result) -> Loads:
    """The loads of a finished simulation at its control ticks, from what was recorded there.

    Errors: ValueError for a run of a single tick, whose accelerations nobody knows.
    """
    return carried(result.model, result.run)


class Moved(Protocol):
    """A motion with its muscle forces, as `simulate.Run` has them."""

    @property
    def time(self) -> Array: ...
    @property
    def q(self) -> Array: ...
    @property
    def v(self) -> Array: ...
    @property
    def force(self) -> Array: ...
    @property
    def ground(self) -> Array: ...


def carried(model: Model, run: Moved) -> Loads:
    """The loads of any motion whose muscle and ground forces are known, simulated or captured."""
    if len(run.time) < 2:
        raise ValueError(f"expected a run of two control ticks or more, found {len(run.time)}")
    ticks = _Ticks(model, run)
    moment = ticks.tissue.copy()
    moment[:, :, :8] += np.einsum("nsmj,nsm->nsj", ticks.arm, run.force)
    knee = _knees(model, ticks, run.force)
    apart = CONDYLES * model.subject.height_m / anatomy.REFERENCE_HEIGHT
    medial, lateral, lift_off = compartments(-knee["tibiofemoral"][..., 1], knee.pop("tilt"), apart)
    found = knee | {
        "moment": moment,
        "ligament": ticks.tissue[:, :, [ADDUCTION, ROTATION]],
        "medial": medial,
        "lateral": lateral,
        "lift_off": lift_off,
    }
    return Loads(
        time=run.time,
        mass=model.subject.mass_kg,
        weight=model.weight,
        muscles=tuple(line.muscle for line in _lines()),
        **{name: readonly(values, *[None] * values.ndim) for name, values in found.items()},
    )


def peaks(found: Loads, window: tuple[float, float] | None = None) -> Peaks:
    """The largest of each load of each leg within a window [s], the whole run by default: {"right": .., "left": ..}.

    Moments in Nm per kg of body mass, forces in body weights, ligament moments in Nm. A moment is the largest in the
    sense of its name, so it is negative where it never was in that sense. `knee_abduction_moment` and
    `knee_adduction_moment` are external (see the module). `ligament_abduction_moment`: the moment of passive tissue
    that resists abduction (valgus), `ligament_adduction_moment` that which resists adduction.
    Errors: ValueError for an empty window.
    """
    start, end = window or (found.time[0], found.time[-1])
    inside = (found.time >= start) & (found.time <= end)
    if not inside.any():
        raise ValueError(f"expected a window within {found.time[0]:g} to {found.time[-1]:g} s, found {window}")
    series = {f"{name}_peak_nm_kg": found.net(name) / found.mass for name in MOMENTS}
    series["knee_adduction_moment_peak_nm_kg"] = -series["knee_abduction_moment_peak_nm_kg"]
    forces = {
        "tibiofemoral_force": np.linalg.norm(found.tibiofemoral, axis=2),
        "tibiofemoral_compression": -found.tibiofemoral[..., 1],
        "tibiofemoral_anterior_shear": found.tibiofemoral[..., 0],
        "tibiofemoral_posterior_shear": -found.tibiofemoral[..., 0],
        "tibiofemoral_medial": found.medial,
        "tibiofemoral_lateral": found.lateral,
        "patellofemoral_force": np.linalg.norm(found.patellofemoral, axis=2),
        "patellar_tendon_force": found.patellar_tendon,
        "quadriceps_force": found.quadriceps,
    }
    series |= {f"{name}_peak_bw": values / found.weight for name, values in forces.items()}
    series |= {
        "ligament_abduction_moment_peak_nm": found.ligament[..., 0],
        "ligament_adduction_moment_peak_nm": -found.ligament[..., 0],
        "ligament_rotation_moment_peak_nm": np.abs(found.ligament[..., 1]),
        "compartment_lift_off_moment_peak_nm": np.abs(found.lift_off),
    }
    return {
        side: {name: float(values[inside, leg].max()) for name, values in series.items()}
        for leg, side in enumerate(SIDES)
    }


def compartments(compression: Array, tilt: Array, distance: float) -> tuple[Array, Array, Array]:
    """Medial and lateral compression [N] and the moment left to the ligaments [Nm], arrays of one shape.

    compression [N]: of both; tilt [Nm]: moment on the tibia about its anterior axis, adducting +, that they and the
    ligaments carry together; distance [m]: between the contact points. A knee pulled apart has no contact.
    Source: the balance of moments of Schipplein and Andriacchi 1991, doi 10.1002/jor.1100090114.
    """
    load = np.maximum(compression, 0.0)
    carried = np.clip(tilt, -load * distance / 2, load * distance / 2)
    return load / 2 - carried / distance, load / 2 + carried / distance, tilt - carried


# --- every tick ------------------------------------------------------------------------------------------------------


class _Ticks:
    """What the kernels say of every tick. World axes.

    rotation (n, 22, 3, 3), origin (n, 22, 3): frames; angle (n, 2, 9) [rad]; arm (n, 2, m, 8) [m]; tissue (n, 2, 9)
    [Nm]; crossing (n, 2, 3) [N]: force of the thigh on the shank, tendons included.
    """

    def __init__(self, model: Model, run: Moved) -> None:
        s, n = model.skeleton, len(run.time)
        body = Muscles(model)
        below = np.array([model.link(name + suffix) for suffix in SUFFIX.values() for name in SHANK], dtype=np.int32)
        com = np.ascontiguousarray(s.com[below])
        self.rotation, self.origin = np.empty((n, len(s.names), 3, 3)), np.empty((n, len(s.names), 3))
        self.angle = run.q[:, 10:].reshape(n, 2, -1)
        self.arm, self.tissue = np.empty((n, *body.arm.shape)), np.empty(self.angle.shape)
        rate = run.v[:, 9:].reshape(self.angle.shape)
        velocity = np.empty((n, len(below), 3))
        at, J, drift = np.empty(com.shape), np.empty((len(below), 3, run.v.shape[1])), np.empty(com.shape)
        for i, (q, v) in enumerate(zip(run.q, run.v, strict=True)):
            kinematics.forward(s.parent, s.pos, s.axis, q, self.rotation[i], self.origin[i])
            kinematics.point_jacobian(s.parent, s.pos, s.axis, q, v, below, com, at, J, drift)
            velocity[i] = J @ v
            body.update(q, v)
            self.arm[i] = body.arm
            for leg in (0, 1):
                passive.torque(self.angle[i, leg], rate[i, leg], model.passive[leg], self.tissue[i, leg])
        momentum = (s.mass[below, None] * velocity).reshape(n, 2, len(SHANK), 3).sum(axis=2)
        weight = s.mass[below].reshape(2, len(SHANK)).sum(axis=1)[:, None] * [0.0, -GRAVITY, 0.0]
        between = np.diff(momentum, axis=0) / np.diff(run.time)[:, None, None] - weight - run.ground[:-1]
        self.crossing = (np.concatenate([between[:1], between]) + np.concatenate([between, between[-1:]])) / 2


# --- the knees -------------------------------------------------------------------------------------------------------


def _knees(model: Model, ticks: _Ticks, force: Array) -> dict[str, Array]:
    """Forces at both knees, the left one seen in a mirror. force [N] (n, 2, m): of the muscles.

    tilt [Nm] (n, 2): moment of passive tissue on the tibia about its anterior axis; the rest: see `Loads`.
    """
    size = model.subject.height_m / anatomy.REFERENCE_HEIGHT
    place = _places(model, ticks, size)
    R, centre, _ = place["tibia"]

    def in_tibia(vectors: Array) -> Array:
        return np.einsum("nsji,nsj->nsi", R, vectors)

    hinges = _hinges(model, ticks)
    tissue = np.asarray(np.linalg.solve(hinges, ticks.tissue[..., KNEE, None])[..., 0], dtype=np.float64)
    reaction = ticks.crossing * SEEN
    on_patella, quadriceps, tendon = np.zeros_like(reaction), np.zeros(force.shape[:2]), np.zeros(force.shape[:2])
    compression = []
    for line in _lines():
        muscle = model.muscles.names.index(line.muscle)
        pull = force[..., muscle]
        above, below = _straight(place, line.above, line.below, line.cylinders, size)
        along = _unit(above - below)
        if line.above[0] == "patella":
            lever = np.sum(hinges[:, :, 0] * np.cross(below - centre, along), axis=-1)
            upper, patellar = _straight(place, line.origin, line.patella, line.groove, size)
            quadriceps += pull
            on_patella += pull[..., None] * _unit(upper - patellar)
            pull = pull * ticks.arm[:, :, muscle, KNEE.start] / lever
            on_patella -= pull[..., None] * along
            tendon += pull
        reaction = reaction - pull[..., None] * along
        compression.append(pull * in_tibia(along)[..., 1])
    return {
        "tibiofemoral": in_tibia(reaction),
        "tilt": in_tibia(tissue)[..., 0],
        "patellofemoral": in_tibia(-on_patella),
        "quadriceps": quadriceps,
        "patellar_tendon": tendon,
        "compression": np.stack(compression, axis=2),
    }


Places = dict[str, tuple[Array, Array, Array]]


def _places(model: Model, ticks: _Ticks, size: float) -> Places:
    """Bone -> its rotation (n, 2, 3, 3), the origin of its link (n, 2, 3), the left one mirrored, and its size against
    the reference skeleton along its axes (3,)."""
    out = {}
    for name in (*THIGH[:2], *SHANK):
        links = [model.link(name if name == "pelvis" else name + suffix) for suffix in SUFFIX.values()]
        rotation = ticks.rotation[:, links] @ model.turned[links]
        sizes = size * model.stretch[links[0]]
        out[name] = SEEN[..., None] * rotation * SEEN[:, None], ticks.origin[:, links] * SEEN, sizes
    R, p, sizes = out["femur"]
    bend = ticks.angle[..., KNEE.start]
    turn, place = anatomy.patella(bend.ravel())
    whole = np.full(3, size)
    out["patella"] = R @ turn.reshape(*bend.shape, 3, 3), p + _turned(R, sizes * place.reshape(*bend.shape, 3)), whole
    return out


def _hinges(model: Model, ticks: _Ticks) -> Array:
    """Axes of the three hinges of the knee, (n, 2, 3 hinges, 3), the left ones mirrored."""
    links = np.array([[model.link(name + suffix) for name in HINGES] for suffix in SUFFIX.values()])
    axes = np.einsum("nshij,shj->nshi", ticks.rotation[:, links], model.skeleton.axis[links])
    # A reflected axis turns the other way round.
    return np.asarray(axes * SEEN[:, None] * np.array([1.0, -1.0])[:, None, None])


def _turned(rotation: Array, vectors: Array) -> Array:
    return np.einsum("nsij,nsj->nsi", rotation, vectors)


def _unit(vectors: Array) -> Array:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True), dtype=np.float64)


# --- lines of action -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Where a muscle crosses the knee: its last point above and first point below, and the cylinders between.

    A head of the quadriceps has its patellar tendon there, and above it from `origin` to `patella` over `groove`.
    """

    muscle: str
    above: Point
    below: Point
    cylinders: tuple[anatomy.Cylinder, ...]
    origin: Point
    patella: Point
    groove: tuple[anatomy.Cylinder, ...]


@cache
def _lines() -> tuple[Line, ...]:
    """The muscles that cross the knee."""
    out = []
    for muscle, points in anatomy.path_points().items():
        links = [link for link, _ in points]
        crossing = [i for i in range(1, len(points)) if links[i - 1] in THIGH and links[i] in SHANK]
        if not crossing:
            continue
        (i,) = crossing
        cylinders = anatomy.wraps().get(muscle, ())
        extensor = links[i - 1] == "patella"
        first = links.index("patella") if extensor else i
        out.append(
            Line(
                muscle=muscle,
                above=points[i - 1],
                below=points[i],
                cylinders=() if extensor else cylinders,
                origin=points[first - 1],
                patella=points[first],
                groove=cylinders if extensor else (),
            )
        )
    return tuple(out)


def _straight(
    place: Places, above: Point, below: Point, cylinders: tuple[anatomy.Cylinder, ...], size: float
) -> tuple[Array, Array]:
    """The ends (n, 2, 3) of the straight piece of a path that lies between an upper and a lower bone [m, world].

    An end is the point itself, or where the path leaves the cylinder of that bone.
    """

    def world(link: str, point: Array) -> Array:
        R, p, sizes = place[link]
        return np.asarray(p + R @ (sizes * point))

    upper, lower = world(*above), world(*below)
    ends = [upper, lower]
    for _ in range(TURNS if len(cylinders) > 1 else 1):
        for cylinder in cylinders:
            high = cylinder.link in THIGH
            R, centre = place[cylinder.link][0] @ cylinder.axes, world(cylinder.link, cylinder.centre)
            a, b = (np.einsum("nsji,nsj->nsi", R, x - centre) for x in ((upper, ends[1]) if high else (ends[0], lower)))
            first, last = tangents(a, b, size * cylinder.radius, cylinder.quadrant)
            ends[0 if high else 1] = centre + _turned(R, last if high else first)
    return ends[0], ends[1]


def tangents(a: Array, b: Array, radius: float, quadrant: str = "all") -> tuple[Array, Array]:
    """Where the shortest path from a to b (..., 3) meets and leaves a cylinder about the third axis [m].

    Where it does not touch: b as where it meets and a as where it leaves. quadrant: `all`: the path goes round only
    if the straight line is blocked, on the shorter side; `x`, `-x`, `y` or `-y`: it must pass on that side of the axis.
    A point inside the cylinder counts as on its surface.
    """
    far = [np.maximum(np.hypot(p[..., 0], p[..., 1]), radius) for p in (a, b)]
    angle = [np.arctan2(p[..., 1], p[..., 0]) for p in (a, b)]
    reach = [np.arccos(radius / d) for d in far]
    free = [np.sqrt(d * d - radius * radius) for d in far]
    blocked = _blocked(a, b, radius) if quadrant == "all" else np.True_
    best = np.full(far[0].shape, np.inf)
    meets, leaves = b.copy(), a.copy()
    for turn in (1.0, -1.0):
        enter, leave = angle[0] + turn * reach[0], angle[1] - turn * reach[1]
        arc = np.mod(turn * (leave - enter), 2 * np.pi)
        length = free[0] + radius * arc + free[1]
        round_it = blocked & (arc < np.pi) & _on_side(quadrant, enter + turn * arc / 2) & (length < best)
        best = np.where(round_it, length, best)
        rise = b[..., 2] - a[..., 2]
        for out, at, share in ((meets, enter, free[0] / length), (leaves, leave, 1.0 - free[1] / length)):
            point = np.stack([radius * np.cos(at), radius * np.sin(at), a[..., 2] + share * rise], axis=-1)
            np.copyto(out, point, where=round_it[..., None])
    return meets, leaves


def _blocked(a: Array, b: Array, radius: float) -> NDArray[np.bool_]:
    """Whether the straight line from a to b goes through the cylinder."""
    run = (b - a)[..., :2]
    share = np.clip(-np.sum(a[..., :2] * run, axis=-1) / np.sum(run * run, axis=-1), 0.0, 1.0)
    nearest = a[..., :2] + share[..., None] * run
    return np.asarray(np.hypot(nearest[..., 0], nearest[..., 1]) < radius)


def _on_side(quadrant: str, angle: Array) -> NDArray[np.bool_]:
    """Whether directions in the plane of the circle [rad] are on the side that a quadrant asks for."""
    if quadrant == "all":
        return np.ones(angle.shape, dtype=np.bool_)
    along = np.cos(angle) if quadrant[-1] == "x" else np.sin(angle)
    return np.asarray(along < 0.0 if quadrant[0] == "-" else along > 0.0)
