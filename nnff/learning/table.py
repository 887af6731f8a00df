"""What learners are given: named columns, sensitive attributes, pairs of rows; checked and hashed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nnff.domain import feature_indices
from nnff.errors import DataError, DomainError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from nnff.values import BoolArray, FloatArray, IntArray

__all__ = ["Table", "checked_groups", "checked_pairs", "data_hash", "sensitive_columns", "table_of"]

_FEWEST_ROWS = 2


@dataclass(frozen=True)
class Table:
    """Rows in raw units, shape (rows, n), finite, with one name per column."""

    rows: FloatArray
    names: tuple[str, ...]


def table_of(data: Any, feature_names: Sequence[str] | None = None) -> Table:
    """Read an array or a data frame.

    Raises
    ------
    DataError
        If it is not a table of finite numbers with two rows at least, or the names do not fit.
    """
    names = feature_names if feature_names is not None else getattr(data, "columns", None)
    try:
        rows = np.array(data, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"the data holds a value that is not a number ({error})") from error
    if rows.ndim != 2 or len(rows) < _FEWEST_ROWS or rows.shape[1] == 0:  # noqa: PLR2004 - rows and columns
        raise DataError(f"a metric is learned from a table of at least two rows, got shape {rows.shape}")
    columns = tuple(f"x{i}" for i in range(rows.shape[1])) if names is None else tuple(str(c) for c in names)
    if len(columns) != rows.shape[1] or len(set(columns)) < len(columns):
        raise DataError(
            f"the data has {rows.shape[1]} columns but {len(columns)} names, "
            f"{len(set(columns))} of them different"
        )
    if not np.isfinite(rows).all():
        row, column = (int(k[0]) for k in np.nonzero(~np.isfinite(rows)))
        raise DataError(f"the data holds {rows[row, column]} in row {row}, {columns[column]}")
    return Table(rows, columns)


def sensitive_columns(table: Table, chosen: Any) -> tuple[FloatArray, BoolArray, list[str]]:
    """Resolve sensitive attributes: columns of the table, or values beside it.

    Parameters
    ----------
    table
        The table.
    chosen
        Names and zero-based indices of its columns; or values, shape (rows,) or (rows, q).

    Returns
    -------
    Their values, shape (rows, q); which columns of the table they are, shape (n,); what to call them.

    Raises
    ------
    DataError
        If there are none, a name is unknown, the values do not fit the rows, or an attribute never varies.
    """
    own = np.zeros(len(table.names), dtype=np.bool_)
    listed = [chosen] if isinstance(chosen, str | int | np.integer) else chosen
    if (
        isinstance(listed, list | tuple)
        and listed
        and all(isinstance(c, str | int | np.integer) for c in listed)
    ):
        try:
            indices = feature_indices([c if isinstance(c, str) else int(c) for c in listed], table.names)
        except DomainError as error:
            raise DataError(f"in sensitive_features, {error}") from error
        own[indices] = True
        values, names = table.rows[:, indices], [table.names[i] for i in indices]
    else:
        outside = table_of(chosen) if getattr(chosen, "ndim", 2) == 2 else table_of(np.array(chosen)[:, None])  # noqa: PLR2004
        values, names = outside.rows, list(outside.names)
        if len(values) != len(table.rows):
            raise DataError(f"there are {len(values)} sensitive values for {len(table.rows)} rows")
        if hasattr(chosen, "columns"):
            # A named attribute that is a column of the table as well is that column.
            own |= np.isin(np.array(table.names), names)
    for name, column in zip(names, values.T, strict=True):
        if (column == column[0]).all():
            raise DataError(f"the sensitive attribute {name} is {column[0]:g} in every row; it says nothing")
    return values, own, names


def checked_pairs(table: Table, pairs: npt.ArrayLike) -> IntArray:
    """Return pairs of row numbers, shape (pairs, 2).

    Raises
    ------
    DataError
        If they are not pairs, or there is no such row.
    """
    found = np.asarray(pairs)
    if found.ndim != 2 or found.shape[1] != 2 or len(found) == 0:  # noqa: PLR2004
        raise DataError(f"pairs are two row numbers each, got an array of shape {found.shape}")
    whole = found.astype(np.int64)
    if (whole != found).any() or whole.min() < 0 or whole.max() >= len(table.rows):
        raise DataError(f"a pair names a row that does not exist; rows go from 0 to {len(table.rows) - 1}")
    return whole


def checked_groups(table: Table, groups: npt.ArrayLike) -> IntArray:
    """Return the number of each row's group, shape (rows,), counted from 0.

    Raises
    ------
    DataError
        If there is not one group per row, or no group has two rows.
    """
    found = np.asarray(groups)
    if found.shape != (len(table.rows),):
        raise DataError(f"groups are one value per row, got shape {found.shape} for {len(table.rows)} rows")
    _, numbers, sizes = np.unique(found, return_inverse=True, return_counts=True)
    if sizes.max() < 2:  # noqa: PLR2004
        raise DataError("every row is in a group of its own; there is nothing to compare")
    return np.asarray(numbers, dtype=np.int64)


def data_hash(table: Table, *others: npt.ArrayLike | None) -> str:
    """Return the SHA-256 of names, rows and what else a learner was given, as 64 hexadecimal digits."""
    digest = hashlib.sha256("\n".join(table.names).encode())
    for values in (table.rows, *others):
        array = np.ascontiguousarray([] if values is None else values, dtype=np.float64)
        digest.update(f"array{array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
