"""Rows, one-hot groups and levels in the encodings: every possible pair survives, nothing else does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnff.domain import Domain
from nnff.encoding import encoding_strategy
from nnff.network import Layer, Network, Scaling
from nnff.problem import Problem
from nnff.ranges import interval_ranges, linear_ranges
from nnff.similarity import metric

seeds = st.integers(0, 2**32 - 1)
CHAINS = [("identity",), ("relu", "identity"), ("tanh", "sigmoid")]


def encode(problem, strategy):
    chosen = encoding_strategy(strategy, problem, linear_ranges(problem, interval_ranges(problem)))
    return chosen.encode(chosen.first_plan())


@pytest.mark.parametrize("strategy", ["relational", "twin"])
@settings(max_examples=10, deadline=None, derandomize=True)
@given(seed=seeds, chain=st.sampled_from(CHAINS))
def test_every_pair_survives_with_its_output_difference(lab, formulation, strategy, seed, chain):
    rng = np.random.default_rng(seed)
    problem = lab.problem(rng, chain, most_neurons=3, domain=lab.rich_domain(rng))
    fixed = formulation(problem, encode(problem, strategy))
    first, second = lab.rich_pairs(problem, rng, 30)
    assert len(first)
    before = problem.network.preactivations(first)[-1], problem.network.preactivations(second)[-1]
    swap = before[1] < before[0]
    first, second = np.where(swap, second, first), np.where(swap, first, second)
    gaps = np.abs(problem.network.predict(second) - problem.network.predict(first))
    for k in {int(np.argmax(gaps)), *rng.integers(0, len(gaps), 2).tolist()}:
        allowed = fixed.delta(first[k], second[k])
        assert allowed is not None
        assert allowed >= gaps[k] - 1e-6 * (1 + gaps[k])


@pytest.mark.parametrize("strategy", ["relational", "twin"])
@settings(max_examples=10, deadline=None, derandomize=True)
@given(seed=seeds)
def test_any_point_of_the_model_is_a_pair_of_the_domain(lab, formulation, strategy, seed):
    """Push the model in random directions: what it finds satisfies every constraint of the domain."""
    rng = np.random.default_rng(seed)
    problem = lab.problem(rng, ("relu", "identity"), most_neurons=2, domain=lab.rich_domain(rng))
    domain = problem.domain
    fixed = formulation(problem, encode(problem, strategy))
    for _ in range(2):
        found = fixed.solve(cost=rng.normal(size=fixed.matrix.n_columns))
        assert found is not None
        pair = fixed.encoded.pair(found[1])
        for x in pair:
            slack = 1e-5 * (1 + np.abs(domain.lower) + np.abs(domain.upper))
            assert (x >= domain.lower - slack).all()
            assert (x <= domain.upper + slack).all()
            for i, levels in domain.ordinal:
                assert np.abs(np.array(levels) - x[i]).min() <= slack[i]
            for group in domain.one_hot:
                assert np.sort(x[list(group)]) == pytest.approx([0.0] * (len(group) - 1) + [1.0], abs=1e-5)
            if domain.rows is not None:
                value = domain.rows.matrix @ x
                room = 1e-5 * (1 + domain.rows.size(domain.lower, domain.upper))
                assert (value >= domain.rows.lower - room).all()
                assert (value <= domain.rows.upper + room).all()
        assert (np.abs(pair[0] - pair[1])[domain.immutable] <= 1e-5).all()


@pytest.mark.parametrize("strategy", ["relational", "twin"])
@pytest.mark.parametrize("scale", [1.0, -2.5])
def test_levels_take_all_their_values_and_no_others(formulation, strategy, scale):
    network = Network((Layer([[1.0]], [0.0]),), Scaling([0.7], [scale]))
    levels = (-1.0, 0.25, 2.0, 2.5)
    domain = Domain.from_box([-1], [3], ordinal={"x0": levels})
    problem = Problem(network, domain, metric("weighted-lp", p="inf"), 1.8, Scaling([0.0], [1.0]))
    assert problem.radius == pytest.approx([1.75])
    fixed = formulation(problem, encode(problem, strategy))

    def holds(first, second):
        pairs = ((first, second), (second, first))
        return any(fixed.delta(np.array([a]), np.array([b])) is not None for a, b in pairs)

    for first in (*levels, 0.0, 3.0):
        for second in (*levels, 0.0, 3.0):
            inside = first in levels and second in levels and abs(second - first) <= 1.8
            assert holds(first, second) == inside, (first, second)


@pytest.mark.parametrize("strategy", ["relational", "twin"])
def test_one_of_a_group_is_chosen_in_each_input(formulation, strategy):
    network = Network((Layer([[1.0, 10.0, 100.0]], [0.0]),))
    domain = Domain.from_box([0, 0, 0], [1, 1, 1], one_hot=[[0, 1, 2]])
    problem = Problem(network, domain, metric("weighted-lp", p=1), 2.0)
    fixed = formulation(problem, encode(problem, strategy))
    assert fixed.delta() == pytest.approx(99.0)
    problem = Problem(network, domain, metric("weighted-lp", p=1), 1.0)
    fixed = formulation(problem, encode(problem, strategy))
    assert fixed.delta() == pytest.approx(0.0, abs=1e-6)
