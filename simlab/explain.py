"""What a muscle does in a posture: moment arms, forces, and where it pulls the knee when the feet are on the ground.

The closed chain. The pelvis is held and so is every contact sphere of the standing soles, which leaves a leg of nine
hinges two ways to move: the leg swivels about the line from hip to ankle, which carries the knee in or out, and the
thigh twists about its own long axis, which the ligaments of the knee resist. Medial travel is the mixture of both that
a slow medial push at the knee would bring about against the passive tissue of the joints alone: of all motions
that carry the knee centre one metre towards the midline, the one with the least elastic energy (stiffness of
`simlab.kernels.passive` at the posture). By reciprocity a tendon force times the shortening of the muscle along this
motion is the force at the knee, medial or lateral, that the muscle amounts to.

The choice matters. A simulated squat with weak external rotators deviates along this motion: to within 0.8 deg per cm
in every joint but the sagittal ones, which turn by up to 5. With inertia in place of tissue, which governs a jolt and
not a squat, the thigh would hardly turn, and the gluteus medius would pull the knee out down to the bottom.
"""

from __future__ import annotations

import csv
import difflib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from simlab import metrics, paths, tables, tasks
from simlab.compare import COLOURS
from simlab.errors import InputError
from simlab.kernels import kinematics, passive
from simlab.model import Model, build, landmarks, state
from simlab.motion import COORDINATES, LEG_COORDINATES, SIDES, SUFFIX, Array, readonly
from simlab.muscles import CROSSED, LEG, Muscles

NAMES = {
    "addbrev": "adductor brevis",
    "addlong": "adductor longus",
    "addmag": "adductor magnus",
    "bflh": "biceps femoris, long head",
    "bfsh": "biceps femoris, short head",
    "edl": "extensor digitorum longus",
    "ehl": "extensor hallucis longus",
    "fdl": "flexor digitorum longus",
    "fhl": "flexor hallucis longus",
    "gaslat": "gastrocnemius, lateral head",
    "gasmed": "gastrocnemius, medial head",
    "glmax": "gluteus maximus",
    "glmed": "gluteus medius",
    "glmin": "gluteus minimus",
    "grac": "gracilis",
    "iliacus": "iliacus",
    "obtint": "obturator internus",
    "perbrev": "peroneus brevis",
    "perlong": "peroneus longus",
    "piri": "piriformis",
    "psoas": "psoas",
    "quadfem": "quadratus femoris",
    "recfem": "rectus femoris",
    "sart": "sartorius",
    "semimem": "semimembranosus",
    "semiten": "semitendinosus",
    "soleus": "soleus",
    "tfl": "tensor fasciae latae",
    "tibant": "tibialis anterior",
    "tibpost": "tibialis posterior",
    "vasint": "vastus intermedius",
    "vaslat": "vastus lateralis",
    "vasmed": "vastus medialis",
}
"""What the names of muscles.csv begin with -> the muscle in plain language; its parts share a name."""
ARMS = {
    "hip_flexion_arm_mm": ("hip_flexion", 1.0),
    "hip_adduction_arm_mm": ("hip_adduction", 1.0),
    "hip_internal_rotation_arm_mm": ("hip_rotation", 1.0),
    "knee_flexion_arm_mm": ("knee_angle", 1.0),
    "knee_abduction_arm_mm": ("knee_adduction", -1.0),
}
"""Column of the table -> coordinate and sign."""
DEEPEST = 110.0
"""Knee flexion [deg] of the squat whose postures are used when no task is given."""
STEP = 1e-5
"""Of central differences [rad]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """The muscles of the standing legs in one posture, at rest. Arrays have a row for each of `sides`, read-only.

    muscle_paths: the assumption about them; task: whose healthy posture; knee_flexion, hip_flexion [rad] (s,);
    force: maximum isometric force [N] (s, m); passive: passive force [N] (s, m); arms: moment arms [m] (s, m, 8), as
    the first eight leg coordinates; travel: medial knee travel, how the nine angles of the leg change with it [rad/m]
    (s, 9); parts: shortening of the muscle per medial knee travel that each angle contributes [m/m] (s, m, 8).
    """

    subject: str
    muscle_paths: str
    task: str
    sides: tuple[str, ...]
    muscles: tuple[str, ...]
    knee_flexion: Array
    hip_flexion: Array
    force: Array
    passive: Array
    arms: Array
    travel: Array
    parts: Array

    @property
    def effect(self) -> Array:
        """Shortening per medial knee travel [m/m] (s, m): positive pulls the knee in, negative out."""
        return np.asarray(self.parts.sum(axis=2))

    @property
    def capacity(self) -> Array:
        """The medial force at the knee that the muscle at its maximum force amounts to [N] (s, m)."""
        return self.force * self.effect


def explain(
    model: Model,
    knee_flexion_deg: float | None = None,
    hip_flexion_deg: float | None = None,
    task: tasks.Task | None = None,
) -> Explanation:
    """What the muscles of a subject do in the healthy posture of a task at a knee flexion, or at a hip flexion.

    The posture is that of the descent of the subject's healthy twin, by default in a squat; with neither angle its
    deepest. Errors: InputError for both angles, or one that the task does not reach.
    """
    task = task or tasks.load("squat", depth_deg=DEEPEST)
    return _at(model, task, _posture(_descent(model, task), task, knee_flexion_deg, hip_flexion_deg))


def _descent(model: Model, task: tasks.Task) -> Array:
    """The healthy twin's coordinates from the start to the deepest point of its first descent, shape (n, 27)."""
    values = task.plan(build(model.subject.twin())).values
    depth = values[:, COORDINATES.index("knee_angle" + SUFFIX[task.standing[0]])]
    return values[: int(np.argmax(depth)) + 1]


