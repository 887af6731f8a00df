"""Linear programs that HiGHS holds: loaded once, changed, solved again from the last basis."""

from __future__ import annotations

import contextlib
import math
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp

from nnff.errors import ProblemError, SolverError, UnsupportedOptionError
from nnff.milp import MatrixProblem
from nnff.milp.dual_bound import DualBound
from nnff.solver import Limit, LpResult, LpSession, Termination
from nnff_solvers.highs_model import (
    Rejected,
    apply_options,
    check_bounds,
    new_highs,
    open_log,
    options_for,
    pass_problem,
    scaled_bounds,
    scaled_rows,
)
from nnff_solvers.highs_run import HighsRun, StopReason, held_point, why_stopped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nnff.solver import SolveControl, SolveOptions
    from nnff.values import FloatArray, IntArray

__all__ = ["HighsSession"]


class HighsSession(LpSession):
    """One HiGHS instance with one linear program.

    The session keeps the program itself, as it was given.  Bounds are computed
    from that and never from HiGHS's copy, whose rows may be scaled.

    Parameters
    ----------
    problem
        The program to begin with.
    options
        Threads, seed, tolerances, log and native options.

    Raises
    ------
    UnsupportedOptionError
        For an option or a value that HiGHS does not take, and for limits: they belong to a solve.
    SolverError
        If HiGHS cannot hold the program.
    """

    def __init__(self, problem: MatrixProblem, options: SolveOptions) -> None:
        for name in ("time_limit", "node_limit", "bound_stop", "objective_stop"):
            if getattr(options, name) is not None:
                raise UnsupportedOptionError(f"an LP session takes no {name}; give limits to its solve()")
        self._highs: Any = new_highs()
        self._usable = True
        apply_options(self._highs, options_for(options))
        open_log(self._highs, options)
        self._cost, self._offset = problem.cost.copy(), problem.offset
        self._lower, self._upper = problem.col_lower.copy(), problem.col_upper.copy()
        self._row_lower, self._row_upper = problem.row_lower.copy(), problem.row_upper.copy()
        self._matrix = sp.csr_array(problem.matrix)
        self._names = problem.column_names
        self._evaluator: DualBound | None = None
        self._chooses = "simplex_strategy" not in options.native
        self._costs_changed = False
        with _refusing():
            self._exponents = pass_problem(
                self._highs, replace(problem, integer=np.zeros(problem.n_columns, dtype=bool))
            )

    @property
    def problem(self) -> MatrixProblem:
        """The program as it now stands."""
        return MatrixProblem(
            self._cost,
            self._offset,
            self._matrix.indptr,
            self._matrix.indices,
            self._matrix.data,
            self._row_lower,
            self._row_upper,
            self._lower,
            self._upper,
            integer=np.zeros(len(self._cost), dtype=bool),
            column_names=self._names,
        )

    def set_objective(self, cost: FloatArray, offset: float = 0.0) -> None:
        """Minimise ``cost x + offset`` from now on."""
        cost = _floats(cost, len(self._cost), "cost", finite=True)
        if not math.isfinite(offset):
            raise ProblemError(f"the offset of a linear program is {offset}, which is not finite")
        changed = np.flatnonzero(cost != self._cost)
        highs = self._open()
        _accept(highs.changeColsCost(len(changed), changed.astype(np.int32), cost[changed]))
        _accept(highs.changeObjectiveOffset(float(offset)))
        self._cost, self._offset = cost, float(offset)
        self._costs_changed = self._costs_changed or len(changed) > 0

    def set_column_bounds(self, columns: IntArray, lower: FloatArray, upper: FloatArray) -> None:
        """Replace the bounds of some columns."""
        columns = _indices(columns, len(self._cost), "column")
        lower, upper = _floats(lower, len(columns), "bound"), _floats(upper, len(columns), "bound")
        with _refusing():
            check_bounds(lower, upper)
        _accept(self._open().changeColsBounds(len(columns), columns.astype(np.int32), lower, upper))
        self._lower[columns], self._upper[columns] = lower, upper

    def set_row_bounds(self, rows: IntArray, lower: FloatArray, upper: FloatArray) -> None:
        """Replace the bounds of some rows."""
        rows = _indices(rows, len(self._row_lower), "row")
        lower, upper = _floats(lower, len(rows), "bound"), _floats(upper, len(rows), "bound")
        with _refusing():
            lows, highs = scaled_bounds(lower, upper, self._exponents[rows])
        for row, low, high in zip(rows.tolist(), lows.tolist(), highs.tolist(), strict=True):
            _accept(self._open().changeRowBounds(row, low, high))
        self._row_lower[rows], self._row_upper[rows] = lower, upper

    def set_rows(self, rows: IntArray, matrix: sp.csr_array, lower: FloatArray, upper: FloatArray) -> None:
        """Replace some rows, coefficients and bounds."""
        rows = _indices(rows, len(self._row_lower), "row")
        new = _row_block(matrix, len(rows), len(self._cost))
        lower, upper = _floats(lower, len(rows), "bound"), _floats(upper, len(rows), "bound")
        with _refusing():
            exponents, data, lows, highs = scaled_rows(new.indptr, new.data, lower, upper)
        held = sp.csr_array((data, new.indices, new.indptr), shape=new.shape)
        for k, row in enumerate(rows.tolist()):
            span = slice(self._matrix.indptr[row], self._matrix.indptr[row + 1])
            wanted = dict.fromkeys(self._matrix.indices[span].tolist(), 0.0)
            inner = slice(held.indptr[k], held.indptr[k + 1])
            wanted |= dict(zip(held.indices[inner].tolist(), held.data[inner].tolist(), strict=True))
            for column, value in wanted.items():
                _accept(self._open().changeCoeff(row, column, value))
            _accept(self._open().changeRowBounds(row, float(lows[k]), float(highs[k])))
        self._exponents[rows] = exponents
        self._row_lower[rows], self._row_upper[rows] = lower, upper
        # The last block of rows wins: everything else is kept in its place.
        order = np.arange(self._matrix.shape[0])
        order[rows] = self._matrix.shape[0] + np.arange(len(rows))
        self._matrix = sp.csr_array(sp.vstack([self._matrix, new], format="csr")[order])
        self._evaluator = None

    def add_rows(self, matrix: sp.csr_array, lower: FloatArray, upper: FloatArray) -> IntArray:
        """Append rows; return their indices."""
        before = len(self._row_lower)
        count = len(np.asarray(lower))
        new = _row_block(matrix, count, len(self._cost))
        lower, upper = _floats(lower, count, "bound"), _floats(upper, count, "bound")
        with _refusing():
            exponents, data, lows, highs = scaled_rows(new.indptr, new.data, lower, upper)
        _accept(
            self._open().addRows(
                count,
                lows,
                highs,
                len(data),
                new.indptr[:-1].astype(np.int32),
                new.indices.astype(np.int32),
                data,
            )
        )
        self._exponents = np.concatenate([self._exponents, exponents])
        self._row_lower = np.concatenate([self._row_lower, lower])
        self._row_upper = np.concatenate([self._row_upper, upper])
        self._matrix = sp.csr_array(sp.vstack([self._matrix, new], format="csr"))
        self._evaluator = None
        return np.arange(before, before + count, dtype=np.int64)

    def solve(self, time_limit: float | None = None, control: SolveControl | None = None) -> LpResult:
        """Solve the program as it now stands, from the last basis."""
        highs = self._open()
        if control is not None and control.interrupted:
            return LpResult(Termination.INTERRUPTED, raw_status="interrupted before it began")
        began = time.perf_counter()
        result = self._run(highs, time_limit, control)
        if result.termination in _FAILED and self._usable:
            # A basis or factor from before the changes can mislead the simplex method: once more without.
            highs.clearSolver()
            left = None if time_limit is None else max(time_limit - (time.perf_counter() - began), 1e-3)
            result = self._run(highs, left, control)
        return replace(result, seconds=time.perf_counter() - began)

    def _run(self, highs: Any, time_limit: float | None, control: SolveControl | None) -> LpResult:
        # HiGHS's clock runs through the life of an instance.
        limit = math.inf if time_limit is None else highs.getRunTime() + time_limit
        options: dict[str, Any] = {"time_limit": limit}
        if self._chooses:
            # Other costs leave the last basis primal feasible, or nearly so, and other bounds leave it
            # dual feasible.  Measured: a fifth of the iterations on relaxations of smooth networks.
            options["simplex_strategy"] = _PRIMAL if self._costs_changed else _DUAL
        self._costs_changed = False
        apply_options(highs, options)
        run = HighsRun(highs, control, time_limit)
        # An exception that arrives while waiting may leave HiGHS running.
        self._usable = False
        run.run()
        if not run.finished:
            overtime = run.reason is StopReason.OVERTIME
            return LpResult(
                Termination.LIMIT if overtime else Termination.INTERRUPTED,
                limit=Limit.TIME if overtime else None,
                raw_status="abandoned",
                message="HiGHS has not stopped when asked to; the session is closed",
            )
        self._usable = True
        if run.failure is not None:
            message = f"HiGHS failed: {type(run.failure).__name__}: {run.failure}"
            return LpResult(Termination.ERROR, message=message)
        return self._read(run)

    def close(self) -> None:
        """Release HiGHS's memory."""
        self._highs, self._usable = None, False

    def _open(self) -> Any:
        if not self._usable:
            raise SolverError("this LP session is closed")
        return self._highs

    def _read(self, run: HighsRun) -> LpResult:
        highs = run.highs
        termination, limit = why_stopped(run)
        info, solution = highs.getInfo(), highs.getSolution()
        n, m = len(self._cost), len(self._row_lower)
        x = held_point(highs, n)
        duals, reduced = _vector(solution.row_dual, m), _vector(solution.col_dual, n)
        if duals is not None:
            # A row that was multiplied by 2^k has a dual that is 2^k times too small.
            duals = np.ldexp(duals, self._exponents)
        objective = None if x is None else float(self._cost @ x + self._offset)
        bound = math.inf if termination is Termination.INFEASIBLE else self._bound(duals)
        if objective is not None:
            bound = min(bound, objective)
        return LpResult(
            termination,
            limit=limit,
            bound=bound,
            x=x,
            objective=objective,
            row_duals=duals,
            reduced_costs=reduced,
            iterations=max(int(info.simplex_iteration_count), 0),
            raw_status=highs.modelStatusToString(highs.getModelStatus()),
            message=f"HiGHS stopped with {highs.getModelStatus().name}" if termination in _FAILED else "",
        )

    def _bound(self, duals: FloatArray | None) -> float:
        """Prove a bound from the row duals and, since it costs little, from the box alone."""
        if self._evaluator is None:
            self._evaluator = DualBound(self._matrix)
        rows, columns = (self._row_lower, self._row_upper), (self._lower, self._upper)
        candidates = [np.zeros(len(self._row_lower))] + ([] if duals is None else [duals])
        return max(self._evaluator(self._cost, self._offset, rows, columns, y) for y in candidates)


