"""Where to begin: draws of parameters, the smallest delta kept; better proposals than independent draws."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from scipy.stats import norm, qmc

from nnff.errors import ConfigError
from nnff.values import ContentValue, FloatArray, frozen_array

if TYPE_CHECKING:
    from collections.abc import Callable

    from nnff.search.delta import Delta

__all__ = [
    "Around",
    "Draws",
    "Normal",
    "Proposal",
    "Spread",
    "Uniform",
    "cross_entropy_search",
    "random_search",
]

_LEAST_SPREAD = 1e-3
"""Of the cross-entropy method, relative to its first spread: with less, all draws are one."""


class Proposal(Protocol):
    """Where draws come from."""

    def draw(self, count: int, dimension: int, rng: np.random.Generator) -> FloatArray:
        """Return draws, shape (count, dimension)."""
        ...


@dataclass(frozen=True)
class Normal:
    """Independent normal numbers with mean 0: the founding paper's, at scale 1."""

    scale: float = 1.0

    def draw(self, count: int, dimension: int, rng: np.random.Generator) -> FloatArray:
        """Return draws; see `Proposal.draw`."""
        return self.scale * rng.standard_normal((count, dimension))


@dataclass(frozen=True)
class Uniform:
    """Independent uniform numbers in [-reach, reach]."""

    reach: float = 1.0

    def draw(self, count: int, dimension: int, rng: np.random.Generator) -> FloatArray:
        """Return draws; see `Proposal.draw`."""
        return rng.uniform(-self.reach, self.reach, (count, dimension))


@dataclass(frozen=True)
class Spread:
    """Normal scores of a Latin hypercube: every coordinate of the draws is evenly spread over its quantiles.

    As distribution the same as `Normal`, but no region of a coordinate is missed by luck.
    """

    scale: float = 1.0

    def draw(self, count: int, dimension: int, rng: np.random.Generator) -> FloatArray:
        """Return draws; see `Proposal.draw`."""
        shares = qmc.LatinHypercube(dimension, rng=rng).random(count)
        result: FloatArray = self.scale * norm.ppf(shares)
        return result


@dataclass(frozen=True, eq=False)
class Around(ContentValue):
    """Normal numbers around known parameters, such as those of a trained network: near accuracy, not near 0.

    Attributes
    ----------
    center
        Shape (p,).
    scale
        Standard deviation, of the size of the parameters' root mean square times this.
    """

    center: FloatArray
    scale: float = 0.2

    def __post_init__(self) -> None:
        object.__setattr__(self, "center", frozen_array(self.center))

    def draw(self, count: int, dimension: int, rng: np.random.Generator) -> FloatArray:
        """Return draws; see `Proposal.draw`."""
        if self.center.shape != (dimension,):
            raise ConfigError(f"the center has shape {self.center.shape} for {dimension} parameters")
        size = float(np.sqrt(np.mean(self.center**2))) or 1.0
        result: FloatArray = self.center + self.scale * size * rng.standard_normal((count, dimension))
        return result


@dataclass(frozen=True, eq=False)
class Draws(ContentValue):
    """Parameters with their delta, smallest first.

    Attributes
    ----------
    parameters
        Shape (draws, p).
    deltas
        Shape (draws,), not decreasing.
    """

    parameters: FloatArray
    deltas: FloatArray

    def __post_init__(self) -> None:
        order = np.argsort(self.deltas, kind="stable")
        object.__setattr__(self, "parameters", frozen_array(np.asarray(self.parameters)[order]))
        object.__setattr__(self, "deltas", frozen_array(np.asarray(self.deltas)[order]))

    @property
    def best(self) -> FloatArray:
        """The parameters with the smallest delta, shape (p,)."""
        result: FloatArray = self.parameters[0]
        return result

    @property
    def delta(self) -> float:
        """The smallest delta."""
        return float(self.deltas[0])


def random_search(
    delta: Delta | Callable[[FloatArray], float],
    dimension: int,
    *,
    draws: int = 20,
    proposal: Proposal = Normal(),
    rng: np.random.Generator,
) -> Draws:
    """Draw parameters and sort them by delta: the first step of Algorithm 1.

    The smallest is kept.  (The paper's pseudo-code prints argmax and max, its text means the smallest.)
    delta alone knows nothing of accuracy: parameters near 0 are the fairest of all, and useless.

    Parameters
    ----------
    delta
        What is evaluated, a `Delta` or a function of the parameters.
    dimension
        Number of parameters.
    draws
        20 to 40 in the paper.
    proposal
        Where draws come from.
    rng
        Source of the draws.
    """
    if draws < 1:
        raise ConfigError(f"the number of draws is {draws}; it must be at least 1")
    found = proposal.draw(draws, dimension, rng)
    value = _function(delta)
    return Draws(found, np.array([value(parameters) for parameters in found]))


def cross_entropy_search(
    delta: Delta | Callable[[FloatArray], float],
    dimension: int,
    *,
    rounds: int = 5,
    draws: int = 20,
    elite: float = 0.25,
    proposal: Proposal = Normal(),
    rng: np.random.Generator,
) -> Draws:
    """Draw in rounds, each around the best of the round before (Rubinstein's cross-entropy method).

    The first round is `proposal`; each later one is normal with the mean and the standard deviation, per
    coordinate, of the best share of the round before.  Meant for an objective that
    holds accuracy as well (`nnff.search.Mixture`): of delta alone it finds the constant network.

    Parameters
    ----------
    delta, dimension, proposal, rng
        As for `random_search`.
    rounds, draws
        Rounds, and draws in each.
    elite
        Share of the draws that the next round learns from.

    Returns
    -------
    All draws of all rounds.
    """
    if not 0 < elite <= 1:
        raise ConfigError(f"the elite share is {elite}; it must be above 0 and at most 1")
    rounds_found = [random_search(delta, dimension, draws=draws, proposal=proposal, rng=rng)]
    keep = max(2, round(elite * draws))
    least = _LEAST_SPREAD * rounds_found[0].parameters.std(axis=0)
    value = _function(delta)
    for _ in range(rounds - 1):
        best = rounds_found[-1].parameters[:keep]
        spread = np.maximum(best.std(axis=0), least)
        found = best.mean(axis=0) + spread * rng.standard_normal((draws, dimension))
        # The best so far is never lost.
        found[0] = rounds_found[-1].best
        rounds_found.append(Draws(found, np.array([value(parameters) for parameters in found])))
    return Draws(
        np.concatenate([each.parameters for each in rounds_found]),
        np.concatenate([each.deltas for each in rounds_found]),
    )


def _function(delta: Delta | Callable[[FloatArray], float]) -> Callable[[FloatArray], float]:
    return delta if callable(delta) else delta.value
