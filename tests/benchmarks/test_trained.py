"""The trained networks are what their names say, the same everywhere, and have learned something."""

from __future__ import annotations

import hashlib
from functools import cache

import numpy as np
import pytest
from sklearn.datasets import make_friedman1

from nnff.datasets import load_dataset
from nnff.errors import UnknownNameError
from nnff_suites.trained import (
    ACTIVATIONS,
    DEPTHS,
    FILE,
    FRIEDMAN_INPUTS,
    WIDTHS,
    Trained,
    boston_covariance_inverse,
    catalogue,
    load,
)

ALL = catalogue()


@cache
def rows_of(task, n_inputs):
    """Raw inputs and target, as the networks were trained on them (rows 0, 5, 10, ... were left out)."""
    if task == "friedman":
        return make_friedman1(2000, n_inputs, noise=1.0, random_state=0)
    boston = load_dataset("boston")
    target = boston.target.to_numpy()
    return boston.rows(), (target > np.median(target)) * 1.0 if task == "above" else target


def share_explained(predicted, target):
    return 1 - ((predicted - target) ** 2).sum() / ((target - target.mean()) ** 2).sum()


@cache
def linear_prediction(task, n_inputs):
    """Least squares on the rows that were trained on, for all rows."""
    inputs, target = rows_of(task, n_inputs)
    seen = np.arange(len(inputs)) % 5 != 0
    table = np.column_stack([(inputs - inputs.mean(0)) / inputs.std(0), np.ones(len(inputs))])
    return table @ np.linalg.lstsq(table[seen], target[seen], rcond=None)[0]


def test_the_grid_is_complete_and_small():
    names = [trained.name for trained in ALL]
    assert len(set(names)) == len(names)
    for task, activations in (("price", ACTIVATIONS), ("above", ("relu",))):
        grid = {(t.activation, t.width, t.depth) for t in ALL if t.task == task}
        assert grid >= {(a, w, d) for a in activations for w in WIDTHS for d in DEPTHS}
    assert {t.inputs for t in ALL if t.task == "friedman"} == set(FRIEDMAN_INPUTS)
    assert FILE.stat().st_size < 1_000_000


@pytest.mark.parametrize("trained", ALL, ids=lambda trained: trained.name)
def test_shapes_and_accuracy(trained):
    network = load(trained)
    assert [layer.n_inputs for layer in network.layers] == list(trained.sizes[:-1])
    assert [layer.n_outputs for layer in network.layers] == list(trained.sizes[1:])
    last = "sigmoid" if trained.task == "above" else "identity"
    assert [layer.activation_name for layer in network.layers] == [trained.activation] * trained.depth + [
        last
    ]
    # Nothing was lost in float32, and no neuron is a copy of another.
    for layer in network.layers:
        assert (layer.weight == layer.weight.astype(np.float32)).all()
        assert len(np.unique(layer.weight, axis=0)) == layer.n_outputs
    inputs, target = rows_of(trained.task, trained.inputs)
    unseen = np.arange(len(inputs)) % 5 == 0
    answers, line = network.predict(inputs), linear_prediction(trained.task, trained.inputs)
    if trained.task == "above":
        right = (answers > 0.5) == (target > 0.5)
        to_beat = ((line > 0.5) == (target > 0.5))[unseen].mean()
        assert right[unseen].mean() > to_beat
        assert right[~unseen].mean() > 0.85
    else:
        to_beat = share_explained(line[unseen], target[unseen])
        assert share_explained(answers[unseen], target[unseen]) > to_beat
        assert share_explained(answers[~unseen], target[~unseen]) > 0.85


def test_loading_gives_the_same_bits_everywhere():
    """A hash over all networks: no step of loading may depend on the machine's linear algebra."""
    digest = hashlib.sha256()
    for trained in ALL:
        digest.update(load(trained).fingerprint.encode())
    assert digest.hexdigest() == "90a8095285659e6de6688ac3b08d3f24350ecd44cb6ad1a7acf565a348b28ab3"


def test_an_unknown_network_is_refused():
    with pytest.raises(UnknownNameError, match="price-relu-13-5x1"):
        load(Trained("price", "relu", 5, 1))


def test_the_mahalanobis_matrix_is_the_one_described():
    rows = load_dataset("boston").rows()
    z = (rows - rows.mean(0)) / rows.std(0)
    matrix = boston_covariance_inverse()
    at = load_dataset("boston").feature_names.index("B")
    assert (matrix == matrix.T).all()
    assert not matrix[at].any()
    assert np.einsum("ri,ij,rj->r", z, matrix, z).mean() == pytest.approx(1, rel=1e-9)
    others = np.delete(np.arange(13), at)
    cut = matrix[np.ix_(others, others)]
    np.testing.assert_allclose(cut @ np.cov(z[:, others].T, bias=True) * 12, np.eye(12), atol=1e-9)
