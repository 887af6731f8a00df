from __future__ import annotations

import json

from nnff.testing import CheckOutcome, Status


def test_some_checks_of_a_solver(nnff):
    result = nnff("check", "solver", "highs", "--only", "sense,objective_constant")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert [line.split() for line in lines[:2]] == [["passed", "sense"], ["passed", "objective_constant"]]
    assert lines[-1] == "2 checks, none failed"


def test_a_metric_as_json(nnff):
    result = nnff("check", "metric", "weighted-lp", "--set", "p=1", "--json")
    assert result.exit_code == 0, result.output
    outcomes = json.loads(result.stdout)
    assert outcomes
    assert {outcome["status"] for outcome in outcomes} <= {"passed", "skipped"}


def test_a_failed_check_is_exit_code_1(nnff, monkeypatch):
    def check_backend(_backend, **_keywords):
        return [CheckOutcome("good", Status.PASSED), CheckOutcome("bad", Status.FAILED, "2 is not 3")]

    monkeypatch.setattr("nnff.testing.solvers.check_backend", check_backend)
    result = nnff("check", "solver", "highs")
    assert result.exit_code == 1
    assert "2 is not 3" in result.stdout
    assert result.stdout.splitlines()[-1] == "2 checks, 1 failed"


def test_what_does_not_exist_is_refused(nnff):
    for arguments, part in (
        (["solver", "higs"], "'highs'"),
        (["solver", "highs", "--instance", "none.mps"], "none.mps"),
        (["solver", "highs", "--only", "sens"], "'sense'"),
        (["metric", "weighted"], "'weighted-lp'"),
        (["metric", "weighted-lp", "--set", "weigths=1"], "'weights'"),
        (["metric", "weighted-lp", "--set", "p"], "parameter=value"),
    ):
        result = nnff("check", *arguments)
        assert result.exit_code == 2, arguments
        assert part in result.stderr
        assert result.stdout == ""
