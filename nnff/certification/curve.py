"""Delta as a function of epsilon, bracketed at every point."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nnff.certification.bracket import CONTRADICTION
from nnff.certification.largest_epsilon import LargestEpsilon, least_violated
from nnff.certification.shape import Linearity, Rise, linearity, rise
from nnff.errors import ProblemError, SimilarityError
from nnff.question import QuestionKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from nnff.certification.certificate import Certificate

__all__ = ["Curve", "CurvePoint", "curve"]


@dataclass(frozen=True)
class CurvePoint:
    """Both bounds at one epsilon, after `Curve` has made them monotone."""

    epsilon: float
    delta_lower: float
    delta_upper: float
    closed_form: float
    seconds: float


@dataclass(frozen=True)
class Curve:
    """The eps-delta curve, epsilon ascending.

    delta_max does not decrease with epsilon, so the bound of a larger epsilon
    holds for every smaller one, and a pair of a smaller epsilon is a pair
    for every larger one: both bounds are made monotone by that.  A bound that
    such a pair exceeds by more than rounding is refuted, and counts for nothing.
    """

    points: tuple[CurvePoint, ...]
    certificates: tuple[Certificate, ...]

    @classmethod
    def from_certificates(cls, certificates: Iterable[Certificate]) -> Curve:
        """Sort by epsilon and take the least upper bound from above, the largest pair from below."""
        ordered = tuple(sorted(certificates, key=lambda c: c.epsilon))
        if any(c.question.kind is QuestionKind.FLIP for c in ordered):
            raise ProblemError("a curve is of a difference, and a flip is none; ask for output or logit")
        lower = np.maximum.accumulate([c.delta_lower for c in ordered])
        claimed = np.array([c.delta_upper for c in ordered])
        standing = np.where(claimed < lower * (1 - CONTRADICTION), math.inf, np.maximum(claimed, lower))
        upper = np.minimum.accumulate(standing[::-1])[::-1]
        points = tuple(
            CurvePoint(c.epsilon, float(low), float(high), c.closed_form, c.seconds)
            for c, low, high in zip(ordered, lower, upper, strict=True)
        )
        return cls(points, ordered)

    def largest_epsilon(self, delta: float) -> LargestEpsilon:
        """Return the largest epsilon of the curve at which delta_upper is at most `delta`.

        It is proven for every smaller epsilon, too.  `nnff.largest_epsilon` finds one
        between the points.
        """
        certified = max((p.epsilon for p in self.points if p.delta_upper <= delta), default=None)
        return LargestEpsilon(delta, certified, least_violated(self.certificates, delta))

    @property
    def linearity(self) -> Linearity | None:
        """How straight the curve is; None with fewer than three points with both bounds, or if it is flat."""
        return linearity(self.points)

    @property
    def rise(self) -> Rise | None:
        """Where the curve rises, a suggested range of epsilon; None if it does not."""
        return rise(self.points)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per epsilon."""
        columns = ("epsilon", "delta_lower", "delta_upper", "closed_form", "seconds")
        return pd.DataFrame([[getattr(p, c) for c in columns] for p in self.points], columns=list(columns))


def curve(epsilons: Iterable[float], certify_at: Callable[[float], Certificate]) -> Curve:
    """Certify at every epsilon, the largest first.

    From the largest down, because ranges of a larger epsilon hold for a smaller one, and its
    cells cover it: `certify_at` passes them on by giving one `Memory` to all its calls.

    Parameters
    ----------
    epsilons
        The thresholds; duplicates are dropped.
    certify_at
        Makes the certificate for one epsilon.  A certificate that was
        interrupted ends the curve early; what was finished is kept.

    Examples
    --------
    >>> from nnff import Domain, Layer, Memory, Network, certify, curve, metric
    >>> network, domain = Network((Layer([[2.0]], [0.0]),)), Domain.from_box([0], [1])
    >>> memory, similar = Memory(), metric("weighted-lp", p=1)
    >>> made = curve([0.1, 0.2, 0.3], lambda e: certify(network, domain, similar, e, memory=memory))
    >>> made.largest_epsilon(0.45).certified, round(made.linearity.slope, 3)
    (0.2, 2.0)
    """
    chosen = sorted({float(epsilon) for epsilon in epsilons}, reverse=True)
    if not chosen:
        raise SimilarityError("a curve needs at least one epsilon")
    certificates = []
    for epsilon in chosen:
        certificate = certify_at(epsilon)
        certificates.append(certificate)
        if certificate.reason == "interrupted":
            break
    return Curve.from_certificates(certificates)
