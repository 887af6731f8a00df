"""Whatever a backend does or fails to do ends in a result with a sentence, in time."""

from __future__ import annotations

import io
import math
import sys
import threading

import numpy as np
import pytest

from nnff.errors import SolverUnavailableError, UnsupportedOptionError
from nnff.milp import MatrixProblem
from nnff.solver import (
    Availability,
    BoundOrigin,
    Capability,
    PointStatus,
    SolveControl,
    SolveOptions,
    SolveProgress,
    SolverBackend,
    SolveResult,
    Termination,
)
from nnff.solver.guard import guarded_solve

PROBLEM = MatrixProblem(
    cost=[1.0, 1.0],
    offset=0.5,
    indptr=[0, 2],
    indices=[0, 1],
    data=[1.0, 1.0],
    row_lower=[1.0],
    row_upper=[np.inf],
    col_lower=[0.0, 0.0],
    col_upper=[1.0, 1.0],
    integer=[True, False],
)


class Scripted(SolverBackend):
    """Does what the test says."""

    name = "scripted"
    capabilities = frozenset(Capability)

    def __init__(self, action):
        self.action = action

    @classmethod
    def availability(cls):
        return Availability(available=True)

    def version(self):
        return "1"

    def solve(self, problem, options, start=None, control=None):
        return self.action(control)


def answer(**changes):
    fields = {
        "termination": Termination.OPTIMAL,
        "solver": "scripted",
        "version": "1",
        "bound": 1.5,
        "bound_origin": BoundOrigin.API,
        **changes,
    }
    return SolveResult(**fields)


def ask(action, control=None, time_limit=5.0):
    return guarded_solve(Scripted(action), PROBLEM, SolveOptions(time_limit=time_limit), None, control)


@pytest.fixture
def hasty(monkeypatch):
    monkeypatch.setattr("nnff.solver.guard._GRACE", 0.15)
    monkeypatch.setattr("nnff.solver.guard._LAST_GRACE", 0.15)


@pytest.fixture
def stuck():
    """An action that nothing stops, and the event that ends it after the test."""
    over = threading.Event()
    yield lambda _control: over.wait()
    over.set()


def assert_failed(result, *words):
    assert result.termination is Termination.ERROR
    assert result.bound == -math.inf
    assert result.bound_origin is BoundOrigin.NONE
    assert result.x is None
    assert "'scripted'" in result.message
    for word in words:
        assert word in result.message


def test_a_good_answer_comes_through_with_its_objective_recomputed():
    point = np.array([1.0, 0.25])
    result = ask(lambda _c: answer(x=point, point=PointStatus.FEASIBLE, objective=-77.0, nodes=np.int64(3)))
    assert result.termination is Termination.OPTIMAL
    assert result.bound == 1.5
    assert result.objective == 1.75
    assert result.x.tolist() == point.tolist()


def test_an_objective_without_a_point_is_not_believed():
    assert ask(lambda _c: answer(objective=-77.0)).objective is None


def raising(error):
    def action(_control):
        raise error

    return action


@pytest.mark.parametrize(
    ("error", "word"),
    [
        (RuntimeError("no licence"), "RuntimeError: no licence"),
        (MemoryError(), "MemoryError"),
        (SystemExit(3), "SystemExit"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
        (GeneratorExit(), "GeneratorExit"),
    ],
)
def test_whatever_is_raised_becomes_a_sentence(error, word):
    assert_failed(ask(raising(error)), word)


@pytest.mark.parametrize("kind", [UnsupportedOptionError, SolverUnavailableError])
def test_the_callers_own_mistakes_are_raised(kind):
    with pytest.raises(kind, match="seed"):
        ask(raising(kind("seed")))


@pytest.mark.parametrize("value", [None, "optimal", 3, {"bound": 1.0}])
def test_a_result_of_another_type_is_refused(value):
    assert_failed(ask(lambda _c: value), type(value).__name__)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("termination", "optimal"),
        ("termination", "error"),
        ("termination", None),
        ("bound", None),
        ("bound", "1.5"),
        ("bound", 1.5 + 0j),
        ("bound_origin", "api"),
        ("limit", "time"),
        ("point", None),
        ("nodes", 1.5),
        ("message", None),
        ("applied", None),
        ("solver", None),
    ],
)
def test_a_field_of_another_type_is_refused(field, value):
    """A plain "error" equals Termination.ERROR, but would pass a check for identity."""
    assert_failed(ask(lambda _c: answer(**{field: value})), repr(field))


def test_a_bound_of_a_numpy_type_is_a_number():
    result = ask(lambda _c: answer(bound=np.float32(1.5)))
    assert type(result.bound) is float
    assert result.bound == 1.5


def test_a_bound_that_is_nan_is_refused():
    assert_failed(ask(lambda _c: answer(bound=math.nan)), "not a number")


@pytest.mark.parametrize("x", [[1.0], [1.0, 2.0, 3.0], [[1.0, 2.0]], []])
def test_a_point_of_the_wrong_shape_is_refused(x):
    assert_failed(ask(lambda _c: answer(x=np.array(x), point=PointStatus.FEASIBLE)), "shape", "2 columns")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_point_that_is_not_finite_is_refused(value):
    assert_failed(ask(lambda _c: answer(x=np.array([0.0, value]))), "not finite")


