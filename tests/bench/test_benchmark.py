"""A whole benchmark: killed at any point and taken up again, shared, interrupted, made once more."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from nnff.bench import Instance, Outcome, RunSpec, Suite
from nnff.bench import benchmark as benchmark_module
from nnff.bench.benchmark import Benchmark, Happening, Rerun, due_runs, mixed_environments
from nnff.bench.store import Store
from nnff.errors import ConfigError
from nnff.solver import SolveControl

RUNS = 12


def suite():
    return Suite("tiny", "one", (Instance("one", lambda: None, 0.1, "l_1"),), ("highs",))


def spec(seed, backend="highs"):
    return RunSpec(
        suite="tiny",
        instance="one",
        strategy="relational",
        backend=backend,
        seed=seed,
        time_limit=9,
        gap=0.01,
    )


SPECS = tuple(spec(seed) for seed in range(RUNS))

TIME, FAILED = (Outcome.OPEN, "time limit"), (Outcome.ERROR, "solver failed")


@pytest.fixture
def made(monkeypatch, run):
    """Runs are made up at once: the list of what was made; `outcomes` says what comes of which seed."""

    class Made(list):
        outcomes: dict[int, tuple[Outcome, str]] = {}  # noqa: RUF012 - one per test
        during = staticmethod(lambda _spec, _stop: None)

    made = Made()

    def make_run(spec, _instance, logs, *, grace, stop, on_phase):
        on_phase("solve")
        made.during(spec, stop)
        if stop():
            return None
        made.append(spec.seed)
        outcome, reason = made.outcomes.get(spec.seed, (Outcome.CLOSED, "gap closed"))
        return run(1.0, outcome, reason=reason, **spec.model_dump(exclude={"gap"}))

    monkeypatch.setattr(benchmark_module, "make_run", make_run)
    return made


def benchmark(store, specs=SPECS, **more):
    return Benchmark(suite(), specs, store, **more)


def go(folder, specs=SPECS, *, control=None, on_news=lambda _news: None, **more):
    store = Store(folder)
    made = benchmark(store, specs, **more)
    made.run(SolveControl() if control is None else control, on_news)
    return made


def test_runs_are_made_in_order_and_never_twice(tmp_path, made):
    first = go(tmp_path)
    assert made == [*range(RUNS)]
    assert [record.key for record in first.records] == [spec.key for spec in SPECS]
    assert all(record.attempt == 1 and record.environment["source"] for record in first.records)
    second = go(tmp_path)
    assert made == [*range(RUNS)]
    assert second.records == first.records
    # More seeds are added to what is there.
    go(tmp_path, (*SPECS, spec(99)))
    assert made == [*range(RUNS), 99]


def test_what_happens_is_told(tmp_path, made):
    told = []
    go(tmp_path, SPECS[:1], on_news=told.append)
    whats = [(news.what, news.phase) for news in told]
    assert whats == [(Happening.BEGUN, ""), (Happening.PHASE, "solve"), (Happening.ENDED, "")]
    assert told[-1].record.key == SPECS[0].key


@pytest.mark.parametrize(
    ("rerun", "again"),
    [(Rerun.NONE, []), (Rerun.TIMEOUTS, [3, 4]), (Rerun.ERRORS, [5]), (Rerun.ALL, [*range(RUNS)])],
)
def test_finished_runs_are_made_once_more_if_that_is_asked_for_and_only_once(tmp_path, made, rerun, again):
    made.outcomes = {3: TIME, 4: TIME, 5: FAILED}
    go(tmp_path)
    made.clear()
    # They do not end any better, and are not made a third time for that.
    records = go(tmp_path, rerun=rerun).records
    assert made == again
    assert {record.spec.seed for record in records if record.attempt == 2} == set(again)
    assert {record.attempt for record in records} <= {1, 2}


def test_two_that_make_runs_once_more_together_make_each_once(tmp_path, made):
    made.outcomes = dict.fromkeys(range(RUNS), TIME)
    go(tmp_path)
    made.clear()
    second = []

    def during(spec, _stop):
        # When the first is at its fourth run, another one is started with the same wish, and goes through.
        if spec.seed == 3 and not second:
            second.append(True)
            thread = threading.Thread(target=go, args=(tmp_path,), kwargs={"rerun": Rerun.TIMEOUTS})
            thread.start()
            while made.count(RUNS - 1) == 0:
                time.sleep(0.001)
            second.append(thread)

    made.during = during
    go(tmp_path, rerun=Rerun.TIMEOUTS)
    second[1].join()
    assert Counter(made) == dict.fromkeys(range(RUNS), 1)


def test_a_run_that_somebody_else_is_at_is_left_to_them_and_waited_for(tmp_path, made, run):
    other = Store(tmp_path)
    claim = other.claim(SPECS[0].key)
    told = []

    def on_news(news):
        told.append((news.what, news.spec.seed))
        if (news.what, news.spec.seed) == (Happening.ENDED, RUNS - 1):
            other.append(run(1.0, **SPECS[0].model_dump(exclude={"gap"})))
            claim.release()

    records = go(tmp_path, on_news=on_news).records
    assert made == [*range(1, RUNS)]
    assert told[-1] == (Happening.ELSEWHERE, 0)
    assert len(records) == RUNS


def test_a_run_whose_maker_dies_is_taken_over(tmp_path, made):
    claim = Store(tmp_path).claim(SPECS[0].key)

    def on_news(news):
        if (news.what, news.spec.seed) == (Happening.ENDED, RUNS - 1):
            claim.release()

    go(tmp_path, on_news=on_news)
    assert made == [*range(1, RUNS), 0]


def test_several_jobs_share_the_work(tmp_path, made):
    under_way, most = set(), [0]

    def during(spec, _stop):
        under_way.add(spec.seed)
        most[0] = max(most[0], len(under_way))
        if spec.seed < 3:
            while len(under_way) < 3 and most[0] < 3:
                time.sleep(0.001)
        under_way.discard(spec.seed)

    made.during = during
    records = go(tmp_path, jobs=3).records
    assert most == [3]
    assert sorted(made) == [*range(RUNS)]
    assert all(record.environment["jobs"] == 3 for record in records)


def test_an_interruption_gives_up_the_run_under_way_and_keeps_the_others(tmp_path, made):
    control = SolveControl()
    told = []

    def during(spec, stop):
        if spec.seed == 4:
            control.interrupt()
            assert stop()

    made.during = during
    records = go(tmp_path, control=control, on_news=lambda news: told.append(news.what)).records
    assert [record.spec.seed for record in records] == [0, 1, 2, 3]
    assert told[-1] is Happening.GIVEN_UP
    made.during = lambda _spec, _stop: None
    go(tmp_path)
    assert made == [*range(RUNS)]


def test_a_record_that_cannot_be_written_ends_the_benchmark_with_one_error(tmp_path, made, monkeypatch):
    def fsync(_descriptor):
        raise OSError(28, "No space left on device")

    def during(spec, _stop):
        if spec.seed == 4:
            monkeypatch.setattr(os, "fsync", fsync)

    made.during = during
    with pytest.raises(ConfigError, match="No space left on device"):
        go(tmp_path)
    monkeypatch.undo()
    assert made == [0, 1, 2, 3, 4]
    store = Store(tmp_path)
    store.refresh()
    assert [record.spec.seed for record in store.records] == [0, 1, 2, 3]


def test_a_change_of_the_source_while_runs_are_made_is_in_their_records(tmp_path, made, monkeypatch):
    monkeypatch.setattr(benchmark_module, "source_hash", lambda: "old" if len(made) < 3 else "new")
    ended = go(tmp_path, SPECS[:4])
    assert [record.environment["source"] for record in ended.records] == ["old", "old", "new", "new"]
    warnings = mixed_environments(ended.records, ended.environment | {"source": "new"})
    (warning,) = warnings
    assert warning == (
        "2 of the 4 runs in the folder come from another environment: "
        "the source of nnff or of a plugin was another one"
    )


def test_what_is_due_can_be_told_without_beginning(tmp_path, made):
    store = Store(tmp_path)
    assert due_runs(SPECS, store) == SPECS
    made.outcomes = {3: TIME}
    go(tmp_path, SPECS[:5])
    store.refresh()
    assert due_runs(SPECS, store) == SPECS[5:]
    assert due_runs(SPECS, store, Rerun.TIMEOUTS) == (SPECS[3], *SPECS[5:])


# A process that makes benchmarks on demand, each in a fork of its own so that nothing is imported twice:
# reads a folder, prints the number of the fork, and its exit code when told "wait".
ZYGOTE = """
import json, os, sys, time
from pathlib import Path
import nnff.bench.benchmark as module
from nnff.bench import Instance, Outcome, RunRecord, RunSpec, Suite
from nnff.bench.store import Store
from nnff.solver import SolveControl

