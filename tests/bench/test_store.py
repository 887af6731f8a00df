"""The folder of finished runs: whole lines whatever happens, and one maker per run."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnff.bench.store import Store, read_store
from nnff.errors import ConfigError, DataError


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "bench")


def fresh(store):
    """Another process's view of the folder."""
    other = Store(store.folder)
    other.refresh()
    return other


def test_what_is_written_is_read(store, run):
    records = [run(1.0, seed=seed, upper=float("inf")) for seed in range(3)]
    for record in records:
        store.append(record)
    other = fresh(store)
    assert other.records == records
    assert other.flaws == []
    assert other.latest(records[1].key) == records[1]
    assert other.latest("0" * 16) is None


def test_the_last_try_counts_and_all_are_kept(store, run):
    tries = [run(float(number), attempt=number) for number in (1, 2, 3)]
    for record in tries:
        store.append(record)
    other = fresh(store)
    assert other.latest(tries[0].key) == tries[2]
    assert other.records == tries
    assert other.last_tries == [tries[2]]


def test_reading_goes_on_where_it_stopped(store, run):
    other = fresh(store)
    for seed in range(3):
        store.append(run(seed=seed))
        other.refresh()
        assert [record.spec.seed for record in other.records] == [*range(seed + 1)]


def test_a_line_that_was_cut_off_is_told_with_its_number_and_the_next_one_is_whole(store, run):
    store.append(run(seed=0))
    with store.path.open("ab") as stream:
        stream.write(run(seed=1).to_line().encode()[:200])
    reader = fresh(store)
    assert [record.spec.seed for record in reader.records] == [0]
    assert reader.flaws == [
        "line 2 of runs.jsonl is incomplete and was left out: whoever wrote it was stopped in the middle"
    ]
    store.append(run(seed=2))
    # Whoever read the torn line before, and whoever comes new, see the same.
    reader.refresh()
    for seen in (reader, fresh(store)):
        assert [record.spec.seed for record in seen.records] == [0, 2]
        assert len(seen.flaws) == 1
        assert "line 2" in seen.flaws[0]


@given(cut=st.integers(0, 10_000), more=st.integers(0, 3))
def test_wherever_a_line_is_cut_nothing_else_is_lost(tmp_path_factory, run, cut, more):
    store = Store(tmp_path_factory.mktemp("cut"))
    try:
        store.append(run(seed=0))
        line = run(seed=1).to_line().encode()
        cut = min(cut, len(line))
        with store.path.open("ab") as stream:
            stream.write(line[:cut])
        for seed in range(more):
            store.append(run(seed=2 + seed))
        # A whole record that lacks its newline is a whole record.
        whole = cut >= len(line) - 1
        seen = fresh(store)
        expected = [0, *([1] if whole else []), *range(2, 2 + more)]
        assert [record.spec.seed for record in seen.records] == expected
        assert len(seen.flaws) == (0 if whole or cut == 0 else 1)
    finally:
        shutil.rmtree(store.folder)


def test_a_full_disk_takes_the_part_back_and_says_so(store, run):
    store.append(run(seed=0))
    size = store.path.stat().st_size
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    # The system writes a hundred bytes and then no more, as a full disk does.
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, before[1]))
    try:
        with pytest.raises(ConfigError, match=r"could not be added .*the disk took 100 of \d+ bytes"):
            store.append(run(seed=1))
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
        with pytest.raises(ConfigError, match=r"could not be added .*File too large"):
            store.append(run(seed=1))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert store.path.stat().st_size == size
    store.append(run(seed=2))
    seen = fresh(store)
    assert [record.spec.seed for record in seen.records] == [0, 2]
    assert seen.flaws == []


