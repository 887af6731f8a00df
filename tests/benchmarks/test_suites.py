"""The suites that ship: what each promises, with and without the folder of public networks."""

from __future__ import annotations

import math
import re
from itertools import product

import numpy as np
import pytest

from nnff.bench import load_suite
from nnff.bench.schedule import Choices, schedule
from nnff.certification import certify
from nnff.certification.attack import attack
from nnff.errors import DataError, UnknownNameError
from nnff.ranges import closed_form, interval_ranges
from nnff_suites.founding import boston_rows
from nnff_suites.questions import METRICS, boston_metric, friedman_question, whole_number_question
from nnff_suites.reference import reference, reference_pairs
from nnff_suites.scaling import MARGINS
from nnff_suites.solvers import CENTER, LEVELS
from nnff_suites.trained import FRIEDMAN_INPUTS, Trained

SHIPPED = ("quick", "solvers", "strategies", "scaling")
START = 1.5
"""Seconds that a fresh process needs before it begins, on a slow core."""


@pytest.fixture(autouse=True)
def _without_public_networks(monkeypatch):
    monkeypatch.delenv("NNFF_DATA_HOME", raising=False)


def hours(suite):
    """The longest that a suite can take with two jobs."""
    return len(schedule(suite, Choices())) * (START + suite.time_limit) / 2 / 3600


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("name", SHIPPED)
def test_every_suite_loads_from_a_fresh_install(name, full):
    suite = load_suite(name, full=full)
    assert suite.name == name
    assert suite.seeds == (0, 1, 2)
    # Names serve as names of files and as patterns.
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+", instance.name) for instance in suite.instances)
    keys = {tuple(instance.factors) for instance in suite.instances}
    assert len(keys) == 1
    assert keys != {()}
    assert suite.control is not None


@pytest.mark.parametrize("name", SHIPPED)
def test_every_question_makes_a_problem(name):
    for instance in load_suite(name).instances:
        problem = instance.build().problem()
        assert problem.epsilon == instance.epsilon
        assert label(problem.metric) == instance.metric
        # Some pair of inputs differs: nobody benchmarks a question without an answer.
        assert problem.radius.max() > 0


def label(metric):
    if metric.name == "mahalanobis":
        return "mahalanobis"
    return f"l_{metric.parameters['p']}"


def test_quick_is_quick_and_shows_one_of_each():
    suite = load_suite("quick")
    assert suite.backends is None
    assert suite.strategies == ("relational",)
    # Four minutes if no run ever closed; docs/benchmarks.md says what it takes.
    assert hours(suite) * 2 * 60 <= 4
    activations = [i.build().network.layers[0].activation_name for i in suite.instances]
    assert {"sigmoid", "relu"} <= set(activations)
    assert sum(instance.epsilon == 0 for instance in suite.instances) == 1
    [decision] = [instance for instance in suite.instances if instance.delta is not None]
    assert decision.build().network.layers[-1].activation_name == "sigmoid"
    # It holds, and the closed form over interval ranges does not say so.
    problem = decision.build().problem()
    assert decision.known.upper < decision.delta < closed_form(problem, interval_ranges(problem))


@pytest.mark.parametrize("name", ["solvers", "strategies", "scaling"])
def test_default_selections_take_an_hour_at_most(name):
    assert hours(load_suite(name)) <= 1


def test_solvers_varies_one_factor_at_a_time():
    suite = load_suite("solvers")
    center = suite.instance(suite.center).factors
    assert center == {name: getattr(CENTER, name) for name in LEVELS}
    seen = {name: {center[name]} for name in LEVELS}
    for instance in suite.instances:
        changed = [name for name in LEVELS if instance.factors[name] != center[name]]
        assert len(changed) == (instance.name != suite.center)
        for name in changed:
            seen[name].add(instance.factors[name])
    assert {name: set(levels) for name, levels in LEVELS.items()} == seen


def test_solvers_in_full_is_the_grid():
    star, grid = load_suite("solvers"), load_suite("solvers", full=True)
    assert len(grid.instances) == 3 * 5 * 4 * 4 * 4 == math.prod(map(len, LEVELS.values()))
    combinations = {tuple(instance.factors[name] for name in LEVELS) for instance in grid.instances}
    assert combinations == set(product(*LEVELS.values()))
    for instance in star.instances:
        same = grid.instance(instance.name)
        assert same.factors == instance.factors
        assert same.build().problem().fingerprint == instance.build().problem().fingerprint


