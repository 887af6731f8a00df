"""The files that CBC reads and writes, without losing a digit.

*Problem.*  PuLP writes numbers with 13 digits, and CBC's own reader of decimal numbers is off by
up to two units in the last place even if all 17 are there (observed with 2.10.3: a quarter of random
numbers).  But the reader also knows ``NAME ... FREEIEEE``: each number is then twelve characters
that stand for the bits of the float64, and arrives as it was sent.

*Solution.*  The text file carries 8 digits; ``saveSolution`` writes the same values, and the row
duals, as raw float64.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nnff.values import frozen_array

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from nnff.milp import MatrixProblem
    from nnff.values import FloatArray, IntArray

__all__ = ["CbcSolution", "encode_numbers", "read_solution", "write_problem", "write_start"]

_ALPHABET = np.frombuffer(b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ*+", dtype=np.uint8)


def encode_numbers(values: FloatArray) -> list[str]:
    """Return the twelve characters that CBC reads as exactly these numbers.

    Each float64 is four 16-bit words, the most significant first; each word is three characters
    for its bits 0-5, 6-11 and 12-15, the least significant first.
    """
    words = np.asarray(values, dtype=">f8").reshape(-1).view(">u2").astype(np.uint16)
    digits = np.stack([words & 63, (words >> 6) & 63, words >> 12], axis=-1)
    return [text.decode() for text in _ALPHABET[digits].reshape(-1, 12).view("S12").ravel()]


def write_problem(problem: MatrixProblem, path: Path) -> IntArray:
    """Write `problem`, without its constant and its free rows, as a minimisation.

    The constant stays behind because CBC leaves it out of what it prints; and there is
    no OBJSENSE section, which this CBC ignores.

    Returns
    -------
    For each row of the file the row of the problem that it came from.
    """
    rows = [
        piece
        for row, (low, high) in enumerate(
            zip(problem.row_lower.tolist(), problem.row_upper.tolist(), strict=True)
        )
        for piece in _pieces(row, low, high)
    ]
    path.write_text("\n".join(_lines(problem, rows)) + "\n", encoding="ascii")
    return np.array([piece.row for piece in rows], dtype=np.int64)


@dataclass(frozen=True)
class _Piece:
    """A row of the file: a row of the problem, or one side of it."""

    row: int
    kind: str
    rhs: float
    range: float | None = None


def _pieces(row: int, low: float, high: float) -> list[_Piece]:
    if low == high:
        return [_Piece(row, "E", low)]
    span = high - low
    # CBC adds the range to the right-hand side; where that would round, two rows do not.
    if math.isfinite(span) and low + span == high:
        return [_Piece(row, "G", low, span)]
    return ([_Piece(row, "G", low)] if low > -math.inf else []) + (
        [_Piece(row, "L", high)] if high < math.inf else []
    )


def _lines(problem: MatrixProblem, rows: list[_Piece]) -> Iterator[str]:
    yield "NAME nnff FREEIEEE"
    yield "ROWS"
    yield " N obj"
    places: list[list[str]] = [[] for _ in range(problem.n_rows)]
    for k, piece in enumerate(rows):
        yield f" {piece.kind} r{k}"
        places[piece.row].append(f"r{k}")
    yield "COLUMNS"
    yield from _column_lines(problem, places)
    yield "RHS"
    for k, number in enumerate(encode_numbers(np.array([piece.rhs for piece in rows]))):
        yield f" RHS r{k} {number}"
    yield "RANGES"
    for k, piece in enumerate(rows):
        if piece.range is not None:
            yield f" RNG r{k} {encode_numbers(np.array([piece.range]))[0]}"
    yield "BOUNDS"
    # Always both bounds, the lower one first: readers disagree on what is left out.
    bounds = (problem.col_lower, problem.col_upper)
    for j, (low, high, low_text, high_text) in enumerate(
        zip(*(b.tolist() for b in bounds), *map(encode_numbers, bounds), strict=True)
    ):
        yield f" MI BND c{j}" if low == -math.inf else f" LO BND c{j} {low_text}"
        yield f" PL BND c{j}" if high == math.inf else f" UP BND c{j} {high_text}"
    yield "ENDATA"


def _column_lines(problem: MatrixProblem, places: list[list[str]]) -> Iterator[str]:
    columns = problem.matrix.tocsc()
    costs, entries = encode_numbers(problem.cost + 0.0), encode_numbers(columns.data)
    indptr, indices, integer = columns.indptr.tolist(), columns.indices.tolist(), problem.integer.tolist()
    inside = False
    for j, cost in enumerate(costs):
        if integer[j] != inside:
            inside = not inside
            yield f" m{j} 'MARKER' '{'INTORG' if inside else 'INTEND'}'"
        yield f" c{j} obj {cost}"  # a zero too: a column must be named to exist
        for k in range(indptr[j], indptr[j + 1]):
            for place in places[indices[k]]:
                yield f" c{j} {place} {entries[k]}"
    if inside:
        yield f" m{len(costs)} 'MARKER' 'INTEND'"


def write_start(start: FloatArray, path: Path) -> None:
    """Write a complete point for ``mipstart``; CBC checks it and repairs its continuous part."""
    lines = ["Stopped - objective value 0"]
    lines += [f"{j} c{j} {value!r} 0" for j, value in enumerate(start.tolist())]
    path.write_text("\n".join(lines) + "\n", encoding="ascii")


@dataclass(frozen=True)
class CbcSolution:
    """What ``saveSolution`` holds.

    Attributes
    ----------
    objective
        CBC's objective, without the problem's constant.
    row_duals
        One per row of the file, positive where the lower bound is active.
    x
        Column values, shape (n,).
    """

    objective: float
    row_duals: FloatArray
    x: FloatArray


def read_solution(path: Path, n_rows: int, n_columns: int) -> CbcSolution | None:
    """Read the file of ``saveSolution``; None if it is missing or not of this problem.

    Its layout: two 32-bit counts, the objective, row activities, row duals, column
    values, reduced costs.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    if len(data) != 16 + 16 * (n_rows + n_columns) or struct.unpack("=2i", data[:8]) != (n_rows, n_columns):
        return None
    values = np.frombuffer(data, dtype=np.float64, offset=8)
    at = 1 + n_rows
    return CbcSolution(
        float(values[0]),
        frozen_array(values[at : at + n_rows]),
        frozen_array(values[at + n_rows : at + n_rows + n_columns]),
    )
