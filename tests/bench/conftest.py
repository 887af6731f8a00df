"""Records made by hand."""

from __future__ import annotations

import math

import pytest

from nnff.bench.record import Outcome, RunRecord, RunSpec

SPEC = {
    "suite": "tiny",
    "instance": "one",
    "strategy": "relational",
    "backend": "highs",
    "seed": 0,
    "time_limit": 20.0,
    "gap": 0.01,
}


def make(seconds=1.0, outcome=Outcome.CLOSED, *, lower=1.0, upper=1.0, **facts):
    """A record of a run; keywords are fields of the spec or else of the record."""
    names = set(RunSpec.model_fields) - {"gap"}
    spec = RunSpec(**(SPEC | {name: facts.pop(name) for name in list(facts) if name in names}))
    fingerprint = facts.pop("instance_fingerprint", f"print of {spec.instance}")
    gap = (upper - lower) / max(lower, 1e-9)
    return RunRecord(
        **{
            "key": spec.key,
            "spec": spec,
            "outcome": outcome,
            "seconds": seconds,
            "delta_lower": lower,
            "delta_upper": upper,
            "gap": math.inf if math.isnan(gap) else gap,
            "instance_fingerprint": fingerprint,
        }
        | facts
    )


@pytest.fixture(scope="session")
def run():
    """Makes a record: ``run(seconds, outcome, backend="cbc", seed=1, lower=0.9, upper=1.1, ...)``."""
    return make


@pytest.fixture(scope="session")
def table_of():
    """A frame as a list of dicts with the named columns only."""

    def rows(frame, *columns):
        return frame[list(columns)].to_dict("records")

    return rows
