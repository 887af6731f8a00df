"""Linear forms over weighted l_p balls in boxes: bounds are sound in exact arithmetic, and sharp."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnff_metrics.lp_ball import largest_point, upper_bound

NORMS = st.sampled_from([1.0, 2.0, math.inf])
EPSILONS = st.sampled_from([0.0, 1e-12, 1e-3, 0.3, 1.0, 1e6]) | st.floats(1e-9, 1e3)


def exactly_inside(p, weights, d, epsilon):
    terms = [Fraction(float(w)) * abs(Fraction(float(x))) ** (2 if p == 2 else 1)
             for w, x in zip(weights, d, strict=True)]  # fmt: skip
    if p == math.inf:
        return max(terms) <= Fraction(epsilon)
    return sum(terms) <= Fraction(epsilon) ** (2 if p == 2 else 1)


def case(rng, n, epsilon):
    """Weights (some 0), a form (some coefficients 0) and a box that binds here and there."""
    weights = rng.choice([0.0, 1.0, 1 / 3, 2 / 90, 7.0], size=n) * rng.choice([1.0, rng.uniform(0.1, 9)])
    if rng.random() < 0.3:
        # A ball that a single coordinate spends, up to rounding.
        weights[1:] = 0.0
    form = rng.normal(size=n) * rng.choice([0.0, 1e-4, 1.0, 1.0], size=n)
    radius = rng.choice([0.0, 0.1, 1.0, 1e3], size=n) * rng.uniform(0.1, 3, n) * max(epsilon, 1e-6)
    return weights, form, radius


@given(NORMS, st.integers(1, 8), EPSILONS, st.integers(0, 2**32 - 1))
@settings(max_examples=150)
def test_no_point_of_ball_and_box_beats_the_bound(p, n, epsilon, seed):
    rng = np.random.default_rng(seed)
    weights, form, radius = case(rng, n, epsilon)
    bound = upper_bound(p, weights, form[None], epsilon, radius)[0]
    best = largest_point(p, weights, form[None], epsilon, (-radius[None], radius[None]))[0]
    # The maximiser is on the boundary up to rounding: pull it inside until it is so exactly.
    for _ in range(2000):
        if exactly_inside(p, weights, best, epsilon):
            break
        best = np.where(weights > 0, best * (1 - 2e-16), best)
    assert exactly_inside(p, weights, best, epsilon)
    assert (np.abs(best) <= radius).all()
    value = sum(Fraction(float(w)) * Fraction(float(x)) for w, x in zip(form, best, strict=True))
    assert value <= Fraction(float(bound))


@given(NORMS, st.integers(1, 8), EPSILONS, st.integers(0, 2**32 - 1))
@settings(max_examples=200)
def test_bound_and_maximiser_agree(p, n, epsilon, seed):
    rng = np.random.default_rng(seed)
    weights, form, radius = case(rng, n, epsilon)
    bound = upper_bound(p, weights, form[None], epsilon, radius)[0]
    best = largest_point(p, weights, form[None], epsilon, (-radius[None], radius[None]))[0]
    assert form @ best == pytest.approx(bound, rel=1e-12, abs=1e-300)


@pytest.mark.parametrize(
    ("p", "dual"),
    [
        (1, lambda w, t: np.max(w / t)),
        (2, lambda w, t: np.sqrt(np.sum(w * w / t))),
        (math.inf, lambda w, t: np.sum(w / t)),
    ],
)
def test_without_a_box_the_bound_is_the_dual_norm(p, dual):
    rng = np.random.default_rng(5)
    forms, weights = rng.normal(size=(50, 7)), rng.uniform(0.01, 4, 7)
    expected = [0.3 * dual(np.abs(w), weights) for w in forms]
    for radius in (np.full(7, 1e6), np.full(7, np.inf)):
        assert upper_bound(p, weights, forms, 0.3, radius) == pytest.approx(expected, rel=1e-13)


def test_a_free_coordinate_adds_what_the_box_gives():
    weights, forms = np.array([1.0, 0.0]), np.array([[3.0, -4.0], [0.0, 1.0]])
    for p in (1, 2, math.inf):
        assert upper_bound(p, weights, forms, 0.5, np.array([9.0, 2.0])) == pytest.approx([9.5, 2.0])
        assert upper_bound(p, weights, forms, 0.0, np.array([9.0, 2.0])) == pytest.approx([8.0, 2.0])


def test_a_ball_that_holds_the_box_leaves_the_box():
    forms = np.random.default_rng(1).normal(size=(20, 5))
    radius = np.array([0.1, 0.0, 0.3, 0.2, 0.1])
    for p in (1, 2, math.inf):
        assert upper_bound(p, np.ones(5), forms, 5.0, radius) == pytest.approx(np.abs(forms) @ radius)


@pytest.mark.parametrize("p", [1, 2, math.inf])
@pytest.mark.parametrize("extreme", [1e-300, 1e-160, 1e160, 1e300])
def test_extreme_numbers_give_a_bound_and_no_warning(p, extreme):
    weights, radius = np.array([extreme, 1.0, 1 / extreme]), np.array([1.0, 2.0, 0.5])
    forms = np.array([[1.0, extreme, 0.0], [extreme, 1.0, 1 / extreme]])
    for epsilon in (1.0, 1e-200):
        bound = upper_bound(p, weights, forms, epsilon, radius)
        assert (bound >= 0).all()
        assert (bound <= np.abs(forms) @ radius * (1 + 1e-12)).all()
        corners = largest_point(
            p, weights, forms, epsilon, (np.tile(-radius, (2, 1)), np.tile(radius, (2, 1)))
        )
        assert (np.abs(corners) <= radius).all()


def test_one_sided_boxes():
    gradient = np.array([[1.0, 1.0], [-1.0, 1.0], [1.0, 0.0]])
    lower, upper = np.array([[-5.0, 0.0]] * 3), np.array([[0.0, 5.0]] * 3)
    found = largest_point(2, np.ones(2), gradient, 1.0, (lower, upper))
    assert found == pytest.approx(np.array([[0, 1], [-math.sqrt(0.5), math.sqrt(0.5)], [0, 0]]))
