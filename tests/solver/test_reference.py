"""The committed page of capabilities is what the code says."""

from __future__ import annotations

from pathlib import Path

from nnff.solver.reference import solver_reference

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "solvers.md"


def test_the_committed_page_is_current():
    assert PAGE.read_text(encoding="utf-8") == solver_reference(), (
        "regenerate it with `python docs/reference/generate.py`"
    )
