r"""What is measured for a pair of inputs: the question that is asked of a network.

Three questions are differences of an output, and only change which output that is (a transformation of
the network): its own, in the target's units; a probability; a logit.  The fourth asks for a decision:
do the two inputs lie on different sides of a threshold t,

.. math:: f(x') < t \le f(x'')?

It has a number as well, which can be bracketed.  Let p be the pre-activation of the output and
:math:`\theta` the place where the output is t.  The *flip margin* of a pair is

.. math:: \min(p'' - \theta,\; \theta - p')

in the order that makes it larger: how deep, in logit units, the two lie on their sides.  Every pair that
flips has a margin that is not negative; where even the largest margin is negative, no pair flips.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from nnff.errors import ProblemError, UnknownNameError
from nnff.network import Layer, Scaling
from nnff.values import BoolArray, ContentValue, FloatArray

if TYPE_CHECKING:
    from nnff.network import Network

__all__ = ["SAME_SIDE", "Question", "QuestionKind", "Threshold"]

SAME_SIDE = -5e-324
"""The largest margin that a pair without a flip can have: just below 0."""

_UNIT = 2.0**-53


class QuestionKind(enum.StrEnum):
    """What is measured for a pair."""

    OUTPUT = "output"
    """Difference of the output, in the target's units."""
    PROBABILITY = "probability"
    """Difference of a probability: the file's own sigmoid, or one put behind a logit."""
    LOGIT = "logit"
    """Difference of the pre-activation of the output."""
    FLIP = "flip"
    """Whether a pair lies on different sides of a threshold; measured by the flip margin."""


@dataclass(frozen=True, eq=False)
class Threshold(ContentValue):
    """Which outputs lie below and which do not, beside a network that measures how far away they are.

    Attributes
    ----------
    model
        The network f whose output decides, evaluated in floating point: x lies below if ``f(x) < value``.
    value
        t, in the units of that output.
    place
        theta, in the units of the measured network's output.
    lower, upper
        Enclosure of theta before the measured network's output scaling, wide enough for what the last
        activation of `model` and its scaling round: every x on one side in floating point lies, up to
        the rounding of the layers before, on the same side of the farther end.
    """

    model: Network
    value: float
    place: float
    lower: float
    upper: float

    def offset(self, measured: FloatArray, outputs: FloatArray) -> FloatArray:
        """Return how far above the threshold inputs lie: negative if and only if f(x) < t.

        Parameters
        ----------
        measured, outputs
            Outputs of the measured network and of `model`, same shapes.
        """
        away = measured - self.place
        above = outputs >= self.value
        # Where rounding puts the two at odds, the output decides.
        return np.where(above, np.maximum(away, 0.0), np.minimum(away, SAME_SIDE))

    @staticmethod
    def flips(first: FloatArray, second: FloatArray) -> BoolArray:
        """Tell whether pairs of offsets lie on different sides."""
        result: BoolArray = (first < 0) != (second < 0)
        return result

    @classmethod
    def margin(cls, first: FloatArray, second: FloatArray) -> FloatArray:
        """Return the flip margin for pairs of offsets, in the better order; not negative for flips only."""
        margin = np.minimum(np.maximum(first, second), -np.minimum(first, second))
        return np.where(cls.flips(first, second), margin, np.minimum(margin, SAME_SIDE))


