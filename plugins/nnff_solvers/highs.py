"""HiGHS, in this process, through highspy: the default backend."""

from __future__ import annotations

import importlib.util
import math
import time
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as distribution_version
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from nnff.errors import ProblemError
from nnff.milp.dual_bound import safe_dual_bound
from nnff.solver import (
    Availability,
    BoundOrigin,
    Capability,
    Limit,
    PointStatus,
    SolverBackend,
    SolveResult,
    Termination,
)
from nnff_solvers.highs_model import (
    Rejected,
    apply_options,
    new_highs,
    open_log,
    options_for,
    pass_problem,
    quick_mip_options,
    safe_mip_options,
)
from nnff_solvers.highs_run import HighsRun, StopReason, held_point, why_stopped
from nnff_solvers.highs_session import HighsSession

if TYPE_CHECKING:
    from nnff.milp import MatrixProblem
    from nnff.solver import LpSession, SolveControl, SolveOptions
    from nnff.values import FloatArray, IntArray

__all__ = ["HighsBackend"]

_SLACK = 1e-9

_FAILED = frozenset({Termination.NUMERICAL, Termination.ERROR})
_HAS_BOUND = frozenset({Termination.OPTIMAL, Termination.LIMIT, Termination.INTERRUPTED})


def _weakened(bound: float, offset: float) -> float:
    """Lower a dual bound of HiGHS's by what its own arithmetic may have lost.

    HiGHS bounds ``cost x`` and adds the offset, so the rounding is relative to
    the larger of the two, which cancellation can make much larger than their sum.  1e-9 is several
    million units in the last place: room for sums of that many terms.
    """
    if not math.isfinite(bound):
        return bound
    return bound - _SLACK * max(1.0, abs(bound), abs(offset))


class HighsBackend(SolverBackend):
    """Solves in this process, in a thread of its own.

    *Bounds.*  With integer columns: HiGHS's dual bound, lowered by 1e-9 relative,
    and never above the objective of the point that is returned (at optimality the two can cross by
    one unit in the last place).  Without: the bound that follows from the row duals
    (`nnff.milp.dual_bound`), which is proven whatever HiGHS has done; it is -inf if
    it needs a column that has no finite bound.

    *Points.*  HiGHS's raw column values, integer columns not rounded.  A start is ignored
    for continuous programs.

    *Tolerances.*  HiGHS takes none below 1e-10, and applies the smaller of the two also
    to the rows of a MIP.

    *Presolve.*  Off for programs with integer columns: with it HiGHS was seen to prove bounds
    that a point of the program exceeds (docs/decisions/0008).

    *Memory.*  A run that ends for want of memory has the bound that its callbacks saw, if any:
    the one that HiGHS leaves behind then was not proven.

    *Small coefficients.*  Rows with entries that HiGHS would drop are scaled by a power
    of two, exactly; what cannot be held even then gives the termination ``error``.
    """

    name: ClassVar[str] = "highs"
    capabilities: ClassVar[frozenset[Capability]] = frozenset(Capability)

    @classmethod
    def availability(cls) -> Availability:
        """Look for highspy without importing it, and at its version."""
        hint = "pip install 'highspy>=1.16'"
        if importlib.util.find_spec("highspy") is None:
            return Availability(available=False, reason="the package highspy is not installed", hint=hint)
        try:
            found = distribution_version("highspy")
        except PackageNotFoundError:
            return Availability(available=True)
        major, minor = (int(part) for part in found.split(".")[:2])
        if (major, minor) < (1, 16):
            return Availability(
                available=False, reason=f"highspy {found} is installed, 1.16 or later is needed", hint=hint
            )
        return Availability(available=True)

    def version(self) -> str:
        """Return the version of HiGHS itself."""
        return str(new_highs().version())

    def solve(
        self,
        problem: MatrixProblem,
        options: SolveOptions,
        start: FloatArray | None = None,
        control: SolveControl | None = None,
    ) -> SolveResult:
        """Minimise; see `nnff.solver.SolverBackend.solve`.

        Raises
        ------
        UnsupportedOptionError
            For an option or a value that HiGHS does not take.
        SolverUnavailableError
            If highspy cannot be imported.
        ConfigError
            If the log file cannot be written.
        ProblemError
            If the start has the wrong length.
        """
        self.check(problem, options, start)
        if start is not None and np.shape(start) != (problem.n_columns,):
            raise ProblemError(
                f"the start has shape {np.shape(start)}; the problem has {problem.n_columns} columns"
            )
        began = time.perf_counter()
        highs = new_highs()
        applied = options_for(options)
        if problem.n_integers:
            applied |= quick_mip_options(options) | safe_mip_options(options)
        apply_options(highs, applied)
        open_log(highs, options)
        reader = _Reader(highs, problem, options, applied)
        if control is not None and control.interrupted:
            return reader.result(Termination.INTERRUPTED, raw_status="interrupted before it began")
        if problem.n_columns == 0:
            return reader.without_columns()
        try:
            exponents = pass_problem(highs, problem)
        except Rejected as rejected:
            return reader.result(Termination.ERROR, message=str(rejected))
        if start is not None and problem.n_integers and np.isfinite(start).all():
            _set_start(highs, start)
        transferred = time.perf_counter()
        if options.time_limit is not None:
            # The hand-over counts, and HiGHS has at least a moment to say that time is up.
            applied["time_limit"] = max(options.time_limit - (transferred - began), 1e-3)
            apply_options(highs, {"time_limit": applied["time_limit"]})
        run = HighsRun(
            highs,
            control,
            options.time_limit,
            options.bound_stop if problem.n_integers else None,
            options.objective_stop if problem.n_integers else None,
            lambda bound: _weakened(bound, problem.offset),
        )
        run.run()
        solved = time.perf_counter()
        timings = {"transfer": transferred - began, "solve": solved - transferred}
        return reader.after(run, exponents, timings)

    def lp_session(self, problem: MatrixProblem, options: SolveOptions) -> LpSession:
        """Load the linear relaxation; see `nnff.solver.SolverBackend.lp_session`.

        Raises
        ------
        UnsupportedOptionError
            For an option or a value that HiGHS does not take.
        SolverError
            If HiGHS cannot hold the program.
        """
        return HighsSession(problem, options)


