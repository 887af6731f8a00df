"""The pair of inputs in midpoint-difference coordinates, the domain and the metric as rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from nnff.encoding.writer import BlockWriter
    from nnff.problem import Problem
    from nnff.ranges import InputRanges

__all__ = ["PairVariables", "write_pair"]


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
    domain, scaling = problem.domain, problem.network.input_scaling
    midpoint, difference = [], []
    for i in range(domain.n_features):
        low, high, radius = float(ranges.lower[i]), float(ranges.upper[i]), float(ranges.radius[i])
        zm = writer.variable(low, high)
        dz = writer.variable(-radius, radius)
        midpoint.append(zm)
        difference.append(dz)
        if domain.integer[i] and low < high:
            _write_integers(writer, problem, i, zm, dz)
        elif radius > 0:
            # z'' = zm + dz/2 and z' = zm - dz/2 lie in the box.
            writer.row([(1.0, zm), (0.5, dz)], low, high)
            writer.row([(1.0, zm), (-0.5, dz)], low, high)
    in_metric = problem.coordinates.scale
    factors = scaling.scale / in_metric
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
    return PairVariables(tuple(midpoint), tuple(difference))


def _write_integers(writer: BlockWriter, problem: Problem, i: int, zm: Any, dz: Any) -> None:
    """Tie zm and dz of feature i to whole numbers: x' = low + k', x'' = low + k''."""
    domain, scaling = problem.domain, problem.network.input_scaling
    low, count = float(domain.lower[i]), float(domain.width[i])
    c, s = float(scaling.center[i]), float(scaling.scale[i])
    first = writer.variable(0.0, count, integer=True)
    if problem.radius[i] == 0:
        writer.row([(1.0, zm), (-1.0 / s, first)], (low - c) / s, (low - c) / s)
        return
    second = writer.variable(0.0, count, integer=True)
    shift = (low - c) / s
    writer.row([(1.0, zm), (-0.5 / s, first), (-0.5 / s, second)], shift, shift)
    writer.row([(1.0, dz), (1.0 / s, first), (-1.0 / s, second)], 0.0, 0.0)
    if not np.isclose(problem.radius[i], domain.width[i]):
        reach = float(problem.radius[i])
        writer.row([(1.0, second), (-1.0, first)], -reach, reach)
