r"""Dividing the pairs by how far one input moves, into parts that are certified apart.

An input whose difference :math:`z''_i - z'_i` can be large, such as a sensitive attribute that the metric
leaves free, moves the D of all neurons of the first layer together.  Cells know each neuron's
own D only, so that a relaxation combines, say, the largest D of one neuron with the smallest of
another, which no value of the difference allows.  Over a part of its range there is less to combine;
most parts turn out to hold no pair worth looking at before any MILP is solved.

delta_upper is the largest bound of any part.  Sound: the parts' intervals of the difference cover its
whole range, ends included, so that every pair lies in one.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from nnff.certification.patience import Patience
from nnff.certification.witness import replay_error
from nnff.encoding.refine import downstream_weights
from nnff.errors import NoPairsError
from nnff.ranges import closed_form, hold_difference, share_of_difference, with_floor

if TYPE_CHECKING:
    from collections.abc import Callable

    from nnff.certification.bracket import Bracket
    from nnff.certification.certificate import Witness
    from nnff.certification.narrowing import Narrowing
    from nnff.problem import Problem
    from nnff.ranges import Ranges

__all__ = ["Family", "Interval", "Part", "dead", "divide"]

_DOMINANT = 0.5
"""An input is divided if it accounts for at least this share of the widths of D."""

_MOST = 8
"""Largest number of parts that one division makes."""

_INNER = 1e-9
"""A pair counts as surely in a part if it lies this far inside, relative to the range."""


@dataclass(frozen=True)
class Interval:
    """Which differences of an input a part holds: ``low <= z''_i - z'_i <= high``.

    Attributes
    ----------
    feature
        Index i.
    low, high
        In the network's scaled inputs.
    """

    feature: int
    low: float
    high: float

    def surely_holds(self, difference: float) -> bool:
        """Tell whether a difference known up to rounding lies in it."""
        hair = _INNER * max(self.high - self.low, abs(self.high))
        single = self.high - self.low <= hair
        inside = self.low + hair < difference < self.high - hair
        return inside or (single and self.low - hair <= difference <= self.high + hair)


@dataclass(eq=False)
class Part:
    """Some of the pairs, and what is known of them.

    To everything that certifies a part it is what a `Bracket` is to a whole run.

    Attributes
    ----------
    family
        All the parts.
    held
        The differences that it holds; none for all pairs.
    upper
        Bound of the pairs that it holds or delta_lower, whichever is greater.
    claimed
        Least bound that was proven for it.
    narrowing
        Its ranges; None for a part that holds no pair.
    plan
        Its cells.
    patience
        Notices when its rounds get nowhere.
    exhausted
        Why nothing more can be done for it; empty if something can.
    """

    family: Family
    held: tuple[Interval, ...] = ()
    upper: float = math.inf
    claimed: float = math.inf
    narrowing: Narrowing | None = None
    plan: Any = None
    patience: Patience = field(default_factory=Patience)
    exhausted: str = ""

    @property
    def lower(self) -> float:
        """Value of the best pair, in whichever part it lies."""
        return self.family.bracket.lower

    @property
    def rounding(self) -> float:
        """How far that can be off its exact value."""
        return self.family.bracket.rounding

    @property
    def proven(self) -> float:
        """Least bound that rests on our own arithmetic alone."""
        return self.lower if self.narrowing is None else self.narrowing.proven

    @property
    def round(self) -> int:
        """Number of the current solve."""
        return self.family.bracket.round

    @property
    def may_be_empty(self) -> bool:
        """Whether there may be no pair above the floor in it: the best one is not known to be."""
        return not self.holds(self.family.bracket.witness)

    def holds(self, witness: Witness | None) -> bool:
        """Tell whether a pair surely lies in this part, in the order that counts.

        That order is that of the outputs, which their rounding can hide: then nothing is sure.
        """
        if not self.held:
            return True
        problem = self.family.problem
        if witness is None or abs(witness.output2 - witness.output1) <= replay_error(problem, witness):
            return False
        scaling, scale = problem.network.input_scaling, float(problem.network.output_scaling.scale[0])
        x1, x2 = np.array(witness.x1), np.array(witness.x2)
        d = (x2 - x1) / scaling.scale
        if (witness.output2 - witness.output1) * scale < 0:
            d = -d
        return all(own.surely_holds(float(d[own.feature])) for own in self.held)

    def prove(self, upper: float, source: str) -> None:
        """Take a proven bound of the pairs in it that differ by more than delta_lower."""
        if math.isnan(upper):
            return
        self.claimed = min(self.claimed, upper)
        bracket = self.family.bracket
        if not bracket.allows(upper) and not self.may_be_empty:
            # Says what contradicts what.
            bracket.prove(upper, source)
            return
        self.upper = min(self.upper, max(upper, bracket.lower))
        self.family.update(source)

    def show(self, witness: Witness | None, source: str) -> None:
        """Take a replayed pair, of any part."""
        self.family.show(witness, source)

    def tick(self, phase: str | None = None, *, upper: float | None = None, nodes: int | None = None) -> None:
        """Tell the listener; see `Bracket.tick`."""
        if upper is not None:
            upper = max([min(upper, self.upper), *(p.upper for p in self.family.parts if p is not self)])
        self.family.bracket.tick(phase, upper=upper, nodes=nodes)


@dataclass(eq=False)
class Family:
    """The parts of all pairs, and the bracket that they make together."""

    problem: Problem
    bracket: Bracket
    parts: list[Part] = field(default_factory=list)

    @property
    def worst(self) -> Part:
        """The part with the largest bound."""
        return max(self.parts, key=lambda part: part.upper)

    @property
    def proven(self) -> float:
        """Bound of all pairs that rests on our own arithmetic alone."""
        return max((part.proven for part in self.parts), default=math.inf)

    def update(self, source: str) -> None:
        """Let the largest bound of any part be the bound of all."""
        self.bracket.prove(max(part.upper for part in self.parts), source)

    def replace(self, part: Part, others: list[Part]) -> None:
        """Put parts that together hold the pairs of another one in its place."""
        place = self.parts.index(part)
        self.parts[place : place + 1] = others

    def show(self, witness: Witness | None, source: str) -> None:
        """Take a replayed pair; one above the bound of the part that it lies in is a contradiction."""
        self.bracket.show(witness, source)
        if witness is None or self.bracket.witness is not witness or self.bracket.contradiction:
            return
        for part in self.parts:
            if not self.bracket.allows(part.claimed) and part.holds(witness):
                self.bracket.prove(part.claimed, "a solver, for the part that the pair lies in,")
                return


def divide(
    part: Part, ranges: Ranges, *, stop: Callable[[], bool] = lambda: False
) -> list[tuple[tuple[Interval, ...], Ranges | None]]:
    """Divide a part along the input that accounts for most of D, if one stands out.

    Parameters
    ----------
    part
        The part.
    ranges
        Its ranges.
    stop
        Asked once per new part.

    Returns
    -------
    What the new parts hold, and their ranges, None where those prove that there is no such
    pair; nothing if no input stands out or the work was stopped.
    """
    problem = part.family.problem
    shares = share_of_difference(problem, ranges, downstream_weights(problem.network)[0] + 1e-12)
    feature = int(np.argmax(shares))
    share = float(shares[feature])
    if share < _DOMINANT:
        return []
    # As many as make the rest account for as much as a part does.
    wanted = int(np.clip(math.ceil(share / max(1 - share, 1e-9)), 2, _MOST))
    found: list[tuple[tuple[Interval, ...], Ranges | None]] = []
    for low, high in _pieces(problem, ranges, feature, wanted):
        if stop():
            return []
        own = Interval(feature, low, high)
        held = (*(other for other in part.held if other.feature != feature), own)
        try:
            narrower = hold_difference(problem, ranges, feature, low, high)
            if narrower.floor > 0 or problem.flip is not None:
                narrower = with_floor(problem, narrower, narrower.floor)
        except NoPairsError:
            found.append((held, None))
        else:
            found.append((held, narrower))
    return found


def _pieces(problem: Problem, ranges: Ranges, feature: int, wanted: int) -> list[tuple[float, float]]:
    """Cover the range of an input's difference by intervals; by single values where it is a whole number."""
    low = float(ranges.inputs.difference_lower[feature])
    high = float(ranges.inputs.difference_upper[feature])
    scale = abs(float(problem.network.input_scaling.scale[feature]))
    if problem.domain.integer[feature]:
        first, last = math.floor(low * scale + 1e-9), math.ceil(high * scale - 1e-9)
        if last - first < 2 * _MOST:
            hair = 1e-14
            return [
                (k / scale - hair * abs(k / scale), k / scale + hair * abs(k / scale))
                for k in range(first, last + 1)
            ]
    cuts = [low, *(low + (high - low) * k / wanted for k in range(1, wanted)), high]
    return list(itertools.pairwise(cuts))


def dead(problem: Problem, ranges: Ranges, goal: float) -> float | None:
    """Return the closed form of ranges if it is at most the goal, else None."""
    bound = closed_form(problem, ranges)
    return bound if bound <= goal else None
