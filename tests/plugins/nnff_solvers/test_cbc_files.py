"""CBC's files: every bit arrives, checked against CBC itself."""

from __future__ import annotations

import math
import struct
import subprocess

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnff.testing.instances import dense_problem
from nnff_solvers.cbc import CbcBackend, cbc_program
from nnff_solvers.cbc_files import encode_numbers, read_solution, write_problem, write_start

ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ*+"
with_cbc = pytest.mark.skipif(not CbcBackend.availability(), reason="CBC is not installed")


def decode(text: str) -> float:
    """Undo `encode_numbers` for one number, written independently of it."""
    words = [
        ALPHABET.index(text[k]) + 64 * ALPHABET.index(text[k + 1]) + 4096 * ALPHABET.index(text[k + 2])
        for k in range(0, 12, 3)
    ]
    return struct.unpack(">d", struct.pack(">4H", *words))[0]


@given(st.lists(st.floats(allow_nan=False), max_size=5))
def test_encoding_keeps_every_bit(values):
    encoded = encode_numbers(np.array(values))
    assert all(len(text) == 12 for text in encoded)
    # Compared as bits: -0.0 is not 0.0.
    assert [struct.pack("d", decode(text)) for text in encoded] == [struct.pack("d", v) for v in values]


def test_encoding_as_cbc_writes_it():
    # Taken from files that CBC 2.10.3 has written.
    numbers = [0.12345678901234568, 1.0000000000000002, -123456.78901234567, 0.0]
    texts = ["+*3tH96t3vpf", "M+3000000100", "*3ccg2b+9dz6", "000000000000"]
    assert encode_numbers(np.array(numbers)) == texts


@with_cbc
def test_cbc_reads_what_was_written(tmp_path):
    rng = np.random.default_rng(3)
    n = 400
    values = rng.normal(size=n) * 10.0 ** rng.integers(-8, 8, n)
    values[:3] = [0.1, 1 / 3, math.pi]
    integer = rng.random(n) < 0.3
    # As CBC exports them: bounds of 1e-8 and less as 0, and those of integers as integers.
    starts = np.where(integer, np.rint(values), np.where(np.abs(values) < 1e-7, 0.0, values))
    shift = rng.normal(size=n)
    # Range rows whose range is not exact must arrive as two rows.
    lower = rng.normal(size=n) * 10.0 ** rng.integers(-3, 6, n)
    upper = lower + np.abs(rng.normal(size=n)) + 1e-3
    problem = dense_problem(
        values,
        np.diag(shift),
        list(zip(lower, upper, strict=True)),
        [(v, v + 3.0) for v in starts.tolist()],
        integer,
    )
    origin = write_problem(problem, tmp_path / "sent.mps")
    assert len(origin) > n, "no row was split; the test does not test what it should"
    command = "-import sent.mps -presolve off -outputFormat 5 -export seen.mps -quit"
    subprocess.run([cbc_program(), *command.split()], cwd=tmp_path, capture_output=True, check=True)
    seen = read_back(tmp_path / "seen.mps")
    assert [seen["cost"][j] for j in range(n)] == problem.cost.tolist()
    for k, row in enumerate(origin.tolist()):
        assert seen["entries"][k, row] == shift[row]
    for row in range(n):
        ends = [seen["rows"][k] for k in np.flatnonzero(origin == row)]
        low, high = max(low for low, _ in ends), min(high for _, high in ends)
        assert high == upper[row]
        # A range is exported as the upper end and a width, which rounds; two rows are exact.
        rounding = 0.0 if len(ends) == 2 else 4e-16 * max(abs(lower[row]), abs(upper[row]))
        assert abs(low - lower[row]) <= rounding
    assert [seen["columns"][j] for j in range(n)] == list(
        zip(problem.col_lower.tolist(), problem.col_upper.tolist(), strict=True)
    )


def read_back(path) -> dict:
    """Read the IEEE MPS file that CBC writes: pairs on a line; bounds default to [0, inf)."""
    sections: dict[str, list[list[str]]] = {}
    section = ""
    for line in path.read_text().splitlines():
        if line.startswith(" "):
            sections[section].append(line.split())
        elif line.strip():
            section = line.split()[0]
            sections[section] = []
    cost, entries, columns = {}, {}, {}
    for name, row, value in pairs(sections["COLUMNS"]):
        columns.setdefault(int(name[1:]), [0.0, math.inf])
        if row == "OBJROW":
            cost[int(name[1:])] = value
        else:
            entries[int(row[1:]), int(name[1:])] = value
    for kind, _, name, number in sections["BOUNDS"]:
        if kind in {"LO", "FX"}:
            columns[int(name[1:])][0] = decode(number)
        if kind in {"UP", "UI", "FX"}:
            columns[int(name[1:])][1] = decode(number)
    rhs = {row: value for _, row, value in pairs(sections["RHS"])}
    ranges = {row: value for _, row, value in pairs(sections["RANGES"])}
    rows = []
    for kind, name in sections["ROWS"][1:]:
        side, width = rhs.get(name, 0.0), ranges.get(name, math.inf)
        rows.append(
            {"G": (side, side + width), "E": (side, side), "L": (side - width, side)}[kind]
        )  # fmt: skip
    return {
        "cost": cost,
        "entries": entries,
        "rows": rows,
        "columns": {j: tuple(c) for j, c in columns.items()},
    }


def pairs(lines: list[list[str]]) -> list[tuple[str, str, float]]:
    return [
        (words[0], name, decode(number))
        for words in lines
        if "'MARKER'" not in words
        for name, number in zip(words[1::2], words[2::2], strict=True)
    ]


def test_free_rows_are_left_out_and_the_constant_too(tmp_path):
    problem = dense_problem(
        [1.0], [[1.0], [2.0]], [(-math.inf, math.inf), (0.0, 1.0)], [(0.0, 1.0)], [True], offset=5.0
    )
    assert write_problem(problem, tmp_path / "p.mps").tolist() == [1]
    assert "OBJSENSE" not in (tmp_path / "p.mps").read_text()


def test_start_has_every_column_and_every_digit(tmp_path):
    write_start(np.array([0.1, 1 / 3]), tmp_path / "start")
    lines = (tmp_path / "start").read_text().splitlines()
    assert [line.split()[2] for line in lines[1:]] == ["0.1", repr(1 / 3)]


def test_a_solution_of_another_size_is_not_read(tmp_path):
    path = tmp_path / "solution"
    assert read_solution(path, 1, 2) is None
    body = np.array([-1.5, 3.0, 0.25, 1.0, 0.5, 0.0, 0.0])
    path.write_bytes(struct.pack("=2i", 1, 2) + body.tobytes())
    solution = read_solution(path, 1, 2)
    assert solution is not None
    assert (solution.objective, solution.row_duals.tolist(), solution.x.tolist()) == (
        -1.5,
        [0.25],
        [1.0, 0.5],
    )
    assert read_solution(path, 2, 1) is None
    path.write_bytes(path.read_bytes()[:-8])
    assert read_solution(path, 1, 2) is None
