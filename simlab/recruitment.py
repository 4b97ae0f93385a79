"""Static optimisation: which muscles make the net moments of a captured motion, and what the joints carry then.

Every instant is solved by itself: the least sum of squared activations (Crowninshield and Brand 1981,
doi 10.1016/0021-9290(81)90035-X, with activations in place of stresses, as in OpenSim) that makes the moments of hip,
knee flexion, ankle and subtalar joint, with force-length-velocity and passive forces of the muscle kernels that
simulations use. Frontal and axial moments of the knee are left to ligament and bone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simlab import loads as joint_loads
from simlab.dynamics import Dynamics
from simlab.kernels import passive, recruitment
from simlab.model import Model
from simlab.motion import LEG_COORDINATES, SUFFIX, Array, readonly
from simlab.muscles import Muscles

DRIVEN = ("hip_flexion", "hip_adduction", "hip_rotation", "knee_angle", "ankle_angle", "subtalar_angle")
"""The leg coordinates whose moments muscles make."""
SLACK = 1e-6
"""s of the kernel [1/(Nm)2 inverted]: a moment of 1 Nm that no muscle makes costs as much as a thousand activations."""
LOWEST = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Recruited:
    """Muscle activations and forces over time, legs right then left. Arrays read-only.

    time [s] (f,); muscles: names; activation, force [N] (f, 2, m): force along the tendon, passive included; wanted
    [Nm] (f, 2, 6): net moments of `DRIVEN`; missing [Nm] (f, 2, 6): what muscles and tissue cannot make of them;
    loads: of the joints. q (f, 28), v (f, 27), ground [N] (f, 2, 3): the motion that the forces belong to.
    """

    time: Array
    muscles: tuple[str, ...]
    activation: Array
    force: Array
    wanted: Array
    missing: Array
    q: Array
    v: Array
    ground: Array
    passive_share: float
    model: Model

    def loads(self) -> joint_loads.Loads:
        """Joint contact forces and the rest, as for a simulation."""
        return joint_loads.carried(self.model, self)


def solve(model: Model, dynamics: Dynamics, passive_share: float = 1.0) -> Recruited:
    """Muscle activations for the net moments of a captured motion, one person, frame by frame.

    passive_share: of the passive force of muscles and joint tissue that is counted, 1 as in simulations, 0 as in
    OpenSim's static optimisation, which leaves it out.
    """
    moving, n = dynamics.moving, 6 + len(LEG_COORDINATES) * 2 + 4
    q, v = np.ascontiguousarray(moving.q[:, :n]), np.ascontiguousarray(moving.v[:, : n - 1])
    index = np.array([LEG_COORDINATES.index(name) for name in DRIVEN], dtype=np.int32)
    wanted = np.stack([np.stack([dynamics.of(name + s) for name in DRIVEN], axis=1) for s in SUFFIX.values()], axis=1)
    body, count = Muscles(model), len(moving.time)
    m = len(model.muscles.names)
    activation, force = np.empty((count, 2, m)), np.empty((count, 2, m))
    missing = np.empty(wanted.shape)
    multiplier, steps = np.zeros((2, len(index))), np.zeros(2, dtype=np.int32)
    cost, slack, tissue = np.ones(m), np.full(len(index), SLACK), np.zeros((2, len(LEG_COORDINATES)))
    legs, rates = q[:, 10:].reshape(count, 2, -1), v[:, 9:].reshape(count, 2, -1)
    for f in range(count):
        body.update(q[f], v[f])
        arm = body.arm
        for leg in (0, 1):
            passive.torque(legs[f, leg], rates[f, leg], model.passive[leg], tissue[leg])
        resting = passive_share * (tissue[:, index] + np.einsum("sm,smj->sj", body.passive, arm[:, :, index]))
        recruitment.recruit(
            body.active, np.ascontiguousarray(arm), index, cost, slack, LOWEST, wanted[f] - resting, multiplier,
            activation[f], steps,
        )  # fmt: skip
        made = np.einsum("sm,smj->sj", body.active * activation[f], arm[:, :, index])
        missing[f] = wanted[f] - resting - made
        force[f] = body.active * activation[f] + passive_share * body.passive
    return Recruited(
        time=moving.time,
        muscles=model.muscles.names,
        activation=readonly(activation, None, 2, m),
        force=readonly(force, None, 2, m),
        wanted=readonly(wanted, None, 2, len(index)),
        missing=readonly(missing, None, 2, len(index)),
        q=readonly(q, None, None),
        v=readonly(v, None, None),
        ground=dynamics.reaction.force,
        passive_share=passive_share,
        model=model,
    )
