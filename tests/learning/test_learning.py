"""Learned metrics: planted structure is recovered; units, order and seeds; files and certificates."""

from __future__ import annotations

import json
import math
from functools import cache

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from nnff import Domain, Layer, Network, certify
from nnff.errors import DataError, SimilarityError
from nnff.learning import (
    LEARNERS,
    AssociationWeights,
    ComparablePairs,
    CovarianceMetric,
    LabelledPairs,
    SensitiveRegression,
    load_metric,
    save_metric,
)
from nnff.similarity import metric
from nnff.testing.metrics import MetricConformance

NAMES = ("age", "income", "rent", "sex")


def people(rng, count=800, *, binary=True):
    """Rows in which income depends on sex, rent on income, and age on nothing."""
    sex = rng.integers(0, 2, count).astype(float) if binary else rng.normal(size=count)
    income = 2000 + 900 * sex + 300 * rng.normal(size=count)
    rent = 0.3 * income + 150 * rng.normal(size=count)
    age = rng.uniform(20, 70, count)
    return pd.DataFrame(np.stack([age, income, rent, sex], axis=1), columns=list(NAMES))


def planted(rng, count, n, directions, noise=0.05):
    """Rows, and comparable pairs of them that differ along planted directions and a little besides."""
    first = rng.normal(size=(count, n))
    shift = rng.normal(size=(count, len(directions))) @ directions
    second = first + shift + noise * rng.normal(size=(count, n))
    return np.concatenate([first, second]), np.stack([np.arange(count), np.arange(count) + count], axis=1)


@cache
def fitted(seed=0):
    """One fitted learner of every kind."""
    rng = np.random.default_rng(seed)
    table = people(rng)
    rows, pairs = planted(rng, 200, 4, np.array([[1.0, 1.0, 0.0, 0.0]]))
    similar = np.linalg.norm(rows[pairs[:, 1], 2:] - rows[pairs[:, 0], 2:], axis=1) < 0.06
    return {
        "sensitive-regression": SensitiveRegression().fit(table, sensitive_features=["sex"]),
        "comparable-pairs": ComparablePairs(1).fit(rows, pairs=pairs),
        "association-weights": AssociationWeights().fit(table, sensitive_features="sex"),
        "covariance": CovarianceMetric().fit(table, sensitive_features=["sex"]),
        "labelled-pairs": LabelledPairs().fit(rows, pairs=pairs, similar=similar),
    }


FITTED = fitted()


class TestKitOfALearnedMetric(MetricConformance):
    metric = FITTED["sensitive-regression"].metric()
    feature_names = NAMES


def test_every_learner_is_there():
    assert set(FITTED) == set(LEARNERS)


@pytest.mark.parametrize("binary", [True, False])
def test_regression_finds_the_direction_that_predicts_the_attribute(binary):
    rng = np.random.default_rng(1)
    sex = rng.integers(0, 2, 4000).astype(float) if binary else rng.normal(size=4000)
    w = np.array([0.6, 0.0, -0.8])
    # Along w the attribute shows; across it there is noise of unit variance.
    rows = rng.normal(size=(4000, 3))
    rows += np.outer(3 * (sex - sex.mean()) - rows @ w * 0.9, w)
    learner = SensitiveRegression().fit(np.column_stack([rows, sex]), sensitive_features=[3])
    basis = learner.directions_
    assert basis.shape == (4, 2)
    planted_direction = w * rows.std(axis=0)
    # In standardised coordinates the best predictor is w in units of the scales.
    cosine = np.linalg.norm(basis[:3].T @ (planted_direction / np.linalg.norm(planted_direction)))
    assert cosine > 0.97
    made = learner.metric()
    z = np.zeros(4)
    assert made.distance(z, np.array([0.0, 0, 0, 1.0])) == 0
    assert made.distance(z, np.array([0.0, 1.0, 0, 0])) > 0.9


def test_sensitive_attributes_may_stand_beside_the_rows():
    table = people(np.random.default_rng(2))
    inputs, sex = table[["age", "income", "rent"]], table["sex"]
    beside = SensitiveRegression().fit(inputs, sensitive_features=sex.to_numpy())
    frame = SensitiveRegression().fit(inputs, sensitive_features=table[["sex"]])
    assert beside.metric().parameters["features"] == ["age", "income", "rent"]
    np.testing.assert_allclose(beside.directions_, frame.directions_)
    assert frame.metric().parameters["learned"]["sensitive_features"] == ["sex"]
    # Income gives the attribute away, age does not.
    direction = np.abs(beside.directions_[:, 0])
    assert direction[1] > 0.9
    assert direction[0] < 0.1


