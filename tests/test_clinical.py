"""Clinical tests against closed forms, virtual work, published means and what must not matter."""

from __future__ import annotations

import math
from dataclasses import fields, replace

import numpy as np
import pytest

from simlab import anatomy, clinical
from simlab.errors import InputError
from simlab.model import GRAVITY, TIGHT_SHARE, Model, build
from simlab.motion import LEG_COORDINATES, Array, readonly
from simlab.muscles import Muscles
from simlab.subject import Subject, change, muscle_names

HIP, ABDUCTION, KNEE, ANKLE = (
    LEG_COORDINATES.index(name) for name in ("hip_flexion", "hip_adduction", "knee_angle", "ankle_angle")
)
DIALS = tuple(clinical.TESTS)
RANGES = tuple(field.name for field in fields(clinical.LegExamination))


def person(*settings: str) -> Model:
    return build(change(Subject(), list(settings)))


def bare(springs: dict[int, float]) -> Model:
    """A person without muscles, whose joints have linear springs [Nm/rad] and nothing else."""
    model = person()
    table = np.zeros((2, 9, 9))
    for coordinate, stiffness in springs.items():
        table[:, coordinate, 1] = stiffness
    nothing = readonly(np.zeros_like(model.muscles.F0), 2, None)
    return replace(model, muscles=replace(model.muscles, F0=nothing), passive=readonly(table, 2, 9, 9))


def state(angles: dict[int, float]) -> Array:
    q = np.zeros(28)
    q[6] = 1.0
    for coordinate, angle in angles.items():
        q[10 + coordinate] = angle
    return q


def potential(model: Model, q: Array, up: Array) -> float:
    """Of gravity [J]."""
    rotation, origin = model.frames(q)
    centres = origin + np.einsum("nij,nj->ni", rotation, model.skeleton.com)
    return float(GRAVITY * model.skeleton.mass @ (centres @ up))


def resistance(model: Model, angles: dict[int, float], coordinate: int, up: Array | None = None) -> float:
    """Torque on a coordinate of the right leg [Nm] by virtual work: fibre forces times the change of lengths, the
    tissue, and the change of the potential."""
    muscles, still, step = Muscles(model), np.zeros(27), 1e-5
    lengths, heights = [], []
    for sign in (1, -1):
        q = state(angles | {coordinate: angles[coordinate] + sign * step})
        muscles.update(q, still)
        lengths.append(muscles.length[0].copy())
        heights.append(0.0 if up is None else potential(model, q, up))
    muscles.update(state(angles), still)
    work = muscles.passive[0] @ (lengths[0] - lengths[1]) + heights[0] - heights[1]
    return float(muscles._tissue[0, coordinate] - work / (2 * step))


def supine(model: Model) -> Array:
    """Up in the frame of the pelvis that lies tilted back."""
    tilt = clinical._posterior_tilt(model)
    return np.array([math.cos(tilt), -math.sin(tilt), 0.0])


def hanging(model: Model) -> tuple[dict[int, float], clinical.LegExamination]:
    """The pose of the right leg in the Thomas test."""
    leg = clinical.examine(model).right
    hip = -math.radians(leg.thomas_hip_extension.degrees) - clinical._posterior_tilt(model)
    return {HIP: hip, KNEE: math.radians(leg.thomas_knee_flexion.degrees)}, leg


# --- physics ----------------------------------------------------------------------------------------------------------


def test_a_linear_spring_is_stretched_by_the_examiners_torque_over_its_stiffness():
    torque = clinical.END_FEEL * 62.0
    leg = clinical.examine(bare({ABDUCTION: 40.0, HIP: 60.0, ANKLE: 30.0})).left
    assert leg.hip_abduction.degrees == pytest.approx(math.degrees(torque / 40.0), abs=1e-6)
    assert leg.hip_extension.degrees == pytest.approx(math.degrees(torque / 60.0), abs=1e-6)
    for lunge in (leg.lunge_knee_bent, leg.lunge_knee_straight):
        assert lunge.degrees == pytest.approx(math.degrees(torque / 30.0), abs=1e-6)


