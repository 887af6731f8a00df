"""Embeddings by networks: similar pairs are feasible, feasible pairs are similar, as far as is declared."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from nnff.certification import certify
from nnff.domain import Domain
from nnff.encoding.embedding import chain_of
from nnff.encoding.strategy import Relational
from nnff.encoding.twin import Twin
from nnff.network import Layer, Network, Scaling
from nnff.problem import Problem
from nnff.ranges import interval_ranges
from nnff.similarity import metric
from nnff.solver import SolveOptions, Termination
from nnff.solver.load import solver

INNER = [("relu", "identity"), ("tanh", "relu"), ("sigmoid", "tanh")]
BASES = [{"p": 1}, {"p": "inf"}, {"p": 2}, {"metric": "mahalanobis", "matrix": [[2.0, 1.0], [1.0, 1.0]]}]


def problem_of(lab, rng, inner, *, epsilon=None, base=None):
    """A random problem whose metric looks through a random network, with scalings in all three places."""
    n = int(rng.integers(1, 4))
    phi = lab.network(rng, [n, *[2] * len(inner)], inner, scaled=bool(rng.random() < 0.5))
    network = lab.network(rng, [n, 2, 1], ("relu", "identity"), scaled=bool(rng.random() < 0.5))
    coordinates = lab.scaling(rng, n) if rng.random() < 0.5 else None
    base = BASES[rng.integers(len(BASES))] if base is None else base
    similar = metric("embedding", network=phi, base=base)
    epsilon = float(rng.choice([0.0, 0.05, 0.5])) if epsilon is None else epsilon
    return Problem(network, lab.domain(rng, n), similar, epsilon, coordinates)


def similar_pairs(problem, rng, count):
    """Feasible pairs, most of them on the edge of the ball around their first input."""
    domain, scale = problem.domain, problem.coordinates.scale
    first = domain.sample(count, rng)
    ends = np.stack([(domain.lower - first) / scale, (domain.upper - first) / scale])
    movable = ~domain.immutable
    low, high = np.minimum(ends.min(axis=0), 0) * movable, np.maximum(ends.max(axis=0), 0) * movable
    place = problem.coordinates.apply(first)
    step = problem.metric.maximise_at(place, rng.normal(size=first.shape), problem.epsilon, low, high) * scale
    step = np.where(domain.integer, np.trunc(step + np.sign(step) * 1e-9), step)
    second = np.where(domain.immutable, first, np.clip(first + step, domain.lower, domain.upper))
    good = problem.admits(first, second)
    return first[good], second[good]


def held_at(encoded, x1, x2):
    """Return the optimum of the MILP with equations that hold its pair at (x1, x2), None if infeasible."""
    matrix = encoded.matrix
    at_zero = np.concatenate(encoded.pair(np.zeros(matrix.n_columns)))
    rows = np.array([np.concatenate(encoded.pair(unit)) for unit in np.eye(matrix.n_columns)]).T
    rows = rows - at_zero[:, None]
    goal = np.concatenate([x1, x2]) - at_zero
    stacked = sp.csr_array(sp.vstack([matrix.matrix, sp.csr_array(rows)]))
    held = replace(
        matrix,
        indptr=stacked.indptr,
        indices=stacked.indices,
        data=stacked.data,
        row_lower=np.concatenate([matrix.row_lower, goal]),
        row_upper=np.concatenate([matrix.row_upper, goal]),
    )
    result = solver("highs").solve(held, SolveOptions(time_limit=60, relative_gap=0.0))
    return encoded.delta(result.objective) if result.termination is Termination.OPTIMAL else None


def encode(problem, strategy):
    ranges = interval_ranges(problem)
    made = Relational(problem, ranges) if strategy == "relational" else Twin(problem, ranges, segments=2)
    return made, made.encode(made.first_plan())


@pytest.mark.parametrize("strategy", ["relational", "twin"])
@pytest.mark.parametrize("inner", INNER, ids="-".join)
@settings(max_examples=2, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1))
def test_every_similar_pair_survives_with_its_output_difference(lab, formulation, inner, strategy, seed):
    rng = np.random.default_rng(seed)
    problem = problem_of(lab, rng, inner)
    encoded = encode(problem, strategy)[1]
    fixed = formulation(problem, encoded)
    first, second = similar_pairs(problem, rng, 60)
    gaps = problem.network.preactivations(second)[-1] - problem.network.preactivations(first)[-1]
    swap = gaps < 0
    first, second = np.where(swap, second, first), np.where(swap, first, second)
    for x1, x2 in zip(first[:3], second[:3], strict=True):
        # SciPy without presolve cannot tell with some of the two-copy models.
        allowed = fixed.delta(x1, x2) if strategy == "relational" else held_at(encoded, x1, x2)
        assert allowed is not None, f"a pair at distance {problem.distance(x1, x2)} is cut off"
        gap = float(np.abs(problem.network.predict(x2) - problem.network.predict(x1)))
        assert allowed >= gap - 1e-6 * (1 + gap)


@pytest.mark.parametrize("strategy", ["relational", "twin"])
@pytest.mark.parametrize("inner", INNER, ids="-".join)
@settings(max_examples=2, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1))
def test_every_point_of_the_model_is_as_similar_as_declared(lab, formulation, inner, strategy, seed):
    rng = np.random.default_rng(seed)
    problem = problem_of(lab, rng, inner, epsilon=float(rng.choice([0.05, 0.5])))
    made, encoded = encode(problem, strategy)
    smooth = any(layer.activation.smooth for layer in problem.metric.embedding.layers)
    assert (made.excess > 0) == smooth
    fixed = formulation(problem, encoded)
    allowed = problem.epsilon * (1 + problem.metric.looseness) * (1 + 1e-6) + made.excess
    for _ in range(3):
        found = fixed.solve(cost=rng.normal(size=fixed.matrix.n_columns))
        assert found is not None
        x1, x2 = encoded.pair(found[1])
        # Feasibility tolerances of the solver, through two layers of weights.
        assert problem.distance(x1, x2) <= allowed + 1e-4


@settings(max_examples=20, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_folded_chain_is_the_embedding_up_to_its_noise(lab, seed):
    rng = np.random.default_rng(seed)
    problem = problem_of(lab, rng, INNER[rng.integers(len(INNER))])
    chain = chain_of(problem)
    first, second = problem.domain.sample(30, rng), problem.domain.sample(30, rng)
    phi = problem.metric.embedding

    def by_chain(x):
        values = chain.problem.network.preactivations(x)[-2]
        return chain.layers[-1].activation.value(values)

    gap = (by_chain(second) - by_chain(first)) * chain.scale
    images = [phi.forward(problem.coordinates.apply(x)) for x in (first, second)]
    # Both sides are computed, so the noise counts twice at most.
    assert (np.abs(images[1] - images[0] - gap) <= 2 * chain.noise).all()
    assert chain.noise.max() < 1e-10
    lab.assert_within(chain.problem, chain.ranges, *similar_pairs(problem, rng, 60))


def prefix_problem():
    rng = np.random.default_rng(11)
    hidden = Layer(rng.normal(size=(4, 3)), rng.normal(size=4) * 0.3, "relu")
    head = np.array([[1.0, -2.0, 0.5, 1.5]])
    network = Network((hidden, Layer(head, [0.3])), Scaling([0.2, -1.0, 0.0], [1.5, 2.0, 1.0]))
    domain = Domain.from_box([-3.0] * 3, [3.0] * 3)
    return network, domain, head


def test_layers_that_the_embedding_shares_with_the_network_are_written_once(lab, formulation):
    rng = np.random.default_rng(4)
    network = lab.network(rng, [2, 2, 2, 1], ("sigmoid", "relu", "identity"), scaled=True)
    domain = Domain.from_box([-1.0] * 2, [1.5] * 2)
    names = domain.feature_names
    own = metric("embedding", network=Network(network.layers), layers=2, base={"p": 1}).bind(names)
    problem = Problem(network, domain, own, 0.1)
    made, encoded = encode(problem, "relational")
    # The same function of other numbers is not recognised; as a file that takes raw inputs it is.
    raw = metric("embedding", network=network, layers=2, base={"p": 1}).bind(names)
    again = encode(Problem(network, domain, raw, 0.1, Scaling.none(2)), "relational")[1]
    assert again.matrix.n_integers == encoded.matrix.n_integers
    first = network.layers[0]
    moved = Network((Layer(first.weight * (1 + 1e-9), first.bias, "sigmoid"), *network.layers[1:]))
    other = metric("embedding", network=moved, layers=2, base={"p": 1}).bind(names)
    beside = encode(Problem(network, domain, other, 0.1), "relational")[1]
    assert encoded.matrix.n_integers < beside.matrix.n_integers
    assert encoded.cells < beside.cells
    assert made.excess > 0
    fixed = formulation(problem, encoded)
    first, second = similar_pairs(problem, rng, 60)
    gaps = network.preactivations(second)[-1] - network.preactivations(first)[-1]
    first, second = np.where(gaps < 0, second, first), np.where(gaps < 0, first, second)
    for x1, x2 in zip(first[:6], second[:6], strict=True):
        gap = float(np.abs(network.predict(x2) - network.predict(x1)))
        assert fixed.delta(x1, x2) >= gap - 1e-6
    for _ in range(4):
        x1, x2 = encoded.pair(fixed.solve(cost=rng.normal(size=fixed.matrix.n_columns))[1])
        assert problem.distance(x1, x2) <= 0.1 + made.excess + 1e-4


@pytest.mark.parametrize("strategy", ["relational", "twin"])
def test_the_first_layer_of_the_network_itself_bounds_the_head(strategy):
    """With f = w . phi the difference is at most the dual norm of w, and nearly reaches it."""
    network, domain, head = prefix_problem()
    phi = metric("embedding", network=network, layers=1, base={"p": 1})
    certificate = certify(network, domain, phi, 0.2, scale="none", strategy=strategy, gap=1e-3, time_limit=30)
    expected = 0.2 * np.abs(head).max()
    assert certificate.delta_upper == pytest.approx(expected, rel=2e-3)
    assert expected * 0.98 <= certificate.delta_lower <= expected * (1 + 1e-8)
    assert certificate.metric.relation == "exact"
    assert certificate.metric.excess == 0
    assert certificate.witness.distance <= 0.2 * (1 + 1e-9)


def test_a_smooth_embedding_is_outer_and_says_by_how_much():
    rng = np.random.default_rng(2)
    phi = Network((Layer(rng.normal(size=(2, 2)), rng.normal(size=2), "sigmoid"),))
    network = Network((Layer(rng.normal(size=(1, 2)), [0.0]),))
    domain = Domain.from_box([-1.0] * 2, [1.0] * 2)
    similar = metric("embedding", network=phi, base={"p": "inf"})
    certificate = certify(network, domain, similar, 0.02, gap=0.1, time_limit=20)
    first, second = domain.sample(40000, rng), domain.sample(40000, rng)
    close = first + (second - first) * rng.uniform(0, 0.1, (len(first), 1))
    good = similar.bind(domain.feature_names).distance(first, close) <= 0.02
    assert good.sum() > 200
    assert (
        np.abs(network.predict(close[good]) - network.predict(first[good])).max() <= certificate.delta_upper
    )
    assert certificate.delta_upper <= certificate.delta_lower * 1.11
    assert certificate.metric.relation == "outer"
    assert certificate.metric.looseness == 0
    assert 0 < certificate.metric.excess < 1
