"""``nnff bench``: a suite is run, reported on, compared, interrupted and taken up again."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
from rich.console import Console
from typer.testing import CliRunner

from nnff.bench import Outcome
from nnff.bench.analysis import analyse
from nnff.bench.store import Store, read_store
from nnff.bench.tables import analysis_tables
from nnff.cli.bench_answer import LEAST_IMPORTANT, print_tables
from nnff.cli.main import app

pytestmark = pytest.mark.usefixtures("bench_lab")


def nnff(*arguments):
    return CliRunner().invoke(app, [str(word) for word in arguments], prog_name="nnff")


@pytest.fixture(scope="module")
def finished(bench_lab, tmp_path_factory):
    """A finished benchmark: the folder, and what the command printed."""
    folder = tmp_path_factory.mktemp("finished") / "bench"
    result = nnff("bench", "--suite", "lab-pair", "--seeds", 0, "--jobs", 2, "--output", folder)
    return folder, result


def test_a_suite_is_run_with_every_solver_and_the_answer_is_on_stdout(finished):
    folder, result = finished
    assert result.exit_code == 0, result.stderr
    for word in ("highs", "cbc", "net-3", "net-4", "closed", "certified", "Noise of the machine"):
        assert word in result.stdout
    assert f"wrote {folder}/report.html" in result.stdout
    # Progress: one line per run, nothing of it on stdout.
    assert result.stderr.count("closed") == 6
    assert "[6/6]" in result.stderr
    assert "[6/6]" not in result.stdout
    store = read_store(folder)
    assert len(store.records) == 6
    assert all(record.outcome is Outcome.CLOSED for record in store.records)
    assert all(record.environment["versions"]["highspy"] for record in store.records)
    assert all((folder / record.log).is_dir() for record in store.records)
    assert list((folder / "claims").glob("?" * 16 + ".lock")) == []
    page = (folder / "report.html").read_text()
    assert "net-4" in page
    with (folder / "runs.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert {(row["instance"], row["backend"]) for row in rows} == {
        (instance, backend) for instance in ("net-3", "net-4") for backend in ("highs", "cbc")
    }


def test_the_same_command_again_makes_no_run(finished):
    folder, _ = finished
    before = (folder / "runs.jsonl").read_bytes()
    result = nnff("bench", "--suite", "lab-pair", "--seeds", 0, "--output", folder, "--quiet", "--json")
    assert result.exit_code == 0
    assert (folder / "runs.jsonl").read_bytes() == before
    analysis = json.loads(result.stdout)
    assert {row["contender"] for row in analysis["overview"]} == {"highs", "cbc"}
    assert analysis["contradictions"] == []


def test_what_would_be_run_is_listed_and_nothing_is_made(finished, tmp_path):
    folder, _ = finished
    result = nnff("bench", "--suite", "lab-pair", "--output", folder, "--list", "--time-limit", 20)
    assert result.exit_code == 0
    assert result.stdout.count("finished") == 6
    assert (
        "4 of 10 runs to make: 1 min 20 s if every one takes its time limit, at most 4 min" in result.stdout
    )
    rows = json.loads(
        nnff("bench", "--suite", "lab", "--output", tmp_path / "new", "--list", "--json").stdout
    )
    assert all(row["due"] for row in rows)
    assert {"instance", "backend", "strategy", "seed", "time_limit", "key"} <= set(rows[0])
    assert not (tmp_path / "new").exists()


def test_a_folder_is_reported_on_again_with_all_tables(finished, tmp_path):
    folder, _ = finished
    result = nnff("bench", "report", folder, "--output", tmp_path)
    assert result.exit_code == 0
    assert "Where the time goes" in result.stdout
    assert (tmp_path / "report.html").is_file()
    result = nnff("bench", "report", folder, "--output", tmp_path, "--markdown")
    assert "| contender |" in result.stdout


def test_two_folders_are_compared(finished, tmp_path):
    folder, _ = finished
    result = nnff("bench", "compare", folder, folder)
    assert result.exit_code == 0, result.stderr
    assert "highs" in result.stdout
    assert json.loads(nnff("bench", "compare", folder, folder, "--json").stdout)["runs"] == 4
    (tmp_path / "empty").mkdir()
    result = nnff("bench", "compare", folder, tmp_path / "empty")
    assert result.exit_code == 2
    assert result.stderr == (
        f"error[data]: there is no benchmark in {tmp_path}/empty: it has no file runs.jsonl\n"
    )


def test_a_table_that_is_too_wide_loses_its_least_important_columns_and_says_so(finished):
    tables = analysis_tables(analyse(read_store(finished[0]).records))
    names = {column.name for table in tables for column in table.columns}
    assert set(LEAST_IMPORTANT) <= names
    for width in (60, 90, 200):
        stream = io.StringIO()
        print_tables(Console(file=stream, width=width, force_terminal=True, color_system=None), tables)
        text = stream.getvalue()
        assert max(map(len, text.splitlines())) <= width
        assert ("Left out, for want of width: range" in text) == (width < 200)
        assert "…" not in text


@pytest.fixture
def doctored(finished, tmp_path):
    """A copy of the finished benchmark, in which changes to its records can be made."""
    folder, _ = finished
    shutil.copytree(folder, tmp_path / "copy")

    def change(which, **update):
        path = tmp_path / "copy" / "runs.jsonl"
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        for line in lines:
            if which(line):
                line.update(update)
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        return tmp_path / "copy"

    return change


def test_brackets_that_do_not_meet_fail_the_benchmark_and_are_named(doctored):
    def is_cbc(line):
        return (line["spec"]["backend"], line["spec"]["instance"]) == ("cbc", "net-4")

    folder = doctored(is_cbc, delta_lower=0.0, delta_upper=1e-3)
    for command in (["bench", "report", folder], ["bench", "compare", folder, folder]):
        result = nnff(*command)
        assert result.exit_code == 1
        assert "brackets do not meet: net-4: cbc (relational, seed 0) claims that no pair" in result.stderr
        assert "0.001, but highs (relational, seed 0) has a real pair" in result.stderr
        assert nnff(*command, "--exit-zero").exit_code == 0


def test_runs_of_another_environment_are_pointed_out_before_more_are_made(doctored, monkeypatch):
    folder = doctored(lambda _line: True, environment={"versions": {"numpy": "0.9"}, "source": "old"})
    # Nothing is made: what is to be seen is what comes before.
    monkeypatch.setattr("nnff.bench.benchmark.make_run", lambda *_arguments, **_keywords: None)
    result = nnff("bench", "--suite", "lab-pair", "--solvers", "highs", "--output", folder, "--quiet")
    assert "warning: 6 of the 6 runs in the folder come from another environment: numpy was 0.9" in (
        result.stderr
    )


def test_lines_that_were_cut_off_are_pointed_out(finished, tmp_path):
    folder, _ = finished
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    with (copy / "runs.jsonl").open("a") as stream:
        stream.write('{"schema_version": 1, "ke')
    result = nnff("bench", "report", copy)
    assert result.exit_code == 0
    assert "warning: line 7 of runs.jsonl is incomplete and was left out" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "error[config]: name a suite with --suite; known: "),
        (["--suite", "lap"], 2, "did you mean 'lab'?"),
        (["--suite", "lab", "--solvers", "higs"], 2, "did you mean 'highs'?"),
        (["--suite", "lab", "--strategies", "twins"], 2, "did you mean 'twin'?"),
        (["--suite", "lab", "--instances", "nett"], 2, "did you mean 'net'?"),
        (["--suite", "lab", "--seeds", "0,x"], 2, "the seeds are '0,x'; write whole numbers"),
        (["--suite", "lab", "--solvers", ","], 2, "the list of solver names is empty"),
        (["--suite", "lab", "--rerun", "timeout"], 2, "did you mean 'timeouts'?"),
        (["--suite", "lab", "--time-limit", "0"], 2, "the time limit is 0.0"),
        (["--suite", "lab", "--output", "/dev/null/x"], 2, "cannot be made because /dev/null is a file"),
        (["report", "nowhere"], 2, "there is no benchmark in nowhere"),
    ],
)
def test_mistakes_are_one_sentence_and_an_exit_code(tmp_path, monkeypatch, arguments, code, message):
    monkeypatch.chdir(tmp_path)
    result = nnff("bench", *arguments)
    assert result.exit_code == code
    assert message in result.stderr
    assert result.stderr.startswith("error[")
    assert result.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_solver_that_is_not_installed_is_exit_code_4(tmp_path, monkeypatch):
    from nnff.solver import Availability
    from nnff_solvers.cbc import CbcBackend

    missing = Availability(available=False, reason="there is no CBC", hint="get one")
    monkeypatch.setattr(CbcBackend, "availability", classmethod(lambda _cls: missing))
    result = nnff("bench", "--suite", "lab-pair", "--output", tmp_path)
    assert result.exit_code == 4
    assert "the solver 'cbc' cannot be used: there is no CBC (get one)" in result.stderr


def test_the_default_folder_is_called_after_the_suite(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("nnff.bench.benchmark.make_run", lambda *_arguments, **_keywords: None)
    nnff("bench", "--suite", "lab-pair", "--quiet")
    assert (tmp_path / "nnff-bench" / "lab-pair").is_dir()
    nnff("bench", "--suite", "lab", "--full", "--quiet")
    assert (tmp_path / "nnff-bench" / "lab-full").is_dir()


@pytest.fixture
def hanging(tmp_path):
    """A benchmark whose only run does not end, and the id of its process, once it is in the solver."""
    folder = tmp_path / "bench"
    command = "bench --suite lab --instances net --solvers lab-hangs --no-control --time-limit 900 --output"
    process = subprocess.Popen(
        [sys.executable, "-m", "nnff", *command.split(), str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 120
    with process:
        try:
            while not (found := [path for path in folder.glob("logs/*/1/pid") if path.read_text()]):
                assert process.poll() is None, process.stderr.read()
                assert time.monotonic() < deadline, "the run has not come to its solver in two minutes"
                time.sleep(0.02)
            yield process, int(found[0].read_text()), folder
        finally:
            process.kill()


def gone(pid):
    """Wait until a process, whose parent may be dead, is gone."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.02)
    return False


