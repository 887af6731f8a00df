from __future__ import annotations

import math
import pickle
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnff.errors import ModelError
from nnff.network import ACTIVATIONS, Layer, Network, Scaling

seeds = st.integers(0, 2**32 - 1)

SCALARS = {
    "identity": lambda p: p,
    "relu": lambda p: max(p, 0.0),
    "sigmoid": lambda p: 1 / (1 + math.exp(-p)),
    "tanh": math.tanh,
    "softplus": lambda p: math.log1p(math.exp(p)) if p < 30 else p,
    "silu": lambda p: p / (1 + math.exp(-p)),
    "gelu": lambda p: p * (1 + math.erf(p / math.sqrt(2))) / 2,
    "leaky_relu(0.01)": lambda p: p if p > 0 else 0.01 * p,
    "hard_sigmoid(0.2,0.5)": lambda p: min(max(0.2 * p + 0.5, 0.0), 1.0),
}


def by_hand(network: Network, x: list[float]) -> list[float]:
    """Evaluate a network neuron by neuron, from the formulas of its docstrings."""
    values = [
        (v - c) / s
        for v, c, s in zip(x, network.input_scaling.center, network.input_scaling.scale, strict=True)
    ]
    for layer in network.layers:
        values = [
            SCALARS[layer.activation_name](math.fsum([*(w * v for w, v in zip(row, values, strict=True)), b]))
            for row, b in zip(layer.weight, layer.bias, strict=True)
        ]
    out = network.output_scaling
    return [v * s + c for v, c, s in zip(values, out.center, out.scale, strict=True)]


def small() -> Network:
    #  x0 --  1 --> relu --  2 --\
    #      \/                     + 3 --> y
    #  x1 -- -1 --> relu -- -1 --/
    return Network((Layer([[1, 2], [0.5, -1]], [0, 1], "relu"), Layer([[2, -1]], [3])))


@given(seed=seeds)
def test_forward_is_the_formula(make_network, seed):
    rng = np.random.default_rng(seed)
    network = make_network(rng)
    rows = rng.normal(scale=20, size=(3, network.n_inputs))
    wanted = np.array([by_hand(network, row) for row in rows])
    assert network.forward(rows) == pytest.approx(wanted, rel=1e-9, abs=1e-9)
    assert np.allclose(network.forward(rows[0]), wanted[0], rtol=1e-9, atol=1e-9)


def test_forward_of_a_network_small_enough_to_do_in_the_head():
    network = small()
    # relu(1 + 4) = 5, relu(.5 - 2 + 1) = 0, 2 * 5 - 0 + 3 = 13.
    assert network.forward([1, 2]).tolist() == [13]
    assert network.predict([[1, 2], [0, 0]]).tolist() == [13, 2]
    assert float(network.predict([1, 2])) == 13
    assert [p.tolist() for p in network.preactivations([1, 2])] == [[[5, -0.5]], [[13]]]


def test_scalings_make_a_network_answer_in_the_targets_units():
    network = Network(
        (Layer([[2.0]], [0.5], "sigmoid"),),
        Scaling([10.0], [4.0]),
        Scaling([5.0], [45.0]),
        feature_names=("RM",),
    )
    assert float(network.predict([14.0])) == pytest.approx(5 + 45 / (1 + math.exp(-2.5)))


@pytest.mark.parametrize("of", ["output", "logit"])
@pytest.mark.parametrize("name", ACTIVATIONS)
@given(seed=seeds)
def test_gradient_agrees_with_central_differences(make_network, name, of, seed):
    rng = np.random.default_rng(seed)
    network = make_network(rng, n_outputs=1, activations=(name, name, "sigmoid" if of == "logit" else name))
    x = network.input_scaling.invert(rng.normal(size=network.n_inputs))
    step = 1e-5 * np.abs(network.input_scaling.scale)

    def value(point: np.ndarray) -> float:
        return float(network.predict(point) if of == "output" else network.preactivations(point)[-1][0, 0])

    gradient = network.gradient(x[None], of=of)[0]
    for index in range(network.n_inputs):
        ends = [x + sign * step[index] * np.eye(network.n_inputs)[index] for sign in (-1, 1)]
        kinked = any(
            ((low < kink) != (high < kink)).any()
            for low, high in zip(*(network.preactivations(end) for end in ends), strict=True)
            for kink, _ in ACTIVATIONS[name].kinks
        )
        if kinked:
            continue
        slope = (value(ends[1]) - value(ends[0])) / (2 * step[index])
        size = 1 + abs(gradient[index]) + abs(network.output_scaling.scale[0])
        assert gradient[index] == pytest.approx(
            slope, abs=1e-4 * size / abs(network.input_scaling.scale[index])
        )


def test_gradient_at_a_kink_is_the_one_from_below():
    network = Network((Layer([[1.0]], [0.0], "relu"),))
    assert network.gradient([[0.0], [1.0]]).tolist() == [[0.0], [1.0]]


def test_logit_gradient_does_not_vanish_where_the_sigmoid_saturates():
    network = Network((Layer([[3.0]], [0.0], "sigmoid"),))
    assert network.gradient([[1000.0]]).tolist() == [[0.0]]
    assert network.gradient([[1000.0]], of="logit").tolist() == [[3.0]]


