"""Making a solver backend by the name of its plugin."""

from __future__ import annotations

from nnff.errors import PluginError
from nnff.plugin import Kind, plugin_manager
from nnff.solver.backend import SolverBackend

__all__ = ["solver"]


def solver(name: str) -> SolverBackend:
    """Return the solver backend that a plugin registered as `name`.

    Raises
    ------
    UnknownNameError
        If there is no such backend.
    PluginError
        If it cannot be imported or is not a backend.
    """
    made = plugin_manager().load(Kind.SOLVER, name)()
    if not isinstance(made, SolverBackend):
        raise PluginError(f"the plugin {name!r} made a {type(made).__name__}, which is not a SolverBackend")
    return made
