"""The activations that nnff knows, by name."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from nnff.errors import ModelError
from nnff.network.elementwise import Activation
from nnff.network.gated import GELU, SILU, SOFTPLUS
from nnff.network.kinked import IDENTITY, RELU, hard_sigmoid, leaky_relu
from nnff.network.sigmoidal import SIGMOID, TANH

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "ACTIVATIONS",
    "GELU",
    "IDENTITY",
    "RELU",
    "SIGMOID",
    "SILU",
    "SOFTPLUS",
    "TANH",
    "Activation",
    "activation",
]

_FAMILIES: dict[str, tuple[Callable[..., Activation], tuple[float, ...]]] = {
    "hard_sigmoid": (hard_sigmoid, (0.2, 0.5)),
    "leaky_relu": (leaky_relu, (0.01,)),
}
"""Activations with parameters, and the parameters of the bare name."""

_CALL = re.compile(r"(\w+)\((.*)\)")

_PLAIN = {a.name: a for a in (GELU, IDENTITY, RELU, SIGMOID, SILU, SOFTPLUS, TANH)}


@cache
def activation(name: str) -> Activation:
    """Return the activation called `name`, always the same object.

    Parameters
    ----------
    name
        ``"tanh"``, or with parameters ``"leaky_relu(0.2)"`` (slope below 0), ``"hard_sigmoid(0.25,0.5)"``
        (slope, offset); without them ``"leaky_relu"`` is ``"leaky_relu(0.01)"`` and ``"hard_sigmoid"`` is
        ``"hard_sigmoid(0.2,0.5)"``.

    Raises
    ------
    ModelError
        If nnff has no such activation, or not with these parameters.
    """
    if name in _PLAIN:
        return _PLAIN[name]
    called = _CALL.fullmatch(name)
    family, given = (called[1], called[2].split(",")) if called else (name, None)
    if family not in _FAMILIES:
        raise ModelError(
            f"the activation {name!r} is not supported; supported are "
            f"{', '.join(sorted([*_PLAIN, *_FAMILIES]))}"
        )
    make, parameters = _FAMILIES[family]
    if given is not None:
        try:
            numbers = tuple(float(number) for number in given)
        except ValueError:
            numbers = ()
        if len(numbers) != len(parameters):
            example = ",".join(map(str, parameters))
            raise ModelError(f"the activation {name!r} should be spelt like {family}({example})")
        parameters = numbers
    made = make(*parameters)
    # One object per activation, whichever way it was spelt: 0.20 and 0.2, with a default or in full.
    return made if made.name == name else activation(made.name)


ACTIVATIONS = {a.name: a for a in (*_PLAIN.values(), *map(activation, _FAMILIES))}
"""Every activation, those with parameters at their defaults."""
