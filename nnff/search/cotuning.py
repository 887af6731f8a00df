"""Accuracy and fairness tuned by turns: steps on a loss and on delta, in the proportion of lambda."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from fractions import Fraction
from itertools import cycle, islice
from typing import TYPE_CHECKING, Literal

import numpy as np

from nnff.errors import ConfigError, DataError, UnknownNameError
from nnff.search.delta import Delta, central_differences
from nnff.search.parameters import parameter_gradient, with_parameters
from nnff.values import ContentValue, FloatArray, frozen_array

if TYPE_CHECKING:
    import numpy.typing as npt

    from nnff.network import Network

__all__ = ["CoTuning", "CrossEntropy", "Loss", "Mixture", "RootMeanSquare", "Turn", "co_tune", "turns"]

_CLIP = 1e-12


class Loss(ABC):
    """How badly a network predicts targets, as a function of its parameters.

    Parameters
    ----------
    network
        Shape, activations and scalings; one output.
    rows
        Raw inputs, shape (rows, n).
    target
        Shape (rows,), in the output's units.
    """

    def __init__(self, network: Network, rows: npt.ArrayLike, target: npt.ArrayLike) -> None:
        self.network = network
        self.rows = np.asarray(rows, dtype=np.float64)
        self.target = np.asarray(target, dtype=np.float64)
        if self.target.shape != self.rows.shape[:1]:
            raise DataError(f"there are {len(self.rows)} rows but targets of shape {self.target.shape}")

    def value(self, parameters: FloatArray) -> float:
        """Return the loss at the parameters, shape (p,)."""
        return self._loss(with_parameters(self.network, parameters).predict(self.rows))[0]

    def gradient(self, parameters: FloatArray) -> FloatArray:
        """Return its gradient, shape (p,)."""
        network = with_parameters(self.network, parameters)
        by_output = self._loss(network.predict(self.rows))[1]
        result: FloatArray = by_output @ parameter_gradient(network, self.rows)
        return result

    @abstractmethod
    def _loss(self, outputs: FloatArray) -> tuple[float, FloatArray]:
        """Return the loss and its derivative with respect to each output."""


class RootMeanSquare(Loss):
    """``sqrt(mean (f(x) - y)^2)``: in the units of the output, as delta is."""

    def _loss(self, outputs: FloatArray) -> tuple[float, FloatArray]:
        error = outputs - self.target
        size = float(np.sqrt(np.mean(error**2)))
        return size, error / (len(error) * size) if size > 0 else np.zeros_like(error)


class CrossEntropy(Loss):
    """``mean -(y log p + (1 - y) log(1 - p))`` for outputs p that are probabilities, y in [0, 1]."""

    def _loss(self, outputs: FloatArray) -> tuple[float, FloatArray]:
        p, y = np.clip(outputs, _CLIP, 1 - _CLIP), self.target
        loss = -float(np.mean(y * np.log(p) + (1 - y) * np.log1p(-p)))
        return loss, (p - y) / (p * (1 - p) * len(p))


class Mixture:
    """``lambda loss + (1 - lambda) delta``, callable: for searches that must not forget accuracy.

    Parameters
    ----------
    loss, delta
        The two parts.
    accuracy
        lambda, in [0, 1].
    """

    def __init__(self, loss: Loss, delta: Delta, accuracy: float) -> None:
        self.loss, self.delta, self.accuracy = loss, delta, _checked(accuracy)

    def __call__(self, parameters: FloatArray) -> float:
        """Return the mixture at the parameters, shape (p,)."""
        return self.accuracy * self.loss.value(parameters) + (1 - self.accuracy) * self.delta.value(
            parameters
        )


@dataclass(frozen=True, eq=False)
class Turn(ContentValue):
    """Where one step led.

    Attributes
    ----------
    kind
        ``"start"``, ``"accuracy"`` or ``"fairness"``.
    loss, delta
        Both parts after it.
    parameters
        Shape (p,).
    """

    kind: str
    loss: float
    delta: float
    parameters: FloatArray

    def __post_init__(self) -> None:
        object.__setattr__(self, "parameters", frozen_array(self.parameters))


@dataclass(frozen=True, eq=False)
class CoTuning(ContentValue):
    """All steps, and which is best.

    Attributes
    ----------
    turns
        The start, then every step.
    accuracy
        lambda.
    """

    turns: tuple[Turn, ...]
    accuracy: float

    @property
    def best(self) -> Turn:
        """The step with the smallest lambda loss + (1 - lambda) delta."""
        return min(self.turns, key=lambda turn: self.accuracy * turn.loss + (1 - self.accuracy) * turn.delta)


def turns(accuracy: float, most: int = 10) -> tuple[str, ...]:
    """Return one round of steps: accuracy and fairness as lambda to 1 - lambda, the more frequent first.

    lambda is rounded to a fraction whose round has at most `most` steps: .5 gives one of each, .75 three
    steps of accuracy and then one of fairness, 0 fairness alone.
    """
    share = Fraction(_checked(accuracy)).limit_denominator(most)
    first, second = (("accuracy", share.numerator), ("fairness", share.denominator - share.numerator))
    if first[1] < second[1]:
        first, second = second, first
    return (first[0],) * first[1] + (second[0],) * second[1]


def co_tune(
    loss: Loss,
    delta: Delta,
    start: FloatArray,
    *,
    accuracy: float,
    steps: int = 300,
    learning_rate: float = 0.01,
    gradient: Literal["central", "witness"] = "witness",
    h: float = 1e-4,
    longest_step: float = 0.1,
) -> CoTuning:
    """Alternate steps on the loss and on delta, their order and repeats following lambda.

    Parameters
    ----------
    loss, delta
        What to lower, best in the same units (`RootMeanSquare`).
    start
        Parameters to begin with, shape (p,).
    accuracy
        lambda: 1 is accuracy alone, 0 fairness alone.
    steps
        How many, of both kinds together; `turns` is gone through again and again.
    learning_rate
        Of both kinds of step.
    gradient, h
        Of delta, as for `nnff.search.simulated_gradient`.
    longest_step
        Steps of either kind are shortened to this length.
    """
    if gradient not in ("central", "witness"):
        raise UnknownNameError("gradient", gradient, ("central", "witness"))
    here = np.array(start, dtype=np.float64)
    seen = [Turn("start", loss.value(here), delta.value(here), here)]
    for kind in islice(cycle(turns(accuracy)), steps):
        if kind == "accuracy":
            slope = loss.gradient(here)
        elif gradient == "witness":
            slope = delta.witness_gradient(here)
        else:
            slope = central_differences(delta.value, here, h)
        step = learning_rate * slope
        length = float(np.linalg.norm(step))
        here = here - step * min(1.0, longest_step / length if length > 0 else 1.0)
        seen.append(Turn(kind, loss.value(here), delta.value(here), here))
    return CoTuning(tuple(seen), accuracy)


def _checked(accuracy: float) -> float:
    if not 0 <= accuracy <= 1:
        raise ConfigError(f"lambda is {accuracy}; it must be a number from 0 to 1")
    return float(accuracy)
