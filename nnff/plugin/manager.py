"""Finding plugins: every entry point is loaded on its own, and a broken one is reported, not fatal."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import pluggy

from nnff.errors import PluginConflictError, PluginError, UnknownNameError
from nnff.plugin import hookspecs
from nnff.plugin.spec import PluginSpec

__all__ = ["ENTRY_POINT_GROUP", "BrokenPlugin", "Found", "Kind", "PluginManager", "plugin_manager"]

ENTRY_POINT_GROUP = "nnff"


class Kind(enum.StrEnum):
    """What can be offered; the value is the name of the hook."""

    SOLVER = "nnff_solvers"
    METRIC = "nnff_metrics"
    READER = "nnff_network_readers"
    DATASET = "nnff_datasets"
    SUITE = "nnff_benchmark_suites"

    @property
    def label(self) -> str:
        """What messages call it."""
        return {
            Kind.SOLVER: "solver",
            Kind.METRIC: "metric",
            Kind.READER: "network reader",
            Kind.DATASET: "data set",
            Kind.SUITE: "benchmark suite",
        }[self]


@dataclass(frozen=True)
class Found:
    """A spec together with the distribution that offers it."""

    kind: Kind
    spec: PluginSpec
    distribution: str
    distribution_version: str


@dataclass(frozen=True)
class BrokenPlugin:
    """An entry point that could not be loaded, or a hook that failed."""

    entry_point: str
    distribution: str
    error: str


class PluginManager:
    """The plugins of one process.

    Parameters
    ----------
    points
        Entry points to load; default: all installed ones in the group ``nnff``.
    """

    def __init__(self, points: tuple[EntryPoint, ...] | None = None) -> None:
        self._manager = pluggy.PluginManager("nnff")
        self._manager.add_hookspecs(hookspecs)
        self._origin: dict[str, tuple[str, str]] = {}
        self._broken: list[BrokenPlugin] = []
        if points is None:
            points = tuple(entry_points(group=ENTRY_POINT_GROUP))
        seen: set[tuple[str, str]] = set()
        for point in sorted(points, key=lambda p: (p.name, p.value)):
            # An editable install and a leftover build folder can list one entry point twice.
            if (point.name, point.value) not in seen:
                seen.add((point.name, point.value))
                self._load(point)

    def _load(self, point: EntryPoint) -> None:
        distribution = point.dist.name if point.dist else "unknown distribution"
        version = point.dist.version if point.dist else ""
        try:
            plugin = point.load()
            self.register(plugin, f"{distribution}:{point.name}", distribution, version)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - third-party code fails in any way; it is reported
            self._broken.append(BrokenPlugin(point.name, distribution, f"{type(error).__name__}: {error}"))

    def register(self, plugin: Any, name: str, distribution: str, version: str = "") -> None:
        """Add a plugin object under a unique name."""
        self._manager.register(plugin, name=name)
        try:
            self._manager.check_pending()
        except pluggy.PluginValidationError:
            self._manager.unregister(name=name)
            raise
        self._origin[name] = (distribution, version)

    @property
    def broken(self) -> tuple[BrokenPlugin, ...]:
        """What could not be loaded, with the reason."""
        for kind in Kind:
            self._offers(kind)
        return tuple(dict.fromkeys(self._broken))

    def _offers(self, kind: Kind) -> list[Found]:
        found: list[Found] = []
        for implementation in getattr(self._manager.hook, kind.value).get_hookimpls():
            name = implementation.plugin_name
            distribution, version = self._origin.get(name, (name, ""))
            try:
                specs = list(implementation.function())
                if not all(isinstance(spec, PluginSpec) for spec in specs):
                    raise PluginError(f"{kind.value} must return a list of PluginSpec")  # noqa: TRY301
            except (Exception, SystemExit) as error:  # noqa: BLE001 - as in _load
                broken = BrokenPlugin(name, distribution, f"{type(error).__name__}: {error}")
                if broken not in self._broken:
                    self._broken.append(broken)
                continue
            found.extend(Found(kind, spec, distribution, version) for spec in specs)
        return found

    def found(self, kind: Kind) -> dict[str, Found]:
        """Return everything of one kind by name, sorted.

        Raises
        ------
        PluginConflictError
            If two distributions offer the same name.
        """
        result: dict[str, Found] = {}
        for offer in self._offers(kind):
            other = result.get(offer.spec.name)
            if other is not None:
                raise PluginConflictError(
                    f"the {kind.label} {offer.spec.name!r} is registered twice, by {other.distribution} "
                    f"and by {offer.distribution}; uninstall one of them"
                )
            result[offer.spec.name] = offer
        return dict(sorted(result.items()))

    def get(self, kind: Kind, name: str) -> Found:
        """Return the plugin of that kind and name.

        Raises
        ------
        UnknownNameError
            If there is none; says which there are.
        """
        found = self.found(kind)
        if name not in found:
            raise UnknownNameError(kind.label, name, found)
        return found[name]

    def load(self, kind: Kind, name: str) -> Any:
        """Import and return the factory of that kind and name."""
        return self.get(kind, name).spec.load()


@cache
def plugin_manager() -> PluginManager:
    """Return the process-wide manager of all installed plugins."""
    return PluginManager()
