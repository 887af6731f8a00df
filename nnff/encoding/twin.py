r"""Strategy ``twin``: two copies of the network, the classical encoding, for comparison and cross-checks.

Each input of the pair runs through its own copy; only the metric (and
features that must agree) links the two.  The objective is the difference of the outputs,

.. math::  \max \; f(x'') - f(x').

Piecewise-linear neurons are exact by big-M with one binary per kink and copy.  A smooth neuron of a
copy lies between lines over segments of its pre-activation
(`nnff.encoding.segments`), one binary per segment; at the output, copy x'' needs lines above g and copy x'
lines below only, because that is the way the objective pushes.  Ranges of
differences are not used, except those of the inputs, which domain and metric state.

The error of the lines does not shrink with epsilon: that is why
`nnff.encoding.relational` is the default.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pyomo.environ as pyo

from nnff.encoding.affine import write_affine
from nnff.encoding.embedding import chain_of
from nnff.encoding.encoded import CellPoint, Encoded
from nnff.encoding.margin import write_margin
from nnff.encoding.objective import write_objective
from nnff.encoding.pair import write_copies
from nnff.encoding.piecewise import write_piecewise_copy
from nnff.encoding.refine import NARROWEST_CELL, downstream_weights
from nnff.encoding.segments import (
    ABOVE,
    BELOW,
    BOTH,
    LineSide,
    Segment,
    add_tangent,
    make_segments,
    split_segment,
)
from nnff.encoding.smooth import write_cells
from nnff.encoding.strategy import EncodingStrategy
from nnff.encoding.writer import BlockWriter
from nnff.errors import ConfigError
from nnff.milp.compile import Compiled, compile_model
from nnff.ranges import difference_range
from nnff.ranges.outward import activation_range

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nnff.encoding.cells import Neuron
    from nnff.encoding.embedded_copies import EmbeddedCopies
    from nnff.network import Activation, Network
    from nnff.problem import Problem
    from nnff.ranges import LayerRanges, Ranges
    from nnff.values import FloatArray

__all__ = [
    "SegmentPlan",
    "Twin",
    "WrittenCopy",
    "encode_twin",
    "initial_segments",
    "refine_segments",
    "write_piecewise_layer",
    "write_smooth_copy",
]

SegmentPlan = dict[tuple[int, int, int], tuple[Segment, ...]]
"""The segments of every smooth neuron by (copy, layer, index); copy 0 takes x', copy 1 takes x''."""

_OUTPUT_SIDES: tuple[tuple[LineSide, ...], ...] = ((BELOW,), (ABOVE,))
"""The lines that the output needs, by copy: f(x') is minimised, f(x'') maximised."""


class Twin(EncodingStrategy):
    """Two copies of the network (`nnff.encoding.twin`).

    Parameters
    ----------
    problem, ranges
        As for every strategy.
    segments
        Number of segments of each smooth neuron in the first plan, both sides
        of 0 together (2 M in the usual notation); default: the class attribute.

    Raises
    ------
    ConfigError
        If there is not at least one segment.
    """

    name = "twin"

    segments: ClassVar[int] = 8

    def __init__(self, problem: Problem, ranges: Ranges, segments: int | None = None) -> None:
        super().__init__(problem, ranges)
        self._count = self.segments if segments is None else segments
        if self._count < 1:
            raise ConfigError(f"strategy 'twin' needs at least 1 segment per neuron, got {self._count}")
        self._embedded = _embedded_copies(problem, self._count)

    @property
    def excess(self) -> float:
        """See `EncodingStrategy.excess`: that of the embedding's segments."""
        return 0.0 if self._embedded is None else self._embedded.excess

    def first_plan(self) -> Any:
        """Return equi-error segments."""
        return initial_segments(self.problem.network, self.ranges, self._count)

    def encode(self, plan: Any) -> Encoded:
        """Encode with these segments."""
        return encode_twin(self.problem, self.ranges, plan, self._embedded)

    def refine(self, plan: Any, encoded: Encoded, x: FloatArray, tolerance: float) -> Any | None:
        """Sharpen the segments in which `x` stands, where it is violated most."""
        finer = refine_segments(self.problem.network, plan, encoded.neurons(x), tolerance=tolerance)
        if self._embedded is not None and self._embedded.refine(encoded.embedding_neurons(x)):
            return plan if finer is None else finer
        return finer


def _embedded_copies(problem: Problem, segments: int) -> EmbeddedCopies | None:
    from nnff.encoding.embedded_copies import EmbeddedCopies  # noqa: PLC0415 - it is made of this module's parts

    chain = chain_of(problem)
    return None if chain is None else EmbeddedCopies(problem, chain, segments)


