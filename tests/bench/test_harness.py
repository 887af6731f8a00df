"""Runs in processes of their own: what comes of those that end well, and of all the others."""

from __future__ import annotations

import math
import os
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from nnff import certify
from nnff.bench import Outcome, RunSpec, load_suite
from nnff.bench.harness import make_run, outer_limit
from nnff.bench.verdict import KILLED, UNSUITABLE, out_of_time

SCARCE = 3 * 2**30

# name: instance, backend, and what differs from the usual
RUNS = {
    "whole": ("sleepy", "highs", {"full": True}),
    "child": ("net", "cbc", {"memory_limit": SCARCE}),
    "grid": ("grid", "", {"strategy": "exhaustive"}),
    "unsuitable": ("net", "", {"strategy": "exhaustive"}),
    "exits": ("net", "lab-exits", {}),
    "killed": ("net", "lab-killed", {}),
    "broken": ("broken", "highs", {}),
    "eats": ("net", "lab-eats", {"memory_limit": SCARCE}),
    "greedy": ("greedy", "highs", {"memory_limit": SCARCE}),
    "stuck": ("stuck", "highs", {"time_limit": 0.5, "grace": 3.0}),
    "prints": ("extra-fails", "lab-shouts", {}),
    "crashes": ("extra-crashes", "highs", {}),
}


def make(logs, instance, backend, **more):
    """Make a run of the lab."""
    settings = {"strategy": "relational", "seed": 0, "time_limit": 60.0, "gap": 0.01}
    keywords = {name: more.pop(name) for name in ("grace", "stop", "on_phase") if name in more}
    asked = load_suite("lab", full=more.get("full", False)).instance(instance)
    spec = RunSpec(suite="lab", instance=instance, backend=backend, delta=asked.delta, **(settings | more))
    return make_run(spec, asked, logs, **keywords)


@pytest.fixture(scope="module")
def runs(bench_lab, tmp_path_factory):
    """All of `RUNS`, each with record, logs and what was heard; two at a time."""
    place = tmp_path_factory.mktemp("runs")

    def one(name):
        instance, backend, more = RUNS[name]
        heard = []
        before = time.monotonic()
        record = make(place / name, instance, backend, on_phase=heard.append, **more)
        wall = time.monotonic() - before
        return SimpleNamespace(record=record, logs=place / name, heard=heard, wall=wall)

    with ThreadPoolExecutor(2) as pool, pytest.MonkeyPatch.context() as patch:
        # A worker that finds its modules in the working directory fails.
        (bench_lab / "cwd").mkdir()
        (bench_lab / "cwd" / "numpy.py").write_text("raise RuntimeError('this is not numpy')\n")
        patch.chdir(bench_lab / "cwd")
        return dict(zip(RUNS, pool.map(one, RUNS), strict=True))


@pytest.mark.parametrize("name", RUNS)
def test_phases_make_up_the_whole_time(runs, name):
    record = runs[name].record
    assert sum(record.phases.values()) == pytest.approx(record.total_seconds, rel=0.02)
    assert min(record.phases.values()) >= 0
    assert record.phases["start"] > 0
    assert record.seconds <= record.total_seconds <= runs[name].wall


def test_a_run_that_ends_well(runs):
    record = runs["whole"].record
    assert record.outcome is Outcome.CLOSED
    assert record.reason == "gap closed"
    assert 0 < record.delta_lower <= record.delta_upper < math.inf
    assert record.gap <= 0.01
    assert record.key == record.spec.key
    assert record.phases["read"] >= 0.3
    assert {"start", "data", "ranges", "attack", "encode", "compile", "transfer"} <= set(record.phases)
    assert {"solve", "extract", "replay", "other", "extra", "finish"} <= set(record.phases)
    certifying = set(record.phases) - {"start", "read", "extra", "finish"}
    assert sum(record.phases[name] for name in certifying) >= record.seconds
    # The question, as the worker has built it.
    problem = load_suite("lab").instance("sleepy").build().problem()
    assert record.instance_fingerprint == problem.fingerprint
    assert len(record.encoding_fingerprint) == 64
    assert (record.sizes.inputs, record.sizes.neurons) == (2, 6)
    assert min(record.sizes.rows, record.sizes.columns, record.sizes.nonzeros) > 0
    assert record.delta_data >= 0
    # The solver.
    assert record.solver_version.count(".") == 2
    assert record.solver_applied["threads"] == 1
    assert record.termination
    assert record.rounds >= 1
    assert record.bracket[-1][1:] == (record.delta_lower, record.delta_upper)
    assert [at for at, _, _ in record.bracket] == sorted(at for at, _, _ in record.bracket)
    # More than any Python with numpy, and no children.
    assert 50 * 2**20 < record.peak_memory < 2**30
    assert record.peak_memory_children == 0
    assert [path.name for path in sorted(runs["whole"].logs.iterdir())] == [
        f"round-{number:03d}-highs.log" for number in range(1, record.rounds + 1)
    ]
    heard = runs["whole"].heard
    assert (heard[0], heard[-1]) == ("read", "extra")
    assert {"ranges", "attack", "encode", "solve"} <= set(heard)


