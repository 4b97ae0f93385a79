"""The page: one HTML file that needs no network, with charts as inline SVG. The same report gives the same bytes."""

from __future__ import annotations

import math
import platform
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from simlab import page

if TYPE_CHECKING:
    from simlab.validate import Report
    from simlab.validate._targets import Part, Target

PASS, FAIL, BAND = "#1b7837", "#b2182b", "#d9ead9"
PROJECTION, JOINT = "#2166ac", "#e08214"

STYLE = """
:root { color-scheme: light }
body { font: 15px/1.5 system-ui, sans-serif; color: #222; background: #fff; max-width: 66rem; margin: 2rem auto;
  padding: 0 1rem }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .3rem } h2 { font-size: 1.2rem; margin: 2.2rem 0 .5rem }
table { border-collapse: collapse; width: 100%; margin: .6rem 0 1rem; font-size: .87rem }
th, td { text-align: left; vertical-align: top; padding: .3rem .55rem .3rem 0; border-bottom: 1px solid #ddd }
th { border-bottom: 1.5px solid #888; font-weight: 600 }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums } td.n { white-space: nowrap }
table.wide td:first-child { min-width: 9rem } table.wide td:last-child { min-width: 17rem }
table.wide td:last-child, table.wide th:last-child { padding-left: .8rem }
section.target { border-top: 1.5px solid #888; padding: .7rem 0 .2rem }
section.target h3 { margin: 0; font-size: 1rem } section.target p { margin: .25rem 0 }
section.target table { margin: .4rem 0 } section.target td:first-child { width: 46% }
.pass { color: #1b7837; font-weight: 600 } .fail { color: #b2182b; font-weight: 600 }
.small { color: #555; font-size: .87rem }
.lead { font-size: 1.05rem } svg { max-width: 100%; height: auto; display: block; margin: .6rem 0 }
pre { background: #f5f5f5; padding: .6rem .8rem; overflow-x: auto; font-size: .85rem }
@media print { body { margin: 0; max-width: none; font-size: 10.5pt } a { color: inherit; text-decoration: none }
  tr, li, svg, p { break-inside: avoid } h2, h3 { break-after: avoid } }
@page { margin: 16mm }
"""


def html(report: Report) -> str:
    """The whole page."""
    parts = [part for target in report.targets for part in target.measured if part.judged]
    good = sum(target.passed for target in report.targets)
    within = sum(part.passed for part in parts)
    body = [
        "<h1>What simlab says, and what experiments say</h1>",
        f'<p class="lead"><b>{good} of {len(report.targets)} targets are within tolerance</b>, and {within} of the '
        f"{len(parts)} single numbers that they are made of. A target passes when all of its numbers do. The "
        "tolerances were written down before the model was run, and no number was fitted to them. But the "
        "controller's weights on one leg were settled with effects in sight, and the PFP-like person was made of more "
        "than weakness after weakness alone had failed T1 and T2 (shown there, not judged). How T4, T6, T8 and T9 are "
        "measured (tasks pooled; motion, not angle; as deep as one can; the post at the bottom) was settled after a "
        "first run; what T4, T6 and T9 judged before stands beside it. Every result assumes muscle_paths = anatomical "
        "and control strategy = habitual unless a row says otherwise.</p>",
        _model_says(report),
        _agreement(report.targets),
        "<h2>Every target</h2>",
        '<p class="small">Each number on a scale of its own. Green: the accepted range; dot: the model.</p>',
        _ranges(report.targets),
        *(_target(target) for target in report.targets),
        _robustness(report),
        "<h2>What this page does not prove</h2>",
        page.bullets(report.unvalidated),
        _limits(),
        _reproduce(report),
    ]
    return page.document("simlab: validation", STYLE, body)


def _digits(part: Part) -> int:
    return 0 if part.unit in ("% body weight",) else 2 if part.unit in ("", "deg") else 1


def _range(part: Part) -> str:
    if not part.judged:
        return "not judged"
    low, high = (
        None if end is None or not math.isfinite(end) else page.number(end, 2).rstrip("0").rstrip(".")
        for end in (part.low, part.high)
    )
    if low is not None and high is not None:
        return f"{low} to {high}"
    return f"above {low}" if low is not None else f"below {high}" if high is not None else "nothing to compare with"


def _verdict(passed: bool) -> str:
    return '<span class="pass">within</span>' if passed else '<span class="fail">outside</span>'


# --- sections ---------------------------------------------------------------------------------------------------------


