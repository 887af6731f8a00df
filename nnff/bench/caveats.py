"""What weakens a comparison, said in sentences: a mean over different instances is none."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

from nnff.bench.environment import environment_differences
from nnff.certification.digits import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import pandas as pd

    from nnff.bench.cells import Cell
    from nnff.bench.record import RunRecord

__all__ = ["caveats", "changed_instances", "environments", "some"]

_FEW_INSTANCES = 5
"""Below this a bootstrap interval covers clearly less than it says; see `geometric_mean_ratio`."""
_LATE = 1.1
"""Share of the limit after which a run is late."""
_LATE_SECONDS = 0.5
_NOISY = 0.1
"""Spread of control runs from which on the reader should know."""
_NAMED = 3

_SETTINGS = {
    "time_limit": "time limits",
    "gap": "gaps",
    "threads": "numbers of threads",
    "memory_limit": "memory limits",
}


def caveats(
    records: Sequence[RunRecord], kept: Sequence[RunRecord], cells: Sequence[Cell], noise: pd.DataFrame
) -> tuple[str, ...]:
    """Return sentences about what makes the comparison weaker than it looks.

    Parameters
    ----------
    records
        All records.
    kept
        Those that count: one per run.
    cells
        The measured ones of these, grouped.
    noise
        `Analysis.noise`.
    """
    return (
        *_repeated(records, kept),
        *_mixed_environments(kept),
        *_changed(cells),
        *_unequal_instances(cells),
        *_unequal_runs(cells),
        *_unequal_settings(cells),
        *_late(cells),
        *_few(cells),
        *_noise(noise),
    )


def environments(records: Iterable[RunRecord]) -> list[Mapping[str, Any]]:
    """Return the environments that differ, in the order of their first runs."""
    found: list[Mapping[str, Any]] = []
    for record in records:
        if record.environment and record.environment not in found:
            found.append(record.environment)
    return found


def changed_instances(cells: Iterable[Cell]) -> tuple[str, ...]:
    """Return the instances that were not the same problem in all runs.

    A run that ended before its problem was known has no fingerprint and says nothing.
    """
    prints: dict[str, set[str]] = defaultdict(set)
    for cell in cells:
        prints[cell.instance] |= {run.instance_fingerprint for run in cell.runs if run.instance_fingerprint}
    return tuple(instance for instance, seen in prints.items() if len(seen) > 1)


def some(names: Iterable[str]) -> str:
    """Return up to three names, and how many more there are."""
    names = list(names)
    shown = ", ".join(names[:_NAMED])
    return f"{shown} and {len(names) - _NAMED} more" if len(names) > _NAMED else shown


def _repeated(records: Sequence[RunRecord], kept: Sequence[RunRecord]) -> Iterator[str]:
    again = sum(count > 1 for count in Counter(record.key for record in records).values())
    if again:
        yield f"{_count(again, 'run was', 'runs were')} made more than once; the last try counts."
    seconds = Counter(record.outcome for record in kept if record.attempt > 1)
    if seconds and not again:
        yield f"{_count(seconds.total(), 'run is', 'runs are')} not the first try."


def _mixed_environments(records: Sequence[RunRecord]) -> Iterator[str]:
    found = environments(records)
    differences = dict.fromkeys(
        difference for other in found[1:] for difference in environment_differences(found[0], other)
    )
    if differences:
        yield f"The runs do not come from one environment: {'; '.join(differences)}."


def _changed(cells: Sequence[Cell]) -> Iterator[str]:
    changed = changed_instances(cells)
    if changed:
        yield (
            f"Not the same problem in all runs, so that their numbers cannot be compared: {some(changed)}."
        )


def _unequal_instances(cells: Sequence[Cell]) -> Iterator[str]:
    everything = dict.fromkeys(cell.instance for cell in cells)
    for contender in dict.fromkeys(cell.contender for cell in cells):
        own = {cell.instance for cell in cells if cell.contender == contender}
        missing = [instance for instance in everything if instance not in own]
        if missing:
            yield (
                f"{contender.label} was not run on {len(missing)} of {len(everything)} instances "
                f"({some(missing)}): its means are over the others; pairs and profiles are over common ones."
            )


def _unequal_runs(cells: Sequence[Cell]) -> Iterator[str]:
    most = max(len(cell.runs) for cell in cells)
    fewer = [cell for cell in cells if len(cell.runs) < most]
    if fewer:
        names = (f"{cell.contender.label} on {cell.instance}" for cell in fewer)
        yield f"Fewer than {most} runs: {some(names)}."


def _unequal_settings(cells: Sequence[Cell]) -> Iterator[str]:
    for name, words in _SETTINGS.items():
        values = {getattr(run.spec, name) for cell in cells for run in cell.runs}
        if len(values) > 1:
            # None, which is no limit, comes last.
            ordered = sorted(values, key=lambda value: math.inf if value is None else value)
            listed = ", ".join("none" if value is None else plain(value) for value in ordered)
            yield f"The runs have different {words}: {listed}."


def _late(cells: Sequence[Cell]) -> Iterator[str]:
    late = [
        (run.seconds / run.spec.time_limit, cell, run)
        for cell in cells
        for run in cell.runs
        if run.seconds > max(_LATE * run.spec.time_limit, run.spec.time_limit + _LATE_SECONDS)
    ]
    if late:
        _, cell, run = max(late, key=lambda found: found[0])
        worst = f"{run.seconds:.3g} s of {plain(run.spec.time_limit)} s"
        yield (
            f"{_count(len(late), 'run', 'runs')} took longer than the limit allows, at worst {worst} "
            f"({cell.contender.label} on {cell.instance})."
        )


def _few(cells: Sequence[Cell]) -> Iterator[str]:
    instances = {cell.instance for cell in cells}
    if len(instances) < _FEW_INSTANCES and len({cell.contender for cell in cells}) > 1:
        yield (
            f"{_count(len(instances), 'instance is', 'instances are')} too few for intervals: "
            "they are narrower than 95 % would need, and say nothing for one instance."
        )


def _noise(noise: pd.DataFrame) -> Iterator[str]:
    if noise.empty:
        yield "There are no control runs: how much of a difference is the machine's noise is not known."
        return
    widest = noise.loc[noise["spread"].idxmax()]
    if widest["spread"] > _NOISY:
        spread = widest["spread"]
        by = f"by {100 * spread:.3g} %" if math.isfinite(spread) else "beyond the time limit"
        yield (
            f"The machine is noisy: control runs of {widest['contender']} on {widest['instance']}, "
            f"in which nothing was changed, differ {by}."
        )


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
