"""A trained dense feed-forward network as an immutable value, with forward pass and gradient."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Literal

import numpy as np
import numpy.typing as npt

from nnff.errors import ModelError
from nnff.network.activation import Activation, activation
from nnff.network.scaling import Scaling
from nnff.network.softmax import class_network, softmax
from nnff.values import ContentValue, FloatArray, frozen_array

__all__ = ["Layer", "Network"]


@dataclass(frozen=True, eq=False)
class Layer(ContentValue):
    """One dense layer ``a = g(W s + b)``.

    Attributes
    ----------
    weight
        W, shape (outputs, inputs).
    bias
        b, shape (outputs,).
    activation_name
        Name of g, see `nnff.network.activation.activation`; parameters are always spelt out.
    """

    weight: FloatArray
    bias: FloatArray
    activation_name: str = "identity"

    def __post_init__(self) -> None:
        object.__setattr__(self, "weight", frozen_array(self.weight))
        object.__setattr__(self, "bias", frozen_array(self.bias))
        object.__setattr__(self, "activation_name", activation(self.activation_name).name)
        if self.weight.ndim != 2 or 0 in self.weight.shape:  # noqa: PLR2004 - a matrix has two dimensions
            raise ModelError(f"a weight matrix has two dimensions, got shape {self.weight.shape}")
        if self.bias.shape != self.weight.shape[:1]:
            raise ModelError(
                f"a layer with {self.weight.shape[0]} outputs has a bias of shape {self.bias.shape}"
            )
        if not (np.isfinite(self.weight).all() and np.isfinite(self.bias).all()):
            raise ModelError("a weight or bias is not a finite number")

    @property
    def activation(self) -> Activation:
        """The activation g."""
        return activation(self.activation_name)

    @property
    def n_inputs(self) -> int:
        """Number of columns of W."""
        return int(self.weight.shape[1])

    @property
    def n_outputs(self) -> int:
        """Number of rows of W."""
        return int(self.weight.shape[0])


@dataclass(frozen=True, eq=False)
class Network(ContentValue):
    """A dense feed-forward network in raw units.

    ``f(x) = output_scaling.invert(layers(input_scaling.apply(x)))``, so that
    ``5 + 45 sigmoid(w z + b)`` on standardised inputs z is one network which
    takes raw inputs and answers in the target's own units.

    Attributes
    ----------
    layers
        The layers, first to last.
    input_scaling
        From raw inputs to the first layer's coordinates; default none.
    output_scaling
        Inverted after the last layer: ``y = a * scale + center``; default none.
    feature_names
        One unique name per input; default x0, x1, ...
    output_names
        One name per output; default y0, y1, ... (y for a single one).
    input_range
        Finite ranges of the raw inputs, lower then upper ends, shape (2, n),
        if the model file states them.
    softmax
        Whether a softmax over all outputs comes last; `select_output` then gives the probability of a class.
    source
        Where it was read from, for messages and certificates; does not
        take part in comparisons.
    """

    layers: tuple[Layer, ...]
    input_scaling: Scaling = None  # type: ignore[assignment] # filled in __post_init__
    output_scaling: Scaling = None  # type: ignore[assignment]
    feature_names: tuple[str, ...] = ()
    output_names: tuple[str, ...] = ()
    input_range: FloatArray | None = None
    softmax: bool = field(default=False, metadata={"fingerprint": "unless default"})
    source: str = field(default="", metadata={"fingerprint": False})

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "layers", tuple(self.layers))
        if not self.layers:
            raise ModelError("a network needs at least one layer")
        _check_sizes(self.layers, softmax=self.softmax)
        if self.input_scaling is None:
            put(self, "input_scaling", Scaling.none(self.n_inputs))
        if self.output_scaling is None:
            put(self, "output_scaling", Scaling.none(self.n_outputs))
        if not self.feature_names:
            put(self, "feature_names", tuple(f"x{i}" for i in range(self.n_inputs)))
        if not self.output_names:
            one = self.n_outputs == 1
            put(self, "output_names", ("y",) if one else tuple(f"y{i}" for i in range(self.n_outputs)))
        put(self, "feature_names", tuple(str(name) for name in self.feature_names))
        put(self, "output_names", tuple(str(name) for name in self.output_names))
        for what, found, wanted in (
            ("input scales", self.input_scaling.size, self.n_inputs),
            ("output scales", self.output_scaling.size, self.n_outputs),
            ("feature names", len(self.feature_names), self.n_inputs),
            ("output names", len(self.output_names), self.n_outputs),
        ):
            if found != wanted:
                raise ModelError(f"the network needs {wanted} {what}, got {found}")
        if len(set(self.feature_names)) != self.n_inputs:
            raise ModelError("two inputs of the network have the same feature name")
        if self.input_range is not None:
            put(self, "input_range", _checked_range(self.input_range, self.feature_names))

    @property
    def n_inputs(self) -> int:
        """Number of raw inputs."""
        return self.layers[0].n_inputs

    @property
    def n_outputs(self) -> int:
        """Number of outputs."""
        return self.layers[-1].n_outputs

    @property
    def architecture(self) -> str:
        """Sizes and activations in one line, such as ``13-16-1 (sigmoid, identity)``."""
        sizes = "-".join(str(n) for n in (self.n_inputs, *(layer.n_outputs for layer in self.layers)))
        names = [layer.activation_name for layer in self.layers]
        return f"{sizes} ({', '.join([*names, 'softmax'] if self.softmax else names)})"

    def with_output_activation(self, name: str) -> Network:
        """Return the same network with activation `name` behind its last layer, which must be linear."""
        last = self.layers[-1]
        if self.softmax:
            raise ModelError(f"the network already ends in a softmax, so {name!r} cannot be put behind it")
        if name == "softmax":
            return replace(self, softmax=True)
        if last.activation_name != "identity":
            raise ModelError(
                f"the network already ends in {last.activation_name}, "
                f"{name!r} can only be put behind a linear last layer"
            )
        if not self.output_scaling.is_none:
            # The file's last affine map comes before the new activation.
            scale, center = self.output_scaling.scale, self.output_scaling.center
            last = Layer(last.weight * scale[:, None], last.bias * scale + center)
        layers = (*self.layers[:-1], replace(last, activation_name=name))
        return replace(self, layers=layers, output_scaling=Scaling.none(self.n_outputs))

    def select_output(self, index: int) -> Network:
        """Return the network that computes output `index` alone; of a softmax, the probability of a class."""
        if not 0 <= index < self.n_outputs:
            raise ModelError(f"there is no output {index}; the network has {self.n_outputs}")
        if self.softmax:
            return class_network(self, index)
        last = self.layers[-1]
        chosen = Layer(last.weight[[index]], last.bias[[index]], last.activation_name)
        scaling = Scaling(self.output_scaling.center[[index]], self.output_scaling.scale[[index]])
        return replace(
            self,
            layers=(*self.layers[:-1], chosen),
            output_scaling=scaling,
            output_names=(self.output_names[index],),
        )

    def forward(self, x: npt.ArrayLike) -> FloatArray:
        """Evaluate the network.

        Parameters
        ----------
        x
            Raw inputs, shape (rows, n_inputs) or (n_inputs,).

        Returns
        -------
        Outputs in the target's units, shape (rows, n_outputs) or (n_outputs,).
        """
        rows = self._checked(x)
        values = self.input_scaling.apply(rows)
        for layer in self.layers:
            values = layer.activation.value(values @ layer.weight.T + layer.bias)
        outputs = self.output_scaling.invert(values)
        return softmax(outputs) if self.softmax else outputs

    def predict(self, x: npt.ArrayLike) -> FloatArray:
        """Evaluate a single-output network: shape (rows,) for (rows, n_inputs), else a scalar array."""
        if self.n_outputs != 1:
            raise ModelError(f"the network has {self.n_outputs} outputs; select one of them first")
        result: FloatArray = self.forward(x)[..., 0]
        return result

    def preactivations(self, x: npt.ArrayLike) -> tuple[FloatArray, ...]:
        """Return every layer's ``W s + b``, each of shape (rows, layer outputs)."""
        values = self.input_scaling.apply(np.atleast_2d(self._checked(x)))
        result = []
        for layer in self.layers:
            affine = values @ layer.weight.T + layer.bias
            result.append(affine)
            values = layer.activation.value(affine)
        return tuple(result)

    def gradient(self, x: npt.ArrayLike, of: Literal["output", "logit"] = "output") -> FloatArray:
        """Differentiate a single-output network with respect to its raw inputs.

        Parameters
        ----------
        x
            Raw inputs, shape (rows, n_inputs).
        of
            The output in the target's units, or the last layer's
            pre-activation (whose gradient does not vanish where a sigmoid saturates).

        Returns
        -------
        Shape (rows, n_inputs).  At a kink of ReLU, the derivative from below.
        """
        if self.n_outputs != 1:
            raise ModelError(f"the network has {self.n_outputs} outputs; select one of them first")
        affine = self.preactivations(x)
        last = self.layers[-1]
        if of == "logit":
            back = np.ones_like(affine[-1])
        else:
            back = last.activation.derivative(affine[-1]) * self.output_scaling.scale
        for index in range(len(self.layers) - 1, 0, -1):
            back = back @ self.layers[index].weight
            back = back * self.layers[index - 1].activation.derivative(affine[index - 1])
        result: FloatArray = (back @ self.layers[0].weight) / self.input_scaling.scale
        return result

    def _checked(self, x: npt.ArrayLike) -> FloatArray:
        rows = np.asarray(x, dtype=np.float64)
        if rows.ndim not in (1, 2) or rows.shape[-1] != self.n_inputs:
            raise ModelError(f"the network takes {self.n_inputs} inputs, got an array of shape {rows.shape}")
        return rows


def _check_sizes(layers: tuple[Layer, ...], *, softmax: bool) -> None:
    """Refuse layers that do not fit onto each other, and a softmax over one output."""
    if softmax and layers[-1].n_outputs == 1:
        raise ModelError("a softmax over one output is always 1; the network needs at least two outputs")
    for index, (before, after) in enumerate(pairwise(layers), start=1):
        if before.n_outputs != after.n_inputs:
            raise ModelError(
                f"layer {index} has {before.n_outputs} outputs but layer {index + 1} "
                f"takes {after.n_inputs} inputs"
            )


def _checked_range(ranges: npt.ArrayLike, feature_names: tuple[str, ...]) -> FloatArray:
    """Return input ranges, shape (2, n), with lower ends that do not exceed the upper ones."""
    table = frozen_array(ranges)
    if table.shape != (2, len(feature_names)):
        raise ModelError(f"the input ranges have shape {table.shape}, need (2, {len(feature_names)})")
    for name, low, high in zip(feature_names, *table, strict=True):
        if not (math.isfinite(low) and math.isfinite(high) and low <= high):
            raise ModelError(f"the model's range of {name} is [{low:g}, {high:g}], which is not a range")
    return table
