"""A sweep from its spec to its files."""

from __future__ import annotations

import signal
import tempfile
import threading
import time as clock
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simlab.errors import InputError
from simlab.sweep import _cluster, _design, _pool, _store
from simlab.sweep._job import Job, Outcome, failed, simulate_one
from simlab.sweep._points import Point, Simulation, points, simulations
from simlab.sweep._spec import Spec

Progress = Callable[[int, int, int], None]
"""Told how many simulations are finished, of how many, and how many of them failed."""

EVERY = 100
"""Finished simulations between two writings of results.parquet."""
SHARE = 20
"""Time between two writings, in durations of the last one: a large table is written less often."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a run of a sweep did. points: of the design; simulations: distinct ones among them and their healthy twins;
    skipped: of these, found finished; computed: in this run; failed: of all finished ones."""

    name: str
    points: int
    simulations: int
    skipped: int
    computed: int
    failed: int
    notes: tuple[str, ...]
    files: dict[str, str]

    @property
    def complete(self) -> bool:
        """Whether every simulation is finished."""
        return self.skipped + self.computed == self.simulations

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON-able data."""
        counts = {name: getattr(self, name) for name in ("points", "simulations", "skipped", "computed", "failed")}
        return {"name": self.name, "complete": self.complete, **counts, "notes": list(self.notes), "files": self.files}


def run(
    spec: Spec,
    out: str | Path,
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    progress: Progress | None = None,
    job: Job = simulate_one,
) -> Report:
    """Simulate every point of a sweep into the folder `out`, or what is missing there.

    workers: processes on this machine, by default one a processor; scheduler: address of a running dask scheduler
    instead. Ctrl-C (in the main thread) ends it early, with everything that was finished on disk.
    Errors: InputError; sweep's WorkersFail (a RuntimeError) when no worker can do the job.
    """
    folder, wanted = Path(out), points(spec)
    every = {one.hash: one for one in simulations(wanted)}
    with _store.journal(folder) as journal, _Tables(folder, spec, wanted, journal) as tables:
        skipped, finished, failures = _finish(
            every,
            journal,
            curves=spec.curves,
            recycle_after=spec.recycle_after,
            workers=workers,
            scheduler=scheduler,
            progress=progress,
            job=job,
            refresh=tables.refresh,
        )
    lost = [f"journal.jsonl: lines that were not whole, done again: {journal.dropped}"] if journal.dropped else []
    return Report(
        name=spec.name,
        points=len(wanted),
        simulations=len(every),
        skipped=skipped,
        computed=finished - skipped,
        failed=failures,
        notes=(*_design.notes(spec), *lost),
        files={name: str(folder / name) for name in ("journal.jsonl", *tables.names)},
    )


def outcomes(
    wanted: Sequence[Simulation],
    folder: str | Path | None = None,
    *,
    workers: int | None = None,
    progress: Progress | None = None,
    job: Job = simulate_one,
) -> list[Outcome]:
    """Do simulations of any subjects, each once, with the workers and the journal of a sweep; outcomes in their order.

    folder: where they are kept, and what it holds already is not done again; by default they are not kept.
    Errors: InputError; WorkersFail; KeyboardInterrupt when it was ended early (what was finished is in the folder).
    """
    with ExitStack() as stack:
        place = Path(folder or stack.enter_context(tempfile.TemporaryDirectory(prefix="simlab-")))
        journal = stack.enter_context(_store.journal(place))
        every = {one.hash: one for one in wanted}
        _, finished, _ = _finish(every, journal, workers=workers, progress=progress, job=job)
        if finished < len(every):
            raise KeyboardInterrupt
        return [journal.finished[one.hash] for one in wanted]


def _finish(
    every: dict[str, Simulation],
    journal: _store.Journal,
    *,
    curves: bool = False,
    recycle_after: int = 200,
    workers: int | None = None,
    scheduler: str | None = None,
    progress: Progress | None = None,
    job: Job = simulate_one,
    refresh: Callable[[], None] = lambda: None,
) -> tuple[int, int, int]:
    """Do what the journal lacks; `refresh` is called after each. Returns how many were there, are there, and failed."""
    tell = progress or (lambda done, total, failed: None)
    finished = {hash for hash in every if journal.has(hash, curves)}
    skipped, failures = len(finished), sum(not journal.finished[hash]["success"] for hash in finished)
    tell(skipped, len(every), failures)
    items = [
        (hash, {"configuration": one.configuration, "curves": curves})
        for hash, one in every.items()
        if hash not in finished
    ]
    with _interruptible() as stopped:
        answers: Generator[_pool.Answer]
        if scheduler is not None:
            answers = _cluster.run(job, items, url=scheduler, stopped=stopped)
        else:
            number = workers or _pool.processors()
            answers = _pool.run(job, items, workers=number, recycle_after=recycle_after, stopped=stopped)
        with closing(answers):
            for hash, went_well, outcome in answers:
                outcome = outcome if went_well else failed(hash, outcome)
                if outcome["hash"] != hash:
                    raise _pool.WorkersFail("workers have other versions of simlab or its libraries than this process")
                journal.add(every[hash], outcome)
                finished.add(hash)
                failures += not outcome["success"]
                tell(len(finished), len(every), failures)
                refresh()
    return skipped, len(finished), failures


class _Tables:
    """The tables of a sweep, written again now and then and at the end, whatever ends it."""

    def __init__(self, folder: Path, spec: Spec, points: tuple[Point, ...], journal: _store.Journal) -> None:
        self._folder, self._points, self._journal = folder, points, journal
        self._new, self._next = 0, 0.0
        self.names = ("results.parquet", "curves.nc") if spec.curves else ("results.parquet",)

    def __enter__(self) -> _Tables:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        try:
            self._write()
            if "curves.nc" in self.names:
                _store.write_curves(self._folder / "curves.nc", self._points, self._journal)
        except InputError:
            if error is None:  # else the first error says more
                raise

    def refresh(self) -> None:
        """Count a finished simulation; write the rows when it is time."""
        self._new += 1
        if self._new >= EVERY and clock.monotonic() >= self._next:
            self._write()

    def _write(self) -> None:
        began = clock.monotonic()
        _store.write_results(self._folder / "results.parquet", self._points, self._journal.finished)
        self._new, self._next = 0, clock.monotonic() + SHARE * (clock.monotonic() - began)


@contextmanager
def _interruptible() -> Iterator[Callable[[], bool]]:
    """Whether Ctrl-C (or a polite kill) has come: asked between simulations, so that no file is cut. A second one
    is not waited for."""
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def ask(number: int, frame: Any) -> None:
        asked.set()
        for number, handler in before.items():
            signal.signal(number, handler)

    for number in before:
        signal.signal(number, ask)
    try:
        yield asked.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
