"""nnff's own plugin: network readers and data sets, registered as anybody's would be."""

from __future__ import annotations

from nnff.plugin.hookspecs import hookimpl
from nnff.plugin.spec import PluginSpec

__all__ = ["nnff_datasets", "nnff_network_readers"]


@hookimpl
def nnff_network_readers() -> list[PluginSpec]:
    """Offer the readers that ship with nnff."""
    return [
        PluginSpec("onnx", "nnff.network.onnx_file:OnnxReader", "ONNX files (.onnx)", requires=("onnx",)),
        PluginSpec("nnet", "nnff.network.nnet_file:NNetReader", "NNet text files (.nnet)"),
        PluginSpec(
            "sklearn",
            "nnff.network.sklearn_object:SklearnReader",
            "scikit-learn MLPs and pipelines in memory",
            requires=("sklearn",),
        ),
    ]


@hookimpl
def nnff_datasets() -> list[PluginSpec]:
    """Offer the data sets that ship with nnff."""
    return [
        PluginSpec(
            "boston", "nnff.datasets.boston:load_boston", "Boston housing, 506 rows", requires=("mlxtend",)
        ),
        PluginSpec(
            "diabetes",
            "nnff.datasets.diabetes:load_diabetes",
            "Diabetes progression, 442 rows",
            requires=("sklearn",),
        ),
        PluginSpec(
            "german",
            "nnff.datasets.german:load_german",
            "German credit, 1,000 rows; from NNFF_DATA_HOME",
        ),
        PluginSpec(
            "adult",
            "nnff.datasets.adult:load_adult",
            "Adult census income, 45,222 rows; from NNFF_DATA_HOME",
        ),
    ]
