"""build(subject) -> Model: a deficit is a change to data, made here once. The loop and the kernels never hear of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from simlab import alignment, anatomy, rotations
from simlab.errors import InputError
from simlab.kernels import kinematics
from simlab.motion import COORDINATES, LEG_COORDINATES, SIDES, SUFFIX, Array, Landmarks, Motion, readonly
from simlab.paths import Paths, balanced, factor
from simlab.subject import Leg, Muscle, Subject

GRAVITY = 9.80665
PASSIVE_FIBRE = 0.35
"""Share of the table's passive fibre force. With all of it the muscles of the back of the hip would resist flexion
with 60 to 67 Nm, more than a squat demands (models/SOURCES.md, passive fibre force)."""
TIGHT = {"adductors": "adductor_tightness", "hip_flexors": "hip_flexor_tightness"} | dict.fromkeys(
    ("gastrocnemius", "soleus"), "calf_tightness"
)
"""Group of muscles -> the dial that tightens it."""
TIGHT_SLACK = 0.15
"""Relative shortening of the passive slack length at tightness 1."""
TIGHT_GAIN = 1.0
"""Relative increase of the passive force at tightness 1."""
TIGHT_SHARE = {"adductor_tightness": 1.0, "hip_flexor_tightness": 1.0, "calf_tightness": 0.68}
"""What each dial takes of both, so that 0.4 is where a clinician begins to say tight (simlab.clinical;
models/SOURCES.md, clinical tests)."""
MAX_VELOCITY = 10.0
"""Maximum shortening velocity [optimal fibre lengths/s] (De Groote et al. 2016, doi 10.1007/s10439-016-1591-9)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MuscleSet:
    """The muscles of both legs. Arrays of shape (2, m) are right then left; the length polynomials serve both.

    F0 [N], lopt, lts [m], penn [rad]; height [m]: of the fibre across the tendon; onset, one: strains of zero and of
    one passive force; slack, gain: scale of the passive slack length and of the passive force (a tight muscle).
    """

    names: tuple[str, ...]
    F0: Array
    lopt: Array
    lts: Array
    penn: Array
    height: Array
    onset: Array
    one: Array
    slack: Array
    gain: Array
    paths: Paths

    def arguments(self) -> tuple[Array, ...]:
        """F0 to gain in the order of the kernels."""
        return self.F0, self.lopt, self.lts, self.height, self.onset, self.one, self.slack, self.gain


@dataclass(frozen=True, slots=True, kw_only=True)
class Spheres:
    """Contact spheres of both feet: name, link, centre in the link [m] (k, 3), radius [m] (k,), foot (0 right)."""

    names: tuple[str, ...]
    link: np.ndarray
    centre: Array
    radius: Array
    foot: np.ndarray

    def arguments(self) -> tuple[np.ndarray, Array, Array]:
        """In the order of the kernels."""
        return self.link, self.centre, self.radius


BAND_PLACE = 0.8
"""Where the band lies on the thigh, as a share of the way from hip to knee."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """The elastic band around both thighs: stiffness [N/m], 0 where there is none; rest: distance of its points when
    slack [m]; link (2,), point [m] (2, 3): where it pulls, in the links' frames, right then left."""

    stiffness: float
    rest: float
    link: np.ndarray
    point: Array

    def arguments(self) -> tuple[float, float, np.ndarray, Array]:
        """In the order of the kernels."""
        return self.stiffness, self.rest, self.link, self.point


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One person, ready to be simulated. Every array is read-only, SI.

    skeleton: the tree of 22 links; stretch (22, 3): how much longer each is along its axes than the reference skeleton
    of this stature; turned (22, 3, 3): what a deformity of the bones turns their contents by, see
    simlab.alignment; passive: joint tissue, shape (2, 9, 9), see simlab.kernels.passive;
    points: landmark name -> (link, position in the link [m]).
    """

    subject: Subject
    skeleton: anatomy.Skeleton
    stretch: Array
    turned: Array
    muscles: MuscleSet
    passive: Array
    spheres: Spheres
    band: Band
    points: dict[str, tuple[int, Array]]

    @property
    def mass(self) -> float:
        """Mass of everything that moves [kg], a barbell included."""
        return float(self.skeleton.mass.sum())

    @property
    def weight(self) -> float:
        """Body weight [N], without what the person carries."""
        return self.subject.mass_kg * GRAVITY

    def link(self, name: str) -> int:
        """Index of a link, such as `tibia_r`."""
        return self.skeleton.names.index(name)

    def frames(self, q: Array) -> tuple[Array, Array]:
        """World rotation (22, 3, 3) and origin [m] (22, 3) of every link at the state q (28,)."""
        n = len(self.skeleton.names)
        rotation, origin = np.empty((n, 3, 3)), np.empty((n, 3))
        s = self.skeleton
        kinematics.forward(s.parent, s.pos, s.axis, np.ascontiguousarray(q), rotation, origin)
        return rotation, origin

    def centre_of_mass(self, q: Array) -> Array:
        """World position of the whole body's centre of mass [m] at the state q (28,)."""
        s = self.skeleton
        com, jacobian, drift = np.empty(3), np.empty((3, 27)), np.empty(3)
        kinematics.com_jacobian(s.parent, s.pos, s.axis, s.mass, s.com, q, np.zeros(27), com, jacobian, drift)
        return com


