"""Algorithm 3, the simulated gradient: finite differences of delta, a step, and care for jumps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from nnff.errors import ConfigError, UnknownNameError
from nnff.search.delta import central_differences
from nnff.search.jumps import AfterJump, Jump, Stop
from nnff.values import ContentValue, FloatArray, frozen_array

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nnff.search.delta import Delta

__all__ = ["Descent", "Epoch", "Neighbourhood", "best_start", "simulated_gradient"]

GRADIENTS = ("central", "witness")


@dataclass(frozen=True, eq=False)
class Epoch(ContentValue):
    """One epoch.

    Attributes
    ----------
    number
        0 for the start.
    delta
        delta after it.
    parameters
        Shape (p,).
    event
        ``"start"``, ``"step"``, ``"jump"``, or what was done after a jump.
    """

    number: int
    delta: float
    parameters: FloatArray
    event: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "parameters", frozen_array(self.parameters))


@dataclass(frozen=True, eq=False)
class Descent(ContentValue):
    """What a descent has seen.

    Attributes
    ----------
    epochs
        In order, the start first; a jump that was not kept is there, too.
    stopped
        ``"epochs"``, ``"jump"`` or ``"flat"`` (the gradient is 0).
    evaluations
        Values of delta that it took.
    """

    epochs: tuple[Epoch, ...]
    stopped: str
    evaluations: int

    @property
    def best(self) -> Epoch:
        """The epoch with the smallest delta, the first of several."""
        return min(self.epochs, key=lambda epoch: epoch.delta)

    @property
    def deltas(self) -> tuple[float, ...]:
        """What delta was, per epoch."""
        return tuple(epoch.delta for epoch in self.epochs)


@dataclass(frozen=True)
class Neighbourhood:
    """Try the gradient and directions near it, and take the best step.

    Attributes
    ----------
    directions
        How many besides the gradient itself.
    spread
        Length of the change of direction, relative to the gradient's.
    """

    directions: int = 8
    spread: float = 0.5

    def around(self, gradient: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Return the gradient and its neighbours, all of its length, shape (1 + directions, p)."""
        length = float(np.linalg.norm(gradient))
        change = rng.standard_normal((self.directions, len(gradient)))
        change *= self.spread * length / np.linalg.norm(change, axis=1, keepdims=True)
        near = gradient + change
        near *= length / np.linalg.norm(near, axis=1, keepdims=True)
        return np.vstack([gradient, near])


def simulated_gradient(
    delta: Delta,
    start: FloatArray,
    *,
    epochs: int = 20,
    learning_rate: float = 0.01,
    h: float = 1e-4,
    gradient: Literal["central", "witness"] = "central",
    jump: float = 0.5,
    after_jump: AfterJump = Stop(),  # noqa: B008 - immutable
    neighbourhood: Neighbourhood | None = None,
    longest_step: float | None = None,
    rng: np.random.Generator | None = None,
) -> Descent:
    """Lower delta by gradient steps: Algorithm 3.

    Per epoch the gradient of delta, one step against it, delta of the new parameters.  On a jump up stop
    and keep the parameters before it.  What is returned knows the best parameters seen.

    Parameters
    ----------
    delta
        What to lower.
    start
        Parameters to begin with, shape (p,).
    epochs
        10 to 20 in the paper.
    learning_rate, h
        .01 and 1e-4 in the paper.
    gradient
        ``"central"`` differences of delta, the paper's, 2 p values per epoch: for deltas that are exact
        (`PairDelta`, `ClosedFormDelta`); or ``"witness"``: the gradient at the worst pair
        (`Delta.witness_gradient`).
    jump
        A rise by more than this share of delta is a jump; smaller ones are steps.  The paper calls a rise
        from about 6 to 44.75 a jump and goes on after its best epoch, so that small rises do not stop it;
        where the line is it does not say.
    after_jump
        `Stop`, `Restart` or `Anneal`.
    neighbourhood
        Look for a better direction near the gradient.
    longest_step
        Steps are shortened to this length; default: not at all, as in the paper.  Where delta
        is not continuous, a difference over it divided by 2h is a step of any length.
    rng
        For `after_jump` and `neighbourhood`; default: seed 0.
    """
    if gradient not in GRADIENTS:
        raise UnknownNameError("gradient", gradient, GRADIENTS)
    if not (learning_rate > 0 and h > 0 and epochs >= 0):
        raise ConfigError(
            f"a descent needs a positive learning rate and h and no negative number of epochs, "
            f"got {learning_rate}, {h} and {epochs}"
        )
    rng = np.random.default_rng(0) if rng is None else rng
    began = delta.evaluations
    here, value = np.array(start, dtype=np.float64), delta.value(np.asarray(start, dtype=np.float64))
    seen, jumps, rate, stopped = [Epoch(0, value, here, "start")], 0, learning_rate, "epochs"
    for number in range(1, epochs + 1):
        slope = (
            central_differences(delta.value, here, h)
            if gradient == "central"
            else delta.witness_gradient(here)
        )
        if not slope.any():
            stopped = "flat"
            break
        directions = slope[None] if neighbourhood is None else neighbourhood.around(slope, rng)
        steps = _shortened(rate * directions, longest_step)
        values = [delta.value(here - step) for step in steps]
        best = int(np.argmin(values))
        there, new = here - steps[best], values[best]
        if new <= (1 + jump) * value:
            here, value = there, new
            seen.append(Epoch(number, value, here, "step"))
            continue
        jumps += 1
        seen.append(Epoch(number, new, there, "jump"))
        move = after_jump.decide(Jump(number, jumps, value, new, here, there), delta.value, rng)
        if move is None:
            stopped = "jump"
            break
        here, value, rate = move.parameters, move.delta, rate * move.slower
        seen.append(Epoch(number, value, here, move.event))
    return Descent(tuple(seen), stopped, delta.evaluations - began)


def best_start(descents: Iterable[Descent]) -> Descent:
    """Return the descent that ended lowest: several starts, one answer."""
    return min(descents, key=lambda descent: descent.best.delta)


def _shortened(steps: FloatArray, longest: float | None) -> FloatArray:
    if longest is None:
        return steps
    length = np.linalg.norm(steps, axis=1, keepdims=True)
    return steps * np.minimum(1.0, longest / np.where(length > 0, length, 1.0))
