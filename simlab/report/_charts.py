"""The charts: curves with their differences, and Bland-Altman plots, as inline SVG. Colours are classes of the page."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from simlab import compare, page, waveform
from simlab.motion import Array
from simlab.report._parts import Comparison
from simlab.report._words import LEGS, METRICS, curve_words, digits_of, number, p_words, stretch, unit_of

WIDE, LEFT, RIGHT = 540.0, 46.0, 8.0
MAIN, GAP, BAR, LOWER = 200.0, 8.0, 9.0, 92.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """From values to points of the page."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: Any) -> Any:
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    def ticks(self, about: int = 5) -> list[float]:
        """Round numbers inside."""
        step = (self.high - self.low) / about
        power = 10.0 ** math.floor(math.log10(step))
        step = next(k * power for k in (1, 2, 5, 10) if k * power >= step * 0.999)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [k * step for k in range(first, last + 1)]


def scale(values: Iterable[Array | float], start: float, end: float, with_zero: bool = False) -> Scale:
    """A scale that holds all values with a little air."""
    known = [float(x) for one in values for x in np.ravel(one) if math.isfinite(x)] + ([0.0] if with_zero else [])
    low, high = min(known, default=0.0), max(known, default=1.0)
    air = 0.06 * (high - low) or max(0.05 * abs(high), 1e-3)
    return Scale(low=low - air, high=high + air, start=start, end=end)


def _tick(value: float, step: float) -> str:
    return page.number(value, max(0, -math.floor(math.log10(step) + 1e-9)) if step < 1 else 0)


def _axis(y: Scale, x: Scale, about: int = 5) -> list[str]:
    ticks = y.ticks(about)
    step = ticks[1] - ticks[0] if len(ticks) > 1 else 1.0
    items = []
    for value in ticks:
        items.append(_line(x.start, y(value), x.end, y(value), "grid"))
        items.append(page.label(x.start - 6, y(value) + 4, _tick(value, step), "end"))
    return items


