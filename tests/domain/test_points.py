"""Membership, nearest points and samples of domains with rows, groups and levels."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnff.domain import ROW_TOLERANCE, Domain, LinearRows

seeds = st.integers(0, 2**32 - 1)


def breaks(domain, x):
    """Tell what a point violates, computed feature by feature and row by row."""
    bounds = zip(x, domain.lower, domain.upper, strict=True)
    found = [f"range of {i}" for i, (value, low, high) in enumerate(bounds) if not low <= value <= high]
    found += [f"whole {i}" for i in np.flatnonzero(domain.integer) if x[i] != round(x[i])]
    found += [f"level of {i}" for i, levels in domain.ordinal if x[i] not in levels]
    one = [0.0] * domain.n_features + [1.0]
    found += [f"group {g}" for g in domain.one_hot if sorted(x[i] for i in g) != one[-len(g) :]]
    if domain.rows is not None:
        for row, low, high in zip(domain.rows.matrix, domain.rows.lower, domain.rows.upper, strict=True):
            value = float(sum(a * b for a, b in zip(row, x, strict=True)))
            size = sum(
                abs(a) * max(abs(lo), abs(hi))
                for a, lo, hi in zip(row, domain.lower, domain.upper, strict=True)
            )
            if not low - ROW_TOLERANCE * size <= value <= high + ROW_TOLERANCE * size:
                found.append(f"row by {max(low - value, value - high):.2e}")
    return found


@settings(max_examples=40, derandomize=True)
@given(seed=seeds)
def test_samples_and_nearest_points_lie_in_the_domain(lab, seed):
    rng = np.random.default_rng(seed)
    domain = lab.rich_domain(rng)
    points = domain.sample(12, rng)
    assert [breaks(domain, x) for x in points] == [[]] * 12
    assert domain.contains(points).all()
    outside = rng.normal(scale=3, size=(12, domain.n_features))
    near = domain.nearest(outside)
    assert [breaks(domain, x) for x in near] == [[]] * 12
    assert np.array_equal(domain.nearest(near), near)
    assert np.array_equal(domain.nearest(points), points)
    partner = points[rng.permutation(12)]
    second = domain.nearest(outside, partner=partner)
    assert domain.contains_pair(partner, second).all()


@settings(max_examples=40, derandomize=True)
@given(seed=seeds)
def test_contains_says_what_each_constraint_says(lab, seed):
    rng = np.random.default_rng(seed)
    domain = lab.rich_domain(rng)
    points = domain.sample(8, rng)
    tried = [*points]
    for x in points:
        moved = x.copy()
        i = rng.integers(domain.n_features)
        moved[i] += rng.choice([1.0, -1.0, 0.1])
        tried.append(moved)
    said = domain.contains(np.array(tried))
    assert said.tolist() == [not breaks(domain, x) for x in tried]


@settings(max_examples=40, derandomize=True)
@given(seed=seeds)
def test_points_of_a_finite_domain_are_counted(lab, seed):
    rng = np.random.default_rng(seed)
    domain = lab.rich_domain(rng, continuous=0)
    levels = dict(domain.ordinal)
    axes = [
        levels.get(i, np.arange(low, high + 1))
        for i, (low, high) in enumerate(zip(domain.lower, domain.upper, strict=True))
    ]
    every = np.array(list(itertools.product(*axes)))
    assert domain.n_points == domain.contains(every).sum()
    grid = domain.grid
    listed = grid.points(np.arange(grid.size))
    inside = listed[domain.contains(listed)]
    assert len(np.unique(inside, axis=0)) == domain.n_points


def test_the_nearest_point_is_the_projection_where_that_is_simple():
    domain = Domain.from_box([0, 0], [1, 1], constraints=[{"terms": {"x0": 1, "x1": 1}, "upper": 1}])
    near = domain.nearest([[1.0, 1.0], [0.9, 0.5], [2.0, -1.0], [0.2, 0.3]])
    assert near == pytest.approx(np.array([[0.5, 0.5], [0.7, 0.3], [1.0, 0.0], [0.2, 0.3]]), abs=1e-6)
    # In units of the ranges: the wide feature gives way.
    wide = Domain.from_box([0, 0], [10, 1], constraints=[{"terms": {"x0": 0.1, "x1": 1}, "upper": 1}])
    assert wide.nearest([[10.0, 1.0]]) == pytest.approx(np.array([[5.0, 0.5]]), abs=1e-5)


def test_the_nearest_choice_is_found_where_the_rounded_one_is_impossible():
    """x0 + x1 = 1 in whole numbers, and a third feature that must exceed both."""
    domain = Domain.from_box(
        [0, 0, 0],
        [3, 3, 2],
        integer=["x0", "x1"],
        constraints=[
            {"terms": {"x0": 1, "x1": 1}, "lower": 1, "upper": 1},
            {"terms": {"x2": 1, "x0": -1}, "lower": 0.5},
        ],
    )
    near = domain.nearest([[2.8, 2.6, 0.0], [0.4, 2.9, 0.0]])
    assert domain.contains(near).all()
    assert near[0, :2].sum() == 1
    assert near[1, :2].tolist() == [0.0, 1.0]


def test_samples_of_a_thin_domain_reach_all_of_it():
    """|x0 - x1| <= .05 in the unit square: one point in ten of the box."""
    domain = Domain.from_box(
        [0, 0], [1, 1], constraints=[{"terms": {"x0": 1, "x1": -1}, "lower": -0.05, "upper": 0.05}]
    )
    points = domain.sample(300, np.random.default_rng(1))
    counts, _ = np.histogram(points[:, 0], bins=5, range=(0, 1))
    assert counts.min() > 20
    assert np.std(points[:, 0] - points[:, 1]) > 0.02
    again = domain.sample(300, np.random.default_rng(1))
    assert np.array_equal(points, again)


def test_each_category_is_drawn_equally_often():
    domain = Domain.from_box([0, 0, 0], [1, 1, 1], one_hot=[["x0", "x1", "x2"]])
    points = domain.sample(3000, np.random.default_rng(0))
    assert points.sum(axis=0) == pytest.approx([1000] * 3, abs=120)


def test_the_slack_of_rows_is_relative_to_their_size():
    domain = Domain.from_box([0, 0], [1e6, 1e6], constraints=[{"terms": {"x0": 1, "x1": 1}, "upper": 1e6}])
    assert domain.contains([[5e5, 5e5 + 1e-3]])[0]
    assert not domain.contains([[5e5, 5e5 + 1e-2]])[0]


def test_large_grids_under_rows_are_not_counted():
    rows = LinearRows(np.ones((1, 3)), [0.0], [50.0])
    domain = Domain([0] * 3, [200] * 3, np.ones(3, dtype=bool), rows=rows)
    assert domain.n_points is None
    assert domain.grid.size == 201**3
