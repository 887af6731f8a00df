"""HiGHS: the conformance kit, and what is particular to it."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from nnff.errors import ConfigError, ProblemError, UnsupportedOptionError
from nnff.solver import Limit, SolveControl, SolveOptions, Termination
from nnff.testing.instances import dense_problem, knapsack, market_split, row_kinds
from nnff.testing.solvers import BackendConformance
from nnff_solvers import highs_run
from nnff_solvers.highs import HighsBackend
from nnff_solvers.highs_model import LARGE_MATRIX_VALUE, SMALL_MATRIX_VALUE, Rejected, row_exponents

DATA = os.environ.get("NNFF_DATA_HOME")
FOOLING = Path(DATA, "instances", "relu_13_32_1_boston.mps.gz") if DATA else None


class TestHighs(BackendConformance):
    instance = FOOLING

    def make_backend(self):
        return HighsBackend()


# Solves a program whose optimum is below -40 in address spaces that are too small, each in a fork of its own.
STARVING = """
import os, resource
from pathlib import Path
import highspy
import numpy as np
from nnff.milp import MatrixProblem
from nnff.solver import SolveOptions
from nnff_solvers.highs import HighsBackend

rng = np.random.default_rng(0)
n = 100_000
start, columns, weights = np.arange(3) * n, np.tile(np.arange(n), 2), rng.integers(1, 50, 2 * n).astype(float)
sides, box = (np.full(2, -np.inf), np.full(2, 1e6)), (np.zeros(n), np.ones(n))
cost = -rng.integers(40, 50, n).astype(float)
problem = MatrixProblem(cost, 0.0, start, columns, weights, *sides, *box, np.ones(n, dtype=bool))
size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
for more in (80, 110, 130, 150):
    if os.fork() == 0:
        resource.setrlimit(resource.RLIMIT_AS, (size + more * 2**20,) * 2)
        result = HighsBackend().solve(problem, SolveOptions(time_limit=2.0))
        print(result.limit, result.bound, flush=True)
        os._exit(0)
    os.wait()
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc and a limit of address space")
def test_a_run_without_memory_claims_no_bound_that_it_has_not_proven():
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", STARVING]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    answers = [line.split() for line in lines]
    # HiGHS leaves 0 behind as its dual bound; a single column at 1 is a point with at most -40.
    assert all(float(bound) <= -40 for _, bound in answers)
    if not any(limit == "memory" for limit, _ in answers):
        pytest.skip(f"HiGHS did not run out of memory where it was expected to: {answers}")


@pytest.fixture
def backend():
    return HighsBackend()


def test_every_status_of_highs_has_a_meaning():
    import highspy

    assert set(highs_run._STATUS) == set(highspy.HighsModelStatus.__members__)


@pytest.mark.parametrize(
    "options",
    [
        {"native": {"no_such_option": 1}},
        {"native": {"mip_rel_gap": -1.0}},
        {"native": {"presolve": ["off"]}},
        {"native": {"presolve": None}},
        {"feasibility_tolerance": 1e-12},
        {"integrality_tolerance": 0.0},
        {"seed": 2**40},
        {"native": {"log_to_console": True}},
        {"native": {"output_flag": True}},
        {"native": {"log_file": "elsewhere.log"}},
    ],
)
def test_a_refused_option_raises(backend, options):
    with pytest.raises(UnsupportedOptionError, match="highs"):
        backend.solve(knapsack(0).problem, SolveOptions(**options))


def test_options_as_applied(backend):
    result = backend.solve(
        knapsack(0).problem,
        SolveOptions(time_limit=9.0, seed=3, native={"mip_heuristic_effort": np.float64(0.25)}),
    )
    assert result.applied["mip_rel_gap"] == 0.0
    assert result.applied["mip_abs_gap"] == 0.0
    assert result.applied["mip_feasibility_tolerance"] == 1e-9
    assert result.applied["small_matrix_value"] == SMALL_MATRIX_VALUE
    assert result.applied["random_seed"] == 3
    assert result.applied["mip_heuristic_effort"] == 0.25
    assert 8.0 < result.applied["time_limit"] <= 9.0


def test_native_options_are_honoured(backend):
    hard = market_split(1, slack=True).problem
    result = backend.solve(hard, SolveOptions(native={"mip_max_improving_sols": 1}))
    assert (result.termination, result.limit) == (Termination.LIMIT, Limit.OTHER)


def test_what_only_saves_time_gives_way_to_native_options(backend):
    name = "mip_pscost_minreliable"
    assert backend.solve(knapsack(0).problem, SolveOptions()).applied[name] == 2
    assert backend.solve(knapsack(0).problem, SolveOptions(native={name: 5})).applied[name] == 5


def test_a_start_of_the_wrong_length_is_refused(backend):
    with pytest.raises(ProblemError, match="14 columns"):
        backend.solve(knapsack(0).problem, SolveOptions(), start=np.zeros(3))


def test_a_log_that_cannot_be_written_is_refused(backend, tmp_path):
    with pytest.raises(ConfigError, match=r"missing.*highs\.log"):
        backend.solve(knapsack(0).problem, SolveOptions(log_path=tmp_path / "missing" / "highs.log"))


