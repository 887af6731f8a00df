"""The bounds on one axis: what data shows, what a real pair reaches, what is certified, what was asked."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nnff.certification.certificate import Reason
from nnff.report.axis import Axis, Tick, coordinate, spread, text_width
from nnff.report.numbers import Shown, at_least, at_most, shown

if TYPE_CHECKING:
    from nnff.certification.certificate import Certificate

__all__ = ["BoundsBar", "Marker", "bounds_bar", "certified", "reach"]

_NAME_SIZE, _VALUE_SIZE = 13.0, 16.0
_FEWEST_DIGITS, _MOST_DIGITS = 6, 15
_LABEL_GAP = 14.0
_LABEL_FOOT = 40.0
"""Where the label ends and its leader line begins."""
_BAR_TOP, _BAR_BOTTOM = 62.0, 88.0
_HEIGHT = 118.0
_MARGIN = 8.0
_TICK_WIDTH = 80.0


@dataclass(frozen=True)
class Marker:
    """One number on the bar.

    Attributes
    ----------
    kind
        ``data``, ``witnessed``, ``certified`` or ``asked``; the style sheet knows these.
    name
        The word for it.
    value
        The number, rounded outward if it is a bound.
    label
        Centre of the label, pixels.
    place
        Where the value lies, pixels.
    line
        Points of the line from the label to the lower edge of the bar.
    """

    kind: str
    name: str
    value: Shown
    label: str
    place: str
    line: str


@dataclass(frozen=True)
class BoundsBar:
    """Geometry of the drawing, pixels.

    `witnessed` ends the part that real pairs reach, `certified` the part that is not
    excluded; `unbounded` tells that no bound ends the latter.  `name_size` and
    `value_size` are the labels' font sizes: smaller where long numbers would not fit side by side.
    """

    width: float
    height: float
    start: str
    end: str
    top: str
    bottom: str
    witnessed: str
    certified: str | None
    unbounded: bool
    name_size: str
    value_size: str
    markers: tuple[Marker, ...]
    ticks: tuple[Tick, ...]
    description: str


def certified(certificate: Certificate) -> float:
    """Return the bound that may be called certified: infinite when the run contradicted itself."""
    return math.inf if certificate.reason is Reason.INCONSISTENT else certificate.delta_upper


def reach(certificate: Certificate) -> float:
    """Return the largest finite number on the certificate's bar."""
    numbers = (certificate.delta_lower, certified(certificate), certificate.delta_data, certificate.delta)
    return max(number for number in numbers if number is not None and math.isfinite(number))


def bounds_bar(certificate: Certificate, width: float, *, cover: float = 0.0) -> BoundsBar:
    """Lay out the bar.

    Parameters
    ----------
    certificate
        Whose bounds are drawn.
    width
        Width of the drawing in pixels.
    cover
        A value that the axis must reach too, so that two bars can be compared.
    """
    upper = certified(certificate)
    numbers = _numbers(certificate, upper)
    # Where values coincide, the order is the one that must hold: data, witnessed, certified, asked.
    ranks = {"data": 0, "witnessed": 1, "certified": 2, "asked": 3}
    numbers.sort(key=lambda number: (number[0], ranks[number[1]]))

    axis = Axis.covering([*(number[0] for number in numbers), cover], _MARGIN, width - _MARGIN)
    places = [axis.at(value) for value, *_ in numbers]
    widths = [
        max(text_width(name, _NAME_SIZE), text_width(value.text, _VALUE_SIZE)) + _LABEL_GAP
        for _, _, name, value in numbers
    ]
    shrink = min(1.0, width / sum(widths))
    labels = spread(places, widths, 0.0, width)
    markers = tuple(
        Marker(kind, name, value, coordinate(label), coordinate(place), _leader(label, place))
        for (_, kind, name, value), label, place in zip(numbers, labels, places, strict=True)
    )
    return BoundsBar(
        width=width,
        height=_HEIGHT,
        start=coordinate(axis.start),
        end=coordinate(axis.end),
        top=coordinate(_BAR_TOP),
        bottom=coordinate(_BAR_BOTTOM),
        witnessed=coordinate(axis.at(certificate.delta_lower)),
        certified=coordinate(axis.at(upper)) if upper >= certificate.delta_lower else None,
        unbounded=math.isinf(upper),
        name_size=coordinate(_NAME_SIZE * shrink),
        value_size=coordinate(_VALUE_SIZE * shrink),
        markers=markers,
        ticks=axis.ticks(max(2, int(width / _TICK_WIDTH))),
        description="; ".join(f"{name}: {value.text}" for _, _, name, value in numbers),
    )


def _numbers(certificate: Certificate, upper: float) -> list[tuple[float, str, str, Shown]]:
    """Return value, kind, name and text of every number, in as many digits as tell different values apart."""
    for digits in range(_FEWEST_DIGITS, _MOST_DIGITS + 1):
        numbers = [
            (certificate.delta_lower, "witnessed", "witnessed", at_least(certificate.delta_lower, digits))
        ]
        if certificate.delta_data is not None:
            # A pair of rows is a real pair too: rounded down like the other.
            numbers.append(
                (certificate.delta_data, "data", "in the data", at_least(certificate.delta_data, digits))
            )
        if certificate.delta is not None:
            # What was typed is shown as it was typed.
            numbers.append((certificate.delta, "asked", "asked for", shown(certificate.delta, _MOST_DIGITS)))
        bound = at_most(upper, digits) if math.isfinite(upper) else Shown("no bound", upper)
        numbers.append((upper, "certified", "certified", bound))
        if len({number[3].text for number in numbers}) == len({number[0] for number in numbers}):
            break
    return numbers


def _leader(label: float, place: float) -> str:
    points = (
        (label, _LABEL_FOOT),
        (label, _LABEL_FOOT + 4),
        (place, _BAR_TOP - 4),
        (place, _BAR_BOTTOM + 4),
    )
    return " ".join(f"{coordinate(x)},{coordinate(y)}" for x, y in points)
