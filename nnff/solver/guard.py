"""Calling a backend so that nothing it does, or fails to do, reaches the caller unawares."""

from __future__ import annotations

import contextlib
import io
import math
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import numpy as np

from nnff.errors import SolverUnavailableError, UnsupportedOptionError
from nnff.solver.control import SolveControl
from nnff.solver.result import BoundOrigin, Limit, PointStatus, SolveResult, Termination

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nnff.milp import MatrixProblem
    from nnff.solver.backend import SolverBackend
    from nnff.solver.control import SolveProgress
    from nnff.solver.options import SolveOptions
    from nnff.values import FloatArray

__all__ = ["guarded_solve"]

_GRACE = 3.0
"""Seconds beyond the time limit, and after an interruption, in which a backend may still return."""
_LAST_GRACE = 1.0
"""Seconds that a backend beyond its time limit has once it was interrupted for that."""
_SLICE = 0.05


@dataclass
class _Call:
    """One call of a backend in its own thread."""

    result: SolveResult | None = None
    error: BaseException | None = None
    printed: io.StringIO = field(default_factory=io.StringIO)
    left_behind: bool = False


def guarded_solve(
    backend: SolverBackend,
    problem: MatrixProblem,
    options: SolveOptions,
    start: FloatArray | None = None,
    control: SolveControl | None = None,
) -> SolveResult:
    """Solve, whatever the backend does.

    The backend runs in a thread of its own, so that signals reach the caller
    at once and a backend that ignores its time limit is interrupted and, if
    that does not help, left behind.  Everything a third party can do wrong
    becomes a result with `Termination.ERROR` and a sentence: an exception, a
    result of another type or with fields of another type, a bound or point that
    is not a number, a point of the wrong size, anything printed to stdout.
    A backend that is left behind is not heard any more: neither its progress
    reports nor what it prints.

    Raises
    ------
    UnsupportedOptionError, SolverUnavailableError
        As the backend does: these are the caller's mistakes.
    KeyboardInterrupt
        After the backend was told to stop and had its grace.
    """
    control = SolveControl() if control is None else control
    call = _Call()

    def report(progress: SolveProgress) -> None:
        if not call.left_behind:
            control.report(progress)

    # A control of its own: overtime interrupts this solve, not everything under the caller's control.
    own = SolveControl(report)
    if control.interrupted:
        own.interrupt()

    def run() -> None:
        try:
            with _watching_stdout(call.printed):
                call.result = backend.solve(problem, options, start, own)
        except BaseException as error:  # noqa: BLE001 - handed to the calling thread, see _answer
            call.error = error

    thread = threading.Thread(target=run, name=f"nnff-{backend.name}", daemon=True)
    began = time.monotonic()
    limit = math.inf if options.time_limit is None else options.time_limit * 1.1 + _GRACE
    thread.start()
    try:
        _wait(thread, control, own, began + limit)
    except KeyboardInterrupt:
        control.interrupt()
        own.interrupt()
        thread.join(_GRACE)
        call.left_behind = thread.is_alive()
        raise
    if thread.is_alive():
        call.left_behind = True
        seconds = time.monotonic() - began
        why = (
            "after the interruption"
            if control.interrupted
            else f"after {seconds:.1f} s, beyond its time limit"
        )
        return _failure(backend, f"the solver {backend.name!r} did not return {why}")
    return _answer(backend, problem, call)


def _wait(thread: threading.Thread, control: SolveControl, own: SolveControl, deadline: float) -> None:
    """Wait for the thread; interrupt it when the caller asks or time is up, and then not wait much longer."""
    last = math.inf
    while thread.is_alive():
        thread.join(_SLICE)
        now = time.monotonic()
        if last == math.inf and control.interrupted:
            last = now + _GRACE
            own.interrupt()
        elif last == math.inf and now > deadline:
            last = now + _LAST_GRACE
            own.interrupt()
        if now > last:
            return


