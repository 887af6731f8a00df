"""Turning a Pyomo model into matrices, once."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyomo.environ as pyo
from pyomo.common.collections import ComponentMap
from pyomo.repn.plugins.standard_form import LinearStandardFormCompiler

from nnff.errors import ProblemError
from nnff.milp.matrix import MatrixProblem
from nnff.milp.scaling import scale_problem

if TYPE_CHECKING:
    from nnff.values import FloatArray

__all__ = ["Compiled", "compile_model"]


@dataclass(frozen=True)
class Compiled:
    """A compiled model.

    Attributes
    ----------
    matrix
        The minimisation, scaled (`nnff.milp.scaling`).
    units
        What one unit of each column is in the model, shape (n,).
    column
        Index of the column of each Pyomo variable that occurs in the matrix.
    seconds
        Wall seconds that compiling took.
    """

    matrix: MatrixProblem
    units: FloatArray
    column: Any  # ComponentMap[VarData, int]
    seconds: float = 0.0

    def value(self, x: FloatArray, variable: Any) -> float:
        """Return the value of a Pyomo variable at the point `x` of the matrix problem.

        A variable that occurs in no row is free between its bounds; it gets
        the value nearest 0.
        """
        index = self.column.get(variable)
        if index is not None:
            return float(x[index] * self.units[index])
        if variable.fixed:
            return float(variable.value)
        return float(np.clip(0.0, variable.lb, variable.ub))

    def place(self, variable: Any) -> tuple[int, float] | None:
        """Return the column of a Pyomo variable and its unit; None if it occurs in no row."""
        index = self.column.get(variable)
        return None if index is None else (index, float(self.units[index]))


def compile_model(model: Any) -> Compiled:
    """Compile a Pyomo model with linear rows, binaries and integers.

    Range rows, which Pyomo's compiler splits in two, are merged again;
    a maximisation is negated, here and nowhere else.

    Raises
    ------
    ProblemError
        If a column has no finite bounds, a row bound is not a number, or the model has not exactly
        one objective.
    pyomo.common.errors.InfeasibleConstraintException
        If a row without variables cannot hold.
    """
    began = time.perf_counter()
    objectives = list(model.component_data_objects(pyo.Objective, active=True))
    if len(objectives) != 1:
        raise ProblemError(f"the model has {len(objectives)} active objectives; it needs one")
    form = LinearStandardFormCompiler().write(model, mixed_form=True, set_sense=None)
    columns = list(form.columns)
    matrix = form.A.tocsr()
    matrix.sum_duplicates()
    keep, lower, upper = _merge_rows(form.rows, np.asarray(form.rhs, dtype=np.float64))
    matrix = matrix[keep]
    col_lower = np.array([-np.inf if c.lb is None else c.lb for c in columns], dtype=np.float64)
    col_upper = np.array([np.inf if c.ub is None else c.ub for c in columns], dtype=np.float64)
    if not (np.isfinite(col_lower).all() and np.isfinite(col_upper).all()):
        raise ProblemError("a variable of the model has no finite bounds")
    maximise = objectives[0].sense == pyo.maximize
    sign = -1.0 if maximise else 1.0
    cost = np.zeros(len(columns))
    objective = form.c.tocoo()
    cost[objective.col] = objective.data
    compiled = MatrixProblem(
        cost=sign * cost,
        offset=sign * float(form.c_offset[0]),
        indptr=matrix.indptr,
        indices=matrix.indices,
        data=matrix.data,
        row_lower=lower,
        row_upper=upper,
        col_lower=col_lower,
        col_upper=col_upper,
        integer=np.array([c.is_integer() or c.is_binary() for c in columns], dtype=bool),
        negated=maximise,
        column_names=tuple(c.name for c in columns) if len(columns) <= _NAMED else (),
    )
    scaled, units = scale_problem(compiled)
    index = ComponentMap((column, k) for k, column in enumerate(columns))
    return Compiled(scaled, units, index, time.perf_counter() - began)


_NAMED = 2_000
"""Pyomo builds the name of a nested component anew each time; beyond this, files get plain names."""


def _merge_rows(rows: Any, rhs: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return (rows to keep, lower, upper) with the two halves of a range row made one."""
    seen: dict[int, int] = {}
    keep: list[int] = []
    lower: list[float] = []
    upper: list[float] = []
    for index, (row, bound) in enumerate(zip(rows, rhs, strict=True)):
        if np.isnan(bound):
            # min and max would pass over it, and the row would be lost without a word.
            raise ProblemError("a row bound of the MILP is not a number")
        constraint, kind = row.constraint, row.bound_type
        place = seen.get(id(constraint))
        if place is None:
            place = seen[id(constraint)] = len(keep)
            keep.append(index)
            lower.append(-np.inf)
            upper.append(np.inf)
        # bound_type: 1 upper, -1 lower, 0 equality
        if kind >= 0:
            upper[place] = min(upper[place], bound)
        if kind <= 0:
            lower[place] = max(lower[place], bound)
    return np.array(keep, dtype=np.int64), np.array(lower), np.array(upper)
