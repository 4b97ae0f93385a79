"""The command line. Thin: it reads what was asked, calls one function, prints one answer.

Exit 0: success; 1: the simulation or analysis failed, with the reason; 2: bad usage or input; 130: interrupted, with
what was finished on disk.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from simlab import __version__
from simlab.errors import InputError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="What would this squat look like if that muscle were weak?",
)
console = Console(stderr=True)

SubjectFile = Annotated[Path | None, typer.Option("--subject", help="Subject file (TOML); default: a healthy adult.")]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Change a dial: right.gluteus_medius_strength=0.5, both.KEY=VALUE."
    ),
]
Out = Annotated[Path, typer.Option("--out", help="Folder for the files.")]
Seed = Annotated[int, typer.Option("--seed", help="Recorded with the result.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]
NoRender = Annotated[bool, typer.Option("--no-render", help="No picture, no movie.")]
Strategy = Annotated[
    Literal["habitual", "compensating"],
    typer.Option("--strategy", help="Keep the healthy drive, or know the deficit and correct it."),
]
Cue = Annotated[float, typer.Option("--cue", min=0.0, max=1.0, help="Attention to 'knee over the second toe', 0 to 1.")]
Static = Annotated[Path | None, typer.Option("--static", help="Standing trial with medial markers.")]
Grf = Annotated[Path | None, typer.Option("--grf", help="Force plates of the recording (MOT or C3D).")]
StaticGrf = Annotated[
    Path | None, typer.Option("--static-grf", help="Force plates of the standing trial: body weight.")
]
JointCentres = Annotated[
    Literal["lateral-markers", "clusters"],
    typer.Option(
        "--joint-centres", help="How knee and ankle centres are found; it decides every frontal-plane number."
    ),
]
Units = Annotated[
    str | None, typer.Option("--units", help="Units of the markers where the file does not say: m or mm.")
]
Up = Annotated[str | None, typer.Option("--up", help="Vertical axis where the file does not say: y or z.")]


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
    repetitions: Annotated[int, typer.Option(help="Number of squats.")] = 1,
    strategy: Strategy = "habitual",
    cue: Cue = 0.0,
    out: Out = Path("out/single-leg-squat"),
    seed: Seed = 0,
    json_: AsJson = False,
    no_render: NoRender = False,
) -> None:
    """Simulate a squat on one leg."""
    asked = {"side": side, "depth_deg": depth_deg, "repetitions": repetitions}
    _simulate("single_leg_squat", asked, subject, set_, strategy, cue, out, seed, json_, no_render)


def _simulate(
    task_name: str, asked: dict[str, Any], subject: Path | None, settings: list[str] | None,
    strategy: Literal["habitual", "compensating"], cue: float, out: Path, seed: int, as_json: bool, no_render: bool,
) -> None:  # fmt: skip
    from simlab import export, tasks
    from simlab.control import Controller
    from simlab.model import build
    from simlab.simulate import simulate

    person = _subject(subject, settings)
    task = tasks.load(task_name, **asked)
    export.writable(out)
    with _progress() as tell:
        result = simulate(build(person), task, Controller(strategy=strategy, cue=cue), seed=seed, progress=tell)
        files = export.save(result, out)
        if not no_render:
            files |= _render([(person.name, result)], None, out, tell)
    report = export.report(result)
    report |= {
        "wall_s": result.wall_s,
        "real_time_factor": report["simulated_s"] / result.wall_s,
        "files": files,
    }
    if as_json:
        _print_json(report)
    else:
        _table(f"{task.name}: {person.name}", report["metrics"])
        _list(files)
    if not result.success:
        raise Failed(result.run.message)


@app.command()
def measure(
    recording: Annotated[Path, typer.Argument(help="Markers: TRC or C3D.")],
    static: Static = None,
    grf: Grf = None,
    static_grf: StaticGrf = None,
    joint_centres: JointCentres = "lateral-markers",
    units: Units = None,
    up: Up = None,
    json_: AsJson = False,
) -> None:
    """Measure a captured squat: repetitions, frontal-plane angles, distances, forces."""
    from simlab import recording as recordings

    found = recordings.measure(
        recordings.read(recording, static, grf, static_grf, joint_centres=joint_centres, units=units, up=up)
    )
    if json_:
        _print_json(found)
        return
    _table(f"{recording.name}: {found['repetitions']} repetition" + "s" * (found["repetitions"] != 1), found["metrics"])
    console.print(f"joint centres: {found['joint_centre_definition']}", markup=False)
    console.print("peaks at " + " ".join(f"{t:.2f}" for t in found["repetition_peaks_s"]) + " s")


@app.command()
def compare(
    recording: Annotated[
        Path | None, typer.Argument(help="Markers (TRC, C3D); default: the captured mean in models/.")
    ] = None,
    subject: SubjectFile = None,
    set_: Settings = None,
    depth_deg: Annotated[float | None, typer.Option(help="Peak knee flexion [deg]; default: as captured.")] = None,
    static: Static = None,
    grf: Grf = None,
    static_grf: StaticGrf = None,
    joint_centres: JointCentres | None = None,
    units: Units = None,
    up: Up = None,
    strategy: Strategy = "habitual",
    cue: Cue = 0.0,
    out: Out = Path("out/compare"),
    seed: Seed = 0,
    json_: AsJson = False,
    no_render: NoRender = False,
) -> None:
    """Put a subject's simulated squat, and the healthy twin's, beside a captured one."""
    from simlab import beside, export
    from simlab import recording as recordings

    person = _subject(subject, set_)
    if recording is None:
        given = {"--static": static, "--grf": grf, "--static-grf": static_grf, "--units": units, "--up": up}
        for option, value in given.items():
            if value is not None:
                raise InputError(f"{option} {value}: expected a RECORDING that it belongs to, found none")
        real = beside.bundled(joint_centres or "clusters")
    else:
        chosen = joint_centres or ("lateral-markers" if static is None else "clusters")
        real = beside.from_recording(
            recordings.read(recording, static, grf, static_grf, joint_centres=chosen, units=units, up=up)
        )
    export.writable(out)
    with _progress() as tell:
        pair = beside.simulate_pair(
            person, real.depth_deg if depth_deg is None else depth_deg, strategy, cue, seed, tell
        )
        report, files = beside.save(pair, real, out)
        if not no_render:
            files |= _render(list(pair.items()), real, out, tell)
    if json_:
        _print_json(report | {"files": files})
    else:
        _print_comparison(report)
        _list(files)
    failed = [f"{label}: {one['message']}" for label, one in report["simulated"].items() if not one["success"]]
    if failed:
        raise Failed("; ".join(failed))


@app.command()
def sweep(
    spec: Annotated[Path, typer.Argument(help="What to vary, and how (TOML).")],
    out: Out = Path("out/sweep"),
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, help="Processes on this machine; default: one a processor.")
    ] = None,
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
    with _counter() as tell:
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
        _print_json(found | {"notes": notes})
    else:
        _list(found["files"])
    for note in notes:
        console.print(f"note: {note}", highlight=False, markup=False, soft_wrap=True)
    done = f"{report.skipped + report.computed} of {report.simulations} simulations done"
    console.print(f"{done}, {report.failed} failed", highlight=False, markup=False)
    if not report.complete:
        console.print("interrupted: run the same command again to go on", highlight=False, markup=False)
        raise typer.Exit(130)


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
        _print_json(
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


# --- what the commands share -----------------------------------------------------------------------------------------


class Failed(Exception):
    """The simulation or analysis failed; the message is the reason."""


def _subject(path: Path | None, settings: list[str] | None) -> Any:
    from simlab.subject import Subject, change, load_subject

    return change(load_subject(path) if path else Subject(), settings or [])


def _render(people: list[tuple[str, Any]], real: Any, out: Path, tell: Callable[[str, float], None]) -> dict[str, str]:
    from simlab import export, movie, scene
    from simlab.figure import simulated

    figures = [simulated(result, label) for label, result in people]
    ghost = None if real is None else real.figure()
    with export.whole(out) as draft:
        tell("picture", 0.0)
        scene.comparison(figures, ghost, draft / "picture.png")
        tell("picture", 1.0)
        movie.write(figures, ghost, draft / "movie.mp4", progress=lambda done, total: tell("movie", done / total))
    return {name: str(out / name) for name in ("picture.png", "movie.mp4")}


@contextmanager
def _progress() -> Iterator[Callable[[str, float], None]]:
    """A bar a stage, on standard error."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description:<28}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress:
        bars: dict[str, Any] = {}

        def tell(stage: str, share: float) -> None:
            if stage not in bars:
                bars[stage] = progress.add_task(stage.replace("_", " "), total=1.0)
            progress.update(bars[stage], completed=share)

        yield tell


