"""What every use of HiGHS in this package shares: a silent instance, checked options, exact transfer, watched runs.

highspy is imported inside functions only, so that finding the backend costs nothing.
"""

from __future__ import annotations

import enum
import math
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from nnff.errors import SolverUnavailableError, UnsupportedOptionError
from nnff.solver import SolveProgress

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from nnff.milp import MatrixProblem
    from nnff.solver import SolveControl, SolveOptions
    from nnff.values import FloatArray, IntArray

__all__ = [
    "HighsRun",
    "Rejected",
    "StopReason",
    "apply_options",
    "new_highs",
    "options_for",
    "pass_problem",
    "row_exponents",
]

SMALL_MATRIX_VALUE = 1e-12
"""HiGHS drops entries of at most this size; it is the least value that the option takes."""
LARGE_MATRIX_VALUE = 1e15
"""HiGHS refuses entries of at least this size (the default of ``large_matrix_value``)."""
INFINITE_BOUND = 1e20
"""HiGHS takes bounds of at least this size for infinite (the default of ``infinite_bound``)."""

OUTSIDE_FACTOR, OUTSIDE_GRACE = 1.1, 1.0
"""A run is interrupted from outside at ``limit * factor + grace`` seconds."""
ABANDON_AFTER = 2.0
"""Seconds that a run is given to obey an interruption."""
_SLICE = 0.05
_REPORT_EVERY = 0.1

# These would make HiGHS write to stdout, or put its log elsewhere than the contract says.
_RESERVED_OPTIONS = {
    "output_flag": "the backend keeps it as the contract needs it",
    "log_to_console": "a backend never writes to stdout",
    "log_file": "use the option log_path",
}


class Rejected(Exception):  # noqa: N818 - turned into a result, never seen by users
    """HiGHS cannot take this problem; the message says why."""


def new_highs() -> Any:
    """Return a Highs instance that has printed nothing and will print nothing.

    The constructor of `highspy.Highs` makes the C++ object and then calls
    `enableCallbacks`, which is what prints the banner, before a caller gets
    the chance to set an option.  Both options are therefore set in an override of that
    method: no file descriptor is redirected, which would steal the output of other threads.
    """
    try:
        import highspy
    except ImportError as error:
        raise SolverUnavailableError(
            f"the solver 'highs' needs the package highspy, which cannot be imported ({error}); "
            "install it with: pip install 'highspy>=1.16'"
        ) from error

    class SilentHighs(highspy.Highs):
        def enableCallbacks(self) -> None:  # noqa: N802 - highspy's name
            self.setOptionValue("output_flag", False)  # noqa: FBT003
            self.setOptionValue("log_to_console", False)  # noqa: FBT003
            super().enableCallbacks()

    return SilentHighs()


def options_for(options: SolveOptions) -> dict[str, Any]:
    """Translate `options` into HiGHS's own, native ones last.

    ``mip_feasibility_tolerance`` is used by HiGHS for integrality *and*, in a
    MIP, for the rows, so the smaller of the two tolerances is taken there.
    The dual tolerance follows the primal one: a reduced cost of the wrong sign
    times the width of its column is an error of the bound.
    """
    wanted: dict[str, Any] = {
        "small_matrix_value": SMALL_MATRIX_VALUE,
        "mip_rel_gap": float(options.relative_gap),
        "mip_abs_gap": float(options.absolute_gap),
        "primal_feasibility_tolerance": float(options.feasibility_tolerance),
        "dual_feasibility_tolerance": min(1e-7, float(options.feasibility_tolerance)),
        "mip_feasibility_tolerance": float(
            min(options.feasibility_tolerance, options.integrality_tolerance)
        ),
    }
    if options.threads is not None:
        wanted["threads"] = int(options.threads)
    if options.seed is not None:
        wanted["random_seed"] = int(options.seed)
    if options.node_limit is not None:
        wanted["mip_max_nodes"] = int(options.node_limit)
    for name, value in options.native.items():
        if name in _RESERVED_OPTIONS:
            raise UnsupportedOptionError(
                f"the native option {name!r} of the solver 'highs' is reserved: {_RESERVED_OPTIONS[name]}"
            )
        wanted[name] = value.item() if isinstance(value, np.generic) else value
    return wanted


