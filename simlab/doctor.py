"""Can this machine run simlab? Each check says what it found and what would help."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import platform
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

KERNELS = ("kinematics", "path", "muscle", "passive", "contact", "control", "stepper")
COMPILER = "sudo apt-get install gcc libc6-dev python3.11-dev"
GL_LIBRARIES = "sudo apt-get install libegl1 libgl1 libegl-mesa0 libgl1-mesa-dri"

PICTURE = """
import pyvista
plotter = pyvista.Plotter(off_screen=True, window_size=[64, 64])
plotter.add_mesh(pyvista.Sphere())
plotter.show(auto_close=False)
assert plotter.screenshot().std() > 0, "the picture is blank"
print(plotter.render_window.GetClassName())
"""


@dataclass(frozen=True, slots=True)
class Check:
    """One finding: name, whether it is well, what was found, the remedy, and whether simlab can do without it."""

    name: str
    ok: bool
    found: str
    remedy: str = ""
    optional: bool = False

    def as_dict(self) -> dict[str, Any]:
        """The finding as JSON-able data."""
        return asdict(self)


def examine() -> list[Check]:
    """All checks, in the order of what depends on what."""
    return [
        _python(),
        _packages(),
        _kernels(),
        _tables(),
        _physics(),
        _stepper(),
        _rendering(),
        _display(),
        _bones(),
        _movie(),
    ]


def _tried(name: str, attempt: Callable[[], str], remedy: str) -> Check:
    try:
        return Check(name, True, attempt())
    except Exception as error:  # whatever is wrong on this machine is the finding
        return Check(name, False, f"{type(error).__name__}: {error}", remedy)


def _python() -> Check:
    ok = sys.version_info[:2] == (3, 11)
    found = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    remedy = "" if ok else "install simlab with Python 3.11 (pybullet has no wheel for newer ones)"
    return Check("Python", ok, found, remedy)


def _packages() -> Check:
    """Every declared dependency is installed; whether it works is for the checks below."""
    try:
        declared = [line for line in importlib.metadata.requires("simlab") or [] if "extra ==" not in line]
    except importlib.metadata.PackageNotFoundError:
        return Check("packages", False, "simlab is not installed", "pip install --editable . (in the checkout)")
    missing = [line for line in declared if not _installed(line)]
    if missing:
        quoted = " ".join(f"'{line}'" for line in missing)
        return Check("packages", False, f"{len(missing)} of {len(declared)} are missing", f"pip install {quoted}")
    return Check("packages", True, f"{len(declared)} dependencies installed")


def _installed(requirement: str) -> bool:
    name = re.match(r"[\w.-]+", requirement)
    try:
        return name is not None and bool(importlib.metadata.version(name[0]))
    except importlib.metadata.PackageNotFoundError:
        return False


def _kernels() -> Check:
    def attempt() -> str:
        for name in KERNELS:
            importlib.import_module(f"simlab.kernels.{name}")
        return f"{', '.join(KERNELS)}: compiled"

    remedy = f"pip install --editable . (in the checkout; needs a C compiler: {COMPILER})"
    return _tried("kernels", attempt, remedy)


def _tables() -> Check:
    def attempt() -> str:
        from simlab.model import build
        from simlab.subject import Subject

        model = build(Subject())
        return f"{len(model.skeleton.names)} links, {2 * len(model.muscles.names)} muscles"

    return _tried("model tables", attempt, "install simlab again: its models/ folder is incomplete")


def _physics() -> Check:
    def attempt() -> str:
        from simlab.model import build
        from simlab.subject import Subject
        from simlab.world import World

        with World(build(Subject())):
            return f"pybullet {importlib.metadata.version('pybullet')}, direct mode"

    return _tried("physics", attempt, "pip install --force-reinstall pybullet")


def _stepper() -> Check:
    """Which of the two equal paths makes the physics steps."""
    from simlab.model import build
    from simlab.plant import plant
    from simlab.subject import Subject
    from simlab.world import World

    try:
        with World(build(Subject())) as world:
            plant(world, "compiled")
        return Check("physics steps", True, "compiled, through pybullet's C interface", optional=True)
    except Exception as error:
        return Check("physics steps", False, f"in Python: {error}", "same results, several times slower", optional=True)


def _rendering() -> Check:
    """Draws one picture, in a process of its own: without a graphics driver VTK may end the process it runs in."""

    def attempt() -> str:
        run = subprocess.run([sys.executable, "-c", PICTURE], capture_output=True, text=True, timeout=120)
        if run.returncode < 0:
            raise RuntimeError(f"VTK was ended by signal {-run.returncode}")
        if run.returncode:
            raise RuntimeError(run.stderr.strip().splitlines()[-1])
        return f"VTK {importlib.metadata.version('vtk')}, {run.stdout.split()[-1]}"

    hint = " (or unset DISPLAY, which names a display that cannot be used)" if os.environ.get("DISPLAY") else ""
    return _tried("rendering", attempt, GL_LIBRARIES + hint)


def _display() -> Check:
    name = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if name or sys.platform in ("win32", "darwin"):
        return Check("display", True, name or "native", optional=True)
    return Check("display", False, "none", "simlab show needs one; pictures and movies do not", optional=True)


def _bones() -> Check:
    name = "musclemimic-models"
    try:
        return Check("bones", True, f"{name} {importlib.metadata.version(name)}", optional=True)
    except importlib.metadata.PackageNotFoundError:
        remedy = f"pip install {name}, for real bone meshes; simple ones are built in"
        return Check("bones", False, "simple", remedy, optional=True)


def _movie() -> Check:
    def attempt() -> str:
        import imageio_ffmpeg

        return f"ffmpeg {imageio_ffmpeg.get_ffmpeg_version().split('-')[0]}"

    return _tried("movie", attempt, "pip install --force-reinstall imageio-ffmpeg")
