"""The benchmark suites that ship with nnff, found as a third party's would be: by entry point."""

from __future__ import annotations

from nnff.plugin import PluginSpec, hookimpl

__all__ = ["nnff_benchmark_suites"]


@hookimpl
def nnff_benchmark_suites() -> list[PluginSpec]:
    """Offer the suites."""
    return [
        PluginSpec(
            "quick", "nnff_suites.quick:quick", "all solvers on small shipped problems, under 2 minutes"
        ),
        PluginSpec("networks", "nnff_suites.networks:networks", "public networks with known answers"),
        PluginSpec("strategies", "nnff_suites.strategies:strategies", "twin against relational"),
        PluginSpec("solvers", "nnff_suites.solvers:solvers", "one factor at a time from a center point"),
        PluginSpec("scaling", "nnff_suites.scaling:scaling", "neurons, inputs, cells and epsilon"),
        PluginSpec("boston", "nnff_suites.boston:boston", "the founding paper's model, draws and epsilons"),
    ]
