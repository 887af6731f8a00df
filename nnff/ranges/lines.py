r"""Straight lines above and below an activation, and above and below its differences h as functions of D.

Sigmoid and tanh are convex left of 0 and concave right of it, and odd around (0, g(0)); other
shapes have lines from `nnff.ranges.envelope`.  Over all pairs of a neuron, h = g(p'') - g(p') lies below a
function of D = p'' - p' that is convex left of 0 and concave right of it (`difference_lines`).
A line above such a function phi on [l, u] needs a slope a, and *any* slope will do: what makes it sound
is its offset, an upper bound of sup (phi(x) - a x):

* left of 0, phi(x) - a x is convex, and largest at an end;
* right of 0, phi is concave, so phi(x) <= phi(t) + phi'(t) (x - t) for every t there, and phi(x) - a x
  is at most phi(t) - a t + max over the ends of (phi'(t) - a) (x - t).

Nothing is asked of a and t, which are found by bisection in floating
point: a bad choice costs tightness only.  Values are rounded outward.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nnff.ranges.envelope import line_above
from nnff.ranges.outward import difference_above, slope_range

if TYPE_CHECKING:
    from collections.abc import Callable

    from nnff.network import Activation
    from nnff.ranges.interval import LayerRanges
    from nnff.values import BoolArray, FloatArray

    _Function = Callable[[FloatArray], FloatArray]

__all__ = ["Lines", "activation_lines", "difference_lines"]

_BISECTIONS = 40
_ROUNDING = 1e-14
"""Relative error allowed for a sum of a few terms, each good to some units in the last place."""
_DRIFT = 1e-15
"""More of it per unit of |p|: slopes decay like exp(-2 |p|), and |p| itself is rounded."""
_TINY = 1e-300


@dataclass(frozen=True)
class Lines:
    """``slope_below x + offset_below <= phi(x) <= slope_above x + offset_above``, shapes (neurons,)."""

    slope_above: FloatArray
    offset_above: FloatArray
    slope_below: FloatArray
    offset_below: FloatArray

    def where(self, chosen: BoolArray, slope: FloatArray) -> Lines:
        """Return the lines with ``slope x``, exactly, for the chosen neurons."""
        return Lines(
            np.where(chosen, slope, self.slope_above),
            np.where(chosen, 0.0, self.offset_above),
            np.where(chosen, slope, self.slope_below),
            np.where(chosen, 0.0, self.offset_below),
        )


def activation_lines(g: Activation, lower: FloatArray, upper: FloatArray) -> Lines:
    """Return lines above and below g over [lower, upper], per neuron; proven, see the module.

    ReLU, leaky or not, is convex: its chord lies above it, and below every line through 0 of a slope between
    its own two.
    """
    zero = np.zeros_like(lower)
    if g.name == "identity":
        one = np.ones_like(lower)
        return Lines(one, zero, one, zero)
    if not g.smooth and not g.inflexions:
        at_lower, at_upper = g.value(lower), g.value(upper)
        left, right = (float(g.derivative(np.array(p))) for p in (-1.0, 1.0))
        slope = _slope(lower, upper, at_lower, at_upper)
        offset = np.maximum(at_lower - slope * lower, at_upper - slope * upper)
        size = np.maximum(np.abs(lower), np.abs(upper))
        below = np.where(lower + upper > 0, right, left)
        lines = Lines(slope, offset + 4 * _ROUNDING * size + _TINY, below, zero)
        return lines.where((lower >= 0) | (upper <= 0), np.where(lower >= 0, right, left))
    if g.steepest != 0:
        slope_below, offset_below = line_above(g, -1.0, lower, upper)
        return Lines(*line_above(g, 1.0, lower, upper), -slope_below, -offset_below)
    error = np.full_like(lower, _ROUNDING)
    slope_above, offset_above = _line_above(g.value, g.value, g.derivative, lower, upper, error)
    slope_below, mirrored = _line_above(g.value, g.value, g.derivative, -upper, -lower, error)
    # g(p) = 2 g(0) - g(-p); g(0) is 0 or 1/2, exactly.
    twice = 2 * g.value(zero)
    offset_below = twice - mirrored - _ROUNDING * (np.abs(mirrored) + twice)
    return Lines(slope_above, offset_above, slope_below, offset_below)


def difference_lines(g: Activation, known: LayerRanges) -> Lines:
    """Return lines above and below h = g(p'') - g(p') as functions of D = p'' - p', per neuron.

    h = c D with c a mean of g' over the neuron's range [l, u], so for D <= 0, h <= c D with
    c the least slope there.  For D >= 0, h <= V(D), concave:

    * where g' falls away from one point q on both sides, V(D) is H(., D) at its largest: for q = 0 and
      l < 0 < u that is H(0, D); for e = max(l, -u) >= 0 it is g(e + D) - g(e), because the pair lies where
      |p| >= e; for softplus, whose g' rises, g(u) - g(u - D);
    * otherwise V(D) = c D with c the largest slope.

    The lines below follow from those above, because swapping the pair turns
    h into -h and D into -D.
    """
    zero, one = np.zeros_like(known.lower), np.ones_like(known.lower)
    if g.name == "identity":
        return Lines(one, zero, one, zero)
    least, most = slope_range(g, known.lower, known.upper)
    size = np.maximum(np.abs(known.lower), np.abs(known.upper))
    concave, slope = _largest(g, known, most)

    def convex(d: FloatArray) -> FloatArray:
        return least * d

    low, high = known.difference_lower, known.difference_upper
    error = _ROUNDING + _DRIFT * (size + np.maximum(np.abs(low), np.abs(high)))
    slope_above, offset_above = _line_above(convex, concave, slope, low, high, error)
    slope_below, mirrored = _line_above(convex, concave, slope, -high, -low, error)
    lines = Lines(slope_above, offset_above, slope_below, -mirrored)
    if g.smooth:
        return lines
    # One slope over the whole range: h is linear in D.
    return lines.where(least == most, least)


def _largest(g: Activation, known: LayerRanges, most: FloatArray) -> tuple[_Function, _Function]:
    """Return V and V' of `difference_lines`, for D >= 0; V rounded up."""
    if g.steepest is None:
        return lambda d: most * d, lambda _: most
    if g.steepest == 0:
        excluded = np.maximum(np.maximum(known.lower, -known.upper), 0.0)
        around = excluded == 0

        def middle(d: FloatArray) -> FloatArray:
            return np.where(around, 0.0, excluded + d / 2)

        def slope(d: FloatArray) -> FloatArray:
            return g.derivative(np.where(around, d / 2, excluded + d))

    else:
        end, inward = (known.upper, -1.0) if g.steepest > 0 else (known.lower, 1.0)

        def middle(d: FloatArray) -> FloatArray:
            return end + inward * d / 2

        def slope(d: FloatArray) -> FloatArray:
            return g.derivative(end + inward * d)

    return lambda d: difference_above(g, middle(d), d), slope


def _line_above(
    left: _Function,
    right: _Function,
    derivative: _Function,
    lower: FloatArray,
    upper: FloatArray,
    error: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Return slopes and offsets of lines above a function, see the module.

    Parameters
    ----------
    left, right
        The function, convex left of 0 and concave right of it.
    derivative
        That of `right`, for arguments >= 0.
    lower, upper
        Ends of the range, shape (neurons,).
    error
        Relative error of the three functions, shape (neurons,).
    """
    start, end = np.maximum(lower, 0.0), np.maximum(upper, 0.0)
    at_lower = np.where(lower < 0, left(np.minimum(lower, 0.0)), right(start))
    at_upper = np.where(upper > 0, right(end), left(np.minimum(upper, 0.0)))
    # The larger t, the higher the tangent of the concave part at t passes the left end: find the least above.
    low, high = start, end
    for _ in range(_BISECTIONS):
        t = (low + high) / 2
        beyond = right(t) + derivative(t) * (lower - t) > at_lower
        low, high = np.where(beyond, low, t), np.where(beyond, t, high)
    crossing = (lower < 0) & (upper > 0)
    # If none meets it before the upper end, or if all is convex, the chord is the least line.
    chord = (crossing & (low >= end * (1 - 1e-9))) | (upper <= 0)
    t = np.where(chord, end, np.where(crossing, high, (start + end) / 2))
    steepness = derivative(t)
    slope = np.where(chord, _slope(lower, upper, at_lower, at_upper), steepness)
    rise = steepness - slope
    blur = error * (np.abs(steepness) + np.abs(slope)) * (end - start)
    concave = right(t) - slope * t + np.maximum(np.maximum(rise * (start - t), rise * (end - t)), 0.0) + blur
    convex_end = np.where(upper > 0, left(np.zeros_like(end)), at_upper - slope * upper)
    convex = np.maximum(at_lower - slope * lower, convex_end)
    offset = np.where(lower >= 0, concave, np.where(upper <= 0, convex, np.maximum(convex, concave)))
    size = np.abs(at_lower) + np.abs(at_upper) + np.abs(slope) * np.maximum(np.abs(lower), np.abs(upper))
    return slope, offset + 4 * error * size + _TINY


def _slope(lower: FloatArray, upper: FloatArray, at_lower: FloatArray, at_upper: FloatArray) -> FloatArray:
    """Return the slope of the chord, 0 for a range that is a point."""
    width = upper - lower
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        slope = (at_upper - at_lower) / width
    result: FloatArray = np.where((width > 0) & np.isfinite(slope), slope, 0.0)
    return result