def test_the_factors_of_solvers_are_those_of_the_question():
    suite = load_suite("solvers", full=True)
    for instance in suite.instances[:: len(suite.instances) // 31]:
        network, factors = instance.build().network, instance.factors
        hidden = network.layers[:-1]
        assert {layer.activation_name for layer in hidden} == {factors["activation"]}
        assert {layer.n_outputs for layer in hidden} == {factors["width"]}
        assert len(hidden) == factors["depth"]
        assert (instance.metric, instance.epsilon) == (factors["metric"], factors["epsilon"])


@pytest.mark.parametrize("metric_label", METRICS)
def test_metrics_of_the_boston_suites_are_of_one_size_and_leave_b_free(metric_label):
    question = whole_number_question(Trained("price", "relu", 8, 1), metric_label, 0.1)
    problem = question.problem()
    rows = boston_rows()
    b = problem.domain.feature_names.index("B")
    other = rows.copy()
    other[:, b] = rows[::-1, b]
    assert (problem.distance(rows, other) == 0).all()
    # From the mean, in the root mean square over the data.
    far = problem.distance(np.broadcast_to(rows.mean(axis=0), rows.shape), rows)
    assert 0.7 < np.sqrt((far**2).mean()) < 1.8


def test_an_unknown_metric_is_refused():
    with pytest.raises(UnknownNameError, match="l_3"):
        boston_metric("l_3")


def test_scaling_asks_closer_and_closer_to_the_answer():
    suite = load_suite("scaling")
    deltas = [i for i in suite.instances if i.factors["axis"] == "cells"]
    assert [instance.factors["margin"] for instance in deltas] == list(MARGINS)
    for instance in deltas:
        assert instance.delta == pytest.approx(
            instance.known.lower * (1 + instance.factors["margin"]), rel=1e-4
        )
        # All are true, so that finer cells decide them.
        assert instance.delta > instance.known.upper
    assert all(i.delta is None for i in suite.instances if i.factors["axis"] != "cells")


def test_scaling_has_more_inputs_and_one_free():
    suite = load_suite("scaling")
    counts = [i.factors["inputs"] for i in suite.instances if i.factors["axis"] == "inputs"]
    assert sorted(set(counts)) == list(FRIEDMAN_INPUTS)
    problem = friedman_question(Trained("friedman", "relu", 16, 1, 10), 0.1).problem()
    free = problem.radius == problem.radius.max()
    assert np.flatnonzero(free).tolist() == [4]
    assert problem.radius[~free].max() < 0.05


def test_strategies_asks_exhaustive_of_finite_domains_alone():
    suite = load_suite("strategies")
    runs = [(run.instance, run.strategy) for run in schedule(suite, Choices(control=False))]
    assert {strategy for _, strategy in runs} == {"relational", "twin", "exhaustive"}
    for instance in suite.instances:
        finite = instance.build().domain.n_points is not None
        assert ((instance.name, "exhaustive") in runs) == finite
        assert (instance.name, "twin") in runs


def test_strategies_says_what_is_missing(monkeypatch, tmp_path):
    assert "PART IS MISSING: the public networks do not ship" in load_suite("strategies").summary
    monkeypatch.setenv("NNFF_DATA_HOME", str(tmp_path))
    assert "PART IS MISSING: there is no file" in load_suite("strategies").summary


def known_instances():
    """Every shipped instance of which something is known, once; those of public networks have own tests."""
    return {
        instance.name: instance
        for name in SHIPPED
        for instance in load_suite(name, full=True).instances
        if instance.known is not None and instance.factors.get("source") != "public"
    }


KNOWN = sorted(known_instances())


@pytest.mark.parametrize("name", KNOWN)
def test_no_pair_exceeds_what_is_known(name):
    instance = known_instances()[name]
    problem = instance.build().problem()
    witness = attack(problem, rng=np.random.default_rng(1), data=boston_rows())
    assert 0 < witness.delta <= instance.known.upper * (1 + 1e-12)
    # The reference is worth something: a sampled pair comes near it, and the interval is narrow.
    assert witness.delta > 0.8 * instance.known.lower
    assert instance.known.upper <= instance.known.lower * 1.01


def test_references_are_used_and_their_pairs_are_real():
    found = known_instances()
    pairs = reference_pairs()
    assert pairs
    for name, (x1, x2) in pairs.items():
        instance = found.get(name) or next(i for n, i in found.items() if n.startswith(f"{name}-delta"))
        problem = instance.build().problem()
        first, second = np.array([x1]), np.array([x2])
        assert problem.admits(first, second)[0]
        reached = abs(float(problem.network.predict(second)[0] - problem.network.predict(first)[0]))
        # Another machine's dot products round otherwise.
        assert reached >= reference(name).lower - 1e-9 * max(1, reached)


@pytest.mark.parametrize("name", [name for name in KNOWN if name.startswith("whole-")])
def test_references_of_finite_domains_are_exact(name):
    instance = known_instances()[name]
    question = instance.build()
    result = certify(
        question.network, question.domain, question.metric, question.epsilon, strategy="exhaustive"
    )
    assert instance.known.proven
    assert instance.known.upper - instance.known.lower < 1e-8
    assert result.delta_lower == pytest.approx(instance.known.lower, abs=1e-8)


def test_networks_says_what_it_needs(monkeypatch, tmp_path):
    with pytest.raises(DataError, match="set NNFF_DATA_HOME to a folder that holds"):
        load_suite("networks")
    monkeypatch.setenv("NNFF_DATA_HOME", str(tmp_path))
    with pytest.raises(DataError, match=r"no file .*expected\.json; NNFF_DATA_HOME must"):
        load_suite("networks")
    folder = tmp_path / "networks"
    folder.mkdir()
    (folder / "expected.json").write_text("{}")
    (folder / "problems.json").write_text("[")
    with pytest.raises(DataError, match=r"problems\.json cannot be read"):
        load_suite("networks")
    (folder / "problems.json").write_text("{}")
    with pytest.raises(DataError, match="a description that cannot be used: KeyError"):
        load_suite("networks")
    known = {attribute: {"delta_max": 0.1} for attribute in ("age", "race", "sex")}
    compas = f'{{"compas": {{"compas-1": {known}}}}}'.replace("'", '"')
    (folder / "expected.json").write_text(compas)
    with pytest.raises(DataError, match=r"no file .*compas-1\.nnet"):
        load_suite("networks")
