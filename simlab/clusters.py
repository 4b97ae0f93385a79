"""Rigid clusters of markers: where a segment is, from the markers on it."""

from __future__ import annotations

import numpy as np

from simlab.motion import Array


def fit(reference: Array, moving: Array) -> tuple[Array, Array, Array]:
    """The rigid motions of a cluster: rotation, shape (n, 3, 3), the middles (n, 3) there and here of what was seen.

    A point p of the reference is at there + rotation (p - here). reference: markers at one instant [m], shape (k, 3);
    moving: shape (n, k, 3), NaN for a gap. Meaningless where fewer than 3 markers are seen.
    Least-squares rigid fit (Kabsch 1976, doi 10.1107/S0567739476001873; proper rotations: Umeyama 1991,
    doi 10.1109/34.88573).
    """
    seen = np.isfinite(moving.sum(axis=2))
    weight = seen / np.maximum(seen.sum(axis=1), 1)[:, None]
    there = np.where(seen[:, :, None], moving, 0.0)
    here = weight @ reference
    middle = np.einsum("nk,nki->ni", weight, there)
    covariance = np.einsum("nk,nki,nkj->nij", weight, there - middle[:, None], reference - here[:, None])
    left, _, right = np.linalg.svd(covariance)
    left[:, :, 2] *= np.linalg.det(left @ right)[:, None]  # never a reflection
    return left @ right, middle, here


def carry(reference: Array, moving: Array, point: Array) -> Array:
    """A point fixed to a rigid cluster, at every instant [m], shape (n, 3); NaN where fewer than 3 markers are seen.

    reference: markers and `point` at one instant, shapes (k, 3) and (3,); moving: shape (n, k, 3), NaN for a gap.
    """
    rotation, middle, here = fit(reference, moving)
    moved = middle + np.einsum("nij,nj->ni", rotation, point - here)
    return np.where((np.isfinite(moving.sum(axis=2)).sum(axis=1) >= 3)[:, None], moved, np.nan)


def spread(reference: Array) -> float:
    """How far a cluster is from a line [m]: its second singular value, as a root mean square distance."""
    values = np.linalg.svd(reference - reference.mean(axis=0), compute_uv=False)
    return float(values[1] / len(reference) ** 0.5)
