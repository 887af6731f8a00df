"""How far the evaluation of a network in floating point can be from its exact value."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from nnff.network.network import Network
    from nnff.values import FloatArray

__all__ = ["evaluation_error"]

_EXTRA_OPERATIONS = 8
"""Per layer, beside the dot product: rounding of weights and inputs, folded elementwise steps."""

_ACTIVATION_OPERATIONS = 8
"""Relative error of a computed sigmoid or tanh, in units of roundoff.

Of the others too, but also relative to 1 + |p|: software evaluates log(1 + exp(p)), 1 + erf(p) or
alpha p + beta as they stand, and loses what is small beside the terms.
"""

_SECOND_ORDER = 2.0
"""Covers the terms in roundoff squared, and that this bound is itself computed in floating point."""


_UNDERFLOW = 1e-37
"""What one operation may lose where numbers fall below the smallest normal float, 1.2e-38."""


def evaluation_error(network: Network, rows: FloatArray, roundoff: float) -> FloatArray:
    r"""Bound the error of evaluating `network` in an arithmetic of the given unit roundoff.

    The running error bound of a chain of dot products.  With n inputs of a
    layer and u the roundoff, a computed :math:`W s + b` is off by at most

    .. math:: \gamma (|W| |s| + |b|) + |W| e, \qquad \gamma = 2 (n + 8) u,

    whatever the order of summation, when s is off by e (Higham, Accuracy and
    Stability of Numerical Algorithms, 2nd ed., section 3.1).  Eight
    operations are granted for steps that a reader folded into the weights;
    the factor 2 covers second-order terms as long as n u is far below 1.  An
    activation g turns an error e into at most max over m of
    g(m + e/2) - g(m - e/2) (see `Activation.largest_difference`), plus its
    own rounding.

    The bound is worst case and grows with depth.  It is taken from the
    network as read: a model with large constants that cancel in folding may
    exceed it.

    Parameters
    ----------
    network
        The network.
    rows
        Raw inputs, shape (rows, n_inputs).
    roundoff
        ``2**-53`` for double, ``2**-24`` for single precision.

    Returns
    -------
    Absolute error bounds in the target's units, shape (rows, n_outputs).
    """
    unit = _SECOND_ORDER * roundoff
    scaling = network.input_scaling
    values = scaling.apply(rows)
    error = unit * _EXTRA_OPERATIONS * (np.abs(rows) + np.abs(scaling.center)) / np.abs(scaling.scale)
    for layer in network.layers:
        size = np.abs(layer.weight)
        operations = layer.n_inputs + _EXTRA_OPERATIONS
        error = error @ size.T + unit * operations * (np.abs(values) @ size.T + np.abs(layer.bias))
        error = error + operations * _UNDERFLOW
        g = layer.activation
        before = values @ layer.weight.T + layer.bias
        values = g.value(before)
        error = g.largest_difference(error)
        if g.smooth or g.noise or g.slope not in (0.0, 1.0):
            size = np.abs(values) if not g.noise else np.abs(values) + 1 + np.abs(before)
            error = error + unit * _ACTIVATION_OPERATIONS * size + _UNDERFLOW
    outgoing = network.output_scaling
    magnitude = np.abs(values * outgoing.scale) + np.abs(outgoing.center)
    result: FloatArray = error * np.abs(outgoing.scale) + unit * _EXTRA_OPERATIONS * magnitude + _UNDERFLOW
    if network.softmax:
        # dp_k = p_k (dz_k - sum of p_j dz_j), at most p_k (1 - p_k) times the spread of dz; then its own
        # rounding, in which exp turns the absolute error of z - max z into a relative one.
        spread = 2 * result.max(axis=-1, keepdims=True)
        values = outgoing.invert(values)
        logits = np.abs(values).max(axis=-1, keepdims=True)
        own = unit * (_EXTRA_OPERATIONS + network.n_outputs + 2 * logits)
        result = np.broadcast_to(spread / 4 + own + _UNDERFLOW, result.shape)
    return result
