"""The doctor finds what is wrong, says what would help, and survives it."""

from __future__ import annotations

import importlib.metadata
import json
import signal
import subprocess
import sys

import pytest

from simlab import cli, doctor, world

NAMES = [
    "Python", "packages", "kernels", "model tables", "physics", "physics steps", "rendering", "display",
    "bones", "movie",
]  # fmt: skip


@pytest.fixture
def no_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rendering takes seconds; where it is not what is tested it stays out."""
    monkeypatch.setattr(doctor, "_rendering", lambda: doctor.Check("rendering", True, "left out"))


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["simlab", "doctor", *arguments])
    try:
        cli.main()
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


def test_this_machine_is_well() -> None:
    """The tests need what simlab needs, pictures included."""
    found = doctor.examine()
    assert [check.name for check in found] == NAMES
    assert [check for check in found if not check.ok and not check.optional] == []
    assert all(check.found for check in found)


def test_json_is_one_object_on_standard_output(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], no_picture: None
) -> None:
    assert run(monkeypatch, "--json") == 0
    report = json.loads(capfd.readouterr().out)
    assert report["ok"] is True or any(check["optional"] for check in report["checks"])
    assert [check["name"] for check in report["checks"]] == NAMES
    assert set(report["checks"][0]) == {"name", "ok", "found", "remedy", "optional"}


@pytest.mark.parametrize(
    ("module", "check", "remedy"),
    [
        ("simlab.kernels.path", doctor._kernels, "pip install --editable ."),
        ("pybullet", doctor._physics, "pip install --force-reinstall pybullet"),
        ("imageio_ffmpeg", doctor._movie, "pip install --force-reinstall imageio-ffmpeg"),
    ],
)
def test_what_does_not_import_is_named_with_its_remedy(monkeypatch, module, check, remedy) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setattr(world, "_free", [])  # no server from before
    found = check()
    assert not found.ok and not found.optional
    assert module in found.found and found.remedy.startswith(remedy)


def test_a_missing_dependency_is_named_as_pip_wants_it(monkeypatch: pytest.MonkeyPatch) -> None:
    installed = importlib.metadata.version

    def version(name: str) -> str:
        if name == "ezc3d":
            raise importlib.metadata.PackageNotFoundError(name)
        return installed(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    found = doctor._packages()
    assert not found.ok and found.remedy.startswith("pip install 'ezc3d>=")


def test_real_bones_are_optional(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    found = doctor._bones()
    assert not found.ok and found.optional and "musclemimic-models" in found.remedy


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("raise SystemExit('no EGL device')", "no EGL device"),
        (f"import os; os.kill(os.getpid(), {signal.SIGSEGV.value})", "signal 11"),
    ],
)
def test_a_crash_while_rendering_is_a_finding(monkeypatch: pytest.MonkeyPatch, code: str, says: str) -> None:
    monkeypatch.setattr(doctor, "PICTURE", code)
    monkeypatch.delenv("DISPLAY", raising=False)
    found = doctor._rendering()
    assert not found.ok and says in found.found and found.remedy == doctor.GL_LIBRARIES


def test_no_display_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    if sys.platform == "linux":
        assert not doctor._display().ok and doctor._display().optional
    monkeypatch.setenv("DISPLAY", ":7")
    assert doctor._display() == doctor.Check("display", True, ":7", optional=True)


def test_the_table_shows_the_remedy_and_the_exit_code_tells(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    broken = [doctor.Check("movie", False, "no ffmpeg", "do this"), doctor.Check("display", False, "none", "", True)]
    monkeypatch.setattr(doctor, "examine", lambda: broken)
    assert run(monkeypatch) == 1
    out = capfd.readouterr().out
    assert "no ffmpeg" in out and "do this" in out
    monkeypatch.setattr(doctor, "examine", lambda: broken[1:])
    assert run(monkeypatch) == 0


def test_the_installed_command_runs_anywhere(tmp_path) -> None:
    command = [sys.executable, "-m", "simlab.cli", "doctor", "--json"]
    answer = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout)["checks"][0]["ok"]
