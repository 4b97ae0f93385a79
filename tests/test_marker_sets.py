"""Marker sets: the tables, what they recognise, and what is wrong with a table of one's own."""

from __future__ import annotations

import logging
import xml.etree.ElementTree as ElementTree

import pytest
from figures import OPENCAP, RECORDINGS, needs_recordings
from hypothesis import given, settings
from hypothesis import strategies as st

from simlab import anatomy, marker_sets, mocap, tables
from simlab.errors import InputError, RecordingError
from simlab.mocap import uiprmd
from simlab.motion import SIDES

SETS = marker_sets.bundled()
OWN = """
title = "Mine"
source = "our laboratory"
[roles]
sacrum = ["back"]
[roles.right]
knee = ["k1", "k2"]
[segments]
pelvis = ["back", "p1", "p2"]
ignored = ["wand"]
[segments.right]
femur = ["k1", "k2", "t1"]
"""


def own(tmp_path, text: str) -> marker_sets.MarkerSet:
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return marker_sets.load(path)


# --- the tables ------------------------------------------------------------------------------------------------------


def test_the_sets_that_simlab_brings():
    assert list(SETS) == ["cmu", "helen_hayes", "joint_centres", "opencap", "opencap_video", "plug_in_gait"]


@pytest.mark.parametrize("one", SETS.values(), ids=list(SETS))
def test_every_link_exists_and_left_mirrors_right(one):
    links = set(anatomy.skeleton("female", 60, 1.7, arms=True).names)
    assert {link for link in one.segments.values() if link} <= links
    carried = [link for link in one.segments.values() if link and link[-2:] in ("_r", "_l")]
    for link in set(carried):
        assert link.endswith("_r") or link[:-1] + "r" in carried
    for role in marker_sets.SIDED:
        right, left = (one.names(role, side) for side in SIDES)
        assert set(right).isdisjoint(left)
        if one.name != "opencap":  # its right thigh and shank have one more marker each in the recordings
            assert len(right) == len(left)
        for names, suffix in ((right, "_r"), (left, "_l")):
            for name in names:
                link = one.segments[name]
                assert link in (None, "pelvis", "torso") or link.endswith(suffix), f"{role} {name} on {link}"


@pytest.mark.parametrize(
    ("role", "link"), [("knee", "femur_r"), ("ankle", "tibia_r"), ("heel", "calcn_r"), ("asis", "pelvis")]
)
def test_landmarks_are_on_the_link_that_the_model_has_them_on(role, link):
    for one in SETS.values():
        assert {one.segments[name] for name in one.names(role, "right")} <= {link}, one.name


def test_metatarsal_heads_are_on_the_link_of_the_model_s_landmarks():
    on = {row["landmark"]: row["link"] for row in anatomy.table("landmarks.csv")}["second_metatarsal_head"]
    for one in SETS.values():
        assert {one.segments[name] for name in one.names("toe", "right")} == {on + "_r"}, one.name


@needs_recordings
def test_opencap_markers_are_on_the_bodies_of_its_scaled_model():
    """But for what the table states: hip centres are no markers, and the model has no midtarsal joint."""
    for marker in ElementTree.parse(OPENCAP / "manually_scaled.osim").getroot().iter("Marker"):
        name, frame = marker.get("name"), marker.findtext("socket_parent_frame") or marker.findtext("body")
        body = str(frame).rpartition("/")[2]
        found = SETS["opencap"].segments[name]
        if name.endswith("HJC"):
            assert found is None
        elif name.endswith(("toe", "5meta")):
            assert (found, body[:-2]) == (f"forefoot{body[-2:]}", "calcn")
        else:
            assert found == body, name


# --- recognising -----------------------------------------------------------------------------------------------------


@needs_recordings
def test_every_label_of_the_recordings_is_known():
    files = sorted(RECORDINGS.glob("*/*.trc"))
    assert len(files) == 3
    for file in files:
        found = marker_sets.recognise(mocap.read(file).names, source=str(file))
        assert found.marker_set.name == ("opencap" if "opencap" in str(file) else "plug_in_gait")
        assert found.unknown == ()


@pytest.mark.parametrize(("labels", "name"), [(uiprmd.KINECT, "joint_centres"), (uiprmd.VICON, "plug_in_gait")])
def test_uiprmd_is_known_whole(labels, name):
    found = marker_sets.recognise(tuple(labels))
    assert found.marker_set.name == name and found.unknown == ()


