"""Worker processes on this machine. One pipe a worker, so that one that is killed takes nothing else with it.

`concurrent.futures` will not do: it declares its whole pool broken when one process dies.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from typing import Any

from simlab.sweep._job import Job, attempt

Item = tuple[str, Any]
"""A key and the request to do."""
Answer = tuple[str, bool, Any]
"""The key, then what `attempt` returned."""

DEATHS = 3
"""Workers that one item may kill before it is given up."""
PAUSE = 0.25
"""How often to look whether to stop [s]."""


def processors() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0))


class WorkersFail(RuntimeError):
    """No worker gets as far as its first simulation."""


@dataclass(slots=True, kw_only=True, eq=False)
class _Worker:
    process: Any
    pipe: Connection
    ready: bool = False
    ended: bool = False
    item: Item | None = None
    done: int = 0


def run(
    job: Job, items: Iterable[Item], *, workers: int, recycle_after: int, stopped: Callable[[], bool] = lambda: False
) -> Generator[Answer]:
    """Do every item in `workers` processes; answers come as they are ready. Items are handed out one at a time, in
    order. Each process does `recycle_after` of them and is replaced.

    A process that dies gives its item back; an item that killed three is answered as failed. When `stopped` says so,
    what is ready is still answered and what is being computed is dropped.
    Errors: WorkersFail when processes die before they are ready.
    """
    waiting, deaths = deque(items), Counter[str]()
    crew: list[_Worker] = []
    false_starts = 0
    try:
        while waiting or any(worker.item for worker in crew):
            busy = sum(worker.item is not None for worker in crew)
            while len(crew) < min(workers, busy + len(waiting)):
                crew.append(_hire(job))
            wait([one for w in crew for one in (w.pipe, w.process.sentinel)], timeout=PAUSE)
            halt = stopped()
            for worker in list(crew):
                for answer in _heard(worker):
                    false_starts = 0
                    yield answer
                if worker.ended:
                    crew.remove(worker)
                    _bury(worker)
                    if not worker.ready:
                        false_starts += 1
                        if false_starts == DEATHS * workers:
                            raise WorkersFail(_false_start(worker))
                    elif worker.item is not None:
                        key = worker.item[0]
                        deaths[key] += 1
                        if deaths[key] == DEATHS:
                            yield key, False, f"{DEATHS} worker processes died of this simulation ({_how(worker)})"
                        else:
                            waiting.appendleft(worker.item)
                elif worker.ready and worker.item is None and waiting and not halt:
                    _hand(worker, waiting, recycle_after)
            if halt:
                return
    finally:
        for worker in crew:
            worker.process.kill()
        for worker in crew:
            _bury(worker)


def _heard(worker: _Worker) -> Iterator[Answer]:
    """Everything that a worker has said; a dead one's pipe is emptied before it is given up."""
    dead = not worker.process.is_alive()  # asked first: what it says afterwards is in the pipe already
    try:
        while worker.pipe.poll():
            said = worker.pipe.recv()
            if said is None:
                worker.ready = True
                continue
            assert worker.item is not None
            key, worker.item = worker.item[0], None
            worker.done += 1
            yield key, *said
    except (EOFError, OSError):
        dead = True
    worker.ended = worker.ended or dead


def _hand(worker: _Worker, waiting: deque[Item], recycle_after: int) -> None:
    """The next item, or the end to a worker that has done its share: it starts afresh, so memory cannot grow."""
    try:
        if worker.done >= recycle_after:
            worker.pipe.send(None)
            worker.done = -1  # told
        elif worker.done >= 0:
            worker.pipe.send(waiting[0][1])
            worker.item = waiting.popleft()
    except OSError:
        worker.ended = True


def _hire(job: Job) -> _Worker:
    context = multiprocessing.get_context("spawn")
    mine, theirs = context.Pipe()
    process = context.Process(target=_work, args=(job, theirs), daemon=True)
    with _inherited():
        process.start()
    theirs.close()  # else a dead worker's pipe would never end
    return _Worker(process=process, pipe=mine)


@contextmanager
def _inherited() -> Iterator[None]:
    """What a new process must have from its first instant: small matrices want one thread, Ctrl-C is for the parent."""
    resource_tracker.ensure_running()  # else the first start runs it, which lets Ctrl-C through again
    before = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = "1"
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if before is None:
            del os.environ["OMP_NUM_THREADS"]
        else:
            os.environ["OMP_NUM_THREADS"] = before


def _bury(worker: _Worker) -> None:
    worker.process.join(timeout=5.0)
    if worker.process.is_alive():
        worker.process.kill()
        worker.process.join()
    worker.pipe.close()


def _how(worker: _Worker) -> str:
    code = worker.process.exitcode
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def _false_start(worker: _Worker) -> str:
    return (
        f"worker processes end before they are ready ({_how(worker)}): a script that starts a sweep must do so "
        'below `if __name__ == "__main__":`, since each worker imports the script'
    )


# --- in the worker ----------------------------------------------------------------------------------------------------


def _work(job: Job, pipe: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None
    threading.Thread(target=_follow, args=(parent.sentinel,), daemon=True).start()
    pipe.send(None)
    while (request := pipe.recv()) is not None:
        pipe.send(attempt(job, request))


def _follow(parent: int) -> None:
    """End with the parent, in the middle of a simulation too."""
    wait([parent])
    os._exit(1)
