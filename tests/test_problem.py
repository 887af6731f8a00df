"""Problem 1's own arithmetic: how far features may move, and which pairs count."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnff.domain import Domain
from nnff.network import Layer, Network, Scaling
from nnff.problem import Problem
from nnff.similarity import EPSILON_TOLERANCE, metric

ENDS = st.floats(-1e6, 1e6) | st.sampled_from([0.0, 0.1, 0.3, 1 / 3, 1e16, -7.7])
SCALES = st.sampled_from([1.0, -1.0, 0.1, 1 / 3, -0.7, 3.0, 49.0, 1e-3])


def one_feature(low, high, scale, epsilon, *, integer=False, center=0.0):
    network = Network((Layer([[1.0]], [0.0]),))
    domain = Domain.from_box([low], [high], integer=[0] if integer else [])
    return Problem(network, domain, metric("weighted-lp", p="inf"), epsilon, Scaling([center], [scale]))


@given(st.tuples(ENDS, ENDS), SCALES)
@settings(deadline=None, derandomize=True)
def test_the_radius_is_never_less_than_the_width_of_the_box(ends, scale):
    low, high = sorted(ends)
    problem = one_feature(low, high, scale, 1e300)
    assert Fraction(float(problem.radius[0])) >= Fraction(high) - Fraction(low)
    assert problem.radius[0] <= (high - low) * (1 + 1e-14)


@given(st.floats(1e-9, 1e3), SCALES)
@settings(deadline=None, derandomize=True)
def test_the_radius_is_never_less_than_the_ball(epsilon, scale):
    problem = one_feature(-1e9, 1e9, scale, epsilon)
    assert Fraction(float(problem.radius[0])) >= Fraction(epsilon) * abs(Fraction(scale))
    assert problem.radius[0] <= epsilon * abs(scale) * (1 + 1e-8)


@given(st.integers(0, 60), SCALES, st.floats(0, 30) | st.sampled_from([0.1, 0.3, 0.7, 3.0, 1 / 3, 2 / 49]))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_the_radius_of_an_integer_feature_is_the_largest_admitted_step(width, scale, epsilon):
    problem = one_feature(-7, width - 7, scale, epsilon, integer=True, center=0.123)
    steps = np.arange(width + 1.0)
    admitted = problem.admits(np.full((width + 1, 1), -7.0), (steps - 7)[:, None])
    assert problem.radius[0] == steps[admitted].max()


def test_immutable_and_fixed_features_do_not_move():
    network = Network((Layer([[1.0, 1.0, 1.0]], [0.0]),))
    domain = Domain.from_box([0, 2, 0], [1, 2, 9], integer=[2], immutable=[0, 2])
    problem = Problem(network, domain, metric("weighted-lp", p=1, free=[0, 1, 2]), 5.0)
    assert problem.radius.tolist() == [0.0, 0.0, 0.0]


@given(
    st.floats(-10, 10),
    st.floats(1e-12, 1e-3),
    st.sampled_from([0.0, 1e3, -1e6, 1e9]),
    st.sampled_from([1.0, 0.1, -3.7]),
)
@settings(max_examples=300, deadline=None, derandomize=True)
def test_what_counts_as_similar_lies_in_the_ball_of_the_encodings(place, epsilon, center, scale):
    """Rounding of the place must not blur small distances: x - c and x / s are off by a unit of |x|."""
    problem = one_feature(center - 100, center + 100, scale, epsilon, center=center - 7.3)
    x1 = center + place
    x2 = x1 + epsilon * scale * (1 + np.linspace(-2e-9, 2e-9, 41))
    pairs = np.full((41, 1), x1), x2[:, None]
    for first, second in zip(*(p[problem.admits(*pairs)] for p in pairs), strict=True):
        true = abs((Fraction(float(second[0])) - Fraction(float(first[0]))) / Fraction(scale))
        assert true <= Fraction(problem.epsilon_outward)
    # And the other way round: what is truly within epsilon is admitted.
    for value in x2:
        if abs((Fraction(float(value)) - Fraction(x1)) / Fraction(scale)) <= Fraction(epsilon):
            assert problem.admits(np.array([[x1]]), np.array([[value]]))[0]


def test_the_ball_of_the_encodings_is_larger_than_what_counts_as_similar():
    problem = one_feature(0, 1, 1.0, 0.3)
    assert problem.epsilon_outward > 0.3 * (1 + EPSILON_TOLERANCE)
    assert one_feature(0, 1, 1.0, 0.0).epsilon_outward == 0.0


def test_at_epsilon_0_only_what_the_metric_does_not_see_may_differ():
    network = Network((Layer([[1.0, 1.0]], [0.0]),))
    problem = Problem(network, Domain.from_box([0, 0], [1, 1]), metric("weighted-lp", p=2, free=[1]), 0.0)
    first = np.array([[0.5, 0.0], [0.5, 0.0]])
    second = np.array([[0.5, 1.0], [np.nextafter(0.5, 1), 0.0]])
    assert problem.admits(first, second).tolist() == [True, False]
    assert problem.radius[0] == 0.0
    assert problem.radius[1] == pytest.approx(1.0)
