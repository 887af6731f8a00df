"""What a benchmark says about delta: the brackets of all contenders, instance by instance."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nnff.report.bench_figures import contender_legend, log_axis, row_axes
from nnff.report.log_scale import LogScale
from nnff.report.numbers import at_least, shown
from nnff.report.svg import (
    INK,
    PROVEN_PALE,
    QUIET,
    WRONG,
    Drawing,
    Style,
    draw,
    legend_key,
    style_of,
    swatch,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from nnff.bench.analysis import Analysis
    from nnff.report.svg import Canvas

__all__ = ["bracket_figure"]

_ASKED = (2.0, 1.5)
"""Dashes of the delta asked for."""
_MOST_ROWS, _MOST_BARS = 30, 120
_NARROWEST = 0.012
"""Decades: the axis of the brackets spans at least 2.8 %."""
_TOLERANCE = 1e-9


@dataclass(frozen=True)
class _Row:
    """One instance: its bars, and what is known of it; all relative to `reference`."""

    instance: str
    reference: float
    bars: tuple[tuple[int, float, float, bool], ...]
    known: tuple[float, float] | None
    proven: bool
    asked: float | None

    @property
    def values(self) -> list[float]:
        found = [value for _, low, high, _ in self.bars for value in (low, high)]
        return [*found, *(self.known or ()), *(() if self.asked is None else (self.asked,))]

    @property
    def width(self) -> float:
        return max(high - low for _, low, high, _ in self.bars)


def bracket_figure(analysis: Analysis) -> Drawing | None:
    """Draw both bounds of every contender on every instance, relative to the largest real difference.

    Relative, since outputs of different networks have different units.  A bound to the left of
    a real pair contradicts it and is drawn in the colour of alarm.
    """
    rows = _bracket_rows(analysis)
    if not rows:
        return None
    every = len(rows)
    most = max(1, min(_MOST_ROWS, _MOST_BARS // len(analysis.contenders)))
    if every > most:
        widest = sorted(range(every), key=lambda k: (not _wrong(rows[k]), -rows[k].width, k))[:most]
        rows = [rows[k] for k in sorted(widest)]
    scale = LogScale.covering([1.0, *(v for row in rows for v in row.values)], least=_NARROWEST)
    count = len(analysis.contenders)

    def paint(figure: Figure, canvas: Canvas) -> None:
        axes = row_axes(figure, canvas, [row.instance for row in rows], right=84.0)
        for place, row in enumerate(rows):
            _paint_row(axes, place, row, scale, count)
            axes.annotate(
                str(at_least(row.reference, 4)),
                (1.0, place),
                xycoords=("axes fraction", "data"),
                xytext=(10, 0),
                textcoords="offset points",
                va="center_baseline",
                color=QUIET,
            )
        log_axis(axes, "x", scale, 4 if canvas.narrow else 7, lambda v: str(shown(v, 4)), infinite="no bound")
        axes.set_xlabel("delta / largest witnessed (right)", loc="right")

    legend = list(contender_legend(analysis, [c.label for c in analysis.contenders], dashed=False))
    if any(row.known for row in rows):
        legend.append((swatch(PROVEN_PALE), "known before"))
    if any(row.asked is not None for row in rows):
        legend.append((legend_key(Style(INK, _ASKED, "o"), marker=False), "asked for"))
    if any(_wrong(row) for row in rows):
        legend.append((swatch(WRONG), "below a real pair: contradiction"))
    part = (
        f"The {most} of {every} instances with the widest brackets; the table has all. "
        if every > most
        else ""
    )
    height = len(rows) * (8.0 * count + 12.0) + 56.0
    return Drawing(
        "brackets",
        "Where delta lies",
        f"{part}From the witnessed to the certified value of each contender, in the order of the legend, "
        "best over seeds, divided by the largest difference that any real pair showed, which stands to the "
        "right. All brackets of an instance contain the same number, so they must overlap.",
        tuple(legend),
        draw(
            "brackets",
            paint,
            heights=(height, height),
            description="witnessed to certified delta per instance and contender",
        ),
    )


def _bracket_rows(analysis: Analysis) -> list[_Row]:
    numbers = {contender.label: k for k, contender in enumerate(analysis.contenders)}
    rows = []
    for instance in analysis.instances:
        cells = analysis.cells[analysis.cells["instance"] == instance]
        if cells.empty:
            continue
        first = cells.iloc[0]
        known_lower, known_upper = _number(first["known_lower"]), _number(first["known_upper"])
        reference = max([*cells["delta_lower"], *([] if known_lower is None else [known_lower])])
        if not (0 < reference < math.inf):
            continue
        bars = []
        for cell in cells.itertuples():
            low, high = cell.delta_lower / reference, cell.delta_upper / reference
            wrong = bool(analysis.contradictions) and high < 1 - _TOLERANCE
            bars.append((numbers[cell.contender], low, max(high, 0.0), wrong))
        known = None
        if known_lower is not None or known_upper is not None:
            known = (
                1.0 if known_lower is None else known_lower / reference,
                1.0 if known_upper is None else known_upper / reference,
            )
        asked = _number(first["delta"])
        rows.append(
            _Row(
                instance,
                float(reference),
                tuple(bars),
                known,
                bool(first["known_proven"]),
                None if asked is None else asked / reference,
            )
        )
    return rows


def _paint_row(axes: Axes, place: int, row: _Row, scale: LogScale, count: int) -> None:
    if row.known is not None:
        low, high = sorted(scale.at(value) for value in row.known)
        axes.barh(
            place,
            high - low,
            left=low,
            height=0.86,
            color=PROVEN_PALE,
            edgecolor=PROVEN_PALE,
            # So narrow an interval is still seen.
            linewidth=2.5,
            linestyle="-" if row.proven else ":",
        )
    for number, low, high, wrong in row.bars:
        style = style_of(number)
        y = place + 0.7 * ((number + 0.5) / count - 0.5)
        color = WRONG if wrong else style.color
        ends = [scale.at(low), scale.at(high)]
        axes.plot(ends, [y, y], color=color, linewidth=2.0, solid_capstyle="butt")
        axes.plot(ends, [y, y], linestyle="", marker="|", markersize=7.5, markeredgewidth=2.0, color=color)
        if wrong:
            axes.plot(ends[1:], [y], marker="x", markersize=7.0, markeredgewidth=2.0, color=WRONG)
    if row.asked is not None:
        at = scale.at(row.asked)
        axes.plot([at, at], [place - 0.43, place + 0.43], color=INK, linewidth=1.2, linestyle=(0, _ASKED))


def _wrong(row: _Row) -> bool:
    return any(wrong for *_, wrong in row.bars)


def _number(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else float(value)
