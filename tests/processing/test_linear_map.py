"""Linear preprocessing inside the network: the same predictions from raw inputs, and what it removes."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from nnff.errors import ConfigError, DataError, MissingExtraError, ModelError
from nnff.network import Scaling
from nnff.processing import (
    LinearMap,
    SensitiveDirectionRemover,
    correlation_remover,
    groups_of,
    linear_map_of,
    network_behind,
)

SEEDS = st.integers(0, 2**32 - 1)


def data(seed, rows=60):
    rng = np.random.default_rng(seed)
    s = rng.normal(size=rows)
    X = np.column_stack([s + 0.5 * rng.normal(size=rows), 40 * rng.normal(size=rows) - 7 * s, 100 + s])
    return pd.DataFrame(X, columns=["near", "wide", "attribute"])


def transformers(frame):
    yield make_pipeline(StandardScaler(), PCA(2)).fit(frame)
    yield SensitiveDirectionRemover("attribute").fit(frame)
    if "fairlearn" in sys.modules or pytest.importorskip("fairlearn"):
        yield correlation_remover(frame, "attribute", alpha=0.7)


@settings(max_examples=15, derandomize=True)
@given(seed=SEEDS)
def test_the_network_behind_predicts_the_same(lab, seed):
    frame = data(seed)
    rng = np.random.default_rng(seed)
    for transformer in transformers(frame):
        found = linear_map_of(transformer, frame)
        new = frame + rng.normal(size=frame.shape)
        answers = np.asarray(transformer.transform(new))
        network = lab.network(rng, [answers.shape[1], 4, 1], ["tanh", "identity"], scaled=True)
        raw = network_behind(network, found, Scaling.standard(frame), tuple(frame.columns))
        assert raw.feature_names == ("near", "wide", "attribute")
        assert raw.predict(new.to_numpy()) == pytest.approx(network.predict(answers), rel=1e-7, abs=1e-7)


def test_a_model_that_is_not_linear_is_refused():
    frame = data(0)
    with pytest.raises(ModelError, match="PolynomialFeatures is not linear"):
        linear_map_of(PolynomialFeatures(2).fit(frame), frame)
    with pytest.raises(ModelError, match="2 inputs"):
        network_behind(_identity(2), LinearMap(np.eye(3), np.zeros(3)), Scaling.none(3))


def _identity(n):
    from nnff.network import Layer, Network

    return Network((Layer(np.ones((1, n)), np.zeros(1)),))


def test_correlation_removal_makes_the_model_depend_on_the_attribute(lab):
    """What is uncorrelated on average is bought with a difference between people who differ in it alone."""
    pytest.importorskip("fairlearn")
    frame = data(1)
    remover = correlation_remover(frame, "attribute")
    left = np.asarray(remover.transform(frame))
    for column in left.T:
        assert np.corrcoef(column, frame["attribute"])[0, 1] == pytest.approx(0, abs=1e-9)
    raw = network_behind(_identity(2), linear_map_of(remover, frame), Scaling.none(3))
    pair = np.vstack([frame.iloc[0], frame.iloc[0]])
    pair[1, 2] += 1
    assert abs(np.diff(raw.predict(pair))[0]) > 0.1


def test_without_fairlearn_it_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "fairlearn.preprocessing", None)
    monkeypatch.setitem(sys.modules, "fairlearn", None)
    with pytest.raises(MissingExtraError, match=r"Fairlearn.*nnff\[debias\]"):
        correlation_remover(data(0), "attribute")


@settings(max_examples=25, derandomize=True)
@given(seed=SEEDS, groups=st.integers(2, 4))
def test_all_directions_removed_all_groups_have_one_mean(seed, groups):
    rng = np.random.default_rng(seed)
    s = rng.integers(0, groups, 120)
    s[:groups] = np.arange(groups)
    X = rng.normal(size=(120, 5)) + rng.normal(size=(groups, 5))[s] * 2
    remover = SensitiveDirectionRemover(n_directions=groups - 1)
    left = remover.fit(X, sensitive_features=s).transform(X)
    means = np.stack([left[s == k].mean(axis=0) for k in range(groups)])
    assert means == pytest.approx(np.tile(means[0], (groups, 1)), abs=1e-9)
    # A projection: a second time changes nothing.
    assert remover.transform(left) == pytest.approx(left)
    gram = remover.directions_ @ remover.directions_.T
    assert gram == pytest.approx(np.eye(groups - 1), abs=1e-9)


def test_one_direction_of_a_continuous_attribute_takes_most_of_it():
    frame = data(2, rows=400)
    remover = SensitiveDirectionRemover("attribute", bins=4).fit(frame)
    group = groups_of(frame["attribute"], 4)
    z, left = (remover.scaling_.apply(np.asarray(rows)) for rows in (frame, remover.transform(frame)))
    between = [
        sum(((rows[group == k].mean(axis=0) - rows.mean(axis=0)) ** 2).sum() for k in range(4))
        for rows in (z, left)
    ]
    assert between[1] < 0.1 * between[0]
    assert remover.explained_variance_ratio_[0] > 0.9


def test_nonsense_is_refused():
    frame = data(0)
    with pytest.raises(ConfigError, match="from 1 to"):
        SensitiveDirectionRemover("attribute", n_directions=9).fit(frame)
    with pytest.raises(DataError, match="single group"):
        SensitiveDirectionRemover(bins=3).fit(frame, sensitive_features=np.ones(len(frame)))
    with pytest.raises(DataError, match="name a column"):
        SensitiveDirectionRemover().fit(frame)
