"""One run in a fresh process: started, listened to, limited from outside, judged whatever becomes of it."""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from nnff.bench.record import Outcome, RunRecord
from nnff.bench.verdict import KILLED, Judgement, judge_death

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from nnff.bench.instance import Instance
    from nnff.bench.record import RunSpec

__all__ = ["GRACE", "make_run", "outer_limit"]

GRACE = 30.0
"""Seconds that a run may take for what its time limit does not cover: starting, building, extra numbers."""

_TICK = 0.1
_FAREWELL = 5.0
"""Seconds that a process has to end after its last word."""

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
"""Variables that tell numerical libraries how many threads to use."""


def outer_limit(spec: RunSpec, grace: float = GRACE) -> float:
    """Return the wall seconds after which a run is killed."""
    return 1.5 * spec.time_limit + grace


@dataclass
class _Heard:
    """What the worker has said so far.

    Attributes
    ----------
    record, failure
        Its last record, or how it failed.
    ended
        When it said so.
    marks
        When which phase began.
    """

    record: RunRecord | None = None
    failure: dict[str, Any] | None = None
    ended: float = 0.0
    marks: list[tuple[str, float]] = field(default_factory=list)
    _rest: bytes = b""

    @property
    def phase(self) -> str:
        return self.marks[-1][0]

    def feed(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            message = json.loads(line)
            if "phase" in message:
                self.marks.append((message["phase"], message["at"]))
            else:
                self.ended = message["ended"]
                if "record" in message:
                    self.record = RunRecord.model_validate_json(message["record"])
                else:
                    self.failure = message

    def phases(self, end: float) -> dict[str, float]:
        """Return how long each phase took, when that is all there is to go by."""
        seconds: dict[str, float] = {}
        for (name, begin), (_, until) in zip(self.marks, [*self.marks[1:], ("", end)], strict=True):
            seconds[name] = seconds.get(name, 0.0) + until - begin
        return seconds


def make_run(
    spec: RunSpec,
    instance: Instance,
    logs: Path,
    *,
    grace: float = GRACE,
    stop: Callable[[], bool] = lambda: False,
    on_phase: Callable[[str], None] = lambda _name: None,
) -> RunRecord | None:
    """Make one run in a process of its own.

    Parameters
    ----------
    spec
        What to run.
    instance
        The instance that it names.
    logs
        Folder for raw logs and for whatever the process prints; emptied first, and gone afterwards if
        there is nothing in it.
    grace
        See `outer_limit`.
    stop
        Asked ten times a second; when true, the run is given up.
    on_phase
        Told when a phase begins.

    Returns
    -------
    What came of it, whatever it was; None if it was given up: such a run never was.
    """
    shutil.rmtree(logs, ignore_errors=True)
    logs.mkdir(parents=True)
    worker = _Worker(spec, logs, on_phase)
    try:
        ended = worker.listen(time.monotonic() + outer_limit(spec, grace), stop)
    finally:
        worker.end()
    if not ended:
        shutil.rmtree(logs, ignore_errors=True)
        return None
    record = _judged(worker, RunRecord.blank(spec, instance))
    worker.tidy()
    return record


class _Worker:
    """The process of one run, in a group of its own that is killed as a whole."""

    def __init__(self, spec: RunSpec, logs: Path, on_phase: Callable[[str], None]) -> None:
        self.spec = spec
        self.killed = False
        self.returncode = 0
        self.started = datetime.now(UTC).isoformat(timespec="seconds")
        self._logs = logs
        self._on_phase = on_phase
        self._pipe, inherited = os.pipe()
        given = {name: str(spec.threads) for name in _THREADS if name not in os.environ}
        try:
            with (logs / "stdout.txt").open("wb") as stdout, self.stderr_path.open("wb") as stderr:
                self.spawned = time.monotonic()
                self._process = subprocess.Popen(  # noqa: S603 - our own module, no shell
                    [sys.executable, *_path_flag(), "-m", "nnff.bench.worker", str(inherited)],
                    stdin=subprocess.PIPE,
                    stdout=stdout,
                    stderr=stderr,
                    pass_fds=(inherited,),
                    start_new_session=True,
                    env=os.environ | given,
                )
        except BaseException:
            os.close(self._pipe)
            raise
        finally:
            os.close(inherited)
        self.ended = self.spawned
        self.heard = _Heard(marks=[("start", self.spawned)])
        order = {"spec": spec.model_dump(mode="json"), "spawned": self.spawned, "logs": str(logs)}
        assert self._process.stdin is not None
        # One that is dead already shows when it is listened to.  The pipe stays open: its end means
        # to the worker that this process is gone.
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            self._process.stdin.flush()

    @property
    def stderr_path(self) -> Path:
        """What the process wrote to standard error."""
        return self._logs / "stderr.txt"

    def listen(self, deadline: float, stop: Callable[[], bool]) -> bool:
        """Listen until the process ends or has to; False if it was given up."""
        while True:
            if stop():
                return False
            now = time.monotonic()
            if now > deadline:
                self.killed = True
                return True
            ready, _, _ = select.select([self._pipe], [], [], min(_TICK, deadline - now))
            if ready:
                data = os.read(self._pipe, 65536)
                if not data:
                    self._await_end()
                    return True
                phase = self.heard.phase
                self.heard.feed(data)
                if self.heard.phase != phase:
                    self._on_phase(self.heard.phase)
            elif self._is_over():
                # Over without an end of the pipe: something that it started still holds it.
                return True

    def end(self) -> None:
        """Kill what is left of the group, and reap the process."""
        # Its number cannot be reused before it has been reaped, so the group is its own.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self.returncode = self._process.wait()
        self.ended = time.monotonic()
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        os.close(self._pipe)

    def tidy(self) -> None:
        """Remove files that nothing was written to, and the folder if none is left."""
        for path in (self._logs / "stdout.txt", self.stderr_path):
            if path.stat().st_size == 0:
                path.unlink()
        with contextlib.suppress(OSError):
            self._logs.rmdir()

    def _await_end(self) -> None:
        """Give a process that has closed the pipe, as its end does, a moment to be over."""
        deadline = time.monotonic() + _FAREWELL
        while not self._is_over() and time.monotonic() < deadline:
            time.sleep(0.001)

    def _is_over(self) -> bool:
        return os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _judged(worker: _Worker, blank: RunRecord) -> RunRecord:
    """Make the record of a run that is over."""
    heard, spec = worker.heard, worker.spec
    farewell = worker.ended - heard.ended
    record, phases = blank, heard.phases(worker.ended)
    if heard.record is not None:
        record, phases = heard.record, dict(heard.record.phases)
        after = "finish" if heard.phase != "extra" or "extra" in phases else "extra"
        phases[after] = phases.get(after, 0.0) + farewell
        judged = Judgement(record.outcome, record.reason, record.detail + _afterwards(worker))
    elif heard.failure is not None:
        judged = Judgement(**heard.failure["failure"])
        phases = heard.failure["phases"] | {"finish": farewell}
    elif worker.killed:
        limit = f"{spec.time_limit:g} s"
        what = spec.backend or spec.strategy
        detail = (
            f"{what}: the process was killed after {worker.ended - worker.spawned:.1f} s in the phase "
            f"{heard.phase}; its time limit was {limit}"
        )
        judged = Judgement(Outcome.ERROR, KILLED, detail)
    else:
        stderr = worker.stderr_path.read_text(encoding="utf-8", errors="replace")
        judged = judge_death(worker.returncode, stderr, spec, heard.phase)
    return record.model_copy(
        update={
            "outcome": Outcome(judged.outcome),
            "reason": judged.reason,
            "detail": judged.detail,
            "total_seconds": worker.ended - worker.spawned,
            "phases": phases,
            "started": worker.started,
        }
    )


def _afterwards(worker: _Worker) -> str:
    """Say what went wrong once the answer was there."""
    if worker.killed:
        return f"; the process was killed afterwards in the phase {worker.heard.phase}"
    if worker.returncode != 0:
        return f"; the process ended afterwards with code {worker.returncode}"
    return ""


def _path_flag() -> list[str]:
    """Keep the working directory off the worker's module path unless it is on ours: ``-m`` would add it."""
    here = {"", os.getcwd()}  # noqa: PTH109 - compared with the text in sys.path
    return [] if here & set(sys.path) else ["-P"]
