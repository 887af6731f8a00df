r"""The Euclidean ball as linear rows: Ben-Tal and Nemirovski's lifted polyhedron.

The ball ``|v|_2 <= r`` in n dimensions is a binary tree of n - 1 planar cones
``|(t1, t2)|_2 <= t3``.  Each planar cone is replaced by k rotations, each
followed by a fold (A. Ben-Tal and A. Nemirovski, On polyhedral approximations of the
second-order cone, Mathematics of Operations Research 26, 2001)::

    xi_0 >= |t1|,  eta_0 >= |t2|
    xi_l  =  cos(a_l) xi_(l-1) + sin(a_l) eta_(l-1)          a_l = pi / 2^(l+1),  l = 1..k
    eta_l >= |-sin(a_l) xi_(l-1) + cos(a_l) eta_(l-1)|
    eta_k <= tan(pi / 2^(k+1)) xi_k
    t3 = xi_k

*Outer.*  Take the rows as equalities.  The point (|t1|, |t2|) has an angle in [0, pi/2];
rotating by ``-a_l`` and folding upward leaves an angle in [0, pi / 2^(l+1)] and the
same norm.  After k steps the angle is at most pi / 2^(k+1), so the fourth row holds, and
``xi_k`` is at most the norm, so ``t3 <= |(t1, t2)|``.

*Not too large.*  A rotation keeps the norm and a larger eta raises it, hence
``|(t1, t2)| <= |(xi_k, eta_k)| <= t3 / cos(pi / 2^(k+1))``.  Over a tree of
depth ``L = ceil(log2 n)`` the factors multiply: the looseness is ``cos(pi / 2^(k+1))^-L - 1``.
(The root's cone is in fact twice as fine: there the upper bounds of the intermediate xi_l are the
radius itself, and cut where the rows do not.  This is not counted.)

*Rounding.*  Cosines and sines are off by at most u = 2^-53 each, so one step as written
maps the exact point to one that is off by at most 3 u times its norm, and k steps by 3 k u.
Relative to ``xi_k``, which is at least ``cos(pi/4)`` of the norm, the angle test is off
by less than ``9 k u``: the tangent is written ``16 k u`` larger.  And ``xi_k`` may
exceed the norm by a factor ``1 + 3 k u < 1 + SLACK`` per cone: every radius, the root's
included, is written a factor ``1 + SLACK`` per level larger.  Both are counted in the looseness.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from nnff.errors import SimilarityError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nnff.similarity.rows import RowWriter, Variable

    Form = Sequence[tuple[float, Variable]]

__all__ = [
    "SMALLEST_LOOSENESS",
    "ball_looseness",
    "checked_looseness",
    "largest_magnitude",
    "rotation_steps",
    "row_unit",
    "write_ball",
    "write_norm",
]

SMALLEST_LOOSENESS = 1e-9
"""Below this the last rotations are finer than the feasibility tolerance of any solver."""

_ROUNDOFF = 2.0**-53
_MOST_STEPS = 18
# More than 3 k u for k up to _MOST_STEPS (6e-15), with room for the rounding of the bounds themselves.
_SLACK = 2.0**-44
_MOST_BITS = 20


def checked_looseness(looseness: float) -> float:
    """Return `looseness` as a float.

    Raises
    ------
    SimilarityError
        If it is not a number from `SMALLEST_LOOSENESS` to 1.
    """
    try:
        value = float(looseness)
    except (TypeError, ValueError):
        value = math.nan
    if not SMALLEST_LOOSENESS <= value <= 1:
        raise SimilarityError(
            f"the looseness is {looseness!r}; it must be a number from {SMALLEST_LOOSENESS:g} to 1"
        )
    return value


def ball_looseness(dimension: int, steps: int) -> float:
    """Return how much larger than the ball the rows of `write_ball` can be, relative, rounded up.

    Parameters
    ----------
    dimension
        Number of linear forms n; 0 and 1 are exact.
    steps
        Rotation steps k of every planar cone.
    """
    depth = _depth(dimension)
    if depth == 0:
        return 0.0
    # 4 k u is more than what k rounded rotations can take from a norm.
    cone = math.hypot(1.0, _tangent(steps)) * (1 + 4 * steps * _ROUNDOFF) * (1 + _SLACK)
    # One unit in the last place per operation, depth of them: far below 1e-13.
    return math.expm1(depth * math.log(cone)) + 1e-13


def rotation_steps(dimension: int, looseness: float) -> int:
    """Return the fewest rotation steps whose `ball_looseness` is at most `looseness`.

    Raises
    ------
    SimilarityError
        If no number of steps is enough; for `SMALLEST_LOOSENESS` and above there always is one.
    """
    # With _MOST_STEPS the looseness is 1.8e-11 per level of the tree: 1e-9 up to depth 50.
    for steps in range(1, _MOST_STEPS + 1):
        if ball_looseness(dimension, steps) <= looseness:
            return steps
    raise SimilarityError(f"a looseness of {looseness:g} is too small; {SMALLEST_LOOSENESS:g} is possible")


def row_unit(epsilon: float) -> float:
    """Return the unit in which to write rows about a ball of radius `epsilon`.

    Solvers hold rows to an absolute tolerance, so rows are written for
    ``v / unit`` with a ball of radius about 1: otherwise a ball of radius .001 would be blurred by a
    tolerance of 1e-7 as much as by a looseness of 1e-4, and for one of radius 1e5 the tolerance would be
    below the precision of the numbers.  A power of two, so that the scaled coefficients and radius
    are exact; from 2^-20 to 2^20, so that coefficients stay moderate.
    """
    if not epsilon > 0:
        return 1.0
    _, exponent = math.frexp(epsilon)
    return math.ldexp(1.0, max(-_MOST_BITS, min(_MOST_BITS, exponent - 1)))


def largest_magnitude(rows: RowWriter, form: Form) -> float:
    """Return the largest ``|form|`` that the bounds of its variables allow, rounded up."""
    low = high = size = 0.0
    fixed_at_zero = True
    for coefficient, variable in form:
        bounds = rows.bounds(variable)
        if coefficient == 0 or bounds == (0.0, 0.0):
            continue
        fixed_at_zero = False
        ends = [coefficient * bound for bound in bounds]
        low, high = low + min(ends), high + max(ends)
        size += max(abs(end) for end in ends)
    if fixed_at_zero:
        return 0.0
    # Each of the products and sums is off by at most u times `size`.
    error = (2 * len(form) + 2) * _ROUNDOFF * size
    return math.nextafter(max(-low, high) + error, math.inf)


def write_ball(rows: RowWriter, terms: Sequence[Form], epsilon: float, looseness: float) -> float:
    """Write rows that hold every point with ``|v|_2 <= epsilon`` and little more.

    Parameters
    ----------
    rows
        Where to add variables and rows.
    terms
        The linear forms v_1, ..., v_n, each a sequence of (coefficient, variable).  A form that is
        zero for the bounds of its variables is left out.
    epsilon
        Radius, finite and not negative.
    looseness
        Every point that satisfies the rows has ``|v|_2 <= epsilon (1 + looseness)``.

    Returns
    -------
    The looseness achieved, rounded up, at most `looseness`; 0 where the rows
    are exact: for a radius of 0 (every form is 0), a single form, or bounds within the ball (no rows).

    Notes
    -----
    Rows are written in units of `row_unit`.  The auxiliary variables have finite bounds: a norm
    is at most the radius, and at most the norm of the largest magnitudes of its forms.
    """
    magnitudes = [largest_magnitude(rows, form) for form in terms]
    live = [(form, most) for form, most in zip(terms, magnitudes, strict=True) if most > 0]
    if epsilon == 0:
        for form, _ in live:
            rows.row(form, 0.0, 0.0)
        return 0.0
    # hypot rounds once: less than the margin.
    if math.hypot(*(most for _, most in live)) * (1 + _SLACK) <= epsilon:
        return 0.0
    unit = row_unit(epsilon)
    radius = epsilon / unit
    scaled = [[(coefficient / unit, variable) for coefficient, variable in form] for form, _ in live]
    if len(live) == 1:
        rows.row(scaled[0], -radius, radius)
        return 0.0
    steps = rotation_steps(len(live), looseness)
    level = [
        (_write_magnitude(rows, form, min(most / unit, radius)), min(most / unit, radius))
        for form, (_, most) in zip(scaled, live, strict=True)
    ]
    while len(level) > 1:
        # A norm as written may exceed the true one by SLACK per cone; so may the radius.
        radius *= 1 + _SLACK
        level = [_write_cone(rows, level[i : i + 2], steps, radius) for i in range(0, len(level), 2)]
    return ball_looseness(len(live), steps)


def write_norm(rows: RowWriter, terms: Sequence[Form], most: float, looseness: float) -> Form:
    """Write rows about ``|v|_2`` itself, where it is at most `most`, and return it as a linear form N.

    The tree of `write_ball` without a bound at its root: every point has values of the auxiliary variables
    with
    ``N <= |v|_2 (1 + 1e-12)``, and wherever the rows hold ``|v|_2 <= N (1 + looseness)``.

    Parameters
    ----------
    rows, terms, looseness
        As for `write_ball`.
    most
        Finite and positive.

    Returns
    -------
    Pairs of coefficient and variable; none if every form is zero.
    """
    magnitudes = [largest_magnitude(rows, form) for form in terms]
    live = [(form, size) for form, size in zip(terms, magnitudes, strict=True) if size > 0]
    if not live:
        return []
    unit = row_unit(most)
    radius = most / unit * (1 + _SLACK)
    steps = rotation_steps(len(live), looseness)
    level = []
    for form, size in live:
        reach = min(size / unit, radius)
        scaled = [(coefficient / unit, variable) for coefficient, variable in form]
        level.append((_write_magnitude(rows, scaled, reach), reach))
    while len(level) > 1:
        radius *= 1 + _SLACK
        level = [_write_cone(rows, level[i : i + 2], steps, radius) for i in range(0, len(level), 2)]
    return [(unit, level[0][0])]


def _depth(dimension: int) -> int:
    """Return ceil(log2 n), in whole numbers."""
    return max(dimension - 1, 0).bit_length()


def _tangent(steps: int) -> float:
    """Return tan(pi / 2^(k+1)), larger by what k rounded rotations can add to an angle."""
    return math.tan(math.pi / 2 ** (steps + 1)) + 16 * steps * _ROUNDOFF


def _write_magnitude(rows: RowWriter, form: Form, most: float) -> Variable:
    """Add a variable that is at least ``|form|``, which is at most `most`."""
    magnitude = rows.variable(0.0, most)
    _write_at_least(rows, magnitude, form)
    return magnitude


def _write_at_least(rows: RowWriter, variable: Variable, form: Form) -> None:
    """Add the rows ``variable >= form`` and ``variable >= -form``."""
    rows.row([(1.0, variable), *((-c, x) for c, x in form)], 0.0, math.inf)
    rows.row([(1.0, variable), *form], 0.0, math.inf)


def _write_cone(
    rows: RowWriter, pair: list[tuple[Variable, float]], steps: int, radius: float
) -> tuple[Variable, float]:
    """Add a variable that stands for the norm of a pair of them, all with their upper bounds."""
    if len(pair) == 1:
        return pair[0]
    (xi, first), (eta, second) = pair
    most = min(math.hypot(first, second) * (1 + _SLACK), radius)
    for step in range(1, steps + 1):
        angle = math.pi / 2 ** (step + 1)
        cosine, sine = math.cos(angle), math.sin(angle)
        turned, folded = rows.variable(0.0, most), rows.variable(0.0, most)
        rows.row([(1.0, turned), (-cosine, xi), (-sine, eta)], 0.0, 0.0)
        _write_at_least(rows, folded, [(-sine, xi), (cosine, eta)])
        xi, eta = turned, folded
    rows.row([(_tangent(steps), xi), (-1.0, eta)], 0.0, math.inf)
    return xi, most
