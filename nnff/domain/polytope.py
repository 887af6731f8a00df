r"""Points of a polytope ``row_lower <= A x <= row_upper, lower <= x <= upper``: projecting and clipping.

Nothing here touches a bound: what it returns is checked by whoever uses it.  All functions work on many
points at once, shape (points, n), and in coordinates scaled by the box, so that features of all units count
alike.  Row bounds have shape (m,) or (points, m), bounds of x (n,) or (points, n).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from nnff.values import BoolArray, FloatArray

__all__ = ["Polytope", "excess", "project", "pull", "stretch"]

_STEPS = 200
_STILL = 1e-10
"""Share of its width by which a coordinate moves in a step, below which it stands still."""
_HALFWAY = 0.5
"""Points are moved to within this share of the slack, so that rounding does not put them outside of it."""


@dataclass(frozen=True)
class Polytope:
    """A polytope, or one per point.

    Attributes
    ----------
    matrix
        A, shape (m, n).
    row_lower, row_upper
        Bounds of ``A x``.
    slack
        By how much a row may be violated, shape (m,).
    lower, upper
        Bounds of x.
    """

    matrix: FloatArray
    row_lower: FloatArray
    row_upper: FloatArray
    slack: FloatArray
    lower: FloatArray
    upper: FloatArray

    def holds(self, x: FloatArray) -> BoolArray:
        """Tell for each point whether it lies inside, up to the slack of rows; bounds of x are exact."""
        rows = (excess(self, x) <= self.slack).all(axis=-1)
        inside: BoolArray = np.asarray(rows & ((x >= self.lower) & (x <= self.upper)).all(axis=-1))
        return inside

    def at(self, chosen: Any) -> Polytope:
        """Return the polytopes of some of the points."""

        def pick(bounds: FloatArray) -> FloatArray:
            return bounds[chosen] if bounds.ndim > 1 else bounds

        return Polytope(
            self.matrix,
            pick(self.row_lower),
            pick(self.row_upper),
            self.slack,
            pick(self.lower),
            pick(self.upper),
        )


def excess(body: Polytope, x: FloatArray) -> FloatArray:
    """Return by how much every row is violated, shape (points, m); not positive where it holds."""
    value = x @ body.matrix.T
    result: FloatArray = np.maximum(body.row_lower - value, value - body.row_upper)
    return result


def project(body: Polytope, x: FloatArray, width: FloatArray, *, steps: int = _STEPS) -> FloatArray:
    """Move points towards their projections, by an accelerated gradient method on the multipliers of rows.

    For multipliers v the nearest point of the box is ``clip(x - width^2 A' v)``, and the gradient of
    the dual is ``A`` times that: A. Beck and M. Teboulle, "A fast dual proximal gradient algorithm for
    convex minimization and applications", Operations Research Letters 42 (2014).  Distances are
    Euclidean in units of `width`, shape (n,) or (points, n); a coordinate of width 0 does not move
    for a row.  The result lies in the box, but may still violate rows.
    """
    squared = np.broadcast_to(width**2, x.shape)
    largest = np.sqrt(squared.max(axis=0, initial=0.0))
    norm = np.linalg.norm(body.matrix * largest, axis=1)
    # Rows that no coordinate here can move have no say.
    able = norm > 0
    y = np.clip(x, body.lower, body.upper)
    if not able.any():
        return y
    norm = norm[able]
    matrix = body.matrix[able] / norm[:, None]
    low, high = body.row_lower[..., able] / norm, body.row_upper[..., able] / norm
    room = _HALFWAY * body.slack[able] / norm
    # The largest step that is safe for every point.
    curvature = float(np.linalg.norm(matrix * largest, 2)) ** 2
    found = ahead = np.zeros((len(x), len(matrix)))
    momentum = 1.0
    moved = 0.0
    for _ in range(steps):
        value = y @ matrix.T
        # A point that is inside while it still moves has overshot: inside, but not near.
        if moved <= _STILL and ((value >= low - room) & (value <= high + room)).all():
            return y
        new = ahead + (value - np.clip(value + curvature * ahead, low, high)) / curvature
        following = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        ahead = new + (momentum - 1) / following * (new - found)
        found, momentum = new, following
        before, y = y, np.clip(x - squared * (ahead @ matrix), body.lower, body.upper)
        moved = float((np.abs(y - before) / np.where(largest > 0, largest, 1.0)).max())
    result: FloatArray = np.clip(x - squared * (found @ matrix), body.lower, body.upper)
    return result


def pull(body: Polytope, anchor: FloatArray, x: FloatArray) -> FloatArray:
    """Move points along straight lines to anchors that lie inside, as little as it takes to be inside."""
    from_anchor = anchor @ body.matrix.T
    change = x @ body.matrix.T - from_anchor
    room = _HALFWAY * body.slack
    with np.errstate(divide="ignore", invalid="ignore"):
        over = np.where(change > 0, (body.row_upper + room - from_anchor) / change, 1.0)
        under = np.where(change < 0, (body.row_lower - room - from_anchor) / change, 1.0)
    share = np.clip(np.minimum(over, under).min(axis=-1, initial=1.0), 0.0, 1.0)
    share = np.where(np.isnan(share), 0.0, share)
    moved = anchor + share[:, None] * (x - anchor)
    result: FloatArray = np.where(share[:, None] >= 1, x, moved)
    return np.clip(result, body.lower, body.upper)


def stretch(body: Polytope, x: FloatArray, direction: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the least and the largest t with ``x + t direction`` inside, each of shape (points,)."""
    value, change = x @ body.matrix.T, direction @ body.matrix.T
    positions = np.concatenate([value, x], axis=1)
    changes = np.concatenate([change, direction], axis=1)
    shape = positions.shape
    low = np.concatenate(
        [np.broadcast_to(body.row_lower, value.shape), np.broadcast_to(body.lower, x.shape)], 1
    )
    high = np.concatenate(
        [np.broadcast_to(body.row_upper, value.shape), np.broadcast_to(body.upper, x.shape)], 1
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        ends = np.stack([(low - positions) / changes, (high - positions) / changes])
    moving = np.broadcast_to(changes != 0, shape)
    least = np.where(moving, ends.min(axis=0), -np.inf).max(axis=1)
    most = np.where(moving, ends.max(axis=0), np.inf).min(axis=1)
    return np.minimum(least, 0.0), np.maximum(most, 0.0)
