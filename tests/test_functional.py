"""Functional joints: known centres and axes, with noise, and motions that do not tell."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from simlab import functional
from simlab.errors import RecordingError

N = 300
TIME = np.linspace(0, 1, N)


def unit(vector):
    return np.asarray(vector) / np.linalg.norm(vector)


def two_segments(rng, relative: np.ndarray, noise: float = 0.0):
    """Markers of a segment that wanders through the room and of one that turns against it about a point of both.

    relative: rotations (n, 3, 3). Returns both sets of markers (n, 4, 3) and the joint (n, 3)."""
    wander = Rotation.from_rotvec(0.5 * np.sin(TIME[:, None] * rng.uniform(2, 6, 3)) + rng.normal(size=3)).as_matrix()
    place = 0.3 * np.cos(TIME[:, None] * rng.uniform(1, 5, 3)) + rng.normal(size=3)
    offset = rng.normal(0, 0.15, 3)
    joint = place + wander @ offset
    corners = 0.1 * np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
    shapes = [corners + rng.normal(0, 0.02, (4, 3)) for _ in range(2)]
    near = place[:, None] + shapes[0] @ wander.transpose(0, 2, 1)
    far = joint[:, None] + (shapes[1] + rng.normal(0, 0.2, 3)) @ (wander @ relative).transpose(0, 2, 1)
    shake = [rng.normal(0, noise, points.shape) if noise else 0.0 for points in (near, far)]
    return near + shake[0], far + shake[1], joint, wander


def swing(rng, degrees: float) -> np.ndarray:
    """A ball joint that goes `degrees` to and fro about two axes, one after the other, and a little about the third."""
    a, b, c = Rotation.random(random_state=rng).as_matrix().T
    angle = np.radians(degrees) / 2
    vectors = angle * (np.sin(8 * np.pi * TIME)[:, None] * a + np.sin(6 * np.pi * TIME)[:, None] * b) + 0.05 * c
    return Rotation.from_rotvec(vectors).as_matrix()


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), degrees=st.floats(25, 90))
def test_the_centre_of_a_ball_joint(seed, degrees):
    near, far, joint, _ = two_segments(np.random.default_rng(seed), swing(np.random.default_rng(seed), degrees))
    proximal, distal = functional.segment(near, "pelvis"), functional.segment(far, "thigh")
    found = functional.ball(proximal, distal)
    np.testing.assert_allclose(proximal.place(found.centre), joint, atol=1e-8)
    np.testing.assert_allclose(distal.place(found.distal_centre), joint, atol=1e-8)
    assert found.residual < 1e-9
    # The main axes of two swings of one size lie anywhere between them: up to the square root of two more.
    assert 0.85 * degrees < np.degrees(found.ranges[1]) < 1.45 * degrees


def test_noise_of_skin_markers_moves_the_centre_by_millimetres_and_shows_in_the_residual():
    errors, residuals = [], []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        near, far, joint, _ = two_segments(rng, swing(rng, 45), noise=0.002)
        proximal = functional.segment(near, "pelvis")
        found = functional.ball(proximal, functional.segment(far, "thigh"))
        errors.append(np.linalg.norm(proximal.place(found.centre) - joint, axis=1).mean())
        residuals.append(found.residual)
    assert np.median(errors) < 0.006
    assert 0.001 < np.median(residuals) < 0.015


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), degrees=st.floats(35, 120))
def test_the_axis_of_a_hinge(seed, degrees):
    rng = np.random.default_rng(seed)
    axis = unit(rng.normal(size=3))
    bend = Rotation.from_rotvec(np.radians(degrees) * np.sin(np.pi * TIME)[:, None] ** 2 * axis).as_matrix()
    near, far, joint, wander = two_segments(rng, bend)
    proximal, distal = functional.segment(near, "thigh"), functional.segment(far, "shank")
    found = functional.hinge(proximal, distal)
    in_room = proximal.rotation @ found.axis
    assert np.abs(np.einsum("ni,ni->n", in_room, wander @ axis)).min() > 1 - 1e-8
    away = joint - proximal.place(found.centre)
    np.testing.assert_allclose(np.cross(away, in_room), 0, atol=1e-7)
    assert found.residual < 1e-9


def test_too_little_motion_is_an_error_that_says_how_much():
    rng = np.random.default_rng(3)
    flat = Rotation.from_rotvec(np.radians(100) * np.sin(np.pi * TIME)[:, None] * [0.0, 0.0, 1.0]).as_matrix()
    near, far, *_ = two_segments(rng, flat, noise=0.001)
    pelvis, thigh = functional.segment(near, "pelvis"), functional.segment(far, "thigh")
    message = (
        r"a\.trc: expected the thigh to turn at least 20 deg about each of two axes of the pelvis .* found 100 and \d"
    )
    with pytest.raises(RecordingError, match=message):
        functional.ball(pelvis, thigh, "a.trc")
    assert functional.hinge(pelvis, thigh).ranges[0] == pytest.approx(np.radians(100), rel=0.03)
    near, far, *_ = two_segments(rng, swing(rng, 15))
    with pytest.raises(RecordingError, match=r"at least 30 deg against the thigh for a functional axis, found 1\d deg"):
        functional.hinge(functional.segment(near, "thigh"), functional.segment(far, "shank"))


def test_gaps_and_poor_clusters():
    rng = np.random.default_rng(4)
    near, far, joint, _ = two_segments(rng, swing(rng, 60))
    near[:, 0][:150] = np.nan  # three of four markers are enough
    near[200:210, :2] = np.nan  # two are not
    proximal = functional.segment(near, "pelvis")
    found = functional.ball(proximal, functional.segment(far, "thigh"))
    seen = np.isfinite(proximal.origin[:, 0])
    assert seen.sum() == N - 10
    np.testing.assert_allclose(proximal.place(found.centre)[seen], joint[seen], atol=1e-8)
    for points, message in (
        (near[:, :2], "expected at least 3 markers of the pelvis, found 2"),
        (np.full((N, 3, 3), np.nan), "seen together in a frame, found none"),
        (near[:, 1, None] + np.linspace(0, 0.1, 3)[:, None], "not on a line, found 0 mm"),
    ):
        with pytest.raises(RecordingError, match=message):
            functional.segment(points, "pelvis")
