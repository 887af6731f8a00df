r"""The ball of a weighted l_p norm, 1 < p < inf, as linear rows: tangents of ``|u|^p``.

With ``v_i = theta_i^(1/p) d_i`` and ``u_i = v_i / eps`` the ball is ``sum |u_i|^p <= 1``.  Each term is
replaced
by its tangents at M + 1 places,

    ``t_i >= p a^(p-1) |u_i| - (p-1) a^p``   for   ``a = (k / M)^(2/p)``, ``k = 0..M``,

and the ball by ``sum t_i <= 1``.  No binaries.

*Outer.*  ``u^p`` is convex, so its tangents lie below it: ``t_i = |u_i|^p`` satisfies the rows.

*Not too large.*  ``|u_i| <= 1`` is written too.  There a term exceeds its tangents by no more than g, the
largest
gap between two neighbours, which is at the place where they cross.  So every point of the rows has
``sum |u_i|^p <= 1 + n g``: the looseness is ``(1 + n g)^(1/p) - 1``.  The places are those at which
``u^(p/2)`` grows by equal steps; there the gaps are nearly equal, about ``(p-1) / (2 p M^2)``.

*Rounding.*  A slope that is off by e moves a tangent by at most e on ``|u| <= 1``.  Slopes ``p a^(p-1)`` and
intercepts are off by a few units in the last place of p, because ``a <= 1``: each intercept is lowered
by 64 such units, which are counted in g.

Rows are written in units of `nnff.similarity.row_unit`, as the Euclidean ball's are: ``unit u_i`` has a
range of about 1
however small epsilon is.
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from nnff.errors import SimilarityError
from nnff.similarity import largest_magnitude, row_unit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nnff.similarity import RowWriter, Variable
    from nnff.values import FloatArray

__all__ = ["power_looseness", "root_of_weight", "tangent_count", "write_power_ball", "write_power_norm"]

_ROUNDOFF = 2.0**-53
_MOST_TANGENTS = 2000


def tangent_count(p: float, dimension: int, looseness: float) -> int:
    """Return the fewest steps M whose `power_looseness` is at most `looseness`.

    Raises
    ------
    SimilarityError
        If more than 2000 would be needed.
    """
    low, high = 0, 1
    while power_looseness(p, dimension, high) > looseness:
        low, high = high, 2 * high
        if low >= _MOST_TANGENTS:
            best = power_looseness(p, dimension, _MOST_TANGENTS)
            raise SimilarityError(
                f"a looseness of {looseness:g} for p = {p:g} and {dimension} features takes more than "
                f"{_MOST_TANGENTS} tangents per feature; a looseness of {best:.1g} is possible"
            )
    while high - low > 1:
        middle = (low + high) // 2
        if power_looseness(p, dimension, middle) > looseness:
            low = middle
        else:
            high = middle
    return high


@cache
def power_looseness(p: float, dimension: int, count: int) -> float:
    """Return how much larger than the ball the rows of `write_power_ball` can be, relative, rounded up.

    Parameters
    ----------
    p
        The exponent, ``1 < p < inf``.
    dimension
        Number of features n with a weight; 0 and 1 are exact.
    count
        Steps M.
    """
    if dimension <= 1:
        return 0.0
    gap = _largest_gap(p, count) + 256 * p * _ROUNDOFF
    # The coefficients of the rows are rounded towards a larger ball: far less than 1e-12.
    return math.expm1(math.log1p(dimension * gap) / p) * (1 + 1e-12) + 1e-12


def root_of_weight(weight: float, p: float) -> float:
    """Return ``theta^(1/p)`` rounded down; rounded up it would make the ball smaller."""
    root: float = weight ** (1 / p)
    # 1/p is rounded, which moves the root by |ln theta| / p units, and the power is good to a few.
    return root * (1 - (8 + 2 * abs(math.log(weight)) / p) * _ROUNDOFF)


def write_power_ball(
    rows: RowWriter, seen: Sequence[tuple[float, Variable]], p: float, epsilon: float, count: int
) -> None:
    """Write rows that hold every d with ``(sum theta_i |d_i|^p)^(1/p) <= epsilon``, and little more.

    Parameters
    ----------
    rows
        Where to add variables and rows.
    seen
        Pairs of theta_i > 0 and d_i.
    p
        The exponent, ``1 < p < inf``.
    epsilon
        Radius, finite and not negative.
    count
        Steps M of the tangents (`tangent_count`).
    """
    roots = [(root_of_weight(theta, p), d) for theta, d in seen]
    if epsilon == 0:
        for _, d in seen:
            rows.row([(1.0, d)], 0.0, 0.0)
        return
    unit = row_unit(epsilon)
    radius = epsilon / unit
    live = [(root / unit, d, largest_magnitude(rows, [(root / unit, d)])) for root, d in roots]
    live = [(root, d, most) for root, d, most in live if most > 0]
    if sum(_power_up(min(most / radius, 2.0), p) for *_, most in live) <= 1:
        return
    if len(live) == 1:
        [(root, d, _)] = live
        rows.row([(root, d)], -radius, radius)
        return
    total = []
    slopes, intercepts, places = _tangents(p, count)
    for root, d, most in live:
        magnitude = rows.variable(0.0, min(most, radius))
        rows.row([(1.0, magnitude), (-root, d)], 0.0, math.inf)
        rows.row([(1.0, magnitude), (root, d)], 0.0, math.inf)
        share = min(most / radius, 1.0)
        t = rows.variable(0.0, radius * min(_power_up(share, p), 1.0) * (1 + 4 * _ROUNDOFF))
        # The tangent at 0 is the variable's own lower bound.  Those beyond the range touch nothing in it,
        # but the
        # first of them is the lowest gap's other side.
        needed = min(int(np.searchsorted(places, share)) + 1, count)
        for slope, intercept in zip(slopes[:needed], intercepts[:needed], strict=True):
            constant = math.nextafter(radius * float(intercept), math.inf)
            rows.row([(1.0, t), (-float(slope), magnitude)], -constant, math.inf)
        total.append((1.0, t))
    rows.row(total, -math.inf, radius)


def write_power_norm(
    rows: RowWriter, seen: Sequence[tuple[float, Variable]], p: float, most: float, count: int
) -> list[tuple[float, Variable]]:
    """Write rows about the norm itself, where it is at most `most`, and return it as a linear form.

    The tangents are homogeneous: with a norm N in place of the radius they read ``t_i >= slope |v_i| - c N``.
    Parameters are those of `write_power_ball`; a point's own norm satisfies the rows.
    """
    unit = row_unit(most)
    radius = most / unit * (1 + 4 * _ROUNDOFF)
    roots = [(root_of_weight(theta, p) / unit, d) for theta, d in seen]
    live = [(root, d, largest_magnitude(rows, [(root, d)])) for root, d in roots]
    live = [(root, d, size) for root, d, size in live if size > 0]
    if not live:
        return []
    norm = rows.variable(0.0, radius)
    total = []
    slopes, intercepts, _ = _tangents(p, count)
    for root, d, size in live:
        magnitude = rows.variable(0.0, min(size, radius))
        rows.row([(1.0, magnitude), (-root, d)], 0.0, math.inf)
        rows.row([(1.0, magnitude), (root, d)], 0.0, math.inf)
        rows.row([(1.0, norm), (-1.0, magnitude)], 0.0, math.inf)
        if len(live) == 1:
            continue
        t = rows.variable(0.0, radius)
        for slope, intercept in zip(slopes, intercepts, strict=True):
            rows.row([(1.0, t), (-float(slope), magnitude), (float(intercept), norm)], 0.0, math.inf)
        total.append((1.0, t))
    if total:
        rows.row([(1.0, norm), *((-1.0, t) for _, t in total)], 0.0, math.inf)
    return [(unit, norm)]


def _power_up(share: float, p: float) -> float:
    """Return ``share^p``, rounded up."""
    if share == 0:
        return 0.0
    value: float = share**p
    return value * (1 + (8 + 2 * p * abs(math.log(share))) * _ROUNDOFF) + 5e-324


@cache
def _tangents(p: float, count: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return slopes, constants c of ``u^p >= slope u - c``, and places, of the tangents but the one at 0."""
    places = _places(p, count)[1:]
    slopes = p * places ** (p - 1)
    return slopes, (p - 1) * places**p + 64 * p * _ROUNDOFF, places


def _places(p: float, count: int) -> FloatArray:
    result: FloatArray = (np.arange(count + 1) / count) ** (2 / p)
    return result


def _largest_gap(p: float, count: int) -> float:
    """Return the largest distance of ``u^p`` on [0, 1] from its tangents.

    Two neighbouring tangents, at a < b, cross at ``z = (p-1)/p (b^p - a^p) / (b^(p-1) - a^(p-1))``, and there
    the convex function is farthest above the larger of the two.
    """
    places = _places(p, count)
    a, b = places[:-1], places[1:]
    with np.errstate(all="ignore"):
        z = (p - 1) / p * (b**p - a**p) / (b ** (p - 1) - a ** (p - 1))
    # Where both powers have vanished, so has every gap.
    z = np.clip(np.nan_to_num(z, nan=0.0), a, b)
    gaps = z**p - np.maximum(a**p + p * a ** (p - 1) * (z - a), b**p + p * b ** (p - 1) * (z - b))
    # Where z is off, the envelope of the two is off by a slope times that; both are far below the margin.
    return float(gaps.max())
