"""Every example runs as a reader would run it, anywhere, and ends by asserting what it showed."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).resolve().parent.parent / "examples").glob("*.py"))


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 4


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_short_and_ends_with_what_it_showed(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) < 40
    tree = ast.parse(text)
    assert ast.get_docstring(tree) and isinstance(tree.body[-1], ast.Assert)


@pytest.mark.slow
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_runs(path: Path, tmp_path: Path) -> None:
    without_display = {name: value for name, value in os.environ.items() if name != "DISPLAY"}
    answer = subprocess.run(
        [sys.executable, str(path)], cwd=tmp_path, env=without_display, capture_output=True, text=True, timeout=300
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert answer.stdout and list(tmp_path.iterdir()) == []
