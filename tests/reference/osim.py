"""OpenSim model files as plain numpy, and the same person as a tree of simlab's links.

Written from the documentation of the file format and of Simbody's mobilizers (Seth et al. 2010,
doi 10.1007/s11071-010-9717-3; Sherman et al. 2011, doi 10.1016/j.piutam.2011.04.023), with no simlab import. A joint
places frame F in the parent body and M in the child body; M moves in F by three successive rotations, each about an
axis of the frame that the last one left, and by a translation in the axes of F.

`read` gives the model as it stands in the file (`forward`, `marker_positions`); `tree` gives it in simlab's layout, in
which each hinge has a fixed place, and `state` turns OpenSim's coordinates into the q of simlab's kernels.
SI and radians throughout.
"""

from __future__ import annotations

import csv
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Function = Callable[[Array], Array]

JOINTS = Path(__file__).resolve().parents[2] / "models" / "joints.csv"
SQUAT_KNEE = np.radians(np.linspace(0.0, 100.0, 101))
"""Knee angles over which a fixed place of the hinges is sought [rad]."""
MASSLESS = 1e-3, 1e-6
"""Mass [kg] and inertia [kg m2] of the links between the hinges of one joint, as simlab has them."""


class Body(NamedTuple):
    mass: float  # [kg]
    com: Array  # (3,) in the body frame [m]
    inertia: Array  # (3, 3) about the centre of mass, body axes [kg m2]


class Coordinate(NamedTuple):
    default: float  # [rad or m]
    lower: float
    upper: float
    clamped: bool
    locked: bool


class Axis(NamedTuple):
    """One of the six axes of a joint: its motion is function(coordinate), or function(0) where it has none."""

    coordinate: str | None
    direction: Array  # (3,) unit, in the joint frame
    function: Function
    kind: str  # the function's name in the file


class Joint(NamedTuple):
    name: str
    kind: str  # the joint's class in the file
    parent: str
    child: str
    R_parent: Array  # (3, 3) orientation of the joint frame in the parent body
    p_parent: Array  # (3,) its place there [m]
    R_child: Array  # (3, 3) in the child body
    p_child: Array
    coordinates: tuple[str, ...]
    rotations: tuple[Axis, ...]  # in order; none for a weld
    translations: tuple[Axis, ...]


class Marker(NamedTuple):
    body: str
    location: Array  # (3,) in the body frame [m]


class Model(NamedTuple):
    bodies: dict[str, Body]
    joints: dict[str, Joint]  # by name, parents before children
    coordinates: dict[str, Coordinate]
    couplers: dict[str, tuple[str, Function]]  # dependent coordinate -> (independent one, function)
    markers: dict[str, Marker]
    forces: dict[str, str]  # force -> its class


# --- reading ---------------------------------------------------------------------------------------------------------


def read(path: str | Path) -> Model:
    """An OpenSim 4 model file. Offset frames are resolved; geometry and muscles are left out."""
    model = ElementTree.parse(path).getroot().find("Model")
    assert model is not None, path
    joints = [_joint(node) for node in model.find("JointSet/objects")]
    return Model(
        bodies={node.get("name"): _body(node) for node in model.find("BodySet/objects")},
        joints={joint.name: joint for joint in _parents_first(joints)},
        coordinates={
            node.get("name"): Coordinate(
                float(node.findtext("default_value")),
                *_numbers(node.findtext("range")),
                node.findtext("clamped").strip() == "true",
                node.findtext("locked").strip() == "true",
            )
            for node in model.iterfind("JointSet/objects/*/coordinates/Coordinate")
        },
        couplers={
            node.findtext("dependent_coordinate_name").strip(): (
                node.findtext("independent_coordinate_names").strip(),
                _function(node.find("coupled_coordinates_function")[0]),
            )
            for node in model.iterfind("ConstraintSet/objects/CoordinateCouplerConstraint")
        },
        markers={
            node.get("name"): Marker(
                node.findtext("socket_parent_frame").split("/")[-1], _numbers(node.findtext("location"))
            )
            for node in model.iterfind("MarkerSet/objects/Marker")
        },
        forces={node.get("name"): node.tag for node in model.iterfind("ForceSet/objects/*")},
    )


def _numbers(text: str) -> Array:
    return np.array([float(word) for word in text.split()])


def _body(node: ElementTree.Element) -> Body:
    xx, yy, zz, xy, xz, yz = _numbers(node.findtext("inertia"))
    inertia = np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])
    return Body(float(node.findtext("mass")), _numbers(node.findtext("mass_center")), inertia)


