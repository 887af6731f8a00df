"""ReLU on a pair: exact, whatever the signs of the ranges."""

from __future__ import annotations

import itertools

import numpy as np
import pyomo.environ as pyo
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnff.encoding.relu import write_nearly_stable_relu, write_relu
from nnff.encoding.writer import BlockWriter


def build(bounds, reach, h_bounds, write=write_relu):
    writer = BlockWriter(pyo.ConcreteModel())
    m, d = writer.variable(*bounds), writer.variable(*reach)
    if write is write_relu:
        s, h = write_relu(writer, m, d, (bounds, bounds), reach, h_bounds)
    else:
        s, h = write_nearly_stable_relu(writer, m, d, bounds, active=-bounds[0] < bounds[1])
    return writer, (m, d, s, h)


def excess(writer, values, tolerance=0.0):
    """Return the largest violation of a bound or row at a full assignment of the variables."""
    worst = -np.inf
    for variable in [*writer.block.columns.values(), *writer.block.binaries.values()]:
        value = values[id(variable)]
        worst = max(worst, variable.lb - value, value - variable.ub)
    for row in writer.block.rows.values():
        total = sum(
            c * values[id(v)] for c, v in zip(row.body.linear_coefs, row.body.linear_vars, strict=True)
        )
        worst = max(
            worst,
            -np.inf if row.lb is None else row.lb - total,
            -np.inf if row.ub is None else total - row.ub,
        )
    return worst


def relu(p):
    return max(p, 0.0)


@st.composite
def neurons(draw):
    """An unstable range, any D range within it, and a pair in both."""
    low, high = draw(st.floats(-5, -1e-3)), draw(st.floats(1e-3, 5))
    p1, p2 = draw(st.floats(low, high)), draw(st.floats(low, high))
    d = p2 - p1
    n = draw(st.sampled_from([low - high, d, min(d, 0.0), d - 0.1]))
    p = draw(st.sampled_from([high - low, d, max(d, 0.0), d + 0.1]))
    return (low, high), (n, p), (p1, p2)


@given(neurons())
@settings(max_examples=500, deadline=None, derandomize=True)
def test_every_pair_satisfies_the_rows_with_its_own_binaries(neuron):
    bounds, reach, (p1, p2) = neuron
    a1, a2 = relu(p1), relu(p2)
    h_bounds = (min(reach[0], 0.0), max(reach[1], 0.0))
    writer, (m, d, s, h) = build(bounds, reach, h_bounds)
    first, second = writer.block.binaries.values()
    values = {
        id(m): (p1 + p2) / 2,
        id(d): p2 - p1,
        id(s): (a1 + a2) / 2,
        id(h): a2 - a1,
        id(first): float(p1 >= 0),
        id(second): float(p2 >= 0),
    }
    assert excess(writer, values) <= 1e-14 * (1 + abs(bounds[0]) + bounds[1])


@given(neurons(), st.floats(-1, 1), st.floats(-1, 1))
@settings(max_examples=500, deadline=None, derandomize=True)
def test_nothing_else_does(neuron, off_s, off_h):
    """At a given (m, D), any other (s, h) breaks a row for all four choices of the binaries."""
    bounds, reach, (p1, p2) = neuron
    if abs(off_s) + abs(off_h) < 1e-3:
        off_s = 1e-3
    h_bounds = (-10.0, 10.0)
    writer, (m, d, s, h) = build(bounds, reach, h_bounds)
    first, second = writer.block.binaries.values()
    a1, a2 = relu(p1), relu(p2)
    values = {id(m): (p1 + p2) / 2, id(d): p2 - p1, id(s): (a1 + a2) / 2 + off_s, id(h): a2 - a1 + off_h}
    for b1, b2 in itertools.product((0.0, 1.0), repeat=2):
        assert excess(writer, values | {id(first): b1, id(second): b2}) >= 1e-4


@pytest.mark.parametrize("reach", [(0.2, 1.0), (-1.0, -0.2), (0.0, 1.0), (-1.0, 0.0)])
def test_a_difference_of_one_sign_orders_the_binaries(reach):
    writer, _ = build((-1.0, 1.0), reach, (-1.0, 1.0))
    first, second = writer.block.binaries.values()
    pairs = [
        {id(v): c for c, v in zip(row.body.linear_coefs, row.body.linear_vars, strict=True)}
        for row in writer.block.rows.values()
        if {id(v) for v in row.body.linear_vars} == {id(first), id(second)}
    ]
    rising = {id(second): 1.0, id(first): -1.0}
    falling = {id(first): 1.0, id(second): -1.0}
    wanted = [row for row, holds in ((rising, reach[0] >= 0), (falling, reach[1] <= 0)) if holds]
    assert pairs == wanted


def test_the_relaxation_shrinks_with_the_difference():
    """With the binaries relaxed, |h| is still at most about |D|: the reason for the four extra rows."""
    from scipy.optimize import linprog

    reach = 1e-2
    writer, (m, d, s, h) = build((-3.0, 3.0), (-reach, reach), (-3.0, 3.0))
    order = [m, d, s, h, *writer.block.binaries.values()]
    index = {id(v): k for k, v in enumerate(order)}
    a, b = [], []
    for row in writer.block.rows.values():
        coefficients = np.zeros(len(order))
        for c, v in zip(row.body.linear_coefs, row.body.linear_vars, strict=True):
            coefficients[index[id(v)]] = c
        if row.ub is not None:
            a.append(coefficients)
            b.append(row.ub)
        if row.lb is not None:
            a.append(-coefficients)
            b.append(-row.lb)
    cost = np.zeros(len(order))
    cost[3] = -1.0
    found = linprog(cost, A_ub=np.array(a), b_ub=b, bounds=[(v.lb, v.ub) for v in order])
    assert -found.fun <= reach * (1 + 1e-9)


@given(
    st.floats(1e-12, 1e-7),
    st.floats(0.1, 5),
    st.booleans(),
    st.floats(0, 1),
    st.floats(0, 1),
)
@settings(max_examples=300, deadline=None, derandomize=True)
def test_a_nearly_stable_neuron_holds_every_pair(hair, wide, active, share1, share2):
    low, high = (-hair, wide) if active else (-wide, hair)
    p1, p2 = (low + share * (high - low) for share in (share1, share2))
    # The pairs that matter: those on either side of 0.
    p1 = p1 if share1 < 0.9 else (low if active else high)
    writer, (m, d, s, h) = build((low, high), (low - high, high - low), None, write=write_nearly_stable_relu)
    assert not list(writer.block.binaries.values())
    a1, a2 = relu(p1), relu(p2)
    values = {id(m): (p1 + p2) / 2, id(d): p2 - p1, id(s): (a1 + a2) / 2, id(h): a2 - a1}
    if active:
        errors = [v for v in writer.block.columns.values() if id(v) not in values]
        values |= {id(errors[0]): values[id(s)] - values[id(m)], id(errors[1]): values[id(h)] - values[id(d)]}
    assert excess(writer, values) <= 1e-14 * (1 + wide)
