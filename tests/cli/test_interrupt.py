"""Ctrl-C, in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading

import pytest

from nnff.cli.interrupt import interruptible
from nnff.solver import SolveControl

# A network and a gap that keep every solver busy for much longer than this test runs.
HARD = """\
import numpy as np
from nnff.network import Layer, Network
from nnff.network.onnx_write import write_onnx
rng = np.random.default_rng(1)
sizes = (12, 24, 24, 1)
layers = tuple(
    Layer(rng.normal(0, 1.5 / np.sqrt(a), (b, a)), rng.normal(0, .3, b), "sigmoid" if b > 1 else "identity")
    for a, b in zip(sizes, sizes[1:])
)
ranges = np.array([[0.0] * 12, [1.0] * 12])
write_onnx(Network(layers, input_range=ranges), "hard.onnx")
"""

# The command line as a script, with a word on stderr as soon as the run has begun and can be interrupted.
PROGRAM = """\
import sys
import nnff.run
real = nnff.run.certify
def certify(*arguments, **keywords):
    print("begun", file=sys.stderr, flush=True)
    return real(*arguments, **keywords)
nnff.run.certify = certify
from nnff.cli.main import main
main()
"""


@pytest.mark.skipif(os.name != "posix", reason="signals as on POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_the_run_and_the_bracket_is_printed(tmp_path, number):
    subprocess.run([sys.executable, "-c", HARD], cwd=tmp_path, check=True)
    command = "certify --model hard.onnx --epsilon 0.5 --set certify.gap=0 --time-limit 300 --delta 0.12"
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *command.split()],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr.readline() == "begun\n"
        process.send_signal(number)
        # Far below the time limit; the limit of 3 s itself is the conformance kit's to check.
        stdout, stderr = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130, stderr
    assert "interrupted" in stdout
    assert "delta_upper" in stdout
    assert "delta_lower" in stdout
    assert "Traceback" not in stderr
    certificate = json.loads((tmp_path / "nnff-out/certificate.json").read_text())
    assert certificate["reason"] == "interrupted"
    assert certificate["verdict"] == "undecided"


def test_the_first_signal_interrupts_the_second_gives_up():
    told = []
    control = SolveControl()
    before = signal.getsignal(signal.SIGINT)
    with interruptible(control, lambda: told.append("once")):
        assert not control.interrupted
        signal.raise_signal(signal.SIGINT)
        assert control.interrupted
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert told == ["once"]
    assert signal.getsignal(signal.SIGINT) is before


def test_outside_the_main_thread_nothing_is_installed():
    found = []

    def work():
        with interruptible(SolveControl()) as control:
            found.append((control.interrupted, signal.getsignal(signal.SIGINT)))

    before = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [(False, before)]


def test_giving_up_is_exit_code_130_without_a_traceback(nnff, monkeypatch):
    def certify(*_arguments, **_keywords):
        raise KeyboardInterrupt

    monkeypatch.setattr("nnff.run.certify", certify)
    result = nnff("certify", "nnff.toml")
    assert result.exit_code == 130
    assert result.stderr == "interrupted\n"
