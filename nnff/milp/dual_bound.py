r"""Safe dual bounds of linear programs: a proof from *any* row duals, rounding errors included.

Take the linear relaxation of a `MatrixProblem`::

    minimise  c x + c0   subject to   rl <= A x <= ru,   l <= x <= u.

For every vector y of row multipliers and every feasible x, with d = c - A' y,

    c x = y (A x) + d x
        >=  sum_i min over a in [rl_i, ru_i] of y_i a
          + sum_j min over t in [ l_j,  u_j] of d_j t,                         (*)

because A x lies in its row bounds and x in its column bounds.  Nothing is
asked of y: it need not come from an optimal basis, need not be dual feasible,
and may be wrong altogether; a bad y gives a weak bound, never a false one.  If
y is the exact optimal dual of an LP, (*) is its optimal value, by strong
duality.  This is the idea of Neumaier and Shcherbina, "Safe bounds in linear
and mixed-integer linear programming", Math. Programming 99 (2004), 283-296.

What remains is to evaluate (*) from below in floating point:

* y_i is taken as 0 where its sign asks for an infinite row bound.  That is
  just another choice of y.
* d is known up to an error: a sum of k + 1 products evaluated in any order,
  with or without fused operations, is off by at most
  ``g (|c| + |A|' |y|)`` with ``g = (k + 2) u / (1 - (k + 2) u)``, u = 2^-53
  (Higham, "Accuracy and Stability of Numerical Algorithms", section 3.1), plus
  k times the smallest subnormal number for underflow.  The magnitude on the right is itself computed,
  hence the factor 2 in the code.  So d_j lies in an interval [d_lo, d_hi].
* For a finite box, ``min d t`` over ``d in [d_lo, d_hi], t in [l, u]`` is at
  one of four corners; the least of the four rounded products, moved down by
  one float, lies below it.
* Where l_j or u_j is infinite and the interval of d_j has a sign that would
  make the minimum -inf, d_j is evaluated once more, exactly, in rational arithmetic (only
  these columns): a d_j that is exactly zero, as it should be, costs nothing.
  Otherwise the bound is -inf.
* The terms are added by `math.fsum`, which rounds once, and the sum is moved
  down by one float.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

if TYPE_CHECKING:
    from nnff.milp.matrix import MatrixProblem
    from nnff.values import FloatArray

__all__ = ["DualBound", "safe_dual_bound"]

_UNIT = 2.0**-53
_TINY = 5e-324


class DualBound:
    """Evaluates safe bounds for one constraint matrix and many objectives, bounds and duals.

    Parameters
    ----------
    matrix
        The constraint matrix A, shape (m, n).

    Examples
    --------
    Minimise x subject to x >= 1 as a row, 0 <= x <= 9; the row's dual is 1:

    >>> import numpy as np, scipy.sparse as sp
    >>> bound = DualBound(sp.csr_array(np.ones((1, 1))))
    >>> one, zero, inf = np.ones(1), np.zeros(1), np.full(1, np.inf)
    >>> round(bound(one, 0.0, (one, inf), (zero, 9 * one), one), 12)
    1.0
    """

    def __init__(self, matrix: sp.csr_array) -> None:
        self._transposed = sp.csr_array(matrix.T)
        self._magnitude = abs(self._transposed)
        k = np.diff(self._transposed.indptr) + 2.0
        self._relative = 2.0 * k * _UNIT / (1.0 - k * _UNIT)
        self._absolute = k * _TINY

    def __call__(
        self,
        cost: FloatArray,
        offset: float,
        rows: tuple[FloatArray, FloatArray],
        columns: tuple[FloatArray, FloatArray],
        row_duals: FloatArray,
    ) -> float:
        """Return a lower bound of ``cost x + offset`` over all x within the row and column bounds.

        Parameters
        ----------
        cost, offset
            The objective, shape (n,), to be minimised.
        rows, columns
            Lower and upper bounds, shapes (m,) and (n,); infinite where absent.
        row_duals
            Any multipliers, shape (m,); a positive one stands for an active lower row bound.
            Entries that are not finite count as 0.

        Returns
        -------
        The bound, rounded down; -inf if these multipliers prove nothing; +inf is
        returned only for an interval of bounds that is empty by itself.
        """
        row_lower, row_upper = rows
        low, high = columns
        if (row_lower > row_upper).any() or (low > high).any():
            return math.inf
        usable = np.isfinite(row_duals) & np.isfinite(np.where(row_duals > 0, row_lower, row_upper))
        y = np.where(usable, row_duals, 0.0)
        with np.errstate(over="ignore", invalid="ignore", under="ignore"):
            active = np.where(y > 0, row_lower, row_upper)
            row_terms = np.nextafter(np.multiply(y, active, where=y != 0, out=np.zeros_like(y)), -np.inf)
            row_terms[y == 0] = 0.0
            d = cost - self._transposed @ y
            error = self._relative * (np.abs(cost) + self._magnitude @ np.abs(y)) + self._absolute
            column_terms = _least_product(
                np.nextafter(d - error, -np.inf), np.nextafter(d + error, np.inf), low, high
            )
        # A multiplier so large that something overflowed proves nothing.
        if not (np.isfinite(row_terms).all() and np.isfinite(d).all() and np.isfinite(error).all()):
            return -math.inf
        for j in np.flatnonzero(~np.isfinite(column_terms)):
            column_terms[j] = self._exact_term(int(j), float(cost[j]), y, float(low[j]), float(high[j]))
            if column_terms[j] == -math.inf:
                return -math.inf
        try:
            total = math.fsum([offset, *row_terms.tolist(), *column_terms.tolist()])
        except OverflowError:
            return -math.inf
        return math.nextafter(total, -math.inf) if math.isfinite(total) else -math.inf

    def _exact_term(self, j: int, cost: float, y: FloatArray, low: float, high: float) -> float:
        """Return ``min d_j t`` over t in [low, high], not all finite, with d_j exact."""
        span = slice(self._transposed.indptr[j], self._transposed.indptr[j + 1])
        d = Fraction(cost)
        for row, value in zip(self._transposed.indices[span], self._transposed.data[span], strict=True):
            d -= Fraction(float(value)) * Fraction(float(y[row]))
        if d == 0:
            return 0.0
        bound = low if d > 0 else high
        if not math.isfinite(bound):
            return -math.inf
        try:
            return math.nextafter(float(d * Fraction(bound)), -math.inf)
        except OverflowError:
            return -math.inf


def _least_product(d_low: FloatArray, d_high: FloatArray, low: FloatArray, high: FloatArray) -> FloatArray:
    """Return, per column, a number below ``d t`` for all d and t in their intervals; -inf or nan if none."""
    corners = [d * t for d in (d_low, d_high) for t in (low, high)]
    least: FloatArray = np.nextafter(np.minimum.reduce(corners), -np.inf)
    return least


def safe_dual_bound(problem: MatrixProblem, row_duals: FloatArray) -> float:
    """Return a lower bound of the objective over the linear relaxation of `problem`.

    Parameters
    ----------
    problem
        The program; integrality is ignored, which only lowers the bound.
    row_duals
        Any row multipliers, shape (m,): the duals that a solver reports, good or bad.

    Returns
    -------
    A proven bound (see the module's text), offset included; -inf if there is none.
    """
    return DualBound(problem.matrix)(
        problem.cost,
        problem.offset,
        (problem.row_lower, problem.row_upper),
        (problem.col_lower, problem.col_upper),
        row_duals,
    )
