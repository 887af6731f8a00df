"""What delta is, given parameters: the certificate's pairs, bounds above every pair, gradients that agree."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnff.certification.data_pairs import compare_data_pairs
from nnff.domain import Domain
from nnff.errors import ProblemError
from nnff.problem import Problem
from nnff.search import (
    CertifiedDelta,
    ClosedFormDelta,
    PairDelta,
    central_differences,
    parameters_of,
    similar_pairs,
)
from nnff.similarity import metric

SEEDS = st.integers(0, 2**32 - 1)


@settings(max_examples=40, derandomize=True)
@given(seed=SEEDS)
def test_pairs_are_those_of_the_certificate(lab, seed):
    rng = np.random.default_rng(seed)
    problem = lab.problem(rng, ["sigmoid", "identity"])
    rows = problem.domain.sample(30, rng)
    rows = np.concatenate([rows, rows[:5]])
    parameters = rng.normal(size=len(parameters_of(problem.network)))
    delta = PairDelta(problem, rows)
    known = compare_data_pairs(replace(problem, network=delta.network(parameters)), rows)
    assert delta.value(parameters) == pytest.approx(known.delta, rel=1e-12, abs=1e-15)
    assert len(similar_pairs(problem, rows)[0]) == known.pairs


@settings(max_examples=40, derandomize=True)
@given(seed=SEEDS)
def test_fewer_rows_never_make_delta_larger(lab, seed):
    """Why resampling lowers delta over pairs whatever the network is."""
    rng = np.random.default_rng(seed)
    problem = lab.problem(rng, ["tanh", "identity"])
    rows = problem.domain.sample(25, rng)
    drawn = rows[rng.integers(0, len(rows), len(rows))]
    parameters = rng.normal(size=len(parameters_of(problem.network)))
    assert PairDelta(problem, drawn).value(parameters) <= PairDelta(problem, rows).value(parameters)


@settings(max_examples=40, derandomize=True)
@given(seed=SEEDS, activations=st.sampled_from([["sigmoid"], ["relu", "identity"], ["tanh", "sigmoid"]]))
def test_the_closed_form_is_above_every_pair(lab, seed, activations):
    rng = np.random.default_rng(seed)
    problem = lab.problem(rng, activations)
    delta = ClosedFormDelta(problem)
    parameters = rng.normal(0, 1.5, len(parameters_of(problem.network)))
    bound, network = delta.value(parameters), delta.network(parameters)
    first, second = lab.pairs(problem, rng, 200)
    gaps = np.abs(network.predict(second) - network.predict(first))
    assert gaps.max(initial=0.0) <= bound + 1e-12 * (1 + np.abs(network.predict(first)).max(initial=0.0))


@settings(max_examples=30, derandomize=True)
@given(seed=SEEDS)
def test_the_gradient_at_the_worst_pair_is_that_of_delta(lab, seed):
    rng = np.random.default_rng(seed)
    problem = replace(lab.problem(rng, ["tanh", "identity"], n_inputs=2), epsilon=1.0)
    delta = PairDelta(problem, problem.domain.sample(12, rng))
    parameters = parameters_of(problem.network)
    if not len(delta.first):
        assert not delta.witness_gradient(parameters).any()
        return
    ordered = np.sort(
        np.abs(np.diff([delta.outputs(parameters)[k] for k in (delta.first, delta.second)], axis=0))
    )
    apart = ordered[0, -1] - ordered[0, -2] if ordered.shape[1] > 1 else np.inf
    moved = central_differences(delta.value, parameters, 1e-6)
    # Where another pair is as bad, delta has a kink and no gradient.
    if apart > 1e-3:
        assert delta.witness_gradient(parameters) == pytest.approx(
            moved, abs=1e-6 * (1 + np.abs(moved).max())
        )


def test_witness_and_closed_form_agree_on_one_neuron(founding_model, boston):
    """The envelope theorem against 28 values: one certificate gives the gradient of delta_max."""
    from nnff_suites.founding import founding_models, founding_question

    model = next(m for m in founding_models() if m.name == founding_model[0])
    problem = founding_question(model, 0.3).problem()
    parameters = parameters_of(problem.network)
    closed, certified = ClosedFormDelta(problem), CertifiedDelta(problem)
    assert certified.value(parameters) == pytest.approx(closed.value(parameters), rel=1e-9)
    by_differences = central_differences(closed.value, parameters)
    assert certified.witness_gradient(parameters) == pytest.approx(by_differences, abs=1e-4)
    assert np.abs(by_differences).max() > 1


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_witness_gradient_is_that_of_the_exact_delta_of_a_deeper_network(lab, seed):
    """On a finite domain the exhaustive strategy is exact, so that differences of it are no noise."""
    rng = np.random.default_rng(seed)
    network = lab.network(rng, [2, 2, 1], ["tanh", "identity"])
    domain = Domain.from_box([0, 0], [3, 3], integer="all")
    problem = Problem(network, domain, metric("weighted-lp", p=1), 1.0)
    delta = CertifiedDelta(problem, strategy="exhaustive", gap=0.0)
    parameters = parameters_of(network)
    assert delta.certificate(parameters).delta_lower == pytest.approx(delta.value(parameters), rel=1e-9)
    moved = central_differences(delta.value, parameters, 1e-5)
    assert delta.witness_gradient(parameters) == pytest.approx(moved, abs=1e-6)
    assert np.abs(moved).max() > 0.1


def test_the_closed_form_has_no_worst_pair(lab):
    problem = lab.problem(np.random.default_rng(0), ["sigmoid"])
    with pytest.raises(ProblemError, match="central differences"):
        ClosedFormDelta(problem).witness_gradient(parameters_of(problem.network))
