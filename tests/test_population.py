"""The virtual population: its table, margins and correlations within sampling error, files, strength against valgus."""

from __future__ import annotations

import itertools
import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
import sweep_jobs
from scipy.integrate import quad
from scipy.stats import norm

from simlab import population, tables, tasks
from simlab.errors import InputError
from simlab.model import build
from simlab.population import BODY, correlations, margins, sample
from simlab.simulate import simulate
from simlab.subject import SIDES, Leg, Subject, change, load_subject

N = 20_000
DIALS = [name for name in margins() if name not in BODY]


@pytest.fixture(scope="module")
def people() -> tuple[Subject, ...]:
    return sample(N, seed=1)


def column(people: tuple[Subject, ...], dial: str, side: str = "right") -> np.ndarray:
    return np.array([getattr(one if dial in BODY else getattr(one, side), dial) for one in people])


# --- the table --------------------------------------------------------------------------------------------------------


def test_every_row_names_known_sources() -> None:
    text = tables.models().joinpath("SOURCES.md").read_text(encoding="utf-8")
    known = set(re.findall(r"^- `(\w+)`", text, re.MULTILINE))
    for name in ("population.csv", "population_correlations.csv"):
        for row in population._rows(name):
            keys = row["source"].split(";") + [key for key in row.get("sides_source", "").split(";") if key]
            assert row["source"] and set(keys) <= known, row


def test_dials_exist_and_their_range_is_that_of_the_subject() -> None:
    assert set(DIALS) < set(Leg.model_fields)
    for dial, sexes in margins().items():
        assert set(sexes) == {"female", "male"}
        for margin in sexes.values():
            side = "" if dial in BODY else "both."
            for end in (margin.low, margin.high):
                change(Subject(), [f"{side}{dial}={end}"])
            assert margin.sd > 0 and (margin.lost is None) == math.isfinite(margin.per)


def test_the_average_person_is_the_healthy_one_but_for_the_bones() -> None:
    """Strength, flexibility and feet of the mean of the population are those of a healthy subject."""
    for dial in DIALS:
        expected = -0.1 if dial == "foot_pronation_deg" else getattr(Leg(), dial)  # navicular drop 5.9 mm
        for margin in margins()[dial].values() if dial not in ("genu_valgum_deg", "femoral_anteversion_deg") else ():
            if margin.lost is None:
                assert (margin.mean - margin.zero) / margin.per == pytest.approx(expected)
            else:
                assert margin.mean == margin.zero and expected == 0


def test_tightness_is_what_the_passive_range_lacks() -> None:
    """13 deg less hip abduction than the mean is tightness 0.2 (training.toml, calibration)."""
    margin = margins()["adductor_tightness"]["male"]
    assert margin.dial(norm.cdf((50 - 13.0 - 50) / 7.3)) == pytest.approx(0.2)
    assert margin.dial(np.array([0.5, 0.9])).tolist() == [0, 0]


def test_published_figures_are_in_the_table_as_published() -> None:
    abduction, knees = margins()["hip_abductor_strength"], margins()["genu_valgum_deg"]
    assert [(abduction[s].mean, abduction[s].sd) for s in ("male", "female")] == [(1.62, 0.38), (1.41, 0.33)]
    assert [(knees[s].mean, knees[s].sd) for s in ("male", "female")] == [(-1.5, 3.0), (-0.5, 2.6)]
    assert (abduction["female"].per, abduction["male"].per) == (1.41, 1.62)


def test_correlations_can_be() -> None:
    r = correlations()
    assert np.array_equal(r, r.T) and np.array_equal(np.diag(r), np.ones(len(r)))
    assert np.linalg.eigvalsh(r)[0] > 0.01


