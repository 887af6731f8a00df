"""The conformance kit of solvers catches every kind of liar that we have met or feared.

Each mock solves with HiGHS and is wrong in one way; the check that must see it is named beside it.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from nnff.errors import SolverUnavailableError, UnknownNameError
from nnff.solver import (
    Availability,
    BoundOrigin,
    Capability,
    Limit,
    PointStatus,
    SolveControl,
    SolverBackend,
    SolveResult,
    Termination,
)
from nnff.testing import Status, solver_processes, solver_subject
from nnff.testing.children import children_of, wait_until_gone
from nnff.testing.solvers import BackendConformance, check_backend, solver_checks
from nnff_solvers.highs import HighsBackend

LIARS: list[tuple[type[SolverBackend], str]] = []


def caught_by(*checks):
    """Register a mock together with the checks that must fail on it."""

    def register(mock):
        LIARS.extend((mock, check) for check in checks)
        return mock

    return register


class Honest(HighsBackend):
    """What the mocks start from; its name is its own, so that HiGHS is "another backend" to it."""

    name = "mock"

    def solve(self, problem, options, start=None, control=None):
        result = self.distort(super().solve(problem, options, start, control), problem, options)
        return dataclasses.replace(result, solver=self.name)

    def distort(self, result, problem, options):
        return result


def limited(result):
    return result.termination is Termination.LIMIT


def with_bound(result, bound):
    origin = BoundOrigin.NONE if bound == -math.inf else BoundOrigin.API
    return dataclasses.replace(result, bound=bound, bound_origin=origin)


# Wrong answers


@caught_by("known_optima", "sense", "continuous_columns")
class BoundTooHigh(Honest):
    def distort(self, result, problem, options):
        return with_bound(result, result.bound + 1e-3) if math.isfinite(result.bound) else result


@caught_by("sense", "continuous_columns")
class LiesAboutOneColumn(Honest):
    """And by no more than the last digits."""

    def distort(self, result, problem, options):
        if result.objective is None or problem.n_columns > 1:
            return result
        return with_bound(result, result.objective + 1e-9)


@caught_by("column_kinds", "exact_transfer")
class BoundRoundedInward(Honest):
    """As a solver's own report with three decimals."""

    def distort(self, result, problem, options):
        if not math.isfinite(result.bound):
            return result
        return with_bound(result, math.ceil(result.bound * 1e3) / 1e3 + 1e-9 * (abs(result.bound) > 1))


@caught_by("bound_on_time_limit_with_point", "bound_on_node_limit_with_point")
class IncumbentAsBound(Honest):
    def distort(self, result, problem, options):
        return with_bound(result, result.objective) if limited(result) and result.x is not None else result


@caught_by("bound_on_time_limit_without_point", "bound_on_node_limit_without_point")
class ZeroForNoBound(Honest):
    def distort(self, result, problem, options):
        return with_bound(result, 0.0) if limited(result) and result.x is None else result


@caught_by("bound_on_time_limit_with_point", "bound_on_time_limit_without_point")
class ClaimsABoundAndHasNone(Honest):
    def distort(self, result, problem, options):
        return with_bound(result, -math.inf) if limited(result) else result


@caught_by("objective_constant", "empty_problems")
class ConstantDroppedFromBound(Honest):
    def distort(self, result, problem, options):
        return with_bound(result, result.bound - problem.offset) if math.isfinite(result.bound) else result


@caught_by("objective_constant")
class ConstantDroppedFromBoth(Honest):
    def solve(self, problem, options, start=None, control=None):
        return super().solve(dataclasses.replace(problem, offset=0.0), options, start, control)


@caught_by("sense", "known_optima", "row_kinds")
class Maximises(Honest):
    def solve(self, problem, options, start=None, control=None):
        turned = dataclasses.replace(problem, cost=-problem.cost, offset=-problem.offset)
        result = super().solve(turned, options, start, control)
        if result.objective is None:
            return result
        return with_bound(dataclasses.replace(result, objective=-result.objective), -result.objective)


@caught_by("status_after_time_limit")
class OptimalAfterTimeLimit(Honest):
    def distort(self, result, problem, options):
        if not limited(result) or result.x is None:
            return result
        return dataclasses.replace(result, termination=Termination.OPTIMAL, limit=None)


