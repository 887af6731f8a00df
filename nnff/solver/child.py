"""Running a solver in a child process that cannot be orphaned, in a folder that cannot be left behind.

A solver that runs in another process must be stopped by Ctrl-C, by limits that it does not honour
itself, and by the death of this process, however sudden; and its files must go in each case.  None
of that can be left to this process, which may be killed at any instant.  So a small keeper process
(`nnff.solver.child_main`) owns both the solver and the folder, and tidies up when the pipe that
connects it to this process ends::

    with SolverChild() as child:
        (child.folder / "problem.mps").write_text(...)
        end = child.run(["cbc", ...], log=child.folder / "log", wall_limit=outer_limit(10.0))
        answer = (child.folder / "solution").read_text()
"""

from __future__ import annotations

import contextlib
import enum
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from nnff.errors import SolverError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from nnff.solver.control import SolveControl

__all__ = ["ChildEnd", "EndReason", "LogTail", "SolverChild", "outer_limit"]

_TICK_SECONDS = 0.05
_REPEAT_SECONDS = 0.4
_STARTUP_SECONDS = 30.0
_FAREWELL_SECONDS = 8.0


def outer_limit(time_limit: float | None, grace: float = 0.8) -> float | None:
    """Return the wall seconds after which a solver with that limit of its own is stopped from outside."""
    return None if time_limit is None else 1.1 * time_limit + grace


class EndReason(enum.StrEnum):
    """Why a child process ended."""

    EXITED = "exited"
    """By itself, be it well or with an error or a signal of its own."""
    INTERRUPTED = "interrupted"
    """Because `SolveControl.interrupt` was called."""
    WALL_LIMIT = "wall limit"
    """Because it outlived the limit enforced from outside."""
    LOST = "lost"
    """Nobody knows: its keeper was killed, and the child with it."""


@dataclass(frozen=True)
class ChildEnd:
    """How a child process ended.

    Attributes
    ----------
    reason
        Why.
    returncode
        Exit code; minus the signal's number when a signal ended it; None when `LOST`.
    seconds
        Wall seconds it ran.
    peak_memory
        Bytes, its largest resident set; 0 when `LOST`.
    """

    reason: EndReason
    returncode: int | None
    seconds: float
    peak_memory: int = 0

    @property
    def described(self) -> str:
        """How the process itself ended, for messages."""
        if self.returncode is None:
            return "killed together with the process that watched over it"
        if self.returncode < 0:
            return f"killed by signal {-self.returncode}"
        return f"exit code {self.returncode}"


class LogTail:
    """Hands on the complete lines that a growing log file gains.

    Parameters
    ----------
    path
        The file; it need not exist yet.
    on_line
        Called with each line, without its end.
    """

    def __init__(self, path: Path, on_line: Callable[[str], object]) -> None:
        self._path = path
        self._on_line = on_line
        self._position = 0

    def __call__(self) -> None:
        """Read what is new."""
        try:
            with self._path.open("rb") as stream:
                stream.seek(self._position)
                data = stream.read()
        except FileNotFoundError:
            return
        end = data.rfind(b"\n") + 1
        self._position += end
        for line in data[:end].decode(errors="replace").splitlines():
            self._on_line(line)


@dataclass
class _Pressure:
    """Decides when a running program must stop, and how hard it is pressed to.

    SIGINT is repeated: a solver that has not yet installed its handler swallows the first one.
    """

    wall_limit: float | None
    control: SolveControl | None
    interrupt_grace: float
    terminate_grace: float
    began: float = field(default_factory=time.monotonic)
    reason: EndReason = EndReason.EXITED
    _since: float = 0.0
    _last: float = -1.0

    def due(self) -> signal.Signals | None:
        """Return the signal to send now, if any."""
        now = time.monotonic()
        if self.reason is EndReason.EXITED:
            if self.control is not None and self.control.interrupted:
                self.reason = EndReason.INTERRUPTED
            elif self.wall_limit is not None and now - self.began > self.wall_limit:
                self.reason = EndReason.WALL_LIMIT
            else:
                return None
            self._since = now
        elapsed = now - self._since
        if elapsed >= self.interrupt_grace + self.terminate_grace:
            number = signal.SIGKILL
        elif elapsed >= self.interrupt_grace:
            number = signal.SIGTERM
        else:
            number = signal.SIGINT
        if number is signal.SIGINT and now - self._last < _REPEAT_SECONDS:
            return None
        self._last = now
        return number

    @property
    def hopeless(self) -> bool:
        """Whether SIGKILL was sent so long ago that the keeper itself must be stuck."""
        patience = self.interrupt_grace + self.terminate_grace + _FAREWELL_SECONDS
        return self.reason is not EndReason.EXITED and time.monotonic() - self._since > patience


