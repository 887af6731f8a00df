"""OR-Tools with SCIP: the conformance kit, and what is particular to it."""

from __future__ import annotations

import math
import os
from pathlib import Path

import numpy as np
import pytest

from nnff.errors import ConfigError, ProblemError, UnsupportedOptionError
from nnff.milp.mps import read_mps
from nnff.solver import BoundOrigin, Limit, SolveControl, SolveOptions, Termination
from nnff.testing.instances import dense_problem, knapsack, market_split
from nnff.testing.solvers import BackendConformance
from nnff_solvers import ortools_child
from nnff_solvers.ortools import OrtoolsBackend
from nnff_solvers.ortools_messages import hint_message, model_message, parameters_message

DATA = os.environ.get("NNFF_DATA_HOME")
FOOLING = Path(DATA, "instances", "relu_13_32_1_boston.mps.gz") if DATA else None

pytestmark = pytest.mark.skipif(not OrtoolsBackend.availability(), reason="OR-Tools is not installed")


@pytest.mark.slow
class TestOrtools(BackendConformance):
    instance = FOOLING

    def make_backend(self):
        return OrtoolsBackend()


@pytest.fixture
def backend():
    return OrtoolsBackend()


def test_the_message_holds_every_number():
    inf = math.inf
    problem = dense_problem(
        [0.1, 0.0, -1 / 3],
        [[0.0, 2.0, 0.1], [1e-9, 0.0, 0.0]],
        [(-inf, 1 / 7), (0.3, inf)],
        [(-inf, inf), (0, 1), (-2.5, 2.5)],
        [False, True, False],
        offset=1e-3,
    )
    message = model_message(problem)
    assert list(message.objective.linear_coefficients.ids) == [0, 2]
    assert list(message.objective.linear_coefficients.values) == [0.1, -1 / 3]
    assert (message.objective.offset, message.objective.maximize) == (1e-3, False)
    assert list(message.variables.lower_bounds) == [-inf, 0.0, -2.5]
    assert list(message.variables.integers) == [False, True, False]
    assert list(message.linear_constraints.upper_bounds) == [1 / 7, inf]
    matrix = message.linear_constraint_matrix
    entries = zip(matrix.row_ids, matrix.column_ids, matrix.coefficients, strict=True)
    assert list(entries) == [(0, 1, 2.0), (0, 2, 0.1), (1, 0, 1e-9)]


def test_options_reach_the_message():
    options = SolveOptions(
        relative_gap=0.01, absolute_gap=0.5, seed=7, node_limit=9, feasibility_tolerance=1e-6
    )
    message = parameters_message(options, 1.25)
    assert (message.relative_gap_tolerance, message.absolute_gap_tolerance) == (0.01, 0.5)
    assert (message.random_seed, message.node_limit, message.threads) == (7, 9, 1)
    assert (message.time_limit.seconds, message.time_limit.nanos) == (1, 250_000_000)
    assert message.gscip.real_params["numerics/feastol"] == 1e-9
    assert message.gscip.real_params["numerics/epsilon"] == pytest.approx(1e-12)
    assert message.gscip.bool_params["conflict/enable"] is False
    assert not parameters_message(SolveOptions(), None).HasField("time_limit")


def test_a_start_is_a_hint_if_it_is_finite():
    assert list(hint_message(np.array([0.0, 1.5])).solution_hints[0].variable_values.values) == [0.0, 1.5]
    assert not hint_message(np.array([0.0, math.nan])).solution_hints
    assert not hint_message(None).solution_hints


@pytest.mark.parametrize("kind", ["cp_sat", "CP-SAT"])
def test_cp_sat_is_refused_for_continuous_columns(backend, kind):
    problem = dense_problem([1.0], [[1.0]], [(0.5, 1.0)], [(0, 1)])
    with pytest.raises(UnsupportedOptionError, match="continuous columns"):
        backend.solve(problem, SolveOptions(native={"solver_type": kind}))


@pytest.mark.parametrize(
    ("kind", "match"),
    [("highs", "no bound after a limit"), ("cp_sat", "integer columns only"), ("glop", "only 'gscip'")],
)
def test_other_solver_types_are_refused(backend, kind, match):
    with pytest.raises(UnsupportedOptionError, match=match):
        backend.solve(knapsack(0).problem, SolveOptions(native={"solver_type": kind}))


def test_native_options_of_every_type(backend, tmp_path):
    log = tmp_path / "log"
    native = {
        "solver_type": "gscip",
        "separating/maxroundsroot": 3,  # int
        "constraints/agelimit": 5,  # int
        "lp/pricing": "s",  # char
        "branching/scorefac": 0.25,  # real
        "branching/lpgainnormalize": "d",  # char
        "heuristics/rens/nodesofs": 600,  # long
        "branching/preferbinary": True,  # bool
        "branching/scorefunc": "p",  # char
    }
    result = backend.solve(knapsack(0).problem, SolveOptions(native=native, log_path=log))
    assert result.termination is Termination.OPTIMAL
    assert result.applied["branching/scorefac"] == 0.25


