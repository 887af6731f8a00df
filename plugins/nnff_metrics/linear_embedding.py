r"""The distance between linear images: ``d(x, y) = base(A x, A y)`` with any matrix A."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from nnff.errors import SimilarityError
from nnff.similarity import Metric, checked_epsilon
from nnff.values import ContentValue, FloatArray, frozen_array
from nnff_metrics.base_metric import base_of, base_table
from nnff_metrics.ellipsoid import box_bound, search
from nnff_metrics.mahalanobis import Mahalanobis
from nnff_metrics.uphill import best_single, best_step, stretched
from nnff_metrics.weighted_lp import WeightedLp

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from nnff.similarity import RowWriter, Variable
    from nnff.values import BoolArray

__all__ = ["LinearEmbedding"]

_ROUNDOFF = 2.0**-53
_PINV_CUT = 1e-12
_BOUND_TOLERANCE = 1e-7
_ATTACK_TOLERANCE = 1e-4


@dataclass(frozen=True, eq=False, init=False)
class LinearEmbedding(ContentValue, Metric):
    """``d(x, y) = base(A x, A y)``: a metric of differences, whose rows are the base metric's on ``e = A d``.

    What A does not see is free.  The rows are as exact as those of the base metric, and as loose.

    Parameters
    ----------
    matrix
        A, shape (k, n), any k; finite.
    base
        The metric on the k outputs: the name of a plugin, or a table with ``metric`` and its parameters;
        default weighted l_2.  It must be one of differences.

    Notes
    -----
    *Rounding.*  A d is computed with an error of at most ``noise = 8 n u |A| |d|``, u = 2^-53, and entries
    below it
    are taken as 0: else two inputs that differ in what A does not see would hardly ever be at distance 0.
    The rows let e be off by twice that, so they hold every difference whose *computed* distance is within
    epsilon.  In terms of the radius this is about 1e-13 times the extent of the box, and not counted in
    the looseness.

    *Bounds* come from a split ``w = A' z + v``: ``w . d <= base's bound of z . e + sum |v_i| r_i`` for
    every z, so
    only the evaluation is rounded outward.
    """

    name: ClassVar[str] = "embedding"

    matrix: FloatArray
    inner: Metric

    def __init__(self, matrix: npt.ArrayLike, base: Metric | Mapping[str, Any] | str = "weighted-lp") -> None:
        object.__setattr__(self, "matrix", _checked_matrix(matrix))
        object.__setattr__(self, "inner", base_of(base, len(self.matrix)))

    @property
    def parameters(self) -> dict[str, Any]:
        """Matrix, and the base metric with its parameters."""
        return {"matrix": self.matrix.tolist(), "base": base_table(self.inner)}

    @property
    def looseness(self) -> float:
        """That of the base metric."""
        return self.inner.looseness

    def bind(self, feature_names: tuple[str, ...]) -> LinearEmbedding:
        """Check the size; see `Metric.bind`."""
        k, n = self.matrix.shape
        if len(feature_names) != n:
            raise SimilarityError(
                f"the embedding's matrix is {k} by {n}, but there are {len(feature_names)} features"
            )
        return self

    def distance(self, x: FloatArray, y: FloatArray) -> FloatArray:
        """Return the distances; see `Metric.distance`."""
        gap = np.asarray(y, dtype=np.float64) - np.asarray(x, dtype=np.float64)
        image = gap @ self.matrix.T
        image = np.where(np.abs(image) <= self._noise(gap), 0.0, image)
        return self.inner.distance(np.zeros_like(image), image)

    def encode(self, rows: RowWriter, difference: Sequence[Variable], epsilon: float) -> None:
        """Write ``e = A d`` and the base metric's ball of e; see `Metric.encode`."""
        eps = checked_epsilon(epsilon)
        most = np.array([max(abs(bound) for bound in rows.bounds(d)) for d in difference])
        noise = 2 * self._noise(most)
        reach = self._extent(eps, most)
        images = []
        for row, error, ends in zip(self.matrix, noise, reach, strict=True):
            e = rows.variable(-float(ends), float(ends))
            terms = [(-float(a), d) for a, d in zip(row, difference, strict=True) if a != 0]
            rows.row([(1.0, e), *terms], -float(error), float(error))
            images.append(e)
        self.inner.encode(rows, images, eps)

    def difference_bound(self, weights: FloatArray, epsilon: float, radius: FloatArray) -> FloatArray:
        """Bound linear forms by splits into what A sees and the rest; see `Metric.difference_bound`."""
        eps = checked_epsilon(epsilon)
        forms, room = (
            np.atleast_2d(np.asarray(weights, dtype=np.float64)),
            np.asarray(radius, dtype=np.float64),
        )
        extent = self._extent(eps, room)
        best = box_bound(forms, room)
        for points in self._splits(forms, eps, room):
            best = np.minimum(best, self._split_bound(forms, points, eps, room, extent))
        return best

    def maximise(
        self, gradient: FloatArray, epsilon: float, lower: FloatArray, upper: FloatArray
    ) -> FloatArray:
        """Return the best of a few directions, each stretched to ball or box; see `Metric.maximise`."""
        eps = checked_epsilon(epsilon)
        free = ~self._seen
        corner = np.where(gradient > 0, upper, np.where(gradient < 0, lower, 0.0))
        found = np.where(free, corner, 0.0)
        if self._seen.any():
            box = (np.where(free, 0.0, lower), np.where(free, 0.0, upper))
            uphill = np.where(free, 0.0, gradient)
            steps = [stretched(part, self._length, eps, box) for part in self._directions(uphill, eps, box)]
            if eps > 0:
                steps.extend(best_single(uphill, self._length, eps, box))
            found = found + best_step(steps, uphill)
        return found

    def _length(self, differences: FloatArray) -> FloatArray:
        return self.distance(np.zeros_like(differences), differences)

    def _noise(self, gap: FloatArray) -> FloatArray:
        """Return what rounding may do to each entry of A d, with room to spare."""
        result: FloatArray = 8 * self.matrix.shape[1] * _ROUNDOFF * (np.abs(gap) @ np.abs(self.matrix).T)
        return result

    def _extent(self, eps: float, room: FloatArray) -> FloatArray:
        """Bound ``|e_j|`` over ball and box of d, noise included; shape (k,)."""
        most = box_bound(self.matrix, room) + 2 * self._noise(room)
        bound = self.inner.difference_bound(np.eye(len(most)), eps, most)
        return np.minimum(bound, most)

    def _split_bound(
        self, forms: FloatArray, points: FloatArray, eps: float, room: FloatArray, extent: FloatArray
    ) -> FloatArray:
        """Evaluate the bound that a z, one row of `points` per form, gives; rounded outward."""
        k, n = self.matrix.shape
        rest = np.abs(forms - points @ self.matrix)
        # A dot product of k terms and one more sum (Higham, Accuracy and Stability, section 3.1).
        rest += (k + 4) * _ROUNDOFF * (np.abs(forms) + np.abs(points) @ np.abs(self.matrix))
        inner = self.inner.difference_bound(points, eps, extent)
        bound = inner + rest @ room + np.abs(points) @ (2 * self._noise(room))
        # Sums and products of non-negative numbers: their roundings are relative.
        result: FloatArray = bound * (1 + (2 * (n + k) + 32) * _ROUNDOFF)
        return result

    def _splits(self, forms: FloatArray, eps: float, room: FloatArray) -> list[FloatArray]:
        """Return a few z per form that are likely to give a good bound, each of shape (forms, k)."""
        pinv = np.linalg.pinv(self.matrix * room, rcond=_PINV_CUT)
        scaled = forms * room
        found = [forms @ np.linalg.pinv(self.matrix, rcond=_PINV_CUT), scaled @ pinv]
        if eps > 0 and self._seen.any():
            factor = self._ellipsoid(eps, self._extent(eps, room)) * room[:, None]
            ends = np.broadcast_to(np.where(room > 0, 1.0, 0.0), forms.shape)
            _, multipliers = search(factor, scaled, (-ends, ends), _BOUND_TOLERANCE)
            found.append((scaled - multipliers) @ pinv)
        return [np.where(np.isfinite(points), points, 0.0) for points in found]

    def _directions(
        self, gradient: FloatArray, eps: float, box: tuple[FloatArray, FloatArray]
    ) -> list[FloatArray]:
        """Return directions uphill, for `stretched`."""
        # What A, or the base metric, does not see costs nothing.
        _, sizes, vectors = np.linalg.svd(self.matrix[self._counts][:, self._seen], full_matrices=False)
        vectors = vectors[sizes > _PINV_CUT * sizes.max(initial=0.0)]
        unseen = np.zeros_like(gradient)
        part = gradient[:, self._seen]
        # Where little is left of a gradient, the first projection leaves a share of what it took away.
        for _ in range(2):
            part = part - part @ vectors.T @ vectors
        unseen[:, self._seen] = part
        if eps == 0:
            return [unseen]
        reach = np.maximum(np.abs(box[0]), np.abs(box[1])).max(axis=0)
        scale = np.where(reach > 0, reach, 1.0)
        factor = self._ellipsoid(eps, self._extent(eps, reach)) * scale[:, None]
        points, _ = search(factor, gradient * scale, (box[0] / scale, box[1] / scale), _ATTACK_TOLERANCE)
        return [unseen, points * scale]

    def _ellipsoid(self, eps: float, extent: FloatArray) -> FloatArray:
        """Return L, shape (n, m), for which ``|L' d| <= 1`` resembles the ball, or is it.

        It is for the base metrics whose ball is an ellipsoid, in the directions that only steer searches.
        """
        if isinstance(self.inner, Mahalanobis):
            return np.asarray(self.matrix.T @ self.inner.factor / eps)
        if isinstance(self.inner, WeightedLp) and self.inner.p == 2:  # noqa: PLR2004
            weights = np.asarray(self.inner.parameters["weights"], dtype=np.float64)
            return np.asarray(self.matrix.T * np.sqrt(weights) / eps)
        return np.asarray(self.matrix.T / np.where(extent > 0, extent, 1.0))

    @cached_property
    def _counts(self) -> BoolArray:
        """Mask of the outputs that the base metric sees: those that a ball of radius 0 pins; shape (k,)."""
        k = len(self.matrix)
        return np.asarray(self.inner.difference_bound(np.eye(k), 0.0, np.ones(k)) < 0.5)  # noqa: PLR2004

    @cached_property
    def _seen(self) -> BoolArray:
        """Mask of the features that the outputs depend on; the others are free."""
        return np.asarray((self.matrix != 0).any(axis=0))


def _checked_matrix(matrix: npt.ArrayLike) -> FloatArray:
    try:
        array = np.array(matrix, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise SimilarityError(f"the embedding's matrix is not a table of numbers ({error})") from error
    if array.ndim != 2 or array.size == 0:  # noqa: PLR2004
        raise SimilarityError(
            f"the embedding's matrix must have a row for each output and a column for each feature, "
            f"got shape {array.shape}"
        )
    if not np.isfinite(array).all():
        row, column = (int(k[0]) for k in np.nonzero(~np.isfinite(array)))
        raise SimilarityError(
            f"the embedding's matrix holds {array[row, column]} in row {row}, column {column}"
        )
    return frozen_array(array)
