"""Suite boston: what it holds, that it is the same tomorrow, and that nnff agrees with its known values."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest

from nnff.bench import load_suite
from nnff.certification import certify
from nnff_suites.boston import DRAWS, EPSILONS
from nnff_suites.founding import (
    boston_rows,
    founding_models,
    founding_question,
    founding_weights,
    standard_normal_draws,
)

# Of numpy's default generator with the suite's seed.
FIRST_WEIGHTS = (-0.35966846, 1.2036751)
FIRST_BIAS, LAST_BIAS = -1.08781721, 0.37526179


@pytest.fixture(scope="module")
def suite():
    return load_suite("boston")


def test_every_model_at_every_epsilon(suite):
    assert len(EPSILONS) == 40
    assert (EPSILONS[0], EPSILONS[-1]) == (0.10, 0.49)
    assert np.diff(EPSILONS) == pytest.approx(0.01)
    assert len(suite.instances) == 22 * 40
    assert suite.backends == ("highs",)
    assert suite.published == ("nnff_suites:founding",)
    by_model = {}
    for instance in suite.instances:
        by_model.setdefault(instance.name.partition("-eps-")[0], []).append(instance)
    assert list(by_model) == ["first", "second", *(f"draw-{k:02d}" for k in range(20))]
    for name, instances in by_model.items():
        assert [i.epsilon for i in instances] == list(EPSILONS)
        draw = int(name[5:]) if name.startswith("draw-") else None
        assert all(i.factors.get("draw") == draw for i in instances)
    assert suite.instance("first-eps-0.30").epsilon == 0.3


def test_the_whole_grid_asks_every_solver(suite):
    full = load_suite("boston", full=True)
    assert full.backends is None
    assert full.strategies == ("relational", "twin")
    assert [i.name for i in full.instances] == [i.name for i in suite.instances]


def test_draws_are_the_same_tomorrow():
    draws = standard_normal_draws(DRAWS)
    assert standard_normal_draws(3) == draws[:3]
    assert [d.draw for d in draws] == list(range(20))
    first, last = draws[0], draws[-1]
    assert first.weight[:2] == pytest.approx(FIRST_WEIGHTS, abs=5e-8)
    assert first.bias == pytest.approx(FIRST_BIAS, abs=5e-8)
    assert last.bias == pytest.approx(LAST_BIAS, abs=5e-8)
    values = np.array([[*d.weight, d.bias] for d in draws])
    assert values.shape == (20, 14)
    assert abs(values.mean()) < 4 / math.sqrt(values.size)
    assert values.std() == pytest.approx(1, abs=0.15)


def test_the_weights_are_those_of_the_ranking():
    weights = founding_weights()
    assert weights.sum() == pytest.approx(1)
    assert weights[11] == 0
    assert weights.max() == weights[5] == 13 / 90


def test_questions_are_about_raw_rows_in_the_box_of_the_data():
    question = founding_question(founding_models()[0], 0.2)
    rows = boston_rows()
    assert (np.asarray(question.data) == rows).all()
    assert question.domain.lower == pytest.approx(rows.min(axis=0))
    assert question.domain.upper == pytest.approx(rows.max(axis=0))
    outputs = question.network.predict(rows)
    assert 5 < outputs.min() < outputs.max() < 50


def test_known_values_are_exact_and_above_every_pair_of_rows(suite):
    for instance in suite.instances:
        assert instance.known.lower == pytest.approx(instance.known.upper, rel=1e-8)
    assert suite.instance("first-eps-0.30").known.upper == pytest.approx(42.77379, abs=6e-6)
    assert suite.instance("second-eps-0.30").known.upper == pytest.approx(43.30674, abs=6e-6)
    for instance in suite.instances[::97]:
        extra = instance.extra(instance.build())
        assert extra["pairs_exact"] <= instance.known.upper


@pytest.mark.parametrize(
    "name", ["first-eps-0.10", "second-eps-0.49", "draw-03-eps-0.25", "draw-16-eps-0.12"]
)
def test_the_certified_value_is_the_known_one(suite, name):
    instance = suite.instance(name)
    question = instance.build()
    result = certify(
        question.network,
        question.domain,
        question.metric,
        question.epsilon,
        data=question.data,
        gap=suite.gap,
        time_limit=suite.time_limit,
    )
    assert result.delta_lower <= instance.known.upper
    assert result.delta_upper >= instance.known.lower
    assert result.delta_upper == pytest.approx(instance.known.upper, rel=suite.gap)
    extra = instance.extra(question)
    assert extra["pairs_exact"] == pytest.approx(result.delta_data, rel=1e-12)
    assert extra["pairs"] == result.data_pairs


def test_no_solver_is_needed(suite):
    """What the suite's documentation says: it compares definitions, not solvers."""
    question = suite.instance("draw-07-eps-0.33").build()
    result = certify(question.network, question.domain, question.metric, question.epsilon, gap=suite.gap)
    assert result.rounds == 0
    assert not result.runs


def test_instances_survive_the_way_to_another_process(suite):
    instance = suite.instance("draw-19-eps-0.49")
    copied = pickle.loads(pickle.dumps(instance.build))
    assert copied().network.fingerprint == instance.build().network.fingerprint