def build(subject: Subject) -> Model:
    """The model of a subject: generic anatomy, scaled to mass and height, with the deficits written into its data."""
    generic = anatomy.skeleton(subject.sex, subject.mass_kg, subject.height_m)
    stretch = anatomy.stretch(generic.names, subject.proportions.model_dump())
    straight = anatomy.stretched(generic, stretch)
    turned = alignment.turned(straight, subject)
    skeleton = alignment.align(straight, turned)
    return Model(
        subject=subject,
        skeleton=skeleton,
        stretch=stretch,
        turned=turned,
        muscles=_muscles(subject),
        passive=_passive(subject),
        spheres=_spheres(subject, skeleton.names, stretch, turned),
        band=_band(subject, skeleton),
        points=points(subject, skeleton.names, stretch, turned),
    )


def strength(table: anatomy.Muscles, leg: Leg) -> Array:
    """Fraction of the healthy maximum force of each muscle of a leg, shape (m,)."""
    minimus = leg.gluteus_medius_strength if leg.gluteus_minimus_strength is None else leg.gluteus_minimus_strength
    groups = {
        "gluteus_medius": leg.gluteus_medius_strength,
        "gluteus_minimus": minimus,
        "gluteus_maximus": leg.gluteus_maximus_strength,
        "quadriceps": leg.quadriceps_strength,
    }
    parts = {
        "glmed1": leg.gluteus_medius_anterior_strength,
        "glmed2": leg.gluteus_medius_middle_strength,
        "glmed3": leg.gluteus_medius_posterior_strength,
    }
    out = np.ones(len(table.names))
    for k, (name, member) in enumerate(zip(table.names, table.groups, strict=True)):
        for group, value in groups.items():
            if group in member:
                out[k] *= value
        part = parts.get(name)
        if part is not None:
            out[k] = part
        if ABDUCTORS.intersection(member):
            out[k] *= leg.hip_abductor_strength
        if ROTATORS.intersection(member):
            out[k] *= leg.external_rotator_strength
        if name in leg.muscles:
            out[k] *= leg.muscles[name].strength
    return out


ABDUCTORS = frozenset(("gluteus_medius", "gluteus_minimus", "tensor_fasciae_latae"))
ROTATORS = frozenset(("gluteus_maximus", "external_rotators"))
"""The primary external rotators (Neumann 2010, doi 10.2519/jospt.2010.3025): what a clinical test loads."""


def tightness(table: anatomy.Muscles, leg: Leg) -> Array:
    """Tightness of each muscle of a leg in shares of TIGHT_SLACK and TIGHT_GAIN, shape (m,)."""
    share = {group: TIGHT_SHARE[dial] * getattr(leg, dial) for group, dial in TIGHT.items()}
    return np.array([max((share[g] for g in member if g in share), default=0.0) for member in table.groups])


def _named(subject: Subject, quality: str) -> Array:
    """A factor of muscles addressed by name, shape (2, m)."""
    names, neutral = anatomy.muscles().names, Muscle()
    return np.array([[getattr(leg.muscles.get(n, neutral), quality) for n in names] for leg in subject.legs()])


def _muscles(subject: Subject) -> MuscleSet:
    table = anatomy.muscles()
    sex = anatomy.sex(subject.sex)
    size = subject.height_m / anatomy.REFERENCE_HEIGHT
    # Joint torque grows with body mass (Nm/kg is what strength tables give); the arms grow with height.
    force = sex.strength * subject.mass_kg / anatomy.REFERENCE_MASS / size
    paths = _paths(subject.muscle_paths)
    tight = np.array([tightness(table, leg) for leg in subject.legs()])
    return MuscleSet(
        names=table.names,
        F0=_both(table.F0 * force * np.array([strength(table, leg) for leg in subject.legs()])),
        lopt=_both(table.lopt * size),
        lts=_both(table.lts * size * _named(subject, "tendon_slack")),
        penn=_both(table.penn),
        height=_both(table.lopt * size * np.sin(table.penn)),
        onset=_both(table.onset),
        one=_both(table.one),
        slack=_both(1.0 - TIGHT_SLACK * tight),
        gain=_both(PASSIVE_FIBRE * (1.0 + TIGHT_GAIN * tight) * _named(subject, "passive_stiffness")),
        paths=_bent(replace(paths, weight=readonly(paths.weight * size, None)), subject),
    )