@pytest.mark.parametrize("name", list(SETS))
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_any_part_of_a_set_is_recognised_or_refused_but_never_read_as_something_else(name, data):
    """Whatever the prefix, the case and the order."""
    one = SETS[name]
    part = data.draw(st.lists(st.sampled_from(sorted(one.segments)), min_size=marker_sets.FEWEST, unique=True))
    prefix = data.draw(st.sampled_from(["", "Anna:", "a:b:"]))
    change = data.draw(st.sampled_from([str, str.upper, str.lower]))
    labels = [prefix + change(marker) for marker in part]
    try:
        found = marker_sets.recognise(labels)
    except RecordingError as error:
        assert "expected one meaning" in str(error)
        return
    assert set(found.unknown) == set()
    for label, marker in zip(labels, part, strict=True):
        assert found.segment(label) == one.segments[marker]
    for role in marker_sets.SIDED:
        names = [marker for marker in one.names(role, "right") if marker in part]
        assert found.find(role, "right") == [prefix + change(marker) for marker in names]


def test_roles_come_best_first_and_unknown_labels_are_kept():
    labels = ("x:RFHD", "x:STRN", "x:CLAV", "x:RASI", "x:LASI", "x:SACR", "x:rkne", "x:stick")
    found = marker_sets.recognise(labels)
    assert found.title == "Plug-in Gait" and found.unknown == ("x:stick",)
    assert found.find("sternum") == ["x:STRN", "x:CLAV"] and found.find("knee", "right") == ["x:rkne"]
    assert found.find("knee", "left") == [] and not found.has("knee") and found.has("asis")
    assert [found.segment(label) for label in ("x:rkne", "x:SACR", "x:RFHD", "x:stick")] == [
        "femur_r",
        "pelvis",
        None,
        None,
    ]
    with pytest.raises(ValueError, match="expected a role"):
        found.find("sternum", "right")
    with pytest.raises(ValueError, match="expected a role"):
        found.find("nose")


def test_too_few_labels_name_the_best_candidates():
    message = (
        r"walk\.c3d: expected at least 6 labels of one marker set, found plug_in_gait 3, cmu 2, .* in SACR, RKNE, LK"
    )
    with pytest.raises(RecordingError, match=message):
        marker_sets.recognise(("SACR", "RKNE", "LKNE", "A"), source="walk.c3d")
    with pytest.raises(RecordingError, match="no labels"):
        marker_sets.recognise(())


def test_one_marker_twice():
    labels = ("RASI", "LASI", "SACR", "RKNE", "LKNE", "RANK")
    with pytest.raises(RecordingError, match=r"expected one subject, found markers of the same name for A, B"):
        marker_sets.recognise([f"{who}:{label}" for who in "AB" for label in labels])
    with pytest.raises(RecordingError, match=r"expected each label once, found 'RASI' and 'rasi'"):
        marker_sets.recognise((*labels, "rasi"))
    with pytest.raises(RecordingError, match=r"expected each label once"):
        marker_sets.recognise((*labels, "RASI"))


def test_a_mixed_file_is_not_halved_in_silence(caplog):
    lab, video = list(SETS["opencap"].segments), list(SETS["opencap_video"].segments)
    message = r"both\.trc: expected the labels of one marker set, found 68 of opencap_video mixed with 58 of opencap"
    with pytest.raises(RecordingError, match=message):
        marker_sets.recognise(lab + video, source="both.trc")
    assert marker_sets.recognise(lab + video, SETS["opencap"]).marker_set.name == "opencap"
    with caplog.at_level(logging.WARNING):
        marker_sets.recognise([*lab, "r_knee_study", "RWrist"], source="both.trc")
    assert caplog.messages == ["both.trc: read as opencap; left out r_knee_study, known in opencap_video"]


def test_a_tie_that_changes_a_meaning_is_an_error(tmp_path, monkeypatch):
    swapped = OWN.replace("Mine", "Theirs").replace('knee = ["k1", "k2"]', 'knee = ["k2", "k1"]')
    one, two = own(tmp_path, OWN), own(tmp_path, swapped.replace("femur", "tibia"))
    labels = ("back", "p1", "p2", "k1", "k2", "t1")
    monkeypatch.setattr(marker_sets, "bundled", lambda: {"one": one, "two": two})
    with pytest.raises(
        RecordingError, match=r"marker k1: expected one meaning, found right knee, on femur_r .* on tibia_r"
    ):
        marker_sets.recognise(labels)
    monkeypatch.setattr(marker_sets, "bundled", lambda: {"one": one, "two": one})
    assert marker_sets.recognise(labels).marker_set is one


# --- a set of one's own ----------------------------------------------------------------------------------------------