def test_comparable_pairs_recover_a_planted_subspace():
    rng = np.random.default_rng(3)
    directions = np.linalg.qr(rng.normal(size=(6, 2)))[0].T * [[2.0], [1.5]]
    rows, pairs = planted(rng, 500, 6, directions)
    for learner in (ComparablePairs(2), ComparablePairs(0.95)):
        learner.fit(rows, pairs=pairs)
        expected = np.linalg.qr((directions / learner.scale_.scale).T)[0]
        cosines = np.linalg.svd(expected.T @ learner.directions_, compute_uv=False)
        assert learner.directions_.shape == (6, 2)
        assert cosines.min() > 0.995
        assert learner.explained_.sum() > 0.95
    # Two rows that differ within the subspace alone are at distance 0.
    step = learner.directions_ @ np.array([3.0, -2.0])
    assert learner.metric().distance(np.zeros(6), step) == 0


def test_groups_are_pairs_in_other_words():
    rng = np.random.default_rng(4)
    rows, pairs = planted(rng, 300, 5, np.array([[0.0, 2.0, 0.0, 0.0, 0.0]]))
    groups = np.tile(np.arange(300), 2)
    by_pairs = ComparablePairs(1).fit(rows, pairs=pairs)
    by_groups = ComparablePairs(1).fit(rows, groups=groups)
    np.testing.assert_allclose(by_pairs.directions_, by_groups.directions_, atol=1e-9)


def test_what_is_associated_with_the_attribute_weighs_little():
    table = people(np.random.default_rng(5))
    for measure in ("correlation", "mutual-information"):
        learner = AssociationWeights(measure).fit(table, sensitive_features="sex")
        age, income, rent, sex = learner.weights_
        assert sex == 0
        assert income < rent < age
        assert age > 0.75
        assert learner.metric().parameters["metric"] == "weighted-lp"


def test_mutual_information_sees_what_correlation_does_not():
    rng = np.random.default_rng(6)
    sex = rng.normal(size=1500)
    rows = np.stack([np.abs(sex) + 0.05 * rng.normal(size=1500), rng.normal(size=1500)], axis=1)
    straight, any_shape = (AssociationWeights(m).fit(rows, sensitive_features=sex[:, None]).weights_
                           for m in ("correlation", "mutual-information"))  # fmt: skip
    assert straight[0] > 0.8
    assert any_shape[0] < 0.3
    assert any_shape[1] > 0.7


def test_the_covariance_metric_is_the_inverse_covariance():
    rng = np.random.default_rng(7)
    rows = rng.normal(size=(300, 3)) @ rng.normal(size=(3, 3))
    learner = CovarianceMetric(shrinkage=0.0).fit(rows)
    z = learner.scale_.apply(rows)
    expected = np.linalg.inv(z.T @ z / len(z))
    np.testing.assert_allclose(learner.metric().parameters["parameters"]["matrix"], expected, rtol=1e-8)
    # The mean squared distance from the mean is the number of features.
    squares = learner.metric().distance(np.zeros(3), z) ** 2
    assert squares.mean() == pytest.approx(3.0)
    assert 0 < CovarianceMetric().fit(rows).shrinkage_ < 0.2


def test_a_feature_that_is_a_sum_of_others_leaves_a_free_direction():
    rng = np.random.default_rng(8)
    rows = rng.normal(size=(200, 2))
    rows = np.column_stack([rows, rows.sum(axis=1)])
    learner = CovarianceMetric(shrinkage=0.0).fit(rows)
    assert metric("mahalanobis", **learner.metric().parameters["parameters"]).rank == 2


def test_labelled_pairs_recover_the_matrix_they_were_labelled_by():
    rng = np.random.default_rng(9)
    truth = np.diag([4.0, 1.0, 0.0])
    rows = rng.normal(size=(600, 3))
    pairs = rng.integers(0, 600, (6000, 2))
    gap = rows[pairs[:, 1]] - rows[pairs[:, 0]]
    probability = 1 / (1 + np.exp(np.einsum("ki,ij,kj->k", gap, truth, gap) - 3.0))
    similar = rng.random(6000) < probability
    learner = LabelledPairs(1e-6).fit(rows, pairs=pairs, similar=similar)
    scale = learner.scale_.scale
    found = learner.matrix_ / np.outer(scale, scale)
    assert np.abs(found - truth).max() < 0.6
    assert learner.threshold_ == pytest.approx(3.0, abs=0.4)
    assert np.linalg.eigvalsh(learner.matrix_).min() > -1e-12
    assert learner.accuracy_ > 0.85
    # Distance 1 is the threshold.
    near = learner.metric().distance(np.zeros(3), gap / scale) < 1
    assert (near == similar).mean() == pytest.approx(learner.accuracy_)


