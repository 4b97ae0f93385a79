"""Commands that ask why: what a muscle does, where a valgus comes from, what training changes, what to believe."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from simlab.cli._shared import (
    AsJson,
    Failed,
    InTask,
    NoRender,
    Out,
    Seed,
    Settings,
    SubjectFile,
    TaskSettings,
    Workers,
    app,
    console,
    counter,
    print_files,
    print_json,
    progress,
    subject_of,
    task_of,
)
from simlab.errors import InputError


@app.command()
def explain(
    subject: SubjectFile = None,
    set_: Settings = None,
    knee_flexion_deg: Annotated[float | None, typer.Option(help="Posture of the squat, by the knee [deg].")] = None,
    hip_flexion_deg: Annotated[float | None, typer.Option(help="Posture of the squat, by the hip [deg].")] = None,
    out: Out = Path("out/explain"),
    json_: AsJson = False,
    no_render: NoRender = False,
) -> None:
    """Show what each muscle does in a posture: moment arms, and where it pulls the knee with the foot on the ground."""
    from simlab import explain as explaining
    from simlab import export
    from simlab.model import build

    model = build(subject_of(subject, set_))
    if knee_flexion_deg is None and hip_flexion_deg is None:
        knee_flexion_deg = 75.0
    found = explaining.explain(model, knee_flexion_deg, hip_flexion_deg)
    rows, said = explaining.table(found), explaining.sentences(found)
    assumption = {"muscle_paths": model.subject.muscle_paths}
    report: dict[str, Any] = {
        "subject": model.subject.model_dump(),
        "assumptions": assumption,
        "sentences": said,
        "muscles": rows,
    }
    with export.whole(out) as draft:
        (draft / "explain.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
        if not no_render:
            deg = math.degrees(found.knee_flexion[0])
            explaining.plot(model, draft / "explain.png", knee_flexion_deg=deg)
        files = {path.name: str(out / path.name) for path in sorted(draft.iterdir())}
    if json_:
        print_json(report | {"files": files})
        return
    table = Table(title=f"with the foot on the ground, {found.sides[0]} leg", title_justify="left")
    for column in ("muscle", "pulls the\nknee, mm/cm", "at most\nN", "hip flex.\nmm", "hip add.\nmm", "int. rot.\nmm"):
        table.add_column(column, justify="left" if column == "muscle" else "right")
    mine = [row for row in rows if row["side"] == found.sides[0]]
    for k, row in enumerate(mine):
        if MOST <= k < len(mine) - MOST:
            continue
        if k == len(mine) - MOST:
            table.add_section()
        arms = (f"{row[f'hip_{name}_arm_mm']:.0f}" for name in ("flexion", "adduction", "internal_rotation"))
        pull = f"{row['closed_chain_mm_per_cm']:+.1f} {'in' if row['capacity_n'] > 0 else 'out'}"
        table.add_row(f"{row['name']} ({row['muscle']})", pull, f"{abs(row['capacity_n']):.0f}", *arms)
    Console().print(table)
    typer.echo("\n".join(said))
    console.print(f"muscle paths: {model.subject.muscle_paths}", highlight=False)
    print_files(files)


MOST = 8
"""Muscles that are listed of those that pull in, and of those that pull out; the file has all."""


@app.command()
def assess(
    subject: SubjectFile = None,
    set_: Settings = None,
    task: InTask = "squat",
    setting: TaskSettings = None,
    out: Out = Path("out/assess"),
    json_: AsJson = False,
    no_render: NoRender = False,
) -> None:
    """Examine a subject: passive ranges, and whether a valgus is dynamic or structural (bone)."""
    from simlab import clinical, export, origin
    from simlab.model import build

    person, asked = subject_of(subject, set_), task_of(task, setting)
    examined = clinical.examine(build(person))
    export.writable(out)
    with progress() as tell:
        found, failed = origin.origin(person, asked, progress=tell)
    report = _asked(person, asked) | {
        "examination": dataclasses.asdict(examined),
        "legs": {side: one.as_dict() for side, one in found.items()},
        "failed": failed,
        "limits": list(origin.LIMITS),
    }
    with export.whole(out) as draft:
        (draft / "assess.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
        if not no_render:
            clinical.plot(draft / "tightness.png")
        files = {path.name: str(out / path.name) for path in sorted(draft.iterdir())}
    if json_:
        print_json(report | {"files": files})
    else:
        table = Table(title=f"passive ranges: {person.name}", title_justify="left")
        for column in ("", "right", "left"):
            table.add_column(column, justify="right" if column else "left")
        for field in dataclasses.fields(examined.right):
            both = (str(getattr(leg, field.name)) for leg in (examined.right, examined.left))
            table.add_row(field.name.replace("_", " "), *both)
        Console().print(table)
        for one in found.values():
            typer.echo("\n" + " ".join(one.sentences()))
        typer.echo("\n" + "\n".join(f"- {line}" for line in origin.LIMITS))
        print_files(files)
    for name, message in failed.items():
        console.print(f"{name}: {message}", highlight=False, markup=False, soft_wrap=True)
    if any(one.verdict == "not known" for one in found.values()):
        raise Failed("; ".join(f"{name}: {message}" for name, message in failed.items()))


@app.command()
def attribute(
    subject: SubjectFile = None,
    set_: Settings = None,
    metric: Annotated[
        str | None,
        typer.Option("--metric", help="What to split: SIDE.NAME of metrics.json; default: FPPA of the first leg."),
    ] = None,
    task: InTask = "squat",
    setting: TaskSettings = None,
    orders: Annotated[int, typer.Option(min=2, help="Random orders, where there are more than six causes.")] = 32,
    out: Out = Path("out/attribute"),
    seed: Seed = 0,
    workers: Workers = None,
    json_: AsJson = False,
    no_render: NoRender = False,
) -> None:
    """Say how much each cause of a subject contributes to a change against the healthy twin (Shapley shares)."""
    from simlab import attribution, export

    person, asked = subject_of(subject, set_), task_of(task, setting)
    metric = metric or f"{asked.standing[0]}.fppa_peak_deg"
    side = metric.partition(".")[0]
    if side in ("right", "left") and side not in asked.standing:
        raise InputError(f"--metric {metric}: expected a leg that stands ({', '.join(asked.standing)}), found {side}")
    export.writable(out)
    with counter() as tell:
        try:
            found = attribution.shapley(person, asked, metric, orders=orders, seed=seed, workers=workers, progress=tell)
        except RuntimeError as error:  # no worker can do the job
            raise Failed(str(error)) from None
    report = found.as_dict() | _asked(person, asked)
    with export.whole(out) as draft:
        (draft / "attribution.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
        if not no_render:
            attribution.plot(found, draft / "attribution.png")
        files = {path.name: str(out / path.name) for path in sorted(draft.iterdir())}
    if json_:
        print_json(report | {"files": files})
    else:
        table = Table(title=f"{metric}: change against healthy", title_justify="left")
        for column in ("cause", "share", "alone", "last", "lowest", "highest"):
            table.add_column(column, justify="left" if column == "cause" else "right")
        for share in found.shares:
            values = (share.share, share.alone, share.last, share.low, share.high)
            table.add_row(share.cause, *("-" if value is None else f"{value:+.2f}" for value in values))
        Console().print(table)
        print_files(files)
    if found.failed:
        raise Failed("; ".join(f"{coalition}: {why}" for coalition, why in found.failed.items()))


def _asked(person: Any, task: Any) -> dict[str, Any]:
    """What was simulated, for the reader of a file; the name and task alone do not say it."""
    from simlab import export
    from simlab.control import Controller

    return {
        "subject": person.model_dump(),
        "task": task.model_dump(),
        "assumptions": export.assumptions(person, Controller(), task.period),
        "versions": export.versions(),
    }


@app.command()
def train(
    program: Annotated[Path, typer.Argument(help="Exercises over weeks (TOML): models/programs/valgus_8_weeks.toml.")],
    week: Annotated[float, typer.Option("--week", help="After how many weeks.")] = 8.0,
    subject: SubjectFile = None,
    set_: Settings = None,
    out: Out = Path("out/train"),
    json_: AsJson = False,
) -> None:
    """Say what a training program does to a subject, and write the subject that it makes."""
    from simlab import export, training
    from simlab.subject import toml as to_toml

    person = subject_of(subject, set_)
    found = training.after(person, training.load_program(program), week)
    people = {"after.toml": found.subject, "after_low.toml": found.low, "after_high.toml": found.high}
    with export.whole(out) as draft:
        for name, one in people.items():
            (draft / name).write_text(to_toml(one), encoding="utf-8")
    files = {name: str(out / name) for name in people}
    gains = [dataclasses.asdict(gain) | {"words": gain.words} for gain in found.gains]
    sources = {key: training.cite(key) for gain in found.gains for key in gain.sources}
    if json_:
        print_json(
            {
                "week": week,
                "gains": gains,
                "sources": sources,
                "assumptions": list(training.ASSUMPTIONS),
                "subject": found.subject.model_dump(),
                "files": files,
            }
        )
        return
    for gain in found.gains:
        typer.echo(gain.words)
    typer.echo("\n" + "\n".join(f"- {line}" for line in training.ASSUMPTIONS))
    typer.echo("\nsources: " + "; ".join(sources.values()))
    print_files(files)


@app.command()
def validate(
    quick: Annotated[bool, typer.Option("--quick", help="With a quarter of the virtual population.")] = False,
    out: Out = Path("out/validate"),
    json_: AsJson = False,
) -> None:
    """Set what the model says beside what experiments say: validation.html, a failed target with its reason."""
    from simlab import export
    from simlab import validate as validation

    export.writable(out)
    with progress() as tell:
        try:
            report = validation.run(quick, tell)
        except RuntimeError as error:  # no worker can do the job
            raise Failed(str(error)) from None
    files = validation.write(report, out)
    found = report.as_dict()
    if json_:
        print_json(found | {"files": files})
        return
    table = Table(title="what experiments say, and whether the model does", title_justify="left")
    for column in ("", "target", "parts within\ntolerance", ""):
        table.add_column(column)
    for target in found["targets"]:
        judged = [part["passed"] for part in target["measured"] if part["passed"] is not None]
        mark = "[green]pass[/]" if target["passed"] else "[red]fail[/]"
        table.add_row(target["id"], target["target"], f"{sum(judged)} of {len(judged)}", mark)
    Console().print(table)
    print_files(files)
