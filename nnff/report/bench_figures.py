"""Figures of a benchmark, one line or row per contender: profile, gap over time, final gaps, phases."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from nnff.report.log_scale import LogScale
from nnff.report.numbers import percent, shown
from nnff.report.svg import (
    FONT_SIZE,
    INK,
    LINE,
    PALETTE,
    PAPER,
    QUIET,
    Drawing,
    columns_of,
    draw,
    fitted,
    legend_key,
    style_of,
    swatch,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from markupsafe import Markup
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from nnff.bench.analysis import Analysis
    from nnff.report.svg import Canvas

__all__ = [
    "GAP_CEILING",
    "GAP_FLOOR",
    "contender_figures",
    "contender_legend",
    "final_gap_figure",
    "gap_over_time_figure",
    "log_axis",
    "phase_figure",
    "profile_figure",
    "row_axes",
]

_NAME_COLUMNS = {"wide": 30, "narrow": 17}
GAP_FLOOR = 1e-6
"""Relative gaps below this are not told apart: nobody asks for less, and bounds are weakened by 1e-9."""
GAP_CEILING = 100.0
"""Nor are those above: a gap of 10000 % says as much as none."""
_LEGEND_COLUMNS = 48
_MOST_BANDS = 4
"""Bands of more contenders than that hide one another."""
_SHOWN_PHASES = len(PALETTE)
_COLUMN = 0.62
"""Width of a column of text relative to the font size, generous."""


def contender_figures(analysis: Analysis) -> list[Drawing]:
    """Return those of this module's figures in which there is something to see."""
    figures = (
        profile_figure(analysis),
        gap_over_time_figure(analysis),
        final_gap_figure(analysis),
        phase_figure(analysis),
    )
    return [figure for figure in figures if figure is not None]


def contender_legend(
    analysis: Analysis, labels: Sequence[str], *, line: bool = True, dashed: bool = True, marker: bool = False
) -> tuple[tuple[Markup, str], ...]:
    """Return the legend of the contenders with these labels."""
    styles = [style_of(_number(analysis, label)) for label in labels]
    if not dashed:
        styles = [replace(style, dashes=()) for style in styles]
    return tuple(
        (legend_key(style, line=line, marker=marker), fitted(label, _LEGEND_COLUMNS))
        for style, label in zip(styles, labels, strict=True)
    )


def profile_figure(analysis: Analysis) -> Drawing | None:
    """Draw Dolan-More profiles; with one contender, or nothing solved, there is nothing to compare."""
    frame = analysis.profiles
    labels = _present(analysis, frame)
    if len(labels) < 2 or not (frame["rho"] > 0).any():  # noqa: PLR2004 - a comparison takes two
        return None
    scale = LogScale.covering([1.0, *frame["tau"]])

    def paint(figure: Figure, canvas: Canvas) -> None:
        figure.set_layout_engine("constrained")
        axes = figure.add_subplot()
        for label in labels:
            own = frame[frame["contender"] == label]
            style = style_of(_number(analysis, label))
            # What was reached last holds to the edge.
            places = [*(scale.at(tau) for tau in own["tau"]), scale.high]
            heights = [*own["rho"], own["rho"].iloc[-1]]
            axes.plot(
                places,
                heights,
                drawstyle="steps-post",
                color=style.color,
                linestyle=style.linestyle,
                linewidth=1.8,
                clip_on=False,
            )
        axes.set_ylim(0.0, 1.01)
        axes.set_yticks([0.0, 0.25, 0.5, 0.75, 1.0], [percent(v) for v in (0.0, 0.25, 0.5, 0.75, 1.0)])
        _bare(axes)
        log_axis(axes, "x", scale, 5 if canvas.narrow else 9, _times)
        axes.set_title("share of instances solved")
        axes.set_xlabel("within this many times the time of the fastest", loc="right")

    return Drawing(
        "profile",
        "How often close to the fastest",
        f"Performance profile (Dolan and Moré) over {_count(len(analysis.common), 'instance')}. Left end: "
        "how often a contender was the fastest. Right end: how often it solved the instance at all.",
        contender_legend(analysis, labels),
        draw("profile", paint, heights=(340.0, 280.0), description=_ends(analysis, labels)),
    )


