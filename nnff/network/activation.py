r"""Activation functions, with what certification needs to know about each.

For a pair of pre-activations p', p'' write m = (p' + p'')/2 and D = p'' - p'.
An activation g acts on the pair through

.. math::
    H(m, D) &= g(m + D/2) - g(m - D/2), \\
    S(m, D) &= (g(m + D/2) + g(m - D/2)) / 2.

`Activation.difference` evaluates H without cancellation for small D.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from nnff.errors import ModelError
from nnff.values import FloatArray

__all__ = ["ACTIVATIONS", "IDENTITY", "RELU", "SIGMOID", "TANH", "Activation", "activation"]

_Function = Callable[[FloatArray], FloatArray]


@dataclass(frozen=True)
class Activation:
    """A non-decreasing, 1-Lipschitz or better, scalar activation g.

    Attributes
    ----------
    name
        How model files and certificates call it.
    value, derivative
        g and g', vectorised.
    difference
        H(m, D), vectorised; its error relative to H is at most a small
        multiple of ``(1 + |m| + |D|) * 2**-53``, whatever the size of D.
    smooth
        Whether g has two bounded derivatives everywhere (needs cells);
        otherwise g is piecewise linear and is encoded exactly.
    second_bound, third_bound
        Upper bounds of |g''| and |g'''|; infinite for piecewise-linear g.
    decay
        A number c with ``|g''| <= c g'`` and ``|g'''| <= c^2 g'`` everywhere: far from 0, where g' is
        small, so is curvature.  Infinite for piecewise-linear g.
    """

    name: str
    value: _Function
    derivative: _Function
    difference: Callable[[FloatArray, FloatArray], FloatArray]
    smooth: bool
    second_bound: float = math.inf
    third_bound: float = math.inf
    decay: float = math.inf

    def mean(self, midpoint: FloatArray, difference: FloatArray) -> FloatArray:
        """Return S(m, D), the mean of g over the pair."""
        half = difference / 2
        result: FloatArray = (self.value(midpoint + half) + self.value(midpoint - half)) / 2
        return result

    def largest_difference(self, difference: FloatArray) -> FloatArray:
        """Return max over all m of H(m, D) for D >= 0: the closed form.

        The four activations here have a derivative that is symmetric and
        largest at 0, or (ReLU, identity) reaches slope 1 on a half line; the
        maximum is then at m = 0 and is H(0, D) for the smooth ones and D for
        the others.  For the sigmoid that is tanh(D/4), for tanh 2 tanh(D/2).
        """
        if self.smooth:
            return self.difference(np.zeros_like(difference), difference)
        return difference

    def __reduce__(self) -> tuple[Callable[[str], Activation], tuple[str]]:
        return activation, (self.name,)


def _sigmoid_difference(midpoint: FloatArray, gap: FloatArray) -> FloatArray:
    """Return sigma(m + D/2) - sigma(m - D/2) = sigma(p'') sigma(-p') (1 - exp(-D)), odd in D."""
    size = np.abs(gap)
    upper, lower = midpoint + size / 2, midpoint - size / 2
    result: FloatArray = np.sign(gap) * expit(upper) * expit(-lower) * -np.expm1(-size)
    return result


def _tanh_difference(midpoint: FloatArray, gap: FloatArray) -> FloatArray:
    """Return tanh(p'') - tanh(p') = 2 (sigma(2 p'') - sigma(2 p'))."""
    return 2 * _sigmoid_difference(2 * midpoint, 2 * gap)


def _sigmoid_derivative(p: FloatArray) -> FloatArray:
    result: FloatArray = expit(p) * expit(-p)
    return result


def _tanh_derivative(p: FloatArray) -> FloatArray:
    return 4 * _sigmoid_derivative(2 * p)


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


# sigma'' = sigma' (1 - 2 sigma) and sigma''' = sigma' (1 - 6 sigma'), with 0 < sigma' <= 1/4: both factors
# lie in [-1, 1].
# |sigma''| <= 1/(6 sqrt 3) and |sigma'''| <= 1/8; tanh(p) = 2 sigma(2p) - 1 gives
# the factors 2 * 4 and 2 * 8.  Rounded up by more than one unit in the last place.
_SIGMOID_SECOND = 1 / (6 * math.sqrt(3)) * (1 + 1e-15)

IDENTITY = Activation("identity", np.copy, np.ones_like, _identity_difference, smooth=False)
RELU = Activation("relu", _relu, _step, _relu_difference, smooth=False)
SIGMOID = Activation(
    "sigmoid",
    expit,
    _sigmoid_derivative,
    _sigmoid_difference,
    smooth=True,
    second_bound=_SIGMOID_SECOND,
    third_bound=1 / 8,
    decay=1.0,
)
TANH = Activation(
    "tanh",
    np.tanh,
    _tanh_derivative,
    _tanh_difference,
    smooth=True,
    second_bound=8 * _SIGMOID_SECOND,
    third_bound=2.0,
    decay=2.0,
)

ACTIVATIONS = {a.name: a for a in (IDENTITY, RELU, SIGMOID, TANH)}


def activation(name: str) -> Activation:
    """Return the activation called `name`.

    Raises
    ------
    ModelError
        If nnff has no such activation.
    """
    try:
        return ACTIVATIONS[name]
    except KeyError:
        raise ModelError(
            f"the activation {name!r} is not supported; supported are {', '.join(sorted(ACTIVATIONS))}"
        ) from None
