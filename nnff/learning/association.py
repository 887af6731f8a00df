"""Weights of features by how little they have to do with sensitive attributes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from nnff.errors import SimilarityError
from nnff.learning.learner import MetricLearner
from nnff.learning.table import data_hash, sensitive_columns, table_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nnff.values import FloatArray

__all__ = ["AssociationWeights"]

_MEASURES = ("correlation", "mutual-information")


class AssociationWeights(MetricLearner):
    """A weighted l_p metric with weights ``1 - r_i``, r_i the association with sensitive attributes.

    What stands in for a sensitive attribute so counts little, and the attribute itself nothing.  r_i is
    the largest
    over the attributes of, by `measure`,

    * ``"correlation"``: the absolute correlation coefficient;
    * ``"mutual-information"``: the informational coefficient ``sqrt(1 - exp(-2 I))`` of the mutual
    information I in
      nats, estimated from nearest neighbours (scikit-learn), which sees dependence of any shape.

    Parameters
    ----------
    measure
        How association is measured.
    p
        Of the metric.
    random_state
        Seed of the estimate of mutual information.
    looseness
        Of the metric's rows.

    Attributes
    ----------
    association_
        r, shape (n,); once fitted.
    weights_
        Shape (n,).
    """

    method: ClassVar[str] = "association-weights"

    association_: FloatArray
    weights_: FloatArray

    def __init__(
        self,
        measure: str = "correlation",
        p: float | str = 2,
        random_state: int = 0,
        looseness: float = 1e-3,
    ) -> None:
        self.measure = measure
        self.p = p
        self.random_state = random_state
        self.looseness = looseness

    def fit(
        self,
        X: Any,  # noqa: N803 - as in scikit-learn
        y: Any = None,
        *,
        sensitive_features: Any,
        feature_names: Sequence[str] | None = None,
    ) -> Self:
        """Learn from rows; the parameters are those of `nnff.learning.SensitiveRegression.fit`.

        Raises
        ------
        DataError
            If the data makes no sense.
        SimilarityError
            If the measure is unknown.
        """
        del y
        if self.measure not in _MEASURES:
            raise SimilarityError(
                f"the measure is {self.measure!r}; it must be one of {', '.join(_MEASURES)}"
            )
        table = table_of(X, feature_names)
        values, own, names = sensitive_columns(table, sensitive_features)
        z, scale = self._standardised(table)
        each = self._correlations(z, values) if self.measure == _MEASURES[0] else self._information(z, values)
        varied = np.ptp(table.rows, axis=0) > 0
        self.association_ = np.where(own, 1.0, np.where(varied, np.clip(each.max(axis=1), 0.0, 1.0), 0.0))
        self.weights_ = np.where(own, 0.0, 1.0 - self.association_)
        parameters = {"p": self.p, "weights": self.weights_.tolist(), "looseness": self.looseness}
        facts = {"association": self.association_.tolist()}
        return self._learn(table, scale, "weighted-lp", parameters, data_hash(table, values), names, **facts)

    @staticmethod
    def _correlations(z: FloatArray, values: FloatArray) -> FloatArray:
        attributes = (values - values.mean(axis=0)) / values.std(axis=0)
        return np.asarray(np.abs(z.T @ attributes) / len(z))

    def _information(self, z: FloatArray, values: FloatArray) -> FloatArray:
        from sklearn.feature_selection import (  # noqa: PLC0415 - imported when used
            mutual_info_classif,
            mutual_info_regression,
        )

        found = []
        for column in values.T:
            levels = np.unique(column)
            estimate = mutual_info_classif if len(levels) <= 2 else mutual_info_regression  # noqa: PLR2004
            target = column == levels[-1] if len(levels) <= 2 else column  # noqa: PLR2004
            found.append(estimate(z, target, random_state=self.random_state))
        information = np.maximum(np.array(found).T, 0.0)
        return np.asarray(np.sqrt(-np.expm1(-2 * information)))
