"""The solver backends that ship with nnff, found through the entry point like any other plugin's."""

from __future__ import annotations

from nnff.plugin import PluginSpec, hookimpl

__all__ = ["nnff_solvers"]


@hookimpl
def nnff_solvers() -> list[PluginSpec]:
    """Offer the backends; nothing is imported until one is used."""
    return [
        PluginSpec("highs", "nnff_solvers.highs:HighsBackend", "HiGHS, in process", requires=("highspy",)),
        PluginSpec("cbc", "nnff_solvers.cbc:CbcBackend", "CBC, in a child process", requires=("pulp",)),
        PluginSpec(
            "ortools",
            "nnff_solvers.ortools:OrtoolsBackend",
            "OR-Tools with SCIP, in a child process",
            requires=("ortools",),
        ),
    ]