@caught_by("status_after_node_limit")
class OptimalAfterNodeLimit(OptimalAfterTimeLimit):
    pass


@caught_by("status_after_time_limit", "bound_on_time_limit_without_point")
class NoPointReadAsInfeasible(Honest):
    def distort(self, result, problem, options):
        if not limited(result) or result.x is not None:
            return result
        return dataclasses.replace(
            with_bound(result, math.inf), termination=Termination.INFEASIBLE, limit=None
        )


@caught_by("continuous_columns", "feasible_is_not_infeasible")
class AllColumnsInteger(Honest):
    """CP-SAT on a model with continuous columns."""

    def solve(self, problem, options, start=None, control=None):
        whole = dataclasses.replace(problem, integer=np.ones(problem.n_columns, dtype=bool))
        return super().solve(whole, options, start, control)


@caught_by("infeasible")
class InfeasibleReadAsOptimal(Honest):
    def distort(self, result, problem, options):
        if result.termination is not Termination.INFEASIBLE:
            return result
        x = np.clip(np.zeros(problem.n_columns), problem.col_lower, problem.col_upper)
        return dataclasses.replace(
            with_bound(result, problem.objective(x)),
            termination=Termination.OPTIMAL,
            point=PointStatus.FEASIBLE,
            x=x,
            objective=problem.objective(x),
        )


@caught_by("unbounded", "infeasible_and_unbounded_told_apart")
class UnboundedReadAsInfeasible(Honest):
    def distort(self, result, problem, options):
        if result.termination not in {Termination.UNBOUNDED, Termination.INFEASIBLE_OR_UNBOUNDED}:
            return result
        return dataclasses.replace(
            with_bound(result, math.inf),
            termination=Termination.INFEASIBLE,
            point=PointStatus.NONE,
            x=None,
            objective=None,
        )


@caught_by("infeasible_and_unbounded_told_apart")
class VagueAboutUnboundedness(Honest):
    def distort(self, result, problem, options):
        if result.termination not in {Termination.UNBOUNDED, Termination.INFEASIBLE_OR_UNBOUNDED}:
            return result
        return dataclasses.replace(result, termination=Termination.ERROR, message="something else")


@caught_by("exact_transfer")
class ThirteenDigits(Honest):
    def solve(self, problem, options, start=None, control=None):
        def rounded(values):
            return np.array([float(f"{v:.12e}") for v in values])

        names = ("data", "col_lower", "col_upper", "row_lower", "row_upper")
        printed = {name: rounded(getattr(problem, name)) for name in names}
        return super().solve(dataclasses.replace(problem, **printed), options, start, control)


@caught_by("tiny_coefficients")
class DropsTinyCoefficients(Honest):
    def solve(self, problem, options, start=None, control=None):
        kept = np.where(np.abs(problem.data) <= 1e-9, 0.0, problem.data)
        return super().solve(dataclasses.replace(problem, data=kept), options, start, control)


@caught_by("empty_problems")
class CannotDoWithoutColumns(Honest):
    def solve(self, problem, options, start=None, control=None):
        assert problem.n_columns, "there is nothing to solve"
        return super().solve(problem, options, start, control)


@caught_by("row_kinds")
class RangesLoseTheirLowerSide(Honest):
    def solve(self, problem, options, start=None, control=None):
        ranges = np.isfinite(problem.row_lower) & np.isfinite(problem.row_upper)
        lower = np.where(ranges, -np.inf, problem.row_lower)
        return super().solve(dataclasses.replace(problem, row_lower=lower), options, start, control)


@caught_by("column_kinds")
class ColumnsStartAtZero(Honest):
    def solve(self, problem, options, start=None, control=None):
        lower = np.minimum(np.maximum(problem.col_lower, 0.0), problem.col_upper)
        return super().solve(dataclasses.replace(problem, col_lower=lower), options, start, control)


@caught_by("zero_gap")
class DefaultGap(Honest):
    def solve(self, problem, options, start=None, control=None):
        gap = max(options.relative_gap, 1e-4)
        return super().solve(problem, dataclasses.replace(options, relative_gap=gap), start, control)


