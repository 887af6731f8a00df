"""The Mahalanobis metric: Euclidean distance after a linear map."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from nnff.errors import SimilarityError
from nnff.similarity import (
    Metric,
    ball_looseness,
    checked_epsilon,
    checked_looseness,
    rotation_steps,
    write_ball,
    write_norm,
)
from nnff.values import ContentValue, FloatArray, frozen_array
from nnff_metrics.ellipsoid import box_bound, dual_bound, search

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    import numpy.typing as npt

    from nnff.similarity import RowWriter, Variable
    from nnff.values import BoolArray

__all__ = ["Mahalanobis"]

_ROUNDOFF = 2.0**-53
# Relative to the largest entry: what printing a matrix with ten digits does to it.
_ASYMMETRY = 1e-9
# Relative to the largest eigenvalue: what rounding does to a matrix that somebody has inverted.
_NEGATIVE = 1e-9
# Below this ratio of eigenvalues the factor comes from them, not from Cholesky's algorithm.
_WELL_CONDITIONED = 1e-12
# Below any ratio of singular values that a factor of a kept eigenvalue can have.
_PINV_CUT = 1e-12
# Duality gaps of the searches for a bound and for an attack's direction.
_BOUND_TOLERANCE = 1e-7
_ATTACK_TOLERANCE = 1e-5


@dataclass(frozen=True, eq=False, init=False)
class Mahalanobis(ContentValue, Metric):
    """``d(x, y) = sqrt((y - x)' S (y - x))`` with S symmetric and positive semi-definite.

    S is factored once, ``S = L L'``, and from then on L is the truth: the distance is
    ``|L' (y - x)|_2``, and the rows, bounds and attack directions are about the same L.
    It differs from S by a few roundings of S's largest eigenvalue.  Eigenvalues that are zero
    up to rounding, below 32 n 2^-53 times the largest, are dropped; what lies in their directions is
    unconstrained, as it is in S.  That is sound whatever the true rank: a dropped direction only adds pairs.

    Parameters
    ----------
    matrix
        S, shape (n, n), in the metric's coordinates; finite.
    looseness
        How much larger than the ball the rows may be, relative.

    Raises
    ------
    SimilarityError
        If the matrix is not square, finite, symmetric and positive semi-definite, or the looseness makes
        no sense.

    Notes
    -----
    Each of L' d's entries is a sum that rounding can spoil by up to 8 n u times the sum of its
    terms' sizes ("noise" below, u = 2^-53).  An entry smaller than that is taken
    as 0: else two inputs that differ in a direction that S does not see would hardly
    ever be at distance 0.  The computed distance may so be short of the exact one
    by twice the noise.  The rows and `difference_bound` are for a ball whose radius is
    larger by this much, so they hold every difference whose *computed* distance is within epsilon, whatever
    the condition of S.  In terms of the radius this is about 1e-13 times the extent of
    the box, far below `nnff.similarity.EPSILON_TOLERANCE` for every radius that matters, and not counted in
    the looseness.
    """

    name: ClassVar[str] = "mahalanobis"

    matrix: FloatArray
    requested_looseness: float
    factor: FloatArray = field(metadata={"fingerprint": False}, repr=False)
    """L, shape (n, rank); a row of zeros for each coordinate that S does not see."""

    def __init__(self, matrix: npt.ArrayLike, looseness: float = 1e-3) -> None:
        put = object.__setattr__
        put(self, "matrix", _checked_matrix(matrix))
        put(self, "requested_looseness", checked_looseness(looseness))
        put(self, "factor", frozen_array(_factor(self.matrix)))

    @classmethod
    def from_covariance(cls, covariance: npt.ArrayLike, looseness: float = 1e-3) -> Self:
        """Return the metric whose S is the inverse of a covariance matrix, or the pseudo-inverse if singular.

        Directions without variance are then unconstrained: the data does not say how far apart two
        inputs are that differ in them.

        Parameters
        ----------
        covariance
            Shape (n, n), symmetric and positive semi-definite.
        looseness
            As for the class.
        """
        values, vectors = _eigen(_checked_matrix(covariance, "covariance"), "covariance")
        scaled = vectors / np.sqrt(values)
        # A product of a matrix and its own transpose: semi-definite up to rounding.
        return cls(scaled @ scaled.T, looseness)

    @property
    def parameters(self) -> dict[str, Any]:
        """Matrix and looseness."""
        return {"matrix": self.matrix.tolist(), "looseness": self.requested_looseness}

    @property
    def rank(self) -> int:
        """Rank of S up to rounding."""
        return int(self.factor.shape[1])

    @property
    def looseness(self) -> float:
        """Relative excess radius of the rows, as achieved."""
        return ball_looseness(self.rank, rotation_steps(self.rank, self.requested_looseness))

    def bind(self, feature_names: tuple[str, ...]) -> Self:
        """Check the size; see `Metric.bind`."""
        if len(feature_names) != len(self.matrix):
            n = len(self.matrix)
            raise SimilarityError(
                f"the metric's matrix is {n} by {n}, but there are {len(feature_names)} features"
            )
        return self

    def distance(self, x: FloatArray, y: FloatArray) -> FloatArray:
        """Return the distances; see `Metric.distance`."""
        gap = np.asarray(y, dtype=np.float64) - np.asarray(x, dtype=np.float64)
        seen = gap @ self.factor
        seen = np.where(np.abs(seen) <= self._noise(gap), 0.0, seen)
        largest = np.abs(seen).max(axis=-1, keepdims=True, initial=0.0)
        # Relative to the largest entry the squares neither overflow nor vanish.
        relative = seen / np.where(largest > 0, largest, 1.0)
        return np.asarray(largest[..., 0] * np.sqrt((relative * relative).sum(axis=-1)))

    def encode(self, rows: RowWriter, difference: Sequence[Variable], epsilon: float) -> None:
        """Write the ball; see `Metric.encode`."""
        radius = checked_epsilon(epsilon)
        most = np.array([max(abs(bound) for bound in rows.bounds(d)) for d in difference])
        if radius == 0 and self._pins_all:
            for d, seen in zip(difference, self._seen, strict=True):
                if seen:
                    rows.row([(1.0, d)], 0.0, 0.0)
            return
        noise = 2 * self._noise(most)
        forms = [
            [(float(entry), d) for entry, d in zip(column, difference, strict=True) if entry != 0]
            for column in self.factor.T
        ]
        if radius == 0:
            for form, error in zip(forms, noise, strict=True):
                rows.row(form, -float(error), float(error))
            return
        # The looseness that is reported: forms that cannot move must not make the ball looser.
        write_ball(rows, forms, _sum_up(radius, noise), self.looseness or self.requested_looseness)

    def encode_distance(
        self, rows: RowWriter, difference: Sequence[Variable], most: float
    ) -> tuple[Sequence[tuple[float, Variable]], float]:
        """Write the norm of L' d; see `Metric.encode_distance`."""
        reach = np.array([max(abs(bound) for bound in rows.bounds(d)) for d in difference])
        slack = _sum_up(0.0, 2 * self._noise(reach))
        forms = [
            [(float(entry), d) for entry, d in zip(column, difference, strict=True) if entry != 0]
            for column in self.factor.T
        ]
        return write_norm(rows, forms, most + slack, self.looseness or self.requested_looseness), slack

    def difference_bound(self, weights: FloatArray, epsilon: float, radius: FloatArray) -> FloatArray:
        """Bound linear forms by weak duality (`nnff_metrics.ellipsoid`); see `Metric.difference_bound`."""
        forms = np.atleast_2d(np.asarray(weights, dtype=np.float64))
        room = np.asarray(radius, dtype=np.float64)
        eps = checked_epsilon(epsilon)
        seen = self._seen
        free = box_bound(forms[:, ~seen], room[~seen])
        if self.rank == 0 or (eps == 0 and self._pins_all):
            return free
        eps = _sum_up(eps, 2 * self._noise(room))
        forms, room, factor = forms[:, seen], room[seen], self.factor[seen]
        best = box_bound(forms, room)
        if self._pins_all:
            # The ellipsoid alone bounds every coordinate; a smaller box makes the next bounds sharper.
            room = np.minimum(room, dual_bound(factor, np.eye(len(room)), self._inverse.T, eps, room))
            best = np.minimum(best, box_bound(forms, room))
        best = np.minimum(best, dual_bound(factor, forms, forms @ self._inverse.T, eps, room))
        # In units of the box, |d_i| <= 1; a coordinate that cannot move drops out.
        scaled, stretched = forms * room, factor * room[:, None] / eps
        multipliers = np.zeros_like(scaled)
        if epsilon > 0:
            ends = np.broadcast_to(np.where(room > 0, 1.0, 0.0), forms.shape)
            _, multipliers = search(stretched, scaled, (-ends, ends), _BOUND_TOLERANCE)
        points = (scaled - multipliers) @ np.linalg.pinv(stretched, rcond=_PINV_CUT).T / eps
        best = np.minimum(best, dual_bound(factor, forms, points, eps, room))
        return (free + best) * (1 + 4 * _ROUNDOFF)

    def maximise(
        self, gradient: FloatArray, epsilon: float, lower: FloatArray, upper: FloatArray
    ) -> FloatArray:
        """Return a nearly best difference; see `Metric.maximise`."""
        eps = checked_epsilon(epsilon)
        found = np.where(gradient > 0, upper, np.where(gradient < 0, lower, 0.0))
        seen = self._seen
        found[:, seen] = 0.0
        if self.rank == 0 or (eps == 0 and self._pins_all):
            return found
        g, low, high = gradient[:, seen], lower[:, seen], upper[:, seen]
        part = self._unseen(g) if eps == 0 else self._inner(g, eps, low, high)
        found[:, seen] = self._stretched(part, g, eps, (low, high))
        return found

    def _unseen(self, gradient: FloatArray) -> FloatArray:
        """Project on the directions that S does not see.

        Here S is singular, so the columns of L are multiples of eigenvectors.
        """
        factor = self.factor[self._seen]
        basis = factor / np.sqrt((factor * factor).sum(axis=0))
        # Where little is left of a gradient, the first projection leaves a share of what it took away.
        for _ in range(2):
            gradient = gradient - gradient @ basis @ basis.T
        return gradient

    def _inner(self, gradient: FloatArray, eps: float, low: FloatArray, high: FloatArray) -> FloatArray:
        """Return good directions: the maximiser over the ellipsoid where the box holds it, else by search."""
        factor = self.factor[self._seen]
        result = np.zeros_like(gradient)
        left: BoolArray = np.ones(len(gradient), dtype=np.bool_)
        if self._pins_all:
            # Over the ellipsoid the maximiser is d = eps S^-1 g / |L^-1 g|.
            inner = gradient @ self._inverse.T
            size = np.sqrt((inner * inner).sum(axis=1, keepdims=True))
            best = eps * inner / np.where(size > 0, size, 1.0) @ self._inverse
            left = np.asarray(((best < low) | (best > high)).any(axis=1))
            result[~left] = best[~left]
            reach = eps * np.sqrt((self._inverse * self._inverse).sum(axis=0))
            low, high = np.maximum(low, -reach), np.minimum(high, reach)
        if left.any():
            scale = np.maximum(high, -low)[left].max(axis=0)
            scale = np.where(scale > 0, scale, 1.0)
            box = (low[left] / scale, high[left] / scale)
            points, _ = search(factor * scale[:, None] / eps, gradient[left] * scale, box, _ATTACK_TOLERANCE)
            result[left] = points * scale
        return result

    def _stretched(
        self, part: FloatArray, gradient: FloatArray, eps: float, box: tuple[FloatArray, FloatArray]
    ) -> FloatArray:
        """Scale each row of `part` until it touches the ball or the box; rows that lead nowhere become 0."""
        low, high = box
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            ratio = np.where(part > 0, high / part, np.where(part < 0, low / part, np.inf))
            factor = ratio.min(axis=1)
            reached = self._distance_of(part)
            factor = np.minimum(factor, np.where(reached > 0, eps / reached, np.inf))
        useful = np.isfinite(factor) & ((part * gradient).sum(axis=1) > 0)
        result = np.clip(part * np.where(useful, factor, 0.0)[:, None], low, high)
        # Rounding may have led a unit in the last place outside.
        reached = self._distance_of(result)
        shrink = np.where(reached > eps, eps / np.where(reached > 0, reached, 1.0), 1.0)
        return result * shrink[:, None]

    def _distance_of(self, part: FloatArray) -> FloatArray:
        whole = np.zeros((len(part), len(self.matrix)))
        whole[:, self._seen] = part
        return self.distance(np.zeros_like(whole), whole)

    def _noise(self, gap: FloatArray) -> FloatArray:
        """Return what rounding may do to each entry of L' d, with room to spare."""
        result: FloatArray = 8 * len(self.matrix) * _ROUNDOFF * (np.abs(gap) @ np.abs(self.factor))
        return result

    @cached_property
    def _seen(self) -> BoolArray:
        """Mask of the coordinates that S sees at all; the others are free."""
        return np.asarray((self.factor != 0).any(axis=1))

    @cached_property
    def _pins_all(self) -> bool:
        """Whether distance 0 means equal in every coordinate that S sees."""
        return self.rank == int(self._seen.sum())

    @cached_property
    def _inverse(self) -> FloatArray:
        """Pseudo-inverse of the rows of L that are not zero, shape (rank, seen)."""
        return np.asarray(np.linalg.pinv(self.factor[self._seen], rcond=_PINV_CUT))


def _checked_matrix(matrix: npt.ArrayLike, what: str = "matrix") -> FloatArray:
    """Return the matrix, made exactly symmetric.

    Raises
    ------
    SimilarityError
        If it is not square, finite and symmetric up to rounding.
    """
    try:
        array = np.array(matrix, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise SimilarityError(
            f"the {what} of the Mahalanobis metric is not a table of numbers ({error})"
        ) from error
    if array.ndim != 2 or array.shape[0] != array.shape[1] or array.size == 0:  # noqa: PLR2004
        raise SimilarityError(f"the {what} of the Mahalanobis metric must be square, got shape {array.shape}")
    if not np.isfinite(array).all():
        row, column = (int(k[0]) for k in np.nonzero(~np.isfinite(array)))
        raise SimilarityError(
            f"the {what} of the Mahalanobis metric holds {array[row, column]} in row {row}, column {column}"
        )
    gap = np.abs(array - array.T)
    if gap.max() > _ASYMMETRY * np.abs(array).max():
        row, column = (int(k) for k in np.unravel_index(gap.argmax(), gap.shape))
        raise SimilarityError(
            f"the {what} of the Mahalanobis metric is not symmetric: row {row}, column {column} holds "
            f"{array[row, column]:g}, row {column}, column {row} holds {array[column, row]:g}"
        )
    return frozen_array((array + array.T) / 2)


def _eigen(matrix: FloatArray, what: str = "matrix") -> tuple[FloatArray, FloatArray]:
    """Return the eigenvalues that are positive beyond rounding, and their eigenvectors as columns.

    Raises
    ------
    SimilarityError
        If an eigenvalue is negative beyond rounding.
    """
    values, vectors = np.linalg.eigh(matrix)
    largest = float(np.abs(values).max())
    if values[0] < -_NEGATIVE * largest:
        raise SimilarityError(
            f"the {what} of the Mahalanobis metric is not positive semi-definite: "
            f"its smallest eigenvalue is {values[0]:g}"
        )
    # Eigenvalues are computed to within a few n u of the largest (LAPACK Users' Guide, section 4.7).
    kept = values > 32 * len(matrix) * _ROUNDOFF * largest
    return values[kept], vectors[:, kept]


def _factor(matrix: FloatArray) -> FloatArray:
    """Return L with ``L L' = matrix`` up to rounding, shape (n, rank)."""
    seen = matrix.any(axis=1)
    if not seen.any():
        return np.zeros((len(matrix), 0))
    part = matrix[np.ix_(seen, seen)]
    values, vectors = _eigen(part)
    if len(values) == len(part) and values[0] > _WELL_CONDITIONED * values[-1]:
        # Half of the entries are zero, and a block structure is kept: fewer nonzeros in the rows.
        small = np.linalg.cholesky(part)
    else:
        small = vectors * np.sqrt(values)
    factor = np.zeros((len(matrix), small.shape[1]))
    factor[seen] = small
    return factor


def _sum_up(epsilon: float, noise: FloatArray) -> float:
    """Return epsilon + |noise|, rounded up by more than the rounding of a norm."""
    return float((epsilon + np.linalg.norm(noise)) * (1 + (2 * len(noise) + 16) * _ROUNDOFF))
