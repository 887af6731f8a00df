"""With a delta asked for, the run stops as soon as it is settled, from whichever side."""

from __future__ import annotations

import importlib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnff.certification import Reason, Verdict, certify
from nnff.certification.attack import attack, polish
from nnff.certification.patience import Patience
from nnff.domain import Domain
from nnff.network import Layer, Network
from nnff.problem import Problem
from nnff.similarity import metric
from nnff.solver import Capability, Limit, SolveResult, Termination
from nnff_solvers.highs import HighsBackend

certify_module = importlib.import_module("nnff.certification.certify")

SHAPES = [["relu", "sigmoid"], ["sigmoid", "identity"], ["tanh", "sigmoid"], ["relu", "identity"]]


class Recorder(HighsBackend):
    """HiGHS that keeps what it was asked and what it answered."""

    def __init__(self, without=frozenset()):
        self.capabilities = HighsBackend.capabilities - without
        self.calls = []

    def solve(self, problem, options, start=None, control=None):
        result = super().solve(problem, options, start, control)
        self.calls.append((options, result))
        return result


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 10**6), st.sampled_from(SHAPES), st.sampled_from([0.5, 0.9, 0.99, 1.01, 1.1, 2.0]))
def test_a_decision_agrees_with_the_bracket(lab, seed, activations, factor):
    problem = lab.problem(np.random.default_rng(seed), activations, most_neurons=3)

    def ask(**asked):
        return certify(
            problem.network,
            problem.domain,
            problem.metric,
            problem.epsilon,
            scale=problem.coordinates,
            **asked,
        )

    bracket = ask(gap=1e-3, time_limit=3)
    delta = bracket.delta_lower * factor
    decided = ask(delta=delta, time_limit=3)
    assert decided.delta_lower <= bracket.delta_upper * (1 + 1e-9) + 1e-12
    assert decided.delta_upper >= bracket.delta_lower * (1 - 1e-9) - 1e-12
    if bracket.delta_upper <= delta:
        assert decided.verdict is Verdict.CERTIFIED or decided.reason is Reason.TIME_LIMIT
        assert decided.verdict is not Verdict.VIOLATED
    if bracket.delta_lower > delta:
        assert decided.verdict is Verdict.VIOLATED


RNG = np.random.default_rng(8)
NETWORK = Network(
    (
        Layer(RNG.normal(0, 0.8, (6, 4)), RNG.normal(0, 0.3, 6), "relu"),
        Layer(RNG.normal(0, 0.7, (1, 6)), [0.1], "sigmoid"),
    )
)
DOMAIN = Domain.from_box([-1] * 4, [1] * 4)
SIMILAR = metric("weighted-lp", p="inf")


def ask(delta=None, solver="highs", **asked):
    return certify(NETWORK, DOMAIN, SIMILAR, 0.2, delta=delta, solver=solver, **({"time_limit": 20} | asked))


@pytest.fixture(scope="module")
def truth():
    exact = ask(gap=3e-3)
    assert exact.reason is Reason.GAP_CLOSED
    return exact


@pytest.fixture
def no_attack(monkeypatch):
    monkeypatch.setattr(certify_module, "attack", lambda *_args, **_kwargs: None)


def test_the_solver_is_told_both_sides_of_the_question(truth, no_attack):
    recorder = Recorder()
    delta = truth.delta_lower * 1.05
    assert ask(delta, recorder).verdict is Verdict.CERTIFIED
    options, _ = recorder.calls[0]
    # The minimisation's objective is minus delta, in units that are the same for both.
    assert options.bound_stop < 0
    assert options.objective_stop < options.bound_stop
    assert options.objective_stop == pytest.approx(options.bound_stop, rel=1e-5)


def test_what_a_backend_cannot_do_is_not_asked_of_it(truth, no_attack):
    recorder = Recorder(without={Capability.BOUND_STOP, Capability.OBJECTIVE_STOP})
    assert ask(truth.delta_lower * 1.05, recorder).verdict is Verdict.CERTIFIED
    assert ask(truth.delta_lower * 0.7, recorder).verdict is Verdict.VIOLATED
    for options, _ in recorder.calls:
        assert options.bound_stop is options.objective_stop is None


