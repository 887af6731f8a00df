"""A solver plugin: this module holds the hook, the backend is imported when it is used."""

from __future__ import annotations

from nnff.plugin import PluginSpec, hookimpl


@hookimpl
def nnff_solvers() -> list[PluginSpec]:
    """Offer SCIP under the name ``scip``."""
    return [
        PluginSpec("scip", "nnff_scip.backend:ScipBackend", "SCIP through PySCIPOpt", requires=("pyscipopt",))
    ]
