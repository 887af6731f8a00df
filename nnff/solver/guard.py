"""Calling a backend so that nothing it does, or fails to do, reaches the caller unawares."""

from __future__ import annotations

import contextlib
import io
import math
import sys
import threading
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TextIO

import numpy as np

from nnff.errors import SolverUnavailableError, UnsupportedOptionError
from nnff.solver.control import SolveControl
from nnff.solver.result import BoundOrigin, PointStatus, SolveResult, Termination

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nnff.milp import MatrixProblem
    from nnff.solver.backend import SolverBackend
    from nnff.solver.options import SolveOptions
    from nnff.values import FloatArray

__all__ = ["guarded_solve"]

_GRACE = 3.0
_SLICE = 0.05


@dataclass
class _Call:
    """One call of a backend in its own thread."""

    result: SolveResult | None = None
    error: BaseException | None = None
    printed: io.StringIO = field(default_factory=io.StringIO)


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
    result of another type, a bound or point that is not a number, a point of
    the wrong size, anything printed to stdout.

    Raises
    ------
    UnsupportedOptionError, SolverUnavailableError
        As the backend does: these are the caller's mistakes.
    KeyboardInterrupt
        After the backend was told to stop and had its grace.
    """
    control = SolveControl() if control is None else control
    call = _Call()

    def run() -> None:
        try:
            with _watching_stdout(call.printed):
                call.result = backend.solve(problem, options, start, control)
        except BaseException as error:  # noqa: BLE001 - handed to the calling thread, see _answer
            call.error = error

    thread = threading.Thread(target=run, name=f"nnff-{backend.name}", daemon=True)
    began = time.monotonic()
    limit = math.inf if options.time_limit is None else options.time_limit * 1.1 + _GRACE
    thread.start()
    try:
        _wait(thread, control, began + limit)
    except KeyboardInterrupt:
        control.interrupt()
        thread.join(_GRACE)
        raise
    if thread.is_alive():
        seconds = time.monotonic() - began
        why = (
            "after the interruption"
            if control.interrupted
            else f"after {seconds:.1f} s, beyond its time limit"
        )
        return _failure(backend, f"the solver {backend.name!r} did not return {why}")
    return _answer(backend, problem, call)


def _wait(thread: threading.Thread, control: SolveControl, deadline: float) -> None:
    """Wait for the thread; past the deadline, or `_GRACE` after an interruption, stop waiting."""
    told: float | None = None
    while thread.is_alive():
        thread.join(_SLICE)
        now = time.monotonic()
        if control.interrupted and told is None:
            told = now
        if told is not None and now > told + _GRACE:
            return
        if now > deadline:
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
    if call.result.x is None:
        return call.result
    # The point's own objective, whatever the solver printed.
    return replace(call.result, objective=problem.objective(call.result.x))


def _flaw(problem: MatrixProblem, result: SolveResult) -> str:
    """Say what is wrong with the numbers in a result; empty if nothing is."""
    if math.isnan(result.bound):
        return "returned a bound that is not a number"
    if result.x is None:
        return "claims a point but returned none" if result.point is not PointStatus.NONE else ""
    if result.x.shape != (problem.n_columns,):
        return f"returned a point of shape {result.x.shape} for {problem.n_columns} columns"
    if not np.isfinite(result.x).all():
        return "returned a point that is not finite"
    return ""


def _failure(backend: SolverBackend, message: str) -> SolveResult:
    return SolveResult(
        termination=Termination.ERROR,
        solver=backend.name,
        version="",
        bound=-math.inf,
        bound_origin=BoundOrigin.NONE,
        message=message,
    )


class _Watch(io.TextIOBase):
    """Stands in for stdout: what one thread writes is kept, what others write passes through."""

    def __init__(self, outer: TextIO, kept: io.StringIO) -> None:
        self._outer = outer
        self._kept = kept
        self._thread = threading.get_ident()

    def write(self, text: str) -> int:
        if threading.get_ident() == self._thread:
            return self._kept.write(text)
        return self._outer.write(text)

    def flush(self) -> None:
        self._outer.flush()


@contextlib.contextmanager
def _watching_stdout(kept: io.StringIO) -> Iterator[None]:
    with contextlib.redirect_stdout(_Watch(sys.stdout, kept)):
        yield
