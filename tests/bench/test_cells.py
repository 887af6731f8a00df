"""Seeds are one cell, censoring is decided there, and names are as short as they can be."""

from __future__ import annotations

import math

import pytest

from nnff.bench.cells import CLOCK, cells_of, last_tries, outcomes, run_time
from nnff.bench.contender import Names
from nnff.bench.instance import Instance
from nnff.bench.record import Outcome
from nnff.bench.suite import Suite


def names_of(*records):
    return Names([record.spec for record in records])


def cell(*records):
    [found] = cells_of(records, names_of(*records))
    return found


def labels(*records):
    return [contender.label for contender in names_of(*records).contenders]


class TestNames:
    def test_a_backend_alone_is_called_by_its_name(self, run):
        assert labels(run(), run(backend="cbc"), run(seed=1)) == ["cbc", "highs"]

    def test_the_strategy_is_told_where_there_are_several(self, run):
        assert labels(run(), run(strategy="twin")) == ["highs relational", "highs twin"]

    def test_a_strategy_without_solver_is_its_own_name(self, run):
        records = run(), run(strategy="exhaustive", backend="")
        assert labels(*records) == ["exhaustive", "highs"]

    def test_settings_that_vary_make_contenders(self, run):
        records = run(), run(threads=2), run(solver_options={"presolve": "off"}), run(backend="cbc")
        assert labels(*records) == [
            "cbc",
            "highs threads=1",
            "highs threads=1 presolve=off",
            "highs threads=2",
        ]

    def test_a_setting_that_differs_between_backends_only_has_no_need_of_a_name(self, run):
        assert labels(run(threads=2), run(backend="cbc")) == ["cbc", "highs"]

    @pytest.mark.parametrize(
        ("field", "value", "label"),
        [
            ("time_limit", 60.0, "time_limit=60"),
            ("memory_limit", 10, "memory_limit=10"),
            ("solver_options", {"a": [1]}, "a=[1]"),
        ],
    )
    def test_runs_with_other_limits_never_share_a_cell(self, run, field, value, label):
        records = run(), run(**{field: value})
        assert f"highs {label}" in labels(*records)
        assert len(cells_of(records, names_of(*records))) == 2

    def test_instances_are_told_apart_by_suite_and_delta(self, run):
        records = run(), run(delta=0.5), run(suite="other", instance="x")
        assert names_of(*records).instances == (
            "tiny/one (delta not asked)",
            "tiny/one (delta 0.5)",
            "other/x",
        )

    def test_instances_come_in_the_order_of_their_suite_then_of_their_runs(self, run):
        def instance(name):
            return Instance(name, lambda: None, 0.1, "l_2")

        suite = Suite("tiny", "", (instance("first"), instance("second")))
        records = [run(instance=name) for name in ("zulu", "second", "alpha", "first")]
        names = Names([record.spec for record in records], [suite])
        assert names.instances == ("first", "second", "zulu", "alpha")


class TestCell:
    def test_the_median_over_seeds_counts(self, run):
        found = cell(run(3, seed=0), run(1, seed=1), run(2, seed=2))
        assert (found.time, found.counted, found.solved, found.limit) == (2, 2, True, 20)

    def test_two_of_three_solved_is_solved_by_the_slower_of_them(self, run):
        found = cell(run(3), run(20, Outcome.OPEN, seed=1), run(1, seed=2))
        assert (found.time, found.counted) == (3, 3)

    @pytest.mark.parametrize(
        "outcome", [Outcome.OPEN, Outcome.UNDECIDED, Outcome.ERROR, Outcome.OUT_OF_MEMORY]
    )
    def test_one_of_three_solved_is_not_solved_and_counts_with_the_limit(self, run, outcome):
        # The two that failed took half a second: giving up early is not being fast.
        found = cell(run(3), run(0.5, outcome, seed=1), run(0.5, outcome, seed=2))
        assert (found.time, found.counted, found.solved) == (math.inf, 20, False)
        assert found.seconds == 0.5

    def test_half_is_not_more_than_half(self, run):
        assert not cell(run(3), run(20, Outcome.OPEN, seed=1)).solved

    @pytest.mark.parametrize("outcome", [Outcome.CLOSED, Outcome.CERTIFIED, Outcome.VIOLATED])
    def test_every_answer_is_one(self, run, outcome):
        assert run_time(run(3, outcome)) == 3

    def test_a_solved_run_beyond_its_limit_counts_with_its_time(self, run):
        assert cell(run(25)).counted == 25

    def test_no_time_is_below_the_clock(self, run):
        assert run_time(run(0.0)) == CLOCK

    def test_bounds_are_the_best_of_all_seeds_and_medians_beside_them(self, run):
        found = cell(*(run(seed=s, lower=a, upper=b) for s, (a, b) in enumerate([(1, 4), (2, 6), (1.5, 5)])))
        assert (found.lower, found.upper) == (2, 4)
        assert (found.median_lower, found.median_upper) == (1.5, 5)
        # Gaps 3, 2 and 3.5 / 1.5.
        assert found.gap == pytest.approx(3.5 / 1.5)

    def test_a_contradiction_certifies_nothing(self, run):
        liar = run(1, Outcome.ERROR, reason="inconsistent", lower=2, upper=0.5, seed=1)
        found = cell(run(lower=1, upper=3), liar)
        assert (found.lower, found.upper) == (2, 3)
        assert cell(liar).upper == cell(liar).gap == math.inf

    def test_there_is_no_gap_where_a_delta_was_asked_for(self, run):
        assert cell(run(1, Outcome.CERTIFIED, delta=3.0, upper=2.9)).gap is None

    def test_memory_is_the_most_of_process_and_child_together(self, run):
        found = cell(run(peak_memory=5, peak_memory_children=4), run(seed=1, peak_memory=8))
        assert found.memory == 9

    def test_nodes_of_runs_that_do_not_tell_are_not_zero(self, run):
        assert cell(run(nodes=4), run(seed=1), run(seed=2, nodes=8)).nodes == 6
        assert cell(run()).nodes is None

    def test_outcomes_are_told_once_where_they_agree(self, run):
        assert outcomes([run(), run(seed=1)]) == "closed"
        runs = [run(20, Outcome.OPEN), run(), run(), run(0, Outcome.OUT_OF_MEMORY)]
        assert outcomes(runs) == "closed 2, open 1, out of memory 1"


class TestLastTries:
    def test_the_last_try_counts_wherever_it_stands(self, run):
        tries = [run(2, attempt=2), run(1, attempt=1), run(9, seed=1)]
        assert [record.seconds for record in last_tries(tries)] == [2, 9]

    def test_of_equal_tries_the_later_line_counts(self, run):
        assert [record.seconds for record in last_tries([run(1), run(2)])] == [2]
