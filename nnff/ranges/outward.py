"""Interval arithmetic that errs on the outside.

Every function returns a range that holds the exact real-arithmetic range.
A dot product of n terms in floating point, in any order of summation, is off
by at most ``gamma_n sum |w_i x_i|`` with ``gamma_n = n u / (1 - n u)`` and
``u = 2**-53`` (Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed.,
section 3.1).  Results are widened by more than that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from nnff.network import Activation
    from nnff.values import FloatArray

__all__ = [
    "activation_range",
    "affine_range",
    "difference_above",
    "difference_below",
    "down",
    "slope_range",
    "up",
]

_UNIT = 2.0**-53
# Library functions (exp, tanh, expm1, ...) are good to a few units in the last
# place, and the differences below combine at most six of them.
_FUNCTION_ERROR = 64 * _UNIT
_TINY = 1e-300


def up(values: FloatArray, error: float | FloatArray = _FUNCTION_ERROR) -> FloatArray:
    """Return `values` raised by a relative `error` and a hair."""
    return values + np.abs(values) * error + _TINY


def down(values: FloatArray, error: float | FloatArray = _FUNCTION_ERROR) -> FloatArray:
    """Return `values` lowered by a relative `error` and a hair."""
    return values - np.abs(values) * error - _TINY


def difference_above(g: Activation, midpoint: FloatArray, difference: FloatArray) -> FloatArray:
    """Return H(m, D), rounded up (`nnff.network.Activation.difference`).

    p' and p'' are rounded to units in the last place of |m| and |D|, and for
    a smooth g far from 0, where H decays like exp(-2 |p|) at most, that
    moves H by a relative amount of the same size.  What cannot be stated relative to H
    is the activation's `noise`.
    """
    value = g.difference(midpoint, difference)
    return up(value, _difference_error(midpoint, difference)) + _difference_noise(g, midpoint, difference)


def difference_below(g: Activation, midpoint: FloatArray, difference: FloatArray) -> FloatArray:
    """Return H(m, D), rounded down; see `difference_above`."""
    value = g.difference(midpoint, difference)
    return down(value, _difference_error(midpoint, difference)) - _difference_noise(g, midpoint, difference)


def _difference_error(midpoint: FloatArray, difference: FloatArray) -> FloatArray:
    return _FUNCTION_ERROR + 4 * _UNIT * (np.abs(midpoint) + np.abs(difference))


def _difference_noise(g: Activation, midpoint: FloatArray, difference: FloatArray) -> FloatArray:
    size = np.abs(difference)
    noise: FloatArray = g.noise * size * (1 + np.abs(midpoint) + size)
    return noise


def slope_range(g: Activation, lower: FloatArray, upper: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the least and the largest g' on [lower, upper], rounded outward; elementwise.

    g' is extremal at an end or where g changes between convex and concave; in between it is monotone.
    An inflexion is the nearest float, where g' is flat: the error is of second order.  The slopes of
    piecewise-linear g are numbers, and exact; at its lower end an interval has the slope from above.
    """
    first = lower if g.smooth else np.where(lower < upper, np.nextafter(lower, np.inf), lower)
    ends = g.derivative(first), g.derivative(upper)
    least, most = np.minimum(*ends), np.maximum(*ends)
    for point in (*g.inflexions, *(np.nextafter(t, side) for t, _ in g.kinks for side in (-np.inf, np.inf))):
        inside = (first <= point) & (point <= upper)
        there = g.derivative(np.full_like(lower, point))
        least = np.where(inside, np.minimum(least, there), least)
        most = np.where(inside, np.maximum(most, there), most)
    if not g.smooth:
        return least, most
    # |p| is rounded, which moves a slope that decays like exp(-2 |p|) relatively.
    error = _FUNCTION_ERROR + 8 * _UNIT * np.maximum(np.abs(lower), np.abs(upper))
    return down(least, error) - g.noise, up(most, error) + g.noise


def affine_range(
    weight: FloatArray, bias: FloatArray, lower: FloatArray, upper: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the range of ``W x + b`` over a box, rounded outward.

    Parameters
    ----------
    weight, bias
        Shapes (k, n) and (k,).
    lower, upper
        The box, shape (n,), finite.
    """
    positive, negative = np.maximum(weight, 0.0), np.minimum(weight, 0.0)
    low = positive @ lower + negative @ upper + bias
    high = positive @ upper + negative @ lower + bias
    size = np.abs(weight) @ np.maximum(np.abs(lower), np.abs(upper)) + np.abs(bias)
    error = (2 * weight.shape[1] + 8) * _UNIT * size * 1.01
    # A sum of nothing but zeros is exact, and stays a point: solvers are better off without a hair.
    live = ((weight != 0) & ((lower != 0) | (upper != 0))).any(axis=1) | (bias != 0)
    error = np.where(live, error + _TINY, 0.0)
    return low - error, high + error


def activation_range(g: Activation, lower: FloatArray, upper: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the range of an activation over [lower, upper], rounded outward.

    The largest value is at an end: g does not decrease, or first falls and then rises.
    """
    if g.monotone:
        return down(g.value(lower)) - g.noise, up(g.value(upper)) + g.noise
    ends = g.value(lower), g.value(upper)
    least = np.minimum(*ends)
    if g.valley is not None:
        bottom = g.value(np.full_like(lower, g.valley))
        least = np.where((lower <= g.valley) & (g.valley <= upper), bottom, least)
    return down(least) - g.noise, up(np.maximum(*ends)) + g.noise
