"""Our few rotations against scipy's."""

import numpy as np
from scipy.spatial.transform import Rotation

from simlab import rotations


def test_they_are_scipys(rng: np.random.Generator) -> None:
    turns = rng.uniform(-1, 1, (200, 3)) * [np.pi, np.pi / 2, np.pi]
    theirs = Rotation.from_euler("ZXY", turns)
    np.testing.assert_allclose(rotations.matrix(turns), theirs.as_matrix(), atol=1e-14)
    np.testing.assert_allclose(rotations.quaternion(turns), theirs.as_quat(canonical=True), atol=1e-14)
    np.testing.assert_allclose(rotations.angles(theirs.as_matrix()), turns, atol=1e-6)
    stretched = 3.7 * theirs.as_quat()
    np.testing.assert_allclose(rotations.matrix_of_quaternion(stretched), theirs.as_matrix(), atol=1e-14)


def test_one_is_as_many(rng: np.random.Generator) -> None:
    turns = rng.uniform(-1, 1, (5, 3))
    for function in (rotations.matrix, rotations.quaternion):
        np.testing.assert_array_equal(np.array([function(turn) for turn in turns]), function(turns))
