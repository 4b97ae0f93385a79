"""The generic anatomy: reads the tables of `models/` and turns them into arrays, once.

The reference skeleton is 1.70 m tall and scales uniformly with stature, so every length of it (joint positions, muscle
paths, optimal fibres, tendons, contact spheres, landmarks) is the reference length times height / REFERENCE_HEIGHT.
Everything is given for the right leg; the left one is its mirror image (z -> -z). Where each number comes from is in
the `source` column of its table and in models/SOURCES.md.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simlab import rotations, tables
from simlab.errors import InputError
from simlab.motion import LEG_COORDINATES, Array, readonly

REFERENCE_HEIGHT = 1.70
"""Stature of the reference skeleton [m] (Rajagopal et al. 2016, doi 10.1109/TBME.2016.2586891)."""
REFERENCE_MASS = 75.337
"""Mass of the reference model [kg], to which the maximum muscle forces of muscles.csv belong."""
PASSIVE_MASS = 62.6
"""Body mass [kg] of the model for which the passive joint tissue of passive.csv was chosen."""

MIRROR = np.diag([1.0, 1.0, -1.0])
CENTRAL = ("pelvis", "lumbar_1", "lumbar_2", "torso")
MASSLESS = 1e-3, 1e-6 * np.eye(3)
"""Mass [kg] and inertia [kg m2] of the links between the hinges of one joint: too small to matter, never zero."""
PASSIVE_COLUMNS = (
    "neutral",
    "k1",
    "k3",
    "extension_gain",
    "damping",
    "stop_lower",
    "stop_upper",
    "stop_torque",
    "stop_rate",
)
MASSLESS_ARM = ("humerus_1", "humerus_2")
JOINT_CENTRES = {"hip": "femur", "knee": "tibia", "ankle": "talus"}
"""Joint centre -> the link whose origin it is."""
ARCH = "arch"
LIMB = {"femur": "thigh", "tibia": "shank"}
"""Link -> its segment in anthropometry.csv."""

Row = dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Skeleton:
    """The tree of the links of one person, n = 22, or 32 with arms; link 0 is the pelvis, every other link turns about
    one hinge.

    parent (n,) int32, -1 for the pelvis; pos: hinge in the parent's frame [m] (n, 3); axis: unit vector in the
    parent's frame (n, 3); mass [kg] (n,); com: in the link's frame [m] (n, 3); inertia: about the centre of mass, in
    the link's axes [kg m2] (n, 3, 3); pelvis_origin: the origin of OpenSim's pelvis in link 0 [m] (3,). At zero angles
    the axes of all links are parallel.
    """

    names: tuple[str, ...]
    parent: NDArray[np.int32]
    pos: Array
    axis: Array
    mass: Array
    com: Array
    inertia: Array
    pelvis_origin: Array

    def arguments(self) -> tuple[NDArray[np.int32], Array, Array, Array, Array, Array]:
        """In the order of the kernels."""
        return self.parent, self.pos, self.axis, self.mass, self.com, self.inertia


@dataclass(frozen=True, slots=True, kw_only=True)
class Muscles:
    """The muscles of one leg of the reference skeleton; arrays (m,) in the order of `names`.

    groups: the groups of each muscle; F0: maximum isometric force [N]; lopt: optimal fibre length [m]; lts: tendon
    slack length [m]; penn: pennation at lopt [rad]; onset, one: fibre strains at zero and at one F0 of passive force.
    The length [m] of muscle i is sum of weight[k] prod_j x_j ** exponent[k, j] over k in start[i]..start[i+1], with
    x = clip(2 (q - lo) / (hi - lo) - 1, -1, 1) of the first eight leg angles q [rad].
    """

    names: tuple[str, ...]
    groups: tuple[tuple[str, ...], ...]
    F0: Array
    lopt: Array
    lts: Array
    penn: Array
    onset: Array
    one: Array
    lo: Array
    hi: Array
    start: NDArray[np.int32]
    exponent: NDArray[np.int8]
    weight: Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Sphere:
    """A contact sphere of the right sole at the reference stature: centre in its link [m] (3,), radius [m].

    sole_z: how far lateral of the foot's long axis it lies [m], the lever of a posting.
    """

    name: str
    link: str
    centre: Array
    radius: float
    sole_z: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Landmark:
    """A point of the right side, or of the midline: position in its link at the reference stature [m] (3,)."""

    name: str
    link: str
    position: Array
    midline: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Sex:
    """What differs by sex beside the segment masses.

    strength: relative to the reference model, from hip abduction torque per body mass (Ramskov et al. 2014).
    tibial_rotation_stiffness: relative to passive.csv (Hsu et al. 2006).
    """

    name: str
    strength: float
    tibial_rotation_stiffness: float


# --- the tables ------------------------------------------------------------------------------------------------------


@cache
def table(name: str) -> tuple[Row, ...]:
    """The rows of a table of `models/`."""
    text = tables.models().joinpath(name).read_text(encoding="utf-8")
    return tuple(csv.DictReader(text.splitlines()))


def _numbers(row: Row, *columns: str) -> Array:
    return np.array([float(row[column]) for column in columns])


def _column(rows: tuple[Row, ...], name: str) -> Array:
    return readonly([float(row[name]) for row in rows], None)


def _frozen(values: Any, dtype: type) -> Any:
    out: Any = np.array(values, dtype)
    out.flags.writeable = False
    return out


# --- the skeleton ----------------------------------------------------------------------------------------------------


@cache
def _origins() -> dict[str, Array]:
    """Link -> its origin (the hinge) in the frame of the OpenSim body of the same name [m]."""
    return {row["link"]: readonly(_numbers(row, "origin_x", "origin_y", "origin_z"), 3) for row in table("joints.csv")}


def body_origin(link: str) -> Array:
    """Origin of the OpenSim body in the frame of our link of that name [m] (3,), right side, reference stature.

    Bone meshes and path points come in OpenSim's body frames; the axes are the same.
    """
    return readonly(-_origins().get(link, np.zeros(3)), 3)


def skeleton(sex: str, mass: float, height: float, arms: bool = False) -> Skeleton:
    """The tree of a person: sex `female` or `male`, mass [kg], height [m]. Errors: InputError for an unknown sex.

    Thigh, shank and foot after de Leva 1996 (doi 10.1016/0021-9290(95)00178-6); the pelvis and the trunk with arms
    share the rest as in the reference model. arms: as links of their own, after the legs; otherwise the trunk's.
    """
    scale = height / REFERENCE_HEIGHT
    hinges = [row for row in table("joints.csv") if row["kind"] in ("free", "hinge")]
    central = [row for row in hinges if row["link"] in CENTRAL]
    limbs = [[row for row in hinges if row["link"] not in CENTRAL]] + [_arm()] * arms
    links = [(row, "", np.eye(3)) for row in central]
    sides = ("_r", np.eye(3)), ("_l", MIRROR)
    links += [(row, suffix, mirror) for limb in limbs for suffix, mirror in sides for row in limb]
    names = tuple(row["link"] + suffix for row, suffix, _ in links)
    bodies = _segments(sex, mass, scale, arms)
    parent, pos, axis, masses, coms, inertias = [], [], [], [], [], []
    for row, suffix, mirror in links:
        above = row["parent"] + ("" if row["parent"] in names else suffix)
        parent.append(names.index(above) if above in names else -1)
        pos.append(scale * mirror @ (_numbers(row, "x", "y", "z") - _origins().get(row["parent"], np.zeros(3))))
        # A reflected axis turns the other way round: the minus makes equal angles mirrored poses.
        axis.append(_unit(mirror @ _numbers(row, "axis_x", "axis_y", "axis_z")) * (-1 if suffix == "_l" else 1))
        m, com, inertia = bodies.get(row["link"], (MASSLESS[0], np.zeros(3), MASSLESS[1]))
        masses.append(m)
        coms.append(mirror @ com)
        inertias.append(mirror @ inertia @ mirror)
    pos[0] = np.zeros(3)
    # The massless links take their milligrams from the trunk, so that the person weighs what was asked.
    masses[names.index("torso")] -= sum(masses) - mass
    return Skeleton(
        names=names,
        parent=_frozen(parent, np.int32),
        pos=readonly(pos, None, 3),
        axis=readonly(axis, None, 3),
        mass=readonly(masses, None),
        com=readonly(coms, None, 3),
        inertia=readonly(inertias, None, 3, 3),
        pelvis_origin=readonly(scale * body_origin("pelvis"), 3),
    )


def _unit(vector: Array) -> Array:
    size = float(np.linalg.norm(vector))
    return vector / size if size else vector


Body = tuple[float, Array, Array]
"""Mass [kg], centre of mass in the link's frame [m], inertia about it [kg m2]."""


