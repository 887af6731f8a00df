"""delta_max of one neuron: no pair exceeds it, and a pair that is built reaches it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnff_suites.one_neuron import known_delta, largest_logit_difference


def sigmoid(t):
    return 1 / (1 + np.exp(-t))


def random_case(rng):
    n = int(rng.integers(1, 6))
    theta = rng.uniform(0.02, 1.0, n) * (rng.random(n) < 0.8)
    weight = rng.normal(0, 1.5, n) * (rng.random(n) < 0.9)
    low = rng.normal(0, 1, n)
    return weight, float(rng.normal(0, 2)), theta, low, low + rng.uniform(0, 4, n) * (rng.random(n) < 0.9)


@settings(max_examples=80, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1), epsilon=st.sampled_from([0.0, 0.05, 0.3, 2.0, 50.0]))
def test_a_pair_reaches_it_and_none_exceeds_it(seed, epsilon):
    rng = np.random.default_rng(seed)
    weight, bias, theta, low, high = random_case(rng)
    lower, upper = known_delta(weight, bias, theta, (low, high), epsilon)
    assert 0 <= lower <= upper * (1 + 1e-9) + 1e-12

    # The pair: the largest difference, its midpoint as near to logit 0 as the box lets it.
    d = largest_logit_difference(weight, theta, high - low, epsilon).differences
    assert np.sqrt(theta @ d**2) <= epsilon * (1 + 1e-12)
    assert (d <= high - low).all()
    first, last = low + d / 2, high - d / 2
    down, up = np.where(weight > 0, first, last), np.where(weight > 0, last, first)
    m_down, m_up = weight @ down + bias, weight @ up + bias
    share = 0.5 if m_up <= m_down else np.clip(-m_down / (m_up - m_down), 0, 1)
    middle = down + share * (up - down)
    step = np.sign(weight) * d / 2
    reached = sigmoid(weight @ (middle + step) + bias) - sigmoid(weight @ (middle - step) + bias)
    assert reached == pytest.approx(lower, rel=1e-9, abs=1e-12)

    # Other pairs: random points, random steps scaled onto the ball, clipped into the box.
    points = rng.uniform(low, high, (400, len(low)))
    steps = rng.normal(size=points.shape) * rng.choice([0.1, 1.0, 10.0], (400, 1)) * (high - low)
    length = np.sqrt((theta * steps**2).sum(axis=1, keepdims=True))
    steps *= np.minimum(1, epsilon / np.where(length > 0, length, 1.0) * np.ones_like(length))
    steps = np.where((theta > 0) & (length == 0), 0.0, steps)
    others = np.clip(points + steps, low, high)
    distances = np.sqrt((theta * (others - points) ** 2).sum(axis=1))
    near = distances <= epsilon * (1 + 1e-9)
    gaps = np.abs(sigmoid(points @ weight + bias) - sigmoid(others @ weight + bias))[near]
    assert near.sum() > 0 or epsilon == 0
    assert gaps.max(initial=0.0) <= upper + 1e-15


@pytest.mark.parametrize("epsilon", [0.05, 0.3, 1.0])
def test_the_dual_is_tight(epsilon):
    rng = np.random.default_rng(3)
    for _ in range(200):
        weight, _, theta, low, high = random_case(rng)
        found = largest_logit_difference(weight, theta, high - low, epsilon)
        assert found.reached == pytest.approx(found.bound, rel=1e-9, abs=1e-14)
        assert found.reached == pytest.approx(np.abs(weight) @ found.differences, rel=1e-9, abs=1e-14)