def _joint(node: ElementTree.Element) -> Joint:
    frames = {
        frame.get("name"): (
            frame.findtext("socket_parent").split("/")[-1],
            _body_fixed_xyz(_numbers(frame.findtext("orientation"))),
            _numbers(frame.findtext("translation")),
        )
        for frame in node.iterfind("frames/PhysicalOffsetFrame")
    }
    parent, R_parent, p_parent = frames[node.findtext("socket_parent_frame").strip()]
    child, R_child, p_child = frames[node.findtext("socket_child_frame").strip()]
    coordinates = tuple(c.get("name") for c in node.iterfind("coordinates/Coordinate"))
    axes = [_axis(axis) for axis in node.iterfind("SpatialTransform/TransformAxis")]
    if node.tag == "PinJoint":
        axes = [Axis(coordinates[0], np.array([0.0, 0.0, 1.0]), _polynomial(np.array([1.0, 0.0])), "LinearFunction")]
    elif node.tag not in ("CustomJoint", "WeldJoint"):
        raise ValueError(f"{node.get('name')}: a {node.tag} is not known here")
    return Joint(
        node.get("name"), node.tag, parent, child, R_parent, p_parent, R_child, p_child, coordinates,
        tuple(axes[:3]), tuple(axes[3:]),
    )  # fmt: skip


def _axis(node: ElementTree.Element) -> Axis:
    direction = _numbers(node.findtext("axis"))
    function = next(child for child in node if child.tag not in ("coordinates", "axis"))
    inner = function.find("function")[0] if function.tag == "MultiplierFunction" else function
    name = (node.findtext("coordinates") or "").strip()
    return Axis(name or None, direction / np.linalg.norm(direction), _function(function), inner.tag)


def _function(node: ElementTree.Element) -> Function:
    if node.tag == "MultiplierFunction":
        inner, scale = _function(node.find("function")[0]), float(node.findtext("scale"))
        return lambda x: scale * inner(x)
    if node.tag == "Constant":
        value = float(node.findtext("value"))
        return lambda x: np.full(np.shape(x), value)
    if node.tag in ("LinearFunction", "PolynomialFunction"):
        return _polynomial(_numbers(node.findtext("coefficients")))
    if node.tag == "SimmSpline":
        return _simm_spline(_numbers(node.findtext("x")), _numbers(node.findtext("y")))
    raise ValueError(f"a {node.tag} is not known here")


def _polynomial(coefficients: Array) -> Function:
    """Coefficients from the highest order to the lowest."""
    return lambda x: np.polyval(coefficients, x)


def _simm_spline(x: Array, y: Array) -> Function:
    """Cubic spline whose third derivative at each end is that of the cubic through the four points there (Forsythe,
    Malcolm and Moler 1977, Computer Methods for Mathematical Computations, ch. 4)."""
    from scipy.interpolate import CubicSpline

    # The jump of the second derivative over an end interval is its third derivative times the interval. Linear in the
    # two unknown end curvatures: three splines tell the rest.
    third = [6 * np.polyfit(x[part], y[part], 3)[0] * width for part, width in _ends(x)]
    knots, width = x[[0, -2]], np.array([x[1] - x[0], x[-1] - x[-2]])

    def spline(ends: Array) -> CubicSpline:
        return CubicSpline(x, y, bc_type=((2, ends[0]), (2, ends[1])))

    def jumps(ends: Array) -> Array:
        return np.array([spline(ends)(k + w, 2) - spline(ends)(k, 2) for k, w in zip(knots, width, strict=True)])

    zero = jumps(np.zeros(2))
    slope = np.column_stack([jumps(unit) - zero for unit in np.eye(2)])
    return spline(np.linalg.solve(slope, np.array(third) - zero))


def _ends(x: Array) -> list[tuple[slice, float]]:
    return [(slice(None, 4), x[1] - x[0]), (slice(-4, None), x[-1] - x[-2])]


def _parents_first(joints: list[Joint]) -> list[Joint]:
    placed, out = {"ground"}, []
    while joints:
        ready = [joint for joint in joints if joint.parent in placed]
        if not ready:
            raise ValueError(f"no path to the ground: {', '.join(joint.name for joint in joints)}")
        out += ready
        placed |= {joint.child for joint in ready}
        joints = [joint for joint in joints if joint.parent not in placed or joint not in out]
    return out


# --- kinematics ------------------------------------------------------------------------------------------------------


