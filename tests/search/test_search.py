"""Draws, the simulated gradient and what follows a jump, Algorithm 1, and co-tuning."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnff.errors import ConfigError, UnknownNameError
from nnff.search import (
    Anneal,
    Around,
    ClosedFormDelta,
    CrossEntropy,
    Delta,
    Mixture,
    Neighbourhood,
    Normal,
    PairDelta,
    Restart,
    RootMeanSquare,
    Spread,
    Uniform,
    algorithm_1,
    central_differences,
    co_tune,
    cross_entropy_search,
    parameters_of,
    random_search,
    simulated_gradient,
    turns,
)

SEEDS = st.integers(0, 2**32 - 1)


class Bowl(Delta):
    """|theta|^2, with a cliff of height 100 beyond theta_0 < cliff."""

    def __init__(self, cliff=-np.inf):
        super().__init__(problem=None)
        self.cliff = cliff

    def _value(self, parameters):
        return float(parameters @ parameters) + 100 * (parameters[0] < self.cliff)

    def worst_pair(self, parameters):
        raise AssertionError("not asked for")


@pytest.fixture
def question(lab):
    rng = np.random.default_rng(3)
    problem = replace(lab.problem(rng, ["tanh", "identity"], n_inputs=3, integer=0), epsilon=0.6)
    return problem, problem.domain.sample(60, rng)


@settings(max_examples=25, derandomize=True)
@given(seed=SEEDS, proposal=st.sampled_from([Normal(), Uniform(2.0), Spread(), Around(np.array([1.0, 2.0]))]))
def test_draws_are_sorted_and_the_smallest_is_kept(seed, proposal):
    found = random_search(Bowl(), 2, draws=20, proposal=proposal, rng=np.random.default_rng(seed))
    assert (np.diff(found.deltas) >= 0).all()
    assert found.delta == pytest.approx(float((found.parameters**2).sum(axis=1).min()))
    again = random_search(Bowl(), 2, draws=20, proposal=proposal, rng=np.random.default_rng(seed))
    assert again == found


@settings(max_examples=20, derandomize=True)
@given(seed=SEEDS, count=st.integers(2, 40))
def test_spread_draws_leave_no_quantile_out(seed, count):
    from scipy.stats import norm

    drawn = Spread().draw(count, 3, np.random.default_rng(seed))
    cells = np.sort(np.floor(norm.cdf(drawn) * count), axis=0)
    assert (cells == np.arange(count)[:, None]).all()


def test_rounds_of_draws_come_closer():
    rng = np.random.default_rng(0)
    found = cross_entropy_search(Bowl(), 6, rounds=6, draws=30, rng=rng)
    assert found.delta < 0.3 * random_search(Bowl(), 6, draws=180, rng=np.random.default_rng(0)).delta


@settings(max_examples=25, derandomize=True)
@given(seed=SEEDS)
def test_descent_without_a_cliff_falls_every_epoch(seed):
    start = np.random.default_rng(seed).normal(size=4)
    descent = simulated_gradient(Bowl(), start, epochs=10)
    assert (np.diff(descent.deltas) < 0).all()
    assert descent.stopped == "epochs"
    # The start, then per epoch 2 p differences and the new value.
    assert descent.evaluations == 1 + 10 * (2 * 4 + 1)


def test_a_jump_stops_and_the_parameters_before_it_are_kept():
    descent = simulated_gradient(Bowl(cliff=0.95), np.array([1.0, 1.0]), epochs=20)
    assert descent.stopped == "jump"
    assert descent.epochs[-1].event == "jump"
    assert descent.epochs[-1].delta > 100
    assert descent.best.parameters[0] >= 0.95
    assert descent.best == descent.epochs[-2]


def test_annealing_goes_back_and_steps_less_far():
    start = np.array([1.0, 1.0])
    # So cold that 100 more is never accepted.
    descent = simulated_gradient(
        Bowl(cliff=0.95), start, epochs=20, after_jump=Anneal(1e-3), rng=np.random.default_rng(0)
    )
    assert descent.stopped == "epochs"
    rejected = [k for k, epoch in enumerate(descent.epochs) if epoch.event == "rejected"]
    assert rejected
    for k in rejected:
        assert (descent.epochs[k].parameters == descent.epochs[k - 2].parameters).all()
    stopped = simulated_gradient(Bowl(cliff=0.95), start, epochs=20)
    assert descent.best.delta < stopped.best.delta


def test_annealing_that_is_hot_accepts():
    descent = simulated_gradient(
        Bowl(cliff=0.95), np.array([1.0, 1.0]), epochs=5, after_jump=Anneal(1e9, 1.0)
    )
    assert "accepted" in [epoch.event for epoch in descent.epochs]


def test_restarts_are_counted():
    descent = simulated_gradient(
        # Every draw is beyond the cliff or falls over it.
        Bowl(cliff=0.95),
        np.array([0.96, 0.0]),
        epochs=40,
        after_jump=Restart(draws=5, most=2),
        jump=-0.5,
    )
    events = [epoch.event for epoch in descent.epochs]
    assert events.count("restart") == 2
    assert descent.stopped == "jump"


def test_the_best_direction_near_the_gradient_is_never_worse_than_it():
    start = np.array([1.0, -2.0, 0.5])
    plain = simulated_gradient(Bowl(), start, epochs=1)
    near = simulated_gradient(Bowl(), start, epochs=1, neighbourhood=Neighbourhood(6))
    assert near.deltas[1] <= plain.deltas[1]


def test_steps_can_be_held_short():
    descent = simulated_gradient(Bowl(), np.array([30.0, 40.0]), epochs=1, longest_step=0.1)
    moved = descent.epochs[1].parameters - descent.epochs[0].parameters
    assert np.linalg.norm(moved) == pytest.approx(0.1)


def test_algorithm_1_lowers_what_it_is_told_to_and_measures_the_rest(question):
    problem, rows = question

    class Half:
        def fit_resample(self, x, y):
            return x[::2], y[::2]

    found = algorithm_1(
        problem, rows, rng=np.random.default_rng(1), sampler=Half(), draws=6, starts=2, epochs=4
    )
    assert len(found.descents) == 2
    assert found.delta_0 == found.before.resampled
    assert found.after.resampled <= found.before.resampled
    for deltas in (found.before, found.after):
        assert deltas.resampled <= deltas.original <= deltas.box
    after = parameters_of(found.network)
    assert found.after.original == PairDelta(problem, rows).value(after)
    assert found.after.box == ClosedFormDelta(problem).value(after)


@pytest.mark.parametrize(
    ("accuracy", "round_of"),
    [
        (0.0, ("fairness",)),
        (1.0, ("accuracy",)),
        (0.5, ("accuracy", "fairness")),
        (0.75, ("accuracy",) * 3 + ("fairness",)),
        (0.2, ("fairness",) * 4 + ("accuracy",)),
    ],
)
def test_turns_follow_lambda(accuracy, round_of):
    assert turns(accuracy) == round_of


@settings(max_examples=50, derandomize=True)
@given(accuracy=st.floats(0, 1))
def test_turns_are_near_lambda(accuracy):
    plan = turns(accuracy)
    assert 1 <= len(plan) <= 10
    assert abs(plan.count("accuracy") / len(plan) - accuracy) <= 0.1


@settings(max_examples=20, derandomize=True)
@given(seed=SEEDS, kind=st.sampled_from([RootMeanSquare, CrossEntropy]))
def test_losses_have_the_gradient_they_say(lab, seed, kind):
    rng = np.random.default_rng(seed)
    network = lab.network(rng, [3, 2, 1], ["tanh", "sigmoid"])
    loss = kind(network, rng.normal(size=(20, 3)), rng.random(20))
    parameters = parameters_of(network)
    moved = central_differences(loss.value, parameters, 1e-5)
    assert loss.gradient(parameters) == pytest.approx(moved, abs=1e-7)


def test_co_tuning_trades_one_for_the_other(question):
    problem, rows = question
    rng = np.random.default_rng(0)
    target = np.sin(rows.sum(axis=1)) + 0.1 * rng.normal(size=len(rows))
    loss, delta = RootMeanSquare(problem.network, rows, target), PairDelta(problem, rows)
    start = parameters_of(problem.network)
    ends = {lam: co_tune(loss, delta, start, accuracy=lam, steps=120).best for lam in (1.0, 0.5, 0.0)}
    first = co_tune(loss, delta, start, accuracy=0.5, steps=0).turns[0]
    assert ends[1.0].loss < first.loss
    assert ends[0.0].delta < first.delta
    assert ends[1.0].loss < ends[0.0].loss
    assert ends[0.0].delta < ends[1.0].delta
    mixture = Mixture(loss, delta, 0.5)
    assert mixture(ends[0.5].parameters) <= mixture(start)


def test_nonsense_is_refused():
    with pytest.raises(ConfigError, match="lambda"):
        turns(1.5)
    with pytest.raises(UnknownNameError, match="witness"):
        simulated_gradient(Bowl(), np.zeros(2), gradient="exact")
    with pytest.raises(ConfigError, match="draws"):
        random_search(Bowl(), 2, draws=0, rng=np.random.default_rng(0))
