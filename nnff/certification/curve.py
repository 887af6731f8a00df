"""Delta as a function of epsilon, bracketed at every point."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nnff.errors import SimilarityError

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
    for every larger one: both bounds are made monotone by that.
    """

    points: tuple[CurvePoint, ...]
    certificates: tuple[Certificate, ...]

    @classmethod
    def from_certificates(cls, certificates: Iterable[Certificate]) -> Curve:
        """Sort by epsilon and take the least upper bound from above, the largest pair from below."""
        ordered = tuple(sorted(certificates, key=lambda c: c.epsilon))
        upper = np.minimum.accumulate([c.delta_upper for c in reversed(ordered)])[::-1]
        lower = np.maximum.accumulate([c.delta_lower for c in ordered])
        points = tuple(
            CurvePoint(c.epsilon, float(low), float(high), c.closed_form, c.seconds)
            for c, low, high in zip(ordered, lower, upper, strict=True)
        )
        return cls(points, ordered)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per epsilon."""
        columns = ("epsilon", "delta_lower", "delta_upper", "closed_form", "seconds")
        return pd.DataFrame([[getattr(p, c) for c in columns] for p in self.points], columns=list(columns))


def curve(epsilons: Iterable[float], certify_at: Callable[[float], Certificate]) -> Curve:
    """Certify at every epsilon.

    Parameters
    ----------
    epsilons
        The thresholds, in any order; duplicates are dropped.
    certify_at
        Makes the certificate for one epsilon.  A certificate that was
        interrupted ends the curve early; what was finished is kept.
    """
    chosen = sorted({float(epsilon) for epsilon in epsilons})
    if not chosen:
        raise SimilarityError("a curve needs at least one epsilon")
    certificates = []
    for epsilon in chosen:
        certificate = certify_at(epsilon)
        certificates.append(certificate)
        if certificate.reason == "interrupted":
            break
    return Curve.from_certificates(certificates)
