"""The anytime loop: encode, solve, bracket, refine, until the gap is closed or something stops it."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from nnff.certification.certificate import Reason, SolverRun
from nnff.certification.digits import plain, rounded_down, rounded_up
from nnff.certification.narrowing import Narrowing
from nnff.certification.parts import Family, Interval, Part, dead, divide
from nnff.certification.patience import STALL
from nnff.certification.phases import book, timed
from nnff.certification.solving import precision, solve_once
from nnff.errors import NoPairsError
from nnff.solver import Limit, SolveResult, Termination

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nnff.certification.bracket import Bracket
    from nnff.certification.certificate import RangeStep
    from nnff.certification.solving import LoopSettings
    from nnff.encoding import Encoded, EncodingStrategy
    from nnff.problem import Problem
    from nnff.solver import SolveControl, SolverBackend
    from nnff.values import FloatArray

__all__ = ["LoopOutcome", "run_loop"]


@dataclass
class LoopOutcome:
    """Why the loop stopped, and its last encoding.

    Attributes
    ----------
    plans
        The last plan of every part that was refined, by what the part holds.
    proven
        Least bound that rests on our own outward-rounded arithmetic alone.
    steps
        What each tightening of ranges has bought.
    excess
        See `EncodingStrategy.excess`.
    """

    reason: Reason
    detail: str
    plans: dict[tuple[Interval, ...], Any] = field(default_factory=dict)
    encoded: Encoded | None = None
    last: SolveResult | None = None
    proven: float = math.inf
    excess: float = 0.0
    steps: list[RangeStep] = field(default_factory=list)
    runs: list[SolverRun] = field(default_factory=list)
    phases: dict[str, float] = field(default_factory=dict)
    flips: int | None = None


def finished(bracket: Bracket, settings: LoopSettings, control: SolveControl) -> tuple[Reason, str] | None:
    """Return why to stop now, or None."""
    if bracket.contradiction:
        return Reason.INCONSISTENT, bracket.contradiction
    if settings.delta is not None:
        decided = _decided(bracket, settings.delta, flip=settings.flip)
        if decided:
            return Reason.DECIDED, decided
    if bracket.gap <= settings.gap and settings.delta is None:
        return Reason.GAP_CLOSED, f"relative gap {max(bracket.gap, 0.0):.2e}, asked for {settings.gap:g}"
    if control.interrupted:
        return Reason.INTERRUPTED, "interrupted"
    if settings.remaining <= 0:
        return Reason.TIME_LIMIT, f"the time limit was reached with a relative gap of {bracket.gap:.2e}"
    return None


def _decided(bracket: Bracket, delta: float, *, flip: bool) -> str:
    """Say what the bracket has decided; empty if nothing."""
    if bracket.upper <= delta:
        if flip:
            return "no similar pair reaches the threshold from both sides"
        return f"the certified bound {rounded_up(bracket.upper)} is at most {plain(delta)}"
    if bracket.lower > delta:
        if flip:
            return "a real pair lies on different sides of the threshold"
        return f"a real pair differs by {rounded_down(bracket.lower)}, more than {plain(delta)}"
    return ""


def _over(outcome: LoopOutcome, bracket: Bracket, settings: LoopSettings, control: SolveControl) -> bool:
    """Tell whether to stop now, and if so note why."""
    stop = finished(bracket, settings, control)
    if stop is not None:
        outcome.reason, outcome.detail = stop
    return stop is not None


def run_loop(
    problem: Problem,
    strategy: EncodingStrategy,
    backend: SolverBackend,
    bracket: Bracket,
    settings: LoopSettings,
    control: SolveControl,
    *,
    known_plans: Mapping[tuple[Interval, ...], Any] | None = None,
    whole: bool = False,
) -> LoopOutcome:
    """Refine until the bracket is as wanted.

    A plan of the same part that is known from another epsilon takes the place of the first refinement, not of
    the first plan: the coarse round is quick, has a bound of its own, and often is enough.

    Where one input's difference accounts for most of what happens, the pairs are divided into
    parts (`nnff.certification.parts`); the part with the largest bound is always the next to be worked
    on, because no other can lower delta_upper.  With `whole` they never are: one encoding holds all pairs.

    Sound: delta_upper only ever comes from `Bracket.prove`, with the largest bound of parts that together
    hold all pairs.  Each comes from `nnff.certification.proof.judge`, over an encoding that holds every
    feasible pair of the part that differs by more than delta_lower (`nnff.certification.narrowing`); the
    least of them holds as well.
    """
    outcome = LoopOutcome(Reason.NO_PROGRESS, "")
    if _over(outcome, bracket, settings, control):
        return outcome
    known = dict(known_plans or {})
    work = _Work(problem, strategy, backend, settings, control, outcome, Family(problem, bracket), known)
    work.begin(whole=whole)
    while not _over(outcome, bracket, settings, control):
        part = work.family.worst
        if part.exhausted:
            outcome.detail = part.exhausted
            break
        if part.plan is None:
            work.settle(part)
        elif not work.round(part):
            break
    outcome.proven = work.family.proven
    outcome.excess = strategy.excess
    return outcome


@dataclass
class _Work:
    """What the rounds of all parts share."""

    problem: Problem
    strategy: EncodingStrategy
    backend: SolverBackend
    settings: LoopSettings
    control: SolveControl
    outcome: LoopOutcome
    family: Family
    known_plans: dict[tuple[Interval, ...], Any]

    @property
    def bracket(self) -> Bracket:
        return self.family.bracket

    @property
    def goal(self) -> float:
        """The bound at which a part needs no more work."""
        if self.settings.delta is not None:
            return self.settings.delta
        # A hair below, so that a bound at the goal closes the gap whichever way the two are rounded.
        return self.bracket.lower + abs(self.bracket.lower) * self.settings.gap * (1 - 1e-9)

    def begin(self, *, whole: bool) -> None:
        """Make the first part or parts."""
        part = Part(self.family, upper=self.bracket.upper)
        self.family.parts = [part]
        part.narrowing = self._narrowing(part, self.strategy)
        if not whole:
            self._divide(part)

    def settle(self, part: Part) -> None:
        """Tighten the ranges of a part and make its first plan; it may turn out to hold no pair."""
        assert part.narrowing is not None
        waiting = sum(other.plan is None and other.upper > self.goal for other in self.family.parts)
        try:
            part.plan = part.narrowing.first_plan(1 / max(waiting, 1))
        except NoPairsError:
            self._close(part)

    def _close(self, part: Part) -> None:
        """Note that our own arithmetic has shown that a part holds no pair above the floor."""
        if not part.may_be_empty:
            wrong = "ranges of the best pair exclude each other; the metric's bounds are wrong"
            if not part.held:
                raise NoPairsError(wrong)
            self.bracket.contradiction = wrong
            return
        part.narrowing = None
        part.prove(self.problem.least, "its ranges")

    def _narrowing(self, part: Part, strategy: EncodingStrategy) -> Narrowing:
        return Narrowing(
            self.problem,
            strategy,
            self.backend,
            part,
            self.settings,
            self.control,
            stop=self._stopped,
            phases=self.outcome.phases,
            steps=self.outcome.steps,
        )

    def _stopped(self) -> bool:
        return finished(self.bracket, self.settings, self.control) is not None

    def _divide(self, part: Part) -> None:
        """Put the parts of a part in its place, if there is an input to divide along."""
        narrowing = part.narrowing
        if narrowing is None or not narrowing.active:
            return
        with timed(self.outcome.phases, "ranges"):
            found = divide(part, narrowing.floored(), stop=self._stopped)
        if not found:
            return
        others = []
        for held, ranges in found:
            new = Part(
                self.family, held, upper=part.upper, claimed=part.claimed, patience=replace(part.patience)
            )
            others.append(new)
            if ranges is not None:
                # What a strategy keeps beside its ranges, the cells of an embedding, is true of all pairs.
                strategy = copy.copy(self.strategy)
                strategy.ranges = ranges
                new.narrowing = self._narrowing(new, strategy)
                new.narrowing.proven = narrowing.proven
        self.family.replace(part, others)
        for new in others:
            if new.narrowing is None:
                self._close(new)
            else:
                bound = dead(self.problem, new.narrowing.strategy.ranges, self.goal)
                if bound is not None:
                    new.narrowing.prove(bound, "ranges")

    def round(self, part: Part) -> bool:
        """Encode, solve and refine a part once; return False if the outcome says why the loop is to end."""
        outcome, settings, bracket = self.outcome, self.settings, self.bracket
        assert part.narrowing is not None
        before = (bracket.lower, part.upper)
        bracket.round += 1
        bracket.tick("encode", nodes=0)
        try:
            part.plan, encoded = part.narrowing.encode(part.plan)
        except NoPairsError:
            self._close(part)
            return True
        outcome.encoded = encoded
        bracket.cells = encoded.cells
        if self._stopped() or part.upper <= self.goal:
            return True
        bracket.tick("solve")
        result, proof, run = solve_once(
            self.problem,
            encoded,
            self.backend,
            part,
            settings,
            self.control,
            height=part.patience.height,
            may_be_empty=part.may_be_empty,
        )
        book(outcome.phases, run.timings)
        outcome.runs.append(run)
        outcome.last = result
        if proof.complaint:
            outcome.reason, outcome.detail = Reason.SOLVER_FAILED, proof.complaint
            return False
        if self._stopped() or proof.empty or part.upper <= self.goal:
            return True
        if result.x is None:
            # A solver that stops a hair early has used up the time all the same.
            outcome.reason = Reason.TIME_LIMIT if result.limit is Limit.TIME else Reason.NO_PROGRESS
            outcome.detail = f"the solver stopped ({result.raw_status}) without a point to refine at"
            return False
        self._refine(part, encoded, result, before)
        return True

    def _refine(self, part: Part, encoded: Encoded, result: SolveResult, before: tuple[float, float]) -> None:
        """Make a part's plan finer where the solver's point stands, or say why nothing more can be done."""
        bracket = self.bracket
        output_scale = float(abs(self.problem.network.output_scaling.scale[0]))
        # Of a margin, what is left to bring below 0.
        size = part.upper if self.settings.flip else bracket.lower
        tolerance = precision(bracket, self.settings) * max(size, 1e-9) / output_scale / 50
        assert part.narrowing is not None
        assert result.x is not None
        with timed(self.outcome.phases, "refine"):
            known = self.known_plans.pop(part.held, None)
            finer = _finer(part.narrowing.strategy, part.plan, encoded, result.x, tolerance, known)
        part.patience.after(result, moved=(bracket.lower, part.upper) != before, refined=finer is not None)
        if part.patience.lost:
            part.exhausted = f"{STALL} rounds in a row moved neither bound"
        elif finer is not None:
            part.plan = self.outcome.plans[part.held] = finer
        elif result.termination is Termination.OPTIMAL:
            part.exhausted = "the solver's point exploits no approximation that could be refined"


def _finer(
    strategy: EncodingStrategy, plan: Any, encoded: Encoded, x: FloatArray, tolerance: float, known_plan: Any
) -> Any | None:
    """Return the next plan: what is known from another epsilon, else a refinement at `x`."""
    if known_plan is not None:
        return strategy.adapt(known_plan, plan)
    return strategy.refine(plan, encoded, x, tolerance)
