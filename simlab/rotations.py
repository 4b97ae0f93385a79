"""Rotations in the order of the pelvis and the lumbar joint: about Z, then X, then Y of the turned body (intrinsic).

scipy.spatial.transform has them too; its import takes longer than a squat. Arrays may have leading dimensions.
"""

from __future__ import annotations

import numpy as np

from simlab.motion import Array


def about(axis: Array, angle: float) -> Array:
    """Rotation matrix (3, 3) by an angle [rad] about a unit axis (3,) (Rodrigues)."""
    K = np.cross(axis, np.eye(3)).T  # K x = axis x x
    return np.asarray(np.eye(3) + np.sin(angle) * K + (1 - np.cos(angle)) * K @ K)


def matrix(angles: Array) -> Array:
    """Rotation matrices (..., 3, 3) of the angles about Z, X, Y [rad] (..., 3)."""
    (cz, cx, cy), (sz, sx, sy) = np.moveaxis(np.cos(angles), -1, 0), np.moveaxis(np.sin(angles), -1, 0)
    rows = (
        (cz * cy - sz * sx * sy, -sz * cx, cz * sy + sz * sx * cy),
        (sz * cy + cz * sx * sy, cz * cx, sz * sy - cz * sx * cy),
        (-cx * sy, sx, cx * cy),
    )
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def quaternion(angles: Array) -> Array:
    """Unit quaternions x y z w (..., 4), w not negative, of the angles about Z, X, Y [rad] (..., 3)."""
    (cz, cx, cy), (sz, sx, sy) = np.moveaxis(np.cos(angles / 2), -1, 0), np.moveaxis(np.sin(angles / 2), -1, 0)
    found = np.stack(
        [
            cz * sx * cy - sz * cx * sy,
            sz * sx * cy + cz * cx * sy,
            sz * cx * cy + cz * sx * sy,
            cz * cx * cy - sz * sx * sy,
        ],
        axis=-1,
    )
    return found * np.where(found[..., 3:] < 0, -1.0, 1.0)


def matrix_of_quaternion(xyzw: Array) -> Array:
    """Rotation matrices (..., 3, 3) of quaternions x y z w (..., 4), of any length."""
    x, y, z, w = np.moveaxis(xyzw / np.linalg.norm(xyzw, axis=-1, keepdims=True), -1, 0)
    rows = (
        (1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)),
        (2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)),
        (2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)),
    )
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def angles(rotation: Array) -> Array:
    """Angles about Z, X, Y [rad] (..., 3) of rotation matrices (..., 3, 3); X in -pi/2..pi/2."""
    R = rotation
    return np.stack(
        [
            np.arctan2(-R[..., 0, 1], R[..., 1, 1]),
            np.arcsin(np.clip(R[..., 2, 1], -1.0, 1.0)),
            np.arctan2(-R[..., 2, 0], R[..., 2, 2]),
        ],
        axis=-1,
    )
