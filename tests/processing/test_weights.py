"""Sample weights do what their formulas promise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnff.errors import ConfigError, DataError
from nnff.processing import (
    cost_sensitive_weights,
    effective_number_weights,
    groups_of,
    reweighing_weights,
)

SEEDS = st.integers(0, 2**32 - 1)


def biased(seed, rows=200, classes=3):
    """Return groups and classes that depend on each other, no cell empty."""
    rng = np.random.default_rng(seed)
    cells = [(g, c) for g in "ab" for c in range(classes)]
    drawn = rng.choice(len(cells), rows, p=rng.dirichlet(np.ones(len(cells))))
    drawn = np.concatenate([np.arange(len(cells)), drawn])
    return np.array([cells[k][0] for k in drawn]), np.array([cells[k][1] for k in drawn])


@settings(max_examples=40, derandomize=True)
@given(seed=SEEDS)
def test_reweighing_makes_group_and_class_independent(seed):
    s, y = biased(seed)
    w = reweighing_weights(y, s)
    assert w.mean() == pytest.approx(1)
    for g in np.unique(s):
        for c in np.unique(y):
            joint = w[(s == g) & (y == c)].sum() / w.sum()
            assert joint == pytest.approx((s == g).mean() * (y == c).mean())


@settings(max_examples=20, derandomize=True)
@given(seed=SEEDS, bins=st.integers(1, 6))
def test_a_continuous_attribute_and_target_are_cut_into_bins(seed, bins):
    rng = np.random.default_rng(seed)
    s = rng.normal(size=400)
    y = s + rng.normal(size=400)
    w = reweighing_weights(y, s, bins=bins)
    group, target = groups_of(s, bins), groups_of(y, bins)
    assert group.max() + 1 == bins
    # Where every cell has a row, the bins are independent.
    if len(np.unique(group * bins + target)) == bins**2:
        for g in range(bins):
            inside = group == g
            shares = [w[inside & (target == t)].sum() / w[inside].sum() for t in range(bins)]
            assert shares == pytest.approx([(target == t).mean() for t in range(bins)])


def test_groups_never_part_equal_values():
    values = np.array([0.0] * 90 + list(np.linspace(1, 2, 10)))
    groups = groups_of(values, 4)
    assert len(np.unique(groups[values == 0])) == 1
    assert (groups_of(["x", "y", "x"], 1) == [0, 1, 0]).all()


@settings(max_examples=30, derandomize=True)
@given(seed=SEEDS, beta=st.floats(0.0, 0.99999))
def test_effective_numbers_lie_between_rows_and_classes(seed, beta):
    s, y = biased(seed)
    w = effective_number_weights(y, beta=beta)
    counts = np.bincount(y)[y]
    effective = 1 / w * (w * counts).max()  # up to a factor the effective number of each row's class
    order = np.argsort(counts)
    assert (np.diff(effective[order]) >= -1e-9 * effective.max()).all()
    assert w.mean() == pytest.approx(1)
    by_cell = effective_number_weights(y, s, beta=beta)
    assert len(np.unique(by_cell.round(12))) <= 6


def test_the_ends_of_beta():
    _, y = biased(0)
    assert effective_number_weights(y, beta=0) == pytest.approx(np.ones(len(y)))
    near = effective_number_weights(y, beta=1 - 1e-9)
    totals = np.array([near[y == c].sum() for c in range(3)])
    assert totals == pytest.approx(np.full(3, totals.mean()), rel=1e-5)


def test_costs_are_in_proportion():
    s, y = biased(1, classes=2)
    w = cost_sensitive_weights(y, {0: 1.0, 1: 5.0})
    assert w[y == 1].max() == pytest.approx(5 * w[y == 0].min())
    cells = {("a", 0): 1.0, ("a", 1): 2.0, ("b", 0): 3.0, ("b", 1): 4.0}
    by_cell = cost_sensitive_weights(y, cells, s)
    assert by_cell[(s == "b") & (y == 1)][0] == pytest.approx(4 * by_cell[(s == "a") & (y == 0)][0])


def test_nonsense_is_refused():
    s, y = biased(2)
    with pytest.raises(ConfigError, match="no cost for"):
        cost_sensitive_weights(y, {0: 1.0})
    with pytest.raises(ConfigError, match="positive"):
        cost_sensitive_weights(y, {0: 1.0, 1: 0.0, 2: 1.0})
    with pytest.raises(ConfigError, match="beta"):
        effective_number_weights(y, beta=1.0)
    with pytest.raises(DataError, match="sensitive values"):
        reweighing_weights(y, s[:-1])
