"""The input domain: which inputs, and which pairs of inputs, are possible."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nnff.domain.discrete import (
    Groups,
    Levels,
    checked_groups,
    checked_levels,
    named_groups,
    named_levels,
    settle_groups,
)
from nnff.domain.linear_rows import ROW_TOLERANCE, LinearRows
from nnff.domain.names import feature_indices
from nnff.domain.points import Points
from nnff.domain.polytope import Polytope
from nnff.errors import DataError, DomainError
from nnff.values import BoolArray, ContentValue, FloatArray, frozen_array, frozen_mask

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from nnff.domain.grid import Grid
    from nnff.domain.plausible import PlausibleRegion
    from nnff.network import Network

__all__ = ["MOST_COUNTED", "Domain"]

MOST_COUNTED = 1_000_000
"""Points of larger grids are not counted one by one."""

_BLOCK = 65_536


@dataclass(frozen=True, eq=False)
class Domain(ContentValue):
    """A box in raw units, and what else both inputs of a pair must satisfy.

    Attributes
    ----------
    lower, upper
        Ranges in raw units, shape (n,); finite.  Ranges of integer and ordinal features are
        tightened to their values.  ``lower == upper`` fixes a feature.
    integer
        Mask of features that take whole numbers only; members of one-hot groups are among them.
    immutable
        Mask of features that are equal in both inputs of a pair.
    feature_names
        One name per feature; default x0, x1, ...
    rows
        Linear rows that both inputs satisfy, each on its own, up to `ROW_TOLERANCE`; None for none.
    one_hot
        Groups of features, by index, of which exactly one is 1 and the others are 0.
    ordinal
        Features, by index, that take one of a list of levels.
    region
        A plausible region learned from data: further rows, and where they come from.
    """

    lower: FloatArray
    upper: FloatArray
    integer: BoolArray = None  # type: ignore[assignment] # filled in __post_init__
    immutable: BoolArray = None  # type: ignore[assignment]
    feature_names: tuple[str, ...] = ()
    rows: LinearRows | None = None
    one_hot: Groups = ()
    ordinal: Levels = ()
    region: PlausibleRegion | None = None

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
        self._settle(lower, upper)
        self._check_rows()

    def _settle(self, lower: FloatArray, upper: FloatArray) -> None:
        """Tighten the box to the values that discrete features can take."""
        put, names = object.__setattr__, self.feature_names
        put(self, "one_hot", checked_groups(self.one_hot, names))
        whole = np.array(self.integer)
        whole[[i for group in self.one_hot for i in group]] = True
        levels = checked_levels(self.ordinal, names, whole)
        levels, steps = _reachable_levels(levels, lower, upper, names)
        whole[steps] = True
        put(self, "ordinal", levels)
        put(self, "integer", frozen_mask(whole))
        low = np.where(self.integer, np.ceil(lower), lower)
        high = np.where(self.integer, np.floor(upper), upper)
        for index, known in levels:
            low[index], high[index] = known[0], known[-1]
        for index, name in enumerate(names):
            if low[index] > high[index]:
                kind = "no whole number in" if self.integer[index] else "empty range"
                raise DomainError(
                    f"the domain is empty: {kind} [{lower[index]:g}, {upper[index]:g}] for feature {name}"
                )
        settle_groups(self.one_hot, low, high, names)
        put(self, "lower", frozen_array(low))
        put(self, "upper", frozen_array(high))

    def _check_rows(self) -> None:
        """Refuse rows of another size, and rows that leave nothing.

        Raises
        ------
        DomainError
            If they do; names the rows that exclude each other.
        """
        for rows in (self.rows, None if self.region is None else self.region.rows):
            if rows is not None and rows.matrix.shape[1] != self.n_features:
                raise DomainError(
                    f"the domain has {self.n_features} features but its rows have "
                    f"{rows.matrix.shape[1]} columns"
                )
        if self.constraints is not None:
            self._points.refuse_if_empty(self.constraints, self.feature_names)

    @classmethod
    def from_data(
        cls,
        rows: npt.ArrayLike,
        *,
        integer: Iterable[int | str] | str = (),
        immutable: Iterable[int | str] | str = (),
        feature_names: tuple[str, ...] = (),
        constraints: LinearRows | Iterable[Mapping[str, Any]] | None = None,
        one_hot: Iterable[Iterable[int | str]] = (),
        ordinal: Mapping[Any, Iterable[float]] | None = None,
    ) -> Domain:
        """Return the smallest box that holds every row, less what the constraints exclude.

        Parameters
        ----------
        rows
            Data in raw units, shape (rows, n); a data frame gives its column names.
        integer, immutable
            Names or zero-based indices, or ``"all"``.
        feature_names
            Overrides the names of a data frame.
        constraints
            Linear rows, or mappings as `LinearRows.from_terms` takes them.
        one_hot
            Groups of names or indices.
        ordinal
            Levels by name or index.
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
            constraints=constraints,
            one_hot=one_hot,
            ordinal=ordinal,
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
        constraints: LinearRows | Iterable[Mapping[str, Any]] | None = None,
        one_hot: Iterable[Iterable[int | str]] = (),
        ordinal: Mapping[Any, Iterable[float]] | None = None,
    ) -> Domain:
        """Return the box of the given ranges; everything else as in `from_data`."""
        low = np.atleast_1d(np.asarray(lower, dtype=np.float64))
        names = tuple(feature_names) or tuple(f"x{i}" for i in range(low.size))
        masks = []
        for chosen in (integer, immutable):
            mask = np.zeros(len(names), dtype=bool)
            mask[feature_indices(chosen, names)] = True
            masks.append(mask)
        if constraints is not None and not isinstance(constraints, LinearRows):
            constraints = LinearRows.from_terms(constraints, names)
        return cls(
            low,
            np.atleast_1d(np.asarray(upper, dtype=np.float64)),
            masks[0],
            masks[1],
            names,
            constraints,
            named_groups(one_hot, names),
            named_levels(ordinal or {}, names),
        )

    def with_region(self, region: PlausibleRegion) -> Domain:
        """Return the domain within a plausible region (`nnff.domain.plausible_region`)."""
        return replace(self, region=region)

    @property
    def n_features(self) -> int:
        """Number of features."""
        return len(self.lower)

    @property
    def width(self) -> FloatArray:
        """``upper - lower``, shape (n,)."""
        return self.upper - self.lower

    @cached_property
    def discrete(self) -> BoolArray:
        """Mask of features with separate values: integer, one-hot or ordinal."""
        mask = np.array(self.integer)
        mask[[index for index, _ in self.ordinal]] = True
        return frozen_mask(mask)

    @cached_property
    def constraints(self) -> LinearRows | None:
        """All linear rows: those given and those of the region."""
        if self.region is None:
            return self.rows
        return self.region.rows if self.rows is None else self.rows.with_rows(self.region.rows)

    @cached_property
    def row_slack(self) -> FloatArray:
        """By how much each row of `constraints` may be violated (`ROW_TOLERANCE`), raw units, shape (m,)."""
        if self.constraints is None:
            return frozen_array([])
        return frozen_array(ROW_TOLERANCE * self.constraints.size(self.lower, self.upper))

    @property
    def is_box(self) -> bool:
        """Whether each feature varies on its own: no rows and no groups."""
        return self.constraints is None and not self.one_hot

    @cached_property
    def _points(self) -> Points:
        rows = self.constraints
        body = Polytope(
            np.empty((0, self.n_features)) if rows is None else rows.matrix,
            np.empty(0) if rows is None else rows.lower,
            np.empty(0) if rows is None else rows.upper,
            self.row_slack,
            self.lower,
            self.upper,
        )
        return Points(body, self.integer, self.one_hot, self.ordinal)

    @cached_property
    def n_points(self) -> int | None:
        """Number of points, or None if it is not known.

        It is not when a feature that is not fixed is continuous, or when rows would have to be tried on
        a grid of more than `MOST_COUNTED` points.
        """
        if (~self.discrete & (self.lower < self.upper)).any():
            return None
        grid = self.grid
        if self.constraints is None:
            return grid.size
        if grid.size > MOST_COUNTED:
            return None
        blocks = np.array_split(np.arange(grid.size), grid.size // _BLOCK + 1)
        return sum(int(self.contains(grid.points(block)).sum()) for block in blocks)

    @property
    def grid(self) -> Grid:
        """All points of a finite domain, rows not considered."""
        return self._points.grid

    def contains(self, x: npt.ArrayLike) -> BoolArray:
        """Tell for each row of `x`, shape (rows, n), whether it lies in the domain.

        Exactly, but for linear rows: they may be violated by `row_slack`.
        """
        return self._points.holds(self._checked(x))

    def contains_pair(self, x1: npt.ArrayLike, x2: npt.ArrayLike) -> BoolArray:
        """Tell for each pair of rows whether both lie in the domain and agree where they must."""
        first, second = self._checked(x1), self._checked(x2)
        agree = (~self.immutable | (first == second)).all(axis=1)
        result: BoolArray = self.contains(first) & self.contains(second) & agree
        return result

    def nearest(self, x: npt.ArrayLike, partner: npt.ArrayLike | None = None) -> FloatArray:
        """Return a point of the domain near each row of `x`, shape (rows, n).

        Without rows it is the closest one.  With rows, discrete features are rounded first and the others
        then moved towards their projection, with each feature in units of its range; where that ends
        outside, on the way to a point well inside.  Where no point has the rounded values, the nearest
        values that one has are found by an integer program, for a few points of a call; further ones
        become the partner, or the closest of the points found so far.

        Parameters
        ----------
        x
            Where to start from.
        partner
            Points of the domain, shape (rows, n), whose immutable features the result takes over.
        """
        rows = self._checked(x)
        if partner is None:
            return self._points.nearest(rows)
        return self._points.nearest(rows, self._checked(partner), self.immutable)

    def towards(
        self,
        anchor: FloatArray,
        goal: FloatArray,
        difference: FloatArray | None = None,
        held: BoolArray | None = None,
        *,
        straight: bool = False,
    ) -> FloatArray:
        """Return points near `goal` where the rows hold, shape (rows, n).

        Discrete features are taken as continuous: for the steps of a search, which rounds in the end.

        Parameters
        ----------
        anchor
            Points where they hold, as does everything below; the result lies on the way to them if need be.
        goal
            Where to go.
        difference
            Makes the rows hold for ``x + difference`` as well, shape (rows, n).
        held
            Mask of features that stay as they are in `anchor`.
        straight
            Stop where the straight way to the goal leaves the rows, instead of going on along them.
        """
        return self._points.towards(anchor, goal, difference, held, straight=straight)

    def sample(self, count: int, rng: np.random.Generator) -> FloatArray:
        """Draw `count` points, shape (count, n).

        Uniformly without rows.  With rows, points that violate them are drawn anew some times, and those
        that still do are moved inside and then walk at random (hit-and-run) in their continuous features:
        every part of the domain can be reached, but not all equally often.
        """
        return self._points.sample(count, rng)

    def steps_within(self, limit: FloatArray) -> FloatArray:
        """Return the largest difference between two values of each feature that is not above `limit`.

        Parameters
        ----------
        limit
            Raw units, shape (n,), rounded outward.  Whole numbers and levels a hair above it count as within.
        """
        result = np.where(self.integer, np.floor(limit * (1 + 1e-12)), limit)
        for index, levels in self.ordinal:
            gaps = np.abs(np.subtract.outer(levels, levels)) * (1 + 2.0**-50)
            result[index] = gaps[gaps <= limit[index] * (1 + 1e-12)].max()
        return result

    def _checked(self, x: npt.ArrayLike) -> FloatArray:
        rows = np.atleast_2d(np.asarray(x, dtype=np.float64))
        if rows.ndim != 2 or rows.shape[1] != self.n_features:  # noqa: PLR2004 - rows and columns
            raise DomainError(
                f"the domain has {self.n_features} features, got an array of shape {np.shape(x)}"
            )
        return rows


def _reachable_levels(
    levels: Levels, lower: FloatArray, upper: FloatArray, names: tuple[str, ...]
) -> tuple[Levels, list[int]]:
    """Drop levels outside of the range; return also the features whose levels are consecutive whole numbers.

    Those are integer features, and need no levels.
    """
    kept, whole = [], []
    for index, values in levels:
        inside = tuple(value for value in values if lower[index] <= value <= upper[index])
        if not inside:
            raise DomainError(
                f"the domain is empty: no level of {names[index]} lies in "
                f"[{lower[index]:g}, {upper[index]:g}]"
            )
        if inside == tuple(float(v) for v in range(math.ceil(inside[0]), math.floor(inside[-1]) + 1)):
            lower[index], upper[index] = inside[0], inside[-1]
            whole.append(index)
        else:
            kept.append((index, inside))
    return tuple(kept), whole
