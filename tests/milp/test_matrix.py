"""The matrix problem: a frozen value that refuses what is not a program."""

from __future__ import annotations

import copy
import dataclasses
import math
import pickle

import numpy as np
import pytest

from nnff.errors import ProblemError
from nnff.milp import MatrixProblem

INF = math.inf


def make(**changes):
    """Minimise x - y + 0.5 with x + 2 y <= 4, y >= 1; y integer."""
    fields = {
        "cost": [1.0, -1.0],
        "offset": 0.5,
        "indptr": [0, 2, 3],
        "indices": [0, 1, 1],
        "data": [1.0, 2.0, 1.0],
        "row_lower": [-INF, 1.0],
        "row_upper": [4.0, INF],
        "col_lower": [0.0, 0.0],
        "col_upper": [3.0, 3.0],
        "integer": [False, True],
    }
    return MatrixProblem(**{**fields, **changes})


def test_sizes_and_matrix():
    problem = make()
    assert (problem.n_rows, problem.n_columns, problem.n_integers, problem.n_nonzeros) == (2, 2, 1, 3)
    assert problem.matrix.toarray().tolist() == [[1, 2], [0, 1]]
    assert isinstance(problem.offset, float)


def test_objective_counts_the_constant():
    assert make().objective(np.array([2.0, 1.0])) == 1.5


@pytest.mark.parametrize(
    ("x", "violation"),
    [
        ([2.0, 1.0], 0.0),
        ([3.0, 1.0], 1.0),  # row 0: 5 > 4
        ([0.0, 0.0], 1.0),  # row 1: 0 < 1
        ([-0.25, 1.0], 0.25),  # column 0
        ([0.0, 1.75], 0.25),  # integrality
        ([-2.0, 3.25], 2.0),  # the largest of several
    ],
)
def test_violation_is_the_largest_of_all_kinds(x, violation):
    assert make().violation(np.array(x)) == violation


def test_an_empty_problem_is_satisfied():
    empty = MatrixProblem([], 2.0, [0], [], [], [], [], [], [], [])
    assert empty.violation(np.zeros(0)) == 0.0
    assert empty.objective(np.zeros(0)) == 2.0
    assert empty.matrix.shape == (0, 0)


def test_it_cannot_be_changed():
    given = np.array([1.0, -1.0])
    problem = make(cost=given)
    given[0] = 7.0
    assert problem.cost.tolist() == [1.0, -1.0]
    with pytest.raises(dataclasses.FrozenInstanceError):
        problem.offset = 1.0
    for field in dataclasses.fields(problem):
        value = getattr(problem, field.name)
        if isinstance(value, np.ndarray):
            with pytest.raises(ValueError, match="read-only"):
                value[...] = 0


@pytest.mark.parametrize(
    "change",
    [
        {"cost": [1.0, -2.0]},
        {"offset": 0.0},
        {"data": [1.0, 2.0, 3.0]},
        {"indices": [1, 0, 1]},
        {"row_upper": [5.0, INF]},
        {"col_lower": [0.0, -1.0]},
        {"integer": [True, True]},
        {"negated": True},
    ],
)
def test_content_decides_equality_and_hash(change):
    assert make() == make()
    assert hash(make()) == hash(make())
    assert make() != make(**change)
    assert make().fingerprint != make(**change).fingerprint


def test_names_are_for_people_and_count_for_nothing():
    assert make(column_names=("a", "b")) == make()


@pytest.mark.parametrize("remake", [copy.deepcopy, lambda p: pickle.loads(pickle.dumps(p))])
def test_copies_are_equal_and_frozen(remake):
    again = remake(make(column_names=("a", "b")))
    assert again == make()
    assert again.column_names == ("a", "b")
    with pytest.raises(ValueError, match="read-only"):
        again.cost[0] = 3.0


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"col_lower": [0.0]}, "columns of a MILP disagree"),
        ({"integer": [True]}, "columns of a MILP disagree"),
        ({"row_upper": [1.0]}, "rows of a MILP disagree"),
        ({"indptr": [0, 3]}, "rows of a MILP disagree"),
        ({"indices": [0, 1]}, "rows of a MILP disagree"),
        ({"indptr": [0, 2, 2]}, "row starts"),
        ({"indptr": [1, 2, 3]}, "row starts"),
        ({"indptr": [0, 4, 3]}, "row starts"),
        ({"indices": [0, 2, 1]}, "outside of its 2 columns"),
        ({"indices": [0, -1, 1]}, "outside of its 2 columns"),
        ({"indices": [1, 1, 1]}, "two entries at one place"),
        ({"column_names": ("a",)}, "1 names for 2 columns"),
        ({"cost": [math.nan, 0.0]}, "not a finite number"),
        ({"data": [1.0, INF, 1.0]}, "not a finite number"),
        ({"offset": -INF}, "not a finite number"),
        ({"row_lower": [math.nan, 1.0]}, "row bound"),
        ({"col_upper": [math.nan, 1.0]}, "column bound"),
    ],
)
def test_what_is_not_a_program_is_refused(change, what):
    with pytest.raises(ProblemError, match=what):
        make(**change)


def test_entries_of_a_row_may_come_in_any_order():
    assert make(indices=[1, 0, 1], data=[2.0, 1.0, 1.0]).matrix.toarray().tolist() == [[1, 2], [0, 1]]
