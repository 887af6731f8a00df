from __future__ import annotations

import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from nnff.errors import ModelError
from nnff.network import read_network
from nnff.network.sklearn_object import SklearnReader

RNG = np.random.default_rng(0)
X = RNG.normal([100, -3, 0.01], [25, 2, 0.002], size=(60, 3))
Y = X @ [0.1, 2, 300]
LABEL = np.where(np.median(Y) < Y, "rich", "poor")
ELSEWHERE = RNG.normal([100, -3, 0.01], [50, 4, 0.004], size=(200, 3))


def fitted(model, x=X, y=None):
    if y is None:
        last = model.steps[-1][1] if isinstance(model, Pipeline) else model
        y = LABEL if isinstance(last, MLPClassifier) else Y
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(x, y)


def net(kind=MLPRegressor, **parameters):
    return kind(**{"hidden_layer_sizes": (4, 3), "max_iter": 5, "random_state": 0, **parameters})


@pytest.mark.parametrize("activation", ["identity", "relu", "logistic", "tanh"])
@pytest.mark.parametrize("sizes", [(), (4,), (4, 3)])
def test_regressors(activation, sizes):
    model = fitted(net(activation=activation, hidden_layer_sizes=sizes))
    network = read_network(model)
    name = "sigmoid" if activation == "logistic" else activation
    assert [layer.activation_name for layer in network.layers] == [name] * len(sizes) + ["identity"]
    assert network.predict(ELSEWHERE) == pytest.approx(model.predict(ELSEWHERE), rel=1e-11, abs=1e-9)
    assert network.source == "MLPRegressor"
    assert network.input_scaling.is_none


def test_regressors_of_several_targets():
    model = fitted(net(), y=np.column_stack([Y, -Y]))
    assert read_network(model).forward(ELSEWHERE) == pytest.approx(
        model.predict(ELSEWHERE), rel=1e-11, abs=1e-9
    )
    chosen = read_network(model, output_index=1)
    assert chosen.predict(ELSEWHERE) == pytest.approx(model.predict(ELSEWHERE)[:, 1], rel=1e-11, abs=1e-9)


@pytest.mark.parametrize("labels", [LABEL, LABEL == "rich", (LABEL == "rich").astype(int)])
def test_binary_classifiers_answer_the_probability_of_the_second_class(labels):
    model = fitted(make_pipeline(StandardScaler(), net(MLPClassifier)), y=labels)
    network = read_network(model)
    assert network.predict(ELSEWHERE) == pytest.approx(model.predict_proba(ELSEWHERE)[:, 1], rel=1e-11)
    assert network.layers[-1].activation_name == "sigmoid"
    assert network.output_names == (f"P({model.classes_[1]})",)


SCALERS = {
    "standard": [StandardScaler()],
    "no mean": [StandardScaler(with_mean=False)],
    "no deviation": [StandardScaler(with_std=False)],
    "neither": [StandardScaler(with_mean=False, with_std=False)],
    "minmax": [MinMaxScaler()],
    "minmax to a range": [MinMaxScaler(feature_range=(-3, 5))],
    "two": [MinMaxScaler(), StandardScaler()],
    "three": [StandardScaler(with_std=False), "passthrough", MinMaxScaler((1, 2)), StandardScaler()],
    "none": ["passthrough"],
}


@pytest.mark.parametrize("names", SCALERS)
def test_scalers_become_the_input_scaling(names):
    model = fitted(make_pipeline(*SCALERS[names], net()))
    network = read_network(model)
    assert network.architecture == "3-4-3-1 (relu, relu, identity)"
    assert np.array_equal(network.layers[0].weight, model[-1].coefs_[0].T)
    assert network.predict(ELSEWHERE) == pytest.approx(model.predict(ELSEWHERE), rel=1e-9, abs=1e-9)
    assert network.input_scaling.apply(ELSEWHERE) == pytest.approx(
        np.asarray(model[:-1].transform(ELSEWHERE)), rel=1e-9, abs=1e-9
    )
    assert network.source == "Pipeline"


def test_the_standard_scaler_gives_exactly_its_means_and_deviations():
    model = fitted(make_pipeline(StandardScaler(), net()))
    network = read_network(model)
    assert np.array_equal(network.input_scaling.center, model[0].mean_)
    assert np.array_equal(network.input_scaling.scale, model[0].scale_)