_DUAL, _PRIMAL = 1, 4
"""HiGHS's numbers for the serial dual and the primal simplex method."""

_FAILED = frozenset({Termination.NUMERICAL, Termination.ERROR})


@contextlib.contextmanager
def _refusing() -> Iterator[None]:
    """Turn what HiGHS cannot hold into an error: a change has no result to put it in."""
    try:
        yield
    except Rejected as rejected:
        raise SolverError(f"the solver 'highs' cannot hold the program: {rejected}") from rejected


def _accept(status: Any) -> None:
    if status.name == "kError":
        raise SolverError("HiGHS refuses a change of its linear program")


def _vector(values: Any, length: int) -> FloatArray | None:
    """Return what HiGHS holds as an array, or None if it holds nothing of that length."""
    array = np.array(values, dtype=np.float64)
    return array if len(array) == length and np.isfinite(array).all() else None


def _floats(values: Any, length: int, what: str, *, finite: bool = False) -> FloatArray:
    array = np.array(values, dtype=np.float64)
    if array.shape != (length,):
        raise ProblemError(f"a {what} of a linear program has shape {array.shape}; expected ({length},)")
    if np.isnan(array).any() or (finite and not np.isfinite(array).all()):
        raise ProblemError(f"a {what} of a linear program is not a finite number")
    return array


def _indices(values: Any, count: int, what: str) -> IntArray:
    array = np.array(values, dtype=np.int64)
    if array.ndim != 1 or ((array < 0) | (array >= count)).any() or len(np.unique(array)) < len(array):
        raise ProblemError(f"the {what} indices must be distinct and lie between 0 and {count - 1}")
    return array


def _row_block(matrix: Any, rows: int, columns: int) -> Any:
    block = sp.csr_array(matrix, dtype=np.float64)
    if block.shape != (rows, columns):
        raise ProblemError(f"new rows have shape {block.shape}; expected ({rows}, {columns})")
    block.sum_duplicates()
    if not np.isfinite(block.data).all():
        raise ProblemError("a coefficient of a linear program is not a finite number")
    return block
