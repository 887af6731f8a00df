r"""Segments of a smooth activation: intervals of the pre-activation, each with sound lines on both sides.

No segment straddles an inflexion of g (`nnff.network.Activation.inflexions`), so on each one
:math:`\phi = \pm g` is either convex or concave, and lines need no search and no grid:

* :math:`\phi` convex on [l, h]: ``phi(p) - k p`` is convex, so its maximum is at an end, for *any*
  slope k: the line with ``c = max(phi(l) - k l, phi(h) - k h)`` lies above.  The slope of the chord makes
  it touch at both ends.
* :math:`\phi` concave on [l, h]: ``phi(p) <= phi(q) + phi'(q) (p - q)`` for every q in [l, h].  The slope k
  is phi'(q) as computed, off by some e: replacing one by the other moves the line by at most ``e (h - l)``.

Both constants are computed in floating point and raised by more than all their roundings (`_shift`),
so a line is proven, not sampled.  A line that holds on a segment holds on each of its parts.

An inflexion is the nearest float; what g bends the wrong way in between is of the order of that error cubed.

Breakpoints are equi-error: on either side of 0 every segment's chord is equally far from g.  The
largest error is then as small as that many segments allow, in contrast to breakpoints that are uniform in p
or in g(p).  The end segments reach to the ends of the range, however wide it is.  Sigmoid and tanh, whose
derivative is even and decreases away from 0, have them to the last digit; other shapes nearly
(`nnff.encoding.bends`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nnff.encoding.bends import bend_breakpoints
from nnff.values import FloatArray, frozen_array

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nnff.network import Activation

__all__ = [
    "ABOVE",
    "BELOW",
    "BOTH",
    "LineSide",
    "Segment",
    "add_tangent",
    "breakpoints",
    "make_segments",
    "split_segment",
]

LineSide = tuple[str, int]
"""`ABOVE` or `BELOW`."""

ABOVE: LineSide = ("g", 1)
BELOW: LineSide = ("g", -1)
BOTH: tuple[LineSide, ...] = (ABOVE, BELOW)

NEGLIGIBLE_ERROR = 1e-9
"""Segments whose chord is closer to g than this are not divided further."""

NARROWEST_SIDE = 1e-5
"""A range that passes 0 is covered to at least this far beyond 0: narrower segments invite wrong answers."""

_UNIT = 2.0**-53
_FUNCTION_ERROR = 64 * _UNIT
"""Relative error granted to computed values and derivatives, as in `nnff.ranges.outward`."""

_TINY = 1e-300
_HALVINGS = 50
_SWEEPS = 60
_EVEN = 1e-3


@dataclass(frozen=True, eq=False)
class Segment:
    """An interval without an inflexion inside, and lines that are sound on it.

    Attributes
    ----------
    box
        (low, high).
    planes
        Per side, rows (k, c): ``sign * g(p) <= k p + c`` on the interval.
    concave
        Whether g is concave there, not convex.
    """

    box: FloatArray
    planes: Mapping[LineSide, FloatArray]
    concave: bool

    def contains(self, p: float, slack: float = 1e-9) -> bool:
        """Tell whether p lies in the interval, up to `slack`."""
        return bool(self.box[0] - slack <= p <= self.box[1] + slack)

    def envelope(self, side: LineSide, p: float) -> float:
        """Return the least line above ``sign * g`` at p."""
        return float((self.planes[side] @ np.array([p, 1.0])).min())

    def touches(self, side: LineSide) -> bool:
        """Tell whether the lines of `side` are tangents (``sign * g`` is concave), not a chord."""
        return self.concave == (side[1] > 0)


def make_segments(
    g: Activation,
    lower: FloatArray,
    upper: FloatArray,
    count: int,
    sides: Sequence[LineSide] = BOTH,
) -> list[tuple[Segment, ...]]:
    """Cover the ranges of many neurons by at most `count` segments each, one at least beside an inflexion.

    Parameters
    ----------
    g
        The activation, smooth.
    lower, upper
        Ranges of the pre-activations, shape (neurons,).
    count
        Number of segments, at least 1; fewer are made where fewer are as
        good (`NEGLIGIBLE_ERROR`), and more where inflexions inside ask for it.
    sides
        Which lines are wanted.

    Returns
    -------
    Per neuron, segments from left to right.  Together they hold its whole range.
    """
    cuts = breakpoints(g, lower, upper, count)
    ends = np.concatenate([np.stack([own[:-1], own[1:]], axis=1) for own in cuts])
    made = iter(_with_lines(g, ends, sides))
    return [tuple(next(made) for _ in own[1:]) for own in cuts]


def breakpoints(g: Activation, lower: FloatArray, upper: FloatArray, count: int) -> list[FloatArray]:
    """Return equi-error breakpoints for many ranges, ends and the inflexions inside included.

    With an inflexion at 0 the segments are shared out between the sides of 0 in proportion to the
    square root of the error of one chord over the side: n segments divide that error by about n^2.
    """
    if g.inflexions != (0.0,):
        return [
            bend_breakpoints(
                g, float(a), float(b), count, narrowest=NARROWEST_SIDE, negligible=NEGLIGIBLE_ERROR
            )
            for a, b in zip(lower, upper, strict=True)
        ]
    straddles = (lower < 0) & (upper > 0)
    low = np.where(straddles, np.minimum(lower, -NARROWEST_SIDE), lower)
    high = np.where(straddles, np.maximum(upper, NARROWEST_SIDE), upper)
    # Both sides as distances from 0, nearest first; a side that the range does not reach is (0, 0).
    negative = np.stack([np.maximum(-high, 0.0), np.maximum(-low, 0.0)], axis=1)
    positive = np.stack([np.maximum(low, 0.0), np.maximum(high, 0.0)], axis=1)
    errors = [_chord_error(g, -side[:, 1], -side[:, 0]) for side in (negative, positive)]
    bends = [np.sqrt(np.where(error > NEGLIGIBLE_ERROR, error, 0.0)) for error in errors]
    total = bends[0] + bends[1]
    share = np.divide(bends[0], total, out=np.zeros_like(total), where=total > 0)
    first = np.clip(np.rint(count * share), 1, max(count - 1, 1))
    first = np.where(straddles, first, count)
    second = np.where(straddles, np.maximum(count - first, 1), count)
    counts = [np.where(bend > 0, n, 1).astype(int) for bend, n in zip(bends, (first, second), strict=True)]
    left = _equi_error(g, negative, counts[0])
    right = _equi_error(g, positive, counts[1])
    result = []
    for j, crosses in enumerate(straddles):
        if crosses:
            result.append(np.concatenate([-left[j][::-1], right[j][1:]]))
        else:
            result.append(right[j] if low[j] >= 0 else -left[j][::-1])
    return result


def split_segment(g: Activation, segment: Segment, p: float, margin: float = 0.2) -> tuple[Segment, ...]:
    """Cut a segment in two at p, kept `margin` of its width away from its ends.

    The parts keep those of its lines that are lowest somewhere on them: without these a
    split could raise a bound.  (A part's own chord lies below the old one.)
    """
    low, high = (float(end) for end in segment.box)
    at = float(np.clip(p, low + margin * (high - low), high - margin * (high - low)))
    parts = _with_lines(g, np.array([[low, at], [at, high]]), tuple(segment.planes))
    return tuple(
        Segment(
            part.box,
            {
                side: _lowest(np.concatenate([rows, segment.planes[side]]), part.box)
                for side, rows in part.planes.items()
            },
            part.concave,
        )
        for part in parts
    )


def add_tangent(g: Activation, segment: Segment, side: LineSide, p: float) -> Segment:
    """Return the segment with one more line that touches ``sign * g`` at p, clipped to the segment."""
    assert segment.touches(side), "tangents lie above a concave function only"
    at = np.clip(np.array([p]), segment.box[0], segment.box[1])
    line = _tangents(g, np.array([float(side[1])]), at, segment.box[None])
    rows = np.concatenate([segment.planes[side], line])
    return Segment(segment.box, {**segment.planes, side: frozen_array(rows)}, segment.concave)


def _with_lines(g: Activation, ends: FloatArray, sides: Sequence[LineSide]) -> list[Segment]:
    """Make segments from their ends, shape (k, 2), with a chord or three tangents per side."""
    low, high = ends[:, 0], ends[:, 1]
    slopes, middle = _chord(g, low, high)
    points = np.stack([low, middle, high], axis=1)
    flat = _gap(g, low, middle, slopes) <= NEGLIGIBLE_ERROR
    concave = ~g.convex_on(low, high)
    made: list[dict[LineSide, FloatArray]] = [{} for _ in ends]
    for side in sides:
        sign = float(side[1])
        chords = _chords(g, np.full(len(ends), sign), slopes, ends)
        tangents = np.stack(
            [_tangents(g, np.full(len(ends), sign), points[:, i], ends) for i in range(3)], axis=1
        )
        for k, own in enumerate(made):
            if bool(concave[k]) != (sign > 0):
                rows = chords[k : k + 1]
            elif flat[k]:
                rows = tangents[k, 1:2]
            else:
                rows = tangents[k]
            own[side] = frozen_array(rows)
    return [
        Segment(frozen_array(box), planes, bool(own))
        for box, planes, own in zip(ends, made, concave, strict=True)
    ]


def _chords(g: Activation, sign: FloatArray, slopes: FloatArray, ends: FloatArray) -> FloatArray:
    """Return lines (k, c) above ``sign * g``, convex on the segments, with slope ``sign * slopes``."""
    k = sign * slopes
    values = sign[:, None] * g.value(ends)
    return np.stack([k, _shift(values, k[:, None], ends, g.noise).max(axis=1)], axis=1)


def _tangents(g: Activation, sign: FloatArray, points: FloatArray, ends: FloatArray) -> FloatArray:
    """Return lines (k, c) above ``sign * g``, concave on the segments, that touch it at `points`."""
    k = sign * g.derivative(points)
    slope_error = np.abs(k) * _FUNCTION_ERROR + g.noise + _TINY
    turned = slope_error * (ends[:, 1] - ends[:, 0]) * (1 + 1e-12)
    return np.stack([k, _shift(sign * g.value(points), k, points, turned + g.noise)], axis=1)


def _shift(
    values: FloatArray, slopes: FloatArray, at: FloatArray, extra: FloatArray | float = 0.0
) -> FloatArray:
    """Return ``values - slopes * at + extra``, raised by more than all roundings.

    The value is granted `_FUNCTION_ERROR`; the product, the difference and
    the two sums below round once each, by at most `_UNIT` of terms no larger than
    |value| + |product| + extra.
    """
    product = slopes * at
    size = np.abs(values) + np.abs(product)
    raised = (extra + size * (_FUNCTION_ERROR + 8 * _UNIT) + _TINY) * (1 + 1e-12)
    result: FloatArray = values - product + raised
    return result


def _lowest(lines: FloatArray, box: FloatArray) -> FloatArray:
    """Return the lines that are lowest somewhere on an interval; which one is changes at crossings only."""
    slopes, shifts = lines[:, 0], lines[:, 1]
    i, j = np.triu_indices(len(lines), 1)
    steeper = slopes[i] != slopes[j]
    i, j = i[steeper], j[steeper]
    crossings = (shifts[j] - shifts[i]) / (slopes[i] - slopes[j])
    inside = crossings[(crossings > box[0]) & (crossings < box[1])]
    nodes = np.unique(np.concatenate([box, inside]))
    between = np.concatenate([box, (nodes[:-1] + nodes[1:]) / 2])
    kept = np.unique(np.argmin(slopes[:, None] * between + shifts[:, None], axis=0))
    return frozen_array(lines[kept])


def _chord(g: Activation, low: FloatArray, high: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the slope of each chord and the point between where g has that slope.

    Approximations: slopes and points only affect how tight a line is, never whether it is sound.
    """
    width = high - low
    proper = width > 0
    safe = np.where(proper, width, 1.0)
    # Halves first: a range may be as wide as the largest float.
    slopes = np.where(proper, g.difference(low / 2 + high / 2, width) / safe, g.derivative(low))
    convex = g.convex_on(low, high)
    left, right = low.copy(), high.copy()
    for _ in range(_HALVINGS):
        middle = left + (right - left) / 2
        # g' rises where g is convex and falls where it is concave.
        before = (g.derivative(middle) > slopes) != convex
        left, right = np.where(before, middle, left), np.where(before, right, middle)
    return slopes, left + (right - left) / 2


def _gap(g: Activation, low: FloatArray, middle: FloatArray, slopes: FloatArray) -> FloatArray:
    """Return how far the chord from `low` is from g at `middle`, without cancellation of g itself."""
    width = middle - low
    result: FloatArray = np.abs(slopes * width - g.difference(low / 2 + middle / 2, width))
    return result


def _chord_error(g: Activation, low: FloatArray, high: FloatArray) -> FloatArray:
    """Return the largest distance between g and its chord on intervals without an inflexion inside."""
    slopes, middle = _chord(g, low, high)
    return _gap(g, low, middle, slopes)


def _equi_error(g: Activation, sides: FloatArray, counts: FloatArray) -> list[FloatArray]:
    """Return equi-error breakpoints of intervals of distances from 0, shape (k, 2), nearest first."""
    result: list[FloatArray] = list(sides)
    for count in np.unique(counts):
        if count <= 1:
            continue
        chosen = np.flatnonzero(counts == count)
        for j, cuts in zip(chosen, _balance(g, sides[chosen], int(count)), strict=True):
            result[j] = cuts
    return result


def _balance(g: Activation, sides: FloatArray, count: int) -> FloatArray:
    """Move breakpoints until all chords have the same error, shape (k, count + 1).

    Works on the convex side, in the coordinate v = sqrt(g(p) - g(low)): in a
    tail, where g decays exponentially, the error of a chord depends on the width in v only.  It grows
    at least as the square of the width, so widths are multiplied by error^(-1/4), which
    approaches the balance without overshooting, and the best breakpoints seen are kept.
    """
    low, high = -sides[:, 1], -sides[:, 0]
    base = g.value(low)
    span = np.sqrt(g.value(high) - base)[:, None]
    widths = np.full((len(sides), count), 1.0 / count)
    best = np.full(len(sides), math.inf)
    cuts = np.zeros((len(sides), count + 1))
    for _ in range(_SWEEPS):
        goals = base[:, None] + (span * np.cumsum(widths, axis=1)[:, :-1]) ** 2
        now = np.concatenate([low[:, None], _inverse(g, goals, low, high), high[:, None]], axis=1)
        error = _chord_error(g, now[:, :-1].ravel(), now[:, 1:].ravel()).reshape(widths.shape)
        largest = error.max(axis=1)
        better = largest < best
        best, cuts = np.where(better, largest, best), np.where(better[:, None], now, cuts)
        if (error.min(axis=1) >= largest * (1 - _EVEN)).all():
            break
        ratio = np.divide(largest[:, None], error, out=np.full_like(error, 16.0), where=error > 0)
        widths = widths * np.minimum(ratio, 16.0) ** 0.25
        widths = widths / widths.sum(axis=1, keepdims=True)
    return -cuts[:, ::-1]


def _inverse(g: Activation, goals: FloatArray, low: FloatArray, high: FloatArray) -> FloatArray:
    """Return where g takes the values `goals`, shape (k, n), between `low` and `high`, shape (k,)."""
    left = np.broadcast_to(low[:, None], goals.shape)
    right = np.broadcast_to(high[:, None], goals.shape)
    for _ in range(_HALVINGS):
        middle = left + (right - left) / 2
        before = g.value(middle) < goals
        left, right = np.where(before, middle, left), np.where(before, right, middle)
    result: FloatArray = left + (right - left) / 2
    return result
