r"""Sound planes above and below H and S on rectangles of (m, D).

For an activation g with :math:`|g''| \le G_2` and :math:`|g'''| \le G_3`,

.. math::
    H_{mm} = g''(p'') - g''(p'), \quad H_{DD} = H_{mm} / 4, \quad
    |H_{mm}| \le A_H = \min(2 G_2, \max|D| \, G_3), \\
    S_{mm} = (g''(p'') + g''(p')) / 2, \quad S_{DD} = S_{mm} / 4, \quad |S_{mm}| \le A_S = G_2.

Far from 0 both are smaller (`Activation.curvature`).

Over a rectangle of sides a and b a function differs from the bilinear
interpolant of its corners by at most :math:`(a^2 \sup|\phi_{mm}| + b^2 \sup|\phi_{DD}|)/8`
(interpolate first in m, then in D; no mixed term).  The interpolant, and after
subtracting a plane still bilinear, is largest at a corner.  Hence

.. math::
    \sup \phi - \text{plane} \le \max_{\text{corners}} (\phi - \text{plane}) + A (a^2 + b^2/4) / 8.

`plane_shift` applies this on a grid and refines, by branch and bound, only
where the bound is not yet tight: the result is proven up to rounding, which is
padded for.  The factor max|D| in A_H is what makes the error of H vanish
with epsilon.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy.spatial import ConvexHull, QhullError

if TYPE_CHECKING:
    from nnff.network import Activation
    from nnff.values import FloatArray

__all__ = ["Quantity", "bend_width", "candidate_slopes", "evaluate", "plane_shift"]

Quantity = Literal["H", "S"]

_UNIT = 2.0**-53
_TINY = 1e-300  # more than subnormal numbers lose
_SPLIT = 8
_LEVELS = 4
_MOST_BOXES = 200_000
_PLANES = 4
_STEEPEST = 1e-6


def evaluate(g: Activation, quantity: Quantity, m: FloatArray, d: FloatArray) -> FloatArray:
    """Return H(m, D) or S(m, D)."""
    return g.difference(m, d) if quantity == "H" else g.mean(m, d)


def plane_shift(
    g: Activation,
    quantity: Quantity,
    sign: FloatArray,
    slopes: FloatArray,
    boxes: FloatArray,
    tolerance: float = 1e-5,
) -> FloatArray:
    """Bound ``sup over box of sign * phi(m, D) - a m - b D``, proven, for many planes at once.

    Parameters
    ----------
    g, quantity
        phi is H or S of the activation g.
    sign
        +1 or -1 per plane, shape (k,).
    slopes
        (a, b) per plane, shape (k, 2).
    boxes
        (m_lo, m_hi, D_lo, D_hi) per plane, shape (k, 4).
    tolerance
        Excess allowed over the true supremum, relative to the spread of the
        function on the grid.

    Returns
    -------
    Upper bounds of the suprema, shape (k,): see the module for why they are sound.
    """
    count = len(slopes)
    best = np.full(count, -np.inf)
    proven = np.full(count, -np.inf)
    allowed = np.zeros(count)
    owner = np.arange(count)
    current = boxes
    steps = np.linspace(0.0, 1.0, _SPLIT + 1)
    for level in range(_LEVELS):
        m = current[:, :1] + (current[:, 1:2] - current[:, :1]) * steps
        d = current[:, 2:3] + (current[:, 3:] - current[:, 2:3]) * steps
        m[:, -1], d[:, -1] = current[:, 1], current[:, 3]
        values = _height(g, quantity, sign[owner], slopes[owner], m, d)
        flat = values.reshape(len(current), -1)
        np.maximum.at(best, owner, flat.max(axis=1))
        if level == 0:
            allowed = tolerance * (flat.max(axis=1) - flat.min(axis=1)) + 1e-14
        corner = np.maximum(
            np.maximum(values[:, :-1, :-1], values[:, 1:, :-1]),
            np.maximum(values[:, :-1, 1:], values[:, 1:, 1:]),
        )
        bound = corner + _remainder(g, quantity, m, d)
        limit = best + allowed
        unsettled = bound > limit[owner][:, None, None]
        settled = np.where(unsettled, -np.inf, bound).reshape(len(current), -1).max(axis=1)
        np.maximum.at(proven, owner, settled)
        box, i, j = np.nonzero(unsettled)
        if not len(box):
            break
        if level == _LEVELS - 1 or len(box) * _SPLIT**2 > _MOST_BOXES * 8:
            np.maximum.at(proven, owner[box], bound[box, i, j])
            break
        current = np.stack([m[box, i], m[box, i + 1], d[box, j], d[box, j + 1]], axis=1)
        owner = owner[box]
    bounds: FloatArray = np.maximum(proven, best)
    return bounds


def _height(
    g: Activation,
    quantity: Quantity,
    sign: FloatArray,
    slopes: FloatArray,
    m: FloatArray,
    d: FloatArray,
) -> FloatArray:
    """Evaluate sign * phi - a m - b D on the grid of each box, rounded up; shape (boxes, m, D)."""
    grid_m = m[:, :, None]
    grid_d = d[:, None, :]
    phi = evaluate(g, quantity, *np.broadcast_arrays(grid_m, grid_d))
    plane_m = slopes[:, 0, None, None] * grid_m
    plane_d = slopes[:, 1, None, None] * grid_d
    size = np.abs(phi) + np.abs(plane_m) + np.abs(plane_d)
    if quantity == "H":
        # p' = m - D/2 is rounded before g sees it: |H| <= slope * |D| moves by its curvature.
        reach = np.abs(grid_d) * (np.abs(grid_m) + np.abs(grid_d))
        size = size + g.second_bound * reach
        noise = g.noise * (reach + np.abs(grid_d))
    else:
        size = size + np.abs(grid_m) + np.abs(grid_d)
        noise = np.array(g.noise)
    height: FloatArray = sign[:, None, None] * phi - plane_m - plane_d + 64 * _UNIT * size + noise + _TINY
    return height


def _remainder(g: Activation, quantity: Quantity, m: FloatArray, d: FloatArray) -> FloatArray:
    """Return (A dm^2 + A dD^2 / 4) / 8 for every sub-rectangle, shape (boxes, m - 1, D - 1).

    G2 and G3 are those of the sub-rectangle: of all p at least as far from 0 as its pre-activation nearest
    0, which is moved inward by more than the rounding of m and D.
    """
    dm = np.diff(m, axis=1)[:, :, None]
    dd = np.diff(d, axis=1)[:, None, :]
    reach = np.maximum(np.abs(d[:, :-1]), np.abs(d[:, 1:]))[:, None, :]
    away = np.maximum(m[:, :-1], -m[:, 1:])[:, :, None] - reach / 2
    size = np.abs(m).max(axis=1)[:, None, None] + reach
    second, third = g.curvature(np.maximum(away - 8 * _UNIT * size, 0.0))
    second, third = np.minimum(g.second_bound, second + _TINY), np.minimum(g.third_bound, third + _TINY)
    curvature = np.minimum(2 * second, reach * third) if quantity == "H" else second
    result: FloatArray = curvature * (dm**2 + dd**2 / 4) / 8 * (1 + 1e-12)
    return result


def candidate_slopes(
    g: Activation,
    quantity: Quantity,
    sign: float,
    box: FloatArray,
    focus: FloatArray | None = None,
    most: int = _PLANES,
) -> FloatArray:
    """Choose slopes (a, b) of planes above ``sign * phi`` on a box, shape (k, 2), k <= `most` + 1.

    The candidates are the upper facets of the convex hull of a grid of the
    graph and a least-squares plane.  The best few by mean height are taken
    greedily, and the one that is lowest at `focus`, a point (m, D) where the
    relaxation was seen to be loose.  Slopes only affect how tight a plane
    is, never whether it is sound: that is `plane_shift`'s business.
    """
    m, d = _nodes(g, box, focus)
    widths = np.array([box[1] - box[0], box[3] - box[2]])
    safe = np.where(widths > 0, widths, 1.0)
    grid_m, grid_d = (axis.ravel() for axis in np.meshgrid(m, d, indexing="ij"))
    unit = np.stack([(grid_m - box[0]) / safe[0], (grid_d - box[2]) / safe[1], np.ones(len(grid_m))])
    phi = sign * evaluate(g, quantity, grid_m, grid_d)
    fit = np.linalg.lstsq(unit.T, phi, rcond=None)[0]
    candidates = [fit[:2]]
    bend = phi - fit @ unit
    spread = float(np.ptp(bend))
    if spread > 1e-13 * max(1e-3, float(np.abs(phi).max())):
        try:
            hull = ConvexHull(np.stack([unit[0], unit[1], bend / spread], axis=1))
        except QhullError:
            pass  # a degenerate graph: the least-squares plane alone is good enough
        else:
            normal = hull.equations[:, :3]
            rising = normal[normal[:, 2] > _STEEPEST]
            # Triangles of one facet come with slopes equal up to rounding.
            bends = np.unique(np.round(-rising[:, :2] / rising[:, 2:], 9), axis=0)
            candidates.extend(fit[:2] + bends * spread)
    slopes = np.array(candidates)
    heights = slopes @ unit[:2]
    heights = heights + (phi - heights).max(axis=1, keepdims=True)
    chosen = _greedy(heights, phi, most)
    if focus is not None:
        at = int(np.argmin(np.abs(grid_m - focus[0]) / safe[0] + np.abs(grid_d - focus[1]) / safe[1]))
        # Many facets meet at a vertex of the hull; of those take the lowest on the whole.
        lowest = heights[:, at] <= heights[:, at].min() + 1e-9 * (spread + 1e-300)
        chosen.append(int(np.argmin(np.where(lowest, heights.mean(axis=1), np.inf))))
    # No secant of H or S is steeper than g, or than its slopes are apart.  Without the limit, rounding over a
    # range of a hair (1e-300 where exact arithmetic has 0) would make a slope that no solver can hold.
    steepest = g.steepness if g.monotone else 2 * g.steepness
    with np.errstate(over="ignore"):
        picked: FloatArray = slopes[sorted(set(chosen))] * (widths > 0) / safe
    return np.clip(picked, -steepest, steepest)


def bend_width(g: Activation) -> float:
    """Return sqrt(steepest slope / third derivative): g bends within a few multiples of it around 0."""
    return float(np.sqrt(g.steepness / g.third_bound))


def _nodes(g: Activation, box: FloatArray, focus: FloatArray | None) -> tuple[FloatArray, FloatArray]:
    """Return grid coordinates in m and D: even ones, where g bends, and the point of interest."""
    bend = bend_width(g) * np.array([-5.0, -2.8, -1.4, -0.7, -0.35, 0.0, 0.35, 0.7, 1.4, 2.8, 5.0])
    m = np.concatenate([np.linspace(box[0], box[1], 5), bend])
    d = np.linspace(box[2], box[3], 7)
    if focus is not None:
        m, d = np.append(m, focus[0]), np.append(d, focus[1])
    return np.unique(m[(m >= box[0]) & (m <= box[1])]), np.unique(d[(d >= box[2]) & (d <= box[3])])


def _greedy(heights: FloatArray, phi: FloatArray, most: int) -> list[int]:
    """Pick planes, rows of `heights`, that together have the least mean height above `phi`."""
    chosen: list[int] = []
    envelope = np.full(heights.shape[1], np.inf)
    for _ in range(min(most, len(heights))):
        means = np.minimum(heights, envelope).mean(axis=1)
        index = int(np.argmin(means))
        if chosen and means[index] > envelope.mean() - 1e-3 * (envelope - phi).mean():
            break
        chosen.append(index)
        envelope = np.minimum(envelope, heights[index])
    return chosen
