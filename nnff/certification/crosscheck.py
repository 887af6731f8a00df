"""Asking other solvers the same question: their brackets must meet the first one's."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from nnff.certification.proof import POINT_TOLERANCE, judge
from nnff.certification.solving import LoopSettings, solve_once
from nnff.milp.mps import write_mps

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from nnff.certification.bracket import Bracket
    from nnff.certification.certificate import SolverRun
    from nnff.encoding import Encoded
    from nnff.milp import MatrixProblem
    from nnff.problem import Problem
    from nnff.solver import SolveControl, SolverBackend, SolveResult

__all__ = ["AGREEMENT", "Crosscheck", "crosscheck"]

AGREEMENT = 1e-5
"""Relative tolerance (of at least 1) within which a bound may exceed another solver's point."""


@dataclass
class Crosscheck:
    """What the other solvers said.

    Attributes
    ----------
    runs
        One per solver asked.
    contradiction
        Which two solvers contradict each other and how; empty if none do.
    confirmed
        Whether every solver asked proved, on its own, a bound within the
        wanted gap of the first one's.
    remark
        Why `confirmed` is false without a contradiction.
    """

    runs: list[SolverRun] = field(default_factory=list)
    contradiction: str = ""
    confirmed: bool = False
    remark: str = ""


def crosscheck(
    problem: Problem,
    encoded: Encoded,
    first: SolveResult,
    others: Sequence[SolverBackend],
    bracket: Bracket,
    settings: LoopSettings,
    control: SolveControl,
    *,
    evidence: Path | None = None,
) -> Crosscheck:
    """Solve the last encoding with other backends and compare on the MILP itself.

    Two answers contradict each other if one's dual bound excludes a point that
    the other holds and that satisfies the MILP (rows, bounds and integrality,
    recomputed here to `POINT_TOLERANCE`): one of the two solvers is wrong and
    nothing says which, so nothing is certified.  Pairs that any of them finds are
    replayed and raise delta_lower; bounds of the others lower delta_upper as
    any proof does.

    Parameters
    ----------
    problem, encoded, first
        The problem, its last encoding, and what the first solver said of it.
    others
        The backends to ask, each with an equal share of the remaining time.
    bracket, settings, control
        As for the loop.
    evidence
        Folder that receives the instance as MPS if there is a contradiction.
    """
    outcome = Crosscheck()
    answers = [first]
    upper_before = bracket.upper
    unconfirmed: list[str] = []
    for index, backend in enumerate(others):
        share = max(settings.remaining, 0.0) / (len(others) - index)
        own = replace(settings, deadline=settings.deadline - max(settings.remaining, 0.0) + share)
        if control.interrupted or share <= 0:
            unconfirmed.append(f"{backend.name} was not asked for lack of time")
            continue
        result, proof, run = solve_once(problem, encoded, backend, bracket, own, control)
        outcome.runs.append(run)
        answers.append(result)
        if proof.complaint:
            unconfirmed.append(proof.complaint)
        elif run.delta_bound > _confirming(upper_before, bracket.lower, settings):
            unconfirmed.append(f"{backend.name} proved only {run.delta_bound:.6g} in its time")
    outcome.contradiction = _contradiction(encoded.matrix, answers) or bracket.contradiction
    if outcome.contradiction and evidence is not None:
        evidence.mkdir(parents=True, exist_ok=True)
        path = evidence / f"inconsistent-{encoded.matrix.fingerprint[:12]}.mps.gz"
        write_mps(encoded.matrix, path)
        outcome.contradiction += f"; the instance is saved as {path.name}"
    outcome.confirmed = not outcome.contradiction and not unconfirmed and bool(others)
    outcome.remark = "; ".join(unconfirmed)
    return outcome


def _confirming(upper: float, lower: float, settings: LoopSettings) -> float:
    """Return the largest bound of another solver that counts as confirmation."""
    if settings.delta is not None and upper <= settings.delta:
        return settings.delta
    return upper + settings.gap * max(lower, 1e-9)


def _contradiction(matrix: MatrixProblem, answers: Sequence[SolveResult]) -> str:
    """Return a sentence on the first pair of answers that cannot both be right."""
    for claim in answers:
        proof = judge(matrix, claim)
        if not proof.usable:
            continue
        for other in answers:
            if other is claim or other.x is None or matrix.violation(other.x) > POINT_TOLERANCE:
                continue
            objective = matrix.objective(other.x)
            if objective < proof.bound - AGREEMENT * max(1.0, abs(objective)):
                return (
                    f"{claim.solver} and {other.solver} contradict each other: {claim.solver} proves that "
                    f"no point is below {claim.bound:.9g}, {other.solver} holds one with {objective:.9g}"
                )
    return ""
