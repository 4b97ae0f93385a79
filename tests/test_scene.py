"""Pictures: geometry on paper, bones in their bodies, and files that hold what was asked for."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from simlab import bones, movie, scene, shapes
from simlab.motion import Landmarks

SMALL = (480, 300)


def standing(knee_inward: float = 0.0, *, heading: float = 0.0, label: str = "healthy", n: int = 7) -> scene.Figure:
    """A person of straight segments who bends the knees to 60 deg and back; both knees `knee_inward` [m] too medial."""
    time = np.linspace(0.0, 0.6, n)
    bend = np.radians(60.0) * np.sin(np.pi * time / time[-1]) ** 2
    cos, sin = np.cos(heading), np.sin(heading)
    turn = np.array(((cos, 0.0, sin), (0.0, 1.0, 0.0), (-sin, 0.0, cos)))
    points = {name: np.zeros((n, 2, 3)) for name in scene.JOINTS}
    bodies: dict[str, np.ndarray] = {}
    for s, (suffix, out) in enumerate((("_r", 1.0), ("_l", -1.0))):
        ankle = np.tile((0.0, 0.08, 0.10 * out), (n, 1))
        knee = ankle + np.column_stack((0.4 * np.sin(bend / 2), 0.4 * np.cos(bend / 2), np.full(n, -knee_inward * out)))
        hip = knee + np.column_stack((-0.4 * np.sin(bend / 2), 0.4 * np.cos(bend / 2), np.full(n, knee_inward * out)))
        for name, value in (("ankle", ankle), ("knee", knee), ("hip", hip)):
            points[name][:, s] = value
        for name, start, offset in (
            ("asis", hip, (0.06, 0.08, 0.03 * out)),
            ("heel", ankle, (-0.05, -0.08, 0.0)),
            ("toe", ankle, (0.15, -0.08, 0.0)),
        ):
            points[name][:, s] = start + np.array(offset)
        for name, origin in (("femur", hip), ("tibia", knee), ("talus", ankle)):
            bodies[name + suffix] = frames(origin @ turn.T, turn)
    bodies["pelvis"] = frames(points["asis"].mean(1) @ turn.T, turn)
    bodies["torso"] = frames((points["asis"].mean(1) + np.array((-0.1, 0.08, 0.0))) @ turn.T, turn)
    points = {name: value @ turn.T for name, value in points.items()}
    marks = Landmarks(time=time, **points, definition="synthetic", source="test")
    path = np.stack((points["hip"][:, 0], points["knee"][:, 0] + (0.04, 0.0, 0.0), points["ankle"][:, 0]), axis=1)
    muscle = scene.MusclePath(name="long_r", points=path, activation=np.linspace(0, 1, n), radius=0.02)
    angle = 2.0 * np.arctan2(knee_inward, 0.4 * np.cos(bend / 2))
    return scene.Figure(
        label=label,
        time=time,
        landmarks=marks,
        bodies=bodies,
        muscles=(muscle,),
        fppa={"right": angle, "left": angle},
        knee_flexion={"right": bend, "left": bend},
    )


def frames(origin: np.ndarray, turn: np.ndarray) -> np.ndarray:
    out = np.tile(np.eye(4), (len(origin), 1, 1))
    out[:, :3, :3], out[:, :3, 3] = turn, origin
    return out


def captured_of(figure: scene.Figure) -> scene.Figure:
    return scene.captured_figure(figure.landmarks, figure.fppa, figure.knee_flexion)


def paper(figure: scene.Figure, index: int, view: int = 0) -> tuple[scene.Panel, dict[str, np.ndarray]]:
    panel = scene.layout(1, 1.8, 1.6)[0][view]
    return panel, {name: panel.paper(getattr(figure.landmarks, name)[index]) for name in scene.JOINTS}


# --- geometry on paper ---


@pytest.mark.parametrize("inward", [-0.05, 0.0, 0.03])
@pytest.mark.parametrize("heading", [0.0, 0.7, -2.5])
def test_the_drawn_angle_is_the_fppa_whatever_the_person_faces(inward: float, heading: float) -> None:
    figure = scene.facing(standing(inward, heading=heading))
    for index in range(len(figure.time)):
        _, at = paper(figure, index)
        for s, side in enumerate(("right", "left")):
            thigh, shank = scene.drawn_angle(at["hip"][s], at["knee"][s], at["ankle"][s])
            assert scene.OUTWARD[s] * (shank - thigh) == pytest.approx(figure.fppa[side][index], abs=1e-9)


def test_the_right_leg_is_on_the_left_of_a_front_view_and_a_side_view_looks_right() -> None:
    figure = scene.facing(standing(heading=1.1))
    _, front = paper(figure, 0)
    assert front["knee"][0, 0] < front["knee"][1, 0]
    _, side = paper(figure, 0, view=1)
    assert (side["toe"][:, 0] > side["heel"][:, 0]).all()


@pytest.mark.parametrize("view", [0, 1])
def test_a_panels_matrix_and_its_paper_positions_agree(view: int) -> None:
    panel = scene.layout(2, 1.8, 1.6)[1][view]
    points = np.random.default_rng(3).normal(size=(5, 3))
    moved = points @ panel.world()[:3, :3].T + panel.world()[:3, 3]
    np.testing.assert_allclose(np.column_stack((-moved[:, 2], moved[:, 1])), panel.paper(points), atol=1e-9)
    assert np.linalg.det(panel.world()[:3, :3]) > 0.0  # a mirrored person would swap left and right


def test_panels_do_not_overlap_and_everybody_fits() -> None:
    sheet = scene.layout(3, 1.75, 1.6)
    boxes = [panel for column in sheet for panel in column]
    for i, a in enumerate(boxes):
        assert a.paper(np.array(((0.0, 1.75, 0.0),)))[0, 1] < a.high[1]
        for b in boxes[i + 1 :]:
            assert (a.high <= b.low).any() or (b.high <= a.low).any()


@pytest.mark.parametrize("out", [0.15, 0.0, -0.2, 0.8])
def test_the_words_beside_the_knees_stay_on_the_card_and_never_meet(out: float) -> None:
    panel = scene.layout(5, 1.8, 1.6)[0][0]
    right, left = scene.label_places(panel, np.array(((0.3, 0.5, out), (0.3, 0.5, -out))))
    assert panel.low[0] <= right[0] - scene.LABEL and left[0] + scene.LABEL <= panel.high[0]
    assert right[0] < left[0]
    assert right[1] == left[1] == panel.paper(np.array(((0.0, 0.5, 0.0),)))[0, 1]


@pytest.mark.parametrize(
    ("degrees", "text"),
    [(6.3, "FPPA +6.3° (valgus)"), (-12.04, "FPPA \N{MINUS SIGN}12.0° (varus)"), (-0.04, "FPPA 0.0°")],
)
def test_fppa_text(degrees: float, text: str) -> None:
    assert scene.fppa_text(np.radians(degrees)) == text


@pytest.mark.parametrize(("degrees", "text"), [(9.64, "+9.6°"), (-0.42, "\N{MINUS SIGN}0.4°"), (0.04, "0.0°")])
def test_change_text(degrees: float, text: str) -> None:
    assert scene.change_text(np.radians(degrees), "healthy") == f"{text} against healthy"


def test_lightness_of_the_activation_colours_falls_monotonically() -> None:
    rgb = shapes.colour_of(np.linspace(0.0, 1.0, 50)) / 255.0
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    assert (np.diff(linear @ (0.2126, 0.7152, 0.0722)) < 0.0).all()


def test_muscle_curves_start_and_end_at_the_attachments() -> None:
    muscle = standing().muscles[0]
    curve = shapes.curve(muscle.points, 18)
    np.testing.assert_allclose(curve[:, [0, -1]], muscle.points[:, [0, -1]], atol=1e-12)
    points, normals = shapes.tubes(curve[:1], np.full((1, 18), 0.01), 8)
    centre = np.repeat(curve[0], 8, axis=0)
    np.testing.assert_allclose(np.linalg.norm(points - centre, axis=1), 0.01, atol=1e-12)
    np.testing.assert_allclose(points - centre, 0.01 * normals, atol=1e-12)


# --- what a figure must hold ---


def test_a_figure_with_curves_of_another_length_is_refused() -> None:
    figure = standing()
    with pytest.raises(ValueError, match="healthy: expected 7 instants"):
        scene.replace(figure, fppa={"right": np.zeros(3)})
    with pytest.raises(ValueError, match="expected the sides"):
        scene.replace(figure, fppa={"r": np.zeros(7)})


def test_importing_the_scene_does_not_import_pyvista() -> None:
    code = "import sys, simlab.scene, simlab.movie; print(sorted({'pyvista', 'vtk', 'trimesh'} & set(sys.modules)))"
    root = Path(scene.__file__).parents[1]
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root).stdout.strip() == "[]"


def test_a_window_without_a_display_names_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    with pytest.raises(RuntimeError, match=r"set DISPLAY.*--out"):
        scene.show([standing()])


# --- bones ---

REAL = pytest.mark.skipif(not bones.available(), reason="the extra `bones` (musclemimic-models) is not installed")
KINDS = [pytest.param(True, marks=REAL), False]


@pytest.mark.parametrize("real", KINDS)
def test_bones_lie_where_their_body_frames_say(real: bool) -> None:
    surface = bones.load(real)
    legs = ("femur", "tibia", "patella", "talus", "calcn", "forefoot", "arm")
    assert set(surface) == {"pelvis", "torso", "head"} | {f"{name}_{s}" for name in legs for s in "rl"}
    femur = surface["femur_r"].vertices
    head = femur[np.linalg.norm(femur, axis=1) < 0.04]
    assert np.linalg.norm((head.min(0) + head.max(0)) / 2) < 0.02  # the femoral head around the hip centre
    assert femur[:, 1].min() == pytest.approx(-0.43, abs=0.01)  # the condyles below the knee centre at -0.409
    assert surface["tibia_r"].vertices[:, 1].max() == pytest.approx(-0.017, abs=0.01)  # the plateau below it
    assert np.ptp(surface["pelvis"].vertices[:, 2]) == pytest.approx(0.26, abs=0.02)
    forefoot = surface["forefoot_r"].vertices[:, 0] + 0.075
    assert surface["calcn_r"].vertices[:, 0].max() < 0.09 < forefoot.max() < 0.27
    for name in legs:
        right, left = (surface[f"{name}_{s}"].bounds for s in "rl")
        mirrored = left * (1.0, 1.0, -1.0)
        np.testing.assert_allclose(np.sort(mirrored, axis=0), np.sort(right, axis=0), atol=2e-3)


@pytest.mark.parametrize("real", KINDS)
def test_the_arms_hang_from_the_shoulders(real: bool) -> None:
    surface = bones.load(real)
    for side, sign in (("r", 1.0), ("l", -1.0)):
        arm = surface[f"arm_{side}"].vertices
        head = arm[np.linalg.norm(arm, axis=1) < 0.035]
        assert np.linalg.norm((head.min(0) + head.max(0)) / 2) < 0.012  # the humeral head around the shoulder centre
        assert arm[:, 1].min() == pytest.approx(-0.70, abs=0.03)  # the fingertips
        gap = np.linalg.norm(surface["torso"].vertices - bones.SHOULDER * (1.0, 1.0, sign), axis=1).min()
        assert gap < 0.035  # the glenoid


def test_every_placed_bone_names_its_source() -> None:
    rows = bones._rows("bones.csv")
    assert all(row["source"] for row in rows)
    assert {row["source"] for row in rows if row["body"] == "arm"} <= {
        "geometry",
        "geometry;laiuhlrich2022",
        "geometry;simlab",
    }


@REAL
def test_no_logo_on_the_sternum() -> None:
    torso = bones.load(True)["torso"]
    assert len(torso.faces) < 20000


def test_real_bones_without_their_package_name_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bones, "available", lambda: False)
    with pytest.raises(ModuleNotFoundError, match=r"simlab\[bones\]"):
        bones.load.__wrapped__(True)


# --- files ---


def test_the_comparison_is_a_picture_with_something_in_each_panel_and_repeats_exactly(tmp_path: Path) -> None:
    from PIL import Image

    people = [scene.replace(p, muscles=()) for p in (standing(-0.03), standing(0.05, label="deficit"))]
    one, two = (
        scene.comparison(people, captured_of(people[0]), tmp_path / name, size=SMALL) for name in ("a.png", "b.png")
    )
    assert one.read_bytes() == two.read_bytes()
    pixels = np.asarray(Image.open(one)).astype(int)
    assert pixels.shape == (SMALL[1], SMALL[0], 3)
    thirds = [pixels[60:-40, i * 160 + 8 : i * 160 + 152] for i in range(3)]
    blue = [int(((p[..., 2] > 150) & (p[..., 0] < 90)).sum()) for p in thirds]
    red = [int((p[..., 0] - p[..., 2] > 90).sum()) for p in thirds]
    assert blue[2] > 100  # the captured joints
    assert red[1] > 5 > red[0]  # valgus is orange, and only the deficit has it


def test_a_picture_of_nobody_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least one person"):
        scene.comparison([], None, tmp_path / "none.png")
    with pytest.raises(ValueError, match="at least one person"):
        movie.write([], None, tmp_path / "none.mp4")


def test_the_movie_has_every_frame_reports_progress_and_repeats_exactly(tmp_path: Path) -> None:
    from imageio_ffmpeg import count_frames_and_secs

    person, seen = standing(0.03), []
    path = movie.write(
        [person], captured_of(person), tmp_path / "m.mp4", fps=10, size=(320, 200), progress=lambda *x: seen.append(x)
    )
    frames, seconds = count_frames_and_secs(str(path))
    assert frames == 7 and seconds == pytest.approx(0.7, abs=0.05)
    assert seen == [(i + 1, 7) for i in range(7)]
    again = movie.write([person], captured_of(person), tmp_path / "again.mp4", fps=10, size=(320, 200))
    assert again.read_bytes() == path.read_bytes()
    with pytest.raises(ValueError, match="even numbers"):
        movie.write([person], None, tmp_path / "odd.mp4", size=(321, 200))


def test_captured_motion_follows_the_phase_of_the_squat() -> None:
    person = standing(n=61)
    slow = scene.replace(
        captured_of(person), time=3.0 * person.time, landmarks=scene.replace(person.landmarks, time=3.0 * person.time)
    )
    indices = movie.timeline([person], slow, fps=50.0)
    inside = (indices[:, 0] > 15) & (indices[:, 0] < 45)
    assert inside.sum() > 10
    np.testing.assert_allclose(indices[inside, 1], indices[inside, 0], atol=1)


@pytest.mark.parametrize("pronation", [0.0, 4.0, -3.0])
def test_soles_lie_flat_on_the_ground(pronation: float) -> None:
    """The drawn sole is the one that touches: also the posted one, under a foot that has rolled onto it."""
    from simlab import tasks
    from simlab.control import Controller
    from simlab.figure import simulated
    from simlab.model import build
    from simlab.simulate import simulate
    from simlab.subject import Subject, change

    subject = change(Subject(height_m=1.8, mass_kg=75), [f"both.foot_pronation_deg={pronation}"])
    task = tasks.load("squat", depth_deg=20, descent_s=0.4, ascent_s=0.4, stand_before_s=0.3, stand_after_s=0.2)
    figure = simulated(simulate(build(subject), task, Controller(strategy="compensating")), "x")
    for name, sole in bones.soles().items():
        lowest = np.asarray(sole.vertices)[np.isclose(sole.vertices[:, 1], sole.vertices[:, 1].min(), atol=1e-6)]
        points = np.column_stack((lowest * figure.stature / bones.STATURE, np.ones(len(lowest))))
        posted = figure.bodies[name][0] @ scene._posted(figure, name)
        assert len(lowest) > 20
        np.testing.assert_allclose((points @ posted.T)[:, 1], 0.0, atol=1e-4)


def test_one_leg_is_drawn_and_judged_alone(tmp_path: Path) -> None:
    """A single-leg squat has an angle on the standing side only."""
    both = standing(0.02)
    one = replace(both, fppa={"right": both.fppa["right"]}, knee_flexion={"right": both.knee_flexion["right"]})
    scene.comparison([both, one], None, tmp_path / "a.png", size=SMALL)
    sheet = scene.Sheet([one], None, size=SMALL, frames=[[0]])
    sheet.draw([3])
    assert [label["side"] for label in sheet.people[0].labels] == ["right"]
    sheet.plotter.close()