suite = Suite("tiny", "one", (Instance("one", lambda: None, 0.1, "l_1"),), ("highs",))
specs = [RunSpec.model_validate(spec) for spec in json.loads(sys.argv[1])]

def make_run(spec, instance, logs, **_):
    logs.mkdir(parents=True, exist_ok=True)
    time.sleep(0.004)
    # Long lines, so that writing them takes its time.
    return RunRecord.blank(spec, instance).model_copy(update={"detail": "x" * 200_000})

module.make_run = make_run
for line in sys.stdin:
    pid = os.fork()
    if pid == 0:
        module.Benchmark(suite, specs, Store(Path(line.strip()))).run(SolveControl())
        os._exit(0)
    print(pid, flush=True)
"""


@pytest.fixture(scope="module")
def zygote():
    """Begin a benchmark of `SPECS` in a folder: ``zygote(folder)`` returns its process id."""
    plans = json.dumps([spec.model_dump(mode="json") for spec in SPECS])
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", ZYGOTE, plans],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

    def begin(folder):
        process.stdin.write(f"{folder}\n")
        process.stdin.flush()
        return int(process.stdout.readline())

    with process:
        begin.process = process
        yield begin
        process.kill()


def over(pid):
    """Whether a fork of the zygote has ended; it stays a zombie."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def seen_in(folder):
    store = Store(folder)
    store.refresh()
    return store


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
@pytest.mark.parametrize("at_once", [1, 2])
def test_killed_at_any_point_nothing_is_lost_and_nothing_repeated(tmp_path, zygote, at_once):
    generator = random.Random(at_once)
    path = tmp_path / "runs.jsonl"
    before, kills = [], 0
    while len(before) < RUNS:
        size = path.stat().st_size if path.exists() else 0
        pids = [zygote(tmp_path) for _ in range(at_once)]
        # Somewhere behind the first line that is added: in the next run, in its writing, or between the two.
        while not (path.exists() and path.stat().st_size > size) and not all(over(pid) for pid in pids):
            time.sleep(0.0005)
        until = time.monotonic() + generator.uniform(0.0, 0.03)
        while time.monotonic() < until:
            pass
        kills += sum(not over(pid) for pid in pids)
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        while not all(over(pid) for pid in pids):
            time.sleep(0.0005)
        store = seen_in(tmp_path)
        # What was finished is still there, as it was.
        assert store.records[: len(before)] == before
        assert len(store.records) > len(before)
        before = store.records
    assert kills >= 3
    assert Counter(record.spec.seed for record in before) == dict.fromkeys(range(RUNS), 1)
    assert all(record.attempt == 1 for record in before)
    assert len(before[0].detail) == 200_000
    # Nothing is left to be made.
    pid = zygote(tmp_path)
    while not over(pid):
        time.sleep(0.0005)
    assert seen_in(tmp_path).records == before
