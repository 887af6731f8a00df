"""When ranges are tightened during a run, for how long, and what follows from it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nnff.certification.phases import book, timed
from nnff.certification.tighten import can_tighten, describe, tighten
from nnff.ranges import closed_form, linear_ranges, with_floor
from nnff.solver import Capability

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from nnff.certification.certificate import RangeStep
    from nnff.certification.parts import Part
    from nnff.certification.solving import LoopSettings
    from nnff.encoding import Encoded, EncodingStrategy
    from nnff.encoding.cells import Neuron
    from nnff.problem import Problem
    from nnff.ranges import Ranges
    from nnff.solver import SolveControl, SolverBackend
    from nnff.values import FloatArray

__all__ = ["Narrowing"]

_FIRST_SHARE = 0.15
"""Largest share of the remaining time for the linear programs before the first solve."""

_ROUND_SHARE = 0.3
"""Largest share of the time of the last solve for those before the next one."""

_LEAST_SECONDS = 1.0
"""At least this many seconds, times the share, whatever the solve took."""

_MARGIN = 1e-3
"""The floor lies this much below delta_lower, relatively.

So the best pair itself always stays in the restricted problem, well inside: a solver that
calls it infeasible is wrong, as it is without a floor, and one that proves less than the pair is found out.
"""

_WORTH = 0.97
"""Another pass is made, or the encoding rebuilt, if the widths fell to less than this."""


@dataclass
class Narrowing:
    """Tightens the ranges of a strategy, with the floor that the best pair gives.

    Sound: ranges hold all pairs whose output differs by more than delta_lower, and what is proven from
    them is a bound for those pairs.  The others differ by at most delta_lower.  Because the best
    pair is among those that are held, no proper bound lies below delta_lower.

    Attributes
    ----------
    stop
        Tells whether the run is over.
    phases
        Receives the seconds spent on tightening, encoding and compiling.
    proven
        Least bound of delta that rests on our own outward-rounded arithmetic alone.
    steps
        What each step has bought.
    """

    problem: Problem
    strategy: EncodingStrategy
    backend: SolverBackend
    bracket: Part
    settings: LoopSettings
    control: SolveControl
    stop: Callable[[], bool]
    phases: dict[str, float]
    proven: float = float("inf")
    steps: list[RangeStep] = field(default_factory=list)
    _encodings: int = 0
    _solved: float = 0.0
    _share: float = 0.0

    def __post_init__(self) -> None:
        self._share = _ROUND_SHARE

    @property
    def active(self) -> bool:
        """Whether the strategy can use ranges of ordered pairs above a floor."""
        return self.strategy.takes_ranges

    def first_plan(self, share: float = 1.0) -> Any:
        """Tighten before the first round, again while another pass pays; return the first plan.

        Parameters
        ----------
        share
            Of the time for the linear programs before the first round, which other parts may need, too.
        """
        if not self.active or self.stop():
            return self._first_plan()
        self.strategy.ranges = self.floored()
        self.prove(closed_form(self.problem, self.strategy.ranges), "ranges above the best pair")
        plan = self._first_plan()
        if not can_tighten(self.backend):
            remark = f"the solver {self.backend.name!r} has no {Capability.LP_SESSION}"
            ranges = self.strategy.ranges
            self.steps.append(
                describe(self.problem, "linear programs", ranges, ranges, seconds=0.0, remark=remark)
            )
            return plan
        deadline = time.perf_counter() + share * _FIRST_SHARE * max(self.settings.remaining, 0.0)
        # The rows of a layer are as tight as the ranges they were written with: deep networks gain from more.
        for _ in range(len(self.problem.network.layers)):
            if not self._wanted(deadline):
                break
            ratio, plan = self._tighten(plan, self._encoded(plan), deadline, "linear programs")
            if ratio > _WORTH:
                break
        return plan

    def encode(self, plan: Any) -> tuple[Any, Encoded]:
        """Encode a plan, tightened once more if there was a solve before; return both."""
        self._encodings += 1
        if not self.active or self._encodings <= 1:
            return plan, self._encoded(plan)
        with timed(self.phases, "tighten"):
            plan = self.strategy.tighten(plan, self.floored())
        encoded = self._encoded(plan)
        solving = self.phases.get("solve", 0.0)
        share = self._share * (solving - self._solved)
        deadline = time.perf_counter() + max(_LEAST_SECONDS * self._share, share)
        self._solved = solving
        deadline = min(deadline, self.settings.deadline)
        if self._wanted(deadline):
            name = f"linear programs, round {self.bracket.round}"
            ratio, tighter = self._tighten(plan, encoded, deadline, name)
            # Time goes where it pays: a round that gains nothing halves what the next may take.
            self._share = _ROUND_SHARE if ratio < _WORTH else self._share / 2
            if ratio < _WORTH:
                plan, encoded = tighter, self._encoded(tighter)
        return plan, encoded

    def _first_plan(self) -> Any:
        with timed(self.phases, "encode"):
            return self.strategy.first_plan()

    def _encoded(self, plan: Any) -> Encoded:
        with timed(self.phases, "encode"):
            encoded = self.strategy.encode(plan)
        seconds = encoded.compile_seconds
        book(self.phases, {"encode": -seconds, "compile": seconds})
        return encoded

    def _wanted(self, deadline: float) -> bool:
        return can_tighten(self.backend) and not self.stop() and time.perf_counter() < deadline

    def floored(self) -> Ranges:
        """Return the strategy's ranges of the pairs above the floor that the best pair gives now."""
        return self._with_floor(self.strategy.ranges)

    def _with_floor(self, ranges: Ranges) -> Ranges:
        scale = float(abs(self.problem.network.output_scaling.scale[0]))
        lower = self.bracket.lower / scale
        # Exactly, the best pair may differ by less than it does computed.
        rounding = self.bracket.rounding / scale
        return with_floor(self.problem, ranges, lower - abs(lower) * _MARGIN - rounding)

    def _tighten(self, plan: Any, encoded: Encoded, deadline: float, name: str) -> tuple[float, Any]:
        """Tighten the strategy's ranges and cells; return what is left, relatively, and the plan."""
        self.bracket.tick("tighten")
        began = time.perf_counter()
        before = self.strategy.ranges
        boxes = self.strategy.boxes(plan)
        found = tighten(
            self.problem,
            encoded,
            before,
            self.backend,
            boxes=boxes,
            deadline=deadline,
            control=self.control,
        )
        after = before
        if found.programs:
            # What one neuron has gained, intervals and lines pass on.
            after = linear_ranges(self.problem, found.ranges)
            after = with_floor(self.problem, after, after.floor)
        areas = [_area(boxes)]
        plan = self.strategy.tighten(plan, after, found.boxes)
        areas.append(_area(self.strategy.boxes(plan)))
        seconds = time.perf_counter() - began
        book(self.phases, {"tighten": seconds})
        step = describe(
            self.problem,
            name,
            before,
            after,
            seconds=seconds,
            programs=found.programs,
            remark=found.remark,
        )
        self.steps.append(step)
        self.prove(min(encoded.delta(found.bound), step.closed_form_after), "the relaxation")
        widths = (
            (step.midpoint_width_before, step.midpoint_width_after),
            (step.difference_width_before, step.difference_width_after),
            (areas[0], areas[1]),
        )
        return min((left / width for width, left in widths if width > 0), default=1.0), plan

    def prove(self, upper: float, source: str) -> None:
        """Take a bound of the pairs above the floor."""
        self.proven = min(self.proven, max(upper, self.bracket.lower))
        self.bracket.prove(upper, source)


def _area(boxes: Mapping[Neuron, Sequence[FloatArray]]) -> float:
    """Return the sum of the areas of all cells."""
    return sum(float((box[1] - box[0]) * (box[3] - box[2])) for own in boxes.values() for box in own)
