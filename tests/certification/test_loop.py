"""The loop aims for what it takes: the gap, or the decision."""

from __future__ import annotations

import itertools
import time

import pytest

from nnff.certification import Reason, Verdict, certify, solving
from nnff.certification.bracket import Bracket
from nnff.certification.solving import LoopSettings, precision
from nnff.domain import Domain
from nnff.encoding.strategy import Relational
from nnff.network import Layer, Network
from nnff.similarity import metric
from nnff.solver import Limit, SolveControl, SolveResult, Termination

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


# Every rule that ends a run: gap and decision above, in test_decision.py and here.

RELU = Network(
    (
        Layer([[1.0, -2.0], [0.5, 1.5], [-1.0, 0.7]], [0.2, -0.1, 0.3], "relu"),
        Layer([[1.5, -1.0, 0.8]], [2.0]),
    )
)
CURVED = Network(
    (
        Layer([[3.0, -2.0], [2.5, 3.5], [-3.0, 2.7]], [0.2, -0.1, 0.3], "tanh"),
        Layer([[1.5, -1.0, 0.8]], [0.0]),
    )
)
SQUARE = Domain.from_box([-1, -1], [1, 1])


def on_square(network, **settings):
    return certify(network, SQUARE, metric("weighted-lp", p=2), 0.3, **({"time_limit": 30} | settings))


def test_time_ends_it_with_both_bounds():
    result = on_square(CURVED, gap=0.0, time_limit=0.7)
    assert result.reason is Reason.TIME_LIMIT
    assert "time limit" in result.detail
    assert 0 < result.delta_lower <= result.delta_upper < float("inf")
    assert result.seconds < 5


def test_an_interruption_ends_it_with_both_bounds():
    control = SolveControl()
    result = on_square(
        CURVED, gap=0.0, control=control, on_progress=lambda p: p.round >= 2 and control.interrupt()
    )
    assert result.reason is Reason.INTERRUPTED
    assert result.verdict is Verdict.UNDECIDED
    assert 0 < result.delta_lower <= result.delta_upper < float("inf")


def test_rounds_that_move_nothing_end_it(monkeypatch):
    monkeypatch.setattr(Relational, "refine", lambda _self, plan, *_arguments: plan)
    result = on_square(CURVED, gap=0.0)
    assert result.reason is Reason.NO_PROGRESS
    assert "8 rounds in a row" in result.detail
    assert len(result.runs) >= 9
    # The last nine have nothing to show for it.
    assert result.bracket[-1][0] < result.seconds - sum(run.seconds for run in result.runs[-8:])


def test_nothing_left_to_refine_ends_it():
    result = on_square(RELU, gap=0.0)
    assert result.reason is Reason.NO_PROGRESS
    assert "no approximation" in result.detail
    assert result.rounds == 1
    # The rest is the ball's looseness and what bounds are weakened by.
    assert result.gap < 1e-3


def test_a_solver_that_used_up_its_time_without_a_point_is_a_matter_of_time(monkeypatch):
    def pointless(backend, *_rest):
        return SolveResult(Termination.LIMIT, backend.name, "0", raw_status="time", limit=Limit.TIME)

    monkeypatch.setattr(solving, "guarded_solve", pointless)
    result = on_square(CURVED, gap=0.0)
    assert result.reason is Reason.TIME_LIMIT
    assert "without a point" in result.detail
    assert 0 < result.delta_lower <= result.delta_upper < float("inf")
