"""From CBC's log and solution file to a result."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nnff.milp.dual_bound import safe_dual_bound
from nnff.solver import BoundOrigin, Limit, PointStatus, Termination
from nnff.solver.child import ChildEnd, EndReason
from nnff_solvers.cbc_files import CbcSolution, read_solution
from nnff_solvers.cbc_log import CbcLog, lowered
from nnff_solvers.cbc_options import INCREMENT
from nnff_solvers.points import usable_point

if TYPE_CHECKING:
    from pathlib import Path

    from nnff.milp import MatrixProblem
    from nnff.solver import SolveOptions
    from nnff.values import FloatArray, IntArray
    from nnff_solvers.relax import Relaxed

__all__ = ["Answer"]

_SLACK = 1e-9


@dataclass(frozen=True)
class Answer:
    """Puts together what the log, the solution file and the end of the process say.

    Attributes
    ----------
    problem, options
        What was asked.
    sent, origin
        What CBC was given: the relaxation, and for each row of its file the row of the problem.
    log, end, solution_path
        What came back.
    """

    problem: MatrixProblem
    options: SolveOptions
    sent: Relaxed
    origin: IntArray
    log: CbcLog
    end: ChildEnd
    solution_path: Path

    def facts(self) -> dict[str, Any]:
        """Return the fields of `nnff.solver.SolveResult` that the answer decides."""
        problem, log = self.problem, self.log
        if log.errors != 0:
            return self._cut_short() | self._facts(None, -math.inf, BoundOrigin.NONE)
        solution = read_solution(self.solution_path, len(self.origin), self.sent.problem.n_columns)
        termination = log.termination(integers=problem.n_integers > 0)
        if termination is Termination.INFEASIBLE:
            # Sound for the program as well: the relaxation that was sent contains it.
            return {"termination": termination} | self._facts(None, math.inf, BoundOrigin.LOG)
        if termination is Termination.UNBOUNDED and not self.sent.same:
            return self._error("CBC calls the relaxation unbounded that it was sent", Termination.NUMERICAL)
        x = None
        if solution is not None and self._holds_point(termination):
            # One column more carried the constant, if it was sent.
            x = usable_point(problem, solution.x[: problem.n_columns])
        if termination is Termination.OPTIMAL and x is None:
            return self._error(
                "CBC's optimal point breaks the program it was found for, or is missing",
                Termination.NUMERICAL,
            )
        ending = self._ending(termination)
        if ending["termination"] is Termination.ERROR:
            return ending | self._facts(None, -math.inf, BoundOrigin.NONE)
        return ending | self._facts(x, *self._bound(termination, solution, x))

    def _ending(self, termination: Termination | None) -> dict[str, Any]:
        """Say why the search ended: in CBC's view, corrected by who has stopped it."""
        if termination in {Termination.LIMIT, Termination.INTERRUPTED}:
            if self.end.reason is EndReason.INTERRUPTED:
                return {"termination": Termination.INTERRUPTED}
            if self.end.reason is EndReason.WALL_LIMIT:
                return {"termination": Termination.LIMIT, "limit": Limit.TIME}
            return {
                "termination": termination,
                "limit": self.log.limit if termination is Termination.LIMIT else None,
            }
        return self._cut_short() if termination is None else {"termination": termination}

    def _error(self, message: str, termination: Termination = Termination.ERROR) -> dict[str, Any]:
        facts = self._facts(None, -math.inf, BoundOrigin.NONE)
        return {"termination": termination, "message": message} | facts

    def _facts(self, x: FloatArray | None, bound: float, origin: BoundOrigin) -> dict[str, Any]:
        return {
            "raw_status": self.log.result or self.log.verdict.name.lower(),
            "point": PointStatus.NONE if x is None else PointStatus.FEASIBLE,
            "x": x,
            "objective": None if x is None else self.problem.objective(x),
            "bound": bound,
            "bound_origin": origin if bound > -math.inf else BoundOrigin.NONE,
            "nodes": self.log.nodes,
        }

    def _cut_short(self) -> dict[str, Any]:
        """Say why there is no conclusion in the log."""
        end = self.end
        if end.reason is EndReason.INTERRUPTED:
            return {"termination": Termination.INTERRUPTED}
        if end.reason is EndReason.WALL_LIMIT:
            return {"termination": Termination.LIMIT, "limit": Limit.TIME}
        what = "without having read the problem" if self.log.errors != 0 else "without a conclusion"
        message = f"CBC ended {what} ({end.described})"
        return {"termination": Termination.ERROR, "message": message}

    def _holds_point(self, termination: Termination | None) -> bool:
        if termination in {Termination.LIMIT, Termination.INTERRUPTED}:
            return self.log.found < math.inf
        return termination is Termination.OPTIMAL

    def _bound(
        self, termination: Termination | None, solution: CbcSolution | None, x: FloatArray | None
    ) -> tuple[float, BoundOrigin]:
        """Return the dual bound, weakened by all that CBC's arithmetic and printing may have lost."""
        problem, offset = self.problem, self.sent.problem.offset
        if problem.n_integers == 0:
            proven = self._proven(solution)
            if proven > -math.inf:
                return proven, BoundOrigin.API
        completed = termination is Termination.OPTIMAL
        bound = self._completed(solution) if completed else self.log.bound
        if not math.isfinite(bound):
            return -math.inf, BoundOrigin.NONE
        bound = bound + offset - _SLACK * max(1.0, abs(bound), abs(offset))
        if x is not None:
            bound = min(bound, problem.objective(x))
        return bound, BoundOrigin.LOG

    def _completed(self, solution: CbcSolution | None) -> float:
        """Return what a completed search proves: no point is better than CBC's, but for what was allowed."""
        text = self.log.completed or self.log.value
        if text is None:
            return -math.inf
        printed = float(text)
        # The value of the Result block has 8 decimals, whatever its size.
        value = lowered(text) - (0.0 if self.log.completed else 1e-8)
        if solution is not None and abs(solution.objective - printed) <= 2 * (printed - value) + _SLACK:
            value = min(printed, solution.objective)  # the same number, with all its digits
        return value - self._gap(value) - INCREMENT

    def _gap(self, value: float) -> float:
        """Return how far below `value` the search may have left branches because gaps were allowed.

        CBC prints the gap at which a search ends.  There may be several, of searches within the search;
        later points are only better, so that the final value less the largest gap is below all bounds.
        Without a printed gap: CBC ends when value - bound <= ratio * max(|value|, |bound|), which for
        ratio < 1 implies value - bound <= ratio / (1 - ratio) * |value|.
        """
        absolute, ratio = self.options.absolute_gap, self.options.relative_gap
        if absolute == 0 and ratio == 0:
            return 0.0
        if self.log.gaps:
            return max(self.log.gaps)
        return max(absolute, ratio / (1 - ratio) * abs(value) if ratio < 1 else math.inf)

    def _proven(self, solution: CbcSolution | None) -> float:
        """Prove a bound of a continuous program from the row duals; without any, from the box."""
        problem = self.problem
        bound = safe_dual_bound(problem, np.zeros(problem.n_rows))
        if solution is not None:
            # A row may have been sent as two, and multiplied by a power of two.
            duals = np.bincount(self.origin, weights=solution.row_duals, minlength=problem.n_rows)
            bound = max(bound, safe_dual_bound(problem, np.ldexp(duals, self.sent.exponents)))
        return bound
