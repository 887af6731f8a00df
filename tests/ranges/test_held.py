"""Holding an input's difference to a part of its range leaves every pair of that part in its ranges."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnff.domain import Domain
from nnff.errors import NoPairsError
from nnff.network import Layer, Network
from nnff.problem import Problem
from nnff.ranges import hold_difference, linear_ranges, share_of_difference
from nnff.similarity import metric

ACTIVATIONS = ("identity", "relu", "sigmoid", "tanh")


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 2**32 - 1),
    names=st.lists(st.sampled_from(ACTIVATIONS), min_size=1, max_size=3),
    ends=st.tuples(st.floats(-1, 1), st.floats(-1, 1)),
)
def test_every_pair_of_a_part_lies_within_its_ranges(lab, seed, names, ends):
    rng = np.random.default_rng(seed)
    problem = lab.problem(rng, names, gain=float(rng.choice([0.5, 2.0, 10.0])))
    ranges = linear_ranges(problem)
    feature = int(rng.integers(problem.network.n_inputs))
    radius = float(ranges.inputs.radius[feature])
    low, high = min(ends) * radius, max(ends) * radius
    first, second = lab.pairs(problem, rng, 400)
    d = (second - first)[:, feature] / problem.network.input_scaling.scale[feature]
    inside = (d >= low) & (d <= high)
    try:
        held = hold_difference(problem, ranges, feature, low, high)
    except NoPairsError:
        assert not inside.any()
        return
    lab.assert_within(problem, held, first[inside], second[inside])
    assert held.inputs.difference_lower[feature] >= low
    assert held.inputs.difference_upper[feature] <= high
    for wide, narrow in zip(ranges.layers, held.layers, strict=True):
        assert (narrow.difference_upper <= wide.difference_upper).all()
        assert (narrow.midpoint_lower >= wide.midpoint_lower).all()


NETWORK = Network((Layer([[3.0, 1.0], [-2.0, 0.5]], [0.0, 0.0], "tanh"), Layer([[1.0, 1.0]], [0.0])))


def question(epsilon):
    return Problem(NETWORK, Domain.from_box([-1, -1], [1, 1]), metric("weighted-lp", weights=[0, 1]), epsilon)


def test_a_free_input_accounts_for_what_it_moves():
    problem = question(0.1)
    shares = share_of_difference(problem, linear_ranges(problem), np.ones(2))
    # Widths are 2 (2 |w| + .1 |v|) with v the weight of the other: 10 of 10.15 is the free input's.
    assert shares == pytest.approx([10 / 10.15, 0.15 / 10.15], rel=1e-6)


def test_the_midpoint_keeps_away_from_the_ends_and_each_copy_from_one():
    problem = question(0.0)
    held = hold_difference(problem, linear_ranges(problem), 0, 1.5, 2.0)
    assert held.layers[0].difference_lower == pytest.approx([4.5, -4.0], rel=1e-9)
    # |zm| <= 1 - .75, z' <= -.5 and z'' >= .5, for the first neuron 3 z_0 + z_1.
    assert held.layers[0].midpoint_upper[0] == pytest.approx(3 * 0.25 + 1, rel=1e-9)
    assert held.layers[0].first_upper[0] == pytest.approx(-1.5 + 1, rel=1e-9)
    assert held.layers[0].second_lower[0] == pytest.approx(1.5 - 1, rel=1e-9)


def test_a_difference_beyond_the_ranges_has_no_pair():
    problem = question(0.1)
    with pytest.raises(NoPairsError):
        hold_difference(problem, linear_ranges(problem), 0, 2.5, 3.0)
