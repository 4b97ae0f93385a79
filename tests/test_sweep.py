"""Sweeps: designs, the file, workers that die, what is on disk after whatever happened."""

from __future__ import annotations

import errno
import json
import math
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import threading
import time
import tomllib
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
import sweep_jobs
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from test_cli import simlab  # noqa: F401

from simlab import dose, export, sweep, tasks
from simlab.control import Controller
from simlab.errors import InputError
from simlab.model import build
from simlab.motion import SIDES
from simlab.simulate import simulate
from simlab.subject import Leg, Subject, change
from simlab.sweep import _design, _points, _pool, _spec

ROOT = Path(__file__).resolve().parent.parent
MEDIUS = "both.gluteus_medius_strength"
QUICK = """
curves = true
design = "grid"
[task_settings]
depth_deg = 25
descent_s = 0.4
ascent_s = 0.4
stand_before_s = 0.3
stand_after_s = 0.2
[dials]
right.foot_pronation_deg = [0, 3, 3.0]
"""


def parse(**keys) -> sweep.Spec:
    return _spec.parse({"design": "grid", **keys}, "s.toml")


def masses(*values: float, **keys) -> sweep.Spec:
    return parse(dials={"mass_kg": list(values)}, changes=False, **keys)


@pytest.fixture(autouse=True)
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SWEEP_JOBS", str(tmp_path))
    return tmp_path


def lines(out: Path) -> list[dict]:
    return [json.loads(line) for line in (out / "journal.jsonl").read_text().splitlines()]


def table(out: Path) -> pl.DataFrame:
    return pl.read_parquet(out / "results.parquet")


# --- designs ----------------------------------------------------------------------------------------------------------


def test_a_grid_is_the_product_with_the_last_dial_fastest() -> None:
    spec = parse(dials={"mass_kg": [60, 70], "right": {"foot_pronation_deg": {"low": 0.0, "high": 4.0, "levels": 3}}})
    found = [tuple(point.values()) for point in _design.values(spec)]
    assert found == [(60, 0), (60, 2), (60, 4), (70, 0), (70, 2), (70, 4)]
    assert list(spec.dials) == ["mass_kg", "right.foot_pronation_deg"]


@pytest.mark.parametrize("design", ["sobol", "latin-hypercube", "population"])
def test_a_random_design_stays_inside_and_is_the_same_again(design: str) -> None:
    dials = {MEDIUS: {"low": 0.4, "high": 1.0}, "both.foot_pronation_deg": {"low": -2.0, "high": 6.0}}

    def drawn(seed: int, samples: int = 64) -> np.ndarray:
        spec = parse(design=design, samples=samples, dials=dials, seed=seed)
        return np.array([list(point.values()) for point in _design.values(spec)])

    points = drawn(1)
    assert points.shape == (64, 2)
    for column, (low, high) in zip(points.T, ((0.4, 1.0), (-2.0, 6.0)), strict=True):
        assert low <= column.min() < low + 0.1 * (high - low) and high - 0.1 * (high - low) < column.max() <= high
    np.testing.assert_array_equal(points, drawn(1))
    assert not np.isclose(points, drawn(2)).any()
    if design != "latin-hypercube":
        np.testing.assert_array_equal(points, drawn(1, samples=128)[:64])  # so a sweep can be made larger
    if design != "population":  # one point in each of the 64 strata of each dial
        strata = np.floor((points - [0.4, -2.0]) / [0.6, 8.0] * 64)
        assert all(len(set(column)) == 64 for column in strata.T)


def test_sobol_says_when_a_count_costs_its_balance() -> None:
    dials = {"mass_kg": {"low": 50.0, "high": 80.0}}
    assert _design.notes(parse(design="sobol", samples=64, dials=dials)) == []
    (note,) = _design.notes(parse(design="sobol", samples=100, dials=dials))
    assert "100" in note and "128" in note and "power of two" in note


