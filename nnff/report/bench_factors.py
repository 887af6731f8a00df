"""What one factor does to time and gap, one line per contender."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from nnff.report.bench_figures import GAP_CEILING, GAP_FLOOR, contender_legend, log_axis
from nnff.report.log_scale import LogScale
from nnff.report.numbers import percent, shown
from nnff.report.svg import FONT_SIZE, PAPER, Drawing, columns_of, draw, fitted, style_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from nnff.bench.analysis import Analysis
    from nnff.report.svg import Canvas

__all__ = ["factor_figures"]

_LOG_FROM = 8.0
"""Values of a factor that reach this many times the smallest are set out by their logarithms."""
_COLUMN = 0.62 * FONT_SIZE
"""Pixels of a column of text, generous."""
_MARGINS = 70.0
"""Pixels of a panel that its axis does not have."""
_SHORTEST_MARK, _LONGEST_MARK = 5, 14
_APART = 0.4
"""How far the marks of one value without order lie apart, in distances of values."""


def factor_figures(analysis: Analysis) -> list[Drawing]:
    """Draw one figure per factor that has several values."""
    frame = analysis.factors
    figures: list[Drawing] = []
    for suite, factor in dict.fromkeys(zip(frame["suite"], frame["factor"], strict=True)):
        own = frame[(frame["suite"] == suite) & (frame["factor"] == factor)]
        if "one factor" in set(own["design"]):
            own = own[own["design"] == "one factor"]
        values = list(dict.fromkeys(own["value"]))
        if len(values) > 1:
            figures.append(_figure(analysis, own, suite, factor, values, len(figures)))
    return figures


def _figure(
    analysis: Analysis, frame: Any, suite: str, factor: str, values: list[Any], number: int
) -> Drawing:
    present = set(frame["contender"])
    labels = [c.label for c in analysis.contenders if c.label in present]
    numeric = all(isinstance(value, int | float) and math.isfinite(value) for value in values)
    places, texts = _places(values, numeric=numeric)
    has_gaps = bool((frame["gap"] >= GAP_FLOOR).any())

    def paint(figure: Figure, canvas: Canvas) -> None:
        figure.set_layout_engine("constrained", h_pad=0.08, w_pad=0.08)
        panels = 2 if has_gaps else 1
        rows, across = (panels, 1) if canvas.narrow else (1, panels)
        drawn = figure.subplots(rows, across, squeeze=False).flat
        _paint(analysis, drawn[0], frame, "seconds", places, joined=numeric)
        drawn[0].set_title("seconds")
        if has_gaps:
            _paint(analysis, drawn[1], frame, "gap", places, joined=numeric)
            drawn[1].set_title("relative gap")
        for axes in drawn:
            _mark_values(axes, places, texts, room=canvas.width / across, joined=numeric)
            axes.set_xlabel(fitted(factor, 40), loc="right", parse_math=False)

    design = set(frame["design"])
    caption = (
        "Only instances that differ from the suite's centre in nothing else."
        if design == {"one factor"}
        else "All instances with the value, whatever else varies."
    )
    if (frame["solved"] < 1).any():
        caption += " Hollow: not every instance was solved; the time then counts the limit."
    return Drawing(
        f"factor-{number}",
        f"{suite}: {factor}" if len(set(analysis.suites)) > 1 else factor,
        f"Time: shifted geometric mean (1 s) of the instances; gap: their median. {caption}",
        contender_legend(analysis, labels, line=numeric, marker=True),
        draw(
            f"factor-{number}",
            paint,
            heights=(300.0, 460.0 if has_gaps else 260.0),
            description=f"time and gap over {factor}, from {texts[0]} to {texts[-1]}",
        ),
    )


def _places(values: Sequence[Any], *, numeric: bool) -> tuple[dict[Any, float], list[str]]:
    """Return where each value stands, and its text, in the order of the places."""
    if not numeric:
        return {value: float(k) for k, value in enumerate(values)}, [str(value) for value in values]
    ordered = sorted(values)
    if ordered[0] > 0 and ordered[-1] / ordered[0] >= _LOG_FROM:
        return {v: math.log10(v) for v in ordered}, [str(shown(v, 6)) for v in ordered]
    return {v: float(v) for v in ordered}, [str(shown(v, 6)) for v in ordered]


def _paint(
    analysis: Analysis, axes: Axes, frame: Any, column: str, places: dict[Any, float], *, joined: bool
) -> None:
    """Draw one panel; values that have no order are not joined."""
    finite = frame[frame[column].notna()]
    if column == "gap":
        scale = LogScale.covering(finite[column], floor=GAP_FLOOR, ceiling=GAP_CEILING)
    else:
        scale = LogScale.covering(finite[column])
    step = 0.0 if joined else _APART / len(analysis.contenders)
    for number, contender in enumerate(analysis.contenders):
        own = finite[finite["contender"] == contender.label]
        if own.empty:
            continue
        style = style_of(number)
        points = sorted(
            (
                places[row.value] + step * (number - (len(analysis.contenders) - 1) / 2),
                scale.at(getattr(row, column)),
                row.solved >= 1,
            )
            for row in own.itertuples()
        )
        xs, ys = [x for x, _, _ in points], [y for _, y, _ in points]
        if joined:
            axes.plot(xs, ys, color=style.color, linestyle=style.linestyle, linewidth=1.6)
        for x, y, solved in points:
            axes.plot(
                [x],
                [y],
                marker=style.marker,
                markersize=5.5,
                color=style.color,
                markerfacecolor=style.color if solved else PAPER,
                clip_on=False,
                zorder=3,
            )
    if column == "seconds":
        log_axis(axes, "y", scale, 6, lambda value: f"{shown(value, 3)} s")
    else:
        log_axis(axes, "y", scale, 6, percent, infinite="no bound")
    axes.tick_params(length=0)
    axes.grid(visible=True, axis="y")


def _mark_values(
    axes: Axes, places: dict[Any, float], texts: Sequence[str], *, room: float, joined: bool
) -> None:
    """Mark the values, as far as their texts do not touch; `room`: pixels, margins included."""
    at = list(places.values())
    span = max(at) - min(at)
    # Marks of one value without order lie beside each other.
    pad = 0.06 * span if joined else 0.6 * _APART
    inner = (room - _MARGINS) / (span + 2 * pad)
    # Values without order are equally far apart, and each may have its share.
    limit = _LONGEST_MARK if joined else max(_SHORTEST_MARK, int(inner / _COLUMN) - 2)
    marks = [fitted(text, limit) for text in texts]
    chosen: list[int] = []
    for k in range(len(at)):
        free = not chosen or (at[k] - at[chosen[-1]]) * inner > _COLUMN * (
            1 + (columns_of(marks[k]) + columns_of(marks[chosen[-1]])) / 2
        )
        if free:
            chosen.append(k)
    axes.set_xticks([at[k] for k in chosen], [marks[k] for k in chosen], parse_math=False)
    axes.set_xlim(min(at) - pad, max(at) + pad)
