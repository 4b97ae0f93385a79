"""From a simulation to a figure that can be drawn: bodies, muscles along their paths, joint centres."""

from __future__ import annotations

from typing import Any

import numpy as np

from simlab import anatomy, metrics
from simlab.model import landmarks
from simlab.motion import SIDES, SUFFIX, Array
from simlab.scene import Figure, MusclePath
from simlab.simulate import Result

SPECIFIC_TENSION = 60e4
"""Maximum isometric stress [N/m2], to turn force into thickness (Rajagopal 2016, doi 10.1109/TBME.2016.2586891)."""


def simulated(result: Result, label: str) -> Figure:
    """The figure of a simulated person at every recorded instant."""
    model, run = result.model, result.run
    bodies = _bodies(result)
    points = landmarks(model, run.time, run.q)
    standing = result.task.standing
    flexion, projection = metrics.knee_flexion(points), metrics.fppa(points)
    return Figure(
        label=label,
        time=run.time,
        landmarks=points,
        bodies=bodies,
        muscles=tuple(_muscles(result)),
        fppa={side: projection[:, SIDES.index(side)] for side in standing},
        knee_flexion={side: flexion[:, SIDES.index(side)] for side in standing},
        posting={
            side: float(np.radians(leg.foot_pronation_deg))
            for side, leg in zip(SIDES, model.subject.legs(), strict=True)
        },
        stature=model.subject.height_m,
        note=_note(result),
    )


def _bodies(result: Result) -> dict[str, Array]:
    """World transforms (n, 4, 4) of the bodies in OpenSim's frames."""
    model, frames = result.model, _links(result)
    size = model.subject.height_m / anatomy.REFERENCE_HEIGHT
    out = {}
    for name, frame in frames.items():
        body, mirror = (name[:-2], 1.0 if name.endswith("_r") else -1.0) if name[-2:] in ("_r", "_l") else (name, 1.0)
        if body in BODIES:
            offset = anatomy.body_origin(body) * size * [1.0, 1.0, mirror]
            stretch = model.stretch[model.link(name)] if name in model.skeleton.names else np.ones(3)
            out[name] = frame @ _transform(np.diag(stretch)[None], np.zeros((1, 3)), offset)
    return out


BODIES = ("pelvis", "torso", "femur", "tibia", "patella", "talus", "calcn", "forefoot")


def _links(result: Result) -> dict[str, Array]:
    """World transforms (n, 4, 4) of every link, and of the patellae."""
    model, run = result.model, result.run
    names = model.skeleton.names
    rotation, origin = np.empty((len(run.time), len(names), 3, 3)), np.empty((len(run.time), len(names), 3))
    for i, q in enumerate(run.q):
        rotation[i], origin[i] = model.frames(q)
    # A twisted femur is drawn straight: its head and neck are in their place, its condyles are not.
    turn = [np.eye(3) if name.startswith("femur") else model.turned[k] for k, name in enumerate(names)]
    out = {name: _transform(rotation[:, k] @ turn[k], origin[:, k], np.zeros(3)) for k, name in enumerate(names)}
    size = model.subject.height_m / anatomy.REFERENCE_HEIGHT
    for suffix, mirror in (("_r", 1.0), ("_l", -1.0)):
        tilt, place = anatomy.patella(run.q[:, 6 + names.index("knee_1" + suffix)])
        flip = np.array([1.0, 1.0, mirror])
        stretch = model.stretch[model.link("femur" + suffix)]
        local = _transform(tilt * flip[:, None] * flip, place * size * stretch * flip, np.zeros(3))
        out["patella" + suffix] = out["femur" + suffix] @ local
    return out


def _transform(rotation: Array, origin: Array, offset: Array) -> Array:
    out = np.tile(np.eye(4), (len(origin), 1, 1))
    out[:, :3, :3] = rotation
    out[:, :3, 3] = origin + rotation @ offset
    return out


def _muscles(result: Result) -> list[MusclePath]:
    model, run = result.model, result.run
    size, muscles = model.subject.height_m / anatomy.REFERENCE_HEIGHT, model.muscles
    paths, links = anatomy.path_points(), _links(result)
    out = []
    for leg, (side, suffix) in enumerate(SUFFIX.items()):
        mirror = np.array([1.0, 1.0, 1.0 if side == "right" else -1.0])
        for k, name in enumerate(muscles.names):
            world = []
            for body, xyz in paths[name]:
                link = body if body in links else body + suffix
                frame = links[link]
                longer = model.stretch[model.link(link)] if link in model.skeleton.names else 1.0
                world.append(frame[:, :3, 3] + frame[:, :3, :3] @ (np.asarray(xyz) * size * longer * mirror))
            radius = float(np.sqrt(muscles.F0[leg, k] / SPECIFIC_TENSION / np.pi))
            out.append(
                MusclePath(
                    name=name + suffix,
                    points=np.stack(world, axis=1),
                    activation=run.activation[:, leg, k],
                    radius=radius,
                )
            )
    return out


def _note(result: Result) -> str:
    """What is special about this person, in a few words."""
    said = result.model.subject.model_dump(exclude_defaults=True)
    supports = said.get("supports", {})
    words = [(side, dial) for side in SIDES for part in (said, supports) for dial in _dials(part.get(side, {}))]
    both = [dial for side, dial in words if side == "right" and ("left", dial) in words]
    lines = [f"{_plain(name)} {value:g}" for name, value in both]
    lines += [f"{side} {_plain(name)} {value:g}" for side, (name, value) in words if (name, value) not in both]
    lines += [f"{_plain(name)} {value:g}" for name, value in supports.items() if name not in SIDES]
    return ", ".join(lines)


def _dials(part: dict[str, Any]) -> list[tuple[str, float]]:
    muscles = part.get("muscles", {})
    found = [(name, value) for name, value in part.items() if name != "muscles"]
    return found + [(f"{muscle}_{name}", value) for muscle, one in muscles.items() for name, value in one.items()]


def _plain(name: str) -> str:
    return name.removesuffix("_strength").removesuffix("_deg").removesuffix("_mm").replace("_", " ")