def test_without_any_tissue_the_shank_hangs_plumb_and_the_thigh_sinks_to_the_end():
    model = bare({})
    pose, leg = hanging(model)
    assert leg.thomas_hip_extension.limit == ">=" and not leg.thomas_knee_flexion.limited
    rotation, origin = model.frames(state(pose))
    below = [model.link(name) for name in ("tibia_r", "talus_r", "calcn_r", "forefoot_r")]
    mass = model.skeleton.mass[below]
    centre = mass @ (origin[below] + np.einsum("nij,nj->ni", rotation[below], model.skeleton.com[below])) / mass.sum()
    knee = model.link("knee_1_r")
    axis = rotation[knee] @ model.skeleton.axis[knee]  # turning about it does not move it
    assert axis @ np.cross(centre - origin[knee], supine(model)) == pytest.approx(0.0, abs=1e-6)  # its arm [m]
    assert -1.0 < centre @ supine(model) - origin[knee] @ supine(model) < -0.2


def test_thomas_equilibrium_of_a_sprung_hip_and_knee_is_a_stationary_point_of_the_energy():
    stiffness = {HIP: 95.0, KNEE: 5.0}
    model = bare(stiffness)
    pose, leg = hanging(model)
    assert not leg.thomas_hip_extension.limited and leg.thomas_hip_extension.degrees > 0.0  # nobody presses it down
    for coordinate in (HIP, KNEE):
        energies = []
        for sign in (1, -1):
            moved = pose | {coordinate: pose[coordinate] + sign * 1e-5}
            spring = sum(0.5 * k * moved[c] ** 2 for c, k in stiffness.items())
            energies.append(potential(model, state(moved), supine(model)) + spring)
        assert (energies[0] - energies[1]) / 2e-5 == pytest.approx(0.0, abs=1e-4)


@pytest.mark.parametrize("settings", [(), ("both.hip_flexor_tightness=0.4",), ("both.hip_flexor_tightness=1",)])
def test_thomas_torques_balance(settings):
    model = person(*settings)
    pose, leg = hanging(model)
    assert resistance(model, pose, KNEE, supine(model)) == pytest.approx(0.0, abs=1e-4)
    hip = resistance(model, pose, HIP, supine(model))
    if leg.thomas_hip_extension.limited:
        assert hip < -1.0  # it would sink further
    else:
        assert hip == pytest.approx(0.0, abs=1e-4)


def test_the_tight_thigh_is_in_equilibrium_and_the_loose_one_is_at_the_end():
    assert clinical.examine(person()).right.thomas_hip_extension.limit == ">="
    assert not clinical.examine(person("both.hip_flexor_tightness=1")).right.thomas_hip_extension.limited


def test_each_test_ends_at_the_examiners_torque():
    model = person("both.adductor_tightness=0.7", "both.hip_flexor_tightness=0.7", "both.calf_tightness=0.3")
    leg, torque = clinical.examine(model).right, clinical.END_FEEL * 62.0
    for reading in (leg.hip_abduction, leg.hip_extension, leg.lunge_knee_bent, leg.lunge_knee_straight):
        assert not reading.limited
    abducted = {ABDUCTION: -math.radians(leg.hip_abduction.degrees)}
    assert resistance(model, abducted, ABDUCTION) == pytest.approx(torque, abs=1e-4)
    extended = {HIP: -math.radians(leg.hip_extension.degrees)}
    assert resistance(model, extended, HIP) == pytest.approx(torque, abs=1e-4)
    for reading, knee in ((leg.lunge_knee_bent, clinical.LUNGE_KNEE_DEG), (leg.lunge_knee_straight, 0.0)):
        pose = {ANKLE: math.radians(reading.degrees), KNEE: math.radians(knee)}
        assert resistance(model, pose, ANKLE) == pytest.approx(-torque, abs=1e-4)


