"""The page of a benchmark: one HTML file that needs no server, no script and no other file."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from nnff.bench.analysis import analyse
from nnff.bench.cells import last_tries
from nnff.bench.published import published_tables
from nnff.report.bench_brackets import bracket_figure
from nnff.report.bench_epsilon import epsilon_figure
from nnff.report.bench_factors import factor_figures
from nnff.report.bench_figures import contender_figures
from nnff.report.bench_tables import (
    beside_tables,
    contender_facts,
    environment_blocks,
    extra_rows,
    failures,
    gap_text,
    instance_rows,
    outcome_columns,
    overview_rows,
    pair_rows,
    seconds,
)
from nnff.report.bench_words import agreement, count, limits_of_benchmark, summary
from nnff.report.numbers import percent
from nnff.report.report import page_environment, write_whole
from nnff.report.svg import printable

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Sequence

    from nnff.bench.analysis import Analysis
    from nnff.bench.published import PublishedTable
    from nnff.bench.record import RunRecord
    from nnff.bench.suite import Suite

__all__ = ["DEFAULT_BENCH_TITLE", "render_bench_page", "write_bench_page"]

DEFAULT_BENCH_TITLE = "Solve time and delta of each solver"

_ROWS_AT_ONCE = 36
"""Longer tables are folded up."""
_SENTENCES_AT_ONCE = 4
_CONTRADICTIONS_AT_ONCE = 12


def write_bench_page(
    path: str | os.PathLike[str],
    records: Sequence[RunRecord],
    *,
    suites: Sequence[Suite] = (),
    title: str = DEFAULT_BENCH_TITLE,
    command: str | None = None,
    analysis: Analysis | None = None,
) -> None:
    """Write the page, whole or not at all.

    Parameters
    ----------
    path
        The HTML file.  Its folder must exist.
    records, suites, title, command, analysis
        See `render_bench_page`.

    Raises
    ------
    ConfigError
        If the file cannot be written.
    DataError, UnknownNameError
        See `render_bench_page`.
    """
    target = Path(path)
    html = render_bench_page(records, suites=suites, title=title, command=command, analysis=analysis)
    write_whole(target, html, "page")


def render_bench_page(
    records: Sequence[RunRecord],
    *,
    suites: Sequence[Suite] = (),
    title: str = DEFAULT_BENCH_TITLE,
    command: str | None = None,
    analysis: Analysis | None = None,
) -> str:
    """Return the page as HTML.

    It depends on the arguments alone: no clock, no machine, no random choice.  Everything that
    comes from records is escaped.

    Parameters
    ----------
    records
        Runs of one or more suites; of several tries at the same run the last counts.
    suites
        The suites they come from, if at hand: order of instances, summaries, published tables.
    title
        Heading.
    command
        The command line that made the records.
    analysis
        What `nnff.bench.analysis.analyse` makes of the very same records and suites, if it is at hand.

    Raises
    ------
    DataError
        If there are no runs, or a published table that a suite names cannot be read.
    UnknownNameError
        If a suite names a published table that does not exist.
    """
    found = analyse(records, suites=suites) if analysis is None else analysis
    kept = last_tries(records)
    measured = [record for record in kept if record.spec.role == "measure"]
    tables = published_tables(suites)
    epsilon = epsilon_figure(measured, _published_deltas(tables))
    brackets = bracket_figure(found)
    cells = len(found.cells)
    blocks = instance_rows(found)
    sources = list(dict.fromkeys(block.known_source for block in blocks if block.known_source))
    context: dict[str, Any] = {
        "title": title,
        "summary": summary(found),
        "agreement": agreement(found),
        "analysis": found,
        "suites": [(suite.name, suite.summary) for suite in suites if suite.name in found.suites],
        "suite_names": ", ".join(found.suites),
        "runs": len(measured),
        "controls": len(kept) - len(measured),
        "started": _minute(min((record.started for record in kept if record.started), default="")),
        "overview": overview_rows(found),
        "outcomes": outcome_columns(found),
        "failures": failures(kept, suites),
        "figures": contender_figures(found),
        "brackets": brackets,
        "epsilon": epsilon,
        "instances": blocks,
        "sources": sources,
        "spreads": any(cell.spread is not None for block in blocks for cell in block.cells),
        "cells": cells,
        "fold_instances": cells > _ROWS_AT_ONCE,
        "rows_at_once": _ROWS_AT_ONCE,
        "sentences_at_once": _SENTENCES_AT_ONCE,
        "contradictions_at_once": _CONTRADICTIONS_AT_ONCE,
        "extras": extra_rows(measured, suites),
        "pairs": pair_rows(found),
        "factors": factor_figures(found),
        "published": beside_tables(tables, measured),
        "limits": limits_of_benchmark(found),
        "facts": contender_facts(kept, suites),
        "environments": environment_blocks(kept),
        "command": command,
        "schemas": ", ".join(str(version) for version in sorted({r.schema_version for r in kept})),
        "seconds": seconds,
        "gap_text": gap_text,
        "spread_text": _spread,
    }
    environment = page_environment().overlay(finalize=_printed)
    environment.globals.update(count=count)
    return environment.get_template("bench.html.j2").render(context)


def _published_deltas(tables: Iterable[PublishedTable]) -> set[str]:
    """Return the names of further numbers that are differences of outputs, by what they are compared with."""
    return {
        entry.ours.quantity.removeprefix("extra.")
        for table in tables
        for entry in table.entries
        if entry.ours is not None and entry.kind.is_delta and entry.ours.quantity.startswith("extra.")
    }


def _printed(value: object) -> object:
    """Keep foreign text from turning the text around it; escaping comes after this."""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _minute(moment: str) -> str:
    """Return an ISO moment without seconds; another text as it is."""
    try:
        return datetime.fromisoformat(moment).astimezone(UTC).strftime("%Y-%m-%d %H:%M")
    except ValueError:
        return moment


def _spread(value: float) -> str:
    return "not all solved" if math.isinf(value) else percent(float(value))