def test_with_output_activation_goes_behind_the_output_scaling():
    network = replace(small(), output_scaling=Scaling([-1.0], [0.5]))
    squashed = network.with_output_activation("sigmoid")
    x = np.random.default_rng(0).normal(size=(20, 2))
    assert squashed.predict(x) == pytest.approx(1 / (1 + np.exp(-network.predict(x))))
    assert squashed.output_scaling.is_none
    assert squashed.architecture == "2-2-1 (relu, sigmoid)"


def test_with_output_activation_needs_a_linear_last_layer():
    squashed = small().with_output_activation("tanh")
    with pytest.raises(ModelError, match="already ends in tanh, 'sigmoid' can only be put behind a linear"):
        squashed.with_output_activation("sigmoid")
    with pytest.raises(ModelError, match="over one output"):
        small().with_output_activation("softmax")


@given(seed=seeds)
def test_select_output_is_that_column(make_network, seed):
    rng = np.random.default_rng(seed)
    network = make_network(rng)
    rows = rng.normal(size=(4, network.n_inputs))
    for index in range(network.n_outputs):
        chosen = network.select_output(index)
        assert chosen.predict(rows) == pytest.approx(network.forward(rows)[:, index], rel=1e-12)
        assert chosen.output_names == (network.output_names[index],)


@pytest.mark.parametrize("index", [-1, 1])
def test_select_output_refuses_what_is_not_there(index):
    with pytest.raises(ModelError, match=f"there is no output {index}; the network has 1"):
        small().select_output(index)


@pytest.mark.parametrize("x", [[1.0], [[1.0, 2.0, 3.0]], 3.0, np.zeros((1, 1, 2))])
def test_wrong_number_of_inputs_is_refused(x):
    for ask in (small().forward, small().predict, small().gradient, small().preactivations):
        with pytest.raises(ModelError, match="the network takes 2 inputs, got an array of shape"):
            ask(x)


def test_several_outputs_have_no_single_prediction():
    network = Network((Layer(np.eye(2), np.zeros(2)),))
    for ask in (network.predict, network.gradient):
        with pytest.raises(ModelError, match="2 outputs; select one"):
            ask([[1.0, 2.0]])


@pytest.mark.parametrize(
    ("weight", "bias", "name", "message"),
    [
        ([[np.nan]], [0.0], "relu", "not a finite number"),
        ([[1.0]], [np.inf], "relu", "not a finite number"),
        ([1.0], [0.0], "relu", "two dimensions"),
        (np.zeros((0, 2)), [], "relu", "two dimensions"),
        ([[1.0]], [0.0, 1.0], "relu", r"1 outputs has a bias of shape \(2,\)"),
        ([[1.0]], [0.0], "swish", "'swish' is not supported"),
    ],
)
def test_bad_layers_are_refused(weight, bias, name, message):
    with pytest.raises(ModelError, match=message):
        Layer(weight, bias, name)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layers": ()}, "at least one layer"),
        (
            {"layers": (Layer(np.eye(2), [0, 0]), Layer([[1.0]], [0]))},
            "layer 1 has 2 outputs but layer 2 takes 1",
        ),
        ({"input_scaling": Scaling.none(3)}, "needs 2 input scales, got 3"),
        ({"output_scaling": Scaling.none(3)}, "needs 1 output scales, got 3"),
        ({"feature_names": ("a",)}, "needs 2 feature names, got 1"),
        ({"feature_names": ("a", "a")}, "two inputs of the network have the same feature name"),
        ({"output_names": ("a", "b")}, "needs 1 output names, got 2"),
        ({"input_range": np.zeros((2, 3))}, r"shape \(2, 3\), need \(2, 2\)"),
        ({"input_range": np.array([[0, 1], [1, 0]])}, r"range of x1 is \[1, 0\]"),
        ({"input_range": np.array([[0, np.nan], [1, 0]])}, r"range of x1 is \[nan, 0\]"),
        ({"input_range": np.array([[-np.inf, 0], [1, 0]])}, r"range of x0 is \[-inf, 1\]"),
    ],
)
def test_bad_networks_are_refused(change, message):
    with pytest.raises(ModelError, match=message):
        replace(small(), **change)


def test_defaults():
    network = small()
    assert network.feature_names == ("x0", "x1")
    assert network.output_names == ("y",)
    assert Network((Layer(np.eye(2), [0, 0]),)).output_names == ("y0", "y1")
    assert network.input_scaling.is_none
    assert network.output_scaling.is_none
    assert network.architecture == "2-2-1 (relu, identity)"
    assert (network.n_inputs, network.n_outputs) == (2, 1)


def test_networks_compare_by_content_and_not_by_source():
    assert small() == replace(small(), source="elsewhere.onnx")
    assert hash(small()) == hash(replace(small(), source="elsewhere.onnx"))
    moved = Layer([[2, -1]], [np.nextafter(3, 4)])
    assert small() != replace(small(), layers=(small().layers[0], moved))
    assert small() != replace(small(), feature_names=("a", "b"))


def test_pickles_are_equal_and_still_read_only():
    network = small()
    wanted = network.fingerprint
    again = pickle.loads(pickle.dumps(network))
    assert again == network
    assert again.fingerprint == wanted
    with pytest.raises(ValueError, match="read-only"):
        again.layers[0].weight[0, 0] = 5
