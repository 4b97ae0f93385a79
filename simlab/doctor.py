"""Can this machine run simlab? Each check says what it found and what would help."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import platform
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

GL_LIBRARIES = "sudo apt-get install libegl1 libgl1 libgl1-mesa-dri"


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
    return [_python(), _kernels(), _tables(), _physics(), _rendering(), _display(), _bones(), _movie()]


def _python() -> Check:
    ok = sys.version_info[:2] == (3, 11)
    found = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    return Check("Python", ok, found, "" if ok else "use Python 3.11: pybullet has no wheel for newer ones")


def _tried(name: str, remedy: str, optional: bool, attempt: Callable[[], str]) -> Check:
    try:
        return Check(name, True, attempt(), optional=optional)
    except Exception as error:  # whatever is wrong on this machine is the finding
        return Check(name, False, f"{type(error).__name__}: {error}", remedy, optional)


def _kernels() -> Check:
    def attempt() -> str:
        for name in ("kinematics", "path", "muscle", "passive"):
            importlib.import_module(f"simlab.kernels.{name}")
        return "compiled kernels import"

    return _tried("kernels", "pip install . (needs a C compiler: sudo apt-get install gcc)", False, attempt)


def _tables() -> Check:
    def attempt() -> str:
        from simlab.model import build
        from simlab.subject import Subject

        model = build(Subject())
        return f"{len(model.skeleton.names)} links, {2 * len(model.muscles.names)} muscles"

    return _tried("model tables", "install simlab again: its models/ folder is incomplete", False, attempt)


def _physics() -> Check:
    def attempt() -> str:
        from simlab.model import build
        from simlab.subject import Subject
        from simlab.world import World

        with World(build(Subject())):
            return f"pybullet {importlib.metadata.version('pybullet')}, direct mode"

    return _tried("physics", "pip install pybullet", False, attempt)


def _rendering() -> Check:
    def attempt() -> str:
        import pyvista

        plotter = pyvista.Plotter(off_screen=True, window_size=(64, 64))
        try:
            plotter.add_mesh(pyvista.Sphere())
            plotter.show(auto_close=False)
            window = plotter.render_window.GetClassName()
        finally:
            plotter.close()
        return f"VTK {importlib.metadata.version('vtk')}, {window}"

    return _tried("rendering", f"{GL_LIBRARIES}; without a display also: unset DISPLAY", False, attempt)


def _display() -> Check:
    name = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if name or sys.platform in ("win32", "darwin"):
        return Check("display", True, name or "native", optional=True)
    return Check("display", False, "none", "simlab show needs one; pictures and movies do not", optional=True)


def _bones() -> Check:
    def attempt() -> str:
        return f"musclemimic-models {importlib.metadata.version('musclemimic-models')}"

    return _tried("bones", "pip install 'simlab[bones]' for real bone meshes; simple ones are built in", True, attempt)


def _movie() -> Check:
    def attempt() -> str:
        import imageio_ffmpeg

        return f"ffmpeg {imageio_ffmpeg.get_ffmpeg_version()}"

    return _tried("movie", "pip install imageio-ffmpeg", False, attempt)
