"""What is known of delta_max of some questions about the trained networks, from long runs.

`benchmarks/find_reference.py` made ``reference.json``.  A lower value comes with its pair, which
tests replay.  An upper one is exact where all pairs of a finite domain were
compared; else it is what a solver certified in floating point: no proof, so an indication.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from nnff.bench import Known

__all__ = ["FILE", "reference", "reference_pairs"]

FILE = Path(__file__).parent / "reference.json"


def reference(name: str) -> Known | None:
    """Return what is known of the instance of that name."""
    entry = _content().get(name)
    if entry is None:
        return None
    return Known(entry["lower"], entry["upper"], proven=entry["proven"], source=entry["source"])


def reference_pairs() -> dict[str, tuple[list[float], list[float]]]:
    """Return the pairs (x', x'') that reach the lower values, raw units, by the instance's name."""
    return {name: (entry["x1"], entry["x2"]) for name, entry in _content().items()}


@cache
def _content() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))["instances"]
    return content
