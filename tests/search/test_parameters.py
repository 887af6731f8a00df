"""The flat vector of parameters: there and back, and its gradient against finite differences."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnff.errors import ModelError
from nnff.search import central_differences, n_parameters, parameter_gradient, parameters_of, with_parameters

SMOOTH = st.lists(st.sampled_from(["sigmoid", "tanh", "identity"]), min_size=1, max_size=3)


def test_one_neuron_is_its_weights_then_its_bias(founding_model):
    _, network = founding_model
    vector = parameters_of(network)
    assert (vector[:-1] == network.layers[0].weight[0]).all()
    assert vector[-1] == network.layers[0].bias[0]


@settings(max_examples=30, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1), activations=SMOOTH)
def test_gradient_agrees_with_central_differences(lab, seed, activations):
    rng = np.random.default_rng(seed)
    sizes = [int(k) for k in rng.integers(1, 5, len(activations))]
    network = lab.network(rng, [*sizes, 1], activations, scaled=True)
    vector = parameters_of(network)
    assert len(vector) == n_parameters(network)
    assert with_parameters(network, vector) == network
    row = rng.normal(size=(1, sizes[0]))
    moved = central_differences(lambda p: float(with_parameters(network, p).predict(row)[0]), vector, 1e-5)
    scale = 1 + np.abs(moved).max()
    assert parameter_gradient(network, row)[0] == pytest.approx(moved, abs=1e-7 * scale)


def test_a_vector_of_another_length_is_refused(founding_model):
    with pytest.raises(ModelError, match="14 parameters"):
        with_parameters(founding_model[1], np.zeros(13))
