"""Every bad input of the specification: one sentence on stderr, the right exit code, nothing written."""

from __future__ import annotations

import json
import os

import pytest

from nnff.cli.main import app
from nnff.errors import ModelError, SolverUnavailableError
from nnff.plugin import PluginManager, PluginSpec, hookimpl


def broken_onnx(place):
    (place / "model.onnx").write_bytes(b"this is no model")


def unsupported_layer(place):
    from onnx import TensorProto, checker, helper, save

    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 2])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 2])
    graph = helper.make_graph([helper.make_node("Selu", ["x"], ["y"], name="top")], "g", [x], [y])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    checker.check_model(model)
    save(model, place / "model.onnx")


def nan_in_data(place):
    (place / "people.csv").write_text("age,sex,income\n20,0,1\n30,nan,2\n")


def text_in_data(place):
    (place / "people.csv").write_text("age,sex,income\n20,male,1\n")


def missing_data(place):
    (place / "people.csv").unlink()


def third_input(place):
    (place / "people.csv").write_text("age,sex,height,income\n20,0,180,1\n30,1,170,2\n")


def nothing(place):
    pass


def in_config(old, new):
    def change(place):
        path = place / "nnff.toml"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    return change


# What is done to the folder, further arguments, the code of the error, and parts of the sentence.
CASES = {
    "missing config": (nothing, ["nnff.tom"], "config", ["nnff.tom"]),
    "missing model": (nothing, ["--model", "none.onnx"], "model", ["none.onnx"]),
    "not a model": (broken_onnx, [], "model", ["model.onnx"]),
    "unknown kind of model": (nothing, ["--model", "people.csv"], "model", ["people.csv", ".onnx"]),
    "unsupported layer": (unsupported_layer, [], "model", ["Selu", "top"]),
    "missing data": (missing_data, [], "data", ["people.csv"]),
    "NaN in data": (nan_in_data, [], "data", ["row 2", "'sex'", "people.csv"]),
    "text in data": (text_in_data, [], "data", ["row 1", "'sex'", "'male'"]),
    "missing column": (nothing, ["--target", "incme"], "data", ["'incme'", "'income'"]),
    "wrong number of inputs": (third_input, [], "data", ["2 inputs", "3"]),
    "NaN in weights": (nothing, ["--weights", "[1, NaN]"], "similarity", ["nan"]),
    "negative weight": (nothing, ["--weights", "[1, -1]"], "similarity", ["-1"]),
    "too many weights": (nothing, ["--weights", "[1, 1, 1]"], "similarity", ["3", "2"]),
    "weight of nobody": (nothing, ["--weights", '{"ag": 1}'], "similarity", ["'ag'"]),
    "matrix of the wrong kind": (
        in_config('free = ["sex"]', 'metric = "mahalanobis"\nmatrix = [[1, 2], [2, 1]]'),
        [],
        "similarity",
        ["positive semi-definite"],
    ),
    "negative epsilon": (nothing, ["--epsilon", "-0.1"], "config", ["--epsilon", "-0.1"]),
    "infinite epsilon": (nothing, ["--epsilon", "inf"], "config", ["--epsilon", "finite"]),
    "epsilon not a number": (nothing, ["--epsilon", "nan"], "config", ["--epsilon", "finite"]),
    "no epsilon": (in_config("epsilon = 0.1\n", ""), [], "config", ["--epsilon"]),
    "empty domain": (nothing, ["--ranges", '{"age": [50, 40]}'], "domain", ["empty", "age"]),
    "no whole number": (
        nothing,
        ["--ranges", '{"sex": [0.2, 0.8]}'],
        "domain",
        ["empty", "sex"],
    ),
    "no ranges": (nothing, ["--domain", "model"], "domain", ["--domain data"]),
    "unknown solver": (nothing, ["--solver", "higs"], "unknown-name", ["'highs'", "known:"]),
    "unknown metric": (nothing, ["--metric", "weighted"], "unknown-name", ["'weighted-lp'", "known:"]),
    "unknown data set": (nothing, ["--data", "bosten"], "unknown-name", ["'boston'"]),
    "unknown strategy": (nothing, ["--strategy", "relation"], "unknown-name", ["'relational'"]),
    "unknown key": (in_config("time_limit", "timelimit"), [], "config", ["'time_limit'", "nnff.toml"]),
    "unknown section": (in_config("[solver]", "[solvers]"), [], "config", ["'solver'"]),
    "unknown key of --set": (nothing, ["--set", "solver.nme=highs"], "config", ["'name'"]),
    "half a --set": (nothing, ["--set", "solver.name"], "config", ["section.key=value"]),
    "one-hot group of one": (nothing, ["--one-hot", "[[0]]"], "domain", ["one-hot", "at least two"]),
    "another engine": (nothing, ["--engine", "ray"], "config", ["local"]),
    "not TOML": (in_config("[model]", "[model"), [], "config", ["TOML", "line 1"]),
    "output is a file": (nothing, ["--output", "people.csv/out"], "config", ["people.csv"]),
}


