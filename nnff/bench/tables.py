"""An analysis as tables of texts; the command line prints them, documentation takes their Markdown."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from nnff.bench.record import Outcome
from nnff.bench.statistics import step_values
from nnff.bench.table import (
    Column,
    Table,
    bracket_text,
    bytes_text,
    gap_text,
    percent_text,
    ratio_text,
    seconds_text,
)
from nnff.certification.digits import plain, rounded_down, rounded_up

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import pandas as pd

    from nnff.bench.analysis import Analysis

__all__ = [
    "analysis_tables",
    "delta_table",
    "factor_tables",
    "gap_table",
    "instance_table",
    "noise_table",
    "overview_table",
    "phase_table",
    "profile_table",
    "speed_up_table",
    "time_table",
]

_TAUS = (1.0, 1.5, 2.0, 4.0, 10.0, 100.0)
_SMALL_SHARE = 0.005
"""A phase that takes less in every contender has no column."""

_TIMES = (
    "Seconds are those of the whole certification; what is not solved counts with the time limit, in "
    "PAR-10 with ten times the limit. Seeds: median first, then statistics over instances."
)
_BOUNDS = (
    "A side that was stopped by its limit makes the speed-up a bound (≥ or ≤), and stands in brackets where "
    "both sides were stopped; intervals are 95 %, from resampled instances."
)


def analysis_tables(analysis: Analysis) -> tuple[Table, ...]:
    """Return all tables that have rows, the most important first."""
    tables = [
        overview_table(analysis),
        time_table(analysis),
        speed_up_table(analysis),
        profile_table(analysis),
        gap_table(analysis),
        delta_table(analysis),
        phase_table(analysis),
        *factor_tables(analysis),
        noise_table(analysis),
        instance_table(analysis),
    ]
    return tuple(table for table in tables if table.rows)


def overview_table(analysis: Analysis) -> Table:
    """Return one row per contender: what was solved, and how fast."""
    heads = ("solved", "runs", "sgm 1 s", "sgm 10 s", "PAR-10", "median", "in solver", "median gap", "memory")
    rows = [
        (
            row.contender,
            f"{row.solved}/{row.instances}",
            _outcomes(row),
            *map(seconds_text, (row.sgm1, row.sgm10, row.par10, row.median_seconds)),
            seconds_text(row.median_solve_seconds),
            gap_text(row.median_gap),
            bytes_text(row.peak_memory),
        )
        for row in _rows(analysis.overview)
    ]
    columns = (Column("contender"), *(Column(head, right=head != "runs") for head in heads))
    return Table("Solved instances and seconds", columns, tuple(rows), (_TIMES,))


def time_table(analysis: Analysis) -> Table:
    """Return the seconds of every instance, one column per contender; what came of it where not solved."""
    texts = {
        (row.instance, row.contender): seconds_text(row.counted_seconds) if row.solved else _unsolved(row)
        for row in _rows(analysis.cells)
    }
    labels = [contender.label for contender in analysis.contenders]
    rows = [
        (instance, *(texts.get((instance, label), "-") for label in labels))
        for instance in analysis.instances
    ]
    columns = (Column("instance"), *(Column(label, right=True) for label in labels))
    return Table("Seconds per instance, median over seeds", columns, tuple(rows))


def instance_table(analysis: Analysis) -> Table:
    """Return everything about every instance and contender: seconds, bracket, effort, what is known."""
    rows = []
    before = None
    for row in _rows(analysis.cells):
        asked = "" if math.isnan(row.delta) else f" of {plain(row.delta)}"
        rows.append(
            (
                "" if row.instance == before else row.instance,
                row.contender,
                f"{row.outcome}{asked}",
                seconds_text(row.seconds),
                _range(row.seconds_min, row.seconds_max),
                seconds_text(row.solve_seconds),
                rounded_down(row.delta_lower),
                rounded_up(row.delta_upper),
                gap_text(row.gap),
                _number(row.nodes),
                _number(row.rounds),
                bracket_text(row.known_lower, row.known_upper, proven=row.known_proven),
            )
        )
        before = row.instance
    words = ("instance", "contender", "outcome")
    numbers = ("seconds", "range", "in solver", "witnessed", "certified", "gap", "nodes", "rounds", "known")
    return Table(
        "Brackets per instance",
        (*map(Column, words), *(Column(head, right=True) for head in numbers)),
        tuple(rows),
        ("Witnessed and certified: the best of all seeds; ~ marks an indication that is no proven bound.",),
    )


def speed_up_table(analysis: Analysis) -> Table:
    """Return every pair once, the faster contender first."""
    rows = []
    seen: set[frozenset[str]] = set()
    for row in _rows(analysis.speed_ups):
        pair = frozenset((row.a, row.b))
        # Equal ones stand in the order of their names.
        if row.speed_up < 1 or pair in seen:
            continue
        seen.add(pair)
        rows.append(
            (
                row.a,
                row.b,
                ratio_text(row.speed_up, row.bound),
                f"{seconds_text(row.low)} to {seconds_text(row.high)}",
                ratio_text(row.shifted, row.bound),
                *map(str, (row.instances, row.both, row.only_a, row.only_b, row.neither)),
            )
        )
    heads = ("times as fast", "95 %", "with 1 s added", "instances")
    solved = ("both solved", "first only", "second only", "neither")
    columns = (Column("contender"), Column("than"), *(Column(head, right=True) for head in (*heads, *solved)))
    return Table("How many times as fast", columns, tuple(rows), (_BOUNDS,))


def delta_table(analysis: Analysis) -> Table:
    """Return how far the bounds of every two contenders lie apart."""
    rows = [
        (
            row.a,
            row.b,
            str(row.instances),
            percent_text(row.upper_median),
            _range(row.upper_min, row.upper_max, percent_text),
            f"{row.upper_tighter_a} : {row.upper_tighter_b}",
            percent_text(row.lower_median),
            _range(row.lower_min, row.lower_max, percent_text),
            f"{row.lower_better_a} : {row.lower_better_b}",
        )
        for row in _rows(analysis.deltas)
    ]
    heads = ("instances", "certified", "range", "tighter", "witnessed", "range", "better")
    return Table(
        "Differences of delta",
        (Column("a"), Column("b"), *(Column(head, right=True) for head in heads)),
        tuple(rows),
        (
            "(a - b) / larger of the two, median over instances.",
            "Tighter, better: on how many instances a's bound is, and on how many b's.",
        ),
    )


def gap_table(analysis: Analysis) -> Table:
    """Return the distribution of the final gaps over instances."""
    rows = [
        (
            row.contender,
            str(row.instances),
            percent_text(row.closed),
            *map(gap_text, (row.min, row.q25, row.median, row.q75, row.q90, row.max)),
        )
        for row in _rows(analysis.gaps)
    ]
    heads = ("instances", "closed", "least", "25 %", "median", "75 %", "90 %", "largest")
    columns = (Column("contender"), *(Column(head, right=True) for head in heads))
    return Table("Final relative gap", columns, tuple(rows))


def profile_table(analysis: Analysis) -> Table:
    """Return the share of instances solved within a multiple of the fastest contender's time."""
    rows = []
    if len(analysis.contenders) > 1:
        for label, own in analysis.profiles.groupby("contender", sort=False):
            shares = step_values(own["tau"].to_numpy(), own["rho"].to_numpy(), np.array(_TAUS), 0.0)
            # The last value is the share that was solved at all.
            rows.append((str(label), *map(percent_text, (*shares, own["rho"].iloc[-1]))))
    heads = (*(f"{plain(tau)} x" for tau in _TAUS), "ever")
    note = f"Of the {len(analysis.common)} instances that all contenders were run on (Dolan and More 2002)."
    columns = (Column("contender"), *(Column(head, right=True) for head in heads))
    return Table("Solved within a multiple of the fastest time", columns, tuple(rows), (note,))


