"""The probability of a class of a softmax, from reading it to bounding it."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neural_network import MLPClassifier

from nnff.certification import certify
from nnff.domain import Domain
from nnff.errors import ModelError
from nnff.network import Layer, Network, Scaling, read_network
from nnff.network.onnx_write import write_onnx
from nnff.network.rounding import evaluation_error
from nnff.network.softmax import softmax
from nnff.similarity import metric


def classifier(rng, classes, end="identity", *, scaled=False):
    layers = (
        Layer(rng.normal(0, 1, (3, 2)), rng.normal(0, 0.5, 3), "relu"),
        Layer(rng.normal(0, 1.5, (classes, 3)), rng.normal(0, 0.5, classes), end),
    )
    scaling = Scaling(rng.normal(size=classes), rng.uniform(0.5, 2, classes)) if scaled else None
    return Network(layers, output_scaling=scaling, softmax=True)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 2**32 - 1), classes=st.integers(2, 6), end=st.sampled_from(["identity", "tanh"]),
    scaled=st.booleans(),
)  # fmt: skip
def test_the_network_of_a_class_is_its_probability(seed, classes, end, scaled):
    rng = np.random.default_rng(seed)
    network = classifier(rng, classes, end, scaled=scaled)
    x = rng.normal(0, 3, (200, 2))
    whole = network.forward(x)
    assert whole.sum(axis=1) == pytest.approx(1.0)
    bound = evaluation_error(network, x, 2.0**-53)
    for k in range(classes):
        own = network.select_output(k)
        allowed = bound[:, k] + evaluation_error(own, x, 2.0**-53)[:, 0]
        assert (np.abs(own.predict(x) - whole[:, k]) <= allowed).all()
        assert allowed.max() < 1e-9


def test_two_classes_are_one_sigmoid():
    own = classifier(np.random.default_rng(0), 2).select_output(1)
    assert own.architecture == "2-3-1 (relu, sigmoid)"
    assert own.output_names == ("y1",)


def test_error_bound_covers_single_precision():
    rng = np.random.default_rng(5)
    network = classifier(rng, 4)
    x = rng.normal(0, 4, (500, 2)).astype(np.float32)
    values = x
    for layer in network.layers:
        values = layer.activation.value(
            values @ layer.weight.T.astype(np.float32) + layer.bias.astype(np.float32)
        )
    single = softmax(values.astype(np.float32))
    assert single.dtype == np.float32
    error = np.abs(single - network.forward(x))
    assert (error <= evaluation_error(network, x.astype(float), 2.0**-24)).all()


@pytest.mark.parametrize("classes", [2, 3, 4])
def test_bounds_of_a_class_meet_brute_force(classes):
    rng = np.random.default_rng(classes)
    network = classifier(rng, classes)
    domain = Domain.from_box([-2, -2], [2, 2], integer="all")
    points = np.array(list(itertools.product(range(-2, 3), repeat=2)), dtype=float)
    near = np.abs(points[:, None] - points[None]).max(axis=2) <= 1
    for k in range(classes):
        p = network.forward(points)[:, k]
        truth = np.abs(p[:, None] - p[None])[near].max()
        found = certify(
            network, domain, metric("weighted-lp", p="inf"), 1.0, output_index=k, gap=0.02, time_limit=1
        )
        assert found.delta_upper >= truth - 1e-12
        assert found.delta_lower <= truth + 1e-12
        exact = certify(
            network, domain, metric("weighted-lp", p="inf"), 1.0, output_index=k, strategy="exhaustive"
        )
        assert exact.delta_upper == pytest.approx(truth, abs=1e-12)
    flip = certify(
        network, domain, metric("weighted-lp", p="inf"), 1.0, output_index=0, question="flip", threshold=0.5,
        strategy="exhaustive",
    )  # fmt: skip
    above = network.forward(points)[:, 0] >= 0.5
    assert flip.question.flips == ((above[:, None] != above[None]) & near).sum() / 2


def test_onnx_keeps_the_softmax(tmp_path):
    network = classifier(np.random.default_rng(2), 3, scaled=True)
    write_onnx(network, tmp_path / "model.onnx")
    again = read_network(tmp_path / "model.onnx")
    assert again == network
    assert again.fingerprint != Network(network.layers, output_scaling=network.output_scaling).fingerprint
    assert read_network(tmp_path / "model.onnx", output_index=2) == network.select_output(2)


def test_scikit_learn_classifiers_of_several_classes():
    rng = np.random.default_rng(4)
    x = rng.normal(size=(90, 2))
    y = np.where(x[:, 0] > 0.4, "high", np.where(x[:, 1] > 0, "middle", "low"))
    model = MLPClassifier((4,), max_iter=30, random_state=0)
    with pytest.warns(Warning, match="converge"):
        model.fit(x, y)
    network = read_network(model)
    assert network.softmax
    assert network.output_names == ("P(high)", "P(low)", "P(middle)")
    assert network.forward(x) == pytest.approx(model.predict_proba(x), abs=1e-12)


def test_what_makes_no_sense_is_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(ModelError, match="over one output"):
        Network((Layer([[1.0]], [0.0]),), softmax=True)
    with pytest.raises(ModelError, match="already ends in a softmax"):
        classifier(rng, 3).with_output_activation("sigmoid")
    logits = Network((Layer(np.eye(3), np.zeros(3)),))
    assert logits.with_output_activation("softmax").softmax
