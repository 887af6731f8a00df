"""Equilibrating a MILP by powers of two, exactly, before a solver sees it.

Solvers compare rows, bounds and integrality with absolute tolerances.  In
midpoint-difference coordinates a small epsilon makes differences of size 1e-4
stand beside midpoints of size 10, with coefficients of 1e-5 that carry all the
information.  Observed: HiGHS 1.16 (and the one in SciPy) called such a model infeasible
that has a point violating it by 4e-16, at every tolerance; scaled, it does not.

Multiplying columns and rows by powers of two changes no digit, so the
scaled program is the same program in other units.  Two steps after that are not
exact and only ever enlarge the feasible set, which keeps a dual bound valid:
entries that solvers would drop silently are taken out with their rows widened
by the entry's range, and rows narrower than tolerances can tell are widened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

from nnff.milp.matrix import MatrixProblem

if TYPE_CHECKING:
    from nnff.values import FloatArray

__all__ = ["NARROWEST_ROW", "SMALLEST_ENTRY", "scale_problem"]

SMALLEST_ENTRY = 1e-9
"""Entries below it, in a row whose largest is in [1, 2) and between columns of size 1, are taken out."""

NARROWEST_ROW = 1e-7
"""Rows that are not equations are made at least this wide, in the same units."""

_LARGEST_EXPONENT = 30
"""Columns are scaled by at most 2**30 either way."""


def scale_problem(problem: MatrixProblem) -> tuple[MatrixProblem, FloatArray]:
    """Return the program with columns and rows of size about 1, and the column units.

    Parameters
    ----------
    problem
        Any MILP with finite column bounds.

    Returns
    -------
    scaled
        The program in other units; every feasible point x of `problem` is the
        feasible point ``x / units`` of it, with the same objective.
    units
        Powers of two, shape (n,), 1 for integer columns.
    """
    size = np.maximum(np.abs(problem.col_lower), np.abs(problem.col_upper))
    exponent = np.clip(np.frexp(size)[1] - 1, -_LARGEST_EXPONENT, _LARGEST_EXPONENT)
    units = np.where(problem.integer | (size == 0), 1.0, np.exp2(exponent))
    matrix = problem.matrix @ sp.diags_array(units)
    largest = np.zeros(problem.n_rows)
    np.maximum.at(largest, np.repeat(np.arange(problem.n_rows), np.diff(matrix.indptr)), np.abs(matrix.data))
    row_units = np.where(largest > 0, np.exp2(1.0 - np.frexp(largest)[1]), 1.0)
    matrix = sp.csr_array(sp.diags_array(row_units) @ matrix)
    matrix.sort_indices()
    col_lower, col_upper = problem.col_lower / units, problem.col_upper / units
    lower, upper = problem.row_lower * row_units, problem.row_upper * row_units
    matrix, lower, upper = _without_small_entries(matrix, lower, upper, col_lower, col_upper)
    lower, upper = _widened(lower, upper)
    scaled = MatrixProblem(
        cost=problem.cost * units,
        offset=problem.offset,
        indptr=matrix.indptr.astype(np.int64),
        indices=matrix.indices.astype(np.int64),
        data=matrix.data,
        row_lower=lower,
        row_upper=upper,
        col_lower=col_lower,
        col_upper=col_upper,
        integer=problem.integer,
        negated=problem.negated,
        column_names=problem.column_names,
    )
    return scaled, units


def _without_small_entries(
    matrix: sp.csr_array, lower: FloatArray, upper: FloatArray, col_lower: FloatArray, col_upper: FloatArray
) -> tuple[sp.csr_array, FloatArray, FloatArray]:
    """Take out small entries and widen their rows by the range of what was taken out.

    If ``lo <= a.x + e.x <= hi`` and e.x lies in [p, q] over the columns' bounds,
    then ``lo - q <= a.x <= hi - p``.
    """
    small = np.abs(matrix.data) < SMALLEST_ENTRY
    if not small.any():
        return matrix, lower, upper
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))[small]
    entries, columns = matrix.data[small], matrix.indices[small]
    ends = np.stack([entries * col_lower[columns], entries * col_upper[columns]])
    least, most = np.zeros(len(lower)), np.zeros(len(lower))
    np.add.at(least, rows, ends.min(axis=0))
    np.add.at(most, rows, ends.max(axis=0))
    # Sums of a few terms of at most about 1e-9: a relative 1e-9 covers their rounding.
    slack = 1e-9 * (np.abs(least) + np.abs(most))
    widened = (lower - most - slack, upper - least + slack)
    matrix = matrix.copy()
    matrix.data[small] = 0.0
    matrix.eliminate_zeros()
    touched = np.zeros(len(lower), dtype=bool)
    touched[rows] = True
    return matrix, np.where(touched, widened[0], lower), np.where(touched, widened[1], upper)


def _widened(lower: FloatArray, upper: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Widen rows that are neither equations nor wide."""
    both = np.isfinite(lower) & np.isfinite(upper)
    width = np.where(both, upper, 1.0) - np.where(both, lower, 0.0)
    narrow = both & (width > 0) & (width < NARROWEST_ROW)
    more = np.where(narrow, (NARROWEST_ROW - width) / 2, 0.0)
    return lower - more, upper + more
