"""Gaps, exchanged labels and jumps of a marker recording: found, mended where that is safe, always reported.

    markers, repairs = repair.repair(markers, marker_set)

- A gap up to `SHORT` is filled with a cubic spline; one up to `LONG`, also at the ends of the recording, from three or
  more other markers of its segment that were seen all the while. A longer gap stays: it matters only to who needs it.
- Two markers whose paths continue in each other's label have exchanged labels. They are put back where one reading of
  the recording alone makes sense: the exchange ends again and is the shorter part, or right and left, or the rigidity
  of the segments, tell which part is wrong. Else the recording stays as it is, with a warning.
- A marker that leaves its path for at most `SHORT` (faster than `SPEED`, or off its rigid cluster) was not where it is
  said to be: that is made a gap. One that does not come back gets a warning.

Right and left are checked by where the pelvis has them, and the segments by the distances within them, whatever a path
says. What cannot be seen: labels of different segments on one side that are exchanged from the first frame to the last,
and exchanges of markers closer than two steps (`STEP`) to each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from simlab import clusters
from simlab.errors import RecordingError
from simlab.marker_sets import Recognised
from simlab.motion import SIDES, Array, Markers

SHORT = 0.2
"""A gap up to this long [s] is filled with a spline: a fifth of a second is a tenth of a squat."""
LONG = 2.0
"""A gap up to this long [s] is filled from the cluster of its segment."""
HELPERS = 3
"""A cluster needs so many other markers ..."""
SPREAD = 0.01
"""... that are this far from one line [m] ..."""
LOOSE = 0.03
"""... and, just outside the gap, tell the marker to this root mean square [m]."""
SPEED = 10.0
"""No marker of a person who squats moves faster [m/s]: feet in a sprint reach twice that, and knees in a squat 2."""
OFF_CLUSTER, GLITCH = 0.05, 0.025
"""A marker this far off its cluster [m] has left it; GLITCH where the segment is rigid (`RIGID`) and the marker is back
within `SHORT`. In clean recordings one frame moves a marker by 7 mm on a rigid segment, by 27 mm on a forearm."""
RIGID = ("pelvis", "femur", "tibia")
"""Segments whose markers keep their places: skin moves them by 18 mm in the clean recordings, not by OFF_CLUSTER."""
STEP, ACCELERATION = 0.015, 100.0
"""A marker that is further from where its path leads than STEP [m], or ACCELERATION [m/s2] explains, is looked at. In
clean recordings at 100 Hz the largest such step is 9 mm, once 35 mm beside a gap."""
RESTLESS = 0.1
"""With more than this share of suspicious frames no label can be checked by its path."""
FLIP = 3
"""So many pairs of right and left that are exchanged together are the flip of a side."""
MOSTLY_LEFT = 0.05
"""Right markers that are right of their partners in less than this share of frames are the left ones."""
BODY = ("pelvis", "torso", "femur", "tibia", "calcn", "forefoot")
"""Links on which right is right and left is left, whatever a person does ..."""
CROSSING = ("tibia", "calcn", "forefoot")
"""... but for legs that cross, where the markers of a leg cross together."""
LATERAL = 0.03
"""A right marker is at least this far to the right of its left partner, in the mean [m], to tell which is which."""
CLEARLY = 2.0
"""So many times more rigid tells which of two labels is right."""

FAR = 1e9
"""Stands for a distance too large to compute [m]."""

Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """One thing that was mended, or seen and not mended (`corrected` False: a warning).

    marker: its label, or labels; start, end [s]: the last good sample before and the first after. method: spline,
    cluster, open (a gap that stays), exchange, flip, jump, rigidity, labels. rms_mm: of a cluster, how well it tells
    the marker just outside the gap; of rigidity, how far off the marker is.
    """

    marker: str
    start: float
    end: float
    method: str
    rms_mm: float | None = None
    corrected: bool = True

    def __str__(self) -> str:
        span = f"from {self.start:.2f} to {self.end:.2f} s"
        beside = " beside it" if self.method == "cluster" else ""
        off = "" if self.rms_mm is None else f" ({self.rms_mm:.1f} mm rms{beside})"
        done = {
            "spline": f"filled a gap of {self.marker} {span} with a spline",
            "cluster": f"filled a gap of {self.marker} {span} from the markers of its segment{off}",
            "exchange": f"put back the labels of {self.marker}, exchanged {span}",
            "flip": f"put back right and left, exchanged {span}: {self.marker}",
            "jump": f"took out a jump of {self.marker} {span}",
        }
        unclear = f"change places {span}, or the other way round outside of it; which is unclear"
        seen = {
            "exchange": f"the labels of {self.marker} {unclear}",
            "flip": f"right and left {unclear}: {self.marker}",
            "jump": f"{self.marker} jumps at {self.end:.2f} s and stays there",
            "rigidity": f"{self.marker} is off its usual place among the markers of its segment {span}{off}",
            "open": f"{self.marker} has a gap {span} that nothing could fill",
            "labels": f"the markers move too abruptly to check their labels: {self.marker}",
        }
        return done[self.method] if self.corrected else f"not corrected: {seen[self.method]}"


Repairs = tuple[Repair, ...]


def repair(markers: Markers, marker_set: Recognised) -> tuple[Markers, Repairs]:
    """A recording with exchanged labels put back, jumps taken out and gaps filled, and a report of all of it.

    A recording without any of these comes back as it is. marker_set: that of the recording (`marker_sets.recognise`).
    """
    with np.errstate(over="ignore", invalid="ignore"):  # a marker light years away is off its path, no more
        work = _Work(markers, marker_set)
        if _check_labels(work):
            _check_sides(work)
            _check_rigidity(work)
        _fill(work)
    _tell_open(work)
    if not work.repairs:
        return markers, ()
    order = sorted(work.repairs, key=lambda each: (each.start, each.end, each.marker))
    return replace(markers, positions=work.positions), tuple(order)


def fill(time: Array, points: Array, marker: str, source: str) -> tuple[Array, Repairs]:
    """Fill short gaps of one marker, shape (n, 3), with a cubic spline through what was seen.

    Errors: RecordingError for a gap longer than `SHORT` or one at either end (nothing to interpolate towards): one
    that `repair` could not fill from the other markers of the segment either.
    """
    seen = np.isfinite(points.sum(axis=1))
    if seen.all():
        return points, ()
    gaps = [(float(time[max(a - 1, 0)]), float(time[min(b, len(time) - 1)])) for a, b in _runs(~seen)]
    limits = f"or of {LONG:g} s where {HELPERS} other markers of its segment are seen"
    for start, end in gaps:
        if end - start > SHORT:
            span = f"from {start:.2f} to {end:.2f} s"
            raise RecordingError(
                f"{source}, marker {marker}: expected gaps of at most {SHORT} s, found one {span}; {limits}"
            )
    if not (seen[0] and seen[-1]):
        raise RecordingError(
            f"{source}, marker {marker}: expected it in the first and the last frame, found a gap there; {limits}"
        )
    filled = np.where(seen[:, None], points, _spline(time, points, seen))
    return filled, tuple(Repair(marker=marker, start=start, end=end, method="spline") for start, end in gaps)


def _spline(time: Array, points: Array, seen: Bools) -> Array:
    from scipy.interpolate import CubicSpline

    return np.asarray(CubicSpline(time[seen], points[seen])(time), dtype=np.float64)


def _runs(mask: Bools) -> list[tuple[int, int]]:
    """Where a mask is true: first and one past the last, for each run."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(int)))
    return [(int(first), int(last)) for first, last in edges.reshape(-1, 2)]


