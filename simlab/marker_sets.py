"""Marker sets: which marker of a recording is which landmark, and which link of the body carries it.

A set is a table in `models/marker_sets/`, or a user's file in the same form:

    title = "what a person calls it"
    source = "where its names and places come from"
    [roles]                    # of landmarks in the middle: `MIDDLE`; the first name in a recording is the best
    [roles.right], [roles.left]     # of landmarks on a side: `SIDED`
    [segments]                 # pelvis, torso, and `ignored`: known, but fixed to no link
    [segments.right], [segments.left]    # of links on a side: `LINKS`

A prefix up to a colon ("subject:RASI") and letter case are ignored.
"""

from __future__ import annotations

import difflib
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from simlab import tables
from simlab.errors import InputError, RecordingError
from simlab.motion import SIDES, SUFFIX

MIDDLE = ("sacrum", "c7", "sternum", "pelvis_centre", "neck_centre")
"""Roles in the middle. sacrum: the middle of both PSIS; the two centres: joints of a skeleton."""
SIDED = (
    *("hip_centre", "knee_centre", "ankle_centre", "shoulder_centre", "elbow_centre", "wrist_centre"),
    *("asis", "psis", "knee", "knee_medial", "ankle", "ankle_medial"),
    *("heel", "toe", "metatarsal_1", "metatarsal_5", "thigh", "shank"),
    *("shoulder", "elbow", "elbow_medial", "wrist_radius", "wrist_ulna"),
)
"""Roles on each side. *_centre: a joint centre that somebody has already computed; asis, psis: anterior, posterior
superior iliac spine; knee, ankle, elbow: lateral epicondyle, lateral malleolus (their medial partners apart); heel:
back of the calcaneus; toe: second metatarsal head; thigh, shank: markers on the skin, any three of which carry the next
joint centre; shoulder: acromion; wrist_radius, wrist_ulna: the styloids."""
TRUNK = ("pelvis", "torso")
IGNORED = "ignored"
LINKS = ("femur", "tibia", "calcn", "forefoot", "humerus", "ulna", "radius")
"""Links on each side; a marker on the hand is on the radius, which carries it."""
FEWEST = 6
"""Labels below which nothing is recognised: the markers of one leg, say, leave the pelvis to be guessed."""

Role = tuple[str, str | None]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkerSet:
    """A marker set, validated. Names as in its table.

    roles: names by role and side (None in the middle), best first; segments: the link of each name, such as `femur_r`,
    None where the set ignores it.
    """

    name: str
    title: str
    source: str
    roles: Mapping[Role, tuple[str, ...]]
    segments: Mapping[str, str | None]

    def names(self, role: str, side: str | None = None) -> tuple[str, ...]:
        """The names of a role, best first; none where the set has no such landmark. Errors: ValueError."""
        if role not in (SIDED if side else MIDDLE) or side not in (None, *SIDES):
            raise ValueError(
                f"expected a role of {SIDED if side else MIDDLE} on a side of {SIDES}, found {role} {side}"
            )
        return self.roles.get((role, side), ())


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognised:
    """A marker set bound to the labels of a recording.

    labels: of the recording, as they stand there; marker: the name in the set of each label that it knows.
    """

    marker_set: MarkerSet
    labels: tuple[str, ...]
    marker: Mapping[str, str]

    @property
    def title(self) -> str:
        return self.marker_set.title

    @property
    def unknown(self) -> tuple[str, ...]:
        """Labels that the set does not know."""
        return tuple(label for label in self.labels if label not in self.marker)

    def find(self, role: str, side: str | None = None) -> list[str]:
        """The labels in the recording that play a role, best first; empty where there is none."""
        label = {name: label for label, name in self.marker.items()}
        return [label[name] for name in self.marker_set.names(role, side) if name in label]

    def has(self, *roles: str) -> bool:
        """Whether the recording has each of these roles on both sides."""
        return all(self.find(role, side) for role in roles for side in SIDES)

    def segment(self, label: str) -> str | None:
        """The link that carries a label, such as `femur_r`; None where the set ignores it or does not know it."""
        return self.marker_set.segments[self.marker[label]] if label in self.marker else None


