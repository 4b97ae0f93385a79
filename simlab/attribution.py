"""Which cause contributes how much: of one subject's change (Shapley), and over ranges of dials (Sobol).

    found = attribution.shapley(load_subject("subject.toml"), tasks.load("squat"), "right.fppa_peak_deg")
    attribution.plot(found, "attribution.png")

The players are the subject's causes and supports; a coalition is the healthy body with only some of them. A cause's
share is its mean marginal contribution over all orders in which the causes can be added (Shapley L.S. 1953, doi
10.1515/9781400881970-018), so the shares sum to the change. Two causes interact where they do more (or less) together
than one by one: the Shapley interaction index (Grabisch M. and Roubens M. 1999, doi 10.1007/s001820050125).

A coalition that falls has no number, and so no share that needs it is made up: the shares are None, the coalitions are
named, and of each cause is told what is known, from the smallest to the largest of its marginal contributions between
coalitions that both succeeded.
"""

from __future__ import annotations

import difflib
import itertools
import math
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from simlab import sweep
from simlab.control import Controller
from simlab.errors import InputError
from simlab.export import LEG
from simlab.metrics import BOTH
from simlab.motion import SIDES, Array
from simlab.subject import Subject, change
from simlab.sweep import Job, Outcome, Progress, simulate_one
from simlab.tasks import Task

EXACT = 6
"""Causes up to which every coalition is simulated (64 of them); with more, orders are drawn."""
MEDIUS = "gluteus medius and minimus"
GROUPS = {
    "gluteus_medius_strength": MEDIUS,
    "gluteus_minimus_strength": MEDIUS,  # follows the medius where it is not set, so the two are one cause
    "gluteus_medius_anterior_strength": MEDIUS,
    "gluteus_medius_middle_strength": MEDIUS,
    "gluteus_medius_posterior_strength": MEDIUS,
    "foot_pronation_deg": "foot pronation",
    "genu_valgum_deg": "genu valgum",
    "femoral_anteversion_deg": "femoral anteversion",
    "tibial_torsion_deg": "tibial torsion",
}
"""The clinical name of a dial, where it is more than the dial's own name; dials of one name are one cause."""
Path_ = tuple[str, ...]
"""Where a dial is in a subject's data, for example ("right", "adductor_tightness")."""
Value = float | str
"""The metric of a coalition, or why it has none."""
Evaluate = Callable[[Sequence[frozenset[int]]], Sequence[Value]]
"""Values of coalitions, each a set of players by number."""


# --- causes -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """A cause as clinicians name it, or a support. side: "both" where the legs are alike, "" where it has none."""

    name: str
    side: str
    dials: tuple[Path_, ...]

    def __str__(self) -> str:
        return f"{self.name}, {'both legs' if self.side == 'both' else f'{self.side} leg'}" if self.side else self.name


def causes(subject: Subject) -> tuple[Cause, ...]:
    """What sets a subject apart from its healthy twin, in the order of its dials: legs, then supports."""
    own, healthy = subject.model_dump(), subject.healthy().model_dump()
    found = _sided(own, healthy, (), _leg_name)
    supports = own.get("supports", {})
    found += _sided(supports, healthy.get("supports", {}), ("supports",), lambda path: "insole")
    rest: dict[str, list[Path_]] = {}
    for name, value in supports.items():
        if name not in SIDES and value != healthy["supports"][name]:
            rest.setdefault(_words("band_above_knees" if name.startswith("band_") else name), []).append(
                ("supports", name)
            )
    return (*found, *(Cause(name=name, side="", dials=tuple(dials)) for name, dials in rest.items()))


def _sided(own: dict[str, Any], healthy: dict[str, Any], start: Path_, name: Callable[[Path_], str]) -> list[Cause]:
    """The causes under own["right"] and own["left"]; one of both legs where they are the same on both."""
    legs: dict[str, dict[str, list[Path_]]] = {side: {} for side in SIDES}
    for side in SIDES:
        for path in _differences(own.get(side, {}), healthy.get(side, {})):
            legs[side].setdefault(name(path), []).append((*start, side, *path))
    found = []
    for what in dict.fromkeys([*legs["right"], *legs["left"]]):
        right, left = (legs[side].get(what, []) for side in SIDES)
        values = [{path[len(start) + 1 :]: _get(own, path[len(start) :]) for path in paths} for paths in (right, left)]
        if values[0] == values[1]:
            found.append(Cause(name=what, side="both", dials=(*right, *left)))
        else:
            found += [
                Cause(name=what, side=side, dials=tuple(p)) for side, p in zip(SIDES, (right, left), strict=True) if p
            ]
    return found


