"""The Mahalanobis metric of a covariance: differences count in units of how much people differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from nnff.errors import DataError, SimilarityError
from nnff.learning.learner import MetricLearner
from nnff.learning.table import data_hash, sensitive_columns, table_of

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["CovarianceMetric"]


class CovarianceMetric(MetricLearner):
    """``d(x, y) = sqrt((y - x)' C^+ (y - x))`` with C the covariance of the features that are not sensitive.

    Sensitive features are free.  A direction in which the data never varies is unconstrained as well: the
    data
    does not say how far apart two inputs are that differ in it.

    Parameters
    ----------
    shrinkage
        How far C is drawn towards a multiple of the identity, from 0 to 1, or ``"ledoit-wolf"`` for the
        estimate
        of O. Ledoit and M. Wolf (2004), which scikit-learn computes.
    looseness
        Of the metric's rows, see `nnff_metrics.mahalanobis`.

    Attributes
    ----------
    shrinkage_
        The shrinkage that was used; once fitted.
    """

    method: ClassVar[str] = "covariance"

    shrinkage_: float

    def __init__(self, shrinkage: float | str = "ledoit-wolf", looseness: float = 1e-3) -> None:
        self.shrinkage = shrinkage
        self.looseness = looseness

    def fit(
        self,
        X: Any,  # noqa: N803 - as in scikit-learn
        y: Any = None,
        *,
        sensitive_features: Any = None,
        feature_names: Sequence[str] | None = None,
    ) -> Self:
        """Learn from rows; the parameters are those of `nnff.learning.SensitiveRegression.fit`.

        Raises
        ------
        DataError
            If the data makes no sense.
        SimilarityError
            If the shrinkage makes no sense.
        """
        from sklearn.covariance import ledoit_wolf, shrunk_covariance  # noqa: PLC0415 - imported when used

        del y
        table = table_of(X, feature_names)
        own, values = np.zeros(len(table.names), dtype=np.bool_), None
        names: list[str] = []
        if sensitive_features is not None:
            values, own, names = sensitive_columns(table, sensitive_features)
        if own.all():
            raise DataError("every feature is sensitive; there is nothing left to compare people by")
        z, scale = self._standardised(table)
        rest = z[:, ~own]
        if self.shrinkage == "ledoit-wolf":
            covariance, used = ledoit_wolf(rest, assume_centered=True)
        else:
            if isinstance(self.shrinkage, str) or not 0 <= self.shrinkage <= 1:
                raise SimilarityError(
                    f"the shrinkage is {self.shrinkage!r}; it must be 'ledoit-wolf' or a number from 0 to 1"
                )
            used = float(self.shrinkage)
            covariance = shrunk_covariance(rest.T @ rest / len(rest), shrinkage=used)
        self.shrinkage_ = float(used)
        matrix = np.zeros((len(own), len(own)))
        matrix[np.ix_(~own, ~own)] = _inverse(np.asarray(covariance))
        parameters = {"matrix": matrix.tolist(), "looseness": self.looseness}
        facts = {"shrinkage": self.shrinkage_}
        return self._learn(table, scale, "mahalanobis", parameters, data_hash(table, values), names, **facts)


def _inverse(covariance: np.ndarray) -> np.ndarray:
    """Return the pseudo-inverse, symmetric and positive semi-definite up to rounding."""
    values, vectors = np.linalg.eigh(covariance)
    # Eigenvalues are computed to within a few n u of the largest.
    kept = values > 64 * len(values) * 2.0**-53 * values[-1]
    scaled = vectors[:, kept] / np.sqrt(values[kept])
    result: np.ndarray = scaled @ scaled.T
    return result
