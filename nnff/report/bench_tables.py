"""Tables of the page of a benchmark: rows of numbers as a reader sees them."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nnff.bench.cells import last_tries, run_upper
from nnff.bench.contender import Names
from nnff.bench.published import beside
from nnff.bench.record import Outcome
from nnff.report.bench_words import ranking
from nnff.report.numbers import Shown, at_least, at_most, percent, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from nnff.bench.analysis import Analysis
    from nnff.bench.published import BesideRow, PublishedTable
    from nnff.bench.record import RunRecord
    from nnff.bench.suite import Suite

__all__ = [
    "BesideTable",
    "ContenderFacts",
    "InstanceRows",
    "PairRow",
    "beside_tables",
    "contender_facts",
    "environment_blocks",
    "extra_rows",
    "failures",
    "instance_rows",
    "outcome_columns",
    "overview_rows",
    "pair_rows",
    "seconds",
]

_OUTCOMES = {
    "closed": "closed",
    "open": "open",
    "certified": "certified",
    "violated": "violated",
    "undecided": "undecided",
    "errors": "errors",
    "out_of_memory": "out of memory",
}
_NONE = "\u2013"
_MEGABYTE, _GIGABYTE = 1e6, 1e9


@dataclass(frozen=True)
class CellRow:
    """One contender on one instance."""

    contender: str
    seconds: Shown
    spread: tuple[Shown, Shown] | None
    lower: Shown
    upper: Shown
    gap: str
    outcome: str
    solved: bool
    nodes: Shown | None
    rounds: Shown
    fastest: bool


@dataclass(frozen=True)
class InstanceRows:
    """All contenders on one instance, and what was known of it."""

    instance: str
    metric: str
    epsilon: Shown
    delta: Shown | None
    known: tuple[Shown | None, Shown | None] | None
    known_proven: bool
    known_source: str
    cells: tuple[CellRow, ...]


@dataclass(frozen=True)
class PairRow:
    """Two contenders, the faster first; `some`: whether either solved anything."""

    a: str
    b: str
    speed_up: Shown
    low: Shown
    high: Shown
    bound: str
    shifted: Shown
    counts: tuple[int, int, int, int]
    some: bool
    instances: int


@dataclass(frozen=True)
class ContenderFacts:
    """What a contender ran with."""

    label: str
    versions: str
    strategy: str
    settings: str
    applied: tuple[str, ...]


@dataclass(frozen=True)
class BesideEntry:
    """A published number with ours, and whether it is the first and the last row of its entry."""

    row: BesideRow
    ours: Shown | None
    bracket: tuple[Shown, Shown] | None
    first: bool
    last: bool


@dataclass(frozen=True)
class BesideTable:
    """A published table, and its entries beside ours."""

    table: PublishedTable
    entries: tuple[BesideEntry, ...]
    without: tuple[BesideRow, ...]


def number(value: Any, show: Any = shown, *arguments: Any) -> Shown | None:
    """Return a number as shown, or None where there is none."""
    if value is None or math.isnan(value):
        return None
    made: Shown = show(float(value), *arguments)
    return made


def seconds(value: float) -> Shown:
    """Return wall seconds with three digits: solves take milliseconds or minutes."""
    return shown(float(value), 3)


def gap_text(value: Any) -> str:
    """Return a relative gap in per cent; a dash where none applies."""
    if value is None or math.isnan(value):
        return _NONE
    return "no bound" if math.isinf(value) else percent(float(value))


def overview_rows(analysis: Analysis) -> list[dict[str, Any]]:
    """Return the rows of the overview, the best contender first."""
    rows = analysis.overview.set_index("contender", drop=False)
    made = []
    for label in ranking(analysis):
        row = rows.loc[label]
        made.append(
            {
                "contender": label,
                "solved": int(row["solved"]),
                "instances": int(row["instances"]),
                "runs": int(row["runs"]),
                "sgm1": number(row["sgm1"], shown, 3),
                "sgm10": number(row["sgm10"], shown, 3),
                "par10": number(row["par10"], shown, 3),
                "solve": number(row["median_solve_seconds"], shown, 3),
                "gap": gap_text(row["median_gap"]),
                "memory": number(row["peak_memory"] / _MEGABYTE, shown, 3) if row["peak_memory"] else None,
                "outcomes": [int(row[name]) for name, _ in outcome_columns(analysis)],
            }
        )
    return made


def outcome_columns(analysis: Analysis) -> list[tuple[str, str]]:
    """Return the outcomes that occurred: column and words."""
    return [(name, words) for name, words in _OUTCOMES.items() if analysis.overview[name].sum()]


def instance_rows(analysis: Analysis) -> list[InstanceRows]:
    """Return one block per instance, in their order."""
    blocks = []
    for instance, frame in analysis.cells.groupby("instance", sort=False):
        first = frame.iloc[0]
        solved = frame[frame["solved"]]
        fastest = solved["seconds"].min() if len(solved) > 1 else None
        lower, upper = number(first["known_lower"], at_least), number(first["known_upper"], at_most)
        blocks.append(
            InstanceRows(
                str(instance),
                str(first["metric"]),
                shown(float(first["epsilon"])),
                number(first["delta"]),
                None if lower is None and upper is None else (lower, upper),
                bool(first["known_proven"]) or upper is None,
                str(first["known_source"] or ""),
                tuple(_cell_row(row, fastest) for row in frame.itertuples()),
            )
        )
    return blocks


def _cell_row(row: Any, fastest: float | None) -> CellRow:
    return CellRow(
        row.contender,
        seconds(row.seconds),
        _spread(row),
        at_least(row.delta_lower),
        at_most(row.delta_upper),
        gap_text(row.gap),
        row.outcome,
        bool(row.solved),
        number(row.nodes, shown, 9),
        shown(row.rounds),
        bool(row.solved) and row.seconds == fastest,
    )


def _spread(row: Any) -> tuple[Shown, Shown] | None:
    """Return the ends of the times over seeds, where they can be told apart."""
    least, most = seconds(row.seconds_min), seconds(row.seconds_max)
    return None if least.text == most.text else (least, most)


def pair_rows(analysis: Analysis) -> list[PairRow]:
    """Return each pair of contenders once, the faster first."""
    order = {label: place for place, label in enumerate(ranking(analysis))}
    rows = []
    for row in analysis.speed_ups.itertuples():
        # Where the mean is exactly 1 either direction would do.
        ahead = row.speed_up > 1 or (row.speed_up == 1 and order[row.a] < order[row.b])
        if ahead:
            rows.append(
                PairRow(
                    row.a,
                    row.b,
                    shown(row.speed_up, 3),
                    shown(row.low, 3),
                    shown(row.high, 3),
                    row.bound,
                    shown(row.shifted, 3),
                    (int(row.both), int(row.only_a), int(row.only_b), int(row.neither)),
                    bool(row.both + row.only_a + row.only_b),
                    int(row.instances),
                )
            )
    return sorted(rows, key=lambda pair: (order[pair.a], order[pair.b]))


def extra_rows(
    records: Iterable[RunRecord], suites: Sequence[Suite] = ()
) -> tuple[list[str], list[tuple[str, list[Shown | None]]]]:
    """Return the names of further numbers, and per instance the first run's that has them."""
    kept = last_tries(records)
    names = Names((record.spec for record in kept), suites)
    found: dict[str, dict[str, float]] = {}
    for record in kept:
        own = found.setdefault(names.instance(record.spec), {})
        for name, value in record.extra.items():
            own.setdefault(name, value)
    columns = list(dict.fromkeys(name for own in found.values() for name in own))
    rows = [
        (instance, [number(found[instance].get(column)) for column in columns])
        for instance in names.instances
        if found.get(instance)
    ]
    return columns, rows