# --- margins and correlations -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("sex", ["female", "male"])
@pytest.mark.parametrize("dial", list(margins()))
def test_margins_are_those_of_the_table(people: tuple[Subject, ...], dial: str, sex: str) -> None:
    margin = margins()[dial][sex]
    one_sided = margin.clipped or margin.lost is not None

    def dial_of(quantity: float) -> float:
        if margin.lost is None:
            return (quantity - margin.zero) / margin.per
        return float(np.interp(margin.zero - quantity, margin.lost[1], margin.lost[0]))

    def moment(power: int) -> float:
        def density(z: float) -> float:
            x = dial_of(margin.mean + z * margin.sd)
            return x**power * math.exp(-0.5 * z**2) / math.sqrt(2 * math.pi) * (margin.low <= x <= margin.high)

        return quad(density, -8, 8, points=list(np.arange(-3.25, 3.5, 0.25)), limit=500)[0]

    mass = 1.0 if one_sided else moment(0)
    first, second = moment(1) / mass, moment(2) / mass  # one-sided: those at 0 add nothing
    chosen = tuple(one for one in people if one.sex == sex)
    for side in SIDES:
        x = column(chosen, dial, side)
        error = math.sqrt((second - first**2) / len(x))
        assert x.mean() == pytest.approx(first, abs=4 * error + 1e-4)
        assert np.mean(x**2) == pytest.approx(second, abs=4 * np.std(x**2) / math.sqrt(len(x)) + 1e-4)
        assert margin.low <= x.min() and x.max() <= margin.high
        if one_sided:
            assert np.mean(x == 0) == pytest.approx(0.5, abs=0.03)
        else:
            assert len(np.unique(x)) > 1000


def is_one_sided(dial: str) -> bool:
    margin = margins()[dial]["female"]
    return margin.clipped or margin.lost is not None


def spearman(x: np.ndarray, y: np.ndarray) -> float:
    ranks = [np.argsort(np.argsort(values)) for values in (x, y)]
    return float(np.corrcoef(*ranks)[0, 1])


def test_correlations_are_those_of_the_table(people: tuple[Subject, ...]) -> None:
    """Rank correlation of a Gaussian copula: 6 / pi asin(r / 2)."""
    women = tuple(one for one in people if one.sex == "female")
    columns = [(dial, "right") for dial in BODY] + [(dial, side) for side in SIDES for dial in DIALS]
    whole = [i for i, (dial, _) in enumerate(columns) if not is_one_sided(dial)]
    drawn = {i: column(women, *columns[i]) for i in whole}
    r = correlations()
    for i, j in itertools.combinations(whole, 2):
        expected = 6 / math.pi * math.asin(r[i, j] / 2)
        assert spearman(drawn[i], drawn[j]) == pytest.approx(expected, abs=4.5 / math.sqrt(len(women))), (
            columns[i],
            columns[j],
        )


def test_sides_are_alike_as_the_table_says_and_different_dials_less() -> None:
    r, k = correlations(), len(DIALS)
    dial = {name: len(BODY) + i for i, name in enumerate(DIALS)}
    a, b = dial["hip_abductor_strength"], dial["external_rotator_strength"]
    assert (r[a, a + k], r[a, b], r[a, b + k]) == pytest.approx((0.9, 0.64, 0.64 * 0.9))
    f = dial["femoral_anteversion_deg"]
    assert r[f, f + k] == 0.82 and r[0, 1] == 0.5


def test_the_clipped_ones_are_correlated_too(people: tuple[Subject, ...]) -> None:
    """Both at their healthy end: the quadrant probability of a binormal, 1/4 + asin(r) / (2 pi)."""
    r = correlations()
    i, j = (len(BODY) + DIALS.index(name) for name in ("adductor_tightness", "calf_tightness"))
    both = np.mean((column(people, DIALS[i - 2]) == 0) & (column(people, DIALS[j - 2]) == 0))
    assert r[i, j] == 0.3
    assert both == pytest.approx(0.25 + math.asin(0.3) / (2 * math.pi), abs=0.015)


def test_half_are_women_and_sexes_differ(people: tuple[Subject, ...]) -> None:
    women = [one for one in people if one.sex == "female"]
    assert len(women) / N == pytest.approx(0.5, abs=4 * 0.5 / math.sqrt(N))
    assert (
        np.mean([one.height_m for one in women])
        < 1.66
        < 1.75
        < np.mean([one.height_m for one in people if one.sex == "male"])
    )


