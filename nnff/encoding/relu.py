"""ReLU on a pair of inputs: exact, with rows that use the range of the difference."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nnff.encoding.writer import BlockWriter

__all__ = ["write_relu"]


def write_relu(
    writer: BlockWriter,
    m: Any,
    d: Any,
    bounds: tuple[float, float],
    reach: tuple[float, float],
    h_bounds: tuple[float, float],
) -> tuple[Any, Any]:
    """Encode s = (a' + a'')/2 and h = a'' - a' of an unstable ReLU neuron.

    With binaries b' = [p' >= 0], b'' = [p'' >= 0], p' = m - D/2, p'' = m + D/2,
    and a' = s - h/2, a'' = s + h/2, big-M rows per copy make (a', a'') exact.
    Four rows relate h to D directly (N <= D <= P; encoding of the pair):

    * h <= D - N (1 - b''): if b'' = 1, h = p'' - relu(p') <= D; else h = -a' <= 0 <= D - N.
    * h <= P b'': if b'' = 0, h = -a' <= 0; if b'' = 1, h <= D <= P.
    * h >= D - P (1 - b') and h >= N b': the same with the copies swapped.

    Each holds for every pair, whatever the signs of N and P, so none cuts
    anything off; they are what makes the relaxation shrink with epsilon.

    Parameters
    ----------
    writer
        Where to write.
    m, d
        Variables of the pre-activation midpoint and difference.
    bounds
        Range of either pre-activation, ``low < 0 < high``.
    reach
        Range (N, P) of D.
    h_bounds
        Range of h.

    Returns
    -------
    Variables (s, h).
    """
    low, high = bounds
    n, p = reach
    s = writer.variable(0.0, high)
    h = writer.variable(*h_bounds)
    first, second = writer.binary(), writer.binary()
    for sign, on in ((-0.5, first), (0.5, second)):
        a = [(1.0, s), (sign, h)]
        minus_pre = [(-1.0, m), (-sign, d)]
        writer.row(a, 0.0, math.inf)
        writer.row([*a, *minus_pre], 0.0, math.inf)
        writer.row([*a, (-high, on)], -math.inf, 0.0)
        writer.row([*a, *minus_pre, (-low, on)], -math.inf, -low)
    writer.row([(1.0, h), (-1.0, d), (-n, second)], -math.inf, -n)
    writer.row([(1.0, h), (-p, second)], -math.inf, 0.0)
    writer.row([(1.0, h), (-1.0, d), (-p, first)], -p, math.inf)
    writer.row([(1.0, h), (-n, first)], 0.0, math.inf)
    if n >= 0:
        writer.row([(1.0, second), (-1.0, first)], 0.0, math.inf)
    if p <= 0:
        writer.row([(1.0, first), (-1.0, second)], 0.0, math.inf)
    return s, h
