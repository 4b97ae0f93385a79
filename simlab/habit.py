"""What healthy twins have learned, kept between runs of the program: named arrays and settings, by content.

The folder is SIMLAB_CACHE, or `simlab` in the user's cache folder; SIMLAB_CACHE set to nothing keeps nothing. What is
kept belongs to one state of the installation: a changed file or library gives other names. Losing the folder costs
time, nothing else, so whatever goes wrong with it is passed over.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import tempfile
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import simlab
from simlab.motion import Array

MOST = 200
"""Files that are kept; the oldest go."""


def folder() -> Path | None:
    """Where habits are kept, or nothing."""
    chosen = os.environ.get("SIMLAB_CACHE")
    if chosen is not None:
        return Path(chosen) if chosen else None
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(home) / "simlab"


def recall(key: object) -> tuple[dict[str, Array], dict[str, Any]] | None:
    """The arrays, read-only, and the settings kept under a JSON-able key, or nothing."""
    path = _path(key)
    if path is None:
        return None
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        settings = json.loads(str(arrays.pop("settings")))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    for array in arrays.values():
        array.flags.writeable = False
    return arrays, settings


def keep(key: object, arrays: dict[str, Array], settings: dict[str, Any]) -> None:
    """Keep arrays and JSON-able settings under a JSON-able key."""
    path = _path(key)
    if path is None:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(suffix=".draft", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                np.savez(file, settings=np.array(json.dumps(settings)), **arrays)  # type: ignore[arg-type]
            os.replace(draft, path)
        finally:
            Path(draft).unlink(missing_ok=True)
        kept = sorted(path.parent.glob("*.npz"), key=lambda file: file.stat().st_mtime)
        for old in kept[:-MOST]:
            old.unlink(missing_ok=True)
    except OSError:
        return


def _path(key: object) -> Path | None:
    root = folder()
    if root is None:
        return None
    name = hashlib.sha256(json.dumps([key, _installation()], sort_keys=True).encode()).hexdigest()
    return root / f"{name}.npz"


@cache
def _installation() -> list[object]:
    """What an answer depends on besides the question: this package's files, as size and time, and libraries."""
    package = Path(simlab.__file__).parent
    files = [path for path in sorted(package.rglob("*")) if path.suffix in (".py", ".so", ".pyd", ".csv", ".toml")]
    tables = sorted((package.parent / "models").glob("*.csv")) + sorted((package / "models").glob("*.csv"))
    seen = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in (*files, *tables)]
    libraries = [importlib.metadata.version(name) for name in ("numpy", "scipy", "pybullet")]
    return [seen, libraries]
