"""delta_max of one sigmoid neuron in a box under a weighted l_2 metric, without nnff's own bounds.

For f = c + s sigmoid(w z + b) a pair with logit difference D and logit midpoint m differs by |s| H(m, D),
H = sinh(D/2) / (cosh m + cosh(D/2)), which grows with D and falls with |m|; at m = 0 it is tanh(D/4).
So |s| tanh(Dmax/4) bounds delta_max, and is delta_max where a pair with the largest D can be moved to
m = 0 within the box.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nnff.similarity import EPSILON_TOLERANCE

if TYPE_CHECKING:
    from nnff.values import FloatArray

__all__ = ["LargestDifference", "known_delta", "largest_logit_difference"]

ROUNDING = 1e-12
"""Relative; a dozen products and sums stay far below it."""


@dataclass(frozen=True, eq=False)
class LargestDifference:
    """Dmax = max w d over sum theta_i d_i^2 <= epsilon^2, |d_i| <= reach_i.

    Attributes
    ----------
    reached
        w d of the differences below.
    bound
        No difference exceeds it.
    differences
        |d_i|, feasible.
    """

    reached: float
    bound: float
    differences: FloatArray


def largest_logit_difference(
    weight: FloatArray, theta: FloatArray, reach: FloatArray, epsilon: float
) -> LargestDifference:
    """Solve for Dmax.

    For any lambda > 0 the dual

        q(lambda) = lambda epsilon^2 + sum_i max over 0 <= d <= reach_i of (|w_i| d - lambda theta_i d^2)

    is a bound, with d_i = min(|w_i| / (2 lambda theta_i), reach_i); at the best lambda d is feasible and
    reaches it.  Feature i is at its reach exactly for lambda <= |w_i| / (2 theta_i reach_i), so the best
    lambda is one of as many candidates as there are features.  Where theta_i = 0, d_i = reach_i.

    Parameters
    ----------
    weight, theta, reach
        Arrays of shape (n,), theta and reach not negative.
    epsilon
        Not negative.
    """
    w = np.abs(weight)
    d = reach.copy()
    active = (theta > 0) & (w > 0) & (reach > 0)
    free = float(w[~active & (theta == 0)] @ reach[~active & (theta == 0)])
    d[~active & (theta > 0)] = 0.0
    a, t, r = w[active], theta[active], reach[active]
    if float(t @ r**2) <= epsilon**2:
        total = free + float(a @ r)
        return LargestDifference(total, total * (1 + ROUNDING), d)
    if epsilon == 0:
        d[active] = 0.0
        return LargestDifference(free, free * (1 + ROUNDING), d)
    order = np.argsort(-a / (2 * t * r))
    a, t, r = a[order], t[order], r[order]
    left = epsilon**2 - np.concatenate(([0.0], np.cumsum(t * r**2)[:-1]))
    tail = np.cumsum((a**2 / (4 * t))[::-1])[::-1]
    candidates = np.sqrt(tail[left > 0] / left[left > 0])
    steps = np.minimum(a / (2 * candidates[:, None] * t), r)
    dual = candidates * epsilon**2 + (a * steps - candidates[:, None] * t * steps**2).sum(axis=1)
    best = int(np.argmin(dual))
    # A rounding may have left the steps a hair outside the ball.
    step = steps[best] * min(1.0, epsilon / math.sqrt(float(t @ steps[best] ** 2)))
    d[np.flatnonzero(active)[order]] = step
    return LargestDifference(free + float(a @ step), (free + float(dual[best])) * (1 + ROUNDING), d)


def known_delta(
    weight: FloatArray, bias: float, theta: FloatArray, z_box: tuple[FloatArray, FloatArray], epsilon: float
) -> tuple[float, float]:
    """Return bounds of delta_max / |s|, equal up to rounding where m = 0 can be reached.

    Parameters
    ----------
    weight, bias, theta
        The neuron on z, and the metric's weights on z.
    z_box
        Least and largest z, shape (n,) each.
    epsilon
        The similarity threshold.

    Returns
    -------
    What a real pair reaches, and what none exceeds.
    """
    low, high = z_box
    reach = high - low
    lower = largest_logit_difference(weight, theta, reach, epsilon)
    # Pairs are compared with this much slack in epsilon.
    upper = largest_logit_difference(weight, theta, reach, epsilon * (1 + 2 * EPSILON_TOLERANCE))
    middle = float(weight @ (low + high)) / 2 + bias
    slack = float(np.abs(weight) @ (reach - lower.differences)) / 2
    midpoint = max(abs(middle) - slack, 0.0)
    half = lower.reached / 2
    reached = math.tanh(half) / (1 + math.cosh(midpoint) / math.cosh(half))
    return reached * (1 - ROUNDING), math.tanh(upper.bound / 4)