def test_a_population_has_its_moments_and_correlation() -> None:
    spec = parse(
        design="population",
        samples=20_000,
        dials={
            MEDIUS: {"mean": 0.9, "sd": 0.1, "low": 0.3, "high": 1.5},
            "both.gluteus_maximus_strength": {"mean": 1.0, "sd": 0.2, "low": 0.9, "high": 1.1},
            "both.foot_pronation_deg": {"low": 0.0, "high": 6.0},
        },
        correlations=[{"between": [MEDIUS, "both.foot_pronation_deg"], "r": 0.6}],
    )
    a, b, c = np.array([list(point.values()) for point in _design.values(spec)]).T
    assert (a.mean(), a.std()) == pytest.approx((0.9, 0.1), abs=0.003)
    # A normal cut off at half an sd to both sides: variance 1 - 2 z phi(z) / (2 Phi(z) - 1).
    z, phi, mass = 0.5, math.exp(-0.125) / math.sqrt(2 * math.pi), math.erf(0.5 / math.sqrt(2))
    assert b.std() == pytest.approx(0.2 * math.sqrt(1 - 2 * z * phi / mass), rel=0.02)
    assert b.min() >= 0.9 and b.max() <= 1.1
    assert (c.mean(), c.std()) == pytest.approx((3.0, 6 / math.sqrt(12)), abs=0.04)
    # Rank correlation of a Gaussian copula: 6 / pi asin(r / 2).
    ranks = [np.argsort(np.argsort(column)) for column in (a, c, b)]
    assert np.corrcoef(ranks[0], ranks[1])[0, 1] == pytest.approx(6 / math.pi * math.asin(0.3), abs=0.015)
    assert abs(np.corrcoef(ranks[0], ranks[2])[0, 1]) < 0.03


@given(
    st.lists(st.floats(0.1, 2.0), min_size=1, max_size=4, unique=True),
    st.lists(st.floats(-5.0, 10.0), min_size=1, max_size=4, unique=True),
    st.integers(2, 5),
)
def test_every_point_of_a_grid_reaches_its_subject(strengths: list[float], angles: list[float], levels: int) -> None:
    spec = parse(
        dials={
            "right": {"gluteus_medius_strength": strengths},
            "both": {"foot_pronation_deg": angles},
            "task": {"depth_deg": {"low": 30.0, "high": 60.0, "levels": levels}},
        }
    )
    points = _points.points(spec)
    assert len(points) == len(strengths) * len(angles) * levels and [p.index for p in points] == list(
        range(len(points))
    )
    for point in points:
        asked = point.simulation.configuration
        right, left = asked["subject"]["right"], asked["subject"]["left"]
        assert right["gluteus_medius_strength"] == point.dials["right.gluteus_medius_strength"]
        assert right["foot_pronation_deg"] == left["foot_pronation_deg"] == point.dials["both.foot_pronation_deg"]
        assert left["gluteus_medius_strength"] == 1.0
        assert asked["task"]["depth_deg"] == point.dials["task.depth_deg"]
        twin = point.healthy.configuration
        assert (
            twin["subject"]["right"] == twin["subject"]["left"] == Leg().model_dump() and twin["task"] == asked["task"]
        )
    assert len({point.simulation.hash for point in points}) == len(points)


def test_every_kind_of_dial_turns_what_it_names() -> None:
    spec = parse(
        set=["both.adductor_tightness=0.2", "mass_kg=70"],
        task_settings={"descent_s": 2.0},
        cue=0.5,
        dials={
            "height_m": [1.6],
            "sex": ["male"],
            "controller.cue": [0.25],
            "task.repetitions": [2],
            "left.adductor_tightness": [0.4],
        },
    )
    (point,) = _points.points(spec)
    asked = point.simulation.configuration
    person = asked["subject"]
    assert (person["height_m"], person["sex"], person["mass_kg"]) == (1.6, "male", 70)
    assert (person["left"]["adductor_tightness"], person["right"]["adductor_tightness"]) == (0.4, 0.2)
    assert (asked["task"]["repetitions"], asked["task"]["descent_s"], asked["controller"]["cue"]) == (2, 2.0, 0.25)


# --- the file ---------------------------------------------------------------------------------------------------------

