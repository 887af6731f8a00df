"""Unions of cells: every point of the graph survives, in whichever cell it lies."""

from __future__ import annotations

import itertools

import numpy as np
import pyomo.environ as pyo
import pytest
from scipy.optimize import Bounds, LinearConstraint, milp

from nnff.encoding.cells import make_cells, split_boxes
from nnff.encoding.relational import HIDDEN_SIDES, OUTPUT_SIDES
from nnff.encoding.smooth import write_cells, write_envelope_cuts
from nnff.encoding.writer import BlockWriter
from nnff.network.activation import activation


class Neuron:
    """One smooth neuron in a model of its own."""

    def __init__(self, name, box, cells, sides):
        self.writer = BlockWriter(pyo.ConcreteModel())
        g = activation(name)
        self.g = g
        self.m, self.d = self.writer.variable(*box[:2]), self.writer.variable(*box[2:])
        h, s = self.writer.variable(-2.0, 2.0), self.writer.variable(-1.0, 1.0)
        self.outputs = {"H": h, "S": s} if ("S", 1) in sides else {"H": h}
        self.choice = write_cells(self.writer, (self.m, self.d), self.outputs, cells)
        block = self.writer.block
        self.order = [*block.columns.values(), *block.binaries.values()]
        self.index = {id(v): k for k, v in enumerate(self.order)}

    def extreme(self, m, d, quantity, sign, *, relax=False):
        """Largest ``sign * output`` at (m, D); None if there is no such point."""
        a = np.zeros((len(self.writer.block.rows), len(self.order)))
        low, high = np.full(len(a), -np.inf), np.full(len(a), np.inf)
        for k, row in enumerate(self.writer.block.rows.values()):
            for c, v in zip(row.body.linear_coefs, row.body.linear_vars, strict=True):
                a[k, self.index[id(v)]] = c
            low[k], high[k] = (-np.inf if row.lb is None else row.lb), (np.inf if row.ub is None else row.ub)
        bounds = np.array([[v.lb, v.ub] for v in self.order], dtype=float)
        for variable, value in ((self.m, m), (self.d, d)):
            bounds[self.index[id(variable)]] = value
        cost = np.zeros(len(self.order))
        cost[self.index[id(self.outputs[quantity])]] = -sign
        whole = [v.is_binary() and not relax for v in self.order]
        found = milp(
            cost,
            integrality=np.array(whole, dtype=int),
            bounds=Bounds(*bounds.T),
            constraints=LinearConstraint(a, low, high),
            options={"presolve": False},
        )
        return None if found.x is None else -found.fun


def cells_of(name, box, sides, cuts, rng):
    g = activation(name)
    cells = make_cells(g, [box], sides)
    for _ in range(cuts):
        at = int(rng.integers(len(cells)))
        old = cells[at].box
        m, d = rng.uniform(*old[:2]), rng.uniform(*old[2:])
        cells[at : at + 1] = make_cells(
            g, split_boxes(old, m, d, int(rng.integers(2))), sides, [cells[at]] * 2
        )
    return cells


@pytest.mark.parametrize("name", ["sigmoid", "tanh"])
@pytest.mark.parametrize("cuts", [0, 1, 4])
@pytest.mark.parametrize("sides", [HIDDEN_SIDES, OUTPUT_SIDES], ids=["hidden", "output"])
def test_every_point_of_the_graph_is_held(name, cuts, sides):
    rng = np.random.default_rng(cuts)
    low = 0.0 if sides is OUTPUT_SIDES else -1.0
    box = np.array([-2.0, 3.0, low, 1.5])
    cells = cells_of(name, box, sides, cuts, rng)
    neuron = Neuron(name, box, cells, sides)
    assert len(neuron.choice) == (len(cells) if cuts else 0)
    edges = [(c.box[0], c.box[2]) for c in cells] + [(c.box[1], c.box[3]) for c in cells]
    inside = zip(rng.uniform(*box[:2], 6), rng.uniform(*box[2:], 6), strict=True)
    for m, d in [*itertools.islice(edges, 6), *inside]:
        for quantity, sign in sides:
            value = neuron.g.difference if quantity == "H" else neuron.g.mean
            exact = sign * float(value(np.array([m]), np.array([d]))[0])
            reached = neuron.extreme(m, d, quantity, sign)
            assert reached is not None
            assert reached >= exact - 1e-6
            # No more than the loosest cell that holds the point allows.
            own = max(c.envelope((quantity, sign), m, d) for c in cells if c.contains(m, d))
            assert reached <= own + 1e-6


def test_an_output_without_a_plane_below_still_vanishes_outside_its_cell():
    """At the output only planes above H are kept; h of the other cells must be 0, not at its bound."""
    rng = np.random.default_rng(1)
    box = np.array([-2.0, 3.0, 0.0, 1.5])
    cells = cells_of("sigmoid", box, OUTPUT_SIDES, 3, rng)
    neuron = Neuron("sigmoid", box, cells, OUTPUT_SIDES)
    lowest = neuron.extreme(0.5, 1.0, "H", -1)
    assert lowest == pytest.approx(2.0, abs=1e-6), "only the bound of h limits it from below"
    assert neuron.extreme(0.5, 1.0, "H", 1) <= max(c.envelope(("H", 1), 0.5, 1.0) for c in cells) + 1e-6


def test_more_cells_are_tighter():
    rng = np.random.default_rng(2)
    box = np.array([-3.0, 3.0, 0.0, 1.0])
    slack = []
    for cuts in (0, 3, 12):
        cells = cells_of("sigmoid", box, OUTPUT_SIDES, cuts, rng)
        neuron = Neuron("sigmoid", box, cells, OUTPUT_SIDES)
        points = [(-2.0, 0.5), (1.0, 0.5), (2.5, 0.8)]
        exact = [float(neuron.g.difference(np.array([m]), np.array([d]))[0]) for m, d in points]
        slack.append(sum(neuron.extreme(m, d, "H", 1) - e for (m, d), e in zip(points, exact, strict=True)))
    assert slack[0] > slack[1] > slack[2] > -1e-6


def test_cuts_hold_for_the_differences_they_are_made_for():
    writer = BlockWriter(pyo.ConcreteModel())
    d, h = writer.variable(0.0, 2.0), writer.variable(0.0, 1.0)
    write_envelope_cuts(writer, d, h, np.array([0.25, 0.1]), np.array([0.0, 0.3]))
    found = [(row.ub, list(row.body.linear_coefs)) for row in writer.block.rows.values()]
    assert found == [(0.0, [1.0, -0.25]), (0.3, [1.0, -0.1])]
