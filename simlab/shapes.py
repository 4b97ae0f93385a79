"""Triangles from points: flat shapes, tubes, and their colours. What draws them is in simlab.scene."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simlab.motion import Array

Faces = NDArray[np.int64]

TENDON = np.array((240, 230, 214))
ACTIVATION = np.array(((247, 214, 190), (243, 165, 131), (230, 111, 92), (196, 59, 78), (142, 23, 74), (84, 9, 60)))
"""Lightness falls with activation (CIELAB L* 88 to 16), so that the ramp reads without colour vision."""


# --- tubes ------------------------------------------------------------------------------------------------------------


def colour_of(activation: Array) -> Array:
    """Colour of an activation 0..1: RGB 0..255, shape (..., 3)."""
    steps = np.linspace(0.0, 1.0, len(ACTIVATION))
    return np.stack([np.interp(activation, steps, ACTIVATION[:, c]) for c in range(3)], axis=-1)


def curve(points: Array, samples: int) -> Array:
    """A smooth curve through points (n, k, 3) at every instant, evenly sampled, shape (n, samples, 3).

    A cubic Hermite spline is linear in its points, so one matrix serves all instants.
    """
    from scipy.interpolate import CubicHermiteSpline

    step = np.linalg.norm(np.diff(points, axis=1), axis=2).mean(0)
    knots = np.r_[0.0, np.cumsum(np.sqrt(np.maximum(step, 1e-6)))]
    basis = np.eye(len(knots))
    spline = CubicHermiteSpline(knots, basis, np.gradient(basis, knots, axis=0))
    fine = np.linspace(0.0, knots[-1], 200)
    way = np.r_[0.0, np.cumsum(np.linalg.norm(np.diff(spline(fine) @ points.mean(0), axis=0), axis=1))]
    even = np.interp(np.linspace(0.0, way[-1], samples), way, fine)
    return np.asarray(np.einsum("sk,nkj->nsj", spline(even), points))


def tubes(curves: Array, radius: Array, sides: int) -> tuple[Array, Array]:
    """Points and normals of tubes around curves (m, s, 3) with radii (m, s), both (m * s * sides, 3); no twist."""
    tangent = np.gradient(curves, axis=1)
    tangent /= np.linalg.norm(tangent, axis=2, keepdims=True) + 1e-12
    normal = np.empty_like(tangent)
    start = np.where(np.abs(tangent[:, 0, :1]) < 0.9, (1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
    for s in range(curves.shape[1]):  # carried along the curve: a fixed reference would twist the tube
        start = start - tangent[:, s] * (start * tangent[:, s]).sum(1, keepdims=True)
        start = start / np.linalg.norm(start, axis=1, keepdims=True)
        normal[:, s] = start
    angle = np.linspace(0.0, 2.0 * np.pi, sides, endpoint=False)[:, None]
    ring = normal[:, :, None] * np.cos(angle) + np.cross(tangent, normal)[:, :, None] * np.sin(angle)
    return (curves[:, :, None] + ring * radius[:, :, None, None]).reshape(-1, 3), ring.reshape(-1, 3)


def tube_faces(count: int, samples: int, sides: int) -> Faces:
    """Triangles of `count` tubes, shape (f, 3)."""
    ring, next_ring = np.arange(sides), np.roll(np.arange(sides), -1)
    quad = np.concatenate(
        [np.stack((ring, next_ring, ring + sides), 1), np.stack((next_ring, next_ring + sides, ring + sides), 1)]
    )
    band = (quad[None] + sides * np.arange(samples - 1)[:, None, None]).reshape(-1, 3)
    return (band[None] + samples * sides * np.arange(count)[:, None, None]).reshape(-1, 3)


def muscle_colours(activation: Array, samples: int) -> Array:
    """RGB 0..255 along muscles of activation (m,): the belly shows it, the tendons stay pale; (m, samples, 3)."""
    share = np.clip(4.0 * belly(samples) - 1.4, 0.0, 1.0)[None, :, None]
    return np.asarray(share * colour_of(activation)[:, None] + (1.0 - share) * TENDON)


def belly(samples: int) -> Array:
    """Radius along a muscle over its largest: thin at the tendons, shape (samples,)."""
    return np.asarray(0.2 + 0.85 * np.sin(np.pi * np.linspace(0.0, 1.0, samples)) ** 1.3)


# --- flat shapes ------------------------------------------------------------------------------------------------------

_STEPS = np.arange(32)
_QUAD = np.array(((0, 1, 2), (0, 2, 3)))
_FAN = np.column_stack((np.zeros(32, int), _STEPS + 1, _STEPS + 2))
_BOW = np.vstack([np.column_stack((_STEPS + a, _STEPS + b, _STEPS + 33)) for a, b in ((0, 1), (1, 34))])


@cache
def rgb_of(colour: str) -> tuple[int, int, int]:
    """`#rrggbb` as three numbers 0..255."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


