"""On one leg: what weak abductors do to pelvis and hip, the lean that nobody scripts, and what must not happen."""

import re
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from simulations import MIXTURE, measured, run, settings

from simlab import export, metrics, tasks
from simlab import simulate as loop
from simlab.errors import InputError
from simlab.model import build, landmarks, motion, state
from simlab.simulate import Result, Run, simulate
from simlab.subject import Subject, change
from simlab.tasks._plan import Sole

DOSES = (1.0, 0.8, 0.6, 0.5, 0.4)
SIXTY = (("depth_deg", 60.0),)


def weak(strength: float, side: str = "right") -> tuple[str, ...]:
    return () if strength == 1 else (f"{side}.gluteus_medius_strength={strength}",)


def squat(strength: float = 1.0, asked: tuple = SIXTY, **keywords) -> dict:
    """What is measured of a single-leg squat with this gluteus medius, the standing leg and both in one."""
    side = dict(asked).get("side", "right")
    found = measured(weak(strength, side), "single_leg_squat", asked, **keywords)
    return found[side] | found["both"]


@cache
def changed(strength: float, **weights) -> Run:
    """A squat with other weights, on the habit of the healthy."""
    twin, model = build(Subject()), build(change(Subject(), list(weak(strength))))
    task = tasks.load("single_leg_squat", **dict(SIXTY))
    plan, drive, _ = loop._learn(twin, task, task.step, lambda stage, share: None)
    return loop.loop(model, plan, replace(plan.weights, **weights), drive, task.step, lambda share: None)


def curves(model, found: Run) -> dict[str, np.ndarray]:
    """Over time [deg]: lean to the right, pelvic drop to the left, right hip adduction and knee abduction."""
    points, angles = landmarks(model, found.time, found.q), motion(model, found.time, found.q)
    return {
        "lean": np.degrees(metrics.trunk_lean(points, angles)),
        "drop": np.degrees(metrics.pelvic_obliquity(points)),
        "adduction": np.degrees(angles.coordinate("hip_adduction_r")),
        "abduction": -np.degrees(angles.coordinate("knee_adduction_r")),
    }


def test_a_healthy_person_reaches_sixty_degrees_as_people_do() -> None:
    """Within half an SD of BMC Musculoskelet Disord 2015, 16:291 (women) and 4 deg of Herrington 2014."""
    result, found = run((), "single_leg_squat", SIXTY), squat()
    assert result.success and result.run.failures == 0
    assert found["knee_flexion_peak_deg"] == pytest.approx(60, abs=2)
    assert found["hip_adduction_at_peak_flexion_deg"] == pytest.approx(14.4, abs=9.8 / 2)
    assert found["fppa_peak_deg"] == pytest.approx(8.4, abs=4)
    assert found["pelvic_drop_deg"] < 2 and found["trunk_lean_deg"] < 1


@pytest.mark.parametrize("depth", [50.0, 60.0])
def test_the_weaker_the_gluteus_medius_the_more_the_pelvis_drops_and_the_hip_adducts(depth: float) -> None:
    asked = (("depth_deg", depth),)
    doses = [squat(s, asked) for s in DOSES]
    assert all(run(weak(s), "single_leg_squat", asked).success for s in DOSES)
    adduction, drop, lean = (
        np.array([dose[name] for dose in doses])
        for name in ("hip_adduction_at_peak_flexion_deg", "pelvic_drop_deg", "trunk_lean_deg")
    )
    for dose, patients in ((drop, 2.9), (adduction, 4.0), (lean, 2.6)):  # Nakagawa 2012: an upper bound
        assert (np.diff(dose) > 0).all() and 0.2 < dose[-1] - dose[0] < 1.5 * patients


def test_the_trunk_leans_where_the_abductors_hold_too_little_and_only_there() -> None:
    """Over the standing leg, the farther the dearer its exertion; not in the healthy, and not if nothing is paid."""
    twin = build(Subject())
    prices = 0.0, 0.3, 1.0
    lean = {(s, price): curves(twin, changed(s, exertion=price))["lean"].max() for s in (1.0, 0.6) for price in prices}
    assert all(lean[1.0, price] < 1 for price in prices) and lean[0.6, 0.0] < lean[1.0, 0.0]
    more = [lean[0.6, price] - lean[1.0, price] for price in prices[1:]]
    assert 0.3 < more[0] < 1.5 < more[1] < 1.5 * 2.6  # Nakagawa 2012