def turn(axis: Array, angle: Array) -> Array:
    """Rotations (..., 3, 3) by angles [rad] (...) about a unit axis."""
    x, y, z = axis
    k = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    a = np.asarray(angle, dtype=np.float64)[..., None, None]
    return np.eye(3) + np.sin(a) * k + (1 - np.cos(a)) * k @ k


def _body_fixed_xyz(angles: Array) -> Array:
    x, y, z = (turn(axis, angle) for axis, angle in zip(np.eye(3), angles, strict=True))
    return x @ y @ z


def joint_motion(joint: Joint, values: Mapping[str, Array]) -> tuple[Array, Array]:
    """Rotation (..., 3, 3) and place (..., 3) of the joint's child frame in its parent frame."""
    R, p = np.eye(3), np.zeros(3)
    for axis in joint.rotations:
        R = R @ turn(axis.direction, axis.function(_moved(axis, values)))
    for axis in joint.translations:
        p = p + np.asarray(axis.function(_moved(axis, values)))[..., None] * axis.direction
    return R, p


def _moved(axis: Axis, values: Mapping[str, Array]) -> Array:
    return np.zeros(()) if axis.coordinate is None else np.asarray(values[axis.coordinate], dtype=np.float64)


def complete(model: Model, values: Mapping[str, Array]) -> dict[str, Array]:
    """All coordinates: those given, defaults for the others, and the coupled ones as their constraints say."""
    out = {name: np.asarray(c.default) for name, c in model.coordinates.items()}
    unknown = set(values) - set(out)
    if unknown:
        raise ValueError(f"no such coordinate: {', '.join(sorted(unknown))}")
    out |= {name: np.asarray(value, dtype=np.float64) for name, value in values.items()}
    return out | {name: np.asarray(function(out[on])) for name, (on, function) in model.couplers.items()}


def forward(model: Model, values: Mapping[str, Array]) -> dict[str, tuple[Array, Array]]:
    """Pose in the ground of every body: rotation (..., 3, 3), origin (..., 3) [m]. values: coordinate -> (...)."""
    values = complete(model, values)
    frames: dict[str, tuple[Array, Array]] = {"ground": (np.eye(3), np.zeros(3))}
    for joint in model.joints.values():
        R, p = frames[joint.parent]
        inside, moved = joint_motion(joint, values)
        p = p + R @ joint.p_parent + (R @ joint.R_parent @ moved[..., None])[..., 0]
        R = R @ joint.R_parent @ inside @ joint.R_child.T
        frames[joint.child] = R, p - R @ joint.p_child
    return frames


def marker_positions(model: Model, values: Mapping[str, Array], names: Sequence[str]) -> Array:
    """Markers in the ground [m], shape (..., len(names), 3)."""
    frames = forward(model, values)
    out = []
    for name in names:
        R, p = frames[model.markers[name].body]
        out.append(p + R @ model.markers[name].location)
    return np.stack(np.broadcast_arrays(*out), axis=-2)


# --- simlab's layout -------------------------------------------------------------------------------------------------


class Tree(NamedTuple):
    """n links in simlab's order; the first six fields are the kernels' arguments.

    Link 0 is free, every other turns about one hinge. At zero angles the axes of all links are parallel and equal to
    those of the OpenSim bodies. `origin`: the origin of the link (its hinge) in the OpenSim body it belongs to.
    """

    parent: NDArray[np.int32]  # (n,), -1 for the pelvis
    pos: Array  # (n, 3) hinge in the parent link's frame [m]
    axis: Array  # (n, 3) unit, in the parent link's frame
    mass: Array  # (n,) [kg]
    com: Array  # (n, 3) in the link's frame [m]
    inertia: Array  # (n, 3, 3) about the centre of mass, link axes [kg m2]
    names: tuple[str, ...]  # links
    coordinates: tuple[str, ...]  # of links 1 to n - 1
    lower: Array  # (n - 1,) range of each [rad]; the two that OpenSim's knee lacks: the range of its coupled rotations
    upper: Array
    body: tuple[str, ...]  # OpenSim body of each link; the massless links name that of the joint's child
    origin: Array  # (n, 3) [m]
    markers: tuple[str, ...]
    marker_link: NDArray[np.int32]  # (m,)
    marker_local: Array  # (m, 3) in the link's frame [m]