@pytest.mark.parametrize(
    ("native", "match"),
    [
        ({"no/such": 1}, "no/such"),
        ({"lp/pricing": 5}, "lp/pricing"),
        ({"branching/scorefac": 7.5}, "branching/scorefac"),
        ({"branching/preferbinary": "yes"}, "preferbinary"),
        ({"limits/time": 5.0}, "use time_limit"),
        ({"limits/dual": 5.0}, "reserved"),
        ({"numerics/epsilon": 1e-6}, "reserved"),
        ({"conflict/enable": True}, "reserved"),
        ({"display/verblevel": 0}, "reserved"),
        ({"lp/pricing": None}, "truth values"),
        ({"lp/pricing": [1]}, "truth values"),
    ],
)
def test_refused_native_options_raise(backend, native, match):
    with pytest.raises(UnsupportedOptionError, match=match):
        backend.solve(knapsack(0).problem, SolveOptions(native=native))


@pytest.mark.parametrize(
    "options",
    [
        {"threads": 2},
        {"seed": -1},
        {"seed": 2**40},
        {"feasibility_tolerance": 0.0},
        {"integrality_tolerance": 0.1},
        {"bound_stop": 1.0},
    ],
)
def test_refused_options_raise(backend, options):
    with pytest.raises(UnsupportedOptionError, match="ortools"):
        backend.solve(knapsack(0).problem, SolveOptions(**options))


def test_a_log_that_cannot_be_written_raises(backend, tmp_path):
    with pytest.raises(ConfigError, match="missing"):
        backend.solve(knapsack(0).problem, SolveOptions(log_path=tmp_path / "missing" / "log"))


def test_a_start_of_the_wrong_length_raises(backend):
    with pytest.raises(ProblemError, match="shape"):
        backend.solve(knapsack(0).problem, SolveOptions(), start=np.zeros(1))


def test_an_interruption_keeps_the_bracket(backend):
    planted = market_split(1, slack=True)
    control = SolveControl()
    control.on_progress = lambda report: control.interrupt() if report.objective < math.inf else None
    result = backend.solve(planted.problem, SolveOptions(), control=control)
    assert result.termination is Termination.INTERRUPTED
    assert result.x is not None
    assert -1001.0 <= result.bound <= planted.value


CHILD_THAT_HANGS = """\
import signal, sys, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(" time | node  |  dualbound   | primalbound  |")
print("  0.1s|     1 |-3.000000e+02 |      --      |", flush=True)
while True: time.sleep(1)
"""


@pytest.fixture
def pretend(tmp_path, monkeypatch):
    """Put another script in the place of the child's."""

    def make(code: str) -> None:
        (tmp_path / "ortools_child.py").write_text(code)
        monkeypatch.setattr("nnff_solvers.ortools.__file__", str(tmp_path / "ortools.py"))

    return make


def test_a_child_that_hangs_is_killed_and_what_it_printed_is_used(pretend, backend):
    pretend(CHILD_THAT_HANGS)
    result = backend.solve(knapsack(0).problem, SolveOptions(time_limit=0.5))
    assert (result.termination, result.limit) == (Termination.LIMIT, Limit.TIME)
    assert result.bound_origin is BoundOrigin.LOG
    # One unit of the last printed digit, which is 1e-4.
    assert -300.0002 < result.bound <= -300.0001


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import os; os.abort()", "signal 6"),
        ("raise SystemExit(3)", "exit code 3"),
        (
            "import sys, pathlib; pathlib.Path(sys.argv[1], 'error').write_text('lost its way')",
            "lost its way",
        ),
    ],
)
def test_a_child_that_fails_is_an_error(pretend, backend, code, said):
    pretend(code)
    result = backend.solve(knapsack(0).problem, SolveOptions())
    assert (result.termination, result.bound) == (Termination.ERROR, -math.inf)
    assert said in result.message


def test_the_child_tells_its_own_failures(tmp_path):
    ortools_child.main(tmp_path)  # nothing to read there
    assert "FileNotFoundError" in (tmp_path / "error").read_text()


@pytest.mark.slow
def test_ranges_of_1e_14_do_not_fool_it(backend):
    # With SCIP's own epsilon and conflict analysis they do, with most seeds.
    problem = read_mps(Path(__file__).parents[2] / "data" / "narrow_ranges.mps.gz")
    for seed in range(2):
        result = backend.solve(problem, SolveOptions(time_limit=120.0, seed=seed))
        assert result.bound <= -0.199533
