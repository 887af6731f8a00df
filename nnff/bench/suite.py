"""A benchmark suite: instances, and what they are run with; found as plugins."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nnff.errors import ConfigError, PluginError, UnknownNameError
from nnff.plugin import Kind, plugin_manager

if TYPE_CHECKING:
    from nnff.bench.instance import Instance

__all__ = ["Suite", "load_suite"]


@dataclass(frozen=True)
class Suite:
    """What a suite plugin's factory returns: ``factory(full: bool) -> Suite``.

    Attributes
    ----------
    name
        The name it is registered under.
    summary
        One sentence: what it compares, and how long it takes.
    instances
        The instances, in the order in which tables show them.
    backends
        Solver plugins to run; None: every one that is available.
    strategies
        Strategies to run.
    seeds
        Seeds of solver and attack.
    threads
        Threads of the solver.
    time_limit
        Wall seconds of one certification.
    gap
        Relative gap at which a run without delta is closed.
    control
        Name of the instance whose repetition, with nothing changed,
        shows the machine's noise; None: no control runs.
    control_repeats
        How often it is run.
    center
        Name of the instance around which one factor at a time is varied, or None.
    published
        Names of tables of published numbers to set beside the results.
    """

    name: str
    summary: str
    instances: tuple[Instance, ...]
    backends: tuple[str, ...] | None = None
    strategies: tuple[str, ...] = ("relational",)
    seeds: tuple[int, ...] = (0, 1, 2)
    threads: int = 1
    time_limit: float = 20.0
    gap: float = 1e-2
    control: str | None = None
    control_repeats: int = 5
    center: str | None = None
    published: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        counts = Counter(instance.name for instance in self.instances)
        twice = [name for name, count in counts.items() if count > 1]
        if twice:
            raise ConfigError(f"the suite {self.name!r} has two instances called {twice[0]!r}")
        for role, name in (("control", self.control), ("center", self.center)):
            if name is not None and name not in counts:
                raise ConfigError(f"the {role} of the suite {self.name!r} is {name!r}, which is no instance")

    def instance(self, name: str) -> Instance:
        """Return the instance of that name.

        Raises
        ------
        UnknownNameError
            If there is none.
        """
        for instance in self.instances:
            if instance.name == name:
                return instance
        raise UnknownNameError("instance", name, [i.name for i in self.instances])


def load_suite(name: str, *, full: bool = False) -> Suite:
    """Make the suite of that name.

    Parameters
    ----------
    name
        Name of a suite plugin.
    full
        The whole grid instead of the default selection, for suites that have one.

    Raises
    ------
    UnknownNameError
        If no plugin offers it.
    DataError
        If it needs data that are not here.
    """
    suite = plugin_manager().load(Kind.SUITE, name)(full=full)
    if not isinstance(suite, Suite):
        raise PluginError(f"the benchmark suite {name!r} made a {type(suite).__name__}, not a Suite")
    return suite
