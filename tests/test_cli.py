"""The command line: the JSON contract, exit codes, and errors that name what is wrong."""

import json
import sys
from pathlib import Path

import pytest
from figures import RECORDINGS, needs_recordings

from simlab import cli
from simlab.export import LEG

SQUATS = RECORDINGS / "opencap_subject4" / "squats1.trc"
QUICK = ("--depth-deg", "45", "--descent-s", "0.6", "--ascent-s", "0.6", "--no-render")


@pytest.fixture
def simlab(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Run a command; its exit code, standard output and standard error."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["simlab", *map(str, arguments)])
        with pytest.raises(SystemExit) as done:
            cli.main()
            sys.exit(0)
        out, err = capsys.readouterr()
        return int(done.value.code or 0), out, " ".join(err.split())

    return run


def test_squat_prints_one_json_object(simlab, tmp_path: Path) -> None:
    code, out, _ = simlab("squat", *QUICK, "--set", "right.adductor_tightness=0.3", "--out", tmp_path / "o", "--json")
    report = json.loads(out)
    assert code == 0 and out.count("\n") == 1
    assert list(report) == [
        "success", "message", "task", "subject", "controller", "assumptions", "seed", "simulated_s", "metrics",
        "wall_s", "real_time_factor", "files",
    ]  # fmt: skip
    assert report["success"] is True and report["subject"]["right"]["adductor_tightness"] == 0.3
    assert tuple(report["metrics"]["left"]) == tuple(report["metrics"]["right"]) == LEG
    assert list(report["metrics"]["both"]) == [
        "knee_ankle_separation_ratio_min", "knee_ankle_separation_ratio_at_peak_flexion", "pelvic_drop_deg",
        "trunk_lean_deg", "grf_peak_bw", "qp_failures",
    ]  # fmt: skip
    assert sorted(report["files"]) == ["metrics.json", "motion.mot", "result.nc"]
    assert all(Path(path).is_file() for path in report["files"].values())


def test_single_leg_squat_says_its_side(simlab, tmp_path: Path) -> None:
    asked = ("--side", "left", "--depth-deg", "30", "--no-render", "--json")
    code, out, _ = simlab("single-leg-squat", *asked, "--out", tmp_path / "o")
    report = json.loads(out)
    assert code == 0 and report["task"]["side"] == "left"
    assert report["metrics"]["left"]["knee_flexion_peak_deg"] == pytest.approx(30, abs=3)
    assert report["metrics"]["left"]["grf_peak_bw"] > 0.9 > 0.1 > report["metrics"]["right"]["grf_peak_bw"]


def test_a_simulation_that_fails_says_why_and_keeps_what_there_is(simlab, tmp_path: Path) -> None:
    weak = [f"both.{m}_strength=0.1" for m in ("gluteus_medius", "gluteus_maximus", "external_rotator")]
    options = [x for w in [*weak, "both.adductor_tightness=1"] for x in ("--set", w)]
    out_folder = tmp_path / "o"
    code, out, err = simlab("squat", "--depth-deg", 110, *options, "--no-render", "--json", "--out", out_folder)
    report = json.loads(out)
    assert code == 1 and report["success"] is False
    assert report["message"] and report["message"] in err
    assert (out_folder / "result.nc").is_file()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ("squat", "--set", "right.gluteus_medius_strengt=1"),
            ["right.gluteus_medius_strengt", "gluteus_medius_strength"],
        ),
        (("squat", "--set", "both.adductor_tightness=2"), ["adductor_tightness", "0 to 1", "2"]),
        (("squat", "--depth-deg", "150"), ["depth_deg", "110", "150"]),
        (("squat", "--subject", "nobody.toml"), ["nobody.toml"]),
        (("measure", "nothing.trc"), ["nothing.trc"]),
        (("show", "nothing"), ["nothing"]),
        (("squat", "--out", "/dev/null/x"), ["--out", "/dev/null/x"]),
        (("squat", "--set", "[/x]=3"), ["[/x]"]),
        (("measure", "a[red]b.trc"), ["a[red]b.trc"]),
        (("squat", "--set", "name=../up"), ["name", "../up"]),
        (("compare", "--grf", "plates.mot"), ["--grf", "plates.mot", "RECORDING"]),
        (("compare", "--depth-deg", "0"), ["depth_deg", "20", "0"]),
        (("compare", "--against", "b.trc"), ["--against b.trc", "RECORDING"]),
        (("compare", "a.trc", "--paired"), ["--paired", "--against"]),
        (("compare", "a.trc", "--against", "b.trc", "--depth-deg", "60"), ["--depth-deg 60", "--against b.trc"]),
    ],
)
def test_bad_usage_exits_2_with_a_message_that_teaches(simlab, tmp_path, monkeypatch, arguments, words) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = simlab(*arguments)
    assert code == 2 and out == ""
    for word in words:
        assert word in err
    assert list(tmp_path.iterdir()) == [] or list((tmp_path / "out").rglob("*.nc")) == []