def _tell_open(work: _Work) -> None:
    """The gaps that are left: they matter to who needs the marker, and are told to everyone."""
    time = work.time
    for i, name in enumerate(work.names):
        for first, last in _runs(np.isnan(work.positions[:, i].sum(axis=1))):
            start, end = float(time[max(first - 1, 0)]), float(time[min(last, len(time) - 1)])
            work.repairs.append(Repair(marker=name, start=start, end=end, method="open", corrected=False))


@dataclass(frozen=True, slots=True)
class _Unclear:
    """Labels that changed places together at the ends of runs of frames; nothing told yet which part is wrong."""

    pairs: list[tuple[int, int]]
    runs: list[tuple[int, int]]
    method: str


class _Work:
    """A recording while it is repaired."""

    def __init__(self, markers: Markers, marker_set: Recognised) -> None:
        self.names, self.time = markers.names, markers.time
        self.recorded = markers.positions
        self.positions = markers.positions.copy()
        self.set = marker_set
        self.source = markers.source
        self.repairs: list[Repair] = []
        self.unclear: list[_Unclear] = []
        self.step = float(np.median(np.diff(self.time))) if len(self.time) > 1 else 0.0
        self.rightward = _rightward(markers, marker_set)
        """The person's right, shape (n, 3); None where nothing tells."""
        groups: dict[str, list[int]] = {}
        # A joint centre is computed, not stuck to the skin: it helps no other marker.
        centres = {
            label
            for role, side in marker_set.marker_set.roles
            if role.endswith("_centre")
            for label in marker_set.find(role, side)
        }
        for i, name in enumerate(self.names):
            if (segment := self._segment(name)) and name not in centres:
                groups.setdefault(segment, []).append(i)
        self.mates = [
            [j for j in groups.get(self._segment(name) or "", []) if j != i] for i, name in enumerate(self.names)
        ]

    def link(self, i: int) -> str:
        """The link that carries a marker, without its side; empty where none does."""
        return (self.set.segment(self.names[i]) or "").removesuffix("_r").removesuffix("_l")

    def _segment(self, name: str) -> str | None:
        """The segment that moves as one, or nearly: foot and forearm have two links each."""
        link = self.set.segment(name)
        return None if link is None else link.replace("forefoot", "calcn").replace("radius", "ulna")

    def seen(self, first: int, last: int, marker: int) -> bool:
        return bool(np.isfinite(self.positions[first:last, marker].sum(axis=1)).all())

    def helpers(self, first: int, last: int, marker: int, without: Iterable[int] = ()) -> list[int]:
        """Markers of the same segment seen in frames first to last (exclusive); none where they tell no rotation."""
        found = [j for j in self.mates[marker] if j not in set(without) and self.seen(first, last, j)]
        enough = len(found) >= HELPERS and clusters.spread(self.positions[first, found]) > SPREAD
        return found if enough else []

    def carried(self, helpers: Sequence[int], marker: int, at: int, frames: slice) -> Array:
        """Where the cluster puts a marker, by where it was on the cluster in frame `at`."""
        there = self.positions[frames][:, list(helpers)]
        return clusters.carry(self.positions[at, list(helpers)], there, self.positions[at, marker])


