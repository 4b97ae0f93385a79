"""Where the tables of `models/` are: inside the installed package, or beside it in a checkout."""

from __future__ import annotations

import importlib.resources
import tomllib
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from simlab.errors import InputError


def models() -> Traversable:
    """The folder `models/`: the package `simlab.models` where simlab is installed, else the checkout's folder."""
    try:
        return importlib.resources.files("simlab.models")
    except ModuleNotFoundError:
        return Path(__file__).resolve().parent.parent / "models"


def read_toml(*path: str) -> dict[str, Any]:
    """A TOML table of `models/`, for example `read_toml("captured", "squats.toml")`. Errors: InputError."""
    file = models().joinpath(*path)
    if not file.is_file():
        raise InputError(f"models/{'/'.join(path)}: no such table")
    return tomllib.loads(file.read_text(encoding="utf-8"))
