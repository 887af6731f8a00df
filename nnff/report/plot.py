"""Two line drawings: the eps-delta curve as a band, and the bracket over time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from nnff.report.axis import Axis, Tick, coordinate, text_width
from nnff.report.bounds_bar import certified
from nnff.report.numbers import at_least, at_most, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from nnff.certification.certificate import Certificate
    from nnff.certification.curve import Curve, CurvePoint

__all__ = ["Bar", "Plot", "band_bounds", "bracket_plot", "curve_plot", "step_bounds"]

_LABEL_SIZE = 13.0
_TOP, _BOTTOM, _RIGHT = 40.0, 46.0, 14.0
_TICK_GAP = 10.0
_TICK_WIDTH = 90.0
_CLOSED_FORM_ROOM = 1.25
"""The closed form may stretch the vertical axis by this much; beyond, it leaves the drawing."""

Point = tuple[float, float]


@dataclass(frozen=True)
class Bar:
    """Both bounds at one place, pixels; `high` is None where nothing is certified."""

    x: str
    low: str
    high: str | None


@dataclass(frozen=True)
class Plot:
    """Geometry of a drawing, pixels; paths in SVG's own notation, empty where there is nothing to draw."""

    width: float
    height: float
    left: str
    right: str
    top: str
    bottom: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    x_name: str
    y_name: str
    band: str
    lower: str
    upper: str
    closed_form: str
    bars: tuple[Bar, ...]
    mark: str | None
    mark_text: str
    mark_anchor: str
    description: str


@dataclass(frozen=True)
class _Frame:
    """Both axes."""

    x: Axis
    y: Axis

    def path(self, points: Iterable[Point], *, close: bool = False) -> str:
        """Return a polyline through values; infinite ones lie on the edge."""
        pairs = [f"{coordinate(self.x.at(x))} {coordinate(self.y.at(y))}" for x, y in points]
        return ("M" + " L".join(pairs) + (" Z" if close else "")) if pairs else ""


def step_bounds(points: Sequence[CurvePoint]) -> tuple[list[Point], list[Point]]:
    """Return what is proven between the points, as two staircases.

    delta_max does not decrease with epsilon.  Hence up to the next point the pair of the
    last one still counts (lower staircase), and the bound of the next point already
    holds (upper staircase).  Straight lines between points would prove nothing.
    """
    lower: list[Point] = []
    upper: list[Point] = []
    for here, following in pairwise(points):
        lower += [(here.epsilon, here.delta_lower), (following.epsilon, here.delta_lower)]
        upper += [(here.epsilon, following.delta_upper), (following.epsilon, following.delta_upper)]
    return lower, upper


def band_bounds(points: Sequence[CurvePoint]) -> tuple[list[Point], list[Point]]:
    """Return the computed points of both bounds."""
    lower = [(point.epsilon, point.delta_lower) for point in points]
    return lower, [(point.epsilon, point.delta_upper) for point in points]


def curve_plot(curve: Curve, unit: str, epsilon: float, width: float, height: float) -> Plot:
    """Lay out the eps-delta curve.

    Parameters
    ----------
    curve
        The curve.
    unit
        Name of the output.
    epsilon
        Marked by a vertical line.
    width, height
        Size in pixels.
    """
    points = curve.points
    bounds = [value for p in points for value in (p.delta_lower, p.delta_upper) if math.isfinite(value)]
    highest = max(bounds, default=0.0)
    closed = [p.closed_form for p in points if p.closed_form <= _CLOSED_FORM_ROOM * highest]
    x_values = [*(p.epsilon for p in points), epsilon]
    frame, ticks = _frame(x_values, [*bounds, *closed], width, height)
    lower, upper = band_bounds(points)
    step_lower, step_upper = step_bounds(points)
    inside = [(p.epsilon, p.closed_form) for p in points]
    mark = frame.x.at(epsilon)
    return Plot(
        width=width,
        height=height,
        **_edges(frame),
        x_ticks=frame.x.ticks(max(2, int(width / _TICK_WIDTH))),
        y_ticks=ticks,
        x_name="epsilon",
        y_name=f"delta, {unit}",
        band=frame.path([*step_upper, *reversed(step_lower)], close=True),
        lower=frame.path(lower),
        upper=frame.path(_finite(upper)),
        closed_form=frame.path(_reachable(inside, frame.y.high)),
        bars=tuple(
            Bar(
                coordinate(frame.x.at(p.epsilon)),
                coordinate(frame.y.at(p.delta_lower)),
                coordinate(frame.y.at(p.delta_upper)) if math.isfinite(p.delta_upper) else None,
            )
            for p in points
        ),
        mark=coordinate(mark),
        mark_text=f"ε = {shown(epsilon, 15)}",
        mark_anchor=_anchor(mark, frame.x),
        description=(
            f"delta over epsilon from {shown(points[0].epsilon)} to {shown(points[-1].epsilon)}: "
            f"at the largest epsilon, witnessed {at_least(points[-1].delta_lower)}, "
            f"certified {at_most(points[-1].delta_upper)}"
        ),
    )


