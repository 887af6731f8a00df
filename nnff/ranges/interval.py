"""Ranges of pre-activations and of their differences over all similar pairs, by interval arithmetic."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np

from nnff.errors import ProblemError
from nnff.question import SAME_SIDE
from nnff.ranges.input_rows import InputPolytope
from nnff.ranges.margin import margin_bound
from nnff.ranges.outward import (
    activation_range,
    affine_range,
    difference_above,
    difference_below,
    down,
    slope_range,
    up,
)
from nnff.ranges.swaps import grouped_reach
from nnff.values import ContentValue, FloatArray, frozen_array

if TYPE_CHECKING:
    from nnff.network import Activation
    from nnff.problem import Problem

__all__ = [
    "InputRanges",
    "LayerRanges",
    "Ranges",
    "closed_form",
    "difference_range",
    "input_difference_range",
    "input_difference_reach",
    "interval_ranges",
    "mean_range",
]


@dataclass(frozen=True, eq=False)
class InputRanges(ContentValue):
    """Box of the network's scaled inputs z and of their differences.

    Attributes
    ----------
    lower, upper
        Range of every z_i, shape (n,).
    radius
        ``|z''_i - z'_i| <= radius_i``, shape (n,).
    difference_lower, difference_upper
        z''_i - z'_i, within +-radius_i; default: all of that.
    """

    lower: FloatArray
    upper: FloatArray
    radius: FloatArray
    difference_lower: FloatArray = None  # type: ignore[assignment] # filled in __post_init__
    difference_upper: FloatArray = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        if self.difference_lower is None:
            object.__setattr__(self, "difference_lower", -np.asarray(self.radius))
        if self.difference_upper is None:
            object.__setattr__(self, "difference_upper", self.radius)
        for field in fields(self):
            object.__setattr__(self, field.name, frozen_array(getattr(self, field.name)))


@dataclass(frozen=True, eq=False)
class LayerRanges(ContentValue):
    """Ranges of one layer's neurons over all feasible pairs, each of shape (neurons,).

    Attributes
    ----------
    lower, upper
        Pre-activation of either input of the pair; hence of the midpoint m too.
    difference_lower, difference_upper
        D = p'' - p'.
    midpoint_lower, midpoint_upper
        m = (p' + p'')/2; default: `lower` and `upper`.
    first_lower, first_upper, second_lower, second_upper
        p' and p'' apart, where the pair is ordered and the two differ; default: `lower` and `upper`.
    """

    lower: FloatArray
    upper: FloatArray
    difference_lower: FloatArray
    difference_upper: FloatArray
    midpoint_lower: FloatArray = None  # type: ignore[assignment] # filled in __post_init__
    midpoint_upper: FloatArray = None  # type: ignore[assignment]
    first_lower: FloatArray = None  # type: ignore[assignment]
    first_upper: FloatArray = None  # type: ignore[assignment]
    second_lower: FloatArray = None  # type: ignore[assignment]
    second_upper: FloatArray = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is None:
                value = self.lower if field.name.endswith("lower") else self.upper
            object.__setattr__(self, field.name, frozen_array(value))


@dataclass(frozen=True, eq=False)
class Ranges(ContentValue):
    """Ranges of the inputs and of every layer, first to last, and which pairs they hold.

    Attributes
    ----------
    inputs, layers
        The ranges.
    floor
        They hold every feasible pair, in that order, whose last activation has
        ``a'' - a' >= floor``: all pairs in either order for -inf, for 0 one order of each.
    """

    inputs: InputRanges
    layers: tuple[LayerRanges, ...]
    floor: float = -math.inf


@np.errstate(over="ignore", invalid="ignore")  # what overflows is refused, see _layer
def interval_ranges(problem: Problem) -> Ranges:
    """Propagate ranges from the domain and the metric through the network.

    Sound because every step maps an enclosure of the feasible pairs to an
    enclosure, in outward-rounded arithmetic: pre-activations by intervals, D
    of the first layer by the metric's own bound on linear forms over its
    ball (dual norm with the box), later D by intervals over the activation
    differences h of `difference_range`.  Rows of the domain narrow the inputs and
    the first layer (`nnff.ranges.input_rows`).

    Raises
    ------
    ProblemError
        If a range is not finite.
    """
    network = problem.network
    inputs = _input_ranges(problem)
    first = network.layers[0]
    lower, upper = affine_range(first.weight, first.bias, inputs.lower, inputs.upper)
    if not problem.domain.is_box:
        polytope = InputPolytope(problem, inputs.lower, inputs.upper)
        lower, upper = polytope.range(first.weight, first.bias)
    reach = input_difference_reach(problem, inputs, first.weight)
    layers = [_layer(1, lower, upper, -reach, reach)]
    for before, layer in zip(network.layers, network.layers[1:], strict=False):
        known = layers[-1]
        g = before.activation
        a_lower, a_upper = activation_range(g, known.lower, known.upper)
        h_lower, h_upper = difference_range(g, known)
        lower, upper = affine_range(layer.weight, layer.bias, a_lower, a_upper)
        d_lower, d_upper = affine_range(layer.weight, np.zeros(layer.n_outputs), h_lower, h_upper)
        layers.append(_layer(len(layers) + 1, lower, upper, d_lower, d_upper))
    return Ranges(inputs, tuple(layers))


def input_difference_reach(problem: Problem, inputs: InputRanges, forms: FloatArray) -> FloatArray:
    """Bound ``|w dz|`` over all differences of scaled inputs, one w per row of `forms`, rounded outward.

    The lesser of the metric's own bound over its ball and that of the box of differences.

    Parameters
    ----------
    problem
        Its metric, and the scales of network and metric.
    inputs
        Ranges of the inputs.
    forms
        Shape (k, n).

    Returns
    -------
    Shape (k,).
    """
    # w dz, dz = dx / s = du * (t / s), with u the metric's coordinates, t their scale.
    t, s = problem.coordinates.scale, problem.network.input_scaling.scale
    in_metric = problem.metric.difference_bound(
        forms * (t / s), problem.epsilon_outward, up(problem.radius / np.abs(t))
    )
    _, box_reach = affine_range(np.abs(forms), np.zeros(len(forms)), -inputs.radius, inputs.radius)
    # t/s and its product with w carry one rounding each.  Where the metric lets the
    # terms of w d cancel, that is not small relative to the bound, but it is to their sum of sizes.
    reach: FloatArray = np.minimum(up(in_metric + 4 * 2.0**-53 * box_reach, 1e-14), box_reach)
    if problem.domain.one_hot:
        reach = np.minimum(reach, grouped_reach(problem, inputs, forms))
    return reach


def input_difference_range(
    problem: Problem, inputs: InputRanges, forms: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Bound ``w dz`` from both sides over the differences of scaled inputs, one w per row of `forms`.

    Where the differences of some inputs are held to less than +-radius, w dz is the sum of what those
    inputs add, by intervals, and of the rest, by `input_difference_reach`.  Sound, because the rest is a
    linear form of a difference in the ball, that of w with coefficients of 0; and so is +-reach of w itself.

    Parameters
    ----------
    problem, inputs, forms
        As for `input_difference_reach`.

    Returns
    -------
    Lower and upper bounds, each of shape (k,), rounded outward.
    """
    reach = input_difference_reach(problem, inputs, forms)
    held = (inputs.difference_lower > -inputs.radius) | (inputs.difference_upper < inputs.radius)
    if not held.any():
        return -reach, reach
    rest = input_difference_reach(problem, inputs, np.where(held, 0.0, forms))
    low, high = affine_range(
        forms[:, held],
        np.zeros(len(forms)),
        inputs.difference_lower[held],
        inputs.difference_upper[held],
    )
    return np.maximum(-reach, down(low - rest)), np.minimum(reach, up(high + rest))


def difference_range(g: Activation, ranges: LayerRanges) -> tuple[FloatArray, FloatArray]:
    """Return the range of h = g(p'') - g(p'), each of shape (neurons,), rounded outward.

    Where g' falls away from one point on both sides (`Activation.steepest`: sigmoid, tanh, softplus), H
    is increasing in D, and for D > 0 H(., D) is largest at the m nearest that point and smallest at an end
    of the range of m.  For the others h = c D with c a mean of g' between p' and p'', so between its least
    and largest there, and a product of two intervals is extremal at their ends.  Always h is also at most the
    largest g(p'') less the least g(p').  The lower end follows from H being odd in D.
    """
    upper = _largest_difference(g, ranges, ranges.difference_upper)
    lower = -_largest_difference(g, _swapped(ranges), -ranges.difference_lower)
    return lower, upper


def mean_range(g: Activation, ranges: LayerRanges) -> tuple[FloatArray, FloatArray]:
    """Return the range of s = (g(p'') + g(p'))/2, each of shape (neurons,), rounded outward."""
    first = activation_range(g, ranges.first_lower, ranges.first_upper)
    second = activation_range(g, ranges.second_lower, ranges.second_upper)
    # Halving is exact, and what the sum rounds is relative to it or far below the hair.
    return down((first[0] + second[0]) / 2), up((first[1] + second[1]) / 2)


def closed_form(problem: Problem, ranges: Ranges) -> float:
    """Return the bound of delta_max that follows from ranges alone, rounded outward.

    The output difference h of the last layer lies in its `difference_range`;
    for a sigmoid output that is at most tanh(Dout/4), for tanh 2 tanh(Dout/2), for
    a linear one Dout, less where the output's midpoint range excludes 0; for others Dout times a slope.
    For ranges with a floor, the bound of the pairs that they hold.  For a flip, the bound of its margin.
    """
    if problem.flip is not None:
        known = ranges.layers[-1]
        if not (known.difference_lower.any() or known.difference_upper.any()):
            # Where no two outputs differ both inputs are on one side, also where both are on the threshold.
            return SAME_SIDE
        margin = margin_bound(problem, ranges) * float(abs(problem.network.output_scaling.scale[0]))
        return margin + abs(margin) * 1e-15
    g = problem.network.layers[-1].activation
    low, high = difference_range(g, ranges.layers[-1])
    reach = max(float(high[0]), -float(low[0]), 0.0)
    return reach * float(abs(problem.network.output_scaling.scale[0])) * (1 + 1e-15)


def _swapped(ranges: LayerRanges) -> LayerRanges:
    """Return the ranges of the pair (x'', x')."""
    return replace(
        ranges,
        difference_lower=-ranges.difference_upper,
        difference_upper=-ranges.difference_lower,
        first_lower=ranges.second_lower,
        first_upper=ranges.second_upper,
        second_lower=ranges.first_lower,
        second_upper=ranges.first_upper,
    )


def _largest_difference(g: Activation, ranges: LayerRanges, reach: FloatArray) -> FloatArray:
    """Upper bounds of h where D <= reach; of -h where -D <= reach, if the copies are swapped as well."""
    if g.name == "identity":
        return reach
    whole = activation_range(g, ranges.second_lower, ranges.second_upper)[1]
    whole = up(whole - activation_range(g, ranges.first_lower, ranges.first_upper)[0])
    if not g.monotone:
        return np.minimum(_by_slopes(g, ranges, reach), whole)
    if g.steepest is None:
        h = np.minimum(_by_slopes(g, ranges, reach), np.where(reach > 0, whole, 0.0))
    else:
        grow, shrink = np.maximum(reach, 0.0), np.minimum(reach, 0.0)
        nearest = np.clip(g.steepest, ranges.midpoint_lower, ranges.midpoint_upper)
        growing = difference_above(g, nearest, grow)
        # For D <= reach < 0, h <= -min over m of H(m, |reach|).
        ends = (ranges.midpoint_lower, ranges.midpoint_upper)
        least = np.minimum(*(difference_below(g, m, -shrink) for m in ends))
        h = np.where(reach > 0, np.minimum(growing, whole), np.minimum(-least, 0.0))
    # g does not decrease: D <= 0 means h <= 0, exactly.
    return np.where(reach == 0, 0.0, h)


def _by_slopes(g: Activation, ranges: LayerRanges, reach: FloatArray) -> FloatArray:
    """Return an upper bound of c D for D up to `reach`, c between the slopes of g that the pair can meet.

    For D > 0 the pair lies between the least p' and the largest p'', for D < 0 the other way round.
    """
    from_first = slope_range(g, ranges.first_lower, np.maximum(ranges.first_lower, ranges.second_upper))
    from_second = slope_range(g, ranges.second_lower, np.maximum(ranges.second_lower, ranges.first_upper))
    lowest = ranges.difference_lower
    grow, little = np.maximum(reach, 0.0), np.maximum(lowest, 0.0)
    growing = np.maximum(_product(from_first[1], grow), _product(from_first[1], little))
    shrink, much = np.minimum(reach, 0.0), np.minimum(lowest, 0.0)
    shrinking = np.maximum(_product(from_second[0], shrink), _product(from_second[0], much))
    return np.where(lowest >= 0, growing, np.where(reach <= 0, shrinking, np.maximum(growing, shrinking)))


def _product(slope: FloatArray, difference: FloatArray) -> FloatArray:
    """Return the product, rounded up unless it is exact."""
    product = slope * difference
    return np.where((slope == 0) | (slope == 1) | (difference == 0), product, up(product))


def _layer(
    number: int, lower: FloatArray, upper: FloatArray, d_lower: FloatArray, d_upper: FloatArray
) -> LayerRanges:
    """Intersect D with what the range of either pre-activation allows.

    Raises
    ------
    ProblemError
        If a range overflowed, or the metric's bound was no number or negative: comparisons
        with NaN are false, and what follows from them may be too narrow.
    """
    width = up(upper - lower)
    if not (np.isfinite(width) & np.isfinite(d_lower) & np.isfinite(d_upper) & (d_lower <= d_upper)).all():
        raise ProblemError(
            f"the ranges of layer {number} are not finite numbers; "
            "its weights or the domain are too large, or the metric's bounds are wrong"
        )
    return LayerRanges(lower, upper, np.maximum(d_lower, -width), np.minimum(d_upper, width))


def _input_ranges(problem: Problem) -> InputRanges:
    scaling = problem.network.input_scaling
    ends = np.stack([scaling.apply(problem.domain.lower), scaling.apply(problem.domain.upper)])
    # x - c and the division round once each; relative to the larger of |x| and |c|.
    size = np.maximum(np.abs(problem.domain.lower), np.abs(problem.domain.upper)) + np.abs(scaling.center)
    error = 4 * 2.0**-53 * size / np.abs(scaling.scale) + 1e-300
    exact = np.full(scaling.size, scaling.is_none)
    error = np.where(exact, 0.0, error)
    radius = problem.radius / np.abs(scaling.scale)
    radius = np.where(radius > 0, np.where(exact, radius, up(radius)), 0.0)
    lower, upper = ends.min(axis=0) - error, ends.max(axis=0) + error
    if problem.domain.constraints is not None:
        # Both inputs of a pair lie in the narrower range, so their difference is at most its width.
        every = np.eye(scaling.size)
        lower, upper = InputPolytope(problem, lower, upper).range(every, np.zeros(scaling.size))
        radius = np.minimum(radius, np.where(radius > 0, up(upper - lower), 0.0))
    return InputRanges(lower, upper, radius)
