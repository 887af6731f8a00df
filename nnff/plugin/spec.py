"""How a plugin describes what it offers, without importing it."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

from nnff.errors import PluginError

__all__ = ["PluginSpec"]


@dataclass(frozen=True)
class PluginSpec:
    """One thing that a plugin offers: a solver, a metric, a reader, a data set, a suite.

    Attributes
    ----------
    name
        What users write in a config file; unique among its kind.
    factory
        ``"package.module:Class"`` (or function), imported when first needed.
    summary
        One line for ``nnff plugins``.
    requires
        Import names of the packages it needs, for a cheap look whether they are there.
    """

    name: str
    factory: str
    summary: str = ""
    requires: tuple[str, ...] = ()

    def load(self) -> Any:
        """Import and return the factory.

        Raises
        ------
        PluginError
            If the module or the attribute cannot be imported.
        """
        module_name, _, attribute = self.factory.partition(":")
        try:
            return getattr(importlib.import_module(module_name), attribute)
        except (Exception, SystemExit) as error:
            raise PluginError(
                f"the plugin {self.name!r} cannot be loaded from {self.factory}: "
                f"{type(error).__name__}: {error}"
            ) from error
