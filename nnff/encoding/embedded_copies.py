"""A metric's embedding as two copies, for strategy ``twin``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nnff.encoding.affine import write_affine
from nnff.encoding.embedding import Chain, excess_of, write_base_ball
from nnff.encoding.segments import BOTH, make_segments
from nnff.encoding.twin import WrittenCopy, refine_segments, write_piecewise_layer, write_smooth_copy
from nnff.ranges.outward import activation_range

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nnff.encoding.cells import Neuron
    from nnff.encoding.encoded import CellPoint
    from nnff.encoding.pair import CopyVariables
    from nnff.encoding.segments import Segment
    from nnff.encoding.twin import SegmentPlan
    from nnff.encoding.writer import BlockWriter
    from nnff.network import Activation
    from nnff.problem import Problem

__all__ = ["EmbeddedCopies"]

_WANTED = 1e-3
_NEGLIGIBLE = 1e-6
_GRID = 64


class EmbeddedCopies:
    """phi of either input, as `nnff.encoding.twin` writes the network: sound for the same reasons.

    Attributes
    ----------
    plan
        The segments of phi's smooth neurons in both copies; finer with every `refine`.
    """

    def __init__(self, problem: Problem, chain: Chain, segments: int) -> None:
        self._problem, self._chain = problem, chain
        self.plan: SegmentPlan = {}
        for index, (layer, known) in enumerate(zip(chain.layers, chain.known, strict=True)):
            if layer.activation.smooth:
                covers = make_segments(layer.activation, known.lower, known.upper, segments, BOTH)
                for copy in (0, 1):
                    self.plan.update({(copy, index, j): cover for j, cover in enumerate(covers)})

    @property
    def n_cells(self) -> int:
        """Number of segments."""
        return sum(len(cover) for cover in self.plan.values())

    def write(self, writer: BlockWriter, inputs: CopyVariables) -> dict[tuple[int, int, int], WrittenCopy]:
        """Add both copies of phi and the base metric's ball; return the variables of its smooth neurons."""
        written: dict[tuple[int, int, int], WrittenCopy] = {}
        outputs: list[list[Any | None]] = []
        for copy, handles in enumerate((inputs.first, inputs.second)):
            values: list[Any | None] = list(handles)
            for index, (layer, known) in enumerate(zip(self._chain.layers, self._chain.known, strict=True)):
                own = writer.child(f"copy{copy + 1}layer{index + 1}")
                pre = write_affine(own, layer.weight, layer.bias, values, known.lower, known.upper)
                if layer.activation.smooth:
                    covers = [self.plan[copy, index, j] for j in range(layer.n_outputs)]
                    values = write_smooth_copy(own, layer.activation, pre, known, covers)
                    for j, (p, a) in enumerate(zip(pre, values, strict=True)):
                        written[copy, index, j] = WrittenCopy(p, a)
                else:
                    values = write_piecewise_layer(own, layer.activation, pre, known)
            outputs.append(values)
        forms = [
            [(sign, a) for sign, a in ((-1.0, first), (1.0, second)) if a is not None]
            for first, second in zip(*outputs, strict=True)
        ]
        write_base_ball(writer, self._problem, self._chain, forms)
        return written

    def refine(self, points: Mapping[Neuron, CellPoint]) -> bool:
        """Sharpen the segments in which a solver's point stands, where they let it exceed the ball."""
        reach = max((float(known.difference_upper.max()) for known in self._chain.known[-1:]), default=0.0)
        tolerance = _WANTED * self._problem.epsilon + _NEGLIGIBLE * reach
        finer = refine_segments(self._chain.problem.network, self.plan, points, tolerance=tolerance)
        if finer is not None:
            self.plan = finer
        return finer is not None

    @property
    def excess(self) -> float:
        """What the lines of smooth layers can add to the distance of a pair, at most; 0 without any.

        Errors of either copy are carried forward, through ``|W|`` and the activation's largest difference.
        """
        if not self.plan:
            return 0.0
        total = np.zeros(self._chain.layers[-1].n_outputs)
        for copy in (0, 1):
            error = np.zeros(self._chain.layers[0].n_inputs)
            for index, layer in enumerate(self._chain.layers):
                g = layer.activation
                error = g.largest_difference(np.abs(layer.weight) @ error)
                if g.smooth:
                    covers = [self.plan[copy, index, j] for j in range(layer.n_outputs)]
                    error = error + np.array([_gap(g, cover) for cover in covers])
            total = total + error
        return excess_of(self._problem, self._chain, total)


def _gap(g: Activation, cover: tuple[Segment, ...]) -> float:
    """Bound how far the lines of a neuron's segments stay away from g: by the ends of many small steps."""
    worst = 0.0
    for segment in cover:
        p = np.linspace(segment.box[0], segment.box[1], _GRID + 1)
        low, high = activation_range(g, p[:-1], p[1:])
        for (_, sign), lines in segment.planes.items():
            heights = lines[:, :1] * p + lines[:, 1:]
            # A line is largest at an end of the step.  The least of several lines is at most any of them.
            step = np.maximum(heights[:, :-1], heights[:, 1:]).min(axis=0)
            worst = max(worst, float((step - (low if sign > 0 else -high)).max()))
    return worst * (1 + 1e-12)
