"""Dynamic or structural: bones are called bones, deficits deficits."""

import json
from pathlib import Path

import pytest
from simulations import MIXTURE, settings

from simlab import cli, tasks
from simlab.origin import Origin, origin
from simlab.subject import Subject, change


def judge(*dials: str) -> dict[str, Origin]:
    found, failed = origin(change(Subject(), list(dials)), tasks.load("squat"))
    assert not failed
    return found


def test_a_genu_valgum_is_structural() -> None:
    for leg in judge("both.genu_valgum_deg=6").values():
        assert leg.verdict == "structural"
        assert leg.lying == pytest.approx(6.0, abs=0.2)
        assert leg.cued is not None and leg.cued > 0.8 * leg.bones  # attention does not straighten bone
        assert leg.dynamic == pytest.approx(0.0, abs=1e-9)


def test_the_clinical_mixture_is_dynamic() -> None:
    for leg in judge(*settings("both", *MIXTURE)).values():
        assert leg.verdict == "dynamic"
        assert leg.lying == leg.bones == 0.0
        assert leg.cued < 0.5 * leg.valgus


def test_bone_and_foot_together_are_both() -> None:
    for leg in judge("both.genu_valgum_deg=3", "both.foot_pronation_deg=4").values():
        assert leg.verdict == "both"


def test_the_straight_leg_of_a_crooked_one_is_told_apart() -> None:
    legs = judge("right.genu_valgum_deg=6")
    assert (legs["right"].verdict, legs["left"].verdict) == ("structural", "no valgus")


@pytest.mark.parametrize(
    ("valgus", "bones", "verdict"),
    [
        (1.9, 1.9, "no valgus"),
        (6.0, 4.1, "structural"),
        (6.0, 3.9, "both"),
        (6.0, 1.9, "dynamic"),
        (None, 1.0, "not known"),
    ],
)
def test_two_thirds_decide(valgus: float | None, bones: float, verdict: str) -> None:
    leg = Origin(side="right", valgus=valgus, lying=0.0, cued=None, bones=bones)
    assert leg.verdict == verdict
    assert leg.sentences()


def test_who_cannot_stand_up_is_not_judged(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("sys.argv", ["simlab", "assess", "--set", "both.quadriceps_strength=0.2", "--json"])
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    out, err = capsys.readouterr()
    assert stopped.value.code == 1
    assert "could not stand up" in err and "saturated" in err and "vas" in err
    assert json.loads(out)["legs"]["right"]["verdict"] == "not known"