def apply_options(highs: Any, wanted: Mapping[str, Any]) -> None:
    """Set every option and check every answer: HiGHS reports a refusal, it does not raise.

    Raises
    ------
    UnsupportedOptionError
        For an option that HiGHS does not know, or a value that it does not take.
    """
    import highspy

    for name, value in wanted.items():
        try:
            accepted = highs.setOptionValue(name, value) == highspy.HighsStatus.kOk
        except TypeError:
            accepted = False
        if not accepted:
            raise UnsupportedOptionError(f"the solver 'highs' does not accept the option {name} = {value!r}")


def row_exponents(indptr: IntArray, data: FloatArray) -> IntArray:
    """Return k per row such that the row times 2^k holds no entry that HiGHS would drop.

    HiGHS drops entries of at most 1e-12 without changing the row's bounds.
    With a column a billion units wide that moves a row by 1e-3 and falsifies
    the bound.  Multiplying the row and its bounds by a power of two is
    exact in floating point, so the program stays the same.

    Raises
    ------
    Rejected
        If a row's entries span more than HiGHS can hold.
    """
    rows = len(indptr) - 1
    exponents = np.zeros(rows, dtype=np.int64)
    size = np.abs(data)
    lost = (size > 0) & (size <= SMALL_MATRIX_VALUE)
    if not lost.any() and not (size >= LARGE_MATRIX_VALUE).any():
        return exponents
    owner = np.repeat(np.arange(rows), np.diff(indptr))
    for row in np.unique(owner[lost | (size >= LARGE_MATRIX_VALUE)]):
        entries = size[indptr[row] : indptr[row + 1]]
        least, largest = float(entries[entries > 0].min()), float(entries.max())
        # Room on both sides of [1e-12, 1e15]; the entries are put at its lower or its upper end.
        if least <= SMALL_MATRIX_VALUE:
            exponent = math.ceil(math.log2(2 * SMALL_MATRIX_VALUE) - math.log2(least))
        else:
            exponent = -math.ceil(math.log2(largest) - math.log2(LARGE_MATRIX_VALUE / 2))
        if not (
            math.ldexp(least, exponent) > SMALL_MATRIX_VALUE
            and math.ldexp(largest, exponent) < LARGE_MATRIX_VALUE
        ):
            raise Rejected(
                f"row {row} has coefficients from {least:g} to {largest:g}, a span that HiGHS cannot hold"
            )
        exponents[row] = exponent
    return exponents


def _scaled(values: FloatArray, exponents: IntArray) -> FloatArray:
    """Return ``values * 2^exponents``, or refuse where that would round."""
    scaled = np.ldexp(values, exponents)
    if not np.array_equal(np.ldexp(scaled, -exponents), values):
        raise Rejected("a row cannot be scaled exactly into the range of numbers that HiGHS holds")
    return scaled


def pass_problem(highs: Any, problem: MatrixProblem) -> IntArray:
    """Hand the problem over, exactly; return the exponents by which its rows were scaled.

    Raises
    ------
    Rejected
        If HiGHS refuses the problem or has dropped an entry.
    """
    import highspy

    exponents = row_exponents(problem.indptr, problem.data)
    data, row_lower, row_upper = problem.data, problem.row_lower, problem.row_upper
    if exponents.any():
        data = _scaled(data, np.repeat(exponents, np.diff(problem.indptr)))
        row_lower, row_upper = _scaled(row_lower, exponents), _scaled(row_upper, exponents)
    for bound in (row_lower, row_upper, problem.col_lower, problem.col_upper):
        if ((np.abs(bound) >= INFINITE_BOUND) & np.isfinite(bound)).any():
            raise Rejected(f"a finite bound of {INFINITE_BOUND:g} or more counts as infinite in HiGHS")
    status = highs.passModel(
        problem.n_columns,
        problem.n_rows,
        problem.n_nonzeros,
        int(highspy.MatrixFormat.kRowwise),
        int(highspy.ObjSense.kMinimize),
        problem.offset,
        problem.cost,
        problem.col_lower,
        problem.col_upper,
        row_lower,
        row_upper,
        problem.indptr.astype(np.int32),
        problem.indices.astype(np.int32),
        data,
        problem.integer.astype(np.int32),
    )
    if status == highspy.HighsStatus.kError:
        raise Rejected("HiGHS refuses the problem (a bound or coefficient beyond what it can hold)")
    kept = highs.getNumNz()
    expected = int(np.count_nonzero(problem.data))
    if kept < expected:
        raise Rejected(f"HiGHS dropped {expected - kept} coefficients of the problem")
    return exponents


class StopReason(enum.Enum):
    """Why a run was interrupted by us."""

    USER = "user"
    BOUND = "bound"
    OVERTIME = "overtime"
    FAILURE = "failure"


