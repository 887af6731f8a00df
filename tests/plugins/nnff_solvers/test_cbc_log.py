"""Reading CBC's log: snippets recorded with CBC 2.10.3."""

# ruff: noqa: E501 - recorded lines stay as they are

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnff.solver import Limit, Termination
from nnff_solvers.cbc_log import CbcLog, Verdict, lowered

START = """\
Welcome to the CBC MILP Solver
Version: 2.10.3
Build Date: Dec 15 2019

command line - cbc -import problem.mps -solve (default strategy 1)
Problem nnff has 1404 rows, 590 columns and 5095 elements
Coin0008I nnff read with 0 errors
Continuous objective value is -0.847198 - 0.03 seconds
"""

TIME_LIMIT_WITH_POINT = """\
Cbc0038I Solution found of -0.758602
Cbc0012I Integer solution of -0.78433727 found by feasibility pump after 0 iterations and 0 nodes (1.26 seconds)
Cbc0013I At root node, 44 cuts changed objective from -0.84719796 to -0.82460562 in 17 passes
Cbc0010I After 0 nodes, 1 on tree, -0.78433727 best solution, best possible -0.82460562 (2.22 seconds)
Cbc0020I Exiting on maximum time
Cbc0005I Partial search - best objective -0.78433727 (best possible -0.82460562), took 1714 iterations and 4 nodes (3.07 seconds)

Result - Stopped on time limit

Objective value:                -0.78433727
Lower bound:                    -0.825
Gap:                            0.05
"""

TIME_LIMIT_WITHOUT_POINT = """\
Cbc0020I Exiting on maximum time
Cbc0005I Partial search - best objective 1e+50 (best possible -0.84719796), took 0 iterations and 0 nodes (0.07 seconds)

Result - Stopped on time limit

No feasible solution found
Lower bound:                    -0.847
"""

# A smaller model is searched within the search; its bound -0.796 holds only below the incumbent.
NODE_LIMIT_IN_RESTART = """\
Cbc0010I After 0 nodes, 1 on tree, -0.78460128 best solution, best possible -0.82586367 (2.59 seconds)
Cbc0044I Reduced cost fixing - 858 rows, 397 columns - restarting search
Cbc0012I Integer solution of -0.78702398 found by Previous solution after 0 iterations and 0 nodes (5.31 seconds)
Cbc0010I After 0 nodes, 1 on tree, -0.78702398 best solution, best possible -0.82413454 (6.29 seconds)
Cbc0003I Exiting on maximum nodes
Cbc0005I Partial search - best objective -0.78904401 (best possible -0.79618389), took 3735 iterations and 60 nodes (10.54 seconds)
Cbc0012I Integer solution of -0.78904401 found by Reduced search after 6091 iterations and 110 nodes (10.64 seconds)
Cbc0003I Exiting on maximum nodes
Cbc0005I Partial search - best objective -0.78904401 (best possible -0.82586367), took 6091 iterations and 110 nodes (10.64 seconds)

Result - Stopped on node limit
"""

COMPLETED = """\
Cbc0012I Integer solution of -0.79195373 found by rounding after 4166 iterations and 86 nodes (13.07 seconds)
Cbc0001I Search completed - best objective -0.791953731107325, took 4789 iterations and 97 nodes (13.10 seconds)
Cbc0001I Search completed - best objective -0.7919537311073253, took 7145 iterations and 147 nodes (13.20 seconds)

Result - Optimal solution found

Objective value:                -0.79195373
"""

# CBC issue 364: a limit was hit, and yet the search is called complete.
COMPLETED_AFTER_A_LIMIT = """\
Cbc0010I After 503 nodes, 252 on tree, 12310.694 best solution, best possible 10593.336 (6.74 seconds)
Cbc0020I Exiting on maximum time
Cbc0005I Partial search - best objective 12310.694 (best possible 10593.336), took 132049 iterations and 28059 nodes (9.26 seconds)
Cbc0001I Search completed - best objective 12310.694, took 132049 iterations and 28059 nodes (9.26 seconds)

Result - Optimal solution found
"""

