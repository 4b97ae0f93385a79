"""What the commands share: the program, the options, bars and tables."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

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
InTask = Annotated[str, typer.Option("--in", metavar="TASK", help="The task to look at.")]
TaskSettings = Annotated[
    list[str] | None, typer.Option("--task", metavar="KEY=VALUE", help="Change a setting of the task: depth_deg=60.")
]
Workers = Annotated[
    int | None, typer.Option("--workers", min=1, help="Processes on this machine; default: one a processor.")
]
Static = Annotated[Path | None, typer.Option("--static", help="Standing trial with medial markers.")]
Grf = Annotated[Path | None, typer.Option("--grf", help="Force plates of the recording (MOT or C3D).")]
StaticGrf = Annotated[
    Path | None, typer.Option("--static-grf", help="Force plates of the standing trial: body weight.")
]
JointCentres = Annotated[
    Literal["lateral-markers", "clusters", "functional", "joint-centres"],
    typer.Option(
        "--joint-centres", help="How knee and ankle centres are found; it decides every frontal-plane number."
    ),
]
Units = Annotated[
    str | None, typer.Option("--units", help="Units of the markers where the file does not say: m or mm.")
]
Up = Annotated[str | None, typer.Option("--up", help="Vertical axis where the file does not say: y or z.")]


class Failed(Exception):
    """The simulation or analysis failed; the message is the reason."""


def subject_of(path: Path | None, settings: list[str] | None) -> Any:
    from simlab.subject import Subject, change, load_subject

    return change(load_subject(path) if path else Subject(), settings or [])


def render(people: list[tuple[str, Any]], real: Any, out: Path, tell: Callable[[str, float], None]) -> dict[str, str]:
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


def task_of(name: str, settings: list[str] | None) -> Any:
    from simlab import tasks

    return tasks.load(name.replace("-", "_"), **tasks.settings(settings or []))


@contextmanager
def progress() -> Iterator[Callable[[str, float], None]]:
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
def counter() -> Iterator[Callable[[int, int, int], None]]:
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


def print_json(report: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(report, allow_nan=False) + "\n")


def print_table(title: str, measured: dict[str, Any]) -> None:
    table = Table(title=escape(title), title_justify="left")
    for column in ("", "right", "left"):
        table.add_column(column, justify="left" if not column else "right")
    for name in measured["right"]:
        table.add_row(name, *(number(measured[side][name]) for side in ("right", "left")))
    table.add_section()
    for name, value in measured["both"].items():
        table.add_row(name, number(value), "")
    Console().print(table)


def number(value: Any) -> str:
    if isinstance(value, dict):
        spread = f" ± {value['sd']:.1f}" if value["sd"] is not None else ""
        return "-" if value["mean"] is None else f"{value['mean']:.2f}{spread}"
    return "-" if value is None else f"{value:.2f}" if isinstance(value, float) else str(value)


def print_files(files: dict[str, str]) -> None:
    for path in files.values():
        console.print(f"wrote {path}", highlight=False, markup=False, soft_wrap=True)
