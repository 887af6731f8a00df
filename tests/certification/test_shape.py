from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnff.certification.curve import CurvePoint
from nnff.certification.shape import linearity, rise


def points(epsilons, low, high=None):
    high = low if high is None else high
    return [CurvePoint(e, a, b, b, 0.0) for e, a, b in zip(epsilons, low, high, strict=True)]


def r2(epsilons, values):
    return float(np.corrcoef(epsilons, values)[0, 1]) ** 2


def test_a_line_is_straight():
    found = linearity(points([0.0, 0.1, 0.3, 0.7], [1.0, 1.2, 1.6, 2.4]))
    assert found.slope == pytest.approx(2.0)
    assert found.intercept == pytest.approx(1.0)
    assert found.r2 == pytest.approx(1.0)
    assert found.r2_lower == pytest.approx(1.0)
    assert found.r2_upper == pytest.approx(1.0)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10**6), st.sampled_from([0.0, 1e-3, 0.05, 0.3]), st.integers(3, 9))
def test_r2_is_that_of_the_middles_and_its_range_holds_that_of_all_values_in_the_brackets(seed, width, count):
    rng = np.random.default_rng(seed)
    epsilons = np.cumsum(rng.uniform(0.01, 1.0, count))
    low = np.sort(rng.uniform(0, 1, count))
    high = low + rng.uniform(0, width, count)
    found = linearity(points(epsilons, low, high))
    assert found.r2 == pytest.approx(r2(epsilons, (low + high) / 2), abs=1e-9)
    share = rng.choice([0.0, 0.5, 1.0], size=(200, count), p=[0.4, 0.2, 0.4])
    for values in low + share * (high - low):
        assert found.r2_lower - 1e-9 <= r2(epsilons, values) <= found.r2_upper + 1e-9
    assert 0.0 <= found.r2_lower <= found.r2_upper <= 1.0


@pytest.mark.parametrize(
    ("low", "high"),
    [
        ([1.0, 2.0], [1.0, 2.0]),
        ([0.0, 1.0, 2.0], [1.0, 2.0, math.inf]),
        ([1.0] * 4, [1.0] * 4),
        ([0.0] * 3,) * 2,
    ],
)
def test_what_has_no_line(low, high):
    assert linearity(points(range(len(low)), low, high)) is None


def test_the_rise_of_a_curve_that_saturates():
    epsilons = np.linspace(0, 10, 201)
    found = rise(points(epsilons, 0.2 + 0.5 * (1 - np.exp(-epsilons))))
    assert found.start == pytest.approx(-math.log(0.95), abs=1e-2)
    assert found.end == pytest.approx(-math.log(0.05), abs=1e-2)
    assert found.saturated


def test_the_rise_of_a_curve_that_goes_on():
    found = rise(points([0.0, 0.5, 1.0], [0.1, 0.35, 0.6]))
    assert (found.start, found.end) == pytest.approx((0.05, 0.95))
    assert not found.saturated


def test_a_jump_between_two_points_and_nothing_else():
    found = rise(points([0.0, 0.5, 0.6, 1.0], [0.1, 0.1, 0.9, 0.9]))
    assert 0.5 < found.start < found.end < 0.6
    assert found.saturated


@pytest.mark.parametrize("values", [[1.0], [0.5, 0.5, 0.5], [0.0, 0.0], [0.0, math.inf]])
def test_what_does_not_rise(values):
    assert (
        rise(points(range(len(values)), [0.0] * len(values) if math.inf in values else values, values))
        is None
    )