def tree(
    path: str | Path, joints: str | Path = JOINTS, knee: str = "fitted", arms: bool = True, turned_arms: float = 0.0
) -> Tree:
    """The person of an OpenSim model in simlab's layout: 22 links, and 10 more with arms.

    joints: simlab's models/joints.csv, for the place of the midtarsal hinge, which OpenSim's foot lacks. All markers of
    the foot stay on calcn: at a midtarsal angle of 0 they are where OpenSim has them.
    knee: where the three hinges of a knee are, OpenSim's knee being one that slides: `fitted` to its path over
    `SQUAT_KNEE`, or an angle in degrees, as text, at which they lie in the joint frames as OpenSim has them there.
    Patella and hand are one with the femur and the radius, the toes with the forefoot, at zero angles.
    Without arms their mass is the torso's, hanging, flexed by turned_arms [rad].
    """
    model = read(path)
    rows = {row["link"]: row for row in csv.DictReader(Path(joints).read_text(encoding="utf-8").splitlines())}
    builder = _Builder(model)
    builder.add("pelvis", "", None, model.bodies["pelvis"].com, "pelvis", "pelvis", np.zeros(3), np.zeros(3))
    builder.joint("back", ("lumbar_1", "lumbar_2", "torso"), "")
    for side in ("_r", "_l"):
        builder.joint(f"hip{side}", ("hip_1", "hip_2", "femur"), side)
        builder.knee(side, *knee_place(model.joints[f"walker_knee{side}"], knee))
        for name, link in (("ankle", "talus"), ("subtalar", "calcn")):
            builder.joint(name + side, (link,), side)
        builder.forefoot(side, rows["forefoot"])
    if arms:
        for side in ("_r", "_l"):
            builder.joint(f"acromial{side}", ("humerus_1", "humerus_2", "humerus"), side)
            builder.joint(f"elbow{side}", ("ulna",), side)
            builder.joint(f"radioulnar{side}", ("radius",), side)
    return builder.tree(turned_arms)


def knee_place(joint: Joint, knee: str) -> tuple[Array, Array]:
    """The fixed place of a knee's hinges, in the femur and in the tibia [m], as `tree` explains.

    `fitted`: the pair of points, one of each bone, that stay closest to each other, in the least squares sense; along
    the directions in which nothing is gained they keep to the joint frames.
    """
    angles = SQUAT_KNEE if knee == "fitted" else np.radians([float(knee)])
    R, t = joint_motion(joint, {joint.coordinates[0]: angles})
    if knee != "fitted":
        return joint.p_parent + joint.R_parent @ t[0], joint.p_child
    # t + R c = d for each angle: unknown c in the child's frame, d in the parent's. The weak pull to zero settles the
    # direction of the flexion axis.
    rows = np.concatenate([R, np.broadcast_to(-np.eye(3), R.shape)], axis=2).reshape(-1, 6)
    rows = np.vstack([rows, 1e-3 * np.eye(6)])
    place = np.linalg.lstsq(rows, np.concatenate([-t.ravel(), np.zeros(6)]), rcond=None)[0]
    return joint.p_parent + joint.R_parent @ place[3:], joint.p_child + joint.R_child @ place[:3]