def _model_says(report: Report) -> str:
    words = {row.case: row.words for row in report.robustness}
    rows = [
        [
            escape(name),
            *(page.number(change[key], 1, True) for key in COLUMNS),
            escape(words.get(name, "")),
        ]
        for name, change in report.changes.items()
    ]
    head = [("Person", False), *((label, True) for label in COLUMNS.values()), ("In words", False)]
    return (
        "<h2>What the model says</h2><p>Changes against the same person without deficits, right leg at peak flexion: "
        "both legs changed alike in a squat to 75 deg, and on one leg in a single-leg squat to 50 deg. FPPA is the "
        "frontal plane projection angle; knee abduction is the angle of the joint. They are different things: the "
        "joint can read more abduction because the flexed femur rolled outward, while the knee itself travels out.</p>"
        + _bars(report)
        + page.table(head, rows, ' class="wide"')
    )


COLUMNS = {
    "fppa_deg": "FPPA [deg]",
    "medial_displacement_mm": "medial [mm]",
    "knee_abduction_deg": "knee abduction [deg]",
    "hip_internal_rotation_deg": "hip int. rotation [deg]",
    "hip_adduction_deg": "hip adduction [deg]",
    "pelvic_drop_deg": "pelvic drop [deg]",
    "trunk_lean_deg": "trunk lean [deg]",
}


def _agreement(targets: Sequence[Target]) -> str:
    def lines(passed: bool) -> str:
        return page.bullets(
            f"{target.id}: {part.quantity} {page.number(part.value, _digits(part))} {part.unit}".rstrip()
            + f" (accepted {_range(part)}"
            + (f"; experiment {part.published})" if part.published else ")")
            for target in targets
            for part in target.measured
            if part.judged and part.passed is passed
        )

    return f"<h2>Where they agree</h2>{lines(True)}<h2>Where they do not</h2>{lines(False)}"


def _target(target: Target) -> str:
    rows = [
        [
            escape(part.quantity),
            f"<b>{page.number(part.value, _digits(part))}</b>",
            escape(part.unit),
            escape(_range(part)),
            escape(part.published),
            _verdict(part.passed) if part.judged else "",
        ]
        for part in target.measured
    ]
    head = [
        ("Measured in the model", False),
        ("", True),
        ("", False),
        ("accepted", False),
        ("experiment", False),
        ("", False),
    ]
    verdict = '<span class="pass">pass</span>' if target.passed else '<span class="fail">fail</span>'
    why = "Why" if not target.passed else "Behind it"
    return (
        f'<section class="target" id="{escape(target.id)}">'
        f"<h3>{escape(target.id)}: {escape(target.target)} \N{EN DASH} {verdict}</h3>"
        f'<p class="small">{page.text(target.source)}. Tolerance: {page.text(target.tolerance)}.</p>'
        + page.table(head, rows)
        + f'<p class="small"><b>Measured how.</b> {page.text(target.definition)}</p>'
        + (f"<p><b>{why}.</b> {page.text(target.explanation)}</p>" if target.explanation else "")
        + "</section>"
    )


def _robustness(report: Report) -> str:
    rows = [
        [
            escape(row.case),
            escape(row.quantity.removesuffix("_deg").replace("_", " ").replace("fppa", "FPPA")),
            page.number(row.difference, 2, True),
            page.number(row.step_moves, 2, True),
            _verdict(row.step_passed),
            page.number(row.period_moves, 2, True),
            _verdict(row.period_passed),
            page.number(row.balanced, 2, True),
        ]
        for row in report.robustness
    ]
    head = [
        ("Person", False),
        ("Quantity", False),
        ("difference [deg]", True),
        ("half the step moves it", True),
        ("", False),
        ("half the control period", True),
        ("", False),
        ("torque-balanced paths", True),
    ]
    good = sum(row.step_passed for row in report.robustness), sum(row.period_passed for row in report.robustness)
    return (
        "<h2>Does it depend on the numerics?</h2><p>Every difference against the healthy person again with half the "
        "physics step (1 to 0.5 ms; should move it by less than 0.5 deg or 5 %), and with half the control period too "
        "(10 to 5 ms, on one leg 5 to 2.5 ms; less than 1 deg or 10 % of what it was with half the step). The habit is "
        "learned anew at "
        f"the same rates. {good[0]} and {good[1]} of {len(report.robustness)} are within. The last column is the "
        "difference under the other assumption about muscle paths (torque_balanced): a bound of what their uncertainty "
        "can do.</p>" + page.table(head, rows)
    )