GRID = 'design = "grid"\n'
SOBOL = 'design = "sobol"\nsamples = 4\n'
PEOPLE = 'design = "population"\nsamples = 4\n'
RELATED = 'correlations = [{{between = ["mass_kg", "{}"], r = {}}}]\n[dials]\nmass_kg = {{low = 60, high = 70}}'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (GRID, ["dials", "none"]),
        (GRID + "[dials]", ["dials", "at least one"]),
        ("[dials]\nmass_kg = [60]", ["design", "none"]),
        ('design = "gird"\n[dials]\nmass_kg = [60]', ["design", "grid", "sobol", "gird"]),
        (GRID + "sample = 3\n[dials]\nmass_kg = [60]", ["unknown key 'sample'", "samples"]),
        (GRID + 'seed = "x"\n[dials]\nmass_kg = [60]', ["seed", "integer", "'x'"]),
        (GRID + "recycle_after = 0\n[dials]\nmass_kg = [60]", ["recycle_after", "1", "found 0"]),
        (GRID + "cue = 2.0\n[dials]\nmass_kg = [60]", ["cue", "1", "2.0"]),
        (GRID + "samples = 4\n[dials]\nmass_kg = [60]", ["samples", "grid"]),
        ('design = "sobol"\n[dials]\nmass_kg = {low = 60, high = 70}', ["samples", "found none"]),
        (GRID + "[dials]\nright.gluteus_medius_strenght = [1]", ["right.gluteus_medius_strenght", "medius_strength"]),
        (GRID + "[dials]\nmas_kg = [60]", ["unknown dial 'mas_kg'", "mass_kg"]),
        (GRID + "[dials]\ntask.depth = [60]", ["task.depth", "task.depth_deg"]),
        (GRID + "[dials]\nmass_kg = []", ["mass_kg", "at least 1"]),
        (GRID + "[dials]\nmass_kg = 60", ["mass_kg", "list of values", "60"]),
        (GRID + "[dials]\nmass_kg = [true]", ["mass_kg", "True"]),
        (GRID + "[dials]\nmass_kg = [nan]", ["mass_kg", "finite"]),
        (GRID + "[dials]\nmass_kg = {low = 60, high = 70}", ["mass_kg", "levels", "none"]),
        (GRID + "[dials]\nmass_kg = {low = 60, high = 70, level = 3}", ["unknown key 'level'", "levels"]),
        (GRID + "[dials]\nmass_kg = {low = 80, high = 70, levels = 3}", ["low below high", "80", "70"]),
        (GRID + "[dials]\nmass_kg = [60, 600]", ["mass_kg", "35 to 160", "600"]),
        (GRID + "[dials]\nboth.adductor_tightness = [0, 1.5]", ["adductor_tightness", "0 to 1", "1.5"]),
        (GRID + "[dials]\ntask.depth_deg = [60, 150]", ["depth_deg", "110", "150"]),
        (GRID + "[dials]\ntask.repetitions = [1.5]", ["repetitions", "1.5"]),
        (GRID + "[dials]\ncontroller.cue = [0, 3]", ["cue", "0 to 1", "3"]),
        (GRID + "[dials]\nboth.adductor_tightness = [0]\nright.adductor_tightness = [1]", ["same dial", "both."]),
        (GRID + '[dials]\nright.adductor_tightness = [0]\n"right.adductor_tightness" = [1]', ["twice"]),
        (GRID + 'set = ["both.x=1"]\n[dials]\nmass_kg = [60]', ["set", "right.x"]),
        (GRID + 'task = "run"\n[dials]\nmass_kg = [60]', ["task", "squat", "'run'"]),
        (GRID + "[task_settings]\ndepth = 60\n[dials]\nmass_kg = [60]", ["depth", "depth_deg"]),
        (GRID + 'subject = "nobody.toml"\n[dials]\nmass_kg = [60]', ["subject", "nobody.toml"]),
        (GRID + "[dials]\nmass_kg = {low = 60, high = 70, levels = 5000}\nheight_m = {low = 1, high = 2, levels = 900}",
         ["4500000", "1000000"]),
        (SOBOL + "[dials]\nmass_kg = [60]", ["mass_kg", "{low, high}", "sobol", "[60]"]),
        (SOBOL + "[dials]\nmass_kg = {low = 60, high = 70, mean = 65}", ["mean"]),
        (SOBOL + "[dials]\nmass_kg = {low = 60, high = 700}", ["mass_kg", "35 to 160"]),
        (PEOPLE + "[dials]\nmass_kg = {mean = 60, low = 50, high = 70}", ["mass_kg", "sd", "none"]),
        (PEOPLE + "[dials]\nmass_kg = {mean = 60, sd = -1, low = 50, high = 70}", ["sd", "-1"]),
        (PEOPLE + "[dials]\nmass_kg = {mean = 90, sd = 1, low = 50, high = 70}", ["mean", "90"]),
        (SOBOL + RELATED.format("height_m", 0.5),
         ["correlations", "population", "sobol"]),
        (PEOPLE + RELATED.format("heigth_m", 0.5),
         ["heigth_m", "not a dial"]),
        (PEOPLE + RELATED.format("mass_kg", 1.5),
         ["correlations.0.r", "1", "1.5"]),
        ("[dials\n", ["not valid TOML"]),
    ],
)  # fmt: skip
def test_errors_name_file_key_expected_and_found(tmp_path: Path, text: str, words: list[str]) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        sweep.run(sweep.load(path), tmp_path / "o", job=sweep_jobs.quick)
    for word in ["bad.toml", *words]:
        assert word in str(caught.value)
    assert not (tmp_path / "o").exists() and not sweep_jobs.begun()  # nothing starts before all is known to be well