@dataclass(frozen=True)
class Question:
    """What is asked.

    Attributes
    ----------
    kind
        See `QuestionKind`.
    threshold
        t of a flip, in the units of the output; None for every other question.
    """

    kind: QuestionKind = QuestionKind.OUTPUT
    threshold: float | None = None

    def __post_init__(self) -> None:
        if self.kind is QuestionKind.FLIP:
            if self.threshold is None:
                raise ProblemError("the question 'flip' needs a threshold, in the units of the output")
            if not math.isfinite(self.threshold):
                raise ProblemError(f"the threshold is {self.threshold}; it must be a finite number")
        elif self.threshold is not None:
            raise ProblemError(
                f"a threshold belongs to the question 'flip', but the question is {self.kind.value!r}"
            )

    @classmethod
    def of(cls, question: Question | str, threshold: float | None = None) -> Question:
        """Return a question by its name, with its threshold, or the one that is given.

        Raises
        ------
        UnknownNameError
            If there is no such question.
        ProblemError
            If a threshold is missing or makes no sense.
        """
        if isinstance(question, Question):
            return question
        known = [kind.value for kind in QuestionKind]
        if question not in known:
            raise UnknownNameError("question", str(question), known)
        return cls(QuestionKind(question), threshold)

    def measured(self, network: Network) -> tuple[Network, Threshold | None]:
        """Return the network whose output is measured, and for a flip where its threshold lies.

        Parameters
        ----------
        network
            f, with one output.

        Raises
        ------
        ProblemError
            If the question makes no sense for this network.
        """
        if network.n_outputs != 1:
            raise ProblemError(f"the network has {network.n_outputs} outputs; choose one with `output_index`")
        match self.kind:
            case QuestionKind.PROBABILITY:
                return probability_network(network), None
            case QuestionKind.LOGIT:
                return logit_network(network), None
            case QuestionKind.FLIP:
                assert self.threshold is not None
                return _flip(network, self.threshold)
            case _:
                return network, None


def probability_network(network: Network) -> Network:
    """Return the network that answers with a probability: with its own sigmoid, or one behind its logit."""
    name = network.layers[-1].activation_name
    if name == "sigmoid" and network.output_scaling.is_none:
        return network
    if name != "identity":
        scaled = " and an output scaling" if name == "sigmoid" else ""
        raise ProblemError(
            f"the network ends in {name}{scaled}, which is neither a probability nor a logit; "
            "ask for the question 'output'"
        )
    made = network.with_output_activation("sigmoid")
    return replace(made, output_names=(f"P({network.output_names[0]})",))


def logit_network(network: Network) -> Network:
    """Return the network without its last activation and what comes behind it; rising with the output."""
    last = network.layers[-1]
    if last.activation_name == "identity":
        return network
    sign = np.sign(network.output_scaling.scale)
    return replace(
        network,
        layers=(*network.layers[:-1], replace(last, activation_name="identity")),
        output_scaling=Scaling(np.zeros(1), sign),
        output_names=(f"logit of {network.output_names[0]}",),
    )


def _flip(network: Network, t: float) -> tuple[Network, Threshold]:
    """Measure behind the last affine map if the last activation can be inverted, else behind that.

    The enclosures of theta take in the rounding of the division here, of the last activation and of its
    output scaling, all of them a few units in the last place, here counted as sixteen.
    """
    center, scale = float(network.output_scaling.center[0]), float(network.output_scaling.scale[0])
    name = network.layers[-1].activation_name
    if name not in ("identity", "sigmoid", "tanh"):
        # One more layer, which does nothing, so that what is measured is linear at its end.
        layers = (*network.layers, Layer(np.eye(1), np.zeros(1)))
        return _flip_of_linear(network, replace(network, layers=layers), t)
    if name == "identity":
        return _flip_of_linear(network, network, t)
    # The value of the sigmoid at the threshold; tanh(p) = 2 sigmoid(2 p) - 1.
    share = (t - center) / scale
    if name == "tanh":
        share = (1 + share) / 2
    if not 0 < share < 1:
        ends = sorted((center + scale * (-1 if name == "tanh" else 0), center + scale))
        raise ProblemError(
            f"the threshold {t:g} lies outside the outputs ({ends[0]:g}, {ends[1]:g}) of the network, "
            "so no pair can lie on different sides of it"
        )
    above, below = math.log(share), math.log1p(-share)
    size = 1 + (abs(t) + abs(center)) / abs(scale)
    error = 16 * _UNIT * (size / (share * (1 - share)) + abs(above) + abs(below))
    factor = 0.5 if name == "tanh" else 1.0
    theta, error = factor * (above - below), factor * error
    measured = logit_network(network)
    sign = float(measured.output_scaling.scale[0])
    return measured, Threshold(network, t, sign * theta, theta - error, theta + error)


def _flip_of_linear(network: Network, measured: Network, t: float) -> tuple[Network, Threshold]:
    center, scale = float(network.output_scaling.center[0]), float(network.output_scaling.scale[0])
    theta = (t - center) / scale
    error = 0.0 if network.output_scaling.is_none else 16 * _UNIT * (abs(t) + abs(center)) / abs(scale)
    return measured, Threshold(network, t, t, theta - error, theta + error)
