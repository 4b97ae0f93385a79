"""Optical markers on a simulated person, in the names of OpenCap's laboratory set (models/marker_sets/opencap.toml).

Markers lie a skin's thickness off the bony landmarks of the model and, as clusters, on thigh and shank; that soft
tissue moves is not modelled. Noise is white and the same for every coordinate.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from simlab import anatomy
from simlab.landmarks import SKIN
from simlab.model import Model, state
from simlab.motion import SUFFIX, Array, Markers

ON_BONE = {
    "ASIS": ("asis", (1, 0, 0)),
    "PSIS": ("psis", (-1, 0, 0)),
    "knee": ("lateral_epicondyle", (0, 0, 1)),
    "mknee": ("medial_epicondyle", (0, 0, -1)),
    "ankle": ("lateral_malleolus", (0, 0, 1)),
    "mankle": ("medial_malleolus", (0, 0, -1)),
    "calc": ("heel", (-1, 0, 0)),
    "toe": ("second_metatarsal_head", (1, 0, 0)),
    "5meta": ("fifth_metatarsal_head", (0, 0, 1)),
    "HJC": ("hip", (0, 0, 0)),
    "Shoulder": ("acromion", (0, 1, 0)),
}
"""Marker without its side -> landmark of the model, and on which side of it the skin lies (forward, up, outward)."""
PREFIX = {
    "ASIS": ("r.", "L."),
    "PSIS": ("r.", "L."),
    "HJC": ("R_", "L_"),
    "Shoulder": ("R_", "L_"),
}
"""How a side is written, right and left; `r_` and `L_` where nothing is said."""
ON_ARM = {
    "elbow_lat": ("ulna", (0.0, 0.0, 0.04)),
    "elbow_med": ("ulna", (0.0, 0.0, -0.04)),
    "wrist_radius": ("hand", (0.0, 0.0, 0.03)),
    "wrist_ulna": ("hand", (0.0, 0.0, -0.03)),
}
"""Marker of an arm, which the model holds still -> body at whose joint it is, and how far beside that [m]."""
MEDIAL = ("mknee", "mankle")
"""Worn only while standing."""
CLUSTERS = {
    "thigh1": ("femur", (0.05, 0.25, 0.05)),
    "thigh2": ("femur", (0.06, 0.55, 0.04)),
    "thigh3": ("femur", (0.00, 0.45, 0.08)),
    "shank_antsup": ("tibia", (0.05, 0.20, 0.02)),
    "sh2": ("tibia", (0.04, 0.55, 0.03)),
    "sh3": ("tibia", (-0.01, 0.35, 0.06)),
}
"""Marker -> link, and place in it: forward [m], share of the way to the next joint, outward [m]."""


def markers(
    model: Model,
    time: Array,
    q: Array,
    *,
    noise_mm: float = 0.0,
    seed: int = 0,
    medial: bool = False,
    heading_deg: float = 0.0,
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0),
    source: str = "synthetic markers",
) -> Markers:
    """Markers at the states q (n, 28) of a model at times [s] (n,), with white noise of this standard deviation.

    medial: with the medial markers of knee and ankle, as in a standing trial. heading_deg: by how much the person is
    turned to the left in the laboratory; origin: where the origin of the simulation lies in it [m]. The same seed gives
    the same noise.
    """
    places = _places(model)
    names = tuple(name for name in places if medial or not name.endswith(MEDIAL))
    link = np.array([places[name][0] for name in names])
    local = np.array([places[name][1] for name in names])
    frames = [model.frames(row) for row in q]
    rotation, joint = (np.array(arrays) for arrays in zip(*frames, strict=True))
    positions = joint[:, link] + np.einsum("nmij,mj->nmi", rotation[:, link], local)
    c, s = np.cos(np.radians(heading_deg)), np.sin(np.radians(heading_deg))
    turn = np.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]])
    positions = positions @ turn.T + np.array(origin)
    noise = np.random.default_rng(seed).normal(0.0, 1e-3 * noise_mm, positions.shape) if noise_mm else 0.0
    return Markers(names=names, time=time, positions=positions + noise, source=source)


def standing(model: Model, posture: Array, *, noise_mm: float = 0.0, seed: int = 0, frames: int = 100) -> Markers:
    """A standing trial in a posture (27,) at 100 Hz, with medial markers."""
    q = np.tile(state(model, posture), (frames, 1))
    time = np.arange(frames) / 100
    found = markers(model, time[:1], q[:1], medial=True)
    positions = np.repeat(found.positions, frames, axis=0)
    noise = np.random.default_rng([seed, 1]).normal(0.0, 1e-3 * noise_mm, positions.shape)
    return Markers(names=found.names, time=time, positions=positions + noise, source="synthetic standing trial")


def _places(model: Model) -> Mapping[str, tuple[int, Array]]:
    """Marker -> link, place in it [m]."""
    out: dict[str, tuple[int, Array]] = {"C7": model.points["c7"]}
    for leg, suffix in enumerate(SUFFIX.values()):
        mirror = np.array([1.0, 1.0, 1.0 - 2.0 * leg])
        for name, (landmark, off) in ON_BONE.items():
            index, bone = model.points[landmark + suffix]
            out[PREFIX.get(name, ("r_", "L_"))[leg] + name] = index, bone + SKIN * mirror * off
        size = model.subject.height_m / anatomy.REFERENCE_HEIGHT
        for name, (body, beside) in ON_ARM.items():
            turn, origin = anatomy.held_arm()[body]
            torso = model.link("torso")
            place = size * mirror * (origin + turn @ np.array(beside)) * model.stretch[torso]
            out[("R_", "L_")[leg] + name] = (torso, place)
        for name, (link, (forward, share, outward)) in CLUSTERS.items():
            index = model.link(link + suffix)
            below = model.skeleton.pos[model.link("knee_1" + suffix if link == "femur" else "talus" + suffix)]
            place = np.array([forward, 0.0, outward]) * mirror + share * below
            out[("r_", "L_")[leg] + name] = (index, place)
    return out
