"""The ball around a row: every similar point is within its ranges and below its bound."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnff.certification.proof import judge
from nnff.encoding.around import Around
from nnff.errors import ProblemError
from nnff.problem import Problem
from nnff.solver import SolveOptions
from nnff.solver.load import solver

HIDDEN = ("identity", "relu", "leaky_relu", "hard_sigmoid", "sigmoid", "tanh", "softplus", "silu", "gelu")


def _drawn(lab, seed, hidden):
    """A random problem in the network's own scaling, a row, and points similar to it (network linear)."""
    rng = np.random.default_rng(seed)
    drawn = lab.problem(rng, [hidden, hidden, "sigmoid"])
    problem = Problem(drawn.network, drawn.domain, drawn.metric, drawn.epsilon)
    first, second = lab.pairs(problem, rng, 400)
    # The rows of one row: pairs whose first entry is moved onto it are not similar, so draw anew.
    row = first[0] if len(first) else problem.domain.sample(1, rng)[0]
    steps = second - first
    others = problem.domain.nearest(row + steps)
    others = np.where(problem.domain.immutable, row, others)
    rows = np.broadcast_to(row, others.shape)
    return problem, row, others[problem.admits(rows, others)]


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32 - 1), hidden=st.sampled_from(HIDDEN))
def test_similar_points_are_within_the_ranges(lab, seed, hidden):
    problem, row, others = _drawn(lab, seed, hidden)
    around = Around.of(problem.network, problem.domain, problem.metric, problem.epsilon, row)
    for known, values in zip(
        around.ranges.layers, around.problem.network.preactivations(np.vstack([row, others])), strict=True
    ):
        slack = 1e-13 * (1 + np.maximum(np.abs(known.lower), np.abs(known.upper)))
        assert (values >= known.lower - slack).all()
        assert (values <= known.upper + slack).all()


@settings(max_examples=15)
@given(
    seed=st.integers(0, 2**32 - 1),
    hidden=st.sampled_from(HIDDEN),
    rising=st.booleans(),
)
def test_no_similar_point_exceeds_the_bound(lab, seed, hidden, rising):
    problem, row, others = _drawn(lab, seed, hidden)
    around = Around.of(problem.network, problem.domain, problem.metric, problem.epsilon, row)
    plan = around.first_plan
    values = around.problem.network.predict(np.vstack([row, others])) * (1 if rising else -1)
    bounds = []
    for _ in range(2):
        encoded = around.encode(plan, rising=rising)
        result = solver("highs").solve(encoded.matrix, SolveOptions())
        proof = judge(encoded.matrix, result)
        assert not proof.complaint
        bounds.append(encoded.delta(proof.bound))
        assert values.max() <= bounds[-1] + 1e-9 * (1 + abs(bounds[-1]))
        plan = around.refine(plan, encoded, result.x, 1e-6) or plan
    # A finer plan is a smaller program.
    assert bounds[1] <= bounds[0] + 1e-6 * (1 + abs(bounds[0]))


def test_an_output_that_is_not_monotone(lab):
    problem, row, _ = _drawn(lab, 3, "relu")
    network = problem.network
    last = replace(network.layers[-1], activation_name="silu")
    bent = replace(network, layers=(*network.layers[:-1], last))
    with pytest.raises(ProblemError, match="not monotone"):
        Around.of(bent, problem.domain, problem.metric, 0.3, row)


def test_the_row_itself_is_the_only_point_of_a_ball_without_extent(lab):
    problem, row, _ = _drawn(lab, 3, "relu")
    kept = replace(problem.domain, immutable=np.ones(problem.domain.n_features, dtype=bool))
    around = Around.of(problem.network, kept, problem.metric, 0.3, row)
    encoded = around.encode(around.first_plan, rising=True)
    result = solver("highs").solve(encoded.matrix, SolveOptions())
    value = float(around.problem.network.predict(row))
    assert encoded.delta(judge(encoded.matrix, result).bound) == pytest.approx(value, abs=1e-6)
