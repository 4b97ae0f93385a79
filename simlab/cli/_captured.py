"""Commands for captured motion."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

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
    _print_unusual(found["unusual"])


def _print_unusual(report: dict[str, Any], of: str = "") -> None:
    """What is not like the other repetitions, or that nothing is, and by which measure."""
    from simlab import unusual

    none = "no unusual repetition" if report["judged"] else "unusual repetitions: not judged"
    for sentence in unusual.sentences(report["found"]) or [none]:
        console.print(f"{of}{sentence}", markup=False, highlight=False)
    console.print(f"({report['criterion']})", markup=False, highlight=False)


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
    against: Annotated[
        Path | None, typer.Option("--against", help="Another recording to compare with, instead of a simulation.")
    ] = None,
    against_static: Annotated[
        Path | None, typer.Option("--against-static", help="Standing trial of the other recording.")
    ] = None,
    against_grf: Annotated[
        Path | None, typer.Option("--against-grf", help="Force plates of the other recording.")
    ] = None,
    against_static_grf: Annotated[
        Path | None, typer.Option("--against-static-grf", help="Force plates of the other standing trial.")
    ] = None,
    against_joint_centres: Annotated[
        Literal["lateral-markers", "clusters"] | None,
        typer.Option("--against-joint-centres", help="How the other recording's joint centres are found."),
    ] = None,
    paired: Annotated[
        bool, typer.Option("--paired", help="Both recordings are of the same repetitions, by two systems or methods.")
    ] = False,
    strategy: Strategy = "habitual",
    cue: Cue = 0.0,
    out: Out = Path("out/compare"),
    seed: Seed = 0,
    json_: AsJson = False,
    no_render: NoRender = False,
) -> None:
    """Put a subject's simulated squat, and the healthy twin's, beside a captured one; or two captured ones."""
    from simlab import beside, export
    from simlab import recording as recordings

    def captured(
        path: Path, static: Path | None, grf: Path | None, static_grf: Path | None, centres: JointCentres | None
    ) -> beside.Real:
        chosen = centres or ("lateral-markers" if static is None else "clusters")
        return beside.from_recording(
            recordings.read(path, static, grf, static_grf, joint_centres=chosen, units=units, up=up)
        )

    others: dict[str, object] = {
        "--against-static": against_static,
        "--against-grf": against_grf,
        "--against-static-grf": against_static_grf,
        "--against-joint-centres": against_joint_centres,
        "--paired": paired or None,
    }
    if against is not None:
        if recording is None:
            raise InputError(f"--against {against}: expected a RECORDING to compare it with, found none")
        simulated: dict[str, object] = {"--subject": subject, "--set": set_, "--depth-deg": depth_deg}
        for option, value in simulated.items():
            if value:
                raise InputError(f"{option} {value}: expected no simulation beside --against {against}")
        export.writable(out)
        first = captured(recording, static, grf, static_grf, joint_centres)
        second = captured(against, against_static, against_grf, against_static_grf, against_joint_centres)
        found, files = beside.save_two(first, second, paired, out)
        if json_:
            print_json(found | {"files": files})
        else:
            _print_two(found)
            print_files(files)
        return
    for option, value in others.items():
        if value is not None:
            raise InputError(f"{option}: expected --against RECORDING that it belongs to, found none")
    person = subject_of(subject, set_)
    if recording is None:
        given: dict[str, object] = {
            "--static": static,
            "--grf": grf,
            "--static-grf": static_grf,
            "--units": units,
            "--up": up,
        }
        for option, value in given.items():
            if value is not None:
                raise InputError(f"{option} {value}: expected a RECORDING that it belongs to, found none")
        real = beside.bundled(joint_centres or "clusters")
    else:
        real = captured(recording, static, grf, static_grf, joint_centres)
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
        if report["captured"]["unusual"] is not None:
            _print_unusual(report["captured"]["unusual"], "captured ")
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


def _print_two(report: dict[str, Any]) -> None:
    """How far two captured motions lie apart: one row a curve and leg."""
    table = Table(title="recording - against", title_justify="left")
    columns = {
        "mean_difference": "mean\ndifference",
        "rmse": "RMSE",
        "rmse_aligned": "RMSE\naligned",
        "correlation": "r",
        "icc_2_1": "ICC\n(2,1)",
        "cmc": "CMC",
    }
    for column in ("curve", "leg", *columns.values()):
        table.add_column(column, justify="left" if column in ("curve", "leg") else "right")
    for name, legs in report["compared"].items():
        for side, one in legs.items():
            if one is not None:
                table.add_row(name.replace("_", " "), side, *(number(one[key]) for key in columns))
        table.add_section()
    Console().print(table)
    for key in ("captured", "against"):
        console.print(f"{key}: joint centres {report[key]['joint_centres']}", markup=False, highlight=False)
        _print_unusual(report[key]["unusual"], f"{key}: ")
