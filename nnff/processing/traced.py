"""A network's output as autograd follows it, in the parameters and in the inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import autograd.numpy as anp
from autograd import elementwise_grad
from autograd.scipy.special import expit

from nnff.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from nnff.network import Network

__all__ = ["traced_activations", "traced_input_gradient", "traced_output"]

_TRACED: dict[str, Callable[[Any], Any]] = {
    "identity": lambda p: p,
    "relu": lambda p: anp.maximum(p, 0.0),
    "sigmoid": expit,
    "tanh": anp.tanh,
}


def traced_activations() -> tuple[str, ...]:
    """Return the names of the activations that autograd can follow here."""
    return tuple(_TRACED)


def traced_output(network: Network, parameters: Any, z: Any) -> Any:
    """Return the last layer's pre-activation for scaled inputs, shape (rows,).

    Parameters
    ----------
    network
        Shape and activations; one output.
    parameters
        In the order of `nnff.search.parameters_of`, shape (p,).
    z
        Scaled inputs, shape (rows, n).
    """
    values, at = z, 0
    for index, layer in enumerate(network.layers):
        if index:
            values = _traced(network.layers[index - 1].activation_name)(values)
        weight = parameters[at : at + layer.weight.size].reshape(layer.weight.shape)
        at += layer.weight.size
        values = anp.dot(values, weight.T) + parameters[at : at + layer.bias.size]
        at += layer.bias.size
    return values[:, 0]


def traced_input_gradient(network: Network, parameters: Any, z: Any) -> Any:
    """Return the gradient of `traced_output` with respect to each row of `z`, itself differentiable."""
    return elementwise_grad(traced_output, 2)(network, parameters, z)


def _traced(name: str) -> Callable[[Any], Any]:
    try:
        return _TRACED[name]
    except KeyError:
        raise ConfigError(
            f"the activation {name!r} cannot be trained here; known: {', '.join(_TRACED)}"
        ) from None
