"""Where the tables of `models/` are: beside the package in a checkout, or inside it where it is installed."""

from __future__ import annotations

import importlib.resources
import tomllib
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from simlab.errors import InputError


def models() -> Traversable:
    """The folder `models/`: that of the checkout this file is in, else the package `simlab.models`, where installed.

    Not the package first: a second checkout on the path of an environment that another is installed in would read the
    other's tables."""
    beside = Path(__file__).resolve().parent.parent / "models"
    return beside if (beside / "SOURCES.md").is_file() else importlib.resources.files("simlab.models")


def read_toml(*path: str) -> dict[str, Any]:
    """A TOML table of `models/`, for example `read_toml("captured", "squats.toml")`. Errors: InputError."""
    file = models().joinpath(*path)
    if not file.is_file():
        raise InputError(f"models/{'/'.join(path)}: no such table")
    return tomllib.loads(file.read_text(encoding="utf-8"))


def load_toml(path: str | Path) -> dict[str, Any]:
    """A user's TOML file. Errors: InputError naming the file and what is wrong with it."""
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None
    except (
        ValueError,
        RecursionError,
    ) as error:  # also not UTF-8, a number of thousands of digits, brackets in brackets
        raise InputError(f"{path}: not valid TOML: {error}") from None
