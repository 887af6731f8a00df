"""Encodings as interchangeable strategies: plan, encode, refine."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from nnff.encoding.clip import clip_plan
from nnff.encoding.cover import cover_plan
from nnff.encoding.embedded_pair import EmbeddedPair
from nnff.encoding.embedding import chain_of
from nnff.encoding.refine import refine
from nnff.encoding.relational import encode_relational, initial_plan
from nnff.errors import UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nnff.encoding.cells import Neuron
    from nnff.encoding.clip import CellBoxes
    from nnff.encoding.encoded import Encoded
    from nnff.problem import Problem
    from nnff.ranges import Ranges
    from nnff.values import FloatArray

__all__ = ["EncodingStrategy", "Relational", "encoding_strategies", "encoding_strategy"]


class EncodingStrategy(ABC):
    """How Problem 1 becomes a MILP, and how that MILP is made tighter.

    A plan is the strategy's own description of its approximations (cells,
    segments); to everyone else it is opaque.
    """

    name: ClassVar[str]

    takes_ranges: ClassVar[bool] = False
    """Whether it can encode ranges of pairs in one order, above a floor (`nnff.ranges.Ranges`)."""

    def __init__(self, problem: Problem, ranges: Ranges) -> None:
        self.problem = problem
        self.ranges = ranges

    @property
    def excess(self) -> float:
        """What approximations of the metric's embedding can add to the distance of an encoded pair, at most.

        Every pair of the current encoding is within ``epsilon (1 + looseness) + excess``.
        """
        return 0.0

    @abstractmethod
    def first_plan(self) -> Any:
        """Return the plan of the first round."""

    @abstractmethod
    def encode(self, plan: Any) -> Encoded:
        """Encode; every feasible pair must survive with at least its output difference."""

    @abstractmethod
    def refine(self, plan: Any, encoded: Encoded, x: FloatArray, tolerance: float) -> Any | None:
        """Return a finer plan where the point `x` exploits the relaxation, or None if it does not.

        Parameters
        ----------
        plan, encoded
            The current plan and its encoding.
        x
            A point of the MILP.
        tolerance
            Violations below it, in units of the logit, are let be.
        """

    def adapt(self, known: Any, plan: Any) -> Any:
        """Return a plan that makes use of one that is known from another epsilon, beside the current one.

        Nothing may be assumed of the ranges that `known` was made for.  The default makes no use of it.
        """
        del known
        return plan

    def boxes(self, plan: Any) -> Mapping[Neuron, Sequence[FloatArray]]:
        """Return the rectangles over (m, D) of the cells of every neuron, in the order of their binaries."""
        del plan
        return {}

    def tighten(self, plan: Any, ranges: Ranges, boxes: CellBoxes | None = None) -> Any:
        """Take narrower ranges over, and return what is left of the plan.

        The default ignores them: a strategy that cannot use ranges of ordered pairs above a floor
        stays as it is.

        Parameters
        ----------
        plan
            The plan.
        ranges
            The narrower ranges.
        boxes
            As `boxes` returns them, narrower; None for a cell that holds no pair.
        """
        del ranges, boxes
        return plan


class Relational(EncodingStrategy):
    """Midpoint-difference coordinates with cells (`nnff.encoding.relational`)."""

    name = "relational"
    takes_ranges = True

    def __init__(self, problem: Problem, ranges: Ranges) -> None:
        super().__init__(problem, ranges)
        chain = chain_of(problem)
        # Its cells belong to the metric, whatever the plan of the network: they are kept here.
        self._embedded = None if chain is None else EmbeddedPair(problem, chain)

    @property
    def excess(self) -> float:
        """See `EncodingStrategy.excess`: that of the embedding's cells."""
        return 0.0 if self._embedded is None else self._embedded.excess

    def first_plan(self) -> Any:
        """Return the coarsest cells."""
        return initial_plan(self.problem, self.ranges)

    def encode(self, plan: Any) -> Encoded:
        """Encode with these cells."""
        return encode_relational(self.problem, self.ranges, plan, self._embedded)

    def refine(self, plan: Any, encoded: Encoded, x: FloatArray, tolerance: float) -> Any | None:
        """Split the cells in which `x` stands, where it is violated most."""
        finer = refine(self.problem.network, plan, encoded.neurons(x), tolerance=tolerance)
        if self._embedded is not None and self._embedded.refine(encoded.embedding_neurons(x)):
            return plan if finer is None else finer
        return finer

    def adapt(self, known: Any, plan: Any) -> Any:
        """Clip the known cells to the ranges and fill what they leave open from the current ones."""
        last = self.problem.flip is not None
        return cover_plan(self.problem.network, self.ranges, known, plan, last=last)

    def boxes(self, plan: Any) -> Mapping[Neuron, Sequence[FloatArray]]:
        """Return the rectangles of the cells."""
        return {key: [cell.box for cell in cells] for key, cells in plan.items()}

    def tighten(self, plan: Any, ranges: Ranges, boxes: CellBoxes | None = None) -> Any:
        """Clip or drop cells."""
        self.ranges = ranges
        return clip_plan(self.problem.network, plan, ranges, boxes)


def encoding_strategies() -> dict[str, type[EncodingStrategy]]:
    """Return the strategies that end in a MILP, by name."""
    from nnff.encoding.twin import Twin  # noqa: PLC0415 - a strategy itself, so it imports this module

    return {strategy.name: strategy for strategy in (Relational, Twin)}


def encoding_strategy(name: str, problem: Problem, ranges: Ranges) -> EncodingStrategy:
    """Make a strategy by name.

    Raises
    ------
    UnknownNameError
        If there is none of that name.
    """
    known = encoding_strategies()
    if name not in known:
        raise UnknownNameError("strategy", name, [*known, "exhaustive"])
    return known[name](problem, ranges)
