"""``nnff learn-metric``: from a CSV file to a metric file, and from that to a certificate."""

from __future__ import annotations

import json

import numpy as np
import pytest

from nnff.learning import LEARNERS, load_metric


def people(path, rng, count=120):
    sex = rng.integers(0, 2, count)
    income = 2 + 0.5 * sex + 0.2 * rng.normal(size=count)
    age = rng.uniform(20, 60, count)
    table = np.column_stack([age, sex, income, rng.integers(0, 40, count)])
    lines = ["age,sex,income,household", *(",".join(f"{v:g}" for v in row) for row in table)]
    path.write_text("\n".join(lines) + "\n")
    return table


@pytest.fixture
def data(place):
    people(place / "many.csv", np.random.default_rng(0))
    return place


def test_a_metric_is_learned_and_certifies(nnff, data):
    arguments = ("many.csv", "--features", "age,sex", "--sensitive", "sex,income")
    result = nnff("learn-metric", *arguments, "-o", "fair.json")
    assert result.exit_code == 0, result.stderr
    assert "written to fair.json" in result.stdout
    assert "sensitive features: sex, income" in result.stdout
    learned = load_metric(data / "fair.json")
    assert learned.metric.features == ("age", "sex")
    config = (data / "nnff.toml").read_text()
    config = config.replace('scale = "minmax"\nfree = ["sex"]\n', 'file = "fair.json"\n')
    (data / "nnff.toml").write_text(config)
    result = nnff("certify", "nnff.toml", "--json")
    assert result.exit_code == 0, result.stderr
    record = json.loads(result.stdout)["metric"]
    assert record["name"] == "learned"
    assert record["scale"] == learned.scale.scale.tolist()
    assert record["parameters"] == learned.metric.parameters


@pytest.mark.parametrize("method", list(LEARNERS))
def test_every_method(nnff, data, method):
    rows = ["first,second,similar", *(f"{i},{i + 1},{i % 2}" for i in range(60))]
    (data / "pairs.csv").write_text("\n".join(rows) + "\n")
    asked = ["--pairs", "pairs.csv"] if "pairs" in method else ["--sensitive", "sex"]
    result = nnff("learn-metric", "many.csv", "--method", method, "--target", "income", *asked, "--json")
    assert result.exit_code == 0, result.stderr
    content = json.loads(result.stdout)
    assert content["learned"]["method"] == method
    assert content["features"] == ["age", "sex", "household"]
    assert (data / "metric.json").is_file()


def test_groups_are_no_feature(nnff, data):
    asked = ("--method", "comparable-pairs", "--groups", "household", "--set", "n_components=1", "--json")
    content = json.loads(nnff("learn-metric", "many.csv", *asked).stdout)
    assert content["features"] == ["age", "sex", "income"]
    assert content["learned"]["dimensions"] == 1
    assert content["learned"]["parameters"]["n_components"] == 1


def test_a_known_data_set_brings_its_sensitive_attributes(nnff, data):
    content = json.loads(nnff("learn-metric", "boston", "--method", "covariance", "--json").stdout)
    assert content["learned"]["sensitive_features"] == ["B"]
    assert len(content["features"]) == 13


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("many.csv", "--method", "regresion"), "did you mean"),
        (("many.csv",), "needs --sensitive"),
        (("many.csv", "--method", "labelled-pairs"), "needs --pairs"),
        (("many.csv", "--sensitive", "sx"), "'sex'"),
        (("many.csv", "--sensitive", "sex", "--set", "alpha=1"), "has no parameter 'alpha'"),
        (("many.csv", "--sensitive", "sex", "--set", "alpha"), "write it as parameter=value"),
        (("boston", "--target", "MEDV"), "need a file"),
        (("none.csv", "--sensitive", "sex"), "there is no data file none.csv"),
    ],
)
def test_bad_input_is_one_sentence(nnff, data, arguments, part):
    result = nnff("learn-metric", *arguments)
    assert result.exit_code == 2
    assert part in result.stderr
    assert "Traceback" not in result.stderr


def test_a_file_and_a_scale_exclude_each_other(nnff, data):
    nnff("learn-metric", "many.csv", "--features", "age,sex", "--sensitive", "sex", "-o", "fair.json")
    config = (data / "nnff.toml").read_text()
    (data / "nnff.toml").write_text(config.replace('free = ["sex"]\n', 'file = "fair.json"\n'))
    result = nnff("certify", "nnff.toml")
    assert result.exit_code == 2
    assert "leave similarity.scale out" in result.stderr
