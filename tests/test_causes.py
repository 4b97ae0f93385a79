"""Every cause and remedy: neutral changes nothing, more of it changes something, and the sides are mirror images."""

from __future__ import annotations

from dataclasses import fields
from functools import cache

import numpy as np
import pytest

from simlab import tasks
from simlab.errors import InputError
from simlab.kernels import passive
from simlab.metrics import fppa
from simlab.model import Model, build, landmarks, state
from simlab.motion import COORDINATES, LEG_COORDINATES
from simlab.muscles import Muscles
from simlab.simulate import Result, simulate
from simlab.subject import BONES, Insole, Leg, Muscle, Subject, Supports, change

QUICK = {"depth_deg": 50.0, "descent_s": 0.6, "ascent_s": 0.6, "stand_before_s": 0.3, "stand_after_s": 0.2}

LEG = {
    "gluteus_medius_strength": 0.6,
    "gluteus_minimus_strength": 0.6,
    "gluteus_medius_anterior_strength": 0.6,
    "gluteus_medius_middle_strength": 0.6,
    "gluteus_medius_posterior_strength": 0.6,
    "gluteus_maximus_strength": 0.6,
    "hip_abductor_strength": 0.6,
    "external_rotator_strength": 0.6,
    "quadriceps_strength": 0.6,
    "adductor_tightness": 0.4,
    "hip_flexor_tightness": 0.4,
    "calf_tightness": 0.2,
    "foot_pronation_deg": 4.0,
    "arch_stiffness": 0.3,
    "genu_valgum_deg": 4.0,
    "femoral_anteversion_deg": 8.0,
    "tibial_torsion_deg": 8.0,
    "ligament_laxity": 0.8,
    "muscles.glmed1.strength": 0.6,
    "muscles.addlong.passive_stiffness": 3.0,
    "muscles.soleus.tendon_slack": 0.97,
}
INSOLE = {
    "medial_post_deg": 5.0,
    "heel_post_deg": 5.0,
    "arch_support_mm": 3.0,
    "heel_lift_mm": 8.0,
    "forefoot_lift_mm": 8.0,
}
BOTH = {"band_above_knees_n": 25.0, "band_rest_length_m": 0.05, "knee_over_second_toe": 0.7}
DIALS = (
    [f"SIDE.{name}={value}" for name, value in LEG.items()]
    + [f"supports.SIDE.{name}={value}" for name, value in INSOLE.items()]
    + [f"supports.{name}={value}" for name, value in BOTH.items()]
)


def test_no_dial_is_left_out() -> None:
    assert {name.split(".")[0] for name in LEG} == set(Leg.model_fields)
    assert {name.rpartition(".")[2] for name in LEG if "muscles" in name} == set(Muscle.model_fields)
    assert set(INSOLE) == set(Insole.model_fields)
    assert set(BOTH) | {"right", "left", "band_stiffness_n_per_m"} == set(Supports.model_fields)


def one_sided(dial: str) -> bool:
    return "SIDE" in dial


@cache
def squat(*dials: str) -> Result:
    return simulate(build(change(Subject(), list(dials))), tasks.load("squat", **QUICK))


def data(model: Model) -> dict[str, bytes]:
    """Everything a simulation hears of a model."""
    out = {}
    for part in ("skeleton", "muscles", "spheres", "band"):
        for field in fields(type(getattr(model, part))):
            value = getattr(getattr(model, part), field.name)
            out[f"{part}.{field.name}"] = value.tobytes() if isinstance(value, np.ndarray) else repr(value).encode()
    return out | {"passive": model.passive.tobytes(), "turned": model.turned.tobytes()}


@pytest.mark.parametrize("dial", [dial for dial in DIALS if "rest_length" not in dial])  # whose neutral is none at all
def test_a_dial_turned_back_changes_nothing_to_the_bit(dial: str) -> None:
    key, value = dial.replace("SIDE", "both").split("=")
    default = Subject().model_dump()
    for part in key.replace("both", "right").split("."):
        default = default.get(part, 1.0 if part in Muscle.model_fields else {})
    if default is None:  # a part of a muscle that follows the whole
        default = 1.0
    there = change(Subject(), [f"{key}={value}"])
    back = build(change(there, [f"{key}={default}"]))
    assert data(back) == data(build(Subject()))


def test_a_whole_squat_with_every_dial_written_out_at_neutral_has_the_same_bytes() -> None:
    told = [f"both.muscles.{name}.strength=1" for name in ("glmed1", "soleus")]
    told += [f"both.{name}={getattr(Leg(), name)}" for name in LEG if isinstance(getattr(Leg(), name, None), float)]
    told += [f"supports.both.{name}=0" for name in INSOLE] + ["supports.band_above_knees_n=0"]
    for name in ("q", "v", "activation", "force", "ground"):
        assert getattr(squat(*told).run, name).tobytes() == getattr(squat().run, name).tobytes()


