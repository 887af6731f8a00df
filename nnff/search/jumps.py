"""What to do when a step of the simulated gradient makes delta jump up: stop, begin anew, or anneal."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from nnff.errors import ConfigError
from nnff.search.proposals import Normal, Proposal, random_search

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

    from nnff.values import FloatArray

__all__ = ["AfterJump", "Anneal", "Jump", "Move", "Restart", "Stop"]


@dataclass(frozen=True, eq=False)
class Jump:
    """A step that led up.

    Attributes
    ----------
    epoch
        Number of the step, from 1.
    number
        How many jumps there have been, this one included.
    before, after
        delta before and after the step.
    parameters_before, parameters_after
        Shape (p,) each.
    """

    epoch: int
    number: int
    before: float
    after: float
    parameters_before: FloatArray
    parameters_after: FloatArray


@dataclass(frozen=True, eq=False)
class Move:
    """Where to go on.

    Attributes
    ----------
    parameters
        Shape (p,).
    delta
        delta there.
    slower
        Factor for the learning rate from here on.
    event
        What happened, in a word.
    """

    parameters: FloatArray
    delta: float
    slower: float
    event: str


class AfterJump(Protocol):
    """Decides after a jump."""

    def decide(
        self, jump: Jump, value: Callable[[FloatArray], float], rng: np.random.Generator
    ) -> Move | None:
        """Return where to go on, or None to stop with the parameters before the jump."""
        ...


@dataclass(frozen=True)
class Stop:
    """End there and keep the parameters before it: the founding paper's rule."""

    def decide(
        self,
        jump: Jump,  # noqa: ARG002 - the contract
        value: Callable[[FloatArray], float],  # noqa: ARG002
        rng: np.random.Generator,  # noqa: ARG002
    ) -> Move | None:
        """Stop; see `AfterJump.decide`."""
        return None


@dataclass(frozen=True)
class Restart:
    """Go on from the best of new draws.

    Attributes
    ----------
    draws
        Draws per restart.
    most
        So many restarts; then stop.
    proposal
        Where the draws come from.
    """

    draws: int = 20
    most: int = 3
    proposal: Proposal = Normal()  # noqa: RUF009 - immutable

    def decide(
        self, jump: Jump, value: Callable[[FloatArray], float], rng: np.random.Generator
    ) -> Move | None:
        """Begin anew; see `AfterJump.decide`."""
        if jump.number > self.most:
            return None
        found = random_search(
            value, len(jump.parameters_before), draws=self.draws, proposal=self.proposal, rng=rng
        )
        return Move(found.best, found.delta, 1.0, "restart")


@dataclass(frozen=True)
class Anneal:
    """Accept a jump of size r with probability exp(-r / T), else go back and step half as far.

    T is `temperature` times delta before the jump, times `cooling` to the power of the epoch (Metropolis).

    Attributes
    ----------
    temperature
        Relative to delta.
    cooling
        Per epoch, above 0 and at most 1.
    """

    temperature: float = 0.5
    cooling: float = 0.8

    def __post_init__(self) -> None:
        if not (self.temperature > 0 and 0 < self.cooling <= 1):
            raise ConfigError(
                f"annealing needs a positive temperature and a cooling above 0 and at most 1, "
                f"got {self.temperature} and {self.cooling}"
            )

    def decide(
        self,
        jump: Jump,
        value: Callable[[FloatArray], float],  # noqa: ARG002 - the contract
        rng: np.random.Generator,
    ) -> Move | None:
        """Accept or go back; see `AfterJump.decide`."""
        heat = self.temperature * jump.before * self.cooling**jump.epoch
        chance = math.exp(-(jump.after - jump.before) / heat) if heat > 0 else 0.0
        if rng.random() < chance:
            return Move(jump.parameters_after, jump.after, 1.0, "accepted")
        return Move(jump.parameters_before, jump.before, 0.5, "rejected")
