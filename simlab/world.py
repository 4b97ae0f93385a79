"""The world: the model as a pybullet multibody on flat ground. The only module that knows pybullet."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simlab.model import GRAVITY, Model
from simlab.motion import Array

FRICTION = 0.9
SOLVER_ITERATIONS = 1000
"""At most; most steps need few. A heel about to lift needs many: with 100 the effect of tight adductors came out
half as large again, and unequal on equal legs; with 1000 it is within 0.1 deg of that with a quarter of the step."""
ERP = 0.2
"""Error reduction of contacts; 0.05 to 0.8 changes the projection angle by at most 0.02 deg."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """What Bullet calls the parts of a world: body and ground; hinges, angles (21,): where a hinge's torque and angle
    are in its arrays; feet (links,): 0 right, 1 left, by link."""

    body: int
    ground: int
    hinges: NDArray[np.int32]
    angles: NDArray[np.int32]
    feet: NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class State:
    """q (28,): base position [m], base quaternion x y z w, hinge angles [rad]; v (27,): base linear velocity [m/s] and
    angular velocity [rad/s] in world axes, hinge rates [rad/s]."""

    q: Array
    v: Array


class World:
    """A model on the ground in a physics server of its own; close it, or use it as a context manager.

    dt: physics step [s]. Contact is Bullet's rigid default: softer contact gives another knee.
    """

    def __init__(self, model: Model, dt: float = 1e-3, friction: float = FRICTION) -> None:
        with _quiet():
            import pybullet
            from pybullet_utils.bullet_client import BulletClient

            self._p = p = BulletClient(pybullet.DIRECT)
        self.model = model
        self.dt = dt
        p.setGravity(0, -GRAVITY, 0)
        p.setPhysicsEngineParameter(
            fixedTimeStep=dt,
            numSubSteps=0,
            numSolverIterations=SOLVER_ITERATIONS,
            erp=ERP,
            contactERP=ERP,
            frictionERP=ERP,
            enableConeFriction=1,
            solverResidualThreshold=1e-9,
            allowedCcdPenetration=0.0,
            deterministicOverlappingPairs=1,
        )
        slab = p.createCollisionShape(p.GEOM_BOX, halfExtents=[3, 0.5, 3])
        self._ground = p.createMultiBody(0, slab, basePosition=[0, -0.5, 0])
        p.changeDynamics(self._ground, -1, lateralFriction=friction, restitution=0)
        self._body = self._load()
        joints = [p.getJointInfo(self._body, j) for j in range(p.getNumJoints(self._body))]
        links = {joint[12].decode(): j for j, joint in enumerate(joints)}
        names = model.skeleton.names
        self._joints = [links[name] for name in names[1:]]
        self._foot = {j: 0 if name.endswith("_r") else 1 for name, j in links.items() if name[-2:] in ("_r", "_l")}
        self.numbers = Numbers(
            body=self._body,
            ground=self._ground,
            hinges=np.array([joints[j][4] for j in self._joints], dtype=np.int32),
            angles=np.array([joints[j][3] for j in self._joints], dtype=np.int32),
            feet=np.array([self._foot.get(j, 0) for j in range(len(joints))], dtype=np.int32),
        )
        # The default velocity motors would hold every joint with a force of their own.
        p.setJointMotorControlArray(self._body, self._joints, p.VELOCITY_CONTROL, forces=[0.0] * len(self._joints))

    def _load(self) -> int:
        p = self._p
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.urdf"
            path.write_text(urdf(self.model), encoding="utf-8")
            # Without the flag Bullet invents inertias from the collision shapes: wrong by a factor of 100.
            body = p.loadURDF(str(path), flags=p.URDF_USE_INERTIA_FROM_FILE)
        for j in range(-1, p.getNumJoints(body)):
            p.changeDynamics(
                body,
                j,
                linearDamping=0,
                angularDamping=0,
                jointDamping=0,
                spinningFriction=0,
                rollingFriction=0,
                restitution=0,
                maxJointVelocity=1e4,
                activationState=p.ACTIVATION_STATE_DISABLE_SLEEPING,
            )
            # In the call above pybullet would drop it for every link. Bullet multiplies the two bodies' coefficients:
            # the ground has the one that counts.
            p.changeDynamics(body, j, lateralFriction=1.0)
        return body

    def reset(self, q: Array, v: Array | None = None) -> None:
        """Put the model at the state q (28,), v (27,), default at rest."""
        v = np.zeros(27) if v is None else v
        p = self._p
        p.resetBasePositionAndOrientation(self._body, list(q[:3]), list(q[3:7]))
        p.resetBaseVelocity(self._body, list(v[:3]), list(v[3:6]))
        for joint, angle, rate in zip(self._joints, q[7:], v[6:], strict=True):
            p.resetJointState(self._body, joint, angle, rate)

    def state(self) -> State:
        """Where the model is and how fast it moves."""
        p = self._p
        position, quaternion = p.getBasePositionAndOrientation(self._body)
        linear, angular = p.getBaseVelocity(self._body)
        joints = p.getJointStates(self._body, self._joints)
        q = np.array([*position, *quaternion, *(j[0] for j in joints)])
        v = np.array([*linear, *angular, *(j[1] for j in joints)])
        return State(q, v)

    def step(self, torque: Array) -> None:
        """Advance by dt under the hinge torques (21,) [Nm].

        Joint torques are the only actuation: Bullet's external torques have had inverted frames (bullet3 issue 1949).
        """
        p = self._p
        p.setJointMotorControlArray(self._body, self._joints, p.TORQUE_CONTROL, forces=torque)
        p.stepSimulation()

    def ground_reaction(self) -> Array:
        """Force of the ground on the right and the left foot in the last step [N], shape (2, 3)."""
        force = np.zeros((2, 3))
        for c in self._p.getContactPoints(self._body, self._ground):
            force[self._foot[c[3]]] += np.multiply(c[9], c[7]) + np.multiply(c[10], c[11]) + np.multiply(c[12], c[13])
        return force

    def plug(self, library: str) -> str:
        """Load the Bullet plugin `simlab` from a shared library. Returns the path of pybullet's own library, or nothing
        where the plugin is refused."""
        with _quiet():
            import pybullet

            return str(pybullet.__file__) if self._p.loadPlugin(library, "_simlab") >= 0 else ""

    def close(self) -> None:
        """Free the physics server."""
        self._p.disconnect()

    def __enter__(self) -> World:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def urdf(model: Model) -> str:
    """The model as a URDF. Hinges are `continuous`: limits are tissue, not walls. Link 0's frame is its mass centre,
    so pybullet's base pose, which is that of the inertial frame, is the frame of our algebra."""
    s = model.skeleton
    out = ['<robot name="simlab">']
    for i, name in enumerate(s.names):
        moments, turn = _principal(s.inertia[i])
        if i == 0 and not np.array_equal(turn, np.eye(3)):
            raise ValueError("the inertia of the base link must be diagonal in its own axes")
        out.append(
            f'<link name="{name}"><inertial><origin xyz="{_text(s.com[i])}" rpy="{_text(_rpy(turn))}"/>'
            f'<mass value="{s.mass[i]:.17g}"/><inertia ixx="{moments[0]:.17g}" iyy="{moments[1]:.17g}"'
            f' izz="{moments[2]:.17g}" ixy="0" ixz="0" iyz="0"/></inertial>'
        )
        for k in np.flatnonzero(model.spheres.link == i):
            out.append(
                f'<collision><origin xyz="{_text(model.spheres.centre[k])}"/>'
                f'<geometry><sphere radius="{model.spheres.radius[k]:.17g}"/></geometry></collision>'
            )
        out.append("</link>")
    for i in range(1, len(s.names)):
        out.append(
            f'<joint name="to_{s.names[i]}" type="continuous"><parent link="{s.names[s.parent[i]]}"/>'
            f'<child link="{s.names[i]}"/><origin xyz="{_text(s.pos[i])}"/><axis xyz="{_text(s.axis[i])}"/></joint>'
        )
    return "\n".join([*out, "</robot>"])


def _principal(inertia: Array) -> tuple[Array, Array]:
    """Principal moments and axes. A diagonal tensor keeps its own axes: the base's would otherwise turn its pose."""
    if np.count_nonzero(inertia - np.diag(np.diag(inertia))) == 0:
        return np.diag(inertia), np.eye(3)
    moments, axes = np.linalg.eigh(inertia)
    return moments, axes * np.linalg.det(axes)


def _text(values: Array) -> str:
    return " ".join(f"{x:.17g}" for x in values)


def _rpy(matrix: Array) -> Array:
    from scipy.spatial.transform import Rotation

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # gimbal lock: one of many equal answers is all we need
        return Rotation.from_matrix(matrix).as_euler("xyz")


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence C-level printing for as long as it lasts: pybullet greets on import and on connecting, and standard
    output belongs to --json."""
    flush = ctypes.CDLL(None).fflush
    sys.stdout.flush()
    flush(None)
    saved = os.dup(1), os.dup(2)
    sink = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(sink, 1)
        os.dup2(sink, 2)
        yield
    finally:
        flush(None)
        os.dup2(saved[0], 1)
        os.dup2(saved[1], 2)
        for descriptor in (*saved, sink):
            os.close(descriptor)
