"""From the arguments of a certification to the problem that is solved."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nnff.errors import ConfigError, DataError, UnknownNameError
from nnff.network import Scaling
from nnff.problem import Problem
from nnff.question import SAME_SIDE, Question

if TYPE_CHECKING:
    from nnff.anchor import Anchor
    from nnff.domain import Domain
    from nnff.network import Network
    from nnff.similarity import Metric

__all__ = ["asked_delta", "checked_rows", "problem_of"]


def problem_of(
    network: Network,
    domain: Domain,
    metric: Metric,
    epsilon: float,
    scale: Scaling | str,
    question: Question,
    anchor: Anchor | None = None,
) -> Problem:
    """Return the problem that a question asks; parameters as for `certify`."""
    measured, flip = question.measured(network)
    problem = Problem(measured, domain, metric, epsilon, _coordinates(measured, scale), flip)
    if anchor is None:
        return problem
    return replace(problem, domain=anchor.around(domain, problem.radius), anchor=anchor)


def asked_delta(problem: Problem, delta: float | None) -> float | None:
    """Return the number to decide on: that of the user, or for a flip the largest margin without one."""
    if problem.flip is None:
        return delta
    if delta is not None:
        raise ConfigError("the question 'flip' asks for no delta; it is decided by its threshold")
    return SAME_SIDE


def _coordinates(network: Network, scale: Scaling | str) -> Scaling:
    if isinstance(scale, Scaling):
        return scale
    if scale == "model":
        return network.input_scaling
    if scale == "none":
        return Scaling.none(network.n_inputs)
    raise UnknownNameError("metric scale without data", scale, ("model", "none"))


def checked_rows(data: npt.ArrayLike, network: Network) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return rows of numbers, one column per input of the network.

    Raises
    ------
    DataError
        If they are something else.
    """
    try:
        rows = np.asarray(data, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"the data holds a value that is not a number ({error})") from error
    if rows.ndim != 2 or rows.shape[1] != network.n_inputs:  # noqa: PLR2004 - rows and columns
        raise DataError(
            f"the network takes {network.n_inputs} inputs, the data has shape {rows.shape}; "
            "give one column per input, in the network's order"
        )
    return rows
