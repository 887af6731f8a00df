"""MatrixRows: what a metric writes, as matrices, with questions answered by linear programs."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

from nnff.errors import PluginError
from nnff.testing.rows import MatrixRows


def diamond(radius=1.0):
    """|x| + |y| <= radius by one auxiliary variable per coordinate."""
    rows = MatrixRows([-2, -2], [2, 2])
    sizes = [rows.variable(0, 2) for _ in range(2)]
    for size, d in zip(sizes, rows.difference, strict=True):
        rows.row([(1.0, size), (1.0, d)], 0, math.inf)
        rows.row([(1.0, size), (-1.0, d)], 0, math.inf)
    rows.row([(1.0, size) for size in sizes], -math.inf, radius)
    return rows


def test_the_matrix_is_what_was_written():
    rows = MatrixRows([-1, -2], [1, 2])
    x, y = rows.difference
    z = rows.variable(0, 5)
    rows.row([(1.0, x), (2.0, z), (0.5, x)], -1, 4)
    rows.row([(-3.0, y)], 0, 0)
    assert rows.matrix.toarray().tolist() == [[1.5, 0, 2], [0, -3, 0]]
    assert (rows.n_rows, rows.n_variables) == (2, 3)
    assert rows.bounds(y) == (-2.0, 2.0)
    assert rows.bounds(z) == (0.0, 5.0)


def test_maxima_and_where_they_are():
    values, points = diamond().maximise(np.array([[1.0, -3.0], [-2.0, 1.0]]))
    assert values == pytest.approx([3, 2])
    assert points == pytest.approx(np.array([[0, -1], [-1, 0]]))
    assert diamond(9.0).maximise(np.ones((1, 2)))[0] == pytest.approx([4])


def test_small_objectives_are_maximised_as_well():
    rows = diamond(1e-6)
    directions = np.array([[1e-9, -3e-9], [1.0, 2.0]])
    assert rows.maximise(directions)[0] == pytest.approx([3e-15, 2e-6], rel=1e-3)


def test_equality_and_range_rows():
    rows = MatrixRows([-5, -5], [5, 5])
    x, y = rows.difference
    rows.row([(1.0, x), (-2.0, y)], 0, 0)
    rows.row([(1.0, x)], -1, 3)
    assert rows.maximise(np.array([[0, 1.0], [0, -1.0]]))[0] == pytest.approx([1.5, 0.5])


@pytest.mark.parametrize("point", [(0.5, 0.5), (0, -1), (0.2, 0.1), (0, 0)])
def test_points_inside_are_reached_whole(point):
    assert diamond().reach(np.array([point])) == pytest.approx([1], abs=1e-9)
    assert diamond().holds_exactly(np.array(point))


@pytest.mark.parametrize("scale", [1.001, 1.5, 2])
def test_points_outside_are_reached_in_part(scale):
    point = np.array([0.25, -0.75]) * scale
    assert diamond().reach(point[None]) == pytest.approx([1 / scale], abs=1e-9)
    assert not diamond().holds_exactly(point)


def test_many_points_at_once():
    points = np.array([[0.5, 0.5], [2, 0], [0, 0], [1, -1]])
    assert diamond().reach(points) == pytest.approx([1, 0.5, 1, 0.5])


def test_the_reach_does_not_depend_on_the_units_of_rows():
    rows = MatrixRows([-1], [1])
    rows.row([(1e-6, rows.difference[0])], -5e-7, 5e-7)
    assert rows.reach(np.array([[1.0]])) == pytest.approx([0.5], rel=1e-3)


def test_rows_that_exclude_zero():
    rows = MatrixRows([-1], [1])
    rows.row([(1.0, rows.difference[0])], 2, 3)
    assert rows.reach(np.array([[1.0]])).tolist() == [-math.inf]
    with pytest.raises(PluginError, match="the rows have no solution"):
        rows.maximise(np.ones((1, 1)))


def test_no_rows_at_all():
    rows = MatrixRows([-1, -2], [1, 3])
    assert rows.maximise(np.ones((1, 2)))[0] == pytest.approx([4])
    assert rows.reach(np.array([[1.0, -2]])).tolist() == [1.0]
    assert rows.holds_exactly(np.array([1.0, -2]))
    assert not rows.holds_exactly(np.array([1.1, -2]))


def test_a_difference_outside_its_own_bounds_is_no_question_for_the_rows():
    with pytest.raises(ValueError, match="outside the bounds"):
        diamond().reach(np.array([[3.0, 0]]))


@pytest.mark.parametrize(("low", "high"), [(0, math.inf), (-math.inf, 0), (math.nan, 1), (1, 0)])
def test_variables_need_finite_bounds(low, high):
    with pytest.raises(PluginError, match=re.escape("they must be finite and not empty")):
        diamond().variable(low, high)


def test_what_a_row_may_not_hold():
    rows, other = diamond(), diamond()
    for coefficient in (math.nan, math.inf):
        with pytest.raises(PluginError, match="it must be a finite number"):
            rows.row([(coefficient, rows.difference[0])], 0, 1)
    for low, high in ((1, 0), (math.nan, 1), (0, math.nan)):
        with pytest.raises(PluginError, match="in this order"):
            rows.row([(1.0, rows.difference[0])], low, high)
    for stranger in (0, "x", None, other.difference[0]):
        with pytest.raises(PluginError, match="is not a variable of this writer"):
            rows.row([(1.0, stranger)], 0, 1)


def test_same_as():
    assert diamond().same_as(diamond())
    assert not diamond().same_as(diamond(2.0))
    longer = diamond()
    longer.variable(0, 1)
    assert not diamond().same_as(longer)
