"""The largest epsilon for a delta, where it is known: of a linear network, delta over the dual norm."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnff import Memory, certify, largest_epsilon, metric
from nnff.certification import Reason, Verdict
from nnff.domain import Domain
from nnff.errors import ConfigError
from nnff.network import Layer, Network

DUAL = {1: np.inf, 2: 2, "inf": 1}


def linear(weights):
    return Network((Layer([weights], [0.3]),))


@settings(deadline=None, max_examples=15)
@given(
    st.lists(st.floats(0.1, 4.0), min_size=1, max_size=4),
    st.sampled_from([1, 2, "inf"]),
    st.floats(0.05, 2.0),
)
def test_it_is_delta_over_the_dual_norm(weights, p, delta):
    network, domain = linear(weights), Domain.from_box([-50] * len(weights), [50] * len(weights))
    truth = delta / np.linalg.norm(weights, DUAL[p])
    memory, tolerance = Memory(), 1e-4 * truth

    def decide(epsilon):
        return certify(network, domain, metric("weighted-lp", p=p), epsilon, delta=delta, memory=memory)

    found = largest_epsilon(delta, decide, high=3 * truth, tolerance=tolerance)
    assert found.certified <= truth * (1 + 1e-9)
    # The encoded l_2 ball is larger by its looseness.
    loose = decide(truth).metric.looseness
    assert found.certified >= truth / (1 + loose) - tolerance - 1e-8 * truth
    assert truth * (1 - 1e-9) <= found.violated <= 3 * truth
    assert len(found.certificates) < 30


@pytest.fixture(scope="module")
def template():
    return certify(linear([1.0]), Domain.from_box([0], [9]), metric("weighted-lp", p=1), 0.5)


@pytest.fixture
def oracle(template):
    """Answer as if delta_max were epsilon, known up to a share of itself."""

    def make(share=0.0, **updates):
        asked = []

        def decide(epsilon):
            asked.append(epsilon)
            pair = template.witness.model_copy(update={"distance": epsilon})
            bounds = {"delta_lower": epsilon * (1 - share), "delta_upper": epsilon * (1 + share)}
            return template.model_copy(update={"epsilon": epsilon, "witness": pair, **bounds, **updates})

        return decide, asked

    return make


def test_what_is_left_open_lies_between_both_sides(oracle):
    decide, _ = oracle(share=0.1)
    found = largest_epsilon(1.0, decide, high=2.0, tolerance=1e-3)
    assert found.certified == pytest.approx(1 / 1.1, abs=1e-3)
    assert found.certified <= 1 / 1.1
    assert 1 / 0.9 <= found.violated <= 2.0


def test_a_certified_end_is_the_answer_at_once(oracle):
    decide, asked = oracle()
    found = largest_epsilon(5.0, decide, high=2.0, tolerance=1e-3)
    assert (found.certified, found.violated, asked) == (2.0, math.inf, [2.0])


def test_nothing_is_certified(oracle):
    decide, asked = oracle()
    found = largest_epsilon(0.5, decide, low=1.0, high=2.0, tolerance=1e-3)
    assert (found.certified, found.violated, asked) == (None, 1.0, [2.0, 1.0])


def test_a_pair_that_is_nearer_than_asked_shortens_the_search(oracle):
    decide, asked = oracle()

    def generous(epsilon):
        answer = decide(epsilon)
        if answer.delta_lower <= 1.0:
            return answer
        near = answer.witness.model_copy(update={"distance": 1.0005})
        return answer.model_copy(update={"witness": near})

    found = largest_epsilon(1.0, generous, high=1024.0, tolerance=1e-2)
    assert found.violated == 1.0005
    assert found.certified == pytest.approx(1.0, abs=1e-2)
    assert len(asked) < 12


def test_what_is_known_is_not_asked_again(oracle):
    decide, asked = oracle()
    known = [decide(0.5), decide(1.5)]
    asked.clear()
    found = largest_epsilon(1.0, decide, low=0.5, high=1.5, tolerance=0.3, known=known)
    assert asked == [1.0, 1.25]
    assert found.certified == 1.0
    assert found.violated == 1.25
    assert len(found.certificates) == 2


def test_an_interruption_ends_it(oracle):
    decide, asked = oracle(reason=Reason.INTERRUPTED)
    found = largest_epsilon(1.0, decide, high=2.0, tolerance=1e-3)
    assert asked == [2.0]
    assert found.certified is None


def test_contradictions_prove_nothing(oracle):
    decide, _ = oracle(reason=Reason.INCONSISTENT)
    found = largest_epsilon(1.0, decide, high=0.5, tolerance=1e-3)
    assert found.certified is None
    # A bound at 2 that a pair at 1.5 refutes.
    right, _ = oracle()
    wrong = right(2.0).model_copy(update={"delta_lower": 0.0, "delta_upper": 0.9})
    found = largest_epsilon(1.0, right, high=2.0, tolerance=0.1, known=[wrong, right(1.5)])
    assert found.certified == pytest.approx(1.0, abs=0.1)
    assert found.certified <= 1.0


@pytest.mark.parametrize(
    ("delta", "ends"),
    [
        (-1.0, {"high": 1.0, "tolerance": 0.1}),
        (math.nan, {"high": 1.0, "tolerance": 0.1}),
        (1.0, {"high": math.inf, "tolerance": 0.1}),
        (1.0, {"low": 2.0, "high": 1.0, "tolerance": 0.1}),
        (1.0, {"low": -2.0, "high": 1.0, "tolerance": 0.1}),
        (1.0, {"high": 1.0, "tolerance": 0.0}),
        (1.0, {"high": 1.0, "tolerance": math.nan}),
    ],
)
def test_nonsense_is_refused(delta, ends):
    with pytest.raises(ConfigError):
        largest_epsilon(delta, lambda _: None, **ends)


def test_decisions_are_verdicts(oracle):
    network, domain, similar = linear([2.0]), Domain.from_box([0], [9]), metric("weighted-lp", p=1)
    found = largest_epsilon(
        1.0, lambda e: certify(network, domain, similar, e, delta=1.0), high=1.0, tolerance=1e-2
    )
    verdicts = {c.verdict for c in found.certificates}
    assert verdicts == {Verdict.CERTIFIED, Verdict.VIOLATED}