class _Builder:
    """Links in order, each with the place of its origin in its OpenSim body."""

    def __init__(self, model: Model) -> None:
        self.model, self.names = model, []
        self.links: list[tuple] = []

    def add(
        self,
        name: str,
        side: str,
        parent: int | None,
        origin: Array,
        body: str,
        coordinate: str,
        pos: Array,
        axis: Array,
    ) -> None:
        self.names.append(name + side)
        self.links.append((-1 if parent is None else parent, pos, axis, body, origin, coordinate))

    def origin(self, link: int) -> Array:
        return self.links[link][4]

    def joint(self, name: str, links: tuple[str, ...], side: str) -> None:
        joint = self.model.joints[name]
        self.hinges(joint, links, side, joint.p_parent, joint.p_child, joint.coordinates)

    def knee(self, side: str, in_femur: Array, in_tibia: Array) -> None:
        joint = self.model.joints[f"walker_knee{side}"]
        names = ("knee_angle" + side, "knee_adduction" + side, "knee_rotation" + side)
        self.hinges(joint, ("knee_1", "knee_2", "tibia"), side, in_femur, in_tibia, names)

    def hinges(
        self, joint: Joint, links: tuple[str, ...], side: str, here: Array, there: Array, names: tuple[str, ...]
    ) -> None:
        assert np.allclose(joint.R_parent, joint.R_child, atol=1e-12), joint.name
        parent = self.names.index(joint.parent)
        place = here - self.origin(parent)
        for link, axis, name in zip(links, joint.rotations, names, strict=True):
            sense = _sense(axis, joint)
            self.add(link, side, parent, there, joint.child, name, place, joint.R_parent @ axis.direction * sense)
            parent, place = len(self.names) - 1, np.zeros(3)

    def forefoot(self, side: str, row: Mapping[str, str]) -> None:
        """The midtarsal hinge, scaled as the foot is."""
        calcn = self.names.index("calcn" + side)
        mirror = np.array([1.0, 1.0, -1.0 if side == "_l" else 1.0])
        toes = self.model.joints[f"mtp{side}"].p_parent
        scale = toes[0] / 0.1788  # place of the toes in the generic foot
        here = scale * mirror * [float(row[c]) for c in "xyz"]
        axis = mirror * [float(row[f"axis_{c}"]) for c in "xyz"] * (-1 if side == "_l" else 1)
        axis /= np.linalg.norm(axis)
        self.add("forefoot", side, calcn, here, f"calcn{side}", f"midtarsal_angle{side}", here, axis)

    def tree(self, turned_arms: float) -> Tree:
        model, n = self.model, len(self.links)
        body = tuple(link[3] for link in self.links)
        origin = np.array([link[4] for link in self.links])
        last = {name: i for i, name in enumerate(body) if "forefoot" not in self.names[i]}
        zero = dict.fromkeys(model.coordinates, 0.0)
        frames = forward(model, zero | {f"arm_flex{side}": turned_arms for side in ("_r", "_l")})
        parts: list[list[Body]] = [[] for _ in range(n)]
        for name, part in model.bodies.items():
            i = self.carrier(name, last)
            at, R = _relative(frames, name, body[i])
            parts[i].append(Body(part.mass, at + R @ part.com - origin[i], R @ part.inertia @ R.T))
        merged = [_merge(part) for part in parts]
        # The massless links take their grams from the trunk, so that the person weighs what the file says.
        spare = MASSLESS[0] * sum(not part for part in parts)
        merged[3] = merged[3]._replace(mass=merged[3].mass - spare)
        limits = [self.limits(link[5]) for link in self.links[1:]]
        markers = [name for name, marker in model.markers.items() if marker.body in last]
        where = [last[model.markers[name].body] for name in markers]
        return Tree(
            parent=np.array([link[0] for link in self.links], dtype=np.int32),
            pos=np.array([link[1] for link in self.links]),
            axis=np.array([link[2] for link in self.links]),
            mass=np.array([part.mass for part in merged]),
            com=np.array([part.com for part in merged]),
            inertia=np.array([part.inertia for part in merged]),
            names=tuple(self.names),
            coordinates=tuple(link[5] for link in self.links[1:]),
            lower=np.array([low for low, _ in limits]),
            upper=np.array([high for _, high in limits]),
            body=body,
            origin=origin,
            markers=tuple(markers),
            marker_link=np.array(where, dtype=np.int32),
            marker_local=np.array(
                [model.markers[name].location - origin[i] for name, i in zip(markers, where, strict=True)]
            ),
        )

    def carrier(self, body: str, last: Mapping[str, int]) -> int:
        """The link that carries a body."""
        if body.startswith("toes"):
            return self.names.index("forefoot" + body[4:])
        while body not in last:
            body = next(joint.parent for joint in self.model.joints.values() if joint.child == body)
        return last[body]

    def limits(self, coordinate: str) -> tuple[float, float]:
        if coordinate in self.model.coordinates:
            c = self.model.coordinates[coordinate]
            return c.lower, c.upper
        for k, name in enumerate(("knee_angle", "knee_adduction", "knee_rotation")):
            if coordinate[:-2] == name:
                joint = self.model.joints["walker_knee" + coordinate[-2:]]
                values = coupled(joint, k, SQUAT_KNEE)
                return float(values.min()), float(values.max())
        return 0.0, 0.0  # the midtarsal joint


def _sense(axis: Axis, joint: Joint) -> float:
    """-1 where the joint turns against the axis of the file as its coordinate grows."""
    if axis.kind == "LinearFunction":
        return float(np.sign(axis.function(np.array(1.0)) - axis.function(np.array(0.0))))
    # The coupled rotations of the knee: the sign that makes equal angles of right and left mirrored poses.
    return 1.0 if joint.name.endswith("_r") or axis.direction[1] == 0 else -1.0


def coupled(joint: Joint, k: int, knee_angle: Array) -> Array:
    """The k-th rotation of a knee [rad]: 0 its angle, 1 adduction, 2 rotation, in simlab's senses."""
    axis = joint.rotations[k]
    return _sense(axis, joint) * np.asarray(axis.function(np.asarray(knee_angle, dtype=np.float64)))


