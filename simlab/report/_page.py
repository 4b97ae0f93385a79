"""The sections of the page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from typing import Any

from simlab import page, unusual
from simlab.report._charts import bland_altman, figure, shown
from simlab.report._parts import Comparison, Party
from simlab.report._style import STYLE
from simlab.report._words import (
    LEGS,
    METRICS,
    PLOTTED,
    curve_words,
    digits_of,
    number,
    numbers,
    p_words,
    stretch,
    unit_of,
)


def html(found: Comparison) -> str:
    """The whole page."""
    simulated = any(one.kind == "simulated" for one in found.others)
    title = (
        "A simulated squat beside a captured one"
        if simulated
        else "Two ways to measure the same squats"
        if found.paired
        else "Two recordings of a squat"
    )
    body = [
        f"<h1>{title}</h1>",
        f'<p class="lead">{_lead(found)}</p>',
        _cards(found),
        _warning(found),
        "<h2>In brief</h2>",
        _brief(found),
        "<h2>Measures of each leg</h2>",
        _metrics(found),
        "<h2>Curves</h2>",
        _curves(found),
        "<h2>How well the curves agree</h2>",
        _agreement(found),
        _repeatability(found),
        _methods(found),
        _unusual(found),
        "<h2>How this was computed</h2>",
        _computed(found),
        "<h2>What this page cannot say</h2>",
        _limits(found),
    ]
    return page.document(f"simlab: {title.lower()}", STYLE, [one for one in body if one])


def _lead(found: Comparison) -> str:
    n = found.reference.sample.repetitions
    captured = f"{n} captured repetition" + "s" * (n != 1)
    if all(one.kind == "simulated" for one in found.others):
        who = " and ".join(f"<b>{escape(one.label)}</b>" for one in found.others)
        return (
            f"The squat of {who}, simulated to the captured depth, is laid over {captured} of a real person. "
            "Both are measured by the same functions, from the joint centres."
        )
    other = found.others[0]
    return (
        f"<b>{escape(other.label)}</b> ({other.sample.repetitions} repetitions) is compared with "
        f"<b>{escape(found.reference.label)}</b> ({captured}). "
        + (
            "Both have measured the same repetitions: every difference is one of method."
            if found.paired
            else "The repetitions are not the same ones: a difference may be one of day, of person or of method."
        )
        + f" Differences are {escape(other.label)} minus {escape(found.reference.label)}."
    )


KINDS = {"captured": "recording", "simulated": "simulation"}


def _cards(found: Comparison) -> str:
    cards = []
    for i, one in enumerate(found.parties):
        facts = "".join(f"<dt>{escape(term)}</dt><dd>{page.text(words)}</dd>" for term, words in one.facts)
        cards.append(
            f'<div class="card k{i % 4}"><h3>{escape(one.label)} <span>{KINDS[one.kind]}</span></h3>'
            f"<dl>{facts}</dl></div>"
        )
    return f'<div class="cards">{"".join(cards)}</div>'


def _warning(found: Comparison) -> str:
    said = [
        (f"{one.label}: " if one is not found.reference else "") + sentence
        for one in found.parties
        if one.unusual
        for sentence in unusual.sentences(one.unusual["found"])
    ]
    text = _definitions(found)
    if said:
        text += (
            f'<div class="warn"><p><b>Look at this first.</b> {len(said)} unusual '
            + ("repetition stands" if len(said) == 1 else "repetitions stand")
            + " out from the others. It is part of every mean below; look at the video before you trust or drop it."
            + f"</p>{page.bullets(_minus(said))}</div>"
        )
    return text


def _definitions(found: Comparison) -> str:
    """A warning where joint centres that were found in different ways are compared without that being the question."""
    ways = {
        one.label: "model" if one.kind == "simulated" else dict(one.facts).get("joint centres", "").partition(";")[0]
        for one in found.parties
    }
    lateral = [label for label, way in ways.items() if way.startswith("lateral")]
    if found.paired or not lateral or len(lateral) == len(ways):
        return ""
    others = [label for label in ways if label not in lateral]
    return (
        f'<div class="warn"><p><b>Not like with like.</b> The joint centres of {escape(" and ".join(lateral))} are '
        f"lateral markers on the skin, those of {escape(' and '.join(others))} lie inside the joint. That alone moves "
        "the FPPA by 13 to 24° towards varus in a deep squat. Give a standing trial with medial markers (--static).</p>"
        "</div>"
    )


def _minus(sentences: Iterable[str]) -> list[str]:
    """With true minus signs."""
    return [one.replace(" -", " \N{MINUS SIGN}") for one in sentences]


def _brief(found: Comparison) -> str:
    items = []
    for one in found.others:
        for side in LEGS:
            agreement = found.compared[one.label].get("fppa_deg", {}).get(side)
            if agreement is None:
                continue
            mean, aligned = agreement["mean_difference"], agreement["rmse_aligned"]
            where = "more inward (valgus)" if mean > 0 else "less inward"
            words = (
                f"<b>{escape(one.label)}, {side} leg:</b> the FPPA is on average {number(abs(mean))}° {where} than in "
                f"{escape(found.reference.label)}; root mean square difference {number(agreement['rmse'])}°"
                + (f", {number(aligned)}° with the deepest points aligned" if aligned is not None else "")
                + "."
            )
            if found.reference.sample.repetitions > 1:
                words += f" The captured repetitions themselves vary by {number(agreement['reference_sd'])}° (SD)."
            items.append(f"<li>{words} {_spm_words(agreement['spm'], True)}</li>")
    return f"<ul>{''.join(items)}</ul>" if items else "<p>No frontal plane projection angle on both sides.</p>"


def _spm_words(spm: Mapping[str, Any] | None, sentence: bool = False) -> str:
    """As HTML: a sentence, or the cell of a table, a line a stretch."""
    if spm is None:
        return "" if sentence else NEEDS
    stretches = [f"{stretch(c)} % ({p_words(c['p'])})" for c in spm["clusters"]]
    if not sentence:
        return f'<span class="yes">{"<br>".join(stretches)}</span>' if stretches else f"none ({p_words(spm['p'])})"
    if not stretches:
        return f"No stretch of the curve differs more than chance allows ({p_words(spm['p'])})."
    return f"More than chance allows: {', '.join(stretches)} of the repetition."


NEEDS = "needs n \N{GREATER-THAN OR EQUAL TO} 2"


def _metrics(found: Comparison) -> str:
    parties = found.parties
    names = [name for name in METRICS if any(_known(one, side, name) for one in parties for side in LEGS)]
    head = "".join(f'<th class="n first" colspan="{len(parties)}">{side.capitalize()} leg</th>' for side in LEGS)
    under = "".join(_heads(parties) for _ in LEGS)
    rows = [
        f"<tr><td>{escape(METRICS[name])}</td>" + "".join(_cells(found, side, name) for side in LEGS) + "</tr>"
        for name in names
    ]
    text = (
        '<p class="small">Captured: mean ± SD over the repetitions. In small: the difference from '
        f"{escape(found.reference.label)}.</p>"
        f'<div class="scroll"><table><thead><tr class="group"><th></th>{head}</tr><tr><th></th>{under}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )
    both = [name for name in METRICS if any(_known(one, "both", name) for one in parties)]
    if both:
        rows = [f"<tr><td>{escape(METRICS[name])}</td>{_cells(found, 'both', name)}</tr>" for name in both]
        text += (
            f'<div class="scroll"><table><thead><tr><th>Both legs together</th>{_heads(parties)}</tr></thead>'
            f"<tbody>{''.join(rows)}</tbody></table></div>"
        )
    return text


def _heads(parties: Sequence[Party]) -> str:
    return "".join(
        f'<th class="n{" first" if i == 0 else ""}">{escape(one.label)}</th>' for i, one in enumerate(parties)
    )


def _known(one: Party, side: str, name: str) -> bool:
    return numbers(one.metrics.get(side, {}).get(name))[0] is not None


def _cells(found: Comparison, side: str, name: str) -> str:
    cells, digits, unit = [], digits_of(name), unit_of(name)
    base = numbers(found.reference.metrics.get(side, {}).get(name))[0]
    for i, one in enumerate(found.parties):
        mean, sd, _ = numbers(one.metrics.get(side, {}).get(name))
        words = number(mean, digits) + (unit if mean is not None else "")
        if mean is not None and sd is not None:
            words = f"{number(mean, digits)} ± {number(sd, digits)}{unit}"
        if i and mean is not None and base is not None:
            words += f"<small>{number(mean - base, digits, True)}</small>"
        cells.append(f'<td class="n{"" if i else " first"}">{words}</td>')
    return "".join(cells)


def _curves(found: Comparison) -> str:
    samples, aligned = shown(found)
    odd = bool(found.reference.unusual and found.reference.unusual["found"])
    several = found.reference.sample.repetitions > 1
    legend = "".join(
        f'<span><i class="k{i % 4}"></i>{escape(one.label)}' + (", mean" * (one.sample.repetitions > 1)) + "</span>"
        for i, one in enumerate(found.parties)
    )
    legend += '<span><i class="band"></i>± SD between captured repetitions</span>' * several
    legend += '<span><i class="dash"></i>unusual repetition</span>' * odd
    intro = (
        "The deepest point lies at 50 % in every repetition, so that tempo is not taken for error."
        if aligned
        else "From start to end of the repetition; the deepest point is not aligned, since one of the motions has none."
    )
    intro += (
        " Below each: coloured bars mark where the curves differ more than chance allows (SPM), and the lower chart "
        "shows the difference itself, the grey band being the SD between the captured repetitions."
    )
    if found.paired:
        intro += " Tinted: 1.96 SD of the paired differences, the limits of agreement along the curve."
    figures = "".join(figure(found, samples, name) for name in found.names)
    return f'<p class="small">{intro}</p><div class="legend">{legend}</div>{figures}'


def _agreement(found: Comparison) -> str:
    head = [
        ("Curve", False),
        ("leg", False),
        ("mean difference", True),
        ("RMSE raw", True),
        ("RMSE aligned", True),
        ("lag", True),
        ("captured SD", True),
        ("r", True),
        ("ICC(2,1)", True),
        ("ICC(3,1)", True),
        ("CMC", True),
        ("differs (SPM)", False),
    ]
    text = ""
    for one in found.others:
        rows = []
        for name in found.names:
            title, unit, _ = curve_words(name)
            title = title.partition("(")[2].partition(")")[0] or title
            digits, end = digits_of(name), "°" if unit == "°" else f" {unit}"
            for side in LEGS:
                a = found.compared[one.label].get(name, {}).get(side)
                if a is None:
                    continue
                several = found.reference.sample.repetitions > 1
                lag = "\N{EN DASH}" if a["lag_percent"] is None else f"{number(a['lag_percent'], 0, True)} %"
                known = found.reference.sample.each and len(found.reference.sample.each) > 1
                rows.append(
                    [
                        escape(title),
                        side,
                        number(a["mean_difference"], digits, True) + end,
                        number(a["rmse"], digits) + end,
                        number(a["rmse_aligned"], digits) + (end if a["rmse_aligned"] is not None else ""),
                        lag,
                        number(a["reference_sd"], digits) + end if several else NEEDS,
                        number(a["correlation"], 2),
                        number(a["icc_2_1"], 2),
                        number(a["icc_3_1"], 2),
                        number(a["cmc"], 2) if known else NEEDS,
                        _spm_words(a["spm"]),
                    ]
                )
        text += f"<h3>{escape(one.label)} minus {escape(found.reference.label)}</h3>"
        text += f'<div class="scroll">{page.table(head, rows)}</div>'
    if not found.reference.sample.each:
        text += (
            '<p class="small">Of the captured motion only mean and SD are known here, not its repetitions: statistics '
            "that need them (CMC, SPM) are missing. Give a recording to have them.</p>"
        )
    return text


def _repeatability(found: Comparison) -> str:
    if not found.repeatability:
        return ""
    head = [("Curve", False), *((f"{side}, {what}", True) for side in LEGS for what in ("mean SD", "CMC"))]
    text = "<h2>How alike the repetitions are</h2>"
    for label, curves in found.repeatability.items():
        rows = []
        for name, legs in curves.items():
            title, unit, _ = curve_words(name)
            end = "°" if unit == "°" else f" {unit}"
            cells = [
                cell
                for side in LEGS
                for one in [legs[side]]
                for cell in (
                    ["\N{EN DASH}"] * 2
                    if one is None
                    else [number(one["sd"], digits_of(name)) + end, number(one["cmc"], 2)]
                )
            ]
            rows.append([escape(title), *cells])
        text += f"<h3>{escape(label)}</h3>{page.table(head, rows)}"
    return text + (
        '<p class="small">A difference smaller than the spread between repetitions is no finding. CMC: coefficient of '
        "multiple correlation, 1 for repetitions that are alike; it is lower for curves with little movement.</p>"
    )


def _methods(found: Comparison) -> str:
    if found.methods is None:
        if any(one.kind == "captured" for one in found.others):
            return (
                "<h2>Agreement of the methods</h2><p>Bland-Altman limits and the ICC of the measures need pairs: the "
                "same repetitions, measured twice. Say so with <code>--paired</code> if they are.</p>"
            )
        return ""
    plots = "".join(
        f'<figure><figcaption><h3>{escape(METRICS[name])}</h3></figcaption><div class="pair">'
        + "".join(bland_altman(found.methods[name][side], name, side, found) for side in LEGS)
        + "</div></figure>"
        for name in PLOTTED
        if name in found.methods and all(found.methods[name][side] for side in LEGS)
    )
    head = [
        ("Measure", False),
        ("leg", False),
        ("n", True),
        ("bias (95 % CI)", True),
        ("limits of agreement", True),
        ("CI of the limits", True),
        ("ICC(2,1) (95 % CI)", True),
        ("ICC(3,1) (95 % CI)", True),
    ]
    rows = []
    for name, sides in found.methods.items():
        for side, one in sides.items():
            if one is None or name not in METRICS or (side == "both" and name in SHARED):
                continue
            digits, unit = max(digits_of(name), 1), unit_of(name)
            rows.append(
                [
                    escape(METRICS[name]),
                    side,
                    str(one["n"]),
                    f"{number(one['bias'], digits, True)}{unit} ({_range(one['bias_interval'], digits)})",
                    _range((one["lower"], one["upper"]), digits) + unit,
                    f"{_range(one['lower_interval'], digits)}; {_range(one['upper_interval'], digits)}",
                    *(_icc(one[form]) for form in ("icc_2_1", "icc_3_1")),
                ]
            )
    return (
        "<h2>Agreement of the methods (Bland-Altman)</h2>"
        f"<p>Each point is one repetition: the mean of both methods across, their difference up "
        f"({escape(found.others[0].label)} minus {escape(found.reference.label)}). Solid: bias; dashed: limits that "
        "hold 95 % of the differences; tinted: their 95 % confidence intervals. These are limits for this person's "
        "repetitions, not for a population.</p>"
        + plots
        + f'<div class="scroll">{page.table(head, rows)}</div>'
        + '<p class="small">The ICC compares the spread between repetitions with the disagreement of the methods: of '
        "one person's repetitions, which are much alike, it is low even where the methods agree well. The limits of "
        "agreement are the number to go by.</p>"
    )


SHARED = frozenset(METRICS) - {
    "knee_ankle_separation_ratio_min",
    "knee_ankle_separation_ratio_at_peak_flexion",
    "grf_peak_bw_total",
    "pelvic_drop_deg",
    "trunk_lean_deg",
}
"""Measures of a leg: their limits over both legs are in the files, not on the page."""


def _range(ends: Sequence[float] | None, digits: int) -> str:
    return "\N{EN DASH}" if ends is None else " to ".join(number(one, digits, True) for one in ends)


def _icc(one: Mapping[str, float | None] | None) -> str:
    if one is None:
        return "\N{EN DASH}"
    interval = f" ({number(one['low'], 2)} to {number(one['high'], 2)})" if one["low"] is not None else ""
    return number(one["value"], 2) + interval


def _unusual(found: Comparison) -> str:
    judged = [one for one in found.parties if one.unusual is not None]
    if not judged:
        return ""
    text = "<h2>Unusual repetitions</h2>"
    for one in judged:
        assert one.unusual is not None
        said = unusual.sentences(one.unusual["found"])
        name = f"<b>{escape(one.label)}.</b> " if len(judged) > 1 else ""
        if said:
            text += (f"<p>{name}</p>" if name else "") + page.bullets(_minus(said))
        else:
            text += f"<p>{name}{'No repetition stands out.' if one.unusual['judged'] else 'Not judged.'}</p>"
        text += f'<p class="small">Criterion: {escape(one.unusual["criterion"])}.</p>'
    return text


# --- sources ---


def _computed(found: Comparison) -> str:
    tests = [
        one["spm"]
        for curves in found.compared.values()
        for legs in curves.values()
        for one in legs.values()
        if one and one["spm"]
    ]
    items = [
        "Repetitions are found in the mean knee flexion of both legs: peaks that stand out by half the range, from and "
        "to 10 % of it. Each becomes 101 points.",
        "Raw: 0 to 100 % in time. Aligned: the deepest point of every repetition at 50 %, time stretched evenly before "
        "and after it (landmark registration). Lag: the shift with the largest cross-correlation, + where the curve "
        "is late, in % of the repetition. RMSE: root mean square difference of the mean curves.",
        "r: Pearson's correlation of the raw mean curves: shape only, blind to offset and size. ICC of curves: of the "
        "aligned mean curves, points as targets; (2,1) counts an offset, (3,1) does not (Shrout and Fleiss 1979, doi "
        "10.1037/0033-2909.86.2.420). Points of a curve are not independent, so it has no confidence interval.",
        "CMC: coefficient of multiple correlation (Kadaba et al. 1989, doi 10.1002/jor.1100070611); between methods, "
        "or with the one curve of a simulation, in the form of Ferrari et al. 2010 (doi "
        "10.1016/j.gaitpost.2010.02.009). A dash: the curves differ more between than along themselves.",
        *(_test_words(tests)),
        "Unusual repetitions: each is compared with the others, leave one out, by Student's t with a Bonferroni bound "
        "over all of them, and must differ by more than the measurement errs (Munro, Herrington and Carolan 2012, doi "
        "10.1123/jsr.21.1.7). Among simulated ordinary recordings 1 to 4 of "
        "100 raise an alarm, 8 where legs scatter very differently.",
    ]
    if found.methods is not None:
        items.append(
            "Bland-Altman: bias and limits of agreement with confidence intervals (Bland and Altman 1999, doi "
            "10.1177/096228029900800204). ICC of measures: repetitions as targets, intervals of McGraw and Wong 1996 "
            "(doi 10.1037/1082-989X.1.1.30)."
        )
    items.append(
        "FPPA after Willson and Davis 2008 (doi 10.2519/jospt.2008.2706), at the joint centres named at the top."
    )
    return page.bullets(items)


def _test_words(tests: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if not tests:
        yield "Statistical parametric mapping (SPM) needs two repetitions or more that are known one by one: none here."
        return
    kinds = {
        "one-sample": "A simulation is one deterministic curve, so the captured repetitions are tested against it "
        "(one-sample)",
        "paired": "The same repetitions by two methods are tested by their differences (paired)",
        "two-sample": "The two sets of repetitions are tested against each other (two-sample)",
    }
    one = tests[0]
    yield (
        f"SPM: t at every point of the aligned curves, alpha {one['alpha']:g} for the whole curve. "
        f"{kinds[one['kind']]}. Significant says that the difference is more than the scatter of these repetitions "
        "explains, not that it matters."
    )
    if any(one["method"] == "permutation" for one in tests):
        few = next(one for one in tests if one["method"] == "permutation")
        yield (
            f"Its threshold is that of the largest |t| of {few['permutations']} permutations "
            f"({'all there are' if few['every_permutation'] else 'drawn with a seed'}), the p of a stretch that of its "
            "size (Nichols and Holmes 2002, doi 10.1002/hbm.1058; Pataky et al. 2015, doi "
            "10.1016/j.jbiomech.2015.02.051)."
        )
    if any(one["method"] == "random field" for one in tests):
        few = next(one for one in tests if one["method"] == "random field")
        yield (
            f"With n = {' and '.join(map(str, few['n']))} a permutation test could never show less than p = "
            f"{few['smallest_p']:.3g}: so the threshold is that of a smooth random field instead, which takes the "
            "scatter to be normal (Worsley et al. 1996, Human Brain Mapping 4:58; Pataky 2010, doi "
            "10.1016/j.jbiomech.2010.03.008). p of a stretch is that of its peak. Six repetitions or more would do "
            "without that assumption."
        )


def _limits(found: Comparison) -> str:
    items = [
        "The definition of the joint centres decides the value of every frontal plane number: the same squats read 13 "
        "to 24° apart by lateral markers and by mid-joint centres. Compare only what was found in the same way.",
        "FPPA is a projection, not knee abduction: a flexed thigh that rotates changes it while the knee does not.",
        "Repetitions of one person are not a sample of persons: nothing here is a norm.",
    ]
    if any(one.kind == "simulated" for one in found.others):
        items += [
            "The simulated body is a generic one, scaled, in a task of its own tempo: what differs may be anatomy, "
            "style or the model, and not a deficit.",
            "Several curves and legs are tested; each has its own 5 % chance of a false stretch.",
        ]
    elif not found.paired:
        items.append("The repetitions of a session are alike because it is one session: the test takes them as random.")
    return page.bullets(items)
