"""Reading SCIP's log: snippets recorded with OR-Tools 9.15."""

# ruff: noqa: E501 - recorded lines stay as they are

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from nnff_solvers.scip_log import ScipLog

HEADER = (
    " time | node  | left  |LP iter|LP it/n|mem/heur|mdpt |vars |cons |rows |cuts |sepa|confs|strbr|"
    "  dualbound   | primalbound  |  gap   | compl. "
)
TABLE = f"""\
presolving (21 rounds: 21 fast, 11 medium, 11 exhaustive):
{HEADER}
  0.1s|     1 |     0 |  1067 |     - |    11M |   0 | 527 |1271 |1269 |   0 |  0 |   1 |   0 |-8.471980e-01 |      --      |    Inf | unknown
o 0.1s|     1 |     0 |  1496 |     - |feaspump|   0 | 527 |1271 |1269 |   0 |  0 |   1 |   0 |-8.471980e-01 |-7.787529e-01 |   8.79%| unknown
r 9.6s|    17 |    10 |  8583 | 121.2 |ziroundi|   9 | 395 | 914 | 805 | 144 |  1 |  51 | 139 |-7.959859e-01 |-7.919537e-01 |   0.51%|  54.84%
"""


def read(text: str) -> ScipLog:
    log = ScipLog()
    for line in text.splitlines():
        log.feed(line)
    return log


def test_rows_of_the_table():
    log = read(TABLE)
    assert (log.objective, log.nodes) == (-0.7919537, 17)
    assert -0.7959860001 <= log.bound < -0.7959859


def test_nothing_before_the_first_row():
    log = read(HEADER)
    assert (log.bound, log.objective, log.nodes) == (-math.inf, math.inf, 0)


def test_words_and_infinity_are_no_bounds():
    row = TABLE.splitlines()[-3]
    log = read(f"{HEADER}\n{row.replace('-8.471980e-01', '    cutoff   ')}")
    assert log.bound == -math.inf
    log = read(f"{HEADER}\n{row.replace('-8.471980e-01', '-1.000000e+20')}")
    assert log.bound == -math.inf


def test_status_and_errors():
    log = read(
        "[scip_event.c:305] ERROR: SCIPcatchEvent does not support variable or row change events.\n"
        "[paramset.c:2058] ERROR: parameter <foo/bar> unknown\n"
        "[set.c:3643] ERROR: Error <-12> in function call\n"
        "SCIP Status        : problem is solved [unbounded]\n"
    )
    assert log.errors == ["parameter <foo/bar> unknown"]
    assert log.unbounded
    assert not read("SCIP Status        : problem is solved [infeasible or unbounded]\n").unbounded


@given(st.floats(-1e15, 1e15).filter(lambda v: v == 0 or abs(v) > 1e-200))
def test_the_bound_is_below_whatever_was_printed(value):
    row = TABLE.splitlines()[-3].replace("-8.471980e-01", f"{value:.6e}")
    log = read(f"{HEADER}\n{row}")
    assert value - 2.1e-6 * abs(value) <= log.bound <= value
