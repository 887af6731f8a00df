"""Before and after: who is paired, what is called a change, and what is only noise."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from nnff.bench.compare import ALL_CONTENDERS, compare
from nnff.bench.comparison_tables import comparison_sentences, comparison_tables
from nnff.bench.environment import environment_differences
from nnff.bench.record import Outcome
from nnff.errors import DataError

OPEN = Outcome.OPEN


@pytest.fixture
def controls(run):
    """Control runs that lie 20 % apart."""
    return [run(seconds, role="control", repeat=n, instance="k") for n, seconds in enumerate((9, 10, 11))]


def row_of(comparison, instance, contender="highs"):
    frame = comparison.instances
    [row] = frame[(frame["instance"] == instance) & (frame["contender"] == contender)].itertuples()
    return row


def total_of(comparison, contender="highs"):
    [row] = comparison.totals[comparison.totals["contender"] == contender].itertuples()
    return row


class TestTimes:
    def test_by_hand(self, run, controls):
        before = [run(seconds, instance=name) for name, seconds in (("a", 8), ("b", 9), ("c", 3))]
        after = [run(seconds, instance=name) for name, seconds in (("a", 2), ("b", 8), ("c", 12))]
        comparison = compare(before + controls, after + controls)
        assert comparison.runs == 3
        rows = [row_of(comparison, name) for name in "abc"]
        assert [row.speed_up for row in rows] == [4, 9 / 8, 1 / 4]
        # Within 20 % is what control runs show without any change.
        assert [row.verdict for row in rows] == ["faster", "within noise", "slower"]
        total = total_of(comparison)
        assert total.speed_up == pytest.approx((9 / 8) ** (1 / 3))
        assert (total.low, total.high) == (pytest.approx(1 / 4), pytest.approx(4))
        assert total.noise == pytest.approx(0.2)
        assert total.verdict == "within noise"
        assert total.sgm1_before == pytest.approx((9 * 10 * 4) ** (1 / 3) - 1)
        assert total.sgm1_after == pytest.approx((3 * 9 * 13) ** (1 / 3) - 1)

    @pytest.mark.parametrize(
        ("before", "after", "verdict"),
        # Slower by the noise is as far from no change as faster by it: 1 / 1.2 = 0.833.
        [(12.1, 10, "faster"), (11.9, 10, "within noise"), (8.4, 10, "within noise"), (8.2, 10, "slower")],
    )
    def test_noise_is_the_same_in_both_directions(self, run, controls, before, after, verdict):
        comparison = compare([run(before), *controls], [run(after), *controls])
        assert row_of(comparison, "one").verdict == verdict

    def test_seeds_are_medians_first(self, run):
        before = [run(seconds, seed=seed) for seed, seconds in enumerate((6, 4, 99))]
        after = [run(seconds, seed=seed) for seed, seconds in enumerate((3, 1, 2))]
        row = row_of(compare(before, after), "one")
        assert (row.seconds_before, row.seconds_after, row.speed_up, row.runs) == (6, 2, 3, 3)

    def test_all_faster_alike_is_faster(self, run, controls):
        before = [run(4.0 + n, instance=f"i{n}") for n in range(6)]
        after = [run((4.0 + n) / 1.5, instance=f"i{n}") for n in range(6)]
        total = total_of(compare(before + controls, after + controls))
        assert (total.verdict, total.bound) == ("faster", "")
        assert total.speed_up == pytest.approx(1.5)
        back = total_of(compare(after + controls, before + controls))
        assert (back.verdict, back.speed_up) == ("slower", pytest.approx(1 / 1.5))

    def test_a_mean_whose_interval_holds_1_is_unclear(self, run, controls):
        factors = (9, 9, 0.3, 0.4, 3)
        before = [run(10 * factor, instance=f"i{n}") for n, factor in enumerate(factors)]
        after = [run(10, instance=f"i{n}") for n in range(5)]
        total = total_of(compare(before + controls, after + controls))
        assert total.speed_up > 1.9
        assert total.low < 1
        assert total.verdict == "unclear"

    def test_the_noise_of_either_side_counts(self, run, controls):
        quiet = [run(10, role="control", repeat=n, instance="k") for n in range(3)]
        before, after = [run(5.5)], [run(5.0)]
        assert row_of(compare(before + quiet, after + quiet), "one").verdict == "faster"
        assert row_of(compare(before + controls, after + quiet), "one").verdict == "within noise"
        assert row_of(compare(before + quiet, after + controls), "one").verdict == "within noise"
        assert row_of(compare(before, after + controls), "one").verdict == "within noise"

    def test_a_shift_between_the_control_runs_of_the_two_sides_is_not_noise(self, run, controls):
        # The change is in them, too.
        halved = [record.model_copy(update={"seconds": record.seconds / 2}) for record in controls]
        comparison = compare([run(8), *controls], [run(4), *halved])
        assert comparison.noise["spread"].tolist() == pytest.approx([0.2, 0.2])
        assert row_of(comparison, "one").verdict == "faster"

    def test_a_contender_without_control_runs_takes_the_noise_of_others(self, run, controls):
        comparison = compare([run(5.5, backend="cbc"), *controls], [run(5, backend="cbc"), *controls])
        assert row_of(comparison, "one", "cbc").verdict == "within noise"

    def test_without_any_control_run_nothing_is_called_a_change(self, run):
        comparison = compare([run(8)], [run(1)])
        assert row_of(comparison, "one").verdict == total_of(comparison).verdict == "noise unknown"
        assert math.isnan(total_of(comparison).noise)
        assert any("no control runs" in sentence for sentence in comparison.warnings)

    @settings(max_examples=25)
    @given(st.lists(st.tuples(st.floats(0.01, 19), st.floats(0.01, 19)), min_size=1, max_size=6))
    def test_a_second_way_and_its_mirror(self, run, times):
        before = [
            run(old, instance=f"i{n}", backend=b) for n, (old, _) in enumerate(times) for b in ("x", "y")
        ]
        after = [
            run(new, instance=f"i{n}", backend=b) for n, (_, new) in enumerate(times) for b in ("x", "y")
        ]
        forth, back = compare(before, after), compare(after, before)
        expected = stats.gmean([old / new for old, new in times])
        for label in ("x", "y", ALL_CONTENDERS):
            one, other = total_of(forth, label), total_of(back, label)
            assert one.speed_up == pytest.approx(expected)
            assert other.speed_up == pytest.approx(1 / one.speed_up)
            assert one.low <= one.speed_up <= one.high
            assert (other.low == 0) == (one.high == math.inf)
            assert one.high == math.inf or other.low == pytest.approx(1 / one.high)


class TestCensoring:
    def test_newly_solved_is_at_least_so_much_faster(self, run, controls):
        comparison = compare([run(20, OPEN), *controls], [run(4), *controls])
        row = row_of(comparison, "one")
        assert (row.speed_up, row.bound, row.verdict) == (5, "at least", "faster")
        assert (row.outcome_before, row.outcome_after) == ("open", "closed")
        assert comparison.newly_solved == (("one", "highs"),)
        assert comparison.no_longer_solved == ()

    def test_no_longer_solved_is_at_most(self, run, controls):
        comparison = compare([run(4), *controls], [run(0.1, Outcome.ERROR), *controls])
        row = row_of(comparison, "one")
        # The error after a tenth of a second counts with the limit.
        assert (row.speed_up, row.bound, row.verdict) == (0.2, "at most", "slower")
        assert comparison.no_longer_solved == (("one", "highs"),)

    def test_solved_just_before_the_limit_is_no_proof_of_more_than_noise(self, run, controls):
        row = row_of(compare([run(20, OPEN), *controls], [run(19), *controls]), "one")
        assert (row.bound, row.verdict) == ("at least", "unclear")

    def test_unsolved_on_both_sides_is_unclear_alone_and_no_change_among_others(self, run, controls):
        before = [run(8, instance=f"i{n}") for n in range(5)] + [run(20, OPEN, instance="hard")]
        after = [run(4, instance=f"i{n}") for n in range(5)] + [run(20, OPEN, instance="hard")]
        comparison = compare(before + controls, after + controls)
        assert row_of(comparison, "hard").verdict == "unclear"
        total = total_of(comparison)
        assert (total.instances, total.bound, total.verdict) == (6, "", "faster")
        assert total.speed_up == pytest.approx(2 ** (5 / 6))
        assert (total.solved_before, total.solved_after) == (5, 5)


class TestBounds:
    def test_changes_of_delta_relative_to_the_larger(self, run):
        before = [run(20, OPEN, lower=1.0, upper=4.0)]
        after = [run(20, OPEN, lower=1.25, upper=3.0)]
        row = row_of(compare(before, after), "one")
        assert (row.lower_change, row.upper_change) == (pytest.approx(0.2), pytest.approx(-0.25))

    def test_a_bound_that_is_lost(self, run):
        row = row_of(compare([run(upper=2)], [run(20, OPEN, lower=1, upper=math.inf)]), "one")
        assert row.upper_change == 1

    def test_brackets_of_the_two_sides_that_do_not_meet(self, run):
        comparison = compare([run(lower=2, upper=2.1)], [run(lower=1, upper=1.5)])
        [sentence] = comparison.contradictions
        assert "no pair differs by more than 1.5" in sentence
        assert any(said.startswith("Contradiction: ") for said in comparison_sentences(comparison))


class TestPairing:
    def test_only_equal_specs_are_paired_and_the_rest_is_listed(self, run, table_of):
        before = [run(1), run(2, seed=1), run(3, instance="gone")]
        after = [run(1), run(4, backend="cbc"), run(5, instance="new", seed=1)]
        comparison = compare(before, after)
        assert comparison.runs == 1
        assert comparison.instances["instance"].tolist() == ["one"]
        assert table_of(comparison.unpaired, "side", "contender", "instance", "runs") == [
            {"side": "before", "contender": "highs", "instance": "one", "runs": 1},
            {"side": "before", "contender": "highs", "instance": "gone", "runs": 1},
            {"side": "after", "contender": "cbc", "instance": "one", "runs": 1},
            {"side": "after", "contender": "highs", "instance": "new", "runs": 1},
        ]
        assert "Only before: 2 runs (highs on one, highs on gone)." in comparison_sentences(comparison)

    def test_another_problem_under_the_same_name_is_not_compared(self, run):
        before = [run(8), run(8, instance="two", instance_fingerprint="old")]
        after = [run(4), run(1, instance="two", instance_fingerprint="new")]
        comparison = compare(before, after)
        assert comparison.changed == ("two",)
        assert comparison.instances["instance"].tolist() == ["one"]
        assert total_of(comparison).instances == 1

    def test_every_problem_changed(self, run):
        comparison = compare([run(instance_fingerprint="old")], [run(instance_fingerprint="new")])
        assert comparison.changed == ("one",)
        assert comparison.instances.empty
        assert comparison.totals.empty
        assert [table.title for table in comparison_tables(comparison)] == []

    def test_a_run_that_died_before_it_knew_its_problem_is_compared(self, run):
        comparison = compare([run(8)], [run(0, Outcome.ERROR, instance_fingerprint="")])
        assert comparison.no_longer_solved == (("one", "highs"),)

    def test_nothing_shared_says_what_differs(self, run):
        with pytest.raises(DataError, match=r"with another time_limit, solver_options$"):
            compare([run()], [run(time_limit=60.0, solver_options={"presolve": "off"})])
        with pytest.raises(DataError, match="different ones"):
            compare([run()], [run(backend="cbc")])

    @pytest.mark.parametrize("empty", ["before", "after"])
    def test_an_empty_side_says_which(self, run, empty):
        sides = {"before": [run()], "after": [run()], empty: [run(role="control")]}
        with pytest.raises(DataError, match=f"no runs {empty}"):
            compare(**sides)

    def test_environment_and_solver_versions(self, run):
        then, now = {"versions": {"numpy": "2.1"}}, {"versions": {"numpy": "2.2"}}
        comparison = compare(
            [run(environment=then, solver_version="1.0")], [run(environment=now, solver_version="1.1")]
        )
        assert comparison.environment == (
            *environment_differences(then, now),
            "the solver highs is 1.0 before and 1.1 after",
        )

    def test_warnings_name_their_side(self, run):
        before = [run(1, instance=name) for name in "abcde"]
        after = [run(30, instance=name) for name in "abcde"]
        warnings = compare(before, after).warnings
        assert warnings[0].startswith("Both sides: There are no control runs")
        assert warnings[1].startswith("After: 5 runs took longer than the limit allows")


def test_json_has_no_number_that_json_has_not(run):
    before = [run(8), run(20, OPEN, instance="two", lower=0, upper=math.inf)]
    comparison = compare(before, before)
    text = json.dumps(comparison.to_dict(), allow_nan=False)
    read = json.loads(text)
    assert read["instances"][1]["delta_upper_before"] == "inf"
    assert read["totals"][0]["noise"] is None
    assert read["totals"][0]["solved_before"] == 1
    assert read["newly_solved"] == []


def test_tables_round_outward_and_mark_bounds(run, controls):
    before = [run(20, OPEN, lower=1.23456789, upper=2.34567812), *controls]
    after = [run(4.01, lower=2.0, upper=2.00000012), *controls]
    totals, instances, noise = comparison_tables(compare(before, after))
    [row] = instances.rows
    assert row[:5] == ("one", "highs", "faster", "≥ 4.98", "20.0 → 4.01")
    assert row[5:] == ("open → closed", "1.23456 → 2", "+38 %", "2.34568 → 2.00001", "-15 %")
    assert totals.rows[0][:3] == ("highs", "unclear", "≥ 4.98")
    assert [line[0] for line in noise.rows] == ["before", "after"]