@needs_recordings
def test_measure_reproduces_the_independent_analysis(simlab) -> None:
    """The figures of ../shared/recordings/README.md, computed by others with other code."""
    code, out, _ = simlab("measure", SQUATS, "--joint-centres", "lateral-markers", "--json")
    report = json.loads(out)
    assert code == 0 and report["repetitions"] == 5
    assert report["repetition_peaks_s"] == pytest.approx([1.36, 3.94, 6.72, 9.43, 12.27], abs=0.0101)
    expected = {
        "knee_flexion_peak_deg": (94.3, 91.7, 0.5),
        "fppa_peak_deg": (-56.4, -51.3, 1),
        "fppa_60_deg": (-23.2, -25.8, 0.5),
        "medial_knee_displacement_mm": (-111.6, -99.4, 2),
        "foot_progression_deg": (15.2, 10.4, 0.5),
    }
    for name, (right, left, tolerance) in expected.items():
        assert report["metrics"]["right"][name]["mean"] == pytest.approx(right, abs=tolerance)
        assert report["metrics"]["left"][name]["mean"] == pytest.approx(left, abs=tolerance)
    ratio = report["metrics"]["both"]["knee_ankle_separation_ratio_at_peak_flexion"]["mean"]
    assert ratio == pytest.approx(1.047, abs=0.01)
    assert report["metrics"]["both"]["trunk_lean_deg"]["mean"] is None


@needs_recordings
def test_what_holds_nothing_is_refused(simlab, tmp_path: Path) -> None:
    """A recording without frames, plates on which nobody stands, plates of another time."""
    head = SQUATS.read_text().splitlines(keepends=True)[:6]
    fields = head[2].split("\t")
    fields[2] = "0"
    (tmp_path / "none.trc").write_text("".join([*head[:2], "\t".join(fields), *head[3:]]))
    code, out, err = simlab("measure", tmp_path / "none.trc")
    assert code == 2 and out == "" and "none.trc" in err and "frames" in err
    lines = SQUATS.with_name("squats1_grf.mot").read_text().splitlines()
    start = next(i for i, line in enumerate(lines) if line.strip() == "endheader") + 2
    rows = [line.split() for line in lines[start:] if line.strip()]
    for name, values in (
        ("empty.mot", [[row[0], *("0" for _ in row[1:])] for row in rows]),
        ("late.mot", [[str(float(row[0]) + 1000), *row[1:]] for row in rows]),
    ):
        (tmp_path / name).write_text("\n".join([*lines[:start], *("\t".join(v) for v in values)]) + "\n")
        code, out, err = simlab("measure", SQUATS, "--grf", tmp_path / name, "--json")
        assert code == 2 and out == "" and name in err and "found" in err


