"""Running HiGHS in a thread of its own: watched, interruptible, and what its statuses mean."""

from __future__ import annotations

import enum
import math
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from nnff.solver import Limit, SolveProgress, Termination

if TYPE_CHECKING:
    from collections.abc import Callable

    from nnff.solver import SolveControl
    from nnff.values import FloatArray

__all__ = ["HighsRun", "StopReason", "held_point", "why_stopped"]

OUTSIDE_FACTOR, OUTSIDE_GRACE = 1.1, 0.5
"""A run is interrupted from outside at ``limit * factor + grace`` seconds."""
ABANDON_AFTER = 1.5
"""Seconds that a run is given to obey an interruption."""
_SLICE = 0.05
_REPORT_EVERY = 0.1

# What each HighsModelStatus means.  A status that is missing here is an error, never a success.
_STATUS: dict[str, tuple[Termination, Limit | None]] = {
    "kOptimal": (Termination.OPTIMAL, None),
    "kModelEmpty": (Termination.OPTIMAL, None),
    "kInfeasible": (Termination.INFEASIBLE, None),
    "kUnbounded": (Termination.UNBOUNDED, None),
    "kUnboundedOrInfeasible": (Termination.INFEASIBLE_OR_UNBOUNDED, None),
    "kTimeLimit": (Termination.LIMIT, Limit.TIME),
    "kIterationLimit": (Termination.LIMIT, Limit.ITERATIONS),
    "kMemoryLimit": (Termination.LIMIT, Limit.MEMORY),
    "kObjectiveBound": (Termination.LIMIT, Limit.BOUND),
    "kObjectiveTarget": (Termination.LIMIT, Limit.OBJECTIVE),
    "kSolutionLimit": (Termination.LIMIT, Limit.OTHER),
    "kInterrupt": (Termination.INTERRUPTED, None),
    "kHighsInterrupt": (Termination.INTERRUPTED, None),
    "kUnknown": (Termination.NUMERICAL, None),
    "kNotset": (Termination.ERROR, None),
    "kLoadError": (Termination.ERROR, None),
    "kModelError": (Termination.ERROR, None),
    "kPresolveError": (Termination.ERROR, None),
    "kSolveError": (Termination.ERROR, None),
    "kPostsolveError": (Termination.ERROR, None),
}
_INTERRUPTED = frozenset({"kInterrupt", "kHighsInterrupt"})


class StopReason(enum.Enum):
    """Why a run was interrupted by us."""

    USER = "user"
    BOUND = "bound"
    OBJECTIVE = "objective"
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
    objective_stop
        Objective of HiGHS's best point at which to stop.
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
    objective_stop: float | None = None
    weaken: Callable[[float], float] = lambda bound: bound
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
        callbacks = (self.highs.cbMipInterrupt, self.highs.cbSimplexInterrupt, self.highs.cbIpmInterrupt)
        for callback in callbacks:
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
        if self.finished:
            for callback in callbacks:
                callback.unsubscribe(self._on_event)

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
        """Answer HiGHS, in its thread; nothing may be raised through its C++ frames."""
        try:
            self._look(event.data_out)
        except BaseException as error:  # noqa: BLE001 - carried to the thread that waits
            self.failure = self.failure or error
            self._ask(StopReason.FAILURE)
        # Said either way: HiGHS keeps the answer of an earlier run of the same instance.
        event.interrupt(self._stop.is_set())

    def _look(self, seen: Any) -> None:
        if self.control is not None and self.control.interrupted:
            self._ask(StopReason.USER)
        now = time.perf_counter()
        due = now - self._reported >= _REPORT_EVERY
        if not due and self.bound_stop is None and self.objective_stop is None:
            return
        # Before the root is solved the bound is infinite; for a plain LP nothing is filled in at all.
        if seen.mip_node_count >= 0:
            self.objective = min(self.objective, seen.mip_primal_bound)
            self.nodes = max(self.nodes, seen.mip_node_count)
            if math.isfinite(seen.mip_dual_bound):
                self.bound = max(self.bound, seen.mip_dual_bound)
            if self.bound_stop is not None and self.weaken(self.bound) >= self.bound_stop:
                self._ask(StopReason.BOUND)
            elif self.objective_stop is not None and self.objective <= self.objective_stop:
                self._ask(StopReason.OBJECTIVE)
        if due and self.control is not None:
            self._reported = now
            self.control.report(SolveProgress(self.bound, self.objective, self.nodes, now - self._began))


def why_stopped(run: HighsRun, node_limit: int | None = None) -> tuple[Termination, Limit | None]:
    """Translate the status that HiGHS ended a finished run with."""
    status = run.highs.getModelStatus().name
    if status in _INTERRUPTED and run.reason is StopReason.BOUND:
        return Termination.LIMIT, Limit.BOUND
    if status in _INTERRUPTED and run.reason is StopReason.OBJECTIVE:
        return Termination.LIMIT, Limit.OBJECTIVE
    if status in _INTERRUPTED and run.reason is StopReason.OVERTIME:
        return Termination.LIMIT, Limit.TIME
    nodes = int(run.highs.getInfo().mip_node_count)
    if status == "kSolutionLimit" and node_limit is not None and nodes >= node_limit:
        # HiGHS has one status for several limits; the others can only be set natively.
        return Termination.LIMIT, Limit.NODES
    return _STATUS.get(status, (Termination.ERROR, None))


def held_point(highs: Any, columns: int) -> FloatArray | None:
    """Return the raw column values, if HiGHS calls them feasible; else None."""
    import highspy

    if highs.getInfo().primal_solution_status != int(highspy.SolutionStatus.kSolutionStatusFeasible):
        return None
    solution = highs.getSolution()
    x = np.array(solution.col_value, dtype=np.float64)
    return x if solution.value_valid and len(x) == columns and np.isfinite(x).all() else None
