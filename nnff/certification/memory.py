"""What certifying one epsilon leaves for the next: ranges, cells and pairs."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from nnff.errors import ProblemError
from nnff.ranges import intersect

if TYPE_CHECKING:
    from nnff.certification.certificate import Witness
    from nnff.problem import Problem
    from nnff.ranges import Ranges
    from nnff.values import FloatArray

__all__ = ["Memory", "WarmStart", "both"]


@dataclass(frozen=True)
class WarmStart:
    """What is known before the work on an epsilon begins.

    Attributes
    ----------
    ranges
        Ranges that hold for it, or None.
    plan
        The plans of the same strategy at a larger epsilon, by what each part held, or None; see
        `EncodingStrategy.adapt`.
    x1, x2
        Candidate pairs, raw units, shape (rows, n); not yet feasible.
    """

    ranges: Ranges | None = None
    plan: Any = None
    x1: FloatArray | None = None
    x2: FloatArray | None = None


@dataclass(frozen=True)
class _Lesson:
    """What one certification has learned."""

    epsilon: float
    strategy: str
    ranges: Ranges
    plan: Any
    witness: Witness | None


@dataclass
class Memory:
    """Passed to one call of `nnff.certify` after the other; each uses it and adds to it.

    What may be used where, and why that is sound:

    * *Ranges* enclose all pairs within their epsilon, and the pairs within a smaller epsilon are
      among those: ranges go down, never up.
    * *Cells* with their planes are facts about an activation, whatever the epsilon.  That they
      cover the ranges is not assumed: `nnff.encoding.cover` clips them and fills what they leave open.
      They go down as well: those of a smaller epsilon leave much open, and what fills it costs more than
      it brings (docs/decisions/0013).
    * *Pairs* are candidates.  They are moved into the ball, improved and replayed like any other.

    No bound is handed on, so every certificate rests on its own solves.  All of
    it belongs to one network, domain, metric and its coordinates.

    Examples
    --------
    >>> from nnff import Domain, Layer, Memory, Network, certify, metric
    >>> network = Network((Layer([[1.0, -2.0]], [0.0], "sigmoid"),))
    >>> domain, similar, memory = Domain.from_box([-1, -1], [1, 1]), metric("weighted-lp", p=1), Memory()
    >>> wide = certify(network, domain, similar, 0.2, memory=memory)
    >>> narrow = certify(network, domain, similar, 0.1, memory=memory)
    >>> wide.delta_upper > narrow.delta_upper
    True
    """

    _lessons: dict[float, _Lesson] = field(default_factory=dict, repr=False)
    _belongs: str | None = field(default=None, repr=False)

    def recall(self, problem: Problem, strategy: str) -> WarmStart:
        """Return what is of use for a problem.

        Raises
        ------
        ProblemError
            If the memory is of another network, domain or metric.
        """
        self._check(problem)
        # The nearest larger one first.
        above = [self._lessons[known] for known in sorted(self._lessons) if known >= problem.epsilon]
        ranges = None
        for lesson in above:
            ranges = lesson.ranges if ranges is None else both(ranges, lesson.ranges)
        plan = next((le.plan for le in above if le.plan is not None and le.strategy == strategy), None)
        pairs = [le.witness for le in self._lessons.values() if le.witness is not None]
        if not pairs:
            return WarmStart(ranges, plan)
        return WarmStart(ranges, plan, np.array([p.x1 for p in pairs]), np.array([p.x2 for p in pairs]))

    def keep(
        self, problem: Problem, strategy: str, *, ranges: Ranges, plan: Any, witness: Witness | None
    ) -> None:
        """Take in what a certification has learned.

        Parameters
        ----------
        problem, strategy
            What was certified, and how.
        ranges
            Ranges of *all* similar pairs: not those of pairs that exceed a known one.
        plan
            The last plan of every part, or None.
        witness
            The best pair, or None.

        Raises
        ------
        ProblemError
            If the memory is of another network, domain or metric.
        """
        self._check(problem)
        self._lessons[problem.epsilon] = _Lesson(problem.epsilon, strategy, ranges, plan, witness)

    def _check(self, problem: Problem) -> None:
        own = replace(problem, epsilon=0.0).fingerprint
        if self._belongs is None:
            self._belongs = own
        elif self._belongs != own:
            raise ProblemError(
                "the memory is of another network, domain, metric or scale; use a new one for each"
            )


def both(one: Ranges, other: Ranges) -> Ranges:
    """Return what both allow."""
    layers = tuple(intersect(a, b) for a, b in zip(one.layers, other.layers, strict=True))
    return replace(one, layers=layers)
