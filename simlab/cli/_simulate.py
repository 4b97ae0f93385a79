"""Commands that simulate one task, show what came out, and look at the machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.table import Table

from simlab import __version__
from simlab.cli._shared import (
    AsJson,
    Cue,
    Failed,
    NoRender,
    Out,
    Seed,
    Settings,
    Strategy,
    SubjectFile,
    TaskSettings,
    app,
    console,
    print_files,
    print_json,
    print_table,
    progress,
    render,
    subject_of,
)


@app.command()
def squat(
    subject: SubjectFile = None,
    set_: Settings = None,
    depth_deg: Annotated[float, typer.Option(help="Peak knee flexion [deg].")] = 75.0,
    descent_s: Annotated[float, typer.Option(help="Time to go down [s].")] = 1.0,
    ascent_s: Annotated[float, typer.Option(help="Time to come up [s].")] = 1.0,
    repetitions: Annotated[int, typer.Option(help="Number of squats.")] = 1,
    stance_width_m: Annotated[float, typer.Option(help="Distance between the ankle centres [m].")] = 0.26,
    toe_out_deg: Annotated[float, typer.Option(help="Toe-out of each foot [deg].")] = 12.0,
    barbell_kg: Annotated[float, typer.Option(help="Barbell on the shoulders [kg].")] = 0.0,
    strategy: Strategy = "habitual",
    cue: Cue = 0.0,
    out: Out = Path("out/squat"),
    seed: Seed = 0,
    json_: AsJson = False,
    no_render: NoRender = False,
) -> None:
    """Simulate a muscle-driven squat on both legs."""
    asked = {
        "depth_deg": depth_deg,
        "descent_s": descent_s,
        "ascent_s": ascent_s,
        "repetitions": repetitions,
        "stance_width_m": stance_width_m,
        "toe_out_deg": toe_out_deg,
        "barbell_kg": barbell_kg,
    }
    _simulate("squat", asked, subject, set_, strategy, cue, out, seed, json_, no_render)


@app.command("single-leg-squat")
def single_leg_squat(
    subject: SubjectFile = None,
    set_: Settings = None,
    side: Annotated[Literal["right", "left"], typer.Option(help="The standing leg.")] = "right",
    depth_deg: Annotated[float, typer.Option(help="Peak knee flexion of the standing leg [deg].")] = 50.0,
    free_leg: Annotated[Literal["behind", "front"], typer.Option(help="Where the other leg is held.")] = "behind",
    repetitions: Annotated[int, typer.Option(help="Number of squats.")] = 1,
    strategy: Strategy = "habitual",
    cue: Cue = 0.0,
    out: Out = Path("out/single-leg-squat"),
    seed: Seed = 0,
    json_: AsJson = False,
    no_render: NoRender = False,
) -> None:
    """Simulate a squat on one leg."""
    asked = {"side": side, "depth_deg": depth_deg, "free_leg": free_leg, "repetitions": repetitions}
    _simulate("single_leg_squat", asked, subject, set_, strategy, cue, out, seed, json_, no_render)


@app.command()
def simulate(
    task: Annotated[str, typer.Argument(help="Name of a task; an unknown one lists them.")],
    setting: TaskSettings = None,
    subject: SubjectFile = None,
    set_: Settings = None,
    strategy: Strategy = "habitual",
    cue: Cue = 0.0,
    out: Annotated[Path | None, typer.Option("--out", help="Folder for the files; default: out/TASK.")] = None,
    seed: Seed = 0,
    json_: AsJson = False,
    no_render: NoRender = False,
) -> None:
    """Simulate any task by name."""
    from simlab import tasks

    name = task.replace("-", "_")
    folder = Path("out") / task if out is None else out
    _simulate(name, tasks.settings(setting or []), subject, set_, strategy, cue, folder, seed, json_, no_render)


def _simulate(
    task_name: str, asked: dict[str, Any], subject: Path | None, settings: list[str] | None,
    strategy: Literal["habitual", "compensating"], cue: float, out: Path, seed: int, as_json: bool, no_render: bool,
) -> None:  # fmt: skip
    from simlab import export, tasks
    from simlab.control import Controller
    from simlab.model import build
    from simlab.simulate import simulate

    person = subject_of(subject, settings)
    task = tasks.load(task_name, **asked)
    export.writable(out)
    with progress() as tell:
        result = simulate(build(person), task, Controller(strategy=strategy, cue=cue), seed=seed, progress=tell)
        files = export.save(result, out)
        if not no_render:
            files |= render([(person.name, result)], None, out, tell)
    report = export.report(result)
    report |= {
        "wall_s": result.wall_s,
        "real_time_factor": report["simulated_s"] / result.wall_s,
        "files": files,
    }
    if as_json:
        print_json(report)
    else:
        print_table(f"{task.name}: {person.name}", report["metrics"])
        for name, words in report["assumptions"].items():
            console.print(f"{name.replace('_', ' ')}: {words}", highlight=False, markup=False, soft_wrap=True)
        print_files(files)
    if not result.success:
        raise Failed(result.run.message)


@app.command()
def show(result: Annotated[Path, typer.Argument(help="A result.nc, or the folder that holds it.")]) -> None:
    """Open a simulated squat in a window."""
    from simlab import export, scene
    from simlab.figure import simulated

    loaded = export.load(result)
    try:
        scene.show([simulated(loaded, loaded.model.subject.name)])
    except RuntimeError as error:  # no display
        raise Failed(str(error)) from None


@app.command()
def doctor(json_: AsJson = False) -> None:
    """Say whether this machine can run simlab, and what to do where it cannot."""
    from simlab import doctor as checks

    found = checks.examine()
    if json_:
        print_json(
            {"ok": all(check.ok or check.optional for check in found), "checks": [check.as_dict() for check in found]}
        )
    else:
        table = Table(title=f"simlab {__version__}", title_justify="left")
        for column in ("check", "found", "remedy"):
            table.add_column(column)
        for check in found:
            mark = "[green]ok[/]" if check.ok else ("[yellow]optional[/]" if check.optional else "[red]missing[/]")
            table.add_row(f"{mark} {check.name}", check.found, check.remedy)
        Console().print(table)
    if not all(check.ok or check.optional for check in found):
        raise Failed("see the remedies above")
