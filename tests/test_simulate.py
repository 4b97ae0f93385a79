"""What a simulated squat must show: the task is done, each dial does what it says, and nothing else does."""

import numpy as np
import pytest
from simulations import MIXTURE, measured, run, settings

from simlab import export, tasks
from simlab import simulate as learning
from simlab.control import Controller
from simlab.model import build
from simlab.simulate import simulate
from simlab.subject import Subject, change

SIDES = ("right", "left")


def fppa(*arguments, **keywords) -> np.ndarray:
    """Right and left projection angle at peak flexion [deg]."""
    found = measured(*arguments, **keywords)
    return np.array([found[side]["fppa_peak_deg"] for side in SIDES])


@pytest.mark.parametrize("depth", [75.0, 90.0])
def test_healthy_squat_reaches_its_depth_and_stands_again(depth: float) -> None:
    result, found = run(asked=(("depth_deg", depth),)), measured(asked=(("depth_deg", depth),))
    assert result.success and result.run.failures == 0
    reached = [found[side]["knee_flexion_peak_deg"] for side in SIDES]
    assert reached == pytest.approx([depth, depth], abs=2)
    for name in ("knee_flexion_peak_deg", "fppa_peak_deg", "hip_adduction_at_peak_flexion_deg"):
        assert found["right"][name] == pytest.approx(found["left"][name], abs=1)
    assert 1.1 < found["both"]["grf_peak_bw"] < 1.35
    assert result.run.q[-1, 1] == pytest.approx(result.run.q[0, 1], abs=0.01)


def test_ground_carries_the_body() -> None:
    """Over a squat that begins and ends at rest the mean vertical force is the body weight."""
    result = run()
    assert result.run.ground[:, :, 1].sum(axis=1).mean() == pytest.approx(result.model.weight, rel=0.01)


def test_tight_adductors_pull_the_knees_in_dose_by_dose() -> None:
    doses = [fppa(settings("both", f"adductor_tightness={t}")) for t in (0, 0.2, 0.4, 0.6)]
    assert (np.diff(doses, axis=0) > 0).all()
    assert (doses[3] - doses[0] > 0.5).all()


def test_pronated_feet_roll_the_knees_in_dose_by_dose() -> None:
    doses = [fppa(settings("both", f"foot_pronation_deg={t}")) for t in (0, 2, 4)]
    assert (np.diff(doses, axis=0) > 0).all()
    assert (doses[2] - doses[0] > 2.5).all()
    evert = [measured(settings("both", f"foot_pronation_deg={t}"))["right"] for t in (0, 4)]
    name = "rearfoot_eversion_at_peak_flexion_deg"
    assert evert[1][name] > evert[0][name] + 2


def test_the_clinical_mixture_falls_in() -> None:
    healthy, mixture = measured(), measured(settings("both", *MIXTURE))
    for side in SIDES:
        assert mixture[side]["fppa_peak_deg"] > healthy[side]["fppa_peak_deg"] + 5
        name = "medial_knee_displacement_mm"
        assert mixture[side][name] > healthy[side][name] + 10
    assert run(settings("both", *MIXTURE)).success


@pytest.mark.parametrize("depth", [75.0, 90.0])
def test_a_deficit_of_one_leg_stays_with_that_leg(depth: float) -> None:
    """The sound leg moves by less than a healthy person's knee differs between repetitions (SD 2.4 to 3.4 deg)."""
    asked = (("depth_deg", depth),)
    right, left = fppa(settings("right", *MIXTURE), asked=asked) - fppa(asked=asked)
    assert right > 4 and abs(left) < 0.2 * right
    assert right > 4 * abs(left)


def test_equal_legs_move_equally() -> None:
    for dials in (("adductor_tightness=0.6",), MIXTURE):
        right, left = fppa(settings("both", *dials))
        assert right == pytest.approx(left, abs=0.2)