def test_the_spec_of_the_first_page_can_be_run() -> None:
    (text,) = re.findall(r"```toml\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    points = _points.points(_spec.parse(tomllib.loads(text), "README.md"))
    assert len(points) == 1000 and len({point.healthy.hash for point in points}) == 1
    assert len(_points.points(sweep.load(ROOT / "examples" / "sweep.toml"))) == 6


def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match=r"journal\.jsonl: cannot be written: No space left"):
        sweep.run(masses(60), tmp_path / "o", workers=1, job=sweep_jobs.quick)
    assert [path.name for path in (tmp_path / "o").iterdir()] == ["journal.jsonl"]


def test_correlations_that_no_population_has_are_refused() -> None:
    dials = {key: {"low": 0.0, "high": 1.0} for key in ("both.adductor_tightness", MEDIUS, "both.foot_pronation_deg")}
    a, b, c = dials
    pairs = [{"between": pair, "r": r} for pair, r in (([a, b], 0.9), ([b, c], 0.9), ([a, c], -0.9))]
    with pytest.raises(InputError, match="positive definite"):
        _design.values(parse(design="population", samples=4, dials=dials, correlations=pairs))
    assert len(_design.values(parse(design="population", samples=4, dials=dials, correlations=pairs[:1]))) == 4


# --- workers ----------------------------------------------------------------------------------------------------------


def test_a_simulation_that_kills_its_worker_is_tried_again_and_given_up_after_three(tmp_path: Path) -> None:
    report = sweep.run(masses(60, 61, 62, 63, 64), tmp_path / "o", workers=2, job=sweep_jobs.deadly)
    assert (report.points, report.computed, report.failed, report.complete) == (5, 5, 1, True)
    tries = Counter(mass for mass, _ in sweep_jobs.begun())
    assert tries == {60: 1, 61: 3, 62: 2, 63: 1, 64: 1}
    found = table(tmp_path / "o")
    assert found["success"].to_list() == [True, False, True, True, True]
    assert "3 worker processes died" in found["message"][1] and "signal 9" in found["message"][1]
    assert found["right.fppa_peak_deg"][1] is None and found["simulated_s"][1] is None


def test_killed_workers_lose_nothing_and_nothing_is_done_twice(tmp_path: Path) -> None:
    """kill -9 from outside, again and again: what was finished stays, what was being computed is done again."""
    out, killed = tmp_path / "o", []

    def kill_one(done: int, total: int, failed: int) -> None:
        if done in (2, 5, 8):
            victim = sweep_jobs.begun()[-1][1]
            if victim not in killed and any(p.pid == victim for p in multiprocessing.active_children()):
                os.kill(victim, signal.SIGKILL)
                killed.append(victim)

    spec = masses(*range(50, 62))
    report = sweep.run(spec, out, workers=2, progress=kill_one, job=sweep_jobs.slow)
    assert len(killed) >= 2 and report.complete and report.failed == 0
    assert table(out)["dial.mass_kg"].to_list() == list(range(50, 62))
    assert set(Counter(line["hash"] for line in lines(out)).values()) == {1}
    begun = [mass for mass, _ in sweep_jobs.begun()]
    assert 12 <= len(begun) <= 12 + len(killed)  # again only what a killed one was at, if it was at anything
    assert not multiprocessing.active_children()


def test_an_exception_becomes_a_row_and_the_sweep_goes_on(tmp_path: Path) -> None:
    report = sweep.run(masses(60, 61, 62), tmp_path, workers=1, job=sweep_jobs.faulty)
    assert report.failed == 1 and report.complete
    assert table(tmp_path)["message"].to_list() == ["", "ZeroDivisionError: a mistake", ""]
    again = sweep.run(masses(60, 61, 62), tmp_path, workers=1, job=sweep_jobs.faulty)
    assert (again.skipped, again.computed, again.failed) == (3, 0, 1)


