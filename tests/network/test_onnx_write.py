from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnff.errors import ModelError
from nnff.network import Layer, Network, Scaling, read_network
from nnff.network.onnx_write import write_onnx


@given(seed=st.integers(0, 2**32 - 1), scaled=st.booleans(), ranged=st.booleans())
def test_what_is_written_is_read_back_bit_for_bit(make_network, tmp_path_factory, seed, scaled, ranged):
    network = make_network(np.random.default_rng(seed), scaled=scaled)
    if not ranged:
        network = replace(network, input_range=None)
    path = tmp_path_factory.mktemp("trip") / "model.onnx"
    write_onnx(network, path)
    again = read_network(path)
    assert [layer.fingerprint for layer in again.layers] == [layer.fingerprint for layer in network.layers]
    assert again == network
    rows = np.random.default_rng(0).normal(size=(5, network.n_inputs))
    assert np.array_equal(again.forward(rows), network.forward(rows))


@pytest.mark.parametrize(
    "name",
    [
        "leaky_relu(0.25)",
        "leaky_relu(0.1)",
        "hard_sigmoid(0.25,0.5)",
        "hard_sigmoid(0.1,-0.3)",
        "silu",
        "gelu",
    ],
)
def test_activations_are_read_back_with_their_parameters(make_network, tmp_path, name):
    network = make_network(np.random.default_rng(1), activations=(name, "tanh", name))
    write_onnx(network, tmp_path / "model.onnx")
    assert read_network(tmp_path / "model.onnx") == network
    onnx.checker.check_model(onnx.load(tmp_path / "model.onnx"), full_check=True)


def test_names_and_extreme_numbers_survive(tmp_path):
    network = Network(
        (Layer([[5e-324, 1.7e308], [-0.0, 1 / 3]], [0.1, 1e-300], "relu"), Layer([[1, 1e-9]], [0])),
        Scaling([0.1, -1e10], [1e-10, -7]),
        Scaling([0.0], [45.0]),
        ("Âge, in years", 'with "quotes"'),
        ("income",),
        np.array([[0.1, -np.pi], [1e10, 2 / 3]]),
    )
    path = tmp_path / "model.onnx"
    write_onnx(network, path)
    # The reader itself: the weights overflow on any input, so nothing can be compared.
    from nnff.network.onnx_file import OnnxReader

    again = OnnxReader().read(path)
    assert again == network
    assert again.feature_names == ("Âge, in years", 'with "quotes"')


def test_the_file_is_valid_and_the_same_every_time(make_network, tmp_path):
    network = make_network(np.random.default_rng(4))
    for name in ("a.onnx", "b.onnx"):
        write_onnx(network, tmp_path / name)
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()
    onnx.checker.check_model(onnx.load(tmp_path / "a.onnx"), full_check=True)


def test_an_existing_file_is_replaced_and_nothing_else_left(make_network, tmp_path):
    path = tmp_path / "model.onnx"
    path.write_text("old")
    network = make_network(np.random.default_rng(4))
    write_onnx(network, path)
    assert read_network(path) == network
    assert [found.name for found in tmp_path.iterdir()] == ["model.onnx"]


def test_a_place_that_cannot_be_written_is_an_error(make_network, tmp_path):
    network = make_network(np.random.default_rng(4))
    with pytest.raises(
        ModelError, match=r"nowhere/model.onnx cannot be written \(No such file or directory\)"
    ):
        write_onnx(network, tmp_path / "nowhere" / "model.onnx")
    (tmp_path / "taken.onnx").mkdir()
    with pytest.raises(ModelError, match=r"taken.onnx cannot be written"):
        write_onnx(network, tmp_path / "taken.onnx")
    assert [found.name for found in tmp_path.iterdir()] == ["taken.onnx"]