def test_the_same_again_and_the_first_of_more(people: tuple[Subject, ...]) -> None:
    assert sample(30, seed=1) == people[:30] == sample(30, seed=1)
    assert sample(1, seed=1) == people[:1]
    assert all(a.right != b.right for a, b in zip(sample(30, seed=2), people, strict=False))
    assert len({one.name for one in people[:100]}) == 100
    with pytest.raises(InputError, match="at least 1 person"):
        sample(0)


# --- files ------------------------------------------------------------------------------------------------------------


def test_files_are_read_back_the_same(tmp_path: Path) -> None:
    odd = change(
        Subject(),
        [
            "name=A. B. (left)",
            "sex=male",
            "muscle_paths=torque_balanced",
            "left.muscles.soleus.strength=0.5",
            "right.gluteus_minimus_strength=0.7",
            "supports.right.heel_lift_mm=6",
            "supports.band_above_knees_n=30",
        ],
    )
    everyone = (*sample(3, seed=5), odd, Subject())
    paths = population.save(everyone, tmp_path / "people")
    assert [Path(path).name for path in paths] == [f"person_{i:04}.toml" for i in range(1, 6)]
    assert tuple(load_subject(path) for path in paths) == everyone
    before = [Path(path).read_bytes() for path in paths]
    population.save(everyone, tmp_path / "people")
    assert [Path(path).read_bytes() for path in paths] == before


# --- strength against valgus ------------------------------------------------------------------------------------------


def test_strength_against_valgus_of_a_known_law(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`strong`: valgus = -10 strength + 0.2 height; who is lighter than 55 kg falls, and is left out by name."""
    monkeypatch.setenv("SWEEP_JOBS", str(tmp_path))
    found = population.strength_against_valgus(60, seed=2, workers=1, job=sweep_jobs.strong)
    people = sample(60, seed=2)
    light = {one.name for one in people if one.mass_kg < 55}
    assert light and set(found.failed) == light
    assert found.succeeded == 60 - len(light)
    good = [one for one in people if one.name not in light]
    dial = np.array([one.right.hip_abductor_strength for one in good])
    torque = dial * [{"male": 1.62, "female": 1.41}[one.sex] for one in good]
    knee = -10 * dial + [0.2 * one.height_m for one in good]
    by = {(one.strength, one.valgus): one for one in found.correlations}
    first = found.correlations[0]
    assert (first.strength, first.valgus) == ("torque_nm_per_kg", "knee_abduction_change_deg")
    assert first.r == pytest.approx(np.corrcoef(torque, knee)[0, 1]) and first.r < -0.8
    newtons = torque * [one.mass_kg for one in good]
    assert by["torque_nm", "fppa_peak_deg"].r == pytest.approx(np.corrcoef(newtons, knee)[0, 1])
    assert first.low < first.r < first.high
    json.dumps(found.as_dict(), allow_nan=False)


def test_the_interval_of_a_correlation_is_fishers() -> None:
    """r = 0.5 of 28 pairs: z = 0.5493 with a standard error of 1 / 5, so 0.156 to 0.736."""
    x = np.linspace(-1, 1, 28)
    e = np.random.default_rng(0).normal(size=28)
    e -= e.mean() + x * (e @ x) / (x @ x)
    y = 0.5 * x / np.std(x) + math.sqrt(0.75) * e / np.std(e)
    found = population._correlate("s", "v", x, y)
    assert (found.r, found.low, found.high) == pytest.approx((0.5, 0.156, 0.736), abs=1e-3)


def test_one_real_person_squats_on_one_leg(tmp_path: Path) -> None:
    """Too few to correlate: counted, and either done or named."""
    quick = tasks.load("single_leg_squat", depth_deg=30, descent_s=0.6, ascent_s=0.6, stand_before_s=0.3)
    found = population.strength_against_valgus(1, seed=1, task=quick, workers=1)
    assert found.people == 1 == found.succeeded + len(found.failed) and found.correlations == ()


def test_healthy_people_with_a_twisted_tibia_stand_on_one_leg() -> None:
    """With a physics step of 1 ms the foot in the air shook, and the twins of these people fell."""
    for number in (27, 88):
        person = sample(number)[-1]
        result = simulate(build(person), tasks.load("single_leg_squat", depth_deg=60))
        assert person.right.tibial_torsion_deg > 4 and result.success