class SolverChild:
    """A temporary folder and a keeper under which one program at a time runs.

    Use as a context manager.  On leaving it, by an exception too, every process started under it is
    dead and the folder is gone; the same holds shortly after this process was killed.

    Parameters
    ----------
    prefix
        How the name of the folder begins.
    interrupt_grace, terminate_grace
        Seconds between asking a program to stop (SIGINT) and telling it (SIGTERM), and between
        telling it and killing its whole group (SIGKILL).  Together well below the three seconds within
        which an interruption must be over.

    Attributes
    ----------
    folder
        The temporary folder, also the working directory of the programs.
    peak_memory
        Bytes, the largest resident set of any program that has ended under any instance in this
        process.  The system's own count for children begins with what a child inherits of its
        parent at the fork, which is more than most solvers need.
    """

    folder: Path
    peak_memory: ClassVar[int] = 0

    def __init__(
        self, prefix: str = "nnff-", *, interrupt_grace: float = 1.3, terminate_grace: float = 0.3
    ) -> None:
        self._prefix = prefix
        self._graces = (interrupt_grace, terminate_grace)
        self._keeper: subprocess.Popen[bytes] | None = None
        self._heard = b""

    def __enter__(self) -> Self:
        """Start the keeper, which makes the folder.

        Raises
        ------
        SolverError
            If the keeper does not come up.
        """
        script = str(Path(__file__).with_name("child_main.py"))
        try:
            # In a session of its own the keeper does not see the terminal's Ctrl-C.
            self._keeper = subprocess.Popen(  # noqa: S603 - our own script, no shell
                [sys.executable, "-I", "-S", script, str(os.getpid()), tempfile.gettempdir(), self._prefix],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            message = self._hear(_STARTUP_SECONDS)
        except (OSError, TimeoutError) as error:
            self._leave()
            raise SolverError(f"the keeper of solver processes does not start: {error}") from error
        except BaseException:
            self._leave()
            raise
        if message is None:
            self._leave()
            raise SolverError(
                f"the keeper of solver processes died at its start; check that {tempfile.gettempdir()} "
                "can be written"
            )
        self.folder = Path(message["folder"])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Kill what still runs and remove the folder."""
        self._leave()

    def run(
        self,
        argv: Sequence[str],
        *,
        log: Path,
        wall_limit: float | None = None,
        control: SolveControl | None = None,
        on_tick: Callable[[], None] | None = None,
    ) -> ChildEnd:
        """Run a program to its end, its output going to a file.

        Parameters
        ----------
        argv
            The program and its arguments; no shell is involved.
        log
            File that receives standard output and standard error; overwritten.  A file and not a
            pipe: a program that prints more than a pipe holds would wait for a reader for ever.
        wall_limit
            Wall seconds after which it is stopped as an interruption would; see `outer_limit`.
        control
            Stops it when interrupted.
        on_tick
            Called about twenty times a second from this thread, and once at the end.

        Raises
        ------
        SolverError
            If the program cannot be started, or its log not written.
        """
        self._tell({"run": [str(word) for word in argv], "log": str(log.absolute())})
        pressure = _Pressure(wall_limit, control, *self._graces)
        try:
            message = self._hear(_STARTUP_SECONDS)
        except TimeoutError:
            message = None
        if message is not None and "failed" in message:
            raise SolverError(f"the solver process cannot be started ({message['failed']})")
        if message is not None:
            message = self._wait(pressure, on_tick)
        if on_tick is not None:
            on_tick()
        seconds = time.monotonic() - pressure.began
        if message is None:
            return ChildEnd(EndReason.LOST, None, seconds)
        peak = int(message["peak"])
        SolverChild.peak_memory = max(SolverChild.peak_memory, peak)
        return ChildEnd(pressure.reason, int(message["ended"]), seconds, peak)

    def _wait(self, pressure: _Pressure, on_tick: Callable[[], None] | None) -> dict[str, Any] | None:
        """Wait for the end of the program; None if the keeper is dead or stuck."""
        while not pressure.hopeless:
            with contextlib.suppress(TimeoutError):
                return self._hear(_TICK_SECONDS)
            if on_tick is not None:
                on_tick()
            number = pressure.due()
            if number is not None:
                self._tell({"signal": int(number)})
        return None

    def _tell(self, order: dict[str, object]) -> None:
        assert self._keeper is not None, "a SolverChild is used inside its with statement"
        assert self._keeper.stdin is not None
        # A dead keeper shows when it is next listened to.
        with contextlib.suppress(BrokenPipeError):
            self._keeper.stdin.write(json.dumps(order).encode() + b"\n")
            self._keeper.stdin.flush()

    def _hear(self, seconds: float) -> dict[str, Any] | None:
        """Return the keeper's next message, None if it is dead.

        Raises
        ------
        TimeoutError
            If it says nothing for so long.
        """
        assert self._keeper is not None
        assert self._keeper.stdout is not None
        descriptor = self._keeper.stdout.fileno()
        deadline = time.monotonic() + seconds
        while b"\n" not in self._heard:
            ready, _, _ = select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise TimeoutError("it is silent")
            data = os.read(descriptor, 65536)
            if not data:
                return None
            self._heard += data
        line, _, self._heard = self._heard.partition(b"\n")
        message: dict[str, Any] = json.loads(line)
        return message

    def _leave(self) -> None:
        keeper, self._keeper = self._keeper, None
        if keeper is None:
            return
        assert keeper.stdin is not None
        assert keeper.stdout is not None
        try:
            with contextlib.suppress(BrokenPipeError):
                keeper.stdin.close()  # the sign to tidy up
            try:
                keeper.wait(_FAREWELL_SECONDS)
            except subprocess.TimeoutExpired:
                keeper.kill()
                keeper.wait()
        finally:
            keeper.stdout.close()
            if "folder" in self.__dict__:
                shutil.rmtree(self.folder, ignore_errors=True)
