"""LP sessions: after any sequence of changes the same as a fresh solve, with proven bounds."""

from __future__ import annotations

import math
import threading

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from nnff.errors import ProblemError, SolverError, UnsupportedOptionError
from nnff.milp import MatrixProblem
from nnff.milp.dual_bound import safe_dual_bound
from nnff.solver import Limit, SolveControl, SolveOptions, Termination
from nnff.testing.instances import dense_problem, row_kinds
from nnff_solvers import highs_run
from nnff_solvers.highs import HighsBackend

INF = math.inf


@pytest.fixture
def backend():
    return HighsBackend()


def random_lp(rng, n=8, m=6):
    """A box LP that is feasible by construction."""
    matrix = sp.csr_array(rng.normal(size=(m, n)) * (rng.random((m, n)) < 0.5))
    activity = matrix @ rng.uniform(-1, 1, n)
    return MatrixProblem(
        rng.normal(size=n),
        1.0,
        matrix.indptr,
        matrix.indices,
        matrix.data,
        activity - rng.random(m),
        activity + rng.random(m),
        -np.ones(n),
        np.ones(n),
        np.zeros(n),
    )


def change(session, rng):
    """Change something at random."""
    n, m = session.problem.n_columns, session.problem.n_rows
    columns = rng.permutation(n)[: rng.integers(0, n)]
    rows = rng.permutation(m)[: rng.integers(0, m)]
    match rng.integers(5):
        case 0:
            session.set_objective(rng.normal(size=n) * (rng.random(n) < 0.5), float(rng.normal()))
        case 1:
            session.set_column_bounds(columns, -rng.random(len(columns)), rng.random(len(columns)))
        case 2:
            width = rng.uniform(0.5, 3, len(rows))
            session.set_row_bounds(rows, np.where(rng.random(len(rows)) < 0.3, -INF, -width), width)
        case 3:
            fresh = rng.normal(size=(len(rows), n)) * (rng.random((len(rows), n)) < 0.4)
            session.set_rows(rows, sp.csr_array(fresh), np.full(len(rows), -2.0), np.full(len(rows), 2.0))
        case 4:
            # Among them rows that HiGHS only holds scaled.
            factor = rng.choice([1.0, 2.0**-50])
            new = session.add_rows(
                sp.csr_array(factor * rng.normal(size=(2, n))), [-factor] * 2, [factor] * 2
            )
            assert new.tolist() == [m, m + 1]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6))
def test_after_any_changes_a_session_answers_as_a_fresh_solve(seed):
    rng = np.random.default_rng(seed)
    backend = HighsBackend()
    with backend.lp_session(random_lp(rng), SolveOptions()) as session:
        for _ in range(6):
            change(session, rng)
            result, problem = session.solve(), session.problem
            fresh = backend.solve(problem, SolveOptions())
            assert result.termination is fresh.termination
            if result.termination is not Termination.OPTIMAL:
                assert result.termination is Termination.INFEASIBLE
                assert result.bound == INF
                continue
            assert result.objective == pytest.approx(fresh.objective, abs=1e-7)
            assert result.objective == problem.objective(result.x)
            assert result.objective - 1e-7 <= result.bound <= result.objective
            # Nobody has to believe the session: the duals prove the bound.
            assert result.bound <= max(
                safe_dual_bound(problem, result.row_duals), safe_dual_bound(problem, np.zeros(problem.n_rows))
            )
            reduced = problem.cost - problem.matrix.T @ result.row_duals
            assert np.allclose(result.reduced_costs, reduced, atol=1e-6)


def test_a_change_of_objective_starts_from_the_last_basis(backend):
    rng = np.random.default_rng(0)
    with backend.lp_session(random_lp(rng, 60, 40), SolveOptions(native={"presolve": "off"})) as session:
        first = session.solve()
        assert first.iterations > 0
        again = session.solve()
        assert again.iterations == 0
        assert again.objective == pytest.approx(first.objective, abs=1e-9)


def test_integrality_is_ignored(backend):
    with backend.lp_session(row_kinds(integer=True).problem, SolveOptions()) as session:
        assert session.problem.n_integers == 0
        assert session.solve().objective == pytest.approx(row_kinds(integer=False).value)


def test_a_session_without_rows_gains_some(backend):
    problem = dense_problem([1.0, 1.0], [], [], [(-1, 1)] * 2)
    with backend.lp_session(problem, SolveOptions()) as session:
        assert session.solve().objective == pytest.approx(-2.0)
        session.add_rows(sp.csr_array(np.ones((1, 2))), np.array([-0.5]), np.array([INF]))
        result = session.solve()
        assert result.objective == pytest.approx(-0.5)
        assert result.row_duals.tolist() == pytest.approx([1.0])


