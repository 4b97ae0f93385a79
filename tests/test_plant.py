"""The compiled path against the Python one: the same bits, tick for tick and over whole squats."""

import dataclasses

import numpy as np
import pytest
from simulations import MIXTURE, settings

from simlab import plant as plants
from simlab import simulate, tasks
from simlab.kernels import stepper
from simlab.model import Model, build, state
from simlab.motion import Array
from simlab.plant import plant
from simlab.subject import Subject, change
from simlab.world import World


@pytest.fixture(scope="module")
def weak() -> Model:
    """Unlike legs: whatever is mixed up between them shows."""
    return build(change(Subject(), [*settings("right", *MIXTURE), "left.adductor_tightness=0.2"]))


def standing(model: Model) -> Array:
    q = state(model, tasks.load("squat").plan(build(model.subject.healthy())).values[0])
    q[1] += 0.002
    return q


def test_ticks_are_equal_to_the_bit(weak: Model, rng: np.random.Generator) -> None:
    q, v = standing(weak), 0.3 * rng.normal(size=27)
    found = []
    for path in ("compiled", "python"):
        with World(weak) as world:
            world.reset(q, v)
            body, activation = plant(world, path), np.full((2, 42), 0.05)
            said = []
            for tick in range(12):
                excitation = np.random.default_rng(tick).uniform(0.01, 1, (2, 42))
                ground = body.advance(10, activation, excitation, np.array([20.0, -3.0, 5.0]))
                said.append((body.state().q, body.state().v, activation.copy(), ground))
            found.append(said)
    for compiled, reference in zip(*found, strict=True):
        for a, b in zip(compiled, reference, strict=True):
            np.testing.assert_array_equal(a, b)
    assert found[0][-1][3].any(), "the feet never touched the ground"


@pytest.mark.parametrize("changes", [[], [*settings("both", *MIXTURE)]], ids=["healthy", "mixture"])
def test_whole_squats_are_equal_to_the_bit(changes: list[str]) -> None:
    model = build(change(Subject(), changes))
    plan, drive, _ = simulate._learn(build(Subject()), tasks.load("squat"), 1e-3, lambda stage, share: None)
    runs = [
        simulate.loop(model, plan, plan.weights, drive, 1e-3, lambda share: None, path)
        for path in ("compiled", "python")
    ]
    for field in dataclasses.fields(simulate.Run):
        compiled, reference = (getattr(run, field.name) for run in runs)
        assert np.array_equal(compiled, reference), field.name
    assert runs[0].message == "" and len(runs[0].time) == len(plan.time)


def test_two_worlds_do_not_share_a_client(weak: Model) -> None:
    """The plugin hands over the newest connection; a stepper must stay with its own."""
    q = standing(weak)
    excitation, lumbar = np.full((2, 42), 0.2), np.zeros(3)
    with World(weak) as world:
        world.reset(q)
        plant(world).advance(20, np.full((2, 42), 0.2), excitation, lumbar)
        alone = world.state().q
    with World(weak) as first, World(weak) as second:
        first.reset(q)
        body = plant(first)
        second.reset(q)
        other = plant(second)
        body.advance(20, np.full((2, 42), 0.2), excitation, lumbar)
        np.testing.assert_array_equal(first.state().q, alone)
        np.testing.assert_array_equal(second.state().q, other.state().q)
        assert not np.array_equal(second.state().q, alone)


def test_without_the_interface_python_steps_and_says_so_once(weak: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stepper, "link", lambda library: ["b3Missing"])
    plants._notice.cache_clear()
    with World(weak) as world:
        with pytest.warns(RuntimeWarning, match=r"steps in Python, several times slower: .*b3Missing") as said:
            assert isinstance(plant(world), plants.Python)
            plant(world)
        assert len(said) == 1
        with pytest.raises(RuntimeError, match="b3Missing"):
            plant(world, "compiled")
