r"""What certification needs to know about an activation.

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

from nnff.values import BoolArray, FloatArray

__all__ = ["Activation", "ScalarFunction"]

ScalarFunction = Callable[[FloatArray], FloatArray]

_Curvature = Callable[[FloatArray], tuple[FloatArray, FloatArray]]


def _unbounded(away: FloatArray) -> tuple[FloatArray, FloatArray]:
    return np.full_like(away, math.inf), np.full_like(away, math.inf)


@dataclass(frozen=True)
class Activation:
    """A scalar activation g, with bounds of its slope and curvature.

    Attributes
    ----------
    name
        How model files and certificates call it, parameters included.
    value, derivative
        g and g', vectorised; at a kink g' from below.
    difference
        H(m, D), vectorised and odd in D.  Its error is at most a small multiple of
        ``(1 + |m| + |D|) * 2**-53`` relative to H, plus what `noise` says, whatever the size of D.
    smooth
        Whether g has two bounded derivatives everywhere (needs cells);
        otherwise g is piecewise linear and is encoded exactly (`kinks`).
    steepness
        Upper bound of |g'|.
    inflexions
        Where g changes between convex and concave, ascending.
    convex_first
        Whether g is convex left of the first inflexion (everywhere, without one).
    steepest
        The point that g' falls away from on both sides: 0, where g' must be even as well, or an
        infinity.  Then H(., D) for D > 0 falls away from the same m.  None if there is no such point.
    monotone
        Whether g does not decrease.
    valley
        Where a g that is not monotone is least: it falls before and rises after.
    second_bound, third_bound
        Upper bounds of |g''| and |g'''|; infinite for piecewise-linear g.
    curvature
        Upper bounds of |g''(p)| and |g'''(p)| over all p with ``|p| >= away``, vectorised in `away`:
        far from 0 curvature vanishes.
    noise
        Absolute error of computed values and derivatives, and of H per unit of |D| (1 + |m| + |D|),
        where it cannot be stated relative to them.
    constant, slope, kinks
        A piecewise-linear g as ``constant + slope p + sum of w relu(p - t)``, kinks (t, w) ascending.
    """

    name: str
    value: ScalarFunction
    derivative: ScalarFunction
    difference: Callable[[FloatArray, FloatArray], FloatArray]
    smooth: bool
    steepness: float
    inflexions: tuple[float, ...] = ()
    convex_first: bool = True
    steepest: float | None = None
    monotone: bool = True
    valley: float | None = None
    second_bound: float = math.inf
    third_bound: float = math.inf
    curvature: _Curvature = _unbounded
    noise: float = 0.0
    constant: float = 0.0
    slope: float = 0.0
    kinks: tuple[tuple[float, float], ...] = ()

    def mean(self, midpoint: FloatArray, difference: FloatArray) -> FloatArray:
        """Return S(m, D), the mean of g over the pair."""
        half = difference / 2
        result: FloatArray = (self.value(midpoint + half) + self.value(midpoint - half)) / 2
        return result

    def largest_difference(self, difference: FloatArray) -> FloatArray:
        """Return an upper bound over all m of ``|H(m, D)|`` for D >= 0: the closed form.

        Where g' is even and largest at 0 the maximum is H(0, D): for the sigmoid tanh(D/4), for
        tanh 2 tanh(D/2).  Otherwise D times the steepest slope, which is attained, or
        approached, where g' has that slope on a half line (ReLU, leaky ReLU, identity, softplus).
        """
        if self.steepest == 0:
            return self.difference(np.zeros_like(difference), difference)
        return self.steepness * difference

    def convex_on(self, lower: FloatArray, upper: FloatArray) -> BoolArray:
        """Tell for intervals without an inflexion inside whether g is convex there; elementwise."""
        before = np.searchsorted(np.array(self.inflexions), lower / 2 + upper / 2)
        result: BoolArray = (before % 2 == 0) == self.convex_first
        return result

    def __reduce__(self) -> tuple[Callable[[str], Activation], tuple[str]]:
        from nnff.network.activation import activation  # noqa: PLC0415 - the registry knows this class

        return activation, (self.name,)
