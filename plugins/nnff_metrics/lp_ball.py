r"""Linear forms over a weighted l_p ball intersected with a box: bounds and maximisers.

The set is ``sum theta_i |d_i|^p <= eps^p`` (``max theta_i |d_i| <= eps`` for p = inf) and
``|d_i| <= r_i``.  A weight of 0 leaves d_i to the box.

Bounds are values of a dual function, and those are sound for *any* multiplier,
so only their evaluation is rounded outward, not the search for the multiplier:

* p = 1, for ``lam >= 0``: ``lam eps + sum_i max(0, |w_i| - lam theta_i) r_i``;
* p = 2, with ``c_i = |w_i| / sqrt(theta_i)``, ``q_i = sqrt(theta_i) r_i / eps`` and ``s > 0``:
  ``eps (1 / (2 s) + sum_i max over 0 <= v <= q_i of (c_i v - v^2 / (2 s)))``;
* p = inf separates: ``sum_i |w_i| min(r_i, eps / theta_i)``;
* any other p: `nnff_metrics.lp_power`.

For p = 1 and p = 2 the best multiplier comes from sorting the points at which coordinates reach their
box, so there is no iteration.  Everything is vectorised over the linear forms.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nnff_metrics.lp_power import bound_power, fill_power

if TYPE_CHECKING:
    from nnff.values import FloatArray, IntArray

__all__ = ["largest_point", "upper_bound"]

_ROUNDOFF = 2.0**-53


def upper_bound(
    p: float, weights: FloatArray, forms: FloatArray, epsilon: float, radius: FloatArray
) -> FloatArray:
    """Bound ``|w . d|`` over the ball and the box, rounded outward.

    Parameters
    ----------
    p
        From 1 to ``math.inf``.
    weights
        theta, shape (n,), not negative.
    forms
        One w per row, shape (k, n).
    epsilon
        Radius of the ball.
    radius
        r, shape (n,), not negative; may be infinite.

    Returns
    -------
    Shape (k,).
    """
    size = np.abs(forms)
    room = np.where(size > 0, np.broadcast_to(radius, size.shape), 0.0)
    seen = weights > 0
    free = _outward((size * room)[:, ~seen].sum(axis=1), len(weights))
    theta, size, room = weights[seen], size[:, seen], room[:, seen]
    if epsilon == 0 or not seen.any():
        return free
    box = _outward((size * room).sum(axis=1), len(weights))
    with np.errstate(over="ignore", under="ignore", divide="ignore", invalid="ignore"):
        if p == 1:
            ball = _bound_1(theta, size, room, epsilon)
        elif p == 2:  # noqa: PLR2004
            ball = _bound_2(theta, size, room, epsilon)
        elif p < np.inf:
            ball = bound_power(p, theta, size, room, epsilon)
        else:
            ball = (size * np.minimum(room, epsilon / theta)).sum(axis=1)
    # fmin passes over a bound that overflow has spoilt.
    return _outward(free + np.fmin(_outward(ball, len(weights)), box), 1)


def largest_point(
    p: float,
    weights: FloatArray,
    gradient: FloatArray,
    epsilon: float,
    box: tuple[FloatArray, FloatArray],
) -> FloatArray:
    """Return a maximiser of ``gradient . d`` over the ball and the box, up to rounding.

    Parameters
    ----------
    p, weights, epsilon
        As for `upper_bound`.
    gradient
        Shape (rows, n).
    box
        lower and upper, shapes (rows, n), with ``lower <= 0 <= upper``, finite.

    Returns
    -------
    Shape (rows, n); in the box, and in the ball up to rounding.
    """
    lower, upper = box
    size = np.abs(gradient)
    room = np.where(gradient > 0, upper, np.where(gradient < 0, -lower, 0.0))
    seen = weights > 0
    length = room.copy()
    if epsilon == 0:
        length[:, seen] = 0.0
    elif seen.any():
        with np.errstate(over="ignore", under="ignore", divide="ignore", invalid="ignore"):
            theta, c, r = weights[seen], size[:, seen], room[:, seen]
            if p == 1:
                found = _fill_1(theta, c, r, epsilon)
            elif p == 2:  # noqa: PLR2004
                found = _fill_2(theta, c, r, epsilon)
            elif p < np.inf:
                found = fill_power(p, theta, c, r, epsilon)
            else:
                found = epsilon / theta
        # Whatever rounding did, the box is kept.
        length[:, seen] = np.fmin(found, r)
    return np.copysign(length, gradient)


def _outward(values: FloatArray, terms: int) -> FloatArray:
    """Raise sums of that many non-negative terms by more than their rounding.

    Every term here is the outcome of at most 24 operations without cancellation.
    """
    return values * (1 + (2 * terms + 64) * _ROUNDOFF)


def _by_ratio(theta: FloatArray, size: FloatArray, room: FloatArray) -> tuple[IntArray, FloatArray]:
    """Return the order of falling ``size / theta`` per row, and what the coordinates before it use up."""
    order = np.argsort(-size / theta, axis=1, kind="stable")
    cost = np.take_along_axis(theta * room, order, axis=1)
    return order, _before(cost)


def _before(values: FloatArray) -> FloatArray:
    """Return the sums of what stands before each entry; subtracting from whole sums would cancel."""
    sums = np.zeros_like(values)
    np.cumsum(values[:, :-1], axis=1, out=sums[:, 1:])
    return sums


def _bound_1(theta: FloatArray, size: FloatArray, room: FloatArray, epsilon: float) -> FloatArray:
    """Evaluate the dual of the fractional knapsack at the price of the last item that goes in."""
    # The ball alone keeps every coordinate within eps / theta.
    room = np.minimum(room, epsilon / theta * (1 + 4 * _ROUNDOFF))
    order, used = _by_ratio(theta, size, room)
    ratio = np.take_along_axis(size / theta, order, axis=1)
    last = np.maximum((used < epsilon).sum(axis=1) - 1, 0)[:, None]
    price = np.take_along_axis(ratio, last, axis=1)
    fits = (theta * room).sum(axis=1, keepdims=True) <= epsilon
    price = np.where(fits, 0.0, price)
    paid = price * theta
    # The difference of the two cancels; it is off by at most u (paid + |difference|) < 4 u (size + paid).
    # That times a room of at most eps / theta is a few u of price * epsilon: the bound stays sharp.
    profit = np.maximum(0.0, size - paid + 4 * _ROUNDOFF * (size + paid))
    bound: FloatArray = price[:, 0] * epsilon + np.where(profit > 0, profit * room, 0.0).sum(axis=1)
    return bound


def _fill_1(theta: FloatArray, size: FloatArray, room: FloatArray, epsilon: float) -> FloatArray:
    """Spend the budget where it pays most."""
    order, used = _by_ratio(theta, size, room)
    left = np.empty_like(size)
    np.put_along_axis(left, order, np.maximum(epsilon - used, 0.0), axis=1)
    return np.minimum(room, left / theta)


def _speed_2(c: FloatArray, q: FloatArray) -> FloatArray:
    """Return s per row, shape (rows, 1), with ``sum_i min(q_i, s c_i)^2 = 1``; inf if there is none."""
    reach = np.where(c > 0, q / c, np.inf)
    order = np.argsort(reach, axis=1, kind="stable")
    reach = np.take_along_axis(reach, order, axis=1)
    full = np.take_along_axis(q * q, order, axis=1)
    slope = np.take_along_axis(c * c, order, axis=1)
    before = _before(full)
    moving = np.cumsum(slope[:, ::-1], axis=1)[:, ::-1]
    # At s = reach_j the coordinates before j are full and those from j on still move.
    spent = before + np.where(moving > 0, reach * reach * moving, 0.0)
    beyond = spent >= 1
    first = beyond.argmax(axis=1)[:, None]
    missing = np.maximum(1 - np.take_along_axis(before, first, axis=1), 0.0)
    movers = np.take_along_axis(moving, first, axis=1)
    # Rounding can find the ball spent only when nothing moves any more: then everything has just become full.
    all_full = np.where(np.isfinite(reach), reach, 0.0).max(axis=1, keepdims=True)
    speed = np.where(movers > 0, np.sqrt(missing / movers), all_full)
    return np.where(beyond.any(axis=1, keepdims=True), speed, np.inf)


def _bound_2(theta: FloatArray, size: FloatArray, room: FloatArray, epsilon: float) -> FloatArray:
    """Evaluate the dual of encoding.md section 4, in units of the radius.

    A term is at most ``s c^2 / 2`` (its maximum over all v) and, where that lies beyond q, its value
    at q.  Where c s and q are so close that rounding picks the wrong branch, the two differ by
    (q - c s)^2 / (2 s), of second order.  At q <= c s the difference is at least half of c q, so
    nothing cancels.
    """
    root = np.sqrt(theta)
    c = size / root
    scale = c.max(axis=1, keepdims=True)
    c = np.where(scale > 0, c / scale, 0.0)
    # The ball alone keeps every coordinate within its radius.
    q = np.minimum(root * room / epsilon, 1.0)
    s = _speed_2(c, q)
    terms = np.where(s * c < q, s * c * c / 2, c * q - q * q / (2 * s))
    value: FloatArray = epsilon * scale[:, 0] * (1 / (2 * s[:, 0]) + terms.sum(axis=1))
    return value


def _fill_2(theta: FloatArray, size: FloatArray, room: FloatArray, epsilon: float) -> FloatArray:
    """Return the point that satisfies the optimality conditions at the multiplier of `_speed_2`."""
    root = np.sqrt(theta)
    c = size / root
    scale = c.max(axis=1, keepdims=True)
    c = np.where(scale > 0, c / scale, 0.0)
    q = np.minimum(root * room / epsilon, 1.0)
    step = np.where(c > 0, np.minimum(q, _speed_2(c, q) * c), 0.0)
    length: FloatArray = np.where(step < q, step * epsilon / root, np.minimum(room, epsilon / root))
    return length