def test_a_point_that_is_no_numbers_is_refused():
    assert_failed(ask(lambda _c: answer(x=["a", "b"])), "ValueError")


def test_a_claimed_point_that_is_not_there_is_refused():
    assert_failed(ask(lambda _c: answer(point=PointStatus.FEASIBLE)), "claims a point")


def test_what_a_backend_prints_is_kept_from_stdout_and_counts_against_it(capsys):
    def chatty(_control):
        print("Set parameter Username")
        sys.stdout.writelines(["a", "b"])
        sys.stdout.flush()
        return answer()

    assert_failed(ask(chatty), "standard output", "Set parameter Username")
    assert capsys.readouterr().out == ""


def test_others_may_print_meanwhile(capsys):
    def patient(_control):
        other = threading.Thread(target=print, args=("from elsewhere",))
        other.start()
        other.join()
        return answer()

    assert ask(patient).termination is Termination.OPTIMAL
    assert capsys.readouterr().out == "from elsewhere\n"


def test_stdout_is_what_it_was():
    before = sys.stdout
    ask(lambda _c: answer())
    ask(raising(RuntimeError()))
    assert sys.stdout is before


def test_two_solves_at_once_do_not_hear_each_other(capsys):
    both = threading.Barrier(2)

    def quiet(_control):
        both.wait(5)
        both.wait(5)
        return answer()

    def chatty(_control):
        both.wait(5)
        print("mine")
        both.wait(5)
        return answer()

    results = {}
    threads = [
        threading.Thread(target=lambda a=action: results.__setitem__(a.__name__, ask(a)))
        for action in (quiet, chatty)
    ]
    before = sys.stdout
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results["quiet"].termination is Termination.OPTIMAL
    assert_failed(results["chatty"], "mine")
    assert capsys.readouterr().out == ""
    assert sys.stdout is before


def test_a_backend_that_hangs_is_left_behind(hasty, stuck):
    assert_failed(ask(stuck, time_limit=0.01), "did not return", "time limit")


def test_a_backend_left_behind_is_not_heard_any_more(hasty, monkeypatch, capsys):
    speak, spoken, end, reports = *(threading.Event() for _ in range(3)), []

    def late(control):
        speak.wait()
        print("late words")
        control.report(SolveProgress(nodes=9))
        spoken.set()
        end.wait()

    assert_failed(ask(late, SolveControl(reports.append), time_limit=0.01), "did not return")
    [thread] = [t for t in threading.enumerate() if t.name == "nnff-scripted"]
    speak.set()
    assert spoken.wait(5)
    assert reports == []
    assert capsys.readouterr().out == ""
    # When it ends at last, someone else has put their own stdout in place; it must stay theirs.
    theirs = io.StringIO()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", theirs)
        end.set()
        thread.join(5)
        assert sys.stdout is theirs


def test_overtime_interrupts_this_solve_only(hasty):
    control, told = SolveControl(), []

    def slow(own):
        told.append(own.wait(30.0))
        return answer(termination=Termination.INTERRUPTED)

    result = ask(slow, control, time_limit=0.01)
    assert result.termination is Termination.INTERRUPTED
    assert told == [True]
    assert not control.interrupted, "the caller's control covers later solves, too"


def test_an_interruption_reaches_the_backend(hasty):
    control = SolveControl()

    def obedient(own):
        threading.Timer(0.05, control.interrupt).start()
        assert own.wait(30.0)
        return answer(termination=Termination.INTERRUPTED, bound=1.25)

    result = ask(obedient, control)
    assert result.termination is Termination.INTERRUPTED
    assert result.bound == 1.25


def test_a_solve_under_a_control_that_is_already_interrupted_knows_it_at_once(hasty):
    control = SolveControl()
    control.interrupt()
    result = ask(lambda own: answer(message=str(own.interrupted)), control)
    assert result.message == "True"


def test_a_backend_that_ignores_the_interruption_is_left_behind(hasty, stuck):
    control = SolveControl()
    threading.Timer(0.05, control.interrupt).start()
    assert_failed(ask(stuck, control, time_limit=None), "after the interruption")


def test_ctrl_c_reaches_the_caller_and_the_backend(hasty, monkeypatch):
    control, told = SolveControl(), threading.Event()

    def obedient(own):
        if own.wait(30.0):
            told.set()
        return answer()

    def interrupted_wait(*_args):
        raise KeyboardInterrupt

    monkeypatch.setattr("nnff.solver.guard._wait", interrupted_wait)
    with pytest.raises(KeyboardInterrupt):
        ask(obedient, control)
    assert told.wait(5)
    assert control.interrupted


def test_progress_reaches_the_listener():
    seen = []

    def reporting(own):
        own.report(SolveProgress(bound=1.0, nodes=4))
        return answer()

    ask(reporting, SolveControl(seen.append))
    assert [report.nodes for report in seen] == [4]


def test_an_error_in_a_listener_becomes_a_sentence():
    def listener(_progress):
        raise ZeroDivisionError

    def reporting(own):
        own.report(SolveProgress())
        return answer()

    assert_failed(ask(reporting, SolveControl(listener)), "ZeroDivisionError")
