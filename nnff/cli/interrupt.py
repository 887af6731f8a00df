"""Ctrl-C and SIGTERM: the first one asks the run to stop and keep its bracket, the second one gives up."""

from __future__ import annotations

import signal
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from nnff.solver import SolveControl

__all__ = ["interruptible"]


@contextmanager
def interruptible(
    control: SolveControl, on_interrupt: Callable[[], None] | None = None
) -> Iterator[SolveControl]:
    """Let SIGINT and SIGTERM stop whatever runs under `control`.

    Parameters
    ----------
    control
        Is interrupted by the first signal.
    on_interrupt
        Called once, by the first signal.

    Raises
    ------
    KeyboardInterrupt
        At the second signal.
    """
    if threading.current_thread() is not threading.main_thread():
        # Only the main thread may install handlers; a test runner may not be it.
        yield control
        return

    def handle(_number: int, _frame: FrameType | None) -> None:
        if control.interrupted:
            raise KeyboardInterrupt
        control.interrupt()
        if on_interrupt is not None:
            on_interrupt()

    # None stands for a handler that was not installed from Python; it cannot be put back.
    previous = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in previous:
        signal.signal(number, handle)
    try:
        yield control
    finally:
        for number, handler in previous.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        sys.stderr.flush()