@contextmanager
def _counter() -> Iterator[Callable[[int, int, int], None]]:
    """A bar that counts simulations, on standard error."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[failed]} failed"),
    )
    with Progress(*columns, console=console, speed_estimate_period=600) as progress:
        bar = progress.add_task("simulations", total=None, rate="", failed=0)

        def tell(done: int, total: int, failed: int) -> None:
            if progress.tasks[bar].total is None:  # what was found finished says nothing of the speed
                progress.reset(bar, total=total, completed=done)
            progress.update(bar, completed=done, failed=failed)
            speed = progress.tasks[bar].speed
            progress.update(bar, rate=f"{60 * speed:.0f}/min" if speed else "")

        yield tell


def _print_json(report: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(report, allow_nan=False) + "\n")


def _table(title: str, measured: dict[str, Any]) -> None:
    table = Table(title=escape(title), title_justify="left")
    for column in ("", "right", "left"):
        table.add_column(column, justify="left" if not column else "right")
    for name in measured["right"]:
        table.add_row(name, *(_number(measured[side][name]) for side in ("right", "left")))
    table.add_section()
    for name, value in measured["both"].items():
        table.add_row(name, _number(value), "")
    Console().print(table)


def _number(value: Any) -> str:
    if isinstance(value, dict):
        spread = f" ± {value['sd']:.1f}" if value["sd"] is not None else ""
        return "-" if value["mean"] is None else f"{value['mean']:.2f}{spread}"
    return "-" if value is None else f"{value:.2f}" if isinstance(value, float) else str(value)


def _print_comparison(report: dict[str, Any]) -> None:
    """One row a person and leg: the table fits a terminal of 80 columns."""
    names = {
        "knee_flexion_peak_deg": "flexion\ndeg",
        "fppa_60_deg": "FPPA at\n60, deg",
        "fppa_peak_deg": "FPPA at\npeak, deg",
        "medial_knee_displacement_mm": "medial\nmm",
        "grf_peak_bw": "GRF\nBW",
    }
    table = Table(title=f"captured joint centres: {report['captured']['joint_centres']}", title_justify="left")
    for column in ("", "leg", *names.values()):
        table.add_column(column, justify="right" if "\n" in column else "left")
    for label, one in (report["simulated"] | {"captured": report["captured"]}).items():
        for side in ("right", "left"):
            table.add_row(escape(label), side, *(_number(one["metrics"][side][name]) for name in names))
        table.add_section()
    Console().print(table)


def _list(files: dict[str, str]) -> None:
    for path in files.values():
        console.print(f"wrote {path}", highlight=False, markup=False, soft_wrap=True)


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


if __name__ == "__main__":
    main()
