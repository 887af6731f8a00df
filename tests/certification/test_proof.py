"""Only a dual bound that does not contradict anything known becomes a proof."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from nnff.certification.proof import BOUND_SLACK, judge
from nnff.milp import MatrixProblem
from nnff.solver import BoundOrigin, Limit, PointStatus, SolveResult, Termination

# Minimise -x - y with x + y <= 1.5, x whole: the optimum is -1.5.
PROBLEM = MatrixProblem(
    cost=[-1.0, -1.0],
    offset=0.0,
    indptr=[0, 2],
    indices=[0, 1],
    data=[1.0, 1.0],
    row_lower=[-np.inf],
    row_upper=[1.5],
    col_lower=[0.0, 0.0],
    col_upper=[1.0, 1.0],
    integer=[True, False],
)
GOOD = SolveResult(Termination.OPTIMAL, "some", "1", bound=-1.5, bound_origin=BoundOrigin.API)


def test_a_bound_counts_weakened():
    proof = judge(PROBLEM, GOOD)
    assert proof.usable
    assert proof.bound == pytest.approx(-1.5 * (1 + BOUND_SLACK), rel=1e-15)
    assert judge(PROBLEM, replace(GOOD, bound=0.0)).bound == -BOUND_SLACK
    assert judge(PROBLEM, replace(GOOD, bound=-1e9)).bound == pytest.approx(-1e9 - 10)


@pytest.mark.parametrize("termination", [Termination.LIMIT, Termination.INTERRUPTED])
def test_a_bound_counts_whatever_stopped_the_solver(termination):
    proof = judge(PROBLEM, replace(GOOD, termination=termination, limit=Limit.TIME, bound=-1.8))
    assert proof.usable
    assert proof.bound < -1.8


@pytest.mark.parametrize("termination", [Termination.LIMIT, Termination.INTERRUPTED])
def test_a_stop_without_a_bound_proves_nothing_and_is_no_fault(termination):
    for bound, origin in (
        (-math.inf, BoundOrigin.API),
        (-math.inf, BoundOrigin.NONE),
        (-1.5, BoundOrigin.NONE),
    ):
        proof = judge(PROBLEM, replace(GOOD, termination=termination, bound=bound, bound_origin=origin))
        assert (proof.bound, proof.complaint, proof.usable) == (-math.inf, "", False)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"termination": Termination.INFEASIBLE, "bound": math.inf}, "infeasible"),
        ({"termination": Termination.INFEASIBLE, "bound": -1.5}, "infeasible"),
        ({"termination": Termination.UNBOUNDED, "bound": -math.inf}, "unbounded"),
        ({"termination": Termination.INFEASIBLE_OR_UNBOUNDED}, "infeasible_or_unbounded"),
        ({"termination": Termination.ERROR, "message": "it broke"}, "it broke"),
        ({"termination": Termination.ERROR, "raw_status": "raw words"}, "raw words"),
        ({"termination": Termination.NUMERICAL, "message": "lost all digits"}, "lost all digits"),
        ({"termination": Termination.NUMERICAL}, "'some'"),
        ({"bound": math.nan}, "nan"),
        ({"bound": math.inf}, "inf"),
        ({"termination": Termination.LIMIT, "bound": math.inf}, "inf"),
        ({"bound": -math.inf}, "no bound"),
        ({"bound_origin": BoundOrigin.NONE}, "no bound"),
    ],
)
def test_every_other_answer_proves_nothing_and_says_why(changes, word):
    proof = judge(PROBLEM, replace(GOOD, **changes))
    assert proof.bound == -math.inf
    assert not proof.usable
    assert word in proof.complaint


def with_point(x, bound):
    return replace(GOOD, bound=bound, x=np.array(x), point=PointStatus.FEASIBLE)


def test_a_bound_above_the_solvers_own_point_is_refused():
    proof = judge(PROBLEM, with_point([1.0, 0.5], -1.4))
    assert not proof.usable
    assert "contradicts itself" in proof.complaint


def test_a_point_that_is_not_feasible_is_no_evidence():
    for x in ([1.0, 1.0], [0.5, 1.0], [2.0, -0.5]):
        assert PROBLEM.violation(np.array(x)) > 1e-3
        assert judge(PROBLEM, with_point(x, -1.4)).usable


def test_bound_and_point_that_cross_within_tolerance_give_the_weaker():
    proof = judge(PROBLEM, with_point([1.0, 0.5 + 5e-7], -1.5 + 1e-9))
    assert proof.usable
    assert proof.bound <= -1.5 - 4.9e-7


def test_an_incumbent_is_never_a_proof():
    proof = judge(PROBLEM, with_point([0.0, 0.0], -math.inf))
    assert proof.bound == -math.inf
    claimed = replace(with_point([1.0, 0.5], -1.9), objective=-1.5)
    assert judge(PROBLEM, claimed).bound < -1.9
