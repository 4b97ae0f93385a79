"""The command line. Thin: it reads what was asked, calls one function, prints one answer.

Exit 0: success; 1: the simulation or analysis failed, with the reason; 2: bad usage or input; 130: interrupted, with
what was finished on disk.
"""

from __future__ import annotations

import gc
import os
import sys

from rich.markup import escape

from simlab.cli import _captured, _fit, _many, _simulate, _why  # noqa: F401  (each adds its commands)
from simlab.cli._shared import Failed, app, console
from simlab.errors import InputError


def main() -> None:
    """Run the command line and turn errors into exit codes."""
    # Our matrices are small: threads would only wait for one another. Before numpy is loaded.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    gc.set_threshold(100_000)  # half of a short run is imports, which leave no garbage to look for
    try:
        app()
    except InputError as error:
        console.print(f"[red]error:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        sys.exit(2)
    except Failed as error:
        console.print(f"[red]failed:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        sys.exit(1)
