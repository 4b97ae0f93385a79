"""Inverse dynamics: energy, Newton and Euler, gravity by hand, OpenSim; and a ground reaction that nobody measured."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from bodies import generic, of_opensim, squatting
from figures import OPENCAP, needs_recordings

from simlab import dynamics, ik, landmarks, mocap, tasks
from simlab.errors import RecordingError
from simlab.kernels import kinematics
from simlab.model import GRAVITY, build, state
from simlab.motion import GroundReaction
from simlab.subject import Subject

MASS = 60.05
"""Of OpenCap's subject 4 on the plates [kg]."""


def tracked(body, time, q) -> ik.Tracked:
    return ik.Tracked(
        body=body, time=time, q=q, error=np.zeros((len(time), 0)), unsolved=np.zeros(0, int), source="synthetic"
    )


def moving() -> dynamics.Moving:
    body = generic()
    time, q = squatting(body, n=300, depth=1.4)
    return dynamics.smooth(tracked(body, time, q))


def nothing(time) -> GroundReaction:
    zero = np.zeros((len(time), 2, 3))
    return GroundReaction(time=time, force=zero, centre=zero, moment=zero, source="nothing")


def energy(m: dynamics.Moving) -> np.ndarray:
    """Kinetic and potential energy [J] from positions of the links' masses alone, by differences in time."""
    s, total = m.body.skeleton, np.zeros(len(m.time))
    frames = [m.body.frames(q) for q in m.q]
    rotation, origin = (np.array(x) for x in zip(*frames, strict=True))
    centre = origin + np.einsum("fnij,nj->fni", rotation, s.com)
    for i, mass in enumerate(s.mass):
        speed = np.gradient(centre[:, i], m.time, axis=0)
        turning = np.gradient(rotation[:, i], m.time, axis=0) @ rotation[:, i].transpose(0, 2, 1)
        spin = np.stack([turning[:, 2, 1], turning[:, 0, 2], turning[:, 1, 0]], axis=1)
        inertia = rotation[:, i] @ s.inertia[i] @ rotation[:, i].transpose(0, 2, 1)
        total += 0.5 * mass * (speed**2).sum(axis=1) + 0.5 * np.einsum("fi,fij,fj->f", spin, inertia, spin)
        total += mass * GRAVITY * centre[:, i, 1]
    return total


def test_what_moments_and_residual_do_is_the_change_of_energy():
    m = moving()
    found = dynamics.inverse(m, nothing(m.time))
    power = (found.moment * m.v[:, 6:]).sum(axis=1) + (found.residual_force * m.v[:, :3]).sum(axis=1)
    power += (found.residual_moment * m.v[:, 3:6]).sum(axis=1)
    change = np.gradient(energy(m), m.time)
    inside = slice(5, -5)
    assert np.ptp(change[inside]) > 300  # W
    np.testing.assert_allclose(power[inside], change[inside], atol=0.01 * np.ptp(change[inside]))


def test_a_ground_that_carries_leaves_no_residual_and_turns_the_joints():
    """Give the whole residual back as a wrench under one foot: nothing is left at the pelvis; the moments of that leg
    change by the wrench's moment about each hinge, the others' not at all."""
    m = moving()
    bare = dynamics.inverse(m, nothing(m.time))
    place = np.array([0.1, 0.0, 0.2])
    force, centre, moment = (np.zeros((len(m.time), 2, 3)) for _ in range(3))
    force[:, 0], centre[:, 0] = bare.residual_force, place
    moment[:, 0] = bare.residual_moment - np.cross(place - m.q[:, :3], bare.residual_force)
    held = dynamics.inverse(m, GroundReaction(time=m.time, force=force, centre=centre, moment=moment, source="test"))
    np.testing.assert_allclose(held.residual_force, 0, atol=1e-8)
    np.testing.assert_allclose(held.residual_moment, 0, atol=1e-8)
    names = m.body.skeleton.names
    f = 150
    rotation, origin = m.body.frames(m.q[f])
    for name, coordinate in (("hip_1_r", "hip_flexion_r"), ("knee_1_r", "knee_angle_r"), ("talus_r", "ankle_angle_r")):
        i = names.index(name)
        axis = rotation[i] @ m.body.skeleton.axis[i]
        expected = axis @ (np.cross(place - origin[i], force[f, 0]) + moment[f, 0])
        assert abs(expected) > 1
        assert held.of(coordinate)[f] == pytest.approx(bare.of(coordinate)[f] - expected, abs=1e-9)
    np.testing.assert_array_equal(held.of("knee_angle_l"), bare.of("knee_angle_l"))


def test_standing_still_is_weight_alone():
    body = generic()
    q = np.zeros((50, len(body.skeleton.names) + 6))
    q[:, 6], q[:, 1] = 1.0, 0.9
    found = dynamics.inverse(dynamics.smooth(tracked(body, np.arange(50) / 100, q)), nothing(np.arange(50) / 100))
    np.testing.assert_allclose(found.residual_force[25], [0, 62 * GRAVITY, 0], atol=1e-9)
    elbow = body.skeleton.names.index("ulna_r")
    assert abs(found.of("elbow_flex_r")[25]) < 0.1 * body.skeleton.mass[elbow] * GRAVITY  # it hangs


