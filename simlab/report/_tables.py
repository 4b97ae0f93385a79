"""A comparison as tidy tables for other programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from simlab import compare
from simlab.report._parts import Comparison
from simlab.report._words import LEGS, numbers


def curve_rows(found: Comparison) -> Iterator[tuple[Any, ...]]:
    """A row an instant: as it was in time, and with the deepest point at 50 % where there is one."""
    for one in found.parties:
        for alignment, sample in (("time", one.sample), ("deepest", one.sample.registered())):
            if sample is None:
                continue
            for name in found.names:
                for side in LEGS:
                    mean, sd = (compare.curve(curves, name, side) for curves in (sample.mean, sample.sd))
                    if mean is None or sd is None:
                        continue
                    for percent in range(compare.POINTS):
                        spread = round(float(sd[percent]), 4) if sample.repetitions > 1 else ""
                        yield name, side, percent, one.label, round(float(mean[percent]), 4), spread, alignment


def metric_rows(found: Comparison) -> Iterator[tuple[Any, ...]]:
    """A row a number: the metrics of everybody; how they agree with the reference's (agreement_...); and their curves
    (curve_...)."""
    for one in found.parties:
        for side, names in one.metrics.items():
            for name, value in names.items():
                mean, sd, n = numbers(value)
                if mean is not None:
                    yield name, side, one.label, "", "mean", _short(mean)
                    yield name, side, one.label, "", "n", n
                if sd is not None:
                    yield name, side, one.label, "", "sd", _short(sd)
    of = found.reference.label
    if found.methods is not None:
        for name, sides in found.methods.items():
            for side, values in sides.items():
                for statistic, value in (values or {}).items():
                    for suffix, number in _flat(value):
                        if statistic != "pairs":
                            what = f"agreement_{statistic}{suffix}"
                            yield name, side, found.others[0].label, of, what, number
    for label, curves in found.compared.items():
        for name, sides in curves.items():
            for side, values in sides.items():
                for statistic, value in (values or {}).items():
                    if statistic == "spm" and value is not None:
                        yield name, side, label, of, "curve_spm_p", _short(value["p"])
                        yield name, side, label, of, "curve_spm_threshold", _short(value["threshold"])
                    elif isinstance(value, int | float):
                        yield name, side, label, of, f"curve_{statistic}", _short(value)


def _flat(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        yield from ((f"_{key}" if key != "value" else "", _short(one)) for key, one in value.items() if one is not None)
    elif isinstance(value, tuple):
        yield from zip(("_low", "_high"), map(_short, value), strict=True)
    elif isinstance(value, int | float):
        yield "", _short(value)


def _short(value: Any) -> Any:
    return float(f"{value:.6g}") if isinstance(value, float) else value