@dataclass
class HighsRun:
    """One call of ``Highs.run`` in a thread of its own, watched by the calling thread.

    * The caller waits in short slices, so that Python's signal handlers run while
      HiGHS (which holds no interpreter lock) computes.  An exception that arrives there, such as
      KeyboardInterrupt, stops HiGHS first and propagates then.
    * HiGHS's task scheduler belongs to the thread that runs it.  A thread per
      run therefore gives each run its own number of threads, without
      resetting the scheduler of another run that may be going on in this process.
    * HiGHS can only be asked to stop.  A run that has not stopped `ABANDON_AFTER` seconds
      after it was asked is abandoned: `finished` is False, its instance must not
      be touched again, and its thread ends when HiGHS does.

    Attributes
    ----------
    highs
        The instance; options and model are set.
    control
        Interruption and progress.
    time_limit
        Wall seconds, enforced from outside with some grace.
    bound_stop, weaken
        Dual bound at which to stop, compared with what `weaken` makes of HiGHS's.
    finished
        Whether HiGHS has returned.
    reason
        Why it was interrupted, if it was.
    failure
        What a callback or the run itself raised.
    bound, objective, nodes
        The last that the callbacks have seen.
    """

    highs: Any
    control: SolveControl | None = None
    time_limit: float | None = None
    bound_stop: float | None = None
    weaken: Callable[[float], float] = lambda bound: bound  # noqa: E731
    finished: bool = False
    reason: StopReason | None = None
    failure: BaseException | None = None
    bound: float = -math.inf
    objective: float = math.inf
    nodes: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)
    _began: float = 0.0
    _reported: float = 0.0

    def run(self) -> None:
        """Run to the end, to an interruption, or until abandoned."""
        for callback in (self.highs.cbMipInterrupt, self.highs.cbSimplexInterrupt, self.highs.cbIpmInterrupt):
            callback.subscribe(self._on_event)
        self._began = time.perf_counter()
        worker = threading.Thread(target=self._work, name="highs", daemon=True)
        worker.start()
        try:
            self._watch(worker)
        except BaseException:
            self._ask(StopReason.USER)
            worker.join(ABANDON_AFTER)
            raise
        self.finished = not worker.is_alive()

    def _watch(self, worker: threading.Thread) -> None:
        latest = math.inf if self.time_limit is None else self.time_limit * OUTSIDE_FACTOR + OUTSIDE_GRACE
        asked = None
        while worker.is_alive():
            worker.join(_SLICE)
            now = time.perf_counter() - self._began
            if self.control is not None and self.control.interrupted:
                self._ask(StopReason.USER)
            elif now > latest:
                self._ask(StopReason.OVERTIME)
            if self._stop.is_set():
                asked = now if asked is None else asked
                if now - asked > ABANDON_AFTER:
                    return

    def _work(self) -> None:
        try:
            self.highs.run()
        except BaseException as error:  # noqa: BLE001 - carried to the thread that waits
            self.failure = self.failure or error
        finally:
            # Ends the pool of this thread's scheduler, if there is one.
            self.highs.resetThreadScheduler(False)  # noqa: FBT003

    def _ask(self, reason: StopReason) -> None:
        if not self._stop.is_set():
            self.reason = reason
            self._stop.set()

    def _on_event(self, event: Any) -> None:
        """Called by HiGHS, in its thread: nothing may be raised through its C++ frames."""
        try:
            self._look(event.data_out)
        except BaseException as error:  # noqa: BLE001 - carried to the thread that waits
            self.failure = self.failure or error
            self._ask(StopReason.FAILURE)
        if self._stop.is_set():
            event.interrupt()

    def _look(self, seen: Any) -> None:
        if self.control is not None and self.control.interrupted:
            self._ask(StopReason.USER)
        now = time.perf_counter()
        due = now - self._reported >= _REPORT_EVERY
        if not due and self.bound_stop is None:
            return
        # Before the root is solved these are infinite; for a plain LP they are not filled in at all.
        if seen.mip_node_count >= 0 and math.isfinite(seen.mip_dual_bound):
            self.bound = max(self.bound, seen.mip_dual_bound)
            self.objective = min(self.objective, seen.mip_primal_bound)
            self.nodes = max(self.nodes, seen.mip_node_count)
            if self.bound_stop is not None and self.weaken(self.bound) >= self.bound_stop:
                self._ask(StopReason.BOUND)
        if due and self.control is not None:
            self._reported = now
            self.control.report(SolveProgress(self.bound, self.objective, self.nodes, now - self._began))