def test_outcomes_of_any_subjects_come_in_order_each_done_once_and_kept(tmp_path: Path) -> None:
    asked = [
        sweep.simulation(change(Subject(), [f"mass_kg={mass}"]), tasks.load("squat"), Controller())
        for mass in (62, 60, 62, 61)
    ]
    first = sweep.outcomes(asked, tmp_path / "kept", workers=1, job=sweep_jobs.quick)
    assert [one["metrics"]["right"]["fppa_peak_deg"] for one in first] == pytest.approx([0.62, 0.6, 0.62, 0.61])
    assert [mass for mass, _ in sweep_jobs.begun()] == [62, 60, 61]
    assert sweep.outcomes(asked[::-1], tmp_path / "kept", workers=1, job=sweep_jobs.quick) == first[::-1]
    assert len(sweep_jobs.begun()) == 3
    failed = sweep.outcomes(asked, workers=1, job=sweep_jobs.faulty)[3]
    assert (failed["success"], failed["message"]) == (False, "ZeroDivisionError: a mistake")
    assert len(sweep_jobs.begun()) == 5  # nothing was kept, so that it was done again


def test_workers_are_replaced_and_work_in_order(tmp_path: Path) -> None:
    sweep.run(masses(*range(50, 57), recycle_after=3), tmp_path / "o", workers=1, job=sweep_jobs.quick)
    begun = sweep_jobs.begun()
    assert [mass for mass, _ in begun] == list(range(50, 57))
    assert list(Counter(pid for _, pid in begun).values()) == [3, 3, 1]
    assert os.getpid() not in {pid for _, pid in begun}


def test_workers_of_another_version_are_noticed(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="other versions"):
        sweep.run(masses(60), tmp_path / "o", workers=1, job=sweep_jobs.foreign)
    assert lines(tmp_path / "o") == []


def script(folder: Path, body: str) -> subprocess.Popen:
    """A program of its own that runs a sweep of slow or endless jobs."""
    path = folder / "program.py"
    path.write_text(body)
    tests = Path(__file__).parent
    environment = os.environ | {"PYTHONPATH": f"{tests.parent}{os.pathsep}{tests}"}
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, str(path)], env=environment, stdout=pipe, stderr=pipe, text=True)


