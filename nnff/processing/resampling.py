r"""Algorithm 2 of the founding paper: resampling for a continuous sensitive attribute.

With the sensitive attribute s and the output o standardised to :math:`\tilde s, \tilde o`:

.. math::
    w'_i = |\tilde s_i| + 1, \qquad
    f' = \sum_i \tilde o_i w'_i \Big/ \sum_i w'_i, \qquad
    w_i = w'_i / (|\tilde o_i - f'| + 1),

and as many rows as there were are drawn with replacement, row i with probability
:math:`w_i / \sum_j w_j`: more of the rare values of the attribute, more of the usual outputs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import brentq
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state

from nnff.errors import ConfigError, DataError
from nnff.processing.columns import numbers, sensitive_column, take_rows

if TYPE_CHECKING:
    import numpy.typing as npt

    from nnff.values import FloatArray, IntArray

__all__ = ["SensitiveResampler", "resampling_weights"]

_MOST_TILT = 50.0
"""A tilt of exp(50) per standard deviation leaves one row: beyond it no mean changes."""


def resampling_weights(sensitive: npt.ArrayLike, output: npt.ArrayLike) -> FloatArray:
    """Return the probability of each row, shape (rows,), summing to 1; see the module.

    Parameters
    ----------
    sensitive
        The sensitive attribute s, numbers, shape (rows,).
    output
        o, shape (rows,): targets, or a model's outputs.
    """
    away = np.abs(_standardised(sensitive, "the sensitive attribute")) + 1
    o = _standardised(output, "the output")
    center = float(o @ away / away.sum())
    weights = away / (np.abs(o - center) + 1)
    result: FloatArray = weights / weights.sum()
    return result


class SensitiveResampler(BaseEstimator):  # type: ignore[misc] # scikit-learn has no types
    """Resample rows by Algorithm 2, as an imbalanced-learn compatible sampler.

    It lowers delta over data pairs in part because rows, and with them pairs, go away; delta over the
    domain only through retraining.  So measure on the original rows and on the domain, too
    (`nnff.search.algorithm_1` does).

    Parameters
    ----------
    sensitive_feature
        Column of X that holds the sensitive attribute, unless `fit_resample` is given it.
    max_copies
        No row is drawn more often; default: no limit.
    strata
        The attribute's range is cut at its quantiles into so many parts of equally many rows, and every
        part keeps its number of rows; default: one part.
    keep_mean
        Tilt the probabilities, as little as possible in relative entropy, so that the expected mean of the
        output is that of the data.
    random_state
        Seed, or a NumPy `RandomState`.

    Attributes
    ----------
    weights_
        Probability of each row, shape (rows,).
    sample_indices_
        The rows drawn, shape (rows,).

    Examples
    --------
    >>> X, y = np.arange(8.0).reshape(4, 2), np.arange(4.0)
    >>> rows, outputs = SensitiveResampler(1, random_state=0).fit_resample(X, y)
    >>> rows.shape, outputs.shape
    ((4, 2), (4,))
    """

    def __init__(
        self,
        sensitive_feature: str | int | None = None,
        *,
        max_copies: int | None = None,
        strata: int = 1,
        keep_mean: bool = False,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.sensitive_feature = sensitive_feature
        self.max_copies = max_copies
        self.strata = strata
        self.keep_mean = keep_mean
        self.random_state = random_state

    def fit_resample(
        self,
        X: Any,  # noqa: N803 - scikit-learn's name
        y: Any,
        sensitive_features: npt.ArrayLike | None = None,
    ) -> tuple[Any, Any]:
        """Return as many rows as there are, drawn with replacement, and their outputs.

        Parameters
        ----------
        X
            Array or data frame, shape (rows, n).
        y
            Outputs, numbers, shape (rows,).
        sensitive_features
            The sensitive attribute, if it is no column of X, shape (rows,).

        Returns
        -------
        What was given, of the same kinds, with rows repeated and left out.
        """
        outputs = numbers(y, "the output")
        if outputs.shape != np.shape(X)[:1] or not len(outputs):
            raise DataError(f"there are {np.shape(X)[0]} rows but outputs of shape {outputs.shape}")
        if self.max_copies is not None and self.max_copies < 1:
            raise ConfigError(f"max_copies is {self.max_copies}; every row is drawn at least once at most")
        sensitive = numbers(
            sensitive_column(X, self.sensitive_feature, sensitive_features), "the sensitive attribute"
        )
        rng = check_random_state(self.random_state)
        weights = resampling_weights(sensitive, outputs)
        if self.keep_mean:
            weights = _tilted(weights, _standardised(outputs, "the output"))
        parts = _strata(sensitive, self.strata)
        self.weights_ = _shared(weights, parts)
        drawn = [part[_draw(self.weights_[part], self.max_copies, rng)] for part in parts]
        self.sample_indices_ = np.concatenate(drawn)
        return take_rows(X, self.sample_indices_), take_rows(y, self.sample_indices_)


def _standardised(values: npt.ArrayLike, what: str) -> FloatArray:
    array = numbers(values, what)
    # A constant column's computed deviation need not be 0.
    spread = array.std() if array.max() > array.min() else 1.0
    result: FloatArray = (array - array.mean()) / spread
    return result


def _tilted(weights: FloatArray, standardised: FloatArray) -> FloatArray:
    """Return ``w exp(t o) / sum`` whose mean of o is 0: the nearest such weights in relative entropy."""

    def tilt(t: float) -> FloatArray:
        shifted = np.exp(t * standardised - (t * standardised).max()) * weights
        result: FloatArray = shifted / shifted.sum()
        return result

    def mean(t: float) -> float:
        return float(tilt(t) @ standardised)

    if not standardised.any():
        return weights
    return tilt(float(brentq(mean, -_MOST_TILT, _MOST_TILT)))


def _strata(sensitive: FloatArray, parts: int) -> list[IntArray]:
    """Return the rows of each stratum, in order of the attribute."""
    if not 1 <= parts <= len(sensitive):
        raise ConfigError(
            f"{parts} strata of {len(sensitive)} rows; take from 1 to as many as there are rows"
        )
    return np.array_split(np.argsort(sensitive, kind="stable"), parts)


def _shared(weights: FloatArray, parts: list[IntArray]) -> FloatArray:
    """Return probabilities that give every stratum the share of rows it has."""
    result = np.empty_like(weights)
    for part in parts:
        result[part] = weights[part] / weights[part].sum() * len(part) / len(weights)
    return result


def _draw(weights: FloatArray, most: int | None, rng: np.random.RandomState) -> IntArray:
    """Draw as many as there are, with replacement, none more than `most` times."""
    count = len(weights)
    drawn = rng.choice(count, size=count, p=weights / weights.sum())
    if most is None:
        return drawn
    times = np.bincount(drawn, minlength=count)
    while (times > most).any():
        excess = int((times - most).clip(0).sum())
        times = np.minimum(times, most)
        # most >= 1 and as many draws as rows: there is always room.
        left = np.where(times < most, weights, 0.0)
        times += np.bincount(rng.choice(count, size=excess, p=left / left.sum()), minlength=count)
    return np.repeat(np.arange(count), times)
