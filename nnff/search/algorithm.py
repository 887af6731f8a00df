"""Algorithm 1 of the founding paper, from its steps: draws, resampling, delta_0, simulated gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from nnff.errors import ConfigError
from nnff.search.delta import ClosedFormDelta, Delta, PairDelta
from nnff.search.descent import Descent, best_start, simulated_gradient
from nnff.search.parameters import n_parameters
from nnff.search.proposals import Draws, Normal, Proposal, random_search

if TYPE_CHECKING:
    from collections.abc import Callable

    from nnff.network import Network
    from nnff.problem import Problem
    from nnff.values import FloatArray

__all__ = ["FairSearch", "ThreeDeltas", "algorithm_1", "three_deltas"]


class Sampler(Protocol):
    """What imbalanced-learn calls a sampler."""

    def fit_resample(self, X: Any, y: Any) -> tuple[Any, Any]:  # noqa: N803 - scikit-learn's name
        """Return rows and outputs, resampled."""
        ...


@dataclass(frozen=True)
class ThreeDeltas:
    """One network, measured three times: improvements on resampled rows alone are no improvements.

    Attributes
    ----------
    resampled
        Largest difference over similar pairs of the resampled rows.
    original
        The same over the original rows; never smaller, for the resampled rows are among them.
    box
        The bound of delta_max over the domain that the closed form proves.
    """

    resampled: float
    original: float
    box: float


@dataclass(frozen=True, eq=False)
class FairSearch:
    """What each step of Algorithm 1 found.

    Attributes
    ----------
    draws
        The random search, on the original rows.
    rows
        The resampled rows, raw units.
    delta_0
        delta of the best draw on the resampled rows.
    descents
        Algorithm 3 on the resampled rows, one per start.
    before, after
        The best draw and the outcome, each on the resampled rows, the original rows and the box.
    network
        The outcome.
    """

    draws: Draws
    rows: FloatArray
    delta_0: float
    descents: tuple[Descent, ...]
    before: ThreeDeltas
    after: ThreeDeltas
    network: Network

    @property
    def descent(self) -> Descent:
        """The descent that ended lowest."""
        return best_start(self.descents)


def three_deltas(problem: Problem, parameters: FloatArray, resampled: Delta, original: Delta) -> ThreeDeltas:
    """Measure parameters on the resampled rows, on the original rows and on the box."""
    return ThreeDeltas(
        resampled.value(parameters), original.value(parameters), ClosedFormDelta(problem).value(parameters)
    )


def algorithm_1(
    problem: Problem,
    rows: FloatArray,
    *,
    rng: np.random.Generator,
    sampler: Sampler | None = None,
    target: FloatArray | None = None,
    draws: int = 20,
    proposal: Proposal = Normal(),  # noqa: B008 - immutable
    starts: int = 1,
    measure: Callable[[Problem, FloatArray], Delta] = PairDelta,
    **descent: Any,
) -> FairSearch:
    """Search for parameters with a small delta over data pairs.

    1. Draw parameters and keep those with the smallest delta (`random_search`).
    2. Resample the rows (`nnff.processing.SensitiveResampler`).
    3. delta_0 of those parameters on the resampled rows.
    4. Simulated gradient on the resampled rows (`simulated_gradient`).

    Resampling takes rows away, and with them pairs: delta falls by that alone, whatever the
    network.  So the outcome is always measured on the original rows and on the box as well.

    Parameters
    ----------
    problem
        Shape of the network, domain, metric, epsilon.
    rows
        Data in raw units, shape (rows, n).
    rng
        Source of the draws.
    sampler
        Step 2; default: none, the rows as they are.
    target
        The outputs given to the sampler, shape (rows,); default: the best draw's own outputs.
    draws, proposal
        Of step 1.
    starts
        So many of the best draws are descended from.
    measure
        What delta is, made from a problem and rows.
    **descent
        Further arguments of `simulated_gradient`.
    """
    if not 1 <= starts <= draws:
        raise ConfigError(f"{starts} starts of {draws} draws; take from 1 to all of them")
    original = measure(problem, rows)
    found = random_search(original, n_parameters(problem.network), draws=draws, proposal=proposal, rng=rng)
    kept = rows
    if sampler is not None:
        outputs = original.network(found.best).predict(rows) if target is None else np.asarray(target)
        kept = np.asarray(sampler.fit_resample(rows, outputs)[0], dtype=np.float64)
    resampled = measure(problem, kept)
    delta_0 = resampled.value(found.best)
    descents = tuple(
        simulated_gradient(resampled, parameters, rng=rng, **descent)
        for parameters in found.parameters[:starts]
    )
    best = best_start(descents).best.parameters
    return FairSearch(
        found,
        kept,
        delta_0,
        descents,
        three_deltas(problem, found.best, resampled, original),
        three_deltas(problem, best, resampled, original),
        original.network(best),
    )
