"""Pictures of people who squat: bones, muscles coloured by activation, and the frontal-plane angle of each knee.

A picture is one flat sheet. Every view of every person is the same three-dimensional figure, moved to its panel and for
the side view turned by 90 deg; one camera looks at the sheet along -X in parallel projection. So angles and lengths on
paper are true, all panels of a row share a scale, and what is drawn in front (lines, arcs) only needs a larger X.
The person's right is on the left of a front view, as for a clinician who stands before the patient.
Each person is turned to face the viewer (pelvis heading), because the frontal-plane angle is defined in that plane.
"""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simlab import bones
from simlab.motion import SIDES, Array, Landmarks, readonly
from simlab.shapes import Ink, belly, colour_of, curve, muscle_colours, rgb_of, tube_faces, tubes

Pixels = NDArray[np.uint8]

VIEWS = ("front", "side")
OUTWARD = (-1.0, 1.0)
"""Direction on paper away from the midline of the right and the left leg, seen from the front."""
JOINTS = ("asis", "hip", "knee", "ankle", "heel", "toe")
LIMBS = (("asis", "hip"), ("hip", "knee"), ("knee", "ankle"), ("ankle", "heel"), ("heel", "toe"), ("toe", "ankle"))

BONE, FADED = (0.93, 0.88, 0.78), (0.90, 0.905, 0.915)
SOLID_BONE = {"ambient": 0.22, "diffuse": 0.85, "specular": 0.12, "specular_power": 18}
FLAT_BONE = {"ambient": 0.55, "diffuse": 0.50}
SOLE = (0.80, 0.82, 0.86)
INK, GREY, PAPER, CARD, GRID, FLOOR = "#20242c", "#6b7280", "#ffffff", "#f6f7f9", "#e7eaef", "#e0e3e9"
VALGUS, VARUS, CAPTURED = "#d55e00", "#0072b2", "#2f8fd0"
"""Okabe & Ito's colours stay apart for colour-blind readers."""

COARSE = 0.8
"""Share of the bones' triangles that a movie does without: none of them would fill a pixel."""

FINE_TUBE, COARSE_TUBE = (18, 8), (14, 6)
"""Points along and around a muscle, in a picture and in a movie."""