def _differences(own: Mapping[str, Any], healthy: Mapping[str, Any]) -> list[Path_]:
    """Where two sets of dials differ; a muscle that is set by name is one dial with all that is set of it."""
    paths: list[Path_] = []
    for key, value in own.items():
        if isinstance(value, dict):
            paths += [(key, name) for name, inner in value.items() if inner != healthy.get(key, {}).get(name)]
        elif value != healthy.get(key):
            paths.append((key,))
    return paths


def _leg_name(path: Path_) -> str:
    return GROUPS.get(path[0], _words(path[0])) if len(path) == 1 else f"muscle {path[-1]}"


def _words(key: str) -> str:
    return key.removesuffix("_deg").replace("_", " ")


def _get(data: Any, path: Path_) -> Any:
    for key in path:
        data = data[key]
    return data


def coalition(subject: Subject, chosen: Sequence[Cause]) -> Subject:
    """The healthy body of a subject with only these of its causes. All coalitions have the subject's name."""
    own, data = subject.model_dump(), subject.healthy().model_dump()
    for path in (path for cause in chosen for path in cause.dials):
        place = data
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = _get(own, path)
    return Subject.model_validate(data | {"name": subject.name})


# --- Shapley ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What a cause contributes, in the unit of the metric.

    share: Shapley value, None where a coalition it needs failed; standard_error: where orders were drawn; alone: the
    effect of this cause alone; last: what it adds when all others are there (so what goes away without it); low, high:
    the smallest and the largest marginal contribution between coalitions that both succeeded.
    """

    cause: str
    share: float | None
    standard_error: float | None
    alone: float | None
    last: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Interaction:
    """How much more two causes do together than one by one, over all coalitions; None where one of these failed."""

    first: str
    second: str
    index: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribution:
    """The change of a metric of a subject against its healthy twin, split over its causes.

    sum_of_single_effects: of the causes each alone; gap: change minus that, what only their combination explains;
    method: "exact", or "sampled" with so many orders drawn with the seed; failed: coalition -> why it has no number.
    """

    subject: str
    task: str
    metric: str
    unit: str
    strategy: str
    cue: float
    healthy: float | None
    value: float | None
    change: float | None
    shares: tuple[Share, ...]
    interactions: tuple[Interaction, ...]
    sum_of_single_effects: float | None
    gap: float | None
    method: str
    orders: int
    seed: int
    simulations: int
    failed: dict[str, str]

    def as_dict(self) -> dict[str, Any]:
        """The attribution as JSON-able data."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}


def shapley(
    subject: Subject,
    task: Task,
    metric: str,
    *,
    controller: Controller | None = None,
    orders: int = 32,
    seed: int = 0,
    folder: str | Path | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
    job: Job = simulate_one,
) -> Attribution:
    """Split the change of a metric, such as "right.fppa_peak_deg", over the causes of a subject.

    Up to six causes all coalitions are simulated, with more those of `orders` drawn orders. folder: where simulations
    are kept and found again. Errors: InputError; those of `sweep.outcomes`.
    """
    part, name = _metric(metric)
    players, mind = causes(subject), controller or Controller()
    if not players:
        raise InputError(f"attribution of {subject.name}: expected a subject with at least one cause, found none")

    def evaluate(coalitions: Sequence[frozenset[int]]) -> list[Value]:
        subjects = [coalition(subject, [players[i] for i in sorted(one)]) for one in coalitions]
        wanted = [sweep.simulation(one, task, mind) for one in subjects]
        found = sweep.outcomes(wanted, folder, workers=workers, progress=progress, job=job)
        return [_value(outcome, part, name) for outcome in found]

    return attribute(
        [str(player) for player in players],
        evaluate,
        about={
            "subject": subject.name,
            "task": task.name,
            "metric": metric,
            "unit": _unit(name),
            "strategy": mind.strategy,
            "cue": mind.cue,
        },
        orders=orders,
        seed=seed,
    )


