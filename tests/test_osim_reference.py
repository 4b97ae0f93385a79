"""The plain-numpy reader of OpenSim models against OpenSim, and the same person in simlab's layout."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from figures import OPENCAP, needs_recordings
from numpy.typing import NDArray
from reference import opensim_runs, osim

from simlab import anatomy
from simlab.kernels import kinematics

PERSON = OPENCAP / "manually_scaled.osim"
N = 12
G = 9.80665
pytestmark = needs_recordings


@cache
def model() -> osim.Model:
    return osim.read(PERSON)


@cache
def tree(knee: str = "fitted") -> osim.Tree:
    return osim.tree(PERSON, knee=knee)


@cache
def opensim_model() -> tuple[Any, Any]:
    body = opensim_runs.library().Model(str(PERSON))
    return body, body.initSystem()


@pytest.fixture
def postures(rng: np.random.Generator) -> dict[str, NDArray]:
    """Random coordinates, knees from 0 to 100 deg, toes straight as the tree has them."""
    out = {
        name: rng.uniform(max(c.lower, -1.0), min(c.upper, 1.0), N)
        for name, c in model().coordinates.items()
        if name not in model().couplers
    }
    assert all(np.ptp(values) > 0.1 for values in out.values())
    for side in ("_r", "_l"):
        out["knee_angle" + side] = np.radians(np.linspace(0.0, 100.0, N))
        out["mtp_angle" + side] = np.zeros(N)
    return out


def pose(k: int, values: dict[str, NDArray]) -> tuple[Any, Any]:
    body, state = opensim_model()
    for name, value in osim.complete(model(), values).items():
        body.updCoordinateSet().get(name).setValue(state, float(np.broadcast_to(value, N)[k]), False)
    body.realizePosition(state)
    return body, state


def markers_of(person: osim.Tree, q: NDArray) -> NDArray:
    n = len(person.parent)
    R, p, out = np.full((n, 3, 3), np.nan), np.full((n, 3), np.nan), []
    for row in q:
        kinematics.forward(person.parent, person.pos, person.axis, np.ascontiguousarray(row), R, p)
        out.append(p[person.marker_link] + np.einsum("mij,mj->mi", R[person.marker_link], person.marker_local))
    return np.array(out)


def test_every_body_and_marker_is_where_opensim_has_it(postures: dict[str, NDArray]) -> None:
    postures["mtp_angle_r"] = np.linspace(-0.5, 0.5, N)
    names = tuple(model().markers)
    frames, markers = osim.forward(model(), postures), osim.marker_positions(model(), postures, names)
    for k in range(N):
        body, state = pose(k, postures)
        theirs = [body.getMarkerSet().get(name).getLocationInGround(state).to_numpy() for name in names]
        assert markers[k] == pytest.approx(np.array(theirs), abs=1e-12)
        for name in model().bodies:
            R, p = frames[name]
            transform = body.getBodySet().get(name).getTransformInGround(state)
            turn = np.array([[transform.R().get(i, j) for j in range(3)] for i in range(3)])
            assert R[k] == pytest.approx(turn, abs=1e-12), name
            assert p[k] == pytest.approx(transform.p().to_numpy(), abs=1e-12), name


def test_the_layout_is_simlabs() -> None:
    ours, person = anatomy.skeleton("female", 60.0, 1.70), tree()
    assert person.names[:22] == ours.names
    assert np.array_equal(person.parent[:22], ours.parent)
    assert person.axis[:22] == pytest.approx(ours.axis, abs=1e-8)
    assert person.mass.sum() == pytest.approx(sum(body.mass for body in model().bodies.values()), rel=1e-12)
    assert len(person.names) == 32 and len(osim.tree(PERSON, arms=False).names) == 22
    assert osim.tree(PERSON, arms=False).mass.sum() == pytest.approx(person.mass.sum(), rel=1e-12)


def test_markers_of_the_tree(postures: dict[str, NDArray]) -> None:
    """Exact above the knees; below them hinges at a fixed place follow OpenSim's sliding knee to 1.5 mm."""
    person = tree()
    theirs = osim.marker_positions(model(), postures, person.markers)
    gap = np.linalg.norm(markers_of(person, osim.state(PERSON, person, postures)) - theirs, axis=2)
    below = np.array([person.names[link].startswith(("tibia", "calcn")) for link in person.marker_link])
    assert gap[:, ~below].max() < 1e-12
    assert 1e-4 < gap[:, below].mean() < 1e-3 and gap[:, below].max() < 1.5e-3
    assert gap[:, below] == pytest.approx(
        np.tile(gap[:, [person.markers.index("r_ankle")]], below.sum()), abs=2e-4
    )  # the shank is displaced, not turned
    for other in ("0", "50"):
        placed = tree(other)
        worse = markers_of(placed, osim.state(PERSON, placed, postures)) - theirs
        assert np.linalg.norm(worse, axis=2)[:, below].mean() > 2 * gap[:, below].mean()


