"""A finite domain as a grid: one axis per feature or one-hot group."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from nnff.values import FloatArray, IntArray

__all__ = ["Axis", "Grid"]


@dataclass(frozen=True, eq=False)
class Axis:
    """Features that take their values together.

    Attributes
    ----------
    columns
        The features: one, or the members of a one-hot group.
    count
        Number of values.
    start
        The first value of consecutive whole numbers.
    values
        All values, shape (count, columns), where they are not consecutive whole numbers.
    """

    columns: tuple[int, ...]
    count: int
    start: float = 0.0
    values: FloatArray | None = None

    def at(self, places: IntArray) -> FloatArray:
        """Return the values at some places, shape (places, columns)."""
        if self.values is None:
            return self.start + places[:, None].astype(np.float64)
        return self.values[places]


@dataclass(frozen=True, eq=False)
class Grid:
    """All combinations of the values of some axes, in row-major order.

    Attributes
    ----------
    axes
        Together they hold every feature once.
    """

    axes: tuple[Axis, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of values per axis."""
        return tuple(axis.count for axis in self.axes)

    @property
    def size(self) -> int:
        """Number of points."""
        return math.prod(self.shape)

    def points(self, flat: IntArray) -> FloatArray:
        """Return the points with these numbers, shape (numbers, n)."""
        return self.at(np.stack(np.unravel_index(flat, self.shape), axis=1))

    def at(self, places: IntArray) -> FloatArray:
        """Return the points at these places of the axes, shape (points, axes); shape (points, n)."""
        n = sum(len(axis.columns) for axis in self.axes)
        points = np.empty((len(places), n))
        for axis, own in zip(self.axes, places.T, strict=True):
            points[:, axis.columns] = axis.at(own)
        return points
