"""Weighted l_p balls for p between 1 and infinity: bounds, maximisers and the tangents that hold the ball."""

from __future__ import annotations

import math
from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnff import Domain, Layer, Network, certify
from nnff.errors import SimilarityError
from nnff.similarity import Relation
from nnff.testing.rows import MatrixRows
from nnff_metrics.lp_ball import largest_point, upper_bound
from nnff_metrics.power_tangents import power_looseness, tangent_count
from nnff_metrics.weighted_lp import WeightedLp

POWERS = st.sampled_from([1 + 1e-9, 1.001, 1.3, 1.7, 2.5, 3.0, 4.0, 11.0, 90.0])
EPSILONS = st.sampled_from([1e-12, 1e-4, 0.3, 1.0, 1e6]) | st.floats(1e-9, 1e3)


def names(n):
    return tuple(f"x{i}" for i in range(n))


def inside(p, theta, d, epsilon):
    """Whether d lies in the ball, with 60 digits."""
    with localcontext() as context:
        context.prec = 60
        power, radius = Decimal(p), Decimal(epsilon)
        terms = [
            Decimal(float(t)) * (abs(Decimal(float(x))) / radius) ** power if x != 0 else Decimal(0)
            for t, x in zip(theta, d, strict=True)
        ]
        return sum(terms) <= 1


def pulled_in(p, theta, d, epsilon):
    """The point, moved towards 0 by roundings until it is in the ball."""
    for _ in range(3000):
        if inside(p, theta, d, epsilon):
            return d
        d = np.where(theta > 0, d * (1 - 2e-16), d)
    raise AssertionError("the maximiser is far outside the ball")


def case(rng, n, epsilon):
    theta = rng.choice([0.0, 1.0, 1 / 3, 2 / 90, 7.0], size=n) * rng.choice([1.0, rng.uniform(0.1, 9)])
    form = rng.normal(size=n) * rng.choice([0.0, 1e-4, 1.0, 1.0], size=n)
    radius = rng.choice([0.0, 0.1, 1.0, 1e3], size=n) * rng.uniform(0.1, 3, n) * max(epsilon, 1e-6)
    return theta, form, radius


@given(POWERS, st.integers(1, 8), EPSILONS, st.integers(0, 2**32 - 1))
@settings(max_examples=100)
def test_no_point_of_ball_and_box_beats_the_bound(p, n, epsilon, seed):
    theta, form, radius = case(np.random.default_rng(seed), n, epsilon)
    bound = upper_bound(p, theta, form[None], epsilon, radius)[0]
    best = largest_point(p, theta, form[None], epsilon, (-radius[None], radius[None]))[0]
    assert (np.abs(best) <= radius).all()
    best = pulled_in(p, theta, best, epsilon)
    value = sum(Decimal(float(w)) * Decimal(float(x)) for w, x in zip(form, best, strict=True))
    assert value <= Decimal(float(bound))


@given(POWERS, st.integers(1, 8), EPSILONS, st.integers(0, 2**32 - 1))
@settings(max_examples=100)
def test_bound_and_maximiser_agree(p, n, epsilon, seed):
    theta, form, radius = case(np.random.default_rng(seed), n, epsilon)
    bound = upper_bound(p, theta, form[None], epsilon, radius)[0]
    best = largest_point(p, theta, form[None], epsilon, (-radius[None], radius[None]))[0]
    assert form @ best == pytest.approx(bound, rel=1e-9, abs=1e-300)


@pytest.mark.parametrize("p", [1.2, 2.5, 6.0])
def test_without_a_box_the_bound_is_the_dual_norm(p):
    rng = np.random.default_rng(5)
    forms, theta = rng.normal(size=(50, 7)), rng.uniform(0.01, 4, 7)
    q = p / (p - 1)
    expected = 0.3 * ((np.abs(forms) * theta ** (-1 / p)) ** q).sum(axis=1) ** (1 / q)
    for radius in (np.full(7, 1e6), np.full(7, np.inf)):
        assert upper_bound(p, theta, forms, 0.3, radius) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("extreme", [1e-300, 1e-160, 1e160, 1e300])
@pytest.mark.parametrize("p", [1.1, 3.0, 50.0])
def test_extreme_numbers_give_a_bound_and_no_warning(p, extreme):
    theta, radius = np.array([extreme, 1.0, 1 / extreme]), np.array([1.0, 2.0, 0.5])
    forms = np.array([[1.0, extreme, 0.0], [extreme, 1.0, 1 / extreme]])
    for epsilon in (1.0, 1e-200):
        bound = upper_bound(p, theta, forms, epsilon, radius)
        assert (bound >= 0).all()
        assert (bound <= np.abs(forms) @ radius * (1 + 1e-12)).all()


