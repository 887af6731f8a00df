"""Conformance checks of a backend: right answers and sound bounds."""

# ruff: noqa: D401 - a docstring says what must hold, and is shown to users as it stands

from __future__ import annotations

import gzip
import hashlib
import itertools
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from nnff.milp.mps import read_mps
from nnff.solver import Capability, Limit, Termination
from nnff.testing import instances
from nnff.testing.instances import Planted, dense_problem
from nnff.testing.outcome import SkipCheck
from nnff.testing.solver_subject import check, close_to

if TYPE_CHECKING:
    from pathlib import Path

    from nnff.testing.solver_subject import Subject

_NOTHING_THERE = {Termination.INFEASIBLE, Termination.INFEASIBLE_OR_UNBOUNDED}
_NO_LOWEST = {Termination.UNBOUNDED, Termination.INFEASIBLE_OR_UNBOUNDED}


@check
def check_known_optima(subject: Subject) -> None:
    """Knapsacks whose optimum is found by trying every point."""
    for seed in range(4):
        subject.optimum(instances.knapsack(seed))


@check
def check_zero_gap(subject: Subject) -> None:
    """Optima that differ from the second best by less than 1e-4 relative: no default gap may apply."""
    close = [instances.knapsack(seed, scale=10**5) for seed in range(2)]
    # Beside so large a constant every point is within a default gap of the optimum: luck is no help.
    beside = [instances.knapsack(seed, offset=-1e7) for seed in range(2)]
    for planted in (*close, *beside):
        result = subject.optimum(planted)
        assert close_to(result.objective, planted.value, 1e-9), (
            f"objective {result.objective} is within a default gap of the optimum {planted.value}, not at it"
        )


@check
def check_sense(subject: Subject) -> None:
    """A minimisation, whatever the signs of its costs."""
    for sign in (1.0, -1.0):
        problem = dense_problem([sign], [[1.0]], [(-math.inf, 4.0)], [(1.0, 5.0)], [True])
        value = 1.0 if sign > 0 else -4.0
        subject.optimum(Planted(problem, np.array([abs(value)]), value, optimal=True))


@check
def check_objective_constant(subject: Subject) -> None:
    """The constant of the objective is part of objective and bound."""
    for offset in (4096.5, -4096.5):
        subject.optimum(instances.knapsack(5, offset=offset))


@check
def check_continuous_columns(subject: Subject) -> None:
    """Continuous columns take fractional values; linear programs have a bound at the optimum."""
    subject.needs(Capability.CONTINUOUS)
    half = dense_problem([0.0], [[2.0]], [(1.0, 1.0)], [(0.0, 1.0)])
    subject.optimum(Planted(half, np.array([0.5]), 0.0, optimal=True))
    box = dense_problem([-1, -1], [[2, 1], [1, 2]], [(-math.inf, 3)] * 2, [(0, 4)] * 2, offset=7.0)
    subject.optimum(Planted(box, np.ones(2), 5.0, optimal=True))


@check
def check_column_kinds(subject: Subject) -> None:
    """Free, negative, half-open and fixed columns."""
    subject.optimum(instances.mixed_columns(integer=True))
    subject.optimum(instances.mixed_columns(integer=False))


@check
def check_row_kinds(subject: Subject) -> None:
    """Equalities, ranges, one-sided rows, rows without bounds and rows without entries."""
    for integer, low in itertools.product((True, False), (True, False)):
        subject.optimum(instances.row_kinds(integer=integer, low=low))


@check
def check_empty_problems(subject: Subject) -> None:
    """No rows, no columns, neither; and no columns with a row that nothing satisfies."""
    no_rows = dense_problem([-1, 2], [], [], [(0, 1), (1, 3)], [True, True], offset=10.0)
    subject.optimum(Planted(no_rows, np.ones(2), 11.0, optimal=True))
    for bounds in ([], [(-1.0, 0.0), (0.0, 1.0)]):
        empty = dense_problem([], [[]] * len(bounds), bounds, [], offset=10.0)
        subject.optimum(Planted(empty, np.zeros(0), 10.0, optimal=True))
    result = subject.solve(dense_problem([], [[]], [(1.0, 2.0)], []))
    assert result.termination in _NOTHING_THERE, (
        f"no columns and the row 1 <= 0 <= 2: termination {result.termination}"
    )


