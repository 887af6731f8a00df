r"""Piecewise-linear activations, exactly: as a sum of ReLUs with shifted arguments.

.. math:: g(p) = c_0 + c_1 p + \sum_k w_k \, \mathrm{relu}(p - t_k)

(`nnff.network.Activation.kinks`), so for a pair s and h are the same sums of the means and differences of
its ReLUs, each of them exact (`nnff.encoding.relu`).  A kink outside the range of p costs nothing: its
ReLU is 0 or p - t.  Where there are two kinks the sum of two tight relaxations is not tight; lines above and
below g and h (`nnff.ranges.lines`), which hold for all pairs, are added as rows.

The coefficients are floats, so that g as encoded is off by units in the last place of p and t, far below
what solvers resolve, like every affine row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nnff.encoding.relu import write_big_m, write_nearly_stable_relu, write_relu
from nnff.encoding.writer import NARROWEST_RANGE
from nnff.ranges.lines import activation_lines, difference_lines

if TYPE_CHECKING:
    from nnff.encoding.writer import BlockWriter
    from nnff.network import Activation
    from nnff.ranges import LayerRanges
    from nnff.ranges.lines import Lines
    from nnff.values import FloatArray

__all__ = ["write_piecewise_copy", "write_piecewise_pair"]

_Terms = list[tuple[float, Any]]
_Bounds = tuple[float, float]


@dataclass(frozen=True)
class _Reach:
    """The ranges of one neuron, as numbers, shifted so that a kink is at 0."""

    lower: float
    upper: float
    first: _Bounds
    second: _Bounds
    difference: _Bounds

    @classmethod
    def of(cls, known: LayerRanges, j: int, shift: float) -> _Reach:
        def both(name: str) -> _Bounds:
            return (
                _shifted(float(getattr(known, f"{name}lower")[j]), shift, -np.inf),
                _shifted(float(getattr(known, f"{name}upper")[j]), shift, np.inf),
            )

        difference = float(known.difference_lower[j]), float(known.difference_upper[j])
        return cls(*both(""), both("first_"), both("second_"), difference)


def _shifted(end: float, shift: float, outward: float) -> float:
    """Return ``end - shift``, rounded outward."""
    return end if shift == 0 else float(np.nextafter(end - shift, outward))


def write_piecewise_pair(
    writer: BlockWriter,
    g: Activation,
    m: Any,
    d: Any,
    known: LayerRanges,
    j: int,
    outputs: tuple[_Bounds, _Bounds],
) -> tuple[Any | None, Any | None]:
    """Encode s and h of a neuron; None stands for the constant 0.

    Parameters
    ----------
    writer
        Where to write.
    g
        The activation, piecewise linear.
    m, d
        Variables of the pre-activation midpoint and difference.
    known, j
        Ranges of the layer, and which neuron it is.
    outputs
        Ranges of s and of h.
    """
    means: _Terms = [(g.slope, m)] if g.slope else []
    differences: _Terms = [(g.slope, d)] if g.slope else []
    constant = g.constant
    bent = 0
    for place, weight in g.kinks:
        reach = _Reach.of(known, j, place)
        if reach.upper <= 0:
            continue
        if reach.lower >= 0:
            means.append((weight, m))
            differences.append((weight, d))
            constant -= weight * place
            continue
        bent += 1
        middle = m if place == 0 else _shift_variable(writer, m, place)
        h_range = outputs[1] if _is_relu(g) else _relu_difference(reach)
        if min(reach.upper, -reach.lower) <= NARROWEST_RANGE:
            ends = (reach.lower, reach.upper)
            s, h = write_nearly_stable_relu(writer, middle, d, ends, active=-ends[0] < ends[1])
        else:
            s, h = write_relu(writer, middle, d, (reach.first, reach.second), reach.difference, h_range)
        means.append((weight, s))
        differences.append((weight, h))
    s = _sum(writer, means, constant, outputs[0])
    h = _sum(writer, differences, 0.0, outputs[1])
    if bent > 1 and s is not None and h is not None:
        one = _neuron(known, j)
        _write_lines(writer, difference_lines(g, one), [(1.0, h)], [(1.0, d)])
        lines = activation_lines(g, one.lower, one.upper)
        for sign in (-0.5, 0.5):
            _write_lines(writer, lines, [(1.0, s), (sign, h)], [(1.0, m), (sign, d)])
    return s, h


def write_piecewise_copy(
    writer: BlockWriter, g: Activation, p: Any, bounds: _Bounds, output: _Bounds
) -> Any | None:
    """Encode g(p) of one copy for p within `bounds`; None stands for the constant 0.

    A range that passes a kink by no more than a hair costs no binary: relu(p) then lies in [0, high] if
    high is the hair, and relu(p) - p in [0, -low] if -low is.
    """
    terms: _Terms = [(g.slope, p)] if g.slope else []
    constant = g.constant
    bent = 0
    for place, weight in g.kinks:
        low, high = _shifted(bounds[0], place, -np.inf), _shifted(bounds[1], place, np.inf)
        if high <= 0:
            continue
        if low >= 0:
            terms.append((weight, p))
            constant -= weight * place
            continue
        bent += 1
        shifted = p if place == 0 else _shift_variable(writer, p, place)
        terms.append((weight, _relu(writer, shifted, low, high)))
    a = _sum(writer, terms, constant, output)
    if bent > 1:
        lines = activation_lines(g, np.array([bounds[0]]), np.array([bounds[1]]))
        _write_lines(writer, lines, [(1.0, a)], [(1.0, p)])
    return a


def _relu(writer: BlockWriter, p: Any, low: float, high: float) -> Any:
    a = writer.variable(0.0, high)
    if high <= NARROWEST_RANGE:
        return a
    if -low <= NARROWEST_RANGE:
        error = writer.variable(0.0, -low)
        writer.row([(1.0, a), (-1.0, p), (-1.0, error)], 0.0, 0.0)
        return a
    write_big_m(writer, [(1.0, a)], [(1.0, p)], (low, high), writer.binary())
    return a


def _is_relu(g: Activation) -> bool:
    return g.kinks == ((0.0, 1.0),) and g.slope == 0 == g.constant


def _relu_difference(reach: _Reach) -> _Bounds:
    """Return a range of relu(p'') - relu(p'): of the sign of D and no larger, and what the copies allow."""
    low, high = reach.difference
    most = max(0.0, reach.second[1]), max(0.0, reach.first[1])
    return max(min(low, 0.0), -most[1]), min(max(high, 0.0), most[0])


def _shift_variable(writer: BlockWriter, variable: Any, shift: float) -> Any:
    """Return a variable equal to another one less a number."""
    low, high = writer.bounds(variable)
    result = writer.variable(_shifted(low, shift, -np.inf), _shifted(high, shift, np.inf))
    writer.row([(1.0, variable), (-1.0, result)], shift, shift)
    return result


def _sum(writer: BlockWriter, terms: _Terms, constant: float, bounds: _Bounds) -> Any | None:
    """Return a variable equal to a sum, or what the sum plainly is."""
    collected = [term for term in _collected(terms) if term[0] != 0]
    if not collected:
        return writer.variable(constant, constant) if constant else None
    if len(collected) == 1 and collected[0][0] == 1 and constant == 0:
        return collected[0][1]
    result = writer.variable(*bounds)
    writer.row([(-1.0, result), *collected], -constant, -constant)
    return result


def _collected(terms: _Terms) -> _Terms:
    """Add up the coefficients of each variable."""
    sums: dict[int, tuple[float, Any]] = {}
    for coefficient, variable in terms:
        before = sums.get(id(variable), (0.0, variable))[0]
        sums[id(variable)] = (before + coefficient, variable)
    return list(sums.values())


def _write_lines(writer: BlockWriter, lines: Lines, output: _Terms, given: _Terms) -> None:
    """Write ``slope x + offset`` below and above as rows, for a single neuron."""
    for slope, low, high in (
        (float(lines.slope_above[0]), -np.inf, float(lines.offset_above[0])),
        (float(lines.slope_below[0]), float(lines.offset_below[0]), np.inf),
    ):
        terms = [*output, *((-slope * coefficient, variable) for coefficient, variable in given)]
        writer.row(_collected(terms), low, high)


def _neuron(known: LayerRanges, j: int) -> LayerRanges:
    """Return the ranges of one neuron alone."""
    one: dict[str, FloatArray] = {name: getattr(known, name)[[j]] for name in known.__dataclass_fields__}
    return type(known)(**one)