def phase_table(analysis: Analysis) -> Table:
    """Return where the time goes, in shares of all phases; small ones are taken together."""
    largest = analysis.phases.groupby("phase", sort=False)["share"].max()
    shown = [str(phase) for phase in largest.index if largest[phase] >= _SMALL_SHARE]
    rows = []
    for label, own in analysis.phases.groupby("contender", sort=False):
        shares = dict(zip(own["phase"], own["share"], strict=True))
        rest = math.fsum(share for phase, share in shares.items() if phase not in shown)
        rows.append((str(label), *(percent_text(shares[phase]) for phase in shown), percent_text(rest)))
    columns = (Column("contender"), *(Column(head, right=True) for head in (*shown, "rest")))
    return Table("Where the time goes", columns, tuple(rows), ("From the start of the process to its end.",))


def noise_table(analysis: Analysis) -> Table:
    """Return how far control runs lie apart."""
    return noise_rows(analysis.noise)


def noise_rows(noise: pd.DataFrame) -> Table:
    """Return `Analysis.noise`, or the same with a column `side` before it."""
    sides = "side" in noise
    rows = [
        (
            *((row.side,) if sides else ()),
            row.contender,
            row.instance,
            f"{row.solved_runs}/{row.runs}",
            seconds_text(row.median),
            _range(row.min, row.max),
            percent_text(row.spread),
            percent_text(row.quartile_spread),
        )
        for row in _rows(noise)
    ]
    heads = ("solved", "median", "range", "spread", "of the middle half")
    words = ("side", "contender", "instance") if sides else ("contender", "instance")
    return Table(
        "Noise of the machine",
        (*map(Column, words), *(Column(head, right=True) for head in heads)),
        tuple(rows),
        ("Control runs, in which nothing was changed; spreads relative to the median.",),
    )


