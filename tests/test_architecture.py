"""Imports run one way: down the layers. Each heavy library is known to few modules, and loaded when it is used."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import simlab

PACKAGE = Path(simlab.__file__).parent

LAYERS = (
    ("cli", "doctor"),
    ("beside", "origin"),
    ("figure", "movie", "scene", "shapes", "bones"),
    ("attribution", "dose", "explain", "population", "validate"),
    ("sweep",),
    ("fit",),
    ("capture",),
    ("export", "report"),
    ("recruitment",),
    ("compare", "loads"),
    ("dynamics",),
    ("scale",),
    ("ik",),
    ("body",),
    ("recording",),
    ("metrics", "sensors", "simulate", "unusual"),
    ("control", "plant", "habit", "clinical"),
    ("muscles", "world"),
    ("tasks", "landmarks", "mocap", "training"),
    ("repair", "functional"),
    ("model",),
    ("paths", "alignment"),
    ("anatomy",),
    ("rotations", "waveform", "signals", "marker_sets", "clusters", "identify"),
    ("copula", "subject"),
    ("motion", "tables"),
    ("errors", "page"),
    ("kernels",),
)
"""From the top down. A module may import from its own row and from the rows below it."""

OWNERS = {
    "pybullet": {"world"},
    "pybullet_utils": {"world"},
    "ezc3d": {"mocap"},
    "yaml": {"mocap"},
    "xarray": {"export", "sweep"},
    "matplotlib": {"attribution", "compare", "dose", "clinical", "explain", "fit"},
    "polars": {"sweep", "dose"},
    "distributed": {"sweep"},
    "SALib": {"attribution"},
    "cma": {"fit"},
    "typer": {"cli"},
    "rich": {"cli"},
    "pyvista": {"scene", "movie", "bones"},
    "vtk": {"scene", "movie", "bones"},
    "vtkmodules": {"scene", "movie", "bones"},
    "trimesh": {"bones"},
    "imageio_ffmpeg": {"movie", "doctor"},
}
"""The modules that may import a library; none of these but typer and rich is imported with the module itself."""

FOREIGN = ("opensim", "bvhio", "proxsuite", "pinocchio", "mujoco", "pytest", "hypothesis")
"""Only tests, benchmarks and models/regenerate.py may know these."""


def modules() -> dict[str, Path]:
    """Every module below the package's door, `tasks/squat.py` as `tasks.squat`."""
    found = {path: path.relative_to(PACKAGE).with_suffix("").parts for path in sorted(PACKAGE.rglob("*.py"))}
    names = {".".join(part for part in parts if part != "__init__"): path for path, parts in found.items()}
    return {name: path for name, path in names.items() if name}


def imports(path: Path) -> Iterator[tuple[str, int, bool]]:
    """Everything a file imports, as full dotted names: name, line, whether it is imported with the module."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    late = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) or _only_for_types(node)]
    inside = {id(child) for node in late for child in ast.walk(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}:{node.lineno}: relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from ((name, node.lineno, id(node) not in inside) for name in names)


def _only_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def layer(name: str) -> int:
    """The row of a module; that of its folder for a module in one."""
    top = name.split(".")[0]
    rows = [i for i, row in enumerate(LAYERS) if top in row]
    assert rows, f"simlab/{name.replace('.', '/')}: new here; say in LAYERS of {Path(__file__).name} where it belongs"
    return rows[0]


def test_every_module_has_its_layer_and_no_layer_is_empty() -> None:
    tops = {name.split(".")[0] for name in modules()}
    for name in sorted(tops):
        layer(name)
    listed = [name for row in LAYERS for name in row]
    assert len(listed) == len(set(listed))
    assert set(listed) == tops, f"in LAYERS but gone: {sorted(set(listed) - tops)}"


def test_a_module_that_is_not_listed_is_named() -> None:
    with pytest.raises(AssertionError, match="simlab/telemetry/imu: new here"):
        layer("telemetry.imu")


def ours(path: Path) -> list[tuple[str, int]]:
    """The modules and packages of simlab that a file imports, with the line."""
    tops = {name.split(".")[0] for name in modules()}
    found = [(target.split(".")[1], line) for target, line, _ in imports(path) if target.startswith("simlab.")]
    return [(name, line) for name, line in found if name in tops]


def test_imports_run_down_the_layers() -> None:
    wrong = [
        f"{path.name}:{line}: {name} imports {target} from a layer above it"
        for name, path in modules().items()
        for target, line in ours(path)
        if layer(target) < layer(name)
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", ["metrics", "compare", "recording", "landmarks"])
def test_analysis_never_knows_the_simulation(name: str) -> None:
    """So real and simulated motion take the same code."""
    reached: set[str] = set()
    new = {name}
    while new:
        reached |= new
        paths = [path for module, path in modules().items() if module.split(".")[0] in new]
        new = {target for path in paths for target, _ in ours(path)} - reached
    assert not reached & {"simulate", "control", "world", "muscles", "tasks", "model"}


def test_libraries_are_known_to_few_and_loaded_when_used() -> None:
    wrong = []
    for name, path in modules().items():
        for target, line, at_once in imports(path):
            library = target.split(".")[0]
            where = f"{path.name}:{line}: {name} imports {library}"
            if library in FOREIGN or name.split(".")[0] not in OWNERS.get(library, {name.split(".")[0]}):
                wrong.append(where)
            elif library in OWNERS and library not in ("typer", "rich") and at_once:
                wrong.append(f"{where} at once, not inside a function")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("door", ["simlab", "simlab.cli"])
def test_the_door_opens_at_once(door: str) -> None:
    """Neither `import simlab` nor `simlab --help` waits for the science."""
    heavy = {"numpy", "scipy", "xarray", "pyvista", "vtkmodules", "pybullet", "matplotlib", "polars"}
    code = f"import sys, {door}; print(*({heavy} & set(sys.modules)))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.split() == []


def test_the_door_leads_to_every_module_it_names() -> None:
    assert set(simlab.__all__) <= set(dir(simlab))
    for name in simlab.__all__:
        assert getattr(simlab, name).__name__ == f"simlab.{name}"
    with pytest.raises(AttributeError, match="simulat"):
        simlab.simulat  # noqa: B018
