"""Talking to a running solve: interruption from any thread, progress reports."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["SolveControl", "SolveProgress"]


@dataclass(frozen=True)
class SolveProgress:
    """A glance at a running solve of a minimisation.

    Attributes
    ----------
    bound
        Dual bound so far, -inf without one.
    objective
        Objective of the best point so far, +inf without one.
    nodes
        Nodes so far.
    seconds
        Wall seconds since the solve began.
    """

    bound: float = -math.inf
    objective: float = math.inf
    nodes: int = 0
    seconds: float = 0.0


@dataclass
class SolveControl:
    """Handed to a backend for one or several solves.

    Attributes
    ----------
    on_progress
        Called now and then by backends that can report progress, from any thread.
    """

    on_progress: Callable[[SolveProgress], None] | None = None
    _stop: threading.Event = field(default_factory=threading.Event, repr=False)

    def interrupt(self) -> None:
        """Ask every solve under this control, now and later, to stop; safe in a signal handler."""
        self._stop.set()

    @property
    def interrupted(self) -> bool:
        """Whether `interrupt` was called."""
        return self._stop.is_set()

    def listening(self, on_progress: Callable[[SolveProgress], None]) -> SolveControl:
        """Return a control with its own listener that is interrupted together with this one."""
        return SolveControl(on_progress, self._stop)

    def wait(self, seconds: float) -> bool:
        """Sleep up to `seconds`, less if interrupted; tell whether it was."""
        return self._stop.wait(seconds)

    def report(self, progress: SolveProgress) -> None:
        """Pass a progress report on to whoever listens."""
        if self.on_progress is not None:
            self.on_progress(progress)