@caught_by("gap_limit")
class GapHidden(Honest):
    def distort(self, result, problem, options):
        return (
            with_bound(result, result.objective) if options.relative_gap or options.absolute_gap else result
        )


@caught_by("tolerances")
class LooseTolerances(Honest):
    def solve(self, problem, options, start=None, control=None):
        loose = dataclasses.replace(options, feasibility_tolerance=1e-6, integrality_tolerance=1e-6)
        return super().solve(problem, loose, start, control)


@caught_by("bound_stop")
class ForgetsBoundStop(Honest):
    def solve(self, problem, options, start=None, control=None):
        return super().solve(problem, dataclasses.replace(options, bound_stop=None), start, control)


@caught_by("objective_stop")
class ForgetsObjectiveStop(Honest):
    def solve(self, problem, options, start=None, control=None):
        limits = {"objective_stop": None, "time_limit": options.time_limit and min(options.time_limit, 1.0)}
        return super().solve(problem, dataclasses.replace(options, **limits), start, control)


@caught_by("objective_stop")
class StopAtAnObjectiveAsBound(Honest):
    def distort(self, result, problem, options):
        reached = result.limit is Limit.OBJECTIVE
        return with_bound(result, result.objective) if reached else result


@caught_by("known_optima", "bound_on_time_limit_with_point")
class BoundIsNotANumber(Honest):
    def distort(self, result, problem, options):
        return with_bound(result, math.nan)


@caught_by("known_optima")
class PointIsNotANumber(Honest):
    def distort(self, result, problem, options):
        return dataclasses.replace(result, x=np.full(problem.n_columns, math.nan))


@caught_by("known_optima")
class PointOfTheWrongLength(Honest):
    def distort(self, result, problem, options):
        return dataclasses.replace(result, x=result.x[:-1])


@caught_by("known_optima")
class PointViolatesARow(Honest):
    def distort(self, result, problem, options):
        x = np.ones(problem.n_columns)
        return with_bound(
            dataclasses.replace(result, x=x, objective=problem.objective(x)), problem.objective(x)
        )


@caught_by("known_optima")
class ObjectiveOfAnotherPoint(Honest):
    def distort(self, result, problem, options):
        return dataclasses.replace(result, objective=result.objective - 1.0)


@caught_by("known_optima")
class ReturnsSomethingElse(Honest):
    def solve(self, problem, options, start=None, control=None):
        return {"status": "optimal"}


# Bad conduct


@caught_by("identity")
class AnotherName(Honest):
    def distort(self, result, problem, options):
        return dataclasses.replace(result, version="0.0")


@caught_by("identity")
class NoTimings(Honest):
    def distort(self, result, problem, options):
        return dataclasses.replace(result, timings={})


@caught_by("nothing_printed")
class Prints(Honest):
    def distort(self, result, problem, options):
        print("solved")
        return result


@caught_by("nothing_printed")
class PrintsBelowPython(Honest):
    def distort(self, result, problem, options):
        os.write(1, b"Running the solver\n")
        return result


@caught_by("nothing_printed")
class ComplainsOnStderr(Honest):
    def distort(self, result, problem, options):
        os.write(2, b"warning\n")
        return result


@caught_by("nothing_printed")
class ChildPrints(Honest):
    def distort(self, result, problem, options):
        subprocess.run([sys.executable, "-S", "-c", "print('child')"], check=True)
        return result


@caught_by("options_do_not_leak")
class LeaksTheGap(Honest):
    gap = 0.0

    def solve(self, problem, options, start=None, control=None):
        type(self).gap = max(self.gap, options.relative_gap)
        return super().solve(problem, dataclasses.replace(options, relative_gap=self.gap), start, control)


@caught_by("options_do_not_leak")
class LeaksTheSeed(Honest):
    seed = 0

    def solve(self, problem, options, start=None, control=None):
        type(self).seed = options.seed or self.seed
        return super().solve(problem, dataclasses.replace(options, seed=self.seed), start, control)


@caught_by("unsupported_options_raise")
class DropsUnknownNativeOptions(Honest):
    def solve(self, problem, options, start=None, control=None):
        return super().solve(problem, dataclasses.replace(options, native={}), start, control)


