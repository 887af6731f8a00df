r"""Metrics that do not see a sensitive subspace: ``d(x, y)^2 = (y - x)' (I - Q Q') (y - x)``.

Q is an orthonormal basis of directions along which sensitive attributes show.  Two inputs that differ
in nothing else are at distance 0, so they must be treated alike (M. Yurochkin, A. Bower and Y. Sun,
Training individually fair
ML models with sensitive subspace robustness, ICLR 2020; D. Mukherjee et al., Two simple ways to
learn individual fairness metrics from data, ICML 2020).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from nnff.errors import DataError, SimilarityError
from nnff.learning.learner import MetricLearner
from nnff.learning.table import checked_groups, checked_pairs, data_hash, sensitive_columns, table_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from nnff.values import FloatArray

__all__ = ["ComparablePairs", "SensitiveRegression"]

_DEPENDENT = 1e-9


class SensitiveRegression(MetricLearner):
    """Project out the directions that predict sensitive attributes.

    Every sensitive attribute is regressed on the features that are not sensitive, standardised: by
    logistic regression if
    it has two values, else by ridge regression.  The coefficients are one direction each; sensitive features
    themselves are others.

    Parameters
    ----------
    regularization
        Strength of the penalty on the squared coefficients, above 0: ``alpha`` of the ridge and ``1 / C``
        of the
        logistic regression.
    looseness
        Of the metric's rows, see `nnff_metrics.mahalanobis`.

    Attributes
    ----------
    directions_
        Q, shape (n, k), in standardised coordinates; once fitted.
    """

    method: ClassVar[str] = "sensitive-regression"

    directions_: FloatArray

    def __init__(self, regularization: float = 1.0, looseness: float = 1e-3) -> None:
        self.regularization = regularization
        self.looseness = looseness

    def fit(
        self,
        X: Any,  # noqa: N803 - as in scikit-learn
        y: Any = None,
        *,
        sensitive_features: Any,
        feature_names: Sequence[str] | None = None,
    ) -> Self:
        """Learn from rows.

        Parameters
        ----------
        X
            Raw rows, shape (rows, n); a data frame gives its column names.
        y
            Not used.
        sensitive_features
            Names or indices of columns of X, or values beside it, shape (rows,) or (rows, q).
        feature_names
            Names of the columns.

        Raises
        ------
        DataError
            If the data makes no sense.
        SimilarityError
            If the regularization is not positive.
        """
        from sklearn.linear_model import LogisticRegression, Ridge  # noqa: PLC0415 - imported when used

        del y
        if not self.regularization > 0:
            raise SimilarityError(f"the regularization is {self.regularization}; it must be positive")
        table = table_of(X, feature_names)
        values, own, names = sensitive_columns(table, sensitive_features)
        z, scale = self._standardised(table)
        # What never varies in the data tells nothing; its standardised column is 0.
        others = ~own & (np.ptp(table.rows, axis=0) > 0)
        directions = [row for row, is_own in zip(np.eye(len(own)), own, strict=True) if is_own]
        for column in values.T:
            if not others.any():
                break
            levels = np.unique(column)
            direction = np.zeros(len(own))
            if len(levels) == 2:  # noqa: PLR2004
                logistic = LogisticRegression(C=1 / self.regularization, max_iter=1000, tol=1e-8)
                direction[others] = logistic.fit(z[:, others], column == levels[1]).coef_[0]
            else:
                ridge = Ridge(alpha=self.regularization)
                direction[others] = ridge.fit(z[:, others], (column - column.mean()) / column.std()).coef_
            directions.append(direction)
        self.directions_ = _basis(np.array(directions))
        parameters = {"matrix": _projection(self.directions_), "looseness": self.looseness}
        facts = {"dimensions": int(self.directions_.shape[1])}
        return self._learn(table, scale, "mahalanobis", parameters, data_hash(table, values), names, **facts)


class ComparablePairs(MetricLearner):
    """Project out the directions in which comparable rows differ: the leading singular vectors.

    Parameters
    ----------
    n_components
        Number of directions, or the share of the squared differences that they are to explain, above 0 and
        below 1.
    looseness
        Of the metric's rows, see `nnff_metrics.mahalanobis`.

    Attributes
    ----------
    directions_
        Q, shape (n, k), in standardised coordinates; once fitted.
    explained_
        Share of the squared differences that each direction explains, shape (k,).
    """

    method: ClassVar[str] = "comparable-pairs"

    directions_: FloatArray
    explained_: FloatArray

    def __init__(self, n_components: float = 0.9, looseness: float = 1e-3) -> None:
        self.n_components = n_components
        self.looseness = looseness

    def fit(
        self,
        X: Any,  # noqa: N803 - as in scikit-learn
        y: Any = None,
        *,
        pairs: npt.ArrayLike | None = None,
        groups: npt.ArrayLike | None = None,
        feature_names: Sequence[str] | None = None,
    ) -> Self:
        """Learn from rows of which some are comparable.

        Parameters
        ----------
        X
            Raw rows, shape (rows, n); a data frame gives its column names.
        y
            Not used.
        pairs
            Row numbers of comparable pairs, shape (pairs, 2).
        groups
            Instead, one value per row: rows with the same one are comparable, and count by their differences
            from their group's mean.
        feature_names
            Names of the columns.

        Raises
        ------
        DataError
            If there are not either pairs or groups, or comparable rows never differ.
        SimilarityError
            If the number of components makes no sense.
        """
        del y
        table = table_of(X, feature_names)
        z, scale = self._standardised(table)
        if (pairs is None) == (groups is None):
            raise DataError("comparable rows are given by either pairs or groups, one of the two")
        if pairs is not None:
            chosen = checked_pairs(table, pairs)
            given: Any = chosen
            differences = z[chosen[:, 1]] - z[chosen[:, 0]]
        else:
            numbers = checked_groups(table, groups)  # type: ignore[arg-type] # one of the two is not None
            given = numbers
            sums = np.zeros((numbers.max() + 1, z.shape[1]))
            np.add.at(sums, numbers, z)
            differences = z - (sums / np.bincount(numbers)[:, None])[numbers]
        _, sizes, vectors = np.linalg.svd(differences, full_matrices=False)
        share = sizes**2 / max(float((sizes**2).sum()), 1e-300)
        varied = sizes > _DEPENDENT * max(float(sizes.max(initial=0.0)), _DEPENDENT)
        if not varied.any():
            raise DataError("comparable rows are equal in every feature; there is no direction to learn")
        count = min(self._count(share, z.shape[1]), int(varied.sum()))
        # The sign of a singular vector is arbitrary: the largest entry is made positive.
        kept = vectors[:count]
        kept = kept * np.sign(kept[np.arange(count), np.abs(kept).argmax(axis=1)])[:, None]
        self.directions_, self.explained_ = np.ascontiguousarray(kept.T), share[:count]
        parameters = {"matrix": _projection(self.directions_), "looseness": self.looseness}
        facts = {"dimensions": count, "explained": self.explained_.tolist()}
        return self._learn(table, scale, "mahalanobis", parameters, data_hash(table, given), **facts)

    def _count(self, share: FloatArray, n: int) -> int:
        wanted = self.n_components
        if isinstance(wanted, int | np.integer) and not isinstance(wanted, bool):
            if not 1 <= wanted <= n:
                raise SimilarityError(
                    f"n_components is {wanted}; it must be from 1 to {n}, or a share below 1"
                )
            return int(wanted)
        if not 0 < wanted < 1:
            raise SimilarityError(f"n_components is {wanted}; it must be a whole number or a share below 1")
        return int(np.searchsorted(np.cumsum(share), wanted * (1 - 1e-12)) + 1)


def _basis(directions: FloatArray) -> FloatArray:
    """Return an orthonormal basis of the span of some rows, shape (n, k)."""
    sizes = np.linalg.norm(directions, axis=1, keepdims=True)
    units = directions[sizes[:, 0] > 0] / sizes[sizes[:, 0] > 0]
    if len(units) == 0:
        return np.zeros((directions.shape[1], 0))
    _, values, vectors = np.linalg.svd(units, full_matrices=False)
    return np.ascontiguousarray(vectors[values > _DEPENDENT].T)


def _projection(basis: FloatArray) -> list[list[float]]:
    """Return I - Q Q', symmetric, with exact zeros where a feature is in the subspace by itself."""
    matrix = np.eye(len(basis)) - basis @ basis.T
    matrix = (matrix + matrix.T) / 2
    matrix[np.abs(matrix) < 1e-14] = 0.0  # noqa: PLR2004 - a few roundings of 1
    table: list[list[float]] = matrix.tolist()
    return table
