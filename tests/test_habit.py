"""What is kept on disk comes back to the bit, or not at all."""

import dataclasses
import os
from pathlib import Path

import numpy as np
import pytest

from simlab import habit, simulate, tasks
from simlab.model import build
from simlab.subject import Subject

KEY = ["somebody", "squat", 0.001]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SIMLAB_CACHE", str(tmp_path / "habits"))
    return tmp_path / "habits"


def test_arrays_and_settings_come_back(cache: Path, rng: np.random.Generator) -> None:
    arrays = {"plan.time": rng.normal(size=7), "drive": rng.normal(size=(3, 2, 4))}
    habit.keep(KEY, arrays, {"plan.feet": [0, 1], "run.message": ""})
    found, settings = habit.recall(KEY)
    assert settings == {"plan.feet": [0, 1], "run.message": ""}
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
        assert not found[name].flags.writeable
    assert habit.recall(["somebody else"]) is None
    assert [file.suffix for file in cache.iterdir()] == [".npz"], "a draft was left behind"


def test_another_installation_has_other_habits(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    habit.keep(KEY, {"drive": np.zeros(1)}, {})
    monkeypatch.setattr(habit, "_installation", lambda: ["one file is newer"])
    assert habit.recall(KEY) is None


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 but no archive", None])
def test_a_damaged_file_is_as_good_as_none(cache: Path, damage: bytes | None) -> None:
    habit.keep(KEY, {"drive": np.zeros(1000)}, {})
    (file,) = cache.iterdir()
    file.write_bytes(file.read_bytes()[:-200] if damage is None else damage)
    assert habit.recall(KEY) is None


def test_nothing_is_kept_where_nothing_can_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    for place in ("", str(tmp_path / "file")):
        monkeypatch.setenv("SIMLAB_CACHE", place)
        habit.keep(KEY, {"drive": np.zeros(1)}, {})
        assert habit.recall(KEY) is None
    assert habit.folder() is not None
    monkeypatch.delenv("SIMLAB_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert habit.folder() == tmp_path / "simlab"


def test_the_oldest_go(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(habit, "MOST", 3)
    for k in range(5):
        habit.keep([k], {"drive": np.full(1, k)}, {})
        newest = max(cache.iterdir(), key=lambda file: file.stat().st_mtime_ns)
        os.utime(newest, (k, k))
    assert [habit.recall([k]) is not None for k in range(5)] == [False, False, True, True, True]


def test_a_recalled_twin_is_the_one_that_learned(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plan, drive and run; and a simulation that starts from them is the same to the bit."""
    monkeypatch.setattr(simulate, "_learned", {})
    model, task = build(Subject()), tasks.load("squat", depth_deg=30, descent_s=0.6, ascent_s=0.6)
    fresh = simulate.simulate(model, task)
    (learned,) = simulate._learned.values()
    simulate._learned.clear()
    monkeypatch.setattr(simulate, "_study", lambda *asked: pytest.fail("learned again"))
    again = simulate.simulate(model, task)
    (recalled,) = simulate._learned.values()
    for before, after in zip((learned[0], learned[2], fresh.run), (recalled[0], recalled[2], again.run), strict=True):
        for field in dataclasses.fields(before):
            np.testing.assert_equal(getattr(after, field.name), getattr(before, field.name))
    np.testing.assert_array_equal(learned[1], recalled[1])


def test_a_process_does_not_remember_everybody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulate, "_learned", {})
    monkeypatch.setattr(simulate, "_study", lambda *asked: (None, None, dataclasses.replace(EMPTY)))
    for mass in range(50, 50 + 2 * simulate.REMEMBERED):
        simulate._learn(build(Subject(mass_kg=mass)), tasks.load("squat"), 1e-3, lambda stage, share: None)
    assert len(simulate._learned) == simulate.REMEMBERED


NOTHING = np.zeros(0)
EMPTY = simulate.Run(
    time=NOTHING, q=NOTHING, v=NOTHING, activation=NOTHING, force=NOTHING, drive=NOTHING, lumbar=NOTHING,
    ground=NOTHING, failures=0, message="not kept",
)  # fmt: skip