ABDUCTION = LEG_COORDINATES.index("knee_adduction")


def _bent(paths: Paths, subject: Subject) -> Paths:
    """The paths where the tibia is bent at the knee: to a muscle a genu valgum is an abducted knee."""
    bend = np.zeros((2, paths.lo.shape[1]))
    bend[:, ABDUCTION] = np.radians([leg.genu_valgum_deg for leg in subject.legs()])
    return replace(paths, lo=readonly(paths.lo + bend, 2, None), hi=readonly(paths.hi + bend, 2, None))


@cache
def _paths(kind: str) -> Paths:
    """The length polynomials of the reference stature, anatomical or torque_balanced."""
    table = anatomy.muscles()
    found = factor(table.lo, table.hi, table.start, table.exponent, table.weight)
    return found if kind == "anatomical" else balanced(found)


def _both(values: Array) -> Array:
    return readonly(np.broadcast_to(values, (2, values.shape[-1])), 2, None)


def _passive(subject: Subject) -> Array:
    table = np.array([anatomy.passive()] * 2)
    table[:, 5, 1:3] *= anatomy.sex(subject.sex).tibial_rotation_stiffness
    # Ligament torque grows as strength does, with body mass.
    table[:, :, [1, 2, 4, 7]] *= subject.mass_kg / anatomy.PASSIVE_MASS
    for leg, coefficients in zip(subject.legs(), table, strict=True):
        for name in ("subtalar_angle", "midtarsal_angle"):  # the arch sinks as the talus rolls over a heel that stands
            coefficients[LEG_COORDINATES.index(name), 1:3] *= leg.arch_stiffness
        for name in ("knee_adduction", "knee_rotation"):  # the same torque at an angle that is so much larger
            coefficients[LEG_COORDINATES.index(name), 1] /= 1.0 + leg.ligament_laxity
            coefficients[LEG_COORDINATES.index(name), 2] /= (1.0 + leg.ligament_laxity) ** 3
    return readonly(table, 2, 9, 9)


def _spheres(subject: Subject, names: tuple[str, ...], stretch: Array, turned: Array) -> Spheres:
    """The soles. Pronation is a varus posting: the medial spheres sit higher, so the foot must roll to lie flat. An
    insole lowers what it lies under."""
    size = subject.height_m / anatomy.REFERENCE_HEIGHT
    labels, links, centres, radii, feet = [], [], [], [], []
    insoles = subject.supports.right, subject.supports.left
    for foot, (suffix, leg, insole) in enumerate(zip(SUFFIX.values(), subject.legs(), insoles, strict=True)):
        mirror = np.array([1.0, 1.0, 1.0 - 2.0 * foot])
        pad = (anatomy.arch_pad(),) if insole.arch_support_mm else ()
        for row in (*anatomy.contacts(), *pad):
            heel = row.name.startswith("heel")
            post = insole.medial_post_deg + (insole.heel_post_deg if heel else 0.0)
            raised = -row.sole_z * (np.tan(np.radians(leg.foot_pronation_deg)) - np.tan(np.radians(post)))
            under = insole.heel_lift_mm if heel else insole.forefoot_lift_mm
            if row.name == anatomy.ARCH:
                raised, under = 0.0, insole.arch_support_mm
            link = names.index(row.link + suffix)
            centre = (np.asarray(row.centre) + [0.0, raised, 0.0]) * size * mirror * stretch[link]
            labels.append(row.name + suffix)
            links.append(link)
            centres.append(turned[link] @ (centre - [0.0, 1e-3 * under, 0.0]))
            radii.append(row.radius * size)
            feet.append(foot)
    return Spheres(
        names=tuple(labels),
        link=np.array(links, dtype=np.int32),
        centre=readonly(centres, len(labels), 3),
        radius=readonly(radii, len(labels)),
        foot=np.array(feet, dtype=np.int32),
    )


