"""The last steps of an attack: changing single discrete features of a pair while that helps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nnff.certification.witness import best_witness

if TYPE_CHECKING:
    from collections.abc import Callable

    from nnff.certification.certificate import Witness
    from nnff.domain import Domain
    from nnff.problem import Problem
    from nnff.values import FloatArray

__all__ = ["discrete_search"]

_AT_ONCE = 64
"""Moves that are tried between two looks at the clock."""


def discrete_search(problem: Problem, witness: Witness, stop: Callable[[], bool]) -> Witness:
    """Make single moves in x', in x'' or in both, while that helps.

    A move takes a whole number or a level one step up or down, or the 1 of a one-hot group to another member.
    """
    domain = problem.domain
    free = bool((~domain.discrete & (domain.lower < domain.upper)).any()) or domain.constraints is None
    while not stop():
        x1, x2 = np.array(witness.x1), np.array(witness.x2)
        moves1, moves2 = _moved(domain, x1), _moved(domain, x2)
        first = np.concatenate([moves1, np.tile(x1, (len(moves2), 1)), moves1])
        second = np.concatenate([np.tile(x2, (len(moves1), 1)), moves2, moves2])
        if not free:
            # Nothing could bring the others in line.
            kept = domain.contains_pair(first, second)
            first, second = first[kept], second[kept]
        best = witness
        # Under rows a move can ask for a program of its own to bring the others in line.
        for begin in range(0, len(first), _AT_ONCE):
            if stop():
                break
            some = slice(begin, begin + _AT_ONCE)
            trial = best_witness(problem, first[some], second[some], witness.origin)
            if trial is not None and trial.delta > best.delta + abs(best.delta) * 1e-12:
                best = trial
        if best is witness:
            break
        witness = best
    return witness


def _moved(domain: Domain, x: FloatArray) -> FloatArray:
    """Return x after every single move, shape (moves, n); the same moves in the same order for every x."""
    grouped = {i for group in domain.one_hot for i in group}
    results = []
    for i in np.flatnonzero(domain.integer & (domain.lower < domain.upper)).tolist():
        if i not in grouped:
            results += [_with(x, [i], x[i] + 1), _with(x, [i], x[i] - 1)]
    for i, levels in domain.ordinal:
        place = int(np.argmin(np.abs(np.array(levels) - x[i])))
        for step in (1, -1):
            results.append(_with(x, [i], levels[min(max(place + step, 0), len(levels) - 1)]))
    for group in domain.one_hot:
        for chosen in group:
            moved = _with(x, list(group), 0.0)
            moved[chosen] = 1.0
            results.append(moved)
    return np.array(results).reshape(-1, len(x))


def _with(x: FloatArray, columns: list[int], value: float) -> FloatArray:
    copy = x.copy()
    copy[columns] = value
    return copy