def gap_over_time_figure(analysis: Analysis) -> Drawing | None:
    """Draw the relative gap over wall time, median and middle half over instances."""
    frame = analysis.gap_over_time
    frame = frame[frame["seconds"] > 0]
    labels = [
        label
        for label in _present(analysis, frame)
        if (frame.loc[frame["contender"] == label, "median"] < math.inf).any()
    ]
    if not labels or frame["seconds"].nunique() < 2:  # noqa: PLR2004 - one point is no course
        return None
    scale = LogScale.covering(
        (v for name in ("q25", "median", "q75") for v in frame[name]), floor=GAP_FLOOR, ceiling=GAP_CEILING
    )
    seconds = LogScale.covering(frame["seconds"], margin=0.0)
    banded = len(labels) <= _MOST_BANDS

    def paint(figure: Figure, canvas: Canvas) -> None:
        figure.set_layout_engine("constrained")
        axes = figure.add_subplot()
        for label in labels:
            own = frame[frame["contender"] == label]
            style = style_of(_number(analysis, label))
            places = [seconds.at(v) for v in own["seconds"]]
            low, middle, high = ([scale.at(v) for v in own[name]] for name in ("q25", "median", "q75"))
            if banded:
                axes.fill_between(places, low, high, step="post", color=style.color, alpha=0.13, linewidth=0)
            axes.plot(
                places,
                middle,
                drawstyle="steps-post",
                color=style.color,
                linestyle=style.linestyle,
                linewidth=1.8,
            )
        _bare(axes)
        log_axis(axes, "x", seconds, 5 if canvas.narrow else 9, lambda value: f"{shown(value, 3)} s")
        log_axis(axes, "y", scale, 7, percent, infinite="no bound")
        axes.set_title("relative gap of the bracket")
        axes.set_xlabel("wall time", loc="right")

    return Drawing(
        "gap-over-time",
        "The gap over time",
        "Line: median over the instances that were asked for a bracket. "
        + ("Band: the middle half of them. " if banded else "")
        + "A gap of 1 % means that the certified value lies 1 % above the witnessed one.",
        contender_legend(analysis, labels),
        draw(
            "gap-over-time",
            paint,
            heights=(360.0, 300.0),
            description="relative gap over wall time, median and quartiles per contender",
        ),
    )


def final_gap_figure(analysis: Analysis) -> Drawing | None:
    """Draw every instance's final gap as a dot, and the quartiles behind them."""
    cells = analysis.cells[analysis.cells["gap"].notna()]
    labels = _present(analysis, cells)
    gaps = cells["gap"]
    if len(cells) < 2 or (gaps < GAP_FLOOR).all() or (gaps == math.inf).all():  # noqa: PLR2004 - one dot is no distribution
        return None
    scale = LogScale.covering(gaps, floor=GAP_FLOOR, ceiling=GAP_CEILING)
    quartiles = analysis.gaps.set_index("contender")

    def paint(figure: Figure, canvas: Canvas) -> None:
        axes = row_axes(figure, canvas, labels)
        for row, label in enumerate(labels):
            gaps = sorted(cells.loc[cells["contender"] == label, "gap"])
            style = style_of(_number(analysis, label))
            if label in quartiles.index:
                low, middle, high = (
                    scale.at(quartiles.loc[label, name]) for name in ("q25", "median", "q75")
                )
                axes.barh(row, high - low, left=low, height=0.62, color=style.color, alpha=0.16, linewidth=0)
                axes.plot([middle, middle], [row - 0.31, row + 0.31], color=style.color, linewidth=2.2)
            places = [scale.at(gap) for gap in gaps]
            axes.plot(
                places,
                [row + offset for offset in _scatter(len(places))],
                linestyle="",
                marker=style.marker,
                markersize=4.5,
                color=style.color,
                alpha=0.75,
                markeredgewidth=0,
                clip_on=False,
            )
        log_axis(axes, "x", scale, 4 if canvas.narrow else 8, percent, infinite="no bound")
        axes.set_xlabel("relative gap at the end", loc="right")

    return Drawing(
        "final-gap",
        "The gap at the end",
        "One mark per instance (median over seeds). Bar: the middle half of the instances; line: the median.",
        (),
        draw(
            "final-gap",
            paint,
            heights=_row_heights(len(labels), 46.0),
            description="relative gap at the end, per instance and contender",
        ),
    )


