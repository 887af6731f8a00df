r"""What ranges say of the flip margin, and what is left of them above a floor of it.

With p the last pre-activation, linear at its end, and theta in [t, T] (`nnff.question.Threshold`), a pair in
the order p' <= p'' has the margin

.. math:: \min(p'' - \theta, \theta - p') \le \min(p'' - t, T - p') = \min(m + D/2 - t,\; T - m + D/2).

It is the smaller of two numbers, so at most each of them and at most their mean, (D + T - t)/2.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from nnff.problem import Problem
    from nnff.ranges.interval import LayerRanges, Ranges

__all__ = ["least_margin", "margin_bound", "with_margin_floor"]

_HAIR = 1e-15
"""Relative to the sizes of what is added: each sum here has at most four terms."""


def margin_bound(problem: Problem, ranges: Ranges) -> float:
    """Return an upper bound of the margin, before the output scaling, over the pairs that ranges hold.

    Sound for ranges of pairs in either order: p'' then ranges over what either copy does, and
    D = p'' - p' >= 0 over the sizes of both signs.
    """
    flip, known = problem.flip, ranges.layers[-1]
    assert flip is not None
    reach = float(np.maximum(known.difference_upper, -known.difference_lower)[0])
    lowest, highest = float(known.first_lower[0]), float(known.second_upper[0])
    if np.isneginf(ranges.floor):
        lowest, highest = float(known.lower[0]), float(known.upper[0])
    bounds = (
        highest - flip.lower,
        flip.upper - lowest,
        (reach + flip.upper - flip.lower) / 2,
        float(known.midpoint_upper[0]) + reach / 2 - flip.lower,
        flip.upper - float(known.midpoint_lower[0]) + reach / 2,
    )
    return min(bounds) + _hair(problem, known)


def least_margin(problem: Problem, ranges: Ranges) -> float:
    """Return a lower bound of ``min(p'' - t, T - p')`` over all pairs that ranges hold."""
    flip, known = problem.flip, ranges.layers[-1]
    assert flip is not None
    low, high = float(known.second_lower[0]) - flip.lower, flip.upper - float(known.first_upper[0])
    return min(low, high) - _hair(problem, known)


def with_margin_floor(problem: Problem, ranges: Ranges, floor: float) -> Ranges:
    """Restrict ranges to pairs with p' <= p'' whose margin is at least `floor`, which may be negative.

    Sound: each line solves one of the bounds in the module's formula for p', p'', D or m, with D at most
    its largest.  Other layers are left as they are; they hold these pairs, too.
    """
    flip, known = problem.flip, ranges.layers[-1]
    assert flip is not None
    ends = {"difference_lower": np.maximum(known.difference_lower, 0.0)}
    if np.isfinite(floor):
        hair = _hair(problem, known) + _HAIR * abs(floor)
        reach = float(known.difference_upper[0])
        below, above = flip.lower + floor - hair, flip.upper - floor + hair
        apart = 2 * floor - (flip.upper - flip.lower) - 2 * hair
        ends = {
            "difference_lower": np.maximum(ends["difference_lower"], apart),
            "second_lower": np.maximum(known.second_lower, below),
            "first_upper": np.minimum(known.first_upper, above),
            "midpoint_lower": np.maximum(known.midpoint_lower, below - reach / 2 - hair),
            "midpoint_upper": np.minimum(known.midpoint_upper, above + reach / 2 + hair),
        }
    # Nothing that holds is ever emptied: were the floor beyond reach, its pairs would not exist.
    for name, value in ends.items():
        other = name.replace("lower", "upper") if name.endswith("lower") else name.replace("upper", "lower")
        meet = np.minimum if name.endswith("lower") else np.maximum
        ends[name] = meet(value, ends.get(other, getattr(known, other)))
    layers = (*ranges.layers[:-1], replace(known, **ends))
    return replace(ranges, layers=layers, floor=max(ranges.floor, floor))


def _hair(problem: Problem, known: LayerRanges) -> float:
    assert problem.flip is not None
    sizes = (known.lower, known.upper, known.difference_lower, known.difference_upper)
    most = max(float(np.abs(value).max()) for value in sizes)
    return 4 * _HAIR * (most + max(abs(problem.flip.lower), abs(problem.flip.upper))) + 1e-300