PROGRAM = """
import sweep_jobs
from simlab import sweep
from simlab.sweep import _spec
{guard}
    spec = _spec.parse({{"design": "grid", "changes": False, "dials": {{"mass_kg": [60, 61, 62]}}}}, "s.toml")
    print(sweep.run(spec, {out!r}, workers={workers}, job=sweep_jobs.endless))
"""


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def until(true, seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def test_workers_end_with_their_parent(tmp_path: Path) -> None:
    body = PROGRAM.format(guard='if __name__ == "__main__":', out=str(tmp_path / "o"), workers=2)
    with script(tmp_path, body) as program:
        until(lambda: len(sweep_jobs.begun()) == 2)
        program.kill()
    workers = [pid for _, pid in sweep_jobs.begun()]
    assert len(set(workers)) == 2
    until(lambda: not any(map(alive, workers)), 5.0)


def test_a_script_without_a_guard_is_told(tmp_path: Path) -> None:
    with script(tmp_path, PROGRAM.format(guard="if True:", out=str(tmp_path / "o"), workers=1)) as program:
        _, err = program.communicate(timeout=60)
    assert program.returncode == 1 and 'if __name__ == "__main__":' in err.splitlines()[-1]


def test_a_worker_heeds_no_ctrl_c_while_it_starts_either() -> None:
    worker = _pool._hire(sweep_jobs.quick)
    try:
        until(lambda: os.kill(worker.process.pid, signal.SIGINT) or worker.pipe.poll())
        assert worker.pipe.recv() is None and worker.process.is_alive()
    finally:
        worker.process.kill()
        _pool._bury(worker)


def test_a_dead_workers_pipe_is_emptied_before_it_is_given_up() -> None:
    mine, theirs = multiprocessing.Pipe()
    dead = SimpleNamespace(is_alive=lambda: False)
    worker = _pool._Worker(process=dead, pipe=mine, ready=True, item=("key", {}))
    theirs.send((True, "the answer"))
    theirs.close()
    assert list(_pool._heard(worker)) == [("key", True, "the answer")]
    assert worker.ended and worker.item is None


# --- on disk ----------------------------------------------------------------------------------------------------------


def test_a_torn_journal_is_mended(tmp_path: Path) -> None:
    spec = masses(60, 61, 62)
    sweep.run(spec, tmp_path / "o", workers=1, job=sweep_jobs.quick)
    before, path = (tmp_path / "o" / "results.parquet").read_bytes(), tmp_path / "o" / "journal.jsonl"
    whole = path.read_bytes()
    for cut in (1, 200):
        path.write_bytes(whole[:-cut])
        report = sweep.run(spec, tmp_path / "o", workers=1, job=sweep_jobs.quick)
        assert (report.skipped, report.computed) == (2, 1) and "not whole" in report.notes[0]
        assert path.read_bytes() == whole and (tmp_path / "o" / "results.parquet").read_bytes() == before


def test_a_folder_keeps_what_other_specs_left_and_shows_only_this_one(tmp_path: Path) -> None:
    out = tmp_path / "o"
    sweep.run(masses(60, 61, 62), out, workers=1, job=sweep_jobs.quick)
    report = sweep.run(masses(62, 70), out, workers=1, job=sweep_jobs.quick)
    assert (report.skipped, report.computed, len(lines(out))) == (1, 1, 4)
    assert table(out)["dial.mass_kg"].to_list() == [62, 70]
    report = sweep.run(masses(60, 61, 62), out, workers=1, job=sweep_jobs.quick)
    assert report.computed == 0 and table(out)["dial.mass_kg"].to_list() == [60, 61, 62]
    assert len(sweep_jobs.begun()) == 4


def test_a_folder_belongs_to_one_sweep_at_a_time(tmp_path: Path) -> None:
    refused = []

    def intrude(done: int, total: int, failed: int) -> None:
        with pytest.raises(InputError, match="another sweep") as caught:
            sweep.run(masses(60), tmp_path / "o", job=sweep_jobs.quick)
        refused.append(caught.value)

    sweep.run(masses(60), tmp_path / "o", workers=1, progress=intrude, job=sweep_jobs.quick)
    assert len(refused) == 2
    with pytest.raises(InputError, match="--out"):
        sweep.run(masses(60), "/dev/null/x", job=sweep_jobs.quick)


def test_changes_are_against_the_healthy_twin_at_the_same_body(tmp_path: Path) -> None:
    spec = parse(dials={"mass_kg": [60, 80], MEDIUS: [1.0, 0.5]}, set=["left.foot_pronation_deg=2"])
    report = sweep.run(spec, tmp_path / "o", workers=1, job=sweep_jobs.quick)
    assert (report.points, report.simulations) == (4, 6)  # two bodies, two twins
    found = table(tmp_path / "o")
    assert found["change.right.fppa_peak_deg"].to_list() == pytest.approx([0, 5, 0, 5])
    assert found["change.left.fppa_peak_deg"].to_list() == pytest.approx([2, 7, 2, 7])
    assert found["change.both.trunk_lean_deg"].to_list() == [0, 0, 0, 0]
    assert found["subject.right.gluteus_medius_strength"].to_list() == [1.0, 0.5, 1.0, 0.5]


# --- real simulations -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small sweep of real squats, by one worker."""
    folder = tmp_path_factory.mktemp("swept")
    (folder / "quick.toml").write_text(QUICK)
    report = sweep.run(sweep.load(folder / "quick.toml"), folder / "one", workers=1)
    assert (report.points, report.simulations, report.computed, report.failed) == (3, 2, 2, 0)
    return folder


def test_a_row_is_what_a_single_simulation_gives(swept: Path) -> None:
    spec = sweep.load(swept / "quick.toml")
    result = simulate(
        build(change(Subject(), ["right.foot_pronation_deg=3"])), tasks.load("squat", **spec.task_settings)
    )
    export.save(result, swept / "alone")
    row = table(swept / "one").row(1, named=True)
    with xr.open_dataset(swept / "alone" / "result.nc", engine="h5netcdf") as data:
        assert row["hash"] == data.attrs["configuration_sha256"]
    measured = export.measure(result)
    for part, values in measured.items():
        for name, value in values.items():
            assert row[f"{part}.{name}"] == value
    assert row["success"] is True and row["message"] == "" and row["seed"] == 0 and row["qp_failures"] == 0
    assert row["subject.right.foot_pronation_deg"] == row["dial.right.foot_pronation_deg"] == 3
    assert row["task.depth_deg"] == 25 and row["controller.strategy"] == "habitual" and row["version.numpy"]
    assert row["change.right.fppa_peak_deg"] > 0.1
    assert table(swept / "one")["hash"][1] == table(swept / "one")["hash"][2]  # the same point twice: one simulation
    with xr.open_dataset(swept / "one" / "curves.nc", engine="h5netcdf") as data:
        assert data.sizes == {"simulation": 3, "side": 2, "percent": 101}
        assert list(data) == [
            "knee_flexion_deg", "fppa_deg", "hip_adduction_deg", "hip_rotation_deg", "pelvic_obliquity_deg", "grf_bw",
        ]  # fmt: skip
        alone = export.curves(result)
        for leg, side in enumerate(SIDES):
            np.testing.assert_allclose(data["fppa_deg"][1, leg], alone["fppa_deg"][side], atol=1e-4)
        assert data["fppa_deg"].attrs["units"] == "degree" and data["grf_bw"].attrs["units"] == "body weight"
        assert float(data["knee_flexion_deg"].max()) == pytest.approx(25, abs=2)
        total = data["pelvic_obliquity_deg"].sum("side")
        assert abs(total).max() < 1e-6 and np.isfinite(data["hip_rotation_deg"]).all()
        assert 0.9 < float(data["grf_bw"].sum("side").mean()) < 1.1


def test_workers_do_not_show_in_the_results(swept: Path) -> None:
    report = sweep.run(sweep.load(swept / "quick.toml"), swept / "two", workers=2)
    assert report.computed == 2
    assert (swept / "two" / "results.parquet").read_bytes() == (swept / "one" / "results.parquet").read_bytes()


def test_resuming_skips_what_is_finished_and_needs_the_curves(swept: Path) -> None:
    spec, out = sweep.load(swept / "quick.toml"), swept / "one"
    before = (out / "results.parquet").read_bytes()
    report = sweep.run(spec, out, workers=1, job=sweep_jobs.endless)
    assert (report.skipped, report.computed, report.complete) == (2, 0, True)
    assert (out / "results.parquet").read_bytes() == before
    bare = spec.model_copy(update={"curves": False})
    sweep.run(bare, swept / "bare", workers=1, job=sweep_jobs.quick)
    assert sweep.run(spec, swept / "bare", workers=1, job=sweep_jobs.quick).computed == 2


def test_a_cluster_gives_the_same_rows(swept: Path) -> None:
    import distributed

    spec = sweep.load(swept / "quick.toml")
    options = {"n_workers": 1, "threads_per_worker": 1, "processes": False, "dashboard_address": None}
    with distributed.LocalCluster(**options) as cluster:
        report = sweep.run(spec, swept / "dask", scheduler=cluster.scheduler_address)
    assert report.computed == 2 and report.failed == 0
    assert (swept / "dask" / "results.parquet").read_bytes() == (swept / "one" / "results.parquet").read_bytes()
    assert len(list((swept / "dask" / "curves").iterdir())) == 2


def test_a_cluster_that_goes_away_leaves_what_was_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import distributed

    options = {"n_workers": 1, "threads_per_worker": 1, "processes": False, "dashboard_address": None}
    with distributed.LocalCluster(**options) as cluster:

        def go_away(done: int, total: int, failed: int) -> None:
            if done == 2:
                monkeypatch.setattr(distributed.Client, "nthreads", refuse)

        def refuse(client: object) -> None:
            raise OSError("connection refused")

        with pytest.raises(RuntimeError, match="is gone"):
            sweep.run(
                masses(60, 61, 62, 63),
                tmp_path / "o",
                scheduler=cluster.scheduler_address,
                progress=go_away,
                job=sweep_jobs.quick,
            )
    assert table(tmp_path / "o")["success"].to_list() == [True, True]


def test_a_cluster_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(InputError, match=r"pip install 'simlab\[cluster\]'"):
        sweep.run(masses(60), tmp_path / "o", scheduler="tcp://localhost:1")


def test_ctrl_c_leaves_everything_that_was_finished(tmp_path: Path) -> None:
    """The command itself, interrupted in a group of its own as a terminal does: parent and workers get the signal."""
    (tmp_path / "s.toml").write_text(QUICK.replace("[0, 3, 3.0]", "{low = 0, high = 5, levels = 40}"))
    out, command = tmp_path / "o", [sys.executable, "-m", "simlab.cli", "sweep", str(tmp_path / "s.toml")]
    environment = os.environ | {"PYTHONPATH": str(Path(export.__file__).parent.parent)}
    pipe = subprocess.PIPE
    options = {"env": environment, "stdout": pipe, "stderr": pipe, "text": True, "start_new_session": True}
    with subprocess.Popen([*command, "--out", str(out), "--workers", "2", "--json"], **options) as program:
        journal = out / "journal.jsonl"
        until(lambda: journal.exists() and journal.read_bytes().count(b"\n") >= 2, 90.0)
        os.killpg(program.pid, signal.SIGINT)
        printed, err = program.communicate(timeout=20)
    words = " ".join(err.split())
    assert program.returncode == 130, err
    report = json.loads(printed)
    done = len(lines(out))
    assert 2 <= done < 40 and report["complete"] is False and report["computed"] == done
    assert f"{done} of 40 simulations done" in words and "run the same command again" in words
    assert "Traceback" not in err and len(table(out)) == done
    again = sweep.run(sweep.load(tmp_path / "s.toml"), out, workers=1, job=sweep_jobs.quick)
    assert (again.skipped, again.computed) == (done, 40 - done)
    with xr.open_dataset(out / "curves.nc", engine="h5netcdf") as data:
        assert int(np.isfinite(data["fppa_deg"]).all(("side", "percent")).sum()) == done


# --- the command and the pictures -------------------------------------------------------------------------------------


def test_the_command_draws_and_says_what_it_did(simlab, swept: Path) -> None:  # noqa: F811
    code, out, err = simlab("sweep", swept / "quick.toml", "--out", swept / "one", "--plot", "--json")
    report = json.loads(out)
    assert code == 0 and out.count("\n") == 1
    assert list(report) == [
        "name", "complete", "points", "simulations", "skipped", "computed", "failed", "notes", "files",
    ]  # fmt: skip
    assert list(report["files"]) == ["journal.jsonl", "results.parquet", "curves.nc", "dose_response.png"]
    assert all(Path(path).is_file() for path in report["files"].values())
    assert any("interactions.png: not drawn" in note for note in report["notes"])
    assert "2 of 2 simulations done, 0 failed" in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nothing.toml",), ["nothing.toml"]),
        (("s.toml", "--workers", "2", "--scheduler", "tcp://x:1"), ["--workers", "--scheduler"]),
        (("s.toml", "--out", "/dev/null/x"), ["--out", "/dev/null/x"]),
    ],
)
def test_bad_usage_exits_2(simlab, tmp_path: Path, monkeypatch, arguments, words) -> None:  # noqa: F811
    monkeypatch.chdir(tmp_path)
    Path("s.toml").write_text(QUICK)
    code, out, err = simlab("sweep", *arguments)
    assert code == 2 and out == ""
    for word in words:
        assert word in err


