"""Sums of ReLUs hold every pair of pre-activations with its own s and h, and nothing else."""

from __future__ import annotations

import math

import numpy as np
import pyomo.environ as pyo
import pytest
from scipy.optimize import Bounds, LinearConstraint, milp

from nnff.encoding.piecewise import write_piecewise_copy, write_piecewise_pair
from nnff.encoding.writer import BlockWriter
from nnff.milp.compile import compile_model
from nnff.network.activation import activation
from nnff.ranges import LayerRanges, difference_range, mean_range
from nnff.ranges.outward import activation_range

NAMES = ["relu", "leaky_relu(0.1)", "leaky_relu(0.9)", "hard_sigmoid(0.25,0.5)", "hard_sigmoid(2.0,-0.3)"]
RANGES = [
    (-3.0, 3.0),
    (-0.5, 0.9),
    (1.0, 4.0),
    (-9.0, -2.5),
    (-1e-9, 2.0),
    (-2.5, 1e-9),
    (2.0, 5.0),
    (-4.0, 0.5),
]
named = pytest.mark.parametrize("name", NAMES)
ranged = pytest.mark.parametrize("ends", RANGES, ids=str)


class Written:
    """A model with some inputs that can be held, and forms of its outputs to be minimised and maximised."""

    def __init__(self):
        self.model = pyo.ConcreteModel()
        self.writer = BlockWriter(self.model)

    def solve(self, held, output, sign):
        """Return the least (sign 1) or largest (-1) value of a variable with others held."""
        if output is None:
            return 0.0
        if not hasattr(self.model, "objective"):
            self.model.objective = pyo.Objective(expr=0 * output)
            # Whatever stands in no row is left out of the matrix.
            self.writer.row([(1.0, variable) for variable, _ in held], -1e3, 1e3)
            self.compiled = compile_model(self.model)
        if self.compiled.place(output) is None:
            return output.lb if sign > 0 else output.ub  # in no row
        matrix = self.compiled.matrix
        lower, upper = matrix.col_lower.copy(), matrix.col_upper.copy()
        for variable, value in held:
            column, unit = self.compiled.place(variable)
            lower[column] = upper[column] = np.clip(value / unit, lower[column], upper[column])
        cost = np.zeros(matrix.n_columns)
        column, unit = self.compiled.place(output)
        cost[column] = sign * unit
        result = milp(
            cost,
            constraints=LinearConstraint(matrix.matrix, matrix.row_lower, matrix.row_upper),
            bounds=Bounds(lower, upper),
            integrality=matrix.integer.astype(int),
        )
        assert result.status == 0, result.message
        return sign * result.fun


@named
@ranged
def test_a_pair_has_its_own_mean_and_difference_only(name, ends):
    g, (low, high) = activation(name), ends
    rng = np.random.default_rng(1)
    reach = 0.4 * (high - low)
    known = LayerRanges(*(np.array([v]) for v in (low, high, -reach, reach)))
    a_low, a_high = mean_range(g, known)
    h_low, h_high = difference_range(g, known)
    built = Written()
    m, d = built.writer.variable(low, high), built.writer.variable(-reach, reach)
    outputs = ((float(a_low[0]), float(a_high[0])), (float(h_low[0]), float(h_high[0])))
    s, h = write_piecewise_pair(built.writer, g, m, d, known, 0, outputs)
    for p1 in (low, high, rng.uniform(low, high)):
        p2 = float(np.clip(p1 + rng.uniform(-reach, reach), low, high))
        held = [(m, (p1 + p2) / 2), (d, p2 - p1)]
        first, second = (float(g.value(np.array(p))) for p in (p1, p2))
        for sign in (1, -1):
            assert built.solve(held, h, sign) == pytest.approx(second - first, abs=2e-6)
            assert built.solve(held, s, sign) == pytest.approx((first + second) / 2, abs=2e-6)


@named
@ranged
def test_a_copy_has_its_own_value_only(name, ends):
    g, (low, high) = activation(name), ends
    bounds = activation_range(g, np.array([low]), np.array([high]))
    built = Written()
    p = built.writer.variable(low, high)
    a = write_piecewise_copy(built.writer, g, p, ends, (float(bounds[0][0]), float(bounds[1][0])))
    for value in (low, high, np.random.default_rng(2).uniform(low, high)):
        for sign in (1, -1):
            found = built.solve([(p, value)], a, sign)
            assert found == pytest.approx(float(g.value(np.array(value))), abs=2e-6)


def test_only_kinks_inside_the_range_cost_binaries():
    for name, ends, count in [
        ("hard_sigmoid(0.25,0.5)", (-1.0, 1.0), 0),
        ("hard_sigmoid(0.25,0.5)", (-3.0, 1.0), 1),
        ("hard_sigmoid(0.25,0.5)", (-3.0, 3.0), 2),
        ("hard_sigmoid(0.25,0.5)", (3.0, 5.0), 0),
        ("leaky_relu(0.1)", (-1.0, 1.0), 1),
        ("leaky_relu(0.1)", (-3.0, -1.0), 0),
    ]:
        built = Written()
        p = built.writer.variable(*ends)
        write_piecewise_copy(built.writer, activation(name), p, ends, (-math.inf, math.inf))
        assert len(built.model.binaries) == count, (name, ends)