def _metric(metric: str) -> tuple[str, str]:
    """Part and name of a metric. Errors: InputError naming the nearest."""
    valid = {f"{side}.{name}" for side in SIDES for name in LEG} | {f"both.{name}" for name in BOTH}
    if metric not in valid:
        near = difflib.get_close_matches(metric, sorted(valid), n=1, cutoff=0.0)[0]
        raise InputError(f"metric: unknown '{metric}'; the nearest valid one is '{near}'")
    part, _, name = metric.partition(".")
    return part, name


def _value(outcome: Outcome, part: str, name: str) -> Value:
    if not outcome["success"]:
        return str(outcome["message"] or "failed")
    value = outcome["metrics"][part][name]
    return f"{part}.{name} is not defined for it" if value is None else float(value)


def _unit(name: str) -> str:
    units = {"_deg": "deg", "_mm": "mm", "_bw": "body weights", "_nm_kg": "Nm/kg", "_nm": "Nm"}
    return next((unit for end, unit in units.items() if name.endswith(end)), "")


def attribute(
    names: Sequence[str], evaluate: Evaluate, *, about: Mapping[str, Any], orders: int = 32, seed: int = 0
) -> Attribution:
    """`shapley` of any function of coalitions; `about`: what else there is to say, fields of the result."""
    n = len(names)
    everyone = frozenset(range(n))
    sequences = _orders(n, orders, seed)
    wanted = _coalitions(n, sequences)
    values = dict(zip(wanted, evaluate(wanted), strict=True))
    known = {one: value for one, value in values.items() if not isinstance(value, str)}

    def difference(a: frozenset[int], b: frozenset[int]) -> float | None:
        return known[a] - known[b] if a in known and b in known else None

    shares = []
    for i, name in enumerate(names):
        marginals, weights = _marginals(i, n, sequences, difference)
        defined = [one for one in marginals if one is not None]
        whole = len(defined) == len(marginals)
        share = float(np.dot(weights, defined)) if whole else None
        error = None
        if whole and sequences and len(sequences) > 1:
            error = float(np.std(defined, ddof=1)) / math.sqrt(len(defined))
        shares.append(
            Share(
                cause=name,
                share=share,
                standard_error=error,
                alone=difference(frozenset({i}), frozenset()),
                last=difference(everyone, everyone - {i}),
                low=min(defined, default=None),
                high=max(defined, default=None),
            )
        )
    total = difference(everyone, frozenset())
    single = [share.alone for share in shares if share.alone is not None]
    together = math.fsum(single) if len(single) == n else None
    return Attribution(
        **about,
        healthy=known.get(frozenset()),
        value=known.get(everyone),
        change=total,
        shares=tuple(shares),
        interactions=() if sequences else tuple(_interactions(names, known)),
        sum_of_single_effects=together,
        gap=None if together is None or total is None else total - together,
        method="sampled" if sequences else "exact",
        orders=len(sequences),
        seed=seed,
        simulations=len(values),
        failed={
            " + ".join(names[i] for i in sorted(one)) or "healthy": value
            for one, value in values.items()
            if isinstance(value, str)
        },
    )


def _orders(n: int, number: int, seed: int) -> list[tuple[int, ...]]:
    """The orders that are drawn; none where all coalitions are looked at."""
    if n <= EXACT:
        return []
    draw = np.random.default_rng(seed)
    return [tuple(int(i) for i in draw.permutation(n)) for _ in range(number)]


def _coalitions(n: int, sequences: Sequence[tuple[int, ...]]) -> list[frozenset[int]]:
    """What has to be known, each once, the healthy body first: all coalitions; or those that arise as the causes are
    added in the drawn orders, each cause alone and all but each."""
    if not sequences:
        return [frozenset(one) for size in range(n + 1) for one in itertools.combinations(range(n), size)]
    everyone = frozenset(range(n))
    single = [frozenset({i}) for i in range(n)]
    met = [frozenset(order[:k]) for order in sequences for k in range(n + 1)]
    return list(dict.fromkeys([frozenset(), *single, everyone, *(everyone - one for one in single), *met]))


def _marginals(
    i: int,
    n: int,
    sequences: Sequence[tuple[int, ...]],
    difference: Callable[[frozenset[int], frozenset[int]], float | None],
) -> tuple[list[float | None], Array]:
    """What a player adds to coalitions without it, and the weights of the mean of that."""
    if sequences:
        before = [frozenset(order[: order.index(i)]) for order in sequences]
        weights = np.full(len(before), 1.0 / len(before))
    else:
        before = [one for one in _coalitions(n, ()) if i not in one]
        weights = np.array([1.0 / (n * math.comb(n - 1, len(one))) for one in before])
    return [difference(one | {i}, one) for one in before], weights


