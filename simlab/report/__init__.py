"""The page of a comparison: one HTML file for a clinician, that needs no network, and the same numbers as CSV."""

from __future__ import annotations

import csv
from pathlib import Path

from simlab.report._page import html
from simlab.report._parts import Comparison, Party, comparison
from simlab.report._tables import curve_rows, metric_rows

__all__ = ["FILES", "Comparison", "Party", "comparison", "html", "write"]

FILES = ("comparison.html", "comparison.csv", "comparison_metrics.csv")


def write(found: Comparison, folder: Path) -> None:
    """Write `FILES` to a folder."""
    (folder / FILES[0]).write_text(html(found), encoding="utf-8")
    for name, head, rows in (
        (FILES[1], ("curve", "side", "percent", "source", "mean", "sd", "alignment"), curve_rows(found)),
        (FILES[2], ("measure", "side", "source", "reference", "statistic", "value"), metric_rows(found)),
    ):
        with open(folder / name, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(head)
            writer.writerows(rows)
