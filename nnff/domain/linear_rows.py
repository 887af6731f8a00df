"""Linear rows ``lower <= A x <= upper`` that every possible input satisfies."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nnff.domain.names import feature_indices
from nnff.errors import DomainError
from nnff.values import ContentValue, FloatArray, frozen_array

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["ROW_TOLERANCE", "LinearRows"]

ROW_TOLERANCE = 1e-9
"""Relative slack in ``lower <= A x <= upper``.

The left side is computed in floating point, so an input on the boundary may
come out on either side of it.  A row counts as satisfied when it is
violated by at most this share of its size ``sum_i |a_i| max(|lower_i|, |upper_i|)`` over
the domain's box: in the data, in attacks and in witnesses.  Ranges and encodings use twice as
much, so that certified bounds cover every input that counts as possible.
The rounding of a row with n terms is below ``(n + 1) 2**-53`` of the same size, so for any
n up to a million the choice does not depend on it.
"""

_SHOWN_TERMS = 6


@dataclass(frozen=True, eq=False)
class LinearRows(ContentValue):
    """Rows in raw units.

    Attributes
    ----------
    matrix
        A, one row per constraint, shape (m, n).
    lower, upper
        Bounds, shape (m,); infinite where a side is absent, equal for an equation.
    names
        One name per row, for messages and certificates; default row1, row2, ...

    Examples
    --------
    >>> rows = LinearRows([[1.0, -1.0]], [0.0], [np.inf], ("age is above experience",))
    >>> rows.describe(0, ("age", "experience"))
    "'age is above experience' (0 <= age - experience)"
    """

    matrix: FloatArray
    lower: FloatArray
    upper: FloatArray
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        put = object.__setattr__
        for field in ("matrix", "lower", "upper"):
            put(self, field, frozen_array(getattr(self, field)))
        count = len(self.lower)
        fits = self.matrix.ndim == 2 and self.matrix.shape[0] == count  # noqa: PLR2004 - rows and columns
        if not fits or self.lower.ndim != 1 or self.upper.shape != (count,):
            raise DomainError(
                f"rows need a matrix with as many rows as lower and upper bounds, got shapes "
                f"{self.matrix.shape}, {self.lower.shape} and {self.upper.shape}"
            )
        names = tuple(str(name) for name in self.names) or tuple(f"row{k + 1}" for k in range(count))
        put(self, "names", names)
        if len(names) != count or len(set(names)) != count:
            raise DomainError(f"{count} rows need {count} different names, got {', '.join(names)}")
        for name, row, low, high in zip(names, self.matrix, self.lower, self.upper, strict=True):
            if not np.isfinite(row).all():
                raise DomainError(f"row {name!r} has a coefficient that is not a finite number")
            if not row.any():
                raise DomainError(f"row {name!r} has no coefficient other than 0; leave it out")
            if not (low <= high and low < math.inf and high > -math.inf):
                raise DomainError(f"row {name!r} is bounded by [{low:g}, {high:g}]; nothing lies in there")
            if math.isinf(low) and math.isinf(high):
                raise DomainError(f"row {name!r} has neither a lower nor an upper bound")

    @classmethod
    def from_terms(cls, rows: Iterable[Mapping[str, Any]], feature_names: tuple[str, ...]) -> LinearRows:
        """Return rows given by name.

        Parameters
        ----------
        rows
            Mappings with ``terms`` (coefficient by feature name or index), ``lower``, ``upper`` or both, and
            ``name`` (optional).
        feature_names
            The features, in order.

        Raises
        ------
        DomainError
            For an unknown feature or key, or a row without terms or bounds.
        """
        matrix, lower, upper, names = [], [], [], []
        for number, row in enumerate(rows, start=1):
            name = str(row.get("name", f"row{number}"))
            unknown = sorted(set(row) - {"name", "terms", "lower", "upper"})
            if unknown:
                raise DomainError(
                    f"row {name!r} has a key {unknown[0]!r}; it takes name, terms, lower, upper"
                )
            terms = row.get("terms")
            if not isinstance(terms, Mapping) or not terms:
                raise DomainError(f"row {name!r} needs terms, a table of numbers such as {{ age = 1.0 }}")
            coefficients = np.zeros(len(feature_names))
            for feature, coefficient in terms.items():
                index = str(feature)
                known: int | str = int(index) if index.isdecimal() and index not in feature_names else index
                coefficients[feature_indices([known], feature_names)[0]] += _number(name, coefficient)
            matrix.append(coefficients)
            lower.append(_number(name, row.get("lower", -math.inf)))
            upper.append(_number(name, row.get("upper", math.inf)))
            names.append(name)
        if not matrix:
            raise DomainError("an empty list of rows constrains nothing; leave it out")
        return cls(np.array(matrix), np.array(lower), np.array(upper), tuple(names))

    @property
    def n_rows(self) -> int:
        """Number of rows m."""
        return len(self.lower)

    def size(self, lower: FloatArray, upper: FloatArray) -> FloatArray:
        """Return ``sum_i |a_i| max(|lower_i|, |upper_i|)`` for each row, shape (m,)."""
        sizes: FloatArray = np.abs(self.matrix) @ np.maximum(np.abs(lower), np.abs(upper))
        return sizes

    def with_rows(self, other: LinearRows) -> LinearRows:
        """Return these rows and those of `other`, which must have other names."""
        return LinearRows(
            np.concatenate([self.matrix, other.matrix]),
            np.concatenate([self.lower, other.lower]),
            np.concatenate([self.upper, other.upper]),
            self.names + other.names,
        )

    def describe(self, k: int, feature_names: tuple[str, ...]) -> str:
        """Return row k for people: its name and what it says."""
        live = np.flatnonzero(self.matrix[k])
        parts = []
        for place, i in enumerate(live[:_SHOWN_TERMS]):
            value = float(self.matrix[k, i])
            sign = ("- " if value < 0 else "+ ") if place else ("-" if value < 0 else "")
            factor = "" if abs(value) == 1 else f"{abs(value):g} "
            parts.append(f"{sign}{factor}{feature_names[i]}")
        if len(live) > _SHOWN_TERMS:
            parts.append("+ ...")
        low, high = float(self.lower[k]), float(self.upper[k])
        body = " ".join(parts)
        if low == high:
            return f"{self.names[k]!r} ({body} = {low:g})"
        left = "" if math.isinf(low) else f"{low:g} <= "
        right = "" if math.isinf(high) else f" <= {high:g}"
        return f"{self.names[k]!r} ({left}{body}{right})"


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | np.floating | np.integer):
        raise DomainError(f"row {name!r} holds {value!r} where a number is needed")
    return float(value)