GAP = """\
Cbc0010I After 0 nodes, 1 on tree, -0.78460128 best solution, best possible -0.82586367 (2.46 seconds)
Cbc0011I Exiting as integer gap of 0.038839689 less than 0.04 or 0%
Cbc0001I Search completed - best objective -0.7870239849004791, took 2220 iterations and 48 nodes (4.95 seconds)

Result - Optimal solution found (within gap tolerance)

Lower bound:                    -0.826
"""

INTERRUPTED = """\
Cbc0012I Integer solution of -0.78868925 found by rounding after 5 iterations and 0 nodes (1.00 seconds)
Cbc0027I Exiting on user event
Cbc0005I Partial search - best objective -0.78868925 (best possible -0.82291657), took 879 iterations and 1 nodes (3.04 seconds)

Result - User ctrl-cuser ctrl-c
"""

INTEGER_INFEASIBLE = """\
Cbc0006I The LP relaxation is infeasible or too expensive
Cbc0013I At root node, 0 cuts changed objective from 1.5 to 1.5 in 1 passes
Cbc0001I Search completed - best objective 1e+50, took 0 iterations and 0 nodes (0.00 seconds)

Result - Problem proven infeasible

No feasible solution found
"""

NO_INTEGERS_LEFT = """\
Cgl0004I processed model has 0 rows, 0 columns (0 integer (0 of which binary)) and 0 elements
Cbc3007W No integer variables - nothing to do
Cuts at root node changed objective from -1 to -1.79769e+308

Result - Optimal solution found

Objective value:                -1.00000000
"""

LINEAR = """\
Presolve 0 (-1) rows, 0 (-2) columns and 0 (-2) elements
Optimal - objective value -0.36666667
Optimal objective -0.3666666667 - 0 iterations time 0.002, Presolve 0.00
"""


def read(text: str, *, start: str = START, threads: int = 1) -> CbcLog:
    log = CbcLog(threads=threads)
    for line in (start + text).splitlines():
        log.feed(line)
    return log


def just_below(bound: float, printed: float, unit: float) -> bool:
    return printed - 1.001 * unit <= bound < printed


def test_version_and_reading():
    log = read("")
    assert (log.version, log.errors, log.verdict, log.complaints) == ("2.10.3", 0, Verdict.NONE, [])
    assert log.bound == -math.inf
    assert log.termination(integers=True) is None


def test_time_limit_with_a_point():
    log = read(TIME_LIMIT_WITH_POINT)
    assert log.termination(integers=True) is Termination.LIMIT
    assert (log.limit, log.nodes) == (Limit.TIME, 4)
    # The eight digits of the log, not the -0.825 of the Result block, which lies above the bound.
    assert just_below(log.bound, -0.82460562, 1e-8)
    assert just_below(log.found, -0.78433727, 1e-8)


def test_time_limit_without_a_point():
    log = read(TIME_LIMIT_WITHOUT_POINT)
    assert (log.termination(integers=True), log.limit) == (Termination.LIMIT, Limit.TIME)
    assert just_below(log.bound, -0.84719796, 1e-8)
    assert log.found == math.inf


def test_the_bound_of_a_search_within_the_search_is_not_taken():
    log = read(NODE_LIMIT_IN_RESTART)
    assert (log.termination(integers=True), log.limit, log.nodes) == (Termination.LIMIT, Limit.NODES, 110)
    assert just_below(log.bound, -0.82586367, 1e-8)


@pytest.mark.parametrize("lines", range(1, 9))
def test_nor_when_the_process_is_killed_in_between(lines):
    log = read("\n".join(NODE_LIMIT_IN_RESTART.splitlines()[:lines]))
    assert log.termination(integers=True) is None
    assert just_below(log.bound, -0.82586367, 1e-8)


def test_a_completed_search():
    log = read(COMPLETED)
    assert log.termination(integers=True) is Termination.OPTIMAL
    assert (log.completed, log.nodes, log.gaps) == ("-0.7919537311073253", 147, [])


