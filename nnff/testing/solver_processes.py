"""Conformance checks of a backend: time, interruption, processes, threads and sessions."""

# ruff: noqa: D401 - a docstring says what must hold, and is shown to users as it stands

from __future__ import annotations

import contextlib
import math
import os
import signal
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nnff.errors import UnsupportedOptionError
from nnff.plugin import Kind, plugin_manager
from nnff.solver import (
    Capability,
    SolveControl,
    SolveOptions,
    SolveProgress,
    Termination,
)
from nnff.testing import instances, solver_subject
from nnff.testing.children import children_of, load_expression, python, start_python, wait_until_gone
from nnff.testing.outcome import SkipCheck
from nnff.testing.solver_subject import check, close_to

if TYPE_CHECKING:
    from nnff.testing.solver_subject import Subject

INTERRUPT_SECONDS = 3.0
"""Within this time a solve must stop when it is told to."""
_INTO_THE_SOLVE = 1.0
"""Seconds after which a solve in another process is hit."""
_LATE = 2.0
"""Seconds that a busy machine may add to that."""


@check
def check_progress(subject: Subject) -> None:
    """Progress reports arrive, and their bounds are sound."""
    subject.needs(Capability.PROGRESS, Capability.TIME_LIMIT)
    planted = subject.hard(incumbent=True)
    seen: list[SolveProgress] = []
    subject.solve(planted.problem, control=SolveControl(seen.append), time_limit=1.0)
    assert seen, "no report within 1 s"
    for report in seen:
        assert report.bound <= planted.value, f"a report's bound {report.bound} lies above the optimum"
        assert report.objective >= planted.value - 1e-6 * abs(planted.value), (
            f"a report's objective {report.objective} lies below the optimum"
        )
        assert report.nodes >= 0, "a report counts a negative number of nodes"
        assert report.seconds >= 0, "a report's seconds are negative"


@check
def check_time_limit_is_kept(subject: Subject) -> None:
    """A time limit is kept up to a tenth and some grace, with a point and without."""
    subject.needs(Capability.TIME_LIMIT)
    for incumbent in (True, False):
        _, seconds = subject.limited(incumbent=incumbent, limit="time")
        asked = solver_subject.LIMIT_SECONDS
        latest = 1.1 * asked + INTERRUPT_SECONDS + _LATE
        assert seconds <= latest, f"a time limit of {asked:g} s took {seconds:.1f} s"


@check
def check_interrupt(subject: Subject) -> None:
    """An interruption from a thread stops a solve within 3 s; the bound is sound, no child is left."""
    subject.needs(Capability.INTERRUPT)
    before = children_of(os.getpid())
    planted = subject.hard(incumbent=True)
    control = SolveControl()
    asked: list[float] = []

    def interrupt() -> None:
        asked.append(time.perf_counter())
        control.interrupt()

    timer = threading.Timer(0.7, interrupt)
    timer.start()
    result = subject.solve(planted.problem, control=control)
    ended = time.perf_counter()
    timer.join()
    assert result.termination is Termination.INTERRUPTED, f"interrupted: termination {result.termination}"
    subject.sound(planted, result)
    assert ended - asked[0] <= INTERRUPT_SECONDS + _LATE, (
        f"stopped {ended - asked[0]:.1f} s after the interruption"
    )
    _none_left(children_of(os.getpid()) - before, INTERRUPT_SECONDS, "after an interruption")


@check
def check_interrupted_before(subject: Subject) -> None:
    """A control that was interrupted earlier stops a solve before it has begun."""
    subject.needs(Capability.INTERRUPT)
    control = SolveControl()
    control.interrupt()
    planted = subject.hard(incumbent=False)
    began = time.perf_counter()
    result = subject.solve(planted.problem, control=control)
    assert time.perf_counter() - began <= INTERRUPT_SECONDS + _LATE, "it took longer than a running solve may"
    assert result.termination is Termination.INTERRUPTED, f"interrupted: termination {result.termination}"
    subject.sound(planted, result)


def _solve_hard(subject: Subject, options: str = "") -> str:
    """Return code for another process: say "ready", then solve a problem that does not end."""
    return (
        load_expression(type(subject.backend)) + "from nnff.solver import SolveOptions\n"
        "from nnff.testing.instances import market_split\n"
        "problem = market_split(1, slack=False).problem\n"
        "backend = plugin()\n"
        "backend.version()\n"
        "print('ready', flush=True)\n"
        f"backend.solve(problem, SolveOptions({options}))\n"
    )


def _ready(process: Any) -> None:
    line = process.stdout.readline()
    if line.strip() != "ready":
        process.kill()
        _, err = process.communicate()
        raise AssertionError(
            f"a process with the plugin did not start: {(err.strip().splitlines() or [''])[-1]}"
        )


@check
def check_keyboard_interrupt(subject: Subject) -> None:
    """Ctrl-C in the main thread ends a solve within 3 s, by KeyboardInterrupt, and leaves no child."""
    subject.needs(Capability.INTERRUPT)
    process = start_python(_solve_hard(subject), start_new_session=True)
    try:
        _ready(process)
        time.sleep(_INTO_THE_SOLVE)
        children = children_of(process.pid)
        asked = time.perf_counter()
        process.send_signal(signal.SIGINT)
        try:
            _, err = process.communicate(timeout=INTERRUPT_SECONDS + _LATE)
        except Exception as error:
            raise AssertionError("still running after Ctrl-C") from error
        assert "KeyboardInterrupt" in err, (
            f"ended after {time.perf_counter() - asked:.1f} s without KeyboardInterrupt"
        )
        _none_left(children, INTERRUPT_SECONDS, "after Ctrl-C")
    finally:
        _end(process)


