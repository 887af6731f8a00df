"""Outcomes: from real certificates, from exceptions, from the ways in which processes die."""

from __future__ import annotations

import math

import pytest

from nnff import certify
from nnff.bench import Outcome, RunRecord, RunSpec
from nnff.bench.verdict import (
    KILLED,
    UNSUITABLE,
    judge_certificate,
    judge_death,
    judge_error,
    out_of_time,
    short_of_memory,
)
from nnff.certification import Reason
from nnff.errors import DataError, ProblemError, UnsupportedOptionError

pytestmark = pytest.mark.usefixtures("bench_lab")


def spec(**more):
    settings = {"suite": "lab", "instance": "net", "strategy": "relational", "backend": "highs", "seed": 0}
    return RunSpec(**(settings | {"time_limit": 60.0, "gap": 0.01} | more))


def judged(logs=None, **more):
    """Certify in this process and judge."""
    import bench_lab

    asked, question = spec(**more), bench_lab.question()
    certificate = certify(
        question.network,
        question.domain,
        question.metric,
        question.epsilon,
        solver=asked.backend,
        delta=asked.delta,
        gap=asked.gap,
        time_limit=asked.time_limit,
    )
    return judge_certificate(certificate, asked, logs), certificate


@pytest.mark.parametrize(
    ("settings", "outcome", "reason"),
    [
        ({}, Outcome.CLOSED, "gap closed"),
        ({"delta": 50.0}, Outcome.CERTIFIED, "decided"),
        ({"delta": 0.0}, Outcome.VIOLATED, "decided"),
        ({"time_limit": 1e-3, "gap": 0.0}, Outcome.OPEN, "time limit"),
        ({"backend": "lab-raises"}, Outcome.ERROR, "solver failed"),
        ({"backend": "lab-lies"}, Outcome.ERROR, "inconsistent"),
        ({"backend": "lab-full"}, Outcome.OUT_OF_MEMORY, "the solver reached its memory limit"),
        # It reaches the limit as well, but the question is answered without it.
        ({"backend": "lab-full", "delta": 50.0}, Outcome.CERTIFIED, "decided"),
    ],
)
def test_what_a_certificate_says(settings, outcome, reason):
    judgement, certificate = judged(**settings)
    assert (judgement.outcome, judgement.reason) == (outcome, reason)
    if outcome is Outcome.ERROR:
        assert settings["backend"] in judgement.detail
    else:
        assert judgement.detail == certificate.detail


def test_a_delta_between_the_bounds_is_undecided_and_the_reason_is_told():
    _, certificate = judged(time_limit=1e-3, gap=0.0)
    middle = (certificate.delta_lower + certificate.delta_upper) / 2
    judgement, _ = judged(time_limit=1e-3, gap=0.0, delta=middle)
    assert (judgement.outcome, judgement.reason) == (Outcome.UNDECIDED, "time limit")


def test_a_bracket_that_is_narrow_enough_is_closed_whatever_stopped_it():
    _, certificate = judged()
    stopped = certificate.model_copy(update={"reason": Reason.NO_PROGRESS, "gap": 0.005})
    assert judge_certificate(stopped, spec(gap=0.005)).outcome is Outcome.CLOSED
    assert judge_certificate(stopped, spec(gap=0.004)).outcome is Outcome.OPEN


def test_a_failure_after_a_violation_does_not_count_as_the_solvers():
    _, certificate = judged(delta=0.0)
    failed = certificate.model_copy(update={"reason": Reason.SOLVER_FAILED, "detail": "it fell over"})
    judgement = judge_certificate(failed, spec(delta=0.0))
    assert (judgement.outcome, judgement.detail) == (Outcome.ERROR, "highs: it fell over")


