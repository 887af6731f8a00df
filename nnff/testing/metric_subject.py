"""The metric under test: differences inside its ball, boxes around them, and its rows as matrices."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from nnff.errors import PluginError, SimilarityError
from nnff.similarity import Metric
from nnff.testing.rows import MatrixRows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from nnff.values import BoolArray, FloatArray

    Check = Callable[["MetricSubject"], None]

__all__ = ["Ball", "MetricSubject", "bound_metric", "check", "registered_checks"]

_EPSILONS = (0.0, 1e-3, 0.3, 4.0)
_FARTHEST = 1e4
_HALVINGS = 80
_MOST_FEATURES = 100

_CHECKS: dict[str, Check] = {}


def check(function: Check) -> Check:
    """Register a check under its name without ``check_``; its docstring says what it demands."""
    _CHECKS[function.__name__.removeprefix("check_")] = function
    return function


def registered_checks() -> dict[str, Check]:
    """Return all checks by name, in the order of their definition."""
    return dict(_CHECKS)


def bound_metric(metric: Metric, feature_names: Sequence[str] | None) -> tuple[Metric, tuple[str, ...]]:
    """Bind a metric to features, or to as many as it will take when no names are given.

    Raises
    ------
    PluginError
        If it is not a metric.
    SimilarityError
        If it does not fit the names, or no number of unnamed features.
    """
    if not isinstance(metric, Metric):
        raise PluginError(f"{metric!r} is not a nnff.similarity.Metric")
    if feature_names is not None:
        return metric.bind(tuple(feature_names)), tuple(feature_names)
    reason: SimilarityError | None = None
    # Four features if it does not care, so that a ball has corners and a middle.
    for size in (4, *range(1, _MOST_FEATURES + 1)):
        names = tuple(f"x{i}" for i in range(size))
        try:
            return metric.bind(names), names
        except SimilarityError as error:
            reason = error
    raise SimilarityError(
        f"the metric fits no number of features x0, x1, ... up to {_MOST_FEATURES}; "
        f"give the features' names ({reason})"
    )


@dataclass(frozen=True, eq=False)
class Ball:
    """A radius and a box around 0.

    Attributes
    ----------
    epsilon
        Radius.
    box
        ``|d_i| <= box_i``.
    kind
        How the box lies to the ball, for messages.
    """

    epsilon: float
    box: FloatArray
    kind: str

    def __str__(self) -> str:
        return f"epsilon {self.epsilon:g}, {self.kind} box"

    def box_rows(self, count: int) -> tuple[FloatArray, FloatArray]:
        """Return the box as `Metric.maximise` takes it: lower and upper, shapes (count, n)."""
        upper = np.tile(self.box, (count, 1))
        return -upper, upper


class MetricSubject:
    """What the checks share: a bound metric, sample balls and what its rows allow in them.

    Parameters
    ----------
    metric
        The metric, bound or not.
    feature_names
        Names of features; default: four unnamed ones, or as many as the metric takes.
    seed
        Seed of all samples.
    sharpness
        For metrics whose `difference_bound` is meant to be the best possible: how far above the
        true maximum it may be, relative.
    """

    def __init__(
        self,
        metric: Metric,
        feature_names: Sequence[str] | None = None,
        seed: int = 0,
        sharpness: float | None = None,
    ) -> None:
        self.unbound = metric
        self.metric, self.names = bound_metric(metric, feature_names)
        self.seed = seed
        self.sharpness = sharpness
        self._written: dict[Ball, MatrixRows] = {}
        self._maxima: dict[Ball, tuple[FloatArray, FloatArray, FloatArray]] = {}

    @property
    def n(self) -> int:
        """Number of features."""
        return len(self.names)

    def rng(self, label: str) -> np.random.Generator:
        """Return a generator of its own for each label, so that checks do not depend on their order."""
        return np.random.default_rng([self.seed, zlib.crc32(label.encode())])

    def length(self, differences: FloatArray) -> FloatArray:
        """Return the distance of each difference, shape (rows, n), from 0."""
        return np.asarray(self.metric.distance(np.zeros_like(differences), differences))

    @cached_property
    def matched(self) -> BoolArray:
        """Mask of features that must be equal however large epsilon is, as the metric's own bound has it."""
        bound = self.metric.difference_bound(np.eye(self.n), 1.0, np.ones(self.n))
        return np.asarray(np.asarray(bound) == 0)

    def settled(self, differences: FloatArray) -> FloatArray:
        """Return the differences, with those removed that an exact match does not allow."""
        return np.where(self.matched, 0.0, differences)

    def shrunk(self, differences: FloatArray, epsilon: float) -> FloatArray:
        """Move each difference towards 0 until its distance is at most epsilon, and barely so."""
        low, high = np.zeros(len(differences)), np.ones(len(differences))
        low = np.where(self.length(differences) <= epsilon, 1.0, low)
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            inside = self.length(differences * middle[:, None]) <= epsilon
            low, high = np.where(inside, middle, low), np.where(inside, high, middle)
        return differences * low[:, None]

    @cached_property
    def balls(self) -> list[Ball]:
        """Balls of several radii, each in boxes that hold it, cut it, and pin one coordinate."""
        rng = self.rng("balls")
        found = []
        for epsilon in _EPSILONS:
            axes = self.shrunk(np.eye(self.n) * _FARTHEST, epsilon)
            extent = np.abs(np.diagonal(axes))
            # Coordinates that the metric does not see, or sees only when they are equal; at radius 0
            # what a computed distance of 0 hides is no extent either.
            nowhere = (extent == 0) | (extent >= _FARTHEST) | (epsilon == 0)
            extent = np.where(nowhere, 1.0, extent)
            found.append(Ball(epsilon, 4 * extent, "wide"))
            found.append(Ball(epsilon, rng.uniform(0.2, 1, self.n) * extent, "tight"))
            if self.n > 1:
                pinned = rng.uniform(0.2, 3, self.n) * extent
                pinned[rng.integers(self.n)] = 0.0
                found.append(Ball(epsilon, pinned, "partly pinned"))
        return found

    def directions(self, count: int, rng: np.random.Generator) -> FloatArray:
        """Return directions of all kinds: dense, towards corners, pairs of coordinates, single ones."""
        n = self.n
        dense = rng.normal(size=(count, n))
        corners = rng.choice([-1.0, 1.0], size=(count, n))
        pairs = np.zeros((count, n))
        for row in pairs:
            row[rng.choice(n, size=min(2, n), replace=False)] = rng.choice([-1.0, 1.0], size=min(2, n))
        return np.concatenate([dense, corners, pairs, np.eye(n)])

    def similar(self, ball: Ball, count: int, rng: np.random.Generator) -> FloatArray:
        """Return differences in the ball and the box, most of them on the boundary; shape (rows, n)."""
        # In units of the box, to touch it first; a pinned coordinate stays at 0.
        units = np.where(ball.box > 0, self.settled(self.directions(count, rng)), 0.0)
        largest = np.abs(units).max(axis=1, keepdims=True)
        scaled = units / np.where(largest > 0, largest, 1.0) * ball.box
        extreme = self.extreme(rng.normal(size=(count, self.n)), ball)
        # Single features are tried whatever the metric's bound says of them.
        single = np.diag(ball.box)
        return np.concatenate([self.shrunk(scaled, ball.epsilon), self.shrunk(single, ball.epsilon), extreme])

    def extreme(self, gradient: FloatArray, ball: Ball) -> FloatArray:
        """Return what the metric itself calls extreme, as far as it lies in the ball and the box."""
        found = np.asarray(self.metric.maximise(gradient, ball.epsilon, *ball.box_rows(len(gradient))))
        usable = (np.abs(found) <= ball.box).all(axis=1) & (self.length(found) <= ball.epsilon)
        return found[usable]

    def rows(self, ball: Ball) -> MatrixRows:
        """Return what the metric writes for the ball in the box (kept: do not write to it)."""
        if ball not in self._written:
            self._written[ball] = self.write(ball)
        return self._written[ball]

    def write(self, ball: Ball) -> MatrixRows:
        """Let the metric write the ball."""
        rows = MatrixRows(-ball.box, ball.box)
        self.metric.encode(rows, list(rows.difference), ball.epsilon)
        return rows

    def maxima(self, ball: Ball) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return linear forms, their maxima over the rows, and the differences that reach them."""
        if ball not in self._maxima:
            forms = self.directions(2, self.rng(f"forms {ball}"))
            self._maxima[ball] = (forms, *self.rows(ball).maximise(forms))
        return self._maxima[ball]
