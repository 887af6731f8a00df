from __future__ import annotations

import json
from importlib.metadata import EntryPoint

from nnff.cli.plugins_command import plugin_rows
from nnff.plugin import PluginManager, PluginSpec, hookimpl


def test_everything_that_ships_is_listed(nnff):
    result = nnff("plugins")
    assert result.exit_code == 0
    for word in (
        "solvers",
        "highs",
        "metrics",
        "weighted-lp",
        "network readers",
        "onnx",
        "data sets",
        "boston",
    ):
        assert word in result.stdout
    assert result.stderr == ""


def test_json_has_one_row_per_plugin(nnff):
    rows = json.loads(nnff("plugins", "--json").stdout)
    [highs] = [row for row in rows if row["name"] == "highs"]
    assert highs["kind"] == "solvers"
    assert highs["distribution"] == "nnff"
    assert highs["status"] == "available"


class Lacking:
    @staticmethod
    @hookimpl
    def nnff_network_readers():
        return [PluginSpec("keras", "nnff_keras:Reader", "Keras files", requires=("nnff_no_such_package",))]


class Twice:
    @staticmethod
    @hookimpl
    def nnff_datasets():
        return [PluginSpec("boston", "elsewhere:load")]


def test_what_is_missing_and_what_is_broken():
    point = EntryPoint(name="third", value="nnff_no_such_plugin", group="nnff")
    manager = PluginManager((point,))
    manager.register(Lacking, "lacking", "lacking-distribution", "1.2")
    rows = {row.name: row for row in plugin_rows(manager)}
    assert rows["keras"].status == "missing"
    assert "nnff_no_such_package" in rows["keras"].detail
    assert (rows["keras"].distribution, rows["keras"].version) == ("lacking-distribution", "1.2")
    assert rows["third"].status == "broken"
    assert "nnff_no_such_plugin" in rows["third"].detail


def test_a_name_that_is_offered_twice_is_reported_and_other_kinds_are_listed():
    manager = PluginManager()
    manager.register(Twice, "twice", "other-distribution")
    rows = plugin_rows(manager)
    [conflict] = [row for row in rows if row.name == "(conflict)"]
    assert "other-distribution" in conflict.detail
    assert "highs" in {row.name for row in rows}
