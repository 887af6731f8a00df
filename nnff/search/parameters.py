"""The weights and biases of a network as one flat vector, and the output's gradient with respect to it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from nnff.errors import ModelError
from nnff.network import Layer

if TYPE_CHECKING:
    import numpy.typing as npt

    from nnff.network import Network
    from nnff.values import FloatArray

__all__ = ["n_parameters", "parameter_gradient", "parameters_of", "with_parameters"]


def n_parameters(network: Network) -> int:
    """Return the number of weights and biases; scalings are not parameters."""
    return sum(layer.weight.size + layer.bias.size for layer in network.layers)


def parameters_of(network: Network) -> FloatArray:
    """Return weights and biases, layer by layer, each weight matrix row by row before its bias.

    For one neuron with weights w and bias b that is (w, b).
    """
    return np.concatenate([part.ravel() for layer in network.layers for part in (layer.weight, layer.bias)])


def with_parameters(network: Network, parameters: npt.ArrayLike) -> Network:
    """Return the network of the same shape, activations and scalings with other weights and biases.

    Raises
    ------
    ModelError
        If the vector has another length than `n_parameters`.
    """
    vector = np.asarray(parameters, dtype=np.float64)
    wanted = n_parameters(network)
    if vector.shape != (wanted,):
        raise ModelError(
            f"a network {network.architecture} has {wanted} parameters, got shape {vector.shape}"
        )
    layers, at = [], 0
    for layer in network.layers:
        weight = vector[at : at + layer.weight.size].reshape(layer.weight.shape)
        at += layer.weight.size
        layers.append(Layer(weight, vector[at : at + layer.bias.size], layer.activation_name))
        at += layer.bias.size
    return replace(network, layers=tuple(layers))


def parameter_gradient(network: Network, x: npt.ArrayLike) -> FloatArray:
    """Differentiate a single-output network with respect to its parameters, by backpropagation.

    Parameters
    ----------
    network
        With one output.
    x
        Raw inputs, shape (rows, n_inputs).

    Returns
    -------
    Shape (rows, parameters), in the target's units; at a kink of ReLU, the derivative from below.
    """
    if network.n_outputs != 1:
        raise ModelError(f"the network has {network.n_outputs} outputs; select one of them first")
    affine = network.preactivations(x)
    entering = [network.input_scaling.apply(np.atleast_2d(np.asarray(x, dtype=np.float64)))]
    entering += [layer.activation.value(p) for layer, p in zip(network.layers[:-1], affine[:-1], strict=True)]
    back = network.layers[-1].activation.derivative(affine[-1]) * network.output_scaling.scale
    parts: list[FloatArray] = []
    for index in range(len(network.layers) - 1, -1, -1):
        by_weight = back[:, :, None] * entering[index][:, None, :]
        parts[:0] = [by_weight.reshape(len(back), -1), back]
        if index:
            back = back @ network.layers[index].weight
            back = back * network.layers[index - 1].activation.derivative(affine[index - 1])
    return np.concatenate(parts, axis=1)
