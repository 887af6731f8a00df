from __future__ import annotations

import io
import math

from rich.console import Console

from nnff.certification import CertifyProgress
from nnff.cli import progress as module
from nnff.cli.progress import ProgressLine, progress_text


def report(**changes):
    facts = {
        "phase": "solve",
        "delta_lower": 1.23456,
        "delta_upper": 1.34561,
        "round": 3,
        "cells": 45,
        "nodes": 1200,
        "seconds": 12.3,
    }
    return CertifyProgress(**(facts | changes))


def test_the_line_says_bracket_gap_round_cells_nodes_and_seconds():
    text = progress_text(report())
    assert " ".join(text.split()) == ("solve [1.234, 1.346] gap 9 % round 3 cells 45 nodes 1,200 12 s")


def test_what_is_not_there_yet_is_left_out():
    text = progress_text(
        report(delta_lower=0.0, delta_upper=math.inf, round=0, cells=0, nodes=0, seconds=0.2)
    )
    assert text.split() == ["solve", "at", "least", "0", "0", "s"]


def test_a_terminal_shows_one_line_and_leaves_nothing_behind():
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=100)
    with ProgressLine("certify", console=console) as line:
        line.update(report())
        line._live.refresh()
        assert "[1.234, 1.346]" in stream.getvalue()
        line.stopping()
        line._live.refresh()
        assert "stopping" in stream.getvalue()
    # Transient: the last thing that happens is that the line is erased.
    assert stream.getvalue().rstrip("\r\n").endswith(("\x1b[2K", "\x1b[?25h"))


def test_a_file_gets_a_line_now_and_then(monkeypatch):
    stream = io.StringIO()
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    with ProgressLine("certify", console=Console(file=stream, width=100)) as line:
        line.update(report())
        now[0] += 11
        line.update(report(round=4))
        now[0] += 1
        line.update(report(round=5))
    assert stream.getvalue().count("\n") == 1
    assert "round 4" in stream.getvalue()


def test_quiet_is_quiet():
    stream = io.StringIO()
    with ProgressLine("x", quiet=True, console=Console(file=stream, force_terminal=True)) as line:
        line.update(report())
        line.stopping()
    assert stream.getvalue() == ""
