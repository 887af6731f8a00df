r"""A metric from pairs that somebody has called similar or dissimilar.

The pair (x, y) is similar with probability ``sigma(b - (y - x)' M (y - x))``.  The matrix M and the
threshold b
minimise

.. math:: \frac{1}{N} \sum_i \log(1 + \exp(-s_i (b - d_i' M d_i))) + \frac{\lambda}{2} |M|_F^2

over positive semi-definite M, with s_i = +1 for similar pairs and -1 for others: a convex problem
(D. Mukherjee et al., Two simple ways to learn individual fairness metrics from data, ICML 2020, with
the constraint of E. Xing et al., Distance metric learning with application to clustering, NIPS 2002).
Scikit-learn's logistic regression solves it without the constraint; from there projected gradient steps,
which cut off
negative eigenvalues, lead to the constrained optimum.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from nnff.errors import DataError, SimilarityError
from nnff.learning.learner import MetricLearner
from nnff.learning.table import checked_pairs, data_hash, table_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from nnff.values import FloatArray

__all__ = ["LabelledPairs"]

_STEPS = 2000
_STILL = 1e-9


class LabelledPairs(MetricLearner):
    """Learn a Mahalanobis metric from labelled pairs by logistic regression under M >= 0.

    Distances are scaled so that 1 is the threshold: a pair at distance 1 is as likely to be called similar
    as not,
    which makes epsilon = 1 the natural choice.  That needs a positive b; else every pair is more
    likely dissimilar, and distances are left as they are.

    Parameters
    ----------
    regularization
        lambda, positive.
    max_pairs
        If there are more pairs, so many of them are drawn.
    random_state
        Seed of that draw.
    looseness
        Of the metric's rows, see `nnff_metrics.mahalanobis`.

    Attributes
    ----------
    matrix_, threshold_
        M in standardised coordinates, and b; once fitted.
    accuracy_
        Share of the pairs, those used, that the threshold tells right.
    """

    method: ClassVar[str] = "labelled-pairs"

    matrix_: FloatArray
    threshold_: float
    accuracy_: float

    def __init__(
        self,
        regularization: float = 1e-3,
        max_pairs: int = 20000,
        random_state: int = 0,
        looseness: float = 1e-3,
    ) -> None:
        self.regularization = regularization
        self.max_pairs = max_pairs
        self.random_state = random_state
        self.looseness = looseness

    def fit(
        self,
        X: Any,  # noqa: N803 - as in scikit-learn
        y: Any = None,
        *,
        pairs: npt.ArrayLike,
        similar: npt.ArrayLike,
        feature_names: Sequence[str] | None = None,
    ) -> Self:
        """Learn from rows and labelled pairs of them.

        Parameters
        ----------
        X
            Raw rows, shape (rows, n); a data frame gives its column names.
        y
            Not used.
        pairs
            Row numbers, shape (pairs, 2).
        similar
            Per pair, true (1) if similar, false (0) if not.
        feature_names
            Names of the columns.

        Raises
        ------
        DataError
            If pairs or labels make no sense, or only one kind of label occurs.
        SimilarityError
            If a parameter makes no sense.
        """
        del y
        if not (self.regularization > 0 and self.max_pairs >= 2):  # noqa: PLR2004 - one of each kind
            raise SimilarityError("the regularization must be positive, and max_pairs at least 2")
        table = table_of(X, feature_names)
        chosen = checked_pairs(table, pairs)
        labels = np.asarray(similar, dtype=np.float64)
        if labels.shape != (len(chosen),) or not np.isin(labels, (0.0, 1.0)).all():
            raise DataError(f"there must be one label, 0 or 1, for each of {len(chosen)} pairs")
        known = data_hash(table, chosen, labels)
        if len(chosen) > self.max_pairs:
            drawn = np.random.default_rng(self.random_state).choice(
                len(chosen), self.max_pairs, replace=False
            )
            chosen, labels = chosen[np.sort(drawn)], labels[np.sort(drawn)]
        if labels.min() == labels.max():
            raise DataError("all pairs have the same label; both similar and dissimilar ones are needed")
        z, scale = self._standardised(table)
        differences = z[chosen[:, 1]] - z[chosen[:, 0]]
        self.matrix_, self.threshold_ = _fit(differences, 2 * labels - 1, self.regularization)
        told = self.threshold_ - np.einsum("ki,ij,kj->k", differences, self.matrix_, differences)
        self.accuracy_ = float(((told > 0) == (labels > 0)).mean())
        unit = self.threshold_ if self.threshold_ > 0 else 1.0
        parameters = {"matrix": (self.matrix_ / unit).tolist(), "looseness": self.looseness}
        facts: dict[str, Any] = {
            "pairs": len(chosen),
            "accuracy": self.accuracy_,
            "threshold": self.threshold_,
        }
        return self._learn(table, scale, "mahalanobis", parameters, known, **facts)


def _fit(differences: FloatArray, signs: FloatArray, strength: float) -> tuple[FloatArray, float]:
    """Return M and b of the constrained optimum, by accelerated projected gradient steps with restarts."""
    matrix, threshold = _start(differences, signs, strength)
    matrix = _projected(matrix)
    ahead, level = matrix, threshold
    momentum, step = 1.0, 1.0
    value = _loss(differences, signs, strength, matrix, threshold)[0]
    for _ in range(_STEPS):
        here, slope, shift = _loss(differences, signs, strength, ahead, level)
        while True:
            new = _projected(ahead - step * slope)
            new_level = level - step * shift
            gap, move = new - ahead, new_level - level
            bound = here + (slope * gap).sum() + shift * move + ((gap * gap).sum() + move * move) / (2 * step)
            reached = _loss(differences, signs, strength, new, new_level)[0]
            if reached <= bound + 1e-15 * abs(bound):
                break
            step /= 2
        moved = float(np.abs(new - matrix).max() + abs(new_level - threshold))
        following = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        if reached > value:
            # The momentum has overshot: start it anew from the best point.
            ahead, level, momentum = matrix, threshold, 1.0
            step /= 2
            if step < _STILL:
                break
            continue
        share = (momentum - 1) / following
        ahead, level = new + share * (new - matrix), new_level + share * (new_level - threshold)
        matrix, threshold, value, momentum = new, new_level, reached, following
        step *= 1.5
        if moved <= _STILL * (1 + float(np.abs(matrix).max())):
            break
    return matrix, float(threshold)


def _start(differences: FloatArray, signs: FloatArray, strength: float) -> tuple[FloatArray, float]:
    """Return the optimum without the constraint, by scikit-learn."""
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - imported when used

    n = differences.shape[1]
    first, second = np.triu_indices(n)
    # An entry off the diagonal stands for two, which |M|_F counts twice as well.
    twice = np.where(first == second, 1.0, np.sqrt(2))
    products = -differences[:, first] * differences[:, second] * twice
    logistic = LogisticRegression(C=1 / (strength * len(signs)), max_iter=1000)
    fitted = logistic.fit(products, signs)
    matrix = np.zeros((n, n))
    matrix[first, second] = fitted.coef_[0] / twice
    matrix = matrix + matrix.T - np.diag(np.diagonal(matrix))
    return matrix, float(fitted.intercept_[0])


def _loss(
    differences: FloatArray, signs: FloatArray, strength: float, matrix: FloatArray, threshold: float
) -> tuple[float, FloatArray, float]:
    """Return the objective and its derivatives by M and b."""
    margin = signs * (threshold - np.einsum("ki,ij,kj->k", differences, matrix, differences))
    value = float(np.logaddexp(0.0, -margin).mean() + strength / 2 * (matrix * matrix).sum())
    pull = -signs * np.exp(-np.logaddexp(0.0, margin)) / len(signs)
    slope = -(differences * pull[:, None]).T @ differences + strength * matrix
    return value, slope, float(pull.sum())


def _projected(matrix: FloatArray) -> FloatArray:
    """Return the nearest positive semi-definite matrix."""
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    kept = vectors * np.sqrt(np.maximum(values, 0.0))
    result: FloatArray = kept @ kept.T
    return result
