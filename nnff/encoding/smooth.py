"""Smooth activations on a pair of inputs: a union of cells, each with sound planes for H and S."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nnff.encoding.cells import Cell, Side
    from nnff.encoding.writer import BlockWriter
    from nnff.values import FloatArray

__all__ = ["write_cells", "write_envelope_cuts"]


def write_cells(
    writer: BlockWriter,
    m: Any,
    d: Any,
    outputs: dict[str, Any],
    cells: Sequence[Cell],
) -> tuple[Any, ...]:
    """Encode h and s of a smooth neuron over its cells.

    Disaggregated ("multiple choice") formulation: one binary y_c per cell,
    sum y_c = 1, and copies m_c, D_c, h_c, s_c that vanish where y_c = 0.  With
    the binaries relaxed it is the convex hull of the union of the cells'
    polyhedra (Balas).  Sound because the cells cover the neuron's range and on
    each cell every plane bounds its function (`nnff.encoding.planes`).

    Parameters
    ----------
    writer
        Where to write.
    m, d
        Variables of the pre-activation midpoint and difference.
    outputs
        The variable for each wanted quantity: ``{"H": h}`` or ``{"H": h, "S": s}``.
    cells
        A cover of the range; one cell needs no binary.

    Returns
    -------
    The binaries, one per cell; empty for a single cell.
    """
    if len(cells) == 1:
        _write_planes(writer, cells[0].planes, m, d, outputs, None)
        return ()
    choice, parts_m, parts_d = [], [], []
    parts: dict[str, list[Any]] = {quantity: [] for quantity in outputs}
    for cell in cells:
        y = writer.binary()
        own_m = _scaled(writer, cell.box[0], cell.box[1], y)
        own_d = _scaled(writer, cell.box[2], cell.box[3], y)
        own = {}
        for quantity, variable in outputs.items():
            low, high = writer.bounds(variable)
            own[quantity] = writer.variable(min(low, 0.0), max(high, 0.0))
            parts[quantity].append(own[quantity])
            # A side without planes (only one is wanted at the output) still has to vanish with y.
            for sign in (1, -1):
                if (quantity, sign) not in cell.planes:
                    limit = high if sign == 1 else -low
                    writer.row([(float(sign), own[quantity]), (-limit, y)], -math.inf, 0.0)
        _write_planes(writer, cell.planes, own_m, own_d, own, y)
        choice.append(y)
        parts_m.append(own_m)
        parts_d.append(own_d)
    writer.row([(1.0, y) for y in choice], 1.0, 1.0)
    writer.row([(-1.0, m), *((1.0, part) for part in parts_m)], 0.0, 0.0)
    writer.row([(-1.0, d), *((1.0, part) for part in parts_d)], 0.0, 0.0)
    for quantity, variable in outputs.items():
        writer.row([(-1.0, variable), *((1.0, part) for part in parts[quantity])], 0.0, 0.0)
    return tuple(choice)


def write_envelope_cuts(writer: BlockWriter, d: Any, h: Any, slopes: FloatArray, shifts: FloatArray) -> None:
    """Add ``h <= slope D + shift``: planes above H that hold for every m (tangents of the closed form)."""
    for slope, shift in zip(slopes, shifts, strict=True):
        writer.row([(1.0, h), (-float(slope), d)], -math.inf, float(shift))


def _scaled(writer: BlockWriter, low: float, high: float, y: Any) -> Any:
    """Return a variable in [low y, high y]."""
    part = writer.variable(min(low, 0.0), max(high, 0.0))
    writer.row([(1.0, part), (-float(low), y)], 0.0, math.inf)
    writer.row([(1.0, part), (-float(high), y)], -math.inf, 0.0)
    return part


def _write_planes(
    writer: BlockWriter,
    planes: Any,
    m: Any,
    d: Any,
    outputs: dict[str, Any],
    y: Any | None,
) -> None:
    """Write ``sign * output <= a m + b D + c y`` (c alone without a binary)."""
    side: Side
    for side, rows in planes.items():
        quantity, sign = side
        variable = outputs.get(quantity)
        if variable is None:
            continue
        for a, b, c in np.asarray(rows):
            terms = [(float(sign), variable), (-float(a), m), (-float(b), d)]
            if y is None:
                writer.row(terms, -math.inf, float(c))
            else:
                writer.row([*terms, (-float(c), y)], -math.inf, 0.0)
