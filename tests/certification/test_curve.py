from __future__ import annotations

import math

import pytest

from nnff import Memory, certify, curve, metric
from nnff.certification import Curve, Reason
from nnff.domain import Domain
from nnff.errors import SimilarityError
from nnff.network import Layer, Network

NETWORK = Network((Layer([[2.0, -1.0]], [0.0]),))
DOMAIN = Domain.from_box([0, 0], [5, 5])
SIMILAR = metric("weighted-lp", p="inf")


@pytest.fixture(scope="module")
def template():
    return certify(NETWORK, DOMAIN, SIMILAR, 0.1)


@pytest.fixture
def certificates(template):
    """Make certificates out of triples of epsilon and both bounds."""

    def make(*triples):
        return [
            template.model_copy(update={"epsilon": e, "delta_lower": low, "delta_upper": high})
            for e, low, high in triples
        ]

    return make


def bounds(made):
    return [(p.delta_lower, p.delta_upper) for p in made.points]


def test_the_largest_epsilon_is_asked_first_and_all_share_a_memory():
    asked, memory = [], Memory()

    def certify_at(epsilon):
        asked.append(epsilon)
        return certify(NETWORK, DOMAIN, SIMILAR, epsilon, memory=memory)

    made = curve([0.2, 0.1, 0.3, 0.1], certify_at)
    assert asked == [0.3, 0.2, 0.1]
    assert [p.epsilon for p in made.points] == [0.1, 0.2, 0.3]
    assert [p.delta_upper for p in made.points] == pytest.approx([0.3, 0.6, 0.9])
    assert made.linearity.slope == pytest.approx(3.0)
    assert made.rise.end == pytest.approx(0.29)


def test_no_epsilon_is_an_error():
    with pytest.raises(SimilarityError, match="at least one"):
        curve([], lambda _: None)


def test_bounds_go_down_and_pairs_go_up(certificates):
    made = Curve.from_certificates(certificates((0.1, 0.5, 2.0), (0.2, 0.2, 3.0), (0.3, 0.6, 1.0)))
    assert bounds(made) == [(0.5, 1.0), (0.5, 1.0), (0.6, 1.0)]


def test_a_bound_that_a_pair_refutes_counts_for_nothing(certificates):
    made = Curve.from_certificates(certificates((0.1, 0.5, 0.6), (0.2, 0.1, 0.4), (0.3, 0.6, 1.0)))
    assert bounds(made) == [(0.5, 0.6), (0.5, 1.0), (0.6, 1.0)]
    made = Curve.from_certificates(certificates((0.1, 0.5, 0.6), (0.2, 0.1, 0.4)))
    assert bounds(made) == [(0.5, 0.6), (0.5, math.inf)]


def test_rounding_refutes_nothing(certificates):
    made = Curve.from_certificates(certificates((0.1, 0.5, 0.5), (0.2, 0.1, 0.5 * (1 - 1e-12))))
    assert bounds(made) == [(0.5, 0.5), (0.5, 0.5)]


def test_the_largest_epsilon_of_the_points(certificates):
    made = Curve.from_certificates(certificates((0.1, 0.1, 0.2), (0.2, 0.2, 0.9), (0.3, 0.3, 0.4)))
    # At 0.2 by the bound of 0.3.
    assert made.largest_epsilon(0.4).certified == 0.3
    assert made.largest_epsilon(0.3).certified == 0.1
    assert made.largest_epsilon(0.1).certified is None
    assert made.largest_epsilon(0.4).violated == math.inf
    # The template's pair has the distance 0.1, whatever epsilon it is shown for.
    assert made.largest_epsilon(0.25).violated == pytest.approx(0.1)


def test_an_interruption_ends_it(certificates):
    [first, second, third] = certificates((0.1, 0, 1), (0.2, 0, 1), (0.3, 0, 1))
    answers = {0.3: third, 0.2: second.model_copy(update={"reason": Reason.INTERRUPTED}), 0.1: first}
    made = curve(answers, answers.__getitem__)
    assert [p.epsilon for p in made.points] == [0.2, 0.3]
