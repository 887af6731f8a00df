"""How a run ended: from a certificate, from an exception, or from the death of its process, to an outcome."""

from __future__ import annotations

import re
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nnff.bench.record import Outcome
from nnff.certification.certificate import Reason, Verdict
from nnff.errors import NnffError, ProblemError, UnsupportedOptionError
from nnff.solver import Limit

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from nnff.bench.record import RunRecord, RunSpec
    from nnff.certification.certificate import Certificate

__all__ = [
    "KILLED",
    "UNSUITABLE",
    "Judgement",
    "judge_certificate",
    "judge_death",
    "judge_error",
    "out_of_time",
    "short_of_memory",
]

KILLED = "killed: far beyond its time limit"
"""Reason of a run that was stopped from outside."""

UNSUITABLE = "does not apply"
"""Reason of a run whose strategy or solver cannot be asked this question."""

_FAILED = frozenset({Reason.SOLVER_FAILED, Reason.INCONSISTENT})
_REACHED = frozenset({Reason.GAP_CLOSED, Reason.EXHAUSTED})
_DECIDED = {Verdict.CERTIFIED: Outcome.CERTIFIED, Verdict.VIOLATED: Outcome.VIOLATED}

_MEMORY = re.compile(
    "bad_alloc|MemoryError|Cannot allocate memory|Memory allocation still failed"
    "|(?i:out of|insufficient|not enough) memory"
)
"""What C++, Python, solvers and the system say when there is no more memory."""

_UNDER_LIMIT = re.compile("can't start new thread|failed to map segment|Resource temporarily unavailable")
"""What it can look like when the address space is limited: no room for a thread or a library."""

_LOG_TAIL = 65536


@dataclass(frozen=True)
class Judgement:
    """An outcome with its reason in a few words, and the details in a sentence."""

    outcome: Outcome
    reason: str
    detail: str = ""


def judge_certificate(certificate: Certificate, spec: RunSpec, logs: Path | None = None) -> Judgement:
    """Judge a run that came to a certificate.

    Parameters
    ----------
    certificate
        What came of it.
    spec
        What was asked.
    logs
        Folder of the solver's raw logs: a solver that died may have said there of what.
    """
    reason, detail = certificate.reason, certificate.detail
    if reason in _FAILED:
        # A bracket is left, but the run does not count as one of this solver.
        named = detail if spec.backend in detail else f"{spec.backend}: {detail}"
        if reason is Reason.SOLVER_FAILED and _died_of_memory(certificate, spec, logs):
            return Judgement(Outcome.OUT_OF_MEMORY, "the solver ran out of memory", named)
        return Judgement(Outcome.ERROR, reason.value, named)
    if spec.delta is not None:
        outcome = Outcome.UNDECIDED
        if certificate.verdict is not None:
            outcome = _DECIDED.get(certificate.verdict, Outcome.UNDECIDED)
    else:
        closed = reason in _REACHED or certificate.gap <= spec.gap
        outcome = Outcome.CLOSED if closed else Outcome.OPEN
    if not outcome.solved and any(run.limit == Limit.MEMORY for run in certificate.runs):
        return Judgement(Outcome.OUT_OF_MEMORY, "the solver reached its memory limit", detail)
    return Judgement(outcome, reason.value, detail)


def judge_error(error: BaseException, spec: RunSpec, *, certifying: bool) -> Judgement:
    """Judge a run that ended with an exception.

    Parameters
    ----------
    error
        The exception.
    spec
        What was asked.
    certifying
        Whether the question had been built, so that what is wrong lies in asking it.
    """
    text = str(error)
    if certifying and isinstance(error, ProblemError | UnsupportedOptionError):
        return Judgement(Outcome.ERROR, UNSUITABLE, text)
    named = text if isinstance(error, NnffError) else f"{type(error).__name__}: {text}"
    if isinstance(error, MemoryError) or short_of_memory(named, limited=spec.memory_limit is not None):
        return Judgement(Outcome.OUT_OF_MEMORY, "out of memory", named)
    return Judgement(Outcome.ERROR, "failed", named)


def judge_death(returncode: int, stderr: str, spec: RunSpec, phase: str) -> Judgement:
    """Judge a run whose process ended without a word.

    Parameters
    ----------
    returncode
        Exit code, or minus the number of the signal.
    stderr
        What it wrote there.
    spec
        What was asked.
    phase
        What it was doing.
    """
    lines = stderr.strip().splitlines()
    last = f": {lines[-1].strip()}" if lines else ""
    if returncode == -signal.SIGKILL:
        # Nobody here has sent it, and the system does so when memory runs out.
        detail = f"the process was killed in the phase {phase}, presumably by the system"
        return Judgement(Outcome.OUT_OF_MEMORY, "killed by signal 9", detail)
    how = f"exit code {returncode}" if returncode >= 0 else f"signal {-returncode}"
    detail = f"the process ended in the phase {phase} with {how}{last}"
    if short_of_memory(stderr, limited=spec.memory_limit is not None):
        return Judgement(Outcome.OUT_OF_MEMORY, "out of memory", detail)
    return Judgement(Outcome.ERROR, f"the process ended with {how}", detail)


def short_of_memory(text: str, *, limited: bool = False) -> bool:
    """Tell whether a message or log says that memory ran out; `limited`: under a limit of address space."""
    return bool(_MEMORY.search(text) or (limited and _UNDER_LIMIT.search(text)))


def out_of_time(record: RunRecord) -> bool:
    """Tell whether a run has no answer because there was no more time."""
    if record.outcome.solved:
        return False
    return record.reason in (Reason.TIME_LIMIT, KILLED) or record.termination == termination_text(
        "limit", Limit.TIME
    )


def termination_text(termination: str, limit: str | None) -> str:
    """Return why a solve ended, with the limit that it reached: ``"limit (time)"``."""
    return f"{termination} ({limit})" if limit else termination


def _died_of_memory(certificate: Certificate, spec: RunSpec, logs: Path | None) -> bool:
    limited = spec.memory_limit is not None
    said: Sequence[str] = [f"{run.message}\n{run.raw_status}" for run in certificate.runs]
    if any(run.limit == Limit.MEMORY for run in certificate.runs):
        return True
    files = sorted(logs.glob("*.log")) if logs is not None and logs.is_dir() else []
    tails = [path.read_bytes()[-_LOG_TAIL:].decode(errors="replace") for path in files]
    return any(short_of_memory(text, limited=limited) for text in (*said, *tails))
