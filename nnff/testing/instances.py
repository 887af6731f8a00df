"""Small programs whose answers are known by construction, for the conformance kit of solvers.

Easy ones are solved here by trying every point.  Hard ones are market splits (Cornuejols and
Dawande, "A class of hard small 0-1 programs", IPCO 1998) around a planted
point: no solver finishes them within the seconds that a check has, and yet a
feasible point, and with it an upper limit for every dual bound, is known.

All numbers are integers or short dyadic fractions, so that the expected values are exact floats.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp

from nnff.milp import MatrixProblem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nnff.values import FloatArray

__all__ = [
    "Planted",
    "dense_problem",
    "knapsack",
    "market_split",
    "mixed_columns",
    "row_kinds",
    "tiny_coefficient",
    "transfer_digits",
]


@dataclass(frozen=True)
class Planted:
    """A problem with a known feasible point.

    Attributes
    ----------
    problem
        The program.
    point
        A feasible point, exactly feasible in floating point.
    value
        Its objective, exact: no sound dual bound lies above it.
    optimal
        Whether it is known to be a best point.
    """

    problem: MatrixProblem
    point: FloatArray
    value: float
    optimal: bool


def dense_problem(
    cost: Sequence[float] | FloatArray,
    rows: Any,
    row_bounds: Sequence[tuple[float, float]],
    column_bounds: Sequence[tuple[float, float]],
    integer: Sequence[bool] | None = None,
    *,
    offset: float = 0.0,
) -> MatrixProblem:
    """Make a problem from plain lists; `rows` is dense, zeros are not stored.  No `integer`: an LP."""
    n, m = len(cost), len(row_bounds)
    matrix = sp.csr_array(np.array(rows, dtype=np.float64).reshape(m, n))
    low_high = np.array(column_bounds, dtype=np.float64).reshape(n, 2)
    rows_low_high = np.array(row_bounds, dtype=np.float64).reshape(m, 2)
    return MatrixProblem(
        np.array(cost, dtype=np.float64),
        offset,
        matrix.indptr,
        matrix.indices,
        matrix.data,
        rows_low_high[:, 0],
        rows_low_high[:, 1],
        low_high[:, 0],
        low_high[:, 1],
        np.zeros(n, dtype=bool) if integer is None else np.array(integer, dtype=bool),
    )


def knapsack(seed: int, *, items: int = 14, scale: int = 1, offset: float = 0.0) -> Planted:
    """Return a knapsack with three capacities, solved by trying all 2^items points.

    `scale` multiplies all costs and adds single units below it, so that the best
    points differ by less than 1e-4 relative when it is large: a solver that
    stops at a relative gap answers wrong.
    """
    rng = np.random.default_rng(seed)
    weights = rng.integers(5, 60, (3, items)).astype(np.float64)
    cost = -(np.rint(weights.sum(axis=0) / 3) * scale + rng.integers(0, 12, items))
    capacity = np.floor(weights.sum(axis=1) / 2)
    points = ((np.arange(2**items)[:, None] >> np.arange(items)) & 1).astype(np.float64)
    values = np.where((points @ weights.T <= capacity).all(axis=1), points @ cost, math.inf)
    best = int(np.argmin(values))
    problem = dense_problem(
        cost,
        weights,
        [(-math.inf, float(c)) for c in capacity],
        [(0.0, 1.0)] * items,
        [True] * items,
        offset=offset,
    )
    return Planted(problem, points[best], float(values[best]) + offset, optimal=True)


def market_split(seed: int, *, slack: bool, rows: int = 6, items: int = 50) -> Planted:
    """Return a market split around a planted point, with or without slack columns.

    With slack, any 0-1 point is feasible at the price of its deviation, so that
    a solver soon holds a point; the optimum -1000 (no deviation) is known and
    hard to reach.  Without, hardly any point but the planted one is feasible, so
    that a solver stops without any; the objective is arbitrary.
    """
    rng = np.random.default_rng(seed)
    weights = rng.integers(0, 100, (rows, items)).astype(np.float64)
    chosen = np.zeros(items)
    chosen[rng.permutation(items)[: items // 2]] = 1.0
    demand = weights @ chosen
    bounds = [(float(d), float(d)) for d in demand]
    if not slack:
        cost = -rng.integers(1, 100, items).astype(np.float64)
        problem = dense_problem(cost, weights, bounds, [(0.0, 1.0)] * items, [True] * items, offset=-1000.0)
        return Planted(problem, chosen, float(cost @ chosen) - 1000.0, optimal=False)
    total = float(weights.sum())
    problem = dense_problem(
        np.concatenate([np.zeros(items), np.ones(2 * rows)]),
        np.hstack([weights, np.eye(rows), -np.eye(rows)]),
        bounds,
        [(0.0, 1.0)] * items + [(0.0, total)] * (2 * rows),
        [True] * items + [False] * (2 * rows),
        offset=-1000.0,
    )
    point = np.concatenate([chosen, np.zeros(2 * rows)])
    return Planted(problem, point, -1000.0, optimal=True)


def mixed_columns(*, integer: bool) -> Planted:
    """Return a program with free, negative, half-open and fixed columns.

    Minimise 2 a + b - c + d + 10 subject to
    a + b >= -7.5 (a free, b in [-4, -1]), c - d <= 2.5 (c >= 0, d <= 5), e = -3 fixed,
    a + e >= -8.  As an LP a = -5, b = -2.5; with b integer b = -2.
    c - d = 2.5 at any d: the objective counts only the difference.
    """
    inf = math.inf
    problem = dense_problem(
        [2, 1, -1, 1, 0],
        [[1, 1, 0, 0, 0], [0, 0, 1, -1, 0], [1, 0, 0, 0, 1]],
        [(-7.5, inf), (-inf, 2.5), (-8, inf)],
        [(-inf, inf), (-4, -1), (0, inf), (-inf, 5), (-3, -3)],
        [False, integer, False, False, False],
        offset=10.0,
    )
    b = -2.0 if integer else -2.5
    point = np.array([-5.0, b, 7.5, 5.0, -3.0])
    return Planted(problem, point, 2 * -5.0 + b - 2.5 + 10.0, optimal=True)


def row_kinds(*, integer: bool, low: bool = False) -> Planted:
    """Return a program with an equality, a range, both one-sided rows, a free and an empty row.

    x, y in [0, 10] and z in [-10, 10] with x + y in [2, 7.5], x - z = 1, y <= 6,
    z >= -0.5, one row without bounds and one without entries.  Minimised is -2 x - 2 y + z,
    that is -x - 2 y - 1, at the upper end of the range; or with `low` its negative, at the lower end.
    """
    inf = math.inf
    sign = -1.0 if low else 1.0
    problem = dense_problem(
        [-2 * sign, -2 * sign, sign],
        [[1, 1, 0], [1, 0, -1], [0, 1, 0], [0, 0, 1], [5, 5, 5], [0, 0, 0]],
        [(2, 7.5), (1, 1), (-inf, 6), (-0.5, inf), (-inf, inf), (-1, 1)],
        [(0, 10), (0, 10), (-10, 10)],
        [integer, integer, False],
    )
    if low:
        return Planted(problem, np.array([2.0, 0.0, 1.0]), 3.0, optimal=True)
    x = 1.0 if integer else 1.5
    return Planted(problem, np.array([x, 6.0, x - 1.0]), -13.0 - x, optimal=True)


def tiny_coefficient(size: float, *, integer: bool) -> Planted:
    """Return a program in which a coefficient of `size` (a power of two) moves the optimum by 0.25.

    Minimise -x subject to x + size * y <= 0.5, x in [0, 1], y in [-0.25 / size, 0]: the
    optimum is -0.75, and a solver that drops the coefficient proves -0.5.
    With `integer` there is also a binary w with x + w <= 1.75, which changes nothing.
    """
    problem = dense_problem(
        [-1, 0, 0],
        [[1, size, 0], [1, 0, 1]],
        [(-math.inf, 0.5), (-math.inf, 1.75)],
        [(0, 1), (-0.25 / size, 0), (0, 1)],
        [False, False, integer],
    )
    return Planted(problem, np.array([0.75, -0.25 / size, 0.0]), -0.75, optimal=True)


def transfer_digits(where: str) -> Planted:
    """Return a program whose optimum shows the last bit of a number `where` stands.

    Two columns fixed at 2^40 carry two neighbouring floats near 0.1 into
    one row, so that ``s = 2^40 (a - b)``, a multiple of 2^-16, is the difference
    of their last bits enlarged: printing fewer than 17 digits changes it.

    Parameters
    ----------
    where
        ``"coefficient"``, ``"row bound"`` or ``"column bound"``.
    """
    a, big = 0.1, 2.0**40
    b = a
    for _ in range(3):
        b = math.nextafter(b, 1.0)
    s = big * a - big * b
    if where == "coefficient":
        problem = dense_problem(
            [0, 0, 1], [[a, -b, -1]], [(0, 0)], [(big, big), (big, big), (-1, 1)], [False] * 3
        )
        point = np.array([big, big, s])
    elif where == "row bound":
        problem = dense_problem([0, 1], [[b, 1]], [(big * a, big * a)], [(big, big), (-1, 1)], [False] * 2)
        point = np.array([big, s])
    elif where == "column bound":
        problem = dense_problem(
            [0, 0, 1], [[big, -big, -1]], [(0, 0)], [(a, a), (b, b), (-1, 1)], [False] * 3
        )
        point = np.array([a, b, s])
    else:
        raise ValueError(where)
    return Planted(problem, point, s, optimal=True)
