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
    values[:4] = [0.1, 1 / 3, -1e-9, math.pi]
    shift = rng.normal(size=n)
    # Range rows whose range is not exact must arrive as two rows.
    lower = rng.normal(size=n) * 10.0 ** rng.integers(-3, 6, n)
    upper = lower + np.abs(rng.normal(size=n)) + 1e-3
    problem = dense_problem(
        values,
        np.diag(shift),
        list(zip(lower, upper, strict=True)),
        [(float(v), float(v) + 1.5) for v in values],
        rng.random(n) < 0.3,
    )
    origin = write_problem(problem, tmp_path / "sent.mps")
    assert len(origin) > n, "no row was split; the test does not test what it should"
    command = "-import sent.mps -presolve off -outputFormat 5 -export seen.mps -quit"
    subprocess.run([cbc_program(), *command.split()], cwd=tmp_path, capture_output=True, check=True)
    seen = read_back(tmp_path / "seen.mps")
    assert [seen["cost"][j] for j in range(n)] == problem.cost.tolist()
    for k, row in enumerate(origin.tolist()):
        assert seen["entries"][k, row] == shift[row]
        low, high = seen["rows"][k]
        assert {low, high} <= {lower[row], upper[row], -math.inf, math.inf}
    for row in range(n):
        ends = [seen["rows"][k] for k in np.flatnonzero(origin == row)]
        assert max(low for low, _ in ends) == lower[row]
        assert min(high for _, high in ends) == upper[row]
    assert [seen["columns"][j] for j in range(n)] == list(
        zip(problem.col_lower.tolist(), problem.col_upper.tolist(), strict=True)
    )


def read_back(path) -> dict:
    """Read the IEEE MPS file that CBC writes, two pairs a line; bounds default to [0, inf)."""
    kinds, cost, entries, rhs, ranges, columns = [], {}, {}, {}, {}, {}
    section = ""
    for line in path.read_text().splitlines():
        words = line.split()
        if not line.startswith(" "):
            section = words[0]
            continue
        if section == "ROWS" and words[1] != "OBJROW":
            kinds.append(words[0])
        elif section in {"COLUMNS", "RHS", "RANGES"} and "'MARKER'" not in words:
            for name, number in zip(words[1::2], words[2::2], strict=True):
                value = decode(number)
                if section == "COLUMNS":
                    j = int(words[0][1:])
                    columns.setdefault(j, [0.0, math.inf])
                    if name == "OBJROW":
                        cost[j] = value
                    else:
                        entries[int(name[1:]), j] = value
                else:
                    (rhs if section == "RHS" else ranges)[int(name[1:])] = value
        elif section == "BOUNDS":
            j, value = int(words[2][1:]), decode(words[3]) if len(words) > 3 else math.nan
            if words[0] in {"LO", "FX"}:
                columns[j][0] = value
            if words[0] in {"UP", "FX"}:
                columns[j][1] = value
    rows = []
    for k, kind in enumerate(kinds):
        side, width = rhs.get(k, 0.0), ranges.get(k, math.inf)
        # As CBC keeps them: a range belongs to the other side.
        low = {"G": side, "E": side, "L": side - width, "N": -math.inf}[kind]
        high = {"L": side, "E": side, "G": side + width, "N": math.inf}[kind]
        rows.append((low, high))
    return {
        "cost": cost,
        "entries": entries,
        "rows": rows,
        "columns": {j: tuple(ends) for j, ends in columns.items()},
    }


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
    assert (solution.objective, solution.row_duals.tolist(), solution.x.tolist()) == (-1.5, [0.25], [1.0, 0.5])
    assert read_solution(path, 2, 1) is None
    path.write_bytes(path.read_bytes()[:-8])
    assert read_solution(path, 1, 2) is None
