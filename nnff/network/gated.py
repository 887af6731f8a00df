r"""Softplus, SiLU and GELU: smooth, with slopes that tend to 0 on the left and to 1 on the right.

Softplus is convex.  SiLU, p sigma(p), and GELU, p Phi(p) with Phi the distribution function of the standard
normal, fall to a valley left of 0 and rise from there; both are convex around 0 and concave beyond two
inflexions +-i, where their slope is greatest (above 1) and least (below 0).

Their curvature, with s = sigma', t(p) = tanh(p/2) and phi the normal density:

=========  =====================  =================================
           g''                    g'''
=========  =====================  =================================
softplus   s                      -t s
SiLU       s (2 - p t)            s (p (1 - 6 s) - 3 t)
GELU       phi (2 - p^2)          phi p (p^2 - 4)
=========  =====================  =================================

from which the bounds at the end of this module follow; each says how.  H of SiLU and GELU is
``m (G(p'') - G(p')) + D (G(p'') + G(p'))/2`` with G the gate: the two terms may cancel, because H passes
through 0 where D does not, so its error is stated relative to D (`Activation.noise`).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit, ndtr

from nnff.network.elementwise import Activation
from nnff.network.sigmoidal import sigmoid_derivative, sigmoid_difference

if TYPE_CHECKING:
    from nnff.values import FloatArray

__all__ = ["GELU", "SILU", "SOFTPLUS"]

_NOISE = 32 * 2.0**-53
"""Products and sums of a few library functions, each good to some units in the last place of at most 1.2."""

_UPWARD = 1 + 2.0**-46
_INVERSE_ROOT = 1 / math.sqrt(2 * math.pi)


def _softplus(p: FloatArray) -> FloatArray:
    """Return log(1 + exp(p)) = max(p, 0) + log(1 + exp(-|p|)): two terms that do not cancel."""
    result: FloatArray = np.maximum(p, 0.0) + np.log1p(np.exp(-np.abs(p)))
    return result


def _softplus_difference(midpoint: FloatArray, gap: FloatArray) -> FloatArray:
    """Return H, for 0 <= D <= 1 as log(1 + sigma(p') (exp(D) - 1)).

    Since (1 + exp(p'')) / (1 + exp(p')) = 1 + sigma(p') (exp(D) - 1).  For D > 1 the values themselves are
    subtracted: they differ by a factor of two at least or by a third of D, so few digits are lost.
    """
    size = np.abs(gap)
    upper, lower = midpoint + size / 2, midpoint - size / 2
    near = np.log1p(expit(lower) * np.expm1(np.minimum(size, 1.0)))
    result: FloatArray = np.sign(gap) * np.where(size <= 1, near, _softplus(upper) - _softplus(lower))
    return result


def _softplus_curvature(away: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Bound by g'' = s itself, which falls with ``|p|``, and by ``|t| <= 1``."""
    slope = sigmoid_derivative(away) * _UPWARD
    return slope, slope


SOFTPLUS = Activation(
    "softplus",
    _softplus,
    expit,
    _softplus_difference,
    smooth=True,
    steepness=1.0,
    steepest=math.inf,
    # s <= 1/4; g''' = sigma'', whose bound is that of the sigmoid, rounded up.
    second_bound=1 / 4,
    third_bound=1 / (6 * math.sqrt(3)) * (1 + 1e-15),
    curvature=_softplus_curvature,
    noise=_NOISE,
)


def _silu(p: FloatArray) -> FloatArray:
    result: FloatArray = p * expit(p)
    return result


def _silu_derivative(p: FloatArray) -> FloatArray:
    """Return sigma(p) (1 + p sigma(-p))."""
    result: FloatArray = expit(p) * (1 + p * expit(-p))
    return result


def _silu_difference(midpoint: FloatArray, gap: FloatArray) -> FloatArray:
    gates = (expit(midpoint + gap / 2) + expit(midpoint - gap / 2)) / 2
    result: FloatArray = midpoint * sigmoid_difference(midpoint, gap) + gap * gates
    return result


def _silu_curvature(away: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return s max(2, |p| - 2) and s max(3, |p|), both of which fall with ``|p|``.

    The second: 2 - p t lies in (2 - |p|, 2].  The third, for p >= 0: p (1 - 6 s) - 3 t <= p; its negative is
    p (6 s - 1) + 3 t, where 6 s > 1 only for cosh p < 2, so at most 1.317/2 + 3 tanh(.659) < 2.4 there
    and at most 3 beyond.  s (p - c) falls wherever (p - c) t > 1: for c = 2 from 4 on, for c = 0 from 3.
    """
    slope = sigmoid_derivative(away) * _UPWARD
    return slope * np.maximum(2.0, away - 2), slope * np.maximum(3.0, away)


SILU = Activation(
    "silu",
    _silu,
    _silu_derivative,
    _silu_difference,
    smooth=True,
    # g' is extremal where p t = 2; g'(p) + g'(-p) = 1.
    steepness=1.0998393202,
    inflexions=(-2.3993572805154675, 2.3993572805154675),
    convex_first=False,
    monotone=False,
    # 1 + p sigma(-p) = 0.
    valley=-1.278464542761074,
    # s (2 - p t) is 1/2 at 0, and between -.05 and 1/2 elsewhere: s (p - 2) < .05 for all p.
    second_bound=1 / 2,
    # The largest is .30819 near p = 1.03.  On a grid of step .001 in [0, 8] plus .0005 sup|g''''|, which is
    # below 4/8 + 2 p s < 1; beyond 8, s max(3, p) < .003.
    third_bound=0.309,
    curvature=_silu_curvature,
    noise=_NOISE,
)

# Gauss-Legendre with six nodes on an interval of length D: the integral of f is off by at most
# D^13 6!^4 / (13 12!^3) sup|f^(12)|, and |phi^(12)| <= phi^(12)(0) = 11!! / sqrt(2 pi) < 4150 (its Fourier
# transform has one sign).  For D <= 1/2 that is 2e-16 D.
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(6)
_SHORT = 0.5


def _density(p: FloatArray) -> FloatArray:
    result: FloatArray = _INVERSE_ROOT * np.exp(-p * p / 2)
    return result


def _normal_difference(midpoint: FloatArray, gap: FloatArray) -> FloatArray:
    """Return Phi(m + D/2) - Phi(m - D/2), odd in D, with an error relative to D."""
    size = np.abs(gap)
    half = np.minimum(size, _SHORT) / 2
    near = np.zeros(np.broadcast_shapes(midpoint.shape, gap.shape))
    for node, weight in zip(_NODES, _WEIGHTS, strict=True):
        near = near + weight * _density(midpoint + half * node)
    far = ndtr(midpoint + size / 2) - ndtr(midpoint - size / 2)
    result: FloatArray = np.sign(gap) * np.where(size <= _SHORT, half * near, far)
    return result


@np.errstate(under="ignore", over="ignore")
def _gelu(p: FloatArray) -> FloatArray:
    result: FloatArray = p * ndtr(p)
    return result


@np.errstate(under="ignore", over="ignore")
def _gelu_derivative(p: FloatArray) -> FloatArray:
    """Return Phi(p) + p phi(p)."""
    result: FloatArray = ndtr(p) + p * _density(p)
    return result


@np.errstate(under="ignore", over="ignore")
def _gelu_difference(midpoint: FloatArray, gap: FloatArray) -> FloatArray:
    gates = (ndtr(midpoint + gap / 2) + ndtr(midpoint - gap / 2)) / 2
    result: FloatArray = midpoint * _normal_difference(midpoint, gap) + gap * gates
    return result


@np.errstate(under="ignore", over="ignore")
def _gelu_curvature(away: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return phi max(2, p^2 - 2) and phi max(6, |p| (p^2 - 4)), both of which fall with ``|p|``.

    For p >= 0: phi (p^2 - 2) falls from 2 on, and exceeds 2 phi only there.  |p (p^2 - 4)| <= 3.1 up to 2;
    phi p (p^2 - 4) falls for p^2 > (7 + sqrt 33)/2, from 2.53 on, and p (p^2 - 4) exceeds 6 only there.
    """
    near = np.minimum(away, 1e3)
    density = _density(near) * (_UPWARD + 2.0**-50 * near * near)
    return density * np.maximum(2.0, near**2 - 2), density * np.maximum(6.0, near * (near**2 - 4))


GELU = Activation(
    "gelu",
    _gelu,
    _gelu_derivative,
    _gelu_difference,
    smooth=True,
    # g' is extremal at +-sqrt 2: Phi(sqrt 2) + sqrt 2 phi(sqrt 2).
    steepness=1.1289041452,
    inflexions=(-math.sqrt(2), math.sqrt(2)),
    convex_first=False,
    monotone=False,
    # Phi(p) + p phi(p) = 0.
    valley=-0.7517915246935646,
    # phi (2 - p^2) at 0; elsewhere it is above -.11.
    second_bound=math.sqrt(2 / math.pi) * (1 + 1e-15),
    # phi p (4 - p^2) where p^4 - 7 p^2 + 4 = 0, p^2 = (7 - sqrt 33)/2: .77880...
    third_bound=0.7789,
    curvature=_gelu_curvature,
    noise=_NOISE,
)