DIALS = ("both.gluteus_medius_strength", "right.foot_pronation_deg", "mass_kg", "both.adductor_tightness",
         "left.external_rotator_strength", "height_m", "task.depth_deg")  # fmt: skip
SPAN = {"mass_kg": (50.0, 80.0), "height_m": (1.5, 1.9), "task.depth_deg": (40.0, 70.0)}


@pytest.mark.parametrize(("design", "number"), [("grid", 3), ("sobol", 2), ("population", 7), ("grid", 1)])
def test_the_pictures_show_something(tmp_path: Path, design: str, number: int) -> None:
    from matplotlib.image import imread

    levels = {"levels": 3} if design == "grid" else {}
    dials = {key: dict(zip(("low", "high"), SPAN.get(key, (0.2, 1.0)), strict=True)) | levels for key in DIALS[:number]}
    if design == "grid" and number == 3:
        dials["sex"] = ["female", "male"]
    samples = {} if design == "grid" else {"samples": 32}
    spec = parse(design=design, dials=dials, **samples, changes=number != 2)
    sweep.run(spec, tmp_path / "o", workers=1, job=sweep_jobs.quick)
    files, notes = dose.plot(tmp_path / "o", design)
    assert set(files) == ({"dose_response.png", "interactions.png"} if number > 1 else {"dose_response.png"})
    assert len(notes) == {1: 1, 7: 2}.get(number, 0)
    for path in files.values():
        picture = imread(path)[..., :3]
        assert min(picture.shape[:2]) > 300
        assert len(np.unique((255 * picture).astype(int) @ [1, 256, 65536])) > 50
        assert 0.02 < (picture.min(axis=2) < 0.9).mean() < 0.9  # drawn, and not all over


def test_nothing_to_draw_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"results\.parquet"):
        dose.plot(tmp_path, "grid")
    sweep.run(masses(61, 61), tmp_path / "o", workers=1, job=sweep_jobs.faulty)
    with pytest.raises(InputError, match="at least 2 successful"):
        dose.plot(tmp_path / "o", "grid")


def test_a_line_of_the_middle_does_not_bend_at_the_ends() -> None:
    x = np.sort(np.random.default_rng(0).uniform(0, 1, 200))
    at, low, middle, high = dose._smooth(x, 3 * x + 0.1 * np.sin(200 * x))
    np.testing.assert_allclose(middle, 3 * at, atol=0.06)
    assert (low < middle).all() and (middle < high).all()


def test_threads_other_than_the_main_one_may_sweep(tmp_path: Path) -> None:
    found: list[sweep.Report] = []

    def work() -> None:
        found.append(sweep.run(masses(60), tmp_path / "o", workers=1, job=sweep_jobs.quick))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(60)
    assert found[0].complete
