"""Remakes the derived tables of this folder from the primary ones: run `python models/regenerate.py`.

lengths.csv           musculotendon length of each muscle as a sparse polynomial of the eight leg angles
lengths_range.csv     the range of each angle in which they hold
lengths_accuracy.csv  its errors in length and in moment arm, on poses that were not used in the fit

Needs the `tables` extra: OpenSim is the path and wrapping engine, fed with bodies, joints, patella, paths and cylinders
from the tables here. Everything is seeded, so the same tables give the same files.
"""

from __future__ import annotations

import csv
from itertools import product
from pathlib import Path

import numpy as np
import opensim
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

Array = NDArray[np.float64]
Row = dict[str, str]

MODELS = Path(__file__).parent
ANGLES = (
    "hip_flexion",
    "hip_adduction",
    "hip_rotation",
    "knee_angle",
    "knee_adduction",
    "knee_rotation",
    "ankle_angle",
    "subtalar_angle",
)
# Where the polynomials hold [rad]; the kernel clips the angles to it.
LOWER = np.array([-0.4, -0.7, -0.7, -0.05, -0.25, -0.6, -0.6, -0.6])
UPPER = np.array([2.15, 0.45, 0.7, 2.15, 0.25, 0.6, 0.75, 0.6])
# Where squats live [rad]: sampled more densely, and the accuracy is reported here.
SQUAT_LOWER = np.array([-0.2, -0.5, -0.5, 0.0, -0.12, -0.4, -0.35, -0.4])
SQUAT_UPPER = np.array([2.0, 0.3, 0.5, 2.1, 0.12, 0.4, 0.7, 0.4])


