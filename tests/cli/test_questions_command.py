"""Questions at the command line: flips, counterfactuals, rows, features, several outputs."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from nnff.network import Layer, Network
from nnff.network.onnx_write import write_onnx

NAMES = ("age", "sex")


@pytest.fixture
def model(place):
    network = Network(
        (Layer([[1.0, -0.5]], [0.0], "sigmoid"),), feature_names=NAMES, input_range=[[-2, 0], [2, 1]]
    )
    write_onnx(network, place / "model.onnx")
    (place / "nnff.toml").write_text(
        '[model]\npath = "model.onnx"\n[domain]\ninteger = ["sex"]\n'
        "[similarity]\nepsilon = 0.1\np = 1\n[solver]\ntime_limit = 10\n"
    )
    return place


def certificate_of(result):
    return json.loads(result.stdout)


def test_flips(model, nnff):
    asked = ("certify", "nnff.toml", "--question", "flip", "--threshold", "0.5", "-q")
    found = nnff(*asked)
    assert found.exit_code == 1
    assert "lie on different sides of the threshold 0.5" in found.stdout
    assert "margin_upper" in found.stdout
    none = nnff("certify", "nnff.toml", "--question", "flip", "--threshold", "0.01", "-q")
    assert none.exit_code == 0
    assert "Pair nearest to a flip" in none.stdout
    assert "How close a flip is" in (model / "nnff-out" / "report.html").read_text()
    missing = nnff("certify", "nnff.toml", "--question", "flip")
    assert missing.exit_code == 2
    assert "needs a threshold" in missing.stderr


def test_a_counterfactual(model, nnff):
    found = nnff(
        "certify", "nnff.toml", "--counterfactual", "--sensitive-features", "sex", "--json", "--question",
        "logit",
    )  # fmt: skip
    certificate = certificate_of(found)
    assert certificate["epsilon"] == 0.0
    assert certificate["question"]["kind"] == "logit"
    assert certificate["delta_upper"] == pytest.approx(0.5, rel=1e-6)
    nobody = nnff("certify", "nnff.toml", "--counterfactual")
    assert nobody.exit_code == 2
    assert "--sensitive-features" in nobody.stderr


def test_features_one_by_one(model, nnff):
    found = nnff("certify", "nnff.toml", "--epsilon", "1", "--sensitivity", "-q")
    assert found.exit_code == 0
    assert "Feature by feature" in found.stdout
    refused = nnff("certify", "nnff.toml", "--sensitivity", "--question", "flip", "--threshold", "0.5")
    assert refused.exit_code == 2
    assert "no flip" in refused.stderr
    table = pd.read_csv(model / "nnff-out" / "sensitivity.csv")
    assert table["feature"].tolist() == ["age", "sex"]
    assert "Delta when only one feature may move" in (model / "nnff-out" / "report.html").read_text()


def test_rows_of_a_file_and_again_from_where_it_ended(model, nnff):
    pd.DataFrame([[0.0, 0], [2.0, 1], [-0.04, 0]], columns=list(NAMES)).to_csv(
        model / "rows.csv", index=False
    )
    asked = ("local", "nnff.toml", "--rows", "rows.csv", "--delta", "0.02", "--json")
    found = nnff(*asked)
    assert found.exit_code == 1
    answer = json.loads(found.stdout)
    assert (answer["certified"], answer["violated"], len(answer["rows"])) == (1, 2, 3)
    assert answer["share_lower"] == answer["share_upper"] == pytest.approx(1 / 3)
    table = pd.read_csv(model / "nnff-out" / "local.csv")
    assert (table["delta_lower"] <= table["delta_upper"]).all()
    lines = (model / "nnff-out" / "local.jsonl").read_text()
    assert nnff(*asked).stdout == found.stdout
    assert (model / "nnff-out" / "local.jsonl").read_text() == lines
    plain = nnff("local", "nnff.toml", "--rows", "rows.csv", "--delta", "0.5", "-q")
    assert plain.exit_code == 0
    assert "3 of 3 rows" in plain.stdout
    outside = model / "far.csv"
    outside.write_text("age,sex\n9,0\n")
    refused = nnff("local", "nnff.toml", "--rows", "far.csv")
    assert refused.exit_code == 2
    assert "in row 1, age is 9, outside the domain" in refused.stderr
    assert "name a CSV file with --rows" in nnff("local", "nnff.toml").stderr


def test_the_largest_of_several_outputs(model, nnff):
    layers = (Layer(np.array([[1.0, 0.0], [3.0, 0.0], [0.0, 0.0]]), np.zeros(3)),)
    network = Network(layers, feature_names=NAMES, output_names=("low", "mid", "top"), softmax=True)
    write_onnx(network, model / "classes.onnx")
    asked = ("certify", "nnff.toml", "--model", "classes.onnx", "--ranges", '{"age": [-2, 2], "sex": [0, 1]}')
    found = nnff(*asked, "--domain", "box", "--output-index", "max", "--time-limit", "3", "--json")
    certificate = certificate_of(found)
    assert [output["name"] for output in certificate["outputs"]] == ["low", "mid", "top"]
    assert certificate["delta_upper"] == max(output["delta_upper"] for output in certificate["outputs"])
    refused = nnff(*asked, "--domain", "box")
    assert refused.exit_code == 2
    assert 'or "max" for the largest delta of any' in refused.stderr
