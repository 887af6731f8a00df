"""A comparison as tables and sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nnff.bench.caveats import some
from nnff.bench.table import Column, Table, percent_text, ratio_text, seconds_text
from nnff.bench.tables import noise_rows
from nnff.certification.digits import rounded_down, rounded_up

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nnff.bench.compare import Comparison

__all__ = ["comparison_sentences", "comparison_tables"]

_SAME = 1e-9


def comparison_tables(comparison: Comparison) -> tuple[Table, ...]:
    """Return the totals, every instance, and what the control runs show; only what has rows."""
    tables = (_totals(comparison), _instances(comparison), noise_rows(comparison.noise))
    return tuple(table for table in tables if table.rows)


def comparison_sentences(comparison: Comparison) -> Iterator[str]:
    """Return what has no place in a table: what was closed or lost, what is on one side only, and so on."""
    for sentence in comparison.contradictions:
        yield f"Contradiction: {sentence}."
    for words, cells in (
        ("Newly solved", comparison.newly_solved),
        ("No longer solved", comparison.no_longer_solved),
    ):
        if cells:
            yield f"{words}: {', '.join(f'{contender} on {instance}' for instance, contender in cells)}."
    if comparison.changed:
        yield f"Not the same problem on both sides, so not compared: {', '.join(comparison.changed)}."
    for side, own in comparison.unpaired.groupby("side", sort=False):
        names = [f"{row.contender} on {row.instance}" for row in own.itertuples(index=False)]
        yield f"Only {side}: {own['runs'].sum()} runs ({some(names)})."
    if comparison.environment:
        yield f"What else differs: {'; '.join(comparison.environment)}."
    yield from comparison.warnings


def _totals(comparison: Comparison) -> Table:
    rows = [
        (
            row.contender,
            row.verdict,
            ratio_text(row.speed_up, row.bound),
            f"{seconds_text(row.low)} to {seconds_text(row.high)}",
            percent_text(row.noise),
            seconds_text(row.sgm1_before),
            seconds_text(row.sgm1_after),
            f"{row.solved_before} → {row.solved_after}",
            str(row.instances),
        )
        for row in comparison.totals.itertuples(index=False)
    ]
    heads = ("speed-up", "95 %", "noise", "sgm 1 s before", "after", "solved", "instances")
    return Table(
        "Before and after",
        (Column("contender"), Column("time"), *(Column(head, right=True) for head in heads)),
        tuple(rows),
        (
            "Speed-up is time before / time after, geometric mean over instances, with a bootstrap interval.",
            "A change is one only beyond the widest spread of the control runs.",
        ),
    )


def _instances(comparison: Comparison) -> Table:
    rows = [
        (
            row.instance,
            row.contender,
            row.verdict,
            ratio_text(row.speed_up, row.bound),
            f"{seconds_text(row.seconds_before)} → {seconds_text(row.seconds_after)}",
            _changed(row.outcome_before, row.outcome_after),
            _changed(rounded_down(row.delta_lower_before), rounded_down(row.delta_lower_after)),
            _percent(row.lower_change),
            _changed(rounded_up(row.delta_upper_before), rounded_up(row.delta_upper_after)),
            _percent(row.upper_change),
        )
        for row in comparison.instances.itertuples(index=False)
    ]
    words = ("instance", "contender", "time")
    heads = ("speed-up", "seconds", "outcome", "witnessed", "change", "certified", "change")
    return Table(
        "Per instance",
        (*map(Column, words), *(Column(head, right=True) for head in heads)),
        tuple(rows),
    )


def _changed(before: str, after: str) -> str:
    return after if before == after else f"{before} → {after}"


def _percent(change: float) -> str:
    if abs(change) <= _SAME:
        return "="
    return f"{'+' if change > 0 else ''}{percent_text(change)}"