def _relative(frames: Mapping[str, tuple[Array, Array]], inner: str, outer: str) -> tuple[Array, Array]:
    (R, p), (Ro, po) = frames[inner], frames[outer]
    return Ro.T @ (p - po), Ro.T @ R


def _merge(parts: list[Body]) -> Body:
    if not parts:
        return Body(MASSLESS[0], np.zeros(3), MASSLESS[1] * np.eye(3))
    mass = sum(part.mass for part in parts)
    com = sum((part.mass * part.com for part in parts), np.zeros(3)) / mass
    inertia = np.zeros((3, 3))
    for part in parts:
        d = part.com - com
        inertia += part.inertia + part.mass * (d @ d * np.eye(3) - np.outer(d, d))
    return Body(mass, com, inertia)


def state(path: str | Path, tree: Tree, values: Mapping[str, Array], coupled_knee: bool = True) -> Array:
    """OpenSim's coordinates (frames,) as the kernels' q (frames, n + 6): base place, quaternion xyzw, hinge angles.

    coupled_knee: knee adduction and rotation are what OpenSim's knee does at its angle (else 0). The midtarsal angle
    is 0.
    """
    model = read(path)
    values = complete(model, values)
    count = np.broadcast_shapes(*(np.shape(value) for value in values.values()))[0]
    R, p = forward(model, values)["pelvis"]
    R, p = np.broadcast_to(R, (count, 3, 3)), np.broadcast_to(p, (count, 3))
    q = np.zeros((count, len(tree.parent) + 6))
    q[:, :3] = p + R @ tree.origin[0]
    q[:, 3:7] = _quaternion(R)
    for i, name in enumerate(tree.coordinates):
        if name in values:
            q[:, 7 + i] = values[name]
        elif coupled_knee and name.startswith("knee"):
            k = 1 if "adduction" in name else 2
            q[:, 7 + i] = coupled(model.joints["walker_knee" + name[-2:]], k, values["knee_angle" + name[-2:]])
    return q


def _quaternion(R: Array) -> Array:
    from scipy.spatial.transform import Rotation

    return Rotation.from_matrix(R).as_quat()


def knee_summary(path: str | Path, degrees: Sequence[float] = (0, 20, 40, 60, 80, 90, 100, 110)) -> str:
    """What the knees of the model do as they flex, and how well hinges at a fixed place follow."""
    model, lines = read(path), []
    for side in ("_r", "_l"):
        joint = model.joints[f"walker_knee{side}"]
        lines.append(f"{joint.name} ({joint.kind}), one coordinate {joint.coordinates[0]}; joint frame in the femur")
        lines.append(f"  at {joint.p_parent} m, in the tibia at {joint.p_child} m, the same axes in both:")
        for k, name in enumerate(("knee_angle", "knee_adduction", "knee_rotation")):
            axis = joint.rotations[k]
            sense = _sense(axis, joint)
            lines.append(f"  rotation{k + 1} = {name}: {axis.kind}, axis {joint.R_parent @ axis.direction * sense}")
        for k, axis in enumerate(joint.translations):
            lines.append(f"  translation{k + 1}: {axis.kind}, axis in the femur {joint.R_parent @ axis.direction}")
        angles = np.radians(degrees)
        _, t = joint_motion(joint, {joint.coordinates[0]: angles})
        t = 1e3 * t @ joint.R_parent.T
        table = np.column_stack([degrees, *(np.degrees(coupled(joint, k, angles)) for k in (1, 2)), t])
        lines.append("  flexion deg, adduction deg, rotation deg, shift of the joint frame in the femur x y z mm")
        lines += ["  " + " ".join(f"{number:8.2f}" for number in row) for row in table]
        for knee in ("fitted", "0", "50"):
            here, there = knee_place(joint, knee)
            R, t = joint_motion(joint, {joint.coordinates[0]: SQUAT_KNEE})
            local = joint.R_child.T @ (there - joint.p_child)
            gap = joint.R_parent.T @ (here - joint.p_parent) - t - R @ local
            gap = 1e3 * np.linalg.norm(gap, axis=1)
            lines.append(
                f"  hinges {knee}: in the femur {here} m, in the tibia {there} m; "
                f"the two part by {gap.mean():.2f} mm (mean), {gap.max():.2f} (largest), over 0-100 deg"
            )
        lines.append("")
    return "\n".join(lines)
