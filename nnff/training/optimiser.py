"""One epoch's change of the parameters: Adam over batches, or L-BFGS over all rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import minimize

if TYPE_CHECKING:
    from collections.abc import Callable

    from nnff.values import FloatArray

__all__ = ["Adam", "AdamState", "lbfgs"]

_EPSILON = 1e-8


@dataclass(frozen=True, eq=False)
class AdamState:
    """Running moments of the gradient and the number of steps they hold."""

    first: FloatArray
    second: FloatArray
    steps: int = 0

    @classmethod
    def zero(cls, size: int) -> AdamState:
        """Return the state before the first step."""
        return cls(np.zeros(size), np.zeros(size))


@dataclass(frozen=True)
class Adam:
    """D. P. Kingma and J. Ba, "Adam: a method for stochastic optimization", ICLR 2015.

    Attributes
    ----------
    learning_rate
        Step size.
    decay
        Of the first and of the second moment.
    """

    learning_rate: float = 0.01
    decay: tuple[float, float] = (0.9, 0.999)

    def step(self, theta: FloatArray, gradient: FloatArray, state: AdamState) -> tuple[FloatArray, AdamState]:
        """Return the parameters after one step, and the state for the next."""
        slow, slower = self.decay
        steps = state.steps + 1
        first = slow * state.first + (1 - slow) * gradient
        second = slower * state.second + (1 - slower) * gradient**2
        mean, spread = first / (1 - slow**steps), second / (1 - slower**steps)
        moved = theta - self.learning_rate * mean / (np.sqrt(spread) + _EPSILON)
        return moved, AdamState(first, second, steps)


def lbfgs(
    function: Callable[[FloatArray], tuple[float, FloatArray]], theta: FloatArray, iterations: int
) -> FloatArray:
    """Return the parameters after some iterations of SciPy's L-BFGS-B from `theta`."""
    found = minimize(function, theta, jac=True, method="L-BFGS-B", options={"maxiter": iterations})
    return np.asarray(found.x, dtype=np.float64)
