"""Which pairs of rows are similar: that does not depend on the network's parameters, so it is asked once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nnff.similarity import within

if TYPE_CHECKING:
    from nnff.problem import Problem
    from nnff.values import FloatArray, IntArray

__all__ = ["similar_pairs"]

_BLOCK_ELEMENTS = 4_000_000


def similar_pairs(problem: Problem, rows: FloatArray) -> tuple[IntArray, IntArray]:
    """Return the unordered pairs of different rows within epsilon, as `nnff.certify` counts them.

    Immutable features must agree; rows outside the domain are compared too, because they occur.

    Parameters
    ----------
    problem
        Metric, its coordinates and epsilon.
    rows
        Raw inputs, shape (rows, n).

    Returns
    -------
    Row numbers, first < second, shape (pairs,) each.
    """
    count, n = rows.shape
    frozen = rows[:, problem.domain.immutable]
    firsts, seconds = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
    step = max(1, _BLOCK_ELEMENTS // max(1, count * n))
    for begin in range(0, count, step):
        block = slice(begin, min(begin + step, count))
        similar = within(problem.distance(rows[block, None, :], rows[None, begin:, :]), problem.epsilon)
        if frozen.shape[1]:
            similar &= (frozen[block, None, :] == frozen[None, begin:, :]).all(axis=2)
        first, second = np.nonzero(np.triu(similar, k=1))
        firsts.append(first + begin)
        seconds.append(second + begin)
    return np.concatenate(firsts), np.concatenate(seconds)
