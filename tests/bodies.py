"""Bodies that carry markers: a generic one, and the person of an OpenSim model."""

from __future__ import annotations

from functools import cache

import numpy as np
from figures import OPENCAP
from reference import osim

from simlab import anatomy
from simlab.body import HINGES, Body, expectation, with_arms
from simlab.motion import Array, Markers
from simlab.subject import Subject

PERSON = OPENCAP / "manually_scaled.osim"


def generic(seed: int = 0, each: int = 3) -> Body:
    """The generic woman with `each` markers on every link that has mass, at random places within 12 cm."""
    skeleton = with_arms(Subject())
    links = [i for i, mass in enumerate(skeleton.mass) if mass > 0.01 and not skeleton.names[i].startswith("talus")]
    local = np.random.default_rng(seed).uniform(-0.12, 0.12, (len(links) * each, 3))
    names = tuple(f"{skeleton.names[i]}.{k}" for i in links for k in range(each))
    return Body(
        skeleton=skeleton,
        coordinates=HINGES,
        **expectation(HINGES),
        markers=names,
        link=np.repeat(links, each),
        local=local,
    )


@cache
def of_opensim() -> Body:
    """The person of OpenSim's scaled model, with its limits: no midtarsal joint, and nothing is expected of a subtalar
    joint or of an arm."""
    tree = osim.tree(PERSON)
    skeleton = anatomy.Skeleton(
        names=tree.names,
        parent=tree.parent,
        pos=tree.pos,
        axis=tree.axis,
        mass=tree.mass,
        com=tree.com,
        inertia=tree.inertia,
        pelvis_origin=-tree.origin[0],
    )
    fields = expectation(tree.coordinates) | {"lower": tree.lower, "upper": tree.upper}
    for i, name in enumerate(tree.coordinates):
        if not name.startswith(("knee_adduction", "knee_rotation")):
            fields["spread"][i] = 0.0 if name.startswith("midtarsal") else np.inf
    return Body(
        skeleton=skeleton,
        coordinates=tree.coordinates,
        **fields,
        markers=tree.markers,
        link=tree.marker_link,
        local=tree.marker_local,
    )


def carried(body: Body, time: Array, q: Array) -> Markers:
    """Where a body carries its markers at the states q (f, n + 6)."""
    positions = []
    for row in q:
        rotation, origin = body.frames(row)
        positions.append(origin[body.link] + np.einsum("mij,mj->mi", rotation[body.link], body.local))
    return Markers(names=body.markers, time=time, positions=np.array(positions), source="synthetic")


def squatting(body: Body, n: int = 60, depth: float = 1.6, seed: int = 0) -> tuple[Array, Array]:
    """A squat within the limits with small random waves in every angle: time [s] (n,), states (n, links + 6)."""
    rng = np.random.default_rng(seed)
    time = np.arange(n) / 100
    deep = 0.5 * (1 - np.cos(2 * np.pi * time / time[-1]))
    q = np.zeros((n, len(body.skeleton.names) + 6))
    for j, name in enumerate(body.coordinates):
        wave = 0.05 * np.sin(2 * np.pi * (time + rng.uniform())) + (
            0.3 if name.startswith(("elbow", "pro_sup")) else 0.0
        )
        bend = {"hip_flexion": 1.0, "knee_angle": 1.0, "ankle_angle": 0.35}.get(name[:-2], 0.0) * depth
        q[:, 7 + j] = np.clip(wave + bend * deep, body.lower[j], body.upper[j])
    turn = 0.4 + 0.1 * np.sin(np.pi * time)
    q[:, :3] = np.column_stack([0.1 * time, 0.95 - 0.4 * deep, 0.02 * np.sin(5 * time)])
    q[:, 3], q[:, 4], q[:, 5], q[:, 6] = 0.02, np.sin(turn / 2), -0.1 * deep, np.cos(turn / 2)
    q[:, 3:7] /= np.linalg.norm(q[:, 3:7], axis=1, keepdims=True)
    return time, q
