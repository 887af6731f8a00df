"""Steps uphill within a ball that is known by its distance alone: what attacks need."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from nnff.values import FloatArray

    Distance = Callable[[FloatArray], FloatArray]

__all__ = ["best_single", "best_step", "stretched"]

_HALVINGS = 40
_PRECISION = 1e-7
"""How near the edge of the ball is near enough, relative."""

_SHARES = (0.01, 0.05, 0.15, 0.3, 0.5, 0.75)


def stretched(
    part: FloatArray, distance: Distance, epsilon: float, box: tuple[FloatArray, FloatArray]
) -> FloatArray:
    """Scale each row of `part` until it touches the box or, by bisection, the ball; what leads nowhere is 0.

    Parameters
    ----------
    part
        Directions, shape (rows, n).
    distance
        The length of one difference per row, shape (rows,).  It need not grow along a ray: the farthest of a
        few places within the ball is where the bisection starts.
    epsilon
        Radius of the ball.
    box
        lower and upper, shapes (rows, n), with ``lower <= 0 <= upper``.

    Returns
    -------
    Shape (rows, n); in the box, and each with a computed length of at most epsilon.
    """
    low, high = box
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        ratio = np.where(part > 0, high / part, np.where(part < 0, low / part, np.inf))
        factor = ratio.min(axis=1, initial=np.inf)
    factor = np.where(np.isfinite(factor), factor, 0.0)
    whole = np.clip(part * factor[:, None], low, high)
    reached = distance(whole)
    # Most lengths are proportional to the step, which makes this a good guess.
    guess = np.where(reached > epsilon, epsilon / np.where(reached > 0, reached, 1.0), 1.0) * (1 - 1e-15)
    least, most = np.where(reached <= epsilon, 1.0, 0.0), np.ones(len(part))
    places = (
        *(np.full(len(part), share) for share in _SHARES),
        guess,
        np.minimum(guess * (1 + _PRECISION), 1.0),
    )
    for share in places:
        fits = distance(whole * share[:, None]) <= epsilon
        most = np.where(~fits & (share > least), np.minimum(most, share), most)
        least = np.where(fits & (share > least), share, least)
        most = np.maximum(most, least)
    for _ in range(_HALVINGS):
        if (most - least <= _PRECISION * most).all():
            break
        middle = (least + most) / 2
        fits = distance(whole * middle[:, None]) <= epsilon
        least, most = np.where(fits, middle, least), np.where(fits, most, middle)
    return whole * least[:, None]


def best_single(
    gradient: FloatArray,
    distance: Distance,
    epsilon: float,
    box: tuple[FloatArray, FloatArray],
    tries: int = 2,
) -> list[FloatArray]:
    """Return the steps along single coordinates that promise most, each of shape (rows, n), feasible."""
    low, high = box
    corner = np.where(gradient > 0, high, np.where(gradient < 0, low, 0.0))
    rows, n = gradient.shape
    gain = np.zeros((rows, n))
    for i in range(n):
        step = np.zeros_like(corner)
        step[:, i] = corner[:, i]
        reached = distance(step)
        share = np.where(reached > epsilon, epsilon / np.where(reached > 0, reached, 1.0), 1.0)
        gain[:, i] = gradient[:, i] * corner[:, i] * share
    order = np.argsort(-gain, axis=1, kind="stable")
    found = []
    for place in range(min(tries, n)):
        step = np.zeros_like(corner)
        chosen = order[:, place]
        pick = np.arange(rows)
        step[pick, chosen] = corner[pick, chosen]
        found.append(stretched(step, distance, epsilon, box))
    return found


def best_step(steps: Sequence[FloatArray], gradient: FloatArray) -> FloatArray:
    """Return per row the step with the largest ``gradient . d``, none of them negative."""
    table = np.stack([np.zeros_like(gradient), *steps])
    chosen = np.argmax((table * gradient).sum(axis=2), axis=0)
    result: FloatArray = table[chosen, np.arange(len(gradient))]
    return result