def initial_segments(network: Network, ranges: Ranges, count: int) -> SegmentPlan:
    """Cover the range of every smooth neuron, in both copies, by at most `count` equi-error segments."""
    plan: SegmentPlan = {}
    last = len(network.layers) - 1
    for index, (layer, known) in enumerate(zip(network.layers, ranges.layers, strict=True)):
        if not layer.activation.smooth:
            continue
        for copy in (0, 1):
            if copy == 0 or index == last:
                sides = _OUTPUT_SIDES[copy] if index == last else BOTH
                covers = make_segments(layer.activation, known.lower, known.upper, count, sides)
            plan.update({(copy, index, j): cover for j, cover in enumerate(covers)})
    return plan


@dataclass(frozen=True)
class WrittenCopy:
    """Variables of one smooth neuron of one copy: pre-activation and output."""

    p: Any
    a: Any


def encode_twin(
    problem: Problem, ranges: Ranges, plan: SegmentPlan, embedded: EmbeddedCopies | None = None
) -> Encoded:
    """Encode Problem 1 as two copies of the network.

    Sound: take a feasible pair, ordered so that f(x'') >= f(x') (before
    output scaling).  Its pre-activations lie in their ranges, ReLU outputs satisfy the
    big-M rows with the binaries of their signs, and every smooth output lies between the lines of the
    segment that holds its pre-activation; so the pair is a point of the MILP,
    with the difference of its outputs as the objective.

    Parameters
    ----------
    problem
        The problem; its metric and domain must be symmetric in the pair.
    ranges
        Sound ranges for every neuron; those of differences are used for the inputs only.
    plan
        Segments for every smooth neuron of both copies, covering its range (`initial_segments`).
    embedded
        The embedding of the problem's metric, if it has one.  Without it the encoding holds pairs at
        any distance.
    """
    network = problem.network
    model = pyo.ConcreteModel()
    root = BlockWriter(model)
    inputs = write_copies(root.child("pair"), problem, ranges.inputs)
    inner = {} if embedded is None else embedded.write(root.child("embedding"), inputs)
    written: dict[tuple[int, int, int], WrittenCopy] = {}
    outputs: list[Any | None] = []
    for copy, handles in enumerate((inputs.first, inputs.second)):
        values: list[Any | None] = list(handles)
        own = root.child(f"copy{copy + 1}")
        for index, (layer, known) in enumerate(zip(network.layers, ranges.layers, strict=True)):
            writer = own.child(f"layer{index + 1}")
            pre = write_affine(writer, layer.weight, layer.bias, values, known.lower, known.upper)
            if layer.activation.smooth:
                covers = [plan[copy, index, j] for j in range(layer.n_outputs)]
                values = write_smooth_copy(writer, layer.activation, pre, known, covers)
                for j, (p, a) in enumerate(zip(pre, values, strict=True)):
                    written[copy, index, j] = WrittenCopy(p, a)
            else:
                values = write_piecewise_layer(writer, layer.activation, pre, known)
        outputs.append(values[0])
    terms = [(sign, a) for sign, a in zip((-1.0, 1.0), outputs, strict=True) if a is not None]
    if not terms:
        terms = [(1.0, root.variable(0.0, 0.0))]
    # The closed form is free to everyone; here it only chooses the unit.
    last = network.layers[-1].activation
    reach = float(difference_range(last, ranges.layers[-1])[1][0])
    if problem.flip is not None:
        # Linear at its end: an output is its own pre-activation, and always a variable.
        first, second = ([(1.0, a)] for a in outputs)
        terms = [(1.0, write_margin(root.child("margin"), problem, ranges, second, first))]
        reach = root.bounds(terms[0][1])[1]
    unit = write_objective(model, terms, reach)
    compiled = compile_model(model)
    return Encoded(
        matrix=compiled.matrix,
        factor=float(abs(network.output_scaling.scale[0])) / unit,
        pair=_pair_reader(compiled, problem, inputs.first, inputs.second),
        neurons=lambda x: _neuron_points(compiled, written, x),
        embedding_neurons=lambda x: _neuron_points(compiled, inner, x),
        cells=sum(len(cover) for cover in plan.values()) + (0 if embedded is None else embedded.n_cells),
        compile_seconds=compiled.seconds,
    )


def write_smooth_copy(
    writer: BlockWriter,
    g: Activation,
    pre: list[Any],
    known: LayerRanges,
    covers: list[tuple[Segment, ...]],
) -> list[Any]:
    """Put every output of a smooth layer of one copy between the lines of its segments."""
    lower, upper = activation_range(g, known.lower, known.upper)
    outputs = []
    for p, low, high, cover in zip(pre, lower, upper, covers, strict=True):
        a = writer.variable(float(low), float(high))
        write_cells(writer, (p,), {"g": a}, cover)
        outputs.append(a)
    return outputs


