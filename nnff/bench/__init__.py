"""Benchmarks that can be trusted: suites, runs in fresh processes, records, statistics."""

from nnff.bench.instance import Instance, Known, Question
from nnff.bench.record import Outcome, RunRecord, RunSpec, Sizes
from nnff.bench.suite import Suite, load_suite

__all__ = [
    "Instance",
    "Known",
    "Outcome",
    "Question",
    "RunRecord",
    "RunSpec",
    "Sizes",
    "Suite",
    "load_suite",
]
