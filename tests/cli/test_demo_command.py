from __future__ import annotations

import json

import pytest

from nnff.certification import Certificate
from nnff.cli.demo_model import RANKING, configuration, train
from nnff.config import load_config
from nnff.network import read_network


@pytest.fixture(scope="module")
def model():
    return train()


def test_the_model_is_good_enough_to_be_worth_looking_at(model):
    assert model.network.architecture == "13-8-1 (sigmoid, identity)"
    assert model.test_r2 > 0.6
    assert model.training_rows + model.test_rows == 506


def test_training_twice_gives_the_same_network(model):
    assert train().network == model.network


def test_the_configuration_states_the_ranking(model, tmp_path):
    path = tmp_path / "nnff.toml"
    path.write_text(configuration(model.dataset, epsilon=0.25, solver="cbc", time_limit=7.5))
    config = load_config(path, environment={})
    assert config.epsilon == 0.25
    assert config.solver.name == "cbc"
    assert config.solver.time_limit == 7.5
    weights = config.metric_parameters["weights"]
    assert [*weights] == [*RANKING]
    assert [round(90 * weight) for weight in weights.values()] == [13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2]
    assert config.metric_parameters["free"] == ["B"]


def test_the_whole_story(nnff, place, model):
    # Far less time than the default: the bracket is wide, and all the rest is there.
    result = nnff("demo", "--time-limit", "4")
    assert result.exit_code == 0, result.output
    for word in (
        "delta_data",
        "delta_lower",
        "delta_upper",
        "plausible",
        "In the region no pair differs by more than",
        "The worst pair in the region lies",
        "B alone",
        "R2 0.",
        "Worst pair",
        "1000 USD",
        "highs",
    ):
        assert word in result.stdout, word
    folder = place / "nnff-demo"
    certificates = {"certificate.json", "certificate-plausible.json"}
    written = {*certificates, "report.html", "model.onnx", "nnff.toml"}
    assert {path.name for path in folder.iterdir()} == written
    for name in written:
        assert f"nnff-demo/{name}" in result.stdout
    certificate = Certificate.from_json((folder / "certificate.json").read_text())
    plausible = Certificate.from_json((folder / "certificate-plausible.json").read_text())
    assert plausible.domain.region.reached >= 0.99
    assert plausible.domain.region.without == ["CHAS", "B"]
    assert plausible.witness.replayed
    assert 'id="plausible"' in (folder / "report.html").read_text()
    # The point of the demo: what the data shows is far below what is possible.
    assert 0 < certificate.delta_data < certificate.delta_lower <= certificate.delta_upper
    assert certificate.witness.replayed
    assert read_network(folder / "model.onnx") == model.network
    assert certificate.model.fingerprint == model.network.fingerprint
    # The folder holds all that is needed to ask again.
    again = nnff("certify", "nnff-demo/nnff.toml", "--time-limit", "1", "--json")
    assert again.exit_code == 0, again.stderr
    other = json.loads(again.stdout)
    assert other["delta_data"] == certificate.delta_data
    assert other["model"]["fingerprint"] == certificate.model.fingerprint
    assert other["delta_lower"] <= certificate.delta_upper
    assert certificate.delta_lower <= other["delta_upper"]


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["--epsilon", "-1"], "--epsilon"),
        (["--time-limit", "0"], "--time-limit"),
        (["--solver", "higs"], "'highs'"),
        (["--output", "people.csv"], "people.csv"),
    ],
)
def test_nonsense_is_refused_before_anything_is_written(nnff, place, arguments, part):
    before = sorted(place.rglob("*"))
    result = nnff("demo", *arguments)
    assert result.exit_code == 2
    assert part in result.stderr
    assert result.stderr.count("\n") == 1
    assert sorted(place.rglob("*")) == before
