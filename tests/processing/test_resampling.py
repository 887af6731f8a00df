"""Algorithm 2: its weights by hand, its constraints as properties, and imbalanced-learn around it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnff.errors import ConfigError, DataError
from nnff.processing import SensitiveResampler, resampling_weights

SEEDS = st.integers(0, 2**32 - 1)


def data(seed, rows=60):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, 3)) * [1, 5, 0.1] + [0, 2, 1]
    return X, X @ [1.0, 0.3, -2.0] + rng.normal(size=rows)


def test_weights_by_hand():
    # s~ = (-1, 1), o~ = (1, -1), w' = (2, 2), f' = 0, w = 1 each.
    assert resampling_weights([0, 2], [5, 3]) == pytest.approx([0.5, 0.5])
    # s~ = (-1, -1, 2)/sqrt 2, o~ = (-1, 0, 1) sqrt(3/2)
    s, o = np.array([-1, -1, 2]) / np.sqrt(2), np.array([-1, 0, 1]) * np.sqrt(1.5)
    w = np.abs(s) + 1
    f = (o * w).sum() / w.sum()
    expected = w / (np.abs(o - f) + 1)
    assert resampling_weights([0, 0, 3], [1, 2, 3]) == pytest.approx(expected / expected.sum())


@settings(max_examples=30, derandomize=True)
@given(seed=SEEDS, scale=st.floats(0.01, 100), shift=st.floats(-50, 50))
def test_units_do_not_matter(seed, scale, shift):
    X, y = data(seed)
    plain = resampling_weights(X[:, 1], y)
    assert resampling_weights(scale * X[:, 1] + shift, shift - scale * y) == pytest.approx(plain)
    assert plain.sum() == pytest.approx(1)
    assert (plain > 0).all()


@settings(max_examples=30, derandomize=True)
@given(seed=SEEDS, most=st.integers(1, 4), strata=st.integers(1, 7))
def test_constraints_hold(seed, most, strata):
    X, y = data(seed)
    sampler = SensitiveResampler(1, max_copies=most, strata=strata, random_state=seed)
    rows, outputs = sampler.fit_resample(X, y)
    drawn = sampler.sample_indices_
    assert rows.shape == X.shape
    assert (rows == X[drawn]).all()
    assert (outputs == y[drawn]).all()
    assert np.bincount(drawn).max() <= most
    cells = np.empty(len(X), dtype=int)
    for cell, part in enumerate(np.array_split(np.argsort(X[:, 1]), strata)):
        cells[part] = cell
    assert (np.bincount(cells[drawn]) == np.bincount(cells)).all()


@settings(max_examples=30, derandomize=True)
@given(seed=SEEDS)
def test_the_mean_of_the_output_can_be_kept(seed):
    X, y = data(seed)
    y = y**3  # skewed: without the constraint the mean moves
    sampler = SensitiveResampler(1, keep_mean=True, random_state=0).fit_resample
    sampler(X, y)
    weights = sampler.__self__.weights_
    assert weights @ y == pytest.approx(y.mean(), abs=1e-9 * y.std())
    assert (weights > 0).all()


def test_frequencies_are_the_weights():
    X, y = data(5, rows=6)
    many = np.zeros(6)
    for seed in range(800):
        sampler = SensitiveResampler(1, random_state=seed)
        sampler.fit_resample(X, y)
        many += np.bincount(sampler.sample_indices_, minlength=6)
    assert many / many.sum() == pytest.approx(sampler.weights_, abs=0.02)


def test_it_stands_in_a_pipeline_of_imbalanced_learn():
    imblearn = pytest.importorskip("imblearn.pipeline")
    from sklearn.base import clone
    from sklearn.linear_model import LinearRegression

    X, y = data(1)
    sampler = SensitiveResampler("b", random_state=3)
    frame = pd.DataFrame(X, columns=list("abc"))
    pipeline = imblearn.make_pipeline(clone(sampler), LinearRegression()).fit(frame, pd.Series(y))
    rows, outputs = sampler.fit_resample(frame, pd.Series(y))
    assert isinstance(rows, pd.DataFrame)
    alone = LinearRegression().fit(rows, outputs)
    assert pipeline.predict(frame) == pytest.approx(alone.predict(frame))


def test_the_attribute_may_be_no_column():
    X, y = data(2)
    beside = SensitiveResampler(random_state=0)
    inside = SensitiveResampler(1, random_state=0)
    rows, _ = beside.fit_resample(X[:, [0, 2]], y, sensitive_features=X[:, 1])
    expected, _ = inside.fit_resample(X, y)
    assert (rows == expected[:, [0, 2]]).all()


@pytest.mark.parametrize(
    ("sampler", "error", "message"),
    [
        (SensitiveResampler(), DataError, "name a column"),
        (SensitiveResampler(1, max_copies=0), ConfigError, "max_copies is 0"),
        (SensitiveResampler(1, strata=0), ConfigError, "0 strata"),
    ],
)
def test_nonsense_is_refused(sampler, error, message):
    with pytest.raises(error, match=message):
        sampler.fit_resample(*data(0))


def test_a_missing_value_is_refused():
    X, y = data(0)
    X[3, 1] = np.nan
    with pytest.raises(DataError, match="not finite"):
        SensitiveResampler(1).fit_resample(X, y)
