"""Small trained networks that ship with the suites: which there are, and how to load one.

`benchmarks/train_networks.py` made them with scikit-learn and wrote `networks.npz`.  The file holds
float32 weights and float64 scalings, so what is loaded is the same to the last bit on
every machine, whatever linear algebra is installed there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from nnff.errors import UnknownNameError
from nnff.network import Layer, Network, Scaling
from nnff_suites.founding import founding_columns

if TYPE_CHECKING:
    from nnff.values import FloatArray

__all__ = [
    "ACTIVATIONS",
    "DEPTHS",
    "FILE",
    "FRIEDMAN_INPUTS",
    "WIDTHS",
    "Trained",
    "boston_covariance_inverse",
    "catalogue",
    "load",
]

FILE = Path(__file__).parent / "networks.npz"

ACTIVATIONS = ("relu", "sigmoid", "tanh")
WIDTHS = (4, 8, 16, 32, 64)
DEPTHS = (1, 2, 3, 4)
WIDE = (128, 256)
"""Further widths, with one hidden layer."""

FRIEDMAN_INPUTS = (5, 10, 20, 40, 80)

_BOSTON_INPUTS = 13

_OUTPUT = {"boston": (5.0, 45.0), "friedman": (14.0, 5.0)}
"""Center and scale of a regressor's target: MEDV in 1000 USD lies in [5, 50]."""


@dataclass(frozen=True)
class Trained:
    """Which network.

    Attributes
    ----------
    task
        ``"price"``: MEDV of Boston housing in 1000 USD, linear output.
        ``"above"``: the probability that MEDV is above its median, sigmoid output.
        ``"friedman"``: Friedman's first function of five of its inputs, all in [0, 1], linear output.
    activation
        Of the hidden layers.
    width, depth
        Neurons per hidden layer, and number of hidden layers.
    inputs
        Number of inputs.
    """

    task: Literal["price", "above", "friedman"]
    activation: str
    width: int
    depth: int
    inputs: int = _BOSTON_INPUTS

    @property
    def name(self) -> str:
        """Its key in the file."""
        return f"{self.task}-{self.activation}-{self.inputs}-{self.width}x{self.depth}"

    @property
    def sizes(self) -> tuple[int, ...]:
        """Numbers of inputs, hidden neurons and outputs."""
        return (self.inputs, *(self.width,) * self.depth, 1)


def catalogue() -> tuple[Trained, ...]:
    """Return all networks of the file."""
    grid = [
        Trained("price", activation, width, depth)
        for activation in ACTIVATIONS
        for width in WIDTHS
        for depth in DEPTHS
    ]
    wide = [Trained("price", activation, width, 1) for activation in ("relu", "sigmoid") for width in WIDE]
    above = [Trained("above", "relu", width, depth) for width in WIDTHS for depth in DEPTHS]
    friedman = [
        Trained("friedman", activation, 16, 1, inputs)
        for activation in ("relu", "sigmoid")
        for inputs in FRIEDMAN_INPUTS
    ]
    return (*grid, *wide, *above, *friedman)


def load(trained: Trained) -> Network:
    """Return the network: raw inputs, output in the target's units.

    Raises
    ------
    UnknownNameError
        If the file does not hold it.
    """
    flat = _stored(trained.name)
    layers, at = [], 0
    for index, (before, after) in enumerate(pairwise(trained.sizes), start=1):
        weight = flat[at : at + before * after].reshape(after, before)
        at += before * after
        last = index == trained.depth + 1
        output = "sigmoid" if trained.task == "above" else "identity"
        layers.append(Layer(weight, flat[at : at + after], output if last else trained.activation))
        at += after
    if trained.task == "friedman":
        # Of the uniform distribution on [0, 1].  A root is rounded alike everywhere, a power is not.
        scaling = Scaling(np.full(trained.inputs, 0.5), np.full(trained.inputs, 1 / math.sqrt(12)))
        names, output_name = tuple(f"x{i}" for i in range(1, trained.inputs + 1)), "y"
    else:
        scaling = Scaling(_stored("boston-center"), _stored("boston-scale"))
        names, output_name = founding_columns(), "MEDV" if trained.task == "price" else "P(MEDV above median)"
    return Network(
        tuple(layers),
        input_scaling=scaling,
        output_scaling=_output_scaling(trained),
        feature_names=names,
        output_names=(output_name,),
        source=f"nnff_suites:{trained.name}",
    )


def boston_covariance_inverse() -> FloatArray:
    """Return S of a Mahalanobis metric on standardised Boston features, shape (13, 13).

    The inverse of the covariance of the features other than B, over their number, so that the mean of d'Sd
    over the data is 1, as it is for weights that sum to 1; B does not count.
    """
    return _stored("boston-mahalanobis")


def _output_scaling(trained: Trained) -> Scaling:
    if trained.task == "above":
        return Scaling.none(1)
    center, scale = _OUTPUT["friedman" if trained.task == "friedman" else "boston"]
    return Scaling(np.array([center]), np.array([scale]))


@cache
def _file() -> dict[str, Any]:
    with np.load(FILE, allow_pickle=False) as stored:
        return dict(stored)


def _stored(name: str) -> FloatArray:
    stored = _file()
    if name not in stored:
        raise UnknownNameError("trained network", name, stored)
    return np.asarray(stored[name], dtype=np.float64)