@check
def check_infeasible(subject: Subject) -> None:
    """Programs without a point, for several reasons, are not called anything else."""
    cases = {
        "rows contradict": dense_problem([1, 1], [[1, 1]], [(5, 9)], [(0, 2)] * 2, [True] * 2),
        # Every linear relaxation has a point here.
        "parity": dense_problem([1, 1, 1], [[2, 2, 2]], [(3, 3)], [(0, 1)] * 3, [True] * 3),
        "bounds cross": dense_problem([1], [[1]], [(0, 9)], [(3, 2)], [True]),
        "row bounds cross": dense_problem([1], [[1]], [(3, 2)], [(0, 9)], [True]),
    }
    for what, problem in cases.items():
        result = subject.solve(problem)
        refused = "cross" in what and result.termination is Termination.ERROR
        assert result.termination in _NOTHING_THERE or refused, f"{what}: termination {result.termination}"
        assert result.x is None, f"{what}: a point is held"


@check
def check_feasible_is_not_infeasible(subject: Subject) -> None:
    """A single feasible point, at a fraction or far out, is found: "infeasible" would read as "proven"."""
    subject.needs(Capability.CONTINUOUS)
    for value in (0.375, -1234.0625, 98765.5):
        problem = dense_problem(
            [1.0, 0.0],
            [[8.0, 0.0], [1.0, 1.0]],
            [(8 * value,) * 2, (value, value + 1)],
            [(-1e6, 1e6), (0, 1)],
            [False, True],
        )
        subject.optimum(Planted(problem, np.array([value, 0.0]), value, optimal=True))


@check
def check_unbounded(subject: Subject) -> None:
    """Programs without a lowest value have no finite bound and are not called infeasible or optimal."""
    for integer in (True, False):
        problem = dense_problem([-1, 0], [[1, -1]], [(-math.inf, 1)], [(0, math.inf)] * 2, [integer] * 2)
        try:
            result = subject.solve(problem)
        except SkipCheck:
            continue
        assert result.termination not in {Termination.OPTIMAL, Termination.INFEASIBLE}, (
            f"unbounded: termination {result.termination}"
        )
        assert result.bound == -math.inf, f"unbounded, with the bound {result.bound}"


@check
def check_infeasible_and_unbounded_told_apart(subject: Subject) -> None:
    """The two are named, or it is said honestly that they were not told apart; nothing vaguer."""
    unbounded = dense_problem([-1, 0], [[1, -1]], [(-math.inf, 1)], [(0, math.inf)] * 2, [True] * 2)
    result = subject.solve(unbounded)
    assert result.termination in _NO_LOWEST, f"unbounded: termination {result.termination}"
    nothing = dense_problem([-1, 0], [[1, 1]], [(-math.inf, -1)], [(0, math.inf)] * 2, [True] * 2)
    result = subject.solve(nothing)
    assert result.termination in _NOTHING_THERE, f"infeasible: termination {result.termination}"


@check
def check_exact_transfer(subject: Subject) -> None:
    """Every bit of coefficients, row bounds and column bounds reaches the solver."""
    subject.needs(Capability.EXACT_TRANSFER, Capability.CONTINUOUS)
    for where in ("coefficient", "row bound", "column bound"):
        planted = instances.transfer_digits(where)
        result = subject.solve(planted.problem)
        subject.sound(planted, result)
        assert close_to(result.objective, planted.value, 2.0**-18), (
            f"the last digits of a {where} are lost: objective {result.objective}, expected {planted.value}"
        )


@check
def check_tiny_coefficients(subject: Subject) -> None:
    """Coefficients of 1e-9 and below on huge columns count, or the problem is refused with an error."""
    for exponent, integer in itertools.product((-24, -30, -34, -44), (False, True)):
        planted = instances.tiny_coefficient(2.0**exponent, integer=integer)
        result = subject.solve(planted.problem)
        size = f"a coefficient of {2.0**exponent:.0e}"
        assert result.termination is not Termination.INFEASIBLE, f"{size}: called infeasible"
        # The point is at 0.25 in a row whose terms are of size 1: 1e-6 is its own tolerance.
        assert result.bound <= planted.value + 1e-6, (
            f"{size} was dropped: the bound is {result.bound}, a feasible point has {planted.value}"
        )


