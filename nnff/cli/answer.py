"""A certificate as people read it in a terminal."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.text import Text

from nnff.certification.certificate import Certificate, Reason, Strategy, Trust, Verdict
from nnff.cli.console import plain_table, print_text
from nnff.cli.guard import EXIT_INTERRUPTED, EXIT_UNDECIDED, EXIT_VIOLATED
from nnff.question import QuestionKind
from nnff.report.numbers import at_least, at_most, duration, percent, shown
from nnff.report.pair import Pair, PairRow, pair_table
from nnff.report.sensitivity_bars import by_contribution

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from rich.console import Console
    from rich.table import Table

    from nnff.certification.certificate import RegionRecord
    from nnff.certification.sensitivity import Sensitivity

__all__ = [
    "bounds_table",
    "exit_code",
    "gap_text",
    "print_answer",
    "print_files",
    "print_pair",
    "print_sensitivity",
    "region_line",
    "solver_line",
]

_VERDICT_STYLE = {Verdict.CERTIFIED: "green", Verdict.VIOLATED: "red", Verdict.UNDECIDED: "yellow"}

_TRUST = {
    Trust.SOLVER: "dual bound of the solver",
    Trust.AGREED: "dual bound of the solver, others agree",
    Trust.EXHAUSTIVE: "every point was evaluated",
    Trust.CLOSED_FORM: "closed form, no solver needed",
    Trust.PROVED: "exact arithmetic",
}

_LISTED = 6
"""Features that do not differ are listed with their values up to this many; the rest is counted."""


def exit_code(certificate: Certificate, *, exit_zero: bool = False) -> int:
    """Return what the command line exits with: 0 certified or nothing asked, 1 violated, 3 undecided."""
    if certificate.reason is Reason.INTERRUPTED:
        return EXIT_INTERRUPTED
    if exit_zero or certificate.verdict in (None, Verdict.CERTIFIED):
        return 0
    return EXIT_VIOLATED if certificate.verdict is Verdict.VIOLATED else EXIT_UNDECIDED


def print_answer(
    console: Console, certificate: Certificate, *, units: Mapping[str, str] | None = None
) -> None:
    """Print verdict sentence, bracket, worst pair and how they were obtained.

    Parameters
    ----------
    console
        Where to.
    certificate
        What is printed.
    units
        Unit by feature or output name, for the last column.
    """
    sentence = Text(certificate.sentence)
    if certificate.verdict in (Verdict.CERTIFIED, Verdict.VIOLATED):
        word = (certificate.verdict.value.capitalize(), f"bold {_VERDICT_STYLE[certificate.verdict]}")
        sentence = Text.assemble(word, ". ", sentence)
    elif certificate.verdict is Verdict.UNDECIDED:
        sentence.stylize("bold yellow", 0, len("Undecided"))
    print_text(console, sentence)
    if certificate.domain.region is not None:
        print_text(console, Text(region_line(certificate.domain.region), style="dim"))
    console.print()
    console.print(bounds_table(certificate, units=units))
    if certificate.witness is not None:
        console.print()
        print_pair(console, certificate, units=units)
    console.print()
    print_text(console, Text(solver_line(certificate), style="dim"))


def bounds_table(certificate: Certificate, *, units: Mapping[str, str] | None = None) -> Table:
    """Return both bounds, delta_data and the gap, each with a word on where it comes from."""
    unit = (units or {}).get(certificate.model.output_name, "")
    table = plain_table()
    table.add_column(style="bold")
    table.add_column(justify="right")
    table.add_column()
    table.add_column(style="dim")
    proven = certificate.delta_upper if certificate.reason is not Reason.INCONSISTENT else math.inf
    how = f"certified: {_TRUST[certificate.trust]}" if math.isfinite(proven) else "nothing is certified"
    flip = certificate.question.kind is QuestionKind.FLIP
    name = "margin" if flip else "delta"
    unit = "" if flip else unit
    table.add_row(f"{name}_upper", str(at_most(proven)), unit, how)
    table.add_row(f"{name}_lower", str(at_least(certificate.delta_lower)), unit, "witnessed: a real pair")
    if flip:
        if certificate.question.flips is not None:
            table.add_row("flips", f"{certificate.question.flips:,}", "", "similar pairs, all counted")
        table.add_row("threshold", str(shown(certificate.question.threshold or 0.0)), "", "asked for")
        return table
    for output in certificate.outputs if len(certificate.outputs) > 1 else ():
        table.add_row(output.name, str(at_most(output.delta_upper)), "", "certified, this output alone")
    if certificate.delta_data is not None:
        pairs = certificate.data_pairs or 0
        where = (
            f"largest over {pairs:,} similar pairs of data rows" if pairs else "no two data rows are similar"
        )
        table.add_row("delta_data", str(at_least(certificate.delta_data)), unit, where)
    if certificate.delta is not None:
        table.add_row("delta", str(shown(certificate.delta)), unit, "asked for")
    table.add_row("gap", gap_text(certificate.gap), "", certificate.reason.value)
    return table


def region_line(region: RegionRecord) -> str:
    """Say what the plausible region is."""
    line = (
        f"The domain is a plausible region: {len(region.rows)} rows learned from data, which hold "
        f"{percent(region.reached)} of {region.data_rows:,} data rows"
    )
    left = ", ".join(region.without)
    return f"{line}; they leave {left} alone." if left else f"{line}."


def gap_text(gap: float) -> str:
    """Print a relative gap; nothing is known while one side is missing."""
    # Beyond these ends more digits would say nothing: not begun to close, or closed to rounding.
    if gap < 1e-5:  # noqa: PLR2004
        return "below 0.001 %"
    return percent(gap) if gap < 10 else "open"  # noqa: PLR2004


def print_pair(console: Console, certificate: Certificate, *, units: Mapping[str, str] | None = None) -> None:
    """Print the worst pair in raw units: features that differ, largest first, the others folded."""
    pair = pair_table(certificate)
    if pair is None:
        return
    nearest = certificate.question.kind is QuestionKind.FLIP and pair.witness.delta < 0
    title = "Pair nearest to a flip" if nearest else "Worst pair"
    console.print(f"[bold]{title}[/], at distance {pair.distance}, raw units", soft_wrap=True)
    console.print()
    console.print(_pair(certificate, pair, units or {}))
    for label, rows in (("also differ", pair.rest), ("equal in both", pair.equal)):
        if rows:
            print_text(console, Text(f"{label}: {_folded(rows)}", style="dim"))


def _pair(certificate: Certificate, pair: Pair, units: Mapping[str, str]) -> Table:
    table = plain_table(header=True)
    for title in ("", "x'", "x''", "difference", pair.measure):
        table.add_column(title, justify="right" if title else "left")
    table.add_column("", style="dim")
    for row in pair.top:
        note = "  ".join(
            part for part in (units.get(row.name, ""), "sensitive" if row.sensitive else "") if part
        )
        cells = (row.name, str(row.first), str(row.second), str(row.difference), str(row.measure), note)
        table.add_row(*(escape(cell) for cell in cells))
    output = certificate.model.output_name
    last = (output, *(str(number) for number in pair.outputs), "", units.get(output, ""))
    table.add_row(*(escape(cell) for cell in last), style="bold")
    return table


def _folded(rows: Sequence[PairRow]) -> str:
    listed = ", ".join(f"{row.name} {row.first}" for row in rows[:_LISTED])
    more = len(rows) - _LISTED
    return f"{listed} and {more} more" if more > 0 else listed


def print_sensitivity(console: Console, sensitivity: Sensitivity) -> None:
    """Print delta when one feature moves alone and when it is frozen, that which does most alone first."""
    table = plain_table(header=True)
    for title in ("feature", "only it moves", "", "it is frozen", ""):
        table.add_column(title, justify="right" if title != "feature" else "left")
    for feature in by_contribution(sensitivity):
        ends = (feature.only_lower, feature.only_upper, feature.frozen_lower, feature.frozen_upper)
        cells = [str((at_most if place % 2 else at_least)(end, 4)) for place, end in enumerate(ends)]
        table.add_row(escape(feature.feature), *cells)
    console.print()
    console.print("[bold]Feature by feature[/], witnessed and certified delta", soft_wrap=True)
    console.print()
    console.print(table)


def solver_line(certificate: Certificate) -> str:
    """Say who answered, how, and how long it took."""
    parts = list(dict.fromkeys(f"{run.solver} {run.version}" for run in certificate.runs))
    if not parts and certificate.strategy != Strategy.EXHAUSTIVE:
        parts.append("no solve was needed")
    parts.append(f"strategy {certificate.strategy}")
    if certificate.rounds:
        parts.append(f"{certificate.rounds} round{'s' if certificate.rounds > 1 else ''}")
    parts.append(duration(certificate.seconds))
    return ", ".join(parts)


def print_files(console: Console, files: Sequence[Path]) -> None:
    """Print where things were written."""
    for path in files:
        print_text(console, Text.assemble(("wrote ", "dim"), str(path)))
