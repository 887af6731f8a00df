"""Fitting a program into the numbers that a solver takes seriously, without cutting off a point.

Solvers drop coefficients below some size, take large bounds for infinite and close intervals for
points.  Done by the solver, silently, this moves rows and falsifies bounds: a
coefficient of 1e-10 on a column of width 1e9 is worth 0.1.  Done here first, outward, it is a
relaxation: every feasible point of the program is feasible afterwards, at an objective that is not
larger.  So every dual bound of what is sent holds for the program, and so does infeasibility.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from nnff.milp import MatrixProblem
    from nnff.values import FloatArray, IntArray

__all__ = ["LIMITS", "Limits", "Relaxed", "Unholdable", "relaxed"]

_HARMLESS = 1e-10
"""Moving a row's bound by so little is far below any feasibility tolerance."""
_LARGEST_SCALED = 1e6


class Unholdable(Exception):  # noqa: N818 - turned into a result, never seen by users
    """The program holds numbers that the solver cannot, and no relaxation helps; the message says which."""


@dataclass(frozen=True)
class Limits:
    """What a solver holds without changing it.

    Attributes
    ----------
    coefficient
        Matrix and cost entries of at most this size may be dropped.
    width
        Column intervals of at most this width may be closed to a point.
    infinity
        Bounds of at least this size count as infinite.
    """

    coefficient: float
    width: float
    infinity: float


LIMITS = Limits(coefficient=1e-9, width=1e-7, infinity=1e20)
"""For CBC and SCIP.  1e20 is infinite to SCIP.  The others are not where numbers are lost, which is far
below, but where solvers begin to err: on a MILP of a real network with ranges of 1e-14 in it SCIP gave false
optima for 2 of 10 seeds when both limits were 1e-12, for none with these."""


@dataclass(frozen=True)
class Relaxed:
    """A program as a solver can hold it.

    Attributes
    ----------
    problem
        The relaxation, to be sent.
    exponents
        Row i was multiplied by ``2 ** exponents[i]``, exactly, so that small entries could stay.
    same
        Whether the relaxation is the program itself, up to those factors.
    """

    problem: MatrixProblem
    exponents: IntArray
    same: bool


def relaxed(problem: MatrixProblem, limits: Limits) -> Relaxed:
    """Return `problem` itself if it fits, else a relaxation that does.

    A row with entries that are too small is, in this order: relaxed if its
    bounds move by no more than 1e-10; scaled by a power of two if that makes
    all entries fit; relaxed whatever it costs.

    Raises
    ------
    Unholdable
        For a tiny cost on a column without the bound that it pushes to (dropping it
        would hide an unbounded objective), or a bound that is infinite on the wrong side for the solver.
    """
    draft = _Draft(problem, limits)
    draft.rows()
    draft.cost()
    draft.columns()
    return draft.finish()


def _down(terms: list[float]) -> float:
    """Return a lower bound of the sum; `math.fsum` rounds once, to the nearest."""
    total = math.fsum(terms) if all(map(math.isfinite, terms)) else -math.inf
    return math.nextafter(total, -math.inf)


