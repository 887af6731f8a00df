"""Talking to a running solve."""

from __future__ import annotations

import threading

from nnff.solver import SolveControl, SolveProgress


def test_an_interruption_is_remembered():
    control = SolveControl()
    assert not control.interrupted
    control.interrupt()
    control.interrupt()
    assert control.interrupted


def test_waiting_ends_with_the_interruption():
    control = SolveControl()
    assert control.wait(0.001) is False
    threading.Timer(0.05, control.interrupt).start()
    assert control.wait(60.0) is True


def test_reports_reach_whoever_listens_and_nobody_otherwise():
    seen = []
    SolveControl(seen.append).report(SolveProgress(bound=1.0))
    SolveControl().report(SolveProgress())
    assert [report.bound for report in seen] == [1.0]


def test_a_control_with_another_listener_shares_the_interruption():
    control, seen = SolveControl(), []
    other = control.listening(seen.append)
    control.interrupt()
    assert other.interrupted
    other.report(SolveProgress(nodes=3))
    assert seen[0].nodes == 3
