r"""Problem 2: accuracy and individual fairness in one objective, weighed by lambda.

.. math::
    \min_\theta \; \sum_i w_i \bigl( \lambda L(f(x_i), y_i)
        + (1 - \lambda) |f(x_i) - f(x_i^*)| \bigr) / \sum_i w_i + \alpha |W|^2 / 2,

with :math:`x_i^*` the worst point within epsilon of :math:`x_i`.  The founding paper sums; dividing by
the weights changes no minimiser and makes step sizes independent of the number of rows.  Lambda = 1
is plain training, lambda = 0 fairness alone (Problem 2'; the paper's text says 1 there, which its formula
contradicts).

By Danskin's theorem the gradient of the worst difference is that of the difference at :math:`x_i^*`, held:
no derivative of the search for it is needed.

`Penalty.LOSS` puts :math:`L(f(x_i^*), y_i)` in the place of the difference, with :math:`x_i^*` the point
that raises the loss most: distributionally robust training in the manner of SenSR (M. Yurochkin, A. Bower
and Y. Sun, ICLR 2020), with a hard ball where they have a transport penalty.  It is here to be compared with.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import autograd.numpy as anp
import autograd.scipy.special as asp
import numpy as np
from autograd import value_and_grad
from scipy.special import expit

if TYPE_CHECKING:
    from nnff.training.perceptron import Perceptron
    from nnff.values import FloatArray

__all__ = ["Batch", "Loss", "Objective", "Penalty"]


class Loss(enum.StrEnum):
    """L, what a prediction costs."""

    SQUARED = "squared"
    ABSOLUTE = "absolute"
    CROSS_ENTROPY = "cross-entropy"


class Penalty(enum.StrEnum):
    """What the worst similar point costs."""

    DIFFERENCE = "difference"
    LOSS = "loss"


@dataclass(frozen=True, eq=False)
class Batch:
    """Rows to learn from.

    Attributes
    ----------
    z
        Scaled inputs, shape (rows, n).
    y
        Targets in the output's scaled units, or 0 and 1, shape (rows,).
    weight
        Not negative, shape (rows,), not all 0.
    """

    z: FloatArray
    y: FloatArray
    weight: FloatArray

    def take(self, rows: Any) -> Batch:
        """Return some of the rows."""
        return Batch(self.z[rows], self.y[rows], self.weight[rows])

    def __len__(self) -> int:
        return len(self.y)


@dataclass(frozen=True)
class Objective:
    """The objective of one architecture.

    Attributes
    ----------
    perceptron
        The architecture.
    loss, penalty
        See the module.  With cross-entropy f is the sigmoid of the linear output, else the linear output.
    alpha
        Of the penalty on squared weights.
    """

    perceptron: Perceptron
    loss: Loss
    penalty: Penalty = Penalty.DIFFERENCE
    alpha: float = 0.0

    def output(self, linear: FloatArray) -> FloatArray:
        """Return f from the network's linear output."""
        result: FloatArray = expit(linear) if self.loss is Loss.CROSS_ENTROPY else linear
        return result

    def losses(self, linear: Any, y: FloatArray) -> Any:
        """Return L for each row, traced if `linear` is."""
        if self.loss is Loss.SQUARED:
            return (linear - y) ** 2
        if self.loss is Loss.ABSOLUTE:
            return anp.abs(linear - y)
        # log(1 + exp(linear)) - y linear, without overflow.
        return anp.logaddexp(0.0, linear) - y * linear

    def harm(self, linear: FloatArray, worst: FloatArray, y: FloatArray) -> FloatArray:
        """Return what an adversary maximises: the difference of outputs, or the loss at the worst point."""
        if self.penalty is Penalty.LOSS:
            return np.asarray(self.losses(worst, y))
        return np.abs(self.output(worst) - self.output(linear))

    def value(self, theta: Any, batch: Batch, worst: FloatArray | None, lam: float) -> Any:
        """Evaluate the objective, traced if `theta` is.

        Parameters
        ----------
        theta
            Parameters.
        batch
            The rows.
        worst
            x* of every row, scaled, shape (rows, n); None if lambda is 1.
        lam
            lambda.
        """
        rows = len(batch)
        if worst is None:
            here = self.perceptron.traced(theta, batch.z)
            cost = self.losses(here, batch.y)
        else:
            both = self.perceptron.traced(theta, np.concatenate([batch.z, worst]))
            here, there = both[:rows], both[rows:]
            if self.penalty is Penalty.LOSS:
                unfair = self.losses(there, batch.y)
            elif self.loss is Loss.CROSS_ENTROPY:
                unfair = anp.abs(asp.expit(there) - asp.expit(here))
            else:
                unfair = anp.abs(there - here)
            cost = lam * self.losses(here, batch.y) + (1 - lam) * unfair
        mean = anp.dot(batch.weight / batch.weight.sum(), cost)
        if self.alpha == 0:
            return mean
        return mean + self.alpha / 2 * anp.dot(self.perceptron.weight_mask(), theta**2)

    def value_and_gradient(
        self, theta: FloatArray, batch: Batch, worst: FloatArray | None, lam: float
    ) -> tuple[float, FloatArray]:
        """Evaluate the objective and its derivative in every parameter; see `value`."""
        value, gradient = value_and_grad(self.value)(theta, batch, worst, lam)
        return float(value), np.asarray(gradient, dtype=np.float64)
