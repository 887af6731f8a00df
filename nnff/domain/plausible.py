r"""A plausible region, learned from data: where inputs like the known ones lie.

A box forgets that features go together: it holds a suburb with the highest
tax next to the lowest access to highways, whether or not such a place could exist.
The region bounds, besides, linear forms of the standardised features z:

* every principal direction, ``v . z`` with v an eigenvector of the correlation matrix; those of small
  eigenvalues are the near-equations among features, and they exclude most;
* ``z_i - z_j`` for every pair of features with a correlation of at least
  `CORRELATED`, ``z_i + z_j`` for at most minus that.

*Joint* coverage.  Bounds that each hold for 99 % of the rows hold together for far fewer.  So rows are
ranked, not bounds: the score of a row is its most unusual form, the distance from the median in units of the
distance between median and 5 % (or 95 %) quantile.  The share 1 - coverage of rows with the highest scores is
left out, and every form is bounded by its smallest and largest value over the rest.  All
rows of the rest lie inside by construction, so the coverage of the given rows is at
least the one wished.  It says nothing certain of rows not given.

Nothing here is random: the same rows give the same region.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from nnff.domain.linear_rows import ROW_TOLERANCE, LinearRows
from nnff.domain.names import feature_indices
from nnff.errors import DataError, DomainError
from nnff.values import BoolArray, ContentValue, FloatArray

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["CORRELATED", "PlausibleRegion", "plausible_region"]

CORRELATED = 0.5
"""Pairs of features with at least this absolute correlation get a bound on their difference."""

_TAILS = (5.0, 50.0, 95.0)
_FEWEST_ROWS = 10


@dataclass(frozen=True, eq=False)
class PlausibleRegion(ContentValue):
    """Rows learned from data, and from which.

    Attributes
    ----------
    rows
        The bounds, raw units.
    coverage
        Share of the data rows that was to lie inside.
    reached
        Share that does.
    count
        Number of data rows.
    outside
        Numbers of the data rows outside.
    without
        Names of the features that no row constrains.
    data
        SHA-256 of the data rows.
    """

    rows: LinearRows
    coverage: float
    reached: float
    count: int
    outside: tuple[int, ...]
    without: tuple[str, ...]
    data: str


def plausible_region(
    rows: npt.ArrayLike,
    coverage: float = 0.99,
    *,
    without: Iterable[int | str] | str = (),
    feature_names: tuple[str, ...] = (),
    correlated: float = CORRELATED,
) -> PlausibleRegion:
    """Learn where at least the share `coverage` of the rows lies; see the module's text.

    The region goes into a domain (`nnff.domain.Domain.with_region`) and then holds for both inputs of
    every pair.

    Parameters
    ----------
    rows
        Data in raw units, shape (rows, n); a data frame gives its column names.
    coverage
        Share of the rows to lie inside, above 0 and at most 1.
    without
        Features, by name or index, that the region leaves alone.  A feature that the metric leaves free
        belongs here if pairs are to be counterfactuals, "the same person with another value": the
        data's correlations between it and the other features would forbid many of them.  Features that
        never vary or have two values only (switches, members of one-hot groups) are left alone anyway.
    feature_names
        Overrides the names of a data frame.
    correlated
        See `CORRELATED`.

    Raises
    ------
    DataError
        If the rows are fewer than 10, or not finite numbers.
    DomainError
        If the coverage is no share, or no two features are left to relate.
    """
    if not 0 < coverage <= 1:
        raise DomainError(f"the coverage is {coverage:g}; it must be above 0 and at most 1, such as 0.99")
    columns = getattr(rows, "columns", None)
    if not feature_names and columns is not None:
        feature_names = tuple(str(column) for column in columns)
    table = _checked(rows)
    count, n = table.shape
    names = tuple(feature_names) or tuple(f"x{i}" for i in range(n))
    if len(names) != n:
        raise DataError(f"the data has {n} columns but {len(names)} feature names")
    kept = np.array([len(np.unique(column)) > 2 for column in table.T])  # noqa: PLR2004 - a switch has two
    kept[feature_indices(without, names)] = False
    if kept.sum() < 2:  # noqa: PLR2004 - a pair
        raise DomainError(
            "a plausible region relates features to each other, but fewer than two that vary are left; "
            "leave fewer of them out, or do without the region"
        )
    matrix, row_names = _forms(table, kept, names, correlated)
    values = table @ matrix.T
    inside = _usual(values, coverage)
    found = LinearRows(matrix, values[inside].min(axis=0), values[inside].max(axis=0), row_names)
    # Counted again with the bounds and the slack that a domain uses; a row left out may still lie inside.
    slack = ROW_TOLERANCE * found.size(table.min(axis=0), table.max(axis=0))
    within = ((values >= found.lower - slack) & (values <= found.upper + slack)).all(axis=1)
    return PlausibleRegion(
        rows=found,
        coverage=float(coverage),
        reached=float(within.mean()),
        count=count,
        outside=tuple(int(k) for k in np.flatnonzero(~within)),
        without=tuple(name for name, keep in zip(names, kept, strict=True) if not keep),
        data=hashlib.sha256(np.ascontiguousarray(table + 0.0).tobytes()).hexdigest(),
    )


def _checked(rows: npt.ArrayLike) -> FloatArray:
    try:
        table = np.asarray(rows, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"the data holds a value that is not a number ({error})") from error
    if table.ndim != 2 or len(table) < _FEWEST_ROWS:  # noqa: PLR2004 - rows and columns
        raise DataError(
            f"a plausible region needs a table of at least {_FEWEST_ROWS} rows, got shape {table.shape}"
        )
    if not np.isfinite(table).all():
        row, column = (int(k[0]) for k in np.nonzero(~np.isfinite(table)))
        raise DataError(f"the data holds {table[row, column]} in row {row}, column {column}")
    return table


def _forms(
    table: FloatArray, kept: BoolArray, names: tuple[str, ...], correlated: float
) -> tuple[FloatArray, tuple[str, ...]]:
    """Return the linear forms in raw units, shape (forms, n), and what they are called."""
    index = np.flatnonzero(kept)
    deviation = table[:, index].std(axis=0)
    z = (table[:, index] - table[:, index].mean(axis=0)) / deviation
    correlation = z.T @ z / len(z)
    _, vectors = np.linalg.eigh(correlation)
    # Largest first, and the sign that LAPACK happened to choose is replaced by one of ours.
    directions = vectors.T[::-1]
    largest = np.abs(directions).argmax(axis=1)
    directions = directions * np.sign(directions[np.arange(len(index)), largest])[:, None]
    forms = [*directions]
    called = [f"plausible: direction {k + 1}" for k in range(len(index))]
    for i in range(len(index)):
        for j in range(i + 1, len(index)):
            if abs(correlation[i, j]) >= correlated:
                sign = -1.0 if correlation[i, j] > 0 else 1.0
                form = np.zeros(len(index))
                form[i], form[j] = 1.0, sign
                forms.append(form)
                called.append(f"plausible: {names[index[i]]} {'-+'[sign > 0]} {names[index[j]]}")
    matrix = np.zeros((len(forms), table.shape[1]))
    matrix[:, index] = np.array(forms) / deviation
    return matrix, tuple(called)


def _usual(values: FloatArray, coverage: float) -> BoolArray:
    """Tell which rows are among the share `coverage` whose most unusual form is the least unusual."""
    low, middle, high = np.percentile(values, _TAILS, axis=0)
    spread = values.std(axis=0)
    # A form that is nearly constant, or equal to its quantile, is measured by its deviation.
    below = np.where(middle - low > 1e-9 * spread, middle - low, spread)
    above = np.where(high - middle > 1e-9 * spread, high - middle, spread)
    away = values - middle
    unit = np.where(away < 0, below, above)
    scores = np.abs(away / np.where(unit > 0, unit, 1.0)).max(axis=1)
    # A hair less, so that 0.29 of 100 rows are 29 and not 30.
    needed = max(1, math.ceil(coverage * len(values) * (1 - 1e-12)))
    usual: BoolArray = scores <= np.sort(scores)[needed - 1]
    return usual
