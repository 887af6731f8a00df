"""Strategy ``exhaustive``: every point of a finite domain, by batched forward passes."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nnff.errors import ProblemError
from nnff.network.rounding import evaluation_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from nnff.domain.grid import Axis, Grid
    from nnff.problem import Problem
    from nnff.values import FloatArray, IntArray

__all__ = ["MOST_POINTS", "Enumeration", "enumerate_pairs"]

MOST_POINTS = 1_000_000
"""Largest domain that is enumerated."""

_BATCH = 65_536


@dataclass(frozen=True)
class Enumeration:
    """The outcome of an enumeration.

    Attributes
    ----------
    delta_lower
        Largest difference found.
    delta_upper
        Equal to it when `complete`, else the range of all outputs; both
        widened by the rounding of the forward pass.
    x1, x2
        The pair, raw units, shape (n,).
    pairs
        Number of pairs compared.
    complete
        Whether every similar pair was compared.
    points
        Number of points in the domain.
    flips
        Number of pairs on different sides of the problem's threshold; 0 without one.
    """

    delta_lower: float
    delta_upper: float
    x1: FloatArray
    x2: FloatArray
    pairs: int
    complete: bool
    points: int
    flips: int = 0


def enumerate_pairs(
    problem: Problem,
    *,
    stop: Callable[[], bool] = lambda: False,
    progress: Callable[[float, float], None] = lambda _lower, _upper: None,
) -> Enumeration:
    """Compare all pairs at distance at most epsilon in a finite domain.

    The outputs of all points are kept on a grid, with one axis per feature or one-hot group.  A pair makes
    a *move* along every axis: a shift along whole numbers, a change from one value to another of a group or
    of levels, or none.  Moves fix the difference vector, and a translation-invariant metric asks for no
    more.  So for each combination of moves that it admits (one of each and its reverse) two views of the grid
    are subtracted: exact, with no pair left out.  Points that violate a row of the domain are left blank.

    Sound: distances are compared with the same slack as everywhere
    (`nnff.similarity.within`), and delta_upper is widened by a bound on the
    rounding of two forward passes (`nnff.network.rounding`).

    Raises
    ------
    ProblemError
        If the domain is not finite or its grid too large, or the metric depends on the place.
    """
    if problem.anchor is not None:
        return enumerate_around(problem)
    grid = _checked_grid(problem)
    outputs, error, points = _all_outputs(problem, grid)
    # No pair is worth more than the two points farthest apart.
    ends = np.array([np.nanmin(outputs)]), np.array([np.nanmax(outputs)])
    spread = float(problem.compare(*ends)[0])
    slack = 2 * error
    moves = [_moves(problem, axis) for axis in grid.axes]
    best, best_first, best_second = problem.least, *[np.array(_first_point(outputs))] * 2
    pairs, flips, complete = 0, 0, True
    for choices in _admitted(problem, grid, moves):
        for choice in choices:
            first, second = _views(outputs, moves, choice)
            gaps = problem.compare(first, second)
            flips += _flips(problem, first, second)
            if points < grid.size:
                blank = np.isnan(gaps)
                gaps[blank] = -np.inf
                pairs += int(gaps.size - blank.sum())
            else:
                pairs += gaps.size
            place = int(np.argmax(gaps))
            if gaps.flat[place] > best:
                best = float(gaps.flat[place])
                at = np.array(np.unravel_index(place, gaps.shape))
                best_first = at + [own[k].first.start for own, k in zip(moves, choice, strict=True)]
                best_second = at + [own[k].second.start for own, k in zip(moves, choice, strict=True)]
            if stop():
                complete = False
                break
        progress(best, spread + slack)
        if not complete:
            break
    x1, x2 = grid.at(np.stack([best_first, best_second]))
    upper = best + slack if complete else spread + slack
    return Enumeration(best, upper, x1, x2, pairs, complete, points, flips)


def enumerate_around(problem: Problem) -> Enumeration:
    """Compare the held input of the problem's anchor with every similar point; as sound as `enumerate_pairs`.

    Parameters
    ----------
    problem
        With an anchor, and a finite domain.
    """
    anchor = problem.anchor
    assert anchor is not None
    held = problem.answers(anchor.row[None])
    error = float(evaluation_error(problem.network, anchor.row[None], 2.0**-53).max())
    best, at, pairs, flips = problem.least, anchor.row, 0, 0
    grid = _checked_grid(problem)
    for begin in range(0, grid.size, _BATCH):
        rows = grid.points(np.arange(begin, min(begin + _BATCH, grid.size)))
        first, second = anchor.pair(rows)
        similar = problem.distance(first, second) <= problem.epsilon_outward
        similar &= problem.domain.contains_pair(first, second)
        if not similar.any():
            continue
        near = rows[similar]
        answers = problem.answers(near)
        error = max(error, float(evaluation_error(problem.network, near, 2.0**-53).max()))
        if not (np.isfinite(answers).all() and math.isfinite(error)):
            raise ProblemError("an output of the network over the domain is not a finite number")
        values = problem.compare(*((answers, held) if anchor.second else (held, answers)))
        pairs += len(near)
        flips += _flips(problem, held, answers)
        place = int(np.argmax(values))
        if values[place] > best:
            best, at = float(values[place]), near[place]
    first, second = anchor.pair(at[None])
    return Enumeration(best, best + 2 * error, first[0], second[0], pairs, True, grid.size, flips)  # noqa: FBT003


def _flips(problem: Problem, first: FloatArray, second: FloatArray) -> int:
    """Count pairs of answers on different sides of the threshold; 0 without one."""
    if problem.flip is None:
        return 0
    # Not a number stands for no point.
    there = ~(np.isnan(first) | np.isnan(second))
    return int((problem.flip.flips(first, second) & there).sum())


def _checked_grid(problem: Problem) -> Grid:
    """Return the grid of the domain.

    Raises
    ------
    ProblemError
        If there is none, it is too large, or the metric depends on the place.
    """
    domain = problem.domain
    loose = ~domain.discrete & (domain.lower < domain.upper)
    if loose.any():
        names = [name for name, free in zip(domain.feature_names, loose, strict=True) if free]
        raise ProblemError(
            "strategy 'exhaustive' needs a finite domain, but these features are continuous: "
            f"{', '.join(names[:5])}{', ...' if len(names) > 5 else ''}"  # noqa: PLR2004
        )
    grid = domain.grid
    if grid.size > MOST_POINTS:
        raise ProblemError(
            f"strategy 'exhaustive' takes domains of at most {MOST_POINTS:,} points; "
            f"this one has {grid.size:,}"
        )
    if not problem.metric.translation_invariant:
        raise ProblemError(
            f"strategy 'exhaustive' needs a metric of differences; {problem.metric.name!r} is not"
        )
    return grid


def _all_outputs(problem: Problem, grid: Grid) -> tuple[FloatArray, float, int]:
    """Evaluate the network on the whole grid; not a number outside of the domain.

    Returns
    -------
    The outputs in the shape of the grid, a bound of their rounding errors, and the number of points in the
    domain.

    Raises
    ------
    ProblemError
        If an output is not finite: no comparison with it means anything.
    """
    values, error, count = np.full(grid.size, np.nan), 0.0, 0
    for begin in range(0, grid.size, _BATCH):
        flat = np.arange(begin, min(begin + _BATCH, grid.size))
        rows = grid.points(flat)
        if problem.domain.constraints is not None:
            inside = problem.domain.contains(rows)
            flat, rows = flat[inside], rows[inside]
        if not len(rows):
            continue
        own = problem.answers(rows)
        if not np.isfinite(own).all():
            raise ProblemError("an output of the network over the domain is not a finite number")
        values[flat] = own
        count += len(rows)
        error = max(error, float(evaluation_error(problem.network, rows, 2.0**-53).max()))
    if not math.isfinite(error):
        raise ProblemError("an output of the network over the domain is not a finite number")
    return values.reshape(grid.shape), error, count


def _first_point(outputs: FloatArray) -> tuple[int, ...]:
    """Return the place of the first point of the domain; a domain is not empty."""
    place = int(np.argmax(~np.isnan(outputs)))
    return tuple(int(k) for k in np.unravel_index(place, outputs.shape))


@dataclass(frozen=True)
class _Move:
    """What a pair may do along one axis.

    Attributes
    ----------
    first, second
        The places of x' and x'' along the axis.
    change
        The change of the axis's features from x' to x''.
    """

    first: slice
    second: slice
    change: tuple[float, ...]


def _moves(problem: Problem, axis: Axis) -> list[_Move]:
    """Return all moves along an axis, in an order that reads backwards as the reversed moves."""
    columns = list(axis.columns)
    radius, immutable = problem.radius[columns], problem.domain.immutable[columns]
    stay = _Move(slice(0, axis.count), slice(0, axis.count), (0.0,) * len(columns))
    forward = []
    if axis.values is None:
        reach = min(int(np.floor(radius[0] + 1e-9)), axis.count - 1)
        forward = [
            _Move(slice(0, axis.count - k), slice(k, axis.count), (float(k),)) for k in range(1, reach + 1)
        ]
    else:
        for i, j in itertools.combinations(range(axis.count), 2):
            change = axis.values[j] - axis.values[i]
            if (np.abs(change) <= radius * (1 + 1e-12)).all() and not change[immutable].any():
                forward.append(_Move(slice(i, i + 1), slice(j, j + 1), tuple(change.tolist())))
    backward = [_Move(move.second, move.first, tuple(-c for c in move.change)) for move in forward]
    return [*backward[::-1], stay, *forward]


def _admitted(problem: Problem, grid: Grid, moves: list[list[_Move]]) -> Iterator[IntArray]:
    """Yield blocks of combinations of moves in the ball, one of each and its reverse.

    Shape (combinations, axes).
    """
    sizes = tuple(len(own) for own in moves)
    total = math.prod(sizes)
    changes = [np.array([move.change for move in own]) for own in moves]
    n = problem.domain.n_features
    # Row-major order of the combinations is symmetric about its centre: the second half
    # holds the pairs of equal inputs first and then one of each combination and its reverse.
    for begin in range(total // 2, total, _BATCH):
        choices = np.stack(np.unravel_index(np.arange(begin, min(begin + _BATCH, total)), sizes), axis=1)
        raw = np.empty((len(choices), n))
        for axis, own, picked in zip(grid.axes, changes, choices.T, strict=True):
            raw[:, axis.columns] = own[picked]
        distance = problem.distance(np.zeros(raw.shape), raw)
        # The slack covers the rounding of the place at which the vector is tried.
        yield choices[distance <= problem.epsilon_outward]


def _views(outputs: FloatArray, moves: list[list[_Move]], choice: IntArray) -> tuple[FloatArray, FloatArray]:
    """Return views of f(x') and f(x'') over all pairs that make these moves."""
    first = tuple(own[k].first for own, k in zip(moves, choice, strict=True))
    second = tuple(own[k].second for own, k in zip(moves, choice, strict=True))
    return outputs[first], outputs[second]
