"""Groups of a sensitive attribute and cells of (group, class), also where the values are continuous."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nnff.errors import ConfigError, DataError

if TYPE_CHECKING:
    import numpy.typing as npt

    from nnff.values import IntArray

__all__ = ["cells_of", "groups_of"]


def groups_of(values: npt.ArrayLike, bins: int = 5) -> IntArray:
    """Return a group number for each value, shape (rows,).

    Parameters
    ----------
    values
        A sensitive attribute or a target.  With at most `bins` different values, or values that are no
        numbers, each value is a group; else the range is cut at its quantiles.
    bins
        Most groups of numbers; equal values are never parted, so that there may be fewer.
    """
    if bins < 1:
        raise ConfigError(f"{bins} bins are too few; at least one is needed")
    array = np.asarray(values)
    if array.ndim != 1 or not len(array):
        raise DataError(f"groups are made of one value per row, got shape {array.shape}")
    known, which = np.unique(array, return_inverse=True)
    if len(known) <= bins or not np.issubdtype(array.dtype, np.number):
        return np.asarray(which)
    edges = np.unique(np.quantile(array, np.linspace(0, 1, bins + 1)[1:-1]))
    return np.unique(np.searchsorted(edges, array, side="right"), return_inverse=True)[1]


def cells_of(sensitive: npt.ArrayLike, y: npt.ArrayLike, bins: int = 5) -> tuple[IntArray, IntArray, Any]:
    """Return the group of each row, its class (or the bin of its target), and its cell number."""
    group, target = groups_of(sensitive, bins), groups_of(y, bins)
    if len(group) != len(target):
        raise DataError(f"there are {len(group)} sensitive values for {len(target)} targets")
    return group, target, group * (int(target.max()) + 1) + target
