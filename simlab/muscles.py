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
        self.length, self.active, self.passive, self.fibre, self._rate = (np.zeros((2, m)) for _ in range(5))
        self._dL = np.zeros((2, m, CROSSED))
        self._tissue = np.zeros((2, LEG))
        self._q = np.zeros(28)

    def update(self, q: Array, v: Array) -> None:
        """Lengths, arms, forces and tissue torques at the state q (28,), v (27,)."""
        s, self._q = self.model.muscles, q
        angles, rates = q[10:].reshape(2, LEG), v[9:].reshape(2, LEG)
        path.lengths(angles, *s.paths.arguments(), self.length, self._dL)
        path.rates(self._dL, rates, self._rate)
        muscle.contraction(
            self.length.ravel(), self._rate.ravel(), s.F0.ravel(), s.lopt.ravel(), s.lts.ravel(), s.height.ravel(),
            s.onset.ravel(), s.one.ravel(), s.slack.ravel(), s.gain.ravel(), MAX_VELOCITY,
            self.active.ravel(), self.passive.ravel(), self.fibre.ravel(),
        )  # fmt: skip
        for leg in (0, 1):
            passive.torque(angles[leg], rates[leg], self.model.passive[leg], self._tissue[leg])

    @property
    def arm(self) -> Array:
        """Moment arms [m], shape (2, m, 8)."""
        return -self._dL

    def torque(self, activation: Array, v: Array) -> Array:
        """Hinge torques (21,) [Nm] of muscles at the activations (2, m), tissue and band, after `update`."""
        out = np.empty(3 + 2 * LEG)
        out[:3] = -LUMBAR_DAMPING * v[6:9]
        legs = out[3:].reshape(2, LEG)
        legs[:] = self._tissue
        path.torque(self._dL, self.active * activation + self.passive, legs)
        if self.model.band.stiffness:
            passive.pull(self._q, self.model.skeleton.arguments(), self.model.band.arguments(), out)
        return out
