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
    recording: Annotated[Path, typer.Argument(help="Markers: TRC, C3D, BVH, UI-PRMD text.")],
    static: Static = None,
    grf: Grf = None,
    static_grf: StaticGrf = None,
    joint_centres: JointCentres | None = None,
    units: Units = None,
    up: Up = None,
    subject: SubjectFile = None,
    mass_kg: Annotated[float | None, typer.Option(help="Body mass; default: what the plates weigh.")] = None,
    height_m: Annotated[float | None, typer.Option(help="Stature; default: from the length of the legs.")] = None,
    trial: Annotated[
        str | None, typer.Option("--trial", help="Of an OpenCap session, whose folder is the RECORDING.")
    ] = None,
    hip: Annotated[
        Literal["auto", "file", "harrington", "functional"], typer.Option("--hip", help="How hip centres are found.")
    ] = "auto",
    marker_set: Annotated[
        str | None,
        typer.Option("--marker-set", help="What the labels mean: a TOML file, or a set of models/marker_sets."),
    ] = None,
    knee_width_mm: Annotated[
        float | None, typer.Option(help="Between medial and lateral marker, where only the lateral one is worn.")
    ] = None,
    ankle_width_mm: Annotated[float | None, typer.Option(help="As --knee-width-mm.")] = None,
    knee: Annotated[
        Literal["free", "hinge"], typer.Option(help="Three degrees of freedom, or one as in OpenSim's models.")
    ] = "free",
    estimate_forces: Annotated[
        bool, typer.Option("--estimate-forces", help="Compute the ground reaction that no plate has measured.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for the scaled person, joint angles, moments, muscle forces.")
    ] = None,
    json_: AsJson = False,
) -> None:
    """Measure a captured squat: repetitions, angles, distances, forces; with --out everything that follows from it."""
    from simlab import capture, export
    from simlab import recording as recordings
    from simlab.subject import load_subject

    if trial is not None:
        recording, static, mass_kg, height_m = _session(recording, trial, static, mass_kg, height_m)
    chosen = joint_centres or "lateral-markers"
    widths = {"knee_width_m": knee_width_mm, "ankle_width_m": ankle_width_mm}
    ways: dict[str, Any] = {name: None if value is None else 1e-3 * value for name, value in widths.items()}
    read = recordings.read(
        recording,
        static,
        grf,
        static_grf,
        joint_centres=chosen,
        units=units,
        up=up,
        marker_set=marker_set,
        hip=hip,
        **ways,
    )
    files: dict[str, str] = {}
    if out is None:
        found = recordings.measure(read)
    else:
        export.writable(out)
        base = load_subject(subject) if subject else None
        with progress() as tell:
            whole = capture.analyse(
                read,
                base,
                mass_kg=mass_kg,
                height_m=height_m,
                knee=knee,
                estimate_forces=estimate_forces,
                tell=tell,
            )
        found, files = capture.report(whole), capture.save(whole, out)
    if json_:
        print_json(found | {"files": files} if files else found)
        return
    print_table(
        f"{recording.name}: {found['repetitions']} repetition" + "s" * (found["repetitions"] != 1), found["metrics"]
    )
    console.print(f"joint centres: {found['joint_centre_definition']}", markup=False)
    for each in found["repairs"]:
        console.print(each, markup=False)
    console.print("peaks at " + " ".join(f"{t:.2f}" for t in found["repetition_peaks_s"]) + " s")
    _print_unusual(found["unusual"])
    if out is not None:
        _print_person(found)
        print_files(files)


def _session(
    folder: Path, name: str, static: Path | None, mass_kg: float | None, height_m: float | None
) -> tuple[Path, Path | None, float | None, float | None]:
    """The files of a trial of an OpenCap session, and what the session says of the person. Errors: RecordingError."""
    from simlab import mocap

    session = mocap.read_session(folder)
    path = session.trial(name).markers
    if path is None:
        raise InputError(f"{folder}: expected markers (MarkerData/{name}.trc), found none")
    standing = session.static.markers if static is None and session.static else static
    return path, standing, mass_kg or session.mass, height_m or session.height


def _print_person(found: dict[str, Any]) -> None:
    """Who moved, how well markers fit, and what the joints carry."""
    person, errors = found["person"], found["marker_error_mm"]
    worst = next(iter(errors["by_marker"].items()))
    lines = [
        f"person: {person['mass_kg']:g} kg, {person['height_m']:g} m; {person['definition']}",
        f"markers: {errors['rms']:.1f} mm (RMS of {person['markers']}), {worst[0]} the worst with {worst[1]:.1f}",
    ]
    if "dynamics" in found:
        moved = found["dynamics"]
        lines.append(
            f"ground reaction: {moved['ground_reaction']}; left over at the pelvis "
            f"{moved['residual_force_rms_bw']:.3f} BW, {moved['residual_moment_rms_nm_kg']:.2f} Nm/kg (RMS)"
        )
        for name in (
            "hip_extension_moment_peak_nm_kg",
            "knee_extension_moment_peak_nm_kg",
            "tibiofemoral_force_peak_bw",
        ):
            values = "/".join(f"{moved[name][side]['mean']:.2f}" for side in ("right", "left"))
            lines.append(f"{name} right/left: {values}")
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


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
    generic: Annotated[
        bool,
        typer.Option(
            "--generic",
            help="Simulate the subject as it is, in its own stance and tempo; default: the person captured.",
        ),
    ] = False,
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
        Literal["lateral-markers", "clusters", "functional", "joint-centres"] | None,
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
    from simlab import beside, capture, export, tasks
    from simlab import recording as recordings

    def read(
        path: Path, static: Path | None, grf: Path | None, static_grf: Path | None, centres: JointCentres | None
    ) -> recordings.Recording:
        chosen = centres or ("lateral-markers" if static is None else "clusters")
        return recordings.read(path, static, grf, static_grf, joint_centres=chosen, units=units, up=up)

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
        first = beside.from_recording(read(recording, static, grf, static_grf, joint_centres))
        second = beside.from_recording(
            read(against, against_static, against_grf, against_static_grf, against_joint_centres)
        )
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
        task = tasks.load("squat", depth_deg=real.depth_deg)
    else:
        whole = capture.analyse(read(recording, static, grf, static_grf, joint_centres), person if subject else None)
        real = beside.from_recording(whole.recording, whole)
        task = tasks.load("squat", depth_deg=real.depth_deg)
        if not generic:
            person = capture.embody(person, whole.person.subject)
            task, limits = capture.task_of(whole.recording)
            for line in limits:
                console.print(line, markup=False, highlight=False)
    if depth_deg is not None:
        task = tasks.load("squat", **task.model_dump(exclude={"name", "depth_deg"}), depth_deg=depth_deg)
    export.writable(out)
    with progress() as tell:
        pair = beside.simulate_pair(person, task, strategy, cue, seed, tell)
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