def _limits() -> str:
    return "<h2>Limits of the model</h2>" + page.bullets(
        (
            "One generic anatomy (84 muscles, 27 degrees of freedom), scaled to height, mass and sex; muscle paths "
            "are those of a published model, and the balance of internal and external hip rotation is their least "
            "certain part.",
            "The nervous system is an assumption with a name: it keeps the drive of the healthy twin (habitual). A "
            "mind that knows the deficit would hide most of it.",
            "On two legs hip adduction and rotation are not tracked; on one leg the pelvis and the frontal plane are "
            "held lightly, and effects on one leg depend on how lightly.",
            "Soles and ground are rigid spheres on a plane; shoes, soft tissue and the skin that carries markers are "
            "not there.",
            "Deficits are of strength, stiffness, shape and support. Pain, fear, fatigue of the brain and learning "
            "are not.",
        )
    )


def _reproduce(report: Report) -> str:
    command = "simlab validate" + (" --quick" if report.quick else "") + " --out validation"
    versions = report.versions | {"python": platform.python_version()}
    return (
        "<h2>How to reproduce</h2>"
        f"<pre>{escape(command)}</pre><p>{report.simulations} simulations and a virtual population, whose random "
        "numbers have a seed; the same versions on the same kind of machine give the same bytes. "
        + escape(", ".join(f"{name} {version}" for name, version in versions.items()))
        + ". The numbers of this page are in validation.json beside it.</p>"
    )


# --- charts -----------------------------------------------------------------------------------------------------------

WIDTH, LABEL, ROW = 940, 470, 22


def _ranges(targets: Sequence[Target]) -> str:
    """Every judged number on a scale of its own, with the accepted range."""
    items: list[str] = []
    y, left, right = 4.0, LABEL + 20, WIDTH - 110
    judged = [(one.id, part) for one in targets for part in one.measured if part.judged]
    for name, part in judged:
        y += ROW
        colour = PASS if part.passed else FAIL
        items.append(page.label(LABEL, y + 4, f"{name}  {part.quantity}", "end"))
        items.append(f'<line x1="{left}" x2="{right}" y1="{y:.0f}" y2="{y:.0f}" stroke="#ddd"/>')
        scale = _scale(part)
        a, b = (
            left + share * (right - left) for share in (_place(part.low, scale, 0.0), _place(part.high, scale, 1.0))
        )
        items.append(page.box(a, y - 7, b - a, 14, BAND))
        if part.value is not None:
            x = left + _place(part.value, scale, 0.0) * (right - left)
            items.append(f'<circle cx="{x:.1f}" cy="{y:.0f}" r="5" fill="{colour}"/>')
        value = f"{page.number(part.value, _digits(part))} {part.unit}".replace("body weight", "BW")
        items.append(page.label(right + 12, y + 4, value, style=f' fill="{colour}"'))
    return page.svg(WIDTH, y + 16, "Model against accepted range, each on its own scale", items)


def _scale(part: Part) -> tuple[float, float]:
    """Ends of the scale: those of the accepted range and the number, and some more to both sides."""
    known = [one for one in (part.low, part.high, part.value) if one is not None and math.isfinite(one)]
    span = max(known) - min(known) or 1.0
    return min(known) - 0.4 * span, max(known) + 0.4 * span


def _place(value: float | None, scale: tuple[float, float], otherwise: float) -> float:
    """Where on the scale, 0 to 1."""
    if value is None:
        return otherwise
    return min(max((value - scale[0]) / (scale[1] - scale[0]), 0.0), 1.0)


def _bars(report: Report) -> str:
    """FPPA beside 3D knee abduction for every headline."""
    pair = {"fppa_deg": (PROJECTION, "FPPA [deg]"), "knee_abduction_deg": (JOINT, "3D knee abduction [deg]")}
    values = [change[key] or 0.0 for change in report.changes.values() for key in pair]
    scale = min([0.0, *values]), max([1.0, *values])
    left, right = 260.0, WIDTH - 60.0
    items = []
    for x, (colour, words) in zip((left, left + 110), pair.values(), strict=True):
        items += [page.box(x, 2, 12, 12, colour), page.label(x + 18, 12, words)]
    y, zero = 24.0, left + _place(0.0, scale, 0.0) * (right - left)
    for name, change in report.changes.items():
        items.append(page.label(left - 70, y + 15, name, "end"))
        for key, (colour, _) in pair.items():
            value = change[key]
            if value is not None:
                a, b = sorted((zero, left + _place(value, scale, 0.0) * (right - left)))
                items.append(page.box(a, y, b - a, 10, colour))
                x, anchor = (b + 4, "start") if value >= 0 else (a - 4, "end")
                items.append(page.label(x, y + 9, page.number(value, 1, True), anchor, ' font-size="10" fill="#555"'))
            y += 11
        y += 8
    items.append(f'<line x1="{zero:.1f}" x2="{zero:.1f}" y1="20" y2="{y - 4:.0f}" stroke="#444"/>')
    return page.svg(WIDTH, y, "Changes of projection angle and joint angle", items)