def failures(records: Iterable[RunRecord], suites: Sequence[Suite] = ()) -> list[tuple[str, str, str, int]]:
    """Return contender, instance, what went wrong, and in how many runs, of runs that failed."""
    kept = last_tries(records)
    names = Names((record.spec for record in kept), suites)
    found: dict[tuple[str, str, str], int] = defaultdict(int)
    for record in kept:
        if record.outcome in (Outcome.ERROR, Outcome.OUT_OF_MEMORY):
            said = ": ".join(text for text in (record.reason, record.detail) if text) or "no reason given"
            words = f"{record.outcome.value}: {said}"
            found[names.contender(record.spec).label, names.instance(record.spec), words] += 1
    return [(*key, runs) for key, runs in found.items()]


def contender_facts(records: Iterable[RunRecord], suites: Sequence[Suite] = ()) -> list[ContenderFacts]:
    """Return per contender versions, limits and options, as far as its runs tell."""
    kept = last_tries(records)
    names = Names((record.spec for record in kept), suites)
    groups: dict[Any, list[RunRecord]] = defaultdict(list)
    for record in kept:
        groups[names.contender(record.spec)].append(record)
    facts = []
    for contender, runs in sorted(groups.items()):
        versions = dict.fromkeys(run.solver_version for run in runs if run.solver_version)
        specs = [run.spec for run in runs]
        settings = [
            f"time limit {_values(s.time_limit for s in specs)} s",
            f"gap {_values(s.gap for s in specs)}",
            f"threads {_values(s.threads for s in specs)}",
            f"seeds {_values(s.seed for s in specs)}",
        ]
        limits = {s.memory_limit for s in specs if s.memory_limit is not None}
        if limits:
            settings.append(f"memory {_values(limit / _MEGABYTE for limit in sorted(limits))} MB")
        applied = dict.fromkeys(as_json(run.solver_applied) for run in runs if run.solver_applied)
        facts.append(
            ContenderFacts(
                contender.label,
                ", ".join(versions),
                contender.strategy,
                ", ".join(settings),
                tuple(applied),
            )
        )
    return facts