@pytest.mark.parametrize("dials", [weak(0.4), ("both.hip_abductor_strength=0.5",)])
def test_whoever_can_stand_stands_still_before_it_moves(dials: tuple[str, ...]) -> None:
    """No sway is left of how a weak hip found its balance: nothing that the first half second shows is a start."""
    found = run(dials, "single_leg_squat").run
    still = found.q[found.time < 0.5]
    assert np.degrees(np.ptp(still[:, 7:19], axis=0)).max() < 0.15  # bend of the trunk and the standing leg
    assert found.time[0] == 0.0 and not found.message


def test_who_cannot_even_stand_on_one_leg_is_told_so() -> None:
    dials = "right.hip_abductor_strength=0.1", "right.external_rotator_strength=0.1"
    found = run(dials, "single_leg_squat").run
    assert re.fullmatch(
        r"could not stand up: .*, standing for \d\.\d\d s, before it moved; saturated: right gl.*", found.message
    )
    assert found.time[0] == 0.0 and len(found.time) > 5 and (np.diff(found.time) > 0).all()
    assert export.measure(run(dials, "single_leg_squat"))["right"]["knee_flexion_peak_deg"] is not None


def test_a_pelvis_that_hangs_is_no_success_whatever_comes_after() -> None:
    found = run(settings("both", *MIXTURE), "single_leg_squat", (("depth_deg", 70.0),)).run
    assert re.search(
        r"^could not stand up: the pelvis listed by 3\d deg at 1\.\d\d s; saturated: right gl", found.message
    )


def test_leaning_spares_the_abductors() -> None:
    """Inverse statics, without the controller: gravity's moment about the standing hip of all that it carries is less
    with the trunk bent over that hip, and more with it bent away."""
    model = build(Subject())
    upright = tasks.load("single_leg_squat").plan(model).values[0]
    above = np.r_[0:4, 13:22]  # all but the right leg

    def moment(bend: float) -> float:
        values = upright.copy()
        values[7] += np.radians(bend)
        s, (rotation, origin) = model.skeleton, model.frames(state(model, values))
        centres = origin + np.einsum("kij,kj->ki", rotation, s.com)
        return float(9.80665 * (s.mass[above] @ (origin[model.link("femur_r")] - centres[above])[:, 2]))

    assert moment(5.0) < moment(0.0) - 5 < moment(-5.0) - 10


def test_negative_control_standing_on_one_leg_hardly_changes_with_half_the_abductors() -> None:
    """Superior gluteal nerve block, -52 %: no change of pelvic drop or hip adduction (Kendall 2013, Pohl 2015)."""
    twin = build(Subject())
    runs = [run(dials, "single_leg_stance").run for dials in ((), ("right.hip_abductor_strength=0.48",))]
    assert not any(found.message for found in runs)
    late = runs[0].time > runs[0].time[-1] - 2
    healthy, blocked = ({k: v[late].mean() for k, v in curves(twin, found).items()} for found in runs)
    assert abs(blocked["drop"] - healthy["drop"]) < 2
    assert abs(blocked["adduction"] - healthy["adduction"]) < 2
    assert blocked["lean"] > healthy["lean"] + 0.2
    still = [np.ptp([twin.centre_of_mass(q) for q in found.q[late]], axis=0).max() for found in runs]
    assert max(still) < 0.005


def test_right_and_left_are_mirror_images() -> None:
    right, left = (squat(0.6, (*SIXTY, ("side", side))) for side in ("right", "left"))
    for name in ("pelvic_drop_deg", "trunk_lean_deg", "hip_adduction_at_peak_flexion_deg", "fppa_peak_deg"):
        assert right[name] == pytest.approx(left[name], abs=0.3), name
    ours, theirs = (run(weak(0.6, s), "single_leg_squat", (*SIXTY, ("side", s))).run for s in ("right", "left"))
    np.testing.assert_allclose(ours.q[:60, 10:19], theirs.q[:60, 19:28], atol=np.radians(0.1))


