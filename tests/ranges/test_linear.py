"""Backward linear bounds hold every feasible pair, are never wider than intervals, and see cancellation."""

from __future__ import annotations

from dataclasses import fields
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnff.certification import closed_form
from nnff.domain import Domain
from nnff.errors import ProblemError
from nnff.network import Layer, Network, Scaling
from nnff.problem import Problem
from nnff.ranges import LayerRanges, intersect, interval_ranges, linear_ranges
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
@given(seed=st.integers(0, 2**32 - 1), names=st.lists(st.sampled_from(ACTIVATIONS), min_size=2, max_size=4))
def test_every_sampled_pair_lies_within(lab, seed, names):
    rng = np.random.default_rng(seed)
    problem = lab.problem(rng, names, gain=float(rng.choice([0.5, 2.0, 20.0])))
    wide, tight = interval_ranges(problem), linear_ranges(problem)
    first, second = lab.pairs(problem, rng, 400)
    lab.assert_within(problem, tight, first, second)
    for loose, known in zip(wide.layers, tight.layers, strict=True):
        for field in fields(LayerRanges):
            sign = 1 if field.name.endswith("lower") else -1
            assert (sign * getattr(known, field.name) >= sign * getattr(loose, field.name)).all()
    assert closed_form(problem, tight) <= closed_form(problem, wide)
    gap = np.abs(problem.network.predict(second) - problem.network.predict(first)).max()
    assert gap <= closed_form(problem, tight) * (1 + 1e-12) + 1e-13 * (1 + gap)


def exact_forward(network, x):
    """Pre-activations of a piecewise-linear network in rational arithmetic, layer by layer."""
    scaling = network.input_scaling
    values = [
        (Fraction(v) - Fraction(c)) / Fraction(s)
        for v, c, s in zip(x.tolist(), scaling.center.tolist(), scaling.scale.tolist(), strict=True)
    ]
    result = []
    for layer in network.layers:
        before = [
            sum(Fraction(w) * v for w, v in zip(row, values, strict=True)) + Fraction(b)
            for row, b in zip(layer.weight.tolist(), layer.bias.tolist(), strict=True)
        ]
        result.append(before)
        values = [max(p, Fraction(0)) if layer.activation_name == "relu" else p for p in before]
    return result


@settings(max_examples=40, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1))
def test_ranges_hold_exactly(lab, seed):
    """No slack at all, in rational arithmetic; weights of very different sizes make rounding matter."""
    rng = np.random.default_rng(seed)
    names = [str(rng.choice(["relu", "identity"])) for _ in range(int(rng.integers(2, 4)))]
    problem = lab.problem(rng, names, most_neurons=3, gain=float(rng.choice([1.0, 1e6])))
    ranges = linear_ranges(problem)
    first, second = lab.pairs(problem, rng, 30)
    for x1, x2 in zip(first, second, strict=True):
        for known, p1, p2 in zip(
            ranges.layers, exact_forward(problem.network, x1), exact_forward(problem.network, x2), strict=True
        ):
            for j, (a, b) in enumerate(zip(p1, p2, strict=True)):
                assert Fraction(float(known.lower[j])) <= min(a, b)
                assert Fraction(float(known.upper[j])) >= max(a, b)
                assert Fraction(float(known.difference_lower[j])) <= b - a
                assert Fraction(float(known.difference_upper[j])) >= b - a


def cancelling(*, last=-1.0):
    """relu(z + 3) + last * relu(z + 4): both active, so the outputs differ by (1 + last) dz."""
    layers = (Layer([[1.0], [1.0]], [3.0, 4.0], "relu"), Layer([[1.0, last]], [0.0]))
    return Problem(Network(layers), Domain.from_box([-1], [1]), metric("weighted-lp"), 0.5)


def test_what_cancels_is_seen():
    problem = cancelling()
    assert interval_ranges(problem).layers[1].difference_upper[0] == pytest.approx(1.0)
    known = linear_ranges(problem).layers[1]
    assert 0 <= known.difference_upper[0] < 1e-12
    assert known.upper[0] == pytest.approx(-1.0)


def test_rounding_of_what_cancels_is_not_forgotten():
    """0.1 * 3 is not 0.3 in floating point: 3 (0.1 z) - 0.3 z has a slope of 5e-17 or so, not 0."""
    layers = (Layer([[0.1], [0.3]], [3.0, 4.0], "relu"), Layer([[3.0, -1.0]], [0.0]))
    problem = Problem(Network(layers), Domain.from_box([-1], [1]), metric("weighted-lp"), 0.5)
    slope = abs(3 * Fraction(0.1) - Fraction(0.3))
    assert slope > 0
    assert Fraction(float(linear_ranges(problem).layers[1].difference_upper[0])) >= slope / 2


def test_the_metric_ends_the_chain():
    """D of the second layer of a linear network is the dual norm of the product of its weights."""
    layers = (Layer([[1.0, 1.0], [1.0, -1.0]], [0.0, 0.0]), Layer([[1.0, 1.0]], [0.0]))
    network = Network(layers, Scaling(np.zeros(2), np.array([2.0, 1.0])))
    problem = Problem(network, Domain.from_box([-9, -9], [9, 9]), metric("weighted-lp"), 0.25)
    assert linear_ranges(problem).layers[1].difference_upper[0] == pytest.approx(0.5, rel=1e-8)
    assert interval_ranges(problem).layers[1].difference_upper[0] == pytest.approx(2**0.5 * 0.5, rel=1e-8)


def test_pairs_that_cannot_differ_still_have_differences_of_exactly_0(lab):
    rng = np.random.default_rng(2)
    network = lab.network(rng, [2, 3, 3, 3, 1], ("sigmoid", "relu", "tanh", "identity"), scaled=True)
    problem = Problem(network, Domain.from_box([-1, -1], [1, 1]), metric("weighted-lp"), 0.0)
    for known in linear_ranges(problem).layers:
        assert not known.difference_lower.any()
        assert not known.difference_upper.any()


def test_ranges_that_exclude_each_other_are_an_error():
    one = LayerRanges(*(np.array([v]) for v in (0.0, 1.0, -1.0, 1.0)))
    other = LayerRanges(*(np.array([v]) for v in (2.0, 3.0, -1.0, 1.0)))
    with pytest.raises(ProblemError, match="exclude"):
        intersect(one, other)


def test_an_end_that_overflowed_says_nothing():
    one = LayerRanges(*(np.array([v]) for v in (0.0, 1.0, -1.0, 1.0)))
    other = LayerRanges(*(np.array([v]) for v in (-np.inf, np.nan, np.nan, 0.5)))
    found = intersect(one, other)
    assert (found.lower[0], found.upper[0], found.difference_upper[0]) == (0.0, 1.0, 0.5)
