"""Attribution: shares against closed forms and axioms, indices against Ishigami's, failures, one real subject."""

from __future__ import annotations

import itertools
import json
import math
from pathlib import Path

import numpy as np
import pytest
import sweep_jobs
from hypothesis import given
from hypothesis import strategies as st

from simlab import attribution, export, tasks
from simlab.attribution import attribute, causes, coalition, sensitivity
from simlab.errors import InputError
from simlab.model import build
from simlab.simulate import simulate
from simlab.subject import Leg, Subject, change, load_subject

ABOUT = {"subject": "s", "task": "t", "metric": "m_deg", "unit": "deg", "strategy": "habitual", "cue": 0.0}
MIXTURE = Path(__file__).resolve().parent.parent / "models" / "subjects" / "mixture.toml"


def split(n: int, game, **options) -> attribution.Attribution:
    """The attribution of a function of coalitions, given as sets of player numbers."""
    return attribute([f"p{i}" for i in range(n)], lambda wanted: [game(one) for one in wanted], about=ABOUT, **options)


def shares(found: attribution.Attribution) -> list[float]:
    return [one.share for one in found.shares]


def indices(found: attribution.Attribution) -> dict[tuple[str, str], float]:
    return {(pair.first, pair.second): pair.index for pair in found.interactions}


# --- shares -----------------------------------------------------------------------------------------------------------


def test_an_additive_game_gives_each_its_own_and_no_interaction() -> None:
    weights = [3.0, -1.0, 0.5, 2.0]
    found = split(4, lambda one: 7.0 + sum(weights[i] for i in one))
    assert shares(found) == pytest.approx(weights)
    assert list(indices(found).values()) == pytest.approx([0.0] * 6, abs=1e-12)
    assert (found.healthy, found.value, found.change) == pytest.approx((7.0, 11.5, 4.5))
    assert found.gap == pytest.approx(0.0, abs=1e-12)
    assert found.method == "exact" and found.simulations == 16


def test_the_glove_game() -> None:
    """One left glove, two right ones, a pair is worth 1: 2/3, 1/6, 1/6 (a textbook example)."""
    found = split(3, lambda one: float(0 in one and bool(one & {1, 2})))
    assert shares(found) == pytest.approx([2 / 3, 1 / 6, 1 / 6])
    assert found.shares[0].alone == 0 and found.shares[0].last == 1
    assert (found.shares[1].low, found.shares[1].high) == (0, 1)


@pytest.mark.parametrize("n", [2, 3, 4, 5])
def test_what_only_all_together_do_is_shared_evenly(n: int) -> None:
    """Unanimity game: shares 1 / n, interaction of a pair 1 / (n - 1) (Grabisch and Roubens 1999)."""
    found = split(n, lambda one: float(len(one) == n))
    assert shares(found) == pytest.approx([1 / n] * n)
    assert list(indices(found).values()) == pytest.approx([1 / (n - 1)] * math.comb(n, 2))
    assert found.sum_of_single_effects == 0 and found.gap == 1


