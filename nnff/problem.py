"""Problem 1: the largest difference between the outputs for two similar inputs."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from nnff.errors import ProblemError
from nnff.similarity import EPSILON_TOLERANCE, checked_epsilon, within
from nnff.values import BoolArray, ContentValue, FloatArray, frozen_array

if TYPE_CHECKING:
    from nnff.anchor import Anchor
    from nnff.domain import Domain
    from nnff.network import Network
    from nnff.network.scaling import Scaling
    from nnff.question import Threshold
    from nnff.similarity import Metric

__all__ = ["Problem"]


@dataclass(frozen=True, eq=False)
class Problem(ContentValue):
    """Maximise ``|f(x'') - f(x')|`` over pairs in the domain with d_fair(x', x'') <= epsilon.

    Attributes
    ----------
    network
        f, with a single output.
    domain
        The possible inputs and pairs, in raw units.
    metric
        d_fair, bound to the features.
    epsilon
        The similarity threshold.
    coordinates
        d_fair acts on ``coordinates.apply(x)``; default: the input scaling
        that is part of the network.
    flip
        Where given, the flip margin at this threshold is maximised instead (`nnff.question`); the network
        then ends in a linear layer.
    anchor
        Where given, one input of the pair is held, and f rises from x' to x'' (`nnff.anchor`).
    """

    network: Network
    domain: Domain
    metric: Metric
    epsilon: float
    coordinates: Scaling = None  # type: ignore[assignment] # filled in __post_init__
    flip: Threshold | None = field(default=None, metadata={"fingerprint": "unless default"})
    anchor: Anchor | None = field(default=None, metadata={"fingerprint": "unless default"})

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "epsilon", checked_epsilon(self.epsilon))
        if self.network.n_outputs != 1:
            raise ProblemError(
                f"the network has {self.network.n_outputs} outputs; choose one with `output_index`"
            )
        if self.domain.n_features != self.network.n_inputs:
            raise ProblemError(
                f"the network takes {self.network.n_inputs} inputs but the domain has "
                f"{self.domain.n_features} features"
            )
        if self.coordinates is None:
            put(self, "coordinates", self.network.input_scaling)
        if self.coordinates.size != self.network.n_inputs:
            raise ProblemError(
                f"the metric's scale has {self.coordinates.size} entries for {self.network.n_inputs} inputs"
            )
        put(self, "metric", self.metric.bind(self.domain.feature_names))

    def distance(self, x1: npt.ArrayLike, x2: npt.ArrayLike) -> FloatArray:
        """Return d_fair for each pair of raw rows.

        A metric of differences is given the scaled difference: it rounds
        relative to itself, while two scaled places would each round relative to
        their distance from the center, which can be far larger than epsilon.
        """
        first, second = np.asarray(x1, dtype=np.float64), np.asarray(x2, dtype=np.float64)
        if self.metric.translation_invariant:
            return self.metric.distance(
                np.zeros(self.coordinates.size), (second - first) / self.coordinates.scale
            )
        return self.metric.distance(self.coordinates.apply(first), self.coordinates.apply(second))

    def admits(self, x1: FloatArray, x2: FloatArray) -> BoolArray:
        """Tell for each pair of raw rows, shapes (rows, n), whether it is feasible."""
        similar = within(np.atleast_1d(self.distance(x1, x2)), self.epsilon)
        result: BoolArray = self.domain.contains_pair(x1, x2) & similar
        if self.anchor is not None:
            held, _ = self.anchor.split(x1, x2)
            result = result & (held == self.anchor.row).all(axis=-1)
        return result

    @property
    def least(self) -> float:
        """What is known of the largest value before any pair is: 0 by x' = x'', nothing of a margin."""
        return 0.0 if self.flip is None else -math.inf

    def answers(self, x: npt.ArrayLike) -> FloatArray:
        """Return for each raw row what `compare` needs: the output, or its offset from the threshold."""
        if self.flip is None:
            return self.network.predict(x)
        return self.flip.offset(self.network.predict(x), self.flip.model.predict(x))

    def outputs(self, x: npt.ArrayLike) -> FloatArray:
        """Return the output that a witness shows for each raw row: that of the model asked about."""
        return (self.network if self.flip is None else self.flip.model).predict(x)

    def compare(self, first: FloatArray, second: FloatArray) -> FloatArray:
        """Return what is maximised for pairs (x', x'') of `answers`.

        The size of the difference; with an anchor its rise in the order of the last activation, which an
        output scaling may turn around; for a flip the margin, either way round.
        """
        if self.flip is not None:
            return self.flip.margin(first, second)
        if self.anchor is not None:
            rise: FloatArray = (second - first) * np.sign(self.network.output_scaling.scale[0])
            return rise
        return np.abs(second - first)

    @cached_property
    def radius(self) -> FloatArray:
        """Largest ``|x''_i - x'_i|`` that domain and metric allow, raw units, shape (n,), rounded outward."""
        domain, scale = self.domain, np.abs(self.coordinates.scale)
        # upper - lower is rounded to nearest; of integers it is exact.
        width = np.where(domain.lower < domain.upper, np.nextafter(domain.width, np.inf), 0.0)
        width = np.where(domain.immutable, 0.0, np.where(domain.integer, domain.width, width))
        ball = self.metric.difference_bound(
            np.eye(len(width)), self.epsilon_outward, width / scale * (1 + 1e-15)
        )
        raw = np.minimum(ball * scale * (1 + 1e-15), width)
        # Differences of integers are integers, those of levels are differences of levels.
        return frozen_array(domain.steps_within(raw))

    @property
    def epsilon_outward(self) -> float:
        """The radius that encodings use: epsilon plus the slack with which distances are compared."""
        return self.epsilon * (1 + 2 * EPSILON_TOLERANCE)
