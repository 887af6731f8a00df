"""Tables of either kind, and the sensitive attribute in them or beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nnff.domain import feature_indices
from nnff.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from nnff.values import FloatArray, IntArray

__all__ = ["column_names", "numbers", "sensitive_column", "sensitive_columns", "take_rows"]


def column_names(table: Any) -> tuple[str, ...]:
    """Return the names of a data frame's columns, x0, x1, ... for an array."""
    columns = getattr(table, "columns", None)
    if columns is not None:
        return tuple(str(column) for column in columns)
    return tuple(f"x{i}" for i in range(np.shape(table)[1]))


def numbers(values: Any, what: str) -> FloatArray:
    """Return `values` as floats.

    Raises
    ------
    DataError
        If one is not a finite number.
    """
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"{what} holds a value that is not a number ({error})") from error
    if not np.isfinite(array).all():
        raise DataError(f"{what} holds a value that is not finite; remove or fill it first")
    return array


def sensitive_columns(table: Any, chosen: Sequence[str | int] | str | int) -> list[int]:
    """Return the places of the columns that are sensitive attributes, at least one."""
    listed = [chosen] if isinstance(chosen, str | int) else list(chosen)
    found = feature_indices(listed, column_names(table))
    if not found:
        raise DataError("no sensitive attribute is named; give the name or index of at least one column")
    return found


def sensitive_column(table: Any, chosen: str | int | None, given: npt.ArrayLike | None) -> Any:
    """Return one sensitive attribute, shape (rows,): `given` if it is, else the column `chosen` of the table.

    Raises
    ------
    DataError
        If there is neither, or `given` has another number of rows.
    """
    rows = np.shape(table)[0]
    if given is not None:
        values = np.asarray(given)
        values = values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values  # noqa: PLR2004
        if values.shape != (rows,):
            raise DataError(f"one sensitive attribute for {rows} rows is needed, got shape {values.shape}")
        return values
    if chosen is None:
        raise DataError("there is no sensitive attribute: name a column or pass sensitive_features")
    (index,) = sensitive_columns(table, chosen)
    return np.asarray(table)[:, index] if not hasattr(table, "iloc") else np.asarray(table.iloc[:, index])


def take_rows(table: Any, rows: IntArray) -> Any:
    """Return some rows of an array, a data frame or a series, as what it is."""
    return table.iloc[rows] if hasattr(table, "iloc") else np.asarray(table)[rows]