def _posture(way: Array, task: tasks.Task, knee_flexion_deg: float | None, hip_flexion_deg: float | None) -> Array:
    """The posture on the way (n, 27) at one of the two angles, or its last, shape (27,). Errors: InputError."""
    if knee_flexion_deg is not None and hip_flexion_deg is not None:
        raise InputError("explain: expected knee_flexion_deg or hip_flexion_deg, found both")
    for key, asked in (("knee_flexion_deg", knee_flexion_deg), ("hip_flexion_deg", hip_flexion_deg)):
        if asked is None:
            continue
        joint = "knee_angle" if key == "knee_flexion_deg" else "hip_flexion"
        column = COORDINATES.index(joint + SUFFIX[task.standing[0]])
        low, high = np.degrees(way[[0, -1], column])
        if not low - 0.1 <= asked <= high + 0.1:
            passed = f"expected {low:.0f} to {high:.0f} (what the {task.name} passes through)"
            raise InputError(f"explain: {key}: {passed}, found {asked:g}")
        return _between(way, column, math.radians(asked))
    return way[-1]


def _between(way: Array, column: int, value: float) -> Array:
    """The posture on the way at a value of one coordinate, shape (27,)."""
    return np.array([np.interp(value, way[:, column], way[:, i]) for i in range(way.shape[1])])


def _at(model: Model, task: tasks.Task, posture: Array) -> Explanation:
    q = state(model, posture)
    muscles = Muscles(model)
    muscles.update(q, np.zeros(27))
    legs = [SIDES.index(side) for side in task.standing]
    angles = q[10:].reshape(2, LEG)[legs]
    travel = np.array([medial_travel(model, q, side) for side in task.standing])
    arms = muscles.arm[legs]
    m = len(model.muscles.names)
    return Explanation(
        subject=model.subject.name,
        muscle_paths=model.subject.muscle_paths,
        task=task.name,
        sides=task.standing,
        muscles=model.muscles.names,
        knee_flexion=readonly(angles[:, LEG_COORDINATES.index("knee_angle")], None),
        hip_flexion=readonly(angles[:, LEG_COORDINATES.index("hip_flexion")], None),
        force=readonly(model.muscles.F0[legs], None, m),
        passive=readonly(muscles.passive[legs], None, m),
        arms=readonly(arms, None, m, CROSSED),
        travel=readonly(travel, None, LEG),
        parts=readonly(arms * travel[:, None, :CROSSED], None, m, CROSSED),
    )


