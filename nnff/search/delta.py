"""delta as a function of a network's parameters: what Algorithms 1 and 3 of the founding paper minimise."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from nnff.certification import certify
from nnff.errors import DataError, ProblemError
from nnff.ranges import closed_form, interval_ranges, linear_ranges
from nnff.search.pairs import similar_pairs
from nnff.search.parameters import parameter_gradient, with_parameters

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from nnff.certification import Certificate
    from nnff.network import Network
    from nnff.problem import Problem
    from nnff.values import FloatArray

__all__ = ["CertifiedDelta", "ClosedFormDelta", "Delta", "PairDelta", "central_differences"]


class Delta(ABC):
    """delta of a problem whose network's parameters vary; all else is kept.

    Parameters
    ----------
    problem
        Its network gives shape, activations and scalings.

    Attributes
    ----------
    evaluations
        How often `value` was computed.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.evaluations = 0

    def network(self, parameters: npt.ArrayLike) -> Network:
        """Return the network with these parameters."""
        return with_parameters(self.problem.network, parameters)

    def value(self, parameters: FloatArray) -> float:
        """Return delta at the parameters, shape (p,), in the units of the output."""
        self.evaluations += 1
        return self._value(parameters)

    @abstractmethod
    def _value(self, parameters: FloatArray) -> float: ...

    @abstractmethod
    def worst_pair(self, parameters: FloatArray) -> tuple[FloatArray, FloatArray] | None:
        """Return the pair whose difference delta is, or comes near, shapes (n,); None if there is none."""

    def witness_gradient(self, parameters: FloatArray) -> FloatArray:
        """Return the gradient of ``|f(x'') - f(x')|`` at the worst pair, held fixed; shape (p,).

        delta(theta) is a maximum over pairs, and the set of pairs does not depend on theta.  By the
        envelope theorem (Danskin) this is the gradient of delta where the worst pair is the only one, and
        a descent direction of that pair's difference in any case.  One worst pair instead of 2 p values.
        Where no two similar inputs differ the gradient is 0.
        """
        pair = self.worst_pair(parameters)
        if pair is None:
            return np.zeros(len(parameters))
        network, rows = self.network(parameters), np.stack(pair)
        first, second = network.predict(rows)
        at_first, at_second = parameter_gradient(network, rows)
        result: FloatArray = (at_second - at_first) * np.sign(second - first)
        return result


def central_differences(
    value: Callable[[FloatArray], float], parameters: FloatArray, h: float = 1e-4
) -> FloatArray:
    """Return ``(value(theta + h e_i) - value(theta - h e_i)) / 2h`` for every i, shape (p,).

    The values must be exact to far below h times the slope: a bracket with a gap of 1 % gives noise.
    """
    result = np.empty(len(parameters))
    for i in range(len(parameters)):
        step = np.zeros(len(parameters))
        step[i] = h
        result[i] = (value(parameters + step) - value(parameters - step)) / (2 * h)
    return result


