"""The pair of inputs, the domain and the metric as rows: as midpoint and difference, or as two copies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nnff.ranges.anchored import held_inputs

if TYPE_CHECKING:
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
    the (outward-rounded) box, integer features are the images of whole
    numbers, and the metric's rows hold every difference in its ball of radius
    `Problem.epsilon_outward`.
    """
    domain = problem.domain
    midpoint, difference = [], []
    for i in range(domain.n_features):
        low, high, radius = float(ranges.lower[i]), float(ranges.upper[i]), float(ranges.radius[i])
        zm = writer.variable(low, high)
        dz = writer.variable(float(ranges.difference_lower[i]), float(ranges.difference_upper[i]))
        midpoint.append(zm)
        difference.append(dz)
        if domain.integer[i] and low < high:
            _tie_to_integers(writer, problem, i, zm, dz)
        elif radius > 0:
            # z'' = zm + dz/2 and z' = zm - dz/2 lie in the box.
            writer.row([(1.0, zm), (0.5, dz)], low, high)
            writer.row([(1.0, zm), (-0.5, dz)], low, high)
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
    domain, scaling = problem.domain, problem.network.input_scaling
    first, second, difference = [], [], []
    for i in range(domain.n_features):
        low, high, radius = float(ranges.lower[i]), float(ranges.upper[i]), float(ranges.radius[i])
        copies = [writer.variable(low, high)]
        if radius > 0:
            copies.append(writer.variable(low, high))
        dz = writer.variable(-radius, radius)
        if radius > 0:
            writer.row([(1.0, dz), (1.0, copies[0]), (-1.0, copies[1])], 0.0, 0.0)
        if domain.integer[i] and low < high:
            shift = (float(domain.lower[i]) - float(scaling.center[i])) / float(scaling.scale[i])
            for z, count in zip(copies, _write_counts(writer, problem, i), strict=True):
                writer.row([(1.0, z), (-1.0 / float(scaling.scale[i]), count)], shift, shift)
        first.append(copies[0])
        second.append(copies[-1])
        difference.append(dz)
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


def _write_counts(writer: BlockWriter, problem: Problem, i: int) -> tuple[Any, ...]:
    """Add whole numbers with x'_i = low + k', x''_i = low + k''; a single one where both are equal."""
    count, reach = float(problem.domain.width[i]), float(problem.radius[i])
    first = writer.variable(0.0, count, integer=True)
    if reach == 0:
        return (first,)
    second = writer.variable(0.0, count, integer=True)
    if reach < count:
        writer.row([(1.0, second), (-1.0, first)], -reach, reach)
    return first, second


def _tie_to_integers(writer: BlockWriter, problem: Problem, i: int, zm: Any, dz: Any) -> None:
    """Tie zm and dz of feature i to the whole numbers of `_write_counts`."""
    domain, scaling = problem.domain, problem.network.input_scaling
    s = float(scaling.scale[i])
    shift = (float(domain.lower[i]) - float(scaling.center[i])) / s
    counts = _write_counts(writer, problem, i)
    share = 1.0 / (len(counts) * s)
    writer.row([(1.0, zm), *((-share, count) for count in counts)], shift, shift)
    if len(counts) > 1:
        first, second = counts
        writer.row([(1.0, dz), (1.0 / s, first), (-1.0 / s, second)], 0.0, 0.0)
