"""The loop aims for what it takes: the gap, or the decision."""

from __future__ import annotations

import itertools
import time

import pytest

from nnff.certification import Reason, Verdict, certify
from nnff.certification.bracket import Bracket
from nnff.certification.loop import LoopSettings, precision
from nnff.domain import Domain
from nnff.network import Layer, Network
from nnff.similarity import metric

# The logit stays above 0, so that the closed form alone does not decide.
NETWORK = Network((Layer([[1.3, -0.8, 0.5]], [3.0], "sigmoid"),))
DOMAIN = Domain.from_box([-0.5] * 3, [0.5] * 3)


def certified(**settings):
    return certify(NETWORK, DOMAIN, metric("weighted-lp", p=1), 0.3, time_limit=30, **settings)


def test_precision_is_the_gap_without_a_delta():
    assert precision(Bracket(time.perf_counter()), LoopSettings(0.01, None, 0.0)) == 0.01


def test_a_delta_near_the_optimum_is_decided_although_the_gap_asked_for_is_wide():
    exact = certified(gap=1e-6)
    truth = exact.delta_lower
    above = certified(gap=0.2, delta=truth * (1 + 1e-4))
    assert above.verdict is Verdict.CERTIFIED
    assert above.delta_upper <= truth * (1 + 1e-4)
    below = certified(gap=0.2, delta=truth * (1 - 1e-3))
    assert below.verdict is Verdict.VIOLATED


def test_a_gap_is_reached_and_named():
    result = certified(gap=1e-3)
    assert result.reason is Reason.GAP_CLOSED
    assert result.gap <= 1e-3
    assert result.delta_upper == pytest.approx(result.delta_lower, rel=1.1e-3)


def test_the_bracket_only_ever_narrows():
    history = certified(gap=1e-5).bracket
    assert all(b[1] >= a[1] and b[2] <= a[2] for a, b in itertools.pairwise(history))
