"""Fitting: a known cause is named, two dials that do the same are told to, and a person who is no model is told so.

The study of ten people is benchmarks/fit_study.py."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from simlab import fit, recording
from simlab.errors import InputError
from simlab.sensors import markers as optical
from simlab.subject import Subject, change, load_subject
from simlab.tasks.squat import Squat

TASK = Squat(depth_deg=65.0, descent_s=0.8, ascent_s=0.8)
PRONATED = "both.foot_pronation_deg"


def captured(*dials: str, noise_mm: float = 2.0, seed: int = 5) -> recording.Recording:
    one = fit.Candidate(subject=change(Subject(), list(dials)), task=TASK, joint_centres="clusters")
    found = fit.measured(one, noise_mm, seed)
    assert not isinstance(found, float)
    return found


@cache
def pronated() -> fit.Fit:
    chosen = {PRONATED: (0.0, 8.0), "both.adductor_tightness": (0.0, 0.8)}
    return fit.fit(captured(f"{PRONATED}=4.0"), Subject(), chosen, evaluations=24, seed=1)


def test_the_cause_is_named_with_its_size():
    found = pronated()
    assert found.dominant is not None and found.dominant.dial.name == PRONATED
    assert abs(found.dominant.value - 4.0) < max(3 * found.dominant.sd, 0.6)
    assert found.dominant.verdict == "estimated"
    assert found.dominant.fppa_deg == pytest.approx(2.9, abs=1.2)  # what 4 deg of pronation add
    assert found.chi2 < 1.5 < 5 < found.healthy
    assert "foot pronation explains most" in " ".join(found.sentences)


def test_two_dials_that_do_the_same_trade_off():
    """Abductors are the medius and little else: a squat does not tell one strength from the other."""
    chosen = {"both.gluteus_medius_strength": (0.4, 1.0), "both.hip_abductor_strength": (0.4, 1.0)}
    found = fit.fit(captured("both.gluteus_medius_strength=0.6"), Subject(), chosen, evaluations=20, seed=1)
    assert abs(found.correlation[0, 1]) > fit.TIED
    assert {one.verdict for one in found.estimates} == {"not identifiable"}
    assert "trade off" in " ".join(found.sentences)


def test_a_person_that_the_model_cannot_be_is_told_so():
    """A knee that moves by ten centimetres within a repetition: no dial does that."""
    real = captured()
    points = real.landmarks
    flexion = fit.metrics.knee_flexion(points)
    swing = 0.1 * np.sin(8 * flexion)[..., None] * np.array([0.0, 0.0, 1.0])
    odd = replace(real, landmarks=replace(points, knee=points.knee + swing))
    found = fit.fit(odd, Subject(), {PRONATED: (0.0, 8.0)}, evaluations=20, seed=1)
    assert found.chi2 > fit.MISFIT
    assert "does not explain this recording" in found.sentences[0]
    assert not found.report()["explained"]


def test_the_answer_is_the_same_again_and_is_written(tmp_path):
    files = fit.save(pronated(), tmp_path / "out")
    assert sorted(files) == ["fit.json", "fit.png", "fitted.toml"]
    report = json.loads((tmp_path / "out" / "fit.json").read_text())
    assert report["dominant"] == PRONATED
    assert report["dials"][PRONATED]["bounds"] == [0.0, 8.0]
    fitted = load_subject(files["fitted.toml"])
    assert fitted.right.foot_pronation_deg == pytest.approx(pronated().dominant.value, abs=1e-5)
    assert (tmp_path / "out" / "fit.png").stat().st_size > 20_000


def test_what_is_compared_does_not_know_the_tempo():
    real = captured(noise_mm=0.0)
    slow = replace(
        real,
        landmarks=replace(real.landmarks, time=3 * real.landmarks.time),
        repetitions=tuple(replace(r, start=3 * r.start, peak=3 * r.peak, end=3 * r.end) for r in real.repetitions),
    )
    names, values = fit.features(real)
    np.testing.assert_allclose(fit.features(slow)[1], values, atol=1e-9)
    assert values.shape == (1, 2 * 2 * len(fit.QUANTITIES) * fit.LEVELS) == (1, len(names))
    assert np.ptp(values) > 10


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"both.gluteus": (0.0, 1.0)}, r"--dial both.gluteus: expected a dial, such as both.gluteus_medius_strength"),
        ({PRONATED: (4.0, 1.0)}, r"--dial both.foot_pronation_deg: expected LOW below HIGH, found 4:1"),
        ({PRONATED: (0.0, 30.0)}, r"--dial .*right.foot_pronation_deg: .*range -5 to 10.* found 30"),
    ],
)
def test_dials_are_checked(chosen, message):
    with pytest.raises(InputError, match=message):
        fit.dials(chosen, Subject())


def test_captured_and_simulated_share_the_definition():
    real = captured(noise_mm=0.0)
    assert fit.definition_of(real) == {"joint_centres": "clusters", "hip": "auto"}
    said = replace(real.landmarks, definition="clusters; hip: Harrington 2007 from the iliac spines")
    assert fit.definition_of(replace(real, landmarks=said))["hip"] == "harrington"
    one = fit.Candidate(subject=Subject(), task=TASK, joint_centres="functional")
    functional = fit.measured(one)
    assert not isinstance(functional, float)
    assert fit.definition_of(functional)["joint_centres"] == "functional"
    for joint_centres, definition in (
        ("joint-centres", "joint-centres of the file (kinect)"),
        ("lateral-markers", "lateral-markers half a width inward (knee 100 mm); hip: R_HJC and L_HJC of the file"),
        ("functional", "functional (knee: SARA, residual 1 and 1 mm, beside the lateral epicondyle; ankle: clusters)"),
    ):
        other = replace(real.landmarks, definition=definition)
        with pytest.raises(InputError, match="expected joint centres that simulated markers have too"):
            fit.definition_of(replace(real, joint_centres=joint_centres, landmarks=other))


# --- the markers ------------------------------------------------------------------------------------------------------


def test_synthetic_markers_are_noise_on_the_truth():
    real = captured(noise_mm=0.0)
    noisy, again, other = (captured(noise_mm=2.0, seed=seed).markers for seed in (5, 5, 6))
    np.testing.assert_array_equal(noisy.positions, again.positions)
    assert np.abs(noisy.positions - other.positions).max() > 1e-3
    spread = (noisy.positions - real.markers.positions).std()
    assert spread == pytest.approx(0.002, rel=0.02)
    assert "r_mknee" not in noisy.names and "r_mknee" in captured().standing.names
    assert set(noisy.names) == set(real.markers.names) and len(noisy.names) > 30


def test_markers_are_rigid_on_their_bones():
    real = captured(noise_mm=0.0).markers
    for a, b in (("r_thigh1", "r_knee"), ("L_sh2", "L_ankle"), ("r.ASIS", "L.PSIS"), ("C7", "R_wrist_radius")):
        i, j = real.names.index(a), real.names.index(b)
        apart = np.linalg.norm(real.positions[:, i] - real.positions[:, j], axis=1)
        assert np.ptp(apart) < 1e-9 and apart[0] > 0.05
    pairs = (("r_knee", "L_knee"), ("r_toe", "L_toe"), ("R_HJC", "L_HJC"))
    first = {name: real.positions[0, i] for i, name in enumerate(real.names)}
    mirrored = [np.abs(first[right] * [1, 1, -1] - first[left]).max() for right, left in pairs]
    assert max(mirrored) < 1e-3
    assert optical.SKIN == 0.012
