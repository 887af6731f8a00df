"""From a candidate pair to a witness: repaired into domain and ball, replayed on the network itself."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from nnff.certification.certificate import Witness
from nnff.network.rounding import evaluation_error

if TYPE_CHECKING:
    from nnff.problem import Problem
    from nnff.values import BoolArray, FloatArray

__all__ = ["best_witness", "make_witness", "repair", "replay_error"]

_HALVINGS = 40

DOUBLE_ROUNDOFF = 2.0**-53


def repair(problem: Problem, x1: FloatArray, x2: FloatArray) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Move candidate pairs into the domain and the ball, as little as is easy.

    Both inputs are moved into the domain, the second with the immutable features of the first and with its
    continuous ones that no similar pair differs in, and a difference that is too long
    is scaled down by bisection: first only in the continuous coordinates that
    the metric sees, then in all continuous ones.

    Parameters
    ----------
    problem
        The problem.
    x1, x2
        Candidates, raw units, shape (rows, n).

    Returns
    -------
    The moved pairs and a mask of those that are feasible, shape (rows,).
    """
    domain, anchor = problem.domain, problem.anchor
    if anchor is not None and anchor.second:
        # The held input is the one to start from; domain and metric do not mind the order.
        mirrored = replace(problem, anchor=replace(anchor, second=False))
        second, first, good = repair(mirrored, x2, x1)
        return first, second, good
    first = domain.nearest(x1 if anchor is None else np.broadcast_to(anchor.row, np.shape(x1)))
    second = domain.nearest(x2, partner=first)
    # A solver's tolerance leaves a hair between continuous features that may not differ at all.
    pinned = ~domain.discrete & (problem.radius == 0)
    second = np.where(pinned, first, second)
    good = problem.admits(first, second)
    continuous = ~domain.discrete
    for moving in (continuous & seen_by_metric(problem), continuous):
        second = _shortened(problem, first, second, good, moving)
        good = problem.admits(first, second)
    return first, second, good


def _shortened(
    problem: Problem, first: FloatArray, second: FloatArray, good: BoolArray, moving: BoolArray
) -> FloatArray:
    """Shorten the differences of pairs that are not good, in the features that may move, by bisection."""
    rows = np.flatnonzero(~good)
    if not len(rows) or not moving.any():
        return second
    base, goal = first[rows], second[rows]
    low, high = np.zeros(len(rows)), np.ones(len(rows))
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        trial = np.where(moving, base + middle[:, None] * (goal - base), goal)
        fits = problem.admits(base, trial)
        low, high = np.where(fits, middle, low), np.where(fits, high, middle)
    result = second.copy()
    result[rows] = np.where(moving, base + low[:, None] * (goal - base), goal)
    return result


def seen_by_metric(problem: Problem) -> BoolArray:
    """Tell which features the metric sees: those that a ball of radius 0 pins; shape (n,)."""
    n = problem.domain.n_features
    pinned: BoolArray = problem.metric.difference_bound(np.eye(n), 0.0, np.ones(n)) < 0.5  # noqa: PLR2004
    return pinned


def make_witness(problem: Problem, x1: FloatArray, x2: FloatArray, origin: str) -> Witness:
    """Replay one feasible pair, shapes (n,), on the network; the output of the second is the larger.

    A pair with an anchor keeps its order.
    """
    rows = np.stack([x1, x2])
    outputs, answers = problem.outputs(rows), problem.answers(rows)
    value = None
    if problem.flip is not None or problem.anchor is not None:
        value = float(problem.compare(answers[:1], answers[1:])[0])
    if problem.anchor is None and outputs[1] < outputs[0]:
        x1, x2, outputs = x2, x1, outputs[::-1]
    admitted = bool(problem.admits(x1[None], x2[None])[0])
    return Witness(
        feature_names=list(problem.domain.feature_names),
        x1=[float(v) for v in x1],
        x2=[float(v) for v in x2],
        output1=float(outputs[0]),
        output2=float(outputs[1]),
        distance=float(problem.distance(x1, x2)),
        origin=origin,
        replayed=admitted,
        value=value,
    )


def replay_error(problem: Problem, witness: Witness) -> float:
    """Bound how far the two forward passes' rounding can put the witness's delta off its exact value.

    Where outputs are large and nearly equal, as for a small epsilon, that can
    be more than any relative tolerance.
    """
    rows = np.array([witness.x1, witness.x2])
    return float(evaluation_error(problem.network, rows, DOUBLE_ROUNDOFF).sum())


def best_witness(problem: Problem, x1: FloatArray, x2: FloatArray, origin: str) -> Witness | None:
    """Repair candidate pairs, shape (rows, n), and return the best feasible one, or None."""
    first, second, good = repair(problem, np.atleast_2d(x1), np.atleast_2d(x2))
    if not good.any():
        return None
    values = problem.compare(problem.answers(first), problem.answers(second))
    best = int(np.argmax(np.where(good, values, -np.inf)))
    witness = make_witness(problem, first[best], second[best], origin)
    return witness if witness.replayed else None