@pytest.mark.parametrize("side", ["_r", "_l"])
def test_the_knee_turns_inward_as_it_flexes(side: str) -> None:
    """The same sense on both sides: the tibia turns internally by 15 deg."""
    joint = model().joints["walker_knee" + side]
    flexed = np.radians([0.0, 100.0])
    assert np.degrees(osim.coupled(joint, 2, flexed)) == pytest.approx([0.0, 15.0], abs=0.1)
    assert osim.coupled(joint, 0, flexed) == pytest.approx(flexed)


def test_weights_hang_as_in_opensim(postures: dict[str, NDArray]) -> None:
    """Moments that hold a posture against gravity: equal where the knee does not matter, close elsewhere."""
    library, person = opensim_runs.library(), tree()
    body, _ = opensim_model()
    q = osim.state(PERSON, person, postures)
    n, found = len(person.parent), []
    M, h = np.empty((n + 5, n + 5)), np.empty(n + 5)
    names = [body.getCoordinateSet().get(i).getName() for i in range(body.getCoordinateSet().getSize())]
    for k in range(3, N, 4):
        _, state = pose(k, postures)
        for i in range(body.getMuscles().getSize()):
            body.getMuscles().get(i).setAppliesForce(state, False)
        body.realizeVelocity(state)
        tau = library.InverseDynamicsSolver(body).solve(state).to_numpy()
        gravity = np.array([0.0, -G, 0.0])
        kinematics.mass_bias(*person[:6], np.ascontiguousarray(q[k]), np.zeros(n + 5), gravity, M, h)
        theirs = {name: tau[speed_index(body, state, name)] for name in names}
        found.append([[h[6 + i], theirs[c]] for i, c in enumerate(person.coordinates) if c in theirs])
    shared = [c for c in person.coordinates if c in names]
    ours, others = np.moveaxis(np.array(found), 2, 0)
    for i, name in enumerate(shared):
        # The knee's moment in OpenSim holds what its coupled rotations carry as well.
        if not name.startswith("knee"):
            exact = name.startswith(("arm", "elbow", "pro_sup"))
            assert ours[:, i] == pytest.approx(others[:, i], abs=1e-9 if exact else 0.05), name
    assert np.abs(others).max() > 20.0


def speed_index(body: Any, state: Any, name: str) -> int:
    """Where a coordinate is in OpenSim's generalised speeds and forces."""
    coordinate = body.updCoordinateSet().get(name)
    coordinate.setSpeedValue(state, 1.0)
    index = int(np.flatnonzero(state.getU().to_numpy())[0])
    coordinate.setSpeedValue(state, 0.0)
    return index


def test_patella_is_written_in_radians(tmp_path: Path) -> None:
    names = ("pelvis_tx", "knee_angle_r", "knee_angle_r_beta")
    opensim_runs.write_mot(tmp_path / "q.mot", np.array([0.0, 0.1]), names, np.full((2, 3), 0.5))
    found, times, values = opensim_runs.read_sto(tmp_path / "q.mot")
    assert tuple(found) == names
    assert times == pytest.approx([0.0, 0.1])
    assert values[1] == pytest.approx([0.5, np.degrees(0.5), 0.5])


def test_inverse_kinematics_of_a_posture() -> None:
    """At the bottom of the first squat OpenSim's solution leaves no slope in any coordinate within its limits."""
    found = opensim_runs.inverse_kinematics(PERSON, OPENCAP / "squats1.trc", 1e-9, slice(134, 135))
    values = dict(zip(found.names, found.values.T, strict=True))
    values = {name: column for name, column in values.items() if name not in model().couplers}
    lines = (OPENCAP / "squats1.trc").read_text().splitlines()
    labels = [label.strip() for label in lines[3].split("\t")[2:] if label.strip()]
    row = np.array([line for line in lines[5:] if line.strip()][134].split(), dtype=np.float64)
    assert row[1] == pytest.approx(found.time[0])
    measured = row[2:].reshape(-1, 3)[[labels.index(name) for name in found.markers]]

    def cost(change: dict[str, float]) -> float:
        moved = {name: value + change.get(name, 0.0) for name, value in values.items()}
        return float(((osim.marker_positions(model(), moved, found.markers)[0] - measured) ** 2).sum())

    gap = osim.marker_positions(model(), values, found.markers)[0] - measured
    assert len(found.markers) == 45
    assert np.linalg.norm(gap, axis=1) == pytest.approx(found.error[0], abs=1e-12)
    assert np.degrees(values["knee_angle_r"]) == pytest.approx(104.4, abs=0.3)
    step = 1e-4
    for name, value in values.items():
        c = model().coordinates[name]
        if c.lower + 1e-3 < value[0] < c.upper - 1e-3:
            slope = (cost({name: step}) - cost({name: -step})) / (2 * step)
            assert abs(slope) < 2e-4, name