def _segments(sex: str, mass: float, scale: float, arms: bool) -> dict[str, Body]:
    """Mass properties of the links that carry mass, right side."""
    parts = {row["segment"]: row for row in table("anthropometry.csv") if row["sex"] == sex}
    if not parts:
        raise InputError(f"sex: expected female or male, found {sex!r}")
    out: dict[str, Body] = {}
    for link, distal in (("femur", "knee_1"), ("tibia", "talus")):
        out[link] = _limb(parts[LIMB[link]], mass, scale * (_joint(distal) - _origins()[link]))
    out.update(_foot(parts["foot"], mass, scale))
    rest = mass - 2 * sum(m for m, _, _ in out.values())
    reference = {"pelvis": _reference_body("pelvis"), "torso": _trunk()}
    total = sum(m for m, _, _ in reference.values())
    if arms:
        reference |= {"torso": _reference_body("torso")} | _arm_bodies()
    for link, (m, com, inertia) in reference.items():
        # Mass m changes by rest / total and lengths by scale.
        out[link] = (m * rest / total, scale * (com - _origins()[link]), inertia * rest / total * scale**2)
    return out


def _joint(link: str) -> Array:
    """Hinge of a link in the OpenSim frame of its parent [m]."""
    return _numbers(next(row for row in table("joints.csv") if row["link"] == link), "x", "y", "z")


