"""The skeleton's surfaces, one mesh a body, in the body's own frame.

The real bones come from the package musclemimic-models (the extra `bones`); `models/bones.csv` says which file belongs
to which body and where. Without it a plain skeleton is built from `models/bones_plain.csv`: round rods that follow
splines. In both tables a row with `mirror` 1 is for the right side and yields the left as well.
Geometry: Rajagopal 2016 (10.1109/TBME.2016.2586891) and the OpenSim project, CC BY.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from simlab import anatomy, tables
from simlab.motion import Array

if TYPE_CHECKING:
    from trimesh import Trimesh

STATURE = 1.70
"""Body height that the meshes are drawn for [m] (Rajagopal 2016)."""

SHOULDER = np.array((0.0032, 0.3715, 0.17))
"""Right shoulder centre at `STATURE` [m, torso frame]; the arms hang there (Lai 2017, 10.1007/s10439-017-1920-7)."""

NECK, CROWN = np.array((-0.028, 0.525, 0.0)), np.array((0.0, 0.672, 0.0))
"""Where the head turns, and the top of the head, in the torso frame at `STATURE` [m]."""

MIDLINE = ("pelvis", "torso", "head")

SOLE = (0.015, 0.0), (0.019, 0.005), (0.018, 0.026)
"""Margin around the contact points and height over the ground of the rings that shape a sole [m]."""
WAIST = 0.08, -0.012, 0.030
"""Where the soles of heel and forefoot meet: x, and z from medial to lateral [m, frame of the calcaneus]."""

GRAIN = {"hand": 0.003, "head": 0.005}
"""Grid to which the vertices of a dense surface are merged [m]: small bones keep more of their shape."""


def available() -> bool:
    """Whether the real bones are installed."""
    return find_spec("musclemimic_models") is not None


@cache
def load(real: bool | None = None) -> dict[str, Trimesh]:
    """One surface for each body [m, body frame, stature 1.70 m]. `real`: True, False, or None for the best there is.

    Bodies: those of the model; `head`, whose origin is `NECK`; `arm_r` and `arm_l`, hanging along -Y from `SHOULDER`.
    Errors: ModuleNotFoundError with the remedy if `real` is True and the extra `bones` is missing.
    """
    import trimesh

    if real and not available():
        raise ModuleNotFoundError("real bones need the package musclemimic-models: pip install 'simlab[bones]'")
    pieces = _real() if real or (real is None and available()) else _plain()
    bodies: dict[str, list[Trimesh]] = {}
    for body, piece in pieces:
        bodies.setdefault(body, []).append(piece)
    return {body: trimesh.Trimesh(*_joined(parts), process=False) for body, parts in bodies.items()}


@cache
def soles() -> dict[str, Trimesh]:
    """What lies between the bones of the foot and the ground, heel pad and shoe: a slab a body of the foot, around the
    contact spheres of the model [m, body frame, stature 1.70 m]."""
    import trimesh

    turn = np.linspace(0.0, 2.0 * np.pi, 24, endpoint=False)
    circle = np.column_stack((np.cos(turn), np.zeros(24), np.sin(turn)))
    out = {}
    for link in ("calcn", "forefoot"):
        spheres = [s for s in anatomy.contacts() if s.link == link]
        centre = np.array([s.centre for s in spheres]) - anatomy.body_origin(link)
        ground = centre[:, 1].mean() - spheres[0].radius
        middle = (WAIST[0], 0.0, WAIST[1]), (WAIST[0], 0.0, WAIST[2])  # both slabs reach the joint between them
        outline = np.vstack((centre, middle)) * (1.0, 0.0, 1.0)
        rings = [outline[:, None] + circle * size + (0.0, ground + y, 0.0) for size, y in SOLE]
        hull = trimesh.convex.convex_hull(np.vstack([ring.reshape(-1, 3) for ring in rings]))
        for suffix, sign in (("_r", 1.0), ("_l", -1.0)):
            out[link + suffix] = hull.copy().apply_transform(np.diag((1.0, 1.0, sign, 1.0)))
    return out


def _joined(parts: list[Trimesh]) -> tuple[Array, Array]:
    """Vertices and faces of several surfaces as one."""
    first = np.cumsum([0, *(len(part.vertices) for part in parts)])
    faces = [part.faces + start for part, start in zip(parts, first[:-1], strict=True)]
    return np.vstack([part.vertices for part in parts]), np.vstack(faces)


def _rows(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(tables.models().joinpath(name).read_text(encoding="utf-8").splitlines()))


def _bodies(row: dict[str, str]) -> list[tuple[str, float]]:
    """The bodies that a row's part belongs to, each with the sign of z: of one with `mirror`, a right and a left."""
    body = row["body"]
    if row["mirror"] != "1":
        return [(body, 1.0)]
    return [(body if body in MIDLINE else body + suffix, sign) for suffix, sign in (("_r", 1.0), ("_l", -1.0))]


# --- the real bones ---------------------------------------------------------------------------------------------------


def _real() -> Iterator[tuple[str, Trimesh]]:
    spec = find_spec("musclemimic_models")
    assert spec is not None and spec.origin is not None
    folder = Path(spec.origin).parent / "model" / "meshes"
    for row in _rows("bones.csv"):
        part = _select(_read(folder / f"{row['mesh']}.stl"), row)
        for body, sign in _bodies(row):
            yield body, part.copy().apply_transform(np.diag((1.0, 1.0, sign, 1.0)) @ _placement(row))


