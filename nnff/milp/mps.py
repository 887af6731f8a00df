"""Programs as MPS files: free format, minimisation, every number exactly.

Numbers are written so that reading them gives the same float64 again.  The
format leaves some things to the reader's taste; what is written here avoids them, and what is
read must avoid them too:

* The objective's constant is minus the right-hand side of the objective row.
* The objective is a minimisation and carries no OBJSENSE section (one CBC ignores it).
* Every column has explicit bounds, the lower before the upper one: readers disagree on integer
  columns without bounds and on a negative upper bound without a lower one.
* A row with two different finite bounds is written as one bound and a range,
  if adding the range gives the other bound exactly; else as two rows.
"""

from __future__ import annotations

import gzip
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NoReturn

import numpy as np

from nnff.errors import DataError, ProblemError
from nnff.milp.matrix import MatrixProblem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from nnff.values import FloatArray

__all__ = ["read_mps", "write_mps"]

_OBJECTIVE = "OBJ"


def write_mps(problem: MatrixProblem, path: Path) -> None:
    """Write `problem` as a free-format MPS file, compressed if the name ends in ``.gz``.

    Column names are taken from the problem if they are unique and hold no white space, else they
    are ``C0, C1, ...``; rows are ``R0, R1, ...``.  That a problem is a negated maximisation is not kept.

    Raises
    ------
    ProblemError
        If a bound is infinite on the wrong side, which MPS cannot say.
    """
    lines = "\n".join(_lines(problem)) + "\n"
    if path.suffix == ".gz":
        # No name and no time in the header: equal problems give equal files.
        with path.open("wb") as raw, gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as stream:
            stream.write(lines.encode())
    else:
        path.write_text(lines, encoding="utf-8")


@dataclass(frozen=True)
class _Row:
    """One row of the file."""

    name: str
    kind: str
    rhs: float = 0.0
    range: float | None = None


def _rows_of(index: int, low: float, high: float) -> list[_Row]:
    """Say ``low <= row <= high`` in one row, or in two where no range is exact."""
    name = f"R{index}"
    if low == math.inf or high == -math.inf:
        raise ProblemError(f"row {index} has the bounds [{low}, {high}], which MPS cannot say")
    if low == -math.inf:
        return [_Row(name, "N") if high == math.inf else _Row(name, "L", high)]
    if high == math.inf:
        return [_Row(name, "G", low)]
    if low == high:
        return [_Row(name, "E", low)]
    span = high - low
    if span > 0 and low + span == high:
        return [_Row(name, "G", low, span)]
    if span > 0 and high - span == low:
        return [_Row(name, "L", high, span)]
    return [_Row(name, "G", low), _Row(f"{name}U", "L", high)]


def _lines(problem: MatrixProblem) -> Iterator[str]:
    rows = [
        _rows_of(i, float(low), float(high))
        for i, (low, high) in enumerate(zip(problem.row_lower, problem.row_upper, strict=True))
    ]
    flat = [row for pieces in rows for row in pieces]
    names = _column_names(problem)
    yield "NAME nnff"
    yield "ROWS"
    yield f" N {_OBJECTIVE}"
    yield from (f" {row.kind} {row.name}" for row in flat)
    yield "COLUMNS"
    yield from _column_lines(problem, rows, names)
    yield "RHS"
    if problem.offset != 0:
        yield f" RHS {_OBJECTIVE} {_number(-problem.offset)}"
    yield from (f" RHS {row.name} {_number(row.rhs)}" for row in flat if row.rhs != 0)
    yield "RANGES"
    yield from (f" RNG {row.name} {_number(row.range)}" for row in flat if row.range is not None)
    yield "BOUNDS"
    for j, name in enumerate(names):
        yield from _bound_lines(name, float(problem.col_lower[j]), float(problem.col_upper[j]))
    yield "ENDATA"


def _column_lines(problem: MatrixProblem, rows: list[list[_Row]], names: tuple[str, ...]) -> Iterator[str]:
    columns = problem.matrix.tocsc()
    integer = False
    for j, name in enumerate(names):
        if bool(problem.integer[j]) != integer:
            integer = not integer
            yield f" MARKER{j} 'MARKER' '{'INTORG' if integer else 'INTEND'}'"
        # A column must be named to exist, be it with a zero.
        yield f" {name} {_OBJECTIVE} {_number(problem.cost[j])}"
        for k in range(columns.indptr[j], columns.indptr[j + 1]):
            for row in rows[columns.indices[k]]:
                yield f" {name} {row.name} {_number(columns.data[k])}"
    if integer:
        yield f" MARKER{len(names)} 'MARKER' 'INTEND'"


def _bound_lines(name: str, low: float, high: float) -> Iterator[str]:
    if low == math.inf or high == -math.inf:
        raise ProblemError(f"the column {name} has the bounds [{low}, {high}], which MPS cannot say")
    if low == high:
        yield f" FX BND {name} {_number(low)}"
    elif low == -math.inf and high == math.inf:
        yield f" FR BND {name}"
    else:
        yield f" MI BND {name}" if low == -math.inf else f" LO BND {name} {_number(low)}"
        yield f" PL BND {name}" if high == math.inf else f" UP BND {name} {_number(high)}"


