"""Strategy ``exhaustive``: every point of a finite domain, by batched forward passes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nnff.errors import ProblemError
from nnff.network.rounding import evaluation_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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
    flips
        Number of pairs on different sides of the problem's threshold; 0 without one.
    """

    delta_lower: float
    delta_upper: float
    x1: FloatArray
    x2: FloatArray
    pairs: int
    complete: bool
    flips: int = 0


def enumerate_pairs(
    problem: Problem,
    *,
    stop: Callable[[], bool] = lambda: False,
    progress: Callable[[float, float], None] = lambda _lower, _upper: None,
) -> Enumeration:
    """Compare all pairs at distance at most epsilon in a finite domain.

    The outputs of all points are kept on a grid.  A translation-invariant
    metric admits a set of difference vectors that is the same everywhere, so
    for each admitted vector (one of each +-pair) two shifted views of the grid
    are subtracted: exact, with no pair left out.

    Sound: distances are compared with the same slack as everywhere
    (`nnff.similarity.within`), and delta_upper is widened by a bound on the
    rounding of two forward passes (`nnff.network.rounding`).

    Raises
    ------
    ProblemError
        If the domain is not finite or too large, or the metric depends on the place.
    """
    domain = problem.domain
    points = domain.n_points
    if points is None:
        names = [
            name
            for name, whole, low, high in zip(
                domain.feature_names, domain.integer, domain.lower, domain.upper, strict=True
            )
            if not whole and low < high
        ]
        raise ProblemError(
            "strategy 'exhaustive' needs a finite domain, but these features are continuous: "
            f"{', '.join(names[:5])}{', ...' if len(names) > 5 else ''}"  # noqa: PLR2004
        )
    if points > MOST_POINTS:
        raise ProblemError(
            f"strategy 'exhaustive' takes domains of at most {MOST_POINTS:,} points; this one has {points:,}"
        )
    if not problem.metric.translation_invariant:
        raise ProblemError(
            f"strategy 'exhaustive' needs a metric of differences; {problem.metric.name!r} is not"
        )
    counts = np.where(domain.integer, domain.width, 0.0).astype(np.int64) + 1
    if problem.anchor is not None:
        return enumerate_around(problem, counts)
    outputs, error = _all_outputs(problem, counts)
    # No pair is worth more than the two points farthest apart.
    spread = float(problem.compare(outputs.min(keepdims=True), outputs.max(keepdims=True)).max())
    slack = 2 * error
    best, best_shift, best_at = (
        problem.least,
        np.zeros(len(counts), dtype=np.int64),
        np.zeros(len(counts), dtype=np.int64),
    )
    pairs, flips, complete = 0, 0, True
    for shifts in _admitted_shifts(problem, counts):
        for shift in shifts:
            first, second = _shifted_views(outputs, shift)
            gaps = problem.compare(first, second)
            pairs += gaps.size
            flips += _flips(problem, first, second)
            place = int(np.argmax(gaps))
            if gaps.flat[place] > best:
                best, best_shift = float(gaps.flat[place]), shift
                best_at = np.array(np.unravel_index(place, gaps.shape)) + np.maximum(-shift, 0)
            if stop():
                complete = False
                break
        progress(best, spread + slack)
        if not complete:
            break
    x1 = domain.lower + best_at
    upper = best + slack if complete else spread + slack
    return Enumeration(best, upper, x1, x1 + best_shift, pairs, complete, flips)


def enumerate_around(problem: Problem, counts: IntArray) -> Enumeration:
    """Compare the held input of the problem's anchor with every similar point; as sound as `enumerate_pairs`.

    Parameters
    ----------
    problem
        With an anchor, and a finite domain.
    counts
        Number of values per feature, shape (n,).
    """
    anchor = problem.anchor
    assert anchor is not None
    held = problem.answers(anchor.row[None])
    error = float(evaluation_error(problem.network, anchor.row[None], 2.0**-53).max())
    best, at, pairs, flips = problem.least, anchor.row, 0, 0
    for rows in _all_rows(problem, counts):
        first, second = anchor.pair(rows)
        similar = problem.distance(first, second) <= problem.epsilon_outward
        similar &= (~problem.domain.immutable | (rows == anchor.row)).all(axis=1)
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
    return Enumeration(best, best + 2 * error, first[0], second[0], pairs, complete=True, flips=flips)


def _flips(problem: Problem, first: FloatArray, second: FloatArray) -> int:
    """Count pairs of answers on different sides of the threshold; 0 without one."""
    return 0 if problem.flip is None else int(problem.flip.flips(first, second).sum())


def _all_rows(problem: Problem, counts: IntArray) -> Iterator[FloatArray]:
    """Yield all points of the domain in blocks, shape (rows, n), in row-major order."""
    total = math.prod(int(c) for c in counts)
    for begin in range(0, total, _BATCH):
        flat = np.arange(begin, min(begin + _BATCH, total))
        yield np.stack(np.unravel_index(flat, tuple(counts)), axis=1) + problem.domain.lower


def _all_outputs(problem: Problem, counts: IntArray) -> tuple[FloatArray, float]:
    """Evaluate the network on the whole grid, shape `counts`; also return a bound of the rounding errors.

    Raises
    ------
    ProblemError
        If an output is not finite: no comparison with it means anything.
    """
    total = math.prod(int(c) for c in counts)
    values, error, begin = np.empty(total), 0.0, 0
    for rows in _all_rows(problem, counts):
        values[begin : begin + len(rows)] = problem.answers(rows)
        begin += len(rows)
        error = max(error, float(evaluation_error(problem.network, rows, 2.0**-53).max()))
    if not (np.isfinite(values).all() and math.isfinite(error)):
        raise ProblemError("an output of the network over the domain is not a finite number")
    return values.reshape(tuple(counts)), error


def _admitted_shifts(problem: Problem, counts: IntArray) -> Iterator[IntArray]:
    """Yield blocks of integer difference vectors in the ball, one of each pair (v, -v)."""
    reach = np.minimum(np.floor(problem.radius + 1e-9).astype(np.int64), counts - 1)
    sizes = 2 * reach + 1
    total = math.prod(int(s) for s in sizes)
    # Row-major order of the box is symmetric about its centre: the second half
    # holds the zero vector first and then one of each pair.
    for begin in range(total // 2, total, _BATCH):
        flat = np.arange(begin, min(begin + _BATCH, total))
        shifts = np.stack(np.unravel_index(flat, tuple(sizes)), axis=1) - reach
        raw = shifts.astype(np.float64)
        origin = np.broadcast_to(problem.domain.lower, raw.shape)
        distance = problem.distance(origin, origin + raw)
        # The slack covers the rounding of the place at which the vector is tried.
        inside = distance <= problem.epsilon_outward
        yield shifts[inside]


def _shifted_views(outputs: FloatArray, shift: IntArray) -> tuple[FloatArray, FloatArray]:
    """Return views of f(x) and f(x + shift) over all x with both in the grid."""
    first = tuple(slice(max(-k, 0), n - max(k, 0)) for k, n in zip(shift, outputs.shape, strict=True))
    second = tuple(slice(max(k, 0), n - max(-k, 0)) for k, n in zip(shift, outputs.shape, strict=True))
    return outputs[first], outputs[second]