def read(name: str) -> list[Row]:
    """The rows of a table of this folder."""
    with open(MODELS / name, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def numbers(row: Row, *columns: str) -> Array:
    return np.array([float(row[column]) for column in columns])


def vec3(values: Array) -> opensim.Vec3:
    return opensim.Vec3(*map(float, values))


# ------------------------------------------------------------------------------------------------ the path engine


def independent(axes: list[Array]) -> Array:
    """The coordinate axis farthest from those given: OpenSim wants three independent axes in every joint."""
    return max(np.eye(3), key=lambda e: float(np.linalg.norm(e - sum((e @ u) * u for u in axes))))


class PathEngine:
    """An OpenSim model of the right leg on a fixed pelvis, made of our tables, that tells path lengths."""

    def __init__(self) -> None:
        opensim.Logger.setLevelString("Error")
        self.model = opensim.Model()
        self.frames: dict[str, opensim.PhysicalFrame] = {"ground": self.model.getGround()}
        self._add_bodies()
        self._add_patella()
        self.muscles = [row["muscle"] for row in read("muscles.csv")]
        self.paths = [self._add_path(name) for name in self.muscles]
        self.state = self.model.initSystem()
        coordinates = self.model.getCoordinateSet()
        self.leg = [coordinates.get(name) for name in ANGLES]
        self.patella = [coordinates.get(name) for name in ("patella_rotation", "patella_x", "patella_y")]
        rows = read("patella.csv")
        knots = np.array([numbers(row, "rotation", "x", "y") for row in rows])
        self.spline = CubicSpline([float(row["knee_angle"]) for row in rows], knots)

    def lengths(self, angles: Array) -> Array:
        """Path lengths [m], shape (42,), at the leg angles [rad], shape (8,)."""
        for coordinate, value in zip(self.leg, angles, strict=True):
            coordinate.setValue(self.state, float(value), False)
        for coordinate, value in zip(self.patella, self.spline(angles[3]), strict=True):
            coordinate.setValue(self.state, float(value), False)
        self.model.realizePosition(self.state)
        return np.array([path.getLength(self.state) for path in self.paths])

    def _body(self, name: str) -> opensim.Body:
        body = opensim.Body(name, 1.0, opensim.Vec3(0), opensim.Inertia(1, 1, 1))
        self.model.addBody(body)
        self.frames[name] = body
        return body

    def _add_bodies(self) -> None:
        """One body per OpenSim body; the massless hinges of our tree collect into one joint of up to three angles."""
        pending: list[Row] = []
        for row in read("joints.csv"):
            if row["kind"] == "hinge":
                pending.append(row)
            if row["link"] in ("pelvis", "femur", "tibia", "talus", "calcn", "toes"):
                self._add_joint(row, pending)
                pending = []
            if row["link"] in ("torso", "forefoot"):  # neither carries a muscle of the leg
                pending = []

    def _add_joint(self, row: Row, hinges: list[Row]) -> None:
        body = self._body(row["link"])
        parent = (hinges or [row])[0]
        transform = opensim.SpatialTransform()
        axes: list[Array] = []
        for i in range(3):
            axis = transform.updTransformAxis(i)
            if i < len(hinges):
                direction = numbers(hinges[i], "axis_x", "axis_y", "axis_z")
                name = hinges[i]["coordinate"]
                axis.setCoordinateNames(opensim.ArrayStr(name, 1))
                axis.set_function(opensim.LinearFunction(1.0, 0.0))
            else:
                direction = independent(axes)
                axis.set_function(opensim.Constant(0.0))
            axes.append(direction)
            axis.setAxis(vec3(direction))
        joint_type = opensim.CustomJoint if hinges else opensim.WeldJoint
        place = vec3(numbers(parent, "x", "y", "z"))
        origin = vec3(numbers(row, "origin_x", "origin_y", "origin_z") if hinges else np.zeros(3))
        zero = opensim.Vec3(0)
        args = [f"joint_{row['link']}", self.frames[parent["parent"]], place, zero, body, origin, zero]
        self.model.addJoint(joint_type(*args, transform) if hinges else joint_type(*args))

    def _add_patella(self) -> None:
        """Three free coordinates in the femur, set from the spline of the knee angle in `lengths`."""
        transform = opensim.SpatialTransform()
        driven = {0: ("patella_rotation", [0, 0, 1]), 3: ("patella_x", [1, 0, 0]), 4: ("patella_y", [0, 1, 0])}
        rest = {1: [0, 1, 0], 2: [1, 0, 0], 5: [0, 0, 1]}
        for i in range(6):
            axis = transform.updTransformAxis(i)
            if i in driven:
                axis.setCoordinateNames(opensim.ArrayStr(driven[i][0], 1))
                axis.set_function(opensim.LinearFunction(1.0, 0.0))
                axis.setAxis(opensim.Vec3(*driven[i][1]))
            else:
                axis.set_function(opensim.Constant(0.0))
                axis.setAxis(opensim.Vec3(*rest[i]))
        zero = opensim.Vec3(0)
        femur, patella = self.frames["femur"], self._body("patella")
        self.model.addJoint(opensim.CustomJoint("joint_patella", femur, zero, zero, patella, zero, zero, transform))

    def _add_path(self, muscle: str) -> opensim.GeometryPath:
        """A weightless spring carries the path of a muscle."""
        spring = opensim.PathSpring(muscle, 1.0, 1.0, 0.0)
        path = spring.updGeometryPath()
        for row in read("paths.csv"):
            if row["muscle"] == muscle:
                place = vec3(numbers(row, "x", "y", "z"))
                path.appendNewPathPoint(f"{muscle}_{row['order']}", self.frames[row["body"]], place)
        for row in read("wraps.csv"):
            if row["muscle"] == muscle:
                self._add_wrap(path, row)
        self.model.addForce(spring)
        return path

    def _add_wrap(self, path: opensim.GeometryPath, row: Row) -> None:
        cylinder = opensim.WrapCylinder()
        cylinder.setName(f"{row['wrap']}_of_{row['muscle']}")
        cylinder.set_translation(vec3(numbers(row, "x", "y", "z")))
        cylinder.set_xyz_body_rotation(vec3(numbers(row, "rotation_x", "rotation_y", "rotation_z")))
        cylinder.set_radius(float(row["radius"]))
        cylinder.set_length(float(row["length"]))
        cylinder.set_quadrant(row["quadrant"])
        self.frames[row["body"]].addWrapObject(cylinder)
        path.addPathWrap(cylinder)
        if row["first"]:
            wrap = path.updWrapSet().get(path.getWrapSet().getSize() - 1)
            for i, column in enumerate(("first", "last")):
                wrap.set_range(i, int(row[column]))


# ------------------------------------------------------------------------------------------------ sampling and fitting

STEP = 1e-4  # of the central differences [rad]
FIT, HELD_OUT = 9000, 3000  # poses; half of the held-out ones in the squat range, half anywhere
ARM_WEIGHT = 0.3  # a moment-arm error of 3 mm/rad counts as a length error of 1 mm
BRANCH = 1.5e-3  # a length further than this from its smooth branch is a wrap that fell off its cylinder [m]
OFF_BRANCH = 4e-3  # the same when the accuracy is reported: larger errors are counted, not averaged [m]
LENGTH_GOAL, ARM_GOAL = 0.25e-3, 0.9e-3  # stop adding terms when both RMS errors are below [m], [m/rad]
MAX_TERMS = 160
HIP_DEGREE = 8
DEGREE = {2: 7, 3: 7, 5: 5, 6: 6}
"""Total degree of the candidate monomials by the number of angles a muscle crosses."""
ACCURACY_HEAD = [
    "muscle",
    "terms",
    "squat_off_branch_share",
    "elsewhere_off_branch_share",
    "squat_length_rms_all_mm",
    "squat_length_rms_mm",
    "squat_length_max_mm",
    "whole_range_length_rms_mm",
    *(f"squat_arm_rms_mm_{angle}" for angle in ANGLES),
]


def sample(engine: PathEngine, poses: Array) -> tuple[Array, Array]:
    """Lengths [m], shape (n, 42), and their derivatives [m/rad], shape (n, 42, 8), by central differences."""
    lengths = np.empty((len(poses), len(engine.muscles)))
    slopes = np.empty((len(poses), len(engine.muscles), 8))
    for i, pose in enumerate(poses):
        lengths[i] = engine.lengths(pose)
        for j, step in enumerate(np.eye(8) * STEP):
            slopes[i, :, j] = (engine.lengths(pose + step) - engine.lengths(pose - step)) / (2 * STEP)
    return lengths, slopes


def draw(rng: np.random.Generator, count: int, squat_share: float) -> Array:
    """Random poses [rad], shape (count, 8): the first `squat_share` of them in the squat range, the others anywhere."""
    unit = rng.random((count, 8))
    squat = np.arange(count)[:, None] < squat_share * count
    lower, upper = np.where(squat, SQUAT_LOWER, LOWER), np.where(squat, SQUAT_UPPER, UPPER)
    return lower + (upper - lower) * unit


def candidates(crossed: NDArray[np.intp]) -> NDArray[np.int8]:
    """Exponents, shape (c, 8), of the monomials a muscle that crosses these angles may use."""
    degree = DEGREE[len(crossed)]
    most = [min(degree, 3) if angle in (4, 5) else degree for angle in crossed]
    rows = {e for e in product(*(range(m + 1) for m in most)) if sum(e) <= degree}
    if len(crossed) == 6:  # the hip alone may be followed more closely
        rows |= {(*e, 0, 0, 0) for e in product(range(HIP_DEGREE + 1), repeat=3) if sum(e) <= HIP_DEGREE}
    out = np.zeros((len(rows), 8), np.int8)
    out[:, crossed] = sorted(rows)
    return out


def design(poses: Array, exponents: NDArray[np.int8]) -> tuple[Array, Array]:
    """Values, shape (n, c), and derivatives [1/rad], shape (8, n, c), of the monomials."""
    x = 2 * (poses - LOWER) / (UPPER - LOWER) - 1
    powers = x[:, None, :] ** exponents
    values = powers.prod(2)
    slopes = np.zeros((8, *values.shape))
    for j in np.flatnonzero(exponents.any(0)):
        others = np.delete(powers, j, axis=2).prod(2)
        lowered = np.maximum(exponents[:, j] - 1, 0)
        slopes[j] = others * exponents[:, j] * x[:, j, None] ** lowered * 2 / (UPPER - LOWER)[j]
    return values, slopes


class Problem:
    """Least squares for the length and the slopes of one muscle together."""

    def __init__(self, poses: Array, length: Array, slope: Array) -> None:
        self.crossed = np.flatnonzero(np.abs(slope).max(0) > 1e-6)
        self.exponents = candidates(self.crossed)
        values, slopes = design(poses, self.exponents)
        self.rows = np.stack([values, *(ARM_WEIGHT * slopes[j] for j in self.crossed)])
        self.target = np.stack([length, *(ARM_WEIGHT * slope[:, j] for j in self.crossed)])
        self.keep = np.ones(len(poses), bool)

    def normal(self) -> tuple[Array, Array, float]:
        rows = self.rows[:, self.keep].reshape(-1, self.rows.shape[2])
        target = self.target[:, self.keep].reshape(-1)
        return rows.T @ rows, rows.T @ target, float(target @ target)

    def residual(self, weight: Array, terms: NDArray[np.intp] | slice = slice(None)) -> Array:
        return np.asarray(self.rows[..., terms] @ weight - self.target)

    def drop_off_branch(self) -> None:
        """Leave out the poses where the path jumped off its cylinder: what no smooth function can follow."""
        for _ in range(30):
            gram, moment, _ = self.normal()
            weight = np.linalg.solve(gram + 1e-7 * np.diag(np.diag(gram)), moment)
            error = np.abs(self.residual(weight)).max(0)
            keep = error < max(BRANCH, 5 * rms(error[self.keep]))
            if (keep == self.keep).all():
                return
            self.keep = keep

    def select(self) -> tuple[NDArray[np.intp], Array]:
        """Terms by orthogonal forward selection until the goals are met, and their weights."""
        gram, moment, _ = self.normal()
        scale = np.sqrt(np.diag(gram))
        gram, moment = gram / np.outer(scale, scale), moment / scale
        terms = [0]
        while True:
            weight = np.linalg.solve(gram[np.ix_(terms, terms)] + 1e-12 * np.eye(len(terms)), moment[terms])
            error = self.residual(weight / scale[terms], np.array(terms))[:, self.keep]
            length_rms, arm_rms = rms(error[0]), max(map(rms, error[1:])) / ARM_WEIGHT
            if (length_rms < LENGTH_GOAL and arm_rms < ARM_GOAL) or len(terms) == min(MAX_TERMS, len(moment)):
                return np.array(terms), weight / scale[terms]
            terms.append(self._next(gram, moment, terms, weight))

    @staticmethod
    def _next(gram: Array, moment: Array, terms: list[int], weight: Array) -> int:
        """The monomial that, made orthogonal to the chosen ones, explains most of what is left."""
        chosen = np.linalg.solve(gram[np.ix_(terms, terms)] + 1e-12 * np.eye(len(terms)), gram[terms])
        left = moment - gram[:, terms] @ weight
        size = np.diag(gram) - np.einsum("ij,ij->j", gram[terms], chosen)
        gain = np.where(size > 1e-7, left**2 / np.maximum(size, 1e-7), 0.0)
        gain[terms] = 0.0
        return int(gain.argmax())


def rms(values: Array) -> float:
    return float(np.sqrt(np.mean(np.square(values)))) if values.size else 0.0


# ------------------------------------------------------------------------------------------------ the derived tables


def write(name: str, head: list[str], rows: list[list[str]]) -> None:
    with open(MODELS / name, "w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([head, *rows])


def accuracy(
    problem: Problem, terms: NDArray[np.intp], weight: Array, poses: Array, length: Array, slope: Array
) -> list[str]:
    """One row of lengths_accuracy.csv, from poses of which the first half lies in the squat range."""
    values, slopes = design(poses, problem.exponents[terms])
    error, arm_error = 1e3 * (values @ weight - length), 1e3 * ((slopes @ weight).T - slope)
    followed = np.maximum(np.abs(error), ARM_WEIGHT * np.abs(arm_error).max(1)) < 1e3 * OFF_BRANCH
    squat = np.arange(len(poses)) < len(poses) // 2
    here = squat & followed
    arms = [f"{rms(arm_error[here, j]):.2f}" if j in problem.crossed else "" for j in range(8)]
    share = [f"{1 - followed[part].mean():.4f}" for part in (squat, ~squat)]
    lengths = [rms(error[squat]), rms(error[here]), np.abs(error[here]).max(), rms(error[followed])]
    return [str(len(terms)), *share, *(f"{value:.2f}" for value in lengths), *arms]


def main() -> None:
    engine = PathEngine()
    rng = np.random.default_rng(1)
    poses, tests = draw(rng, FIT, 2 / 3), draw(rng, HELD_OUT, 1 / 2)
    lengths, slopes = sample(engine, poses)
    test_lengths, test_slopes = sample(engine, tests)
    polynomials: list[list[str]] = []
    report: list[list[str]] = []
    for k, muscle in enumerate(engine.muscles):
        problem = Problem(poses, lengths[:, k], slopes[:, k])
        problem.drop_off_branch()
        terms, weight = problem.select()
        weight = np.round(weight, 9)
        for exponent, value in zip(problem.exponents[terms], weight, strict=True):
            polynomials.append([muscle, *map(str, exponent), f"{value:.9f}"])
        report.append([muscle, *accuracy(problem, terms, weight, tests, test_lengths[:, k], test_slopes[:, k])])
        print(" ".join(report[-1]), flush=True)
    limits = [[name, *(f"{v[j]:g}" for v in (LOWER, UPPER, SQUAT_LOWER, SQUAT_UPPER))] for j, name in enumerate(ANGLES)]
    write("lengths_range.csv", ["angle", "lower", "upper", "squat_lower", "squat_upper"], limits)
    write("lengths.csv", ["muscle", *ANGLES, "weight"], polynomials)
    write("lengths_accuracy.csv", ACCURACY_HEAD, report)


if __name__ == "__main__":
    main()