def test_the_constrained_fit_is_the_optimum():
    """No random symmetric step that stays positive semi-definite lowers the loss."""
    from nnff.learning.labelled import _loss, _projected

    rng = np.random.default_rng(10)
    rows = rng.normal(size=(200, 3))
    pairs = rng.integers(0, 200, (800, 2))
    gap = rows[pairs[:, 1]] - rows[pairs[:, 0]]
    # Farther along the last feature means more similar: without the constraint M would not be a metric.
    similar = gap[:, 2] ** 2 - gap[:, 0] ** 2 + rng.normal(size=800) > 0
    learner = LabelledPairs(1e-2).fit(rows, pairs=pairs, similar=similar)
    d = learner.scale_.apply(rows)[pairs[:, 1]] - learner.scale_.apply(rows)[pairs[:, 0]]
    signs = 2.0 * similar - 1
    best = _loss(d, signs, 1e-2, learner.matrix_, learner.threshold_)[0]
    assert np.linalg.eigvalsh(learner.matrix_)[0] == pytest.approx(0.0, abs=1e-6)
    for size in (1e-1, 1e-2, 1e-3):
        for _ in range(30):
            step = rng.normal(size=(3, 3)) * size
            other = _projected(learner.matrix_ + step + step.T)
            level = learner.threshold_ + size * rng.normal()
            assert _loss(d, signs, 1e-2, other, level)[0] >= best - 1e-9


@pytest.mark.parametrize("name", list(FITTED))
def test_saved_and_loaded_it_is_the_same_metric(name, tmp_path):
    learner = FITTED[name]
    save_metric(learner.learned_, tmp_path / "metric.json")
    again = load_metric(tmp_path / "metric.json")
    assert again.metric == learner.metric()
    assert again.scale == learner.scale_
    assert metric("learned", file=tmp_path / "metric.json") == learner.metric()
    record = json.loads((tmp_path / "metric.json").read_text())["learned"]
    assert record["method"] == name
    assert len(record["data_sha256"]) == 64
    assert "scikit-learn" in record["versions"]


@pytest.mark.parametrize("name", list(FITTED))
def test_the_same_data_gives_the_same_metric(name):
    again = fitted.__wrapped__()[name]
    assert again.metric() == FITTED[name].metric()
    assert again.metric() != fitted(1)[name].metric()
    copy = clone(FITTED[name])
    assert copy.get_params() == FITTED[name].get_params()
    with pytest.raises(SimilarityError, match="has learned nothing yet; call fit first"):
        copy.metric()


def test_units_do_not_matter():
    table = people(np.random.default_rng(11))
    other = table * [1.0, 0.01, 100.0, 1.0] + [0.0, 5.0, -70.0, 0.0]
    x, y = table.to_numpy()[:40], table.to_numpy()[40:80]
    u, v = other.to_numpy()[:40], other.to_numpy()[40:80]
    for learner in (SensitiveRegression(), AssociationWeights(), CovarianceMetric()):
        here, there = (clone(learner).fit(each, sensitive_features=["sex"]) for each in (table, other))
        one = here.metric().distance(here.scale_.apply(x), here.scale_.apply(y))
        two = there.metric().distance(there.scale_.apply(u), there.scale_.apply(v))
        np.testing.assert_allclose(one, two, rtol=1e-6)


def test_the_order_of_the_columns_does_not_matter():
    table = people(np.random.default_rng(12))
    turned = table[["sex", "rent", "age", "income"]]
    places = [list(turned.columns).index(name) for name in table.columns]
    for learner in (SensitiveRegression(), AssociationWeights(), CovarianceMetric()):
        here, there = (clone(learner).fit(each, sensitive_features=["sex"]) for each in (table, turned))
        z = np.random.default_rng(1).normal(size=(20, 4))
        permuted = np.zeros_like(z)
        permuted[:, places] = z
        np.testing.assert_allclose(
            here.metric().distance(0 * z, z), there.metric().distance(0 * z, permuted), rtol=1e-6
        )


def test_seeds_choose_the_pairs():
    rng = np.random.default_rng(13)
    rows = rng.normal(size=(100, 2))
    pairs = rng.integers(0, 100, (2000, 2))
    similar = np.abs(rows[pairs[:, 1], 0] - rows[pairs[:, 0], 0]) + 0.3 * rng.normal(size=2000) < 0.7
    one, same, other = (
        LabelledPairs(max_pairs=300, random_state=seed).fit(rows, pairs=pairs, similar=similar)
        for seed in (0, 0, 1)
    )
    assert one.metric() == same.metric()
    assert one.metric() != other.metric()
    assert one.metric().parameters["learned"]["pairs"] == 300


