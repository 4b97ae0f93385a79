"""Gaps, exchanged labels and jumps: put into real recordings, found, mended or reported; and no false alarm."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from figures import OPENCAP, SQUAT2, needs_recordings
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from simlab import marker_sets, mocap, repair
from simlab.errors import RecordingError
from simlab.motion import Markers

SQUATS = OPENCAP / "squats1.trc"
FEW = settings(max_examples=25, deadline=None)


@cache
def read(path) -> Markers:
    return mocap.read(path)


def mend(markers: Markers):
    return repair.repair(markers, marker_sets.recognise(markers.names))


def changed(markers: Markers, change) -> Markers:
    positions = markers.positions.copy()
    change(positions)
    return replace(markers, positions=positions)


def exchange(markers: Markers, one: str, other: str, frames: slice) -> Markers:
    i, j = markers.names.index(one), markers.names.index(other)

    def change(p):
        p[frames, i], p[frames, j] = p[frames, j].copy(), p[frames, i].copy()

    return changed(markers, change)


def sides(markers: Markers) -> list[tuple[str, str]]:
    return [(n, "L" + n[1:]) for n in markers.names if n[0] in "rR" and "L" + n[1:] in markers.names]


# --- a small body of one's own: runs without recordings --------------------------------------------------------------

LABELS = ("LASI", "RASI", "LPSI", "RPSI", "RTHI", "RTHI2", "RTHI3", "RKNE", "LTHI", "LTHI2", "LTHI3", "LKNE")


def body(n: int = 400, hz: float = 100.0) -> Markers:
    """A pelvis and two thighs that turn and move smoothly, rigid."""
    rng, time = np.random.default_rng(5), np.arange(n) / hz
    points = []
    # Iliac spines where they are: what is right of what is checked. The thighs are any shapes, beside each other.
    pelvis = np.array([[0.1, 1.0, -0.13], [0.1, 1.0, 0.13], [-0.1, 1.03, -0.05], [-0.1, 1.03, 0.05]])
    for part, (names, phase) in enumerate(((LABELS[:4], 0.0), (LABELS[4:8], 1.0), (LABELS[8:], 2.5))):
        shape = rng.normal(0, 0.12, (len(names), 3)) + [0.0, 0.7, 0.2 * (part == 1) - 0.2 * (part == 2)]
        shape = shape if part else pelvis
        turn = Rotation.from_rotvec(0.4 * np.sin(2 * time + phase)[:, None] * [0.3, 0.2, 1.0]).as_matrix()
        points.append(shape @ turn.transpose(0, 2, 1) + 0.1 * np.sin(3 * time + phase)[:, None, None])
    return Markers(names=LABELS, time=time, positions=np.concatenate(points, axis=1), source="body.trc")


def test_nothing_to_mend_comes_back_as_it_is():
    markers = body()
    assert mend(markers) == (markers, ())


def test_a_short_gap_gets_a_spline_and_a_long_one_the_cluster():
    markers = body()

    def lose(p):
        p[50:65, 4] = np.nan
        p[100:250, 5] = np.nan
        p[:30, 6] = p[380:, 7] = np.nan  # also at the ends

    mended, repairs = mend(changed(markers, lose))
    np.testing.assert_allclose(mended.positions, markers.positions, atol=2e-5)
    assert [(r.marker, r.method, round(r.start, 2), round(r.end, 2)) for r in repairs] == [
        ("RTHI3", "cluster", 0.0, 0.3),
        ("RTHI", "spline", 0.49, 0.65),
        ("RTHI2", "cluster", 0.99, 2.5),
        ("RKNE", "cluster", 3.79, 3.99),
    ]
    assert all(r.rms_mm is not None and r.rms_mm < 0.05 for r in repairs if r.method == "cluster")
    assert str(repairs[1]) == "filled a gap of RTHI from 0.49 to 0.65 s with a spline"


@pytest.mark.parametrize(
    ("frames", "others"),
    [(slice(50, 260), []), (slice(50, 90), [5])],  # over 2 s; only two other markers of the thigh
)
def test_a_gap_beyond_the_limits_stays_for_who_needs_it(frames, others):
    def lose(p):
        p[frames, [4, *others][0]] = np.nan
        for other in others:
            p[:, other] = np.nan

    holed = changed(body(), lose)
    mended, repairs = mend(holed)
    assert not any(each.corrected for each in repairs) and np.isnan(mended.positions[frames, 4]).all()
    assert any(str(each).startswith("not corrected: RTHI has a gap from 0.49") for each in repairs)
    message = r"body\.trc, marker RTHI: expected gaps of at most 0.2 s, found one from 0.49 to .* of 2 s where 3 other"
    with pytest.raises(RecordingError, match=message):
        repair.fill(mended.time, mended.positions[:, 4], "RTHI", mended.source)


def test_a_cluster_that_is_not_rigid_fills_nothing():
    time = body().time

    def wobble(p):
        p[:, 5] += 0.2 * np.sin(9 * time)[:, None]
        p[100:200, 5] = np.nan

    _, repairs = mend(changed(body(), wobble))
    assert not [r for r in repairs if r.marker == "RTHI2" and r.corrected]


def test_slower_cameras_still_show_an_exchange():
    markers = body(n=200, hz=50)
    mended, repairs = mend(exchange(markers, "RTHI", "LTHI", slice(60, 100)))
    np.testing.assert_array_equal(mended.positions, markers.positions)
    assert [str(r) for r in repairs] == ["put back the labels of LTHI and RTHI, exchanged from 1.18 to 2.00 s"]


def test_noise_is_not_searched_for_labels():
    rng = np.random.default_rng(6)
    markers = replace(body(), positions=rng.normal(size=(400, len(LABELS), 3)))
    mended, repairs = mend(markers)
    assert [r.method for r in repairs] == ["labels"] and not repairs[0].corrected
    np.testing.assert_array_equal(mended.positions, markers.positions)


@pytest.mark.parametrize("frames", [0, 1, 2, 5])
def test_a_few_frames_are_enough_to_come_back(frames):
    markers = replace(body(), time=body().time[:frames], positions=body().positions[:frames])
    assert mend(markers)[1] == ()


# --- real recordings -------------------------------------------------------------------------------------------------


@needs_recordings
@pytest.mark.parametrize("path", [SQUATS, OPENCAP / "static1.trc"])
def test_no_false_alarm_on_clean_recordings(path):
    markers = read(path)
    assert mend(markers) == (markers, ())


@needs_recordings
def test_a_wrist_lost_for_138_frames_is_a_gap():
    markers = read(SQUAT2 / "markers_Squat2.trc")
    lost = np.isnan(markers.positions[:, markers.names.index("RWRB")]).any(axis=1)
    mended, repairs = mend(markers)
    assert lost.sum() == 138 and np.isfinite(mended.positions).all()
    assert {(r.marker, r.method, r.corrected) for r in repairs} == {("RWRB", "cluster", True)}
    keep = [i for i, name in enumerate(markers.names) if name != "RWRB"]
    np.testing.assert_array_equal(mended.positions[:, keep], markers.positions[:, keep])


@needs_recordings
@FEW
@given(data=st.data())
def test_two_labels_exchanged_for_a_while_are_put_back(data):
    markers = read(SQUATS)
    n = len(markers.time)
    one, other = data.draw(st.lists(st.sampled_from(markers.names), min_size=2, max_size=2, unique=True))
    first = data.draw(st.integers(2, n - 10))
    last = data.draw(st.integers(first + 1, min(n - 1, first + n // 2 - 10)))
    i, j = markers.names.index(one), markers.names.index(other)
    apart = np.linalg.norm(markers.positions[[first, last], i] - markers.positions[[first, last], j], axis=1)
    mended, repairs = mend(exchange(markers, one, other, slice(first, last)))
    if apart.min() < 0.04:  # R_HJC and R_HJC_reg: too close to tell by their paths
        return
    np.testing.assert_array_equal(mended.positions, markers.positions)
    (found,) = repairs
    assert found.corrected and one in found.marker and other in found.marker
    assert (found.start, found.end) == (markers.time[first - 1], markers.time[last])


@needs_recordings
@FEW
@given(first=st.integers(2, 600), length=st.integers(1, 700), data=st.data())
def test_a_flipped_side_is_put_back_whichever_part_is_flipped(first, length, data):
    markers = read(SQUATS)
    flipped, frames = markers, slice(first, first + length)
    if data.draw(st.booleans()):
        frames = slice(first, len(markers.time))  # to the end: the feet tell which part is wrong
    for right, left in sides(markers):
        flipped = exchange(flipped, right, left, frames)
    mended, repairs = mend(flipped)
    np.testing.assert_array_equal(mended.positions, markers.positions)
    assert [r.method for r in repairs] == ["flip"] and repairs[0].corrected


@needs_recordings
def test_exchanges_that_share_a_marker():
    """Ended, they are put back one after the other; without an end nothing is touched and both are named."""
    clean = read(SQUATS)
    once = exchange(exchange(clean, "r_thigh1", "r_thigh2", slice(300, 500)), "r_thigh1", "L_sh2", slice(600, 700))
    mended, repairs = mend(once)
    np.testing.assert_array_equal(mended.positions, clean.positions)
    assert [r.corrected for r in repairs] == [True, True]
    open_ended = exchange(
        exchange(clean, "r_thigh1", "r_thigh2", slice(300, None)), "r_thigh1", "L_sh2", slice(600, 700)
    )
    mended, repairs = mend(open_ended)
    np.testing.assert_array_equal(mended.positions, open_ended.positions)
    assert len(repairs) >= 2 and not any(r.corrected for r in repairs)


@needs_recordings
def test_an_exchange_that_could_be_either_is_left_with_a_warning():
    """Two markers of one thigh change places and stay: before or after, each reading is as rigid as the other."""
    markers = exchange(read(SQUATS), "r_thigh1", "r_thigh2", slice(700, None))
    mended, (found,) = mend(markers)
    np.testing.assert_array_equal(mended.positions, markers.positions)
    assert not found.corrected and str(found).startswith("not corrected: the labels of r_thigh1 and r_thigh2 change")
    # On two segments the one reading is rigid and the other not: also when the first part is the wrong one.
    for frames in (slice(700, None), slice(0, 700)):
        mended, (found,) = mend(exchange(read(SQUATS), "r_thigh1", "L_sh2", frames))
        np.testing.assert_array_equal(mended.positions, read(SQUATS).positions)
        assert found.corrected


@needs_recordings
@FEW
@given(data=st.data())
def test_jumps_become_gaps_and_are_filled(data):
    markers = read(SQUATS)
    n = len(markers.time)
    name = data.draw(st.sampled_from([x for x in markers.names if markers_on_segment(x) >= 4]))
    first = data.draw(st.integers(5, n - 30))
    length = data.draw(st.integers(1, 12))
    way = np.array(data.draw(st.tuples(*[st.floats(-1, 1)] * 3)))
    if np.linalg.norm(way) < 0.1:
        return
    step = data.draw(st.floats(0.12, 1.0)) * way / np.linalg.norm(way)
    i = markers.names.index(name)

    def jump(p):
        p[first : first + length, i] += step

    mended, repairs = mend(changed(markers, jump))
    assert {(r.marker, r.corrected) for r in repairs} == {(name, True)}
    assert [r.method for r in repairs if r.method != "spline"] == ["jump"]
    assert np.abs(mended.positions - markers.positions).max() < 0.02


def markers_on_segment(name: str) -> int:
    found = marker_sets.recognise(read(SQUATS).names)
    return sum(found.segment(other) == found.segment(name) for other in found.labels) if found.segment(name) else 0


@needs_recordings
def test_a_marker_that_moves_away_for_good_gets_a_warning():
    def shift(p):
        p[400:, read(SQUATS).names.index("r_knee")] += [0.1, 0.1, 0.0]

    markers = changed(read(SQUATS), shift)
    mended, (found,) = mend(markers)
    np.testing.assert_array_equal(mended.positions, markers.positions)
    assert str(found) == "not corrected: r_knee jumps at 4.00 s and stays there"


@needs_recordings
@FEW
@given(data=st.data())
def test_long_gaps_of_leg_markers_come_back_within_centimetres(data):
    markers = read(SQUATS)
    name = data.draw(st.sampled_from([x for x in markers.names if "thigh" in x or "_sh" in x]))
    first = data.draw(st.integers(1, 1100))
    length = data.draw(st.integers(25, 190))
    i = markers.names.index(name)

    def lose(p):
        p[first : first + length, i] = np.nan

    mended, (found,) = mend(changed(markers, lose))
    assert found.method == "cluster" and found.rms_mm is not None and found.rms_mm < 30
    off = np.linalg.norm(mended.positions[:, i] - markers.positions[:, i], axis=1)
    assert off.max() < 0.03


@needs_recordings
@pytest.mark.filterwarnings("error")
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_damage_is_survived_and_what_is_not_reported_is_not_touched(data):
    """Gaps, exchanges, shifts, lost frames and absurd numbers in any mixture."""
    markers = read(SQUATS)
    first, n = data.draw(st.integers(0, 900)), data.draw(st.integers(1, 300))
    positions = markers.positions[first : first + n].copy()
    for _ in range(data.draw(st.integers(0, 8))):
        i, j = data.draw(st.tuples(*[st.integers(0, len(markers.names) - 1)] * 2))
        at = data.draw(st.integers(0, n - 1))
        part = slice(at, at + data.draw(st.integers(1, n)))
        kind = data.draw(st.sampled_from(["gap", "lost", "exchange", "shift", "absurd"]))
        if kind == "exchange":
            positions[part, [i, j]] = positions[part, [j, i]]
        elif kind == "shift":
            positions[part, i] += data.draw(st.floats(-1, 1))
        else:
            absurd = data.draw(st.sampled_from([1e6, 1e300, np.inf]))
            positions[part, slice(None) if kind == "lost" else i] = absurd if kind == "absurd" else np.nan
    damaged = replace(markers, time=markers.time[first : first + n], positions=positions)
    mended, repairs = mend(damaged)
    named = {word for r in repairs if r.corrected for word in r.marker.replace(",", "").split()}
    kept = [i for i, name in enumerate(markers.names) if name not in named]
    np.testing.assert_array_equal(mended.positions[:, kept], positions[:, kept])
    assert all(len(str(r)) > 20 for r in repairs)


# --- what hides at a gap, or lasts throughout -------------------------------------------------------------------------


def hidden(markers: Markers, names: tuple[str, ...], *spans: slice) -> Markers:
    def change(p):
        for span in spans:
            for name in names:
                p[span, markers.names.index(name)] = np.nan

    return changed(markers, change)


HARD = {
    "right and left, the start hidden": (("r_thigh1", "L_thigh1"), (slice(300, 350),), 0.005),
    "one thigh, between two gaps": (("r_thigh1", "r_thigh2"), (slice(300, 350), slice(700, 750)), 0.010),
    "two segments, between two gaps": (("r_thigh1", "L_sh2"), (slice(300, 350), slice(700, 750)), 0.005),
}


@needs_recordings
@pytest.mark.parametrize("case", HARD)
def test_an_exchange_that_a_gap_hides_is_not_taken_for_the_truth(case):
    (one, other), spans, within = HARD[case]
    clean = read(SQUATS)
    wrong = hidden(exchange(clean, one, other, slice(350, 700)), (one, other), *spans)
    mended, repairs = mend(wrong)
    assert any("xchang" in str(each) for each in repairs)
    assert np.nanmax(np.linalg.norm(mended.positions - clean.positions, axis=2)) < within


@needs_recordings
def test_right_and_left_exchanged_throughout():
    clean = read(SQUATS)
    mended, repairs = mend(exchange(clean, "r_knee", "L_knee", slice(None)))
    np.testing.assert_array_equal(mended.positions, clean.positions)
    assert repairs
    flipped = clean
    for one, other in sides(clean):
        flipped = exchange(flipped, one, other, slice(None))
    with pytest.raises(RecordingError, match=r"squats1.trc.*"):
        mend(flipped)


@needs_recordings
def test_a_slow_drift_and_spikes_are_told():
    clean = read(SQUATS)
    thigh, knee = clean.names.index("r_thigh2"), clean.names.index("r_knee")

    def drift(p):
        p[400:800, thigh, 0] += 0.15 * np.sin(np.linspace(0, np.pi, 400))

    def spikes(p):
        p[100:1300:50, knee, 0] += 0.03

    assert any("r_thigh2" in str(each) for each in mend(changed(clean, drift))[1])
    mended, repairs = mend(changed(clean, spikes))
    assert len(repairs) >= 20
    assert np.abs(mended.positions - clean.positions).max() < 0.002