# --- what must not matter ---------------------------------------------------------------------------------------------


def test_mirrored_legs_read_the_same_to_the_bit():
    dials = ("adductor_tightness=0.5", "hip_flexor_tightness=0.3", "calf_tightness=0.6", "femoral_anteversion_deg=10")
    right, left = (clinical.examine(person(*(f"{side}.{dial}" for dial in dials))) for side in ("right", "left"))
    assert right.right == left.left and right.left == left.right
    assert right.right != right.left


def test_nothing_depends_on_the_mass():
    """Forces, tissue and weight all grow with it."""
    light, heavy = (clinical.examine(person(f"mass_kg={mass}", *TIGHT)).right for mass in (50, 100))
    for name in RANGES:
        assert getattr(light, name).degrees == pytest.approx(getattr(heavy, name).degrees, abs=1e-4), name


TIGHT = tuple(f"both.{dial}=0.6" for dial in DIALS)


def test_a_patient_wears_no_band():
    assert clinical.examine(person("supports.band_above_knees_n=40")) == clinical.examine(person())


def test_a_neutral_dial_changes_nothing_to_the_bit():
    healthy, neutral = person(), person(*(f"both.{dial}=0" for dial in DIALS))
    assert np.array_equal(healthy.muscles.slack, np.ones_like(healthy.muscles.slack))
    for name in ("F0", "lopt", "lts", "slack", "gain"):
        assert getattr(healthy.muscles, name).tobytes() == getattr(neutral.muscles, name).tobytes()
    assert clinical.examine(healthy) == clinical.examine(neutral)


# --- what a dial means ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dial", DIALS)
def test_more_tightness_is_less_range(dial):
    readings = [reading for _, reading in clinical.calibration(dial)]
    degrees = [reading.degrees for reading in readings]
    known = [reading.degrees for reading in readings if not reading.limited]
    assert degrees == sorted(degrees, reverse=True)
    assert len(known) > 15 and np.all(np.diff(known) < 0)
    assert clinical.slope(dial) == pytest.approx(np.diff(known).mean() * clinical.STEPS)


@pytest.mark.parametrize("dial", DIALS)
def test_four_tenths_is_where_tight_begins(dial):
    reading = dict(clinical.calibration(dial))[0.4]
    assert reading.degrees == pytest.approx(clinical.TESTS[dial].tight, abs=0.5)
    healthy = dict(clinical.calibration(dial))[0.0]
    assert healthy.degrees >= clinical.TESTS[dial].normal


def test_the_shares_of_the_dials_reach_the_muscles():
    model = person("right.calf_tightness=0.5", "right.adductor_tightness=0.4", "left.hip_flexor_tightness=1")
    slack = dict(zip(anatomy.muscles().names, model.muscles.slack[0], strict=True))
    assert slack["soleus"] == slack["gasmed"] == 1.0 - 0.15 * (TIGHT_SHARE["calf_tightness"] * 0.5)
    assert slack["addlong"] == 1.0 - 0.15 * 0.4 and slack["psoas"] == 1.0
    assert model.muscles.slack[1, model.muscles.names.index("psoas")] == 0.85


def test_healthy_readings_lie_where_people_do():
    """Baumbach 2014: 25 [22, 28] and 39 [36, 42] deg of dorsiflexion; Harvey 1998: knee flexion 52.5 deg, thigh 11.9
    below the horizontal; Ferber 2010: 10.6 +- 9.6."""
    leg = clinical.examine(person()).right
    assert 22 < leg.lunge_knee_straight.degrees < 28 and 36 < leg.lunge_knee_bent.degrees < 42
    assert leg.thomas_knee_flexion.degrees == pytest.approx(52.5, abs=3.0)
    assert leg.hip_abduction.limit == leg.thomas_hip_extension.limit == ">="
    assert leg.thomas_hip_extension.degrees < 11.9  # a lower bound that people do not contradict


