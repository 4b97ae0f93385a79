"""Dose and response: what a sweep found, drawn from its results.parquet.

dose_response.png    frontal-plane change against each dial
interactions.png     change of FPPA over each pair of dials
"""

from __future__ import annotations

import itertools
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from simlab.compare import COLOURS
from simlab.errors import InputError
from simlab.export import whole
from simlab.motion import SIDES, Array

MEASURES = {
    "fppa_peak_deg": ("FPPA at peak flexion", "deg", "valgus +"),
    "medial_knee_displacement_mm": ("medial knee displacement", "mm", "medial +"),
}
MOST = 6
"""Dials in the picture of dose and response."""
PAIRED = 5
"""Dials whose pairs are drawn."""
UNITS = {
    "_deg": "deg",
    "_kg": "kg",
    "_mm": "mm",
    "_m": "m",
    "_s": "s",
    "_strength": "\N{MULTIPLICATION SIGN} healthy",
    "_tightness": "0 to 1",
    "cue": "0 to 1",
}
"""Units of dials by the end of their key."""
BAND = 10, 90
"""Percentiles of the band of a random design."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Dial:
    """A dial as an axis: what it turns and whose ("right leg", "both legs" or nothing), its unit, its value in every
    simulation, shape (n,); of a choice, the names of its values."""

    what: str
    whose: str
    unit: str
    x: Array
    names: tuple[str, ...] = ()

    def label(self, width: int) -> str:
        """The words at the axis: what it turns, then whose and the unit."""
        last = " ".join(part for part in (self.whose, self.unit and f"[{self.unit}]") if part)
        return "\n".join([*textwrap.wrap(self.what, width), *textwrap.wrap(last, width)])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What the successful simulations of a sweep gave. y: measure -> leg -> shape (n,); legs that stand."""

    dials: tuple[_Dial, ...]
    y: dict[str, dict[str, Array]]
    changes: bool
    grid: bool
    remark: str


def plot(folder: str | Path, design: str) -> tuple[dict[str, str], list[str]]:
    """Draw the results in a folder into it; `design` as in the spec. Returns paths by name, and what was left out.

    Errors: InputError without results, or with too few to draw.
    """
    found = _read(Path(folder) / "results.parquet", design == "grid")
    notes = []
    with whole(folder) as draft:
        if len(found.dials) > MOST:
            notes.append(f"dose_response.png: the first {MOST} of {len(found.dials)} dials")
        _dose(draft / "dose_response.png", found)
        if len(found.dials) > PAIRED:
            notes.append(f"interactions.png: the pairs of the first {PAIRED} of {len(found.dials)} dials")
        if len(found.dials) > 1:
            _interactions(draft / "interactions.png", found)
        else:
            notes.append("interactions.png: not drawn, since one dial alone was turned")
        names = sorted(path.name for path in draft.iterdir())
    return {name: str(Path(folder) / name) for name in names}, notes


def _read(path: Path, grid: bool) -> _Found:
    import polars as pl

    if not path.is_file():
        raise InputError(f"{path}: expected the results of a sweep, found nothing")
    table = pl.read_parquet(path)
    changes = any(name.startswith("change.") for name in table.columns)
    start = "change." if changes else ""
    legs = [side for side in SIDES if table[f"{side}.fppa_peak_deg"].count()]
    wanted = [f"{start}{side}.{name}" for side in legs for name in MEASURES]
    good = table.filter(pl.col("success")).drop_nulls(wanted) if wanted else table.clear()
    if len(good) < 2:
        raise InputError(f"{path}: expected at least 2 successful simulations to draw, found {len(good)}")
    keys = [name for name in table.columns if name.startswith("dial.") and table[name].n_unique() > 1]
    remark = f"{len(good)} simulations" + ", each against its healthy twin" * changes
    if len(good) < len(table):
        remark += f"; {len(table) - len(good)} more failed and are left out"
    found = _Found(
        dials=tuple(_dial(name.removeprefix("dial."), good[name].to_list()) for name in keys),
        y={name: {side: good[f"{start}{side}.{name}"].to_numpy() for side in legs} for name in MEASURES},
        changes=changes,
        grid=grid,
        remark=remark,
    )
    if not found.dials:
        raise InputError(f"{path}: expected a dial with more than one value, found none")
    return found