def test_a_set_of_one_s_own_is_the_only_one_asked(tmp_path):
    mine = own(tmp_path, OWN)
    assert (mine.name, mine.title, mine.source) == ("mine", "Mine", "our laboratory")
    found = marker_sets.recognise(("back", "p1", "p2", "k2", "k1", "t1", "wand", "RASI"), mine)
    assert found.find("knee", "right") == ["k1", "k2"] and found.find("sacrum") == ["back"]
    assert found.unknown == ("RASI",) and found.segment("wand") is None and found.segment("t1") == "femur_r"
    with pytest.raises(RecordingError, match=r"found mine 0 in RASI"):
        marker_sets.recognise(tuple(SETS["plug_in_gait"].segments)[:1], mine)
    assert marker_sets.load("cmu") is SETS["cmu"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('title = "Mine"', "", r"mine\.toml, title: expected a text, found None"),
        ("our laboratory", " ", r"mine\.toml, source: expected a text, found ' '"),
        (
            "[roles.right]",
            "[roles.rigt]",
            r"mine\.toml, roles: expected one of sacrum, .* 'rigt'; did you mean 'right'",
        ),
        ("knee =", "kne =", r"mine\.toml, roles\.right: expected one of .*'kne'; did you mean 'knee'"),
        ("pelvis =", "hip =", r"mine\.toml, segments: expected one of pelvis, torso, ignored, .* found 'hip'"),
        ('["k1", "k2"]', '"k1"', r"mine\.toml, roles\.right\.knee: expected a list of marker names, found 'k1'"),
        ('["k1", "k2"]', '["k1", 2]', r"roles\.right\.knee: expected a list of marker names, found \['k1', 2\]"),
        ('["k1", "k2"]', '["k1", "K1"]', r"roles\.right\.knee: expected each name once, found k1, K1"),
        ('["k1", "k2"]', '["k9"]', r"roles\.right\.knee: expected a marker of \[segments\] .* found 'k9'"),
        (
            '"t1"]',
            '"P1"]',
            r"segments\.right\.femur: expected each marker in one segment, found P1 also in segments\.pelvis",
        ),
        ('["wand"]', '["me:wand"]', r"segments\.ignored: expected names without a prefix .* found 'me:wand'"),
        ('[segments]\npelvis = ["back", "p1", "p2"]', "[segments]\nright = 3", r"cannot|not valid|expected a table"),
        ("[roles]", "[[roles]]", r"mine\.toml"),
        ("title", "\x00", r"mine\.toml: not valid TOML"),
    ],
)
def test_what_is_wrong_with_a_set_is_said(tmp_path, old, new, message):
    assert old in OWN
    with pytest.raises(InputError, match=message):
        own(tmp_path, OWN.replace(old, new))


@pytest.mark.parametrize("text", ["", "segments = 3", 'title = "a"\nsource = "b"\n[roles]\n[segments]'])
def test_a_set_without_markers(tmp_path, text):
    with pytest.raises(InputError, match=r"mine\.toml, (title|segments)"):
        own(tmp_path, text)


def test_a_file_that_is_none(tmp_path):
    with pytest.raises(InputError, match=r"expected a TOML file or one of cmu, .*, found 'plugin_gait'"):
        marker_sets.load("plugin_gait")
    with pytest.raises(InputError, match="cannot be read"):
        marker_sets.load(tmp_path / "none.toml")
    (tmp_path / "deep.toml").write_text("a = " + "[" * 10_000, encoding="utf-8")
    with pytest.raises(InputError, match="not valid TOML"):
        marker_sets.load(tmp_path / "deep.toml")


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_mutated_table_is_a_set_or_an_error(tmp_path_factory, data):
    text = (tables.models() / "marker_sets" / "plug_in_gait.toml").read_text(encoding="utf-8")
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text)))
        cut = data.draw(st.integers(0, 40))
        text = text[:at] + data.draw(st.text(max_size=8)) + text[at + cut :]
    path = tmp_path_factory.mktemp("sets") / "mine.toml"
    path.write_text(text, encoding="utf-8", errors="replace")
    try:
        found = marker_sets.load(path)
    except InputError as error:
        assert str(path) in str(error)
        return
    assert all(name in found.segments for names in found.roles.values() for name in names)


def test_a_kinect_names_the_side_last():
    sides = ("Hip", "Knee", "Ankle", "Foot", "Shoulder", "Elbow", "Wrist", "Hand")
    labels = ("SpineBase", "SpineMid", "SpineShoulder", "Head", *(j + s for s in ("Right", "Left") for j in sides))
    found = marker_sets.recognise(labels)
    assert found.marker_set.name == "joint_centres" and found.unknown == ()
    roles = ("hip_centre", "knee_centre", "ankle_centre", "toe")
    assert [found.find(role, "left")[0] for role in roles] == ["HipLeft", "KneeLeft", "AnkleLeft", "FootLeft"]
