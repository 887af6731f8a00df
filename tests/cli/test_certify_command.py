from __future__ import annotations

import json

import jsonschema
import pytest

from nnff.certification import Certificate


def test_the_answer_is_for_people(nnff, place):
    result = nnff("certify", "nnff.toml")
    assert result.exit_code == 0, result.stderr
    for word in (
        "delta_upper",
        "delta_lower",
        "delta_data",
        "gap",
        "Worst pair",
        "income",
        "age",
        "sensitive",
    ):
        assert word in result.stdout
    # Linear programs and our own arithmetic settle so small a network.
    assert "no solve was needed" in result.stdout
    for word in ("fair", "compliant"):
        assert word not in result.stdout.lower()
    written = {path.name for path in (place / "out").iterdir()}
    assert written == {"certificate.json", "report.html"}
    for name in written:
        assert f"out/{name}" in result.stdout


def test_printed_bounds_are_never_inside_the_bracket(nnff, place):
    result = nnff("certify", "nnff.toml")
    certificate = Certificate.from_json((place / "out/certificate.json").read_text())
    rows = {
        line.split()[0]: line.split()[1] for line in result.stdout.splitlines() if line.startswith("delta_")
    }
    assert float(rows["delta_upper"]) >= certificate.delta_upper
    assert float(rows["delta_lower"]) <= certificate.delta_lower


def test_json_is_the_certificate_and_nothing_else(nnff, place):
    result = nnff("certify", "nnff.toml", "--json")
    assert result.exit_code == 0
    answer = json.loads(result.stdout)
    for key in ("delta_lower", "delta_upper", "verdict", "reason", "seconds"):
        assert key in answer
    jsonschema.validate(answer, Certificate.model_json_schema(mode="serialization"))
    certificate = Certificate.from_json(result.stdout)
    assert certificate == Certificate.from_json((place / "out/certificate.json").read_text())
    assert certificate.delta_lower <= certificate.delta_upper
    assert certificate.config["similarity"]["epsilon"] == 0.1
    assert certificate.sensitive_features == ["sex"]


def test_flags_alone_ask_the_same_question(nnff):
    by_file = Certificate.from_json(nnff("certify", "nnff.toml", "--json").stdout)
    flags = (
        "--model=model.onnx --data=people.csv --target=income --sensitive-features=sex --domain=data "
        "--integer=sex --epsilon=0.1 --scale=minmax --free=sex --time-limit=20 --output= "
        "--set certify.gap=0.01"
    )
    result = nnff("certify", *flags.split(), "--json")
    assert result.exit_code == 0, result.stderr
    by_flags = Certificate.from_json(result.stdout)
    same = ("delta_lower", "delta_upper", "delta_data", "epsilon", "domain", "model", "sensitive_features")
    for field in same:
        ours, theirs = getattr(by_file, field), getattr(by_flags, field)
        if field == "model":
            ours, theirs = ours.fingerprint, theirs.fingerprint
        assert ours == theirs, field


def test_nothing_is_written_where_nothing_is_wanted(nnff, place):
    before = sorted(place.iterdir())
    assert nnff("certify", "nnff.toml", "--output", "").exit_code == 0
    assert sorted(place.iterdir()) == before
    assert nnff("certify", "nnff.toml", "--no-report").exit_code == 0
    assert [path.name for path in (place / "out").iterdir()] == ["certificate.json"]


@pytest.mark.parametrize(
    ("delta", "gap", "code", "verdict"),
    [("1e6", "0.01", 0, "certified"), ("0", "0.01", 1, "violated"), (None, "0.01", 0, None)],
)
def test_exit_codes_follow_the_verdict(nnff, delta, gap, code, verdict):
    asked = [] if delta is None else ["--delta", delta]
    result = nnff("certify", "nnff.toml", "--json", "--gap", gap, *asked)
    assert result.exit_code == code
    assert json.loads(result.stdout)["verdict"] == verdict
    assert nnff("certify", "nnff.toml", "--exit-zero", *asked).exit_code == 0


def test_undecided_has_its_own_exit_code(nnff):
    bracket = json.loads(nnff("certify", "nnff.toml", "--json").stdout)
    between = (bracket["delta_lower"] + bracket["delta_upper"]) / 2
    # Too little time for more than a first bracket, and a delta in the middle of the final one.
    result = nnff("certify", "nnff.toml", "--json", "--delta", repr(between), "--time-limit", "0.02")
    assert json.loads(result.stdout)["verdict"] == "undecided"
    assert result.exit_code == 3
    result = nnff("certify", "nnff.toml", "--delta", repr(between), "--time-limit", "0.02", "--exit-zero")
    assert "Undecided" in result.stdout
    assert result.exit_code == 0


def test_the_verdict_is_a_word_in_the_answer(nnff):
    assert nnff("certify", "nnff.toml", "--delta", "1e6").stdout.startswith("Certified. No two inputs")
    assert nnff("certify", "nnff.toml", "--delta", "0").stdout.startswith("Violated. There are two inputs")


def test_variables_are_between_file_and_flags(nnff, monkeypatch):
    monkeypatch.setenv("NNFF_SIMILARITY_EPSILON", "0.02")
    assert json.loads(nnff("certify", "nnff.toml", "--json").stdout)["epsilon"] == 0.02
    assert json.loads(nnff("certify", "nnff.toml", "--json", "--epsilon", "0.3").stdout)["epsilon"] == 0.3


def test_progress_and_answer_do_not_share_a_stream(nnff):
    result = nnff("certify", "nnff.toml")
    assert "delta_upper" not in result.stderr
    assert "\x1b" not in result.stdout + result.stderr
