"""What is said of rows, groups and levels that make no sense, and what constraints do to the box."""

from __future__ import annotations

import numpy as np
import pytest

from nnff.domain import Domain, LinearRows
from nnff.errors import DomainError

NAMES = ("age", "experience", "red", "green", "blue")


def domain(**more):
    chosen = {"feature_names": NAMES} | more
    return Domain.from_box([17, 0, 0, 0, 0], [90, 60, 1, 1, 1], **chosen)


def row(lower=None, upper=None, name=None, **terms):
    parts = {"terms": terms, "lower": lower, "upper": upper, "name": name}
    return {key: value for key, value in parts.items() if value is not None}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([row(age=1, experience=-1)], "row 'row1' has neither a lower nor an upper bound"),
        ([row(lower=1)], "row 'row1' needs terms"),
        ([row(lower=1, agee=1)], "there is no feature 'agee'; did you mean 'age'"),
        ([row(lower=1, age=0)], "no coefficient other than 0"),
        ([row(lower=2, upper=1, age=1)], r"bounded by \[2, 1\]"),
        ([row(lower=1, age="x")], "row 'row1' holds 'x' where a number is needed"),
        ([row(lower=1, age=True)], "holds True where a number is needed"),
        ([row(lower=1, age=float("nan"))], "not a finite number"),
        ([row(lower=float("nan"), age=1)], "bounded by"),
        ([{"terms": {"age": 1}, "lower": 1, "least": 2}], "a key 'least'"),
        ([row(lower=1, age=1, name="a"), row(lower=2, age=1, name="a")], "2 different names"),
        ([], "an empty list of rows"),
        (
            [row(lower=100, age=1, name="old")],
            r"within the ranges the left side of row 'old' \(100 <= age\) lies in \[17, 90\]",
        ),
        (
            [row(lower=80, age=1, experience=1), row(upper=10, experience=1), row(upper=20, age=1)],
            "the domain is empty: row 'row1'.* cannot hold together with the others and the ranges",
        ),
    ],
)
def test_rows_that_make_no_sense_are_refused(rows, message):
    with pytest.raises(DomainError, match=message):
        domain(constraints=rows)


def test_a_domain_without_whole_numbers_between_its_rows_is_empty():
    rows = [row(lower=20.2, upper=20.8, age=1)]
    assert domain(constraints=rows).contains([[20.5, 0, 0, 0, 0]])[0]
    with pytest.raises(DomainError, match="for no choice of whole numbers, levels and one-hot groups"):
        domain(constraints=rows, integer=["age"])
    with pytest.raises(DomainError, match="for no choice"):
        domain(constraints=rows, ordinal={"age": [20.1, 20.9]})


def test_groups_can_contradict_rows():
    rows = [row(upper=0.5, red=1, green=1, blue=1)]
    with pytest.raises(DomainError, match=r"cannot hold together|for no choice"):
        domain(constraints=rows, one_hot=[["red", "green", "blue"]])


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ([["red"]], "at least two features, got red"),
        ([[]], "at least two features, got none"),
        ([["red", "green"], ["green", "blue"]], "feature green occurs twice"),
        ([["red", "age"]], r"feature age is in a one-hot group but ranges over \[17, 90\]"),
        ([["red", "gren"]], "there is no feature 'gren'; did you mean 'green'"),
        (["red"], "one-hot groups are lists of features"),
    ],
)
def test_groups_that_make_no_sense_are_refused(groups, message):
    with pytest.raises(DomainError, match=message):
        domain(one_hot=groups)
    if groups == [["red"]]:
        with pytest.raises(DomainError, match="there is no feature 7"):
            Domain(np.zeros(2), np.ones(2), one_hot=((0, 7),))


