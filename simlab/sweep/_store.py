"""What a sweep leaves on disk: the journal, which loses nothing, and the tables made from it.

journal.jsonl      a line a finished simulation, as soon as it is finished
curves/HASH.npz    its curves
results.parquet    a row a finished point of the present spec, in the order of the design
curves.nc          the curves of the same points
"""

from __future__ import annotations

import errno
import fcntl
import io
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from simlab import compare, export, metrics
from simlab.errors import InputError
from simlab.motion import SIDES
from simlab.sweep._job import CURVES, Outcome
from simlab.sweep._points import Point, Simulation

PARTS = {"right": export.LEG, "left": export.LEG, "both": metrics.BOTH}


class Journal:
    """The finished simulations in a folder, by hash. `dropped`: lines that were not whole."""

    def __init__(self, folder: Path, file: io.FileIO) -> None:
        self._folder, self._file = folder, file
        self.finished: dict[str, Outcome] = {}
        self.dropped = 0
        self._read()

    def has(self, hash: str, curves: bool) -> bool:
        """Whether a simulation is finished, with its curves if they are wanted."""
        outcome = self.finished.get(hash)
        return outcome is not None and not (curves and outcome["success"] and not self.curves(hash).is_file())

    def add(self, simulation: Simulation, outcome: Outcome) -> None:
        """Keep an outcome: the curves first, since the line says that all of it is there."""
        arrays = outcome.pop("curves")
        if arrays is not None:
            with draft(self.curves(simulation.hash)) as new, new.open("wb") as file:
                np.savez_compressed(file, **{name: values.astype(np.float32) for name, values in arrays.items()})
        line = json.dumps(outcome | {"configuration": simulation.configuration})
        try:
            if self._file.write(line.encode() + b"\n") <= len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(self._file.fileno())
        except OSError as error:
            raise InputError(f"{self._file.name}: cannot be written: {error.strerror}") from None
        # As it will be read again, so that a sweep in one go and a resumed one have the same numbers.
        self.finished[simulation.hash] = _entry(json.loads(line))

    def curves(self, hash: str) -> Path:
        """Where the curves of a simulation are."""
        return self._folder / "curves" / f"{hash}.npz"

    def _read(self) -> None:
        self._file.seek(0)
        content = self._file.read()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):  # a process was killed while it wrote
            self.dropped += 1
            self._file.truncate(whole)
        for line in content[:whole].splitlines():
            try:
                entry = _entry(json.loads(line))
            except (ValueError, KeyError, TypeError):
                self.dropped += 1
            else:
                self.finished[entry["hash"]] = entry


def _entry(line: dict[str, Any]) -> Outcome:
    return {key: line[key] for key in ("hash", "success", "message", "simulated_s", "qp_failures", "metrics")}