@needs_recordings
def test_a_missing_marker_and_a_truncated_file_are_named(simlab, tmp_path: Path) -> None:
    text = SQUATS.read_text()
    (tmp_path / "renamed.trc").write_text(text.replace("\tr_knee\t", "\tsomething\t"))
    code, _, err = simlab("measure", tmp_path / "renamed.trc")
    assert code == 2 and "renamed.trc" in err and "r_knee" in err
    (tmp_path / "cut.trc").write_text(text[: len(text) // 2])
    code, _, err = simlab("measure", tmp_path / "cut.trc")
    assert code == 2 and "cut.trc, line" in err and "expected 155 fields" in err
    (tmp_path / "short.trc").write_text("\n".join(text.splitlines()[:700]))
    code, _, err = simlab("measure", tmp_path / "short.trc")
    assert code == 2 and "short.trc" in err and "1346" in err
    (tmp_path / "unit.trc").write_text(text.replace("\tm\t", "\tfurlong\t", 1))
    code, _, err = simlab("measure", tmp_path / "unit.trc")
    assert code == 2 and "furlong" in err


def test_compare_puts_them_side_by_side(simlab, tmp_path: Path) -> None:
    asked = ("--depth-deg", "45", "--set", "both.foot_pronation_deg=3", "--no-render", "--json")
    code, out, _ = simlab("compare", *asked, "--out", tmp_path / "o")
    report = json.loads(out)
    assert code == 0 and len(report["simulated"]) == 2
    compared = report["simulated"]["healthy"]["compared"]
    assert set(compared["fppa_deg"]["right"]) >= {"rmse", "mean_difference", "sd_difference"}
    assert compared["hip_adduction_deg"]["right"] is None  # joint centres alone do not define it
    assert report["captured"]["unusual"] is None  # only mean and SD of the repetitions are known
    assert all(Path(path).is_file() for path in report["files"].values())
    names = {"comparison.json", "curves.png", "comparison.html", "comparison.csv", "comparison_metrics.csv"}
    assert names <= set(report["files"]) and names <= {path.name for path in (tmp_path / "o").iterdir()}


@needs_recordings
def test_compare_two_recordings(simlab, tmp_path: Path) -> None:
    """The same squats by two definitions of the joint centres; then a session against another, not the same ones."""
    asked = (SQUATS, "--static", SQUATS.with_name("static1.trc"), "--against", SQUATS, "--paired", "--json")
    code, out, _ = simlab("compare", *asked, "--out", tmp_path / "o")
    report = json.loads(out)
    assert code == 0 and report["paired"] is True and report["captured"]["repetitions"] == 5
    # ../shared/recordings/README.md: FPPA at 60 deg is -12.5 by clusters and -25.8 by lateral markers on the left.
    assert report["methods"]["fppa_60_deg"]["left"]["bias"] == pytest.approx(-12.5 + 25.8, abs=0.5)
    assert report["compared"]["fppa_deg"]["left"]["spm"]["kind"] == "paired"
    for one in (report["captured"], report["against"]):
        assert {(x["repetition"], x["side"]) for x in one["unusual"]["found"]} == {(1, "left")}
    other = RECORDINGS / "squat2" / "markers_Squat2.trc"
    code, _, err = simlab("compare", *asked[:3], "--against", other, "--paired", "--out", tmp_path / "p")
    assert code == 2 and "5 and 1" in err
    code, out, _ = simlab("compare", *asked[:3], "--against", other, "--json", "--out", tmp_path / "p")
    report = json.loads(out)
    assert code == 0 and report["methods"] is None and report["compared"]["fppa_deg"]["left"]["rmse"] > 0
    assert "needs 3 repetitions" in report["against"]["unusual"]["criterion"]


@needs_recordings
def test_measure_says_which_repetition_is_unusual(simlab) -> None:
    static = SQUATS.with_name("static1.trc")
    code, _, err = simlab("measure", SQUATS, "--static", static, "--joint-centres", "clusters")
    assert code == 0 and "repetition 1, left leg, ascending, 1.84 s" in err and "+0.7 deg" in err


def test_show_without_a_display_says_what_to_do(simlab, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    simlab("squat", *QUICK, "--out", tmp_path)
    code, _, err = simlab("show", tmp_path)
    assert code == 1 and "DISPLAY" in err


STATIC, GRF, STATIC_GRF = (SQUATS.with_name(name) for name in ("static1.trc", "squats1_grf.mot", "static1_grf.mot"))
FILES = ("--static", STATIC, "--grf", GRF, "--static-grf", STATIC_GRF, "--joint-centres", "clusters")


@needs_recordings
def test_measure_writes_all_that_follows(simlab, tmp_path: Path) -> None:
    code, out, _ = simlab("measure", SQUATS, *FILES, "--out", tmp_path / "o", "--json")
    report = json.loads(out)
    assert code == 0
    assert report["load_on_right_percent"] == pytest.approx(49.9, abs=0.1)
    assert sorted(report["files"]) == [
        "activations.sto", "joint_forces.sto", "marker_errors.csv", "markers.trc", "moments.sto", "motion.mot",
        "muscle_forces.sto", "person.toml", "report.json",
    ]  # fmt: skip
    assert report["metrics"]["right"]["hip_adduction_at_peak_flexion_deg"]["mean"] < -8
    code, _, err = simlab("measure", SQUATS, *FILES, "--out", tmp_path / "o")
    assert code == 0 and "markers: 9." in err and "knee_extension_moment_peak_nm_kg right/left: 1.0" in err


@needs_recordings
def test_a_session_of_opencap_is_one_folder(simlab, tmp_path: Path) -> None:
    session = tmp_path / "OpenCapData_1"
    (session / "MarkerData").mkdir(parents=True)
    for path in (SQUATS, STATIC):
        (session / "MarkerData" / path.name).write_bytes(path.read_bytes())
    (session / "sessionMetadata.yaml").write_text("mass_kg: 60.0\nheight_m: 1.68\n")
    what = ("--trial", "squats1", "--joint-centres", "clusters", "--out", tmp_path / "o", "--json")
    code, out, _ = simlab("measure", session, *what)
    person = json.loads(out)["person"]
    assert code == 0 and (person["mass_kg"], person["height_m"]) == (60.0, 1.68)
    code, _, err = simlab("measure", session, "--trial", "jump")
    assert code == 2 and "expected a trial 'jump', found squats1, static1" in err


@needs_recordings
def test_the_person_captured_is_the_person_simulated(simlab, tmp_path: Path) -> None:
    what = ("--set", "both.foot_pronation_deg=4", "--out", tmp_path / "o", "--no-render", "--json")
    code, out, _ = simlab("compare", SQUATS, *FILES, *what)
    report = json.loads(out)
    assert code == 0 and report["simulated"]["healthy"]["success"]
    for one in report["simulated"].values():
        assert one["subject"]["mass_kg"] == 60.05
        assert one["subject"]["proportions"]["pelvis_width"] > 1.1
        assert one["task"]["stance_width_m"] > 0.3 and one["task"]["depth_deg"] == pytest.approx(92.2, abs=0.1)
    # the body, not a dial: nearer to the person than the generic woman is (-22 against -33 and -27 at the bottom)
    healthy = report["simulated"]["healthy"]["metrics"]["right"]["fppa_peak_deg"]
    assert healthy == pytest.approx(-30, abs=4)


@needs_recordings
def test_moments_want_a_mass(simlab, tmp_path: Path) -> None:
    code, _, err = simlab("measure", SQUATS, "--estimate-forces", "--out", tmp_path / "o")
    assert code == 2 and "expected a body mass for moments and forces (--mass-kg), found none" in err


def test_fit_says_how_a_dial_is_written(simlab, tmp_path: Path) -> None:
    code, _, err = simlab("fit", tmp_path / "a.trc", "--dial", "both.foot_pronation_deg=0")
    assert code == 2 and "expected KEY=LOW:HIGH, found '0'" in err
