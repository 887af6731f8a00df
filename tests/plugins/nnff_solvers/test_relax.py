"""Relaxations: they contain the program, and hold nothing that a solver would change."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnff.milp import MatrixProblem  # noqa: TC001 - hypothesis looks at annotations
from nnff.testing.instances import dense_problem, knapsack, tiny_coefficient
from nnff_solvers.relax import LIMITS, Limits, Unholdable, relaxed

SIZES = st.sampled_from([0.0, 1e-15, -3e-12, 1e-10, -9e-10, 2e-9, 1e-3, -1.0, 7.5, 4e4])
ENDS = st.sampled_from([-math.inf, -1e30, -1e9, -2.0, 0.0, 0.25, 3.0, 1e9, math.inf])
WIDTHS = st.sampled_from([0.0, 1e-14, 3e-8, 1e-7, 0.5, 1e6, math.inf])


@st.composite
def problems(draw) -> MatrixProblem:
    n, m = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    rows = [[draw(SIZES) for _ in range(n)] for _ in range(m)]
    lower = [draw(ENDS) for _ in range(n)]
    upper = [math.inf if low == -math.inf else low + draw(WIDTHS) for low in lower]
    lower = [-math.inf if low == math.inf else low for low in lower]
    row_lower = [draw(st.sampled_from([-math.inf, -5.0, 0.0, 1e-12])) for _ in range(m)]
    row_upper = [max(low, draw(st.sampled_from([0.0, 2.5, math.inf]))) for low in row_lower]
    return dense_problem(
        [draw(SIZES) for _ in range(n)],
        np.array(rows),
        list(zip(row_lower, row_upper, strict=True)),
        list(zip(lower, upper, strict=True)),
        [draw(st.booleans()) for _ in range(n)],
    )


def fits(problem: MatrixProblem) -> bool:
    size = np.abs(np.concatenate([problem.data, problem.cost]))
    width = problem.col_upper - problem.col_lower
    ends = np.concatenate([problem.col_lower, problem.col_upper, problem.row_lower, problem.row_upper])
    return bool(
        ((size == 0) | (size > LIMITS.coefficient)).all()
        and ((width == 0) | (width > LIMITS.width)).all()
        and (np.isinf(ends) | (np.abs(ends) < LIMITS.infinity)).all()
    )


def exact_rows(problem: MatrixProblem, x: list[Fraction]) -> list[Fraction]:
    dense = problem.matrix.toarray()
    return [
        sum((Fraction(a) * v for a, v in zip(row.tolist(), x, strict=True)), Fraction(0)) for row in dense
    ]


def exact_objective(problem: MatrixProblem, x: list[Fraction]) -> Fraction:
    terms = (Fraction(c) * v for c, v in zip(problem.cost.tolist(), x, strict=True))
    return sum(terms, Fraction(problem.offset))


def within(values: list[Fraction], lower: np.ndarray, upper: np.ndarray) -> bool:
    return all(low <= v <= high for v, low, high in zip(values, lower.tolist(), upper.tolist(), strict=True))


@settings(max_examples=400)
@given(problems(), st.data())
def test_every_point_of_the_program_is_a_point_of_the_relaxation(problem, data):
    try:
        result = relaxed(problem, LIMITS)
    except Unholdable:
        return
    sent = result.problem
    assert fits(sent)
    ends = np.clip(np.stack([problem.col_lower, problem.col_upper]), -1e12, 1e12)
    point = [
        Fraction(data.draw(st.sampled_from([low, high, (low + high) / 2])))
        for low, high in ends.T.tolist()
    ]  # fmt: skip
    if not within(point, problem.col_lower, problem.col_upper):
        return
    assert within(point, sent.col_lower, sent.col_upper)
    before, after = exact_rows(problem, point), exact_rows(sent, point)
    for row in range(problem.n_rows):
        if problem.row_lower[row] <= before[row] <= problem.row_upper[row]:
            assert sent.row_lower[row] <= after[row] <= sent.row_upper[row]
    assert exact_objective(sent, point) <= exact_objective(problem, point)


def test_a_program_that_fits_is_left_alone():
    problem = knapsack(0).problem
    result = relaxed(problem, LIMITS)
    assert result.problem is problem
    assert result.same


def test_a_tiny_coefficient_that_matters_is_scaled_not_lost():
    problem = tiny_coefficient(2.0**-34, integer=True).problem
    result = relaxed(problem, LIMITS)
    assert result.same
    assert result.exponents.tolist() != [0, 0]
    again = result.problem.matrix.toarray() / np.exp2(result.exponents)[:, None]
    assert (again == problem.matrix.toarray()).all()


def test_a_tiny_coefficient_that_does_not_matter_is_dropped_and_its_row_relaxed():
    problem = dense_problem([1.0, 0.0], [[1.0, 1e-13]], [(1.0, 2.0)], [(0, 9), (0, 1)])
    result = relaxed(problem, LIMITS)
    assert not result.same
    assert result.problem.matrix.toarray().tolist() == [[1.0, 0.0]]
    assert 1.0 - 2e-13 < result.problem.row_lower[0] <= 1.0 - 1e-13
    assert 2.0 <= result.problem.row_upper[0] < 2.0 + 1e-15


def test_a_row_that_cannot_be_scaled_loses_what_it_must():
    # Entries from 1e-13 to 1e5 on columns as wide as that: no factor fits both.
    problem = dense_problem([1.0, 0.0], [[1e5, 1e-13]], [(1.0, math.inf)], [(0, 9), (0, math.inf)])
    result = relaxed(problem, LIMITS)
    assert not result.same
    assert result.problem.row_lower[0] == -math.inf


def test_narrow_columns_become_wide_enough():
    problem = dense_problem([1.0], [[1.0]], [(0.0, 1.0)], [(0.5, 0.5 + 1e-14)])
    sent = relaxed(problem, LIMITS).problem
    assert 1e-7 < sent.col_upper[0] - sent.col_lower[0] < 3e-7
    fixed = dense_problem([1.0], [[1.0]], [(0.0, 1.0)], [(0.5, 0.5)])
    assert relaxed(fixed, LIMITS).same


def test_large_bounds_become_infinite():
    problem = dense_problem([1.0], [[1.0]], [(-1e25, 1.0)], [(0.0, 1e21)])
    sent = relaxed(problem, LIMITS).problem
    assert (sent.row_lower[0], sent.col_upper[0]) == (-math.inf, math.inf)


@pytest.mark.parametrize(
    "problem",
    [
        dense_problem([1e-12], [[1.0]], [(-math.inf, 1.0)], [(-math.inf, 0.0)]),
        dense_problem([1.0], [[1.0]], [(0.0, 1.0)], [(1e22, math.inf)]),
        dense_problem([1.0], [[1.0]], [(-math.inf, -1e22)], [(0.0, 1.0)]),
    ],
)
def test_what_no_relaxation_can_say_is_refused(problem):
    with pytest.raises(Unholdable):
        relaxed(problem, LIMITS)


def test_tiny_costs_move_into_the_constant():
    problem = dense_problem([1e-12, 1.0], [[1.0, 1.0]], [(0.0, 1.0)], [(-5.0, 1.0), (0.0, 1.0)])
    sent = relaxed(problem, LIMITS).problem
    assert sent.cost.tolist() == [0.0, 1.0]
    assert -5.1e-12 < sent.offset <= -5e-12


def test_limits_are_those_of_the_caller():
    problem = dense_problem([1.0], [[1e-10]], [(0.0, 1.0)], [(0.0, 1.0)])
    assert relaxed(problem, Limits(1e-12, 1e-9, 1e20)).same
