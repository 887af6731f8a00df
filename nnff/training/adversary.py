"""Looking for the worst similar point of every row: by gradients, or at random.

Whatever an adversary returns is similar and possible, so its difference is a lower bound of the true
worst one.  Training needs no more; `nnff.certify` gives the bound from above.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

if TYPE_CHECKING:
    from nnff.training.neighbourhood import Neighbourhood
    from nnff.training.objective import Batch, Objective
    from nnff.values import FloatArray

__all__ = ["Adversary", "GradientAdversary", "RandomAdversary", "Worst"]

_SIGNS = np.array([1.0, -1.0])[:, None]


@dataclass(frozen=True, eq=False)
class Worst:
    """What an adversary has found.

    Attributes
    ----------
    difference
        x* - x, scaled, shape (rows, n).
    both_ways
        The differences that raise and that lower the output most, shape (2, rows, n): where to start
        the next time.
    harm
        What they cost, shape (rows,); see `Objective.harm`.
    """

    difference: FloatArray
    both_ways: FloatArray
    harm: FloatArray


class Adversary(ABC):
    """Finds x* for every row of a batch.

    Attributes
    ----------
    name
        What the estimators' parameter ``adversary`` calls it.
    """

    name: ClassVar[str]

    @abstractmethod
    def both_ways(
        self,
        objective: Objective,
        theta: FloatArray,
        batch: Batch,
        near: Neighbourhood,
        *,
        start: FloatArray,
        rng: np.random.Generator,
    ) -> FloatArray:
        """Return similar differences with a high (first) and a low (second) output, shape (2, rows, n).

        Parameters
        ----------
        objective, theta
            The network and its parameters.
        batch
            The rows x.
        near
            Their neighbourhoods.
        start
            Similar differences to begin with, shape (2, rows, n).
        rng
            Source of everything random.
        """

    def worst(
        self,
        objective: Objective,
        theta: FloatArray,
        batch: Batch,
        near: Neighbourhood,
        *,
        rng: np.random.Generator,
        start: FloatArray | None = None,
    ) -> Worst:
        """Return the worse of the two for every row: outputs are monotone in the linear output, as is a loss.

        Parameters as for `both_ways`; without a `start` each row starts at itself.
        """
        begin = np.zeros((2, *batch.z.shape)) if start is None else start
        found = self.both_ways(objective, theta, batch, near, start=begin, rng=rng)
        here = objective.perceptron.linear(theta, batch.z)
        there = objective.perceptron.linear(theta, batch.z + found)
        harms = np.stack([objective.harm(here, side, batch.y) for side in there])
        chosen, rows = np.argmax(harms, axis=0), np.arange(len(batch))
        return Worst(found[chosen, rows], found, harms[chosen, rows])


def _best(values: FloatArray, trials: FloatArray) -> FloatArray:
    """Return per direction and row the trial with the largest value; shapes (trials, 2, rows[, n])."""
    ways, rows = np.ogrid[:2, : values.shape[2]]
    result: FloatArray = trials[np.argmax(values, axis=0), ways, rows]
    return result


@dataclass(frozen=True)
class GradientAdversary(Adversary):
    """Frank-Wolfe on the metric's ball within the domain, for all rows and both directions at once.

    Every step asks the metric for the similar difference that is furthest along the gradient of the linear
    output (which does not vanish where a sigmoid saturates) and searches the line towards it.  Ball and box
    are convex, so the line is similar throughout; a ball that is not is caught by `Neighbourhood.admits`.
    Integer features stay or go all the way, and continuous ones follow the line.

    Attributes
    ----------
    steps
        Number of steps.  Few are enough in training, where every epoch goes on from the last one's points.
    """

    steps: int = 2

    name: ClassVar[str] = "gradient"

    _LENGTHS: ClassVar[tuple[float, ...]] = (1.0, 0.5, 0.15)

    def both_ways(
        self,
        objective: Objective,
        theta: FloatArray,
        batch: Batch,
        near: Neighbourhood,
        *,
        start: FloatArray,
        rng: np.random.Generator,
    ) -> FloatArray:
        """Return the ends of the two searches; see `Adversary.both_ways`."""
        del rng
        net, z = objective.perceptron, batch.z
        d = start
        twice = np.concatenate([z, z])
        flat = (-1, z.shape[1])
        for _ in range(self.steps):
            gradient = net.input_gradient(theta, (z + d).reshape(flat)).reshape(d.shape) * _SIGNS[..., None]
            goal = near.furthest(twice, gradient.reshape(flat)).reshape(d.shape)
            trials = self._trials(near, d, goal)
            values = net.linear(theta, z + trials) * _SIGNS
            values[1:][~near.admits(z, trials[1:])] = -np.inf
            d = _best(values, trials)
        return d

    def _trials(self, near: Neighbourhood, d: FloatArray, goal: FloatArray) -> FloatArray:
        """Return the point itself and points towards the goal, shape (trials, 2, rows, n)."""
        trials = [d, *(d + length * (goal - d) for length in self._LENGTHS)]
        if not near.has_integers:
            return np.stack(trials)
        integer = near.domain.integer
        moved = [np.where(integer, goal, trial) for trial in trials[1:]]
        stayed = [np.where(integer, d, trial) for trial in trials[1:]]
        return np.stack([d, *moved, *stayed])


@dataclass(frozen=True)
class RandomAdversary(Adversary):
    """Tries the furthest similar differences along random directions: a baseline for the gradient.

    Attributes
    ----------
    draws
        Directions per row.
    """

    draws: int = 8

    name: ClassVar[str] = "random"

    def both_ways(
        self,
        objective: Objective,
        theta: FloatArray,
        batch: Batch,
        near: Neighbourhood,
        *,
        start: FloatArray,
        rng: np.random.Generator,
    ) -> FloatArray:
        """Return the best of the start and the draws; see `Adversary.both_ways`."""
        net, z = objective.perceptron, batch.z
        drawn = []
        for _ in range(self.draws):
            d = near.furthest(z, rng.standard_normal(z.shape))
            drawn.append(np.where(near.admits(z, d)[:, None], d, 0.0))
        tried = np.stack([start, *(np.stack([d, d]) for d in drawn)])
        return _best(net.linear(theta, z + tried) * _SIGNS, tried)
