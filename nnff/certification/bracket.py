"""The two-sided answer while it is being made."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nnff.certification.progress import CertifyProgress, relative_gap

if TYPE_CHECKING:
    from collections.abc import Callable

    from nnff.certification.certificate import Witness

__all__ = ["Bracket"]

CONTRADICTION = 1e-9
"""A certified bound below a real pair by more than this, relative, is a contradiction."""


def _no_error(_witness: Witness) -> float:
    return 0.0


@dataclass
class Bracket:
    """delta_lower and delta_upper with their history; lower only rises, upper only falls.

    Attributes
    ----------
    started
        ``time.perf_counter()`` when the run began.
    listener
        Called at every change and at every `tick`.
    replay_error
        How far a witness's delta can be off for rounding alone, absolute: no
        contradiction is seen in less.
    least
        delta_lower before there is a pair (`Problem.least`).
    """

    started: float
    listener: Callable[[CertifyProgress], None] | None = None
    replay_error: Callable[[Witness], float] = _no_error
    least: float = 0.0
    upper: float = math.inf
    witness: Witness | None = None
    history: list[tuple[float, float, float]] = field(default_factory=list)
    phase: str = "start"
    round: int = 0
    cells: int = 0
    nodes: int = 0
    contradiction: str = ""

    @property
    def lower(self) -> float:
        """Value of the best replayed pair; before there is one, 0 (x' = x''), or nothing for a margin."""
        return self.least if self.witness is None else self.witness.delta

    @property
    def gap(self) -> float:
        """Relative gap."""
        return relative_gap(self.lower, self.upper)

    @property
    def seconds(self) -> float:
        """Wall seconds since the start."""
        return time.perf_counter() - self.started

    @property
    def rounding(self) -> float:
        """How far delta_lower can be off its exact value."""
        return 0.0 if self.witness is None else self.replay_error(self.witness)

    def allows(self, upper: float) -> bool:
        """Tell whether an upper bound is compatible with the best pair, up to rounding."""
        return not upper < self.lower - abs(self.lower) * CONTRADICTION - self.rounding

    def prove(self, upper: float, source: str) -> None:
        """Take a proven upper bound; one below a real pair is a contradiction, and not taken."""
        if math.isnan(upper):
            return
        if not self.allows(upper):
            self.contradiction = (
                f"{source} claims that no pair differs by more than {upper:.9g}, "
                f"but a real pair differs by {self.lower:.9g}"
            )
            return
        # Within rounding of the pair: the pair is the truth.
        upper = max(upper, self.lower)
        if upper < self.upper:
            self.upper = upper
            self._record()

    def show(self, witness: Witness | None, source: str) -> None:
        """Take a replayed pair; one above the proven bound is a contradiction."""
        if witness is None or not witness.replayed:
            return
        # The first pair counts even if it shows no difference.  "Not greater" is also
        # true of a delta that is not a number.
        first = self.witness is None and witness.delta >= self.least
        if not (first or witness.delta > self.lower):
            return
        self.witness = witness
        if not self.allows(self.upper):
            self.contradiction = (
                f"a real pair ({source}) differs by {witness.delta:.9g}, "
                f"above the bound {self.upper:.9g} that was claimed before"
            )
        elif witness.delta > self.upper:
            self.upper = witness.delta
        self._record()

    def tick(self, phase: str | None = None, *, upper: float | None = None, nodes: int | None = None) -> None:
        """Tell the listener; `upper` is a bound in the making, shown but not kept."""
        self.phase = self.phase if phase is None else phase
        self.nodes = self.nodes if nodes is None else nodes
        if self.listener is not None:
            shown = self.upper if upper is None else max(min(upper, self.upper), self.lower)
            self.listener(
                CertifyProgress(
                    self.phase, self.lower, shown, self.round, self.cells, self.nodes, self.seconds
                )
            )

    def _record(self) -> None:
        self.history.append((self.seconds, self.lower, self.upper))
        self.tick()
