"""The largest epsilon at which a delta still holds, by bisection over decisions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nnff.certification.certificate import Reason
from nnff.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from nnff.certification.certificate import Certificate

__all__ = ["LargestEpsilon", "largest_epsilon"]


@dataclass(frozen=True)
class LargestEpsilon:
    """Between which epsilons delta_max passes a value.

    Attributes
    ----------
    delta
        The value.
    certified
        The largest epsilon found for which it is proven that no pair differs by more; None if there is none.
    violated
        The smallest epsilon found at which a real pair differs by more; inf if there is none.
    certificates
        One per decision made, in that order.
    """

    delta: float
    certified: float | None
    violated: float
    certificates: tuple[Certificate, ...] = ()


def largest_epsilon(
    delta: float,
    decide_at: Callable[[float], Certificate],
    *,
    low: float = 0.0,
    high: float,
    tolerance: float,
) -> LargestEpsilon:
    """Bisect for the largest epsilon whose delta_upper is at most `delta`.

    Sound: delta_max does not decrease with epsilon.  A bound at one epsilon holds for
    every smaller one, and a pair at distance r is a pair for every epsilon from r on.  Where
    neither side is settled in time, the search goes on below, so that `certified` is
    always proven, and what lies between it and `violated` is open.

    Parameters
    ----------
    delta
        The value to stay below.
    decide_at
        Makes the certificate for one epsilon; ask `nnff.certify` for the verdict on `delta`, and
        give it a `Memory`.  An interrupted certificate ends the search.
    low, high
        Ends of the range; the first questions.  If `high` is certified, it is the answer.
    tolerance
        Width of epsilon at which to stop.

    Returns
    -------
    Both sides of the answer.

    Raises
    ------
    ConfigError
        If the range is empty, or a number makes no sense.

    Examples
    --------
    >>> from nnff import Domain, Layer, Memory, Network, certify, largest_epsilon, metric
    >>> network, domain = Network((Layer([[2.0]], [0.0]),)), Domain.from_box([0], [1])
    >>> memory, similar = Memory(), metric("weighted-lp", p=1)
    >>> found = largest_epsilon(
    ...     0.5,
    ...     lambda epsilon: certify(network, domain, similar, epsilon, delta=0.5, memory=memory),
    ...     high=1.0,
    ...     tolerance=1e-3,
    ... )
    >>> abs(found.certified - 0.25) <= 1e-3
    True
    """
    if not (math.isfinite(delta) and delta >= 0):
        raise ConfigError(f"delta is {delta}; it must be a finite number that is not negative")
    if not (math.isfinite(low) and math.isfinite(high) and 0 <= low <= high):
        raise ConfigError(f"the range of epsilon is {low} to {high}; it must be finite and not empty")
    if not (math.isfinite(tolerance) and tolerance > 0):
        raise ConfigError(f"the tolerance of epsilon is {tolerance}; it must be a positive number")
    search = _Search(delta, decide_at, [])
    # From above: what is learned at a larger epsilon serves the smaller ones.
    if search.holds(high) or search.interrupted:
        return search.answer()
    if low < high and not search.interrupted:
        search.holds(low)
    known = search.certified
    open_below, open_above = known if known is not None else low, high
    while known is not None and open_above - open_below > tolerance and not search.interrupted:
        middle = (open_below + open_above) / 2
        if not open_below < middle < open_above:
            break  # neighbouring floats
        if search.holds(middle):
            open_below = middle
        else:
            open_above = max(open_below, min(middle, search.violated))
    return search.answer()


class _Search:
    """The decisions so far, and what they say together."""

    def __init__(
        self, delta: float, decide_at: Callable[[float], Certificate], certificates: list[Certificate]
    ) -> None:
        self.delta = delta
        self.certificates = certificates
        self._decide_at = decide_at

    def holds(self, epsilon: float) -> bool:
        """Decide one epsilon; tell whether the delta is proven there."""
        certificate = self._decide_at(epsilon)
        self.certificates.append(certificate)
        return certificate.delta_upper <= self.delta and not _doubtful(certificate)

    @property
    def interrupted(self) -> bool:
        return bool(self.certificates) and self.certificates[-1].reason is Reason.INTERRUPTED

    @property
    def certified(self) -> float | None:
        """The largest epsilon that is proven; a bound that a real pair refutes proves nothing."""
        proven = [c.epsilon for c in self.certificates if c.delta_upper <= self.delta and not _doubtful(c)]
        return max((epsilon for epsilon in proven if epsilon < self.violated), default=None)

    @property
    def violated(self) -> float:
        """The least epsilon from which on a real pair is known: its distance, where that is smaller."""
        return min(
            (
                min(c.epsilon, math.inf if c.witness is None else c.witness.distance)
                for c in self.certificates
                if c.delta_lower > self.delta and not _doubtful(c)
            ),
            default=math.inf,
        )

    def answer(self) -> LargestEpsilon:
        return LargestEpsilon(self.delta, self.certified, self.violated, tuple(self.certificates))


def _doubtful(certificate: Certificate) -> bool:
    return certificate.reason is Reason.INCONSISTENT