@cache
def _read(path: Path) -> Trimesh:
    """One bone as a smooth surface of moderate size: dense ones are thinned out, coarse closed ones are subdivided."""
    import trimesh

    mesh = trimesh.load_mesh(path)
    mesh.merge_vertices()
    leg = path.stem.startswith(("r_", "l_", "sacrum"))
    if len(mesh.faces) > 1500 and not leg and path.stem != "thorax":
        return thin(mesh, GRAIN["head" if path.stem.startswith("hat") else "hand"])
    return mesh.subdivide_loop(1) if leg and mesh.is_watertight else mesh


def thin(mesh: Trimesh, grain: float) -> Trimesh:
    """The mesh with the vertices of each cube of side `grain` [m] merged into their mean (Rossignac & Borrel 1993)."""
    import trimesh

    _, cell = np.unique(np.floor(mesh.vertices / grain).astype(int), axis=0, return_inverse=True)
    cell = cell.ravel()
    mean = np.column_stack([np.bincount(cell, mesh.vertices[:, axis]) for axis in range(3)])
    faces = cell[mesh.faces]
    distinct = (faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 2] != faces[:, 0])
    return trimesh.Trimesh(mean / np.bincount(cell)[:, None], faces[distinct])


def _select(mesh: Trimesh, row: dict[str, str]) -> Trimesh:
    """The connected parts of the mesh whose centre's x [m] and number of points are within the row's limits."""
    import trimesh

    names = ("part_x_min_m", "part_x_max_m", "part_points_min", "part_points_max")
    if not any(row[name] for name in names):
        return mesh
    low_x, high_x, low_n, high_n = (float(row[name] or free) for name, free in zip(names, (-9, 9, 0, 1e9), strict=True))
    part = trimesh.graph.connected_component_labels(mesh.edges, node_count=len(mesh.vertices))
    count = np.bincount(part)
    centre = np.bincount(part, mesh.vertices[:, 0]) / count
    keep = (low_x <= centre) & (centre < high_x) & (low_n <= count) & (count <= high_n)
    chosen = trimesh.Trimesh(mesh.vertices, mesh.faces[keep[part[mesh.faces[:, 0]]]], process=False)
    chosen.remove_unreferenced_vertices()
    return chosen


def _placement(row: dict[str, str]) -> Array:
    """Mesh frame to body frame, shape (4, 4): turned by the rotation vector, then moved."""
    from scipy.spatial.transform import Rotation

    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_rotvec([float(row[f"turn_{axis}_rad"]) for axis in "xyz"]).as_matrix()
    matrix[:3, 3] = [float(row[f"{axis}_m"]) for axis in "xyz"]
    return matrix


# --- the plain skeleton -----------------------------------------------------------------------------------------------


def _plain() -> Iterator[tuple[str, Trimesh]]:
    for _, group in groupby(_rows("bones_plain.csv"), lambda row: (row["body"], row["part"])):
        rows = list(group)
        point = np.array([[float(row[f"{axis}_m"]) for axis in "xyz"] for row in rows])
        radius, width = (np.array([float(row[name]) for row in rows]) for name in ("radius_m", "width"))
        for body, sign in _bodies(rows[0]):
            yield body, _rod(point * (1.0, 1.0, sign), radius, width)


def _rod(point: Array, radius: Array, width: Array, steps: int = 8, sides: int = 20) -> Trimesh:
    """A round rod through points (k, 3) [m] with round ends; `radius` [m], widened along Z by the factor `width`."""
    import trimesh
    from scipy.interpolate import PchipInterpolator

    knots = np.arange(len(point))
    spline = PchipInterpolator(knots, np.column_stack((point, radius, width)))
    along = spline(np.linspace(0, knots[-1], steps * knots[-1] + 1))
    axis = np.gradient(along[:, :3], axis=0)
    axis /= np.linalg.norm(axis, axis=1, keepdims=True)
    cap = np.linspace(0.0, np.pi / 2, 6)[1:]  # quarter circles that close both ends
    start = [_cap(along[0], -axis[0], c) for c in cap[::-1]]
    stop = [_cap(along[-1], axis[-1], c) for c in cap]
    along = np.vstack((start, along, stop))
    axis = np.vstack((np.tile(axis[0], (5, 1)), axis, np.tile(axis[-1], (5, 1))))
    first = np.cross(axis, (0.0, 0.0, 1.0))
    lateral = np.linalg.norm(first, axis=1) < 0.3  # a rod along Z
    first[lateral] = np.cross(axis[lateral], (1.0, 0.0, 0.0))
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    turn = np.linspace(0.0, 2.0 * np.pi, sides, endpoint=False)[:, None]
    ring = first[:, None] * np.cos(turn) + np.cross(axis, first)[:, None] * np.sin(turn)
    ring = ring * along[:, None, 3:4]
    ring[:, :, 2] *= along[:, None, 4]
    corner = np.arange(len(along) * sides).reshape(len(along), sides)
    a, b, c, d = corner[:-1], np.roll(corner[:-1], -1, 1), corner[1:], np.roll(corner[1:], -1, 1)
    faces = np.concatenate((np.stack((a, b, c), -1).reshape(-1, 3), np.stack((b, d, c), -1).reshape(-1, 3)))
    mesh = trimesh.Trimesh((along[:, None, :3] + ring).reshape(-1, 3), faces, process=False)
    mesh.fix_normals()
    return mesh


def _cap(end: Array, outward: Array, angle: float) -> Array:
    """A ring of the round end: position, radius and width, shape (5,)."""
    return np.r_[end[:3] + outward * end[3] * np.sin(angle), max(end[3] * np.cos(angle), 1e-5), end[4]]