def test_a_point_of_the_program_above_delta_ends_the_solve(truth, no_attack):
    recorder = Recorder()
    decided = ask(truth.delta_lower * 0.3, recorder)
    assert decided.verdict is Verdict.VIOLATED
    assert decided.reason is Reason.DECIDED
    _, result = recorder.calls[-1]
    assert result.limit is Limit.OBJECTIVE
    # Such a stop proves nothing from above.
    assert decided.delta_upper >= truth.delta_lower


def test_a_bound_below_delta_ends_the_solve(truth):
    recorder = Recorder()
    decided = ask(truth.delta_upper * 1.3, recorder)
    assert decided.verdict is Verdict.CERTIFIED
    assert decided.delta_upper <= truth.delta_upper * 1.3
    assert all(result.limit is Limit.BOUND for _, result in recorder.calls)


def test_a_pair_of_the_attack_needs_no_solver(truth):
    recorder = Recorder()
    decided = ask(truth.delta_lower * 0.5, recorder)
    assert decided.verdict is Verdict.VIOLATED
    assert decided.rounds == 0
    assert recorder.calls == []
    # It stopped searching there and then.
    assert decided.delta_lower < truth.delta_lower


def test_ranges_that_settle_it_need_no_solver_and_still_show_a_pair(truth):
    recorder = Recorder()
    decided = ask(truth.closed_form * 1.01, recorder)
    assert decided.verdict is Verdict.CERTIFIED
    assert recorder.calls == []
    assert 0 < decided.delta_lower <= truth.delta_upper


def test_a_pair_in_the_data_needs_no_attack(truth, monkeypatch):
    monkeypatch.setattr(certify_module, "attack", lambda *_args, **_kwargs: pytest.fail("attacked"))
    rows = [truth.witness.x1, truth.witness.x2]
    decided = ask(truth.delta_lower * 0.9, data=rows)
    assert decided.verdict is Verdict.VIOLATED
    assert decided.witness.origin == "data"


def problem():
    return Problem(NETWORK, DOMAIN, SIMILAR, 0.2)


def test_an_attack_ends_at_the_first_pair_that_is_enough(monkeypatch):
    moves = []
    attack_module = importlib.import_module("nnff.certification.attack")
    real = attack_module._move
    monkeypatch.setattr(attack_module, "_move", lambda *args: moves.append(1) or real(*args))
    best = attack(problem(), rng=np.random.default_rng(0))
    whole = len(moves)
    moves.clear()
    found = attack(problem(), rng=np.random.default_rng(0), enough=best.delta * 0.5)
    assert best.delta * 0.5 < found.delta < best.delta
    assert len(moves) < whole / 4
    moves.clear()
    assert attack(problem(), rng=np.random.default_rng(0), enough=best.delta) == best
    assert len(moves) == whole


def test_polishing_what_is_enough_already_changes_nothing():
    x1, x2 = np.zeros(4), np.full(4, 0.02)
    kept = polish(problem(), x1, x2, origin="attack", enough=0.0)
    assert 0 < kept.delta < polish(problem(), x1, x2, origin="attack").delta
    assert {tuple(kept.x1), tuple(kept.x2)} == {tuple(x1), tuple(x2)}


def test_rounds_that_stopped_at_a_point_are_no_stall_and_end_where_nothing_is_left_to_refine():
    short = SolveResult(Termination.LIMIT, "x", "1", limit=Limit.OBJECTIVE)
    whole = replace(short, termination=Termination.OPTIMAL, limit=None)
    patience = Patience()
    assert patience.height == 0.0
    patience.after(whole, moved=True, refined=True)
    assert patience.height == 0.0
    for _ in range(20):
        patience.after(short, moved=False, refined=True)
    assert not patience.lost
    assert 0 < patience.height < 1
    patience.after(short, moved=False, refined=False)
    assert patience.height is None
    for _ in range(7):
        patience.after(whole, moved=False, refined=True)
        assert not patience.lost
    patience.after(whole, moved=False, refined=True)
    assert patience.lost
