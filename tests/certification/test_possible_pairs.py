"""Domains with rows, groups and levels: no possible pair exceeds a certificate, no witness is impossible."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnff.certification import Reason, certify
from nnff.certification.attack import attack
from nnff.certification.exhaustive import enumerate_pairs
from nnff.domain import Domain
from nnff.network import Layer, Network
from nnff.problem import Problem
from nnff.similarity import metric

seeds = st.integers(0, 2**32 - 1)
CHAINS = [("identity",), ("relu", "identity"), ("tanh", "sigmoid")]


def run(problem, **settings_):
    chosen = {"gap": 1e-3, "time_limit": 4.0} | settings_
    return certify(
        problem.network, problem.domain, problem.metric, problem.epsilon, scale=problem.coordinates, **chosen
    )


def largest_gap(problem, first, second):
    return float(np.abs(problem.network.predict(second) - problem.network.predict(first)).max())


def assert_possible(problem, witness):
    assert witness.replayed
    x1, x2 = np.array([witness.x1]), np.array([witness.x2])
    assert problem.domain.contains_pair(x1, x2)[0]
    assert problem.admits(x1, x2)[0]


def every_pair(problem):
    """Return the largest difference by trying all pairs of points, feature by feature."""
    domain, levels = problem.domain, dict(problem.domain.ordinal)
    axes = [
        levels.get(i, np.arange(low, high + 1))
        for i, (low, high) in enumerate(zip(domain.lower, domain.upper, strict=True))
    ]
    points = np.array(list(itertools.product(*axes)))
    points = points[domain.contains(points)]
    i, j = np.triu_indices(len(points))
    good = problem.admits(points[i], points[j])
    outputs = problem.network.predict(points)
    return float(np.abs(outputs[i] - outputs[j])[good].max()), int(good.sum()), len(points)


@settings(max_examples=10, deadline=None, derandomize=True)
@given(seed=seeds, chain=st.sampled_from(CHAINS), strategy=st.sampled_from(["relational", "twin"]))
def test_no_possible_pair_exceeds_what_is_certified(lab, seed, chain, strategy):
    rng = np.random.default_rng(seed)
    problem = lab.problem(rng, chain, most_neurons=3, domain=lab.rich_domain(rng))
    certificate = run(problem, strategy=strategy, gap=1e-2)
    assert certificate.reason is not Reason.INCONSISTENT
    reached = largest_gap(problem, *lab.rich_pairs(problem, rng, 200))
    assert certificate.delta_upper >= reached * (1 - 1e-12) - 1e-12
    assert certificate.delta_upper >= certificate.delta_lower
    assert_possible(problem, certificate.witness)


@settings(max_examples=10, deadline=None, derandomize=True)
@given(seed=seeds, chain=st.sampled_from(CHAINS))
def test_encodings_and_enumeration_find_what_trying_all_pairs_finds(lab, seed, chain):
    rng = np.random.default_rng(seed)
    problem = lab.problem(rng, chain, most_neurons=2, domain=lab.rich_domain(rng, continuous=0))
    best, pairs, points = every_pair(problem)
    found = enumerate_pairs(problem)
    assert (found.complete, found.pairs, found.points) == (True, pairs, points)
    assert found.delta_lower == pytest.approx(best, rel=1e-12, abs=1e-13)
    assert problem.admits(found.x1[None], found.x2[None])[0]
    for strategy in ("relational", "twin"):
        certificate = run(problem, strategy=strategy)
        assert certificate.delta_lower <= best * (1 + 1e-12) + 1e-12
        assert certificate.delta_upper >= best * (1 - 1e-12) - 1e-12
        if certificate.reason is Reason.GAP_CLOSED:
            assert certificate.delta_upper <= best * (1 + 1e-3) + 1e-6


@settings(max_examples=20, deadline=None, derandomize=True)
@given(seed=seeds)
def test_attacks_find_possible_pairs_only(lab, seed):
    rng = np.random.default_rng(seed)
    problem = lab.problem(rng, ("tanh", "identity"), domain=lab.rich_domain(rng))
    witness = attack(problem, rng=rng, starts=12, iterations=12)
    assert witness is not None
    assert_possible(problem, witness)


def test_a_search_goes_along_the_rows():
    """Of |x0 - 2 x1| <= .1, x0 + x1 <= 1.5 the largest x0 is at a vertex that no straight step reaches."""
    network = Network((Layer([[1.0, 0.0]], [0.0]),))
    domain = Domain.from_box(
        [0, 0],
        [2, 2],
        constraints=[
            {"terms": {"x0": 1, "x1": -2}, "lower": -0.1, "upper": 0.1},
            {"terms": {"x0": 1, "x1": 1}, "upper": 1.5},
        ],
    )
    problem = Problem(network, domain, metric("weighted-lp", p="inf", weights=[0.0, 0.0]), 0.0)
    witness = attack(problem, rng=np.random.default_rng(0))
    # x0 from 0 to (2 * 1.5 + .1) / 3
    assert witness.delta == pytest.approx(3.1 / 3, rel=1e-4)
    certificate = run(problem)
    assert certificate.delta_upper == pytest.approx(3.1 / 3, rel=1e-6)
    assert certificate.delta_lower == pytest.approx(3.1 / 3, rel=1e-3)


def test_a_swap_is_a_move_of_the_search():
    """Six categories whose weights no gradient orders: one is at the far end for one other only."""
    weights = [0.0, 3.0, -1.0, 7.0, 2.0, -4.0]
    network = Network((Layer([weights], [0.0]),))
    domain = Domain.from_box([0] * 6, [1] * 6, one_hot=[list(range(6))])
    problem = Problem(network, domain, metric("weighted-lp", p=1), 2.0)
    witness = attack(problem, rng=np.random.default_rng(0), starts=2, iterations=2)
    assert witness.delta == 11.0
    certificate = run(problem)
    assert certificate.closed_form == pytest.approx(11.0)
    assert certificate.delta_upper == pytest.approx(11.0)


def test_ordinal_features_differ_by_levels_only():
    network = Network((Layer([[1.0]], [0.0]),))
    domain = Domain.from_box([0], [10], ordinal={0: [0, 1, 4, 9.5]})
    for epsilon, expected in ((0.9, 0.0), (3.5, 3.0), (5.5, 5.5), (20.0, 9.5)):
        problem = Problem(network, domain, metric("weighted-lp", p=1), epsilon)
        assert run(problem).delta_upper == pytest.approx(expected, abs=1e-7)
        assert run(problem, strategy="exhaustive").delta_lower == expected