@lru_cache(maxsize=256)
def _spokes(start: float, stop: float) -> Array:
    """33 unit vectors from angle `start` to `stop` [rad], shape (33, 2)."""
    angle = start + (stop - start) / 32.0 * np.arange(33)
    return np.column_stack((np.cos(angle), np.sin(angle)))


class Ink:
    """Flat shapes drawn on the sheet: corners (u, v) to the right and up [m], each in one colour with opacity."""

    def __init__(self, depth: float) -> None:
        self.depth = depth
        self.points: list[Array] = []
        self.faces: list[Faces] = []
        self.colours: list[Array] = []
        self.count = 0

    def add(self, corners: Array, faces: Any, colour: str, opacity: Any = 1.0) -> None:
        """Triangles (f, 3) between corners (k, 2); `opacity` is one number or one for each corner."""
        self.depth += 0.01  # later shapes lie on earlier ones; less drowns in the depth buffer
        points = np.empty((len(corners), 3))
        points[:, 0], points[:, 1], points[:, 2] = self.depth, corners[:, 1], -corners[:, 0]
        self.points.append(points)
        self.faces.append(np.asarray(faces) + self.count)
        rgba = np.empty((len(corners), 4))
        rgba[:, :3] = rgb_of(colour)
        rgba[:, 3] = opacity
        self.colours.append(rgba)
        self.count += len(corners)

    def line(self, a: Array, b: Array, width: float, colour: str, opacity: float = 1.0) -> None:
        """A straight ribbon of `width` [m] with square ends."""
        du, dv = b - a
        side = 0.5 * width / (np.hypot(du, dv) + 1e-12) * np.array((-dv, du))
        self.add(np.array((a - side, b - side, b + side, a + side)), _QUAD, colour, opacity)

    def dashes(self, a: Array, b: Array, width: float, colour: str, count: int = 5) -> None:
        """A dashed line."""
        for i in range(count):
            self.line(a + (b - a) * i / count, a + (b - a) * (i + 0.55) / count, width, colour)

    def box(self, low: Array, high: Array, colour: str, opacity: float = 1.0) -> None:
        """A filled rectangle."""
        corners = np.array(((low[0], low[1]), (high[0], low[1]), (high[0], high[1]), (low[0], high[1])))
        self.add(corners, _QUAD, colour, opacity)

    def fan(self, centre: Array, radius: Any, start: float, stop: float, colour: str, opacity: Any = 1.0) -> None:
        """A sector of an ellipse, angles [rad] from the right; `opacity`: one number, or (centre, rim)."""
        corners = np.empty((34, 2))
        corners[0], corners[1:] = centre, centre + _spokes(start, stop) * radius
        alpha = np.empty(34)
        alpha[0], alpha[1:] = opacity if isinstance(opacity, tuple) else (opacity, opacity)
        self.add(corners, _FAN, colour, alpha)

    def disc(self, centre: Array, radius: float, colour: str, opacity: Any = 1.0) -> None:
        """A filled circle."""
        self.fan(centre, radius, 0.0, 2.0 * np.pi, colour, opacity)

    def arc(self, centre: Array, radius: float, start: float, stop: float, width: float, colour: str) -> None:
        """A bow of constant `width` [m]."""
        spoke = _spokes(start, stop)
        rim = np.vstack((centre + spoke * (radius - width / 2), centre + spoke * (radius + width / 2)))
        self.add(rim, _BOW, colour)

    def triangles(self) -> tuple[Array, Faces, NDArray[np.uint8]]:
        """All shapes: points (k, 3), faces (f, 3), colours (k, 3), or (k, 4) where one of them is translucent."""
        rgba = np.vstack(self.colours) * (1.0, 1.0, 1.0, 255.0)
        colours = rgba if (rgba[:, 3] < 255.0).any() else rgba[:, :3]  # opaque shapes draw faster
        return np.vstack(self.points), np.vstack(self.faces), colours.astype(np.uint8)
