"""A table of texts, for terminals and Markdown, and how numbers are written in it.

Bounds are rounded outward: what is printed holds, too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from nnff.bench.pairwise import Bound
from nnff.certification.digits import rounded_down, rounded_up

__all__ = [
    "Column",
    "Table",
    "bracket_text",
    "bytes_text",
    "gap_text",
    "percent_text",
    "ratio_text",
    "seconds_text",
]

_WHOLE = 100.0
"""From here on three digits are whole numbers, and more than three are written out."""
_NO_GAP = 10.0
"""A gap above 1000 % says no more than that there is none worth the name."""


@dataclass(frozen=True)
class Column:
    """The head of a column.

    Attributes
    ----------
    name
        What stands above it.
    right
        Whether it is aligned to the right, as numbers are.
    """

    name: str
    right: bool = False


@dataclass(frozen=True)
class Table:
    """A table of texts.

    Attributes
    ----------
    title
        What it shows, in a few words.
    columns
        Heads of the columns.
    rows
        Texts, as many in each row as there are columns.
    notes
        Sentences below it.
    """

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()

    def markdown(self) -> str:
        """Return the table in Markdown, title and notes included."""
        lines = [
            [column.name for column in self.columns],
            ["---:" if column.right else "---" for column in self.columns],
            *self.rows,
        ]
        # A bar would end the cell.
        escaped = [[text.replace("|", "\\|") for text in line] for line in lines]
        body = "\n".join(f"| {' | '.join(line)} |" for line in escaped)
        return "\n\n".join([f"**{self.title}**", body, *self.notes]) + "\n"


def seconds_text(seconds: float) -> str:
    """Return seconds in three digits; whole ones from 100 on."""
    if not math.isfinite(seconds):
        return "" if math.isnan(seconds) else "inf"
    return f"{seconds:.0f}" if seconds >= _WHOLE else f"{seconds:#.3g}".rstrip(".")


def percent_text(share: float) -> str:
    """Return a share of 1 in per cent, two digits."""
    if not math.isfinite(share):
        return "" if math.isnan(share) else "inf"
    percent = 100 * share
    return f"{percent:.0f} %" if abs(percent) >= _WHOLE / 10 else f"{percent:.2g} %"


def gap_text(gap: float) -> str:
    """Return a relative gap in per cent, rounded up."""
    if not math.isfinite(gap):
        return "" if math.isnan(gap) else "inf"
    if gap > _NO_GAP:
        return f"> {100 * _NO_GAP:.0f} %"
    return f"{math.ceil(100 * gap)} %" if gap >= 1 else f"{rounded_up(100 * gap, 2)} %"


def ratio_text(ratio: float, bound: str = "") -> str:
    """Return a speed-up in three digits; a bound rounded to its own side, one of neither in brackets."""
    if bound == Bound.AT_LEAST:
        return f"≥ {rounded_down(ratio, 3)}"
    if bound == Bound.AT_MOST:
        return f"≤ {rounded_up(ratio, 3)}"
    text = seconds_text(ratio)
    return f"({text})" if bound == Bound.UNCLEAR else text


def bytes_text(count: float) -> str:
    """Return bytes in millions."""
    return f"{count / 1e6:.0f} MB"


def bracket_text(lower: float, upper: float, *, proven: bool = True, digits: int = 6) -> str:
    """Return a bracket rounded outward; a side that is not known (NaN) is left open, an indication has ~."""
    low = "" if math.isnan(lower) else rounded_down(lower, digits)
    high = "" if math.isnan(upper) else rounded_up(upper, digits)
    if not low and not high:
        return ""
    return f"[{low or '...'}, {'' if proven else '~'}{high or '...'}]"
