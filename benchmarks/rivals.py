"""The same body in Pinocchio and in MuJoCo. `mass_bias` is what is timed; `answer` puts it into our coordinates.

Ours: base velocities in world axes. Pinocchio has both in the axes of link 0; MuJoCo the angular one only.
"""

from __future__ import annotations

import mujoco
import numpy as np
import pinocchio as pin
from reference.kinematics import Tree, quaternion_rotation

Array = np.ndarray


class Pinocchio:
    """Carpentier et al. 2019, doi 10.1109/SII.2019.8700380."""

    name = "Pinocchio"

    def __init__(self, tree: Tree, gravity: Array) -> None:
        self.model = pin.Model()
        for i, parent in enumerate(tree.parent):
            joint = pin.JointModelRevoluteUnaligned(tree.axis[i]) if i else pin.JointModelFreeFlyer()
            placement = pin.SE3(np.eye(3), tree.pos[i] if i else np.zeros(3))
            index = self.model.addJoint(int(parent) + 1, joint, placement, f"link_{i}")
            body = pin.Inertia(tree.mass[i], tree.com[i], tree.inertia[i])
            self.model.appendBodyToJoint(index, body, pin.SE3.Identity())
        self.model.gravity.linear = gravity
        self.data = self.model.createData()

    def set(self, q: Array, v: Array) -> None:
        """Take the state over."""
        rotation = quaternion_rotation(q[3:7])
        self.base = np.eye(len(v))
        self.base[:3, :3] = self.base[3:6, 3:6] = rotation.T
        self.q, self.v, self.drift = q.copy(), self.base @ v, np.zeros(len(v))
        self.drift[:3] = -rotation.T @ np.cross(v[3:6], v[:3])

    def mass_bias(self) -> tuple[Array, Array]:
        """Composite rigid bodies, then recursive Newton-Euler."""
        return pin.crba(self.model, self.data, self.q), pin.rnea(self.model, self.data, self.q, self.v, self.drift)

    def answer(self) -> tuple[Array, Array]:
        """M (27, 27) and h (27,)."""
        M, h = self.mass_bias()
        M = np.triu(M) + np.triu(M, 1).T
        return self.base.T @ M @ self.base, self.base.T @ h


class MuJoCo:
    """Todorov et al. 2012, doi 10.1109/IROS.2012.6386109."""

    name = "MuJoCo"

    def __init__(self, tree: Tree, gravity: Array) -> None:
        spec = mujoco.MjSpec()
        spec.option.gravity = gravity
        spec.compiler.balanceinertia = False
        bodies = []
        for i, parent in enumerate(tree.parent):
            above = bodies[parent] if i else spec.worldbody
            inertia = tree.inertia[i]
            body = above.add_body(
                name=f"link_{i}",
                pos=tree.pos[i] if i else np.zeros(3),
                mass=tree.mass[i],
                ipos=tree.com[i],
                fullinertia=[*np.diag(inertia), inertia[0, 1], inertia[0, 2], inertia[1, 2]],
                explicitinertial=True,
            )
            if i:
                body.add_joint(type=mujoco.mjtJoint.mjJNT_HINGE, axis=tree.axis[i])
            else:
                body.add_freejoint()
            bodies.append(body)
        self.model = spec.compile()
        self.data = mujoco.MjData(self.model)
        self.h = np.zeros(self.model.nv)

    def set(self, q: Array, v: Array) -> None:
        """Take the state over."""
        self.base = np.eye(len(v))
        self.base[3:6, 3:6] = quaternion_rotation(q[3:7]).T
        self.data.qpos[:] = [*q[:3], q[6], *q[3:6], *q[7:]]
        self.data.qvel[:] = self.base @ v

    def mass_bias(self) -> None:
        """Frames and composite inertias, then recursive Newton-Euler without accelerations."""
        mujoco.mj_kinematics(self.model, self.data)
        mujoco.mj_comPos(self.model, self.data)
        mujoco.mj_crb(self.model, self.data)
        mujoco.mj_comVel(self.model, self.data)
        mujoco.mj_rne(self.model, self.data, 0, self.h)

    def answer(self) -> tuple[Array, Array]:
        """M (27, 27) and h (27,)."""
        mujoco.mj_forward(self.model, self.data)  # whatever version: it also makes M
        M = np.zeros((self.model.nv, self.model.nv))
        units = np.eye(self.model.nv)
        for k, unit in enumerate(units):
            mujoco.mj_mulM(self.model, self.data, M[k], unit)
        self.mass_bias()
        return self.base.T @ M @ self.base, self.base.T @ self.h