# --- gaps ------------------------------------------------------------------------------------------------------------


def _fill(work: _Work) -> None:
    time, n = work.time, len(work.time)
    long: list[tuple[int, int, int]] = []
    for i, name in enumerate(work.names):
        seen = np.isfinite(work.positions[:, i].sum(axis=1))
        if seen.all() or seen.sum() < 4:
            continue
        runs = _runs(~seen)
        short = [(a, b) for a, b in runs if a > 0 and b < n and time[b] - time[a - 1] <= SHORT]
        long += [(i, a, b) for a, b in runs if (a, b) not in short]
        if short:
            curve = _spline(time, work.positions[:, i], seen)
            for a, b in short:
                work.positions[a:b, i] = curve[a:b]
                work.repairs.append(Repair(marker=name, start=float(time[a - 1]), end=float(time[b]), method="spline"))
    filled = [(i, a, b, found) for i, a, b in long if (found := _from_cluster(work, i, a, b)) is not None]
    for i, a, b, (points, rms) in filled:  # only now: no cluster leans on what another has filled
        work.positions[a:b, i] = points
        start, end = float(time[max(a - 1, 0)]), float(time[min(b, n - 1)])
        work.repairs.append(Repair(marker=work.names[i], start=start, end=end, method="cluster", rms_mm=rms))


def _from_cluster(work: _Work, marker: int, a: int, b: int) -> tuple[Array, float | None] | None:
    """Frames a to b of a marker from its cluster, as it lay on it at both ends; and the rms beside them [mm]."""
    time, n = work.time, len(work.time)
    first, last = max(a - 1, 0), min(b, n - 1)
    if time[last] - time[first] > LONG:
        return None
    helpers = work.helpers(first, last + 1, marker)
    if not helpers:
        return None
    ends = [at for at in (a - 1, b) if 0 <= at < n]
    sides = [work.carried(helpers, marker, at, slice(a, b)) for at in ends]
    if len(sides) == 2 and np.linalg.norm(sides[0] - sides[1], axis=1).mean() > OFF_CLUSTER:
        return None  # elsewhere on the segment before and after: not one marker
    share = np.linspace(0, 1, b - a + 2)[1:-1, None]
    points = sides[0] if len(sides) == 1 else (1 - share) * sides[0] + share * sides[1]
    error = []
    for at, beside in zip(ends, [slice(max(2 * a - b, 0), a)] * (a > 0) + [slice(b, min(2 * b - a, n))], strict=False):
        error.append(np.sum((work.carried(helpers, marker, at, beside) - work.positions[beside, marker]) ** 2, axis=1))
    squares = np.concatenate(error)
    squares = squares[np.isfinite(squares)]
    rms = float(np.sqrt(squares.mean())) if len(squares) else None
    return None if rms is not None and rms > LOOSE else (points, None if rms is None else 1e3 * rms)


