"""Backends that lie, hang, die, print or answer nonsense: never a wrong certificate, always a reason."""

from __future__ import annotations

import importlib
import math
import time
from dataclasses import replace

import numpy as np
import pytest

from nnff.certification import Reason, Trust, Verdict, certify, solving
from nnff.domain import Domain
from nnff.milp.mps import read_mps
from nnff.network import Layer, Network
from nnff.similarity import metric
from nnff.solver import Availability, BoundOrigin, PointStatus, SolverBackend, Termination
from nnff.solver import guard as guard_module
from nnff.solver.load import solver

# Encoded exactly, so that a bound that is 1e-3 too low is false; hidden units, so that a solve is needed.
NETWORK = Network(
    (
        Layer([[1.0, -2.0], [0.5, 1.5], [-1.0, 0.7]], [0.2, -0.1, 0.3], "relu"),
        Layer([[1.5, -1.0, 0.8]], [2.0]),
    )
)
DOMAIN = Domain.from_box([-1, -1], [1, 1])
SIMILAR = metric("weighted-lp", p="inf")
EPSILON = 0.2


SOLVED = "twin"
"""A strategy that needs a solve even if the backend has sessions: our own arithmetic does not settle it."""


def run(backend, **settings):
    return certify(
        NETWORK, DOMAIN, SIMILAR, EPSILON, solver=backend, **{"gap": 1e-6, "time_limit": 20} | settings
    )


class Mock(SolverBackend):
    """HiGHS with a twist."""

    name = "mock"
    capabilities = solver("highs").capabilities

    @classmethod
    def availability(cls):
        return Availability(available=True)

    def version(self):
        return "0"

    def solve(self, problem, options, start=None, control=None):
        result = solver("highs").solve(problem, options, start, control)
        return self.twist(replace(result, solver=self.name), options)

    def twist(self, result, _options):
        return result


@pytest.fixture(scope="module")
def truth():
    honest = run(Mock())
    assert honest.reason is Reason.GAP_CLOSED
    assert honest.trust is Trust.SOLVER
    return honest


class TooLow(Mock):
    """Claims optimality 1e-3 (of the output difference) below the truth, and keeps its point to itself."""

    def twist(self, result, _options):
        shift = 1e-3 * abs(result.bound)
        return replace(
            result,
            termination=Termination.OPTIMAL,
            bound=result.bound + shift,
            x=None,
            objective=None,
            point=PointStatus.NONE,
        )


class TooLowWithPoint(Mock):
    """Claims a bound that its own point violates."""

    def twist(self, result, _options):
        return replace(result, bound=result.bound + 1e-3 * abs(result.bound))


def test_a_bound_below_a_real_pair_is_caught_by_the_pair(truth):
    result = run(TooLow())
    assert result.verdict is Verdict.UNDECIDED
    assert result.reason is Reason.INCONSISTENT
    assert "mock" in result.detail
    assert result.delta_upper >= truth.delta_lower
    assert result.trust is Trust.CLOSED_FORM


def test_a_lie_cannot_decide_on_a_delta(truth):
    """Delta lies between the lie and the truth: believing it would certify something false."""
    delta = truth.delta_lower * (1 - 5e-4)
    result = run(TooLow(), delta=delta)
    assert result.verdict is not Verdict.CERTIFIED


def test_a_bound_below_its_own_point_is_refused(truth):
    result = run(TooLowWithPoint())
    assert result.verdict is Verdict.UNDECIDED
    assert result.reason in (Reason.SOLVER_FAILED, Reason.INCONSISTENT)
    assert result.delta_upper >= truth.delta_lower


class Nan(Mock):
    def twist(self, result, _options):
        return replace(result, bound=math.nan)


class NanPoint(Mock):
    def solve(self, problem, options, start=None, control=None):
        result = super().solve(problem, options, start, control)
        return replace(result, x=np.full(problem.n_columns, np.nan), point=PointStatus.FEASIBLE)


class WrongShape(Mock):
    def twist(self, result, _options):
        return replace(result, x=np.zeros(3))


