"""The largest epsilon at which a delta still holds, by bisection over decisions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nnff.certification.certificate import Reason
from nnff.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from nnff.certification.certificate import Certificate

__all__ = ["LargestEpsilon", "largest_epsilon", "least_violated"]


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
        One per decision made for this answer, in that order.
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
    known: Sequence[Certificate] = (),
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
    known
        Certificates made before, of the same question but for epsilon: what they settle is not asked again.

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
    search = _Search(delta, decide_at, list(known))
    # From above: what is learned at a larger epsilon serves the smaller ones.
    for end in (high, low):
        if search.certified is None or search.certified < end:
            search.ask_once(end)
        if search.holds(high) or search.interrupted:
            return search.answer(len(known))
    open_below, open_above = low, min(high, search.violated)
    while search.holds(low) and not search.interrupted:
        open_below = max(open_below, search.certified or 0.0)
        middle = (open_below + open_above) / 2
        if open_above - open_below <= tolerance or not open_below < middle < open_above:
            break
        search.ask_once(middle)
        if not search.holds(middle):
            open_above = min(middle, search.violated)
    return search.answer(len(known))


@dataclass
class _Search:
    """The decisions so far, and what they say together."""

    delta: float
    decide_at: Callable[[float], Certificate]
    certificates: list[Certificate]

    def ask_once(self, epsilon: float) -> None:
        if all(c.epsilon != epsilon for c in self.certificates):
            self.certificates.append(self.decide_at(epsilon))

    def holds(self, epsilon: float) -> bool:
        return self.certified is not None and self.certified >= epsilon

    @property
    def interrupted(self) -> bool:
        return bool(self.certificates) and self.certificates[-1].reason is Reason.INTERRUPTED

    @property
    def certified(self) -> float | None:
        """The largest epsilon that is proven; a bound that a real pair refutes proves nothing."""
        proven = (c.epsilon for c in self.certificates if c.delta_upper <= self.delta and _trusted(c))
        return max((epsilon for epsilon in proven if epsilon < self.violated), default=None)

    @property
    def violated(self) -> float:
        return least_violated(self.certificates, self.delta)

    def answer(self, known: int) -> LargestEpsilon:
        return LargestEpsilon(self.delta, self.certified, self.violated, tuple(self.certificates[known:]))


def least_violated(certificates: Iterable[Certificate], delta: float) -> float:
    """Return the least epsilon at which a real pair is known to differ by more than `delta`; inf if none is.

    It is the pair's own distance where that is less than the epsilon it was found for.
    """
    return min(
        (
            c.epsilon if c.witness is None else min(c.epsilon, c.witness.distance)
            for c in certificates
            if c.delta_lower > delta and _trusted(c)
        ),
        default=math.inf,
    )


def _trusted(certificate: Certificate) -> bool:
    return certificate.reason is not Reason.INCONSISTENT