# --- labels ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a marker is expected in a frame [m]: by its path, or by its cluster (`rigid`) where it was lost for long.

    last: the frame it was last seen in; within [m]: how far it may be from there."""

    last: int
    point: Array
    within: float
    rigid: bool = False


def _check_labels(work: _Work) -> bool:
    """Exchanges and jumps by the paths of the markers. Whether the recording is calm enough to tell."""
    if work.step <= 0 or not np.isfinite(work.step):
        return False
    reach = max(STEP, ACCELERATION * work.step**2)
    abrupt, returns = _suspicious(work, reach)
    if abrupt.sum() > max(RESTLESS * len(work.time), 100):
        span = {"start": float(work.time[0]), "end": float(work.time[-1])}
        what = f"{abrupt.sum()} of {len(work.time)} frames"
        work.repairs.append(Repair(marker=what, method="labels", corrected=False, **span))
        return False
    since = np.zeros(len(work.names), dtype=int)
    exchanges: dict[tuple[int, int], list[int]] = {}
    for k in (int(k) for k in np.flatnonzero(abrupt | returns)):
        places = {i: place for i in range(len(work.names)) if (place := _expected(work, i, k, int(since[i]), reach))}
        off = {i: float(np.linalg.norm(work.positions[k, i] - place.point)) for i, place in places.items()}
        steady = {i for i, place in places.items() if place.last == k - 1 and off[i] <= place.within}
        for i in (i for i in range(len(work.names)) if i not in places or places[i].within > LOOSE):
            if place := _carried_over(work, i, k, int(since[i]), steady):
                places[i], off[i] = place, float(np.linalg.norm(work.positions[k, i] - place.point))
        strange = [i for i, place in places.items() if off[i] > place.within]
        for i, j in _exchanged(work, k, strange, places):
            work.positions[k:, [i, j]] = work.positions[k:, [j, i]]
            exchanges.setdefault((i, j), []).append(k)
            strange = [m for m in strange if m not in (i, j)]
        for i in strange:
            if _left_its_path(work, k, i, places[i], off[i], strange):
                since[i] = _jump(work, k, i, places[i], off[i], reach, strange, int(since[i]))
    _settle(work, exchanges)
    return True


def _suspicious(work: _Work, reach: float) -> tuple[Bools, Bools]:
    """Frames in which a marker is not where its path leads, and those in which one is back after so long a gap that its
    path no longer tells, each of shape (n,)."""
    n = len(work.time)
    found, returns = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
    for i in range(len(work.names)):
        p = work.positions[:, i]
        seen = np.flatnonzero(np.isfinite(p.sum(axis=1)))
        if len(seen) < 3:
            continue
        q, gap = p[seen], np.diff(seen)
        speed = np.vstack([np.zeros((1, 3)), np.where((gap[:-1] == 1)[:, None], np.diff(q, axis=0)[:-1], 0.0)])
        off = np.linalg.norm(np.diff(q, axis=0) - speed * gap[:, None], axis=1)
        # A wrong point also spoils the guess of the next two frames.
        found[seen[1:][(off > reach * gap) & (gap * work.step <= SHORT)]] = True
        returns[seen[1:][(gap > 1) & (reach * gap > LOOSE)]] = True
    return found, returns


def _expected(work: _Work, i: int, k: int, since: int, reach: float) -> _Place | None:
    """Where marker i is expected in frame k by its last two points; None where it or its past is not seen."""
    if not np.isfinite(work.positions[k, i]).all():
        return None
    floor = max(since, k - max(int(SHORT / work.step), 1))
    for last in range(k - 1, floor - 1, -1):
        point = work.positions[last, i]
        if np.isfinite(point).all():
            before = work.positions[last - 1, i] if last > since else point
            speed = point - before if np.isfinite(before).all() else np.zeros(3)
            return _Place(last, point + speed * (k - last), reach * (k - last))
    return None


def _carried_over(work: _Work, i: int, k: int, since: int, steady: set[int]) -> _Place | None:
    """Where the cluster puts marker i, back in frame k; None where too few of its markers are seen before and now."""
    if not np.isfinite(work.positions[k, i]).all() or not (mates := [j for j in work.mates[i] if j in steady]):
        return None
    before = np.flatnonzero(np.isfinite(work.positions[since:k, i].sum(axis=1)))
    if not len(before) or (last := since + int(before[-1])) == k - 1:
        return None
    helpers = [j for j in mates if np.abs(work.positions[last, j]).max() < FAR]  # false for NaN
    if len(helpers) < HELPERS or clusters.spread(work.positions[last, helpers]) <= SPREAD:
        return None
    return _Place(last, work.carried(helpers, i, last, slice(k, k + 1))[0], LOOSE, rigid=True)


def _exchanged(work: _Work, k: int, strange: Sequence[int], places: dict[int, _Place]) -> list[tuple[int, int]]:
    """Pairs among strange markers that are each where the other is expected, and no other reading fits as well."""
    if len(strange) < 2:
        return []
    from scipy.optimize import linear_sum_assignment

    here = work.positions[k, list(strange)]
    there = np.stack([places[i].point for i in strange])
    cost = np.nan_to_num(np.linalg.norm(here[:, None] - there[None], axis=2), nan=FAR, posinf=FAR)
    partner = linear_sum_assignment(cost)[1]
    pairs = []
    for x, y in enumerate(partner):
        if x < y and partner[y] == x:
            i, j = strange[x], strange[int(y)]
            apart = float(np.linalg.norm(there[x] - there[y]))
            if max(cost[x, y], cost[y, x]) < min(max(places[i].within, places[j].within), 0.4 * apart):
                pairs.append((i, j))
    return pairs


def _left_its_path(work: _Work, k: int, i: int, place: _Place, off: float, strange: Sequence[int]) -> bool:
    elapsed = float(work.time[k] - work.time[place.last])
    if np.linalg.norm(work.positions[k, i] - work.positions[place.last, i]) > SPEED * elapsed:
        return True
    if place.rigid:
        return off > OFF_CLUSTER
    least = GLITCH if work.link(i) in RIGID else OFF_CLUSTER
    helpers = work.helpers(place.last, k + 1, i, strange) if off > least / 2 else []
    if not helpers:
        return False
    carried = work.carried(helpers, i, place.last, slice(k, k + 1))[0]
    return bool(np.linalg.norm(work.positions[k, i] - carried) > least)


def _jump(
    work: _Work, k: int, i: int, place: _Place, off: float, reach: float, strange: Sequence[int], since: int
) -> int:
    """Take a jump out, if the marker comes back in time. The frame from which its path counts from now on."""
    time, n = work.time, len(work.time)
    speed = (place.point - work.positions[place.last, i]) / (k - place.last)
    end = k + 1
    while end < n and time[end] - time[place.last] <= SHORT:
        point = work.positions[end, i]
        if not np.isfinite(point).all():
            end += 1
            continue
        helpers = work.helpers(place.last, end + 1, i, strange)
        if helpers:
            expected, near = work.carried(helpers, i, place.last, slice(end, end + 1))[0], GLITCH
        else:
            expected = work.positions[place.last, i] + speed * (end - place.last)
            near = reach * (end - place.last)
        if np.linalg.norm(point - expected) < min(near, off / 2):
            break
        end += 1
    else:
        helpers = work.helpers(place.last, k + 1, i, strange)
        start, stop = float(time[place.last]), float(time[k])
        if end < n and time[k] - time[0] <= SHORT and _stays(work, i, k, strange):
            work.positions[:k, i] = np.nan  # it came to its place just after the first frame
            work.repairs.append(Repair(marker=work.names[i], start=float(time[0]), end=stop, method="jump"))
            return k
        if end < n or not helpers:
            if off > OFF_CLUSTER:
                work.repairs.append(Repair(marker=work.names[i], start=start, end=stop, method="jump", corrected=False))
            return k if off > OFF_CLUSTER else since
    work.positions[k:end, i] = np.nan
    start, stop = float(time[place.last]), float(time[min(end, n - 1)])
    work.repairs.append(Repair(marker=work.names[i], start=start, end=stop, method="jump"))
    return since


def _stays(work: _Work, i: int, k: int, strange: Sequence[int]) -> bool:
    """Whether a marker keeps its place on its cluster in the frames after k that `SHORT` covers."""
    last = min(k + max(int(SHORT / work.step), 2), len(work.time))
    helpers = work.helpers(k, last, i, strange) if work.seen(k, last, i) else []
    if not helpers:
        return False
    away = np.linalg.norm(work.carried(helpers, i, k, slice(k, last)) - work.positions[k:last, i], axis=1)
    return bool(away.max() < GLITCH / 2)


# --- right and left --------------------------------------------------------------------------------------------------


def _check_sides(work: _Work) -> None:
    """Right markers to the left of their partners: all the while, or between gaps that hide where labels changed."""
    across = {
        (i, j): found
        for i in range(len(work.names))
        for j in range(i + 1, len(work.names))
        if (found := _right_of_left(work, work.positions, i, j)) is not None
    }
    middle = _middle(work, list(across))
    state = {pair: _order(work, pair, found, middle) for pair, found in across.items()}
    body = [pair for pair in state if work.link(pair[0]) in BODY]
    legs = [pair for pair in body if work.link(pair[0]) in CROSSING]
    trunk = [pair for pair in body if pair not in legs]

    def count(pairs: Sequence[tuple[int, int]], order: int) -> NDArray[np.int64]:
        return sum((state[pair] == order for pair in pairs), start=np.zeros(len(work.time), dtype=np.int64))

    right, left, upright = count(body, 1), count(body, -1), count(trunk, 1) > count(trunk, -1)
    flipped = (left >= FLIP) & (left > 4 * right) & (count(trunk, -1) > count(trunk, 1))
    if flipped.any() and not (right > left).any():
        first = " and ".join(work.names[i] for i in trunk[0])
        raise RecordingError(
            f"{work.source}: expected right markers to the right of left ones, found {int(left.max())} pairs the other "
            f"way round whenever they are seen ({first}, ...): right and left exchanged, or mirrored axes"
        )
    flips: dict[bytes, list[tuple[int, int]]] = {}
    told: set[tuple[int, int]] = set()
    for pair, order in state.items():
        wrong = (order < 0) & flipped
        if pair in body:
            group = legs if pair in legs else trunk
            wrong |= (order < 0) & ~flipped & upright & (count(group, 1) > count(group, -1))
        if (order[_seen(work, pair)] != 0).all() and not ((order < 0) & ~wrong).any():
            told.add(pair)
        if wrong.any():
            i, j = pair
            work.positions[wrong, i], work.positions[wrong, j] = work.positions[wrong, j], work.positions[wrong, i]
            flips.setdefault(wrong.tobytes(), []).append(pair)
    for key, pairs in flips.items():
        runs = _bridged(work, pairs[0], np.frombuffer(key, dtype=bool))
        for each in [pairs] if len(pairs) >= FLIP else [[pair] for pair in pairs]:
            _say(work, each, runs, "flip" if len(each) >= FLIP else "exchange")
    for unclear in work.unclear:
        if rest := [pair for pair in unclear.pairs if pair not in told]:
            _say(work, rest, unclear.runs, unclear.method, corrected=False)


def _middle(work: _Work, pairs: Sequence[tuple[int, int]]) -> Array:
    """Where the plane between right and left is, along the person's right [m], shape (n,): no exchange moves it."""
    if not pairs or work.rightward is None:
        return np.full(len(work.time), np.nan)
    middles = np.stack([np.einsum("nki,ni->n", work.positions[:, [*pair]], work.rightward) / 2 for pair in pairs], 1)
    middle = np.full(len(middles), np.nan)
    known = np.isfinite(middles).any(axis=1)
    middle[known] = np.nanmedian(np.where(np.isfinite(middles), middles, np.nan)[known], axis=1)
    return middle