def _interactions(names: Sequence[str], known: Mapping[frozenset[int], float]) -> list[Interaction]:
    n, found = len(names), []
    for i, j in itertools.combinations(range(n), 2):
        terms = []
        for one in (one for one in _coalitions(n, ()) if not one & {i, j}):
            four = [one | {i, j}, one | {i}, one | {j}, one]
            if not all(each in known for each in four):
                break
            both, first, second, neither = (known[each] for each in four)
            terms.append((both - first - second + neither) / ((n - 1) * math.comb(n - 2, len(one))))
        whole = len(terms) == 2 ** (n - 2)
        found.append(Interaction(first=names[i], second=names[j], index=math.fsum(terms) if whole else None))
    return found


# --- Sobol ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """The share of the variance that a dial explains: alone (first), and with all its interactions (total); the
    half-widths of their confidence intervals. None where nothing could be computed."""

    dial: str
    low: float
    high: float
    first: float | None
    first_interval: float | None
    total: float | None
    total_interval: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensitivity:
    """What matters in general: Sobol indices of a metric over ranges of dials, each spread evenly.

    mean, sd: of the metric over the design; pairs: dial, dial, share of the variance by their interaction, half-width;
    blocks: of Saltelli's design that were whole, of so many; failed: why a simulation has no number -> how many. A
    block with a failed simulation is left out, so the indices are those of the region where the task can be done.
    """

    metric: str
    unit: str
    task: str
    mean: float | None
    sd: float | None
    indices: tuple[Index, ...]
    pairs: tuple[tuple[str, str, float, float], ...]
    confidence: float
    blocks: int
    blocks_wanted: int
    simulations: int
    seed: int
    failed: dict[str, int]

    def as_dict(self) -> dict[str, Any]:
        """The sensitivity as JSON-able data."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}


def sobol(
    ranges: Mapping[str, tuple[float, float]],
    task: Task,
    metric: str,
    *,
    subject: Subject | None = None,
    samples: int = 64,
    seed: int = 0,
    confidence: float = 0.95,
    controller: Controller | None = None,
    folder: str | Path | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
    job: Job = simulate_one,
) -> Sensitivity:
    """Sobol indices of a metric over ranges of dials: {"both.adductor_tightness": (0.0, 0.6), ...}.

    samples: blocks of Saltelli's design, a power of two; each takes 2 k + 2 simulations with k dials. subject: the body
    whose other dials stay. Errors: InputError; those of `sweep.outcomes`.
    Source: Saltelli A. et al. 2010, doi 10.1016/j.cpc.2009.09.018, by SALib (Herman and Usher 2017, doi
    10.21105/joss.00097).
    """
    part, name = _metric(metric)
    body, mind = subject or Subject(), controller or Controller()

    def evaluate(rows: Array) -> list[Value]:
        settings = [[f"{key}={value!r}" for key, value in zip(ranges, row, strict=True)] for row in rows.tolist()]
        wanted = [sweep.simulation(change(body, one, "ranges:"), task, mind) for one in settings]
        found = sweep.outcomes(wanted, folder, workers=workers, progress=progress, job=job)
        return [_value(outcome, part, name) for outcome in found]

    about = {"metric": metric, "unit": _unit(name), "task": task.name}
    return sensitivity(ranges, evaluate, about=about, samples=samples, seed=seed, confidence=confidence)