def recognise(names: Sequence[str], own: MarkerSet | None = None, source: str = "recording") -> Recognised:
    """The marker set with the most of these labels; `own` where it is given, and no other.

    source: the file, for messages. Errors: RecordingError when no set knows `FEWEST` of the labels, when one marker is
    there twice (two people), when two sets know as many and mean different things, or when the file mixes two sets.
    """
    keys = _keys(names, source)
    candidates = [own] if own else list(bundled().values())
    found = [Recognised(marker_set=one, labels=tuple(names), marker=_bind(one, keys)) for one in candidates]
    best = max(found, key=lambda one: len(one.marker))
    if len(best.marker) < FEWEST:
        counts = ", ".join(f"{one.marker_set.name} {len(one.marker)}" for one in _most(found))
        labels = f"{', '.join(names[:60])}{', ...' if len(names) > 60 else ''}" or "no labels"
        expected = f"at least {FEWEST} labels of one marker set"
        raise RecordingError(
            f"{source}: expected {expected}, found {counts} in {labels}; give a marker set of your own"
        )
    others = [one for one in found if one is not best]
    for other in others:
        if len(other.marker) == len(best.marker):
            _agree(best, other, source)
    if others:
        _whole(best, max(others, key=lambda other: len(_lost(best, other))), source)
    return best


def _agree(best: Recognised, other: Recognised, source: str) -> None:
    """Two sets that know as many labels must mean the same by them. Errors: RecordingError."""
    one, two = best.marker_set.name, other.marker_set.name
    for label in sorted(best.marker.keys() & other.marker.keys()):
        meanings = [_meaning(each, label) for each in (best, other)]
        if meanings[0] != meanings[1]:
            raise RecordingError(
                f"{source}, marker {label}: expected one meaning, found {meanings[0]} in {one} and {meanings[1]} in "
                f"{two}, which know {len(best.marker)} labels each; say which marker set it is"
            )


def _whole(best: Recognised, other: Recognised, source: str) -> None:
    """Nothing of another set may be lost without a word. Errors: RecordingError."""
    one, two, lost = best.marker_set.name, other.marker_set.name, _lost(best, other)
    if len(lost) >= FEWEST:
        raise RecordingError(
            f"{source}: expected the labels of one marker set, found {len(best.marker)} of {one} mixed with "
            f"{len(lost)} of {two} ({', '.join(lost[:8])}{', ...' if len(lost) > 8 else ''}); say which marker set it "
            f"is ({one} or {two}), or keep the labels of one"
        )
    if lost:
        log.warning("%s: read as %s; left out %s, known in %s", source, one, ", ".join(lost), two)


def _lost(best: Recognised, other: Recognised) -> list[str]:
    """Markers on a link of another set that the best one does not know."""
    return [label for label in other.labels if other.segment(label) and label not in best.marker]


def _meaning(one: Recognised, label: str) -> str:
    """The roles and the link of a label, in words."""
    name = one.marker[label]
    roles = [f"{side or 'middle'} {role}" for (role, side), names in one.marker_set.roles.items() if name in names]
    return ", ".join([*sorted(roles), f"on {one.segment(label) or 'no link'}"])


def _most(found: Sequence[Recognised]) -> list[Recognised]:
    """The three that know the most labels."""
    return sorted(found, key=lambda one: -len(one.marker))[:3]


def _keys(names: Sequence[str], source: str) -> dict[str, str]:
    """Each label by what of it counts: without prefix, in one case. Errors: RecordingError."""
    keys: dict[str, str] = {}
    for name in names:
        if (key := _key(name)) in keys:
            twin = keys[key]
            if twin.rpartition(":")[0] == name.rpartition(":")[0]:
                raise RecordingError(f"{source}: expected each label once, found {twin!r} and {name!r}")
            people = ", ".join(sorted({each.rpartition(":")[0] or "(none)" for each in names}))
            raise RecordingError(f"{source}: expected one subject, found markers of the same name for {people}")
        keys[key] = name
    return keys


def _key(name: str) -> str:
    return name.rpartition(":")[2].strip().casefold()


def _bind(one: MarkerSet, keys: Mapping[str, str]) -> Mapping[str, str]:
    return MappingProxyType({keys[_key(name)]: name for name in one.segments if _key(name) in keys})


# --- reading and checking --------------------------------------------------------------------------------------------