def _order(work: _Work, pair: tuple[int, int], across: Array, middle: Array) -> NDArray[np.int64]:
    """1 where a pair is right of left, -1 where the other way round and on either side of the body, 0 where nothing
    tells; one answer a piece."""
    least = 0.5 * float(np.median(np.abs(across[np.isfinite(across)])))
    order = np.zeros(len(across), dtype=np.int64)
    if work.rightward is None:
        return order
    sides = np.einsum("nki,ni->nk", work.positions[:, [*pair]], work.rightward) - middle[:, None]
    for a, b in _pieces(work, pair):
        known = np.isfinite(across[a:b]) & np.isfinite(sides[a:b]).all(axis=1)
        if known.any():
            apart, places = float(across[a:b][known].mean()), sides[a:b][known].mean(axis=0)
            astride = places.prod() < 0 and np.abs(places).min() > 0.25 * abs(apart)
            order[a:b] = 1 if apart > least else -1 if apart < -least and astride else 0
    return order


def _pieces(work: _Work, pair: tuple[int, int]) -> list[tuple[int, int]]:
    """Runs of frames in which both are seen, cut where their labels may have changed places."""
    cuts = {at for each in work.unclear if pair in each.pairs for run in each.runs for at in run}
    return [
        piece
        for a, b in _runs(_seen(work, pair))
        for piece in pairwise([a, *sorted(at for at in cuts if a < at < b), b])
    ]