def sensitivity(
    ranges: Mapping[str, tuple[float, float]],
    evaluate: Callable[[Array], Sequence[Value]],
    *,
    about: Mapping[str, str],
    samples: int,
    seed: int = 0,
    confidence: float = 0.95,
) -> Sensitivity:
    """`sobol` of any function of rows of dials, shape (n, k). Errors: InputError."""
    _usable(ranges, samples)
    from SALib.analyze import sobol as analyse
    from SALib.sample import sobol as design

    k = len(ranges)
    problem = {"num_vars": k, "names": list(ranges), "bounds": [list(ends) for ends in ranges.values()]}
    rows = np.asarray(design.sample(problem, samples, seed=np.random.default_rng(seed)))
    values = list(evaluate(rows))
    failures = [value for value in values if isinstance(value, str)]
    y = np.array([math.nan if isinstance(value, str) else value for value in values]).reshape(samples, 2 * k + 2)
    whole = y[np.isfinite(y).all(axis=1)]
    found = None
    if len(whole) > 1 and np.ptp(whole) > 0:
        # SALib takes a seed of 0 for none.
        found = analyse.analyze(problem, whole.ravel(), conf_level=confidence, seed=seed + 1)
    columns = ("S1", "S1_conf", "ST", "ST_conf")
    each = [[None] * 4 if found is None else [float(found[c][i]) for c in columns] for i in range(k)]
    return Sensitivity(
        **about,
        mean=float(whole.mean()) if len(whole) else None,
        sd=float(whole.std()) if len(whole) else None,
        indices=tuple(
            Index(
                dial=key, low=low, high=high, first=row[0], first_interval=row[1], total=row[2], total_interval=row[3]
            )
            for (key, (low, high)), row in zip(ranges.items(), each, strict=True)
        ),
        pairs=()
        if found is None
        else tuple(
            (a, b, float(found["S2"][i, j]), float(found["S2_conf"][i, j]))
            for (i, a), (j, b) in itertools.combinations(enumerate(ranges), 2)
        ),
        confidence=confidence,
        blocks=len(whole),
        blocks_wanted=samples,
        simulations=len(values),
        seed=seed,
        failed={message: failures.count(message) for message in dict.fromkeys(failures)},
    )


def _usable(ranges: Mapping[str, tuple[float, float]], samples: int) -> None:
    if len(ranges) < 2:
        raise InputError(f"ranges: expected at least 2 dials, found {len(ranges)}")
    for key, (low, high) in ranges.items():
        if not low < high:
            raise InputError(f"ranges: {key}: expected low below high, found {low:g} and {high:g}")
    if samples < 2 or samples & (samples - 1):
        raise InputError(f"samples: expected a power of two, at least 2, found {samples}")


# --- picture ----------------------------------------------------------------------------------------------------------

UP, DOWN, TOTAL, UNKNOWN = "#c8553d", "#3a7ca5", "0.35", "0.75"
"""Colours of what raises and lowers the metric, of the healthy and the whole value, of what is not known."""


