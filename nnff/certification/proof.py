"""What counts as a proof: the only place where a solver's answer becomes a bound."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nnff.solver import BoundOrigin, Limit, SolveResult, Termination

if TYPE_CHECKING:
    from nnff.milp import MatrixProblem

__all__ = ["BOUND_SLACK", "Proof", "judge"]

BOUND_SLACK = 1e-8
"""Taken off every solver bound, relative to max(1, |bound|): room for dual infeasibilities."""

POINT_TOLERANCE = 1e-6
"""A point that violates the MILP by less counts as evidence against a bound that excludes it."""


@dataclass(frozen=True)
class Proof:
    """What a solve has shown about the minimum of its MILP.

    Attributes
    ----------
    bound
        Lower bound of the minimum, weakened by `BOUND_SLACK`; -inf if there is none.
    complaint
        Why the answer cannot be used, in a sentence; empty otherwise.
    empty
        Whether the MILP has no point at all; the bound is +inf then.
    """

    bound: float
    complaint: str = ""
    empty: bool = False

    @property
    def usable(self) -> bool:
        """Whether there is a finite bound."""
        return math.isfinite(self.bound) and not self.complaint


def judge(problem: MatrixProblem, result: SolveResult, *, may_be_empty: bool = False) -> Proof:
    """Decide what a solver's answer proves.

    Only a dual bound counts, never an incumbent and never a status.  An encoding
    of all pairs holds every x' = x'' or, above a floor, the best pair, so it is feasible, and bounded by
    construction: a solver that says otherwise is wrong, not informative.

    An encoding of a part of the pairs (`nnff.certification.parts`) may hold none above the floor.  Whoever
    judges its solves says so by `may_be_empty`; "infeasible" is then the bound +inf, the only answer there
    can be, and trusted as far as any bound is: every bound of a branch and bound
    rests on nodes that the solver found infeasible.
    A bound above the objective of the solver's own nearly feasible point
    contradicts itself and is refused.

    What is trusted: the solver's dual bound up to `BOUND_SLACK`.
    """
    name = result.solver
    if result.termination in (Termination.ERROR, Termination.NUMERICAL):
        # A bound that comes with numerical trouble is not believed either.
        return Proof(-math.inf, result.message or f"the solver {name!r} failed: {result.raw_status}")
    if result.termination in (
        Termination.INFEASIBLE,
        Termination.UNBOUNDED,
        Termination.INFEASIBLE_OR_UNBOUNDED,
    ):
        # Every column is bounded, so what is infeasible or unbounded is infeasible.
        if may_be_empty and result.termination is not Termination.UNBOUNDED and result.x is None:
            return Proof(math.inf, empty=True)
        return Proof(
            -math.inf,
            f"the solver {name!r} answered {result.termination.value!r} "
            "for a problem that is feasible and bounded",
        )
    if result.bound_origin is BoundOrigin.NONE or result.bound == -math.inf:
        why = f" ({result.message})" if result.message else ""
        stopped_early = result.termination in (Termination.LIMIT, Termination.INTERRUPTED)
        if stopped_early and result.limit is not Limit.BOUND:
            return Proof(-math.inf)
        return Proof(
            -math.inf, f"the solver {name!r} stopped with {result.termination.value!r} and no bound{why}"
        )
    if not math.isfinite(result.bound):
        return Proof(-math.inf, f"the solver {name!r} returned the bound {result.bound}")
    bound = result.bound - BOUND_SLACK * max(1.0, abs(result.bound))
    if result.x is not None and problem.violation(result.x) <= POINT_TOLERANCE:
        objective = problem.objective(result.x)
        if objective < bound - POINT_TOLERANCE * max(1.0, abs(objective)):
            return Proof(
                -math.inf,
                f"the solver {name!r} contradicts itself: bound {result.bound:.9g} "
                f"above its own point's objective {objective:.9g}",
            )
        # The two may cross within tolerance: then the weaker counts.
        bound = min(bound, objective)
    return Proof(bound)
