r"""One copy of the network on the ball around a row that is held: the worst x* of Problem 2 as a MILP.

.. math:: \max_x \; \pm f(x) \quad\text{for } x \text{ in the domain with } d_{fair}(x_i, x) \le \epsilon.

Piecewise-linear neurons are exact; smooth ones lie between lines over segments, as in a copy of
`nnff.encoding.twin`, whose writers are used.  The last activation is left out: it must not decrease, so
that the same x are worst for the linear output before it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyomo.environ as pyo

from nnff.domain import Domain
from nnff.encoding.affine import write_affine
from nnff.encoding.encoded import CellPoint, Encoded
from nnff.encoding.objective import write_objective
from nnff.encoding.twin import (
    SegmentPlan,
    initial_segments,
    refine_segments,
    write_piecewise_layer,
    write_smooth_copy,
)
from nnff.encoding.writer import BlockWriter
from nnff.errors import ProblemError
from nnff.milp.compile import compile_model
from nnff.network import Network, Scaling
from nnff.problem import Problem
from nnff.ranges import LayerRanges, Ranges, interval_ranges
from nnff.ranges.interval import input_difference_reach
from nnff.ranges.outward import activation_range, affine_range

if TYPE_CHECKING:
    from nnff.similarity import Metric
    from nnff.values import FloatArray

__all__ = ["Around"]

_SEGMENTS = 8
_COPY = 0
"""Which copy of the twin's plan this one follows; both have the same segments in hidden layers."""


