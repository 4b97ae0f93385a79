"""Joint centres and axes from how two segments move against each other.

- A ball joint: the point that moves with both segments, symmetrical centre of rotation estimation (SCoRE; Ehrig et al.
  2006, doi 10.1016/j.jbiomech.2005.10.002).
- A hinge: the line that moves with both, symmetrical axis of rotation approach (SARA; Ehrig et al. 2007,
  doi 10.1016/j.jbiomech.2006.10.026).

Either needs enough motion, which is checked: a squat turns the hip about one axis, which leaves its centre free to
slide along that axis.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simlab import clusters
from simlab.errors import RecordingError
from simlab.motion import Array

HIP_RANGE = np.radians(20)
"""A ball joint needs to turn this far [rad] about each of two axes: below 20 deg the error of every method grows
steeply (Ehrig et al. 2006)."""
KNEE_RANGE = np.radians(30)
"""A hinge needs to turn this far [rad]; from 20 to 45 deg the direction of the axis gets three times better (Ehrig et
al. 2007, noise of skin markers)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A segment over time: rotation, shape (n, 3, 3), and origin [m], shape (n, 3), of a frame fixed to its markers."""

    rotation: Array
    origin: Array
    name: str

    def place(self, point: Array) -> Array:
        """A point of the segment in the laboratory [m], shape (n, 3)."""
        return self.origin + self.rotation @ point

    def within(self, points: Array) -> Array:
        """Points of the laboratory, shape (n, 3), as the segment sees them."""
        return np.asarray(np.einsum("nji,nj->ni", self.rotation, points - self.origin))


@dataclass(frozen=True, slots=True, kw_only=True)
class Joint:
    """A joint of a proximal and a distal segment. centre: a point, axis: a unit vector (None for a ball joint), each as
    the proximal segment sees it; centres, axes: the same from the distal one. residual [m]: root mean square distance
    of the two points. ranges [rad]: how far it turned about its three main axes, largest first.
    """

    centre: Array
    axis: Array | None
    distal_centre: Array
    distal_axis: Array | None
    residual: float
    ranges: Array


def segment(points: Array, name: str, source: str = "the recording") -> Segment:
    """A segment from its markers [m], shape (n, k, 3), NaN for a gap; frames with fewer than three are NaN.

    Errors: RecordingError with fewer than three markers, when they lie on a line, or are never seen together.
    """
    expected = f"{source}: expected at least 3 markers of the {name}"
    if points.shape[1] < 3:
        raise RecordingError(f"{expected}, found {points.shape[1]}")
    seen = np.isfinite(points.sum(axis=2))
    if not seen.all(axis=1).any():
        raise RecordingError(f"{expected} seen together in a frame, found none")
    reference = points[int(np.argmax(seen.all(axis=1)))]
    if clusters.spread(reference) < 0.01:
        raise RecordingError(f"{expected} that are not on a line, found {1e3 * clusters.spread(reference):.0f} mm")
    reference = reference - reference.mean(axis=0)
    rotation, middle, here = clusters.fit(reference, points)
    origin = middle - np.einsum("nij,nj->ni", rotation, here)
    lost = seen.sum(axis=1) < 3
    rotation[lost], origin[lost] = np.nan, np.nan
    return Segment(rotation=rotation, origin=origin, name=name)


def ball(proximal: Segment, distal: Segment, source: str = "the recording", least: float = HIP_RANGE) -> Joint:
    """The centre of a ball joint (SCoRE). Errors: RecordingError when it turns less than `least` about two axes."""
    system, right, ranges = _system(proximal, distal, source)
    if ranges[1] < least:
        found = " and ".join(f"{np.degrees(r):.0f}" for r in ranges[:2])
        raise RecordingError(
            f"{source}: expected the {distal.name} to turn at least {np.degrees(least):.0f} deg about each of two "
            f"axes of the {proximal.name} for a functional centre, found {found} deg"
        )
    solution: Array = np.asarray(np.linalg.lstsq(system, right, rcond=None)[0], dtype=np.float64)
    return Joint(
        centre=solution[:3],
        axis=None,
        distal_centre=solution[3:],
        distal_axis=None,
        residual=_residual(system, right, solution),
        ranges=ranges,
    )


def hinge(proximal: Segment, distal: Segment, source: str = "the recording", least: float = KNEE_RANGE) -> Joint:
    """The axis of a hinge (SARA): the centre is the point of it nearest to the middle of the markers of both segments.

    Errors: RecordingError when it turns less than `least` [rad].
    """
    system, right, ranges = _system(proximal, distal, source)
    if ranges[0] < least:
        raise RecordingError(
            f"{source}: expected the {distal.name} to turn at least {np.degrees(least):.0f} deg against the "
            f"{proximal.name} for a functional axis, found {np.degrees(ranges[0]):.0f} deg"
        )
    left, values, rows = np.linalg.svd(system, full_matrices=False)
    # Along the axis the centre is free: the last direction is the axis, seen from both segments.
    solution = rows[:5].T @ ((left.T @ right)[:5] / values[:5])
    axis, distal_axis = rows[5, :3], rows[5, 3:]
    axis, distal_axis = axis / np.linalg.norm(axis), distal_axis / np.linalg.norm(distal_axis)
    return Joint(
        centre=solution[:3],
        axis=axis,
        distal_centre=solution[3:],
        distal_axis=distal_axis,
        residual=_residual(system, right, solution),
        ranges=ranges,
    )


def _system(proximal: Segment, distal: Segment, source: str) -> tuple[Array, Array, Array]:
    """Both segments carry the centre to one place: R1 c1 + o1 = R2 c2 + o2, frame under frame. And the ranges."""
    good = np.isfinite(proximal.origin.sum(axis=1) + distal.origin.sum(axis=1))
    if good.sum() < 10:
        raise RecordingError(
            f"{source}: expected 10 frames with {proximal.name} and {distal.name}, found {int(good.sum())}"
        )
    system = np.concatenate([proximal.rotation[good], -distal.rotation[good]], axis=2).reshape(-1, 6)
    right = (distal.origin[good] - proximal.origin[good]).ravel()
    return system, right, _ranges(np.swapaxes(proximal.rotation[good], 1, 2) @ distal.rotation[good])


def _ranges(relative: Array) -> Array:
    """How far rotations (n, 3, 3) go about their three main axes [rad], largest first; 1 % of the frames left out."""
    from scipy.spatial.transform import Rotation

    turns = Rotation.from_matrix(relative)
    vectors = (turns.mean().inv() * turns).as_rotvec()
    vectors = vectors - vectors.mean(axis=0)
    along = vectors @ np.linalg.svd(vectors, full_matrices=False)[2].T
    low, high = np.percentile(along, [0.5, 99.5], axis=0)
    return np.sort(high - low)[::-1]


def _residual(system: Array, right: Array, solution: Array) -> float:
    return float(np.sqrt(np.mean(np.sum((system @ solution - right).reshape(-1, 3) ** 2, axis=1))))
