"""Choosing which cells to split: where the solver's point betrays the relaxation most."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nnff.encoding.cells import Cell, CellPlan, Neuron, make_cells, split_boxes
from nnff.encoding.planes import evaluate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nnff.encoding.encoded import CellPoint
    from nnff.network import Activation, Network
    from nnff.values import FloatArray

NARROWEST_CELL = 1e-5
"""Cells are not split to less than about this: their planes are exact far beyond any gap asked for,
and coefficients and ranges near a solver's tolerances invite wrong answers."""

_WORTH_A_PLANE = 0.3
"""A new plane replaces a split if it leaves at most this share of the slack."""

__all__ = ["NARROWEST_CELL", "downstream_weights", "refine", "violations"]


def downstream_weights(network: Network) -> tuple[FloatArray, ...]:
    """Bound how much one unit of error in each neuron's output can move the logit, per layer."""
    weights = [np.ones(network.layers[-1].n_outputs)]
    for before, layer in zip(network.layers[-2::-1], network.layers[:0:-1], strict=True):
        slope = 1.0 if layer is network.layers[-1] else layer.activation.steepness
        weights.append(np.abs(layer.weight).T @ (weights[-1] * slope))
        assert before.n_outputs == len(weights[-1])
    return tuple(reversed(weights))


def violations(network: Network, points: Mapping[Neuron, CellPoint]) -> dict[Neuron, float]:
    """Return the weighted distance of every smooth neuron's (h, s) from (H, S) at its (m, D)."""
    weights = downstream_weights(network)
    result = {}
    for (layer, j), point in points.items():
        g = network.layers[layer].activation
        m, d = np.array([point.m]), np.array([point.d])
        error = abs(point.h - float(g.difference(m, d)[0]))
        if point.s is not None:
            error = max(error, abs(point.s - float(g.mean(m, d)[0])) / 2)
        result[layer, j] = error * float(weights[layer][j])
    return result


def refine(
    network: Network,
    plan: CellPlan,
    points: Mapping[Neuron, CellPoint],
    *,
    tolerance: float,
    most: int = 12,
) -> CellPlan | None:
    """Split the cells in which the solver's point stands, for the neurons that are violated most.

    Parameters
    ----------
    network
        The network.
    plan
        Current cells.
    points
        Where the solver's point stands.
    tolerance
        Violations below it are let be (in units of the logit).
    most
        Largest number of neurons to refine.

    Returns
    -------
    A finer plan, or None if nothing is violated.  Cells of a refined neuron
    still cover its range: a cell is only ever replaced by its two halves.
    """
    error = violations(network, points)
    if not error:
        return None
    worst = max(error.values())
    if worst <= tolerance:
        return None
    ranked = sorted(error, key=lambda key: -error[key])
    chosen = [key for key in ranked[:most] if error[key] > max(tolerance, 0.1 * worst)]
    finer = dict(plan)
    for key in chosen:
        point = points[key]
        g = network.layers[key[0]].activation
        slack = [_slack_at(g, cell, point) for cell in plan[key]]
        # On a common edge the point stands in several cells, and the tight one may
        # already be split finely: it is the loose ones that let it through.
        loose = max(slack) / 2
        cells: list[Cell] = []
        for cell, own in zip(plan[key], slack, strict=True):
            cells.extend(_sharpen(g, cell, point) if own > max(loose, 0.0) else [cell])
        finer[key] = tuple(cells)
    return finer


def _slack_at(g: Activation, cell: Cell, point: CellPoint) -> float:
    """Return how far the cell's planes stay away from the function at the point; -inf outside the cell."""
    if not cell.contains(point.m, point.d):
        return -np.inf
    m, d = np.array([point.m]), np.array([point.d])
    return max(
        cell.envelope(side, point.m, point.d) - side[1] * float(evaluate(g, side[0], m, d)[0])
        for side in cell.planes
    )


def _sharpen(g: Activation, cell: Cell, point: CellPoint) -> list[Cell]:
    """Make a cell tighter at the point: by another plane if that does much, else by splitting it.

    A plane costs no binary, so it is preferred where it removes most of
    the slack; where the function's own concave envelope is the obstacle, only
    a split helps, along the axis that leaves the smaller gap at the point.
    """
    wanted = tuple(cell.planes)
    focus = np.array([point.m, point.d])
    sharper = make_cells(g, [cell.box], wanted, [cell], focus)
    if _slack_at(g, sharper[0], point) <= _WORTH_A_PLANE * _slack_at(g, cell, point):
        return sharper
    options = []
    for axis in (0, 1):
        if cell.box[2 * axis + 1] - cell.box[2 * axis] > 2 * NARROWEST_CELL:
            boxes = split_boxes(cell.box, point.m, point.d, axis)
            children = make_cells(g, boxes, wanted, [cell] * 2, focus)
            options.append((max(_slack_at(g, child, point) for child in children), axis, children))
    return min(options, key=lambda option: option[:2])[2] if options else sharper