def _check_limited(subject: Subject, *, incumbent: bool, limit: str) -> None:
    planted = subject.hard(incumbent=incumbent)
    result, _ = subject.limited(incumbent=incumbent, limit=limit)
    subject.sound(planted, result)
    if limit == "time" or incumbent:
        _has_bound(subject, planted, result.bound)


def _has_bound(subject: Subject, planted: Planted, bound: float) -> None:
    """Demand a bound that is not absurdly weak: that of the columns alone, give or take."""
    if Capability.BOUND_ON_LIMIT not in subject.backend.capabilities:
        return
    problem = planted.problem
    box = float(np.minimum(problem.cost * problem.col_lower, problem.cost * problem.col_upper).sum())
    box += problem.offset
    assert bound >= box - 1e-6 * abs(box), (
        f"the bound after the limit is {bound}; the columns' bounds alone prove {box}"
    )


@check
def check_bound_on_time_limit_with_point(subject: Subject) -> None:
    """After a time limit with a point held, the bound is below the optimum and is no placeholder."""
    subject.needs(Capability.TIME_LIMIT)
    _check_limited(subject, incumbent=True, limit="time")


@check
def check_bound_on_time_limit_without_point(subject: Subject) -> None:
    """After a time limit without a point, the bound is below a feasible value and is no placeholder."""
    subject.needs(Capability.TIME_LIMIT)
    _check_limited(subject, incumbent=False, limit="time")


@check
def check_bound_on_node_limit_with_point(subject: Subject) -> None:
    """The same after a node limit."""
    subject.needs(Capability.NODE_LIMIT)
    _check_limited(subject, incumbent=True, limit="node")


@check
def check_bound_on_node_limit_without_point(subject: Subject) -> None:
    """The same after a node limit without a point."""
    subject.needs(Capability.NODE_LIMIT)
    _check_limited(subject, incumbent=False, limit="node")


@check
def check_status_after_time_limit(subject: Subject) -> None:
    """A run that was cut off says so: it is not optimal, not infeasible, and names the limit."""
    subject.needs(Capability.TIME_LIMIT)
    for incumbent in (True, False):
        result, _ = subject.limited(incumbent=incumbent, limit="time")
        planted = subject.hard(incumbent=incumbent)
        if result.termination is Termination.OPTIMAL and planted.optimal:
            # Somebody may be lucky enough to finish; then the value is the optimum.
            assert close_to(result.objective, planted.value), (
                f"called optimal at {result.objective} after a time limit; the optimum is {planted.value}"
            )
            continue
        assert (result.termination, result.limit) == (Termination.LIMIT, Limit.TIME), (
            f"after a time limit: termination {result.termination}, limit {result.limit}"
        )


@check
def check_status_after_node_limit(subject: Subject) -> None:
    """The same for node limits."""
    subject.needs(Capability.NODE_LIMIT)
    for incumbent in (True, False):
        result, _ = subject.limited(incumbent=incumbent, limit="node")
        assert (result.termination, result.limit) == (Termination.LIMIT, Limit.NODES), (
            f"after a node limit: termination {result.termination}, limit {result.limit}"
        )


@check
def check_bound_stop(subject: Subject) -> None:
    """A run that stops at a bound has reached it, and has not gone far beyond it."""
    subject.needs(Capability.BOUND_STOP)
    planted = subject.hard(incumbent=False)
    # Far below the root's bound: it is reached at once, and without it the search would not end.
    target = float(planted.problem.cost.sum()) + planted.problem.offset
    result = subject.solve(planted.problem, bound_stop=target, time_limit=3.0)
    assert (result.termination, result.limit) == (Termination.LIMIT, Limit.BOUND), (
        f"bound_stop: termination {result.termination}, limit {result.limit}"
    )
    assert result.bound >= target, f"stopped at the bound {result.bound} for bound_stop = {target}"
    subject.sound(planted, result)


@check
def check_objective_stop(subject: Subject) -> None:
    """A run that stops at an objective holds such a point, and does not pass it off as a bound."""
    subject.needs(Capability.OBJECTIVE_STOP)
    planted = subject.hard(incumbent=True)
    # What the slack columns alone can do: found at once, far above the optimum, which is not found in time.
    target = float(planted.problem.row_upper.sum()) + planted.problem.offset
    result = subject.solve(planted.problem, objective_stop=target, time_limit=10.0)
    assert (result.termination, result.limit) == (Termination.LIMIT, Limit.OBJECTIVE), (
        f"objective_stop: termination {result.termination}, limit {result.limit}"
    )
    assert result.objective is not None, "stopped at an objective without a point"
    assert result.objective <= target + 1e-6 * abs(target), (
        f"stopped at the objective {result.objective} for objective_stop = {target}"
    )
    subject.sound(planted, result)
    # An objective that no point has changes nothing.
    easy = instances.knapsack(0)
    subject.optimum(easy, objective_stop=easy.value - 1.0)


