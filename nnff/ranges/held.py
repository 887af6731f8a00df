r"""Ranges of the pairs in which one input's difference is held to a part of its range.

A difference :math:`d_i = z''_i - z'_i` that can be large, such as that of an attribute the metric leaves
free, moves the pre-activations of *all* neurons together.  Ranges neuron by neuron forget that; over a
part of the range of d_i they have little to forget.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from nnff.errors import NoPairsError
from nnff.ranges.interval import LayerRanges, Ranges, input_difference_range
from nnff.ranges.linear import intersect, linear_ranges
from nnff.ranges.outward import affine_range, down, up

if TYPE_CHECKING:
    from nnff.problem import Problem
    from nnff.values import FloatArray

__all__ = ["hold_difference", "share_of_difference"]


def hold_difference(problem: Problem, ranges: Ranges, feature: int, low: float, high: float) -> Ranges:
    """Restrict ranges to the pairs with ``low <= z''_i - z'_i <= high`` for i = `feature`.

    Sound: z' = z'' - d lies where z'' does, moved by -d, and in the box; likewise z'' and the
    midpoint, which stays |d|/2 away from both ends of the box.  D of the first layer is bounded by
    `input_difference_range`, later layers by `linear_ranges`; all is intersected with what held before.

    Parameters
    ----------
    problem
        The problem.
    ranges
        Ranges that hold at least the pairs in question.
    feature
        Index i of an input.
    low, high
        Part of the range of its difference, in the network's scaled inputs.

    Raises
    ------
    NoPairsError
        If that proves that there is no such pair.
    """
    inputs = ranges.inputs
    low = max(low, float(inputs.difference_lower[feature]))
    high = min(high, float(inputs.difference_upper[feature]))
    if low > high:
        raise NoPairsError("the difference of an input is held to nothing")
    ends = [inputs.difference_lower.copy(), inputs.difference_upper.copy()]
    ends[0][feature], ends[1][feature] = low, high
    held = replace(inputs, difference_lower=ends[0], difference_upper=ends[1])
    first = problem.network.layers[0]
    least = np.maximum(0.0, np.maximum(ends[0], -ends[1])) / 2
    moved = {
        "midpoint_": (inputs.lower + least, inputs.upper - least),
        "first_": (inputs.lower - ends[1], inputs.upper - ends[0]),
        "second_": (inputs.lower + ends[0], inputs.upper + ends[1]),
    }
    found: dict[str, FloatArray] = {
        "lower": ranges.layers[0].lower,
        "upper": ranges.layers[0].upper,
    }
    found["difference_lower"], found["difference_upper"] = input_difference_range(problem, held, first.weight)
    for name, (lower, upper) in moved.items():
        # A sum rounds once, and only its exact value may cut the box.
        box = np.maximum(inputs.lower, down(lower)), np.minimum(inputs.upper, up(upper))
        if (box[0] > box[1]).any():
            raise NoPairsError("the difference of an input is larger than its range")
        own = affine_range(first.weight, first.bias, *box)
        found[f"{name}lower"], found[f"{name}upper"] = own
    layers = (intersect(ranges.layers[0], LayerRanges(**found)), *ranges.layers[1:])
    return linear_ranges(problem, Ranges(held, layers, ranges.floor))


def share_of_difference(problem: Problem, ranges: Ranges, weights: FloatArray) -> FloatArray:
    """Tell what share of the widths of D in the first layer each input's difference accounts for.

    A guide only; no bound rests on it.

    Parameters
    ----------
    problem, ranges
        The problem and its ranges.
    weights
        Weight of every neuron of the first layer.

    Returns
    -------
    Between 0 and 1, shape (inputs,): by how much the weighted sum of widths falls if the
    difference of the input is held to one value.
    """
    matrix, inputs = problem.network.layers[0].weight, ranges.inputs
    low, high = input_difference_range(problem, inputs, matrix)
    whole = float(weights @ (high - low))
    shares = np.zeros(matrix.shape[1])
    for feature in np.flatnonzero(inputs.difference_lower < inputs.difference_upper):
        middle = (inputs.difference_lower[feature] + inputs.difference_upper[feature]) / 2
        ends = [inputs.difference_lower.copy(), inputs.difference_upper.copy()]
        ends[0][feature] = ends[1][feature] = middle
        held = replace(inputs, difference_lower=ends[0], difference_upper=ends[1])
        low, high = input_difference_range(problem, held, matrix)
        if whole > 0:
            shares[feature] = max(0.0, 1 - float(weights @ (high - low)) / whole)
    return shares