@pytest.mark.parametrize(
    ("lower", "upper", "message"),
    [
        ([0, 0, 0], [0, 0, 0], "none of the one-hot group a, b, c can be 1"),
        ([1, 1, 0], [1, 1, 1], "a and b of a one-hot group must both be 1"),
    ],
)
def test_groups_that_leave_nothing_are_refused(lower, upper, message):
    with pytest.raises(DomainError, match=message):
        Domain.from_box(lower, upper, one_hot=[[0, 1, 2]], feature_names=("a", "b", "c"))


def test_a_group_settles_its_members():
    taken = Domain.from_box([0, 1, 0], [1, 1, 1], one_hot=[[0, 1, 2]])
    assert (taken.lower.tolist(), taken.upper.tolist()) == ([0, 1, 0], [0, 1, 0])
    left = Domain.from_box([0, 0, 0], [0, 0.5, 1], one_hot=[[0, 1, 2]])
    assert (left.lower.tolist(), left.upper.tolist()) == ([0, 0, 1], [0, 0, 1])
    assert left.integer.all()
    assert left.n_points == 1


@pytest.mark.parametrize(
    ("levels", "message"),
    [
        ({"age": []}, "the list of levels of age is empty"),
        ({"age": [1, 2]}, r"no level of age lies in \[17, 90\]"),
        ({"age": [float("inf")]}, "not a finite number"),
        ({"age": ["young"]}, "must be a list of numbers"),
        ({"red": [0, 0.5]}, "levels and is integer or one-hot as well"),
        ({"agee": [1]}, "did you mean 'age'"),
    ],
)
def test_levels_that_make_no_sense_are_refused(levels, message):
    with pytest.raises(DomainError, match=message):
        domain(ordinal=levels, one_hot=[["red", "green"]])


def test_levels_outside_of_the_range_are_dropped_and_whole_numbers_become_integer():
    found = domain(ordinal={"age": [10, 20, 40.5, 200], "experience": [3, 2, 1, 3]})
    assert found.ordinal == ((0, (20.0, 40.5)),)
    assert found.integer.tolist() == [False, True, False, False, False]
    assert (found.lower[:2].tolist(), found.upper[:2].tolist()) == ([20, 1], [40.5, 3])
    assert found.discrete.tolist() == [True, True, False, False, False]
    assert found.steps_within(np.array([20.5, 1.7, 1, 1, 1])).tolist() == [
        pytest.approx(20.5), 1, 1, 1, 1,
    ]  # fmt: skip
    assert found.steps_within(np.array([20.4, 0.7, 1, 1, 1]))[:2].tolist() == [0, 0]


def test_rows_describe_themselves():
    rows = LinearRows([[1, -2.5, 0], [-1, 0, 1], [0, 1, 0]], [0, 2, -np.inf], [np.inf, 2, 7])
    names = ("a", "b", "c")
    assert rows.describe(0, names) == "'row1' (0 <= a - 2.5 b)"
    assert rows.describe(1, names) == "'row2' (-a + c = 2)"
    assert rows.describe(2, names) == "'row3' (b <= 7)"


def test_rows_of_another_width_are_refused():
    with pytest.raises(DomainError, match="3 features but its rows have 2 columns"):
        Domain(np.zeros(3), np.ones(3), rows=LinearRows([[1.0, 1.0]], [0.0], [1.0]))
    with pytest.raises(DomainError, match="as many rows as lower and upper"):
        LinearRows([[1.0, 1.0]], [0.0, 1.0], [1.0])


def test_domains_with_other_constraints_are_other_domains():
    box = Domain.from_box([0, 0], [1, 1])
    under = Domain.from_box([0, 0], [1, 1], constraints=[{"terms": {"x0": 1, "x1": 1}, "upper": 1}])
    assert box != under
    assert under == Domain.from_box([0, 0], [1, 1], constraints=[{"terms": {0: 1, 1: 1}, "upper": 1}])
    assert Domain.from_box([0, 0], [1, 1], one_hot=[[0, 1]]) != Domain.from_box([0, 0], [1, 1], integer="all")
