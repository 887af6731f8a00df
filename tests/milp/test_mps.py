"""MPS files: what is written is read back bit by bit, here and by HiGHS."""

from __future__ import annotations

import gzip
import math

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nnff.errors import DataError, ProblemError
from nnff.milp import MatrixProblem
from nnff.milp.mps import read_mps, write_mps
from nnff.testing.instances import dense_problem, knapsack, mixed_columns

INF = math.inf
# No subnormals and nothing beyond what HiGHS takes for finite: the format itself has no such limits.
value = st.one_of(
    st.floats(-1e6, 1e6).filter(lambda v: v == 0 or abs(v) > 1e-9),
    st.sampled_from([0.1, 1 / 3, 1e-7, -2.5e9]),
).map(lambda v: v + 0.0)
quiet = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@st.composite
def bounds(draw, *, exact_range=False):
    low, high = sorted((draw(value), draw(value)))
    if exact_range:
        # A range that floats can hold: both ends are multiples of 1/8.
        low, high = np.floor(low * 8) / 8, np.ceil(high * 8) / 8
    return draw(st.sampled_from([(low, high), (low, INF), (-INF, high), (-INF, INF), (low, low)]))


@st.composite
def problems(draw, *, exact_range):
    n, m = draw(st.integers(0, 5)), draw(st.integers(0, 5))
    nonzero = value.filter(bool)
    entries = draw(st.lists(st.one_of(st.just(0.0), nonzero), min_size=m * n, max_size=m * n))
    matrix = sp.csr_array(np.array(entries, dtype=float).reshape(m, n))
    rows = [draw(bounds(exact_range=exact_range)) for _ in range(m)]
    columns = [draw(bounds()) for _ in range(n)]
    return MatrixProblem(
        [draw(value) for _ in range(n)],
        draw(value),
        matrix.indptr,
        matrix.indices,
        matrix.data,
        [low for low, _ in rows],
        [high for _, high in rows],
        [low for low, _ in columns],
        [high for _, high in columns],
        [draw(st.booleans()) for _ in range(n)],
        column_names=tuple(f"C{j}" for j in range(n)),
    )


@quiet
@given(problems(exact_range=True), st.sampled_from(["p.mps", "p.mps.gz"]))
def test_round_trip(tmp_path, problem, name):
    write_mps(problem, tmp_path / name)
    again = read_mps(tmp_path / name)
    assert again == problem
    assert again.column_names == problem.column_names


def rows_as_set(problem):
    """The rows of a problem, one entry per one-sided bound, order and splitting aside."""
    found = set()
    for row, low, high in zip(problem.matrix.toarray(), problem.row_lower, problem.row_upper, strict=True):
        found |= {("low", tuple(row), low)} if low > -INF else set()
        found |= {("high", tuple(row), high)} if high < INF else set()
    return found


@quiet
@given(problems(exact_range=False))
def test_ranges_that_floats_cannot_add_up_are_split_and_stay_exact(tmp_path, problem):
    write_mps(problem, tmp_path / "p.mps")
    again = read_mps(tmp_path / "p.mps")
    assert rows_as_set(again) == rows_as_set(problem)
    assert again.n_rows >= problem.n_rows
    for name in ("cost", "offset", "col_lower", "col_upper", "integer"):
        assert np.array_equal(getattr(again, name), getattr(problem, name))


