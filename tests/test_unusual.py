"""The repetition that is not like the others: found where it is, and nothing found where nothing is."""

from __future__ import annotations

import json

import numpy as np
import pytest
from figures import OPENCAP, figure, needs_recordings, squat_angle
from scipy import stats

from simlab import metrics, recording, unusual

TIME = np.linspace(0, 16, 1601)


def squats(error_deg: float = 0.0, repetition: int = 3, ascending: bool = True, depth: float = 1.4):
    """Five squats with thighs a little out; one leg's thigh goes in while one repetition goes down or comes up."""
    rng = np.random.default_rng(0)
    out = np.full((len(TIME), 2), -0.1)
    start = 1.0 + 3.0 * (repetition - 1) + ascending
    hump = np.sin(np.pi * np.clip(TIME - start, 0, 1)) ** 2
    out[:, 1] += np.radians(error_deg) * hump
    for i in range(5):
        inside = (1 + 3 * i <= TIME) & (3 + 3 * i > TIME)
        out[inside] += np.radians(rng.normal(size=2))
    points = figure(TIME, squat_angle(TIME, 5, depth), thigh_out=out)
    return points, metrics.repetitions(points)


@pytest.mark.parametrize("ascending", [True, False])
def test_one_bad_repetition_is_found_with_its_side_phase_and_time(ascending: bool) -> None:
    points, repetitions = squats(12.0, 3, ascending)
    verdict = unusual.find(points, repetitions)
    assert {one.measure for one in verdict.found} == set(unusual.FLOORS)
    for one in verdict.found:
        phase = "ascending" if ascending else "descending"
        assert (one.repetition, one.side, one.phase) == (3, "left", phase)
        assert repetitions[2].start < one.time < repetitions[2].end
        assert (one.time > repetitions[2].peak) == ascending
        assert np.degrees(np.interp(one.time, TIME, metrics.knee_flexion(points)[:, 1])) == pytest.approx(60, abs=0.1)
    (projection,) = [one for one in verdict.found if one.measure == "fppa_60_deg"]
    assert np.degrees(np.interp(projection.time, TIME, metrics.fppa(points)[:, 1])) == pytest.approx(
        projection.value, abs=0.05
    )
    assert projection.value > projection.high > projection.low
    (sentence,) = unusual.sentences(verdict.report()["found"])
    assert sentence.startswith("repetition 3, left leg") and "FPPA" in sentence and "displacement" in sentence
    json.dumps(verdict.report(), allow_nan=False)


def test_small_differences_and_few_or_shallow_repetitions() -> None:
    points, repetitions = squats(5.0)
    verdict = unusual.find(points, repetitions)
    assert verdict.found == () and verdict.bound is not None and "5 repetitions" in verdict.criterion
    points, repetitions = squats(12.0)
    few = unusual.find(points, repetitions[1:3])
    assert few.report()["judged"] is False and verdict.report()["judged"] is True
    assert few.found == () and few.bound is None and "needs 3 repetitions" in few.criterion
    points, repetitions = squats(12.0, depth=0.9)
    assert len(repetitions) == 5 and "found 0" in unusual.find(points, repetitions).criterion


def test_t_and_its_bound_are_those_of_student() -> None:
    """One leg, phase and measure: a prediction from the others, as scipy computes it."""
    x = np.array([3.0, 4.1, 2.2, 3.7, 9.9])
    difference, t, freedom = unusual.residuals(x[:, None, None, None])
    for i in range(5):
        others = np.delete(x, i)
        assert difference[i, 0, 0, 0] == pytest.approx(x[i] - others.mean())
        assert t[i, 0, 0, 0] == pytest.approx((x[i] - others.mean()) / (others.std(ddof=1) * np.sqrt(1 + 1 / 4)))
    assert (freedom == 3).all()
    values = np.random.default_rng(1).normal(size=(5, 2, 2, 2))
    assert unusual.judge(values)[1] == pytest.approx(stats.t.ppf(1 - 0.05 / (2 * 40), 12))


def test_one_repetition_does_not_hide_another() -> None:
    values = np.random.default_rng(2).normal(size=(6, 2, 2, 2))
    values[1, 0, 0, 0] += 60
    values[4, 0, 1, 0] += 15
    assert {place for place, *_ in unusual.judge(values)[0]} == {(1, 0, 0, 0), (4, 0, 1, 0)}


@pytest.mark.parametrize("n", [3, 5, 10])
def test_ordinary_recordings_seldom_alarm(n: int) -> None:
    """Normal repetitions of any spread: something is flagged in one of twenty at most; small spreads hardly ever."""
    rng = np.random.default_rng(n)
    sd = np.array([1.0, 3.0])
    wide, narrow = (
        np.mean([bool(unusual.judge(size * sd * rng.normal(size=(n, 2, 2, 2)))[0]) for _ in range(300)])
        for size in (100.0, 1.2)
    )
    assert wide <= 0.08 and narrow <= 0.01


@needs_recordings
@pytest.mark.parametrize("joint_centres", ["clusters", "lateral-markers"])
def test_the_knee_that_falls_in_once_in_real_squats(joint_centres: str) -> None:
    """Repetition 1 of five, left, on the way up: by eye in the curves of both definitions, and nothing else."""
    found = recording.measure(
        recording.read(OPENCAP / "squats1.trc", static=OPENCAP / "static1.trc", joint_centres=joint_centres)
    )["unusual"]["found"]
    assert {(one["repetition"], one["side"], one["phase"]) for one in found} == {(1, "left", "ascending")}
    projection = next(one for one in found if one["measure"] == "fppa_60_deg")
    assert projection["time"] == pytest.approx(1.9, abs=0.1)
    if joint_centres == "clusters":
        assert projection["value"] == pytest.approx(0.7, abs=0.3)
        assert (projection["low"], projection["high"]) == pytest.approx((-11.6, -8.9), abs=0.2)