def test_a_solver_that_died_may_have_said_in_its_log_of_what(tmp_path):
    (tmp_path / "round-001-x.log").write_text("terminate called after throwing ... 'std::bad_alloc'\n")
    judgement, _ = judged(logs=tmp_path, backend="lab-raises")
    assert judgement.outcome is Outcome.OUT_OF_MEMORY
    (tmp_path / "round-001-x.log").write_text("memory used: 3 MB\n")
    judgement, _ = judged(logs=tmp_path, backend="lab-raises")
    assert judgement.outcome is Outcome.ERROR
    # Without enough of it, a contradiction is still one.
    (tmp_path / "round-001-x.log").write_text("out of memory\n")
    judgement, _ = judged(logs=tmp_path, backend="lab-lies")
    assert judgement.outcome is Outcome.ERROR


@pytest.mark.parametrize(
    ("error", "certifying", "outcome", "reason", "detail"),
    [
        (ProblemError("not finite"), True, Outcome.ERROR, UNSUITABLE, "not finite"),
        (UnsupportedOptionError("no threads"), True, Outcome.ERROR, UNSUITABLE, "no threads"),
        # The suite's own mistake, not a question that does not suit.
        (ProblemError("two outputs"), False, Outcome.ERROR, "failed", "two outputs"),
        (DataError("no data"), False, Outcome.ERROR, "failed", "no data"),
        (KeyError("x"), True, Outcome.ERROR, "failed", "KeyError: 'x'"),
        (MemoryError(), True, Outcome.OUT_OF_MEMORY, "out of memory", "MemoryError: "),
        (OSError(12, "Cannot allocate memory"), True, Outcome.OUT_OF_MEMORY, "out of memory", None),
    ],
)
def test_what_an_exception_says(error, certifying, outcome, reason, detail):
    judgement = judge_error(error, spec(), certifying=certifying)
    assert (judgement.outcome, judgement.reason) == (outcome, reason)
    if detail is not None:
        assert judgement.detail == detail


@pytest.mark.parametrize(
    ("code", "stderr", "outcome", "reason"),
    [
        (-9, "", Outcome.OUT_OF_MEMORY, "killed by signal 9"),
        (-11, "", Outcome.ERROR, "the process ended with signal 11"),
        (-6, "terminate called ...\nwhat():  std::bad_alloc", Outcome.OUT_OF_MEMORY, "out of memory"),
        (1, "Traceback ...\nMemoryError", Outcome.OUT_OF_MEMORY, "out of memory"),
        (1, "Traceback ...\nKeyError: 'x'", Outcome.ERROR, "the process ended with exit code 1"),
        (0, "", Outcome.ERROR, "the process ended with exit code 0"),
    ],
)
def test_what_the_end_of_a_process_says(code, stderr, outcome, reason):
    judgement = judge_death(code, stderr, spec(), "solve")
    assert (judgement.outcome, judgement.reason) == (outcome, reason)
    assert "in the phase solve" in judgement.detail
    if outcome is Outcome.ERROR and stderr:
        assert judgement.detail.endswith(": KeyError: 'x'")


def test_no_room_for_a_thread_is_no_memory_only_under_a_limit():
    text = "RuntimeError: can't start new thread"
    assert short_of_memory(text, limited=True)
    assert not short_of_memory(text)
    assert judge_error(RuntimeError(text), spec(memory_limit=1), certifying=True).outcome is (
        Outcome.OUT_OF_MEMORY
    )


def record(outcome, reason, termination=""):
    asked = spec()
    return RunRecord(
        key=asked.key, spec=asked, outcome=outcome, reason=reason, termination=termination, gap=math.inf
    )


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (record(Outcome.OPEN, "time limit"), True),
        (record(Outcome.UNDECIDED, "time limit"), True),
        (record(Outcome.OPEN, "no progress", "limit (time)"), True),
        (record(Outcome.ERROR, KILLED), True),
        (record(Outcome.OPEN, "no progress", "limit (nodes)"), False),
        (record(Outcome.OPEN, "no progress", "optimal"), False),
        (record(Outcome.ERROR, "solver failed"), False),
        (record(Outcome.OUT_OF_MEMORY, "out of memory"), False),
        # An answer is an answer, however the last solve ended.
        (record(Outcome.CLOSED, "gap closed", "limit (time)"), False),
    ],
)
def test_out_of_time(made, expected):
    assert out_of_time(made) is expected
