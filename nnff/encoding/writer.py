"""Writing variables and linear rows into a Pyomo block, cheaply and soundly."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pyomo.environ as pyo
from pyomo.core.expr import LinearExpression

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["NARROWEST_RANGE", "SMALLEST_COEFFICIENT", "BlockWriter"]

NARROWEST_RANGE = 1e-7
"""Ranges that are not a point but narrower than this make solvers answer wrongly.

Observed: a ReLU network whose ranges held 8e-15 where exact arithmetic has 0
made HiGHS 1.16 declare optimal, and prove, a value that a real pair exceeded,
at tolerances 1e-9 as well as 1e-6.  Widening a range only adds points, so
bounds stay valid; see docs/decisions.
"""

SMALLEST_COEFFICIENT = 1e-9
"""Solvers drop coefficients of about this size without a word; see `BlockWriter.row`."""


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
        if not integer and 0 < upper - lower < NARROWEST_RANGE:
            middle = (lower + upper) / 2
            lower, upper = middle - NARROWEST_RANGE / 2, middle + NARROWEST_RANGE / 2
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

        A term with a coefficient below `SMALLEST_COEFFICIENT` is taken out and
        the row is widened by the range of the term, because some solvers
        ignore such coefficients; and a row that is not an equation is made no
        narrower than `NARROWEST_RANGE`.  The widened row holds wherever the
        original did, so a dual bound over it stays valid.
        """
        coefficients, variables = [], []
        for raw, variable in terms:
            coefficient = float(raw)
            if coefficient == 0.0:
                continue
            if abs(coefficient) < SMALLEST_COEFFICIENT:
                ends = [coefficient * end for end in self.bounds(variable)]
                lower = _below(lower - _above(max(ends)))
                upper = _above(upper - _below(min(ends)))
                continue
            coefficients.append(coefficient)
            variables.append(variable)
        if 0 < upper - lower < NARROWEST_RANGE:
            middle = (lower + upper) / 2
            lower, upper = middle - NARROWEST_RANGE / 2, middle + NARROWEST_RANGE / 2
        if not variables:
            if lower > 0 or upper < 0:
                self._infeasible_row()
            return
        expression = LinearExpression(constant=0, linear_coefs=coefficients, linear_vars=variables)
        low = None if math.isinf(lower) else float(lower)
        high = None if math.isinf(upper) else float(upper)
        if low is None and high is None:
            return
        self.block.rows.add((low, expression, high))

    def _infeasible_row(self) -> None:
        """Write a row that nothing satisfies, for the solver to report as infeasible."""
        impossible = self.variable(0.0, 0.0)
        self.row([(1.0, impossible)], 1.0, math.inf)


def _below(value: float) -> float:
    return math.nextafter(value, -math.inf)


def _above(value: float) -> float:
    return math.nextafter(value, math.inf)
