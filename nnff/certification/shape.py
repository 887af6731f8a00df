"""What an eps-delta curve looks like: how straight it is, and where it rises."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import lsq_linear

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nnff.certification.curve import CurvePoint
    from nnff.values import FloatArray

__all__ = ["Linearity", "Rise", "linearity", "rise"]

_LOW, _HIGH = 0.05, 0.95
_FEWEST = 3
"""Any two points lie on a line."""

_FLAT = 1e-12


@dataclass(frozen=True)
class Linearity:
    """How well a straight line describes delta over epsilon.

    Attributes
    ----------
    slope, intercept
        The least-squares line through the middles of the brackets.
    r2
        Its coefficient of determination.
    r2_lower, r2_upper
        Whatever the true values within their brackets are, the R2 of their own
        least-squares line lies between these two.
    """

    slope: float
    intercept: float
    r2: float
    r2_lower: float
    r2_upper: float


@dataclass(frozen=True)
class Rise:
    """Where a curve rises: a suggestion of epsilons worth a look, not a statement that is proven.

    Attributes
    ----------
    start, end
        Where the middles of the brackets, joined by straight lines, have made 5 % and 95 % of their way
        from the first point to the last.
    saturated
        Whether the last epsilon but one has made 95 % already.  If not, the curve
        still rises where it ends, and larger epsilons may belong to the range.
    """

    start: float
    end: float
    saturated: bool


def linearity(points: Sequence[CurvePoint]) -> Linearity | None:
    r"""Fit a line, and enclose how straight the true curve can be.

    With R2 = 1 - (distance of the values from all lines)^2 / (distance from all constants)^2 and
    values anywhere in their brackets: both distances are those of a point from a subspace, so over the
    box of brackets their minima are convex least-squares problems, and their maxima are at most the
    distance of the middle plus half the box's diagonal.  The quotient of the one's least by the
    other's largest, and the reverse, enclose R2 (not tightly).

    Parameters
    ----------
    points
        At least three with finite bounds; epsilon ascending.

    Returns
    -------
    None with fewer points, a bound that is missing, or a curve that is flat.
    """
    low, high = np.array([p.delta_lower for p in points]), np.array([p.delta_upper for p in points])
    if len(points) < _FEWEST or not np.isfinite(high).all():
        return None
    epsilons, middle = np.array([p.epsilon for p in points]), (low + high) / 2
    design = np.stack([np.ones_like(epsilons), epsilons], axis=1)
    if np.ptp(middle) <= _FLAT * np.abs(middle).max():
        return None
    (intercept, slope), *_ = np.linalg.lstsq(design, middle)
    off_line, off_mean = _residual(design), _residual(design[:, :1])
    half = float(np.linalg.norm(high - low)) / 2
    from_line, from_mean = (float(np.linalg.norm(off @ middle)) for off in (off_line, off_mean))
    nearest_line, nearest_mean = _least(off_line, low, high), _least(off_mean, low, high)
    return Linearity(
        slope=float(slope),
        intercept=float(intercept),
        r2=1.0 - (from_line / from_mean) ** 2,
        r2_lower=max(0.0, 1.0 - ((from_line + half) / nearest_mean) ** 2) if nearest_mean > 0 else 0.0,
        r2_upper=1.0 - (nearest_line / (from_mean + half)) ** 2,
    )


def _residual(design: FloatArray) -> FloatArray:
    """Return the matrix that maps values to what their least-squares fit leaves."""
    basis, _ = np.linalg.qr(design)
    left: FloatArray = np.eye(len(design)) - basis @ basis.T
    return left


def _least(off: FloatArray, low: FloatArray, high: FloatArray) -> float:
    """Return a lower bound of ``|off y|`` over the box: the least-squares value less what is left to gain.

    For the convex q(y) = |off y|^2 / 2 with gradient G at any y, q is at least q(y) + min over the box
    of G (z - y): this holds whatever the solver has returned.
    """
    # A bracket of width 0 is no range to lsq_linear.
    room = np.maximum(high - low, 1e-12 * np.maximum(1.0, np.abs(high)))
    y = np.clip(lsq_linear(off, np.zeros(len(off)), (low, low + room)).x, low, high)
    gradient = off.T @ (off @ y)
    gain = np.minimum(gradient * (low - y), gradient * (high - y)).sum()
    return float(np.sqrt(max(0.0, float(np.linalg.norm(off @ y)) ** 2 + 2 * float(gain))))


def rise(points: Sequence[CurvePoint]) -> Rise | None:
    """Return where the curve rises, between 5 % and 95 % of the way from its first point to its last.

    Parameters
    ----------
    points
        Epsilon ascending.

    Returns
    -------
    None with fewer than two points, a bound that is missing, or a curve that is flat.
    """
    middle = np.array([(p.delta_lower + p.delta_upper) / 2 for p in points])
    if len(points) < 2 or not np.isfinite(middle).all():  # noqa: PLR2004 - a way has two ends
        return None
    whole = float(middle[-1] - middle[0])
    if whole <= _FLAT * abs(float(middle[-1])):
        return None
    share = np.maximum.accumulate((middle - middle[0]) / whole)
    epsilons = np.array([p.epsilon for p in points])
    start, end = (_reaches(share, epsilons, level) for level in (_LOW, _HIGH))
    return Rise(start, end, saturated=bool(share[-2] >= _HIGH))


def _reaches(share: FloatArray, epsilons: FloatArray, level: float) -> float:
    """Return where the share first reaches a level, between two points by a straight line."""
    after = int(np.argmax(share >= level))
    before = after - 1
    part = (level - share[before]) / (share[after] - share[before])
    return float(epsilons[before] + part * (epsilons[after] - epsilons[before]))
