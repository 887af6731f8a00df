"""Safe dual bounds: proven for any multipliers, checked in rational arithmetic; tight for good ones."""

from __future__ import annotations

import doctest
import math
from fractions import Fraction

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from nnff.milp import MatrixProblem, dual_bound
from nnff.milp.dual_bound import DualBound, safe_dual_bound

INF = math.inf
# Round numbers, numbers with full mantissas, and numbers at the edges of what floats can hold.
plain = st.floats(-1e6, 1e6)
awkward = st.sampled_from([0.0, -0.0, 0.1, 1 / 3, 5e-324, -1e-310, 1e-300, 1e150, -1e200, 1e308, 2.0**53 + 2])
number = st.one_of(plain, st.integers(-5, 5).map(float), awkward)


@st.composite
def programs(draw, numbers=number):
    """A program with a known feasible point, and multipliers that have nothing to do with it."""
    n, m = draw(st.integers(1, 4)), draw(st.integers(0, 4))
    entries = np.array(draw(st.lists(numbers, min_size=m * n, max_size=m * n))).reshape(m, n)
    cost = np.array(draw(st.lists(numbers, min_size=n, max_size=n)))
    x = draw(st.lists(st.one_of(plain, awkward.filter(lambda v: abs(v) <= 1e6)), min_size=n, max_size=n))
    low, high = [], []
    for value in x:
        left, right = draw(st.floats(0, 1e3)), draw(st.floats(0, 1e3))
        low.append(draw(st.sampled_from([value, value - left, -INF])))
        high.append(draw(st.sampled_from([value, value + right, INF])))
    row_low, row_high = [], []
    for row in entries:
        activity = sum(Fraction(a) * Fraction(v) for a, v in zip(row.tolist(), x, strict=True))
        try:
            below, above = math.nextafter(float(activity), -INF), math.nextafter(float(activity), INF)
        except OverflowError:
            below, above = -INF, INF
        row_low.append(draw(st.sampled_from([below, below - 1.0, -INF])))
        row_high.append(draw(st.sampled_from([above, above + 1.0, INF])))
    matrix = sp.csr_array(entries)
    offset = draw(numbers)
    problem = MatrixProblem(
        cost, offset, matrix.indptr, matrix.indices, matrix.data, row_low, row_high, low, high, np.zeros(n)
    )
    duals = draw(st.lists(st.one_of(numbers, st.sampled_from([INF, -INF, math.nan])), min_size=m, max_size=m))
    return problem, np.array(x, dtype=float), np.array(duals, dtype=float)


def exact_objective(problem, x):
    terms = zip(problem.cost.tolist(), x.tolist(), strict=True)
    return sum((Fraction(c) * Fraction(v) for c, v in terms), Fraction(problem.offset))


@settings(max_examples=400, deadline=None)
@given(programs())
def test_no_feasible_point_lies_below_the_bound(case):
    problem, x, duals = case
    bound = safe_dual_bound(problem, duals)
    assert not math.isnan(bound)
    assert bound < INF
    if bound > -INF:
        assert Fraction(bound) <= exact_objective(problem, x)


def exact_bound(problem, y):
    """The expression of the module's text, in rational numbers; None for minus infinity."""
    total = Fraction(problem.offset)
    for i, multiplier in enumerate(y.tolist()):
        active = problem.row_lower[i] if multiplier > 0 else problem.row_upper[i]
        if math.isfinite(multiplier) and math.isfinite(active):
            total += Fraction(multiplier) * Fraction(float(active))
    matrix = problem.matrix.toarray()
    for j in range(problem.n_columns):
        d = Fraction(float(problem.cost[j]))
        for i, multiplier in enumerate(y.tolist()):
            active = problem.row_lower[i] if multiplier > 0 else problem.row_upper[i]
            if math.isfinite(multiplier) and math.isfinite(active):
                d -= Fraction(float(matrix[i, j])) * Fraction(multiplier)
        end = float(problem.col_lower[j] if d > 0 else problem.col_upper[j])
        if d != 0:
            if not math.isfinite(end):
                return None
            total += d * Fraction(end)
    return total