def _limb(part: Row, mass: float, distal: Array) -> Body:
    """A segment of de Leva between a proximal joint at the link's origin and a distal one [m].

    Its radii of gyration are about the sagittal (antero-posterior, X), longitudinal (Y) and transverse (Z) axes.
    """
    m = mass * float(part["mass_fraction"])
    radii = _numbers(part, "radius_sagittal", "radius_longitudinal", "radius_transverse") * np.linalg.norm(distal)
    return m, float(part["com_fraction"]) * distal, m * np.diag(radii**2)


def _foot(part: Row, mass: float, scale: float) -> dict[str, Body]:
    """De Leva's foot, shared between talus, calcn and forefoot.

    The centre of mass of the whole lies where he puts it between heel and toe tip. The inertias are the table's own:
    larger than anatomical, because a forefoot of 4e-4 kg m2 chatters on rigid contact.
    """
    rows = table("foot.csv")
    shares = _column(rows, "share") / _column(rows, "share").sum()
    coms = np.array([_numbers(row, "com_x", "com_y", "com_z") for row in rows])
    ankle = np.array([_joint("calcn") if row["link"] == "talus" else np.zeros(3) for row in rows])
    points = {row["landmark"]: _numbers(row, "x", "y", "z") for row in table("landmarks.csv")}
    heel, toe = points["heel"][0], points["toe_tip"][0]
    wanted = heel + float(part["com_fraction"]) * (toe - heel)
    movable = np.array([row["link"] != "talus" for row in rows])
    coms[movable, 0] += (wanted - shares @ (coms - ankle)[:, 0]) / shares[movable].sum()
    m = mass * float(part["mass_fraction"])
    size = mass / PASSIVE_MASS * scale**2
    return {
        row["link"]: (
            share * m,
            scale * (com - _origins()[row["link"]]),
            size * np.diag(_numbers(row, "Ixx", "Iyy", "Izz")),
        )
        for row, share, com in zip(rows, shares, coms, strict=True)
    }


