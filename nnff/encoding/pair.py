"""The pair of inputs, the domain and the metric as rows: as midpoint and difference, or as two copies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nnff.encoding.discrete import write_choices
from nnff.ranges import input_rows
from nnff.ranges.anchored import held_inputs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nnff.encoding.discrete import Form
    from nnff.encoding.writer import BlockWriter
    from nnff.problem import Problem
    from nnff.ranges import InputRanges

__all__ = ["CopyVariables", "PairVariables", "write_copies", "write_pair"]


@dataclass(frozen=True)
class PairVariables:
    """Handles of the pair's scaled inputs.

    Attributes
    ----------
    midpoint, difference
        Variables zm_i = (z'_i + z''_i) / 2 and dz_i = z''_i - z'_i.
    """

    midpoint: tuple[Any, ...]
    difference: tuple[Any, ...]


def write_pair(writer: BlockWriter, problem: Problem, ranges: InputRanges) -> PairVariables:
    """Write every pair of inputs that domain and metric allow.

    Sound because each row holds for every feasible pair: both inputs lie in
    the (outward-rounded) box and satisfy the (outward-rounded) rows of the domain, discrete features
    are the images of their integers (`nnff.encoding.discrete`), and the metric's rows hold every
    difference in its ball of radius `Problem.epsilon_outward`.
    """
    forms = write_choices(writer, problem)
    midpoint, difference = [], []
    for i in range(problem.domain.n_features):
        low, high, radius = float(ranges.lower[i]), float(ranges.upper[i]), float(ranges.radius[i])
        zm = writer.variable(low, high)
        dz = writer.variable(float(ranges.difference_lower[i]), float(ranges.difference_upper[i]))
        midpoint.append(zm)
        difference.append(dz)
        if i in forms:
            _tie_to_choices(writer, problem, i, zm, dz, forms[i])
        elif radius > 0:
            # z'' = zm + dz/2 and z' = zm - dz/2 lie in the box.
            writer.row([(1.0, zm), (0.5, dz)], low, high)
            writer.row([(1.0, zm), (-0.5, dz)], low, high)
    for half in (0.5, -0.5):
        _write_rows(writer, problem, [midpoint, difference], [1.0, half])
    _write_ball(writer, problem, ranges, difference)
    if problem.anchor is not None:
        side = 0.5 if problem.anchor.second else -0.5
        for zm, dz, low, high in zip(midpoint, difference, *held_inputs(problem), strict=True):
            writer.row([(1.0, zm), (side, dz)], float(low), float(high))
    return PairVariables(tuple(midpoint), tuple(difference))


@dataclass(frozen=True)
class CopyVariables:
    """Handles of the two inputs of a pair, scaled.

    Attributes
    ----------
    first, second
        Variables z'_i and z''_i; one and the same where domain or metric
        allow no difference.
    """

    first: tuple[Any, ...]
    second: tuple[Any, ...]


def write_copies(writer: BlockWriter, problem: Problem, ranges: InputRanges) -> CopyVariables:
    """Write every pair of inputs that domain and metric allow, as two copies.

    The same set of pairs as that of `write_pair`, and sound for the same
    reasons; the difference variables serve the metric only.
    """
    forms = write_choices(writer, problem)
    scaling = problem.network.input_scaling
    first, second, difference = [], [], []
    for i in range(problem.domain.n_features):
        low, high, radius = float(ranges.lower[i]), float(ranges.upper[i]), float(ranges.radius[i])
        copies = [writer.variable(low, high)]
        if radius > 0:
            copies.append(writer.variable(low, high))
        dz = writer.variable(-radius, radius)
        if radius > 0:
            writer.row([(1.0, dz), (1.0, copies[0]), (-1.0, copies[1])], 0.0, 0.0)
        if i in forms:
            center, s = float(scaling.center[i]), float(scaling.scale[i])
            for z, form in zip(copies, forms[i], strict=True):
                shift = (form.constant - center) / s
                writer.row([(1.0, z), *((-c / s, variable) for c, variable in form.terms)], shift, shift)
        first.append(copies[0])
        second.append(copies[-1])
        difference.append(dz)
    for copy in (first, second):
        _write_rows(writer, problem, [copy], [1.0])
    _write_ball(writer, problem, ranges, difference)
    if problem.anchor is not None:
        held = second if problem.anchor.second else first
        for z, low, high in zip(held, *held_inputs(problem), strict=True):
            writer.row([(1.0, z)], float(low), float(high))
    return CopyVariables(tuple(first), tuple(second))


def _write_ball(writer: BlockWriter, problem: Problem, ranges: InputRanges, difference: list[Any]) -> None:
    """Hold the differences z'' - z', in the metric's coordinates, in its ball.

    A metric with an embedding has no ball of differences: the strategies write it
    (`nnff.encoding.embedding`).
    """
    if problem.metric.embedding is not None:
        return
    factors = problem.network.input_scaling.scale / problem.coordinates.scale
    handles = []
    for dz, factor, radius in zip(difference, factors, ranges.radius, strict=True):
        if factor == 1.0:
            handles.append(dz)
            continue
        reach = float(abs(factor) * radius * (1 + 1e-15))
        du = writer.variable(-reach, reach)
        writer.row([(1.0, du), (-float(factor), dz)], 0.0, 0.0)
        handles.append(du)
    problem.metric.encode(writer.child("similarity"), handles, problem.epsilon_outward)


def _write_rows(
    writer: BlockWriter, problem: Problem, parts: Sequence[Sequence[Any]], shares: Sequence[float]
) -> None:
    """Hold one input, ``z_i = sum share * part_i``, in the domain's rows."""
    rows = input_rows(problem)
    for coefficients, low, high in zip(rows.matrix, rows.lower, rows.upper, strict=True):
        terms = [
            (float(c) * share, variable)
            for part, share in zip(parts, shares, strict=True)
            for c, variable in zip(coefficients, part, strict=True)
        ]
        writer.row(terms, float(low), float(high))


def _tie_to_choices(
    writer: BlockWriter, problem: Problem, i: int, zm: Any, dz: Any, forms: tuple[Form, ...]
) -> None:
    """Tie zm and dz of feature i to the forms of x'_i and x''_i."""
    scaling = problem.network.input_scaling
    s = float(scaling.scale[i])
    # The same for both copies: forms differ in their columns only.
    shift = (forms[0].constant - float(scaling.center[i])) / s
    share = 1.0 / (len(forms) * s)
    writer.row([(1.0, zm), *((-share * c, v) for form in forms for c, v in form.terms)], shift, shift)
    if len(forms) > 1:
        first, second = forms
        apart = [*((c / s, v) for c, v in first.terms), *((-c / s, v) for c, v in second.terms)]
        writer.row([(1.0, dz), *apart], 0.0, 0.0)
