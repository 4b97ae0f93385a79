"""Tree kinematics and dynamics by homogeneous transforms and Kane's equations.

Kane and Levinson 1985, Dynamics: Theory and Applications, ch. 6; geometric Jacobians as in Featherstone 2008,
Rigid Body Dynamics Algorithms, ch. 4. Rates of Jacobians are complex-step derivatives (Squire and Trapp 1998,
doi 10.1137/S003614459631241X), so no velocity recursion is shared with the kernels.

State: q = base position, base quaternion (x y z w), hinge angles; v = base linear velocity of the link-0 origin and
base angular velocity, both in world axes, hinge rates. Link i > 0 moves column 5 + i.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

STEP = 1e-20


class Tree(NamedTuple):
    """n links; link 0 is free, every other turns about one hinge. Order as the kernels' arguments."""

    parent: NDArray[np.int32]  # (n,), -1 for link 0
    pos: NDArray[np.float64]  # (n, 3) hinge in the parent frame [m]
    axis: NDArray[np.float64]  # (n, 3) unit hinge axis in the parent frame
    mass: NDArray[np.float64]  # (n,) [kg]
    com: NDArray[np.float64]  # (n, 3) centre of mass in the link frame [m]
    inertia: NDArray[np.float64]  # (n, 3, 3) about the centre of mass, link axes [kg m2]


def hat(u: NDArray) -> NDArray:
    """The matrix of u x (.), shape (3, 3)."""
    return np.array([[0, -u[2], u[1]], [u[2], 0, -u[0]], [-u[1], u[0], 0]])


def hinge_rotation(axis: NDArray, angle: complex) -> NDArray:
    """Rodrigues' formula, shape (3, 3)."""
    return np.eye(3) + np.sin(angle) * hat(axis) + (1 - np.cos(angle)) * hat(axis) @ hat(axis)


def quaternion_rotation(xyzw: NDArray) -> NDArray:
    """Rotation matrix of a quaternion of any norm, shape (3, 3)."""
    k = hat(xyzw[:3])
    return np.eye(3) + 2 * (xyzw[3] * k + k @ k) / np.sum(xyzw**2)


def rigid(rotation: NDArray, translation: NDArray) -> NDArray:
    """Homogeneous transform, shape (4, 4)."""
    return np.block([[rotation, translation.reshape(3, 1)], [np.zeros((1, 3)), np.ones((1, 1))]])


def transforms(tree: Tree, q: NDArray) -> list[NDArray]:
    """World transform of every link, each of shape (4, 4)."""
    world = [rigid(quaternion_rotation(q[3:7]), q[:3])]
    for i in range(1, len(tree.parent)):
        world.append(world[tree.parent[i]] @ rigid(hinge_rotation(tree.axis[i], q[6 + i]), tree.pos[i]))
    return world


def rate(q: NDArray, v: NDArray) -> NDArray:
    """dq/dt, shape (n + 6,)."""
    u, s, w = q[3:6], q[6], v[3:6]
    return np.concatenate([v[:3], 0.5 * (s * w + np.cross(w, u)), [-0.5 * w @ u], v[6:]])


def twist_jacobian(tree: Tree, world: list[NDArray], link: int, x: NDArray) -> NDArray:
    """Velocity of the point of `link` now at x (rows 0..2) and angular velocity (rows 3..5), shape (6, n + 5)."""
    J = np.zeros((6, len(tree.parent) + 5), dtype=x.dtype)
    J[:3, :3] = np.eye(3)
    J[:3, 3:6] = -hat(x - world[0][:3, 3])
    J[3:, 3:6] = np.eye(3)
    while link > 0:
        z = world[link][:3, :3] @ tree.axis[link]
        J[:3, 5 + link] = np.cross(z, x - world[link][:3, 3])
        J[3:, 5 + link] = z
        link = tree.parent[link]
    return J


def twists(
    tree: Tree, q: NDArray, v: NDArray, links: NDArray, local: NDArray
) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """Points fixed in links: world positions (k, 3), link rotations (k, 3, 3), J (k, 6, n + 5), dJ/dt (same)."""
    world = transforms(tree, q + 1j * STEP * rate(q, v))
    x = np.array([(world[i] @ [*r, 1.0])[:3] for i, r in zip(links, local, strict=True)])
    J = np.array([twist_jacobian(tree, world, i, xi) for i, xi in zip(links, x, strict=True)])
    return x.real, np.array([world[i][:3, :3].real for i in links]), J.real, J.imag / STEP


def forward(tree: Tree, q: NDArray) -> tuple[NDArray, NDArray]:
    """World rotations (n, 3, 3) and origins (n, 3) of the links."""
    world = np.array(transforms(tree, q))
    return world[:, :3, :3], world[:, :3, 3]


def mass_bias(tree: Tree, q: NDArray, v: NDArray, gravity: NDArray) -> tuple[NDArray, NDArray]:
    """M (n + 5, n + 5) and h (n + 5,) of M dv/dt + h = tau: Kane's generalised inertia forces, summed over links."""
    M, h = np.zeros((len(v), len(v))), np.zeros(len(v))
    _, R, J, Jdot = twists(tree, q, v, np.arange(len(tree.parent)), tree.com)
    for i, m in enumerate(tree.mass):
        linear, angular = J[i, :3], J[i, 3:]
        I_world = R[i] @ tree.inertia[i] @ R[i].T
        w = angular @ v
        M += m * linear.T @ linear + angular.T @ I_world @ angular
        h += m * linear.T @ (Jdot[i, :3] @ v - gravity)
        h += angular.T @ (I_world @ Jdot[i, 3:] @ v + np.cross(w, I_world @ w))
    return M, h


def point_jacobian(
    tree: Tree, q: NDArray, v: NDArray, links: NDArray, local: NDArray
) -> tuple[NDArray, NDArray, NDArray]:
    """Positions (k, 3), Jacobians (k, 3, n + 5) and dJ/dt v (k, 3) of points fixed in links."""
    x, _, J, Jdot = twists(tree, q, v, links, local)
    return x, J[:, :3], Jdot[:, :3] @ v


def com_jacobian(tree: Tree, q: NDArray, v: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """Position (3,), Jacobian (3, n + 5) and dJ/dt v (3,) of the centre of mass of the whole tree."""
    share = tree.mass / tree.mass.sum()
    x, J, jdv = point_jacobian(tree, q, v, np.arange(len(tree.parent)), tree.com)
    return share @ x, np.tensordot(share, J, 1), share @ jdv
