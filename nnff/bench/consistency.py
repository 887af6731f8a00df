"""Whether all brackets of one instance meet: a real pair above a certified bound convicts somebody."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nnff.certification.certificate import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from nnff.bench.record import RunRecord

__all__ = ["TOLERANCE", "Bound", "Contradiction", "find_contradictions"]

TOLERANCE = 1e-9
"""A bound below a real pair by more than this, relative, is a contradiction; the same as within one run."""


@dataclass(frozen=True)
class Bound:
    """One side of a bracket, and whose it is.

    Attributes
    ----------
    by
        ``"highs (relational, seed 0)"``, or ``"known"`` with the source.
    contender
        The same without the seed.
    value
        The bound.
    rounding
        How far a real pair's value can be off for rounding alone, absolute.
    """

    by: str
    contender: str
    value: float
    rounding: float = 0.0


@dataclass(frozen=True)
class Contradiction:
    """Two claims about one instance that cannot both be true.

    Attributes
    ----------
    instance
        Its name.
    lower
        A real pair, and who showed it; None when a run contradicted itself.
    upper
        A certified bound below it, and whose it is; None when a run contradicted itself.
    detail
        What a run that contradicted itself said.
    """

    instance: str
    lower: Bound | None = None
    upper: Bound | None = None
    detail: str = ""

    @property
    def sentence(self) -> str:
        """The contradiction with names and numbers, without a full stop."""
        if self.lower is None or self.upper is None:
            return f"{self.instance}: {self.detail}"
        # Twelve digits: that is where contradictions begin.
        return (
            f"{self.instance}: {self.upper.by} claims that no pair differs by more than "
            f"{self.upper.value:.12g}, but {self.lower.by} has a real pair that differs by "
            f"{self.lower.value:.12g}"
        )


def find_contradictions(records: Iterable[RunRecord]) -> tuple[Contradiction, ...]:
    """Compare all brackets of the same instance, whoever made them.

    Runs are of the same instance if the fingerprints of their problems agree: then
    delta_max is one number, every real pair is at most that, and every certified bound
    at least.  So any lower bound above any upper one proves that one of the two
    is wrong.  Known values take part: a known lower bound always, a known upper one if it is proven.

    Parameters
    ----------
    records
        Runs, of any suites.

    Returns
    -------
    For every two contenders that contradict each other on an instance, the worst case; and every
    run in which a solver contradicted a real pair.
    """
    groups: dict[str, list[RunRecord]] = defaultdict(list)
    found: list[Contradiction] = []
    for record in records:
        if record.instance_fingerprint:
            groups[record.instance_fingerprint].append(record)
        if record.reason == Reason.INCONSISTENT:
            found.append(Contradiction(record.spec.instance, detail=f"{_who(record)}: {record.detail}"))
    for group in groups.values():
        found.extend(_of_one_instance(group))
    return tuple(found)


def _of_one_instance(records: Sequence[RunRecord]) -> Iterator[Contradiction]:
    lowers = [
        Bound(_who(record), _contender(record), record.delta_lower, record.rounding) for record in records
    ]
    uppers = [Bound(_who(record), _contender(record), record.delta_upper) for record in records]
    for record in records:
        by = f"known ({record.known_source})" if record.known_source else "known"
        if record.known_lower is not None:
            lowers.append(Bound(by, by, record.known_lower))
        if record.known_upper is not None and record.known_proven:
            uppers.append(Bound(by, by, record.known_upper))
    worst: dict[tuple[str, str], tuple[float, Bound, Bound]] = {}
    least = min(upper.value for upper in uppers)
    # Almost always none is left, so that not every pair has to be looked at.
    for lower in (lower for lower in lowers if _excess(lower, least) > 0):
        for upper in uppers:
            excess = _excess(lower, upper.value)
            pair = (lower.contender, upper.contender)
            if excess > 0 and (pair not in worst or excess > worst[pair][0]):
                worst[pair] = (excess, lower, upper)
    for _, lower, upper in worst.values():
        yield Contradiction(records[0].spec.instance, lower, upper)


def _excess(lower: Bound, upper: float) -> float:
    """By how much a real pair exceeds a bound beyond what rounding explains."""
    return lower.value - lower.rounding - upper - TOLERANCE * max(abs(lower.value), abs(upper))


def _contender(record: RunRecord) -> str:
    spec = record.spec
    return f"{spec.backend} ({spec.strategy})" if spec.backend else spec.strategy


def _who(record: RunRecord) -> str:
    spec = record.spec
    return f"{spec.backend} ({spec.strategy}, seed {spec.seed})" if spec.backend else spec.strategy
