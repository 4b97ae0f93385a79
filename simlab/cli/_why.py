"""Commands that ask why: where a valgus comes from, and what to believe."""

from __future__ import annotations

from typing import Annotated

import typer

from simlab.cli._shared import AsJson, Failed, Settings, SubjectFile, app, console, print_json, progress, subject_of


@app.command()
def assess(
    subject: SubjectFile = None,
    set_: Settings = None,
    task: Annotated[str, typer.Option("--in", metavar="TASK", help="The task to judge.")] = "squat",
    setting: Annotated[
        list[str] | None, typer.Option("--task", metavar="KEY=VALUE", help="Change a setting of the task.")
    ] = None,
    json_: AsJson = False,
) -> None:
    """Say whether a valgus is dynamic or structural: what goes away unloaded or when cued, and what is bone."""
    from simlab import origin, tasks

    person = subject_of(subject, set_)
    asked = tasks.load(task.replace("-", "_"), **tasks.settings(setting or []))
    with progress() as tell:
        found, failed = origin.origin(person, asked, progress=tell)
    if json_:
        legs = {side: one.as_dict() for side, one in found.items()}
        print_json({"subject": person.model_dump(), "legs": legs, "failed": failed, "limits": list(origin.LIMITS)})
    else:
        for one in found.values():
            typer.echo(" ".join(one.sentences()))
        for name, message in failed.items():
            console.print(f"{name}: {message}", highlight=False, markup=False, soft_wrap=True)
        typer.echo("\n" + "\n".join(f"- {line}" for line in origin.LIMITS))
    if any(one.verdict == "not known" for one in found.values()):
        raise Failed("; ".join(f"{name}: {message}" for name, message in failed.items()))
