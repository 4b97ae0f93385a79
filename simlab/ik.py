"""Inverse kinematics: marker positions in, the coordinates of a body out, for every frame.

The posture of a frame minimises the squared distances of the markers plus what is unlikely: angles that markers hardly
see (knee adduction and rotation, subtalar, midtarsal) are drawn to what is expected of them (models/tracking.csv), as
firmly as MARKER_ERROR says that markers err, and to those of the frames before and after. `simlab.kernels.tracking`
does it.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simlab import rotations
from simlab.body import Body
from simlab.errors import InputError, RecordingError
from simlab.kernels import tracking
from simlab.motion import COORDINATES, Array, Markers, Motion, readonly

MARKER_ERROR = 0.01
"""How far a skin marker is from where a rigid body would carry it [m]: what the spread of an angle is weighed against
(soft tissue on the thigh 5 to 18 mm, on the shank 8: Lahkar et al. 2021; models/SOURCES.md, tracking)."""
SMOOTH_S = 0.01
"""An angle with a spread wanders by about that spread in this time [s]."""
SWEEPS = 2
"""Passes that let the frames before and after count alike."""
FEWEST = 3
"""Markers below which a frame has no posture."""
BENT = (0.0, 60.0, 100.0)
"""Knee angles that the first posture is sought from [deg] ..."""
RAISED = (10.0, 60.0)
"""... with arms and elbows flexed by these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracked:
    """Coordinates of a body over time. Arrays read-only.

    time [s] (f,); q (f, n + 6): position [m] and quaternion x y z w of the first link, then hinge angles [rad];
    error [m] (f, m): distance of each marker of the body from where it was measured, NaN in a gap; unsolved: frames
    that did not converge; source: the recording.
    """

    body: Body
    time: Array
    q: Array
    error: Array
    unsolved: NDArray[np.intp]
    source: str

    @property
    def motion(self) -> Motion:
        """The 27 coordinates in OpenSim's sense [m, rad]."""
        return motion(self.body, self.time, self.q)

    def angle(self, name: str) -> Array:
        """A hinge angle over time [rad] (f,)."""
        return self.q[:, 7 + self.body.coordinates.index(name)]

    @property
    def rms(self) -> float:
        """Root mean square of all marker distances [m]."""
        return float(np.sqrt(np.nanmean(self.error**2)))

    def rms_of_markers(self) -> dict[str, float]:
        """Root mean square distance of each marker that was seen [m], the worst first."""
        seen = np.isfinite(self.error).sum(axis=0)
        values = {
            name: float(np.sqrt(np.nanmean(self.error[:, i] ** 2)))
            for i, name in enumerate(self.body.markers)
            if seen[i]
        }
        return dict(sorted(values.items(), key=lambda item: -item[1]))


def motion(body: Body, time: Array, q: Array) -> Motion:
    """States (f, n + 6) as the 27 coordinates in OpenSim's sense [m, rad]; the pelvis turns without jumps of 2 pi."""
    rotation = rotations.matrix_of_quaternion(q[:, 3:7])
    values = np.empty((len(q), len(COORDINATES)))
    values[:, :3] = np.unwrap(rotations.angles(rotation), axis=0)
    values[:, 3:6] = q[:, :3] + rotation @ body.skeleton.pelvis_origin
    values[:, 6:] = q[:, 7 : 7 + len(COORDINATES) - 6]
    return Motion(time=time, values=values)