def test_a_certificate_records_how_the_metric_was_learned():
    table = people(np.random.default_rng(14))
    learner = SensitiveRegression().fit(table, sensitive_features=["sex"])
    network = Network((Layer([[0.01, 0.001, 0.0, 0.5]], [0.0]),), feature_names=NAMES)
    certificate = certify(
        network, Domain.from_data(table), learner.metric(), 0.2, scale=learner.scale_, gap=1e-3
    )
    record = json.loads(certificate.model_dump_json())["metric"]
    assert record["name"] == "learned"
    assert record["parameters"]["learned"]["method"] == "sensitive-regression"
    assert (
        record["parameters"]["learned"]["data_sha256"]
        == learner.metric().parameters["learned"]["data_sha256"]
    )
    assert record["scale"] == learner.scale_.scale.tolist()
    # The attribute itself is free: its share alone is 0.5.
    assert certificate.delta_lower >= 0.5
    assert certificate.gap <= 1e-3


@pytest.mark.parametrize(
    ("learn", "part"),
    [
        (
            lambda t: SensitiveRegression().fit(t, sensitive_features=["sx"]),
            "no feature 'sx'; did you mean 'sex'",
        ),
        (
            lambda t: SensitiveRegression().fit(t, sensitive_features=np.ones(3)),
            "3 sensitive values for 800 rows",
        ),
        (
            lambda t: SensitiveRegression().fit(t.assign(sex=1.0), sensitive_features=["sex"]),
            "1 in every row",
        ),
        (lambda t: SensitiveRegression().fit(t.iloc[:1], sensitive_features=["sex"]), "at least two rows"),
        (
            lambda t: SensitiveRegression().fit(t.assign(age=math.nan), sensitive_features=["sex"]),
            "nan in row 0, age",
        ),
        (lambda t: ComparablePairs().fit(t), "either pairs or groups"),
        (lambda t: ComparablePairs().fit(t, pairs=[[0, 900]]), "a row that does not exist"),
        (lambda t: ComparablePairs().fit(t, pairs=[[0, 0]]), "equal in every feature"),
        (lambda t: ComparablePairs().fit(t, groups=np.arange(800)), "a group of its own"),
        (lambda t: LabelledPairs().fit(t, pairs=[[0, 1]], similar=[1]), "all pairs have the same label"),
        (lambda t: LabelledPairs().fit(t, pairs=[[0, 1]], similar=[2]), "one label, 0 or 1"),
        (lambda t: CovarianceMetric().fit(t, sensitive_features=list(NAMES)), "every feature is sensitive"),
    ],
)
def test_data_that_makes_no_sense(learn, part):
    with pytest.raises(DataError, match=part):
        learn(people(np.random.default_rng(15)))


@pytest.mark.parametrize(
    ("learner", "part"),
    [
        (SensitiveRegression(0.0), "the regularization is 0.0; it must be positive"),
        (AssociationWeights("guess"), "the measure is 'guess'"),
        (CovarianceMetric("much"), "the shrinkage is 'much'"),
        (CovarianceMetric(2.0), "the shrinkage is 2.0"),
    ],
)
def test_parameters_that_make_no_sense(learner, part):
    with pytest.raises(SimilarityError, match=part):
        learner.fit(people(np.random.default_rng(15)), sensitive_features=["sex"])


@pytest.mark.parametrize("count", [0, 9, 1.5, -0.1])
def test_senseless_numbers_of_components(count):
    rows, pairs = planted(np.random.default_rng(0), 20, 3, np.eye(3)[:1])
    with pytest.raises(SimilarityError, match="n_components is"):
        ComparablePairs(count).fit(rows, pairs=pairs)


@pytest.mark.parametrize(
    ("content", "part"),
    [
        ("", "is not JSON"),
        ("[]", "is not a learned metric"),
        ('{"format": "nnff-metric", "version": 9}', "has version 9; this nnff reads version 1"),
        ('{"format": "nnff-metric", "version": 1, "metric": "weighted-lp"}', "has no parameters"),
    ],
)
def test_files_that_are_no_metric(content, part, tmp_path):
    (tmp_path / "metric.json").write_text(content)
    with pytest.raises(SimilarityError, match=part):
        load_metric(tmp_path / "metric.json")


def test_a_learned_metric_is_for_its_own_features():
    made = FITTED["covariance"].metric()
    assert made.bind(NAMES) == made
    with pytest.raises(SimilarityError, match="where it has income, the model has rent"):
        made.bind(("age", "rent", "income", "sex"))
    with pytest.raises(SimilarityError, match="4 of them, where the model has 3"):
        made.bind(NAMES[:3])
    with pytest.raises(SimilarityError, match="by its file or by its parts"):
        metric("learned", file="x.json", metric="weighted-lp")
    with pytest.raises(SimilarityError, match="parameters is missing"):
        metric("learned", metric="weighted-lp")
    with pytest.raises(SimilarityError, match="has no parameter 'depth'"):
        SensitiveRegression().set_params(depth=3)
