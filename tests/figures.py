"""Stick figures with known angles, and where what others measured is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from simlab.motion import Array, Landmarks

SHARED = Path(__file__).resolve().parents[2] / "shared"
"""Recordings, models and figures of others: beside the checkout where there are any, never in it."""
RECORDINGS = SHARED / "recordings"


def needs(path: Path) -> pytest.MarkDecorator:
    """Skips a test where what others measured is not at hand."""
    return pytest.mark.skipif(not path.exists(), reason=f"{path}: not ours to ship, and not here")


needs_recordings = needs(RECORDINGS)
OPENCAP = RECORDINGS / "opencap_subject4"
SQUAT2 = RECORDINGS / "squat2"

THIGH, SHANK, WIDTH = 0.42, 0.40, 0.10


def figure(
    time: Array, flexion: Array, thigh_out: Array | float = 0.0, shank_out: Array | float = 0.0, toe_out: float = 0.2
) -> Landmarks:
    """Two legs that stand on fixed ankles, facing +X.

    flexion [rad], shape (n, 2), is shared by thigh and shank, both in planes parallel to X-Y; then the thigh and the
    shank are turned outward in the frontal plane by `thigh_out` and `shank_out` [rad], each (n, 2) or a number, by
    shifting their upper ends sideways by tan(angle) times their height: the projected angles are exact.
    """
    n = len(time)
    side = np.array([1.0, -1.0])
    half = np.asarray(flexion) / 2
    ankle = np.tile([0.0, 0.08, 0.0], (n, 2, 1))
    ankle[:, :, 2] = side * WIDTH
    knee, hip = ankle.copy(), ankle.copy()
    shank, thigh = (knee, ankle, SHANK, half, shank_out), (hip, knee, THIGH, -half, thigh_out)
    for upper, lower, length, lean, out in (shank, thigh):
        upper[:] = lower
        upper[..., 0] += length * np.sin(lean)
        upper[..., 1] += length * np.cos(lean)
        upper[..., 2] += side * length * np.cos(lean) * np.tan(out)
    heel = ankle - np.array([0.05, 0.05, 0.0])
    toe = heel + 0.2 * np.stack([np.cos(toe_out) * np.ones(2), np.zeros(2), np.sin(toe_out) * side], axis=1)
    asis = hip + np.array([0.05, 0.08, 0.0])
    asis[..., 1] = asis[..., 1].mean(axis=1, keepdims=True)
    asis[..., 2] = 0.12 * side
    points = {"hip": hip, "knee": knee, "ankle": ankle, "heel": heel, "toe": toe, "asis": asis}
    return Landmarks(time=time, definition="stick figure", source="test", **points)


def turned(landmarks: Landmarks, angle: float, shift: tuple[float, float] = (0.0, 0.0)) -> Landmarks:
    """The same motion in a laboratory turned about the vertical [rad] and moved on the floor [m]."""
    c, s = np.cos(angle), np.sin(angle)
    rotation = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
    return _mapped(landmarks, lambda p: p @ rotation.T + [shift[0], 0.0, shift[1]])


def mirrored(landmarks: Landmarks) -> Landmarks:
    """The mirror image: left becomes right."""
    return _mapped(landmarks, lambda p: p[:, ::-1] * [1.0, 1.0, -1.0])


def _mapped(landmarks: Landmarks, change) -> Landmarks:
    names = ("hip", "knee", "ankle", "heel", "toe", "asis")
    return replace(landmarks, **{name: change(getattr(landmarks, name)) for name in names})


def squat_angle(time: Array, repetitions: int, depth: float, standing: float = 0.1) -> Array:
    """Knee flexion of smooth squats [rad], shape (n, 2): a standing second before, after and between."""
    phase = (time - 1.0) % 3.0
    inside = (time >= 1.0) & (time < 1.0 + 3.0 * repetitions) & (phase < 2.0)
    bend = np.where(inside, np.sin(np.pi * np.clip(phase, 0, 2) / 2) ** 2, 0.0)
    return np.repeat((standing + (depth - standing) * bend)[:, None], 2, axis=1)
