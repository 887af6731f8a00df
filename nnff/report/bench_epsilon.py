"""Delta over epsilon, as far as the instances of a benchmark differ in nothing else."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nnff.bench.cells import last_tries, run_upper
from nnff.bench.record import Outcome
from nnff.certification.curve import CurvePoint
from nnff.report.numbers import shown
from nnff.report.plot import band_bounds, step_bounds
from nnff.report.svg import (
    FONT_SIZE,
    PALETTE,
    PROVEN,
    QUIET,
    SEEN,
    Drawing,
    Style,
    draw,
    fitted,
    legend_key,
    style_of,
    swatch,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from markupsafe import Markup
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from nnff.bench.record import RunRecord
    from nnff.report.svg import Canvas

__all__ = ["EpsilonCurve", "epsilon_curves", "epsilon_figure"]

_MOST_PANELS = 24
_FEW_PANELS = 4
_FEWEST_POINTS = 3
_FIRST_EXTRA = 2
"""Style of the first further line: those before it look too much like the bounds."""
_MOST_MARKED = 15
"""Points of a curve up to which each is marked."""
_EPSILON = ("epsilon", "eps")
_EPSILON_IN_NAME = re.compile(r"(?<![a-z])eps(?:ilon)?[ =_-]*(\d+(?:\.\d+)?|\.\d+)")
_TOLERANCE = 1e-9


@dataclass(frozen=True)
class EpsilonCurve:
    """Delta over epsilon where nothing else changes, the best of all contenders.

    Attributes
    ----------
    label
        What is the same along the curve.
    points
        Both bounds, made monotone: delta_max does not decrease with epsilon.
    extras
        Further deltas that every point has, by name.
    """

    label: str
    points: tuple[CurvePoint, ...]
    extras: dict[str, tuple[float, ...]]


def epsilon_curves(records: Iterable[RunRecord], deltas: Collection[str] = ()) -> list[EpsilonCurve]:
    """Find the instances that differ in epsilon alone, and join them.

    They do if they have the same factors, one of which is called epsilon, or else if their names are the same
    but for a part like eps-0.1.  Every bound holds whoever found it, so the points take
    the least certified and the largest witnessed one of all contenders and seeds.  Runs that ended in
    an error are left out, and so are curves whose bounds cross: they are of several questions,
    or somebody is wrong.

    Parameters
    ----------
    records
        Runs.
    deltas
        Which of the numbers in `RunRecord.extra` are deltas.
    """
    groups: dict[tuple[str, ...], dict[float, list[RunRecord]]] = defaultdict(lambda: defaultdict(list))
    for record in last_tries(records):
        if record.spec.delta is None and record.outcome is not Outcome.ERROR:
            groups[_without_epsilon(record)][record.epsilon].append(record)
    curves = []
    for (suite, _, factors, name), by_epsilon in groups.items():
        one_question_each = all(len({run.spec.instance for run in runs}) == 1 for runs in by_epsilon.values())
        if len(by_epsilon) >= _FEWEST_POINTS and one_question_each:
            curve = _curve(name.strip(" -_/,=") or factors or suite, by_epsilon, deltas)
            if all(p.delta_lower <= p.delta_upper * (1 + _TOLERANCE) for p in curve.points):
                curves.append(curve)
    return curves


def _without_epsilon(record: RunRecord) -> tuple[str, str, str, str]:
    """Return suite, metric, factors and name, everything that says epsilon taken out."""
    declared = any(name in record.factors for name in _EPSILON)
    same = sorted((k, str(v)) for k, v in record.factors.items() if k not in _EPSILON)
    factors = ", ".join(f"{name} {value}" for name, value in same)
    name = (
        ""
        if declared
        else _EPSILON_IN_NAME.sub(
            lambda found: "" if float(found[1]) == record.epsilon else found[0], record.spec.instance
        )
    )
    return record.spec.suite, record.metric, factors, name


def _curve(label: str, by_epsilon: dict[float, list[RunRecord]], deltas: Collection[str]) -> EpsilonCurve:
    epsilons = sorted(by_epsilon)
    runs = [by_epsilon[epsilon] for epsilon in epsilons]
    lower = np.maximum.accumulate([max(r.delta_lower for r in group) for group in runs])
    upper = np.minimum.accumulate([min(run_upper(r) for r in group) for group in reversed(runs)])[::-1]
    closed = [min(r.closed_form for r in group) for group in runs]
    points = tuple(
        CurvePoint(e, float(low), float(high), form, 0.0)
        for e, low, high, form in zip(epsilons, lower, upper, closed, strict=True)
    )
    extras: dict[str, tuple[float, ...]] = {}
    for name in runs[0][0].extra:
        values = [next((r.extra[name] for r in group if name in r.extra), math.nan) for group in runs]
        if name in deltas and all(math.isfinite(value) for value in values):
            extras[name] = tuple(values)
    return EpsilonCurve(label, points, extras)


def epsilon_figure(records: Iterable[RunRecord], deltas: Collection[str] = ()) -> Drawing | None:
    """Draw delta over epsilon as a band, one panel per network, where a suite varies epsilon.

    Parameters as for `epsilon_curves`.
    """
    curves = epsilon_curves(records, deltas)
    if not curves:
        return None
    every, curves = len(curves), curves[:_MOST_PANELS]
    extras = list(dict.fromkeys(name for curve in curves for name in curve.extras))[: len(PALETTE)]

    def paint(figure: Figure, canvas: Canvas) -> None:
        figure.set_layout_engine("constrained", h_pad=0.1, w_pad=0.08)
        across = _across(len(curves), narrow=canvas.narrow)
        panels = figure.subplots(-(-len(curves) // across), across, squeeze=False)
        for axes in panels.flat[len(curves) :]:
            axes.set_visible(False)
        for axes, curve in zip(panels.flat, curves, strict=False):
            _paint_curve(axes, curve, extras)
            axes.locator_params(nbins=4 if across > 1 else 6)
            room = int(canvas.width / across / (0.62 * FONT_SIZE)) - 4
            if len(curves) > 1:
                axes.set_title(fitted(curve.label, room), parse_math=False)
        figure.supxlabel("epsilon", fontsize=FONT_SIZE, color=QUIET, x=1.0, ha="right")
        if len(curves) == 1:
            panels[0, 0].set_title("delta")

    legend: list[tuple[Markup, str]] = [
        (_line_key(PROVEN), "certified"),
        (_line_key(SEEN), "witnessed"),
        (swatch(PROVEN, opacity=0.16), "proven between the points"),
        *(
            (legend_key(style_of(k), marker=False), fitted(name, 48))
            for k, name in enumerate(extras, start=_FIRST_EXTRA)
        ),
    ]
    shown_part = f"The first {len(curves)} of {every}. " if every > len(curves) else ""
    return Drawing(
        "epsilon",
        "Delta over epsilon",
        f"{shown_part}The best bounds of all contenders. Delta does not decrease with epsilon, so each "
        "certified value also holds for smaller epsilon and each witnessed one for larger: the band."
        + (f" Same network throughout: {fitted(curves[0].label, 80)}." if len(curves) == 1 else ""),
        tuple(legend),
        draw(
            "epsilon",
            paint,
            heights=(_panel_height(len(curves), narrow=False), _panel_height(len(curves), narrow=True)),
            description="witnessed and certified delta over epsilon",
        ),
    )


def _paint_curve(axes: Axes, curve: EpsilonCurve, extras: Sequence[str]) -> None:
    points = curve.points
    lower, upper = band_bounds(points)
    top = 1.1 * max(v for v in (*(y for _, y in lower), *(y for _, y in upper), 1e-300) if math.isfinite(v))
    step_lower, step_upper = step_bounds(points)
    axes.fill_between(
        [x for x, _ in step_lower],
        [y for _, y in step_lower],
        [min(y, top) for _, y in step_upper],
        color=PROVEN,
        alpha=0.16,
        linewidth=0,
    )
    marked = len(points) <= _MOST_MARKED
    for line, color, marker in ((upper, PROVEN, "v"), (lower, SEEN, "^")):
        finite = [(x, y) for x, y in line if math.isfinite(y)]
        axes.plot(
            [x for x, _ in finite],
            [y for _, y in finite],
            color=color,
            linewidth=1.4,
            marker=marker if marked else "",
            markersize=4,
        )
    for number, name in enumerate(extras):
        if name in curve.extras:
            style = style_of(number + _FIRST_EXTRA)
            axes.plot(
                [p.epsilon for p in points],
                curve.extras[name],
                color=style.color,
                linestyle=style.linestyle,
                linewidth=1.2,
            )
            top = max(top, 1.05 * max(curve.extras[name]))
    axes.set_ylim(0.0, top)
    axes.set_xlim(0.0, 1.03 * points[-1].epsilon or 1.0)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(lambda value, _: str(shown(round(value, 12), 6)))
    axes.tick_params(length=0)
    axes.grid(visible=True, axis="y")


def _across(panels: int, *, narrow: bool) -> int:
    """Return how many panels stand side by side."""
    most = (1 if panels <= _FEW_PANELS else 2) if narrow else (3 if panels <= 3 * 3 else 4)
    return min(panels, most)


def _panel_height(panels: int, *, narrow: bool) -> float:
    rows = -(-panels // _across(panels, narrow=narrow))
    return 320.0 if panels == 1 else 200.0 * rows + 24.0


def _line_key(color: str) -> Markup:
    return legend_key(Style(color, (), "o"), marker=False)
