"""CBC, in a child process: the classical open-source MILP solver, through the program that PuLP brings."""

from __future__ import annotations

import importlib.util
import math
import os
import shutil
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from nnff.errors import ConfigError, ProblemError, SolverError, SolverUnavailableError, UnsupportedOptionError
from nnff.solver import (
    Availability,
    BoundOrigin,
    Capability,
    PointStatus,
    SolveProgress,
    SolverBackend,
    SolveResult,
    Termination,
)
from nnff.solver.child import LogTail, SolverChild, outer_limit
from nnff_solvers.cbc_answer import Answer
from nnff_solvers.cbc_files import write_problem, write_start
from nnff_solvers.cbc_log import CbcLog
from nnff_solvers.cbc_options import arguments_for, resolve_native
from nnff_solvers.relax import LIMITS, Relaxed, Unholdable, relaxed

if TYPE_CHECKING:
    from nnff.milp import MatrixProblem
    from nnff.solver import SolveControl, SolveOptions
    from nnff.values import FloatArray, IntArray

__all__ = ["CbcBackend", "cbc_program"]

_HINT = "pip install 'pulp>=3.3,<4', or put a program called cbc on the PATH"


def cbc_program() -> Path:
    """Return the CBC to be used.

    The one named by the environment variable NNFF_CBC; else the one that PuLP
    brings; else a ``cbc`` on the PATH.  PuLP's comes before the PATH although a system's may be
    newer: it is the same everywhere, so that a result can be repeated, and it is the one
    whose log this plugin was tested with.

    Raises
    ------
    SolverUnavailableError
        If there is none.
    """
    named = os.environ.get("NNFF_CBC")
    if named:
        found = shutil.which(named)
        if found is None:
            raise SolverUnavailableError(f"NNFF_CBC names {named!r}, which is not a program")
        return Path(found).absolute()
    bundled = _bundled()
    if bundled is not None:
        return bundled
    found = shutil.which("cbc")
    if found is None:
        raise SolverUnavailableError(f"the solver 'cbc' was not found; {_HINT}")
    return Path(found).absolute()


def _bundled() -> Path | None:
    try:
        import pulp
    except ImportError:
        return None
    # The class attribute: making an instance would warn that PuLP 4 will not have it.
    path = getattr(getattr(pulp, "PULP_CBC_CMD", None), "pulp_cbc_path", None)
    return Path(path).resolve() if path is not None and os.access(path, os.X_OK) else None


class CbcBackend(SolverBackend):
    """Writes the problem to a file, runs CBC under `nnff.solver.child`, reads its log and solution.

    *Program.*  See `cbc_program`.

    *Transfer.*  Exact, see `nnff_solvers.cbc_files`; numbers that CBC would not keep are relaxed
    outward first, see `nnff_solvers.relax`.

    *Tolerances.*  ``integerTolerance``, ``primalTolerance`` and ``dualTolerance`` are always set: with
    the stock 1e-7 CBC calls 0.7887 optimal on a ReLU instance whose optimum is 0.7920.

    *Bounds.*  Of continuous programs: what the row duals prove (`nnff.milp.dual_bound`).  Of
    completed searches: CBC's objective less the gaps that were allowed, less its increment,
    less 1e-9 relative.  Else from the log, see `nnff_solvers.cbc_log`; -inf if it does not tell.

    *Gaps.*  CBC measures the relative gap without the problem's constant.  When one is asked for, the
    constant is therefore sent as the cost of a column that is fixed at 1.

    *Threads.*  More than one makes runs differ, and weakens the bound after a limit to that of the root.

    *Points.*  At full precision; one that breaks a row by more than 1e-6 is not handed on.
    A start is ignored for continuous programs.

    *Native options.*  CBC's parameters in its spelling, abbreviations included.  Those with a common
    spelling, and those that would change the meaning of the answer, are refused.
    """

    name: ClassVar[str] = "cbc"
    capabilities: ClassVar[frozenset[Capability]] = frozenset(
        {
            Capability.CONTINUOUS,
            Capability.INTEGER,
            Capability.START,
            Capability.TIME_LIMIT,
            Capability.GAP,
            Capability.NODE_LIMIT,
            Capability.THREADS,
            Capability.SEED,
            Capability.TOLERANCES,
            Capability.LOG,
            Capability.NATIVE,
            Capability.INTERRUPT,
            Capability.PROGRESS,
            Capability.BOUND_ON_LIMIT,
            Capability.EXACT_TRANSFER,
        }
    )

    @classmethod
    def availability(cls) -> Availability:
        """Look for NNFF_CBC, PuLP and ``cbc`` without running or importing anything."""
        named = os.environ.get("NNFF_CBC")
        if named:
            if shutil.which(named) is None:
                reason = f"NNFF_CBC names {named!r}, which is not a program"
                return Availability(available=False, reason=reason, hint="correct or unset NNFF_CBC")
            return Availability(available=True)
        if importlib.util.find_spec("pulp") is None and shutil.which("cbc") is None:
            reason = "neither the package pulp nor a program cbc was found"
            return Availability(available=False, reason=reason, hint=_HINT)
        return Availability(available=True)

    def version(self) -> str:
        """Return what CBC's banner says."""
        program = cbc_program()
        with SolverChild() as child:
            child.run([str(program), "-quit"], log=child.folder / "log", wall_limit=10.0)
            return _read_log(child.folder / "log", 1).version

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
            For an option or a value that CBC does not take.
        SolverUnavailableError
            If there is no CBC.
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
        run = _Run(problem, options, control, cbc_program())
        with SolverChild() as child:
            applied = resolve_native(child, run.program, options)
            early = run.without_solver()
            if early is not None:
                return early
            try:
                run.send(child, start)
            except Unholdable as error:
                return run.result(Termination.ERROR, message=f"CBC cannot hold the problem: {error}")
            return run.solve(child, applied, began)


