"""Errors that a person is meant to read."""

from __future__ import annotations


class InputError(ValueError):
    """Bad usage or input. The message names file, line, marker or key, what was expected and what was found."""


class RecordingError(InputError):
    """A recording that cannot be used. The message names file, line, frame or marker, expected and found."""