def _seen(work: _Work, pair: tuple[int, int]) -> Bools:
    return np.asarray(np.isfinite(work.positions[:, pair].sum(axis=(1, 2))))


def _bridged(work: _Work, pair: tuple[int, int], wrong: Bools) -> list[tuple[int, int]]:
    """The runs of `wrong`; as one those between which the pair is not seen."""
    seen = _seen(work, pair)
    runs: list[tuple[int, int]] = []
    for a, b in _runs(wrong):
        if runs and not seen[runs[-1][1] : a].any():
            a = runs.pop()[0]
        runs.append((a, b))
    return runs


# --- rigidity --------------------------------------------------------------------------------------------------------


def _check_rigidity(work: _Work) -> None:
    """Markers that are off the rigid cluster of their segment, without a step that their path would show."""
    warned = {word for each in work.repairs if not each.corrected for word in each.marker.replace(",", "").split()}
    off = {
        i: away
        for i, name in enumerate(work.names)
        if name not in warned and (away := _off_cluster(work, work.positions, i)) is not None
    }
    loose = [i for i, away in off.items() if (away > OFF_CLUSTER).sum() * work.step > SHORT]
    if len(loose) == 2 and _more_rigid(work, *loose) is False:
        exchanged = work.positions.copy()
        exchanged[:, loose] = work.positions[:, loose[::-1]]
        after = [_off_cluster(work, exchanged, i) for i in loose]
        if all(away is not None and not (away > OFF_CLUSTER).any() for away in after):
            work.positions = exchanged
            _say(work, [(loose[0], loose[1])], [(0, len(work.time))], "exchange")
            return
    for i in loose:
        bad = np.flatnonzero(off[i] > OFF_CLUSTER)
        rms = 1e3 * float(np.sqrt(np.mean(off[i][bad] ** 2)))
        start, end = float(work.time[max(bad[0] - 1, 0)]), float(work.time[min(bad[-1] + 1, len(work.time) - 1)])
        work.repairs.append(
            Repair(marker=work.names[i], start=start, end=end, method="rigidity", rms_mm=rms, corrected=False)
        )


