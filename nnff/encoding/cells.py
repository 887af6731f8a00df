"""Rectangular cells over (m, D) of a smooth neuron, each with sound planes; splitting them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from nnff.encoding.planes import Quantity, candidate_slopes, evaluate, plane_shift
from nnff.values import FloatArray, IntArray, frozen_array

if TYPE_CHECKING:
    from nnff.network import Activation, Network
    from nnff.ranges import Ranges

__all__ = ["Cell", "CellPlan", "Neuron", "Side", "make_cells", "rectangles", "split_boxes"]

Neuron = tuple[int, int]
"""(layer, index), both zero-based."""

Side = tuple[Quantity, int]
"""("H", +1): planes above H; ("S", -1): planes below S; and so on."""


@dataclass(frozen=True, eq=False)
class Cell:
    """A rectangle of (m, D) and planes that are sound on it.

    Attributes
    ----------
    box
        (m_lo, m_hi, D_lo, D_hi).
    planes
        Per side, rows (a, b, c): ``sign * phi(m, D) <= a m + b D + c`` on the box.
    """

    box: FloatArray
    planes: Mapping[Side, FloatArray] = field(default_factory=dict)

    def contains(self, m: float, d: float, slack: float = 1e-9) -> bool:
        """Tell whether (m, D) lies in the cell, up to `slack`."""
        box = self.box
        return bool(box[0] - slack <= m <= box[1] + slack and box[2] - slack <= d <= box[3] + slack)

    def envelope(self, side: Side, m: float, d: float) -> float:
        """Return the least plane above ``sign * phi`` at (m, D)."""
        return float((self.planes[side] @ np.array([m, d, 1.0])).min())


CellPlan = Mapping[Neuron, tuple[Cell, ...]]
"""The cells of every smooth neuron that has any."""


def rectangles(network: Network, ranges: Ranges, layer: int) -> FloatArray:
    """Return what the cells of a layer's neurons cover: (m_lo, m_hi, D_lo, D_hi), shape (neurons, 4).

    At an output that does not decrease only D >= 0 matters: the objective is the difference of such a
    function, and swapping the pair turns D into -D.
    """
    known = ranges.layers[layer]
    least = known.difference_lower
    if layer == len(network.layers) - 1 and network.layers[layer].activation.monotone:
        least = np.maximum(least, 0.0)
    return np.stack([known.midpoint_lower, known.midpoint_upper, least, known.difference_upper], axis=1)


def make_cells(
    g: Activation,
    boxes: Sequence[FloatArray],
    sides: Sequence[Side],
    parents: Sequence[Cell | None] | None = None,
    focus: FloatArray | None = None,
) -> list[Cell]:
    """Build cells with sound planes, all shifts in one vectorised pass.

    Parameters
    ----------
    g
        The activation.
    boxes
        One rectangle per cell.
    sides
        Which planes are wanted.
    parents
        Cells that contain them.  Their planes stay valid on the smaller
        rectangle and are kept where they are needed (shifted anew, so never
        higher): without them a split could raise the bound.
    focus
        A point (m, D) at which the planes should be as low as possible.
    """
    above = list(parents) if parents is not None else [None] * len(boxes)
    owner: list[tuple[int, Side]] = []
    slopes: list[FloatArray] = []
    caps: list[float] = []
    for index, (box, parent) in enumerate(zip(boxes, above, strict=True)):
        above_h: FloatArray | None = None
        for quantity, sign in sides:
            if focus is None and (quantity, sign) == ("H", -1) and box[2] == -box[3] and above_h is not None:
                # H is odd in D: planes below it are those above it, turned over.
                found = above_h * np.array([1.0, -1.0])
            else:
                near = None if focus is None else np.clip(focus, box[[0, 2]], box[[1, 3]])
                found = candidate_slopes(g, quantity, float(sign), box, near)
            if (quantity, sign) == ("H", 1):
                above_h = found
            owner.extend([(index, (quantity, sign))] * len(found))
            slopes.extend(found)
            caps.extend([np.inf] * len(found))
            if parent is not None:
                kept = _needed(g, (quantity, sign), parent.planes[quantity, sign], box)
                owner.extend([(index, (quantity, sign))] * len(kept))
                slopes.extend(kept[:, :2])
                caps.extend(kept[:, 2])
    shifts = np.zeros(len(owner))
    for quantity in ("H", "S"):
        rows = [k for k, (_, side) in enumerate(owner) if side[0] == quantity]
        if rows:
            shifts[rows] = plane_shift(
                g,
                quantity,
                np.array([float(owner[k][1][1]) for k in rows]),
                np.array([slopes[k] for k in rows]),
                np.array([boxes[owner[k][0]] for k in rows]),
            )
    shifts = np.minimum(shifts, caps)
    planes: list[dict[Side, list[FloatArray]]] = [{side: [] for side in sides} for _ in boxes]
    for (index, side), slope, shift in zip(owner, slopes, shifts, strict=True):
        planes[index][side].append(np.array([*slope, shift]))
    return [
        Cell(
            frozen_array(box),
            {side: frozen_array(_needed(g, side, np.array(rows), box)) for side, rows in own.items()},
        )
        for box, own in zip(boxes, planes, strict=True)
    ]


def _needed(g: Activation, side: Side, planes: FloatArray, box: FloatArray) -> FloatArray:
    """Return the planes without which the envelope over the box would rise.

    A plane is left out only if it is nowhere on the box lower than all that
    are kept by more than `_NEGLIGIBLE` of the envelope's largest distance from
    the function.  That is decided exactly: where the kept envelope exceeds a
    plane most is a vertex of the envelope (the difference is concave and
    piecewise linear), that is, a corner of the box, a crossing of two kept
    planes on its edge, or of three in it.
    """
    # The same planes in coordinates (u, v) that run from 0 to 1.
    origin, widths = box[[0, 2]], box[[1, 3]] - box[[0, 2]]
    unit = np.column_stack([planes[:, :2] * widths, planes[:, 2] + planes[:, :2] @ origin])
    heights = unit @ _PROBES
    kept = [int(np.argmin(heights.mean(axis=1)))]
    m, d = origin[:, None] + widths[:, None] * _PROBES[:2]
    gap = heights.min(axis=0) - side[1] * evaluate(g, side[0], m, d)
    negligible = _NEGLIGIBLE * float(gap.max())
    # A few fixed points find most of what is needed; only the last word is the vertices'.
    exact = False
    while True:
        if exact:
            heights = unit @ np.concatenate([_PROBES, _crossings(unit[kept])], axis=1)
        gains = (heights[kept].min(axis=0) - heights).max(axis=1)
        best = int(np.argmax(gains))
        if gains[best] > negligible and best not in kept:
            kept.append(best)
        elif exact or len(kept) == len(unit):
            needed: FloatArray = planes[sorted(kept)]
            return needed
        else:
            exact = True


_NEGLIGIBLE = 1e-2
"""A cut quarters the gap or better: so small a share of it is made good at once, and saves rows."""

_PROBES = np.stack([axis.ravel() for axis in np.meshgrid(*[np.linspace(0.0, 1.0, 5)] * 2)] + [np.ones(25)])
"""Homogeneous points of the unit square, its corners among them."""


def _crossings(planes: FloatArray) -> FloatArray:
    """Return points of the unit square, homogeneous, among them every vertex of the lower envelope."""
    first, second = _pairs(len(planes))
    line = planes[first] - planes[second]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        points = [
            *((np.full(len(line), u), -(line[:, 2] + line[:, 0] * u) / line[:, 1]) for u in (0.0, 1.0)),
            *((-(line[:, 2] + line[:, 1] * v) / line[:, 0], np.full(len(line), v)) for v in (0.0, 1.0)),
        ]
        # Two crossing lines that share a plane, by Cramer's rule.
        i, j = _pairs(len(line))
        one, other = line[i], line[j]
        divisor = one[:, 0] * other[:, 1] - one[:, 1] * other[:, 0]
        points.append(
            (
                (one[:, 1] * other[:, 2] - one[:, 2] * other[:, 1]) / divisor,
                (one[:, 2] * other[:, 0] - one[:, 0] * other[:, 2]) / divisor,
            )
        )
        u, v = (np.concatenate(axis) for axis in zip(*points, strict=True))
    # Points that are none, or lie outside, are moved in: more points do no harm.
    return np.stack(
        [np.clip(np.nan_to_num(u), 0.0, 1.0), np.clip(np.nan_to_num(v), 0.0, 1.0), np.ones(len(u))]
    )


@cache
def _pairs(count: int) -> tuple[IntArray, IntArray]:
    """Return the indices of all pairs of `count` things."""
    first, second = np.triu_indices(count, 1)
    return first, second


def split_boxes(box: FloatArray, m: float, d: float, axis: int, margin: float = 0.2) -> list[FloatArray]:
    """Cut a rectangle in two at (m, D) along `axis` (0: m, 1: D), `margin` away from its ends."""
    low, high = box[2 * axis], box[2 * axis + 1]
    at = float(np.clip((m, d)[axis], low + margin * (high - low), high - margin * (high - low)))
    first, second = box.copy(), box.copy()
    first[2 * axis + 1], second[2 * axis] = at, at
    return [first, second]