def test_rates_are_derivatives_of_the_state():
    """The motion that the rates tell, integrated by small steps of the kernel's own convention, is the motion."""
    m = moving()
    s, f = m.body.skeleton, 140
    link, local = np.array([s.names.index("tibia_l")], dtype=np.int32), np.array([[0.02, -0.3, 0.05]])
    x, J, drift = np.empty((1, 3)), np.empty((1, 3, m.v.shape[1])), np.empty((1, 3))
    positions = []
    for k in (f - 1, f, f + 1):
        kinematics.point_jacobian(s.parent, s.pos, s.axis, m.q[k], m.v[k], link, local, x, J, drift)
        positions.append(x[0].copy())
        if k == f:
            speed, acceleration = J[0] @ m.v[k], J[0] @ m.a[k] + drift[0]
    dt = m.time[1] - m.time[0]
    assert np.linalg.norm(speed) > 0.05
    np.testing.assert_allclose((positions[2] - positions[0]) / (2 * dt), speed, atol=2e-3)
    second = (positions[2] - 2 * positions[1] + positions[0]) / dt**2
    np.testing.assert_allclose(second, acceleration, atol=0.02)


def test_a_reaction_without_its_place_is_refused():
    m = moving()
    force = GroundReaction(time=m.time, force=np.zeros((len(m.time), 2, 3)), source="squat.mot")
    with pytest.raises(
        RecordingError, match=r"squat.mot: expected centres of pressure and free moments, found forces alone"
    ):
        dynamics.inverse(m, force)
    late = nothing(m.time + 100)
    with pytest.raises(
        RecordingError, match=r"expected forces during the motion \(0 to 2.99 s\), found 100 to 102.99 s"
    ):
        dynamics.inverse(m, late)


def test_the_estimated_ground_carries_the_body_with_feet_that_push():
    """A planned squat, whose centre of mass stays over the feet."""
    model, body = build(Subject()), generic()
    plan = tasks.load("squat").plan(model)
    q = np.zeros((len(plan.time), len(body.skeleton.names) + 6))
    for f, values in enumerate(plan.values):
        q[f, :28] = state(model, values)
    m = dynamics.smooth(tracked(body, plan.time, q))
    found, free = dynamics.inverse(m, model.spheres), dynamics.inverse(m, nothing(m.time))
    weight = 62 * GRAVITY
    assert found.estimated and np.ptp(free.residual_force[:, 1]) > 0.2 * weight
    assert np.abs(found.residual_force).max() < 0.01 * weight
    assert np.abs(found.residual_moment).max() < 0.01 * weight
    vertical = found.reaction.force[..., 1]
    assert (vertical > 0).all()
    np.testing.assert_allclose(vertical[:, 0], vertical[:, 1], atol=1e-6 * weight)  # a symmetric squat


# --- the real squat ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def squats():
    recorded = mocap.read(OPENCAP / "squats1.trc")
    points = landmarks.locate(recorded, mocap.read(OPENCAP / "static1.trc"), "clusters")
    reaction = mocap.read_ground_reaction(OPENCAP / "squats1_grf.mot", points)
    return dynamics.smooth(ik.solve(of_opensim(), recorded, knee="hinge")), reaction


@needs_recordings
def test_opensim_finds_the_same_moments(squats):
    """Its own inverse kinematics, filter and dynamics, against ours: within 0.05 Nm/kg, root mean square."""
    from bodies import PERSON
    from reference import opensim_runs

    ours = dynamics.inverse(*squats)
    theirs = opensim_runs.inverse_kinematics(PERSON, OPENCAP / "squats1.trc", 1e-5, slice(290, 390))
    grf = OPENCAP / "squats1_grf.mot"
    moments, _ = opensim_runs.inverse_dynamics(PERSON, theirs.time, theirs.names, theirs.values, grf)
    inside = slice(30, -30)  # filters differ at the ends of a part
    for name in ("hip_flexion", "hip_adduction", "knee_angle", "ankle_angle"):
        for side in "rl":
            wanted = moments[inside, theirs.names.index(f"{name}_{side}")]
            found = np.interp(theirs.time[inside], ours.time, ours.of(f"{name}_{side}"))
            assert np.ptp(wanted) > 3
            assert np.sqrt(((found - wanted) ** 2).mean()) / MASS < 0.05, (name, side)


@needs_recordings
def test_an_estimated_ground_reaction_is_near_the_measured_one(squats):
    m, measured = squats
    part = replace(m, time=m.time[200:500:5], q=m.q[200:500:5], v=m.v[200:500:5], a=m.a[200:500:5])
    soles = build(Subject(mass_kg=MASS, height_m=1.64)).spheres
    found = dynamics.estimate(part, soles)
    truth = np.stack([np.interp(part.time, measured.time, measured.force[:, leg, 1]) for leg in (0, 1)], axis=1)
    weight = MASS * GRAVITY
    total = np.sqrt(((found.force[..., 1].sum(axis=1) - truth.sum(axis=1)) ** 2).mean()) / weight
    each = np.sqrt(((found.force[..., 1] - truth) ** 2).mean()) / weight
    assert total < 0.08 and each < 0.1
