"""The box beside the plausible region: what the region is, and how much of the worst case it explains."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nnff.errors import ProblemError
from nnff.report.bounds_bar import certified
from nnff.report.numbers import at_least, at_most, percent

if TYPE_CHECKING:
    from nnff.certification.certificate import Certificate, DomainRecord

__all__ = ["Explained", "explained", "explained_words", "region_words", "within_box"]


_NOTHING = 1e-6
"""A share below it is none: what is left are roundings."""


@dataclass(frozen=True)
class Explained:
    """Which share of what the box's worst case lies above the data disappears in the region.

    Attributes
    ----------
    low, high
        The share lies between: both worst cases are brackets.
    """

    low: float
    high: float


def within_box(box: Certificate, region: Certificate) -> Certificate:
    """Return the certificate over the region with the box's bound where that is the lesser.

    Sound: the region is a part of the box, with the same model, metric and epsilon, so no pair in it
    differs by more than any pair of the box.

    Raises
    ------
    ProblemError
        If it is not so.
    """
    inner = region.domain
    if inner.region is None:
        raise ProblemError("the second certificate is not over a plausible region; set domain.plausible")
    same = all(
        one == other
        for one, other in (
            (box.model.fingerprint, region.model.fingerprint),
            (box.epsilon, region.epsilon),
            (box.metric, region.metric),
            (_box(box.domain), _box(inner)),
        )
    )
    if not same:
        raise ProblemError(
            "the certificate over the plausible region is of another model, epsilon, metric or box; "
            "certify the same question"
        )
    upper = min(certified(box), certified(region))
    if not math.isfinite(certified(region)) or upper == region.delta_upper or upper < region.delta_lower:
        return region
    gap = (upper - region.delta_lower) / max(region.delta_lower, 1e-9)
    return region.model_copy(update={"delta_upper": upper, "gap": gap})


def _box(domain: DomainRecord) -> DomainRecord:
    """Return a domain without its region, and what depends on it."""
    return domain.model_copy(update={"region": None, "row_tolerance": 0.0, "points": None})


def explained(box: Certificate, region: Certificate) -> Explained | None:
    """Return the share, or None where there is nothing to explain or no bound."""
    data = box.delta_data
    upper, inner = certified(box), certified(region)
    if data is None or not (math.isfinite(upper) and math.isfinite(inner)) or box.delta_lower <= data:
        return None
    # (box - region) / (box - data) falls with the region's value and rises with the box's.
    least = (box.delta_lower - inner) / (box.delta_lower - data)
    most = (upper - region.delta_lower) / (upper - data)
    return Explained(min(max(least, 0.0), 1.0), min(max(most, 0.0), 1.0))


def region_words(certificate: Certificate) -> str:
    """Say what the plausible region is, in one or two sentences."""
    region = certificate.domain.region
    assert region is not None
    words = (
        f"The plausible region was learned from {region.data_rows:,} rows of data: {len(region.rows)} bounds "
        "on principal directions and on differences of correlated features, within which "
        f"{percent(region.reached)} of these rows lie."
    )
    if region.without:
        words += f" It leaves {', '.join(region.without)} alone."
    return words


def explained_words(box: Certificate, region: Certificate) -> str:
    """Say in one sentence what the region changes."""
    outer, inner = certified(box), certified(region)
    if not (math.isfinite(outer) and math.isfinite(inner)):
        return "One of the two has no certified bound, so they cannot be compared."
    share = explained(box, region)
    change = f"In the region no pair differs by more than {at_most(inner)}, in the box by {at_most(outer)}."
    if share is None:
        return change
    part = f"at most {percent(share.high)}" if share.low < _NOTHING else percent(share.low, share.high)
    return (
        f"{change} The corners of the box outside of the region explain {part} of the distance between the "
        f"worst case and the {at_least(box.delta_data or 0.0)} seen in the data."
    )
