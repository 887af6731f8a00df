"""The Mahalanobis metric: its matrix, its rows and bounds, and the conformance kit on every kind."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import mahalanobis

from nnff.errors import SimilarityError
from nnff.similarity import EPSILON_TOLERANCE, Relation, metric
from nnff.testing.metrics import MetricConformance
from nnff.testing.rows import MatrixRows
from nnff_metrics.mahalanobis import Mahalanobis


def random_matrix(rng, n, rank, spread=0.0):
    """A random positive semi-definite matrix whose rows differ in size by up to 10^(2 spread)."""
    root = rng.normal(size=(n, rank)) * 10 ** rng.uniform(-spread, spread, (n, 1))
    return root @ root.T


def names(n):
    return tuple(f"x{i}" for i in range(n))


class TestKitFull(MetricConformance):
    metric = Mahalanobis(random_matrix(np.random.default_rng(3), 5, 5))
    sharpness = 1e-5


class TestKitFreeFeature(MetricConformance):
    metric = Mahalanobis([[2.0, 0.0, -0.7], [0.0, 0.0, 0.0], [-0.7, 0.0, 0.5]], looseness=1e-5)
    sharpness = 1e-5


class TestKitSingular(MetricConformance):
    # Direction (1, 1, 1) is not seen.  At radius 0 the bound is sound, not sharp.
    metric = Mahalanobis([[2.0, -1.0, -1.0], [-1.0, 2.0, -1.0], [-1.0, -1.0, 2.0]])


class TestKitIllConditioned(MetricConformance):
    metric = Mahalanobis(random_matrix(np.random.default_rng(4), 4, 4, spread=3.0))
    sharpness = 1e-5


class TestKitOne(MetricConformance):
    metric = Mahalanobis([[2.0]])
    sharpness = 1e-6


class TestKitNothingSeen(MetricConformance):
    metric = Mahalanobis(np.zeros((2, 2)))


def test_the_distance_is_that_of_the_matrix():
    rng = np.random.default_rng(0)
    matrix = random_matrix(rng, 6, 6)
    made = Mahalanobis(matrix).bind(names(6))
    for x, y in rng.normal(size=(20, 2, 6)):
        assert made.distance(x, y) == pytest.approx(mahalanobis(x, y, matrix), rel=1e-12)


@pytest.mark.parametrize("size", [1e-150, 1e150])
def test_distances_neither_vanish_nor_overflow(size):
    made = Mahalanobis([[9.0, 0], [0, 16.0]])
    assert made.distance(np.zeros(2), np.full(2, size)) == pytest.approx(5 * size)


def test_it_is_found_by_name_and_its_parameters_are_the_matrix():
    matrix = [[2.0, 0.5], [0.5, 1.0]]
    made = metric("mahalanobis", matrix=matrix, looseness=1e-4)
    assert made == Mahalanobis(matrix, 1e-4)
    assert made != Mahalanobis(matrix)
    assert made.parameters == {"matrix": matrix, "looseness": 1e-4}


def test_exact_and_outer():
    assert Mahalanobis([[1.0, 1.0], [1.0, 1.0]]).relation is Relation.EXACT
    assert Mahalanobis(np.eye(2)).relation is Relation.OUTER
    assert Mahalanobis(np.eye(13)).looseness == pytest.approx(3.0e-4, rel=0.01)


def test_the_rank_ignores_rounding():
    rng = np.random.default_rng(1)
    for n, rank in ((5, 2), (9, 8), (30, 17)):
        assert Mahalanobis(random_matrix(rng, n, rank)).rank == rank
    # A small variance is not a zero.
    assert Mahalanobis(np.diag([1.0, 1e-12, 1e-9])).rank == 3


def test_inputs_that_differ_where_the_matrix_does_not_look_are_at_distance_zero():
    rng = np.random.default_rng(2)
    root = rng.normal(size=(4, 6))
    made = Mahalanobis(root.T @ root).bind(names(6))
    _, _, basis = np.linalg.svd(root)
    unseen = rng.normal(size=(50, 2)) @ basis[4:] * 10 ** rng.uniform(-3, 3, (50, 1))
    assert (made.distance(np.zeros(6), unseen) == 0).all()
    assert (made.distance(np.zeros(6), unseen + 1e-9 * np.abs(unseen).max() * root[0]) > 0).all()


def test_without_a_box_the_bound_is_the_dual_norm():
    rng = np.random.default_rng(3)
    matrix, forms = random_matrix(rng, 7, 7, spread=1.0), rng.normal(size=(30, 7))
    expected = 0.3 * np.sqrt(np.sum(forms * np.linalg.solve(matrix, forms.T).T, axis=1))
    made = Mahalanobis(matrix)
    assert made.difference_bound(forms, 0.3, np.full(7, 1e4)) == pytest.approx(expected, rel=1e-8)
    room = np.full((30, 7), 1e4)
    best = made.maximise(forms, 0.3, -room, room)
    assert (best * forms).sum(axis=1) == pytest.approx(expected, rel=1e-8)


def test_a_diagonal_matrix_is_the_weighted_l2_metric():
    rng = np.random.default_rng(4)
    theta, forms, radius = rng.uniform(0.1, 3, 6), rng.normal(size=(40, 6)), rng.uniform(0.02, 0.6, 6)
    theta[2] = 0.0
    made, same = (
        Mahalanobis(np.diag(theta)).bind(names(6)),
        metric("weighted-lp", weights=theta).bind(names(6)),
    )
    for epsilon in (0.0, 0.01, 0.2, 0.7, 9.0):
        bound, known = (each.difference_bound(forms, epsilon, radius) for each in (made, same))
        assert bound == pytest.approx(known, rel=1e-6)
        assert (bound >= known * (1 - 1e-12)).all()
        lower, upper = np.tile(-radius, (40, 1)), np.tile(radius, (40, 1))
        value, best = (
            (each.maximise(forms, epsilon, lower, upper) * forms).sum(axis=1) for each in (made, same)
        )
        assert value == pytest.approx(best, rel=2e-4)
        assert (value <= best * (1 + 1e-9)).all()


@given(st.integers(1, 7), st.integers(0, 7), st.sampled_from([0.0, 1.0, 3.0]), st.integers(0, 2**32 - 1))
@settings(max_examples=60)
def test_bound_and_maximiser_enclose_the_maximum(n, rank, spread, seed):
    rng = np.random.default_rng(seed)
    matrix = random_matrix(rng, n, min(n, rank), spread)
    made = Mahalanobis(matrix).bind(names(n))
    epsilon = rng.choice([1e-6, 0.01, 1.0, 50.0])
    extent = epsilon / np.sqrt(np.where(np.diag(matrix) > 0, np.diag(matrix), 1.0))
    forms = rng.normal(size=(6, n)) * rng.choice([0.0, 1.0, 100.0], size=n)
    radius = extent * rng.choice([0.0, 0.2, 1.0, 30.0], size=n)
    bound = made.difference_bound(forms, epsilon, radius)
    best = made.maximise(forms, epsilon, np.tile(-radius, (6, 1)), np.tile(radius, (6, 1)))
    assert (np.abs(best) <= radius).all()
    assert (made.distance(np.zeros(n), best) <= epsilon * (1 + EPSILON_TOLERANCE)).all()
    value = (best * forms).sum(axis=1)
    assert (value <= bound).all()
    # Relative to what the box allows: the search stops there.
    assert (bound - value <= 1e-4 * (np.abs(forms) @ radius) + 1e-300).all()


@given(st.integers(1, 6), st.integers(1, 6), st.sampled_from([0.0, 2.0, 4.0]), st.integers(0, 2**32 - 1))
@settings(max_examples=40)
def test_the_rows_hold_what_the_computed_distance_admits(n, rank, spread, seed):
    # In exact arithmetic, whatever the condition of the matrix: rounding in the distance is covered.
    rng = np.random.default_rng(seed)
    matrix = random_matrix(rng, n, min(n, rank), spread)
    made = Mahalanobis(matrix, 1e-2).bind(names(n))
    epsilon = float(rng.choice([1e-4, 0.3, 20.0]))
    extent = epsilon / np.sqrt(np.where(np.diag(matrix) > 0, np.diag(matrix), 1.0))
    radius = extent * rng.choice([0.3, 3.0, 1e3], size=n)
    rows = MatrixRows(-radius, radius)
    made.encode(rows, rows.difference, epsilon)
    gradient = rng.normal(size=(6, n)) / extent
    for d in made.maximise(gradient, epsilon, np.tile(-radius, (6, 1)), np.tile(radius, (6, 1))):
        while made.distance(np.zeros(n), d) > epsilon:
            d = d * (1 - 1e-15)  # noqa: PLW2901
        assert rows.holds_exactly(d)


def test_radius_zero_pins_what_is_seen():
    full = Mahalanobis([[2.0, 0.0, 0.3], [0.0, 0.0, 0.0], [0.3, 0.0, 1.0]]).bind(names(3))
    radius = np.array([1.0, 2.0, 3.0])
    assert full.difference_bound(np.eye(3), 0.0, radius).tolist() == pytest.approx([0, 2, 0])
    rows = MatrixRows(-radius, radius)
    full.encode(rows, rows.difference, 0.0)
    assert rows.holds_exactly(np.array([0.0, -2.0, 0.0]))
    assert not rows.holds_exactly(np.array([1e-300, 0.0, 0.0]))


def test_radius_zero_leaves_directions_that_are_not_seen():
    both = Mahalanobis([[1.0, -1.0], [-1.0, 1.0]]).bind(names(2))
    radius = np.array([3.0, 2.0])
    # x and y may only move together, by 2 at most.
    assert both.difference_bound(np.array([[1.0, 1.0]]), 0.0, radius)[0] >= 4
    best = both.maximise(np.array([[1.0, 1.0]]), 0.0, -radius[None], radius[None])
    assert best == pytest.approx(np.array([[2.0, 2.0]]))
    rows = MatrixRows(-radius, radius)
    both.encode(rows, rows.difference, 0.0)
    assert rows.maximise(np.array([[1.0, 1.0], [1.0, -1.0]]))[0] == pytest.approx([4, 0], abs=1e-9)


def test_from_covariance():
    rng = np.random.default_rng(5)
    data = rng.normal(size=(200, 5)) @ rng.normal(size=(5, 5))
    covariance = np.cov(data.T)
    made = Mahalanobis.from_covariance(covariance, looseness=1e-4)
    assert np.allclose(made.matrix, np.linalg.inv(covariance), rtol=1e-9)
    assert made.parameters["looseness"] == 1e-4
    assert made.rank == 5


def test_from_a_singular_covariance():
    rng = np.random.default_rng(6)
    data = rng.normal(size=(200, 3)) @ rng.normal(size=(3, 5)) * 10.0
    covariance = np.cov(data.T)
    made = Mahalanobis.from_covariance(covariance)
    assert made.rank == 3
    assert np.allclose(
        made.matrix, np.linalg.pinv(covariance, rcond=1e-12), atol=1e-9 * np.abs(made.matrix).max()
    )


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        ([[1.0, 2.0]], r"must be square, got shape \(1, 2\)"),
        ([1.0, 2.0], r"must be square, got shape \(2,\)"),
        ([], r"must be square, got shape \(0,\)"),
        ([[1.0, "a"], [0.0, 1.0]], "is not a table of numbers"),
        ([[1.0], [0.0, 1.0]], "is not a table of numbers"),
        ([[1.0, math.nan], [math.nan, 1.0]], "holds nan in row 0, column 1"),
        ([[math.inf]], "holds inf in row 0, column 0"),
        ([[1.0, 0.5], [0.4, 1.0]], r"not symmetric: row 0, column 1 holds 0.5, row 1, column 0 holds 0.4"),
        ([[1.0, 2.0], [2.0, 1.0]], r"not positive semi-definite: its smallest eigenvalue is -1$"),
        ([[-1.0]], "its smallest eigenvalue is -1"),
        ([[0.0, 1.0], [1.0, 0.0]], "its smallest eigenvalue is -1"),
    ],
)
def test_matrices_that_make_no_metric(matrix, message):
    with pytest.raises(SimilarityError, match=message):
        Mahalanobis(matrix)


def test_a_covariance_that_is_none():
    with pytest.raises(
        SimilarityError, match="the covariance of the Mahalanobis metric is not positive semi-"
    ):
        Mahalanobis.from_covariance([[1.0, 2.0], [2.0, 1.0]])


def test_rounding_in_an_inverted_matrix_is_forgiven():
    matrix = np.array([[1.0, 1.0, 0], [1.0, 1.0, 0], [0, 0, 1.0]]) + 1e-13 * np.diag([0, -1, 0])
    matrix[0, 1] += 1e-13
    assert Mahalanobis(matrix).rank == 2


def test_the_wrong_number_of_features():
    with pytest.raises(SimilarityError, match="the metric's matrix is 2 by 2, but there are 3 features"):
        Mahalanobis(np.eye(2)).bind(names(3))


@pytest.mark.parametrize("epsilon", [-1.0, math.inf, math.nan])
def test_senseless_radii(epsilon):
    rows = MatrixRows([-1], [1])
    with pytest.raises(SimilarityError, match="epsilon is"):
        Mahalanobis([[1.0]]).encode(rows, rows.difference, epsilon)
    with pytest.raises(SimilarityError, match="epsilon is"):
        Mahalanobis([[1.0]]).maximise(np.ones((1, 1)), epsilon, -np.ones((1, 1)), np.ones((1, 1)))
