"""From what the child process has left to a result."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nnff.errors import UnsupportedOptionError
from nnff.solver import BoundOrigin, Limit, PointStatus, Termination
from nnff.solver.child import ChildEnd, EndReason
from nnff_solvers.points import usable_point
from nnff_solvers.relax import LIMITS

if TYPE_CHECKING:
    from pathlib import Path

    from nnff.milp import MatrixProblem
    from nnff.values import FloatArray
    from nnff_solvers.relax import Relaxed
    from nnff_solvers.scip_log import ScipLog

__all__ = ["Answer"]

_SLACK = 2e-9


@dataclass(frozen=True)
class Answer:
    """Reads what the child has left.

    Attributes
    ----------
    problem, sent
        What was asked, and the relaxation that SCIP was given.
    log, end, folder
        What came back: the log, the end of the process, the folder with its files.
    """

    problem: MatrixProblem
    sent: Relaxed
    log: ScipLog
    end: ChildEnd
    folder: Path

    def facts(self) -> dict[str, Any]:
        """Return the fields of `nnff.solver.SolveResult` that the answer decides.

        Raises
        ------
        UnsupportedOptionError
            If SCIP does not know a native parameter or refuses its value.
        """
        unknown = self.folder / "unknown"
        if unknown.exists():
            said = f" ({self.log.errors[-1]})" if self.log.errors else ""
            raise UnsupportedOptionError(
                f"the solver 'ortools' does not accept the native option {unknown.read_text()}{said}"
            )
        result = self.folder / "result"
        if not result.exists():
            return self._without_result()
        from ortools.math_opt import result_pb2

        message = result_pb2.SolveResultProto.FromString(result.read_bytes())
        ending = self._ending(message.termination)
        if ending["termination"] in {Termination.ERROR, Termination.NUMERICAL}:
            return ending
        x = self._point(message)
        if ending["termination"] is Termination.OPTIMAL and x is None:
            return ending | {
                "termination": Termination.NUMERICAL,
                "message": "SCIP's optimal point breaks the program it was found for, or is missing",
            }
        objective = None if x is None else self.problem.objective(x)
        bound = self._bound(ending["termination"], message.termination.objective_bounds.dual_bound)
        if objective is not None:
            bound = min(bound, objective)
        return ending | {
            "point": PointStatus.NONE if x is None else PointStatus.FEASIBLE,
            "x": x,
            "objective": objective,
            "bound": bound,
            "bound_origin": BoundOrigin.API if bound > -math.inf else BoundOrigin.NONE,
            "nodes": int(message.solve_stats.node_count),
        }

    def _ending(self, termination: Any) -> dict[str, Any]:
        from ortools.math_opt import result_pb2

        reason = result_pb2.TerminationReasonProto.Name(termination.reason).removeprefix(
            "TERMINATION_REASON_"
        )
        facts: dict[str, Any] = {"raw_status": " ".join(f"{reason} {termination.detail}".split())}
        if reason in {"FEASIBLE", "NO_SOLUTION_FOUND"}:
            limit = result_pb2.LimitProto.Name(termination.limit).removeprefix("LIMIT_")
            if self.end.reason is EndReason.WALL_LIMIT:
                return facts | {"termination": Termination.LIMIT, "limit": Limit.TIME}
            if limit == "INTERRUPTED" or self.end.reason is EndReason.INTERRUPTED:
                return facts | {"termination": Termination.INTERRUPTED}
            known = {
                "TIME": Limit.TIME,
                "NODE": Limit.NODES,
                "ITERATION": Limit.ITERATIONS,
                "MEMORY": Limit.MEMORY,
            }
            return facts | {"termination": Termination.LIMIT, "limit": known.get(limit, Limit.OTHER)}
        plain = {
            "OPTIMAL": Termination.OPTIMAL,
            "INFEASIBLE": Termination.INFEASIBLE,
            "UNBOUNDED": Termination.UNBOUNDED,
            "INFEASIBLE_OR_UNBOUNDED": Termination.INFEASIBLE_OR_UNBOUNDED,
            "IMPRECISE": Termination.NUMERICAL,
            "NUMERICAL_ERROR": Termination.NUMERICAL,
        }
        ended = plain.get(reason, Termination.ERROR)
        if ended is Termination.UNBOUNDED:
            return self._unbounded(facts)
        if ended in {Termination.NUMERICAL, Termination.ERROR}:
            facts["message"] = f"SCIP stopped with {facts['raw_status']}"
        return facts | {"termination": ended}

    def _unbounded(self, facts: dict[str, Any]) -> dict[str, Any]:
        if self.sent.same:
            return facts | {"termination": Termination.UNBOUNDED}
        message = "SCIP calls the relaxation unbounded that it was sent"
        return facts | {"termination": Termination.NUMERICAL, "message": message}

    def _without_result(self) -> dict[str, Any]:
        """Answer for a child that was killed or failed, with the bound that SCIP had printed if it was us."""
        error = self.folder / "error"
        if self.log.unbounded:
            # MathOpt fails on the infinite objective of the point that comes with this answer.
            return self._unbounded({"raw_status": self.log.status})
        if error.exists() or self.end.reason in {EndReason.EXITED, EndReason.LOST}:
            text = error.read_text(errors="replace") if error.exists() else self.end.described
            said = f" ({self.log.errors[-1]})" if self.log.errors else ""
            return {"termination": Termination.ERROR, "message": f"OR-Tools failed: {text}{said}"}
        interrupted = self.end.reason is EndReason.INTERRUPTED
        bound = self._bound(Termination.LIMIT, self.log.bound)
        return {
            "termination": Termination.INTERRUPTED if interrupted else Termination.LIMIT,
            "limit": None if interrupted else Limit.TIME,
            "raw_status": "killed",
            "bound": min(bound, self.log.objective),
            "bound_origin": BoundOrigin.LOG if bound > -math.inf else BoundOrigin.NONE,
            "nodes": self.log.nodes,
        }

    def _bound(self, termination: Termination, dual: float) -> float:
        if termination is Termination.INFEASIBLE:
            return math.inf  # of the relaxation that was sent, hence of the program
        if not abs(dual) < LIMITS.infinity:
            return -math.inf
        return dual - _SLACK * max(1.0, abs(dual), abs(self.problem.offset))

    def _point(self, message: Any) -> FloatArray | None:
        if not message.solutions:
            return None
        primal = message.solutions[0].primal_solution
        # MathOpt leaves out zeros.
        x = np.zeros(self.problem.n_columns)
        x[np.array(primal.variable_values.ids, dtype=np.int64)] = primal.variable_values.values
        return usable_point(self.problem, x)
