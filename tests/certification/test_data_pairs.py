"""delta_data against the naive double loop."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnff.certification import Reason, certify, data_pairs
from nnff.certification.data_pairs import compare_data_pairs
from nnff.domain import Domain
from nnff.errors import DataError
from nnff.network import Layer, Network
from nnff.problem import Problem
from nnff.similarity import metric, within


def naive(problem, rows):
    outputs = problem.network.predict(rows)
    best, count = 0.0, 0
    for i, j in itertools.combinations(range(len(rows)), 2):
        agree = (rows[i] == rows[j])[problem.domain.immutable].all()
        if agree and within(problem.distance(rows[i], rows[j]), problem.epsilon):
            count += 1
            best = max(best, abs(float(outputs[i] - outputs[j])))
    return best, count


@settings(max_examples=60, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1), block=st.sampled_from([1, 7, 4_000_000]))
def test_it_finds_what_the_double_loop_finds(lab, seed, block):
    rng = np.random.default_rng(seed)
    problem = lab.problem(rng, ("tanh", "identity"), n_inputs=2)
    count = int(rng.integers(0, 25))
    # Twins, rows outside the domain, and few different values of the immutable features.
    rows = np.round(rng.normal(0, 1.5, (count, 2)), 1)
    if count > 3:
        rows[1] = rows[0]
    best, pairs = naive(problem, rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data_pairs, "_BLOCK_ELEMENTS", block)
        found = compare_data_pairs(problem, rows)
    assert found.pairs == pairs
    assert found.delta == pytest.approx(best, rel=1e-12, abs=1e-14)
    assert (found.first is None) == (pairs == 0)
    if pairs:
        assert found.first < found.second
        first, second = rows[[found.first]], rows[[found.second]]
        gap = abs(float(problem.network.predict(first)[0] - problem.network.predict(second)[0]))
        assert gap == pytest.approx(found.delta, rel=1e-12, abs=1e-14)


def linear(epsilon=0.5, **domain):
    network = Network((Layer([[1.0, 1.0]], [0.0]),))
    return Problem(
        network, Domain.from_box([0, 0], [1, 1], **domain), metric("weighted-lp", p="inf"), epsilon
    )


def test_rows_outside_the_domain_occur_and_therefore_count():
    found = compare_data_pairs(linear(), np.array([[5.0, 5.0], [5.5, 5.5], [0.0, 0.0]]))
    assert (found.delta, found.pairs, found.first, found.second) == (1.0, 1, 0, 1)


def test_rows_that_differ_in_an_immutable_feature_are_no_pair():
    rows = np.array([[0.0, 0.0], [0.0, 0.1], [0.1, 0.0]])
    found = compare_data_pairs(linear(immutable=[1]), rows)
    assert (found.pairs, found.first, found.second) == (1, 0, 2)


def test_no_row_is_a_pair_with_itself():
    assert compare_data_pairs(linear(), np.array([[0.0, 0.0]])).pairs == 0
    assert compare_data_pairs(linear(), np.empty((0, 2))).pairs == 0


def test_a_stop_gives_nothing_rather_than_a_part():
    assert compare_data_pairs(linear(), np.zeros((3, 2)), stop=lambda: True) is None


def test_bad_data_is_named():
    with pytest.raises(DataError, match="row 1, x0"):
        compare_data_pairs(linear(), np.array([[0.0, 0.0], [np.nan, 0.0]]))
    with pytest.raises(DataError, match="3 columns"):
        compare_data_pairs(linear(), np.zeros((2, 3)))


def test_too_many_rows_leave_the_time_to_the_certificate():
    network = Network((Layer([[1.0, -2.0, 0.5]], [0.0], "sigmoid"),))
    domain = Domain.from_box([-1] * 3, [1] * 3)
    rows = np.random.default_rng(0).uniform(-1, 1, (40_000, 3))
    certificate = certify(network, domain, metric("weighted-lp", p=1), 0.1, data=rows, time_limit=3.0)
    assert certificate.delta_data is None
    assert certificate.reason is Reason.GAP_CLOSED
    # A tenth of the time, and what a block takes.
    assert certificate.phases["data"] < 2.0