class _Draft:
    def __init__(self, problem: MatrixProblem, limits: Limits) -> None:
        self._problem = problem
        self._limits = limits
        self._changed: dict[str, Any] = {}
        self._offset = problem.offset
        self._exponents = np.zeros(problem.n_rows, dtype=np.int64)

    def _get(self, name: str) -> FloatArray:
        """Return a field to be written to."""
        if name not in self._changed:
            self._changed[name] = getattr(self._problem, name).copy()
        array: FloatArray = self._changed[name]
        return array

    def _least(self, values: FloatArray, columns: IntArray) -> list[float]:
        """Return, per entry, a number below ``value * x`` for all x within the column's bounds."""
        low, high = self._problem.col_lower[columns], self._problem.col_upper[columns]
        with np.errstate(invalid="ignore"):
            least = np.nextafter(np.minimum(values * low, values * high), -np.inf)
        # An infinite bound is on the losing side or not; told by the sign, never by inf - inf.
        lost = (np.isinf(low) & (values > 0)) | (np.isinf(high) & (values < 0))
        return np.where(lost, -math.inf, least).tolist()  # type: ignore[no-any-return]

    def rows(self) -> None:
        problem, tiny = self._problem, self._limits.coefficient
        size = np.abs(problem.data)
        owner = np.repeat(np.arange(problem.n_rows), np.diff(problem.indptr))
        for row in np.unique(owner[(size > 0) & (size <= tiny)]).tolist():
            span = slice(problem.indptr[row], problem.indptr[row + 1])
            values, columns = problem.data[span], problem.indices[span]
            small = size[span] <= tiny
            # Without the small entries the row's activity differs by their sum, which lies in
            # [below, above]; its bounds move by as much, outward.
            below = _down(self._least(values[small], columns[small]))
            above = -_down(self._least(-values[small], columns[small]))
            if max(-below, above) > _HARMLESS:
                entries = size[span][size[span] > 0]
                exponent = math.ceil(math.log2(2 * tiny) - math.log2(float(entries.min())))
                if math.ldexp(float(entries.max()), exponent) <= _LARGEST_SCALED:
                    self._scale(row, span, exponent)
                    continue
            self._get("data")[span][small] = 0.0
            low, high = self._get("row_lower"), self._get("row_upper")
            low[row] = _down([low[row], -above]) if math.isfinite(low[row]) else low[row]
            high[row] = -_down([-high[row], below]) if math.isfinite(high[row]) else high[row]

    def _scale(self, row: int, span: slice, exponent: int) -> None:
        """Multiply by a power of two: exact, but for overflow, which the choice of exponent excludes."""
        data = self._get("data")
        data[span] = np.ldexp(data[span], exponent)
        for name in ("row_lower", "row_upper"):
            bound = self._get(name)
            bound[row] = np.ldexp(bound[row], exponent)
        self._exponents[row] = exponent

    def cost(self) -> None:
        small = (self._problem.cost != 0) & (np.abs(self._problem.cost) <= self._limits.coefficient)
        at = np.flatnonzero(small)
        if len(at):
            below = _down(self._least(self._problem.cost[at], at))
            if not math.isfinite(below):
                raise Unholdable(f"a cost of {self._limits.coefficient:g} or less is on an unbounded column")
            self._get("cost")[at] = 0.0
            self._offset = _down([self._offset, below])

    def columns(self) -> None:
        width, infinity = self._limits.width, self._limits.infinity
        low, high = self._problem.col_lower, self._problem.col_upper
        narrow = np.flatnonzero((low < high) & (high - low <= width))
        if len(narrow):
            # Both ends by the whole width: what is left is wider than the solver would close.
            self._get("col_lower")[narrow] = np.nextafter(low[narrow] - width, -np.inf)
            self._get("col_upper")[narrow] = np.nextafter(high[narrow] + width, np.inf)
        for name, sign in (("col_lower", -1), ("row_lower", -1), ("col_upper", 1), ("row_upper", 1)):
            bound = self._changed.get(name, getattr(self._problem, name))
            finite = np.isfinite(bound)
            if (finite & (sign * bound <= -infinity)).any():
                raise Unholdable(f"a finite bound beyond {infinity:g} counts as infinite")
            large = finite & (sign * bound >= infinity)
            if large.any():
                self._get(name)[large] = sign * math.inf

    def finish(self) -> Relaxed:
        if not self._changed and self._offset == self._problem.offset:
            return Relaxed(self._problem, self._exponents, same=True)
        problem = replace(self._problem, offset=self._offset, **self._changed)
        same = problem == replace(self._problem, **self._only_scaled())
        return Relaxed(problem, self._exponents, same=same)

    def _only_scaled(self) -> dict[str, Any]:
        """Return what the changed fields would be if rows had been scaled and nothing else."""
        per_entry = np.repeat(self._exponents, np.diff(self._problem.indptr))
        return {
            "data": np.ldexp(self._problem.data, per_entry),
            "row_lower": np.ldexp(self._problem.row_lower, self._exponents),
            "row_upper": np.ldexp(self._problem.row_upper, self._exponents),
        }
