"""One benchmark instance: a question for `nnff.certify`, and what is known of its answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from nnff.network import Scaling
from nnff.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy.typing as npt

    from nnff.domain import Domain
    from nnff.network import Network
    from nnff.similarity import Metric

__all__ = ["Instance", "Known", "Question"]


@dataclass(frozen=True)
class Question:
    """Everything that `nnff.certify` takes but the solver, the strategy and the limits.

    Attributes
    ----------
    network, domain, metric, epsilon, scale
        As for `nnff.certify`.
    data
        Rows in raw units, for delta_data and as starts of the attack, or None.
    """

    network: Network
    domain: Domain
    metric: Metric
    epsilon: float
    scale: Scaling | str = "model"
    data: npt.ArrayLike | None = None

    def problem(self) -> Problem:
        """Return the problem that `nnff.certify` makes of it."""
        scale = self.scale
        if isinstance(scale, str):
            scale = Scaling.none(self.network.n_inputs) if scale == "none" else self.network.input_scaling
        return Problem(self.network, self.domain, self.metric, self.epsilon, scale)


@dataclass(frozen=True)
class Known:
    """What is known of an instance's delta_max from elsewhere.

    Attributes
    ----------
    lower
        A real pair reaches this much, or None.
    upper
        No pair exceeds this, or None.
    proven
        Whether `upper` is a bound; else it is an indication, and a
        bound below it is no contradiction.
    source
        Where the numbers come from.
    """

    lower: float | None
    upper: float | None
    proven: bool = True
    source: str = ""


@dataclass(frozen=True)
class Instance:
    """One instance of a suite.

    Attributes
    ----------
    name
        Unique within the suite.
    build
        Makes the question; called in the process that runs it, and only there.
    epsilon, metric
        Similarity threshold, and a short label of the metric (``"l_2"``), for tables.
    factors
        What varies within the suite: ``{"activation": "sigmoid", "width": 16}``.
    delta
        Value to decide, or None for a bracket.
    known
        What is known of the answer.
    extra
        Further numbers about the question, computed after the timed part
        and recorded by name: ``extra(question) -> {"name": value}``.
    strategies
        Strategies that can be asked this question; None: all of the suite's.  (`exhaustive`
        needs a finite domain.)
    """

    name: str
    build: Callable[[], Question]
    epsilon: float
    metric: str
    factors: Mapping[str, str | float] = field(default_factory=lambda: MappingProxyType({}))
    delta: float | None = None
    known: Known | None = None
    extra: Callable[[Question], Mapping[str, float]] | None = None
    strategies: tuple[str, ...] | None = None
