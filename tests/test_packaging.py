"""The wheel holds what simlab needs, nothing else, and works outside the checkout."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
KERNELS = ("kinematics", "muscle", "passive", "path")
SOURCES = ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE", "simlab", "ext", "models")

USE = """
import json, simlab
from simlab import tables, tasks
from simlab.model import build
from simlab.subject import load_subject
mixture = load_subject(str(tables.models() / "subjects" / "mixture.toml"))
model = build(mixture)
print(json.dumps([simlab.__file__, str(tables.models()), len(model.muscles.names), tasks.load("squat").name]))
"""


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from a copy of the sources, so that nothing is left in the checkout."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    unwanted = shutil.ignore_patterns("*.so", "__pycache__")
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=unwanted)
        else:
            shutil.copy(ROOT / name, source / name)
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        ".",
        "--no-deps",
        "--no-build-isolation",
        "--quiet",
        "-w",
        str(out),
    ]
    built = subprocess.run(command, cwd=source, capture_output=True, text=True)
    assert built.returncode == 0, built.stdout + built.stderr
    (found,) = out.glob("simlab-*.whl")
    return found


def test_the_wheel_holds_what_is_needed_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for kernel in KERNELS:
        assert any(n.startswith(f"simlab/kernels/{kernel}.") and n.endswith((".so", ".pyd")) for n in names), kernel
        assert f"simlab/kernels/{kernel}.pyi" in names
    tables = {
        p.relative_to(ROOT).as_posix() for p in (ROOT / "models").rglob("*") if p.suffix in (".csv", ".toml", ".md")
    }
    assert len(tables) > 15
    assert {f"simlab/{table}" for table in tables} <= set(names)
    code = {p.relative_to(ROOT).as_posix() for p in (ROOT / "simlab").rglob("*.py")}
    assert code | {"simlab/py.typed"} <= set(names)
    assert any(name.endswith("dist-info/licenses/LICENSE") for name in names)
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"simlab"}
    assert not [name for name in names if name.endswith((".trc", ".c3d", ".mot", ".osim", ".pyx", ".c"))]


def test_the_wheel_works_outside_the_checkout(wheel: Path, tmp_path: Path) -> None:
    """Unpacked into a folder of its own and run from another, without the checkout on the path."""
    site, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    zipfile.ZipFile(wheel).extractall(site)
    elsewhere.mkdir()
    path_first = f"import sys; sys.path.insert(0, {str(site)!r})\n"
    answer = subprocess.run([sys.executable, "-c", path_first + USE], cwd=elsewhere, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    package, models, muscles, task = json.loads(answer.stdout)
    assert Path(package).is_relative_to(site) and Path(models).is_relative_to(site)
    assert (muscles, task) == (42, "squat")


@pytest.mark.parametrize("name", KERNELS)
def test_stubs_say_what_the_kernels_take(name: str) -> None:
    stub = ast.parse((ROOT / "simlab" / "kernels" / f"{name}.pyi").read_text(encoding="utf-8"))
    promised = {f.name: [a.arg for a in f.args.args] for f in stub.body if isinstance(f, ast.FunctionDef)}
    kernel = importlib.import_module(f"simlab.kernels.{name}")
    assert promised == {f: list(inspect.signature(getattr(kernel, f)).parameters) for f in promised}
    assert set(promised) == {f for f in vars(kernel) if callable(getattr(kernel, f)) and not f.startswith("_")}


@pytest.mark.skipif(sys.platform != "linux", reason="the lines are apt's")
def test_check_system_names_the_line_that_installs_a_compiler(tmp_path: Path) -> None:
    for tool in ("bash", "env", "grep", "uname", "ldconfig"):
        found = shutil.which(tool) or shutil.which(tool, path="/sbin:/usr/sbin")
        if found:
            (tmp_path / tool).symlink_to(found)
    environment = {"PATH": str(tmp_path), "HOME": str(tmp_path)}
    check = str(ROOT / "scripts" / "check-system")
    answer = subprocess.run([check, sys.executable], env=environment, capture_output=True, text=True)
    assert answer.returncode == 1 and "sudo apt-get install gcc libc6-dev" in answer.stderr
    answer = subprocess.run([check, "/no/python"], env=environment, capture_output=True, text=True)
    assert answer.returncode == 1 and "sudo apt-get install python3.11" in answer.stderr
