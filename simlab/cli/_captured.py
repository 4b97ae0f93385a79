"""Commands for captured motion."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from simlab.cli._shared import (
    AsJson,
    Cue,
    Failed,
    Grf,
    JointCentres,
    NoRender,
    Out,
    Seed,
    Settings,
    Static,
    StaticGrf,
    Strategy,
    SubjectFile,
    Units,
    Up,
    app,
    console,
    number,
    print_files,
    print_json,
    print_table,
    progress,
    render,
    subject_of,
)
from simlab.errors import InputError


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
        print_json(found)
        return
    print_table(
        f"{recording.name}: {found['repetitions']} repetition" + "s" * (found["repetitions"] != 1), found["metrics"]
    )
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

    person = subject_of(subject, set_)
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
    with progress() as tell:
        pair = beside.simulate_pair(
            person, real.depth_deg if depth_deg is None else depth_deg, strategy, cue, seed, tell
        )
        report, files = beside.save(pair, real, out)
        if not no_render:
            files |= render(list(pair.items()), real, out, tell)
    if json_:
        print_json(report | {"files": files})
    else:
        _print_comparison(report)
        print_files(files)
    failed = [f"{label}: {one['message']}" for label, one in report["simulated"].items() if not one["success"]]
    if failed:
        raise Failed("; ".join(failed))


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
            table.add_row(escape(label), side, *(number(one["metrics"][side][name]) for name in names))
        table.add_section()
    Console().print(table)
