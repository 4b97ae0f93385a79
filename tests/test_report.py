"""The page of a comparison stands alone and says everything; its tables are what the page shows."""

from __future__ import annotations

import csv
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from simlab import compare, metrics, report
from simlab.motion import SIDES
from simlab.report._charts import Scale, scale

SHARE = np.linspace(0, 1, 101)


def sample(n: int, shift: float = 0.0, seed: int = 0) -> compare.Sample:
    """Squats with an angle that scatters, force on the left foot only, and a curve without a label."""
    rng = np.random.default_rng(seed)
    bump = np.sin(np.pi * SHARE)
    each = []
    for _ in range(n):
        offset = rng.normal(size=2)
        each.append(
            {
                "knee_flexion_deg": dict.fromkeys(SIDES, 90 * bump),
                "fppa_deg": {side: -10 * bump + offset[i] + shift for i, side in enumerate(SIDES)},
                "grf_bw": {"left": 0.5 + 0.1 * bump, "right": None},
                "odd_curve": dict.fromkeys(SIDES, bump**2),
            }
        )
    return compare.Sample.of(each)


def measured(n: int, shift: float = 0.0):
    """The metrics of n repetitions, as `recording.measure` gives them."""
    rng = np.random.default_rng(n)
    leg = dict.fromkeys(metrics.LEG) | {"grf_peak_bw": 0.6}
    each = [
        {
            side: leg | {"fppa_60_deg": -9 + shift + rng.normal(), "medial_knee_displacement_mm": rng.normal()}
            for side in SIDES
        }
        | {"both": dict.fromkeys(metrics.BOTH, 1.0)}
        for _ in range(n)
    ]
    return metrics.summarise(each) if n > 1 else each[0]


FOUND = {
    "repetition": 2, "side": "left", "phase": "ascending", "time": 1.9, "measure": "fppa_60_deg", "value": 0.7,
    "low": -11.6, "high": -8.9, "difference": 11.1, "t": 6.0,
}  # fmt: skip


def party(
    label: str, n: int, shift: float = 0.0, kind: str = "captured", odd: bool = False, centres: str = "clusters; hip"
) -> report.Party:
    judged = {"judged": True, "criterion": "by hand", "found": [FOUND] if odd else []}
    return report.Party(
        label=label,
        kind=kind,
        sample=sample(n, shift, seed=len(label)),
        metrics=measured(n, shift),
        facts=(("source", "a <file> & more, doi 10.1016/S0140-6736(86)90837-8"), ("joint centres", centres)),
        unusual=judged if kind == "captured" else None,
    )


REAL = party("captured", 5, odd=True)
WEAK = [party("healthy", 1, 2.0, "simulated"), party("<weak> & tight", 1, 6.0, "simulated")]
MEAN = report.Party(label="mean", kind="captured", sample=compare.captured().sample, metrics=measured(1), facts=())
FALLEN = compare.Sample.of([{"knee_flexion_deg": dict.fromkeys(SIDES, 90 * SHARE)}])
FALLS = report.Party(label="falls", kind="simulated", sample=FALLEN, metrics=measured(1), facts=())
SKIN = party("skin", 5, centres="lateral-markers; hip: regression")
CASES = {
    "simulated": (REAL, WEAK, False),
    "mean only": (MEAN, WEAK[:1], False),
    "falls": (REAL, [FALLS], False),
    "paired": (party("A", 6, odd=True), [party("B", 6, 3.0)], True),
    "sessions": (party("A", 6), [party("B", 4, 3.0)], False),
    "like with unlike": (SKIN, WEAK[:1], False),
    "one each": (party("A", 1), [party("B", 1)], False),
}


def case(name: str) -> report.Comparison:
    return report.comparison(*CASES[name])


class Page(HTMLParser):
    """Checks that tags close, and collects what a page links to and says."""

    VOID = ("meta", "br")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.VOID:
            self.open.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src", "xlink:href")]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value or "" for name, value in attrs if name in ("href", "src", "xlink:href")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] != "style":
            self.text += data + "\n"


@pytest.mark.parametrize("name", list(CASES))
def test_the_page_stands_alone(name: str) -> None:
    found = case(name)
    text = report.html(found)
    page = Page()
    page.feed(text)
    assert not page.open
    assert page.links and all(link.startswith("https://doi.org/10.") for link in page.links)
    assert not re.search(r"url\(|@import|<script|<link", text)
    assert not re.search(r"\b(nan|inf|None)\b", page.text), re.search(r".*\b(nan|inf|None)\b.*", page.text)
    assert not re.search(r'="[^"]*(nan|inf)[^"]*"', text)
    for one in found.parties:
        assert one.label in page.text
    assert text == report.html(case(name))  # the same input, the same bytes


