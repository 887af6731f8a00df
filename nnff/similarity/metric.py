"""The contract of a similarity metric d_fair."""

from __future__ import annotations

import enum
import math
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from nnff.errors import SimilarityError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    from nnff.network import Network
    from nnff.similarity.rows import RowWriter, Variable
    from nnff.values import FloatArray

__all__ = ["EPSILON_TOLERANCE", "Metric", "Relation", "checked_epsilon", "within"]

EPSILON_TOLERANCE = 1e-9
"""Relative slack in ``d_fair <= eps``.

Distances are computed in floating point, so a pair at distance exactly eps may
come out one rounding above it.  Such a pair counts as similar, in the
data, in attacks and in witnesses; encodings use the ball of radius
``eps * (1 + 2 * EPSILON_TOLERANCE)``, so that certified bounds cover it.
"""


class Relation(enum.StrEnum):
    """How the rows of a metric relate to its ball."""

    EXACT = "exact"
    """The rows describe the ball itself."""
    OUTER = "outer"
    """The rows describe a set that holds the ball; `Metric.looseness` says how much larger."""


class Metric(ABC):
    """A similarity metric on scaled inputs, and its ball as linear rows.

    Implementations are immutable values: parameters are given to the
    constructor and never change.  All coordinates are the metric's own,
    ``u = (x - center) / scale`` (see `nnff.problem.Problem`).

    Every method that touches a bound must be *outer*: `encode` must admit
    every difference in the ball, `difference_bound` must not be below
    the true range.  ``nnff.testing`` checks both by sampling.
    """

    name: ClassVar[str]
    """The name it is registered under."""

    translation_invariant: ClassVar[bool] = True
    """Whether ``distance(x, y)`` depends on ``y - x`` only.

    If not, `encode`, `difference_bound`, `distance` of 0 and `maximise` still speak of differences: the
    first two of those between any two inputs, `maximise` of those from the origin.
    """

    @property
    def embedding(self) -> Network | None:
        """phi, for a metric ``d(x, y) = base(phi(x), phi(y))`` with a network phi that is not linear.

        Encodings then write phi for both inputs of a pair and give the differences of its outputs to
        `base`, instead of those of the inputs to `encode`.  None for all other metrics.
        """
        return None

    @property
    def base(self) -> Metric:
        """The metric on the outputs of `embedding`, one of differences and bound; else the metric itself."""
        return self

    @property
    def looseness(self) -> float:
        """Relative excess radius of the encoded set: every point of it has d <= eps (1 + looseness)."""
        return 0.0

    @property
    def relation(self) -> Relation:
        """Whether the ball itself is encoded or a set that holds it: whether the looseness is 0.

        A smooth `embedding` is covered by cells, which are outer as well; how much they add depends on the
        cells, and encodings compute it (`nnff.encoding.embedding`).
        """
        smooth = self.embedding is not None and any(g.activation.smooth for g in self.embedding.layers)
        return Relation.OUTER if smooth or self.looseness > 0 else Relation.EXACT

    @property
    @abstractmethod
    def parameters(self) -> dict[str, Any]:
        """The constructor's arguments as plain JSON values, for certificates."""

    @abstractmethod
    def bind(self, feature_names: tuple[str, ...]) -> Self:
        """Return the metric for these features: names resolved, defaults filled, sizes checked.

        Called once before any other method below.

        Raises
        ------
        SimilarityError
            If the parameters do not fit the features.
        """

    @abstractmethod
    def distance(self, x: FloatArray, y: FloatArray) -> FloatArray:
        """Return d_fair for each pair of rows: the numeric truth.

        Parameters
        ----------
        x, y
            Coordinates, broadcastable to shape (..., n).

        Returns
        -------
        Distances, shape (...); infinite for inputs that are not similar however large epsilon
        is, because a feature must match exactly.
        """

    @abstractmethod
    def encode(self, rows: RowWriter, difference: Sequence[Variable], epsilon: float) -> None:
        """Write linear rows that hold every difference d with d_fair <= `epsilon`.

        Parameters
        ----------
        rows
            Where to add variables and rows.
        difference
            Handles of the n coordinates of d; their bounds are known to `rows`.
        epsilon
            Radius, finite and not negative.
        """

    def encode_distance(
        self, rows: RowWriter, difference: Sequence[Variable], most: float
    ) -> tuple[Sequence[tuple[float, Variable]], float] | None:
        """Write rows about the distance itself, where it is at most `most`; optional, for sums of metrics.

        Returns
        -------
        A linear form N and a number s, such that every difference d with ``d_fair <= most`` has values of the
        auxiliary variables with ``N <= d_fair (1 + 1e-12) + s``, and wherever the rows hold
        ``d_fair <= N (1 + looseness)``, up to s.  s covers rounding and is tiny.  None if the metric
        offers no such rows.
        """
        del rows, difference, most
        return None

    @abstractmethod
    def difference_bound(self, weights: FloatArray, epsilon: float, radius: FloatArray) -> FloatArray:
        """Bound ``|w . d|`` over the ball intersected with a box.

        Parameters
        ----------
        weights
            One linear form w per row, shape (k, n).
        epsilon
            Radius of the ball.
        radius
            ``|d_i| <= radius_i``, shape (n,).

        Returns
        -------
        Upper bounds, shape (k,), rounded outward.
        """

    @abstractmethod
    def maximise(
        self, gradient: FloatArray, epsilon: float, lower: FloatArray, upper: FloatArray
    ) -> FloatArray:
        """Return a difference in the ball and the box with a large ``gradient . d``, for attacks.

        Need not be the best one, but must satisfy both constraints (the
        ball up to `EPSILON_TOLERANCE`).

        Parameters
        ----------
        gradient
            Shape (rows, n).
        epsilon
            Radius of the ball.
        lower, upper
            Box of d per row, shape (rows, n), with ``lower <= 0 <= upper``.

        Returns
        -------
        Differences, shape (rows, n).
        """

    def maximise_at(
        self,
        place: FloatArray,
        gradient: FloatArray,
        epsilon: float,
        lower: FloatArray,
        upper: FloatArray,
    ) -> FloatArray:
        """Return differences d with a large ``gradient . d``: each place + d is similar to its place.

        Parameters
        ----------
        place
            Coordinates, shape (rows, n).
        gradient, epsilon, lower, upper
            As for `maximise`, which is the same thing for metrics of differences.
        """
        del place
        return self.maximise(gradient, epsilon, lower, upper)


def within(distance: FloatArray, epsilon: float) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Tell which distances count as at most `epsilon` (see `EPSILON_TOLERANCE`)."""
    return np.asarray(distance <= epsilon * (1 + EPSILON_TOLERANCE))


def checked_epsilon(epsilon: float) -> float:
    """Return `epsilon` as a float.

    Raises
    ------
    SimilarityError
        If it is negative, infinite or not a number.
    """
    value = float(epsilon)
    if not (math.isfinite(value) and value >= 0):
        raise SimilarityError(f"epsilon is {value:g}; it must be a finite number that is not negative")
    return value
