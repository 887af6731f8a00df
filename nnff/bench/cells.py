"""Runs that differ in nothing but the seed, taken together: the unit of all statistics."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from nnff.bench.record import Outcome
from nnff.bench.statistics import quantiles
from nnff.certification.certificate import Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from nnff.bench.contender import Contender, Names
    from nnff.bench.record import RunRecord

__all__ = [
    "CLOCK",
    "Cell",
    "by_contender",
    "cells_of",
    "last_tries",
    "outcomes",
    "run_gap",
    "run_time",
    "run_upper",
]

CLOCK = 1e-6
"""Seconds; a shorter time counts as this in ratios, which need times above 0."""


def run_time(record: RunRecord) -> float:
    """Return the seconds that a run needed for an answer; inf if it gave none."""
    return max(record.seconds, CLOCK) if record.outcome.solved else math.inf


def run_upper(record: RunRecord) -> float:
    """Return the certified bound; inf where a contradiction makes it worthless."""
    return math.inf if record.reason == Reason.INCONSISTENT else record.delta_upper


def run_gap(record: RunRecord) -> float | None:
    """Return the final relative gap; None where a delta was asked for, which a wide bracket can settle."""
    if record.spec.delta is not None:
        return None
    return math.inf if record.reason == Reason.INCONSISTENT else record.gap


@dataclass(frozen=True)
class Cell:
    """All runs of one contender on one instance; never empty.

    Attributes
    ----------
    instance, contender
        Whose runs they are.
    runs
        One per seed, ascending.
    """

    instance: str
    contender: Contender
    runs: tuple[RunRecord, ...]

    @cached_property
    def time(self) -> float:
        """Median over seeds, unsolved runs being infinite: finite if more than half are solved."""
        return self._median(run_time)

    @property
    def solved(self) -> bool:
        """Whether `time` is finite."""
        return math.isfinite(self.time)

    @property
    def limit(self) -> float:
        """The time limit; the same for all runs of a contender."""
        return self.runs[0].spec.time_limit

    @property
    def counted(self) -> float:
        """`time`, or the limit if it is infinite: what counts in geometric means."""
        return self.time if self.solved else self.limit

    @property
    def seconds(self) -> float:
        """Median of the wall seconds as they were, solved or not."""
        return self._median(lambda run: run.seconds)

    @property
    def solve_seconds(self) -> float:
        """Median of the seconds inside the solver."""
        return self._median(lambda run: run.phases.get("solve", 0.0))

    @property
    def delta(self) -> float | None:
        """The delta asked for."""
        return self.runs[0].spec.delta

    @property
    def lower(self) -> float:
        """Best witnessed bound: any real pair will do, so the largest of all seeds holds."""
        return max(run.delta_lower for run in self.runs)

    @property
    def upper(self) -> float:
        """Least certified bound: each holds for all pairs, so the least of all seeds holds."""
        return min(run_upper(run) for run in self.runs)

    @cached_property
    def median_lower(self) -> float:
        """Median over seeds: what one run can be expected to witness."""
        return self._median(lambda run: run.delta_lower)

    @cached_property
    def median_upper(self) -> float:
        """Median over seeds: what one run can be expected to certify."""
        return self._median(run_upper)

    @cached_property
    def gap(self) -> float | None:
        """Median of the final gaps over seeds; None where a delta was asked for."""
        gaps = [gap for gap in map(run_gap, self.runs) if gap is not None]
        return quantiles(gaps, (0.5,))[0] if gaps else None

    @property
    def memory(self) -> int:
        """Most bytes of any run; process and child together, which is at most a little too much."""
        return max(run.peak_memory + run.peak_memory_children for run in self.runs)

    @property
    def nodes(self) -> float | None:
        """Median number of nodes over the runs that tell."""
        nodes = [run.nodes for run in self.runs if run.nodes is not None]
        return quantiles(nodes, (0.5,))[0] if nodes else None

    @property
    def rounds(self) -> float:
        """Median number of rounds."""
        return self._median(lambda run: run.rounds)

    def _median(self, value: Callable[[RunRecord], float]) -> float:
        return quantiles([value(run) for run in self.runs], (0.5,))[0]


def last_tries(records: Iterable[RunRecord]) -> list[RunRecord]:
    """Return one record per run: of several tries at the same key the last."""
    kept: dict[str, RunRecord] = {}
    for record in records:
        before = kept.get(record.key)
        if before is None or record.attempt >= before.attempt:
            kept[record.key] = record
    return list(kept.values())


def cells_of(records: Iterable[RunRecord], names: Names) -> list[Cell]:
    """Group runs by instance and contender, in the order of their names."""
    groups: dict[tuple[str, Contender], list[RunRecord]] = defaultdict(list)
    for record in records:
        groups[names.instance(record.spec), names.contender(record.spec)].append(record)
    return [
        Cell(instance, contender, tuple(sorted(groups[instance, contender], key=_order)))
        for instance in names.instances
        for contender in names.contenders
        if (instance, contender) in groups
    ]


def by_contender(cells: Iterable[Cell]) -> dict[str, list[Cell]]:
    """Return the cells by the contender's label, contenders in order."""
    found: dict[str, list[Cell]] = {}
    for cell in sorted(cells, key=lambda cell: cell.contender):
        found.setdefault(cell.contender.label, []).append(cell)
    return found


def _order(record: RunRecord) -> tuple[int, int, str]:
    return record.spec.seed, record.spec.repeat, record.key


def outcomes(runs: Sequence[RunRecord]) -> str:
    """Return how runs ended: ``"closed"``, or ``"closed 2, open 1"`` where they differ."""
    counts = Counter(run.outcome for run in runs)
    if len(counts) == 1:
        return str(next(iter(counts)))
    return ", ".join(f"{outcome} {counts[outcome]}" for outcome in Outcome if outcome in counts)
