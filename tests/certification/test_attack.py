"""The attack returns real pairs, the same for the same seed, and the best where that is easy."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnff.certification.attack import attack, better, polish
from nnff.certification.exhaustive import enumerate_pairs
from nnff.domain import Domain
from nnff.network import Layer, Network, Scaling
from nnff.problem import Problem
from nnff.similarity import metric

ACTIVATIONS = (
    "identity",
    "relu",
    "sigmoid",
    "tanh",
    "softplus",
    "silu",
    "gelu",
    "leaky_relu(0.1)",
    "hard_sigmoid(0.25,0.5)",
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1), chain=st.sampled_from([*itertools.product(ACTIVATIONS, repeat=2)]))
def test_every_witness_is_admitted_and_says_the_truth(lab, seed, chain):
    rng = np.random.default_rng(seed)
    problem = lab.problem(rng, chain)
    found = attack(problem, rng=np.random.default_rng(1), starts=24, iterations=12)
    assert found is not None, "x' = x'' is always feasible"
    x1, x2 = np.array(found.x1), np.array(found.x2)
    assert found.replayed
    assert problem.admits(x1[None], x2[None])[0]
    assert problem.domain.contains_pair(x1, x2)[0]
    assert found.output1 == pytest.approx(float(problem.network.predict(x1)), rel=1e-12, abs=1e-12)
    assert found.output2 == pytest.approx(float(problem.network.predict(x2)), rel=1e-12, abs=1e-12)
    assert found.output2 >= found.output1
    assert found.distance == pytest.approx(float(problem.distance(x1, x2)), rel=1e-12)
    improved = polish(problem, x1, x2, origin="solver")
    assert improved.delta >= found.delta
    assert problem.admits(np.array([improved.x1]), np.array([improved.x2]))[0]


def test_the_same_seed_gives_the_same_pair(lab):
    rng = np.random.default_rng(4)
    for integer in (0.0, 0.7):
        problem = lab.problem(rng, ("tanh", "sigmoid"), n_inputs=3, integer=integer)
        data = problem.domain.sample(30, rng)
        once, again, other = (
            attack(problem, rng=np.random.default_rng(seed), data=data, starts=40) for seed in (7, 7, 8)
        )
        assert once == again
        assert other.delta == pytest.approx(once.delta, rel=0.5)


def linear_optimum(problem):
    """Largest |w dx| over the box and the ball, by the metric's own bound (exact for these)."""
    weight = problem.network.layers[0].weight * abs(problem.network.output_scaling.scale[0])
    forms = weight / problem.network.input_scaling.scale * problem.coordinates.scale
    radius = problem.radius / np.abs(problem.coordinates.scale)
    return float(problem.metric.difference_bound(forms, problem.epsilon, radius)[0])


@pytest.mark.parametrize("p", [1, 2, "inf"])
@pytest.mark.parametrize("free", [(), (1,)])
@pytest.mark.parametrize("epsilon", [0.0, 0.3, 1.2, 9.0])
def test_the_optimum_of_a_linear_network_is_found(p, free, epsilon):
    """Also where the box binds: then x' has to step back from where x'' is stopped."""
    rng = np.random.default_rng(6)
    for output_scale in (1.0, -3.0):
        layer = Layer(rng.normal(size=(1, 3)), [0.2])
        network = Network(
            (layer,), Scaling(rng.normal(size=3), [2.0, -0.5, 1.5]), Scaling([7.0], [output_scale])
        )
        domain = Domain.from_box([-1, -1, 0], [1, 0.5, 0.8])
        problem = Problem(
            network, domain, metric("weighted-lp", p=p, weights=[1.0, 2.0, 0.7], free=free), epsilon
        )
        optimum = linear_optimum(problem)
        found = attack(problem, rng=np.random.default_rng(0))
        assert found.delta <= optimum * (1 + 1e-8) + 1e-12
        assert found.delta >= optimum * (1 - 1e-6) - 1e-12


