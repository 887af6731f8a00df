"""Weighted l_p metrics for every p from 1 to infinity."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from nnff.errors import SimilarityError
from nnff.similarity import (
    Metric,
    ball_looseness,
    checked_epsilon,
    checked_looseness,
    largest_magnitude,
    rotation_steps,
    row_unit,
    write_ball,
    write_norm,
)
from nnff.values import ContentValue, FloatArray, frozen_array
from nnff_metrics.by_feature import checked_features, feature_index
from nnff_metrics.lp_ball import largest_point, upper_bound
from nnff_metrics.power_tangents import (
    power_looseness,
    tangent_count,
    write_power_ball,
    write_power_norm,
)

if TYPE_CHECKING:
    import numpy.typing as npt

    from nnff.similarity import RowWriter, Variable

__all__ = ["WeightedLp"]


@dataclass(frozen=True, eq=False, init=False)
class WeightedLp(ContentValue, Metric):
    """``d(x, y) = (sum theta_i |y_i - x_i|^p)^(1/p)``; for p = inf, ``max theta_i |y_i - x_i|``.

    A weight of 0 makes a feature free: the metric does not see it, and people who
    differ in nothing else are at distance 0.

    The rows are exact for p = 1, for p = inf, and when at most one feature has a weight.
    Otherwise p = 2 uses the lifted polyhedral ball of `nnff.similarity.ball`, and every other p tangents of
    ``|d_i|^p`` (`nnff_metrics.power_tangents`).

    Parameters
    ----------
    p
        At least 1, or infinity (``math.inf`` or ``"inf"``).
    weights
        theta: one weight per feature, or a mapping from feature names to weights (1 for those
        it does not mention); default: all 1.  Finite, not negative, inside the root.
    free
        Names or zero-based indices of features that get weight 0, whatever `weights` says.
    looseness
        How much larger than the ball the rows may be, relative, where they are not exact.

    Raises
    ------
    SimilarityError
        If p is below 1 or a weight or the looseness makes no sense.
    """

    name: ClassVar[str] = "weighted-lp"

    p: float
    weights: FloatArray | tuple[tuple[str, float], ...] | None
    free: tuple[int | str, ...]
    requested_looseness: float

    def __init__(
        self,
        p: float | str = 2,
        weights: npt.ArrayLike | Mapping[str, float] | None = None,
        free: Sequence[int | str] | int | str = (),
        looseness: float = 1e-3,
    ) -> None:
        put = object.__setattr__
        put(self, "p", _checked_p(p))
        put(self, "weights", _checked_weights(weights))
        put(self, "free", checked_features(free, "a free feature"))
        put(self, "requested_looseness", checked_looseness(looseness))

    @property
    def parameters(self) -> dict[str, Any]:
        """p, weights, free and looseness; once bound, one weight per feature."""
        weights: Any = self.weights
        if weights is not None:
            weights = dict(weights) if isinstance(weights, tuple) else weights.tolist()
        return {
            "p": "inf" if self.p == math.inf else int(self.p) if self.p.is_integer() else self.p,
            "weights": weights,
            "free": list(self.free),
            "looseness": self.requested_looseness,
        }

    @property
    def looseness(self) -> float:
        """Relative excess radius of the rows, as achieved; before `bind`, as asked for."""
        if self.p in {1, math.inf}:
            return 0.0
        if not self._bound:
            return self.requested_looseness
        seen = int(np.count_nonzero(self._theta))
        if self.p == 2:  # noqa: PLR2004
            return ball_looseness(seen, rotation_steps(seen, self.requested_looseness))
        return power_looseness(self.p, seen, self._tangents)

    def bind(self, feature_names: tuple[str, ...]) -> WeightedLp:
        """Resolve names and fill in weights of 1; see `Metric.bind`."""
        n = len(feature_names)
        theta = np.ones(n)
        named: dict[str, float] = {}
        if isinstance(self.weights, tuple):
            named = dict(self.weights)
            for name, weight in named.items():
                theta[feature_index(name, feature_names, "weights")] = weight
        elif self.weights is not None:
            if len(self.weights) != n:
                raise SimilarityError(
                    f"the metric has {len(self.weights)} weights for {n} features; give one per feature"
                )
            theta[:] = self.weights
        for feature in self.free:
            index = feature_index(feature, feature_names, "free")
            if named.get(feature_names[index], 0.0) > 0:
                raise SimilarityError(
                    f"the feature {feature_names[index]!r} is free and has a weight; it can only be one"
                )
            theta[index] = 0.0
        bound = type(self)(self.p, theta, (), self.requested_looseness)
        # A looseness that takes too many tangents is refused here, not in the middle of a run.
        _ = bound.looseness
        return bound

    def distance(self, x: FloatArray, y: FloatArray) -> FloatArray:
        """Return the distances; see `Metric.distance`.

        Powers are taken relative to the largest term, so that they neither overflow nor vanish.
        """
        gap = np.abs(np.asarray(y, dtype=np.float64) - np.asarray(x, dtype=np.float64))
        if self.p == 1:
            return np.asarray((self._theta * gap).sum(axis=-1))
        if self.p == math.inf:
            return np.asarray((self._theta * gap).max(axis=-1))
        euclidean = self.p == 2  # noqa: PLR2004
        terms = (np.sqrt(self._theta) if euclidean else self._theta ** (1 / self.p)) * gap
        largest = terms.max(axis=-1, keepdims=True)
        relative = terms / np.where(largest > 0, largest, 1.0)
        if euclidean:
            return np.asarray(largest[..., 0] * np.sqrt((relative * relative).sum(axis=-1)))
        return np.asarray(largest[..., 0] * (relative**self.p).sum(axis=-1) ** (1 / self.p))

    def encode(self, rows: RowWriter, difference: Sequence[Variable], epsilon: float) -> None:
        """Write the ball; see `Metric.encode`."""
        radius = checked_epsilon(epsilon)
        seen = [(float(theta), d) for theta, d in zip(self._theta, difference, strict=True) if theta > 0]
        if self.p == 1:
            _write_sum(rows, seen, radius)
        elif self.p == math.inf:
            _write_intervals(rows, seen, radius)
        elif self.p != 2:  # noqa: PLR2004
            write_power_ball(rows, seen, self.p, radius, self._tangents)
        else:
            forms = [[(_root_down(theta), d)] for theta, d in seen]
            # The looseness that is reported, not the one asked for: the two lead to the same rows,
            # unless coordinates that cannot move leave a smaller ball, which must not be looser.
            write_ball(rows, forms, radius, self.looseness or self.requested_looseness)

    def encode_distance(
        self, rows: RowWriter, difference: Sequence[Variable], most: float
    ) -> tuple[Sequence[tuple[float, Variable]], float]:
        """Write the norm; see `Metric.encode_distance`."""
        seen = [(float(theta), d) for theta, d in zip(self._theta, difference, strict=True) if theta > 0]
        if self.p in {1, math.inf}:
            return _write_linear_norm(rows, seen, most, together=self.p == 1), 0.0
        if self.p == 2:  # noqa: PLR2004
            forms = [[(_root_down(theta), d)] for theta, d in seen]
            return write_norm(rows, forms, most, self.looseness or self.requested_looseness), 0.0
        return write_power_norm(rows, seen, self.p, most, self._tangents), 0.0

    def difference_bound(self, weights: FloatArray, epsilon: float, radius: FloatArray) -> FloatArray:
        """Bound linear forms by the dual norm with the box; see `Metric.difference_bound`."""
        return upper_bound(self.p, self._theta, np.atleast_2d(weights), checked_epsilon(epsilon), radius)

    def maximise(
        self, gradient: FloatArray, epsilon: float, lower: FloatArray, upper: FloatArray
    ) -> FloatArray:
        """Return a maximiser over ball and box; see `Metric.maximise`."""
        found = largest_point(self.p, self._theta, gradient, checked_epsilon(epsilon), (lower, upper))
        reached = self.distance(np.zeros_like(found), found)
        # Only rounding can have led outside; shrinking a step towards 0 keeps the box.
        factor = np.where(reached > epsilon, epsilon / np.where(reached > 0, reached, 1.0), 1.0)
        return np.where(self._theta > 0, found * factor[:, None], found)

    @property
    def _tangents(self) -> int:
        """Steps of the tangents that all features together need, also where fewer can move."""
        return tangent_count(self.p, int(np.count_nonzero(self._theta)), self.requested_looseness)

    @property
    def _bound(self) -> bool:
        return isinstance(self.weights, np.ndarray) and not self.free

    @property
    def _theta(self) -> FloatArray:
        if not self._bound:
            raise SimilarityError(f"the metric {self.name!r} is not bound to features yet; call bind(names)")
        assert isinstance(self.weights, np.ndarray)
        return self.weights


def _checked_p(p: float | str) -> float:
    try:
        value = math.nan if isinstance(p, bool) else float(p)
    except (TypeError, ValueError):
        value = math.nan
    if not value >= 1:
        raise SimilarityError(f"p is {p!r}; it must be a number of at least 1, or 'inf'")
    return value


def _checked_weights(
    weights: npt.ArrayLike | Mapping[str, float] | None,
) -> FloatArray | tuple[tuple[str, float], ...] | None:
    if weights is None:
        return None
    if isinstance(weights, Mapping):
        for name in weights:
            if not isinstance(name, str):
                raise SimilarityError(f"weights are given by feature name, but {name!r} is not a name")
        return tuple((name, _checked_weight(weight, name)) for name, weight in weights.items())
    try:
        array = np.asarray(weights, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise SimilarityError(f"a weight is not a number ({error})") from error
    if array.ndim != 1 or array.size == 0:
        raise SimilarityError(f"weights are one number per feature, got an array of shape {array.shape}")
    for index, weight in enumerate(array):
        _checked_weight(weight, index)
    return frozen_array(array)


def _checked_weight(weight: Any, feature: int | str) -> float:
    try:
        value = float(weight)
    except (TypeError, ValueError):
        value = math.nan
    if not (math.isfinite(value) and value >= 0):
        raise SimilarityError(
            f"the weight of feature {feature!r} is {weight!r}; "
            "it must be a finite number that is not negative (0 makes the feature free)"
        )
    return value


def _root_down(theta: float) -> float:
    """Return the square root, rounded down: rounded up it would make the ball smaller."""
    root = math.sqrt(theta)
    return root if Fraction(root) ** 2 <= Fraction(theta) else math.nextafter(root, 0.0)


def _write_sum(rows: RowWriter, seen: list[tuple[float, Variable]], epsilon: float) -> None:
    """Write ``sum theta_i |d_i| <= epsilon`` with t_i >= theta_i |d_i|, in units of `row_unit`.

    The unit is a power of two: no coefficient is rounded, and the rows are exact.
    """
    unit = row_unit(epsilon)
    radius = epsilon / unit
    total = []
    for theta, d in seen:
        if epsilon == 0:
            rows.row([(1.0, d)], 0.0, 0.0)
            continue
        scaled = theta / unit
        most = largest_magnitude(rows, [(scaled, d)])
        low, high = rows.bounds(d)
        if most == 0:
            continue
        if low >= 0 or high <= 0:
            total.append((scaled if low >= 0 else -scaled, d))
            continue
        t = rows.variable(0.0, min(most, radius))
        rows.row([(1.0, t), (-scaled, d)], 0.0, math.inf)
        rows.row([(1.0, t), (scaled, d)], 0.0, math.inf)
        total.append((1.0, t))
    if total:
        rows.row(total, -math.inf, radius)


def _write_linear_norm(
    rows: RowWriter, seen: list[tuple[float, Variable]], most: float, *, together: bool
) -> list[tuple[float, Variable]]:
    """Write ``sum theta_i |d_i|``, or the largest of them, as a linear form; in units of `row_unit`."""
    unit = row_unit(most)
    radius = math.nextafter(most / unit, math.inf)
    total: list[tuple[float, Variable]] = []
    for theta, d in seen:
        # Divided by a power of two, hence exact, save where numbers are subnormal.
        scaled = theta / unit
        size = largest_magnitude(rows, [(scaled, d)])
        if size == 0:
            continue
        if together or not total:
            total.append((unit, rows.variable(0.0, min(size, radius) if together else radius)))
        t = total[-1][1]
        rows.row([(1.0, t), (-scaled, d)], 0.0, math.inf)
        rows.row([(1.0, t), (scaled, d)], 0.0, math.inf)
    return total


def _write_intervals(rows: RowWriter, seen: list[tuple[float, Variable]], epsilon: float) -> None:
    """Write ``theta_i |d_i| <= epsilon`` as an interval for every d_i, rounded outward."""
    for theta, d in seen:
        reach = math.nextafter(epsilon / theta, math.inf) if epsilon > 0 else 0.0
        if max(abs(bound) for bound in rows.bounds(d)) > reach:
            rows.row([(1.0, d)], -reach, reach)
