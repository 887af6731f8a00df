"""Public fairness networks with known answers (files outside the project)."""

from __future__ import annotations

import json

import numpy as np
import pytest

from nnff.certification import Reason, Trust, Verdict, certify
from nnff.domain import Domain
from nnff.network import read_network
from nnff.similarity import metric

ATTRIBUTES = {"age": 2, "race": 3, "sex": 4}
PRIORS = 1


@pytest.fixture(scope="session")
def expected(data_home):
    return json.loads((data_home / "networks" / "expected.json").read_text())


def network_of(data_home, name):
    return read_network(data_home / "networks" / f"{name}.nnet", output_activation="sigmoid")


def identical_but(network, attribute):
    values = np.ones(network.n_inputs)
    values[attribute] = 0.0
    return metric("weighted-lp", p="inf", weights=values)


@pytest.mark.parametrize("attribute", ATTRIBUTES)
@pytest.mark.parametrize("name", ["compas-1", "compas-2"])
def test_compas_by_exhaustion(data_home, expected, name, attribute):
    network = network_of(data_home, name)
    domain = Domain.from_network(network, integer="all")
    assert domain.n_points == 1248
    result = certify(
        network, domain, identical_but(network, ATTRIBUTES[attribute]), 0.0, strategy="exhaustive"
    )
    truth = expected["compas"][name][attribute]["delta_max"]
    assert result.delta_lower == pytest.approx(truth, abs=2e-6)
    assert result.delta_upper == pytest.approx(truth, abs=2e-6)
    assert result.trust is Trust.EXHAUSTIVE
    assert result.reason is Reason.EXHAUSTED


@pytest.mark.parametrize("reach", ["0", "1", "2", "4", "8", "16", "38"])
@pytest.mark.parametrize("name", ["compas-1", "compas-2"])
def test_compas_with_priors_within_reach(data_home, expected, name, reach):
    """Race free and priors within k; the weight 100 excludes every other change, which is of at least 1."""
    network = network_of(data_home, name)
    weights = np.full(network.n_inputs, 100.0)
    weights[ATTRIBUTES["race"]] = 0.0
    weights[PRIORS] = 1.0
    result = certify(
        network,
        Domain.from_network(network, integer="all"),
        metric("weighted-lp", p="inf", weights=weights),
        float(reach),
        strategy="exhaustive",
    )
    truth = expected["compas"][name]["race_free_and_priors_within"][reach]
    assert result.delta_upper == pytest.approx(truth, abs=2e-6)


THRESHOLDS = (0.5, 0.02, 0.04, 0.06)
"""One that many similar pairs lie on different sides of, and three that none do."""


@pytest.mark.parametrize("threshold", THRESHOLDS)
@pytest.mark.parametrize("attribute", ATTRIBUTES)
@pytest.mark.parametrize("name", ["compas-1", "compas-2"])
def test_flips_of_compas_by_exhaustion(data_home, expected, name, attribute, threshold):
    network = network_of(data_home, name)
    result = certify(
        network,
        Domain.from_network(network, integer="all"),
        identical_but(network, ATTRIBUTES[attribute]),
        0.0,
        strategy="exhaustive",
        question="flip",
        threshold=threshold,
    )
    flips = expected["compas"][name][attribute]["flips"] if threshold == 0.5 else 0
    assert result.question.flips == flips
    assert result.verdict is (Verdict.VIOLATED if flips else Verdict.CERTIFIED)
    assert result.trust is Trust.EXHAUSTIVE
    assert (result.delta_lower >= 0) == bool(flips)


@pytest.mark.slow
@pytest.mark.parametrize("threshold", THRESHOLDS)
@pytest.mark.parametrize("attribute", ATTRIBUTES)
def test_flips_of_compas_1_by_the_milp(data_home, attribute, threshold):
    network = network_of(data_home, "compas-1")
    result = certify(
        network,
        Domain.from_network(network, integer="all"),
        identical_but(network, ATTRIBUTES[attribute]),
        0.0,
        question="flip",
        threshold=threshold,
        time_limit=60,
    )
    assert result.reason is Reason.DECIDED
    assert result.verdict is (Verdict.VIOLATED if threshold == 0.5 else Verdict.CERTIFIED)


@pytest.mark.parametrize("attribute", ATTRIBUTES)
def test_flips_of_compas_2_at_one_half_need_no_solver(data_home, attribute):
    network = network_of(data_home, "compas-2")
    result = certify(
        network,
        Domain.from_network(network, integer="all"),
        identical_but(network, ATTRIBUTES[attribute]),
        0.0,
        question="flip",
        threshold=0.5,
        time_limit=60,
    )
    assert result.verdict is Verdict.VIOLATED
    assert result.witness.output1 < 0.5 <= result.witness.output2


@pytest.mark.slow
@pytest.mark.parametrize("attribute", ATTRIBUTES)
def test_compas_1_by_the_milp(data_home, expected, attribute):
    network = network_of(data_home, "compas-1")
    result = certify(
        network,
        Domain.from_network(network, integer="all"),
        identical_but(network, ATTRIBUTES[attribute]),
        0.0,
        gap=1e-3,
        time_limit=60,
    )
    truth = expected["compas"]["compas-1"][attribute]["delta_max"]
    assert result.delta_upper >= truth - 2e-6
    assert result.delta_upper == pytest.approx(truth, abs=1e-3)
    assert result.delta_lower <= truth + 2e-6


@pytest.mark.slow
def test_compas_2_by_the_milp_is_a_sound_bracket(data_home, expected):
    network = network_of(data_home, "compas-2")
    result = certify(
        network,
        Domain.from_network(network, integer="all"),
        identical_but(network, ATTRIBUTES["race"]),
        0.0,
        time_limit=10,
    )
    truth = expected["compas"]["compas-2"]["race"]["delta_max"]
    assert result.delta_lower - 2e-6 <= truth <= result.delta_upper + 2e-6


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "attribute", "index"),
    [("GC-3", "age", 11), ("BM-6", "age", 15), ("AC-10", "sex", 8), ("AC-1", "sex", 8)],
)
def test_box_networks_meet_the_known_interval(data_home, expected, name, attribute, index):
    network = network_of(data_home, name)
    known = expected["box"][f"{name}/{attribute}"]
    result = certify(
        network,
        Domain.from_network(network, integer=[index]),
        identical_but(network, index),
        0.0,
        gap=5e-3,
        time_limit=30,
    )
    assert result.delta_upper >= known["lower"]
    assert result.delta_lower <= known["upper"]