def lowest_of_free_foot(result: Result, suffix: str = "_l") -> np.ndarray:
    """Height of the free foot over time [m]."""
    soles = [Sole(result.model, q).points for q in result.run.q[::20]]
    return np.array([min(p[1] for name, p in sole.items() if name.endswith(suffix)) for sole in soles])


@pytest.mark.parametrize("strength", [1.0, 0.4])
def test_the_free_leg_in_front_or_behind(strength: float) -> None:
    for where, sign in (("front", 1), ("behind", -1)):
        result = run(weak(strength), "single_leg_squat", (*SIXTY, ("free_leg", where)))
        assert result.success and result.run.failures == 0
        assert lowest_of_free_foot(result).min() > 0.01
        heels = [Sole(result.model, q) for q in result.run.q[::20]]
        ahead = [s.heel("_l")[0] - s.heel("_r")[0] for s in heels]
        assert sign * np.mean(ahead) > 0.2


@pytest.mark.parametrize("strength", [1.0, 0.6, 0.4])
def test_a_step_down_reaches_below_the_step_and_comes_back(strength: float) -> None:
    result, found = run(weak(strength), "step_down"), measured(weak(strength), "step_down")
    assert result.success and result.run.failures == 0
    assert found["right"]["knee_flexion_peak_deg"] == pytest.approx(60, abs=2)
    height = lowest_of_free_foot(result)
    assert -0.2 < height.min() < -0.12
    assert height[-1] == pytest.approx(height[0], abs=0.02)
    assert not result.run.ground[:, 1].any()  # there is no floor under it
    if strength < 1:
        healthy = measured((), "step_down")["both"]
        assert found["both"]["pelvic_drop_deg"] > healthy["pelvic_drop_deg"] + 0.5


def test_a_step_lower_than_the_reach_is_refused() -> None:
    with pytest.raises(InputError, match=r"step_m: .* reaches 0\.1\d m down; expected .* found 0.1"):
        tasks.load("step_down", step_m=0.1).plan(build(Subject()))


def test_a_pronated_foot_does_not_drop_the_pelvis() -> None:
    """Balance is over the foot as it stands, so a foot that lies a few millimetres beside its plan costs nothing."""
    feet = [(f"right.foot_pronation_deg={p}",) if p else () for p in (-4, -2, 0, 2, 4, 8)]
    found = [measured(dials, "single_leg_squat") for dials in feet]
    assert all(run(dials, "single_leg_squat").success for dials in feet)
    drop, fppa = (
        np.array([f[part][name] for f in found])
        for part, name in (("both", "pelvic_drop_deg"), ("right", "fppa_peak_deg"))
    )
    assert np.abs(drop - drop[2]).max() < 2
    assert (np.diff(fppa) > 0).all()


def test_half_the_time_step_and_half_the_control_period() -> None:
    """Changes against the healthy squat move by less than 0.5 and 1 deg."""
    task = tasks.load("single_leg_squat", **dict(SIXTY))
    names = ("pelvic_drop_deg", "trunk_lean_deg", "hip_adduction_at_peak_flexion_deg", "fppa_peak_deg")

    def effect(**keywords) -> np.ndarray:
        weaker, healthy = (
            export.measure(simulate(build(change(Subject(), list(weak(s)))), task, **keywords)) for s in (0.6, 1.0)
        )
        return np.array(
            [(weaker["right"] | weaker["both"])[n] - (healthy["right"] | healthy["both"])[n] for n in names]
        )

    usual, step, period = effect(), effect(dt=5e-4), effect(dt=5e-4, period=task.period / 2)
    assert np.abs(step - usual).max() < 0.5
    assert np.abs(period - step).max() < 1


def test_one_who_has_fallen_over_has_failed() -> None:
    result = run(weak(0.1), "step_down")
    assert not result.success and result.run.message.startswith("could not stand up")