@cache
def _reference_body(name: str) -> Body:
    """A body of the reference model: mass, centre of mass in the OpenSim frame, inertia."""
    row = next(row for row in table("bodies.csv") if row["body"] == name)
    return float(row["mass"]), _numbers(row, "com_x", "com_y", "com_z"), np.diag(_numbers(row, "Ixx", "Iyy", "Izz"))


@cache
def held_arm() -> dict[str, tuple[Array, Array]]:
    """Bodies of the right arm of the reference model, held forward as joints.csv says: rotation and origin [m] in the
    OpenSim torso."""
    frames = {"torso": (np.eye(3), np.zeros(3))}
    for row in table("joints.csv"):
        if row["kind"] in ("arm", "fixed") and row["parent"] in frames:
            R, p = frames[row["parent"]]
            turn = rotations.about(_unit(_numbers(row, "axis_x", "axis_y", "axis_z")), float(row["angle"]))
            frames[row["link"]] = R @ turn, p + R @ _numbers(row, "x", "y", "z")
    del frames["torso"]
    return frames


@cache
def _trunk() -> Body:
    """Torso, head and both held arms of the reference model as one body."""
    pieces = [_reference_body("torso")]
    for link, (R, p) in held_arm().items():
        if link not in MASSLESS_ARM:
            m, com, inertia = _reference_body(link)
            for mirror in (np.eye(3), MIRROR):
                pieces.append((m, mirror @ (p + R @ com), mirror @ R @ inertia @ R.T @ mirror))
    total = sum(m for m, _, _ in pieces)
    centre = sum((m * com for m, com, _ in pieces), np.zeros(3)) / total
    inertia = sum((i + m * _offset(com - centre) for m, com, i in pieces), np.zeros((3, 3)))
    return total, centre, inertia


@cache
def _arm() -> list[Row]:
    return [row for row in table("joints.csv") if row["kind"] == "arm"]


@cache
def _arm_bodies() -> dict[str, Body]:
    """The bodies of the right arm of the reference model; the hand is one with the radius."""
    out = {name: _reference_body(name) for name in ("humerus", "ulna", "radius")}
    m, com, inertia = _reference_body("hand")
    row = next(row for row in table("joints.csv") if row["link"] == "hand")
    parts = [out["radius"], (m, com + _numbers(row, "x", "y", "z"), inertia)]
    total = sum(m for m, _, _ in parts)
    centre = sum((m * com for m, com, _ in parts), np.zeros(3)) / total
    return out | {"radius": (total, centre, sum((i + m * _offset(c - centre) for m, c, i in parts), np.zeros((3, 3))))}


def _offset(d: Array) -> Array:
    """Inertia of a unit mass at d [m] about the origin [m2]."""
    return np.asarray(d @ d * np.eye(3) - np.outer(d, d))


# --- proportions -----------------------------------------------------------------------------------------------------

LENGTHWISE = {
    "pelvis_width": (("pelvis",), (2,)),
    "pelvis_depth": (("pelvis",), (0, 1)),
    "trunk_length": (("torso",), (1,)),
    "thigh_length": (("femur",), (1,)),
    "shank_length": (("tibia",), (1,)),
    "foot_length": (("calcn", "forefoot"), (0,)),
    "upper_arm_length": (("humerus",), (1,)),
    "forearm_length": (("ulna", "radius"), (1,)),
}
"""Proportion -> the links that it makes larger, and the axes of theirs (0 X, 1 Y, 2 Z) along which it does."""


def stretch(names: tuple[str, ...], proportions: Mapping[str, float]) -> Array:
    """How much longer each link is along its axes than in the reference skeleton of the same stature, (n, 3)."""
    out = np.ones((len(names), 3))
    for name, factor in proportions.items():
        links, axes = LENGTHWISE[name]
        for i, link in enumerate(names):
            if link.removesuffix("_r").removesuffix("_l") in links:
                out[i, axes] = factor
    return readonly(out, None, 3)


