"""What helps: a squat of 75 deg with weak hips, tight adductors and pronated feet, and each remedy."""

import pytest
from simulations import measured

CASE = (
    "both.hip_abductor_strength=0.74",  # Ireland 2003: patients with patellofemoral pain
    "both.external_rotator_strength=0.64",
    "both.adductor_tightness=0.4",
    "both.foot_pronation_deg=4",
)


def change(*dials: str, metric: str = "fppa_peak_deg") -> float:
    right, left = (measured(dials)[side][metric] - measured()[side][metric] for side in ("right", "left"))
    assert right == pytest.approx(left, abs=0.05)
    return right


def test_the_case_falls_in() -> None:
    assert 5.0 < change(*CASE) < 6.5
    assert change(*CASE, metric="medial_knee_displacement_mm") > 10.0


def test_the_cue_restores_at_least_half_and_more_attention_more() -> None:
    left = [change(*CASE, f"supports.knee_over_second_toe={cue}") for cue in (0.1, 0.3, 1.0)]
    assert change(*CASE) > left[0] > left[1] > left[2] > 0.0
    assert left[2] < 0.5 * change(*CASE)


def test_a_medial_post_restores_a_part_and_no_more_than_the_foot_gave() -> None:
    post = [f"supports.both.medial_post_deg={angle}" for angle in (2.5, 5.0)]
    restored = [change(*CASE) - change(*CASE, one) for one in post]
    foot = change(*CASE) - change(*CASE[:-1])
    assert 0.5 < restored[0] < restored[1] < 1.5 * foot
    assert change(*CASE, post[1], metric="rearfoot_eversion_at_peak_flexion_deg") < change(
        *CASE, metric="rearfoot_eversion_at_peak_flexion_deg"
    )


def test_an_arch_pad_and_a_heel_post_act_the_same_way() -> None:
    for support in ("supports.both.arch_support_mm=2", "supports.both.heel_post_deg=4"):
        assert change(*CASE, support) < change(*CASE) - 0.5


def test_a_band_pulls_the_knees_in() -> None:
    pulls = [change(f"supports.band_above_knees_n={force}") for force in (10, 30)]
    assert 0.5 < pulls[0] < pulls[1] < 10.0


def test_to_strengthen_the_rotators_helps() -> None:
    assert change(*CASE) - change("both.external_rotator_strength=0.78", *(d for d in CASE if "rotator" not in d)) > 0.5
