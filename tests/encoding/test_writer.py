"""The writer states what it is told, or a little less, never more."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pyomo.environ as pyo
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnff.encoding.writer import NARROWEST_RANGE, BlockWriter

ENDS = st.floats(-1e6, 1e6) | st.floats(-1e-8, 1e-8) | st.sampled_from([0.0, 1e-300, 5e8, -5e8, 1e9])


@pytest.fixture
def writer():
    return BlockWriter(pyo.ConcreteModel())


def rows(writer):
    """Each row as (lower, {variable: coefficient}, upper)."""
    found = []
    for row in writer.block.rows.values():
        body = row.body
        terms = {id(v): c for c, v in zip(body.linear_coefs, body.linear_vars, strict=True)}
        found.append((row.lb, terms, row.ub))
    return found


@given(st.tuples(ENDS, ENDS), st.floats(0, 3e-7))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_a_range_is_never_narrowed_and_never_a_hair(ends, hair):
    for low, high in (sorted(ends), (ends[0], ends[0] + hair)):
        variable = BlockWriter(pyo.ConcreteModel()).variable(low, high)
        assert variable.lb <= low <= high <= variable.ub
        size = max(abs(low), abs(high))
        if low == high:
            assert variable.lb == variable.ub
        else:
            assert variable.ub - variable.lb >= max(high - low, 0.5 * min(NARROWEST_RANGE * size, 1.0))
        assert Fraction(variable.ub) - Fraction(variable.lb) <= 2 * NARROWEST_RANGE * (1 + size) + (
            high - low
        )


def test_whole_numbers_keep_their_range(writer):
    variable = writer.variable(0.0, 3.0, integer=True)
    assert variable.is_integer()
    assert (variable.lb, variable.ub) == (0, 3)
    assert writer.bounds(variable) == (0.0, 3.0)
    assert writer.bounds(writer.binary()) == (0.0, 1.0)


def test_a_row_is_what_it_was_told(writer):
    x, y = writer.variable(0, 1), writer.variable(-1, 1)
    writer.row([(2.0, x), (-3, y)], -1.5, math.inf)
    writer.row([(np.float64(0.5), x)], 0.25, 0.25)
    [first, second] = rows(writer)
    assert first == (-1.5, {id(x): 2.0, id(y): -3.0}, None)
    assert second == (0.25, {id(x): 0.5}, 0.25)


def test_zero_coefficients_are_left_out(writer):
    x, y = writer.variable(0, 1), writer.variable(-1, 1)
    writer.row([(0.0, x), (1.0, y)], 0.0, 1.0)
    assert rows(writer) == [(0.0, {id(y): 1.0}, 1.0)]


def test_a_row_without_limits_is_no_row(writer):
    writer.row([(1.0, writer.variable(0, 1))], -math.inf, math.inf)
    assert rows(writer) == []


def test_a_row_of_nothing_is_dropped_if_it_holds_and_impossible_if_not(writer):
    x = writer.variable(0, 1)
    writer.row([], -1.0, 1.0)
    writer.row([(0.0, x)], 0.0, 0.0)
    assert rows(writer) == []
    writer.row([(0.0, x)], 1.0, 2.0)
    [(lower, terms, _)] = rows(writer)
    [column] = [v for v in writer.block.columns.values() if id(v) in terms]
    assert (column.lb, column.ub) == (0.0, 0.0)
    assert lower == 1.0


def test_children_write_into_their_own_block(writer):
    child = writer.child("inner")
    child.row([(1.0, child.variable(0, 1))], 0.0, 0.5)
    assert rows(writer) == []
    assert len(rows(child)) == 1
    assert writer.block.inner is child.block