def bracket_plot(certificate: Certificate, unit: str, width: float, height: float) -> Plot | None:
    """Lay out the bracket over wall time, or return None when fewer than two changes were recorded.

    Parameters as for `curve_plot`.
    """
    changes = certificate.bracket
    if len(changes) < 2:  # noqa: PLR2004 - one point is no course
        return None
    end = max(certificate.seconds, changes[-1][0])
    values = [value for _, low, high in changes for value in (low, high)]
    frame, ticks = _frame([0.0, end], values, width, height)
    held = [*changes, (end, changes[-1][1], changes[-1][2])]
    lower: list[Point] = []
    upper: list[Point] = []
    for (start, low, high), (stop, _, _) in pairwise(held):
        lower += [(start, low), (stop, low)]
        upper += [(start, high), (stop, high)]
    _, low, high = changes[-1]
    return Plot(
        width=width,
        height=height,
        **_edges(frame),
        x_ticks=frame.x.ticks(max(2, int(width / _TICK_WIDTH))),
        y_ticks=ticks,
        x_name="seconds",
        y_name=f"delta, {unit}",
        band=frame.path([*upper, *reversed(lower)], close=True),
        lower=frame.path(lower),
        upper=frame.path(_finite(upper)),
        closed_form="",
        bars=(),
        mark=None,
        mark_text="",
        mark_anchor="middle",
        description=(
            f"bracket over {shown(end, 3)} seconds, {len(changes)} changes: "
            f"at the end, witnessed {at_least(low)}, "
            f"certified {at_most(high if math.isfinite(certified(certificate)) else math.inf)}"
        ),
    )


def _frame(
    x_values: Iterable[float], y_values: Iterable[float], width: float, height: float
) -> tuple[_Frame, tuple[Tick, ...]]:
    """Return the axes, the vertical one's labels fitting to the left of it, and its ticks."""
    y = Axis.covering(y_values, height - _BOTTOM, _TOP)
    ticks = y.ticks(max(2, int(height / 55)))
    left = max(text_width(tick.text, _LABEL_SIZE) for tick in ticks) + _TICK_GAP
    return _Frame(Axis.covering(x_values, left, width - _RIGHT, margin=0.03), y), ticks


def _edges(frame: _Frame) -> dict[str, str]:
    return {
        "left": coordinate(frame.x.start),
        "right": coordinate(frame.x.end),
        "top": coordinate(frame.y.end),
        "bottom": coordinate(frame.y.start),
    }


def _finite(points: Iterable[Point]) -> list[Point]:
    return [point for point in points if math.isfinite(point[1])]


def _reachable(points: Sequence[Point], top: float) -> list[Point]:
    """Return the line up to where it leaves the drawing through the top."""
    inside: list[Point] = []
    for x, y in points:
        if y <= top:
            inside.append((x, y))
            continue
        if inside and math.isfinite(y):
            x0, y0 = inside[-1]
            inside.append((x0 + (x - x0) * (top - y0) / (y - y0), top))
        break
    return inside if len(inside) > 1 else []


def _anchor(place: float, axis: Axis) -> str:
    """Keep a centred label from leaving the drawing."""
    room = 40.0
    if place < axis.start + room:
        return "start"
    return "end" if place > axis.end - room else "middle"
