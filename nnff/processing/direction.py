"""Removing sensitive directions: what tells the groups apart on average is projected out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import PCA
from sklearn.utils.validation import check_is_fitted

from nnff.errors import ConfigError, DataError
from nnff.network import Scaling
from nnff.processing.columns import numbers, sensitive_column
from nnff.processing.groups import groups_of

if TYPE_CHECKING:
    from typing import Self

    import numpy.typing as npt

    from nnff.values import FloatArray

__all__ = ["SensitiveDirectionRemover"]


class SensitiveDirectionRemover(TransformerMixin, BaseEstimator):  # type: ignore[misc] # no types there
    """Project out the principal directions of the means of the groups.

    Columns are standardised; a PCA (scikit-learn's) of the groups' means, each as often as its group has
    rows, gives the directions in which groups differ most; the projection onto them is taken away, and the
    rest returned in raw units, with as many columns as before.  With one direction fewer than there are
    groups all groups have the same mean.  After T. Bolukbasi and others, Man is to computer programmer as
    woman is to homemaker?, NeurIPS 2016, with group means in the place of word pairs.

    Parameters
    ----------
    sensitive_feature
        Column of X that holds the groups, unless `fit` is given them.  It is one of the columns that change.
    n_directions
        How many to remove.
    bins
        See `nnff.processing.groups_of`: continuous attributes are cut at quantiles.

    Attributes
    ----------
    scaling_
        The standardisation.
    directions_
        Orthonormal rows, shape (directions, n), in standardised coordinates.
    explained_variance_ratio_
        Share of the variance between groups that each direction had.
    """

    def __init__(
        self, sensitive_feature: str | int | None = None, *, n_directions: int = 1, bins: int = 5
    ) -> None:
        self.sensitive_feature = sensitive_feature
        self.n_directions = n_directions
        self.bins = bins

    def fit(
        self,
        X: Any,  # noqa: N803 - scikit-learn's name
        y: Any = None,  # noqa: ARG002 - scikit-learn's contract
        sensitive_features: npt.ArrayLike | None = None,
    ) -> Self:
        """Find the directions.

        Parameters
        ----------
        X
            Array or data frame, shape (rows, n).
        y
            Not used.
        sensitive_features
            The groups, if they are no column of X, shape (rows,).
        """
        table = numbers(X, "the data")
        group = groups_of(sensitive_column(X, self.sensitive_feature, sensitive_features), self.bins)
        groups = int(group.max()) + 1
        if groups == 1:
            raise DataError("there is a single group; no direction tells groups apart")
        most = min(groups - 1, table.shape[1])
        if not 1 <= self.n_directions <= most:
            raise ConfigError(
                f"{self.n_directions} directions of {groups} groups and {table.shape[1]} columns; "
                f"take from 1 to {most}"
            )
        self.scaling_ = Scaling.standard(table)
        z = self.scaling_.apply(table)
        means = np.stack([z[group == k].mean(axis=0) for k in range(groups)])
        analysis = PCA(self.n_directions, svd_solver="full").fit(means[group])
        self.directions_ = analysis.components_
        self.explained_variance_ratio_ = analysis.explained_variance_ratio_
        self.n_features_in_ = table.shape[1]
        return self

    def transform(self, X: Any) -> FloatArray:  # noqa: N803 - scikit-learn's name
        """Return the rows without the directions, raw units, shape (rows, n)."""
        check_is_fitted(self)
        z = self.scaling_.apply(numbers(X, "the data"))
        return self.scaling_.invert(z - z @ self.directions_.T @ self.directions_)
