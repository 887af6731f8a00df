from __future__ import annotations

import pandas as pd
import pytest

from nnff.datasets import Dataset, load_dataset
from nnff.errors import DataError, PluginError, UnknownNameError
from nnff.plugin import Kind, PluginManager, PluginSpec, hookimpl


def test_rows_by_name_in_the_order_asked_for():
    data = Dataset("tiny", pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]}))
    assert data.rows(["b", "a"]).tolist() == [[3, 1], [4, 2]]
    with pytest.raises(DataError, match=r"the data set tiny has no column 'c'; it has a, b"):
        data.rows(["c"])


def test_unknown_names_list_the_known_ones():
    with pytest.raises(
        UnknownNameError, match=r"no data set is called 'bostn'; known: .*boston.*did you mean"
    ):
        load_dataset("bostn")


def test_what_a_plugin_makes_is_checked(monkeypatch):
    class Plugin:
        @staticmethod
        @hookimpl
        def nnff_datasets():
            return [PluginSpec("odd", "builtins:dict")]

    manager = PluginManager(())
    manager.register(Plugin, "odd", "odd-distribution")
    assert "odd" in manager.found(Kind.DATASET)
    monkeypatch.setattr("nnff.datasets.dataset.plugin_manager", lambda: manager)
    with pytest.raises(PluginError, match="made a dict, which is not a Dataset"):
        load_dataset("odd")
