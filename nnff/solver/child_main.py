"""The keeper: a small process that owns a solver and its folder, and outlives the death of its parent.

`nnff.solver.child` starts this file as a script with ``python -I -S``; it uses the standard library
alone, so that it is up within a few hundredths of a second.  It is single-threaded, hence it may fork
safely, which is why the work usually given to ``preexec_fn`` is done here.

The keeper creates a folder, starts programs in it when told to, and ends when its standard input
ends: then it kills whatever still runs and removes the folder.  The kernel closes that pipe when
the parent dies, by ``kill -9`` too, so nothing depends on the parent's good manners.  Should a
fork of the parent hold the pipe open, the change of `os.getppid` tells.  Should the keeper itself be
killed, the solver dies with it (Linux: ``PR_SET_PDEATHSIG``).

Protocol, one JSON object a line.  Standard input: ``{"run": argv, "log": path}`` and
``{"signal": number}``.  Standard output: ``{"folder": path}`` once, then for each run either
``{"failed": text}`` or ``{"started": pid}`` and ``{"ended": returncode, "peak": bytes of memory}``.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import NoReturn

__all__ = ["Keeper", "main"]

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_POLL_SECONDS = 0.5
_SWEEP_SECONDS = 5.0


def _prctl(option: int, value: int) -> None:
    """Set a process attribute where the kernel has it (Linux); elsewhere the pipe has to do."""
    if sys.platform != "linux":
        return
    import ctypes  # noqa: PLC0415 - only Linux needs it

    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


class Keeper:
    """One parent, one folder, at most one program at a time.

    Parameters
    ----------
    parent
        Process id of the process that started the keeper.
    root, prefix
        Where the folder is made, and how its name begins.
    """

    def __init__(self, parent: int, root: str, prefix: str) -> None:
        self._parent = parent
        self._child: int | None = None
        self._pending = b""
        self._stopping = False
        # Orphaned grandchildren become children of the keeper, so that they can be found and killed.
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)
        self._wake_read, wake_write = os.pipe()
        os.set_blocking(wake_write, False)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_termination)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self.folder = Path(tempfile.mkdtemp(prefix=prefix, dir=root))

    def _on_termination(self, *_: object) -> None:
        self._stopping = True

    def serve(self) -> None:
        """Obey until the parent is gone or says goodbye; then leave nothing behind."""
        try:
            self._say({"folder": str(self.folder)})
            while not self._stopping and os.getppid() == self._parent:
                ready, _, _ = select.select([0, self._wake_read], [], [], _POLL_SECONDS)
                if self._wake_read in ready:
                    os.read(self._wake_read, 4096)
                self._collect()
                if 0 in ready and not self._listen():
                    break
        finally:
            self._sweep()
            shutil.rmtree(self.folder, ignore_errors=True)

    def _say(self, message: dict[str, object]) -> None:
        try:
            os.write(1, json.dumps(message).encode() + b"\n")
        except OSError:  # nobody listens any more
            self._stopping = True

    def _listen(self) -> bool:
        """Read and obey what the parent wrote; False when there will be no more."""
        data = os.read(0, 65536)
        *lines, self._pending = (self._pending + data).split(b"\n")
        for line in lines:
            order = json.loads(line)
            if "run" in order:
                self._start(order["run"], order["log"])
            elif self._child is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._child, order["signal"])
        return bool(data)

    def _start(self, argv: list[str], log: str) -> None:
        # The pipe closes by itself when the program has replaced the fork, or brings its error.
        error_read, error_write = os.pipe()
        keeper = os.getpid()
        pid = os.fork()
        if pid == 0:
            _become(argv, log, str(self.folder), keeper, error_write)
        os.close(error_write)
        with open(error_read, "rb") as stream:  # noqa: PTH123 - a descriptor, not a path
            failure = stream.read()
        if failure:
            os.waitpid(pid, 0)
            self._say({"failed": failure.decode(errors="replace")})
        else:
            self._child = pid
            self._say({"started": pid})

    def _collect(self) -> None:
        """Report the end of the program, once none of its descendants is left."""
        if self._child is None:
            return
        # Look without reaping: as long as the leader is a zombie, its number cannot be reused,
        # and the group that is killed is certainly the solver's.
        if os.waitid(os.P_PID, self._child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._child, signal.SIGKILL)
        _, status, usage = os.wait4(self._child, 0)
        self._child = None
        self._sweep()
        # Kilobytes, but on Darwin bytes.  A keeper is small, so that what a fork inherits of it is little.
        peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        self._say({"ended": os.waitstatus_to_exitcode(status), "peak": peak})

    def _sweep(self) -> None:
        """Kill and reap all descendants, those that left the solver's group included."""
        if self._child is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._child, signal.SIGKILL)
        # Deadline: a process in an uninterruptible system call cannot be killed; do not wait for ever.
        deadline = time.monotonic() + _SWEEP_SECONDS
        while time.monotonic() < deadline:
            for pid in _children():
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            try:
                if os.waitpid(-1, os.WNOHANG)[0] == 0:
                    time.sleep(0.005)
            except ChildProcessError:
                break
        self._child = None


def _children() -> list[int]:
    """Return the ids of the direct children of this process, as far as the system tells."""
    me = os.getpid()
    with contextlib.suppress(OSError, ValueError):
        return [int(word) for word in Path(f"/proc/self/task/{me}/children").read_text().split()]
    # Kernels without that file: the parent is the second field behind the name in parentheses.
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            if int(path.read_text().rpartition(")")[2].split()[1]) == me:
                found.append(int(path.parent.name))
    return found


def _become(argv: list[str], log: str, folder: str, keeper: int, error_write: int) -> NoReturn:
    """Replace this fork by the program `argv`; on failure write why to `error_write` and exit."""
    try:
        os.setsid()
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != keeper:  # the keeper died before the line above took effect
            os._exit(127)
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD, signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)
        os.chdir(folder)
        os.execvp(argv[0], argv)  # noqa: S606 - no shell, on purpose
    except OSError as error:
        os.write(error_write, f"{error.strerror}: {error.filename or argv[0]}".encode())
    finally:
        os._exit(127)


def main(arguments: list[str]) -> None:
    """Keep for ``arguments = [parent pid, folder for temporary folders, prefix]``."""
    parent, root, prefix = arguments
    if os.getppid() == int(parent):  # else it died before the keeper came up: there is nothing to do
        Keeper(int(parent), root, prefix).serve()


if __name__ == "__main__":
    main(sys.argv[1:])