def solve(
    body: Body,
    markers: Markers,
    *,
    weights: Mapping[str, float] | None = None,
    knee: str = "free",
    smooth: bool = True,
) -> Tracked:
    """The coordinates of a body that carries the markers of a recording, frame by frame.

    weights: of markers by name, 1 by default, 0 leaves one out. knee: `free` (adduction and rotation have a degree of
    freedom each, weakly drawn to what flexion makes expect) or `hinge` (they follow flexion exactly, as in OpenSim).
    smooth: angles with a spread are drawn to those before and after.
    Errors: RecordingError when the body has fewer than 3 of the markers or a frame shows fewer; InputError for an
    unknown marker or knee.
    """
    if knee not in ("free", "hinge"):
        raise InputError(f"knee: expected 'free' or 'hinge', found {knee!r}")
    known = [name for name in body.markers if name in markers.names]
    for name in weights or {}:
        if name not in known:
            raise InputError(f"weight of marker {name}: expected one of {', '.join(known)}")
    if len(known) < FEWEST:
        expected = f"at least {FEWEST} markers of the body ({', '.join(body.markers)})"
        raise RecordingError(f"{markers.source}: expected {expected}, found {', '.join(known) or 'none'}")
    chosen = [body.markers.index(name) for name in known]
    body = replace(body, markers=tuple(known), link=body.link[chosen], local=readonly(body.local[chosen], None, 3))
    targets = np.ascontiguousarray(markers.positions[:, [markers.names.index(name) for name in known]])
    weight = np.array([(weights or {}).get(name, 1.0) for name in known])
    seen = (np.isfinite(targets[..., 0]) & (weight > 0)).sum(axis=1)
    if (seen < FEWEST).any():
        frame = int(np.argmax(seen < FEWEST))
        where = f"{markers.source}, frame {frame + 1} at {markers.time[frame]:.3f} s"
        raise RecordingError(f"{where}: expected at least {FEWEST} markers of the body, found {seen[frame]}")
    solver = _Solver(body, targets, weight, knee, smooth, float(np.median(np.diff(markers.time))) if smooth else 1.0)
    q, error, steps = solver.run()
    return Tracked(
        body=body,
        time=markers.time,
        q=readonly(q, None, None),
        error=readonly(error, None, None),
        unsolved=np.flatnonzero(steps < 0),
        source=markers.source,
    )


class _Solver:
    """The arrays that the kernel works on."""

    def __init__(self, body: Body, targets: Array, weight: Array, knee: str, smooth: bool, period: float) -> None:
        s = body.skeleton
        spread = np.where((body.follows >= 0) & (knee == "hinge"), 0.0, body.spread)
        pull = np.zeros(len(spread))
        pull[spread > 0.0] = (MARKER_ERROR / spread[spread > 0.0]) ** 2
        smoothing = pull * (SMOOTH_S / period if smooth else 0.0)
        pull[spread == 0.0] = -1.0
        self.smooth = smooth and bool(smoothing.any())
        self.fixed: Any = (s.parent, s.pos, s.axis, body.link, body.local, weight, body.lower, body.upper)
        self.fixed += (body.follows, body.polynomial, pull, smoothing)
        self.targets = targets
        self.q = np.zeros((len(targets), len(s.names) + 6))
        self.error = np.full(targets.shape[:2], np.nan)
        self.steps = np.zeros(len(targets), dtype=np.int32)
        self.body, self.weight = body, weight

    def run(self) -> tuple[Array, Array, NDArray[np.int32]]:
        self.q[0] = self._first()
        self._pass(0, len(self.q), 1, neighbours=False)
        if self.smooth and len(self.q) > 2:
            for sweep in range(SWEEPS):
                ends = (len(self.q) - 1, -1, -1) if sweep % 2 == 0 else (0, len(self.q), 1)
                self._pass(*ends, neighbours=True)
        return self.q, self.error, self.steps

    def _pass(self, first: int, last: int, stride: int, neighbours: bool) -> None:
        ours = self.targets, first, last, stride, neighbours, self.q, self.error, self.steps
        tracking.track(*(*self.fixed, *ours))

    def _first(self) -> Array:
        """A posture for the first frame: the best of those found from several."""
        found = []
        for bend, raised in itertools.product(np.radians(BENT), np.radians(RAISED)):
            q = np.zeros(self.q.shape[1])
            q[6] = 1.0
            for j, name in enumerate(self.body.coordinates):
                if name.startswith(("knee_angle", "hip_flexion")):
                    q[7 + j] = min(bend, self.body.upper[j])
                elif name.startswith(("arm_flex", "elbow_flex")):
                    q[7 + j] = raised
            self.q[0] = self._placed(q)
            self._pass(0, 1, 1, neighbours=False)
            found.append((float(np.nansum(self.weight * self.error[0] ** 2)), self.q[0].copy()))
        return min(found, key=lambda item: item[0])[1]

    def _placed(self, q: Array) -> Array:
        """The state with its base where the markers lie best, as one rigid body."""
        from scipy.spatial.transform import Rotation

        rotation, origin = self.body.frames(q)
        link = self.body.link
        here = origin[link] + np.einsum("mij,mj->mi", rotation[link], self.body.local)
        seen = np.isfinite(self.targets[0, :, 0]) & (self.weight > 0)
        here, there = here[seen], self.targets[0, seen]
        turn = Rotation.align_vectors(there - there.mean(axis=0), here - here.mean(axis=0))[0]
        out = q.copy()
        out[3:7] = turn.as_quat()
        out[:3] = there.mean(axis=0) + turn.apply(q[:3] - here.mean(axis=0))
        return out