def _values(values: Iterable[float]) -> str:
    """Return the different values, few of them."""
    different = sorted(set(values))
    texts = [str(shown(value)) for value in different]
    most = 6
    return ", ".join(texts) if len(texts) <= most else f"{texts[0]} to {texts[-1]} ({len(texts)} values)"


def environment_blocks(records: Iterable[RunRecord]) -> list[list[tuple[str, str]]]:
    """Return the different environments as names (``machine cores``) and values.

    Of all but the first only what differs from it.
    """
    different: dict[str, list[tuple[str, str]]] = {}
    for record in last_tries(records):
        if record.environment:
            different.setdefault(as_json(record.environment), _flat(record.environment))
    first, *others = different.values() or [[]]
    return [first, *([item for item in other if item not in first] for other in others)] if first else []


def _flat(tree: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    found = []
    for name, value in tree.items():
        if isinstance(value, dict):
            found += _flat(value, f"{prefix}{name} ")
        else:
            found.append((f"{prefix}{name}", _fact(name, value)))
    return found


def _fact(name: str, value: Any) -> str:
    if name == "memory" and isinstance(value, int):
        return f"{shown(value / _GIGABYTE, 3)} GB"
    return value if isinstance(value, str) else as_json(value)


def as_json(value: object) -> str:
    """Return a value as JSON, keys sorted, for reading."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)


def beside_tables(tables: Iterable[PublishedTable], records: Sequence[RunRecord]) -> list[BesideTable]:
    """Set our numbers beside published ones, with our whole bracket wherever a difference was published."""
    brackets = _brackets(records)
    made = []
    for table in tables:
        rows = beside(table, records)
        ours = [row for row in rows if row.value is not None]
        entries = []
        for place, row in enumerate(ours):
            suite = row.entry.ours.suite if row.entry.ours is not None else ""
            bracket = brackets.get((suite, row.instance)) if row.entry.kind.is_delta else None
            entries.append(
                BesideEntry(
                    row,
                    number(row.value),
                    None if bracket is None else (at_least(bracket[0]), at_most(bracket[1])),
                    place == 0 or ours[place - 1].entry is not row.entry,
                    place == len(ours) - 1 or ours[place + 1].entry is not row.entry,
                )
            )
        made.append(BesideTable(table, tuple(entries), tuple(row for row in rows if row.value is None)))
    return made


def _brackets(records: Iterable[RunRecord]) -> dict[tuple[str, str], tuple[float, float]]:
    """Return the best bracket per suite and instance: every bound holds, whoever found it."""
    groups: dict[tuple[str, str], list[RunRecord]] = defaultdict(list)
    for record in last_tries(records):
        if record.spec.role == "measure" and record.outcome not in (Outcome.ERROR, Outcome.OUT_OF_MEMORY):
            groups[record.spec.suite, record.spec.instance].append(record)
    return {
        key: (max(run.delta_lower for run in runs), min(run_upper(run) for run in runs))
        for key, runs in groups.items()
    }
