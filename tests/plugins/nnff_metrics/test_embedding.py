"""The metric ``embedding``: a linear map or a network, any base; the conformance kit on both."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnff import Domain, Layer, Network, certify
from nnff.config import load_config
from nnff.errors import SimilarityError
from nnff.network import Scaling, write_onnx
from nnff.similarity import EPSILON_TOLERANCE, Metric, Relation, metric
from nnff.testing.metrics import MetricConformance
from nnff_metrics.embedding import embedding
from nnff_metrics.linear_embedding import LinearEmbedding
from nnff_metrics.mahalanobis import Mahalanobis
from nnff_metrics.network_embedding import NetworkEmbedding

RNG = np.random.default_rng(0)
BASES = [{"p": 1}, {"p": "inf"}, {"p": 2, "weights": [1.0, 0.3]}, {"p": 3}]


def network(*activations, n=4, scaled=True):
    rng = np.random.default_rng(5)
    sizes = [n, *[3] * (len(activations) - 1), 2]
    layers = tuple(
        Layer(rng.normal(size=(after, before)), rng.normal(size=after), name)
        for before, after, name in zip(sizes, sizes[1:], activations, strict=False)
    )
    return Network(layers, Scaling(rng.normal(size=n), rng.uniform(0.5, 2, n)) if scaled else None)


class TestKitWide(MetricConformance):
    metric = LinearEmbedding(RNG.normal(size=(2, 5)))


class TestKitTall(MetricConformance):
    metric = LinearEmbedding(RNG.normal(size=(4, 3)), {"p": 1})


class TestKitFreeFeature(MetricConformance):
    metric = LinearEmbedding([[1.0, 0.0, 100.0], [0.0, 0.0, 2.0]], {"p": "inf"})


class TestKitDependentRows(MetricConformance):
    metric = LinearEmbedding(
        np.outer([1.0, 2.0], [1.0, 1.0, 0.0]), {"metric": "mahalanobis", "matrix": np.eye(2)}
    )


class TestKitRelu(MetricConformance):
    metric = NetworkEmbedding(network("relu"))


class TestKitSmooth(MetricConformance):
    metric = NetworkEmbedding(network("sigmoid", "relu"), base={"p": 1})


def test_a_linear_embedding_is_the_mahalanobis_metric_of_its_gram_matrix():
    matrix = np.random.default_rng(1).normal(size=(3, 5))
    names = tuple("abcde")
    made, same = LinearEmbedding(matrix).bind(names), Mahalanobis(matrix.T @ matrix).bind(names)
    x, y = np.random.default_rng(2).normal(size=(2, 50, 5))
    np.testing.assert_allclose(made.distance(x, y), same.distance(x, y), rtol=1e-10)
    forms, room = np.random.default_rng(3).normal(size=(20, 5)), np.array([1.0, 0.2, 3.0, 0.0, 0.5])
    for epsilon in (0.05, 0.5, 5.0):
        ours, theirs = (each.difference_bound(forms, epsilon, room) for each in (made, same))
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)
        box = np.tile(room, (20, 1))
        gains = [(each.maximise(forms, epsilon, -box, box) * forms).sum(axis=1) for each in (made, same)]
        assert (gains[0] >= gains[1] * 0.999).all()


@given(
    st.sampled_from(range(4)),
    st.integers(1, 5),
    st.sampled_from([0.0, 1e-6, 0.3, 5.0]),
    st.integers(0, 2**32 - 1),
)
@settings(max_examples=25, deadline=None)
def test_the_bound_of_a_linear_embedding_holds(base, n, epsilon, seed):
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(2, n)) * rng.choice([0.0, 1.0, 30.0], size=(2, n))
    made = LinearEmbedding(matrix, BASES[base]).bind(tuple(f"x{i}" for i in range(n)))
    room = rng.choice([0.0, 0.1, 2.0], n)
    forms = np.concatenate([rng.normal(size=(6, n)), matrix])
    bound = made.difference_bound(forms, epsilon, room)
    box = np.tile(room, (len(forms), 1))
    best = made.maximise(forms, epsilon, -box, box)
    assert (np.abs(best) <= room).all()
    assert (made.distance(np.zeros(n), best) <= epsilon * (1 + EPSILON_TOLERANCE)).all()
    assert (np.abs(best @ forms.T).max(axis=0) <= bound * (1 + 1e-12)).all()
    assert (bound <= np.abs(forms) @ room * (1 + 1e-12)).all()


def test_without_looseness_in_the_base_the_rows_are_exact():
    assert LinearEmbedding(np.eye(2), {"p": 1}).relation is Relation.EXACT
    assert LinearEmbedding(np.eye(2), {"p": 2}).relation is Relation.OUTER


@pytest.mark.parametrize("p", [1, 2])
def test_a_linear_network_gives_the_dual_norm(p):
    matrix = np.array([[1.0, 1.0, 0.0], [0.0, 2.0, -1.0]])
    form = np.array([3.0, -1.5])
    dual = {1: np.abs(form).max(), 2: np.linalg.norm(form)}[p]
    linear = Network((Layer([form @ matrix], [0.0]),))
    domain = Domain.from_box([-9.0] * 3, [9.0] * 3)
    certificate = certify(linear, domain, embedding(matrix, base={"p": p}), 0.1, gap=1e-3, time_limit=20)
    assert certificate.delta_lower == pytest.approx(0.1 * dual, rel=1e-4)
    assert 0.1 * dual * (1 - 1e-12) <= certificate.delta_upper <= 0.1 * dual * (1 + 2e-3)


def test_inputs_that_the_matrix_does_not_tell_apart_are_at_distance_zero():
    matrix = np.array([[0.1, 0.7, -0.3]])
    made = LinearEmbedding(matrix).bind(tuple("abc"))
    hidden = np.array([[0.7, -0.1, 0.0], [0.3, 0.0, 0.1]]) * 1e3
    assert (made.distance(np.zeros(3), hidden) == 0).all()
    assert made.distance(np.zeros(3), hidden[0] + [1e-6, 0, 0]) > 0


def test_a_network_embedding_measures_between_outputs_of_its_layers():
    phi = network("relu", "sigmoid")
    whole, first = embedding(network=phi), embedding(network=phi, layers=1, base={"p": 1})
    x, y = np.random.default_rng(3).normal(size=(2, 10, 4))
    np.testing.assert_allclose(whole.distance(x, y), np.linalg.norm(phi.forward(y) - phi.forward(x), axis=1))
    hidden = [np.maximum(phi.preactivations(each)[0], 0) for each in (x, y)]
    np.testing.assert_allclose(first.distance(x, y), np.abs(hidden[1] - hidden[0]).sum(axis=1))
    assert first.relation is Relation.EXACT
    assert embedding(network=phi, base={"p": 1}).relation is Relation.OUTER
    assert not whole.translation_invariant


def test_parameters_make_the_same_metric_again():
    for made in (
        embedding(np.ones((2, 3)), base={"p": 1}),
        embedding(network=network("tanh", "relu"), layers=1),
    ):
        again = metric(made.name, **json.loads(json.dumps(made.parameters)))
        assert again == made
        assert isinstance(again, Metric)
    assert embedding(np.ones((2, 3))) != embedding(np.ones((2, 3)), base={"p": 1})


def test_a_network_from_an_onnx_file_beside_the_config_file(tmp_path):
    phi = network("relu", "identity", scaled=False)
    write_onnx(phi, tmp_path / "phi.onnx")
    path = tmp_path / "nnff.toml"
    path.write_text(
        '[similarity]\nmetric = "embedding"\nepsilon = 1.0\nfile = "phi.onnx"\nlayers = 1\n'
        'base = { metric = "weighted-lp", p = "inf" }\n'
    )
    config = load_config(path, environment={})
    made = metric(config.similarity.metric, **config.metric_parameters)
    rows = np.random.default_rng(1).normal(size=(5, 4))
    expected = np.maximum(phi.preactivations(rows)[0], 0)
    np.testing.assert_allclose(made.embedding.forward(rows), expected, rtol=1e-6)
    assert made.base.parameters["p"] == "inf"


@pytest.mark.parametrize(
    ("parameters", "part"),
    [
        ({}, "needs one of matrix .linear., network and file"),
        ({"matrix": [[1.0]], "network": network("relu")}, "and only one"),
        ({"matrix": [[1.0]], "layers": 1}, "has no layers"),
        ({"matrix": [1.0]}, r"got shape \(1,\)"),
        ({"matrix": [["a"]]}, "is not a table of numbers"),
        ({"matrix": [[math.nan]]}, "holds nan in row 0, column 0"),
        ({"matrix": [[1.0]], "base": 3}, "the base metric is 3"),
        (
            {"matrix": [[1.0]], "base": {"metric": "tolerance", "tolerances": [0.0]}},
            "asks for an exact match",
        ),
        (
            {"matrix": [[1.0]], "base": {"metric": "embedding", "network": network("relu")}},
            "not one of differences",
        ),
        ({"network": network("relu"), "layers": 2}, "has 1 layers, so its first 2 do not exist"),
        ({"network": network("relu"), "layers": 0}, "a whole number of at least 1"),
        ({"network": {"weights": 1}}, "a model file, or a table with its layers"),
        ({"network": {"layers": [{"weight": [[1.0]]}]}}, "is not complete"),
    ],
)
def test_embeddings_that_make_no_sense(parameters, part):
    with pytest.raises(SimilarityError, match=part):
        embedding(**parameters)


def test_the_wrong_number_of_features():
    with pytest.raises(SimilarityError, match="matrix is 2 by 3, but there are 4 features"):
        embedding(np.ones((2, 3))).bind(tuple("abcd"))
    with pytest.raises(SimilarityError, match="takes 4 inputs, but there are 2 features"):
        embedding(network=network("relu")).bind(tuple("ab"))
