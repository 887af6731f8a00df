"""Ranges of pairs of which one input is held: that copy of the network is known."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from nnff.ranges.outward import activation_range, affine_range

if TYPE_CHECKING:
    from nnff.problem import Problem
    from nnff.ranges.interval import LayerRanges, Ranges
    from nnff.values import FloatArray

__all__ = ["held_inputs", "with_anchor"]


def held_inputs(problem: Problem) -> tuple[FloatArray, FloatArray]:
    """Return an enclosure of the held input in the network's scaled coordinates, two of shape (n,)."""
    assert problem.anchor is not None
    row, scaling = problem.anchor.row, problem.network.input_scaling
    if scaling.is_none:
        return row, row
    z = scaling.apply(row)
    # The subtraction and the division round once each, relative to what they are made of.
    error = 4 * 2.0**-53 * (np.abs(row) + np.abs(scaling.center)) / np.abs(scaling.scale) + 1e-300
    return z - error, z + error


def with_anchor(problem: Problem, ranges: Ranges) -> Ranges:
    """Narrow the held copy's pre-activations to its own, and m and D with them.

    Sound: an interval evaluation of the network, rounded outward, holds what the held input gives; m is
    the mean of the two copies and D their difference.
    """
    anchor = problem.anchor
    assert anchor is not None
    held, free = ("second", "first") if anchor.second else ("first", "second")
    lower, upper = held_inputs(problem)
    layers = []
    for layer, known in zip(problem.network.layers, ranges.layers, strict=True):
        low, high = affine_range(layer.weight, layer.bias, lower, upper)
        low, high = np.maximum(low, known.lower), np.minimum(high, known.upper)
        # Both hold the same value, so they meet up to a hair.
        low = np.minimum(low, high)
        own = replace(known, **{f"{held}_lower": low, f"{held}_upper": high})
        other = (getattr(own, f"{free}_lower"), getattr(own, f"{free}_upper"))
        layers.append(_combined(own, *other, second=anchor.second))
        lower, upper = activation_range(layer.activation, low, high)
    return replace(ranges, layers=tuple(layers))


def _combined(
    own: LayerRanges, free_lower: FloatArray, free_upper: FloatArray, *, second: bool
) -> LayerRanges:
    """Narrow m and D to what the two copies allow."""
    low, high = (own.second_lower, own.second_upper) if second else (own.first_lower, own.first_upper)
    size = np.maximum(np.abs(own.lower), np.abs(own.upper))
    hair = 4e-16 * size + 1e-300
    rise = (low - free_upper - hair, high - free_lower + hair)
    if not second:
        rise = (free_lower - high - hair, free_upper - low + hair)
    ends = {
        "midpoint_lower": np.maximum(own.midpoint_lower, (low + free_lower) / 2 - hair),
        "midpoint_upper": np.minimum(own.midpoint_upper, (high + free_upper) / 2 + hair),
        "difference_lower": np.maximum(own.difference_lower, rise[0]),
        "difference_upper": np.minimum(own.difference_upper, rise[1]),
    }
    return replace(own, **ends)