def test_numbers_that_are_not_finite_come_back_from_the_file(runs):
    record = runs["whole"].record
    again = type(record).from_line(record.to_line())
    assert again.extra["inputs"] == 2
    assert math.isnan(again.extra["nothing"])
    assert again.extra["much"] == math.inf
    assert again.model_copy(update={"extra": {}}) == record.model_copy(update={"extra": {}})


def test_what_is_known_of_the_instance_is_in_every_record(runs):
    for name in ("child", "unsuitable", "killed"):
        record = runs[name].record
        assert (record.metric, record.epsilon, record.factors) == ("l_1", 1.0, {"width": 6})
        assert (record.known_lower, record.known_upper, record.known_source) == (0.0, 100.0, "thin air")


def test_the_same_question_gives_the_same_answer_in_another_process(runs):
    record = runs["crashes"].record
    question = load_suite("lab").instance("extra-crashes").build()
    here = certify(question.network, question.domain, question.metric, question.epsilon, gap=0.01)
    assert (record.delta_lower, record.delta_upper) == (here.delta_lower, here.delta_upper)
    assert record.rounds == here.rounds >= 1
    assert record.nodes == sum(run.nodes for run in here.runs)
    assert record.encoding_fingerprint == here.encoding.fingerprint
    assert record.sizes.nonzeros == here.encoding.nonzeros


def test_a_child_process_is_measured_apart_and_limits_that_are_not_reached_change_nothing(runs):
    record = runs["child"].record
    assert record.outcome is Outcome.CLOSED
    # CBC needs some ten megabytes; the process that started it a multiple, which must not count as its.
    assert 2**20 < record.peak_memory_children < record.peak_memory / 2


def test_a_finite_domain_needs_no_solver(runs):
    record = runs["grid"].record
    assert record.outcome is Outcome.CLOSED
    assert record.reason == "every point of the domain was evaluated"
    assert record.trust == "exhaustive"
    assert record.phases["enumerate"] > 0


def test_a_strategy_that_does_not_apply_is_told_and_not_a_crash(runs):
    record = runs["unsuitable"].record
    assert (record.outcome, record.reason) == (Outcome.ERROR, UNSUITABLE)
    assert "needs a finite domain" in record.detail
    assert (record.delta_lower, record.delta_upper) == (0.0, math.inf)


def test_a_process_that_dies_leaves_a_record_of_how_and_where(runs):
    record = runs["exits"].record
    assert record.outcome is Outcome.ERROR
    assert record.detail == "the process ended in the phase solve with exit code 3: my last words"
    assert {"start", "read", "attack", "encode", "solve"} <= set(record.phases)
    assert (runs["exits"].logs / "stderr.txt").read_text() == "something before\nmy last words\n"
    # The system kills when memory runs out, and so do people; this benchmark has not.
    record = runs["killed"].record
    assert (record.outcome, record.reason) == (Outcome.OUT_OF_MEMORY, "killed by signal 9")
    assert "in the phase solve" in record.detail


def test_an_instance_that_cannot_be_built_is_an_error_with_its_traceback_in_the_logs(runs):
    record = runs["broken"].record
    assert record.outcome is Outcome.ERROR
    assert record.detail == "ValueError: no such layer"
    assert "in broken" in (runs["broken"].logs / "stderr.txt").read_text()


def test_memory_that_runs_out_in_the_solver_and_elsewhere(runs):
    record = runs["eats"].record
    assert record.outcome is Outcome.OUT_OF_MEMORY
    assert "lab-eats" in record.detail
    assert record.delta_lower > 0
    record = runs["greedy"].record
    assert (record.outcome, record.reason) == (Outcome.OUT_OF_MEMORY, "out of memory")


def test_what_does_not_stop_is_killed(runs):
    record = runs["stuck"].record
    assert (record.outcome, record.reason) == (Outcome.ERROR, KILLED)
    assert "its time limit was 0.5 s" in record.detail
    assert out_of_time(record)
    assert record.total_seconds >= outer_limit(record.spec, 3.0)


def test_an_answer_counts_whatever_the_extra_numbers_do(runs):
    record = runs["prints"].record
    assert record.outcome is Outcome.CLOSED
    assert record.detail.endswith("; the extra numbers failed: ArithmeticError: one over nothing")
    assert record.extra == {}
    record = runs["crashes"].record
    assert record.outcome is Outcome.CLOSED
    assert record.detail.endswith("; the process ended afterwards with code -11")
    assert "extra" in record.phases


def test_what_a_solver_prints_is_kept_and_spoils_nothing(runs):
    assert "a banner" in (runs["prints"].logs / "stdout.txt").read_text()
    assert "a complaint" in (runs["prints"].logs / "stderr.txt").read_text()


@pytest.mark.usefixtures("bench_lab")
def test_a_run_that_is_given_up_leaves_nothing_behind(tmp_path):
    pid = tmp_path / "logs" / "pid"
    seen = []

    def stop():
        if pid.exists() and pid.read_text():
            seen.append(int(pid.read_text()))
        return bool(seen)

    assert make(tmp_path / "logs", "net", "lab-hangs", time_limit=600.0, stop=stop) is None
    assert not (tmp_path / "logs").exists()
    with pytest.raises(ProcessLookupError):
        os.kill(seen[0], 0)
