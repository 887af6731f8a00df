"""Per-coordinate affine scaling between raw units and a model's own coordinates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nnff.errors import ModelError
from nnff.values import ContentValue, FloatArray, frozen_array

__all__ = ["Scaling"]


@dataclass(frozen=True, eq=False)
class Scaling(ContentValue):
    """The map ``raw -> (raw - center) / scale`` and its inverse.

    Attributes
    ----------
    center, scale
        Arrays of shape (n,) in raw units; `scale` is finite and never 0
        (it may be negative).
    """

    center: FloatArray
    scale: FloatArray

    def __post_init__(self) -> None:
        object.__setattr__(self, "center", frozen_array(np.atleast_1d(self.center)))
        object.__setattr__(self, "scale", frozen_array(np.atleast_1d(self.scale)))
        if self.center.shape != self.scale.shape or self.center.ndim != 1:
            raise ModelError(
                f"a scaling needs as many centers as scales, got shapes {self.center.shape} "
                f"and {self.scale.shape}"
            )
        if not (np.isfinite(self.center).all() and np.isfinite(self.scale).all()):
            raise ModelError("a scaling holds a value that is not finite")
        if (self.scale == 0).any():
            raise ModelError(f"the scale of coordinate {int(np.argmin(np.abs(self.scale)))} is 0")

    @classmethod
    def none(cls, size: int) -> Scaling:
        """Return the identity on `size` coordinates."""
        return cls(np.zeros(size), np.ones(size))

    @classmethod
    def standard(cls, rows: npt.ArrayLike, weight: FloatArray | None = None) -> Scaling:
        """Return the scaling to mean 0 and population standard deviation 1 (constant columns: scale 1).

        Parameters
        ----------
        rows
            Shape (rows, n).
        weight
            How much each row counts, shape (rows,), not all 0; default: all the same.
        """
        table = np.asarray(rows, dtype=np.float64)
        counted = table if weight is None else table[weight > 0]
        # A constant column's computed mean may be off by a rounding, and its deviation then is not 0.
        constant = counted.max(axis=0) == counted.min(axis=0)
        if weight is None:
            return cls(table.mean(axis=0), np.where(constant, 1.0, table.std(axis=0)))
        share = weight / weight.sum()
        mean = share @ table
        deviation = np.sqrt(share @ (table - mean) ** 2)
        return cls(mean, np.where(constant | (deviation == 0), 1.0, deviation))

    @classmethod
    def minmax(cls, rows: npt.ArrayLike) -> Scaling:
        """Return the scaling of every column to [0, 1] (constant columns: scale 1)."""
        table = np.asarray(rows, dtype=np.float64)
        low = table.min(axis=0)
        width = table.max(axis=0) - low
        return cls(low, np.where(width > 0, width, 1.0))

    def then(self, other: Scaling) -> Scaling:
        """Return the scaling that applies this one first and `other` to its result."""
        return Scaling(self.center + other.center * self.scale, self.scale * other.scale)

    @property
    def size(self) -> int:
        """Number of coordinates."""
        return len(self.center)

    @property
    def is_none(self) -> bool:
        """Whether this is the identity."""
        return bool((self.center == 0).all() and (self.scale == 1).all())

    def apply(self, raw: FloatArray) -> FloatArray:
        """Map raw values, shape (..., n), to scaled coordinates."""
        result: FloatArray = (raw - self.center) / self.scale
        return result

    def invert(self, scaled: FloatArray) -> FloatArray:
        """Map scaled coordinates, shape (..., n), to raw values."""
        result: FloatArray = scaled * self.scale + self.center
        return result