def _off_cluster(work: _Work, positions: Array, i: int) -> Array | None:
    """How far a marker is off its usual place among its mates: the middle change of its distances to them [m], shape
    (n,), NaN where fewer than `HELPERS` are seen; None where that is most of the time, or the segment is not rigid."""
    if work.link(i) not in RIGID or len(work.mates[i]) < HELPERS:
        return None
    apart = np.linalg.norm(positions[:, work.mates[i]] - positions[:, [i]], axis=2)
    apart[~np.isfinite(apart)] = np.nan
    apart = apart[:, np.isfinite(apart).mean(axis=0) > 0.5]
    known = np.isfinite(apart).sum(axis=1) >= HELPERS
    if not known.mean() > 0.5:
        return None
    off = np.full(len(positions), np.nan)
    off[known] = np.nanmedian(np.abs(apart[known] - np.nanmedian(apart[known], axis=0)), axis=1)
    return off


# --- which part of an exchange is wrong ------------------------------------------------------------------------------


def _settle(work: _Work, exchanges: dict[tuple[int, int], list[int]]) -> None:
    """Report the exchanges; undo those of which it is unclear which part is wrong. Up to here frame 0 was right."""
    for pairs in _entangled(exchanges):
        if not all(_closed(work, exchanges[pair]) for pair in pairs):
            # Chains of exchanges without an end: nothing is undone halfway.
            members = sorted({i for pair in pairs for i in pair})
            work.positions[:, members] = work.recorded[:, members]
            for pair in pairs:
                first, last = exchanges[pair][0], exchanges[pair][-1]
                _record(work, [pair], [(first, last if last > first else len(work.time))], "exchange", False)
                del exchanges[pair]
    together: dict[tuple[int, ...], list[tuple[int, int]]] = {}
    for pair, frames in exchanges.items():
        together.setdefault(tuple(frames), []).append(pair)
    for moments, pairs in together.items():
        mirrored = [pair for pair in pairs if _mirrored(work, *pair)]
        flips = [mirrored] if len(mirrored) >= FLIP else [[pair] for pair in mirrored]
        for group in flips + [[pair] for pair in pairs if pair not in mirrored]:
            _report(work, moments, group, "flip" if len(group) >= FLIP else "exchange")


def _entangled(exchanges: dict[tuple[int, int], list[int]]) -> list[list[tuple[int, int]]]:
    """Pairs that share markers with other pairs, in groups."""
    groups: list[list[tuple[int, int]]] = []
    for pair in exchanges:
        touching = [group for group in groups if any(set(pair) & set(other) for other in group)]
        groups = [group for group in groups if group not in touching] + [[pair, *(p for g in touching for p in g)]]
    return [group for group in groups if len(group) > 1]


def _inside(work: _Work, frames: Sequence[int]) -> Bools:
    """The frames between an exchange and the next."""
    inside = np.zeros(len(work.time), dtype=bool)
    bounds = [*frames, len(work.time)] if len(frames) % 2 else list(frames)
    for a, b in zip(bounds[::2], bounds[1::2], strict=True):
        inside[a:b] = True
    return inside


def _closed(work: _Work, frames: Sequence[int]) -> bool:
    """Whether the labels are the same at both ends of the recording, and most of the time between."""
    return len(frames) % 2 == 0 and bool(_inside(work, frames).mean() < 0.5)


def _report(work: _Work, frames: tuple[int, ...], group: list[tuple[int, int]], method: str) -> None:
    inside = _inside(work, frames)
    wrong = _wrong_part(work, group, inside)
    if wrong is None and _closed(work, frames):
        wrong = True
    if not wrong:
        # As recorded (the exchange undone) - or, where what comes before the exchange is wrong, that part exchanged.
        part = inside if wrong is None else np.ones(len(work.time), dtype=bool)
        for i, j in group:
            work.positions[part, i], work.positions[part, j] = work.positions[part, j], work.positions[part, i]
    _record(work, group, _runs(~inside if wrong is False else inside), method, wrong is not None)


def _record(
    work: _Work, group: list[tuple[int, int]], runs: list[tuple[int, int]], method: str, corrected: bool
) -> None:
    if corrected:
        _say(work, group, runs, method)
    else:
        work.unclear.append(_Unclear(pairs=group, runs=runs, method=method))