def stretched(skeleton: Skeleton, by: Array) -> Skeleton:
    """The skeleton with what its links carry farther out by (n, 3), each along its own axes; masses stay."""
    if (by == 1.0).all():
        return skeleton
    parent = np.maximum(skeleton.parent, 0)
    # The second moments of mass grow with the lengths; inertia is their trace less themselves.
    second = np.trace(skeleton.inertia, axis1=1, axis2=2)[:, None, None] / 2 * np.eye(3) - skeleton.inertia
    second = by[:, :, None] * second * by[:, None, :]
    inertia = np.trace(second, axis1=1, axis2=2)[:, None, None] * np.eye(3) - second
    return replace(
        skeleton,
        pos=readonly(skeleton.pos * by[parent], None, 3),
        com=readonly(skeleton.com * by, None, 3),
        inertia=readonly(inertia, None, 3, 3),
        pelvis_origin=readonly(skeleton.pelvis_origin * by[0], 3),
    )


# --- muscles ---------------------------------------------------------------------------------------------------------


@cache
def muscles() -> Muscles:
    """The 42 muscles of a leg, reference stature."""
    rows, terms, limits = table("muscles.csv"), table("lengths.csv"), table("lengths_range.csv")
    names = tuple(row["muscle"] for row in rows)
    angles = LEG_COORDINATES[:8]
    counts = Counter(term["muscle"] for term in terms)
    return Muscles(
        names=names,
        groups=tuple(tuple(row["groups"].split(";")) for row in rows),
        F0=_column(rows, "F0"),
        lopt=_column(rows, "lopt"),
        lts=_column(rows, "lts"),
        penn=_column(rows, "pennation"),
        onset=_column(rows, "onset"),
        one=_column(rows, "one"),
        lo=_column(limits, "lower"),
        hi=_column(limits, "upper"),
        start=_frozen(np.cumsum([0, *(counts[name] for name in names)]), np.int32),
        exponent=_frozen([[int(term[angle]) for angle in angles] for term in terms], np.int8),
        weight=_column(terms, "weight"),
    )


@cache
def path_points() -> dict[str, tuple[tuple[str, Array], ...]]:
    """Muscle -> its attachments and via points (link, position in the link [m]), right side, reference stature.

    Points on the patella are in the frame of `patella`; the toes belong to the forefoot, or to calcn behind its joint.
    """
    out: dict[str, list[tuple[str, Array]]] = {}
    for row in table("paths.csv"):
        out.setdefault(row["muscle"], []).append(_on_link(row["body"], _numbers(row, "x", "y", "z")))
    return {muscle: tuple(points) for muscle, points in out.items()}


def _on_link(body: str, point: Array) -> tuple[str, Array]:
    """A point of an OpenSim body as a point of one of our links."""
    if body == "toes":
        body, point = "calcn", point + _joint("toes")
    if body == "calcn" and point[0] > _joint("forefoot")[0]:
        body = "forefoot"
    return body, readonly(point - _origins().get(body, np.zeros(3)), 3)


def patella(knee_angle: Any) -> tuple[Array, Array]:
    """Pose of the patella in the femur at knee angles [rad] (n,): rotation (n, 3, 3), position [m] (n, 3).

    At the reference stature. A cubic spline of the table with no knots at the second and the last but one angle, as in
    the paths whose lengths were fitted (Rajagopal et al. 2016).
    """
    rows = table("patella.csv")
    knots = _column(rows, "knee_angle")

    def powers(x: Array) -> Array:
        return np.hstack([x[:, None] ** np.arange(4), np.maximum(x[:, None] - knots[2:-2], 0.0) ** 3])

    weight = np.linalg.solve(powers(knots), [_numbers(row, "rotation", "x", "y", "z") for row in rows])
    pose = powers(np.atleast_1d(np.asarray(knee_angle, dtype=np.float64))) @ weight
    return _about(2, pose[:, 0]), pose[:, 1:]


