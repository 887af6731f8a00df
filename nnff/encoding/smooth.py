"""Smooth activations as a union of cells: boxes of pre-activations, each with sound planes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nnff.encoding.writer import BlockWriter
    from nnff.values import FloatArray

__all__ = ["Piece", "write_cells", "write_envelope_cuts"]


class Piece(Protocol):
    """A box and the planes that are sound on it: a `Cell` (midpoint, difference) or a `Segment`."""

    @property
    def box(self) -> FloatArray:
        """Lower and upper end per input: (lo, hi, lo, hi, ...)."""

    @property
    def planes(self) -> Mapping[Any, FloatArray]:
        """Per (output, sign), rows of slopes and a constant: ``sign * output <= slopes . inputs + c``."""


def write_cells(
    writer: BlockWriter,
    inputs: Sequence[Any],
    outputs: dict[str, Any],
    cells: Sequence[Piece],
) -> tuple[Any, ...]:
    """Encode the outputs of a smooth neuron over its cells.

    Disaggregated ("multiple choice") formulation: one binary y_c per cell,
    sum y_c = 1, and copies of inputs and outputs per cell that vanish where y_c = 0.  With
    the binaries relaxed it is the convex hull of the union of the cells'
    polyhedra (Balas).  Sound because the cells cover the neuron's range and on
    each cell every plane bounds its function (`nnff.encoding.planes`,
    `nnff.encoding.segments`).

    Parameters
    ----------
    writer
        Where to write.
    inputs
        Variables that the cells are boxes of: midpoint and difference of the
        pre-activation, or the pre-activation of one copy.
    outputs
        The variable for each wanted quantity: ``{"H": h}``, ``{"H": h, "S": s}``, ``{"g": a}``.
    cells
        A cover of the range; one cell needs no binary.

    Returns
    -------
    The binaries, one per cell; empty for a single cell.
    """
    if len(cells) == 1:
        _write_planes(writer, cells[0].planes, inputs, outputs, None)
        return ()
    choice: list[Any] = []
    input_parts: list[list[Any]] = [[] for _ in inputs]
    parts: dict[str, list[Any]] = {quantity: [] for quantity in outputs}
    for cell in cells:
        y = writer.binary()
        own_inputs = [
            _scaled(writer, low, high, y) for low, high in zip(cell.box[::2], cell.box[1::2], strict=True)
        ]
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
        _write_planes(writer, cell.planes, own_inputs, own, y)
        choice.append(y)
        for known, part in zip(input_parts, own_inputs, strict=True):
            known.append(part)
    writer.row([(1.0, y) for y in choice], 1.0, 1.0)
    for variable, known in zip(inputs, input_parts, strict=True):
        writer.row([(-1.0, variable), *((1.0, part) for part in known)], 0.0, 0.0)
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
    planes: Mapping[Any, FloatArray],
    inputs: Sequence[Any],
    outputs: dict[str, Any],
    y: Any | None,
) -> None:
    """Write ``sign * output <= slopes . inputs + c y`` (c alone without a binary)."""
    for (quantity, sign), rows in planes.items():
        variable = outputs.get(quantity)
        if variable is None:
            continue
        for *slopes, c in np.asarray(rows):
            terms = [
                (float(sign), variable),
                *((-float(slope), x) for slope, x in zip(slopes, inputs, strict=True)),
            ]
            if y is None:
                writer.row(terms, -math.inf, float(c))
            else:
                writer.row([*terms, (-float(c), y)], -math.inf, 0.0)
