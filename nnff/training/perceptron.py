"""A dense network as one flat vector of parameters, differentiable in the weights and in the inputs."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import autograd.numpy as anp
import autograd.scipy.special as asp
import numpy as np

from nnff.errors import ConfigError
from nnff.network import Layer
from nnff.network.activation import activation as network_activation

if TYPE_CHECKING:
    from collections.abc import Callable

    from nnff.values import FloatArray

__all__ = ["HIDDEN_ACTIVATIONS", "Perceptron"]

_TRACED: dict[str, Callable[[Any], Any]] = {
    "relu": lambda p: anp.maximum(p, 0.0),
    "sigmoid": asp.expit,
    "tanh": anp.tanh,
}
"""Activations as autograd follows them; `nnff.network.activation` has the same for certification."""

HIDDEN_ACTIVATIONS = tuple(_TRACED)
"""What a hidden layer may be."""


@dataclass(frozen=True)
class Perceptron:
    """The architecture n-h1-...-1 of a network with one linear output; its weights live elsewhere.

    Attributes
    ----------
    sizes
        Number of inputs, of every hidden layer's neurons, and 1.
    activation
        Of every hidden layer, one of `HIDDEN_ACTIVATIONS`.

    Raises
    ------
    ConfigError
        For an activation or a size that cannot be.
    """

    sizes: tuple[int, ...]
    activation: str

    def __post_init__(self) -> None:
        if self.activation not in _TRACED:
            raise ConfigError(
                f"the activation is {self.activation!r}; training knows {', '.join(HIDDEN_ACTIVATIONS)}"
            )
        if any(size < 1 for size in self.sizes):
            raise ConfigError(f"the layer sizes are {self.sizes}; every layer needs at least one neuron")

    @property
    def n_parameters(self) -> int:
        """Length of the parameter vector."""
        return sum((inputs + 1) * outputs for inputs, outputs in pairwise(self.sizes))

    def initial(self, rng: np.random.Generator) -> FloatArray:
        """Draw parameters: normal weights of variance 2 / (inputs + outputs), 2 / inputs for ReLU.

        X. Glorot and Y. Bengio, AISTATS 2010; for ReLU K. He et al., ICCV 2015.
        """
        parts = []
        for inputs, outputs in pairwise(self.sizes):
            fan = inputs if self.activation == "relu" else inputs + outputs
            parts += [rng.normal(0.0, np.sqrt(2 / fan), outputs * inputs), np.zeros(outputs)]
        return np.concatenate(parts)

    def unpack(self, theta: Any) -> list[tuple[Any, Any]]:
        """Return (W, b) of every layer as parts of `theta`, traced if it is."""
        result, at = [], 0
        for inputs, outputs in pairwise(self.sizes):
            middle = at + inputs * outputs
            result.append((theta[at:middle].reshape((outputs, inputs)), theta[middle : middle + outputs]))
            at = middle + outputs
        return result

    def weight_mask(self) -> FloatArray:
        """Return 1 where `theta` holds a weight and 0 where it holds a bias."""
        parts = []
        for inputs, outputs in pairwise(self.sizes):
            parts += [np.ones(inputs * outputs), np.zeros(outputs)]
        return np.concatenate(parts)

    def traced(self, theta: Any, z: FloatArray) -> Any:
        """Return the linear output for scaled inputs, shape (rows,), as autograd follows it."""
        g = _TRACED[self.activation]
        *hidden, (weight, bias) = self.unpack(theta)
        values = z
        for w, b in hidden:
            values = g(anp.dot(values, w.T) + b)
        return anp.dot(values, weight[0]) + bias[0]

    def linear(self, theta: FloatArray, z: FloatArray) -> FloatArray:
        """Return the linear output for scaled inputs, shapes (..., n) to (...)."""
        g = network_activation(self.activation)
        *hidden, (weight, bias) = self.unpack(theta)
        values = z
        for w, b in hidden:
            values = g.value(values @ w.T + b)
        result: FloatArray = values @ weight[0] + bias[0]
        return result

    def input_gradient(self, theta: FloatArray, z: FloatArray) -> FloatArray:
        """Differentiate the linear output with respect to the scaled inputs, shape (rows, n).

        By hand, because an adversary asks for it in every step; at a kink of ReLU, from below.
        """
        g = network_activation(self.activation)
        *hidden, (weight, _) = self.unpack(theta)
        values, slopes = z, []
        for w, b in hidden:
            affine = values @ w.T + b
            values = g.value(affine)
            slopes.append(g.derivative(affine))
        back = np.broadcast_to(weight[0], (len(z), len(weight[0])))
        for (w, _), slope in zip(reversed(hidden), reversed(slopes), strict=True):
            back = (back * slope) @ w
        return back

    def layers(self, theta: FloatArray, output_activation: str = "identity") -> tuple[Layer, ...]:
        """Return the layers with these parameters as values for `nnff.Network`."""
        parts = self.unpack(theta)
        names = [self.activation] * (len(parts) - 1) + [output_activation]
        return tuple(Layer(w, b, name) for (w, b), name in zip(parts, names, strict=True))