def test_constant_columns_and_single_precision():
    x = X.copy()
    x[:, 1] = 0.1
    for scaler in (StandardScaler(), MinMaxScaler()):
        model = fitted(make_pipeline(scaler, net()), x)
        assert read_network(model).predict(x) == pytest.approx(model.predict(x), rel=1e-9)
    single = fitted(net(), X.astype(np.float32), Y.astype(np.float32))
    assert single.coefs_[0].dtype == np.float32
    assert read_network(single).predict(X) == pytest.approx(single.predict(X), rel=1e-9)


def test_feature_names_come_from_the_data_frame():
    frame = pd.DataFrame(X, columns=["income", "debt", "rate"])
    for model in (net(), make_pipeline(MinMaxScaler(), net()), net(MLPClassifier)):
        network = read_network(fitted(model, frame))
        assert network.feature_names == ("income", "debt", "rate")
    assert read_network(fitted(net())).feature_names == ("x0", "x1", "x2")


class MyRegressor(MLPRegressor):
    """A subclass that predicts something else."""

    def predict(self, x):
        return -super().predict(x)


REFUSED = {
    "multilabel": (
        lambda: fitted(net(MLPClassifier), y=np.column_stack([LABEL == "rich", LABEL == "poor"]).astype(int)),
        "MLPClassifier has 2 classes or labels and 2 outputs",
    ),
    "one class": (
        lambda: fitted(net(MLPClassifier), y=np.zeros(60)),
        "MLPClassifier has 1 classes or labels and 1 outputs",
    ),
    "unfitted network": (net, "the MLPRegressor is not fitted"),
    "unfitted pipeline": (lambda: make_pipeline(StandardScaler(), net()), "the StandardScaler is not fitted"),
    "unfitted scaler": (
        lambda: make_pipeline(StandardScaler(), fitted(net())),
        "the StandardScaler is not fitted",
    ),
    "clipping": (lambda: fitted(make_pipeline(MinMaxScaler(clip=True), net())), "clips, which is not affine"),
    "PCA": (
        lambda: fitted(make_pipeline(PCA(2), net())),
        "the pipeline holds a PCA before the network; nnff reads",
    ),
    "nested": (
        lambda: fitted(make_pipeline(make_pipeline(StandardScaler()), net())),
        "the pipeline holds a Pipeline before",
    ),
    "linear": (
        lambda: fitted(LinearRegression()),
        "a LinearRegression is not supported; nnff reads MLPRegressor",
    ),
    "linear in a pipeline": (
        lambda: fitted(make_pipeline(StandardScaler(), LinearRegression())),
        "a LinearRegression is not supported",
    ),
    "no network": (lambda: fitted(make_pipeline(StandardScaler(), "passthrough")), "a str is not supported"),
    "transformed target": (
        lambda: fitted(
            TransformedTargetRegressor(net(), func=np.sqrt, inverse_func=np.square, check_inverse=False),
            y=Y**2,
        ),
        "a TransformedTargetRegressor is not supported",
    ),
    "subclass": (lambda: fitted(net(MyRegressor)), "a MyRegressor is not supported"),
    "other widths": (
        lambda: make_pipeline(fitted(StandardScaler(), X[:, :2]), fitted(net())),
        "the StandardScaler of the Pipeline takes 2 features, the network 3",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_represented_is_refused_by_name(case):
    build, message = REFUSED[case]
    with pytest.raises(ModelError, match=message):
        read_network(build())


def test_weights_that_are_not_finite_are_refused():
    model = fitted(net())
    model.coefs_[1][0, 0] = np.nan
    with pytest.raises(ModelError, match="not a finite number"):
        read_network(model)


def test_accepts_what_is_scikit_learns_or_derives_from_it():
    reader = SklearnReader()
    assert reader.accepts(net())
    assert reader.accepts(MyRegressor())
    assert reader.accepts(make_pipeline(net()))
    assert not reader.accepts("model.onnx")
    assert not reader.accepts(X)


def test_importing_and_asking_does_not_import_scikit_learn():
    code = (
        "import sys; from nnff.network.sklearn_object import SklearnReader; "
        "assert not SklearnReader().accepts('a'); assert 'sklearn' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
