"""The estimators: scikit-learn's own checks, lambda, the network they hand over, bad input."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from nnff import Domain, metric, read_network
from nnff.errors import NnffError
from nnff.network import write_onnx
from nnff.training import IFClassifier, IFRegressor


def _table(rows=60, seed=0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.normal(0, [1, 3, 0.2], (rows, 3)) + [0, 5, 1], columns=["a", "b", "s"])
    target = np.tanh(frame["a"]) + 0.3 * frame["b"] + 4 * frame["s"] + rng.normal(0, 0.1, rows)
    return frame, target


@parametrize_with_checks(
    [IFRegressor((8,), plain_epochs=50, epochs=10), IFClassifier((8,), plain_epochs=50, epochs=10)]
)
def test_scikit_learn(estimator, check):
    check(estimator)


def test_lambda_one_is_plain_training():
    X, y = _table()
    settings = {"hidden_layer_sizes": (5,), "random_state": 3, "batch_size": 16}
    plain = IFRegressor(lam=0.2, plain_epochs=12, epochs=0, **settings).fit(X, y)
    for plain_epochs in (0, 5):
        other = IFRegressor(lam=1.0, plain_epochs=plain_epochs, epochs=12 - plain_epochs, **settings)
        np.testing.assert_array_equal(other.fit(X, y).theta_, plain.theta_)


@pytest.mark.parametrize("optimiser", ["adam", "lbfgs"])
def test_less_lambda_less_unfair(optimiser):
    X, y = _table()
    epochs = 120 if optimiser == "adam" else 15
    found = []
    for lam in (1.0, 0.5, 0.0):
        model = IFRegressor(
            (8,), "tanh", lam=lam, plain_epochs=epochs, epochs=epochs, optimiser=optimiser, random_state=0
        ).fit(X, y, sensitive_features=["s"])
        found.append(float(model.worst_case(X)[1].mean()))
    assert found[0] > 1.5 * found[1]
    assert found[1] > 1.5 * found[2]


@pytest.mark.parametrize("loss", ["squared", "absolute"])
def test_plain_training_learns(loss):
    X, y = _table()
    model = IFRegressor((8,), "tanh", lam=1.0, loss=loss, epochs=200, random_state=0).fit(X, y)
    assert model.score(X, y) > 0.9


def test_the_network_predicts_the_same(tmp_path):
    X, y = _table()
    regressor = IFRegressor((5, 4), "sigmoid", epochs=10, random_state=0).fit(X, y)
    network = regressor.to_network()
    assert network.feature_names == ("a", "b", "s")
    np.testing.assert_allclose(network.predict(X.to_numpy()), regressor.predict(X), rtol=1e-12)
    classifier = IFClassifier((5,), epochs=10, random_state=0).fit(X, np.where(y > y.mean(), "yes", "no"))
    network = classifier.to_network()
    assert network.output_names == ("P(yes)",)
    np.testing.assert_allclose(network.predict(X.to_numpy()), classifier.predict_proba(X)[:, 1], rtol=1e-12)
    write_onnx(network, tmp_path / "model.onnx")
    assert read_network(tmp_path / "model.onnx") == network


def test_the_worst_case_is_similar_and_as_said():
    X, y = _table()
    whole = X.round({"b": 0})
    model = IFRegressor((6,), domain=Domain.from_data(whole, integer=["b"]), random_state=0)
    model.fit(whole, y, sensitive_features=["s"])
    worst, differences = model.worst_case(whole)
    assert model.domain_.contains(worst).all()
    np.testing.assert_allclose(
        np.abs(model.predict(pd.DataFrame(worst, columns=X.columns)) - model.predict(whole)),
        differences,
        atol=1e-9,
    )
    z1, z2 = model.input_scaling_.apply(whole.to_numpy()), model.input_scaling_.apply(worst)
    assert (model.metric_.distance(z1, z2) <= model.epsilon * (1 + 1e-9)).all()
    # Free: nothing holds the sensitive feature back.
    assert np.abs(worst[:, 2] - whole["s"]).max() > model.epsilon * model.input_scaling_.scale[2]


def test_training_in_the_manner_of_sensr():
    X, y = _table()
    known = {"hidden_layer_sizes": (8,), "activation": "tanh", "random_state": 0}
    plain, robust = (
        IFRegressor(lam=lam, penalty="loss", epochs=150, **known).fit(X, y, sensitive_features=["s"])
        for lam in (1.0, 0.0)
    )
    assert robust.worst_case(X)[1].mean() < plain.worst_case(X)[1].mean()


def test_rows_without_weight_do_not_count():
    X, y = _table()
    weight = np.ones(len(y))
    weight[:20] = 0
    weighted = IFRegressor((4,), epochs=5, random_state=0).fit(X, y, sample_weight=weight)
    fewer = IFRegressor((4,), epochs=5, random_state=0).fit(X[20:], y[20:])
    np.testing.assert_array_equal(weighted.theta_, fewer.theta_)
    assert weighted.domain_ == fewer.domain_


def test_early_stopping_returns_the_best():
    X, y = _table(rows=40)
    model = IFRegressor(
        (30,), lam=1.0, plain_epochs=0, epochs=2000, learning_rate=0.05, early_stopping=True, patience=5,
        random_state=0,
    ).fit(X, y)  # fmt: skip
    assert model.n_epochs_ < 2000
    assert len(model.objective_curve_) == model.n_epochs_


def test_a_metric_of_ones_own():
    X, y = _table()
    own = metric("weighted-lp", p=1, weights={"a": 1.0, "b": 2.0}, free=["s"])
    model = IFRegressor((4,), metric=own, epochs=5, random_state=0).fit(X, y)
    assert model.metric_.parameters["p"] == 1


def test_a_progress_bar_only_when_asked(capfd):
    X, y = _table(rows=20)
    IFRegressor((2,), epochs=2, plain_epochs=0).fit(X, y)
    assert capfd.readouterr() == ("", "")
    IFRegressor((2,), epochs=2, plain_epochs=0, verbose=True).fit(X, y)
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"lam": 1.5}, "lambda goes from 0"),
        ({"loss": "cross-entropy"}, "must be squared or absolute"),
        ({"penalty": "both"}, "must be difference or loss"),
        ({"adversary": "devil"}, "known are gradient, milp, random"),
        ({"optimiser": "sgd"}, "must be adam or lbfgs"),
        ({"epochs": -1}, "must not be negative"),
        ({"learning_rate": 0.0}, "must be positive"),
        ({"epsilon": -1.0}, "epsilon"),
        ({"metric": "weighted"}, "did you mean 'weighted-lp'"),
        ({"hidden_layer_sizes": (0,)}, "at least one neuron"),
        ({"domain": Domain.from_box([0], [1])}, "the rows have 3"),
    ],
)
def test_bad_settings(settings, message):
    X, y = _table(rows=10)
    with pytest.raises(NnffError, match=message):
        IFRegressor(**settings).fit(X, y)


def test_an_unknown_sensitive_feature():
    X, y = _table(rows=10)
    with pytest.raises(NnffError, match="'t'"):
        IFRegressor().fit(X, y, sensitive_features=["t"])


def test_weights_that_are_all_zero():
    X, y = _table(rows=10)
    # Newer versions of scikit-learn refuse them before we do.
    with pytest.raises((NnffError, ValueError), match=r"every sample weight is 0|non-zero"):
        IFRegressor().fit(X, y, sample_weight=np.zeros(10))