def _dial(key: str, values: list[Any]) -> _Dial:
    group, _, name = key.rpartition(".")
    unit = next((unit for suffix, unit in UNITS.items() if name.endswith(suffix)), "")
    for suffix in ("_deg", "_kg", "_mm", "_m", "_s"):
        name = name.removesuffix(suffix)
    what = name[0].upper() + name[1:].replace("_", " ")
    whose = {"both": "both legs", "right": "right leg", "left": "left leg"}.get(group, "")
    if isinstance(values[0], str):
        names = tuple(sorted(set(values)))
        return _Dial(what=what, whose=whose, unit="", x=np.array([float(names.index(v)) for v in values]), names=names)
    return _Dial(what=what, whose=whose, unit=unit, x=np.array(values, dtype=np.float64))


# --- dose and response ------------------------------------------------------------------------------------------------

COLUMNS = 3


def _dose(path: Path, found: _Found) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    dials, rows = found.dials[:MOST], len(MEASURES)
    blocks = -(-len(dials) // COLUMNS)
    columns = -(-len(dials) // blocks)
    size = (max(3.8, 1.2 + 2.1 * columns), 0.8 + 2.0 * rows * blocks)
    figure = Figure(figsize=size, dpi=200, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows * blocks, columns, squeeze=False)
    legend: dict[str, Any] = {}
    for place, (row, name) in itertools.product(range(blocks * columns), enumerate(MEASURES)):
        block, column = divmod(place, columns)
        axis = axes[block * rows + row, column]
        if place >= len(dials):
            axis.set_visible(False)
            continue
        _panel(axis, dials[place], found, name)
        if row == rows - 1:
            axis.set_xlabel(dials[place].label(27), fontsize=8.5)
        else:
            axis.tick_params(labelbottom=False)
        if column == 0:
            axis.set_ylabel(_measure(name, found.changes, 24), fontsize=8.5)
        legend |= dict(zip(*reversed(axis.get_legend_handles_labels()), strict=True))
    for row in range(rows * blocks):  # a measure has one scale throughout, so that dials can be compared by eye
        same = [axes[other, c] for other in range(row % rows, rows * blocks, rows) for c in range(columns)]
        drawn = [axis.get_ylim() for axis in same if axis.get_visible()]
        for axis in axes[row]:
            axis.set_ylim(min(low for low, _ in drawn), max(high for _, high in drawn))
    figure.align_ylabels(axes[:, 0])
    figure.legend(
        legend.values(), legend.keys(), loc="outside upper center", ncols=min(2, columns), frameon=False, fontsize=8
    )
    figure.supxlabel(found.remark, fontsize=7.5, color="0.35")
    figure.savefig(path)


def _measure(name: str, changes: bool, width: int) -> str:
    words, unit, sign = MEASURES[name]
    text = f"Change of {words}" if changes else words[0].upper() + words[1:]
    return textwrap.fill(f"{text} [{unit}]", width) + f"\n{sign}"


def _panel(axis: Any, dial: _Dial, found: _Found, name: str) -> None:
    for (leg, y), colour, dash in zip(_legs(found, name).items(), COLOURS, ("-", (0, (4, 2))), strict=False):
        if found.grid or dial.names:
            x = np.unique(dial.x)
            each = [y[dial.x == level] for level in x]
            low, middle, high = (np.array([f(one) for one in each]) for f in (np.min, np.mean, np.max))
            spread = any(len(one) > 1 for one in each)
            words, band = f"{leg}, mean" if spread else leg, f"{leg}, range over the other dials"
            axis.plot(x, middle, color=colour, linestyle=dash, marker="o", markersize=3, linewidth=1.6, label=words)
        else:
            axis.plot(dial.x, y, ".", color=colour, markersize=_dot(len(y)), alpha=0.45, markeredgewidth=0)
            if len(y) < FEW:
                axis.plot([], [], "o", color=colour, markersize=4, label=leg)
                continue
            x, low, middle, high = _smooth(dial.x, y)
            words, band = f"{leg}, local mean", f"{leg}, middle {BAND[1] - BAND[0]} % of its neighbours"
            axis.plot(x, middle, color=colour, linestyle=dash, linewidth=1.6, label=words)
        if np.ptp(np.concatenate([high - low, [0.0]])) > 0:
            axis.fill_between(x, low, high, color=colour, alpha=0.18, linewidth=0, label=band)
    if found.changes:
        axis.axhline(0, color="0.6", linewidth=0.6, zorder=0)
    if dial.names:
        axis.set_xticks(range(len(dial.names)), dial.names)
        axis.margins(x=0.2)
    axis.grid(color="0.93", linewidth=0.6)
    axis.set_axisbelow(True)
    axis.spines[["top", "right"]].set_visible(False)
    axis.tick_params(labelsize=8)


def _legs(found: _Found, name: str) -> dict[str, Array]:
    """The legs to draw; one line where two would lie on one another."""
    legs = {f"{side} leg": y for side, y in found.y[name].items()}
    same = len(legs) == 2 and all(
        np.abs(m["right"] - m["left"]).max() < 0.02 * max(np.ptp(np.concatenate(list(m.values()))), 1e-9)
        for m in found.y.values()
    )
    return {"both legs": (legs["right leg"] + legs["left leg"]) / 2} if same else legs


FEW = 20
"""Points below which no local mean is drawn."""


def _dot(n: int) -> float:
    return float(np.clip(60 / np.sqrt(n), 1.5, 6))


def _smooth(x: Array, y: Array) -> tuple[Array, Array, Array, Array]:
    """Where, and a straight line fitted to the nearer half of the points there, with the band of their residuals.

    A line and not a mean: a mean bends towards the middle at both ends.
    """
    near = max(15, len(x) // 2)
    at = np.linspace(x.min(), x.max(), 60)
    out = np.empty((3, len(at)))
    for i, centre in enumerate(at):
        chosen = np.argsort(np.abs(x - centre), kind="stable")[:near]
        distance = np.abs(x[chosen] - centre)
        weight = np.sqrt((1 - (distance / (1.001 * max(distance.max(), 1e-12))) ** 3) ** 3)
        slope = np.column_stack([np.ones(len(chosen)), x[chosen] - centre])
        fit = np.linalg.lstsq(slope * weight[:, None], y[chosen] * weight, rcond=None)[0]
        spread = np.percentile(y[chosen] - slope @ fit, BAND)
        out[:, i] = fit[0] + spread[0], fit[0], fit[0] + spread[1]
    return at, out[0], out[1], out[2]


# --- interactions -----------------------------------------------------------------------------------------------------


def _interactions(path: Path, found: _Found) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    dials = found.dials[:PAIRED]
    n, (leg, y) = len(dials) - 1, _judged(found)
    figure = Figure(figsize=(2.0 + 1.75 * n, 1.3 + 1.6 * n), dpi=200, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(n, n, squeeze=False)
    maps = {(i, j): _mean_map(dials[j], dials[i + 1], y, found.grid) for i in range(n) for j in range(i + 1)}
    known = np.concatenate([one[2][np.isfinite(one[2])] for one in maps.values()])
    most = max(float(np.abs(known).max()), 1e-9)
    # A change has a sign, which a map from one colour through white to another shows; a value has none.
    style = {"cmap": "PuOr_r", "vmin": -most, "vmax": most} if found.changes else {"cmap": "cividis"}
    mesh = None
    for i, j in itertools.product(range(n), range(n)):
        axis = axes[i, j]
        if j > i:
            axis.set_visible(False)
            continue
        across, up, mean = maps[i, j]
        axis.set_facecolor("0.85")
        mesh = axis.pcolormesh(across.edges, up.edges, np.ma.masked_invalid(mean), **style)
        axis.set_xticks(across.ticks, across.names if i == n - 1 else [])
        axis.set_yticks(up.ticks, up.names if j == 0 else [])
        axis.tick_params(labelsize=7.5)
        if i == n - 1:
            axis.set_xlabel(dials[j].label(24), fontsize=8)
        if j == 0:
            axis.set_ylabel(dials[i + 1].label(24), fontsize=8)
    assert mesh is not None
    bar = figure.colorbar(mesh, ax=axes, shrink=min(1.0, 0.4 + 0.6 / n), aspect=22, pad=0.03)
    bar.set_label(f"{_measure('fppa_peak_deg', found.changes, 44)}, {leg}", fontsize=8)
    bar.ax.tick_params(labelsize=7.5)
    grey = "" if all(np.isfinite(one[2]).all() for one in maps.values()) else "; grey: none"
    figure.supxlabel(f"mean over the other dials, {found.remark}{grey}", fontsize=7.5, color="0.35")
    figure.savefig(path)


def _judged(found: _Found) -> tuple[str, Array]:
    """The leg whose FPPA is mapped: the one that the dials turn, or the mean of those that stand."""
    legs = found.y["fppa_peak_deg"]
    turned = {side for side in SIDES for dial in found.dials if dial.whose == f"{side} leg"}
    if any(dial.whose == "both legs" for dial in found.dials):
        turned = set(SIDES)
    (side, *more) = [side for side in legs if side in turned] or list(legs)
    return ("mean of both legs", (legs["right"] + legs["left"]) / 2) if more else (f"{side} leg", legs[side])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bins:
    """The cells of a map along a dial: edges, shape (k + 1,), ticks with their words, the cell of each simulation."""

    edges: Array
    ticks: Array
    names: list[str]
    cell: Any


def _bins(dial: _Dial, grid: bool) -> _Bins:
    if grid or dial.names:  # the levels, evenly spaced
        levels = np.unique(dial.x)
        names = [dial.names[int(level)] for level in levels] if dial.names else _numbers(levels)
        places = np.arange(len(levels), dtype=np.float64)
        every = -(-len(levels) // 6)  # no more words than fit
        cell = np.searchsorted(levels, dial.x)
        return _Bins(
            edges=np.linspace(-0.5, len(levels) - 0.5, len(levels) + 1),
            ticks=places[::every],
            names=names[::every],
            cell=cell,
        )
    from matplotlib.ticker import MaxNLocator

    low, high = float(dial.x.min()), float(dial.x.max())
    number = int(np.clip(np.sqrt(len(dial.x) / 12), 3, 12))
    edges = np.linspace(low, high, number + 1)
    ticks = np.array([t for t in MaxNLocator(4).tick_values(low, high) if low <= t <= high])
    cell = np.clip(np.searchsorted(edges, dial.x, side="right") - 1, 0, number - 1)
    return _Bins(edges=edges, ticks=ticks, names=_numbers(ticks), cell=cell)


def _numbers(values: Array) -> list[str]:
    return [f"{value:g}".replace("-", "\N{MINUS SIGN}") for value in values]


def _mean_map(across: _Dial, up: _Dial, y: Array, grid: bool) -> tuple[_Bins, _Bins, Array]:
    """The mean of y in the cells of two dials, shape (cells up, cells across), NaN where there is none."""
    a, b = _bins(across, grid), _bins(up, grid)
    total, count = np.zeros((len(b.edges) - 1, len(a.edges) - 1)), np.zeros((len(b.edges) - 1, len(a.edges) - 1))
    np.add.at(total, (b.cell, a.cell), y)
    np.add.at(count, (b.cell, a.cell), 1.0)
    return a, b, np.where(count > 0, total / np.maximum(count, 1), np.nan)