def test_a_steady_push_sideways_moves_the_standing_body_as_the_law_of_balance_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Closed form: displacement = force / (mass * stiffness). The push is gravity tilted a little."""
    from simlab.tasks._plan import BALANCE
    from simlab.world import World

    push, model = 0.15, build(Subject())
    task = tasks.load("squat", depth_deg=20, stand_before_s=4.0, descent_s=0.4, ascent_s=0.4)
    standing = simulate(model, task)
    enter = World.__enter__

    def tilted(world: World) -> World:
        world._p.setGravity(0.0, -9.80665, push)
        return enter(world)

    monkeypatch.setattr(World, "__enter__", tilted)
    pushed = simulate(model, task)
    tick = int(np.searchsorted(standing.run.time, 3.9))
    moved = model.centre_of_mass(pushed.run.q[tick]) - model.centre_of_mass(standing.run.q[tick])
    assert moved[2] == pytest.approx(push / BALANCE[0], rel=0.15)
    assert np.abs(moved[:2]).max() < 0.1 * moved[2]


def test_weak_gluteus_medius_alone_hardly_moves_a_double_leg_squat() -> None:
    """The negative control: nerve blocks and fatigue studies find no collapse either (Kendall 2013, Pohl 2015)."""
    doses = np.array([fppa(settings("both", f"gluteus_medius_strength={s}")) for s in (1, 0.8, 0.6, 0.4)])
    assert np.abs(doses - doses[0]).max() < 3
    assert np.abs(np.diff(doses, 2, axis=0)).max() < 1  # smooth


def single_leg(strength: float) -> dict:
    return measured(settings("right", f"gluteus_medius_strength={strength}"), task="single_leg_squat")


def test_weak_gluteus_medius_drops_the_pelvis_on_one_leg() -> None:
    drops = [single_leg(s)["both"]["pelvic_drop_deg"] for s in (1, 0.8, 0.6, 0.4)]
    assert (np.diff(drops) > 0).all()
    assert 0.3 < drops[2] - drops[0] < 4
    for strength in (1, 0.8, 0.6, 0.4):
        assert run(settings("right", f"gluteus_medius_strength={strength}"), task="single_leg_squat").success
    assert single_leg(1)["right"]["knee_flexion_peak_deg"] == pytest.approx(50, abs=2)


def test_parts_of_the_gluteus_medius_can_be_set_apart() -> None:
    """Weakening every part is weakening the whole; sparing one part lies between."""
    parts = [f"gluteus_medius_{part}_strength=0.5" for part in ("anterior", "middle", "posterior")]
    whole = build(change(Subject(), ["right.gluteus_medius_strength=0.5"]))
    apart = build(change(Subject(), [f"right.{p}" for p in parts] + ["right.gluteus_minimus_strength=0.5"]))
    np.testing.assert_array_equal(whole.muscles.F0, apart.muscles.F0)


def test_a_mirrored_subject_gives_the_mirrored_result() -> None:
    right, left = (run(settings(side, *MIXTURE)) for side in SIDES)
    name = "fppa_peak_deg"
    ours, theirs = measured(settings("right", *MIXTURE)), measured(settings("left", *MIXTURE))
    assert ours["right"][name] == pytest.approx(theirs["left"][name], abs=0.2)
    assert ours["left"][name] == pytest.approx(theirs["right"][name], abs=0.2)
    assert right.success and left.success
    settled = slice(0, 100)  # before contact and solver tolerance have had time to part them
    np.testing.assert_allclose(right.run.q[settled, 10:19], left.run.q[settled, 19:28], atol=np.radians(0.3))


@pytest.mark.parametrize("dials", [(), MIXTURE], ids=["healthy", "mixture"])
def test_half_the_time_step_gives_the_same_knee(dials: tuple[str, ...]) -> None:
    changes = settings("both", *dials)
    assert fppa(changes, dt=5e-4) == pytest.approx(fppa(changes), abs=0.5)


def test_the_cue_corrects_and_a_compensating_mind_corrects_too() -> None:
    mixture = settings("both", *MIXTURE)
    cued, left_alone = fppa(mixture, cue=1.0), fppa(mixture)
    compensated = fppa(mixture, strategy="compensating")
    assert (cued < left_alone - 2).all()
    assert (compensated < left_alone - 2).all()
    assert fppa(cue=1.0) == pytest.approx(fppa(), abs=1)  # nothing to correct in the healthy


def test_same_input_same_bytes() -> None:
    changes = settings("right", "adductor_tightness=0.5")
    task = tasks.load("squat", depth_deg=40, descent_s=0.6, ascent_s=0.6, stand_after_s=0.2)
    first = simulate(build(change(Subject(), list(changes))), task, seed=3)
    learning._learned.clear()  # the twin must learn the same again
    second = simulate(build(change(Subject(), list(changes))), task, seed=3)
    for name in ("q", "v", "activation", "force", "ground"):
        np.testing.assert_array_equal(getattr(first.run, name), getattr(second.run, name))
    assert export.report(first) == export.report(second)


def test_a_barbell_is_carried() -> None:
    asked = (("barbell_kg", 20.0), ("depth_deg", 60.0))
    light, loaded = run(asked=asked[1:]), run(asked=asked)
    assert loaded.success
    weight = loaded.run.ground[:, :, 1].sum(axis=1).mean() - light.run.ground[:, :, 1].sum(axis=1).mean()
    assert weight == pytest.approx(20 * 9.80665, rel=0.02)


def test_repetitions_are_repeated() -> None:
    from simlab import metrics
    from simlab.model import landmarks

    result = run(asked=(("repetitions", 2.0), ("depth_deg", 60.0)))
    found = metrics.repetitions(landmarks(result.model, result.run.time, result.run.q))
    assert result.success and len(found) == 2


def test_a_man_squats_too() -> None:
    result = run(("sex=male", "mass_kg=78", "height_m=1.80"))
    assert result.success and result.run.failures == 0


def test_a_squat_that_is_too_much_fails_with_its_reason_and_what_there_is() -> None:
    weak = [f"{name}_strength=0.1" for name in ("gluteus_medius", "gluteus_maximus", "external_rotator")]
    result = run(settings("both", *weak, "adductor_tightness=1"), asked=(("depth_deg", 110.0),))
    assert not result.success and result.run.message
    assert len(result.run.time) > 50 and np.isfinite(result.run.q).all()
    report = export.report(result)
    assert report["success"] is False and report["message"] == result.run.message


def test_unknown_strategy_is_refused() -> None:
    with pytest.raises(ValueError, match="habitual"):
        Controller(strategy="scripted")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="0 to 1"):
        Controller(cue=2.0)


def test_a_state_that_is_not_a_number_ends_the_run_with_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    from simlab import simulate as loop
    from simlab.plant import Plant, plant
    from simlab.world import State

    calls = []

    class Broken:
        def __init__(self, body: Plant) -> None:
            self._body, self.advance, self.failures = body, body.advance, 0

        def state(self) -> State:
            calls.append(1)
            found = self._body.state()
            return found if len(calls) < 600 else State(found.q * np.nan, found.v)

    monkeypatch.setattr(loop, "plant", lambda *asked: Broken(plant(*asked)))
    task = tasks.load("squat", depth_deg=35, descent_s=2.0, ascent_s=2.0)
    result = simulate(build(Subject()), task)
    assert not result.success and "not a number" in result.run.message
    assert np.isfinite(result.run.q).all()
    last = result.run.time[-1]
    assert f"{last + 0.01:.2f} s" in result.run.message
