r"""Lines above and below an activation on an interval, whatever its shape: convex and concave pieces.

A line above phi = +-g on [l, u] needs a slope a, and any slope will do: what makes it sound is its offset, an
upper bound of sup (phi(x) - a x) over [l, u].  Between inflexions phi is convex or concave:

* where it is convex, phi(x) - a x is too, and largest at an end of the piece;
* where it is concave, phi(x) <= phi(t) + k (x - t) for every t of the piece, k a slope of phi at t.  With
  t < t' close together, where phi turns from steeper than a to less steep: the tangent at t bounds
  phi(x) - a x left of t', where it all but rises, and that at t' right of it, where it falls; also where
  phi has a kink in between.

t and t' are found by bisection in floating point: bad ones cost tightness only.  The slope is that of the
longest step of the concave envelope over the middle of the interval, of a grid of phi: the line through it
has the least mean height.  An inflexion is the nearest float; what g bends the wrong way in
between is of the order of that error cubed.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from nnff.network import Activation
    from nnff.values import FloatArray

__all__ = ["line_above"]

_BISECTIONS = 40
_STEPS = 32
_ROUNDING = 1e-14
"""Relative error allowed for a sum of a few terms, each good to some units in the last place."""
_TINY = 1e-300


def line_above(
    g: Activation, sign: float, lower: FloatArray, upper: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return slopes and offsets of lines above ``sign * g`` on [lower, upper], shapes (neurons,)."""
    slope = _slope(g, sign, lower, upper)
    offset = np.full_like(lower, -math.inf)
    size = np.abs(slope) * np.maximum(np.abs(lower), np.abs(upper))
    for low, high in pairwise((-math.inf, *g.inflexions, math.inf)):
        start, end = np.clip(lower, low, high), np.clip(upper, low, high)
        at_start, at_end = sign * g.value(start), sign * g.value(end)
        ends = np.maximum(at_start - slope * start, at_end - slope * end)
        values = np.maximum(np.abs(at_start), np.abs(at_end))
        convex = g.convex_on(start, end) == (sign > 0)
        # A piece that the interval does not reach is a point, and not one of the interval.
        reached = (start < end) | ((start == lower) & (end == upper))
        tangents = _tangents(g, sign, slope, start, end)
        # What slopes are off by.
        blur = (g.noise + _ROUNDING * (g.steepness + np.abs(slope))) * (end - start)
        own = np.where(convex, ends, np.maximum(ends, tangents + blur))
        offset = np.maximum(offset, np.where(reached, own, -math.inf))
        size = np.where(reached, np.maximum(size, values), size)
    return slope, offset + 8 * _ROUNDING * size + 2 * g.noise + _TINY


def _tangents(
    g: Activation, sign: float, slope: FloatArray, start: FloatArray, end: FloatArray
) -> FloatArray:
    """Bound phi(x) - a x on a concave piece by two tangents, beside each other where phi is as steep as a."""
    low, high = start, end
    for _ in range(_BISECTIONS):
        t = (low + high) / 2
        steeper = sign * g.derivative(t) > slope
        low, high = np.where(steeper, t, low), np.where(steeper, high, t)
    at_low, at_high = sign * g.value(low) - slope * low, sign * g.value(high) - slope * high
    rise_low, rise_high = (sign * g.derivative(t) - slope for t in (low, high))
    left = at_low + np.maximum(np.maximum(rise_low * (start - low), rise_low * (high - low)), 0.0)
    right = at_high + np.maximum(rise_high * (end - high), 0.0)
    return np.maximum(left, right)


def _slope(g: Activation, sign: float, lower: FloatArray, upper: FloatArray) -> FloatArray:
    """Return the slope, over the middle, of the concave envelope of phi on a grid."""
    width = upper - lower
    shares = np.linspace(0.0, 1.0, _STEPS + 1)
    x = lower[:, None] + width[:, None] * shares
    # Of differences from the left end, because on a narrow interval values alone have no digits left.
    phi = sign * g.difference(lower[:, None] + width[:, None] * shares / 2, width[:, None] * shares)
    half = _STEPS // 2
    left, right = shares[:half], shares[half + 1 :]
    run = right[None, :] - left[:, None]
    rise = phi[:, None, half + 1 :] - phi[:, :half, None]
    height = phi[:, :half, None] + rise * ((shares[half] - left)[:, None] / run)
    best = height.reshape(len(x), -1).argmax(axis=1)
    i, j = np.divmod(best, len(right))
    row = np.arange(len(x))
    tangent = sign * g.derivative(x[:, half])
    above = height.reshape(len(x), -1)[row, best] > phi[:, half]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        chord = rise[row, i, j] / (run[i, j] * width)
    usable = above & (width > 0) & np.isfinite(chord)
    result: FloatArray = np.clip(np.where(usable, chord, tangent), -g.steepness, g.steepness)
    return result
