"""A small model, people to go with it, and the command line without a process of its own."""

from __future__ import annotations

import os

import numpy as np
import pytest
from typer.testing import CliRunner

from nnff.cli.main import app
from nnff.network import Layer, Network
from nnff.network.onnx_write import write_onnx

CONFIG = """\
[model]
path = "model.onnx"
[data]
path = "people.csv"
target = "income"
sensitive_features = ["sex"]
[domain]
source = "data"
integer = ["sex"]
[similarity]
epsilon = 0.1
scale = "minmax"
free = ["sex"]
[solver]
time_limit = 20
[output]
dir = "out"
"""

PEOPLE = "age,sex,income\n20,0,1.5\n60,1,2.5\n40,1,2.0\n41,0,2.1\n"


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A working directory with model.onnx, people.csv and nnff.toml; no variable sets a key."""
    for name in [name for name in os.environ if name.startswith("NNFF_") and name != "NNFF_DATA_HOME"]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(5)
    network = Network(
        (
            Layer(rng.normal(size=(3, 2)) / [20.0, 1.0], rng.normal(size=3), "sigmoid"),
            Layer(rng.normal(size=(1, 3)), [0.2]),
        )
    )
    write_onnx(network, tmp_path / "model.onnx")
    (tmp_path / "people.csv").write_text(PEOPLE)
    (tmp_path / "nnff.toml").write_text(CONFIG)
    return tmp_path


@pytest.fixture
def nnff(place):
    """Run a command line; the answer has exit_code, stdout and stderr."""

    def run(*arguments: str):
        return CliRunner().invoke(app, [*arguments], prog_name="nnff")

    return run