def test_what_each_page_says() -> None:
    pages = {}
    for name in CASES:
        page = Page()
        page.feed(report.html(case(name)))
        pages[name] = " ".join(page.text.split())
    assert "one deterministic curve" in pages["simulated"] and "needs n" not in pages["simulated"]
    assert (
        "repetition 2, left leg, ascending, 1.90 s" in pages["simulated"] and "Look at this first" in pages["simulated"]
    )
    assert "random field" in pages["simulated"] and "0.0625" in pages["simulated"]
    assert "needs n ≥ 2" in pages["mean only"] and "none here" in pages["mean only"]
    assert "is not aligned" in pages["falls"]
    assert (
        "Bland-Altman" in pages["paired"]
        and "ICC(2,1) (95 % CI)" in pages["paired"]
        and "64 permutations" in pages["paired"]
    )
    assert "--paired" in pages["sessions"] and "two-sample" in pages["sessions"]
    assert "needs n ≥ 2" in pages["one each"]
    assert [name for name, text in pages.items() if "Not like with like" in text] == ["like with unlike"]
    assert "<weak> & tight" in pages["simulated"] and "&lt;weak&gt; &amp; tight" in report.html(case("simulated"))


def test_significance_is_drawn_where_the_test_found_it() -> None:
    found = case("paired")
    clusters = found.compared["B"]["fppa_deg"]["left"]["spm"]["clusters"]
    assert clusters and len(re.findall(r"<rect [^>]*class=\"f1\">", report.html(found))) >= len(clusters)
    title = f"B: {clusters[0]['start_percent']}\N{EN DASH}{clusters[0]['end_percent']} %"
    assert title in report.html(found)


@pytest.mark.parametrize("name", list(CASES))
def test_the_tables_are_tidy_and_true(name: str, tmp_path: Path) -> None:
    found = case(name)
    report.write(found, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == set(report.FILES)
    with open(tmp_path / "comparison.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["curve", "side", "percent", "source", "mean", "sd", "alignment"]
    keys = [tuple(row[key] for key in ("curve", "side", "percent", "source", "alignment")) for row in rows]
    assert len(keys) == len(set(keys))
    for one in found.parties:
        mine = [row for row in rows if row["source"] == one.label and row["alignment"] == "time"]
        left = [float(r["mean"]) for r in mine if (r["curve"], r["side"]) == ("knee_flexion_deg", "left")]
        np.testing.assert_allclose(left, one.sample.mean["knee_flexion_deg"]["left"], atol=1e-4)
        assert all(bool(row["sd"]) == (one.sample.repetitions > 1) for row in mine)
    with open(tmp_path / "comparison_metrics.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    keys = [tuple(row[key] for key in ("measure", "side", "source", "statistic")) for row in rows]
    assert len(keys) == len(set(keys))
    value = {tuple(row[key] for key in ("measure", "side", "source", "statistic")): row["value"] for row in rows}
    other = found.others[0]
    rmse = found.compared[other.label]["knee_flexion_deg"]["left"]["rmse"]
    assert float(value["knee_flexion_deg", "left", other.label, "curve_rmse"]) == pytest.approx(
        rmse, rel=1e-5, abs=1e-12
    )
    if found.paired:
        bias = found.methods["fppa_60_deg"]["left"]["bias"]
        assert float(value["fppa_60_deg", "left", "B", "agreement_bias"]) == pytest.approx(bias, rel=1e-5)
        assert float(value["fppa_60_deg", "left", "B", "agreement_icc_2_1"]) <= 1


def test_scales_hold_their_values_and_ticks_are_round() -> None:
    for values in ([3.0, 97.0], [0.31, 0.66], [-5.0], [0.0, 0.0], []):
        one = scale([np.array(values)], 200, 20)
        for value in values:
            assert 20 <= one(value) <= 200
        ticks = one.ticks()
        assert all(one.low <= tick <= one.high for tick in ticks) and 1 <= len(ticks) <= 8
    assert Scale(low=0, high=100, start=0, end=1).ticks() == [0, 20, 40, 60, 80, 100]