# --- the closed chain -------------------------------------------------------------------------------------------------


def medial_travel(model: Model, q: Array, side: str) -> Array:
    """How the nine angles of a leg change when its knee travels towards the midline [rad/m] (9,) at the state q (28,).

    Pelvis and sole are held; the rest as at the head of this module.
    """
    leg = SIDES.index(side)
    own = slice(9 + LEG * leg, 9 + LEG * (leg + 1))
    s, spheres = model.skeleton, model.spheres
    sole = np.flatnonzero(spheres.foot == leg)
    link = np.append(spheres.link[sole], model.link("tibia" + SUFFIX[side])).astype(np.int32)
    local = np.vstack([spheres.centre[sole], np.zeros(3)])
    x, jacobian, drift = np.empty((len(link), 3)), np.empty((len(link), 3, 27)), np.empty((len(link), 3))
    kinematics.point_jacobian(s.parent, s.pos, s.axis, q, np.zeros(27), link, local, x, jacobian, drift)
    medial = -metrics.OUTWARD[leg] * metrics.sideways(landmarks(model, np.zeros(1), q[None]))[0]
    knee = medial @ jacobian[-1, :, own]
    held = jacobian[:-1, :, own].reshape(-1, LEG)
    _, size, rows = np.linalg.svd(held)
    free = rows[int(np.sum(size > 1e-6 * size[0])) :].T
    compliance = np.linalg.inv(free.T @ _stiffness(model, q, leg) @ free)
    push = free @ compliance @ free.T @ knee
    return np.asarray(push / (knee @ push))


def _stiffness(model: Model, q: Array, leg: int) -> Array:
    """Of the passive tissue of a leg's joints at the state q [Nm/rad] (9, 9)."""
    angles = q[10 + LEG * leg : 10 + LEG * (leg + 1)]
    torque = np.empty((2, LEG, LEG))
    for sign, rows in zip((1.0, -1.0), torque, strict=True):
        for row, step in zip(rows, sign * STEP * np.eye(LEG), strict=True):
            passive.torque(angles + step, np.zeros(LEG), model.passive[leg], row)
    slope = (torque[1] - torque[0]) / (2 * STEP)
    return np.asarray((slope + slope.T) / 2)


# --- table and sentences ----------------------------------------------------------------------------------------------


def plain(muscle: str) -> str:
    """The muscle in plain language that a name of muscles.csv belongs to."""
    return next(name for start, name in NAMES.items() if muscle.startswith(start))


def table(explanation: Explanation) -> list[dict[str, Any]]:
    """A row a muscle and leg, from what can pull the knee in most to what can pull it out most.

    Arms [mm] are positive for flexion, adduction, internal rotation and knee abduction (valgus); closed_chain_mm_per_cm
    is the shortening for each centimetre of medial knee travel; capacity_n is the medial force at the knee that the
    maximum force amounts to; rank counts from 1 in the order of the rows of a leg.
    """
    e, rows = explanation, []
    for s, side in enumerate(e.sides):
        for rank, i in enumerate(np.argsort(-e.capacity[s], kind="stable"), 1):
            arms = {key: 1e3 * sign * e.arms[s, i, LEG_COORDINATES.index(of)] for key, (of, sign) in ARMS.items()}
            values = arms | {
                "maximum_force_n": e.force[s, i],
                "passive_force_n": e.passive[s, i],
                "closed_chain_mm_per_cm": 10.0 * e.effect[s, i],
                "capacity_n": e.capacity[s, i],
            }
            named = {"side": side, "rank": rank, "muscle": e.muscles[i], "name": plain(e.muscles[i])}
            rows.append(named | {key: float(value) + 0.0 for key, value in values.items()})
    return rows


