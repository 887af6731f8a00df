"""Adversaries stay within the ball and the domain; the exact one finds what enumeration finds."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnff import Domain, metric
from nnff.network import Scaling
from nnff.training import ExactAdversary, GradientAdversary, RandomAdversary
from nnff.training.neighbourhood import Neighbourhood
from nnff.training.objective import Batch, Loss, Objective, Penalty
from nnff.training.perceptron import HIDDEN_ACTIVATIONS, Perceptron


def _setting(seed, activation, *, integer, rows=5, loss=Loss.SQUARED):
    """A random network and domain of 3 features; `integer` makes all whole, else the last alone."""
    rng = np.random.default_rng(seed)
    net = Perceptron((3, 4, 1), activation)
    theta = rng.normal(0, 0.8, net.n_parameters)
    scaling = Scaling(rng.normal(0, 1, 3), rng.uniform(0.5, 2, 3))
    domain = Domain.from_box([-2, -1, 0], [2, 2, 3], integer="all" if integer else [2])
    weights = np.where(rng.random(3) < 0.25, 0.0, rng.uniform(0.3, 2, 3))
    similar = metric("weighted-lp", p=[1, 2, "inf"][rng.integers(3)], weights=weights)
    near = Neighbourhood(similar.bind(domain.feature_names), float(rng.uniform(0.2, 2.5)), domain, scaling)
    raw = domain.sample(rows, rng)
    batch = Batch(scaling.apply(raw), rng.integers(0, 2, rows).astype(float), np.ones(rows))
    return rng, Objective(net, loss), theta, batch, near


def _all_similar(near, z):
    """Every similar difference of a row, if all features are whole."""
    domain = near.domain
    points = itertools.product(
        *(np.arange(a, b + 1) for a, b in zip(domain.lower, domain.upper, strict=True))
    )
    d = near.scaling.apply(np.array(list(points))) - z
    return d[near.admits(z, d)]


@settings(max_examples=30)
@given(
    seed=st.integers(0, 2**32 - 1),
    activation=st.sampled_from(HIDDEN_ACTIVATIONS),
    integer=st.booleans(),
    loss=st.sampled_from(Loss),
    penalty=st.sampled_from(Penalty),
    adversary=st.sampled_from([GradientAdversary(6), RandomAdversary(5)]),
)
def test_what_is_found_is_similar_and_possible(seed, activation, integer, loss, penalty, adversary):
    rng, objective, theta, batch, near = _setting(seed, activation, integer=integer, loss=loss)
    objective = replace(objective, penalty=penalty)
    found = adversary.worst(objective, theta, batch, near, rng=rng)
    assert near.admits(batch.z, found.difference).all()
    raw = near.scaling.invert(batch.z + found.difference)
    rounded = np.where(near.domain.integer, np.rint(raw), np.clip(raw, near.domain.lower, near.domain.upper))
    np.testing.assert_allclose(raw, rounded, atol=1e-9)
    assert near.domain.contains(rounded).all()
    here = objective.perceptron.linear(theta, batch.z)
    there = objective.perceptron.linear(theta, batch.z + found.difference)
    np.testing.assert_allclose(found.harm, objective.harm(here, there, batch.y))
    # Staying is allowed, so nothing found may be better for us than that.
    assert (found.harm >= objective.harm(here, here, batch.y) - 1e-12).all()


@settings(max_examples=6)
@given(seed=st.integers(0, 2**32 - 1), activation=st.sampled_from(HIDDEN_ACTIVATIONS))
def test_the_exact_adversary_finds_what_enumeration_finds(seed, activation):
    rng, objective, theta, batch, near = _setting(seed, activation, integer=True, rows=2)
    found = ExactAdversary().worst(objective, theta, batch, near, rng=rng)
    for z, harm in zip(batch.z, found.harm, strict=True):
        d = _all_similar(near, z)
        values = objective.perceptron.linear(theta, z + d)
        largest = np.abs(values - objective.perceptron.linear(theta, z)).max()
        assert harm == pytest.approx(largest, rel=1e-3, abs=1e-3)


@settings(max_examples=5)
@given(seed=st.integers(0, 2**32 - 1), activation=st.sampled_from(HIDDEN_ACTIVATIONS))
def test_nothing_drawn_is_worse_than_the_exact_one(seed, activation):
    rng, objective, theta, batch, near = _setting(seed, activation, integer=False, rows=2)
    exact = ExactAdversary(tolerance=1e-3).worst(objective, theta, batch, near, rng=rng)
    assert near.admits(batch.z, exact.difference).all()
    for other in (GradientAdversary(30), RandomAdversary(200)):
        found = other.worst(objective, theta, batch, near, rng=rng)
        assert (found.harm <= exact.harm + 1e-2 * (1 + exact.harm)).all()


def test_the_gradient_adversary_is_exact_for_a_linear_network():
    rng = np.random.default_rng(0)
    net = Perceptron((3, 1), "relu")
    theta = rng.normal(0, 1, net.n_parameters)
    domain = Domain.from_box([-9] * 3, [9] * 3)
    near = Neighbourhood(metric("weighted-lp").bind(domain.feature_names), 0.5, domain, Scaling.none(3))
    batch = Batch(rng.normal(0, 1, (4, 3)), np.zeros(4), np.ones(4))
    found = GradientAdversary().worst(Objective(net, Loss.SQUARED), theta, batch, near, rng=rng)
    # |w d| over |d|_2 <= eps is eps |w|_2; the metric's default weights are all 1.
    np.testing.assert_allclose(found.harm, 0.5 * np.linalg.norm(theta[:3]), rtol=1e-9)


def test_the_worst_loss_is_on_the_side_away_from_the_target():
    _, objective, theta, batch, near = _setting(5, "tanh", integer=False)
    objective = replace(objective, penalty=Penalty.LOSS)
    here = objective.perceptron.linear(theta, batch.z)
    above = Batch(batch.z, here - 1.0, batch.weight)
    found = GradientAdversary(6).worst(objective, theta, above, near, rng=np.random.default_rng(0))
    assert (objective.perceptron.linear(theta, batch.z + found.difference) >= here - 1e-12).all()


def test_several_processes_find_the_same():
    rng, objective, theta, batch, near = _setting(7, "relu", integer=False, rows=3)
    alone, together = (
        ExactAdversary(n_jobs=jobs).worst(objective, theta, batch, near, rng=rng) for jobs in (1, 2)
    )
    np.testing.assert_array_equal(alone.difference, together.difference)
