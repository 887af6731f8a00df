"""imbalanced-learn's samplers on cells of (group, class) instead of classes alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator, clone

from nnff.errors import DataError
from nnff.processing.columns import sensitive_column
from nnff.processing.extras import extra_module
from nnff.processing.groups import groups_of

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["GroupSampler"]


class GroupSampler(BaseEstimator):  # type: ignore[misc] # scikit-learn has no types
    """Balance the cells of (group, class) with any sampler of imbalanced-learn.

    A sampler such as SMOTE balances classes; here a class is a group with a class, so that afterwards
    every group has as many rows of every class.

    Parameters
    ----------
    sampler
        Over- or undersampler of imbalanced-learn; default: ``SMOTE`` with 5 neighbours, fewer in small cells.
    sensitive_feature
        Column of X that holds the groups, unless `fit_resample` is given them.
    bins
        See `nnff.processing.groups_of`: continuous attributes are cut at quantiles.
    random_state
        Seed of the default sampler.

    Attributes
    ----------
    sampler_
        The sampler, fitted.
    groups_
        The group number of each row returned, shape (rows,).

    Notes
    -----
    SMOTE mixes rows of one cell.  A column that is constant within every cell stays what it is; integer and
    one-hot columns do not stay whole: give SMOTENC for those.
    """

    def __init__(
        self,
        sampler: Any = None,
        *,
        sensitive_feature: str | int | None = None,
        bins: int = 5,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.sampler = sampler
        self.sensitive_feature = sensitive_feature
        self.bins = bins
        self.random_state = random_state

    def fit_resample(
        self,
        X: Any,  # noqa: N803 - scikit-learn's name
        y: Any,
        sensitive_features: npt.ArrayLike | None = None,
    ) -> tuple[Any, Any]:
        """Return rows and classes with balanced cells.

        Parameters
        ----------
        X
            Array or data frame, shape (rows, n).
        y
            Classes, shape (rows,).
        sensitive_features
            The groups, if they are no column of X, shape (rows,).

        Raises
        ------
        MissingExtraError
            Without imbalanced-learn.
        """
        known, which = np.unique(np.asarray(y), return_inverse=True)
        sensitive = sensitive_column(X, self.sensitive_feature, sensitive_features)
        cell = groups_of(sensitive, self.bins) * len(known) + which
        counts = np.bincount(cell)
        smallest = int(counts[counts > 0].min())
        self.sampler_ = self._default(smallest) if self.sampler is None else clone(self.sampler)
        rows, cells = self.sampler_.fit_resample(X, cell)
        self.groups_, classes = np.divmod(np.asarray(cells), len(known))
        back = known[classes]
        return rows, type(y)(back, name=y.name) if hasattr(y, "iloc") else back

    def _default(self, smallest: int) -> Any:
        if smallest < 2:  # noqa: PLR2004 - SMOTE mixes two rows
            raise DataError(
                "a group has a single row of some class, which SMOTE cannot mix with another; "
                "give a sampler such as RandomOverSampler, or fewer bins"
            )
        smote = extra_module("imblearn.over_sampling").SMOTE
        return smote(k_neighbors=min(5, smallest - 1), random_state=self.random_state)
