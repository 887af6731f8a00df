"""Rows and groups narrow ranges, and never too much."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnff.domain import Domain
from nnff.network import Layer, Network, Scaling
from nnff.problem import Problem
from nnff.ranges import closed_form, interval_ranges, linear_ranges
from nnff.ranges.input_rows import InputPolytope, input_rows
from nnff.similarity import metric

seeds = st.integers(0, 2**32 - 1)


@settings(max_examples=40, derandomize=True)
@given(seed=seeds, chain=st.sampled_from([("relu", "identity"), ("tanh", "sigmoid"), ("identity",)]))
def test_every_possible_pair_lies_within_the_ranges(lab, seed, chain):
    rng = np.random.default_rng(seed)
    problem = lab.problem(rng, chain, domain=lab.rich_domain(rng))
    first, second = lab.rich_pairs(problem, rng, 60)
    assert len(first)
    for ranges in (interval_ranges(problem), linear_ranges(problem)):
        lab.assert_within(problem, ranges, first, second)
        z1, z2 = problem.network.input_scaling.apply(first), problem.network.input_scaling.apply(second)
        slack = 1e-13 * (1 + np.abs(z1).max() + np.abs(problem.network.input_scaling.center).max() * 4)
        for z in (z1, z2):
            assert (z >= ranges.inputs.lower - slack).all()
            assert (z <= ranges.inputs.upper + slack).all()
        assert (np.abs(z2 - z1) <= ranges.inputs.radius + slack).all()


@settings(max_examples=30, derandomize=True)
@given(seed=seeds)
def test_scaled_rows_hold_for_everything_that_counts_as_possible(lab, seed):
    """Points at the outermost end of the slack too."""
    rng = np.random.default_rng(seed)
    domain = lab.rich_domain(rng, continuous=2, rows=2)
    problem = lab.problem(rng, ("identity",), domain=domain)
    points = domain.sample(20, rng)
    direction = rng.normal(size=points.shape) * ~domain.discrete
    for _ in range(40):
        moved = np.clip(points + direction, domain.lower, domain.upper)
        good = domain.contains(moved)
        points = np.where(good[:, None], moved, points)
        direction = np.where(good[:, None], direction, direction / 2)
    assert domain.contains(points).all()
    rows = input_rows(problem)
    value = problem.network.input_scaling.apply(points) @ rows.matrix.T
    # Half of the slack was spent on what counts as possible; the other half is more than rounding takes.
    spare = 0.5 * domain.row_slack
    assert (value >= rows.lower + spare - 1e-300).all()
    assert (value <= rows.upper - spare + 1e-300).all()


def test_a_bound_over_rows_is_the_optimum():
    """x0 + x1 <= 1 in the unit square: 2 x0 + 3 x1 is at most 3, 5 in the box."""
    network = Network((Layer([[2.0, 3.0]], [0.0]),), Scaling([1.0, -2.0], [2.0, -0.5]))
    domain = Domain.from_box([0, 0], [1, 1], constraints=[{"terms": {"x0": 1, "x1": 1}, "upper": 1}])
    problem = Problem(network, domain, metric("weighted-lp", p="inf"), 9.0)
    z = interval_ranges(problem).inputs
    polytope = InputPolytope(problem, z.lower, z.upper)
    # 2 z0 + 3 z1 = 2 (x0 - 1) / 2 - 3 (x1 + 2) / .5 = x0 - 6 x1 - 13
    low, high = polytope.range(np.array([[2.0, 3.0]]), np.zeros(1))
    assert low == pytest.approx([-19.0], abs=1e-7)
    assert high == pytest.approx([-12.0], abs=1e-7)
    assert low[0] <= -19.0
    assert high[0] >= -12.0


def test_features_tied_together_have_narrow_ranges():
    domain = Domain.from_box([0, 0], [1, 1], constraints=[{"terms": {"x0": 1, "x1": -1}, "lower": 0.75}])
    network = Network((Layer([[1.0, -1.0]], [0.0]),))
    problem = Problem(network, domain, metric("weighted-lp", p="inf"), 9.0)
    ranges = interval_ranges(problem)
    assert ranges.inputs.lower == pytest.approx([0.75, 0.0], abs=1e-7)
    assert ranges.inputs.upper == pytest.approx([1.0, 0.25], abs=1e-7)
    assert ranges.inputs.radius == pytest.approx([0.25, 0.25], abs=1e-7)
    assert closed_form(problem, ranges) == pytest.approx(0.25, abs=1e-7)


@pytest.mark.parametrize(("weights", "epsilon"), [([0, 0, 0, 1], 0.5), ([1, 1, 1, 1], 2.5)])
def test_a_group_changes_by_one_swap(weights, epsilon):
    """3 and -2 of a free group: 5 apart; the box would allow 3 + 2 + 1."""
    network = Network((Layer([[3.0, -2.0, 1.0, 4.0]], [0.0]),))
    domain = Domain.from_box([0, 0, 0, 0], [1, 1, 1, 1], one_hot=[[0, 1, 2]])
    problem = Problem(network, domain, metric("weighted-lp", p=1, weights=weights), epsilon)
    reach = 5.0 + 4 * (0.5 if weights[0] == 0 else 1.0)
    found = closed_form(problem, interval_ranges(problem))
    assert found >= 5.0 + 4 * 0.5
    assert found <= reach + 1e-7


def test_the_metric_sees_a_group_less_its_middle():
    """Weights 10 and 9 of one group: a swap is worth 1, though a ball of radius 2 holds 10 + 9."""
    network = Network((Layer([[10.0, 9.0]], [0.0]),))
    domain = Domain.from_box([0, 0], [1, 1], one_hot=[[0, 1]])
    problem = Problem(network, domain, metric("weighted-lp", p=1), 2.0)
    assert closed_form(problem, interval_ranges(problem)) == pytest.approx(1.0, abs=1e-7)