def phase_figure(analysis: Analysis) -> Drawing | None:
    """Draw wall seconds per run, split into phases."""
    frame = analysis.phases
    labels = _present(analysis, frame)
    if not labels or not (frame["seconds"] > 0).any():
        return None
    runs = analysis.overview.set_index("contender")["runs"]
    phases = list(dict.fromkeys(frame["phase"]))
    named, rest = phases[:_SHOWN_PHASES], phases[_SHOWN_PHASES:]
    seconds = {
        (label, phase): float(
            frame.loc[(frame["contender"] == label) & (frame["phase"] == phase), "seconds"].sum()
        )
        / max(1, int(runs[label]))
        for label in labels
        for phase in phases
    }
    totals = {label: sum(seconds[label, phase] for phase in phases) for label in labels}
    longest = max(totals.values())

    def paint(figure: Figure, canvas: Canvas) -> None:
        axes = row_axes(figure, canvas, labels, right=64.0)
        for row, label in enumerate(labels):
            left = 0.0
            parts = [(seconds[label, phase], PALETTE[k]) for k, phase in enumerate(named)]
            parts.append((sum(seconds[label, phase] for phase in rest), QUIET))
            for width, color in parts:
                axes.barh(row, width, left=left, height=0.6, color=color, edgecolor=PAPER, linewidth=0.8)
                left += width
            axes.annotate(
                f"{shown(left, 3)} s",
                (left, row),
                xytext=(6, 0),
                textcoords="offset points",
                va="center_baseline",
                color=INK,
                annotation_clip=False,
            )
        axes.set_xlim(0.0, longest)
        axes.locator_params(axis="x", nbins=4 if canvas.narrow else 7)
        axes.xaxis.set_major_formatter(lambda value, _: str(shown(value, 4)))
        axes.set_xlabel("wall seconds per run, mean", loc="right")

    legend = [(swatch(PALETTE[k]), phase) for k, phase in enumerate(named)]
    if rest:
        legend.append((swatch(QUIET), "all other phases"))
    return Drawing(
        "phases",
        "Where the time goes",
        "Wall seconds of the whole process per run, mean over all runs of a contender, whether solved or "
        "not. Phases in the order of the legend.",
        tuple(legend),
        draw(
            "phases",
            paint,
            heights=_row_heights(len(labels), 40.0),
            description="; ".join(f"{label}: {shown(totals[label], 3)} s per run" for label in labels),
        ),
    )


def log_axis(
    axes: Axes,
    which: str,
    scale: LogScale,
    count: int,
    text: Callable[[float], str],
    *,
    infinite: str = "∞",
) -> None:
    """Give an axis, on which decades are drawn, the ends and marks of a scale."""
    places, labels = scale.ticks(count, text, infinite=infinite)
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_ticks(places, labels, parse_math=False)
    (axes.set_xlim if which == "x" else axes.set_ylim)(scale.low, scale.high)


def row_axes(
    figure: Figure, canvas: Canvas, labels: Sequence[str], *, right: float = 22.0, bottom: float = 48.0
) -> Axes:
    """Return axes with one row per label, the first on top, names to the left.

    The margins are computed and not measured: a name may be in a script for which the
    drawing program has no font.
    """
    names = [fitted(label, _NAME_COLUMNS[canvas.kind]) for label in labels]
    left = max((columns_of(name) for name in names), default=0) * FONT_SIZE * _COLUMN + 14.0
    across, up, above = left / canvas.width, bottom / canvas.height, 8.0 / canvas.height
    axes = figure.add_axes((across, up, 1 - right / canvas.width - across, 1 - above - up))
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.set_yticks(range(len(labels)), names, parse_math=False)
    axes.tick_params(axis="y", labelcolor=INK)
    _bare(axes, grid="x")
    axes.spines["bottom"].set_color(LINE)
    return axes


def _times(value: float) -> str:
    return f"{shown(value, 3)}\u00d7"


def _bare(axes: Axes, *, grid: Literal["x", "y"] = "y") -> None:
    """Take away what carries no information: tick marks, and all but the grid along one axis."""
    axes.tick_params(length=0)
    axes.grid(visible=True, axis=grid)


def _row_heights(rows: int, each: float) -> tuple[float, float]:
    return rows * each + 56.0, rows * each + 56.0


def _scatter(count: int) -> list[float]:
    """Return small vertical offsets, so that equal values do not hide each other; no random ones."""
    # Steps of the golden ratio: neighbours lie apart, whatever the count.
    return [0.0] if count == 1 else [0.36 * ((k * 0.6180339887) % 1.0 - 0.5) for k in range(count)]


def _present(analysis: Analysis, frame: object) -> list[str]:
    """Return the labels of the contenders that a frame has rows of, in their order."""
    names = set(frame["contender"])  # type: ignore[index]
    return [contender.label for contender in analysis.contenders if contender.label in names]


def _number(analysis: Analysis, label: str) -> int:
    return [contender.label for contender in analysis.contenders].index(label)


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _ends(analysis: Analysis, labels: Sequence[str]) -> str:
    frame = analysis.profiles
    parts = []
    for label in labels:
        own = frame[frame["contender"] == label]["rho"]
        parts.append(f"{label} was fastest on {percent(own.iloc[0])} and solved {percent(own.iloc[-1])}")
    return "; ".join(parts)