class Infeasible(Mock):
    def twist(self, result, _options):
        return replace(
            result,
            termination=Termination.INFEASIBLE,
            bound=math.inf,
            x=None,
            objective=None,
            point=PointStatus.NONE,
        )


class Unbounded(Mock):
    def twist(self, result, _options):
        return replace(
            result, termination=Termination.UNBOUNDED, bound=-math.inf, bound_origin=BoundOrigin.NONE
        )


class Boundless(Mock):
    """Optimal, but without a bound: an incumbent is not one."""

    def twist(self, result, _options):
        return replace(result, bound=-math.inf, bound_origin=BoundOrigin.NONE)


class Prints(Mock):
    def twist(self, result, _options):
        print("Welcome to the solver")
        return result


class Dies(Mock):
    def twist(self, _result, _options):
        raise SystemExit(3)


class Raises(Mock):
    def twist(self, _result, _options):
        raise RuntimeError("licence expired")


class Nothing(Mock):
    def twist(self, _result, _options):
        return None


NONSENSE = {
    Nan: "not a number",
    NanPoint: "not finite",
    WrongShape: "shape (3,)",
    Infeasible: "'infeasible' for a problem that is feasible",
    Unbounded: "'unbounded' for a problem that is feasible",
    Boundless: "no bound",
    Prints: "Welcome to the solver",
    Dies: "SystemExit",
    Raises: "licence expired",
    Nothing: "NoneType",
}


@pytest.mark.parametrize("mock", NONSENSE, ids=lambda mock: mock.__name__)
def test_nonsense_is_undecided_with_the_reason(mock, truth, capsys):
    result = run(mock())
    assert result.verdict is Verdict.UNDECIDED
    assert result.reason is Reason.SOLVER_FAILED
    assert NONSENSE[mock] in result.detail
    # What needs no solver is still there, and sound.
    assert result.delta_upper >= truth.delta_lower
    assert result.delta_lower > 0
    assert result.trust is Trust.CLOSED_FORM
    assert capsys.readouterr().out == ""


class Hangs(Mock):
    def solve(self, problem, options, start=None, control=None):
        time.sleep(3600)


def test_a_solver_that_hangs_is_left_behind(monkeypatch):
    monkeypatch.setattr(guard_module, "_GRACE", 0.2)
    result = run(Hangs(), time_limit=1.0)
    assert result.verdict is Verdict.UNDECIDED
    assert "did not return" in result.detail


class TestCrosscheck:
    def test_agreement_raises_the_trust(self, truth):
        result = run("highs", crosscheck=["cbc"], gap=1e-3, strategy=SOLVED)
        assert result.trust is Trust.AGREED
        assert {r.solver for r in result.runs} == {"highs", "cbc"}
        assert result.delta_upper == pytest.approx(truth.delta_upper, rel=2e-3)

    def test_a_lie_is_caught_on_the_milp_and_kept_as_evidence(self, tmp_path, monkeypatch):
        """No pair helps here: the attack is blind, and points of solvers are not replayed."""
        module = importlib.import_module("nnff.certification.certify")
        monkeypatch.setattr(module, "attack", lambda *_a, **_k: None)
        monkeypatch.setattr(solving, "polish", lambda *_a, **_k: None)
        result = run(TooLow(), crosscheck=["highs"], evidence=tmp_path)
        assert result.verdict is Verdict.UNDECIDED
        assert result.reason is Reason.INCONSISTENT
        assert "mock" in result.detail
        assert "highs" in result.detail
        saved = list(tmp_path.glob("*.mps.gz"))
        assert len(saved) == 1
        assert saved[0].name in result.detail
        assert read_mps(saved[0]).n_columns == result.encoding.columns

    def test_a_lie_of_the_second_solver_is_caught_too(self, truth):
        result = run("highs", crosscheck=[TooLow()], strategy=SOLVED)
        assert result.reason is Reason.INCONSISTENT
        assert result.delta_upper >= truth.delta_lower

    def test_a_second_solver_that_fails_is_no_agreement(self):
        result = run("highs", crosscheck=[Raises()], strategy=SOLVED)
        assert result.reason is Reason.GAP_CLOSED
        assert result.trust is Trust.SOLVER
        assert "licence expired" in result.detail
