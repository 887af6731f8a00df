"""OR-Tools: its MathOpt interface with GSCIP, that is SCIP, in a child process."""

from __future__ import annotations

import importlib.util
import json
import math
import os
import sys
import time
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as distribution_version
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from nnff.errors import ConfigError, ProblemError, SolverError, SolverUnavailableError, UnsupportedOptionError
from nnff.solver import (
    Availability,
    BoundOrigin,
    Capability,
    SolveProgress,
    SolverBackend,
    SolveResult,
    Termination,
)
from nnff.solver.child import LogTail, SolverChild, outer_limit
from nnff_solvers.ortools_answer import Answer
from nnff_solvers.ortools_messages import (
    check_native,
    check_values,
    hint_message,
    model_message,
    parameters_message,
    scip_parameters,
)
from nnff_solvers.relax import LIMITS, Relaxed, Unholdable, relaxed
from nnff_solvers.scip_log import ScipLog

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nnff.milp import MatrixProblem
    from nnff.solver import SolveControl, SolveOptions
    from nnff.values import FloatArray

__all__ = ["OrtoolsBackend"]

_LEAST_VERSION = (9, 15)
_HINT = "pip install 'ortools>=9.15'"
# SCIP hears of an interruption between two LPs, which can take longer than most solvers need.
_INTERRUPT_GRACE = 2.2
_TERMINATE_GRACE = 0.2

_REFUSED_SOLVERS = {
    "highs": "HiGHS through OR-Tools gives no bound after a limit and reports the incumbent as bound; "
    "use the solver 'highs'",
    "cp_sat": "CP-SAT is not offered: it has integer columns only",
}