@caught_by("unsupported_options_raise")
class DropsWhatItDoesNotClaim(Honest):
    capabilities = Honest.capabilities - {Capability.NODE_LIMIT}

    def check(self, problem, options, start=None):
        super().check(problem, dataclasses.replace(options, node_limit=None), start)


@caught_by("status_after_node_limit")
class ForgetsTheNodeLimit(Honest):
    def solve(self, problem, options, start=None, control=None):
        if options.node_limit is not None:
            options = dataclasses.replace(options, node_limit=None, time_limit=0.3)
        return super().solve(problem, options, start, control)


@caught_by("seed_repeats")
class RollsDice(Honest):
    seeds = itertools.count()

    def solve(self, problem, options, start=None, control=None):
        return super().solve(problem, dataclasses.replace(options, seed=next(self.seeds)), start, control)


@caught_by("threads_change")
class ThreadsOnlyOnce(Honest):
    first = None

    def solve(self, problem, options, start=None, control=None):
        type(self).first = self.first or options.threads
        if options.threads != self.first:
            return SolveResult(Termination.ERROR, self.name, "0", message="the scheduler is taken")
        return super().solve(problem, options, start, control)


@caught_by("start_is_a_hint")
class BelievesTheStart(Honest):
    def distort(self, result, problem, options):
        return result

    def solve(self, problem, options, start=None, control=None):
        result = super().solve(problem, options, None, control)
        if start is None or not np.isfinite(start).all():
            return result
        return dataclasses.replace(result, x=start, objective=problem.objective(start))


@caught_by("start_is_a_hint")
class IgnoresTheStart(Honest):
    def solve(self, problem, options, start=None, control=None):
        return super().solve(problem, options, None, control)


@caught_by("results_pickle")
class HoldsALock(Honest):
    def distort(self, result, problem, options):
        return dataclasses.replace(result, applied={"lock": threading.Lock()})


@caught_by("availability_imports_nothing")
class ImportsToSeeWhetherItIsThere(Honest):
    @classmethod
    def availability(cls):
        import highspy

        return Availability(available=highspy is not None)


@caught_by("no_files_left")
class LeavesATemporaryFile(Honest):
    def distort(self, result, problem, options):
        tempfile.mkstemp(suffix=".mps")[0]
        return result


@caught_by("no_files_left")
class LeavesALogInTheWorkingFolder(Honest):
    def distort(self, result, problem, options):
        if limited(result):
            Path("solver.log").write_text("log")
        return result


@caught_by("log_file")
class WritesNoLog(Honest):
    def solve(self, problem, options, start=None, control=None):
        result = super().solve(problem, dataclasses.replace(options, log_path=None), start, control)
        return dataclasses.replace(result, log_path=options.log_path)


@caught_by("progress")
class BoastsWhileRunning(Honest):
    def solve(self, problem, options, start=None, control=None):
        if control is None:
            return super().solve(problem, options, start)
        boast = SolveControl(lambda p: control.report(dataclasses.replace(p, bound=p.objective)))
        return super().solve(problem, options, start, boast)


@caught_by("progress")
class NeverReports(Honest):
    def solve(self, problem, options, start=None, control=None):
        return super().solve(problem, options, start)


@caught_by("interrupt", "interrupted_before")
class DoesNotListen(Honest):
    def solve(self, problem, options, start=None, control=None):
        options = dataclasses.replace(options, time_limit=options.time_limit or 1.2)
        return super().solve(problem, options, start, None)


@caught_by("keyboard_interrupt")
class SwallowsCtrlC(Honest):
    def solve(self, problem, options, start=None, control=None):
        try:
            return super().solve(problem, options, start, control)
        except KeyboardInterrupt:
            return SolveResult(Termination.ERROR, self.name, "0", message="stopped")