def _line(x1: float, y1: float, x2: float, y2: float, style: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{style}"/>'


def _path(x: Array, y: Array, style: str) -> str:
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
    return f'<polyline points="{points}" class="{style}"/>'


def _area(x: Array, low: Array, high: Array, style: str) -> str:
    points = [f"{a:.1f},{b:.1f}" for a, b in zip([*x, *x[::-1]], [*high, *low[::-1]], strict=True)]
    return f'<polygon points="{" ".join(points)}" class="{style}"/>'


def shown(found: Comparison) -> tuple[list[compare.Sample], bool]:
    """The samples as they are drawn: registered, if every one of them can be."""
    aligned = [one.sample.registered() for one in found.parties]
    whole = [one for one in aligned if one is not None]
    return (whole, True) if len(whole) == len(aligned) else ([one.sample for one in found.parties], False)


def figure(found: Comparison, samples: Sequence[compare.Sample], name: str) -> str:
    title, unit, note = curve_words(name)
    main: list[Array] = []
    lower: list[Array] = []
    for side in LEGS:
        for i, sample in enumerate(samples):
            mean, sd = compare.curve(sample.mean, name, side), compare.curve(sample.sd, name, side)
            stack = sample.stack(name, side)
            if mean is None or sd is None:
                continue
            main += [mean - sd, mean + sd, *([] if stack is None else [stack])]
            lower += [sd, -sd] if i == 0 else []
        lower += [one for i in range(1, len(samples)) for one in _difference(found, samples, i, name, side)]
    top = scale(main, MAIN + 22, 26)
    start = MAIN + 30 + len(found.others) * (BAR + 3) + GAP
    differs = any(_difference(found, samples, i, name, side) for i in range(1, len(samples)) for side in LEGS)
    under = scale(lower, start + LOWER, start, with_zero=True) if differs else None
    if not differs:
        known = [
            one.label for one, sample in zip(found.parties, samples, strict=True) if name in compare.names(sample.mean)
        ]
        note = f"{note} Known of {' and '.join(known)} only.".strip()
    charts = "".join(_chart(found, samples, name, side, top, under) for side in LEGS)
    return (
        f'<figure><figcaption><h3>{escape(title)} [{escape(unit or "1")}]</h3><p class="small">{escape(note)}</p>'
        f'</figcaption><div class="pair">{charts}</div></figure>'
    )


def _difference(found: Comparison, samples: Sequence[compare.Sample], i: int, name: str, side: str) -> list[Array]:
    """Mean difference from the reference; with the limits of agreement about it where the repetitions are the same."""
    mean, base = (compare.curve(samples[k].mean, name, side) for k in (i, 0))
    if mean is None or base is None:
        return []
    a, b = samples[i].stack(name, side), samples[0].stack(name, side)
    if found.paired and a is not None and b is not None and len(a) > 1:
        half = 1.96 * waveform.band(a - b)[1]
        return [mean - base, mean - base - half, mean - base + half]
    return [mean - base]


def _chart(
    found: Comparison,
    samples: Sequence[compare.Sample],
    name: str,
    side: str,
    top: Scale,
    under: Scale | None,
) -> str:
    """The curves of one leg, and below them how they differ."""
    x = Scale(low=0, high=100, start=LEFT, end=WIDE - RIGHT)
    percent = x(np.arange(compare.POINTS, dtype=float))
    bottom = top.start if under is None else under.start
    items = [*_axis(top, x), _line(x(50), top.end, x(50), bottom, "deep")]
    items.append(page.label(LEFT, 14, f"{side.capitalize()} leg", style=' class="t"'))
    if top.low < 0 < top.high:
        items.append(_line(x.start, top(0), x.end, top(0), "zero"))
    for i, sample in enumerate(samples):
        mean, sd = compare.curve(sample.mean, name, side), compare.curve(sample.sd, name, side)
        if mean is None or sd is None:
            continue
        if sample.repetitions > 1:
            items.append(_area(percent, top(mean - sd), top(mean + sd), f"tint f{i % 4}" if i else "band"))
        if not i:
            items += _repetitions(found, sample, name, side, percent, top)
        items.append(_path(percent, top(mean), f"mean s{i % 4}"))
    if under is not None:
        items += _below(found, samples, name, side, x, under)
    for value in (0, 25, 50, 75, 100):
        anchor = "middle" if value < 100 else "end"
        items.append(page.label(x(value), bottom + 15, f"{value} %" if value == 100 else f"{value}", anchor))
    words, unit, _ = curve_words(name)
    title = f"{words}, {side} leg, in {unit or '1'}" + ("" if under is None else ": difference below")
    return page.svg(WIDE, bottom + 22, title, items)


def _below(
    found: Comparison, samples: Sequence[compare.Sample], name: str, side: str, x: Scale, under: Scale
) -> Iterator[str]:
    """Where the curves differ more than chance allows, and by how much."""
    percent = x(np.arange(compare.POINTS, dtype=float))
    yield from _axis(under, x, 4)
    spread = compare.curve(samples[0].sd, name, side)
    if spread is not None and samples[0].repetitions > 1:
        yield _area(percent, under(-spread), under(spread), "band")
    yield _line(x.start, under(0), x.end, under(0), "axis")
    for i, other in enumerate(found.others, start=1):
        y = MAIN + 28 + (i - 1) * (BAR + 3)
        agreement = found.compared[other.label].get(name, {}).get(side)
        spm = agreement["spm"] if agreement else None
        if spm is not None:
            yield f'<rect x="{LEFT}" y="{y}" width="{x.end - LEFT:.1f}" height="{BAR}" class="track"/>'
            yield page.label(LEFT - 6, y + 8, "SPM", "end")
            for one in spm["clusters"]:
                a, b = x(max(one["start_percent"] - 0.5, 0)), x(min(one["end_percent"] + 0.5, 100))
                words = f"{other.label}: {stretch(one)} %, {p_words(one['p'])}"
                yield (
                    f'<rect x="{a:.1f}" y="{y}" width="{b - a:.1f}" height="{BAR}" class="f{i % 4}">'
                    f"<title>{escape(words)}</title></rect>"
                )
        drawn = _difference(found, samples, i, name, side)
        if len(drawn) == 3:
            yield _area(percent, under(drawn[1]), under(drawn[2]), f"tint f{i % 4}")
        if drawn:
            yield _path(percent, under(drawn[0]), f"mean s{i % 4}")
    yield page.label(x.start + 4, under.end + 9, "difference")


def _repetitions(
    found: Comparison, sample: compare.Sample, name: str, side: str, percent: Array, top: Scale
) -> list[str]:
    """Each captured repetition as a thin line, the unusual ones marked."""
    stack = sample.stack(name, side)
    if stack is None or len(stack) < 2:
        return []
    flagged = found.reference.unusual["found"] if found.reference.unusual else []
    odd = {
        one["repetition"]
        for one in flagged
        if one["side"] == side and one["measure"].split("_60")[0] == name.removesuffix("_deg").removesuffix("_mm")
    }
    items = [_path(percent, top(one), "one") for i, one in enumerate(stack, start=1) if i not in odd]
    for i in sorted(odd):
        curve = stack[i - 1]
        others = np.delete(stack, i - 1, axis=0).mean(axis=0)
        at = int(np.argmax(np.abs(curve - others)))
        items.append(_path(percent, top(curve), "odd"))
        above = -6 if curve[at] > others[at] else 14
        items.append(page.label(percent[at], top(curve[at]) + above, f"repetition {i}", "middle", ' class="oddt"'))
    return items


def bland_altman(one: Mapping[str, Any], name: str, side: str, found: Comparison) -> str:
    first, second = np.array(one["pairs"]).T
    across, up = (first + second) / 2, first - second
    ends = [x for key in ("lower_interval", "upper_interval") for x in one[key] or ()]
    x = scale([across], LEFT, WIDE - 120)
    near = abs(one["bias"]) <= 3 * (one["upper"] - one["lower"])  # else zero would press the points together
    y = scale([up, one["lower"], one["upper"], *ends], 190, 26, with_zero=near)
    items = [*_axis(y, x), _line(x.start, y.start, x.end, y.start, "axis")]
    if near:
        items.append(_line(x.start, y(0), x.end, y(0), "zero"))
    digits = max(digits_of(name), 1)
    places: list[float] = []
    for key, words in (("upper", "+1.96 SD"), ("bias", "bias"), ("lower", "\N{MINUS SIGN}1.96 SD")):
        interval = one[f"{key}_interval"]
        if interval is not None:
            items.append(
                f'<rect x="{x.start}" y="{y(interval[1]):.1f}" width="{x.end - x.start:.1f}" '
                f'height="{max(y(interval[0]) - y(interval[1]), 0):.1f}" class="tint f1"/>'
            )
        items.append(_line(x.start, y(one[key]), x.end, y(one[key]), "s1" if key == "bias" else "s1 limit"))
        places.append(y(one[key]) if not places else max(y(one[key]), places[-1] + 12))  # words never overlap
        items.append(page.label(x.end + 6, places[-1] + 4, f"{words} {number(one[key], digits, True)}"))
    items += [f'<circle cx="{x(a):.1f}" cy="{y(b):.1f}" r="4" class="f1"/>' for a, b in zip(across, up, strict=True)]
    ticks = x.ticks()
    step = ticks[1] - ticks[0] if len(ticks) > 1 else 1.0
    items += [page.label(x(value), 206, _tick(value, step), "middle") for value in ticks]
    items.append(page.label(LEFT, 14, f"{side.capitalize()} leg", style=' class="t"'))
    items.append(page.label((x.start + x.end) / 2, 222, f"mean of both [{unit_of(name).strip() or '1'}]", "middle"))
    return page.svg(WIDE, 228, f"Bland-Altman plot of {METRICS[name]}, {side} leg", items)
