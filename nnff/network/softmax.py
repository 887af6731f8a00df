r"""The probability of one class of a softmax, as a network that ends in a sigmoid.

With logits z and class k, :math:`p_k = \sigma(-\mathrm{LSE}_{j \ne k}(z_j - z_k))`, where LSE is the
logarithm of the sum of exponentials: exactly the softmax.  Two classes need no more than that.  For more,
LSE is built up from two at a time,

.. math:: \mathrm{LSE}(a, b) = b + \mathrm{softplus}(a - b),

so a layer of softplus for each further class.  What a layer has to hand on unchanged passes it as
:math:`\mathrm{softplus}(b) - \mathrm{softplus}(-b) = b`.  All of it is exact in real
arithmetic (weights that are subtracted round once, as wherever a reader folds steps); ranges and encodings
of softplus do the bounding, and refinement sharpens it like any other layer.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from nnff.network.scaling import Scaling

if TYPE_CHECKING:
    from nnff.network.network import Layer, Network
    from nnff.values import FloatArray

__all__ = ["class_network", "softmax"]


def softmax(logits: FloatArray) -> FloatArray:
    """Return the softmax over the last axis, without overflow."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    result: FloatArray = powers / powers.sum(axis=-1, keepdims=True)
    return result


def class_network(network: Network, k: int) -> Network:
    """Return the network of the probability of class `k`.

    Parameters
    ----------
    network
        A network with a softmax behind at least two outputs.
    k
        The class.
    """
    layers, weight, bias = _logits(network)
    others = [j for j in range(network.n_outputs) if j != k]
    # u_j = z_j - z_k for every other class.
    weight, bias = weight[others] - weight[k], bias[others] - bias[k]
    layers = [*layers, *_log_sum_exp(weight, bias)]
    return replace(
        network,
        layers=tuple(layers),
        output_scaling=Scaling.none(1),
        output_names=(network.output_names[k],),
        softmax=False,
    )


def _logits(network: Network) -> tuple[list[Layer], FloatArray, FloatArray]:
    """Return the layers before the logits, and the affine map from there to them."""
    last, outgoing = network.layers[-1], network.output_scaling
    if last.activation_name == "identity":
        scale = outgoing.scale
        return list(network.layers[:-1]), last.weight * scale[:, None], last.bias * scale + outgoing.center
    return list(network.layers), np.diag(outgoing.scale), np.array(outgoing.center)


def _log_sum_exp(weight: FloatArray, bias: FloatArray) -> list[Layer]:
    """Return layers from s to sigmoid(-LSE(weight s + bias)).

    Kept between two layers: l, the LSE of the u so far, less the next u; the differences of the u that
    follow one another; and the last u.  Every step needs l - u only, and only the end needs a u itself.
    """
    from nnff.network.network import Layer  # noqa: PLC0415 - a network selects an output through this module

    n = len(bias)
    # Rows from (u_1, ..., u_n) to (u_1 - u_2, ..., u_{n-1} - u_n, u_n).
    steps = np.eye(n) - np.eye(n, k=1)
    weight, bias = steps @ weight, steps @ bias
    layers: list[Layer] = []
    for left in range(n, 1, -1):
        # The first of `left` values goes through softplus, the others pass it, as b and as -b.
        doubled = np.concatenate([np.eye(left), -np.eye(left)[1:]])
        layers.append(Layer(doubled @ weight, doubled @ bias, "softplus"))
        passed = np.concatenate([np.zeros((left - 1, 1)), np.eye(left - 1), -np.eye(left - 1)], axis=1)
        passed[0, 0] = 1.0
        weight, bias = passed, np.zeros(left - 1)
    layers.append(Layer(-weight, -bias, "sigmoid"))
    return layers
