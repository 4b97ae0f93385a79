"""Workers elsewhere: a running dask cluster does the same job."""

from __future__ import annotations

import itertools
import queue
from collections.abc import Callable, Generator, Iterable
from typing import Any

from simlab.errors import InputError
from simlab.sweep._job import Job, attempt
from simlab.sweep._pool import PAUSE, Answer, Item, WorkersFail

AHEAD = 2
"""Simulations in flight for every thread of the cluster: one to compute, one to follow."""


def run(job: Job, items: Iterable[Item], *, url: str, stopped: Callable[[], bool] = lambda: False) -> Generator[Answer]:
    """Do every item on the cluster of the scheduler at `url`; answers come as they are ready.

    Errors: InputError without the package or the scheduler; WorkersFail when the cluster cannot do the job at all.
    """
    try:
        from distributed import Client
        from distributed.scheduler import KilledWorker
    except ImportError:
        raise InputError("--scheduler: expected the package distributed; pip install 'simlab[cluster]'") from None
    try:
        client = Client(url, timeout=10, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise InputError(f"--scheduler {url}: expected a running dask scheduler, found: {error}") from None
    try:
        remaining, in_flight = iter(items), 0
        finished: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        while not stopped():
            room = AHEAD * max(1, sum(client.nthreads().values())) - in_flight
            for key, request in itertools.islice(remaining, max(0, room)):
                future = client.submit(attempt, job, request, pure=False)
                future.add_done_callback(lambda done, key=key: finished.put((key, done)))
                in_flight += 1
            if not in_flight:
                return
            try:
                key, future = finished.get(timeout=PAUSE)
            except queue.Empty:
                continue
            in_flight -= 1
            if future.status == "finished":
                yield key, *future.result()
                continue
            reason = future.exception() if future.status == "error" else RuntimeError("the scheduler is gone")
            if not isinstance(reason, KilledWorker):
                raise WorkersFail(f"the cluster at {url} cannot do the job: {type(reason).__name__}: {reason}")
            yield key, False, f"worker processes died of this simulation: {reason}"
    except OSError as error:
        raise WorkersFail(f"the cluster at {url} is gone; what was finished is kept: {error}") from None
    finally:
        client.close()
