r"""Strategy ``relational``: the pair in midpoint-difference coordinates.

With xm = (x' + x'')/2 and d = x'' - x', every affine layer acts exactly and
separately on midpoints and differences,

.. math::  m = W s + b, \qquad D = W h,

and only activations couple the two: s = S(m, D), h = H(m, D).  Piecewise-linear ones are exact
(`nnff.encoding.piecewise`), smooth activations are covered by cells with sound
planes (`nnff.encoding.smooth`).  The relaxation error of H scales with |D|, so
with epsilon, which two independent copies of the network cannot achieve.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyomo.environ as pyo

from nnff.encoding.affine import write_affine
from nnff.encoding.cells import Cell, CellPlan, Neuron, Side, make_cells, rectangles
from nnff.encoding.encoded import CellPoint, Encoded, NeuronColumns
from nnff.encoding.margin import write_margin
from nnff.encoding.objective import write_objective
from nnff.encoding.pair import write_pair
from nnff.encoding.piecewise import write_piecewise_pair
from nnff.encoding.planes import bend_width, plane_shift
from nnff.encoding.smooth import write_cells, write_envelope_cuts
from nnff.encoding.writer import BlockWriter
from nnff.milp.compile import Compiled, compile_model
from nnff.ranges import difference_range, mean_range

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nnff.encoding.embedded_pair import EmbeddedPair
    from nnff.network import Activation, Network
    from nnff.problem import Problem
    from nnff.ranges import LayerRanges, Ranges
    from nnff.values import FloatArray

__all__ = [
    "HIDDEN_SIDES",
    "OUTPUT_SIDES",
    "Written",
    "cell_sides",
    "encode_relational",
    "initial_plan",
    "needs_midpoint",
    "tie_copies",
    "write_activation",
]

DIFFERENCE_SIDES: tuple[Side, ...] = (("H", 1), ("H", -1))
HIDDEN_SIDES: tuple[Side, ...] = (*DIFFERENCE_SIDES, ("S", 1), ("S", -1))
OUTPUT_SIDES: tuple[Side, ...] = (("H", 1),)

_OUTPUT_CUTS = np.array([-4.0, -2.0, -1.0, 0.0, 1.0, 2.0, 4.0])
"""Where the output's midpoint range is cut at first, for the sigmoid; others in proportion to their bend."""

_MOST_SPLIT = 100

_Handles = list[Any | None]
"""One variable per neuron; None stands for the constant 0."""


def needs_midpoint(network: Network, *, last: bool = False) -> tuple[bool, ...]:
    """Tell for each layer whether its pre-activation midpoint m enters the model.

    m of a layer is needed if its own activation is not linear or a later
    layer needs the mean s of its outputs; and if the objective needs m of the `last`, as a flip's does.
    """
    needed: list[bool] = []
    later = last
    for layer in reversed(network.layers):
        later = layer.activation_name != "identity" or later
        needed.append(later)
    return tuple(reversed(needed))


def cell_sides(network: Network, layer: int, *, last: bool = False) -> tuple[Side, ...]:
    """Return which planes the cells of a layer need; `last` as in `needs_midpoint`."""
    if layer == len(network.layers) - 1:
        return OUTPUT_SIDES
    return HIDDEN_SIDES if needs_midpoint(network, last=last)[layer + 1] else DIFFERENCE_SIDES


def initial_plan(problem: Problem, ranges: Ranges) -> dict[Neuron, tuple[Cell, ...]]:
    """Return the first cells: the range of (m, D), split at D = 0 where D changes sign.

    With more than `_MOST_SPLIT` smooth hidden neurons no neuron is split before refinement asks for
    it: no solver branches on so many, and their relaxation is nearly as tight without.
    At the output only D >= 0 matters (`nnff.encoding.cells.rectangles`).  Its one neuron
    is cut in m where it bends instead, because its error is the objective's own
    (measured in docs/decisions: fewer rounds and nodes on seven public networks).
    """
    network = problem.network
    smooth = sum(layer.n_outputs for layer in network.layers[:-1] if layer.activation.smooth)
    plan: dict[Neuron, tuple[Cell, ...]] = {}
    for index, layer in enumerate(network.layers):
        if not layer.activation.smooth:
            continue
        output = index == len(network.layers) - 1
        boxes: list[FloatArray] = []
        owners: list[int] = []
        for j, (*m, low, high) in enumerate(rectangles(network, ranges, index)):
            if output:
                inner = bend_width(layer.activation) / np.sqrt(2) * _OUTPUT_CUTS
                places = [m[0], *inner[(inner > m[0]) & (inner < m[1])], m[1]]
                pieces = [(a, b, low, high) for a, b in itertools.pairwise(places)]
            elif low < 0 < high and smooth <= _MOST_SPLIT:
                pieces = [(*m, low, 0.0), (*m, 0.0, high)]
            else:
                pieces = [(*m, low, high)]
            boxes.extend(np.array(piece) for piece in pieces)
            owners.extend([j] * len(pieces))
        cells = make_cells(layer.activation, boxes, cell_sides(network, index, last=problem.flip is not None))
        for j in range(layer.n_outputs):
            plan[index, j] = tuple(c for c, owner in zip(cells, owners, strict=True) if owner == j)
    return plan