@quiet
@given(problems(exact_range=False))
def test_highs_reads_the_same_program(tmp_path, problem):
    """An independent reader; it drops rows without bounds, which say nothing."""
    from nnff_solvers.highs_model import new_highs

    write_mps(problem, tmp_path / "p.mps")
    highs = new_highs()
    assert highs.setOptionValue("small_matrix_value", 1e-12).name == "kOk"
    assert highs.readModel(str(tmp_path / "p.mps")).name in {"kOk", "kWarning"}
    lp = highs.getLp()
    n, m = lp.num_col_, lp.num_row_
    assert n == problem.n_columns
    assert lp.offset_ == problem.offset
    assert np.array_equal(lp.col_cost_, problem.cost)
    assert np.array_equal(lp.col_lower_, problem.col_lower)
    assert np.array_equal(lp.col_upper_, problem.col_upper)
    integer = [kind.name == "kInteger" for kind in lp.integrality_] or [False] * n
    assert np.array_equal(integer, problem.integer)
    a = lp.a_matrix_
    shape = sp.csc_array if a.format_.name == "kColwise" else sp.csr_array
    matrix = shape((a.value_, a.index_, a.start_), shape=(m, n))
    read = dense_problem(
        lp.col_cost_, matrix.toarray(), list(zip(lp.row_lower_, lp.row_upper_, strict=True)), [(0, 0)] * n
    )
    assert rows_as_set(read) == rows_as_set(problem)


def test_the_optimum_survives(tmp_path):
    from nnff.solver import SolveOptions
    from nnff_solvers.highs import HighsBackend

    for k, planted in enumerate((knapsack(0, offset=3.5), mixed_columns(integer=True))):
        write_mps(planted.problem, tmp_path / f"{k}.mps.gz")
        result = HighsBackend().solve(read_mps(tmp_path / f"{k}.mps.gz"), SolveOptions())
        assert result.objective == pytest.approx(planted.value, abs=1e-7)


def test_equal_problems_give_equal_files(tmp_path):
    for name in ("a.mps.gz", "b.mps.gz"):
        write_mps(knapsack(0).problem, tmp_path / name)
    assert (tmp_path / "a.mps.gz").read_bytes() == (tmp_path / "b.mps.gz").read_bytes()


def test_names_that_the_format_cannot_hold_are_replaced(tmp_path):
    for names in (("a b", "c"), ("a", "a"), ("$x", "y"), ()):
        problem = MatrixProblem([1, 2], 0, [0], [], [], [], [], [0, 0], [1, 1], [1, 0], column_names=names)
        write_mps(problem, tmp_path / "p.mps")
        assert read_mps(tmp_path / "p.mps").column_names == ("C0", "C1")


def test_bounds_on_the_wrong_side_cannot_be_written(tmp_path):
    with pytest.raises(ProblemError, match="row 0"):
        write_mps(dense_problem([1], [[1]], [(INF, INF)], [(0, 1)]), tmp_path / "p.mps")
    with pytest.raises(ProblemError, match="column C0"):
        write_mps(dense_problem([1], [[1]], [(0, 1)], [(-INF, -INF)]), tmp_path / "p.mps")


FIXED = """* a comment
NAME          SAMPLE
OBJSENSE
    MAX
ROWS
 N  COST
 L  LIM1
 G  LIM2
 E  MYEQN
 E  OTHER
 N  FREE
COLUMNS
    MARKER                 'MARKER'                 'INTORG'
    X         COST         1.0   LIM1         1.0
    X         LIM2         1.0
    MARKER                 'MARKER'                 'INTEND'
    Y         COST         2.0   LIM1         1.0
    Y         MYEQN       -1.0
    Z         COST        -1.0   MYEQN        1.0
    Z         OTHER        1.0   FREE         1.0
RHS
    RHS1      LIM1         4.0   LIM2         1.0
    RHS1      MYEQN        7.0   COST        -3.0
    RHS1      OTHER        2.0
RANGES
    RNG       LIM1         2.5   MYEQN        3.0
    RNG       LIM2         4.0   OTHER       -1.5
BOUNDS
 UP BND1      X            4.0
 MI BND1      Y
 UP BND1      Y            1.0
 LO BND1      Z           -2.0
ENDATA
"""


