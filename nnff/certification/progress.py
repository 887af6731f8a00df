"""What a running certification tells whoever listens."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["CertifyProgress"]


@dataclass(frozen=True)
class CertifyProgress:
    """A glance at a running certification.

    Attributes
    ----------
    phase
        ``data``, ``ranges``, ``attack``, ``encode``, ``solve`` or ``enumerate``.
    delta_lower, delta_upper
        The bracket so far.
    round
        Number of the current solve, from 1; 0 before the first.
    cells
        Cells of all smooth neurons in the current model.
    nodes
        Branch-and-bound nodes of the current solve.
    seconds
        Wall seconds since the start.
    """

    phase: str
    delta_lower: float
    delta_upper: float
    round: int
    cells: int
    nodes: int
    seconds: float

    @property
    def gap(self) -> float:
        """Relative gap of the bracket; see `relative_gap`."""
        return relative_gap(self.delta_lower, self.delta_upper)


def relative_gap(lower: float, upper: float) -> float:
    """Return ``(upper - lower) / max(|lower|, 1e-9)``."""
    return math.inf if math.isinf(lower) else (upper - lower) / max(abs(lower), 1e-9)
