"""Gradients agree with finite differences; the objective is what Problem 2 says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from nnff.errors import ConfigError
from nnff.training.objective import Batch, Loss, Objective, Penalty
from nnff.training.perceptron import HIDDEN_ACTIVATIONS, Perceptron

_H = 1e-6


def _setting(seed, activation, loss, penalty, depth):
    rng = np.random.default_rng(seed)
    net = Perceptron((3, *(4,) * depth, 1), activation)
    theta = rng.normal(0, 0.8, net.n_parameters)
    y = rng.integers(0, 2, 6).astype(float) if loss is Loss.CROSS_ENTROPY else rng.normal(0, 1, 6)
    batch = Batch(rng.normal(0, 1, (6, 3)), y, rng.uniform(0.1, 2, 6))
    worst = batch.z + rng.normal(0, 0.3, (6, 3))
    return rng, Objective(net, loss, penalty, alpha=0.01), theta, batch, worst


@settings(max_examples=40)
@given(
    seed=st.integers(0, 2**32 - 1),
    activation=st.sampled_from(HIDDEN_ACTIVATIONS),
    loss=st.sampled_from(Loss),
    penalty=st.sampled_from(Penalty),
    depth=st.integers(0, 2),
    lam=st.sampled_from([0.0, 0.3, 1.0]),
)
def test_gradient_of_the_weights(seed, activation, loss, penalty, depth, lam):
    rng, objective, theta, batch, worst = _setting(seed, activation, loss, penalty, depth)
    direction = rng.normal(0, 1, theta.size)
    direction /= np.linalg.norm(direction)

    def along(step):
        return objective.value_and_gradient(theta + step * direction, batch, worst, lam)[0]

    sides = [(along(_H) - along(0.0)) / _H, (along(0.0) - along(-_H)) / _H]
    slope = float(objective.value_and_gradient(theta, batch, worst, lam)[1] @ direction)
    # Between the two one-sided slopes, so that a kink within the step does no harm.
    slack = 1e-4 * (1 + abs(slope))
    assert min(sides) - slack <= slope <= max(sides) + slack


@settings(max_examples=40)
@given(
    seed=st.integers(0, 2**32 - 1),
    activation=st.sampled_from(HIDDEN_ACTIVATIONS),
    depth=st.integers(0, 2),
)
def test_gradient_of_the_inputs(seed, activation, depth):
    rng, objective, theta, batch, _ = _setting(seed, activation, Loss.SQUARED, Penalty.DIFFERENCE, depth)
    net = objective.perceptron
    direction = rng.normal(0, 1, batch.z.shape)
    slope = (net.input_gradient(theta, batch.z) * direction).sum(axis=1)
    here = net.linear(theta, batch.z)
    sides = np.stack(
        [
            (net.linear(theta, batch.z + _H * direction) - here) / _H,
            (here - net.linear(theta, batch.z - _H * direction)) / _H,
        ]
    )
    slack = 1e-4 * (1 + np.abs(slope))
    assert (sides.min(axis=0) - slack <= slope).all()
    assert (slope <= sides.max(axis=0) + slack).all()


def test_value_by_hand():
    _, objective, theta, batch, worst = _setting(1, "tanh", Loss.CROSS_ENTROPY, Penalty.DIFFERENCE, 1)
    net = objective.perceptron
    p, q = expit(net.linear(theta, batch.z)), expit(net.linear(theta, worst))
    loss = -(batch.y * np.log(p) + (1 - batch.y) * np.log(1 - p))
    cost = 0.3 * loss + 0.7 * np.abs(p - q)
    squares = sum(float((w**2).sum()) for w, _ in net.unpack(theta))
    expected = np.average(cost, weights=batch.weight) + 0.01 / 2 * squares
    assert objective.value(theta, batch, worst, 0.3) == pytest.approx(expected, rel=1e-12)


def test_traced_and_plain_outputs_are_one():
    for activation in HIDDEN_ACTIVATIONS:
        _, objective, theta, batch, _ = _setting(2, activation, Loss.SQUARED, Penalty.DIFFERENCE, 2)
        net = objective.perceptron
        np.testing.assert_allclose(net.traced(theta, batch.z), net.linear(theta, batch.z), rtol=1e-12)


def test_the_loss_at_the_worst_point():
    _, objective, theta, batch, worst = _setting(3, "relu", Loss.ABSOLUTE, Penalty.LOSS, 1)
    there = objective.perceptron.linear(theta, worst)
    bare = Objective(objective.perceptron, Loss.ABSOLUTE, Penalty.LOSS)
    expected = np.average(np.abs(there - batch.y), weights=batch.weight)
    assert bare.value(theta, batch, worst, 0.0) == pytest.approx(expected, rel=1e-12)


def test_an_unknown_activation():
    with pytest.raises(ConfigError, match="training knows relu, sigmoid, tanh"):
        Perceptron((2, 3, 1), "softplus")
