"""ReLU on a pair of inputs: exact, with rows that use the range of the difference."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from nnff.encoding.writer import NARROWEST_RANGE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nnff.encoding.writer import BlockWriter

    Bounds = tuple[float, float]
    Form = Sequence[tuple[float, Any]]

__all__ = ["write_big_m", "write_nearly_stable_relu", "write_relu"]


def write_relu(
    writer: BlockWriter,
    m: Any,
    d: Any,
    bounds: tuple[Bounds, Bounds],
    reach: Bounds,
    h_bounds: Bounds,
) -> tuple[Any, Any]:
    """Encode s = (a' + a'')/2 and h = a'' - a' of a ReLU neuron that is unstable in one copy at least.

    With binaries b' = [p' >= 0], b'' = [p'' >= 0], p' = m - D/2, p'' = m + D/2,
    and a' = s - h/2, a'' = s + h/2, big-M rows per copy make (a', a'') exact.  A copy
    whose range has one sign needs no binary: it is a constant there.
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
        Ranges of p' and p''.
    reach
        Range (N, P) of D.
    h_bounds
        Range of h.

    Returns
    -------
    Variables (s, h).
    """
    n, p = reach
    least, most = ([max(end, 0.0) for end in ends] for ends in zip(*bounds, strict=True))
    s = writer.variable(math.fsum(least) / 2, math.fsum(most) / 2)
    h = writer.variable(*h_bounds)
    first, second = (
        _write_copy(writer, [(1.0, s), (sign, h)], [(1.0, m), (sign, d)], ends)
        for sign, ends in zip((-0.5, 0.5), bounds, strict=True)
    )
    _write_with_switch(writer, [(1.0, h), (-1.0, d)], (-n, second), (-math.inf, -n))
    _write_with_switch(writer, [(1.0, h)], (-p, second), (-math.inf, 0.0))
    _write_with_switch(writer, [(1.0, h), (-1.0, d)], (-p, first), (-p, math.inf))
    _write_with_switch(writer, [(1.0, h)], (-n, first), (0.0, math.inf))
    if not isinstance(first, float) and not isinstance(second, float):
        if n >= 0:
            writer.row([(1.0, second), (-1.0, first)], 0.0, math.inf)
        if p <= 0:
            writer.row([(1.0, first), (-1.0, second)], 0.0, math.inf)
    return s, h


def _write_copy(writer: BlockWriter, output: Form, pre: Form, bounds: Bounds) -> Any:
    """Make `output` the ReLU of `pre`, and return its binary, or the number that it always is.

    A range that passes 0 by no more than a hair counts as one of one sign: relu(p) then lies
    between 0 and the hair, or relu(p) - p does.
    """
    low, high = bounds
    if low >= -NARROWEST_RANGE:
        difference = [*output, *((-coefficient, variable) for coefficient, variable in pre)]
        writer.row(difference, 0.0, max(-low, 0.0))
        return 1.0
    if high <= NARROWEST_RANGE:
        writer.row(output, 0.0, max(high, 0.0))
        return 0.0
    on = writer.binary()
    write_big_m(writer, output, pre, bounds, on)
    return on


def _write_with_switch(writer: BlockWriter, terms: Form, switch: tuple[float, Any], bounds: Bounds) -> None:
    """Write a row with a term of a binary, or of the number that stands for it."""
    coefficient, on = switch
    if isinstance(on, float):
        writer.row(terms, bounds[0] - coefficient * on, bounds[1] - coefficient * on)
    else:
        writer.row([*terms, (coefficient, on)], *bounds)


def write_big_m(
    writer: BlockWriter,
    output: Sequence[tuple[float, Any]],
    pre: Sequence[tuple[float, Any]],
    bounds: tuple[float, float],
    on: Any,
) -> None:
    """Make a linear form the ReLU of another, exactly, with the binary `on` = [pre >= 0].

    Parameters
    ----------
    writer
        Where to write.
    output, pre
        Linear forms a and p: (coefficient, variable).
    bounds
        Range of p, ``low < 0 < high``.
    on
        If 1, ``a = p >= 0``; if 0, ``a = 0 >= p``.
    """
    low, high = bounds
    minus_pre = [(-coefficient, variable) for coefficient, variable in pre]
    writer.row(output, 0.0, math.inf)
    writer.row([*output, *minus_pre], 0.0, math.inf)
    writer.row([*output, (-high, on)], -math.inf, 0.0)
    writer.row([*output, *minus_pre, (-low, on)], -math.inf, -low)


def write_nearly_stable_relu(
    writer: BlockWriter, m: Any, d: Any, bounds: tuple[float, float], *, active: bool
) -> tuple[Any, Any]:
    """Encode a ReLU neuron whose range passes 0 by no more than a hair, without binaries.

    Nearly inactive (`active` false, high a hair above 0): both outputs lie in
    [0, high], hence s too, and h in [-high, high].  Nearly active (low a hair
    below 0): relu(p) - p lies in [0, -low], hence s - m too, and h - D in
    [low, -low].  Sound in both cases; the error is at most the hair, which
    `BlockWriter.variable` keeps wide enough for solvers.

    Parameters
    ----------
    writer, m, d, bounds
        As in `write_relu`.
    active
        Which of the two it is.

    Returns
    -------
    Variables (s, h).
    """
    low, high = bounds
    hair = -low if active else high
    mean_error = writer.variable(0.0, hair)
    difference_error = writer.variable(-hair, hair)
    if not active:
        return mean_error, difference_error
    s = writer.variable(low, high - low)
    reach = writer.bounds(d)
    h = writer.variable(reach[0] - hair, reach[1] + hair)
    writer.row([(1.0, s), (-1.0, m), (-1.0, mean_error)], 0.0, 0.0)
    writer.row([(1.0, h), (-1.0, d), (-1.0, difference_error)], 0.0, 0.0)
    return s, h
