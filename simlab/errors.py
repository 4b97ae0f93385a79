"""Errors that a person is meant to read."""

from __future__ import annotations


class InputError(ValueError):
    """Bad usage or input. The message names file, line, marker or key, what was expected and what was found."""
