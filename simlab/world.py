"""The world: the model as a pybullet multibody. The only module that knows pybullet.

Its contact with the ground is computed in ext/_contact.pxd and applied as forces on the feet. Bullet's own contact, the
same law solved by iteration, is there to compare with (`ground=True`).
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import math
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from simlab.model import GRAVITY, Model
from simlab.motion import Array

FRICTION = 0.9
SOLVER_ITERATIONS = 1000
"""At most; most steps need few. A heel about to lift needs many: with 100 the effect of tight adductors came out
half as large again, and unequal on equal legs; with 1000 it is within 0.1 deg of that with a quarter of the step."""
TOO_LARGE = 1e7
"""Edge [m] of a box that Bullet's broadphase gives up on. Bullet makes a shape for every link, and moves and sorts
even empty ones in every step, which takes a third of it. (It also forgets the joint motors then, which are off.)"""
ERP = 0.2
"""Error reduction of contacts; 0.05 to 0.8 changes the projection angle by at most 0.02 deg."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """What Bullet calls the parts of a world: body; hinges, angles (21,): where a hinge's torque and angle are in its
    arrays; links (22,): its number of each link of the model."""

    body: int
    hinges: NDArray[np.int32]
    angles: NDArray[np.int32]
    links: NDArray[np.int32]


class _Server:
    """A physics server; client: the address of the plugin's client, None before it is asked for."""

    def __init__(self) -> None:
        with _quiet():
            import pybullet
            from pybullet_utils.bullet_client import BulletClient

            self.p = BulletClient(pybullet.DIRECT)
        self.client: int | None = None


_free: list[_Server] = []
"""Servers that no world uses: making one takes longer than a hundred steps."""
atexit.register(_free.clear)  # while pybullet is still there to say goodbye to


@dataclass(frozen=True, slots=True)
class State:
    """q (28,): base position [m], base quaternion x y z w, hinge angles [rad]; v (27,): base linear velocity [m/s] and
    angular velocity [rad/s] in world axes, hinge rates [rad/s]."""

    q: Array
    v: Array


class World:
    """A model in a physics server of its own; close it, or use it as a context manager.

    dt: physics step [s]; ground: let Bullet find the contact, for comparison. It is Bullet's rigid default: softer
    contact gives another knee.
    """

    def __init__(self, model: Model, dt: float = 1e-3, ground: bool = False, friction: float = FRICTION) -> None:
        self._server, self._closed = _free.pop() if _free else _Server(), False
        self._p = p = self._server.p
        p.resetSimulation()
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
        self.grounded = ground
        if ground:
            slab = p.createCollisionShape(p.GEOM_BOX, halfExtents=[3, 0.5, 3])
            self._ground = p.createMultiBody(0, slab, basePosition=[0, -0.5, 0])
            p.changeDynamics(self._ground, -1, lateralFriction=friction, restitution=0)
        self._body = self._load()
        joints = [p.getJointInfo(self._body, j) for j in range(p.getNumJoints(self._body))]
        links = {joint[12].decode(): j for j, joint in enumerate(joints)}
        names = model.skeleton.names
        self._joints = [links[name] for name in names[1:]]
        self._foot = {j: 0 if name.endswith("_r") else 1 for name, j in links.items() if name[-2:] in ("_r", "_l")}
        if not ground:
            for j in range(-1, len(joints)):
                p.setCollisionFilterGroupMask(self._body, j, 0, 0)
        self.numbers = Numbers(
            body=self._body,
            hinges=np.array([joints[j][4] for j in self._joints], dtype=np.int32),
            angles=np.array([joints[j][3] for j in self._joints], dtype=np.int32),
            links=np.array([-1, *self._joints], dtype=np.int32),
        )
        # The default velocity motors would hold every joint with a force of their own.
        p.setJointMotorControlArray(self._body, self._joints, p.VELOCITY_CONTROL, forces=[0.0] * len(self._joints))

    def _load(self) -> int:
        p = self._p
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.urdf"
            path.write_text(urdf(self.model, spheres=self.grounded), encoding="utf-8")
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

    def push(self, link: int, point: Array, force: Array) -> None:
        """A force [N] (3,) on a link at a point [m] (3,), both in world axes, for the next step.

        Never a torque: Bullet's external torques have had inverted frames (bullet3 issue 1949).
        """
        p = self._p
        p.applyExternalForce(self._body, int(self.numbers.links[link]), list(force), list(point), p.WORLD_FRAME)

    def step(self, torque: Array) -> None:
        """Advance by dt under the hinge torques (21,) [Nm]."""
        p = self._p
        p.setJointMotorControlArray(self._body, self._joints, p.TORQUE_CONTROL, forces=torque)
        p.stepSimulation()

    def ground_reaction(self) -> Array:
        """Force of Bullet's own ground on the right and the left foot in the last step [N], shape (2, 3)."""
        force = np.zeros((2, 3))
        for c in self._p.getContactPoints(self._body, self._ground):
            force[self._foot[c[3]]] += np.multiply(c[9], c[7]) + np.multiply(c[10], c[11]) + np.multiply(c[12], c[13])
        return force

    def plug(self, plugin: ModuleType) -> tuple[int, str]:
        """Load the Bullet plugin `simlab` that a module carries. Returns the address of the client that Bullet has
        given it, 0 where it is refused, and the path of pybullet's own library."""
        with _quiet():
            import pybullet

            if self._server.client is None:
                accepted = self._p.loadPlugin(plugin.__file__, "_simlab") >= 0
                self._server.client = plugin.client() if accepted else 0
            return self._server.client, str(pybullet.__file__)

    def close(self) -> None:
        """Give the physics server back."""
        if not self._closed:
            _free.append(self._server)
            self._closed = True

    def __enter__(self) -> World:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def urdf(model: Model, spheres: bool = True) -> str:
    """The model as a URDF, with the spheres of its soles or with shapes that collide with nothing.

    Hinges are `continuous`: limits are tissue, not walls. Link 0's frame is its mass centre, so pybullet's base pose,
    which is that of the inertial frame, is the frame of our algebra.
    """
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
        if not spheres:
            out.append(f'<collision><geometry><box size="{TOO_LARGE} {TOO_LARGE} {TOO_LARGE}"/></geometry></collision>')
        for k in np.flatnonzero(model.spheres.link == i) if spheres else ():
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


def _text(values: Iterable[float]) -> str:
    return " ".join(f"{x:.17g}" for x in values)


def _rpy(matrix: Array) -> tuple[float, float, float]:
    """Turns about the fixed axes x, y, z, in this order. At gimbal lock one of many equal answers."""
    roll, yaw = math.atan2(matrix[2, 1], matrix[2, 2]), math.atan2(matrix[1, 0], matrix[0, 0])
    pitch = math.atan2(-matrix[2, 0], math.hypot(matrix[2, 1], matrix[2, 2]))
    if math.hypot(matrix[2, 1], matrix[2, 2]) < 1e-12:
        roll, yaw = math.atan2(-matrix[1, 2], matrix[1, 1]), 0.0
    return roll, pitch, yaw


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
