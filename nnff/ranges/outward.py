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

__all__ = ["activation_range", "affine_range", "difference_error", "down", "up"]

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


def difference_error(midpoint: FloatArray, difference: FloatArray) -> FloatArray:
    """Bound the relative error of a computed H(m, D) (`nnff.network.Activation.difference`).

    p' and p'' are rounded to units in the last place of |m| and |D|, and for
    a smooth g far from 0, where H decays like exp(-2 |p|) at most, that
    moves H by a relative amount of the same size.
    """
    return _FUNCTION_ERROR + 4 * _UNIT * (np.abs(midpoint) + np.abs(difference))


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
    """Return the range of a non-decreasing activation over [lower, upper], rounded outward."""
    return down(g.value(lower)), up(g.value(upper))
