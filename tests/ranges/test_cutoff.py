"""A floor keeps every pair that differs by it, and no more of the last layer than it must."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnff.domain import Domain
from nnff.network import Layer, Network
from nnff.network.activation import activation
from nnff.problem import Problem
from nnff.ranges import LayerRanges, closed_form, interval_ranges, with_floor
from nnff.ranges.cutoff import least_difference
from nnff.similarity import metric

ACTIVATIONS = (
    "identity",
    "relu",
    "sigmoid",
    "tanh",
    "softplus",
    "silu",
    "gelu",
    "leaky_relu(0.1)",
    "hard_sigmoid(0.25,0.5)",
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1), names=st.lists(st.sampled_from(ACTIVATIONS), min_size=1, max_size=3))
def test_pairs_above_the_floor_are_kept(lab, seed, names):
    rng = np.random.default_rng(seed)
    problem = lab.problem(rng, names, gain=float(rng.choice([0.5, 2.0, 20.0])))
    network = problem.network
    first, second = lab.pairs(problem, rng, 400)
    # Ordered by the last activation: for one that is not monotone, not by what goes into it.
    g = network.layers[-1].activation
    p1, p2 = (network.preactivations(x)[-1] for x in (first, second))
    swap = g.difference((p1 + p2) / 2, p2 - p1) < 0 if not g.monotone else p2 < p1
    first, second = np.where(swap, second, first), np.where(swap, first, second)
    gaps = np.abs(network.predict(second) - network.predict(first)) / abs(network.output_scaling.scale[0])
    floor = float(gaps.max()) * float(rng.choice([0.0, 0.3, 0.999]))
    chosen = gaps >= floor * (1 + 1e-9) + 1e-12
    ranges = with_floor(problem, interval_ranges(problem), floor)
    lab.assert_within(problem, ranges, first[chosen], second[chosen])
    assert ranges.floor == floor
    assert closed_form(problem, ranges) <= closed_form(problem, interval_ranges(problem))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_least_difference_is_where_the_floor_is_reached(name):
    g = activation(name)
    known = LayerRanges(*(np.array([v]) for v in (-3.0, 5.0, -4.0, 4.0)))
    least = least_difference(g, known, 0.2)
    if g.steepest is not None:
        nearest = np.clip(g.steepest, known.midpoint_lower, known.midpoint_upper)
        assert g.difference(nearest, least)[0] == pytest.approx(0.2, rel=1e-9)
        return
    assert g.largest_difference(least)[0] == pytest.approx(0.2, rel=1e-9)
    assert least_difference(g, known, 0.0)[0] == 0.0


def test_midpoints_where_the_output_is_too_flat_are_left_out():
    """D <= 1, and sigma(m + .5) - sigma(m - .5) reaches .2 for |m| <= .88 only."""
    network = Network((Layer([[1.0]], [0.0], "sigmoid"),))
    problem = Problem(network, Domain.from_box([-20], [20]), metric("weighted-lp"), 1.0)
    known = with_floor(problem, interval_ranges(problem), 0.2).layers[0]
    sigmoid = activation("sigmoid")
    for m in (known.midpoint_lower, known.midpoint_upper):
        assert sigmoid.difference(m, known.difference_upper)[0] == pytest.approx(0.2, rel=1e-6)
    assert known.midpoint_lower[0] < 0 < known.midpoint_upper[0]
    assert known.difference_lower[0] == pytest.approx(4 * np.arctanh(0.2), rel=1e-6)


def test_a_floor_beyond_reach_empties_nothing():
    network = Network((Layer([[1.0]], [0.0], "sigmoid"),))
    problem = Problem(network, Domain.from_box([-2], [2]), metric("weighted-lp"), 0.1)
    known = with_floor(problem, interval_ranges(problem), 0.9).layers[0]
    assert known.difference_lower[0] <= known.difference_upper[0]
    assert known.midpoint_lower[0] <= known.midpoint_upper[0]
