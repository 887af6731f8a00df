"""A logarithmic scale that has a place for 0 and for infinity."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nnff.report.axis import Axis

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["LogScale"]

_FEWEST_DECADES = 0.3
_LINEAR_BELOW = 2.5
_TICK_STEPS: tuple[tuple[tuple[float, ...], int], ...] = (
    ((1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8), 1),
    ((1, 2, 5), 1),
    ((1, 3), 1),
    ((1,), 1),
    ((1,), 2),
    ((1,), 3),
    ((1,), 6),
)
"""Multiples of powers of ten, and of which powers, from many marks to few."""
_LARGEST = 1e300
"""What is larger has the place of infinity: powers of ten beyond the floats' range are no marks."""
_DEEPEST = 6
"""Decades below the largest value beyond which smaller ones count as 0."""


@dataclass(frozen=True)
class LogScale:
    """Decimal logarithms, with 0 and infinity at the edges.

    Attributes
    ----------
    low, high
        Ends of the axis, in decades.
    smallest, largest
        Values between which the scale is true.
    deepest
        Values below this have the place of 0.
    highest
        Values above this have the place of infinity.
    cut
        Whether some of these are finite.
    zero, infinity
        Where these lie, in decades; None if no value needs them.
    """

    low: float
    high: float
    smallest: float
    largest: float
    deepest: float
    highest: float
    cut: bool
    zero: float | None
    infinity: float | None

    @classmethod
    def covering(
        cls,
        values: Iterable[float],
        *,
        margin: float = 0.04,
        least: float = _FEWEST_DECADES,
        floor: float = 1 / _LARGEST,
        ceiling: float = _LARGEST,
    ) -> LogScale:
        """Return a scale over all `values`, none of which is below 0 or NaN.

        Values far below the largest share the place of 0: 1e-300 is no place to begin an axis.

        Parameters
        ----------
        values
            What has to have a place.
        margin
            Room at both ends, relative to the length.
        least
            Decades that the scale spans at least.
        floor
            Values below this are not told apart from 0.
        ceiling
            Values above this are not told apart from infinity.
        """
        given = list(values)
        finite = sorted(value for value in given if 0 < value <= ceiling)
        largest = max(finite[-1], floor) if finite else 1.0
        # A round number, since it is written on the axis.
        deepest = max(10.0 ** math.ceil(math.log10(largest) - _DEEPEST), floor)
        kept = [value for value in finite if value >= deepest] or [largest]
        first, last = math.log10(kept[0]), math.log10(largest)
        if last - first < least:
            middle = (first + last) / 2
            first, last = middle - least / 2, middle + least / 2
        step = 0.12 * (last - first)
        zero = first - step if any(value < deepest for value in given) else None
        infinity = last + step if any(value > ceiling for value in given) else None
        cut = any(ceiling < value < math.inf for value in given)
        low = first if zero is None else zero
        high = last if infinity is None else infinity
        room = margin * (high - low)
        return cls(low - room, high + room, 10.0**first, 10.0**last, deepest, ceiling, cut, zero, infinity)

    def at(self, value: float) -> float:
        """Return the place of `value`, in decades; values beyond an end lie on it."""
        if value > self.highest and self.infinity is not None:
            return self.infinity
        if value < self.deepest and self.zero is not None:
            return self.zero
        return min(max(math.log10(value), self.low), self.high) if value > 0 else self.low

    def ticks(
        self, count: int, text: Callable[[float], str], *, infinite: str = "∞"
    ) -> tuple[list[float], list[str]]:
        """Return places and texts of at most `count` marks at round values, and of the two edges.

        Parameters
        ----------
        count
            How many there is room for.
        text
            Writes a value.
        infinite
            Stands at infinity, if the scale has it and nothing finite has the same place.
        """
        marks = [(math.log10(value), text(value)) for value in self._round_values(count)]
        if self.zero is not None:
            marks.insert(0, (self.zero, f"< {text(self.deepest)}"))
        if self.infinity is not None:
            marks.append((self.infinity, f"> {text(self.highest)}" if self.cut else infinite))
        return [place for place, _ in marks], [label for _, label in marks]

    def _round_values(self, count: int) -> list[float]:
        if self.largest < _LINEAR_BELOW * self.smallest:
            # So short a piece of a logarithmic scale is all but linear.
            ticks = Axis(self.smallest, self.largest, self.smallest, self.largest).ticks(count)
            return [tick.position for tick in ticks]
        exponents = range(math.floor(math.log10(self.smallest)), math.ceil(math.log10(self.largest)) + 1)
        slack = 1e-9
        inside: list[float] = []
        for steps, every in _TICK_STEPS:
            values = [m * 10.0**e for e in exponents if e % every == 0 for m in steps]
            inside = [v for v in values if self.smallest * (1 - slack) <= v <= self.largest * (1 + slack)]
            if len(inside) <= count:
                break
        return inside
