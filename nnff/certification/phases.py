"""Wall seconds per phase of a run."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["book", "timed"]


def book(phases: dict[str, float], seconds: Mapping[str, float]) -> None:
    """Add wall seconds to phases."""
    for name, more in seconds.items():
        phases[name] = phases.get(name, 0.0) + more


class timed:  # noqa: N801 - reads as a statement
    """Add the wall seconds of a block to a phase."""

    def __init__(self, phases: dict[str, float], name: str) -> None:
        self._phases, self._name = phases, name

    def __enter__(self) -> None:
        self._began = time.perf_counter()

    def __exit__(self, *_exc: object) -> None:
        book(self._phases, {self._name: time.perf_counter() - self._began})
