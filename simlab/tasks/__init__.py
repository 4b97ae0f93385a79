"""Movements to simulate. A new task is one new file: its name is the task's public name, its class is a `Task`."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from typing import Any

from pydantic import ValidationError

from simlab.errors import InputError
from simlab.tasks._task import Task

__all__ = ["Task", "load", "names", "settings"]


def names() -> tuple[str, ...]:
    """The tasks that can be loaded."""
    return tuple(sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_")))


def settings(asked: list[str]) -> dict[str, Any]:
    """Settings of a task from KEY=VALUE texts. Errors: InputError for another form."""
    out: dict[str, Any] = {}
    for text in asked:
        key, separator, value = text.partition("=")
        if not separator or not value.strip():
            raise InputError(f"--task {text}: expected KEY=VALUE, such as depth_deg=60")
        out[key.strip()] = value.strip()  # numbers are made of it by the task, which knows its settings
    return out


def load(name: str, **settings: Any) -> Task:
    """A task by name with its settings. Errors: InputError naming the setting, its range and what was found."""
    if name not in names():
        raise InputError(f"task: expected one of {', '.join(names())}, found {name!r}")
    module = importlib.import_module(f"{__name__}.{name}")
    kind = getattr(module, "".join(part.capitalize() for part in name.split("_")))
    try:
        task: Task = kind(**settings)
    except ValidationError as error:
        item = error.errors()[0]
        key = ".".join(str(part) for part in item["loc"])
        if item["type"] == "extra_forbidden":
            near = difflib.get_close_matches(key, kind.model_fields, n=1, cutoff=0.0)[0]
            raise InputError(f"task {name}: unknown setting '{key}'; the nearest valid one is '{near}'") from None
        raise InputError(f"task {name}: {key}: {item['msg'].lower()}, found {item['input']!r}") from None
    return task
