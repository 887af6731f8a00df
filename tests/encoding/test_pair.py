"""The pair's rows: exactly the pairs that domain and metric allow."""

from __future__ import annotations

import numpy as np
import pyomo.environ as pyo
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnff.domain import Domain
from nnff.encoding import encoding_strategy
from nnff.encoding.pair import write_pair
from nnff.encoding.writer import BlockWriter
from nnff.network import Layer, Network, Scaling
from nnff.problem import Problem
from nnff.ranges import interval_ranges
from nnff.similarity import metric


def encode(problem):
    strategy = encoding_strategy("relational", problem, interval_ranges(problem))
    return strategy.encode(strategy.first_plan())


@settings(max_examples=40, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1))
def test_any_point_of_the_model_is_a_pair_of_the_domain(lab, formulation, seed):
    """Push the model in random directions: integers stay whole, immutable features agree, the box holds."""
    rng = np.random.default_rng(seed)
    problem = lab.problem(rng, ("relu", "identity"), n_inputs=3, most_neurons=2, integer=0.6)
    domain = problem.domain
    fixed = formulation(problem, encode(problem))
    for _ in range(3):
        found = fixed.solve(cost=rng.normal(size=fixed.matrix.n_columns))
        assert found is not None
        x1, x2 = fixed.encoded.pair(found[1])
        slack = 1e-5 * (1 + np.abs(domain.lower) + np.abs(domain.upper))
        for x in (x1, x2):
            assert (x >= domain.lower - slack).all()
            assert (x <= domain.upper + slack).all()
            assert (np.abs(x - np.rint(x))[domain.integer] <= slack[domain.integer]).all()
        assert (np.abs(x1 - x2)[domain.immutable] <= slack[domain.immutable]).all()
        assert (np.abs(x1 - x2) <= problem.radius + slack).all()
        # The metric's own looseness, and the solver's feasibility tolerance.
        allowed = problem.epsilon * (1 + problem.metric.looseness) + 1e-5
        assert problem.distance(x1, x2) <= allowed


@settings(max_examples=60, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1))
def test_every_pair_satisfies_bounds_and_rows_of_its_own_coordinates(lab, seed):
    """Without a solver: put a pair's zm and dz into the rows that hold nothing else."""
    rng = np.random.default_rng(seed)
    problem = lab.problem(rng, ("identity",), n_inputs=3, integer=0.0)
    model = pyo.ConcreteModel()
    pair = write_pair(BlockWriter(model), problem, interval_ranges(problem).inputs)
    known = {id(v): k for k, v in enumerate([*pair.midpoint, *pair.difference])}
    scaling = problem.network.input_scaling
    for x1, x2 in zip(*lab.pairs(problem, rng, 30), strict=True):
        z1, z2 = scaling.apply(x1), scaling.apply(x2)
        values = np.concatenate([(z1 + z2) / 2, z2 - z1])
        # Rounding of z itself, whose center may be far away.
        slack = 1e-13 * (1 + np.abs(values).max() + np.abs(scaling.center / scaling.scale).max())
        for variable, value in zip([*pair.midpoint, *pair.difference], values, strict=True):
            assert variable.lb - slack <= value <= variable.ub + slack
        for row in model.rows.values():
            body = row.body
            if all(id(v) in known for v in body.linear_vars):
                total = sum(
                    c * values[known[id(v)]] for c, v in zip(body.linear_coefs, body.linear_vars, strict=True)
                )
                assert row.lb is None or total >= row.lb - slack
                assert row.ub is None or total <= row.ub + slack


@pytest.mark.parametrize("scale", [1.0, -2.0, 0.3])
def test_integers_take_all_their_values_and_no_others(formulation, scale):
    network = Network((Layer([[1.0]], [0.0]),), Scaling([0.7], [scale]))
    domain = Domain.from_box([-1], [2], integer=[0])
    problem = Problem(network, domain, metric("weighted-lp", p="inf"), 1.0, Scaling([0.0], [1.0]))
    fixed = formulation(problem, encode(problem))

    def holds(first, second):
        pairs = ((first, second), (second, first))
        return any(fixed.delta(np.array([a]), np.array([b])) is not None for a, b in pairs)

    for first in range(-2, 4):
        for second in range(-2, 4):
            inside = -1 <= first <= 2 and -1 <= second <= 2
            assert holds(float(first), float(second)) == (inside and abs(second - first) <= 1)
    assert not holds(0.5, 0.5)
    assert not holds(0.0, 0.5)


def test_an_integer_feature_that_cannot_differ_has_one_count(formulation):
    network = Network((Layer([[1.0, 1.0]], [0.0]),))
    domain = Domain.from_box([0, 0], [5, 5], integer=[0, 1], immutable=[1])
    problem = Problem(network, domain, metric("weighted-lp", p="inf"), 0.9)
    assert problem.radius.tolist() == [0.0, 0.0]
    encoded = encode(problem)
    assert encoded.matrix.n_integers == 2


def test_large_integer_ranges_are_not_mixed_up_with_their_radius(formulation):
    """199,999 of 200,000 is nearly all, but not all."""
    network = Network((Layer([[1.0]], [0.0]),))
    domain = Domain.from_box([0], [200_000], integer=[0])
    problem = Problem(network, domain, metric("weighted-lp", p="inf"), 199_999.0)
    assert formulation(problem, encode(problem)).delta() == pytest.approx(199_999, abs=0.4)


@pytest.mark.parametrize("t", [1.0, -0.5, 3.0])
def test_the_metric_acts_in_its_own_coordinates(formulation, t):
    network = Network((Layer([[2.0]], [0.0]),), Scaling([1.0], [-4.0]))
    problem = Problem(
        network, Domain.from_box([-9], [9]), metric("weighted-lp", p=1), 0.3, Scaling([5.0], [t])
    )
    # |dx| <= eps |t|, and f changes by 2 / 4 of dx.
    assert formulation(problem, encode(problem)).delta() == pytest.approx(0.3 * abs(t) / 2, rel=1e-6)
