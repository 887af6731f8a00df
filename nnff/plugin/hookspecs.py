"""The hooks through which solvers, metrics, readers, data sets and suites are found.

A plugin is a module (or object) named by an entry point in the group ``nnff``
that implements one or more of these functions, each marked with `hookimpl`
and returning a list of `PluginSpec`::

    # pyproject.toml
    [project.entry-points.nnff]
    my-plugin = "my_plugin"
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from nnff.plugin.spec import PluginSpec

__all__ = [
    "hookimpl",
    "hookspec",
    "nnff_benchmark_suites",
    "nnff_datasets",
    "nnff_metrics",
    "nnff_network_readers",
    "nnff_solvers",
]

hookspec = pluggy.HookspecMarker("nnff")
hookimpl = pluggy.HookimplMarker("nnff")


@hookspec
def nnff_solvers() -> list[PluginSpec]:  # type: ignore[empty-body]
    """Offer solver backends: factories of `nnff.solver.SolverBackend`.

    Examples
    --------
    ::

        @hookimpl
        def nnff_solvers():
            return [PluginSpec("scip", "nnff_scip.backend:ScipBackend", "SCIP", requires=("pyscipopt",))]
    """


@hookspec
def nnff_metrics() -> list[PluginSpec]:  # type: ignore[empty-body]
    """Offer similarity metrics: factories of `nnff.similarity.Metric`.

    Examples
    --------
    ::

        @hookimpl
        def nnff_metrics():
            return [PluginSpec("years", "my_metrics:Years", "difference in age, in years")]
    """


@hookspec
def nnff_network_readers() -> list[PluginSpec]:  # type: ignore[empty-body]
    """Offer readers of trained models: factories of `nnff.network.reader.NetworkReader`.

    Examples
    --------
    ::

        @hookimpl
        def nnff_network_readers():
            return [PluginSpec("onnx", "my_readers:OnnxReader", "ONNX files", requires=("onnx",))]
    """


@hookspec
def nnff_datasets() -> list[PluginSpec]:  # type: ignore[empty-body]
    """Offer data sets: functions without arguments that return a `nnff.datasets.Dataset`.

    Examples
    --------
    ::

        @hookimpl
        def nnff_datasets():
            return [PluginSpec("boston", "my_data:load_boston", "Boston housing, 506 rows")]
    """


@hookspec
def nnff_benchmark_suites() -> list[PluginSpec]:  # type: ignore[empty-body]
    """Offer benchmark suites.

    Examples
    --------
    ::

        @hookimpl
        def nnff_benchmark_suites():
            return [PluginSpec("quick", "my_suites:quick", "two minutes, all solvers")]
    """