class PairDelta(Delta):
    """The largest difference over similar pairs of given rows, exactly: delta_data.

    **Not a bound of delta_max**: other inputs in the domain can differ by more.

    Parameters
    ----------
    problem
        See `Delta`.
    rows
        Raw inputs, shape (rows, n).  Rows that occur more than once count once: a row
        and its copy do not differ.
    """

    def __init__(self, problem: Problem, rows: npt.ArrayLike) -> None:
        super().__init__(problem)
        table = np.asarray(rows, dtype=np.float64)
        if table.ndim != 2 or table.shape[1] != problem.network.n_inputs:  # noqa: PLR2004 - rows and columns
            raise DataError(
                f"the network takes {problem.network.n_inputs} inputs, the data has shape {table.shape}"
            )
        unique = np.unique(table, axis=0)
        first, second = similar_pairs(problem, unique)
        # Rows without a similar one never matter.
        used, places = np.unique(np.concatenate([first, second]), return_inverse=True)
        self.rows = unique[used]
        self.first, self.second = places[: len(first)], places[len(first) :]

    def outputs(self, parameters: FloatArray) -> FloatArray:
        """Return what is compared, one number per row of `rows`: the network's output."""
        return self.network(parameters).predict(self.rows)

    def _differences(self, parameters: FloatArray) -> FloatArray:
        if not len(self.first):
            return np.zeros(0)
        outputs = self.outputs(parameters)
        return np.abs(outputs[self.second] - outputs[self.first])

    def _value(self, parameters: FloatArray) -> float:
        return float(self._differences(parameters).max(initial=0.0))

    def worst_pair(self, parameters: FloatArray) -> tuple[FloatArray, FloatArray] | None:
        """Return the pair of rows that differs most; see `Delta.worst_pair`."""
        differences = self._differences(parameters)
        if not len(differences):
            return None
        worst = int(np.argmax(differences))
        return self.rows[self.first[worst]], self.rows[self.second[worst]]


class ClosedFormDelta(Delta):
    """The bound of delta_max that follows from ranges alone: sound for every network, without a solver.

    Sound because `nnff.ranges` is: every pair lies in the ranges, and the closed form bounds the
    output difference over them, rounded outward.  For one neuron it is delta_max itself where a pair with
    the largest logit difference can be moved to the logit's middle within the box; for deeper networks
    it can be far above.  A function of the parameters up to rounding, so that
    `central_differences` work on it.

    Parameters
    ----------
    problem
        See `Delta`.
    """

    def _value(self, parameters: FloatArray) -> float:
        problem = replace(self.problem, network=self.network(parameters))
        ranges = interval_ranges(problem)
        # One layer has nothing that linear bounds could tighten.
        if len(problem.network.layers) > 1:
            ranges = linear_ranges(problem, ranges)
        return closed_form(problem, ranges)

    def worst_pair(self, parameters: FloatArray) -> tuple[FloatArray, FloatArray] | None:  # noqa: ARG002
        """Refuse: no pair belongs to this bound."""
        raise ProblemError(
            "the closed form has no worst pair; take central differences, or CertifiedDelta for a witness"
        )


@dataclass(frozen=True)
class _Known:
    key: bytes
    certificate: Certificate


class CertifiedDelta(Delta):
    """delta_upper of a certificate, and the gradient at its witness pair.

    The value is a bound of delta_max and off it by up to the gap, so `central_differences` of it
    are noise unless the closed form settles it (one neuron); `witness_gradient` needs one certificate
    per step.

    Parameters
    ----------
    problem
        See `Delta`.
    **settings
        Further arguments of `nnff.certify`: solver, gap, time_limit, seed, ...
    """

    def __init__(self, problem: Problem, **settings: object) -> None:
        super().__init__(problem)
        self.settings = {"gap": 1e-2, "time_limit": 10.0, **settings}
        self._last: _Known | None = None

    def certificate(self, parameters: FloatArray) -> Certificate:
        """Return the certificate at these parameters; the last one is remembered."""
        key = np.asarray(parameters, dtype=np.float64).tobytes()
        if self._last is None or self._last.key != key:
            problem = self.problem
            found = certify(
                self.network(parameters),
                problem.domain,
                problem.metric,
                problem.epsilon,
                scale=problem.coordinates,
                **self.settings,  # type: ignore[arg-type] # checked by certify
            )
            self._last = _Known(key, found)
        return self._last.certificate

    def _value(self, parameters: FloatArray) -> float:
        return float(self.certificate(parameters).delta_upper)

    def worst_pair(self, parameters: FloatArray) -> tuple[FloatArray, FloatArray] | None:
        """Return the certificate's witness; see `Delta.worst_pair`."""
        witness = self.certificate(parameters).witness
        return None if witness is None else (np.array(witness.x1), np.array(witness.x2))