def orphan():
    """Start a process that does not care about its parent."""
    return subprocess.Popen(
        [sys.executable, "-S", "-c", "import time; time.sleep(60)"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


@caught_by("interrupt", "keyboard_interrupt", "parent_killed")
class LeavesAChild(Honest):
    capabilities = Honest.capabilities - {Capability.IN_PROCESS}
    children: list[subprocess.Popen] = []  # noqa: RUF012 - shared on purpose

    def solve(self, problem, options, start=None, control=None):
        self.children.append(orphan())
        return super().solve(problem, options, start, control)


@caught_by("with_other_backends")
class ClashesWithHighspy(Honest):
    def solve(self, problem, options, start=None, control=None):
        if "highspy" in sys.modules and not hasattr(type(self), "mine"):
            raise ImportError("two versions of one library")
        type(self).mine = True
        return super().solve(problem, options, start, control)


@caught_by("concurrent_solves")
class KeepsStateBetweenThreads(Honest):
    def solve(self, problem, options, start=None, control=None):
        type(self).current = problem
        time.sleep(0.05)
        return super().solve(self.current, options, start, control)


@caught_by("lp_session")
class ClaimsSessionsAndHasNone(Honest):
    def lp_session(self, problem, options):
        return SolverBackend.lp_session(self, problem, options)


@caught_by("lp_session")
class HasSessionsAndDoesNotSay(Honest):
    capabilities = Honest.capabilities - {Capability.LP_SESSION}


@caught_by("lp_session")
class SessionBoundTooHigh(Honest):
    def lp_session(self, problem, options):
        session = super().lp_session(problem, options)
        solve = session.solve
        session.solve = lambda: (r := solve()) and dataclasses.replace(r, bound=r.bound + 1e-7)
        return session


@pytest.fixture(autouse=True)
def no_child_outlives_a_test():
    before = children_of(os.getpid())
    yield
    for child in LeavesAChild.children:
        child.kill()
        child.wait()
    LeavesAChild.children.clear()
    assert not wait_until_gone(children_of(os.getpid()) - before, 5.0)


@pytest.mark.parametrize(("mock", "check"), LIARS, ids=[f"{m.__name__}-{c}" for m, c in LIARS])
def test_a_liar_is_caught(mock, check, monkeypatch):
    # Quicker than for real plugins, whose processes may start slowly.
    monkeypatch.setattr(solver_processes, "INTERRUPT_SECONDS", 0.7)
    monkeypatch.setattr(solver_processes, "_INTO_THE_SOLVE", 0.3)
    monkeypatch.setattr(solver_subject, "LIMIT_SECONDS", 0.4)
    [outcome] = check_backend(mock(), only=[check])
    assert outcome.status is Status.FAILED, str(outcome)
    assert outcome.detail


def test_a_backend_that_overstays_its_time_is_caught(monkeypatch):
    class Overstays(Honest):
        def distort(self, result, problem, options):
            time.sleep(0.6)
            return result

    monkeypatch.setattr(solver_processes, "INTERRUPT_SECONDS", 0.1)
    monkeypatch.setattr(solver_processes, "_LATE", 0.1)
    monkeypatch.setattr(solver_subject, "LIMIT_SECONDS", 0.4)
    [outcome] = check_backend(Overstays(), only=["time_limit_is_kept"])
    assert outcome.status is Status.FAILED
    assert "a time limit of 0.4 s took" in outcome.detail


def test_every_check_has_a_liar_that_it_catches():
    covered = {check for _, check in LIARS} | {"time_limit_is_kept"}
    # The instance is a file; what catches it is the same as in `known_optima` (see below).
    assert set(solver_checks()) - covered == {"fooling_instance"}


def test_the_honest_mock_passes_where_liars_fail():
    names = ["known_optima", "exact_transfer", "results_pickle", "options_do_not_leak", "concurrent_solves"]
    assert [o.status for o in check_backend(Honest(), only=names)] == [Status.PASSED] * len(names)


def test_a_known_failure_is_reported_with_its_reason():
    class Documented(LiesAboutOneColumn):
        known_failures = {"sense": "it boasts"}  # noqa: RUF012

    failed, passed = check_backend(Documented(), only=["sense", "results_pickle"])
    assert (failed.status, failed.detail) == (Status.EXPECTED_FAILURE, "it boasts")
    assert passed.status is Status.PASSED


def test_a_known_failure_that_passes_counts_as_a_failure():
    class Improved(Honest):
        known_failures = {"known_optima": "it used to boast"}  # noqa: RUF012

    [outcome] = check_backend(Improved(), only=["known_optima"])
    assert outcome.status is Status.UNEXPECTED_PASS
    assert not outcome.status.ok


def test_expected_failures_can_be_given_from_outside():
    [outcome] = check_backend(BoundTooHigh(), only=["sense"], expected_failures={"sense": "as known"})
    assert outcome.status is Status.EXPECTED_FAILURE


@pytest.mark.parametrize(
    "arguments", [{"only": ["known_optimum"]}, {"expected_failures": {"known_optimum": "?"}}]
)
def test_an_unknown_check_is_an_error(arguments):
    with pytest.raises(UnknownNameError, match="known_optima"):
        check_backend(Honest(), **arguments)


def test_what_is_not_claimed_is_skipped_visibly():
    class Humble(Honest):
        capabilities = frozenset({Capability.INTEGER, Capability.CONTINUOUS, Capability.NATIVE})

    outcomes = {o.name: o for o in check_backend(Humble(), only=["bound_stop", "progress", "known_optima"])}
    assert outcomes["bound_stop"].status is Status.SKIPPED
    assert "stop at a bound" in outcomes["bound_stop"].detail
    assert outcomes["progress"].status is Status.SKIPPED
    assert outcomes["known_optima"].status is Status.PASSED


def test_a_backend_without_continuous_columns_is_judged_by_the_rest():
    class PureInteger(Honest):
        capabilities = Honest.capabilities - {Capability.CONTINUOUS}

    names = ["known_optima", "continuous_columns", "column_kinds", "unbounded", "empty_problems"]
    statuses = {o.name: o.status for o in check_backend(PureInteger(), only=names)}
    assert statuses["continuous_columns"] is statuses["column_kinds"] is Status.SKIPPED
    assert statuses["known_optima"] is statuses["unbounded"] is Status.PASSED


def test_a_solver_that_is_not_installed_is_not_checked():
    class Missing(Honest):
        @classmethod
        def availability(cls):
            return Availability(available=False, reason="no such package", hint="pip install it")

    with pytest.raises(SolverUnavailableError, match="no such package; pip install it"):
        check_backend(Missing())


def test_the_fooling_instance_is_read_and_judged(tmp_path, monkeypatch):
    from nnff.milp.mps import write_mps
    from nnff.testing import solver_answers
    from nnff.testing.instances import knapsack

    planted = knapsack(0)
    path = tmp_path / "fooling.mps.gz"
    write_mps(planted.problem, path)
    [outcome] = check_backend(Honest(), instance=path, only=["fooling_instance"])
    assert outcome.status is Status.SKIPPED
    assert "not on record" in outcome.detail
    monkeypatch.setitem(solver_answers.KNOWN_OPTIMA, solver_answers._content(path), (planted.value, 5e-8))
    [outcome] = check_backend(Honest(), instance=path, only=["fooling_instance"])
    assert outcome.status is Status.PASSED
    [outcome] = check_backend(BoundTooHigh(), instance=path, only=["fooling_instance"])
    assert outcome.status is Status.FAILED


def test_the_class_turns_outcomes_into_test_results():
    class Documented(LiesAboutOneColumn):
        known_failures = {"sense": "it boasts"}  # noqa: RUF012
        capabilities = Honest.capabilities - {Capability.BOUND_STOP}

    class Kit(BackendConformance):
        def make_backend(self):
            return Documented()

    kit = Kit()
    kit.test_results_pickle()
    with pytest.raises(pytest.skip.Exception, match="stop at a bound"):
        kit.test_bound_stop()
    with pytest.raises(pytest.xfail.Exception, match="it boasts"):
        kit.test_sense()
    with pytest.raises(AssertionError, match="lies above"):
        kit.test_continuous_columns()
    assert all(hasattr(Kit, f"test_{name}") for name in solver_checks())


def test_every_check_says_what_it_demands():
    assert all(text.endswith(".") and "\n" not in text for text in solver_checks().values())


def test_the_kit_refuses_to_run_without_assertions():
    code = (
        "from nnff_solvers.highs import HighsBackend\n"
        "from nnff.testing.solvers import check_backend\n"
        "from nnff.errors import ConfigError\n"
        "try:\n    check_backend(HighsBackend(), only=['sense'])\n"
        "except ConfigError as error:\n    print('refused', error)\n"
    )
    done = subprocess.run([sys.executable, "-O", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("refused")
