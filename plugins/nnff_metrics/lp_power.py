r"""Linear forms over a weighted l_p ball intersected with a box, for any ``1 < p < inf``.

Bounds come from Hölder's inequality with the box.  For *any* split ``|w_i| = u_i + z_i`` into two parts
that are
not negative, and ``q = p / (p - 1)``,

    ``w . d <= sum u_i |d_i| + sum z_i |d_i| <= eps |u_i theta_i^(-1/p)|_q + sum z_i r_i``

on the ball and ``|d_i| <= r_i``; the smallest such value is the maximum itself.  So only the evaluation of
the
right-hand side is rounded outward, and all its terms are positive: their roundings are relative.

The best split takes ``z_i > 0`` only where d_i reaches its box.  With ``c_i = |w_i| theta_i^(-1/p)`` and
``b_i = theta_i^(1/p) r_i / eps`` the maximiser has ``v_i = min(b_i, (c_i / lam)^(1/(p-1)))``, in units of
eps, for the
multiplier lam at which ``sum v_i^p = 1``.  That sum falls with lam, which is found by
bisection on its logarithm, for all linear forms at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from nnff.values import FloatArray

__all__ = ["bound_power", "fill_power"]

_ROUNDOFF = 2.0**-53
_HALVINGS = 80
_SHARES = 40


def bound_power(
    p: float, theta: FloatArray, size: FloatArray, room: FloatArray, epsilon: float
) -> FloatArray:
    """Bound ``sum |w_i d_i|`` over ball and box, rounded outward.

    Parameters
    ----------
    p
        ``1 < p < inf``.
    theta
        Weights, positive, shape (n,).
    size
        ``|w|``, shape (k, n).
    room
        r, shape (k, n).
    epsilon
        Radius, positive.

    Returns
    -------
    Shape (k,).
    """
    root = theta ** (1 / p)
    units = (16 + 4 * np.abs(np.log(theta)) / p) * _ROUNDOFF
    # The ball alone keeps every coordinate within its radius.
    room = np.minimum(room, epsilon / root * (1 + units))
    c = size / root
    b = np.minimum(root * room / epsilon, 1.0)
    lam = _multiplier(p, c, b)[0]
    # What the ball can take of c_i where d_i is at its box: the price lam v_i^(p-1).
    priced = np.minimum(c, lam * b ** (p - 1))
    priced = np.where(np.isfinite(priced), priced, c)
    largest = priced.max(axis=1, keepdims=True)
    q = p / (p - 1)
    share = priced / np.where(largest > 0, largest, 1.0)
    norm = largest[:, 0] * (share**q).sum(axis=1) ** (1 / q)
    # u_i is what `priced` stands for, rounded: the rest is taken a few units of |w_i| larger.
    rest = np.maximum(size - priced * root, 0.0) + units * size
    bound: FloatArray = epsilon * norm + np.where(room > 0, rest * room, 0.0).sum(axis=1)
    # A power with q times the relative error of its base loses it again in the root.
    return bound * (1 + (64 + 2 * len(theta) + 8 * float(np.abs(np.log(theta)).max()) / p) * _ROUNDOFF)


def fill_power(p: float, theta: FloatArray, size: FloatArray, room: FloatArray, epsilon: float) -> FloatArray:
    """Return lengths ``|d_i|`` of a maximiser, shape (k, n), up to rounding; see `bound_power`."""
    root = theta ** (1 / p)
    c = size / root
    b = np.minimum(root * room / epsilon, 1.0)
    _, low, high = _multiplier(p, c, b)
    few, many = _lengths(p, c, b, high), _lengths(p, c, b, low)
    # Near p = 1 one bit of lam can be all between too little and too much: fill up between the two.
    least, most = np.zeros((len(c), 1)), np.ones((len(c), 1))
    for _ in range(_SHARES):
        middle = (least + most) / 2
        fits = ((few + middle * (many - few)) ** p).sum(axis=1, keepdims=True) <= 1
        least, most = np.where(fits, middle, least), np.where(fits, most, middle)
    whole = (many**p).sum(axis=1, keepdims=True) <= 1
    step = np.where(whole, many, few + least * (many - few))
    length: FloatArray = np.where(step < b, step * epsilon / root, np.minimum(room, epsilon / root))
    return length


def _multiplier(p: float, c: FloatArray, b: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return lam per row, shape (k, 1), from the side where the ball is spent, and both ends of its interval.

    0 where the box lies within the ball: then the box alone is the bound.
    """
    spent = (b**p).sum(axis=1, keepdims=True) > 1
    logs = np.log(np.where(c > 0, c, 1e-300))
    # At lam = c_max n^((p-1)/p) no more than 1/n is left of each v_i^p.
    high = logs.max(axis=1, keepdims=True) + np.log(c.shape[1] + 1.0)
    seen = np.where((c > 0) & (b > 0), logs - (p - 1) * np.log(np.where(b > 0, b, 1.0)), np.inf)
    # Where every v_i is at its box.
    low = np.minimum(seen.min(axis=1, keepdims=True), high) - 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        over = (_lengths(p, c, b, np.exp(middle)) ** p).sum(axis=1, keepdims=True) > 1
        low, high = np.where(over, middle, low), np.where(over, high, middle)
    lower, upper = np.where(spent, np.exp(low), 0.0), np.where(spent, np.exp(high), 0.0)
    return lower, lower, upper


def _lengths(p: float, c: FloatArray, b: FloatArray, lam: FloatArray) -> FloatArray:
    """Return ``min(b_i, (c_i / lam)^(1/(p-1)))``; b_i for lam = 0."""
    reached = np.where(c > 0, (c / np.where(lam > 0, lam, 1.0)) ** (1 / (p - 1)), 0.0)
    free = np.where(c > 0, b, 0.0)
    return np.where(lam > 0, np.fmin(reached, b), free)
