"""Rows, groups, levels and plausible regions from the configuration to the certificate."""

from __future__ import annotations

import json

import numpy as np
import pytest

from nnff.certification import Certificate
from nnff.network import Layer, Network
from nnff.network.onnx_write import write_onnx

CONFIG = """\
[model]
path = "model.onnx"
[data]
path = "people.csv"
target = "income"
sensitive_features = ["income_of_parents"]
[domain]
source = "data"
one_hot = [["red", "blue"]]
ordinal = { grade = [1, 2.5, 4] }
rows = [{ name = "old enough", terms = { age = 1, experience = -1 }, lower = 16 }]
[similarity]
epsilon = 0.2
scale = "minmax"
[solver]
time_limit = 20
[output]
dir = "out"
"""

NAMES = ("age", "experience", "grade", "red", "blue", "income_of_parents")


@pytest.fixture
def people(place):
    rng = np.random.default_rng(0)
    age = rng.uniform(20, 60, 60)
    experience = age - 18 - rng.uniform(0, 6, 60)
    red = rng.integers(0, 2, 60)
    grade = rng.choice([1, 2.5, 4], 60)
    parents = 20 + age + rng.uniform(0, 4, 60)
    table = np.column_stack([age, experience, grade, red, 1 - red, parents])
    text = ",".join((*NAMES, "income")) + "\n"
    text += "\n".join(",".join(f"{v:g}" for v in (*row, row[0])) for row in table)
    (place / "people.csv").write_text(text)
    layer = Layer(np.array([[0.02, -0.03, 0.1, 0.4, -0.4, 0.01]]), [0.0], "tanh")
    write_onnx(Network((layer, Layer([[2.0]], [1.0])), feature_names=NAMES), place / "model.onnx")
    (place / "nnff.toml").write_text(CONFIG)
    return place


def test_constraints_reach_the_certificate_and_every_witness(nnff, people):
    result = nnff("certify", "nnff.toml")
    assert result.exit_code == 0, result.stderr
    certificate = Certificate.from_json((people / "out/certificate.json").read_text())
    domain = certificate.domain
    assert domain.one_hot == [["red", "blue"]]
    assert domain.ordinal == {"grade": [1.0, 2.5, 4.0]}
    assert [(row.name, row.terms, row.lower) for row in domain.rows] == [
        ("old enough", {"age": 1.0, "experience": -1.0}, 16.0)
    ]
    assert domain.region is None
    for x in (certificate.witness.x1, certificate.witness.x2):
        age, experience, grade, red, blue, _ = x
        assert age - experience >= 16 - 1e-6
        assert grade in (1, 2.5, 4)
        assert sorted((red, blue)) == [0, 1]
    page = (people / "out/report.html").read_text()
    assert "old enough" in page
    assert "Exactly one of red, blue is 1." in page


def test_flags_say_the_same(nnff, people):
    plain = CONFIG.replace('one_hot = [["red", "blue"]]\n', "").replace(
        "ordinal = { grade = [1, 2.5, 4] }\n", ""
    )
    (people / "nnff.toml").write_text("\n".join(li for li in plain.splitlines() if "old enough" not in li))
    rows = [{"name": "old enough", "terms": {"age": 1, "experience": -1}, "lower": 16}]
    result = nnff(
        "certify", "nnff.toml", "--json", "--one-hot", '[["red", "blue"]]',
        "--ordinal", '{"grade": [1, 2.5, 4]}', "--rows", json.dumps(rows),
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    flagged = Certificate.from_json(result.stdout)
    (people / "nnff.toml").write_text(CONFIG)
    kept = Certificate.from_json(nnff("certify", "nnff.toml", "--json").stdout)
    assert flagged.domain == kept.domain


def test_a_plausible_region_is_said_and_recorded(nnff, people):
    result = nnff("certify", "nnff.toml", "--plausible", "0.9")
    assert result.exit_code == 0, result.stderr
    assert "two inputs in the plausible region" in result.stdout.replace("\n", " ")
    assert "The domain is a plausible region" in result.stdout
    certificate = Certificate.from_json((people / "out/certificate.json").read_text())
    region = certificate.domain.region
    assert region.coverage == 0.9
    assert 0.9 <= region.reached < 1
    assert region.data_rows == 60
    assert len(region.outside) == 60 - round(60 * region.reached)
    # The sensitive attribute by default, and the switches.
    assert region.without == ["red", "blue", "income_of_parents"]
    assert "The plausible region was learned from 60 rows" in (people / "out/report.html").read_text()
    result = nnff("certify", "nnff.toml", "--plausible", "0.9", "--plausible-without", "[]", "--json")
    assert result.exit_code == 0, result.stderr
    other = Certificate.from_json(result.stdout)
    assert other.domain.region.without == ["red", "blue"]
    assert other.delta_lower <= certificate.delta_upper


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--plausible", "0.9", "--plausible-without", "agee"], "did you mean 'age'"),
        (["--rows", '[{"terms": {"age": 1}, "lower": 99}]'], "the domain is empty"),
        (["--rows", '[{"lower": 99}]'], "needs terms"),
        (["--plausible", "0"], "greater than 0"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(nnff, people, flags, words):
    result = nnff("certify", "nnff.toml", *flags)
    assert result.exit_code == 2
    assert words in " ".join(result.stderr.split())


def test_a_region_needs_data(nnff, people):
    text = CONFIG.replace(
        'path = "people.csv"\ntarget = "income"\nsensitive_features = ["income_of_parents"]\n', ""
    )
    ranges = ", ".join(f"{name} = [0, 1]" for name in NAMES)
    text = text.replace('source = "data"', f'source = "box"\nranges = {{ {ranges} }}\nplausible = 0.9')
    text = (
        text.replace('"minmax"', '"none"').replace("lower = 16", "lower = 0").replace("[1, 2.5, 4]", "[0, 1]")
    )
    (people / "nnff.toml").write_text(text)
    result = nnff("certify", "nnff.toml")
    assert result.exit_code == 2
    assert "domain.plausible learns a region from data, but there is none" in " ".join(result.stderr.split())