@contextmanager
def journal(folder: Path) -> Iterator[Journal]:
    """The journal of a folder, opened for this process alone. Errors: InputError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / "journal.jsonl").open("a+b", buffering=0)
    except OSError as error:
        found = error.strerror or str(error)
        raise InputError(f"--out {folder}: expected a folder that can be written, found: {found}") from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise InputError(
                f"--out {folder}: expected a folder of its own, found another sweep running in it"
            ) from None
        yield Journal(folder, file)


@contextmanager
def draft(path: Path) -> Iterator[Path]:
    """A file that takes the place of `path` when it is whole. Errors: InputError."""
    new = path.with_name(f".draft-{path.name}")
    try:
        path.parent.mkdir(exist_ok=True)
        yield new
        with new.open("rb") as file:
            os.fsync(file.fileno())  # else a loss of power could leave the name without the content
        os.replace(new, path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from None
    finally:
        new.unlink(missing_ok=True)


# --- tables -----------------------------------------------------------------------------------------------------------


def write_results(path: Path, points: Sequence[Point], finished: dict[str, Outcome]) -> None:
    """The rows of the finished points as parquet. The same rows give the same bytes."""
    import polars as pl

    rows = [_row(point, finished) for point in points if point.simulation.hash in finished]
    kinds = {str: pl.String, bool: pl.Boolean, int: pl.Int64, float: pl.Float64}
    schema = {name: kinds[kind] for name, kind in _schema(points).items()}
    columns = {name: [row[name] for row in rows] for name in schema}
    # In memory first: what goes wrong with the disk is then an OSError. Every option that bears on the bytes is named.
    whole = io.BytesIO()
    pl.DataFrame(columns, schema=schema).write_parquet(
        whole, compression="zstd", compression_level=3, statistics=True, row_group_size=65536
    )
    with draft(path) as new:
        new.write_bytes(whole.getvalue())


def _row(point: Point, finished: dict[str, Outcome]) -> dict[str, Any]:
    outcome = finished[point.simulation.hash]
    twin = finished.get(point.healthy.hash) if point.healthy else None
    measured = {f"{part}.{name}": outcome["metrics"][part][name] for part, names in PARTS.items() for name in names}
    row = (
        _head(point) | {name: outcome[name] for name in ("success", "message", "simulated_s", "qp_failures")} | measured
    )
    if point.healthy is not None:
        known = twin is not None and twin["success"] and outcome["success"]
        for part, names in PARTS.items():
            for name in names:
                value = outcome["metrics"][part][name]
                healthy = twin["metrics"][part][name] if twin else None
                missing = not known or value is None or healthy is None
                row[f"change.{part}.{name}"] = None if missing else value - healthy
    return row


def _head(point: Point) -> dict[str, Any]:
    """What was asked, as columns."""
    asked = point.simulation.configuration
    dials = {f"dial.{key}": value for key, value in point.dials.items()}
    flat = {name: value for part in ("subject", "task", "controller") for name, value in _flat(part, asked[part])}
    versions = {f"version.{name}": value for name, value in asked["versions"].items()}
    return {"index": point.index, "hash": point.simulation.hash} | dials | flat | {
        "seed": asked["seed"],
        "dt": asked["dt"],
    } | versions  # fmt: skip


def _flat(prefix: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(f"{prefix}.{key}", inner)
    else:
        yield prefix, value


def _schema(points: Sequence[Point]) -> dict[str, type]:
    """Columns and their kinds: those of the whole design, however many of its points are finished."""
    kinds: dict[str, type] = {}
    for point in points:
        for name, value in _head(point).items():
            if kinds.get(name, type(None)) is type(None):
                # A dial's values may be written 0 and 0.5.
                kinds[name] = float if name.startswith("dial.") and isinstance(value, int) else type(value)
    kinds = {name: float if kind is type(None) else kind for name, kind in kinds.items()}
    kinds |= {"success": bool, "message": str, "simulated_s": float, "qp_failures": int}
    measured = [f"{part}.{name}" for part, names in PARTS.items() for name in names]
    kinds |= dict.fromkeys(measured, float)
    return kinds | (dict.fromkeys((f"change.{name}" for name in measured), float) if points[0].healthy else {})


def write_curves(path: Path, points: Sequence[Point], journal: Journal) -> None:
    """The curves of the finished points as netCDF: simulation x side x percent, NaN where undefined."""
    import xarray as xr

    done = [point for point in points if point.simulation.hash in journal.finished]
    shape = (len(done), len(SIDES), compare.POINTS)
    arrays = {name: np.full(shape, np.nan, dtype=np.float32) for name in CURVES}
    for row, point in enumerate(done):
        stored = journal.curves(point.simulation.hash)
        if stored.is_file():
            with np.load(stored) as found:
                for name in CURVES:
                    arrays[name][row] = found[name]
    data = {
        name: (("simulation", "side", "percent"), arrays[name], {"long_name": words, "units": unit})
        for name, (words, unit) in CURVES.items()
    }
    coordinates = {
        "simulation": ("simulation", [point.index for point in done], {"long_name": "index in results.parquet"}),
        "hash": ("simulation", [point.simulation.hash for point in done]),
        "side": list(SIDES),
        "percent": ("percent", np.arange(compare.POINTS), {"long_name": "repetition", "units": "%"}),
    }
    with draft(path) as new:
        xr.Dataset(data, coords=coordinates).to_netcdf(
            new, engine="h5netcdf", encoding={name: {"zlib": True, "complevel": 4} for name in CURVES}
        )