def sentences(explanation: Explanation, side: str | None = None) -> list[str]:
    """Three sentences: what the gluteus medius does to the knee here and why, what pulls it out, what pulls it in.

    side: whose leg, by default the first that stands. Errors: InputError for one that does not.
    """
    e = explanation
    if side is not None and side not in e.sides:
        raise InputError(f"explain: side: expected {' or '.join(e.sides)}, found {side!r}")
    s = e.sides.index(side or e.sides[0])
    knee, hip = (f"{math.degrees(angle[s]):.0f} deg" for angle in (e.knee_flexion, e.hip_flexion))
    own = _members(e.muscles, "gluteus medius")
    parts = 10.0 * np.average(e.parts[s, own], axis=0, weights=e.force[s, own])
    effect = parts.sum()
    joints = [LEG_COORDINATES.index(name) for name in ("hip_rotation", "hip_adduction")]
    turning, abducting = parts[joints]
    turn, adduct = np.average(e.arms[s, own][:, joints], axis=0, weights=e.force[s, own])
    first = (
        f"At {knee} of knee flexion (hip flexion {hip}) the gluteus medius, foot on the ground, pulls the {e.sides[s]} "
        f"knee {_way(effect)}: it {'shortens' if effect > 0 else 'lengthens'} by {abs(effect):.1f} mm for each "
        f"centimetre that the knee travels in ({turning:+.1f} by turning the thigh {_way(turn)}ward and "
        f"{abducting:+.1f} by {'adducting' if adduct > 0 else 'abducting'} it)."
    )
    capacity = {name: float(e.capacity[s, own].sum()) for name, own in _whole(e.muscles).items()}
    order = sorted(capacity, key=lambda name: capacity[name])
    passive_pull = float(e.passive[s] @ e.effect[s])
    second = f"What can pull the knee out there, at full force: {_listed(order[:4], capacity)}."
    third = (
        f"What can pull it in: {_listed(order[:-5:-1], capacity)}; relaxed and only stretched, all muscles "
        f"together pull it {_way(passive_pull)} with {abs(passive_pull):.0f} N."
    )
    return [first, second, third]


def _way(value: float) -> str:
    return "in" if value > 0 else "out"


def _listed(names: Sequence[str], capacity: dict[str, float]) -> str:
    return _joined([f"{name.replace(',', '')} ({abs(capacity[name]):.0f} N)" for name in names])


def _joined(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} and {words[-1]}"


@cache
def _whole(muscles: tuple[str, ...]) -> dict[str, list[int]]:
    """Plain name -> where its parts are."""
    out: dict[str, list[int]] = {}
    for i, muscle in enumerate(muscles):
        out.setdefault(plain(muscle), []).append(i)
    return out


def _members(muscles: tuple[str, ...], name: str) -> list[int]:
    """Where the parts of a muscle are: by its plain name or by one of muscles.csv. Errors: InputError."""
    known = {**{muscle: [i] for i, muscle in enumerate(muscles)}, **_whole(muscles)}
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.0)[0]
        raise InputError(f"explain: muscles: expected names of muscles, the nearest is '{near}', found {name!r}")
    return known[name]


# --- cadavers ---------------------------------------------------------------------------------------------------------

COMPARTMENTS = {
    "glmed1": {"gmed1": 0.75, "gmed2": 0.25},
    "glmed2": {"gmed2": 0.5, "gmed3": 0.5},
    "glmed3": {"gmed3": 0.25, "gmed4": 0.75},
    "glmax1": {"gmax1": 0.5, "gmax2": 0.5},
    "glmax2": {"gmax3": 0.5, "gmax4": 0.5},
    "glmax3": {"gmax5": 0.5, "gmax6": 0.5},
}
"""Part of the model's muscle -> its shares of the compartments of cadaver_arms.csv. There the gluteus medius is cut
into four from front to back, here into three: each third covers three quarters of one compartment and a quarter of the
next, or two halves. Of the gluteus maximus each third covers two of six, from top to bottom."""


