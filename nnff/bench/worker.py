"""The process of one run: ``python -m nnff.bench.worker DESCRIPTOR``, started by `nnff.bench.harness`.

Reads an `Order` as one line of JSON from standard input, makes the run, and writes messages, one JSON
object a line, to the file descriptor (not to standard output, where solvers print):

* ``{"phase": name, "at": seconds}`` whenever another phase begins, so that it is known where a run died;
* ``{"record": text, "ended": seconds}`` once there is a certificate, and again with the extra numbers;
* ``{"failure": {"outcome": ..., "reason": ..., "detail": ...}, "phases": {...}, "ended": seconds}`` else.

Times are those of the system's monotonic clock, which all processes share.  The end of standard input
means that the parent is gone: then this process, and all that it started, ends too.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import sys
import threading
import time
import traceback
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from nnff.bench.record import RunRecord, RunSpec, Sizes
from nnff.bench.suite import load_suite
from nnff.bench.verdict import judge_certificate, judge_error, termination_text
from nnff.certification import certify
from nnff.certification.witness import replay_error
from nnff.solver.child import SolverChild

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nnff.bench.instance import Instance, Question
    from nnff.certification import Certificate, CertifyProgress

__all__ = ["main", "peak_memory"]


@dataclass
class _Laps:
    """Splits the time since the parent started this process into phases, without a gap between them."""

    last: float
    phases: dict[str, float] = field(default_factory=dict)

    def end(self, phase: str) -> float:
        """Book the time since the last call, and return it."""
        now = time.monotonic()
        seconds, self.last = now - self.last, now
        self.phases[phase] = self.phases.get(phase, 0.0) + seconds
        return seconds


class _Reporter:
    """Writes messages to the parent; called from any thread."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lock = threading.Lock()
        self._phase = ""

    def say(self, message: Mapping[str, Any]) -> None:
        data = memoryview(json.dumps(message).encode() + b"\n")
        with self._lock:
            while data:
                data = data[os.write(self._descriptor, data) :]

    def phase(self, name: str) -> None:
        """Tell that a phase has begun; the same one again is no news."""
        if name != self._phase:
            self._phase = name
            self.say({"phase": name, "at": time.monotonic()})

    def progress(self, progress: CertifyProgress) -> None:
        self.phase(progress.phase)


def main(arguments: list[str]) -> NoReturn:
    """Make one run and end the process."""
    reporter = _Reporter(int(arguments[0]))
    order = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_die_with_parent, daemon=True).start()
    spec = RunSpec.model_validate(order["spec"])
    if spec.memory_limit is not None:
        resource.setrlimit(resource.RLIMIT_AS, (spec.memory_limit, spec.memory_limit))
    laps = _Laps(order["spawned"])
    laps.end("start")
    try:
        _run(spec, Path(order["logs"]), reporter, laps)
    except BaseException as error:  # noqa: BLE001 - whatever it is, the parent is told
        _fail(error, spec, reporter, laps)
        _leave(1)
    _leave(0)


def _run(spec: RunSpec, logs: Path, reporter: _Reporter, laps: _Laps) -> None:
    reporter.phase("read")
    instance = load_suite(spec.suite, full=spec.full).instance(spec.instance)
    question = instance.build()
    laps.end("read")
    certificate = certify(
        question.network,
        question.domain,
        question.metric,
        question.epsilon,
        solver=spec.backend or "",
        strategy=spec.strategy,
        delta=spec.delta,
        scale=question.scale,
        gap=spec.gap,
        time_limit=spec.time_limit,
        threads=spec.threads,
        seed=spec.seed,
        data=question.data,
        on_progress=reporter.progress,
        solver_options=spec.solver_options,
        logs=logs,
    )
    # What the certificate does not account for is the making of the certificate.
    whole = laps.end("other")
    laps.phases["other"] = 0.0
    for name, seconds in certificate.phases.items():
        laps.phases[name] = laps.phases.get(name, 0.0) + seconds
    laps.phases["other"] += max(0.0, whole - sum(certificate.phases.values()))
    memory = peak_memory()
    record = _record(spec, instance, question, certificate, logs).model_copy(
        update={"peak_memory": memory, "peak_memory_children": SolverChild.peak_memory}
    )
    laps.end("finish")
    _send(record, reporter, laps)
    if instance.extra is not None:
        # The answer has been sent: whatever happens to the extra numbers, it counts.
        reporter.phase("extra")
        update = _extra(instance, question, record)
        laps.end("extra")
        _send(record.model_copy(update=update), reporter, laps)


