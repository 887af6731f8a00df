"""Noticing when rounds get nowhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nnff.solver import Limit

if TYPE_CHECKING:
    from nnff.solver import SolveResult

__all__ = ["STALL", "Patience"]

STALL = 8
"""Rounds without any change of the bracket after which the loop gives up: rounds stall and then drop."""

_HIGH_UP = 0.5
"""See `Patience`."""


@dataclass
class Patience:
    """Notices when rounds get nowhere.

    A round that stopped at a point was not let prove anything, so it is no stall.  The first point above
    delta ends the first such round, because the network may confirm it; once it has not, only points
    high up do, since refinement needs points that exploit the relaxation much.  Where there is nothing
    to refine at such a point, the next round goes on past it.

    Attributes
    ----------
    height
        See `nnff.certification.solving.solve_once`.
    still
        Rounds in a row that were let prove something and moved nothing.
    """

    height: float | None = 0.0
    still: int = 0

    @property
    def lost(self) -> bool:
        """Whether to give up."""
        return self.still >= STALL

    def after(self, result: SolveResult, *, moved: bool, refined: bool) -> None:
        """Take note of a round."""
        cut_short = result.limit is Limit.OBJECTIVE
        if cut_short:
            self.height = _HIGH_UP if refined else None
        else:
            self.height = 0.0 if self.height == 0.0 else _HIGH_UP
            self.still = 0 if moved else self.still + 1
