"""What is compared, and the short names that tables give to contenders and instances."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Contender"]


@dataclass(frozen=True)
class Contender:
    """One column of a comparison: backend, strategy, and whatever else varies.

    Attributes
    ----------
    label
        Short and unique within an analysis: ``"highs"``, ``"highs twin"``, ``"highs presolve=off"``.
    backend
        Solver plugin; ``""`` for a strategy that needs none.
    strategy
        How delta_upper is obtained.
    settings
        Settings that vary within the analysis, as ``"threads=2 presolve=off"``; else empty.
    """

    label: str
    backend: str
    strategy: str
    settings: str = ""
