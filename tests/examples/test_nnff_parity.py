"""The example suite: its answers are what it says, and installed by pip it is run like ours."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

SOURCE = Path(__file__).parents[2] / "examples" / "nnff-parity"


@pytest.fixture
def suite(monkeypatch):
    monkeypatch.syspath_prepend(str(SOURCE))
    from nnff_parity import parity

    return parity(full=True)


def test_the_worst_pair_is_known(suite):
    for instance in suite.instances:
        question = instance.build()
        n = question.network.n_inputs
        climbing = question.network.predict([[0.1] * n, [0.1 + question.epsilon] * n])
        expected = n * question.epsilon
        assert np.ptp(climbing) == pytest.approx(expected, rel=1e-12)
        assert instance.known.lower <= expected <= instance.known.upper
        assert instance.factors == {"inputs": n}


@pytest.mark.slow
def test_installed_by_pip_it_is_run_like_ours(installed, tmp_path):
    nnff = installed("nnff-parity")
    [row] = [row for row in json.loads(nnff("plugins", "--json")) if row["name"] == "parity"]
    assert (row["kind"], row["distribution"], row["status"]) == (
        "benchmark suites",
        "nnff-parity",
        "available",
    )
    nnff("bench", "--suite", "parity", "--solvers", "highs", "--seeds", "0", "--no-control", "--quiet")
    folder = tmp_path / "nnff-bench" / "parity"
    with (folder / "runs.csv").open(encoding="utf-8") as file:
        runs = list(csv.DictReader(file))
    assert [run["outcome"] for run in runs] == ["closed"] * 3
    for run, n in zip(sorted(runs, key=lambda run: float(run["delta_upper"])), (2, 4, 8), strict=True):
        assert float(run["delta_lower"]) <= n * 0.1 * (1 + 1e-8) <= float(run["delta_upper"]) * (1 + 1e-8)
        assert float(run["delta_upper"]) <= n * 0.1 * (1 + 1e-4)
    assert "tents-8" in (folder / "report.html").read_text(encoding="utf-8")
