"""Many simulations from one file: a design over the dials, a row a simulation, and nothing lost on the way.

    spec = sweep.load("sweep.toml")
    report = sweep.run(spec, "out/sweep", workers=4)

`_spec` reads and validates, `_design` chooses the values, `_points` turns them into simulations, `_pool` (this machine)
or `_cluster` (dask) runs `_job`, `_store` keeps the journal and writes the tables.
"""

from simlab.sweep._job import Job, Outcome, simulate_one
from simlab.sweep._points import Simulation, simulation
from simlab.sweep._pool import processors
from simlab.sweep._pool import run as work
from simlab.sweep._run import Progress, Report, outcomes, run
from simlab.sweep._spec import Spec, load

__all__ = [
    "Job",
    "Outcome",
    "Progress",
    "Report",
    "Simulation",
    "Spec",
    "load",
    "outcomes",
    "processors",
    "run",
    "simulate_one",
    "simulation",
    "work",
]