def test_a_file_by_other_hands(tmp_path):
    """Fixed columns, a maximisation, all kinds of ranges, a free row: against the format's definition."""
    path = tmp_path / "sample.mps"
    path.write_text(FIXED)
    problem = read_mps(path)
    assert problem.negated
    assert problem.column_names == ("X", "Y", "Z")
    assert problem.cost.tolist() == [-1, -2, 1]
    # The constant of the maximisation is +3: minus its right-hand side.
    assert problem.offset == -3
    assert problem.row_lower.tolist() == [1.5, 1, 7, 0.5, -INF]
    assert problem.row_upper.tolist() == [4, 5, 10, 2, INF]
    assert problem.col_lower.tolist() == [0, -INF, -2]
    assert problem.col_upper.tolist() == [4, 1, INF]
    assert problem.integer.tolist() == [True, False, False]
    expected = [[1, 1, 0], [1, 0, 0], [0, -1, 1], [0, 0, 1], [0, 0, 1]]
    assert problem.matrix.toarray().tolist() == expected


def test_a_vector_without_a_name(tmp_path):
    path = tmp_path / "p.mps"
    path.write_text(
        "NAME\nROWS\n N o\n L r\nCOLUMNS\n x o 1 r 1\nRHS\n r 5\nBOUNDS\n UP x 3\n BV b x\nENDATA\n"
    )
    problem = read_mps(path)
    assert problem.row_upper.tolist() == [5]
    assert (problem.col_lower.tolist(), problem.col_upper.tolist(), problem.integer.tolist()) == (
        [0],
        [1],
        [True],
    )


GOOD = "NAME\nROWS\n N o\n L r\nCOLUMNS\n x o 1 r 1\nRHS\n v r 5\nBOUNDS\n UP b x 3\nENDATA\n"


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("ENDATA", "", "without ENDATA"),
        (" N o\n", "", "no row o"),
        (" L r", " X r", "line 4.*a row is"),
        (" L r", " L r\n L r", "line 5.*twice"),
        ("x o 1 r 1", "x o 1 r", "line 6.*pairs"),
        ("x o 1 r 1", "x o one", "one is not a number"),
        ("x o 1 r 1", "x o nan", "nan is not a number"),
        ("x o 1 r 1", "x o inf", "not finite"),
        ("x o 1 r 1", "x o 1 q 1", "no row q"),
        ("x o 1 r 1", "x o 1 r 1\n x r 2", "two entries"),
        ("x o 1 r 1", "x o 1 r 1\n x o 2", "two costs"),
        ("v r 5", "v r 5\n v r 6", "twice in RHS"),
        (" UP b x 3", " UP b y 3", "names a column"),
        (" UP b x 3", " UP b x", "names a column"),
        (" UP b x 3", " SC b x 3", "SC are not supported"),
        (" UP b x 3", " UP b x -3", "negative upper"),
        ("COLUMNS\n", "COLUMNS\n m 'MARKER' 'SOSORG'\n", "SOSORG.*not supported"),
        ("BOUNDS", "QUADOBJ", "section QUADOBJ"),
        ("NAME\n", "NAME\nOBJSENSE\n SIDEWAYS\n", "sense SIDEWAYS"),
        (
            "COLUMNS\n x o 1 r 1\n",
            "COLUMNS\n m 'MARKER' 'INTORG'\n z o 1\n m 'MARKER' 'INTEND'\n x o 1\n",
            "z has no",
        ),
        ("NAME\n", "NAME\n stray 1\n", "outside of any section"),
    ],
)
def test_what_is_malformed_or_ambiguous_is_refused_with_its_line(tmp_path, old, new, what):
    path = tmp_path / "p.mps"
    path.write_text(GOOD)
    assert read_mps(path).n_columns == 1
    assert old in GOOD
    path.write_text(GOOD.replace(old, new, 1))
    with pytest.raises(DataError, match=what):
        read_mps(path)


def test_a_file_that_is_not_there_or_not_compressed(tmp_path):
    with pytest.raises(DataError, match=r"none\.mps"):
        read_mps(tmp_path / "none.mps")
    (tmp_path / "p.mps.gz").write_text(GOOD)
    with pytest.raises(DataError, match=r"p\.mps\.gz"):
        read_mps(tmp_path / "p.mps.gz")
    (tmp_path / "cut.mps.gz").write_bytes(gzip.compress(GOOD.encode())[:-9])
    with pytest.raises(DataError, match=r"cut\.mps\.gz"):
        read_mps(tmp_path / "cut.mps.gz")