def factor_tables(analysis: Analysis) -> Iterator[Table]:
    """Return one table per factor: seconds for every value and contender."""
    labels = [contender.label for contender in analysis.contenders]
    for (suite, factor), own in analysis.factors.groupby(["suite", "factor"], sort=False):
        texts = {(row.value, row.contender): _factor_text(row) for row in _rows(own)}
        rows = [
            (
                value if isinstance(value, str) else plain(value),
                *(texts.get((value, label), "-") for label in labels),
            )
            for value in dict.fromkeys(own["value"])
        ]
        alone = (own["design"] == "one factor").all()
        yield Table(
            f"{factor} ({suite})" if len(analysis.suites) > 1 else str(factor),
            (Column(str(factor)), *(Column(label, right=True) for label in labels)),
            tuple(rows),
            (
                "Seconds (shifted geometric mean, 1 s); share solved and median gap where not all are; "
                + ("everything else as in the centre." if alone else "over all instances with the value."),
            ),
        )


def _factor_text(row: Any) -> str:
    if row.solved == 1:
        return seconds_text(row.seconds)
    gap = "" if math.isnan(row.gap) else f", gap {gap_text(row.gap)}"
    return f"≥ {rounded_down(row.seconds, 3)} ({percent_text(row.solved)} solved{gap})"


def _unsolved(row: Any) -> str:
    if row.outcome in (Outcome.ERROR, Outcome.OUT_OF_MEMORY):
        return str(row.outcome)
    if math.isnan(row.gap):
        return f"> {plain(row.time_limit)}"
    return f"> {plain(row.time_limit)} (gap {gap_text(row.gap)})"


def _outcomes(row: Any) -> str:
    counts = {
        name.replace("_", " "): getattr(row, name)
        for name in ("closed", "certified", "violated", "open", "undecided", "errors", "out_of_memory")
    }
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count)


def _range(low: float, high: float, text: Callable[[float], str] = seconds_text) -> str:
    return text(low) if text(low) == text(high) else f"{text(low)} to {text(high)}"


def _number(value: float) -> str:
    return "" if math.isnan(value) else plain(value)


def _rows(frame: pd.DataFrame) -> Iterable[Any]:
    rows: Iterable[Any] = frame.itertuples(index=False)
    return rows