def _about(axis: int, angle: Any) -> Array:
    """Rotations (..., 3, 3) by angles [rad] (...) about the coordinate axis of this number."""
    i, j = (axis + 1) % 3, (axis + 2) % 3
    out = np.zeros((*np.shape(angle), 3, 3))
    out[..., axis, axis] = 1.0
    out[..., i, i] = out[..., j, j] = np.cos(angle)
    out[..., j, i] = np.sin(angle)
    out[..., i, j] = -out[..., j, i]
    return out


@dataclass(frozen=True, slots=True, kw_only=True)
class Cylinder:
    """A cylinder that a muscle wraps, right side, reference stature: its link, centre [m] (3,) and axes (3, 3) in it
    (columns; the long one is the third), radius [m]; quadrant: the half, such as `-y`, that a path must pass, or `all`.
    """

    link: str
    centre: Array
    axes: Array
    radius: float
    quadrant: str


@cache
def wraps() -> dict[str, tuple[Cylinder, ...]]:
    """Muscle -> the cylinders it wraps, from its end to its origin."""
    out: dict[str, list[Cylinder]] = {}
    for row in table("wraps.csv"):
        x, y, z = (_about(i, angle) for i, angle in enumerate(_numbers(row, *(f"rotation_{i}" for i in "xyz"))))
        cylinder = Cylinder(
            link=row["body"],
            centre=readonly(_numbers(row, "x", "y", "z") + body_origin(row["body"]), 3),
            axes=readonly(x @ y @ z, 3, 3),
            radius=float(row["radius"]),
            quadrant=row["quadrant"],
        )
        out.setdefault(row["muscle"], []).append(cylinder)
    return {muscle: tuple(cylinders) for muscle, cylinders in out.items()}


# --- tissue, soles, landmarks, sexes ---------------------------------------------------------------------------------


@cache
def passive() -> Array:
    """Coefficients (9, 9) [SI] of the passive torque of one leg: a row a coordinate, columns `PASSIVE_COLUMNS`."""
    rows = {row["coordinate"]: row for row in table("passive.csv")}
    return readonly([_numbers(rows[name], *PASSIVE_COLUMNS) for name in LEG_COORDINATES], 9, 9)


@cache
def contacts() -> tuple[Sphere, ...]:
    """The contact spheres of the right sole."""
    return tuple(sphere for sphere in _spheres() if sphere.name != ARCH)


def arch_pad() -> Sphere:
    """The sphere of a pad under the medial arch, at the height of the sole; it is there where an insole has one."""
    return next(sphere for sphere in _spheres() if sphere.name == ARCH)


@cache
def _spheres() -> tuple[Sphere, ...]:
    return tuple(
        Sphere(
            name=row["sphere"],
            link=row["link"],
            centre=readonly(_numbers(row, "x", "y", "z") - _origins()[row["link"]], 3),
            radius=float(row["radius"]),
            sole_z=float(row["z"]),
        )
        for row in table("contact.csv")
    )


@cache
def landmarks() -> tuple[Landmark, ...]:
    """Joint centres and bony landmarks, right side and midline."""
    origin = readonly(np.zeros(3), 3)
    return (
        *(Landmark(name=name, link=link, position=origin, midline=False) for name, link in JOINT_CENTRES.items()),
        *(
            Landmark(
                name=row["landmark"],
                link=row["link"],
                position=readonly(_numbers(row, "x", "y", "z") - _origins()[row["link"]], 3),
                midline=row["midline"] == "1",
            )
            for row in table("landmarks.csv")
        ),
    )


@cache
def sex(name: str) -> Sex:
    """The figures of `female` or `male`. Errors: InputError for another name."""
    if name not in ("female", "male"):
        raise InputError(f"sex: expected female or male, found {name!r}")
    rows = {row["quantity"]: row for row in table("sexes.csv")}

    def relative(quantity: str) -> float:
        return float(rows[quantity][name]) / float(rows[quantity]["reference"])

    return Sex(
        name=name,
        strength=relative("hip_abduction_torque"),
        tibial_rotation_stiffness=relative("tibial_rotation_stiffness"),
    )