@given(POWERS, st.integers(1, 5), st.floats(1e-7, 1e5), st.integers(0, 2**32 - 1))
@settings(max_examples=60)
def test_the_rows_hold_the_ball_in_exact_arithmetic(p, n, epsilon, seed):
    rng = np.random.default_rng(seed)
    theta = rng.choice([0.0, 1.0, 2 / 90, rng.uniform(0.01, 10)], size=n)
    made = WeightedLp(p, theta, looseness=1e-2).bind(names(n))
    lower, upper = -rng.uniform(0, 3, n) * epsilon, rng.uniform(0, 3, n) * epsilon
    lower[rng.random(n) < 0.2] = 0.0
    rows = MatrixRows(lower, upper)
    made.encode(rows, rows.difference, epsilon)
    best = made.maximise(rng.normal(size=(4, n)), epsilon, np.tile(lower, (4, 1)), np.tile(upper, (4, 1)))
    for d in best:
        assert rows.holds_exactly(pulled_in(p, theta, d, epsilon))


@given(POWERS, st.integers(2, 4), st.sampled_from([1e-2, 1e-3]), st.integers(0, 2**32 - 1))
@settings(max_examples=30)
def test_no_point_of_the_rows_is_farther_than_the_looseness(p, n, looseness, seed):
    rng = np.random.default_rng(seed)
    theta = rng.uniform(0.1, 4, n)
    made = WeightedLp(p, theta, looseness=looseness).bind(names(n))
    assert made.relation is Relation.OUTER
    assert 0 < made.looseness <= looseness
    rows = MatrixRows(np.full(n, -9.0), np.full(n, 9.0))
    made.encode(rows, rows.difference, 0.7)
    points = rows.maximise(rng.normal(size=(12, n)))[1]
    assert made.distance(np.zeros(n), points).max() <= 0.7 * (1 + made.looseness) * (1 + 1e-8)


def test_the_looseness_is_what_the_tangents_leave():
    # Two coordinates at a crossing of tangents: the excess is the gap, to within the spacing of a fine grid.
    for p in (1.5, 3.0, 10.0):
        grid = np.linspace(0, 1, 20001)
        count = 8
        places = (np.arange(count + 1) / count) ** (2 / p)
        tangents = p * places[:, None] ** (p - 1) * grid - (p - 1) * places[:, None] ** p
        gap = float((grid**p - tangents.max(axis=0)).max())
        assert power_looseness(p, 2, count) == pytest.approx((1 + 2 * gap) ** (1 / p) - 1, rel=2e-3)
        assert power_looseness(p, 2, count) >= (1 + 2 * gap) ** (1 / p) - 1


def test_few_tangents_are_enough():
    assert tangent_count(3.0, 13, 1e-3) < 45
    assert tangent_count(3.0, 2, 1e-2) < 6
    with pytest.raises(
        SimilarityError, match=r"more than 2000 tangents per feature; a looseness of .* is possible"
    ):
        WeightedLp(3, looseness=1e-9).bind(names(13))


@pytest.mark.parametrize("p", [1.5, 3.0])
def test_a_linear_network_gives_the_dual_norm(p):
    weight, theta, q = np.array([3.0, -1.0, 2.0]), np.array([1.0, 2.0, 0.5]), p / (p - 1)
    network = Network((Layer([weight], [0.0]),))
    domain = Domain.from_box([-50.0] * 3, [50.0] * 3)
    expected = 0.1 * float(((np.abs(weight) * theta ** (-1 / p)) ** q).sum() ** (1 / q))
    certificate = certify(network, domain, WeightedLp(p, theta), 0.1, gap=1e-4, time_limit=20)
    assert certificate.delta_lower == pytest.approx(expected, rel=1e-6)
    assert expected * (1 - 1e-12) <= certificate.delta_upper <= expected * (1 + 2e-3)
    assert certificate.metric.parameters["p"] == (3 if p == 3 else p)


@pytest.mark.parametrize("size", [1e-300, 1e-170, 1e170, 1e300])
def test_distances_neither_vanish_nor_overflow(size):
    made = WeightedLp(3).bind(("a", "b"))
    expected = (27 + 64) ** (1 / 3)
    assert made.distance(np.zeros(2), np.array([3.0, 4.0]) * size) == pytest.approx(expected * size)
    assert made.parameters["p"] == 3
    assert WeightedLp(math.pi).parameters["p"] == math.pi
