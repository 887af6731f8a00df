"""Cells for ranges that have become narrower: clipped, or dropped."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nnff.encoding.cells import Cell, CellPlan, Neuron, make_cells, rectangles
from nnff.values import frozen_array

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nnff.network import Network
    from nnff.ranges import Ranges
    from nnff.values import FloatArray

    CellBoxes = Mapping[Neuron, Sequence[FloatArray | None]]

__all__ = ["clip_plan"]

_WORTH_NEW_PLANES = 0.9
"""Cells that keep more than this share of their area keep their planes."""


def clip_plan(
    network: Network, plan: CellPlan, ranges: Ranges, boxes: CellBoxes | None = None
) -> dict[Neuron, tuple[Cell, ...]]:
    """Clip every cell to the ranges, and to a box of its own, and drop those of which nothing is left.

    Sound: of every pair that the ranges hold, (m, D) lies in a cell, hence in
    what is left of that cell.  A cell that touches the ranges along an edge only is dropped
    as well, because the cells are closed and its neighbours hold the edge.  Planes stay valid on a
    part of their rectangle, and new ones are proven on it, so no bound can rise.

    Parameters
    ----------
    network
        The network.
    plan
        Cells that cover ranges which hold `ranges`.
    ranges
        The narrower ranges.
    boxes
        Per neuron and cell, (m_lo, m_hi, D_lo, D_hi) of the pairs in that cell, None if there are none.
    """
    clipped: dict[Neuron, tuple[Cell, ...]] = {}
    for key, cells in plan.items():
        limits = rectangles(network, ranges, key[0])[key[1]]
        left: list[Cell] = []
        renewed: list[tuple[int, Cell]] = []
        own = (boxes or {}).get(key) or [cell.box for cell in cells]
        for cell, limit in zip(cells, own, strict=True):
            box = None if limit is None else _clipped(_within(cell.box, limit), limits)
            if box is None:
                continue
            if _area(box) <= _WORTH_NEW_PLANES * _area(cell.box):
                renewed.append((len(left), cell))
            left.append(Cell(frozen_array(box), cell.planes))
        if renewed:
            g = network.layers[key[0]].activation
            parents = [cell for _, cell in renewed]
            parts = [left[place].box for place, _ in renewed]
            new = make_cells(g, parts, tuple(parents[0].planes), parents)
            for (place, _), cell in zip(renewed, new, strict=True):
                left[place] = cell
        # Empty only if the ranges exclude everything, which nothing that holds does.
        clipped[key] = tuple(left) or tuple(cells)
    return clipped


def _within(box: FloatArray, limit: FloatArray) -> FloatArray:
    """Return the part of a cell in its box.  Both hold the same pairs, so it is empty by a hair at most."""
    low, high = np.maximum(box[::2], limit[::2]), np.minimum(box[1::2], limit[1::2])
    high = np.maximum(low, high)
    return np.array([low[0], high[0], low[1], high[1]])


def _clipped(box: FloatArray, limits: FloatArray) -> FloatArray | None:
    """Return the part of a cell within the limits, None if it is empty or but an edge of them."""
    low = np.maximum(box[::2], limits[::2])
    high = np.minimum(box[1::2], limits[1::2])
    pointed = limits[::2] >= limits[1::2]
    if (low > high).any() or ((low == high) & ~pointed).any():
        return None
    return np.array([low[0], high[0], low[1], high[1]])


def _area(box: FloatArray) -> float:
    return float((box[1] - box[0]) * (box[3] - box[2]))