def _answer(backend: SolverBackend, problem: MatrixProblem, call: _Call) -> SolveResult:
    """Judge what came back."""
    if isinstance(call.error, UnsupportedOptionError | SolverUnavailableError):
        raise call.error
    if isinstance(call.error, KeyboardInterrupt | SystemExit):
        return _failure(backend, f"the solver {backend.name!r} ended with {type(call.error).__name__}")
    if call.error is not None:
        return _failure(
            backend, f"the solver {backend.name!r} failed: {type(call.error).__name__}: {call.error}"
        )
    if not isinstance(call.result, SolveResult):
        return _failure(backend, f"the solver {backend.name!r} returned a {type(call.result).__name__}")
    if printed := call.printed.getvalue().strip():
        return _failure(
            backend, f"the solver {backend.name!r} wrote to standard output: {printed.splitlines()[0][:80]!r}"
        )
    flaw = _flaw(problem, call.result)
    if flaw:
        return _failure(backend, f"the solver {backend.name!r} {flaw}")
    x = call.result.x
    # The point's own objective, whatever the solver printed.
    objective = None if x is None else problem.objective(x)
    return replace(call.result, bound=float(call.result.bound), objective=objective)


def _flaw(problem: MatrixProblem, result: SolveResult) -> str:
    """Say what is wrong with a result; empty if nothing is."""
    for name, kind in _FIELDS.items():
        value = getattr(result, name)
        if not isinstance(value, kind):
            return f"returned a result whose {name!r} is a {type(value).__name__}"
    if math.isnan(result.bound):
        return "returned a bound that is not a number"
    if not all(isinstance(s, Real) and math.isfinite(s) and s >= 0 for s in result.timings.values()):
        return "returned a timing that is no number of seconds"
    if result.x is None:
        return "claims a point but returned none" if result.point is not PointStatus.NONE else ""
    if result.x.shape != (problem.n_columns,):
        return f"returned a point of shape {result.x.shape} for {problem.n_columns} columns"
    if not np.isfinite(result.x).all():
        return "returned a point that is not finite"
    return ""


_FIELDS: dict[str, Any] = {
    "termination": Termination,
    "limit": Limit | None,
    "point": PointStatus,
    "bound": Real,
    "bound_origin": BoundOrigin,
    "solver": str,
    "version": str,
    "raw_status": str,
    "message": str,
    "nodes": Integral | None,
    "timings": Mapping,
    "applied": Mapping,
}
"""What a result is made of.  The plain string "error" equals `Termination.ERROR` but is not it, and
would pass where identity is asked for."""


def _failure(backend: SolverBackend, message: str) -> SolveResult:
    return SolveResult(
        termination=Termination.ERROR,
        solver=backend.name,
        version="",
        bound=-math.inf,
        bound_origin=BoundOrigin.NONE,
        message=message,
    )


class _Watch:
    """Stands in for stdout: what watched threads write is kept, all else passes through."""

    def __init__(self, outer: Any) -> None:
        self.outer = outer
        self.kept: dict[int, io.StringIO] = {}

    def write(self, text: str) -> int:
        kept = self.kept.get(threading.get_ident())
        written: int = (self.outer if kept is None else kept).write(text)
        return written

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.outer, name)


_watch_lock = threading.Lock()


@contextlib.contextmanager
def _watching_stdout(kept: io.StringIO) -> Iterator[None]:
    """Keep what the calling thread prints.

    One stand-in serves all threads, and the last one to end takes it away, if
    it is still there: a backend that was left behind must not, when it ends
    at last, put back a stdout that someone else has replaced meanwhile.
    """
    with _watch_lock:
        watch = sys.stdout if isinstance(sys.stdout, _Watch) else _Watch(sys.stdout)
        sys.stdout = watch
        watch.kept[threading.get_ident()] = kept
    try:
        yield
    finally:
        with _watch_lock:
            del watch.kept[threading.get_ident()]
            if not watch.kept and sys.stdout is watch:
                sys.stdout = watch.outer
