"""The example metric: thirty lines, found through its entry point, passes the kit, certifies by pip."""

from __future__ import annotations

import ast
import json
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest

from nnff import Domain, Layer, Network, certify
from nnff.errors import SimilarityError
from nnff.network import write_onnx
from nnff.plugin import Kind, PluginManager
from nnff.similarity import Relation
from nnff.testing.metrics import MetricConformance

SOURCE = Path(__file__).parents[2] / "examples" / "nnff-years"
NAMES = ("age", "income", "tenure", "female")
PER_YEAR = (1.0, 2000.0, 0.5, 0.1)


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    monkeypatch.syspath_prepend(str(SOURCE))


def years(per_year=PER_YEAR):
    """The metric by its name, through the entry point that the distribution declares."""
    declared = tomllib.loads((SOURCE / "pyproject.toml").read_text())["project"]["entry-points"]["nnff"]
    manager = PluginManager(tuple(EntryPoint(name, value, "nnff") for name, value in declared.items()))
    assert manager.broken == ()
    assert list(manager.found(Kind.METRIC)) == ["years"]
    return manager.load(Kind.METRIC, "years")(per_year)


def code_lines(text):
    """Lines that hold code: neither blank, nor comments, nor documentation."""
    tree = ast.parse(text)
    documentation = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node):
            documentation.update(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    return [
        line
        for number, line in enumerate(text.splitlines(), 1)
        if number not in documentation and line.strip() and not line.strip().startswith("#")
    ]


def test_thirty_lines_of_code_are_enough():
    assert len(code_lines((SOURCE / "nnff_years.py").read_text())) <= 30


class TestKit(MetricConformance):
    feature_names = NAMES
    sharpness = 1e-9

    def make_metric(self):
        return years()


def test_the_distance_is_what_it_says():
    bound = years().bind(NAMES)
    assert bound.distance(np.zeros(4), np.array([1.0, -3000.0, 0.0, 0.05])) == 1.5
    assert bound.relation is Relation.EXACT


@pytest.mark.parametrize("epsilon", [0.0, 0.01, 2.0])
def test_the_worst_pair_of_a_linear_network_is_known(epsilon):
    weight = np.array([3.0, -0.001, 2.0, 0.7])
    network = Network((Layer([weight], [0.0]),))
    domain = Domain.from_box([0, 0, 0, 0], [90, 1e5, 40, 1], feature_names=NAMES)
    certificate = certify(network, domain, years(), epsilon, gap=1e-6)
    expected = epsilon * float(np.abs(weight) @ PER_YEAR)
    assert certificate.delta_upper == pytest.approx(expected, rel=1e-6, abs=1e-12)
    assert certificate.delta_lower == pytest.approx(expected, rel=1e-6, abs=1e-12)
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
    domain = Domain.from_box([18, 0, 0, 0], [70, 5e4, 40, 1], feature_names=NAMES)
    certificate = certify(network, domain, years(), 2.0, gap=0.1, time_limit=20)
    first = domain.sample(4000, rng)
    second = first + rng.choice([-2.0, 2.0], size=first.shape) * PER_YEAR
    inside = domain.contains(second)
    assert inside.sum() > 1000
    best = float(np.abs(network.predict(first[inside]) - network.predict(second[inside])).max())
    assert best <= certificate.delta_upper
    assert certificate.delta_lower >= best * 0.9
    assert certificate.metric.name == "years"
    assert certificate.metric.parameters["per_year"] == list(PER_YEAR)
    assert certificate.witness.distance <= 2 * (1 + 1e-9)


@pytest.mark.parametrize("per_year", [(1.0, 2.0), (1.0, 2.0, 3.0, 0.0), (1.0, 2.0, 3.0, -1.0)])
def test_what_does_not_fit_is_refused(per_year):
    with pytest.raises(SimilarityError, match="a positive amount for each of age, income, tenure, female"):
        years(per_year).bind(NAMES)


@pytest.mark.slow
def test_installed_by_pip_it_is_found_passes_the_kit_and_certifies_the_demo_network(installed, tmp_path):
    nnff = installed("nnff-years")
    rows = json.loads(nnff("plugins", "--json"))
    [row] = [row for row in rows if row["name"] == "years"]
    assert (row["kind"], row["distribution"], row["status"]) == ("metrics", "nnff-years", "available")
    answer = nnff("check", "metric", "years", "--set", "per_year=[1, 2]")
    assert answer.splitlines()[-1] == "17 checks, none failed"
    network, epsilon = demo_network(), 0.05
    write_onnx(network, tmp_path / "demo.onnx")
    (tmp_path / "nnff.toml").write_text(
        '[model]\npath = "demo.onnx"\n[data]\nname = "boston"\n[domain]\nsource = "data"\n'
        f'[similarity]\nmetric = "years"\nepsilon = {epsilon}\nper_year = {[1.0] * 13}\nscale = "standard"\n'
        "[solver]\ntime_limit = 8\n[certify]\ngap = 0.2\n"
    )
    certificate = json.loads(nnff("certify", "nnff.toml", "--json", "--quiet"))
    assert certificate["metric"]["name"] == "years"
    assert certificate["metric"]["distribution"].startswith("nnff-years")
    assert 0 < certificate["delta_lower"] <= certificate["delta_upper"]
    assert certificate["witness"]["distance"] <= epsilon * (1 + 1e-9)


def demo_network():
    """The network that ``nnff demo`` trains."""
    from nnff.cli.demo_model import train

    return train().network
