"""Which points are handed on."""

from __future__ import annotations

import math

import numpy as np
import pytest

from nnff.testing.instances import dense_problem
from nnff_solvers.points import usable_point

PROBLEM = dense_problem(
    [1.0, 1.0], [[1.0, 1.0], [1e9, 0.0]], [(1.0, 2.0), (-math.inf, 1e9)], [(0, 1), (0, 1)], [True, False]
)


def test_a_feasible_point_is_handed_on():
    point = usable_point(PROBLEM, np.array([1.0, 0.5]))
    assert point is not None
    assert point.tolist() == [1.0, 0.5]


def test_a_point_a_hair_outside_is_moved_inside():
    point = usable_point(PROBLEM, np.array([1.0, -1e-9]))
    assert point is not None
    assert point.tolist() == [1.0, 0.0]


def test_rows_are_judged_relative_to_their_terms():
    # 1e-7 too much in the column is 100 too much in the second row, whose terms are 1e9.
    wide = dense_problem([1.0], [[1e9]], [(-math.inf, 1e9)], [(0, 2)])
    assert usable_point(wide, np.array([1.0 + 1e-7])) is not None
    assert usable_point(wide, np.array([1.0 + 1e-5])) is None


@pytest.mark.parametrize(
    "x",
    [
        [0.5, 0.5],  # not integer
        [1.0, 2.0],  # outside its bounds
        [0.0, 0.0],  # breaks a row
        [1.0, math.nan],
        [1.0, math.inf],
        [1.0],
    ],
)
def test_others_are_not(x):
    assert usable_point(PROBLEM, np.array(x)) is None
