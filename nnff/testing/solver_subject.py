"""The backend under test: solving with what holds for every result checked on the way."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from nnff.solver import (
    BoundOrigin,
    Capability,
    PointStatus,
    SolveControl,
    SolveOptions,
    SolveResult,
    Termination,
)
from nnff.testing.instances import Planted, market_split
from nnff.testing.outcome import SkipCheck

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from nnff.milp import MatrixProblem
    from nnff.solver import SolverBackend
    from nnff.values import FloatArray

    Check = Callable[["Subject"], None]

__all__ = ["Subject", "check", "close_to", "registered_checks"]

POINT_TOLERANCE = 1e-6
"""How far, relative to the size of its terms, a row may be violated by a point that is called feasible."""

LIMIT_SECONDS = 1.0
"""The time limit of solves that do not end by themselves."""

_CHECKS: dict[str, Check] = {}


def check(function: Check) -> Check:
    """Register a check under its name without ``check_``; its docstring says what it is about."""
    _CHECKS[function.__name__.removeprefix("check_")] = function
    return function


def registered_checks() -> dict[str, Check]:
    """Return all checks by name, in the order of their definition."""
    return dict(_CHECKS)


def close_to(value: float | None, expected: float, tolerance: float = 1e-6) -> bool:
    """Tell whether a number is within `tolerance`, relative above 1, of the expected one."""
    return value is not None and abs(value - expected) <= tolerance * max(1.0, abs(expected))


@dataclass
class Subject:
    """A backend, and the solves that several checks share.

    Attributes
    ----------
    backend
        The backend.
    instance
        An MPS file given by whoever runs the kit.
    """

    backend: SolverBackend
    instance: Path | None = None
    _limited: dict[tuple[bool, str], tuple[SolveResult, float]] = field(default_factory=dict)

    def needs(self, *capabilities: Capability) -> None:
        """Skip the check unless the backend claims all of these."""
        for capability in capabilities:
            if capability not in self.backend.capabilities:
                raise SkipCheck(f"{self.backend.name!r} does not claim: {capability}")

    def solve(
        self,
        problem: MatrixProblem,
        start: FloatArray | None = None,
        control: SolveControl | None = None,
        **options: Any,
    ) -> SolveResult:
        """Solve, and judge what must hold for any result of any problem."""
        if problem.n_columns > problem.n_integers:
            self.needs(Capability.CONTINUOUS)
        if problem.n_integers:
            self.needs(Capability.INTEGER)
        result = self.backend.solve(problem, SolveOptions(**options), start, control)
        assert isinstance(result, SolveResult), f"solve returned a {type(result).__name__}, not a SolveResult"
        self._judge(problem, result)
        return result

    def optimum(self, planted: Planted, **options: Any) -> SolveResult:
        """Solve to the end and compare with the known optimum."""
        result = self.solve(planted.problem, **options)
        assert result.termination is Termination.OPTIMAL, (
            f"termination {result.termination} ({result.message or result.raw_status}), expected optimal"
        )
        assert close_to(result.objective, planted.value), (
            f"objective {result.objective}, the optimum is {planted.value}"
        )
        self.sound(planted, result)
        assert result.bound >= planted.value - 1e-5 * max(1.0, abs(planted.value)), (
            f"called optimal with the bound {result.bound}; the optimum is {planted.value}"
        )
        return result

    def sound(self, planted: Planted, result: SolveResult) -> None:
        """Check that the bound does not lie above a feasible point, not by a unit in the last place."""
        assert result.bound <= planted.value, (
            f"the bound {result.bound!r} lies above a feasible point's objective {planted.value!r}"
        )

    def limited(self, *, incumbent: bool, limit: str) -> tuple[SolveResult, float]:
        """Return the result and the seconds of a hard problem under a time or node limit; solved once.

        Parameters
        ----------
        incumbent
            Whether the problem is one in which points are found easily, or not at all.
        limit
            ``"time"`` or ``"node"``.
        """
        if (incumbent, limit) not in self._limited:
            asked = {"time_limit": LIMIT_SECONDS} if limit == "time" else {"node_limit": 2}
            began = time.perf_counter()
            result = self.solve(self.hard(incumbent=incumbent).problem, **asked)
            self._limited[incumbent, limit] = result, time.perf_counter() - began
        return self._limited[incumbent, limit]

    def hard(self, *, incumbent: bool) -> Planted:
        """Return a problem that is not finished within seconds, pure binary unless points come easily."""
        return market_split(1, slack=incumbent)

    def _judge(self, problem: MatrixProblem, result: SolveResult) -> None:
        assert not math.isnan(result.bound), "the bound is not a number"
        assert (result.bound_origin is BoundOrigin.NONE) == (result.bound == -math.inf), (
            f"the bound is {result.bound} and its origin {result.bound_origin}"
        )
        assert (result.limit is not None) == (result.termination is Termination.LIMIT), (
            f"termination {result.termination} with limit {result.limit}"
        )
        assert (result.x is not None) == (result.point is PointStatus.FEASIBLE), (
            f"point status {result.point}, x {'missing' if result.x is None else 'given'}"
        )
        if result.bound == math.inf:
            assert result.termination is Termination.INFEASIBLE, (
                f"an infinite bound with termination {result.termination}"
            )
        if result.termination is Termination.INFEASIBLE:
            assert result.x is None, "called infeasible, with a feasible point"
        if result.termination in {Termination.ERROR, Termination.NUMERICAL}:
            assert result.message, f"termination {result.termination} without a message"
        if result.termination is Termination.OPTIMAL:
            assert result.x is not None, "called optimal without a point"
        if result.x is not None:
            self._judge_point(problem, result, result.x)

    @staticmethod
    def _judge_point(problem: MatrixProblem, result: SolveResult, x: FloatArray) -> None:
        assert x.shape == (problem.n_columns,), f"x has shape {x.shape} for {problem.n_columns} columns"
        assert np.isfinite(x).all(), "x holds numbers that are not finite"
        value = problem.objective(x)
        assert result.objective is not None, "a point without objective"
        assert close_to(result.objective, value, 1e-9), (
            f"objective {result.objective}, recomputed from x: {value}"
        )
        # x may violate rows by the tolerance and so lie a little below the true optimum.
        assert result.bound <= value + POINT_TOLERANCE * max(1.0, abs(value)), (
            f"the bound {result.bound} lies above the objective {value} of the point that comes with it"
        )
        terms = abs(problem.matrix) @ np.abs(x)
        activity = problem.matrix @ x
        excess = np.maximum(problem.row_lower - activity, activity - problem.row_upper)
        worst = float(np.max(excess - POINT_TOLERANCE * (1.0 + terms), initial=0.0))
        assert worst <= 0, f"the point called feasible violates a row by {np.max(excess):.3g}"
        outside = np.maximum(problem.col_lower - x, x - problem.col_upper)
        assert (outside <= POINT_TOLERANCE * (1.0 + np.abs(x))).all(), (
            f"the point called feasible violates a column bound by {np.max(outside):.3g}"
        )
        fraction = np.abs(x - np.rint(x))[problem.integer]
        assert (fraction <= POINT_TOLERANCE).all(), (
            f"an integer column of the point called feasible is off by {np.max(fraction):.3g}"
        )
