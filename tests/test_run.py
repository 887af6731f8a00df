from __future__ import annotations

import numpy as np
import pytest

from nnff.certification import Certificate
from nnff.config import load_config
from nnff.errors import (
    ConfigError,
    DataError,
    DomainError,
    ModelError,
    NnffError,
    SimilarityError,
    UnknownNameError,
)
from nnff.network import Layer, Network, Scaling
from nnff.network.onnx_write import write_onnx
from nnff.run import prepare

PEOPLE = "id,age,sex,income\n1,20,0,1.5\n2,60,1,2.5\n3,40,1,2.0\n"


RANGES = np.array([[0.0, -1.0], [2.0, 1.0]])


def network(*, input_range=RANGES, **facts):
    return Network(
        (Layer([[1.0, -2.0], [0.5, 1.0]], [0.1, 0.0], "sigmoid"), Layer([[1.0, 2.0]], [0.3])),
        input_range=input_range,
        **facts,
    )


@pytest.fixture
def ask(tmp_path, monkeypatch):
    """Prepare a run for a model that is called model.onnx and data that is called people.csv."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "people.csv").write_text(PEOPLE)

    def prepared(model=None, **flags):
        write_onnx(network() if model is None else model, tmp_path / "model.onnx")
        asked = {"model.path": "model.onnx", "similarity.epsilon": 0.1}
        asked |= {key.replace("__", "."): value for key, value in flags.items()}
        return prepare(load_config(flags=asked, environment={}))

    return prepared


PEOPLE_KEYS = {"data__path": "people.csv", "data__target": "income", "data__features": "age,sex"}


def test_a_nameless_model_gets_the_names_of_the_data(ask):
    run = ask(**PEOPLE_KEYS, domain__source="data")
    assert run.network.feature_names == run.domain.feature_names == ("age", "sex")
    assert run.network.output_names == ("income",)
    assert run.rows.tolist() == [[20, 0], [60, 1], [40, 1]]
    assert run.frame.columns.tolist() == ["age", "sex"]
    assert run.domain.lower.tolist() == [20, 0]
    assert run.domain.upper.tolist() == [60, 1]


def test_a_model_with_names_finds_its_columns_whatever_their_order(ask):
    named = network(feature_names=("sex", "age"), output_names=("risk",))
    run = ask(named, data__path="people.csv", data__target="income")
    assert run.rows.tolist() == [[0, 20], [1, 60], [1, 40]]
    assert run.network.output_names == ("risk",)


def test_an_output_between_0_and_1_is_called_a_probability(ask):
    assert ask(model__output="sigmoid", **PEOPLE_KEYS, domain__source="data").network.output_names == (
        "P(income)",
    )


def test_the_domain_of_the_model_file(ask):
    run = ask(domain__integer="0", domain__immutable=["x1"], domain__ranges={"x1": [-3, 3]})
    assert run.domain.lower.tolist() == [0, -3]
    assert run.domain.upper.tolist() == [2, 3]
    assert run.domain.integer.tolist() == [True, False]
    assert run.domain.immutable.tolist() == [False, True]


def test_a_box_of_ones_own_and_fixed_features(ask):
    run = ask(domain__source="box", domain__ranges={"x0": [0, 1]}, domain__fixed={"1": 0.5})
    assert run.domain.lower.tolist() == [0, 0.5]
    assert run.domain.upper.tolist() == [1, 0.5]


def test_scales(ask):
    inner = Scaling([1.0, 2.0], [3.0, 4.0])
    assert ask(network(input_scaling=inner)).scale == inner
    assert ask(network(input_scaling=inner), similarity__scale="none").scale == Scaling.none(2)
    table = ask(network(input_scaling=inner), similarity__scale={"x1": 5.0}).scale
    assert (table.center.tolist(), table.scale.tolist()) == ([0, 0], [1, 5])
    rows = np.array([[20.0, 0], [60, 1], [40, 1]])
    keys = PEOPLE_KEYS | {"domain__source": "data"}
    assert ask(**keys, similarity__scale="standard").scale == Scaling.standard(rows)
    assert ask(**keys, similarity__scale="minmax").scale == Scaling.minmax(rows)


def test_sensitive_features_come_from_the_configuration_or_the_data_set(ask):
    assert ask().sensitive_features == ()
    assert ask(**PEOPLE_KEYS, data__sensitive_features="sex").sensitive_features == ("sex",)


def test_the_certificate_answers_the_configured_question(ask):
    run = ask(
        **PEOPLE_KEYS,
        domain__source="data",
        similarity__scale="minmax",
        similarity__free="sex",
        certify__delta=100.0,
        solver__seed=3,
    )
    certificate = run.certify()
    assert isinstance(certificate, Certificate)
    assert certificate.epsilon == 0.1
    assert certificate.verdict == "certified"
    assert certificate.metric.scale == [40.0, 1.0]
    assert certificate.config["solver"]["seed"] == 3
    assert certificate.config["similarity"]["free"] == "sex"
    assert certificate.data_pairs is not None
    assert run.certify(0.0).delta_upper <= certificate.delta_upper + 1e-6


BAD = {
    "unknown solver": ({"solver__name": "higs"}, UnknownNameError, "highs"),
    "unknown second solver": ({"certify__crosscheck": "higs"}, UnknownNameError, "highs"),
    "unknown metric": ({"similarity__metric": "weighted-l"}, UnknownNameError, "weighted-lp"),
    "unknown parameter": ({"similarity__weigths": [1, 2]}, SimilarityError, "weights"),
    "negative weight": ({"similarity__weights": [1, -2]}, SimilarityError, "-2"),
    "weight not a number": ({"similarity__weights": [1, float("nan")]}, SimilarityError, "nan"),
    "no model": ({"model__path": "none.onnx"}, ModelError, "none.onnx"),
    "pickle": ({"model__path": "people.csv"}, ModelError, "no reader"),
    "wrong number of inputs": (
        {"data__path": "people.csv", "data__target": "income"},
        DataError,
        "takes 2 inputs",
    ),
    "no such column": (PEOPLE_KEYS | {"data__target": "incom"}, DataError, "'income'"),
    "unknown data set": ({"data__name": "bostn"}, UnknownNameError, "boston"),
    "another target": ({"data__name": "boston", "data__target": "B"}, ConfigError, "MEDV"),
    "data without data": ({"domain__source": "data"}, ConfigError, "--data"),
    "scale without data": ({"similarity__scale": "standard"}, ConfigError, "--data"),
    "scale of 0": ({"similarity__scale": {"x0": 0.0}}, ConfigError, "positive"),
    "box without ranges": ({"domain__source": "box"}, DomainError, "x0, x1"),
    "unknown feature": ({"domain__integer": "x7"}, DomainError, "x7"),
    "unknown range": ({"domain__ranges": {"age": [0, 1]}}, DomainError, "age"),
    "empty range": ({"domain__ranges": {"x0": [1, 0]}}, DomainError, "empty"),
    "no whole number": (
        {"domain__ranges": {"x0": [0.2, 0.8]}, "domain__integer": "x0"},
        DomainError,
        "empty",
    ),
    "fixed outside": ({"domain__fixed": {"x0": 9}}, DomainError, "outside"),
    "unknown activation": ({"model__output": "sigmoyd"}, NnffError, "sigmoid"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_questions_give_one_sentence(ask, case):
    flags, kind, part = BAD[case]
    with pytest.raises(kind) as caught:
        ask(**flags)
    assert part in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


def test_a_model_without_ranges_says_what_to_do(ask):
    with pytest.raises(DomainError, match="--domain data"):
        ask(network(input_range=None))


def test_names_that_do_not_match_are_not_guessed(ask, tmp_path):
    named = network(feature_names=("years", "sex"))
    (tmp_path / "two.csv").write_text("age,sex\n20,0\n")
    with pytest.raises(DataError, match=r"'years'.*data\.features"):
        ask(named, data__path="two.csv")
    # Naming the columns in the model's order is not a guess.
    run = ask(named, data__path="two.csv", data__features="age,sex")
    assert run.network.feature_names == ("age", "sex")