def cadaver_arms(muscle: str) -> tuple[Array, Array]:
    """Hip rotation arms of a part of a gluteus in four cadavers, internal positive, at neutral adduction and rotation.

    Returns hip flexion [rad] (k,) and mean, low, high [m] (3, k); low and high are weighted as the means, so wider than
    the range of the weighted arms. Source: Delp et al. 1999, doi 10.1016/S0021-9290(99)00032-9.
    """
    text = tables.models().joinpath("cadaver_arms.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    total: Any = 0.0
    for compartment, share in COMPARTMENTS[muscle].items():
        own = [row for row in rows if row["compartment"] == compartment]
        columns = ("hip_flexion_deg", *(f"internal_rotation_arm_{of}_mm" for of in ("mean", "low", "high")))
        flexion, *arms = (np.array([float(row[column]) for row in own]) for column in columns)
        total = total + share * np.array(arms)
    return np.radians(flexion), 1e-3 * total


# --- picture ----------------------------------------------------------------------------------------------------------

SHOWN = (
    "gluteus medius",
    "gluteus maximus",
    "obturator internus",
    "quadratus femoris",
    "adductor longus",
    "biceps femoris, long head",
)
"""The muscles of the picture, unless others are named."""
INK = (*COLOURS, "#E69F00", "#56B4E9")
MOST = len(INK)
"""Muscles that a picture can hold: colours that can be told apart."""
DASHES: dict[str, Any] = {"anatomical": "-", "torque_balanced": (0, (4, 2))}
NAMED = {"anatomical": "anatomical", "torque_balanced": "torque-balanced, a sensitivity bound"}
CURVE = np.radians(np.linspace(0.0, 100.0, 41))
"""Hip flexions of the curves [rad]."""
BARS = 7
"""Muscles of the ranking, at either end."""
STRAIGHT = np.radians(15.0)
"""Knee flexion from which effects are drawn: the straighter knee travels in only against its ligaments."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Curves:
    """Of the leg that is drawn, under one assumption. arm: hip rotation arm [m] (41, m) at neutral adduction and
    rotation; parts (41, m, 8), effect (41, m): as in Explanation, at the squat's own postures, NaN where it has none
    and where the knee is nearly straight."""

    arm: Array
    parts: Array

    @property
    def effect(self) -> Array:
        return np.asarray(self.parts.sum(axis=2))


def plot(model: Model, path: str | Path, muscles: Sequence[str] | None = None, knee_flexion_deg: float = 75.0) -> None:
    """Draw moment arms and closed-chain effects over hip flexion, and the ranking at a knee flexion, in a squat.

    PNG, PDF or SVG by the suffix. muscles: plain names or those of muscles.csv, the first one is taken apart; both
    assumptions about the paths are drawn, and the cadavers where there are any. The right leg.
    Errors: InputError for unknown or too many muscles, or a knee flexion that the squat does not reach.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shown = tuple(muscles or SHOWN)
    if len(shown) > MOST:
        raise InputError(f"explain: muscles: expected at most {MOST}, found {len(shown)}")
    found = {name: _members(model.muscles.names, name) for name in shown}
    drawn = {
        next((of for of, whole in _whole(model.muscles.names).items() if whole == own), name): own
        for name, own in found.items()
    }  # one plain name for a muscle, however it was called
    first = next(iter(drawn))
    task = tasks.load("squat", depth_deg=DEEPEST)
    models = _assumptions(model)
    way = _descent(model, task)
    posture = _posture(way, task, knee_flexion_deg, None)
    curves = {of: _curves(one, task, way) for of, one in models.items()}
    ranked = {of: _at(one, task, posture) for of, one in models.items()}
    figure = Figure(figsize=(12.0, 8.8), dpi=160, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(2, 2)
    _arms(axes[0, 0], model, drawn, curves)
    _why(axes[0, 1], model, first, drawn[first], curves)
    _effects(axes[1, 0], model, drawn, curves)
    _ranking(axes[1, 1], ranked, dict(zip(drawn, INK, strict=False)))
    from matplotlib.lines import Line2D

    keys = [Line2D([], [], color="0.25", linestyle=dash, label=NAMED[of]) for of, dash in DASHES.items()]
    keys.append(
        Line2D([], [], color="black", ls="", marker="|", ms=11, mew=1.6, label=f"{NAMED['torque_balanced']}, in 4")
    )
    style: dict[str, Any] = {"loc": "outside lower center", "frameon": False, "fontsize": 9}
    figure.legend(handles=keys, title="assumption about muscle paths", ncols=3, **style)
    figure.suptitle(_headline(first, drawn[first], model, curves["anatomical"], ranked["anatomical"]), fontsize=13)
    figure.savefig(path)


def _assumptions(model: Model) -> dict[str, Model]:
    """The same person under each assumption about the muscle paths."""
    own = build(model.subject.model_copy(update={"muscle_paths": "anatomical"}))
    other = replace(own, muscles=replace(own.muscles, paths=paths.balanced(own.muscles.paths)))
    return {"anatomical": own, "torque_balanced": other}


def _curves(model: Model, task: tasks.Task, way: Array) -> _Curves:
    column = COORDINATES.index("hip_flexion_r")
    arms = np.empty((len(CURVE), len(model.muscles.names)))
    parts = np.full((*arms.shape, CROSSED), np.nan)
    muscles = Muscles(model)
    for i, flexion in enumerate(CURVE):
        muscles.update(state(model, np.where(np.arange(len(COORDINATES)) == column, flexion, 0.0)), np.zeros(27))
        arms[i] = muscles.arm[0, :, LEG_COORDINATES.index("hip_rotation")]
        posture = _between(way, column, float(flexion))
        if flexion <= way[-1, column] and posture[COORDINATES.index("knee_angle_r")] >= STRAIGHT:
            parts[i] = _at(model, task, posture).parts[0]
    return _Curves(arm=arms, parts=parts)


def _mean(values: Array, model: Model, own: list[int]) -> Array:
    """Over the parts of a muscle, weighted with their force: (..., m) -> (...)."""
    return np.asarray(np.average(values[..., own], axis=-1, weights=model.muscles.F0[0, own]))


def _last(curve: Array) -> float:
    """Where a curve ends."""
    return float(curve[np.isfinite(curve)][-1])


def _arms(axis: Any, model: Model, drawn: dict[str, list[int]], curves: dict[str, _Curves]) -> None:
    ends = {}
    for (name, own), colour in zip(drawn.items(), INK, strict=False):
        if not np.any(curves["anatomical"].arm[:, own]):
            continue
        for of, dash in DASHES.items():
            axis.plot(np.degrees(CURVE), 1e3 * _mean(curves[of].arm, model, own), color=colour, ls=dash, lw=1.9)
        ends[name] = colour, _last(1e3 * _mean(curves["anatomical"].arm, model, own))
        parts = [model.muscles.names[i] for i in own]
        if set(parts) <= set(COMPARTMENTS):
            found = [cadaver_arms(part) for part in parts]
            mean, low, high = 1e3 * np.average([arm for _, arm in found], axis=0, weights=model.muscles.F0[0, own])
            spread = np.array([mean - low, high - mean])
            words = "four cadavers (Delp 1999), mean and range" if not axis.get_legend_handles_labels()[1] else None
            style = {"fmt": "o", "ms": 5, "elinewidth": 1.1, "capsize": 2.5, "alpha": 0.85, "mec": "white"}
            axis.errorbar(np.degrees(found[0][0]), mean, spread, color=colour, label=words, **style)
    _finish(
        axis,
        "1  Which way a muscle turns the thigh",
        "moment arm of hip rotation [mm]",
        "turns it inward",
        "turns it outward",
        ends,
    )
    if axis.get_legend_handles_labels()[1]:
        axis.legend(loc="upper left", bbox_to_anchor=(0.0, 0.95), handletextpad=0.3, fontsize=8.5, frameon=False)


def _why(axis: Any, model: Model, name: str, own: list[int], curves: dict[str, _Curves]) -> None:
    ends = {}
    jobs = {"by hip rotation": ("hip_rotation",), "by hip adduction": ("hip_adduction",)}
    rest = tuple(name for name in LEG_COORDINATES[:CROSSED] if name not in ("hip_rotation", "hip_adduction"))
    for (words, joints), colour in zip(
        (jobs | {"by other joints": rest}).items(), ("#D55E00", "#56B4E9", "0.55"), strict=True
    ):
        columns = [LEG_COORDINATES.index(joint) for joint in joints]
        lines = {of: 10 * _mean(curve.parts[..., columns].sum(axis=-1), model, own) for of, curve in curves.items()}
        if np.nanmax(np.abs(lines["anatomical"])) > 0.05:
            for of, dash in DASHES.items():
                axis.plot(np.degrees(CURVE), lines[of], color=colour, ls=dash, lw=1.7)
            ends[words] = colour, _last(lines["anatomical"])
    for of, dash in DASHES.items():
        axis.plot(np.degrees(CURVE), 10 * _mean(curves[of].effect, model, own), color="black", ls=dash, lw=2.6)
    ends["in all"] = "black", _last(10 * _mean(curves["anatomical"].effect, model, own))
    _finish(axis, f"2  What the {name} does to the knee, and how", EFFECT, *PULLS, ends)


SHADES = {"top": "#fdf1ea", "bottom": "#ebf3fa"}
"""Behind what pulls or turns in, and out."""
EFFECT = "shortening per cm of inward\nknee travel [mm/cm]"
PULLS = "pulls the knee in", "pulls the knee out"


def _effects(axis: Any, model: Model, drawn: dict[str, list[int]], curves: dict[str, _Curves]) -> None:
    ends = {}
    for (name, own), colour in zip(drawn.items(), INK, strict=False):
        for of, dash in DASHES.items():
            axis.plot(np.degrees(CURVE), 10 * _mean(curves[of].effect, model, own), color=colour, ls=dash, lw=1.9)
        ends[name] = colour, _last(10 * _mean(curves["anatomical"].effect, model, own))
    _finish(axis, "3  What others do to the knee, foot on the ground", EFFECT, *PULLS, ends)


def _finish(axis: Any, title: str, quantity: str, above: str, below: str, ends: dict[str, tuple[str, float]]) -> None:
    """Axis labels, the zero line with its meaning, and the names of the lines at their ends."""
    axis.set_title(title, fontsize=11, loc="left")
    axis.set_xlabel("hip flexion [deg]", fontsize=9.5)
    axis.set_ylabel(quantity, fontsize=9.5)
    axis.axhline(0, color="0.35", lw=1.0, zorder=0)
    low, high = axis.get_ylim()
    pad = 0.1 * (high - low)
    low, high = min(low, 0.0) - pad, max(high, 0.0) + pad
    axis.set_ylim(low, high)
    axis.set_xlim(0, 100)
    for text, edge, height, at in (
        (f"+ {above}", high, 0.975, "top"),
        (f"\N{MINUS SIGN} {below}", low, 0.025, "bottom"),
    ):
        axis.axhspan(0, edge, color=SHADES[at], zorder=-2)
        axis.text(0.015, height, text, transform=axis.transAxes, va=at, fontsize=9.5, style="italic", color="0.25")
    gap, place = 0.058 * (high - low), -np.inf
    for name, (colour, y) in sorted(ends.items(), key=lambda item: item[1][1]):
        place = max(y, place + gap)
        label = name.replace(", long head", "").replace(", short head", " (short)")
        axis.annotate(label, (101.5, place), color=colour, fontsize=8.8, va="center", annotation_clip=False)
    axis.grid(color="0.93", lw=0.6)
    axis.set_axisbelow(True)
    axis.spines[["top", "right"]].set_visible(False)
    axis.tick_params(labelsize=9)


def _ranking(axis: Any, ranked: dict[str, Explanation], colours: dict[str, str]) -> None:
    """Bars of what whole muscles can do to the knee of the right leg."""
    first = ranked["anatomical"]
    whole = _whole(first.muscles)
    capacity = {of: {name: float(e.capacity[0, own].sum()) for name, own in whole.items()} for of, e in ranked.items()}
    order = sorted(whole, key=lambda name: capacity["anatomical"][name])
    order = order[:BARS] + order[-BARS:]
    y = np.arange(len(order))
    values = np.array([capacity["anatomical"][name] for name in order])
    axis.barh(y, values, color=[colours.get(name, "0.65") for name in order], height=0.7, zorder=2)
    other = [capacity["torque_balanced"][name] for name in order]
    axis.plot(other, y, "|", color="black", ms=11, mew=1.6, zorder=3)
    axis.set_yticks([])
    for place, name, value in zip(y, order, values, strict=True):  # beside zero, where no bar is
        side, gap = ("right", -6) if value > 0 else ("left", 6)
        axis.annotate(name, (0, place), (gap, 0), textcoords="offset points", ha=side, va="center", fontsize=8.8)
    axis.axvline(0, color="0.35", lw=1.0)
    low, high = 1.15 * min(axis.get_xlim()[0], -0.6 * values.max()), axis.get_xlim()[1]
    axis.axvspan(0, high, color=SHADES["top"], zorder=-2)
    axis.axvspan(low, 0, color=SHADES["bottom"], zorder=-2)
    axis.set_xlim(low, high)
    axis.set_xlabel(
        "pulls out  \N{LEFTWARDS ARROW}  force at the knee [N]  \N{RIGHTWARDS ARROW}  pulls in", fontsize=9.5
    )
    knee = f"{math.degrees(first.knee_flexion[0]):.0f} deg"
    axis.set_title(f"4  What can pull most, at full force, knee at {knee}", fontsize=11, loc="left")
    axis.grid(axis="x", color="0.93", lw=0.6)
    axis.set_axisbelow(True)
    axis.spines[["top", "right", "left"]].set_visible(False)
    axis.tick_params(axis="x", labelsize=9)


def _headline(name: str, own: list[int], model: Model, curve: _Curves, ranked: Explanation) -> str:
    """Where the first muscle changes sides, and what can pull the knee out at the posture of the ranking."""
    flexion, effect = np.degrees(CURVE), _mean(curve.effect, model, own)
    turns = np.flatnonzero(effect[:-1] * effect[1:] < 0)
    if len(turns):
        i = int(turns[-1])
        at = flexion[i] - effect[i] * (flexion[i + 1] - flexion[i]) / (effect[i + 1] - effect[i])
        where = f"Beyond {at:.0f} deg of hip flexion the {name} pulls the knee {_way(float(effect[i + 1]))}"
    else:
        where = f"The {name} pulls the knee {_way(_last(effect))} throughout the squat"
    capacity = {of: float(ranked.capacity[0, parts].sum()) for of, parts in _whole(ranked.muscles).items()}
    out = sorted(capacity, key=lambda of: capacity[of])[:3]
    knee = f"{math.degrees(ranked.knee_flexion[0]):.0f} deg"
    names = _joined([of.replace(",", "") for of in out])
    return f"{where}.\nWhat can pull it out at {knee} of knee flexion: {names}."