@dataclass
class _Run:
    """One solve."""

    problem: MatrixProblem
    options: SolveOptions
    control: SolveControl | None
    program: Path
    sent: Relaxed | None = None
    origin: IntArray | None = None
    with_start: bool = False
    version: str = ""

    def result(self, termination: Termination, **facts: Any) -> SolveResult:
        return SolveResult(
            termination=termination,
            solver=CbcBackend.name,
            version=self.version,
            log_path=self.options.log_path,
            **facts,
        )

    def without_solver(self) -> SolveResult | None:
        """Answer what CBC cannot be asked: empty intervals, no columns, an interruption before the start."""
        problem = self.problem
        if self.control is not None and self.control.interrupted:
            return self.result(Termination.INTERRUPTED, raw_status="interrupted before it began")
        empty = (problem.row_lower > problem.row_upper).any() or (problem.col_lower > problem.col_upper).any()
        x = np.zeros(0)
        if empty or (problem.n_columns == 0 and problem.violation(x) > self.options.feasibility_tolerance):
            return self.result(
                Termination.INFEASIBLE,
                bound=math.inf,
                bound_origin=BoundOrigin.API,
                raw_status="an interval of bounds is empty",
            )
        if problem.n_columns == 0:
            return self.result(
                Termination.OPTIMAL,
                point=PointStatus.FEASIBLE,
                x=x,
                objective=problem.offset,
                bound=problem.offset,
                bound_origin=BoundOrigin.API,
            )
        return None

    def send(self, child: SolverChild, start: FloatArray | None) -> None:
        self.sent = relaxed(self.problem, LIMITS)
        if self.options.relative_gap > 0 and self.sent.problem.offset != 0:
            self.sent = replace(self.sent, problem=_constant_as_column(self.sent.problem))
        self.origin = write_problem(self.sent.problem, child.folder / "problem.mps")
        if start is not None and self.problem.n_integers and np.isfinite(start).all():
            extra = self.sent.problem.n_columns - self.problem.n_columns
            write_start(np.concatenate([start, np.ones(extra)]), child.folder / "start")
            self.with_start = True

    def solve(self, child: SolverChild, native: dict[str, str], began: float) -> SolveResult:
        options, log_path = self.options, self.options.log_path or child.folder / "log"
        transfer = time.perf_counter() - began
        applied = arguments_for(options, transfer) | native
        argv = [str(self.program), "-import", "problem.mps"]
        argv += [word for name, value in applied.items() for word in (f"-{name}", value)]
        argv += ["-mipstart", "start"] if self.with_start else []
        argv += ["-solve", "-saveSolution", "solution", "-quit"]
        log = CbcLog(threads=options.threads or 1)
        tail = LogTail(log_path, lambda line: self._hear(log, line, began))
        limit = outer_limit(options.time_limit)
        try:
            end = child.run(
                argv,
                log=log_path,
                wall_limit=None if limit is None else max(0.1, limit - transfer),
                control=self.control,
                on_tick=tail,
            )
        except SolverError as error:
            if options.log_path is not None and not os.access(options.log_path.absolute().parent, os.W_OK):
                raise ConfigError(f"the log {options.log_path} cannot be written: {error}") from error
            raise
        solved = time.perf_counter()
        self.version = log.version
        if log.complaints:
            raise UnsupportedOptionError(f"the solver 'cbc' does not accept an option: {log.complaints[0]}")
        assert self.sent is not None
        assert self.origin is not None
        answer = Answer(
            self.problem, options, self.sent, self.origin, log, end, child.folder / "solution"
        ).facts()
        timings = {"transfer": transfer, "solve": solved - began - transfer}
        timings["extract"] = time.perf_counter() - solved
        return self.result(**answer, applied=applied, timings=timings)

    def _hear(self, log: CbcLog, line: str, began: float) -> None:
        if log.feed(line) and self.control is not None:
            assert self.sent is not None
            offset, found = self.sent.problem.offset, log.found
            progress = SolveProgress(
                log.bound + offset, found + offset, log.nodes, time.perf_counter() - began
            )
            self.control.report(progress)


def _constant_as_column(problem: MatrixProblem) -> MatrixProblem:
    """Return the same program with a column fixed at 1 whose cost is the constant."""
    return replace(
        problem,
        cost=np.append(problem.cost, problem.offset),
        offset=0.0,
        col_lower=np.append(problem.col_lower, 1.0),
        col_upper=np.append(problem.col_upper, 1.0),
        integer=np.append(problem.integer, False),
        column_names=(),
    )


def _read_log(path: Path, threads: int) -> CbcLog:
    log = CbcLog(threads=threads)
    LogTail(path, log.feed)()
    return log
