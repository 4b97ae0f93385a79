"""Muscles and passive tissue of a model at a state: one named call for each kernel."""

from __future__ import annotations

import numpy as np

from simlab.kernels import muscle, passive, path
from simlab.model import MAX_VELOCITY, Model
from simlab.motion import LEG_COORDINATES, Array

ACTIVATION_S, DEACTIVATION_S = 0.015, 0.060
"""Time constants [s] (De Groote et al. 2016, doi 10.1007/s10439-016-1591-9, after Thelen 2003)."""
LUMBAR_DAMPING = 2.0
LEG = len(LEG_COORDINATES)
CROSSED = 8
"""The muscles span the first eight leg coordinates; the midtarsal joint has tissue only."""


class Muscles:
    """Work space for the muscles of both legs; arrays (2, m) are right then left and overwritten by each call.

    active: force along the tendon at full activation [N]; passive: passive force [N]; fibre: normalised fibre length;
    arm: -dL/dq [m], (2, m, 8).
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        m = len(model.muscles.names)
        self.length, self.active, self.passive, self.fibre = (np.zeros((2, m)) for _ in range(4))
        self._dL = np.zeros((2, m, CROSSED))
        self._tissue = np.zeros((2, LEG))

    def update(self, q: Array, v: Array) -> None:
        """Lengths, arms, forces and tissue torques at the state q (28,), v (27,)."""
        s = self.model.muscles
        for leg in (0, 1):
            angles, rates = q[10 + LEG * leg : 19 + LEG * leg], v[9 + LEG * leg : 18 + LEG * leg]
            dL = self._dL[leg]
            path.lengths(angles[:CROSSED], s.lo, s.hi, s.start, s.exponent, s.weight, self.length[leg], dL)
            muscle.contraction(
                self.length[leg], dL @ rates[:CROSSED], s.F0[leg], s.lopt[leg], s.lts[leg], s.penn[leg],
                s.onset[leg], s.one[leg], s.slack[leg], s.gain[leg], MAX_VELOCITY,
                self.active[leg], self.passive[leg], self.fibre[leg],
            )  # fmt: skip
            passive.torque(angles, rates, self.model.passive[leg], self._tissue[leg])

    @property
    def arm(self) -> Array:
        """Moment arms [m], shape (2, m, 8)."""
        return -self._dL

    def torque(self, activation: Array, v: Array) -> Array:
        """Hinge torques (21,) [Nm] of muscles at the activations (2, m) and of passive tissue, after `update`."""
        out = np.empty(3 + 2 * LEG)
        out[:3] = -LUMBAR_DAMPING * v[6:9]
        force = self.active * activation + self.passive
        for leg in (0, 1):
            joints = out[3 + LEG * leg : 3 + LEG * (leg + 1)]
            joints[:] = self._tissue[leg]
            joints[:CROSSED] -= force[leg] @ self._dL[leg]
        return out

    def torques(self, q: Array, v: Array) -> tuple[Array, Array]:
        """Generalised force per unit of activation (27, 2m) and the force without any activation (27,)."""
        self.update(q, v)
        m = self.active.shape[1]
        gain, still = np.zeros((27, 2 * m)), np.zeros(27)
        for leg in (0, 1):
            rows = slice(9 + LEG * leg, 9 + LEG * leg + CROSSED)
            gain[rows, m * leg : m * (leg + 1)] = -(self._dL[leg] * self.active[leg][:, None]).T
        still[6:] = self.torque(np.zeros_like(self.active), v)
        return gain, still
