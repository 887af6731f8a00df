"""Plausible regions: joint coverage, what they exclude, what they leave alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnff.domain import Domain, plausible_region
from nnff.errors import DataError, DomainError


def correlated(rng, count=200, n=4):
    """Return rows whose features follow two hidden ones, with a few outliers."""
    rows = rng.normal(size=(count, 2)) @ rng.normal(size=(2, n)) + 0.1 * rng.normal(size=(count, n))
    rows[: count // 50] *= 6
    return rows * rng.uniform(0.01, 100, n) + rng.uniform(-50, 50, n)


@given(seed=st.integers(0, 2**32 - 1), coverage=st.sampled_from([0.5, 0.9, 0.99, 1.0]), n=st.integers(2, 6))
def test_at_least_the_wished_share_lies_inside_all_bounds_together(seed, coverage, n):
    rows = correlated(np.random.default_rng(seed), n=n)
    region = plausible_region(rows, coverage)
    domain = Domain.from_data(rows).with_region(region)
    inside = domain.contains(rows)
    assert inside.mean() >= coverage
    assert inside.mean() == region.reached
    assert tuple(np.flatnonzero(~inside)) == region.outside
    assert region.count == len(rows)


def test_it_is_the_same_every_time_and_whatever_the_units():
    rows = correlated(np.random.default_rng(0))
    region = plausible_region(rows, 0.95)
    assert region == plausible_region(rows.copy(), 0.95)
    assert region != plausible_region(rows[::-1], 0.95)
    scaled = plausible_region(rows * [1, 10, 0.001, 7], 0.95)
    assert scaled.outside == region.outside
    assert scaled.rows.lower / np.abs(scaled.rows.lower) == pytest.approx(
        region.rows.lower / np.abs(region.rows.lower)
    )


def test_a_corner_where_nobody_is_lies_outside():
    """Two features that go together: the box holds (high, low), the region does not."""
    rng = np.random.default_rng(1)
    x = rng.uniform(0, 1, 300)
    rows = np.stack([x, x + rng.normal(0, 0.02, 300)], axis=1)
    domain = Domain.from_data(rows)
    within = domain.with_region(plausible_region(rows, 0.99))
    corner = [[rows[:, 0].max(), rows[:, 1].min()]]
    assert domain.contains(corner)[0]
    assert not within.contains(corner)[0]
    middle = [[0.5, 0.5]]
    assert within.contains(middle)[0]
    names = within.region.rows.names
    assert "plausible: x0 - x1" in names
    assert "plausible: direction 2" in names


def test_opposite_features_are_bounded_by_their_sum():
    rng = np.random.default_rng(1)
    x = rng.uniform(0, 1, 100)
    rows = np.stack([x, -x + rng.normal(0, 0.02, 100)], axis=1)
    assert "plausible: x0 + x1" in plausible_region(rows).rows.names


def test_features_are_left_alone():
    rng = np.random.default_rng(2)
    frame = pd.DataFrame(correlated(rng), columns=["a", "b", "c", "d"])
    frame["switch"] = (frame["a"] > 0) * 1.0
    frame["same"] = 3.0
    region = plausible_region(frame, without=["b"])
    assert region.without == ("b", "switch", "same")
    assert (region.rows.matrix[:, [1, 4, 5]] == 0).all()
    assert not (region.rows.matrix[:, [0, 2, 3]] == 0).all(axis=0).any()


def test_a_near_equation_among_features_is_kept():
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(100, 3))
    rows[:, 2] = rows[:, 0] + rows[:, 1]
    domain = Domain.from_data(rows).with_region(plausible_region(rows, 1.0))
    assert domain.contains(rows).all()
    points = domain.sample(50, rng)
    assert domain.contains(points).all()
    assert np.abs(points[:, 0] + points[:, 1] - points[:, 2]).max() < 1e-6


def test_rows_of_the_user_and_of_the_region_hold_both():
    rng = np.random.default_rng(4)
    rows = correlated(rng)
    row = {"terms": {"x0": 1}, "lower": float(np.median(rows[:, 0])), "name": "upper half"}
    domain = Domain.from_data(rows, constraints=[row]).with_region(plausible_region(rows, 0.9))
    assert domain.constraints.names[0] == "upper half"
    assert domain.constraints.n_rows == 1 + domain.region.rows.n_rows
    inside = domain.contains(rows)
    assert 0.3 < inside.mean() <= 0.5


@pytest.mark.parametrize("coverage", [0.0, -1.0, 1.01, float("nan")])
def test_a_coverage_that_is_no_share_is_refused(coverage):
    with pytest.raises(DomainError, match="above 0 and at most 1"):
        plausible_region(np.eye(12), coverage)


@pytest.mark.parametrize(
    ("rows", "options", "error", "message"),
    [
        (np.zeros((9, 3)), {}, DataError, "at least 10 rows"),
        (np.full((20, 3), np.nan), {}, DataError, "nan in row 0, column 0"),
        ([["a"] * 3] * 20, {}, DataError, "not a number"),
        (np.zeros((20, 3)), {}, DomainError, "fewer than two that vary"),
        (np.random.default_rng(0).normal(size=(20, 3)), {"without": [0, 1]}, DomainError, "fewer than two"),
        (np.ones((20, 3)), {"feature_names": ("a",)}, DataError, "3 columns but 1 feature names"),
    ],
)
def test_data_that_says_nothing_is_refused(rows, options, error, message):
    with pytest.raises(error, match=message):
        plausible_region(rows, **options)
