"""Conformance kits: what a third party runs to see whether a solver or a metric keeps its contract."""

from nnff.testing.outcome import CheckOutcome, SkipCheck, Status, all_ok, run_checks

__all__ = ["CheckOutcome", "SkipCheck", "Status", "all_ok", "run_checks"]
