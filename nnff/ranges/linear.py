r"""Ranges by backward linear bounds (CROWN, DeepPoly), for pre-activations and for their differences.

A linear form of a layer's outputs is bounded by replacing every neuron with a
line above or below it, whichever the sign of its coefficient asks for, and
expressing the result in the outputs of the layer before, back to the inputs.
What intervals lose, that two neurons are functions of the *same* inputs, is kept as
far as lines can keep it.

Pre-activations: lines of g over the neuron's range, and the box of inputs at the
end.  Differences: D = W h, and h lies between lines in D
(`nnff.ranges.lines.difference_lines`), so D of any layer becomes ``w dz + c`` with dz the difference of
the inputs, and the metric's own bound of linear forms over its ball ends the
chain.  For the second layer, say, that is the dual norm of a sum of weights in which much cancels,
where intervals add up the dual norms of every neuron.

Sound in floating point: a step replaces exact real coefficients by computed
ones and adds a bound of what that changes, times the largest size of what they
multiply, to an error that is added at the end.  A dot product of n terms is
off by at most ``gamma_n`` times its sum of sizes (`nnff.ranges.outward`), a product by one unit.
Lines and the bounds at the end are rounded outward themselves.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from nnff.errors import NoPairsError
from nnff.ranges.interval import (
    LayerRanges,
    Ranges,
    difference_range,
    input_difference_range,
    interval_ranges,
)
from nnff.ranges.lines import activation_lines, difference_lines
from nnff.ranges.outward import activation_range, affine_range

if TYPE_CHECKING:
    from nnff.network import Layer
    from nnff.problem import Problem
    from nnff.ranges.lines import Lines
    from nnff.values import FloatArray

__all__ = ["intersect", "linear_ranges"]

_UNIT = 2.0**-53
_TINY = 1e-300


@np.errstate(over="ignore", invalid="ignore", under="ignore")
def linear_ranges(problem: Problem, base: Ranges | None = None) -> Ranges:
    """Tighten ranges, layer by layer, by intervals and backward linear bounds from what is known already.

    Sound: every range is an intersection of ranges that hold.  Never wider
    than `base`.

    Parameters
    ----------
    problem
        The problem.
    base
        Ranges that hold for the pairs in question; default: `interval_ranges`.
    """
    base = interval_ranges(problem) if base is None else base
    layers = [base.layers[0]]
    for index in range(1, len(base.layers)):
        known = Ranges(base.inputs, tuple(layers), base.floor)
        found = [_by_intervals(problem, known, index), _by_lines(problem, known, index)]
        layer = base.layers[index]
        for other in found:
            layer = intersect(layer, other)
        layers.append(layer)
    return Ranges(base.inputs, tuple(layers), base.floor)


def intersect(one: LayerRanges, other: LayerRanges) -> LayerRanges:
    """Return what both allow; an end of `other` that is not finite says nothing.

    Raises
    ------
    NoPairsError
        If nothing is left: then there is no pair that both hold, or one of the two does not hold.
    """
    ends = {}
    for field in fields(LayerRanges):
        mine, theirs = getattr(one, field.name), getattr(other, field.name)
        theirs = np.where(np.isfinite(theirs), theirs, mine)
        tighter = np.maximum if field.name.endswith("lower") else np.minimum
        ends[field.name] = tighter(mine, theirs)
    result = LayerRanges(**ends)
    for name in ("", "difference_", "midpoint_", "first_", "second_"):
        if (getattr(result, f"{name}lower") > getattr(result, f"{name}upper")).any():
            raise NoPairsError("two ranges of a neuron exclude each other; the metric's bounds are wrong")
    return result


def _by_intervals(problem: Problem, known: Ranges, index: int) -> LayerRanges:
    before, layer, last = problem.network.layers[index - 1], problem.network.layers[index], known.layers[-1]
    g, zero = before.activation, np.zeros(layer.n_outputs)
    ends = {
        name: affine_range(
            layer.weight,
            layer.bias,
            *activation_range(g, getattr(last, f"{name}lower"), getattr(last, f"{name}upper")),
        )
        for name in ("", "first_", "second_")
    }
    # m is the mean of p' and p'', each in its range.
    middle = [(a + b) / 2 for a, b in zip(ends["first_"], ends["second_"], strict=True)]
    ends["midpoint_"] = (
        middle[0] - 4 * _UNIT * np.abs(middle[0]) - _TINY,
        middle[1] + 4 * _UNIT * np.abs(middle[1]) + _TINY,
    )
    ends["difference_"] = affine_range(layer.weight, zero, *difference_range(g, last))
    return LayerRanges(
        **{
            f"{name}{end}": value
            for name, pair in ends.items()
            for end, value in zip(_ENDS, pair, strict=True)
        }
    )


_ENDS = ("lower", "upper")


def _by_lines(problem: Problem, known: Ranges, index: int) -> LayerRanges:
    layer = problem.network.layers[index]
    rows = np.concatenate([layer.weight, -layer.weight])
    # One copy on its own: p' and p'' range over the same.
    chain = [
        _Step(before, activation_lines(before.activation, own.lower, own.upper), _size(own.lower, own.upper))
        for before, own in zip(problem.network.layers[:index], known.layers, strict=True)
    ]
    form = _Form(rows, np.concatenate([layer.bias, -layer.bias]))
    for step, size in zip(chain[::-1], _output_sizes(problem, known, index), strict=True):
        form = form.before(step, size, biased=True)
    _, value = affine_range(form.rows, form.constant, known.inputs.lower, known.inputs.upper)
    upper = form.finish(value)
    count = layer.n_outputs
    chain = [
        _Step(
            before,
            difference_lines(before.activation, own),
            _size(own.difference_lower, own.difference_upper),
        )
        for before, own in zip(problem.network.layers[:index], known.layers, strict=True)
    ]
    form = _Form(rows, np.zeros(2 * count))
    for step, size in zip(chain[::-1], _output_difference_sizes(problem, known, index), strict=True):
        form = form.before(step, size, biased=False)
    _, reach = input_difference_range(problem, known.inputs, form.rows)
    difference = form.finish(form.constant + reach)
    return LayerRanges(-upper[count:], upper[:count], -difference[count:], difference[:count])


def _size(lower: FloatArray, upper: FloatArray) -> FloatArray:
    return np.maximum(np.abs(lower), np.abs(upper))


def _output_sizes(problem: Problem, known: Ranges, index: int) -> list[FloatArray]:
    """Return the largest sizes of what each layer before `index` takes in, last first."""
    sizes = [_size(known.inputs.lower, known.inputs.upper)]
    for layer, own in zip(problem.network.layers[: index - 1], known.layers, strict=False):
        sizes.append(_size(*activation_range(layer.activation, own.lower, own.upper)))
    return sizes[::-1]


def _output_difference_sizes(problem: Problem, known: Ranges, index: int) -> list[FloatArray]:
    sizes = [known.inputs.radius]
    for layer, own in zip(problem.network.layers[: index - 1], known.layers, strict=False):
        sizes.append(_size(*difference_range(layer.activation, own)))
    return sizes[::-1]


@dataclass(frozen=True)
class _Step:
    """A layer on the way back: its lines, and the largest sizes of what they are lines in."""

    layer: Layer
    lines: Lines
    size: FloatArray


@dataclass(frozen=True)
class _Form:
    """Linear forms ``rows y + constant`` of a layer's outputs y; with `error` added, upper bounds."""

    rows: FloatArray
    constant: FloatArray
    error: FloatArray | float = 0.0

    def before(self, step: _Step, input_size: FloatArray, *, biased: bool) -> _Form:
        """Return forms of the layer's inputs that lie above, its outputs replaced by lines."""
        positive, negative = np.maximum(self.rows, 0.0), np.minimum(self.rows, 0.0)
        lines, layer = step.lines, step.layer
        offset = positive @ lines.offset_above + negative @ lines.offset_below
        slopes = positive * lines.slope_above + negative * lines.slope_below
        bias = slopes @ layer.bias if biased else 0.0
        rows = slopes @ layer.weight
        constant = self.constant + offset + bias
        # Sizes of all that was added up.
        size = np.abs(self.constant) + np.abs(self.rows) @ _size(lines.offset_above, lines.offset_below)
        size = size + np.abs(slopes) @ (step.size + np.abs(layer.bias) + np.abs(layer.weight) @ input_size)
        more = (2 * sum(layer.weight.shape) + 16) * _UNIT * size * 1.01 + _TINY
        return _Form(rows, constant, (self.error + more) * (1 + 4 * _UNIT))

    def finish(self, value: FloatArray) -> FloatArray:
        """Return a bound `value` of the forms with the error added, rounded up."""
        total = value + self.error
        size = np.abs(value) + np.abs(self.constant) + self.error
        result: FloatArray = total + 8 * _UNIT * size + _TINY
        return result
