"""Who is compared, and everything that is found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from simlab import compare


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """One of those that are compared.

    metrics: as `recording.measure` or `metrics.measure` give them; facts: what a reader must know of it, term and
    words; unusual: the report of `unusual.find`, where there are repetitions.
    """

    label: str
    kind: Literal["captured", "simulated"]
    sample: compare.Sample
    metrics: Mapping[str, Any]
    facts: tuple[tuple[str, str], ...]
    unusual: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Everything on the page.

    compared: label -> curve -> side -> `compare.agreement`; repeatability: label -> `compare.repeatability`; methods:
    `compare.methods`, where the other has measured the same repetitions (`paired`).
    """

    reference: Party
    others: tuple[Party, ...]
    compared: Mapping[str, Mapping[str, Mapping[str, compare.Agreement | None]]]
    repeatability: Mapping[str, Any]
    methods: Mapping[str, Any] | None
    paired: bool

    @property
    def parties(self) -> tuple[Party, ...]:
        return (self.reference, *self.others)

    @property
    def names(self) -> list[str]:
        return compare.names(*(one.sample.mean for one in self.parties))

    def report(self) -> dict[str, Any]:
        """The statistics, JSON-able: what is not in the reports of the parties themselves."""
        return {
            "reference": self.reference.label,
            "paired": self.paired,
            "compared": self.compared,
            "repeatability": self.repeatability,
            "methods": self.methods,
            "unusual": {one.label: one.unusual for one in self.parties if one.unusual is not None},
        }


def comparison(reference: Party, others: Sequence[Party], paired: bool = False, seed: int = 0) -> Comparison:
    """Compare each of the others with the reference. paired: they have measured the same repetitions, in order.

    Errors: InputError for unequal numbers of repetitions when paired.
    """
    return Comparison(
        reference=reference,
        others=tuple(others),
        compared={
            one.label: compare.agreements(one.sample, reference.sample, paired=paired, seed=seed) for one in others
        },
        repeatability={
            one.label: compare.repeatability(one.sample) for one in (reference, *others) if len(one.sample.each) > 1
        },
        methods=compare.methods(others[0].metrics, reference.metrics) if paired else None,
        paired=paired,
    )
