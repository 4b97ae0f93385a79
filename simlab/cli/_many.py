"""Commands that simulate many people."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from simlab.cli._shared import AsJson, Failed, Out, Seed, Workers, app, console, counter, print_files, print_json
from simlab.errors import InputError


@app.command()
def sweep(
    spec: Annotated[Path, typer.Argument(help="What to vary, and how (TOML).")],
    out: Out = Path("out/sweep"),
    workers: Workers = None,
    scheduler: Annotated[
        str | None, typer.Option("--scheduler", metavar="URL", help="A running dask scheduler to use instead.")
    ] = None,
    plot: Annotated[bool, typer.Option("--plot", help="Draw dose and response, and interactions.")] = False,
    json_: AsJson = False,
) -> None:
    """Simulate many subjects from one file; the same command again goes on where it ended."""
    from simlab import sweep as sweeps

    if workers is not None and scheduler is not None:
        raise InputError(f"--workers {workers}: expected none with --scheduler, whose cluster has its own workers")
    asked = sweeps.load(spec)
    with counter() as tell:
        try:
            report = sweeps.run(asked, out, workers=workers, scheduler=scheduler, progress=tell)
        except RuntimeError as error:  # no worker can do the job
            raise Failed(str(error)) from None
    found, notes = report.as_dict(), list(report.notes)
    if plot and report.complete:
        from simlab import dose

        try:
            drawn, more = dose.plot(out, asked.design)
        except InputError as error:  # nothing that could be drawn: the simulations are done all the same
            drawn, more = {}, [str(error)]
        found["files"] |= drawn
        notes += more
    if json_:
        print_json(found | {"notes": notes})
    else:
        print_files(found["files"])
    for note in notes:
        console.print(f"note: {note}", highlight=False, markup=False, soft_wrap=True)
    done = f"{report.skipped + report.computed} of {report.simulations} simulations done"
    console.print(f"{done}, {report.failed} failed", highlight=False, markup=False)
    if not report.complete:
        console.print("interrupted: run the same command again to go on", highlight=False, markup=False)
        raise typer.Exit(130)


@app.command()
def population(
    count: Annotated[int, typer.Argument(min=1, help="How many people.")],
    out: Out = Path("out/population"),
    seed: Seed = 0,
    json_: AsJson = False,
) -> None:
    """Draw a virtual population from published distributions, a subject file each."""
    from simlab import population as people

    files = people.save(people.sample(count, seed), out)
    if json_:
        print_json({"people": count, "seed": seed, "files": files})
    else:
        console.print(f"wrote {len(files)} subjects to {out}", highlight=False, markup=False, soft_wrap=True)