def write_piecewise_layer(
    writer: BlockWriter, g: Activation, pre: list[Any], known: LayerRanges
) -> list[Any | None]:
    """Write every output of a piecewise-linear layer of one copy, exactly."""
    ends = zip(known.lower, known.upper, *activation_range(g, known.lower, known.upper), strict=True)
    return [
        write_piecewise_copy(writer, g, p, (float(low), float(high)), (float(least), float(most)))
        for p, (low, high, least, most) in zip(pre, ends, strict=True)
    ]


def _pair_reader(
    compiled: Compiled, problem: Problem, first: tuple[Any, ...], second: tuple[Any, ...]
) -> Any:
    scaling = problem.network.input_scaling

    def read(x: FloatArray) -> tuple[FloatArray, FloatArray]:
        z1 = np.array([compiled.value(x, v) for v in first])
        z2 = np.array([compiled.value(x, v) for v in second])
        return scaling.invert(z1), scaling.invert(z2)

    return read


def _neuron_points(
    compiled: Compiled, written: Mapping[tuple[int, int, int], WrittenCopy], x: FloatArray
) -> dict[Neuron, CellPoint]:
    """Combine the two copies of every smooth neuron into midpoints and differences."""
    points: dict[Neuron, CellPoint] = {}
    for (copy, index, j), second in written.items():
        if copy == 1:
            first = written[0, index, j]
            p1, p2 = compiled.value(x, first.p), compiled.value(x, second.p)
            a1, a2 = compiled.value(x, first.a), compiled.value(x, second.a)
            points[index, j] = CellPoint((p1 + p2) / 2, p2 - p1, a2 - a1, (a1 + a2) / 2)
    return points


def refine_segments(
    network: Network,
    plan: SegmentPlan,
    points: Mapping[Neuron, CellPoint],
    *,
    tolerance: float,
    most: int = 12,
) -> SegmentPlan | None:
    """Sharpen the segments in which the solver's point stands, for the neurons that are violated most.

    Where the point has left g on the side of tangents, one more tangent there
    suffices and costs no binary; on the side of the chord the segment is split.  Either way
    old lines stay in force, so the MILP only ever gets smaller and its bound cannot rise.

    Parameters
    ----------
    network
        The network.
    plan
        Current segments.
    points
        Where the solver's point stands.
    tolerance
        Violations below it are let be (in units of the logit).
    most
        Largest number of neurons to refine, the two copies counted apart.

    Returns
    -------
    A finer plan, or None if nothing is violated or the segments are as narrow as they may be.
    """
    weights = downstream_weights(network)
    states: dict[tuple[int, int, int], tuple[float, float]] = {}
    errors: dict[tuple[int, int, int], float] = {}
    for (index, j), point in points.items():
        g = network.layers[index].activation
        mean = point.s if point.s is not None else 0.0
        for copy, sign in ((0, -0.5), (1, 0.5)):
            p = point.m + sign * point.d
            excess = mean + sign * point.h - float(g.value(np.array([p]))[0])
            states[copy, index, j] = (p, excess)
            errors[copy, index, j] = abs(excess) * float(weights[index][j])
    worst = max(errors.values(), default=0.0)
    if worst <= tolerance:
        return None
    ranked = sorted(errors, key=lambda key: -errors[key])
    finer = dict(plan)
    changed = False
    for key in ranked[:most]:
        if errors[key] <= max(tolerance, 0.1 * worst):
            continue
        p, excess = states[key]
        side = ABOVE if excess > 0 else BELOW
        sharper = _sharpen(network.layers[key[1]].activation, plan[key], side, p)
        changed = changed or sharper is not plan[key]
        finer[key] = sharper
    return finer if changed else None


def _sharpen(g: Activation, cover: tuple[Segment, ...], side: LineSide, p: float) -> tuple[Segment, ...]:
    """Sharpen the segments at p whose lines on this side are loose there; the same tuple if none can be."""
    # A solver's point may be outside by its tolerance.
    p = min(max(p, float(cover[0].box[0])), float(cover[-1].box[1]))
    value = side[1] * float(g.value(np.array([p]))[0])
    slack = [
        own.envelope(side, p) - value if side in own.planes and own.contains(p) else -np.inf for own in cover
    ]
    # At a common end both neighbours hold p, and one of them may be tight.
    loose = max(slack) / 2
    if loose <= 0:
        return cover
    result: list[Segment] = []
    for own, excess in zip(cover, slack, strict=True):
        if excess <= loose:
            result.append(own)
        elif own.touches(side):
            result.append(add_tangent(g, own, side, p))
        elif own.box[1] - own.box[0] > 2 * NARROWEST_CELL:
            result.extend(split_segment(g, own, p))
        else:
            result.append(own)
    return cover if all(new is old for new, old in zip(result, cover, strict=False)) else tuple(result)