def _number(value: float) -> str:
    # Python's repr is the shortest decimal that reads back as the same float.
    return repr(float(value))


def _column_names(problem: MatrixProblem) -> tuple[str, ...]:
    names = problem.column_names
    # A name must not read as anything else: no white space, no comment, and nothing twice.
    plain = all(name.split() == [name] and name[0] not in "*$'" for name in names)
    if len(names) == problem.n_columns and plain and len(set(names)) == len(names):
        return names
    return tuple(f"C{j}" for j in range(problem.n_columns))


def read_mps(path: Path) -> MatrixProblem:
    """Read a free-format MPS file (fixed format too, where names hold no blanks), ``.gz`` or plain.

    A maximisation (OBJSENSE) is negated into a minimisation.  Free rows beyond
    the objective are kept as rows without bounds.

    Raises
    ------
    DataError
        If the file cannot be read, is malformed, uses what `MatrixProblem` does not have
        (quadratic terms, SOS, semi-continuous columns), or leaves something to the reader's
        taste (see the module's text).  Names the line.
    """
    reader = _Reader(str(path))
    compressed = path.suffix == ".gz"
    try:
        with gzip.open(path, "rt", encoding="utf-8") if compressed else path.open(encoding="utf-8") as stream:
            reader.read(stream)
            # Beyond ENDATA there is only the checksum of a compressed file, which is worth checking.
            stream.read()
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise DataError(f"the MPS file {path} cannot be read: {error}") from error
    return reader.problem()


@dataclass
class _Column:
    """What the file has said about a column so far."""

    index: int
    integer: bool
    low: float = 0.0
    high: float = math.inf
    low_said: bool = False
    high_said: bool = False


