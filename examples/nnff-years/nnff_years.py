"""How many years apart are two people?  A similarity metric for nnff in thirty lines of code."""

from dataclasses import dataclass

import numpy as np

from nnff.errors import SimilarityError
from nnff.plugin import PluginSpec, hookimpl
from nnff.similarity import Metric


@hookimpl
def nnff_metrics():
    """Offer the metric; this is what nnff finds."""
    return [PluginSpec("years", "nnff_years:Years", "largest difference, in years' worth of each feature")]


@dataclass(frozen=True)
class Years(Metric):
    """``d = max of |difference of feature i| / per_year[i]``.

    Two people are within epsilon if no feature differs by more than what it changes in epsilon years.

    Parameters
    ----------
    per_year
        How much of each feature counts as one year, in the order of the features; positive.
    """

    per_year: tuple
    name = "years"

    def __post_init__(self):
        # A tuple, because a metric is a value: it can be hashed and never changes.
        object.__setattr__(self, "per_year", tuple(self.per_year))

    @property
    def parameters(self):
        """What makes the same metric again, as plain JSON values."""
        return {"per_year": list(self.per_year)}

    def bind(self, feature_names):
        """Refuse what does not fit the features."""
        if len(self.per_year) != len(feature_names) or not min(self.per_year) > 0:
            raise SimilarityError(f"per_year needs a positive amount for each of {', '.join(feature_names)}")
        return self

    def distance(self, x, y):
        """Return the years between x and y; see `Metric.distance`."""
        return (np.abs(y - x) / self.per_year).max(axis=-1)

    def encode(self, rows, difference, epsilon):
        """Write ``|d_i| <= epsilon * per_year[i]``."""
        for d, amount in zip(difference, self.per_year, strict=True):
            rows.row([(1.0, d)], -epsilon * amount, epsilon * amount)

    def difference_bound(self, weights, epsilon, radius):
        """Bound ``|w . d|``: every feature at its limit; the factor covers the sum's rounding."""
        return np.abs(weights) @ np.minimum(radius, np.multiply(self.per_year, epsilon)) * (1 + 1e-12)

    def maximise(self, gradient, epsilon, lower, upper):
        """Go uphill in every feature up to its limit."""
        return np.clip(np.sign(gradient) * np.multiply(self.per_year, epsilon), lower, upper)
