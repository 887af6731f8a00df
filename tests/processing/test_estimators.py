"""Attributions and adversaries: scikit-learn's own checks, gradients by autograd, and what they remove."""

from __future__ import annotations

from dataclasses import replace

import autograd.numpy as anp
import numpy as np
import pandas as pd
import pytest
from autograd import grad
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.utils.estimator_checks import check_estimator

from nnff.domain import Domain
from nnff.errors import ConfigError, DataError, DomainError
from nnff.network import read_network
from nnff.network.onnx_write import write_onnx
from nnff.problem import Problem
from nnff.processing import (
    AdversarialClassifier,
    AdversarialRegressor,
    AttributionClassifier,
    AttributionRegressor,
)
from nnff.processing.adversarial import explained_share
from nnff.processing.traced import traced_input_gradient, traced_output
from nnff.search import ClosedFormDelta, parameter_gradient, parameters_of
from nnff.similarity import metric

SEEDS = st.integers(0, 2**32 - 1)


def biased(rows=200):
    """Return inputs of which the first is sensitive and the second goes along with it, and targets."""
    rng = np.random.default_rng(0)
    s = rng.normal(size=rows)
    X = np.column_stack([s, 0.6 * s + rng.normal(size=rows), rng.normal(size=rows)])
    return X, X.sum(axis=1) + 0.1 * rng.normal(size=rows)


