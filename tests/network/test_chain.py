from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnff.errors import ModelError
from nnff.network import ACTIVATIONS, Scaling
from nnff.network.chain import Chain
from nnff.network.rounding import evaluation_error

STEPS = ("add", "multiply", "divide", "scale", "dense", "dense-no-bias", "activate")


def random_step(rng: np.random.Generator, kind: str, chain: Chain, rows: np.ndarray) -> np.ndarray:
    """Append a random step of that kind to the chain; return what it does to the rows."""
    shape = (chain.width,) if rng.random() < 0.7 else ()
    constant = rng.normal(size=shape) + rng.choice([-2, 2])
    match kind:
        case "add":
            chain.add(constant)
            return rows + constant
        case "multiply":
            if rng.random() < 0.2:
                constant = np.zeros(shape)
            chain.multiply(constant)
            return rows * constant
        case "divide":
            chain.divide(constant)
            return rows / constant
        case "scale":
            scaling = Scaling(rng.normal(size=chain.width), 1 + rng.random(chain.width))
            chain.scale(scaling)
            return scaling.apply(rows)
        case "activate":
            name = str(rng.choice(sorted(ACTIVATIONS)))
            chain.activate(name)
            return ACTIVATIONS[name].value(rows)
        case _:
            weight = rng.normal(size=(int(rng.integers(1, 4)), chain.width))
            bias = rng.normal(size=len(weight)) if kind == "dense" else np.zeros(len(weight))
            chain.dense(weight, bias if kind == "dense" else None)
            return rows @ weight.T + bias


@given(seed=st.integers(0, 2**32 - 1), kinds=st.lists(st.sampled_from(STEPS), max_size=9))
def test_a_chain_is_its_steps_one_after_the_other(seed, kinds):
    rng = np.random.default_rng(seed)
    chain = Chain(3)
    given_rows = rng.normal(size=(5, 3))
    rows = given_rows
    for kind in kinds:
        rows = random_step(rng, kind, chain, rows)
    try:
        network = chain.finish()
    except ModelError as error:
        assert "multiplied by 0 behind the last layer" in str(error)  # noqa: PT017 - one of two ways it may go
        assert "multiply" in kinds
        # It says that the output is constant, and it is.
        assert any((rows[:, k] == rows[0, k]).all() for k in range(rows.shape[1]))
        return
    allowed = 100 * evaluation_error(network, given_rows, 2.0**-53) + 1e-9
    assert (np.abs(network.forward(given_rows) - rows) <= allowed).all()


def test_leading_steps_are_the_input_scaling_exactly():
    chain = Chain(2)
    chain.add([-0.1, 0.7])
    chain.divide([0.3, -7.0])
    chain.dense([[1.0, 2.0]], [3.0])
    network = chain.finish()
    assert network.input_scaling == Scaling([0.1, -0.7], [0.3, -7.0])
    assert network.layers[0].weight.tolist() == [[1, 2]]


def test_trailing_steps_are_the_output_scaling_exactly():
    for activation in (None, "sigmoid"):
        chain = Chain(1)
        chain.dense([[2.0]], [0.1])
        if activation:
            chain.activate(activation)
        chain.multiply(45.0)
        chain.add(5.1)
        network = chain.finish()
        assert network.output_scaling == Scaling([5.1], [45.0])
        assert len(network.layers) == 1
        assert network.layers[0].bias.tolist() == [0.1]


def test_a_factor_0_in_front_goes_into_the_weights():
    chain = Chain(2)
    chain.add([1.0, 1.0])
    chain.multiply([2.0, 0.0])
    chain.dense([[3.0, 5.0]], [7.0])
    network = chain.finish()
    assert network.layers[0].weight.tolist() == [[6, 0]]
    assert float(network.predict([1.0, 99.0])) == 3 * 2 * 2 + 7


def test_a_factor_that_overflows_the_scale_goes_into_the_weights():
    chain = Chain(1)
    chain.multiply(1e-160)
    chain.multiply(1e-160)
    chain.multiply(1e300)
    chain.dense([[1.0]], [0.0])
    assert float(chain.finish().predict([3e20])) == pytest.approx(3.0)


def test_a_scale_that_would_lose_digits_by_underflow_goes_into_the_weights():
    chain = Chain(1)
    chain.multiply(1e159)
    chain.multiply(1e159)
    chain.dense([[1.0]], [0.0])
    # As a scale, 1e-318 has six digits.
    assert float(chain.finish().predict([3e-300])) == pytest.approx(3e18, rel=1e-14)


def test_a_shift_behind_a_dense_map_without_bias_is_its_bias():
    chain = Chain(1)
    chain.dense([[2.0]])
    chain.add([3.0])
    chain.add([4.0])
    network = chain.finish()
    assert network.layers[0].bias.tolist() == [3]
    assert network.output_scaling.center.tolist() == [4]


def test_steps_in_between_are_folded_and_add_no_layer():
    chain = Chain(1)
    chain.dense([[1.0], [2.0]], [0.5, 0.25])
    chain.multiply([4.0, 8.0])
    chain.activate("relu")
    chain.add([1.0, 2.0])
    chain.multiply(0.5)
    chain.dense([[1.0, 2.0]], [10.0])
    network = chain.finish()
    assert network.architecture == "1-2-1 (relu, identity)"
    assert network.layers[0].weight.tolist() == [[4], [16]]
    assert network.layers[0].bias.tolist() == [2, 2]
    assert network.layers[1].weight.tolist() == [[0.5, 1]]
    assert network.layers[1].bias.tolist() == [10 + 0.5 + 2]


def test_dense_maps_in_a_row_stay_layers():
    chain = Chain(1)
    chain.dense([[0.1], [0.2]], [0, 0])
    chain.dense([[0.3, 0.4]], [0])
    assert chain.finish().architecture == "1-2-1 (identity, identity)"


def test_without_a_dense_map_there_is_an_identity_matrix():
    chain = Chain(2)
    chain.divide(2.0)
    chain.activate("sigmoid")
    network = chain.finish()
    assert network.layers[0].weight.tolist() == [[1, 0], [0, 1]]
    assert network.input_scaling.scale.tolist() == [2, 2]
    assert Chain(2).finish().forward([3.0, 4.0]).tolist() == [3, 4]


@pytest.mark.parametrize(
    ("step", "argument", "message"),
    [
        ("add", [1.0, 2.0, 3.0], r"shape \(3,\) cannot apply to 2 values"),
        ("add", np.nan, "not a finite number"),
        ("multiply", [np.inf, 0.0], "not a finite number"),
        ("divide", [1.0, 0.0], "divides by 0"),
        ("dense", [[1.0, 2.0, 3.0]], r"shape \(1, 3\) cannot follow 2 values"),
        ("dense", [1.0, 2.0], "cannot follow"),
        ("dense", np.zeros((0, 2)), "cannot follow"),
    ],
)
def test_steps_that_do_not_fit_are_refused(step, argument, message):
    with pytest.raises(ModelError, match=message):
        getattr(Chain(2), step)(argument)


def test_folding_that_overflows_is_refused():
    chain = Chain(1)
    chain.dense([[1e200]], [0.0])
    chain.multiply(1e200)
    with pytest.raises(ModelError, match="not a finite number"):
        chain.activate("relu")
