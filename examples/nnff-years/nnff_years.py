"""How many years apart are two people?  A similarity metric for nnff, as a distribution of its own."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from nnff.errors import SimilarityError
from nnff.plugin import PluginSpec, hookimpl
from nnff.similarity import Metric

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nnff.similarity import RowWriter, Variable
    from nnff.values import FloatArray

__all__ = ["Years", "nnff_metrics"]


@hookimpl
def nnff_metrics() -> list[PluginSpec]:
    """Offer the metric; this is what nnff finds."""
    return [PluginSpec("years", "nnff_years:Years", "years apart in total, no feature beyond its share")]


@dataclass(frozen=True)
class Years(Metric):
    """``d = max(sum of y_i, max of y_i / share)`` with ``y_i = |difference of feature i| / per_year[i]``.

    Two people are within epsilon if their differences add up to at most epsilon years
    and no feature alone takes more than its share of them.

    Parameters
    ----------
    per_year
        How much of a feature counts as one year; features that are not named do not count.
    share
        The largest part of epsilon that one feature may take, above 0 up to 1.

    Attributes
    ----------
    features
        All features in their order, once bound.
    """

    per_year: Mapping[str, float] | tuple[tuple[str, float], ...]
    share: float = 0.5
    features: tuple[str, ...] = field(default=(), init=False)
    name: ClassVar[str] = "years"

    def __post_init__(self) -> None:
        # A tuple of pairs, because a metric is a value: it can be hashed and never changes.
        amounts = tuple(sorted((str(name), float(amount)) for name, amount in dict(self.per_year).items()))
        if not amounts or not all(math.isfinite(amount) and amount > 0 for _, amount in amounts):
            raise SimilarityError(f"per_year is {dict(amounts)}; give positive amounts, one feature at least")
        if not 0 < self.share <= 1:
            raise SimilarityError(f"share is {self.share}; it must be above 0 and at most 1")
        object.__setattr__(self, "per_year", amounts)

    @property
    def parameters(self) -> dict[str, Any]:
        """What makes the same metric again, as plain JSON values."""
        return {"per_year": dict(self.per_year), "share": self.share}

    def bind(self, feature_names: tuple[str, ...]) -> Years:
        """Remember the features; refuse names that are not among them."""
        for name in dict(self.per_year):
            if name not in feature_names:
                raise SimilarityError(f"per_year names {name!r}; the features are {', '.join(feature_names)}")
        if self.features not in ((), feature_names):
            raise SimilarityError(f"the metric is bound to {len(self.features)} other features")
        bound = replace(self)
        object.__setattr__(bound, "features", feature_names)
        return bound

    @property
    def _rate(self) -> FloatArray:
        """Years per unit of each feature, 0 for those that do not count; shape (n,)."""
        amounts = dict(self.per_year)
        return np.array([1 / amounts[name] if name in amounts else 0.0 for name in self.features])

    def distance(self, x: FloatArray, y: FloatArray) -> FloatArray:
        """Return the years between x and y; see `Metric.distance`."""
        years = np.abs(y - x) * self._rate
        return np.asarray(np.maximum(years.sum(axis=-1), years.max(axis=-1) / self.share))

    def encode(self, rows: RowWriter, difference: Sequence[Variable], epsilon: float) -> None:
        """Write ``y_i >= |d_i| * rate_i``, ``y_i <= share * epsilon`` and ``sum y_i <= epsilon``."""
        years = []
        for rate, d in zip(self._rate, difference, strict=True):
            if rate > 0:
                y = rows.variable(0.0, self.share * epsilon)
                rows.row([(1.0, y), (-rate, d)], 0.0, math.inf)
                rows.row([(1.0, y), (rate, d)], 0.0, math.inf)
                years.append((1.0, y))
        rows.row(years, -math.inf, epsilon)

    def difference_bound(self, weights: FloatArray, epsilon: float, radius: FloatArray) -> FloatArray:
        """Bound ``|w . d|`` by each feature alone, and by the best use of epsilon years."""
        rate, size = self._rate, np.abs(weights)
        counts = rate > 0
        alone = radius.copy()
        alone[counts] = np.minimum(radius[counts], self.share * epsilon / rate[counts])
        total = epsilon * (size[:, counts] / rate[counts]).max(axis=1) + size[:, ~counts] @ radius[~counts]
        # Each of the sums has n terms; their roundings stay below this.
        return np.asarray(np.minimum(size @ alone, total) * (1 + 1e-15 * (len(rate) + 4)))

    def maximise(
        self, gradient: FloatArray, epsilon: float, lower: FloatArray, upper: FloatArray
    ) -> FloatArray:
        """Go uphill in every feature up to its share, then shrink what counts until the sum fits."""
        rate = self._rate
        reach = np.full(len(rate), math.inf)
        reach[rate > 0] = self.share * epsilon / rate[rate > 0]
        uphill = np.where(gradient > 0, upper, np.where(gradient < 0, lower, 0.0))
        step = np.clip(uphill, -reach, reach)
        total = (np.abs(step) * rate).sum(axis=1, keepdims=True)
        return np.where((rate > 0) & (total > epsilon), step * (epsilon / np.maximum(total, 1e-300)), step)