def test_an_unbounded_program_has_no_bound(backend):
    problem = dense_problem([-1.0], [[1.0]], [(0, INF)], [(0, INF)])
    with backend.lp_session(problem, SolveOptions()) as session:
        result = session.solve()
    assert result.termination in {Termination.UNBOUNDED, Termination.INFEASIBLE_OR_UNBOUNDED}
    assert result.bound == -INF


def test_a_limit_belongs_to_one_solve(backend):
    rng = np.random.default_rng(1)
    with backend.lp_session(random_lp(rng, 120, 100), SolveOptions(native={"presolve": "off"})) as session:
        cut = session.solve(time_limit=1e-9)
        assert (cut.termination, cut.limit) == (Termination.LIMIT, Limit.TIME)
        whole = session.solve()
        assert whole.termination is Termination.OPTIMAL
        assert -INF < cut.bound <= whole.objective + 1e-9
        # HiGHS's own clock has gone on; a later limit counts from its own start.
        session.set_objective(rng.normal(size=120))
        assert session.solve(time_limit=60.0).termination is Termination.OPTIMAL


def test_an_interruption_keeps_the_session(backend):
    with backend.lp_session(random_lp(np.random.default_rng(2)), SolveOptions()) as session:
        control = SolveControl()
        control.interrupt()
        assert session.solve(control=control).termination is Termination.INTERRUPTED
        assert session.solve().termination is Termination.OPTIMAL


def test_an_interruption_in_the_middle_of_a_solve(backend, monkeypatch):
    """The callback of the simplex method is what sees it: it interrupts at its first call."""
    control = SolveControl()
    real = highs_run.HighsRun._on_event

    def interrupting(self, event):
        control.interrupt()
        real(self, event)

    monkeypatch.setattr(highs_run.HighsRun, "_on_event", interrupting)
    rng = np.random.default_rng(3)
    with backend.lp_session(random_lp(rng, 120, 100), SolveOptions(native={"presolve": "off"})) as session:
        result = session.solve(control=control)
        assert result.termination is Termination.INTERRUPTED
        monkeypatch.undo()
        whole = session.solve()
        assert whole.termination is Termination.OPTIMAL
        assert result.bound <= whole.objective + 1e-9


@pytest.mark.parametrize(
    "limit", [{"time_limit": 1.0}, {"node_limit": 1}, {"bound_stop": 0.0}, {"objective_stop": 0.0}]
)
def test_limits_in_the_options_are_refused(backend, limit):
    with pytest.raises(UnsupportedOptionError, match=next(iter(limit))):
        backend.lp_session(row_kinds(integer=False).problem, SolveOptions(**limit))


def test_bad_options_are_refused(backend):
    with pytest.raises(UnsupportedOptionError, match="no_such_option"):
        backend.lp_session(row_kinds(integer=False).problem, SolveOptions(native={"no_such_option": 1}))


def test_what_highs_cannot_hold_is_refused_and_changes_nothing(backend):
    with backend.lp_session(row_kinds(integer=False).problem, SolveOptions()) as session:
        before = session.problem
        with pytest.raises(SolverError, match="cannot hold"):
            session.set_row_bounds([0], [-INF], [1e25])
        with pytest.raises(SolverError, match="cannot hold"):
            session.add_rows(sp.csr_array([[1e16, 1e-13, 0.0]]), [0.0], [1.0])
        with pytest.raises(SolverError, match="cannot hold"):
            session.set_column_bounds([0], [0.0], [1e21])
        assert session.problem == before
        assert session.solve().objective == pytest.approx(row_kinds(integer=False).value)


def test_misuse_is_refused(backend):
    with backend.lp_session(row_kinds(integer=False).problem, SolveOptions()) as session:
        with pytest.raises(ProblemError, match="expected"):
            session.set_objective(np.ones(2))
        with pytest.raises(ProblemError, match="finite"):
            session.set_objective(np.array([1.0, math.nan, 0.0]))
        with pytest.raises(ProblemError, match="finite"):
            session.set_objective(np.ones(3), math.inf)
        with pytest.raises(ProblemError, match="column indices"):
            session.set_column_bounds([3], [0.0], [1.0])
        with pytest.raises(ProblemError, match="distinct"):
            session.set_row_bounds([1, 1], [0.0, 0.0], [1.0, 1.0])
        with pytest.raises(ProblemError, match="expected"):
            session.add_rows(sp.csr_array(np.ones((1, 2))), [0.0], [1.0])
        with pytest.raises(ProblemError, match="not a finite number"):
            session.set_column_bounds([0], [math.nan], [1.0])


def test_a_closed_session_says_so(backend):
    session = backend.lp_session(row_kinds(integer=False).problem, SolveOptions())
    session.close()
    session.close()
    with pytest.raises(SolverError, match="closed"):
        session.solve()


def test_a_session_leaves_no_thread(backend):
    before = threading.active_count()
    with backend.lp_session(row_kinds(integer=False).problem, SolveOptions()) as session:
        session.solve()
    assert threading.active_count() == before
