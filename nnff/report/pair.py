"""The worst pair as rows: raw units, largest difference first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nnff.errors import DataError
from nnff.report.numbers import Shown, aligned, column, shown

if TYPE_CHECKING:
    from nnff.certification.certificate import Certificate, Witness
    from nnff.values import FloatArray

__all__ = ["Pair", "PairRow", "metric_scale", "pair_table", "rescales"]

SHOWN_AT_ONCE = 20
"""Features that differ beyond this many are folded."""


@dataclass(frozen=True)
class PairRow:
    """One feature of both inputs.

    Attributes
    ----------
    name
        The feature.
    sensitive
        Whether it is a sensitive attribute.
    first, second, difference
        Raw units, with the same decimals.
    measure
        The difference in the unit by which rows are sorted, see `Pair.measure`.
    share
        ``|measure|`` relative to the largest of the pair, 0 to 1.
    """

    name: str
    sensitive: bool
    first: Shown
    second: Shown
    difference: Shown
    measure: Shown
    share: float


@dataclass(frozen=True)
class Pair:
    """The witness, ready to print.

    `measure` heads the column by which rows are sorted: the metric's units where
    the metric rescales the features, else the share of the feature's range.
    """

    witness: Witness
    outputs: tuple[Shown, Shown, Shown]
    distance: Shown
    top: tuple[PairRow, ...]
    rest: tuple[PairRow, ...]
    equal: tuple[PairRow, ...]
    measure: str
    measure_note: str


def metric_scale(certificate: Certificate) -> FloatArray:
    """Return the absolute scale of the metric's coordinates, shape (n,)."""
    return np.abs(np.asarray(certificate.metric.scale, dtype=np.float64))


def rescales(certificate: Certificate) -> bool:
    """Tell whether the metric acts on anything else than raw units."""
    return bool((metric_scale(certificate) != 1).any())


def pair_table(certificate: Certificate) -> Pair | None:
    """Return the worst pair, or None when the certificate has none.

    Raises
    ------
    DataError
        If the pair and the domain have different numbers of features.
    """
    witness = certificate.witness
    if witness is None:
        return None
    domain = certificate.domain
    sizes = [len(part) for part in (domain.feature_names, witness.feature_names, witness.x1, witness.x2)]
    if len(set(sizes)) != 1:
        raise DataError(
            f"the certificate's domain has {sizes[0]} features but its worst pair has {sizes[1]} names and "
            f"{sizes[2]} and {sizes[3]} values; certify again"
        )
    unit, heading, note = _unit(certificate)
    sensitive = set(certificate.sensitive_features)
    with np.errstate(over="ignore"):
        difference = np.nan_to_num((np.asarray(witness.x2) - np.asarray(witness.x1)) / unit)
    largest = max(float(np.abs(difference).max()), np.finfo(float).tiny)
    # Stable: features that differ equally keep the order of the data.
    order = np.argsort(-np.abs(difference), kind="stable")
    rows = []
    measures = column(difference[order].tolist())
    for index, measure in zip(order, measures, strict=True):
        first, second, gap = aligned(witness.x1[index], witness.x2[index])
        name = witness.feature_names[index]
        size = float(difference[index])
        rows.append(
            PairRow(name, name in sensitive, first, second, gap, measure, min(abs(size) / largest, 1.0))
        )
    differing = tuple(row for row in rows if row.first.value != row.second.value)
    return Pair(
        witness=witness,
        outputs=aligned(witness.output1, witness.output2),
        distance=shown(witness.distance),
        top=differing[:SHOWN_AT_ONCE],
        rest=differing[SHOWN_AT_ONCE:],
        equal=tuple(row for row in rows if row.first.value == row.second.value),
        measure=heading,
        measure_note=note,
    )


def _unit(certificate: Certificate) -> tuple[FloatArray, str, str]:
    """Return what one unit of each feature is for sorting, what the column is called, and why."""
    if rescales(certificate):
        return (
            metric_scale(certificate),
            "scaled",
            "the difference divided by the metric's scale for that feature, before any weights",
        )
    with np.errstate(over="ignore"):
        width = np.asarray(certificate.domain.upper) - np.asarray(certificate.domain.lower)
    return np.where(width > 0, width, 1.0), "of range", "the difference as a share of the feature's range"
