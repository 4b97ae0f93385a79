"""Shared fixtures: random multibody trees with the topology of the body model."""

import os

import numpy as np
import pytest
from reference.kinematics import Tree

os.environ["SIMLAB_CACHE"] = ""  # tests learn anew

PARENT = np.array([-1, 0, 1, 2, 0, *range(4, 12), 0, *range(13, 21)], dtype=np.int32)
RIGHT, LEFT = slice(4, 13), slice(13, 22)
MASSLESS = (1, 2, 4, 5, 7, 8)  # lumbar, right hip and right knee intermediates; the left ones follow by symmetry
MIRROR = np.diag([1.0, 1.0, -1.0])


def random_inertia(rng: np.random.Generator, size: float) -> np.ndarray:
    """A physically possible inertia: that of a cloud of points within `size` [m], per kilogram."""
    points = rng.uniform(-size, size, (8, 3))
    return np.mean([np.eye(3) * (r @ r) - np.outer(r, r) for r in points], axis=0)


def random_tree(rng: np.random.Generator) -> Tree:
    """22 links: pelvis, three lumbar hinges, nine hinges a leg; random geometry, masses and inertias."""
    n = len(PARENT)
    axis = rng.normal(size=(n, 3))
    axis /= np.linalg.norm(axis, axis=1, keepdims=True)
    mass = rng.uniform(0.5, 10.0, n)
    inertia = np.array([m * random_inertia(rng, 0.2) for m in mass])
    for i in (*MASSLESS, *(i + 9 for i in MASSLESS if i >= 4)):
        mass[i], inertia[i] = 1e-6, 1e-6 * np.eye(3)
    return Tree(PARENT, rng.uniform(-0.4, 0.4, (n, 3)), axis, mass, rng.uniform(-0.2, 0.2, (n, 3)), inertia)


def symmetrised(tree: Tree) -> Tree:
    """The same trunk and right leg made symmetric: the left leg is the mirror (z -> -z) of the right one."""
    pos, axis, mass, com, inertia = (a.copy() for a in tree[1:])
    axis[1:4] = np.eye(3)[[2, 0, 1]]
    for a in (pos, com):
        a[:4, 2] = 0
        a[LEFT] = a[RIGHT] @ MIRROR
    axis[LEFT] = -axis[RIGHT] @ MIRROR
    mass[LEFT] = mass[RIGHT]
    inertia[:4] = (inertia[:4] + MIRROR @ inertia[:4] @ MIRROR) / 2
    inertia[LEFT] = MIRROR @ inertia[RIGHT] @ MIRROR
    return Tree(tree.parent, pos, axis, mass, com, inertia)


@pytest.fixture
def rng() -> np.random.Generator:
    """A seeded generator, new for each test."""
    return np.random.default_rng(2024)


@pytest.fixture
def tree(rng: np.random.Generator) -> Tree:
    """A random tree without any symmetry."""
    return random_tree(rng)


@pytest.fixture
def symmetric_tree(rng: np.random.Generator) -> Tree:
    """A random tree, symmetric about the sagittal plane."""
    return symmetrised(random_tree(rng))
