from __future__ import annotations

import json

import pandas as pd
import pytest

import nnff.run as nnff_run
from nnff.certification import Certificate
from nnff.cli.curve_command import parse_epsilons
from nnff.errors import ConfigError


def test_table_csv_and_picture(nnff, place):
    result = nnff("curve", "nnff.toml", "--epsilons", "0:0.2:3")
    assert result.exit_code == 0, result.stderr
    table = pd.read_csv(place / "out/curve.csv")
    assert table["epsilon"].tolist() == [0, 0.1, 0.2]
    assert (table["delta_lower"] <= table["delta_upper"]).all()
    assert table["delta_upper"].is_monotonic_increasing
    assert table["delta_lower"].is_monotonic_increasing
    assert list(table) == ["epsilon", "delta_lower", "delta_upper", "closed_form", "seconds"]
    assert (place / "out/curve.png").read_bytes().startswith(b"\x89PNG")
    header, *rows = result.stdout.splitlines()
    assert header.split()[:3] == ["epsilon", "delta_lower", "delta_upper"]
    assert [row.split()[0] for row in rows[:3]] == ["0", "0.1", "0.2"]
    assert "out/curve.csv" in result.stdout
    assert "straightness" in result.stdout
    assert "5 % to 95 %" in result.stdout
    assert "certified up to" not in result.stdout


def test_the_middle_of_the_default_range_is_the_epsilon_of_the_file(nnff, place):
    result = nnff("curve", "nnff.toml", "--json", "--picture", "svg")
    assert result.exit_code == 0, result.stderr
    answer = json.loads(result.stdout)
    epsilons = [point["epsilon"] for point in answer["points"]]
    assert len(epsilons) == 9
    assert epsilons[0] == 0.0
    assert epsilons[4] == 0.1
    assert epsilons[-1] == 0.2
    assert [Certificate.model_validate(c).epsilon for c in answer["certificates"]] == epsilons
    assert "<svg" in (place / "out/curve.svg").read_text()


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("0.1,0.3,0.2,0.1", [0.1, 0.2, 0.3]),
        ("0:0.3:4", [0.0, 0.1, 0.2, 0.3]),
        ("0.5:0.5:1", [0.5]),
        ("1", [1.0]),
    ],
)
def test_ranges_and_lists(text, values):
    assert parse_epsilons(text) == values


@pytest.mark.parametrize("text", ["", "a", "0:1", "0:1:0", "0:1:x", "-1,2", "0:inf:3", "nan", "1:2:3:4"])
def test_nonsense_is_refused_in_one_sentence(text):
    with pytest.raises(ConfigError, match="--epsilons") as caught:
        parse_epsilons(text)
    assert "\n" not in str(caught.value)


def test_an_interruption_keeps_the_points_so_far(nnff, place, monkeypatch):
    real, asked = nnff_run.certify, []

    def certify(*arguments, control, **keywords):
        asked.append(arguments[3])
        if len(asked) == 2:
            control.interrupt()
        return real(*arguments, control=control, **keywords)

    monkeypatch.setattr(nnff_run, "certify", certify)
    result = nnff("curve", "nnff.toml", "--epsilons", "0.1,0.2,0.3")
    assert result.exit_code == 130
    # The largest first.
    assert asked == [0.3, 0.2]
    assert pd.read_csv(place / "out/curve.csv")["epsilon"].tolist() == [0.2, 0.3]
    assert [line.split()[0] for line in result.stdout.splitlines()[1:3]] == ["0.2", "0.3"]


def test_all_points_share_a_memory(nnff, monkeypatch):
    real, memories = nnff_run.certify, []

    def certify(*arguments, memory, **keywords):
        memories.append(memory)
        return real(*arguments, memory=memory, **keywords)

    monkeypatch.setattr(nnff_run, "certify", certify)
    assert nnff("curve", "nnff.toml", "--epsilons", "0.1,0.2").exit_code == 0
    assert memories[0] is memories[1] is not None


def test_a_delta_is_certified_up_to_an_epsilon(nnff, place):
    plain = nnff("curve", "nnff.toml", "--epsilons", "0:0.2:3", "--json")
    points = json.loads(plain.stdout)["points"]
    assert json.loads(plain.stdout)["largest_epsilon"] is None
    delta = str((points[1]["delta_upper"] + points[2]["delta_lower"]) / 2)
    result = nnff("curve", "nnff.toml", "--epsilons", "0:0.2:3", "--delta", delta, "--json")
    assert result.exit_code == 0, result.stderr
    answer = json.loads(result.stdout)
    assert answer["largest_epsilon"]["certified"] == 0.1
    assert 0.1 < answer["largest_epsilon"]["violated"] <= 0.2
    assert answer["largest_epsilon"]["certificates"] == []
    # The points are brackets, not decisions.
    assert {c["delta"] for c in answer["certificates"]} == {None}
    assert 0 < answer["linearity"]["r2_lower"] <= answer["linearity"]["r2"] <= answer["linearity"]["r2_upper"]
    assert 0 <= answer["rise"]["start"] < answer["rise"]["end"] <= 0.2
    narrowed = nnff(
        "curve", "nnff.toml", "--epsilons", "0:0.2:3", "--delta", delta, "--tolerance", "0.01", "--json"
    )
    found = json.loads(narrowed.stdout)["largest_epsilon"]
    assert 0.1 < found["certified"] < found["violated"] <= found["certified"] + 0.02
    assert {c["delta"] for c in found["certificates"]} == {float(delta)}
    told = nnff("curve", "nnff.toml", "--epsilons", "0:0.2:3", "--delta", delta, "--picture", "svg")
    assert "certified up to epsilon 0.1; a real pair differs by more from epsilon" in told.stdout
    assert "certified up to 0.1" in (place / "out/curve.svg").read_text()


def test_a_delta_that_holds_nowhere(nnff):
    result = nnff("curve", "nnff.toml", "--epsilons", "0.1,0.2", "--delta", "0", "--tolerance", "0.05")
    assert result.exit_code == 0, result.stderr
    assert "not certified for any of these epsilons" in result.stdout


@pytest.mark.parametrize("flags", [["--tolerance", "0.1"], ["--delta", "1", "--tolerance", "0"]])
def test_a_tolerance_goes_with_a_delta(nnff, flags):
    result = nnff("curve", "nnff.toml", *flags)
    assert result.exit_code == 2
    assert "--tolerance" in result.stderr


def test_a_curve_needs_a_range(nnff):
    result = nnff("curve", "nnff.toml", "--epsilon", "0")
    assert result.exit_code == 2
    assert "--epsilons" in result.stderr
    result = nnff("curve", "nnff.toml", "--picture", "gif")
    assert result.exit_code == 2
    assert "png or svg" in result.stderr
