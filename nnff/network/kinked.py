"""Piecewise-linear activations: identity, ReLU, leaky ReLU, hard sigmoid."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from nnff.errors import ModelError
from nnff.network.elementwise import Activation

if TYPE_CHECKING:
    from nnff.values import FloatArray

__all__ = ["IDENTITY", "RELU", "hard_sigmoid", "leaky_relu"]

_ROUNDOFF = 2.0**-53


def _relu(p: FloatArray) -> FloatArray:
    return np.maximum(p, 0.0)


def _step(p: FloatArray) -> FloatArray:
    return (p > 0).astype(np.float64)


def _relu_difference(midpoint: FloatArray, gap: FloatArray) -> FloatArray:
    """Return relu(p'') - relu(p'), odd in D; for D >= 0 it is m + D/2 clipped to [0, D].

    Subtracting the two values instead would lose all digits of a small D
    beside a large m.
    """
    size = np.abs(gap)
    result: FloatArray = np.sign(gap) * np.clip(midpoint + size / 2, 0.0, size)
    return result


def _identity_difference(midpoint: FloatArray, gap: FloatArray) -> FloatArray:
    return gap + np.zeros_like(midpoint)


IDENTITY = Activation(
    "identity", np.copy, np.ones_like, _identity_difference, smooth=False, steepness=1.0, slope=1.0
)
RELU = Activation("relu", _relu, _step, _relu_difference, smooth=False, steepness=1.0, kinks=((0.0, 1.0),))


def leaky_relu(alpha: float = 0.01) -> Activation:
    """Return p for p > 0 and ``alpha p`` otherwise.

    Raises
    ------
    ModelError
        Unless ``0 <= alpha < 1``.
    """
    if not 0 <= alpha < 1:
        raise ModelError(
            f"a leaky ReLU of slope {alpha:g} below 0 is not supported; nnff takes slopes of at least 0 "
            "and below 1"
        )

    def value(p: FloatArray) -> FloatArray:
        return np.where(p > 0, p, alpha * p)

    def derivative(p: FloatArray) -> FloatArray:
        return np.where(p > 0, 1.0, alpha)

    def difference(midpoint: FloatArray, gap: FloatArray) -> FloatArray:
        # Where the pair straddles 0, p'' - alpha p': a sum of two terms that are not negative.
        above = _relu_difference(midpoint, gap)
        return above + alpha * (gap - above)

    return Activation(
        f"leaky_relu({alpha!r})",
        value,
        derivative,
        difference,
        smooth=False,
        steepness=1.0,
        slope=alpha,
        kinks=((0.0, 1 - alpha),),
    )


def hard_sigmoid(alpha: float = 0.2, beta: float = 0.5) -> Activation:
    """Return ``alpha p + beta`` clipped to [0, 1].

    It is ``alpha (relu(p - t) - relu(p - u))`` with t = -beta / alpha and u = (1 - beta) / alpha.

    Raises
    ------
    ModelError
        Unless alpha is positive and finite, beta finite, and t and u are within 1e6 of 0.
    """
    farthest = 1e6
    if not (alpha > 0 and math.isfinite(alpha) and abs(beta) + 1 <= farthest * alpha):
        raise ModelError(
            f"a hard sigmoid of slope {alpha:g} and offset {beta:g} is not supported; the slope has to be "
            "positive, and the function has to bend at numbers of ordinary size"
        )
    low, high = -beta / alpha, (1 - beta) / alpha

    def value(p: FloatArray) -> FloatArray:
        return np.clip(alpha * p + beta, 0.0, 1.0)

    def derivative(p: FloatArray) -> FloatArray:
        return np.where((p > low) & (p <= high), alpha, 0.0)

    def difference(midpoint: FloatArray, gap: FloatArray) -> FloatArray:
        size = np.abs(gap)
        # How much of [p', p''] lies between the kinks; the distances of m from them round relatively.
        share = np.minimum((midpoint - low) + size / 2, size) - np.maximum((midpoint - high) + size / 2, 0.0)
        result: FloatArray = np.sign(gap) * alpha * np.clip(share, 0.0, np.minimum(size, high - low))
        return result

    return Activation(
        f"hard_sigmoid({alpha!r},{beta!r})",
        value,
        derivative,
        difference,
        smooth=False,
        steepness=alpha,
        inflexions=((low + high) / 2,),
        # alpha p and beta may cancel, and the kinks round; neither exceeds 1 + |beta| where g bends.
        noise=16 * _ROUNDOFF * (1 + abs(beta)),
        kinks=((low, alpha), (high, -alpha)),
    )