def _band(subject: Subject, skeleton: anatomy.Skeleton) -> Band:
    """Errors: InputError where no band can pull so hard with so little stiffness."""
    s = subject.supports
    hips, knees = ([skeleton.names.index(name + suffix) for suffix in SUFFIX.values()] for name in ("hip_1", "knee_1"))
    point = BAND_PLACE * skeleton.pos[knees]
    apart = float(np.linalg.norm(np.subtract(*(skeleton.pos[hips] + point))))
    rest = s.band_rest_length_m
    if rest is None:
        rest = apart - s.band_above_knees_n / s.band_stiffness_n_per_m
        if rest <= 0.0:
            most = s.band_stiffness_n_per_m * apart
            raise InputError(
                f"supports.band_above_knees_n: expected less than {most:.0f} N, which {s.band_stiffness_n_per_m:g} N/m "
                f"of supports.band_stiffness_n_per_m reach from a length of nothing, found {s.band_above_knees_n:g}"
            )
    worn = s.band_above_knees_n > 0.0 or s.band_rest_length_m is not None
    return Band(
        stiffness=s.band_stiffness_n_per_m if worn else 0.0,
        rest=rest,
        link=np.array([skeleton.names.index("femur" + suffix) for suffix in SUFFIX.values()], dtype=np.int32),
        point=readonly(point, 2, 3),
    )


def points(subject: Subject, names: tuple[str, ...], stretch: Array, turned: Array) -> dict[str, tuple[int, Array]]:
    """Joint centres and bony landmarks: name -> (link, position in it [m]) of the tree with links of these names."""
    size = subject.height_m / anatomy.REFERENCE_HEIGHT
    out = {}
    for row in anatomy.landmarks():
        for suffix, mirror in (("_r", 1.0), ("_l", -1.0)):
            link = row.link if row.link in names else row.link + suffix
            name = row.name if row.midline else row.name + suffix
            place = names.index(link)
            turn = np.eye(3) if row.name == "greater_trochanter" else turned[place]  # on the femur above its twist
            out[name] = (place, readonly(turn @ (np.asarray(row.position) * size * [1, 1, mirror] * stretch[place]), 3))
    return out


# --- coordinates <-> state -------------------------------------------------------------------------------------------


def state(model: Model, coordinates: Array) -> Array:
    """The state q (28,) at the 27 coordinates in OpenSim's sense [m, rad] (`COORDINATES`)."""
    pelvis = coordinates[:3]
    base = np.asarray(coordinates[3:6]) - rotations.matrix(pelvis) @ model.skeleton.pelvis_origin
    return np.concatenate([base, rotations.quaternion(pelvis), coordinates[6:]])


def motion(model: Model, time: Array, q: Array) -> Motion:
    """Coordinates in OpenSim's sense of the states q (n, 28)."""
    rotation = rotations.matrix_of_quaternion(q[:, 3:7])
    values = np.empty((len(q), len(COORDINATES)))
    values[:, :3] = rotations.angles(rotation)
    values[:, 3:6] = q[:, :3] + rotation @ model.skeleton.pelvis_origin
    values[:, 6:] = q[:, 7:]
    return Motion(time=time, values=values)


def landmarks(model: Model, time: Array, q: Array, source: str = "simulation") -> Landmarks:
    """The points that metrics are computed from, at the states q (n, 28)."""
    wanted = {
        "hip": "hip",
        "knee": "knee",
        "ankle": "ankle",
        "heel": "heel",
        "toe": "second_metatarsal_head",
        "asis": "asis",
    }
    frames = [model.frames(row) for row in q]
    rotation, origin = (np.array(arrays) for arrays in zip(*frames, strict=True))
    found = {name: np.empty((len(q), len(SIDES), 3)) for name in wanted}
    for name, point in wanted.items():
        for side, suffix in enumerate(("_r", "_l")):
            link, local = model.points[point + suffix]
            found[name][:, side] = origin[:, link] + rotation[:, link] @ local
    return Landmarks(time=time, definition="joint centres of the model", source=source, **found)


# --- loads -----------------------------------------------------------------------------------------------------------


def load_barbell(model: Model, mass: float) -> Model:
    """The model with a barbell of `mass` [kg] across the shoulders, rigid with the torso: 2.2 m long, uniform."""
    if mass == 0.0:
        return model
    s = model.skeleton
    i = model.link("torso")
    place = (model.points["acromion_r"][1] + model.points["acromion_l"][1]) / 2 + np.array([-0.06, 0.0, 0.0])
    total = s.mass[i] + mass
    com = (s.mass[i] * s.com[i] + mass * place) / total
    bar = mass * 2.2**2 / 12 * np.diag([1.0, 1.0, 0.0])

    def shifted(inertia: Array, m: float, d: Array) -> Array:
        return inertia + m * (d @ d * np.eye(3) - np.outer(d, d))

    masses, coms, inertias = s.mass.copy(), s.com.copy(), s.inertia.copy()
    masses[i], coms[i] = total, com
    inertias[i] = shifted(s.inertia[i], s.mass[i], s.com[i] - com) + shifted(bar, mass, place - com)
    for array in (masses, coms, inertias):
        array.flags.writeable = False
    return replace(model, skeleton=replace(s, mass=masses, com=coms, inertia=inertias))
