"""The flip margin as a variable to maximise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nnff.ranges.margin import least_margin, margin_bound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nnff.encoding.writer import BlockWriter
    from nnff.problem import Problem
    from nnff.ranges import Ranges

__all__ = ["write_margin"]


def write_margin(
    writer: BlockWriter,
    problem: Problem,
    ranges: Ranges,
    second: Sequence[tuple[float, Any]],
    first: Sequence[tuple[float, Any]],
) -> Any:
    """Add z <= p'' - t and z <= T - p', at least the floor of the ranges, and return z.

    Sound: theta lies in [t, T], so for a pair in the order p' <= p'' the largest z is at least its margin
    (`nnff.ranges.margin`), and the bounds of z leave room for it.

    Parameters
    ----------
    writer
        Where to write.
    problem, ranges
        The problem, with a threshold, and its ranges.
    second, first
        p'' and p' as coefficients and variables.
    """
    flip = problem.flip
    assert flip is not None
    least = least_margin(problem, ranges)
    z = writer.variable(least, max(margin_bound(problem, ranges), least))
    writer.row([(1.0, z), *((-c, v) for c, v in second)], -np.inf, -flip.lower)
    writer.row([(1.0, z), *first], -np.inf, flip.upper)
    if np.isfinite(ranges.floor):
        writer.row([(1.0, z)], ranges.floor, np.inf)
    return z
