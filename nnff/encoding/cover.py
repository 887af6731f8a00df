"""Cells made for one problem, taken over by another on the same network: clipped, and holes filled."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from nnff.encoding.cells import Cell, Side, make_cells, rectangles
from nnff.encoding.refine import NARROWEST_CELL
from nnff.encoding.relational import cell_sides

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nnff.encoding.cells import CellPlan, Neuron
    from nnff.network import Activation, Network
    from nnff.ranges import Ranges
    from nnff.values import FloatArray

__all__ = ["cover", "cover_plan", "holes"]


def cover_plan(
    network: Network, ranges: Ranges, plan: CellPlan, fallback: CellPlan, *, last: bool = False
) -> dict[Neuron, tuple[Cell, ...]]:
    """Return cells that cover the ranges of every smooth neuron, made of a plan's as far as they go.

    Parameters
    ----------
    network
        The network, the one that the plan is of.
    ranges
        What to cover, narrower or wider than what the plan does, or both.
    plan
        Cells of another problem on the network; see `cover` for why that is sound.
    fallback
        Cells of this problem, of which what `plan` leaves open is made.
    last
        See `nnff.encoding.relational.needs_midpoint`.
    """
    result: dict[Neuron, tuple[Cell, ...]] = {}
    for index, layer in enumerate(network.layers):
        if not layer.activation.smooth:
            continue
        sides = cell_sides(network, index, last=last)
        for j, limits in enumerate(rectangles(network, ranges, index)):
            result[index, j] = cover(
                layer.activation, plan.get((index, j), ()), limits, sides, fallback.get((index, j), ())
            )
    return result


def cover(
    g: Activation,
    cells: Sequence[Cell],
    limits: FloatArray,
    sides: tuple[Side, ...],
    fallback: Sequence[Cell] = (),
) -> tuple[Cell, ...]:
    """Return cells that cover a rectangle, made of given ones as far as they go.

    Sound wherever the cells come from: that a plane bounds its function on a cell's
    rectangle is a fact about the activation, whatever the problem was, and that
    the result covers `limits` is not assumed but found out (`holes`); what no cell covers
    is made of the `fallback`, and what that leaves open, too, gets new cells.
    Planes are made anew on clipped cells, which are smaller, beside those that still hold,
    so that nothing rises.

    Parameters
    ----------
    g
        The activation.
    cells
        Cells with sound planes for these `sides`, in any order; they may overlap.
    limits
        (m_lo, m_hi, D_lo, D_hi).
    sides
        Which planes are wanted.
    fallback
        Further cells, used where the others leave `limits` open.
    """
    kept: list[Cell] = []
    smaller: list[tuple[FloatArray, Cell]] = []
    for cell in cells:
        box = _clipped(cell.box, limits)
        if box is None:
            continue
        if np.array_equal(box, cell.box):
            kept.append(cell)
        else:
            smaller.append((box, cell))
    boxes = [box for box, _ in smaller]
    parents: list[Cell | None] = [cell for _, cell in smaller]
    for hole in holes([*(cell.box for cell in kept), *boxes], limits):
        for cell in fallback:
            part = _clipped(cell.box, hole)
            if part is not None:
                boxes.append(part)
                parents.append(cell)
    new = holes([*(cell.box for cell in kept), *boxes], limits)
    boxes, parents = boxes + new, parents + [None] * len(new)
    return (*kept, *make_cells(g, boxes, sides, parents)) if boxes else tuple(kept)


def holes(boxes: Sequence[FloatArray], limits: FloatArray) -> list[FloatArray]:
    """Return rectangles that, with `boxes`, cover `limits`: exactly what they leave open, split at D = 0.

    All ends of boxes cut `limits` into a grid; a box covers a field of it wholly or not at all,
    so that comparing ends, without any arithmetic on them, decides.
    """
    m_cuts = _cuts(limits[:2], [end for box in boxes for end in box[:2]])
    d_cuts = _cuts(limits[2:], [*(end for box in boxes for end in box[2:]), 0.0])
    found: list[FloatArray] = []
    open_above: dict[tuple[float, float], FloatArray] = {}
    for low, high in itertools.pairwise(d_cuts):
        row = [box for box in boxes if box[2] <= low and high <= box[3]]
        current: dict[tuple[float, float], FloatArray] = {}
        for span in _uncovered(m_cuts, row):
            below = open_above.get(span)
            # The same span one row below is one rectangle with this one, but not across D = 0.
            if below is not None and low != 0.0:
                below[3] = high
                current[span] = below
            else:
                current[span] = np.array([*span, low, high])
                found.append(current[span])
        open_above = current
    return found


def _uncovered(cuts: Sequence[float], row: Sequence[FloatArray]) -> list[tuple[float, float]]:
    """Return the spans of m, joined where they touch, that no box of a row covers."""
    spans: list[tuple[float, float]] = []
    for low, high in itertools.pairwise(cuts):
        if any(box[0] <= low and high <= box[1] for box in row):
            continue
        if spans and spans[-1][1] == low:
            spans[-1] = (spans[-1][0], high)
        else:
            spans.append((low, high))
    return spans


def _cuts(limits: FloatArray, ends: Sequence[float]) -> list[float]:
    """Return both limits and what lies strictly between; two at least, equal for a range of one point."""
    low, high = float(limits[0]), float(limits[1])
    return [low, *sorted({float(end) for end in ends if low < end < high}), high]


def _clipped(box: FloatArray, limits: FloatArray) -> FloatArray | None:
    """Return the part of a cell within the limits; None if it has none, or but an edge.

    A part that would be narrower than cells are ever split to keeps that much of its
    cell: a cover may overlap and reach beyond, but solvers do not take slivers well.
    """
    result = np.array(box)
    for low, high in ((0, 1), (2, 3)):
        least, most = limits[low], limits[high]
        start, end = max(box[low], least), min(box[high], most)
        if start > end or (start == end and least < most):
            return None
        lacking = min(NARROWEST_CELL, box[high] - box[low]) - (end - start)
        if lacking > 0:
            room = min(lacking, box[high] - end)
            start, end = max(box[low], start - (lacking - room)), min(box[high], end + room)
        result[low], result[high] = start, end
    return result
