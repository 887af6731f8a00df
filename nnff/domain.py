"""The input domain: which inputs, and which pairs of inputs, are possible."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from nnff.errors import DataError, DomainError, nearest_name
from nnff.values import BoolArray, ContentValue, FloatArray, frozen_array, frozen_mask

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nnff.network import Network

__all__ = ["Domain", "feature_indices"]


@dataclass(frozen=True, eq=False)
class Domain(ContentValue):
    """A box in raw units, with integer features and features that a pair must share.

    Attributes
    ----------
    lower, upper
        Ranges in raw units, shape (n,); finite.  Integer features are
        tightened to integers.  ``lower == upper`` fixes a feature.
    integer
        Mask of features that take whole numbers only.
    immutable
        Mask of features that are equal in both inputs of a pair.
    feature_names
        One name per feature; default x0, x1, ...
    """

    lower: FloatArray
    upper: FloatArray
    integer: BoolArray = None  # type: ignore[assignment] # filled in __post_init__
    immutable: BoolArray = None  # type: ignore[assignment]
    feature_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        put = object.__setattr__
        lower = np.array(self.lower, dtype=np.float64)
        upper = np.array(self.upper, dtype=np.float64)
        if lower.ndim != 1 or lower.shape != upper.shape or lower.size == 0:
            raise DomainError(
                f"a domain needs as many lower as upper bounds, got shapes {lower.shape} and {upper.shape}"
            )
        names = tuple(str(name) for name in self.feature_names) or tuple(f"x{i}" for i in range(lower.size))
        if len(names) != lower.size:
            raise DomainError(f"the domain has {lower.size} features but {len(names)} feature names")
        if len(set(names)) != lower.size:
            twice = next(name for name in names if names.count(name) > 1)
            raise DomainError(f"two features of the domain are called {twice!r}")
        put(self, "feature_names", names)
        for field in ("integer", "immutable"):
            mask = getattr(self, field)
            mask = np.zeros(lower.size, dtype=bool) if mask is None else np.asarray(mask)
            # A list of indices must not pass for a mask: the wrong features would become integer.
            if mask.shape != lower.shape or mask.dtype != np.bool_:
                raise DomainError(
                    f"{field!r} must hold True or False for each of {lower.size} features; "
                    "Domain.from_box takes names and indices"
                )
            put(self, field, frozen_mask(mask))
        for index, name in enumerate(names):
            # The difference is not finite either if a bound is not, or if it overflows.
            if not math.isfinite(float(upper[index]) - float(lower[index])):
                raise DomainError(
                    f"the range of {name} is [{lower[index]}, {upper[index]}]; it must be finite, "
                    "because a bound over an unbounded domain does not exist in general"
                )
        low = np.where(self.integer, np.ceil(lower), lower)
        high = np.where(self.integer, np.floor(upper), upper)
        for index, name in enumerate(names):
            if low[index] > high[index]:
                kind = "no whole number in" if self.integer[index] else "empty range"
                raise DomainError(
                    f"the domain is empty: {kind} [{lower[index]:g}, {upper[index]:g}] for feature {name}"
                )
        put(self, "lower", frozen_array(low))
        put(self, "upper", frozen_array(high))

    @classmethod
    def from_data(
        cls,
        rows: npt.ArrayLike,
        *,
        integer: Iterable[int | str] | str = (),
        immutable: Iterable[int | str] | str = (),
        feature_names: tuple[str, ...] = (),
    ) -> Domain:
        """Return the smallest box that holds every row.

        Parameters
        ----------
        rows
            Data in raw units, shape (rows, n); a data frame gives its column names.
        integer, immutable
            Names or zero-based indices, or ``"all"``.
        feature_names
            Overrides the names of a data frame.
        """
        columns = getattr(rows, "columns", None)
        if not feature_names and columns is not None:
            feature_names = tuple(str(column) for column in columns)
        try:
            table = np.asarray(rows, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise DataError(f"the data holds a value that is not a number ({error})") from error
        if table.ndim != 2 or table.shape[0] == 0:  # noqa: PLR2004 - rows and columns
            raise DataError(f"a domain from data needs a table of at least one row, got shape {table.shape}")
        if feature_names and len(feature_names) != table.shape[1]:
            raise DataError(f"the data has {table.shape[1]} columns but {len(feature_names)} feature names")
        if not np.isfinite(table).all():
            row, column = (int(k[0]) for k in np.nonzero(~np.isfinite(table)))
            name = feature_names[column] if feature_names else f"column {column}"
            raise DataError(
                f"the data holds {table[row, column]} in row {row}, {name}; remove or fill it first"
            )
        return cls.from_box(
            table.min(axis=0),
            table.max(axis=0),
            integer=integer,
            immutable=immutable,
            feature_names=feature_names,
        )

    @classmethod
    def from_network(
        cls,
        network: Network,
        *,
        integer: Iterable[int | str] | str = (),
        immutable: Iterable[int | str] | str = (),
    ) -> Domain:
        """Return the box of input ranges that the network's model file states."""
        if network.input_range is None:
            raise DomainError(
                f"the model {network.source or 'in memory'} states no input ranges; "
                "take the domain from data or give the ranges"
            )
        return cls.from_box(
            network.input_range[0],
            network.input_range[1],
            integer=integer,
            immutable=immutable,
            feature_names=network.feature_names,
        )

    @classmethod
    def from_box(
        cls,
        lower: npt.ArrayLike,
        upper: npt.ArrayLike,
        *,
        integer: Iterable[int | str] | str = (),
        immutable: Iterable[int | str] | str = (),
        feature_names: tuple[str, ...] = (),
    ) -> Domain:
        """Return the box of the given ranges; `integer` and `immutable` as in `from_data`."""
        low = np.atleast_1d(np.asarray(lower, dtype=np.float64))
        names = tuple(feature_names) or tuple(f"x{i}" for i in range(low.size))
        masks = []
        for chosen in (integer, immutable):
            mask = np.zeros(len(names), dtype=bool)
            mask[feature_indices(chosen, names)] = True
            masks.append(mask)
        return cls(low, np.atleast_1d(np.asarray(upper, dtype=np.float64)), masks[0], masks[1], names)

    @property
    def n_features(self) -> int:
        """Number of features."""
        return len(self.lower)

    @property
    def width(self) -> FloatArray:
        """``upper - lower``, shape (n,)."""
        return self.upper - self.lower

    @property
    def n_points(self) -> int | None:
        """Number of points, or None when a feature that is not fixed is continuous."""
        if (~self.integer & (self.lower < self.upper)).any():
            return None
        return math.prod(int(k) + 1 for k in np.where(self.integer, self.width, 0.0))

    def contains(self, x: npt.ArrayLike) -> BoolArray:
        """Tell for each row of `x`, shape (rows, n), whether it lies in the domain (exactly)."""
        rows = self._checked(x)
        inside = (rows >= self.lower) & (rows <= self.upper) & (~self.integer | (rows == np.rint(rows)))
        result: BoolArray = inside.all(axis=1)
        return result

    def contains_pair(self, x1: npt.ArrayLike, x2: npt.ArrayLike) -> BoolArray:
        """Tell for each pair of rows whether both lie in the domain and agree where they must."""
        first, second = self._checked(x1), self._checked(x2)
        agree = (~self.immutable | (first == second)).all(axis=1)
        result: BoolArray = self.contains(first) & self.contains(second) & agree
        return result

    def nearest(self, x: npt.ArrayLike) -> FloatArray:
        """Return the closest point of the domain to each row of `x`, shape (rows, n)."""
        rows = np.clip(self._checked(x), self.lower, self.upper)
        # The bounds of an integer feature are integers, so rounding stays inside.
        return np.where(self.integer, np.rint(rows), rows)

    def sample(self, count: int, rng: np.random.Generator) -> FloatArray:
        """Draw `count` points uniformly, shape (count, n)."""
        share = rng.random((count, self.n_features))
        whole = self.lower + np.floor(share * (self.width + 1))
        # Both sums can leave the box by one rounding.
        return self.nearest(np.where(self.integer, whole, self.lower + share * self.width))

    def _checked(self, x: npt.ArrayLike) -> FloatArray:
        rows = np.atleast_2d(np.asarray(x, dtype=np.float64))
        if rows.ndim != 2 or rows.shape[1] != self.n_features:  # noqa: PLR2004 - rows and columns
            raise DomainError(
                f"the domain has {self.n_features} features, got an array of shape {np.shape(x)}"
            )
        return rows


def feature_indices(chosen: Iterable[int | str] | str, names: tuple[str, ...]) -> list[int]:
    """Turn feature names or zero-based indices, or ``"all"``, into indices.

    Raises
    ------
    DomainError
        For a name that is not a feature (the nearest is suggested) or an index out of range.
    """
    if isinstance(chosen, str):
        if chosen == "all":
            return list(range(len(names)))
        chosen = [chosen]
    found = []
    for feature in chosen:
        if isinstance(feature, str):
            if feature not in names:
                near = nearest_name(feature, names)
                hint = f"did you mean {near!r}?" if near else f"the features are {', '.join(names)}"
                raise DomainError(f"there is no feature {feature!r}; {hint}")
            found.append(names.index(feature))
        elif isinstance(feature, (bool, np.bool_)):
            raise DomainError("features are chosen by names or zero-based indices, not by True and False")
        else:
            index = int(feature)
            if index != feature:
                raise DomainError(f"there is no feature {feature}; an index is a whole number")
            if not 0 <= index < len(names):
                raise DomainError(f"there is no feature {index}; indices go from 0 to {len(names) - 1}")
            found.append(index)
    return found
