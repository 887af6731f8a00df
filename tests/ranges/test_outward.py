"""Range arithmetic against exact arithmetic: nothing it returns may lie inside the true range."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nnff.network.activation import activation
from nnff.ranges.outward import activation_range, affine_range, down, slope_range, up

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

NUMBERS = st.floats(-1e6, 1e6) | st.floats(-1e-6, 1e-6) | st.sampled_from([0.0, 0.1, 1 / 3, -1e100, 1e-200])


@st.composite
def boxes(draw):
    n, k = draw(st.integers(1, 6)), draw(st.integers(1, 3))
    ends = np.sort(draw(arrays(np.float64, (2, n), elements=NUMBERS)), axis=0)
    return (
        draw(arrays(np.float64, (k, n), elements=NUMBERS)),
        draw(arrays(np.float64, k, elements=NUMBERS)),
        ends[0],
        ends[1],
    )


@settings(max_examples=300, deadline=None, derandomize=True)
@given(boxes())
def test_an_affine_range_holds_the_exact_range_and_little_more(box):
    weight, bias, lower, upper = box
    low, high = affine_range(weight, bias, lower, upper)
    for row, constant, below, above in zip(weight, bias, low, high, strict=True):
        ends = [
            sorted([Fraction(w) * Fraction(a), Fraction(w) * Fraction(b)])
            for w, a, b in zip(row.tolist(), lower.tolist(), upper.tolist(), strict=True)
        ]
        least = sum(end[0] for end in ends) + Fraction(float(constant))
        most = sum(end[1] for end in ends) + Fraction(float(constant))
        assert Fraction(float(below)) <= least
        assert Fraction(float(above)) >= most
        size = sum(max(abs(end[0]), abs(end[1])) for end in ends) + abs(Fraction(float(constant)))
        allowed = (5 * len(ends) + 20) * Fraction(2) ** -53 * size + Fraction(1, 10**290)
        assert least - Fraction(float(below)) <= allowed
        assert Fraction(float(above)) - most <= allowed


def test_cancellation_does_not_narrow_an_affine_range():
    # 1e16 + 1 - 1e16 is 0 in floating point.
    weight = np.array([[1e16, 1.0, -1e16]])
    low, high = affine_range(weight, np.zeros(1), np.ones(3), np.ones(3))
    assert low[0] <= 1.0 <= high[0]


def test_nothing_but_zeros_stays_a_point_and_underflow_does_not():
    zero = np.zeros(2)
    low, high = affine_range(np.array([[3.0, -4.0]]), np.zeros(1), zero, zero)
    assert (low[0], high[0]) == (0.0, 0.0)
    low, high = affine_range(np.array([[1e-200, 0.0]]), np.zeros(1), zero, np.array([1e-200, 1.0]))
    assert low[0] < 0 < high[0]


@given(st.floats(-1e300, 1e300))
def test_up_and_down_leave_a_value_by_more_than_one_rounding(value):
    raised, lowered = up(np.array([value]))[0], down(np.array([value]))[0]
    for _ in range(30):
        value_up, value_down = math.nextafter(value, math.inf), math.nextafter(value, -math.inf)
    assert lowered < value_down <= value <= value_up < raised


@pytest.mark.parametrize("name", ACTIVATIONS)
@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    p=st.floats(-40, 40)
    | st.floats(-1e-6, 1e-6)
    | st.sampled_from([-745.0, -700.3, -500.0, 36.7, 500.0, 709.9, 1e-308])
)
def test_an_activation_range_holds_the_exact_value(exact, name, p):
    low, high = activation_range(activation(name), np.array([p]), np.array([p]))
    value = exact.value(name, Decimal(p))
    assert Decimal(float(low[0])) <= value <= Decimal(float(high[0]))
    assert high[0] - low[0] <= 1e-13 * abs(float(value)) + 2 * activation(name).noise + 1e-299


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    name=st.sampled_from(ACTIVATIONS),
    ends=st.tuples(st.floats(-40, 40), st.floats(-40, 40)) | st.tuples(st.floats(-3, 3), st.floats(-3, 3)),
    shares=st.lists(st.floats(0, 1), min_size=6, max_size=6),
)
def test_ranges_of_values_and_slopes_hold_what_lies_between_the_ends(exact, name, ends, shares):
    g = activation(name)
    low, high = (np.array([end]) for end in sorted(ends))
    inner = [g.valley, *g.inflexions, *(t for t, _ in g.kinks)]
    points = [*ends, *(ends[0] + share * (ends[1] - ends[0]) for share in shares), *inner]
    least, most = activation_range(g, low, high)
    slopes = slope_range(g, low, high)
    places = sorted(p for p in points if p is not None and low[0] <= p <= high[0])
    for p, q in zip(places, [*places[1:], None], strict=True):
        assert Decimal(float(least[0])) <= exact.value(name, Decimal(p)) <= Decimal(float(most[0]))
        if q is not None and q - p > 1e-6:
            middle, gap = (Fraction(p) + Fraction(q)) / 2, Fraction(q) - Fraction(p)
            rise = exact.difference(name, float(middle), float(gap)) / Decimal(float(gap))
            assert float(slopes[0][0]) - 1e-9 <= rise <= float(slopes[1][0]) + 1e-9
    # And they are no wider than what is attained, up to rounding.
    fine = np.linspace(low[0], high[0], 4001)
    step = (high[0] - low[0]) / 4000
    assert most[0] - g.value(fine).max() <= 1e-12 * (1 + abs(most[0]))
    assert g.value(fine).min() - least[0] <= 1e-12 * (1 + abs(least[0])) + g.steepness * step
    if g.smooth:
        assert slopes[1][0] - g.derivative(fine).max() <= 1e-12 + g.second_bound * step
        assert g.derivative(fine).min() - slopes[0][0] <= 1e-12 + g.second_bound * step