class OrtoolsBackend(SolverBackend):
    """Builds MathOpt messages, has a child process solve them, reads the answer.

    *Solver.*  GSCIP, which is SCIP.  The native option ``solver_type`` may say so (``"gscip"``); all other
    types are refused.  CP-SAT makes integers of continuous columns and then calls
    feasible programs infeasible; HiGHS through OR-Tools has no bound after a limit.

    *Bounds.*  SCIP's dual bound through the interface, lowered by 2e-9 relative (SCIP compares with a
    relative 1e-9) and never above the objective of the point that is returned.  When the child had to be
    killed, what SCIP had printed by then, lowered by one unit of the last digit.

    *Transfer.*  Exact; numbers that SCIP would not keep are relaxed outward first, see
    `nnff_solvers.relax`.

    *Tolerances.*  SCIP has one for rows and integrality; the smaller one is taken.

    *Threads.*  SCIP searches with one.

    *Time.*  The child needs about a quarter of a second before SCIP begins, which counts.

    *Native options.*  SCIP's parameters, such as ``{"heuristics/rens/freq": -1}``.
    """

    name: ClassVar[str] = "ortools"
    capabilities: ClassVar[frozenset[Capability]] = frozenset(
        {
            Capability.CONTINUOUS,
            Capability.INTEGER,
            Capability.START,
            Capability.TIME_LIMIT,
            Capability.GAP,
            Capability.NODE_LIMIT,
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

    known_failures: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "exact_transfer": "all bits arrive, but SCIP lets a row be broken by 1e-9 relative to its "
            "activity, so that digits that cancel in a row are lost; bounds stay sound"
        }
    )

    @classmethod
    def availability(cls) -> Availability:
        """Look for OR-Tools and its version without importing it."""
        if importlib.util.find_spec("ortools") is None:
            return Availability(available=False, reason="the package ortools is not installed", hint=_HINT)
        try:
            found = distribution_version("ortools")
        except PackageNotFoundError:
            return Availability(available=True)
        if tuple(int(part) for part in found.split(".")[:2]) < _LEAST_VERSION:
            reason = f"ortools {found} is installed, 9.15 or later is needed"
            return Availability(available=False, reason=reason, hint=_HINT)
        return Availability(available=True)

    def version(self) -> str:
        """Return the version of OR-Tools; which SCIP is in it, it does not tell."""
        available = self.availability()
        if not available:
            raise SolverUnavailableError(f"the solver 'ortools' cannot be used: {available.reason}; {_HINT}")
        return distribution_version("ortools")

    def check(self, problem: MatrixProblem, options: SolveOptions, start: FloatArray | None = None) -> None:
        """Refuse what `capabilities` does not list, other solver types, and reserved native options."""
        super().check(problem, options, start)
        kind = str(options.native.get("solver_type", "gscip")).lower().replace("-", "_")
        if kind == "cp_sat" and problem.n_columns > problem.n_integers:
            raise UnsupportedOptionError(
                "CP-SAT is refused for continuous columns: it makes integers of them and then answers "
                "'infeasible' for feasible programs"
            )
        if kind != "gscip":
            reason = _REFUSED_SOLVERS.get(kind, "only 'gscip' is")
            raise UnsupportedOptionError(f"the solver type {kind!r} of OR-Tools is not supported: {reason}")
        check_values(options)
        for name, value in _native(options).items():
            check_native(name, value)

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
            For an option or a value that MathOpt or SCIP does not take.
        SolverUnavailableError
            If OR-Tools is not installed, or too old.
        ConfigError
            If the log file cannot be written.
        ProblemError
            If the start has the wrong length.
        """
        version = self.version()
        self.check(problem, options, start)
        if start is not None and np.shape(start) != (problem.n_columns,):
            raise ProblemError(
                f"the start has shape {np.shape(start)}; the problem has {problem.n_columns} columns"
            )
        run = _Run(problem, options, control, version)
        if control is not None and control.interrupted:
            return run.result(Termination.INTERRUPTED, raw_status="interrupted before it began")
        if (problem.row_lower > problem.row_upper).any() or (problem.col_lower > problem.col_upper).any():
            # MathOpt refuses such a model; it needs no solver.
            return run.result(
                Termination.INFEASIBLE,
                bound=math.inf,
                bound_origin=BoundOrigin.API,
                raw_status="an interval of bounds is empty",
            )
        try:
            sent = relaxed(problem, LIMITS)
        except Unholdable as error:
            return run.result(Termination.ERROR, message=f"SCIP cannot hold the problem: {error}")
        with SolverChild(interrupt_grace=_INTERRUPT_GRACE, terminate_grace=_TERMINATE_GRACE) as child:
            return run.solve(child, sent, start)


def _native(options: SolveOptions) -> dict[str, Any]:
    return {name: value for name, value in options.native.items() if name != "solver_type"}


@dataclass
class _Run:
    """One solve."""

    problem: MatrixProblem
    options: SolveOptions
    control: SolveControl | None
    version: str
    began: float = field(default_factory=time.perf_counter)

    def result(self, termination: Termination, **facts: Any) -> SolveResult:
        return SolveResult(
            termination=termination,
            solver=OrtoolsBackend.name,
            version=self.version,
            log_path=self.options.log_path,
            **facts,
        )

    def solve(self, child: SolverChild, sent: Relaxed, start: FloatArray | None) -> SolveResult:
        options, folder = self.options, child.folder
        (folder / "model").write_bytes(model_message(sent.problem).SerializeToString())
        (folder / "model_parameters").write_bytes(hint_message(start).SerializeToString())
        (folder / "native").write_text(json.dumps(_native(options)))
        seconds = self._seconds_left()
        (folder / "parameters").write_bytes(parameters_message(options, seconds).SerializeToString())
        transfer = time.perf_counter() - self.began
        log, log_path = ScipLog(), options.log_path or folder / "log"
        limit = outer_limit(options.time_limit)
        script = str(Path(__file__).with_name("ortools_child.py"))
        try:
            # -P: this folder, where the script is, holds a module that is called ortools too.
            end = child.run(
                [sys.executable, "-P", script, str(folder)],
                log=log_path,
                wall_limit=None if limit is None else max(0.1, limit - transfer),
                control=self.control,
                on_tick=LogTail(log_path, lambda line: self._hear(log, line)),
            )
        except SolverError as error:
            if options.log_path is not None and not os.access(options.log_path.absolute().parent, os.W_OK):
                raise ConfigError(f"the log {options.log_path} cannot be written: {error}") from error
            raise
        timings = {"transfer": transfer, "solve": end.seconds}
        extracting = time.perf_counter()
        answer = Answer(self.problem, sent, log, end, folder).facts()
        timings["extract"] = time.perf_counter() - extracting
        applied: dict[str, Any] = scip_parameters(options) | {
            "threads": options.threads,
            "random_seed": options.seed,
            "relative_gap_tolerance": options.relative_gap,
            "absolute_gap_tolerance": options.absolute_gap,
            "node_limit": options.node_limit,
            "time_limit": seconds,
            **_native(options),
        }
        return self.result(**answer, timings=timings, applied=applied)

    def _seconds_left(self) -> float | None:
        """Return SCIP's part of the time limit: what is left, and never nothing.

        The start of the child, about 0.25 s, is paid for in advance; the outer limit leaves room.
        """
        limit = self.options.time_limit
        if limit is None:
            return None
        return max(limit - (time.perf_counter() - self.began) - 0.25, 0.3 * limit)

    def _hear(self, log: ScipLog, line: str) -> None:
        if log.feed(line) and self.control is not None:
            seconds = time.perf_counter() - self.began
            self.control.report(SolveProgress(log.bound, log.objective, log.nodes, seconds))
