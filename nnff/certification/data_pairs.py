"""delta_data: the largest output difference over similar pairs of rows that occur in the data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nnff.errors import DataError
from nnff.similarity import within

if TYPE_CHECKING:
    from collections.abc import Callable

    from nnff.problem import Problem
    from nnff.values import FloatArray

__all__ = ["DataPairs", "compare_data_pairs"]

_BLOCK_ELEMENTS = 4_000_000


@dataclass(frozen=True)
class DataPairs:
    """What the similar pairs of data rows show.

    Attributes
    ----------
    delta
        Largest ``|f(x'') - f(x')|``, or what the problem measures instead; `Problem.least` without a pair.
    pairs
        Number of unordered pairs of different rows within epsilon.
    first, second
        Row numbers of the worst pair, or None.
    inside
        The largest over pairs of rows that the domain holds; 0 without one.
    first_inside, second_inside
        Row numbers of that pair, or None.
    """

    delta: float
    pairs: int
    first: int | None = None
    second: int | None = None
    inside: float = 0.0
    first_inside: int | None = None
    second_inside: int | None = None


def compare_data_pairs(
    problem: Problem, rows: FloatArray, *, stop: Callable[[], bool] = lambda: False
) -> DataPairs | None:
    """Compare every pair of rows, block by block.

    Immutable features must agree; rows outside the domain are compared too,
    because they occur, and looked at once more without.

    Parameters
    ----------
    problem
        Network, metric and epsilon.
    rows
        Raw data, shape (rows, n).
    stop
        Asked once per block.

    Returns
    -------
    The result, or None when stopped before all pairs were compared.
    """
    count, n = rows.shape
    if n != problem.network.n_inputs:
        raise DataError(f"the data has {n} columns, the network takes {problem.network.n_inputs} inputs")
    if not np.isfinite(rows).all():
        row, column = (int(k[0]) for k in np.nonzero(~np.isfinite(rows)))
        raise DataError(
            f"the data holds {rows[row, column]} in row {row}, {problem.domain.feature_names[column]}"
        )
    outputs = problem.answers(rows)
    frozen = rows[:, problem.domain.immutable]
    held = problem.domain.contains(rows)
    every, inside, pairs = _Worst(), _Worst(), 0
    step = max(1, _BLOCK_ELEMENTS // max(1, count * n))
    for begin in range(0, count, step):
        if stop():
            return None
        block = slice(begin, min(begin + step, count))
        distance = problem.distance(rows[block, None, :], rows[None, begin:, :])
        similar = within(distance, problem.epsilon)
        if frozen.shape[1]:
            similar &= (frozen[block, None, :] == frozen[None, begin:, :]).all(axis=2)
        # Each unordered pair once, no row with itself.
        similar &= np.arange(count - begin)[None, :] > np.arange(similar.shape[0])[:, None]
        pairs += int(similar.sum())
        gaps = np.where(similar, problem.compare(outputs[block, None], outputs[None, begin:]), -np.inf)
        every.see(gaps, begin)
        if not held.all():
            gaps[~(held[block, None] & held[None, begin:])] = -np.inf
        inside.see(gaps, begin)
    return DataPairs(
        max(every.gap, problem.least), pairs, *every.rows, max(inside.gap, problem.least), *inside.rows
    )


@dataclass
class _Worst:
    """The largest gap seen, and between which rows."""

    gap: float = -np.inf
    rows: tuple[int | None, int | None] = (None, None)

    def see(self, gaps: FloatArray, begin: int) -> None:
        """Look at the gaps of a block, whose first row and first column are row `begin`; -inf for no pair."""
        place = int(np.argmax(gaps))
        if gaps.flat[place] > self.gap:
            self.gap = float(gaps.flat[place])
            i, j = np.unravel_index(place, gaps.shape)
            self.rows = (begin + int(i), begin + int(j))
