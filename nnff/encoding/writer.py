"""Writing variables and linear rows into a Pyomo block, cheaply and soundly."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pyomo.environ as pyo
from pyomo.core.expr import LinearExpression

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["NARROWEST_RANGE", "BlockWriter"]

NARROWEST_RANGE = 1e-7
"""Ranges that are not a point but narrower than this, relative to their size, make solvers answer wrongly.

Observed: a ReLU network whose ranges held 8e-15 where exact arithmetic has 0
made HiGHS 1.16 declare optimal, and prove, a value that a real pair exceeded.
Widening a range only adds points, so bounds stay valid; see docs/decisions.
"""

_NARROWEST_AT_ZERO = 1e-10


class BlockWriter:
    """Adds variables and rows to one Pyomo block; implements `nnff.similarity.RowWriter`.

    Parameters
    ----------
    block
        A Pyomo model or block; receives the components ``columns``,
        ``binaries`` and ``rows``.
    """

    def __init__(self, block: Any) -> None:
        self.block = block
        block.columns = pyo.VarList()
        block.binaries = pyo.VarList(domain=pyo.Binary)
        block.rows = pyo.ConstraintList()

    def child(self, name: str) -> BlockWriter:
        """Return a writer for a new sub-block."""
        block = pyo.Block()
        self.block.add_component(name, block)
        return BlockWriter(block)

    def variable(self, lower: float, upper: float, *, integer: bool = False) -> Any:
        """Add a variable with finite bounds, widened to `NARROWEST_RANGE` unless they are equal."""
        narrowest = max(NARROWEST_RANGE * max(abs(lower), abs(upper)), _NARROWEST_AT_ZERO)
        if not integer and 0 < upper - lower < narrowest:
            middle = (lower + upper) / 2
            lower, upper = min(lower, middle - narrowest / 2), max(upper, middle + narrowest / 2)
        column = self.block.columns.add()
        if integer:
            column.domain = pyo.Integers
        column.setlb(float(lower))
        column.setub(float(upper))
        return column

    def binary(self) -> Any:
        """Add a 0-1 variable."""
        return self.block.binaries.add()

    def bounds(self, variable: Any) -> tuple[float, float]:
        """Return the bounds of a variable."""
        return float(variable.lb), float(variable.ub)

    def row(self, terms: Sequence[tuple[float, Any]], lower: float, upper: float) -> None:
        """Add ``lower <= sum(coefficient * variable) <= upper``.

        What solvers find hard, small entries and narrow rows, is seen to when the
        whole model is compiled (`nnff.milp.scaling`).
        """
        present = [(float(coefficient), variable) for coefficient, variable in terms if coefficient != 0]
        if not present:
            if lower > 0 or upper < 0:
                self._infeasible_row()
            return
        low = None if math.isinf(lower) else float(lower)
        high = None if math.isinf(upper) else float(upper)
        if low is None and high is None:
            return
        expression = LinearExpression(
            constant=0,
            linear_coefs=[coefficient for coefficient, _ in present],
            linear_vars=[variable for _, variable in present],
        )
        self.block.rows.add((low, expression, high))

    def _infeasible_row(self) -> None:
        """Write a row that nothing satisfies, for the solver to report as infeasible."""
        impossible = self.variable(0.0, 0.0)
        self.row([(1.0, impossible)], 1.0, math.inf)
