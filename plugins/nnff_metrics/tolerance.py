"""A tolerance for each feature: equal, close enough, or free."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from nnff.errors import SimilarityError
from nnff.similarity import Metric, checked_epsilon
from nnff.values import ContentValue, FloatArray, frozen_array
from nnff_metrics.by_feature import feature_index

if TYPE_CHECKING:
    from nnff.similarity import RowWriter, Variable

__all__ = ["Tolerance"]

_ROUNDOFF = 2.0**-53


@dataclass(frozen=True, eq=False, init=False)
class Tolerance(ContentValue, Metric):
    """``d(x, y) = max |y_i - x_i| / tolerance_i``: similar within epsilon times each feature's own tolerance.

    A tolerance of 0 asks for an exact match, whatever epsilon is: inputs that differ there are at distance
    infinity.  A tolerance of infinity makes a feature free.  The rows are exact.

    Parameters
    ----------
    tolerances
        One per feature, or a mapping from feature names; numbers that are not negative, ``"inf"``
        included, in the metric's coordinates.
    others
        The tolerance of features that the mapping does not name: 0 (exact match) or any other.
        Without it, every feature must have one.

    Raises
    ------
    SimilarityError
        If a tolerance is negative or not a number.
    """

    name: ClassVar[str] = "tolerance"

    tolerances: FloatArray | tuple[tuple[str, float], ...]
    others: float | None

    def __init__(
        self,
        tolerances: Sequence[float | str] | FloatArray | Mapping[str, float | str],
        others: float | str | None = None,
    ) -> None:
        put = object.__setattr__
        if isinstance(tolerances, Mapping):
            named = tuple((str(name), _checked(value, str(name))) for name, value in tolerances.items())
            put(self, "tolerances", named)
        elif isinstance(tolerances, str) or not isinstance(tolerances, Sequence | np.ndarray):
            raise SimilarityError(
                f"tolerances are numbers by feature name, or one per feature, got {tolerances!r}"
            )
        else:
            put(
                self,
                "tolerances",
                frozen_array([_checked(value, index) for index, value in enumerate(tolerances)]),
            )
        put(self, "others", None if others is None else _checked(others, "others"))

    @property
    def parameters(self) -> dict[str, Any]:
        """Tolerances and others; once bound, one tolerance per feature."""
        if isinstance(self.tolerances, tuple):
            given: Any = {name: _spelled(value) for name, value in self.tolerances}
        else:
            given = [_spelled(value) for value in self.tolerances.tolist()]
        return {"tolerances": given, "others": None if self.others is None else _spelled(self.others)}

    def bind(self, feature_names: tuple[str, ...]) -> Tolerance:
        """Resolve names; see `Metric.bind`."""
        n = len(feature_names)
        if isinstance(self.tolerances, tuple):
            found = np.full(n, np.nan if self.others is None else self.others)
            for name, value in self.tolerances:
                found[feature_index(name, feature_names, "tolerances")] = value
            if np.isnan(found).any():
                missing = [name for name, value in zip(feature_names, found, strict=True) if np.isnan(value)]
                raise SimilarityError(
                    f"there is no tolerance for {', '.join(missing)}; "
                    "name them too, or set 'others' (0: they must be equal, inf: they are free)"
                )
            return type(self)(found)
        if len(self.tolerances) != n:
            raise SimilarityError(
                f"the metric has {len(self.tolerances)} tolerances for {n} features; give one per feature"
            )
        return type(self)(self.tolerances)

    def distance(self, x: FloatArray, y: FloatArray) -> FloatArray:
        """Return the distances, infinite where an exact match is missed; see `Metric.distance`."""
        gap = np.abs(np.asarray(y, dtype=np.float64) - np.asarray(x, dtype=np.float64))
        exact = self._each == 0
        share = np.where(np.isinf(self._each), 0.0, gap / np.where(exact, 1.0, self._each))
        return np.asarray(np.where(exact, np.where(gap == 0, 0.0, np.inf), share).max(axis=-1))

    def encode(self, rows: RowWriter, difference: Sequence[Variable], epsilon: float) -> None:
        """Write ``|d_i| <= epsilon tolerance_i`` as an interval for every d_i; see `Metric.encode`."""
        for reach, d in zip(self._reach(checked_epsilon(epsilon)), difference, strict=True):
            if max(abs(bound) for bound in rows.bounds(d)) > reach:
                rows.row([(1.0, d)], -float(reach), float(reach))

    def difference_bound(self, weights: FloatArray, epsilon: float, radius: FloatArray) -> FloatArray:
        """Return ``sum |w_i| min(r_i, epsilon tolerance_i)``; see `Metric.difference_bound`."""
        size = np.abs(np.atleast_2d(weights))
        room = np.minimum(radius, self._reach(checked_epsilon(epsilon)))
        total = np.where(size > 0, size * room, 0.0).sum(axis=1)
        return np.asarray(total * (1 + (2 * size.shape[1] + 8) * _ROUNDOFF))

    def maximise(
        self, gradient: FloatArray, epsilon: float, lower: FloatArray, upper: FloatArray
    ) -> FloatArray:
        """Return the corner of ball and box that the gradient points to; see `Metric.maximise`."""
        reach = self._reach(checked_epsilon(epsilon))
        corner = np.where(gradient > 0, upper, np.where(gradient < 0, lower, 0.0))
        return np.clip(corner, -reach, reach)

    def _reach(self, epsilon: float) -> FloatArray:
        """Return ``epsilon tolerance_i``, rounded up by more than the division in `distance` rounds down."""
        with np.errstate(invalid="ignore"):
            reach = epsilon * self._each * (1 + 4 * _ROUNDOFF)
        return np.where(np.isinf(self._each), np.inf, reach)

    @property
    def _each(self) -> FloatArray:
        if isinstance(self.tolerances, tuple):
            raise SimilarityError(f"the metric {self.name!r} is not bound to features yet; call bind(names)")
        return self.tolerances


def _checked(value: Any, feature: int | str) -> float:
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not number >= 0:
        raise SimilarityError(
            f"the tolerance of {feature!r} is {value!r}; it must be a number that is not negative "
            "(0: an exact match, inf: free)"
        )
    return number


def _spelled(value: float) -> float | str:
    """JSON has no number for infinity."""
    return "inf" if value == math.inf else value
