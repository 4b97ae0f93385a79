"""The commands that ask why: one JSON object, the files they name, and exit 2 for what makes no sense."""

import json
import sys
from pathlib import Path

import pytest

from simlab import cli
from simlab.subject import load_subject

MODELS = Path(__file__).parent.parent / "models"


@pytest.fixture
def simlab(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path):
    """Run a command in an empty folder; its exit code, standard output and standard error."""

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["simlab", *arguments])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        out, err = capsys.readouterr()
        return int(stopped.value.code or 0), out, err

    return run


def test_explain_says_what_the_gluteus_medius_does(simlab) -> None:
    code, out, _ = simlab("explain", "--knee-flexion-deg", "75", "--json", "--set", "muscle_paths=torque_balanced")
    report = json.loads(out)
    assert code == 0 and Path(report["files"]["explain.png"]).stat().st_size > 50_000
    assert report["assumptions"] == {"muscle_paths": "torque_balanced"}
    assert len(report["muscles"]) == 2 * 42 and len(report["sentences"]) == 3
    assert "gluteus medius" in report["sentences"][0] and "knee in" in report["sentences"][0]


def test_train_writes_the_subject_after_the_weeks(simlab) -> None:
    program, subject = MODELS / "programs" / "valgus_8_weeks.toml", MODELS / "subjects" / "mixture.toml"
    code, out, _ = simlab("train", str(program), "--week", "8", "--subject", str(subject), "--json")
    report = json.loads(out)
    assert code == 0
    before, after = load_subject(subject), load_subject(report["files"]["after.toml"])
    assert after.right.external_rotator_strength > before.right.external_rotator_strength
    assert after.right.foot_pronation_deg == before.right.foot_pronation_deg
    assert {gain["dial"] for gain in report["gains"]} >= {"hip_abductor_strength", "hip_flexor_tightness"}
    assert all(report["sources"].values())


def test_population_is_the_same_every_time(simlab, tmp_path: Path) -> None:
    texts = []
    for name in ("a", "b"):
        code, out, _ = simlab("population", "3", "--seed", "7", "--out", name, "--json")
        assert code == 0 and json.loads(out)["people"] == 3
        texts.append([path.read_bytes() for path in sorted((tmp_path / name).iterdir())])
    assert texts[0] == texts[1] and len(set(texts[0])) == 3


def test_attribute_splits_the_change(simlab) -> None:
    dials = ("--set", "both.foot_pronation_deg=4", "--set", "both.external_rotator_strength=0.6")
    code, out, _ = simlab("attribute", *dials, "--task", "depth_deg=50", "--workers", "1", "--json", "--no-render")
    report = json.loads(out)
    assert code == 0 and len(report["shares"]) == 2
    shares = sum(share["share"] for share in report["shares"])
    assert shares > 1.0 and shares == pytest.approx(report["change"]) == report["value"] - report["healthy"]


def test_the_cue_and_loads_can_be_attributed(simlab) -> None:
    """The hash of what a worker did is that of what was asked, also where the subject brings the cue."""
    dials = ("--set", "both.foot_pronation_deg=4", "--set", "supports.knee_over_second_toe=0.5")
    metric = ("--metric", "right.tibiofemoral_force_peak_bw")
    code, out, _ = simlab(
        "attribute", *dials, *metric, "--task", "depth_deg=30", "--workers", "1", "--json", "--no-render"
    )
    report = json.loads(out)
    assert code == 0 and report["unit"] == "body weights" and len(report["shares"]) == 2
    assert report["task"]["depth_deg"] == 30 and report["assumptions"]["muscle_paths"] == "anatomical"


def test_an_attribution_without_numbers_fails_and_says_which_coalition(simlab) -> None:
    dials = ("--set", "both.foot_pronation_deg=2", "--set", "both.quadriceps_strength=0.1")
    code, _, err = simlab("attribute", *dials, "--task", "depth_deg=60", "--workers", "1", "--no-render")
    assert code == 1
    assert "quadriceps" in err and "could not stand up" in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("explain", "--knee-flexion-deg", "170"), ["170"]),
        (("explain", "--knee-flexion-deg", "60", "--hip-flexion-deg", "60"), ["knee", "hip"]),
        (("attribute",), ["at least one cause", "none"]),
        (
            ("attribute", "--in", "single_leg_squat", "--metric", "left.fppa_peak_deg", "--set", "mass_kg=70"),
            ["leg that stands (right)", "left"],
        ),
        (("attribute", "--metric", "right.fppa", "--set", "right.foot_pronation_deg=3"), ["right.fppa"]),
        (("assess", "--in", "jump"), ["expected one of", "jump"]),
        (("squat", "--set", "both.genu_valgum_deg=25"), ["genu_valgum_deg", "-20 to 20", "25"]),
        (("squat", "--set", "supports.band_stiffness_n_per_m=-5"), ["band_stiffness_n_per_m", "greater than 0", "-5"]),
        (
            ("squat", "--set", "supports.band_above_knees_n=20", "--set", "supports.band_rest_length_m=0.2"),
            ["band_above_knees_n or band_rest_length_m", "20 N and 0.2 m"],
        ),
        (("squat", "--set", "right.muscles.glmed4.strength=0.5"), ["glmed4", "nearest"]),
        (("simulate", "squat", "--task", "depth_deg"), ["KEY=VALUE"]),
    ],
)
def test_what_makes_no_sense_is_said(simlab, arguments: tuple[str, ...], words: list[str]) -> None:
    code, _, err = simlab(*arguments)
    assert code == 2
    for word in words:
        assert word in err


def test_an_exercise_that_nobody_knows_is_named_with_the_nearest(simlab, tmp_path: Path) -> None:
    text = (MODELS / "programs" / "valgus_8_weeks.toml").read_text().replace("banded_clamshell", "banded_clamshel")
    (tmp_path / "program.toml").write_text(text)
    code, _, err = simlab("train", "program.toml")
    assert code == 2
    for word in ("program.toml", "banded_clamshel", "banded_clamshell"):
        assert word in err.replace("\n", "")
