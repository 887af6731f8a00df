"""The live table of a benchmark: what it says, on a terminal and elsewhere."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from nnff.bench import Outcome, RunRecord, RunSpec
from nnff.bench.benchmark import Happening, News
from nnff.cli.bench_live import BenchTable


def spec(instance="one", backend="highs", **more):
    settings = {"suite": "tiny", "strategy": "relational", "seed": 0, "time_limit": 20.0, "gap": 0.01}
    return RunSpec(**(settings | {"instance": instance, "backend": backend} | more))


def record(made, outcome=Outcome.CLOSED, seconds=1.0, reason="gap closed"):
    return RunRecord(key=made.key, spec=made, outcome=outcome, seconds=seconds, reason=reason)


SPECS = [
    spec("one", "highs"),
    spec("one", "cbc"),
    spec("[two]", "highs"),
    spec("[two]", "cbc"),
    spec("one", "highs", role="control"),
]


@pytest.fixture
def stream():
    return io.StringIO()


def ended(made, *arguments, **keywords):
    return News(Happening.ENDED, made, record=record(made, *arguments, **keywords))


def test_elsewhere_than_on_a_terminal_every_finished_run_is_a_line(stream):
    console = Console(file=stream, width=160)
    with BenchTable(SPECS, [record(SPECS[0])], console=console) as table:
        table.tell(News(Happening.BEGUN, SPECS[1]))
        table.tell(News(Happening.PHASE, SPECS[1], phase="solve"))
        assert stream.getvalue() == ""
        table.tell(ended(SPECS[1], seconds=0.5))
        table.tell(ended(SPECS[2], Outcome.ERROR, reason="solver failed"))
        made = ended(SPECS[4], Outcome.OPEN, 20.0, "time limit")
        table.tell(News(Happening.ELSEWHERE, SPECS[4], record=made.record))
        table.stopping()
    assert stream.getvalue().splitlines() == [
        "[2/5] one cbc seed 0: closed 0.500 s",
        "[3/5] [two] highs seed 0: error (solver failed) 1.00 s",
        "[4/5] one control repeat 0: open (time limit) 20.0 s, made elsewhere",
        "stopping; finished runs are kept",
    ]
    assert (table.done, table.total) == (4, 5)


def test_a_run_that_is_made_once_more_counts_once(stream):
    table = BenchTable(SPECS, [record(SPECS[0])], console=Console(file=stream))
    table.tell(ended(SPECS[0]))
    assert table.done == 1


def test_the_table_has_a_row_per_contender_and_says_what_is_running(stream):
    console = Console(file=stream, width=100, force_terminal=True, color_system=None)
    table = BenchTable(SPECS, [], console=console)
    table.tell(ended(SPECS[0], seconds=3.0))
    table.tell(ended(SPECS[2], Outcome.OPEN, 20.0, "time limit"))
    table.tell(ended(SPECS[1], Outcome.OUT_OF_MEMORY))
    table.tell(News(Happening.BEGUN, SPECS[3]))
    table.tell(News(Happening.PHASE, SPECS[3], phase="encode"))
    with console.capture() as captured:
        console.print(table._render())
    lines = [line.split() for line in captured.get().splitlines()]
    assert lines[0] == ["done", "solved", "open", "errors", "median", "s"]
    assert lines[1] == ["cbc", "1/2", "0", "0", "1", "1.00"]
    assert lines[2] == ["highs", "2/2", "1", "1", "0", "11.5"]
    assert lines[3] == ["control", "0/1", "0", "0", "0"]
    assert lines[4][:5] == ["[two]", "cbc", "seed", "0", "encode"]
    assert lines[5][:4] == ["3", "of", "5", "runs,"]
    table.stopping()
    with console.capture() as captured:
        console.print(table._render())
    assert captured.get().rstrip().endswith("stopping")


def test_on_a_terminal_the_table_is_live_and_leaves_no_trace_of_lines(stream):
    console = Console(file=stream, width=100, force_terminal=True)
    with BenchTable(SPECS, [], console=console) as table:
        table.tell(ended(SPECS[0]))
    assert "seed 0: closed" not in stream.getvalue()


def test_quiet_is_quiet(stream):
    for terminal in (True, False):
        console = Console(file=stream, force_terminal=terminal)
        with BenchTable(SPECS, [], quiet=True, console=console) as table:
            table.tell(ended(SPECS[0]))
            table.stopping()
    assert stream.getvalue() == ""