@pytest.mark.parametrize(
    "estimator",
    [
        AttributionRegressor((2,), max_iter=5, random_state=0),
        AttributionClassifier((2,), max_iter=10, random_state=0),
        AdversarialRegressor((2,), sensitive_feature=0, max_iter=5, random_state=0),
        AdversarialClassifier((2,), sensitive_feature=0, max_iter=10, random_state=0),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
@pytest.mark.filterwarnings("ignore")  # the checks warn about themselves
def test_checks_of_scikit_learn(estimator):
    results = check_estimator(estimator, on_fail=None, on_skip=None)
    failed = [(told["check_name"], told["exception"]) for told in results if told["status"] == "failed"]
    assert failed == []


@settings(max_examples=25, derandomize=True)
@given(seed=SEEDS, activation=st.sampled_from(["tanh", "sigmoid", "relu", "identity"]))
def test_autograd_sees_the_same_network(lab, seed, activation):
    rng = np.random.default_rng(seed)
    network = lab.network(rng, [3, 4, 2, 1], [activation, activation, "identity"])
    theta, z = parameters_of(network), rng.normal(size=(5, 3))
    assert traced_output(network, theta, z) == pytest.approx(network.predict(z))
    assert traced_input_gradient(network, theta, z) == pytest.approx(network.gradient(z))
    total = grad(lambda parameters: anp.sum(traced_output(network, parameters, z)))(theta)
    assert total == pytest.approx(parameter_gradient(network, z).sum(axis=0))


@settings(max_examples=15, derandomize=True)
@given(seed=SEEDS)
def test_gradients_of_attributions_agree_with_differences(lab, seed):
    rng = np.random.default_rng(seed)
    network = lab.network(rng, [2, 3, 1], ["tanh", "identity"])
    theta, z = parameters_of(network), rng.normal(size=(4, 2))

    def size(parameters):
        return anp.sum(traced_input_gradient(network, parameters, z)[:, 0] ** 2)

    from nnff.search import central_differences

    assert grad(size)(theta) == pytest.approx(central_differences(size, theta, 1e-5), abs=1e-6)


@settings(max_examples=25, derandomize=True)
@given(seed=SEEDS, degree=st.integers(1, 4))
def test_the_adversary_knows_no_less_than_a_line(seed, degree):
    rng = np.random.default_rng(seed)
    weight = rng.random(60)
    weight /= weight.sum()
    s, u = rng.normal(size=60), rng.normal(size=60)
    u = u + rng.normal() * s
    attribute = ((s - weight @ s) / np.sqrt(weight @ (s - weight @ s) ** 2))[:, None]
    share = explained_share(u, attribute, weight, degree=degree)
    line = np.cov(s, u, aweights=weight)
    correlation = line[0, 1] ** 2 / (line[0, 0] * line[1, 1])
    assert correlation - 1e-6 <= share <= 1
    if degree == 1:
        assert share == pytest.approx(correlation, abs=1e-6)


def test_attribution_takes_the_sensitive_input_out_of_the_network_and_of_its_certificate():
    """At epsilon 0 with the sensitive input free, delta_max is what that input does alone."""
    X, y = biased()
    free = metric("weighted-lp", p=2, weights=[0.0, 1.0, 1.0])
    alone, slopes, r2 = [], [], []
    for strength in (0.0, 30.0):
        model = AttributionRegressor((4,), attribution=strength, max_iter=200, random_state=0)
        network = model.fit(X, y, sensitive_features=[0]).to_network()
        assert network.predict(X) == pytest.approx(model.predict(X))
        problem = Problem(network, Domain.from_data(X), free, 0.0)
        alone.append(ClosedFormDelta(problem).value(parameters_of(network)))
        slopes.append(np.abs(network.gradient(X)[:, 0]).mean())
        r2.append(model.score(X, y))
    assert slopes[1] < 0.15 * slopes[0]
    assert alone[1] < 0.4 * alone[0]
    assert r2[1] > 0.7


def test_wished_attributions_besides_0():
    X, y = biased()
    frame = pd.DataFrame(X, columns=["s", "t", "u"])
    model = AttributionRegressor((), attribution=1e4, wished={"u": -0.5}, max_iter=200, random_state=0).fit(
        frame, y, sensitive_features="s"
    )
    slopes = model.network_.layers[0].weight[0]
    assert slopes[[0, 2]] == pytest.approx([0, -0.5], abs=1e-3)
    assert model.to_network().feature_names == ("s", "t", "u")


def test_the_adversary_loses_the_more_the_stronger_it_counts():
    X, y = biased()
    told = []
    for strength in (0.0, 1.0, 10.0):
        model = AdversarialRegressor((4,), strength=strength, max_iter=150, random_state=0)
        model.fit(X, y, sensitive_features=X[:, 0])
        told.append(model.adversary_r2_)
        found = np.corrcoef(model.predict(X), X[:, 0])[0, 1] ** 2
        assert found <= model.adversary_r2_ + 1e-6
    assert told[0] > 0.5
    assert told[0] > told[1] > told[2]
    assert told[2] < 0.05


def test_groups_cannot_be_told_from_a_classifier():
    X, y = biased()
    group = np.where(X[:, 0] > 0, "a", "b")
    rates = []
    for strength in (0.0, 5.0):
        model = AdversarialClassifier((4,), strength=strength, max_iter=150, random_state=0)
        model.fit(X, y > 0, sensitive_features=group)
        probability = model.predict_proba(X)[:, 1]
        assert model.to_network().predict(X) == pytest.approx(probability)
        rates.append(abs(probability[group == "a"].mean() - probability[group == "b"].mean()))
    assert rates[1] < 0.2 * rates[0]


def test_given_the_target_only_what_goes_beyond_it_counts():
    X, y = biased()
    settings_ = {"strength": 10.0, "max_iter": 150, "random_state": 0, "sensitive_feature": 0}
    parity = AdversarialRegressor((4,), **settings_).fit(X, y)
    odds = AdversarialRegressor((4,), given_target=True, **settings_).fit(X, y)
    # The target itself goes along with the attribute: a perfect prediction adds nothing to it.
    assert odds.score(X, y) > parity.score(X, y) + 0.1


def test_a_model_goes_through_onnx_and_back(tmp_path):
    X, y = biased(60)
    network = AttributionClassifier((3,), max_iter=20, random_state=0).fit(X, y > 0).to_network()
    write_onnx(network, tmp_path / "model.onnx")
    again = read_network(tmp_path / "model.onnx")
    assert again.predict(X) == pytest.approx(network.predict(X), abs=1e-6)
    assert replace(network, source="elsewhere") == network


def test_nonsense_is_refused():
    X, y = biased(40)
    with pytest.raises(DomainError, match="no feature 9"):
        AttributionRegressor().fit(X, y, sensitive_features=[9])
    with pytest.raises(DataError, match="name a column"):
        AdversarialRegressor().fit(X, y)
    with pytest.raises(ConfigError, match="attribution"):
        AttributionRegressor(attribution=-1).fit(X, y)
    with pytest.raises(ConfigError, match="softsign"):
        AttributionRegressor(activation="softsign").fit(X, y)
    with pytest.raises((ConfigError, ValueError), match="weight"):
        AttributionRegressor().fit(X, y, sample_weight=np.zeros(40))
