"""What is compared, and the short names that tables give to contenders and instances."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nnff.certification.digits import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from nnff.bench.record import RunSpec
    from nnff.bench.suite import Suite

__all__ = ["Contender", "Names"]

_SETTINGS = ("threads", "time_limit", "gap", "memory_limit")
"""Fields of a spec that make another contender where they differ, like solver options."""


@dataclass(frozen=True, order=True)
class Contender:
    """One column of a comparison: backend, strategy, and whatever else varies.

    Attributes
    ----------
    backend
        Solver plugin; ``""`` for a strategy that needs none.
    strategy
        How delta_upper is obtained.
    settings
        Settings that vary between runs of this backend and strategy, as
        ``"threads=2 presolve=off"``; else empty.
    label
        Short and unique within an analysis: ``"highs"``, ``"highs twin"``, ``"highs presolve=off"``.
    """

    backend: str
    strategy: str
    settings: str
    label: str


class Names:
    """Names of the contenders and instances of a set of runs, as short as they can be.

    The strategy is named if there are several, a setting if it differs between runs of
    one backend and strategy; the suite of an instance if there are several, the
    delta asked for if one instance was asked for several.

    Parameters
    ----------
    specs
        All runs that are looked at together.
    suites
        Suites that say in which order instances are shown; others follow in
        the order of their runs.
    """

    def __init__(self, specs: Iterable[RunSpec], suites: Sequence[Suite] = ()) -> None:
        specs = list(specs)
        self._varying = _varying(specs)
        self._strategies = len({spec.strategy for spec in specs if spec.backend}) > 1
        self._several_suites = len({spec.suite for spec in specs}) > 1
        deltas: dict[tuple[str, str], set[float | None]] = defaultdict(set)
        for spec in specs:
            deltas[spec.suite, spec.instance].add(spec.delta)
        self._several_deltas = {name for name, asked in deltas.items() if len(asked) > 1}
        place = {
            (suite.name, instance.name): number
            for suite in suites
            for number, instance in enumerate(suite.instances)
        }
        last = len(place)
        seen = {self.instance(spec): place.get((spec.suite, spec.instance), last) for spec in specs}
        # Sorting is stable: what no suite places keeps the order of the runs.
        self.instances = tuple(sorted(seen, key=seen.__getitem__))
        self.contenders = tuple(sorted({self.contender(spec) for spec in specs}))

    def contender(self, spec: RunSpec) -> Contender:
        """Return the contender that a run belongs to."""
        varying = self._varying[spec.backend, spec.strategy]
        settings = " ".join(f"{name}={value}" for name, value in _settings(spec) if name in varying)
        strategy = spec.strategy if self._strategies or not spec.backend else ""
        label = " ".join(part for part in (spec.backend, strategy, settings) if part)
        return Contender(spec.backend, spec.strategy, settings, label)

    def instance(self, spec: RunSpec) -> str:
        """Return the label of the instance that a run belongs to."""
        name = f"{spec.suite}/{spec.instance}" if self._several_suites else spec.instance
        if (spec.suite, spec.instance) not in self._several_deltas:
            return name
        return f"{name} (delta {'not asked' if spec.delta is None else plain(spec.delta)})"


def _settings(spec: RunSpec) -> tuple[tuple[str, str], ...]:
    """Return everything that may tell two contenders of one backend and strategy apart, as text."""
    fixed = [(name, _text(getattr(spec, name))) for name in _SETTINGS]
    return (*fixed, *((name, _text(value)) for name, value in sorted(spec.solver_options.items())))


def _varying(specs: Iterable[RunSpec]) -> Mapping[tuple[str, str], frozenset[str]]:
    """Return, for every backend and strategy, the settings that differ between its runs."""
    groups: dict[tuple[str, str], list[frozenset[tuple[str, str]]]] = defaultdict(list)
    for spec in specs:
        groups[spec.backend, spec.strategy].append(frozenset(_settings(spec)))
    return {
        # What is not the same in all of them: an option that only some set varies, too.
        group: frozenset(name for name, _ in frozenset.union(*seen) - frozenset.intersection(*seen))
        for group, seen in groups.items()
    }


def _text(value: Any) -> str:
    if isinstance(value, float):
        return plain(value)
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)