def _set_start(highs: Any, start: FloatArray) -> None:
    """Give HiGHS a point to start from; it checks the point, repairs it or drops it."""
    import highspy

    solution = highspy.HighsSolution()
    solution.col_value = np.asarray(start, dtype=np.float64).tolist()
    highs.setSolution(solution)


@dataclass(frozen=True)
class _Reader:
    """Reads the answer of one solve out of HiGHS."""

    highs: Any
    problem: MatrixProblem
    options: SolveOptions
    applied: dict[str, Any]

    def result(self, termination: Termination, **facts: Any) -> SolveResult:
        return SolveResult(
            termination=termination,
            solver=HighsBackend.name,
            version=str(self.highs.version()),
            log_path=self.options.log_path,
            applied=self.applied,
            **facts,
        )

    def without_columns(self) -> SolveResult:
        """Answer for a problem without columns, which HiGHS would not look at: each row is the number 0."""
        problem = self.problem
        x = np.zeros(0)
        if problem.violation(x) > self.options.feasibility_tolerance:
            return self.result(Termination.INFEASIBLE, bound=math.inf, bound_origin=BoundOrigin.API)
        return self.result(
            Termination.OPTIMAL,
            point=PointStatus.FEASIBLE,
            x=x,
            objective=problem.offset,
            bound=problem.offset,
            bound_origin=BoundOrigin.API,
        )

    def after(self, run: HighsRun, exponents: IntArray, timings: dict[str, float]) -> SolveResult:
        began = time.perf_counter()
        if run.failure is not None:
            if run.reason is StopReason.FAILURE:
                raise run.failure
            message = f"HiGHS failed: {type(run.failure).__name__}: {run.failure}"
            return self.result(Termination.ERROR, message=message, timings=timings)
        if not run.finished:
            return self._abandoned(run, timings)
        status = self.highs.getModelStatus()
        termination, limit = why_stopped(run, self.options.node_limit)
        x = held_point(self.highs, self.problem.n_columns)
        objective = None if x is None else self.problem.objective(x)
        bound = self._seen(run) if limit is Limit.MEMORY else self._bound(termination, exponents)
        if objective is not None:
            bound = min(bound, objective)
        nodes = int(self.highs.getInfo().mip_node_count) if self.problem.n_integers else 0
        return self.result(
            termination,
            limit=limit,
            raw_status=self.highs.modelStatusToString(status),
            point=PointStatus.NONE if x is None else PointStatus.FEASIBLE,
            x=x,
            objective=objective,
            bound=bound,
            bound_origin=BoundOrigin.NONE if bound == -math.inf else BoundOrigin.API,
            nodes=max(nodes, 0),
            timings=timings | {"extract": time.perf_counter() - began},
            message=f"HiGHS stopped with {status.name}" if termination in _FAILED else "",
        )

    def _abandoned(self, run: HighsRun, timings: dict[str, float]) -> SolveResult:
        """Answer for a run that does not stop: with what its callbacks have seen."""
        overtime = run.reason is StopReason.OVERTIME
        bound = self._seen(run)
        return self.result(
            Termination.LIMIT if overtime else Termination.INTERRUPTED,
            limit=Limit.TIME if overtime else None,
            raw_status="abandoned",
            bound=bound,
            bound_origin=BoundOrigin.NONE if bound == -math.inf else BoundOrigin.API,
            nodes=run.nodes,
            timings=timings,
            message="HiGHS has not stopped when asked to; its thread goes on until it does",
        )

    def _seen(self, run: HighsRun) -> float:
        """Return what the callbacks have seen of the bound while HiGHS was well.

        Not what it says after an allocation that failed: its information is then that
        of a run that never was, with a dual bound of 0.
        """
        known = self.problem.n_integers > 0 and math.isfinite(run.bound)
        return _weakened(run.bound, self.problem.offset) if known else -math.inf

    def _bound(self, termination: Termination, exponents: IntArray) -> float:
        if termination is Termination.INFEASIBLE:
            return math.inf
        if termination not in _HAS_BOUND:
            return -math.inf
        if self.problem.n_integers == 0:
            return self._bound_from_duals(exponents)
        bound = float(self.highs.getInfo().mip_dual_bound)
        # An infinite bound without the status "infeasible" is a run that stopped before it had one.
        return _weakened(bound, self.problem.offset) if math.isfinite(bound) else -math.inf

    def _bound_from_duals(self, exponents: IntArray) -> float:
        """Prove a bound from the row duals, whatever HiGHS stopped for; without any, from the box."""
        bound = safe_dual_bound(self.problem, np.zeros(self.problem.n_rows))
        duals = np.array(self.highs.getSolution().row_dual, dtype=np.float64)
        if len(duals) == self.problem.n_rows:
            # A row that was multiplied by 2^k has a dual that is 2^k times too small.
            bound = max(bound, safe_dual_bound(self.problem, np.ldexp(duals, exponents)))
        return bound
