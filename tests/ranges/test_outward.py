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
from nnff.ranges.outward import activation_range, affine_range, down, up

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


@pytest.mark.parametrize("name", ["identity", "relu", "sigmoid", "tanh"])
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
    assert high[0] - low[0] <= 1e-13 * abs(float(value)) + 1e-299