@cache
def bundled() -> Mapping[str, MarkerSet]:
    """The sets of `models/marker_sets/` by name."""
    folder = tables.models().joinpath("marker_sets")
    files = sorted(file.name for file in folder.iterdir() if file.name.endswith(".toml"))
    return MappingProxyType(
        {
            name.removesuffix(".toml"): _checked(
                name.removesuffix(".toml"), tables.read_toml("marker_sets", name), f"models/marker_sets/{name}"
            )
            for name in files
        }
    )


def load(path: str | Path) -> MarkerSet:
    """A bundled set by its name (`plug_in_gait`), else a user's file. Errors: InputError naming file, key, found."""
    if str(path) in bundled():
        return bundled()[str(path)]
    if not Path(path).is_file() and Path(path).suffix != ".toml":
        raise InputError(f"marker set: expected a TOML file or one of {', '.join(bundled())}, found {str(path)!r}")
    return _checked(Path(path).stem, tables.load_toml(path), str(path))


def _checked(name: str, table: Mapping[str, Any], where: str) -> MarkerSet:
    """A table as a set, every rule of the module's head checked. Errors: InputError."""
    _only(table, ("title", "source", "roles", "segments"), where)
    for key in ("title", "source"):
        if not isinstance(table.get(key), str) or not table[key].strip():
            raise InputError(f"{where}, {key}: expected a text, found {table.get(key)!r}")
    roles: dict[Role, tuple[str, ...]] = {}
    for side, key, names, at in _lists(table, "roles", MIDDLE, SIDED, where):
        roles[key, side] = names
        if len(set(map(_key, names))) < len(names):
            raise InputError(f"{where}, {at}: expected each name once, found {', '.join(names)}")
    segments: dict[str, str | None] = {}
    seen: dict[str, tuple[str, str]] = {}
    for side, key, names, at in _lists(table, "segments", (*TRUNK, IGNORED), LINKS, where):
        for marker in names:
            if _key(marker) in seen:
                twin, place = seen[_key(marker)]
                raise InputError(
                    f"{where}, {at}: expected each marker in one segment, found {marker} also in {place} ({twin})"
                )
            seen[_key(marker)] = marker, at
            segments[marker] = None if key == IGNORED else key + (SUFFIX[side] if side else "")
    if not segments:
        raise InputError(f"{where}, segments: expected markers, found none")
    for (role, side), names in roles.items():
        at = ".".join(("roles", *([side] if side else []), role))
        for marker in names:
            if marker not in segments:
                raise InputError(f"{where}, {at}: expected a marker of [segments] (or ignored there), found {marker!r}")
    return MarkerSet(
        name=name,
        title=table["title"],
        source=table["source"],
        roles=MappingProxyType(roles),
        segments=MappingProxyType(segments),
    )


def _lists(
    table: Mapping[str, Any], part: str, middle: Sequence[str], sided: Sequence[str], where: str
) -> Iterator[tuple[str | None, str, tuple[str, ...], str]]:
    """Side, key, names and full key of every list in a part of a table. Errors: InputError."""
    whole = table.get(part)
    if not isinstance(whole, dict):
        raise InputError(f"{where}, {part}: expected a table [{part}], found {'none' if whole is None else whole!r}")
    for key, value in _only(whole, (*middle, *SIDES), f"{where}, {part}"):
        if key not in SIDES:
            yield None, key, _names(value, f"{where}, {part}.{key}"), f"{part}.{key}"
            continue
        if not isinstance(value, dict):
            raise InputError(f"{where}, {part}.{key}: expected a table [{part}.{key}], found {value!r}")
        for inner, names in _only(value, sided, f"{where}, {part}.{key}"):
            at = f"{part}.{key}.{inner}"
            yield key, inner, _names(names, f"{where}, {at}"), at


def _only(table: Mapping[str, Any], known: Sequence[str], where: str) -> list[tuple[str, Any]]:
    for key in table:
        if key not in known:
            near = difflib.get_close_matches(key, known, 1, 0.0)[0]
            raise InputError(f"{where}: expected one of {', '.join(known)}, found {key!r}; did you mean {near!r}?")
    return list(table.items())


def _names(value: Any, where: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(name, str) and _key(name) for name in value):
        raise InputError(f"{where}: expected a list of marker names, found {value!r}")
    for name in value:
        if ":" in name:
            raise InputError(f"{where}: expected names without a prefix up to a colon, found {name!r}")
    return tuple(value)