@pytest.mark.parametrize("dial", DIALS)
def test_every_dial_moves_the_body(dial: str) -> None:
    found, healthy = squat(dial.replace("SIDE", "right")), squat()
    assert found.success
    apart = np.abs(found.run.q - healthy.run.q)[:, 7:].max()
    assert apart > np.radians(0.02), f"{np.degrees(apart)} deg"


@pytest.mark.parametrize("dial", [dial for dial in DIALS if one_sided(dial)])
def test_the_sides_are_mirror_images(dial: str) -> None:
    right, left = (squat(dial.replace("SIDE", side)) for side in ("right", "left"))
    swapped = np.concatenate([left.run.q[:, :10], left.run.q[:, 19:], left.run.q[:, 10:19]], axis=1)
    swapped[:, 2] *= -1.0
    swapped[:, 3:5] *= -1.0
    swapped[:, 8:10] *= -1.0
    np.testing.assert_allclose(right.run.q, swapped, atol=1e-6)


# --- strength as it is measured ------------------------------------------------------------------------------------


def dynamometer(pose: dict[str, float], coordinate: str, *dials: str) -> float:
    """Torque of all muscles of the right leg that can push the coordinate's way, at full activation [Nm]; the way is
    that of a negative angle."""
    model = build(change(Subject(), [f"right.{dial}" for dial in dials]))
    muscles, at_rest = Muscles(model), np.zeros(27)
    muscles.update(still(model, **{name: np.radians(angle) for name, angle in pose.items()}), at_rest)
    arm = muscles.arm[0, :, LEG_COORDINATES.index(coordinate)]
    return float((arm * muscles.active[0])[arm < 0].sum())


@pytest.mark.parametrize("hip", [0.0, 30.0, 60.0, 90.0])
def test_weak_external_rotators_lose_more_of_a_seated_test_than_the_deep_muscles_alone(hip: float) -> None:
    """Patients have 0.64 of the torque (Ireland 2003). Deep muscles at 0.64 lose too little of it in every posture, and
    with the gluteus maximus, which is one of the rotators (Neumann 2010), still no more than they did."""
    seated = {"hip_flexion_r": hip, "knee_angle_r": 90.0}
    deep = [f"muscles.{name}.strength=0.64" for name in ("piri", "obtint", "quadfem")]
    alone, dial = (
        dynamometer(seated, "hip_rotation", *dials) / dynamometer(seated, "hip_rotation")
        for dials in (deep, ["external_rotator_strength=0.64"])
    )
    assert 0.64 < dial < alone < 0.85


def test_weak_abductors_and_rotators_lose_what_patients_lose_of_a_side_lying_test() -> None:
    """0.74 of the torque of abduction (Ireland 2003)."""
    weak = "hip_abductor_strength=0.74", "external_rotator_strength=0.64"
    share = dynamometer({}, "hip_adduction", *weak) / dynamometer({}, "hip_adduction")
    assert share == pytest.approx(0.74, abs=0.04)


# --- bones -----------------------------------------------------------------------------------------------------------


def still(model: Model, **angles: float) -> np.ndarray:
    coordinates = np.zeros(len(COORDINATES))
    for name, value in angles.items():
        coordinates[COORDINATES.index(name)] = value
    return state(model, coordinates)


@pytest.mark.parametrize("angle", [-12.0, 6.0, 15.0])
def test_genu_valgum_is_the_angle_between_the_bones(angle: float) -> None:
    model, straight = build(change(Subject(), [f"right.genu_valgum_deg={angle}"])), build(Subject())
    shown = [np.degrees(fppa(landmarks(m, np.zeros(1), still(m)[None])))[0] for m in (model, straight)]
    assert shown[0] - shown[1] == pytest.approx([angle, 0.0], abs=0.15)  # the adduction axis is 7 deg off sagittal
    # and the sole stays level
    heights = [model.frames(still(model))[0][model.link("calcn_r")] for model in (model, straight)]
    np.testing.assert_allclose(*heights, atol=1e-12)


def test_to_the_muscles_of_the_knee_a_genu_valgum_is_an_abducted_knee() -> None:
    bent, straight = build(change(Subject(), ["right.genu_valgum_deg=5"])), build(Subject())
    pose = {"hip_flexion_r": 0.6, "knee_angle_r": 0.8, "knee_rotation_r": 0.1}
    found, expected = Muscles(bent), Muscles(straight)
    found.update(still(bent, **pose), np.zeros(27))
    expected.update(still(straight, **pose, knee_adduction_r=-np.radians(5)), np.zeros(27))
    np.testing.assert_allclose(found.length, expected.length, atol=1e-12)
    np.testing.assert_allclose(found.arm, expected.arm, atol=1e-12)
    ankle = [m.frames(still(m, **p))[1][m.link("talus_r")] for m, p in (
        (bent, pose), (straight, pose | {"knee_adduction_r": -np.radians(5)})
    )]  # fmt: skip
    np.testing.assert_allclose(*ankle, atol=1e-12)


