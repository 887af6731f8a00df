"""The adversary that is exact: a MILP per row and direction, through any solver plugin."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from joblib import Parallel, delayed

from nnff.certification.proof import judge
from nnff.encoding.around import Around
from nnff.errors import SolverError
from nnff.network import Network
from nnff.solver import Capability, SolveOptions
from nnff.solver.guard import guarded_solve
from nnff.solver.load import solver as load_solver
from nnff.training.adversary import Adversary, GradientAdversary

if TYPE_CHECKING:
    from nnff.encoding import Encoded
    from nnff.solver import SolverBackend, SolveResult
    from nnff.training.neighbourhood import Neighbourhood
    from nnff.training.objective import Batch, Objective
    from nnff.values import FloatArray

__all__ = ["ExactAdversary"]

_ROUNDS = 60

_DRAWN = 1.0 - np.concatenate([[0.0], np.geomspace(1e-8, 0.1, 40)])
"""By how much a point is drawn in until it is similar."""


@dataclass(frozen=True)
class ExactAdversary(Adversary):
    """Solves for x* of every row, starting from what the gradient adversary finds.

    A row's search ends when the solver's bound shows that nothing similar is better by more than the
    tolerance.  With smooth activations that takes several rounds, each with finer segments.  Where the
    metric's rows are outer, the ball searched is larger by its looseness, and exact is meant up to that.

    Attributes
    ----------
    solver
        Name of a solver plugin.
    n_jobs
        Processes; rows are independent.
    tolerance
        In units of the linear output, relative to max(1, its size).
    time_limit
        Wall seconds per row and direction; the best point so far is used after them.
    first
        Finds where to start.
    """

    solver: str = "highs"
    n_jobs: int = 1
    tolerance: float = 1e-4
    time_limit: float = 60.0
    first: GradientAdversary = field(default_factory=GradientAdversary)

    name: ClassVar[str] = "milp"

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
        """Return the exact ends; see `Adversary.both_ways`."""
        begin = self.first.both_ways(objective, theta, batch, near, start=start, rng=rng)
        network = Network(objective.perceptron.layers(theta), input_scaling=near.scaling)
        jobs = Parallel(n_jobs=self.n_jobs)(
            delayed(_solved)(self, network, near, z, begin[:, index]) for index, z in enumerate(batch.z)
        )
        return np.stack(jobs, axis=1)


def _solved(
    adversary: ExactAdversary, network: Network, near: Neighbourhood, z: FloatArray, begin: FloatArray
) -> FloatArray:
    """Return the exact differences of one row, shape (2, n)."""
    backend = load_solver(adversary.solver)
    row = near.scaling.invert(z)
    # What is whole in raw units comes back a rounding off.
    row = np.where(near.domain.integer & (np.abs(row - np.rint(row)) < 1e-9), np.rint(row), row)  # noqa: PLR2004
    around = Around.of(network, near.domain, near.metric, near.epsilon, row)
    found = [
        _one_way(adversary, around, backend, near, z, d, rising=rising)
        for d, rising in zip(begin, (True, False), strict=True)
    ]
    return np.stack(found)


def _one_way(
    adversary: ExactAdversary,
    around: Around,
    backend: SolverBackend,
    near: Neighbourhood,
    z: FloatArray,
    begin: FloatArray,
    *,
    rising: bool,
) -> FloatArray:
    network, sign = around.problem.network, 1.0 if rising else -1.0

    def value(d: FloatArray) -> float:
        return sign * float(network.predict(near.scaling.invert(z + d)))

    best, reached, upper = begin, value(begin), math.inf
    plan = around.first_plan
    for _ in range(_ROUNDS):
        encoded = around.encode(plan, rising=rising)
        room = adversary.tolerance * max(1.0, abs(reached))
        result = guarded_solve(
            backend, encoded.matrix, _options(adversary, backend, encoded, reached + room / 2)
        )
        proof = judge(encoded.matrix, result)
        if proof.complaint:
            raise SolverError(f"the adversary cannot use the answer: {proof.complaint}")
        upper = min(upper, encoded.delta(proof.bound))
        for candidate in _candidates(encoded, result, near, z):
            if value(candidate) > reached:
                best, reached = candidate, value(candidate)
        if upper <= reached + room or result.x is None:
            break
        finer = around.refine(plan, encoded, result.x, room / 10)
        if finer is None:
            break
        plan = finer
    return best


def _options(
    adversary: ExactAdversary, backend: SolverBackend, encoded: Encoded, goal: float
) -> SolveOptions:
    """Ask for an optimum, or for a bound that shows that `goal` cannot be exceeded."""
    stops = Capability.BOUND_STOP in backend.capabilities
    return SolveOptions(
        time_limit=adversary.time_limit,
        bound_stop=-goal / encoded.factor if stops else None,
    )


def _candidates(
    encoded: Encoded, result: SolveResult, near: Neighbourhood, z: FloatArray
) -> list[FloatArray]:
    """Return the solver's point as similar differences, or nothing if it cannot be made one.

    It can be outside the ball by the looseness of the metric's rows: then its continuous features are drawn
    in, by no more than a tenth, while whole numbers stay.
    """
    if result.x is None:
        return []
    _, x = encoded.pair(result.x)
    d = near.scaling.apply(np.where(near.domain.integer, np.rint(x), x)) - z
    low, high = near.box(z[None])
    inside = np.clip(d, low[0], high[0])
    drawn = np.where(near.domain.integer, inside, inside * _DRAWN[:, None])
    # The least drawn first: it is the solver's own.
    return list(drawn[near.admits(z, drawn)][:1])