def test_immutable_and_integer_features_are_respected(lab):
    rng = np.random.default_rng(9)
    network = lab.network(rng, [4, 5, 1], ("relu", "sigmoid"))
    domain = Domain.from_box([0, 0, 0, 0], [3, 1, 5, 1], integer=[0, 2], immutable=[1])
    problem = Problem(network, domain, metric("weighted-lp", p=1, weights=[1, 1, 1, 1]), 1.5)
    found = attack(problem, rng=np.random.default_rng(0))
    x1, x2 = np.array(found.x1), np.array(found.x2)
    assert x1[1] == x2[1]
    assert (np.rint(x1[[0, 2]]) == x1[[0, 2]]).all()
    assert found.delta > 0


def test_small_integer_domains_are_solved(lab):
    """Against the enumeration: the attack is a heuristic, but on a handful of points it must not fail."""
    rng = np.random.default_rng(10)
    reached = []
    for _ in range(8):
        network = lab.network(rng, [3, 4, 1], ("relu", "sigmoid"), gain=2.0)
        domain = Domain.from_box([0, 0, 0], [3, 4, 2], integer="all")
        problem = Problem(network, domain, metric("weighted-lp", p=1, free=[2]), 1.0)
        best = enumerate_pairs(problem).delta_lower
        found = attack(problem, rng=np.random.default_rng(0))
        assert found.delta <= best * (1 + 1e-9)
        reached.append(found.delta >= best * (1 - 1e-9))
    assert sum(reached) >= 6


def test_most_of_a_smooth_optimum_is_found(lab):
    """Against a dense grid of pairs in two dimensions."""
    rng = np.random.default_rng(11)
    for chain in (("tanh", "sigmoid"), ("relu", "identity"), ("sigmoid", "tanh")):
        network = lab.network(rng, [2, 4, 1], chain, gain=2.5)
        problem = Problem(network, Domain.from_box([-1, -1], [1, 1]), metric("weighted-lp", p="inf"), 0.25)
        axis = np.linspace(-1, 1, 33)
        grid = np.stack([a.ravel() for a in np.meshgrid(axis, axis)], axis=1)
        outputs = network.predict(grid)
        near = np.abs(grid[:, None] - grid[None]).max(axis=2) <= 0.25
        best = np.abs(outputs[:, None] - outputs[None])[near].max()
        assert attack(problem, rng=np.random.default_rng(0)).delta >= 0.98 * best


def test_data_rows_are_starts_and_need_not_lie_in_the_domain(lab):
    network = lab.network(np.random.default_rng(0), [2, 3, 1], ("tanh", "identity"))
    problem = Problem(network, Domain.from_box([0, 0], [1, 1]), metric("weighted-lp"), 0.1)
    data = np.array([[5.0, -3.0], [0.5, 0.5]])
    found = attack(problem, rng=np.random.default_rng(0), data=data, starts=4, iterations=4)
    assert problem.admits(np.array([found.x1]), np.array([found.x2]))[0]
    assert attack(problem, rng=np.random.default_rng(0), data=np.empty((0, 2)), starts=4) is not None


def test_a_stop_at_once_still_gives_a_pair(lab):
    problem = lab.problem(np.random.default_rng(1), ("tanh", "identity"))
    found = attack(problem, rng=np.random.default_rng(0), stop=lambda: True)
    assert found is not None
    assert problem.admits(np.array([found.x1]), np.array([found.x2]))[0]


def test_polish_takes_candidates_from_anywhere(lab):
    problem = lab.problem(np.random.default_rng(3), ("tanh", "identity"), n_inputs=2, integer=0.0)
    for value in (1e9, -1e9, 0.0):
        found = polish(problem, np.full(2, value), np.full(2, -value), origin="solver")
        assert found is not None
        assert found.origin == "solver"
        assert problem.admits(np.array([found.x1]), np.array([found.x2]))[0]


def test_the_better_of_two():
    assert better(None, None) is None
