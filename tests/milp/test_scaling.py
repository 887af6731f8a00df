"""Scaling keeps the program: same feasible points, same objective, never a smaller feasible set."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import Bounds, LinearConstraint, milp

from nnff.milp import MatrixProblem
from nnff.milp.scaling import NARROWEST_ROW, SMALLEST_ENTRY, scale_problem


def problem_around(rng, n=6, m=8):
    """A random program with badly scaled rows and columns, and a point that is feasible by construction."""
    size = 10.0 ** rng.uniform(-6, 4, n)
    integer = rng.random(n) < 0.3
    size[integer] = rng.integers(1, 30, integer.sum())
    x = np.where(integer, np.floor(rng.random(n) * size), rng.uniform(-1, 1, n) * size)
    dense = rng.normal(size=(m, n)) * 10.0 ** rng.uniform(-5, 3, (m, 1)) * (rng.random((m, n)) < 0.6)
    dense *= 10.0 ** rng.uniform(-10, 0, (m, n))
    activity = dense @ x
    kind = rng.integers(0, 4, m)
    room = 10.0 ** rng.uniform(-12, 1, m)
    lower = np.where(kind == 0, -np.inf, np.where(kind == 3, activity, activity - room))
    upper = np.where(kind == 1, np.inf, np.where(kind == 3, activity, activity + room))
    matrix = sp.csr_array(dense)
    problem = MatrixProblem(
        cost=rng.normal(size=n),
        offset=1.5,
        indptr=matrix.indptr.astype(np.int64),
        indices=matrix.indices.astype(np.int64),
        data=matrix.data,
        row_lower=lower,
        row_upper=upper,
        col_lower=np.where(integer, 0.0, -size),
        col_upper=size,
        integer=integer,
    )
    return problem, x


@settings(max_examples=200, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_feasible_point_stays_feasible_with_its_objective(seed):
    problem, x = problem_around(np.random.default_rng(seed))
    scaled, units = scale_problem(problem)
    point = x / units
    # Both sides round their own row activities, of terms of size about 1.
    assert scaled.violation(point) <= 1e-12
    assert scaled.objective(point) == pytest.approx(problem.objective(x), rel=1e-12, abs=1e-12)
    assert (np.log2(units) == np.rint(np.log2(units))).all()
    assert (units[problem.integer] == 1).all()


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_what_solvers_find_hard_is_gone(seed):
    scaled, _ = scale_problem(problem_around(np.random.default_rng(seed))[0])
    assert (np.abs(scaled.data) >= SMALLEST_ENTRY).all()
    width = scaled.row_upper - scaled.row_lower
    assert ((width == 0) | (width >= NARROWEST_ROW * (1 - 1e-6))).all()
    size = np.maximum(np.abs(scaled.col_lower), np.abs(scaled.col_upper))[~scaled.integer]
    assert ((size >= 1) & (size < 2)).all()


def test_the_optimum_is_the_same():
    rng = np.random.default_rng(0)
    for _ in range(10):
        n = 5
        dense = rng.normal(size=(4, n))
        units_in = np.array([1e-4, 1.0, 1e3, 1.0, 1e-2])
        integer = np.array([False, True, False, False, False])
        matrix = sp.csr_array(dense / units_in)
        problem = MatrixProblem(
            cost=rng.normal(size=n) / units_in,
            offset=0.0,
            indptr=matrix.indptr.astype(np.int64),
            indices=matrix.indices.astype(np.int64),
            data=matrix.data,
            row_lower=np.full(4, -1.0),
            row_upper=np.full(4, 1.0),
            col_lower=-2 * units_in,
            col_upper=2 * units_in,
            integer=integer,
        )
        scaled, _ = scale_problem(problem)
        values = [
            milp(
                p.cost,
                integrality=p.integer.astype(int),
                bounds=Bounds(p.col_lower, p.col_upper),
                constraints=LinearConstraint(p.matrix, p.row_lower, p.row_upper),
            ).fun
            for p in (problem, scaled)
        ]
        assert values[1] == pytest.approx(values[0], rel=1e-6)


def test_small_entries_widen_their_row_by_their_range():
    matrix = sp.csr_array(np.array([[1.0, 1e-10, 0.0], [0.0, 0.0, 1.0]]))
    problem = MatrixProblem(
        cost=np.ones(3),
        offset=0.0,
        indptr=matrix.indptr.astype(np.int64),
        indices=matrix.indices.astype(np.int64),
        data=matrix.data,
        row_lower=np.array([0.25, -np.inf]),
        row_upper=np.array([0.25, 1.0]),
        col_lower=np.array([-1.0, 0.0, 0.0]),
        col_upper=np.array([1.0, 1.5, 1.0]),
        integer=np.zeros(3, dtype=bool),
    )
    scaled, _ = scale_problem(problem)
    assert scaled.n_nonzeros == 2
    # 0.25 - 1e-10 * x1 for x1 in [0, 1.5], then made wide enough to be told apart.
    assert scaled.row_lower[0] <= 0.25 - 1.5e-10
    assert scaled.row_upper[0] >= 0.25
    assert scaled.row_upper[0] - scaled.row_lower[0] <= 1.01 * NARROWEST_ROW