TURN_SIDE = np.array(((0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (-1.0, 0.0, 0.0)))
"""Turns a person who faces the viewer (+X) to face right on the sheet (-Z)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MusclePath:
    """One muscle over time: points [m, world], shape (n, k, 3); activation 0..1, shape (n,); belly radius [m]."""

    name: str
    points: Array
    activation: Array
    radius: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "points", readonly(self.points, len(self.activation), None, 3))
        object.__setattr__(self, "activation", readonly(self.activation, None))


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One person over time.

    time [s], shape (n,); bodies: body name to world transforms, shape (n, 4, 4), in OpenSim's body frames (`pelvis`,
    `torso`, and with _r, _l: `femur tibia patella talus calcn forefoot`; one that is missing is not drawn);
    fppa and knee_flexion: side to angle [rad], shape (n,), as simlab.metrics defines them, drawn as labels;
    posting: side to the posting of the sole [rad], inner side raised +;
    stature [m] scales the bones; note: what is special about this person, in a few words.
    """

    label: str
    time: Array
    landmarks: Landmarks
    bodies: Mapping[str, Array] = field(default_factory=dict)
    muscles: tuple[MusclePath, ...] = ()
    fppa: Mapping[str, Array] = field(default_factory=dict)
    knee_flexion: Mapping[str, Array] = field(default_factory=dict)
    posting: Mapping[str, float] = field(default_factory=dict)
    stature: float = bones.STATURE
    note: str = ""

    def __post_init__(self) -> None:
        n = len(self.time)
        object.__setattr__(self, "time", readonly(self.time, None))
        object.__setattr__(self, "bodies", {name: readonly(x, n, 4, 4) for name, x in self.bodies.items()})
        for name in ("fppa", "knee_flexion"):
            curves = {side: readonly(x, None) for side, x in getattr(self, name).items()}
            if unknown := set(curves) - set(SIDES):
                raise ValueError(f"{name}: expected the sides {SIDES}, got {sorted(unknown)}")
            object.__setattr__(self, name, curves)
        lengths = [len(self.landmarks.time), *(len(m.activation) for m in self.muscles)]
        lengths += [len(x) for x in (*self.fppa.values(), *self.knee_flexion.values())]
        if set(lengths) != {n}:
            raise ValueError(f"{self.label}: expected {n} instants everywhere, got {sorted(set(lengths))}")


def bend(landmarks: Landmarks) -> Array:
    """Angle between thigh and shank, mean of both legs [rad], shape (n,). It finds the deepest instant."""
    thigh, shank = landmarks.hip - landmarks.knee, landmarks.knee - landmarks.ankle
    cosine = (thigh * shank).sum(2) / np.linalg.norm(thigh, axis=2) / np.linalg.norm(shank, axis=2)
    return np.asarray(np.arccos(np.clip(cosine, -1.0, 1.0)).mean(1))


def facing(figure: Figure) -> Figure:
    """The person turned so that the pelvis faces +X at every instant and the ankles are centred on the origin."""
    marks = figure.landmarks
    across = marks.asis[:, 0] - marks.asis[:, 1]
    heading = np.arctan2(across[:, 0], across[:, 2])
    centre = marks.ankle.mean((0, 1)) * (1.0, 0.0, 1.0)
    turn = np.zeros((len(heading), 3, 3))
    turn[:, 0, 0] = turn[:, 2, 2] = np.cos(heading)
    turn[:, 0, 2], turn[:, 2, 0], turn[:, 1, 1] = -np.sin(heading), np.sin(heading), 1.0
    world = np.zeros((len(heading), 4, 4))
    world[:, :3, :3], world[:, :3, 3], world[:, 3, 3] = turn, -turn @ centre, 1.0

    def moved(points: Array) -> Array:
        return np.asarray(np.einsum("nij,nkj->nki", turn, points - centre))

    points: Any = {name: moved(getattr(marks, name)) for name in JOINTS}
    return replace(
        figure,
        bodies={name: world @ x for name, x in figure.bodies.items()},
        muscles=tuple(replace(m, points=moved(m.points)) for m in figure.muscles),
        landmarks=replace(marks, **points),
    )


def dressed(figure: Figure) -> dict[str, Array]:
    """The bodies [m], with a head that looks ahead and arms held forward (the model lumps them with the torso)."""
    bodies = dict(figure.bodies)
    if "torso" not in bodies:
        return bodies
    torso, scale = bodies["torso"], figure.stature / bones.STATURE
    lean = np.arctan2(-torso[:, 0, 1], torso[:, 1, 1])
    bodies["head"] = _attached(torso, bones.NECK * scale, -0.7 * lean)
    for body, mirror in (("arm_r", 1.0), ("arm_l", -1.0)):
        bodies[body] = _attached(torso, bones.SHOULDER * scale * (1.0, 1.0, mirror), np.pi / 2 - lean)
    return bodies


def _attached(torso: Array, origin: Array, turn: Array) -> Array:
    """Frames fixed to the torso at `origin` [m] and turned about its Z axis [rad], shape (n, 4, 4)."""
    local = np.broadcast_to(np.eye(4), torso.shape).copy()
    local[:, 0, 0] = local[:, 1, 1] = np.cos(turn)
    local[:, 0, 1], local[:, 1, 0] = -np.sin(turn), np.sin(turn)
    local[:, :3, 3] = origin
    return torso @ local


def _surface(points: Array, faces: Any) -> Any:
    """A pyvista surface of triangles (f, 3)."""
    import pyvista as pv

    return pv.PolyData.from_regular_faces(points, faces)


def _flat(ink: Ink) -> Any:
    """A pyvista surface of flat shapes, coloured by its point array `ink`."""
    points, faces, colours = ink.triangles()
    mesh = _surface(points, faces)
    mesh["ink"] = colours
    return mesh


def drawn_angle(hip: Array, knee: Array, ankle: Array) -> tuple[float, float]:
    """Directions on paper of the thigh's extension and of the shank [rad], from points (u, v); difference within pi."""
    thigh = float(np.arctan2(*(knee - hip)[::-1]))
    shank = float(np.arctan2(*(ankle - knee)[::-1]))
    return thigh, thigh + (shank - thigh + np.pi) % (2.0 * np.pi) - np.pi


def fppa_text(angle: float) -> str:
    """`FPPA +6.3° (valgus)` from radians; no side is named when it rounds to zero."""
    degrees = round(float(np.degrees(angle)), 1) + 0.0
    if degrees == 0.0:
        return "FPPA 0.0°"
    sign, word = ("+", "valgus") if degrees > 0 else ("\N{MINUS SIGN}", "varus")
    return f"FPPA {sign}{abs(degrees):.1f}° ({word})"


def change_text(change: float, label: str) -> str:
    """`+9.6° against healthy` from radians."""
    degrees = round(float(np.degrees(change)), 1) + 0.0
    sign = "+" if degrees > 0 else "\N{MINUS SIGN}" if degrees < 0 else ""
    return f"{sign}{abs(degrees):.1f}° against {label}"


# --- the sheet --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Panel:
    """Where one view of one person stands: floor under the person at (u, v), box from low to high, all on the sheet.

    Sheet units are points of a sheet 1200 high; scale [points/m].
    """

    view: str
    origin: Array
    low: Array
    high: Array
    scale: float

    def world(self) -> Array:
        """From the person's metres to the sheet, shape (4, 4)."""
        matrix = np.eye(4)
        matrix[:3, :3] = self.scale * (np.eye(3) if self.view == "front" else TURN_SIDE)
        matrix[1:3, 3] = self.origin[1], -self.origin[0]
        return matrix

    def paper(self, points: Array) -> Array:
        """World points (k, 3) [m] to sheet positions (k, 2)."""
        right = -points[:, 2] if self.view == "front" else points[:, 0]
        return self.origin + self.scale * np.column_stack((right, points[:, 1]))


HEIGHT, MARGIN, GAP, HEADER, FOOTER = 1200.0, 28.0, 16.0, 92.0, 74.0
FRONT_SHARE = 0.61
LABEL = 132.0
"""Width of the words beside a knee."""
FLOOR_BAND = 0.09
"""Strip of floor that is shown below the feet [m]."""
LETTER = 7.6
"""Mean width of a letter of a note, in units of the sheet."""


def layout(columns: int, top: float, aspect: float) -> list[list[Panel]]:
    """One column for each person, front view above side view; `top` is the height that must fit [m]."""
    width = (HEIGHT * aspect - 2 * MARGIN - GAP * (columns - 1)) / columns
    height = HEIGHT - HEADER - FOOTER - GAP
    sheet = []
    for column in range(columns):
        left, ceiling, panels = MARGIN + column * (width + GAP), HEIGHT - HEADER, []
        for view, share in zip(VIEWS, (FRONT_SHARE, 1.0 - FRONT_SHARE), strict=True):
            low, high = np.array((left, ceiling - share * height)), np.array((left + width, ceiling))
            scale = share * height / (top + FLOOR_BAND + 0.08)
            middle = 0.5 if view == "front" else 0.46
            origin = np.array((left + middle * width, low[1] + scale * FLOOR_BAND))
            panels.append(Panel(view, origin, low, high, scale))
            ceiling = low[1] - GAP
        sheet.append(panels)
    return sheet


def label_places(panel: Panel, knees: Array) -> Array:
    """Where the words beside the right knee end and those beside the left start, shape (2, 2), from knees (2, 3) [m].

    Both lie outside both knees, so that they cannot meet when the knees do, and inside the card.
    """
    places = panel.paper(knees)
    gap = 0.13 * panel.scale
    right, left = places[:, 0].min() - gap, places[:, 0].max() + gap
    places[:, 0] = max(right, panel.low[0] + LABEL), min(left, panel.high[0] - LABEL)
    return places


def _backdrop(ink: Ink, panel: Panel) -> None:
    """A card with a 10 cm grid, every half metre stronger, and the floor."""
    ink.box(panel.low, panel.high, CARD)
    step = 0.1 * panel.scale
    first, last = np.ceil((panel.low - panel.origin) / step), np.floor((panel.high - panel.origin) / step)
    for i in range(int(first[0]), int(last[0]) + 1):
        u = panel.origin[0] + i * step
        ink.line(np.array((u, panel.origin[1])), np.array((u, panel.high[1])), 2.2 if i % 5 == 0 else 1.1, GRID)
    for i in range(int(last[1]) + 1):
        v = panel.origin[1] + i * step
        ink.line(np.array((panel.low[0], v)), np.array((panel.high[0], v)), 2.2 if i % 5 == 0 else 1.1, GRID)
    ink.box(panel.low, np.array((panel.high[0], panel.origin[1])), FLOOR)
    ink.line(np.array((panel.low[0], panel.origin[1])), np.array((panel.high[0], panel.origin[1])), 2.0, "#c3c9d2")


class Sheet:
    """All that is drawn, made once; `draw` moves it to another instant."""

    def __init__(
        self,
        figures: Sequence[Figure],
        captured: Figure | None,
        *,
        size: tuple[int, int],
        frames: Sequence[Sequence[int]],
        off_screen: bool = True,
        fine: bool = True,
    ) -> None:
        """`frames`: the instants that will be drawn, for each person, so that they all fit. `fine`: soft shadows."""
        import pyvista as pv
        from vtkmodules.vtkCommonCore import vtkLogger

        vtkLogger.SetStderrVerbosity(vtkLogger.VERBOSITY_ERROR)  # it warns of a missing X server, then uses EGL
        people = [facing(figure) for figure in figures]
        ghost = facing(captured) if captured is not None else None
        self.size, self.fine = size, fine
        larger = (2.0 if fine else 1.5) if off_screen else 1.0
        window = [round(larger * pixels) for pixels in size]
        self.pixel = window[1] / HEIGHT
        plotter: Any = pv.Plotter
        self.plotter = plotter(off_screen=off_screen, window_size=window, lighting="none", border=False)
        if off_screen:
            self.plotter.disable_anti_aliasing()
        self.plotter.set_background(PAPER)
        self.plotter.renderer.SetUseOIT(False)  # blend in the order drawn, as ink on paper
        everyone = [*people, *([ghost] if ghost is not None else [])]
        if not everyone:
            raise ValueError("a picture needs at least one person")
        top = max(_top(person, index) for person, index in zip(everyone, frames, strict=True))
        panels = layout(len(everyone), top, size[0] / size[1])
        self._paper(everyone, panels)
        drawn = {name for person in everyone for name in dressed(person)}
        self.bones = {name: self._bone(surface) for name, surface in bones.load().items() if name in drawn}
        self.soles = {name: self._bone(surface) for name, surface in bones.soles().items() if name in drawn}
        self.people = [Person(self, person, column) for person, column in zip(everyone, panels, strict=True)]
        if ghost is not None and people:
            self.people[-1].stand_in = Person(self, replace(people[0], muscles=()), panels[-1], faded=True)
        for person in self.people[1 : len(people)]:
            person.twin = people[0]
        self._light()

    def _bone(self, surface: Any) -> Any:
        mesh = _surface(surface.vertices, surface.faces)
        mesh = mesh if self.fine else mesh.decimate(COARSE)
        return mesh.compute_normals(split_vertices=False, consistent_normals=False)

    def draw(self, indices: Sequence[int]) -> None:
        """Move every person to an instant; the first one's serves the pale skeleton behind the captured joints too."""
        for person, index in zip(self.people, indices, strict=True):
            person.draw(index, indices[0])

    def pixels(self) -> Pixels:
        """The sheet as it is drawn, larger than `size`, shape (height, width, 3): averaging it smooths every edge."""
        self.plotter.render()
        return np.ascontiguousarray(self.plotter.screenshot(return_img=True))

    def image(self) -> Pixels:
        """The sheet at its size, shape (height, width, 3)."""
        from PIL import Image

        return np.asarray(Image.fromarray(self.pixels()).resize(self.size, Image.Resampling.BOX))

    def text(
        self, words: str, at: Any, points: float, colour: str = INK, *, bold: bool = False, align: str = "left"
    ) -> Any:
        """Words on the sheet, their baseline at (u, v), `points` high; returns the actor."""
        from vtkmodules.vtkRenderingCore import vtkTextActor

        actor = vtkTextActor()
        actor.SetInput(words)
        style = actor.GetTextProperty()
        style.SetFontFamilyToArial()
        style.SetFontSize(max(round(points * self.pixel), 7))
        style.SetColor(*(c / 255.0 for c in rgb_of(colour)))
        style.SetBold(bold)
        getattr(style, {"left": "SetJustificationToLeft", "right": "SetJustificationToRight"}[align])()
        actor.SetPosition(at[0] * self.pixel, at[1] * self.pixel)
        self.plotter.add_actor(actor, reset_camera=False, render=False)
        return actor

    def flat(self, ink: Ink) -> Any:
        """Add flat shapes, unlit; returns the actor."""
        actor = self.plotter.add_mesh(
            _flat(ink), scalars="ink", rgb=True, lighting=False, show_scalar_bar=False, reset_camera=False, render=False
        )
        if self.fine:  # what is translucent takes no shadow
            actor.ForceTranslucentOn()
        return actor

    def _paper(self, everyone: Sequence[Figure], panels: Sequence[Sequence[Panel]]) -> None:
        """Cards, titles, captions and the legend: what never moves."""
        ink = Ink(-2000.0)
        for person, column in zip(everyone, panels, strict=True):
            for panel in column:
                _backdrop(ink, panel)
                self.text(f"{panel.view} view", panel.high * (0, 1) + panel.low * (1, 0) + (14, -28), 16, GREY)
            left = column[0].low[0]
            self.text(person.label, (left, HEIGHT - 46), 30, INK, bold=True)
            letters = int((column[0].high[0] - left) / LETTER)
            note = textwrap.shorten(person.note, 2 * letters - 12, placeholder=" ...")
            self.text("\n".join(textwrap.wrap(note, letters)), (left, HEIGHT - 86), 15, GREY)
        right = panels[-1][-1].high[0]
        if any(person.muscles for person in everyone):
            self._legend(ink, right)
        self.flat(ink)
        pale = (
            f" Pale behind the captured joints: {everyone[0].label}."
            if not everyone[-1].bodies and len(everyone) > 1
            else ""
        )
        self.text(
            "Parallel projection: angles and lengths on paper are true. Grid 10 cm. "
            f"In a front view the person's right is on the left.{pale}\n"
            "FPPA, frontal-plane projection angle of hip, knee and ankle: dashed, the thigh prolonged; "
            "orange, knee inward (valgus); blue, outward (varus).",
            (MARGIN, 18),
            15,
            GREY,
        )

    def _legend(self, ink: Ink, right: float) -> None:
        low, high, steps = right - 300.0, right - 30.0, 64
        for i in range(steps):
            rgb = colour_of(np.array((i + 0.5) / steps)).round().astype(int)
            u = low + (high - low) * np.array((i, i + 1)) / steps
            ink.box(np.array((u[0], 40.0)), np.array((u[1] + 0.3, 56.0)), "#{:02x}{:02x}{:02x}".format(*rgb))
        self.text("activation", (low - 12, 41), 17, INK, align="right")
        for value in (0.0, 0.5, 1.0):
            self.text(f"{value:g}", (low + (high - low) * value - (4 if value in (0.0, 1.0) else 10), 17), 15, GREY)

    def _light(self) -> None:
        import pyvista as pv

        plotter = self.plotter
        for toward, strength, colour in (
            ((1.0, 0.9, 0.8), 0.62, "#fff8ee"),  # key, from the upper left of the viewer
            ((1.0, 0.1, -0.9), 0.30, "#eaf1ff"),  # fill, from the right
            ((0.1, 1.0, -0.2), 0.28, "#ffffff"),  # rim, from above
            ((1.0, 0.0, 0.0), 0.18, "#ffffff"),
        ):
            light = pv.Light(position=toward, intensity=strength, color=colour, light_type="scene light")
            light.focal_point = (0.0, 0.0, 0.0)
            light.positional = False
            plotter.add_light(light)
        width = HEIGHT * plotter.window_size[0] / plotter.window_size[1]
        camera = plotter.camera
        camera.focal_point = (0.0, HEIGHT / 2, -width / 2)
        camera.position = (4000.0, HEIGHT / 2, -width / 2)
        camera.up = (0.0, 1.0, 0.0)
        camera.parallel_projection = True
        camera.parallel_scale = HEIGHT / 2
        camera.clipping_range = (500.0, 7000.0)
        if self.fine:
            plotter.enable_ssao(radius=14.0, bias=1.2, kernel_size=48, blur=True)


def _top(figure: Figure, frames: Sequence[int]) -> float:
    """Height of the crown above the floor at the highest of `frames` [m]."""
    chosen = list(frames)
    if "torso" in figure.bodies:
        crown = np.append(bones.CROWN * figure.stature / bones.STATURE, 1.0)
        return float((figure.bodies["torso"][chosen] @ crown)[:, 1].max())
    return float(figure.landmarks.hip[chosen, :, 1].max()) + 0.35


def _posted(figure: Figure, body: str) -> Array:
    """The shear (4, 4) that raises the inner side of a neutral sole to its posting."""
    side = ("_r", "_l").index(body[-2:])
    shear = np.eye(4)
    shear[1, 2] = OUTWARD[side] * np.tan(figure.posting.get(SIDES[side], 0.0))
    return shear


class Person:
    """One person's actors in a front and a side panel; both views share their surfaces."""

    def __init__(self, sheet: Sheet, figure: Figure, panels: Sequence[Panel], *, faded: bool = False) -> None:
        self.sheet, self.figure, self.panels = sheet, figure, panels
        self.is_captured, self.faded = not figure.bodies, faded
        self.stand_in: Person | None = None
        self.twin: Figure | None = None
        self.labels: list[dict[str, Any]] = []
        self._bones()
        self._muscles()
        if not faded:
            self._overlay()

    def draw(self, index: int, first: int) -> None:
        """Move everything to an instant; first: the instant of the first person."""
        if self.stand_in is not None:
            self.stand_in.draw(first, first)
        scale = np.diag((*[self.figure.stature / bones.STATURE] * 3, 1.0))
        worlds = [panel.world() for panel in self.panels]
        for name, actors in self.bone_actors.items():
            body = self.bodies[name][index] @ scale
            for actor, world in zip(actors, worlds, strict=True):
                actor.user_matrix = world @ body
        if self.muscle_mesh is not None:
            self._contract(index)
        if not self.faded:
            self._annotate(index, first)

    def _copies(self, mesh: Any, **style: Any) -> list[Any]:
        """The surface once in each panel."""
        import pyvista as pv

        plotter = self.sheet.plotter
        first = plotter.add_mesh(mesh, show_scalar_bar=False, reset_camera=False, render=False, **style)
        first.prop.interpolation = "Phong"
        first.prop.culling = "back"
        others = [pv.Actor(mapper=first.mapper, prop=first.prop) for _ in self.panels[1:]]
        for actor in others:
            plotter.add_actor(actor, reset_camera=False, render=False)
        for actor, panel in zip((first, *others), self.panels, strict=True):
            actor.user_matrix = panel.world()
        return [first, *others]

    def _bones(self) -> None:
        self.bodies = dressed(self.figure)
        self.bone_actors: dict[str, list[Any]] = {}
        for name, mesh in self.sheet.bones.items():
            if name in self.bodies:
                upper = name in ("torso", "head", "arm_r", "arm_l")
                tone = FADED if self.faded or upper else BONE
                style = FLAT_BONE if self.faded else SOLID_BONE
                self.bone_actors[name] = self._copies(mesh, color=tone, **style)
        for name, mesh in self.sheet.soles.items():
            if name in self.bodies:
                self.bone_actors[f"sole of {name}"] = self._copies(mesh, color=SOLE, opacity=0.85, **FLAT_BONE)
                self.bodies[f"sole of {name}"] = self.bodies[name] @ _posted(self.figure, name)

    def _muscles(self) -> None:
        muscles, (samples, sides) = self.figure.muscles, (FINE_TUBE if self.sheet.fine else COARSE_TUBE)
        self.muscle_mesh: Any = None
        if not muscles:
            return
        self.curves = np.stack([curve(m.points, samples) for m in muscles], axis=1)
        self.radius = np.outer([m.radius for m in muscles], belly(samples))
        self.activation = np.stack([m.activation for m in muscles], axis=1)
        points, normals = tubes(self.curves[0], self.radius, sides)
        mesh = _surface(points, tube_faces(len(muscles), samples, sides))
        mesh["rgb"] = np.zeros((len(points), 3), np.uint8)
        mesh["Normals"] = normals.astype(np.float32)
        mesh.GetPointData().SetActiveNormals("Normals")
        self.muscle_mesh = mesh
        self._contract(0)
        self._copies(mesh, scalars="rgb", rgb=True, ambient=0.25, diffuse=0.8, specular=0.18, specular_power=22)

    def _contract(self, index: int) -> None:
        """Bend the muscles and colour their bellies."""
        mesh, samples = self.muscle_mesh, self.curves.shape[2]
        sides = mesh.n_points // self.radius.size
        mesh.points[:], mesh["Normals"][:] = tubes(self.curves[index], self.radius, sides)
        colours = muscle_colours(self.activation[index], samples).round().astype(np.uint8)
        mesh["rgb"][:] = np.repeat(colours.reshape(-1, 3), sides, axis=0)
        mesh.GetPoints().Modified()
        for name in ("Normals", "rgb"):
            mesh.GetPointData().GetArray(name).Modified()
        mesh.Modified()

    # --- lines, arcs, labels, joint centres ---

    def _overlay(self) -> None:
        self.under, self.over = self.sheet.flat(self._shadow(0)), self.sheet.flat(self._lines(0))
        side = self.panels[1]
        self.labels = []
        for s in self.figure.fppa:
            align = "right" if s == "right" else "left"
            self.labels.append(
                {
                    "side": s,
                    "angle": self.sheet.text("", (0, 0), 22, INK, bold=True, align=align),
                    "word": self.sheet.text("", (0, 0), 17, INK, align=align),
                    "change": self.sheet.text("", (0, 0), 17, INK, align=align),
                }
            )
        self.read_out = self.sheet.text("", side.low * (1, 0) + side.high * (0, 1) + (14, -78), 16, INK)

    def _annotate(self, index: int, first: int) -> None:
        self.under.mapper.SetInputData(_flat(self._shadow(index)))
        self.over.mapper.SetInputData(_flat(self._lines(index)))
        front, marks = self.panels[0], self.figure.landmarks
        places = label_places(front, marks.knee[index])
        for label in self.labels:
            at = places[SIDES.index(label["side"])]
            angle = float(self.figure.fppa[label["side"]][index])
            words, _, tendency = fppa_text(angle).partition(" (")
            twin = self.twin.fppa.get(label["side"]) if self.twin else None
            change = 0.0 if twin is None else angle - float(twin[first])
            against = change_text(change, self.twin.label) if self.twin and twin is not None else ""
            for key, text, drop in (
                ("angle", words, 0.0),
                ("word", tendency and f"({tendency}", -24.0),
                ("change", against, -46.0),
            ):
                label[key].SetInput(text)
                label[key].SetPosition(at[0] * self.sheet.pixel, (at[1] + drop) * self.sheet.pixel)
                tone = VALGUS if (change if key == "change" else angle) > 0 else VARUS
                label[key].GetTextProperty().SetColor(*(c / 255.0 for c in rgb_of(tone)))
        self.read_out.SetInput(self._reading(index))

    def _reading(self, index: int) -> str:
        lines = [f"t = {self.figure.time[index]:.2f} s"]
        if self.figure.knee_flexion:
            angles = [np.degrees(self.figure.knee_flexion[s][index]) for s in SIDES if s in self.figure.knee_flexion]
            lines.append(f"knee flexion {np.mean(angles):.0f}°")
        return "\n".join(lines)

    def _shadow(self, index: int) -> Ink:
        """A soft patch under each foot that fades as the foot lifts."""
        ink, marks = Ink(-1900.0), self.figure.landmarks
        for panel in self.panels:
            for s in range(2):
                heel, toe = marks.heel[index, s], marks.toe[index, s]
                strength = 0.55 * float(np.clip(1.0 - (min(heel[1], toe[1]) - 0.03) / 0.12, 0.0, 1.0))
                ends = panel.paper(np.stack((heel, toe)))
                half = 0.5 * abs(ends[1, 0] - ends[0, 0]) + 0.07 * panel.scale
                centre = np.array((ends[:, 0].mean(), panel.origin[1] - 0.012 * panel.scale))
                ink.fan(centre, (half, 0.035 * panel.scale), 0.0, 2.0 * np.pi, INK, (strength, 0.0))
        return ink

    def _lines(self, index: int) -> Ink:
        ink = Ink(1500.0)
        marks = self.figure.landmarks
        for panel in self.panels:
            paper = {name: panel.paper(getattr(marks, name)[index]) for name in JOINTS}
            for s in range(2):
                joints = paper["hip"][s], paper["knee"][s], paper["ankle"][s]
                if panel.view == "front" and SIDES[s] in self.figure.fppa:
                    self._angle(ink, *joints, panel.scale, OUTWARD[s])
                elif not self.is_captured:  # a leg that hangs in the air has no frontal plane to be judged in
                    self._leg(ink, *joints, panel.scale)
            if self.is_captured:
                self._ghost(ink, paper, panel.scale)
        return ink

    def _leg(self, ink: Ink, hip: Array, knee: Array, ankle: Array, m: float) -> None:
        """Hip, knee and ankle joined: a white casing keeps the line legible on bone and muscle alike."""
        for width, bead, colour in ((0.019, 0.020, PAPER), (0.009, 0.0115, INK), (0.0, 0.0065, PAPER)):
            ink.line(hip, knee, width * m, colour)
            ink.line(knee, ankle, width * m, colour)
            for joint in (hip, knee, ankle):
                ink.disc(joint, bead * m, colour)

    def _angle(self, ink: Ink, hip: Array, knee: Array, ankle: Array, m: float, outward: float) -> None:
        """The angle between the thigh's extension and the shank, then the leg's line on top of it."""
        thigh, shank = drawn_angle(hip, knee, ankle)
        tone = VALGUS if outward * (shank - thigh) > 0.0 else VARUS
        reach = 0.17 * m
        ink.fan(knee, reach, min(thigh, shank), max(thigh, shank), tone, 0.38)
        ink.arc(knee, reach, min(thigh, shank), max(thigh, shank), 0.008 * m, tone)
        ink.dashes(knee, knee + 0.21 * m * np.array((np.cos(thigh), np.sin(thigh))), 0.007 * m, INK)
        if not self.is_captured:
            self._leg(ink, hip, knee, ankle, m)

    def _ghost(self, ink: Ink, paper: dict[str, Array], m: float) -> None:
        """The captured joint centres as blue beads, joined along the limbs and across the pelvis."""
        for s in range(2):
            for a, b in LIMBS:
                ink.line(paper[a][s], paper[b][s], 0.017 * m, CAPTURED, 0.55)
        for name in ("asis", "hip"):
            ink.line(paper[name][0], paper[name][1], 0.017 * m, CAPTURED, 0.55)
        for name in JOINTS:
            for joint in paper[name]:
                bead = (0.026 if name in ("hip", "knee", "ankle") else 0.017) * m
                ink.disc(joint, bead, CAPTURED, (0.6, 0.95))
                ink.fan(joint + np.array((-0.3, 0.35)) * bead, 0.5 * bead, 0.0, 2.0 * np.pi, PAPER, (0.85, 0.0))


# --- what a reader calls ----------------------------------------------------------------------------------------------


def captured_figure(
    landmarks: Landmarks,
    fppa: Mapping[str, Array] | None = None,
    knee_flexion: Mapping[str, Array] | None = None,
    label: str = "captured",
    note: str = "",
) -> Figure:
    """A person of whom only joint centres are known; the note says how they were found unless it is given."""
    return Figure(
        label=label,
        time=landmarks.time,
        landmarks=landmarks,
        fppa=fppa or {},
        knee_flexion=knee_flexion or {},
        note=note or f"joint centres: {landmarks.definition}",
    )


def deepest(figure: Figure) -> int:
    """Index of peak knee flexion."""
    curves = list(figure.knee_flexion.values())
    return int(np.argmax(np.mean(curves, axis=0) if curves else bend(figure.landmarks)))


def comparison(
    figures: Sequence[Figure],
    captured: Figure | None,
    path: str | Path,
    *,
    size: tuple[int, int] = (1920, 1200),
) -> Path:
    """A PNG of every person at peak knee flexion, front view above side view, one column each; captured comes last.

    The same input gives the same picture on the same machine. Errors: ValueError without anybody to draw.
    """
    from PIL import Image

    everyone = [*figures, *([captured] if captured is not None else [])]
    indices = [deepest(person) for person in everyone]
    sheet = Sheet(figures, captured, size=size, frames=[[i] for i in indices])
    try:
        sheet.draw(indices)
        picture = Image.fromarray(sheet.image())
    finally:
        sheet.plotter.close()
    target = Path(path)
    picture.save(target, optimize=True)
    return target


def show(figures: Sequence[Figure], captured: Figure | None = None) -> None:
    """A window with the sheet and a slider for the time of the first person; returns when it is closed.

    The others are shown at their nearest instant, captured motion at the same phase of the squat.
    Errors: RuntimeError with the remedy if there is no display.
    """
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise RuntimeError("no display for a window: set DISPLAY, or write a picture and a movie with --out DIR")
    from simlab.movie import timeline

    frames = timeline(figures, captured, fps=50.0)
    size = max(1280, 520 * frames.shape[1]), 940
    sheet = Sheet(figures, captured, size=size, frames=frames.T.tolist(), off_screen=False, fine=False)
    everyone = [*figures, *([captured] if captured is not None else [])]
    lead = everyone[0]

    def move(second: float) -> None:
        indices = frames[min(round(second * 50.0), len(frames) - 1)]
        sheet.draw(indices.tolist())

    slider = sheet.plotter.add_slider_widget(
        move, (0.0, (len(frames) - 1) / 50.0), value=float(lead.time[deepest(lead)] - lead.time[0]), title="time [s]",
        pointa=(0.80, 0.955), pointb=(0.98, 0.955), color=GREY, interaction_event="always", fmt="%.2f",
        title_height=0.016,
    ).GetRepresentation()  # fmt: skip
    slider.SetLabelHeight(0.016)
    slider.SetTubeWidth(0.004)
    slider.SetSliderWidth(0.016)
    slider.SetSliderLength(0.012)
    slider.SetEndCapWidth(0.008)
    sheet.plotter.enable_image_style()
    sheet.plotter.show(title="simlab")
