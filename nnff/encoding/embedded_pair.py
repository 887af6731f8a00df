"""A metric's embedding in midpoint-difference coordinates, for strategy ``relational``."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

from nnff.encoding.affine import write_affine
from nnff.encoding.embedding import Chain, excess_of, write_base_ball
from nnff.encoding.planes import plane_shift
from nnff.encoding.refine import refine
from nnff.encoding.relational import (
    Written,
    initial_plan,
    needs_midpoint,
    tie_copies,
    write_activation,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nnff.encoding.cells import Cell, CellPlan, Neuron
    from nnff.encoding.encoded import CellPoint
    from nnff.encoding.pair import PairVariables
    from nnff.encoding.writer import BlockWriter
    from nnff.network import Activation
    from nnff.problem import Problem
    from nnff.values import FloatArray

__all__ = ["EmbeddedPair"]

_WANTED = 1e-3
"""Violations of phi's outputs below this share of epsilon are let be,"""
_NEGLIGIBLE = 1e-6
"""and those below this share of what phi's outputs can differ by at all."""

_PARTS = 6
"""Parts of either side of a cell, for bounding what its planes leave."""


class EmbeddedPair:
    """phi, written relationally: exact for linear and ReLU layers, by cells for smooth ones.

    Sound for the reasons that `nnff.encoding.relational` is: every similar pair extends to a feasible
    point, with
    the exact differences of the chain's outputs, and those are within `Chain.noise` of what the
    base metric's rows hold.

    Attributes
    ----------
    shared
        So many first layers of the network are phi itself, 0 if it is another network.  They are written
        once:
        `write_ball` takes the differences of the network's own layer, and its cells are the network's.
    plan
        The cells of phi's smooth neurons; finer with every `refine`.
    """

    def __init__(self, problem: Problem, chain: Chain) -> None:
        self._problem, self._chain = problem, chain
        own = problem.network.layers
        count = len(chain.layers)
        self.shared = count if count < len(own) and chain.layers == own[:count] else 0
        self.plan: CellPlan = {} if self.shared else initial_plan(chain.problem, chain.ranges)

    @property
    def n_cells(self) -> int:
        """Number of cells beside those of the network."""
        return 0 if self.shared else sum(len(cells) for cells in self.plan.values())

    def write_ball(self, writer: BlockWriter, differences: Sequence[Any | None]) -> None:
        """Hold the activation differences of phi's last layer, None for the constant 0, in the ball."""
        forms = [[] if h is None else [(1.0, h)] for h in differences]
        write_base_ball(writer, self._problem, self._chain, forms)

    def write(self, writer: BlockWriter, pair: PairVariables) -> dict[Neuron, Written]:
        """Add phi's layers and the base metric's ball; return the variables of its smooth neurons."""
        network = self._chain.problem.network
        midpoints: list[Any | None] = list(pair.midpoint)
        differences: list[Any | None] = list(pair.difference)
        needed = needs_midpoint(network)
        written: dict[Neuron, Written] = {}
        for index, (layer, known) in enumerate(zip(self._chain.layers, self._chain.known, strict=True)):
            own = writer.child(f"layer{index + 1}")
            zero = np.zeros(layer.n_outputs)
            ms: list[Any | None] = [None] * layer.n_outputs
            if needed[index]:
                ms = list(
                    write_affine(
                        own, layer.weight, layer.bias, midpoints, known.midpoint_lower, known.midpoint_upper
                    )
                )
            ds = write_affine(
                own, layer.weight, zero, differences, known.difference_lower, known.difference_upper
            )
            if needed[index]:
                tie_copies(own, ms, ds, known)
            midpoints, differences = write_activation(
                own, layer.activation, index, ms, ds, known, self.plan, needed[index + 1], written
            )
        self.write_ball(writer, differences)
        return written

    def refine(self, points: Mapping[Neuron, CellPoint]) -> bool:
        """Split cells in which a solver's point stands, where they let it exceed the ball; tell if any."""
        epsilon = self._problem.epsilon
        reach = max((float(known.difference_upper.max()) for known in self._chain.known[-1:]), default=0.0)
        tolerance = _WANTED * epsilon + _NEGLIGIBLE * reach
        finer = refine(self._chain.problem.network, self.plan, points, tolerance=tolerance)
        if finer is not None:
            self.plan = finer
        return finer is not None

    @property
    def excess(self) -> float:
        """What the cells of smooth layers can add to the distance of a pair, at most; 0 without any.

        Errors are carried forward: a pre-activation is off by ``|W|`` times the errors before it, which moves
        the activation of either input by no more than its largest difference over that range, and the planes
        of a cell leave a gap of their own.
        """
        if not self.plan:
            return 0.0
        n = len(self._chain.layers[0].weight[0])
        mean, gap = np.zeros(n), np.zeros(n)
        for index, layer in enumerate(self._chain.layers):
            size = np.abs(layer.weight)
            # p' = m - D/2 and p'' = m + D/2.
            copy = size @ mean + size @ gap / 2
            g = layer.activation
            if g.name == "identity":
                mean, gap = size @ mean, size @ gap
            else:
                moved = g.largest_difference(copy)
                mean, gap = moved, 2 * moved
            if g.smooth:
                own = [_gaps(g, self.plan[index, j]) for j in range(layer.n_outputs)]
                mean = mean + np.array([s for s, _ in own])
                gap = gap + np.array([h for _, h in own])
        return excess_of(self._problem, self._chain, gap)


def _gaps(g: Activation, cells: tuple[Cell, ...]) -> tuple[float, float]:
    """Bound how far the planes of a neuron's cells stay away from S and from H."""
    worst = {"S": 0.0, "H": 0.0}
    for cell in cells:
        for (quantity, sign), planes in cell.planes.items():
            worst[quantity] = max(worst[quantity], _gap(g, quantity, float(sign), planes, cell.box))
    return worst["S"], worst["H"]


def _gap(g: Activation, quantity: Any, sign: float, planes: FloatArray, box: FloatArray) -> float:
    """Bound ``sup over the box of envelope - sign * phi``, part by part, each by the plane that leaves least.

    ``plane - sign phi <= c + sup(-sign phi + a m + b D)``, and that supremum is what `plane_shift` proves.
    """
    m, d = np.linspace(box[0], box[1], _PARTS + 1), np.linspace(box[2], box[3], _PARTS + 1)
    parts = np.array(
        [(*one, *other) for one in itertools.pairwise(m) for other in itertools.pairwise(d)], dtype=np.float64
    )
    boxes, slopes = np.repeat(parts, len(planes), axis=0), np.tile(-planes[:, :2], (len(parts), 1))
    shifts = plane_shift(g, quantity, np.full(len(boxes), -sign), slopes, boxes, tolerance=0.1)
    left = shifts.reshape(len(parts), len(planes)) + planes[:, 2]
    return max(float(left.min(axis=1).max()), 0.0)