def exponents_of(*rows, bound=1.0):
    indptr = np.cumsum([0] + [len(row) for row in rows])
    upper = np.full(len(rows), bound)
    return row_exponents(indptr, np.concatenate(rows), np.full(len(rows), -np.inf), upper)


def test_rows_that_highs_would_maim_are_scaled_by_powers_of_two():
    tiny, normal, huge = [1.0, 2.0**-60], [3.0], [1.0, 2.0**60]
    exponents = exponents_of(tiny, normal, huge)
    assert exponents[1] == 0
    for row, exponent in ((tiny, exponents[0]), (huge, exponents[2])):
        scaled = np.ldexp(row, exponent)
        assert (scaled > SMALL_MATRIX_VALUE).all()
        assert (scaled < LARGE_MATRIX_VALUE).all()


def test_a_row_of_tiny_coefficients_only_becomes_a_normal_one():
    assert exponents_of([2.0**-50, 2.0**-51]).tolist() == [50]
    # Unless its bound would then count as infinite.
    [exponent] = exponents_of([2.0**-50, 2.0**-51], bound=2.0**40)
    assert 11 < exponent < 27


def test_a_row_that_cannot_be_held_is_an_error_not_an_answer(backend):
    with pytest.raises(Rejected, match="row 1"):
        exponents_of([1.0], [1e-13, 1e16])
    with pytest.raises(Rejected, match="row 0"):
        exponents_of([1e-13], bound=1e19)
    problem = dense_problem([-1, 0], [[1e16, 1e-13]], [(-math.inf, 1e15)], [(0, 1)] * 2)
    result = backend.solve(problem, SolveOptions())
    assert result.termination is Termination.ERROR
    assert "row 0" in result.message
    assert result.bound == -math.inf


def test_a_finite_bound_that_highs_takes_for_infinite_is_an_error(backend):
    result = backend.solve(dense_problem([-1], [[1]], [(-math.inf, 1e25)], [(0, 1e21)]), SolveOptions())
    assert result.termination is Termination.ERROR
    assert "infinite" in result.message


def test_the_bound_of_a_linear_program_is_proven_from_its_duals(backend):
    result = backend.solve(row_kinds(integer=False).problem, SolveOptions())
    assert -14.5 - 1e-12 <= result.bound <= -14.5


def test_a_linear_program_that_is_cut_off_has_the_bound_of_its_columns(backend):
    problem = row_kinds(integer=False).problem
    result = backend.solve(problem, SolveOptions(native={"simplex_iteration_limit": 0, "presolve": "off"}))
    assert (result.termination, result.limit) == (Termination.LIMIT, Limit.ITERATIONS)
    assert -50.0 - 1e-9 <= result.bound <= -14.5


def test_an_error_in_a_progress_listener_stops_the_solve_and_is_raised(backend):
    def listen(progress):
        raise ValueError("the listener is broken")

    with pytest.raises(ValueError, match="listener is broken"):
        backend.solve(market_split(1, slack=True).problem, SolveOptions(), control=SolveControl(listen))


def test_a_run_that_does_not_obey_is_abandoned_with_the_bound_it_has_shown(backend, monkeypatch):
    """The interruption is kept from HiGHS, as if its code never asked; the time limit sets it free later."""
    hard = market_split(1, slack=True)
    monkeypatch.setattr(highs_run, "ABANDON_AFTER", 0.1)
    obey = threading.Event()
    real = highs_run.HighsRun._on_event

    def deaf(self, event):
        real(self, event)
        if not obey.is_set():
            event.interrupt(interrupt_value=False)

    monkeypatch.setattr(highs_run.HighsRun, "_on_event", deaf)
    control = SolveControl()
    timer = threading.Timer(0.5, control.interrupt)
    timer.start()
    result = backend.solve(hard.problem, SolveOptions(time_limit=20.0), control=control)
    obey.set()
    timer.join()
    for thread in threading.enumerate():
        if thread.name == "highs":
            thread.join(20.0)
            assert not thread.is_alive()
    assert result.termination is Termination.INTERRUPTED
    assert "has not stopped" in result.message
    assert -1001.0 <= result.bound <= hard.value
    assert result.x is None


def test_overtime_is_ended_from_outside(backend, monkeypatch):
    """HiGHS is told a much later time limit than the caller asked for."""
    monkeypatch.setattr(highs_run, "OUTSIDE_FACTOR", 0.01)
    monkeypatch.setattr(highs_run, "OUTSIDE_GRACE", 0.2)
    hard = market_split(1, slack=True)
    result = backend.solve(hard.problem, SolveOptions(time_limit=20.0))
    assert (result.termination, result.limit) == (Termination.LIMIT, Limit.TIME)
    assert result.timings["solve"] < 10.0
    assert result.bound <= hard.value


def test_no_thread_is_left(backend):
    before = threading.active_count()
    backend.solve(knapsack(0).problem, SolveOptions(threads=2))
    assert threading.active_count() == before
