"""Sigmoid and tanh: bounded, with a slope that is even and falls away from 0."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit

from nnff.network.elementwise import Activation

if TYPE_CHECKING:
    from nnff.values import FloatArray

__all__ = ["SIGMOID", "TANH", "sigmoid_derivative", "sigmoid_difference"]

_UPWARD = 1 + 2.0**-46
"""Covers the rounding of a product of a few library functions."""


def sigmoid_difference(midpoint: FloatArray, gap: FloatArray) -> FloatArray:
    """Return sigma(m + D/2) - sigma(m - D/2) = sigma(p'') sigma(-p') (1 - exp(-D)), odd in D."""
    size = np.abs(gap)
    upper, lower = midpoint + size / 2, midpoint - size / 2
    result: FloatArray = np.sign(gap) * expit(upper) * expit(-lower) * -np.expm1(-size)
    return result


def _tanh_difference(midpoint: FloatArray, gap: FloatArray) -> FloatArray:
    """Return tanh(p'') - tanh(p') = 2 (sigma(2 p'') - sigma(2 p'))."""
    return 2 * sigmoid_difference(2 * midpoint, 2 * gap)


def sigmoid_derivative(p: FloatArray) -> FloatArray:
    """Return sigma'(p) = sigma(p) sigma(-p)."""
    result: FloatArray = expit(p) * expit(-p)
    return result


def _tanh_derivative(p: FloatArray) -> FloatArray:
    return 4 * sigmoid_derivative(2 * p)


def _sigmoid_curvature(away: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Bound by the slope: sigma'' = sigma' (1 - 2 sigma) and sigma''' = sigma' (1 - 6 sigma').

    With 0 < sigma' <= 1/4 both factors lie in [-1, 1], and sigma' falls with ``|p|``.
    """
    slope = sigmoid_derivative(away) * _UPWARD
    return slope, slope


def _tanh_curvature(away: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return those of tanh(p) = 2 sigma(2 p) - 1: 8 and 16 times those of the sigmoid at 2 p."""
    slope = sigmoid_derivative(2 * away) * _UPWARD
    return 8 * slope, 16 * slope


# |sigma''| <= 1/(6 sqrt 3) and |sigma'''| <= 1/8; tanh(p) = 2 sigma(2p) - 1 gives
# the factors 2 * 4 and 2 * 8.  Rounded up by more than one unit in the last place.
_SIGMOID_SECOND = 1 / (6 * math.sqrt(3)) * (1 + 1e-15)

SIGMOID = Activation(
    "sigmoid",
    expit,
    sigmoid_derivative,
    sigmoid_difference,
    smooth=True,
    steepness=1 / 4,
    inflexions=(0.0,),
    steepest=0.0,
    second_bound=_SIGMOID_SECOND,
    third_bound=1 / 8,
    curvature=_sigmoid_curvature,
)
TANH = Activation(
    "tanh",
    np.tanh,
    _tanh_derivative,
    _tanh_difference,
    smooth=True,
    steepness=1.0,
    inflexions=(0.0,),
    steepest=0.0,
    second_bound=8 * _SIGMOID_SECOND,
    third_bound=2.0,
    curvature=_tanh_curvature,
)
