r"""Bounds of differences where one-hot groups change: a swap of two members, not all of them at once.

Of a group exactly one member is 1 in either input of a pair, so between the two at most one member i goes
from 1 to 0 and one member j from 0 to 1.  With v the weights of the members in raw units,

.. math::  |v \cdot d| = |v_j - v_i| \le \max v - \min v,

where a box would allow ``sum |v_i|``.  And because the changes of a group add up to 0, a constant may
be subtracted from its weights before a metric's own bound is asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nnff.ranges.outward import up

if TYPE_CHECKING:
    from nnff.problem import Problem
    from nnff.ranges.interval import InputRanges
    from nnff.values import FloatArray

__all__ = ["grouped_reach"]

_UNIT = 2.0**-53


def grouped_reach(problem: Problem, inputs: InputRanges, forms: FloatArray) -> FloatArray:
    """Bound ``|w dz|`` over all pairs, one w per row of `forms`, making use of the one-hot groups.

    Sound: the least of three bounds that hold.  (1) The swaps of every group and the box of the other
    differences.  (2) The same swaps and the metric's bound of the rest of the form: a part of a difference
    in a ball need not be in the ball, but ``w d = w_groups d + w_rest d``, and both terms are bounded for
    the whole d.  (3) The metric's bound of the form with a constant subtracted within each group,
    which is the same form on all pairs.

    Parameters
    ----------
    problem
        Its metric, groups and scales.
    inputs
        Ranges of the inputs; members with radius 0 are equal in both inputs.
    forms
        Shape (k, n).

    Returns
    -------
    Shape (k,), rounded outward.
    """
    t, s = problem.coordinates.scale, problem.network.input_scaling.scale
    sizes = np.abs(forms) * inputs.radius
    rest, shifted = forms.copy(), forms.copy()
    swaps = np.zeros(len(forms))
    moved = np.zeros(len(forms))
    for group in problem.domain.one_hot:
        members = np.array(group)
        rest[:, members] = 0.0
        live = members[inputs.radius[members] > 0]
        still = members[inputs.radius[members] == 0]
        shifted[:, still] = 0.0
        if not live.size:
            continue
        raw = forms[:, live] / s[live]
        highest, lowest = raw.max(axis=1), raw.min(axis=1)
        # The quotients round, relative to their own size.
        swaps += np.minimum(
            highest - lowest + 4 * _UNIT * (np.abs(highest) + np.abs(lowest)), sizes[:, live].sum(axis=1)
        )
        middle = (highest + lowest) / 2
        shifted[:, live] -= middle[:, None] * s[live]
        moved += np.abs(middle) * (np.abs(s[live]) * inputs.radius[live]).sum()
    outside = np.abs(rest) @ inputs.radius
    radius = up(problem.radius / np.abs(t))

    def in_metric(rows: FloatArray) -> FloatArray:
        return problem.metric.difference_bound(rows * (t / s), problem.epsilon_outward, radius)

    error = (4 * forms.shape[1] + 16) * _UNIT * (sizes.sum(axis=1) + moved)
    best = np.minimum(np.minimum(swaps + outside, swaps + in_metric(rest)), in_metric(shifted))
    reach: FloatArray = up(best + error, 1e-14)
    return reach
