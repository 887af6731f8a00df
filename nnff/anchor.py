"""One input of the pair held: the question of a local certificate."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from nnff.errors import DataError
from nnff.values import ContentValue, FloatArray, frozen_array

if TYPE_CHECKING:
    from nnff.domain import Domain

__all__ = ["Anchor"]


@dataclass(frozen=True, eq=False)
class Anchor(ContentValue):
    """Pairs of which one input is a given one.

    Such pairs are not symmetric: swapping x' and x'' moves the held input to the other place.  Encodings
    maximise the rise from x' to x'', so a local certificate asks twice, with the row as x' for what rises
    above it and as x'' for what falls below it, and takes the larger of the two bounds.

    Attributes
    ----------
    row
        The held input, raw units, shape (n,).
    second
        Whether it is x'' instead of x'.
    """

    row: FloatArray
    second: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "row", frozen_array(self.row))

    def split(self, x1: FloatArray, x2: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return what stands in the held place, and what is free."""
        return (x2, x1) if self.second else (x1, x2)

    def pair(self, free: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return pairs (x', x'') of the held input with free ones, shape (rows, n)."""
        held = np.broadcast_to(self.row, free.shape)
        return (free, held) if self.second else (held, free)

    def around(self, domain: Domain, radius: FloatArray) -> Domain:
        """Return the part of the domain that similar inputs can reach.

        Sound: the held input lies in it, and so does every other that differs by at most `radius`; ends
        are rounded outward.

        Parameters
        ----------
        domain
            The domain.
        radius
            Largest difference per feature, raw units, shape (n,).

        Raises
        ------
        DataError
            If the held input is not in the domain.
        """
        check_row(domain, self.row)
        low = np.nextafter(self.row - radius, -np.inf)
        high = np.nextafter(self.row + radius, np.inf)
        still = radius == 0
        return replace(
            domain,
            lower=np.where(still, self.row, np.maximum(low, domain.lower)),
            upper=np.where(still, self.row, np.minimum(high, domain.upper)),
        )


def check_row(domain: Domain, row: FloatArray) -> None:
    """Refuse a row that the domain does not hold.

    Raises
    ------
    DataError
        Naming the feature.
    """
    if row.shape != domain.lower.shape:
        raise DataError(f"a row has {row.size} values, the domain {domain.n_features} features")
    if domain.contains(row[None])[0]:
        return
    for name, value, low, high, whole in zip(
        domain.feature_names, row, domain.lower, domain.upper, domain.integer, strict=True
    ):
        if not low <= value <= high or (whole and value != round(value)):
            kind = "whole numbers in " if whole else ""
            raise DataError(
                f"{name} is {value:g}, outside the domain ({kind}[{low:g}, {high:g}]); "
                "leave the row out or widen the domain"
            )
    raise DataError("the row lies outside the domain; leave it out or widen the domain")
