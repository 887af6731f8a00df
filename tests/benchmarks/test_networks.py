"""The suite of public networks: what is known of them, against enumeration, pairs and certificates."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from nnff.bench import load_suite
from nnff.bench.schedule import Choices, schedule
from nnff.certification import Verdict, certify
from nnff.certification.attack import attack


def suite_with_data(name="networks", *, full=False):
    """The suite, or None without the data: parameters are made before fixtures can skip."""
    home = os.environ.get("NNFF_DATA_HOME")
    return load_suite(name, full=full) if home and Path(home).is_dir() else None


FULL = suite_with_data(full=True)
NAMES = [instance.name for instance in FULL.instances] if FULL else []
COMPAS = [name for name in NAMES if name.startswith("compas")]
BOSTON = [name for name in NAMES if name.startswith("boston")]
REACHED = [i.name for i in FULL.instances if i.name in BOSTON and i.known] if FULL else []
MISSING = ["needs NNFF_DATA_HOME"]


@pytest.fixture
def found(data_home):
    return {instance.name: instance for instance in FULL.instances}


def test_it_holds_all_that_is_known(data_home):
    import json

    suite = load_suite("networks")
    problems = json.loads((data_home / "networks" / "problems.json").read_text())["problems"]
    assert len(BOSTON) == len(problems)
    assert {instance.name for instance in suite.instances} <= set(NAMES)
    assert len(suite.instances) == 2 * 3 + 2 * 3 + 4 + len(problems)
    # Of priors within 0 the answer is that of race alone.
    assert len(COMPAS) == 2 * 3 + 2 * 6
    assert suite.backends is None
    runs = [run for run in schedule(suite, Choices()) if run.role == "measure"]
    assert len(runs) == len(suite.instances) * 3 * 3
    assert suite.control in NAMES
    assert len(runs) * (suite.time_limit + 1.5) / 2 <= 1.1 * 3600
    assert len({tuple(instance.factors) for instance in suite.instances}) == 1


def test_every_question_makes_a_problem(found):
    for instance in found.values():
        problem = instance.build().problem()
        assert problem.epsilon == instance.epsilon
        assert instance.metric == f"l_{problem.metric.parameters['p']}"
        assert problem.network.n_outputs == 1


def test_pairs_are_those_of_the_problem_files(found, data_home):
    import json

    weighted = found["boston-sigmoid-13-8-1-B-weighted-eps-0.01"].build()
    entry = next(
        entry
        for entry in json.loads((data_home / "networks" / "problems.json").read_text())["problems"]
        if entry["epsilon"] == 0.01 and "weighted" in entry["note"]
    )
    np.testing.assert_array_equal(weighted.metric.parameters["weights"], entry["weights"])
    np.testing.assert_array_equal(np.stack([weighted.domain.lower, weighted.domain.upper], 1), entry["box"])
    problem = found["AC-1-sex"].build().problem()
    # Nothing but input 8 may differ, and that is 0 or 1.
    assert np.flatnonzero(problem.radius).tolist() == [8]
    assert problem.domain.integer[8]
    assert problem.radius[8] == 1
    assert not problem.domain.integer[[0, 1, 2]].any()


@pytest.mark.parametrize("name", COMPAS or MISSING)
def test_compas_is_known_exactly(found, name):
    known, question = found[name].known, found[name].build()
    result = certify(
        question.network, question.domain, question.metric, question.epsilon, strategy="exhaustive"
    )
    assert known.proven
    assert known.lower <= result.delta_lower <= known.upper
    assert result.delta_upper <= known.upper + 1e-9
    assert known.upper - known.lower == pytest.approx(4e-6)


def test_what_is_no_proof_is_not_called_one(found):
    others = [instance for name, instance in found.items() if name not in COMPAS]
    assert all(instance.known is None or not instance.known.proven for instance in others)
    # The large ones have nothing known, so that nobody invents it.
    assert found["boston-relu-13-256-256-1-B-free-eps-0.05"].known is None


def test_no_sampled_pair_exceeds_what_is_known(found):
    small = [i for n, i in found.items() if i.known is not None and not n.startswith("compas-2")]
    assert len(small) > 20
    for instance in small:
        problem = instance.build().problem()
        witness = attack(problem, rng=np.random.default_rng(2), starts=48, iterations=30)
        assert witness.delta <= instance.known.upper, instance.name


def test_exhaustive_joins_on_the_finite_public_networks(data_home):
    suite = load_suite("strategies")
    assert "MISSING" not in suite.summary
    runs = {(run.instance, run.strategy) for run in schedule(suite, Choices())}
    assert {name for name, strategy in runs if strategy == "exhaustive"} == {
        instance.name for instance in suite.instances if instance.build().domain.n_points is not None
    }
    assert ("compas-1-race", "exhaustive") in runs
    assert ("GC-3-age", "twin") in runs


@pytest.mark.slow
@pytest.mark.parametrize("name", REACHED or MISSING)
def test_the_prototypes_pairs_are_reached_without_its_looseness(found, name):
    """Its lower values count as bounds, so nnff must find pairs as good in the true ball."""
    lower, question = found[name].known.lower, found[name].build()
    witness = attack(question.problem(), rng=np.random.default_rng(0), starts=1000)
    if witness.delta > lower:
        return
    result = certify(
        question.network, question.domain, question.metric, question.epsilon, delta=lower, time_limit=60
    )
    assert result.verdict is Verdict.VIOLATED
