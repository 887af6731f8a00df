"""Collect the rows of a metric as matrices and ask questions about them, without any modelling language."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp

from nnff.errors import PluginError

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from nnff.values import FloatArray

__all__ = ["MatrixRows"]

# The tightest that HiGHS takes; its default of 1e-7 would blur small balls.
_TOLERANCES = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
_OPTIMAL, _INFEASIBLE = 0, 2


class MatrixRows:
    """A `nnff.similarity.RowWriter` that keeps what is written and solves small linear programs over it.

    Everything that breaks the contract of a row writer is refused with a `PluginError`: bounds that
    are not finite, unknown variables, coefficients that are not finite numbers.

    Parameters
    ----------
    lower, upper
        Bounds of the difference coordinates, shape (n,); they become the first n
        variables, with handles in `difference`.

    Examples
    --------
    >>> rows = MatrixRows([-1.0, -1.0], [1.0, 1.0])
    >>> x, y = rows.difference
    >>> rows.row([(1.0, x), (1.0, y)], -0.5, 0.5)
    >>> rows.maximise(np.array([[1.0, 1.0]]))[0]
    array([0.5])
    """

    def __init__(self, lower: Sequence[float] | FloatArray, upper: Sequence[float] | FloatArray) -> None:
        self._lower: list[float] = []
        self._upper: list[float] = []
        self._entries: list[tuple[int, int, float]] = []
        self._row_lower: list[float] = []
        self._row_upper: list[float] = []
        self.difference: list[Hashable] = [
            self.variable(float(low), float(high)) for low, high in zip(lower, upper, strict=True)
        ]

    def variable(self, lower: float, upper: float) -> Hashable:
        """Add a continuous variable with finite bounds and return its handle."""
        if not (math.isfinite(lower) and math.isfinite(upper) and lower <= upper):
            raise PluginError(
                f"a variable has bounds [{lower}, {upper}]; they must be finite and not empty, "
                "because solvers derive safe bounds from them"
            )
        self._lower.append(float(lower))
        self._upper.append(float(upper))
        return _Handle(self, len(self._lower) - 1)

    def row(self, terms: Sequence[tuple[float, Hashable]], lower: float, upper: float) -> None:
        """Add ``lower <= sum(coefficient * variable) <= upper``; an infinite side is absent."""
        if math.isnan(lower) or math.isnan(upper) or lower > upper:
            raise PluginError(f"a row has the bounds [{lower}, {upper}]; they must be numbers in this order")
        index = len(self._row_lower)
        for coefficient, variable in terms:
            if not math.isfinite(coefficient):
                raise PluginError(f"a row has the coefficient {coefficient}; it must be a finite number")
            self._entries.append((index, self._column(variable), float(coefficient)))
        self._row_lower.append(float(lower))
        self._row_upper.append(float(upper))

    def bounds(self, variable: Hashable) -> tuple[float, float]:
        """Return the bounds of a variable."""
        column = self._column(variable)
        return self._lower[column], self._upper[column]

    def _column(self, variable: Hashable) -> int:
        if not isinstance(variable, _Handle) or variable.owner is not self:
            raise PluginError(f"{variable!r} is not a variable of this writer")
        return variable.column

    @property
    def n_variables(self) -> int:
        """Number of variables, the difference coordinates included."""
        return len(self._lower)

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self._row_lower)

    @property
    def matrix(self) -> sp.csr_array:
        """The coefficients, shape (rows, variables)."""
        rows, columns, data = zip(*self._entries, strict=True) if self._entries else ((), (), ())
        shape = (self.n_rows, self.n_variables)
        return sp.csr_array(sp.coo_array((np.array(data, dtype=float), (rows, columns)), shape=shape))

    def same_as(self, other: MatrixRows) -> bool:
        """Tell whether both hold the same rows and variables, in the same order."""
        return (
            self._entries == other._entries
            and (self._lower, self._upper) == (other._lower, other._upper)
            and (self._row_lower, self._row_upper) == (other._row_lower, other._row_upper)
        )

    def maximise(self, directions: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Maximise ``direction . d`` over the rows, for each direction.

        Parameters
        ----------
        directions
            Shape (k, n).

        Returns
        -------
        The maxima, shape (k,), and the differences that reach them, shape (k, n).

        Raises
        ------
        PluginError
            If no difference satisfies the rows, or a linear program cannot be solved.
        """
        n, k = len(self.difference), len(directions)
        # In units of what the bounds allow: a solver's dual tolerance is absolute, and would
        # leave small objectives short of their maximum.
        most = np.maximum(np.abs(self._lower[:n]), np.abs(self._upper[:n]))
        size = (np.abs(directions) * most).sum(axis=1, keepdims=True)
        cost = np.zeros((k, self.n_variables))
        cost[:, :n] = directions / np.where(size > 0, size, 1.0)
        solved = self._solve(
            -cost.ravel(),
            sp.csr_array(sp.block_diag([self.matrix] * k)),
            np.tile(self._lower, k),
            np.tile(self._upper, k),
        )
        if solved is None:
            raise PluginError("the rows have no solution, although a difference of 0 must satisfy them")
        points = solved.reshape(k, -1)[:, :n]
        return (points * directions).sum(axis=1), points

    def reach(self, differences: FloatArray) -> FloatArray:
        """Return, for each difference, the largest t <= 1 for which t times it satisfies the rows.

        1 means that the difference itself does.  Being a ratio of lengths, t does
        not depend on the units in which rows are written, as the violation of a row would.

        Parameters
        ----------
        differences
            Shape (k, n), within the bounds of the difference coordinates.

        Returns
        -------
        Shape (k,); -inf everywhere if not even 0 satisfies the rows.
        """
        n, k = len(self.difference), len(differences)
        low, high = np.array(self._lower), np.array(self._upper)
        if not ((differences >= low[:n]) & (differences <= high[:n])).all():
            raise ValueError("a difference lies outside the bounds of its own variables")
        # One linear program for all: a block for each, with the columns t and the auxiliary variables.
        matrix = sp.csc_array(self.matrix)
        blocks = [
            sp.hstack([sp.csc_array((matrix[:, :n] @ difference)[:, None]), matrix[:, n:]])
            for difference in differences
        ]
        cost = np.tile(np.append(-1.0, np.zeros(self.n_variables - n)), k)
        solved = self._solve(
            cost,
            sp.csr_array(sp.block_diag(blocks)),
            np.tile(np.append(0.0, low[n:]), k),
            np.tile(np.append(1.0, high[n:]), k),
        )
        if solved is None:
            return np.full(k, -math.inf)
        return solved.reshape(k, -1)[:, 0]

    def holds_exactly(self, difference: FloatArray) -> bool:
        """Tell, in exact rational arithmetic, whether rows and bounds can be met at a difference.

        Auxiliary variables get the smallest values that the rows allow in which they are the
        newest variable.  True is a proof, without any tolerance; False may only mean that this order does
        not lead to a solution.
        """
        n = len(self.difference)
        values = [Fraction(float(d)) for d in difference]
        terms: list[dict[int, Fraction]] = [{} for _ in self._row_lower]
        for row, column, entry in self._entries:
            terms[row][column] = terms[row].get(column, Fraction(0)) + Fraction(entry)
        newest: dict[int, list[int]] = {}
        for row, entries in enumerate(terms):
            newest.setdefault(max(entries, default=0), []).append(row)
        for column in range(n, self.n_variables):
            least = [Fraction(self._lower[column])]
            for row in newest.get(column, ()):
                coefficient = terms[row][column]
                # A positive coefficient makes the row's lower end a lower end of the variable.
                end = self._row_lower[row] if coefficient > 0 else self._row_upper[row]
                if coefficient != 0 and math.isfinite(end):
                    others = sum((c * values[j] for j, c in terms[row].items() if j != column), Fraction(0))
                    least.append((Fraction(end) - others) / coefficient)
            values.append(max(least))
        activity = [sum(c * values[j] for j, c in entries.items()) for entries in terms]
        return all(
            low <= value <= high
            for low, value, high in [
                *zip(self._lower, values, self._upper, strict=True),
                *zip(self._row_lower, activity, self._row_upper, strict=True),
            ]
        )

    def _solve(
        self, cost: FloatArray, matrix: sp.csr_array, lower: FloatArray, upper: FloatArray
    ) -> FloatArray | None:
        """Minimise over one or more copies of the rows, one below the other; None if infeasible."""
        from scipy.optimize import linprog  # noqa: PLC0415 - a solver, imported when used

        solve: Any = linprog  # its type information knows no sparse matrices
        copies = matrix.shape[0] // max(self.n_rows, 1)
        row_lower, row_upper = np.tile(self._row_lower, copies), np.tile(self._row_upper, copies)
        equal = row_lower == row_upper
        below, above = np.isfinite(row_upper) & ~equal, np.isfinite(row_lower) & ~equal
        result = solve(
            cost,
            A_ub=sp.vstack([matrix[below], -matrix[above]]) if (below | above).any() else None,
            b_ub=np.concatenate([row_upper[below], -row_lower[above]]) if (below | above).any() else None,
            A_eq=matrix[equal] if equal.any() else None,
            b_eq=row_lower[equal] if equal.any() else None,
            bounds=np.stack([lower, upper], axis=1),
            method="highs",
            options=_TOLERANCES,
        )
        if result.status == _INFEASIBLE:
            return None
        if result.status != _OPTIMAL:
            raise PluginError(f"the linear program over the metric's rows cannot be solved: {result.message}")
        return np.asarray(result.x, dtype=np.float64)


class _Handle:
    """An opaque handle, so that a metric cannot come to rely on columns being numbers."""

    def __init__(self, owner: MatrixRows, column: int) -> None:
        self.owner = owner
        self.column = column

    def __repr__(self) -> str:
        return f"variable {self.column}"
