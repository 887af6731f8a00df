from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnff.network import ACTIVATIONS, Layer, Network
from nnff.network.reader import FLOAT_ROUNDOFF
from nnff.network.rounding import evaluation_error


def in_single_precision(network: Network, rows: np.ndarray) -> np.ndarray:
    """Evaluate with every number and every operation rounded to float."""
    low = np.float32
    scaling, out = network.input_scaling, network.output_scaling
    values = (rows.astype(low) - scaling.center.astype(low)) / scaling.scale.astype(low)
    for layer in network.layers:
        values = values @ layer.weight.astype(low).T + layer.bias.astype(low)
        values = ACTIVATIONS[layer.activation_name].value(values)
        assert values.dtype == low
    return values * out.scale.astype(low) + out.center.astype(low)


@given(seed=st.integers(0, 2**32 - 1))
def test_single_precision_stays_within_the_bound(make_network, seed):
    rng = np.random.default_rng(seed)
    network = make_network(rng)
    rows = rng.uniform(*network.input_range, size=(20, network.n_inputs))
    error = np.abs(in_single_precision(network, rows) - network.forward(rows))
    allowed = evaluation_error(network, rows, FLOAT_ROUNDOFF)
    assert allowed.shape == error.shape
    assert (error <= allowed).all()


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_bound_is_tight_enough_to_notice_an_error(make_network, name):
    rng = np.random.default_rng(0)
    network = make_network(rng, activations=(name, name), n_outputs=1)
    rows = rng.uniform(*network.input_range, size=(50, network.n_inputs))
    size = np.abs(network.forward(rows)).max() + np.abs(network.output_scaling.scale).max()
    for roundoff in (2.0**-53, FLOAT_ROUNDOFF):
        assert evaluation_error(network, rows, roundoff).max() < 1e4 * roundoff * size


def test_a_saturated_sigmoid_forgets_errors_of_its_input():
    network = Network((Layer([[1e12]], [0.0], "sigmoid"),))
    # The pre-activation may be off by far more than 1, the output cannot.
    assert evaluation_error(network, np.array([[1.0]]), FLOAT_ROUNDOFF).max() <= 1.001
