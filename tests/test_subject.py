"""The subject file: what it may say, and what it is told when it errs."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simlab.errors import InputError
from simlab.model import build, load_barbell
from simlab.subject import Leg, Subject, Supports, change, dial_keys, load_subject

MODELS = Path(__file__).parent.parent / "models"


@pytest.mark.parametrize("path", sorted((MODELS / "subjects").glob("*.toml")), ids=lambda p: p.stem)
def test_the_subjects_that_ship_can_be_built(path: Path) -> None:
    subject = load_subject(path)
    assert build(subject).mass == pytest.approx(subject.mass_kg)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[right]\ngluteus_medius_strenght = 0.5", ["right.gluteus_medius_strenght", "gluteus_medius_strength"]),
        ("[left]\nadductor_tightness = 1.4", ["left.adductor_tightness", "0 to 1", "1.4"]),
        ("[right]\nfoot_pronation_deg = -9", ["foot_pronation_deg", "-5 to 10", "-9"]),
        ("mass_kg = nan", ["mass_kg", "finite"]),
        ('sex = "other"', ["sex", "female", "male", "other"]),
        ("mass = 70", ["unknown key 'mass'", "mass_kg"]),
        ("[right\n", ["not valid TOML"]),
    ],
)
def test_errors_name_file_key_expected_and_found(tmp_path: Path, text: str, words: list[str]) -> None:
    path = tmp_path / "subject.toml"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        load_subject(path)
    for word in ["subject.toml", *words]:
        assert word in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nobody\.toml"):
        load_subject(tmp_path / "nobody.toml")


def test_set_changes_one_leg_or_both() -> None:
    subject = change(Subject(), ["both.adductor_tightness=0.4", "left.adductor_tightness=0.2", "mass_kg=70"])
    assert (subject.right.adductor_tightness, subject.left.adductor_tightness, subject.mass_kg) == (0.4, 0.2, 70)
    assert subject.healthy().legs() == (Leg(), Leg())


@pytest.mark.parametrize("setting", ["right.adductor_tightness", "up.adductor_tightness=1", "right.x=1", "=3"])
def test_set_that_makes_no_sense_is_refused(setting: str) -> None:
    with pytest.raises(InputError, match=r"--set|unknown"):
        change(Subject(), [setting])


@given(st.floats(0.1, 2), st.floats(0, 1), st.floats(-5, 10))
def test_a_deficit_changes_its_own_data_only(strength: float, tightness: float, pronation: float) -> None:
    """A dial writes into its muscles, or its sole, on its side; everything else is the healthy twin's."""
    healthy = build(Subject())
    dials = f"gluteus_maximus_strength={strength}", f"adductor_tightness={tightness}", f"foot_pronation_deg={pronation}"
    model = build(change(Subject(), [f"right.{dial}" for dial in dials]))
    names = np.array(healthy.muscles.names)
    maximus = np.char.startswith(names, "glmax")
    adductors = np.char.startswith(names, "add") | (names == "grac")
    np.testing.assert_allclose(model.muscles.F0[0] / healthy.muscles.F0[0], np.where(maximus, strength, 1), rtol=1e-12)
    np.testing.assert_allclose(model.muscles.slack[0], np.where(adductors, 1 - 0.15 * tightness, 1), rtol=1e-12)
    gain = model.muscles.gain[0] / healthy.muscles.gain[0]
    np.testing.assert_allclose(gain, np.where(adductors, 1 + tightness, 1), rtol=1e-12)
    for name in ("F0", "slack", "gain", "lopt", "lts"):
        np.testing.assert_array_equal(getattr(model.muscles, name)[1], getattr(healthy.muscles, name)[1])
    right = model.spheres.foot == 0
    np.testing.assert_array_equal(model.spheres.centre[~right], healthy.spheres.centre[~right])
    raised = model.spheres.centre[right, 1] - healthy.spheres.centre[right, 1]
    medial = np.array(
        [name.rsplit("_", 1)[0] in ("heel_medial", "metatarsal_1", "hallux") for name in model.spheres.names]
    )
    assert (np.sign(raised) == np.sign(pronation) * np.where(medial[right], 1, -1))[abs(raised) > 1e-12].all()
    np.testing.assert_array_equal(model.skeleton.mass, healthy.skeleton.mass)


def test_left_is_the_mirror_of_right() -> None:
    model = build(Subject())
    for table in (model.spheres.centre,):
        right, left = table[model.spheres.foot == 0], table[model.spheres.foot == 1]
        np.testing.assert_allclose(left, right * [1, 1, -1], atol=1e-15)


def test_strength_follows_mass_and_the_arms_follow_height() -> None:
    """Torque per body mass is kept: force times arm grows with mass."""
    small, big = build(Subject(mass_kg=50, height_m=1.6)), build(Subject(mass_kg=100, height_m=1.9))
    torque = [m.muscles.F0.sum() * m.subject.height_m for m in (small, big)]
    assert torque[1] / torque[0] == pytest.approx(2)
    assert big.muscles.lopt[0, 0] / small.muscles.lopt[0, 0] == pytest.approx(1.9 / 1.6)


def test_a_barbell_adds_its_mass_to_the_torso_alone() -> None:
    model = build(Subject())
    loaded = load_barbell(model, 40)
    assert loaded.mass == pytest.approx(model.mass + 40)
    added = loaded.skeleton.mass - model.skeleton.mass
    assert np.flatnonzero(added).tolist() == [model.link("torso")]
    assert np.linalg.eigvalsh(loaded.skeleton.inertia[model.link("torso")]).min() > 0
    assert load_barbell(model, 0) is model


def test_every_dial_that_is_listed_can_be_turned() -> None:
    keys = sorted(dial_keys())
    assert {"mass_kg", "both.muscles.soleus.strength", "supports.left.arch_support_mm", "muscle_paths"} <= set(keys)
    for key in keys:
        try:
            change(Subject(), [f"{key}=0.5"])
        except InputError as error:  # out of its range, or a word is wanted
            assert "unknown" not in str(error) and "found 0.5" in str(error)


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("supports.both.medial_pst_deg=5", ["supports.right.medial_pst_deg", "medial_post_deg"]),
        ("right.muscles.glmed9.strength=0.5", ["glmed9", "glmed"]),
        ("right.muscles.glmed1.force=0.5", ["right.muscles.glmed1.force", "strength"]),
        ("supports.band_stiffness_n_per_m=-3", ["greater than 0", "above 0 to 5000", "-3"]),
        ("right.muscles.glmed1=3", ["right.muscles.glmed1.strength", "found 3"]),
        ("right.genu_valgum_deg=25", ["-20 to 20", "25"]),
        ("mass_kg.x=3", ["mass_kg", "right, left, both, supports or proportions"]),
        ("right.adductor_tightness.x=1", ["adductor_tightness", "nothing below"]),
    ],
)
def test_errors_of_nested_keys_say_where_and_what(setting: str, words: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        change(Subject(), [setting])
    for word in words:
        assert word in str(caught.value)


def test_the_twin_stands_on_the_slope_that_is_under_both_feet_and_on_no_other_support() -> None:
    slope = "supports.both.heel_lift_mm=10"
    one = change(Subject(), [slope, "supports.both.medial_post_deg=5", "supports.band_above_knees_n=20"])
    assert one.twin().supports == change(Subject(), [slope]).supports
    assert change(Subject(), ["supports.right.heel_lift_mm=10"]).twin().supports == Supports()
    assert one.healthy().supports == Supports()
