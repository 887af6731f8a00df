"""The similar points of a row: the metric's ball around it, within the domain, in scaled coordinates."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from nnff.similarity import within

if TYPE_CHECKING:
    from nnff.domain import Domain
    from nnff.network import Scaling
    from nnff.similarity import Metric
    from nnff.values import BoolArray, FloatArray

__all__ = ["Neighbourhood"]


@dataclass(frozen=True, eq=False)
class Neighbourhood:
    """Which x* count as similar to a row x: in the domain, at a distance of at most epsilon.

    Attributes
    ----------
    metric
        d_fair, bound to the features; acts on scaled coordinates.
    epsilon
        Its radius.
    domain
        Possible inputs, raw units.  A row outside it may still keep its own values.
    scaling
        From raw units to the coordinates in which rows are trained on.
    """

    metric: Metric
    epsilon: float
    domain: Domain
    scaling: Scaling

    @cached_property
    def _ends(self) -> tuple[FloatArray, FloatArray]:
        ends = np.stack([self.scaling.apply(self.domain.lower), self.scaling.apply(self.domain.upper)])
        return ends.min(axis=0), ends.max(axis=0)

    @property
    def has_integers(self) -> bool:
        """Whether a feature takes whole numbers only."""
        return bool(self.domain.integer.any())

    def box(self, z: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the box of differences from each row that the domain allows, shapes (rows, n)."""
        low, high = self._ends
        movable = ~self.domain.immutable
        return np.minimum(low - z, 0.0) * movable, np.maximum(high - z, 0.0) * movable

    def furthest(self, z: FloatArray, gradient: FloatArray) -> FloatArray:
        """Return the similar difference with a large ``gradient . d``, (rows, n), whole where need be."""
        size = np.abs(gradient).max(axis=1, keepdims=True)
        # Adversaries care for the direction only, and tiny gradients would meet tiny numbers in a metric.
        direction = gradient / np.where(size > 0, size, 1.0)
        return self.whole(self.metric.maximise(direction, self.epsilon, *self.box(z)))

    def whole(self, d: FloatArray) -> FloatArray:
        """Shorten differences of integer features to whole numbers, in raw units."""
        if not self.has_integers:
            return d
        raw = d * self.scaling.scale
        steps = np.trunc(raw + np.sign(raw) * 1e-9)
        return np.where(self.domain.integer, steps / self.scaling.scale, d)

    def admits(self, z: FloatArray, d: FloatArray) -> BoolArray:
        """Tell which differences lead to a similar point, shape (...); they must lie in `box`."""
        metric = self.metric
        if metric.translation_invariant:
            return within(metric.distance(np.zeros(d.shape[-1]), d), self.epsilon)
        return within(metric.distance(np.broadcast_to(z, d.shape), z + d), self.epsilon)

    def clipped(self, z: FloatArray, d: FloatArray) -> FloatArray:
        """Return the differences held in their box, and 0 where they are not similar even then."""
        low, high = self.box(z)
        held = self.whole(np.clip(d, low, high))
        return np.where(self.admits(z, held)[..., None], held, 0.0)
