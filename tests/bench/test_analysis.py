"""An analysis of runs whose every number is computed here by hand, or a second way."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from nnff.bench.analysis import analyse
from nnff.bench.record import Outcome
from nnff.errors import DataError

OPEN, ERROR = Outcome.OPEN, Outcome.ERROR


@pytest.fixture(scope="module")
def example(run):
    """Three instances, two backends, two seeds; limit 20 s.

    ======== ================= =====================
    instance highs             cbc
    ======== ================= =====================
    a        1 and 3           8 and 8
    b        5 and 5           20 (open) and 7: open
    c        20, 20 (open)     error after 1 s, twice
    ======== ================= =====================
    """
    return [
        run(1, instance="a", lower=1.0, upper=1.0, nodes=10, phases={"solve": 0.5, "encode": 0.5}),
        run(3, instance="a", seed=1, lower=1.0, upper=1.01, nodes=30, phases={"solve": 2.5, "encode": 0.5}),
        run(8, instance="a", backend="cbc", lower=0.99, upper=1.0, peak_memory=7),
        run(8, instance="a", backend="cbc", seed=1, lower=0.99, upper=1.0, peak_memory=9),
        run(5, instance="b", lower=2.0, upper=2.0),
        run(5, instance="b", seed=1, lower=2.0, upper=2.0),
        run(20, OPEN, instance="b", backend="cbc", lower=1.6, upper=2.4),
        run(7, instance="b", backend="cbc", seed=1, lower=2.0, upper=2.0),
        run(20, OPEN, instance="c", lower=1.0, upper=2.0),
        run(20, OPEN, instance="c", seed=1, lower=1.0, upper=3.0),
        run(1, ERROR, instance="c", backend="cbc", lower=0.0, upper=math.inf),
        run(1, ERROR, instance="c", backend="cbc", seed=1, lower=0.0, upper=math.inf),
    ]


@pytest.fixture(scope="module")
def analysis(example):
    return analyse(example)


class TestExample:
    def test_who_and_what(self, analysis):
        assert analysis.suites == ("tiny",)
        assert [contender.label for contender in analysis.contenders] == ["cbc", "highs"]
        assert analysis.instances == analysis.common == ("a", "b", "c")

    def test_counts(self, analysis, table_of):
        columns = ("contender", "runs", "instances", "closed", "open", "errors", "solved_runs", "solved")
        assert table_of(analysis.overview, *columns) == [
            dict(zip(columns, ("cbc", 6, 3, 3, 1, 2, 3, 1), strict=True)),
            dict(zip(columns, ("highs", 6, 3, 4, 2, 0, 4, 2), strict=True)),
        ]

    def test_means_count_what_is_not_solved_at_the_limit(self, analysis):
        cbc, highs = analysis.overview.itertuples()
        # highs: 2, 5 and the limit 20; cbc: 8, 20, 20, the error after a second included.
        assert highs.sgm1 == pytest.approx((3 * 6 * 21) ** (1 / 3) - 1)
        assert highs.sgm10 == pytest.approx((12 * 15 * 30) ** (1 / 3) - 10)
        assert cbc.sgm1 == pytest.approx((9 * 21 * 21) ** (1 / 3) - 1)
        assert highs.par10 == pytest.approx((2 + 5 + 200) / 3)
        assert cbc.par10 == pytest.approx((8 + 200 + 200) / 3)
        assert (highs.median_seconds, cbc.median_seconds) == (5, 20)

    def test_gaps_are_medians_over_seeds_then_over_instances(self, analysis):
        cbc, highs = analysis.overview.itertuples()
        # highs: .005 on a (0 and .01), 0 on b, 1.5 on c (1 and 2); cbc: 1/99, .25 on b (.5 and 0), inf on c.
        assert highs.median_gap == pytest.approx(0.005)
        assert cbc.median_gap == pytest.approx(0.25)
        distribution = analysis.gaps.set_index("contender")
        assert distribution.loc["highs", ["min", "median", "max"]].tolist() == pytest.approx([0, 0.005, 1.5])
        assert distribution.loc["cbc", "max"] == math.inf
        assert distribution["closed"].tolist() == pytest.approx([1 / 3, 2 / 3])

    def test_cells(self, analysis):
        cells = analysis.cells.set_index(["instance", "contender"])
        assert list(cells.index) == [(i, c) for i in "abc" for c in ("cbc", "highs")]
        first = cells.loc["a", "highs"]
        assert (first["seconds"], first["seconds_min"], first["seconds_max"]) == (2, 1, 3)
        assert (first["delta_lower"], first["delta_upper"], first["nodes"]) == (1.0, 1.0, 20)
        assert (first["solve_seconds"], first["runs"], bool(first["solved"])) == (1.5, 2, True)
        half = cells.loc["b", "cbc"]
        assert (half["outcome"], half["seconds"], half["counted_seconds"]) == ("closed 1, open 1", 13.5, 20)
        # Both seeds hold, so the best of both does.
        assert (half["delta_lower"], half["delta_upper"]) == (2.0, 2.0)
        assert cells.loc["c", "cbc"]["outcome"] == "error"

    def test_phases(self, analysis, table_of):
        # cbc reported none; of highs 1 s of 4 was encoding.
        assert table_of(analysis.phases, "contender", "phase", "seconds", "share") == [
            {"contender": "highs", "phase": "solve", "seconds": 3.0, "share": 0.75},
            {"contender": "highs", "phase": "encode", "seconds": 1.0, "share": 0.25},
        ]

    def test_profiles_keep_what_nobody_solves_in_the_denominator(self, analysis):
        profiles = dict(iter(analysis.profiles.groupby("contender")))
        # Ratios of highs: 1, 1, inf; of cbc: 4, inf, inf.
        assert profiles["highs"][["tau", "rho"]].to_numpy().tolist() == [[1, 2 / 3], [4, 2 / 3]]
        assert profiles["cbc"][["tau", "rho"]].to_numpy().tolist() == [[1, 0], [4, 1 / 3]]

    def test_speed_ups_are_bounds_where_a_side_was_stopped(self, analysis):
        pairs = analysis.speed_ups.set_index(["a", "b"])
        forth, back = pairs.loc["highs", "cbc"], pairs.loc["cbc", "highs"]
        # 8/2, 20/5 and 20/20.
        assert forth["speed_up"] == pytest.approx(16 ** (1 / 3))
        assert forth["shifted"] == pytest.approx((9 / 3 * 21 / 6 * 1) ** (1 / 3))
        assert back["speed_up"] == pytest.approx(1 / forth["speed_up"])
        assert (back["low"], back["high"]) == (
            pytest.approx(1 / forth["high"]),
            pytest.approx(1 / forth["low"]),
        )
        assert forth["bound"] == back["bound"] == "unclear"
        assert forth[["both", "only_a", "only_b", "neither"]].tolist() == [1, 1, 0, 1]
        assert back[["both", "only_a", "only_b", "neither"]].tolist() == [1, 0, 1, 1]

    def test_speed_ups_per_instance(self, analysis, table_of):
        frame = analysis.instance_speed_ups
        columns = ("instance", "seconds_a", "seconds_b", "speed_up", "bound")
        assert table_of(frame[frame["a"] == "highs"], *columns) == [
            dict(zip(columns, ("a", 2, 8, 4, ""), strict=True)),
            dict(zip(columns, ("b", 5, 20, 4, "at least"), strict=True)),
            dict(zip(columns, ("c", 20, 20, 1, "unclear"), strict=True)),
        ]
        assert frame[frame["a"] == "cbc"]["bound"].tolist() == ["", "at most", "unclear"]

    def test_deltas_compare_medians_over_seeds(self, analysis):
        [row] = analysis.deltas.itertuples()
        assert (row.a, row.b, row.instances) == ("cbc", "highs", 3)
        # Certified: 1 against 1.005; 2.2 against 2; inf against 2.5.
        assert row.upper_min == pytest.approx(-0.005 / 1.005)
        assert row.upper_median == pytest.approx(0.2 / 2.2)
        assert row.upper_max == 1
        assert (row.upper_tighter_a, row.upper_tighter_b) == (1, 2)
        # Witnessed: .99 against 1; 1.8 against 2; 0 against 1.
        assert (row.lower_min, row.lower_max) == (-1, pytest.approx(-0.01))
        assert row.lower_median == pytest.approx(-0.1)
        assert (row.lower_better_a, row.lower_better_b) == (0, 3)

    def test_the_order_of_the_runs_changes_no_number(self, analysis, example):
        other = analyse(example[::-1])
        assert other.instances == ("c", "b", "a")
        pd.testing.assert_frame_equal(other.overview, analysis.overview)
        pd.testing.assert_frame_equal(other.speed_ups, analysis.speed_ups)
        pd.testing.assert_frame_equal(other.profiles, analysis.profiles)
        pd.testing.assert_frame_equal(other.gap_over_time, analysis.gap_over_time)
        pd.testing.assert_frame_equal(other.deltas, analysis.deltas)


@st.composite
def timed(draw):
    """Seconds by (contender, instance, seed), None where it was not solved."""
    contenders, instances, seeds = (draw(st.integers(1, most)) for most in (3, 5, 3))
    return {
        (c, i, s): draw(st.one_of(st.floats(0.01, 20), st.none()))
        for c in range(contenders)
        for i in range(instances)
        for s in range(seeds)
    }


class TestASecondWay:
    @settings(max_examples=30)
    @given(timed())
    def test_with_pandas_and_scipy(self, run, times):
        records = [
            run(
                20 if t is None else t,
                OPEN if t is None else "closed",
                backend=f"s{c}",
                instance=f"i{i}",
                seed=s,
            )
            for (c, i, s), t in times.items()
        ]
        analysis = analyse(records)
        frame = pd.DataFrame(
            [(f"s{c}", f"i{i}", math.inf if t is None else t) for (c, i, _), t in times.items()],
            columns=["contender", "instance", "time"],
        )
        median = frame.pivot_table("time", "instance", "contender", aggfunc="median")
        at_limit = median.where(np.isfinite(median), 20.0)
        overview = analysis.overview.set_index("contender")
        for label in median:
            row = overview.loc[label]
            assert row["sgm1"] == pytest.approx(stats.gmean(at_limit[label] + 1) - 1)
            assert row["par10"] == pytest.approx(median[label].replace(math.inf, 200).mean())
            assert row["solved"] == np.isfinite(median[label]).sum()
            assert row["median_seconds"] == pytest.approx(at_limit[label].median())
        for row in analysis.speed_ups.itertuples():
            ratios = at_limit[row.b] / at_limit[row.a]
            assert row.speed_up == pytest.approx(stats.gmean(ratios))
            assert row.low <= row.speed_up <= row.high
            ends = np.isfinite(median[[row.a, row.b]])
            censored_a, censored_b = (~ends[row.a]).any(), (~ends[row.b]).any()
            kinds = {(False, False): "", (False, True): "at least", (True, False): "at most"}
            assert row.bound == kinds.get((censored_a, censored_b), "unclear")
        for row in analysis.profiles.itertuples():
            ratios = median[row.contender] / median.min(axis=1)
            assert row.rho == pytest.approx((ratios <= row.tau * (1 + 1e-15)).mean())
        # A number does not apply only where there is nothing to compare.
        assert not analysis.overview.drop(columns=["settings"]).isna().any(axis=None)
        assert not analysis.speed_ups.isna().any(axis=None)


class TestEdges:
    @pytest.mark.parametrize("roles", [(), ("control", "control")])
    def test_no_measured_runs_are_an_error(self, run, roles):
        with pytest.raises(DataError, match="no runs to analyse"):
            analyse([run(role=role, repeat=number) for number, role in enumerate(roles)])

    def test_one_run(self, run):
        analysis = analyse([run(2, lower=1, upper=1.5)])
        [row] = analysis.overview.itertuples()
        assert (row.sgm1, row.sgm10, row.par10) == (pytest.approx(2), pytest.approx(2), 2)
        assert analysis.profiles[["tau", "rho"]].to_numpy().tolist() == [[1, 1]]
        for frame in (analysis.speed_ups, analysis.deltas, analysis.noise, analysis.factors, analysis.phases):
            assert frame.empty
        assert {"a", "b", "speed_up", "bound"} <= set(analysis.speed_ups)

    def test_one_instance_gives_no_interval(self, run):
        analysis = analyse([run(2), run(6, backend="cbc")])
        row = analysis.speed_ups.set_index("a").loc["highs"]
        assert (row["speed_up"], row["low"], row["high"]) == (pytest.approx(3), 0, math.inf)

    def test_where_a_delta_was_asked_for_there_is_no_gap(self, run):
        records = [
            run(2, Outcome.CERTIFIED, delta=1.0),
            run(20, Outcome.UNDECIDED, instance="two", delta=1.0),
        ]
        analysis = analyse(records)
        assert analysis.overview["median_gap"].isna().all()
        assert analysis.overview[["certified", "undecided", "solved"]].to_numpy().tolist() == [[1, 1, 1]]
        assert analysis.gaps.empty
        assert analysis.gap_over_time.empty
        assert analysis.integrals.empty

    def test_processes_that_died_before_they_said_anything(self, run):
        records = [
            run(0, ERROR, lower=0, upper=math.inf, instance=name, instance_fingerprint="") for name in "ab"
        ]
        analysis = analyse(records)
        [row] = analysis.overview.itertuples()
        assert (row.sgm1, row.par10, row.median_gap, row.errors) == (pytest.approx(20), 200, math.inf, 2)
        assert analysis.gap_over_time["median"].eq(math.inf).all()
        assert analysis.integrals["mean_share"].tolist() == [1]

    def test_pairs_and_profiles_are_over_common_instances(self, run):
        records = [run(1, instance="a"), run(1, instance="b"), run(4, instance="b", backend="cbc")]
        analysis = analyse(records)
        assert analysis.common == ("b",)
        assert analysis.speed_ups["instances"].tolist() == [1, 1]
        assert analysis.profiles[analysis.profiles["contender"] == "cbc"]["rho"].tolist() == [0, 1]

    def test_nothing_in_common(self, run):
        analysis = analyse([run(1, instance="a"), run(4, instance="b", backend="cbc")])
        assert analysis.common == ()
        assert analysis.profiles.empty
        assert analysis.speed_ups.empty

    def test_control_runs_tell_noise_and_nothing_else(self, run):
        controls = [run(t, role="control", repeat=n, instance="k") for n, t in enumerate([10, 8, 9, 12, 14])]
        analysis = analyse([run(2), *controls])
        assert analysis.instances == ("one",)
        assert analysis.overview["runs"].tolist() == [1]
        [row] = analysis.noise.itertuples()
        assert (row.contender, row.instance, row.runs, row.solved_runs) == ("highs", "k", 5, 5)
        assert (row.median, row.min, row.max) == (10, 8, 14)
        assert (row.spread, row.quartile_spread) == (pytest.approx(0.6), pytest.approx(0.3))

    def test_one_control_run_has_no_spread(self, run):
        assert analyse([run(2), run(2, role="control")]).noise.empty

    def test_of_several_tries_the_last_counts_but_every_contradiction_is_told(self, run):
        records = [run(9, lower=3, upper=3), run(2, attempt=2, lower=1, upper=1.5)]
        analysis = analyse(records)
        assert analysis.overview["median_seconds"].tolist() == [2]
        [sentence] = analysis.contradictions
        assert "a real pair that differs by 3" in sentence