@dataclass
class Written:
    """Variables of one smooth neuron, to read its state from a solver's point."""

    m: Any
    d: Any
    h: Any
    s: Any | None
    choices: tuple[Any, ...] = ()


def encode_relational(
    problem: Problem, ranges: Ranges, plan: CellPlan, embedded: EmbeddedPair | None = None
) -> Encoded:
    """Encode Problem 1 in midpoint-difference coordinates.

    Sound: every feasible pair that the ranges hold, ordered so that the output difference is not
    negative, extends to a feasible point of the MILP whose objective is at
    least that difference.  Each block says why in its own docstring.  With a floor
    (`nnff.ranges.Ranges`) pairs that differ by less are left out.

    Parameters
    ----------
    problem
        The problem; its metric and domain must be symmetric in the pair.
    ranges
        Sound ranges for every neuron.
    plan
        Cells for every smooth neuron, covering its ranges (`initial_plan`).
    embedded
        The embedding of the problem's metric, if it has one.  Without it the encoding holds pairs at
        any distance.
    """
    network = problem.network
    model = pyo.ConcreteModel()
    root = BlockWriter(model)
    pair = write_pair(root.child("pair"), problem, ranges.inputs)
    inner: dict[Neuron, Written] = {}
    if embedded is not None and embedded.shared:
        embedded.plan = plan
    elif embedded is not None:
        inner = embedded.write(root.child("embedding"), pair)
    midpoints: _Handles = list(pair.midpoint)
    differences: _Handles = list(pair.difference)
    needed = needs_midpoint(network, last=problem.flip is not None)
    written: dict[Neuron, Written] = {}
    pre: dict[Neuron, tuple[Any | None, Any]] = {}
    last = len(network.layers) - 1
    for index, (layer, known) in enumerate(zip(network.layers, ranges.layers, strict=True)):
        writer = root.child(f"layer{index + 1}")
        m_handles = (
            write_affine(
                writer, layer.weight, layer.bias, midpoints, known.midpoint_lower, known.midpoint_upper
            )
            if needed[index]
            else [None] * layer.n_outputs
        )
        d_lower = known.difference_lower
        if index == last and layer.activation.monotone:
            d_lower = np.maximum(d_lower, 0.0)
        d_handles = write_affine(
            writer, layer.weight, np.zeros(layer.n_outputs), differences, d_lower, known.difference_upper
        )
        if needed[index]:
            tie_copies(writer, m_handles, d_handles, known)
        for j, (m, d) in enumerate(zip(m_handles, d_handles, strict=True)):
            pre[index, j] = (m, d)
        wants_mean = index < last and needed[index + 1]
        midpoints, differences = write_activation(
            writer, layer.activation, index, m_handles, d_handles, known, plan, wants_mean, written
        )
        if embedded is not None and embedded.shared == index + 1:
            embedded.write_ball(root.child("embedding"), differences)
    objective = differences[0]
    if objective is None:
        objective = root.variable(0.0, 0.0)
    if problem.flip is not None:
        m, d = pre[last, 0]
        objective = write_margin(
            root.child("margin"), problem, ranges, [(1.0, m), (0.5, d)], [(1.0, m), (-0.5, d)]
        )
    else:
        # Of each pair one order has a difference that is not negative: where g does not decrease, it is
        # that in which Dout is not.
        root.row([(1.0, objective)], max(ranges.floor, 0.0), np.inf)
    unit = write_objective(model, [(1.0, objective)], root.bounds(objective)[1])
    compiled = compile_model(model)
    return Encoded(
        matrix=compiled.matrix,
        factor=float(abs(network.output_scaling.scale[0])) / unit,
        pair=_pair_reader(compiled, problem, pair.midpoint, pair.difference),
        neurons=lambda x: _cell_points(compiled, written, x),
        embedding_neurons=lambda x: _cell_points(compiled, inner, x),
        columns={
            key: NeuronColumns(
                None if m is None else compiled.place(m),
                None if d is None else compiled.place(d),
                tuple(compiled.column[y] for y in written[key].choices) if key in written else (),
            )
            for key, (m, d) in pre.items()
        },
        cells=sum(len(cells) for cells in plan.values()) + (0 if embedded is None else embedded.n_cells),
        compile_seconds=compiled.seconds,
    )


