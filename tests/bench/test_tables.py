"""Tables say what the analysis says, bounds rounded outward."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnff.bench.analysis import analyse
from nnff.bench.record import Outcome
from nnff.bench.table import Column, Table, bracket_text, gap_text, percent_text, ratio_text, seconds_text
from nnff.bench.tables import (
    analysis_tables,
    factor_tables,
    instance_table,
    overview_table,
    phase_table,
    profile_table,
    speed_up_table,
    time_table,
)


@pytest.fixture
def analysis(run):
    records = [
        run(
            2.0,
            instance="a",
            lower=1.23456789,
            upper=1.23999999,
            phases={"solve": 1.5, "start": 0.5},
            nodes=12,
        ),
        run(
            2.5,
            instance="a",
            seed=1,
            lower=1.23456,
            upper=1.24,
            phases={"solve": 2.0, "tiny": 0.001},
            nodes=14,
        ),
        run(20.3, Outcome.OPEN, instance="b", lower=1, upper=1.5, known_lower=1.1, known_upper=1.2),
        run(8.0, instance="a", backend="cbc", lower=1.2, upper=1.3),
        run(16.0, instance="b", backend="cbc", lower=1.1, upper=1.15, factors={"width": 4.0}),
        run(0.1, Outcome.ERROR, instance="c", backend="cbc", lower=0, upper=math.inf),
        run(3.0, Outcome.CERTIFIED, instance="c", lower=0.5, upper=0.9, delta=None),
    ]
    return analyse(records)


def rows_of(table):
    return [dict(zip((column.name for column in table.columns), row, strict=True)) for row in table.rows]


def test_overview(analysis):
    cbc, highs = rows_of(overview_table(analysis))
    assert (cbc["contender"], cbc["solved"], cbc["runs"]) == ("cbc", "2/3", "2 closed, 1 errors")
    assert (highs["solved"], highs["runs"]) == ("2/3", "2 closed, 1 certified, 1 open")
    # 2.25, 20 and 3, the open one at its limit.
    assert highs["sgm 1 s"] == f"{(3.25 * 21 * 4) ** (1 / 3) - 1:#.3g}"
    assert highs["PAR-10"] == f"{(2.25 + 200 + 3) / 3:#.3g}"


def test_seconds_per_instance_say_what_came_of_the_unsolved(analysis):
    assert rows_of(time_table(analysis)) == [
        {"instance": "a", "cbc": "8.00", "highs": "2.25"},
        {"instance": "b", "cbc": "16.0", "highs": "> 20 (gap 50 %)"},
        {"instance": "c", "cbc": "error", "highs": "3.00"},
    ]


def test_an_instance_that_was_not_run_and_one_with_a_delta(run):
    records = [run(2, instance="a"), run(20, Outcome.UNDECIDED, instance="b", backend="cbc", delta=1.0)]
    assert rows_of(time_table(analyse(records))) == [
        {"instance": "a", "cbc": "-", "highs": "2.00"},
        {"instance": "b", "cbc": "> 20", "highs": "-"},
    ]
    assert rows_of(instance_table(analyse(records)))[1]["outcome"] == "undecided of 1"


def test_brackets_are_rounded_outward(analysis):
    rows = rows_of(instance_table(analysis))
    assert [row["instance"] for row in rows] == ["a", "", "b", "", "c", ""]
    assert (rows[1]["witnessed"], rows[1]["certified"]) == ("1.23456", "1.24")
    assert (rows[1]["range"], rows[1]["nodes"]) == ("2.00 to 2.50", "13")
    assert rows[3]["known"] == "[1.1, 1.2]"
    assert rows[4]["certified"] == "inf"


def test_the_faster_contender_stands_first_and_bounds_are_marked(run):
    records = [
        run(1, instance="a"),
        run(3, instance="a", backend="cbc"),
        run(10, instance="b"),
        run(20, Outcome.OPEN, instance="b", backend="cbc"),
    ]
    [row] = rows_of(speed_up_table(analyse(records)))
    assert (row["contender"], row["than"]) == ("highs", "cbc")
    # The root of 3 * 2 is 2.449; a lower bound is rounded down.
    assert row["times as fast"] == "≥ 2.44"
    assert (row["both solved"], row["first only"], row["second only"], row["neither"]) == ("1", "1", "0", "0")


def test_equal_contenders_are_one_row(run):
    assert len(speed_up_table(analyse([run(2), run(2, backend="cbc")])).rows) == 1


def test_profile(run):
    records = [
        run(2),
        run(5, backend="cbc"),
        run(3, instance="b"),
        run(20, Outcome.OPEN, instance="b", backend="cbc"),
    ]
    cbc, highs = rows_of(profile_table(analyse(records)))
    assert [cbc[head] for head in ("1 x", "2 x", "4 x", "100 x", "ever")] == [
        "0 %",
        "0 %",
        "50 %",
        "50 %",
        "50 %",
    ]
    assert highs["1 x"] == "100 %"


def test_small_phases_are_taken_together(analysis):
    [highs] = rows_of(phase_table(analysis))
    assert list(highs) == ["contender", "solve", "start", "rest"]
    assert (highs["solve"], highs["rest"]) == (f"{350 / 4.001:.0f} %", f"{0.1 / 4.001:.2g} %")


def test_factors(run):
    records = [
        run(2, instance="narrow", factors={"width": 4.0}),
        run(20, Outcome.OPEN, instance="wide", factors={"width": 64.0}, lower=1, upper=1.25),
        run(3, instance="narrow", backend="cbc", factors={"width": 4.0}),
    ]
    [table] = factor_tables(analyse(records))
    assert table.title == "width"
    assert rows_of(table) == [
        {"width": "4", "cbc": "3.00", "highs": "2.00"},
        {"width": "64", "cbc": "-", "highs": "≥ 20 (0 % solved, gap 25 %)"},
    ]


def test_only_tables_with_rows(run):
    titles = [table.title for table in analysis_tables(analyse([run()]))]
    assert "Noise of the machine" not in titles
    assert titles[0] == "Solved instances and seconds"
    assert len(titles) == len(set(titles))


def test_every_row_has_every_column_and_no_text_is_nan(analysis, run):
    dead = analyse([run(0, Outcome.ERROR, lower=0, upper=math.inf, instance_fingerprint="")])
    for table in (*analysis_tables(analysis), *analysis_tables(dead)):
        for row in table.rows:
            assert len(row) == len(table.columns)
            assert not any("nan" in text for text in row)


def test_markdown():
    table = Table("T", (Column("a"), Column("b", right=True)), (("x|y", "1"),), ("Note.",))
    assert table.markdown() == "**T**\n\n| a | b |\n| --- | ---: |\n| x\\|y | 1 |\n\nNote.\n"


class TestTexts:
    @pytest.mark.parametrize(
        ("seconds", "text"),
        [
            (0.00123456, "0.00123"),
            (0.1, "0.100"),
            (12.345, "12.3"),
            (99.96, "100"),
            (1234.5, "1234"),
            (math.inf, "inf"),
        ],
    )
    def test_seconds(self, seconds, text):
        assert seconds_text(seconds) == text

    @pytest.mark.parametrize(
        ("gap", "text"),
        [
            (0, "0 %"),
            (0.01, "1 %"),
            (0.0101, "1.1 %"),
            (0.872, "88 %"),
            (2.6012, "261 %"),
            (5e9, "> 1000 %"),
            (math.inf, "inf"),
            (math.nan, ""),
        ],
    )
    def test_gaps_are_rounded_up(self, gap, text):
        assert gap_text(gap) == text

    @given(st.floats(1e-3, 1e3))
    def test_bounds_of_ratios_are_rounded_to_their_side(self, ratio):
        assert float(ratio_text(ratio, "at least").removeprefix("≥ ")) <= ratio
        assert float(ratio_text(ratio, "at most").removeprefix("≤ ")) >= ratio
        assert ratio_text(ratio, "unclear") == f"({ratio_text(ratio)})"

    @given(st.floats(1e-6, 1e6), st.floats(0, 1e6))
    def test_brackets_hold_what_they_stand_for(self, lower, width):
        low, high = bracket_text(lower, lower + width).strip("[]").split(", ")
        assert float(low) <= lower <= lower + width <= float(high)

    def test_sides_that_are_not_known(self):
        assert bracket_text(math.nan, math.nan) == ""
        assert bracket_text(1, math.nan) == "[1, ...]"
        assert bracket_text(math.nan, 2, proven=False) == "[..., ~2]"

    def test_percent(self):
        assert [percent_text(share) for share in (0, 0.0012, 0.125, -0.5, math.nan)] == [
            "0 %",
            "0.12 %",
            "12 %",
            "-50 %",
            "",
        ]
