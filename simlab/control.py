"""The nervous system, as one quadratic programme a tick: task and contact in, muscle excitations out.

Unknowns: 27 accelerations, 84 activations, 3 lumbar torques, contact forces. The equations of motion are equalities;
friction, unilateral contact and what activation dynamics can reach in a tick are bounds. What distinguishes the
strategies is the drive that activations are pulled towards:

habitual       the drive recorded while the healthy twin did the task. On two legs hip adduction and rotation are not
               tracked (on one leg lightly): the knee goes where muscles and tissue let it. The programme knows the
               forces that the body has; what has not adapted is the drive that it is pulled to.
compensating   standing drive, hardly held to, with the frontal plane tracked: the deficit is corrected.
The cue ("knee over the second toe") is attention to the frontal plane: its tracking weight, 0 to 1.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from simlab.errors import InputError
from simlab.kernels import kinematics
from simlab.model import GRAVITY, Model
from simlab.motion import COORDINATES, LEG_COORDINATES, Array
from simlab.muscles import ACTIVATION_S, DEACTIVATION_S, Muscles
from simlab.tasks._plan import Plan, Weights
from simlab.world import FRICTION, State

MIN_ACTIVATION = 0.01
MAX_CHANGE = 0.12
"""Largest change of an activation in a tick: faster drive chatters against the rigid ground."""
STIFFNESS, DAMPING = 100.0, 20.0
"""Feedback on tracked coordinates, the pelvis and the height of the centre of mass [1/s2, 1/s]: critical, 1.6 Hz."""
CONTACT_WEIGHT = 300.0
CONTACT_HEIGHT = 0.02
FRICTION_MARGIN = 0.5**0.5
"""The pyramid lies inside the friction cone."""
LUMBAR_LIMIT = 300.0
FORCE_LIMIT = 3000.0

RELAXED = 0.02
STANDING_DRIVE = {
    "glmed": 0.2, "glmin": 0.15, "glmax": 0.15, "addmag": 0.15, "addlong": 0.1, "addbrev": 0.1, "tfl": 0.15,
    "bflh": 0.08, "semi": 0.08, "piri": 0.15, "quadfem": 0.15, "obtint": 0.15, "gas": 0.08, "soleus": 0.1,
    "tibpost": 0.1, "perlong": 0.08, "sart": 0.05, "grac": 0.08,
}  # fmt: skip
"""Co-contraction that the healthy twin learns the task with, by the start of a muscle's name: an assumption, where
an effort-minimal solution would leave these muscles almost silent (models/SOURCES.md, drive)."""

LEG = len(LEG_COORDINATES)
FRONTAL = ("hip_adduction", "hip_rotation")


@dataclass(frozen=True, slots=True, kw_only=True)
class Controller:
    """The named neural assumption of a simulation. cue: 0 none .. 1 full attention to knee over second toe."""

    strategy: Literal["habitual", "compensating"] = "habitual"
    cue: float = 0.0

    def __post_init__(self) -> None:
        if self.strategy not in ("habitual", "compensating"):
            raise InputError(f"strategy: expected 'habitual' or 'compensating', found {self.strategy!r}")
        if not 0.0 <= self.cue <= 1.0:
            raise InputError(f"cue: expected 0 to 1, found {self.cue}")
        if self.cue and self.strategy == "compensating":
            raise InputError(
                "cue: a compensating mind attends to the frontal plane already; expected strategy habitual"
            )


def standing_drive(names: tuple[str, ...]) -> Array:
    """The drive that the healthy twin starts from, shape (2, m)."""
    drive = np.full(len(names), RELAXED)
    for k, name in enumerate(names):
        for start, value in STANDING_DRIVE.items():
            if name.startswith(start):
                drive[k] = value
    return np.tile(drive, (2, 1))


class WholeBody:
    """The programme of one simulation. `drive` (ticks, 2, m) is what activations are pulled towards."""

    def __init__(self, model: Model, plan: Plan, weights: Weights, drive: Array) -> None:
        self._proxqp = _proxqp()
        self.model, self.plan, self.weights, self.drive = model, plan, weights, drive
        self.muscles = Muscles(model)
        self.failures = 0
        self.lumbar = np.zeros(3)
        nv, na, nc = 27, drive[0].size, len(model.spheres.names)
        self._nv, self._na, self._nc = nv, na, nc
        self._qdd, self._act = slice(0, nv), slice(nv, nv + na)
        self._lum, self._con = slice(nv + na, nv + na + 3), slice(nv + na + 3, nv + na + 3 + 3 * nc)
        n = self._n = nv + na + 3 + 3 * nc
        self._tracking = np.zeros(nv)
        for name, weight in (weights.coordinates | dict.fromkeys(FRONTAL, weights.frontal)).items():
            for side in (0, 1):
                if side in plan.feet or name not in FRONTAL:
                    self._tracking[COORDINATES.index(name + ("_r", "_l")[side])] = weight
        self._tracking[6:9] = weights.trunk
        if len(plan.feet) == 1:  # the free leg is held as planned, or it would swing
            free = 9 + LEG * (1 - plan.feet[0])
            self._tracking[free : free + 8] = np.maximum(
                self._tracking[free : free + 8], [1, 1, 0.5, 1, 0, 0, 0.5, 0.1]
            )
        horizontal, upright = weights.balance, (STIFFNESS, DAMPING)
        self._stiffness, self._damping = np.array([horizontal, upright, horizontal]).T
        volume = model.muscles.F0 * model.muscles.lopt
        self._effort = weights.drive * (volume / volume.mean() + 0.1).ravel()
        self._stands = np.isin(model.spheres.foot, plan.feet)
        self._cone = np.zeros((4 * nc, n))
        for k in range(nc):
            x = self._con.start + 3 * k
            for row, (axis, sign) in enumerate(((0, 1), (0, -1), (2, 1), (2, -1))):
                self._cone[4 * k + row, x + axis] = sign
                self._cone[4 * k + row, x + 1] = -FRICTION * FRICTION_MARGIN
        self._qp: Any = None

    def excite(self, tick: int, state: State, activation: Array, hurried: bool = False) -> Array:
        """Excitations (2, m) to hold until the next tick, from the state and the activations (2, m) at this one.

        hurried: the first solve of a simulation, free of the rate limit.
        """
        reach_low, reach_high = self._reachable(activation, hurried)
        H, g, A, b = self._programme(tick, state)
        lower, upper = np.full(self._n, -1e5), np.full(self._n, 1e5)
        lower[self._act], upper[self._act] = reach_low.ravel(), reach_high.ravel()
        lower[self._lum], upper[self._lum] = -LUMBAR_LIMIT, LUMBAR_LIMIT
        limit = np.where(self._touching, FORCE_LIMIT, 0.0)
        lower[self._con], upper[self._con] = -np.repeat(limit, 3), np.repeat(limit, 3)
        lower[self._con.start + 1 :: 3] = 0.0
        x = self._solve(H, g, A, b, lower, upper)
        if x is None:
            wanted = np.clip(self.drive[tick], reach_low, reach_high)
        else:
            wanted = np.clip(x[self._act].reshape(2, -1), reach_low, reach_high)
            self.lumbar = x[self._lum].copy()
        self.command = wanted
        if hurried:
            activation[:] = wanted
        fraction = self._fraction(activation, wanted > activation)
        return np.clip(activation + (wanted - activation) / fraction, MIN_ACTIVATION, 1.0)

    # --- what activation dynamics can do in one tick ---

    def _fraction(self, activation: Array, rising: NDArray[np.bool_] | bool) -> Array:
        """Part of the way to a constant excitation that an activation covers in one tick."""
        shape = 0.5 + 1.5 * activation
        tau = np.where(rising, ACTIVATION_S * shape, DEACTIVATION_S / shape)
        return np.asarray(1.0 - np.exp(-self.plan.period / tau))

    def _reachable(self, activation: Array, hurried: bool) -> tuple[Array, Array]:
        if hurried:
            return np.full_like(activation, MIN_ACTIVATION), np.ones_like(activation)
        step = MAX_CHANGE
        up = activation + np.minimum((1.0 - activation) * self._fraction(activation, True), step)
        down = activation - np.minimum(
            np.maximum(activation - MIN_ACTIVATION, 0.0) * self._fraction(activation, False), step
        )
        return down, up

    # --- the programme ---

    def _programme(self, tick: int, state: State) -> tuple[Array, Array, Array, Array]:
        plan, w, s = self.plan, self.weights, self.model.skeleton
        nv, n, qdd, act = self._nv, self._n, self._qdd, self._act
        q, v = state.q, state.v
        M, h = np.empty((nv, nv)), np.empty(nv)
        gravity = np.array([0.0, -GRAVITY, 0.0])
        kinematics.mass_bias(s.parent, s.pos, s.axis, s.mass, s.com, s.inertia, q, v, gravity, M, h)
        com, com_jacobian, com_drift = np.empty(3), np.empty((3, nv)), np.empty(3)
        kinematics.com_jacobian(s.parent, s.pos, s.axis, s.mass, s.com, q, v, com, com_jacobian, com_drift)
        contact, contact_drift = self._contacts(q, v)
        gain, passive = self.muscles.torques(q, v)

        H, g = np.zeros((n, n)), np.zeros(n)
        angles, rates = q[7:], v[6:]
        wanted, wanted_rates = plan.values[tick, 6:].copy(), plan.rates[tick, 6:].copy()
        rotation, list_error, list_rate = self._pelvis(tick, q, v)
        wanted[1] -= w.counter_lean * list_error
        wanted_rates[1] -= w.counter_lean * list_rate
        desired = plan.accelerations[tick, 6:] + STIFFNESS * (wanted - angles) + DAMPING * (wanted_rates - rates)
        H[range(6, nv), range(6, nv)] = self._tracking[6:]
        g[6:nv] = -self._tracking[6:] * desired

        desired = (
            plan.com_accelerations[tick]
            + self._stiffness * (plan.com[tick] - com)
            + self._damping * (plan.com_rates[tick] - com_jacobian @ v)
            - com_drift
        )
        _task(H, g, com_jacobian, desired, np.array(w.centre_of_mass))
        weight = rotation @ (np.array(w.pelvis)[:, None] * rotation.T)
        H[3:6, 3:6] += weight
        g[3:6] -= weight @ self._pelvis_acceleration
        touching = np.repeat(self._touching, 3).astype(float)
        _task(H, g, contact, -contact_drift - w.contact_damping * (contact @ v), CONTACT_WEIGHT * touching)

        H[range(act.start, act.stop), range(act.start, act.stop)] = self._effort + 1e-4
        g[act] = -self._effort * self.drive[tick].ravel()
        ridge = np.concatenate([np.full(nv, 1e-5), np.zeros(self._na), np.full(3, 1e-5), np.full(3 * self._nc, 1e-6)])
        H[range(n), range(n)] += ridge

        A = np.zeros((nv, n))
        A[:, qdd] = M
        A[:, act] = -gain
        A[6:9, self._lum] = -np.eye(3)
        A[:, self._con] = -contact.T
        return H, g, A, passive - h

    def _contacts(self, q: Array, v: Array) -> tuple[Array, Array]:
        """Jacobian (3k, 27) and Jdot v (3k,) of the lowest points of the spheres; notes which of them may touch."""
        s, spheres = self.model.skeleton, self.model.spheres
        rotation, _ = self.model.frames(q)
        down = -spheres.radius[:, None] * rotation[spheres.link][:, 1, :]  # R^T (0, -r, 0)
        k = self._nc
        x, jacobian, drift = np.empty((k, 3)), np.empty((k, 3, 27)), np.empty((k, 3))
        local = np.ascontiguousarray(spheres.centre + down)
        kinematics.point_jacobian(s.parent, s.pos, s.axis, q, v, spheres.link, local, x, jacobian, drift)
        self._touching = (x[:, 1] < CONTACT_HEIGHT) & self._stands
        return jacobian.reshape(3 * k, 27), drift.ravel()

    def _pelvis(self, tick: int, q: Array, v: Array) -> tuple[Array, float, float]:
        """Pelvis rotation, its list beyond the plan and its rate; notes the wanted angular acceleration (world)."""
        from scipy.spatial.transform import Rotation

        plan = self.plan
        now = Rotation.from_quat(q[3:7])
        target = Rotation.from_euler("ZXY", plan.values[tick, :3])
        error = (target * now.inv()).as_rotvec()
        tilt, bank, _ = plan.values[tick, :3]
        axes = np.column_stack([[0.0, 0.0, 1.0], Rotation.from_euler("Z", tilt).apply([1.0, 0.0, 0.0]),
                                Rotation.from_euler("ZX", [tilt, bank]).apply([0.0, 1.0, 0.0])])  # fmt: skip
        wanted_rate = axes @ plan.rates[tick, :3]
        self._pelvis_acceleration = (
            axes @ plan.accelerations[tick, :3] + STIFFNESS * error + DAMPING * (wanted_rate - v[3:6])
        )
        rotation = now.as_matrix()
        return rotation, float(now.as_euler("ZXY")[1] - bank), float(rotation[:, 0] @ v[3:6])

    def _solve(self, H: Array, g: Array, A: Array, b: Array, lower: Array, upper: Array) -> Array | None:
        """The optimum, or None. It starts from the last optimum; ProxQP can mistake such a start for infeasible, so a
        failure is tried once more from scratch."""
        rows = len(self._cone)
        data = (H, g, A, b, self._cone, np.full(rows, -1e5), np.zeros(rows), lower, upper)
        solver = self._proxqp.QPSolverOutput
        if self._qp is not None:
            self._qp.update(*data)
            self._qp.solve()
        if self._qp is None or self._qp.results.info.status != solver.PROXQP_SOLVED:
            self._qp = self._from_scratch()
            self._qp.init(*data)
            self._qp.solve()
            self._qp.settings.initial_guess = self._proxqp.InitialGuess.WARM_START_WITH_PREVIOUS_RESULT
        results = self._qp.results
        if results.info.status != solver.PROXQP_SOLVED:
            self.failures += 1
            if not results.info.pri_res < 1.0:
                return None
        x = np.array(results.x)
        return x if np.isfinite(x).all() else None

    def _from_scratch(self) -> Any:
        qp = self._proxqp.dense.QP(self._n, self._nv, len(self._cone), True)
        qp.settings.eps_abs = 1e-4
        qp.settings.eps_rel = 1e-6
        qp.settings.max_iter = 1500
        qp.settings.initial_guess = self._proxqp.InitialGuess.EQUALITY_CONSTRAINED_INITIAL_GUESS
        return qp


def _proxqp() -> ModuleType:
    """ProxQP in its plain build.

    The wheel picks a build for the processor's vector instructions. With wide vectors its sums depend on where its
    memory happens to lie, so that equal input gives unequal last digits; and two machines would differ. Telling it that
    there are none is the only switch it has.
    """
    if "proxsuite" not in sys.modules:
        none = ModuleType("proxsuite.instructionset")
        none.has_AVX512F = none.has_AVX2 = lambda: False  # type: ignore[attr-defined]
        sys.modules.setdefault("proxsuite.instructionset", none)
    import proxsuite

    module: ModuleType = proxsuite.proxqp
    return module


def _task(H: Array, g: Array, jacobian: Array, desired: Array, weight: Array) -> None:
    """Add weight |J qdd - desired|^2 / 2 to the cost."""
    nv = jacobian.shape[1]
    H[:nv, :nv] += jacobian.T @ (weight[:, None] * jacobian)
    g[:nv] -= jacobian.T @ (weight * desired)