@settings(max_examples=300, deadline=None)
@given(programs(numbers=st.one_of(plain, st.integers(-5, 5).map(float))))
def test_the_bound_is_the_exact_expression_rounded_down(case):
    problem, _, duals = case
    bound, exact = safe_dual_bound(problem, duals), exact_bound(problem, duals)
    if exact is None:
        assert bound == -INF
        return
    assert Fraction(bound) <= exact
    # What rounding may cost: some units in the last place of the largest magnitudes that occur.
    usable = np.where(np.isfinite(duals), duals, 0.0)
    ends = np.maximum(
        *(np.abs(np.where(np.isfinite(b), b, 0.0)) for b in (problem.col_lower, problem.col_upper))
    )
    rows = np.maximum(
        *(np.abs(np.where(np.isfinite(b), b, 0.0)) for b in (problem.row_lower, problem.row_upper))
    )
    size = (np.abs(problem.cost) + np.abs(problem.matrix.toarray()).T @ np.abs(usable)) @ ends
    size += np.abs(usable) @ rows + abs(problem.offset)
    if bound > -INF:
        assert float(exact - Fraction(bound)) <= 1e-14 * size + 1e-300


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6))
def test_optimal_duals_give_a_tight_bound(seed):
    rng = np.random.default_rng(seed)
    n, m = int(rng.integers(1, 12)), int(rng.integers(1, 10))
    matrix = rng.normal(size=(m, n)) * (rng.random((m, n)) < 0.6)
    inside = rng.uniform(-1, 1, n)
    upper = matrix @ inside + rng.random(m)
    cost = rng.normal(size=n)
    solved = linprog(cost, A_ub=matrix, b_ub=upper, bounds=[(-1, 1)] * n, method="highs")
    csr = sp.csr_array(matrix)
    problem = MatrixProblem(
        cost,
        0.25,
        csr.indptr,
        csr.indices,
        csr.data,
        np.full(m, -INF),
        upper,
        -np.ones(n),
        np.ones(n),
        np.zeros(n),
    )
    bound = safe_dual_bound(problem, solved.ineqlin.marginals)
    assert solved.fun + 0.25 - 1e-9 <= bound <= solved.fun + 0.25 + 1e-9


def one_row(cost, row, bounds, columns):
    csr = sp.csr_array(np.array([row], dtype=float))
    low, high = zip(*columns, strict=True)
    return MatrixProblem(
        cost, 0.0, csr.indptr, csr.indices, csr.data, [bounds[0]], [bounds[1]], low, high, np.zeros(len(cost))
    )


def test_columns_without_bounds_need_a_reduced_cost_of_exactly_zero():
    problem = one_row([1.0, 1.0], [1.0, 1.0], (1.0, INF), [(-INF, INF)] * 2)
    assert safe_dual_bound(problem, np.array([1.0])) == pytest.approx(1.0, abs=1e-15)
    assert safe_dual_bound(problem, np.array([1.0 + 1e-15])) == -INF


def test_a_half_open_column_may_have_a_reduced_cost_on_its_bounded_side():
    problem = one_row([1.0, 2.0], [1.0, 1.0], (1.0, INF), [(0.0, INF), (0.0, INF)])
    assert safe_dual_bound(problem, np.array([1.0])) == pytest.approx(1.0, abs=1e-15)
    assert safe_dual_bound(problem, np.array([1.5])) == -INF


def test_a_multiplier_for_a_missing_row_bound_is_dropped_and_not_believed():
    problem = one_row([1.0], [1.0], (-INF, 5.0), [(0.0, 9.0)])
    assert safe_dual_bound(problem, np.array([1.0])) == pytest.approx(0.0, abs=1e-15)
    assert safe_dual_bound(problem, np.array([math.nan])) == pytest.approx(0.0, abs=1e-15)


