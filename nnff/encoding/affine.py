"""Affine layers as rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nnff.encoding.writer import BlockWriter
    from nnff.values import FloatArray

__all__ = ["write_affine"]


def write_affine(
    writer: BlockWriter,
    weight: FloatArray,
    bias: FloatArray,
    inputs: Sequence[Any | None],
    lower: FloatArray,
    upper: FloatArray,
) -> list[Any]:
    """Add variables ``W inputs + b`` within their ranges.

    Parameters
    ----------
    writer
        Where to write.
    weight, bias
        Shapes (k, n) and (k,).
    inputs
        n variables; None stands for the constant 0.
    lower, upper
        Ranges of the new variables, shape (k,).
    """
    handles = []
    for row, constant, low, high in zip(weight, bias, lower, upper, strict=True):
        variable = writer.variable(low, high)
        terms = [(float(w), v) for w, v in zip(row, inputs, strict=True) if v is not None and w != 0]
        writer.row([(-1.0, variable), *terms], -float(constant), -float(constant))
        handles.append(variable)
    return handles