def test_a_completed_search_after_a_limit_is_not_believed():
    log = read(COMPLETED_AFTER_A_LIMIT)
    assert (log.termination(integers=True), log.limit) == (Termination.LIMIT, Limit.TIME)
    assert just_below(log.bound, 10593.336, 1e-3)


def test_infeasible_after_a_limit_is_not_believed():
    log = read("Cbc0020I Exiting on maximum time\n" + INTEGER_INFEASIBLE)
    assert log.termination(integers=True) is Termination.LIMIT


def test_a_gap_is_read_upward():
    log = read(GAP)
    assert log.termination(integers=True) is Termination.OPTIMAL
    [gap] = log.gaps
    assert 0.038839689 < gap < 0.0388396911


def test_interruption():
    log = read(INTERRUPTED)
    assert log.termination(integers=True) is Termination.INTERRUPTED
    assert just_below(log.bound, -0.82291657, 1e-8)


def test_several_threads_leave_only_the_weakest_bound():
    later = TIME_LIMIT_WITH_POINT.replace("best possible -0.82460562), took", "best possible -0.801), took")
    assert just_below(read(later).bound, -0.801, 1e-8)
    assert just_below(read(later, threads=2).bound, -0.82460562, 1e-8)


def test_the_bound_is_never_above_the_best_point():
    log = read(TIME_LIMIT_WITH_POINT.replace("(best possible -0.82460562)", "(best possible -0.7)"))
    assert just_below(log.bound, -0.78433727, 1e-8)


@pytest.mark.parametrize(
    ("text", "integers", "expected"),
    [
        (INTEGER_INFEASIBLE, True, Termination.INFEASIBLE),
        ("Problem is infeasible - 0.00 seconds\n", True, Termination.INFEASIBLE),
        ("Result - Linear relaxation infeasible\n", False, Termination.INFEASIBLE),
        ("Result - Linear relaxation unbounded\n", False, Termination.UNBOUNDED),
        ("Problem is unbounded - 0.00 seconds\n", True, Termination.INFEASIBLE_OR_UNBOUNDED),
        ("Pre-processing says infeasible or unbounded\n", True, Termination.INFEASIBLE),
        (NO_INTEGERS_LEFT, True, Termination.OPTIMAL),
        (LINEAR, False, Termination.OPTIMAL),
        # The relaxation of a MILP is not its answer.
        (LINEAR, True, None),
    ],
)
def test_endings(text, integers, expected):
    assert read(text).termination(integers=integers) is expected


def test_infeasible_or_unbounded_stays_open_without_a_solved_relaxation():
    text = "Pre-processing says infeasible or unbounded\n"
    log = read(text, start="Coin0008I nnff read with 0 errors\n")
    assert log.termination(integers=True) is Termination.INFEASIBLE_OR_UNBOUNDED


@pytest.mark.parametrize(
    "line",
    [
        "No match for foo - ? for list of commands",
        "String of 10x is illegal for integer parameter maxNodes value remains 2147483647",
        "1e-30 was provided for dualTolerance - valid range is 1e-20 to 1.79769e+308",
        "Multiple matches for cut - possible completions:",
    ],
)
def test_a_refused_option_is_noticed(line):
    assert read(line).complaints == [line]


def test_errors_in_reading_are_noticed():
    assert read("", start="Coin0008I nnff read with 2 errors\n").errors == 2


@pytest.mark.parametrize("text", ["1e+50", "-1.797693e+308", "-1e+30"])
def test_no_bound_is_no_bound(text):
    assert lowered(text) == -math.inf


@given(st.floats(-1e15, 1e15).filter(lambda v: v == 0 or abs(v) > 1e-200))
def test_lowered_is_below_whatever_was_printed(value):
    # CBC prints %.8g and nothing else in these lines; trailing zeros are gone.
    printed = f"{value:.8g}"
    assert lowered(printed) <= value
    assert lowered(printed) >= value - 2.1e-7 * abs(value)
