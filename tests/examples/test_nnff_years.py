"""The example metric: found through its entry point, passes the kit, certifies; and installed by pip."""

from __future__ import annotations

import json
import tomllib
from importlib.metadata import EntryPoint
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from nnff import Domain, Layer, Network, certify
from nnff.errors import SimilarityError
from nnff.plugin import Kind, PluginManager
from nnff.similarity import Relation
from nnff.testing.metrics import MetricConformance

SOURCE = Path(__file__).parents[2] / "examples" / "nnff-years"
NAMES = ("age", "income", "tenure", "female")
PER_YEAR = {"age": 1.0, "income": 2000.0, "tenure": 0.5}


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    monkeypatch.syspath_prepend(str(SOURCE))


def years(**parameters):
    """The metric by its name, through the entry point that the distribution declares."""
    declared = tomllib.loads((SOURCE / "pyproject.toml").read_text())["project"]["entry-points"]["nnff"]
    manager = PluginManager(tuple(EntryPoint(name, value, "nnff") for name, value in declared.items()))
    assert manager.broken == ()
    assert list(manager.found(Kind.METRIC)) == ["years"]
    return manager.load(Kind.METRIC, "years")(**{"per_year": PER_YEAR} | parameters)


class TestKit(MetricConformance):
    feature_names = NAMES

    def make_metric(self):
        return years()


class TestKitWithoutShare(MetricConformance):
    def make_metric(self):
        return years(per_year={"x1": 3.0}, share=1.0)


def test_the_distance_is_what_it_says():
    bound = years().bind(NAMES)
    x = np.zeros(4)
    # 1 + 1 years, half of them each; then 3 years in age alone, which count double.
    assert bound.distance(x, np.array([1.0, -2000.0, 0.0, 1.0])) == 2.0
    assert bound.distance(x, np.array([-3.0, 0.0, 0.0, 0.0])) == 6.0
    assert bound.relation is Relation.EXACT


@pytest.mark.parametrize("share", [0.5, 1.0])
@pytest.mark.parametrize("epsilon", [0.0, 0.01, 2.0])
def test_the_worst_pair_of_a_linear_network_is_known(share, epsilon):
    weight = np.array([3.0, -0.001, 2.0, 0.7])
    network = Network((Layer([weight], [0.0]),))
    domain = Domain.from_box([0, 0, 0, 0], [90, 1e5, 40, 1], feature_names=NAMES)
    certificate = certify(network, domain, years(share=share), epsilon, gap=1e-6)
    # What a year of each is worth; the best are used up to their share, female is free.
    worth = sorted(
        (abs(weight[NAMES.index(name)]) * amount for name, amount in PER_YEAR.items()), reverse=True
    )
    used = 2 if share == 0.5 else 1
    expected = 0.7 + epsilon * share * sum(worth[:used])
    assert certificate.delta_upper == pytest.approx(expected, rel=1e-6)
    assert certificate.delta_lower == pytest.approx(expected, rel=1e-6)
    assert certificate.delta_upper >= expected * (1 - 1e-12)


def test_no_pair_exceeds_the_bound_of_a_sigmoid_network():
    rng = np.random.default_rng(3)
    scale = np.array([20.0, 2e4, 10.0, 1.0])
    network = Network(
        (
            Layer(rng.normal(size=(3, 4)) * 2 / scale, rng.normal(size=3), "sigmoid"),
            Layer(rng.normal(size=(1, 3)) * 3, [0.0]),
        )
    )
    domain = Domain.from_box([18, 0, 0, 0], [70, 5e4, 40, 1], integer=["female"], feature_names=NAMES)
    certificate = certify(network, domain, years(), 2.0, gap=0.1, time_limit=20)
    # Corners of the ball, two features at their share each, from many places and with either value of female.
    first = domain.sample(4000, rng)
    best = 0.0
    for one, other in combinations(PER_YEAR, 2):
        step = np.zeros((len(first), 4))
        for name in (one, other):
            step[:, NAMES.index(name)] = rng.choice([-1.0, 1.0], len(first)) * PER_YEAR[name]
        second = first + step
        second[:, 3] = 1 - first[:, 3]
        inside = domain.contains(second)
        gap = np.abs(network.predict(first[inside]) - network.predict(second[inside]))
        best = max(best, float(gap.max()))
    assert best <= certificate.delta_upper
    assert certificate.delta_lower >= best * 0.9
    assert certificate.metric.name == "years"
    assert certificate.metric.parameters["per_year"] == PER_YEAR
    assert certificate.witness.distance <= 2 * (1 + 1e-9)


@pytest.mark.parametrize(
    ("parameters", "part"),
    [
        ({"per_year": {}}, "one feature at least"),
        ({"per_year": {"age": 0}}, "positive"),
        ({"per_year": {"age": float("nan")}}, "positive"),
        ({"share": 0}, "share is 0"),
        ({"share": 1.5}, "share is 1.5"),
    ],
)
def test_nonsense_is_refused(parameters, part):
    with pytest.raises(SimilarityError, match=part):
        years(**parameters)


def test_a_feature_that_does_not_exist_is_refused():
    with pytest.raises(SimilarityError, match="'agee'; the features are age, income, tenure, female"):
        years(per_year={"agee": 1}).bind(NAMES)


@pytest.mark.slow
def test_installed_by_pip_it_is_found_and_passes_the_kit(installed):
    nnff = installed("nnff-years")
    rows = json.loads(nnff("plugins", "--json"))
    [row] = [row for row in rows if row["name"] == "years"]
    assert (row["kind"], row["distribution"], row["status"]) == ("metrics", "nnff-years", "available")
    answer = nnff("check", "metric", "years", "--set", "per_year={ x0 = 1 }")
    assert answer.splitlines()[-1] == "15 checks, none failed"