@check
def check_parent_killed(subject: Subject) -> None:
    """When the process is killed outright, its solver does not go on, and no file stays behind."""
    if Capability.IN_PROCESS in subject.backend.capabilities:
        raise SkipCheck(f"{subject.backend.name!r} runs in the process itself")
    with tempfile.TemporaryDirectory() as folder:
        process = start_python(
            _solve_hard(subject), env={"TMPDIR": folder}, cwd=folder, start_new_session=True
        )
        try:
            _ready(process)
            time.sleep(_INTO_THE_SOLVE)
            children = children_of(process.pid)
            process.kill()
            process.communicate()
            _none_left(children, 2 * INTERRUPT_SECONDS, "after their parent was killed")
            files = sorted(path.name for path in Path(folder).iterdir())
            assert not files, f"left behind: {', '.join(files[:3])}"
        finally:
            _end(process)


def _none_left(children: set[int], seconds: float, when: str) -> None:
    """Demand that these processes end within some seconds; end those that do not."""
    left = wait_until_gone(children, seconds)
    _kill(left)
    assert not left, f"{len(left)} child processes go on {when}"


def _end(process: Any) -> None:
    """End a process and what it has started, whatever has happened."""
    _kill({process.pid} | children_of(process.pid))
    process.communicate()


def _kill(pids: set[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@check
def check_with_other_backends(subject: Subject) -> None:
    """The backend works in one process with every other one that is installed, whichever comes first."""
    own = load_expression(type(subject.backend))
    others = [
        found.spec.name
        for found in plugin_manager().found(Kind.SOLVER).values()
        if found.spec.name != subject.backend.name and _installed(found.spec)
    ]
    if not others:
        raise SkipCheck("no other backend is installed")
    value = instances.knapsack(1).value
    for first in ("ours", "theirs"):
        code = (
            own + "from nnff.solver import SolveOptions, solver\n"
            "from nnff.testing.instances import knapsack\n"
            "problem = knapsack(1).problem\n"
            f"theirs = [solver(name) for name in {others!r}]\n"
            f"order = [plugin(), *theirs] if {first == 'ours'} else [*theirs, plugin()]\n"
            "for backend in [*order, order[0]]:\n"
            "    result = backend.solve(problem, SolveOptions())\n"
            "    print(backend.name, result.termination, result.objective)\n"
        )
        for line in python(code).splitlines():
            name, termination, objective = line.split()
            assert termination == "optimal", f"{first} first: {name} says {termination}"
            assert close_to(float(objective), value), f"{first} first: {name} finds {objective}, not {value}"


def _installed(spec: Any) -> bool:
    try:
        return bool(spec.load().availability())
    except Exception:  # noqa: BLE001 - somebody else's broken plugin is not this one's failure
        return False


@check
def check_concurrent_solves(subject: Subject) -> None:
    """Two solves at the same time, in two threads, with different options, do not disturb each other."""
    cases: list[tuple[instances.Planted, dict[str, Any]]] = [
        (instances.knapsack(1), {}),
        (instances.knapsack(2, scale=10**5, offset=5.0), {}),
    ]
    if Capability.SEED in subject.backend.capabilities:
        cases[1][1]["seed"] = 5
    failures: list[BaseException] = []

    def work(planted: instances.Planted, options: dict[str, Any]) -> None:
        try:
            for _ in range(3):
                subject.optimum(planted, **options)
        except BaseException as error:  # noqa: BLE001 - carried to the checking thread
            failures.append(error)

    threads = [threading.Thread(target=work, args=case) for case in cases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


@check
def check_lp_session(subject: Subject) -> None:
    """A session keeps up with changes of objective, bounds and rows, and its bounds are proven."""
    backend = subject.backend
    problem = instances.row_kinds(integer=True).problem
    if Capability.LP_SESSION not in backend.capabilities:
        try:
            backend.lp_session(problem, SolveOptions())
        except UnsupportedOptionError:
            raise SkipCheck(f"{backend.name!r} does not claim: {Capability.LP_SESSION}") from None
        raise AssertionError("there is a session, but the capability is not claimed")
    with backend.lp_session(problem, SolveOptions()) as session:
        _expect(session.solve(), -14.5)
        session.set_objective(np.array([-1.0, 0.0, 0.0]), offset=2.0)
        _expect(session.solve(), -5.5)
        session.set_column_bounds(np.array([1]), np.array([6.5]), np.array([7.0]))
        assert session.solve().termination is Termination.INFEASIBLE, "y >= 6.5 and y <= 6 is not infeasible"
        session.set_row_bounds(np.array([2]), np.array([-math.inf]), np.array([6.75]))
        _expect(session.solve(), 1.0)
        added = session.add_rows(np.array([[2.0, 0.0, 0.0]]), np.array([-math.inf]), np.array([1.5]))
        _expect(session.solve(), 1.25)
        session.set_rows(added, np.array([[4.0, 0.0, 0.0]]), np.array([-math.inf]), np.array([2.5]))
        result = session.solve()
        _expect(result, 1.375)
        assert result.row_duals is not None, "no row duals at an optimum"
        assert result.reduced_costs is not None, "no reduced costs at an optimum"
        now = session.problem
        reduced = now.cost - now.matrix.T @ result.row_duals
        assert np.allclose(reduced, result.reduced_costs, atol=1e-7), "reduced costs and row duals disagree"


def _expect(result: Any, value: float) -> None:
    assert result.termination is Termination.OPTIMAL, f"termination {result.termination}"
    assert close_to(result.objective, value), f"objective {result.objective}, the optimum is {value}"
    assert value - 1e-6 <= result.bound <= value, f"the bound {result.bound!r}, the optimum is {value}"
