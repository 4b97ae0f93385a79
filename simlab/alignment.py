"""The alignment of the bones: what is structure, and no effort changes.

A deformity turns what a link carries (joints further down, mass, soles, landmarks) about the link's origin, and leaves
the hinge above it alone. The three deformities turn about the axes of the joint nearby, so a genu valgum is to the
muscles of the knee what an abducted knee is, and an anteverted femur to the foot what an inwardly rotated hip is.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from simlab.anatomy import MIRROR, Skeleton
from simlab.motion import SUFFIX, Array, readonly
from simlab.rotations import about
from simlab.subject import Leg, Subject

FEMUR, SHANK, FOOT = ("femur", "knee_1", "knee_2"), ("tibia",), ("talus", "calcn", "forefoot")


def turned(skeleton: Skeleton, subject: Subject) -> Array:
    """How far the contents of every link are turned in its frame, rotations of shape (22, 3, 3)."""
    out = np.tile(np.eye(3), (len(skeleton.names), 1, 1))
    for suffix, leg in zip(SUFFIX.values(), subject.legs(), strict=True):
        for links, turn in zip((FEMUR, SHANK, FOOT), _leg(skeleton, leg), strict=True):
            for link in links:
                out[skeleton.names.index(link + suffix)] = turn if suffix == "_r" else MIRROR @ turn @ MIRROR
    return readonly(out, None, 3, 3)


def _leg(skeleton: Skeleton, leg: Leg) -> tuple[Array, Array, Array]:
    """Of the right femur below its neck, of the tibia and of the foot."""
    axis = {name: skeleton.axis[skeleton.names.index(name)] for name in ("femur_r", "knee_2_r", "tibia_r")}
    twist = about(axis["femur_r"], np.radians(leg.femoral_anteversion_deg))
    bend = about(axis["knee_2_r"], -np.radians(leg.genu_valgum_deg))
    torsion = about(axis["tibia_r"], -np.radians(leg.tibial_torsion_deg))
    return twist, twist @ bend, twist @ torsion  # the sole stays level: a bent shin does not tilt the foot


def align(skeleton: Skeleton, turn: Array) -> Skeleton:
    """The skeleton with the contents of its links turned (22, 3, 3); a straight one is returned as it is."""
    if np.array_equal(turn, np.tile(np.eye(3), (len(turn), 1, 1))):
        return skeleton
    pos, axis, com, inertia = (a.copy() for a in (skeleton.pos, skeleton.axis, skeleton.com, skeleton.inertia))
    for link, name in enumerate(skeleton.names):
        above = skeleton.parent[link]
        if above >= 0:
            pos[link] = turn[above] @ pos[link]
        # A hinge is cut into the bone above it; but the shin turns about itself, and a foot takes its hinges along.
        axis[link] = turn[link if name[:-2] in SHANK + FOOT else above] @ axis[link]
        com[link] = turn[link] @ com[link]
        inertia[link] = turn[link] @ inertia[link] @ turn[link].T
    for array in (pos, axis, com, inertia):
        array.flags.writeable = False
    return replace(skeleton, pos=pos, axis=axis, com=com, inertia=inertia)