def _cell_points(
    compiled: Compiled, written: Mapping[Neuron, Written], x: FloatArray
) -> dict[Neuron, CellPoint]:
    return {
        key: CellPoint(
            compiled.value(x, w.m),
            compiled.value(x, w.d),
            compiled.value(x, w.h),
            None if w.s is None else compiled.value(x, w.s),
        )
        for key, w in written.items()
    }


def tie_copies(writer: BlockWriter, ms: _Handles, ds: _Handles, known: LayerRanges) -> None:
    """Add that the pre-activations m - D/2 and m + D/2 lie in their ranges."""
    for j, (m, d) in enumerate(zip(ms, ds, strict=True)):
        writer.row([(1.0, m), (0.5, d)], float(known.second_lower[j]), float(known.second_upper[j]))
        writer.row([(1.0, m), (-0.5, d)], float(known.first_lower[j]), float(known.first_upper[j]))


def write_activation(
    writer: BlockWriter,
    g: Activation,
    index: int,
    ms: _Handles,
    ds: _Handles,
    known: LayerRanges,
    plan: CellPlan,
    wants_mean: bool,  # noqa: FBT001
    written: dict[Neuron, Written],
) -> tuple[_Handles, _Handles]:
    """Couple midpoints and differences through one layer's activation."""
    if g.name == "identity":
        return ms, ds
    a_lower, a_upper = mean_range(g, known)
    h_lower, h_upper = difference_range(g, known)
    means: _Handles = []
    differences: _Handles = []
    for j, (m, d) in enumerate(zip(ms, ds, strict=True)):
        h_range = (float(h_lower[j]), float(h_upper[j]))
        if g.smooth:
            h = writer.variable(*h_range)
            s = writer.variable(float(a_lower[j]), float(a_upper[j])) if wants_mean else None
            outputs = {"H": h} if s is None else {"H": h, "S": s}
            choices = write_cells(writer, (m, d), outputs, plan[index, j])
            if g.steepest is not None and ("H", -1) not in plan[index, j][0].planes:
                _closed_form_cuts(writer, g, d, h, float(known.difference_upper[j]), known, j)
            written[index, j] = Written(m, d, h, s, choices)
        else:
            s_range = (float(a_lower[j]), float(a_upper[j]))
            s, h = write_piecewise_pair(writer, g, m, d, known, j, (s_range, h_range))
        means.append(s)
        differences.append(h)
    return means, differences


def _closed_form_cuts(
    writer: BlockWriter, g: Activation, d: Any, h: Any, reach: float, known: LayerRanges, j: int
) -> None:
    """Add tangents of max over m of H(m, D) on 0 <= D <= reach.

    H(m, D) <= H(m*, D) with m* the midpoint nearest to where g is steepest.  Their slopes are those of
    H(m*, .), for m* = 0 g'(D/2); each is shifted until it is proven to lie above H
    on the line m = m*, like any other plane, so it is a valid cut whatever the cells.
    """
    if reach <= 0:
        return
    at = reach * np.array([0.0, 0.05, 0.12, 0.25, 0.45, 0.7, 1.0])
    assert g.steepest is not None
    nearest = float(np.clip(g.steepest, known.midpoint_lower[j], known.midpoint_upper[j]))
    slopes = (g.derivative(nearest + at / 2) + g.derivative(nearest - at / 2)) / 2
    boxes = np.tile([nearest, nearest, 0.0, reach], (len(at), 1))
    planes = np.stack([np.zeros(len(at)), slopes], axis=1)
    shifts = plane_shift(g, "H", np.ones(len(at)), planes, boxes)
    write_envelope_cuts(writer, d, h, slopes, shifts)


def _pair_reader(compiled: Compiled, problem: Problem, midpoint: Any, difference: Any) -> Any:
    scaling = problem.network.input_scaling

    def read(x: FloatArray) -> tuple[FloatArray, FloatArray]:
        zm = np.array([compiled.value(x, v) for v in midpoint])
        dz = np.array([compiled.value(x, v) for v in difference])
        return scaling.invert(zm - dz / 2), scaling.invert(zm + dz / 2)

    return read
