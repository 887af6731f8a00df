"""Data augmentation: more rows that a fair model must treat as it treats the ones there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state

from nnff.errors import ConfigError, DataError
from nnff.network import Scaling
from nnff.processing.columns import column_names, numbers, sensitive_columns
from nnff.similarity import within

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nnff.domain import Domain
    from nnff.similarity import Metric
    from nnff.values import FloatArray

__all__ = ["CounterfactualAugmenter", "SimilarAugmenter"]


class CounterfactualAugmenter(BaseEstimator):  # type: ignore[misc] # scikit-learn has no types
    """Append copies of every row with another row's sensitive attribute, and the same output.

    Of a binary attribute that is the other value.  Columns that go along with the attribute stay as they are:
    these are flips, not causal counterfactuals.

    Parameters
    ----------
    sensitive_features
        Columns that are replaced, all from one row, such as a one-hot group.
    copies
        Copies of each row.
    random_state
        Seed, or a NumPy `RandomState`.
    """

    def __init__(
        self,
        sensitive_features: Sequence[str | int] | str | int,
        *,
        copies: int = 1,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.sensitive_features = sensitive_features
        self.copies = copies
        self.random_state = random_state

    def fit_resample(self, X: Any, y: Any) -> tuple[Any, Any]:  # noqa: N803 - scikit-learn's name
        """Return the rows, then the copies, and their outputs.

        Raises
        ------
        DataError
            If all rows have the same sensitive attribute.
        """
        _check_copies(self.copies)
        columns = sensitive_columns(X, self.sensitive_features)
        table = numbers(X, "the data")
        values, which = np.unique(table[:, columns], axis=0, return_inverse=True)
        which = which.ravel()
        if len(values) == 1:
            raise DataError("every row has the same sensitive attribute; there is nothing to replace it by")
        rng = check_random_state(self.random_state)
        copies = np.tile(table, (self.copies, 1))
        copies[:, columns] = values[_other(np.tile(which, self.copies), which, rng)]
        return _appended(X, copies), _repeated(y, self.copies)


class SimilarAugmenter(BaseEstimator):  # type: ignore[misc] # scikit-learn has no types
    """Append points within epsilon of every row, with the row's output: what individual fairness asks for.

    Parameters
    ----------
    domain
        Points stay within it; integer features stay whole, immutable ones as they are.
    metric
        d_fair, from `nnff.metric`.
    epsilon
        Similarity threshold.
    scaling
        d_fair acts on ``scaling.apply(x)``; default: standard scaling of the rows that are given.
    copies
        Points per row.
    random_state
        Seed, or a NumPy `RandomState`.
    """

    def __init__(
        self,
        domain: Domain,
        metric: Metric,
        epsilon: float,
        *,
        scaling: Scaling | None = None,
        copies: int = 1,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.domain = domain
        self.metric = metric
        self.epsilon = epsilon
        self.scaling = scaling
        self.copies = copies
        self.random_state = random_state

    def fit_resample(self, X: Any, y: Any) -> tuple[Any, Any]:  # noqa: N803 - scikit-learn's name
        """Return the rows, then the points near them, and their outputs.

        Rows outside the domain, and those whose point came out too far by rounding whole numbers, are
        repeated as they are.
        """
        _check_copies(self.copies)
        table = numbers(X, "the data")
        metric = self.metric.bind(self.domain.feature_names)
        scaling = Scaling.standard(table) if self.scaling is None else self.scaling
        base = np.tile(table, (self.copies, 1))
        inside = self.domain.contains(base)
        moved = base.copy()
        rng = check_random_state(self.random_state)
        moved[inside] = self._near(base[inside], metric, scaling, rng)
        return _appended(X, moved), _repeated(y, self.copies)

    def _near(
        self, base: FloatArray, metric: Metric, scaling: Scaling, rng: np.random.RandomState
    ) -> FloatArray:
        """Walk a random share of the way to the ball's edge in a random direction."""
        domain = self.domain
        ends = np.stack([(domain.lower - base) / scaling.scale, (domain.upper - base) / scaling.scale])
        movable = ~domain.immutable
        low, high = np.minimum(ends.min(axis=0), 0.0) * movable, np.maximum(ends.max(axis=0), 0.0) * movable
        edge = metric.maximise(rng.standard_normal(base.shape), self.epsilon, low, high) * scaling.scale
        step = rng.random_sample((len(base), 1)) * edge
        # Towards the row: rounding a step up could leave the ball.
        step = np.where(domain.integer, np.trunc(step), step)
        point = np.where(domain.immutable, base, np.clip(base + step, domain.lower, domain.upper))
        near = within(metric.distance(scaling.apply(base), scaling.apply(point)), self.epsilon)
        return np.where(near[:, None], point, base)


def _check_copies(copies: int) -> None:
    if copies < 1:
        raise ConfigError(f"copies is {copies}; it must be at least 1")


def _other(own: Any, which: Any, rng: np.random.RandomState) -> Any:
    """Return for each value another one, drawn as often as it occurs among the rows."""
    counts = np.bincount(which)
    result = np.empty_like(own)
    for value in np.unique(own):
        here = own == value
        chance = np.where(np.arange(len(counts)) == value, 0, counts).astype(np.float64)
        result[here] = rng.choice(len(counts), size=int(here.sum()), p=chance / chance.sum())
    return result


def _appended(table: Any, rows: FloatArray) -> Any:
    """Return a table with rows below its own, as an array or a data frame."""
    whole = np.concatenate([np.asarray(table, dtype=np.float64), rows])
    if not hasattr(table, "iloc"):
        return whole
    return type(table)(whole, columns=list(column_names(table)))


def _repeated(y: Any, copies: int) -> Any:
    whole = np.tile(np.asarray(y), copies + 1)
    return type(y)(whole, name=y.name) if hasattr(y, "iloc") else whole