@dataclass
class _Reader:
    """Reads section by section; remembers the line for messages."""

    path: str
    line: int = 0
    section: str = ""
    maximise: bool = False
    objective: str | None = None
    kinds: dict[str, str] = field(default_factory=dict)
    row_index: dict[str, int] = field(default_factory=dict)
    columns: dict[str, _Column] = field(default_factory=dict)
    in_integers: bool = False
    cost: dict[int, float] = field(default_factory=dict)
    entries: dict[tuple[int, int], float] = field(default_factory=dict)
    rhs: dict[str, float] = field(default_factory=dict)
    ranges: dict[str, float] = field(default_factory=dict)

    def fail(self, what: str) -> NoReturn:
        raise DataError(f"the MPS file {self.path}, line {self.line}: {what}")

    def read(self, lines: Iterable[str]) -> None:
        for self.line, text in enumerate(lines, 1):
            if text.startswith("*") or not text.strip():
                continue
            fields = text.split()
            if not text[0].isspace():
                if fields[0].upper() == "ENDATA":
                    return
                self._begin(fields)
            elif self.section == "OBJSENSE":
                self._sense(fields[0])
            else:
                self._dispatch(fields)
        self.fail("the file ends without ENDATA")

    def _begin(self, fields: list[str]) -> None:
        self.section = fields[0].upper()
        if self.section not in {"NAME", "OBJSENSE", "ROWS", "COLUMNS", "RHS", "RANGES", "BOUNDS"}:
            self.fail(f"the section {fields[0]} is not supported")
        if self.section == "OBJSENSE" and len(fields) > 1:
            self._sense(fields[1])

    def _sense(self, word: str) -> None:
        if word.upper() not in {"MIN", "MINIMIZE", "MAX", "MAXIMIZE"}:
            self.fail(f"unknown objective sense {word}")
        self.maximise = word.upper().startswith("MAX")

    def _dispatch(self, fields: list[str]) -> None:
        match self.section:
            case "ROWS":
                self._row(fields)
            case "COLUMNS":
                self._column(fields)
            case "RHS":
                self._pairs(fields, self.rhs)
            case "RANGES":
                self._pairs(fields, self.ranges)
            case "BOUNDS":
                self._bound(fields)
            case _:
                self.fail("data outside of any section")

    def _row(self, fields: list[str]) -> None:
        if len(fields) != 2 or fields[0].upper() not in {"N", "L", "G", "E"}:  # noqa: PLR2004
            self.fail("a row is a type (N, L, G or E) and a name")
        kind, name = fields[0].upper(), fields[1]
        if name in self.kinds:
            self.fail(f"the row {name} occurs twice")
        self.kinds[name] = kind
        if kind == "N" and self.objective is None:
            self.objective = name
        else:
            self.row_index[name] = len(self.row_index)

    def _column(self, fields: list[str]) -> None:
        if len(fields) == 3 and fields[1] == "'MARKER'":  # noqa: PLR2004
            if fields[2] not in {"'INTORG'", "'INTEND'"}:
                self.fail(f"the marker {fields[2]} is not supported")
            self.in_integers = fields[2] == "'INTORG'"
            return
        if len(fields) % 2 == 0:
            self.fail("a column is a name and pairs of a row and a number")
        column = self.columns.setdefault(fields[0], _Column(len(self.columns), self.in_integers))
        for name, value in self._values(fields[1:]):
            if name == self.objective:
                if column.index in self.cost:
                    self.fail(f"the column {fields[0]} has two costs")
                self.cost[column.index] = value
                continue
            at = (self.row_index[name], column.index)
            if at in self.entries:
                self.fail(f"the column {fields[0]} has two entries in the row {name}")
            self.entries[at] = value

    def _pairs(self, fields: list[str], into: dict[str, float]) -> None:
        # The name of the vector may be left out; then the number of fields is even.
        for name, value in self._values(fields[len(fields) % 2 :]):
            if name in into:
                self.fail(f"the row {name} occurs twice in {self.section}")
            into[name] = value

    def _values(self, fields: list[str]) -> Iterator[tuple[str, float]]:
        for name, number in zip(fields[::2], fields[1::2], strict=True):
            if name not in self.kinds:
                self.fail(f"there is no row {name}")
            value = self._float(number)
            if not math.isfinite(value):
                self.fail(f"the number {number} is not finite")
            yield name, value

    def _float(self, text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            self.fail(f"{text} is not a number")
        if math.isnan(value):
            self.fail(f"{text} is not a number")
        return value

    def _bound(self, fields: list[str]) -> None:
        kind = fields[0].upper()
        valued = kind in {"LO", "UP", "FX", "LI", "UI"}
        if not valued and kind not in {"FR", "MI", "PL", "BV"}:
            self.fail(f"bounds of type {fields[0]} are not supported")
        # The name of the bound vector may be left out; a value after FR and its like is idle.
        rest = fields[1:]
        if len(rest) > 1 + valued or (len(rest) == 1 + valued and rest[0] not in self.columns):
            rest = rest[1:]
        if len(rest) < 1 + valued or rest[0] not in self.columns:
            self.fail("a bound names a column that exists and, unless it says FR, MI, PL or BV, a number")
        column = self.columns[rest[0]]
        value = self._float(rest[1]) if valued else 0.0
        if kind in {"LI", "UI", "BV"}:
            column.integer = True
        if kind in {"LO", "LI", "FX", "FR", "MI", "BV"}:
            column.low, column.low_said = (-math.inf if kind in {"FR", "MI"} else value), True
        if kind in {"UP", "UI", "FX", "FR", "PL", "BV"}:
            column.high = {"FR": math.inf, "PL": math.inf, "BV": 1.0}.get(kind, value)
            column.high_said = True

    def problem(self) -> MatrixProblem:
        if self.objective is None:
            self.fail("there is no objective row")
        for name, column in self.columns.items():
            if column.integer and not (column.low_said or column.high_said):
                self.fail(f"the integer column {name} has no bounds, which is ambiguous")
            if column.high < 0 and not column.low_said:
                self.fail(f"the column {name} has a negative upper but no lower bound, which is ambiguous")
        m, n = len(self.row_index), len(self.columns)
        at = np.array(sorted(self.entries), dtype=np.int64).reshape(-1, 2)
        low, high = self._row_bounds()
        sign = -1.0 if self.maximise else 1.0
        columns = list(self.columns.values())
        cost = sign * np.array([self.cost.get(j, 0.0) for j in range(n)], dtype=np.float64)
        return MatrixProblem(
            cost=cost + 0.0,
            # 0.0 - x rather than -x: no negative zero.
            offset=sign * (0.0 - self.rhs.get(self.objective, 0.0)),
            indptr=np.concatenate([[0], np.cumsum(np.bincount(at[:, 0], minlength=m))]),
            indices=at[:, 1],
            data=np.array([self.entries[i, j] for i, j in at.tolist()], dtype=np.float64),
            row_lower=low,
            row_upper=high,
            col_lower=np.array([column.low for column in columns], dtype=np.float64),
            col_upper=np.array([column.high for column in columns], dtype=np.float64),
            integer=np.array([column.integer for column in columns], dtype=bool),
            negated=self.maximise,
            column_names=tuple(self.columns),
        )

    def _row_bounds(self) -> tuple[FloatArray, FloatArray]:
        low = np.full(len(self.row_index), -np.inf)
        high = np.full(len(self.row_index), np.inf)
        for name, i in self.row_index.items():
            kind, rhs, span = self.kinds[name], self.rhs.get(name, 0.0), self.ranges.get(name)
            if kind in {"E", "G"}:
                low[i] = rhs
            if kind in {"E", "L"}:
                high[i] = rhs
            if span is None or kind == "N":
                continue
            if kind == "G" or (kind == "E" and span > 0):
                high[i] = rhs + abs(span)
            if kind == "L" or (kind == "E" and span < 0):
                low[i] = rhs - abs(span)
        return low, high
