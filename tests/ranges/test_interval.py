"""Interval ranges hold the pre-activations, and their differences, of every feasible pair."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnff.certification import closed_form
from nnff.domain import Domain
from nnff.errors import ProblemError
from nnff.network import Layer, Network, Scaling
from nnff.network.activation import activation
from nnff.problem import Problem
from nnff.ranges import LayerRanges, difference_range, interval_ranges
from nnff.similarity import Metric, metric

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
OTHER = ("softplus", "silu", "gelu", "leaky_relu(0.1)", "hard_sigmoid(0.25,0.5)")
ENDS = (
    st.floats(-30, 30) | st.floats(-1e-9, 1e-9) | st.sampled_from([-500.0, -80.0, 0.0, 37.5, 120.25, 500.0])
)


def one_neuron(low, high, d_low, d_high):
    return LayerRanges(*(np.array([v]) for v in (low, high, d_low, d_high)))


@pytest.mark.parametrize("name", ["identity", "relu", "sigmoid", "tanh"])
@settings(max_examples=150, deadline=None, derandomize=True)
@given(ends=st.tuples(ENDS, ENDS), shares=st.lists(st.floats(0, 1), min_size=8, max_size=8))
def test_a_difference_range_holds_the_exact_differences(exact, name, ends, shares):
    check_a_difference_range(exact, name, ends, shares)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    name=st.sampled_from(OTHER),
    ends=st.tuples(ENDS, ENDS),
    shares=st.lists(st.floats(0, 1), min_size=8, max_size=8),
)
def test_a_difference_range_of_other_shapes_holds_the_exact_differences(exact, name, ends, shares):
    check_a_difference_range(exact, name, ends, shares)


def check_a_difference_range(exact, name, ends, shares):
    low, high = sorted(ends)
    # D anywhere within the width: on one side of 0, across it, or a single point.
    d_low, d_high = sorted((2 * share - 1) * (high - low) for share in shares[:2])
    h_low, h_high = difference_range(activation(name), one_neuron(low, high, d_low, d_high))
    for share_d, share_m in itertools.product([0.0, *shares[2:4], 1.0], [0.0, *shares[4:6], 1.0]):
        d = min(max(d_low + share_d * (d_high - d_low), d_low), d_high)
        # Both pre-activations lie in the range.
        reach = max((high - low - abs(d)) / 2, 0.0)
        m = (low + high) / 2 + (2 * share_m - 1) * reach
        if not (Fraction(m) - abs(Fraction(d)) / 2 >= low and Fraction(m) + abs(Fraction(d)) / 2 <= high):
            continue
        h = exact.difference(name, m, d)
        assert Decimal(float(h_low[0])) <= h <= Decimal(float(h_high[0]))


@pytest.mark.parametrize("name", ["sigmoid", "tanh"])
def test_a_difference_range_far_from_0_is_rounded_by_more_than_p_is(exact, name):
    # p'' = m + D/2 is rounded to a unit of |m|, which moves exp(-p'') by 500 units in the last place.
    rng = np.random.default_rng(0)
    for m, d in zip(rng.uniform(100, 300, 300), rng.uniform(1e-3, 3, 300), strict=True):
        # m is the point of the range that is nearest 0, and is attained.
        ranges = one_neuron(m, m + 400, -d, d)
        h_low, h_high = difference_range(activation(name), ranges)
        h = exact.difference(name, m, d)
        assert Decimal(float(h_low[0])) <= -h < h <= Decimal(float(h_high[0]))
        # D does not fall below d, so h does not fall below H at the far end.
        h_low, _ = difference_range(activation(name), one_neuron(-m, m, d, 2 * d))
        assert Decimal(float(h_low[0])) <= exact.difference(name, m, d)


def test_a_difference_range_is_sharp():
    ranges = one_neuron(-1.0, 3.0, -0.5, 0.5)
    for name, most in (
        ("sigmoid", np.tanh(0.125)),
        ("tanh", 2 * np.tanh(0.25)),
        ("identity", 0.5),
        ("relu", 0.5),
    ):
        low, high = difference_range(activation(name), ranges)
        assert (low[0], high[0]) == pytest.approx((-most, most), rel=1e-12)
    # The range of m excludes 0: the nearest point counts.
    _, high = difference_range(activation("sigmoid"), one_neuron(2.0, 9.0, -1.0, 1.0))
    assert high[0] == pytest.approx(1 / (1 + np.exp(-2.5)) - 1 / (1 + np.exp(-1.5)), rel=1e-12)


@settings(max_examples=120, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1), names=st.lists(st.sampled_from(ACTIVATIONS), min_size=1, max_size=3))
def test_ranges_hold_every_sampled_pair(lab, seed, names):
    rng = np.random.default_rng(seed)
    problem = lab.problem(rng, names, gain=float(rng.choice([0.5, 2.0, 20.0])))
    ranges = interval_ranges(problem)
    first, second = lab.pairs(problem, rng, 400)
    assert len(first)
    z1, z2 = (problem.network.input_scaling.apply(x) for x in (first, second))
    size = 1 + np.abs(z1) + np.abs(problem.network.input_scaling.center / problem.network.input_scaling.scale)
    slack = 1e-14 * size
    for z in (z1, z2):
        assert (z >= ranges.inputs.lower - slack).all()
        assert (z <= ranges.inputs.upper + slack).all()
    assert (np.abs(z2 - z1) <= ranges.inputs.radius + slack).all()
    before1, before2 = problem.network.preactivations(first), problem.network.preactivations(second)
    for known, p1, p2 in zip(ranges.layers, before1, before2, strict=True):
        # Only the forward pass itself rounds: a few units in the last place of what it adds up.
        slack = 1e-13 * (1 + np.maximum(np.abs(known.lower), np.abs(known.upper)))
        for p in (p1, p2):
            assert (p >= known.lower - slack).all()
            assert (p <= known.upper + slack).all()
        assert (p2 - p1 >= known.difference_lower - slack).all()
        assert (p2 - p1 <= known.difference_upper + slack).all()
        assert (known.lower <= known.upper).all()
        assert (known.difference_lower <= known.difference_upper).all()
    gap = np.abs(problem.network.predict(second) - problem.network.predict(first)).max()
    assert gap <= closed_form(problem, ranges) * (1 + 1e-12) + 1e-13 * (1 + gap)


def exact_layer(network, x):
    """First pre-activations in rational arithmetic."""
    scaling = network.input_scaling
    z = [
        (Fraction(v) - Fraction(c)) / Fraction(s)
        for v, c, s in zip(x.tolist(), scaling.center.tolist(), scaling.scale.tolist(), strict=True)
    ]
    layer = network.layers[0]
    return [
        sum(Fraction(w) * v for w, v in zip(row, z, strict=True)) + Fraction(b)
        for row, b in zip(layer.weight.tolist(), layer.bias.tolist(), strict=True)
    ]


@settings(max_examples=80, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1))
def test_ranges_of_the_first_layer_hold_exactly(lab, seed):
    """No slack at all: corners of the domain, and pairs on the edge of the ball, in rational arithmetic."""
    rng = np.random.default_rng(seed)
    problem = lab.problem(rng, ("relu", "identity"), most_neurons=3)
    known = interval_ranges(problem).layers[0]
    first, second = lab.pairs(problem, rng, 60)
    for x1, x2 in zip(first, second, strict=True):
        p1, p2 = exact_layer(problem.network, x1), exact_layer(problem.network, x2)
        for j, (a, b) in enumerate(zip(p1, p2, strict=True)):
            assert Fraction(float(known.lower[j])) <= min(a, b)
            assert Fraction(float(known.upper[j])) >= max(a, b)
            assert (
                Fraction(float(known.difference_lower[j]))
                <= b - a
                <= Fraction(float(known.difference_upper[j]))
            )


@pytest.mark.parametrize("p", [1, 2, "inf"])
def test_the_first_difference_range_is_the_dual_norm(p):
    network = Network((Layer([[3.0, -4.0]], [0.5]),))
    problem = Problem(network, Domain.from_box([-9, -9], [9, 9]), metric("weighted-lp", p=p), 0.25)
    known = interval_ranges(problem).layers[0]
    assert known.difference_upper[0] == pytest.approx(0.25 * {1: 4, 2: 5, "inf": 7}[p], rel=1e-8)
    assert known.difference_lower[0] == -known.difference_upper[0]


def test_a_free_feature_ranges_over_its_box_even_at_epsilon_0():
    network = Network((Layer([[3.0, -4.0, 5.0]], [0.0], "sigmoid"),))
    domain = Domain.from_box([0, 0, 0], [1, 2, 1], immutable=[2])
    problem = Problem(network, domain, metric("weighted-lp", p=2, free=[1, 2]), 0.0)
    ranges = interval_ranges(problem)
    assert ranges.inputs.radius.tolist() == pytest.approx([0.0, 2.0, 0.0])
    assert ranges.inputs.radius[0] == 0.0
    assert ranges.layers[0].difference_upper[0] == pytest.approx(8.0)


def test_pairs_that_cannot_differ_have_differences_of_exactly_0(lab):
    """A range of a hair where exact arithmetic has 0 is what makes solvers answer wrongly."""
    rng = np.random.default_rng(2)
    network = lab.network(rng, [2, 3, 3, 3, 1], ("sigmoid", "relu", "tanh", "identity"), scaled=True)
    problem = Problem(network, Domain.from_box([-1, -1], [1, 1]), metric("weighted-lp"), 0.0)
    ranges = interval_ranges(problem)
    for known in ranges.layers:
        assert not known.difference_lower.any()
        assert not known.difference_upper.any()
    assert closed_form(problem, ranges) == 0.0


def test_ranges_that_overflow_are_an_error_and_not_a_bound():
    # relu(1e200 x) * 1e200 is infinite in floating point; NaN must not end in a bound of 0.
    layers = (
        Layer([[1e200]], [0.0], "relu"),
        Layer([[1e200], [-1e200]], [0.0, 0.0], "relu"),
        Layer([[1.0, 1.0]], [0.0]),
    )
    problem = Problem(Network(layers), Domain.from_box([0], [1]), metric("weighted-lp", p=1), 0.5)
    with pytest.raises(ProblemError, match="layer 2"):
        interval_ranges(problem)


@dataclass(frozen=True)
class Apart(Metric):
    """d = |(y_0 - x_0) - (y_1 - x_1)|: two features may move far together, hardly apart."""

    name: ClassVar[str] = "apart"
    parameters: ClassVar[dict] = {}

    def bind(self, feature_names):
        return self

    def distance(self, x, y):
        return np.abs((y - x) @ np.array([1.0, -1.0]))

    def encode(self, rows, difference, epsilon):
        rows.row([(1.0, difference[0]), (-1.0, difference[1])], -epsilon, epsilon)

    def difference_bound(self, weights, epsilon, radius):
        # w = u (1, -1) + rest: both parts are bounded for themselves.
        along = (weights[:, :1] - weights[:, 1:]) / 2
        rest = weights - along * np.array([1.0, -1.0])
        return (np.abs(along[:, 0]) * epsilon + np.abs(rest) @ radius) * (1 + 1e-14)

    def maximise(self, gradient, epsilon, lower, upper):
        return np.zeros_like(gradient)


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_weights_that_cancel_in_a_metric_of_other_coordinates_are_rounded_outward(seed):
    """D = w (t/s) du: the rounding of t/s is small beside w, but not beside what the metric leaves of it."""
    rng = np.random.default_rng(seed)
    s, t = rng.uniform(0.5, 2, 2), rng.uniform(0.5, 2, 2)
    weight = s / t * [1.0, -1.0]
    network = Network((Layer([weight], [0.0]),), Scaling(np.zeros(2), s))
    domain = Domain.from_box(-t, t)
    problem = Problem(network, domain, Apart(), 1e-9, Scaling(np.zeros(2), t))
    known = interval_ranges(problem).layers[0]
    w = [
        Fraction(a) * Fraction(b) / Fraction(c)
        for a, b, c in zip(weight.tolist(), t.tolist(), s.tolist(), strict=True)
    ]
    far, apart = Fraction(2), Fraction(problem.epsilon)
    most = max(
        abs(w[0] * d0 + w[1] * (d0 - sign * apart))
        for d0 in (far, -far, apart - far, far - apart)
        for sign in (-1, 1)
        if abs(d0 - sign * apart) <= far
    )
    assert most <= Fraction(float(known.difference_upper[0]))
    assert known.difference_upper[0] <= float(most) * (1 + 1e-5)