def failed_without_a_trace(nnff, place, command, case):
    change, arguments, code, parts = CASES[case]
    change(place)
    before = {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}
    config = [] if arguments and arguments[0].endswith(".tom") else ["nnff.toml"]
    result = nnff(command, *config, *arguments)
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert result.stderr.startswith(f"error[{code}]: ")
    assert result.stderr.count("\n") == 1
    for part in parts:
        assert part in result.stderr
    assert {path: path.read_bytes() for path in place.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("case", CASES)
def test_one_sentence_the_right_exit_code_and_nothing_written(nnff, place, case):
    failed_without_a_trace(nnff, place, "certify", case)


@pytest.mark.parametrize("case", ["missing model", "NaN in data", "negative weight", "unknown solver"])
def test_the_same_for_a_curve(nnff, place, case):
    failed_without_a_trace(nnff, place, "curve", case)


def test_debug_adds_the_traceback(nnff):
    result = nnff("certify", "nnff.toml", "--model", "none.onnx", "--debug")
    assert result.exit_code == 2
    assert "Traceback" in result.stderr
    assert "error[model]: " in result.stderr


def test_wrong_usage_is_exit_code_2(nnff):
    for arguments in (
        ["certify", "--nonsense"],
        ["certify", "--epsilon", "x"],
        ["nonsense"],
        ["certify", "a", "b"],
    ):
        result = nnff(*arguments)
        assert result.exit_code == 2, arguments
        assert result.stdout == ""


def test_a_solver_that_is_not_installed_is_exit_code_4(nnff, monkeypatch):
    def certify(*_arguments, **_keywords):
        raise SolverUnavailableError("the solver 'highs' cannot be used: no highspy")

    monkeypatch.setattr("nnff.run.certify", certify)
    result = nnff("certify", "nnff.toml")
    assert result.exit_code == 4
    assert result.stderr.startswith("error[solver-unavailable]: ")


def test_a_mistake_of_ours_is_exit_code_70_and_one_sentence(nnff, monkeypatch):
    def certify(*_arguments, **_keywords):
        raise ZeroDivisionError("two\nlines")

    monkeypatch.setattr("nnff.run.certify", certify)
    result = nnff("certify", "nnff.toml")
    assert result.exit_code == 70
    assert result.stderr.startswith("error[internal]: ")
    assert result.stderr.count("\n") == 1
    assert "--debug" in result.stderr
    assert "Traceback" in nnff("certify", "nnff.toml", "--debug").stderr


def test_a_folder_without_permission(nnff, place):
    if os.geteuid() == 0:
        pytest.skip("permissions do not bind this user")
    (place / "locked").mkdir(mode=0o500)
    result = nnff("certify", "nnff.toml", "--output", "locked/out")
    assert result.exit_code == 2
    assert "no permission" in result.stderr


def test_a_report_that_fails_leaves_no_half_file(nnff, place, monkeypatch):
    def render(*_arguments, **_keywords):
        raise ModelError("no")

    monkeypatch.setattr("nnff.report.report.render_report", render)
    assert nnff("certify", "nnff.toml").exit_code == 2
    assert [path.name for path in (place / "out").iterdir()] == ["certificate.json"]


class Broken:
    @staticmethod
    @hookimpl
    def nnff_solvers():
        return [PluginSpec("crashing", "nnff_no_such_package:Backend", "cannot be imported")]


class Raising:
    @staticmethod
    @hookimpl
    def nnff_metrics():
        raise RuntimeError("no metrics today")


@pytest.fixture
def broken_plugins(monkeypatch):
    """All installed plugins, and two that are broken in different ways."""
    manager = PluginManager()
    manager.register(Broken, "broken", "broken-distribution", "1.0")
    manager.register(Raising, "raising", "raising-distribution", "2.0")
    for user in ("nnff.plugin", "nnff.run", "nnff.solver.load", "nnff.similarity.load"):
        monkeypatch.setattr(f"{user}.plugin_manager", lambda: manager)


@pytest.mark.usefixtures("broken_plugins")
def test_a_broken_plugin_is_reported_and_the_rest_works(nnff):
    assert nnff("certify", "nnff.toml").exit_code == 0
    result = nnff("certify", "nnff.toml", "--solver", "crashing")
    assert result.exit_code == 2
    assert result.stderr.startswith("error[plugin]: ")
    assert "nnff_no_such_package" in result.stderr
    result = nnff("plugins")
    assert result.exit_code == 0
    assert "broken-distribution" in result.stdout
    assert "no metrics today" in result.stdout
    rows = {row["name"]: row for row in json.loads(nnff("plugins", "--json").stdout)}
    assert rows["crashing"]["status"] == "broken"
    assert rows["highs"]["status"] == "available"
    assert rows["weighted-lp"]["status"] == "available"


def test_commands_are_all_there():
    assert {command.name for command in app.registered_commands} == {
        "certify", "curve", "demo", "learn-metric", "local", "plugins", "train",
    }  # fmt: skip
    assert [group.name for group in app.registered_groups] == ["check", "bench"]