def test_empty_bounds_prove_infeasibility():
    assert safe_dual_bound(one_row([1.0], [1.0], (0.0, 1.0), [(2.0, 1.0)]), np.zeros(1)) == INF
    assert safe_dual_bound(one_row([1.0], [1.0], (1.0, 0.0), [(0.0, 1.0)]), np.zeros(1)) == INF


def test_overflow_proves_nothing_and_warns_of_nothing():
    problem = one_row([1e308, 1e308], [1e308, -1e308], (-1e308, 1e308), [(-1e308, 1e308)] * 2)
    assert safe_dual_bound(problem, np.array([1e308])) == -INF
    assert safe_dual_bound(problem, np.array([-1e-3])) == -INF


def test_an_evaluator_serves_many_objectives():
    matrix = sp.csr_array(np.array([[1.0, 2.0]]))
    bound = DualBound(matrix)
    rows, columns = (np.array([3.0]), np.array([INF])), (np.zeros(2), np.full(2, 9.0))
    for cost, offset, y, value in (
        ([1.0, 2.0], 0.0, 1.0, 3.0),
        ([2.0, 2.0], 5.0, 1.0, 8.0),
        ([-1.0, 0.0], 0.0, 0.0, -9.0),
    ):
        assert bound(np.array(cost), offset, rows, columns, np.array([y])) == pytest.approx(value, abs=1e-12)


def test_the_docstring_example():
    assert doctest.testmod(dual_bound).failed == 0
    assert doctest.testmod(dual_bound).attempted > 0


def dense(cost, offset, matrix, rows, columns):
    csr = sp.csr_array(matrix)
    return MatrixProblem(
        cost, offset, csr.indptr, csr.indices, csr.data, *rows, *columns, integer=np.zeros(len(cost))
    )


@pytest.mark.parametrize("seed", range(40))
def test_errors_of_the_reduced_costs_count_on_wide_columns(seed):
    """cost = A'y up to rounding: what is left of d is all error, and the columns are 1e12 wide."""
    rng = np.random.default_rng(seed)
    n, m = 6, 8
    matrix, y = rng.normal(size=(m, n)), rng.normal(size=m)
    zeros, wide = np.zeros(m), np.full(n, 1e12)
    # On either side of zero, so that either end of the interval of d must hold.
    for columns in ((0 * wide, wide), (-wide, 0 * wide)):
        problem = dense(matrix.T @ y, 0.0, matrix, (zeros, zeros), columns)
        bound = safe_dual_bound(problem, y)
        assert Fraction(bound) <= exact_bound(problem, y)
        assert bound >= -1e12 * n * 1e-13


@pytest.mark.parametrize("seed", range(40))
def test_errors_of_the_row_terms_count_where_they_cancel(seed):
    """The offset cancels the rounded sum, so that only the products' own rounding is left."""
    rng = np.random.default_rng(seed)
    m = 12
    y, low = np.abs(rng.normal(size=m)), rng.normal(size=m)
    rows, columns = (low, np.full(m, INF)), (np.zeros(1), np.ones(1))
    problem = dense([0.0], -math.fsum((y * low).tolist()), np.zeros((m, 1)), rows, columns)
    bound = safe_dual_bound(problem, y)
    assert Fraction(bound) <= exact_bound(problem, y)
    assert bound >= -1e-14


def test_underflow_counts_on_columns_of_astronomical_width():
    m = 8
    zeros, wide = np.zeros(m), np.array([1e308])
    problem = dense([0.0], 0.0, np.full((m, 1), 1e-170), (zeros, zeros), (-wide, wide))
    for y in (1.2e-154, -1.2e-154):
        assert 1e-170 * y == 0.0
        duals = np.full(m, y)
        bound = safe_dual_bound(problem, duals)
        assert Fraction(bound) <= exact_bound(problem, duals) < 0
