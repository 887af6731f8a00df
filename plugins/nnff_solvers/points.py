"""Whether a point that a solver calls feasible may be handed on as one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from nnff.milp import MatrixProblem
    from nnff.values import FloatArray

__all__ = ["usable_point"]

_TOLERANCE = 1e-6


def usable_point(problem: MatrixProblem, x: FloatArray) -> FloatArray | None:
    """Return `x` with its columns moved into their bounds, or None if it breaks the program.

    Columns may be outside by the solver's tolerance, or because their interval was widened before it
    was sent.  Rows may be broken by 1e-6 relative to the size of their terms: a solver can do no
    better, and a witness comes from a forward pass anyway.  Integer columns may be off by 1e-6.

    Parameters
    ----------
    problem
        The program that the point was found for.
    x
        The solver's point, shape (n,).
    """
    if x.shape != (problem.n_columns,) or not np.isfinite(x).all():
        return None
    inside: FloatArray = np.clip(x, problem.col_lower, problem.col_upper)
    if (np.abs(inside - x) > _TOLERANCE * (1.0 + np.abs(x))).any():
        return None
    activity = problem.matrix @ inside
    size = 1.0 + abs(problem.matrix) @ np.abs(inside)
    excess = np.maximum(problem.row_lower - activity, activity - problem.row_upper)
    if (excess > _TOLERANCE * size).any():
        return None
    fraction = np.abs(inside - np.rint(inside))[problem.integer]
    return None if (fraction > _TOLERANCE).any() else inside
