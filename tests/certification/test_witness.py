"""A candidate becomes a witness only inside the domain, inside the ball, and with replayed outputs."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnff.certification.witness import best_witness, make_witness, repair, replay_error
from nnff.domain import Domain
from nnff.network import Layer, Network, Scaling
from nnff.problem import Problem
from nnff.similarity import metric


@settings(max_examples=80, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1))
def test_repaired_pairs_are_admitted_and_good_ones_are_left_alone(lab, seed):
    rng = np.random.default_rng(seed)
    problem = lab.problem(rng, ("tanh", "identity"))
    domain = problem.domain
    wild = [
        domain.lower + rng.normal(0.5, 1.5, (40, domain.n_features)) * (domain.width + 0.1) for _ in range(2)
    ]
    first, second, good = repair(problem, *wild)
    assert (problem.admits(first, second) == good).all()
    if not domain.integer.any():
        # x' = x'' is always near, so scaling down always succeeds.
        assert good.all()
    x1, x2 = lab.pairs(problem, rng, 40)
    kept1, kept2, fine = repair(problem, x1, x2)
    assert fine.all()
    assert (kept1 == x1).all()
    assert (kept2 == x2).all()


def one(epsilon=0.1, **domain):
    network = Network((Layer([[1.0, 2.0]], [0.0]),))
    return Problem(
        network, Domain.from_box([0, 0], [1, 1], **domain), metric("weighted-lp", p="inf"), epsilon
    )


def test_a_difference_that_is_too_long_is_cut_at_the_ball():
    _, second, good = repair(one(), np.array([[0.2, 0.2]]), np.array([[0.9, 0.25]]))
    assert good.all()
    assert second[0, 0] == pytest.approx(0.3, abs=1e-9)


def test_coordinates_that_the_metric_does_not_see_are_not_cut():
    network = Network((Layer([[1.0, 2.0]], [0.0]),))
    problem = Problem(network, Domain.from_box([0, 0], [1, 1]), metric("weighted-lp", p=2, free=[1]), 0.1)
    _, second, good = repair(problem, np.array([[0.2, 0.0]]), np.array([[0.9, 1.0]]))
    assert good.all()
    assert second[0].tolist() == pytest.approx([0.3, 1.0], abs=1e-9)


def test_immutable_features_are_copied():
    _, second, good = repair(one(immutable=[1]), np.array([[0.2, 0.2]]), np.array([[0.25, 0.9]]))
    assert good.all()
    assert second[0].tolist() == [0.25, 0.2]


def test_integers_that_are_too_far_apart_are_given_up():
    _, _, good = repair(one(integer=[0, 1]), np.array([[0.0, 0.0]]), np.array([[1.0, 0.0]]))
    assert not good.any()
    assert best_witness(one(integer=[0, 1]), np.array([[0.0, 0.0]]), np.array([[1.0, 0.0]]), "test") is None


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e308])
def test_candidates_that_are_no_numbers_do_no_harm(value):
    found = best_witness(
        one(), np.array([[value, 0.5], [0.5, 0.5]]), np.array([[0.5, 0.5], [0.5, 0.5]]), "test"
    )
    assert found is not None
    assert np.isfinite([*found.x1, *found.x2, found.delta]).all()


def test_the_best_feasible_candidate_wins_and_the_larger_output_comes_second():
    problem = one()
    firsts = np.array([[0.5, 0.5], [0.5, 0.6], [0.5, 0.5]])
    seconds = np.array([[0.55, 0.5], [0.5, 0.5], [0.5, 0.5]])
    found = best_witness(problem, firsts, seconds, "test")
    assert found.x1 == [0.5, 0.5]
    assert found.x2 == [0.5, 0.6]
    assert found.output2 > found.output1
    assert found.delta == pytest.approx(0.2)
    assert found.distance == pytest.approx(0.1)
    assert found.replayed


def test_a_pair_that_is_not_admitted_is_not_called_replayed():
    assert not make_witness(one(), np.array([0.0, 0.0]), np.array([0.5, 0.0]), "test").replayed
    assert not make_witness(one(), np.array([-0.01, 0.0]), np.array([0.0, 0.0]), "test").replayed


@settings(max_examples=60, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1), center=st.sampled_from([0.0, 1e3, 1e8]))
def test_the_replay_error_bounds_the_rounding_of_a_difference(lab, seed, center):
    """Against rational arithmetic, on piecewise-linear networks with outputs far from 0."""
    rng = np.random.default_rng(seed)
    layers = lab.network(rng, [2, 3, 1], ("relu", "identity")).layers
    network = Network(layers, lab.scaling(rng, 2), Scaling([center], [2.0]))
    problem = Problem(network, Domain.from_box([-1, -1], [1, 1]), metric("weighted-lp", p=1), 1e-6)
    x1 = problem.domain.sample(1, rng)
    found = best_witness(problem, x1, x1 + 1e-7, "test")

    def exact(x):
        scaling = network.input_scaling
        values = [
            (Fraction(v) - Fraction(c)) / Fraction(s)
            for v, c, s in zip(x, scaling.center.tolist(), scaling.scale.tolist(), strict=True)
        ]
        for layer in network.layers:
            values = [
                sum(Fraction(w) * v for w, v in zip(row, values, strict=True)) + Fraction(b)
                for row, b in zip(layer.weight.tolist(), layer.bias.tolist(), strict=True)
            ]
            if layer.activation_name == "relu":
                values = [max(v, Fraction(0)) for v in values]
        return values[0] * 2

    true = abs(exact(found.x2) - exact(found.x1))
    error = replay_error(problem, found)
    assert abs(Fraction(found.delta) - true) <= Fraction(error)
    assert error <= 1e-12 * (1 + center)
