"""The small vocabulary in which a metric writes its ball: variables and linear rows."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Protocol

__all__ = ["RowWriter", "Variable"]

Variable = Hashable
"""An opaque handle of a variable; only the writer that made it knows what it is."""


class RowWriter(Protocol):
    """What a metric may do to the model under construction.

    Metrics never see the modelling language: they receive handles of the
    difference coordinates and add variables and rows through this protocol.
    """

    def variable(self, lower: float, upper: float) -> Variable:
        """Add a continuous variable with finite bounds and return its handle."""
        ...

    def row(self, terms: Sequence[tuple[float, Variable]], lower: float, upper: float) -> None:
        """Add ``lower <= sum(coefficient * variable) <= upper``; an infinite side is absent."""
        ...

    def bounds(self, variable: Variable) -> tuple[float, float]:
        """Return the bounds of a variable."""
        ...