@given(st.integers(2, 5), st.integers(0, 2**32 - 1))
def test_axioms_on_random_games(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    table = {frozenset(one): rng.normal() for size in range(n + 1) for one in itertools.combinations(range(n), size)}
    found = split(n, table.__getitem__)
    # The definition: the mean over all orders.
    orders = list(itertools.permutations(range(n)))
    for i in range(n):
        each = [table[frozenset(o[: o.index(i) + 1])] - table[frozenset(o[: o.index(i)])] for o in orders]
        assert found.shares[i].share == pytest.approx(np.mean(each))
        assert (found.shares[i].low, found.shares[i].high) == pytest.approx((min(each), max(each)))
    # Efficiency.
    assert sum(shares(found)) == pytest.approx(found.change)
    assert found.change == pytest.approx(table[frozenset(range(n))] - table[frozenset()])
    # Symmetry: with the players renamed the shares follow.
    turned = split(n, lambda one: table[frozenset((i + 1) % n for i in one)])
    assert shares(turned) == pytest.approx([shares(found)[(i + 1) % n] for i in range(n)])
    # Dummy: who adds 5 to whatever is there gets 5, and interacts with nobody.
    more = split(n + 1, lambda one: table[one - {n}] + 5.0 * (n in one))
    assert shares(more) == pytest.approx([*shares(found), 5.0])
    assert [index for (_, second), index in indices(more).items() if second == f"p{n}"] == pytest.approx([0] * n)


def test_of_many_causes_orders_are_drawn() -> None:
    n, weights = 8, np.arange(8.0)

    def game(one: frozenset[int]) -> float:
        return float(sum(weights[list(one)])) + 4.0 * ({0, 1} <= one) - 3.0 * ({2, 3, 4} <= one)

    exact = weights + [2, 2, -1, -1, -1, 0, 0, 0]
    found = split(n, game, orders=64, seed=3)
    assert found.method == "sampled" and found.orders == 64 and found.simulations < 2**n
    assert sum(shares(found)) == pytest.approx(found.change)
    errors = [one.standard_error for one in found.shares]
    assert errors[5:] == pytest.approx([0, 0, 0], abs=1e-12) and min(errors[:5]) > 0.05
    for share, error, true in zip(shares(found), errors, exact, strict=True):
        assert abs(share - true) <= 4 * error + 1e-12
    assert found == split(n, game, orders=64, seed=3)
    assert shares(found) != shares(split(n, game, orders=64, seed=4))
    assert found.gap == pytest.approx(1.0)
    smaller = split(n, game, orders=16, seed=3)
    assert np.mean([one.standard_error for one in smaller.shares]) > 1.5 * np.mean(errors)


def test_the_standard_error_is_that_of_repeated_draws() -> None:
    found = [split(7, lambda one: float({0, 1, 2} <= one), orders=32, seed=seed) for seed in range(100)]
    spread = np.std([one.shares[0].share for one in found])
    assert np.mean([one.shares[0].standard_error for one in found]) == pytest.approx(spread, rel=0.25)


# --- failures ---------------------------------------------------------------------------------------------------------


def test_a_coalition_that_falls_never_becomes_a_number() -> None:
    def game(one: frozenset[int]) -> float | str:
        return "could not stand up" if one == {0, 1} else float(sum(2.0**i for i in one))

    found = split(3, game)
    assert found.failed == {"p0 + p1": "could not stand up"}
    assert shares(found) == [None, None, None]
    assert found.change == 7 and found.sum_of_single_effects == 7 and found.gap == 0
    assert [one.alone for one in found.shares] == [1, 2, 4]
    assert [one.last for one in found.shares] == [1, 2, None]
    assert [(one.low, one.high) for one in found.shares] == [(1, 1), (2, 2), (4, 4)]
    assert all(index is None for index in indices(found).values())
    json.dumps(found.as_dict(), allow_nan=False)


def test_who_falls_with_all_of_it_has_no_change() -> None:
    found = split(2, lambda one: "fell" if len(one) == 2 else float(len(one)))
    assert (found.change, found.value, found.gap) == (None, None, None)
    assert found.sum_of_single_effects == 2 and found.failed == {"p0 + p1": "fell"}


def test_a_healthy_twin_that_falls_leaves_nothing() -> None:
    found = split(2, lambda one: float(len(one)) if one else "fell")
    assert found.failed == {"healthy": "fell"} and found.healthy is None and found.change is None
    assert shares(found) == [None, None] and [one.low for one in found.shares] == [1, 1]


def test_a_failure_among_drawn_orders_takes_the_shares_it_touches() -> None:
    found = split(7, lambda one: "fell" if one == frozenset(range(7)) - {6} else float(len(one)), orders=40)
    assert list(found.failed) == ["p0 + p1 + p2 + p3 + p4 + p5"]
    assert found.shares[6].share is None and found.shares[6].last is None and found.shares[6].alone == 1


# --- causes -----------------------------------------------------------------------------------------------------------


def named(*settings: str) -> list[str]:
    return [str(one) for one in causes(change(Subject(), list(settings)))]


def test_causes_are_what_clinicians_name() -> None:
    assert [str(one) for one in causes(load_subject(MIXTURE))] == [
        "gluteus medius and minimus, both legs",
        "external rotator strength, both legs",
        "adductor tightness, both legs",
        "foot pronation, both legs",
    ]
    assert named() == []
    assert named("right.genu_valgum_deg=4") == ["genu valgum, right leg"]
    assert named("right.genu_valgum_deg=4", "left.genu_valgum_deg=3") == [
        "genu valgum, right leg",
        "genu valgum, left leg",
    ]
    assert named("both.gluteus_minimus_strength=0.5", "both.gluteus_medius_strength=0.5") == [
        "gluteus medius and minimus, both legs"
    ]
    assert named("left.muscles.soleus.strength=0.5", "left.muscles.soleus.tendon_slack=0.9") == [
        "muscle soleus, left leg"
    ]
    assert named("supports.both.medial_post_deg=5", "supports.band_above_knees_n=30") == [
        "insole, both legs",
        "band above knees",
    ]
    assert named("supports.right.heel_lift_mm=5", "supports.knee_over_second_toe=0.5") == [
        "insole, right leg",
        "knee over second toe",
    ]


@pytest.mark.parametrize("dial", [name for name in Leg.model_fields if name != "muscles"])
@pytest.mark.parametrize("side", ["right", "left", "both"])
def test_every_dial_is_a_cause(dial: str, side: str) -> None:
    (one,) = causes(change(Subject(), [f"{side}.{dial}=0.7"]))
    assert one.side == side and {path[-1] for path in one.dials} == {dial}


def test_coalitions_run_from_the_healthy_body_to_the_subject() -> None:
    settings = [
        "name=A. B.",
        "sex=male",
        "mass_kg=80",
        "muscle_paths=torque_balanced",
        "right.muscles.soleus.strength=0.5",
        "both.femoral_anteversion_deg=10",
        "left.calf_tightness=0.2",
        "supports.left.arch_support_mm=8",
        "supports.band_above_knees_n=20",
    ]
    subject = change(Subject(), settings)
    players = causes(subject)
    assert len(players) == 5
    assert coalition(subject, players) == subject
    assert coalition(subject, ()) == subject.healthy().model_copy(update={"name": "A. B."})
    for one in players:
        assert causes(coalition(subject, [one])) == (one,)


# --- with simulations -------------------------------------------------------------------------------------------------


def test_a_subject_is_split_by_a_sweeps_workers_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWEEP_JOBS", str(tmp_path))
    subject = change(Subject(), ["right.gluteus_medius_strength=0.6", "both.foot_pronation_deg=3"])
    ask = {"workers": 1, "folder": tmp_path / "kept", "job": sweep_jobs.quick}
    seen = []
    found = attribution.shapley(
        subject, tasks.load("squat"), "right.medial_knee_travel_mm", progress=lambda *all: seen.append(all), **ask
    )
    assert {one.cause: one.share for one in found.shares} == pytest.approx(
        {"gluteus medius and minimus, right leg": 4.0, "foot pronation, both legs": 3.0}
    )
    assert found.unit == "mm" and found.simulations == 4 and seen[-1] == (4, 4, 0)
    assert len(sweep_jobs.begun()) == 4
    again = attribution.shapley(subject, tasks.load("squat"), "right.medial_knee_travel_mm", **ask)
    assert again == found and len(sweep_jobs.begun()) == 4


def test_a_fall_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWEEP_JOBS", str(tmp_path))
    subject = change(Subject(), ["both.gluteus_medius_strength=0.6", "both.foot_pronation_deg=3"])
    found = attribution.shapley(subject, tasks.load("squat"), "right.fppa_peak_deg", workers=1, job=sweep_jobs.fragile)
    assert found.failed == {"gluteus medius and minimus, both legs + foot pronation, both legs": "could not stand up"}
    assert found.change is None and [one.alone for one in found.shares] == pytest.approx([4.0, 3.0])
    attribution.plot(found, tmp_path / "fall.png")
    assert (tmp_path / "fall.png").read_bytes().startswith(b"\x89PNG")


def test_a_real_subject_is_split_as_single_simulations_say(tmp_path: Path) -> None:
    settings = ["both.external_rotator_strength=0.6", "both.foot_pronation_deg=4"]
    quick = tasks.load("squat", depth_deg=45, descent_s=0.5, ascent_s=0.5, stand_before_s=0.3, stand_after_s=0.2)

    def fppa(*chosen: str) -> float:
        result = simulate(build(change(Subject(), list(chosen))), quick)
        assert result.success
        return export.measure(result)["right"]["fppa_peak_deg"]

    healthy, a, b, both = fppa(), fppa(settings[0]), fppa(settings[1]), fppa(*settings)
    found = attribution.shapley(change(Subject(), settings), quick, "right.fppa_peak_deg", workers=1)
    assert found.healthy == healthy and found.value == both
    assert shares(found) == pytest.approx([(a - healthy + both - b) / 2, (b - healthy + both - a) / 2], abs=1e-12)
    assert indices(found) == pytest.approx(
        {(found.shares[0].cause, found.shares[1].cause): both - a - b + healthy}, abs=1e-12
    )
    assert found.shares[1].share > 0.5
    attribution.plot(found, tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("settings", "metric", "words"),
    [
        ([], "right.fppa_peak_deg", "at least one cause"),
        (["right.adductor_tightness=0.4"], "right.fppa_peek_deg", "nearest valid one is 'right.fppa_peak_deg'"),
    ],
)
def test_what_cannot_be_split_is_refused(settings: list[str], metric: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        attribution.shapley(change(Subject(), settings), tasks.load("squat"), metric)


def test_a_metric_that_a_task_does_not_have_is_no_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = {"success": True, "message": "", "metrics": {"left": {"fppa_peak_deg": None}}}
    assert attribution._value(one, "left", "fppa_peak_deg") == "left.fppa_peak_deg is not defined for it"


# --- Sobol ------------------------------------------------------------------------------------------------------------

BOX = dict.fromkeys(("x1", "x2", "x3"), (-math.pi, math.pi))
SAYS = {"metric": "m", "unit": "deg", "task": "t"}


def ishigami(rows: np.ndarray, a: float = 7.0, b: float = 0.1) -> list[float]:
    return list(np.sin(rows[:, 0]) + a * np.sin(rows[:, 1]) ** 2 + b * rows[:, 2] ** 4 * np.sin(rows[:, 0]))


def test_indices_of_ishigamis_function() -> None:
    """The closed forms of Ishigami T. and Homma T. 1990."""
    a, b = 7.0, 0.1
    first = 0.5 * (1 + b * math.pi**4 / 5) ** 2
    second, pair = a**2 / 8, 8 * b**2 * math.pi**8 / 225
    variance = first + second + pair
    found = sensitivity(BOX, ishigami, about=SAYS, samples=1024, seed=0)
    assert found.sd**2 == pytest.approx(variance, rel=0.03) and found.mean == pytest.approx(a / 2, abs=0.05)
    for one, s, t in zip(found.indices, (first, second, 0.0), (first + pair, second, pair), strict=True):
        assert one.first == pytest.approx(s / variance, abs=0.03)
        assert one.total == pytest.approx(t / variance, abs=0.03)
        assert 0.005 < one.total_interval < 0.12 and one.first_interval < 0.12
    interactions = {(one, two): s for one, two, s, _ in found.pairs}
    assert interactions[("x1", "x3")] == pytest.approx(pair / variance, abs=0.06)
    assert interactions[("x1", "x2")] == pytest.approx(0.0, abs=0.06)
    assert found.simulations == 1024 * 8 and found.blocks == 1024 and not found.failed


def test_indices_are_the_same_again_with_seed_zero_too() -> None:
    one, two, other = (sensitivity(BOX, ishigami, about=SAYS, samples=32, seed=seed) for seed in (0, 0, 1))
    assert one == two and one != other
    json.dumps(one.as_dict(), allow_nan=False)


def test_blocks_with_a_fall_are_left_out_and_counted() -> None:
    def game(rows: np.ndarray) -> list[float | str]:
        values = ishigami(rows)
        return ["fell" if row[0] > 2.8 else value for row, value in zip(rows, values, strict=True)]

    found = sensitivity(BOX, game, about=SAYS, samples=256)
    assert 0 < found.blocks < 256 and found.failed["fell"] > 0
    assert found.failed["fell"] >= 256 - found.blocks
    nothing = sensitivity(BOX, lambda rows: ["fell"] * len(rows), about=SAYS, samples=4)
    assert nothing.mean is None and nothing.indices[0].first is None and nothing.pairs == ()
    still = sensitivity(BOX, lambda rows: [2.0] * len(rows), about=SAYS, samples=4)
    assert still.mean == 2 and still.sd == 0 and still.indices[0].total is None


def test_dials_that_matter_are_found_by_a_sweeps_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`quick` is 10 (1 - strength) + pronation: over 0.5..1 and 0..5 deg both explain half."""
    monkeypatch.setenv("SWEEP_JOBS", str(tmp_path))
    ranges = {"both.gluteus_medius_strength": (0.5, 1.0), "right.foot_pronation_deg": (0.0, 5.0)}
    found = attribution.sobol(
        ranges, tasks.load("squat"), "right.fppa_peak_deg", samples=32, workers=1, job=sweep_jobs.quick
    )
    assert [one.dial for one in found.indices] == list(ranges)
    for one in found.indices:
        assert abs(one.first - 0.5) < 2 * one.first_interval < 0.8
        assert abs(one.total - 0.5) < 2 * one.total_interval < 0.8


@pytest.mark.parametrize(
    ("ranges", "samples", "words"),
    [
        ({"both.adductor_tightnes": (0, 1), "mass_kg": (50, 60)}, 4, "nearest valid key is 'adductor_tightness'"),
        ({"both.adductor_tightness": (0.5, 0.5), "mass_kg": (50, 60)}, 4, "expected low below high"),
        ({"both.adductor_tightness": (0.0, 1.5), "mass_kg": (50, 60)}, 64, "range 0 to 1"),
        ({"both.adductor_tightness": (0.0, 1.0)}, 4, "at least 2 dials"),
        ({"both.adductor_tightness": (0.0, 1.0), "mass_kg": (50, 60)}, 100, "power of two"),
    ],
)
def test_ranges_that_make_no_sense_are_refused(ranges: dict, samples: int, words: str) -> None:
    with pytest.raises(InputError, match=words):
        attribution.sobol(ranges, tasks.load("squat"), "right.fppa_peak_deg", samples=samples)
