"""The door that every solver, metric, reader, data set and suite comes through, ours included."""

from nnff.plugin.hookspecs import hookimpl
from nnff.plugin.manager import BrokenPlugin, Found, Kind, PluginManager, plugin_manager
from nnff.plugin.spec import PluginSpec

__all__ = ["BrokenPlugin", "Found", "Kind", "PluginManager", "PluginSpec", "hookimpl", "plugin_manager"]