@pytest.mark.skipif(os.name != "posix", reason="signals as on POSIX")
def test_an_interruption_stops_at_once_and_keeps_what_is_finished(hanging):
    process, worker, folder = hanging
    process.send_signal(signal.SIGINT)
    # Far below the time limit of the run and of its being killed.
    _, stderr = process.communicate(timeout=100)
    assert process.returncode == 130, stderr
    assert stderr == (
        "stopping; finished runs are kept\n"
        "interrupted: 0 of 1 runs are finished and kept; the same command goes on\n"
    )
    assert gone(worker)
    assert not (folder / "runs.jsonl").exists()
    assert list((folder / "logs").glob("*/1")) == []


@pytest.mark.skipif(os.name != "posix", reason="signals as on POSIX")
def test_the_death_of_the_benchmark_is_the_end_of_its_runs(hanging):
    process, worker, folder = hanging
    [key] = [path.name for path in (folder / "logs").iterdir()]
    assert Store(folder).claim(key) is None
    process.kill()
    process.wait()
    assert gone(worker)
    claim = Store(folder).claim(key)
    assert claim is not None
    claim.release()


def test_instances_with_a_known_answer_are_exported(tmp_path):
    result = nnff("bench", "export", "--suite", "lab", "--output", tmp_path / "mps")
    assert result.exit_code == 0, result.stderr
    assert result.stdout == f"wrote {tmp_path}/mps/net.mps.gz\n"
    facts = json.loads((tmp_path / "mps" / "net.json").read_text())
    assert (facts["known"]["lower"], facts["known"]["upper"]) == (0.0, 100.0)
    # A pattern may fit others, too; one that fits only others is an error.
    result = nnff("bench", "export", "--suite", "lab", "--instances", "*e*", "--output", tmp_path / "more")
    assert result.exit_code == 0
    result = nnff("bench", "export", "--suite", "lab", "--instances", "gr*", "--output", tmp_path / "none")
    assert result.exit_code == 2
    assert "nothing is known of the instance 'grid'" in result.stderr
    assert not (tmp_path / "none").exists()