def _say(
    work: _Work, group: list[tuple[int, int]], runs: list[tuple[int, int]], method: str, corrected: bool = True
) -> None:
    name = ", ".join(" and ".join(sorted((work.names[i], work.names[j]))) for i, j in group)
    for a, b in runs:
        start, end = float(work.time[max(a - 1, 0)]), float(work.time[min(b, len(work.time) - 1)])
        work.repairs.append(Repair(marker=name, start=start, end=end, method=method, corrected=corrected))


def _wrong_part(work: _Work, group: list[tuple[int, int]], inside: Bools) -> bool | None:
    """True: the labels were wrong inside the exchange, False: outside it, None: nothing tells."""
    body = [pair for pair in group if work.link(pair[0]) in BODY]  # arms and head may cross
    right = [across for pair in body if (across := _right_of_left(work, work.recorded, *pair)) is not None]
    if right:
        shares = []
        for part in (inside, ~inside):
            known = np.concatenate([across[part & np.isfinite(across)] for across in right])
            shares.append(float((known > 0).mean()) if len(known) else 0.5)
        if min(shares) < MOSTLY_LEFT and max(shares) > 1 - MOSTLY_LEFT:
            return shares[0] < shares[1]
    if len(group) == 1:
        (pair,) = group
        return _more_rigid(work, *pair)
    return None


def _more_rigid(work: _Work, i: int, j: int) -> bool | None:
    """Labels as in frame 0 (True) or exchanged (False), whichever keeps the distances to the mates; None: neither."""
    often = np.isfinite(work.positions.sum(axis=2)).mean(axis=0) > 0.5
    mates, others = ([m for m in work.mates[x] if m not in (i, j) and often[m]] for x in (i, j))
    if not (often[i] and often[j]):
        return None
    if set(mates) & set(others) or len(mates) < 2 or len(others) < 2:
        return None

    def loose(marker: int, company: list[int]) -> float:
        """The mean spread of its distances [m]; infinite where they are never seen together."""
        away = np.linalg.norm(work.positions[:, marker, None] - work.positions[:, company], axis=2)
        away = away[np.isfinite(away).all(axis=1)]
        return float(away.std(axis=0).mean()) if len(away) else np.inf

    own = loose(i, mates) + loose(j, others)
    crossed = loose(i, others) + loose(j, mates)
    return True if crossed > CLEARLY * own else False if own > CLEARLY * crossed else None


def _side(name: str) -> tuple[str, float]:
    """A label without its side, and the side: 1 right, -1 left, 0 neither. R_HJC, r_knee, RightFoot, HipRight."""
    bare = name.rpartition(":")[2].casefold()
    for word, side in (("right", 1.0), ("left", -1.0)):
        if word in bare:
            return bare.replace(word, "", 1), side
    return bare[1:], {"r": 1.0, "l": -1.0}.get(bare[:1], 0.0)


def _mirrored(work: _Work, i: int, j: int) -> bool:
    """Whether two labels are the same marker of the right and the left."""
    (one, side), (other, otherside) = _side(work.names[i]), _side(work.names[j])
    return one == other and side * otherside < 0


def _right_of_left(work: _Work, positions: Array, i: int, j: int) -> Array | None:
    """How far the right one of two labels is to the right of the left one [m], shape (n,), NaN where not seen; None
    where they are not mirrored, or too close together to tell."""
    if work.rightward is None or not _mirrored(work, i, j):
        return None
    across = np.einsum("ni,ni->n", positions[:, i] - positions[:, j], work.rightward) * _side(work.names[i])[1]
    known = np.abs(across[np.isfinite(across)])
    return np.asarray(across) if len(known) and np.median(known) > LATERAL else None


def _rightward(markers: Markers, marker_set: Recognised) -> Array | None:
    """The person's right, shape (n, 3), by where both feet together point, or the pelvis: no exchange of sides changes
    that. NaN where nothing tells; None where nothing ever does."""
    for back, front in (("heel", "toe"), ("ankle_centre", "toe"), ("psis", "asis")):
        middles = []
        for role in (back, front):
            found = [marker_set.find(role, side) for side in SIDES]
            if all(found):
                columns = [markers.names.index(names[0]) for names in found]
                middles.append(markers.positions[:, columns].mean(axis=1))
        if len(middles) < 2:
            continue
        forward = (middles[1] - middles[0]) * [1.0, 0.0, 1.0]
        length = np.linalg.norm(forward, axis=1, keepdims=True)
        forward = forward / np.where(length > LATERAL, length, np.nan)
        if np.isfinite(forward).any():
            return np.asarray(np.cross(forward, [0.0, 1.0, 0.0]))
    return None