def test_the_examiners_torque_is_the_one_that_fits_both_lunges(monkeypatch):
    def misfit(torque: float) -> float:
        monkeypatch.setattr(clinical, "END_FEEL", torque)
        leg = clinical.examine(person()).right
        return (leg.lunge_knee_straight.degrees - 25.0) ** 2 + (leg.lunge_knee_bent.degrees - 39.0) ** 2

    tried = {torque: misfit(torque) for torque in (0.2, 0.25, 0.3, 0.35, 0.4)}
    assert min(tried, key=tried.__getitem__) == 0.3


@pytest.mark.parametrize("dial", DIALS)
def test_degrees_lead_back_to_the_dial(dial):
    for value, reading in clinical.calibration(dial):
        if not reading.limited:
            assert clinical.dial_for(dial, reading.degrees) == pytest.approx(value, abs=1e-12)
    between = clinical.dial_for(dial, clinical.TESTS[dial].tight - 2.3)
    assert getattr(clinical._with(dial, between), clinical.TESTS[dial].field).degrees == pytest.approx(
        clinical.TESTS[dial].tight - 2.3, abs=0.1
    )


def test_degrees_out_of_reach_are_refused():
    for dial, degrees in (("adductor_tightness", 45.0), ("calf_tightness", 5.0), ("hip_flexor_tightness", math.nan)):
        with pytest.raises(InputError, match=f"{dial}: expected .* deg of .*, found {degrees:g}"):
            clinical.dial_for(dial, degrees)
    for question in (clinical.calibration, lambda dial: clinical.dial_for(dial, 20.0)):
        with pytest.raises(InputError, match=r"expected one of adductor_tightness.*found 'hamstring_tightness'"):
            question("hamstring_tightness")


# --- the ends of the model's range ------------------------------------------------------------------------------------


def all_muscles(stiffness: float) -> list[str]:
    return [f"both.muscles.{name}.passive_stiffness={stiffness}" for name in muscle_names()]


def test_a_limp_leg_reads_at_least_the_end_of_the_lengths():
    leg = clinical.examine(person(*all_muscles(0.0))).right
    ends = dict(zip(LEG_COORDINATES, zip(anatomy.muscles().lo, anatomy.muscles().hi, strict=True), strict=False))
    for reading, end in (
        (leg.hip_abduction, -ends["hip_adduction"][0]),
        (leg.hip_extension, -ends["hip_flexion"][0]),
    ):
        assert reading.limit == ">=" and reading.degrees == pytest.approx(math.degrees(end), abs=1e-9)
        assert str(reading) == f">= {math.degrees(end):.1f} deg"
    assert leg.thomas_hip_extension.limit == ">="


def test_an_extremely_stiff_leg_reads_no_nonsense():
    leg = clinical.examine(person(*all_muscles(5.0), *(f"both.{dial}=1" for dial in DIALS))).right
    lowest = {"hip_abduction": -26, "hip_extension": -124, "lunge_knee_bent": -35, "lunge_knee_straight": -35}
    lowest |= {"thomas_hip_extension": -90, "thomas_knee_flexion": -3}
    for name in RANGES:
        reading = getattr(leg, name)
        assert lowest[name] <= reading.degrees < getattr(clinical.examine(person()).right, name).degrees, name
        assert reading.limit in ("", "<=")


def test_a_contracture_beyond_the_lengths_reads_at_most_their_end():
    model = bare({ABDUCTION: 100.0})
    table = model.passive.copy()
    table[:, ABDUCTION, 0] = 1.5  # adducted
    leg = clinical.examine(replace(model, passive=readonly(table, 2, 9, 9))).right
    assert str(leg.hip_abduction) == f"<= {math.degrees(-anatomy.muscles().hi[ABDUCTION]):.1f} deg"


def test_the_picture_is_drawn(tmp_path):
    from PIL import Image

    clinical.plot(tmp_path / "clinical.png")
    with Image.open(tmp_path / "clinical.png") as image:
        assert image.size == (1800, 720) and len(image.convert("RGB").getcolors(1 << 20)) > 50
