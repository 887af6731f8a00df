"""Looking for real pairs that are treated differently: a vectorised multi-start local search.

Everything found here only ever raises delta_lower, so nothing here needs to be
optimal; it needs to be feasible, and every result is replayed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from nnff.certification.discrete_search import discrete_search
from nnff.certification.witness import best_witness, repair, seen_by_metric
from nnff.similarity import within

if TYPE_CHECKING:
    from collections.abc import Callable

    from nnff.certification.certificate import Witness
    from nnff.problem import Problem
    from nnff.values import FloatArray, IntArray

__all__ = ["attack", "better", "polish"]

_STARTS = 192

_EARLY = 2
"""Steps (one for each input) after which discrete features are rounded and moved for the first time."""

_STRIDE = 0.3
"""Share of the ranges that a step along the gradient goes at most."""

_STEPS = np.array([1.0, 0.5, 0.2, 0.05, 0.01])
_HALVINGS = 12


def attack(
    problem: Problem,
    *,
    rng: np.random.Generator,
    data: FloatArray | None = None,
    starts: int | None = None,
    iterations: int = 60,
    stop: Callable[[], bool] = lambda: False,
    enough: float | None = None,
) -> Witness | None:
    """Search from random points and data rows.

    Parameters
    ----------
    problem
        The problem.
    rng
        Source of the random starts.
    data
        Raw rows to start from as well, shape (rows, n).
    starts
        Number of starting points; default 192, or 64 where rows or groups make every step dearer.
    iterations
        Steps per start.
    stop
        Asked once per step; ends the search early.
    enough
        A replayed pair that differs by more ends the search at once.

    Returns
    -------
    The best replayed pair, or None if no start led to a feasible one (x' = x''
    is always feasible, so this is rare).
    """
    if starts is None:
        starts = _STARTS if problem.domain.is_box else _STARTS // 3
    points = problem.domain.sample(starts, rng)
    if data is not None and len(data):
        chosen = rng.choice(len(data), size=min(starts // 2, len(data)), replace=False)
        points[: len(chosen)] = problem.domain.nearest(data[chosen])
    if problem.anchor is not None:
        return _search_around(problem, points, iterations, stop, "attack", enough)
    nothing = np.zeros_like(points)
    return _search(problem, points, nothing, iterations, stop, "attack", enough)


def polish(
    problem: Problem,
    x1: FloatArray,
    x2: FloatArray,
    *,
    origin: str,
    iterations: int = 40,
    stop: Callable[[], bool] = lambda: False,
    enough: float | None = None,
) -> Witness | None:
    """Improve candidate pairs, shapes (rows, n) or (n,), by the same local search; see `attack`."""
    first, second = np.atleast_2d(x1), np.atleast_2d(x2)
    replayed = best_witness(problem, first, second, origin)
    if problem.anchor is not None:
        _, free = problem.anchor.split(first, second)
        found = _search_around(problem, free, iterations, stop, origin, enough)
        return better(replayed, found)
    if replayed is None:
        start, difference = problem.domain.nearest(first), np.zeros_like(first)
    else:
        start = np.array([replayed.x1])
        difference = np.array([replayed.x2]) - start
        if enough is not None and replayed.delta > enough:
            return replayed
    polished = _search(problem, start, difference, iterations, stop, origin, enough)
    return better(replayed, polished)


def better(one: Witness | None, other: Witness | None) -> Witness | None:
    """Return the witness with the larger delta."""
    if one is None or (other is not None and other.delta > one.delta):
        return other
    return one


def _search(
    problem: Problem,
    x1: FloatArray,
    d: FloatArray,
    iterations: int,
    stop: Callable[[], bool],
    origin: str,
    enough: float | None = None,
) -> Witness | None:
    """Alternate between x'' given x', x' given x'', each towards a maximiser over the ball, and their place.

    Both inputs have to move towards the ball's edge: where the box stops x'',
    only x' can still step back.
    """
    step = np.full(len(x1), 0.25)
    early: Witness | None = None
    for iteration in range(iterations):
        if stop():
            break
        if iteration == _EARLY and not problem.domain.is_box and problem.domain.discrete.any():
            # Steps under groups and rows are dear, and single moves alone bring much: once before time is up.
            early = _rounded(problem, x1, d, stop, origin)
        # Where the output saturates its gradient vanishes; the logit's does not.
        of: Literal["logit", "output"] = "logit" if iteration < iterations // 4 else "output"
        if iteration % 2 == 0:
            d = _turn(problem, x1, d, of)
        else:
            x2 = x1 + d
            back = _turn(problem, x2, -d, of, rising=False)
            x1, d = x2 + back, -back
        x1, d, step = _move(problem, x1, d, step, of)
        if enough is not None:
            found = _above(problem, x1, d, enough, origin)
            if found is not None:
                return found
    return better(early, _rounded(problem, x1, d, stop, origin))


def _rounded(
    problem: Problem, x1: FloatArray, d: FloatArray, stop: Callable[[], bool], origin: str
) -> Witness | None:
    """Return the best pair after discrete features have been rounded, by single moves from there."""
    best = best_witness(problem, x1, x1 + d, origin)
    discrete = problem.domain.discrete
    if discrete.any():
        # Rounding x' and x'' apart can break similarity; truncating their difference seldom does.
        base = problem.domain.nearest(x1)
        short = np.where(problem.domain.integer, np.trunc(d + np.sign(d) * 1e-9), d)
        changes = [short]
        if not problem.domain.is_box or problem.domain.ordinal:
            # What the metric does not see may be rounded apart; or nothing discrete differs.
            unseen = np.where(discrete & seen_by_metric(problem), 0.0, x1 + d - base)
            changes += [unseen, np.where(discrete, 0.0, d)]
        for change in changes:
            best = better(best, best_witness(problem, base, base + change, origin))
        if best is not None:
            best = discrete_search(problem, best, stop)
    return best


def _search_around(
    problem: Problem,
    starts: FloatArray,
    iterations: int,
    stop: Callable[[], bool],
    origin: str,
    enough: float | None,
) -> Witness | None:
    """Search for the free input of pairs whose other one is held, from starts pulled into the ball."""
    anchor = problem.anchor
    assert anchor is not None
    held = np.broadcast_to(anchor.row, starts.shape)
    # The held one is x' or x'' in the order of the last activation, which an output scaling may turn around.
    rising = anchor.second == bool(problem.network.output_scaling.scale[0] < 0)
    x1, x2, good = repair(problem, *anchor.pair(starts))
    d = np.where(good[:, None], anchor.split(x1, x2)[1] - held, 0.0)
    for iteration in range(iterations):
        if stop():
            break
        of: Literal["logit", "output"] = "logit" if iteration < iterations // 4 else "output"
        d = _turn(problem, held, d, of, rising=rising)
        if enough is not None:
            x1, x2 = anchor.pair(held + d)
            found = _above(problem, x1, x2 - x1, enough, origin)
            if found is not None:
                return found
    best = best_witness(problem, *anchor.pair(held + d), origin)
    if problem.domain.discrete.any():
        short = np.where(problem.domain.integer, np.trunc(d + np.sign(d) * 1e-9), d)
        best = better(best, best_witness(problem, *anchor.pair(held + short), origin))
        if best is not None:
            best = discrete_search(problem, best, stop)
    return best


def _above(problem: Problem, x1: FloatArray, d: FloatArray, enough: float, origin: str) -> Witness | None:
    """Return a replayed pair that differs by more than `enough`, or None."""
    promising = problem.compare(problem.answers(x1), problem.answers(x1 + d)) > enough
    if not promising.any():
        return None
    witness = best_witness(problem, x1[promising], (x1 + d)[promising], origin)
    return witness if witness is not None and witness.delta > enough else None


def _objective(problem: Problem, x1: FloatArray, d: FloatArray, of: str) -> FloatArray:
    """Evaluate f(x' + d) - f(x'), the same of the logit, or the flip margin; shape (rows,)."""
    network = problem.network
    if of == "margin":
        return problem.compare(problem.answers(x1), problem.answers(x1 + d))
    if of == "logit":
        sign = 1.0 if network.output_scaling.scale[0] > 0 else -1.0
        gap = network.preactivations(x1 + d)[-1] - network.preactivations(x1)[-1]
        return np.asarray(sign * gap[:, 0])
    return network.predict(x1 + d) - network.predict(x1)


def _gradient(problem: Problem, x: FloatArray, of: Literal["logit", "output"]) -> FloatArray:
    gradient = problem.network.gradient(x, of)
    if of == "logit" and problem.network.output_scaling.scale[0] < 0:
        return -gradient
    return gradient


def _turn(
    problem: Problem,
    x1: FloatArray,
    d: FloatArray,
    of: Literal["logit", "output"],
    *,
    rising: bool = True,
) -> FloatArray:
    """Frank-Wolfe step on d with a line search: the ball and the box are convex, so it stays feasible.

    The ball of a metric of places need not be convex: there the trials are scaled back (`_held`).
    Towards a larger f(x' + d), or with `rising` false a smaller one.
    """
    domain, t = problem.domain, problem.coordinates.scale
    gradient = _gradient(problem, x1 + d, of) * (t if rising else -t)
    ends = np.stack([(domain.lower - x1) / t, (domain.upper - x1) / t])
    movable = ~domain.immutable
    low, high = np.minimum(ends.min(axis=0), 0.0) * movable, np.maximum(ends.max(axis=0), 0.0) * movable
    size = np.abs(gradient).max(axis=1, keepdims=True)
    gradient = gradient / np.where(size > 0, size, 1.0)
    place = problem.coordinates.apply(x1)
    goal = problem.metric.maximise_at(place, gradient, problem.epsilon, low, high) * t
    goals = [goal]
    if not domain.is_box:
        # Along rows the way to a corner of the box is seldom the best; the gradient itself leads along them.
        uphill = gradient / t * domain.width
        size = np.abs(uphill).max(axis=1, keepdims=True)
        uphill = _STRIDE * uphill / np.where(size > 0, size, 1.0) * domain.width
        goals = [_into_domain(problem, x1, d, end) for end in (goal, d + uphill)]
    trials = np.concatenate([d[None] + _STEPS[:, None, None] * (end - d)[None] for end in goals])
    trials = np.concatenate([d[None], trials, _stretched(problem, x1, trials)])
    trials = _held(problem, np.broadcast_to(x1, trials.shape), trials)
    return _best_of(problem, np.broadcast_to(x1, trials.shape), trials, of, rising=rising)[2]


def _into_domain(problem: Problem, x1: FloatArray, d: FloatArray, goal: FloatArray) -> FloatArray:
    """Move the ends of differences to where the rows hold, and shorten what then is too long.

    x' satisfies the rows, so every difference between none and one that ends inside does too.
    """
    domain = problem.domain
    moved = domain.towards(x1 + d, x1 + goal, held=domain.immutable) - x1
    distance = problem.distance(x1, x1 + moved)
    factor = np.where(
        distance > problem.epsilon, problem.epsilon / np.where(distance > 0, distance, 1.0), 1.0
    )
    moved = moved * factor[:, None]
    fits = within(problem.distance(x1, x1 + moved), problem.epsilon)
    kept: FloatArray = np.where(fits[:, None], moved, d)
    return kept


def _stretched(problem: Problem, x1: FloatArray, d: FloatArray) -> FloatArray:
    """Lengthen differences, shape (trials, rows, n), to the boundary of the ball where the box allows.

    Between two points on a curved boundary a Frank-Wolfe step ends inside the
    ball; without this the search creeps.
    """
    domain = problem.domain
    distance = problem.distance(np.broadcast_to(x1, d.shape), x1 + d)
    factor = np.where(distance > 0, problem.epsilon / np.where(distance > 0, distance, 1.0), 1.0)
    longer = np.where(seen_by_metric(problem), d * factor[..., None], d)
    longer = np.clip(longer, domain.lower - x1, domain.upper - x1)
    if not domain.is_box:
        shape = longer.shape
        every = np.broadcast_to(x1, shape).reshape(-1, shape[-1])
        near, far = (every + part.reshape(every.shape) for part in (d, longer))
        longer = (domain.towards(near, far, held=domain.immutable, straight=True) - every).reshape(shape)
    fits = within(problem.distance(np.broadcast_to(x1, d.shape), x1 + longer), problem.epsilon)
    kept: FloatArray = np.where(fits[..., None], longer, d)
    return kept


def _held(problem: Problem, x1: FloatArray, d: FloatArray) -> FloatArray:
    """Scale differences back, shape (trials, rows, n), until they are similar, for metrics of places.

    By bisection on the true distance, which at 0 is 0; the rest of d stays on its ray.
    """
    if problem.metric.translation_invariant:
        return d
    far = ~within(problem.distance(x1, x1 + d), problem.epsilon)
    if not far.any():
        return d
    place, step = x1[far], d[far]
    low, high = np.zeros(len(step)), np.ones(len(step))
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        fits = within(problem.distance(place, place + middle[:, None] * step), problem.epsilon)
        low, high = np.where(fits, middle, low), np.where(fits, high, middle)
    shorter = d.copy()
    shorter[far] = low[:, None] * step
    return shorter


def _move(
    problem: Problem, x1: FloatArray, d: FloatArray, step: FloatArray, of: Literal["logit", "output"]
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Projected gradient step on x' with d held: the distance does not change, and the box is known.

    By a metric of places the distance does change, and d is scaled back where it has become too long.
    Returns x', d and the next step sizes.
    """
    domain = problem.domain
    low, high = np.maximum(domain.lower, domain.lower - d), np.minimum(domain.upper, domain.upper - d)
    direction = _place_gradient(problem, x1, d, of) * domain.width
    size = np.abs(direction).max(axis=1, keepdims=True)
    direction = direction / np.where(size > 0, size, 1.0) * domain.width
    factors = np.array([0.0, 0.3, 1.0, 3.0])[:, None, None]
    trials = np.clip(x1[None] + factors * step[None, :, None] * direction[None], low, high)
    # clip raises below `low` first; where rounding made low > high keep the point.
    trials = np.where(low > high, x1[None], trials)
    if not domain.is_box:
        trials = np.stack([x1, *(domain.towards(x1, trial, d) for trial in trials[1:])])
    kept = _held(problem, trials, np.broadcast_to(d, trials.shape))
    what = of if problem.flip is None else "margin"
    chosen, moved, kept = _best_of(problem, trials, kept, what)
    growth = np.array([0.4, 0.7, 1.2, 2.0])[chosen]
    return moved, kept, np.clip(step * growth, 1e-9, 1.0)


def _place_gradient(
    problem: Problem, x1: FloatArray, d: FloatArray, of: Literal["logit", "output"]
) -> FloatArray:
    """Differentiate the objective with respect to the place of the pair, its difference held."""
    if problem.flip is None:
        return _gradient(problem, x1 + d, of) - _gradient(problem, x1, of)
    # The margin is the smaller of the two distances from the threshold: move that input away from it.
    low, high = problem.answers(x1), problem.answers(x1 + d)
    first_is_nearer = (-low < high)[:, None]
    return np.where(first_is_nearer, -_gradient(problem, x1, of), _gradient(problem, x1 + d, of))


def _best_of(
    problem: Problem, x1: FloatArray, d: FloatArray, of: str, *, rising: bool = True
) -> tuple[IntArray, FloatArray, FloatArray]:
    """Among trials, shape (trials, rows, n), pick per row the best: which it is, its x' and its d."""
    trials, rows, n = x1.shape
    values = _objective(problem, x1.reshape(-1, n), d.reshape(-1, n), of).reshape(trials, rows)
    chosen = np.argmax(values if rising else -values, axis=0)
    pick = np.arange(rows)
    return chosen, x1[chosen, pick], d[chosen, pick]