@pytest.mark.parametrize(
    ("dial", "coordinate", "sign"),
    [("femoral_anteversion_deg", "hip_rotation", 1.0), ("tibial_torsion_deg", "knee_rotation", -1.0)],
)
def test_a_twisted_bone_is_a_rotated_joint_to_what_hangs_on_it(dial: str, coordinate: str, sign: float) -> None:
    twisted, straight = build(change(Subject(), [f"both.{dial}=10"])), build(Subject())
    for side in "rl":
        turned = {f"{coordinate}_{side}": sign * np.radians(10)}
        there = [m.frames(still(m, **p)) for m, p in ((twisted, {}), (straight, turned))]
        link = twisted.link(f"calcn_{side}")
        content = [R[link] @ m.turned[link] for m, (R, _) in zip((twisted, straight), there, strict=True)]
        np.testing.assert_allclose(*content, atol=1e-12)
        points = [m.points[f"toe_tip_{side}"][1] for m in (twisted, straight)]
        np.testing.assert_allclose(*(R[link] @ p for (R, _), p in zip(there, points, strict=True)), atol=1e-12)


def test_bones_are_no_surprise_to_the_twin_but_everything_else_is() -> None:
    subject = change(Subject(), [f"both.{name}={value}" for name, value in LEG.items()])
    twin = subject.twin()
    assert twin.right == Leg(**{name: LEG[name] for name in BONES})
    assert subject.healthy().legs() == (Leg(), Leg())
    assert change(subject, ["supports.band_above_knees_n=20"]).twin().supports == Supports()


# --- the band --------------------------------------------------------------------------------------------------------


def test_the_band_pulls_as_its_energy_says(rng: np.random.Generator) -> None:
    model = build(change(Subject(), ["supports.band_above_knees_n=30", "supports.band_stiffness_n_per_m=400"]))
    band = model.band

    def stretch(q: np.ndarray) -> float:
        R, p = model.frames(q)
        right, left = (p[k] + R[k] @ x for k, x in zip(band.link, band.point, strict=True))
        return float(np.linalg.norm(left - right)) - band.rest

    taut = slack = 0
    for _ in range(60):
        q = still(model)
        q[7:] += rng.normal(size=21) * 0.3
        torque, slope = np.zeros(21), np.empty(21)
        passive.pull(q, model.skeleton.arguments(), band.arguments(), torque)
        for k in range(21):
            energies = []
            for step in (1e-6, -1e-6):
                moved = q.copy()
                moved[7 + k] += step
                energies.append(0.5 * band.stiffness * max(stretch(moved), 0.0) ** 2)
            slope[k] = (energies[0] - energies[1]) / 2e-6
        np.testing.assert_allclose(torque, -slope, atol=1e-6)
        taut, slack = taut + (stretch(q) > 0), slack + (stretch(q) <= 0)
    assert taut and slack


def test_the_band_pulls_as_hard_as_it_was_told_where_the_feet_are_under_the_hips() -> None:
    model = build(change(Subject(), ["supports.band_above_knees_n=30"]))
    R, p = model.frames(still(model))
    places = [p[k] + R[k] @ x for k, x in zip(model.band.link, model.band.point, strict=True)]
    pull = model.band.stiffness * (np.linalg.norm(places[0] - places[1]) - model.band.rest)
    assert pull == pytest.approx(30.0)


def test_a_band_that_cannot_be_is_refused() -> None:
    with pytest.raises(InputError, match=r"band_above_knees_n: expected less than \d+ N"):
        build(change(Subject(), ["supports.band_above_knees_n=100"]))


# --- tissue ----------------------------------------------------------------------------------------------------------


def test_a_lax_knee_gives_the_same_torque_at_an_angle_that_is_larger() -> None:
    lax, firm = build(change(Subject(), ["right.ligament_laxity=0.5"])), build(Subject())
    for name in ("knee_adduction", "knee_rotation"):
        j = LEG_COORDINATES.index(name)
        for angle in (0.02, 0.1):
            q, out = np.zeros(9), [np.empty(9), np.empty(9)]
            q[j] = 1.5 * angle
            passive.torque(q, np.zeros(9), lax.passive[0], out[0])
            q[j] = angle
            passive.torque(q, np.zeros(9), firm.passive[0], out[1])
            assert out[0][j] == pytest.approx(out[1][j])
            assert abs(out[1][j]) > 0.1


def test_strengths_multiply_and_reach_the_muscles_they_name() -> None:
    dials = [
        "right.hip_abductor_strength=0.5",
        "right.gluteus_medius_strength=0.8",
        "right.muscles.glmed1.strength=0.5",
    ]
    share = build(change(Subject(), dials)).muscles.F0 / build(Subject()).muscles.F0
    names = build(Subject()).muscles.names
    expected = dict.fromkeys(names, 1.0) | {"tfl": 0.5, "glmed1": 0.2}
    expected |= {name: 0.4 for name in names if name.startswith(("glmed", "glmin")) and name != "glmed1"}
    assert dict(zip(names, share[0], strict=True)) == pytest.approx(expected)
    assert (share[1] == 1.0).all()
