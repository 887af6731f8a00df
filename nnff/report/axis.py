"""One axis of a drawing: from values to pixels, round tick marks, and labels that do not overlap."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from nnff.report.numbers import typeset

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["Axis", "Tick", "coordinate", "spread", "text_width"]

_CHARACTER = 0.6
"""Width of a character relative to the font size; generous, because the reader's font is unknown."""


@dataclass(frozen=True)
class Tick:
    """A mark on an axis: where it is in pixels and what stands beside it."""

    position: float
    text: str


@dataclass(frozen=True)
class Axis:
    """A linear axis.

    Attributes
    ----------
    low, high
        Values at the two ends, finite, ``low < high``.
    start, end
        Pixels of the two ends.
    """

    low: float
    high: float
    start: float
    end: float

    @classmethod
    def covering(cls, values: Iterable[float], start: float, end: float, *, margin: float = 0.06) -> Axis:
        """Return an axis from 0 over all finite `values`, with some room beyond the largest."""
        largest = max((value for value in values if math.isfinite(value)), default=0.0)
        if largest <= 0:
            return cls(0.0, 1.0, start, end)
        # The margin must not push the largest floats to infinity.
        return cls(0.0, min(largest * (1 + margin), sys.float_info.max), start, end)

    def at(self, value: float) -> float:
        """Return the pixel of `value`, or of the nearer end when the axis does not reach it."""
        inside = min(max(value, self.low), self.high)
        return self.start + (inside - self.low) / (self.high - self.low) * (self.end - self.start)

    def ticks(self, count: int) -> tuple[Tick, ...]:
        """Return about `count` marks at 1, 2 or 5 times a power of ten, written exactly."""
        rough = Decimal(repr((self.high - self.low) / count))
        power = Decimal(1).scaleb(rough.adjusted())
        wanted = rough * count
        step = min((m * power for m in (1, 2, 5, 10)), key=lambda size: abs(wanted / size - count))
        first = math.ceil(Decimal(repr(self.low)) / step)
        last = math.floor(Decimal(repr(self.high)) / step)
        values = [index * step for index in range(first, last + 1)]
        return tuple(Tick(self.at(float(value)), typeset(value)) for value in values)


def spread(positions: Sequence[float], widths: Sequence[float], low: float, high: float) -> list[float]:
    """Move labels as little as possible, so that none overlaps another and all lie in [low, high].

    Least squares under an order: with the widths of the labels before it taken off, the
    centres need only ascend, and pooling neighbours that do not is optimal.
    Labels that are too wide together overlap evenly.

    Parameters
    ----------
    positions
        Wished centres, ascending.
    widths
        Width of each label, gap included.
    low, high
        Ends of the room.

    Returns
    -------
    Centres, in the order given.
    """
    total = sum(widths)
    if total > high - low:
        widths = [width * (high - low) / total for width in widths]
    offsets = [sum(widths[:k]) + width / 2 for k, width in enumerate(widths)]
    blocks: list[tuple[float, int]] = []
    for position, offset in zip(positions, offsets, strict=True):
        mean, size = position - offset, 1
        while blocks and blocks[-1][0] > mean:
            other, count = blocks.pop()
            mean = (other * count + mean * size) / (count + size)
            size += count
        blocks.append((mean, size))
    room = max(low, high - sum(widths))
    pooled = [min(max(mean, low), room) for mean, size in blocks for _ in range(size)]
    return [mean + offset for mean, offset in zip(pooled, offsets, strict=True)]


def text_width(text: str, size: float) -> float:
    """Return roughly how wide `text` is at a font size in pixels."""
    return len(text) * size * _CHARACTER


def coordinate(value: float) -> str:
    """Return a pixel in two decimals, so that a drawing has the same bytes everywhere."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text