@check
def check_gap_limit(subject: Subject) -> None:
    """A run that may stop at a gap keeps bound and objective apart; neither is passed off as the other."""
    subject.needs(Capability.GAP)
    planted = subject.hard(incumbent=True)
    asked: list[dict[str, Any]] = [{"relative_gap": 0.5}, {"absolute_gap": 200.0}]
    for options in asked:
        # Without the gap there would be no end.
        limit: dict[str, Any] = (
            {"time_limit": 20.0} if Capability.TIME_LIMIT in subject.backend.capabilities else {}
        )
        result = subject.solve(planted.problem, **options, **limit)
        assert result.termination is Termination.OPTIMAL, f"{options}: termination {result.termination}"
        subject.sound(planted, result)
        assert result.objective is not None
        gap = result.objective - result.bound
        allowed = options.get("absolute_gap", 0.5 * abs(result.objective))
        assert gap <= allowed * (1 + 1e-6) + 1e-6, f"{options}: stopped with a gap of {gap}"


@check
def check_tolerances(subject: Subject) -> None:
    """Tight tolerances are kept: what only the usual 1e-6 lets through is infeasible at 1e-9."""
    subject.needs(Capability.TOLERANCES)
    off, inf = 3e-7, math.inf
    cases = {
        # Twice 1e-7 is the most that the row can have.
        "a row": dense_problem([1, 1], [[1e-7, 1e-7]], [(2e-7 + off, inf)], [(0, 1)] * 2, [False, True]),
        # The only solution is w = (1, off), near enough to (1, 0) for a loose integrality.
        "integrality": dense_problem(
            [1, 1, 1],
            [[1, 1, 0], [1, -1, 0], [1, 1, 1]],
            [(1 + off,) * 2, (1 - off,) * 2, (-9, 9)],
            [(0, 1)] * 3,
            [True, True, False],
        ),
    }
    for what, problem in cases.items():
        result = subject.solve(problem, integrality_tolerance=1e-9, feasibility_tolerance=1e-9)
        assert result.termination in _NOTHING_THERE, (
            f"{what} that fails by {off:g} passes for feasible at 1e-9: termination {result.termination}"
        )


@check
def check_fooling_instance(subject: Subject) -> None:
    """The instance given by the user; the optimum of the one that fools CBC is known."""
    if subject.instance is None:
        raise SkipCheck("no instance was given")
    problem = read_mps(subject.instance)
    limited = Capability.TIME_LIMIT in subject.backend.capabilities
    options: dict[str, Any] = {"time_limit": 120.0} if limited else {}
    result = subject.solve(problem, **options)
    assert result.termination in {Termination.OPTIMAL, Termination.LIMIT}, f"termination {result.termination}"
    known = KNOWN_OPTIMA.get(_content(subject.instance))
    if known is None:
        raise SkipCheck("the optimum of the given instance is not on record; nothing contradicts the result")
    value, digits = known
    # The optimum on record is rounded.
    assert result.bound <= value + digits, f"the bound {result.bound} lies above the optimum {value}"
    if result.termination is Termination.OPTIMAL:
        assert close_to(result.objective, value, 1e-6), (
            f"objective {result.objective}, the optimum is {value}"
        )


KNOWN_OPTIMA: dict[str, tuple[float, float]] = {
    # A ReLU network of 13-32-1 on Boston housing: CBC 2.10.3 with its own tolerances says -0.7886892.
    "913caa5b179b74085a6c6a584bf9efec289c38b821520c6d57ac4bad3876c142": (-0.7919537, 5e-8),
}
"""Optima, and half a unit of their last digit, of instances that fooled a solver, by content."""


def _content(path: Path) -> str:
    """Return the SHA-256 of an MPS file, compressed or not."""
    data = path.read_bytes()
    return hashlib.sha256(gzip.decompress(data) if path.suffix == ".gz" else data).hexdigest()
