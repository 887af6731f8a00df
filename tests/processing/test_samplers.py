"""Balanced cells through imbalanced-learn, flipped attributes, and points within epsilon."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnff.errors import ConfigError, DataError, MissingExtraError
from nnff.network import Scaling
from nnff.processing import CounterfactualAugmenter, GroupSampler, SimilarAugmenter
from nnff.similarity import within

SEEDS = st.integers(0, 2**32 - 1)


def table(seed, rows=80):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.normal(size=(rows, 3)), columns=["age", "sex", "pay"])
    frame["sex"] = np.where(rng.random(rows) < 0.3, 1.0, 0.0)
    # Three rows at least of every cell.
    frame.loc[:11, "sex"] = [0, 1] * 6
    y = pd.Series(np.where(rng.random(rows) < 0.2, "yes", "no"), name="hired")
    y[:12] = ["no", "no", "yes", "yes"] * 3
    return frame, y


@settings(max_examples=10, derandomize=True)
@given(seed=SEEDS)
def test_smote_balances_every_cell(seed):
    pytest.importorskip("imblearn")
    frame, y = table(seed)
    rows, labels = GroupSampler(sensitive_feature="sex", random_state=0).fit_resample(frame, y)
    assert labels.name == "hired"
    counts = pd.crosstab(rows["sex"], labels.to_numpy()).to_numpy()
    assert counts.shape == (2, 2)
    assert (counts == counts[0, 0]).all()
    # The attribute is constant in a cell and stays what it is; the rows that there were are still there.
    assert (rows.iloc[: len(frame)].to_numpy() == frame.to_numpy()).all()


def test_any_sampler_of_imbalanced_learn_will_do():
    samplers = pytest.importorskip("imblearn.under_sampling")
    frame, y = table(3)
    sampler = GroupSampler(samplers.RandomUnderSampler(random_state=0))
    rows, labels = sampler.fit_resample(frame.drop(columns="sex"), y, sensitive_features=frame["sex"])
    counts = pd.crosstab(sampler.groups_, labels.to_numpy()).to_numpy()
    assert (counts == counts.min()).all()
    assert len(rows) == counts.sum() < len(frame)


def test_a_cell_of_one_row_is_too_small_for_smote():
    frame, y = table(0)
    frame["sex"] = 0.0
    frame.loc[0, "sex"] = 1.0
    with pytest.raises(DataError, match="RandomOverSampler"):
        GroupSampler(sensitive_feature="sex").fit_resample(frame, y)


def test_without_imbalanced_learn_it_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "imblearn.over_sampling", None)
    monkeypatch.setitem(sys.modules, "imblearn", None)
    with pytest.raises(MissingExtraError, match=r"imbalanced-learn.*nnff\[debias\]"):
        GroupSampler(sensitive_feature="sex").fit_resample(*table(0))


@settings(max_examples=20, derandomize=True)
@given(seed=SEEDS, copies=st.integers(1, 3))
def test_copies_differ_in_the_sensitive_attribute_alone(seed, copies):
    frame, y = table(seed)
    rows, labels = CounterfactualAugmenter("sex", copies=copies, random_state=0).fit_resample(frame, y)
    assert len(rows) == len(labels) == (copies + 1) * len(frame)
    for k in range(1, copies + 1):
        part = rows.iloc[k * len(frame) : (k + 1) * len(frame)].reset_index(drop=True)
        assert (part[["age", "pay"]] == frame[["age", "pay"]]).all(axis=None)
        assert (part["sex"] == 1 - frame["sex"]).all()
        assert (labels[k * len(frame) : (k + 1) * len(frame)].to_numpy() == y.to_numpy()).all()


@settings(max_examples=20, derandomize=True)
@given(seed=SEEDS)
def test_a_one_hot_group_is_replaced_as_a_whole(seed):
    rng = np.random.default_rng(seed)
    hot = np.eye(3)[rng.integers(0, 3, 50)]
    hot[:3] = np.eye(3)
    rows, _ = CounterfactualAugmenter([1, 2, 3], random_state=1).fit_resample(
        np.column_stack([rng.normal(size=50), hot]), np.zeros(50)
    )
    assert (rows[:, 1:].sum(axis=1) == 1).all()
    assert (rows[50:, 1:].argmax(axis=1) != hot.argmax(axis=1)).all()


@settings(max_examples=40, derandomize=True)
@given(seed=SEEDS)
def test_points_are_similar_and_possible(lab, seed):
    rng = np.random.default_rng(seed)
    problem = lab.problem(rng, ["identity"])
    domain, metric, epsilon = problem.domain, problem.metric, problem.epsilon
    base = domain.sample(30, rng)
    scaling = Scaling.standard(base)
    sampler = SimilarAugmenter(domain, metric, epsilon, scaling=scaling, copies=2, random_state=seed)
    rows, labels = sampler.fit_resample(base, np.arange(30.0))
    assert (rows[:30] == base).all()
    near = np.tile(base, (2, 1))
    assert domain.contains_pair(near, rows[30:]).all()
    assert within(metric.distance(scaling.apply(near), scaling.apply(rows[30:])), epsilon).all()
    assert (labels == np.tile(np.arange(30.0), 3)).all()


def test_points_do_move(lab):
    rng = np.random.default_rng(0)
    domain = lab.domain(rng, 3, integer=0, immutable=0)
    base = domain.sample(30, rng)
    rows, _ = SimilarAugmenter(domain, lab.metric(rng, 3), 0.5, random_state=0).fit_resample(
        base, np.zeros(30)
    )
    assert (rows[30:] != base).any(axis=1).mean() > 0.9


def test_nonsense_is_refused():
    frame, y = table(0)
    with pytest.raises(ConfigError, match="copies is 0"):
        CounterfactualAugmenter("sex", copies=0).fit_resample(frame, y)
    frame["sex"] = 1.0
    with pytest.raises(DataError, match="same sensitive attribute"):
        CounterfactualAugmenter("sex").fit_resample(frame, y)
