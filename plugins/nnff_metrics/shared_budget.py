r"""Linear forms over the ball of a sum of metrics, ``sum w_g d_g(x_g) <= eps``, intersected with a box.

The groups share one budget: with rho_g for the radius of group g, ``sum w_g rho_g <= eps``, the maximum of
``w . d`` is the largest ``sum h_g(rho_g)``, h_g the maximum of the group's own part over its own ball.  By
weak
duality it is at most

    ``lam eps + sum over g of sup over 0 <= rho <= eps / w_g of (h_g(rho) - lam w_g rho)``

for every ``lam >= 0``.  h_g grows with rho, so on a piece [a, b] the supremum is at most ``h_g(b) - lam
w_g a``: that
needs no more than the groups' own bounds at the ends of a few pieces.  The best of several lam is taken.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from nnff.values import FloatArray

__all__ = ["budget_bound", "budget_steps"]

_PIECES = 12
_PRICES = (0.25, 0.5, 0.8, 1.0)
_ROUNDOFF = 2.0**-53


def budget_bound(
    bounds: Sequence[Callable[[float], FloatArray]], weights: Sequence[float], epsilon: float
) -> FloatArray:
    """Bound the maximum, rounded outward.

    Parameters
    ----------
    bounds
        Per group, h_g as a function of its radius: upper bounds per linear form, shape (k,), that do not
        fall.
    weights
        w_g, positive.
    epsilon
        Radius, positive.

    Returns
    -------
    Shape (k,).
    """
    share = np.linspace(0.0, 1.0, _PIECES + 1)
    # Per group, piece end and linear form; raised to be monotone, which roundings of a search need not be.
    heights = [
        np.maximum.accumulate(np.stack([bound(epsilon / w * (1 + 1e-15) * s) for s in share]), axis=0)
        for bound, w in zip(bounds, weights, strict=True)
    ]
    alone = np.stack([height[-1] for height in heights]) / epsilon
    best = np.stack([height[-1] for height in heights]).sum(axis=0)
    for factor in _PRICES:
        for price in factor * alone:
            total = price * epsilon
            for height in heights:
                # lam w_g a with a = eps s / w_g; rounded down.
                paid = (price * epsilon)[None] * share[:-1, None] * (1 - 8 * _ROUNDOFF)
                total = total + np.maximum((height[1:] - paid).max(axis=0), height[0])
            best = np.minimum(best, total)
    result: FloatArray = best * (1 + (4 * len(heights) + 32) * _ROUNDOFF)
    return result


def budget_steps(
    steps: Sequence[FloatArray], costs: Sequence[FloatArray], gains: Sequence[FloatArray]
) -> list[FloatArray]:
    """Return how much of each group's step to take, per row, so that the budget of 1 is kept.

    The group that gains most comes first, whole; what it leaves goes to the next.  A share t of a step
    costs at most t of
    its cost, because the metrics are norms.

    Parameters
    ----------
    steps, costs, gains
        Per group, its maximiser (rows, n_g), the share of the budget it takes and what it gains, shape
        (rows,).
    """
    order = np.argsort(-np.stack(gains), axis=0, kind="stable")
    cost = np.stack(costs)
    left = np.ones(cost.shape[1])
    share = np.zeros_like(cost)
    rows = np.arange(cost.shape[1])
    for place in order:
        need = cost[place, rows]
        part = np.where(need > 0, np.minimum(1.0, left / np.where(need > 0, need, 1.0)), 1.0)
        share[place, rows] = part
        left = np.maximum(left - part * need, 0.0)
    return [step * own[:, None] for step, own in zip(steps, share, strict=True)]
