"""``nnff train``: networks that can be certified as they are, a table, a picture, and what can go wrong."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest

from nnff import read_network
from nnff.certification import Certificate
from nnff.cli.train_command import parse_lambdas
from nnff.errors import ConfigError

SHORT = ("--hidden", "3", "--plain-epochs", "30", "--epochs", "30")


@pytest.fixture
def town(place):
    """Data with enough rows to learn from; people.csv of the working directory is replaced."""
    rng = np.random.default_rng(0)
    age, sex = rng.integers(20, 65, 60), rng.integers(0, 2, 60)
    income = 1 + age / 40 + sex + rng.normal(0, 0.1, 60)
    table = pd.DataFrame({"age": age, "sex": sex, "income": income.round(3)})
    table.to_csv(place / "people.csv", index=False)
    table.assign(income=(income > income.mean()).astype(int)).to_csv(place / "classes.csv", index=False)
    text = (
        (place / "nnff.toml")
        .read_text()
        .replace('scale = "minmax"\n', "")
        .replace('[model]\npath = "model.onnx"\n', "")
    )
    (place / "nnff.toml").write_text(text)
    return place


def test_a_certified_family(nnff, town):
    result = nnff("train", "nnff.toml", "--lambdas", "1,0.2", "--certify", "--picture", "svg", *SHORT)
    assert result.exit_code == 0, result.stderr
    table = pd.read_csv(town / "out/tradeoff.csv")
    assert table["lambda"].tolist() == [1, 0.2]
    assert (table["delta_lower"] <= table["delta_upper"]).all()
    assert table["delta_upper"][1] < table["delta_upper"][0]
    assert table["r2"][0] > 0.5
    for lam, upper in zip(("1", "0.2"), table["delta_upper"], strict=True):
        network = read_network(town / f"out/lambda-{lam}.onnx")
        assert network.feature_names == ("age", "sex")
        assert network.output_names == ("income",)
        certificate = Certificate.from_json((town / f"out/lambda-{lam}.json").read_text())
        assert certificate.delta_upper == pytest.approx(upper)
        assert certificate.model.fingerprint == network.fingerprint
        again = nnff("certify", "nnff.toml", "--model", f"out/lambda-{lam}.onnx", "--json", "--no-report")
        assert json.loads(again.stdout)["delta_upper"] == pytest.approx(upper, rel=0.02)
    drawn = (town / "out/tradeoff.svg").read_text()
    for word in ("λ = 0.2", "Pareto front", "certified", "R2, on rows not seen", "delta, income"):
        assert word in drawn
    assert not (town / "out/untrained.onnx").exists()


def test_classes_and_folds_without_certificates(nnff, town):
    result = nnff(
        "train", "nnff.toml", "--data", "classes.csv", "--lambdas", "1,.5", "--folds", "3", "--json", *SHORT
    )
    assert result.exit_code == 0, result.stderr
    rows = json.loads(result.stdout)
    assert [row["lambda"] for row in rows] == [1, 0.5]
    for row in rows:
        assert 0.5 <= row["balanced_accuracy"] <= 1
        assert 0.5 <= row["balanced_accuracy_mean"] <= 1
        assert row["balanced_accuracy_sd"] >= 0
        assert "delta_upper" not in row
    assert read_network(town / "out/lambda-0.5.onnx").output_names == ("P(income)",)


def test_a_training_goes_on_from_its_checkpoint(nnff, town):
    arguments = (
        "train",
        "nnff.toml",
        "--lambdas",
        "0.5",
        "--folds",
        "2",
        "--hidden",
        "3",
        "--plain-epochs",
        "9",
    )
    assert nnff(*arguments, "--epochs", "25").exit_code == 0
    whole = read_network(town / "out/lambda-0.5.onnx")
    assert nnff(*arguments, "--epochs", "11", "--checkpoints").exit_code == 0
    assert read_network(town / "out/lambda-0.5.onnx") != whole
    assert nnff(*arguments, "--epochs", "25", "--checkpoints").exit_code == 0
    assert read_network(town / "out/lambda-0.5.onnx") == whole
    refused = nnff(*arguments, "--epochs", "25", "--checkpoints", "--epsilon", "0.3")
    assert refused.exit_code == 2
    assert "other data or settings" in refused.stderr


def test_the_table_says_what_is_on_the_front(nnff, town):
    result = nnff("train", "nnff.toml", "--lambdas", "1", *SHORT)
    header, row, *_ = result.stdout.splitlines()
    assert header.split()[:2] == ["lambda", "R2"]
    assert row.rstrip().endswith("*")
    assert "wrote out/lambda-1.onnx" in result.stdout


def test_the_domain_of_the_training_rows_is_the_default(nnff, town):
    text = (town / "nnff.toml").read_text().replace('source = "data"\n', "")
    (town / "nnff.toml").write_text(text)
    assert nnff("train", "nnff.toml", "--lambdas", "1", "--certify", *SHORT).exit_code == 0
    network = read_network(town / "out/lambda-1.onnx")
    certificate = Certificate.from_json((town / "out/lambda-1.json").read_text())
    assert certificate.domain.lower == pytest.approx(network.input_range[0])
    table = pd.read_csv(town / "people.csv")
    assert network.input_range[0][0] >= table["age"].min()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--lambdas", "2"), "numbers from 0 to 1"),
        (("--hidden", "0"), "such as 16 or 24,24"),
        (("--picture", "gif"), "png or svg"),
        (("--task", "ranking"), "regression or classification"),
        (("--task", "classification"), "a classification needs two"),
        (("--test-share", "1"), "some must stay on both sides"),
        (("--folds", "1"), "at least 2"),
        (("--scale", "minmax"), "network's own scaling"),
        (("--output", ""), "needs a folder"),
        (("--activation", "gelu"), "training knows relu"),
        (("--free", "gender"), "gender"),
        (("--set", "data.path=nowhere.csv"), "nowhere.csv"),
        (("--target", "wealth"), "wealth"),
    ],
)
def test_bad_input_is_said_before_anything_is_trained(nnff, town, arguments, message):
    result = nnff("train", "nnff.toml", "--plain-epochs", "1", "--epochs", "1", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_without_data(nnff, place):
    (place / "nnff.toml").write_text("[similarity]\nepsilon = 0.1\n")
    result = nnff("train", "nnff.toml")
    assert result.exit_code == 2
    assert "training needs data" in result.stderr


@pytest.mark.parametrize("text", ["", "a", "1,-1", "1.1", "nan"])
def test_lambdas_that_are_none(text):
    with pytest.raises(ConfigError, match="numbers from 0 to 1"):
        parse_lambdas(text)


def test_lambdas_keep_their_order():
    assert parse_lambdas("1, .5,.9,.5") == [1.0, 0.5, 0.9]


def test_interrupted_between_certificates(nnff, town, monkeypatch):
    import nnff.run as nnff_run

    once = nnff_run.Run.certify

    def certify(self, *arguments, control, **named):
        control.interrupt()
        return once(self, *arguments, control=control, **named)

    monkeypatch.setattr(nnff_run.Run, "certify", certify)
    result = nnff("train", "nnff.toml", "--lambdas", "1,0.5", "--certify", *SHORT)
    assert result.exit_code == 130
    table = pd.read_csv(town / "out/tradeoff.csv")
    assert table["lambda"].tolist() == [1]
    assert math.isfinite(table["delta_lower"][0])
