"""Optical markers on a simulated person, in the names of OpenCap's laboratory set (models/marker_sets/opencap.toml).

Markers sit on the bony landmarks of the model and, as clusters, on thigh and shank; soft tissue is not modelled. Noise
is white and the same for every coordinate.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from simlab.model import Model, state
from simlab.motion import SUFFIX, Array, Markers

ON_BONE = {
    "ASIS": "asis",
    "PSIS": "psis",
    "knee": "lateral_epicondyle",
    "mknee": "medial_epicondyle",
    "ankle": "lateral_malleolus",
    "mankle": "medial_malleolus",
    "calc": "heel",
    "toe": "second_metatarsal_head",
    "5meta": "fifth_metatarsal_head",
    "HJC": "hip",
    "Shoulder": "acromion",
}
"""Marker without its side -> landmark of the model."""
PREFIX = {
    "ASIS": ("r.", "L."),
    "PSIS": ("r.", "L."),
    "HJC": ("R_", "L_"),
    "Shoulder": ("R_", "L_"),
}
"""How a side is written, right and left; `r_` and `L_` where nothing is said."""
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
    source: str = "synthetic markers",
) -> Markers:
    """Markers at the states q (n, 28) of a model at times [s] (n,), with white noise of this standard deviation.

    medial: with the medial markers of knee and ankle, as in a standing trial. The same seed gives the same noise.
    """
    places = _places(model)
    names = tuple(name for name in places if medial or name.partition("_")[2] not in MEDIAL)
    link = np.array([places[name][0] for name in names])
    local = np.array([places[name][1] for name in names])
    frames = [model.frames(row) for row in q]
    rotation, origin = (np.array(arrays) for arrays in zip(*frames, strict=True))
    positions = origin[:, link] + np.einsum("nmij,mj->nmi", rotation[:, link], local)
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
        for name, landmark in ON_BONE.items():
            prefix = PREFIX.get(name, ("r_", "L_"))[leg]
            out[prefix + name] = model.points[landmark + suffix]
        for name, (link, (forward, share, outward)) in CLUSTERS.items():
            index = model.link(link + suffix)
            below = model.skeleton.pos[model.link("knee_1" + suffix if link == "femur" else "talus" + suffix)]
            place = np.array([forward, 0.0, outward]) * mirror + share * below
            out[("r_", "L_")[leg] + name] = (index, place)
    return out
