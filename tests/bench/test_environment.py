"""Where runs are made: enough to tell two environments apart, and nothing about whose they are."""

from __future__ import annotations

import json
import platform
from pathlib import Path

import numpy as np
import pytest

import nnff
from nnff.bench import environment
from nnff.bench.environment import describe_environment, environment_differences, source_hash


def test_machine_and_versions_are_there():
    found = describe_environment(jobs=2)
    assert found["machine"]["cores"] >= 1
    assert found["machine"]["memory"] > 2**28
    assert platform.system() in found["machine"]["system"]
    assert found["machine"]["processor"]
    versions = found["versions"]
    assert versions["numpy"] == np.__version__
    # Those of the solvers too, although nothing in nnff names their packages.
    assert {"python", "nnff", "scipy", "pyomo", "highspy", "pulp", "ortools"} <= set(versions)
    assert all(versions.values())
    assert found["jobs"] == 2
    assert json.loads(json.dumps(found)) == found


def test_nothing_tells_whose_machine_it_is(monkeypatch):
    monkeypatch.setenv("LOGNAME", "a-certain-user")
    text = json.dumps(describe_environment())
    for private in ("a-certain-user", platform.node(), str(Path.cwd()), str(Path(nnff.__file__).parents[1])):
        assert private not in text


def test_the_hash_follows_the_source_of_plugins(bench_lab):
    before = source_hash()
    assert source_hash() == before
    module = bench_lab / "bench_lab.py"
    text = module.read_text()
    module.write_text(text + "# another line\n")
    changed = source_hash()
    module.write_text(text)
    assert changed != before
    assert source_hash() == before


def test_the_hash_covers_what_runs_go_through_and_not_what_shows_them():
    names = {name for name, _ in environment._sources()}
    assert {"nnff/solver/guard.py", "nnff/bench/worker.py", "nnff_solvers/highs.py"} <= names
    assert not any(name.startswith(("nnff/report/", "nnff/cli/", "nnff/testing/")) for name in names)


def test_the_same_environment_has_no_differences():
    here = describe_environment()
    assert environment_differences(here, json.loads(json.dumps(here))) == ()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"machine": {"cores": 64}}, "cores was 64 and is 2"),
        ({"versions": {"numpy": "0.9", "other": "1"}}, "numpy was 0.9 and is 2.0"),
        ({"source": "other"}, "the source of nnff or of a plugin was another one"),
        ({"jobs": 8}, "the number of runs at a time was 8 and is 1"),
    ],
)
def test_differences_are_told_one_by_one(change, sentence):
    here = {"machine": {"cores": 2}, "versions": {"numpy": "2.0", "mine": "3"}, "source": "a", "jobs": 1}
    assert environment_differences(here | change, here) == (sentence,)


def test_runs_of_an_older_record_without_environment_differ_in_the_source():
    assert environment_differences({}, {"source": "a"}) == (
        "the source of nnff or of a plugin was another one",
    )
