r"""Breakpoints for activations of any shape: where it bends, equally much between any two.

A chord over a width b is off by about :math:`b^2 |g''| / 8`, so n segments of a convex or concave piece
err least, and equally, if each holds the same share of :math:`\int \sqrt{|g''|}` (de Boor); their error
is then about the square of that share over 8.  The integral is taken on a grid, which only affects how tight
the segments are: what is proven about them is proven for the breakpoints as they are.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from nnff.network import Activation
    from nnff.values import FloatArray

__all__ = ["bend_breakpoints"]

_BENDING = np.linspace(-60.0, 60.0, 4801)
"""Outside, the activations here are straight to within units in the last place."""


def bend_breakpoints(
    g: Activation, low: float, high: float, count: int, *, narrowest: float, negligible: float
) -> FloatArray:
    """Return breakpoints of [low, high], ends and the inflexions inside included.

    Parameters
    ----------
    g
        The activation, smooth.
    low, high
        The range.
    count
        Number of segments; more only if the inflexions ask for it.
    narrowest
        A range that passes an inflexion by less is widened to pass it by so much.
    negligible
        Chords are not asked to be closer to g than this.
    """
    inner = [point for point in g.inflexions if low < point < high]
    if inner:
        low, high = min(low, inner[0] - narrowest), max(high, inner[-1] + narrowest)
    bounds = [low, *inner, high]
    nodes = np.unique(np.concatenate([np.linspace(low, high, 129), bounds, _BENDING]))
    nodes = nodes[(nodes >= low) & (nodes <= high)]
    bend = np.sqrt(np.abs(np.diff(g.derivative(nodes))) * np.diff(nodes))
    total = np.concatenate([[0.0], np.cumsum(bend)])
    places = [float(np.interp(bound, nodes, total)) for bound in bounds]
    shares = np.diff(places)
    cuts = [low]
    for (start, end), own, (left, right) in zip(
        pairwise(places), _counts(shares, count, negligible), pairwise(bounds), strict=True
    ):
        goals = start + (end - start) * np.arange(1, own) / own
        inside = np.interp(goals, total, nodes)
        cuts.extend(float(cut) for cut in inside if left < cut < right)
        cuts.append(right)
    return np.unique(cuts) if len(cuts) > 1 and high > low else np.array([low, high])


def _counts(shares: FloatArray, count: int, negligible: float) -> list[int]:
    """Share segments out between pieces in proportion to how much they bend, one at least for each."""
    enough = np.ceil(shares / np.sqrt(8 * negligible))
    whole = float(shares.sum())
    wanted = np.full(len(shares), 1.0) if whole == 0 else count * shares / whole
    counts = np.maximum(np.minimum(np.floor(wanted), enough), 1.0)
    for index in np.argsort(np.floor(wanted) - wanted):
        if counts.sum() < count and counts[index] < enough[index]:
            counts[index] += 1
    return [int(number) for number in counts]
