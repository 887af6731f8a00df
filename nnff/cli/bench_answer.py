"""A benchmark's answer: tables on stdout, warnings on stderr, CSV and HTML in the folder, an exit code."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import typer
from rich.text import Text

from nnff.bench import Suite, load_suite
from nnff.bench.analysis import analyse
from nnff.bench.comparison_tables import comparison_sentences, comparison_tables
from nnff.bench.csv_export import write_csv
from nnff.bench.jsonable import jsonable
from nnff.bench.tables import (
    analysis_tables,
    delta_table,
    instance_table,
    noise_table,
    overview_table,
    speed_up_table,
    time_table,
)
from nnff.cli.answer import print_files
from nnff.cli.console import plain_table, print_text, stderr_console, stdout_console
from nnff.errors import NnffError
from nnff.report.bench_page import write_bench_page

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import Console

    from nnff.bench.analysis import Analysis
    from nnff.bench.compare import Comparison
    from nnff.bench.record import RunRecord
    from nnff.bench.store import Store
    from nnff.bench.table import Table
    from nnff.cli.files import OutputFolder

__all__ = ["EXIT_CONTRADICTION", "LEAST_IMPORTANT", "print_comparison", "print_tables", "publish", "warn"]

EXIT_CONTRADICTION = 1

LEAST_IMPORTANT = (
    *(
        "range",
        "of the middle half",
        "nodes",
        "rounds",
        "in solver",
        "sgm 10 s",
        "memory",
        "better",
        "tighter",
    ),
    *("neither", "second only", "first only", "both solved", "with 1 s added", "median"),
)
"""Columns that are left out of a table that is too wide, in this order."""

_MOST_ROWS = 40
"""A longer table is left to the page."""


def publish(
    store: Store,
    folder: OutputFolder,
    *,
    command: str,
    whole: bool = False,
    as_json: bool = False,
    as_markdown: bool = False,
    exit_zero: bool = False,
) -> int:
    """Analyse the runs of a folder, print what they say, write runs.csv and report.html.

    Parameters
    ----------
    store
        The runs, read.
    folder
        Where the files go.
    command
        The command line that made them, for the page.
    whole
        Print all tables instead of the most important ones.
    as_json, as_markdown
        Print that instead of tables for the terminal.
    exit_zero
        Return 0 even if brackets do not meet.

    Returns
    -------
    The exit code: 1 if brackets do not meet.
    """
    records = store.records
    suites = _suites(records)
    analysis = analyse(records, suites=suites)
    folder.write("runs.csv", lambda path: write_csv(store.last_tries, path))
    folder.write(
        "report.html",
        lambda path: write_bench_page(path, records, suites=suites, command=command, analysis=analysis),
    )
    tables = analysis_tables(analysis) if whole else _important(analysis)
    if as_json:
        typer.echo(json.dumps(jsonable(analysis), indent=2))
    elif as_markdown:
        typer.echo("\n".join(table.markdown() for table in tables))
    else:
        console = stdout_console()
        print_tables(console, tables)
        print_files(console, folder.written)
    warn(analysis.warnings)
    return _accuse(analysis.contradictions, exit_zero=exit_zero)


def print_comparison(
    comparison: Comparison, *, as_json: bool = False, as_markdown: bool = False, exit_zero: bool = False
) -> int:
    """Print what changed, as tables and sentences, or as JSON or Markdown; return the exit code."""
    tables, sentences = comparison_tables(comparison), list(comparison_sentences(comparison))
    if as_json:
        typer.echo(json.dumps(comparison.to_dict(), indent=2))
    elif as_markdown:
        typer.echo("\n".join([*(table.markdown() for table in tables), "\n\n".join(sentences)]))
    else:
        console = stdout_console()
        print_tables(console, tables)
        for sentence in sentences:
            print_text(console, Text(sentence))
    return _accuse(comparison.contradictions, exit_zero=exit_zero)


def print_tables(console: Console, tables: Iterable[Table]) -> None:
    """Print tables, each with its title above and its notes below.

    What is too wide loses its least important columns, and says so: cut off numbers would be worse.
    """
    for table in tables:
        kept = _fitting(table, console.width)
        shown = plain_table(header=True)
        for place in kept:
            column = table.columns[place]
            shown.add_column(Text(column.name), justify="right" if column.right else "left", overflow="fold")
        for row in table.rows:
            shown.add_row(*(Text(row[place]) for place in kept))
        console.print(Text(table.title, style="bold"))
        console.print(shown)
        dropped = [column.name for place, column in enumerate(table.columns) if place not in kept]
        names = ", ".join(dict.fromkeys(dropped))
        narrow = (f"Left out, for want of width: {names}.",) if dropped else ()
        for note in (*table.notes, *narrow):
            print_text(console, Text(note, style="dim"))
        console.print()


def _fitting(table: Table, width: int) -> list[int]:
    """Return the places of the columns that fit beside each other, in order."""
    widths = [
        max(map(len, (column.name, *(row[place] for row in table.rows)))) + 2
        for place, column in enumerate(table.columns)
    ]
    kept = list(range(len(widths)))
    for name in LEAST_IMPORTANT:
        if sum(widths[place] for place in kept) - 2 <= width:
            break
        kept = [place for place in kept if table.columns[place].name != name]
    return kept


def warn(sentences: Iterable[str]) -> None:
    """Print warnings on stderr, one a line."""
    console = stderr_console()
    for sentence in sentences:
        console.print(Text.assemble(("warning: ", "yellow"), sentence), soft_wrap=True)


def _accuse(contradictions: Sequence[str], *, exit_zero: bool) -> int:
    """Name the brackets that do not meet, on stderr, and return the exit code."""
    console = stderr_console()
    for sentence in contradictions:
        console.print(Text.assemble(("brackets do not meet: ", "bold red"), sentence), soft_wrap=True)
    return EXIT_CONTRADICTION if contradictions and not exit_zero else 0


def _important(analysis: Analysis) -> Sequence[Table]:
    tables = (
        overview_table(analysis),
        time_table(analysis),
        instance_table(analysis),
        speed_up_table(analysis),
        delta_table(analysis),
        noise_table(analysis),
    )
    return [table for table in tables if table.rows and len(table.rows) <= _MOST_ROWS]


def _suites(records: Iterable[RunRecord]) -> list[Suite]:
    """Return the suites that the runs come from, as far as they can still be made."""
    suites = []
    for name, full in dict.fromkeys((record.spec.suite, record.spec.full) for record in records):
        try:
            suites.append(load_suite(name, full=full))
        except NnffError as error:
            warn([f"the suite {name} is left out of the report's descriptions: {error}"])
    return suites