@dataclass(frozen=True, eq=False)
class Around:
    """The ball around one row.

    Attributes
    ----------
    problem
        Its domain is the box of the ball, its network ends in its linear output.
    row
        x_i, raw units, shape (n,).
    ranges
        Of every neuron over the ball.
    """

    problem: Problem
    row: FloatArray
    ranges: Ranges

    @classmethod
    def of(cls, network: Network, domain: Domain, metric: Metric, epsilon: float, row: FloatArray) -> Around:
        """Return the ball around `row`, which need not lie in the domain, in the network's own scaling.

        Sound: by `Problem.radius` and the domain no similar x leaves the box; a pre-activation of the first
        layer is that of the row plus ``W d``, which `input_difference_reach` bounds over the ball; later
        layers follow by intervals, rounded outward.

        Raises
        ------
        ProblemError
            If the last activation is not monotone.
        """
        if not network.layers[-1].activation.monotone:
            raise ProblemError(
                f"the output {network.layers[-1].activation_name} is not monotone; "
                "the worst point of its linear output need not be its own"
            )
        last = replace(network.layers[-1], activation_name="identity")
        linear = replace(
            network, layers=(*network.layers[:-1], last), output_scaling=Scaling.none(1), input_range=None
        )
        low, high = np.minimum(domain.lower, row), np.maximum(domain.upper, row)
        low, high = np.where(domain.immutable, row, low), np.where(domain.immutable, row, high)
        whole = Domain(low, high, domain.integer & (row == np.rint(row)), feature_names=domain.feature_names)
        reach = Problem(linear, whole, metric, epsilon).radius
        near = Domain(
            np.maximum(whole.lower, np.nextafter(row - reach, -np.inf)),
            np.minimum(whole.upper, np.nextafter(row + reach, np.inf)),
            whole.integer,
            feature_names=domain.feature_names,
        )
        problem = Problem(linear, near, metric, epsilon)
        return cls(problem, row, _ranges(problem, row))

    @property
    def first_plan(self) -> SegmentPlan:
        """Segments of smooth neurons to begin with."""
        return initial_segments(self.problem.network, self.ranges, _SEGMENTS)

    def encode(self, plan: SegmentPlan, *, rising: bool) -> Encoded:
        """Encode the search for the x with the largest output, or with `rising` false the smallest.

        ``Encoded.delta`` of a bound is then an upper bound of f(x), or of -f(x), over the ball (f linear, see
        the module), and ``Encoded.pair`` gives the row and x.

        Sound: of a similar x in the domain every pre-activation lies in its range, ReLU outputs satisfy the
        big-M rows and smooth outputs lie between the lines of their segment, so x is a point of the MILP
        with its own output as the objective.
        """
        network = self.problem.network
        model = pyo.ConcreteModel()
        root = BlockWriter(model)
        inputs = self._write_inputs(root.child("ball"))
        values: list[Any | None] = list(inputs)
        written: dict[tuple[int, int], tuple[Any, Any]] = {}
        for index, (layer, known) in enumerate(zip(network.layers, self.ranges.layers, strict=True)):
            writer = root.child(f"layer{index + 1}")
            pre = write_affine(writer, layer.weight, layer.bias, values, known.lower, known.upper)
            if layer.activation.smooth:
                covers = [plan[_COPY, index, j] for j in range(layer.n_outputs)]
                values = write_smooth_copy(writer, layer.activation, pre, known, covers)
                written.update({(index, j): pair for j, pair in enumerate(zip(pre, values, strict=True))})
            else:
                values = write_piecewise_layer(writer, layer.activation, pre, known)
        last = self.ranges.layers[-1]
        reach = max(abs(float(last.lower[0])), abs(float(last.upper[0])))
        unit = write_objective(model, [(1.0 if rising else -1.0, values[0])], reach)
        compiled = compile_model(model)

        def pair(x: FloatArray) -> tuple[FloatArray, FloatArray]:
            z = np.array([compiled.value(x, variable) for variable in inputs])
            return self.row, network.input_scaling.invert(z)

        def neurons(x: FloatArray) -> dict[tuple[int, int], CellPoint]:
            found = {key: (compiled.value(x, p), compiled.value(x, a)) for key, (p, a) in written.items()}
            return {key: CellPoint(p, 0.0, 0.0, a) for key, (p, a) in found.items()}

        return Encoded(
            matrix=compiled.matrix,
            factor=1.0 / unit,
            pair=pair,
            neurons=neurons,
            compile_seconds=compiled.seconds,
        )

    def refine(
        self, plan: SegmentPlan, encoded: Encoded, x: FloatArray, tolerance: float
    ) -> SegmentPlan | None:
        """Sharpen the segments in which `x` stands, or return None where nothing is violated."""
        return refine_segments(self.problem.network, plan, encoded.neurons(x), tolerance=tolerance)

    def _write_inputs(self, writer: BlockWriter) -> list[Any]:
        """Write the inputs z of every similar x in the domain."""
        domain, scaling = self.problem.domain, self.problem.network.input_scaling
        known, here = self.ranges.inputs, scaling.apply(self.row)
        inputs, differences = [], []
        for i in range(domain.n_features):
            low, high = float(known.lower[i]), float(known.upper[i])
            z = writer.variable(low, high)
            # The row's own z carries the rounding that `InputRanges` allows for.
            d = writer.variable(min(low - float(here[i]), 0.0), max(high - float(here[i]), 0.0))
            writer.row([(1.0, d), (-1.0, z)], -float(here[i]), -float(here[i]))
            if domain.integer[i] and domain.lower[i] < domain.upper[i]:
                scale = float(scaling.scale[i])
                count = writer.variable(0.0, float(domain.width[i]), integer=True)
                shift = (float(domain.lower[i]) - float(scaling.center[i])) / scale
                writer.row([(1.0, z), (-1.0 / scale, count)], shift, shift)
            inputs.append(z)
            differences.append(d)
        self.problem.metric.encode(writer.child("similarity"), differences, self.problem.epsilon_outward)
        return inputs


def _ranges(problem: Problem, row: FloatArray) -> Ranges:
    """Propagate ranges from the ball; see `Around.of`."""
    network = problem.network
    inputs = interval_ranges(problem).inputs
    z = network.input_scaling.apply(row)
    low, high = inputs.lower, inputs.upper
    layers: list[LayerRanges] = []
    for index, layer in enumerate(network.layers):
        lower, upper = affine_range(layer.weight, layer.bias, low, high)
        if index == 0:
            here = affine_range(layer.weight, layer.bias, z, z)
            reach = input_difference_reach(problem, inputs, layer.weight)
            # z as computed is off by at most what the input ranges allow for; so is W z.
            size = np.abs(layer.weight) @ (np.abs(z) + np.abs(network.input_scaling.center)) * 2.0**-48
            lower, upper = (
                np.maximum(lower, here[0] - reach - size),
                np.minimum(upper, here[1] + reach + size),
            )
        layers.append(LayerRanges(lower, upper, lower - upper, upper - lower))
        low, high = activation_range(layer.activation, lower, upper)
    return Ranges(inputs, tuple(layers))
