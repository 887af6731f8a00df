r"""What ranges are left of pairs whose output difference is large enough to matter.

Once a real pair differs by delta_lower, only pairs that differ by more can move
the answer.  With a floor below delta_lower, ranges need to hold only pairs whose last
activation has :math:`h = a'' - a' \ge` floor: delta_max is then at most the greater of delta_lower and
the bound over those pairs.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from nnff.ranges.interval import LayerRanges, Ranges
from nnff.ranges.margin import with_margin_floor
from nnff.ranges.outward import difference_above

if TYPE_CHECKING:
    from nnff.network import Activation
    from nnff.problem import Problem
    from nnff.values import FloatArray

__all__ = ["least_difference", "with_floor"]

_BISECTIONS = 60


def with_floor(problem: Problem, ranges: Ranges, floor: float) -> Ranges:
    """Restrict ranges to pairs, ordered, whose last activation differs by at least `floor`.

    Sound: of each pair one order has h >= 0.  If the last activation does not decrease, D is then
    at least `least_difference`, and H(m, D) increases in D.  Where H falls away from one m
    (`nnff.network.Activation.steepest`), the midpoint lies where H(m, D_hi) reaches the floor.
    Ranges of other layers are left as they are, and all of them if the last activation is not monotone; they
    hold these pairs, too.

    Parameters
    ----------
    problem
        The problem; its metric and domain must be symmetric in the pair.
    ranges
        Ranges that hold at least the pairs in question.
    floor
        Below 0 it says no more than 0.  For a flip, a floor of its margin instead, which may be negative.
    """
    if problem.flip is not None:
        return with_margin_floor(problem, ranges, floor)
    floor = max(floor, 0.0)
    g = problem.network.layers[-1].activation
    known = ranges.layers[-1]
    if not g.monotone:
        return Ranges(ranges.inputs, ranges.layers, max(ranges.floor, floor))
    reach = known.difference_upper
    # Nothing that holds is ever emptied: were the floor beyond reach, its pairs would not exist.
    least = np.minimum(least_difference(g, known, floor), np.maximum(reach, known.difference_lower))
    ends = {"difference_lower": np.maximum(known.difference_lower, least)}
    if g.steepest is not None and floor > 0:
        low, high = known.midpoint_lower, known.midpoint_upper
        nearest = np.clip(g.steepest, low, high)
        ends["midpoint_upper"] = _reached(g, nearest, high, reach, floor)
        ends["midpoint_lower"] = _reached(g, nearest, low, reach, floor)
    layers = (*ranges.layers[:-1], replace(known, **ends))
    return Ranges(ranges.inputs, layers, max(ranges.floor, floor))


def least_difference(g: Activation, known: LayerRanges, floor: float) -> FloatArray:
    """Return a D, shape (neurons,), below which no pair in the ranges has h > `floor`; not negative.

    For a g that does not decrease: of H at the m where it is largest, or of the steepest slope.
    """
    low = np.zeros_like(known.lower)
    if not floor > 0:
        return low
    if g.steepest is None:
        return np.full_like(low, floor / g.steepness * (1 - 1e-15))
    nearest = np.clip(g.steepest, known.midpoint_lower, known.midpoint_upper)
    high = np.maximum(known.difference_upper, 0.0)
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        below = difference_above(g, nearest, middle) <= floor
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return low


def _reached(g: Activation, near: FloatArray, far: FloatArray, reach: FloatArray, floor: float) -> FloatArray:
    """Return the m between `near` and `far` beyond which H(m, reach) stays below the floor; `far` if none."""
    reach = np.maximum(reach, 0.0)
    beyond = difference_above(g, far, reach) < floor
    inner, outer = near, far
    for _ in range(_BISECTIONS):
        middle = (inner + outer) / 2
        below = difference_above(g, middle, reach) < floor
        inner, outer = np.where(below, inner, middle), np.where(below, middle, outer)
    return np.where(beyond, outer, far)
