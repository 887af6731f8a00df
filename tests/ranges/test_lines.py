"""Lines above and below activations and their differences, against exact arithmetic."""

from __future__ import annotations

import itertools
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnff.network.activation import activation
from nnff.ranges import LayerRanges
from nnff.ranges.lines import activation_lines, difference_lines

ACTIVATIONS = ("identity", "relu", "sigmoid", "tanh")
ENDS = (
    st.floats(-30, 30)
    | st.floats(-1e-9, 1e-9)
    | st.sampled_from([-500.0, -80.0, 0.0, 1e-300, 37.5, 120.25, 500.0])
)
OTHER = st.sampled_from(["softplus", "silu", "gelu", "leaky_relu(0.1)", "hard_sigmoid(0.25,0.5)"])
SHARES = st.lists(st.floats(0, 1), min_size=6, max_size=6)


def assert_between(lines, x, value):
    """Exactly: the line's slope and offset are the very numbers that the floats are."""
    below = Fraction(float(lines.slope_below[0])) * x + Fraction(float(lines.offset_below[0]))
    above = Fraction(float(lines.slope_above[0])) * x + Fraction(float(lines.offset_above[0]))
    assert below <= value <= above


@pytest.mark.parametrize("name", ACTIVATIONS)
@settings(max_examples=200, deadline=None, derandomize=True)
@given(ends=st.tuples(ENDS, ENDS), shares=SHARES)
def test_lines_of_an_activation_hold_exactly(exact, name, ends, shares):
    check_lines_of_an_activation(exact, name, ends, shares)


@settings(max_examples=120, deadline=None, derandomize=True)
@given(name=OTHER, ends=st.tuples(ENDS, ENDS), shares=SHARES)
def test_lines_of_activations_of_other_shapes_hold_exactly(exact, name, ends, shares):
    check_lines_of_an_activation(exact, name, ends, shares)


def check_lines_of_an_activation(exact, name, ends, shares):
    low, high = sorted(ends)
    lines = activation_lines(activation(name), np.array([low]), np.array([high]))
    inner = [min(max(low + share * (high - low), low), high) for share in shares]
    g = activation(name)
    bends = [min(max(q, low), high) for q in (0.0, *g.inflexions, *(t for t, _ in g.kinks))]
    for p in [low, high, *bends, *inner]:
        # Sixty digits are more than enough, but for what is exact.
        assert_between(lines, Fraction(p), Fraction(exact.value(name, Decimal(p))))


@pytest.mark.parametrize("name", ACTIVATIONS)
@settings(max_examples=200, deadline=None, derandomize=True)
@given(ends=st.tuples(ENDS, ENDS), shares=SHARES)
def test_lines_of_a_difference_hold_exactly(exact, name, ends, shares):
    check_lines_of_a_difference(exact, name, ends, shares)


@settings(max_examples=120, deadline=None, derandomize=True)
@given(name=OTHER, ends=st.tuples(ENDS, ENDS), shares=SHARES)
def test_lines_of_differences_of_other_shapes_hold_exactly(exact, name, ends, shares):
    check_lines_of_a_difference(exact, name, ends, shares)


def check_lines_of_a_difference(exact, name, ends, shares):
    low, high = sorted(ends)
    d_low, d_high = sorted((2 * share - 1) * (high - low) for share in shares[:2])
    known = LayerRanges(*(np.array([v]) for v in (low, high, d_low, d_high)))
    lines = difference_lines(activation(name), known)
    places = [0.0, 0.5, *shares[2:], 1.0]
    for share_d, share_m in itertools.product(places, places):
        d = min(max(d_low + share_d * (d_high - d_low), d_low), d_high)
        reach = max((high - low - abs(d)) / 2, 0.0)
        m = (low + high) / 2 + (2 * share_m - 1) * reach
        if Fraction(m) - abs(Fraction(d)) / 2 >= low and Fraction(m) + abs(Fraction(d)) / 2 <= high:
            assert_between(lines, Fraction(d), Fraction(exact.difference(name, m, d)))


def between(lines):
    return lines.slope_below[0], lines.offset_below[0], lines.slope_above[0], lines.offset_above[0]


def test_lines_are_the_tightest_there_are():
    relu, sigmoid = activation("relu"), activation("sigmoid")
    lines = activation_lines(relu, np.array([-1.0]), np.array([3.0]))
    assert between(lines) == pytest.approx((1.0, 0.0, 0.75, 0.75))
    lines = difference_lines(relu, LayerRanges(*(np.array([v]) for v in (-1.0, 3.0, -2.0, 2.0))))
    assert between(lines) == pytest.approx((0.5, -1.0, 0.5, 1.0))
    # Stable neurons are lines themselves.
    lines = difference_lines(relu, LayerRanges(*(np.array([v]) for v in (0.0, 3.0, -2.0, 2.0))))
    assert between(lines) == (1.0, 0.0, 1.0, 0.0)
    # The line through the left end that touches the sigmoid.
    lines = activation_lines(sigmoid, np.array([-2.0]), np.array([8.0]))
    slope, offset = lines.slope_above[0], lines.offset_above[0]
    p = np.linspace(-2, 8, 2001)
    slack = slope * p + offset - sigmoid.value(p)
    assert slack[0] == pytest.approx(0, abs=1e-9)
    assert slack[100:].min() == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("name", ["softplus", "silu", "gelu", "hard_sigmoid(0.25,0.5)"])
@pytest.mark.parametrize("ends", [(-2.0, 3.0), (-6.0, 1.0), (-1.0, -0.5), (2.0, 7.0), (-30.0, 40.0)])
def test_lines_of_other_shapes_touch_the_envelope_over_the_middle(name, ends):
    """The line of the least mean height is the one that is lowest at the middle; a grid finds its height."""
    g = activation(name)
    lines = activation_lines(g, *(np.array([end]) for end in ends))
    p = np.linspace(*ends, 1001)
    middle = len(p) // 2
    left, right = p[:middle, None], p[None, middle + 1 :]
    share = (right - p[middle]) / (right - left)
    spread = np.ptp(g.value(p)) + np.abs(np.diff(g.derivative(np.array(ends)))) * np.ptp(p)
    for sign, slope, offset in (
        (1.0, lines.slope_above[0], lines.offset_above[0]),
        (-1.0, -lines.slope_below[0], -lines.offset_below[0]),
    ):
        phi = sign * g.value(p)
        chords = share * phi[:middle, None] + (1 - share) * phi[None, middle + 1 :]
        envelope = max(chords.max(), phi[middle])
        assert -1e-12 <= slope * p[middle] + offset - envelope <= 0.01 * spread + 1e-12


def test_a_small_difference_has_a_slope_between_those_of_the_activation():
    """At both ends of a tiny range of D the line is as steep as g can be: nothing is lost to rounding."""
    known = LayerRanges(*(np.array([v]) for v in (-4.0, 4.0, -1e-6, 1e-6)))
    lines = difference_lines(activation("sigmoid"), known)
    assert lines.slope_above[0] * 1e-6 + lines.offset_above[0] == pytest.approx(0.25e-6, rel=1e-6)
    least = activation("sigmoid").derivative(np.array([4.0]))[0]
    assert -lines.slope_above[0] * 1e-6 + lines.offset_above[0] == pytest.approx(-least * 1e-6, rel=1e-6)