def plot(found: Attribution, path: str | Path) -> None:
    """Draw an attribution: from the healthy value to the subject's, cause by cause, and the interactions beside it."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    pairs = [pair for pair in found.interactions if pair.index is not None]
    n = len(found.shares)
    side = 0.42 * n + 1.6 if len(pairs) > 0 else 0.0
    figure = Figure(figsize=(6.4 + side, 1.7 + 0.42 * (n + 2)), dpi=200, layout="constrained")
    FigureCanvasAgg(figure)
    if pairs:
        left, right = figure.subplots(1, 2, width_ratios=[6.4, side])
        _matrix(right, found)
    else:
        left = figure.subplots()
    _waterfall(left, found)
    figure.suptitle(f"{found.subject}, {found.task.replace('_', ' ')}: {_title(found)}", fontsize=10)
    remark = textwrap.fill(_remark(found), round(17 * figure.get_figwidth()))
    figure.supxlabel(remark, fontsize=7.5, color="0.35")
    figure.savefig(path)


def _waterfall(axis: Any, found: Attribution) -> None:
    """Bars from the healthy value on; of a cause without a share, the range of its marginal contributions."""
    ordered = sorted(found.shares, key=lambda share: -abs(share.share if share.share is not None else 0.0))
    names = ["healthy", *(share.cause for share in ordered), "with all of it"]
    reached, last = found.healthy, len(names) - 1
    for row, share in enumerate(ordered, start=1):
        if reached is None or share.share is None:
            reached = None
            if share.low is not None and share.high is not None:
                ends = [(found.healthy or 0.0) + value for value in (share.low, share.high)]
                axis.plot(ends, [row, row], "o-", color=UNKNOWN, markersize=4, linewidth=2)
                known = " to ".join(dict.fromkeys(_signed(value) for value in (share.low, share.high)))
                axis.text(ends[1], row, f"  {known}", va="center", fontsize=8)
            continue
        axis.barh(row, share.share, left=reached, color=UP if share.share > 0 else DOWN, height=0.62)
        if share.standard_error is not None:
            axis.errorbar(reached + share.share, row, xerr=share.standard_error, color="0.2", linewidth=0.9, capsize=2)
        end, right = reached + share.share, share.share > 0
        axis.plot([end] * 2, [row, row + 1], color="0.6", linewidth=0.6, zorder=0)
        beyond = end + (share.standard_error or 0.0) * (1 if right else -1)
        axis.text(beyond, row, f" {_signed(share.share)} ", va="center", ha="left" if right else "right", fontsize=8)
        reached = end
    for row, value in ((0, found.healthy), (last, found.value)):
        if value is not None:
            axis.plot(value, row, "o", color=TOTAL, markersize=5)
            more = f" ({_signed(found.change)})" if row == last and found.change is not None else ""
            words = f"  {value:.1f}{more}".replace("-", MINUS)
            axis.text(value, row, words, va="center", fontsize=8, color=TOTAL, fontweight="bold")
        else:
            axis.text(0.02, row, "failed", va="center", fontsize=8, color=UP, transform=axis.get_yaxis_transform())
    if found.healthy is not None:
        axis.plot([found.healthy] * 2, [0, last], color="0.6", linewidth=0.6, linestyle=":", zorder=0)
    axis.set_yticks(range(len(names)), names)
    axis.set_ylim(last + 0.6, -0.6)
    axis.use_sticky_edges = False
    axis.margins(x=0.14)
    axis.set_xlabel(f"{_title(found)} [{found.unit}]" if found.unit else _title(found), fontsize=8.5)
    axis.grid(axis="x", color="0.93", linewidth=0.6)
    axis.set_axisbelow(True)
    axis.spines[["top", "right"]].set_visible(False)
    axis.tick_params(labelsize=8)


def _matrix(axis: Any, found: Attribution) -> None:
    names = [share.cause for share in found.shares]
    place = {name: i for i, name in enumerate(names)}
    table = np.full((len(names), len(names)), np.nan)
    for pair in found.interactions:
        i, j = sorted((place[pair.first], place[pair.second]))
        table[j, i] = math.nan if pair.index is None else pair.index
    most = max(float(np.nanmax(np.abs(table))), 1e-9)
    small = table[1:, :-1]
    axis.imshow(np.ma.masked_invalid(small), cmap="PuOr_r", vmin=-most, vmax=most, aspect="equal")
    for (row, column), value in np.ndenumerate(small):
        if column <= row:
            words = "?" if math.isnan(value) else _signed(value)
            dark = not math.isnan(value) and abs(value) > 0.6 * most
            axis.text(column, row, words, ha="center", va="center", fontsize=7, color="white" if dark else "black")
    axis.set_xticks(range(len(names) - 1), [_short(name) for name in names[:-1]], rotation=50, ha="right")
    axis.set_yticks(range(len(names) - 1), [_short(name) for name in names[1:]])
    axis.tick_params(labelsize=7, length=0)
    axis.spines[:].set_visible(False)
    axis.set_title(f"interactions [{found.unit}]" if found.unit else "interactions", fontsize=8.5)


MINUS = "\N{MINUS SIGN}"


def _signed(value: float) -> str:
    """One decimal with its sign; none for what rounds to nothing."""
    return "0.0" if abs(value) < 0.05 else f"{value:+.1f}".replace("-", MINUS)


def _title(found: Attribution) -> str:
    part, _, name = found.metric.partition(".")
    for unit in ("_deg", "_mm", "_bw", "_nm_kg", "_nm"):
        name = name.removesuffix(unit)
    words = name.replace("_", " ").replace("fppa", "FPPA").replace("grf", "ground reaction force")
    return words if part == "both" else f"{words}, {part} leg"


def _short(name: str) -> str:
    return name.removesuffix(", both legs").replace(" strength", "").replace(" and minimus", "")


def _remark(found: Attribution) -> str:
    how = "all coalitions" if found.method == "exact" else f"{found.orders} drawn orders, bars: standard error"
    alone = found.sum_of_single_effects
    gap = "" if alone is None else f"; each alone, they sum to {_signed(alone)}"
    if found.failed:
        first, why = next(iter(found.failed.items()))
        more = f", and {len(found.failed) - 1} more" if len(found.failed) > 1 else ""
        why = why.partition(":")[0].partition(";")[0]
        return f"No shares, since coalitions failed: {first} ({why}){more}. Dots: the effects that are known"
    return f"Shapley shares of the change against healthy, {how} ({found.simulations} simulations){gap}"