def _extra(instance: Instance, question: Question, record: RunRecord) -> dict[str, Any]:
    assert instance.extra is not None
    try:
        numbers = instance.extra(question)  # noqa: S610 - no database in sight
        return {"extra": {name: float(value) for name, value in numbers.items()}}
    except Exception as error:  # noqa: BLE001 - the suite's own code; told in the record
        traceback.print_exc()
        trouble = f"the extra numbers failed: {type(error).__name__}: {error}"
        return {"detail": f"{record.detail}; {trouble}" if record.detail else trouble}


def _record(
    spec: RunSpec, instance: Instance, question: Question, certificate: Certificate, logs: Path
) -> RunRecord:
    judged = judge_certificate(certificate, spec, logs)
    problem = question.problem()
    runs = certificate.runs
    last = runs[-1] if runs else None
    nodes = [run.nodes for run in runs if run.nodes is not None]
    encoding = certificate.encoding
    sizes = Sizes(
        inputs=problem.network.n_inputs,
        neurons=sum(
            layer.n_outputs for layer in problem.network.layers if layer.activation_name != "identity"
        ),
        **({} if encoding is None else encoding.model_dump(exclude={"fingerprint"})),
    )
    return RunRecord.blank(spec, instance).model_copy(
        update={
            "outcome": judged.outcome,
            "reason": judged.reason,
            "detail": judged.detail,
            "verdict": None if certificate.verdict is None else certificate.verdict.value,
            "trust": certificate.trust.value,
            "delta_lower": certificate.delta_lower,
            "delta_upper": certificate.delta_upper,
            "gap": certificate.gap,
            "closed_form": certificate.closed_form,
            "delta_data": certificate.delta_data,
            "rounding": 0.0 if certificate.witness is None else replay_error(problem, certificate.witness),
            "seconds": certificate.seconds,
            "bracket": certificate.bracket,
            "nodes": sum(nodes) if nodes else None,
            "rounds": certificate.rounds,
            "sizes": sizes,
            "termination": "" if last is None else termination_text(last.termination, last.limit),
            "raw_status": "" if last is None else last.raw_status,
            "solver_version": "" if last is None else last.version,
            "solver_applied": {} if last is None else last.options,
            "instance_fingerprint": problem.fingerprint,
            "encoding_fingerprint": "" if encoding is None else encoding.fingerprint,
        }
    )


def _send(record: RunRecord, reporter: _Reporter, laps: _Laps) -> None:
    whole = record.model_copy(update={"phases": laps.phases})
    reporter.say({"record": whole.model_dump_json(), "ended": laps.last})


def _fail(error: BaseException, spec: RunSpec, reporter: _Reporter, laps: _Laps) -> None:
    certifying = "read" in laps.phases
    judged = judge_error(error, spec, certifying=certifying)
    laps.end("other" if certifying else "read")
    failure = asdict(judged)
    del error
    reporter.say({"failure": failure, "phases": laps.phases, "ended": laps.last})
    traceback.print_exc()


def _leave(code: int) -> NoReturn:
    """End at once: a solver's thread that was left behind must not hold up, or spoil, the end."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()
    os._exit(code)


def _die_with_parent() -> None:
    # Not through sys.stdin: its lock would be held for ever.
    while os.read(0, 1024):
        pass
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpgrp(), signal.SIGKILL)
    os._exit(1)


def peak_memory() -> int:
    """Return the largest resident set of this process so far, in bytes.

    Linux tells it for the program that runs now; what `resource` tells begins
    with what was inherited from the process that started it.
    """
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(most * (1 if sys.platform == "darwin" else 1024))


if __name__ == "__main__":
    main(sys.argv[1:])