def test_a_disk_that_fails_to_keep_what_it_took_is_no_success(store, run, monkeypatch):
    store.append(run(seed=0))

    def fsync(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(ConfigError, match="No space left on device"):
        store.append(run(seed=1))
    assert [record.spec.seed for record in fresh(store).records] == [0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema_version": 2}, "line 2 of .* has the schema version 2, this nnff reads version 1"),
        ({"mood": "good"}, "line 2 of .* is not a record of this nnff .mood: "),
        ({"spec": {}}, "line 2 of .* is not a record of this nnff .spec.suite: "),
    ],
)
def test_a_line_of_another_schema_is_an_error_and_never_left_out(store, run, change, message):
    store.append(run(seed=0))
    line = json.loads(run(seed=1).to_line()) | change
    with store.path.open("a") as stream:
        stream.write(json.dumps(line) + "\n")
    with pytest.raises(DataError, match=message):
        fresh(store)


def test_a_line_that_is_json_but_no_object_is_an_error_too(store):
    store.folder.mkdir()
    store.path.write_text("3\n")
    with pytest.raises(DataError, match="schema version None"):
        fresh(store)


def test_a_folder_without_runs_is_an_error_for_readers_only(tmp_path, store):
    fresh(store)
    with pytest.raises(DataError, match="there is no benchmark in"):
        read_store(tmp_path)


def test_a_folder_that_cannot_be_made_is_told(tmp_path, run):
    (tmp_path / "file").write_text("")
    store = Store(tmp_path / "file" / "bench")
    with pytest.raises(ConfigError, match="cannot be written"):
        store.append(run())
    with pytest.raises(ConfigError, match="cannot be made"):
        store.claim("0" * 16)


def test_a_run_has_one_maker_at_a_time(store, run):
    other = Store(store.folder)
    claim = store.claim("a" * 16)
    assert claim is not None
    assert other.claim("a" * 16) is None
    assert store.claim("a" * 16) is None
    with other.claim("b" * 16) as second:
        assert second is not None
    store.append(run())
    claim.release()
    # Whoever gets it next has read what was made meanwhile.
    assert other.records == []
    with other.claim("a" * 16):
        assert other.records == [run()]
    assert list((store.folder / "claims").glob("*.lock")) == []


CLAIM_AND_WAIT = """
import sys, time
from pathlib import Path
from nnff.bench.store import Store
claim = Store(Path(sys.argv[1])).claim("a" * 16)
print("claimed", flush=True)
time.sleep(600)
"""


def test_the_death_of_the_maker_sets_the_run_free(store):
    process = subprocess.Popen(
        [sys.executable, "-c", CLAIM_AND_WAIT, str(store.folder)], stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout.readline() == "claimed\n"
        assert store.claim("a" * 16) is None
        process.kill()
        process.wait()
    with store.claim("a" * 16) as claim:
        assert claim is not None


def test_of_many_threads_that_want_a_run_one_at_a_time_gets_it(store):
    inside, most, taken = [0], [0], [0]
    guard = threading.Lock()

    def work():
        own = Store(store.folder)
        while taken[0] < 200:
            claim = own.claim("a" * 16)
            if claim is None:
                continue
            with claim:
                with guard:
                    inside[0] += 1
                    taken[0] += 1
                    most[0] = max(most[0], inside[0])
                with guard:
                    inside[0] -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]


def test_lines_of_many_writers_stay_whole(store, run):
    def work(writer):
        own = Store(store.folder)
        for number in range(20):
            own.append(run(seed=1000 * writer + number, detail="x" * 20_000))

    threads = [threading.Thread(target=work, args=(writer,)) for writer in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seen = fresh(store)
    assert seen.flaws == []
    assert sorted(record.spec.seed for record in seen.records) == sorted(
        1000 * writer + number for writer in range(4) for number in range(20)
    )


def test_a_session_lasts_as_long_as_anybody_works_in_the_folder(store, run):
    first, second, third = (run(seed=seed) for seed in range(3))
    store.append(first)
    one = store.join()
    assert set(one.before) == {first.key}
    store.append(second)
    other = fresh(store)
    two = other.join()
    # What came since the beginning is the session's, also for those who join later.
    assert set(two.before) == {first.key}
    one.leave()
    three = store.join()
    assert set(three.before) == {first.key}
    two.leave()
    three.leave()
    store.append(third)
    with fresh(store).join() as four:
        assert set(four.before) == {first.key, second.key, third.key}
