"""Possible points by linear and integer programs, and which rows leave none.

The programs are solved in floating point by HiGHS through SciPy.  No bound rests on them: points are
checked by whoever uses them, and a domain that is wrongly called empty is refused with a message.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from nnff.domain.polytope import Polytope
    from nnff.values import BoolArray, FloatArray

__all__ = ["Choices", "blamed_rows", "center", "nearest_choice"]

_TOLERANCE = 1e-10
_MILP_SECONDS = 2.0


@dataclass(frozen=True)
class Choices:
    """What makes a point discrete.

    Attributes
    ----------
    integer
        Mask of features that are whole numbers, shape (n,).
    one_hot
        Groups of features whose sum is 1.
    ordinal
        Feature and its levels.
    """

    integer: BoolArray
    one_hot: tuple[tuple[int, ...], ...]
    ordinal: tuple[tuple[int, tuple[float, ...]], ...]


def center(body: Polytope) -> FloatArray | None:
    """Return a point well inside one polytope, shape (n,), or None if it is empty.

    The largest margin, in units of rows' norms and of the box, by a linear program.  Features with equal
    bounds, such as discrete ones whose values are chosen, stay there.
    """
    from scipy.optimize import linprog  # noqa: PLC0415 - slow to import

    width = body.upper - body.lower
    live = np.flatnonzero(width > 0)
    matrix = body.matrix[:, live] * width[live]
    norm = np.linalg.norm(matrix, axis=1)
    offset = body.matrix @ body.lower
    # Rows that no live feature moves hold, or do not.
    idle = norm == 0
    if (np.maximum(body.row_lower - offset, offset - body.row_upper)[idle] > body.slack[idle]).any():
        return None
    if not live.size:
        return body.lower.copy()
    scale = np.where(idle, 1.0, norm)
    # An equation has no inside, so no margin is asked of it.
    roomy = (body.row_upper - body.row_lower > 2 * body.slack).astype(np.float64)
    coefficients, limits = [], []
    for sign, bound in ((1.0, body.row_upper), (-1.0, body.row_lower)):
        used = np.isfinite(bound) & ~idle
        coefficients.append(np.column_stack([sign * matrix / scale[:, None], roomy])[used])
        limits.append((sign * (bound - offset) / scale)[used])
    size = len(live)
    coefficients.append(np.column_stack([np.concatenate([np.eye(size), -np.eye(size)]), np.ones(2 * size)]))
    limits.append(np.concatenate([np.ones(size), np.zeros(size)]))
    answer = linprog(
        np.concatenate([np.zeros(size), [-1.0]]),
        A_ub=np.concatenate(coefficients),
        b_ub=np.concatenate(limits),
        bounds=[(0.0, 1.0)] * size + [(0.0, 0.5)],
        method="highs",
        options={"primal_feasibility_tolerance": _TOLERANCE},
    )
    if answer.status != 0 or answer.x is None:
        return None
    point = body.lower.copy()
    moved = body.lower[live] + width[live] * answer.x[:-1]
    point[live] = np.clip(moved, body.lower[live], body.upper[live])
    return point


def nearest_choice(body: Polytope, choices: Choices, x: FloatArray, width: FloatArray) -> FloatArray | None:
    """Return the possible point nearest to x, shape (n,), or None if there is none.

    Nearest in the sum of absolute differences in units of `width`, by an integer program; up
    to its tolerances, so discrete values are to be rounded and the others to be moved inside.
    """
    from scipy.optimize import Bounds, LinearConstraint, milp  # noqa: PLC0415 - slow to import

    n = len(x)
    unit = np.where(width > 0, width, 1.0)
    levels = [(index, known) for index, known in choices.ordinal if body.lower[index] < body.upper[index]]
    extra = sum(len(known) for _, known in levels)
    # Columns: x, its distances from where it should be, one binary per level.
    total = 2 * n + extra
    rows, low, high = [], [], []

    def row(entries: dict[int, float], lower: float, upper: float) -> None:
        line = np.zeros(total)
        for column, value in entries.items():
            line[column] = value
        rows.append(line)
        low.append(lower)
        high.append(upper)

    for coefficients, lower, upper in zip(body.matrix, body.row_lower, body.row_upper, strict=True):
        scale = float(np.abs(coefficients * unit).max())
        row({i: float(c) / scale for i, c in enumerate(coefficients) if c}, lower / scale, upper / scale)
    for i in range(n):
        row({i: 1.0 / unit[i], n + i: 1.0}, x[i] / unit[i], np.inf)
        row({i: 1.0 / unit[i], n + i: -1.0}, -np.inf, x[i] / unit[i])
    for group in choices.one_hot:
        row(dict.fromkeys(group, 1.0), 1.0, 1.0)
    place = 2 * n
    for index, known in levels:
        columns = range(place, place + len(known))
        row(dict.fromkeys(columns, 1.0), 1.0, 1.0)
        row({index: -1.0, **dict(zip(columns, known, strict=True))}, 0.0, 0.0)
        place += len(known)
    far = np.abs(np.concatenate([(body.lower - x) / unit, (body.upper - x) / unit])).max() + 1
    answer = milp(
        np.concatenate([np.zeros(n), np.ones(n), np.zeros(extra)]),
        integrality=np.concatenate([choices.integer, np.zeros(n), np.ones(extra)]).astype(int),
        bounds=Bounds(
            np.concatenate([body.lower, np.zeros(n + extra)]),
            np.concatenate([body.upper, np.full(n, far), np.ones(extra)]),
        ),
        constraints=LinearConstraint(np.array(rows), low, high),
        options={"time_limit": _MILP_SECONDS},
    )
    # At a time limit there may be a point as well.
    return None if answer.x is None else np.asarray(answer.x[:n], dtype=np.float64)


def blamed_rows(body: Polytope) -> list[int]:
    """Return the rows that a point of the box violates when all are violated as little as possible together.

    Empty if all can hold (then it is whole numbers that leave no point).
    """
    from scipy.optimize import linprog  # noqa: PLC0415 - slow to import

    m, n = body.matrix.shape
    scale = np.maximum(np.abs(body.matrix) @ np.maximum(np.abs(body.lower), np.abs(body.upper)), 1e-300)
    matrix = body.matrix / scale[:, None]
    coefficients, limits = [], []
    for sign, bound in ((1.0, body.row_upper), (-1.0, body.row_lower)):
        used = np.isfinite(bound)
        coefficients.append(np.column_stack([sign * matrix, -np.eye(m)])[used])
        limits.append((sign * bound / scale)[used])
    answer = linprog(
        np.concatenate([np.zeros(n), np.ones(m)]),
        A_ub=np.concatenate(coefficients),
        b_ub=np.concatenate(limits),
        bounds=[*zip(body.lower, body.upper, strict=True), *[(0.0, None)] * m],
        method="highs",
    )
    if answer.status != 0 or answer.x is None:
        return []
    return [int(k) for k in np.flatnonzero(answer.x[n:] > 1e-9)]  # noqa: PLR2004 - as `_TOLERANCE`, relative
