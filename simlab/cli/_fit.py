"""The command that asks which deficits explain a recording."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from simlab.cli._shared import (
    AsJson,
    Grf,
    JointCentres,
    Out,
    Seed,
    Static,
    StaticGrf,
    SubjectFile,
    Units,
    Up,
    Workers,
    app,
    console,
    counter,
    print_files,
    print_json,
)
from simlab.errors import InputError


@app.command()
def fit(
    recording: Annotated[Path, typer.Argument(help="Markers of squats: TRC, C3D.")],
    static: Static = None,
    grf: Grf = None,
    static_grf: StaticGrf = None,
    joint_centres: JointCentres | None = None,
    units: Units = None,
    up: Up = None,
    subject: SubjectFile = None,
    mass_kg: Annotated[float | None, typer.Option(help="Body mass; default: what the plates weigh.")] = None,
    height_m: Annotated[float | None, typer.Option(help="Stature; default: from the lengths of the segments.")] = None,
    dial: Annotated[
        list[str] | None,
        typer.Option("--dial", metavar="KEY=LOW:HIGH", help="A dial to seek and its bounds; default: the usual four."),
    ] = None,
    sides: Annotated[bool, typer.Option("--sides", help="Seek each leg's dials by themselves.")] = False,
    marker_noise_mm: Annotated[float, typer.Option(min=0.1, max=20.0, help="White noise of the markers.")] = 2.0,
    evaluations: Annotated[
        int | None, typer.Option(min=20, max=5000, help="Simulations of the global search; default: 30 a dial.")
    ] = None,
    workers: Workers = None,
    out: Out = Path("out/fit"),
    seed: Seed = 0,
    json_: AsJson = False,
) -> None:
    """Find the deficits that best explain a recording, with how sure they are; or say that it cannot tell."""
    import os

    from simlab import capture, export
    from simlab import fit as fits
    from simlab import recording as recordings
    from simlab.subject import load_subject

    chosen = joint_centres or ("lateral-markers" if static is None else "clusters")
    bounds = dict(map(_bounds, dial)) if dial else fits.DIALS
    base = load_subject(subject) if subject else None
    export.writable(out)
    read = recordings.read(recording, static, grf, static_grf, joint_centres=chosen, units=units, up=up)
    person = capture.analyse(read, base, mass_kg=mass_kg, height_m=height_m).person.subject
    with counter() as tell:
        found = fits.fit(
            read,
            person,
            fits.sided(bounds) if sides else bounds,
            marker_noise_mm=marker_noise_mm,
            evaluations=evaluations,
            seed=seed,
            workers=workers or os.cpu_count() or 1,
            tell=tell,
        )
    files = fits.save(found, out)
    if json_:
        print_json(found.report() | {"files": files})
        return
    _print(found)
    print_files(files)


def _bounds(text: str) -> tuple[str, tuple[float, float]]:
    """Errors: InputError."""
    name, _, span = text.partition("=")
    low, _, high = span.partition(":")
    try:
        return name.strip(), (float(low), float(high))
    except ValueError:
        raise InputError(f"--dial {text}: expected KEY=LOW:HIGH, found {span or 'no bounds'!r}") from None


def _print(found: object) -> None:
    from simlab.fit import Fit, plain

    assert isinstance(found, Fit)
    explained = f"chi-square {found.chi2:.2f} a sample, {found.healthy:.2f} without deficits"
    table = Table(title=explained, title_justify="left")
    for column in ("dial", "estimate", "bounds", "FPPA\ndeg", "medial\nmm", "verdict"):
        table.add_column(column, justify="left" if column in ("dial", "verdict") else "right")
    for one in found.estimates:
        parts = ["-" if value is None else f"{value:+.1f}" for value in (one.fppa_deg, one.medial_mm)]
        span = f"{one.dial.low:g} to {one.dial.high:g}"
        table.add_row(escape(plain(one.dial.name)), f"{one.value:.2f} ± {one.sd:.2f}", span, *parts, one.verdict)
    Console().print(table)
    for sentence in found.sentences:
        console.print(sentence, markup=False, highlight=False)
